/* SPDX-License-Identifier: Apache-2.0 */
/* info.json of Image API 3.0 (§5), keys in the order of its complete example (§5.9). */
#include "iiif_link.h"
#include "iiif_offer.h"
#include "iiif_rights.h"
#include "iiif_ver.h"

#define CONTEXT "http://iiif.io/api/image/3/context.json"
#define AUTH2_CONTEXT "http://iiif.io/api/auth/2/context.json"

/* A string, or an array whose last item is the context of the Image API (§5.2). */
static void set_context(const json_t *services, iiif_doc_t *doc)
{
    iiif_doc_t list;

    if (!iiif_link_has_auth2(services)) {
        iiif_doc_set_text(doc, "@context", CONTEXT);
        return;
    }
    list = iiif_doc_array();
    iiif_doc_add(&list, json_string(AUTH2_CONTEXT));
    iiif_doc_add(&list, json_string(CONTEXT));
    iiif_doc_set_part(doc, "@context", &list);
}

static void set_technical(unsigned level, const iiif_facts_t *facts, const iiif_limits_t *limits,
                          const iiif_info_params_t *params, iiif_doc_t *doc)
{
    static const char *const levels[] = {"level0", "level1", "level2"};

    iiif_doc_set_text(doc, "id", params->id);
    iiif_doc_set_text(doc, "type", "ImageService3");
    iiif_doc_set_text(doc, "protocol", "http://iiif.io/api/image");
    iiif_doc_set_text(doc, "profile", levels[level]);
    iiif_doc_set_number(doc, "width", facts->width);
    iiif_doc_set_number(doc, "height", facts->height);
    iiif_offer_limits(facts, limits, doc);
    iiif_ver_set_pyramid(IIIF_VERSION_3, facts, limits, doc);
}

static void set_extra(unsigned level, const iiif_facts_t *facts, const iiif_limits_t *limits,
                      const iiif_info_params_t *params, iiif_doc_t *doc)
{
    iiif_doc_t formats = iiif_offer_formats(level, params);
    iiif_doc_t qualities = iiif_offer_qualities(IIIF_VERSION_3, level, facts, limits);
    iiif_doc_t features = iiif_offer_features(IIIF_VERSION_3, level, limits, params);

    iiif_doc_set_part(doc, "extraFormats", &formats);
    iiif_doc_set_part(doc, "extraQualities", &qualities);
    iiif_doc_set_part(doc, "extraFeatures", &features);
}

static json_t *info(const iiif_facts_t *facts, const iiif_limits_t *limits, const iiif_info_params_t *params)
{
    unsigned level = iiif_offer_level(IIIF_VERSION_3, facts, limits, params);
    iiif_doc_t services = iiif_link_services(IIIF_VERSION_3, facts, params);
    iiif_doc_t part_of = iiif_link_list(params->sidecar, "partOf");
    iiif_doc_t see_also = iiif_link_list(params->sidecar, "seeAlso");
    iiif_doc_t doc = iiif_doc_object();
    char rights[IIIF_RIGHTS_MAX];

    set_context(services.root, &doc);
    set_technical(level, facts, limits, params, &doc);
    if (iiif_link_rights(params, rights, sizeof(rights)))
        iiif_doc_set_text(&doc, "rights", rights);
    set_extra(level, facts, limits, params, &doc);
    iiif_doc_set_part(&doc, "partOf", &part_of);
    iiif_doc_set_part(&doc, "seeAlso", &see_also);
    iiif_doc_set_part(&doc, "service", &services);
    return iiif_doc_take(&doc);
}

const iiif_api_version_t iiif_ver_image3 = {IIIF_VERSION_3, CONTEXT, "http://iiif.io/api/image/3/level2.json", info};
