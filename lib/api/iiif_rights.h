/* SPDX-License-Identifier: Apache-2.0 */
/** Rights statements as machines know them. iiif_rights_valid is declared in iiif_info.h. */
#ifndef IIIF_RIGHTS_H
#define IIIF_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Writes the one spelling that `rights` may hold: scheme http, no www., trailing slash. People copy the address of
 * the page, which is https. False where it is not one of Creative Commons or RightsStatements.org, or does not fit.
 */
bool iiif_rights_canonical(const char *uri, char *out, size_t capacity);

#define IIIF_RIGHTS_MAX 128

#endif
