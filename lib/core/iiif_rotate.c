/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation by any angle: each output pixel asks where it comes from. The colour there is interpolated (Catmull-Rom, as
 * though the edge pixels went on for ever), and how much of the pixel the image covers becomes its alpha; so edges are
 * smooth and no colour of the background creeps in.
 */
#include "iiif_rotate.h"

#include <math.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* unrolls the loops over taps and channels */
#endif

#define FETCH_ROWS 64 /* rows for one pull: a cancelled request stops between pulls */

static const double PI = 3.14159265358979323846;

typedef struct rotate {
    iiif_stage_t base;
    double cosine, sine;
    uint8_t *data;      /* the whole input */
    size_t stride;
    bool full;
} rotate_t;

/* One output pixel: its taps in the input and how much of it the image covers. */
typedef struct spot {
    size_t row[4], column[4];   /* bytes, samples */
    float down[4], across[4];
    float cover;                /* 0…1 */
} spot_t;

/* Catmull-Rom: the cubic through four samples, at t between the middle two. */
static inline void cubic_weights(float t, float weights[4])
{
    weights[0] = ((-0.5f * t + 1.0f) * t - 0.5f) * t;
    weights[1] = (1.5f * t - 2.5f) * t * t + 1.0f;
    weights[2] = ((-1.5f * t + 2.0f) * t + 0.5f) * t;
    weights[3] = (0.5f * t - 0.5f) * t * t;
}

static inline void taps_at(double at, uint32_t length, size_t step, size_t places[4], float weights[4])
{
    /* Rounded down: `at` is above -0.5 where a pixel is covered, and a cast is far cheaper than floor(). */
    int64_t whole = (int64_t)(at + 0.5) - 1, most = (int64_t)length - 1;

    cubic_weights((float)(at - 0.5 - (double)whole), weights);
    for (int i = 0; i < 4; i++) {
        int64_t place = whole - 1 + i;

        place = place < 0 ? 0 : place;
        places[i] = (size_t)(place > most ? most : place) * step;
    }
}

/* How far a pixel at `at` lies within [0, length]: the part of its width inside. */
static inline double cover_of(double at, double length)
{
    double low = at + 0.5, high = length - at + 0.5;

    low = low > 1.0 ? 1.0 : low;
    high = high > 1.0 ? 1.0 : high;
    return low > 0.0 && high > 0.0 ? low * high : 0.0;
}

/* False where the pixel is outside. (u, v) is its centre, in pixels from the input's corner. */
static inline bool find_spot(const rotate_t *r, double u, double v, size_t channels, spot_t *spot)
{
    const iiif_image_t *in = &r->base.up->image;
    double cover = cover_of(u, in->width) * cover_of(v, in->height);

    if (!(cover > 0.0))
        return false;
    spot->cover = (float)cover;
    taps_at(u, in->width, channels, spot->column, spot->across);
    taps_at(v, in->height, r->stride, spot->row, spot->down);
    return true;
}

static inline uint32_t round_clamp(float value, float max)
{
    return value <= 0.0f ? 0 : (uint32_t)((value > max ? max : value) + 0.5f);
}

/* The weighted sums of an input pixel's channels; colours of an input with alpha are multiplied by it. */
static inline __attribute__((always_inline)) void sum_taps(const rotate_t *r, const spot_t *spot, size_t channels,
                                                           bool alpha, unsigned depth, float sums[5])
{
    size_t colors = alpha ? channels - 1 : channels;

    for (int j = 0; j < 4; j++) {
        const void *row = r->data + spot->row[j];

        for (int i = 0; i < 4; i++) {
            const uint8_t *p8 = (const uint8_t *)row + spot->column[i];
            const uint16_t *p16 = (const uint16_t *)row + spot->column[i];
            float weight = spot->down[j] * spot->across[i];

            if (alpha) {
                weight *= depth == 8 ? (float)p8[colors] : (float)p16[colors];
                sums[colors] += weight;
            }
            for (size_t c = 0; c < colors; c++)
                sums[c] += weight * (depth == 8 ? (float)p8[c] : (float)p16[c]);
        }
    }
}

/* `colors` and alpha of one output pixel at `out`. */
static inline __attribute__((always_inline)) void write_pixel(const rotate_t *r, const spot_t *spot,
                                                              size_t channels, bool alpha, unsigned depth,
                                                              uint8_t *out)
{
    size_t colors = alpha ? channels - 1 : channels;
    float max = depth == 8 ? 255.0f : 65535.0f, share = 1.0f, opacity = max;
    float sums[5] = {0};
    uint32_t a;

    sum_taps(r, spot, channels, alpha, depth, sums);
    if (alpha) {
        if (sums[colors] < 0.5f)
            return;
        share = 1.0f / sums[colors];
        opacity = sums[colors] > max ? max : sums[colors];
    }
    a = round_clamp(opacity * spot->cover, max);
    if (a == 0)
        return;
    for (size_t c = 0; c <= colors; c++) {
        uint32_t value = c == colors ? a : round_clamp(sums[c] * share, max);

        if (depth == 8)
            out[c] = (uint8_t)value;
        else
            ((uint16_t *)(void *)out)[c] = (uint16_t)value;
    }
}

