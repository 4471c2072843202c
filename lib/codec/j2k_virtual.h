/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Windows of a master by way of small codestreams (j2k_synth.h): tile by tile, large windows in parts, so that bytes, time and memory
 * follow the window and not the master.
 */
#ifndef IIIF_J2K_VIRTUAL_H
#define IIIF_J2K_VIRTUAL_H

#include "j2k_decode.h"
#include "j2k_synth.h"

/** Samples of all components that are decoded at once. */
#define IIIF_J2K_PART_SAMPLES ((uint64_t)5 << 18)

typedef struct iiif_j2k_virtual {
    iiif_src_t *src;                     /**< these three outlive it */
    const iiif_j2k_header_t *header;
    const iiif_j2k_tiles_t *tiles;
    iiif_j2k_tile_index_t **indexes;     /**< of each tile that was asked for */
    uint64_t bytes;                      /**< held by them */
    uint64_t body;                       /**< bytes of code-blocks that were decoded so far, for figures */
} iiif_j2k_virtual_t;

/** IIIF_E_UNSUPPORTED where the main header shows that it cannot work; IIIF_E_NO_MEMORY. Free also after an error. */
iiif_rc iiif_j2k_virtual_open(iiif_src_t *src, const iiif_j2k_header_t *header, const iiif_j2k_tiles_t *tiles,
                              iiif_mem_t *mem, iiif_j2k_virtual_t *out, iiif_err_t *err);
void iiif_j2k_virtual_free(iiif_j2k_virtual_t *v, iiif_mem_t *mem);

/**
 * Decodes [x.from, x.to) × [y.from, y.to) of the full reference grid at a reduction: the planes cover at least that. IIIF_E_UNSUPPORTED
 * and IIIF_E_BAD_MASTER: the plain way may do better. Others as of iiif_j2k_decode.
 */
iiif_rc iiif_j2k_virtual_decode(iiif_j2k_virtual_t *v, unsigned reduce, iiif_span_t x, iiif_span_t y, const iiif_work_t *work,
                                iiif_j2k_planes_t *planes, iiif_err_t *err);

#endif
