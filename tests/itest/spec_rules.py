# SPDX-License-Identifier: Apache-2.0
"""What a request should give, worked out in exact fractions from the text of the specification (Image 3.0 §4, 2.1 §4).

A result is a tuple, or the status of the error. Rounding, where the specification leaves it open, is half up.
"""
from fractions import Fraction
from math import floor, isqrt

BAD, UNSUPPORTED = 400, 501
DEFAULT_AREA = 64 << 20


def half_up(value):
    return floor(Fraction(value) + Fraction(1, 2))


def region(text, width, height):
    """x, y, w, h in pixels of the image."""
    if text == "full":
        return 0, 0, width, height
    if text == "square":
        side = min(width, height)
        return (width - side) // 2, (height - side) // 2, side, side
    percent = text.startswith("pct:")
    x, y, w, h = (Fraction(part) for part in text.removeprefix("pct:").split(","))
    if percent:
        if x >= 100 or y >= 100:
            return BAD
        x, w = (half_up(value * width / 100) for value in (x, w))
        y, h = (half_up(value * height / 100) for value in (y, h))
    if w == 0 or h == 0 or x >= width or y >= height:
        return BAD
    return int(x), int(y), int(min(w, width - x)), int(min(h, height - y))


def _fit(w, h, box_w, box_h, area):
    """As large as possible within the box and the area, in the shape of w × h."""
    scale = min(Fraction(box_w, w), Fraction(box_h, h))
    fitted = [max(1, half_up(w * scale)), max(1, half_up(h * scale))]
    if area and fitted[0] * fitted[1] > area:
        long, short = (0, 1) if w >= h else (1, 0)
        sides = (w, h)
        fitted[long] = min(isqrt(area * sides[long] // sides[short]), area)
        fitted[short] = max(1, half_up(Fraction(fitted[long] * sides[short], sides[long])))
        if fitted[0] * fitted[1] > area:
            fitted[short] = max(1, fitted[long] * sides[short] // sides[long])
    return fitted[0], fitted[1]


def size(version, text, w, h, limits):
    """Width and height of a region of w × h; `limits` as in spec_masters.LIMITS."""
    able = limits.get("upscale", False)
    caret = text.startswith("^")
    if caret:
        if version == 2:
            return BAD
        text = text[1:]
    if text == "full" and version == 3:
        return BAD
    enlarge = able if version == 2 else caret
    endless = 1 << 30
    most_w = limits.get("width", endless)
    most_h = limits.get("height", most_w)
    area = limits.get("area", DEFAULT_AREA)
    if text == "full":
        result = w, h
    elif text == "max" or text.startswith("!"):
        box = (endless, endless) if text == "max" else tuple(int(n) for n in text[1:].split(","))
        if 0 in box:
            return BAD
        if not enlarge or (text == "max" and not caret):
            box = min(box[0], w), min(box[1], h)
        result = _fit(w, h, min(box[0], most_w), min(box[1], most_h), area)
    elif text.startswith("pct:"):
        percent = Fraction(text[4:])
        if percent == 0 or (percent > 100 and not enlarge):
            return BAD
        result = tuple(half_up(percent * side / 100) for side in (w, h))
        if result == (0, 0):
            return BAD
        result = tuple(max(1, side) for side in result)
    else:
        given_w, given_h = (int(part) if part else None for part in text.split(","))
        if given_w == 0 or given_h == 0:
            return BAD
        result = (given_w if given_w is not None else max(1, half_up(Fraction(given_h * w, h))),
                  given_h if given_h is not None else max(1, half_up(Fraction(given_w * h, w))))
    if (result[0] > w or result[1] > h) and not (enlarge and able):
        return UNSUPPORTED if enlarge else BAD
    if result[0] > most_w or result[1] > most_h or result[0] * result[1] > area:
        return BAD
    return result


def tiles(width, height, tile_width, tile_height, factors):
    """(region, w, h) of every tile (Image 3.0 implementation notes: n, m at scale factor s)."""
    for s in factors:
        for m in range(-(-height // (tile_height * s))):
            for n in range(-(-width // (tile_width * s))):
                x, y = n * tile_width * s, m * tile_height * s
                w, h = min(tile_width * s, width - x), min(tile_height * s, height - y)
                yield "%d,%d,%d,%d" % (x, y, w, h), -(-w // s), -(-h // s)
