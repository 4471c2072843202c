/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG 2000 masters: each window that is delivered is compared, sample by sample, with a full decode by the library, cut here.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../lib/codec/iiif_codec.h"
#include "jp2_make.h"

extern const iiif_decoder_t iiif_dec_jp2;

/* --- an open master ---------------------------------------------------------------------------------------- */

typedef struct kit {
    iiif_mem_t mem;
    iiif_cancel_t cancel;
    iiif_work_t work;
    iiif_src_t *src;
    iiif_dec_t *dec;
    iiif_err_t err;
} kit_t;

static iiif_rc kit_open(kit_t *kit, const bytes_t *file, uint64_t max_area)
{
    iiif_dec_options_t options = {1, max_area};

    memset(kit, 0, sizeof(*kit));
    iiif_mem_init(&kit->mem, 0);
    kit->work.mem = &kit->mem;
    kit->work.cancel = &kit->cancel;
    assert_int_equal(iiif_src_open_memory(file->data, file->length, &kit->mem, &kit->src, &kit->err), IIIF_OK);
    return iiif_dec_jp2.open(kit->src, &options, &kit->work, &kit->dec, &kit->err);
}

static void kit_close(kit_t *kit)
{
    if (kit->dec != NULL)
        iiif_dec_jp2.close(kit->dec);
    iiif_src_close(kit->src);
    assert_int_equal(kit->mem.used, 0);
}

static void must_open(kit_t *kit, const bytes_t *file)
{
    iiif_rc rc = kit_open(kit, file, 0);

    if (rc != IIIF_OK)
        fail_msg("open: %d %s", kit->err.id, kit->err.detail);
}

static size_t pixel_bytes(const kit_t *kit)
{
    iiif_image_t image = {1, 1, (iiif_layout)kit->dec->facts.layout, kit->dec->facts.depth};

    return iiif_image_pixel_bytes(&image);
}

/* A window in packed rows, by strips of `step` rows; NULL on an error (kit->err). */
static uint8_t *read_window(kit_t *kit, unsigned level, iiif_rect_t rect, uint32_t step)
{
    size_t row = rect.w * pixel_bytes(kit);
    uint8_t *out = malloc(row * rect.h + 1);
    iiif_dec_window_t window = {level, rect};
    iiif_strip_t strip = {NULL, row, step, 0, 0};

    if (iiif_dec_jp2.window(kit->dec, &window, &kit->err) != IIIF_OK)
        goto failed;
    for (uint32_t y = 0; y < rect.h; y += strip.rows) {
        strip.data = out + y * row;
        strip.capacity = step < rect.h - y ? step : rect.h - y;
        strip.y = y;
        if (iiif_dec_jp2.rows(kit->dec, &strip, &kit->err) != IIIF_OK)
            goto failed;
        assert_in_range(strip.rows, 1, strip.capacity);
    }
    return out;
failed:
    free(out);
    return NULL;
}

/* --- the reference -------------------------------------------------------------------------------------------- */

/* What the test expects of a channel: a component of the full decode, at some depth. */
typedef struct expect {
    unsigned count;                 /* channels */
    unsigned component[5];
    unsigned depth;
    /* NULL: full range to full range. Else fills out[] from the values counted from 0. */
    void (*convert)(const double *values, const unsigned *bits, unsigned depth, double *out);
} expect_t;

static uint32_t ceil_shift(uint32_t v, unsigned r)
{
    return (uint32_t)(((uint64_t)v + (1u << r) - 1) >> r);
}

/* The value of a component at pixel (gx, gy) of the level's absolute grid, where pixels lie step apart: bilinear. */
static double sample_at(const opj_image_t *image, unsigned c, unsigned reduce, uint32_t gx, uint32_t gy, unsigned step_x,
                        unsigned step_y)
{
    const opj_image_comp_t *comp = &image->comps[c];
    int64_t left = ceil_shift(make_ceil(image->x0, comp->dx), reduce);
    int64_t top = ceil_shift(make_ceil(image->y0, comp->dy), reduce);
    double fx = (double)gx * step_x / comp->dx, fy = (double)gy * step_y / comp->dy;
    int64_t x = (int64_t)floor(fx), y = (int64_t)floor(fy);
    double u = fx - (double)x, v = fy - (double)y, sum = 0;

    for (int j = 0; j < 2; j++) {
        for (int i = 0; i < 2; i++) {
            int64_t cx = x + i - left, cy = y + j - top;

            cx = cx < 0 ? 0 : cx >= comp->w ? comp->w - 1 : cx;
            cy = cy < 0 ? 0 : cy >= comp->h ? comp->h - 1 : cy;
            sum += (i ? u : 1 - u) * (j ? v : 1 - v) * comp->data[cy * comp->w + cx];
        }
    }
    return floor(sum + 0.5 + 1e-9) + (comp->sgnd ? 1 << (comp->prec - 1) : 0);
}

static void expect_pixel(const opj_image_t *image, const expect_t *expect, unsigned reduce, uint32_t gx, uint32_t gy,
                         unsigned step_x, unsigned step_y, double *out)
{
    double values[5];
    unsigned bits[5];

    for (unsigned c = 0; c < expect->count; c++) {
        bits[c] = image->comps[expect->component[c]].prec;
        values[c] = sample_at(image, expect->component[c], reduce, gx, gy, step_x, step_y);
    }
    if (expect->convert != NULL) {
        expect->convert(values, bits, expect->depth, out);
        return;
    }
    for (unsigned c = 0; c < expect->count; c++)
        out[c] = floor(values[c] * ((1 << expect->depth) - 1) / ((1 << bits[c]) - 1) + 0.5);
}

static double sample_of(const uint8_t *row, unsigned depth, size_t index)
{
    return depth == 8 ? row[index] : ((const uint16_t *)(const void *)row)[index];
}

