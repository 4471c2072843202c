/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From decoded JPEG 2000 components to rows of pixels: palette, channel definitions, sign, depth, subsampling, YCC, Lab. The
 * library's own JP2 layer is not used for any of it.
 */
#ifndef IIIF_DEC_JP2_PIXELS_H
#define IIIF_DEC_JP2_PIXELS_H

#include "../core/iiif_raster.h"
#include "j2k_decode.h"
#include "jp2_boxes.h"

#define IIIF_JP2_PIXEL_CHANNELS 5     /* CMYK and alpha */

/** Where one delivered channel comes from. */
typedef struct iiif_jp2_channel {
    unsigned component;
    bool by_palette;
    uint8_t column;
    uint8_t bits;                     /**< of its values, after the palette */
    bool is_signed;
    double scale, shift;              /**< delivered = scale · (value − shift), the value counted from its least */
    uint16_t *table;                  /**< the same for each value; NULL where delivered = value */
} iiif_jp2_channel_t;

/** Coefficients of YCC to RGB, in delivered units. */
typedef struct iiif_jp2_ycc {
    float y, y_zero;
    float cb_zero, cr_zero;
    float r_cr, g_cb, g_cr, b_cb;
} iiif_jp2_ycc_t;

typedef struct iiif_jp2_pixels {
    const iiif_j2k_header_t *header;
    const iiif_jp2_palette_t *palette;
    iiif_layout layout;
    unsigned depth;                   /**< 8 or 16 */
    unsigned precision;               /**< most bits of a colour channel */
    unsigned count;                   /**< channels, alpha included */
    iiif_jp2_channel_t channels[IIIF_JP2_PIXEL_CHANNELS];
    bool has_palette;                 /**< any channel goes through it */
    bool is_premultiplied;
    bool is_ycc;
    iiif_jp2_ycc_t ycc;
    int32_t *rows;                    /**< count × width, scratch */
    uint32_t width;
} iiif_jp2_pixels_t;

/**
 * Decides layout, depth and channels from boxes and header, which outlive it. IIIF_E_BAD_MASTER where they contradict
 * each other.
 */
iiif_rc iiif_jp2_pixels_choose(const iiif_jp2_t *jp2, const iiif_j2k_header_t *header, iiif_jp2_pixels_t *pixels,
                               iiif_err_t *err);

/** Allocates what rows of `width` need; may be called again for another width. */
iiif_rc iiif_jp2_pixels_prepare(iiif_jp2_pixels_t *pixels, uint32_t width, iiif_mem_t *mem, iiif_err_t *err);
void iiif_jp2_pixels_free(iiif_jp2_pixels_t *pixels, iiif_mem_t *mem);

/**
 * The part of the reference grid that pixels [from, to) of the level's own grid (absolute: counted from the grid's origin) need
 * of all components, neighbours for interpolation included.
 */
iiif_span_t iiif_jp2_pixels_area_x(const iiif_j2k_header_t *header, iiif_span_t pixels, unsigned reduce);
iiif_span_t iiif_jp2_pixels_area_y(const iiif_j2k_header_t *header, iiif_span_t pixels, unsigned reduce);

/** Writes one row: pixels x … x+width-1 of row y, absolute on the level's grid, from planes that cover them. */
void iiif_jp2_pixels_row(iiif_jp2_pixels_t *pixels, const iiif_j2k_planes_t *planes, unsigned reduce, uint32_t x,
                         uint32_t y, uint8_t *out);

#endif
