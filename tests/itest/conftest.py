# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share.

    site       one running server for the whole session, with the masters of masters.py below several Locations (SITE).
               site.masters is their folder.
    masters    that folder, and the sizes of the images with difficult names.
    make_env   for tests that need a configuration of their own: make_env(conf, modules=[...]) starts a server with the
               same masters, stopped at the end of the test; `{masters}` in the configuration is their folder.
    make_module_env  the same for fixtures of module scope.
    links(response)  the Link header as {rel: uri}.

After each module every server's error log must be free of crashes and of errors but for those that the module lists as
regular expressions in ALLOWED_ERRORS.
"""
import base64
import hashlib
import os
import re
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import masters as masters_module  # noqa: E402
from httpd_env import HttpdEnv  # noqa: E402

GRANT = '<Directory "{masters}">\n    Require all granted\n    Options FollowSymLinks\n</Directory>\n' \
        '<Directory "{masters}/denied">\n    Require all denied\n</Directory>\n'

SITE = GRANT + '''
# Both versions: /iiif/2/..., /iiif/3/...
<Location "/iiif">
    IIIFRoot "{masters}"
</Location>
<Location "/v2">
    IIIFRoot "{masters}"
    IIIFVersion 2
</Location>
<Location "/v3">
    IIIFRoot "{masters}"
    IIIFVersion 3
</Location>
<Location "/literal">
    IIIFRoot "{masters}"
    IIIFVersion 3
    IIIFIdentifier slash=literal
</Location>
<Location "/strict">
    IIIFRoot "{masters}"
    IIIFVersion 3
    IIIFStrict On
</Location>
<Location "/cors/list">
    IIIFRoot "{masters}"
    IIIFVersion 3
    IIIFCORS https://a.example https://b.example
</Location>
<Location "/cors/off">
    IIIFRoot "{masters}"
    IIIFVersion 3
    IIIFCORS off
</Location>
<Location "/login">
    IIIFRoot "{masters}"
    IIIFVersion 3
    AuthType Basic
    AuthName "Reading room"
    AuthBasicProvider file
    AuthUserFile "{root}/users"
    Require valid-user
</Location>
<Location "/large">
    IIIFRoot "{masters}"
    IIIFVersion 3
    IIIFUpscale On
    IIIFMaxWidth 3000
</Location>
<Location "/sp ace/Bücher">
    IIIFRoot "{masters}"
    IIIFVersion 3
</Location>
'''

def _users():
    """One user, "reader", whose password is the same."""
    return "reader:{SHA}" + base64.b64encode(hashlib.sha1(b"reader").digest()).decode() + "\n"


# What httpd itself logs as errors when a client asks for something malformed or denied.
OF_HTTPD = (r"AH10244: invalid URI path", r"AH01630: client denied by server configuration",
            r"AH00037: Symbolic link not allowed", r"AH01617: user reader: authentication failure",
            r"AH01618: user \w+ not found")

_running = []


@pytest.fixture(scope="session")
def masters():
    """Folder of masters, and the sizes of those with difficult names."""
    folder = tempfile.mkdtemp(prefix="iiif-masters-")
    os.chmod(folder, 0o755)
    names = masters_module.make(folder)
    yield folder, names
    shutil.rmtree(folder, ignore_errors=True)


def _start(conf, masters, **options):
    env = HttpdEnv(conf, masters=masters[0], **options)
    env.masters = masters[0]
    env.write("users", _users())
    env.log_start = 0
    try:
        env.start()
    except Exception:
        env.stop()
        raise
    _running.append(env)
    return env


def _stop(envs, allowed):
    """Stops all, and only then says what was wrong with any."""
    troubles = []
    for env in envs:
        troubles += env.troubles(env.log_start, (*OF_HTTPD, *allowed))
        _running.remove(env)
        env.stop()
    assert not troubles, "\n".join(troubles)


@pytest.fixture(scope="session")
def site(masters):
    env = _start(SITE, masters)
    yield env
    _running.remove(env)
    env.stop()


@pytest.fixture
def make_env(masters, request):
    started = []

    def make(conf, grant=True, **options):
        env = _start((GRANT if grant else "") + conf, masters, **options)
        started.append(env)
        return env

    yield make
    _stop(started, getattr(request.module, "ALLOWED_ERRORS", ()))


@pytest.fixture(scope="module")
def make_module_env(masters, request):
    started = []

    def make(conf, grant=True, **options):
        env = _start((GRANT if grant else "") + conf, masters, **options)
        started.append(env)
        return env

    yield make
    _stop(started, getattr(request.module, "ALLOWED_ERRORS", ()))


@pytest.fixture(scope="module", autouse=True)
def clean_log(request):
    """No child crashed and nothing unexpected was logged while this module ran."""
    marks = {env: env.mark() for env in _running}
    yield
    allowed = getattr(request.module, "ALLOWED_ERRORS", ())
    troubles = [line for env in _running for line in env.troubles(marks.get(env, 0), (*OF_HTTPD, *allowed))]
    assert not troubles, "\n".join(troubles)


def links(response):
    """The Link header as {rel: uri}."""
    return {rel: uri for uri, rel in re.findall(r'<([^>]*)>;\s*rel="([^"]*)"', response.headers.get("Link", ""))}
