/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Building JSON documents over jansson with one check at the end: a failed step marks the document instead of
 * being asked for at each line. Keys keep the order in which they were set.
 */
#ifndef IIIF_DOC_H
#define IIIF_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct iiif_doc {
    json_t *root;      /**< an object or an array; owned */
    bool failed;
} iiif_doc_t;

iiif_doc_t iiif_doc_object(void);
iiif_doc_t iiif_doc_array(void);

/** Sets a member of an object. Takes over `value`; NULL (no memory) fails the document. */
void iiif_doc_set(iiif_doc_t *doc, const char *key, json_t *value);
void iiif_doc_set_text(iiif_doc_t *doc, const char *key, const char *text);
void iiif_doc_set_number(iiif_doc_t *doc, const char *key, uint64_t number);

/** Appends to an array, likewise. */
void iiif_doc_add(iiif_doc_t *doc, json_t *value);

/** Sets the finished `part` as a member and leaves it empty; not at all where it holds nothing. */
void iiif_doc_set_part(iiif_doc_t *doc, const char *key, iiif_doc_t *part);

/** The finished value, the caller's; NULL where a step failed. */
json_t *iiif_doc_take(iiif_doc_t *doc);

/** The text of a string member, or NULL. `object` may be NULL or of any kind. */
const char *iiif_doc_text(const json_t *object, const char *key);

#endif
