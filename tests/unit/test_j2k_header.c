/* SPDX-License-Identifier: Apache-2.0 */
/* Main headers and tile-parts: what is refused before the library sees it, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/codec/j2k_tiles.h"
#include "jp2_make.h"

typedef struct kit {
    iiif_mem_t mem;
    iiif_work_t work;
    iiif_src_t *src;
    iiif_j2k_header_t header;
    iiif_j2k_tiles_t tiles;
    iiif_err_t err;
    uint64_t nanoseconds;
} kit_t;

/* What a header says; zeros are sound defaults of a small gray image. */
#define NO_STEP 999u

typedef struct head {
    uint32_t x1, y1, x0, y0, tile_w, tile_h, tile_x0, tile_y0;
    unsigned components, bits, dx;
    unsigned levels, block_w, block_h; /* exponents − 2 */
    unsigned precinct;                 /* byte for all levels; 0 none */
    unsigned layers, progression, mct, style, transform;
    bool no_cod, no_qcd;
    const char *before;                /* segments behind SIZ, as they are */
    size_t before_length;
} head_t;

static bytes_t make_head(const head_t *h)
{
    bytes_t b = {NULL, 0, 0, 0};
    unsigned count = h->components ? h->components : 1, levels = h->levels;

    bytes_be(&b, 4, 0xFF4FFF51u);
    bytes_be(&b, 2, (38 + 3 * count) & 0xFFFF);
    bytes_be(&b, 2, 0);
    bytes_be(&b, 4, h->x1 ? h->x1 : 100);
    bytes_be(&b, 4, h->y1 ? h->y1 : 80);
    bytes_be(&b, 4, h->x0);
    bytes_be(&b, 4, h->y0);
    bytes_be(&b, 4, h->tile_w ? h->tile_w : h->x1 ? h->x1 : 100);
    bytes_be(&b, 4, h->tile_h ? h->tile_h : h->y1 ? h->y1 : 80);
    bytes_be(&b, 4, h->tile_x0);
    bytes_be(&b, 4, h->tile_y0);
    bytes_be(&b, 2, count);
    for (unsigned c = 0; c < count; c++) {
        bytes_be(&b, 1, h->bits ? h->bits - 1 : 7);
        bytes_be(&b, 1, h->dx == NO_STEP ? 0 : h->dx ? h->dx : 1);
        bytes_be(&b, 1, 1);
    }
    bytes_put(&b, h->before, h->before_length);
    if (!h->no_cod) {
        bytes_be(&b, 2, 0xFF52);
        bytes_be(&b, 2, 12 + (h->precinct ? levels + 1 : 0));
        bytes_be(&b, 1, h->precinct ? 1 : 0);
        bytes_be(&b, 1, h->progression);
        bytes_be(&b, 2, h->layers ? h->layers : 1);
        bytes_be(&b, 1, h->mct);
        bytes_be(&b, 1, levels);
        bytes_be(&b, 1, h->block_w ? h->block_w : 4);
        bytes_be(&b, 1, h->block_h ? h->block_h : 4);
        bytes_be(&b, 1, h->style);
        bytes_be(&b, 1, h->transform);
        for (unsigned r = 0; h->precinct && r <= levels; r++)
            bytes_be(&b, 1, h->precinct);
    }
    if (!h->no_qcd) {
        bytes_be(&b, 2, 0xFF5C);
        bytes_be(&b, 2, 3 + 3 * levels + 1);
        bytes_be(&b, 1, 0x40);
        for (unsigned i = 0; i < 3 * levels + 1; i++)
            bytes_be(&b, 1, 0x48);
    }
    return b;
}

static void put_part(bytes_t *b, unsigned tile, uint32_t length, unsigned part, unsigned parts, const char *head,
                     size_t head_length, size_t data)
{
    bytes_be(b, 4, 0xFF90000Au);
    bytes_be(b, 2, tile);
    bytes_be(b, 4, length);
    bytes_be(b, 1, part);
    bytes_be(b, 1, parts);
    bytes_put(b, head, head_length);
    bytes_be(b, 2, 0xFF93);
    for (size_t i = 0; i < data; i++)
        bytes_be(b, 1, 0);
}

