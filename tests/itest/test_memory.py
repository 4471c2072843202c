# SPDX-License-Identifier: Apache-2.0
"""Large masters in little memory, by build/iiif-render: 400 megapixels, of which a request needs some."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys

import pytest
from PIL import Image

import masters as made
from httpd_env import BUILD

MIB = 1 << 20
RENDER = os.path.join(BUILD, "iiif-render")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("large"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def small(folder):
    """What the large ones repeat."""
    path = os.path.join(folder, "small.png")
    made.gradient(1000, 1000).save(path)
    return path


def vips_zoom(small, target, times):
    subprocess.run(["vips", "zoom", small, target, str(times), str(times)], check=True, timeout=300)


@pytest.fixture(scope="module")
def pyramid(folder, small):
    """20000 x 20000, tiled, with resolutions."""
    path = os.path.join(folder, "pyramid.tif")
    vips_zoom(small, path + "[tile,pyramid,compression=jpeg,Q=75,tile-width=256,tile-height=256]", 20)
    return path


@pytest.fixture(scope="module")
def baseline(folder, small):
    """20000 x 20000 as a plain JPEG: every scanline has to be read, but none kept."""
    path = os.path.join(folder, "baseline.jpg")
    vips_zoom(small, path + "[Q=75]", 20)
    return path


def repeat_tile(codestream, across):
    """
    The codestream of a single tile as one of across × across tiles that are all alike. Where the tile is a power of two
    wide, code-blocks and precincts of each lie as those of the first, so its packets serve for all (ISO/IEC 15444-1 B).
    """
    at = codestream.index(b"\xff\x51")
    siz = list(struct.unpack(">HHIIIIIIII", codestream[at + 2:at + 38]))
    siz[2], siz[3] = siz[2] * across, siz[3] * across
    start = codestream.index(b"\xff\x90")       # SOT: Lsot, Isot, Psot, TPsot, TNsot
    assert codestream.endswith(b"\xff\xd9") and codestream.count(b"\xff\x90\x00\x0a") == 1
    tile = bytearray(codestream[start:-2])
    parts = [codestream[:at + 2], struct.pack(">HHIIIIIIII", *siz), codestream[at + 38:start]]
    for index in range(across * across):
        tile[4:12] = struct.pack(">HIBB", index, len(tile), 0, 1)
        parts.append(bytes(tile))
    return b"".join(parts) + b"\xff\xd9"


@pytest.fixture(scope="module")
def codestream(folder):
    """20480 x 20480 in tiles of 1024."""
    source = os.path.join(folder, "tile.ppm")
    made.gradient(1024, 1024).save(source)
    one = os.path.join(folder, "one.j2k")
    subprocess.run(["opj_compress", "-i", source, "-o", one, "-n", "6", "-r", "10"], check=True, capture_output=True,
                   timeout=120)
    path = os.path.join(folder, "large.j2k")
    with open(one, "rb") as file, open(path, "wb") as large:
        large.write(repeat_tile(file.read(), 20))
    return path


# The peak of a process counts what its parent was when it forked, so a small one stands between.
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stderr=subprocess.PIPE, text=True)
print(json.dumps([done.returncode, done.stderr, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]))
"""


def render(request, master, *options):
    """(bytes of our own memory at the peak, resident bytes of the process at the peak, the picture)"""
    target = "%s.out.%s" % (master, request.rsplit(".", 1)[1])
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, RENDER, "--stats", "-o", target, *options, request, master],
                          capture_output=True, text=True, timeout=300, check=True)
    code, said, resident = json.loads(done.stdout)
    assert code == 0, said
    with Image.open(target) as image:
        image.load()
    os.unlink(target)
    return int(re.search(r"peak of memory (\d+) bytes", said).group(1)), resident, image


def report(capsys, what, own, resident):
    with capsys.disabled():
        print("\n  %s: own %.1f MiB, resident %.1f MiB" % (what, own / MIB, resident / MIB))


def is_gradient(image, times=1):
    """The picture repeats the gradient that it was made from."""
    width, height = image.size
    row = height // (2 * times)     # the middle of the first repetition
    left, right = image.getpixel((2, row)), image.getpixel((width // times - 3, row))
    return right[0] - left[0] > 100 and abs(left[2] - 64) < 25 and abs(right[2] - 64) < 25


@pytest.mark.parametrize("kind", ["pyramid", "codestream"])
def test_400_megapixels_to_a_thousand(kind, request, capsys):
    """A budget of 64 MiB is enough, by plan and in fact."""
    master = request.getfixturevalue(kind)
    own, resident, image = render("full/1000,/0/default.jpg", master, "--memory", "64M")
    report(capsys, os.path.basename(master) + " full/1000,", own, resident)
    assert image.size == (1000, 1000) and is_gradient(image, 1 if kind == "pyramid" else 20)
    assert own < 64 * MIB
    assert resident < 100 * MIB


@pytest.mark.parametrize("kind", ["pyramid", "codestream"])
@pytest.mark.parametrize("what", ["9000,9000,1024,1024/256,/0/default.jpg", "0,0,10000,10000/1000,/90/default.jpg",
                                  "full/1000,/!180/gray.jpg", "full/,700/30/bitonal.jpg", "4096,4096,512,512/max/0/default.jpg"])
def test_other_requests_of_400_megapixels(kind, what, request):
    own, resident, image = render(what, request.getfixturevalue(kind), "--memory", "64M")
    assert min(image.size) >= 256
    assert own < 64 * MIB and resident < 100 * MIB


def test_400_megapixels_without_resolutions(baseline, capsys):
    own, resident, image = render("full/1000,/0/default.jpg", baseline, "--memory", "64M")
    report(capsys, "baseline.jpg full/1000,", own, resident)
    assert image.size == (1000, 1000) and is_gradient(image)
    assert own < 64 * MIB and resident < 100 * MIB


def test_memory_does_not_grow_with_the_height_of_the_result(pyramid):
    """Strips are handed on as they are made. (A large JPEG is progressive, which is made from the whole.)"""
    low, *_ = render("0,0,2000,500/max/0/default.png", pyramid, "--png-level", "1")
    high, *_ = render("0,0,2000,8000/max/0/default.png", pyramid, "--png-level", "1")
    assert high < low * 1.2 + MIB


def test_header_alone_tells_the_facts(pyramid, codestream):
    for master, width in ((pyramid, 20000), (codestream, 20480)):
        done = subprocess.run([RENDER, "--stats", "info.json", master], capture_output=True, text=True, check=True)
        assert '"width": %d' % width in done.stdout
        # Where a master is large because it has many tiles, their tables are read too.
        assert int(re.search(r"read (\d+) of", done.stderr).group(1)) < MIB
