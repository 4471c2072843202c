/* SPDX-License-Identifier: Apache-2.0 */
#include "raster_fixture.h"

#include "../../lib/core/iiif_rotate.h"

/* The turn by its words: mirror left-right, then quarter turns clockwise, one at a time. */
static picture_t reference_turn(const picture_t *in, iiif_turn_t turn)
{
    unsigned channels = iiif_layout_channels(in->image.layout);
    picture_t now = picture_new(in->image.width, in->image.height, in->image.layout, in->image.depth);

    for (uint32_t y = 0; y < in->image.height; y++) {
        for (uint32_t x = 0; x < in->image.width; x++)
            memcpy(picture_at(&now, turn.mirror ? in->image.width - 1 - x : x, y), picture_at(in, x, y),
                   channels * sizeof(uint32_t));
    }
    for (unsigned q = 0; q < turn.quarters; q++) {
        picture_t next = picture_new(now.image.height, now.image.width, in->image.layout, in->image.depth);

        for (uint32_t y = 0; y < now.image.height; y++) {
            for (uint32_t x = 0; x < now.image.width; x++) /* the top row becomes the right column */
                memcpy(picture_at(&next, now.image.height - 1 - y, x), picture_at(&now, x, y),
                       channels * sizeof(uint32_t));
        }
        picture_free(&now);
        now = next;
    }
    return now;
}

static picture_t turned(const picture_t *in, iiif_turn_t turn, uint32_t rows)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    iiif_err_t err = {0};
    iiif_stage_t *stage = NULL;
    picture_t out;

    iiif_mem_init(&mem, 0);
    assert_int_equal(iiif_turn_open(source_of(in, &work), turn, &work, &stage, &err), IIIF_OK);
    out = drain(stage, rows);
    iiif_stage_close(stage);
    assert_int_equal(mem.used, 0);
    return out;
}

static void test_pixels_of_every_turn_layout_and_depth(void **state)
{
    static const uint32_t sizes[][2] = {{1, 1}, {1, 9}, {9, 1}, {7, 5}, {33, 70}, {64, 32}, {100, 3}};

    (void)state;
    for (size_t s = 0; s < IIIF_COUNT(sizes); s++) {
        for (int layout = IIIF_LAYOUT_GRAY; layout <= IIIF_LAYOUT_LABA; layout++) {
            for (unsigned depth = 8; depth <= 16; depth += 8) {
                picture_t in = picture_new(sizes[s][0], sizes[s][1], (iiif_layout)layout, depth);

                picture_noise(&in, (uint32_t)s);
                for (uint8_t t = 0; t < 8; t++) {
                    iiif_turn_t turn = {t >= 4, t & 3};
                    picture_t want = reference_turn(&in, turn), got = turned(&in, turn, 1 + t);

                    assert_same_picture(&want, &got);
                    picture_free(&want);
                    picture_free(&got);
                }
                picture_free(&in);
            }
        }
    }
}

static void test_no_turn_is_the_stage_itself(void **state)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    picture_t in = picture_new(3, 3, IIIF_LAYOUT_GRAY, 8);
    iiif_stage_t *up, *out = NULL;

    (void)state;
    iiif_mem_init(&mem, 0);
    up = source_of(&in, &work);
    assert_int_equal(iiif_turn_open(up, (iiif_turn_t){false, 0}, &work, &out, NULL), IIIF_OK);
    assert_ptr_equal(out, up);
    iiif_stage_close(out);
    picture_free(&in);
}

