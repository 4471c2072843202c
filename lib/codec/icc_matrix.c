/* SPDX-License-Identifier: Apache-2.0 */
#include "icc_matrix.h"

#include <math.h>
#include <string.h>

/* Between the steps values are interpolated; the error is below a fifth of a step of the output. */
#define CURVE_STEPS_8 255u
#define CURVE_STEPS_16 4096u
#define CODE_STEPS 16384u

struct iiif_icc_matrix {
    unsigned channels;              /* without alpha: 1 or 3 */
    bool alpha;
    unsigned depth;
    unsigned curve_steps;
    float matrix[3][3];             /* linear light of the profile to that of sRGB */
    float code[CODE_STEPS + 2];     /* linear light to sRGB's coded value, times the largest sample */
    float curve[3][CURVE_STEPS_16 + 2];
};

iiif_icc_matrix_t *iiif_icc_matrix_new(iiif_layout layout, unsigned depth, iiif_mem_t *mem)
{
    iiif_icc_matrix_t *matrix = iiif_mem_zalloc(mem, 1, sizeof(*matrix));

    if (matrix == NULL)
        return NULL;
    matrix->alpha = iiif_layout_has_alpha(layout);
    matrix->channels = iiif_layout_channels(layout) - (matrix->alpha ? 1 : 0);
    matrix->depth = depth;
    matrix->curve_steps = depth == 8 ? CURVE_STEPS_8 : CURVE_STEPS_16;
    return matrix;
}

float *iiif_icc_matrix_curve(iiif_icc_matrix_t *matrix, unsigned channel, size_t *count)
{
    *count = matrix->curve_steps + 1;
    return matrix->curve[channel];
}

/* A hostile curve may hold anything. */
static float unit(float v)
{
    return v > 0 ? (v < 1 ? v : 1) : 0;
}

static void finish_curves(iiif_icc_matrix_t *matrix)
{
    float max = matrix->depth == 8 ? 255.0f : 65535.0f;

    for (unsigned c = 0; c < matrix->channels; c++) {
        for (size_t i = 0; i <= matrix->curve_steps; i++)
            matrix->curve[c][i] = unit(matrix->curve[c][i]);
        matrix->curve[c][matrix->curve_steps + 1] = matrix->curve[c][matrix->curve_steps];
    }
    for (size_t i = 0; i <= CODE_STEPS; i++) { /* IEC 61966-2-1 */
        float v = (float)i / CODE_STEPS;

        matrix->code[i] = max * (v <= 0.0031308f ? 12.92f * v : 1.055f * powf(v, 1 / 2.4f) - 0.055f);
    }
    matrix->code[CODE_STEPS + 1] = max;
}

void iiif_icc_matrix_finish(iiif_icc_matrix_t *matrix, double colorants[3][3])
{
    /* XYZ (D50) to linear sRGB: the primaries of IEC 61966-2-1, adapted by Bradford. */
    static const double to_srgb[3][3] = {{3.1338561, -1.6168667, -0.4906146},
                                         {-0.9787684, 1.9161415, 0.0334540},
                                         {0.0719453, -0.2289914, 1.4052427}};

    finish_curves(matrix);
    for (unsigned row = 0; row < 3 && matrix->channels == 3; row++) {
        double m[3], sum = 0;

        for (unsigned c = 0; c < 3; c++) {
            m[c] = to_srgb[row][0] * colorants[c][0] + to_srgb[row][1] * colorants[c][1] +
                   to_srgb[row][2] * colorants[c][2];
            sum += m[c];
        }
        /* White is to be white exactly, whatever the last digits of the colorants. */
        for (unsigned c = 0; c < 3; c++)
            matrix->matrix[row][c] = (float)(fabs(sum - 1) < 0.02 ? m[c] / sum : m[c]);
    }
}

static float between(const float *table, float place)
{
    unsigned i = (unsigned)place;

    return table[i] + (table[i + 1] - table[i]) * (place - (float)i);
}

static float coded(const iiif_icc_matrix_t *matrix, float linear)
{
    return between(matrix->code, unit(linear) * CODE_STEPS) + 0.5f;
}

/* Linear light of one pixel, to sRGB's samples; gray has one channel and no matrix. */
static void convert_pixel(const iiif_icc_matrix_t *matrix, const float light[3], float out[3])
{
    if (matrix->channels == 1) {
        out[0] = coded(matrix, light[0]);
        return;
    }
    for (unsigned c = 0; c < 3; c++) {
        const float *m = matrix->matrix[c];

        out[c] = coded(matrix, m[0] * light[0] + m[1] * light[1] + m[2] * light[2]);
    }
}

static void convert8(const iiif_icc_matrix_t *matrix, const uint8_t *in, uint8_t *out, uint32_t pixels)
{
    unsigned channels = matrix->channels, step = channels + (matrix->alpha ? 1 : 0);

    for (uint32_t x = 0; x < pixels; x++, in += step, out += step) {
        float light[3], samples[3];

        for (unsigned c = 0; c < channels; c++)
            light[c] = matrix->curve[c][in[c]];
        convert_pixel(matrix, light, samples);
        for (unsigned c = 0; c < channels; c++)
            out[c] = (uint8_t)samples[c];
        if (matrix->alpha)
            out[channels] = in[channels];
    }
}

static void convert16(const iiif_icc_matrix_t *matrix, const uint16_t *in, uint16_t *out, uint32_t pixels)
{
    unsigned channels = matrix->channels, step = channels + (matrix->alpha ? 1 : 0);
    const float scale = (float)CURVE_STEPS_16 / 65535.0f;

    for (uint32_t x = 0; x < pixels; x++, in += step, out += step) {
        float light[3], samples[3];

        for (unsigned c = 0; c < channels; c++)
            light[c] = between(matrix->curve[c], (float)in[c] * scale);
        convert_pixel(matrix, light, samples);
        for (unsigned c = 0; c < channels; c++)
            out[c] = (uint16_t)samples[c];
        if (matrix->alpha)
            out[channels] = in[channels];
    }
}

void iiif_icc_matrix_convert(const iiif_icc_matrix_t *matrix, const uint8_t *in, uint8_t *out, uint32_t pixels)
{
    if (matrix->depth == 8)
        convert8(matrix, in, out, pixels);
    else
        convert16(matrix, (const uint16_t *)(const void *)in, (uint16_t *)(void *)out, pixels);
}
