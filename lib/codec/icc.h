/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Conversion by an ICC profile to sRGB, or to gray with sRGB's tone curve. One transform for each render, in its own
 * lcms2 context, its memory within the budget. A build without lcms2 finds every profile useless.
 */
#ifndef IIIF_ICC_H
#define IIIF_ICC_H

#include "../core/iiif_raster.h"

typedef struct iiif_icc iiif_icc_t;

typedef enum iiif_icc_verdict {
    IIIF_ICC_USELESS,    /**< broken, or of a kind that cannot be converted from: take the pixels as they are */
    IIIF_ICC_IDENTITY,   /**< describes sRGB (or gray with its tone curve): nothing to do */
    IIIF_ICC_CONVERTS    /**< *out converts */
} iiif_icc_verdict;

bool iiif_icc_available(void);

/**
 * Whether the bytes are a profile for this layout: header, tag table and colour space (ICC.1:2022 §7), nothing more. True
 * in every build. Profiles above 4 MiB are refused.
 */
bool iiif_icc_fits(const uint8_t *icc, size_t length, iiif_layout layout);

/**
 * Judges a profile that fits, and prepares to convert `image` (GRAY, RGB or CMYK, with or without alpha) to GRAY or RGB of
 * the same depth. Only want of memory or cancellation is an error; whatever is wrong with the profile is a verdict.
 * `icc` needs not outlive the call. *out is set only for IIIF_ICC_CONVERTS.
 */
iiif_rc iiif_icc_open(const uint8_t *icc, size_t length, const iiif_image_t *image, const iiif_work_t *work,
                      iiif_icc_verdict *verdict, iiif_icc_t **out, iiif_err_t *err);

/** Converts pixels; alpha is copied. `in` and `out` do not overlap. */
void iiif_icc_convert(iiif_icc_t *icc, const uint8_t *in, uint8_t *out, uint32_t pixels);

void iiif_icc_close(iiif_icc_t *icc);

#endif
