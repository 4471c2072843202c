/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_link.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHYSDIM "http://iiif.io/api/annex/services/physdim"
#define PHYSDIM_CONTEXT "http://iiif.io/api/annex/services/physdim/1/context.json"
#define AUTH1_CONTEXT "http://iiif.io/api/auth/1/context.json"

/* Presentation 3 has arrays where people write a single object. Elements of either. */
static size_t element_count(const json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : value != NULL ? 1 : 0;
}

static const json_t *element(const json_t *value, size_t i)
{
    return json_is_array(value) ? json_array_get(value, i) : value;
}

static bool has_texts(const json_t *object, const char *a, const char *b)
{
    return iiif_doc_text(object, a) != NULL && iiif_doc_text(object, b) != NULL;
}

/* --- links ----------------------------------------------------------------------------------------- */

/* "A Book" → {"none": ["A Book"]} (Presentation 3.0 §4.1). */
static void wrap_label(iiif_doc_t *item)
{
    const char *label = iiif_doc_text(item->root, "label");
    iiif_doc_t map, texts;

    if (label == NULL)
        return;
    map = iiif_doc_object();
    texts = iiif_doc_array();
    iiif_doc_add(&texts, json_string(label));
    iiif_doc_set_part(&map, "none", &texts);
    iiif_doc_set_part(item, "label", &map);
}

iiif_doc_t iiif_link_list(const json_t *sidecar, const char *key)
{
    const json_t *value = json_object_get(sidecar, key);
    iiif_doc_t list = iiif_doc_array();

    for (size_t i = 0; i < element_count(value); i++) {
        iiif_doc_t item;

        if (!has_texts(element(value, i), "id", "type"))
            continue;
        item.root = json_deep_copy(element(value, i));
        item.failed = item.root == NULL;
        wrap_label(&item);
        iiif_doc_add(&list, iiif_doc_take(&item));
    }
    return list;
}

/* --- services --------------------------------------------------------------------------------------- */

/* A string (Image 3.0 §5.8). Image 2 services carry an array that begins with one. */
static void straighten_profile(iiif_doc_t *service)
{
    const json_t *profile = json_object_get(service->root, "profile");
    const char *first;

    if (profile == NULL || json_is_string(profile))
        return;
    first = json_string_value(json_array_get(profile, 0));
    if (first != NULL)
        iiif_doc_set_text(service, "profile", first);
    else
        (void)json_object_del(service->root, "profile");
}

/* In 2.1 each service brings its own context; those of Auth 1.0 are often written without. */
static bool fits_image2(iiif_doc_t *service)
{
    const char *profile = iiif_doc_text(service->root, "profile");

    if (json_object_get(service->root, "@context") != NULL)
        return true;
    if (iiif_doc_text(service->root, "@id") == NULL || profile == NULL ||
        strncmp(profile, "http://iiif.io/api/auth/1/", 26) != 0)
        return false;
    iiif_doc_set_text(service, "@context", AUTH1_CONTEXT);
    return true;
}

static bool fits_image3(const json_t *service)
{
    return has_texts(service, "id", "type") || has_texts(service, "@id", "@type");
}

static void add_sidecar_services(iiif_version version, const json_t *value, iiif_doc_t *list)
{
    for (size_t i = 0; i < element_count(value); i++) {
        iiif_doc_t service = {NULL, false};
        bool fits;

        if (!json_is_object(element(value, i)))
            continue;
        service.root = json_deep_copy(element(value, i));
        service.failed = service.root == NULL;
        straighten_profile(&service);
        fits = version == IIIF_VERSION_2 ? fits_image2(&service) : fits_image3(service.root);
        if (fits || service.failed)
            iiif_doc_add(list, iiif_doc_take(&service));
        else
            json_decref(service.root);
    }
}

static const char *unit_name(unsigned unit)
{
    static const char *const names[] = {NULL, "mm", "cm", "in"};

    return unit < IIIF_COUNT(names) ? names[unit] : NULL;
}

/* 72 pixels an inch is what programs write when nobody measured; a false scale is worse than none. */
static bool is_placeholder(double per_unit, unsigned unit)
{
    double per_inch = unit == IIIF_UNIT_MM ? per_unit * 25.4 : unit == IIIF_UNIT_CM ? per_unit * 2.54 : per_unit;

    return fabs(per_inch - 72) < 0.05;
}

/* One scale holds for both directions: pixels that are not square have none. */
static bool has_scale(const iiif_facts_t *facts)
{
    double x = facts->pixels_per_unit_x, y = facts->pixels_per_unit_y;

    return unit_name(facts->unit) != NULL && isfinite(x) && isfinite(y) && x > 0 && y > 0 &&
           fabs(x - y) <= 0.01 * x && isfinite(1 / x) && !is_placeholder(x, facts->unit);
}

static bool has_profile(const json_t *services, const char *profile)
{
    for (size_t i = 0; i < json_array_size(services); i++) {
        const char *text = iiif_doc_text(json_array_get(services, i), "profile");

        if (text != NULL && strcmp(text, profile) == 0)
            return true;
    }
    return false;
}

/* The annex: "a URI that will return the information" is this document itself. */
static void set_scale_id(const iiif_info_params_t *params, iiif_doc_t *service)
{
    static const char tail[] = "/info.json#physdim";
    size_t length = strlen(params->id);
    char *id = malloc(length + sizeof(tail));

    if (id == NULL) {
        service->failed = true;
        return;
    }
    memcpy(id, params->id, length);
    memcpy(id + length, tail, sizeof(tail));
    iiif_doc_set_text(service, "@id", id);
    free(id);
}

/* Annex "Physical Dimensions"; @id and @type only where every service must have them (Image 3.0 §5.8). */
static void add_scale(iiif_version version, const iiif_facts_t *facts, const iiif_info_params_t *params,
                      iiif_doc_t *list)
{
    iiif_doc_t service = iiif_doc_object();

    iiif_doc_set_text(&service, "@context", PHYSDIM_CONTEXT);
    if (version != IIIF_VERSION_2) {
        set_scale_id(params, &service);
        iiif_doc_set_text(&service, "@type", "Service");
    }
    iiif_doc_set_text(&service, "profile", PHYSDIM);
    iiif_doc_set(&service, "physicalScale", json_real(2 / (facts->pixels_per_unit_x + facts->pixels_per_unit_y)));
    iiif_doc_set_text(&service, "physicalUnits", unit_name(facts->unit));
    iiif_doc_add(list, iiif_doc_take(&service));
}

iiif_doc_t iiif_link_services(iiif_version version, const iiif_facts_t *facts, const iiif_info_params_t *params)
{
    iiif_doc_t list = iiif_doc_array();

    add_sidecar_services(version, json_object_get(params->sidecar, "service"), &list);
    if (has_scale(facts) && !has_profile(list.root, PHYSDIM))
        add_scale(version, facts, params, &list);
    return list;
}

bool iiif_link_has_auth2(const json_t *services)
{
    for (size_t i = 0; i < json_array_size(services); i++) {
        const char *type = iiif_doc_text(json_array_get(services, i), "type");
        size_t length = type != NULL ? strlen(type) : 0;

        /* AuthProbeService2 and its kin. */
        if (length > 5 && strncmp(type, "Auth", 4) == 0 && type[length - 1] == '2')
            return true;
    }
    return false;
}
