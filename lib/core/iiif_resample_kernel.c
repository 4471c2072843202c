/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_resample_kernel.h"

#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
/* -O2 of gcc 12 vectorises hardly any of these loops. */
#pragma GCC optimize("O3", "fp-contract=off")
#elif defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define HAVE_AVX2 1
#else
#define HAVE_AVX2 0
#endif

#define BODY static inline __attribute__((always_inline))
#define CHUNK 1024 /* sums of one go: 4 KiB, so that they stay in the first cache over all rows */

/* Four lanes exist on every machine that vectorises; elsewhere compilers take them apart. */
typedef float lanes_t __attribute__((vector_size(16)));

#define ADD_ROWS(sample_t)                                                                            \
    for (size_t from = 0; from < n; from += CHUNK) {                                                  \
        size_t width = n - from < CHUNK ? n - from : CHUNK, k = 0;                                    \
        float *restrict to = sum + from;                                                              \
                                                                                                      \
        for (; k + 4 <= row_count; k += 4) {                                                          \
            const sample_t *restrict a = (const sample_t *)rows[k] + from;                            \
            const sample_t *restrict b = (const sample_t *)rows[k + 1] + from;                        \
            const sample_t *restrict c = (const sample_t *)rows[k + 2] + from;                        \
            const sample_t *restrict d = (const sample_t *)rows[k + 3] + from;                        \
            const float wa = weights[k], wb = weights[k + 1], wc = weights[k + 2], wd = weights[k + 3]; \
                                                                                                      \
            for (size_t i = 0; i < width; i++)                                                        \
                to[i] += ((float)a[i] * wa + (float)b[i] * wb) + ((float)c[i] * wc + (float)d[i] * wd); \
        }                                                                                             \
        for (; k < row_count; k++) {                                                                  \
            const sample_t *restrict a = (const sample_t *)rows[k] + from;                            \
            const float wa = weights[k];                                                              \
                                                                                                      \
            for (size_t i = 0; i < width; i++)                                                        \
                to[i] += (float)a[i] * wa;                                                            \
        }                                                                                             \
    }

BODY void add_rows_u8(float *sum, const void *const *rows, const float *weights, size_t row_count, size_t n)
{
    ADD_ROWS(uint8_t)
}

BODY void add_rows_u16(float *sum, const void *const *rows, const float *weights, size_t row_count, size_t n)
{
    ADD_ROWS(uint16_t)
}

BODY void add_rows_f32(float *sum, const void *const *rows, const float *weights, size_t row_count, size_t n)
{
    ADD_ROWS(float)
}

BODY void across_channels(float *restrict out, const float *restrict planes, size_t plane_stride,
                          unsigned channels, const iiif_taps_t *taps)
{
    for (size_t o = 0; o < taps->count; o++) {
        const float *from = planes + taps->starts[o];
        const float *weights = taps->weights + o * taps->taps;
        lanes_t sums[5] = {{0}};

        for (size_t t = 0; t < taps->taps; t += 4) {
            lanes_t weight, value;

            memcpy(&weight, weights + t, sizeof(weight));
            for (unsigned c = 0; c < channels; c++) {
                memcpy(&value, from + c * plane_stride + t, sizeof(value));
                sums[c] += weight * value;
            }
        }
        for (unsigned c = 0; c < channels; c++)
            out[o * channels + c] = (sums[c][0] + sums[c][2]) + (sums[c][1] + sums[c][3]);
    }
}

/* A constant number of channels lets the loops over them be unrolled. */
BODY void across(float *out, const float *planes, size_t plane_stride, unsigned channels,
                 const iiif_taps_t *taps)
{
    switch (channels) {
    case 1:
        across_channels(out, planes, plane_stride, 1, taps);
        break;
    case 2:
        across_channels(out, planes, plane_stride, 2, taps);
        break;
    case 3:
        across_channels(out, planes, plane_stride, 3, taps);
        break;
    case 4:
        across_channels(out, planes, plane_stride, 4, taps);
        break;
    default:
        across_channels(out, planes, plane_stride, 5, taps);
        break;
    }
}

BODY void split_channels(float *restrict planes, size_t plane_stride, unsigned channels,
                         const float *restrict row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (unsigned c = 0; c < channels; c++)
            planes[c * plane_stride + i] = row[i * channels + c];
    }
}

BODY void split(float *planes, size_t plane_stride, unsigned channels, const float *row, size_t n)
{
    switch (channels) {
    case 1:
        memcpy(planes, row, n * sizeof(*row));
        break;
    case 2:
        split_channels(planes, plane_stride, 2, row, n);
        break;
    case 3:
        split_channels(planes, plane_stride, 3, row, n);
        break;
    case 4:
        split_channels(planes, plane_stride, 4, row, n);
        break;
    default:
        split_channels(planes, plane_stride, 5, row, n);
        break;
    }
}

