# SPDX-License-Identifier: Apache-2.0
"""Rotation, quality, format, the order of operations and canonical forms, measured on the delivered images."""
import io
import math

import numpy
import pytest
from conftest import links
from PIL import Image
from spec_checker import Offer
from spec_masters import SIZES, ask, info, size_of, spec  # noqa: F401

BOTH = pytest.mark.parametrize("version", [2, 3])
FULL = {2: "full", 3: "max"}
MEDIA = {"jpg": "image/jpeg", "png": "image/png", "tif": "image/tiff", "gif": "image/gif", "webp": "image/webp", "jp2": "image/jp2",
         "pdf": "application/pdf"}
PIL_NAME = {"jpg": "JPEG", "png": "PNG", "tif": "TIFF", "gif": "GIF", "webp": "WEBP", "jp2": "JPEG2000"}


def picture(env, name, parameters, base="/spec", version=3, mode="RGB"):
    response = ask(env, version, name, parameters, base)
    assert response.status == 200, response
    return numpy.asarray(response.image().convert(mode)).astype(int)


# --- rotation ------------------------------------------------------------------------------------------------

@BOTH
@pytest.mark.parametrize("name", sorted(SIZES))
def test_IMG_ROT_01_02_03_04_08_canvas_on_every_master(spec, version, name):
    width, height = min(SIZES[name][0], 60), min(SIZES[name][1], 40)
    for text in ("0", "90", "180", "270", "360", "!0", "!90", "!180", "!270", "45", "22.5", "!22.5", "0.5", "359.9"):
        got = size_of(ask(spec, version, name, "0,0,%d,%d/%s/%s/default.png" % (width, height, FULL[version], text)))
        angle = math.radians(float(text.lstrip("!")))
        cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
        exact = (width * cos + height * sin, height * cos + width * sin)
        assert all(side - 0.51 <= got_side < side + 1 for side, got_side in zip(exact, got)), (text, got, exact)


