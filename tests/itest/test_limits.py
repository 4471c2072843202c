# SPDX-License-Identifier: Apache-2.0
"""Budgets: what is refused for its size (400), for its master (501), for the moment (503), and what stays quick meanwhile."""
import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
from PIL import Image

import masters as made
from test_busy import gate, wait_until_idle

SERVER = '''
    IIIFRenderSlots 1
    IIIFQueue waiters=4 timeout=400ms retry-after=3s
    <Location "/iiif">
        IIIFRoot "{masters}"
        IIIFVersion 3
    </Location>
    <Location "/bounded">
        IIIFRoot "{masters}"
        IIIFMaxWidth 500
        IIIFMaxHeight 450
        IIIFMaxArea 150000
        IIIFUpscale On
    </Location>
    <Location "/wide">
        IIIFRoot "{masters}"
        IIIFVersion 3
        IIIFMaxWidth 300
    </Location>
    <Location "/double">
        IIIFRoot "{masters}"
        IIIFUpscale 2
    </Location>
    <Location "/small">
        IIIFRoot "{masters}"
        IIIFVersion 3
        IIIFMemory 16M
    </Location>
    <Location "/small/heavy">
        IIIFMemory 1G
    </Location>
    <Location "/area">
        IIIFRoot "{masters}"
        IIIFVersion 3
        IIIFMaxSourceArea 1M
    </Location>
    <Location "/area/noise.jpg">
        IIIFMaxSourceArea none
    </Location>
    <Location "/status">
        SetHandler server-status
        Require all granted
    </Location>
'''
SMALL = "/iiif/rgb.jpg/0,0,100,100/50,/0/default.jpg"
HEAVY = "/iiif/noise.jpg/full/max/%d/default.png"
UP = '<Location "/iiif">\nIIIFUpscale On\n</Location>\n'
# Some 64 million pixels, turned: many seconds of work.
LONG = "/iiif/noise.jpg/full/^7000,/%d/default.png"


@pytest.fixture(scope="module")
def server(make_module_env):
    return make_module_env(SERVER, modules=["status"])


@pytest.fixture
def busy(make_env):
    """A server that may enlarge, for renders that would take long."""
    return make_env(SERVER + UP, modules=["status"])


@pytest.fixture(scope="module")
def whole(masters):
    """A master that can only be decoded as a whole: 24 million pixels, interlaced."""
    pixels = numpy.zeros((4000, 6000, 3), numpy.uint8)
    pixels[:, :, 1] = numpy.arange(6000, dtype=numpy.uint16)[None, :] >> 5
    path = made.save(masters[0], "heavy/whole.png", Image.fromarray(pixels), compress_level=1)
    subprocess.run(["chmod", "-R", "a+rX", masters[0] + "/heavy"], check=True)
    interlace(path)
    return "heavy%2Fwhole.png"


def interlace(path):
    subprocess.run(["vips", "pngsave", path, path + ".new", "--interlace", "--compression", "1"], check=True)
    subprocess.run(["mv", path + ".new", path], check=True)
    subprocess.run(["chmod", "644", path], check=True)


