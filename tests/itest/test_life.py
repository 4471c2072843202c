# SPDX-License-Identifier: Apache-2.0
"""Restarts, deaths, process models, HTTP/2, and whether anything grows while viewers walk about."""
import http.client
import io
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

import h2
import masters as made
from test_busy import gate, try_get, wait_until_idle

SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", 30))

SERVER = '''
    <Location "/iiif">
        IIIFRoot "{masters}"
        IIIFVersion 3
        IIIFUpscale On
    </Location>
    <Location "/status">
        SetHandler server-status
        Require all granted
    </Location>
'''
TILE = "/iiif/rgb.jpg/0,0,256,256/128,/0/default.jpg"
INFO = "/iiif/rgb.jpg/info.json"
HEAVY = "/iiif/noise.jpg/full/max/%d/default.png"
LONG = "/iiif/noise.jpg/full/^7000,/%d/default.png"
STREAMED = "/iiif/noise.jpg/full/max/0/default.jpg"


def resident(pid):
    """MiB"""
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def wait_for(condition, seconds, what):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("not within %s s: %s" % (seconds, what))


class LightLoad:
    """One client that asks for a tile twenty times a second, each on a connection of its own."""

    def __init__(self, env):
        self.env = env
        self.statuses = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            self.statuses.append(try_get(self.env, TILE))
            self.over.wait(0.05)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.over.set()
        self.thread.join()


# --- process models -----------------------------------------------------------------------------------

@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_process_model(make_env, mpm):
    """The same answers, one gate for all processes, and life after a death, whatever the model."""
    env = make_env("IIIFRenderSlots 1\nIIIFQueue waiters=1 timeout=200ms\n" + SERVER, modules=["status"], mpm=mpm)
    assert len(env.children()) >= 2
    etags = {env.get(TILE).headers["ETag"] for _ in range(8)}
    assert len(etags) == 1
    assert env.get(TILE, if_none_match=etags.pop()).status == 304
    assert env.head(TILE).status == 200
    assert env.get(INFO).json()["width"] == 600
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda angle: env.get(HEAVY % angle).status, range(31, 37)))
    assert 200 in statuses and set(statuses) <= {200, 503}
    if mpm == "prefork":
        assert 503 in statuses      # the slots are shared by processes, or nobody would have been refused
    wait_until_idle(env)
    for pid in env.children():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: try_get(env, TILE) == 200, 10, "it serves again")
    env.graceful()
    assert env.get(TILE).status == 200


# --- deaths and restarts ------------------------------------------------------------------------------

def test_children_killed_during_renders(make_env):
    """Again and again: no slot stays taken, and what others ask for meanwhile is answered."""
    env = make_env("IIIFRenderSlots 2\n" + SERVER, modules=["status"])
    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            renders = [pool.submit(try_get, env, LONG % angle) for angle in range(31, 35)]
            wait_for(lambda: gate(env)["busy"] > 0, 10, "a render has begun")
            victims = env.children()
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            for render in renders:
                assert render.result() in (None, 503)
        wait_for(lambda: not set(victims) & set(env.children()), 10, "the parent has noticed")
        wait_until_idle(env)
    assert "IIIF6054" in env.error_log()
    assert gate(env)["waiting"] == 0


def test_thirty_graceful_restarts(make_env):
    env = make_env(SERVER, modules=["status", "socache_shmcb"])
    sizes, files = [], []
    with LightLoad(env) as load:
        for _ in range(30):
            env.graceful()
            assert env.get(INFO).status == 200
            sizes.append(resident(env.process.pid))
            files.append(descriptors(env.process.pid))
        time.sleep(0.3)
    assert set(load.statuses) == {200}, load.statuses
    # What httpd itself and the allocator need is there after a few.
    assert sizes[-1] - sizes[9] < 1.0, sizes
    assert files[-1] <= files[9], files
    wait_for(lambda: len(env.children()) <= 6, 20, "the old generations have gone")
    assert env.get(TILE).status == 200
    wait_until_idle(env)


def test_restart_that_waits_for_nobody(make_env):
    """SIGHUP cuts what runs; the next generation serves with an empty gate."""
    env = make_env("IIIFRenderSlots 1\n" + SERVER, modules=["status"])
    with ThreadPoolExecutor(1) as pool:
        render = pool.submit(try_get, env, LONG % 33)
        wait_for(lambda: gate(env)["busy"] == 1, 10, "the render has begun")
        mark = env.mark()
        env.process.send_signal(signal.SIGHUP)
        env.wait_for_log("configured -- resuming", mark, timeout=30)
        assert render.result() is None
    wait_until_idle(env)


