/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/codec/iiif_codec.h"
#include "jpeg_fixture.h"

extern const iiif_decoder_t iiif_dec_jpeg;

typedef struct bench {
    iiif_mem_t mem;
    iiif_cancel_t cancel;
    iiif_work_t work;
    iiif_src_t *src;
    iiif_dec_t *dec;
    iiif_err_t err;
} bench_t;

static iiif_rc bench_open_limited(bench_t *b, const uint8_t *data, size_t length, uint64_t max_area, unsigned long fail_at,
                                  size_t limit)
{
    const iiif_dec_options_t options = {.page = 1, .max_source_area = max_area};
    iiif_rc rc;

    memset(b, 0, sizeof(*b));
    iiif_mem_init(&b->mem, limit);
    b->mem.fail_at = fail_at;
    b->work.mem = &b->mem;
    b->work.cancel = &b->cancel;
    rc = iiif_src_open_memory(data, length, &b->mem, &b->src, &b->err);
    return rc == IIIF_OK ? iiif_dec_jpeg.open(b->src, &options, &b->work, &b->dec, &b->err) : rc;
}

static iiif_rc bench_open(bench_t *b, const uint8_t *data, size_t length)
{
    return bench_open_limited(b, data, length, 0, 0, 0);
}

/* Nothing may be left of the budget. */
static void bench_close(bench_t *b)
{
    iiif_dec_close(b->dec);
    iiif_src_close(b->src);
    assert_int_equal(b->mem.used, 0);
}

static uint8_t *read_window(bench_t *b, unsigned level, iiif_rect_t rect, iiif_rc *rc)
{
    const iiif_dec_window_t window = {.level = level, .rect = rect};
    size_t row = (size_t)rect.w * iiif_layout_channels((iiif_layout)b->dec->facts.layout);
    uint8_t *pixels = malloc(row * rect.h);
    uint32_t done = 0;

    *rc = iiif_dec_jpeg.window(b->dec, &window, &b->err);
    while (*rc == IIIF_OK && done < rect.h) {
        iiif_strip_t strip = {.data = pixels + done * row, .stride = row, .y = done};

        strip.capacity = iiif_min_u32(5, rect.h - done);
        *rc = iiif_dec_jpeg.rows(b->dec, &strip, &b->err);
        if (*rc == IIIF_OK)
            assert_in_range(strip.rows, 1, strip.capacity);
        done += strip.rows;
    }
    return pixels;
}

static void expect_window(bench_t *b, unsigned level, iiif_rect_t rect, const uint8_t *full, uint32_t full_width,
                          bool inverted)
{
    unsigned channels = iiif_layout_channels((iiif_layout)b->dec->facts.layout);
    iiif_rc rc;
    uint8_t *pixels = read_window(b, level, rect, &rc);

    if (rc != IIIF_OK)
        print_error("%s\n", b->err.detail);
    assert_int_equal(rc, IIIF_OK);
    for (uint32_t y = 0; y < rect.h; y++) {
        const uint8_t *want = full + ((size_t)(rect.y + y) * full_width + rect.x) * channels;
        const uint8_t *have = pixels + (size_t)y * rect.w * channels;

        for (size_t i = 0; i < (size_t)rect.w * channels; i++) {
            unsigned expected = inverted ? 255u - want[i] : want[i];

            if (have[i] != expected)
                fail_msg("level %u window %u,%u,%u,%u row %u sample %zu: %u instead of %u", level, rect.x, rect.y, rect.w,
                         rect.h, y, i, have[i], expected);
        }
    }
    free(pixels);
}

