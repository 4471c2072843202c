/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What an identifier may look like, before any file is looked for.
 */
#ifndef SVC_IDENTIFIER_H
#define SVC_IDENTIFIER_H

#include "svc_resolve.h"

/** Whether no segment is empty, `.`, `..` or dot-started, and nothing holds a backslash or a control character. */
bool svc_identifier_clean(iiif_slice_t path);

/**
 * Whether a relative path is one that can name a master: clean, and its last segment neither begins with `_` nor ends in
 * `.iiif.json`.
 */
bool svc_identifier_safe(iiif_slice_t path);

/** Takes `;N` off the end (N = 1…999999, no leading zero); 0 and nothing taken where there is none. */
uint32_t svc_identifier_page(iiif_slice_t *identifier);

/** What follows the last dot of the last segment; empty where there is none. */
iiif_slice_t svc_identifier_extension(iiif_slice_t path);

/** Whether a master may have this extension: by policy, else true. Case does not matter. */
bool svc_identifier_allowed(const svc_identifier_policy_t *policy, iiif_slice_t extension);

/**
 * The extensions to try for an identifier that has none: the policy's, else those of the formats that can be read. Lower case;
 * NULL-terminated; of `pool` or static.
 */
const char *const *svc_identifier_extensions(const svc_identifier_policy_t *policy, apr_pool_t *pool);

#endif
