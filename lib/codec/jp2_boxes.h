/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The boxes of a JP2, JPX or JPH file (ISO/IEC 15444-1 Annex I, 15444-2 Annex M, 15444-15 Annex D): where the codestream
 * lies, and what its components mean. Everything in the file is hostile; all lengths are checked.
 */
#ifndef IIIF_JP2_BOXES_H
#define IIIF_JP2_BOXES_H

#include "../core/iiif_cancel.h"
#include "iiif_src.h"

#define IIIF_JP2_CHANNELS_MAX 16
#define IIIF_JP2_PALETTE_MAX 1024   /**< I.5.3.4 */

typedef enum iiif_jp2_colour_method {
    IIIF_JP2_COLOUR_NONE,
    IIIF_JP2_COLOUR_ENUMERATED,
    IIIF_JP2_COLOUR_ICC
} iiif_jp2_colour_method;

/* Enumerated colour spaces (15444-1 Table I.10, 15444-2 Table M.25). */
#define IIIF_JP2_BILEVEL_WHITE0 0u  /* 0 is white */
#define IIIF_JP2_YCBCR1 1u
#define IIIF_JP2_YCBCR2 3u
#define IIIF_JP2_YCBCR3 4u
#define IIIF_JP2_CMY 11u
#define IIIF_JP2_CMYK 12u
#define IIIF_JP2_CIELAB 14u
#define IIIF_JP2_BILEVEL_BLACK0 15u /* 0 is black */
#define IIIF_JP2_SRGB 16u
#define IIIF_JP2_GRAY 17u
#define IIIF_JP2_SYCC 18u
#define IIIF_JP2_ESRGB 20u
#define IIIF_JP2_ROMM 21u
#define IIIF_JP2_ESYCC 24u

/** A colour specification box. */
typedef struct iiif_jp2_colour {
    iiif_jp2_colour_method method;
    uint32_t space;               /**< ENUMERATED: IIIF_JP2_… */
    uint64_t icc_offset;          /**< ICC: in the source */
    uint32_t icc_length;
    char icc_space[5];            /**< ICC: "GRAY", "RGB ", "CMYK", "Lab " … */
    bool has_lab;                 /**< CIELAB: the parameters are given (15444-2 M.11.7.4.1) */
    uint32_t lab_range[3], lab_offset[3];
} iiif_jp2_colour_t;

typedef struct iiif_jp2_palette {
    uint16_t entries;
    uint8_t columns;              /**< 0: there is no palette */
    uint8_t bits[IIIF_JP2_CHANNELS_MAX];
    bool is_signed[IIIF_JP2_CHANNELS_MAX];
    int32_t *values;              /**< entries × columns */
} iiif_jp2_palette_t;

/** One line of the component mapping box. */
typedef struct iiif_jp2_mapping {
    uint16_t component;
    bool by_palette;
    uint8_t column;
} iiif_jp2_mapping_t;

typedef enum iiif_jp2_channel_type {
    IIIF_JP2_TYPE_COLOUR = 0,
    IIIF_JP2_TYPE_OPACITY = 1,
    IIIF_JP2_TYPE_PREMULTIPLIED = 2,
    IIIF_JP2_TYPE_OTHER = 65535
} iiif_jp2_channel_type;

/** One line of the channel definition box. */
typedef struct iiif_jp2_definition {
    uint16_t channel, type, association;
} iiif_jp2_definition_t;

typedef struct iiif_jp2 {
    bool is_raw;                  /**< a codestream without boxes */
    uint64_t code_offset;         /**< of the codestream in the source */
    uint64_t code_length;         /**< what of it is there */
    uint32_t width, height;       /**< of the image header box; 0 unknown */
    iiif_jp2_colour_t colour;
    iiif_jp2_palette_t palette;
    unsigned mapping_count;
    iiif_jp2_mapping_t mappings[IIIF_JP2_CHANNELS_MAX];
    unsigned definition_count;
    iiif_jp2_definition_t definitions[IIIF_JP2_CHANNELS_MAX];
    double pixels_per_metre_x, pixels_per_metre_y; /**< capture, else display resolution; 0 unknown */
    char media_type[24];
} iiif_jp2_t;

/** Whether these first bytes are a JPEG 2000 signature box or the start of a codestream. */
bool iiif_jp2_sniff(const uint8_t *head, size_t length);

/**
 * Reads the boxes up to the first codestream (and after it, where the header is missing). The palette comes from work->mem: free
 * with iiif_jp2_free, also after an error. IIIF_E_BAD_MASTER, IIIF_E_UNSUPPORTED (no contiguous codestream), IIIF_E_IO.
 */
iiif_rc iiif_jp2_read(iiif_src_t *src, const iiif_work_t *work, iiif_jp2_t *jp2, iiif_err_t *err);
void iiif_jp2_free(iiif_jp2_t *jp2, iiif_mem_t *mem);

#endif
