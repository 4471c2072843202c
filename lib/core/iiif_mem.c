/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_mem.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

/* Lies before each block and keeps its alignment. */
typedef union header {
    size_t size;
    unsigned char pad[ALIGNMENT];
} header_t;

void iiif_mem_init(iiif_mem_t *mem, size_t limit)
{
    memset(mem, 0, sizeof(*mem));
    mem->limit = limit;
}

bool iiif_mem_reserve(iiif_mem_t *mem, size_t n)
{
    size_t after;

    mem->calls++;
    if (mem->fail_at != 0 && mem->calls == mem->fail_at)
        return false;
    if (!iiif_add_size(mem->used, n, &after))
        return false;
    if (mem->limit != 0 && after > mem->limit)
        return false;
    mem->used = after;
    if (after > mem->peak)
        mem->peak = after;
    return true;
}

void iiif_mem_unreserve(iiif_mem_t *mem, size_t n)
{
    mem->used = n < mem->used ? mem->used - n : 0;
}

void *iiif_mem_alloc(iiif_mem_t *mem, size_t n)
{
    header_t *header;
    size_t whole;

    if (!iiif_add_size(n, sizeof(header_t) + ALIGNMENT - 1, &whole))
        return NULL;
    whole &= ~(size_t)(ALIGNMENT - 1); /* aligned_alloc wants a multiple */
    if (!iiif_mem_reserve(mem, n))
        return NULL;
    header = aligned_alloc(ALIGNMENT, whole);
    if (header == NULL) {
        iiif_mem_unreserve(mem, n);
        return NULL;
    }
    header->size = n;
    return header + 1;
}

void *iiif_mem_array(iiif_mem_t *mem, size_t count, size_t size)
{
    size_t n;

    return iiif_mul_size(count, size, &n) ? iiif_mem_alloc(mem, n) : NULL;
}

void *iiif_mem_zalloc(iiif_mem_t *mem, size_t count, size_t size)
{
    void *block = iiif_mem_array(mem, count, size);

    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}

void *iiif_mem_realloc(iiif_mem_t *mem, void *block, size_t n)
{
    void *fresh;
    size_t old;

    if (block == NULL)
        return iiif_mem_alloc(mem, n);
    old = ((header_t *)block - 1)->size;
    fresh = iiif_mem_alloc(mem, n);
    if (fresh == NULL)
        return NULL;
    memcpy(fresh, block, old < n ? old : n);
    iiif_mem_free(mem, block);
    return fresh;
}

void iiif_mem_free(iiif_mem_t *mem, void *block)
{
    header_t *header;

    if (block == NULL)
        return;
    header = (header_t *)block - 1;
    iiif_mem_unreserve(mem, header->size);
    free(header);
}
