/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An image request, in the order that must not change: facts, plan, validators (a 304 must be free), then a place
 * among the renders, and only then the decoder.
 */
#include "h_iiif.h"

#include <apr_strings.h>

APLOG_USE_MODULE(iiif);

/* Part of every ETag: raise it when the same request would give other bytes than before. */
#define RENDER_VERSION 1

typedef struct job {
    request_rec *r;
    h_req_t *req;
    h_master_t *master;
    const iiif_encoder_t *encoder;
    iiif_output_t output;
    iiif_facts_t facts;
    iiif_plan_t plan;
    h_admission_t admission;
    uint64_t started_ns;
} job_t;

static iiif_rc find_encoder(job_t *job, iiif_err_t *err)
{
    job->encoder = iiif_encoder_find(job->req->req.format);
    if (job->encoder == NULL || !h_conf_format(job->req->dir, job->encoder))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 6250,
                            "The format \"%s\" is not served here; info.json lists those that are.",
                            job->req->req.format);
    return IIIF_OK;
}

static iiif_rc make_plan(job_t *job, iiif_err_t *err)
{
    iiif_rc rc = find_encoder(job, err);

    if (rc == IIIF_OK)
        rc = h_master_facts(job->master, &job->facts, err);
    if (rc == IIIF_OK)
        rc = iiif_render_plan(&job->req->req, &job->facts, &job->master->limits, job->encoder, &job->plan, err);
    return rc;
}

static void add_number(iiif_hash_t *hash, uint64_t number)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    iiif_hash_add(hash, bytes, sizeof(bytes));
}

/*
 * Everything that the bytes depend on, known before decoding. Of the master: size and time, not its inode, which
 * differs from machine to machine behind one address.
 */
static void validator(const job_t *job, uint8_t digest[IIIF_HASH_BYTES])
{
    const svc_source_t *source = &job->req->source;
    const iiif_output_t *output = &job->output;
    iiif_hash_t hash;

    iiif_hash_init(&hash);
    add_number(&hash, RENDER_VERSION);
    iiif_hash_add_field(&hash, source->identifier, strlen(source->identifier));
    add_number(&hash, source->page);
    add_number(&hash, source->size);
    add_number(&hash, (uint64_t)source->mtime_us);
    add_number(&hash, (uint64_t)job->req->version);
    iiif_hash_add_field(&hash, job->plan.canonical, strlen(job->plan.canonical));
    add_number(&hash, (uint64_t)output->jpeg_quality);
    add_number(&hash, (uint64_t)output->jpeg_chroma);
    add_number(&hash, (uint64_t)output->webp_quality);
    add_number(&hash, (uint64_t)output->png_level);
    add_number(&hash, output->progressive_above);
    add_number(&hash, (uint64_t)output->color);
    add_number(&hash, iiif_color_available());
    add_number(&hash, (uint64_t)output->bitonal);
    add_number(&hash, output->threshold);
    iiif_hash_add(&hash, output->background, sizeof(output->background));
    iiif_hash_end(&hash, digest);
}

static int headers(job_t *job)
{
    uint8_t digest[IIIF_HASH_BYTES];
    iiif_info_params_t params;
    request_rec *r = job->r;

    h_info_params(r, job->req, NULL, &params);
    h_respond_link(r, apr_pstrcat(r->pool, params.id, "/", job->plan.canonical, NULL), "canonical");
    h_respond_link(r, iiif_info_level(job->req->version, &job->facts, &job->master->limits, &params), "profile");
    ap_set_content_type(r, job->encoder->media_type);
    h_respond_filename(r, job->req, job->plan.canonical);
    validator(job, digest);
    return h_respond_validators(r, job->req, digest, false, (apr_time_t)job->req->source.mtime_us);
}

static void note_end(const job_t *job, const char *stage)
{
    request_rec *r = job->r;
    unsigned ms = (unsigned)((iiif_now_ns() - job->started_ns) / 1000000u);

    apr_table_setn(r->notes, "iiif-stage", stage);
    apr_table_setn(r->notes, "iiif-ms", apr_psprintf(r->pool, "%u", ms));
    apr_table_setn(r->notes, "iiif-peak", apr_psprintf(r->pool, "%" APR_SIZE_T_FMT, job->master->mem.peak));
}

static void note_plan(const job_t *job)
{
    request_rec *r = job->r;

    apr_table_setn(r->notes, "iiif-stage", "plan");
    apr_table_setn(r->notes, "iiif-level", apr_psprintf(r->pool, "%u", job->plan.level));
    apr_table_setn(r->notes, "iiif-cost", apr_psprintf(r->pool, "%.0f", job->plan.cost));
}

/* With a place among the renders. */
static int render(job_t *job)
{
    iiif_err_t err = {0};
    h_bucket_pause_t pause;
    h_bucket_sink_t *bucket;
    iiif_sink_t sink;
    iiif_rc rc;

    h_admit_pausing(&job->admission, &pause);
    bucket = h_bucket_open(job->r, &pause, &sink);
    rc = h_master_open(job->master, &err);
    if (rc == IIIF_OK) {
        h_blocks_use(&job->admission, job->master);
        rc = iiif_render(job->master->dec, &job->plan, job->encoder, &job->output, &sink, &err);
    }
    h_admit_release(&job->admission);
    h_master_close(job->master);
    note_end(job, rc == IIIF_OK ? "done" : "render");
    if (rc == IIIF_OK)
        return h_bucket_finish(bucket);
    if (h_bucket_abandon(bucket))
        return h_respond_error(job->r, job->req, &err);
    /* A status can no longer be sent. */
    (void)h_respond_error(job->r, job->req, &err);
    return rc == IIIF_E_CANCELLED ? DONE : AP_FILTER_ERROR;
}

static int admit_and_render(job_t *job)
{
    iiif_err_t err = {0};

    apr_table_setn(job->r->notes, "iiif-stage", "queue");
    if (h_admit_acquire(&job->admission, job->master, &job->plan, &err) != IIIF_OK)
        return h_respond_error(job->r, job->req, &err);
    job->started_ns = iiif_now_ns();
    return render(job);
}

int h_image_handler(request_rec *r, h_req_t *req)
{
    job_t *job = apr_pcalloc(r->pool, sizeof(*job));
    h_sidecar_t sidecar;
    iiif_err_t err = {0};
    int status;

    job->r = r;
    job->req = req;
    job->master = h_master_get(r, req);
    h_conf_output(req->dir, &job->output);
    apr_table_setn(r->notes, "iiif-stage", "facts");
    /* Only whether it can be read: one that cannot withholds the image. */
    if (h_sidecar_read(r, req, &sidecar, &err) != IIIF_OK)
        return h_respond_withheld(r, req, &err);
    if (make_plan(job, &err) != IIIF_OK)
        return h_respond_error(r, req, &err);
    note_plan(job);
    status = headers(job);
    if (status != OK)
        return status;
    if (r->header_only)
        return OK;
    return admit_and_render(job);
}