static void compare_window(kit_t *kit, const opj_image_t *image, const expect_t *expect, unsigned level,
                           iiif_rect_t rect, uint32_t step, double tolerance)
{
    unsigned step_x = 255, step_y = 255;
    uint8_t *got = read_window(kit, level, rect, step);
    size_t row = rect.w * pixel_bytes(kit);
    uint32_t left, top;

    if (got == NULL)
        fail_msg("level %u window %u,%u,%u,%u: %d %s", level, rect.x, rect.y, rect.w, rect.h, kit->err.id, kit->err.detail);
    for (unsigned c = 0; c < image->numcomps; c++) {
        step_x = image->comps[c].dx < step_x ? image->comps[c].dx : step_x;
        step_y = image->comps[c].dy < step_y ? image->comps[c].dy : step_y;
    }
    left = ceil_shift(make_ceil(image->x0, step_x), level);
    top = ceil_shift(make_ceil(image->y0, step_y), level);
    for (uint32_t y = 0; y < rect.h; y++) {
        for (uint32_t x = 0; x < rect.w; x++) {
            double want[5];

            expect_pixel(image, expect, level, left + rect.x + x, top + rect.y + y, step_x, step_y, want);
            for (unsigned c = 0; c < expect->count; c++) {
                double have = sample_of(got + y * row, expect->depth, (size_t)x * expect->count + c);

                if (fabs(have - want[c]) > tolerance)
                    fail_msg("level %u window %u,%u,%u,%u at %u,%u channel %u: %g, should be %g", level, rect.x, rect.y,
                             rect.w, rect.h, x, y, c, have, want[c]);
            }
        }
    }
    free(got);
}

static uint32_t below(uint32_t n)
{
    return n ? (uint32_t)rand() % n : 0;
}

/* All levels: the whole, single pixels, the far corner, random windows. */
static void compare_all(const bytes_t *file, const bytes_t *code, const expect_t *expect, unsigned levels, double tolerance,
                        unsigned randoms)
{
    kit_t kit;

    must_open(&kit, file);
    assert_int_equal(kit.dec->facts.level_count, levels);
    assert_int_equal(kit.dec->facts.depth, expect->depth);
    assert_int_equal(iiif_layout_channels((iiif_layout)kit.dec->facts.layout), expect->count);
    for (unsigned level = 0; level < levels; level++) {
        opj_image_t *image = plain_decode(code, level);
        const iiif_level_t *l = &kit.dec->facts.levels[level];

        assert_non_null(image);
        compare_window(&kit, image, expect, level, (iiif_rect_t){0, 0, l->width, l->height}, 7, tolerance);
        compare_window(&kit, image, expect, level, (iiif_rect_t){l->width - 1, l->height - 1, 1, 1}, 1, tolerance);
        for (unsigned i = 0; i < randoms; i++) {
            iiif_rect_t rect = {below(l->width), below(l->height), 0, 0};

            rect.w = 1 + below(iiif_min_u32(l->width - rect.x, 150));
            rect.h = 1 + below(iiif_min_u32(l->height - rect.y, 150));
            compare_window(&kit, image, expect, level, rect, 1 + below(40), tolerance);
        }
        opj_image_destroy(image);
    }
    kit_close(&kit);
}

static expect_t plain_expect(unsigned count, unsigned depth)
{
    return (expect_t){count, {0, 1, 2, 3, 4}, depth, NULL};
}

/* --- geometry: every coding of the same picture ----------------------------------------------------------------- */

static void check_raw(make_t m, unsigned levels)
{
    bytes_t code = make_codestream(&m);
    unsigned count = m.count ? m.count : 1, depth = 8;
    expect_t expect;

    for (unsigned c = 0; c < count; c++)
        depth = m.bits[c] > 8 ? 16 : depth;
    expect = plain_expect(count == 4 ? 3 : count, depth);
    compare_all(&code, &code, &expect, levels, 0, 12);
    bytes_free(&code);
}

static void test_untiled(void **state)
{
    (void)state;
    check_raw((make_t){.x1 = 301, .y1 = 217, .count = 3, .mct = true}, 4);
    check_raw((make_t){.x1 = 301, .y1 = 217, .count = 3, .mct = true, .irreversible = true, .resolutions = 6}, 6);
    check_raw((make_t){.x1 = 640, .y1 = 33, .resolutions = 2}, 2);
    check_raw((make_t){.x1 = 1, .y1 = 1, .resolutions = 1}, 1);
    check_raw((make_t){.x1 = 5, .y1 = 300, .resolutions = 3}, 3);
    check_raw((make_t){.x1 = 301, .y1 = 217, .count = 3, .resolutions = 1}, 1);
}

/*
 * Lossy windows have the very pixels of the whole: many of them, because the library's own area decode misses by one in
 * few places. Compared with our own whole, which is compared with the library's elsewhere.
 */
static void test_lossy_edges(void **state)
{
    static const uint32_t tiles[] = {0, 200};

    (void)state;
    for (unsigned t = 0; t < IIIF_COUNT(tiles); t++) {
        make_t m = {.x0 = 9, .y0 = 4, .x1 = 390, .y1 = 317, .count = 3, .mct = true, .irreversible = true, .tile_w = tiles[t],
                    .tile_h = tiles[t], .resolutions = 7, .precinct = 64}; /* small blocks: nothing is decoded by chance */
        bytes_t code = make_codestream(&m);
        uint8_t *wholes[4];
        kit_t kit;

        must_open(&kit, &code);
        for (unsigned i = 0; i < 4; i++)
            wholes[i] = read_window(&kit, i, (iiif_rect_t){0, 0, kit.dec->facts.levels[i].width,
                                                           kit.dec->facts.levels[i].height}, 100);
        for (unsigned i = 0; i < 300; i++) {
            unsigned level = i % 4;
            const iiif_level_t *l = &kit.dec->facts.levels[level];
            iiif_rect_t rect = {below(l->width), below(l->height), 0, 0};
            uint8_t *part;

            rect.w = 1 + below(l->width - rect.x);
            rect.h = 1 + below(l->height - rect.y);
            part = read_window(&kit, level, rect, 100);
            assert_true(wholes[level] != NULL && part != NULL);
            for (uint32_t y = 0; y < rect.h; y++)
                assert_memory_equal(part + (size_t)y * rect.w * 3,
                                    wholes[level] + ((size_t)(rect.y + y) * l->width + rect.x) * 3, (size_t)rect.w * 3);
            free(part);
        }
        for (unsigned i = 0; i < 4; i++)
            free(wholes[i]);
        kit_close(&kit);
        bytes_free(&code);
    }
}

