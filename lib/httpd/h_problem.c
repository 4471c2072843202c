/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Errors as answers: the status goes through httpd's own error machinery, so that an ErrorDocument is the site's;
 * where there is none the body is made here. At info.json it is JSON, because viewers parse whatever comes from
 * there; elsewhere HTML with our sentence, which the core shows for some statuses only.
 */
#include "h_iiif.h"

#include <apr_strings.h>
#include <mod_core.h>

APLOG_USE_MODULE(iiif);

#define FILTER_NAME "IIIF_PROBLEM"
/* Never sent: the client has gone. As nginx writes it into access logs. */
#define CLIENT_CLOSED 499

static int level_of(iiif_rc kind)
{
    switch (kind) {
    case IIIF_E_CANCELLED:
        return APLOG_DEBUG;
    case IIIF_E_BAD_REQUEST:
    case IIIF_E_NOT_FOUND:
    case IIIF_E_UNSUPPORTED:
        return APLOG_INFO;
    case IIIF_E_TOO_LARGE:
    case IIIF_E_NO_MEMORY:
    case IIIF_E_TIMEOUT:
    case IIIF_E_BUSY:
        return APLOG_WARNING;
    default:
        return APLOG_ERR;
    }
}

static void log_error(request_rec *r, const h_req_t *req, const iiif_err_t *err, int level, const char *suffix)
{
    size_t length = strlen(err->detail);
    const char *path = req->source.path;

    if (length > 0 && err->detail[length - 1] == '.')
        length--;
    ap_log_rerror(APLOG_MARK, level, 0, r, "IIIF%04d: %.*s: identifier %.*s, file %s%s", err->id, (int)length,
                  err->detail, (int)req->req.identifier.length,
                  req->req.identifier.data != NULL ? req->req.identifier.data : "", path != NULL ? path : "-",
                  path != NULL ? suffix : "");
}

/* Nobody is there to read an answer. */
static int answer_nobody(request_rec *r)
{
    r->connection->aborted = 1;
    r->connection->keepalive = AP_CONN_CLOSE;
    r->no_cache = 1;
    r->status = CLIENT_CLOSED;
    return DONE;
}

static int answer(request_rec *r, h_req_t *req, const iiif_err_t *err, int status)
{
    req->sentence = apr_pstrdup(r->pool, err->detail);
    apr_table_setn(r->notes, "iiif-error", apr_psprintf(r->pool, "IIIF%04d", err->id));
    apr_table_setn(r->notes, "error-notes", ap_escape_html(r->pool, err->detail));
    apr_table_setn(r->notes, "verbose-error-to", "*");
    h_cors_for_error(r, req->dir);
    return status;
}

int h_respond_error(request_rec *r, h_req_t *req, const iiif_err_t *err)
{
    log_error(r, req, err, level_of(err->kind), "");
    if (err->kind == IIIF_E_CANCELLED)
        return answer_nobody(r);
    if (err->kind == IIIF_E_BUSY || err->kind == IIIF_E_NO_MEMORY || err->kind == IIIF_E_TIMEOUT)
        apr_table_setn(r->err_headers_out, "Retry-After", apr_psprintf(r->pool, "%u", h_life_retry_after()));
    return answer(r, req, err, iiif_err_status(err->kind));
}

int h_respond_status(request_rec *r, h_req_t *req, const iiif_err_t *err, int status)
{
    log_error(r, req, err, level_of(err->kind), "");
    return answer(r, req, err, status);
}

int h_respond_withheld(request_rec *r, h_req_t *req, const iiif_err_t *err)
{
    log_error(r, req, err, APLOG_ERR, H_SIDECAR_SUFFIX);
    return answer(r, req, err, HTTP_SERVICE_UNAVAILABLE);
}

/* --- bodies ------------------------------------------------------------------------------------------------- */

static bool is_info(const h_req_t *req)
{
    return req->kind == H_KIND_IMAGE && req->req.kind == IIIF_REQUEST_INFO;
}