@BOTH
def test_IMG_ROT_02_03_clockwise(spec, version):
    """Red grows to the right and green downwards; a quarter turn clockwise puts left at the top."""
    upright = picture(spec, "ref.png", "full/%s/0/default.png" % FULL[version], version=version)
    for quarters, text in enumerate(("0", "90", "180", "270")):
        turned = picture(spec, "ref.png", "full/%s/%s/default.png" % (FULL[version], text), version=version)
        assert (turned == numpy.rot90(upright, -quarters)).all()
    slightly = picture(spec, "ref.png", "full/%s/10/default.jpg" % FULL[version], version=version)
    middle = slightly[slightly.shape[0] // 2]
    assert slightly.shape[0] > 200 and middle[slightly.shape[1] // 2][0] in range(120, 136)


def test_IMG_ROT_04_mirrored_before_turned(spec):
    upright = picture(spec, "ref.png", "full/max/0/default.png")
    for quarters, text in enumerate(("!0", "!90", "!180", "!270")):
        turned = picture(spec, "ref.png", "full/max/%s/default.png" % text)
        assert (turned == numpy.rot90(upright[:, ::-1], -quarters)).all()


@BOTH
@pytest.mark.parametrize("text", ["361", "360.1", "!361", "-90", "-0", "1000000"])
def test_IMG_ROT_05_out_of_range_is_400(spec, version, text):
    response = ask(spec, version, "ref.png", "full/50,/%s/default.png" % text)
    assert response.status == 400 and "rotation" in response.text


@BOTH
@pytest.mark.parametrize("text, status", [("90.0", 200), ("!90.00", 200), (".5", 200), ("00", 200), ("090", 200), ("0.0", 200),
                                          ("!", 400), ("!!0", 400), ("0!", 400), ("1e1", 400), ("+90", 400), ("90.", 400),
                                          ("1.2.3", 400), ("0x5a", 400), ("ninety", 400), ("90,", 400), ("22,5", 400),
                                          ("nan", 400), ("inf", 400)])
def test_IMG_ROT_06_syntax(spec, version, text, status):
    assert ask(spec, version, "ref.png", "full/50,/%s/default.png" % text).status == status


def test_IMG_ROT_07_360_equals_0(spec):
    for one, two in (("360", "0"), ("!360", "!0"), ("360.0", "0"), ("90.0", "90")):
        one, two = (ask(spec, 3, "ref.png", "full/50,/%s/default.png" % text) for text in (one, two))
        assert one.status == two.status == 200 and one.body == two.body and one.headers["ETag"] == two.headers["ETag"]


def test_IMG_ROT_08_nothing_is_cut_and_no_border_spared(spec):
    """The vector of the specification, 353.70 × 299.58; and content touches every side."""
    image = ask(spec, 3, "ref.png", "full/max/22.5/default.png").image()
    assert image.size in ((353, 299), (354, 300), (354, 299), (353, 300))
    alpha = numpy.asarray(image.getchannel("A"))
    assert all(side.max() > 0 for side in (alpha[:2], alpha[-2:], alpha[:, :2], alpha[:, -2:]))
    assert abs(int((alpha.astype(float) / 255).sum()) - 60000) < 600


@pytest.mark.parametrize("form", ["png", "webp", "tif", "gif"])
def test_IMG_ROT_09_corners_are_transparent_where_the_format_can(spec, form):
    offer = Offer(3, info(spec, 3, "ref.png"))
    if form not in offer.formats:
        pytest.skip("not in this build")
    for name in ("ref.png", "gray.png", "bitonal.png", "cmyk.jpg", "alpha.png"):
        image = ask(spec, 3, name, "full/60,/45/default." + form).image().convert("RGBA")
        assert image.getpixel((0, 0))[3] == 0 and image.getpixel((image.width - 1, image.height - 1))[3] == 0
    white = ask(spec, 3, "ref.png", "full/60,/45/default.jpg").image().convert("RGB").getpixel((0, 0))
    assert min(white) > 240    # the encoder rings


def test_IMG_ROT_10_limits_are_of_the_size_before_rotation(spec):
    assert size_of(ask(spec, 3, "ref.png", "0,0,200,90/max/90/default.png", "/wh")) == (90, 200)
    assert ask(spec, 3, "ref.png", "0,0,200,90/max/45/default.png", "/wh").status == 200


# --- quality -------------------------------------------------------------------------------------------------

@BOTH
@pytest.mark.parametrize("name", sorted(SIZES))
def test_IMG_QUAL_01_07_IMG3_QUAL_02_04_IMG2_QUAL_03_every_quality_on_every_master(spec, version, name):
    """`color` is answered for every image, also where it is not announced."""
    announced = Offer(version, info(spec, version, name)).qualities
    assert {"default", "gray", "bitonal"} <= announced
    plain = name.startswith(("gray", "bitonal", "deep-gray"))
    assert ("color" in announced) == (not plain)
    size = "%d,%d" % (min(60, SIZES[name][0]), min(40, SIZES[name][1]))
    pictures = {word: picture(spec, name, "full/%s/0/%s.png" % (size, word), version=version)
                for word in ("default", "color", "gray", "bitonal")}
    assert (pictures["default"] == pictures["color"]).all()
    assert (pictures["gray"] == pictures["gray"][..., :1]).all()
    assert set(numpy.unique(pictures["bitonal"])) <= {0, 255}
    if not plain and pictures["color"].size > 3000:
        assert not (pictures["color"] == pictures["color"][..., :1]).all()


@BOTH
@pytest.mark.parametrize("word", ["native", "grey", "Default", "colour", "GRAY", "", "default.gray", "bitonal,", "photo"])
def test_IMG_QUAL_06_unknown_word_is_400(spec, version, word):
    response = ask(spec, version, "ref.png", "full/50,/0/%s.jpg" % word)
    assert response.status == 400 and "quality" in response.text


def test_IMG_QUAL_01_06_default_where_nothing_else_is_offered(spec):
    assert ask(spec, 3, "ref.png", "full/50,/0/default.png", "/plain").status == 200
    assert ask(spec, 3, "ref.png", "full/50,/0/gray.png", "/plain").status == 400


def test_IMG_QUAL_07_bitonal_in_jpg_and_after_scaling_and_turning(spec):
    image = ask(spec, 3, "ref.png", "full/100,/0/bitonal.jpg").image()
    assert image.mode == "L"
    values = numpy.asarray(image)
    assert ((values < 100) | (values > 155)).mean() > 0.85
    turned = ask(spec, 3, "ref.png", "full/61,/33/bitonal.png").image()
    assert set(numpy.unique(numpy.asarray(turned.convert("L")))) <= {0, 255}
    assert ask(spec, 3, "ref.png", "full/61,/0/bitonal.png").image().mode == "1"


def test_IMG_ORD_01_region_size_rotation_quality(spec):
    """Each step works on what the one before gave: a step alone, then all of them together."""
    whole = picture(spec, "ref.png", "60,40,120,80/60,40/!90/default.png")
    scaled = picture(spec, "ref.png", "60,40,120,80/60,40/0/default.png")
    assert (whole == numpy.rot90(scaled[:, ::-1], -1)).all()
    gray = picture(spec, "ref.png", "60,40,120,80/60,40/!90/gray.png")[..., 0]
    luma = whole @ numpy.array([0.299, 0.587, 0.114])
    luma709 = whole @ numpy.array([0.2126, 0.7152, 0.0722])
    assert min(abs(gray - luma).max(), abs(gray - luma709).max()) < 2


# --- format ---------------------------------------------------------------------------------------------------

@BOTH
@pytest.mark.parametrize("name", sorted(SIZES))
def test_IMG_FMT_01_02_03_every_format_on_every_master(spec, version, name):
    offered = Offer(version, info(spec, version, name, "/formats")).formats
    assert {"jpg", "png", "jp2", "pdf"} <= offered
    want = (min(60, SIZES[name][0]), min(40, SIZES[name][1]))
    for form in sorted(offered):
        response = ask(spec, version, name, "full/%d,%d/0/default.%s" % (*want, form), "/formats")
        assert response.status == 200, (form, response)
        assert response.headers["Content-Type"] == MEDIA[form]
        if form == "pdf":
            assert response.body.startswith(b"%PDF-") and response.body.rstrip().endswith(b"%%EOF")
            continue
        image = Image.open(io.BytesIO(response.body))
        image.load()
        assert image.format == PIL_NAME[form] and image.size == want


@BOTH
@pytest.mark.parametrize("end", ["jpeg", "tiff", "JPG", "Png", "bmp", "", "jp2", "pdf", "html", "jpg.", ".jpg"])
def test_IMG_FMT_04_unsupported_or_missing_is_400(spec, version, end):
    assert ask(spec, version, "ref.png", "full/50,/0/default." + end).status == 400
    assert ask(spec, version, "ref.png", "full/50,/0/default").status == 400


def test_IMG_FMT_05_accept_changes_no_image(spec):
    plain = ask(spec, 3, "ref.png", "full/50,/0/default.jpg")
    for accept in ("image/webp,*/*", "image/png", "application/json", "text/html;q=1, */*;q=0"):
        other = ask(spec, 3, "ref.png", "full/50,/0/default.jpg", Accept=accept)
        assert other.status == 200 and other.headers["Content-Type"] == "image/jpeg" and other.body == plain.body
        assert "Accept" not in (other.headers.get("Vary") or "")


def test_IMG_FMT_06_split_at_the_last_dot(spec):
    for end in ("default.x.jpg", "default..jpg", "gray.png.jpg"):
        response = ask(spec, 3, "ref.png", "full/50,/0/" + end)
        assert response.status == 400 and "quality" in response.text


# --- numbers ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("parameters", ["full/pct:33.3333333333/0/default.png", "full/pct:033.50/0/default.png",
                                        "full/pct:.5/0/default.png", "pct:0.5,.5,50.0,50/50,/0/default.png",
                                        "full/50,/22.5000000001/default.png", "full/050,/0/default.png"])
