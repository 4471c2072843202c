/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <apr_general.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/svc/svc_pixels_index.h"

#define MIB ((size_t)1 << 20)
#define SMALLEST SVC_PIXELS_BYTES_MIN

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

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

static svc_pixels_t *make(void)
{
    svc_pixels_t *pixels;

    assert_int_equal(svc_pixels_create(&pixels, SMALLEST, pool), APR_SUCCESS);
    return pixels;
}

static svc_pixels_state_t state_of(const svc_pixels_t *pixels)
{
    svc_pixels_state_t state;

    svc_pixels_state(pixels, &state);
    return state;
}

static svc_pixels_key_t key_of(unsigned n)
{
    svc_pixels_identity_t identity = {1, 2, 3, 4, 5, 1};
    svc_pixels_key_t key;

    memset(&key, 0, sizeof(key));
    svc_pixels_identify(&identity, key.master);
    key.block.level = n;
    return key;
}

static iiif_block_state get(svc_pixels_t *pixels, unsigned n, size_t bytes, iiif_block_wish wish, iiif_block_t *block)
{
    svc_pixels_key_t key = key_of(n);
    iiif_block_state state;

    if (svc_pixels_acquire(pixels, &key, bytes, wish, NULL, NULL, block, &state, NULL) != IIIF_OK)
        abort();
    return state;
}

/* Content that tells which block it is, and where: a function of both at every eighth byte. */
static uint64_t word_at(unsigned n, size_t offset)
{
    return (n + 1) * UINT64_C(0x9E3779B97F4A7C15) ^ offset * UINT64_C(0xBF58476D1CE4E5B9);
}

static void write_content(svc_pixels_t *pixels, const iiif_block_t *block, unsigned n, size_t bytes)
{
    uint64_t row[500];   /* no divisor of a chunk, so that rows lie across them */

    for (size_t at = 0; at < bytes; at += sizeof(row)) {
        size_t length = bytes - at < sizeof(row) ? bytes - at : sizeof(row);

        for (size_t i = 0; i * 8 < length; i++)
            row[i] = word_at(n, at + i * 8);
        svc_pixels_write(pixels, block, at, row, length);
    }
}

static bool is_content(svc_pixels_t *pixels, const iiif_block_t *block, unsigned n, size_t bytes)
{
    uint64_t row[300];

    for (size_t at = 0; at < bytes; at += sizeof(row)) {
        size_t length = bytes - at < sizeof(row) ? bytes - at : sizeof(row);

        svc_pixels_read(pixels, block, at, row, length);
        for (size_t i = 0; i * 8 < length; i++) {
            if (row[i] != word_at(n, at + i * 8))
                return false;
        }
    }
    return true;
}

static void put(svc_pixels_t *pixels, unsigned n, size_t bytes)
{
    iiif_block_t block;

    assert_int_equal(get(pixels, n, bytes, IIIF_BLOCK_ALWAYS, &block), IIIF_BLOCK_MINE);
    write_content(pixels, &block, n, bytes);
    svc_pixels_commit(pixels, &block);
}

static bool has(svc_pixels_t *pixels, unsigned n, size_t bytes)
{
    iiif_block_t block;

    if (get(pixels, n, bytes, IIIF_BLOCK_IF_THERE, &block) != IIIF_BLOCK_HIT)
        return false;
    assert_true(is_content(pixels, &block, n, bytes));
    assert_true(svc_pixels_release(pixels, &block));
    return true;
}

