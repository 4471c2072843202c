# SPDX-License-Identifier: Apache-2.0
"""Masters and server for the tests that are named after requirements of the specification.

    spec          a server over {masters}/spec with the Locations of CONF; imported by each of those test modules
    SIZES         file name: (width, height), upright
    ask(env, version, name, parameters, base="/spec")   the response of an image request
"""
import hashlib
import os
import struct
import zlib
from urllib.parse import unquote

import numpy
import pytest
from PIL import Image

from masters import gradient, save

FOLDER = "spec"

# What is peculiar of each is its name. `big` is the size of the specification's examples, `ref` that of its figures.
SIZES = {
    "big.jpg": (6000, 4000), "big.jp2": (6000, 4000), "one.png": (1, 1), "edge.png": (513, 513), "odd.jpg": (1001, 500),
    "tall.png": (5, 3000), "wide.png": (3000, 5), "ref.png": (300, 200), "gray.png": (300, 200), "bitonal.png": (300, 200),
    "bitonal.tif": (300, 200), "deep-gray.png": (300, 200), "deep.png": (300, 200), "cmyk.jpg": (300, 200),
    "alpha.png": (300, 200), "turned.jpg": (200, 300), "tiles.jp2": (2100, 1301), "palette.png": (300, 200),
}

LIMITS = {   # Location: what limits its answers
    "spec": {},
    "up": {"width": 1000, "upscale": True},
    "w": {"width": 200},
    "wh": {"width": 200, "height": 90},
    "area": {"area": 10000},
    "all": {"width": 180, "height": 140, "area": 12000},
    "upwh": {"width": 700, "height": 333, "upscale": True},
    "uparea": {"area": 250000, "upscale": True},
    "paper": {"width": 3000, "height": 2000, "area": 4000000},
}


def _location(name, limits, more=""):
    lines = ['<Location "/%s">' % name, '    IIIFRoot "{masters}/%s"' % FOLDER]
    for key, directive in (("width", "IIIFMaxWidth"), ("height", "IIIFMaxHeight"), ("area", "IIIFMaxArea")):
        if key in limits:
            lines.append("    %s %d" % (directive, limits[key]))
    if limits.get("upscale"):
        lines.append("    IIIFUpscale On")
    return "\n".join(lines) + "\n" + more + "</Location>\n"


CONF = "".join(_location(name, limits) for name, limits in LIMITS.items()) + \
    _location("formats", {}, "    IIIFFormats +jp2 +pdf\n") + \
    _location("plain", {}, "    IIIFQualities default\n") + \
    _location("held", {}, '    IIIFAttribution "Example <b>Library</b>"\n    IIIFLogo "https://www.example.org/logo.png"\n'
                          '    IIIFRights "https://creativecommons.org/licenses/by/4.0/"\n') + \
    _location("a/b c/d", {}) + \
    _location("closed", {}, '    AuthType Basic\n    AuthName "x"\n    AuthBasicProvider file\n'
                            '    AuthUserFile "{root}/users"\n    Require valid-user\n')

# The kinds of identifiers of Image 3.0 §9, encoded, and the width of the image that each stands for.
KINDS = {"ark:%2F12025%2F654xz321": 31, "urn:foo:a123,456": 32,
         "urn:sici:1046-8188(199501)13:1%253C69:FTTHBI%253E2.0.TX;2-4": 33, "http:%2F%2Fexample.com%2F%3F54%23a": 34}
CONF += '<Location "/kinds">\n    IIIFResolver template "{masters}/%s/{hash}.png"\n</Location>\n' % FOLDER

SIDECAR = b'''{
  "partOf": [{"id": "https://www.example.org/m.json", "type": "Manifest", "label": "The book"}, {"id": "no type"}],
  "seeAlso": [{"id": "https://www.example.org/r.xml", "type": "Dataset", "format": "text/xml"}],
  "service": [{"id": "https://www.example.org/probe", "type": "AuthProbeService2"},
              {"id": "https://www.example.org/of-no-type", "profile": "x"}, "no object",
              {"@context": "http://iiif.io/api/auth/1/context.json", "@id": "https://www.example.org/login", "@type": "x",
               "profile": "http://iiif.io/api/auth/1/login", "label": "Log in"}]
}'''


def png_rgb16(width, height):
    """PNG of three times sixteen bits, which PIL does not write."""
    rows = numpy.empty((height, width, 3), ">u2")
    rows[..., 0] = numpy.linspace(0, 65535, width).astype(">u2")[None, :]
    rows[..., 1] = numpy.linspace(0, 65535, height).astype(">u2")[:, None]
    rows[..., 2] = 64 * 257

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""))


def make(folder):
    """Fills `folder`/spec, once."""
    folder = os.path.join(folder, FOLDER)
    if os.path.isdir(folder):
        return
    big = gradient(6000, 4000)
    save(folder, "big.jpg", big, quality=90)
    save(folder, "big.jp2", big, format="JPEG2000", tile_size=(1024, 1024), num_resolutions=6, mct=1)
    save(folder, "tiles.jp2", gradient(2100, 1301), format="JPEG2000", tile_size=(256, 256), num_resolutions=5, mct=1)
    for name in ("one.png", "edge.png", "odd.jpg", "tall.png", "wide.png", "ref.png"):
        save(folder, name, gradient(*SIZES[name]))
    save(folder, "gray.png", gradient(300, 200, "L"))
    save(folder, "bitonal.png", gradient(300, 200, "1"))
    save(folder, "bitonal.tif", gradient(300, 200, "1"), format="TIFF", compression="group4", dpi=(600, 600))
    deep = numpy.broadcast_to(numpy.linspace(0, 65535, 300).astype(numpy.uint16), (200, 300))
    save(folder, "deep-gray.png", Image.fromarray(numpy.ascontiguousarray(deep)))
    with open(os.path.join(folder, "deep.png"), "wb") as file:
        file.write(png_rgb16(300, 200))
    save(folder, "cmyk.jpg", gradient(300, 200, "CMYK"), dpi=(300, 300))
    alpha = gradient(300, 200, "RGBA")
    alpha.putalpha(gradient(300, 200).split()[0])
    save(folder, "alpha.png", alpha)
    save(folder, "palette.png", gradient(300, 200).quantize(64))
    exif = Image.Exif()
    exif[0x0112] = 6
    save(folder, "turned.jpg", gradient(300, 200), exif=exif, quality=95)
    for identifier, width in KINDS.items():
        save(folder, hashlib.sha256(unquote(identifier).encode()).hexdigest() + ".png", gradient(width, 10))
    with open(os.path.join(folder, "ref.png.iiif.json"), "wb") as file:
        file.write(SIDECAR)
    os.chmod(folder, 0o755)
    for name in os.listdir(folder):
        os.chmod(os.path.join(folder, name), 0o644)


@pytest.fixture(scope="module")
def spec(make_module_env, masters):
    make(masters[0])
    return make_module_env(CONF)


def ask(env, version, name, parameters, base="/spec", **headers):
    return env.get("%s/%d/%s/%s" % (base, version, name, parameters), **headers)


def info(env, version, name, base="/spec"):
    response = env.get("%s/%d/%s/info.json" % (base, version, name))
    assert response.status == 200, response
    return response.json()


def size_of(response):
    assert response.status == 200, response
    return response.image().size
