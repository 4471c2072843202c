/* SPDX-License-Identifier: Apache-2.0 */
#include "dec_tiff_pixels.h"

#include <math.h>
#include <string.h>

#define CHANNELS_MAX 5u
#define CHUNK 128u

/* --- tables -------------------------------------------------------------------------------------------- */

/* What full range is for a delivered sample. */
static uint32_t full_range(const iiif_tiff_format_t *format)
{
    return format->depth == 8 ? 255 : 65535;
}

/* Flips the sign bit of signed samples, which puts the smallest at 0 and the largest at full range. */
static uint32_t sign_bit(const iiif_tiff_format_t *format)
{
    return format->is_signed ? 1u << (format->bits - 1) : 0;
}

static iiif_rc make_scale(iiif_tiff_pixels_t *pixels, iiif_err_t *err)
{
    const iiif_tiff_format_t *format = pixels->format;
    uint32_t largest = (1u << format->bits) - 1;
    uint32_t full = full_range(format);

    if (format->bits == 16 || format->kind == IIIF_TIFF_PALETTE)
        return IIIF_OK;
    pixels->scale = iiif_mem_array(pixels->mem, (size_t)largest + 1, sizeof(*pixels->scale));
    if (pixels->scale == NULL)
        return iiif_err_memory(err, "a table of samples", ((size_t)largest + 1) * sizeof(*pixels->scale));
    for (uint32_t i = 0; i <= largest; i++)
        pixels->scale[i] = (uint16_t)(((i ^ sign_bit(format)) * full + largest / 2) / largest);
    return IIIF_OK;
}

/* ColorMap has 16 bits a value; some writers fill it with 8. */
static unsigned map_shift(const uint16_t *const map[3], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (map[0][i] > 255 || map[1][i] > 255 || map[2][i] > 255)
            return 8;
    return 0;
}

static iiif_rc make_palette(iiif_tiff_pixels_t *pixels, TIFF *tiff, iiif_err_t *err)
{
    size_t count = (size_t)1 << pixels->format->bits;
    uint16_t *r = NULL, *g = NULL, *b = NULL;
    unsigned shift;

    if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &r, &g, &b) || r == NULL || g == NULL || b == NULL)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2440, "The TIFF master has a palette image without a palette.");
    pixels->palette = iiif_mem_array(pixels->mem, count, 3);
    if (pixels->palette == NULL)
        return iiif_err_memory(err, "a palette", count * 3);
    shift = map_shift((const uint16_t *const[3]){r, g, b}, count);
    for (size_t i = 0; i < count; i++) {
        pixels->palette[i * 3] = (uint8_t)(r[i] >> shift);
        pixels->palette[i * 3 + 1] = (uint8_t)(g[i] >> shift);
        pixels->palette[i * 3 + 2] = (uint8_t)(b[i] >> shift);
    }
    return IIIF_OK;
}

/* Senseless numbers give way to the defaults: ITU-R BT.601 and full range. */
static void make_ycbcr(iiif_tiff_pixels_t *pixels, TIFF *tiff)
{
    static const float luma[3] = {0.299f, 0.587f, 0.114f};
    static const float reference[6] = {0, 255, 128, 255, 128, 255};
    float *told = NULL;

    memcpy(pixels->luma, luma, sizeof(luma));
    if (TIFFGetFieldDefaulted(tiff, TIFFTAG_YCBCRCOEFFICIENTS, &told) && told != NULL && told[0] >= 0 &&
        told[0] <= 1 && told[1] > 0.01f && told[1] <= 1 && told[2] >= 0 && told[2] <= 1)
        memcpy(pixels->luma, told, sizeof(luma));
    told = NULL;
    if (!TIFFGetFieldDefaulted(tiff, TIFFTAG_REFERENCEBLACKWHITE, &told))
        told = NULL;
    for (unsigned c = 0; c < 3; c++) {
        const float *pair = told != NULL ? told + (size_t)c * 2 : reference + (size_t)c * 2;

        if (!isfinite(pair[0]) || !isfinite(pair[1]) || fabsf(pair[0]) > 1000 || fabsf(pair[1] - pair[0]) < 1)
            pair = reference + (size_t)c * 2;
        pixels->zero[c] = pair[0];
        pixels->range[c] = (c == 0 ? 255.0f : 127.0f) / (pair[1] - pair[0]);
    }
}