/* Every level, whole and in windows at corners, edges and inside, equals libjpeg's full decode bit for bit. */
static void expect_all_windows(const fixture_t *fixture, bool inverted)
{
    size_t length;
    uint8_t *data = fixture_encode(fixture, &length);
    bench_t b;

    assert_int_equal(bench_open(&b, data, length), IIIF_OK);
    assert_int_equal(b.dec->facts.level_count, 4);
    for (unsigned level = 0; level < 4; level++) {
        uint32_t w, h;
        int channels;
        uint8_t *full = fixture_decode(data, length, level, &w, &h, &channels);
        const iiif_rect_t rects[] = {
            {0, 0, w, h},         {0, 0, w / 3, h / 3},         {w - w / 4, h - h / 4, w / 4, h / 4},
            {w / 3, 0, 1, h},     {0, h / 2, w, 1},             {w / 3 + 1, h / 3 + 1, w / 5, h / 5},
            {w - 1, h - 1, 1, 1}, {w / 2 - 3, h / 4 + 3, 9, 7}, {0, h - 1, w, 1},
        };

        assert_int_equal(b.dec->facts.levels[level].width, w);
        assert_int_equal(b.dec->facts.levels[level].height, h);
        assert_int_equal(iiif_layout_channels((iiif_layout)b.dec->facts.layout), channels);
        for (size_t i = 0; i < IIIF_COUNT(rects); i++)
            expect_window(&b, level, rects[i], full, w, inverted);
        free(full);
    }
    bench_close(&b);
    free(data);
}

static void windows_equal_full_decode_for_each_subsampling(void **state)
{
    static const int factors[][2] = {{1, 1}, {2, 1}, {2, 2}, {1, 2}, {4, 1}, {1, 4}, {4, 2}, {2, 4}};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(factors); i++) {
        fixture_t f = {.width = 203, .height = 157, .in = JCS_RGB, .coded = JCS_YCbCr, .h = factors[i][0],
                       .v = factors[i][1]};

        expect_all_windows(&f, false);
        f.progressive = true;
        expect_all_windows(&f, false);
    }
}

static void windows_equal_full_decode_for_each_process(void **state)
{
    const fixture_t base = {.width = 211, .height = 149, .in = JCS_RGB, .coded = JCS_YCbCr, .h = 2, .v = 2};
    fixture_t f = base;

    (void)state;
    f.arithmetic = true;
    expect_all_windows(&f, false);
    f.progressive = true;
    expect_all_windows(&f, false);
    f = base;
    f.restart_rows = 1;
    expect_all_windows(&f, false);
    f = base;
    f.separate_scans = true;
    expect_all_windows(&f, false);
}

static void gray_and_rgb_are_told_apart(void **state)
{
    fixture_t f = {.width = 150, .height = 130, .in = JCS_GRAYSCALE, .coded = JCS_GRAYSCALE};
    size_t length;
    uint8_t *data;
    bench_t b;

    (void)state;
    expect_all_windows(&f, false);
    data = fixture_encode(&f, &length);
    assert_int_equal(bench_open(&b, data, length), IIIF_OK);
    assert_int_equal(b.dec->facts.layout, IIIF_LAYOUT_GRAY);
    assert_int_equal(b.dec->facts.color_class, IIIF_CLASS_GRAY);
    bench_close(&b);
    free(data);
    f.in = f.coded = JCS_RGB; /* with Adobe's transform 0 */
    expect_all_windows(&f, false);
    f.no_adobe = f.no_jfif = true; /* by the component ids R, G, B */
    expect_all_windows(&f, false);
    data = fixture_encode(&f, &length);
    assert_int_equal(bench_open(&b, data, length), IIIF_OK);
    assert_int_equal(b.dec->facts.layout, IIIF_LAYOUT_RGB);
    bench_close(&b);
    free(data);
}

/* Adobe's CMYK has 255 for no ink; the layout's promise is 0 for no ink. */
static void cmyk_is_delivered_with_zero_for_no_ink(void **state)
{
    fixture_t f = {.width = 150, .height = 130, .in = JCS_CMYK, .coded = JCS_CMYK};
    size_t length;
    uint8_t *data;
    bench_t b;

    (void)state;
    expect_all_windows(&f, true);
    f.coded = JCS_YCCK;
    expect_all_windows(&f, true);
    f.h = f.v = 2;
    expect_all_windows(&f, true);
    f.coded = JCS_CMYK;
    f.no_adobe = true;
    f.h = f.v = 1;
    expect_all_windows(&f, false);
    data = fixture_encode(&f, &length);
    assert_int_equal(bench_open(&b, data, length), IIIF_OK);
    assert_int_equal(b.dec->facts.layout, IIIF_LAYOUT_CMYK);
    assert_int_equal(b.dec->facts.depth, 8);
    bench_close(&b);
    free(data);
}

