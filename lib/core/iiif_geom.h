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

/**
 * The largest size that keeps the aspect of w × h inside box_w × box_h and, unless it is 0, `area`; at least 1 × 1.
 * The derived side is rounded half up, so that `w,` gives the same where the width decides (IMG-LIM-02).
 * All arguments but `area` must not be 0.
 */
void iiif_geom_fit(uint32_t w, uint32_t h, uint64_t box_w, uint64_t box_h, uint64_t area, uint32_t *width,
                   uint32_t *height);

/**
 * The area limit in force for sizes from a region of w × h; 0 is none. A service that enlarges without any limit
 * of its own is held to 64 Mi pixels or, where the region is larger, to the region: a bound must exist and be
 * announced (Image 3.0 §5.7, IMG3-JSON-04). For documents pass the size of the full image.
 */
uint64_t iiif_geom_area_limit(const iiif_limits_t *limits, uint32_t w, uint32_t h);

#endif
