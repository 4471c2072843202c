/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The private glue header: one record for each request, and the functions that the files of this layer offer each
 * other.
 */
#ifndef H_IIIF_H
#define H_IIIF_H

#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include "../api/iiif_info.h"
#include "../svc/svc_facts.h"
#include "h_conf.h"

/** What r->handler says of our requests. */
#define H_HANDLER "iiif"
/** What every address of ours understands. */
#define H_METHODS "GET, HEAD, OPTIONS"
/** Beside a master. */
#define H_SIDECAR_SUFFIX ".iiif.json"

/** What a path below the prefix of a Location is. Other services of the fixed layout add theirs. */
typedef enum h_kind {
    H_KIND_NONE,      /**< below the prefix, but nothing that is served: 404 */
    H_KIND_IMAGE      /**< Image API: base, info.json or image, see req.kind */
} h_kind;

typedef struct h_master h_master_t;

/** Everything known of one request; lives in r->request_config. */
typedef struct h_req {
    const h_dir_t *dir;          /**< of the Location that routed it (not of the file's directory) */
    h_kind kind;
    const char *path;            /**< of the URI, normalised, still encoded */
    const char *encoded;         /**< path below the prefix, normalised, still encoded, without the leading slash */
    const char *decoded_uri;     /**< r->uri as routing left it: another value means that somebody rewrote it */
    iiif_version version;
    const char *version_segment; /**< "2/", "3/", or "" where the Location is an image service alone */
    iiif_req_t req;
    iiif_rc parse_rc;            /**< reported in the handler, after authorisation */
    iiif_err_t parse_err;
    svc_source_t source;
    iiif_rc resolve_rc;          /**< likewise */
    iiif_err_t resolve_err;
    bool resolved;               /**< source, resolve_rc and resolve_err hold */
    bool placed;                 /**< translate_name set r->filename, so the core walks the directories above it */
    bool is_virtual;             /**< that name is no file: nothing to walk */
    const char *sentence;        /**< of h_respond_error, for the body of the answer */
    h_master_t *master;          /**< once h_master_get was called */
} h_req_t;

/* h_route.c */
int h_route_pre_translate(request_rec *r);
int h_route_translate(request_rec *r);
int h_route_map_to_storage(request_rec *r);
int h_route_type_checker(request_rec *r);
int h_route_fixups(request_rec *r);
/**
 * The record of this request; NULL where it is not ours to answer: it lies below no service, or mod_rewrite gave it
 * to something else. Never anything for what no directory walk has judged.
 */
h_req_t *h_route_get(request_rec *r);
/** Likewise, already from pre_translate_name on: for errors that come before the request is placed. */
h_req_t *h_route_peek(request_rec *r);
/** Finds the master, once. */
void h_route_resolve(request_rec *r, h_req_t *req);

/* h_base.c */
/** Public base URI of a Location: scheme://host[:port]/prefix, no trailing slash. */
const char *h_base_uri(request_rec *r, const h_dir_t *dir);
/** Base URI of the request's image service: h_base_uri / version / identifier, encoded as published. */
const char *h_base_image(request_rec *r, const h_req_t *req);
/** Likewise for another identifier (decoded) of the same service. */
const char *h_base_identifier(request_rec *r, const h_req_t *req, const char *identifier, uint32_t page);
/** The identifier of the request encoded as this service publishes it. */
const char *h_base_encoded(request_rec *r, const h_req_t *req);

/* h_host.c */
/** Notes which virtual hosts declare a ServerName (post_config hook). */
int h_host_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *server);
/** host[:port] that URIs of this request's virtual host show, by UseCanonicalName and the Host header. */
const char *h_host_authority(request_rec *r, const char *scheme);

/* h_forward.c */
/** What a trusted proxy said of the request as the client made it. NULL: nothing. */
typedef struct h_forward {
    const char *scheme;          /**< "http" or "https" */
    const char *authority;       /**< host[:port] */
    const char *prefix;          /**< path that the proxy took away, "/…" without trailing slash */
} h_forward_t;
void h_forward_read(request_rec *r, h_forward_t *forward);

/* h_cors.c */
/** CORS headers for every answer, preflight answered before authorisation (header_parser hook). */
int h_cors_header_parser(request_rec *r);
/** From err_headers_out, where they survive errors, to headers_out, where a cache finds them once (insert_filter hook). */
void h_cors_insert_filter(request_rec *r);
/** Sets them in err_headers_out, for an answer that ends in an error or a redirect. */
void h_cors_for_error(request_rec *r, const h_dir_t *dir);

/* h_problem.c */
/** Answers an error: status, log line with IIIF id and file, sentence for the client, Retry-After. */
int h_respond_error(request_rec *r, h_req_t *req, const iiif_err_t *err);
/** Likewise with another status than the kind's. */
int h_respond_status(request_rec *r, h_req_t *req, const iiif_err_t *err, int status);
/** Likewise for a master that its broken sidecar withholds: 503, and the log names the sidecar. */
int h_respond_withheld(request_rec *r, h_req_t *req, const iiif_err_t *err);
/** Makes error bodies: JSON at info.json, else HTML with our sentence (insert_error_filter hook). */
void h_problem_insert_error_filter(request_rec *r);
void h_problem_register(void);

