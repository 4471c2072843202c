/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a service offers, measured against the compliance levels (Image 3.0 compliance, Image 2.1 compliance and their
 * level documents): the level that is met, and what goes beyond it.
 */
#ifndef IIIF_OFFER_H
#define IIIF_OFFER_H

#include "iiif_doc.h"
#include "iiif_info.h"

/** The highest level that is met in full: 0, 1 or 2. */
unsigned iiif_offer_level(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                          const iiif_info_params_t *params);

/* Arrays of what is offered and not implied by `level`; maybe empty. For info.json and its profile object. */
iiif_doc_t iiif_offer_formats(unsigned level, const iiif_info_params_t *params);
iiif_doc_t iiif_offer_qualities(iiif_version version, unsigned level, const iiif_facts_t *facts,
                                const iiif_limits_t *limits);
iiif_doc_t iiif_offer_features(iiif_version version, unsigned level, const iiif_limits_t *limits,
                               const iiif_info_params_t *params);

/**
 * maxWidth, maxHeight, maxArea as they are enforced, into `doc`. maxWidth stands wherever maxHeight does
 * (IMG3-JSON-03), and one of maxWidth and maxArea wherever the service enlarges (IMG3-JSON-04).
 */
void iiif_offer_limits(const iiif_facts_t *facts, const iiif_limits_t *limits, iiif_doc_t *doc);

#endif
