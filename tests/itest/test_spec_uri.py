# SPDX-License-Identifier: Apache-2.0
"""Addresses, identifiers and regions: each test is named after the requirements that it states."""
import pytest
import spec_rules
from spec_masters import KINDS, SIZES, ask, info, size_of, spec  # noqa: F401

BOTH = pytest.mark.parametrize("version", [2, 3])
FULL = {2: "full", 3: "max"}


@BOTH
def test_IMG_URI_01_five_parts_in_this_order(spec, version):
    good = "full/%s/0/default.png" % FULL[version]
    assert size_of(ask(spec, version, "ref.png", good)) == (300, 200)
    assert ask(spec, version, "ref.png", "%s/full/0/default.png" % "50,").status in (400, 404)
    for missing in ("full/0/default.png", "full/50,/default.png", "50,/0/default.png", "full/50,/0"):
        assert ask(spec, version, "ref.png", missing).status in (400, 404), missing
    assert ask(spec, version, "ref.png", good + "/x").status in (400, 404)


@BOTH
def test_IMG_URI_02_info_has_the_same_base_as_the_images(spec, version):
    document = info(spec, version, "ref.png")
    base = document["id" if version == 3 else "@id"]
    assert base == "http://localhost:%d/spec/%d/ref.png" % (spec.port, version)
    assert spec.get(base[len("http://localhost:%d" % spec.port):] + "/full/50,/0/default.jpg").status == 200


@BOTH
@pytest.mark.parametrize("slash", ["", "/"])
def test_IMG_URI_03_04_base_redirects_to_info(spec, version, slash):
    response = spec.get("/spec/%d/ref.png%s" % (version, slash))
    assert response.status == 303
    assert response.headers["Location"] == "http://localhost:%d/spec/%d/ref.png/info.json" % (spec.port, version)
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@BOTH
def test_IMG_URI_04_id_has_no_trailing_slash(spec, version):
    document = info(spec, version, "ref.png")
    assert not document.get("id", document.get("@id")).endswith("/")


def test_IMG_URI_06_split_first_and_decoded_once(site):
    """a%2Fb.png is 11 pixels wide, a%252Fb.png (a name with a percent sign) 12."""
    assert size_of(site.raw_get("/v3/a%2Fb.png/full/max/0/default.png")) == (11, 10)
    assert size_of(site.raw_get("/v3/a%252Fb.png/full/max/0/default.png")) == (12, 10)
    assert site.raw_get("/v3/a%25252Fb.png/info.json").status == 404


def test_IMG_URI_07_parsed_from_the_right(site):
    """A proxy may have decoded the slashes; what looks like parameters belongs to the identifier but for the last four."""
    assert size_of(site.raw_get("/v3/ark:/12025/654xz321.png/full/max/0/default.png")) == (20, 10)
    assert site.raw_get("/v3/rgb.jpg/full/max/0/default.jpg/full/max/0/default.jpg").status == 404
    assert site.raw_get("/v3/rgb.jpg/full/max/0/default.jpg/info.json").status == 404


@pytest.mark.parametrize("plain, encoded", [
    ("full/^max/0/default.png", "full/%5Emax/0/default.png"), ("full/!50,60/!90/gray.png", "full/%2150%2C60/%2190/gray.png"),
    ("pct:10,10,50.5,50/pct:50/0/default.png", "pct%3A10%2C10%2C50%2E5%2C50/pct%3A50/0/default%2Epng"),
    ("full/^!50,60/0/default.png", "full/%5e%2150%2c60/0/default.png"),
])
def test_IMG_URI_08_encoded_parameters_are_equal(spec, plain, encoded):
    one, two = (spec.raw_get("/up/3/ref.png/" + form) for form in (plain, encoded))
    assert one.status == two.status == 200
    assert one.body == two.body and one.headers["ETag"] == two.headers["ETag"] and one.headers["Link"] == two.headers["Link"]


@BOTH
@pytest.mark.parametrize("identifier", sorted(KINDS))
def test_IMG_URI_06_09_identifiers_of_the_specification(spec, version, identifier):
    """Masters are found by the hash of the identifier, decoded once."""
    base = "/kinds/%d/%s" % (version, identifier)
    assert size_of(spec.raw_get("%s/full/%s/0/default.png" % (base, FULL[version]))) == (KINDS[identifier], 10)
    document = spec.raw_get(base + "/info.json").json()
    assert document.get("id", document.get("@id")) == "http://localhost" + base
    redirect = spec.raw_get(base)
    assert redirect.status == 303 and redirect.headers["Location"] == "http://localhost" + base + "/info.json"


