/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Mirror, quarter turns and arbitrary rotation (Image 3.0 §4.3).
 */
#ifndef IIIF_ROTATE_H
#define IIIF_ROTATE_H

#include "iiif_raster.h"

/**
 * One of the eight symmetries of a rectangle: first mirror left-right if `mirror`, then `quarters` (0–3) quarter
 * turns clockwise. EXIF orientations and requests compose into one.
 */
typedef struct iiif_turn {
    bool mirror;
    uint8_t quarters;
} iiif_turn_t;

iiif_turn_t iiif_turn_of_orientation(unsigned exif);           /**< 1–8; anything else is no turn */
iiif_turn_t iiif_turn_then(iiif_turn_t first, iiif_turn_t second);
bool iiif_turn_swaps(iiif_turn_t turn);                        /**< exchanges width and height */

/** A rectangle of the turned image, in the image before the turn (of size width × height). */
iiif_rect_t iiif_turn_back(iiif_turn_t turn, iiif_rect_t rect, uint32_t width, uint32_t height);

/**
 * Turns. No turn returns `up` itself. A mirror alone works row by row; every other turn holds the whole image
 * within the budget (its size is the output's, never the master's). Takes over `up` on success only.
 */
iiif_rc iiif_turn_open(iiif_stage_t *up, iiif_turn_t turn, const iiif_work_t *work, iiif_stage_t **out,
                       iiif_err_t *err);

/**
 * Rotates clockwise by any angle (0 < degrees < 360) about the centre, bicubic, alpha-weighted, with antialiased edges.
 * The canvas is the bounding box (iiif_rotate_bounds); outside the image it is transparent, so the layout gains
 * alpha. Holds the whole input. Takes over `up` on success only.
 */
iiif_rc iiif_rotate_open(iiif_stage_t *up, double degrees, const iiif_work_t *work, iiif_stage_t **out,
                         iiif_err_t *err);

/** |w·cosθ|+|h·sinθ| × |h·cosθ|+|w·sinθ|, rounded half up, at least 1 (IMG-ROT-08). */
void iiif_rotate_bounds(uint32_t width, uint32_t height, double degrees, uint32_t *out_width,
                        uint32_t *out_height);

#endif
