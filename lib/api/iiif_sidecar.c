/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "iiif_info.h"

/* Editors on some systems begin a file with U+FEFF; RFC 8259 §8.1 lets a parser pass over it. */
static size_t byte_order_mark(const char *text, size_t length)
{
    return length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

iiif_rc iiif_sidecar_parse(const char *text, size_t length, json_t **out, iiif_err_t *err)
{
    json_error_t where;
    size_t skip = byte_order_mark(text, length);
    json_t *root;

    /* A key that is there twice is a mistake, and it could be the one that restricts access: closed. */
    root = json_loadb(text + skip, length - skip, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL && json_error_code(&where) == json_error_out_of_memory)
        return iiif_err_memory(err, "the sidecar of this image", length);
    if (root == NULL)
        return iiif_err_set(err, IIIF_E_INTERNAL, 4010,
                            "The sidecar of this image is not valid JSON: see line %d, column %d.", where.line,
                            where.column);
    if (!json_is_object(root)) {
        json_decref(root);
        return iiif_err_set(err, IIIF_E_INTERNAL, 4011,
                            "The sidecar of this image is not a JSON object (line 1, column 1): begin it with {.");
    }
    *out = root;
    return IIIF_OK;
}
