/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/core/iiif_plan.h"

static iiif_facts_t facts;
static iiif_limits_t limits;
static iiif_plan_t plan;
static iiif_err_t err;

#define CAPS_JPG IIIF_CAP_GRAY
#define CAPS_PNG (IIIF_CAP_GRAY | IIIF_CAP_ALPHA | IIIF_CAP_16BIT | IIIF_CAP_BITONAL)

/* --- masters ------------------------------------------------------------------------------------------- */

static void photo(uint32_t width, uint32_t height)
{
    memset(&facts, 0, sizeof(facts));
    facts.stored_width = width;
    facts.stored_height = height;
    facts.orientation = 1;
    facts.layout = IIIF_LAYOUT_RGB;
    facts.depth = facts.precision = 8;
    facts.color_class = IIIF_CLASS_COLOR;
    facts.access = IIIF_ACCESS_TILES;
    facts.bytes_per_pixel = 4;
    facts.cost_per_pixel = 8;
    assert_true(iiif_facts_add_level(&facts, width, height, 512, 512));
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
}

static void finish(void)
{
    assert_int_equal(iiif_facts_finish(&facts, &err), IIIF_OK);
}

/* As JPEG 2000 rounds (up) or as many TIFF pyramids do (down). */
static void pyramid(uint32_t width, uint32_t height, unsigned levels, bool up)
{
    photo(width, height);
    for (unsigned s = 1; s < levels; s++)
        assert_true(iiif_facts_add_level(&facts, up ? iiif_ceil_shift(width, s) : iiif_max_u32(width >> s, 1),
                                         up ? iiif_ceil_shift(height, s) : iiif_max_u32(height >> s, 1), 512, 512));
    finish();
}

static int setup(void **state)
{
    (void)state;
    memset(&limits, 0, sizeof(limits));
    limits.qualities = IIIF_QUALITIES_ALL;
    return 0;
}

static iiif_rc make(iiif_version version, const char *parameters, unsigned caps)
{
    iiif_req_t req;

    if (iiif_uri_parse_parameters(version, iiif_slice(parameters), &req, &err) != IIIF_OK)
        fail_msg("%s: %s", parameters, err.detail);
    memset(&err, 0, sizeof(err));
    return iiif_plan_make(&req, &facts, &limits, caps, &plan, &err);
}

static void plan3(const char *parameters)
{
    if (make(IIIF_VERSION_3, parameters, strstr(parameters, "png") != NULL ? CAPS_PNG : CAPS_JPG) != IIIF_OK)
        fail_msg("%s: %s", parameters, err.detail);
}

static void assert_window(unsigned level, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    if (plan.level != level || plan.window.x != x || plan.window.y != y || plan.window.w != w || plan.window.h != h)
        fail_msg("level %u, window %u,%u,%u,%u", plan.level, plan.window.x, plan.window.y, plan.window.w,
                 plan.window.h);
}

/* The source is whole pixels of exactly the output size: rows are only cropped. */
static bool is_cropped_only(void)
{
    return plan.source.x0 == floor(plan.source.x0) && plan.source.y0 == floor(plan.source.y0) &&
           plan.source.x1 - plan.source.x0 == plan.scaled_width &&
           plan.source.y1 - plan.source.y0 == plan.scaled_height;
}

/* What every plan must hold: the window lies in its level, the source in the window. */
static void assert_sane(void)
{
    const iiif_level_t *level = &facts.levels[plan.level];

    assert_true(plan.level < facts.level_count);
    assert_true(plan.window.w >= 1 && plan.window.h >= 1);
    assert_true((uint64_t)plan.window.x + plan.window.w <= level->width);
    assert_true((uint64_t)plan.window.y + plan.window.h <= level->height);
    assert_true(plan.source.x0 >= 0 && plan.source.x0 < plan.source.x1 && plan.source.x1 <= plan.window.w);
    assert_true(plan.source.y0 >= 0 && plan.source.y0 < plan.source.y1 && plan.source.y1 <= plan.window.h);
    assert_true(plan.width >= 1 && plan.height >= 1 && plan.scaled_width >= 1 && plan.scaled_height >= 1);
    assert_true(plan.out_width >= 1 && plan.out_height >= 1);
    assert_true(plan.memory > 0 && plan.cost > 0);
}

