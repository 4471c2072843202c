/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/api/iiif_info.h"
#include "../../lib/core/iiif_geom.h"

#define ID "https://example.org/iiif/3/a%2Fb"

static const char *const usual_formats[] = {"jpg", "png", NULL};
static const char *const many_formats[] = {"jpg", "png", "webp", "gif", "tif", NULL};

static iiif_facts_t facts;
static iiif_limits_t limits;
static iiif_info_params_t params;
static json_t *doc;
static json_t *sidecar;
static char text[65536];

static void image(uint32_t width, uint32_t height)
{
    memset(&facts, 0, sizeof(facts));
    facts.stored_width = width;
    facts.stored_height = height;
    facts.orientation = 1;
    facts.layout = IIIF_LAYOUT_RGB;
    facts.depth = facts.precision = 8;
    facts.color_class = IIIF_CLASS_COLOR;
    assert_true(iiif_facts_add_level(&facts, width, height, 0, 0));
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
}

static int setup(void **state)
{
    (void)state;
    memset(&limits, 0, sizeof(limits));
    memset(&params, 0, sizeof(params));
    limits.qualities = IIIF_QUALITIES_ALL;
    params.id = ID;
    params.formats = usual_formats;
    params.cors = true;
    params.rotation_arbitrary = true;
    doc = sidecar = NULL;
    image(6000, 4000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(doc);
    json_decref(sidecar);
    return 0;
}

/* Writes the document, keeps its text, and reads it back as a client does. */
static void write_info(iiif_version version)
{
    iiif_err_t err;
    size_t length = 0;
    char *written = iiif_info_write(version, &facts, &limits, &params, &length, &err);

    assert_non_null(written);
    assert_int_equal(strlen(written), length);
    assert_true(length > 1 && length < sizeof(text) && written[length - 1] == '\n');
    memcpy(text, written, length + 1);
    free(written);
    json_decref(doc);
    doc = json_loads(text, 0, NULL);
    assert_non_null(doc);
}

static void set_sidecar(const char *json)
{
    iiif_err_t err;

    json_decref(sidecar);
    sidecar = NULL;
    if (iiif_sidecar_parse(json, strlen(json), &sidecar, &err) != IIIF_OK)
        fail_msg("%s", err.detail);
    params.sidecar = sidecar;
}

/* A value by its compact form; the path is keys and indexes divided by dots. "" asserts absence. */
static void is(const char *path, const char *expected)
{
    char copy[128], *key, *rest = copy;
    json_t *at = doc;
    char *got;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    while ((key = strsep(&rest, ".")) != NULL)
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key)) : json_object_get(at, key);
    got = at != NULL ? json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10)) : strdup("");
    if (strcmp(got, expected) != 0)
        fail_msg("%s is %s instead of %s", path, got, expected);
    free(got);
}

static void keys_are(const char *expected)
{
    char keys[512] = "";
    const char *key;
    json_t *value;

    json_object_foreach(doc, key, value) {
        strcat(keys, keys[0] != '\0' ? " " : "");
        strcat(keys, key);
    }
    assert_string_equal(keys, expected);
}

/* --- 3.0 ------------------------------------------------------------------------------------------------ */

static void test_IMG3_JSON_01_02_required_members(void **state)
{
    (void)state;
    write_info(IIIF_VERSION_3);
    is("@context", "\"http://iiif.io/api/image/3/context.json\"");
    is("id", "\"" ID "\"");
    is("type", "\"ImageService3\"");
    is("protocol", "\"http://iiif.io/api/image\"");
    is("profile", "\"level2\"");
    is("width", "6000");
    is("height", "4000");
    assert_memory_equal(text, "{\n  \"@context\": ", 16); /* first key, two spaces */
    is("@id", "");
}

static void test_IMG3_JSON_key_order_of_the_example(void **state)
{
    (void)state;
    limits.max_width = 3000;
    limits.max_height = 2000;
    limits.max_area = 4000000;
    params.formats = many_formats;
    params.rights = "http://rightsstatements.org/vocab/InC/1.0/";
    set_sidecar("{\"service\": {\"id\": \"http://x\", \"type\": \"Service\"},"
                "\"seeAlso\": [{\"id\": \"http://x\", \"type\": \"Dataset\"}],"
                "\"partOf\": [{\"id\": \"http://x\", \"type\": \"Manifest\"}]}");
    write_info(IIIF_VERSION_3);
    keys_are("@context id type protocol profile width height maxWidth maxHeight maxArea sizes tiles rights "
             "extraFormats extraQualities extraFeatures partOf seeAlso service");
}

