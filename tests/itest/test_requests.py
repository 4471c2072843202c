# SPDX-License-Identifier: Apache-2.0
"""Requests of the Image API through httpd: the URL layout, both versions, documents and pictures."""
import pytest
from conftest import links
from httpd_env import free_port
from masters import HEIGHT, WIDTH


@pytest.mark.parametrize("base, version", [("/iiif/2", 2), ("/iiif/3", 3), ("/v2", 2), ("/v3", 3)])
def test_info_is_of_the_version_of_its_address(site, base, version):
    info = site.get(base + "/rgb.jpg/info.json").json()
    assert info["@context"] == "http://iiif.io/api/image/%d/context.json" % version
    assert (info["width"], info["height"]) == (WIDTH, HEIGHT)
    assert info["@id" if version == 2 else "id"].endswith(base + "/rgb.jpg")


@pytest.mark.parametrize("base, parameters, size", [
    ("/iiif/3", "full/max/0/default.jpg", (600, 400)),
    ("/iiif/2", "full/full/0/default.jpg", (600, 400)),
    ("/iiif/3", "full/300,/0/default.png", (300, 200)),
    ("/iiif/3", "square/100,100/0/gray.png", (100, 100)),
    ("/iiif/3", "0,0,512,512/256,/90/default.jpg", (200, 256)),
    ("/iiif/3", "pct:50,50,50,50/max/!0/bitonal.png", (300, 200)),
    ("/iiif/2", "10,20,30,40/full/0/color.jpg", (30, 40)),
])
def test_image(site, base, parameters, size):
    response = site.get("%s/rgb.jpg/%s" % (base, parameters))
    assert response.status == 200, response
    assert response.image().size == size
    assert response.headers["Content-Type"] == {"jpg": "image/jpeg", "png": "image/png"}[parameters[-3:]]


def test_pixels_come_from_where_they_should(site):
    """The masters' red grows to the right and green downwards."""
    image = site.get("/iiif/3/rgb.jpg/300,200,100,100/max/0/default.png").image().convert("RGB")
    red, green, blue = image.getpixel((0, 0))
    assert abs(red - 127) < 6 and abs(green - 127) < 6 and abs(blue - 64) < 6


def test_base_uri_answers_303(site):
    """IMG-URI-03, IMG-URI-04: with and without slash; the identifier stays encoded."""
    for path in ("/iiif/3/book1%2Fp003.jpg", "/iiif/3/book1%2Fp003.jpg/"):
        response = site.get(path)
        assert response.status == 303
        assert response.headers["Location"] == "http://localhost:%d/iiif/3/book1%%2Fp003.jpg/info.json" % site.port
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_base_uri_of_a_plain_slash_is_published_encoded(site):
    response = site.get("/iiif/3/book1/p003.jpg")
    assert response.headers["Location"].endswith("/iiif/3/book1%2Fp003.jpg/info.json")


def test_base_uri_of_what_is_not_there(site):
    assert site.get("/iiif/3/nothing").status == 404


def test_stem_redirects_to_the_file(site):
    response = site.get("/iiif/3/book1%2Fp003/full/100,/0/default.jpg?x=1")
    assert response.status == 301
    assert response.headers["Location"].endswith("/iiif/3/book1%2Fp003.jpg/full/100,/0/default.jpg?x=1")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert site.get("/iiif/3/book1%2Fp003").status == 301


def test_ambiguous_stem_is_told(site):
    response = site.get("/iiif/3/book1%2Ftwice/info.json")
    assert response.status == 404
    assert "extension" in response.json()["detail"]
    assert "extension" in site.get("/iiif/3/book1%2Ftwice/full/max/0/default.jpg").text


def test_links(site):
    """IMG-CAN-01, IMG-CAN-08, IMG-INFO-10"""
    of3 = links(site.get("/iiif/3/rgb.jpg/pct:0,0,100,100/300,/0/color.jpg"))
    assert of3["canonical"].endswith("/iiif/3/rgb.jpg/full/300,200/0/default.jpg")
    assert of3["profile"] == "http://iiif.io/api/image/3/level2.json"
    of2 = links(site.get("/iiif/2/rgb.jpg/0,0,600,400/300,/0/color.jpg"))
    assert of2["canonical"].endswith("/iiif/2/rgb.jpg/full/300,/0/default.jpg")
    assert of2["profile"] == "http://iiif.io/api/image/2/level2.json"
    assert links(site.get("/iiif/3/rgb.jpg/info.json"))["profile"] == "http://iiif.io/api/image/3/level2.json"


