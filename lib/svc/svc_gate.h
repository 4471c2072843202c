/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Admission of renders across processes and threads: a fixed number of slots in shared memory, a bounded number of
 * waiters, a bounded wait. No lock can be left held: a slot is a process id set and cleared by compare-and-swap, and
 * the parent sweeps those of children that died.
 */
#ifndef SVC_GATE_H
#define SVC_GATE_H

#include <apr_pools.h>

#include "../core/iiif_cancel.h"

typedef struct svc_gate svc_gate_t;

typedef struct svc_gate_options {
    unsigned slots;          /**< ≥ 1 */
    unsigned reserve;        /**< slots that only small renders may take; < slots */
    unsigned waiters;
    unsigned timeout_ms;
} svc_gate_options_t;

/** In the parent, from pconf: anonymous shared memory that children inherit. APR status. */
apr_status_t svc_gate_create(svc_gate_t **out, const svc_gate_options_t *options, apr_pool_t *pool);

/**
 * A place for work of `weight` slots (1…slots; more is taken as all unreserved), or IIIF_E_BUSY when the queue is full or the wait was too
 * long, IIIF_E_CANCELLED when the client went meanwhile. `small` may use the reserve. *ticket is for release.
 */
iiif_rc svc_gate_acquire(svc_gate_t *gate, unsigned weight, bool small, iiif_cancel_t *cancel, uint64_t *ticket,
                         iiif_err_t *err);
void svc_gate_release(svc_gate_t *gate, uint64_t ticket);

/**
 * Back in, for work that was admitted before and let its slots go while it could do nothing (a slow client). Waits as long as
 * `cancel` lets it, needs no place among the waiters, and is not counted again. IIIF_OK or what `cancel` says.
 */
iiif_rc svc_gate_resume(svc_gate_t *gate, unsigned weight, bool small, iiif_cancel_t *cancel, uint64_t *ticket,
                        iiif_err_t *err);

/**
 * Out of its slots and among the waiters, for work that can do nothing until another render is done. False, and nothing changed,
 * where there is no place among them: so that never more requests are under way than slots and waiters together.
 */
bool svc_gate_step_aside(svc_gate_t *gate, uint64_t ticket);

/** Back in after svc_gate_step_aside; as svc_gate_resume, with the ticket that was given then, which is replaced (0 on an error). */
iiif_rc svc_gate_step_back(svc_gate_t *gate, unsigned weight, bool small, iiif_cancel_t *cancel, uint64_t *ticket,
                           iiif_err_t *err);

/** Frees what a dead process held, its places among the waiters too; returns how many slots. Parent only. */
unsigned svc_gate_sweep(svc_gate_t *gate, pid_t pid);

typedef struct svc_gate_state {
    unsigned slots, busy, waiting;
    uint64_t admitted, refused;
} svc_gate_state_t;

void svc_gate_state(svc_gate_t *gate, svc_gate_state_t *out);

#endif