static void test_tiled(void **state)
{
    (void)state;
    check_raw((make_t){.x1 = 301, .y1 = 217, .count = 3, .mct = true, .tile_w = 64, .tile_h = 64}, 4);
    check_raw((make_t){.x1 = 301, .y1 = 217, .count = 3, .mct = true, .irreversible = true, .tile_w = 100, .tile_h = 37},
              4);
    check_raw((make_t){.x1 = 301, .y1 = 217, .tile_w = 16, .tile_h = 16, .resolutions = 5}, 5);
    check_raw((make_t){.x1 = 301, .y1 = 217, .tile_w = 512, .tile_h = 20, .resolutions = 3}, 3);
}

static void test_offsets(void **state)
{
    (void)state;
    check_raw((make_t){.x0 = 13, .y0 = 7, .x1 = 301, .y1 = 217, .count = 3, .mct = true}, 4);
    check_raw((make_t){.x0 = 130, .y0 = 77, .x1 = 401, .y1 = 317, .tile_w = 64, .tile_h = 50, .tile_x0 = 100,
                       .tile_y0 = 60, .irreversible = true},
              4);
    check_raw((make_t){.x0 = 63, .y0 = 1, .x1 = 301, .y1 = 217, .tile_w = 63, .tile_h = 33, .tile_x0 = 5, .resolutions = 5},
              5);
    check_raw((make_t){.x0 = 33, .y0 = 17, .x1 = 301, .y1 = 217, .tile_w = 16, .tile_h = 16, .tile_x0 = 32,
                       .tile_y0 = 16, .resolutions = 5},
              5);
}

static void test_progressions(void **state)
{
    static const OPJ_PROG_ORDER orders[] = {OPJ_LRCP, OPJ_RLCP, OPJ_RPCL, OPJ_PCRL, OPJ_CPRL};
    static const char parts[] = {0, 'R', 'L', 'C', 0};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        make_t m = {.x1 = 301, .y1 = 217, .count = 3, .mct = true, .order = orders[i], .layers = 3, .csty = 2 | 4,
                    .precinct = 64, .irreversible = i & 1, .extra = "PLT=YES"};

        check_raw(m, 4);
        m.tile_w = m.tile_h = 128;
        m.tile_parts = parts[i];
        m.extra = i == 2 ? "TLM=YES" : NULL;
        check_raw(m, 4);
    }
}

static void test_block_styles(void **state)
{
    (void)state;
    for (int mode = 1; mode < 64; mode <<= 1)
        check_raw((make_t){.x1 = 150, .y1 = 117, .mode = mode, .block = mode == 4 ? 16 : 32, .layers = 2}, 4);
}

static void test_depths(void **state)
{
    static const unsigned bits[] = {2, 4, 7, 8, 9, 12, 15, 16};

    (void)state;
    for (unsigned i = 0; i < IIIF_COUNT(bits); i++) {
        make_t m = {.x1 = 90, .y1 = 70, .bits = {bits[i]}, .sign = {i & 1}};
        bytes_t code = make_codestream(&m);
        kit_t kit;

        must_open(&kit, &code);
        assert_int_equal(kit.dec->facts.precision, bits[i]);
        assert_int_equal(kit.dec->facts.color_class, IIIF_CLASS_GRAY);
        kit_close(&kit);
        bytes_free(&code);
        check_raw(m, 4);
        m.sign[0] = !m.sign[0];
        check_raw(m, 4);
    }
    check_raw((make_t){.x1 = 90, .y1 = 70, .count = 3, .bits = {5, 6, 5}}, 4);
    check_raw((make_t){.x1 = 90, .y1 = 70, .count = 3, .bits = {8, 12, 10}, .sign = {false, true, false}}, 4);
}

/* One bit is bitonal, and not reduced by the wavelet: 0 and 1 have no mean. */
static void test_one_bit(void **state)
{
    make_t m = {.x1 = 90, .y1 = 70, .bits = {1}};
    bytes_t code = make_codestream(&m);
    expect_t expect = plain_expect(1, 8);
    kit_t kit;

    (void)state;
    must_open(&kit, &code);
    assert_int_equal(kit.dec->facts.color_class, IIIF_CLASS_BITONAL);
    assert_int_equal(kit.dec->facts.layout, IIIF_LAYOUT_GRAY);
    kit_close(&kit);
    compare_all(&code, &code, &expect, 1, 0, 10);
    bytes_free(&code);
}

/* A small budget makes several bands of the same window; the pixels stay. */
static void test_bands(void **state)
{
    static const uint32_t tiles[] = {0, 128, 150};

    (void)state;
    for (unsigned i = 0; i < IIIF_COUNT(tiles); i++) {
        make_t m = {.x1 = 500, .y1 = 1800, .x0 = 3, .y0 = 5, .count = 3, .dx = {1, 2, 2}, .dy = {1, 2, 2}, .tile_w = tiles[i],
                    .tile_h = tiles[i], .irreversible = true};
        bytes_t code = make_codestream(&m);
        iiif_rect_t rect = {17, 11, 400, 1700};
        uint8_t *want, *got;
        kit_t kit;

        must_open(&kit, &code);
        want = read_window(&kit, 0, rect, 64);
        assert_non_null(want);
        kit.mem.limit = kit.mem.used + (size_t)kit.dec->facts.fixed_bytes + ((size_t)4 << 20);
        kit.mem.peak = 0;
        got = read_window(&kit, 0, rect, 64);
        if (got == NULL)
            fail_msg("%d %s", kit.err.id, kit.err.detail);
        assert_memory_equal(got, want, (size_t)400 * 1700 * 3);
        assert_true(kit.mem.peak <= kit.mem.limit);
        free(got);
        /* A budget that can never do is said to be one. */
        kit_close(&kit);
        must_open(&kit, &code);
        kit.mem.limit = kit.mem.used + 20000;
        assert_null(read_window(&kit, 0, rect, 64));
        assert_true(kit.err.kind == IIIF_E_TOO_LARGE || kit.err.kind == IIIF_E_NO_MEMORY);
        free(want);
        kit_close(&kit);
        bytes_free(&code);
    }
}

/* A tile costs what a tile costs: a window of a tiled image reads its tiles only. */
static void test_reads_little(void **state)
{
    make_t m = {.x1 = 1024, .y1 = 1024, .count = 3, .mct = true, .tile_w = 128, .tile_h = 128};
    bytes_t code = make_codestream(&m);
    uint64_t before;
    kit_t kit;

    (void)state;
    must_open(&kit, &code);
    before = kit.src->bytes_read;
    free(read_window(&kit, 0, (iiif_rect_t){512, 256, 128, 128}, 64));
    assert_true(kit.src->bytes_read - before < 2 * code.length / 64);
    assert_int_equal(kit.dec->facts.access, IIIF_ACCESS_TILES);
    kit_close(&kit);
    bytes_free(&code);
}

