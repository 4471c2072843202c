# SPDX-License-Identifier: Apache-2.0
"""HTTP around the images: methods, validators, ranges, caching, cross-origin headers, errors, other modules' filters."""
import os
import re
import socket
import subprocess
import time
from email.utils import formatdate, parsedate_to_datetime

import pytest

# Masters that are broken on purpose.
ALLOWED_ERRORS = [r"IIIF\d{4}: .*: identifier bad/", r"unable to include"]

INFO = "/iiif/3/rgb.jpg/info.json"
TILE = "/iiif/3/rgb.jpg/0,0,256,256/256,256/0/default.jpg"
STREAMED = "/iiif/3/noise.jpg/full/max/0/default.png"


# --- methods --------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", [INFO, TILE, "/iiif/3/rgb.jpg", "/iiif/3/nothing/info.json"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
def test_other_methods(site, path, method):
    """IMG-HTTP-01"""
    response = site.request(method, path, {"Content-Type": "text/plain"}, body=b"x" * 100)
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_options(site):
    response = site.request("OPTIONS", TILE)
    assert response.status == 204
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.body == b""


@pytest.mark.parametrize("path", [INFO, TILE, STREAMED])
def test_head_is_get_without_body(site, path):
    get, head = site.get(path), site.head(path)
    assert head.status == 200 and head.body == b""
    for name in ("Content-Type", "ETag", "Last-Modified", "Cache-Control", "Link", "Content-Disposition",
                 "Access-Control-Allow-Origin", "Vary"):
        assert head.headers.get(name) == get.headers.get(name), name
    length = head.headers.get("Content-Length")
    assert length is None or int(length) == len(get.body)


def test_head_decodes_nothing(site):
    """A HEAD of a broken master's image is answered from its header alone."""
    assert site.head("/iiif/3/bad%2Ftruncated.jpg/full/max/0/default.jpg").status == 200


def test_head_of_errors(site):
    assert site.head("/iiif/3/nothing/info.json").status == 404
    assert site.head("/iiif/3/rgb.jpg/full/0,/0/default.jpg").status == 400


# --- validators -----------------------------------------------------------------------------------

@pytest.mark.parametrize("path", [INFO, TILE])
def test_not_modified(site, path):
    first = site.get(path)
    etag = first.headers["ETag"]
    again = site.get(path, if_none_match=etag)
    assert again.status == 304 and again.body == b""
    assert again.headers["ETag"] == etag
    assert again.headers["Access-Control-Allow-Origin"] == "*"
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert site.get(path, if_none_match='"other", ' + etag).status == 304
    assert site.get(path, if_none_match='"other"').status == 200
    assert site.get(path, if_none_match="*").status == 304
    assert site.head(path, if_none_match=etag).status == 304


@pytest.mark.parametrize("path", [INFO, TILE])
def test_dates(site, path):
    modified = site.get(path).headers["Last-Modified"]
    assert site.get(path, if_modified_since=modified).status == 304
    before = formatdate(parsedate_to_datetime(modified).timestamp() - 3600, usegmt=True)
    assert site.get(path, if_modified_since=before).status == 200
    assert site.get(path, if_unmodified_since=before).status == 412
    # RFC 9110 section 13.2.2: If-None-Match beats If-Modified-Since.
    assert site.get(path, if_modified_since=modified, if_none_match='"other"').status == 200


def test_if_match(site):
    etag = site.get(TILE).headers["ETag"]
    assert not etag.startswith("W/")
    assert site.get(TILE, if_match=etag).status == 200
    assert site.get(TILE, if_match='"other"').status == 412


def test_not_modified_is_free(site):
    """No decoder runs: a master that cannot be decoded still answers 304."""
    path = "/iiif/3/bad%2Fcut.png/full/max/0/default.jpg"
    etag = site.head(path).headers["ETag"]
    assert site.get(path, if_none_match=etag).status == 304


