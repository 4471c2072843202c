/* SPDX-License-Identifier: Apache-2.0 */
#include "raster_fixture.h"

#include <math.h>

#include "../../lib/core/iiif_resample.h"
#include "../../lib/core/iiif_resample_axis.h"
#include "../../lib/core/iiif_resample_kernel.h"

/* --- the plain definition, in double, pixel by pixel ------------------------------------------------------ */

static double sinc(double t)
{
    return t == 0 ? 1 : sin(M_PI * t) / (M_PI * t);
}

/* Weight of input pixel i for an output pixel with centre c. */
static double reference_weight(iiif_filter filter, double scale, double c, double i)
{
    double f = scale > 1 ? scale : 1, t = (i + 0.5 - c) / f;

    if (filter == IIIF_FILTER_LANCZOS3)
        return fabs(t) < 3 ? sinc(t) * sinc(t / 3) : 0;
    if (scale < 1)
        return i == floor(c) ? 1 : 0;
    return fmax(0, fmin(i + 1, c + scale / 2) - fmax(i, c - scale / 2));
}

/* Scales one direction; `from` has lines × in × channels doubles, the direction running in the middle. */
static double *reference_axis(const double *from, size_t lines, uint32_t in, size_t inner, double x0, double x1,
                              uint32_t out, iiif_filter filter)
{
    double *to = calloc(lines * out * inner + 1, sizeof(*to)), scale = (x1 - x0) / out;
    int64_t reach = (int64_t)(3 * fmax(scale, 1)) + 2;

    assert_non_null(to);
    for (uint32_t o = 0; o < out; o++) {
        double c = x0 + (o + 0.5) * scale, total = 0;

        for (int64_t i = (int64_t)c - reach; i <= (int64_t)c + reach; i++)
            total += reference_weight(filter, scale, c, (double)i);
        for (int64_t i = (int64_t)c - reach; i <= (int64_t)c + reach; i++) {
            double w = reference_weight(filter, scale, c, (double)i) / total;
            int64_t place = i < 0 ? 0 : i >= in ? (int64_t)in - 1 : i;

            for (size_t l = 0; w != 0 && l < lines; l++)
                for (size_t k = 0; k < inner; k++)
                    to[(l * out + o) * inner + k] += w * from[(l * in + (size_t)place) * inner + k];
        }
    }
    return to;
}

static picture_t reference_scale(const picture_t *in, const iiif_window_t *w, uint32_t width, uint32_t height,
                                 iiif_filter filter)
{
    picture_t out = picture_new(width, height, in->image.layout, in->image.depth);
    size_t n = picture_count(in), channels = iiif_layout_channels(in->image.layout);
    double *start = malloc((n + 1) * sizeof(*start)), *along, *down, max = picture_max(in);
    bool alpha = iiif_layout_has_alpha(in->image.layout);

    assert_non_null(start);
    for (size_t i = 0; i < n; i++)
        start[i] = alpha && i % channels != channels - 1
                       ? in->samples[i] * (in->samples[i / channels * channels + channels - 1] / max)
                       : in->samples[i];
    along = reference_axis(start, in->image.height, in->image.width, channels, w->x0, w->x1, width, filter);
    down = reference_axis(along, 1, in->image.height, width * channels, w->y0, w->y1, height, filter);
    for (size_t i = 0; i < picture_count(&out); i++) {
        double a = alpha ? down[i / channels * channels + channels - 1] : max, value = down[i];

        if (alpha && i % channels != channels - 1)
            value = a > 0 ? value * max / a : 0;
        if (a < 0.5)
            value = 0;
        out.samples[i] = (uint32_t)floor(fmin(fmax(value, 0), max) + 0.5);
    }
    free(start);
    free(along);
    free(down);
    return out;
}