/* --- tiles ------------------------------------------------------------------------------------------------ */

static void test_IMG_TILE_02_vectors(void **state)
{
    (void)state;
    pyramid(6000, 4000, 6, true);
    plan3("4096,2048,1904,1952/476,488/0/default.jpg");
    assert_true(is_cropped_only());
    assert_window(2, 1024, 512, 476, 488);
    plan3("0,0,6000,4000/375,250/0/default.jpg");
    assert_true(is_cropped_only());
    assert_window(4, 0, 0, 375, 250);
    plan3("full/375,250/0/default.jpg");
    assert_window(4, 0, 0, 375, 250);
    pyramid(6001, 4001, 6, true);
    plan3("4096,0,1905,4001/239,501/0/default.jpg");
    assert_true(is_cropped_only());
    assert_window(3, 512, 0, 239, 501);
    pyramid(513, 513, 2, true);
    plan3("512,512,1,1/1,1/0/default.jpg");
    assert_true(is_cropped_only());
    assert_window(0, 512, 512, 1, 1);
}

static unsigned tiles_seen;

/* One tile as a viewer computes it (Image 3.0 implementation notes §3). */
static void check_tile(iiif_version version, uint32_t size, uint32_t s, uint32_t n, uint32_t m, bool exact)
{
    uint32_t x = n * size * s, y = m * size * s;
    uint32_t w = iiif_min_u32(size * s, facts.width - x), h = iiif_min_u32(size * s, facts.height - y);
    uint32_t out_w = iiif_ceil_div(w, s), out_h = iiif_ceil_div(h, s);
    char text[128];

    (void)snprintf(text, sizeof(text), "%u,%u,%u,%u/%u,%u/0/default.jpg", x, y, w, h, out_w, out_h);
    if (make(version, text, CAPS_JPG) != IIIF_OK)
        fail_msg("%s of %u x %u: %s", text, facts.width, facts.height, err.detail);
    assert_sane();
    assert_int_equal(plan.out_width, out_w);
    assert_int_equal(plan.out_height, out_h);
    assert_true(plan.region.x == x && plan.region.y == y && plan.region.w == w && plan.region.h == h);
    if (exact && !is_cropped_only())
        fail_msg("%s of %u x %u is resampled: level %u, %g,%g-%g,%g", text, facts.width, facts.height, plan.level,
                 plan.source.x0, plan.source.y0, plan.source.x1, plan.source.y1);
    if (exact) { /* neighbours meet without overlap: each begins where the grid of its level says */
        unsigned shift = facts.levels[plan.level].shift;

        assert_int_equal((plan.window.x + (uint32_t)plan.source.x0) << shift, x);
        assert_int_equal((plan.window.y + (uint32_t)plan.source.y0) << shift, y);
    }
    tiles_seen++;
}

/* Every tile of every factor; together they cover each level exactly once. */
static void check_all_tiles(iiif_version version, uint32_t size, bool exact)
{
    for (uint32_t s = 1;; s *= 2) {
        uint32_t columns = iiif_ceil_div(facts.width, size * s), rows = iiif_ceil_div(facts.height, size * s);
        uint64_t covered = 0, area = 0;

        for (uint32_t m = 0; m < rows; m++)
            for (uint32_t n = 0; n < columns; n++) {
                check_tile(version, size, s, n, m, exact);
                covered += (uint64_t)plan.region.w * plan.region.h;
                area += (uint64_t)plan.out_width * plan.out_height;
            }
        assert_true(covered == (uint64_t)facts.width * facts.height);
        assert_true(area == (uint64_t)iiif_ceil_div(facts.width, s) * iiif_ceil_div(facts.height, s));
        if (columns == 1 && rows == 1)
            break;
    }
}

