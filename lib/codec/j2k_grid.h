/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The parts of one tile-component: resolutions, bands, precincts and code-blocks (ISO/IEC 15444-1 Annex B). Precincts and
 * code-blocks are cells of grids that start at 0, so each has absolute coordinates that a cut of the tile does not move.
 */
#ifndef IIIF_J2K_GRID_H
#define IIIF_J2K_GRID_H

#include "j2k_geometry.h"

#define IIIF_J2K_BANDS_MAX 3

/** [x0, x1) × [y0, y1): samples, or cells of a grid. Empty where an end is not beyond its start. */
typedef struct iiif_j2k_area {
    uint32_t x0, y0, x1, y1;
} iiif_j2k_area_t;

typedef struct iiif_j2k_band {
    unsigned n;                          /**< decompositions down to it (n_b) */
    bool high_x, high_y;
    unsigned number;                     /**< 0 LL, 1 HL, 2 LH, 3 HH of the lowest resolution; 3 more for each next */
    iiif_j2k_area_t area;
} iiif_j2k_band_t;

typedef struct iiif_j2k_resolution {
    iiif_j2k_area_t area;
    unsigned precinct_width, precinct_height; /**< log2, in samples of the resolution */
    unsigned block_width, block_height;       /**< log2, after precincts have cut the blocks (B-17, B-18) */
    unsigned span_width, span_height;         /**< log2 of a precinct in samples of its bands */
    uint32_t precinct_x, precinct_y;          /**< absolute cell of the first precinct */
    uint32_t across, down;                    /**< precincts; 0 where the resolution is empty */
    unsigned band_count;
    iiif_j2k_band_t bands[IIIF_J2K_BANDS_MAX];
} iiif_j2k_resolution_t;

static inline bool iiif_j2k_area_is_empty(iiif_j2k_area_t a)
{
    return a.x0 >= a.x1 || a.y0 >= a.y1;
}

iiif_j2k_area_t iiif_j2k_area_cut(iiif_j2k_area_t a, iiif_j2k_area_t b);

/** ceil((v − 2^(n−1)·high) / 2^n): a tile-component's coordinate in a band (B-15). n = 0 is the component itself. */
uint32_t iiif_j2k_in_band(uint32_t v, unsigned n, bool high);

/** Lays out resolution `r` ≤ coding->levels of a tile-component that covers `area` of its component. */
void iiif_j2k_resolution_lay(const iiif_j2k_coding_t *coding, iiif_j2k_area_t area, unsigned r,
                             iiif_j2k_resolution_t *out);

/** The code-blocks of a band that lie in a precinct (0 … across × down − 1, by rows), as absolute cells. May be empty. */
iiif_j2k_area_t iiif_j2k_precinct_blocks(const iiif_j2k_resolution_t *resolution, unsigned band, uint32_t precinct);

/** The precinct that holds a code-block, which is one of the resolution's. */
uint32_t iiif_j2k_precinct_of(const iiif_j2k_resolution_t *resolution, uint32_t block_x, uint32_t block_y);

#endif