static void test_IMG3_JSON_03_limits(void **state)
{
    (void)state;
    write_info(IIIF_VERSION_3);
    is("maxWidth", "");
    is("maxHeight", "");
    is("maxArea", "");
    limits.max_width = 3000;
    write_info(IIIF_VERSION_3);
    is("maxWidth", "3000");
    is("maxHeight", "");
    limits.max_width = 0;
    limits.max_height = 2000;
    write_info(IIIF_VERSION_3);
    is("maxWidth", "6000"); /* must stand beside maxHeight; no request is wider */
    is("maxHeight", "2000");
    limits.max_area = UINT64_MAX;
    write_info(IIIF_VERSION_3);
    is("maxArea", "9223372036854775807");
}

static void test_IMG3_JSON_04_upscaling_states_a_limit(void **state)
{
    (void)state;
    limits.upscale = true;
    write_info(IIIF_VERSION_3);
    is("maxArea", "67108864");
    image(20000, 10000);
    write_info(IIIF_VERSION_3);
    is("maxArea", "200000000"); /* the whole image stays available */
    limits.max_width = 500;
    write_info(IIIF_VERSION_3);
    is("maxWidth", "500");
    is("maxArea", "");
    limits.max_width = 0;
    limits.max_height = 500;
    write_info(IIIF_VERSION_3);
    is("maxWidth", "200000000");
    is("maxArea", "200000000");
}

static void test_IMG3_JSON_05_sizes_are_the_levels_of_the_master(void **state)
{
    (void)state;
    for (unsigned s = 1; s < 4; s++)
        assert_true(iiif_facts_add_level(&facts, 6000 >> s, 4000 >> s, 0, 0));
    write_info(IIIF_VERSION_3);
    is("sizes", "[{\"width\":750,\"height\":500},{\"width\":1500,\"height\":1000},"
                "{\"width\":3000,\"height\":2000},{\"width\":6000,\"height\":4000}]");
    facts.orientation = 6;
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
    write_info(IIIF_VERSION_3);
    is("width", "4000");
    is("sizes.0", "{\"width\":500,\"height\":750}");
}

static void test_IMG3_JSON_05_a_single_level_is_halved(void **state)
{
    (void)state;
    image(1001, 500);
    write_info(IIIF_VERSION_3);
    is("sizes", "[{\"width\":251,\"height\":125},{\"width\":501,\"height\":250},{\"width\":1001,\"height\":500}]");
    image(1, 1);
    write_info(IIIF_VERSION_3);
    is("sizes", "[{\"width\":1,\"height\":1}]");
    image(5, 3000);
    write_info(IIIF_VERSION_3);
    is("sizes.0", "{\"width\":1,\"height\":188}");
}

static void test_IMG3_JSON_06_tiles(void **state)
{
    (void)state;
    write_info(IIIF_VERSION_3);
    is("tiles", "[{\"width\":512,\"scaleFactors\":[1,2,4,8,16]}]");
    facts.levels[0].tile_width = 1024;
    facts.levels[0].tile_height = 256;
    write_info(IIIF_VERSION_3);
    is("tiles", "[{\"width\":1024,\"height\":256,\"scaleFactors\":[1,2,4,8,16]}]");
    facts.orientation = 8; /* tiles stand upright, too */
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
    write_info(IIIF_VERSION_3);
    is("tiles.0.width", "256");
    is("tiles.0.height", "1024");
    facts.levels[0].tile_width = 6000; /* strips are no tiles */
    facts.levels[0].tile_height = 1;
    write_info(IIIF_VERSION_3);
    is("tiles.0.width", "512");
    is("tiles.0.height", "");
    image(513, 513);
    write_info(IIIF_VERSION_3);
    is("tiles", "[{\"width\":512,\"scaleFactors\":[1,2]}]");
    image(512, 512);
    write_info(IIIF_VERSION_3);
    is("tiles", "[{\"width\":512,\"scaleFactors\":[1]}]");
    image(0x7FFFFFFF, 1);
    write_info(IIIF_VERSION_3);
    assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(doc, "tiles"), 0),
                                                     "scaleFactors")), 23);
}

