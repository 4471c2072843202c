/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_accept.h"

#include <string.h>
#include <strings.h>

#include "../core/iiif_slice.h"
#include "iiif_info.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static iiif_slice_t trim(iiif_slice_t text)
{
    while (text.length > 0 && is_blank(text.data[0]))
        text = iiif_slice_skip(text, 1);
    while (text.length > 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    return text;
}

static bool same_word(iiif_slice_t a, const char *b)
{
    return a.length == strlen(b) && strncasecmp(a.data, b, a.length) == 0;
}

/* The part up to the next `separator` outside quotes; *rest is what follows it, *last says that nothing does. */
static iiif_slice_t next_item(iiif_slice_t text, char separator, iiif_slice_t *rest, bool *last)
{
    bool quoted = false;
    size_t i;

    for (i = 0; i < text.length; i++) {
        char c = text.data[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (c == separator && !quoted)
            break;
    }
    if (i > text.length)
        i = text.length;
    *last = i == text.length;
    *rest = iiif_slice_skip(text, i + 1);
    return trim(iiif_slice_of(text.data, i));
}

/* RFC 9110 §12.4.2: 0 or 1 with up to three decimals; in thousandths. */
static bool parse_weight(iiif_slice_t text, unsigned *weight)
{
    unsigned scale = 100;

    if (text.length == 0 || text.length > 5 || (text.data[0] != '0' && text.data[0] != '1'))
        return false;
    if (text.length > 1 && text.data[1] != '.')
        return false;
    *weight = text.data[0] == '1' ? 1000 : 0;
    for (size_t i = 2; i < text.length; i++, scale /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *weight += (unsigned)(text.data[i] - '0') * scale;
    }
    return *weight <= 1000;
}

typedef struct range {
    iiif_slice_t type;
    unsigned weight;
    bool has_parameters;
    bool has_profile;    /* the one asked about */
} range_t;

static bool holds(iiif_slice_t text, const char *part)
{
    return part != NULL && memmem(text.data, text.length, part, strlen(part)) != NULL;
}

static bool parse_parameter(iiif_slice_t text, const char *profile, range_t *range)
{
    iiif_slice_t name, value;

    if (!iiif_slice_split_first(text, '=', &name, &value))
        return text.length == 0; /* a stray semicolon */
    name = trim(name);
    value = trim(value);
    if (same_word(name, "q"))
        return parse_weight(value, &range->weight);
    range->has_parameters = true;
    if (same_word(name, "profile") && holds(value, profile))
        range->has_profile = true;
    return true;
}

static bool parse_range(iiif_slice_t text, const char *profile, range_t *range)
{
    iiif_slice_t rest;
    bool last;

    memset(range, 0, sizeof(*range));
    range->weight = 1000;
    range->type = next_item(text, ';', &rest, &last);
    while (!last)
        if (!parse_parameter(next_item(rest, ';', &rest, &last), profile, range))
            return false;
    return range->type.length > 0;
}

/* 0 where the range does not fit; larger is more specific. */
static unsigned specificity(const range_t *range, const char *type)
{
    const char *slash = strchr(type, '/');
    size_t major = slash != NULL ? (size_t)(slash - type) + 1 : 0;

    if (same_word(range->type, "*/*"))
        return 1;
    if (range->type.length == major + 1 && range->type.data[major] == '*' &&
        strncasecmp(range->type.data, type, major) == 0)
        return 2;
    if (!same_word(range->type, type))
        return 0;
    return range->has_profile ? 5 : range->has_parameters ? 4 : 3;
}

iiif_accept_t iiif_accept_weigh(const char *accept, const char *type, const char *profile)
{
    iiif_accept_t result = {0, false};
    iiif_slice_t rest = iiif_slice(accept);
    unsigned best = 0;
    bool last = false;

    while (!last) {
        iiif_slice_t item = next_item(rest, ',', &rest, &last);
        range_t range;
        unsigned fits;

        if (item.length == 0 || !parse_range(item, profile, &range))
            continue;
        fits = specificity(&range, type);
        if (fits < best || fits == 0)
            continue;
        result.weight = fits == best && result.weight > range.weight ? result.weight : range.weight;
        result.named = fits >= 3;
        best = fits;
    }
    return result;
}

/* --- info.json ----------------------------------------------------------------------------------- */

static bool says_nothing(const char *accept)
{
    return accept == NULL || accept[strspn(accept, " \t,")] == '\0';
}

/*
 * 3.0 prefers JSON-LD: without Accept (IMG3-INFO-02), and wherever the client wants it no less than plain JSON,
 * wildcards included. 2.1 demands plain JSON unless JSON-LD is asked for by its name (IMG2-INFO-05). Where neither is
 * wanted the default is sent rather than 406 (RFC 9110 §12.5.1 allows it).
 */
iiif_info_type iiif_info_negotiate(iiif_version version, const char *accept)
{
    iiif_info_type fallback = version == IIIF_VERSION_2 ? IIIF_INFO_JSON : IIIF_INFO_JSONLD;
    const iiif_api_version_t *api = iiif_api_version_find(version);
    iiif_accept_t linked, plain;

    if (says_nothing(accept))
        return fallback;
    linked = iiif_accept_weigh(accept, "application/ld+json", api != NULL ? api->context : NULL);
    plain = iiif_accept_weigh(accept, "application/json", NULL);
    if (linked.weight == 0 && plain.weight == 0)
        return fallback;
    if (linked.weight == 0 || linked.weight < plain.weight)
        return IIIF_INFO_JSON;
    return version == IIIF_VERSION_2 && !linked.named ? IIIF_INFO_JSON : IIIF_INFO_JSONLD;
}

const char *iiif_info_media_type(iiif_version version, iiif_info_type type)
{
    if (type == IIIF_INFO_JSON)
        return "application/json";
    return version == IIIF_VERSION_2 ? "application/ld+json"
                                     : "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"";
}