static iiif_rc open_code(kit_t *kit, const bytes_t *code)
{
    uint64_t start;
    iiif_rc rc;

    memset(kit, 0, sizeof(*kit));
    kit->work.mem = &kit->mem;
    assert_int_equal(iiif_src_open_memory(code->data, code->length, &kit->mem, &kit->src, &kit->err), IIIF_OK);
    start = iiif_now_ns();
    rc = iiif_j2k_header_read(kit->src, 0, code->length, 0, &kit->work, &kit->header, &kit->err);
    if (rc == IIIF_OK)
        rc = iiif_j2k_tiles_read(kit->src, &kit->header, &kit->work, &kit->tiles, &kit->err);
    kit->nanoseconds = iiif_now_ns() - start;
    if (rc != IIIF_OK)
        assert_int_equal(rc, kit->err.kind);
    return rc;
}

static void close_code(kit_t *kit)
{
    iiif_j2k_tiles_free(&kit->tiles, &kit->mem);
    iiif_j2k_header_free(&kit->header, &kit->mem);
    iiif_src_close(kit->src);
    assert_int_equal(kit->mem.used, 0);
}

/* A header with one tile-part of `data` bytes behind it. */
static iiif_rc try_head(const head_t *h, size_t data, kit_t *kit)
{
    bytes_t code = make_head(h);
    iiif_rc rc;

    put_part(&code, 0, 0, 0, 1, NULL, 0, data);
    bytes_be(&code, 2, 0xFFD9);
    rc = open_code(kit, &code);
    close_code(kit);
    bytes_free(&code);
    return rc;
}

static void expect_head(head_t h, iiif_rc want)
{
    kit_t kit;
    iiif_rc rc = try_head(&h, 2000, &kit);

    if (rc != want)
        fail_msg("got %d (%d %s), want %d", rc, kit.err.id, kit.err.detail, want);
}

static void test_sound(void **state)
{
    (void)state;
    expect_head((head_t){.levels = 5}, IIIF_OK);
    expect_head((head_t){.levels = 32}, IIIF_OK);
    expect_head((head_t){.components = 16, .bits = 16}, IIIF_OK);
    expect_head((head_t){.x0 = 99, .y0 = 79}, IIIF_OK);
    expect_head((head_t){.levels = 2, .precinct = 0x77}, IIIF_OK);
    expect_head((head_t){.before = "\xFF\x30\xFF\x64\0\6\0\1hi", .before_length = 10}, IIIF_OK);
}

static void test_siz(void **state)
{
    (void)state;
    expect_head((head_t){.x0 = 100}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.y0 = 81}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.x1 = 0x80000000u}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.tile_x0 = 1}, IIIF_E_BAD_MASTER);                               /* begins behind the image */
    expect_head((head_t){.x0 = 50, .tile_w = 10, .tile_x0 = 20}, IIIF_E_BAD_MASTER);      /* an empty first tile */
    expect_head((head_t){.x0 = 50, .tile_w = 0xFFFFFFF0u, .tile_x0 = 40}, IIIF_OK);       /* no overflow */
    expect_head((head_t){.tile_w = 1, .tile_h = 1}, IIIF_E_BAD_MASTER);                   /* 8000 tiles in 2000 bytes */
    expect_head((head_t){.components = 17}, IIIF_E_UNSUPPORTED);
    expect_head((head_t){.components = 16384}, IIIF_E_UNSUPPORTED);
    expect_head((head_t){.components = 16385}, IIIF_E_UNSUPPORTED);
    expect_head((head_t){.bits = 17}, IIIF_E_UNSUPPORTED);
    expect_head((head_t){.bits = 39}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.dx = 255}, IIIF_OK);
    expect_head((head_t){.dx = NO_STEP}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.x0 = 97, .dx = 99}, IIIF_OK);                                   /* one sample, at 99 */
    expect_head((head_t){.x0 = 97, .dx = 96}, IIIF_E_UNSUPPORTED);                        /* none */
}

