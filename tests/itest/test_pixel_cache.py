# SPDX-License-Identifier: Apache-2.0
"""IIIFPixelCache: each block is decoded about once for a screen of tiles, and nothing else shows that it is there."""
import os
import random
import re
import shutil
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
from PIL import Image

from masters import noise

SETTLED = 2.2     # a master changed less than two seconds ago is decoded without the cache

CONF = '''
    %s
    <Location "/iiif">
        IIIFRoot "{blocks}"
        IIIFVersion 3
    </Location>
    <Directory "{blocks}">
        Require all granted
    </Directory>
    <Location "/status">
        SetHandler server-status
        Require all granted
    </Location>
'''


def picture(width, height, seed):
    """Soft, with some grain: no two regions alike."""
    x, y = numpy.arange(width)[None, :, None], numpy.arange(height)[:, None, None]
    c = numpy.arange(3)[None, None, :]
    grain = numpy.random.default_rng(seed).integers(-6, 7, (height, width, 3))
    values = 127 + 80 * numpy.sin(x * 0.013 + c + seed) + 40 * numpy.cos(y * 0.021 - 2 * c) + grain
    return Image.fromarray(numpy.clip(values, 0, 255).astype(numpy.uint8))


def save_jp2(path, image, **options):
    with open(path + ".new", "wb") as file:
        image.save(file, "JPEG2000", **{"num_resolutions": 5, "irreversible": True, "quality_mode": "rates",
                                        "quality_layers": [15], **options})
    os.rename(path + ".new", path)


@pytest.fixture(scope="module")
def blocks():
    folder = tempfile.mkdtemp(prefix="iiif-blocks-")
    os.chmod(folder, 0o755)
    save_jp2(folder + "/untiled.jp2", picture(2304, 2200, 1))
    save_jp2(folder + "/tiled.jp2", picture(1500, 1300, 2), tile_size=(512, 512), irreversible=False, quality_layers=[0])
    save_jp2(folder + "/slow.jp2", noise(1024, 1024), irreversible=False, quality_layers=[0])
    save_jp2(folder + "/gray.jp2", picture(1300, 1100, 3).convert("L"))
    time.sleep(SETTLED)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cached(make_env, blocks):
    return make_env(CONF % "", modules=["status"], blocks=blocks)


def figures(env):
    text = env.get("/status?auto").text
    return {key: int(value) for key, value in re.findall(r"^IIIF(\w+): (\d+)$", text, re.M)}


def pixel_figures(env):
    return {key[5:]: value for key, value in figures(env).items() if key.startswith("Pixel")}


def wait_for_figure(env, name, least):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        state = figures(env)
        if state[name] >= least:
            return state
        time.sleep(0.005)
    raise AssertionError("%s stays %d" % (name, state[name]))


def tile(name, x, y, w=256, h=256, size="max", form="png"):
    return "/iiif/%s/%d,%d,%d,%d/%s/0/default.%s" % (name, x, y, w, h, size, form)


