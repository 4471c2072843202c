/* SPDX-License-Identifier: Apache-2.0 */
#include "raster_fixture.h"

#include <math.h>

#include "../../lib/core/iiif_tone.h"

static const uint8_t ORANGE[3] = {255, 128, 0};

static iiif_rc open_gray(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_gray_open(up, work, out, err);
}

static iiif_rc open_8(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_depth_open(up, 8, work, out, err);
}

static iiif_rc open_16(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_depth_open(up, 16, work, out, err);
}

static iiif_rc open_flat(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_flatten_open(up, ORANGE, work, out, err);
}

static iiif_rc open_diffusion(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_bitonal_open(up, IIIF_BITONAL_DIFFUSION, 128, work, out, err);
}

static iiif_rc open_threshold(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_bitonal_open(up, IIIF_BITONAL_THRESHOLD, 128, work, out, err);
}

static picture_t through(const picture_t *in, opener_t open, uint32_t rows)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    iiif_err_t err = {0};
    iiif_stage_t *stage = NULL;
    picture_t out;

    iiif_mem_init(&mem, 0);
    assert_int_equal(open(source_of(in, &work), &work, &stage, &err), IIIF_OK);
    out = drain(stage, rows);
    iiif_stage_close(stage);
    assert_int_equal(mem.used, 0);
    return out;
}

/* What an opener answers for an image of this kind; *same tells whether it returned the stage itself. */
static iiif_rc answer(iiif_layout layout, unsigned depth, opener_t open, bool *same)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    iiif_err_t err = {0};
    picture_t in = picture_new(2, 2, layout, depth);
    iiif_stage_t *up, *out = NULL;
    iiif_rc rc;

    iiif_mem_init(&mem, 0);
    up = source_of(&in, &work);
    rc = open(up, &work, &out, &err);
    *same = out == up;
    iiif_stage_close(rc == IIIF_OK ? out : up);
    assert_int_equal(mem.used, 0);
    picture_free(&in);
    return rc;
}

static void test_gray_is_the_luma_of_bt601(void **state)
{
    (void)state;
    for (unsigned depth = 8; depth <= 16; depth += 8) {
        for (int alpha = 0; alpha < 2; alpha++) {
            picture_t in = picture_new(257, 31, alpha ? IIIF_LAYOUT_RGBA : IIIF_LAYOUT_RGB, depth), out;
            unsigned n = alpha ? 4 : 3, m = alpha ? 2 : 1;

            picture_noise(&in, depth);
            out = through(&in, open_gray, 4);
            assert_int_equal(out.image.layout, alpha ? IIIF_LAYOUT_GRAYA : IIIF_LAYOUT_GRAY);
            for (size_t i = 0; i < 257 * 31; i++) {
                const uint32_t *p = in.samples + i * n;

                assert_int_equal(out.samples[i * m], floor((299.0 * p[0] + 587.0 * p[1] + 114.0 * p[2]) / 1000 + 0.5));
                if (alpha)
                    assert_int_equal(out.samples[i * m + 1], p[3]);
            }
            picture_free(&in);
            picture_free(&out);
        }
    }
}

static void test_what_is_gray_stays_and_what_is_no_rgb_is_refused(void **state)
{
    bool same;

    (void)state;
    assert_int_equal(answer(IIIF_LAYOUT_GRAY, 8, open_gray, &same), IIIF_OK);
    assert_true(same);
    assert_int_equal(answer(IIIF_LAYOUT_GRAYA, 16, open_gray, &same), IIIF_OK);
    assert_true(same);
    assert_int_equal(answer(IIIF_LAYOUT_CMYK, 8, open_gray, &same), IIIF_E_INTERNAL);
    assert_int_equal(answer(IIIF_LAYOUT_LAB, 8, open_gray, &same), IIIF_E_INTERNAL);
}

static void test_depth_keeps_every_8_bit_value_and_rounds_16(void **state)
{
    picture_t narrow = picture_new(256, 1, IIIF_LAYOUT_GRAY, 8), wide, back, all, down;
    bool same;

    (void)state;
    for (uint32_t i = 0; i < 256; i++)
        narrow.samples[i] = i;
    wide = through(&narrow, open_16, 1);
    assert_int_equal(wide.image.depth, 16);
    for (uint32_t i = 0; i < 256; i++)
        assert_int_equal(wide.samples[i], i * 257);
    back = through(&wide, open_8, 1);
    assert_same_picture(&back, &narrow);
    all = picture_new(65536, 1, IIIF_LAYOUT_GRAY, 16);
    for (uint32_t i = 0; i < 65536; i++)
        all.samples[i] = i;
    down = through(&all, open_8, 1);
    for (uint32_t i = 0; i < 65536; i++)
        assert_int_equal(down.samples[i], (uint32_t)floor(i * 255.0 / 65535 + 0.5));
    assert_int_equal(answer(IIIF_LAYOUT_RGB, 8, open_8, &same), IIIF_OK);
    assert_true(same);
    assert_int_equal(answer(IIIF_LAYOUT_CMYKA, 16, open_8, &same), IIIF_OK);
    assert_false(same);
    picture_free(&narrow);
    picture_free(&wide);
    picture_free(&back);
    picture_free(&all);
    picture_free(&down);
}