static void test_IMG_TILE_01_all_tiles_exact_and_covering(void **state)
{
    static const uint32_t sizes[][2] = {{6000, 4000}, {6001, 4001}, {1, 1}, {513, 513}, {1001, 500}, {5, 3000},
                                        {512, 512}, {1024, 1023}, {4097, 33}};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(sizes); i++) {
        pyramid(sizes[i][0], sizes[i][1], 8, true);
        check_all_tiles(IIIF_VERSION_3, 512, true);
        check_all_tiles(IIIF_VERSION_2, 512, true);
        check_all_tiles(IIIF_VERSION_3, 256, true);
        check_all_tiles(IIIF_VERSION_3, 200, true); /* a size that is no power of two */
    }
    assert_true(tiles_seen > 1000);
}

/* A pyramid whose levels are rounded down, one without levels, and one of odd factors: right sizes all the same. */
static void test_IMG_TILE_03_other_pyramids_give_the_same_sizes(void **state)
{
    static const uint32_t sizes[][2] = {{6001, 4001}, {1001, 500}, {5, 3000}, {513, 513}, {4097, 33}, {1023, 1}};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(sizes); i++) {
        uint32_t w = sizes[i][0], h = sizes[i][1];

        pyramid(w, h, 8, false);
        check_all_tiles(IIIF_VERSION_3, 512, false);
        pyramid(w, h, 1, true);
        check_all_tiles(IIIF_VERSION_3, 512, false);
        photo(w, h);
        assert_true(iiif_facts_add_level(&facts, iiif_max_u32(w / 3, 1), iiif_max_u32(h / 3, 1), 0, 0));
        assert_true(iiif_facts_add_level(&facts, iiif_max_u32(w / 10, 1), iiif_max_u32(h / 10, 1), 0, 0));
        finish();
        check_all_tiles(IIIF_VERSION_3, 512, false);
        check_all_tiles(IIIF_VERSION_2, 512, false);
    }
}

static void test_floor_levels_are_used_and_stretched_by_less_than_a_pixel(void **state)
{
    (void)state;
    pyramid(1001, 1001, 3, false);
    plan3("full/501,501/0/default.jpg");
    assert_window(1, 0, 0, 500, 500);
    assert_true(plan.source.x0 == 0 && plan.source.x1 == 500);
    plan3("0,0,512,512/256,256/0/default.jpg");
    assert_true(is_cropped_only());
    assert_int_equal(plan.level, 1);
    /* the last column alone is not in the level of 500: it comes from the full one */
    plan3("1000,0,1,512/1,256/0/default.jpg");
    assert_int_equal(plan.level, 0);
    assert_sane();
}

static void test_IMG_TILE_04_sizes_of_levels_need_no_scaling(void **state)
{
    (void)state;
    pyramid(6001, 4001, 6, true);
    for (unsigned i = 0; i < 6; i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "full/%u,%u/0/default.jpg", facts.levels[i].width,
                       facts.levels[i].height);
        plan3(text);
        assert_window(i, 0, 0, facts.levels[i].width, facts.levels[i].height);
        assert_true(is_cropped_only());
    }
}

/* --- levels and windows ------------------------------------------------------------------------------------- */

static void test_plan_takes_the_largest_reduction_that_suffices(void **state)
{
    (void)state;
    pyramid(6000, 4000, 6, true);
    plan3("full/1000,/0/default.jpg");
    assert_int_equal(plan.level, 2); /* 1500 wide; 750 would have to grow */
    assert_window(2, 0, 0, 1500, 1000);
    plan3("full/1500,/0/default.jpg");
    assert_int_equal(plan.level, 2);
    plan3("full/1501,/0/default.jpg");
    assert_int_equal(plan.level, 1);
    plan3("full/10,1500/0/default.jpg"); /* both dimensions count */
    assert_int_equal(plan.level, 1);
    plan3("full/10,/0/default.jpg");
    assert_int_equal(plan.level, 5);
    plan3("0,0,600,400/max/0/default.jpg");
    assert_int_equal(plan.level, 0);
    limits.upscale = true;
    plan3("0,0,60,40/^600,/0/default.jpg");
    assert_int_equal(plan.level, 0);
    assert_sane();
}

