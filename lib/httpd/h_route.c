/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From a URI to a record of what is asked, and to the real file that the core's directory walk then judges.
 *
 * The path is parsed as it came, normalised but still encoded: once decoded, an identifier that holds a slash cannot
 * be told from two segments (Image 3.0 §9). httpd would decode it, or refuse it, as AllowEncodedSlashes says; so the
 * decoding is done here, in pre_translate_name, and the core is told to leave it at that.
 */
#include "h_iiif.h"

#include <apr_lib.h>
#include <apr_strings.h>

APLOG_USE_MODULE(iiif);

/* Room for ";" and ten digits of a page number behind the longest identifier. */
#define PAGE_ROOM 11

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The octet that an escape at `text` stands for, or -1. */
static int escape_at(const char *text)
{
    int high, low;

    if (text[0] != '%')
        return -1;
    high = hex_value(text[1]);
    if (high < 0)
        return -1;
    low = hex_value(text[2]);
    return low < 0 ? -1 : high * 16 + low;
}

/*
 * What is left of `path` after `prefix`, without the slash between them; NULL where it does not lie below. `path` may
 * be encoded, `prefix` is not; an encoded slash is no separator.
 */
static const char *below_prefix(const char *path, const char *prefix)
{
    while (*prefix != '\0') {
        int octet = escape_at(path);

        if (octet == '/' || (octet < 0 ? (unsigned char)*path : octet) != (unsigned char)*prefix)
            return NULL;
        path += octet < 0 ? 1 : 3;
        prefix++;
    }
    if (*path == '\0')
        return path;
    return *path == '/' ? path + 1 : NULL;
}

/*
 * Decodes all but %2F, %25 and %3F. Those stay, so that different requests stay different in r->uri, by which mod_cache
 * keeps its entries. Escaping the percent sign of two of them once more makes httpd's own decoder leave them.
 */
static int decode_path(apr_pool_t *pool, const char *path, char **out)
{
    size_t length = strlen(path), kept = 0;
    char *copy, *to;

    for (const char *p = path; (p = strchr(p, '%')) != NULL; p++) {
        int octet = escape_at(p);

        kept += octet == '%' || octet == '?';
    }
    to = copy = apr_palloc(pool, length + 2 * kept + 1);
    for (const char *p = path; *p != '\0'; p++) {
        int octet = escape_at(p);

        *to++ = *p;
        if (octet == '%' || octet == '?') {
            *to++ = '2';
            *to++ = '5';
        }
    }
    *to = '\0';
    *out = copy;
    return ap_unescape_url_ex(copy, AP_UNESCAPE_URL_KEEP_UNRESERVED | AP_UNESCAPE_URL_KEEP_SLASHES);
}

