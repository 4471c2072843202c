# SPDX-License-Identifier: Apache-2.0
"""info.json: its delivery, and its content judged by a checker of the tests' own (spec_checker.py)."""
import json

import pytest
from conftest import links
from spec_checker import Offer, problems
from spec_masters import LIMITS, SIZES, ask, info, size_of, spec  # noqa: F401

BOTH = pytest.mark.parametrize("version", [2, 3])
LD3 = 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"'
LD2 = "application/ld+json"
JSON = "application/json"
LOCATIONS = sorted(LIMITS) + ["formats", "plain", "held"]


# --- delivery ------------------------------------------------------------------------------------------------

@BOTH
@pytest.mark.parametrize("name", sorted(SIZES))
def test_IMG_INFO_01_every_master_has_one(spec, version, name):
    document = info(spec, version, name)
    assert (document["width"], document["height"]) == SIZES[name]


ACCEPT = [   # Accept, type at 3, type at 2
    (None, LD3, JSON), ("", LD3, JSON), ("*/*", LD3, JSON), ("application/*", LD3, JSON), ("application/json", JSON, JSON),
    ("application/ld+json", LD3, LD2), ('application/ld+json;profile="http://iiif.io/api/image/3/context.json"', LD3, LD2),
    ('application/ld+json; profile="http://iiif.io/api/image/2/context.json"', LD3, LD2),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", LD3, JSON),
    ("application/json, application/ld+json;q=0.5", JSON, JSON), ("application/ld+json, application/json;q=0.5", LD3, LD2),
    ("application/json;q=0.5, */*;q=0.1", JSON, JSON), ("application/ld+json;q=0, */*", JSON, JSON), ("text/html", LD3, JSON),
    ("image/png", LD3, JSON), ("application/json;charset=utf-8", JSON, JSON), ("APPLICATION/JSON", JSON, JSON),
    (";;;,,q=", LD3, JSON), ("application/ld+json;q=0.001,application/json;q=0", LD3, LD2),
]


@pytest.mark.parametrize("accept, type3, type2", ACCEPT)
def test_IMG3_INFO_02_03_04_IMG2_INFO_05_IMG_INFO_06_07_negotiation(spec, accept, type3, type2):
    for version, want in ((3, type3), (2, type2)):
        headers = {} if accept is None else {"Accept": accept}
        response = ask(spec, version, "ref.png", "info.json", **headers)
        assert response.status == 200
        assert response.headers["Content-Type"].replace("; ", ";") == want
        assert "accept" in response.headers["Vary"].lower()
        assert response.body == ask(spec, version, "ref.png", "info.json").body


def test_IMG3_INFO_04_plain_json_has_no_profile(spec):
    assert "profile" not in ask(spec, 3, "ref.png", "info.json", Accept="application/json").headers["Content-Type"]


@BOTH
def test_IMG_INFO_07_representations_have_validators_of_their_own(spec, version):
    tags = {ask(spec, version, "ref.png", "info.json", Accept=accept).headers["ETag"]
            for accept in ("application/json", "application/ld+json")}
    assert len(tags) == 2


@BOTH
def test_IMG20_INFO_08_no_link_to_the_context(spec, version):
    for accept in ("application/json", "application/ld+json"):
        assert "json-ld#context" not in ask(spec, version, "ref.png", "info.json", Accept=accept).headers.get("Link", "")


@BOTH
def test_IMG_INFO_09_cross_origin(spec, version):
    for origin in ({}, {"Origin": "https://viewer.example"}):
        assert ask(spec, version, "ref.png", "info.json", **origin).headers.get_all("Access-Control-Allow-Origin") == ["*"]


@BOTH
def test_IMG_INFO_10_profile_link_on_info_and_images(spec, version):
    level = "http://iiif.io/api/image/%d/level2.json" % version
    assert links(ask(spec, version, "ref.png", "info.json"))["profile"] == level
    assert links(ask(spec, version, "ref.png", "full/50,/0/default.jpg"))["profile"] == level
    raw = ask(spec, version, "ref.png", "info.json").headers["Link"]
    assert '<%s>;rel="profile"' % level in raw
    level1 = level.replace("2.json", "1.json")
    assert links(ask(spec, version, "ref.png", "info.json", "/plain"))["profile"] == level1


# --- content, both versions ------------------------------------------------------------------------------------

@BOTH
@pytest.mark.parametrize("location", LOCATIONS)
def test_IMG3_JSON_01_to_13_IMG2_JSON_01_02_03_05_06_documents_are_valid(spec, version, location):
    wrong = {}
    for name in SIZES:
        document = info(spec, version, name, "/" + location)
        found = problems(version, document, "http://localhost:%d/%s/%d/%s" % (spec.port, location, version, name))
        if found:
            wrong[name] = found
    assert not wrong


