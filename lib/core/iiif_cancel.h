/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Why a render should stop early: its time is used up, or the client has gone. Checked at strip,
 * tile and band borders; cheap enough for each row.
 */
#ifndef IIIF_CANCEL_H
#define IIIF_CANCEL_H

#include "iiif_err.h"
#include "iiif_mem.h"

typedef struct iiif_cancel {
    uint64_t deadline_ns;       /**< CLOCK_MONOTONIC; 0 is none */
    bool (*gone)(void *context);/**< has the client gone? NULL is never; asked at most each 20 ms */
    void *context;
    uint64_t next_poll_ns;
    bool is_gone;
} iiif_cancel_t;

/** What every stage, decoder and encoder of one render shares. All of it outlives them. */
typedef struct iiif_work {
    iiif_mem_t *mem;
    iiif_cancel_t *cancel;      /**< may be NULL: never cancelled */
} iiif_work_t;

/** CLOCK_MONOTONIC in nanoseconds. */
uint64_t iiif_now_ns(void);

/** IIIF_OK, IIIF_E_TIMEOUT or IIIF_E_CANCELLED. `cancel` may be NULL. */
iiif_rc iiif_cancel_check(iiif_cancel_t *cancel, iiif_err_t *err) IIIF_MUST_CHECK;

#endif
