# SPDX-License-Identifier: Apache-2.0
"""What info.json lists, asked for to the last tile: each of exactly the size that a client works out."""
import pytest
import spec_rules
from spec_masters import LIMITS, SIZES, ask, info, size_of, spec  # noqa: F401

BOTH = pytest.mark.parametrize("version", [2, 3])


def _tile(env, version, name, location="spec"):
    tile, = info(env, version, name, "/" + location)["tiles"]
    return tile["width"], tile.get("height", tile["width"]), tile["scaleFactors"]


def _wrong_tiles(env, version, name, location, form="jpg"):
    """Viewers of version 2 write `w,`, which keeps the aspect of the region instead of rounding both sides up."""
    wrong, count = [], 0
    for region, w, h in spec_rules.tiles(*SIZES[name], *_tile(env, version, name, location)):
        asked = [("%d,%d" % (w, h), (w, h))]
        if version == 2:
            side = [int(n) for n in region.split(",")][2:]
            asked.append(("%d," % w, spec_rules.size(2, "%d," % w, *side, LIMITS[location])))
        for size, want in asked:
            response = ask(env, version, name, "%s/%s/0/default.%s" % (region, size, form), "/" + location)
            got = response.image().size if response.status == 200 else response.status
            if got != want:
                wrong.append((region, size, got, want))
            count += 1
    assert count
    return wrong


@BOTH
@pytest.mark.parametrize("name", sorted(set(SIZES) - {"big.jpg", "big.jp2"}))
def test_IMG_TILE_01_03_every_tile_of_every_master(spec, version, name):
    assert not _wrong_tiles(spec, version, name, "spec")


def test_IMG_TILE_01_every_tile_of_the_big_one(spec):
    """Every n, m and s of 6000 × 4000 from JPEG 2000."""
    assert not _wrong_tiles(spec, 3, "big.jp2", "spec")


@BOTH
@pytest.mark.parametrize("location", sorted(set(LIMITS) - {"spec"}))
def test_IMG_TILE_01_IMG_LIM_01_every_tile_under_limits(spec, version, location):
    """Tiles shrink until they are allowed, and full resolution stays available."""
    for name in ("ref.png", "edge.png", "wide.png"):
        assert 1 in _tile(spec, version, name, location)[2]
        assert not _wrong_tiles(spec, version, name, location, "png")


VECTORS = [   # master, region, size: worked out by hand in the digest and for the other masters
    ("big.jp2", "4096,2048,1904,1952", (476, 488)), ("big.jp2", "0,0,6000,4000", (375, 250)), ("edge.png", "512,512,1,1", (1, 1)),
    ("tiles.jp2", "2048,1024,52,277", (13, 70)), ("odd.jpg", "0,0,1001,500", (501, 250)), ("tall.png", "0,2048,5,952", (2, 238)),
]


@BOTH
@pytest.mark.parametrize("name, region, size", VECTORS)
def test_IMG_TILE_02_03_vectors(spec, version, name, region, size):
    assert size_of(ask(spec, version, name, "%s/%d,%d/0/default.png" % (region, *size))) == size


@BOTH
@pytest.mark.parametrize("name", sorted(SIZES))
def test_IMG_TILE_04_factors_double_until_all_fits_one_tile(spec, version, name):
    width, height, factors = _tile(spec, version, name)
    assert factors == [2 ** i for i in range(len(factors))]
    last = factors[-1]
    assert -(-SIZES[name][0] // last) <= width and -(-SIZES[name][1] // last) <= height
    if len(factors) > 1:
        half = last // 2
        assert -(-SIZES[name][0] // half) > width or -(-SIZES[name][1] // half) > height


def test_IMG_TILE_04_tiles_are_those_of_the_master(spec):
    assert _tile(spec, 3, "tiles.jp2")[:2] == (256, 256)
    assert _tile(spec, 3, "big.jp2")[:2] == (1024, 1024)
    assert _tile(spec, 3, "ref.png")[:2] == (512, 512)


@BOTH
@pytest.mark.parametrize("location", sorted(LIMITS))
def test_IMG3_JSON_05_07_IMG2_JSON_06_07_every_listed_size(spec, version, location):
    """As `w,h`, in version 2 also as `w,`; in every format and quality (a small one of each)."""
    wrong = []
    for name in SIZES:
        sizes = info(spec, version, name, "/" + location)["sizes"]
        assert sizes
        for entry in sizes:
            want = entry["width"], entry["height"]
            if want[0] * want[1] > 7000000:
                continue
            for size in ("%d,%d" % want,) + (("%d," % want[0],) if version == 2 else ()):
                response = ask(spec, version, name, "full/%s/0/default.jpg" % size, "/" + location)
                got = response.image().size if response.status == 200 else response.status
                # One pixel wide and as high as allowed: `w,` would be higher.
                left = (name, want[0], size) == ("tall.png", 1, "1,") and "width" in LIMITS[location] and got == 400
                if got != want and not left:
                    wrong.append((name, size, got))
    assert not wrong


def test_IMG3_JSON_05_sizes_are_the_true_levels(spec):
    """Those that the codestream holds, rounded up as it does."""
    listed = [(s["width"], s["height"]) for s in info(spec, 3, "tiles.jp2")["sizes"]]
    assert listed == [(132, 82), (263, 163), (525, 326), (1050, 651), (2100, 1301)]


@BOTH
def test_IMG_TILE_01_tiles_show_what_lies_there(spec, version):
    """Red is x and green is y: the middle of each tile of one scale shows the middle of its region."""
    for region, w, h in spec_rules.tiles(*SIZES["big.jp2"], 1024, 1024, [4]):
        x, y, rw, rh = (int(n) for n in region.split(","))
        image = ask(spec, version, "big.jp2", "%s/%d,%d/0/default.png" % (region, w, h)).image().convert("RGB")
        red, green, _ = image.getpixel((w // 2, h // 2))
        assert abs(red - (x + rw / 2) * 255 / 6000) < 4 and abs(green - (y + rh / 2) * 255 / 4000) < 4