def test_the_checker_sees_faults(spec):
    """It would be worth nothing otherwise."""
    base = {v: "http://localhost:%d/all/%d/ref.png" % (spec.port, v) for v in (2, 3)}
    good = {v: info(spec, v, "ref.png", "/all") for v in (2, 3)}
    assert not problems(3, good[3], base[3]) and not problems(2, good[2], base[2])
    beyond = good[2]["profile"][1]
    faults3 = [{"width": "300"}, {"height": 200.0}, {"type": "x"}, {"profile": "http://iiif.io/api/image/3/level2.json"},
               {"id": base[3] + "/"}, {"@context": ["http://iiif.io/api/image/3/context.json", "http://example.org/"]},
               {"sizes": [{"width": 300, "height": 200}]}, {"tiles": [{"width": 99, "scaleFactors": [1, 1]}]},
               {"tiles": [{"width": 99}]}, {"tiles": [{"width": 999, "scaleFactors": [1]}]}, {"extraFeatures": ["regionByPx"]},
               {"extraFeatures": ["sizeAboveFull"]}, {"extraFormats": ["png"]}, {"extraQualities": ["native"]},
               {"attribution": "x"}, {"rights": "https://example.org/"}, {"seeAlso": [{"id": "https://a.example/"}]},
               {"service": [{"id": "x:y"}]}, {"extraFormats": []}, {"maxWidth": 0},
               {"tiles": [{"width": 99, "scaleFactors": [1]}] * 2}]
    faults2 = [{"@id": "x"}, {"profile": "level2"}, {"profile": [*good[2]["profile"], {"x": 1}]}, {"service": {"@id": "x"}},
               {"type": "x"}, {"profile": [good[2]["profile"][0], {**beyond, "qualities": ["bitonal"]}]},
               {"profile": [good[2]["profile"][0], {**beyond, "supports": ["sizeUpscaling"]}]}]
    for version, faults in ((3, faults3), (2, faults2)):
        for fault in faults:
            assert problems(version, {**good[version], **fault}, base[version]), fault


@BOTH
@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("name", ["ref.png", "gray.png", "bitonal.tif", "cmyk.jpg"])
def test_IMG3_JSON_08_09_IMG2_JSON_05_06_what_is_announced_is_served_and_nothing_else(spec, version, location, name):
    offer = Offer(version, info(spec, version, name, "/" + location))

    def status(parameters):
        return ask(spec, version, name, parameters, "/" + location).status
    for form in ("jpg", "png", "tif", "gif", "webp", "jp2", "pdf"):
        assert (status("full/60,40/0/default." + form) == 200) == (form in offer.formats), form
    for word in ("default", "gray", "bitonal"):
        assert (status("full/60,40/0/%s.jpg" % word) == 200) == (word in offer.qualities), word
    trials = {"regionByPx": "1,1,50,50/50,/0", "regionByPct": "pct:1,1,20,20/50,/0", "regionSquare": "square/50,/0",
              "sizeByW": "full/50,/0", "sizeByH": "full/,50/0", "sizeByPct": "full/pct:20/0", "sizeByConfinedWh": "full/!50,50/0",
              "sizeByWh": "full/60,40/0", "rotationBy90s": "full/50,/90", "rotationArbitrary": "full/50,/33.3",
              "mirroring": "full/50,/!0", "sizeUpscaling": "0,0,20,20/^40,/0", "sizeAboveFull": "0,0,20,20/40,/0",
              "sizeByDistortedWh": "full/60,50/0"}
    for feature, parameters in trials.items():
        if feature == ("sizeUpscaling" if version == 2 else "sizeAboveFull") or (feature, version) == ("sizeByDistortedWh", 3):
            continue
        assert (status(parameters + "/default.jpg") == 200) == (feature in offer.features), feature


def test_IMG3_LVL_03_04_IMG_LVL_05_level_2_and_what_goes_beyond(spec):
    for location in sorted(LIMITS):
        document = info(spec, 3, "ref.png", "/" + location)
        assert document["profile"] == "level2"
        offer = Offer(3, document)
        assert {"jpg", "png"} <= offer.formats
        assert {"rotationArbitrary", "mirroring", "canonicalLinkHeader", "profileLinkHeader"} <= set(offer.listed_features)
        assert ("sizeUpscaling" in offer.listed_features) == LIMITS[location].get("upscale", False)
        assert set(offer.listed_qualities) == {"color", "gray", "bitonal"}
    # A service of level 1 answers w,h without announcing it.
    document = info(spec, 3, "ref.png", "/plain")
    assert document["profile"] == "level1" and "sizeByWh" not in document["extraFeatures"]
    assert size_of(ask(spec, 3, "ref.png", "full/30,30/0/default.jpg", "/plain")) == (30, 30)


