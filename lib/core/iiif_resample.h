/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Scaling. Separable, antialiased, strip by strip: memory grows with the width of the output and the
 * height of the filter, not with the image.
 *
 * Samples are weighted as they are encoded (gamma-coded sRGB, like the scaling of viewers and of the DCT
 * itself), not in linear light; colours are weighted by alpha, so that nothing bleeds out of transparent pixels.
 */
#ifndef IIIF_RESAMPLE_H
#define IIIF_RESAMPLE_H

#include "iiif_raster.h"

typedef enum iiif_filter {
    IIIF_FILTER_LANCZOS3,  /**< default; its support is widened by the reduction */
    IIIF_FILTER_BOX        /**< area average; enlarging it is nearest neighbour */
} iiif_filter;

/** Where the output lies in the input, in input pixels; may be fractional; within [0,width]×[0,height]. */
typedef struct iiif_window {
    double x0, y0, x1, y1;
} iiif_window_t;

/**
 * Scales `window` of what `up` delivers to width × height. Input pixels outside the window but inside the image are
 * used by the filter, so that neighbouring tiles have no seam; at the border of the input the edge pixel counts on.
 * Where the window is whole pixels and already of the wanted size, rows are only cropped, bit for bit.
 * Takes over `up` on success only.
 */
iiif_rc iiif_resample_open(iiif_stage_t *up, const iiif_window_t *window, uint32_t width, uint32_t height,
                           iiif_filter filter, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err);

/** Input pixels that the filter reads beyond a window's edge at this reduction (input/output ≥ 0). */
uint32_t iiif_resample_margin(iiif_filter filter, double reduction);

/** Working memory of such a stage, for the plan's estimate. */
size_t iiif_resample_bytes(uint32_t in_width, uint32_t out_width, double reduction_y, unsigned channels,
                           unsigned depth, iiif_filter filter);

#endif