/* --- facts ------------------------------------------------------------------------------------------------------- */

static void test_facts(void **state)
{
    make_t m = {.x1 = 1000, .y1 = 701, .count = 3, .mct = true, .tile_w = 256, .tile_h = 128, .resolutions = 5};
    bytes_t code = make_codestream(&m), header = {NULL, 0, 0, 0}, file;
    const iiif_facts_t *facts;
    kit_t kit;

    (void)state;
    put_colr(&header, 16);
    bytes_be(&header, 4, 8 + 18 + 18);
    bytes_put(&header, "res ", 4);
    bytes_be(&header, 4, 18);
    bytes_put(&header, "resd", 4);
    bytes_be(&header, 8, 0x0001000100010001u);
    bytes_be(&header, 2, 0x0303);
    bytes_be(&header, 4, 18);
    bytes_put(&header, "resc", 4);
    bytes_be(&header, 8, 0x2E23000100030002u); /* 11811 / 1 down, 3 / 2 across */
    bytes_be(&header, 2, 0x0004);              /* × 10^0, × 10^4 */
    file = make_jp2(&header, &code, 1000, 701, 3);
    must_open(&kit, &file);
    facts = &kit.dec->facts;
    assert_int_equal(facts->width, 1000);
    assert_int_equal(facts->height, 701);
    assert_int_equal(facts->level_count, 5);
    assert_int_equal(facts->levels[1].width, 500);
    assert_int_equal(facts->levels[1].height, 351);
    assert_int_equal(facts->levels[4].width, 63);
    assert_int_equal(facts->levels[4].height, 44);
    assert_int_equal(facts->levels[0].tile_width, 256);
    assert_int_equal(facts->levels[0].tile_height, 128);
    assert_int_equal(facts->levels[3].tile_width, 32);
    assert_int_equal(facts->levels[3].tile_height, 16);
    assert_int_equal(facts->layout, IIIF_LAYOUT_RGB);
    assert_int_equal(facts->color_class, IIIF_CLASS_COLOR);
    assert_int_equal(facts->precision, 8);
    assert_int_equal(facts->unit, IIIF_UNIT_CM);
    assert_true(fabs(facts->pixels_per_unit_x - 150) < 1e-9);
    assert_true(fabs(facts->pixels_per_unit_y - 118.11) < 1e-9);
    assert_string_equal(facts->decoder, "jp2");
    assert_string_equal(facts->media_type, "image/jp2");
    assert_false(facts->has_profile);
    kit_close(&kit);
    bytes_free(&file);
    bytes_free(&header);
    bytes_free(&code);
}

/* Sizes with an image offset are ceil of each end (B-15), not of the difference. */
static void test_offset_sizes(void **state)
{
    make_t m = {.x0 = 7, .y0 = 8, .x1 = 108, .y1 = 108, .tile_w = 50, .tile_h = 50, .tile_x0 = 7, .tile_y0 = 8};
    bytes_t code = make_codestream(&m);
    kit_t kit;

    (void)state;
    must_open(&kit, &code);
    assert_int_equal(kit.dec->facts.width, 101);
    assert_int_equal(kit.dec->facts.levels[1].width, 54 - 4);
    assert_int_equal(kit.dec->facts.levels[1].height, 54 - 4);
    assert_int_equal(kit.dec->facts.levels[3].width, 14 - 1);
    assert_int_equal(kit.dec->facts.levels[0].tile_width, 0); /* no grid from the image's corner at each level */
    kit_close(&kit);
    bytes_free(&code);
}

static void test_limits(void **state)
{
    make_t m = {.x1 = 100, .y1 = 100};
    bytes_t code = make_codestream(&m);
    iiif_dec_options_t page = {2, 0};
    iiif_dec_t *dec;
    kit_t kit;

    (void)state;
    assert_int_equal(kit_open(&kit, &code, 9999), IIIF_E_TOO_LARGE);
    kit_close(&kit);
    assert_int_equal(kit_open(&kit, &code, 10000), IIIF_OK);
    assert_int_equal(iiif_dec_jp2.open(kit.src, &page, &kit.work, &dec, &kit.err), IIIF_E_NOT_FOUND);
    kit_close(&kit);
    bytes_free(&code);
}

/* --- colour ---------------------------------------------------------------------------------------------------- */

static void check_jp2(const make_t *m, bytes_t *header, const expect_t *expect, iiif_layout layout, unsigned levels,
                      double tolerance)
{
    bytes_t code = make_codestream(m), file = make_jp2(header, &code, m->x1 - m->x0, m->y1 - m->y0, m->count);
    kit_t kit;

    must_open(&kit, &file);
    assert_int_equal(kit.dec->facts.layout, layout);
    kit_close(&kit);
    compare_all(&file, &code, expect, levels, tolerance, 10);
    bytes_free(&file);
    bytes_free(&code);
    bytes_free(header);
}

static double clip(double v, double max)
{
    return v < 0 ? 0 : v > max ? max : v;
}

/* IEC 61966-2-1 Amd 1, Annex F. */
static void convert_sycc(const double *v, const unsigned *bits, unsigned depth, double *out)
{
    double max = (1 << depth) - 1, y = v[0] / ((1 << bits[0]) - 1);
    double cb = (v[1] - (1 << (bits[1] - 1))) / ((1 << bits[1]) - 1);
    double cr = (v[2] - (1 << (bits[2] - 1))) / ((1 << bits[2]) - 1);

    out[0] = floor(clip((y + 1.402 * cr) * max, max) + 0.5);
    out[1] = floor(clip((y - 0.344136 * cb - 0.714136 * cr) * max, max) + 0.5);
    out[2] = floor(clip((y + 1.772 * cb) * max, max) + 0.5);
}

