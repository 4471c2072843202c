/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Pieces of a source that are wanted in memory, read in the order of the source and as few reads as make sense.
 */
#ifndef IIIF_J2K_EXTENTS_H
#define IIIF_J2K_EXTENTS_H

#include "../core/iiif_cancel.h"
#include "iiif_src.h"

typedef struct iiif_j2k_extent {
    uint64_t offset;         /**< in the source */
    size_t to;               /**< in memory */
    uint32_t length;
} iiif_j2k_extent_t;

typedef struct iiif_j2k_extents {
    iiif_j2k_extent_t *items;
    size_t count, capacity;
    size_t total;            /**< bytes of all */
} iiif_j2k_extents_t;

/** Memory from `mem`; free with iiif_j2k_extents_free. An extent that goes on where the last ended lengthens it. */
iiif_rc iiif_j2k_extents_add(iiif_j2k_extents_t *extents, uint64_t offset, uint32_t length, size_t to, iiif_mem_t *mem,
                             iiif_err_t *err);
/** Reads all into `memory`. Changes their order. IIIF_E_IO also where the source has become shorter. */
iiif_rc iiif_j2k_extents_read(iiif_j2k_extents_t *extents, iiif_src_t *src, uint8_t *memory, const iiif_work_t *work,
                              iiif_err_t *err);
void iiif_j2k_extents_free(iiif_j2k_extents_t *extents, iiif_mem_t *mem);

#endif
