/* SPDX-License-Identifier: Apache-2.0 */
#include "raster_fixture.h"

#include <math.h>

#include "../../lib/core/iiif_rotate.h"

static picture_t rotated(const picture_t *in, double degrees, uint32_t rows)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    iiif_err_t err = {0};
    iiif_stage_t *stage = NULL;
    picture_t out;

    iiif_mem_init(&mem, 0);
    assert_int_equal(iiif_rotate_open(source_of(in, &work), degrees, &work, &stage, &err), IIIF_OK);
    out = drain(stage, rows);
    iiif_stage_close(stage);
    assert_int_equal(mem.used, 0);
    return out;
}

/* Keys' cubic, a = -1/2, written from its definition. */
static double cubic(double t)
{
    t = fabs(t);
    if (t < 1)
        return (1.5 * t - 2.5) * t * t + 1;
    return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/* A sample at (u, v) of an endless image whose edge pixels go on; colours multiplied by alpha where there is one. */
static double reference_sample(const picture_t *in, double u, double v, unsigned c)
{
    unsigned channels = iiif_layout_channels(in->image.layout);
    bool times_alpha = iiif_layout_has_alpha(in->image.layout) && c != channels - 1;
    double sum = 0;

    for (int64_t j = (int64_t)floor(v) - 3; j <= (int64_t)v + 3; j++) {
        for (int64_t i = (int64_t)floor(u) - 3; i <= (int64_t)u + 3; i++) {
            uint32_t x = (uint32_t)fmin(fmax((double)i, 0), in->image.width - 1);
            uint32_t y = (uint32_t)fmin(fmax((double)j, 0), in->image.height - 1);
            double value = picture_at(in, x, y)[c];

            if (times_alpha)
                value *= picture_at(in, x, y)[channels - 1] / (double)picture_max(in);
            sum += value * cubic((double)i + 0.5 - u) * cubic((double)j + 0.5 - v);
        }
    }
    return sum;
}

static double clamp(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

static double covered(double at, double length)
{
    return clamp(at + 0.5, 0, 1) * clamp(length - at + 0.5, 0, 1);
}

static void check_rotation(const picture_t *in, double degrees)
{
    picture_t out = rotated(in, degrees, 5);
    double angle = degrees * M_PI / 180, max = picture_max(in), off = max == 255 ? 1 : 6;
    unsigned channels = iiif_layout_channels(out.image.layout), alpha = channels - 1;
    bool had_alpha = iiif_layout_has_alpha(in->image.layout);

    assert_true(iiif_layout_has_alpha(out.image.layout));
    for (uint32_t y = 0; y < out.image.height; y++) {
        for (uint32_t x = 0; x < out.image.width; x++) {
            double dx = x + 0.5 - out.image.width / 2.0, dy = y + 0.5 - out.image.height / 2.0;
            double u = cos(angle) * dx + sin(angle) * dy + in->image.width / 2.0;
            double v = -sin(angle) * dx + cos(angle) * dy + in->image.height / 2.0;
            double a = had_alpha ? reference_sample(in, u, v, alpha) : max;
            double shown = clamp(a, 0, max) * covered(u, in->image.width) * covered(v, in->image.height);
            const uint32_t *p = picture_at(&out, x, y);

            assert_true(fabs(p[alpha] - shown) <= off);
            for (unsigned c = 0; c < alpha && p[alpha] > max / 20; c++) {
                double want = reference_sample(in, u, v, c) * (had_alpha ? max / a : 1);

                assert_true(fabs(p[c] - clamp(want, 0, max)) <= (had_alpha ? 2 : 1) * off);
            }
        }
    }
    picture_free(&out);
}

static void test_equals_the_definition(void **state)
{
    static const double angles[] = {0.25, 12, 22.5, 45, 89.99, 90, 123.4, 180, 200, 271, 359.9};

    (void)state;
    for (int layout = IIIF_LAYOUT_GRAY; layout <= IIIF_LAYOUT_LABA; layout++) {
        for (unsigned depth = 8; depth <= 16; depth += 8) {
            picture_t in = picture_new(19, 13, (iiif_layout)layout, depth);

            picture_noise(&in, (uint32_t)layout);
            for (size_t i = 0; i < IIIF_COUNT(angles); i++)
                check_rotation(&in, angles[i]);
            picture_free(&in);
        }
    }
}

static void test_thin_images(void **state)
{
    static const uint32_t sizes[][2] = {{1, 1}, {1, 20}, {20, 1}, {2, 2}};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(sizes); i++) {
        picture_t in = picture_new(sizes[i][0], sizes[i][1], IIIF_LAYOUT_RGB, 8);

        picture_noise(&in, (uint32_t)i);
        check_rotation(&in, 30);
        picture_free(&in);
    }
}

/* Image 3.0 §4.3: clockwise. A mark at the right end must come to lie below after a little less than a quarter. */
static void test_it_turns_clockwise(void **state)
{
    picture_t in = picture_new(41, 41, IIIF_LAYOUT_GRAY, 8), out;
    uint32_t *mark;

    (void)state;
    for (uint32_t y = 19; y < 22; y++) {
        for (uint32_t x = 36; x < 41; x++)
            *picture_at(&in, x, y) = 255;
    }
    out = rotated(&in, 80, 100);
    mark = picture_at(&out, out.image.width / 2 + 3, out.image.height / 2 + 17);
    assert_true(mark[0] > 200);
    assert_true(picture_at(&out, out.image.width / 2 + 3, out.image.height / 2 - 17)[0] < 50);
    picture_free(&in);
    picture_free(&out);
}

/* Edges are antialiased in alpha alone: a flat colour stays that colour wherever anything shows, and the opacity adds up
 * to the area of the image. */
static void test_edges_are_smooth_and_take_no_colour(void **state)
{
    picture_t in = picture_new(60, 40, IIIF_LAYOUT_RGB, 8), out;
    uint32_t partial = 0;
    double area = 0;

    (void)state;
    for (size_t i = 0; i < picture_count(&in); i++)
        in.samples[i] = i % 3 == 0 ? 250 : i % 3 == 1 ? 130 : 7;
    out = rotated(&in, 17, 9);
    for (uint32_t y = 0; y < out.image.height; y++) {
        for (uint32_t x = 0; x < out.image.width; x++) {
            const uint32_t *p = picture_at(&out, x, y);

            area += p[3] / 255.0;
            partial += p[3] != 0 && p[3] != 255;
            assert_int_equal(p[0], p[3] ? 250 : 0);
            assert_int_equal(p[1], p[3] ? 130 : 0);
            assert_int_equal(p[2], p[3] ? 7 : 0);
        }
    }
    assert_true(fabs(area - 60 * 40) < 5);
    assert_true(partial > 100 && partial < 600); /* of a circumference of 200 */
    assert_int_equal(picture_at(&out, 0, 0)[3], 0);
    picture_free(&in);
    picture_free(&out);
}

static void test_angles_that_make_no_sense_are_refused(void **state)
{
    static const double angles[] = {0, 360, -1, 1e300, NAN, INFINITY};
    picture_t in = picture_new(4, 4, IIIF_LAYOUT_GRAY, 8);
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    iiif_stage_t *up, *out = NULL;
    iiif_err_t err = {0};

    (void)state;
    iiif_mem_init(&mem, 0);
    up = source_of(&in, &work);
    for (size_t i = 0; i < IIIF_COUNT(angles); i++)
        assert_int_equal(iiif_rotate_open(up, angles[i], &work, &out, &err), IIIF_E_INTERNAL);
    up->image.width = up->image.height = UINT32_MAX;
    up->image.layout = IIIF_LAYOUT_CMYKA;
    assert_int_equal(iiif_rotate_open(up, 30, &work, &out, &err), IIIF_E_TOO_LARGE);
    assert_int_equal(mem.used, 0);
    iiif_stage_close(up);
    picture_free(&in);
}

static iiif_rc open_rotate(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_rotate_open(up, 30, work, out, err);
}

static void test_failures_leave_nothing_behind(void **state)
{
    picture_t in = picture_new(40, 30, IIIF_LAYOUT_RGBA, 16);

    (void)state;
    survive_no_memory(&in, open_rotate);
    survive_failures(&in, open_rotate);
    picture_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_the_definition),
        cmocka_unit_test(test_thin_images),
        cmocka_unit_test(test_it_turns_clockwise),
        cmocka_unit_test(test_edges_are_smooth_and_take_no_colour),
        cmocka_unit_test(test_angles_that_make_no_sense_are_refused),
        cmocka_unit_test(test_failures_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
