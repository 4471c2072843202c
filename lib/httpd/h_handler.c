/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The content handler: what routing found out is reported here, after authorisation has spoken.
 */
#include "h_iiif.h"

#include <apr_lib.h>
#include <apr_strings.h>

APLOG_USE_MODULE(iiif);

/* The escapes of an encoded identifier with capital digits, as they are published (RFC 3986 §6.2.2.1). */
static const char *capital_escapes(apr_pool_t *pool, iiif_slice_t encoded)
{
    char *copy = apr_pstrmemdup(pool, encoded.data, encoded.length);

    for (size_t i = 0; i + 2 < encoded.length; i++) {
        if (copy[i] == '%') {
            copy[i + 1] = (char)apr_toupper(copy[i + 1]);
            copy[i + 2] = (char)apr_toupper(copy[i + 2]);
        }
    }
    return copy;
}

/* IIIFStrict: only the published spelling of an identifier is served. */
static iiif_rc check_strict(request_rec *r, const h_req_t *req, iiif_err_t *err)
{
    if (!h_conf_strict(req->dir))
        return IIIF_OK;
    if (req->source.redirect != NULL)
        return iiif_err_set(err, IIIF_E_NOT_FOUND, 6240,
                            "There is no image with exactly this identifier; ask for it with the name that is published.");
    if (strcmp(capital_escapes(r->pool, req->req.encoded), h_base_encoded(r, req)) != 0)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 6241,
                            "The identifier is not encoded as it is published; it should be written %.180s.",
                            h_base_encoded(r, req));
    return IIIF_OK;
}

/* What follows the identifier in the path, with its slash, as it came. */
static const char *tail(apr_pool_t *pool, const h_req_t *req)
{
    const char *end = req->encoded + strlen(req->encoded);
    const char *start = req->req.encoded.data + req->req.encoded.length;

    return start >= req->encoded && start <= end ? apr_pstrdup(pool, start) : "";
}

static int redirect_identifier(request_rec *r, const h_req_t *req)
{
    const char *uri = h_base_identifier(r, req, req->source.redirect, 0);

    return h_respond_redirect(r, req, apr_pstrcat(r->pool, uri, tail(r->pool, req), NULL), HTTP_MOVED_PERMANENTLY);
}

/* Everything that can be wrong before the master is touched. */
static iiif_rc check(request_rec *r, h_req_t *req, iiif_err_t *err)
{
    if (req->kind == H_KIND_NONE)
        return iiif_err_set(err, IIIF_E_NOT_FOUND, 6242, "No service of this server has this address.");
    h_route_resolve(r, req);
    if (req->parse_rc != IIIF_OK)
        *err = req->parse_err;
    else if (req->resolve_rc != IIIF_OK)
        *err = req->resolve_err;
    else
        return check_strict(r, req, err);
    return err->kind;
}

static int dispatch(request_rec *r, h_req_t *req)
{
    if (req->source.redirect != NULL)
        return redirect_identifier(r, req);
    switch (req->req.kind) {
    case IIIF_REQUEST_BASE:
        return h_respond_redirect(r, req, apr_pstrcat(r->pool, h_base_image(r, req), "/info.json", NULL),
                                  HTTP_SEE_OTHER);
    case IIIF_REQUEST_INFO:
        return h_info_handler(r, req);
    case IIIF_REQUEST_IMAGE:
        break;
    }
    return h_image_handler(r, req);
}

int h_handler(request_rec *r)
{
    iiif_err_t err = {0};
    h_req_t *req;
    int status;

    if (r->handler == NULL || strcmp(r->handler, H_HANDLER) != 0)
        return DECLINED;
    req = h_route_get(r);
    if (req == NULL)
        return DECLINED;
    status = h_respond_method(r, req);
    if (status != OK)
        return status;
    status = ap_discard_request_body(r);
    if (status != OK)
        return status;
    if (check(r, req, &err) != IIIF_OK)
        return h_respond_error(r, req, &err);
    return dispatch(r, req);
}