/* Every chunk ever used is free or in just one entry; the figures say the same. */
static void check_books(svc_pixels_t *pixels)
{
    pixels_shared_t *shared = pixels->shared;
    uint8_t *seen = calloc(pixels->chunk_count, 1);
    uint32_t used = 0, listed = 0;

    assert_true(shared->chunks_end <= pixels->chunk_count);
    for (uint32_t at = 0; at < atomic_load(&shared->entries_end); at++) {
        pixels_entry_t *entry = &pixels->entries[at];

        if (pixels_phase_of(atomic_load(&entry->word)) == PIXELS_FREE)
            continue;
        for (uint32_t i = 0; i < entry->chunk_count; i++) {
            assert_true(entry->chunks[i] < shared->chunks_end);
            assert_int_equal(seen[entry->chunks[i]]++, 0);
        }
        used += entry->chunk_count;
        listed++;
        assert_int_equal(svc_pixels_index_find(pixels, &entry->key, entry->hash), at);
    }
    for (uint32_t i = 0; i < shared->free_chunks; i++)
        assert_int_equal(seen[pixels->chunk_stack[i]]++, 0);
    assert_int_equal(used + shared->free_chunks, shared->chunks_end);
    assert_int_equal(used, atomic_load(&shared->chunks_used));
    for (uint32_t at = shared->oldest; at != PIXELS_NONE; at = pixels->entries[at].newer)
        listed--;
    assert_int_equal(listed, 0);
    free(seen);
}

static bool is_unpinned(const svc_pixels_t *pixels)
{
    for (uint32_t i = 0; i < PIXELS_PINS; i++) {
        if (atomic_load(&pixels->shared->pins[i]) != 0)
            return false;
    }
    return true;
}

static void nap(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    (void)nanosleep(&t, NULL);
}

/* --- alone ------------------------------------------------------------------------------------------------ */

static void sizes_that_make_no_cache_are_refused(void **state)
{
    svc_pixels_t *pixels;

    (void)state;
    assert_int_equal(svc_pixels_create(&pixels, SMALLEST - 1, pool), APR_EINVAL);
    assert_int_equal(svc_pixels_create(&pixels, SVC_PIXELS_BYTES_MAX + 1, pool), APR_EINVAL);
}

static void what_is_committed_is_found_again(void **state)
{
    static const size_t sizes[] = {1, 8, 65535, 65536, 65537, 3 * 1024 * 1024, IIIF_BLOCK_BYTES_MAX};
    svc_pixels_t *pixels = make();

    (void)state;
    for (unsigned n = 0; n < IIIF_COUNT(sizes); n++) {
        size_t bytes = sizes[n] & ~(size_t)7;

        if (bytes == 0)
            bytes = 8;
        assert_false(has(pixels, n, bytes));
        put(pixels, n, bytes);
        assert_true(has(pixels, n, bytes));
    }
    assert_int_equal(state_of(pixels).misses, IIIF_COUNT(sizes));
    assert_int_equal(state_of(pixels).hits, IIIF_COUNT(sizes));
    assert_int_equal(state_of(pixels).waits, 0);
    check_books(pixels);
    assert_true(is_unpinned(pixels));
}

static void a_block_too_large_is_none(void **state)
{
    svc_pixels_t *pixels = make();
    iiif_block_t block;

    (void)state;
    assert_int_equal(get(pixels, 1, IIIF_BLOCK_BYTES_MAX + 1, IIIF_BLOCK_ALWAYS, &block), IIIF_BLOCK_NONE);
    assert_int_equal(get(pixels, 1, 0, IIIF_BLOCK_ALWAYS, &block), IIIF_BLOCK_NONE);
}