/* With the members of RFC 9457, as plain JSON: that media type is what viewers ask for. */
static const char *json_body(request_rec *r, const char *sentence)
{
    const char *title = ap_get_status_line(r->status), *body = NULL;
    json_t *json = json_object();
    char *text = NULL;

    if (json == NULL)
        return NULL;
    if (json_object_set_new(json, "status", json_integer(r->status)) == 0 &&
        json_object_set_new(json, "title", json_string(strlen(title) > 4 ? title + 4 : title)) == 0 &&
        (sentence == NULL || json_object_set_new(json, "detail", json_string(sentence)) == 0))
        text = json_dumps(json, JSON_PRESERVE_ORDER | JSON_INDENT(2));
    if (text != NULL)
        body = apr_pstrcat(r->pool, text, "\n", NULL);
    free(text);
    json_decref(json);
    return body;
}

static const char *html_body(request_rec *r, const char *sentence)
{
    const char *title = ap_get_status_line(r->status);

    return apr_pstrcat(r->pool, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>", title,
                       "</title></head>\n<body>\n<h1>", strlen(title) > 4 ? title + 4 : title, "</h1>\n<p>",
                       ap_escape_html(r->pool, sentence), "</p>\n</body>\n</html>\n", NULL);
}

/* The core lists TRACE whatever we serve, and sends Allow with 501, where it means nothing. */
static void mend_allow(request_rec *r)
{
    if (r->status == HTTP_METHOD_NOT_ALLOWED)
        apr_table_setn(r->headers_out, "Allow", H_METHODS);
    else
        apr_table_unset(r->headers_out, "Allow");
}

/* APR's ring macros cast a qualifier away. */
#pragma GCC diagnostic ignored "-Wcast-qual"

/* Puts our body in the place of the core's. */
static apr_status_t problem_filter(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    const char *body = f->ctx;
    request_rec *r = f->r;
    apr_bucket *end = NULL;

    for (apr_bucket *b = APR_BRIGADE_FIRST(brigade); b != APR_BRIGADE_SENTINEL(brigade) && end == NULL;
         b = APR_BUCKET_NEXT(b)) {
        if (APR_BUCKET_IS_EOS(b))
            end = b;
    }
    if (end == NULL) {
        apr_brigade_cleanup(brigade);
        return APR_SUCCESS;
    }
    while (APR_BRIGADE_FIRST(brigade) != end)
        apr_bucket_delete(APR_BRIGADE_FIRST(brigade));
    ap_set_content_type(r, body[0] == '{' ? "application/json" : "text/html; charset=utf-8");
    apr_table_unset(r->headers_out, "Content-Length");
    mend_allow(r);
    if (!r->header_only)
        APR_BUCKET_INSERT_BEFORE(end, apr_bucket_pool_create(body, strlen(body), r->pool, f->c->bucket_alloc));
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, brigade);
}

void h_problem_insert_error_filter(request_rec *r)
{
    h_req_t *req = h_route_peek(r);
    const char *body = NULL;

    if (req == NULL || r->main != NULL || r->status == HTTP_NOT_MODIFIED || r->status == HTTP_NO_CONTENT)
        return;
    h_cors_for_error(r, req->dir);
    /* Redirects keep the core's body; an ErrorDocument is the site's own. */
    if (r->status < HTTP_BAD_REQUEST || ap_response_code_string(r, ap_index_of_response(r->status)) != NULL)
        return;
    if (is_info(req))
        body = json_body(r, req->sentence);
    else if (req->sentence != NULL)
        body = html_body(r, req->sentence);
    if (body != NULL)
        ap_add_output_filter(FILTER_NAME, apr_pstrdup(r->pool, body), r, r->connection);
}

void h_problem_register(void)
{
    ap_register_output_filter(FILTER_NAME, problem_filter, NULL, AP_FTYPE_RESOURCE);
}
