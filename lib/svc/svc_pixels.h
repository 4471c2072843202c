/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Decoded blocks in memory that all children share: each is decoded by one of them while the others wait, and cut into tiles by
 * all. Least recently used out first.
 *
 * Nothing can be left held by a child that dies. What a block is (being decoded by whom, complete, given up) is one word that
 * changes by compare-and-swap; who reads it stands in a table of process ids. Only lookup takes a lock: a robust one, whose next
 * owner rebuilds the index out of those words, and for which nobody waits long, since without the cache there is still the decoder.
 * What a dead process was decoding or reading is given up by svc_pixels_sweep, by the parent or by whoever waits for it.
 */
#ifndef SVC_PIXELS_H
#define SVC_PIXELS_H

#include <apr_pools.h>

#include "../codec/iiif_blocks.h"
#include "../core/iiif_hash.h"

typedef struct svc_pixels svc_pixels_t;

#define SVC_PIXELS_BYTES_MIN ((uint64_t)16 << 20)
#define SVC_PIXELS_BYTES_MAX ((uint64_t)1 << 40)

/**
 * In the parent, from pconf: anonymous memory that children inherit, of which only what is used is ever touched. `bytes` are those of
 * the pixels; the index takes some 1 % more. APR status.
 */
apr_status_t svc_pixels_create(svc_pixels_t **out, uint64_t bytes, apr_pool_t *pool);

/** Which block of which master. */
typedef struct svc_pixels_key {
    uint8_t master[IIIF_HASH_BYTES];   /**< svc_pixels_identity */
    iiif_block_key_t block;
} svc_pixels_key_t;

/** Of an open master: device, inode, size, times of change in nanoseconds, page. A replaced or rewritten master has another. */
typedef struct svc_pixels_identity {
    uint64_t device, inode, size;
    int64_t modified_ns, changed_ns;   /**< mtime; ctime, which nobody can set back */
    uint32_t page;
} svc_pixels_identity_t;
void svc_pixels_identify(const svc_pixels_identity_t *identity, uint8_t master[IIIF_HASH_BYTES]);

/** Called around a wait, so that a render can leave its place among the renders to others. May be NULL. */
typedef struct svc_pixels_pause {
    void (*pause)(void *context);
    iiif_rc (*resume)(void *context, iiif_err_t *err);
    void *context;
} svc_pixels_pause_t;

/**
 * As iiif_block_cache_t.lookup_or_begin. While another decodes the block this waits, as long as `cancel` lets it; where that one
 * fails or dies, the block becomes the caller's.
 */
iiif_rc svc_pixels_acquire(svc_pixels_t *pixels, const svc_pixels_key_t *key, size_t bytes, iiif_block_wish wish,
                           iiif_cancel_t *cancel, const svc_pixels_pause_t *pause, iiif_block_t *block,
                           iiif_block_state *state, iiif_err_t *err);
void svc_pixels_read(svc_pixels_t *pixels, const iiif_block_t *block, size_t offset, void *out, size_t n);
void svc_pixels_write(svc_pixels_t *pixels, const iiif_block_t *block, size_t offset, const void *data, size_t n);
void svc_pixels_commit(svc_pixels_t *pixels, iiif_block_t *block);
void svc_pixels_abandon(svc_pixels_t *pixels, iiif_block_t *block);
bool svc_pixels_release(svc_pixels_t *pixels, iiif_block_t *block);

/** Gives up what a dead process was decoding and reading; returns how many blocks it was decoding. Never blocks. */
unsigned svc_pixels_sweep(svc_pixels_t *pixels, pid_t pid);

typedef struct svc_pixels_state {
    uint64_t bytes;            /**< room for pixels */
    uint64_t used;             /**< of that, what holds blocks */
    uint64_t hits;             /**< found complete, or completed while the request waited */
    uint64_t misses;           /**< decoded into the cache */
    uint64_t waits;            /**< times that a request waited for another's decode */
    uint64_t evictions;
} svc_pixels_state_t;
void svc_pixels_state(const svc_pixels_t *pixels, svc_pixels_state_t *out);

#endif
