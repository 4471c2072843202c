# SPDX-License-Identifier: Apache-2.0
"""Masters for the tests, made at run time. `make(folder)` fills a folder; see the table in make() for what is there."""
import os
import struct
import zlib

import numpy
from PIL import Image

WIDTH, HEIGHT = 600, 400


def gradient(width, height, mode="RGB"):
    """Red grows to the right, green downwards, blue is constant: where a pixel came from can be read off its colour."""
    x = numpy.linspace(0, 255, width).astype(numpy.uint8)
    y = numpy.linspace(0, 255, height).astype(numpy.uint8)
    rgb = numpy.empty((height, width, 3), numpy.uint8)
    rgb[..., 0] = x[None, :]
    rgb[..., 1] = y[:, None]
    rgb[..., 2] = 64
    return Image.fromarray(rgb).convert(mode)


def noise(width, height, seed=1):
    """What no encoder can make small."""
    random = numpy.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (height, width, 3), numpy.uint8))


def png_header(width, height):
    """A PNG that claims a size and then ends: 65535 x 65535 in a few bytes."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b""))


def absurd_codestream():
    """A JPEG 2000 codestream whose SIZ announces 2^32-1 pixels a side in tiles of one pixel."""
    big = 0xFFFFFFFF
    siz = struct.pack(">HHIIIIIIIIH", 38 + 3 * 3, 0, big, big, 0, 0, 1, 1, 0, 0, 3) + bytes([7, 1, 1] * 3)
    return b"\xff\x4f\xff\x51" + siz + b"\xff\xd9"


def save(folder, name, image, **options):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        by_name = {"jpg": "JPEG", "png": "PNG"}.get(name.rsplit(".", 1)[-1])
        image.save(file, options.pop("format", None) or by_name, **options)
    return path


def write(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path


def make_good(folder):
    save(folder, "rgb.jpg", gradient(WIDTH, HEIGHT), quality=95)
    save(folder, "gray.png", gradient(WIDTH, HEIGHT, "L"))
    save(folder, "alpha.png", gradient(300, 200, "RGBA"))
    save(folder, "wrong.jpg", gradient(64, 48), format="PNG")     # recognised by its bytes
    save(folder, "book1/p003.jpg", gradient(300, 200))
    save(folder, "book1/twice.jpg", gradient(30, 20))
    save(folder, "book1/twice.png", gradient(30, 20))
    save(folder, "noise.jpg", noise(2000, 1500), quality=95)      # an answer of several MB


def make_names(folder):
    """Identifiers that have to be encoded. Each is an image of its own size, so that none can be taken for another."""
    names = {"a/b.png": (11, 10), "a%2Fb.png": (12, 10), "c?d.png": (13, 10), "c%3Fd.png": (14, 10), "e#f.png": (15, 10),
             "50%.png": (16, 10), "50%25.png": (17, 10), "ünï/côdé.png": (18, 10), "with space.png": (19, 10),
             "ark:/12025/654xz321.png": (20, 10), "semi;1.png": (21, 10), "plus+and&at@.png": (22, 10),
             "brackets[1].png": (23, 10), "caret^.png": (24, 10), "book.en.gz": (25, 10), "full.png": (26, 10),
             "quote\".png": (27, 10), "日本.png": (28, 10)}
    for name, size in names.items():
        save(folder, name, gradient(*size), format="PNG")
    return names


def make_bad(folder):
    write(folder, "bad/empty.jpg", b"")
    write(folder, "bad/text.jpg", b"this is no image\n" * 20)
    whole = open(save(folder, "bad/truncated.jpg", noise(400, 300), quality=90), "rb").read()
    write(folder, "bad/truncated.jpg", whole[: len(whole) // 3])
    cut = open(save(folder, "bad/cut.png", noise(400, 300)), "rb").read()
    write(folder, "bad/cut.png", cut[: len(cut) // 3])
    os.makedirs(os.path.join(folder, "bad/folder.jpg"))
    os.mkfifo(os.path.join(folder, "bad/fifo.jpg"))
    os.symlink("/etc/passwd", os.path.join(folder, "bad/passwd.jpg"))
    os.symlink("../rgb.jpg", os.path.join(folder, "bad/inside.jpg"))
    os.symlink("nowhere.jpg", os.path.join(folder, "bad/dangling.jpg"))
    write(folder, "bad/bomb.png", png_header(65535, 65535))
    write(folder, "bad/siz.jp2", absurd_codestream())
    os.chmod(save(folder, "bad/unreadable.jpg", gradient(30, 20)), 0)


def make_sidecars(folder):
    save(folder, "side/good.jpg", gradient(60, 40))
    write(folder, "side/good.jpg.iiif.json", b'{"seeAlso": [{"id": "https://example.org/record.xml", "type": "Dataset"}]}')
    save(folder, "side/broken.jpg", gradient(60, 40))
    write(folder, "side/broken.jpg.iiif.json", b'{\n  "rights": "https://example.org/",\n  oops\n}\n')


def make(folder):
    """Fills a folder with everything; returns the sizes of the images whose names have to be encoded."""
    os.makedirs(folder, exist_ok=True)
    make_good(folder)
    make_bad(folder)
    make_sidecars(folder)
    save(folder, "denied/secret.jpg", gradient(60, 40))
    names = make_names(folder)
    # Readable for the user that httpd runs as, whatever the umask.
    for where, folders, files in os.walk(folder):
        os.chmod(where, 0o755)
        for name in files:
            path = os.path.join(where, name)
            if not os.path.islink(path) and os.path.isfile(path) and os.stat(path).st_mode & 0o777 != 0:
                os.chmod(path, 0o644)
    return names