def test_IMG_URI_11_prefix_of_several_segments_is_encoded(spec):
    response = spec.raw_get("/a/b%20c/d/3/ref.png/info.json")
    assert response.status == 200
    assert response.json()["id"].endswith("/a/b%20c/d/3/ref.png")
    assert size_of(spec.raw_get("/a/b%20c/d/3/ref.png/full/max/0/default.png")) == (300, 200)


@BOTH
def test_IMG_URI_12_query_changes_nothing(spec, version):
    for path in ("full/50,/0/default.png", "info.json"):
        one, two = ask(spec, version, "ref.png", path), ask(spec, version, "ref.png", path + "?a=b&c=%2F")
        assert one.status == two.status == 200 and one.body == two.body and one.headers["ETag"] == two.headers["ETag"]


@BOTH
def test_IMG_URI_13_malformed_is_400_and_unknown_404(spec, version):
    assert ask(spec, version, "ref.png", "full/50,/0/default.unknown").status == 400
    assert ask(spec, version, "ref.png", "full/50;/0/default.png").status == 400
    assert ask(spec, version, "nothing.png", "full/50,/0/default.png").status == 404
    for path in ("nothing.png", "x/y/z/nothing.png", "nothing.png/manifest.json"):
        assert spec.get("/spec/%d/%s" % (version, path)).status == 404, path


@pytest.mark.parametrize("setting", ["AllowEncodedSlashes Off", "AllowEncodedSlashes On", "AllowEncodedSlashes NoDecode",
                                     "MergeSlashes Off"])
def test_IMG_URI_14_encoded_slashes_in_any_setting(make_env, setting):
    env = make_env(setting + '\n<Location "/iiif">\nIIIFRoot "{masters}"\n</Location>')
    assert size_of(env.raw_get("/iiif/3/a%2Fb.png/full/max/0/default.png")) == (11, 10)
    assert size_of(env.raw_get("/iiif/3/a%252Fb.png/full/max/0/default.png")) == (12, 10)
    assert env.raw_get("/iiif/3/book1%2Fp003.jpg").headers["Location"].endswith("/iiif/3/book1%2Fp003.jpg/info.json")


@pytest.mark.parametrize("path, published", [
    ("ark:/12025/654xz321.png", "ark:%2F12025%2F654xz321.png"), ("ark%3A%2F12025%2F654xz321.png", "ark:%2F12025%2F654xz321.png"),
    ("c%3fd.png", "c%3Fd.png"), ("e%23f.png", "e%23f.png"), ("brackets%5B1%5D.png", "brackets%5B1%5D.png"),
    ("plus+and&at@.png", "plus+and&at%40.png"), ("50%25.png", "50%25.png"), ("%C3%BCn%C3%AF/c%C3%B4d%C3%A9.png",
                                                                          "%C3%BCn%C3%AF%2Fc%C3%B4d%C3%A9.png"),
])
def test_IMG_URI_05_15_id_encodes_exactly_what_must_be(site, path, published):
    for version, key in ((2, "@id"), (3, "id")):
        response = site.raw_get("/v%d/%s/info.json" % (version, path))
        assert response.status == 200
        assert response.json()[key] == "http://localhost/v%d/%s" % (version, published)


def test_IMG_URI_15_id_is_the_public_address(make_env):
    env = make_env('IIIFBaseURI "https://www.example.org/images"\n<Location "/iiif">\nIIIFRoot "{masters}"\n</Location>')
    assert env.get("/iiif/3/rgb.jpg/info.json").json()["id"] == "https://www.example.org/images/iiif/3/rgb.jpg"
    assert env.get("/iiif/2/rgb.jpg/info.json").json()["@id"] == "https://www.example.org/images/iiif/2/rgb.jpg"


# --- regions -----------------------------------------------------------------------------------------------

REGIONS = ["full", "square", "0,0,100,80", "2,7,30,30", "{W1},{H1},10,10", "{W},0,1,1", "0,{H},1,1", "0,0,0,1", "0,0,1,0",
           "0,0,{W},{H}", "0,0,99999999,9999999999", "pct:0,0,100,100", "pct:12.5,10,33.3,50", "pct:41.6,7.5,66.6,100",
           "pct:50,50,100,100", "pct:0,0,0,10", "pct:0,0,10,0", "pct:100,0,10,10", "pct:0,100,1,1", "pct:99.9,99.9,500,500",
           "pct:0,0,0.01,0.01"]


