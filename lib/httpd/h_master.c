/* SPDX-License-Identifier: Apache-2.0 */
#include "h_iiif.h"

#include <unistd.h>

APLOG_USE_MODULE(iiif);

void h_master_close(h_master_t *master)
{
    iiif_dec_close(master->dec);
    master->dec = NULL;
    iiif_src_close(master->src);
    master->src = NULL;
}

static apr_status_t cleanup(void *data)
{
    h_master_close(data);
    return APR_SUCCESS;
}

/* Counted from when the request came, in the clock that does not jump. */
static uint64_t deadline(const request_rec *r, const h_dir_t *dir)
{
    apr_interval_time_t left = r->request_time + h_conf_timeout(dir) - apr_time_now();

    /* A clock set back or forth must neither refuse everything nor allow for ever. */
    if (left < 0)
        left = 0;
    if (left > h_conf_timeout(dir))
        left = h_conf_timeout(dir);
    return iiif_now_ns() + (uint64_t)left * 1000u;
}

h_master_t *h_master_get(request_rec *r, h_req_t *req)
{
    h_master_t *master = req->master;

    if (master != NULL)
        return master;
    master = req->master = apr_pcalloc(r->pool, sizeof(*master));
    master->r = r;
    master->req = req;
    h_conf_limits(req->dir, &master->limits);
    iiif_mem_init(&master->mem, master->limits.memory);
    master->cancel.deadline_ns = deadline(r, req->dir);
    master->cancel.gone = h_bucket_client_gone;
    master->cancel.context = r;
    master->work.mem = &master->mem;
    master->work.cancel = &master->cancel;
    apr_pool_cleanup_register(r->pool, master, cleanup, apr_pool_cleanup_null);
    return master;
}

/* Whether the file is another than the one that routing found: replaced while we were waiting. */
static bool is_replaced(h_master_t *master)
{
    const h_req_t *req = master->req;
    svc_identifier_policy_t policy;
    svc_source_t now = {0};

    h_conf_identifier(req->dir, &policy);
    if (req->dir->resolver->resolve(req->dir->resolver_config, req->req.identifier, &policy, master->r->pool, &now,
                                    NULL) != IIIF_OK)
        return true;
    return now.device != req->source.device || now.inode != req->source.inode || now.size != req->source.size ||
           now.mtime_us != req->source.mtime_us;
}

static iiif_rc open_source(h_master_t *master, iiif_err_t *err)
{
    const h_req_t *req = master->req;
    int fd = -1;
    iiif_rc rc = req->dir->resolver->open(req->dir->resolver_config, &req->source, NULL, &fd, err);

    if (rc == IIIF_E_IO && is_replaced(master))
        return iiif_err_set(err, IIIF_E_BUSY, 6220, "This image is being replaced just now; ask again.");
    if (rc != IIIF_OK)
        return rc;
    rc = iiif_src_open_fd(fd, true, &master->mem, &master->src, err);
    if (rc != IIIF_OK)
        (void)close(fd);
    return rc;
}

iiif_rc h_master_open(h_master_t *master, iiif_err_t *err)
{
    const iiif_dec_options_t options = {.page = master->req->source.page != 0 ? master->req->source.page : 1,
                                        .max_source_area = master->limits.max_source_area};
    iiif_rc rc;

    if (master->dec != NULL)
        return IIIF_OK;
    rc = open_source(master, err);
    if (rc != IIIF_OK)
        return rc;
    rc = iiif_dec_open(master->src, &options, &master->work, &master->dec, err);
    if (rc != IIIF_OK) {
        master->dec = NULL;
        h_master_close(master);
    }
    return rc;
}

/* Facts are shared by all sections, whatever each may open; the decoder says what is too large for this one. */
static bool is_allowed(const h_master_t *master, const iiif_facts_t *facts)
{
    uint64_t most = master->limits.max_source_area;

    return most == 0 || (uint64_t)facts->stored_width * facts->stored_height <= most;
}

iiif_rc h_master_facts(h_master_t *master, iiif_facts_t *facts, iiif_err_t *err)
{
    const svc_source_t *source = &master->req->source;
    uint8_t key[IIIF_HASH_BYTES];
    iiif_rc rc;

    svc_facts_key(source->device, source->inode, source->size, source->mtime_us, source->page != 0 ? source->page : 1,
                  key);
    if (svc_facts_get(h_life_facts(), h_life_facts_shared(), key, facts) && is_allowed(master, facts))
        return IIIF_OK;
    rc = h_master_open(master, err);
    if (rc != IIIF_OK)
        return rc;
    *facts = master->dec->facts;
    svc_facts_put(h_life_facts(), h_life_facts_shared(), key, facts);
    return IIIF_OK;
}