def test_etags_tell_representations_apart(site):
    paths = [TILE, TILE.replace("jpg/0,0,256,256", "jpg/1,0,256,256"), TILE.replace("default.jpg", "gray.jpg"),
             TILE.replace("default.jpg", "default.png"), TILE.replace("/0/default", "/90/default"),
             TILE.replace("/iiif/3", "/iiif/2"), TILE.replace("rgb.jpg", "noise.jpg"), INFO,
             INFO.replace("/iiif/3", "/iiif/2")]
    tags = [site.get(path).headers["ETag"] for path in paths]
    assert len(set(tags)) == len(tags)


def test_replaced_master_is_seen_at_once(make_env, masters):
    import masters as made
    folder, _ = masters
    path = made.save(folder, "changing.jpg", made.gradient(100, 80))
    os.chmod(path, 0o644)
    env = make_env('<Location "/iiif">\nIIIFRoot "{masters}"\nIIIFVersion 3\n</Location>')
    info, tile = env.get("/iiif/changing.jpg/info.json"), env.get("/iiif/changing.jpg/full/max/0/default.jpg")
    made.save(folder, "changing.new", made.gradient(120, 90), format="JPEG")
    os.chmod(os.path.join(folder, "changing.new"), 0o644)
    os.rename(os.path.join(folder, "changing.new"), path)
    new_info = env.get("/iiif/changing.jpg/info.json", if_none_match=info.headers["ETag"])
    assert new_info.status == 200 and new_info.json()["width"] == 120
    new_tile = env.get("/iiif/changing.jpg/full/max/0/default.jpg", if_none_match=tile.headers["ETag"])
    assert new_tile.status == 200 and new_tile.image().size == (120, 90)


def test_settings_are_part_of_the_etag(make_env):
    env = make_env('''
        <Location "/a">
            IIIFRoot "{masters}"
            IIIFVersion 3
        </Location>
        <Location "/b">
            IIIFRoot "{masters}"
            IIIFVersion 3
            IIIFJPEGQuality 60
        </Location>
    ''')
    path = "/rgb.jpg/full/max/0/default.jpg"
    assert env.get("/a" + path).headers["ETag"] != env.get("/b" + path).headers["ETag"]


def test_chroma_of_jpeg(make_env):
    sections = {"low": "60", "high": "90", "half": "90 subsampling=420", "whole": "60 subsampling=444"}
    env = make_env("".join('<Location "/%s">\nIIIFRoot "{masters}"\nIIIFVersion 3\nIIIFJPEGQuality %s\n</Location>\n' % item
                           for item in sections.items()))
    found = {name: env.get("/%s/rgb.jpg/full/max/0/default.jpg" % name) for name in sections}
    # PIL: (identifier, horizontal, vertical, table) of each component.
    factors = {name: response.image().layer[0][1:3] for name, response in found.items()}
    assert factors == {"low": (2, 2), "high": (1, 1), "half": (2, 2), "whole": (1, 1)}
    assert len({response.headers["ETag"] for response in found.values()}) == len(sections)


# --- caching headers, file names, ranges ----------------------------------------------------------

def test_cache_control(make_env):
    env = make_env('''
        <Location "/default">
            IIIFRoot "{masters}"
            IIIFVersion 3
        </Location>
        <Location "/short">
            IIIFRoot "{masters}"
            IIIFVersion 3
            IIIFCacheControl "public, max-age=60"
        </Location>
        ExpiresActive On
        ExpiresDefault "access plus 1 year"
    ''', modules=["expires"])
    assert env.get("/default/rgb.jpg/info.json").headers["Cache-Control"] == "public, max-age=86400"
    assert env.get("/short/rgb.jpg/full/9,/0/default.jpg").headers["Cache-Control"] == "public, max-age=60"


def test_what_a_login_opened_is_private(site):
    response = site.get("/login/rgb.jpg/info.json", Authorization="Basic cmVhZGVyOnJlYWRlcg==")
    assert response.status == 200
    assert response.headers["Cache-Control"].startswith("private")


