/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_offer.h"

#include <string.h>

#include "../core/iiif_geom.h"

enum { NEVER = 3, ABSENT = 4 };

typedef enum condition { ALWAYS, WITH_CORS, WITH_ANGLES, WITH_UPSCALE } condition_t;

/*
 * The level that implies each feature, NEVER where it has to be listed, ABSENT where the version has no such name. From
 * level1.json and level2.json of both versions; all but the conditional ones are part of this server. The deprecated
 * sizeByWhListed and sizeByForcedWh of 2.x are implied or not told apart, and not named.
 */
static const struct feature {
    const char *name;
    uint8_t in_2, in_3;
    condition_t condition;
} features[] = {
    {"baseUriRedirect", 1, 1, ALWAYS},
    {"canonicalLinkHeader", NEVER, NEVER, ALWAYS},
    {"cors", 1, 1, WITH_CORS},
    {"jsonldMediaType", 1, 1, ALWAYS},
    {"mirroring", NEVER, NEVER, ALWAYS},
    {"profileLinkHeader", NEVER, NEVER, ALWAYS},
    {"regionByPct", 2, 2, ALWAYS},
    {"regionByPx", 1, 1, ALWAYS},
    {"regionSquare", NEVER, 1, ALWAYS},
    {"rotationArbitrary", NEVER, NEVER, WITH_ANGLES},
    {"rotationBy90s", 2, 2, ALWAYS},
    {"sizeAboveFull", NEVER, ABSENT, WITH_UPSCALE},
    {"sizeByConfinedWh", 2, 2, ALWAYS},
    {"sizeByDistortedWh", 2, ABSENT, ALWAYS},
    {"sizeByH", 1, 1, ALWAYS},
    {"sizeByPct", 1, 2, ALWAYS},
    {"sizeByW", 1, 1, ALWAYS},
    {"sizeByWh", 2, 1, ALWAYS},
    {"sizeUpscaling", ABSENT, NEVER, WITH_UPSCALE},
};

static bool has_format(const iiif_info_params_t *params, const char *format)
{
    for (const char *const *f = params->formats; f != NULL && *f != NULL; f++)
        if (strcmp(*f, format) == 0)
            return true;
    return false;
}

static bool has_quality(const iiif_limits_t *limits, iiif_quality quality)
{
    return (limits->qualities & (1u << quality)) != 0;
}

/*
 * Without CORS headers of ours no level above 0 would be met by the letter (IMG-LVL). They are switched off where the
 * site sets them itself, by mod_headers for all it serves, so the level stays; a site without any CORS knows that
 * viewers of others cannot use it, whatever the level says.
 */
unsigned iiif_offer_level(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                          const iiif_info_params_t *params)
{
    if (!has_format(params, "jpg"))
        return 0;
    if (!has_format(params, "png") || !has_quality(limits, IIIF_QUALITY_GRAY))
        return 1;
    if (facts->color_class == IIIF_CLASS_COLOR && !has_quality(limits, IIIF_QUALITY_COLOR))
        return 1;
    /* Required by 2.1 alone (IMG2-QUAL-03). */
    if (version == IIIF_VERSION_2 && !has_quality(limits, IIIF_QUALITY_BITONAL))
        return 1;
    return 2;
}

iiif_doc_t iiif_offer_formats(unsigned level, const iiif_info_params_t *params)
{
    iiif_doc_t list = iiif_doc_array();

    for (const char *const *f = params->formats; f != NULL && *f != NULL; f++) {
        bool implied = strcmp(*f, "jpg") == 0 || (level == 2 && strcmp(*f, "png") == 0);

        if (!implied)
            iiif_doc_add(&list, json_string(*f));
    }
    return list;
}

iiif_doc_t iiif_offer_qualities(iiif_version version, unsigned level, const iiif_facts_t *facts,
                                const iiif_limits_t *limits)
{
    static const iiif_quality order[] = {IIIF_QUALITY_COLOR, IIIF_QUALITY_GRAY, IIIF_QUALITY_BITONAL};
    iiif_doc_t list = iiif_doc_array();

    for (size_t i = 0; i < IIIF_COUNT(order); i++) {
        /* level2.json of 2.x implies bitonal; every other quality is always listed (IMG2-QUAL-03, IMG3-QUAL-05). */
        bool implied = order[i] == IIIF_QUALITY_BITONAL && version == IIIF_VERSION_2 && level == 2;
        /* color is accepted on every image, but not announced where there is none (IMG3-QUAL-04). */
        bool moot = order[i] == IIIF_QUALITY_COLOR && facts->color_class != IIIF_CLASS_COLOR;

        if (has_quality(limits, order[i]) && !implied && !moot)
            iiif_doc_add(&list, json_string(iiif_quality_name(order[i])));
    }
    return list;
}

static bool is_offered(condition_t condition, const iiif_limits_t *limits, const iiif_info_params_t *params)
{
    switch (condition) {
    case WITH_CORS:
        return params->cors;
    case WITH_ANGLES:
        return params->rotation_arbitrary;
    case WITH_UPSCALE:
        return limits->upscale;
    case ALWAYS:
        break;
    }
    return true;
}

iiif_doc_t iiif_offer_features(iiif_version version, unsigned level, const iiif_limits_t *limits,
                               const iiif_info_params_t *params)
{
    iiif_doc_t list = iiif_doc_array();

    for (size_t i = 0; i < IIIF_COUNT(features); i++) {
        unsigned implied_by = version == IIIF_VERSION_2 ? features[i].in_2 : features[i].in_3;

        if (implied_by != ABSENT && implied_by > level && is_offered(features[i].condition, limits, params))
            iiif_doc_add(&list, json_string(features[i].name));
    }
    return list;
}

void iiif_offer_limits(const iiif_facts_t *facts, const iiif_limits_t *limits, iiif_doc_t *doc)
{
    uint64_t area = iiif_geom_area_limit(limits, facts->width, facts->height);
    uint64_t width = limits->max_width;

    /* A height limit alone: a width that no request can reach is stated, the area where one may enlarge. */
    if (width == 0 && limits->max_height != 0)
        width = limits->upscale ? iiif_min_u64(area, INT32_MAX) : facts->width;
    if (width != 0)
        iiif_doc_set_number(doc, "maxWidth", width);
    if (limits->max_height != 0)
        iiif_doc_set_number(doc, "maxHeight", limits->max_height);
    if (area != 0)
        iiif_doc_set_number(doc, "maxArea", area);
}
