# SPDX-License-Identifier: Apache-2.0
"""Identifiers that have to be encoded: byte for byte over a socket, under every AllowEncodedSlashes, behind a proxy."""
import re

import pytest

# Requested path of the identifier, and the size of the one image that it must be.
IDENTIFIERS = [
    ("a%2Fb.png", (11, 10)), ("a/b.png", (11, 10)), ("a%2fb.png", (11, 10)),
    ("a%252Fb.png", (12, 10)),
    ("c%3Fd.png", (13, 10)),
    ("c%253Fd.png", (14, 10)),
    ("e%23f.png", (15, 10)),
    ("50%25.png", (16, 10)),
    ("50%2525.png", (17, 10)),
    ("%C3%BCn%C3%AF%2Fc%C3%B4d%C3%A9.png", (18, 10)), ("%C3%BCn%C3%AF/c%C3%B4d%C3%A9.png", (18, 10)),
    ("with%20space.png", (19, 10)),
    ("ark:%2F12025%2F654xz321.png", (20, 10)), ("ark:/12025/654xz321.png", (20, 10)),
    ("ark%3A%2F12025%2F654xz321.png", (20, 10)),
    ("semi;1.png", (21, 10)), ("semi%3B1.png", (21, 10)),
    ("plus+and&at%40.png", (22, 10)), ("plus%2Band%26at@.png", (22, 10)),
    ("brackets%5B1%5D.png", (23, 10)),
    ("caret^.png", (24, 10)), ("caret%5E.png", (24, 10)),
    ("book.en.gz", (25, 10)),
    ("full.png", (26, 10)),
    ("quote%22.png", (27, 10)),
    ("%E6%97%A5%E6%9C%AC.png", (28, 10)),
    ("%72gb.jpg", (600, 400)), ("./x/../rgb.jpg", (600, 400)),
]

SLASHES = {
    "default": "",
    "On": "AllowEncodedSlashes On",
    "NoDecode": "AllowEncodedSlashes NoDecode",
    "Off": "AllowEncodedSlashes Off\nMergeSlashes Off",
}


@pytest.fixture(scope="module", params=sorted(SLASHES))
def server(request, make_module_env):
    return make_module_env('''
        %s
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''' % SLASHES[request.param])


@pytest.mark.parametrize("identifier, size", IDENTIFIERS)
def test_identifier(server, identifier, size):
    response = server.raw_get("/iiif/3/%s/full/max/0/default.png" % identifier)
    assert response.status == 200, response
    assert response.image().size == size
    info = server.raw_get("/iiif/3/%s/info.json" % identifier)
    assert info.status == 200
    assert (info.json()["width"], info.json()["height"]) == size


@pytest.mark.parametrize("identifier, size", IDENTIFIERS)
def test_id_is_published_in_one_form_and_works(server, identifier, size):
    """IMG-URI-15: encoded are / ? # [ ] @ % and what is not US-ASCII, nothing that need not be."""
    published = server.raw_get("/iiif/3/%s/info.json" % identifier).json()["id"]
    assert re.fullmatch(r"http://localhost/iiif/3/[^/?#\[\]@ ]+", published), published
    assert published.isascii()
    assert "%3A" not in published and "%3B" not in published
    again = server.raw_get(published[len("http://localhost"):] + "/info.json")
    assert again.status == 200
    assert again.json()["id"] == published
    assert again.json()["width"] == size[0]


@pytest.mark.parametrize("parameters", [
    "full/%5E!300,300/0/default.jpg", "full/^!300,300/0/default.jpg", "full/^%21300%2C300/0/default.jpg",
    "%66ull/^!300,300/%30/default%2Ejpg"])
def test_parameters_encoded_or_not(server, parameters):
    """IMG-URI-08"""
    response = server.raw_get("/iiif/3/rgb.jpg/" + parameters)
    assert response.status == 200
    assert response.image().size == (300, 200)


def test_pct_encoded_colon(server):
    one = server.raw_get("/iiif/3/rgb.jpg/pct:10,10,20,20/max/0/default.jpg")
    two = server.raw_get("/iiif/3/rgb.jpg/pct%3A10%2C10%2C20%2C20/max/0/default.jpg")
    assert one.status == two.status == 200
    assert one.body == two.body


