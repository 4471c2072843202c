/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How one directory of a TIFF file stores its pixels, checked: what is left can be decoded.
 */
#ifndef IIIF_DEC_TIFF_FORMAT_H
#define IIIF_DEC_TIFF_FORMAT_H

#include "../core/iiif_facts.h"
#include "tiff_io.h"

typedef enum iiif_tiff_kind {
    IIIF_TIFF_PLAIN,     /**< samples are channels: gray, RGB, CMYK */
    IIIF_TIFF_PALETTE,
    IIIF_TIFF_YCBCR,     /**< not converted by libjpeg */
    IIIF_TIFF_CIELAB,    /**< a, b signed (TIFF 6.0 §23) */
    IIIF_TIFF_ICCLAB     /**< a, b offset by half (TIFF Technical Note, Adobe 2002) */
} iiif_tiff_kind;

typedef struct iiif_tiff_format {
    uint32_t width, height;
    bool tiled;
    uint32_t block_width, block_height; /**< of a tile; of a strip, whose width is the image's */
    size_t row_bytes;                   /**< from row to row of a decoded block of one plane */
    size_t block_bytes;                 /**< of a decoded block of one plane */
    bool planar;                        /**< each sample in blocks of its own */
    bool clumped;                       /**< YCbCr in units of chroma_x × chroma_y pixels (TIFF 6.0 §21) */
    uint16_t chroma_x, chroma_y;
    uint16_t compression;
    uint16_t samples, bits;
    bool is_signed;
    bool inverted;                      /**< 0 is white */
    iiif_tiff_kind kind;
    unsigned colors;                    /**< samples that make the colour, from the first one */
    int alpha;                          /**< index of the alpha sample, -1 none */
    bool premultiplied;
    iiif_layout layout;                 /**< delivered */
    uint8_t depth, precision, color_class; /**< as iiif_facts_t */
} iiif_tiff_format_t;

/**
 * Reads and checks the directory of an open handle; sets JPEG to be delivered as RGB. IIIF_E_UNSUPPORTED with a sentence
 * that names what is not read, IIIF_E_BAD_MASTER where the numbers contradict each other.
 */
iiif_rc iiif_tiff_format_read(iiif_tiff_io_t *io, iiif_tiff_format_t *format, iiif_err_t *err);

/** How many blocks must be decoded for the pixels of one: one for each sample used, or one. */
unsigned iiif_tiff_format_planes(const iiif_tiff_format_t *format);

/** The sample that plane `plane` (0…planes-1) holds. */
uint16_t iiif_tiff_format_sample(const iiif_tiff_format_t *format, unsigned plane);

/** CPU of a pixel in baseline JPEG pixels, as iiif_facts_t.cost_per_pixel. */
float iiif_tiff_format_cost(const iiif_tiff_format_t *format);

/** Upper bound of what libtiff's decompressor holds for one block, its input not counted. */
size_t iiif_tiff_format_codec_bytes(const iiif_tiff_format_t *format);

#endif