def screen(env, name, left, top):
    """16 tiles at once, as a viewer asks for them."""
    paths = [tile(name, left + 256 * (i % 4), top + 256 * (i // 4)) for i in range(16)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(env.get, paths))
    assert [answer.status for answer in answers] == [200] * 16
    return [answer.body for answer in answers]


def test_a_screen_decodes_each_block_once(cached):
    assert pixel_figures(cached) == {"Bytes": 256 << 20, "Used": 0, "Hits": 0, "Misses": 0, "Waits": 0, "Evictions": 0}
    screen(cached, "untiled.jp2", 1024, 1024)
    state = pixel_figures(cached)
    assert state["Misses"] == 1 and state["Hits"] == 15
    assert state["Used"] == 3 << 20
    screen(cached, "untiled.jp2", 512, 512)         # over the corner of four, one of which is there
    state = pixel_figures(cached)
    assert state["Misses"] == 4 and state["Hits"] == 15 + 13
    screen(cached, "untiled.jp2", 512, 512)
    assert pixel_figures(cached)["Misses"] == 4
    # Each level is its own.
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(cached.get, [tile("untiled.jp2", 1024 * (i % 2), 1024 * (i // 2), 1024, 1024, "512,") for i in range(4)]):
            assert answer.status == 200
    assert pixel_figures(cached)["Misses"] == 4 + 1    # of half the size these are one
    text = cached.get("/status").text
    assert "Cache of decoded blocks: 268435456 bytes" in text and "decoded: 5" in text


def regions(width, height, count):
    dice = random.Random(7)
    for _ in range(count):
        w, h = dice.randint(1, 700), dice.randint(1, 700)
        x, y = dice.randint(0, width - w), dice.randint(0, height - h)
        yield x, y, w, h, dice.choice(["max", "max", "%d," % max(1, w // 2), "pct:25", "%d," % max(1, w * 2 // 3)])


def test_pixels_are_the_same_with_and_without(make_env, blocks):
    on = make_env(CONF % "IIIFPixelCache 16M", modules=["status"], blocks=blocks)
    off = make_env(CONF % "IIIFPixelCache off", modules=["status"], blocks=blocks)
    for name, size in (("untiled.jp2", (2304, 2200)), ("tiled.jp2", (1500, 1300)), ("gray.jp2", (1300, 1100))):
        for region in regions(*size, 8):
            path = tile(name, *region)
            first, again, without = on.get(path), on.get(path), off.get(path)
            assert first.status == without.status == 200
            assert first.body == without.body and again.body == without.body, path
            assert first.headers["ETag"] == without.headers["ETag"]
    for path in ("/iiif/untiled.jp2/full/!600,600/0/default.png", "/iiif/untiled.jp2/full/max/0/default.png"):
        assert on.get(path).body == off.get(path).body
    state = pixel_figures(on)
    assert state["Hits"] > 10 and state["Evictions"] > 0 and state["Used"] <= state["Bytes"] == 16 << 20
    assert pixel_figures(off) == {}


def test_a_replaced_master_is_seen_at_once(cached, blocks):
    path, where = blocks + "/changing.jp2", tile("changing.jp2", 0, 0)
    pictures = [picture(900, 700, seed) for seed in (11, 12, 13)]
    save_jp2(path, pictures[0])
    assert cached.get(where).status == 200
    assert pixel_figures(cached)["Misses"] == 0       # changed just now
    time.sleep(SETTLED)
    old = cached.get(where).body
    assert cached.get(where).body == old
    assert pixel_figures(cached)["Misses"] == 1
    save_jp2(path, pictures[1])                       # another file under the same name
    new = cached.get(where).body
    assert new != old
    time.sleep(SETTLED)
    assert cached.get(where).body == new
    assert pixel_figures(cached)["Misses"] == 2
    save_jp2(path + ".other", pictures[2])            # the same file, other bytes, and the old time
    times = os.stat(path)
    with open(path + ".other", "rb") as source, open(path, "r+b") as target:
        target.write(source.read())
        target.truncate()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    last = cached.get(where)
    time.sleep(SETTLED)
    assert last.status == 200 and cached.get(where).body == last.body and last.body not in (old, new)
    os.unlink(path)
    assert cached.get(where).status == 404


def try_get(env, path):
    try:
        answer = env.get(path)
        return answer.status, answer.body
    except Exception:  # the connection's, when its child dies
        return None, None


def test_killed_children(cached, blocks):
    """Whoever decodes dies: who waits goes on without it."""
    with ThreadPoolExecutor(16) as pool:
        pending = [pool.submit(try_get, cached, tile("slow.jp2", 256 * (i % 4), 256 * (i // 4))) for i in range(16)]
        wait_for_figure(cached, "PixelMisses", 1)
        for pid in cached.children()[:1]:
            os.kill(pid, signal.SIGKILL)
        answers = [answer.result() for answer in pending]
    assert {status for status, _ in answers} <= {200, None}
    for _ in range(3):
        for pid in cached.children():
            os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 15
        while try_get(cached, tile("gray.jp2", 0, 0))[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
    source = numpy.asarray(noise(1024, 1024))
    for i in range(16):
        x, y = 256 * (i % 4), 256 * (i // 4)
        image = numpy.asarray(cached.get(tile("slow.jp2", x, y)).image())
        assert (image == source[y:y + 256, x:x + 256]).all()
        status, body = answers[i]
        assert status is None or body == cached.get(tile("slow.jp2", x, y)).body
    state = pixel_figures(cached)
    assert state["Used"] == (3 << 20) + 1024 * 1024     # of slow.jp2 one block, of gray.jp2 one
    assert figures(cached)["Busy"] == figures(cached)["Waiting"] == 0


ALLOWED_ERRORS = (r"AH00052: child pid \d+ exit signal Killed", r"AH00051: child pid")


def test_who_waits_leaves_its_place(make_env, blocks):
    """While one decodes, those who want the same hold none of the places of others."""
    env = make_env(CONF % "IIIFRenderSlots 2 reserve=0", modules=["status"], blocks=blocks)
    threads = [threading.Thread(target=env.get, args=(tile("slow.jp2", 256 * i, 0),)) for i in range(4)]
    for thread in threads:
        thread.start()
    # Three come in one after the other, see that it is under way, and step aside.
    state = wait_for_figure(env, "PixelWaits", 3)
    if state["PixelHits"] == 0:
        assert state["Busy"] <= 2 and state["Waiting"] >= 2
    for thread in threads:
        thread.join()
    state = figures(env)
    assert state["PixelMisses"] == 1 and state["PixelHits"] == 3
    assert state["Busy"] == state["Waiting"] == 0


def test_over_a_reload(cached):
    before = screen(cached, "untiled.jp2", 1024, 1024)
    cached.graceful()
    assert screen(cached, "untiled.jp2", 1024, 1024) == before
    assert figures(cached)["PixelMisses"] <= 2
