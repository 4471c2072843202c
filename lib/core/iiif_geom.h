/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Region and size of a request in pixels of one image: pure arithmetic, exact.
 */
#ifndef IIIF_GEOM_H
#define IIIF_GEOM_H

#include "iiif_plan.h"

/** Region in upright pixels, cropped at the edges (Image 3.0 §4.1, IMG-REG-01…09). */
iiif_rc iiif_geom_region(const iiif_region_t *region, uint32_t width, uint32_t height, iiif_rect_t *out,
                         iiif_err_t *err);

/** Size of a region of w × h (Image 3.0 §4.2, Image 2.1 §4.2). */
iiif_rc iiif_geom_size(iiif_version version, const iiif_size_t *size, uint32_t w, uint32_t h,
                       const iiif_limits_t *limits, uint32_t *width, uint32_t *height, iiif_err_t *err);

#endif
