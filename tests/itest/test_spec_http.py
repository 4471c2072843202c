# SPDX-License-Identifier: Apache-2.0
"""HTTP as the specification asks for it, at both versions: methods, statuses, cross-origin headers, caching."""
import re
import shutil
import subprocess

import pytest
from spec_masters import ask, spec  # noqa: F401

ALLOWED_ERRORS = [r"IIIF\d{4}: .*: identifier bad/"]
BOTH = pytest.mark.parametrize("version", [2, 3])
FULL = {2: "full", 3: "max"}
ORIGIN = {"Origin": "https://viewer.example"}


def _paths(version):
    base = "/spec/%d/ref.png" % version
    return {"info": base + "/info.json", "image": base + "/full/50,/0/default.jpg", "base": base,
            "unknown": "/spec/%d/nothing.png/info.json" % version, "bad": base + "/full/0,/0/default.jpg"}


@BOTH
def test_IMG_HTTP_01_get_head_options_and_nothing_else(spec, version):
    for path in _paths(version).values():
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            response = spec.request(method, path, body=b"x")
            assert response.status == 405 and response.headers["Allow"] == "GET, HEAD, OPTIONS", (method, path)
        assert spec.request("OPTIONS", path).status in (200, 204)


@BOTH
@pytest.mark.parametrize("which", ["info", "image", "base", "unknown", "bad"])
def test_IMG_HTTP_01_head_has_the_headers_of_get(spec, version, which):
    get, head = spec.get(_paths(version)[which]), spec.head(_paths(version)[which])
    assert head.status == get.status and head.body == b""

    def shown(response):
        # A sender may leave out Content-Length and Transfer-Encoding where it has not made the body (RFC 9110 §9.3.2).
        return sorted((k.lower(), v) for k, v in response.headers.pairs
                      if k.lower() not in ("date", "expires", "content-length", "transfer-encoding", "keep-alive", "connection"))
    assert shown(head) == shown(get)
    length = head.headers.get("Content-Length")
    assert length is None or length == get.headers["Content-Length"]


@BOTH
def test_IMG_HTTP_02_statuses_of_success(spec, version):
    paths = _paths(version)
    assert spec.get(paths["base"]).status == 303 and "Location" in spec.get(paths["base"]).headers
    for which in ("info", "image"):
        response = spec.get(paths[which])
        assert response.status == 200 and response.body
        again = spec.request("GET", paths[which], {"If-None-Match": response.headers["ETag"]})
        assert again.status == 304 and again.body == b"" and again.headers["ETag"] == response.headers["ETag"]
    stem = spec.get("/spec/%d/big" % version)     # two masters have this stem
    assert stem.status == 404
    moved = spec.get("/spec/%d/ref/info.json" % version)
    assert moved.status == 301 and moved.headers["Location"].endswith("/spec/%d/ref.png/info.json" % version)


@BOTH
def test_IMG_HTTP_03_errors_can_be_read(spec, version):
    for path, status in (("bad", 400), ("unknown", 404)):
        response = spec.get(_paths(version)[path])
        assert response.status == status
        assert re.match(r"text/html|application/json", response.headers["Content-Type"]) and len(response.text) > 40
    document = spec.get(_paths(version)["unknown"]).json()
    assert document["status"] == 404 and document["detail"].endswith(".")


@BOTH
def test_IMG_HTTP_04_statuses_of_errors(spec, site, version):
    for path, status in (("/spec/%d/ref.png/full/50/0/default.jpg", 400), ("/spec/%d/nothing.png/info.json", 404),
                         ("/closed/%d/ref.png/info.json", 401), ("/closed/%d/nothing.png/info.json", 401)):
        assert spec.get(path % version).status == status, path
    assert site.get("/v%d/denied%%2Fsecret.jpg/full/%s/0/default.jpg" % (version, FULL[version])).status == 403
    assert site.get("/v%d/bad%%2Ftext.jpg/info.json" % version).status == 500
    assert spec.get("/spec/3/ref.png/full/^400,/0/default.jpg").status == 501
    assert site.get("/v%d/bad%%2Fbomb.png/full/9,/0/default.jpg" % version).status == 501


def test_IMG_HTTP_04_busy_is_503_with_retry_after(make_env, masters):
    """One slot, nobody may wait: of many heavy requests at once some are turned away, and told when to come again."""
    from concurrent.futures import ThreadPoolExecutor
    env = make_env('''
        IIIFRenderSlots 1 reserve=0
        IIIFQueue waiters=0 retry-after=7s
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''')
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: env.get("/iiif/3/noise.jpg/full/max/%d/default.png" % n), range(1, 9)))
    assert {a.status for a in answers} == {200, 503}
    for answer in answers:
        if answer.status == 503:
            assert answer.headers["Retry-After"] == "7" and answer.headers["Access-Control-Allow-Origin"] == "*"