@pytest.mark.parametrize("path, name", [
    ("/iiif/3/book1%2Fp003.jpg/full/max/0/default.png", 'inline; filename="p003.png"'),
    ("/iiif/2/book1%2Fp003.jpg/full/full/0/default.jpg", 'inline; filename="p003.jpg"'),
    ("/iiif/3/book1%2Fp003.jpg/0,0,10,10/5,5/90/gray.jpg", 'inline; filename="p003_0,0,10,10_5,5_90_gray.jpg"'),
    ("/iiif/3/quote%22.png/full/max/0/default.png", 'inline; filename="quote_.png"'),
    ("/iiif/3/%E6%97%A5%E6%9C%AC.png/full/max/0/default.png",
     "inline; filename=\"______.png\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.png"),
])
def test_file_name(site, path, name):
    """IMG-HTTP-10"""
    assert site.get(path).headers["Content-Disposition"] == name


def test_ranges(site):
    whole = site.get(TILE)
    part = site.get(TILE, range="bytes=100-199")
    assert part.status == 206
    assert part.headers["Content-Range"] == "bytes 100-199/%d" % len(whole.body)
    assert part.body == whole.body[100:200]
    assert site.get(TILE, range="bytes=%d-" % (len(whole.body) + 10)).status == 416
    assert site.get(TILE, range="bytes=0-9", if_range=whole.headers["ETag"]).status == 206
    assert site.get(TILE, range="bytes=0-9", if_range='"other"').status == 200


def test_small_answers_have_a_length_and_large_ones_stream(site):
    assert int(site.get(TILE).headers["Content-Length"]) == len(site.get(TILE).body)
    large = site.get(STREAMED)
    assert large.status == 200
    assert large.headers.get("Transfer-Encoding") == "chunked" and "Content-Length" not in large.headers
    assert large.image().size == (2000, 1500)
    assert site.get(STREAMED, range="bytes=0-9").status == 200


# --- cross-origin ---------------------------------------------------------------------------------