static void test_plan_chooses_among_odd_factors(void **state)
{
    (void)state;
    photo(6000, 4000);
    assert_true(iiif_facts_add_level(&facts, 600, 400, 0, 0));
    assert_true(iiif_facts_add_level(&facts, 2000, 1333, 0, 0));
    finish();
    plan3("full/600,400/0/default.jpg");
    assert_window(1, 0, 0, 600, 400);
    assert_true(is_cropped_only());
    plan3("full/601,400/0/default.jpg");
    assert_int_equal(plan.level, 2);
    plan3("3000,2000,3000,2000/300,200/0/default.jpg");
    assert_window(1, 300, 200, 300, 200);
    assert_true(is_cropped_only());
}

static void test_window_holds_the_filter_margin_and_no_more(void **state)
{
    uint32_t margin;

    (void)state;
    photo(6000, 4000);
    plan3("1000,1000,2000,1000/500,250/0/default.jpg");
    margin = iiif_resample_margin(plan.filter, 4);
    assert_window(0, 1000 - margin, 1000 - margin, 2000 + 2 * margin, 1000 + 2 * margin);
    assert_true(plan.source.x0 == margin && plan.source.x1 == margin + 2000);
    plan3("0,3000,2000,1000/500,250/0/default.jpg"); /* cut at the edges */
    assert_window(0, 0, 3000 - margin, 2000 + margin, 1000 + margin);
    plan3("10,10,100,100/max/0/default.jpg");
    assert_window(0, 10, 10, 100, 100);
}

static void test_window_between_pixels_of_a_level(void **state)
{
    (void)state;
    pyramid(6000, 4000, 3, true);
    plan3("1001,1001,2000,1000/1000,500/0/default.jpg");
    assert_int_equal(plan.level, 1);
    assert_false(is_cropped_only());
    assert_true(plan.window.x + plan.source.x0 == 500.5);
    assert_true(plan.window.x + plan.source.x1 == 1500.5);
    assert_sane();
}

/* Random regions and sizes on every kind of pyramid and orientation: never outside, never empty. */
static void test_plans_are_sane_whatever_is_asked(void **state)
{
    (void)state;
    srand(20);
    limits.upscale = true;
    for (int i = 0; i < 20000; i++) {
        uint32_t w = (uint32_t)(rand() % (i % 3 == 0 ? 20 : 3000) + 1), h = (uint32_t)(rand() % 2000 + 1);
        char text[128];

        if (i % 2 == 0) {
            pyramid(w, h, (unsigned)(rand() % 10 + 1), rand() % 2 == 0);
        } else {
            photo(w, h);
            for (int k = 0; k < rand() % 4; k++)
                assert_true(iiif_facts_add_level(&facts, (uint32_t)rand() % w + 1, (uint32_t)rand() % h + 1, 0, 0));
        }
        facts.orientation = (uint8_t)(rand() % 8 + 1);
        facts.access = (uint8_t)(rand() % 3);
        finish();
        (void)snprintf(text, sizeof(text), "%u,%u,%u,%u/^%u,%u/%s%d/default.jpg", (uint32_t)rand() % facts.width,
                       (uint32_t)rand() % facts.height, (uint32_t)rand() % 3000 + 1, (uint32_t)rand() % 2000 + 1,
                       (uint32_t)rand() % 1500 + 1, (uint32_t)rand() % 1500 + 1, rand() % 2 ? "!" : "",
                       rand() % 361);
        plan3(text);
        assert_sane();
    }
}

/* --- orientation and turns ------------------------------------------------------------------------------------- */

static void assert_turn(bool mirror, unsigned quarters, double degrees)
{
    assert_int_equal(plan.turn.mirror, mirror);
    assert_int_equal(plan.turn.quarters, quarters);
    assert_true(plan.degrees == degrees);
}

