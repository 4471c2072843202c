/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a proxy in front of us says of the request that it got: X-Forwarded-* or Forwarded (RFC 7239). Believed only
 * where IIIFForwarded asks for it and the peer of this connection is an IIIFTrustedProxy. Of a list the last entry
 * counts: it is the trusted peer's own, those before it may be the client's invention.
 */
#include "h_iiif.h"

#include <apr_lib.h>
#include <apr_strings.h>

APLOG_USE_MODULE(iiif);

#define HOST_MAX 255
#define PREFIX_MAX 1024

static const char *trimmed(apr_pool_t *pool, const char *text, size_t length)
{
    while (length > 0 && apr_isspace((unsigned char)text[0])) {
        text++;
        length--;
    }
    while (length > 0 && apr_isspace((unsigned char)text[length - 1]))
        length--;
    return apr_pstrmemdup(pool, text, length);
}

/* The last entry of a comma-separated list; a comma inside a quoted string (RFC 9110 §5.6.4) does not separate. */
static const char *last_of(request_rec *r, const char *name)
{
    const char *list = apr_table_get(r->headers_in, name), *start = list;
    bool quoted = false;

    if (list == NULL)
        return NULL;
    for (const char *p = list; *p != '\0'; p++) {
        if (quoted && *p == '\\' && p[1] != '\0')
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (*p == ',' && !quoted)
            start = p + 1;
    }
    start = trimmed(r->pool, start, strlen(start));
    return *start != '\0' ? start : NULL;
}

static const char *valid_scheme(const char *text)
{
    if (text == NULL)
        return NULL;
    if (ap_cstr_casecmp(text, "https") == 0)
        return "https";
    return ap_cstr_casecmp(text, "http") == 0 ? "http" : NULL;
}

static bool valid_port(const char *text)
{
    unsigned long value = 0;

    if (*text == '\0' || strlen(text) > 5)
        return false;
    for (; *text != '\0'; text++) {
        if (!apr_isdigit((unsigned char)*text))
            return false;
        value = 10 * value + (unsigned long)(*text - '0');
    }
    return value >= 1 && value <= 65535;
}

/* A registered name, an IPv4 address or a bracketed IPv6 one, with an optional port. */
static const char *valid_authority(apr_pool_t *pool, const char *text)
{
    const char *p = text;

    if (text == NULL || strlen(text) > HOST_MAX)
        return NULL;
    if (*p == '[') {
        for (p++; apr_isxdigit((unsigned char)*p) || *p == ':' || *p == '.'; p++)
            ;
        if (*p != ']' || p == text + 1)
            return NULL;
        p++;
    }
    else {
        for (; apr_isalnum((unsigned char)*p) || *p == '-' || *p == '.' || *p == '_'; p++)
            ;
        if (p == text)
            return NULL;
    }
    if (*p == ':' ? !valid_port(p + 1) : *p != '\0')
        return NULL;
    return apr_pstrdup(pool, text);
}

static bool has_port(const char *authority)
{
    const char *bracket = strrchr(authority, ']');

    return strchr(bracket != NULL ? bracket : authority, ':') != NULL;
}

static const char *without_usual_port(apr_pool_t *pool, const char *authority, const char *scheme)
{
    const char *usual = scheme != NULL && strcmp(scheme, "https") == 0 ? ":443" : ":80";
    size_t length = strlen(authority), tail = strlen(usual);

    if (length > tail && has_port(authority) && strcmp(authority + length - tail, usual) == 0)
        return apr_pstrmemdup(pool, authority, length - tail);
    return authority;
}

/* An absolute path of plain and escaped characters. */
static const char *valid_prefix(apr_pool_t *pool, const char *text)
{
    size_t length;

    if (text == NULL || text[0] != '/' || (length = strlen(text)) > PREFIX_MAX)
        return NULL;
    while (length > 0 && text[length - 1] == '/')
        length--;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (!apr_isalnum(c) && strchr("-._~!$&'()*+;=:@%/", c) == NULL)
            return NULL;
        if (c == '/' && (text[i + 1] == '/' || text[i + 1] == '.'))
            return NULL;
    }
    return apr_pstrmemdup(pool, text, length);
}

static void read_x_forwarded(request_rec *r, h_forward_t *forward)
{
    const char *port = last_of(r, "X-Forwarded-Port");

    forward->scheme = valid_scheme(last_of(r, "X-Forwarded-Proto"));
    forward->authority = valid_authority(r->pool, last_of(r, "X-Forwarded-Host"));
    if (forward->authority != NULL && port != NULL && valid_port(port) && !has_port(forward->authority))
        forward->authority = apr_pstrcat(r->pool, forward->authority, ":", port, NULL);
}

/* The value of one parameter of a forwarded-element (RFC 7239 §4), unquoted. */
static const char *parameter(apr_pool_t *pool, const char *element, const char *name)
{
    size_t length = strlen(name);

    while (*element != '\0') {
        const char *end = element, *equals;
        bool quoted = false;

        for (; *end != '\0' && (*end != ';' || quoted); end++) {
            if (quoted && *end == '\\' && end[1] != '\0')
                end++;
            else if (*end == '"')
                quoted = !quoted;
        }
        element += strspn(element, " \t");
        equals = memchr(element, '=', (size_t)(end > element ? end - element : 0));
        if (equals != NULL && (size_t)(equals - element) == length && ap_cstr_casecmpn(element, name, length) == 0) {
            char *value = apr_pstrdup(pool, trimmed(pool, equals + 1, (size_t)(end - equals - 1)));
            size_t n = strlen(value);

            if (n >= 2 && value[0] == '"' && value[n - 1] == '"')
                return apr_pstrmemdup(pool, value + 1, n - 2);
            return value;
        }
        element = *end == ';' ? end + 1 : end;
    }
    return NULL;
}

static void read_forwarded(request_rec *r, h_forward_t *forward)
{
    const char *element = last_of(r, "Forwarded");

    if (element == NULL)
        return;
    forward->scheme = valid_scheme(parameter(r->pool, element, "proto"));
    forward->authority = valid_authority(r->pool, parameter(r->pool, element, "host"));
}

void h_forward_read(request_rec *r, h_forward_t *forward)
{
    const h_srv_t *srv = h_conf_srv(r->server);

    memset(forward, 0, sizeof(*forward));
    /* The peer itself, not useragent_addr, which mod_remoteip takes from a header. */
    if (h_conf_forwarded(srv) == H_FORWARDED_NONE || !h_conf_trusts(srv, r->connection->client_addr))
        return;
    if (h_conf_forwarded(srv) == H_FORWARDED_X)
        read_x_forwarded(r, forward);
    else
        read_forwarded(r, forward);
    forward->prefix = valid_prefix(r->pool, last_of(r, "X-Forwarded-Prefix"));
    if (forward->authority != NULL)
        forward->authority = without_usual_port(r->pool, forward->authority,
                                                forward->scheme != NULL ? forward->scheme : ap_http_scheme(r));
}
