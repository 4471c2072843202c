/* SPDX-License-Identifier: Apache-2.0 */
#include "svc_pixels.h"

#include <apr_errno.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "svc_pixels_index.h"

/* Who holds the lock for longer than this is stopped or starved: then one does without the cache. */
#define LOCK_NS 200000000
/* Waiting is polling: nobody has to be woken, so nobody can be forgotten. Blocks take some 10 to 500 ms. */
#define NAP_FIRST_NS 1000000
#define NAP_NS 3000000
#define NAPS_PER_LOOK 32u         /* at whether who decodes is alive */
/* So long a block is remembered as wanted by somebody who did not decode it. */
#define WANTED_NS UINT64_C(10000000000)
#define ENTRIES_MIN 64u
#define CHUNKS_PER_ENTRY 2u

_Static_assert(sizeof(svc_pixels_key_t) == IIIF_HASH_BYTES + 7 * sizeof(uint32_t), "keys are compared as bytes");

/* --- memory --------------------------------------------------------------------------------------------- */

typedef struct mapping {
    void *base;
    size_t size;
    pid_t owner;
} mapping_t;

/* Not in a child: it may run this at its exit while some of its threads still render. */
static apr_status_t unmap(void *data)
{
    mapping_t *mapping = data;

    if (mapping->owner == getpid())
        (void)munmap(mapping->base, mapping->size);
    return APR_SUCCESS;
}

/* Where each part begins, and at last the end. */
static size_t lay_out(const svc_pixels_t *pixels, size_t at[5])
{
    const size_t sizes[5] = {sizeof(pixels_shared_t), (size_t)pixels->entry_count * sizeof(pixels_entry_t),
                             (size_t)pixels->bucket_count * sizeof(uint32_t), (size_t)pixels->chunk_count * sizeof(uint32_t),
                             (size_t)pixels->chunk_count * PIXELS_CHUNK_BYTES};
    size_t end = 0;

    for (unsigned i = 0; i < 5; i++) {
        at[i] = end;
        end += (sizes[i] + PIXELS_CHUNK_BYTES - 1) / PIXELS_CHUNK_BYTES * PIXELS_CHUNK_BYTES;
    }
    return end;
}