static void facts_tell_size_orientation_and_resolution(void **state)
{
    uint8_t exif[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0,
                      0, 0, 0};
    fixture_t f = {.width = 70, .height = 50, .in = JCS_RGB, .coded = JCS_YCbCr, .h = 2, .v = 2, .exif = exif,
                   .exif_length = sizeof(exif), .density_unit = 2, .density = 118};
    static const uint8_t swaps[9] = {0, 0, 0, 0, 0, 1, 1, 1, 1};

    (void)state;
    for (uint8_t orientation = 1; orientation <= 8; orientation++) {
        size_t length;
        uint8_t *data;
        bench_t b;

        exif[24] = orientation;
        data = fixture_encode(&f, &length);
        assert_int_equal(bench_open(&b, data, length), IIIF_OK);
        assert_int_equal(b.dec->facts.orientation, orientation);
        assert_int_equal(b.dec->facts.stored_width, 70);
        assert_int_equal(b.dec->facts.stored_height, 50);
        assert_int_equal(b.dec->facts.width, swaps[orientation] ? 50 : 70);
        assert_int_equal(b.dec->facts.height, swaps[orientation] ? 70 : 50);
        assert_int_equal(b.dec->facts.unit, IIIF_UNIT_CM);
        assert_true(b.dec->facts.pixels_per_unit_x == 118 && b.dec->facts.pixels_per_unit_y == 118);
        assert_int_equal(b.dec->facts.access, IIIF_ACCESS_ROWS);
        assert_int_equal(b.dec->facts.precision, 8);
        assert_string_equal(b.dec->facts.decoder, "jpeg");
        assert_string_equal(b.dec->facts.media_type, "image/jpeg");
        bench_close(&b);
        free(data);
    }
}

static void a_profile_is_put_together_from_its_pieces(void **state)
{
    size_t icc_length = 150001, length, got_length;
    uint8_t *icc = malloc(icc_length), *data;
    fixture_t f = {.width = 33, .height = 21, .in = JCS_RGB, .coded = JCS_YCbCr, .icc = icc, .icc_length = icc_length};
    const uint8_t *got;
    bench_t b;

    (void)state;
    for (size_t i = 0; i < icc_length; i++)
        icc[i] = (uint8_t)(i * 7 + i / 251);
    data = fixture_encode(&f, &length);
    assert_int_equal(bench_open(&b, data, length), IIIF_OK);
    assert_true(b.dec->facts.has_profile);
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(iiif_dec_jpeg.profile(b.dec, &got, &got_length, &b.err), IIIF_OK);
        assert_int_equal(got_length, icc_length);
        assert_memory_equal(got, icc, icc_length);
    }
    bench_close(&b);
    /* The number of the second piece becomes that of the third: one is missing, so there is no profile. */
    for (size_t i = 0; i + 14 < length; i++) {
        if (memcmp(data + i, "ICC_PROFILE\0\2", 13) == 0)
            data[i + 12] = 3;
    }
    assert_int_equal(bench_open(&b, data, length), IIIF_OK);
    assert_false(b.dec->facts.has_profile);
    assert_int_equal(iiif_dec_jpeg.profile(b.dec, &got, &got_length, &b.err), IIIF_OK);
    assert_int_equal(got_length, 0);
    bench_close(&b);
    free(data);
    free(icc);
}

static iiif_rc decode_all(const uint8_t *data, size_t length, iiif_err_t *err)
{
    bench_t b;
    iiif_rc rc = bench_open(&b, data, length);

    if (rc == IIIF_OK)
        free(read_window(&b, 0, (iiif_rect_t){0, 0, b.dec->facts.stored_width, b.dec->facts.stored_height}, &rc));
    *err = b.err;
    bench_close(&b);
    return rc;
}