static iiif_rc open_12(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_depth_open(up, 12, work, out, err);
}

static void test_other_depths_are_refused(void **state)
{
    bool same;

    (void)state;
    assert_int_equal(answer(IIIF_LAYOUT_RGB, 8, open_12, &same), IIIF_E_INTERNAL);
}

static void test_flatten_lays_the_image_on_the_background(void **state)
{
    (void)state;
    for (unsigned depth = 8; depth <= 16; depth += 8) {
        for (int gray = 0; gray < 2; gray++) {
            picture_t in = picture_new(300, 11, gray ? IIIF_LAYOUT_GRAYA : IIIF_LAYOUT_RGBA, depth), out;
            double max = picture_max(&in), grays = floor((299 * 255 + 587 * 128) / 1000.0 * (max / 255) + 0.5);
            unsigned n = gray ? 1 : 3;

            picture_noise(&in, 40 + depth);
            out = through(&in, open_flat, 3);
            assert_int_equal(out.image.layout, gray ? IIIF_LAYOUT_GRAY : IIIF_LAYOUT_RGB);
            for (size_t i = 0; i < picture_count(&out); i++) {
                double a = in.samples[i / n * (n + 1) + n] / max, c = in.samples[i / n * (n + 1) + i % n];
                double ground = gray ? grays : ORANGE[i % 3] * (max / 255);

                assert_int_equal(out.samples[i], (uint32_t)floor(c * a + ground * (1 - a) + 0.5 + 1e-9));
                if (a == 1)
                    assert_int_equal(out.samples[i], c);
            }
            picture_free(&in);
            picture_free(&out);
        }
    }
}

static void test_flatten_leaves_opaque_images_alone(void **state)
{
    bool same;

    (void)state;
    assert_int_equal(answer(IIIF_LAYOUT_RGB, 8, open_flat, &same), IIIF_OK);
    assert_true(same);
    assert_int_equal(answer(IIIF_LAYOUT_CMYKA, 8, open_flat, &same), IIIF_E_INTERNAL);
}

static double mean(const picture_t *p)
{
    double sum = 0;

    for (size_t i = 0; i < picture_count(p); i++)
        sum += p->samples[i];
    return sum / (double)picture_count(p) / picture_max(p);
}

static void assert_black_and_white(const picture_t *p)
{
    assert_int_equal(p->image.depth, 8);
    assert_int_equal(p->image.layout, IIIF_LAYOUT_GRAY);
    for (size_t i = 0; i < picture_count(p); i++)
        assert_true(p->samples[i] == 0 || p->samples[i] == 255);
}

static void test_diffusion_keeps_the_mean_of_every_gray(void **state)
{
    (void)state;
    for (unsigned depth = 8; depth <= 16; depth += 8) {
        for (uint32_t percent = 0; percent <= 100; percent += 5) {
            picture_t in = picture_new(200, 200, IIIF_LAYOUT_GRAY, depth), out;
            double want;

            for (size_t i = 0; i < picture_count(&in); i++)
                in.samples[i] = percent * picture_max(&in) / 100;
            want = mean(&in);
            out = through(&in, open_diffusion, 7);
            assert_black_and_white(&out);
            assert_true(fabs(mean(&out) - want) < 0.006);
            picture_free(&in);
            picture_free(&out);
        }
    }
}

/* Error rows must outlive a strip: the result cannot depend on how rows are asked for. */
static void test_diffusion_runs_across_strips(void **state)
{
    picture_t in = picture_new(61, 50, IIIF_LAYOUT_GRAY, 8), once, often;

    (void)state;
    for (uint32_t y = 0; y < 50; y++) {
        for (uint32_t x = 0; x < 61; x++)
            *picture_at(&in, x, y) = x * 4 + (y & 3);
    }
    once = through(&in, open_diffusion, 50);
    often = through(&in, open_diffusion, 1);
    assert_same_picture(&once, &often);
    picture_free(&in);
    picture_free(&once);
    picture_free(&often);
}

/* How often a black pixel has another one `dx` beside it `dy` rows below. */
static double neighbours(const picture_t *p, int dx, uint32_t dy)
{
    double found = 0;

    for (uint32_t y = 40; y + dy < p->image.height; y++) {
        for (uint32_t x = 40; x < p->image.width - 40; x++)
            found += *picture_at(p, x, y) == 0 && *picture_at(p, (uint32_t)((int)x + dx), y + dy) == 0;
    }
    return found;
}

/*
 * Going one way only, errors draw slanted worms: dots have neighbours on one side that they lack on the other (four of ten
 * in this gray). Serpentine has no preferred side.
 */