@pytest.mark.parametrize("path, status", [
    (INFO, 200), (TILE, 200), ("/iiif/3/rgb.jpg", 303), ("/iiif/3/nothing/info.json", 404),
    ("/iiif/3/rgb.jpg/full/0,/0/default.jpg", 400), ("/iiif/3/denied%2Fsecret.jpg/info.json", 403),
    ("/iiif/3/rgb.jpg/full/^9999,/0/default.jpg", 501), ("/iiif/3/book1%2Fp003", 301), ("/login/rgb.jpg/info.json", 401),
    ("/iiif/3/a%00b/info.json", 404),
])
def test_every_answer_has_cors(site, path, status):
    """IMG-HTTP-05"""
    response = site.get(path, Origin="https://viewer.example")
    assert response.status == status
    assert response.headers.get_all("Access-Control-Allow-Origin") == ["*"]
    assert "Location" in response.headers["Access-Control-Expose-Headers"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("path", [INFO, "/login/rgb.jpg/info.json", "/login/rgb.jpg/full/max/0/default.jpg",
                                  "/iiif/3/denied%2Fsecret.jpg/info.json"])
def test_preflight_before_authorisation(site, path):
    """IMG-HTTP-06"""
    response = site.request("OPTIONS", path, {"Origin": "https://viewer.example", "Access-Control-Request-Method": "GET",
                                              "Access-Control-Request-Headers": "authorization"})
    assert response.status == 204
    assert response.body == b""
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    assert "GET" in response.headers["Access-Control-Allow-Methods"]
    assert int(response.headers["Access-Control-Max-Age"]) > 0


def test_preflight_keeps_the_connection(site):
    request = ("OPTIONS /login/rgb.jpg/info.json HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a.example\r\n"
               "Access-Control-Request-Method: GET\r\n%s\r\n")
    answer = site.raw((request % "" + request % "Connection: close\r\n").encode())
    assert answer.count(b"HTTP/1.1 204") == 2


def test_preflight_tells_nothing_of_what_there_is(site):
    headers = {"Origin": "https://viewer.example", "Access-Control-Request-Method": "GET"}
    there = site.request("OPTIONS", "/login/rgb.jpg/info.json", headers)
    not_there = site.request("OPTIONS", "/login/nothing.jpg/info.json", headers)
    assert [p for p in there.headers.pairs if p[0] != "Date"] == [p for p in not_there.headers.pairs if p[0] != "Date"]


@pytest.mark.parametrize("path", ["/cors/list/rgb.jpg/info.json", "/cors/list/rgb.jpg/full/9,/0/default.jpg",
                                  "/cors/list/nothing/info.json", "/cors/list/rgb.jpg"])
def test_cors_by_list(site, path):
    allowed = site.get(path, Origin="https://b.example")
    assert allowed.headers.get_all("Access-Control-Allow-Origin") == ["https://b.example"]
    assert "Origin" in allowed.headers["Vary"]
    assert "Cross-Origin-Resource-Policy" not in allowed.headers
    for headers in ({"Origin": "https://evil.example"}, {}):
        other = site.get(path, **headers)
        assert "Access-Control-Allow-Origin" not in other.headers
        assert "Origin" in other.headers["Vary"]


def test_one_vary_header(site):
    """mod_cache looks at the first alone."""
    assert len(site.get("/cors/list/rgb.jpg/info.json", Origin="https://b.example").headers.get_all("Vary")) == 1


def test_preflight_by_list(site):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    response = site.request("OPTIONS", "/cors/list/rgb.jpg/info.json", headers)
    assert "Access-Control-Allow-Origin" not in response.headers
    headers["Origin"] = "https://a.example"
    response = site.request("OPTIONS", "/cors/list/rgb.jpg/info.json", headers)
    assert response.status == 204 and response.headers["Access-Control-Allow-Origin"] == "https://a.example"


def test_cors_off(site):
    for path in ("/cors/off/rgb.jpg/info.json", "/cors/off/nothing/info.json"):
        response = site.get(path, Origin="https://b.example")
        assert not [name for name, _ in response.headers.pairs if name.lower().startswith("access-control")]


# --- errors ---------------------------------------------------------------------------------------

def test_errors_of_info_are_json(site):
    for path, status in (("/iiif/3/nothing/info.json", 404), ("/iiif/3/denied%2Fsecret.jpg/info.json", 403),
                         ("/login/rgb.jpg/info.json", 401), ("/iiif/3/bad%2Ftext.jpg/info.json", 500)):
        response = site.get(path)
        assert response.status == status
        assert response.headers["Content-Type"] == "application/json"
        assert response.json()["status"] == status
        assert int(response.headers["Content-Length"]) == len(response.body)


def test_errors_of_images_show_the_sentence(site):
    response = site.get("/iiif/3/rgb.jpg/full/x,y/0/default.jpg")
    assert response.status == 400
    assert response.headers["Content-Type"].startswith("text/html")
    assert "size" in response.text
    assert "no image with this identifier" in site.get("/iiif/3/nothing/full/max/0/default.jpg").text


def test_sentences_are_escaped(site):
    response = site.get("/iiif/3/rgb.jpg/full/max/0/default.%3Cb%3E")
    assert response.status == 400
    assert b"<b>" not in response.body


def test_errors_carry_no_success_headers(site):
    response = site.get("/iiif/3/bad%2Ftruncated.jpg/full/max/0/default.jpg")
    assert response.status == 500
    for name in ("ETag", "Last-Modified", "Content-Disposition", "Link", "Cache-Control"):
        assert name not in response.headers


def test_error_document(make_env):
    env = make_env('''
        ErrorDocument 404 /errors/404.html
        ErrorDocument 400 "plain words"
        ErrorDocument 403 /errors/404.html
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''')
    env.write("htdocs/errors/404.html", "our own page\n")
    for path in ("/iiif/3/nothing/info.json", "/iiif/3/nothing/full/max/0/default.jpg",
                 "/iiif/3/denied%2Fsecret.jpg/info.json"):
        response = env.get(path)
        assert response.status in (403, 404)
        assert response.text == "our own page\n"
        assert response.headers.get_all("Access-Control-Allow-Origin") == ["*"]
    response = env.get("/iiif/3/rgb.jpg/full/0,/0/default.jpg")
    assert response.status == 400 and response.text == "plain words"
    assert response.headers.get_all("Access-Control-Allow-Origin") == ["*"]


def test_error_document_that_is_an_image_of_ours(make_env):
    env = make_env('''
        ErrorDocument 404 /iiif/3/gray.png/full/20,/0/default.png
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''')
    response = env.get("/iiif/3/nothing/full/max/0/default.jpg")
    assert response.status == 404
    assert response.image().size[0] == 20


# --- other modules --------------------------------------------------------------------------------

def test_deflate_and_304(make_env):
    """mod_deflate changes the ETag; conditional requests work all the same."""
    env = make_env('''
        AddOutputFilterByType DEFLATE application/json application/ld+json
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''', modules=["deflate"])
    first = env.get(INFO, Accept_Encoding="gzip")
    assert first.headers["Content-Encoding"] == "gzip"
    assert "Accept" in first.headers["Vary"] and "Accept-Encoding" in first.headers["Vary"]
    etag = first.headers["ETag"]
    assert etag.endswith('-gzip"')
    again = env.get(INFO, Accept_Encoding="gzip", if_none_match=etag)
    assert again.status == 304
    assert env.get(INFO, if_none_match=etag).status == 304
    assert env.get(INFO, Accept_Encoding="gzip", if_none_match='W/"other-gzip"').status == 200


def test_brotli_and_304(make_env):
    env = make_env('''
        AddOutputFilterByType BROTLI_COMPRESS application/json application/ld+json
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''', modules=["brotli"])
    first = env.get(INFO, Accept_Encoding="br")
    assert first.headers["Content-Encoding"] == "br"
    assert env.get(INFO, Accept_Encoding="br", if_none_match=first.headers["ETag"]).status == 304


def test_names_that_other_modules_would_read_something_into(make_env):
    """mod_mime's encodings and languages, MultiViews, FallbackResource, DirectorySlash, a folder's SetHandler."""
    env = make_env('''
        AddEncoding x-gzip .gz
        AddLanguage en .en
        <Directory "{masters}">
            Options +MultiViews +FollowSymLinks
            SetHandler None
            AddHandler server-status .jpg
        </Directory>
        <Location "/">
            FallbackResource /index.html
            DirectorySlash On
            Options +MultiViews
        </Location>
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''', modules=["negotiation"])
    env.write("htdocs/index.html", "fallback\n")
    response = env.get("/iiif/3/book.en.gz/full/max/0/default.png")
    assert response.status == 200
    assert "Content-Encoding" not in response.headers and "Content-Language" not in response.headers
    assert env.get("/iiif/3/nothing/info.json").status == 404
    assert env.get("/iiif/3/book1/info.json").status == 404
    assert env.get("/iiif/3/book1").status == 404
    assert env.get("/iiif/3/rgb/info.json").status == 301
    assert env.get("/iiif/3/rgb.jpg/info.json").status == 200
    assert env.get("/somewhere").text == "fallback\n"


def test_mod_headers(make_env):
    env = make_env('''
        <Location "/iiif">
            IIIFRoot "{masters}"
            Header set Access-Control-Allow-Origin "https://only.example"
            Header add Link "<https://example.org/terms>;rel=\\"license\\""
        </Location>
    ''')
    response = env.get(TILE)
    assert response.headers.get_all("Access-Control-Allow-Origin") == ["https://only.example"]
    assert 'rel="license"' in response.headers["Link"] and 'rel="canonical"' in response.headers["Link"]


@pytest.mark.parametrize("quick", ["On", "Off"])
def test_mod_cache(make_env, quick):
    env = make_env('''
        CacheRoot "{root}/run/cache"
        CacheQuickHandler %s
        CacheHeader On
        CacheMaxFileSize 20000000
        %s
        <Location "/iiif">
            IIIFRoot "{masters}"
            IIIFCORS https://a.example https://b.example
            %s
        </Location>
        <Location "/open">
            IIIFRoot "{masters}"
            IIIFVersion 3
            %s
        </Location>
    ''' % (quick, "CacheEnable disk /" if quick == "On" else "", *["CacheEnable disk" if quick == "Off" else ""] * 2),
        modules=["cache", "cache_disk"])
    os.mkdir(env.root + "/run/cache")
    os.chmod(env.root + "/run/cache", 0o777)
    for path in ("/open/rgb.jpg/full/77,/0/default.jpg", "/open/rgb.jpg/info.json",
                 "/open/noise.jpg/full/max/0/default.png"):
        first, second = env.get(path), env.get(path)
        assert "MISS" in first.headers["X-Cache"] and "HIT" in second.headers["X-Cache"], path
        assert second.body == first.body
        for name in ("Access-Control-Allow-Origin", "ETag", "Content-Type", "Link", "Vary",
                     "Cross-Origin-Resource-Policy", "Access-Control-Expose-Headers", "Content-Disposition"):
            assert second.headers.get_all(name) == first.headers.get_all(name), name
        assert env.get(path, if_none_match=first.headers["ETag"]).status == 304
    for _ in range(2):
        for origin in ("https://a.example", "https://b.example"):
            response = env.get(TILE, Origin=origin)
            assert response.headers.get_all("Access-Control-Allow-Origin") == [origin]
    before = env.get("/open/nothing/info.json")
    assert before.status == 404 and before.headers.get_all("Access-Control-Allow-Origin") == ["*"]


def test_server_side_include_of_a_document(make_env):
    """A sub-request of another module."""
    env = make_env('''
        <Directory "{root}/htdocs">
            Options +Includes
            AddOutputFilter INCLUDES .shtml
        </Directory>
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''', modules=["include"])
    env.write("htdocs/page.shtml", '<!--#include virtual="/iiif/3/rgb.jpg/info.json" -->')
    assert '"ImageService3"' in env.get("/page.shtml").text
    env.write("htdocs/bad.shtml", '[<!--#include virtual="/iiif/3/denied%2Fsecret.jpg/info.json" -->]')
    assert "ImageService3" not in env.get("/bad.shtml").text


def have_curl_http2():
    try:
        return "HTTP2" in subprocess.run(["curl", "-V"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not have_curl_http2(), reason="needs curl with HTTP/2")
def test_http2(make_env):
    if os.environ.get("MPM") == "prefork":
        pytest.skip("mod_http2 needs a threaded MPM")
    env = make_env('''
        Protocols h2c http/1.1
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''', modules=["http2"], mpm="event")

    def curl(path, *options):
        done = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-o", "-", "-w", "%{stderr}%{http_code} %{http_version}",
                               *options, env.url(path)], capture_output=True, timeout=60)
        return done.stderr.decode().split(), done.stdout, done.returncode

    (status, version), body, _ = curl(TILE)
    assert (status, version) == ("200", "2") and body[:2] == b"\xff\xd8"
    (status, _), body, code = curl(STREAMED)
    assert status == "200" and code == 0 and body == env.get(STREAMED).body
    assert curl("/iiif/3/a%2Fb.png/info.json")[0][0] == "200"
    assert curl("/iiif/3/nothing/info.json")[0][0] == "404"
    assert curl(INFO, "-X", "OPTIONS")[0][0] == "204"
    # A client that goes away in the middle.
    mark = env.mark()
    for _ in range(3):
        curl("/iiif/3/noise.jpg/full/max/33/default.png", "-m", "0.2")
    env.wait_for_log("IIIF(1002|6210)", mark)
    assert curl(TILE)[0][0] == "200"


