/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a picture's EXIF block says of how it is to be shown: orientation and resolution (CIPA DC-008 §4.6.4). Nothing else of
 * it is read. Bytes are hostile: every offset is checked against the block.
 */
#ifndef IIIF_EXIF_H
#define IIIF_EXIF_H

#include "../core/iiif_facts.h"

typedef struct iiif_exif {
    uint8_t orientation;                /**< 1–8; 1 where it is not said or is nonsense */
    double  x_resolution, y_resolution; /**< pixels per unit; 0 unknown */
    uint8_t unit;                       /**< iiif_unit: NONE, CM or INCH */
} iiif_exif_t;

/**
 * Reads the first directory of an EXIF block: a TIFF header and what follows, with or without the "Exif\0\0" that some
 * containers put before it. Always fills *out (defaults where nothing is said); false where the block is
 * no EXIF at all. Damage behind a sound header only ends the reading. Needs no memory; thread-safe.
 */
bool iiif_exif_read(const uint8_t *data, size_t length, iiif_exif_t *out);

#endif
