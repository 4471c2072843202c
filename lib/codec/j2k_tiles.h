/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The tile-parts of a codestream (ISO/IEC 15444-1 A.4.2): where they lie, that all are there, and what their headers change of the
 * coding. The walk reads some bytes of each tile-part, never its data.
 */
#ifndef IIIF_J2K_TILES_H
#define IIIF_J2K_TILES_H

#include "j2k_geometry.h"

/** One tile-part: from its SOT marker on. */
typedef struct iiif_j2k_part {
    uint64_t offset;         /**< in the source */
    uint32_t length;         /**< bytes, SOT included; a written 0 ("to the end") is resolved */
    uint32_t next;           /**< 1 + index of the tile's next part; 0 is the end */
} iiif_j2k_part_t;

typedef struct iiif_j2k_tile {
    uint32_t first, last;    /**< 1 + index of its parts; 0 none */
    uint16_t count;
    uint8_t declared;        /**< TNsot; 0 where none of its parts says */
} iiif_j2k_tile_t;

typedef struct iiif_j2k_tiles {
    iiif_j2k_tile_t *tiles;  /**< tiles_across × tiles_down */
    iiif_j2k_part_t *parts;
    uint32_t part_count, part_capacity;
    unsigned levels;         /**< least decompositions of any component in any tile */
    bool is_ht;              /**< any tile-part header switches to HT code-blocks */
    uint64_t structure;      /**< weight of the heaviest tile that a tile-part header codes otherwise */
} iiif_j2k_tiles_t;

/**
 * Walks all tile-parts. A tile that is missing or cut is IIIF_E_BAD_MASTER. Polls the cancel token. Memory from work->mem: free
 * with iiif_j2k_tiles_free, also after an error.
 */
iiif_rc iiif_j2k_tiles_read(iiif_src_t *src, const iiif_j2k_header_t *header, const iiif_work_t *work,
                            iiif_j2k_tiles_t *tiles, iiif_err_t *err);
void iiif_j2k_tiles_free(iiif_j2k_tiles_t *tiles, iiif_mem_t *mem);

/** Bytes of a tile's parts together. */
uint64_t iiif_j2k_tile_bytes(const iiif_j2k_tiles_t *tiles, uint32_t tile);

#endif
