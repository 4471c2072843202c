/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The grammar of single parameters (Image 3.0 §4.1–4.5, 4.7; Image 2.1 §4.1–4.5). All text is decoded already.
 * Each parser says what is wrong in a sentence that names its part; `err` may be NULL. Syntax only: what depends
 * on an image is in iiif_geom.h.
 */
#ifndef IIIF_URI_PARAMETER_H
#define IIIF_URI_PARAMETER_H

#include "iiif_uri.h"

iiif_rc iiif_parse_region(iiif_slice_t text, iiif_region_t *region, iiif_err_t *err);
iiif_rc iiif_parse_size(iiif_version version, iiif_slice_t text, iiif_size_t *size, iiif_err_t *err);
iiif_rc iiif_parse_rotation(iiif_slice_t text, iiif_rotation_t *rotation, iiif_err_t *err);
/** `quality.format`, split at the last dot (IMG-FMT-06). */
iiif_rc iiif_parse_file(iiif_slice_t text, iiif_quality *quality, char format[IIIF_FORMAT_MAX], iiif_err_t *err);

/** Whether text is meant as a rotation, be it out of range. */
bool iiif_looks_like_rotation(iiif_slice_t text);
/** Whether text begins with the word of a quality, 1.x included, followed by a dot or nothing. */
bool iiif_looks_like_quality(iiif_slice_t text);

/**
 * 1–10 digits, nothing else (IMG-REG-03). False where that is not so.
 */
bool iiif_parse_integer(iiif_slice_t text, uint64_t *value);

/**
 * Digits with at most one point and at least one digit after it: 90, 90.0, .5 (IMG3-NUM-01, IMG-NUM-02). Exact to ten
 * decimals; further ones are rounded half up. False where it is anything else, has more than 10 digits before
 * the point, or does not fit. Independent of the locale.
 */
bool iiif_parse_decimal(iiif_slice_t text, iiif_decimal_t *value);

#endif
