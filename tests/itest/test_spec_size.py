# SPDX-License-Identifier: Apache-2.0
"""Sizes of both versions under all combinations of limits, measured on the delivered images."""
import pytest
import spec_rules
from spec_masters import LIMITS, SIZES, ask, info, size_of, spec  # noqa: F401

SIZES_3 = ["max", "^max", "40,", ",30", "^40,", "^,30", "1,", ",1", "400,", "^400,", ",400", "^,400", "pct:50", "pct:33.333",
           "pct:100", "pct:0.3", "pct:100.1", "^pct:50", "^pct:150", "20,30", "5,3", "^20,30", "301,10", "^301,10", "400,400",
           "^400,400", "!60,60", "!225,100", "!360,360", "!5000,5000", "!1,1", "^!60,60", "^!360,360", "^!100,900", "full", "0,",
           ",0", "0,0", "5,0", "!0,5", "!5,0", "^0,", "^!0,0", "pct:0", "^pct:0"]
SIZES_2 = ["full", "max", "40,", ",30", "1,", "400,", ",400", "pct:50", "pct:33.333", "pct:100", "pct:120", "20,30", "5,3",
           "301,10", "400,400", "!60,60", "!225,100", "!360,360", "!5000,5000", "0,", ",0", "0,0", "!0,5", "pct:0", "^40,",
           "^max", "^!60,60"]
FORMS = {2: SIZES_2, 3: SIZES_3}
EVERY = [(version, text) for version in (2, 3) for text in FORMS[version]]


def _differences(env, version, name, location, region, forms):
    wrong = []
    x, y, w, h = spec_rules.region(region, *SIZES[name])
    for text in forms:
        want = spec_rules.size(version, text, w, h, LIMITS[location])
        # Large pictures are delivered once, not by every form.
        if isinstance(want, tuple) and want[0] * want[1] > 3000000 and text not in ("full", "max"):
            continue
        response = ask(env, version, name, "%s/%s/0/default.jpg" % (region, text), "/" + location)
        got = response.image().size if response.status == 200 else response.status
        if got != want:
            wrong.append((text, got, want))
    return wrong


@pytest.mark.parametrize("name", sorted(SIZES))
@pytest.mark.parametrize("location", ["spec", "up"])
def test_IMG3_SIZE_01_to_06_10_to_24_every_form_on_every_master(spec, location, name):
    region = "full" if name != "tiles.jp2" else "100,100,300,200"
    assert not _differences(spec, 3, name, location, region, SIZES_3)


@pytest.mark.parametrize("name", sorted(SIZES))
@pytest.mark.parametrize("location", ["spec", "up"])
def test_IMG2_SIZE_01_to_09_every_form_on_every_master(spec, location, name):
    region = "full" if name != "tiles.jp2" else "100,100,300,200"
    assert not _differences(spec, 2, name, location, region, SIZES_2)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("location", sorted(set(LIMITS) - {"spec", "up", "paper"}))
@pytest.mark.parametrize("region", ["full", "square", "5,5,290,100"])
def test_IMG_LIM_02_every_form_under_every_combination_of_limits(spec, version, location, region):
    assert not _differences(spec, version, "ref.png", location, region, FORMS[version])


# --- what the digest works out by hand --------------------------------------------------------------------

@pytest.mark.parametrize("text, want", [("!360,360", (300, 200)), ("!225,100", (150, 100)), ("150,", (150, 100)),
                                        (",150", (225, 150)), ("pct:50", (150, 100)), ("225,100", (225, 100)),
                                        ("max", (300, 200)), ("^120,", (120, 80))])
def test_IMG3_SIZE_10_12_14_16_18_20_figures_of_the_specification(spec, text, want):
    assert size_of(ask(spec, 3, "ref.png", "full/%s/0/default.png" % text)) == want


@pytest.mark.parametrize("text, want", [("^!360,360", (360, 240)), ("^360,", (360, 240)), ("^,240", (360, 240)),
                                        ("^pct:120", (360, 240)), ("^360,360", (360, 360)), ("^max", (1000, 667))])
def test_IMG3_SIZE_11_13_15_17_19_21_figures_of_the_specification(spec, text, want):
    assert size_of(ask(spec, 3, "ref.png", "full/%s/0/default.png" % text, "/up")) == want