def test_IMG3_NUM_01_decimals(spec, parameters):
    assert ask(spec, 3, "ref.png", parameters).status == 200


@pytest.mark.parametrize("number", ["1e1", "0x10", "inf", "nan", "1,5", "1.", "1 ", "%2B1", "1_0"])
def test_IMG_NUM_02_no_other_notation(spec, number):
    for parameters in ("full/pct:%s/0/default.png", "full/50,/%s/default.png", "pct:%s,0,50,50/50,/0/default.png"):
        assert ask(spec, 3, "ref.png", (parameters % number).replace(" ", "%20")).status == 400


# --- canonical forms -------------------------------------------------------------------------------------------

CANONICAL = [   # version, Location, master, asked, canonical
    (3, "spec", "full/150,/0/default.jpg", "full/150,100/0/default.jpg"),
    (3, "spec", "full/^150,/0/default.jpg", "full/150,100/0/default.jpg"),
    (3, "spec", "full/300,200/0/default.jpg", "full/max/0/default.jpg"),
    (3, "spec", "full/pct:100/0/default.jpg", "full/max/0/default.jpg"),
    (3, "spec", "full/!150,150/0/default.jpg", "full/150,100/0/default.jpg"),
    (3, "spec", "full/30,100/0/default.jpg", "full/30,100/0/default.jpg"),
    (3, "up", "full/^600,/0/default.jpg", "full/^600,400/0/default.jpg"),
    (3, "up", "full/^1000,/0/default.jpg", "full/^max/0/default.jpg"),
    (3, "w", "full/200,/0/default.jpg", "full/max/0/default.jpg"),
    (3, "up", "full/^max/0/default.jpg", "full/^max/0/default.jpg"),
    (2, "spec", "full/150,100/0/default.jpg", "full/150,/0/default.jpg"),
    (2, "spec", "full/max/0/default.jpg", "full/full/0/default.jpg"),
    (2, "spec", "full/300,/0/default.jpg", "full/full/0/default.jpg"),
    (2, "spec", "full/!150,150/0/default.jpg", "full/150,/0/default.jpg"),
    (2, "spec", "full/30,100/0/default.jpg", "full/30,100/0/default.jpg"),
    (2, "w", "full/max/0/default.jpg", "full/200,/0/default.jpg"),
    (2, "up", "full/600,/0/default.jpg", "full/600,/0/default.jpg"),
    (3, "spec", "0,0,300,200/150,/0/default.jpg", "full/150,100/0/default.jpg"),
    (3, "spec", "pct:0,0,100,100/max/0/default.jpg", "full/max/0/default.jpg"),
    (3, "spec", "square/max/0/default.jpg", "50,0,200,200/max/0/default.jpg"),
    (2, "spec", "250,150,99,99/full/0/default.jpg", "250,150,50,50/full/0/default.jpg"),
    (3, "spec", "full/max/!090.0/default.jpg", "full/max/!90/default.jpg"),
    (3, "spec", "full/max/360/default.jpg", "full/max/0/default.jpg"),
    (3, "spec", "full/max/22.50/default.jpg", "full/max/22.5/default.jpg"),
    (3, "spec", "full/max/.5/default.jpg", "full/max/0.5/default.jpg"),
    (3, "spec", "full/max/0/color.jpg", "full/max/0/default.jpg"), (3, "spec", "full/max/0/gray.jpg", "full/max/0/gray.jpg"),
]


