/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Facts of masters, kept where they are cheap to find: a bounded table in each child, then (through callbacks that the
 * glue gives, since socache providers are httpd's) a cache that children and machines share.
 */
#ifndef SVC_FACTS_H
#define SVC_FACTS_H

#include <apr_pools.h>

#include "../core/iiif_facts.h"
#include "../core/iiif_hash.h"

typedef struct svc_facts svc_facts_t;

/** The second level. Both may be NULL. Failures are silent: a cache is only a cache. */
typedef struct svc_facts_shared {
    bool (*fetch)(void *context, const uint8_t key[IIIF_HASH_BYTES], uint8_t *data, size_t *length);
    void (*store)(void *context, const uint8_t key[IIIF_HASH_BYTES], const uint8_t *data, size_t length);
    void *context;
} svc_facts_shared_t;

/** In a child: a table of at most `entries`, least recently used out first. Thread-safe. */
apr_status_t svc_facts_create(svc_facts_t **out, unsigned entries, apr_pool_t *pool);

/** Key: device, inode, size, mtime and page; a replaced master has another key. */
void svc_facts_key(uint64_t device, uint64_t inode, uint64_t size, int64_t mtime_us, uint32_t page,
                   uint8_t key[IIIF_HASH_BYTES]);

bool svc_facts_get(svc_facts_t *cache, const svc_facts_shared_t *shared, const uint8_t key[IIIF_HASH_BYTES],
                   iiif_facts_t *out);
void svc_facts_put(svc_facts_t *cache, const svc_facts_shared_t *shared, const uint8_t key[IIIF_HASH_BYTES],
                   const iiif_facts_t *facts);

#endif