static uint64_t number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* Whatever the limits: every size and every tile that is announced can be had, in each version's form. */
static void check_announced(iiif_version version)
{
    size_t i;
    json_t *item;

    write_info(version);
    json_array_foreach(json_object_get(doc, "sizes"), i, item) {
        iiif_size_t size = {.kind = IIIF_SIZE_EXACT, .w = number(item, "width"), .h = number(item, "height")};
        iiif_size_t width = {.kind = IIIF_SIZE_WIDTH, .w = size.w};
        uint32_t w, h;

        assert_int_equal(iiif_geom_size(version, &size, facts.width, facts.height, &limits, &w, &h, NULL), IIIF_OK);
        /* IMG2-JSON-07; under a low limit an image of 5 × 3000 has no such width */
        if (version == IIIF_VERSION_2 && size.w > 2) {
            assert_int_equal(iiif_geom_size(version, &width, facts.width, facts.height, &limits, &w, &h, NULL),
                             IIIF_OK);
            assert_int_equal(h, size.h);
        }
    }
    assert_true(json_array_size(json_object_get(doc, "sizes")) >= 1);
    json_array_foreach(json_object_get(doc, "tiles"), i, item) {
        uint64_t w = number(item, "width");
        uint64_t h = json_object_get(item, "height") != NULL ? number(item, "height") : w;
        uint64_t max_height = limits.max_height != 0 ? limits.max_height : limits.max_width;

        assert_true(w >= 1 && h >= 1);
        assert_true(limits.max_width == 0 || w <= limits.max_width);
        assert_true(max_height == 0 || h <= max_height);
        assert_true(limits.max_area == 0 || w * h <= limits.max_area);
    }
}

static void test_IMG3_JSON_07_sizes_and_tiles_lie_within_the_limits(void **state)
{
    static const uint32_t sides[][2] = {{6000, 4000}, {1, 1}, {513, 513}, {1001, 500}, {5, 3000}, {1003, 501}};
    static const uint32_t bounds[] = {0, 1, 100, 511, 2000};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(sides); i++)
        for (size_t c = 0; c < 5 * 5 * 5; c++) {
            image(sides[i][0], sides[i][1]);
            if (c % 2 == 0)
                for (unsigned s = 1; s < 5; s++)
                    assert_true(iiif_facts_add_level(&facts, iiif_ceil_shift(sides[i][0], s),
                                                     iiif_ceil_shift(sides[i][1], s), 0, 0));
            facts.levels[0].tile_width = 1024;
            facts.levels[0].tile_height = 256;
            limits.max_width = bounds[c % 5];
            limits.max_height = limits.max_width != 0 ? bounds[c / 5 % 5] : 0;
            limits.max_area = (uint64_t)bounds[c / 25] * 1000;
            check_announced(IIIF_VERSION_3);
            check_announced(IIIF_VERSION_2);
        }
    image(6000, 4000);
    memset(&limits, 0, sizeof(limits));
    limits.qualities = IIIF_QUALITIES_ALL;
    limits.max_area = 4000000; /* the specification's own example lists 3000 × 2000 here */
    write_info(IIIF_VERSION_3);
    assert_null(strstr(text, "3000"));
}

static void test_IMG3_JSON_08_09_only_what_goes_beyond_the_level(void **state)
{
    (void)state;
    write_info(IIIF_VERSION_3);
    is("extraFormats", "");
    is("extraQualities", "[\"color\",\"gray\",\"bitonal\"]");
    is("extraFeatures", "[\"canonicalLinkHeader\",\"mirroring\",\"profileLinkHeader\",\"rotationArbitrary\"]");
    params.formats = many_formats;
    limits.upscale = true;
    params.rotation_arbitrary = false;
    write_info(IIIF_VERSION_3);
    is("extraFormats", "[\"webp\",\"gif\",\"tif\"]");
    is("extraFeatures", "[\"canonicalLinkHeader\",\"mirroring\",\"profileLinkHeader\",\"sizeUpscaling\"]");
}

static void test_IMG3_QUAL_04_05_qualities(void **state)
{
    (void)state;
    facts.color_class = IIIF_CLASS_GRAY;
    write_info(IIIF_VERSION_3);
    is("extraQualities", "[\"gray\",\"bitonal\"]"); /* color is accepted, but not announced */
    is("profile", "\"level2\"");
    limits.qualities = 1u << IIIF_QUALITY_DEFAULT | 1u << IIIF_QUALITY_GRAY;
    write_info(IIIF_VERSION_3);
    is("extraQualities", "[\"gray\"]");
    is("profile", "\"level2\"");
    limits.qualities = 1u << IIIF_QUALITY_DEFAULT;
    write_info(IIIF_VERSION_3);
    is("extraQualities", ""); /* empty arrays are omitted: IMG3-JSON-13 */
}

