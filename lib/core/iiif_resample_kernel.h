/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The inner loops of scaling, each in one plain form that compilers vectorise, built for the base
 * instruction set and, where the machine may have it, for AVX2. Both give the same bits: neither contracts a
 * multiplication and an addition, and sums are added in the same order.
 */
#ifndef IIIF_RESAMPLE_KERNEL_H
#define IIIF_RESAMPLE_KERNEL_H

#include "iiif_base.h"

/** What a row that goes into the vertical filter consists of. */
typedef enum iiif_sample {
    IIIF_SAMPLE_U8,
    IIIF_SAMPLE_U16,
    IIIF_SAMPLE_F32
} iiif_sample;

/** Weights of output pixels along a row, all with the same number of taps (the last ones 0). */
typedef struct iiif_taps {
    const uint32_t *starts;  /**< for each output pixel, from the first column of the planes */
    const float *weights;    /**< `taps` for each output pixel */
    size_t taps;             /**< a multiple of 4 */
    size_t count;            /**< output pixels */
} iiif_taps_t;

typedef struct iiif_kernels {
    /** sum[i] += Σ weights[k]·rows[k][i], i < n. Indexed by iiif_sample. */
    void (*add_rows[3])(float *sum, const void *const *rows, const float *weights, size_t row_count, size_t n);
    /** out[o·channels+c] = Σ weights·planes[c·plane_stride + starts[o] + …]; planes are readable `taps` beyond. */
    void (*across)(float *out, const float *planes, size_t plane_stride, unsigned channels,
                   const iiif_taps_t *taps);
    /** Interleaved to planes. */
    void (*split)(float *planes, size_t plane_stride, unsigned channels, const float *row, size_t n);
    /** Rounded and clamped; `depth` 8 or 16. */
    void (*store)(void *out, const float *in, size_t n, unsigned depth);
} iiif_kernels_t;

/** The fastest set for this machine, or with `plain` the one for the base instruction set. */
const iiif_kernels_t *iiif_kernels_get(bool plain);

/** Straight alpha to multiplied-in: colours c·a/max, alpha as it is; from samples of `depth`. */
void iiif_premultiply_row(float *out, const void *in, size_t pixels, unsigned channels, unsigned depth);

/** Back to straight alpha, in place, 0…max. What rounds to fully transparent becomes 0 in all channels. */
void iiif_unpremultiply_row(float *row, size_t pixels, unsigned channels, unsigned depth);

#endif