/* h_respond.c */
/** Allow + 405 for other methods than GET, HEAD, OPTIONS; OK else. OPTIONS is answered (DONE). */
int h_respond_method(request_rec *r, h_req_t *req);
/** Sets ETag, Last-Modified, Cache-Control, then ap_meets_conditions (which may be 304, 412). */
int h_respond_validators(request_rec *r, const h_req_t *req, const uint8_t hash[IIIF_HASH_BYTES], bool weak,
                         apr_time_t modified);
void h_respond_link(request_rec *r, const char *uri, const char *rel);
/** A redirect to an absolute URI (the query is carried over); `status` is returned. */
int h_respond_redirect(request_rec *r, const h_req_t *req, const char *uri, int status);
/** Content-Disposition: inline, with a file name made of the identifier and the canonical parameters (RFC 6266). */
void h_respond_filename(request_rec *r, const h_req_t *req, const char *canonical);

/* h_bucket.c */
typedef struct h_bucket_sink h_bucket_sink_t;
/** Called around each write that may block on a slow client, once the response streams. May be NULL. */
typedef struct h_bucket_pause {
    void (*pause)(void *context);
    iiif_rc (*resume)(void *context, iiif_err_t *err);
    void *context;
} h_bucket_pause_t;
/** An encoder sink into the output filters: buffered up to 512 KiB (Content-Length, Range), then streamed. */
h_bucket_sink_t *h_bucket_open(request_rec *r, const h_bucket_pause_t *pause, iiif_sink_t *sink);
/** The whole body has come. httpd status to return from the handler. */
int h_bucket_finish(h_bucket_sink_t *bucket);
/** After an error: true where nothing has left yet, so that a status can still be sent. Else the response is cut (error bucket). */
bool h_bucket_abandon(h_bucket_sink_t *bucket);
/** Bytes that the encoder has given. */
apr_off_t h_bucket_bytes(const h_bucket_sink_t *bucket);
/** For iiif_cancel_t.gone: context is the request_rec. */
bool h_bucket_client_gone(void *request);

/* h_master.c: the master of a request, with its memory budget and its time; closed with the request's pool. */
struct h_master {
    request_rec *r;
    h_req_t *req;
    iiif_mem_t mem;
    iiif_cancel_t cancel;
    iiif_work_t work;
    iiif_limits_t limits;
    iiif_src_t *src;             /**< once opened */
    iiif_dec_t *dec;             /**< once opened */
};
h_master_t *h_master_get(request_rec *r, h_req_t *req);
/** Its facts, from the caches where they are; else by opening it (headers only). */
iiif_rc h_master_facts(h_master_t *master, iiif_facts_t *facts, iiif_err_t *err);
/** Opens the decoder where it is not open yet. */
iiif_rc h_master_open(h_master_t *master, iiif_err_t *err);
void h_master_close(h_master_t *master);

/* h_sidecar.c */
typedef struct h_sidecar {
    json_t *json;                /**< NULL where there is none; freed with the request's pool */
    apr_time_t modified;
} h_sidecar_t;
/** Reads the master's sidecar. One that cannot be read or parsed withholds the master: h_respond_withheld. */
iiif_rc h_sidecar_read(request_rec *r, h_req_t *req, h_sidecar_t *sidecar, iiif_err_t *err);

/* h_admit.c: a place among the renders. */
typedef struct h_admission {
    h_master_t *master;
    unsigned weight;
    bool small;
    bool held;
    uint64_t ticket;
    uint64_t paused_ns;          /**< since when its client makes us wait; 0: not */
    bool aside;                  /**< among the waiters while another render does its work */
} h_admission_t;
/** Waits for a place according to the plan's cost. IIIF_E_BUSY, IIIF_E_TIMEOUT, IIIF_E_CANCELLED. */
iiif_rc h_admit_acquire(h_admission_t *admission, h_master_t *master, const iiif_plan_t *plan, iiif_err_t *err);
void h_admit_release(h_admission_t *admission);
/** Gives the place back while a slow client blocks the stream, for h_bucket_open. */
void h_admit_pausing(h_admission_t *admission, h_bucket_pause_t *pause);
/** Leaves the place to others while another render does our work. Its time runs on. `context` is the admission. */
void h_admit_step_aside(void *context);
iiif_rc h_admit_step_back(void *context, iiif_err_t *err);

/* h_blocks.c: decoded blocks of a master, shared by all children (IIIFPixelCache). */
/** Lets the open master's decoder use the cache, where there is one and the master is fit for it. */
void h_blocks_use(h_admission_t *admission, h_master_t *master);

/* handlers */
int h_handler(request_rec *r);                                /**< the hook; dispatches */
int h_image_handler(request_rec *r, h_req_t *req);
int h_info_handler(request_rec *r, h_req_t *req);
/** What this service says of itself for this request; `sidecar` may be NULL. */
void h_info_params(request_rec *r, const h_req_t *req, const json_t *sidecar, iiif_info_params_t *params);

#endif
