/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The container of a WebP file (WebP Container Specification): where its first image, its profile and its
 * EXIF block lie. Reads headers of chunks only.
 */
#ifndef IIIF_WEBP_RIFF_H
#define IIIF_WEBP_RIFF_H

#include "../core/iiif_err.h"
#include "iiif_src.h"

/** A part of the file; length 0 where there is none. */
typedef struct iiif_webp_span {
    uint64_t offset;
    uint32_t length;
} iiif_webp_span_t;

typedef struct iiif_webp_riff {
    uint32_t width, height;         /**< of the canvas, 1–16777216 */
    uint32_t x, y;                  /**< of the first image on the canvas; inside it */
    uint32_t image_width, image_height;
    bool animated;
    bool alpha;                     /**< the image says that it has transparency */
    bool lossless;
    iiif_webp_span_t image;         /**< chunks from ALPH, VP8 or VP8L to the end of the bitstream; what libwebp takes */
    iiif_webp_span_t icc, exif;     /**< payloads */
} iiif_webp_riff_t;

/** IIIF_E_BAD_MASTER where the container is damaged or cut off. Keeps nothing of `src`. */
iiif_rc iiif_webp_riff_read(iiif_src_t *src, iiif_webp_riff_t *out, iiif_err_t *err);

#endif