static void test_IMG_REG_09_regions_are_of_the_upright_image(void **state)
{
    (void)state;
    photo(600, 400);
    facts.orientation = 6; /* stored lying, upright 400 × 600 */
    finish();
    plan3("0,0,100,50/max/0/default.jpg");
    assert_window(0, 0, 300, 50, 100); /* its top left lies at the lower left of what is stored */
    assert_int_equal(plan.out_width, 100);
    assert_int_equal(plan.out_height, 50);
    assert_int_equal(plan.scaled_width, 50);
    assert_int_equal(plan.scaled_height, 100);
    assert_turn(false, 1, 0);
    plan3("full/200,/0/default.jpg");
    assert_true(plan.width == 200 && plan.height == 300);
    assert_true(plan.scaled_width == 300 && plan.scaled_height == 200);
    photo(600, 400);
    facts.orientation = 3;
    finish();
    plan3("0,0,100,50/max/0/default.jpg");
    assert_window(0, 500, 350, 100, 50);
    photo(600, 400);
    facts.orientation = 2;
    finish();
    plan3("0,0,100,50/max/0/default.jpg");
    assert_window(0, 500, 0, 100, 50);
    assert_turn(true, 0, 0);
}

static void test_IMG_ROT_02_03_quarters_and_the_rest(void **state)
{
    (void)state;
    photo(300, 200);
    plan3("full/max/0/default.jpg");
    assert_turn(false, 0, 0);
    plan3("full/max/90/default.jpg");
    assert_turn(false, 1, 0);
    assert_true(plan.out_width == 200 && plan.out_height == 300);
    plan3("full/max/90.0/default.jpg");
    assert_turn(false, 1, 0);
    plan3("full/max/180/default.jpg");
    assert_turn(false, 2, 0);
    assert_true(plan.out_width == 300 && plan.out_height == 200);
    plan3("full/max/270/default.jpg");
    assert_turn(false, 3, 0);
    plan3("full/max/360/default.jpg");
    assert_turn(false, 0, 0);
    plan3("full/max/100/default.jpg");
    assert_turn(false, 0, 100);
    plan3("full/max/22.5/default.jpg");
    assert_turn(false, 0, 22.5);
}

static void test_IMG_ROT_04_mirror_comes_before_rotation(void **state)
{
    (void)state;
    photo(300, 200);
    plan3("full/max/!0/default.jpg");
    assert_turn(true, 0, 0);
    plan3("full/max/!90/default.jpg");
    assert_turn(true, 1, 0);
    plan3("full/max/!22.5/default.jpg");
    assert_turn(true, 0, 22.5);
    facts.orientation = 6; /* a quarter, then mirrored = mirrored, then three quarters */
    finish();
    plan3("full/max/!0/default.jpg");
    assert_turn(true, 3, 0);
    plan3("full/max/90/default.jpg");
    assert_turn(false, 2, 0);
    assert_true(plan.out_width == 300 && plan.out_height == 200);
}

static void test_IMG_ROT_08_canvas_grows_to_the_bounding_box(void **state)
{
    (void)state;
    photo(300, 200);
    plan3("full/max/22.5/default.jpg");
    assert_true(plan.out_width >= 353 && plan.out_width <= 354);
    assert_true(plan.out_height >= 299 && plan.out_height <= 300);
    assert_true(plan.width == 300 && plan.height == 200);
}

static void test_IMG_ROT_10_limits_bound_the_size_before_rotation(void **state)
{
    (void)state;
    photo(300, 200);
    limits.max_width = 300;
    limits.max_height = 200;
    plan3("full/max/90/default.jpg");
    assert_true(plan.out_width == 200 && plan.out_height == 300);
    plan3("full/max/45/default.jpg");
    assert_true(plan.width == 300 && plan.out_width > 300);
    /* and memory bounds the canvas */
    photo(6000, 4000);
    memset(&limits, 0, sizeof(limits));
    limits.memory = (size_t)150 << 20;
    assert_int_equal(make(IIIF_VERSION_3, "full/max/0/default.jpg", CAPS_JPG), IIIF_OK);
    assert_int_equal(make(IIIF_VERSION_3, "full/max/45/default.jpg", CAPS_JPG), IIIF_OK);
    limits.memory = (size_t)70 << 20;
    assert_int_equal(make(IIIF_VERSION_3, "full/max/0/default.jpg", CAPS_JPG), IIIF_OK);
    assert_int_equal(make(IIIF_VERSION_3, "full/max/45/default.jpg", CAPS_JPG), IIIF_E_TOO_LARGE);
}