/* Whatever of a master changes, and whatever of the block is other, is another block. */
static void every_part_of_a_key_counts(void **state)
{
    const svc_pixels_identity_t first = {1, 2, 3, 4, 5, 1};
    const svc_pixels_identity_t others[] = {{9, 2, 3, 4, 5, 1}, {1, 9, 3, 4, 5, 1}, {1, 2, 9, 4, 5, 1},
                                            {1, 2, 3, 9, 5, 1}, {1, 2, 3, 4, 9, 1}, {1, 2, 3, 4, 5, 9}};
    svc_pixels_t *pixels = make();
    iiif_block_state got;
    iiif_block_t block;
    svc_pixels_key_t key;
    unsigned made = 0;

    (void)state;
    for (unsigned i = 0; i <= IIIF_COUNT(others); i++) {
        memset(&key, 0, sizeof(key));
        svc_pixels_identify(i == 0 ? &first : &others[i - 1], key.master);
        assert_int_equal(svc_pixels_acquire(pixels, &key, 8, IIIF_BLOCK_ALWAYS, NULL, NULL, &block, &got, NULL), IIIF_OK);
        assert_int_equal(got, IIIF_BLOCK_MINE);
        svc_pixels_commit(pixels, &block);
        made++;
    }
    for (unsigned i = 0; i < sizeof(iiif_block_key_t) / sizeof(uint32_t); i++) {
        uint32_t parts[sizeof(iiif_block_key_t) / sizeof(uint32_t)] = {0};

        parts[i] = 7;
        memset(&key, 0, sizeof(key));
        svc_pixels_identify(&first, key.master);
        memcpy(&key.block, parts, sizeof(parts));
        assert_int_equal(svc_pixels_acquire(pixels, &key, 8, IIIF_BLOCK_ALWAYS, NULL, NULL, &block, &got, NULL), IIIF_OK);
        assert_int_equal(got, IIIF_BLOCK_MINE);
        svc_pixels_commit(pixels, &block);
        made++;
    }
    assert_int_equal(state_of(pixels).misses, made);
}

static void dear_blocks_wait_for_a_second_wish(void **state)
{
    svc_pixels_t *pixels = make();
    iiif_block_t block;

    (void)state;
    assert_int_equal(get(pixels, 1, 64, IIIF_BLOCK_IF_SHARED, &block), IIIF_BLOCK_NONE);
    assert_int_equal(get(pixels, 2, 64, IIIF_BLOCK_IF_SHARED, &block), IIIF_BLOCK_NONE);
    assert_int_equal(get(pixels, 1, 64, IIIF_BLOCK_IF_SHARED, &block), IIIF_BLOCK_MINE);
    svc_pixels_commit(pixels, &block);
    assert_int_equal(get(pixels, 1, 64, IIIF_BLOCK_IF_SHARED, &block), IIIF_BLOCK_HIT);
    assert_true(svc_pixels_release(pixels, &block));
}

static void what_is_given_up_is_the_next_ones(void **state)
{
    svc_pixels_t *pixels = make();
    iiif_block_t block;

    (void)state;
    assert_int_equal(get(pixels, 1, MIB, IIIF_BLOCK_ALWAYS, &block), IIIF_BLOCK_MINE);
    svc_pixels_abandon(pixels, &block);
    assert_int_equal(get(pixels, 1, MIB, IIIF_BLOCK_IF_THERE, &block), IIIF_BLOCK_NONE);
    put(pixels, 1, MIB);
    assert_true(has(pixels, 1, MIB));
    assert_int_equal(state_of(pixels).used, MIB);
    check_books(pixels);
}

static void longest_unused_goes_first(void **state)
{
    svc_pixels_t *pixels = make();

    (void)state;
    for (unsigned n = 0; n < 16; n++)
        put(pixels, n, MIB);
    assert_int_equal(state_of(pixels).used, SMALLEST);
    assert_true(has(pixels, 0, MIB));
    put(pixels, 16, MIB);
    assert_true(has(pixels, 0, MIB));
    assert_false(has(pixels, 1, MIB));
    assert_true(has(pixels, 2, MIB));
    put(pixels, 17, 3 * MIB);
    assert_int_equal(state_of(pixels).evictions, 4);
    assert_true(has(pixels, 17, 3 * MIB) && has(pixels, 0, MIB) && !has(pixels, 3, MIB));
    check_books(pixels);
}

