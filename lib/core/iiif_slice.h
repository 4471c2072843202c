/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bounded views of text, the percent codec (RFC 3986 §2.1) and UTF-8. Nothing here allocates.
 */
#ifndef IIIF_SLICE_H
#define IIIF_SLICE_H

#include "iiif_err.h"

/** A view; not NUL-terminated, not owned. */
typedef struct iiif_slice {
    const char *data;
    size_t length;
} iiif_slice_t;

iiif_slice_t iiif_slice(const char *text);                 /**< of a C string; NULL gives the empty slice */
iiif_slice_t iiif_slice_of(const char *data, size_t length);
bool iiif_slice_is(iiif_slice_t slice, const char *text);  /**< same bytes */
bool iiif_slice_starts(iiif_slice_t slice, const char *prefix);
iiif_slice_t iiif_slice_skip(iiif_slice_t slice, size_t n); /**< without its first n bytes */

/** Splits at the last `c`: *head before it, *tail after it. False, both untouched, where there is none. */
bool iiif_slice_split_last(iiif_slice_t slice, char c, iiif_slice_t *head, iiif_slice_t *tail);

/** Splits at the first `c`, likewise. */
bool iiif_slice_split_first(iiif_slice_t slice, char c, iiif_slice_t *head, iiif_slice_t *tail);

/**
 * Decodes percent escapes once. Writes at most capacity-1 bytes and a NUL; *length is without it.
 * False on a broken escape (`%zz`, `%4`), a decoded NUL byte, or when it does not fit.
 */
bool iiif_percent_decode(iiif_slice_t encoded, char *out, size_t capacity, size_t *length);

/**
 * Encodes an identifier for a path segment. The unreserved characters of RFC 3986 §2.3 and
 * `! $ & ' ( ) * + , ; = :` stay literal; every other byte becomes %XX with upper-case digits. That is the set of
 * Image 3.0 §9 (/ ? # [ ] @ % and all that is not US-ASCII) and what RFC 3986 allows nowhere (control characters,
 * space, " < > \ ^ ` { | }). With `keep_slash` a slash stays. Same overflow rule as decode.
 */
bool iiif_percent_encode(iiif_slice_t raw, bool keep_slash, char *out, size_t capacity, size_t *length);

/** Well-formed UTF-8 (Unicode 15 table 3-7: no overlong forms, no surrogates, ≤ U+10FFFF). */
bool iiif_utf8_valid(iiif_slice_t text);

#endif
