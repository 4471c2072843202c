/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "../../lib/core/iiif_facts.h"

static iiif_facts_t photo(uint32_t width, uint32_t height)
{
    iiif_facts_t facts;

    memset(&facts, 0, sizeof(facts));
    facts.stored_width = width;
    facts.stored_height = height;
    facts.orientation = 1;
    facts.layout = IIIF_LAYOUT_RGB;
    facts.depth = facts.precision = 8;
    facts.color_class = IIIF_CLASS_COLOR;
    facts.pages = facts.page = 1;
    facts.bytes_per_pixel = 3;
    facts.cost_per_pixel = 1;
    strcpy(facts.decoder, "jpeg");
    strcpy(facts.media_type, "image/jpeg");
    assert_true(iiif_facts_add_level(&facts, width, height, 0, 0));
    return facts;
}

static void assert_refused(const iiif_facts_t *facts)
{
    iiif_facts_t copy = *facts;
    iiif_err_t err;

    assert_int_equal(iiif_facts_finish(&copy, &err), IIIF_E_BAD_MASTER);
    assert_true(err.id >= 1010 && err.id < 1020 && err.detail[0] != '\0');
}

static void test_facts_orientation_exchanges_the_sides(void **state)
{
    (void)state;
    for (uint8_t orientation = 0; orientation < 12; orientation++) {
        iiif_facts_t facts = photo(300, 200);
        bool swapped = orientation >= 5 && orientation <= 8;

        facts.orientation = orientation;
        assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
        assert_int_equal(facts.width, swapped ? 200 : 300);
        assert_int_equal(facts.height, swapped ? 300 : 200);
        assert_int_equal(iiif_facts_swaps(&facts), swapped);
        if (orientation < 1 || orientation > 8)
            assert_int_equal(facts.orientation, 1); /* a nonsense tag is no reason to refuse */
    }
}

static void test_facts_without_levels_get_the_full_one(void **state)
{
    iiif_facts_t facts = photo(300, 200);

    (void)state;
    facts.level_count = 0;
    facts.pages = facts.page = 0;
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
    assert_int_equal(facts.level_count, 1);
    assert_int_equal(facts.levels[0].width, 300);
    assert_true(facts.levels[0].is_power);
    assert_int_equal(facts.pages, 1);
    assert_int_equal(facts.page, 1);
}

static void test_facts_refuses_absurd_sizes(void **state)
{
    static const uint32_t sizes[][2] = {{0, 10}, {10, 0}, {0x80000000u, 10}, {10, UINT32_MAX}};
    iiif_facts_t facts;

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(sizes); i++) {
        facts = photo(sizes[i][0], sizes[i][1]);
        assert_refused(&facts);
    }
    facts = photo(300, 200);
    assert_true(iiif_facts_add_level(&facts, 301, 100, 0, 0));
    assert_refused(&facts);
    facts = photo(300, 200);
    assert_true(iiif_facts_add_level(&facts, 0, 100, 0, 0));
    assert_refused(&facts);
    facts = photo(300, 200);
    facts.levels[0].width = 299;
    assert_refused(&facts);
    facts = photo(300, 200);
    facts.page = 2;
    assert_refused(&facts);
    facts = photo(300, 200);
    facts.level_count = IIIF_LEVELS_MAX + 1;
    assert_refused(&facts);
}

static void test_facts_refuses_undeliverable_samples(void **state)
{
    iiif_facts_t facts = photo(30, 20);

    (void)state;
    facts.layout = 0;
    assert_refused(&facts);
    facts.layout = IIIF_LAYOUT_LABA + 1;
    assert_refused(&facts);
    facts = photo(30, 20);
    facts.depth = 12;
    assert_refused(&facts);
    facts = photo(30, 20);
    facts.precision = 17;
    assert_refused(&facts);
    facts.precision = 0;
    assert_refused(&facts);
    facts = photo(30, 20);
    facts.bytes_per_pixel = NAN;
    assert_refused(&facts);
    facts = photo(30, 20);
    facts.cost_per_pixel = -1;
    assert_refused(&facts);
    facts = photo(30, 20);
    facts.access = 7;
    assert_refused(&facts);
}

static void test_facts_passes_over_a_broken_resolution_tag(void **state)
{
    iiif_facts_t facts = photo(30, 20);

    (void)state;
    facts.unit = IIIF_UNIT_INCH;
    facts.pixels_per_unit_x = INFINITY;
    facts.pixels_per_unit_y = 300;
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
    assert_int_equal(facts.unit, IIIF_UNIT_NONE);
    assert_true(facts.pixels_per_unit_x == 0 && facts.pixels_per_unit_y == 0);
}

static void test_facts_levels_know_their_reduction(void **state)
{
    iiif_facts_t facts = photo(1001, 3001);

    (void)state;
    assert_true(iiif_facts_add_level(&facts, 501, 1501, 0, 0)); /* up, as JPEG 2000 */
    assert_true(iiif_facts_add_level(&facts, 250, 750, 0, 0));  /* down, as many TIFF pyramids */
    assert_true(iiif_facts_add_level(&facts, 125, 376, 0, 0));  /* mixed: rounded to the nearest */
    assert_true(iiif_facts_add_level(&facts, 100, 300, 0, 0));  /* thumbnail */
    for (unsigned i = 0; i < 4; i++) {
        assert_true(facts.levels[i].is_power);
        assert_int_equal(facts.levels[i].shift, i);
    }
    assert_false(facts.levels[4].is_power);
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
}

