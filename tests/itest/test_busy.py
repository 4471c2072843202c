# SPDX-License-Identifier: Apache-2.0
"""Too much at once: the gate, budgets of time and memory, slow and vanished clients, children that die."""
import os
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

HEAVY = "/iiif/noise.jpg/full/max/%d/default.png"
SMALL = "/iiif/rgb.jpg/0,0,100,100/50,/0/default.jpg"

ONE_SLOT = '''
    IIIFRenderSlots 1
    IIIFQueue waiters=2 timeout=300ms retry-after=7s
    <Location "/iiif">
        IIIFRoot "{masters}"
        IIIFVersion 3
        %s
    </Location>
    <Location "/status">
        SetHandler server-status
        Require all granted
    </Location>
'''


@pytest.fixture
def narrow(make_env):
    env = make_env(ONE_SLOT % "", modules=["status"])
    env.write("htdocs/static.txt", "static\n")
    return env


def gate(env):
    """What the gate says of itself in server-status?auto, as numbers."""
    text = env.get("/status?auto").text
    return {key.lower(): int(value) for key, value in re.findall(r"^IIIF(\w+): (\d+)$", text, re.M)}


def wait_until_idle(env):
    """Nothing holds a place any more, and small things are served."""
    until = time.monotonic() + 15
    state = None
    while time.monotonic() < until:
        state = gate(env)
        if state["busy"] == state["waiting"] == 0:
            assert env.get(SMALL).status == 200
            return
        time.sleep(0.1)
    raise AssertionError("the gate stays closed: %s" % state)


def test_burst(narrow):
    """Some are served, the others are told when to come again; files stay quick."""
    with ThreadPoolExecutor(14) as pool:
        answers = [pool.submit(narrow.get, HEAVY % angle) for angle in range(31, 43)]
        slowest = 0
        for _ in range(20):
            began = time.monotonic()
            assert narrow.get("/static.txt").status == 200
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.02)
        answers = [answer.result() for answer in answers]
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {200, 503}
    for answer in refused:
        assert answer.headers["Retry-After"] == "7"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "busy" in answer.text
        assert "ETag" not in answer.headers
    assert slowest < 0.5
    assert re.search(r"\[iiif:warn\].*IIIF500[12]: .*busy.*identifier noise.jpg", narrow.error_log())
    wait_until_idle(narrow)


def test_streams_that_compete_all_end_well(make_env):
    """Between two chunks a stream gives its place away; it must get it back however many want it."""
    env = make_env((ONE_SLOT % "").replace("waiters=2 timeout=300ms", "waiters=3 timeout=100ms"), modules=["status"])
    with ThreadPoolExecutor(6) as pool:
        answers = [answer.result() for answer in [pool.submit(env.get, HEAVY % angle) for angle in range(31, 37)]]
    assert {answer.status for answer in answers} <= {200, 503}
    assert [answer for answer in answers if answer.status == 200]
    for answer in answers:
        if answer.status == 200:
            assert answer.image().size[0] > 2000


def test_documents_and_conditions_do_not_queue(narrow):
    etag = narrow.head(HEAVY % 33).headers["ETag"]
    with ThreadPoolExecutor(8) as pool:
        renders = [pool.submit(narrow.get, HEAVY % angle) for angle in range(51, 55)]
        time.sleep(0.1)
        assert narrow.get(HEAVY % 33, if_none_match=etag).status == 304
        assert narrow.get("/iiif/rgb.jpg/info.json").status == 200
        assert narrow.head(HEAVY % 33).status == 200
        assert narrow.get("/iiif/rgb.jpg").status == 303
        for render in renders:
            render.result()


def test_reserve_for_small_renders(make_env):
    env = make_env((ONE_SLOT % "").replace("IIIFRenderSlots 1", "IIIFRenderSlots 2 reserve=1"), modules=["status"])
    with ThreadPoolExecutor(8) as pool:
        renders = [pool.submit(env.get, HEAVY % angle) for angle in range(31, 35)]
        time.sleep(0.15)
        statuses = [env.get(SMALL).status for _ in range(5)]
        for render in renders:
            render.result()
    assert set(statuses) == {200}


def test_slow_reader_leaves_its_place_to_others(narrow):
    """A stream that its client does not read must not close the service."""
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", narrow.port))
        slow.sendall(b"GET /iiif/noise.jpg/full/max/0/default.png HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        time.sleep(0.5)
        for _ in range(5):
            assert narrow.get(SMALL).status == 200
        # And it gets the rest when it reads on.
        rest = b""
        slow.settimeout(30)
        while True:
            chunk = slow.recv(1 << 20)
            if not chunk:
                break
            rest += chunk
    assert rest.endswith(b"0\r\n\r\n")


def test_slowness_of_the_client_is_not_counted(make_env):
    """IIIFTimeout is for rendering, not for a slow line."""
    env = make_env(ONE_SLOT % "IIIFTimeout 2s")
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", env.port))
        slow.sendall(b"GET /iiif/noise.jpg/full/max/0/default.png HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        time.sleep(3)
        slow.settimeout(30)
        rest = b""
        while True:
            chunk = slow.recv(1 << 20)
            if not chunk:
                break
            rest += chunk
    assert rest.endswith(b"0\r\n\r\n")


def test_clients_that_go_free_their_places(narrow):
    for angle in range(31, 37):
        connection = socket.create_connection(("127.0.0.1", narrow.port))
        connection.sendall(b"GET " + (HEAVY % angle).encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.05)
        connection.close()
    began = time.monotonic()
    wait_until_idle(narrow)
    assert time.monotonic() - began < 3


def test_killed_child_frees_its_places(narrow):
    """The parent sweeps what a dead process held."""
    done = []
    worker = threading.Thread(target=lambda: done.append(try_get(narrow, HEAVY % 33)))
    worker.start()
    time.sleep(0.2)
    for pid in narrow.children():
        os.kill(pid, signal.SIGKILL)
    worker.join()
    assert done == [None]
    wait_until_idle(narrow)


def try_get(env, path):
    try:
        return env.get(path).status
    except OSError:
        return None
    except Exception:  # http.client's own, when the connection ends early
        return None


def test_graceful_restart_during_a_render(narrow):
    with ThreadPoolExecutor(2) as pool:
        render = pool.submit(narrow.get, HEAVY % 33)
        time.sleep(0.2)
        narrow.graceful()
        answer = render.result()
    assert answer.status == 200
    assert answer.image().size[0] > 2000
    wait_until_idle(narrow)


def test_time_budget(make_env):
    env = make_env(ONE_SLOT % "IIIFTimeout 50ms")
    mark = env.mark()
    response = env.get(HEAVY % 33)
    assert response.status == 503
    assert response.headers["Retry-After"] == "7"
    assert re.search(r"\[iiif:warn\].*IIIF1003", env.error_log(mark))
    assert env.get("/iiif/rgb.jpg/info.json").status == 200


def test_memory_budget(make_env):
    env = make_env(ONE_SLOT % "IIIFMemory 16M\n        IIIFUpscale On")
    response = env.get("/iiif/noise.jpg/full/^4000,/33/default.png")
    assert response.status == 501
    assert "Allow" not in response.headers
    assert env.get(SMALL).status == 200


def test_source_area(make_env):
    env = make_env(ONE_SLOT % "IIIFMaxSourceArea 1M")
    assert env.get("/iiif/noise.jpg/full/9,/0/default.jpg").status == 501
    assert env.get(SMALL).status == 200