static void test_coding(void **state)
{
    (void)state;
    expect_head((head_t){.levels = 33}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.block_w = 7, .block_h = 1}, IIIF_OK);            /* 512 × 8 */
    expect_head((head_t){.block_w = 8, .block_h = 1}, IIIF_E_BAD_MASTER);  /* 1024 × 8 */
    expect_head((head_t){.block_w = 9}, IIIF_E_BAD_MASTER);                /* 2048 */
    expect_head((head_t){.block_w = 5, .block_h = 5}, IIIF_E_BAD_MASTER);  /* 128 × 128 */
    expect_head((head_t){.layers = 65535}, IIIF_E_BAD_MASTER);             /* more packets than bytes */
    expect_head((head_t){.progression = 5}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.mct = 4}, IIIF_E_UNSUPPORTED);
    expect_head((head_t){.transform = 2}, IIIF_E_UNSUPPORTED);
    expect_head((head_t){.levels = 2, .precinct = 0x07}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.no_cod = true}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.no_qcd = true}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.before = "\xFF\x72\0\2", .before_length = 4}, IIIF_E_UNSUPPORTED); /* DFS of part 2 */
    expect_head((head_t){.before = "\xFF\x64\0\1", .before_length = 4}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.before = "\xFF\x64\xFF\xFF", .before_length = 4}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.before = "\xFF\x93", .before_length = 2}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.before = "\x12\x34\0\2", .before_length = 4}, IIIF_E_BAD_MASTER);
    expect_head((head_t){.before = "\xFF\x53\0\x09\1\0\3\4\4\0\0", .before_length = 11}, IIIF_E_BAD_MASTER); /* COC of 1 of 1 */
}

/* Tiny files that claim giants: refused at once, with next to no memory. */
static void test_bombs(void **state)
{
    static const struct {
        head_t head;
        iiif_rc want;
    } bombs[] = {
        {{.x1 = 60000, .y1 = 60000, .levels = 5, .precinct = 0x66}, IIIF_E_BAD_MASTER},
        {{.x1 = 60000, .y1 = 60000, .components = 3, .levels = 5}, IIIF_E_TOO_LARGE},
        {{.x1 = 65535, .y1 = 65535, .components = 16, .levels = 32}, IIIF_E_BAD_MASTER},
        {{.x1 = 60000, .y1 = 60000, .levels = 5, .block_w = 1, .block_h = 1}, IIIF_E_TOO_LARGE},
        {{.x1 = 0x7FFFFFFF, .y1 = 0x7FFFFFFF}, IIIF_E_BAD_MASTER},
        {{.x1 = 0x7FFFFFFF, .y1 = 1, .precinct = 0x11}, IIIF_E_BAD_MASTER},
        {{.x1 = 65535, .y1 = 1, .tile_w = 1, .components = 16}, IIIF_E_BAD_MASTER},
        {{.x1 = 0x7FFFFFFF, .y1 = 0x7FFFFFFF, .tile_w = 1, .tile_h = 1}, IIIF_E_BAD_MASTER},
        {{.x1 = 100, .y1 = 80, .layers = 65535, .levels = 32, .components = 16}, IIIF_E_BAD_MASTER},
    };

    (void)state;
    for (unsigned i = 0; i < IIIF_COUNT(bombs); i++) {
        kit_t kit;
        iiif_rc rc = try_head(&bombs[i].head, 100, &kit);

        if (rc != bombs[i].want)
            fail_msg("bomb %u: got %d (%d %s)", i, rc, kit.err.id, kit.err.detail);
        assert_true(kit.nanoseconds < 50000000);
        assert_true(kit.mem.peak < 1 << 20);
    }
}

/* Honest giants pass: 400 megapixels untiled with 256-precincts and three layers, and in tiles of 256. */
static void test_giants(void **state)
{
    head_t untiled = {.x1 = 20480, .y1 = 19600, .components = 3, .levels = 6, .precinct = 0x88, .layers = 3};
    head_t tiled = {.x1 = 20480, .y1 = 19600, .tile_w = 256, .tile_h = 256, .components = 3, .levels = 6};
    bytes_t code = make_head(&tiled);
    kit_t kit;

    (void)state;
    assert_int_equal(try_head(&untiled, 30000000, &kit), IIIF_OK);
    for (unsigned t = 0; t < 80 * 77; t++)
        put_part(&code, t, 14 + 1000, 0, 1, NULL, 0, 1000);
    bytes_be(&code, 2, 0xFFD9);
    assert_int_equal(open_code(&kit, &code), IIIF_OK);
    assert_int_equal(kit.tiles.part_count, 80 * 77);
    assert_true(kit.mem.peak < 1 << 20);
    close_code(&kit);
    bytes_free(&code);
}

