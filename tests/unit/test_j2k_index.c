/* SPDX-License-Identifier: Apache-2.0 */
/* The index: PLT and the walk through all packets tell the same; damage and bombs end in an error, without a leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "j2k_kit.h"

static const OPJ_PROG_ORDER orders[] = {OPJ_LRCP, OPJ_RLCP, OPJ_RPCL, OPJ_PCRL, OPJ_CPRL};

/* The codestream with its PLT markers turned into comments. */
static bytes_t without_plt(const bytes_t *code)
{
    bytes_t out = {NULL, 0, 0, 0};

    bytes_put(&out, code->data, code->length);
    for (size_t i = 0; i + 1 < out.length; i++) {
        if (out.data[i] == 0xFF && out.data[i + 1] == 0x58)
            out.data[i + 1] = 0x64;
    }
    return out;
}

static void compare_tiles(const bytes_t *a, const bytes_t *b)
{
    code_kit_t one, two;

    assert_int_equal(code_open(&one, a->data, a->length), IIIF_OK);
    assert_int_equal(code_open(&two, b->data, b->length), IIIF_OK);
    for (uint32_t t = 0; t < one.header.tiles_across * one.header.tiles_down; t++) {
        iiif_j2k_tile_index_t x, y;

        assert_int_equal(iiif_j2k_tile_index_read(one.src, &one.header, &one.tiles, t, &one.work, &x, &one.err), IIIF_OK);
        assert_int_equal(iiif_j2k_tile_index_read(two.src, &two.header, &two.tiles, t, &two.work, &y, &two.err), IIIF_OK);
        assert_int_equal(x.packet_count, y.packet_count);
        assert_memory_equal(x.lengths, y.lengths, x.packet_count * sizeof(*x.lengths));
        for (uint32_t i = 0; i < x.packet_count; i++)
            assert_int_equal(iiif_j2k_packet_offset(&x, i), iiif_j2k_packet_offset(&y, i));
        iiif_j2k_tile_index_free(&x, &one.mem);
        iiif_j2k_tile_index_free(&y, &two.mem);
    }
    code_close(&one);
    code_close(&two);
}

static void test_plt_and_walk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        make_t m = {.x0 = i, .y0 = 3, .x1 = 330, .y1 = 250, .count = 3, .dx = {1, 1 + i % 3, 2}, .dy = {1, 2, 1 + i % 2}, .block = 16,
                    .precinct = 32, .layers = 1 + (int)(i % 3), .order = orders[i % 5], .tile_w = i > 4 ? 128 : 0, .tile_h = 100,
                    .csty = i & 1 ? 6 : 0, .extra = "PLT=YES"};
        bytes_t code = make_codestream(&m), other = without_plt(&code);

        compare_tiles(&code, &other);
        bytes_free(&code);
        bytes_free(&other);
    }
}

/* With PLT nothing but headers is read. */
static void test_reads_little(void **state)
{
    make_t m = {.x1 = 1000, .y1 = 800, .count = 3, .mct = true, .precinct = 128, .order = OPJ_RPCL, .extra = "PLT=YES"};
    bytes_t code = make_codestream(&m);
    iiif_j2k_tile_index_t index;
    code_kit_t kit;
    uint64_t before;

    (void)state;
    assert_int_equal(code_open(&kit, code.data, code.length), IIIF_OK);
    before = kit.src->bytes_read;
    assert_int_equal(iiif_j2k_tile_index_read(kit.src, &kit.header, &kit.tiles, 0, &kit.work, &index, &kit.err), IIIF_OK);
    assert_true(kit.src->bytes_read - before < code.length / 100 + 600);
    iiif_j2k_tile_index_free(&index, &kit.mem);
    code_close(&kit);
    bytes_free(&code);
}

/* A window decodes or fails in a way that is told; never anything else. */
static void try_bytes(const uint8_t *data, size_t length)
{
    code_kit_t kit;
    iiif_j2k_virtual_t v;

    if (code_open(&kit, data, length) == IIIF_OK &&
        iiif_j2k_virtual_open(kit.src, &kit.header, &kit.tiles, &kit.mem, &v, &kit.err) == IIIF_OK) {
        iiif_span_t x = {kit.header.x0, kit.header.x1}, y = {kit.header.y0, kit.header.y1};
        iiif_j2k_planes_t planes;

        x.from += (x.to - x.from) / 3;
        kit.err.id = 0;
        if (iiif_j2k_virtual_decode(&v, 0, x, y, &kit.work, &planes, &kit.err) == IIIF_OK)
            iiif_j2k_planes_free(&planes, &kit.mem);
        else
            assert_true(kit.err.id > 0);
        iiif_j2k_virtual_free(&v, &kit.mem);
    }
    code_close(&kit);
}