/* --- quality, alpha, depth ---------------------------------------------------------------------------------------- */

static void assert_output(iiif_quality quality, iiif_layout layout, unsigned depth)
{
    if (plan.quality != quality || plan.layout != layout || plan.depth != depth)
        fail_msg("quality %s, layout %d, depth %u", iiif_quality_name(plan.quality), (int)plan.layout, plan.depth);
}

static void test_IMG_QUAL_01_default_is_the_image_as_it_is(void **state)
{
    (void)state;
    photo(300, 200);
    plan3("full/max/0/default.jpg");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGB, 8);
    facts.layout = IIIF_LAYOUT_GRAY;
    facts.color_class = IIIF_CLASS_GRAY;
    plan3("full/max/0/default.jpg");
    assert_output(IIIF_QUALITY_GRAY, IIIF_LAYOUT_GRAY, 8);
    facts.layout = IIIF_LAYOUT_CMYK;
    facts.color_class = IIIF_CLASS_COLOR;
    plan3("full/max/0/default.png");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGB, 8);
    facts.layout = IIIF_LAYOUT_LABA;
    plan3("full/max/0/default.png");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGBA, 8);
}

static void test_IMG3_QUAL_04_color_never_fails(void **state)
{
    (void)state;
    photo(300, 200);
    facts.layout = IIIF_LAYOUT_GRAY;
    facts.color_class = IIIF_CLASS_GRAY;
    plan3("full/max/0/color.jpg");
    assert_output(IIIF_QUALITY_GRAY, IIIF_LAYOUT_GRAY, 8);
    facts.color_class = IIIF_CLASS_BITONAL;
    plan3("full/100,/0/color.jpg");
    assert_output(IIIF_QUALITY_GRAY, IIIF_LAYOUT_GRAY, 8);
    plan3("full/100,/0/gray.jpg");
    assert_output(IIIF_QUALITY_GRAY, IIIF_LAYOUT_GRAY, 8);
}

static void test_IMG_QUAL_07_bitonal_is_one_opaque_channel(void **state)
{
    (void)state;
    photo(300, 200);
    facts.layout = IIIF_LAYOUT_RGBA;
    facts.depth = facts.precision = 16;
    plan3("full/max/22.5/bitonal.png");
    assert_output(IIIF_QUALITY_BITONAL, IIIF_LAYOUT_GRAY, 8);
    plan3("full/max/0/bitonal.jpg");
    assert_output(IIIF_QUALITY_BITONAL, IIIF_LAYOUT_GRAY, 8);
}

static void test_bitonal_master_stays_so_where_no_pixel_changes(void **state)
{
    (void)state;
    pyramid(300, 200, 2, true);
    facts.layout = IIIF_LAYOUT_GRAY;
    facts.color_class = IIIF_CLASS_BITONAL;
    plan3("full/max/0/default.png");
    assert_output(IIIF_QUALITY_BITONAL, IIIF_LAYOUT_GRAY, 8);
    plan3("10,10,50,50/max/!90/default.png");
    assert_output(IIIF_QUALITY_BITONAL, IIIF_LAYOUT_GRAY, 8);
    plan3("full/200,/0/default.png");
    assert_output(IIIF_QUALITY_GRAY, IIIF_LAYOUT_GRAY, 8);
    plan3("full/max/10/default.jpg");
    assert_output(IIIF_QUALITY_GRAY, IIIF_LAYOUT_GRAY, 8);
    facts.has_profile = true;
    plan3("full/max/0/default.png");
    assert_output(IIIF_QUALITY_GRAY, IIIF_LAYOUT_GRAY, 8);
}

static void test_IMG_ROT_09_corners_are_transparent_where_the_format_can(void **state)
{
    (void)state;
    photo(300, 200);
    plan3("full/max/22.5/default.png");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGBA, 8);
    plan3("full/max/22.5/gray.png");
    assert_output(IIIF_QUALITY_GRAY, IIIF_LAYOUT_GRAYA, 8);
    plan3("full/max/22.5/default.jpg");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGB, 8);
    plan3("full/max/90/default.png");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGB, 8);
    facts.layout = IIIF_LAYOUT_RGBA;
    plan3("full/max/0/default.png");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGBA, 8);
    plan3("full/max/0/default.jpg");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGB, 8);
}

