# SPDX-License-Identifier: Apache-2.0
"""A private httpd for tests.

    env = HttpdEnv('''
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''', modules=["headers"], masters=path)
    env.start()
    env.get("/iiif/3/a.jpg/info.json").json()
    env.stop()

Each server has its own root below the temporary directory, its own port on 127.0.0.1, and needs no rights: as root it runs
as an unprivileged user, else as the caller. `{name}` in the configuration is replaced by the keyword of that name; `{root}`
is the server root, `{port}` its port, `{port2}` a second one, which is listened on only where the configuration says so.
Braces of httpd's own (`%{...}`, `${...}`) are left alone.

Environment:
    BUILD   where mod_iiif.so lies (default: build below the checkout)
    MPM     event (default), worker or prefork
    APXS    (default: apxs)
    HTTPD_PRELOAD  libraries for LD_PRELOAD, for a build with sanitizers (libasan.so libubsan.so)
    KEEP    set: server roots are left for a look
"""
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(CHECKOUT, "build")))
MODULE = os.path.join(BUILD, "mod_iiif.so")
MPM = os.environ.get("MPM", "event")

# What every test server loads; more by `modules`.
MODULES = ["authn_core", "authz_core", "authz_host", "authz_user", "authn_file", "auth_basic", "mime", "dir", "alias",
           "setenvif", "env", "filter", "headers"]
# Part of the binary on some systems.
MAYBE_STATIC = ["unixd", "log_config", "watchdog", "so", "version"]


def apxs(name):
    tool = os.environ.get("APXS") or shutil.which("apxs") or shutil.which("apxs2") or "apxs"
    return subprocess.run([tool, "-q", name], capture_output=True, text=True, check=True).stdout.strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unprivileged():
    """User and group to run as when we are root."""
    for name in ("www-data", "apache", "httpd", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return name, "#%d" % user.pw_gid
    raise RuntimeError("no unprivileged user to run httpd as")


class Headers:
    """Response headers, names without regard to case; several of one name are joined by ", "."""

    def __init__(self, pairs):
        self.pairs = list(pairs)

    def get_all(self, name):
        return [value for key, value in self.pairs if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.get_all(name)
        return ", ".join(values) if values else default

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name):
        return self.get(name) is not None

    def __repr__(self):
        return repr(self.pairs)


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = Headers(headers)
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)

    def image(self):
        """As PIL image, decoded."""
        import io

        from PIL import Image
        image = Image.open(io.BytesIO(self.body))
        image.load()
        return image

    def __repr__(self):
        return "<%d %r %r>" % (self.status, self.headers, self.body[:200])


