/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The directories of a TIFF file: which are pages, which are smaller versions of a page. Read without libtiff, a few
 * tags of each: files may hold thousands, and no number in them can be trusted.
 */
#ifndef IIIF_DEC_TIFF_LEVELS_H
#define IIIF_DEC_TIFF_LEVELS_H

#include "../core/iiif_cancel.h"
#include "../core/iiif_facts.h"
#include "iiif_src.h"

/** What the walk reads of one directory. */
typedef struct iiif_tiff_dir {
    uint64_t offset;
    uint32_t width, height;
    uint32_t subfile;            /**< NewSubfileType, or what SubfileType says in its terms */
    uint16_t photometric, samples;
    uint64_t sub_at;             /**< where the offsets of its SubIFDs lie in the file */
    uint32_t sub_count;
    uint8_t sub_bytes;           /**< of each: 4 or 8 */
    uint64_t next;               /**< offset of the next directory of the chain, 0 at the end */
} iiif_tiff_dir_t;

/** A page and what may be its smaller versions. */
typedef struct iiif_tiff_page {
    uint32_t pages;              /**< in the file, ≥ 1 */
    iiif_tiff_dir_t full;
    unsigned level_count;        /**< smaller versions, largest first; each fits the full one's shape */
    iiif_tiff_dir_t levels[IIIF_LEVELS_MAX - 1];
} iiif_tiff_page_t;

/** "II*\0", "MM\0*" or BigTIFF's "II+\0", "MM\0+" (TIFF 6.0 §2; BigTIFF design, awaresystems.be). */
bool iiif_tiff_is_header(const uint8_t *head, size_t length);

/**
 * Finds page `page` (from 1). A smaller version is a directory that follows its page and is marked as reduced
 * (TIFF 6.0 NewSubfileType bit 0) or is half the size of the one before it, or a SubIFD; those of another shape are
 * left out. IIIF_E_NOT_FOUND where there are fewer pages; IIIF_E_BAD_MASTER for a chain that runs in a circle.
 */
iiif_rc iiif_tiff_find_page(iiif_src_t *src, uint32_t page, const iiif_work_t *work, iiif_tiff_page_t *out,
                            iiif_err_t *err);

#endif