static void what_is_held_stays(void **state)
{
    svc_pixels_t *pixels = make();
    iiif_block_t held[16], more;

    (void)state;
    put(pixels, 0, MIB);
    assert_int_equal(get(pixels, 0, MIB, IIIF_BLOCK_ALWAYS, &held[0]), IIIF_BLOCK_HIT);
    for (unsigned n = 1; n < 16; n++)
        assert_int_equal(get(pixels, n, MIB, IIIF_BLOCK_ALWAYS, &held[n]), IIIF_BLOCK_MINE);
    assert_int_equal(get(pixels, 16, MIB, IIIF_BLOCK_ALWAYS, &more), IIIF_BLOCK_NONE);
    assert_true(is_content(pixels, &held[0], 0, MIB));
    assert_true(svc_pixels_release(pixels, &held[0]));
    assert_int_equal(get(pixels, 16, MIB, IIIF_BLOCK_ALWAYS, &more), IIIF_BLOCK_MINE);
    assert_false(has(pixels, 0, MIB));
    check_books(pixels);
}

static void a_reader_is_told_of_a_block_that_changed(void **state)
{
    svc_pixels_t *pixels = make();
    iiif_block_t block;

    (void)state;
    put(pixels, 0, 64);
    assert_int_equal(get(pixels, 0, 64, IIIF_BLOCK_ALWAYS, &block), IIIF_BLOCK_HIT);
    atomic_fetch_add(&pixels->entries[block.entry].word, PIXELS_GENERATION); /* as nothing should bring about */
    assert_false(svc_pixels_release(pixels, &block));
}

/* --- threads ---------------------------------------------------------------------------------------------- */

typedef struct waiter {
    svc_pixels_t *pixels;
    unsigned n;
    size_t bytes;
    iiif_cancel_t cancel;
    unsigned pauses, resumes;
    iiif_rc rc;
    iiif_block_state state;
    bool good;
} waiter_t;

static void pausing(void *context)
{
    ((waiter_t *)context)->pauses++;
}

static iiif_rc resuming(void *context, iiif_err_t *err)
{
    (void)err;
    ((waiter_t *)context)->resumes++;
    return IIIF_OK;
}

static void *wait_for_block(void *context)
{
    waiter_t *waiter = context;
    svc_pixels_pause_t pause = {pausing, resuming, waiter};
    svc_pixels_key_t key = key_of(waiter->n);
    iiif_block_t block;

    waiter->rc = svc_pixels_acquire(waiter->pixels, &key, waiter->bytes, IIIF_BLOCK_ALWAYS, &waiter->cancel, &pause, &block,
                                    &waiter->state, NULL);
    if (waiter->rc != IIIF_OK)
        return NULL;
    if (waiter->state == IIIF_BLOCK_MINE) {
        nap(30);
        write_content(waiter->pixels, &block, waiter->n, waiter->bytes);
        svc_pixels_commit(waiter->pixels, &block);
        waiter->good = true;
    } else if (waiter->state == IIIF_BLOCK_HIT) {
        waiter->good = is_content(waiter->pixels, &block, waiter->n, waiter->bytes);
        waiter->good &= svc_pixels_release(waiter->pixels, &block);
    }
    return NULL;
}

static void many_that_want_one_block_decode_it_once(void **state)
{
    svc_pixels_t *pixels = make();
    pthread_t threads[16];
    waiter_t waiters[16];
    unsigned mine = 0;

    (void)state;
    memset(waiters, 0, sizeof(waiters));
    for (unsigned i = 0; i < 16; i++) {
        waiters[i].pixels = pixels;
        waiters[i].bytes = MIB;
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_block, &waiters[i]), 0);
    }
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(waiters[i].rc, IIIF_OK);
        assert_true(waiters[i].good);
        assert_int_equal(waiters[i].pauses, waiters[i].resumes);
        mine += waiters[i].state == IIIF_BLOCK_MINE;
    }
    assert_int_equal(mine, 1);
    assert_int_equal(state_of(pixels).misses, 1);
    assert_int_equal(state_of(pixels).hits, 15);
    assert_true(is_unpinned(pixels));
}