def test_graceful_stop_lets_a_render_finish(make_env):
    env = make_env(SERVER)
    with ThreadPoolExecutor(1) as pool:
        render = pool.submit(env.get, HEAVY % 33)
        time.sleep(0.2)
        env.process.send_signal(signal.SIGWINCH)
        answer = render.result()
    assert answer.status == 200 and answer.image().size[0] > 2000
    assert env.process.wait(30) == 0


# --- HTTP/2 ---------------------------------------------------------------------------------------------

@pytest.fixture
def http2(make_env):
    return make_env("Protocols h2c http/1.1\n" + SERVER, modules=["http2", "status"], mpm="event")


def test_http2_answers_as_http1(http2):
    with h2.Connection(http2.port) as connection:
        for path in (TILE, INFO, STREAMED):
            answer, plain = connection.get(path), http2.get(path)
            assert answer.status == 200 and answer.ended and bytes(answer.body) == plain.body
            head = connection.get(path, "HEAD")
            assert head.status == 200 and head.ended and not head.body
            unchanged = connection.get(path, if_none_match=plain.headers["ETag"])
            assert unchanged.status == 304 and not unchanged.body
        assert connection.get(TILE, range="bytes=0-9").status == 206
        assert connection.get("/iiif/rgb.jpg/full/0,/0/default.jpg").status == 400
        assert connection.get("/iiif/nothing/info.json").status == 404
        assert connection.get(INFO, "OPTIONS").status == 204
        assert connection.get("/iiif/a%2Fb.png/info.json").status == 200


def test_http2_tiles_at_once(http2):
    """A screen of tiles on one connection, each whole and of its size."""
    paths = ["/iiif/noise.jpg/%d,%d,256,256/256,/0/default.jpg" % (x, y) for x in range(0, 1536, 256)
             for y in range(0, 1280, 256)]
    with h2.Connection(http2.port) as connection:
        for answer in connection.wait([connection.ask(path) for path in paths]):
            assert answer.status == 200 and answer.ended
            with Image.open(io.BytesIO(bytes(answer.body))) as image:
                image.load()
                assert image.size == (256, 256)


def test_http2_stream_that_is_cancelled(http2):
    """The connection lives on; the place of the render is free soon, and the other streams do not notice."""
    with h2.Connection(http2.port) as connection:
        for _ in range(3):
            long = [connection.ask(LONG % angle) for angle in (33, 34)]
            wait_for(lambda: gate(http2)["busy"] > 0, 10, "the render has begun")
            for number in long:
                connection.cancel(number)
            assert connection.get(INFO).status == 200
            wait_for(lambda: gate(http2)["busy"] == gate(http2)["waiting"] == 0, 6, "the places are free")
            assert connection.get(TILE).status == 200
        assert not connection.goaway


def test_http2_connection_that_is_cut(http2):
    for _ in range(3):
        with h2.Connection(http2.port) as connection:
            for angle in (33, 34, 35):
                connection.ask(LONG % angle)
            wait_for(lambda: gate(http2)["busy"] > 0, 10, "the render has begun")
        wait_for(lambda: gate(http2)["busy"] == gate(http2)["waiting"] == 0, 6, "the places are free")


def test_http2_reader_that_is_slow(http2):
    """A stream whose window is shut holds no place that others need."""
    with h2.Connection(http2.port, window=65535) as slow:
        stream = slow.ask("/iiif/noise.jpg/full/max/0/default.png")
        while len(slow.streams[stream].body) < 30000:
            slow.step()
        for _ in range(5):
            assert http2.get(TILE).status == 200
    wait_for(lambda: gate(http2)["busy"] == 0, 5, "the place is free")