/* Where alpha is near nothing a colour has few bits left: one level of it is worth more there. */
static void assert_near(const picture_t *got, const picture_t *want)
{
    size_t channels = iiif_layout_channels(want->image.layout), off = 0, n = picture_count(want);
    bool alpha = iiif_layout_has_alpha(want->image.layout);
    double max = picture_max(want);

    assert_int_equal(got->image.width, want->image.width);
    assert_int_equal(got->image.height, want->image.height);
    assert_int_equal(got->image.layout, want->image.layout);
    for (size_t i = 0; i < n; i++) {
        double difference = fabs((double)got->samples[i] - (double)want->samples[i]), allowed = 1;
        double a = alpha ? want->samples[i / channels * channels + channels - 1] : max;

        if (alpha && i % channels != channels - 1)
            allowed = a < 2 ? max : 1 + (max == 255 ? 0.02 : 8) * max / (a + 1) / 8;
        if (difference > allowed)
            fail_msg("sample %zu of %zu: %u instead of %u", i, n, got->samples[i], want->samples[i]);
        off += difference > 0;
    }
    /* ±1 is for sums that lie on a half; it must not be the rule. */
    assert_true(off * 50 <= n + 100 || want->image.depth == 16);
}

/* --- helpers ------------------------------------------------------------------------------------------------ */

static picture_t scale(const picture_t *in, iiif_window_t w, uint32_t width, uint32_t height, iiif_filter filter,
                       uint32_t rows)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    iiif_err_t err = {0};
    iiif_stage_t *stage = NULL;
    uint32_t delivered = 0;
    bites_t *source;
    picture_t out;

    iiif_mem_init(&mem, 0);
    source = bites_new(in, &work);
    source->delivered = &delivered;
    source->greedy = rows % 2 == 0;
    assert_int_equal(iiif_resample_open(&source->base, &w, width, height, filter, &work, &stage, &err), IIIF_OK);
    out = drain(stage, rows);
    /* What lies below the window's filter need not be decoded. */
    assert_true(delivered <= ceil(w.y1) + iiif_resample_margin(filter, (w.y1 - w.y0) / height));
    assert_true(mem.peak <= iiif_resample_bytes(in->image.width, width, (w.y1 - w.y0) / height,
                                                iiif_layout_channels(in->image.layout), in->image.depth, filter));
    iiif_stage_close(stage);
    assert_int_equal(mem.used, 0);
    return out;
}

static iiif_window_t whole(const picture_t *p)
{
    return (iiif_window_t){0, 0, p->image.width, p->image.height};
}

static void check_scale(uint32_t in_w, uint32_t in_h, iiif_window_t w, uint32_t width, uint32_t height,
                        iiif_layout layout, unsigned depth, iiif_filter filter)
{
    picture_t in = picture_new(in_w, in_h, layout, depth), want, got;

    picture_noise(&in, in_w * 31 + width * 7 + height);
    want = reference_scale(&in, &w, width, height, filter);
    got = scale(&in, w, width, height, filter, 1 + (width + in_h) % 5);
    assert_near(&got, &want);
    picture_free(&in);
    picture_free(&want);
    picture_free(&got);
}

/* --- tests ---------------------------------------------------------------------------------------------------- */

static void test_equals_the_definition_for_many_sizes(void **state)
{
    static const uint32_t sizes[][4] = {
        {1, 1, 1, 1},    {1, 1, 7, 5},     {1, 40, 1, 3},     {1, 3, 9, 50},   {50, 1, 4, 1},   {64, 64, 16, 16},
        {97, 61, 40, 25},{97, 61, 96, 60}, {97, 61, 98, 62},  {33, 17, 99, 51},{200, 150, 20, 15},
        {150, 400, 3, 4},{300, 700, 1, 1}, {17, 900, 40, 7},  {900, 17, 7, 40},{5, 5, 200, 3},  {2, 2, 3, 3},
        {40, 30, 40, 10},{40, 30, 10, 30}, {3, 2000, 3, 10},
    };

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(sizes); i++) {
        const uint32_t *s = sizes[i];
        iiif_window_t w = {0, 0, s[0], s[1]};

        for (unsigned depth = 8; depth <= 16; depth += 8) {
            for (int filter = IIIF_FILTER_LANCZOS3; filter <= IIIF_FILTER_BOX; filter++) {
                check_scale(s[0], s[1], w, s[2], s[3], IIIF_LAYOUT_GRAY, depth, (iiif_filter)filter);
                check_scale(s[0], s[1], w, s[2], s[3], IIIF_LAYOUT_RGB, depth, (iiif_filter)filter);
            }
        }
    }
}