static void who_waits_takes_over_from_who_fails(void **state)
{
    svc_pixels_t *pixels = make();
    waiter_t waiter = {.pixels = pixels, .n = 3, .bytes = MIB};
    iiif_block_t block;
    pthread_t thread;

    (void)state;
    assert_int_equal(get(pixels, 3, MIB, IIIF_BLOCK_ALWAYS, &block), IIIF_BLOCK_MINE);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_block, &waiter), 0);
    nap(30);
    svc_pixels_abandon(pixels, &block);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waiter.state, IIIF_BLOCK_MINE);
    assert_int_equal(waiter.pauses, 1);
    assert_int_equal(waiter.resumes, 1);
    assert_int_equal(state_of(pixels).waits, 1);
    assert_true(has(pixels, 3, MIB));
}

static void waiting_ends_with_the_time_of_the_request(void **state)
{
    svc_pixels_t *pixels = make();
    waiter_t waiter = {.pixels = pixels, .bytes = MIB};
    uint64_t began = iiif_now_ns();
    iiif_block_t block;

    (void)state;
    assert_int_equal(get(pixels, 0, MIB, IIIF_BLOCK_ALWAYS, &block), IIIF_BLOCK_MINE);
    waiter.cancel.deadline_ns = began + 80000000u;
    (void)wait_for_block(&waiter);
    assert_int_equal(waiter.rc, IIIF_E_TIMEOUT);
    assert_int_equal(waiter.resumes, 1);
    assert_in_range((iiif_now_ns() - began) / 1000000, 79, 2000);
    assert_int_equal(get(pixels, 0, MIB, IIIF_BLOCK_IF_THERE, &block), IIIF_BLOCK_NONE);
}

typedef struct churn {
    svc_pixels_t *pixels;
    unsigned seed, rounds;
    unsigned bad;
} churn_t;

/* More blocks than there is room for, of several sizes; now and then a decode fails. */
static unsigned churn_once(churn_t *churn)
{
    unsigned n = (unsigned)rand_r(&churn->seed) % 40, bad = 0;
    size_t bytes = (n % 5 + 1) * 200 * 1024;
    iiif_block_t block;

    switch (get(churn->pixels, n, bytes, n % 7 == 0 ? IIIF_BLOCK_IF_SHARED : IIIF_BLOCK_ALWAYS, &block)) {
    case IIIF_BLOCK_MINE:
        write_content(churn->pixels, &block, n, bytes);
        if (rand_r(&churn->seed) % 10 == 0)
            svc_pixels_abandon(churn->pixels, &block);
        else
            svc_pixels_commit(churn->pixels, &block);
        break;
    case IIIF_BLOCK_HIT:
        bad += !is_content(churn->pixels, &block, n, bytes);
        bad += !svc_pixels_release(churn->pixels, &block);
        break;
    case IIIF_BLOCK_NONE:
        break;
    }
    return bad;
}

static void *churn_thread(void *context)
{
    churn_t *churn = context;

    for (unsigned i = 0; i < churn->rounds; i++)
        churn->bad += churn_once(churn);
    return NULL;
}

static void eviction_never_changes_what_is_read(void **state)
{
    svc_pixels_t *pixels = make();
    pthread_t threads[8];
    churn_t churns[8];

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        churns[i] = (churn_t){pixels, i + 1, UNDER_TSAN ? 60 : 400, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, churn_thread, &churns[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(churns[i].bad, 0);
    }
    assert_true(state_of(pixels).evictions > 20);
    assert_true(state_of(pixels).hits > 0);
    check_books(pixels);
    assert_true(is_unpinned(pixels));
}

/* --- processes -------------------------------------------------------------------------------------------- */

typedef void (*child_fn)(svc_pixels_t *pixels);

/* A child that does its part, tells so, and waits for its end. */
static pid_t start_child(svc_pixels_t *pixels, child_fn part)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        part(pixels);
        if (write(ready[1], "x", 1) == 1)
            nap(60000);
        _exit(9);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void kill_child(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void decode_half(svc_pixels_t *pixels)
{
    iiif_block_t block;

    if (get(pixels, 1, MIB, IIIF_BLOCK_ALWAYS, &block) != IIIF_BLOCK_MINE)
        _exit(1);
    write_content(pixels, &block, 99, MIB / 2);
}

static void read_on(svc_pixels_t *pixels)
{
    iiif_block_t block;

    if (get(pixels, 0, MIB, IIIF_BLOCK_ALWAYS, &block) != IIIF_BLOCK_HIT)
        _exit(1);
}

static void children_share(void **state)
{
    svc_pixels_t *pixels = make();
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        iiif_block_t block;
        bool mine = get(pixels, 0, MIB, IIIF_BLOCK_ALWAYS, &block) == IIIF_BLOCK_MINE;

        write_content(pixels, &block, 0, MIB);
        svc_pixels_commit(pixels, &block);
        _exit(!mine);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(has(pixels, 0, MIB));
}

static void the_parent_gives_up_what_a_killed_child_decoded(void **state)
{
    svc_pixels_t *pixels = make();
    waiter_t waiter = {.pixels = pixels, .n = 1, .bytes = MIB};
    pid_t pid = start_child(pixels, decode_half);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_block, &waiter), 0);
    nap(30);
    kill_child(pid);
    assert_int_equal(svc_pixels_sweep(pixels, pid), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waiter.state, IIIF_BLOCK_MINE);
    assert_true(has(pixels, 1, MIB));
    assert_true(is_unpinned(pixels));
    assert_int_equal(svc_pixels_sweep(pixels, pid), 0);
    check_books(pixels);
}