static void test_diffusion_has_no_lean(void **state)
{
    picture_t in = picture_new(200, 200, IIIF_LAYOUT_GRAY, 8), out;
    double lean = 0, all = 0;

    (void)state;
    for (size_t i = 0; i < picture_count(&in); i++)
        in.samples[i] = 229;
    out = through(&in, open_diffusion, 10);
    for (uint32_t dy = 1; dy <= 2; dy++) {
        for (int dx = 1; dx <= 6; dx++) {
            double right = neighbours(&out, dx, dy), left = neighbours(&out, -dx, dy);

            lean += fabs(right - left);
            all += right + left;
        }
    }
    assert_true(all > 1000);
    assert_true(lean < 0.1 * all);
    picture_free(&in);
    picture_free(&out);
}

static void test_diffusion_leaves_black_and_white_alone(void **state)
{
    picture_t in = picture_new(37, 41, IIIF_LAYOUT_GRAY, 8), out;
    uint32_t seed = 12;

    (void)state;
    for (size_t i = 0; i < picture_count(&in); i++)
        in.samples[i] = test_random(&seed) & 64 ? 255 : 0;
    out = through(&in, open_diffusion, 3);
    assert_same_picture(&in, &out);
    picture_free(&in);
    picture_free(&out);
}

static unsigned chosen_threshold;

static iiif_rc open_chosen(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_bitonal_open(up, IIIF_BITONAL_THRESHOLD, chosen_threshold, work, out, err);
}

static void test_threshold_cuts_where_it_says(void **state)
{
    static const unsigned thresholds[] = {1, 77, 128, 255};

    (void)state;
    for (size_t t = 0; t < IIIF_COUNT(thresholds); t++) {
        for (unsigned depth = 8; depth <= 16; depth += 8) {
            picture_t in = picture_new(256, 2, IIIF_LAYOUT_GRAY, depth), out;

            chosen_threshold = thresholds[t];
            for (size_t i = 0; i < 512; i++)
                in.samples[i] = (uint32_t)(i % 256) * (depth == 8 ? 1 : 257);
            out = through(&in, open_chosen, 2);
            assert_black_and_white(&out);
            for (size_t i = 0; i < 512; i++)
                assert_int_equal(out.samples[i], i % 256 >= thresholds[t] ? 255 : 0);
            picture_free(&in);
            picture_free(&out);
        }
    }
}

static void test_bitonal_refuses_what_it_cannot_take(void **state)
{
    bool same;

    (void)state;
    assert_int_equal(answer(IIIF_LAYOUT_RGB, 8, open_diffusion, &same), IIIF_E_INTERNAL);
    assert_int_equal(answer(IIIF_LAYOUT_GRAYA, 8, open_threshold, &same), IIIF_E_INTERNAL);
    chosen_threshold = 0;
    assert_int_equal(answer(IIIF_LAYOUT_GRAY, 8, open_chosen, &same), IIIF_E_INTERNAL);
    chosen_threshold = 256;
    assert_int_equal(answer(IIIF_LAYOUT_GRAY, 8, open_chosen, &same), IIIF_E_INTERNAL);
}

static void test_failures_leave_nothing_behind(void **state)
{
    static const struct {
        opener_t open;
        iiif_layout layout;
        unsigned depth;
    } cases[] = {
        {open_gray, IIIF_LAYOUT_RGBA, 8},      {open_8, IIIF_LAYOUT_RGB, 16},         {open_16, IIIF_LAYOUT_RGB, 8},
        {open_flat, IIIF_LAYOUT_RGBA, 16},     {open_diffusion, IIIF_LAYOUT_GRAY, 8}, {open_threshold, IIIF_LAYOUT_GRAY, 16},
    };

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(cases); i++) {
        picture_t in = picture_new(20, 12, cases[i].layout, cases[i].depth);

        survive_no_memory(&in, cases[i].open);
        survive_failures(&in, cases[i].open);
        picture_free(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gray_is_the_luma_of_bt601),
        cmocka_unit_test(test_what_is_gray_stays_and_what_is_no_rgb_is_refused),
        cmocka_unit_test(test_depth_keeps_every_8_bit_value_and_rounds_16),
        cmocka_unit_test(test_other_depths_are_refused),
        cmocka_unit_test(test_flatten_lays_the_image_on_the_background),
        cmocka_unit_test(test_flatten_leaves_opaque_images_alone),
        cmocka_unit_test(test_diffusion_keeps_the_mean_of_every_gray),
        cmocka_unit_test(test_diffusion_runs_across_strips),
        cmocka_unit_test(test_diffusion_has_no_lean),
        cmocka_unit_test(test_diffusion_leaves_black_and_white_alone),
        cmocka_unit_test(test_threshold_cuts_where_it_says),
        cmocka_unit_test(test_bitonal_refuses_what_it_cannot_take),
        cmocka_unit_test(test_failures_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