# --- version 3 ---------------------------------------------------------------------------------------------------

def test_IMG3_JSON_03_04_limits_stand_at_the_top(spec):
    want = {"w": (200, None, 64 << 20), "wh": (200, 90, 64 << 20), "area": (None, None, 10000), "all": (180, 140, 12000),
            "up": (1000, None, 64 << 20), "uparea": (None, None, 250000), "spec": (None, None, 64 << 20)}
    for location, limits in want.items():
        document = info(spec, 3, "ref.png", "/" + location)
        assert tuple(document.get(k) for k in ("maxWidth", "maxHeight", "maxArea")) == limits, location


def test_IMG3_JSON_10_11_rights_and_nothing_of_version_2(spec):
    document = info(spec, 3, "ref.png", "/held")
    assert document["rights"] == "http://creativecommons.org/licenses/by/4.0/"
    assert not {"attribution", "license", "logo"} & set(document)


def test_IMG3_JSON_12_14_links_of_the_sidecar(spec):
    document = info(spec, 3, "ref.png")
    assert document["partOf"] == [{"id": "https://www.example.org/m.json", "type": "Manifest", "label": {"none": ["The book"]}}]
    assert [item["id"] for item in document["seeAlso"]] == ["https://www.example.org/r.xml"]
    assert {"AuthProbeService2"} <= {item.get("type") for item in document["service"]}
    assert document["@context"] == ["http://iiif.io/api/auth/2/context.json", "http://iiif.io/api/image/3/context.json"]


def test_IMG3_JSON_13_numbers_are_whole_and_nothing_is_empty(spec):
    text = ask(spec, 3, "big.jp2", "info.json").text
    assert ".0" not in text.replace("3.0", "") and "[]" not in text and "null" not in text
    assert json.loads(text)["width"] == 6000


@BOTH
def test_IMG3_JSON_15_the_level_is_that_of_the_image(spec, version):
    """Without gray a colour image is at level 1."""
    for location, level in (("spec", "2"), ("plain", "1")):
        profile = info(spec, version, "ref.png", "/" + location)["profile"]
        assert (profile if version == 3 else profile[0]).removesuffix(".json").endswith("level" + level)


# --- version 2 ---------------------------------------------------------------------------------------------------

def test_IMG2_JSON_02_limits_stand_in_the_profile(spec):
    document = info(spec, 2, "ref.png", "/all")
    assert not {"maxWidth", "maxHeight", "maxArea"} & set(document)
    beyond = document["profile"][1]
    assert (beyond["maxWidth"], beyond["maxHeight"], beyond["maxArea"]) == (180, 140, 12000)
    assert not {"@context", "@id", "@type"} & set(beyond)


def test_IMG2_JSON_03_05_nothing_that_the_level_implies(spec):
    beyond = info(spec, 2, "ref.png")["profile"][1]
    assert beyond["qualities"] == ["color", "gray"]
    assert {"regionSquare", "mirroring", "rotationArbitrary", "canonicalLinkHeader", "profileLinkHeader"} == set(beyond["supports"])
    assert "formats" not in beyond or not {"jpg", "png"} & set(beyond["formats"])
    assert "sizeAboveFull" in info(spec, 2, "ref.png", "/up")["profile"][1]["supports"]


def test_IMG21_JSON_08_attribution_license_logo(spec):
    document = info(spec, 2, "one.png", "/held")
    assert document["attribution"] == "Example <b>Library</b>"
    assert document["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert document["logo"] == "https://www.example.org/logo.png"


def test_IMG2_JSON_09_services_with_a_context(spec):
    service = info(spec, 2, "ref.png")["service"]
    assert service["@context"] == "http://iiif.io/api/auth/1/context.json" and service["@id"] == "https://www.example.org/login"


@pytest.mark.parametrize("name, dpi", [("bitonal.tif", 600), ("cmyk.jpg", 300)])
def test_IMG2_JSON_10_physical_dimensions(spec, name, dpi):
    service = info(spec, 2, name)["service"]
    assert service["@context"] == "http://iiif.io/api/annex/services/physdim/1/context.json"
    assert service["profile"] == "http://iiif.io/api/annex/services/physdim"
    per_unit = {"in": 1, "cm": 2.54, "mm": 25.4}[service["physicalUnits"]]
    assert abs(service["physicalScale"] - per_unit / dpi) < 1e-4


def test_IMG20_JSON_11_order_of_the_example_and_one_service_alone(spec):
    order = ["@context", "@id", "protocol", "width", "height", "sizes", "tiles", "attribution", "logo", "license", "profile",
             "service"]
    for location in LOCATIONS:
        keys = list(info(spec, 2, "ref.png", "/" + location))
        assert keys == [key for key in order if key in keys]
    assert isinstance(info(spec, 2, "ref.png")["service"], dict)
