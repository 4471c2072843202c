/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Composed codestreams: every window, at every reduction, of every way to code a picture has the samples of a full decode, bit for bit.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "j2k_kit.h"

static unsigned long windows_compared;

/* --- comparing -------------------------------------------------------------------------------------------------- */

static uint32_t ceil_shift(uint32_t v, unsigned r)
{
    return (uint32_t)(((uint64_t)v + (1u << r) - 1) >> r);
}

/* One component of decoded planes against the full decode, over the window [x0, x1) × [y0, y1) of the reference grid. */
static void compare_plane(const iiif_j2k_plane_t *plane, const opj_image_t *image, unsigned c, unsigned reduce,
                          iiif_span_t x, iiif_span_t y, const char *what)
{
    const opj_image_comp_t *comp = &image->comps[c];
    uint32_t left = ceil_shift(make_ceil(image->x0, comp->dx), reduce), top = ceil_shift(make_ceil(image->y0, comp->dy), reduce);
    uint32_t x0 = ceil_shift(make_ceil(x.from, comp->dx), reduce), x1 = ceil_shift(make_ceil(x.to, comp->dx), reduce);
    uint32_t y0 = ceil_shift(make_ceil(y.from, comp->dy), reduce), y1 = ceil_shift(make_ceil(y.to, comp->dy), reduce);

    for (uint32_t j = y0; j < y1; j++) {
        for (uint32_t i = x0; i < x1; i++) {
            int32_t want = comp->data[(size_t)(j - top) * comp->w + (i - left)], have;

            assert_true(i >= plane->x && i - plane->x < plane->width && j >= plane->y && j - plane->y < plane->height);
            have = plane->data[(size_t)(j - plane->y) * plane->width + (i - plane->x)];
            if (have != want)
                fail_msg("%s: reduce %u window x %u-%u y %u-%u component %u at %u,%u: %d, should be %d", what, reduce, x.from,
                         x.to, y.from, y.to, c, i, j, have, want);
        }
    }
}

static void compare_window(code_kit_t *kit, iiif_j2k_virtual_t *v, const opj_image_t *image, unsigned reduce, iiif_span_t x,
                           iiif_span_t y, const char *what)
{
    iiif_j2k_planes_t planes;
    iiif_rc rc = iiif_j2k_virtual_decode(v, reduce, x, y, &kit->work, &planes, &kit->err);

    if (rc != IIIF_OK)
        fail_msg("%s: reduce %u window x %u-%u y %u-%u: %d %s", what, reduce, x.from, x.to, y.from, y.to, kit->err.id,
                 kit->err.detail);
    assert_int_equal(planes.count, image->numcomps);
    for (unsigned c = 0; c < planes.count; c++)
        compare_plane(&planes.planes[c], image, c, reduce, x, y, what);
    iiif_j2k_planes_free(&planes, &kit->mem);
    windows_compared++;
}

static iiif_span_t random_span(iiif_span_t all, uint32_t most)
{
    iiif_span_t span;

    span.from = all.from + below(all.to - all.from);
    span.to = span.from + 1 + below(iiif_min_u32(all.to - span.from, most));
    if (below(8) == 0)
        span.from = all.from;
    if (below(8) == 0)
        span.to = all.to;
    return span;
}

/* Windows that hold samples at the reduction. */
static bool has_samples(const code_kit_t *kit, unsigned reduce, iiif_span_t x, iiif_span_t y)
{
    (void)kit;
    return ceil_shift(x.from, reduce) < ceil_shift(x.to, reduce) && ceil_shift(y.from, reduce) < ceil_shift(y.to, reduce);
}

static void check_bytes(const bytes_t *code, unsigned count, const char *what)
{
    code_kit_t kit;
    iiif_j2k_virtual_t v;
    unsigned levels;

    if (code_open(&kit, code->data, code->length) != IIIF_OK ||
        iiif_j2k_virtual_open(kit.src, &kit.header, &kit.tiles, &kit.mem, &v, &kit.err) != IIIF_OK)
        fail_msg("%s: %d %s", what, kit.err.id, kit.err.detail);
    levels = kit.tiles.levels;
    for (unsigned reduce = 0; reduce <= levels; reduce++) {
        opj_image_t *image = plain_decode(code, reduce);
        iiif_span_t all_x = {kit.header.x0, kit.header.x1}, all_y = {kit.header.y0, kit.header.y1};

        if (image == NULL)
            continue; /* a tile without a sample of some component: the library cannot either */
        compare_window(&kit, &v, image, reduce, all_x, all_y, what);
        for (unsigned i = 0; i < count; i++) {
            iiif_span_t x = random_span(all_x, 40u << reduce), y = random_span(all_y, 40u << reduce);

            if (has_samples(&kit, reduce, x, y))
                compare_window(&kit, &v, image, reduce, x, y, what);
        }
        opj_image_destroy(image);
    }
    iiif_j2k_virtual_free(&v, &kit.mem);
    code_close(&kit);
}

