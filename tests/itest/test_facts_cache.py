# SPDX-License-Identifier: Apache-2.0
"""IIIFFactsCache with each provider really running, with one that has gone away, and without."""
import os
import shutil
import socket
import subprocess
import time

import pytest

import masters as made
from httpd_env import free_port

SERVER = '''
    IIIFFactsCache %s
    <Location "/iiif">
        IIIFRoot "{masters}"
        IIIFVersion 3
    </Location>
'''
INFO = "/iiif/rgb.jpg/info.json"
TILE = "/iiif/rgb.jpg/0,0,100,100/50,/0/default.jpg"

# What httpd's own providers say when their server is not there.
ALLOWED_ERRORS = [r"\[socache_\w+:\w+\]", r"AH0\d+: (?:socache|memcache|redis)"]


class Store:
    """memcached or redis-server on a loopback port of its own."""

    def __init__(self, kind, folder):
        self.kind, self.folder, self.port, self.process = kind, folder, free_port(), None

    def start(self):
        port = str(self.port)
        if self.kind == "memcache":
            command = ["memcached", "-l", "127.0.0.1", "-p", port, "-U", "0", "-m", "16"]
            if os.geteuid() == 0:
                command += ["-u", "nobody"]
        else:
            command = ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir",
                       self.folder]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("%s does not listen" % command[0])

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, line, until):
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(line.encode() + b"\r\n")
            answer = b""
            while until not in answer:
                chunk = connection.recv(65536)
                if not chunk:
                    break
                answer += chunk
            return answer.decode()

    def entries(self):
        """How many facts it holds."""
        if self.kind == "memcache":
            stats = self.ask("stats", b"END\r\n")
            return int(stats.split("STAT curr_items ")[1].split()[0])
        return int(self.ask("DBSIZE", b"\r\n").strip().lstrip(":"))

    def hits(self):
        if self.kind == "memcache":
            return int(self.ask("stats", b"END\r\n").split("STAT get_hits ")[1].split()[0])
        return int(self.ask("INFO stats", b"keyspace_misses").split("keyspace_hits:")[1].split()[0])

    @property
    def specification(self):
        return "%s:127.0.0.1:%d" % (self.kind, self.port)


@pytest.fixture(params=["memcache", "redis"])
def store(request, tmp_path):
    program = {"memcache": "memcached", "redis": "redis-server"}[request.param]
    if shutil.which(program) is None:
        pytest.skip("needs " + program)
    store = Store(request.param, str(tmp_path))
    store.start()
    yield store
    store.stop()


def restart_children(env):
    """New children know nothing of their own."""
    before = set(env.children())
    env.graceful()
    until = time.monotonic() + 20
    while set(env.children()) & before and time.monotonic() < until:
        time.sleep(0.1)


def test_facts_are_shared_over_the_network(make_env, store):
    env = make_env(SERVER % store.specification, modules=["socache_" + store.kind])
    right = env.get(INFO).json()
    assert right["width"] == 600
    assert store.entries() == 1
    for name in ("gray.png", "alpha.png", "book1%2Fp003.jpg"):
        assert env.get("/iiif/%s/info.json" % name).status == 200
    assert store.entries() == 4
    # What new children find there is what was put in.
    restart_children(env)
    hits = store.hits()
    assert env.get(INFO).json() == right
    assert env.get(TILE).image().size == (50, 50)
    assert store.hits() > hits and store.entries() == 4


def test_store_that_goes_away(make_env, store):
    """Service goes on without, and with it again when it is back."""
    env = make_env(SERVER % store.specification, modules=["socache_" + store.kind])
    assert env.get(INFO).status == 200
    store.stop()
    restart_children(env)
    began = time.monotonic()
    for name in ("rgb.jpg", "gray.png", "alpha.png"):
        for _ in range(3):
            assert env.get("/iiif/%s/info.json" % name).status == 200
        assert env.get("/iiif/%s/full/50,/0/default.jpg" % name).status == 200
    assert time.monotonic() - began < 20
    store.start()
    # Clients of both kinds leave a dead server alone for a while.
    until = time.monotonic() + 20
    entries = 0
    while entries == 0 and time.monotonic() < until:
        restart_children(env)
        assert env.get("/iiif/rgb.jpg/full/40,/0/default.jpg").status == 200
        entries = store.entries()
        time.sleep(0.5)
    assert entries > 0


def test_store_that_never_was(make_env):
    env = make_env(SERVER % ("memcache:127.0.0.1:%d" % free_port()), modules=["socache_memcache"])
    began = time.monotonic()
    for _ in range(3):
        assert env.get(INFO).json()["width"] == 600
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("poison", [b"", b"x", b"\0" * 900, b"\xff" * 900], ids=["empty", "short", "zeros", "ones"])
def test_what_is_no_record_of_ours_is_passed_over(make_env, tmp_path, poison):
    """Whoever can write to the store can make service slow, not wrong."""
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server")
    store = Store("redis", str(tmp_path))
    store.start()
    try:
        env = make_env(SERVER % store.specification, modules=["socache_redis"])
        right = env.get(INFO).json()
        with socket.create_connection(("127.0.0.1", store.port), 5) as connection:
            connection.sendall(b"RANDOMKEY\r\n")
            length = int(read_line(connection)[1:])
            key = read_exactly(connection, length)
            read_line(connection)
            connection.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(key), key, len(poison), poison))
            assert read_line(connection) == b"+OK"
        restart_children(env)
        assert env.get(INFO).json() == right
        assert env.get(TILE).status == 200
    finally:
        store.stop()


def read_line(connection):
    line = b""
    while not line.endswith(b"\r\n"):
        line += read_exactly(connection, 1)
    return line[:-2]


def read_exactly(connection, length):
    data = b""
    while len(data) < length:
        chunk = connection.recv(length - len(data))
        assert chunk, "redis closed the connection"
        data += chunk
    return data


@pytest.mark.parametrize("specification, modules", [
    ("shmcb", ["socache_shmcb"]), ("shmcb:64K", ["socache_shmcb"]), ("none", ["socache_shmcb"]), ("none", []),
])
def test_on_this_machine(make_env, specification, modules):
    """Also one so small that it is full at once: what has no room in it is read from the file."""
    env = make_env(SERVER % specification, modules=modules)
    for _ in range(2):
        for n in range(40):
            info = env.get("/iiif/%s/info.json" % ("rgb.jpg", "gray.png", "alpha.png", "noise.jpg")[n % 4]).json()
            assert info["width"] == (600, 600, 300, 2000)[n % 4]


def test_small_cache_and_many_masters(make_env, masters):
    folder = masters[0]
    for n in range(120):
        made.save(folder, "many/%03d.png" % n, made.gradient(10 + n, 10), format="PNG")
    subprocess.run(["chmod", "-R", "a+rX", folder + "/many"], check=True)
    env = make_env(SERVER % "shmcb:16K", modules=["socache_shmcb"])
    for _ in range(2):
        for n in range(120):
            assert env.get("/iiif/many%%2F%03d.png/info.json" % n).json()["width"] == 10 + n


def test_default_where_nothing_is_loaded(make_env):
    env = make_env((SERVER % "none").replace("IIIFFactsCache none", ""))
    assert env.get(INFO).status == 200
