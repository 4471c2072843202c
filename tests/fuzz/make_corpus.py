#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets: make_corpus.py DIRECTORY

Writes small inputs into DIRECTORY/{decode,uri,percent,sidecar,accept}. Masters are made with Pillow and, where the
tools are there, opj_compress, cjpeg and tiffcp; a format whose tool is missing is left out. The same inputs come out each time.
"""
import io
import math
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from PIL import Image, ImageCms

WIDTH, HEIGHT = 41, 29


def picture(mode="RGB", width=WIDTH, height=HEIGHT):
    """A gradient with rings: nothing flat, nothing random."""
    image = Image.new("RGB", (width, height))
    image.putdata([(x * 255 // width, y * 255 // height, int(127 + 120 * math.sin((x * x + y * y) / 90)))
                   for y in range(height) for x in range(width)])
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize((width, height)))
        return image
    if mode == "LA":
        return picture("RGBA", width, height).convert("LA")
    if mode == "I;16":
        wide = Image.new("I;16", (width, height))
        wide.putdata([(x * 1597 + y * 2203) % 65536 for y in range(height) for x in range(width)])
        return wide
    return image.convert(mode)


def save(image, format_name, **options):
    out = io.BytesIO()
    image.save(out, format_name, **options)
    return out.getvalue()


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


# --- PNG: Pillow writes neither interlaced nor 16-bit colour images -----------------------------------------

def png_chunk(tag, data):
    return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))


def png_rows(width, height, bits_per_pixel, seed):
    row_bytes = (width * bits_per_pixel + 7) // 8
    return b"".join(bytes([y % 5]) + bytes((x * 7 + y * 13 + seed) % 256 for x in range(row_bytes))
                    for y in range(height))


def png(color_type, bits, interlaced=False, extra=(), width=23, height=17):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color_type]
    raw = b""
    if interlaced:
        for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                               (0, 1, 1, 2)):
            w, h = (width - x0 + dx - 1) // dx, (height - y0 + dy - 1) // dy
            if w > 0 and h > 0:
                raw += png_rows(w, h, channels * bits, x0 + y0)
    else:
        raw = png_rows(width, height, channels * bits, 0)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, int(interlaced)))]
    if color_type == 3:
        chunks.append((b"PLTE", bytes(i * 5 % 256 for i in range(3 << bits))))
    chunks += extra
    chunks += [(b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def pngs():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield "gray1.png", png(0, 1)
    yield "gray4-interlaced.png", png(0, 4, True)
    yield "gray16-gamma.png", png(0, 16, False, [(b"gAMA", struct.pack(">I", 100000))])
    yield "gray8-key.png", png(0, 8, False, [(b"tRNS", b"\0\x07")])
    yield "graya16-interlaced.png", png(4, 16, True)
    yield "rgb16.png", png(2, 16)
    yield "rgb8-exif-scale.png", png(2, 8, False, [(b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
                                                  (b"eXIf", exif_of(6).tobytes()[6:])])
    yield "rgba8-interlaced.png", png(6, 8, True)
    yield "palette2.png", png(3, 2, False, [(b"tRNS", b"\0\x80")])
    yield "palette8-interlaced.png", png(3, 8, True)
    yield "rgb8-profile.png", save(picture(), "PNG", icc_profile=profile)


# --- the others -------------------------------------------------------------------------------------------------

def jpegs():
    yield "gray.jpg", save(picture("L"), "JPEG")
    yield "rgb420.jpg", save(picture(), "JPEG", quality=60)
    yield "rgb444-progressive.jpg", save(picture(), "JPEG", subsampling=0, progressive=True, dpi=(300, 300))
    yield "cmyk.jpg", save(picture("CMYK"), "JPEG")
    yield "exif5.jpg", save(picture(), "JPEG", exif=exif_of(5), restart_marker_blocks=2)


def gifs():
    yield "palette.gif", save(picture("P"), "GIF", interlace=0)
    yield "interlaced.gif", save(picture("P"), "GIF", interlace=1)
    yield "transparent.gif", save(picture("P"), "GIF", transparency=3)
    yield "animated.gif", save(picture("P"), "GIF", save_all=True, append_images=[picture("L").convert("P")])


def webps():
    yield "lossy.webp", save(picture(), "WEBP", quality=50)
    yield "lossy-alpha.webp", save(picture("RGBA"), "WEBP", quality=50)
    yield "lossless.webp", save(picture("RGBA"), "WEBP", lossless=True)
    yield "exif3.webp", save(picture(), "WEBP", quality=20, exif=exif_of(3).tobytes(), icc_profile=b"\0" * 200)
    yield "animated.webp", save(picture("RGBA"), "WEBP", save_all=True, append_images=[picture("RGBA").rotate(90)])


def tiffs():
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"rgb-{compression}.tif", save(picture(), "TIFF", compression=compression)
    yield "bilevel-g4.tif", save(picture("1"), "TIFF", compression="group4")
    yield "bilevel-g3.tif", save(picture("1"), "TIFF", compression="group3")
    yield "gray16.tif", save(picture("I;16"), "TIFF")
    yield "palette.tif", save(picture("P"), "TIFF", compression="tiff_lzw")
    yield "rgba.tif", save(picture("RGBA"), "TIFF", compression="tiff_lzw")
    yield "cmyk.tif", save(picture("CMYK"), "TIFF", compression="tiff_lzw")
    yield "lab.tif", save(ImageCms.profileToProfile(picture(), ImageCms.createProfile("sRGB"),
                                                    ImageCms.createProfile("LAB"), outputMode="LAB"), "TIFF")
    yield "two-pages.tif", save(picture("L"), "TIFF", save_all=True, append_images=[picture("L", 20, 30)])


def run(arguments, inputs, result):
    """Bytes of the file that a tool makes, or None."""
    if shutil.which(arguments[0]) is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        for name, data in inputs.items():
            Path(directory, name).write_bytes(data)
        done = subprocess.run(arguments, cwd=directory, capture_output=True, check=False)
        path = Path(directory, result)
        return path.read_bytes() if done.returncode == 0 and path.exists() else None


def tool_made():
    ppm, pgm = save(picture(), "PPM"), save(picture("L"), "PPM")
    tiff = save(picture("RGB", 100, 70), "TIFF")
    opj = ["opj_compress", "-i", "in.ppm", "-o"]
    for name, options in (("rgb.jp2", ["-n", "3"]), ("rgb-irreversible.jp2", ["-n", "3", "-I", "-r", "20"]),
                          ("tiled.jp2", ["-n", "2", "-t", "16,16", "-p", "RPCL"]),
                          ("offsets.j2k", ["-n", "2", "-d", "5,3", "-T", "2,1", "-t", "20,20"]),
                          ("precincts.jp2", ["-n", "3", "-c", "[32,32]", "-b", "16,16", "-p", "PCRL", "-SOP", "-EPH"]),
                          ("subsampled.jp2", ["-n", "3", "-s", "2,2"])):
        yield name, run(opj + [name] + options, {"in.ppm": ppm}, name)
    yield "gray.j2k", run(["opj_compress", "-n", "4", "-i", "in.pgm", "-o", "o.j2k"], {"in.pgm": pgm}, "o.j2k")
    yield "tiled-jpeg.tif", run(["tiffcp", "-t", "-w", "32", "-l", "32", "-c", "jpeg", "in.tif", "o.tif"],
                                {"in.tif": tiff}, "o.tif")
    yield "planar-bigtiff.tif", run(["tiffcp", "-8", "-p", "separate", "-c", "lzw", "in.tif", "o.tif"],
                                    {"in.tif": save(picture(), "TIFF")}, "o.tif")
    yield "big-endian.tif", run(["tiffcp", "-B", "-c", "zip:2", "in.tif", "o.tif"], {"in.tif": save(picture(), "TIFF")},
                                "o.tif")
    yield "arithmetic.jpg", run(["cjpeg", "-arithmetic", "-outfile", "o.jpg", "in.ppm"], {"in.ppm": ppm}, "o.jpg")
    yield "smooth-restart.jpg", run(["cjpeg", "-sample", "2x1", "-restart", "1", "-outfile", "o.jpg", "in.ppm"],
                                    {"in.ppm": ppm}, "o.jpg")


# --- text ---------------------------------------------------------------------------------------------------------

URIS = """a/full/max/0/default.jpg
a/full/full/0/native.jpg
a%2Fb/square/^max/!90/gray.png
ark:/12148/b1/0,0,100,100/50,/22.5/bitonal.tif
a/pct:10.5,20,30.25,40/pct:50/359.9999999999/color.webp
a/1,2,3,4/!200,100/360/default.gif
a/5990,3990,100,100/,7/0/default.jpg
a/full/^pct:150/270/default.jpg
a/full/^!3000,3000/180/default.jp2
a/0,0,0,0/0,/-1/x.y
a/info.json
a/
a%zz/info.json
%E4/info.json
a%00b/info.json
full/300,200/0/default.jpg
pct:0,0,100,100/max/0/default.png
a/full/99999999999999999999,/0/default.jpg""".split("\n")

PERCENT = [b"\x40abc%20def", b"\x05toolong", b"\xffa%2Fb%252F%25", b"\x20%4", b"\x20%00", b"\x20%C3%A9%E2%82%AC",
           b"\x20/?#[]@%:;=\x80\xff\x00\"<>\\^`{|}", b"\x20\xed\xa0\x80\xf4\x90\x80\x80\xc0\xaf"]

SIDECARS = [b"{}", b"[]", b"{\"rights\":\"http://creativecommons.org/licenses/by/4.0/\"}",
            b"{\"rights\":\"nonsense\",\"attribution\":\"\\u00e9\",\"logo\":{\"@id\":\"https://example.org/l.png\"}}",
            b"{\"partOf\":[{\"id\":\"https://example.org/m\",\"type\":\"Manifest\",\"label\":{\"en\":[\"x\"]}}],"
            b"\"seeAlso\":{\"@id\":\"https://example.org/d\",\"format\":\"text/xml\",\"profile\":\"p\"},"
            b"\"service\":[{\"@context\":\"http://example.org/c\",\"@id\":\"x\",\"profile\":\"y\"}]}",
            b"{\"service\":[[[[[[[[1]]]]]]]],\"partOf\":3,\"seeAlso\":null}", b"{\"a\":\"\\ud800\"}", b"{\"a\":1e999}",
            b"\xef\xbb\xbf{}", b"{\"a\":1,\"a\":2}", b"{"]

ACCEPTS = ["", "*/*", "application/ld+json", "application/json;q=0.5, application/ld+json;q=0.4",
           "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"", "text/html, application/*;q=0.1",
           "application/ld+json;q=0", "application/ld+json;profile=\"a\\\"b;q=0\";q=0.9,,;", "a/b;q=1.0000;q=", "\x7f\t,"]


def main():
    top = Path(sys.argv[1])
    masters = [*pngs(), *jpegs(), *gifs(), *webps(), *tiffs(), *tool_made()]
    groups = {"decode": [(name, data) for name, data in masters if data is not None],
              "uri": [(f"{i:02}", text.encode()) for i, text in enumerate(URIS)],
              "percent": [(f"{i:02}", data) for i, data in enumerate(PERCENT)],
              "sidecar": [(f"{i:02}.json", data) for i, data in enumerate(SIDECARS)],
              "accept": [(f"{i:02}", text.encode()) for i, text in enumerate(ACCEPTS)]}
    for name, files in groups.items():
        (top / name).mkdir(parents=True, exist_ok=True)
        for file_name, data in files:
            (top / name / file_name).write_bytes(data)
    missing = [name for name, data in masters if data is None]
    print(f"{sum(map(len, groups.values()))} seeds" + (f"; could not make {', '.join(missing)}" if missing else ""))


if __name__ == "__main__":
    main()