static void test_equals_the_definition_for_every_layout(void **state)
{
    (void)state;
    for (int layout = IIIF_LAYOUT_GRAY; layout <= IIIF_LAYOUT_LABA; layout++) {
        for (unsigned depth = 8; depth <= 16; depth += 8) {
            iiif_window_t part = {3, 2.5, 60.25, 41};

            check_scale(67, 45, part, 23, 31, (iiif_layout)layout, depth, IIIF_FILTER_LANCZOS3);
            check_scale(67, 45, part, 90, 71, (iiif_layout)layout, depth, IIIF_FILTER_LANCZOS3);
            check_scale(30, 600, (iiif_window_t){0, 0, 30, 600}, 9, 11, (iiif_layout)layout, depth,
                        IIIF_FILTER_LANCZOS3);
            check_scale(67, 45, part, 23, 31, (iiif_layout)layout, depth, IIIF_FILTER_BOX);
        }
    }
}

static void test_equals_the_definition_in_windows(void **state)
{
    static const iiif_window_t windows[] = {
        {0, 0, 37.5, 20.25}, {10.3, 5.7, 90.1, 70}, {99, 79, 100, 80}, {99.5, 79.5, 100, 80}, {0, 0, 0.3, 0.2},
        {40, 40, 60, 60},    {1, 1, 99, 79},        {0.5, 0.5, 32.5, 24.5},
    };
    static const uint32_t sizes[][2] = {{1, 1}, {32, 24}, {7, 33}, {120, 3}, {50, 50}};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(windows); i++) {
        for (size_t k = 0; k < IIIF_COUNT(sizes); k++) {
            check_scale(100, 80, windows[i], sizes[k][0], sizes[k][1], IIIF_LAYOUT_RGB, 8, IIIF_FILTER_LANCZOS3);
            check_scale(100, 80, windows[i], sizes[k][0], sizes[k][1], IIIF_LAYOUT_GRAY, 16, IIIF_FILTER_BOX);
        }
    }
}

static void test_a_window_of_the_same_size_is_cropped_bit_for_bit(void **state)
{
    static const iiif_rect_t parts[] = {{0, 0, 40, 30}, {5, 7, 20, 11}, {0, 12, 40, 18}, {39, 29, 1, 1}, {0, 0, 1, 30}};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(parts); i++) {
        iiif_rect_t part = parts[i];
        picture_t in = picture_new(40, 30, i % 2 ? IIIF_LAYOUT_RGBA : IIIF_LAYOUT_RGB, i % 3 ? 8 : 16), out;
        size_t bytes = part.w * iiif_layout_channels(in.image.layout) * sizeof(uint32_t);

        picture_noise(&in, (uint32_t)i);
        out = scale(&in, (iiif_window_t){part.x, part.y, part.x + part.w, part.y + part.h}, part.w, part.h,
                    IIIF_FILTER_LANCZOS3, 4);
        for (uint32_t y = 0; y < part.h; y++)
            assert_memory_equal(picture_at(&out, 0, y), picture_at(&in, part.x, part.y + y), bytes);
        picture_free(&in);
        picture_free(&out);
    }
}

static void test_a_crop_asks_for_no_row_below_it(void **state)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    picture_t in = picture_new(20, 100, IIIF_LAYOUT_GRAY, 8), out;
    iiif_stage_t *stage = NULL;
    uint32_t delivered = 0;
    bites_t *source;

    (void)state;
    iiif_mem_init(&mem, 0);
    source = bites_new(&in, &work);
    source->delivered = &delivered;
    source->fail_row = 31;
    assert_int_equal(iiif_resample_open(&source->base, &(iiif_window_t){2, 20, 12, 31}, 10, 11, IIIF_FILTER_LANCZOS3,
                                        &work, &stage, NULL), IIIF_OK);
    out = drain(stage, 50);
    assert_int_equal(delivered, 31);
    iiif_stage_close(stage);
    picture_free(&in);
    picture_free(&out);
}

static void test_a_flat_colour_stays_that_colour(void **state)
{
    (void)state;
    for (uint32_t value = 0; value <= 65535; value += value < 255 ? 15 : 4080) {
        unsigned depth = value <= 255 ? 8 : 16;
        picture_t in = picture_new(131, 117, IIIF_LAYOUT_RGBA, depth);

        for (size_t i = 0; i < picture_count(&in); i++)
            in.samples[i] = i % 4 == 3 ? picture_max(&in) : value;
        for (int k = 0; k < 3; k++) {
            picture_t out = scale(&in, whole(&in), k == 0 ? 44 : 171, k == 1 ? 9 : 201, IIIF_FILTER_LANCZOS3, 7);

            for (size_t i = 0; i < picture_count(&out); i++)
                assert_int_equal(out.samples[i], i % 4 == 3 ? picture_max(&in) : value);
            picture_free(&out);
        }
        picture_free(&in);
    }
}

