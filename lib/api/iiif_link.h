/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a document says of other resources: links and services of the sidecar, the physical scale, who holds the rights.
 * A sidecar is a fragment of Presentation 3; members that do not have the shape that a document requires are left out.
 */
#ifndef IIIF_LINK_H
#define IIIF_LINK_H

#include "iiif_doc.h"
#include "iiif_info.h"

/** `partOf` or `seeAlso` of 3.0: objects with id and type (IMG3-JSON-12); a plain label becomes a language map. */
iiif_doc_t iiif_link_list(const json_t *sidecar, const char *key);

/**
 * `service`: those of the sidecar that have the shape of this version, then the physical scale. 3.0 wants id and type
 * (or @id and @type), 2.1 a context of its own.
 */
iiif_doc_t iiif_link_services(iiif_version version, const iiif_facts_t *facts, const iiif_info_params_t *params);

/** Whether a list of services holds one of Authorization Flow 2.0, whose context the document then names. */
bool iiif_link_has_auth2(const json_t *services);

/* `attribution`, `license` and `logo` of 2.1; NULL in *out where there is none, false where memory ends. */
bool iiif_link_attribution(const iiif_info_params_t *params, json_t **out);
bool iiif_link_license(const iiif_info_params_t *params, json_t **out);
bool iiif_link_logo(const iiif_info_params_t *params, json_t **out);

/** `rights` of 3.0, in the spelling that machines know; false where there is none that may stand there. */
bool iiif_link_rights(const iiif_info_params_t *params, char *out, size_t capacity);

#endif