# --- clients that go ------------------------------------------------------------------------------

def test_client_that_goes_while_we_render(site):
    """Noticed before there is anything to send: this answer is short, but takes a while."""
    mark = site.mark()
    connection = socket.create_connection(("127.0.0.1", site.port))
    connection.sendall(b"GET /iiif/3/noise.jpg/full/max/33/bitonal.png HTTP/1.1\r\nHost: localhost\r\n\r\n")
    time.sleep(0.1)
    connection.close()
    line = site.wait_for_log(r"\[iiif:(\w+)\].*IIIF1002.*", mark)
    assert line.group(1) == "debug"
    assert site.get(TILE).status == 200


def test_client_that_goes_while_we_send(site):
    mark = site.mark()
    connection = socket.create_connection(("127.0.0.1", site.port))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(b"GET " + STREAMED.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    connection.close()
    line = site.wait_for_log(r"\[iiif:(\w+)\].*IIIF(1002|6210).*", mark)
    assert line.group(1) == "debug"
    assert site.get(TILE).status == 200


def test_error_after_the_first_byte_cuts_the_answer(make_env, masters):
    """Never a page of HTML behind half an image, never a whole-looking answer."""
    import masters as made
    folder, _ = masters
    whole = open(made.save(folder, "bad/late.png", made.noise(1500, 1500)), "rb").read()
    made.write(folder, "bad/late.png", whole[: len(whole) * 3 // 4])
    os.chmod(os.path.join(folder, "bad/late.png"), 0o644)
    env = make_env('''
        CacheRoot "{root}/run/cache"
        CacheQuickHandler Off
        CacheHeader On
        CacheMaxFileSize 20000000
        <Location "/iiif">
            IIIFRoot "{masters}"
            CacheEnable disk
        </Location>
    ''', modules=["cache", "cache_disk"])
    os.mkdir(env.root + "/run/cache")
    os.chmod(env.root + "/run/cache", 0o777)
    path = "/iiif/3/bad%2Flate.png/full/max/0/default.png"
    mark = env.mark()
    for _ in range(2):
        answer = env.raw(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 500"):
            pytest.skip("the whole answer was held back")
        assert b"Transfer-Encoding: chunked" in head
        assert not body.endswith(b"0\r\n\r\n")
        assert b"<html" not in body.lower()
        assert b"HIT" not in head
    assert re.search(r"\[iiif:error\].*IIIF\d{4}.*identifier bad/late.png, file .*/bad/late.png", env.error_log(mark))


# --- logs -----------------------------------------------------------------------------------------

def test_notes_for_the_access_log(site):
    site.get(TILE)
    assert re.search(r'"GET %s HTTP/1.1" 200 .* stage=done ms=\d+ error=-' % re.escape(TILE), site.access_log())
    site.get("/iiif/3/nothing/full/max/0/default.jpg")
    assert re.search(r"nothing/full/max/0/default.jpg HTTP/1.1\" 404 .* error=IIIF5\d{3}", site.access_log())


def test_levels_of_the_log(site):
    mark = site.mark()
    site.get("/iiif/3/nothing/info.json")
    site.get("/iiif/3/rgb.jpg/full/0,/0/default.jpg")
    site.get("/iiif/3/bad%2Ftext.jpg/info.json")
    log = site.error_log(mark)
    assert re.search(r"\[iiif:info\].*IIIF\d{4}: .*: identifier nothing, file %s/nothing" % site.masters, log)
    assert re.search(r"\[iiif:info\].*IIIF\d{4}: .*: identifier rgb.jpg, file %s/rgb.jpg" % site.masters, log)
    assert re.search(r"\[iiif:error\].*IIIF\d{4}: .*: identifier bad/text.jpg, file %s/bad/text.jpg" % site.masters, log)


def test_links_share_one_field_line(site):
    """Clients that look at the first Link line only must find the profile as well."""
    response = site.get("/iiif/3/rgb.jpg/full/100,/0/default.jpg")
    assert len(response.headers.get_all("Link")) == 1
    assert re.findall(r'rel="(\w+)"', response.headers["Link"]) == ["canonical", "profile"]
