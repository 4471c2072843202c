/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The public base URI of a service, as `id` fields, redirects and Link headers show it.
 *
 * It must be the one that clients use (Image 3.0 §5.2), whatever lies between them and this server, and the same for
 * every client of a virtual host, since documents are cached. Nothing that a stranger can send may get into it.
 */
#include "h_iiif.h"

#include <apr_strings.h>

APLOG_USE_MODULE(iiif);

static const char *without_slash(apr_pool_t *pool, const char *uri)
{
    size_t length = strlen(uri);

    while (length > 0 && uri[length - 1] == '/')
        length--;
    return apr_pstrmemdup(pool, uri, length);
}

/* Percent-encoded; the output is never longer than three times the input. */
static const char *encode(apr_pool_t *pool, const char *text, size_t length, bool keep_slash)
{
    size_t capacity = 3 * length + 1, out_length;
    char *out = apr_palloc(pool, capacity);

    return iiif_percent_encode(iiif_slice_of(text, length), keep_slash, out, capacity, &out_length) ? out : "";
}

static const char *escaped_prefix(request_rec *r, const h_dir_t *dir)
{
    const char *prefix = without_slash(r->pool, dir->prefix);

    return encode(r->pool, prefix, strlen(prefix), true);
}

const char *h_base_uri(request_rec *r, const h_dir_t *dir)
{
    const char *base = h_conf_srv(r->server)->base_uri, *scheme;
    h_forward_t forward;

    /* In a section: the address of that section's service itself. */
    if (dir->base_uri != NULL && *dir->base_uri != '\0')
        return without_slash(r->pool, dir->base_uri);
    /* Outside of one: what comes before the paths of all Locations. */
    if (base != NULL && *base != '\0')
        return apr_pstrcat(r->pool, without_slash(r->pool, base), escaped_prefix(r, dir), NULL);
    h_forward_read(r, &forward);
    scheme = forward.scheme != NULL ? forward.scheme : ap_http_scheme(r);
    return apr_pstrcat(r->pool, scheme, "://",
                       forward.authority != NULL ? forward.authority : h_host_authority(r, scheme),
                       forward.prefix != NULL ? forward.prefix : "", escaped_prefix(r, dir), NULL);
}

static const char *encoded(request_rec *r, const h_req_t *req, const char *identifier, size_t length)
{
    return encode(r->pool, identifier, length, h_conf_slash_literal(req->dir));
}

const char *h_base_identifier(request_rec *r, const h_req_t *req, const char *identifier, uint32_t page)
{
    const char *whole = page == 0 ? identifier : apr_psprintf(r->pool, "%s;%u", identifier, page);

    return apr_pstrcat(r->pool, h_base_uri(r, req->dir), "/", req->version_segment,
                       encoded(r, req, whole, strlen(whole)), NULL);
}

const char *h_base_encoded(request_rec *r, const h_req_t *req)
{
    return encoded(r, req, req->req.identifier.data, req->req.identifier.length);
}

const char *h_base_image(request_rec *r, const h_req_t *req)
{
    if (req->source.identifier != NULL)
        return h_base_identifier(r, req, req->source.identifier, req->source.page);
    return apr_pstrcat(r->pool, h_base_uri(r, req->dir), "/", req->version_segment, h_base_encoded(r, req), NULL);
}
