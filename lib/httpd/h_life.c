/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What lives as long as the server, or as one of its children. The only state of this layer; the module stays mapped over a
 * reload (it is linked nodelete), so pre_config forgets what the configuration before it left here.
 */
#include <apr_strings.h>
#include <http_protocol.h>
#include <jansson.h>
#include <mod_status.h>

#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "h_conf.h"
#include "h_socache.h"
#include "../svc/svc_facts.h"

APLOG_USE_MODULE(iiif);

/* What each arena of the allocator may keep for the next picture. */
#define KEEP_BYTES (4 * 1024 * 1024)

/* Facts of this many masters in each child, some 900 bytes each; untouched entries cost nothing. */
#define FACTS_PER_CHILD 2048

static struct {
    svc_gate_t *gate;
    svc_pixels_t *pixels;
    svc_facts_shared_t *shared;
    svc_facts_t *facts;          /* child only */
    unsigned slots, retry_after;
} life;

int h_life_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    apr_status_t status;

    memset(&life, 0, sizeof(life));
    status = h_socache_register(pconf);
    if (status == APR_SUCCESS)
        return OK;
    ap_log_perror(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, status, plog,
                  "IIIF6050: the lock of the cache of facts cannot be registered");
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* A worker that renders or waits serves nothing else; the rest must suffice for what needs no rendering. */
static void warn_of_few_workers(server_rec *server, const svc_gate_options_t *options)
{
    int daemons = 0, threads = 0, workers;

    if (ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &daemons) != APR_SUCCESS
        || ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS || daemons <= 0)
        return;
    workers = daemons * (threads > 0 ? threads : 1);
    if (options->slots + options->waiters < (unsigned)workers)
        return;
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server,
                 "IIIF6051: rendering may occupy all %d workers (%u slots and %u that wait): raise MaxRequestWorkers, or lower "
                 "IIIFRenderSlots or waiters= of IIIFQueue", workers, options->slots, options->waiters);
}

static bool gate_open(apr_pool_t *pconf, server_rec *server)
{
    const h_srv_t *srv = h_conf_srv(server);
    svc_gate_options_t options;
    apr_status_t status;

    h_conf_gate(srv, &options);
    status = svc_gate_create(&life.gate, &options, pconf);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, status, server,
                     "IIIF6052: there is no shared memory for %u render slots and %u that wait; lower IIIFRenderSlots or "
                     "IIIFQueue", options.slots, options.waiters);
        return false;
    }
    life.slots = options.slots;
    life.retry_after = h_conf_retry_after(srv);
    warn_of_few_workers(server, &options);
    return true;
}

/* A cache is only a cache: without it every image is still served. */
static void pixels_open(apr_pool_t *pconf, server_rec *server)
{
    uint64_t bytes = h_conf_pixel_cache(h_conf_srv(server));
    apr_status_t status;

    if (bytes == 0)
        return;
    status = svc_pixels_create(&life.pixels, bytes, pconf);
    if (status != APR_SUCCESS)
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, server,
                     "IIIF6500: there is no shared memory for the %" APR_UINT64_T_FMT " MiB of IIIFPixelCache, and images are made "
                     "without; lower it, or say off", (apr_uint64_t)(bytes >> 20));
}

int h_life_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *server)
{
    /* The first of two passes at start: its pools are cleared again. */
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    /* Once, before there are threads; jansson would do it later, racing with itself. */
    json_object_seed(0);
    if (!gate_open(pconf, server) || !h_socache_open(h_conf_srv(server)->facts_cache, server, pconf, ptemp, &life.shared))
        return HTTP_INTERNAL_SERVER_ERROR;
    pixels_open(pconf, server);
    return OK;
}

/*
 * Pictures come and go by megabytes, in any of many threads. Left alone, glibc raises its threshold for giving memory back to the
 * largest block it has seen freed, and each of its arenas then keeps as much: hundreds of megabytes in a child that serves tiles. An
 * administrator's own setting counts.
 */