@pytest.mark.parametrize("path, status", [
    ("/iiif/3/a%00b.png/info.json", 404),           # by the core's rule for NUL
    ("/iiif/3/a%zzb.png/info.json", 400),
    ("/iiif/3/a%4/info.json", 400),
    ("/iiif/3/%FF%FE.png/info.json", 400),           # no UTF-8
    ("/iiif/3/%C0%AE%C0%AE%2Fetc/info.json", 400),   # overlong
])
def test_malformed(server, path, status):
    assert server.raw_get(path).status == status


@pytest.mark.parametrize("path", [
    "x%2F..%2Frgb.jpg", "..%2F..%2Fetc%2Fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%2Fetc%2Fpasswd",
    "book1%2F.%2Fp003.jpg", "book1%2F%2Fp003.jpg", "book1%5Cp003.jpg", "..%5C..%5Cetc%5Cpasswd",
    "%2E%2E/%2E%2E/%2E%2E/%2E%2E/%2E%2E/etc/passwd", ".htaccess", "denied%2F..%2Frgb.jpg", "http:%2F%2Fexample.org%2Fa.jpg"])
def test_no_way_out(server, path):
    response = server.raw_get("/iiif/3/%s/full/max/0/default.jpg" % path)
    assert response.status in (400, 404), response
    assert b"root:" not in response.body


def test_query_is_ignored(server):
    """IMG-URI-12"""
    plain = server.raw_get("/iiif/3/rgb.jpg/full/50,/0/default.jpg")
    asked = server.raw_get("/iiif/3/rgb.jpg/full/50,/0/default.jpg?v=2&x=%2F")
    assert asked.status == 200 and asked.body == plain.body


def test_section_whose_name_needs_escapes(site):
    base = "/sp%20ace/B%C3%BCcher"
    response = site.raw_get(base + "/a%2Fb.png/full/max/0/default.png")
    assert response.status == 200
    assert response.image().size == (11, 10)
    assert site.raw_get(base + "/a%252Fb.png/info.json").json()["id"] == "http://localhost/sp%20ace/B%C3%BCcher/a%252Fb.png"


def test_literal_slash(site):
    info = site.raw_get("/literal/book1%2Fp003.jpg/info.json").json()
    assert info["id"] == "http://localhost/literal/book1/p003.jpg"
    assert site.raw_get("/literal/book1/p003.jpg/full/max/0/default.jpg").status == 200
    assert site.raw_get("/literal/a%252Fb.png/info.json").json()["width"] == 12


@pytest.mark.parametrize("path, status", [
    ("book1%2Fp003.jpg", 200), ("book1%2fp003.jpg", 200), ("book1/p003.jpg", 400), ("semi;1.png", 200),
    ("semi%3B1.png", 400), ("book1%2Fp003", 404), ("with%20space.png", 200), ("caret^.png", 400)])
def test_strict(site, path, status):
    response = site.raw_get("/strict/%s/info.json" % path)
    assert response.status == status, response
    if status == 400:
        assert "should be written" in response.json()["detail"]


def test_keys_of_caches_differ(make_env):
    """What mod_cache goes by, r->uri, must not be the same for different requests."""
    env = make_env('''
        CacheRoot "{root}/run/cache"
        CacheQuickHandler Off
        CacheHeader On
        <Location "/iiif">
            IIIFRoot "{masters}"
            CacheEnable disk
        </Location>
    ''', modules=["cache", "cache_disk"])
    import os
    os.mkdir(env.root + "/run/cache")
    os.chmod(env.root + "/run/cache", 0o777)
    for _ in range(2):
        for identifier, size in IDENTIFIERS:
            response = env.raw_get("/iiif/3/%s/full/max/0/default.png" % identifier)
            assert response.status == 200
            assert response.image().size == size, identifier


FRONT = {
    "mapping": ('ProxyPass "/front/" "http://127.0.0.1:{backend}/iiif/" mapping=encoded', True),
    "nocanon": ('AllowEncodedSlashes NoDecode\nProxyPass "/front/" "http://127.0.0.1:{backend}/iiif/" nocanon', True),
}