/* Wherever the file is cut there is an error and no picture; only the EOI itself may be missing. */
static void a_cut_file_is_never_half_a_picture(void **state)
{
    const fixture_t fixtures[] = {
        {.width = 90, .height = 70, .in = JCS_RGB, .coded = JCS_YCbCr, .h = 2, .v = 2},
        {.width = 90, .height = 70, .in = JCS_RGB, .coded = JCS_YCbCr, .h = 2, .v = 2, .progressive = true},
        {.width = 90, .height = 70, .in = JCS_RGB, .coded = JCS_YCbCr, .h = 2, .v = 2, .restart_rows = 1},
        {.width = 90, .height = 70, .in = JCS_RGB, .coded = JCS_YCbCr, .separate_scans = true},
        {.width = 90, .height = 70, .in = JCS_GRAYSCALE, .coded = JCS_GRAYSCALE, .arithmetic = true},
    };

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(fixtures); i++) {
        size_t length;
        uint8_t *data = fixture_encode(&fixtures[i], &length);
        iiif_err_t err;

        assert_int_equal(decode_all(data, length, &err), IIIF_OK);
        for (size_t cut = 0; cut + 3 < length; cut += cut < 700 ? 1 : 13) {
            uint8_t *part = malloc(cut + 1); /* exactly sized, for the sanitizer */
            iiif_rc rc;

            memcpy(part, data, cut);
            rc = decode_all(part, cut, &err);
            if (rc != IIIF_E_BAD_MASTER)
                fail_msg("fixture %zu cut at %zu of %zu gives %d", i, cut, length, (int)rc);
            free(part);
        }
        if (i < 2)
            assert_int_equal(decode_all(data, length - 2, &err), IIIF_OK);
        free(data);
    }
}

/* A window above the damage is still served: its data is whole. */
static void rows_above_the_damage_are_delivered(void **state)
{
    const fixture_t f = {.width = 256, .height = 256, .in = JCS_RGB, .coded = JCS_YCbCr, .h = 2, .v = 2};
    size_t length;
    uint8_t *data = fixture_encode(&f, &length);
    iiif_rc rc;
    bench_t b;

    (void)state;
    assert_int_equal(bench_open(&b, data, length * 3 / 4), IIIF_OK);
    free(read_window(&b, 0, (iiif_rect_t){0, 0, 256, 64}, &rc));
    assert_int_equal(rc, IIIF_OK);
    free(read_window(&b, 0, (iiif_rect_t){0, 128, 256, 128}, &rc));
    assert_int_equal(rc, IIIF_E_BAD_MASTER);
    /* and after a failure another window can be had */
    free(read_window(&b, 1, (iiif_rect_t){8, 8, 64, 32}, &rc));
    assert_int_equal(rc, IIIF_OK);
    bench_close(&b);
    free(data);
}

static void flipped_bytes_never_crash(void **state)
{
    const fixture_t fixtures[] = {
        {.width = 64, .height = 48, .in = JCS_RGB, .coded = JCS_YCbCr, .h = 2, .v = 2},
        {.width = 64, .height = 48, .in = JCS_CMYK, .coded = JCS_YCCK, .h = 2, .v = 2, .progressive = true},
    };
    uint32_t seed = 12345;

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(fixtures); i++) {
        size_t length;
        uint8_t *data = fixture_encode(&fixtures[i], &length);

        for (int round = 0; round < 1500; round++) {
            uint8_t *bad = malloc(length);
            iiif_err_t err;

            memcpy(bad, data, length);
            for (int k = 0; k < 3; k++) {
                seed = seed * 1664525 + 1013904223;
                bad[(seed >> 8) % length] = (uint8_t)(seed >> 24);
            }
            (void)bench_open; /* sizes may become anything: the limit is what protects */
            {
                bench_t b;
                iiif_rc rc = bench_open_limited(&b, bad, length, 1 << 20, 0, (size_t)64 << 20);

                if (rc == IIIF_OK) {
                    const iiif_facts_t *facts = &b.dec->facts;

                    free(read_window(&b, 0, (iiif_rect_t){0, 0, facts->stored_width, facts->stored_height}, &rc));
                }
                err = b.err;
                if (rc != IIIF_OK)
                    assert_true(err.id != 0 && err.detail[0] != '\0');
                bench_close(&b);
            }
            free(bad);
        }
        free(data);
    }
}

