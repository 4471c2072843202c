/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is known of a master without decoding it. Plain data: cached, compared, carried across processes.
 */
#ifndef IIIF_FACTS_H
#define IIIF_FACTS_H

#include "iiif_raster.h"

#define IIIF_LEVELS_MAX 33

/** What kind of image it is; decides which qualities make sense. */
typedef enum iiif_color_class {
    IIIF_CLASS_BITONAL,
    IIIF_CLASS_GRAY,
    IIIF_CLASS_COLOR
} iiif_color_class;

/** What the decoder must go through to deliver a window; decides the cost. */
typedef enum iiif_access {
    IIIF_ACCESS_TILES,   /**< only the tiles or blocks that overlap the window */
    IIIF_ACCESS_ROWS,    /**< all rows from the top down to the window's end, without keeping them */
    IIIF_ACCESS_WHOLE    /**< the whole level is decoded into memory first */
} iiif_access;

/** One resolution that the decoder can deliver; level 0 is the full one. Sizes are of stored pixels. */
typedef struct iiif_level {
    uint32_t width, height;
    uint32_t tile_width, tile_height;  /**< of this level, stored; 0 where it has none */
    uint8_t  shift;      /**< log2 of the reduction where it is a power of two (ceil, floor or round) */
    bool     is_power;   /**< whether `shift` holds; else the factor is full width / width */
} iiif_level_t;

typedef enum iiif_unit { IIIF_UNIT_NONE, IIIF_UNIT_MM, IIIF_UNIT_CM, IIIF_UNIT_INCH } iiif_unit;

typedef struct iiif_facts {
    uint32_t width, height;        /**< upright: after the orientation is applied */
    uint32_t stored_width, stored_height;
    uint8_t  orientation;          /**< EXIF 1–8: how stored pixels become upright (CIPA DC-008 §4.6.4 A) */
    uint8_t  layout;               /**< iiif_layout that the decoder delivers */
    uint8_t  depth;                /**< 8 or 16: bits of a delivered sample */
    uint8_t  precision;            /**< true bits of the master, 1–16; delivered samples are scaled to full range */
    uint8_t  color_class;          /**< iiif_color_class */
    uint8_t  access;               /**< iiif_access */
    bool     has_profile;          /**< an ICC profile is embedded */
    uint8_t  level_count;          /**< ≥ 1 */
    iiif_level_t levels[IIIF_LEVELS_MAX];
    uint32_t pages;                /**< ≥ 1 */
    uint32_t page;                 /**< the one these facts are of, from 1 */
    double   pixels_per_unit_x, pixels_per_unit_y; /**< of stored pixels; 0 unknown */
    uint8_t  unit;                 /**< iiif_unit of the above */
    uint64_t fixed_bytes;          /**< memory that the decoder needs whatever the window */
    float    bytes_per_pixel;      /**< memory per pixel of the part it must hold (window or whole) */
    float    cost_per_pixel;       /**< CPU relative to one baseline JPEG pixel (= 1) */
    char     decoder[12];          /**< "jp2", "jpeg", "png", "tiff", "webp", "gif" */
    char     media_type[24];       /**< of the master */
} iiif_facts_t;

/** Whether the orientation exchanges width and height (5–8). */
bool iiif_facts_swaps(const iiif_facts_t *facts);

/**
 * Checks what a decoder said (sizes, counts, layout) and fills width, height from the stored ones and the
 * orientation. Every decoder ends its facts() with it. IIIF_E_BAD_MASTER where something is absurd.
 */
iiif_rc iiif_facts_finish(iiif_facts_t *facts, iiif_err_t *err);

/** Appends a level; false when the table is full. Sets shift and is_power from level 0. */
bool iiif_facts_add_level(iiif_facts_t *facts, uint32_t width, uint32_t height, uint32_t tile_width,
                          uint32_t tile_height);

/** Versioned little-endian form for caches: bytes written, or 0 where `capacity` is too small. */
size_t iiif_facts_write(const iiif_facts_t *facts, uint8_t *out, size_t capacity);

/** False where the bytes are not of this version, cut, or absurd. */
bool iiif_facts_read(iiif_facts_t *facts, const uint8_t *data, size_t length);

#define IIIF_FACTS_BYTES_MAX 1024

#endif
