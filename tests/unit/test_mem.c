/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/core/iiif_mem.h"

static void test_blocks_are_aligned_counted_and_given_back(void **state)
{
    iiif_mem_t mem;
    uint8_t *a, *b;

    (void)state;
    iiif_mem_init(&mem, 0);
    a = iiif_mem_alloc(&mem, 100);
    b = iiif_mem_alloc(&mem, 1);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal((uintptr_t)a % 64, 0);
    assert_int_equal((uintptr_t)b % 64, 0);
    memset(a, 1, 100);
    *b = 1;
    assert_int_equal(mem.used, 101);
    iiif_mem_free(&mem, a);
    assert_int_equal(mem.used, 1);
    iiif_mem_free(&mem, b);
    iiif_mem_free(&mem, NULL);
    assert_int_equal(mem.used, 0);
    assert_int_equal(mem.peak, 101);
}

static void test_nothing_is_a_block_too(void **state)
{
    iiif_mem_t mem;
    void *block;

    (void)state;
    iiif_mem_init(&mem, 1);
    block = iiif_mem_alloc(&mem, 0);
    assert_non_null(block);
    iiif_mem_free(&mem, block);
}

static void test_the_limit_holds(void **state)
{
    iiif_mem_t mem;
    void *a, *b;

    (void)state;
    iiif_mem_init(&mem, 1000);
    a = iiif_mem_alloc(&mem, 600);
    assert_non_null(a);
    assert_null(iiif_mem_alloc(&mem, 401));
    assert_int_equal(mem.used, 600);
    b = iiif_mem_alloc(&mem, 400);
    assert_non_null(b);
    assert_false(iiif_mem_reserve(&mem, 1));
    iiif_mem_free(&mem, a);
    assert_true(iiif_mem_reserve(&mem, 600));
    assert_null(iiif_mem_alloc(&mem, 1));
    iiif_mem_unreserve(&mem, 600);
    iiif_mem_free(&mem, b);
    assert_int_equal(mem.used, 0);
}

static void test_sizes_that_overflow_are_refused(void **state)
{
    iiif_mem_t mem;

    (void)state;
    iiif_mem_init(&mem, 0);
    assert_null(iiif_mem_alloc(&mem, SIZE_MAX));
    assert_null(iiif_mem_alloc(&mem, SIZE_MAX - 64));
    assert_null(iiif_mem_array(&mem, SIZE_MAX / 2, 3));
    assert_null(iiif_mem_zalloc(&mem, SIZE_MAX / 2, 3));
    assert_true(iiif_mem_reserve(&mem, SIZE_MAX - 10));
    assert_false(iiif_mem_reserve(&mem, 11));
    assert_null(iiif_mem_alloc(&mem, 11));
    iiif_mem_unreserve(&mem, SIZE_MAX - 10);
    assert_int_equal(mem.used, 0);
}

static void test_zeroed_blocks_are_zero(void **state)
{
    static const uint8_t zeros[300];
    iiif_mem_t mem;
    void *dirty, *block;

    (void)state;
    iiif_mem_init(&mem, 0);
    dirty = iiif_mem_alloc(&mem, 300);
    assert_non_null(dirty);
    memset(dirty, 0xFF, 300);
    iiif_mem_free(&mem, dirty);
    block = iiif_mem_zalloc(&mem, 100, 3);
    assert_non_null(block);
    assert_memory_equal(block, zeros, 300);
    iiif_mem_free(&mem, block);
}

static void test_growing_keeps_the_bytes_and_failing_keeps_the_block(void **state)
{
    iiif_mem_t mem;
    char *block, *grown;

    (void)state;
    iiif_mem_init(&mem, 1000);
    block = iiif_mem_realloc(&mem, NULL, 4);
    assert_non_null(block);
    memcpy(block, "abc", 4);
    grown = iiif_mem_realloc(&mem, block, 500);
    assert_non_null(grown);
    assert_string_equal(grown, "abc");
    assert_int_equal(mem.used, 500);
    assert_null(iiif_mem_realloc(&mem, grown, 2000));
    assert_string_equal(grown, "abc");
    assert_int_equal(mem.used, 500);
    block = iiif_mem_realloc(&mem, grown, 2);
    assert_non_null(block);
    assert_int_equal(block[1], 'b');
    assert_int_equal(mem.used, 2);
    iiif_mem_free(&mem, block);
    assert_int_equal(mem.used, 0);
}

static void test_the_chosen_call_fails(void **state)
{
    iiif_mem_t mem;
    void *a, *b;

    (void)state;
    iiif_mem_init(&mem, 0);
    mem.fail_at = 2;
    a = iiif_mem_alloc(&mem, 1);
    assert_non_null(a);
    assert_null(iiif_mem_alloc(&mem, 1));
    b = iiif_mem_alloc(&mem, 1);
    assert_non_null(b);
    assert_int_equal(mem.calls, 3);
    iiif_mem_free(&mem, a);
    iiif_mem_free(&mem, b);
}

static void test_giving_back_too_much_does_not_wrap(void **state)
{
    iiif_mem_t mem;

    (void)state;
    iiif_mem_init(&mem, 100);
    assert_true(iiif_mem_reserve(&mem, 10));
    iiif_mem_unreserve(&mem, 50);
    assert_int_equal(mem.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_aligned_counted_and_given_back),
        cmocka_unit_test(test_nothing_is_a_block_too),
        cmocka_unit_test(test_the_limit_holds),
        cmocka_unit_test(test_sizes_that_overflow_are_refused),
        cmocka_unit_test(test_zeroed_blocks_are_zero),
        cmocka_unit_test(test_growing_keeps_the_bytes_and_failing_keeps_the_block),
        cmocka_unit_test(test_the_chosen_call_fails),
        cmocka_unit_test(test_giving_back_too_much_does_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