class HttpdEnv:
    def __init__(self, conf, modules=(), mpm=None, loglevel="warn iiif:debug", server_conf="", **names):
        self.mpm = mpm or MPM
        self.modules = MODULES + [m for m in modules if m not in MODULES]
        self.port = free_port()
        self.port2 = free_port()
        self.loglevel = loglevel
        self.process = None
        self.root = tempfile.mkdtemp(prefix="iiif-httpd-")
        # pytest's and Debian's /root are closed to others.
        os.chmod(self.root, 0o755)
        self.libexecdir = apxs("LIBEXECDIR")
        self.binary = os.path.join(apxs("SBINDIR"), apxs("PROGNAME"))
        for folder in ("logs", "htdocs", "run"):
            os.mkdir(os.path.join(self.root, folder), 0o755)
        if os.geteuid() == 0:
            user = pwd.getpwnam(unprivileged()[0])
            os.chown(os.path.join(self.root, "run"), user.pw_uid, user.pw_gid)
        self.names = dict(names, root=self.root, port=self.port, port2=self.port2)
        self.conf_path = self.write("httpd.conf", self._base() + self.expand(server_conf) + self.expand(conf))

    # --- configuration -------------------------------------------------------------------------------

    def expand(self, text):
        return re.sub(r"(?<![%$])\{(\w+)\}", lambda m: str(self.names.get(m.group(1), m.group(0))), text)

    def write(self, name, text, mode=0o644):
        """Writes a file below the server root; returns its path."""
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb" if isinstance(text, bytes) else "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def _load(self, name):
        path = os.path.join(self.libexecdir, "mod_%s.so" % name)
        if name in MAYBE_STATIC and not os.path.exists(path):
            return ""
        return "<IfModule !%s_module>\nLoadModule %s_module \"%s\"\n</IfModule>\n" % (name, name, path)

    def _base(self):
        user = ""
        if os.geteuid() == 0:
            user = "User %s\nGroup %s\n" % unprivileged()
        return "".join([
            'ServerRoot "%s"\n' % self.root,
            'DefaultRuntimeDir "run"\nPidFile "run/httpd.pid"\n',
            "Listen 127.0.0.1:%d\n" % self.port,
            self._load("mpm_" + self.mpm),
            "".join(self._load(name) for name in MAYBE_STATIC + self.modules if name != "so"),
            'LoadModule iiif_module "%s"\n' % MODULE,
            user,
            'Mutex "file:%s/run" default\n' % self.root,
            "ServerName localhost\n",
            'ErrorLog "logs/error_log"\nLogLevel %s\n' % self.loglevel,
            'LogFormat "%h \\"%r\\" %>s %B %X stage=%{iiif-stage}n ms=%{iiif-ms}n error=%{iiif-error}n" test\n',
            'CustomLog "logs/access_log" test\n',
            'DocumentRoot "%s/htdocs"\n' % self.root,
            "TypesConfig /etc/mime.types\n" if os.path.exists("/etc/mime.types") else "TypesConfig /dev/null\n",
            "ServerTokens Prod\nKeepAlive On\nKeepAliveTimeout 5\nTimeout 20\n",
            # Prefork starts more children only once a second.
            "StartServers 16\nMinSpareServers 8\n" if self.mpm == "prefork" else
            "StartServers 2\nThreadsPerChild 25\nMaxRequestWorkers 75\nMinSpareThreads 20\n",
            "<Directory />\nAllowOverride None\nRequire all denied\n</Directory>\n",
            '<Directory "%s/htdocs">\nRequire all granted\n</Directory>\n' % self.root,
        ])

    def check(self, *options):
        """`httpd -t`: exit code and what it said."""
        done = subprocess.run([self.binary, "-d", self.root, "-f", self.conf_path, "-t", *options], capture_output=True,
                              text=True, timeout=30, env=self._environment())
        return done.returncode, done.stdout + done.stderr

    # --- life --------------------------------------------------------------------------------------------

    def _environment(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("APACHE_")}
        environment["LC_ALL"] = "C"
        preload = os.environ.get("HTTPD_PRELOAD")
        if preload:
            environment["LD_PRELOAD"] = preload
            environment.setdefault("ASAN_OPTIONS", "detect_leaks=0:log_path=%s/logs/asan" % self.root)
        return environment

    def start(self):
        # A session of its own: prefork and worker end by a signal to their whole process group, which must not be ours.
        self.process = subprocess.Popen([self.binary, "-d", self.root, "-f", self.conf_path, "-DFOREGROUND"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, start_new_session=True, env=self._environment())
        self._wait_until_up()
        return self

    def _wait_until_up(self):
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError("httpd did not start:\n" + self.process.stderr.read() + self.error_log())
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("httpd does not listen:\n" + self.error_log())

    def graceful(self):
        """Restarts with running requests finishing; returns when the new generation is configured."""
        mark = self.mark()
        self.process.send_signal(signal.SIGUSR1)
        self.wait_for_log("configured -- resuming", mark)

    def stop(self):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(30)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
            self.process.stderr.close()
            self.process = None
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def children(self):
        """Process ids of the children."""
        path = "/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)
        with open(path) as file:
            return [int(pid) for pid in file.read().split()]

    # --- logs ---------------------------------------------------------------------------------------------

    def _log(self, name, since=0):
        try:
            with open(os.path.join(self.root, "logs", name), errors="replace") as file:
                file.seek(since)
                return file.read()
        except FileNotFoundError:
            return ""

    def error_log(self, since=0):
        return self._log("error_log", since)

    def access_log(self, since=0):
        return self._log("access_log", since)

    def mark(self):
        """A position of the error log, for `since`."""
        try:
            return os.path.getsize(os.path.join(self.root, "logs", "error_log"))
        except FileNotFoundError:
            return 0

    def wait_for_log(self, pattern, since=0, timeout=10, name="error_log"):
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            found = re.search(pattern, self._log(name, since))
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError("not in the log: %s\n%s" % (pattern, self._log(name, since)[-4000:]))

    def _wait_for_the_dead(self):
        """The parent looks after its children once a second; what killed one is in the log only then."""
        def dead(pid):
            try:
                with open("/proc/%d/stat" % pid) as file:
                    return file.read().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                return False

        until = time.monotonic() + 3
        while self.process is not None and self.process.poll() is None and time.monotonic() < until:
            if not any(dead(pid) for pid in self.children()):
                return
            time.sleep(0.05)

    def troubles(self, since=0, allowed=()):
        """Lines that no test should leave: crashed children, errors that are not expected, reports of sanitizers."""
        bad = []
        self._wait_for_the_dead()
        for line in self.error_log(since).splitlines():
            if re.search(r"AH0005[12]\b|: runtime error: |AddressSanitizer", line):
                bad.append(line)
            elif re.search(r"\[\w*:(error|crit|alert|emerg)\]", line) and not any(re.search(p, line) for p in allowed):
                bad.append(line)
        logs = os.path.join(self.root, "logs")
        for name in os.listdir(logs) if os.path.isdir(logs) else ():
            if name.startswith("asan"):
                bad.append(self._log(name))
        return bad

    # --- requests -----------------------------------------------------------------------------------------

    def url(self, path=""):
        return "http://127.0.0.1:%d%s" % (self.port, path)

    def request(self, method, path, headers=None, body=None, timeout=60, port=None):
        """Sends `path` as it is: no normalisation, no re-encoding. Redirects are not followed."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=timeout)
        try:
            headers = dict(headers or {})
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            if body is not None:
                headers.setdefault("Content-Length", str(len(body)))
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return Response(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        """GET; headers as keywords: if_none_match='"x"'."""
        return self.request("GET", path, {k.replace("_", "-"): v for k, v in headers.items()})

    def head(self, path, **headers):
        return self.request("HEAD", path, {k.replace("_", "-"): v for k, v in headers.items()})

    def raw(self, data, timeout=30, port=None):
        """Sends bytes, returns all bytes that come until the server closes."""
        with socket.create_connection(("127.0.0.1", port or self.port), timeout) as connection:
            connection.sendall(data)
            received = b""
            while True:
                chunk = connection.recv(65536)
                if not chunk:
                    return received
                received += chunk

    def raw_get(self, path, headers=""):
        """GET of a path given as bytes or text, unchanged; Response with the body not de-chunked."""
        if isinstance(path, str):
            path = path.encode("utf-8")
        answer = self.raw(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                          headers.encode() + b"\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        pairs = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if ":" in line]
        return Response(int(lines[0].split()[1]), pairs, body)
