/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The stage that ends in GRAY or RGB. Profiles are icc.h's; Lab, and CMYK without a profile, go by formula here, the same in
 * every build.
 */
#include "iiif_color.h"

#include <math.h>
#include <string.h>

#include "icc.h"

typedef struct color {
    iiif_stage_t base;
    iiif_strip_t in;
    iiif_icc_t *icc;       /* NULL: by formula */
    bool lab;
} color_t;

bool iiif_color_available(void)
{
    return iiif_icc_available();
}

/* --- CMYK by formula: inks as ideal filters, R = (1-C)(1-K) ------------------------------------------ */

static void cmyk_row8(const uint8_t *in, uint8_t *out, uint32_t width, bool alpha)
{
    unsigned from = alpha ? 5 : 4, to = alpha ? 4 : 3;

    for (uint32_t x = 0; x < width; x++, in += from, out += to) {
        unsigned light = 255u - in[3];

        for (unsigned c = 0; c < 3; c++)
            out[c] = (uint8_t)(((255u - in[c]) * light + 127) / 255);
        if (alpha)
            out[3] = in[4];
    }
}

static void cmyk_row16(const uint16_t *in, uint16_t *out, uint32_t width, bool alpha)
{
    unsigned from = alpha ? 5 : 4, to = alpha ? 4 : 3;

    for (uint32_t x = 0; x < width; x++, in += from, out += to) {
        uint32_t light = 65535u - in[3];

        for (unsigned c = 0; c < 3; c++)
            out[c] = (uint16_t)(((65535u - in[c]) * light + 32767) / 65535);
        if (alpha)
            out[3] = in[4];
    }
}

/* --- CIELab (D50) to sRGB ----------------------------------------------------------------------------- */

static double lab_inverse(double t)
{
    return t > 6.0 / 29 ? t * t * t : 3 * (6.0 / 29) * (6.0 / 29) * (t - 4.0 / 29);
}

/* IEC 61966-2-1; outside the gamut the nearest edge of each channel. */
static double srgb_coded(double linear)
{
    if (!(linear > 0))
        return 0;
    if (linear >= 1)
        return 1;
    return linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;
}

/* l: 0…100; a, b: -128…127. CIE 15 §8.2.1 backwards, then Bradford-adapted D50 → sRGB primaries. */
static void lab_pixel(double l, double a, double b, double rgb[3])
{
    double fy = (l + 16) / 116;
    double x = 0.96422 * lab_inverse(fy + a / 500), y = lab_inverse(fy), z = 0.82521 * lab_inverse(fy - b / 200);

    rgb[0] = srgb_coded(3.1338561 * x - 1.6168667 * y - 0.4906146 * z);
    rgb[1] = srgb_coded(-0.9787684 * x + 1.9161415 * y + 0.0334540 * z);
    rgb[2] = srgb_coded(0.0719453 * x - 0.2289914 * y + 1.4052427 * z);
}

static void lab_row8(const uint8_t *in, uint8_t *out, uint32_t width, bool alpha)
{
    unsigned channels = alpha ? 4 : 3;

    for (uint32_t x = 0; x < width; x++, in += channels, out += channels) {
        double rgb[3];

        lab_pixel(in[0] * 100.0 / 255, in[1] - 128.0, in[2] - 128.0, rgb);
        for (unsigned c = 0; c < 3; c++)
            out[c] = (uint8_t)(rgb[c] * 255 + 0.5);
        if (alpha)
            out[3] = in[3];
    }
}

static void lab_row16(const uint16_t *in, uint16_t *out, uint32_t width, bool alpha)
{
    unsigned channels = alpha ? 4 : 3;

    for (uint32_t x = 0; x < width; x++, in += channels, out += channels) {
        double rgb[3];

        lab_pixel(in[0] * 100.0 / 65535, in[1] / 257.0 - 128, in[2] / 257.0 - 128, rgb);
        for (unsigned c = 0; c < 3; c++)
            out[c] = (uint16_t)(rgb[c] * 65535 + 0.5);
        if (alpha)
            out[3] = in[3];
    }
}

/* --- the stage ----------------------------------------------------------------------------------------- */

