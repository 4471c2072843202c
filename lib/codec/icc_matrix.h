/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Profiles of three curves and a matrix, or of one curve (ICC.1:2022 §F.3, §F.2), to sRGB: most of those that photographs
 * carry. Tables made in under a millisecond, where a general transform takes ten; libc alone.
 */
#ifndef IIIF_ICC_MATRIX_H
#define IIIF_ICC_MATRIX_H

#include "../core/iiif_raster.h"

typedef struct iiif_icc_matrix iiif_icc_matrix_t;

/** For GRAY(A) or RGB(A) pixels of depth 8 or 16. NULL where memory ends. Free with iiif_mem_free. */
iiif_icc_matrix_t *iiif_icc_matrix_new(iiif_layout layout, unsigned depth, iiif_mem_t *mem);

/** Curves to fill: *count samples at equal steps from 0 to 1, each the linear light of that value. */
float *iiif_icc_matrix_curve(iiif_icc_matrix_t *matrix, unsigned channel, size_t *count);

/** XYZ (D50) of each channel at full, and whatever the curves hold is made safe. Call last; gray ignores `colorants`. */
void iiif_icc_matrix_finish(iiif_icc_matrix_t *matrix, double colorants[3][3]);

void iiif_icc_matrix_convert(const iiif_icc_matrix_t *matrix, const uint8_t *in, uint8_t *out, uint32_t pixels);

#endif