@pytest.mark.parametrize("text", ["400,", ",250", "pct:101", "400,100", "100,400", "301,"])
def test_IMG3_SIZE_02_larger_without_caret_is_400_though_the_server_can(spec, text):
    for location in ("/spec", "/up"):
        response = ask(spec, 3, "ref.png", "full/%s/0/default.png" % text, location)
        assert response.status == 400 and "size" in response.text


@pytest.mark.parametrize("text, status", [("^400,", 501), ("^pct:101", 501), ("^max", 501), ("^!400,400", 501), ("^300,201", 501),
                                          ("^100,", 200), ("^!100,100", 200), ("^pct:50", 200), ("^300,200", 200)])
def test_IMG3_SIZE_03_caret_where_the_server_does_not_enlarge(spec, text, status):
    assert ask(spec, 3, "ref.png", "full/%s/0/default.png" % text).status == status


@pytest.mark.parametrize("location, text", [("w", "201,"), ("w", "max,"), ("wh", ",91"), ("area", "130,80"), ("up", "^1001,"),
                                            ("all", "180,")])
def test_IMG3_SIZE_04_beyond_the_limits_is_400(spec, location, text):
    assert ask(spec, 3, "ref.png", "full/%s/0/default.png" % text, "/" + location).status == 400


def test_IMG3_SIZE_05_full_is_told_to_be_gone(spec):
    response = ask(spec, 3, "ref.png", "full/full/0/default.jpg")
    assert response.status == 400 and "max" in response.text


@pytest.mark.parametrize("text", ["-5,", "+5,", "5.0,", "1e1,", "5,5,5", ",", "5", "pct:", "pct:-5", "pct:5e1", "pct:+5",
                                  "pct:5.", "pct", "99999999999,", " 5,", "5, 5", "Max", "MAX", "0x5,", "pct:inf", "pct:nan",
                                  "max,"])
@pytest.mark.parametrize("version", [2, 3])
def test_IMG3_SIZE_01_malformed_is_400(spec, version, text):
    response = ask(spec, version, "ref.png", "full/%s/0/default.jpg" % text.replace(" ", "%20"))
    assert response.status == 400 and "size" in response.text


@pytest.mark.parametrize("text", ["!^5,5", "pct:^50", "^", "^^5,", "5,^5", ",^5", "!5,", "!,5", "!", "^!5,", "!max", "max^", "^,",
                                  "!pct:50"])
def test_IMG3_SIZE_22_caret_comes_first(spec, text):
    assert ask(spec, 3, "ref.png", "full/%s/0/default.jpg" % text, "/up").status == 400


@pytest.mark.parametrize("text", ["0,", ",0", "0,0", "0,5", "5,0", "!0,0", "!0,5", "^0,", "^0,0", "^!0,0", "pct:0", "pct:0.0",
                                  "00,"])
def test_IMG3_SIZE_23_zero_is_400(spec, text):
    assert ask(spec, 3, "ref.png", "full/%s/0/default.jpg" % text, "/up").status == 400


@pytest.mark.parametrize("name, text, want", [("tall.png", "!100,100", (1, 100)), ("tall.png", ",100", (1, 100)),
                                              ("wide.png", "100,", (100, 1)), ("wide.png", "!50,50", (50, 1)),
                                              ("tall.png", "pct:1", (1, 30)), ("tall.png", "1,", (1, 600))])
def test_IMG3_SIZE_24_derived_side_never_vanishes(spec, name, text, want):
    assert size_of(ask(spec, 3, name, "full/%s/0/default.png" % text)) == want
    assert size_of(ask(spec, 2, name, "full/%s/0/default.png" % text)) == want


@pytest.mark.parametrize("path, status, part", [
    ("400,0,1,1/^400,/0/default.png", 400, "region"), ("400,0,1,1/0,/0/default.png", 400, "size"),
    ("full/^400,/361/default.png", 400, "rotation"), ("full/^400,/0/default.xyz", 400, "format"),
    ("full/^400,/0/default.png", 501, "size"), ("400,0,1,1/400,/0/default.png", 400, "region"),
])
def test_IMG3_SIZE_25_syntax_then_region_then_size(spec, path, status, part):
    response = ask(spec, 3, "ref.png", path)
    assert response.status == status and part in response.text, response


def test_IMG3_SIZE_06_aspect_is_kept_as_closely_as_possible(spec):
    for width in range(1, 60):
        got = size_of(ask(spec, 3, "odd.jpg", "full/%d,/0/default.png" % width))
        assert abs(got[1] - width * 500 / 1001) <= 0.5 or got[1] == 1


# --- version 2 -----------------------------------------------------------------------------------------------

