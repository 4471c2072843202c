/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A small codestream in place of a large one: the code-blocks that a window of one tile needs at one reduction, under headers of our own.
 * A decoder of part 1 that decodes this window of it delivers the very samples that it would deliver of the master.
 *
 * The canvas (its image area and only tile) is the tile scaled to the reduction, which leaves all bands that remain as they are since
 * rounding up composes (B-15), and cut around the window where no code-block, precinct or sample parity moves. It has one layer.
 */
#ifndef IIIF_J2K_SYNTH_H
#define IIIF_J2K_SYNTH_H

#include "j2k_index.h"

typedef struct iiif_j2k_stream {
    uint8_t *data;
    size_t length;
    size_t body;                 /**< bytes of code-blocks among them */
    iiif_j2k_header_t header;    /**< as if the stream's main header had been read; `bytes` is NULL */
} iiif_j2k_stream_t;

/**
 * `window` is on the canvas's grid (reference grid, each coordinate divided by 2^reduce and rounded up), not empty and inside the
 * tile; reduce ≤ the levels of every component. Memory from work->mem; free with iiif_j2k_stream_free, also after an error. Errors as of
 * iiif_j2k_tile_index_read.
 */
iiif_rc iiif_j2k_synth(iiif_src_t *src, const iiif_j2k_header_t *header, iiif_j2k_tile_index_t *index, iiif_j2k_area_t tile,
                       unsigned reduce, iiif_j2k_area_t window, const iiif_work_t *work, iiif_j2k_stream_t *stream,
                       iiif_err_t *err);
void iiif_j2k_stream_free(iiif_j2k_stream_t *stream, iiif_mem_t *mem);

/** The part of the canvas to ask a decoder for, so that the window in it is exact. */
iiif_j2k_area_t iiif_j2k_stream_area(const iiif_j2k_stream_t *stream, iiif_j2k_area_t window);

#endif
