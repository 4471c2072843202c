/* SPDX-License-Identifier: Apache-2.0 */
#include "raster_fixture.h"

static void test_layouts(void **state)
{
    static const struct {
        iiif_layout layout;
        unsigned channels;
        bool alpha;
        iiif_layout with, without;
    } cases[] = {
        {IIIF_LAYOUT_GRAY, 1, false, IIIF_LAYOUT_GRAYA, IIIF_LAYOUT_GRAY},
        {IIIF_LAYOUT_GRAYA, 2, true, IIIF_LAYOUT_GRAYA, IIIF_LAYOUT_GRAY},
        {IIIF_LAYOUT_RGB, 3, false, IIIF_LAYOUT_RGBA, IIIF_LAYOUT_RGB},
        {IIIF_LAYOUT_RGBA, 4, true, IIIF_LAYOUT_RGBA, IIIF_LAYOUT_RGB},
        {IIIF_LAYOUT_CMYK, 4, false, IIIF_LAYOUT_CMYKA, IIIF_LAYOUT_CMYK},
        {IIIF_LAYOUT_CMYKA, 5, true, IIIF_LAYOUT_CMYKA, IIIF_LAYOUT_CMYK},
        {IIIF_LAYOUT_LAB, 3, false, IIIF_LAYOUT_LABA, IIIF_LAYOUT_LAB},
        {IIIF_LAYOUT_LABA, 4, true, IIIF_LAYOUT_LABA, IIIF_LAYOUT_LAB},
    };

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(cases); i++) {
        iiif_image_t image = {10, 10, cases[i].layout, 16};

        assert_int_equal(iiif_layout_channels(cases[i].layout), cases[i].channels);
        assert_int_equal(iiif_layout_has_alpha(cases[i].layout), cases[i].alpha);
        assert_int_equal(iiif_layout_with_alpha(cases[i].layout, true), cases[i].with);
        assert_int_equal(iiif_layout_with_alpha(cases[i].layout, false), cases[i].without);
        assert_int_equal(iiif_image_pixel_bytes(&image), 2 * cases[i].channels);
    }
}

static void test_strips_fit_their_image(void **state)
{
    static const iiif_image_t images[] = {
        {1, 1, IIIF_LAYOUT_GRAY, 8},       {1000, 3, IIIF_LAYOUT_RGB, 8},         {1000, 5000, IIIF_LAYOUT_RGB, 16},
        {200000, 10, IIIF_LAYOUT_RGBA, 8}, {1000000, 2, IIIF_LAYOUT_CMYKA, 16},
    };

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(images); i++) {
        iiif_mem_t mem;
        iiif_strip_t strip;
        size_t row = images[i].width * iiif_image_pixel_bytes(&images[i]);

        iiif_mem_init(&mem, 0);
        assert_int_equal(iiif_strip_alloc(&strip, &images[i], &mem, NULL), IIIF_OK);
        assert_true(strip.stride >= row && strip.stride < row + 64 && strip.stride % 64 == 0);
        assert_true(strip.capacity >= 1 && strip.capacity <= images[i].height);
        assert_true(strip.capacity == 1 || strip.capacity * strip.stride <= 256 * 1024);
        memset(strip.data, 1, strip.capacity * strip.stride);
        iiif_strip_free(&strip, &mem);
        assert_null(strip.data);
        assert_int_equal(mem.used, 0);
    }
}

static void test_a_strip_that_does_not_fit_the_budget_is_an_error(void **state)
{
    iiif_image_t image = {100000, 1, IIIF_LAYOUT_RGB, 8}, none = {0, 1, IIIF_LAYOUT_RGB, 8};
    iiif_err_t err = {0};
    iiif_strip_t strip;
    iiif_mem_t mem;

    (void)state;
    iiif_mem_init(&mem, 1000);
    assert_int_equal(iiif_strip_alloc(&strip, &image, &mem, &err), IIIF_E_NO_MEMORY);
    assert_null(strip.data);
    assert_int_equal(mem.used, 0);
    assert_int_equal(iiif_strip_alloc(&strip, &none, &mem, &err), IIIF_E_TOO_LARGE);
}

static void test_pulling_gives_all_rows_once_and_then_none(void **state)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    picture_t in = picture_new(5, 11, IIIF_LAYOUT_RGB, 8), out;
    iiif_strip_t strip = {NULL, 64, 4, 0, 77};
    iiif_stage_t *stage;

    (void)state;
    iiif_mem_init(&mem, 0);
    picture_noise(&in, 4);
    stage = source_of(&in, &work);
    out = drain(stage, 4);
    assert_same_picture(&in, &out);
    assert_int_equal(iiif_stage_pull(stage, &strip, NULL), IIIF_OK);
    assert_int_equal(strip.rows, 0);
    assert_int_equal(strip.y, 11);
    iiif_stage_close(stage);
    iiif_stage_close(NULL);
    picture_free(&in);
    picture_free(&out);
}

