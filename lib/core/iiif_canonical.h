/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The canonical form of a request (Image 3.0 §4.8, Image 2.1 §4.7).
 */
#ifndef IIIF_CANONICAL_H
#define IIIF_CANONICAL_H

#include "iiif_plan.h"

/** Writes plan->canonical from what the plan already holds and the request. */
iiif_rc iiif_canonical_write(const iiif_req_t *req, const iiif_facts_t *facts, const iiif_limits_t *limits,
                             iiif_plan_t *plan, iiif_err_t *err);

#endif