def _regions(name):
    width, height = SIZES[name]
    return [text.format(W=width, H=height, W1=width - 1, H1=height - 1) for text in REGIONS]


def _sharp(version, w, h):
    """A size that is the region's own, or for large ones a small one: what is measured is the region."""
    return (FULL[version], (w, h)) if w * h < 400000 else ("40,30", (40, 30))


@BOTH
@pytest.mark.parametrize("name", sorted(SIZES))
def test_IMG_REG_01_02_03_04_05_06_07_08_every_form_on_every_master(spec, version, name):
    wrong = []
    for text in _regions(name):
        want = spec_rules.region(text, *SIZES[name])
        size, expected = _sharp(version, *want[2:]) if want != 400 else (FULL[version], 400)
        response = ask(spec, version, name, "%s/%s/0/default.png" % (text, size))
        got = response.image().size if response.status == 200 else response.status
        if got != expected:
            wrong.append((text, size, got, expected))
    assert not wrong


def _region_of(response):
    """x, y, w, h as the canonical link tells them."""
    text = response.headers["Link"].split(">;rel=\"canonical\"")[0].rsplit("/", 4)[1]
    return text if text == "full" else tuple(int(n) for n in text.split(","))


@BOTH
@pytest.mark.parametrize("name, text, want", [
    ("odd.jpg", "square", (250, 0, 500, 500)), ("edge.png", "square", "full"), ("turned.jpg", "square", (0, 50, 200, 200)),
    ("ref.png", "125,15,120,140", (125, 15, 120, 140)), ("ref.png", "125,15,200,200", (125, 15, 175, 185)),
    ("ref.png", "pct:41.6,7.5,40,70", (125, 15, 120, 140)), ("ref.png", "pct:41.6,7.5,66.6,100", (125, 15, 175, 185)),
    ("ref.png", "299,199,10,10", (299, 199, 1, 1)), ("ref.png", "pct:0,0,100,100", "full"),
    ("edge.png", "pct:33.3,33.3,33.3,33.3", (171, 171, 171, 171)),
])
def test_IMG_REG_02_04_05_08_where_it_lies(spec, version, name, text, want):
    response = ask(spec, version, name, "%s/%s/0/default.png" % (text, FULL[version]))
    assert response.status == 200
    assert _region_of(response) == want


@BOTH
@pytest.mark.parametrize("text", ["-1,0,10,10", "+1,0,10,10", "0,0,10", "0,0,10,10,10", "0,0,,10", "0,0,10,", "1.5,0,10,10",
                                  "0,0,1e2,10", "0, 0,10,10", "0,0,10,99999999999", "pct:", "pct:0,0,10", "pct:-1,0,10,10",
                                  "pct:0,0,1e1,10", "pct:0,0,10,10,10", "PCT:0,0,10,10", "Full", "max", "SQUARE", "0x0,0,10,10",
                                  "pct:a,0,10,10", "pct:0,0,inf,10", "pct:0,0,nan,10"])
def test_IMG_REG_03_04_malformed_is_400(spec, version, text):
    response = ask(spec, version, "ref.png", "%s/50,/0/default.png" % text.replace(" ", "%20"))
    assert response.status == 400
    assert "region" in response.text


@BOTH
def test_IMG_REG_09_coordinates_are_of_the_upright_image(spec, version):
    """turned.jpg is stored lying: what is red at the right there is red at the bottom here, green at the left."""
    document = info(spec, version, "turned.jpg")
    assert (document["width"], document["height"]) == (200, 300)
    image = ask(spec, version, "turned.jpg", "0,290,10,10/%s/0/default.png" % FULL[version]).image().convert("RGB")
    red, green, _ = image.resize((1, 1)).getpixel((0, 0))
    assert red > 235 and green > 235
    image = ask(spec, version, "turned.jpg", "190,0,10,10/10,/0/default.png").image().convert("RGB")
    red, green, _ = image.resize((1, 1)).getpixel((0, 0))
    assert red < 20 and green < 20


@BOTH
def test_IMG_REG_09_coordinates_are_of_the_full_size_whatever_is_decoded(spec, version):
    """A reduced resolution is read, and shows the same place: red is x, green is y."""
    image = ask(spec, version, "big.jp2", "3000,2000,2000,1000/100,/0/default.png").image().convert("RGB")
    for (x, y) in ((0, 0), (99, 49), (50, 25)):
        red, green, _ = image.getpixel((x, y))
        assert abs(red - (3000 + x * 20 + 10) * 255 / 6000) < 4 and abs(green - (2000 + y * 20 + 10) * 255 / 4000) < 4
