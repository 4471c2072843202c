/* SPDX-License-Identifier: Apache-2.0 */
#include "svc_facts.h"

#include <apr_errno.h>
#include <apr_thread_mutex.h>

#include <string.h>

#define NONE UINT32_MAX
#define ENTRIES_MAX (1u << 20)

/* Entries lie in one array and are linked by index: the use list (newest first) and a chain for each bucket. */
typedef struct facts_entry {
    uint8_t key[IIIF_HASH_BYTES];
    uint32_t newer, older, chain;
    iiif_facts_t facts;
} facts_entry_t;

struct svc_facts {
    facts_entry_t *entries;     /* untouched memory beyond `used`, so a bound that is not reached costs nothing */
    uint32_t *buckets;
    uint32_t capacity, used, bucket_mask;
    uint32_t newest, oldest;
#if APR_HAS_THREADS
    apr_thread_mutex_t *mutex;
#endif
};

static bool cache_lock(svc_facts_t *cache)
{
#if APR_HAS_THREADS
    return apr_thread_mutex_lock(cache->mutex) == APR_SUCCESS;
#else
    return cache != NULL;
#endif
}

static void cache_unlock(svc_facts_t *cache)
{
#if APR_HAS_THREADS
    (void)apr_thread_mutex_unlock(cache->mutex);
#else
    (void)cache;
#endif
}

apr_status_t svc_facts_create(svc_facts_t **out, unsigned entries, apr_pool_t *pool)
{
    svc_facts_t *cache;
    uint32_t buckets = 16;

    *out = NULL;
    if (entries < 1 || entries > ENTRIES_MAX)
        return APR_EINVAL;
    while (buckets < entries)
        buckets *= 2;
    cache = apr_pcalloc(pool, sizeof(*cache));
    if (cache == NULL)
        return APR_ENOMEM;
    cache->entries = apr_palloc(pool, entries * sizeof(*cache->entries));
    cache->buckets = apr_palloc(pool, buckets * sizeof(*cache->buckets));
    if (cache->entries == NULL || cache->buckets == NULL)
        return APR_ENOMEM;
    memset(cache->buckets, 0xFF, buckets * sizeof(*cache->buckets));
    cache->capacity = entries;
    cache->bucket_mask = buckets - 1;
    cache->newest = cache->oldest = NONE;
    *out = cache;
#if APR_HAS_THREADS
    return apr_thread_mutex_create(&cache->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
#else
    return APR_SUCCESS;
#endif
}

static void add_number(iiif_hash_t *hash, uint64_t number)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    iiif_hash_add(hash, bytes, sizeof(bytes));
}

void svc_facts_key(uint64_t device, uint64_t inode, uint64_t size, int64_t mtime_us, uint32_t page,
                   uint8_t key[IIIF_HASH_BYTES])
{
    iiif_hash_t hash;

    iiif_hash_init(&hash);
    add_number(&hash, device);
    add_number(&hash, inode);
    add_number(&hash, size);
    add_number(&hash, (uint64_t)mtime_us);
    add_number(&hash, page);
    iiif_hash_end(&hash, key);
}

/* The key is a hash already: any four of its bytes spread evenly. */
static uint32_t *bucket_of(svc_facts_t *cache, const uint8_t *key)
{
    uint32_t n = (uint32_t)key[0] | (uint32_t)key[1] << 8 | (uint32_t)key[2] << 16 | (uint32_t)key[3] << 24;

    return &cache->buckets[n & cache->bucket_mask];
}

static uint32_t find(svc_facts_t *cache, const uint8_t *key)
{
    uint32_t i = *bucket_of(cache, key);

    while (i != NONE && memcmp(cache->entries[i].key, key, IIIF_HASH_BYTES) != 0)
        i = cache->entries[i].chain;
    return i;
}

static void use_unlink(svc_facts_t *cache, uint32_t i)
{
    facts_entry_t *entry = &cache->entries[i];

    if (entry->newer != NONE)
        cache->entries[entry->newer].older = entry->older;
    else
        cache->newest = entry->older;
    if (entry->older != NONE)
        cache->entries[entry->older].newer = entry->newer;
    else
        cache->oldest = entry->newer;
}

static void use_first(svc_facts_t *cache, uint32_t i)
{
    facts_entry_t *entry = &cache->entries[i];

    entry->newer = NONE;
    entry->older = cache->newest;
    if (cache->newest != NONE)
        cache->entries[cache->newest].newer = i;
    else
        cache->oldest = i;
    cache->newest = i;
}

static void chain_unlink(svc_facts_t *cache, uint32_t i)
{
    uint32_t *link = bucket_of(cache, cache->entries[i].key);

    while (*link != NONE && *link != i)
        link = &cache->entries[*link].chain;
    if (*link == i)
        *link = cache->entries[i].chain;
}

/* A place for a new key: an unused one, else that of the entry which nobody asked for longest. */
static uint32_t place_for(svc_facts_t *cache, const uint8_t *key)
{
    uint32_t i, *bucket;

    if (cache->used < cache->capacity) {
        i = cache->used++;
    }
    else {
        i = cache->oldest;
        use_unlink(cache, i);
        chain_unlink(cache, i);
    }
    memcpy(cache->entries[i].key, key, IIIF_HASH_BYTES);
    bucket = bucket_of(cache, key);
    cache->entries[i].chain = *bucket;
    *bucket = i;
    use_first(cache, i);
    return i;
}

static bool local_get(svc_facts_t *cache, const uint8_t *key, iiif_facts_t *out)
{
    uint32_t i;

    if (!cache_lock(cache))
        return false;
    i = find(cache, key);
    if (i != NONE) {
        *out = cache->entries[i].facts;
        use_unlink(cache, i);
        use_first(cache, i);
    }
    cache_unlock(cache);
    return i != NONE;
}

static void local_put(svc_facts_t *cache, const uint8_t *key, const iiif_facts_t *facts)
{
    uint32_t i;

    if (!cache_lock(cache))
        return;
    i = find(cache, key);
    if (i == NONE) {
        i = place_for(cache, key);
    }
    else {
        use_unlink(cache, i);
        use_first(cache, i);
    }
    cache->entries[i].facts = *facts;
    cache_unlock(cache);
}

bool svc_facts_get(svc_facts_t *cache, const svc_facts_shared_t *shared, const uint8_t key[IIIF_HASH_BYTES],
                   iiif_facts_t *out)
{
    uint8_t data[IIIF_FACTS_BYTES_MAX];
    size_t length = sizeof(data);

    if (cache != NULL && local_get(cache, key, out))
        return true;
    /* The shared copy was written by another process, perhaps of another machine: read it as carefully as a file. */
    if (shared == NULL || shared->fetch == NULL || !shared->fetch(shared->context, key, data, &length)
        || length > sizeof(data) || !iiif_facts_read(out, data, length))
        return false;
    if (cache != NULL)
        local_put(cache, key, out);
    return true;
}

void svc_facts_put(svc_facts_t *cache, const svc_facts_shared_t *shared, const uint8_t key[IIIF_HASH_BYTES],
                   const iiif_facts_t *facts)
{
    uint8_t data[IIIF_FACTS_BYTES_MAX];
    size_t length;

    if (cache != NULL)
        local_put(cache, key, facts);
    if (shared == NULL || shared->store == NULL)
        return;
    length = iiif_facts_write(facts, data, sizeof(data));
    if (length > 0)
        shared->store(shared->context, key, data, length);
}
