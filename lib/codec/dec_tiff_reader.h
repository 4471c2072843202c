/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of a window of one TIFF directory: only the tiles or strips that overlap it are read; a strip that is too big to
 * hold is read row by row from its start.
 */
#ifndef IIIF_DEC_TIFF_READER_H
#define IIIF_DEC_TIFF_READER_H

#include "dec_tiff_pixels.h"

#define IIIF_TIFF_PLANES_MAX 5u

/** Lies inside the decoder and must not move while open; zeroed before first use. */
typedef struct iiif_tiff_reader {
    const iiif_tiff_format_t *format; /**< not owned; NULL when closed */
    const iiif_work_t *work;
    iiif_src_t *src;
    bool by_row;
    unsigned handles;                 /**< one; by rows, one for each plane, as each goes through its own strip */
    iiif_tiff_io_t io[IIIF_TIFF_PLANES_MAX];
    iiif_tiff_pixels_t pixels;
    uint8_t *planes[IIIF_TIFF_PLANES_MAX]; /**< a decoded block (or row) of each plane */
    bool has_block;
    uint32_t block_column, block_row; /**< which one they hold */
    uint32_t scan_next;               /**< by rows: the row that libtiff delivers next */
    bool scanning;
    iiif_rect_t rect;
    uint32_t next_row;                /**< of the window */
    uint8_t *band;                    /**< rows across several blocks */
    size_t band_stride;
    uint32_t band_capacity, band_y, band_rows;
} iiif_tiff_reader_t;

/** Whether strips are read row by row: iiif_facts_t.access. */
bool iiif_tiff_reader_by_row(const iiif_tiff_format_t *format);

/** Memory that a reader needs whatever the window; SIZE_MAX on overflow. */
size_t iiif_tiff_reader_bytes(const iiif_tiff_format_t *format);

/** Opens the directory at this offset, whose format is known. Closes what was open before. */
iiif_rc iiif_tiff_reader_open(iiif_tiff_reader_t *reader, iiif_src_t *src, uint64_t directory,
                              const iiif_tiff_format_t *format, const iiif_work_t *work, iiif_err_t *err);

/** Prepares for a window inside the image. */
iiif_rc iiif_tiff_reader_window(iiif_tiff_reader_t *reader, const iiif_rect_t *rect, iiif_err_t *err);

/** As iiif_decoder.rows. */
iiif_rc iiif_tiff_reader_rows(iiif_tiff_reader_t *reader, iiif_strip_t *strip, iiif_err_t *err);

void iiif_tiff_reader_close(iiif_tiff_reader_t *reader);

#endif
