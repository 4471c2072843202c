/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_extents.h"

#include <stdlib.h>
#include <string.h>

#define GAP_MAX 96u                     /* unwanted bytes that cost less than another read */
#define RUN_MAX ((size_t)128 * 1024)

iiif_rc iiif_j2k_extents_add(iiif_j2k_extents_t *extents, uint64_t offset, uint32_t length, size_t to, iiif_mem_t *mem,
                             iiif_err_t *err)
{
    iiif_j2k_extent_t *last = extents->count > 0 ? &extents->items[extents->count - 1] : NULL;

    extents->total += length;
    if (length == 0)
        return IIIF_OK;
    if (last != NULL && last->offset + last->length == offset && last->to + last->length == to &&
        last->length <= RUN_MAX) {
        last->length += length;
        return IIIF_OK;
    }
    if (extents->count == extents->capacity) {
        size_t capacity = 2 * extents->capacity + 64;
        iiif_j2k_extent_t *items = iiif_mem_realloc(mem, extents->items, capacity * sizeof(*items));

        if (items == NULL)
            return iiif_err_memory(err, "a list of code-blocks", capacity * sizeof(*items));
        extents->items = items;
        extents->capacity = capacity;
    }
    extents->items[extents->count++] = (iiif_j2k_extent_t){offset, to, length};
    return IIIF_OK;
}

static int by_offset(const void *a, const void *b)
{
    const iiif_j2k_extent_t *x = a, *y = b;

    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Extents [from, returned) lie close enough to be read at once. */
static size_t end_of_run(const iiif_j2k_extents_t *extents, size_t from, uint64_t *end)
{
    const iiif_j2k_extent_t *items = extents->items;
    size_t i = from + 1;

    *end = items[from].offset + items[from].length;
    for (; i < extents->count; i++) {
        uint64_t next = iiif_max_u64(*end, items[i].offset + items[i].length);

        if (items[i].offset > *end + GAP_MAX || next - items[from].offset > RUN_MAX)
            break;
        *end = next;
    }
    return i;
}

static bool read_run(const iiif_j2k_extents_t *extents, size_t from, size_t to, uint64_t end, iiif_src_t *src,
                     uint8_t *memory, uint8_t *scratch)
{
    const iiif_j2k_extent_t *items = extents->items;
    uint64_t start = items[from].offset;

    if (to == from + 1)
        return iiif_src_read_exact(src, start, memory + items[from].to, items[from].length);
    if (!iiif_src_read_exact(src, start, scratch, (size_t)(end - start)))
        return false;
    for (; from < to; from++)
        memcpy(memory + items[from].to, scratch + (items[from].offset - start), items[from].length);
    return true;
}

iiif_rc iiif_j2k_extents_read(iiif_j2k_extents_t *extents, iiif_src_t *src, uint8_t *memory, const iiif_work_t *work,
                              iiif_err_t *err)
{
    uint8_t *scratch = iiif_mem_alloc(work->mem, RUN_MAX);
    iiif_rc rc = scratch == NULL ? iiif_err_memory(err, "reading code-blocks", RUN_MAX) : IIIF_OK;

    if (extents->count > 1)
        qsort(extents->items, extents->count, sizeof(*extents->items), by_offset);
    for (size_t i = 0; rc == IIIF_OK && i < extents->count;) {
        uint64_t end;
        size_t next = end_of_run(extents, i, &end);

        rc = iiif_cancel_check(work->cancel, err);
        if (rc == IIIF_OK && !read_run(extents, i, next, end, src, memory, scratch))
            rc = iiif_err_set(err, IIIF_E_IO, 2704, "The code-blocks of the JPEG 2000 master cannot be read.");
        i = next;
    }
    iiif_mem_free(work->mem, scratch);
    return rc;
}

void iiif_j2k_extents_free(iiif_j2k_extents_t *extents, iiif_mem_t *mem)
{
    iiif_mem_free(mem, extents->items);
    memset(extents, 0, sizeof(*extents));
}
