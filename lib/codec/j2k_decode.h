/* SPDX-License-Identifier: Apache-2.0 */
/**
 * libopenjp2 on a feed: one codec for each decode, one thread, strict. It can neither be interrupted nor be told how much memory it
 * may take; so the caller reserves, and the feed polls.
 */
#ifndef IIIF_J2K_DECODE_H
#define IIIF_J2K_DECODE_H

#include "j2k_feed.h"

/** The samples of one component: rows of `width` from (x, y) of its own grid at the reduction. */
typedef struct iiif_j2k_plane {
    const int32_t *data;
    uint32_t x, y, width, height;
} iiif_j2k_plane_t;

typedef struct iiif_j2k_planes {
    unsigned count;
    iiif_j2k_plane_t planes[IIIF_J2K_COMPONENTS_MAX];
    void *owner;               /**< what the planes lie in: the library's, */
    int32_t *memory;           /**< or our own */
    size_t bytes;              /**< reserved for the library's in the budget */
} iiif_j2k_planes_t;

/** What to decode. */
typedef struct iiif_j2k_job {
    unsigned reduce;
    iiif_span_t x, y;          /**< on the full reference grid, inside the feed's area */
    bool whole;                /**< decode all of the feed's area: HT code-blocks (see below) */
    uint64_t structure;        /**< bytes the library takes for its precincts and code-blocks */
    uint32_t tiles;            /**< tiles in the feed */
} iiif_j2k_job_t;

/**
 * Decodes. Reserves in work->mem what the library is expected to take meanwhile, and keeps what the planes take. The planes
 * cover at least the job's area of every component. With `whole` (libopenjp2 ≤ 2.5.3 delivers wrong samples for an area of HT
 * code-blocks) they cover the feed. IIIF_E_BAD_MASTER, IIIF_E_NO_MEMORY, IIIF_E_TOO_LARGE (never fits the
 * budget), IIIF_E_IO, IIIF_E_TIMEOUT, IIIF_E_CANCELLED.
 */
iiif_rc iiif_j2k_decode(const iiif_j2k_header_t *header, const iiif_j2k_feed_t *feed, const iiif_j2k_job_t *job,
                        const iiif_work_t *work, iiif_j2k_planes_t *planes, iiif_err_t *err);
void iiif_j2k_planes_free(iiif_j2k_planes_t *planes, iiif_mem_t *mem);

/** Bytes that each sample delivered takes; and each sample of the tile at work, besides. */
#define IIIF_J2K_SAMPLE_BYTES 4u
#define IIIF_J2K_WORK_BYTES 12u

/** Samples of all components in one whole tile at a reduction. */
uint64_t iiif_j2k_tile_samples(const iiif_j2k_header_t *header, unsigned reduce);

/** Bytes that the library takes for its table of tiles. */
uint64_t iiif_j2k_tile_table_bytes(const iiif_j2k_header_t *header, uint64_t tiles);

#endif
