/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How the shared memory of svc_pixels is laid out, and the part of it that lookup changes under its lock.
 *
 * Ground truth are the words of the entries, what stands in entries that are not free, and the table of pins. Chains, lists and
 * stacks are derived, and rebuilt from it when a process died while it held the lock. An entry is filled before its word says so, and
 * its word says free before its chunks are given to anybody: so at any moment of death the words are right.
 */
#ifndef SVC_PIXELS_INDEX_H
#define SVC_PIXELS_INDEX_H

#include <pthread.h>
#include <stdatomic.h>

#include "svc_pixels.h"

#define PIXELS_CHUNK_BYTES ((size_t)64 * 1024)
#define PIXELS_CHUNKS_MAX ((IIIF_BLOCK_BYTES_MAX + PIXELS_CHUNK_BYTES - 1) / PIXELS_CHUNK_BYTES)
#define PIXELS_PINS 4096u         /* threads that hold a block at once */
#define PIXELS_WANTED 1024u
#define PIXELS_NONE UINT32_MAX

/** State of an entry: the low bits of its word; above them its generation, which only grows. */
typedef enum pixels_phase {
    PIXELS_FREE,
    PIXELS_FILLING,    /**< being decoded by `owner` */
    PIXELS_READY,
    PIXELS_GIVEN_UP    /**< nobody decodes it; its place waits for the next who wants it */
} pixels_phase;
#define PIXELS_PHASE_MASK ((uint64_t)3)
#define PIXELS_GENERATION ((uint64_t)4)

typedef struct pixels_entry {
    _Atomic uint64_t word;
    _Atomic int32_t owner;        /* process that decodes or decoded it */
    uint32_t chunk_count;
    svc_pixels_key_t key;
    uint64_t hash;
    uint32_t next;                /* of the same bucket, or free: derived */
    uint32_t newer, older;        /* by last use: derived */
    uint32_t chunks[PIXELS_CHUNKS_MAX];
} pixels_entry_t;

typedef struct pixels_wanted {
    uint64_t hash, at_ns;
} pixels_wanted_t;

typedef struct pixels_shared {
    pthread_mutex_t lock;
    _Atomic uint64_t hits, misses, waits, evictions;
    _Atomic uint32_t pins_end;    /* no pin was ever set from here on */
    _Atomic uint32_t entries_end; /* no entry was ever used from here on */
    _Atomic uint32_t chunks_used;
    uint32_t free_entry;
    uint32_t newest, oldest;
    uint32_t free_chunks;         /* how many are on the stack */
    uint32_t chunks_end;          /* no chunk was ever used from here on */
    pixels_wanted_t wanted[PIXELS_WANTED];
    _Atomic uint64_t pins[PIXELS_PINS]; /* 0, or process id << 32 | 1 + entry */
} pixels_shared_t;

struct svc_pixels {
    uint32_t entry_count, bucket_count, chunk_count;
    pixels_shared_t *shared;
    pixels_entry_t *entries;
    uint32_t *buckets;
    uint32_t *chunk_stack;
    uint8_t *chunks;
};

static inline pixels_phase pixels_phase_of(uint64_t word)
{
    return (pixels_phase)(word & PIXELS_PHASE_MASK);
}

/** Empty lists; once, before anybody else sees them. */
void svc_pixels_index_init(svc_pixels_t *pixels);

/** Everything derived anew from the words, after a death under the lock. Under the lock. */
void svc_pixels_index_rebuild(svc_pixels_t *pixels);

/** The entry of a key, or PIXELS_NONE. Under the lock, as are all below. */
uint32_t svc_pixels_index_find(const svc_pixels_t *pixels, const svc_pixels_key_t *key, uint64_t hash);

/** It is used now: the last to be thrown out. */
void svc_pixels_index_touch(svc_pixels_t *pixels, uint32_t entry);

/** An entry with chunks for a new key, throwing out others as needed; its word is still free. PIXELS_NONE: all is in use. */
uint32_t svc_pixels_index_make(svc_pixels_t *pixels, const svc_pixels_key_t *key, uint64_t hash, size_t bytes);

#endif
