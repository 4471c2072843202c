/* SPDX-License-Identifier: Apache-2.0 */
#include "h_socache.h"

#include <ap_provider.h>
#include <ap_socache.h>
#include <apr_global_mutex.h>
#include <apr_strings.h>
#include <util_mutex.h>

#include "h_cmd.h"

APLOG_USE_MODULE(iiif);

#define MUTEX_TYPE   "iiif-facts"
#define CACHE_NAME   "iiif-facts"
#define DEFAULT_SPEC "shmcb:2M"
#define NO_CACHE     "none"

/* Facts are found by what a file is, so they never become wrong, only useless. */
#define KEEP_FOR apr_time_from_sec(86400)

typedef struct h_socache {
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex;   /* NULL where the provider looks after itself */
    server_rec *server;
} h_socache_t;

apr_status_t h_socache_register(apr_pool_t *pconf)
{
    return ap_mutex_register(pconf, MUTEX_TYPE, NULL, APR_LOCK_DEFAULT, 0);
}

static const ap_socache_provider_t *provider_of(const char *specification, apr_pool_t *ptemp, const char **name)
{
    size_t n = strcspn(specification, ":");

    *name = apr_pstrmemdup(ptemp, specification, n);
    return ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, *name, AP_SOCACHE_PROVIDER_VERSION);
}

const char *h_socache_effective(const char *specification)
{
    if (specification != NULL)
        return specification;
    return ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, "shmcb", AP_SOCACHE_PROVIDER_VERSION) != NULL ? DEFAULT_SPEC
                                                                                                       : NO_CACHE;
}

/* shmcb wants PATH(BYTES) and uses the path only where there is no anonymous shared memory; we take a size such as 2M alone. */
static const char *arguments_of(const char *name, const char *specification, apr_pool_t *pool)
{
    const char *colon = strchr(specification, ':');
    const char *text = colon != NULL && colon[1] != '\0' ? colon + 1 : NULL;
    apr_int64_t bytes;

    if (strcmp(name, "shmcb") != 0)
        return text;
    if (text == NULL)
        text = "2M";
    if (!h_parse_number(text, true, 0, APR_INT64_MAX, &bytes))
        return text;
    return apr_psprintf(pool, "%s(%" APR_INT64_T_FMT ")", ap_runtime_dir_relative(pool, CACHE_NAME), bytes);
}

const char *h_socache_check(const char *specification, apr_pool_t *ptemp)
{
    const char *spec = h_socache_effective(specification), *name, *sentence;
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;

    if (strcasecmp(spec, NO_CACHE) == 0)
        return NULL;
    provider = provider_of(spec, ptemp, &name);
    if (provider == NULL)
        return apr_psprintf(ptemp, "\"%s\" is not loaded: enable the module socache_%s (on Debian: a2enmod socache_%s), or "
                            "write none", name, name, name);
    sentence = provider->create(&instance, arguments_of(name, spec, ptemp), ptemp, ptemp);
    return sentence != NULL ? apr_psprintf(ptemp, "%s: %s", name, sentence) : NULL;
}

/* --- requests ------------------------------------------------------------------------------------- */

static bool cache_enter(h_socache_t *cache)
{
    return cache->mutex == NULL || apr_global_mutex_lock(cache->mutex) == APR_SUCCESS;
}

static void cache_leave(h_socache_t *cache)
{
    if (cache->mutex != NULL)
        (void)apr_global_mutex_unlock(cache->mutex);
}

/* Providers of networks use the pool; one of its own, so that threads do not meet in a shared one. */
static apr_pool_t *scratch(void)
{
    apr_pool_t *pool = NULL;

    return apr_pool_create_unmanaged_ex(&pool, NULL, NULL) == APR_SUCCESS ? pool : NULL;
}

