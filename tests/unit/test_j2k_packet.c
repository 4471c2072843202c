/* SPDX-License-Identifier: Apache-2.0 */
/* Bits, tag trees and code-block segments: what is written is read again, and hostile bits end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "j2k_kit.h"

/* After FF a byte has seven bits, and a header does not end with FF (B.10.1). */
static void test_stuffing(void **state)
{
    static const uint8_t want[] = {0xFF, 0x7F, 0x80, 0xFF, 0x00};
    iiif_mem_t mem;
    iiif_j2k_out_t out = {.mem = &mem};
    iiif_j2k_window_t window;
    iiif_j2k_bits_t bits;
    iiif_src_t *src;
    iiif_err_t err;

    (void)state;
    iiif_mem_init(&mem, 0);
    iiif_j2k_out_begin(&out);
    iiif_j2k_out_bits(&out, 16, 0xFFFF);
    iiif_j2k_out_end(&out);
    iiif_j2k_out_begin(&out);
    iiif_j2k_out_bits(&out, 8, 0xFF);
    iiif_j2k_out_end(&out);
    assert_int_equal(out.length, sizeof(want));
    assert_memory_equal(out.data, want, sizeof(want));
    assert_int_equal(iiif_src_open_memory(out.data, out.length, &mem, &src, &err), IIIF_OK);
    iiif_j2k_window_init(&window, src, 2);
    iiif_j2k_bits_init(&bits, &window, 0, 5);
    assert_int_equal(iiif_j2k_bits_read(&bits, 16), 0xFFFF);
    iiif_j2k_bits_align(&bits);
    assert_int_equal(bits.at, 3);
    iiif_j2k_bits_init(&bits, &window, 3, 5);
    assert_int_equal(iiif_j2k_bits_read(&bits, 8), 0xFF);
    iiif_j2k_bits_align(&bits);
    assert_int_equal(bits.at, 5);
    assert_false(bits.over);
    (void)iiif_j2k_bit(&bits);
    assert_true(bits.over);
    iiif_src_close(src);
    iiif_mem_free(&mem, out.data);
    assert_int_equal(mem.used, 0);
}

static void check_tree(uint32_t width, uint32_t height, unsigned most)
{
    size_t count = iiif_j2k_tree_nodes(width, height);
    iiif_j2k_node_t *written = calloc(count, sizeof(*written)), *read = calloc(count, sizeof(*read));
    iiif_mem_t mem;
    iiif_j2k_out_t out = {.mem = &mem};
    iiif_j2k_tree_t tree, again;
    iiif_j2k_window_t window;
    iiif_j2k_bits_t bits;
    iiif_src_t *src;
    iiif_err_t err;

    iiif_mem_init(&mem, 0);
    iiif_j2k_tree_start(&tree, width, height, written);
    iiif_j2k_tree_start(&again, width, height, read);
    for (size_t i = 0; i < (size_t)width * height; i++)
        tree.nodes[i].value = (uint16_t)below(most);
    iiif_j2k_tree_raise(&tree);
    iiif_j2k_out_begin(&out);
    for (uint32_t i = 0; i < width * height; i++)
        iiif_j2k_tree_write(&tree, &out, i % width, i / width, i % 2 ? tree.nodes[i].value + 1u : most / 2);
    iiif_j2k_out_end(&out);
    assert_int_equal(iiif_src_open_memory(out.data, out.length, &mem, &src, &err), IIIF_OK);
    iiif_j2k_window_init(&window, src, 7);
    iiif_j2k_bits_init(&bits, &window, 0, out.length);
    for (uint32_t i = 0; i < width * height; i++) {
        unsigned value = tree.nodes[i].value, threshold = i % 2 ? value + 1 : most / 2;

        assert_int_equal(iiif_j2k_tree_read(&again, &bits, i % width, i / width, threshold), value < threshold);
        if (value < threshold)
            assert_int_equal(again.nodes[i].value, value);
    }
    iiif_j2k_bits_align(&bits);
    assert_false(bits.over);
    assert_int_equal(bits.at, out.length);
    iiif_src_close(src);
    iiif_mem_free(&mem, out.data);
    free(written);
    free(read);
}

static void test_trees(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++)
        check_tree(1 + below(20), 1 + below(20), 2 + below(40));
}

/* Table D.9: which pass lies in which segment. */
static void test_segments(void **state)
{
    unsigned segment;

    (void)state;
    assert_int_equal(iiif_j2k_segment_room(0, 7, &segment), 102);
    assert_int_equal(segment, 0);
    assert_int_equal(iiif_j2k_segment_room(4, 7, &segment), 1);
    assert_int_equal(segment, 7);
    assert_int_equal(iiif_j2k_segment_room(1, 3, &segment), 7);
    assert_int_equal(segment, 0);
    assert_int_equal(iiif_j2k_segment_room(1, 10, &segment), 2);
    assert_int_equal(segment, 1);
    assert_int_equal(iiif_j2k_segment_room(1, 12, &segment), 1);
    assert_int_equal(segment, 2);
    assert_int_equal(iiif_j2k_segment_room(1, 14, &segment), 1);
    assert_int_equal(segment, 3);
    assert_int_equal(iiif_j2k_segment_room(0x40, 0, &segment), 1);
    assert_int_equal(iiif_j2k_segment_room(0x40, 1, &segment), 2);
    assert_int_equal(segment, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stuffing),
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