/* After a reload no parent sweeps for the children of before. */
static void who_waits_sees_a_death_without_the_parent(void **state)
{
    svc_pixels_t *pixels = make();
    waiter_t waiter = {.pixels = pixels, .n = 1, .bytes = MIB};
    pid_t pid = start_child(pixels, decode_half);
    uint64_t began = iiif_now_ns();

    (void)state;
    kill_child(pid);
    (void)wait_for_block(&waiter);
    assert_int_equal(waiter.state, IIIF_BLOCK_MINE);
    assert_in_range((iiif_now_ns() - began) / 1000000, 0, 3000);
    assert_true(has(pixels, 1, MIB));
    assert_true(is_unpinned(pixels));
}

static void what_a_killed_child_was_reading_can_go_after_the_sweep(void **state)
{
    svc_pixels_t *pixels = make();
    pid_t pid;

    (void)state;
    put(pixels, 0, MIB);
    pid = start_child(pixels, read_on);
    kill_child(pid);
    for (unsigned n = 1; n < 40; n++)
        put(pixels, n, MIB);
    assert_true(has(pixels, 0, MIB));
    (void)svc_pixels_sweep(pixels, pid);
    assert_true(is_unpinned(pixels));
    for (unsigned n = 40; n < 80; n++)
        put(pixels, n, MIB);
    assert_false(has(pixels, 0, MIB));
}

/* Dies under the lock in the midst of everything that is derived. */
static void die_under_the_lock(svc_pixels_t *pixels)
{
    pixels_shared_t *shared = pixels->shared;

    (void)pthread_mutex_lock(&shared->lock);
    shared->newest = 7;
    shared->oldest = PIXELS_NONE;
    shared->free_entry = 3;
    shared->free_chunks = 200;
    shared->chunks_end += 5;
    atomic_store(&shared->chunks_used, 1u);
    memset(pixels->buckets, 0x55, pixels->bucket_count * sizeof(uint32_t));
    memset(pixels->chunk_stack, 0x55, pixels->chunk_count * sizeof(uint32_t));
}

static void a_death_under_the_lock_loses_nothing(void **state)
{
    svc_pixels_t *pixels = make();
    iiif_block_t mine, read;
    pid_t pid;

    (void)state;
    for (unsigned n = 0; n < 6; n++)
        put(pixels, n, MIB);
    assert_int_equal(get(pixels, 6, MIB, IIIF_BLOCK_ALWAYS, &mine), IIIF_BLOCK_MINE);
    assert_int_equal(get(pixels, 2, MIB, IIIF_BLOCK_ALWAYS, &read), IIIF_BLOCK_HIT);
    pid = start_child(pixels, die_under_the_lock);
    kill_child(pid);
    (void)svc_pixels_sweep(pixels, pid);
    for (unsigned n = 0; n < 6; n++)
        assert_true(has(pixels, n, MIB));
    check_books(pixels);
    write_content(pixels, &mine, 6, MIB);
    svc_pixels_commit(pixels, &mine);
    for (unsigned n = 10; n < 40; n++)
        put(pixels, n, MIB);
    assert_true(is_content(pixels, &read, 2, MIB));
    assert_true(svc_pixels_release(pixels, &read));
    check_books(pixels);
}

