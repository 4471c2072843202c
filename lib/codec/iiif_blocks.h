/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Decoded blocks of a master that several requests share. Neighbouring windows of a wavelet-coded image share most of their
 * code-blocks; so an aligned block is decoded once and all the tiles of a viewer's screen are cut out of it.
 *
 * Who keeps the blocks is not known here: a cache is a table of functions that whoever opens the decoder hands in.
 */
#ifndef IIIF_BLOCKS_H
#define IIIF_BLOCKS_H

#include "iiif_codec.h"

/** Side of a block, in pixels of its level, where the master has no tiles that say otherwise. */
#define IIIF_BLOCK_SIDE 1024u

/** Bytes of the largest block that is ever kept: 1024 × 1024 × CMYK and alpha × 16 bits. */
#define IIIF_BLOCK_BYTES_MAX ((size_t)IIIF_BLOCK_SIDE * IIIF_BLOCK_SIDE * 10)

/** Which block of a master, and in what form. No padding: compared and hashed as bytes. */
typedef struct iiif_block_key {
    uint32_t level;
    iiif_rect_t rect;          /**< stored pixels of the level */
    uint32_t layout;           /**< iiif_layout */
    uint32_t depth;
} iiif_block_key_t;

/** How much a block is wanted. */
typedef enum iiif_block_wish {
    IIIF_BLOCK_IF_THERE,       /**< only where it is decoded already; never waits */
    IIIF_BLOCK_IF_SHARED,      /**< also where another decodes it now or has wanted it lately: too dear for one request alone */
    IIIF_BLOCK_ALWAYS
} iiif_block_wish;

typedef enum iiif_block_state {
    IIIF_BLOCK_NONE,           /**< cannot be had: decode what is needed without it; nothing to give back */
    IIIF_BLOCK_HIT,            /**< read it, then release */
    IIIF_BLOCK_MINE            /**< decode and write it, then commit or abandon */
} iiif_block_state;

/** A block that was had; the marks are the cache's own. */
typedef struct iiif_block {
    uint32_t entry, pin;
    uint64_t stamp;
} iiif_block_t;

/** Blocks are tight rows: width × bytes of a pixel each. A request holds one block at a time, and never while it waits. */
typedef struct iiif_block_cache {
    void *context;             /**< knows the master too: a key says nothing of it */
    /**
     * Finds a block, waits for who decodes it now, or makes it the caller's to decode. An error only of the caller's own: its
     * time is up, or its client has gone.
     */
    iiif_rc (*lookup_or_begin)(void *context, const iiif_block_key_t *key, size_t bytes, iiif_block_wish wish,
                               iiif_block_t *block, iiif_block_state *state, iiif_err_t *err);
    void (*read)(void *context, const iiif_block_t *block, size_t offset, void *out, size_t n);
    void (*write)(void *context, const iiif_block_t *block, size_t offset, const void *data, size_t n);
    /** It is complete: from now on others see it. The caller does not hold it any more. */
    void (*commit)(void *context, iiif_block_t *block);
    /** It could not be decoded: somebody else may try. */
    void (*abandon)(void *context, iiif_block_t *block);
    /** False where what was read since lookup_or_begin must not be used. */
    bool (*release)(void *context, iiif_block_t *block);
} iiif_block_cache_t;

/**
 * As iiif_dec_stage, by way of dec->blocks where that is worth it; the same pixels. Not for cheap decoders, nor for those that must
 * decode a whole level for each window, nor for windows of more than a dozen blocks, nor where the budget is too small for one.
 */
iiif_rc iiif_blocks_stage(iiif_dec_t *dec, const iiif_dec_window_t *window, iiif_stage_t **out, iiif_err_t *err);

/** Size of the blocks of a level, cut to it. */
void iiif_blocks_grid(const iiif_facts_t *facts, unsigned level, uint32_t *width, uint32_t *height);

#endif