static void test_sycc(void **state)
{
    make_t m = {.x0 = 0, .x1 = 161, .y1 = 123, .count = 3, .dx = {1, 2, 2}, .dy = {1, 2, 2}};
    expect_t expect = {3, {0, 1, 2}, 8, convert_sycc};
    bytes_t header = {NULL, 0, 0, 0}, code;

    (void)state;
    put_colr(&header, 18);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGB, 4, 1); /* 1: what single precision may round otherwise */
    m.x0 = 5;
    m.y0 = 3;
    m.tile_w = m.tile_h = 33;
    put_colr(&header, 18);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGB, 4, 1);
    m.dy[1] = m.dy[2] = 1;
    put_colr(&header, 24);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGB, 4, 1);
    m = (make_t){.x1 = 61, .y1 = 43, .count = 3, .bits = {12, 10, 10}, .sign = {false, true, true}};
    expect.depth = 16;
    put_colr(&header, 18);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGB, 4, 1);
    /* A bare codestream with subsampled chroma cannot be RGB. */
    m = (make_t){.x1 = 61, .y1 = 43, .count = 3, .dx = {1, 2, 2}, .dy = {1, 2, 2}};
    expect.depth = 8;
    code = make_codestream(&m);
    compare_all(&code, &code, &expect, 4, 1, 5);
    bytes_free(&code);
}

/* Odd steps, 3 to 1 and 4 to 1, and RGB that is said to be RGB. */
static void test_subsampling(void **state)
{
    make_t m = {.x0 = 4, .y0 = 5, .x1 = 161, .y1 = 123, .count = 3, .dx = {1, 3, 4}, .dy = {1, 1, 3}};
    expect_t expect = plain_expect(3, 8);
    bytes_t header = {NULL, 0, 0, 0};

    (void)state;
    put_colr(&header, 16);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGB, 4, 0);
    m.tile_w = 40;
    m.tile_h = 31;
    m.x1 = 166; /* 2.5 cannot decode some tiles without any sample of a component: the last has some of each */
    m.resolutions = 3;
    put_colr(&header, 16);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGB, 3, 0);
    /* All components at half: then that is the pixel. */
    m = (make_t){.x1 = 161, .y1 = 123, .count = 3, .dx = {2, 2, 2}, .dy = {2, 2, 2}};
    put_colr(&header, 16);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGB, 4, 0);
}

static void test_cmyk(void **state)
{
    make_t m = {.x1 = 80, .y1 = 60, .count = 4};
    expect_t expect = plain_expect(4, 8);
    bytes_t header = {NULL, 0, 0, 0};

    (void)state;
    put_colr(&header, 12);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_CMYK, 4, 0);
}

static void test_channel_definitions(void **state)
{
    static const unsigned bgra[4][3] = {{0, 0, 3}, {1, 0, 2}, {2, 0, 1}, {3, 1, 0}};
    static const unsigned argb[4][3] = {{0, 1, 0}, {1, 0, 1}, {2, 0, 2}, {3, 0, 3}};
    static const unsigned no_alpha[2][3] = {{0, 0, 1}, {1, 65535, 65535}};
    make_t m = {.x1 = 80, .y1 = 60, .count = 4};
    expect_t expect = {4, {2, 1, 0, 3}, 8, NULL};
    bytes_t header = {NULL, 0, 0, 0};

    (void)state;
    put_colr(&header, 16);
    put_cdef(&header, 4, bgra);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGBA, 4, 0);
    expect = (expect_t){4, {1, 2, 3, 0}, 8, NULL};
    put_colr(&header, 16);
    put_cdef(&header, 4, argb);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGBA, 4, 0);
    /* A fourth component of which nothing is said is no alpha. */
    expect = plain_expect(3, 8);
    put_colr(&header, 16);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGB, 4, 0);
    /* A second one is, unless it is said not to be. */
    m.count = 2;
    expect = plain_expect(2, 8);
    put_colr(&header, 17);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_GRAYA, 4, 0);
    expect = plain_expect(1, 8);
    put_colr(&header, 17);
    put_cdef(&header, 2, no_alpha);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_GRAY, 4, 0);
}

static void convert_premultiplied(const double *v, const unsigned *bits, unsigned depth, double *out)
{
    (void)bits;
    (void)depth;
    for (int c = 0; c < 3; c++)
        out[c] = v[3] == 0 ? 0 : clip(floor(v[c] * 255 / v[3] + 0.5), 255);
    out[3] = v[3];
}

static void test_premultiplied(void **state)
{
    static const unsigned lines[4][3] = {{0, 0, 1}, {1, 0, 2}, {2, 0, 3}, {3, 2, 0}};
    make_t m = {.x1 = 80, .y1 = 60, .count = 4};
    expect_t expect = {4, {0, 1, 2, 3}, 8, convert_premultiplied};
    bytes_t header = {NULL, 0, 0, 0};

    (void)state;
    put_colr(&header, 16);
    put_cdef(&header, 4, lines);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGBA, 4, 0);
}

static void convert_inverse(const double *v, const unsigned *bits, unsigned depth, double *out)
{
    (void)depth;
    out[0] = v[0] / ((1 << bits[0]) - 1) * -255 + 255;
}

static void test_bilevel(void **state)
{
    make_t m = {.x1 = 80, .y1 = 60, .count = 1, .bits = {1}};
    expect_t expect = {1, {0}, 8, convert_inverse};
    bytes_t header = {NULL, 0, 0, 0};

    (void)state;
    put_colr(&header, 0); /* bi-level, 0 is white */
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_GRAY, 1, 0);
    expect.convert = NULL;
    put_colr(&header, 15); /* 0 is black */
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_GRAY, 1, 0);
}

/* 15444-2 M.11.7.4.1 with its defaults, and the layout of iiif_raster.h. */
static void convert_lab(const double *v, const unsigned *bits, unsigned depth, double *out)
{
    double max = (1 << depth) - 1, half = 1 << (bits[1] - 1);
    double l = v[0] * 100 / ((1 << bits[0]) - 1), a = (v[1] - half) * 170 / ((1 << bits[1]) - 1);
    double b = (v[2] - half * 0.75) * 200 / ((1 << bits[2]) - 1);

    out[0] = clip(floor(l / 100 * max + 0.5), max);
    out[1] = clip(floor((a + 128) * max / 255 + 0.5), max);
    out[2] = clip(floor((b + 128) * max / 255 + 0.5), max);
}