@BOTH
def test_IMG_HTTP_05_08_cross_origin_headers_on_every_answer(spec, version):
    paths = [*_paths(version).values(), "/closed/%d/ref.png/info.json" % version, "/spec/%d/ref/info.json" % version]
    for path in paths:
        for method in ("GET", "HEAD", "POST"):
            response = spec.request(method, path, ORIGIN, body=b"" if method == "POST" else None)
            assert response.headers.get_all("Access-Control-Allow-Origin") == ["*"], (method, path)
            exposed = {name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
            assert {"Link", "ETag", "Content-Length", "Location"} <= exposed
    tag = spec.get(paths[1]).headers["ETag"]
    for headers, status in (({"If-None-Match": tag}, 304), ({"If-Match": '"x"'}, 412), ({"Range": "bytes=9999999-"}, 416),
                            ({"Range": "bytes=0-9"}, 206)):
        response = spec.request("GET", paths[1], {**headers, **ORIGIN})
        assert response.status == status
        assert response.headers.get_all("Access-Control-Allow-Origin") == ["*"], status


@BOTH
@pytest.mark.parametrize("location", ["spec", "closed"])
@pytest.mark.parametrize("end", ["/info.json", "/full/50,/0/default.jpg", ""])
def test_IMG_HTTP_06_07_preflight_on_public_and_protected_paths(spec, version, location, end):
    for wanted in ("authorization", "accept", "authorization, accept, if-none-match, content-type"):
        response = spec.request("OPTIONS", "/%s/%d/ref.png%s" % (location, version, end),
                                {**ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": wanted})
        assert response.status in (200, 204)
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        allowed = {name.strip().lower() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
        assert {name.strip() for name in wanted.split(",")} <= allowed
        assert {"GET", "HEAD", "OPTIONS"} <= {name.strip() for name in response.headers["Access-Control-Allow-Methods"].split(",")}
        assert int(response.headers["Access-Control-Max-Age"]) > 0
        assert "WWW-Authenticate" not in response.headers


@BOTH
def test_IMG_HTTP_07_accept_with_a_profile_is_understood_after_its_preflight(spec, version):
    accept = 'application/ld+json;profile="http://iiif.io/api/image/%d/context.json"' % version
    response = ask(spec, version, "ref.png", "info.json", Accept=accept, **ORIGIN)
    assert response.status == 200 and response.headers["Content-Type"].startswith("application/ld+json")


@BOTH
def test_IMG_HTTP_09_validators_and_lifetimes(spec, version):
    paths = _paths(version)
    for which in ("info", "image"):
        response = spec.get(paths[which])
        assert {"ETag", "Last-Modified", "Cache-Control"} <= {name for name, _ in response.headers.pairs}
        assert re.fullmatch(r"public, max-age=\d+", response.headers["Cache-Control"])
        for header, value in (("If-None-Match", response.headers["ETag"]), ("If-Modified-Since", response.headers["Last-Modified"]),
                              ("If-None-Match", '"x", %s' % response.headers["ETag"]), ("If-None-Match", "*")):
            assert spec.request("GET", paths[which], {header: value}).status == 304, (which, header, value)
        assert spec.request("GET", paths[which], {"If-None-Match": '"x"'}).status == 200
    same = ask(spec, version, "ref.png", "0,0,300,200/50,/360/color.jpg")
    assert same.headers["ETag"] == spec.get(paths["image"]).headers["ETag"]
    other = ask(spec, version, "ref.png", "full/50,/0/default.png")
    assert other.headers["ETag"] != same.headers["ETag"]
    assert "private" in spec.get("/closed/%d/ref.png/info.json" % version,
                                 Authorization="Basic cmVhZGVyOnJlYWRlcg==").headers["Cache-Control"]


@BOTH
def test_IMG_HTTP_10_file_name_is_inline_and_tells_pictures_apart(spec, version):
    names = {ask(spec, version, "ref.png", p).headers["Content-Disposition"]
             for p in ("full/%s/0/default.jpg" % FULL[version], "full/50,/0/default.jpg", "square/50,/0/default.jpg",
                       "full/50,/90/gray.png")}
    assert len(names) == 4
    assert all(re.fullmatch(r'inline; filename="ref[\w.,!-]*\.(jpg|png)"', name) for name in names), names


@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load (nghttp2-client)")
def test_IMG_HTTP_11_tiles_side_by_side_on_one_http2_connection(make_env):
    env = make_env('Protocols h2c http/1.1\n<Location "/iiif">\nIIIFRoot "{masters}"\n</Location>', modules=["http2"], mpm="event")
    tiles = [env.url("/iiif/3/noise.jpg/%d,%d,256,256/256,/0/default.jpg" % (x, y))
             for x in range(0, 1024, 256) for y in range(0, 1024, 256)]
    done = subprocess.run(["h2load", "-n", "32", "-c", "1", "-m", "16", *tiles], capture_output=True, text=True, timeout=60)
    assert "32 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout and "status codes: 32 2xx" in done.stdout, done.stdout
    assert "Application protocol: h2c" in done.stdout


@BOTH
def test_IMG_HTTP_12_link_of_the_site_joins_ours(make_env, version):
    env = make_env('''
        <Location "/iiif">
            IIIFRoot "{masters}"
            Header add Link "<https://www.example.org/terms>;rel=\\"license\\""
        </Location>
    ''')
    values = env.get("/iiif/%d/rgb.jpg/full/50,/0/default.jpg" % version).headers["Link"]
    assert all('rel="%s"' % rel in values for rel in ("canonical", "profile", "license"))


@BOTH
def test_IMG_HTTP_13_images_may_be_shown_under_embedder_policies(spec, version):
    for path in _paths(version).values():
        assert spec.get(path).headers["Cross-Origin-Resource-Policy"] == "cross-origin"
