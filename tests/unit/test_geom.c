/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/core/iiif_geom.h"

static iiif_err_t err;

/* --- regions -------------------------------------------------------------------------------------------- */

static iiif_rc region(const char *text, uint32_t width, uint32_t height, iiif_rect_t *out)
{
    char path[256];
    iiif_req_t req;

    (void)snprintf(path, sizeof(path), "%s/max/0/default.jpg", text);
    assert_int_equal(iiif_uri_parse_parameters(IIIF_VERSION_3, iiif_slice(path), &req, &err), IIIF_OK);
    return iiif_geom_region(&req.region, width, height, out, &err);
}

static void region_is(const char *text, uint32_t width, uint32_t height, uint32_t x, uint32_t y, uint32_t w,
                      uint32_t h)
{
    iiif_rect_t out;

    assert_int_equal(region(text, width, height, &out), IIIF_OK);
    if (out.x != x || out.y != y || out.w != w || out.h != h)
        fail_msg("%s of %u x %u: %u,%u,%u,%u", text, width, height, out.x, out.y, out.w, out.h);
}

static void bad_region(const char *text, uint32_t width, uint32_t height)
{
    iiif_rect_t out;

    if (region(text, width, height, &out) != IIIF_E_BAD_REQUEST)
        fail_msg("accepted: %s of %u x %u", text, width, height);
    assert_non_null(strstr(err.detail, "The region"));
}

static void test_IMG_REG_01_full(void **state)
{
    (void)state;
    region_is("full", 6000, 4000, 0, 0, 6000, 4000);
    region_is("full", 1, 1, 0, 0, 1, 1);
}

static void test_IMG_REG_02_square(void **state)
{
    (void)state;
    region_is("square", 1001, 500, 250, 0, 500, 500);
    region_is("square", 500, 1001, 0, 250, 500, 500);
    region_is("square", 300, 200, 50, 0, 200, 200);
    region_is("square", 513, 513, 0, 0, 513, 513);
    region_is("square", 5, 3000, 0, 1497, 5, 5);
    region_is("square", 1, 1, 0, 0, 1, 1);
}

static void test_IMG_REG_03_pixels(void **state)
{
    (void)state;
    region_is("125,15,120,140", 300, 200, 125, 15, 120, 140);
    region_is("0,0,300,200", 300, 200, 0, 0, 300, 200);
    region_is("0,0,9999999999,9999999999", 300, 200, 0, 0, 300, 200);
    bad_region("9999999999,0,9999999999,1", 300, 200);
    bad_region("4294967296,0,1,1", 300, 200); /* not 0 by wrapping */
}

static void test_IMG_REG_04_percent(void **state)
{
    (void)state;
    region_is("pct:0,0,100,100", 6000, 4000, 0, 0, 6000, 4000);
    region_is("pct:25,50,25,25", 6000, 4000, 1500, 2000, 1500, 1000);
    region_is("pct:41.6,7.5,40,70", 300, 200, 125, 15, 120, 140);
    bad_region("pct:0,0,0,50", 300, 200);
    bad_region("pct:0,0,50,0", 300, 200);
}

static void test_IMG_REG_05_sticking_out_is_cropped(void **state)
{
    (void)state;
    region_is("125,15,200,200", 300, 200, 125, 15, 175, 185);
    region_is("pct:41.6,7.5,66.6,100", 300, 200, 125, 15, 175, 185);
    region_is("5999,3999,10,10", 6000, 4000, 5999, 3999, 1, 1);
}

static void test_IMG_REG_06_empty_or_outside(void **state)
{
    (void)state;
    bad_region("0,0,0,1", 300, 200);
    bad_region("0,0,1,0", 300, 200);
    bad_region("0,0,0,0", 1, 1);
    bad_region("300,0,1,1", 300, 200);
    bad_region("0,200,1,1", 300, 200);
    bad_region("301,201,1,1", 300, 200);
    region_is("299,199,1,1", 300, 200, 299, 199, 1, 1);
}

static void test_IMG_REG_07_percent_edges(void **state)
{
    (void)state;
    region_is("pct:50,50,100,300", 300, 200, 150, 100, 150, 100);
    region_is("pct:0,0,1000000,1000000", 300, 200, 0, 0, 300, 200);
    bad_region("pct:100,0,10,10", 300, 200);
    bad_region("pct:0,100,10,10", 300, 200);
    bad_region("pct:1844674407,0,10,10", 300, 200);
    bad_region("pct:0,0,0.1,100", 300, 200);   /* 0.3 px */
    bad_region("pct:99.9,0,10,10", 300, 200);  /* begins at 299.7, which rounds to the edge */
    region_is("pct:99.8,0,10,10", 300, 200, 299, 0, 1, 20);
}