static void check(make_t m, const char *what)
{
    bytes_t code = make_codestream(&m);

    check_bytes(&code, 12, what);
    bytes_free(&code);
}

/* --- ways to code a picture ---------------------------------------------------------------------------------------- */

static const OPJ_PROG_ORDER orders[] = {OPJ_LRCP, OPJ_RLCP, OPJ_RPCL, OPJ_PCRL, OPJ_CPRL};

static void test_progressions(void **state)
{
    static const char *const extras[] = {NULL, "PLT=YES", "TLM=YES"};
    char what[100];

    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        make_t m = {.x1 = 410, .y1 = 300, .count = 3, .mct = true, .order = orders[i % 5], .layers = 1 + (int)(i % 3),
                    .block = 16, .precinct = i & 1 ? 64 : 0, .irreversible = (i & 2) != 0, .extra = extras[i / 5 % 3],
                    .csty = i % 4 == 3 ? 2 | 4 : i % 4 == 1 ? 4 : 0};

        (void)snprintf(what, sizeof(what), "progression %u case %u", i % 5, i);
        check(m, what);
    }
}

static void test_tiles(void **state)
{
    static const uint32_t sizes[][4] = {{128, 128, 0, 0}, {100, 77, 0, 0}, {63, 33, 5, 0}, {256, 50, 0, 3}, {37, 41, 11, 7}};
    static const char parts[] = {'R', 'R', 'R', 0, 'C'};
    char what[100];

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        const uint32_t *t = sizes[i % 5];
        make_t m = {.x0 = t[2] + i % 3 * 7, .y0 = t[3] + i % 2 * 5, .x1 = 330, .y1 = 260, .tile_w = t[0], .tile_h = t[1],
                    .tile_x0 = t[2], .tile_y0 = t[3], .count = 1 + i % 4, .mct = i % 4 == 2, .order = orders[i / 5 + i % 2],
                    .irreversible = i % 3 == 1 && i % 5 < 3, .block = i % 2 ? 32 : 0, .layers = 1 + (int)(i % 2),
                    .extra = i % 3 ? "PLT=YES" : NULL, .tile_parts = i < 5 ? 0 : parts[i / 5 + i % 2], .precinct = i % 4 == 1 ? 32 : 0};

        (void)snprintf(what, sizeof(what), "tiles case %u", i);
        check(m, what);
    }
}

static void test_offsets(void **state)
{
    char what[100];

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        make_t m = {.x0 = 13 * i + 1, .y0 = 7 * i, .x1 = 450, .y1 = 333, .count = 3, .mct = (i & 1) != 0, .block = i % 3 ? 8 : 16,
                    .irreversible = i % 4 > 1, .resolutions = 2 + (int)(i % 5), .order = orders[i % 5],
                    .precinct = i % 3 == 2 ? 128 : 0};

        (void)snprintf(what, sizeof(what), "offset case %u", i);
        check(m, what);
    }
}

static void test_subsampling(void **state)
{
    static const unsigned steps[][6] = {{1, 1, 2, 2, 2, 2}, {1, 1, 2, 1, 2, 1}, {1, 1, 3, 1, 4, 3}, {2, 2, 2, 2, 4, 4}, {2, 1, 1, 2, 3, 3}};
    char what[100];

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        const unsigned *s = steps[i % 5];
        make_t m = {.x0 = i % 4 * 3, .y0 = i % 3, .x1 = 400, .y1 = 310, .count = 3, .dx = {s[0], s[2], s[4]}, .dy = {s[1], s[3], s[5]},
                    .block = 16, .irreversible = (i & 1) != 0, .order = orders[(i + i / 5) % 5], .tile_w = i > 9 ? 96 : 0,
                    .tile_h = 80, .precinct = i % 3 == 1 ? 64 : 0, .extra = i & 2 ? "PLT=YES" : NULL};

        (void)snprintf(what, sizeof(what), "subsampling case %u", i);
        check(m, what);
    }
}