static inline __attribute__((always_inline)) void rotate_pixels(const rotate_t *r, uint32_t y, size_t channels,
                                                                bool alpha, unsigned depth, uint8_t *out)
{
    const iiif_image_t *in = &r->base.up->image;
    size_t pixel = (channels + (alpha ? 0 : 1)) * (depth / 8);
    double down = y + 0.5 - r->base.image.height / 2.0, left = 0.5 - r->base.image.width / 2.0;
    spot_t spot;

    memset(out, 0, r->base.image.width * pixel);
    for (uint32_t x = 0; x < r->base.image.width; x++, out += pixel) {
        double right = left + x;
        double u = right * r->cosine + down * r->sine + in->width / 2.0;
        double v = down * r->cosine - right * r->sine + in->height / 2.0;

        if (find_spot(r, u, v, channels, &spot))
            write_pixel(r, &spot, channels, alpha, depth, out);
    }
}

/* Constant channels and depth let the loops over the taps be unrolled. */
static inline __attribute__((always_inline)) void rotate_row(const rotate_t *r, uint32_t y, unsigned depth,
                                                             uint8_t *out)
{
    switch (r->base.up->image.layout) {
    case IIIF_LAYOUT_GRAY:
        rotate_pixels(r, y, 1, false, depth, out);
        break;
    case IIIF_LAYOUT_GRAYA:
        rotate_pixels(r, y, 2, true, depth, out);
        break;
    case IIIF_LAYOUT_RGB:
    case IIIF_LAYOUT_LAB:
        rotate_pixels(r, y, 3, false, depth, out);
        break;
    case IIIF_LAYOUT_RGBA:
    case IIIF_LAYOUT_LABA:
        rotate_pixels(r, y, 4, true, depth, out);
        break;
    case IIIF_LAYOUT_CMYK:
        rotate_pixels(r, y, 4, false, depth, out);
        break;
    case IIIF_LAYOUT_CMYKA:
        rotate_pixels(r, y, 5, true, depth, out);
        break;
    }
}

static iiif_rc rotate_fill(rotate_t *r, iiif_err_t *err)
{
    iiif_stage_t *up = r->base.up;

    while (up->next_row < up->image.height) {
        iiif_strip_t strip = {0};
        iiif_rc rc;

        strip.data = r->data + up->next_row * r->stride;
        strip.stride = r->stride;
        strip.capacity = iiif_min_u32(FETCH_ROWS, up->image.height - up->next_row);
        rc = iiif_stage_pull(up, &strip, err);
        if (rc != IIIF_OK)
            return rc;
    }
    r->full = true;
    return IIIF_OK;
}

static iiif_rc rotate_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    rotate_t *r = (rotate_t *)stage;

    if (!r->full) {
        iiif_rc rc = rotate_fill(r, err);

        if (rc != IIIF_OK)
            return rc;
    }
    for (uint32_t row = 0; row < strip->capacity; row++) {
        uint8_t *out = strip->data + row * strip->stride;
        iiif_rc rc = iiif_cancel_check(stage->work->cancel, err);

        if (rc != IIIF_OK)
            return rc;
        if (stage->image.depth == 8)
            rotate_row(r, stage->next_row + row, 8, out);
        else
            rotate_row(r, stage->next_row + row, 16, out);
    }
    strip->rows = strip->capacity;
    return IIIF_OK;
}

static void rotate_close(iiif_stage_t *stage)
{
    rotate_t *r = (rotate_t *)stage;

    iiif_mem_free(stage->work->mem, r->data);
    iiif_mem_free(stage->work->mem, r);
}

static iiif_rc rotate_alloc(rotate_t *r, const iiif_image_t *in, iiif_mem_t *mem, iiif_err_t *err)
{
    size_t bytes;

    if (!iiif_mul_size(in->width, iiif_image_pixel_bytes(in), &r->stride) ||
        !iiif_mul_size(r->stride, in->height, &bytes))
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 1231,
                            "The image is too large to be rotated; ask for a smaller size.");
    r->data = iiif_mem_alloc(mem, bytes);
    if (r->data == NULL)
        return iiif_err_memory(err, "rotating", bytes);
    return IIIF_OK;
}

iiif_rc iiif_rotate_open(iiif_stage_t *up, double degrees, const iiif_work_t *work, iiif_stage_t **out,
                         iiif_err_t *err)
{
    rotate_t *r;
    iiif_rc rc;

    if (!(degrees > 0.0 && degrees < 360.0))
        return iiif_err_set(err, IIIF_E_INTERNAL, 1232, "An angle of rotation must lie between 0 and 360 degrees.");
    r = iiif_mem_zalloc(work->mem, 1, sizeof(*r));
    if (r == NULL)
        return iiif_err_memory(err, "rotating", sizeof(*r));
    r->base.image = up->image;
    r->base.image.layout = iiif_layout_with_alpha(up->image.layout, true);
    iiif_rotate_bounds(up->image.width, up->image.height, degrees, &r->base.image.width, &r->base.image.height);
    r->base.work = work;
    r->base.up = up;
    r->base.pull = rotate_pull;
    r->base.close = rotate_close;
    r->cosine = cos(degrees * PI / 180.0);
    r->sine = sin(degrees * PI / 180.0);
    rc = rotate_alloc(r, &up->image, work->mem, err);
    if (rc != IIIF_OK) {
        rotate_close(&r->base);
        return rc;
    }
    *out = &r->base;
    return IIIF_OK;
}
