# SPDX-License-Identifier: Apache-2.0
"""One private httpd with both servers behind it: mod_iiif at /iiif, iipimage-server by mod_proxy_fcgi at /iip.

What a server spends is read from /proc: processor time of all threads of httpd's children and, for the peer, of its own
processes too. That way httpd's share of the work counts for both.
"""
import http.client
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "itest"))
import httpd_env  # noqa: E402
import trace  # noqa: E402

PEER = "/usr/lib/iipimage-server/iipsrv.fcgi"

CONF = """
StartServers 1
ServerLimit 1
MinSpareThreads 1
ThreadsPerChild 25
MaxRequestWorkers 25
LogLevel crit
KeepAliveTimeout 120
{global_conf}
<Location "/iiif">
    IIIFRoot "{masters}"
    IIIFVersion 3
    IIIFJPEGQuality 90 subsampling=420
    IIIFTimeout 120s
    IIIFMaxSourceArea none
</Location>
Alias "/static" "{masters}"
ProxyPass "/iip" "fcgi://127.0.0.1:{fcgi}/"
ProxyTimeout 120
<Directory "{masters}">
    Require all granted
</Directory>
<Location "/iip">
    Require all granted
</Location>
"""


class Peer:
    """iipimage-server: as many processes as processors, all on one socket (FastCGI takes it as descriptor 0)."""

    def __init__(self, masters, cache_mb):
        count = os.cpu_count() or 1
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(256)
        self.port = self.socket.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"], "FILESYSTEM_PREFIX": masters + "/", "JPEG_QUALITY": "90",
            # Its default of half the quality layers would be another picture.
            "MAX_LAYERS": "-1",
            "MAX_IMAGE_CACHE_SIZE": str(cache_mb // count), "MAX_CVT": "20000", "VERBOSITY": "0",
        }
        self.processes = [subprocess.Popen([PEER], stdin=self.socket, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                           env=environment) for _ in range(count)]

    def pids(self):
        return [process.pid for process in self.processes]

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        self.socket.close()


def thread_seconds(pid):
    """Processor time of a process, all threads, in seconds."""
    total = 0
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
                total += int(file.read().split()[0])
        return total / 1e9
    except FileNotFoundError:
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bytes_read(pid):
    with open("/proc/%d/io" % pid) as file:
        return int(file.readline().split()[1])


def forget_peak(pid):
    with open("/proc/%d/clear_refs" % pid, "w") as file:
        file.write("5")


def peak_kb(pid):
    with open("/proc/%d/status" % pid) as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


class Site:
    """Both servers, with caches (256 MB each) or without."""

    def __init__(self, masters, directives, caches):
        self.directives = directives
        self.masters = masters
        self.peer = Peer(masters, 256 if caches else 0) if os.path.exists(PEER) else None
        self.env = httpd_env.HttpdEnv(CONF, modules=["proxy", "proxy_fcgi"], loglevel="crit", masters=masters,
                                      fcgi=self.peer.port if self.peer else 1, global_conf=self._caches(caches))
        self.env.start()
        # It listens before its children are there.
        self.get("/static/none")

    def _caches(self, caches):
        lines = []
        if "IIIFPixelCache" in self.directives:
            lines.append("IIIFPixelCache " + ("256M" if caches else "off"))
        return "\n".join(lines)

    def stop(self):
        self.env.stop()
        if self.peer:
            self.peer.stop()

    def pids(self, who):
        return self.env.children() + (self.peer.pids() if who == "peer" else [])

    def warm(self, paths):
        """Asks for all at once, which takes all threads of httpd: each has its own heap, which grows at its first work only."""
        trace.run(self.env.port, [paths * (25 // len(paths) + 1)], connections=25)

    def cpu(self, who):
        return sum(thread_seconds(pid) for pid in self.pids(who))

    def read(self, who):
        return sum(bytes_read(pid) for pid in self.pids(who))

    @staticmethod
    def path(who, master, parameters):
        return ("/iiif/%s/%s" if who == "ours" else "/iip?IIIF=%s/%s") % (master, parameters)

    def get(self, path, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.env.port, timeout=120)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def cost(self, who, path):
        """(seconds of processor, bytes read, body) of one request."""
        cpu, read = self.cpu(who), self.read(who)
        status, _, body = self.get(path)
        # The thread still writes its log line.
        time.sleep(0.002)
        if status != 200:
            raise RuntimeError("%d for %s: %s" % (status, path, body[:300]))
        return self.cpu(who) - cpu, self.read(who) - read, body


def directives():
    """Names of the directives that this module knows: the benchmark uses what is there."""
    binary = os.path.join(httpd_env.apxs("SBINDIR"), httpd_env.apxs("PROGNAME"))
    modules = httpd_env.apxs("LIBEXECDIR")
    said = subprocess.run([binary, "-C", 'LoadModule mpm_event_module "%s/mod_mpm_event.so"' % modules,
                           "-C", 'LoadModule authz_core_module "%s/mod_authz_core.so"' % modules,
                           "-C", 'LoadModule iiif_module "%s"' % httpd_env.MODULE, "-f", "/dev/null", "-L"],
                          capture_output=True, text=True)
    return {line.split()[0] for line in said.stdout.splitlines() if line.startswith("IIIF")}


def jpeg_facts(data):
    """(width, height, sampling of the first component, checksum of the quantisation tables) of a JPEG."""
    at, tables, size, sampling = 2, [], None, None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError("not a JPEG")
        marker, length = data[at + 1], int.from_bytes(data[at + 2:at + 4], "big")
        body = data[at + 4:at + 2 + length]
        if marker == 0xDB:
            tables.append(body)
        elif 0xC0 <= marker <= 0xC2:
            size = (int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"))
            sampling = body[7]
        elif marker == 0xDA:
            break
        at += 2 + length
    return size[0], size[1], sampling, sum(b"".join(tables))