/* Left half opaque green, right half transparent but red below: no red may show. */
static void test_colour_does_not_bleed_out_of_transparency(void **state)
{
    picture_t in = picture_new(64, 64, IIIF_LAYOUT_RGBA, 8), out;

    (void)state;
    for (uint32_t y = 0; y < 64; y++) {
        for (uint32_t x = 0; x < 64; x++) {
            uint32_t *p = picture_at(&in, x, y);

            p[0] = x < 31 ? 0 : 255;
            p[1] = x < 31 ? 200 : 0;
            p[3] = x < 31 ? 255 : 0;
        }
    }
    out = scale(&in, whole(&in), 20, 20, IIIF_FILTER_LANCZOS3, 20);
    for (uint32_t x = 0; x < 20; x++) {
        uint32_t *p = picture_at(&out, x, 10);

        assert_int_equal(p[0], 0);
        assert_true(p[3] == 0 ? p[1] == 0 : p[1] >= 199 && p[1] <= 201);
    }
    assert_int_equal(picture_at(&out, 2, 10)[3], 255);
    assert_int_equal(picture_at(&out, 17, 10)[3], 0);
    picture_free(&in);
    picture_free(&out);
}

static void test_tiles_join_without_a_seam(void **state)
{
    picture_t in = picture_new(240, 180, IIIF_LAYOUT_RGB, 8), all;

    (void)state;
    picture_noise(&in, 5);
    all = scale(&in, whole(&in), 80, 60, IIIF_FILTER_LANCZOS3, 13);
    for (uint32_t ty = 0; ty < 3; ty++) {
        for (uint32_t tx = 0; tx < 4; tx++) {
            iiif_window_t w = {tx * 60, ty * 60, tx * 60 + 60, ty * 60 + 60};
            picture_t tile = scale(&in, w, 20, 20, IIIF_FILTER_LANCZOS3, 3);

            for (uint32_t y = 0; y < 20; y++)
                assert_memory_equal(picture_at(&tile, 0, y), picture_at(&all, tx * 20, ty * 20 + y),
                                    20 * 3 * sizeof(uint32_t));
            picture_free(&tile);
        }
    }
    picture_free(&in);
    picture_free(&all);
}

/* Cutting the input to the margin around a window must not change what comes out: planners rely on it. */
static void test_the_margin_is_enough(void **state)
{
    static const double reductions[] = {0.4, 1.0 / 1.3, 1.25, 2, 3.7, 11.3};
    picture_t in = picture_new(420, 6, IIIF_LAYOUT_GRAY, 8);

    (void)state;
    picture_noise(&in, 9);
    for (size_t i = 0; i < IIIF_COUNT(reductions); i++) {
        for (int f = IIIF_FILTER_LANCZOS3; f <= IIIF_FILTER_BOX; f++) {
            uint32_t out_w = 9, margin = iiif_resample_margin((iiif_filter)f, reductions[i]);
            double x0 = 150.37, x1 = x0 + out_w * reductions[i];
            uint32_t left = (uint32_t)floor(x0) - margin, right = (uint32_t)ceil(x1) + margin;
            picture_t cut = picture_new(right - left, 6, IIIF_LAYOUT_GRAY, 8), a, b;

            for (uint32_t y = 0; y < 6; y++)
                memcpy(picture_at(&cut, 0, y), picture_at(&in, left, y), (right - left) * sizeof(uint32_t));
            a = scale(&in, (iiif_window_t){x0, 0, x1, 6}, out_w, 3, (iiif_filter)f, 3);
            b = scale(&cut, (iiif_window_t){x0 - left, 0, x1 - left, 6}, out_w, 3, (iiif_filter)f, 3);
            assert_near(&b, &a);
            picture_free(&cut);
            picture_free(&a);
            picture_free(&b);
        }
    }
    assert_true(iiif_resample_margin(IIIF_FILTER_LANCZOS3, 0) >= 3);
    assert_true(iiif_resample_margin(IIIF_FILTER_LANCZOS3, INFINITY) > 0);
    picture_free(&in);
}