static void convert_row(const color_t *color, const uint8_t *in, uint8_t *out)
{
    const iiif_image_t *image = &color->base.image;
    bool alpha = iiif_layout_has_alpha(image->layout);

    if (color->icc != NULL)
        iiif_icc_convert(color->icc, in, out, image->width);
    else if (image->depth == 8 && color->lab)
        lab_row8(in, out, image->width, alpha);
    else if (image->depth == 8)
        cmyk_row8(in, out, image->width, alpha);
    else if (color->lab)
        lab_row16((const uint16_t *)(const void *)in, (uint16_t *)(void *)out, image->width, alpha);
    else
        cmyk_row16((const uint16_t *)(const void *)in, (uint16_t *)(void *)out, image->width, alpha);
}

static iiif_rc color_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    color_t *color = (color_t *)stage;
    iiif_strip_t in = color->in;
    iiif_rc rc;

    in.capacity = iiif_min_u32(in.capacity, strip->capacity);
    rc = iiif_stage_pull(stage->up, &in, err);
    if (rc != IIIF_OK)
        return rc;
    for (uint32_t row = 0; row < in.rows; row++)
        convert_row(color, in.data + row * in.stride, strip->data + row * strip->stride);
    strip->rows = in.rows;
    return IIIF_OK;
}

static void color_close(iiif_stage_t *stage)
{
    color_t *color = (color_t *)stage;

    iiif_icc_close(color->icc);
    iiif_strip_free(&color->in, stage->work->mem);
    iiif_mem_free(stage->work->mem, color);
}

/* Takes over `icc` (may be NULL) and `up` on success only. */
static iiif_rc stage_open(iiif_stage_t *up, iiif_icc_t *icc, const iiif_work_t *work, iiif_stage_t **out,
                          iiif_err_t *err)
{
    color_t *color = iiif_mem_zalloc(work->mem, 1, sizeof(*color));
    iiif_layout plain = iiif_layout_with_alpha(up->image.layout, false);
    iiif_rc rc;

    if (color == NULL)
        return iiif_err_memory(err, "the conversion of colours", sizeof(*color));
    rc = iiif_strip_alloc(&color->in, &up->image, work->mem, err);
    if (rc != IIIF_OK) {
        iiif_mem_free(work->mem, color);
        return rc;
    }
    color->base.image = up->image;
    color->base.image.layout = iiif_layout_with_alpha(plain == IIIF_LAYOUT_GRAY ? IIIF_LAYOUT_GRAY : IIIF_LAYOUT_RGB,
                                                      iiif_layout_has_alpha(up->image.layout));
    color->base.work = work;
    color->base.up = up;
    color->base.pull = color_pull;
    color->base.close = color_close;
    color->icc = icc;
    color->lab = plain == IIIF_LAYOUT_LAB;
    *out = &color->base;
    return IIIF_OK;
}

iiif_rc iiif_color_open(iiif_stage_t *up, const uint8_t *icc, size_t icc_length, iiif_color_mode mode,
                        const iiif_work_t *work, iiif_stage_t **out, bool *profile_ignored, bool *embed,
                        iiif_err_t *err)
{
    iiif_layout plain = iiif_layout_with_alpha(up->image.layout, false);
    bool shown = plain == IIIF_LAYOUT_GRAY || plain == IIIF_LAYOUT_RGB; /* needs no conversion to be seen */
    bool given = icc != NULL && icc_length > 0, fits = given && iiif_icc_fits(icc, icc_length, up->image.layout);
    iiif_icc_verdict verdict = IIIF_ICC_USELESS;
    iiif_icc_t *transform = NULL;
    iiif_rc rc = IIIF_OK;

    if (fits && !(shown && mode == IIIF_COLOR_KEEP))
        rc = iiif_icc_open(icc, icc_length, &up->image, work, &verdict, &transform, err);
    if (rc != IIIF_OK)
        return rc;
    if (embed != NULL)
        *embed = fits && shown && mode == IIIF_COLOR_KEEP;
    if (profile_ignored != NULL)
        *profile_ignored = given && (!fits || (verdict == IIIF_ICC_USELESS && !(shown && mode == IIIF_COLOR_KEEP)));
    if (shown && transform == NULL) {
        *out = up;
        return IIIF_OK;
    }
    rc = stage_open(up, transform, work, out, err);
    if (rc != IIIF_OK)
        iiif_icc_close(transform);
    return rc;
}