static void test_facts_tiny_levels_go_on_counting(void **state)
{
    iiif_facts_t facts = photo(3, 3);

    (void)state;
    assert_true(iiif_facts_add_level(&facts, 2, 2, 0, 0));
    for (unsigned i = 2; i < 6; i++) {
        assert_true(iiif_facts_add_level(&facts, 1, 1, 0, 0));
        assert_int_equal(facts.levels[i].shift, i);
    }
}

static void test_facts_level_table_is_bounded(void **state)
{
    iiif_facts_t facts = photo(100, 100);
    unsigned added = 1;

    (void)state;
    while (iiif_facts_add_level(&facts, 50, 50, 0, 0))
        added++;
    assert_int_equal(added, IIIF_LEVELS_MAX);
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
}

static iiif_facts_t rich(void)
{
    iiif_facts_t facts = photo(70000, 50001);

    facts.orientation = 6;
    facts.layout = IIIF_LAYOUT_CMYKA;
    facts.depth = 16;
    facts.precision = 12;
    facts.access = IIIF_ACCESS_WHOLE;
    facts.has_profile = true;
    facts.pages = 9;
    facts.page = 4;
    facts.pixels_per_unit_x = facts.pixels_per_unit_y = 118.11;
    facts.unit = IIIF_UNIT_CM;
    facts.fixed_bytes = 0x0123456789abcdefull;
    facts.bytes_per_pixel = 4.5f;
    facts.cost_per_pixel = 7.25f;
    facts.levels[0].tile_width = 1024;
    facts.levels[0].tile_height = 256;
    for (unsigned i = 1; i < IIIF_LEVELS_MAX; i++)
        assert_true(iiif_facts_add_level(&facts, iiif_ceil_shift(70000, i % 17), iiif_ceil_shift(50001, i % 17),
                                         512, 512));
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
    return facts;
}

static void test_facts_round_trip(void **state)
{
    iiif_facts_t facts = rich(), back;
    uint8_t bytes[IIIF_FACTS_BYTES_MAX], again[IIIF_FACTS_BYTES_MAX];
    size_t length = iiif_facts_write(&facts, bytes, sizeof(bytes));

    (void)state;
    assert_true(length > 0 && length <= IIIF_FACTS_BYTES_MAX);
    assert_true(iiif_facts_read(&back, bytes, length));
    assert_int_equal(iiif_facts_write(&back, again, sizeof(again)), length);
    assert_memory_equal(bytes, again, length);
    assert_int_equal(back.width, 50001);
    assert_int_equal(back.height, 70000);
    assert_int_equal(back.level_count, IIIF_LEVELS_MAX);
    assert_int_equal(back.levels[16].width, facts.levels[16].width);
    assert_int_equal(back.fixed_bytes, facts.fixed_bytes);
    assert_true(back.pixels_per_unit_x == 118.11 && back.cost_per_pixel == 7.25f);
    assert_string_equal(back.media_type, "image/jpeg");
    assert_true(back.has_profile);
}

static void test_facts_bytes_are_little_endian(void **state)
{
    iiif_facts_t facts = photo(0x01020304, 5);
    uint8_t bytes[IIIF_FACTS_BYTES_MAX];
    static const uint8_t width[] = {4, 3, 2, 1};

    (void)state;
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
    assert_true(iiif_facts_write(&facts, bytes, sizeof(bytes)) > 0);
    assert_memory_equal(bytes + 2, width, 4);
}

static void test_facts_read_refuses_what_is_cut_or_of_another_version(void **state)
{
    iiif_facts_t facts = rich(), back;
    uint8_t bytes[IIIF_FACTS_BYTES_MAX + 1] = {0};
    size_t length = iiif_facts_write(&facts, bytes, IIIF_FACTS_BYTES_MAX);

    (void)state;
    for (size_t n = 0; n < length; n++) {
        uint8_t small[IIIF_FACTS_BYTES_MAX];

        assert_false(iiif_facts_read(&back, bytes, n));
        assert_int_equal(iiif_facts_write(&facts, small, n), 0);
    }
    assert_false(iiif_facts_read(&back, bytes, length + 1));
    assert_false(iiif_facts_read(&back, NULL, 0));
    bytes[1] ^= 1;
    assert_false(iiif_facts_read(&back, bytes, length));
}

/* Whatever a shared cache holds, what is read is either refused or as sane as what a decoder says. */
static void test_facts_read_survives_any_flipped_byte(void **state)
{
    iiif_facts_t facts = rich(), back;
    uint8_t bytes[IIIF_FACTS_BYTES_MAX];
    size_t length = iiif_facts_write(&facts, bytes, sizeof(bytes)), refused = 0;

    (void)state;
    for (size_t i = 0; i < length; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1u << bit);
            if (iiif_facts_read(&back, bytes, length))
                assert_int_equal(iiif_facts_finish(&back, NULL), IIIF_OK);
            else
                refused++;
            bytes[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_true(refused > length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_orientation_exchanges_the_sides),
        cmocka_unit_test(test_facts_without_levels_get_the_full_one),
        cmocka_unit_test(test_facts_refuses_absurd_sizes),
        cmocka_unit_test(test_facts_refuses_undeliverable_samples),
        cmocka_unit_test(test_facts_passes_over_a_broken_resolution_tag),
        cmocka_unit_test(test_facts_levels_know_their_reduction),
        cmocka_unit_test(test_facts_tiny_levels_go_on_counting),
        cmocka_unit_test(test_facts_level_table_is_bounded),
        cmocka_unit_test(test_facts_round_trip),
        cmocka_unit_test(test_facts_bytes_are_little_endian),
        cmocka_unit_test(test_facts_read_refuses_what_is_cut_or_of_another_version),
        cmocka_unit_test(test_facts_read_survives_any_flipped_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
