/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Packets (ISO/IEC 15444-1 B.9, B.10): what the headers of a precinct's packets say of its code-blocks, and where their bytes lie. Meets
 * hostile files first: whatever is not as the standard has it is refused as irregular.
 */
#ifndef IIIF_J2K_PACKET_H
#define IIIF_J2K_PACKET_H

#include "j2k_bits.h"
#include "j2k_grid.h"

/** Bytes of one codeword segment that one packet holds. */
typedef struct iiif_j2k_chunk {
    uint64_t place;          /**< offset in the source × 256 + number of the segment */
    uint32_t length;
    uint32_t next;           /**< 1 + index of the block's next chunk; 0 is the end */
} iiif_j2k_chunk_t;

typedef struct iiif_j2k_block {
    uint8_t zero_planes;
    uint8_t passes;          /**< 0: in no packet so far */
    uint8_t length_bits;     /**< Lblock while reading */
    uint32_t first, last;    /**< 1 + index of its chunks */
} iiif_j2k_block_t;

/** The code-blocks of one band in one precinct. */
typedef struct iiif_j2k_cell {
    iiif_j2k_area_t area;    /**< absolute cells */
    uint32_t first;          /**< of its blocks, which go by rows */
    uint8_t planes;          /**< magnitude bit-planes, up-shift included */
    iiif_j2k_tree_t inclusion, zero_planes;
} iiif_j2k_cell_t;

typedef struct iiif_j2k_precinct {
    unsigned cell_count;
    iiif_j2k_cell_t cells[IIIF_J2K_BANDS_MAX];
    uint8_t style;
    iiif_j2k_block_t *blocks;
    uint32_t block_count;
    iiif_j2k_chunk_t *chunks;
    uint32_t chunk_count, chunk_capacity;
    iiif_j2k_node_t *nodes;  /**< of all trees; NULL once all layers are read */
    uint32_t layers;         /**< read so far */
} iiif_j2k_precinct_t;

/** Where and how to read a packet. */
typedef struct iiif_j2k_packet_at {
    uint64_t at, end;        /**< of the source: where it begins, and what it must not pass */
    bool has_sop, has_eph;   /**< the markers may be there */
} iiif_j2k_packet_at_t;

/** What is well-formed but beyond this reader, or not well-formed: IIIF_E_UNSUPPORTED, and the plain way is taken. */
iiif_rc iiif_j2k_irregular(iiif_err_t *err, const char *why);

/** `planes` is one number for each band of the resolution. Memory from `mem`; free with iiif_j2k_precinct_free, also after an error. */
iiif_rc iiif_j2k_precinct_start(const iiif_j2k_resolution_t *resolution, uint32_t number, const uint8_t *planes,
                                uint8_t style, iiif_mem_t *mem, iiif_j2k_precinct_t *precinct, iiif_err_t *err);
void iiif_j2k_precinct_free(iiif_j2k_precinct_t *precinct, iiif_mem_t *mem);
/** Lets go of what only reading needs. */
void iiif_j2k_precinct_done(iiif_j2k_precinct_t *precinct, iiif_mem_t *mem);

/** Reads the packet of the precinct's next layer; *next is where the bytes behind its body begin. */
iiif_rc iiif_j2k_packet_read(iiif_j2k_window_t *window, const iiif_j2k_packet_at_t *where, iiif_mem_t *mem,
                             iiif_j2k_precinct_t *precinct, uint64_t *next, iiif_err_t *err);

/** A block of the precinct by its absolute cell, or NULL. */
const iiif_j2k_block_t *iiif_j2k_precinct_block(const iiif_j2k_precinct_t *precinct, unsigned band, uint32_t x,
                                                uint32_t y);

/** Passes that the segment which begins or goes on behind `passes` may still hold; *segment is its number (D.4.2, Table D.9). */
unsigned iiif_j2k_segment_room(uint8_t style, unsigned passes, unsigned *segment);

static inline uint64_t iiif_j2k_chunk_offset(const iiif_j2k_chunk_t *chunk) { return chunk->place >> 8; }
static inline unsigned iiif_j2k_chunk_segment(const iiif_j2k_chunk_t *chunk) { return chunk->place & 0xFF; }

/** A number of passes, 1–164, as Table B.4 codes it. */
void iiif_j2k_put_passes(iiif_j2k_out_t *out, unsigned passes);

#endif