static void test_IMG_REG_08_rounds_half_up_exactly(void **state)
{
    (void)state;
    region_is("pct:0.5,0,50,100", 100, 100, 1, 0, 50, 100);            /* 0.5 → 1 */
    region_is("pct:0.4999999999,0,50,100", 100, 100, 0, 0, 50, 100);
    region_is("pct:12.5,12.5,12.5,12.5", 100, 100, 13, 13, 13, 13);
    region_is("pct:33.3333333333,0,33.3333333333,100", 3, 3, 1, 0, 1, 3);
    region_is("pct:50,0,0.0000000698,100", 2147483647, 10, 1073741824, 0, 1, 10); /* 1.4989… */
    region_is("pct:50,0,0.0000000699,100", 2147483647, 10, 1073741824, 0, 2, 10); /* 1.5011… */
}

/* --- sizes ----------------------------------------------------------------------------------------------- */

static iiif_limits_t limits;   /* of the test that runs; cleared before each */

static int clear_limits(void **state)
{
    (void)state;
    memset(&limits, 0, sizeof(limits));
    limits.qualities = IIIF_QUALITIES_ALL;
    return 0;
}

static iiif_rc size(iiif_version version, const char *text, uint32_t w, uint32_t h, uint32_t *width, uint32_t *height)
{
    char path[256];
    iiif_req_t req;

    (void)snprintf(path, sizeof(path), "full/%s/0/default.jpg", text);
    assert_int_equal(iiif_uri_parse_parameters(version, iiif_slice(path), &req, &err), IIIF_OK);
    return iiif_geom_size(version, &req.size, w, h, &limits, width, height, &err);
}

static void size_is(iiif_version version, const char *text, uint32_t w, uint32_t h, uint32_t width, uint32_t height)
{
    uint32_t got_width = 0, got_height = 0;

    if (size(version, text, w, h, &got_width, &got_height) != IIIF_OK)
        fail_msg("%s of %u x %u: %s", text, w, h, err.detail);
    if (got_width != width || got_height != height)
        fail_msg("%s of %u x %u: %u x %u", text, w, h, got_width, got_height);
}

static void no_size(iiif_version version, const char *text, uint32_t w, uint32_t h, iiif_rc expected)
{
    uint32_t width, height;
    iiif_rc rc = size(version, text, w, h, &width, &height);

    if (rc != expected)
        fail_msg("%s of %u x %u: %d", text, w, h, (int)rc);
    assert_non_null(strstr(err.detail, "The size"));
    assert_int_equal(err.kind, expected);
}

#define is3(text, w, h, width, height) size_is(IIIF_VERSION_3, text, w, h, width, height)
#define is2(text, w, h, width, height) size_is(IIIF_VERSION_2, text, w, h, width, height)
#define bad3(text, w, h) no_size(IIIF_VERSION_3, text, w, h, IIIF_E_BAD_REQUEST)
#define bad2(text, w, h) no_size(IIIF_VERSION_2, text, w, h, IIIF_E_BAD_REQUEST)
#define unsupported3(text, w, h) no_size(IIIF_VERSION_3, text, w, h, IIIF_E_UNSUPPORTED)

static void test_IMG3_SIZE_02_larger_without_caret(void **state)
{
    (void)state;
    limits.upscale = true; /* even then */
    bad3("301,", 300, 200);
    bad3(",201", 300, 200);
    bad3("301,100", 300, 200);
    bad3("100,201", 300, 200);
    bad3("pct:100.1", 300, 200);
    bad3("pct:120", 300, 200);
    assert_non_null(strstr(err.detail, "^"));
}

static void test_IMG3_SIZE_03_caret_without_support(void **state)
{
    (void)state;
    unsupported3("^301,", 300, 200);
    unsupported3("^,201", 300, 200);
    unsupported3("^pct:120", 300, 200);
    unsupported3("^10,201", 300, 200);
    unsupported3("^!360,360", 300, 200);
    unsupported3("^max", 300, 200);
    /* what needs no enlarging is served */
    is3("^100,", 300, 200, 100, 67);
    is3("^300,200", 300, 200, 300, 200);
    is3("^pct:100", 300, 200, 300, 200);
    is3("^!300,300", 300, 200, 300, 200);
    limits.max_width = 150;
    is3("^max", 300, 200, 150, 100);
    is3("^!9999,9999", 300, 200, 150, 100);
}