static void test_IMG_LVL_05_level_1_without_png(void **state)
{
    static const char *const formats[] = {"jpg", "webp", NULL}, *const none[] = {"png", NULL};

    (void)state;
    params.formats = formats;
    write_info(IIIF_VERSION_3);
    is("profile", "\"level1\"");
    is("extraFormats", "[\"webp\"]");
    is("extraFeatures", "[\"canonicalLinkHeader\",\"mirroring\",\"profileLinkHeader\",\"regionByPct\","
                        "\"rotationArbitrary\",\"rotationBy90s\",\"sizeByConfinedWh\",\"sizeByPct\"]");
    assert_string_equal(iiif_info_level(IIIF_VERSION_3, &facts, &limits, &params),
                        "http://iiif.io/api/image/3/level1.json");
    write_info(IIIF_VERSION_2);
    is("profile.0", "\"http://iiif.io/api/image/2/level1.json\"");
    is("profile.1.qualities", "[\"color\",\"gray\",\"bitonal\"]");
    is("profile.1.supports", "[\"canonicalLinkHeader\",\"mirroring\",\"profileLinkHeader\",\"regionByPct\","
                             "\"regionSquare\",\"rotationArbitrary\",\"rotationBy90s\",\"sizeByConfinedWh\","
                             "\"sizeByDistortedWh\",\"sizeByWh\"]");
    params.formats = none;
    write_info(IIIF_VERSION_3);
    is("profile", "\"level0\"");
    is("extraFormats", "[\"png\"]");
    assert_string_equal(iiif_info_level(IIIF_VERSION_2, &facts, &limits, &params),
                        "http://iiif.io/api/image/2/level0.json");
}

static void test_IMG3_JSON_15_highest_level_that_is_met(void **state)
{
    (void)state;
    limits.qualities = 1u << IIIF_QUALITY_DEFAULT | 1u << IIIF_QUALITY_COLOR;
    write_info(IIIF_VERSION_3);
    is("profile", "\"level1\""); /* level 2 wants gray of a colour image */
    limits.qualities |= 1u << IIIF_QUALITY_GRAY;
    write_info(IIIF_VERSION_3);
    is("profile", "\"level2\"");
    write_info(IIIF_VERSION_2);
    is("profile.0", "\"http://iiif.io/api/image/2/level1.json\""); /* which wants bitonal, too: IMG2-QUAL-03 */
    limits.qualities = IIIF_QUALITIES_ALL;
    params.cors = false; /* the site sends its own headers then */
    write_info(IIIF_VERSION_3);
    is("profile", "\"level2\"");
    assert_string_equal(iiif_info_level(IIIF_VERSION_3, &facts, &limits, &params),
                        "http://iiif.io/api/image/3/level2.json");
}

static void test_IMG3_JSON_10_rights(void **state)
{
    (void)state;
    params.rights = "http://creativecommons.org/licenses/by/4.0/";
    write_info(IIIF_VERSION_3);
    is("rights", "\"http://creativecommons.org/licenses/by/4.0/\"");
    params.rights = "https://creativecommons.org/licenses/by/4.0/deed.de"; /* as people copy it */
    write_info(IIIF_VERSION_3);
    is("rights", "\"http://creativecommons.org/licenses/by/4.0/\"");
    params.rights = "https://example.org/terms.html";
    write_info(IIIF_VERSION_3);
    is("rights", "");
    set_sidecar("{\"rights\": \"https://rightsstatements.org/page/InC-EDU/1.0/\"}");
    write_info(IIIF_VERSION_3);
    is("rights", "\"http://rightsstatements.org/vocab/InC-EDU/1.0/\"");
}

static void test_IMG3_JSON_11_nothing_of_version_2(void **state)
{
    (void)state;
    params.attribution = "Library";
    params.logo = "http://example.org/logo.png";
    set_sidecar("{\"attribution\": \"x\", \"logo\": \"y\", \"license\": \"z\"}");
    write_info(IIIF_VERSION_3);
    is("attribution", "");
    is("logo", "");
    is("license", "");
}

