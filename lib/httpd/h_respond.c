/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Headers that answers share: methods, validators, links, redirects, file names.
 */
#include "h_iiif.h"

#include <apr_lib.h>
#include <apr_strings.h>

APLOG_USE_MODULE(iiif);

/* Bytes of the hash that an ETag shows: more than enough to tell representations apart. */
#define ETAG_BYTES 16
#define FILENAME_MAX_BYTES 200
/* Beyond, a date has more than four digits of the year. */
#define MAX_AGE_SECONDS (APR_INT64_C(1000) * 365 * 86400)

int h_respond_method(request_rec *r, h_req_t *req)
{
    iiif_err_t err;

    if (r->method_number == M_GET)
        return OK;
    if (r->method_number == M_OPTIONS) {
        apr_table_setn(r->headers_out, "Allow", H_METHODS);
        r->status = HTTP_NO_CONTENT;
        return DONE;
    }
    (void)iiif_err_set(&err, IIIF_E_BAD_REQUEST, 6244, "This address is only read: by GET, HEAD or OPTIONS.");
    return h_respond_status(r, req, &err, HTTP_METHOD_NOT_ALLOWED);
}

/* --- validators (RFC 9110 §8.8, §13) ----------------------------------------------------------------------- */

static void strip_suffix(char *text, const char *suffix)
{
    size_t length = strlen(suffix);
    char *to = text;

    for (const char *from = text; *from != '\0';) {
        if (strncmp(from, suffix, length) == 0)
            from += length - 1; /* the quote stays */
        else
            *to++ = *from++;
    }
    *to = '\0';
}

/*
 * mod_deflate and mod_brotli write the encoding into the ETag that they send, and never take it out of the one that
 * comes back: without this no compressed document would ever be a 304.
 */
static int meets_conditions(request_rec *r)
{
    const char *came = apr_table_get(r->headers_in, "If-None-Match");
    char *stripped;
    int status;

    if (came == NULL || strchr(came, '-') == NULL)
        return ap_meets_conditions(r);
    stripped = apr_pstrdup(r->pool, came);
    strip_suffix(stripped, "-gzip\"");
    strip_suffix(stripped, "-br\"");
    apr_table_setn(r->headers_in, "If-None-Match", stripped);
    status = ap_meets_conditions(r);
    apr_table_setn(r->headers_in, "If-None-Match", came);
    return status;
}

/*
 * mod_expires adds its own max-age to whatever is there, unless there is an Expires: so the lifetime is said in that
 * form too (RFC 9111 §5.3), and the site's general rule does not contradict what this service says.
 */
static void set_expires(request_rec *r, const char *control)
{
    const char *age = strstr(control, "max-age=");
    apr_int64_t seconds;
    char *date;

    if (age == NULL)
        return;
    seconds = apr_atoi64(age + strlen("max-age="));
    if (seconds < 0 || seconds > MAX_AGE_SECONDS)
        return;
    date = apr_palloc(r->pool, APR_RFC822_DATE_LEN);
    if (apr_rfc822_date(date, r->request_time + apr_time_from_sec(seconds)) == APR_SUCCESS)
        apr_table_setn(r->headers_out, "Expires", date);
}

static const char *cache_control(request_rec *r, const h_req_t *req)
{
    /* What a login opened is not for everybody, unless the site says so. */
    if (req->dir->cache_control == NULL && r->user != NULL)
        return "private, max-age=86400";
    return h_conf_cache_control(req->dir);
}

int h_respond_validators(request_rec *r, const h_req_t *req, const uint8_t hash[IIIF_HASH_BYTES], bool weak,
                         apr_time_t modified)
{
    const char *control = cache_control(r, req);
    char hex[2 * ETAG_BYTES + 1];

    iiif_hash_hex(hash, ETAG_BYTES, hex);
    apr_table_setn(r->headers_out, "ETag", apr_pstrcat(r->pool, weak ? "W/\"" : "\"", hex, "\"", NULL));
    ap_update_mtime(r, modified);
    ap_set_last_modified(r);
    if (control != NULL && *control != '\0') {
        apr_table_setn(r->headers_out, "Cache-Control", control);
        set_expires(r, control);
    }
    return meets_conditions(r);
}