@pytest.mark.skipif(shutil.which("nghttp") is None, reason="needs nghttp (nghttp2-client)")
def test_http2_by_upgrade(http2):
    """h2c by Upgrade from HTTP/1.1, by a client that is not ours."""
    done = subprocess.run(["nghttp", "-u", "-v", http2.url(INFO)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and ":status: 200" in done.stdout and '"ImageService3"' in done.stdout


# --- viewers that walk about --------------------------------------------------------------------------

@pytest.fixture
def collection(masters):
    """Masters of some size, one of each format that is built in everywhere."""
    folder = masters[0] + "/soak"
    if not os.path.isdir(folder):
        image = made.gradient(2400, 1800)
        image.paste(made.noise(800, 600), (700, 500))
        for name, options in (("a.jpg", {"quality": 90}), ("b.jpg", {"quality": 90, "progressive": True}),
                              ("c.png", {"compress_level": 1})):
            made.save(masters[0], "soak/" + name, image, **options)
        subprocess.run(["vips", "tiffsave", folder + "/c.png", folder + "/d.tif", "--tile", "--pyramid", "--compression",
                        "deflate"], check=True)
        subprocess.run(["opj_compress", "-i", folder + "/c.png", "-o", folder + "/e.jp2", "-t", "512,512", "-n", "5",
                        "-r", "10"], check=True, capture_output=True)
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    return ["soak%2F" + name for name in sorted(os.listdir(folder))]


class Viewer:
    """Opens an image, walks over its tiles at one scale or another, comes back to some; one connection for all of it."""

    def __init__(self, env, seed, images):
        self.env, self.random, self.images = env, random.Random(seed), images
        self.connection = http.client.HTTPConnection("127.0.0.1", env.port, timeout=60)
        self.etags = {}
        self.statuses = {}
        self.reconnects = -1

    def get(self, path, headers=None):
        if self.connection.sock is None:
            self.reconnects += 1
        self.connection.request("GET", path, headers=headers or {})
        response = self.connection.getresponse()
        body = response.read()
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        if response.getheader("ETag"):
            self.etags[path] = response.getheader("ETag")
        return body

    def tile(self, image, scale, column, row):
        size = 512 * scale
        x, y = column * size, row * size
        width, height = min(size, 2400 - x), min(size, 1800 - y)
        kind = self.random.choices(["default.jpg", "default.png", "default.webp", "gray.jpg"], [12, 1, 1, 1])[0]
        return "/iiif/%s/%d,%d,%d,%d/%d,/0/%s" % (image, x, y, width, height, -(-width // scale), kind)

    def walk(self, until):
        while time.monotonic() < until:
            image = self.random.choice(self.images)
            self.get("/iiif/%s/info.json" % image)
            self.get("/iiif/%s/full/!200,200/0/default.jpg" % image)
            scale = self.random.choice([1, 2, 4])
            across, down = -(-2400 // (512 * scale)), -(-1800 // (512 * scale))
            column, row = self.random.randrange(across), self.random.randrange(down)
            for _ in range(self.random.randrange(3, 12)):
                path = self.tile(image, scale, column, row)
                self.get(path, {"If-None-Match": self.etags[path]} if path in self.etags else {})
                column = max(0, min(across - 1, column + self.random.choice([-1, 0, 1])))
                row = max(0, min(down - 1, row + self.random.choice([-1, 0, 1])))
                if time.monotonic() >= until:
                    return


def test_soak(make_env, collection, capsys):
    """Nothing grows: neither memory nor descriptors, over some thousand requests on connections that stay open."""
    env = make_env("StartServers 2\nMaxKeepAliveRequests 0\nMinSpareThreads 1\nMaxSpareThreads 75\n" + SERVER,
                   modules=["status", "socache_shmcb"], loglevel="warn")
    viewers = [Viewer(env, seed, collection) for seed in range(6)]
    began = time.monotonic()
    samples = []
    with ThreadPoolExecutor(len(viewers)) as pool:
        walks = [pool.submit(viewer.walk, began + SOAK_SECONDS) for viewer in viewers]
        while not all(walk.done() for walk in walks):
            time.sleep(0.25)
            children = env.children()
            samples.append((time.monotonic() - began, sum(map(resident, children)), sum(map(descriptors, children))))
        for walk in walks:
            walk.result()
    statuses = {}
    for viewer in viewers:
        for status, count in viewer.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    # The first third is for caches and for the stacks and arenas of threads.
    late = [sample for sample in samples if sample[0] > SOAK_SECONDS / 3]
    third = max(1, len(late) // 3)
    first, last = (sum(sample[1] for sample in part) / len(part) for part in (late[:third], late[-third:]))
    with capsys.disabled():
        print("\n  soak: %s, resident %.1f then %.1f MiB in all children, descriptors %d then %d" % (
            statuses, first, last, late[0][2], late[-1][2]))
    assert set(statuses) <= {200, 304, 503} and statuses.get(503, 0) <= sum(statuses.values()) // 100
    assert statuses[200] > 100 and statuses[304] > 5
    assert last < first * 1.1 + 20, samples
    # Two renders at a time, of masters that take some MiB each: that is all that may be kept.
    assert last < 64 * len(env.children()), samples
    assert max(sample[2] for sample in late) <= late[0][2] + 12, samples
    assert sum(viewer.reconnects for viewer in viewers) <= 2, "connections are kept"
    wait_until_idle(env)
