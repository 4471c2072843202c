/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sizes and tiles that a document announces: what the master holds anyway, within the limits (IMG3-JSON-05 … 07).
 */
#ifndef IIIF_PYRAMID_H
#define IIIF_PYRAMID_H

#include "iiif_info.h"

#define IIIF_SIZES_MAX (IIIF_LEVELS_MAX + 1)

typedef struct iiif_sizes {
    unsigned count;
    struct {
        uint32_t width, height;
    } list[IIIF_SIZES_MAX];   /**< ascending */
} iiif_sizes_t;

typedef struct iiif_tiles {
    uint32_t width, height;
    unsigned factors;         /**< the scale factors are 2^0 … 2^(factors-1) */
} iiif_tiles_t;

/**
 * The resolutions of the master, upright; where it has only one, its halvings down to about 128 pixels. Each can be
 * had as `full/w,h/…`; in 2.1 also, with the same result, as `full/w,/…` (IMG2-JSON-07). Never empty.
 */
void iiif_pyramid_sizes(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                        iiif_sizes_t *sizes);

/** The master's own tiles where they are of a sensible size (128 … 2048) and allowed, else 512 or less. */
void iiif_pyramid_tiles(const iiif_facts_t *facts, const iiif_limits_t *limits, iiif_tiles_t *tiles);

#endif
