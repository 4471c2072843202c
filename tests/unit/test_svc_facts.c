/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <apr_general.h>
#include <pthread.h>
#include <string.h>

#include "../../lib/svc/svc_facts.h"

static apr_pool_t *pool;

static int setup(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static iiif_facts_t facts_of(uint32_t width)
{
    iiif_facts_t facts;

    memset(&facts, 0, sizeof(facts));
    facts.stored_width = width;
    facts.stored_height = 100;
    facts.orientation = 1;
    facts.layout = IIIF_LAYOUT_RGB;
    facts.depth = 8;
    facts.precision = 8;
    facts.color_class = IIIF_CLASS_COLOR;
    facts.pages = facts.page = 1;
    strcpy(facts.decoder, "jpeg");
    strcpy(facts.media_type, "image/jpeg");
    assert_true(iiif_facts_add_level(&facts, width, 100, 0, 0));
    assert_int_equal(iiif_facts_finish(&facts, NULL), IIIF_OK);
    return facts;
}

static void key_of(uint32_t n, uint8_t key[IIIF_HASH_BYTES])
{
    svc_facts_key(1, n, 1000, 5, 1, key);
}

static svc_facts_t *make(unsigned entries)
{
    svc_facts_t *cache;

    assert_int_equal(svc_facts_create(&cache, entries, pool), APR_SUCCESS);
    return cache;
}

static bool has(svc_facts_t *cache, uint32_t n)
{
    uint8_t key[IIIF_HASH_BYTES];
    iiif_facts_t facts;

    key_of(n, key);
    if (!svc_facts_get(cache, NULL, key, &facts))
        return false;
    assert_int_equal(facts.width, n);
    return true;
}

static void put(svc_facts_t *cache, const svc_facts_shared_t *shared, uint32_t n)
{
    uint8_t key[IIIF_HASH_BYTES];
    iiif_facts_t facts = facts_of(n);

    key_of(n, key);
    svc_facts_put(cache, shared, key, &facts);
}

static void every_part_of_a_file_makes_another_key(void **state)
{
    uint8_t base[IIIF_HASH_BYTES], other[6][IIIF_HASH_BYTES];

    (void)state;
    svc_facts_key(1, 2, 3, 4, 0, base);
    svc_facts_key(9, 2, 3, 4, 0, other[0]);
    svc_facts_key(1, 9, 3, 4, 0, other[1]);
    svc_facts_key(1, 2, 9, 4, 0, other[2]);
    svc_facts_key(1, 2, 3, 9, 0, other[3]);
    svc_facts_key(1, 2, 3, 4, 9, other[4]);
    svc_facts_key(2, 1, 3, 4, 0, other[5]);
    for (size_t i = 0; i < 6; i++)
        assert_memory_not_equal(base, other[i], IIIF_HASH_BYTES);
    svc_facts_key(1, 2, 3, 4, 0, other[0]);
    assert_memory_equal(base, other[0], IIIF_HASH_BYTES);
}

static void what_is_put_is_found(void **state)
{
    svc_facts_t *cache = make(100);

    (void)state;
    assert_false(has(cache, 5));
    for (uint32_t n = 1; n <= 100; n++)
        put(cache, NULL, n);
    for (uint32_t n = 1; n <= 100; n++)
        assert_true(has(cache, n));
    assert_false(has(cache, 101));
}

static void the_one_used_longest_ago_goes_first(void **state)
{
    svc_facts_t *cache = make(3);

    (void)state;
    put(cache, NULL, 1);
    put(cache, NULL, 2);
    put(cache, NULL, 3);
    assert_true(has(cache, 1));
    put(cache, NULL, 4);
    assert_true(has(cache, 1));
    assert_false(has(cache, 2));
    put(cache, NULL, 3);
    put(cache, NULL, 5);
    assert_false(has(cache, 4));
    assert_true(has(cache, 1) && has(cache, 3) && has(cache, 5));
}

static void a_table_of_one_works(void **state)
{
    svc_facts_t *cache = make(1);

    (void)state;
    for (uint32_t n = 1; n < 50; n++) {
        put(cache, NULL, n);
        assert_true(has(cache, n));
        assert_false(has(cache, n - 1));
    }
}

static void newer_facts_replace_older_ones(void **state)
{
    svc_facts_t *cache = make(4);
    uint8_t key[IIIF_HASH_BYTES];
    iiif_facts_t facts = facts_of(10), found;

    (void)state;
    key_of(10, key);
    svc_facts_put(cache, NULL, key, &facts);
    facts = facts_of(20);
    svc_facts_put(cache, NULL, key, &facts);
    assert_true(svc_facts_get(cache, NULL, key, &found));
    assert_int_equal(found.width, 20);
}

/* --- second level --------------------------------------------------------------------------------- */

typedef struct shelf {
    uint8_t key[IIIF_HASH_BYTES];
    uint8_t data[IIIF_FACTS_BYTES_MAX];
    size_t length;
    unsigned fetches, stores;
} shelf_t;

static bool shelf_fetch(void *context, const uint8_t key[IIIF_HASH_BYTES], uint8_t *data, size_t *length)
{
    shelf_t *shelf = context;

    shelf->fetches++;
    if (shelf->length == 0 || memcmp(shelf->key, key, IIIF_HASH_BYTES) != 0 || *length < shelf->length)
        return false;
    memcpy(data, shelf->data, shelf->length);
    *length = shelf->length;
    return true;
}

static void shelf_store(void *context, const uint8_t key[IIIF_HASH_BYTES], const uint8_t *data, size_t length)
{
    shelf_t *shelf = context;

    shelf->stores++;
    memcpy(shelf->key, key, IIIF_HASH_BYTES);
    memcpy(shelf->data, data, length);
    shelf->length = length;
}

static void another_child_finds_what_one_has_shared(void **state)
{
    shelf_t shelf = { .length = 0 };
    svc_facts_shared_t shared = { shelf_fetch, shelf_store, &shelf };
    svc_facts_t *one = make(4), *other = make(4);
    uint8_t key[IIIF_HASH_BYTES];
    iiif_facts_t found;

    (void)state;
    put(one, &shared, 640);
    assert_int_equal(shelf.stores, 1);
    key_of(640, key);
    assert_true(svc_facts_get(other, &shared, key, &found));
    assert_int_equal(found.width, 640);
    assert_string_equal(found.decoder, "jpeg");
    assert_int_equal(shelf.fetches, 1);
    assert_true(svc_facts_get(other, &shared, key, &found));
    assert_int_equal(shelf.fetches, 1);
    assert_true(svc_facts_get(NULL, &shared, key, &found));
}

static void a_damaged_shared_copy_is_a_miss(void **state)
{
    shelf_t shelf = { .length = 0 };
    svc_facts_shared_t shared = { shelf_fetch, shelf_store, &shelf };
    uint8_t key[IIIF_HASH_BYTES];
    iiif_facts_t found;

    (void)state;
    put(NULL, &shared, 640);
    key_of(640, key);
    for (size_t cut = 1; cut < shelf.length; cut++) {
        size_t whole = shelf.length;

        shelf.length = cut;
        assert_false(svc_facts_get(make(2), &shared, key, &found));
        shelf.length = whole;
    }
    shelf.data[0] ^= 0xFF;
    assert_false(svc_facts_get(make(2), &shared, key, &found));
}

static void no_second_level_is_no_fault(void **state)
{
    svc_facts_shared_t none = { NULL, NULL, NULL };
    svc_facts_t *cache = make(2);

    (void)state;
    put(cache, &none, 3);
    assert_true(has(cache, 3));
    put(NULL, NULL, 3);
}

static void *hammer(void *data)
{
    for (uint32_t i = 0; i < 4000; i++) {
        uint32_t n = i * 7 % 40 + 1;

        if (!has(data, n))
            put(data, NULL, n);
    }
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    svc_facts_t *cache = make(16);
    pthread_t threads[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, cache), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    put(cache, NULL, 1);
    assert_true(has(cache, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_of_a_file_makes_another_key),
        cmocka_unit_test(what_is_put_is_found),
        cmocka_unit_test(the_one_used_longest_ago_goes_first),
        cmocka_unit_test(a_table_of_one_works),
        cmocka_unit_test(newer_facts_replace_older_ones),
        cmocka_unit_test(another_child_finds_what_one_has_shared),
        cmocka_unit_test(a_damaged_shared_copy_is_a_miss),
        cmocka_unit_test(no_second_level_is_no_fault),
        cmocka_unit_test(threads_do_not_disturb_each_other),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, setup, teardown);
    apr_terminate();
    return failed;
}
