/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Gray, bitonal, depth and alpha. Each opener takes over `up` on success only, and returns `up` itself where
 * there is nothing to do.
 */
#ifndef IIIF_TONE_H
#define IIIF_TONE_H

#include "iiif_raster.h"

typedef enum iiif_bitonal {
    IIIF_BITONAL_DIFFUSION,   /**< Floyd–Steinberg, serpentine */
    IIIF_BITONAL_THRESHOLD
} iiif_bitonal;

/** RGB(A) to GRAY(A) by the luma of ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B), the Y of JPEG. */
iiif_rc iiif_gray_open(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err);

/** GRAY to GRAY of depth 8 that holds only 0 and 255. Input must be GRAY without alpha. */
iiif_rc iiif_bitonal_open(iiif_stage_t *up, iiif_bitonal method, unsigned threshold /* 1–255 */,
                          const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err);

/** 8 to 16 bits (×257) or 16 to 8 (rounded). */
iiif_rc iiif_depth_open(iiif_stage_t *up, unsigned depth, const iiif_work_t *work, iiif_stage_t **out,
                        iiif_err_t *err);

/** Lays the image on an opaque colour: the layout loses alpha. `rgb` is 8 bits a channel; gray takes its luma. */
iiif_rc iiif_flatten_open(iiif_stage_t *up, const uint8_t rgb[3], const iiif_work_t *work, iiif_stage_t **out,
                          iiif_err_t *err);

#endif