iiif_rc iiif_tiff_pixels_open(iiif_tiff_pixels_t *pixels, const iiif_tiff_format_t *format, TIFF *tiff,
                              iiif_mem_t *mem, iiif_err_t *err)
{
    iiif_rc rc;

    iiif_tiff_pixels_close(pixels);
    pixels->format = format;
    pixels->mem = mem;
    rc = make_scale(pixels, err);
    if (rc == IIIF_OK && format->kind == IIIF_TIFF_PALETTE)
        rc = make_palette(pixels, tiff, err);
    if (rc == IIIF_OK && format->kind == IIIF_TIFF_YCBCR)
        make_ycbcr(pixels, tiff);
    return rc;
}

void iiif_tiff_pixels_close(iiif_tiff_pixels_t *pixels)
{
    iiif_mem_free(pixels->mem, pixels->scale);
    iiif_mem_free(pixels->mem, pixels->palette);
    memset(pixels, 0, sizeof(*pixels));
}

/* --- samples ------------------------------------------------------------------------------------------- */

/* Samples are packed from the most significant bit on, whatever the byte order of the file (TIFF 6.0 §7). */
static uint16_t sample_at(const uint8_t *row, size_t bit, unsigned bits)
{
    size_t first = bit / 8, last = (bit + bits - 1) / 8;
    unsigned beyond = (unsigned)((last + 1) * 8 - (bit + bits));
    uint32_t value = 0;

    for (size_t i = first; i <= last; i++)
        value = value << 8 | row[i];
    return (uint16_t)(value >> beyond & ((1u << bits) - 1));
}

/* `count` samples, each `step` after the one before; `first` counts samples too. */
static void gather(const uint8_t *row, unsigned bits, size_t first, size_t step, uint32_t count, uint16_t *out)
{
    if (bits == 8) {
        for (uint32_t i = 0; i < count; i++)
            out[i] = row[first + i * step];
    } else if (bits == 16) {
        for (uint32_t i = 0; i < count; i++)
            memcpy(out + i, row + (first + i * step) * 2, 2);
    } else {
        for (uint32_t i = 0; i < count; i++)
            out[i] = sample_at(row, (first + i * step) * bits, bits);
    }
}

/* All channels of up to CHUNK pixels, alpha last, as stored. */
static void gather_pixels(const iiif_tiff_format_t *format, const uint8_t *const rows[], uint32_t x,
                          uint32_t count, uint16_t values[CHANNELS_MAX][CHUNK])
{
    unsigned channels = format->colors + (format->alpha >= 0 ? 1 : 0);

    for (unsigned c = 0; c < channels; c++) {
        if (format->planar) {
            gather(rows[c], format->bits, x, 1, count, values[c]);
        } else {
            unsigned sample = c < format->colors ? c : (unsigned)format->alpha;

            gather(rows[0], format->bits, (size_t)x * format->samples + sample, format->samples, count,
                   values[c]);
        }
    }
}

/* --- conversion ---------------------------------------------------------------------------------------- */

static void scale_values(const iiif_tiff_pixels_t *pixels, uint32_t count, uint16_t *values)
{
    uint16_t flip = (uint16_t)sign_bit(pixels->format);

    for (uint32_t i = 0; i < count; i++)
        values[i] = pixels->scale != NULL ? pixels->scale[values[i]] : (uint16_t)(values[i] ^ flip);
}

/* Before any inversion: the writer multiplied what it stored (TIFF 6.0 §18). */
static void divide_by_alpha(uint32_t full, const uint16_t *alpha, uint32_t count, uint16_t *values)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t a = alpha[i];

        values[i] = a == 0 ? 0 : (uint16_t)iiif_min_u32((values[i] * full + a / 2) / a, full);
    }
}

/* 16 bits: 256 steps for one of L·2.55, a or b become the 257 of iiif_raster.h. */
static uint16_t lab_16(uint32_t value)
{
    return (uint16_t)iiif_min_u32((value * 257 + 128) / 256, 65535);
}