/* The other way round, for a path that somebody rewrote: escaped, but for what already is an escape that we keep. */
static const char *encode_again(apr_pool_t *pool, const char *path)
{
    static const char plain[] = "-._~!$&'()*+,;=:@/";
    static const char digits[] = "0123456789ABCDEF";
    char *copy = apr_palloc(pool, 3 * strlen(path) + 1), *to = copy;

    for (const char *p = path; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        int octet = escape_at(p);

        if (apr_isalnum(c) || strchr(plain, c) != NULL || octet == '/' || octet == '%' || octet == '?') {
            *to++ = (char)c;
        }
        else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    *to = '\0';
    return copy;
}

/* --- the record -------------------------------------------------------------------------------------- */

static void parse_image(request_rec *r, h_req_t *req, const char *path)
{
    svc_identifier_policy_t policy;
    size_t capacity;

    h_conf_identifier(req->dir, &policy);
    capacity = policy.max + PAGE_ROOM + 1;
    req->kind = H_KIND_IMAGE;
    req->parse_rc = iiif_uri_parse(req->version, iiif_slice(path), apr_palloc(r->pool, capacity), capacity, &req->req,
                                   &req->parse_err);
}

/* The URL layout below a prefix; other services of the layout join here. */
static void parse(request_rec *r, h_req_t *req)
{
    int version = h_conf_version(req->dir);

    req->kind = H_KIND_NONE;
    req->version = IIIF_VERSION_3;
    req->version_segment = "";
    if ((h_conf_services(req->dir) & H_SERVICE_IMAGE) == 0)
        return;
    if (version != H_VERSION_AUTO) {
        req->version = (iiif_version)version;
        parse_image(r, req, req->encoded);
    }
    else if ((req->encoded[0] == '2' || req->encoded[0] == '3') && req->encoded[1] == '/') {
        req->version = (iiif_version)(req->encoded[0] - '0');
        req->version_segment = req->version == IIIF_VERSION_2 ? "2/" : "3/";
        parse_image(r, req, req->encoded + 2);
    }
}

/* `path` is encoded; `uri` is what r->uri is, or is about to be. */
static h_req_t *record_make(request_rec *r, const h_dir_t *dir, const char *path, const char *uri)
{
    const char *rest = below_prefix(path, dir->prefix);
    h_req_t *req;

    if (rest == NULL)
        return NULL;
    req = apr_pcalloc(r->pool, sizeof(*req));
    req->dir = dir;
    req->path = apr_pstrdup(r->pool, path);
    req->encoded = req->path + (rest - path);
    req->decoded_uri = uri;
    parse(r, req);
    ap_set_module_config(r->request_config, &iiif_module, req);
    return req;
}

/* The Location that serves IIIF here, or NULL. */
static const h_dir_t *serving(request_rec *r)
{
    const h_dir_t *dir = h_conf_dir(r);

    return dir != NULL && dir->prefix != NULL && h_conf_services(dir) != 0 ? dir : NULL;
}

static bool is_current(const request_rec *r, const h_req_t *req)
{
    return r->uri == req->decoded_uri || (r->uri != NULL && strcmp(r->uri, req->decoded_uri) == 0);
}

h_req_t *h_route_peek(request_rec *r)
{
    h_req_t *req = ap_get_module_config(r->request_config, &iiif_module);

    return req != NULL && is_current(r, req) ? req : NULL;
}

h_req_t *h_route_get(request_rec *r)
{
    h_req_t *req = h_route_peek(r);

    return req != NULL && req->placed ? req : NULL;
}

/* --- hooks --------------------------------------------------------------------------------------------- */

/*
 * A section whose name needs escapes in a URI (`<Location "/Bücher">`) does not match yet: r->uri is still encoded.
 * Looked for again with the decoded path; the core forgets what was merged here after this hook.
 */
static const h_dir_t *serving_decoded(request_rec *r, char *decoded)
{
    char *uri = r->uri;
    int status;

    r->uri = decoded;
    status = ap_location_walk(r);
    r->uri = uri;
    return status == OK ? serving(r) : NULL;
}

int h_route_pre_translate(request_rec *r)
{
    char *path = r->parsed_uri.path, *decoded = NULL;
    const h_dir_t *dir;
    int status = OK;

    if (path == NULL || r->proxyreq != PROXYREQ_NONE || (r->main != NULL && r->filename != NULL))
        return DECLINED;
    dir = serving(r);
    if (dir == NULL && strchr(path, '%') == NULL)
        return DECLINED;
    status = decode_path(r->pool, path, &decoded);
    if (dir == NULL && status == OK)
        dir = serving_decoded(r, decoded);
    if (dir == NULL)
        return DECLINED;
    if (status != OK) {
        h_cors_for_error(r, dir);
        return status;
    }
    if (record_make(r, dir, path, decoded) == NULL)
        return DECLINED;
    r->parsed_uri.path = decoded;
    r->uri = decoded;
    return DONE;
}

void h_route_resolve(request_rec *r, h_req_t *req)
{
    svc_identifier_policy_t policy;

    if (req->resolved)
        return;
    req->resolved = true;
    h_conf_identifier(req->dir, &policy);
    if (req->kind != H_KIND_IMAGE || req->req.identifier.length == 0 || req->dir->resolver == NULL)
        req->resolve_rc = iiif_err_set(&req->resolve_err, IIIF_E_NOT_FOUND, 6200,
                                       "There is nothing at this address; an identifier is missing.");
    else
        req->resolve_rc = req->dir->resolver->resolve(req->dir->resolver_config, req->req.identifier, &policy, r->pool,
                                                      &req->source, &req->resolve_err);
}

/*
 * A name in the folder that rules over a missing master. Not always the master's own: mod_dir would redirect to a
 * folder of that name, and the core refuses links that lead nowhere. No identifier can name a file that begins with a
 * dot.
 */
static const char *missing_file(request_rec *r, const char *path)
{
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    apr_finfo_t finfo;
    apr_status_t status;

    if (slash == NULL)
        return NULL;
    status = apr_stat(&finfo, path, APR_FINFO_TYPE | APR_FINFO_LINK, r->pool);
    if (APR_STATUS_IS_ENOENT(status) || APR_STATUS_IS_ENOTDIR(status))
        return path;
    /* Such as a name too long for any file. */
    if (status != APR_SUCCESS && status != APR_INCOMPLETE)
        return NULL;
    if (finfo.filetype == APR_REG)
        return path;
    if (finfo.filetype != APR_DIR)
        path = apr_pstrmemdup(r->pool, path, (apr_size_t)(slash - path));
    return apr_pstrcat(r->pool, path, "/.iiif", NULL);
}

/*
 * The file whose directories decide who may have the answer: the master, or the one that the identifier is redirected
 * to (a redirect tells of it), or where a missing one would be (so does a 404). NULL: no file.
 */
static const char *governing_file(request_rec *r, h_req_t *req)
{
    svc_identifier_policy_t policy;
    svc_source_t target = {0};

    if (req->resolve_rc == IIIF_E_NOT_FOUND)
        return missing_file(r, req->source.path);
    if (req->resolve_rc != IIIF_OK || req->source.redirect == NULL)
        return req->source.path;
    h_conf_identifier(req->dir, &policy);
    if (req->dir->resolver->resolve(req->dir->resolver_config, iiif_slice(req->source.redirect), &policy, r->pool,
                                    &target, NULL) != IIIF_OK)
        return NULL;
    return target.path;
}

/*
 * The record for the Location that is in force now: sections whose names need escapes matched only when r->uri was
 * decoded, and a path that was rewritten has none yet.
 */
static h_req_t *settle(request_rec *r)
{
    h_req_t *req = h_route_peek(r);
    const h_dir_t *dir = serving(r);

    if (req != NULL && req->dir == dir)
        return req;
    ap_set_module_config(r->request_config, &iiif_module, NULL);
    if (dir == NULL)
        return NULL;
    return req != NULL ? record_make(r, dir, req->path, req->decoded_uri)
                       : record_make(r, dir, encode_again(r->pool, r->uri), r->uri);
}

static bool is_preflight(const request_rec *r)
{
    return r->method_number == M_OPTIONS && apr_table_get(r->headers_in, "Access-Control-Request-Method") != NULL;
}

int h_route_translate(request_rec *r)
{
    const char *file = NULL;
    h_req_t *req;

    if (r->uri == NULL || r->proxyreq != PROXYREQ_NONE)
        return DECLINED;
    /* Rewritten by [PT]: the Location that was looked up is that of the old path. */
    if (r->uri != r->parsed_uri.path && h_route_peek(r) == NULL) {
        int status = ap_location_walk(r);

        if (status != OK)
            return status;
    }
    req = settle(r);
    if (req == NULL)
        return DECLINED;
    /* A preflight is answered before authorisation and tells nothing of what there is. */
    if (req->kind == H_KIND_IMAGE && !is_preflight(r)) {
        h_route_resolve(r, req);
        file = governing_file(r, req);
    }
    req->placed = true;
    req->is_virtual = file == NULL;
    /* A name that is no absolute path is not walked by the core. */
    r->filename = file != NULL ? apr_pstrdup(r->pool, file) : apr_pstrcat(r->pool, "iiif:", r->uri, NULL);
    return OK;
}

int h_route_map_to_storage(request_rec *r)
{
    h_req_t *req = h_route_get(r);

    /* TRACE belongs to the core. */
    if (req == NULL || !req->is_virtual || r->method_number == M_TRACE)
        return DECLINED;
    return OK;
}

int h_route_type_checker(request_rec *r)
{
    h_req_t *req = h_route_get(r);

    if (req == NULL)
        return DECLINED;
    r->content_encoding = NULL;
    r->content_languages = NULL;
    /* Also keeps FallbackResource from taking what has no file. */
    r->handler = H_HANDLER;
    return OK;
}

int h_route_fixups(request_rec *r)
{
    if (h_route_get(r) == NULL)
        return DECLINED;
    r->handler = H_HANDLER;
    return OK;
}