static void test_filling_puts_uneven_pulls_together(void **state)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    picture_t in = picture_new(3, 11, IIIF_LAYOUT_GRAY, 8);
    uint8_t data[7 * 64];
    iiif_strip_t strip = {data, 64, 7, 0, 0};
    iiif_stage_t *stage;

    (void)state;
    iiif_mem_init(&mem, 0);
    picture_noise(&in, 8);
    stage = source_of(&in, &work);
    ((bites_t *)stage)->turn = 1; /* 2, 3, 1, and then 2 where one row is left to fill */
    for (uint32_t y = 0; y < 11; y += strip.rows) {
        assert_int_equal(iiif_stage_fill(stage, &strip, NULL), IIIF_OK);
        assert_int_equal(strip.y, y);
        assert_int_equal(strip.rows, y == 0 ? 7 : 4);
        for (uint32_t r = 0; r < strip.rows; r++)
            assert_int_equal(data[r * 64 + 2], *picture_at(&in, 2, y + r));
    }
    assert_int_equal(iiif_stage_fill(stage, &strip, NULL), IIIF_OK);
    assert_int_equal(strip.rows, 0);
    iiif_stage_close(stage);
    picture_free(&in);
}

static iiif_rc lazy_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    (void)err;
    strip->rows = stage->image.width == 1 ? 0 : strip->capacity + 1;
    return IIIF_OK;
}

/* A broken decoder must end in an error, not in an endless loop or rows beyond the strip. */
static void test_a_stage_that_breaks_its_word_is_an_error(void **state)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};

    (void)state;
    iiif_mem_init(&mem, 0);
    for (uint32_t width = 1; width <= 2; width++) {
        iiif_stage_t stage = {{width, 9, IIIF_LAYOUT_GRAY, 8}, &work, NULL, 0, lazy_pull, NULL};
        uint8_t data[256];
        iiif_strip_t strip = {data, 64, 4, 0, 0};
        iiif_err_t err = {0};

        assert_int_equal(iiif_stage_pull(&stage, &strip, &err), IIIF_E_INTERNAL);
        assert_int_equal(strip.rows, 0);
        assert_int_equal(stage.next_row, 0);
    }
}

static void test_pulling_stops_when_cancelled(void **state)
{
    int asked = 0;
    iiif_mem_t mem;
    iiif_cancel_t cancel = {0, test_client_gone, &asked, 0, false};
    iiif_work_t work = {&mem, &cancel};
    picture_t in = picture_new(3, 3, IIIF_LAYOUT_GRAY, 8);
    uint8_t data[64];
    iiif_strip_t strip = {data, 64, 1, 0, 0};
    iiif_stage_t *stage;

    (void)state;
    iiif_mem_init(&mem, 0);
    stage = source_of(&in, &work);
    assert_int_equal(iiif_stage_pull(stage, &strip, NULL), IIIF_E_CANCELLED);
    assert_int_equal(strip.rows, 0);
    iiif_stage_close(stage);
    picture_free(&in);
}

static void test_a_source_over_memory_delivers_its_rows(void **state)
{
    static const uint8_t data[3][8] = {{1, 2, 3, 9}, {4, 5, 6, 9}, {7, 8, 9, 9}};
    iiif_image_t image = {3, 3, IIIF_LAYOUT_GRAY, 8};
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    iiif_stage_t *stage = NULL;
    picture_t out;

    (void)state;
    iiif_mem_init(&mem, 0);
    assert_int_equal(iiif_stage_memory(data[0], sizeof(data[0]), &image, &work, &stage, NULL), IIIF_OK);
    out = drain(stage, 2);
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(out.samples[i], i + 1);
    iiif_stage_close(stage);
    assert_int_equal(mem.used, 0);
    mem.fail_at = mem.calls + 1;
    assert_int_equal(iiif_stage_memory(data[0], sizeof(data[0]), &image, &work, &stage, NULL), IIIF_E_NO_MEMORY);
    picture_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_strips_fit_their_image),
        cmocka_unit_test(test_a_strip_that_does_not_fit_the_budget_is_an_error),
        cmocka_unit_test(test_pulling_gives_all_rows_once_and_then_none),
        cmocka_unit_test(test_filling_puts_uneven_pulls_together),
        cmocka_unit_test(test_a_stage_that_breaks_its_word_is_an_error),
        cmocka_unit_test(test_pulling_stops_when_cancelled),
        cmocka_unit_test(test_a_source_over_memory_delivers_its_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