/* Bypass, reset, termination, vertically causal, predictable termination, segmentation symbols: each, and mixed. */
static void test_block_styles(void **state)
{
    char what[100];

    (void)state;
    for (int i = 0; i < 20; i++) {
        int mode = i < 6 ? 1 << i : i < 9 ? (1 | 4) | (i - 6) << 3 : 1 + (int)below(63);
        make_t m = {.x1 = 250, .y1 = 200, .bits = {i % 2 ? 12 : 8}, .mode = mode, .block = i % 3 ? 16 : 64, .layers = 1 + i % 3,
                    .irreversible = i % 5 == 4, .order = orders[i % 5]};

        (void)snprintf(what, sizeof(what), "style %d case %d", mode, i);
        check(m, what);
    }
}

static void test_region_of_interest(void **state)
{
    (void)state;
    check((make_t){.x1 = 250, .y1 = 200, .block = 16, .shift = 7}, "region of interest");
    check((make_t){.x1 = 250, .y1 = 200, .count = 3, .mct = true, .block = 16, .shift = 12, .layers = 2}, "region of interest, layers");
}

static void test_depths_and_levels(void **state)
{
    static const unsigned bits[] = {1, 2, 5, 8, 10, 12, 16};
    char what[100];

    (void)state;
    for (unsigned i = 0; i < 14; i++) {
        make_t m = {.x1 = 200, .y1 = 160, .count = 1 + i % 4, .bits = {bits[i % 7], bits[(i + 1) % 7], bits[(i + 2) % 7], 8},
                    .sign = {i & 1, i & 2, false, true}, .resolutions = 1 + (int)(i % 8), .block = 4 << i % 4,
                    .irreversible = i % 3 == 2};

        (void)snprintf(what, sizeof(what), "depth case %u", i);
        check(m, what);
    }
}

/* Large enough for a canvas to be cut on all sides, by blocks of several sizes. */
static void test_cuts(void **state)
{
    (void)state;
    check((make_t){.x1 = 1500, .y1 = 1100, .block = 8, .irreversible = true, .extra = "PLT=YES", .precinct = 64, .layers = 2}, "cut 9/7");
    check((make_t){.x1 = 1500, .y1 = 1100, .count = 3, .mct = true, .block = 16, .order = OPJ_RPCL}, "cut 5/3");
    check((make_t){.x0 = 77, .y0 = 5, .x1 = 1500, .y1 = 1100, .block = 32, .resolutions = 3, .dx = {1}, .irreversible = true}, "cut 3");
    check((make_t){.x1 = 900, .y1 = 1500, .count = 3, .dx = {1, 2, 2}, .dy = {1, 2, 2}, .block = 8, .resolutions = 5}, "cut 4:2:0");
}

static void test_high_throughput(void **state)
{
    static const char here[] = __FILE__;
    static const char *const names[] = {"ht-tiled.j2c", "ht-untiled.j2c"};

    (void)state;
    for (unsigned i = 0; i < IIIF_COUNT(names); i++) {
        bytes_t code = {NULL, 0, 0, 0};
        char path[1024], buffer[4096];
        FILE *file;
        size_t n;

        (void)snprintf(path, sizeof(path), "%.*s../data/%s", (int)(strrchr(here, '/') + 1 - here), here, names[i]);
        file = fopen(path, "rb");
        assert_non_null(file);
        while ((n = fread(buffer, 1, sizeof(buffer), file)) > 0)
            bytes_put(&code, buffer, n);
        (void)fclose(file);
        check_bytes(&code, 40, names[i]);
        bytes_free(&code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles), cmocka_unit_test(test_progressions),
        cmocka_unit_test(test_offsets),         cmocka_unit_test(test_subsampling),
        cmocka_unit_test(test_block_styles),    cmocka_unit_test(test_region_of_interest),
        cmocka_unit_test(test_depths_and_levels), cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_high_throughput),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    printf("%lu windows compared\n", windows_compared);
    return failed;
}
