/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From decoded samples of a TIFF to the channels of iiif_raster.h: any number of bits, palettes, YCbCr, Lab, inverted
 * gray, premultiplied alpha.
 */
#ifndef IIIF_DEC_TIFF_PIXELS_H
#define IIIF_DEC_TIFF_PIXELS_H

#include "dec_tiff_format.h"

/** Tables of one directory. Owned by the decoder; zeroed before first use. */
typedef struct iiif_tiff_pixels {
    const iiif_tiff_format_t *format; /**< not owned */
    iiif_mem_t *mem;
    uint16_t *scale;       /**< stored sample → delivered value; NULL for 16 bits */
    uint8_t *palette;      /**< r, g, b of each index */
    float luma[3];         /**< YCbCrCoefficients (TIFF 6.0 §21) */
    float zero[3], range[3]; /**< ReferenceBlackWhite as offset and factor (TIFF 6.0 §20) */
} iiif_tiff_pixels_t;

/** Reads what the conversion needs from an open directory; `format` outlives it. Closes what was open before. */
iiif_rc iiif_tiff_pixels_open(iiif_tiff_pixels_t *pixels, const iiif_tiff_format_t *format, TIFF *tiff,
                              iiif_mem_t *mem, iiif_err_t *err);
void iiif_tiff_pixels_close(iiif_tiff_pixels_t *pixels);

/**
 * Delivers `count` pixels from column `x` of row `y` of one decoded block. `planes` holds the block of each plane
 * (iiif_tiff_format_planes); with row 0 alone in them, it takes y = 0 (not for clumped ones).
 */
void iiif_tiff_pixels_row(const iiif_tiff_pixels_t *pixels, const uint8_t *const planes[], uint32_t x, uint32_t y,
                          uint32_t count, uint8_t *out);

#endif