/* CIPA DC-008 §4.6.4 A: the stored row 0 and column 0 are which side of the upright image? */
static void test_exif_orientations_as_the_standard_words_them(void **state)
{
    static const struct {
        unsigned exif;
        char row, column;
    } cases[] = {{1, 'T', 'L'}, {2, 'T', 'R'}, {3, 'B', 'R'}, {4, 'B', 'L'},
                 {5, 'L', 'T'}, {6, 'R', 'T'}, {7, 'R', 'B'}, {8, 'L', 'B'}};
    picture_t stored = picture_new(4, 3, IIIF_LAYOUT_RGB, 8);

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        picture_at(&stored, i, 0)[0] = 255; /* row 0 is red */
    for (uint32_t i = 0; i < 3; i++)
        picture_at(&stored, 0, i)[1] = 255; /* column 0 is green */
    for (size_t c = 0; c < IIIF_COUNT(cases); c++) {
        iiif_turn_t turn = iiif_turn_of_orientation(cases[c].exif);
        picture_t up = turned(&stored, turn, 2);
        uint32_t w = up.image.width, h = up.image.height;

        assert_int_equal(iiif_turn_swaps(turn), cases[c].exif >= 5);
        assert_int_equal(w, cases[c].exif >= 5 ? 3 : 4);
        for (int channel = 0; channel < 2; channel++) {
            char side = channel == 0 ? cases[c].row : cases[c].column;
            bool flat = side == 'T' || side == 'B';

            for (uint32_t i = 0; i < (flat ? w : h); i++) {
                uint32_t x = flat ? i : side == 'L' ? 0 : w - 1, y = flat ? (side == 'T' ? 0 : h - 1) : i;

                assert_int_equal(picture_at(&up, x, y)[channel], 255);
            }
        }
        picture_free(&up);
    }
    for (unsigned exif = 0; exif < 300; exif += exif == 0 ? 9 : 291) {
        iiif_turn_t turn = iiif_turn_of_orientation(exif);

        assert_false(turn.mirror);
        assert_int_equal(turn.quarters, 0);
    }
    picture_free(&stored);
}

static void test_two_turns_make_one(void **state)
{
    picture_t in = picture_new(5, 3, IIIF_LAYOUT_GRAY, 8);

    (void)state;
    picture_noise(&in, 1);
    for (uint8_t a = 0; a < 8; a++) {
        for (uint8_t b = 0; b < 8; b++) {
            iiif_turn_t first = {a >= 4, a & 3}, second = {b >= 4, b & 3}, both = iiif_turn_then(first, second);
            picture_t half = reference_turn(&in, first), want = reference_turn(&half, second);
            picture_t got = turned(&in, both, 3);

            assert_true(both.quarters < 4);
            assert_same_picture(&want, &got);
            picture_free(&half);
            picture_free(&want);
            picture_free(&got);
        }
    }
    picture_free(&in);
}

/* Cutting first and turning then gives the same pixels as turning first and cutting then. */
static void test_a_rectangle_is_found_back(void **state)
{
    enum { W = 9, H = 6 };
    picture_t in = picture_new(W, H, IIIF_LAYOUT_GRAY, 8);

    (void)state;
    for (uint32_t i = 0; i < W * H; i++)
        in.samples[i] = i;
    for (uint8_t t = 0; t < 8; t++) {
        iiif_turn_t turn = {t >= 4, t & 3};
        picture_t all = reference_turn(&in, turn);
        iiif_rect_t rect = {1, 2, all.image.width - 3, all.image.height - 2}, back;
        picture_t cut, got;

        back = iiif_turn_back(turn, rect, W, H);
        assert_true(back.x + back.w <= W && back.y + back.h <= H);
        cut = picture_new(back.w, back.h, IIIF_LAYOUT_GRAY, 8);
        for (uint32_t y = 0; y < back.h; y++)
            memcpy(picture_at(&cut, 0, y), picture_at(&in, back.x, back.y + y), back.w * sizeof(uint32_t));
        got = reference_turn(&cut, turn);
        assert_int_equal(got.image.width, rect.w);
        assert_int_equal(got.image.height, rect.h);
        for (uint32_t y = 0; y < rect.h; y++)
            assert_memory_equal(picture_at(&got, 0, y), picture_at(&all, rect.x, rect.y + y),
                                rect.w * sizeof(uint32_t));
        picture_free(&all);
        picture_free(&cut);
        picture_free(&got);
    }
    picture_free(&in);
}