@pytest.mark.parametrize("version, location, asked, canonical", CANONICAL)
def test_IMG_CAN_01_04_05_06_IMG3_CAN_02_IMG2_CAN_03_links(spec, version, location, asked, canonical):
    response = ask(spec, version, "ref.png", asked, "/" + location)
    base = "http://localhost:%d/%s/%d/ref.png/" % (spec.port, location, version)
    assert links(response)["canonical"] == base + canonical
    again = ask(spec, version, "ref.png", canonical, "/" + location)
    assert again.body == response.body and again.headers["ETag"] == response.headers["ETag"]
    assert links(again)["canonical"] == base + canonical


def test_IMG_CAN_04_06_square_of_a_square_and_gray_of_a_gray(spec):
    assert links(ask(spec, 3, "edge.png", "square/max/0/default.png"))["canonical"].endswith("/full/max/0/default.png")
    assert links(ask(spec, 3, "gray.png", "full/max/0/gray.png"))["canonical"].endswith("/full/max/0/default.png")


@BOTH
def test_IMG_CAN_07_no_redirect_to_the_canonical(spec, version):
    for parameters in ("0,0,300,200/300,200/0/default.jpg", "full/!50,50/360/color.jpg"):
        assert ask(spec, version, "ref.png", parameters).status == 200


def test_IMG_CAN_08_examples(spec):
    raw = ask(spec, 3, "big.jp2", "full/400,/0/default.jpg").headers["Link"]
    assert '<http://localhost:%d/spec/3/big.jp2/full/400,267/0/default.jpg>;rel="canonical"' % spec.port in raw
    raw = ask(spec, 2, "big.jp2", "full/400,267/0/default.jpg").headers["Link"]
    assert '<http://localhost:%d/spec/2/big.jp2/full/400,/0/default.jpg>;rel="canonical"' % spec.port in raw
