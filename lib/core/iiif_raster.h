/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Pixels on their way: layouts, strips of rows, and the stages that a render pulls them through.
 *
 * Samples are interleaved, 8 or 16 bits (native byte order), always at full range: a 12-bit master is
 * delivered as 16 bits with 4095 → 65535. Alpha is straight (not multiplied in), the last channel, and full
 * range. CMYK is 0 = no ink. Lab is as ICC.1:2022 §6.3.4 has it: L 0…max is 0…100; a, b are offset by 128
 * (8 bits: a+128; 16 bits: (a+128)×257).
 */
#ifndef IIIF_RASTER_H
#define IIIF_RASTER_H

#include "iiif_cancel.h"

typedef enum iiif_layout {
    IIIF_LAYOUT_GRAY = 1,
    IIIF_LAYOUT_GRAYA,
    IIIF_LAYOUT_RGB,
    IIIF_LAYOUT_RGBA,
    IIIF_LAYOUT_CMYK,
    IIIF_LAYOUT_CMYKA,
    IIIF_LAYOUT_LAB,
    IIIF_LAYOUT_LABA
} iiif_layout;

unsigned iiif_layout_channels(iiif_layout layout);   /**< alpha included */
bool iiif_layout_has_alpha(iiif_layout layout);
iiif_layout iiif_layout_with_alpha(iiif_layout layout, bool alpha);

/** The shape of what flows between two stages. */
typedef struct iiif_image {
    uint32_t width, height;
    iiif_layout layout;
    unsigned depth;          /**< 8 or 16 */
} iiif_image_t;

size_t iiif_image_pixel_bytes(const iiif_image_t *image);

/** Bytes of a row, rounded up to 64; false on overflow. */
bool iiif_image_stride(const iiif_image_t *image, size_t *stride);

/** A band of rows. The one who pulls owns `data`. */
typedef struct iiif_strip {
    uint8_t *data;
    size_t stride;           /**< bytes from row to row */
    uint32_t capacity;       /**< rows that fit */
    uint32_t y;              /**< first row delivered, from the top of the image */
    uint32_t rows;           /**< rows delivered; 0 only after the last */
} iiif_strip_t;

/**
 * A strip with room for about 256 KiB, at least one and at most image->height rows.
 * Free with iiif_strip_free.
 */
iiif_rc iiif_strip_alloc(iiif_strip_t *strip, const iiif_image_t *image, iiif_mem_t *mem, iiif_err_t *err);
void iiif_strip_free(iiif_strip_t *strip, iiif_mem_t *mem);

/**
 * A stage delivers its image top to bottom. It owns the stage before it: closing the last closes all.
 * One thread at a time.
 */
typedef struct iiif_stage iiif_stage_t;
struct iiif_stage {
    iiif_image_t image;
    const iiif_work_t *work;
    iiif_stage_t *up;        /**< NULL for a source */
    uint32_t next_row;       /**< kept by iiif_stage_pull */
    /** Fills 1…strip->capacity rows from next_row on; sets strip->rows. strip->y is already set. */
    iiif_rc (*pull)(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err);
    /** Frees what the stage allocated and the stage itself, not `up`. */
    void (*close)(iiif_stage_t *stage);
};

/**
 * The next rows; checks cancellation, never asks a stage beyond its height, and turns a stage that delivers
 * nothing into an error. strip->rows is 0 after the last row.
 */
iiif_rc iiif_stage_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err) IIIF_MUST_CHECK;

/** Pulls until strip is full or the image ended. */
iiif_rc iiif_stage_fill(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err) IIIF_MUST_CHECK;

/** Closes the stage and all before it. NULL is allowed. */
void iiif_stage_close(iiif_stage_t *stage);

/** A source over rows in memory (tests, overlays, whole-image decoders); does not own `data`. */
iiif_rc iiif_stage_memory(const uint8_t *data, size_t stride, const iiif_image_t *image,
                          const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err);

#endif