static void test_IMG3_JSON_12_links(void **state)
{
    (void)state;
    set_sidecar("{\"partOf\": {\"id\": \"https://e.org/m\", \"type\": \"Manifest\", \"label\": \"A Book\"},"
                "\"seeAlso\": [{\"id\": \"https://e.org/d.xml\", \"type\": \"Dataset\", \"format\": \"text/xml\","
                "\"label\": {\"en\": [\"Data\"]}}, {\"id\": \"no type\"}, 7, null],"
                "\"service\": [{\"id\": \"https://e.org/s\", \"type\": \"Service\", \"profile\": \"https://e.org/p\"},"
                "{\"@id\": \"https://e.org/login\", \"@type\": \"AuthCookieService1\","
                "\"profile\": \"http://iiif.io/api/auth/1/login\"},"
                "{\"@id\": \"https://e.org/i\", \"@type\": \"ImageService2\","
                "\"profile\": [\"http://iiif.io/api/image/2/level2.json\", {}]}, {\"profile\": \"homeless\"}, \"x\"]}");
    write_info(IIIF_VERSION_3);
    is("partOf", "[{\"id\":\"https://e.org/m\",\"type\":\"Manifest\",\"label\":{\"none\":[\"A Book\"]}}]");
    is("seeAlso", "[{\"id\":\"https://e.org/d.xml\",\"type\":\"Dataset\",\"format\":\"text/xml\","
                  "\"label\":{\"en\":[\"Data\"]}}]");
    assert_int_equal(json_array_size(json_object_get(doc, "service")), 3);
    is("service.0.profile", "\"https://e.org/p\"");
    is("service.2.profile", "\"http://iiif.io/api/image/2/level2.json\"");
    is("@context", "\"http://iiif.io/api/image/3/context.json\"");
    assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(sidecar, "service"), 2),
                                                     "profile")), 2); /* the sidecar itself is untouched */
}

static void test_IMG3_JSON_14_context_of_auth_2_comes_first(void **state)
{
    (void)state;
    set_sidecar("{\"service\": [{\"id\": \"https://e.org/probe\", \"type\": \"AuthProbeService2\", \"service\": []}]}");
    write_info(IIIF_VERSION_3);
    is("@context", "[\"http://iiif.io/api/auth/2/context.json\",\"http://iiif.io/api/image/3/context.json\"]");
}

static void test_physical_scale_of_3(void **state)
{
    (void)state;
    facts.pixels_per_unit_x = facts.pixels_per_unit_y = 400;
    facts.unit = IIIF_UNIT_INCH;
    write_info(IIIF_VERSION_3);
    is("service.0", "{\"@context\":\"http://iiif.io/api/annex/services/physdim/1/context.json\","
                    "\"@id\":\"" ID "/info.json#physdim\",\"@type\":\"Service\","
                    "\"profile\":\"http://iiif.io/api/annex/services/physdim\","
                    "\"physicalScale\":0.0025,\"physicalUnits\":\"in\"}");
    assert_non_null(strstr(text, "\"physicalScale\": 0.0025,")); /* no tail of binary digits */
}

static void test_physical_scale_needs_square_pixels_and_a_unit(void **state)
{
    (void)state;
    facts.pixels_per_unit_x = 400;
    facts.pixels_per_unit_y = 200;
    facts.unit = IIIF_UNIT_INCH;
    write_info(IIIF_VERSION_3);
    is("service", "");
    facts.pixels_per_unit_y = 401;
    facts.unit = IIIF_UNIT_NONE;
    write_info(IIIF_VERSION_3);
    is("service", "");
    facts.unit = IIIF_UNIT_MM;
    write_info(IIIF_VERSION_3);
    is("service.0.physicalUnits", "\"mm\"");
    facts.pixels_per_unit_x = facts.pixels_per_unit_y = 5e-324;
    write_info(IIIF_VERSION_3);
    is("service", "");
    /* 72 an inch is a placeholder of programs, not a measure */
    facts.pixels_per_unit_x = facts.pixels_per_unit_y = 72;
    facts.unit = IIIF_UNIT_INCH;
    write_info(IIIF_VERSION_3);
    is("service", "");
    facts.pixels_per_unit_x = facts.pixels_per_unit_y = 72 / 2.54;
    facts.unit = IIIF_UNIT_CM;
    write_info(IIIF_VERSION_3);
    is("service", "");
    /* what somebody measured wins over a tag */
    facts.pixels_per_unit_x = facts.pixels_per_unit_y = 400;
    set_sidecar("{\"service\": {\"@context\": \"http://iiif.io/api/annex/services/physdim/1/context.json\","
                "\"@id\": \"http://x\", \"@type\": \"Service\","
                "\"profile\": \"http://iiif.io/api/annex/services/physdim\","
                "\"physicalScale\": 0.1, \"physicalUnits\": \"cm\"}}");
    write_info(IIIF_VERSION_3);
    assert_int_equal(json_array_size(json_object_get(doc, "service")), 1);
    is("service.0.physicalUnits", "\"cm\"");
}