static void test_IMG3_SIZE_04_beyond_the_limits(void **state)
{
    (void)state;
    limits.upscale = true;
    limits.max_width = 200;
    bad3("201,", 300, 200);
    is3("200,", 300, 200, 200, 133);
    bad3("^201,", 100, 100);
    bad3("pct:67", 300, 200);
    is3("pct:66.6666666667", 300, 200, 200, 133);
    bad3("10,201", 300, 300); /* maxHeight is maxWidth */
    limits.max_height = 250;
    is3("10,250", 300, 300, 10, 250);
    bad3("10,251", 300, 300);
    limits.max_width = limits.max_height = 0;
    limits.max_area = 10000;
    is3("100,100", 300, 200, 100, 100);
    bad3("101,100", 300, 200);
    bad3("^9999999999,9999999999", 300, 200);
}

static void test_IMG3_SIZE_04_less_than_a_pixel(void **state)
{
    (void)state;
    bad3("pct:0.0001", 300, 200);
    bad3("pct:0.1666", 300, 200);
    is3("pct:0.16667", 300, 200, 1, 1); /* 0.50001: half up; the other side 0.33 */
}

static void test_IMG3_SIZE_06_keeps_the_aspect(void **state)
{
    (void)state;
    for (uint32_t w = 1; w <= 300; w++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%u,", w);
        is3(text, 300, 200, w, iiif_max_u32((w * 2 * 2 + 3) / 6, 1)); /* round half up of 2w/3 */
    }
}

static void test_IMG3_SIZE_10_max(void **state)
{
    (void)state;
    is3("max", 300, 200, 300, 200);
    limits.max_width = 200;
    is3("max", 300, 200, 200, 133);
    limits.upscale = true;
    limits.max_width = 360;
    is3("max", 300, 200, 300, 200); /* never enlarged */
    limits.max_width = 1;
    is3("max", 6000, 4000, 1, 1);
    limits.max_width = 0;
    limits.max_area = 1;
    is3("max", 6000, 4000, 1, 1);
    is3("max", 5, 3000, 1, 1);
}

static void test_IMG3_SIZE_11_caret_max(void **state)
{
    (void)state;
    limits.upscale = true;
    limits.max_width = 360;
    is3("^max", 300, 200, 360, 240);
    is3("^max", 200, 300, 240, 360);
    is3("^max", 6000, 4000, 360, 240);
    limits.max_height = 120;
    is3("^max", 300, 200, 180, 120);
    limits.max_width = limits.max_height = 0;
    limits.max_area = 240000;
    is3("^max", 300, 200, 600, 400);
    limits.upscale_factor = 1.5;
    is3("^max", 300, 200, 450, 300);
}

static void test_IMG3_SIZE_12_to_15_by_width_or_height(void **state)
{
    (void)state;
    limits.upscale = true;
    is3("150,", 300, 200, 150, 100);
    is3(",150", 300, 200, 225, 150);
    is3("300,", 300, 200, 300, 200);
    is3("^360,", 300, 200, 360, 240);
    is3("^,240", 300, 200, 360, 240);
    is3("1,", 6000, 4000, 1, 1);
}

static void test_IMG3_SIZE_16_17_percent(void **state)
{
    (void)state;
    limits.upscale = true;
    is3("pct:50", 300, 200, 150, 100);
    is3("pct:100", 300, 200, 300, 200);
    is3("pct:33.3", 1000, 1000, 333, 333);
    is3("pct:0.5", 300, 200, 2, 1); /* 1.5 half up */
    is3("^pct:120", 300, 200, 360, 240);
    is3("^pct:50", 300, 200, 150, 100);
}

static void test_IMG3_SIZE_18_19_exact(void **state)
{
    (void)state;
    is3("225,100", 300, 200, 225, 100);
    is3("300,1", 300, 200, 300, 1);
    bad3("301,1", 300, 200);
    bad3("1,201", 300, 200);
    limits.upscale = true;
    is3("^360,360", 300, 200, 360, 360);
    is3("^10,360", 300, 200, 10, 360);
}