def send(env, path):
    """A request whose answer nobody waits for yet."""
    connection = socket.create_connection(("127.0.0.1", env.port), 30)
    connection.sendall(("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path).encode())
    return connection


def wait_for(condition, seconds, what):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("not within %s s: %s" % (seconds, what))


# --- 400: over what info.json announces -------------------------------------------------------------------

def test_limits_are_announced(server):
    info = server.get("/bounded/3/rgb.jpg/info.json").json()
    assert (info["maxWidth"], info["maxHeight"], info["maxArea"]) == (500, 450, 150000)
    profile = server.get("/bounded/2/rgb.jpg/info.json").json()["profile"][1]
    assert (profile["maxWidth"], profile["maxHeight"], profile["maxArea"]) == (500, 450, 150000)
    info = server.get("/wide/rgb.jpg/info.json").json()
    assert info["maxWidth"] == 300 and "maxHeight" not in info
    assert server.get("/iiif/rgb.jpg/info.json").json()["maxArea"] == 67108864


@pytest.mark.parametrize("version, size", [
    (3, "500,300"), (3, "474,316"), (3, "^333,450"), (3, "max"), (3, "^max"), (2, "max"), (2, "500,300"), (2, "333,450"),
    (3, "^!500,450"), (3, "!500,450"),
])
def test_within_the_limits(server, version, size):
    image = server.get("/bounded/%d/rgb.jpg/full/%s/0/default.jpg" % (version, size))
    assert image.status == 200, image
    width, height = image.image().size
    assert width <= 500 and height <= 450 and width * height <= 150000


@pytest.mark.parametrize("version, region, size, limit", [
    (3, "full", "501,200", "500 by 450"), (3, "full", "^100,451", "500 by 450"), (3, "full", "^,451", "500 by 450"),
    (3, "full", "400,376", "150000"), (3, "full", "pct:90", "500 by 450"), (3, "full", "^pct:200", "500 by 450"),
    (3, "0,0,10,10", "^501,501", "500 by 450"), (3, "square", "388,388", "150000"),
    (2, "full", "full", "500 by 450"), (2, "full", "501,200", "500 by 450"), (2, "full", "100,451", "500 by 450"),
    (2, "full", "400,376", "150000"), (2, "0,0,10,10", "501,501", "500 by 450"), (2, "full", "pct:200", "500 by 450"),
])
def test_over_the_limits(server, version, region, size, limit):
    answer = server.get("/bounded/%d/rgb.jpg/%s/%s/0/default.jpg" % (version, region, size))
    assert answer.status == 400
    assert limit in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("rotation", ["0", "90", "45", "!180"])
def test_limits_are_of_the_size_before_turning(server, rotation):
    """Image 3.0 §5.3 speaks of the size parameter; what a rotation adds at the corners is not counted."""
    assert server.get("/bounded/3/rgb.jpg/full/474,316/%s/default.png" % rotation).status == 200


def test_width_alone_bounds_the_height(server):
    """Image 3.0 §5.3: maxHeight is maxWidth where it is not given."""
    assert server.get("/wide/rgb.jpg/0,0,100,400/100,301/0/default.jpg").status == 400
    assert server.get("/wide/rgb.jpg/0,0,100,400/100,300/0/default.jpg").status == 200
    assert server.get("/wide/rgb.jpg/0,0,100,400/max/0/default.jpg").image().size == (75, 300)


def test_factor_of_enlarging(server):
    assert server.get("/double/3/rgb.jpg/0,0,50,50/^100,100/0/default.jpg").status == 200
    assert server.get("/double/3/rgb.jpg/0,0,50,50/^101,100/0/default.jpg").status == 400
    assert server.get("/double/2/rgb.jpg/0,0,50,50/100,/0/default.jpg").status == 200
    assert server.get("/double/2/rgb.jpg/0,0,50,50/102,/0/default.jpg").status == 400


def test_refusals_are_free(server):
    """Nothing waits for a place to be told that it asks too much."""
    before = gate(server)
    for _ in range(20):
        assert server.get("/bounded/3/rgb.jpg/full/501,200/0/default.jpg").status == 400
    after = gate(server)
    assert (before["admitted"], before["refused"]) == (after["admitted"], after["refused"])


# --- 501: never, whatever the hour --------------------------------------------------------------------

def test_master_that_does_not_fit_the_memory(server, whole):
    assert server.get("/iiif/%s/full/100,/0/default.jpg" % whole).status == 200
    # The second lies in a section of its own that would like to lift the limit.
    for identifier in (whole, whole.replace("%2F", "/")):
        mark = server.mark()
        answer = server.get("/small/%s/full/100,/0/default.jpg" % identifier)
        assert answer.status == 501, answer
        assert "memory" in answer.text and "Retry-After" not in answer.headers and "Allow" not in answer.headers
        assert re.search(r"\[iiif:warn\].*IIIF1062: .*identifier heavy/whole.png", server.error_log(mark))
    # It is this master that does not fit.
    assert server.get("/small/rgb.jpg/full/100,/0/default.jpg").status == 200


@pytest.mark.parametrize("known", [False, True])
def test_master_of_too_many_pixels(make_env, known):
    """Also where another section has made its facts known, and for info.json: it would promise what is never given."""
    env = make_env(SERVER, modules=["status"])
    if known:
        assert env.get("/iiif/noise.jpg/info.json").status == 200
    for path in ("noise.jpg/full/9,/0/default.jpg", "noise.jpg/0,0,10,10/max/0/default.jpg", "noise.jpg/info.json"):
        mark = env.mark()
        answer = env.get("/area/" + path)
        assert answer.status == 501 and "Retry-After" not in answer.headers
        assert re.search(r"\[iiif:warn\].*IIIF\d{4}: .* larger than .*identifier noise.jpg|more pixels", env.error_log(mark))
    assert env.get("/area/rgb.jpg/full/9,/0/default.jpg").status == 200


# --- 503: not now -------------------------------------------------------------------------------------------

def test_queue_ends_at_its_time(busy):
    before = gate(busy)
    with send(busy, LONG % 33):
        wait_for(lambda: gate(busy)["busy"] == 1, 5, "the render has begun")
        mark = busy.mark()
        began = time.monotonic()
        answer = busy.get(HEAVY % 45)
        took = time.monotonic() - began
    assert answer.status == 503 and answer.headers["Retry-After"] == "3"
    assert 0.35 < took < 5
    assert re.search(r"\[iiif:warn\].*IIIF5002: .*identifier noise.jpg", busy.error_log(mark))
    busy.wait_for_log(r'" 503 .* stage=queue .*error=IIIF5002', name="access_log")
    wait_until_idle(busy)
    after = gate(busy)
    assert after["refused"] == before["refused"] + 1
    assert after["slots"] == 1


def test_queue_that_is_full(busy):
    """A further request is refused at once, not after the time of the queue."""
    with send(busy, LONG % 33):
        wait_for(lambda: gate(busy)["busy"] == 1, 5, "the render has begun")
        waiting = [send(busy, HEAVY % angle) for angle in range(10, 14)]
        wait_for(lambda: gate(busy)["waiting"] == 4, 5, "four wait")
        mark = busy.mark()
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(busy.get, HEAVY % angle) for angle in range(20, 24)]
            statuses = [answer.result().status for answer in answers]
        assert 503 in statuses
        assert re.search(r"IIIF5001: .*identifier noise.jpg", busy.error_log(mark))
        for connection in waiting:
            connection.close()
    wait_until_idle(busy)


def test_no_queue(make_env):
    env = make_env(SERVER.replace("waiters=4", "waiters=0") + UP, modules=["status"])
    with send(env, LONG % 33):
        wait_for(lambda: gate(env)["busy"] == 1, 5, "the render has begun")
        assert env.get(HEAVY % 45).status == 503
        assert env.get(SMALL).status == 503     # one slot, nothing reserved
        assert "IIIF5002" not in env.error_log() and env.error_log().count("IIIF5001") == 2
    wait_until_idle(env)


def test_reserve_is_never_given_to_large_renders(make_env):
    env = make_env(SERVER.replace("Slots 1", "Slots 2 reserve=1") + UP, modules=["status"])
    connections = [send(env, LONG % angle) for angle in (33, 34, 35)]
    wait_for(lambda: gate(env)["busy"] == 1, 5, "the render has begun")
    times = []
    for _ in range(10):
        assert gate(env)["busy"] == 1
        began = time.monotonic()
        assert env.get(SMALL).status == 200
        times.append(time.monotonic() - began)
    assert statistics.median(times) < 1
    for connection in connections:
        connection.close()
    wait_until_idle(env)


def test_time_is_over_while_it_streams(make_env):
    """Too late for a status: the transfer is cut so that everybody sees it."""
    env = make_env(SERVER + UP.replace("On", "On\nIIIFTimeout 1500ms"), modules=["status"])
    mark = env.mark()
    began = time.monotonic()
    with send(env, "/iiif/noise.jpg/full/^7000,/0/default.png") as connection:
        received = b""
        while chunk := connection.recv(1 << 20):
            received += chunk
    took = time.monotonic() - began
    head, _, body = received.partition(b"\r\n\r\n")
    assert re.search(r"\[iiif:warn\].*IIIF1003: .*identifier noise.jpg", env.error_log(mark))
    assert took < 8
    if head.startswith(b"HTTP/1.1 503"):    # nothing had been sent yet
        assert b"Retry-After: 3" in head
    else:
        assert head.startswith(b"HTTP/1.1 200") and b"Transfer-Encoding: chunked" in head
        assert not body.endswith(b"0\r\n\r\n") and b"<html" not in body[-2000:].lower()
    wait_until_idle(env)


# --- who goes away --------------------------------------------------------------------------------------

def test_place_is_free_soon_after_its_client_has_gone(busy):
    mark = busy.mark()
    connection = send(busy, LONG % 33)
    wait_for(lambda: gate(busy)["busy"] == 1, 5, "the render has begun")
    time.sleep(0.3)
    connection.close()
    wait_for(lambda: gate(busy)["busy"] == 0, 5, "the place is free")
    assert re.search(r"\[iiif:debug\].*IIIF(1002|6210)", busy.error_log(mark))


def test_place_in_the_queue_is_free_soon_after_its_client_has_gone(make_env):
    env = make_env(SERVER.replace("timeout=400ms", "timeout=20s") + UP, modules=["status"])
    with send(env, LONG % 33):
        wait_for(lambda: gate(env)["busy"] == 1, 5, "the render has begun")
        waiting = [send(env, HEAVY % angle) for angle in (34, 35, 36)]
        wait_for(lambda: gate(env)["waiting"] == 3, 5, "three wait")
        for connection in waiting:
            connection.close()
        wait_for(lambda: gate(env)["waiting"] == 0, 5, "nobody waits")
        assert gate(env)["busy"] == 1
    wait_until_idle(env)


# --- everybody else -----------------------------------------------------------------------------------------

# A process of its own, so that what it measures is the server and not the interpreter that keeps a hundred clients busy.
STOPWATCH = '''
import http.client, json, sys, time
port, seconds = int(sys.argv[1]), float(sys.argv[2])
until, times = time.monotonic() + seconds, []
while time.monotonic() < until:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/static.txt")
    response = connection.getresponse()
    assert response.status == 200 and response.read() == b"static\\n"
    connection.close()
    times.append((time.monotonic() - began) * 1000)
    time.sleep(0.02)
json.dump(times, sys.stdout)
'''


def ask_again_and_again(env, angle, over, statuses):
    """A client that wants one of the heaviest renders, reads what comes, and comes back when it is refused."""
    while not over.is_set():
        try:
            with send(env, LONG % angle) as connection:
                connection.settimeout(0.5)
                head = b""
                while not over.is_set():
                    try:
                        chunk = connection.recv(1 << 18)
                    except socket.timeout:
                        continue
                    if not chunk:
                        break
                    head = head or chunk[:15]
                if head:
                    statuses.append(int(head[9:12]))
        except OSError:
            pass
        over.wait(0.5)


def test_files_stay_quick_under_a_hundred_heavy_renders(make_env, capsys):
    """With the default gate."""
    env = make_env(re.sub(r"IIIF(RenderSlots|Queue) .*\n", "", SERVER) + UP, modules=["status"])
    env.write("htdocs/static.txt", "static\n")
    over, statuses = threading.Event(), []
    clients = [threading.Thread(target=ask_again_and_again, args=(env, 1 + i, over, statuses)) for i in range(100)]
    try:
        for client in clients:
            client.start()
        wait_for(lambda: gate(env)["waiting"] > 10, 10, "the queue fills")
        done = subprocess.run([sys.executable, "-c", STOPWATCH, str(env.port), "8"], capture_output=True, text=True,
                              timeout=60, check=True)
    finally:
        over.set()
        for client in clients:
            client.join()
    times = sorted(json.loads(done.stdout))
    said = "static file beside 100 heavy clients: %d requests, median %.1f ms, p90 %.1f ms, p100 %.1f ms" % (
        len(times), statistics.median(times), times[len(times) * 9 // 10], times[-1])
    with capsys.disabled():
        print("\n  " + said)
    assert 503 in statuses, "the gate was never full"
    assert set(statuses) <= {200, 503}
    assert len(times) > 100
    assert statistics.median(times) < 50 and times[len(times) * 9 // 10] < 50, said
    wait_until_idle(env)
