/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Cross-origin headers (Image 3.0 §7.1; Fetch standard) on every answer below a service, errors and redirects
 * included, else a browser shows an opaque network error in place of a 401 or 404.
 *
 * They are put into err_headers_out first, which is all that survives an error that the core or an access module
 * answers. Once a handler is to run they move to headers_out: a cache stores both tables and serves the stored
 * headers beside those of err_headers_out, and a doubled Access-Control-Allow-Origin is none. Error answers get them
 * back.
 */
#include "h_iiif.h"

APLOG_USE_MODULE(iiif);

/* Authorization by name: `*` does not cover it. */
#define ALLOW_HEADERS "Authorization, Accept, Content-Type, If-Match, If-Modified-Since, If-None-Match, Range"
#define EXPOSE_HEADERS "Link, ETag, Content-Length, Content-Disposition, Location, Retry-After"
#define PREFLIGHT_SECONDS "86400"

static const char *const names[] = {"Access-Control-Allow-Origin", "Access-Control-Expose-Headers",
                                    "Cross-Origin-Resource-Policy", "Vary"};

/* Another Vary, of mod_headers say, stays beside ours. */
static void vary_by_origin(request_rec *r, apr_table_t *table)
{
    const char *vary = apr_table_get(table, "Vary");

    if (vary == NULL || !ap_find_token(r->pool, vary, "Origin"))
        apr_table_mergen(table, "Vary", "Origin");
}

static void cors_set(request_rec *r, const h_dir_t *dir, apr_table_t *table)
{
    bool vary = false;
    const char *allowed = h_conf_cors(dir, apr_table_get(r->headers_in, "Origin"), &vary);

    if (vary)
        vary_by_origin(r, table);
    if (allowed == NULL)
        return;
    apr_table_set(table, "Access-Control-Allow-Origin", allowed);
    apr_table_setn(table, "Access-Control-Expose-Headers", EXPOSE_HEADERS);
    /* Pages with Cross-Origin-Embedder-Policy may show the images too. */
    if (strcmp(allowed, "*") == 0)
        apr_table_setn(table, "Cross-Origin-Resource-Policy", "cross-origin");
}

void h_cors_for_error(request_rec *r, const h_dir_t *dir)
{
    cors_set(r, dir, r->err_headers_out);
}

static bool is_preflight(const request_rec *r)
{
    return r->method_number == M_OPTIONS && apr_table_get(r->headers_in, "Origin") != NULL &&
           apr_table_get(r->headers_in, "Access-Control-Request-Method") != NULL;
}

int h_cors_header_parser(request_rec *r)
{
    h_req_t *req = h_route_get(r);

    if (req == NULL)
        return DECLINED;
    h_cors_for_error(r, req->dir);
    if (!is_preflight(r) || apr_table_get(r->err_headers_out, "Access-Control-Allow-Origin") == NULL)
        return DECLINED;
    apr_table_unset(r->err_headers_out, "Access-Control-Expose-Headers");
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Methods", H_METHODS);
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Headers", ALLOW_HEADERS);
    apr_table_setn(r->err_headers_out, "Access-Control-Max-Age", PREFLIGHT_SECONDS);
    r->status = HTTP_NO_CONTENT;
    return DONE;
}

void h_cors_insert_filter(request_rec *r)
{
    if (r->main != NULL || h_route_get(r) == NULL)
        return;
    for (size_t i = 0; i < IIIF_COUNT(names); i++) {
        const char *value = apr_table_get(r->err_headers_out, names[i]);

        if (value == NULL)
            continue;
        if (strcmp(names[i], "Vary") == 0)
            apr_table_mergen(r->headers_out, names[i], value);
        else
            apr_table_setn(r->headers_out, names[i], value);
        apr_table_unset(r->err_headers_out, names[i]);
    }
}