static void test_IMG3_SIZE_20_confined_box_larger_than_region(void **state)
{
    (void)state;
    is3("!360,360", 300, 200, 300, 200);
    is3("!9999999999,9999999999", 300, 200, 300, 200);
    is3("!225,100", 300, 200, 150, 100);
    is3("!300,100", 300, 200, 150, 100);
    limits.upscale = true;
    is3("!360,360", 300, 200, 300, 200);
}

static void test_IMG3_SIZE_20_confined_by_limits_is_no_error(void **state)
{
    (void)state;
    limits.max_width = 90;
    is3("!225,100", 300, 200, 90, 60);
    is3("!360,360", 300, 200, 90, 60);
    limits.max_width = 0;
    limits.max_area = 600;
    is3("!225,100", 300, 200, 30, 20);
}

static void test_IMG3_SIZE_21_confined_enlarged(void **state)
{
    (void)state;
    limits.upscale = true;
    is3("^!360,360", 300, 200, 360, 240);
    is3("^!225,100", 300, 200, 150, 100);
    limits.max_width = 330;
    is3("^!360,360", 300, 200, 330, 220);
}

static void test_IMG3_SIZE_24_a_derived_side_is_at_least_one(void **state)
{
    (void)state;
    is3("!100,100", 5, 3000, 1, 100);
    is3("!100,100", 3000, 5, 100, 1);
    is3(",100", 5, 3000, 1, 100);
    is3("100,", 3000, 5, 100, 1);
    is3("pct:1", 5, 3000, 1, 30);
    limits.max_width = 100;
    is3("max", 5, 3000, 1, 100);
    is2("!100,100", 5, 3000, 1, 100);
}

static void test_IMG3_SIZE_25_region_before_limits(void **state)
{
    (void)state;
    limits.max_width = 100;
    bad3("400,", 300, 200); /* both: told about the region first */
    assert_non_null(strstr(err.detail, "region"));
    bad3("200,", 300, 200);
    assert_null(strstr(err.detail, "region"));
}

static void test_upscale_factor(void **state)
{
    (void)state;
    limits.upscale = true;
    limits.upscale_factor = 2;
    is3("^600,", 300, 200, 600, 400);
    bad3("^601,", 300, 200);
    bad3("^pct:201", 300, 200);
    is3("^!9999,9999", 300, 200, 600, 400);
    is2("600,400", 300, 200, 600, 400);
    bad2("601,400", 300, 200);
    limits.upscale_factor = 1.5;
    is3("^450,", 300, 201, 450, 302); /* the derived side is rounded, not refused */
    limits.upscale_factor = 1.1;
    is3("^max", 300, 200, 330, 220);
}

/* A bound has to be there where one may enlarge (IMG3-JSON-04). */
static void test_upscaling_without_limits_is_bounded(void **state)
{
    (void)state;
    limits.upscale = true;
    is3("^8192,8192", 100, 100, 8192, 8192);
    bad3("^8193,8192", 100, 100);
    is3("^max", 100, 100, 8192, 8192);
    is3("max", 20000, 10000, 20000, 10000); /* what needs no enlarging is not touched */
    assert_int_equal(iiif_geom_area_limit(&limits, 100, 100), 64 << 20);
    assert_int_equal(iiif_geom_area_limit(&limits, 20000, 10000), 200000000);
    limits.upscale = false;
    assert_int_equal(iiif_geom_area_limit(&limits, 100, 100), 0);
}

static void test_IMG2_SIZE_01_full_is_never_clamped(void **state)
{
    (void)state;
    is2("full", 300, 200, 300, 200);
    limits.max_width = 200;
    bad2("full", 300, 200);
    limits.max_width = 0;
    limits.max_area = 59999;
    bad2("full", 300, 200);
}

static void test_IMG2_SIZE_02_max(void **state)
{
    (void)state;
    is2("max", 300, 200, 300, 200);
    limits.max_width = 200;
    is2("max", 300, 200, 200, 133);
    limits.upscale = true;
    limits.max_width = 400;
    is2("max", 300, 200, 300, 200);
}

static void test_IMG2_SIZE_03_04_forms(void **state)
{
    (void)state;
    is2("150,", 300, 200, 150, 100);
    is2(",150", 300, 200, 225, 150);
    is2("pct:50", 300, 200, 150, 100);
    is2("225,100", 300, 200, 225, 100);
    is2("!225,100", 300, 200, 150, 100);
}

static void test_IMG2_SIZE_05_confined_enlarges_only_where_allowed(void **state)
{
    (void)state;
    is2("!360,360", 300, 200, 300, 200);
    limits.upscale = true;
    is2("!360,360", 300, 200, 360, 240);
}