static void test_depth_16_where_master_and_format_have_it(void **state)
{
    (void)state;
    photo(300, 200);
    facts.depth = facts.precision = 16;
    plan3("full/max/0/default.png");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGB, 16);
    plan3("full/max/0/default.jpg");
    assert_output(IIIF_QUALITY_COLOR, IIIF_LAYOUT_RGB, 8);
    assert_int_equal(make(IIIF_VERSION_3, "full/max/0/gray.gif", 0), IIIF_OK); /* gray is planned even so */
    assert_output(IIIF_QUALITY_GRAY, IIIF_LAYOUT_GRAY, 8);
}

static void test_IMG_QUAL_06_quality_that_is_not_offered(void **state)
{
    (void)state;
    photo(300, 200);
    limits.qualities = 1u << IIIF_QUALITY_DEFAULT | 1u << IIIF_QUALITY_COLOR;
    plan3("full/max/0/color.jpg");
    assert_int_equal(make(IIIF_VERSION_3, "full/max/0/bitonal.jpg", CAPS_JPG), IIIF_E_BAD_REQUEST);
    assert_non_null(strstr(err.detail, "quality bitonal"));
    limits.qualities = 0;
    plan3("full/max/0/default.jpg"); /* required at every level */
}

/* --- order of checks, budget ------------------------------------------------------------------------------------------ */

static void assert_first_complaint(const char *parameters, iiif_rc rc, const char *part)
{
    assert_int_equal(make(IIIF_VERSION_3, parameters, CAPS_JPG), rc);
    if (strstr(err.detail, part) == NULL)
        fail_msg("%s: %s", parameters, err.detail);
}

static void test_IMG3_SIZE_25_order_of_checks(void **state)
{
    (void)state;
    photo(300, 200);
    limits.qualities = 1;
    limits.max_width = 100;
    limits.memory = 1;
    limits.max_source_area = 1;
    assert_first_complaint("300,0,1,1/400,/0/gray.jpg", IIIF_E_BAD_REQUEST, "quality");
    assert_first_complaint("300,0,1,1/400,/0/default.jpg", IIIF_E_BAD_REQUEST, "The region");
    assert_first_complaint("full/400,/0/default.jpg", IIIF_E_BAD_REQUEST, "larger than the region");
    assert_first_complaint("full/^400,/0/default.jpg", IIIF_E_UNSUPPORTED, "does not enlarge");
    assert_first_complaint("full/200,/0/default.jpg", IIIF_E_BAD_REQUEST, "this service delivers");
    assert_first_complaint("full/100,/0/default.jpg", IIIF_E_TOO_LARGE, "more pixels");
    limits.max_source_area = 60000;
    assert_first_complaint("full/100,/0/default.jpg", IIIF_E_TOO_LARGE, "memory");
    limits.memory = 64 << 20;
    plan3("full/100,/0/default.jpg");
}

static void test_memory_follows_what_the_decoder_holds(void **state)
{
    uint64_t tiles, rows, whole;

    (void)state;
    photo(6000, 4000);
    plan3("0,0,512,512/max/0/default.jpg");
    tiles = plan.memory;
    facts.access = IIIF_ACCESS_ROWS;
    plan3("0,0,512,512/max/0/default.jpg");
    rows = plan.memory;
    facts.access = IIIF_ACCESS_WHOLE;
    plan3("0,0,512,512/max/0/default.jpg");
    whole = plan.memory;
    assert_true(rows < tiles && tiles < whole);
    assert_true(whole >= 6000ull * 4000 * 4);
    assert_true(tiles >= 512 * 512 * 4 && tiles < 8 << 20);
    facts.fixed_bytes = 1ull << 40;
    plan3("0,0,512,512/max/0/default.jpg");
    assert_true(plan.memory > 1ull << 40);
    facts.fixed_bytes = UINT64_MAX; /* no wrap */
    plan3("0,0,512,512/max/0/default.jpg");
    assert_true(plan.memory >= 1ull << 63);
}