def test_IMG2_SIZE_01_02_full_is_refused_and_max_clamped(spec):
    assert ask(spec, 2, "ref.png", "full/full/0/default.png", "/w").status == 400
    assert size_of(ask(spec, 2, "ref.png", "full/max/0/default.png", "/w")) == (200, 133)
    for text in ("full", "max"):
        assert size_of(ask(spec, 2, "ref.png", "full/%s/0/default.png" % text)) == (300, 200)
    assert size_of(ask(spec, 2, "ref.png", "0,0,200,90/full/0/default.png", "/wh")) == (200, 90)


def test_IMG2_SIZE_03_04_forms(spec):
    for text, want in (("150,", (150, 100)), (",150", (225, 150)), ("pct:50", (150, 100)), ("225,100", (225, 100)),
                       ("!225,100", (150, 100))):
        assert size_of(ask(spec, 2, "ref.png", "full/%s/0/default.png" % text)) == want


@pytest.mark.parametrize("text, able", [("!360,360", (360, 240)), ("360,", (360, 240)), ("pct:120", (360, 240)),
                                        ("360,360", (360, 360))])
def test_IMG2_SIZE_05_06_above_the_region(spec, text, able):
    assert size_of(ask(spec, 2, "ref.png", "full/%s/0/default.png" % text, "/up")) == able
    without = ask(spec, 2, "ref.png", "full/%s/0/default.png" % text)
    if text.startswith("!"):
        assert size_of(without) == (300, 200)
    else:
        assert without.status == 400


@pytest.mark.parametrize("text", ["0,", ",0", "0,0", "pct:0", "!0,0"])
def test_IMG2_SIZE_07_nothing_left_is_400(spec, text):
    assert ask(spec, 2, "ref.png", "full/%s/0/default.png" % text).status == 400


@pytest.mark.parametrize("text", ["^50,", "^max", "^!50,50", "^pct:50", "^50,50"])
def test_IMG2_SIZE_08_carets_are_no_syntax(spec, text):
    for location in ("/spec", "/up"):
        assert ask(spec, 2, "ref.png", "full/%s/0/default.png" % text, location).status == 400


def test_IMG2_SIZE_09_distorting(spec):
    for text in ("100,5", "5,100", "100,67", "100,66"):
        want = tuple(int(n) for n in text.split(","))
        assert size_of(ask(spec, 2, "ref.png", "full/%s/0/default.png" % text)) == want


def test_IMG2_SIZE_10_deprecated_names_are_not_announced(spec):
    for location in ("/spec", "/up", "/plain", "/all"):
        supports = info(spec, 2, "ref.png", location)["profile"][1]["supports"]
        assert not {"sizeByForcedWh", "sizeByWhListed"} & set(supports)


@pytest.mark.parametrize("location, text", [("w", "201,"), ("wh", ",91"), ("area", "130,80"), ("up", "1001,"), ("w", "full")])
def test_IMG2_SIZE_11_over_the_limits_is_400(spec, location, text):
    assert ask(spec, 2, "ref.png", "full/%s/0/default.png" % text, "/" + location).status == 400


# --- limits ----------------------------------------------------------------------------------------------------

def test_IMG_LIM_01_limits_bound_the_answer_not_the_source(spec):
    assert size_of(ask(spec, 3, "big.jp2", "5800,3900,200,90/max/0/default.png", "/wh")) == (200, 90)
    assert ask(spec, 3, "big.jp2", "5800,3900,200,91/200,91/0/default.png", "/wh").status == 400


def test_IMG_LIM_03_maxima_worked_out_by_hand(spec):
    assert size_of(ask(spec, 3, "big.jp2", "full/max/0/default.jpg", "/paper")) in ((2449, 1632), (2449, 1633))
    assert size_of(ask(spec, 2, "big.jp2", "full/max/0/default.jpg", "/paper")) in ((2449, 1632), (2449, 1633))
    assert size_of(ask(spec, 3, "ref.png", "full/max/0/default.jpg", "/w")) == (200, 133)
    assert size_of(ask(spec, 3, "big.jpg", "full/max/0/default.jpg", "/up")) == (1000, 667)


@pytest.mark.parametrize("version", [2, 3])
def test_IMG_LIM_06_true_size_is_reported_under_limits(spec, version):
    for location in LIMITS:
        document = info(spec, version, "big.jp2", "/" + location)
        assert (document["width"], document["height"]) == (6000, 4000)
