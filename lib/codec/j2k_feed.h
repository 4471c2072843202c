/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The codestream that is handed to the library: pieces of memory and of the source that together read as one. What fills it
 * decides how much the library has to do. The plain way is here: the header with its image area cut to a rectangle of whole
 * tiles, and the tile-parts of those tiles, renumbered; so that cost and memory follow the window and not the image.
 * An index and synthesiser may fill a feed with less; nothing behind it changes.
 */
#ifndef IIIF_J2K_FEED_H
#define IIIF_J2K_FEED_H

#include "j2k_tiles.h"

typedef struct iiif_j2k_piece {
    const uint8_t *memory;     /**< NULL: of the source */
    uint64_t offset;           /**< in the source */
    uint64_t start;            /**< of the piece in the feed */
    uint64_t length;
} iiif_j2k_piece_t;

typedef struct iiif_j2k_feed {
    iiif_src_t *src;           /**< not owned */
    iiif_j2k_piece_t *pieces;
    uint32_t count;
    uint64_t length;
    uint8_t *bytes;            /**< what the memory pieces point into */
    iiif_span_t x, y;          /**< image area that the feed's SIZ claims */
    uint64_t held;             /**< compressed bytes that the library holds at once */
} iiif_j2k_feed_t;

/**
 * Fills a feed with `rect`, whole tiles. Where packet headers lie in the main header (PPM) everything is handed on. Memory from `mem`;
 * free with iiif_j2k_feed_free, also after an error. `header`, `tiles` and `src` outlive the feed.
 */
iiif_rc iiif_j2k_feed_tiles(iiif_src_t *src, const iiif_j2k_header_t *header, const iiif_j2k_tiles_t *tiles,
                            iiif_j2k_tile_rect_t rect, iiif_mem_t *mem, iiif_j2k_feed_t *feed, iiif_err_t *err);
void iiif_j2k_feed_free(iiif_j2k_feed_t *feed, iiif_mem_t *mem);

/** The most compressed bytes that the library would hold for one of these tiles (all of them, where is_packed). */
uint64_t iiif_j2k_feed_held(const iiif_j2k_header_t *header, const iiif_j2k_tiles_t *tiles, iiif_j2k_tile_rect_t rect);

/** Reads up to n bytes at `offset` of the feed; 0 at the end, -1 on an I/O error. */
int64_t iiif_j2k_feed_read(const iiif_j2k_feed_t *feed, uint64_t offset, void *buffer, size_t n);

#endif