BODY void store(void *out, const float *restrict in, size_t n, unsigned depth)
{
    if (depth == 8) {
        uint8_t *restrict to = out;

        for (size_t i = 0; i < n; i++) {
            float value = in[i] < 0.0f ? 0.0f : in[i];

            to[i] = (uint8_t)(int32_t)((value > 255.0f ? 255.0f : value) + 0.5f);
        }
    } else {
        uint16_t *restrict to = out;

        for (size_t i = 0; i < n; i++) {
            float value = in[i] < 0.0f ? 0.0f : in[i];

            to[i] = (uint16_t)(int32_t)((value > 65535.0f ? 65535.0f : value) + 0.5f);
        }
    }
}

/* The same bodies for one instruction set, and the table of them. */
#define KERNEL_SET(set, target)                                                                        \
    static target void set##_u8(float *sum, const void *const *rows, const float *weights,             \
                                size_t row_count, size_t n)                                            \
    {                                                                                                  \
        add_rows_u8(sum, rows, weights, row_count, n);                                                 \
    }                                                                                                  \
    static target void set##_u16(float *sum, const void *const *rows, const float *weights,            \
                                 size_t row_count, size_t n)                                           \
    {                                                                                                  \
        add_rows_u16(sum, rows, weights, row_count, n);                                                \
    }                                                                                                  \
    static target void set##_f32(float *sum, const void *const *rows, const float *weights,            \
                                 size_t row_count, size_t n)                                           \
    {                                                                                                  \
        add_rows_f32(sum, rows, weights, row_count, n);                                                \
    }                                                                                                  \
    static target void set##_across(float *out, const float *planes, size_t plane_stride,              \
                                    unsigned channels, const iiif_taps_t *taps)                        \
    {                                                                                                  \
        across(out, planes, plane_stride, channels, taps);                                             \
    }                                                                                                  \
    static target void set##_split(float *planes, size_t plane_stride, unsigned channels,              \
                                   const float *row, size_t n)                                         \
    {                                                                                                  \
        split(planes, plane_stride, channels, row, n);                                                 \
    }                                                                                                  \
    static target void set##_store(void *out, const float *in, size_t n, unsigned depth)               \
    {                                                                                                  \
        store(out, in, n, depth);                                                                      \
    }                                                                                                  \
    static const iiif_kernels_t set##_kernels = {                                                      \
        {set##_u8, set##_u16, set##_f32}, set##_across, set##_split, set##_store};

KERNEL_SET(plain, )
#if HAVE_AVX2
KERNEL_SET(avx2, __attribute__((target("avx2"))))
#endif

const iiif_kernels_t *iiif_kernels_get(bool plain)
{
#if HAVE_AVX2
    /* Asked at run time by hand: resolvers of the loader do not get along with every sanitizer and libc. */
    if (!plain && __builtin_cpu_supports("avx2"))
        return &avx2_kernels;
#else
    (void)plain;
#endif
    return &plain_kernels;
}

BODY void premultiply(float *restrict out, const void *in, size_t pixels, unsigned channels, unsigned depth)
{
    const uint8_t *in8 = in;
    const uint16_t *in16 = in;
    unsigned alpha = channels - 1;

    for (size_t i = 0; i < pixels; i++) {
        size_t at = i * channels;
        float a = depth == 8 ? (float)in8[at + alpha] : (float)in16[at + alpha];
        float share = a / (depth == 8 ? 255.0f : 65535.0f);

        for (unsigned c = 0; c < alpha; c++)
            out[at + c] = (depth == 8 ? (float)in8[at + c] : (float)in16[at + c]) * share;
        out[at + alpha] = a;
    }
}

void iiif_premultiply_row(float *out, const void *in, size_t pixels, unsigned channels, unsigned depth)
{
    if (channels == 2 && depth == 8)
        premultiply(out, in, pixels, 2, 8);
    else if (channels == 2)
        premultiply(out, in, pixels, 2, 16);
    else if (channels == 4 && depth == 8)
        premultiply(out, in, pixels, 4, 8);
    else if (channels == 4)
        premultiply(out, in, pixels, 4, 16);
    else
        premultiply(out, in, pixels, channels, depth);
}

void iiif_unpremultiply_row(float *row, size_t pixels, unsigned channels, unsigned depth)
{
    float max = depth == 8 ? 255.0f : 65535.0f;
    unsigned alpha = channels - 1;

    for (size_t i = 0; i < pixels; i++) {
        float *pixel = row + i * channels, share;

        if (pixel[alpha] < 0.5f) {
            memset(pixel, 0, channels * sizeof(*pixel));
            continue;
        }
        share = max / pixel[alpha];
        for (unsigned c = 0; c < alpha; c++)
            pixel[c] *= share;
        pixel[alpha] = pixel[alpha] > max ? max : pixel[alpha];
    }
}