static void convert_lab_told(const double *v, const unsigned *bits, unsigned depth, double *out)
{
    double max = (1 << depth) - 1, unit = (1 << bits[0]) - 1;

    out[0] = clip(floor((v[0] - 10) * 80 / unit / 100 * max + 0.5), max);
    out[1] = clip(floor(((v[1] - 100) * 255 / unit + 128) * max / 255 + 0.5), max);
    out[2] = clip(floor(((v[2] - 128) * 255 / unit + 128) * max / 255 + 0.5), max);
}

static void test_lab(void **state)
{
    make_t m = {.x1 = 80, .y1 = 60, .count = 3};
    expect_t expect = {3, {0, 1, 2}, 8, convert_lab};
    bytes_t header = {NULL, 0, 0, 0};

    (void)state;
    put_colr(&header, 14);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_LAB, 4, 0);
    m.bits[0] = m.bits[1] = m.bits[2] = 16;
    expect.depth = 16;
    put_colr(&header, 14);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_LAB, 4, 1); /* 1: ties */
    m.bits[0] = m.bits[1] = m.bits[2] = 8;
    expect = (expect_t){3, {0, 1, 2}, 8, convert_lab_told};
    bytes_be(&header, 4, 15 + 28);
    bytes_put(&header, "colr\1\0\0", 7);
    bytes_be(&header, 4, 14);
    bytes_be(&header, 8, 80ull << 32 | 10);
    bytes_be(&header, 8, 255ull << 32 | 100);
    bytes_be(&header, 8, 255ull << 32 | 128);
    bytes_be(&header, 4, 0x00443530); /* D50 */
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_LAB, 4, 0);
}

static uint8_t palette_value(unsigned entry, unsigned column)
{
    return (uint8_t)(entry * (7 + column * 5) + column * 40);
}

static void put_palette(bytes_t *header, unsigned entries, unsigned columns)
{
    put_colr(header, columns == 1 ? 17 : 16);
    bytes_be(header, 4, 8 + 3 + columns + entries * columns);
    bytes_put(header, "pclr", 4);
    bytes_be(header, 2, entries);
    bytes_be(header, 1, columns);
    for (unsigned c = 0; c < columns; c++)
        bytes_be(header, 1, 7);
    for (unsigned i = 0; i < entries; i++)
        for (unsigned c = 0; c < columns; c++)
            bytes_be(header, 1, palette_value(i, c));
    bytes_be(header, 4, 8 + 4 * columns);
    bytes_put(header, "cmap", 4);
    for (unsigned c = 0; c < columns; c++)
        bytes_be(header, 4, 0x0100 | c);
}

static void convert_palette(const double *v, const unsigned *bits, unsigned depth, double *out)
{
    (void)bits;
    (void)depth;
    for (unsigned c = 0; c < 3; c++) /* the palette has 12 entries: what is beyond counts as its last */
        out[c] = palette_value((unsigned)(v[0] > 11 ? 11 : v[0]), c);
}

static void test_palette(void **state)
{
    make_t m = {.x1 = 80, .y1 = 60, .count = 1, .bits = {4}};
    expect_t expect = {3, {0, 0, 0}, 8, convert_palette};
    bytes_t header = {NULL, 0, 0, 0};

    (void)state;
    put_palette(&header, 12, 3);
    check_jp2(&m, &header, &expect, IIIF_LAYOUT_RGB, 1, 0); /* indices are never reduced */
}

/* Channels that point nowhere. */
static void test_bad_mapping(void **state)
{
    make_t m = {.x1 = 80, .y1 = 60, .count = 1, .bits = {4}};
    bytes_t code = make_codestream(&m), header = {NULL, 0, 0, 0}, file;
    kit_t kit;

    (void)state;
    put_palette(&header, 12, 3);
    header.data[header.length - 1] = 3; /* column 3 of 3 */
    file = make_jp2(&header, &code, 80, 60, 1);
    assert_int_equal(kit_open(&kit, &file, 0), IIIF_E_BAD_MASTER);
    kit_close(&kit);
    bytes_free(&file);
    header.data[header.length - 1] = 2;
    header.data[header.length - 3] = 1; /* component 1 of 1 */
    file = make_jp2(&header, &code, 80, 60, 1);
    assert_int_equal(kit_open(&kit, &file, 0), IIIF_E_BAD_MASTER);
    kit_close(&kit);
    bytes_free(&file);
    bytes_free(&header);
    bytes_free(&code);
}

static void test_profile(void **state)
{
    make_t m = {.x1 = 20, .y1 = 20, .count = 4};
    bytes_t code = make_codestream(&m), header = {NULL, 0, 0, 0}, file;
    uint8_t icc[300];
    const uint8_t *data;
    size_t length;
    kit_t kit;

    (void)state;
    for (unsigned i = 0; i < sizeof(icc); i++)
        icc[i] = (uint8_t)i;
    memcpy(icc, "\0\0\1\x2c", 4);
    memcpy(icc + 16, "CMYK", 4);
    bytes_be(&header, 4, 11 + sizeof(icc));
    bytes_put(&header, "colr\3\0\0", 7);
    bytes_put(&header, icc, sizeof(icc));
    file = make_jp2(&header, &code, 20, 20, 4);
    must_open(&kit, &file);
    assert_true(kit.dec->facts.has_profile);
    assert_int_equal(kit.dec->facts.layout, IIIF_LAYOUT_CMYK);
    assert_int_equal(iiif_dec_jp2.profile(kit.dec, &data, &length, &kit.err), IIIF_OK);
    assert_int_equal(length, sizeof(icc));
    assert_memory_equal(data, icc, sizeof(icc));
    kit_close(&kit);
    bytes_free(&file);
    bytes_free(&header);
    bytes_free(&code);
}

/* --- high throughput ------------------------------------------------------------------------------------------- */

static bytes_t load(const char *name)
{
    static const char here[] = __FILE__;
    bytes_t out = {NULL, 0, 0, 0};
    char path[1024], buffer[4096];
    FILE *file;
    size_t n;

    snprintf(path, sizeof(path), "%.*s../data/%s", (int)(sizeof(here) - sizeof("test_dec_jp2.c")), here, name);
    file = fopen(path, "rb");
    while (file != NULL && (n = fread(buffer, 1, sizeof(buffer), file)) > 0)
        bytes_put(&out, buffer, n);
    if (file != NULL)
        fclose(file);
    if (out.length == 0)
        fail_msg("%s is missing; run from the top of the source", path);
    return out;
}