static iiif_rc open_quarter(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_turn_open(up, (iiif_turn_t){true, 1}, work, out, err);
}

static iiif_rc open_mirror(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_turn_open(up, (iiif_turn_t){true, 0}, work, out, err);
}

static void test_failures_leave_nothing_behind(void **state)
{
    picture_t in = picture_new(40, 30, IIIF_LAYOUT_RGB, 16);

    (void)state;
    survive_no_memory(&in, open_quarter);
    survive_failures(&in, open_quarter);
    survive_no_memory(&in, open_mirror);
    survive_failures(&in, open_mirror);
    picture_free(&in);
}

static void test_a_mirror_holds_no_image_and_a_turn_holds_one(void **state)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    iiif_err_t err = {0};
    picture_t in = picture_new(1000, 1000, IIIF_LAYOUT_RGB, 8), out;
    iiif_stage_t *stage = NULL, *up;

    (void)state;
    iiif_mem_init(&mem, 2000000);
    assert_int_equal(iiif_turn_open(source_of(&in, &work), (iiif_turn_t){true, 0}, &work, &stage, &err), IIIF_OK);
    out = drain(stage, 10);
    assert_true(mem.peak < 4096);
    iiif_stage_close(stage);
    up = source_of(&in, &work);
    assert_int_equal(iiif_turn_open(up, (iiif_turn_t){false, 2}, &work, &stage, &err), IIIF_E_NO_MEMORY);
    assert_int_equal(mem.used, 0);
    up->image.width = up->image.height = UINT32_MAX; /* a size that no allocation can have */
    up->image.layout = IIIF_LAYOUT_CMYKA;
    assert_int_equal(iiif_turn_open(up, (iiif_turn_t){false, 1}, &work, &stage, &err), IIIF_E_TOO_LARGE);
    up->image.layout = IIIF_LAYOUT_GRAY; /* fits a size_t, but no difference of pointers */
    assert_int_equal(iiif_turn_open(up, (iiif_turn_t){false, 1}, &work, &stage, &err), IIIF_E_TOO_LARGE);
    assert_int_equal(mem.used, 0);
    iiif_stage_close(up);
    picture_free(&in);
    picture_free(&out);
}

static void test_bounds_of_a_rotation(void **state)
{
    static const struct {
        uint32_t w, h;
        double degrees;
        uint32_t out_w, out_h;
    } cases[] = {
        {300, 200, 22.5, 354, 300},  /* IMG-ROT-08: 353.70 × 299.58 */
        {300, 200, 0, 300, 200},     {300, 200, 90, 200, 300},   {300, 200, 180, 300, 200}, {300, 200, 270, 200, 300},
        {300, 200, 360, 300, 200},   {300, 200, 337.5, 354, 300},{300, 200, 157.5, 354, 300},{100, 100, 45, 141, 141},
        {1, 1, 30, 1, 1},            {1, 1000, 0.0001, 1, 1000}, {1, 2, 30, 2, 2},           {3, 1, 60, 2, 3},
        {UINT32_MAX, UINT32_MAX, 45, UINT32_MAX, UINT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(cases); i++) {
        uint32_t w = 0, h = 0;

        iiif_rotate_bounds(cases[i].w, cases[i].h, cases[i].degrees, &w, &h);
        assert_int_equal(w, cases[i].out_w);
        assert_int_equal(h, cases[i].out_h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_of_every_turn_layout_and_depth),
        cmocka_unit_test(test_no_turn_is_the_stage_itself),
        cmocka_unit_test(test_exif_orientations_as_the_standard_words_them),
        cmocka_unit_test(test_two_turns_make_one),
        cmocka_unit_test(test_a_rectangle_is_found_back),
        cmocka_unit_test(test_failures_leave_nothing_behind),
        cmocka_unit_test(test_a_mirror_holds_no_image_and_a_turn_holds_one),
        cmocka_unit_test(test_bounds_of_a_rotation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