static void test_windows_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        iiif_window_t w;
        uint32_t width, height;
    } cases[] = {
        {{-1, 0, 5, 5}, 3, 3},  {{0, 0, 10.5, 5}, 3, 3}, {{5, 0, 5, 5}, 3, 3}, {{6, 0, 5, 5}, 3, 3},
        {{0, 0, 5, NAN}, 3, 3}, {{NAN, 0, 5, 5}, 3, 3},  {{0, 0, 5, 5}, 0, 3}, {{0, 0, 5, 5}, 3, 0},
        {{0, 0, INFINITY, 5}, 3, 3},
    };
    picture_t in = picture_new(10, 10, IIIF_LAYOUT_GRAY, 8);

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(cases); i++) {
        iiif_mem_t mem;
        iiif_work_t work = {&mem, NULL};
        iiif_err_t err = {0};
        iiif_stage_t *stage = NULL, *up;
        bool closed = false;

        iiif_mem_init(&mem, 0);
        up = source_of(&in, &work);
        ((bites_t *)up)->closed = &closed;
        assert_int_equal(iiif_resample_open(up, &cases[i].w, cases[i].width, cases[i].height, IIIF_FILTER_LANCZOS3,
                                            &work, &stage, &err), IIIF_E_INTERNAL);
        assert_false(closed);
        assert_int_equal(mem.used, 0);
        iiif_stage_close(up);
    }
    picture_free(&in);
}

/* A hair outside or off whole pixels, as sums of doubles are, is neither an error nor a reason to blur. */
static void test_rounding_of_a_window_is_forgiven(void **state)
{
    picture_t in = picture_new(10, 10, IIIF_LAYOUT_GRAY, 8), out;

    (void)state;
    picture_noise(&in, 3);
    out = scale(&in, (iiif_window_t){-1e-12, 1e-10, 10 + 1e-12, 10 - 1e-12}, 10, 10, IIIF_FILTER_LANCZOS3, 4);
    assert_same_picture(&in, &out);
    picture_free(&in);
    picture_free(&out);
}

static void test_memory_does_not_grow_with_the_image(void **state)
{
    iiif_mem_t mem;
    iiif_work_t work = {&mem, NULL};
    iiif_stage_t *stage = NULL;
    picture_t in = picture_new(500, 4000, IIIF_LAYOUT_RGB, 8), out;

    (void)state;
    iiif_mem_init(&mem, 0);
    assert_int_equal(iiif_resample_open(source_of(&in, &work), &(iiif_window_t){0, 0, 500, 4000}, 5, 40,
                                        IIIF_FILTER_LANCZOS3, &work, &stage, NULL), IIIF_OK);
    out = drain(stage, 1);
    assert_true(mem.peak < 300 * 1024); /* of 6 MB */
    iiif_stage_close(stage);
    picture_free(&in);
    picture_free(&out);
}

/* Every set of loops gives the same bits, so that machines of different age share a cache. */
static void test_all_kernels_agree_to_the_bit(void **state)
{
    const iiif_kernels_t *sets[2] = {iiif_kernels_get(true), iiif_kernels_get(false)};
    enum { N = 3001, ROWS = 7 };
    static uint16_t rows16[ROWS][N];
    static float rows32[ROWS][N], sums[2][N], lines[2][N];
    static uint8_t rows8[ROWS][N], stored[2][2 * N];
    const void *pointers[3][ROWS];
    float weights[ROWS], along[200 * 8];
    uint32_t seed = 77, starts[200];

    (void)state;
    for (int k = 0; k < ROWS; k++) {
        for (int i = 0; i < N; i++) {
            rows16[k][i] = (uint16_t)test_random(&seed);
            rows8[k][i] = (uint8_t)test_random(&seed);
            rows32[k][i] = (float)rows16[k][i] * 0.37f;
        }
        pointers[0][k] = rows8[k];
        pointers[1][k] = rows16[k];
        pointers[2][k] = rows32[k];
        weights[k] = (float)(test_random(&seed) % 1000) / 700.0f - 0.3f;
    }
    for (int i = 0; i < 200; i++)
        starts[i] = test_random(&seed) % 500;
    for (size_t i = 0; i < IIIF_COUNT(along); i++)
        along[i] = (float)(test_random(&seed) % 1000) / 3000.0f;
    for (int sample = 0; sample < 3; sample++) {
        for (unsigned channels = 1; channels <= 5; channels++) {
            iiif_taps_t taps = {starts, along, 8, 200};

            for (int set = 0; set < 2; set++) {
                static float planes[5 * 600];

                memset(sums[set], 0, sizeof(sums[set]));
                sets[set]->add_rows[sample](sums[set], pointers[sample], weights, ROWS, N);
                sets[set]->split(planes, 600, channels, sums[set], 600);
                sets[set]->across(lines[set], planes, 600, channels, &taps);
                sets[set]->store(stored[set], sums[set], N, sample == 1 ? 16 : 8);
            }
            assert_memory_equal(sums[0], sums[1], sizeof(sums[0]));
            assert_memory_equal(lines[0], lines[1], 200 * channels * sizeof(float));
            assert_memory_equal(stored[0], stored[1], sizeof(stored[0]));
        }
    }
}