static void test_IMG_LIM_06_size_is_the_true_one_under_limits(void **state)
{
    (void)state;
    limits.max_width = 1000;
    write_info(IIIF_VERSION_3);
    is("width", "6000");
    is("height", "4000");
}

/* --- 2.1 ---------------------------------------------------------------------------------------------------- */

static void test_IMG2_JSON_01_required_members(void **state)
{
    (void)state;
    params.id = "https://example.org/iiif/2/a";
    write_info(IIIF_VERSION_2);
    keys_are("@context @id protocol width height sizes tiles profile");
    is("@context", "\"http://iiif.io/api/image/2/context.json\"");
    is("@id", "\"https://example.org/iiif/2/a\"");
    is("protocol", "\"http://iiif.io/api/image\"");
    is("width", "6000");
    is("profile.0", "\"http://iiif.io/api/image/2/level2.json\"");
    is("id", "");
    is("type", "");
}

static void test_IMG2_JSON_02_limits_live_in_the_profile(void **state)
{
    (void)state;
    limits.max_width = 2000;
    limits.max_area = 3000000;
    params.formats = many_formats;
    write_info(IIIF_VERSION_2);
    is("profile.1", "{\"formats\":[\"webp\",\"gif\",\"tif\"],\"qualities\":[\"color\",\"gray\"],"
                    "\"maxWidth\":2000,\"maxArea\":3000000,\"supports\":[\"canonicalLinkHeader\",\"mirroring\","
                    "\"profileLinkHeader\",\"regionSquare\",\"rotationArbitrary\"]}");
    is("maxWidth", "");
}

static void test_IMG2_JSON_03_05_nothing_that_the_level_implies(void **state)
{
    (void)state;
    facts.color_class = IIIF_CLASS_BITONAL;
    limits.upscale = true;
    write_info(IIIF_VERSION_2);
    is("profile.1.formats", "");
    is("profile.1.qualities", "[\"gray\"]");
    is("profile.1.supports", "[\"canonicalLinkHeader\",\"mirroring\",\"profileLinkHeader\",\"regionSquare\","
                             "\"rotationArbitrary\",\"sizeAboveFull\"]");
}

static void test_IMG2_JSON_06_07_sizes_round_as_requests_do(void **state)
{
    (void)state;
    image(1003, 501);
    for (unsigned s = 1; s < 3; s++)
        assert_true(iiif_facts_add_level(&facts, iiif_ceil_shift(1003, s), iiif_ceil_shift(501, s), 0, 0));
    write_info(IIIF_VERSION_3);
    is("sizes.0", "{\"width\":251,\"height\":126}"); /* the level itself: no scaling */
    write_info(IIIF_VERSION_2);
    is("sizes.0", "{\"width\":251,\"height\":125}"); /* what `251,` gives */
    is("tiles", "[{\"width\":512,\"scaleFactors\":[1,2]}]");
}

static void test_IMG21_JSON_08_attribution_license_logo(void **state)
{
    (void)state;
    params.attribution = "Example <b>Library</b>";
    params.rights = "https://example.org/terms.html";
    params.logo = "https://example.org/logo.png";
    write_info(IIIF_VERSION_2);
    keys_are("@context @id protocol width height sizes tiles attribution logo license profile");
    is("attribution", "\"Example <b>Library</b>\"");
    is("license", "\"https://example.org/terms.html\"");
    is("logo", "\"https://example.org/logo.png\"");
    set_sidecar("{\"requiredStatement\": {\"label\": \"By\", \"value\": {\"en\": [\"One\"], \"cy\": [\"Un\"],"
                "\"none\": [\"1\"]}}, \"rights\": \"http://creativecommons.org/licenses/by/4.0/\","
                "\"logo\": [{\"id\": \"https://e.org/l.png\", \"type\": \"Image\"}]}");
    write_info(IIIF_VERSION_2);
    is("attribution", "[{\"@value\":\"One\",\"@language\":\"en\"},{\"@value\":\"Un\",\"@language\":\"cy\"},\"1\"]");
    is("license", "\"http://creativecommons.org/licenses/by/4.0/\"");
    is("logo", "\"https://e.org/l.png\"");
    set_sidecar("{\"attribution\": [\"a\", {\"@value\": \"b\", \"@language\": \"en\"}], \"license\": [\"l1\", \"l2\"],"
                "\"logo\": {\"@id\": \"https://e.org/l\", \"service\": {\"@id\": \"https://e.org/s\"}}}");
    write_info(IIIF_VERSION_2);
    is("attribution", "[\"a\",{\"@value\":\"b\",\"@language\":\"en\"}]");
    is("license", "[\"l1\",\"l2\"]");
    is("logo", "{\"@id\":\"https://e.org/l\",\"service\":{\"@id\":\"https://e.org/s\"}}");
    set_sidecar("{\"attribution\": 7, \"license\": {}, \"logo\": [3], \"requiredStatement\": \"plain\"}");
    write_info(IIIF_VERSION_2);
    is("attribution", "\"plain\"");
    is("license", "\"https://example.org/terms.html\"");
    is("logo", "\"https://example.org/logo.png\"");
}