static bool fetch(void *context, const uint8_t key[IIIF_HASH_BYTES], uint8_t *data, size_t *length)
{
    h_socache_t *cache = context;
    apr_pool_t *pool = scratch();
    unsigned int n = (unsigned int)*length;
    bool found = false;

    if (pool == NULL)
        return false;
    if (cache_enter(cache)) {
        found = cache->provider->retrieve(cache->instance, cache->server, key, IIIF_HASH_BYTES, data, &n, pool)
                == APR_SUCCESS;
        cache_leave(cache);
    }
    apr_pool_destroy(pool);
    *length = n;
    return found;
}

static void store(void *context, const uint8_t key[IIIF_HASH_BYTES], const uint8_t *data, size_t length)
{
    h_socache_t *cache = context;
    apr_pool_t *pool = scratch();
    uint8_t copy[IIIF_FACTS_BYTES_MAX];

    if (pool == NULL || length > sizeof(copy)) {
        if (pool != NULL)
            apr_pool_destroy(pool);
        return;
    }
    memcpy(copy, data, length);   /* the provider's argument is not const */
    if (cache_enter(cache)) {
        (void)cache->provider->store(cache->instance, cache->server, key, IIIF_HASH_BYTES, apr_time_now() + KEEP_FOR, copy,
                                     (unsigned int)length, pool);
        cache_leave(cache);
    }
    apr_pool_destroy(pool);
}

/* --- life ----------------------------------------------------------------------------------------- */

static apr_status_t cache_close(void *data)
{
    h_socache_t *cache = data;

    cache->provider->destroy(cache->instance, cache->server);
    return APR_SUCCESS;
}

static bool open_failed(server_rec *server, apr_status_t status, const char *spec)
{
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, status, server,
                 "IIIF6060: the cache of IIIFFactsCache (%s) cannot be opened; correct the directive, or write none", spec);
    return false;
}

bool h_socache_open(const char *specification, server_rec *server, apr_pool_t *pconf, apr_pool_t *ptemp,
                    svc_facts_shared_t **out)
{
    static const struct ap_socache_hints hints = { IIIF_HASH_BYTES, 300, KEEP_FOR };
    const char *spec = h_socache_effective(specification), *name, *sentence;
    h_socache_t *cache = apr_pcalloc(pconf, sizeof(*cache));
    apr_status_t status;

    *out = NULL;
    if (strcasecmp(spec, NO_CACHE) == 0)
        return true;
    cache->server = server;
    cache->provider = provider_of(spec, ptemp, &name);
    if (cache->provider == NULL)
        return open_failed(server, APR_NOTFOUND, spec);
    sentence = cache->provider->create(&cache->instance, arguments_of(name, spec, pconf), ptemp, pconf);
    if (sentence != NULL)
        return open_failed(server, APR_EINVAL, sentence);
    if ((cache->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) != 0) {
        status = ap_global_mutex_create(&cache->mutex, NULL, MUTEX_TYPE, NULL, server, pconf, 0);
        if (status != APR_SUCCESS)
            return open_failed(server, status, spec);
    }
    status = cache->provider->init(cache->instance, CACHE_NAME, &hints, server, pconf);
    if (status != APR_SUCCESS)
        return open_failed(server, status, spec);
    apr_pool_cleanup_register(pconf, cache, cache_close, apr_pool_cleanup_null);
    *out = apr_pcalloc(pconf, sizeof(**out));
    (*out)->fetch = fetch;
    (*out)->store = store;
    (*out)->context = cache;
    return true;
}

void h_socache_child(svc_facts_shared_t *shared, apr_pool_t *pchild)
{
    h_socache_t *cache = shared->context;
    apr_status_t status;

    if (cache->mutex == NULL)
        return;
    status = apr_global_mutex_child_init(&cache->mutex, apr_global_mutex_lockfile(cache->mutex), pchild);
    if (status == APR_SUCCESS)
        return;
    ap_log_error(APLOG_MARK, APLOG_WARNING, status, cache->server,
                 "IIIF6061: a child cannot use the lock of IIIFFactsCache and works without that cache; see the Mutex "
                 "directive for \"" MUTEX_TYPE "\"");
    shared->fetch = NULL;
    shared->store = NULL;
}