static iiif_rc open_small(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_resample_open(up, &(iiif_window_t){0, 0.5, 30, 50}, 11, 13, IIIF_FILTER_LANCZOS3, work, out, err);
}

static iiif_rc open_tiny(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_resample_open(up, &(iiif_window_t){0, 0, 30, 50}, 2, 2, IIIF_FILTER_LANCZOS3, work, out, err);
}

static iiif_rc open_crop(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_resample_open(up, &(iiif_window_t){2, 2, 20, 40}, 18, 38, IIIF_FILTER_LANCZOS3, work, out, err);
}

static void test_failures_leave_nothing_behind(void **state)
{
    static const opener_t openers[] = {open_small, open_tiny, open_crop};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(openers); i++) {
        for (int alpha = 0; alpha < 2; alpha++) {
            picture_t in = picture_new(30, 50, alpha ? IIIF_LAYOUT_RGBA : IIIF_LAYOUT_RGB, 8);

            survive_no_memory(&in, openers[i]);
            survive_failures(&in, openers[i]);
            picture_free(&in);
        }
    }
}

/* Lines one pixel wide and ten apart: reduced tenfold, their average remains, without beats. */
static void test_fine_lines_become_even_gray(void **state)
{
    picture_t in = picture_new(2000, 300, IIIF_LAYOUT_GRAY, 8), out;
    uint32_t low = 255, high = 0;

    (void)state;
    for (uint32_t y = 0; y < 300; y++) {
        for (uint32_t x = 0; x < 2000; x++)
            *picture_at(&in, x, y) = (x * 10 + y * 3) % 73 < 30 ? 0 : 255; /* period 7.3 */
    }
    out = scale(&in, whole(&in), 200, 30, IIIF_FILTER_LANCZOS3, 30);
    for (uint32_t y = 5; y < 25; y++) {
        for (uint32_t x = 5; x < 195; x++) {
            low = iiif_min_u32(low, *picture_at(&out, x, y));
            high = iiif_max_u32(high, *picture_at(&out, x, y));
        }
    }
    assert_true(low >= 146 && high <= 154); /* 255·43/73 = 150.2 */
    picture_free(&in);
    picture_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_the_definition_for_many_sizes),
        cmocka_unit_test(test_equals_the_definition_for_every_layout),
        cmocka_unit_test(test_equals_the_definition_in_windows),
        cmocka_unit_test(test_a_window_of_the_same_size_is_cropped_bit_for_bit),
        cmocka_unit_test(test_a_crop_asks_for_no_row_below_it),
        cmocka_unit_test(test_a_flat_colour_stays_that_colour),
        cmocka_unit_test(test_colour_does_not_bleed_out_of_transparency),
        cmocka_unit_test(test_tiles_join_without_a_seam),
        cmocka_unit_test(test_the_margin_is_enough),
        cmocka_unit_test(test_windows_that_make_no_sense_are_refused),
        cmocka_unit_test(test_rounding_of_a_window_is_forgiven),
        cmocka_unit_test(test_memory_does_not_grow_with_the_image),
        cmocka_unit_test(test_all_kernels_agree_to_the_bit),
        cmocka_unit_test(test_failures_leave_nothing_behind),
        cmocka_unit_test(test_fine_lines_become_even_gray),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
