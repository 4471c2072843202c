/* SPDX-License-Identifier: Apache-2.0 */
/** What must be known of a JPEG stream inside a TIFF before libjpeg gets it. */
#ifndef IIIF_DEC_TIFF_JPEG_H
#define IIIF_DEC_TIFF_JPEG_H

#include "iiif_src.h"

/**
 * Whether the stream of `length` bytes at `offset` has several scans (progressive, or a scan for each component), so that
 * libjpeg holds the coefficients of all of it. Broken streams are false: libjpeg refuses them.
 */
bool iiif_tiff_jpeg_is_held(iiif_src_t *src, uint64_t offset, uint64_t length, unsigned components);

#endif
