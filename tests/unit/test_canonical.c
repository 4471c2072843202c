/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/core/iiif_canonical.h"

static iiif_facts_t facts;
static iiif_limits_t limits;

static void image(uint32_t width, uint32_t height)
{
    memset(&facts, 0, sizeof(facts));
    facts.stored_width = width;
    facts.stored_height = height;
    facts.orientation = 1;
    facts.layout = IIIF_LAYOUT_RGB;
    facts.depth = facts.precision = 8;
    facts.color_class = IIIF_CLASS_COLOR;
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
}

static int setup(void **state)
{
    (void)state;
    memset(&limits, 0, sizeof(limits));
    limits.qualities = IIIF_QUALITIES_ALL;
    image(300, 200);
    return 0;
}

static iiif_rc make(iiif_version version, const char *text, iiif_plan_t *plan, iiif_err_t *err)
{
    iiif_req_t req;
    iiif_rc rc = iiif_uri_parse_parameters(version, iiif_slice(text), &req, err);

    return rc != IIIF_OK ? rc : iiif_plan_make(&req, &facts, &limits, IIIF_CAP_ALPHA, plan, err);
}

static void canonical_is(iiif_version version, const char *text, const char *expected)
{
    iiif_plan_t plan;
    iiif_err_t err;

    if (make(version, text, &plan, &err) != IIIF_OK)
        fail_msg("%s: %s", text, err.detail);
    assert_string_equal(plan.canonical, expected);
}

#define is3(text, expected) canonical_is(IIIF_VERSION_3, text, expected)
#define is2(text, expected) canonical_is(IIIF_VERSION_2, text, expected)

static void test_IMG3_CAN_02_size(void **state)
{
    (void)state;
    limits.upscale = true;
    limits.max_width = 600;
    is3("full/max/0/default.jpg", "full/max/0/default.jpg");
    is3("full/300,/0/default.jpg", "full/max/0/default.jpg");
    is3("full/!500,500/0/default.jpg", "full/max/0/default.jpg");
    is3("full/pct:100/0/default.jpg", "full/max/0/default.jpg");
    is3("full/150,/0/default.jpg", "full/150,100/0/default.jpg");
    is3("full/pct:50/0/default.jpg", "full/150,100/0/default.jpg");
    is3("full/150,7/0/default.jpg", "full/150,7/0/default.jpg");
    /* no caret where nothing is enlarged */
    is3("full/^200,/0/default.jpg", "full/200,133/0/default.jpg");
    is3("full/^300,/0/default.jpg", "full/max/0/default.jpg");
    is3("full/^360,/0/default.jpg", "full/^360,240/0/default.jpg");
    is3("full/^10,300/0/default.jpg", "full/^10,300/0/default.jpg");
    is3("full/^600,/0/default.jpg", "full/^max/0/default.jpg");
    is3("full/^max/0/default.jpg", "full/^max/0/default.jpg");
    is3("0,0,100,100/100,100/0/default.jpg", "0,0,100,100/max/0/default.jpg");
    limits.max_width = 200;
    is3("full/200,133/0/default.jpg", "full/max/0/default.jpg");
    is3("full/^max/0/default.jpg", "full/max/0/default.jpg");
}

static void test_IMG2_CAN_03_size(void **state)
{
    (void)state;
    is2("full/full/0/default.jpg", "full/full/0/default.jpg");
    is2("full/max/0/default.jpg", "full/full/0/default.jpg");
    is2("full/300,200/0/default.jpg", "full/full/0/default.jpg");
    is2("full/pct:100/0/default.jpg", "full/full/0/default.jpg");
    is2("full/150,100/0/default.jpg", "full/150,/0/default.jpg");
    is2("full/,100/0/default.jpg", "full/150,/0/default.jpg");
    is2("full/!200,200/0/default.jpg", "full/200,/0/default.jpg");
    is2("full/150,99/0/default.jpg", "full/150,99/0/default.jpg");
    limits.max_width = 200;
    is2("full/max/0/default.jpg", "full/200,/0/default.jpg");
    image(6000, 4000);
    limits.max_width = 3000;
    limits.max_height = 2000;
    limits.max_area = 4000000;
    is2("full/max/0/default.jpg", "full/2449,/0/default.jpg");
    memset(&limits, 0, sizeof(limits));
    image(6001, 4001);
    is2("4096,0,1905,4001/239,501/0/default.jpg", "4096,0,1905,4001/239,501/0/default.jpg");
}

static void test_IMG_CAN_04_region(void **state)
{
    (void)state;
    is3("0,0,300,200/max/0/default.jpg", "full/max/0/default.jpg");
    is3("0,0,999,999/max/0/default.jpg", "full/max/0/default.jpg");
    is3("pct:0,0,100,100/max/0/default.jpg", "full/max/0/default.jpg");
    is3("square/max/0/default.jpg", "50,0,200,200/max/0/default.jpg");
    is3("125,15,200,200/max/0/default.jpg", "125,15,175,185/max/0/default.jpg");
    is3("pct:41.6,7.5,66.6,100/max/0/default.jpg", "125,15,175,185/max/0/default.jpg");
    image(513, 513);
    is3("square/max/0/default.jpg", "full/max/0/default.jpg");
}

static void test_IMG_CAN_05_rotation(void **state)
{
    (void)state;
    is3("full/max/90.0/default.jpg", "full/max/90/default.jpg");
    is3("full/max/360/default.jpg", "full/max/0/default.jpg");
    is3("full/max/!360/default.jpg", "full/max/!0/default.jpg");
    is3("full/max/.50/default.jpg", "full/max/0.5/default.jpg");
    is3("full/max/022.50/default.jpg", "full/max/22.5/default.jpg");
    is3("full/max/!22.0500000001/default.jpg", "full/max/!22.0500000001/default.jpg");
    is2("full/full/00/default.jpg", "full/full/0/default.jpg");
}