static apr_status_t map(svc_pixels_t *pixels, apr_pool_t *pool)
{
    mapping_t *mapping = apr_palloc(pool, sizeof(*mapping));
    size_t at[5];
    uint8_t *base;

    mapping->size = lay_out(pixels, at);
    base = mmap(NULL, mapping->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return APR_FROM_OS_ERROR(errno);
#ifdef MADV_DONTDUMP
    (void)madvise(base, mapping->size, MADV_DONTDUMP); /* others' images have no place in a child's core dump */
#endif
    mapping->base = base;
    mapping->owner = getpid();
    apr_pool_cleanup_register(pool, mapping, unmap, apr_pool_cleanup_null);
    pixels->shared = (void *)(base + at[0]);
    pixels->entries = (void *)(base + at[1]);
    pixels->buckets = (void *)(base + at[2]);
    pixels->chunk_stack = (void *)(base + at[3]);
    pixels->chunks = base + at[4];
    return APR_SUCCESS;
}

static apr_status_t lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;
    int status = pthread_mutexattr_init(&attributes);

    if (status != 0)
        return APR_FROM_OS_ERROR(status);
    status = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (status == 0)
        status = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    if (status == 0)
        status = pthread_mutex_init(lock, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    return status == 0 ? APR_SUCCESS : APR_FROM_OS_ERROR(status);
}

apr_status_t svc_pixels_create(svc_pixels_t **out, uint64_t bytes, apr_pool_t *pool)
{
    svc_pixels_t *pixels;
    apr_status_t status;

    *out = NULL;
    if (bytes < SVC_PIXELS_BYTES_MIN || bytes > SVC_PIXELS_BYTES_MAX || bytes > SIZE_MAX / 2)
        return APR_EINVAL;
    pixels = apr_pcalloc(pool, sizeof(*pixels));
    pixels->chunk_count = (uint32_t)(bytes / PIXELS_CHUNK_BYTES);
    pixels->entry_count = iiif_max_u32(ENTRIES_MIN, pixels->chunk_count / CHUNKS_PER_ENTRY);
    pixels->bucket_count = 2 * pixels->entry_count + 1;
    status = map(pixels, pool);
    if (status == APR_SUCCESS)
        status = lock_init(&pixels->shared->lock);
    if (status != APR_SUCCESS)
        return status;
    svc_pixels_index_init(pixels);
    *out = pixels;
    return APR_SUCCESS;
}

/* --- keys ----------------------------------------------------------------------------------------------- */

void svc_pixels_identify(const svc_pixels_identity_t *identity, uint8_t master[IIIF_HASH_BYTES])
{
    const uint64_t numbers[6] = {identity->device, identity->inode, identity->size, (uint64_t)identity->modified_ns,
                                 (uint64_t)identity->changed_ns, identity->page};
    iiif_hash_t hash;

    iiif_hash_init(&hash);
    iiif_hash_add(&hash, numbers, sizeof(numbers));
    iiif_hash_end(&hash, master);
}

/* For the index alone: keys are compared in full. FNV-1a. */
static uint64_t hash_of(const svc_pixels_key_t *key)
{
    const uint8_t *bytes = (const void *)key;
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < sizeof(*key); i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

/* --- the lock ------------------------------------------------------------------------------------------- */

static bool lock(svc_pixels_t *pixels)
{
    struct timespec until;
    int status = pthread_mutex_trylock(&pixels->shared->lock);

    if (status == EBUSY && clock_gettime(CLOCK_REALTIME, &until) == 0) {
        until.tv_nsec += LOCK_NS;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        status = pthread_mutex_timedlock(&pixels->shared->lock, &until);
    }
    if (status == EOWNERDEAD) {
        svc_pixels_index_rebuild(pixels);
        status = pthread_mutex_consistent(&pixels->shared->lock);
        if (status != 0)
            (void)pthread_mutex_unlock(&pixels->shared->lock);
    }
    return status == 0;
}

static void unlock(svc_pixels_t *pixels)
{
    (void)pthread_mutex_unlock(&pixels->shared->lock);
}

/* --- pins ----------------------------------------------------------------------------------------------- */

/* Under the lock. The end grows before the pin is set, so that a sweep sees all there are. */
static bool pin(svc_pixels_t *pixels, uint32_t entry, uint32_t *out)
{
    pixels_shared_t *shared = pixels->shared;
    uint32_t end = atomic_load(&shared->pins_end), at = 0;

    while (at < end && atomic_load(&shared->pins[at]) != 0)
        at++;
    if (at == PIXELS_PINS)
        return false;
    if (at == end)
        atomic_store(&shared->pins_end, end + 1);
    atomic_store(&shared->pins[at], ((uint64_t)(uint32_t)getpid() << 32) | (entry + 1));
    *out = at;
    return true;
}

static void unpin(svc_pixels_t *pixels, const iiif_block_t *block)
{
    atomic_store(&pixels->shared->pins[block->pin], 0);
}

/* --- looking up ----------------------------------------------------------------------------------------- */

typedef struct look {
    const svc_pixels_key_t *key;
    uint64_t hash;
    size_t bytes;
    iiif_block_wish wish;
    iiif_block_t *block;
    iiif_block_state state;
    bool is_busy;            /* another decodes it: process `owner`, until the entry's word is no more block->stamp */
    int32_t owner;
} look_t;

static bool was_wanted(svc_pixels_t *pixels, uint64_t hash)
{
    pixels_wanted_t *wanted = &pixels->shared->wanted[hash % PIXELS_WANTED];
    uint64_t now = iiif_now_ns();
    bool recent = wanted->hash == hash && now - wanted->at_ns < WANTED_NS;

    wanted->hash = hash;
    wanted->at_ns = now;
    return recent;
}

/* An entry that is free or given up becomes ours. Its word is the last to change. */
static void begin(svc_pixels_t *pixels, look_t *look, uint32_t at)
{
    pixels_entry_t *entry = &pixels->entries[at];
    uint64_t word = ((atomic_load(&entry->word) & ~PIXELS_PHASE_MASK) + PIXELS_GENERATION) | PIXELS_FILLING;

    atomic_store(&entry->owner, (int32_t)getpid());
    atomic_store(&entry->word, word);
    look->block->entry = at;
    look->block->stamp = word;
    look->state = IIIF_BLOCK_MINE;
}

static void look_found(svc_pixels_t *pixels, look_t *look, uint32_t at)
{
    pixels_entry_t *entry = &pixels->entries[at];
    uint64_t word = atomic_load(&entry->word);

    look->block->entry = at;
    look->block->stamp = word;
    switch (pixels_phase_of(word)) {
    case PIXELS_FILLING:
        look->owner = atomic_load(&entry->owner);
        look->is_busy = look->wish != IIIF_BLOCK_IF_THERE;
        break;
    case PIXELS_READY:
        if (pin(pixels, at, &look->block->pin))
            look->state = IIIF_BLOCK_HIT;
        break;
    case PIXELS_GIVEN_UP:
        if (look->wish != IIIF_BLOCK_IF_THERE && pin(pixels, at, &look->block->pin))
            begin(pixels, look, at);
        break;
    case PIXELS_FREE:
        break;
    }
    if (look->state != IIIF_BLOCK_NONE)
        svc_pixels_index_touch(pixels, at);
}

static void look_absent(svc_pixels_t *pixels, look_t *look)
{
    uint32_t at;

    if (look->wish == IIIF_BLOCK_IF_THERE || (look->wish == IIIF_BLOCK_IF_SHARED && !was_wanted(pixels, look->hash)))
        return;
    at = svc_pixels_index_make(pixels, look->key, look->hash, look->bytes);
    if (at == PIXELS_NONE)
        return;
    /* Without a pin it stays given up: it holds no pixels, and goes when room is needed. */
    if (pin(pixels, at, &look->block->pin))
        begin(pixels, look, at);
    else
        atomic_store(&pixels->entries[at].word,
                     (atomic_load(&pixels->entries[at].word) & ~PIXELS_PHASE_MASK) | PIXELS_GIVEN_UP);
}

static void look_up(svc_pixels_t *pixels, look_t *look)
{
    uint32_t at;

    look->state = IIIF_BLOCK_NONE;
    look->is_busy = false;
    if (!lock(pixels))
        return;
    at = svc_pixels_index_find(pixels, look->key, look->hash);
    if (at != PIXELS_NONE)
        look_found(pixels, look, at);
    else
        look_absent(pixels, look);
    unlock(pixels);
}

/* --- waiting -------------------------------------------------------------------------------------------- */

static bool is_dead(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

static iiif_rc wait_for_change(svc_pixels_t *pixels, const look_t *look, iiif_cancel_t *cancel, iiif_err_t *err)
{
    const pixels_entry_t *entry = &pixels->entries[look->block->entry];
    struct timespec nap = {0, NAP_FIRST_NS};

    for (unsigned naps = 1; atomic_load(&entry->word) == look->block->stamp; naps++) {
        iiif_rc rc = iiif_cancel_check(cancel, err);

        if (rc != IIIF_OK)
            return rc;
        (void)nanosleep(&nap, NULL);
        nap.tv_nsec = NAP_NS;
        /* The parent sweeps what its children leave, but not those of the configuration before a reload. */
        if (naps % NAPS_PER_LOOK == 0 && is_dead(look->owner))
            (void)svc_pixels_sweep(pixels, look->owner);
    }
    return IIIF_OK;
}

static iiif_rc wait_aside(svc_pixels_t *pixels, const look_t *look, iiif_cancel_t *cancel, const svc_pixels_pause_t *pause,
                          iiif_err_t *err)
{
    iiif_rc rc, back = IIIF_OK;

    atomic_fetch_add(&pixels->shared->waits, 1u);
    if (pause != NULL)
        pause->pause(pause->context);
    rc = wait_for_change(pixels, look, cancel, err);
    if (pause != NULL)
        back = pause->resume(pause->context, rc == IIIF_OK ? err : NULL);
    return rc != IIIF_OK ? rc : back;
}

iiif_rc svc_pixels_acquire(svc_pixels_t *pixels, const svc_pixels_key_t *key, size_t bytes, iiif_block_wish wish,
                           iiif_cancel_t *cancel, const svc_pixels_pause_t *pause, iiif_block_t *block,
                           iiif_block_state *state, iiif_err_t *err)
{
    look_t look = {key, hash_of(key), bytes, wish, block, IIIF_BLOCK_NONE, false, 0};

    *state = IIIF_BLOCK_NONE;
    if (bytes == 0 || bytes > IIIF_BLOCK_BYTES_MAX)
        return IIIF_OK;
    for (look_up(pixels, &look); look.is_busy; look_up(pixels, &look)) {
        iiif_rc rc = wait_aside(pixels, &look, cancel, pause, err);

        if (rc != IIIF_OK)
            return rc;
        look.wish = IIIF_BLOCK_ALWAYS; /* where that one failed, it is wanted by two */
    }
    if (look.state == IIIF_BLOCK_HIT)
        atomic_fetch_add(&pixels->shared->hits, 1u);
    else if (look.state == IIIF_BLOCK_MINE)
        atomic_fetch_add(&pixels->shared->misses, 1u);
    *state = look.state;
    return IIIF_OK;
}

/* --- pixels --------------------------------------------------------------------------------------------- */

/* The place of `offset` in a block; *n is cut to what lies there in one piece. */
static uint8_t *place_of(const svc_pixels_t *pixels, const iiif_block_t *block, size_t offset, size_t *n)
{
    const pixels_entry_t *entry = &pixels->entries[block->entry];
    size_t chunk = offset / PIXELS_CHUNK_BYTES, within = offset % PIXELS_CHUNK_BYTES;

    if (*n > PIXELS_CHUNK_BYTES - within)
        *n = PIXELS_CHUNK_BYTES - within;
    return pixels->chunks + (size_t)entry->chunks[chunk] * PIXELS_CHUNK_BYTES + within;
}

void svc_pixels_read(svc_pixels_t *pixels, const iiif_block_t *block, size_t offset, void *out, size_t n)
{
    while (n > 0) {
        size_t part = n;
        const uint8_t *from = place_of(pixels, block, offset, &part);

        memcpy(out, from, part);
        out = (uint8_t *)out + part;
        offset += part;
        n -= part;
    }
}

void svc_pixels_write(svc_pixels_t *pixels, const iiif_block_t *block, size_t offset, const void *data, size_t n)
{
    while (n > 0) {
        size_t part = n;
        uint8_t *to = place_of(pixels, block, offset, &part);

        memcpy(to, data, part);
        data = (const uint8_t *)data + part;
        offset += part;
        n -= part;
    }
}

/* From being decoded to another phase, where it still is this decode. */
static bool finish(svc_pixels_t *pixels, uint32_t entry, uint64_t word, pixels_phase phase)
{
    return atomic_compare_exchange_strong(&pixels->entries[entry].word, &word, (word & ~PIXELS_PHASE_MASK) | (uint64_t)phase);
}

void svc_pixels_commit(svc_pixels_t *pixels, iiif_block_t *block)
{
    (void)finish(pixels, block->entry, block->stamp, PIXELS_READY);
    unpin(pixels, block);
}

void svc_pixels_abandon(svc_pixels_t *pixels, iiif_block_t *block)
{
    (void)finish(pixels, block->entry, block->stamp, PIXELS_GIVEN_UP);
    unpin(pixels, block);
}

bool svc_pixels_release(svc_pixels_t *pixels, iiif_block_t *block)
{
    bool is_same;

    atomic_thread_fence(memory_order_acquire);
    is_same = atomic_load(&pixels->entries[block->entry].word) == block->stamp;
    unpin(pixels, block);
    return is_same;
}

/* --- figures and the dead ------------------------------------------------------------------------------- */

unsigned svc_pixels_sweep(svc_pixels_t *pixels, pid_t pid)
{
    pixels_shared_t *shared = pixels->shared;
    uint32_t end = iiif_min_u32(atomic_load(&shared->entries_end), pixels->entry_count);
    uint32_t pins = atomic_load(&shared->pins_end);
    unsigned given_up = 0;

    for (uint32_t i = 0; i < end; i++) {
        uint64_t word = atomic_load(&pixels->entries[i].word);

        if (pixels_phase_of(word) == PIXELS_FILLING && atomic_load(&pixels->entries[i].owner) == (int32_t)pid)
            given_up += finish(pixels, i, word, PIXELS_GIVEN_UP);
    }
    for (uint32_t i = 0; i < pins; i++) {
        uint64_t mark = atomic_load(&shared->pins[i]);

        if (mark != 0 && (pid_t)(mark >> 32) == pid)
            (void)atomic_compare_exchange_strong(&shared->pins[i], &mark, 0);
    }
    return given_up;
}

void svc_pixels_state(const svc_pixels_t *pixels, svc_pixels_state_t *out)
{
    const pixels_shared_t *shared = pixels->shared;

    out->bytes = (uint64_t)pixels->chunk_count * PIXELS_CHUNK_BYTES;
    out->used = (uint64_t)atomic_load(&shared->chunks_used) * PIXELS_CHUNK_BYTES;
    out->hits = atomic_load(&shared->hits);
    out->misses = atomic_load(&shared->misses);
    out->waits = atomic_load(&shared->waits);
    out->evictions = atomic_load(&shared->evictions);
}
