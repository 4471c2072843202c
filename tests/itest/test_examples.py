# SPDX-License-Identifier: Apache-2.0
"""Every recipe of conf-examples/ is loaded as it stands and answers as its `# Try:` lines say.

    # Try: [front] [Host: NAME] GET PATH STATUS ["what the body holds" | Header: value]

Only what differs from machine to machine is replaced: the folder /srv/images, ports 80 and 8080, and cache folders.
"""
import glob
import os
import re
import shlex
import time

import pytest

from httpd_env import CHECKOUT, HttpdEnv
from masters import gradient, save

EXAMPLES = sorted(glob.glob(os.path.join(CHECKOUT, "conf-examples", "*.conf")))
# What the recipes tell to enable, beside what every test server has.
MODULES = ["proxy", "proxy_http", "cache", "cache_disk", "deflate", "socache_shmcb"]
TRY = re.compile(r'# Try: (?P<front>front )?(?:Host: (?P<host>\S+) )?GET (?P<path>\S+) (?P<status>\d+) ?(?P<expect>.*)')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("images"))
    at = path
    while at != "/":            # the user that httpd runs as must get there
        if os.stat(at).st_uid == os.geteuid():
            os.chmod(at, os.stat(at).st_mode | 0o555)
        at = os.path.dirname(at)
    save(path, "photo.jpg", gradient(1200, 800))
    save(path, "book/p001.tif", gradient(600, 800, "L"), format="TIFF")
    return path


def adapt(text, folder, env):
    text = text.replace("/srv/images", folder)
    text = re.sub(r"\*:80\b", "127.0.0.1:%d" % env.port, text)
    text = re.sub(r"\*:8080\b", "127.0.0.1:%d" % env.port2, text)
    text = text.replace("http://127.0.0.1:80/", "http://127.0.0.1:%d/" % env.port)
    text = text.replace("/var/cache/apache2/mod_cache_disk", os.path.join(env.root, "run"))
    return text.replace("/tmp/mod_cache-lock", os.path.join(env.root, "run", "lock"))


def check(env, line):
    wanted = TRY.fullmatch(line)
    assert wanted, "not understood: " + line
    headers = {"Host": wanted["host"]} if wanted["host"] else {}
    # mod_cache lets go of its lock a moment after the client has the answer; until then the next one is no hit.
    for _ in range(20):
        response = env.request("GET", wanted["path"], headers, port=env.port2 if wanted["front"] else env.port)
        if "X-Cache: HIT" not in line or response.headers.get("X-Cache", "").startswith("HIT"):
            break
        time.sleep(0.1)
    assert response.status == int(wanted["status"]), "%s: %r" % (line, response)
    expect = wanted["expect"].strip()
    if expect.startswith('"'):
        text = shlex.split(expect)[0]
        # Links in documents name the port that the request came to; the recipe's is the usual one.
        body = response.text.replace(":%d/" % env.port, "/").replace(":%d/" % env.port2, "/")
        assert text in body, "%s: %s" % (line, response.text[:500])
    elif expect:
        name, value = expect.split(": ", 1)
        assert response.headers.get(name, "").startswith(value), "%s: %r" % (line, response.headers)


@pytest.mark.parametrize("path", EXAMPLES, ids=os.path.basename)
def test_recipe_loads_and_answers(path, folder):
    with open(path) as file:
        text = file.read()
    env = HttpdEnv("", modules=MODULES)
    try:
        conf = adapt(text, folder, env)
        front = "Listen 127.0.0.1:%d\n" % env.port2 if "*:8080" in text else ""
        with open(env.conf_path, "a") as file:
            file.write(front + conf)
        code, said = env.check()
        assert code == 0, said
        lines = re.findall(r"^# Try: .*$", text, re.M)
        if os.path.basename(path) == "iiif.conf":
            return          # for a2enmod: comments
        assert lines, "the recipe says nothing to try"
        env.start()
        for line in lines:
            check(env, line)
        assert not env.troubles(), env.troubles()
    finally:
        env.stop()
