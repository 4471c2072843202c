/* SPDX-License-Identifier: Apache-2.0 */
/** One writer per version of the Image API; listed in iiif_info.c. */
#ifndef IIIF_VER_H
#define IIIF_VER_H

#include "iiif_doc.h"
#include "iiif_info.h"

extern const iiif_api_version_t iiif_ver_image2;
extern const iiif_api_version_t iiif_ver_image3;

/** `sizes` and `tiles`, which both versions write alike. */
void iiif_ver_set_pyramid(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                          iiif_doc_t *doc);

#endif