static void test_IMG2_SIZE_06_above_the_region(void **state)
{
    (void)state;
    bad2("301,", 300, 200);
    bad2(",201", 300, 200);
    bad2("pct:101", 300, 200);
    bad2("301,10", 300, 200);
    limits.upscale = true;
    is2("360,", 300, 200, 360, 240);
    is2(",240", 300, 200, 360, 240);
    is2("pct:120", 300, 200, 360, 240);
    is2("360,360", 300, 200, 360, 360);
}

static void test_IMG2_SIZE_07_nothing_is_left(void **state)
{
    (void)state;
    bad2("pct:0.0001", 300, 200);
}

static void test_IMG2_SIZE_09_distorted(void **state)
{
    (void)state;
    is2("300,1", 300, 200, 300, 1);
    is2("1,200", 300, 200, 1, 200);
}

static void test_IMG2_SIZE_11_over_limit_is_400(void **state)
{
    (void)state;
    limits.max_width = 200;
    bad2("201,", 300, 200);
    bad2("201,10", 300, 200);
    bad2("pct:90", 300, 200);
    is2("!225,225", 300, 200, 200, 133);
}

/* --- limits -------------------------------------------------------------------------------------------------- */

static void max_is(uint32_t w, uint32_t h, bool enlarge, uint32_t width, uint32_t height)
{
    uint32_t got_width, got_height;

    iiif_plan_max_size(w, h, &limits, enlarge, &got_width, &got_height);
    if (got_width != width || got_height != height)
        fail_msg("max of %u x %u: %u x %u", w, h, got_width, got_height);
}

static void test_IMG_LIM_03_vectors(void **state)
{
    (void)state;
    limits.max_width = 3000;
    limits.max_height = 2000;
    limits.max_area = 4000000;
    max_is(6000, 4000, false, 2449, 1633); /* the closer one of the two that are valid */
    limits.max_height = 0;
    limits.max_area = 0;
    limits.max_width = 2000;
    max_is(6000, 4000, false, 2000, 1333);
    limits.max_width = 200;
    max_is(300, 200, false, 200, 133);
    limits.upscale = true;
    limits.max_width = 360;
    max_is(300, 200, true, 360, 240);
}

static void test_IMG3_JSON_03_max_height_defaults_to_max_width(void **state)
{
    (void)state;
    limits.max_width = 2000;
    max_is(4000, 6000, false, 1333, 2000);
    limits.max_height = 3000;
    max_is(4000, 6000, false, 2000, 3000);
    limits.max_width = 0;
    max_is(4000, 6000, false, 2000, 3000);
}

/* Whatever the limits: max is at least a pixel, within all of them and never larger than the region. */
static void test_IMG_LIM_02_max_is_always_within_the_limits(void **state)
{
    static const uint32_t sides[] = {1, 2, 5, 7, 127, 500, 513, 1001, 3000, 6000, 65535, 1000003};
    static const uint32_t bounds[] = {0, 1, 2, 3, 10, 100, 511, 2000, 5000};

    (void)state;
    for (size_t a = 0; a < IIIF_COUNT(sides); a++)
        for (size_t b = 0; b < IIIF_COUNT(sides); b++)
            for (size_t c = 0; c < 9 * 9 * 9; c++) {
                uint32_t w = sides[a], h = sides[b], width, height, most_height;

                limits.max_width = bounds[c % 9];
                limits.max_height = bounds[c / 9 % 9];
                limits.max_area = (uint64_t)bounds[c / 81] * 37 + (bounds[c / 81] != 0);
                most_height = limits.max_height != 0 ? limits.max_height : limits.max_width;
                for (int enlarge = 0; enlarge < 2; enlarge++) {
                    limits.upscale = enlarge;
                    iiif_plan_max_size(w, h, &limits, enlarge, &width, &height);
                    assert_true(width >= 1 && height >= 1);
                    assert_true(limits.max_width == 0 || width <= limits.max_width);
                    assert_true(most_height == 0 || height <= most_height);
                    assert_true(limits.max_area == 0 || (uint64_t)width * height <= limits.max_area);
                    assert_true(enlarge || (width <= w && height <= h));
                }
            }
}