/* A 400-megapixel master with resolutions, to 1000 wide, stays under 64 MiB. */
static void test_memory_of_a_huge_master_with_resolutions(void **state)
{
    (void)state;
    pyramid(24000, 17000, 7, true);
    limits.memory = (size_t)64 << 20;
    plan3("full/1000,/0/default.jpg");
    plan3("full/1499,/0/default.jpg");
    plan3("12000,8000,2048,2048/512,512/0/default.jpg");
}

static void test_memory_counts_turns_and_rotations(void **state)
{
    uint64_t straight, mirrored, turned, rotated, image = 3000ull * 2000 * 3;

    (void)state;
    photo(3000, 2000);
    plan3("full/max/0/default.jpg");
    straight = plan.memory;
    plan3("full/max/!0/default.jpg");
    mirrored = plan.memory;
    plan3("full/max/90/default.jpg");
    turned = plan.memory;
    plan3("full/max/45/default.jpg");
    rotated = plan.memory;
    assert_true(mirrored == straight); /* row by row */
    assert_true(turned >= straight + image && turned < straight + 2 * image);
    assert_true(rotated >= straight + image);
}

static void test_cost_follows_what_must_be_decoded(void **state)
{
    double top, bottom, whole;

    (void)state;
    photo(6000, 4000);
    plan3("0,0,100,100/max/0/default.jpg");
    assert_true(plan.cost == 100 * 100 * 8.0 + 100 * 100);
    facts.access = IIIF_ACCESS_ROWS;
    plan3("0,0,100,100/max/0/default.jpg");
    top = plan.cost;
    plan3("0,3900,100,100/max/0/default.jpg");
    bottom = plan.cost;
    assert_true(top == 6000 * 100 * 8.0 + 10000 && bottom == 6000 * 4000 * 8.0 + 10000);
    facts.access = IIIF_ACCESS_WHOLE;
    plan3("0,0,100,100/max/0/default.jpg");
    whole = plan.cost;
    assert_true(whole == bottom);
}

#define with_limits(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_limits(test_IMG_TILE_02_vectors),
        with_limits(test_IMG_TILE_01_all_tiles_exact_and_covering),
        with_limits(test_IMG_TILE_03_other_pyramids_give_the_same_sizes),
        with_limits(test_IMG_TILE_04_sizes_of_levels_need_no_scaling),
        with_limits(test_floor_levels_are_used_and_stretched_by_less_than_a_pixel),
        with_limits(test_plan_takes_the_largest_reduction_that_suffices),
        with_limits(test_plan_chooses_among_odd_factors),
        with_limits(test_window_holds_the_filter_margin_and_no_more),
        with_limits(test_window_between_pixels_of_a_level),
        with_limits(test_plans_are_sane_whatever_is_asked),
        with_limits(test_IMG_REG_09_regions_are_of_the_upright_image),
        with_limits(test_IMG_ROT_02_03_quarters_and_the_rest),
        with_limits(test_IMG_ROT_04_mirror_comes_before_rotation),
        with_limits(test_IMG_ROT_08_canvas_grows_to_the_bounding_box),
        with_limits(test_IMG_ROT_10_limits_bound_the_size_before_rotation),
        with_limits(test_IMG_QUAL_01_default_is_the_image_as_it_is),
        with_limits(test_IMG3_QUAL_04_color_never_fails),
        with_limits(test_IMG_QUAL_07_bitonal_is_one_opaque_channel),
        with_limits(test_bitonal_master_stays_so_where_no_pixel_changes),
        with_limits(test_IMG_ROT_09_corners_are_transparent_where_the_format_can),
        with_limits(test_depth_16_where_master_and_format_have_it),
        with_limits(test_IMG_QUAL_06_quality_that_is_not_offered),
        with_limits(test_IMG3_SIZE_25_order_of_checks),
        with_limits(test_memory_follows_what_the_decoder_holds),
        with_limits(test_memory_of_a_huge_master_with_resolutions),
        with_limits(test_memory_counts_turns_and_rotations),
        with_limits(test_cost_follows_what_must_be_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
