/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Types and checked arithmetic that every layer uses. Needs libc alone.
 */
#ifndef IIIF_BASE_H
#define IIIF_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IIIF_EXPORT __attribute__((visibility("default")))
#define IIIF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define IIIF_MUST_CHECK __attribute__((warn_unused_result))
#define IIIF_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** The major versions of the Image API that a URI can be asked in. */
typedef enum iiif_version {
    IIIF_VERSION_2 = 2, /**< Image API 2.1, which 2.0 clients understand */
    IIIF_VERSION_3 = 3  /**< Image API 3.0 */
} iiif_version;

/** Pixels, half open: [x, x+w) × [y, y+h). */
typedef struct iiif_rect {
    uint32_t x, y, w, h;
} iiif_rect_t;

/* Each returns false, and leaves *out undefined, where the result does not fit. */
static inline bool iiif_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool iiif_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool iiif_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline uint32_t iiif_min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }
static inline uint32_t iiif_max_u32(uint32_t a, uint32_t b) { return a > b ? a : b; }
static inline uint64_t iiif_min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t iiif_max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

/** ceil(a / 2^shift), as JPEG 2000 and DCT scaling round (ISO/IEC 15444-1 B-15). */
static inline uint32_t iiif_ceil_shift(uint32_t a, unsigned shift)
{
    return (uint32_t)(((uint64_t)a + ((uint64_t)1 << shift) - 1) >> shift);
}

/** ceil(a / b); b must not be 0. */
static inline uint32_t iiif_ceil_div(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a + b - 1) / b);
}

#endif
