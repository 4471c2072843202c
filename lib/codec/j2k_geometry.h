/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where tiles, components, resolutions, precincts and code-blocks lie (ISO/IEC 15444-1 Annex B): arithmetic alone.
 */
#ifndef IIIF_J2K_GEOMETRY_H
#define IIIF_J2K_GEOMETRY_H

#include "j2k_header.h"

/** Bytes of the library's own structures for one tile beyond which no master is opened, whatever the budget. */
#define IIIF_J2K_STRUCTURE_MAX ((uint64_t)1 << 30)

/** [from, to) along one axis. */
typedef struct iiif_span {
    uint32_t from, to;
} iiif_span_t;

/** Tiles [x.from, x.to) × [y.from, y.to) of the tile grid. */
typedef struct iiif_j2k_tile_rect {
    iiif_span_t x, y;
} iiif_j2k_tile_rect_t;

/** What a rectangle of tiles asks of a decoder. */
typedef struct iiif_j2k_weight {
    uint64_t packets;            /**< in all its tiles */
    uint64_t structure;          /**< bytes of precincts and code-blocks of its heaviest tile */
} iiif_j2k_weight_t;

/** ceil(v / (step · 2^reduce)): a coordinate of the reference grid on a component's reduced grid (B-12, B-15). */
uint32_t iiif_j2k_scale(uint64_t v, uint32_t step, unsigned reduce);

/** A component's samples at a reduction, on its own grid (from may be > 0). */
iiif_span_t iiif_j2k_component_x(const iiif_j2k_header_t *header, uint32_t dx, unsigned reduce);
iiif_span_t iiif_j2k_component_y(const iiif_j2k_header_t *header, uint32_t dy, unsigned reduce);

/** The columns or rows [from, to) of tiles on the reference grid, cut at the image area (B-7…B-10). */
iiif_span_t iiif_j2k_tiles_x(const iiif_j2k_header_t *header, iiif_span_t tiles);
iiif_span_t iiif_j2k_tiles_y(const iiif_j2k_header_t *header, iiif_span_t tiles);

/** The tiles that hold the reference-grid area [x.from, x.to) × [y.from, y.to), not empty and inside the image. */
iiif_j2k_tile_rect_t iiif_j2k_tiles_of(const iiif_j2k_header_t *header, iiif_span_t x, iiif_span_t y);

iiif_j2k_tile_rect_t iiif_j2k_all_tiles(const iiif_j2k_header_t *header);

/** Weighs tiles coded by `codings` (one a component) with `layers` layers. Saturates instead of overflowing. */
iiif_j2k_weight_t iiif_j2k_weigh(const iiif_j2k_header_t *header, const iiif_j2k_coding_t *codings, uint16_t layers,
                                 iiif_j2k_tile_rect_t tiles);

/** As iiif_j2k_weigh with the main header's coding. */
iiif_j2k_weight_t iiif_j2k_weigh_main(const iiif_j2k_header_t *header, iiif_j2k_tile_rect_t tiles);

#endif
