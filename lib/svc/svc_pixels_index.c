/* SPDX-License-Identifier: Apache-2.0 */
#include "svc_pixels_index.h"

#include <string.h>

static uint32_t *bucket_of(const svc_pixels_t *pixels, uint64_t hash)
{
    return &pixels->buckets[hash % pixels->bucket_count];
}

static pixels_phase phase_at(const svc_pixels_t *pixels, uint32_t entry)
{
    return pixels_phase_of(atomic_load(&pixels->entries[entry].word));
}

/* --- the list by last use ------------------------------------------------------------------------------- */

static void list_append(svc_pixels_t *pixels, uint32_t at)
{
    pixels_shared_t *shared = pixels->shared;
    pixels_entry_t *entry = &pixels->entries[at];

    entry->newer = PIXELS_NONE;
    entry->older = shared->newest;
    if (shared->newest == PIXELS_NONE)
        shared->oldest = at;
    else
        pixels->entries[shared->newest].newer = at;
    shared->newest = at;
}

static void list_remove(svc_pixels_t *pixels, uint32_t at)
{
    pixels_shared_t *shared = pixels->shared;
    const pixels_entry_t *entry = &pixels->entries[at];

    if (entry->newer == PIXELS_NONE)
        shared->newest = entry->older;
    else
        pixels->entries[entry->newer].older = entry->older;
    if (entry->older == PIXELS_NONE)
        shared->oldest = entry->newer;
    else
        pixels->entries[entry->older].newer = entry->newer;
}

void svc_pixels_index_touch(svc_pixels_t *pixels, uint32_t entry)
{
    list_remove(pixels, entry);
    list_append(pixels, entry);
}

/* --- chains --------------------------------------------------------------------------------------------- */

static void chain_insert(svc_pixels_t *pixels, uint32_t at)
{
    uint32_t *bucket = bucket_of(pixels, pixels->entries[at].hash);

    pixels->entries[at].next = *bucket;
    *bucket = at;
}

static void chain_remove(svc_pixels_t *pixels, uint32_t at)
{
    uint32_t *link = bucket_of(pixels, pixels->entries[at].hash);

    while (*link != at)
        link = &pixels->entries[*link].next;
    *link = pixels->entries[at].next;
}

uint32_t svc_pixels_index_find(const svc_pixels_t *pixels, const svc_pixels_key_t *key, uint64_t hash)
{
    uint32_t at = *bucket_of(pixels, hash);

    while (at != PIXELS_NONE) {
        const pixels_entry_t *entry = &pixels->entries[at];

        if (entry->hash == hash && memcmp(&entry->key, key, sizeof(*key)) == 0)
            break;
        at = entry->next;
    }
    return at;
}

/* --- free places ---------------------------------------------------------------------------------------- */

/* Entries and chunks are taken from those used before, else from the end, so that memory is touched only as it is needed. */
static uint32_t take_chunk(svc_pixels_t *pixels)
{
    pixels_shared_t *shared = pixels->shared;

    if (shared->free_chunks > 0)
        return pixels->chunk_stack[--shared->free_chunks];
    return shared->chunks_end++;
}

static uint32_t chunks_left(const svc_pixels_t *pixels)
{
    return pixels->shared->free_chunks + (pixels->chunk_count - pixels->shared->chunks_end);
}

static bool has_free_entry(const svc_pixels_t *pixels)
{
    return pixels->shared->free_entry != PIXELS_NONE || atomic_load(&pixels->shared->entries_end) < pixels->entry_count;
}

static uint32_t take_entry(svc_pixels_t *pixels)
{
    pixels_shared_t *shared = pixels->shared;
    uint32_t at = shared->free_entry;

    if (at != PIXELS_NONE) {
        shared->free_entry = pixels->entries[at].next;
        return at;
    }
    return atomic_fetch_add(&shared->entries_end, 1u);
}

static void put_entry(svc_pixels_t *pixels, uint32_t at)
{
    pixels->entries[at].next = pixels->shared->free_entry;
    pixels->shared->free_entry = at;
}

/* --- throwing out --------------------------------------------------------------------------------------- */

static bool is_pinned(const svc_pixels_t *pixels, uint32_t at)
{
    uint32_t end = atomic_load(&pixels->shared->pins_end);

    for (uint32_t i = 0; i < end; i++) {
        if ((uint32_t)atomic_load(&pixels->shared->pins[i]) == at + 1)
            return true;
    }
    return false;
}

/*
 * False where somebody decodes or reads it. New pins are set under the lock that we hold, and a block is given up before its pin is
 * removed: who is seen without a pin here is done with the pixels.
 */
