/* SPDX-License-Identifier: Apache-2.0 */
/**
 * info.json of Image API 2.1 and 3.0 (Image 2.1 §5, Image 3.0 §5): from facts, limits and what a service says of
 * itself to a document. One writer per version behind one table.
 */
#ifndef IIIF_INFO_H
#define IIIF_INFO_H

#include <jansson.h>

#include "../core/iiif_plan.h"

/** What a document says beyond the image itself. Strings may be NULL; all outlive the call. */
typedef struct iiif_info_params {
    const char *id;                 /**< base URI, already encoded, without a trailing slash */
    const char *const *formats;     /**< NULL-terminated tokens that this service serves, jpg and png included */
    const char *attribution;
    const char *rights;             /**< URI */
    const char *logo;               /**< URI */
    const json_t *sidecar;          /**< object of the master's sidecar, or NULL: partOf, seeAlso, service, rights … */
    bool cors;                      /**< whether the service sends CORS headers */
    bool rotation_arbitrary;
    uint32_t page;                  /**< 0: not addressed by page */
} iiif_info_params_t;

typedef struct iiif_api_version {
    iiif_version version;
    const char *context;            /**< http://iiif.io/api/image/3/context.json */
    const char *level;              /**< http://iiif.io/api/image/3/level2.json, for Link rel=profile */
    json_t *(*info)(const iiif_facts_t *facts, const iiif_limits_t *limits, const iiif_info_params_t *params);
} iiif_api_version_t;

/** NULL for a version that is not there. */
const iiif_api_version_t *iiif_api_version_find(iiif_version version);

/**
 * The document as bytes (UTF-8, keys in the order of the specification's examples, two-space indentation, newline at
 * the end). free() it. NULL when memory ends; *length is without the NUL that follows.
 */
char *iiif_info_write(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                      const iiif_info_params_t *params, size_t *length, iiif_err_t *err);

/**
 * The compliance level that is fully met, as the URI for Link rel=profile. iiif_api_version_t.level is the most that
 * there is; a service without png, or without a quality that level 2 requires, is at level 1 (Image 3.0 §6).
 */
const char *iiif_info_level(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                            const iiif_info_params_t *params);

/** What the media type of the answer is. */
typedef enum iiif_info_type { IIIF_INFO_JSON, IIIF_INFO_JSONLD } iiif_info_type;

/**
 * Negotiation by Accept (RFC 9110 §12.5.1; Image 3.0 §5.1, Image 2.1 §5): NULL is no header. Never 406.
 */
iiif_info_type iiif_info_negotiate(iiif_version version, const char *accept);

/** The Content-Type for that. Static. */
const char *iiif_info_media_type(iiif_version version, iiif_info_type type);

/**
 * Parses a sidecar. IIIF_E_INTERNAL with line and column in the detail where it does not parse or is no object.
 * json_decref the result.
 */
iiif_rc iiif_sidecar_parse(const char *text, size_t length, json_t **out, iiif_err_t *err);

/** Whether a URI is one that `rights` may hold: Creative Commons or RightsStatements.org (IMG3-JSON-10). */
bool iiif_rights_valid(const char *uri);

#endif
