/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The grammar of Image API requests (Image 3.0 §4, Image 2.1 §4): an encoded path below the service
 * prefix becomes an iiif_req_t, before anything is known of the image.
 */
#ifndef IIIF_URI_H
#define IIIF_URI_H

#include "iiif_slice.h"

/** A decimal of the grammar, exactly: units of 10^-10 (Image 2.1 §4.6 allows ten decimals). */
typedef uint64_t iiif_decimal_t;
#define IIIF_DECIMAL_ONE ((iiif_decimal_t)10000000000u)

typedef enum iiif_request_kind {
    IIIF_REQUEST_BASE,  /**< {identifier} or {identifier}/ : answered by a 303 to info.json */
    IIIF_REQUEST_INFO,  /**< {identifier}/info.json */
    IIIF_REQUEST_IMAGE  /**< {identifier}/{region}/{size}/{rotation}/{quality}.{format} */
} iiif_request_kind;

typedef enum iiif_region_kind {
    IIIF_REGION_FULL,
    IIIF_REGION_SQUARE,
    IIIF_REGION_PIXELS,
    IIIF_REGION_PERCENT
} iiif_region_kind;

typedef struct iiif_region {
    iiif_region_kind kind;
    uint64_t x, y, w, h;         /**< pixels, or for PERCENT iiif_decimal_t of a percent */
} iiif_region_t;

typedef enum iiif_size_kind {
    IIIF_SIZE_FULL,              /**< `full`, version 2 only */
    IIIF_SIZE_MAX,
    IIIF_SIZE_WIDTH,             /**< `w,` */
    IIIF_SIZE_HEIGHT,            /**< `,h` */
    IIIF_SIZE_PERCENT,
    IIIF_SIZE_EXACT,             /**< `w,h` */
    IIIF_SIZE_CONFINED           /**< `!w,h` */
} iiif_size_kind;

typedef struct iiif_size {
    iiif_size_kind kind;
    bool upscale;                /**< `^`, version 3 only */
    uint64_t w, h;               /**< pixels; 0 where the form has none */
    iiif_decimal_t percent;
} iiif_size_t;

typedef struct iiif_rotation {
    bool mirror;                 /**< `!`: left-right, before turning */
    iiif_decimal_t degrees;      /**< 0 ≤ degrees ≤ 360, clockwise; 360 is stored as 0 */
} iiif_rotation_t;

typedef enum iiif_quality {
    IIIF_QUALITY_DEFAULT,
    IIIF_QUALITY_COLOR,
    IIIF_QUALITY_GRAY,
    IIIF_QUALITY_BITONAL
} iiif_quality;

#define IIIF_FORMAT_MAX 8

/** A parsed request. Plain data; `identifier` and `encoded` view the buffers given to the parser. */
typedef struct iiif_req {
    iiif_version version;
    iiif_request_kind kind;
    iiif_slice_t identifier;     /**< decoded once; UTF-8, no NUL */
    iiif_slice_t encoded;        /**< as it came in the path */
    iiif_region_t region;        /* the rest: IMAGE only */
    iiif_size_t size;
    iiif_rotation_t rotation;
    iiif_quality quality;
    char format[IIIF_FORMAT_MAX];/**< the token, NUL-terminated; lower-case letters and digits */
} iiif_req_t;

/**
 * Parses what follows the service prefix and its slash.
 *
 * `path` is the normalised but still encoded path, without query. Parsed from the right (IMG-URI-07), so an
 * identifier may hold literal slashes; parameter segments are decoded once (IMG-URI-08). A path whose last
 * four of at least five segments look like parameters but are malformed is IIIF_E_BAD_REQUEST with a sentence naming
 * the part (region, size, rotation, quality, format); "look like" is: at least two of the four are well-formed, where
 * a rotation may be out of range and a quality may lack its format. One alone is not enough, for identifiers such as
 * scans/2024/07/12/p003.jp2. Anything else is a BASE request.
 *
 * `buffer` takes the decoded identifier; identifiers longer than `capacity`-1 bytes are refused (400), as are
 * empty ones (404), NUL bytes and ill-formed UTF-8 (400). On an error *req holds what could be parsed
 * (version, kind, identifier if it was reached), so that the caller can still authorise before it reports.
 */
iiif_rc iiif_uri_parse(iiif_version version, iiif_slice_t path, char *buffer, size_t capacity,
                       iiif_req_t *req, iiif_err_t *err);

/**
 * Parses the four parameter segments `region/size/rotation/quality.format` alone (iiif-render).
 */
iiif_rc iiif_uri_parse_parameters(iiif_version version, iiif_slice_t text, iiif_req_t *req, iiif_err_t *err);

/** "default", "color", "gray", "bitonal". */
const char *iiif_quality_name(iiif_quality quality);

#endif