/* The least of all components and tiles counts: COC, and COD and COC in tile-part headers. */
static void test_levels(void **state)
{
    static const char coc[] = "\xFF\x53\0\x09\2\0\3\4\4\0\0", low_cod[] = "\xFF\x52\0\x0C\0\0\0\1\0\2\4\4\0\0";
    static const char ht_coc[] = "\xFF\x53\0\x09\1\0\1\4\4\x40\0", bad_coc[] = "\xFF\x53\0\x09\7\0\3\4\4\0\0";
    static const char bomb[] = "\xFF\x52\0\x0C\0\0\xFF\xFF\0\x20\4\4\0\0";
    head_t h = {.components = 3, .levels = 5, .tile_w = 50};
    static const struct {
        const char *main, *tile;
        size_t main_length, tile_length;
        unsigned levels;
        bool is_ht;
        iiif_rc want;
    } cases[] = {
        {NULL, NULL, 0, 0, 5, false, IIIF_OK},
        {coc, NULL, 11, 0, 3, false, IIIF_OK},     /* before COD, which must not undo it */
        {coc, low_cod, 11, 14, 2, false, IIIF_OK},
        {NULL, ht_coc, 0, 11, 1, true, IIIF_OK},
        {NULL, bad_coc, 0, 11, 0, false, IIIF_E_BAD_MASTER},
        {NULL, bomb, 0, 14, 0, false, IIIF_E_BAD_MASTER},
    };

    (void)state;
    for (unsigned i = 0; i < IIIF_COUNT(cases); i++) {
        bytes_t code;
        kit_t kit;
        iiif_rc rc;

        h.before = cases[i].main;
        h.before_length = cases[i].main_length;
        code = make_head(&h);
        put_part(&code, 0, 214, 0, 1, NULL, 0, 200);
        put_part(&code, 1, (uint32_t)(214 + cases[i].tile_length), 0, 1, cases[i].tile, cases[i].tile_length, 200);
        bytes_be(&code, 2, 0xFFD9);
        rc = open_code(&kit, &code);
        if (rc != cases[i].want)
            fail_msg("case %u: %d %d %s", i, rc, kit.err.id, kit.err.detail);
        if (rc == IIIF_OK) {
            assert_int_equal(kit.tiles.levels, cases[i].levels);
            assert_int_equal(kit.tiles.is_ht, cases[i].is_ht);
        }
        close_code(&kit);
        bytes_free(&code);
    }
}

/* One tile-part: its tile, its length as written, its number, how many there are said to be, its bytes of data. */
typedef struct part {
    unsigned tile;
    uint32_t length;
    unsigned index, count;
    size_t data;
} part_t;

static void expect_parts(const part_t *parts, unsigned count, iiif_rc want)
{
    head_t h = {.tile_w = 50};
    bytes_t code = make_head(&h);
    kit_t kit;
    iiif_rc rc;

    for (unsigned i = 0; i < count; i++)
        put_part(&code, parts[i].tile, parts[i].length, parts[i].index, parts[i].count, NULL, 0, parts[i].data);
    bytes_be(&code, 2, 0xFFD9);
    rc = open_code(&kit, &code);
    if (rc != want)
        fail_msg("got %d (%d %s), want %d", rc, kit.err.id, kit.err.detail, want);
    if (rc == IIIF_OK) {
        uint64_t bytes = iiif_j2k_tile_bytes(&kit.tiles, 0) + iiif_j2k_tile_bytes(&kit.tiles, 1);

        assert_int_equal(bytes, code.length - kit.header.tiles_offset - 2);
    }
    close_code(&kit);
    bytes_free(&code);
}

static void test_tile_parts(void **state)
{
    static const part_t sound[] = {{0, 24, 0, 1, 10}, {1, 24, 0, 1, 10}};
    static const part_t mixed[] = {{1, 24, 0, 0, 10}, {0, 24, 0, 2, 10}, {1, 24, 1, 2, 10}, {0, 0, 1, 0, 10}};
    static const part_t missing[] = {{0, 24, 0, 1, 10}};
    static const part_t half[] = {{0, 24, 0, 2, 10}, {1, 24, 0, 1, 10}};
    static const part_t order[] = {{0, 24, 1, 2, 10}, {0, 24, 0, 2, 10}, {1, 24, 0, 1, 10}};
    static const part_t beyond[] = {{0, 24, 0, 1, 10}, {2, 24, 0, 1, 10}};
    static const part_t cut[] = {{0, 24, 0, 1, 10}, {1, 27, 0, 1, 10}};
    static const part_t tiny[] = {{0, 13, 0, 1, 10}, {1, 24, 0, 1, 10}};
    static const part_t miscounted[] = {{0, 24, 0, 1, 10}, {0, 24, 1, 1, 10}, {1, 24, 0, 1, 10}};

    (void)state;
    expect_parts(sound, 2, IIIF_OK);
    expect_parts(mixed, 4, IIIF_OK);
    expect_parts(miscounted, 3, IIIF_OK);
    expect_parts(missing, 1, IIIF_E_BAD_MASTER);
    expect_parts(half, 2, IIIF_E_BAD_MASTER);
    expect_parts(order, 3, IIIF_E_BAD_MASTER);
    expect_parts(beyond, 2, IIIF_E_BAD_MASTER);
    expect_parts(cut, 2, IIIF_E_BAD_MASTER);
    expect_parts(tiny, 2, IIIF_E_BAD_MASTER);
}