static void give_memory_back(void)
{
#ifdef __GLIBC__
    if (getenv("MALLOC_TRIM_THRESHOLD_") == NULL && getenv("MALLOC_MMAP_THRESHOLD_") == NULL
        && getenv("GLIBC_TUNABLES") == NULL)
        (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
#endif
}

void h_life_child_init(apr_pool_t *pchild, server_rec *server)
{
    apr_status_t status = svc_facts_create(&life.facts, FACTS_PER_CHILD, pchild);

    give_memory_back();
    if (status != APR_SUCCESS) {
        life.facts = NULL;
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, server,
                     "IIIF6053: a child has no cache of facts and reads each master's header anew");
    }
    if (life.shared != NULL)
        h_socache_child(life.shared, pchild);
}

void h_life_child_status(server_rec *server, pid_t pid, ap_generation_t generation, int slot, mpm_child_status status)
{
    unsigned freed;

    if (status != MPM_CHILD_EXITED || life.gate == NULL)
        return;
    if (life.pixels != NULL)
        (void)svc_pixels_sweep(life.pixels, pid);
    freed = svc_gate_sweep(life.gate, pid);
    if (freed > 0)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, server,
                     "IIIF6054: child %" APR_PID_T_FMT " ended while rendering; %u render slots are free again", pid, freed);
}

static void status_of_pixels(request_rec *r, bool is_short)
{
    svc_pixels_state_t state;

    if (life.pixels == NULL)
        return;
    svc_pixels_state(life.pixels, &state);
    ap_rprintf(r, is_short ? "IIIFPixelBytes: %" APR_UINT64_T_FMT "\nIIIFPixelUsed: %" APR_UINT64_T_FMT "\nIIIFPixelHits: %"
                             APR_UINT64_T_FMT "\nIIIFPixelMisses: %" APR_UINT64_T_FMT "\nIIIFPixelWaits: %" APR_UINT64_T_FMT
                             "\nIIIFPixelEvictions: %" APR_UINT64_T_FMT "\n"
                           : "<dl>\n<dt>Cache of decoded blocks: %" APR_UINT64_T_FMT " bytes, used: %" APR_UINT64_T_FMT
                             "</dt>\n<dt>Blocks found: %" APR_UINT64_T_FMT ", decoded: %" APR_UINT64_T_FMT
                             ", waited for: %" APR_UINT64_T_FMT ", thrown out: %" APR_UINT64_T_FMT "</dt>\n</dl>\n",
               (apr_uint64_t)state.bytes, (apr_uint64_t)state.used, (apr_uint64_t)state.hits, (apr_uint64_t)state.misses,
               (apr_uint64_t)state.waits, (apr_uint64_t)state.evictions);
}

int h_life_status(request_rec *r, int flags)
{
    svc_gate_state_t state;

    if (life.gate == NULL)
        return DECLINED;
    svc_gate_state(life.gate, &state);
    if ((flags & AP_STATUS_SHORT) != 0) {
        ap_rprintf(r, "IIIFSlots: %u\nIIIFBusy: %u\nIIIFWaiting: %u\nIIIFAdmitted: %" APR_UINT64_T_FMT "\nIIIFRefused: %"
                   APR_UINT64_T_FMT "\n", state.slots, state.busy, state.waiting, (apr_uint64_t)state.admitted,
                   (apr_uint64_t)state.refused);
        status_of_pixels(r, true);
        return OK;
    }
    ap_rprintf(r, "<hr />\n<h2>IIIF images</h2>\n<dl>\n<dt>Render slots: %u, busy: %u</dt>\n<dt>Requests that wait: %u</dt>\n"
               "<dt>Admitted: %" APR_UINT64_T_FMT ", refused: %" APR_UINT64_T_FMT "</dt>\n</dl>\n", state.slots, state.busy,
               state.waiting, (apr_uint64_t)state.admitted, (apr_uint64_t)state.refused);
    status_of_pixels(r, false);
    return OK;
}

svc_gate_t *h_life_gate(void)
{
    return life.gate;
}

svc_pixels_t *h_life_pixels(void)
{
    return life.pixels;
}

struct svc_facts *h_life_facts(void)
{
    return life.facts;
}

const struct svc_facts_shared *h_life_facts_shared(void)
{
    return life.shared;
}

unsigned h_life_retry_after(void)
{
    return life.retry_after > 0 ? life.retry_after : 1;
}

unsigned h_life_slots(void)
{
    return life.slots;
}
