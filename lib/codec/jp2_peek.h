/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Looking at a few bytes anywhere in a source: boxes, marker segments and tile-part headers lie far apart, so the window
 * is small and reading it costs little wherever it lands.
 */
#ifndef IIIF_JP2_PEEK_H
#define IIIF_JP2_PEEK_H

#include "iiif_src.h"

#define IIIF_PEEK_BYTES 1024

/** Lies on a stack or in another struct; needs no clean-up. One thread at a time. */
typedef struct iiif_peek {
    iiif_src_t *src;       /**< not owned */
    uint64_t from;         /**< offset of buffer[0] */
    size_t held;           /**< valid bytes of the buffer */
    bool failed;           /**< the source reported an I/O error */
    uint8_t buffer[IIIF_PEEK_BYTES];
} iiif_peek_t;

void iiif_peek_init(iiif_peek_t *peek, iiif_src_t *src);

/**
 * The n ≤ IIIF_PEEK_BYTES bytes at `offset`, valid until the next call; NULL where the source ends before, or cannot be
 * read (`failed`).
 */
const uint8_t *iiif_peek_at(iiif_peek_t *peek, uint64_t offset, size_t n);

/** After a NULL: IIIF_E_IO where reading failed, else IIIF_E_BAD_MASTER; `what` names what is cut. */
iiif_rc iiif_peek_error(const iiif_peek_t *peek, const char *what, iiif_err_t *err);

/* Big-endian numbers (ISO/IEC 15444-1 A.1, I.4). */
static inline uint16_t iiif_be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t iiif_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t iiif_be64(const uint8_t *p) { return (uint64_t)iiif_be32(p) << 32 | iiif_be32(p + 4); }

static inline void iiif_put_be16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void iiif_put_be32(uint8_t *p, uint32_t value)
{
    iiif_put_be16(p, value >> 16);
    iiif_put_be16(p + 2, value & 0xFFFF);
}

#endif
