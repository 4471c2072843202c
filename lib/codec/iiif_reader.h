/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Sequential reading of a source through a small buffer, for libraries that ask for a few bytes at a time.
 */
#ifndef IIIF_READER_H
#define IIIF_READER_H

#include "iiif_src.h"

#define IIIF_READER_BYTES 32768

/** Lies inside a decoder; needs no clean-up. One thread at a time. */
typedef struct iiif_reader {
    iiif_src_t *src;        /**< not owned */
    uint64_t offset;        /**< of the next byte given out */
    uint64_t held_from;     /**< offset of buffer[0] */
    size_t held;            /**< valid bytes of the buffer */
    bool failed;            /**< the source reported an I/O error */
    uint8_t buffer[IIIF_READER_BYTES];
} iiif_reader_t;

/** Starts (again) at `offset`. What the buffer holds of the same source is kept. */
void iiif_reader_seek(iiif_reader_t *reader, iiif_src_t *src, uint64_t offset);

/** Bytes read; fewer than n only at the end or where `failed` is set. */
size_t iiif_reader_read(iiif_reader_t *reader, void *out, size_t n);

#endif
