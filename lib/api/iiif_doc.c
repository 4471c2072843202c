/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_doc.h"

static iiif_doc_t begin(json_t *root)
{
    iiif_doc_t doc = {root, root == NULL};

    return doc;
}

iiif_doc_t iiif_doc_object(void)
{
    return begin(json_object());
}

iiif_doc_t iiif_doc_array(void)
{
    return begin(json_array());
}

/* jansson refuses NULL for either argument and drops the value in every case. */
void iiif_doc_set(iiif_doc_t *doc, const char *key, json_t *value)
{
    if (json_object_set_new(doc->root, key, value) != 0)
        doc->failed = true;
}

void iiif_doc_set_text(iiif_doc_t *doc, const char *key, const char *text)
{
    iiif_doc_set(doc, key, json_string(text));
}

void iiif_doc_set_number(iiif_doc_t *doc, const char *key, uint64_t number)
{
    iiif_doc_set(doc, key, json_integer(number < INT64_MAX ? (json_int_t)number : INT64_MAX));
}

void iiif_doc_add(iiif_doc_t *doc, json_t *value)
{
    if (json_array_append_new(doc->root, value) != 0)
        doc->failed = true;
}

void iiif_doc_set_part(iiif_doc_t *doc, const char *key, iiif_doc_t *part)
{
    bool holds = json_object_size(part->root) > 0 || json_array_size(part->root) > 0;

    if (part->failed)
        doc->failed = true;
    if (!part->failed && holds)
        iiif_doc_set(doc, key, part->root);
    else
        json_decref(part->root);
    part->root = NULL;
}

json_t *iiif_doc_take(iiif_doc_t *doc)
{
    json_t *root = doc->root;

    doc->root = NULL;
    if (!doc->failed)
        return root;
    json_decref(root);
    return NULL;
}

const char *iiif_doc_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}
