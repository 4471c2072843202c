/* SPDX-License-Identifier: Apache-2.0 */
/** What this build can read and write, and with which libraries: for people. */
#ifndef IIIF_BUILD_H
#define IIIF_BUILD_H

#include <stddef.h>

/** "TIFF" and "libtiff 4.5.0", or "TIFF" and "no". Called once for each feature, in a fixed order. */
typedef void (*iiif_build_fn)(void *context, const char *feature, const char *library);
void iiif_build_each(iiif_build_fn callback, void *context);

#endif
