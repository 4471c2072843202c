/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where the pixels of a region come from: which resolution level, and which window of it.
 */
#ifndef IIIF_PLAN_SOURCE_H
#define IIIF_PLAN_SOURCE_H

#include "iiif_plan.h"

/**
 * Fills plan->level, window, source, scaled_width and scaled_height from plan->region, width, height and filter,
 * which are set. Takes the largest reduction that still holds the size asked for.
 */
void iiif_plan_source(const iiif_facts_t *facts, iiif_plan_t *plan);

/** Whether the source is whole pixels of exactly the wanted size, so that no resampling happens. */
bool iiif_plan_source_is_exact(const iiif_plan_t *plan);

#endif
