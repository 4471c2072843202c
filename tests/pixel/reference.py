# SPDX-License-Identifier: Apache-2.0
"""What the pixels of a request should be, by plain definition in double precision.

Nothing here looks at the implementation: formulas come from the Image API, from ITU-R BT.601 and from the usual
definition of Lanczos resampling (support widened by the reduction, weights normalised, edge pixels going on for ever,
samples weighted as they are encoded). Images are float64 arrays of height × width × channels at 0…full.
"""
import numpy as np


def kernel(t):
    t = np.asarray(t, dtype=np.float64)
    return np.where(np.abs(t) < 3, np.sinc(t) * np.sinc(t / 3), 0.0)


def weights(length, start, end, out):
    """A matrix of out × length: how much each input pixel counts in each output pixel of the window [start, end)."""
    scale = (end - start) / out
    widened = max(scale, 1.0)
    reach = int(np.ceil(3 * widened)) + 2
    matrix = np.zeros((out, length))
    for o in range(out):
        centre = start + (o + 0.5) * scale
        places = np.arange(int(np.floor(centre)) - reach, int(np.floor(centre)) + reach + 1)
        w = kernel((places + 0.5 - centre) / widened)
        np.add.at(matrix[o], np.clip(places, 0, length - 1), w / w.sum())
    return matrix


def scale(image, window, width, height):
    """window is (x0, y0, x1, y1) in input pixels."""
    x0, y0, x1, y1 = window
    down = weights(image.shape[0], y0, y1, height)
    along = weights(image.shape[1], x0, x1, width)
    return np.einsum('oy,yxc,px->opc', down, image, along, optimize=True)


def scale_alpha(image, window, width, height, full=255.0):
    """The last channel is straight alpha: colours are weighted by it."""
    alpha = image[..., -1:] / full
    together = np.concatenate([image[..., :-1] * alpha, image[..., -1:]], axis=2)
    out = scale(together, window, width, height)
    opacity = np.clip(out[..., -1:], 0, full)
    with np.errstate(divide='ignore', invalid='ignore'):
        colour = np.where(opacity < 0.5, 0, out[..., :-1] * full / out[..., -1:])
    return np.concatenate([colour, np.where(opacity < 0.5, 0, opacity)], axis=2)


def finish(image, full=255):
    """Rounded half up, and clamped."""
    return np.floor(np.clip(image, 0, full) + 0.5)


def luma(image):
    return image[..., 0:1] * 0.299 + image[..., 1:2] * 0.587 + image[..., 2:3] * 0.114


def flatten(image, background, full=255.0):
    alpha = image[..., -1:] / full
    return image[..., :-1] * alpha + np.asarray(background, dtype=np.float64) * (1 - alpha)


def turn(image, mirror, quarters):
    """Image API 3.0 §4.3: mirrored left-right first, then clockwise."""
    if mirror:
        image = image[:, ::-1]
    return np.rot90(image, -quarters)


def area_average(image, factor):
    h, w, c = image.shape
    return image.reshape(h // factor, factor, w // factor, factor, c).mean(axis=(1, 3))


def low_pass(image, radius):
    """Box-blurred copy, without the border that the blur cannot reach."""
    def run(a):
        total = np.cumsum(np.concatenate([np.zeros((1,) + a.shape[1:]), a]), axis=0)
        return (total[2 * radius + 1:] - total[:-2 * radius - 1]) / (2 * radius + 1)
    blurred = run(image)
    return np.swapaxes(run(np.swapaxes(blurred, 0, 1)), 0, 1)


# --- masters that are worth testing with ---------------------------------------------------------

def photograph(width, height, channels=3, seed=1, full=255):
    """Smooth shapes, hard edges and grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = []
    for c in range(channels):
        smooth = 0.5 + 0.3 * np.sin(x / (7 + c) + c) * np.cos(y / (11 - c))
        edge = np.where((x - width * 0.6) ** 2 + (y - height * 0.4) ** 2 < (min(width, height) / 4) ** 2, 0.45, 0)
        planes.append(smooth + edge + random.normal(0, 0.05, x.shape) - 0.1)
    return np.floor(np.clip(np.stack(planes, axis=2), 0, 1) * full + 0.5)


def noise(width, height, channels=3, seed=1, full=255):
    random = np.random.default_rng(seed)
    image = random.integers(0, full + 1, (height, width, channels))
    image[random.random((height, width)) < 0.3] = 0
    image[random.random((height, width)) < 0.3] = full
    return image.astype(np.float64)


def engraving(size):
    """Fine concentric rings on the left, slanted hatching on the right: no tone but that of the lines."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float64)
    rings = np.sin(2 * np.pi * np.hypot(x - size * 0.25, y - size * 0.5) / 4.7)
    hatching = np.sin(2 * np.pi * (x * np.cos(0.3) + y * np.sin(0.3)) / (5 + 6 * y / size))
    lines = np.where(x < size / 2, rings, hatching)
    return np.where(lines > 0, 255.0, 0.0)[..., None]