void h_respond_link(request_rec *r, const char *uri, const char *rel)
{
    /* One field line: clients that take only the first of several would miss the others (RFC 8288 §3.5). */
    apr_table_mergen(r->headers_out, "Link", apr_pstrcat(r->pool, "<", uri, ">;rel=\"", rel, "\"", NULL));
}

int h_respond_redirect(request_rec *r, const h_req_t *req, const char *uri, int status)
{
    const char *control = cache_control(r, req);

    if (r->args != NULL)
        uri = apr_pstrcat(r->pool, uri, "?", r->args, NULL);
    apr_table_setn(r->headers_out, "Location", uri);
    h_cors_for_error(r, req->dir);
    if (control != NULL && *control != '\0')
        apr_table_setn(r->err_headers_out, "Cache-Control", control);
    return status;
}

/* --- file name (RFC 6266) ------------------------------------------------------------------------------------- */

/* What no file system and no header trips over; `ascii` also replaces what is beyond US-ASCII. */
static char safe_character(char c, bool ascii)
{
    if (apr_iscntrl((unsigned char)c) || strchr("\"\\/:*?<>|%;'`$", c) != NULL)
        return '_';
    return ascii && ((unsigned char)c & 0x80) != 0 ? '_' : c;
}

static char *safe_copy(apr_pool_t *pool, const char *name, bool ascii)
{
    char *copy = apr_pstrdup(pool, name);

    for (char *p = copy; *p != '\0'; p++)
        *p = safe_character(*p, ascii);
    return copy;
}

/* The last segment of the identifier, without the extension of the master. */
static const char *stem_of(apr_pool_t *pool, const char *identifier)
{
    const char *slash = strrchr(identifier, '/'), *dot;

    if (slash != NULL && slash[1] != '\0')
        identifier = slash + 1;
    dot = strrchr(identifier, '.');
    if (dot != NULL && dot != identifier && strlen(dot) <= 6)
        return apr_pstrmemdup(pool, identifier, (size_t)(dot - identifier));
    return identifier;
}

/* "p003.jpg" for the whole image, else "p003_0,0,512,512_256,_0_default.jpg": different pictures get different names. */
static const char *readable_name(request_rec *r, const h_req_t *req, const char *canonical)
{
    const char *stem = stem_of(r->pool, req->source.identifier);
    const char *whole[] = {"full/full/0/default.", "full/max/0/default."};

    if (strlen(stem) > FILENAME_MAX_BYTES)
        stem = "image";
    if (req->source.page != 0)
        stem = apr_psprintf(r->pool, "%s-%u", stem, req->source.page);
    for (size_t i = 0; i < IIIF_COUNT(whole); i++) {
        if (strncmp(canonical, whole[i], strlen(whole[i])) == 0)
            return apr_pstrcat(r->pool, stem, ".", req->req.format, NULL);
    }
    return apr_pstrcat(r->pool, stem, "_", canonical, NULL);
}

/* ext-value (RFC 8187 §3.2.1): UTF-8 with everything escaped that is not surely an attr-char. */
static const char *extended_value(apr_pool_t *pool, const char *name)
{
    static const char digits[] = "0123456789ABCDEF";
    char *copy = apr_palloc(pool, 3 * strlen(name) + 1), *to = copy;

    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;

        if (apr_isalnum(c) || c == '-' || c == '.' || c == '_') {
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

void h_respond_filename(request_rec *r, const h_req_t *req, const char *canonical)
{
    const char *name = safe_copy(r->pool, readable_name(r, req, canonical), false);
    const char *plain = safe_copy(r->pool, name, true);

    apr_table_setn(r->headers_out, "Content-Disposition",
                   apr_pstrcat(r->pool, "inline; filename=\"", plain, "\"",
                               strcmp(name, plain) == 0 ? NULL : "; filename*=UTF-8''",
                               extended_value(r->pool, name), NULL));
}