/* A header alone can claim 65500 × 65500 pixels: refused by area, and by the budget before libjpeg allocates. */
static void a_bomb_is_refused_before_memory_is_taken(void **state)
{
    const fixture_t f = {.width = 64, .height = 64, .in = JCS_RGB, .coded = JCS_YCbCr, .progressive = true};
    size_t length;
    uint8_t *data = fixture_encode(&f, &length);
    iiif_rc rc;
    bench_t b;

    (void)state;
    for (size_t i = 0; i + 9 < length; i++) {
        if (data[i] == 0xFF && data[i + 1] == 0xC2) {
            data[i + 5] = data[i + 7] = 0xFF;
            data[i + 6] = data[i + 8] = 0xDC;
            break;
        }
    }
    assert_int_equal(bench_open_limited(&b, data, length, 400000000, 0, 0), IIIF_E_TOO_LARGE);
    bench_close(&b);
    assert_int_equal(bench_open_limited(&b, data, length, 0, 0, (size_t)64 << 20), IIIF_OK);
    assert_true(b.dec->facts.fixed_bytes > (uint64_t)65500 * 65500 * 6);
    assert_int_equal(b.dec->facts.access, IIIF_ACCESS_WHOLE);
    free(read_window(&b, 3, (iiif_rect_t){0, 0, 10, 10}, &rc));
    assert_int_equal(rc, IIIF_E_NO_MEMORY);
    assert_true(b.mem.peak < (size_t)64 << 20);
    bench_close(&b);
    free(data);
}

static void frame_patch(uint8_t *data, size_t length, int marker, int offset, uint8_t value)
{
    for (size_t i = 0; i + 12 < length; i++) {
        if (data[i] == 0xFF && data[i + 1] == marker) {
            data[i + (size_t)offset] = value;
            return;
        }
    }
    fail();
}

static void what_cannot_be_read_says_why(void **state)
{
    const fixture_t f = {.width = 64, .height = 64, .in = JCS_RGB, .coded = JCS_YCbCr};
    size_t length;
    uint8_t *data = fixture_encode(&f, &length);
    iiif_err_t err;

    (void)state;
    frame_patch(data, length, 0xC0, 4, 12);
    assert_int_equal(decode_all(data, length, &err), IIIF_E_UNSUPPORTED);
    assert_non_null(strstr(err.detail, "12 bits"));
    frame_patch(data, length, 0xC0, 4, 8);
    frame_patch(data, length, 0xC0, 1, 0xC3);
    assert_int_equal(decode_all(data, length, &err), IIIF_E_UNSUPPORTED);
    assert_non_null(strstr(err.detail, "lossless"));
    frame_patch(data, length, 0xC3, 1, 0xC0);
    frame_patch(data, length, 0xC0, 5, 0);
    frame_patch(data, length, 0xC0, 6, 0);
    assert_int_equal(decode_all(data, length, &err), IIIF_E_UNSUPPORTED);
    assert_non_null(strstr(err.detail, "DNL"));
    free(data);
}

/* A few bytes of scans can ask for any number of passes over a large image. */
static void thousands_of_scans_are_refused(void **state)
{
    const fixture_t f = {.width = 64, .height = 64, .in = JCS_GRAYSCALE, .coded = JCS_GRAYSCALE, .progressive = true};
    size_t length, scan = 0, scan_length = 10, total;
    uint8_t *data = fixture_encode(&f, &length), *bomb;
    iiif_err_t err;

    (void)state;
    /* The scan that refines DC takes one bit a block, whatever the bits are; it is repeated. */
    for (size_t i = 0; i + 10 < length; i++) {
        if (data[i] == 0xFF && data[i + 1] == 0xDA && data[i + 7] == 0 && data[i + 8] == 0 && data[i + 9] == 0x10)
            scan = i;
    }
    while (data[scan + scan_length] != 0xFF || data[scan + scan_length + 1] == 0)
        scan_length++;
    total = length + scan_length * 2000;
    bomb = malloc(total);
    memcpy(bomb, data, length - 2);
    for (size_t i = 0; i < 2000; i++)
        memcpy(bomb + length - 2 + i * scan_length, data + scan, scan_length);
    memcpy(bomb + total - 2, data + length - 2, 2);
    assert_int_equal(decode_all(bomb, total, &err), IIIF_E_BAD_MASTER);
    assert_non_null(strstr(err.detail, "scans"));
    free(bomb);
    free(data);
}