/* "As large as possible": a pixel more on the deciding side would not fit any more. */
static void test_IMG3_SIZE_20_confined_is_as_large_as_possible(void **state)
{
    static const uint32_t sides[] = {1, 5, 200, 300, 513, 3000};

    (void)state;
    for (size_t a = 0; a < IIIF_COUNT(sides); a++)
        for (size_t b = 0; b < IIIF_COUNT(sides); b++)
            for (uint32_t box_w = 1; box_w < 700; box_w += 13)
                for (uint32_t box_h = 1; box_h < 700; box_h += 17) {
                    uint32_t w = sides[a], h = sides[b], width, height;
                    char text[32];

                    (void)snprintf(text, sizeof(text), "!%u,%u", box_w, box_h);
                    assert_int_equal(size(IIIF_VERSION_3, text, w, h, &width, &height), IIIF_OK);
                    assert_true(width <= iiif_min_u32(w, box_w) && height <= iiif_min_u32(h, box_h));
                    assert_true(width == iiif_min_u32(w, box_w) || height == iiif_min_u32(h, box_h));
                }
}

/* Nothing overflows at the ends of the range. */
static void test_geom_extremes(void **state)
{
    uint32_t huge = 0x7FFFFFFF;

    (void)state;
    is3("max", huge, huge, huge, huge);
    is3("1,", huge, huge, 1, 1);
    is3("1,", huge, 1, 1, 1);
    is3("!2147483647,2147483647", huge, 1, huge, 1);
    limits.upscale = true;
    bad3("^9999999999,", 1, huge);
    bad3("^,9999999999", huge, 1);
    bad3("^pct:1844674407", huge, huge);
    limits.max_area = UINT64_MAX;
    is3("^max", 1, 1, huge, huge);
    region_is("pct:0,0,1844674407,1844674407", huge, huge, 0, 0, huge, huge);
}

#define with_limits(test) cmocka_unit_test_setup(test, clear_limits)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_IMG_REG_01_full),
        cmocka_unit_test(test_IMG_REG_02_square),
        cmocka_unit_test(test_IMG_REG_03_pixels),
        cmocka_unit_test(test_IMG_REG_04_percent),
        cmocka_unit_test(test_IMG_REG_05_sticking_out_is_cropped),
        cmocka_unit_test(test_IMG_REG_06_empty_or_outside),
        cmocka_unit_test(test_IMG_REG_07_percent_edges),
        cmocka_unit_test(test_IMG_REG_08_rounds_half_up_exactly),
        with_limits(test_IMG3_SIZE_02_larger_without_caret),
        with_limits(test_IMG3_SIZE_03_caret_without_support),
        with_limits(test_IMG3_SIZE_04_beyond_the_limits),
        with_limits(test_IMG3_SIZE_04_less_than_a_pixel),
        with_limits(test_IMG3_SIZE_06_keeps_the_aspect),
        with_limits(test_IMG3_SIZE_10_max),
        with_limits(test_IMG3_SIZE_11_caret_max),
        with_limits(test_IMG3_SIZE_12_to_15_by_width_or_height),
        with_limits(test_IMG3_SIZE_16_17_percent),
        with_limits(test_IMG3_SIZE_18_19_exact),
        with_limits(test_IMG3_SIZE_20_confined_box_larger_than_region),
        with_limits(test_IMG3_SIZE_20_confined_by_limits_is_no_error),
        with_limits(test_IMG3_SIZE_20_confined_is_as_large_as_possible),
        with_limits(test_IMG3_SIZE_21_confined_enlarged),
        with_limits(test_IMG3_SIZE_24_a_derived_side_is_at_least_one),
        with_limits(test_IMG3_SIZE_25_region_before_limits),
        with_limits(test_upscale_factor),
        with_limits(test_upscaling_without_limits_is_bounded),
        with_limits(test_IMG2_SIZE_01_full_is_never_clamped),
        with_limits(test_IMG2_SIZE_02_max),
        with_limits(test_IMG2_SIZE_03_04_forms),
        with_limits(test_IMG2_SIZE_05_confined_enlarges_only_where_allowed),
        with_limits(test_IMG2_SIZE_06_above_the_region),
        with_limits(test_IMG2_SIZE_07_nothing_is_left),
        with_limits(test_IMG2_SIZE_09_distorted),
        with_limits(test_IMG2_SIZE_11_over_limit_is_400),
        with_limits(test_IMG_LIM_03_vectors),
        with_limits(test_IMG3_JSON_03_max_height_defaults_to_max_width),
        with_limits(test_IMG_LIM_02_max_is_always_within_the_limits),
        with_limits(test_geom_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