static void test_text_that_is_not_utf8_is_left_out(void **state)
{
    (void)state;
    params.attribution = "Biblioth\xE8que";
    params.logo = "";
    write_info(IIIF_VERSION_2);
    is("attribution", "");
    is("logo", "");
}

static void test_IMG2_JSON_09_10_services(void **state)
{
    (void)state;
    facts.pixels_per_unit_x = facts.pixels_per_unit_y = 100;
    facts.unit = IIIF_UNIT_CM;
    write_info(IIIF_VERSION_2);
    is("service", "{\"@context\":\"http://iiif.io/api/annex/services/physdim/1/context.json\","
                  "\"profile\":\"http://iiif.io/api/annex/services/physdim\","
                  "\"physicalScale\":0.01,\"physicalUnits\":\"cm\"}");
    set_sidecar("{\"service\": [{\"@id\": \"https://e.org/login\", \"@type\": \"AuthCookieService1\","
                "\"profile\": \"http://iiif.io/api/auth/1/login\"},"
                "{\"@context\": \"http://geojson.org/geojson-ld/geojson-context.jsonld\", \"@id\": \"http://g\"},"
                "{\"id\": \"https://e.org/only3\", \"type\": \"AuthProbeService2\"}]}");
    write_info(IIIF_VERSION_2);
    assert_int_equal(json_array_size(json_object_get(doc, "service")), 3);
    is("service.0.@context", "\"http://iiif.io/api/auth/1/context.json\"");
    is("service.1.@id", "\"http://g\"");
    is("service.2.physicalUnits", "\"cm\"");
    is("@context", "\"http://iiif.io/api/image/2/context.json\"");
}

/* --- both ------------------------------------------------------------------------------------------------------ */

static void test_versions_are_found_by_number(void **state)
{
    iiif_err_t err;
    size_t length;

    (void)state;
    assert_string_equal(iiif_api_version_find(IIIF_VERSION_2)->level, "http://iiif.io/api/image/2/level2.json");
    assert_string_equal(iiif_api_version_find(IIIF_VERSION_3)->context, "http://iiif.io/api/image/3/context.json");
    assert_null(iiif_api_version_find((iiif_version)1));
    assert_null(iiif_info_write((iiif_version)4, &facts, &limits, &params, &length, &err));
    assert_int_equal(err.kind, IIIF_E_INTERNAL);
}

static void test_IMG3_JSON_10_rights_that_are_valid(void **state)
{
    static const char *const good[] = {
        "http://creativecommons.org/licenses/by/4.0/", "http://creativecommons.org/licenses/by-nc-sa/3.0/de/",
        "http://creativecommons.org/licenses/by/2.5/scotland/", "http://creativecommons.org/publicdomain/zero/1.0/",
        "http://creativecommons.org/publicdomain/mark/1.0/", "http://rightsstatements.org/vocab/InC/1.0/",
        "http://rightsstatements.org/vocab/InC-OW-EU/1.0/", "http://rightsstatements.org/vocab/UND/1.0/"};
    static const char *const bad[] = {
        "https://creativecommons.org/licenses/by/4.0/", "http://creativecommons.org/licenses/by/4.0",
        "http://creativecommons.org/licenses/by/", "http://creativecommons.org/licenses/xy/4.0/",
        "http://creativecommons.org/licenses/by/4.0/deed.en", "http://creativecommons.org/licenses/by/4.0/de/x/",
        "http://rightsstatements.org/page/InC/1.0/", "http://rightsstatements.org/vocab/inc/1.0/",
        "http://rightsstatements.org/vocab/InC/1.0/de/", "http://rightsstatements.org.evil.org/vocab/InC/1.0/",
        "http://www.creativecommons.org/licenses/by/4.0/", "http://example.org/", "", "x"};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(good); i++)
        if (!iiif_rights_valid(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < IIIF_COUNT(bad); i++)
        if (iiif_rights_valid(bad[i]))
            fail_msg("accepted: %s", bad[i]);
    assert_false(iiif_rights_valid(NULL));
}