static void convert_lab(const iiif_tiff_format_t *format, uint32_t count, uint16_t values[CHANNELS_MAX][CHUNK])
{
    bool is_signed = format->kind == IIIF_TIFF_CIELAB;
    uint16_t flip = (uint16_t)(is_signed ? 1u << (format->bits - 1) : 0);

    for (unsigned c = is_signed ? 1 : 0; c < 3; c++) {
        for (uint32_t i = 0; i < count; i++) {
            values[c][i] = (uint16_t)(values[c][i] ^ flip);
            if (format->bits == 16)
                values[c][i] = lab_16(values[c][i]);
        }
    }
}

static uint8_t clamp_8(float value)
{
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5f);
}

static void ycbcr_to_rgb(const iiif_tiff_pixels_t *pixels, const uint8_t ycbcr[3], uint8_t rgb[3])
{
    const float *luma = pixels->luma;
    float y = ((float)ycbcr[0] - pixels->zero[0]) * pixels->range[0];
    float cb = ((float)ycbcr[1] - pixels->zero[1]) * pixels->range[1];
    float cr = ((float)ycbcr[2] - pixels->zero[2]) * pixels->range[2];
    float r = y + cr * (2 - 2 * luma[0]);
    float b = y + cb * (2 - 2 * luma[2]);

    rgb[0] = clamp_8(r);
    rgb[1] = clamp_8((y - luma[0] * r - luma[2] * b) / luma[1]);
    rgb[2] = clamp_8(b);
}

static void convert_plain(const iiif_tiff_pixels_t *pixels, uint32_t count, uint16_t values[CHANNELS_MAX][CHUNK])
{
    const iiif_tiff_format_t *format = pixels->format;
    uint32_t full = full_range(format);

    for (unsigned c = 0; c < format->colors; c++) {
        scale_values(pixels, count, values[c]);
        if (format->premultiplied)
            divide_by_alpha(full, values[format->colors], count, values[c]);
        for (uint32_t i = 0; format->inverted && i < count; i++)
            values[c][i] = (uint16_t)(full - values[c][i]);
    }
}

/* A palette has one stored colour, three delivered: alpha moves on. */
static void convert_palette(const iiif_tiff_pixels_t *pixels, uint32_t count,
                            uint16_t values[CHANNELS_MAX][CHUNK])
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *rgb = pixels->palette + (size_t)values[0][i] * 3;

        values[3][i] = values[1][i];
        for (unsigned c = 0; c < 3; c++)
            values[c][i] = rgb[c];
    }
}

static void convert_ycbcr(const iiif_tiff_pixels_t *pixels, uint32_t count, uint16_t values[CHANNELS_MAX][CHUNK])
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t from[3] = {(uint8_t)values[0][i], (uint8_t)values[1][i], (uint8_t)values[2][i]};
        uint8_t rgb[3];

        ycbcr_to_rgb(pixels, from, rgb);
        for (unsigned c = 0; c < 3; c++)
            values[c][i] = rgb[c];
    }
}

/* Alpha of a palette is stored with as many bits as an index. */
static void scale_palette_alpha(const iiif_tiff_format_t *format, uint32_t count, uint16_t *values)
{
    uint32_t largest = (1u << format->bits) - 1;

    for (uint32_t i = 0; i < count; i++)
        values[i] = (uint16_t)((values[i] * 255u + largest / 2) / largest);
}

static void convert(const iiif_tiff_pixels_t *pixels, uint32_t count, uint16_t values[CHANNELS_MAX][CHUNK])
{
    const iiif_tiff_format_t *format = pixels->format;

    if (format->alpha >= 0 && format->kind != IIIF_TIFF_PALETTE)
        scale_values(pixels, count, values[format->colors]);
    switch (format->kind) {
    case IIIF_TIFF_PLAIN:
        convert_plain(pixels, count, values);
        break;
    case IIIF_TIFF_PALETTE:
        if (format->alpha >= 0)
            scale_palette_alpha(format, count, values[1]);
        convert_palette(pixels, count, values);
        break;
    case IIIF_TIFF_YCBCR:
        convert_ycbcr(pixels, count, values);
        break;
    case IIIF_TIFF_CIELAB:
    case IIIF_TIFF_ICCLAB:
        convert_lab(format, count, values);
        break;
    }
}