/* The picture that the files hold, losslessly; see tests/data/README.md. */
static uint8_t ht_sample(uint32_t x, uint32_t y, unsigned c)
{
    return (uint8_t)((c == 0 ? 2 * x + y : c == 1 ? x * y / 16 : 255 - x + 3 * y) & 255);
}

static void check_ht(const char *name, iiif_access access)
{
    bytes_t file = load(name), *code = &file;
    expect_t expect = plain_expect(3, 8);
    uint8_t *got;
    kit_t kit;

    must_open(&kit, &file);
    assert_int_equal(kit.dec->facts.access, access);
    assert_int_equal(kit.dec->facts.width, 120);
    assert_int_equal(kit.dec->facts.height, 90);
    for (unsigned i = 0; i < 20; i++) {
        iiif_rect_t rect = {below(120), below(90), 0, 0};

        rect.w = 1 + below(120 - rect.x);
        rect.h = 1 + below(90 - rect.y);
        got = read_window(&kit, 0, rect, 9);
        if (got == NULL)
            fail_msg("%d %s", kit.err.id, kit.err.detail);
        for (uint32_t y = 0; y < rect.h; y++)
            for (uint32_t x = 0; x < rect.w * 3; x++)
                assert_int_equal(got[y * rect.w * 3 + x], ht_sample(rect.x + x / 3, rect.y + y, x % 3));
        free(got);
    }
    kit_close(&kit);
    compare_all(&file, code, &expect, 4, 0, 10);
    bytes_free(&file);
}

static void test_ht(void **state)
{
    (void)state;
    check_ht("ht-untiled.j2c", IIIF_ACCESS_WHOLE);
    check_ht("ht-tiled.j2c", IIIF_ACCESS_TILES);
}

/* --- damage ------------------------------------------------------------------------------------------------------- */

/* Decodes what can be; the size must stay what it is. */
static iiif_rc try_all(const bytes_t *file, uint32_t width, uint32_t height)
{
    kit_t kit;
    iiif_rc rc = kit_open(&kit, file, 0);

    kit.mem.limit = (size_t)256 << 20;
    if (rc == IIIF_OK) {
        const iiif_facts_t *facts = &kit.dec->facts;
        unsigned level = facts->level_count - 1u;
        uint8_t *got;

        if (width != 0) {
            assert_int_equal(facts->width, width);
            assert_int_equal(facts->height, height);
        }
        if ((uint64_t)facts->width * facts->height <= 1000000) {
            got = read_window(&kit, 0, (iiif_rect_t){0, 0, facts->width, facts->height}, 64);
            if (got == NULL)
                rc = kit.err.kind;
            free(got);
            got = read_window(&kit, level, (iiif_rect_t){0, 0, facts->levels[level].width, 1}, 64);
            free(got);
        }
    }
    if (rc != IIIF_OK) {
        assert_int_equal(rc, kit.err.kind);
        assert_in_range(kit.err.id, 1000, 9999);
        assert_true(strlen(kit.err.detail) > 10);
    }
    kit_close(&kit);
    return rc;
}

static void check_truncation(make_t m, bool boxed)
{
    bytes_t code = make_codestream(&m), header = {NULL, 0, 0, 0}, file;

    put_colr(&header, 16);
    file = boxed ? make_jp2(&header, &code, m.x1, m.y1, m.count) : code;
    assert_int_equal(try_all(&file, m.x1, m.y1), IIIF_OK);
    for (size_t i = 0; i < 64; i++) {
        bytes_t cut = file;
        iiif_rc rc;

        cut.length = file.length * i / 64;
        cut.data = malloc(cut.length + 1); /* of its own, so that reading beyond it is seen */
        memcpy(cut.data, file.data, cut.length);
        rc = cut.length == 0 ? IIIF_E_BAD_MASTER : try_all(&cut, 0, 0);
        if (rc == IIIF_OK)
            fail_msg("%zu of %zu bytes are taken for the whole", cut.length, file.length);
        free(cut.data);
    }
    /* Without the end marker nothing is missing. */
    file.length -= 2;
    assert_int_equal(try_all(&file, m.x1, m.y1), IIIF_OK);
    if (boxed)
        bytes_free(&file);
    bytes_free(&code);
    bytes_free(&header);
}

static void test_truncation(void **state)
{
    (void)state;
    check_truncation((make_t){.x1 = 200, .y1 = 150, .count = 3, .mct = true}, true);
    check_truncation((make_t){.x1 = 200, .y1 = 150, .count = 3, .mct = true, .tile_w = 64, .tile_h = 64}, false);
    check_truncation((make_t){.x1 = 200, .y1 = 150, .count = 3, .mct = true, .tile_w = 64, .tile_h = 64, .tile_parts = 'R'},
                     true);
}

static void check_flips(make_t m, unsigned times)
{
    bytes_t code = make_codestream(&m), header = {NULL, 0, 0, 0}, file;
    unsigned good = 0;

    put_colr(&header, 16);
    file = make_jp2(&header, &code, m.x1, m.y1, m.count);
    for (unsigned i = 0; i < times; i++) {
        /* Half of them in the headers, where they hurt. */
        size_t at = i & 1 ? below((uint32_t)file.length) : below(200);
        uint8_t was = file.data[at];

        file.data[at] = (uint8_t)(was ^ (1u << below(8)));
        if (try_all(&file, 0, 0) == IIIF_OK)
            good++;
        file.data[at] = was;
    }
    assert_true(good > 0 && good < times);
    bytes_free(&file);
    bytes_free(&code);
    bytes_free(&header);
}

static void test_flips(void **state)
{
    (void)state;
    check_flips((make_t){.x1 = 120, .y1 = 90, .count = 3, .mct = true, .csty = 6}, 200);
    check_flips((make_t){.x1 = 120, .y1 = 90, .count = 3, .mct = true, .tile_w = 40, .tile_h = 40, .precinct = 32,
                         .layers = 2, .order = OPJ_RPCL},
                200);
}

