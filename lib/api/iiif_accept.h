/* SPDX-License-Identifier: Apache-2.0 */
/** How much a client wants a media type (RFC 9110 §12.5.1). */
#ifndef IIIF_ACCEPT_H
#define IIIF_ACCEPT_H

#include <stdbool.h>

/** What an Accept header says of one media type. */
typedef struct iiif_accept {
    unsigned weight;     /**< 0–1000; 0 is not wanted */
    bool named;          /**< by its own name, not by a wildcard */
} iiif_accept_t;

/**
 * `accept` is a whole header, several ones joined by commas; NULL says nothing of anything. `type` is in lower case.
 * Of several ranges that fit, the most specific counts; one with parameters is more specific than one without, and one
 * whose profile parameter holds `profile` (may be NULL) more than one with other parameters. Malformed members are
 * passed over.
 */
iiif_accept_t iiif_accept_weigh(const char *accept, const char *type, const char *profile);

#endif
