/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One direction of a scaling: which input pixels make an output pixel, and how much each weighs.
 *
 * With scale = (x1-x0)/out, output pixel o has its centre at c = x0 + (o+½)·scale.
 *   Lanczos3: weight of input pixel i is L((i+½-c)/f), f = max(scale, 1), L(t) = sinc(t)·sinc(t/3), |t| < 3.
 *   Box, reducing: the part of [i, i+1) that lies in [x0+o·scale, x0+(o+1)·scale). Enlarging: the pixel that holds c.
 * Weights add up to 1. Those of pixels outside the input go to the edge pixel.
 */
#ifndef IIIF_RESAMPLE_AXIS_H
#define IIIF_RESAMPLE_AXIS_H

#include "iiif_resample.h"

typedef struct iiif_axis {
    iiif_filter filter;
    double origin;      /**< x0 */
    double scale;       /**< input pixels for an output pixel */
    double support;     /**< half the width of the filter, in input pixels */
    uint32_t in, out;   /**< lengths, ≥ 1 */
} iiif_axis_t;

iiif_axis_t iiif_axis_make(iiif_filter filter, double x0, double x1, uint32_t in, uint32_t out);

/** Most input pixels that one output pixel takes at this scale, whatever the lengths. */
uint64_t iiif_axis_taps(iiif_filter filter, double scale);

/** Input pixels [*start, *end) of an output pixel; never empty, inside the input; grows with `o`. */
void iiif_axis_span(const iiif_axis_t *axis, uint32_t o, uint32_t *start, uint32_t *end);

/** The weights of that span; `weights` has room for iiif_axis_taps. */
void iiif_axis_weights(const iiif_axis_t *axis, uint32_t o, float *weights);

#endif