static void stray_bytes_before_markers_do_no_harm(void **state)
{
    const fixture_t f = {.width = 64, .height = 64, .in = JCS_RGB, .coded = JCS_YCbCr};
    size_t length;
    uint8_t *data = fixture_encode(&f, &length), *more = malloc(length + 5);
    iiif_err_t err;

    (void)state;
    memcpy(more, data, 20); /* SOI and the JFIF segment */
    memcpy(more + 20, "\x12\x34\x56\x00\xff", 5);
    memcpy(more + 25, data + 20, length - 20);
    assert_int_equal(decode_all(more, length + 5, &err), IIIF_OK);
    free(more);
    free(data);
}

static bool always_gone(void *context)
{
    (void)context;
    return true;
}

static void the_client_going_stops_the_work(void **state)
{
    const fixture_t f = {.width = 300, .height = 300, .in = JCS_RGB, .coded = JCS_YCbCr, .progressive = true};
    size_t length;
    uint8_t *data = fixture_encode(&f, &length);
    iiif_rc rc;
    bench_t b;

    (void)state;
    assert_int_equal(bench_open(&b, data, length), IIIF_OK);
    b.cancel.gone = always_gone;
    free(read_window(&b, 0, (iiif_rect_t){0, 0, 300, 300}, &rc));
    assert_int_equal(rc, IIIF_E_CANCELLED);
    bench_close(&b);
    free(data);
}

static void every_failing_allocation_is_survived(void **state)
{
    static const uint8_t icc[300] = {1};
    uint8_t exif[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 0, 0};
    const fixture_t f = {.width = 64, .height = 64, .in = JCS_RGB, .coded = JCS_YCbCr, .progressive = true, .icc = icc,
                         .icc_length = sizeof(icc), .exif = exif, .exif_length = sizeof(exif)};
    size_t length, n;
    uint8_t *data = fixture_encode(&f, &length);
    unsigned long call = 1;
    iiif_rc rc = IIIF_E_NO_MEMORY;

    (void)state;
    for (; rc != IIIF_OK; call++) {
        const uint8_t *profile;
        bench_t b;

        rc = bench_open_limited(&b, data, length, 0, call, 0);
        if (rc == IIIF_OK)
            rc = iiif_dec_jpeg.profile(b.dec, &profile, &n, &b.err);
        if (rc == IIIF_OK)
            free(read_window(&b, 0, (iiif_rect_t){0, 0, 64, 64}, &rc));
        assert_true(rc == IIIF_OK || rc == IIIF_E_NO_MEMORY);
        bench_close(&b);
        assert_true(call < 100);
    }
    assert_true(call > 6);
    free(data);
}

/* 16 rows of a wide image must not take the memory of the whole. */
static void baseline_memory_does_not_grow_with_height(void **state)
{
    const fixture_t f = {.width = 4000, .height = 1500, .in = JCS_RGB, .coded = JCS_YCbCr, .h = 2, .v = 2};
    size_t length;
    uint8_t *data = fixture_encode(&f, &length);
    iiif_rc rc;
    bench_t b;

    (void)state;
    assert_int_equal(bench_open_limited(&b, data, length, 0, 0, (size_t)2 << 20), IIIF_OK);
    free(read_window(&b, 0, (iiif_rect_t){3000, 1400, 500, 100}, &rc));
    assert_int_equal(rc, IIIF_OK);
    bench_close(&b);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_equal_full_decode_for_each_subsampling),
        cmocka_unit_test(windows_equal_full_decode_for_each_process),
        cmocka_unit_test(gray_and_rgb_are_told_apart),
        cmocka_unit_test(cmyk_is_delivered_with_zero_for_no_ink),
        cmocka_unit_test(facts_tell_size_orientation_and_resolution),
        cmocka_unit_test(a_profile_is_put_together_from_its_pieces),
        cmocka_unit_test(a_cut_file_is_never_half_a_picture),
        cmocka_unit_test(rows_above_the_damage_are_delivered),
        cmocka_unit_test(flipped_bytes_never_crash),
        cmocka_unit_test(a_bomb_is_refused_before_memory_is_taken),
        cmocka_unit_test(what_cannot_be_read_says_why),
        cmocka_unit_test(thousands_of_scans_are_refused),
        cmocka_unit_test(stray_bytes_before_markers_do_no_harm),
        cmocka_unit_test(the_client_going_stops_the_work),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(baseline_memory_does_not_grow_with_height),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
