# SPDX-License-Identifier: Apache-2.0
"""
Damaged masters of every format: cut off at each 1/64, and with one bit flipped. What is answered is the right picture or an
error with a line in the log; never part of a picture as if it were one, and the child lives.
"""
import http.client
import io
import os
import random
import re
import shutil
import subprocess
import time

import numpy
import pytest
from PIL import Image, features

import masters as made
from httpd_env import CHECKOUT

ALLOWED_ERRORS = [r"IIIF\d{4}: .*: identifier damaged/[^ ]*, file [^ ]*/damaged/"]
CUTS, FLIPS = 64, 200
# Generous: machines of continuous integration stand still at times.
SLOW = 5
# What a damaged master may be answered with.
REFUSED = {400, 404, 500, 501}


def picture(mode="RGB"):
    """Small, but nowhere so even that a cut could lose nothing."""
    image = made.gradient(97, 66)
    image.paste(made.noise(40, 30), (30, 20))
    return image.convert(mode)


def pil(kind, mode="RGB", **options):
    def make(path):
        picture(mode).save(path, kind, **options)
    return make


def tool(*command):
    """An encoder that reads {source}, a PNG or PPM, and writes {target}."""
    def make(path):
        source = path + (".ppm" if "opj" in command[0] or "ojph" in command[0] else ".png")
        picture().save(source)
        subprocess.run([word.format(source=source, target=path) for word in command], check=True, capture_output=True,
                       timeout=60)
        os.unlink(source)
    return make


def checked_in(name):
    return lambda path: shutil.copy(os.path.join(CHECKOUT, "tests/data", name), path)


MADE = {
    "baseline.jpg": pil("JPEG", quality=85),
    "progressive.jpg": pil("JPEG", quality=85, progressive=True),
    "cmyk.jpg": pil("JPEG", "CMYK", quality=85),
    "rgb.png": pil("PNG"),
    "interlaced.png": tool("vips", "pngsave", "{source}", "{target}", "--interlace"),
    "strips.tif": pil("TIFF", compression="tiff_lzw"),
    "fax.tif": pil("TIFF", "1", compression="group4"),
    "pyramid.tif": tool("vips", "tiffsave", "{source}", "{target}", "--tile", "--pyramid", "--compression", "jpeg",
                        "--tile-width", "32", "--tile-height", "32"),
    "plain.tif": pil("TIFF", "L"),
    "tiled.jp2": tool("opj_compress", "-i", "{source}", "-o", "{target}", "-t", "48,48", "-n", "3"),
    "lossy.j2k": tool("opj_compress", "-i", "{source}", "-o", "{target}", "-n", "4", "-I", "-r", "10"),
    "high-throughput.j2c": checked_in("ht-tiled.j2c"),
    "frame.gif": pil("GIF", "P"),
}
if features.check("webp"):
    MADE["lossy.webp"] = pil("WEBP", quality=80)
    MADE["lossless.webp"] = pil("WEBP", lossless=True)


@pytest.fixture(scope="module")
def server(make_module_env):
    return make_module_env('<Location "/iiif">\nIIIFRoot "{masters}"\nIIIFVersion 3\nIIIFTimeout 8s\n</Location>')


@pytest.fixture(scope="module")
def folder(masters):
    path = os.path.join(masters[0], "damaged")
    os.mkdir(path)
    os.chmod(path, 0o755)
    return path


class Damage:
    """One master, whole, and ways to hurt it."""

    def __init__(self, folder, name, server):
        self.folder, self.name, self.server = folder, name, server
        with open(self.write("whole", None), "rb") as file:
            self.whole = file.read()
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        status, self.right = self.get("whole", "full/max/0/default.png")
        assert status == 200, self.right

    def file(self, label):
        stem, extension = self.name.rsplit(".", 1)
        return "%s-%s.%s" % (stem, label, extension)

    def write(self, label, data):
        path = os.path.join(self.folder, self.file(label))
        if data is None:
            MADE[self.name](path)
        else:
            with open(path, "wb") as file:
                file.write(data)
        os.chmod(path, 0o644)
        return path

    def get(self, label, what):
        """Status and body; no answer may be slow, cut, or tell a path."""
        began = time.monotonic()
        self.connection.request("GET", "/iiif/damaged%%2F%s/%s" % (self.file(label), what))
        response = self.connection.getresponse()
        body = response.read()
        assert time.monotonic() - began < SLOW, (label, what)
        if response.status != 200:
            assert self.folder.encode() not in body
        return response.status, body

    def both(self, label, data):
        """Answers for info.json and for the picture of a damaged master."""
        path = self.write(label, data)
        answers = self.get(label, "info.json"), self.get(label, "full/max/0/default.png")
        os.unlink(path)
        return answers


@pytest.fixture
def damage(request, folder, server):
    hurt = Damage(folder, request.param, server)
    hurt.children = set(server.children())
    mark = server.mark()
    hurt.refused = set()
    yield hurt
    hurt.connection.close()
    assert set(server.children()) == hurt.children, "a child died"
    told = set(re.findall(r"IIIF\d{4}: .*: identifier damaged/(\S+), file \S+/damaged/", server.error_log(mark)))
    assert hurt.refused <= told, "not in the log: %s" % sorted(hurt.refused - told)


def opened(body):
    with Image.open(io.BytesIO(body)) as image:
        image.load()
        return image


@pytest.mark.parametrize("damage", MADE, indirect=True)
def test_cut_off(damage):
    """Nothing but the whole picture is a picture."""
    partial = []
    for part in range(CUTS):
        label = "cut%02d" % part
        info, image = damage.both(label, damage.whole[:len(damage.whole) * part // CUTS])
        assert info[0] in REFUSED | {200}, info
        if image[0] == 200:
            if not numpy.array_equal(numpy.asarray(opened(image[1])), numpy.asarray(opened(damage.right))):
                partial.append(part)
        else:
            assert image[0] in REFUSED, image
            damage.refused.add(damage.file(label))
    assert not partial, "part of a picture passed as whole at %s/64" % partial
    assert damage.refused


@pytest.mark.parametrize("damage", MADE, indirect=True)
def test_flipped_bits(damage):
    """Most formats cannot tell that a bit is wrong; then there is a picture of the size that info.json says."""
    chance = random.Random(damage.name)
    for n in range(FLIPS):
        label = "flip%03d" % n
        data = bytearray(damage.whole)
        # Half of them where the headers are.
        at = chance.randrange(min(len(data), 400) if n % 2 else len(data))
        data[at] ^= 1 << chance.randrange(8)
        info, image = damage.both(label, bytes(data))
        assert info[0] in REFUSED | {200}, (n, info)
        if image[0] != 200:
            assert image[0] in REFUSED, (n, image)
            damage.refused.add(damage.file(label))
            continue
        assert info[0] == 200, (n, info)
        assert '"width"' in info[1].decode()
        width, height = (int(re.search(r'^  "%s": (\d+)' % side, info[1].decode(), re.M).group(1)) for side in ("width", "height"))
        if width * height <= 1 << 22:
            assert opened(image[1]).size == (width, height), n
