/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Budgeted memory of one render. Blocks are 64-byte aligned, never come from pools, and are counted,
 * so that one request can be bounded whatever its master claims. Not thread-safe: one budget belongs
 * to one request.
 */
#ifndef IIIF_MEM_H
#define IIIF_MEM_H

#include "iiif_base.h"

typedef struct iiif_mem {
    size_t limit;           /**< bytes; 0 is no limit */
    size_t used;            /**< bytes now out */
    size_t peak;            /**< most bytes ever out at once */
    unsigned long calls;    /**< allocations asked for so far */
    unsigned long fail_at;  /**< tests: the call of this number fails; 0 is never */
} iiif_mem_t;

void iiif_mem_init(iiif_mem_t *mem, size_t limit);

/** Uninitialised bytes, or NULL when the budget or the system refuses. n = 0 gives a valid block. */
void *iiif_mem_alloc(iiif_mem_t *mem, size_t n) IIIF_MUST_CHECK;

/** count × size zeroed bytes, or NULL (overflow included). */
void *iiif_mem_zalloc(iiif_mem_t *mem, size_t count, size_t size) IIIF_MUST_CHECK;

/** count × size uninitialised bytes, or NULL (overflow included). */
void *iiif_mem_array(iiif_mem_t *mem, size_t count, size_t size) IIIF_MUST_CHECK;

/** As realloc; on NULL the old block stays. */
void *iiif_mem_realloc(iiif_mem_t *mem, void *block, size_t n) IIIF_MUST_CHECK;

/** NULL is allowed. */
void iiif_mem_free(iiif_mem_t *mem, void *block);

/**
 * Counts bytes that a library allocates behind our back against the budget; false (and nothing
 * counted) where they do not fit. Give them back with iiif_mem_unreserve.
 */
bool iiif_mem_reserve(iiif_mem_t *mem, size_t n) IIIF_MUST_CHECK;
void iiif_mem_unreserve(iiif_mem_t *mem, size_t n);

#endif
