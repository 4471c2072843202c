/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The marker segments before the first scan of a JPEG file (ITU-T T.81 §B.2): what libjpeg does not tell, or would only
 * tell after keeping every segment of a hostile file in memory.
 */
#ifndef IIIF_DEC_JPEG_HEAD_H
#define IIIF_DEC_JPEG_HEAD_H

#include "exif.h"
#include "iiif_src.h"

/** One piece of an embedded profile: where it lies in the file. */
typedef struct iiif_jpeg_piece {
    uint64_t offset;
    uint32_t length;         /**< 0: this piece has not been seen */
} iiif_jpeg_piece_t;

typedef struct iiif_jpeg_head {
    uint32_t width, height;
    uint8_t precision;       /**< bits of a sample */
    uint8_t frame;           /**< low half of the SOF marker: 0 baseline … 10 progressive arithmetic */
    iiif_exif_t exif;
    unsigned pieces_count;   /**< of the ICC profile (ICC.1:2022 §B.4); 0 where there is none, or pieces are missing */
    size_t profile_length;
    iiif_jpeg_piece_t pieces[255];
} iiif_jpeg_head_t;

/**
 * Reads segments up to the first SOS. IIIF_E_BAD_MASTER where the file ends or is damaged before it,
 * IIIF_E_UNSUPPORTED for processes that no common library decodes (12 bits, lossless, hierarchical, DNL).
 * `mem` is used only during the call.
 */
iiif_rc iiif_jpeg_head_read(iiif_src_t *src, iiif_mem_t *mem, iiif_jpeg_head_t *head, iiif_err_t *err);

/** The whole profile into `out`, which takes head->profile_length bytes. */
iiif_rc iiif_jpeg_head_profile(iiif_src_t *src, const iiif_jpeg_head_t *head, uint8_t *out, iiif_err_t *err);

#endif