/* Who is stopped under the lock holds up nobody for long. */
static void a_stopped_owner_of_the_lock_is_passed_by(void **state)
{
    svc_pixels_t *pixels = make();
    uint64_t began;
    iiif_block_t block;
    pid_t pid;

    (void)state;
    put(pixels, 0, MIB);
    assert_int_equal(get(pixels, 0, MIB, IIIF_BLOCK_ALWAYS, &block), IIIF_BLOCK_HIT);
    pid = start_child(pixels, die_under_the_lock);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    began = iiif_now_ns();
    assert_true(svc_pixels_release(pixels, &block)); /* needs no lock */
    assert_int_equal(get(pixels, 0, MIB, IIIF_BLOCK_ALWAYS, &block), IIIF_BLOCK_NONE);
    assert_in_range((iiif_now_ns() - began) / 1000000, 50, 3000);
    kill_child(pid);
    assert_true(has(pixels, 0, MIB));
}

static void churn_for_ever(svc_pixels_t *pixels, unsigned seed)
{
    churn_t churn = {pixels, seed, 0, 0};

    while (churn_once(&churn) == 0) {}
    _exit(3);
}

/* Children that are killed anywhere, again and again: nobody ever reads what is wrong, and nothing is lost for good. */
static void killing_at_random_does_no_harm(void **state)
{
    enum { CHILDREN = 4 };
    svc_pixels_t *pixels = make();
    pid_t pids[CHILDREN] = {0};
    unsigned seed = 1, serial = 0;

    (void)state;
    for (unsigned round = 0; round < 150; round++) {
        unsigned i = round % CHILDREN;
        int status;

        if (pids[i] != 0) {
            assert_int_equal(kill(pids[i], SIGKILL), 0);
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            (void)svc_pixels_sweep(pixels, pids[i]);
        }
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            churn_for_ever(pixels, 100 + serial);
        serial++;
        nap(1 + (unsigned)rand_r(&seed) % 12);
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        kill_child(pids[i]);
        (void)svc_pixels_sweep(pixels, pids[i]);
    }
    assert_true(is_unpinned(pixels));
    put(pixels, 1000, MIB); /* repairs where the last one died under the lock */
    check_books(pixels);
    for (unsigned n = 1001; n < 1017; n++)
        put(pixels, n, MIB);
    for (unsigned n = 1001; n < 1017; n++)
        assert_true(has(pixels, n, MIB)); /* all the room there is can be had */
    assert_true(state_of(pixels).hits > 50);
}

static int run_all(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sizes_that_make_no_cache_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_committed_is_found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_block_too_large_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(every_part_of_a_key_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(dear_blocks_wait_for_a_second_wish, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_given_up_is_the_next_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(longest_unused_goes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_held_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_is_told_of_a_block_that_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(many_that_want_one_block_decode_it_once, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_takes_over_from_who_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_ends_with_the_time_of_the_request, setup, teardown),
        cmocka_unit_test_setup_teardown(eviction_never_changes_what_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(children_share, setup, teardown),
        cmocka_unit_test_setup_teardown(the_parent_gives_up_what_a_killed_child_decoded, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_sees_a_death_without_the_parent, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_killed_child_was_reading_can_go_after_the_sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(a_death_under_the_lock_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stopped_owner_of_the_lock_is_passed_by, setup, teardown),
        cmocka_unit_test_setup_teardown(killing_at_random_does_no_harm, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    int failed;

    (void)apr_initialize();
    failed = run_all();
    apr_terminate();
    return failed;
}
