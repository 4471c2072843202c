/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds the rights: attribution, license and logo of 2.1, rights of 3.0. Declared in iiif_link.h. */
#include <string.h>

#include "../core/iiif_slice.h"
#include "iiif_link.h"
#include "iiif_rights.h"

/* Configuration files may be in any encoding; a document is UTF-8. */
static bool is_text(const char *text)
{
    return text != NULL && text[0] != '\0' && iiif_utf8_valid(iiif_slice(text));
}

static bool give_text(const char *text, json_t **out)
{
    *out = is_text(text) ? json_string(text) : NULL;
    return *out != NULL || !is_text(text);
}

static bool give_copy(const json_t *value, json_t **out)
{
    *out = json_deep_copy(value);
    return *out != NULL;
}

static bool give_doc(iiif_doc_t *doc, json_t **out)
{
    bool failed = doc->failed;

    *out = iiif_doc_take(doc);
    if (json_array_size(*out) == 1) { /* a single value stands alone */
        json_t *only = json_incref(json_array_get(*out, 0));

        json_decref(*out);
        *out = only;
    } else if (!failed && json_array_size(*out) == 0) {
        json_decref(*out);
        *out = NULL;
    }
    return !failed;
}

/* --- attribution -------------------------------------------------------------------------------------- */

/* A string, {"@value"}, or an array of them, as 2.1 has it. */
static bool is_attribution(const json_t *value)
{
    if (json_is_string(value) || iiif_doc_text(value, "@value") != NULL)
        return true;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)) && iiif_doc_text(json_array_get(value, i), "@value") == NULL)
            return false;
    return json_array_size(value) > 0;
}

static void add_language(const char *language, const json_t *texts, iiif_doc_t *list)
{
    size_t count = json_is_array(texts) ? json_array_size(texts) : 1;

    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_is_array(texts) ? json_array_get(texts, i) : texts);
        iiif_doc_t item;

        if (text == NULL)
            continue;
        if (strcmp(language, "none") == 0) {
            iiif_doc_add(list, json_string(text));
            continue;
        }
        item = iiif_doc_object();
        iiif_doc_set_text(&item, "@value", text);
        iiif_doc_set_text(&item, "@language", language);
        iiif_doc_add(list, iiif_doc_take(&item));
    }
}

/* requiredStatement of Presentation 3: {"label", "value": {language: [texts]}}, or a string for short. */
static iiif_doc_t from_statement(json_t *statement)
{
    json_t *value = json_is_object(statement) ? json_object_get(statement, "value") : statement;
    iiif_doc_t list = iiif_doc_array();

    if (json_is_string(value) || json_is_array(value))
        add_language("none", value, &list);
    for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at))
        add_language(json_object_iter_key(at), json_object_iter_value(at), &list);
    return list;
}

bool iiif_link_attribution(const iiif_info_params_t *params, json_t **out)
{
    const json_t *own = json_object_get(params->sidecar, "attribution");
    iiif_doc_t statement;

    if (is_attribution(own))
        return give_copy(own, out);
    statement = from_statement(json_object_get(params->sidecar, "requiredStatement"));
    if (!give_doc(&statement, out))
        return false;
    return *out != NULL || give_text(params->attribution, out);
}

/* --- license and rights ---------------------------------------------------------------------------------- */

static bool all_texts(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!json_is_string(json_array_get(array, i)))
            return false;
    return json_array_size(array) > 0;
}

bool iiif_link_license(const iiif_info_params_t *params, json_t **out)
{
    const json_t *license = json_object_get(params->sidecar, "license");
    const char *rights = iiif_doc_text(params->sidecar, "rights");

    if (json_is_string(license) || all_texts(license))
        return give_copy(license, out);
    return give_text(rights != NULL ? rights : params->rights, out);
}

bool iiif_link_rights(const iiif_info_params_t *params, char *out, size_t capacity)
{
    const char *own = iiif_doc_text(params->sidecar, "rights");

    return iiif_rights_canonical(own != NULL ? own : params->rights, out, capacity);
}

/* --- logo --------------------------------------------------------------------------------------------------- */

/* A URI, an object of 2.1 with @id, or one of 3.0 with id, which 2.1 has as its URI. */
static void add_logo(const json_t *logo, iiif_doc_t *list)
{
    const char *id = iiif_doc_text(logo, "id");

    if (json_is_string(logo) || iiif_doc_text(logo, "@id") != NULL)
        iiif_doc_add(list, json_deep_copy(logo));
    else if (id != NULL)
        iiif_doc_add(list, json_string(id));
}

bool iiif_link_logo(const iiif_info_params_t *params, json_t **out)
{
    const json_t *logo = json_object_get(params->sidecar, "logo");
    iiif_doc_t list = iiif_doc_array();

    if (json_is_array(logo))
        for (size_t i = 0; i < json_array_size(logo); i++)
            add_logo(json_array_get(logo, i), &list);
    else
        add_logo(logo, &list);
    if (!give_doc(&list, out))
        return false;
    return *out != NULL || give_text(params->logo, out);
}