static unsigned long allocations, fail_at;

static void *counted_malloc(size_t n)
{
    return ++allocations == fail_at ? NULL : malloc(n);
}

/* When memory ends at any point there is an error and no leak; never half a document. */
static void test_info_survives_every_failed_allocation(void **state)
{
    (void)state;
    set_sidecar("{\"requiredStatement\": {\"value\": {\"en\": [\"One\"]}}, \"logo\": [{\"id\": \"l\"}, \"m\"],"
                "\"license\": [\"a\"], \"partOf\": {\"id\": \"p\", \"type\": \"Manifest\", \"label\": \"A\"},"
                "\"service\": [{\"@id\": \"p\", \"@type\": \"X\", \"profile\": \"http://iiif.io/api/auth/1/login\"},"
                "{\"id\": \"s\", \"type\": \"AuthProbeService2\", \"profile\": [\"q\"]}]}");
    facts.pixels_per_unit_x = facts.pixels_per_unit_y = 100;
    facts.unit = IIIF_UNIT_CM;
    params.formats = many_formats;
    for (iiif_version version = IIIF_VERSION_2; version <= IIIF_VERSION_3; version++) {
        char *written = NULL, *whole;
        size_t length;

        whole = iiif_info_write(version, &facts, &limits, &params, &length, NULL);
        assert_non_null(whole);
        json_set_alloc_funcs(counted_malloc, free);
        for (fail_at = 1; written == NULL; fail_at++) {
            iiif_err_t err;

            allocations = 0;
            written = iiif_info_write(version, &facts, &limits, &params, &length, &err);
            if (written == NULL)
                assert_int_equal(err.kind, IIIF_E_NO_MEMORY);
            else if (strcmp(written, whole) != 0)
                fail_msg("allocation %lu failed unnoticed: %s", fail_at, written);
        }
        json_set_alloc_funcs(malloc, free);
        assert_true(fail_at > 100);
        free(written);
        free(whole);
    }
}

#define document_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        document_test(test_IMG3_JSON_01_02_required_members),
        document_test(test_IMG3_JSON_key_order_of_the_example),
        document_test(test_IMG3_JSON_03_limits),
        document_test(test_IMG3_JSON_04_upscaling_states_a_limit),
        document_test(test_IMG3_JSON_05_sizes_are_the_levels_of_the_master),
        document_test(test_IMG3_JSON_05_a_single_level_is_halved),
        document_test(test_IMG3_JSON_06_tiles),
        document_test(test_IMG3_JSON_07_sizes_and_tiles_lie_within_the_limits),
        document_test(test_IMG3_JSON_08_09_only_what_goes_beyond_the_level),
        document_test(test_IMG3_QUAL_04_05_qualities),
        document_test(test_IMG_LVL_05_level_1_without_png),
        document_test(test_IMG3_JSON_15_highest_level_that_is_met),
        document_test(test_IMG3_JSON_10_rights),
        document_test(test_IMG3_JSON_11_nothing_of_version_2),
        document_test(test_IMG3_JSON_12_links),
        document_test(test_IMG3_JSON_14_context_of_auth_2_comes_first),
        document_test(test_physical_scale_of_3),
        document_test(test_physical_scale_needs_square_pixels_and_a_unit),
        document_test(test_IMG_LIM_06_size_is_the_true_one_under_limits),
        document_test(test_IMG2_JSON_01_required_members),
        document_test(test_IMG2_JSON_02_limits_live_in_the_profile),
        document_test(test_IMG2_JSON_03_05_nothing_that_the_level_implies),
        document_test(test_IMG2_JSON_06_07_sizes_round_as_requests_do),
        document_test(test_IMG21_JSON_08_attribution_license_logo),
        document_test(test_text_that_is_not_utf8_is_left_out),
        document_test(test_IMG2_JSON_09_10_services),
        document_test(test_versions_are_found_by_number),
        document_test(test_IMG3_JSON_10_rights_that_are_valid),
        document_test(test_info_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