static void store(const iiif_tiff_format_t *format, uint32_t count, uint16_t values[CHANNELS_MAX][CHUNK],
                  uint8_t *out)
{
    unsigned channels = iiif_layout_channels(format->layout);

    for (unsigned c = 0; c < channels; c++) {
        if (format->depth == 8) {
            for (uint32_t i = 0; i < count; i++)
                out[(size_t)i * channels + c] = (uint8_t)values[c][i];
        } else {
            for (uint32_t i = 0; i < count; i++)
                memcpy(out + ((size_t)i * channels + c) * 2, &values[c][i], 2);
        }
    }
}

/* Stored exactly as delivered. */
static bool is_copy(const iiif_tiff_format_t *format)
{
    return format->kind == IIIF_TIFF_PLAIN && !format->planar && !format->inverted && !format->is_signed &&
           !format->premultiplied && format->samples == iiif_layout_channels(format->layout) &&
           (format->bits == 8 || format->bits == 16);
}

static void row_bitonal(const iiif_tiff_format_t *format, const uint8_t *row, uint32_t x, uint32_t count,
                        uint8_t *out)
{
    uint8_t one = format->inverted ? 0 : 255;

    for (uint32_t i = 0; i < count; i++, x++)
        out[i] = (row[x / 8] >> (7 - x % 8) & 1) != 0 ? one : (uint8_t)~one;
}

/* Units of chroma_x × chroma_y luma samples, then one Cb and one Cr, which all their pixels share. */
static void row_clumped(const iiif_tiff_pixels_t *pixels, const uint8_t *block, uint32_t x, uint32_t y,
                        uint32_t count, uint8_t *out)
{
    const iiif_tiff_format_t *format = pixels->format;
    size_t lumas = (size_t)format->chroma_x * format->chroma_y;
    const uint8_t *row = block + y / format->chroma_y * format->row_bytes;

    for (uint32_t i = 0; i < count; i++, x++, out += 3) {
        const uint8_t *unit = row + x / format->chroma_x * (lumas + 2);
        size_t luma = (size_t)(y % format->chroma_y) * format->chroma_x + x % format->chroma_x;
        uint8_t from[3] = {unit[luma], unit[lumas], unit[lumas + 1]};

        ycbcr_to_rgb(pixels, from, out);
    }
}

static void row_general(const iiif_tiff_pixels_t *pixels, const uint8_t *const rows[], uint32_t x, uint32_t count,
                        uint8_t *out)
{
    const iiif_tiff_format_t *format = pixels->format;
    size_t pixel_bytes = iiif_layout_channels(format->layout) * (format->depth / 8u);
    uint16_t values[CHANNELS_MAX][CHUNK];

    while (count > 0) {
        uint32_t now = iiif_min_u32(count, CHUNK);

        gather_pixels(format, rows, x, now, values);
        convert(pixels, now, values);
        store(format, now, values, out);
        out += now * pixel_bytes;
        x += now;
        count -= now;
    }
}

void iiif_tiff_pixels_row(const iiif_tiff_pixels_t *pixels, const uint8_t *const planes[], uint32_t x, uint32_t y,
                          uint32_t count, uint8_t *out)
{
    const iiif_tiff_format_t *format = pixels->format;
    unsigned plane_count = iiif_tiff_format_planes(format);
    const uint8_t *rows[CHANNELS_MAX];

    if (format->clumped) {
        row_clumped(pixels, planes[0], x, y, count, out);
        return;
    }
    for (unsigned p = 0; p < plane_count; p++)
        rows[p] = planes[p] + (size_t)y * format->row_bytes;
    if (is_copy(format)) {
        size_t bytes = (size_t)format->samples * (format->bits / 8u);

        memcpy(out, rows[0] + x * bytes, count * bytes);
    } else if (format->layout == IIIF_LAYOUT_GRAY && format->bits == 1 && format->samples == 1) {
        row_bitonal(format, rows[0], x, count, out);
    } else {
        row_general(pixels, rows, x, count, out);
    }
}
