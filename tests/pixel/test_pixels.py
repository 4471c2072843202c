# SPDX-License-Identifier: Apache-2.0
"""Rendered pixels against an independent reference, through the same library that httpd loads.

Tolerance: 1 of 255 (PNG is exact; what remains is single against double precision at a half), where nothing else is
said beside a test.
"""
import io
import os
import pathlib
import subprocess

import numpy as np
import pytest
from PIL import Image

import reference

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RENDER = pathlib.Path(os.environ.get('IIIF_RENDER', 'build/iiif-render'))
if not RENDER.is_absolute():
    RENDER = REPOSITORY / RENDER

MODES = {1: 'L', 2: 'LA', 3: 'RGB', 4: 'RGBA'}


@pytest.fixture(scope='session')
def masters(tmp_path_factory):
    return tmp_path_factory.mktemp('masters')


def save(folder, name, pixels):
    """A PNG master of 8 bits."""
    path = folder / (name + '.png')
    data = pixels.astype(np.uint8)
    Image.fromarray(data[..., 0] if data.shape[2] == 1 else data, MODES[data.shape[2]]).save(path)
    return path


def save_16(folder, name, pixels):
    """A gray PNG master of 16 bits."""
    path = folder / (name + '.png')
    Image.fromarray(pixels[..., 0].astype(np.uint16)).save(path)
    return path