/* Cut and changed anywhere: an error or not, never a read beyond, never much memory. */
static void test_hostile(void **state)
{
    make_t m = {.x1 = 200, .y1 = 150, .count = 3, .mct = true, .tile_w = 64, .tile_h = 64, .precinct = 32, .csty = 6,
                .tile_parts = 'R', .extra = "TLM=YES"};
    bytes_t code = make_codestream(&m);

    (void)state;
    for (size_t n = 1; n < 4000; n++) {
        bytes_t copy = {malloc(code.length), code.length, 0, 0};
        kit_t kit;

        memcpy(copy.data, code.data, code.length);
        if (n < 1000)
            copy.length = n;
        else
            copy.data[(size_t)rand() % 600] ^= (uint8_t)(1u << (rand() % 8));
        if (n < 1000)
            copy.data = realloc(copy.data, copy.length);
        if (open_code(&kit, &copy) == IIIF_OK)
            assert_true(n >= 1000);
        assert_true(kit.mem.peak < 4 << 20);
        close_code(&kit);
        free(copy.data);
    }
    bytes_free(&code);
}

static void test_memory(void **state)
{
    make_t m = {.x1 = 200, .y1 = 150, .tile_w = 32, .tile_h = 32};
    bytes_t code = make_codestream(&m);
    iiif_rc rc = IIIF_E_NO_MEMORY;

    (void)state;
    for (unsigned long n = 2; rc != IIIF_OK; n++) { /* 1 is the source itself */
        kit_t kit;

        assert_true(n < 30);
        memset(&kit, 0, sizeof(kit));
        kit.work.mem = &kit.mem;
        assert_int_equal(iiif_src_open_memory(code.data, code.length, &kit.mem, &kit.src, &kit.err), IIIF_OK);
        kit.mem.fail_at = n;
        rc = iiif_j2k_header_read(kit.src, 0, code.length, 0, &kit.work, &kit.header, &kit.err);
        if (rc == IIIF_OK)
            rc = iiif_j2k_tiles_read(kit.src, &kit.header, &kit.work, &kit.tiles, &kit.err);
        if (rc != IIIF_OK)
            assert_int_equal(rc, IIIF_E_NO_MEMORY);
        close_code(&kit);
    }
    bytes_free(&code);
}

/* What is dropped of a main header must be what places in the file depend on; what decoding needs must stay. */
static void test_kept(void **state)
{
    make_t m = {.x1 = 200, .y1 = 150, .count = 3, .tile_w = 64, .tile_h = 64, .extra = "TLM=YES"};
    bytes_t code = make_codestream(&m);
    unsigned seen[256] = {0};
    size_t at = 2;
    kit_t kit;

    (void)state;
    assert_int_equal(open_code(&kit, &code), IIIF_OK);
    while (at < kit.header.byte_count) {
        seen[kit.header.bytes[at + 1]]++;
        at += 2 + iiif_be16(kit.header.bytes + at + 2);
    }
    assert_int_equal(at, kit.header.byte_count);
    assert_int_equal(seen[0x51], 1); /* SIZ */
    assert_int_equal(seen[0x52], 1); /* COD */
    assert_int_equal(seen[0x5C], 1); /* QCD */
    assert_int_equal(seen[0x55], 0); /* TLM */
    assert_int_equal(seen[0x64], 0); /* COM */
    close_code(&kit);
    bytes_free(&code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),      cmocka_unit_test(test_siz),     cmocka_unit_test(test_coding),
        cmocka_unit_test(test_bombs),      cmocka_unit_test(test_giants),  cmocka_unit_test(test_levels),
        cmocka_unit_test(test_tile_parts), cmocka_unit_test(test_hostile), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_kept),
    };

    srand(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
