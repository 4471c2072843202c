/* SPDX-License-Identifier: Apache-2.0 */
/* info.json of Image API 2.1 (§5), which is a valid one of 2.0; keys in the order of its complete example (§5.6). */
#include "iiif_link.h"
#include "iiif_offer.h"
#include "iiif_ver.h"

#define CONTEXT "http://iiif.io/api/image/2/context.json"

static const char *const levels[] = {"http://iiif.io/api/image/2/level0.json",
                                     "http://iiif.io/api/image/2/level1.json",
                                     "http://iiif.io/api/image/2/level2.json"};

/* The level, then an object with what goes beyond it; limits live in there (§5.3). */
static void set_profile(const iiif_facts_t *facts, const iiif_limits_t *limits, const iiif_info_params_t *params,
                        iiif_doc_t *doc)
{
    unsigned level = iiif_offer_level(IIIF_VERSION_2, facts, limits, params);
    iiif_doc_t formats = iiif_offer_formats(level, params);
    iiif_doc_t qualities = iiif_offer_qualities(IIIF_VERSION_2, level, facts, limits);
    iiif_doc_t supports = iiif_offer_features(IIIF_VERSION_2, level, limits, params);
    iiif_doc_t profile = iiif_doc_array(), beyond = iiif_doc_object();

    iiif_doc_set_part(&beyond, "formats", &formats);
    iiif_doc_set_part(&beyond, "qualities", &qualities);
    iiif_offer_limits(facts, limits, &beyond);
    iiif_doc_set_part(&beyond, "supports", &supports);
    iiif_doc_add(&profile, json_string(levels[level]));
    iiif_doc_add(&profile, iiif_doc_take(&beyond));
    iiif_doc_set_part(doc, "profile", &profile);
}

static void set_holder(const iiif_info_params_t *params, iiif_doc_t *doc)
{
    static const struct {
        const char *key;
        bool (*get)(const iiif_info_params_t *params, json_t **out);
    } members[] = {
        {"attribution", iiif_link_attribution}, {"logo", iiif_link_logo}, {"license", iiif_link_license}};

    for (size_t i = 0; i < IIIF_COUNT(members); i++) {
        json_t *value = NULL;

        if (!members[i].get(params, &value))
            doc->failed = true;
        else if (value != NULL)
            iiif_doc_set(doc, members[i].key, value);
    }
}

/* One service stands alone: 2.0 knew no list. */
static void set_services(const iiif_facts_t *facts, const iiif_info_params_t *params, iiif_doc_t *doc)
{
    iiif_doc_t services = iiif_link_services(IIIF_VERSION_2, facts, params);

    if (services.failed || json_array_size(services.root) != 1) {
        iiif_doc_set_part(doc, "service", &services);
        return;
    }
    iiif_doc_set(doc, "service", json_incref(json_array_get(services.root, 0)));
    json_decref(services.root);
}

static json_t *info(const iiif_facts_t *facts, const iiif_limits_t *limits, const iiif_info_params_t *params)
{
    iiif_doc_t doc = iiif_doc_object();

    iiif_doc_set_text(&doc, "@context", CONTEXT);
    iiif_doc_set_text(&doc, "@id", params->id);
    iiif_doc_set_text(&doc, "protocol", "http://iiif.io/api/image");
    iiif_doc_set_number(&doc, "width", facts->width);
    iiif_doc_set_number(&doc, "height", facts->height);
    iiif_ver_set_pyramid(IIIF_VERSION_2, facts, limits, &doc);
    set_holder(params, &doc);
    set_profile(facts, limits, params, &doc);
    set_services(facts, params, &doc);
    return iiif_doc_take(&doc);
}

const iiif_api_version_t iiif_ver_image2 = {IIIF_VERSION_2, CONTEXT, "http://iiif.io/api/image/2/level2.json", info};