def render_bytes(path, request, api='3'):
    done = subprocess.run([str(RENDER), '--api', api, '--upscale', request, str(path)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr.decode(errors='replace')
    return done.stdout


def render(path, request, api='3'):
    """float64 pixels, height × width × channels, of what comes out as PNG."""
    image = Image.open(io.BytesIO(render_bytes(path, request, api)))
    if image.mode == '1':
        image = image.convert('L')
    pixels = np.asarray(image).astype(np.float64)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def assert_near(got, want, tolerance=1.0, full=255):
    want = reference.finish(want, full)
    assert got.shape == want.shape
    difference = np.abs(got - want)
    assert difference.max() <= tolerance, 'off by %g at %s' % (
        difference.max(), np.unravel_index(difference.argmax(), difference.shape))
    # A tolerance is for sums on a half; it must not hide a shift or a wrong rounding.
    assert tolerance > 1 or (difference > 0).sum() <= 2 + 0.02 * difference.size


# --- scaling -----------------------------------------------------------------------------------------

@pytest.mark.parametrize('width,height,size', [
    (200, 150, '100,'), (200, 150, '67,50'), (200, 150, ',31'), (200, 150, 'pct:37'), (200, 150, '199,149'),
    (200, 150, '!50,50'), (300, 30, '7,'), (31, 301, ',9'), (1, 1, 'max'), (1, 77, '1,10'), (77, 1, '10,1'),
    (640, 480, '10,'), (640, 480, '3,2'), (200, 150, '^400,'), (200, 150, '^313,407'), (1, 1, '^5,4'), (3, 2, '^50,3'),
    (50, 60, '50,20'), (50, 60, '20,60'),
])
def test_scaling_of_the_whole(masters, width, height, size):
    image = reference.photograph(width, height, seed=width + height)
    got = render(save(masters, 'whole', image), 'full/%s/0/default.png' % size)
    out_h, out_w = got.shape[:2]
    assert_near(got, reference.scale(image, (0, 0, width, height), out_w, out_h))


@pytest.mark.parametrize('channels', [1, 3])
def test_scaling_of_noise(masters, channels):
    """Hard contrasts at every pixel: over- and undershoot must be clamped, never wrapped."""
    image = reference.noise(211, 173, channels)
    path = save(masters, 'noise', image)
    for width, height in [(53, 43), (20, 17), (150, 120), (210, 172)]:
        got = render(path, 'full/%d,%d/0/default.png' % (width, height))
        assert_near(got, reference.scale(image, (0, 0, 211, 173), width, height))


@pytest.mark.parametrize('region', [(0, 0, 64, 64), (64, 32, 64, 96), (100, 90, 100, 60), (199, 149, 1, 1),
                                    (17, 3, 101, 99)])
@pytest.mark.parametrize('size', ['16,16', '50,', '^130,', '1,1'])
def test_scaling_of_a_region_looks_beyond_its_edge(masters, region, size):
    """Pixels around the region take part in the filter, as in the scaled whole: so tiles join."""
    image = reference.photograph(200, 150, seed=3)
    x, y, w, h = region
    if not size.startswith('^') and int(size.split(',')[0]) > w:
        size = '^' + size
    got = render(save(masters, 'region', image), '%d,%d,%d,%d/%s/0/default.png' % (x, y, w, h, size))
    out_h, out_w = got.shape[:2]
    assert_near(got, reference.scale(image, (x, y, x + w, y + h), out_w, out_h))


def test_tiles_join_without_a_seam(masters):
    image = reference.photograph(512, 384, seed=5)
    path = save(masters, 'tiles', image)
    whole = render(path, 'full/128,96/0/default.png')
    for ty in range(3):
        for tx in range(4):
            tile = render(path, '%d,%d,128,128/32,32/0/default.png' % (tx * 128, ty * 128))
            part = whole[ty * 32:ty * 32 + 32, tx * 32:tx * 32 + 32]
            assert np.abs(tile - part).max() <= 1


def test_a_region_at_full_size_is_exact(masters):
    image = reference.noise(120, 90, 3, seed=8)
    path = save(masters, 'exact', image)
    assert np.array_equal(render(path, 'full/max/0/default.png'), image)
    assert np.array_equal(render(path, '7,11,50,40/max/0/default.png'), image[11:51, 7:57])
    assert np.array_equal(render(path, '100,80,50,50/max/0/default.png'), image[80:90, 100:120])


def test_sixteen_bits(masters):
    """Tolerance 1 of 255 where the format or the service brings the depth down, 2 of 65535 where it does not."""
    image = reference.noise(90, 70, 1, seed=9, full=65535)
    path = save_16(masters, 'deep', image)
    data = Image.open(io.BytesIO(render_bytes(path, 'full/31,23/0/default.png')))
    got = np.asarray(data).astype(np.float64)[..., None]
    want = reference.scale(image, (0, 0, 90, 70), 31, 23)
    if data.mode.startswith('I'):
        assert np.abs(got - reference.finish(want, 65535)).max() <= 2
    else:
        assert np.abs(got - np.clip(want, 0, 65535) / 257).max() <= 1


def test_alpha_is_scaled_without_bleeding(masters):
    """Tolerance: 1 in alpha; in colours what one level of alpha is worth where it is thin."""
    image = reference.photograph(120, 100, 4, seed=6)
    y, x = np.mgrid[0:100, 0:120]
    image[..., 3] = np.clip((x - 40) * 8, 0, 255)
    image[x < 38] = (255, 0, 0, 0)
    got = render(save(masters, 'alpha', image), 'full/47,39/0/default.png')
    want = reference.scale_alpha(image, (0, 0, 120, 100), 47, 39)
    assert np.abs(got[..., 3] - reference.finish(want[..., 3])).max() <= 1
    solid = want[..., 3] > 250
    assert np.abs(got - reference.finish(want))[solid].max() <= 1
    seen = want[..., 3] > 30
    assert np.abs(got - reference.finish(want))[seen].max() <= 4


# --- moiré -------------------------------------------------------------------------------------------

def test_tenfold_reduction_of_an_engraving_has_no_moire(masters):
    """Lines far finer than the output must become even tone. A beat is slow: it survives a blur, lines do not.

    The tone that is really there is the exact area average, equally blurred. What differs from it is moiré. Taking every tenth
    pixel gives ten levels and peaks of forty; the reference itself gives 0.2 and 1.4.
    """
    image = reference.engraving(1500)
    got = render(save(masters, 'engraving', image), 'full/150,150/0/default.png')
    tone = reference.low_pass(reference.area_average(image, 10), 4)
    beat = reference.low_pass(got, 4) - tone
    assert np.sqrt((beat ** 2).mean()) < 0.5
    assert np.abs(beat).max() < 3
    # And the test can see moiré where there is some.
    naive = reference.low_pass(image[5::10, 5::10], 4) - tone
    assert np.sqrt((naive ** 2).mean()) > 5


# --- turns ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('mirror', [False, True])
@pytest.mark.parametrize('degrees', [0, 90, 180, 270, 360])
@pytest.mark.parametrize('width,height', [(61, 40), (1, 30), (130, 75)])
def test_quarter_turns_are_exact(masters, mirror, degrees, width, height):
    image = reference.noise(width, height, 3, seed=degrees)
    got = render(save(masters, 'turn', image), 'full/max/%s%d/default.png' % ('!' if mirror else '', degrees))
    assert np.array_equal(got, reference.turn(image, mirror, degrees // 90))


def test_turning_comes_after_scaling(masters):
    image = reference.photograph(200, 150, seed=12)
    got = render(save(masters, 'after', image), '20,10,100,80/50,20/!90/default.png')
    assert_near(got, reference.turn(reference.scale(image, (20, 10, 120, 90), 50, 20), True, 1))


@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_orientation_is_applied_before_everything(masters, orientation):
    """CIPA DC-008 §4.6.4: 6 means that the stored image must be turned a quarter clockwise. Tolerance 3: JPEG."""
    stored = np.repeat(np.repeat(reference.noise(12, 8, 3, seed=2), 16, axis=0), 16, axis=1)
    path = masters / 'orientation.jpg'
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored.astype(np.uint8)).save(path, quality=98, subsampling=0, exif=exif)
    decoded = np.asarray(Image.open(path)).astype(np.float64)
    upright = reference.turn(decoded, *{1: (False, 0), 2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 3),
                                        6: (False, 1), 7: (True, 1), 8: (False, 3)}[orientation])
    got = render(path, 'full/max/0/default.png')
    assert got.shape == upright.shape
    assert np.abs(got - upright).max() <= 3
    part = render(path, '16,32,80,64/max/90/default.png')
    assert np.abs(part - reference.turn(upright[32:96, 16:96], False, 1)).max() <= 3


# --- rotation by any angle ------------------------------------------------------------------------------

def bounds(width, height, degrees):
    c, s = abs(np.cos(np.radians(degrees))), abs(np.sin(np.radians(degrees)))
    return int(np.floor(width * c + height * s + 0.5)), int(np.floor(height * c + width * s + 0.5))


@pytest.mark.parametrize('degrees', [22.5, 45, 100.25, 181, 359.5])
def test_rotation_has_the_canvas_corners_and_area_it_should(masters, degrees):
    image = np.full((80, 120, 3), (200.0, 90.0, 30.0))
    got = render(save(masters, 'flat', image), 'full/max/%s/default.png' % degrees)
    assert (got.shape[1], got.shape[0]) == bounds(120, 80, degrees)
    assert got.shape[2] == 4
    shown = got[..., 3] > 0
    assert np.abs(got[shown][:, :3] - (200, 90, 30)).max() <= 1          # no colour but the image's own
    assert abs(got[..., 3].sum() / 255 - 120 * 80) < 120 * 80 * 0.003    # nothing lost, nothing added
    partial = ((got[..., 3] > 0) & (got[..., 3] < 255)).sum()
    assert 0 < partial < 4 * (120 + 80)                                  # soft edges, and only edges


def test_rotation_goes_clockwise_about_the_centre(masters):
    image = np.zeros((101, 101, 3))
    image[48:53, 85:95] = 255
    got = render(save(masters, 'mark', image), 'full/max/30/default.png')
    y, x = np.mgrid[0:got.shape[0], 0:got.shape[1]]
    weight = got[..., 0] * got[..., 3]
    dx = (weight * (x + 0.5)).sum() / weight.sum() - got.shape[1] / 2
    dy = (weight * (y + 0.5)).sum() / weight.sum() - got.shape[0] / 2
    assert abs(dx - 39.5 * np.cos(np.radians(30))) < 0.1
    assert abs(dy - 39.5 * np.sin(np.radians(30))) < 0.1


def test_rotation_there_and_back_is_the_image(masters):
    """Tolerance: cubic interpolation twice of smooth shapes, mean under 1.5 levels away from the edges."""
    y, x = np.mgrid[0:120, 0:160].astype(np.float64)
    image = np.stack([128 + 90 * np.sin(x / 9), 128 + 90 * np.cos(y / 8), 128 + 80 * np.sin((x + y) / 12)], axis=2)
    image = np.floor(image + 0.5)
    once = render(save(masters, 'there', image), 'full/max/33/default.png')
    back = render(save(masters, 'back', once), 'full/max/327/default.png')
    top, left = (back.shape[0] - 120) / 2, (back.shape[1] - 160) / 2
    shifted = reference.scale(back[..., :3], (left, top, left + 160, top + 120), 160, 120)
    middle = np.abs(shifted - image)[15:-15, 15:-15]
    assert middle.mean() < 1.5


def test_corners_in_jpeg_are_of_the_background(masters):
    image = np.full((80, 120, 3), (10.0, 20.0, 30.0))
    out = np.asarray(Image.open(io.BytesIO(render_bytes(save(masters, 'dark', image), 'full/max/30/default.jpg'))))
    assert out[2, 2].min() >= 250
    assert np.abs(out[out.shape[0] // 2, out.shape[1] // 2].astype(int) - (10, 20, 30)).max() <= 4


# --- qualities --------------------------------------------------------------------------------------------

def test_gray_is_luma(masters):
    image = reference.noise(100, 80, 3, seed=21)
    got = render(save(masters, 'gray', image), 'full/max/0/gray.png')
    assert got.shape[2] == 1
    assert_near(got, reference.luma(image))


def test_gray_of_a_reduction(masters):
    """Qualities come after scaling (Image 3.0 §4.6): of colours that are already rounded and clamped."""
    image = reference.photograph(200, 150, seed=22)
    got = render(save(masters, 'gray2', image), 'full/60,/0/gray.png')
    assert_near(got, reference.luma(reference.finish(reference.scale(image, (0, 0, 200, 150), 60, 45))))


def test_alpha_goes_onto_white_in_jpeg(masters):
    """Tolerance 6: JPEG of flat fields."""
    image = np.zeros((64, 96, 4))
    image[..., :3] = (200, 40, 80)
    for i, alpha in enumerate((0, 64, 128, 255)):
        image[:, i * 24:i * 24 + 24, 3] = alpha
    out = Image.open(io.BytesIO(render_bytes(save(masters, 'ground', image), 'full/max/0/default.jpg')))
    got = np.asarray(out.convert('RGB')).astype(np.float64)
    want = reference.flatten(image, (255, 255, 255))
    for i in range(4):
        assert np.abs(got[8:-8, i * 24 + 8:i * 24 + 16] - want[8:-8, i * 24 + 8:i * 24 + 16]).max() <= 6


@pytest.mark.parametrize('level', [0, 20, 64, 127, 191, 240, 255])
def test_bitonal_keeps_the_brightness(masters, level):
    """Error diffusion: within 0.01 of the gray it stands for, in every quarter of the image; nothing but black and white."""
    image = np.full((160, 160, 3), float(level))
    got = render(save(masters, 'bitonal', image), 'full/max/0/bitonal.png')
    assert set(np.unique(got)) <= {0.0, 255.0, 1.0}
    light = got > 0
    for part in (light, light[:80, :80], light[:80, 80:], light[80:, :80], light[80:, 80:]):
        assert abs(part.mean() - level / 255) < 0.015


def test_bitonal_follows_the_picture(masters):
    image = reference.photograph(240, 200, seed=30)
    got = (render(save(masters, 'follow', image), 'full/max/0/bitonal.png') > 0) * 255.0
    want = reference.luma(image)
    assert np.abs(reference.low_pass(got, 6) - reference.low_pass(want, 6)).max() < 12


def test_bitonal_of_black_and_white_is_itself(masters):
    image = (reference.noise(90, 70, 1, seed=31) > 127) * 255.0
    got = render(save(masters, 'lineart', image), 'full/max/0/bitonal.png')
    assert np.array_equal(got > 0, image > 0)


# --- both versions of the interface give the same pixels ---------------------------------------------------

def test_versions_agree(masters):
    image = reference.photograph(100, 80, seed=40)
    path = save(masters, 'versions', image)
    for request in ('full/50,/0/default.png', '10,10,40,40/20,/!90/gray.png', 'pct:10,10,50,50/max/22.5/default.png'):
        assert np.array_equal(render(path, request, '2'), render(path, request, '3'))