static void test_memory(void **state)
{
    make_t m = {.x1 = 120, .y1 = 90, .count = 1, .bits = {4}, .tile_w = 50, .tile_h = 50};
    bytes_t code = make_codestream(&m), header = {NULL, 0, 0, 0}, file;
    bool done = false;

    (void)state;
    put_palette(&header, 12, 3);
    file = make_jp2(&header, &code, 120, 90, 1);
    for (unsigned long n = 1; !done; n++) {
        kit_t kit;
        iiif_dec_options_t options = {1, 0};
        iiif_rc rc;
        uint8_t *got = NULL;

        assert_true(n < 2000);
        memset(&kit, 0, sizeof(kit));
        kit.work.mem = &kit.mem;
        assert_int_equal(iiif_src_open_memory(file.data, file.length, &kit.mem, &kit.src, &kit.err), IIIF_OK);
        kit.mem.calls = 0;
        kit.mem.fail_at = n;
        rc = iiif_dec_jp2.open(kit.src, &options, &kit.work, &kit.dec, &kit.err);
        if (rc == IIIF_OK) {
            got = read_window(&kit, 0, (iiif_rect_t){0, 0, 120, 90}, 20);
            rc = got == NULL ? kit.err.kind : IIIF_OK;
        }
        done = rc == IIIF_OK;
        if (!done)
            assert_int_equal(rc, IIIF_E_NO_MEMORY);
        free(got);
        kit_close(&kit);
    }
    bytes_free(&file);
    bytes_free(&header);
    bytes_free(&code);
}

static bool gone(void *context)
{
    (void)context;
    return true;
}

static void test_cancel(void **state)
{
    make_t m = {.x1 = 120, .y1 = 90};
    bytes_t code = make_codestream(&m);
    kit_t kit;

    (void)state;
    must_open(&kit, &code);
    kit.cancel.gone = gone;
    assert_null(read_window(&kit, 0, (iiif_rect_t){0, 0, 120, 90}, 20));
    assert_int_equal(kit.err.kind, IIIF_E_CANCELLED);
    memset(&kit.cancel, 0, sizeof(kit.cancel));
    kit.cancel.deadline_ns = 1;
    assert_null(read_window(&kit, 0, (iiif_rect_t){0, 0, 120, 90}, 20));
    assert_int_equal(kit.err.kind, IIIF_E_TIMEOUT);
    kit_close(&kit);
    bytes_free(&code);
}

/* A disk that fails after some reads is an I/O error, not a damaged master. */
static int64_t failing_read(iiif_src_t *src, uint64_t offset, void *buffer, size_t n)
{
    if (src->bytes_read > (uint64_t)src->fd)
        return -1;
    memcpy(buffer, src->memory + offset, n);
    return (int64_t)n;
}

static void test_io_error(void **state)
{
    make_t m = {.x1 = 300, .y1 = 300, .count = 3, .tile_w = 64, .tile_h = 64};
    bytes_t code = make_codestream(&m);
    iiif_rc last = IIIF_E_IO;

    (void)state;
    for (int after = 0; last != IIIF_OK; after += 7001) {
        iiif_dec_options_t options = {1, 0};
        kit_t kit;
        uint8_t *got = NULL;

        memset(&kit, 0, sizeof(kit));
        kit.work.mem = &kit.mem;
        assert_int_equal(iiif_src_open_memory(code.data, code.length, &kit.mem, &kit.src, &kit.err), IIIF_OK);
        kit.src->read_at = failing_read;
        kit.src->fd = after;
        last = iiif_dec_jp2.open(kit.src, &options, &kit.work, &kit.dec, &kit.err);
        if (last == IIIF_OK) {
            got = read_window(&kit, 0, (iiif_rect_t){0, 0, 300, 300}, 50);
            last = got == NULL ? kit.err.kind : IIIF_OK;
        }
        assert_true(last == IIIF_OK || last == IIIF_E_IO);
        free(got);
        kit_close(&kit);
    }
    bytes_free(&code);
}

static void test_window_outside(void **state)
{
    make_t m = {.x1 = 120, .y1 = 90};
    bytes_t code = make_codestream(&m);
    iiif_dec_window_t bad[] = {{4, {0, 0, 1, 1}}, {0, {120, 0, 1, 1}}, {0, {0, 0, 121, 1}}, {0, {0, 89, 1, 2}},
                               {0, {0, 0, 0, 1}}, {0, {1, 1, UINT32_MAX, 1}}};
    kit_t kit;

    (void)state;
    must_open(&kit, &code);
    for (unsigned i = 0; i < IIIF_COUNT(bad); i++)
        assert_int_equal(iiif_dec_jp2.window(kit.dec, &bad[i], &kit.err), IIIF_E_INTERNAL);
    kit_close(&kit);
    bytes_free(&code);
}

static void test_bid(void **state)
{
    static const uint8_t jp2[] = {0, 0, 0, 12, 'j', 'P', ' ', ' ', 13, 10, 0x87, 10, 0, 0}, raw[] = {0xFF, 0x4F, 0xFF, 0x51};
    static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF, 0xE0};

    (void)state;
    assert_int_equal(iiif_dec_jp2.bid(jp2, sizeof(jp2)), 100);
    assert_int_equal(iiif_dec_jp2.bid(jp2, 11), 0);
    assert_int_equal(iiif_dec_jp2.bid(raw, sizeof(raw)), 100);
    assert_int_equal(iiif_dec_jp2.bid(raw, 3), 0);
    assert_int_equal(iiif_dec_jp2.bid(jpeg, sizeof(jpeg)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bid),          cmocka_unit_test(test_untiled),
        cmocka_unit_test(test_lossy_edges),  cmocka_unit_test(test_tiled),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_progressions), cmocka_unit_test(test_block_styles),
        cmocka_unit_test(test_depths),       cmocka_unit_test(test_one_bit),
        cmocka_unit_test(test_bands),        cmocka_unit_test(test_reads_little),
        cmocka_unit_test(test_facts),        cmocka_unit_test(test_offset_sizes),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_sycc),
        cmocka_unit_test(test_subsampling),  cmocka_unit_test(test_cmyk),
        cmocka_unit_test(test_channel_definitions), cmocka_unit_test(test_premultiplied),
        cmocka_unit_test(test_bilevel),      cmocka_unit_test(test_lab),
        cmocka_unit_test(test_palette),      cmocka_unit_test(test_bad_mapping),
        cmocka_unit_test(test_profile),      cmocka_unit_test(test_ht),
        cmocka_unit_test(test_truncation),   cmocka_unit_test(test_flips),
        cmocka_unit_test(test_memory),       cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_io_error),     cmocka_unit_test(test_window_outside),
    };

    srand(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