static bool throw_out(svc_pixels_t *pixels, uint32_t at)
{
    pixels_shared_t *shared = pixels->shared;
    pixels_entry_t *entry = &pixels->entries[at];
    uint64_t word = atomic_load(&entry->word);

    if (pixels_phase_of(word) == PIXELS_FILLING || is_pinned(pixels, at))
        return false;
    atomic_store(&entry->word, (word & ~PIXELS_PHASE_MASK) | PIXELS_FREE);
    chain_remove(pixels, at);
    list_remove(pixels, at);
    for (uint32_t i = 0; i < entry->chunk_count; i++)
        pixels->chunk_stack[shared->free_chunks++] = entry->chunks[i];
    atomic_fetch_sub(&shared->chunks_used, entry->chunk_count);
    put_entry(pixels, at);
    if (pixels_phase_of(word) == PIXELS_READY)
        atomic_fetch_add(&shared->evictions, 1u);
    return true;
}

static bool make_room(svc_pixels_t *pixels, uint32_t chunks)
{
    uint32_t at = pixels->shared->oldest;

    while (at != PIXELS_NONE && (chunks_left(pixels) < chunks || !has_free_entry(pixels))) {
        uint32_t newer = pixels->entries[at].newer;

        (void)throw_out(pixels, at);
        at = newer;
    }
    return chunks_left(pixels) >= chunks && has_free_entry(pixels);
}

uint32_t svc_pixels_index_make(svc_pixels_t *pixels, const svc_pixels_key_t *key, uint64_t hash, size_t bytes)
{
    uint32_t chunks = (uint32_t)((bytes + PIXELS_CHUNK_BYTES - 1) / PIXELS_CHUNK_BYTES);
    pixels_entry_t *entry;
    uint32_t at;

    if (!make_room(pixels, chunks))
        return PIXELS_NONE;
    at = take_entry(pixels);
    entry = &pixels->entries[at];
    entry->key = *key;
    entry->hash = hash;
    entry->chunk_count = chunks;
    for (uint32_t i = 0; i < chunks; i++)
        entry->chunks[i] = take_chunk(pixels);
    atomic_fetch_add(&pixels->shared->chunks_used, chunks);
    chain_insert(pixels, at);
    list_append(pixels, at);
    return at;
}

/* --- from nothing, and after a death -------------------------------------------------------------------- */

static void clear_lists(svc_pixels_t *pixels)
{
    pixels_shared_t *shared = pixels->shared;

    shared->free_entry = PIXELS_NONE;
    shared->newest = shared->oldest = PIXELS_NONE;
    shared->free_chunks = 0;
    for (uint32_t i = 0; i < pixels->bucket_count; i++)
        pixels->buckets[i] = PIXELS_NONE;
}

void svc_pixels_index_init(svc_pixels_t *pixels)
{
    clear_lists(pixels);
}

/* Marks the chunks of an entry in `taken`; false where one is out of range or another's, which death cannot bring about. */
static bool claim_chunks(const svc_pixels_t *pixels, const pixels_entry_t *entry, uint32_t *taken)
{
    if (entry->chunk_count == 0 || entry->chunk_count > PIXELS_CHUNKS_MAX)
        return false;
    for (uint32_t i = 0; i < entry->chunk_count; i++) {
        if (entry->chunks[i] >= pixels->shared->chunks_end || taken[entry->chunks[i]] != 0)
            return false;
    }
    for (uint32_t i = 0; i < entry->chunk_count; i++)
        taken[entry->chunks[i]] = 1;
    return true;
}

static uint32_t reclaim_entries(svc_pixels_t *pixels, uint32_t *taken)
{
    uint32_t end = iiif_min_u32(atomic_load(&pixels->shared->entries_end), pixels->entry_count), used = 0;

    for (uint32_t at = 0; at < end; at++) {
        pixels_entry_t *entry = &pixels->entries[at];

        if (phase_at(pixels, at) != PIXELS_FREE && claim_chunks(pixels, entry, taken)) {
            chain_insert(pixels, at);
            list_append(pixels, at);
            used += entry->chunk_count;
        } else {
            atomic_store(&entry->word, atomic_load(&entry->word) & ~PIXELS_PHASE_MASK);
            put_entry(pixels, at);
        }
    }
    return used;
}

/* The order of last use is lost; nothing else is. The stack of chunks serves as table of those taken until it is filled again. */
void svc_pixels_index_rebuild(svc_pixels_t *pixels)
{
    pixels_shared_t *shared = pixels->shared;
    uint32_t *taken = pixels->chunk_stack;
    uint32_t free_chunks = 0;

    clear_lists(pixels);
    shared->chunks_end = iiif_min_u32(shared->chunks_end, pixels->chunk_count);
    memset(taken, 0, shared->chunks_end * sizeof(*taken));
    atomic_store(&shared->chunks_used, reclaim_entries(pixels, taken));
    /* The stack never grows beyond what was looked at. */
    for (uint32_t i = 0; i < shared->chunks_end; i++) {
        if (taken[i] == 0)
            pixels->chunk_stack[free_chunks++] = i;
    }
    shared->free_chunks = free_chunks;
}