@pytest.mark.parametrize("way", sorted(FRONT))
def test_behind_a_proxy(make_env, way):
    backend = make_env('''
        IIIFForwarded x-forwarded
        IIIFTrustedProxy 127.0.0.1
        <Location "/iiif">
            IIIFRoot "{masters}"
            IIIFBaseURI "https://www.example.org/front"
        </Location>
    ''')
    front = make_env(FRONT[way][0], modules=["proxy", "proxy_http"], backend=backend.port)
    for identifier, size in IDENTIFIERS:
        if identifier.startswith("./"):
            continue
        response = front.raw_get("/front/3/%s/full/max/0/default.png" % identifier)
        assert response.status == 200, (identifier, response)
        info = front.raw_get("/front/3/%s/info.json" % identifier)
        assert b"https://www.example.org/front/3/" in info.body


def test_location_wins_over_proxypass(make_env):
    env = make_env('''
        ProxyPass "/iiif/" "http://127.0.0.1:9/" mapping=encoded
        ProxyPass "/v3/" "http://127.0.0.1:9/"
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
        <Location "/v3">
            IIIFRoot "{masters}"
            IIIFVersion 3
        </Location>
    ''', modules=["proxy", "proxy_http"])
    assert env.raw_get("/iiif/3/a%2Fb.png/info.json").status == 200
    assert env.raw_get("/v3/a%2Fb.png/info.json").status == 200


REWRITE = '''
    RewriteEngine On
    RewriteRule "^/legacy/(.*)$" "/iiif/3/$1" [PT]
    RewriteRule "^/legacy2/(.*)$" "/iiif/3/$1" [PT,B]
    RewriteRule "^/iiif/3/forbidden" "-" [F]
    RewriteRule "^/iiif/3/gone" "-" [G]
    RewriteRule "^/iiif/3/moved/(.*)$" "/other/$1" [R=302]
    RewriteRule "^/iiif/3/elsewhere$" "/note.txt" [PT]
    RewriteRule "^/iiif/3/rgb.jpg/note.txt$" "{root}/htdocs/note.txt"
    RewriteRule "^/legacy3/([^/]*)/([^/]*)/(.*)$" "/iiif/3/$1\\%2F$2/$3" [PT,NE]
    <Location "/iiif">
        IIIFRoot "{masters}"
    </Location>
'''


@pytest.fixture(scope="module")
def rewriting(make_module_env):
    env = make_module_env(REWRITE, modules=["rewrite"])
    env.write("htdocs/note.txt", "note\n")
    return env


def test_passed_through_from_a_legacy_path(rewriting):
    assert rewriting.raw_get("/legacy/rgb.jpg/full/50,/0/default.jpg").image().size == (50, 33)
    assert rewriting.raw_get("/legacy/a/b.png/info.json").json()["width"] == 11
    assert rewriting.raw_get("/legacy/with%20space.png/info.json").json()["width"] == 19
    assert rewriting.raw_get("/legacy/50%25.png/info.json").json()["width"] == 16
    assert rewriting.raw_get("/legacy3/a/b.png/info.json").json()["width"] == 11
    assert rewriting.raw_get("/legacy/rgb.jpg").headers["Location"].endswith("/iiif/3/rgb.jpg/info.json")


def test_directories_govern_what_is_passed_through(rewriting):
    assert rewriting.raw_get("/legacy/denied/secret.jpg/full/max/0/default.jpg").status == 403
    assert rewriting.raw_get("/legacy/denied/secret.jpg/info.json").status == 403


def test_rules_of_the_site_hold(rewriting):
    assert rewriting.raw_get("/iiif/3/forbidden/info.json").status == 403
    assert rewriting.raw_get("/iiif/3/gone/info.json").status == 410
    assert rewriting.raw_get("/iiif/3/moved/x").status == 302
    assert rewriting.raw_get("/iiif/3/elsewhere").body == b"note\n"
    assert rewriting.raw_get("/iiif/3/rgb.jpg/note.txt").body == b"note\n"
