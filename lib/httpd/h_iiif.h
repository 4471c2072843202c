/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The private glue header: one record for each request, and the functions that the files of this layer offer each other.
 */
#ifndef H_IIIF_H
#define H_IIIF_H

#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include "../api/iiif_info.h"
#include "../svc/svc_facts.h"
#include "h_conf.h"

/** What a path below the prefix of a Location is. Other services of the fixed layout add theirs. */
typedef enum h_kind {
    H_KIND_NONE,      /**< below the prefix, but nothing that is served: 404 */
    H_KIND_IMAGE      /**< Image API: base, info.json or image, see req.kind */
} h_kind;

/** Everything known of one request; lives in r->request_config. */
typedef struct h_req {
    const h_dir_t *dir;          /**< of the Location that routed it (not of the file's directory) */
    h_kind kind;
    const char *encoded;         /**< path below the prefix, normalised, still encoded */
    const char *decoded_uri;     /**< r->uri as routing left it: another value means that somebody rewrote it */
    iiif_version version;
    const char *version_segment; /**< "2/", "3/", or "" where the Location is an image service alone */
    iiif_req_t req;
    iiif_rc parse_rc;            /**< reported in the handler, after authorisation */
    iiif_err_t parse_err;
    svc_source_t source;
    iiif_rc resolve_rc;          /**< likewise */
    iiif_err_t resolve_err;
} h_req_t;

/* h_route.c */
int h_route_pre_translate(request_rec *r);
int h_route_translate(request_rec *r);
int h_route_map_to_storage(request_rec *r);
int h_route_type_checker(request_rec *r);
int h_route_fixups(request_rec *r);
/** The record of this request, made or made anew where needed; NULL where the request is not ours. */
h_req_t *h_route_get(request_rec *r);

/* h_base.c */
/** scheme://host[:port] + prefix, no trailing slash (architecture: public base URI). */
const char *h_base_uri(request_rec *r, const h_dir_t *dir);
/** Base URI of the request's image service: h_base_uri / version / identifier, encoded as published. */
const char *h_base_image(request_rec *r, const h_req_t *req);

/* h_respond.c */
int h_respond_header_parser(request_rec *r);                  /**< CORS, preflight */
/** Answers an error: status, log line with IIIF id and file, sentence for the client, Retry-After. */
int h_respond_error(request_rec *r, const h_req_t *req, const iiif_err_t *err);
/** Allow + 405 for other methods than GET, HEAD, OPTIONS; OK else. OPTIONS is answered (DONE). */
int h_respond_method(request_rec *r);
/** Sets ETag, Last-Modified, Cache-Control, then ap_meets_conditions (which may be 304, 412). */
int h_respond_validators(request_rec *r, const h_req_t *req, const uint8_t hash[IIIF_HASH_BYTES], bool weak);
void h_respond_link(request_rec *r, const char *uri, const char *rel);

/* h_bucket.c */
typedef struct h_bucket_sink h_bucket_sink_t;
/** An encoder sink into the output filters: buffered up to 512 KiB (Content-Length, Range), then streamed. */
h_bucket_sink_t *h_bucket_open(request_rec *r, iiif_sink_t *sink);
/** The whole body has come. httpd status to return from the handler. */
int h_bucket_finish(h_bucket_sink_t *bucket);
/** After an error: true where nothing has left yet, so that a status can still be sent. Else the response is cut (error bucket). */
bool h_bucket_abandon(h_bucket_sink_t *bucket);
/** For iiif_cancel_t.gone: context is the request_rec. */
bool h_bucket_client_gone(void *request);

/* handlers */
int h_handler(request_rec *r);                                /**< the hook; dispatches */
int h_image_handler(request_rec *r, h_req_t *req);
int h_info_handler(request_rec *r, h_req_t *req);
/** Opens the master and gets its facts, from the caches where they are. */
iiif_rc h_master_facts(request_rec *r, const h_req_t *req, iiif_facts_t *facts, iiif_err_t *err);

#endif
