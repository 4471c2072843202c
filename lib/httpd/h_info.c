/* SPDX-License-Identifier: Apache-2.0 */
/**
 * info.json (Image 3.0 §5, Image 2.1 §5).
 */
#include "h_iiif.h"

#include <apr_strings.h>
#include <scoreboard.h>

APLOG_USE_MODULE(iiif);

void h_info_params(request_rec *r, const h_req_t *req, const json_t *sidecar, iiif_info_params_t *params)
{
    bool vary = false;

    memset(params, 0, sizeof(*params));
    params->id = h_base_image(r, req);
    params->formats = h_conf_formats(req->dir, r->pool);
    params->attribution = h_conf_attribution(req->dir);
    params->rights = h_conf_rights(req->dir);
    params->logo = h_conf_logo(req->dir);
    params->sidecar = sidecar;
    /* The feature is of the service, so it must not depend on who asks: one document is cached for all. */
    params->cors = h_conf_cors(req->dir, NULL, &vary) != NULL || vary;
    params->rotation_arbitrary = true;
    params->page = req->source.page;
}

/*
 * The document changes with the master, its sidecar and the configuration, which was last read when the server
 * (re)started. Without the last, If-Modified-Since would keep an old document alive.
 */
static apr_time_t modified(const h_req_t *req, const h_sidecar_t *sidecar)
{
    const global_score *score = ap_exists_scoreboard_image() ? ap_get_scoreboard_global() : NULL;
    apr_time_t latest = (apr_time_t)req->source.mtime_us;

    if (sidecar->modified > latest)
        latest = sidecar->modified;
    if (score != NULL && score->restart_time > latest)
        latest = score->restart_time;
    return latest;
}

static int send_document(request_rec *r, const h_req_t *req, const char *text, size_t length, apr_time_t changed)
{
    iiif_info_type type = iiif_info_negotiate(req->version, apr_table_get(r->headers_in, "Accept"));
    uint8_t digest[IIIF_HASH_BYTES];
    iiif_hash_t hash;
    int status;

    iiif_hash_init(&hash);
    iiif_hash_add_field(&hash, text, length);
    iiif_hash_add_field(&hash, &type, sizeof(type));
    iiif_hash_end(&hash, digest);
    apr_table_mergen(r->headers_out, "Vary", "Accept");
    /* Weak: mod_deflate sends the same document in several encodings. */
    status = h_respond_validators(r, req, digest, true, changed);
    if (status != OK)
        return status;
    ap_set_content_type(r, iiif_info_media_type(req->version, type));
    ap_set_content_length(r, (apr_off_t)length);
    ap_rwrite(text, (int)length, r);
    return OK;
}

int h_info_handler(request_rec *r, h_req_t *req)
{
    h_master_t *master = h_master_get(r, req);
    iiif_info_params_t params;
    h_sidecar_t sidecar;
    iiif_facts_t facts;
    iiif_err_t err = {0};
    size_t length = 0;
    char *text;
    int status;

    apr_table_setn(r->notes, "iiif-stage", "info");
    if (h_sidecar_read(r, req, &sidecar, &err) != IIIF_OK)
        return h_respond_withheld(r, req, &err);
    if (h_master_facts(master, &facts, &err) != IIIF_OK)
        return h_respond_error(r, req, &err);
    h_master_close(master);
    h_info_params(r, req, sidecar.json, &params);
    h_respond_link(r, iiif_info_level(req->version, &facts, &master->limits, &params), "profile");
    text = iiif_info_write(req->version, &facts, &master->limits, &params, &length, &err);
    if (text == NULL)
        return h_respond_error(r, req, &err);
    status = send_document(r, req, text, length, modified(req, &sidecar));
    free(text);
    return status;
}