def test_canonical_link_gives_the_same_bytes(site):
    asked = site.get("/iiif/3/rgb.jpg/pct:10,10,50,50/150,/0/color.jpg")
    canonical = site.get("/" + links(asked)["canonical"].split("/", 3)[3])
    assert canonical.status == 200
    assert canonical.body == asked.body
    assert canonical.headers["ETag"] == asked.headers["ETag"]


@pytest.mark.parametrize("accept, version3, version2", [
    (None, 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"', "application/json"),
    ("*/*", 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"', "application/json"),
    ("application/json", "application/json", "application/json"),
    ("application/ld+json", 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"',
     "application/ld+json"),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
     'application/ld+json;profile="http://iiif.io/api/image/3/context.json"', "application/json"),
])
def test_negotiation_of_info(site, accept, version3, version2):
    """IMG3-INFO-02, IMG3-INFO-03, IMG2-INFO-05, IMG-INFO-07"""
    headers = {} if accept is None else {"Accept": accept}
    for base, expected in (("/v3", version3), ("/v2", version2)):
        response = site.request("GET", base + "/rgb.jpg/info.json", headers)
        assert response.status == 200
        assert response.headers["Content-Type"] == expected
        assert "Accept" in response.headers["Vary"]


def test_body_does_not_depend_on_the_type(site):
    """IMG-INFO-06"""
    plain = site.get("/v3/rgb.jpg/info.json", accept="application/json")
    assert plain.body == site.get("/v3/rgb.jpg/info.json").body


def test_images_do_not_vary(site):
    """IMG-FMT-05"""
    assert "Vary" not in site.get("/v3/rgb.jpg/full/50,/0/default.jpg").headers


def test_upscaling_only_where_configured(site):
    assert site.get("/v3/rgb.jpg/full/^1200,/0/default.jpg").status == 501
    assert site.get("/v3/rgb.jpg/full/1200,/0/default.jpg").status == 400
    response = site.get("/large/rgb.jpg/full/%5E1200,/0/default.jpg")
    assert response.status == 200 and response.image().size == (1200, 800)
    assert site.get("/large/rgb.jpg/full/^4000,/0/default.jpg").status == 400


def test_paths_of_no_service(site):
    for path in ("/iiif", "/iiif/", "/iiif/4/rgb.jpg/info.json", "/iiif/rgb.jpg/info.json", "/iiif/3", "/iiif/3/",
                 "/v3/", "/v3"):
        assert site.get(path).status == 404, path


def test_nested_section_without_service_is_not_ours(make_env):
    env = make_env('''
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
        <Location "/iiif/plain">
            IIIFService off
        </Location>
        Alias "/iiif/plain" "{root}/htdocs"
    ''')
    env.write("htdocs/note.txt", "plain file\n")
    assert env.get("/iiif/plain/note.txt").text == "plain file\n"
    assert env.get("/iiif/3/rgb.jpg/info.json").status == 200


def test_several_collections(make_env):
    env = make_env('''
        <Location "/books">
            IIIFRoot "{masters}/book1"
        </Location>
        <Location "/all">
            IIIFRoot "{masters}"
            IIIFVersion 2
        </Location>
    ''')
    assert env.get("/books/3/p003.jpg/info.json").json()["width"] == 300
    assert env.get("/all/rgb.jpg/info.json").json()["width"] == WIDTH
    assert env.get("/books/3/rgb.jpg/info.json").status == 404


def test_location_of_everything(make_env):
    env = make_env('''
        <Location "/">
            IIIFRoot "{masters}"
            IIIFVersion 3
        </Location>
    ''')
    info = env.get("/book1%2Fp003.jpg/info.json")
    assert info.status == 200
    assert info.json()["id"].endswith("%d/book1%%2Fp003.jpg" % env.port)


def test_template(make_env):
    env = make_env('''
        <Location "/t">
            IIIFResolver template "{masters}/book1/{identifier}.jpg"
            IIIFVersion 3
        </Location>
    ''')
    assert env.get("/t/p003/info.json").json()["width"] == 300


# --- the base URI ------------------------------------------------------------------------------------------

def base_of(env, path="/v3/rgb.jpg/info.json", port=None, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    return env.request("GET", path, headers, port=port).json()["id"].rsplit("/", 1)[0]


VHOSTS = '''
    Listen 127.0.0.1:{port2}
    <VirtualHost 127.0.0.1:{port}>
        ServerName https://iiif.example.org
        ServerAlias images.example.org *.tiles.example.org
        <Location "/v3">
            IIIFRoot "{masters}"
            IIIFVersion 3
        </Location>
        <Location "/fixed">
            IIIFRoot "{masters}"
            IIIFVersion 3
            IIIFBaseURI "https://cdn.example.net/images/"
        </Location>
        <Location "/canonical">
            IIIFRoot "{masters}"
            IIIFVersion 3
            UseCanonicalName On
        </Location>
    </VirtualHost>
    <VirtualHost 127.0.0.1:{port2}>
        <Location "/v3">
            IIIFRoot "{masters}"
            IIIFVersion 3
        </Location>
    </VirtualHost>
'''


@pytest.fixture(scope="module")
def vhosts(make_module_env):
    return make_module_env(VHOSTS)


def test_host_that_names_the_server(vhosts):
    assert base_of(vhosts, Host="iiif.example.org") == "https://iiif.example.org/v3"
    assert base_of(vhosts, Host="images.example.org") == "https://images.example.org/v3"
    assert base_of(vhosts, Host="a.tiles.example.org") == "https://a.tiles.example.org/v3"
    assert base_of(vhosts, Host="IIIF.Example.ORG:8443") == "https://iiif.example.org:8443/v3"


def test_host_of_a_stranger_does_not_leak_in(vhosts):
    assert base_of(vhosts, Host="evil.example") == "https://iiif.example.org/v3"
    assert base_of(vhosts, "/canonical/rgb.jpg/info.json", Host="evil.example:99") == "https://iiif.example.org/canonical"
    assert vhosts.request("GET", "/v3/rgb.jpg", {"Host": "evil.example"}).headers["Location"].startswith(
        "https://iiif.example.org/v3/")


def test_host_where_no_name_is_declared(vhosts):
    assert base_of(vhosts, port=vhosts.port2, Host="anything.example:8080") == "http://anything.example:8080/v3"
    assert base_of(vhosts, port=vhosts.port2, Host="[::1]:8080") == "http://[::1]:8080/v3"


def test_base_uri_by_directive(vhosts):
    assert base_of(vhosts, "/fixed/rgb.jpg/info.json", Host="iiif.example.org") == "https://cdn.example.net/images"


def test_base_uri_of_the_server(make_env):
    env = make_env('''
        IIIFBaseURI "https://www.example.org/x"
        <Location "/v3">
            IIIFRoot "{masters}"
            IIIFVersion 3
        </Location>
    ''')
    assert base_of(env, Host="other.example") == "https://www.example.org/x/v3"


@pytest.mark.parametrize("trusted", [True, False])
def test_x_forwarded(make_env, trusted):
    env = make_env('''
        IIIFForwarded x-forwarded
        IIIFTrustedProxy %s
        <Location "/v3">
            IIIFRoot "{masters}"
            IIIFVersion 3
        </Location>
    ''' % ("127.0.0.0/8" if trusted else "10.0.0.0/8"))
    got = base_of(env, X_Forwarded_Proto="https", X_Forwarded_Host="forged.example, iiif.example.org",
                  X_Forwarded_Prefix="/museum/")
    assert got == ("https://iiif.example.org/museum/v3" if trusted else "http://localhost:%d/v3" % env.port)
    if trusted:
        plain = "http://localhost:%d/v3" % env.port
        assert base_of(env, X_Forwarded_Host="a.example/<script>") == plain
        assert base_of(env, X_Forwarded_Prefix="/../x", X_Forwarded_Proto="gopher") == plain
        assert base_of(env, X_Forwarded_Host="a.example:443", X_Forwarded_Proto="https") == "https://a.example/v3"
        assert base_of(env, X_Forwarded_Host="a.example", X_Forwarded_Port="8443",
                       X_Forwarded_Proto="https") == "https://a.example:8443/v3"
        assert base_of(env, Forwarded="proto=https;host=a.example") == plain


def test_forwarded(make_env):
    env = make_env('''
        IIIFForwarded forwarded
        IIIFTrustedProxy 127.0.0.1
        <Location "/v3">
            IIIFRoot "{masters}"
            IIIFVersion 3
        </Location>
    ''')
    assert base_of(env, Forwarded='for=1.2.3.4;host=x.example, for="[::1]:77";Proto=HTTPS; host="a.example:8443"') == \
        "https://a.example:8443/v3"
    assert base_of(env, X_Forwarded_Host="a.example") == "http://localhost:%d/v3" % env.port