static void test_damage(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        make_t m = {.x1 = 90, .y1 = 70, .count = 3, .mct = true, .block = 16, .layers = 2, .order = orders[i], .csty = i & 1 ? 6 : 0,
                    .precinct = i & 2 ? 32 : 0, .extra = i & 1 ? "PLT=YES" : NULL};
        bytes_t code = make_codestream(&m);

        for (unsigned k = 0; k < 64; k++)
            try_bytes(code.data, code.length * k / 64);
        for (unsigned k = 0; k < 150; k++) {
            size_t at = below((uint32_t)code.length);
            uint8_t bit = (uint8_t)(1u << below(8));

            code.data[at] ^= bit;
            try_bytes(code.data, code.length);
            code.data[at] ^= bit;
        }
        bytes_free(&code);
    }
}

/* 20000 layers of one packet with 10^5 code-blocks each would take hours: it is refused at once. */
static void test_layer_bomb(void **state)
{
    make_t m = {.x1 = 4, .y1 = 4, .resolutions = 1, .block = 4};
    bytes_t code = make_codestream(&m), bomb = {NULL, 0, 0, 0};
    iiif_j2k_tile_index_t index;
    code_kit_t kit;
    iiif_rc rc;
    size_t cod = 0;

    (void)state;
    while (code.data[cod] != 0xFF || code.data[cod + 1] != 0x52)
        cod++;
    bytes_put(&bomb, code.data, code.length);
    for (size_t i = 8; i < 16; i += 4) {
        static const uint8_t side[] = {0, 0, 5, 0};

        memcpy(bomb.data + i, side, 4);      /* 1280 × 1280: 102,400 blocks of 4 × 4 */
        memcpy(bomb.data + i + 16, side, 4);
    }
    bomb.data[cod + 6] = 20000 >> 8;
    bomb.data[cod + 7] = 20000 & 0xFF;
    for (size_t i = cod; i + 11 < bomb.length; i++) {
        if (bomb.data[i] == 0xFF && bomb.data[i + 1] == 0x90) {
            memset(bomb.data + i + 6, 0, 4); /* up to the end */
            bomb.length = bomb.position = i + 14;
            break;
        }
    }
    for (unsigned i = 0; i < 20000; i++)
        bytes_put(&bomb, "\x80", 1);         /* a packet in which nothing is included yet */
    rc = code_open(&kit, bomb.data, bomb.length);
    assert_int_equal(rc, IIIF_OK);
    rc = iiif_j2k_tile_index_read(kit.src, &kit.header, &kit.tiles, 0, &kit.work, &index, &kit.err);
    assert_int_equal(rc, IIIF_E_TOO_LARGE);
    assert_int_equal(kit.err.id, 2703);
    iiif_j2k_tile_index_free(&index, &kit.mem);
    code_close(&kit);
    bytes_free(&bomb);
    bytes_free(&code);
}

static void test_memory(void **state)
{
    make_t m = {.x1 = 60, .y1 = 50, .count = 3, .mct = true, .block = 16, .layers = 2, .precinct = 32};
    bytes_t code = make_codestream(&m);
    bool done = false;

    (void)state;
    for (unsigned long n = 1; !done; n++) {
        iiif_j2k_virtual_t v;
        iiif_j2k_planes_t planes;
        code_kit_t kit;
        iiif_rc rc;

        assert_true(n < 2000);
        assert_int_equal(code_open(&kit, code.data, code.length), IIIF_OK);
        kit.mem.fail_at = kit.mem.calls + n;
        rc = iiif_j2k_virtual_open(kit.src, &kit.header, &kit.tiles, &kit.mem, &v, &kit.err);
        if (rc == IIIF_OK)
            rc = iiif_j2k_virtual_decode(&v, 0, (iiif_span_t){5, 40}, (iiif_span_t){5, 40}, &kit.work, &planes, &kit.err);
        done = rc == IIIF_OK;
        assert_true(done || rc == IIIF_E_NO_MEMORY);
        if (done)
            iiif_j2k_planes_free(&planes, &kit.mem);
        iiif_j2k_virtual_free(&v, &kit.mem);
        code_close(&kit);
    }
    bytes_free(&code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plt_and_walk), cmocka_unit_test(test_reads_little), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_layer_bomb),   cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