static void test_IMG_CAN_06_quality(void **state)
{
    (void)state;
    is3("full/max/0/color.png", "full/max/0/default.png");
    is3("full/max/0/gray.png", "full/max/0/gray.png");
    is3("full/max/0/bitonal.png", "full/max/0/bitonal.png");
    facts.layout = IIIF_LAYOUT_GRAY;
    facts.color_class = IIIF_CLASS_GRAY;
    is3("full/max/0/gray.png", "full/max/0/default.png");
    is3("full/max/0/color.png", "full/max/0/default.png");
    facts.color_class = IIIF_CLASS_BITONAL;
    is3("full/max/0/bitonal.png", "full/max/0/bitonal.png");
}

static void test_IMG_CAN_08_examples(void **state)
{
    (void)state;
    image(800, 600);
    is3("full/400,/0/color.jpg", "full/400,300/0/default.jpg");
    is2("full/400,300/0/color.jpg", "full/400,/0/default.jpg");
}

static bool same(const iiif_plan_t *a, const iiif_plan_t *b)
{
    return memcmp(&a->region, &b->region, sizeof(a->region)) == 0 && a->width == b->width && a->height == b->height &&
           a->out_width == b->out_width && a->out_height == b->out_height && a->level == b->level &&
           memcmp(&a->window, &b->window, sizeof(a->window)) == 0 && a->turn.mirror == b->turn.mirror &&
           a->turn.quarters == b->turn.quarters && a->degrees == b->degrees && a->quality == b->quality &&
           a->layout == b->layout && a->depth == b->depth && strcmp(a->canonical, b->canonical) == 0;
}

static void random_size(iiif_version version, char *text, size_t capacity)
{
    unsigned a = (unsigned)rand() % 700 + 1, b = (unsigned)rand() % 700 + 1, d = (unsigned)rand() % 3000;
    const char *caret = version == IIIF_VERSION_3 && rand() % 2 ? "^" : "";

    switch (rand() % 6) {
    case 0:
        (void)snprintf(text, capacity, "%s%u,", caret, a);
        break;
    case 1:
        (void)snprintf(text, capacity, "%s,%u", caret, a);
        break;
    case 2:
        (void)snprintf(text, capacity, "%s%u,%u", caret, a, b);
        break;
    case 3:
        (void)snprintf(text, capacity, "%s!%u,%u", caret, a, b);
        break;
    case 4:
        (void)snprintf(text, capacity, "%spct:%u.%u", caret, d / 10, d % 10 + 1);
        break;
    default:
        (void)snprintf(text, capacity, "%smax", caret);
        break;
    }
}

/* The canonical form of every accepted request gives the same plan, and itself. */
static void test_IMG_CAN_01_canonical_form_gives_the_same_plan(void **state)
{
    static const char *const qualities[] = {"default", "color", "gray", "bitonal"};
    static const char *const regions[] = {"full", "square", "pct:0,0,100,100", "pct:3.3,12.5,33.3333,70.7"};
    unsigned accepted = 0;

    (void)state;
    srand(3);
    for (int i = 0; i < 60000; i++) {
        iiif_version version = rand() % 2 ? IIIF_VERSION_3 : IIIF_VERSION_2;
        char region[64], size[64], text[256];
        iiif_plan_t first, second;
        iiif_err_t err;

        image((uint32_t)rand() % 600 + 1, (uint32_t)rand() % 600 + 1);
        facts.color_class = (uint8_t)(rand() % 3);
        facts.layout = facts.color_class == IIIF_CLASS_COLOR ? IIIF_LAYOUT_RGB : IIIF_LAYOUT_GRAY;
        limits.upscale = rand() % 2;
        limits.upscale_factor = rand() % 3 ? 0 : 1 + (rand() % 40) / 10.0;
        limits.max_width = rand() % 2 ? (uint32_t)rand() % 500 + 1 : 0;
        limits.max_height = rand() % 3 ? 0 : (uint32_t)rand() % 500 + 1;
        limits.max_area = rand() % 2 ? (uint64_t)rand() % 90000 + 1 : 0;
        if (rand() % 2)
            (void)snprintf(region, sizeof(region), "%d,%d,%d,%d", rand() % 600, rand() % 600, rand() % 600,
                           rand() % 600);
        else
            (void)snprintf(region, sizeof(region), "%s", regions[rand() % 4]);
        random_size(version, size, sizeof(size));
        (void)snprintf(text, sizeof(text), "%s/%s/%s%d%s/%s.png", region, size, rand() % 3 ? "" : "!", rand() % 360,
                       rand() % 3 ? "" : ".250", qualities[rand() % 4]);
        if (make(version, text, &first, &err) != IIIF_OK)
            continue;
        accepted++;
        if (make(version, first.canonical, &second, &err) != IIIF_OK)
            fail_msg("v%d %s of %u x %u: %s is refused: %s", (int)version, text, facts.width, facts.height,
                     first.canonical, err.detail);
        if (!same(&first, &second))
            fail_msg("v%d %s of %u x %u: %s differs", (int)version, text, facts.width, facts.height,
                     first.canonical);
    }
    assert_true(accepted > 5000);
}

#define with_limits(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_limits(test_IMG3_CAN_02_size),
        with_limits(test_IMG2_CAN_03_size),
        with_limits(test_IMG_CAN_04_region),
        with_limits(test_IMG_CAN_05_rotation),
        with_limits(test_IMG_CAN_06_quality),
        with_limits(test_IMG_CAN_08_examples),
        with_limits(test_IMG_CAN_01_canonical_form_gives_the_same_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
