/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to requests. The grammar of the single parameters is in iiif_uri_parameter.c. */
#include "iiif_uri.h"

#include <string.h>

#include "iiif_uri_parameter.h"

/* The longest sensible parameter is a region of four percentages; browsers write them with up to 17 decimals. */
#define PARAMETER_MAX 128

enum { PART_REGION, PART_SIZE, PART_ROTATION, PART_FILE, PART_COUNT };

/* The parameter segments of a path, each decoded once (IMG-URI-08). */
typedef struct parts {
    char text[PART_COUNT][PARAMETER_MAX];
    iiif_slice_t slice[PART_COUNT];
} parts_t;

const char *iiif_quality_name(iiif_quality quality)
{
    switch (quality) {
    case IIIF_QUALITY_COLOR:
        return "color";
    case IIIF_QUALITY_GRAY:
        return "gray";
    case IIIF_QUALITY_BITONAL:
        return "bitonal";
    case IIIF_QUALITY_DEFAULT:
        break;
    }
    return "default";
}

/* A segment that is broken or too long becomes one that no parameter matches: its parser then says which part it is. */
static void decode_part(parts_t *parts, unsigned part, iiif_slice_t segment)
{
    size_t length;

    if (!iiif_percent_decode(segment, parts->text[part], PARAMETER_MAX, &length)) {
        parts->text[part][0] = '?';
        length = 1;
    }
    parts->slice[part] = iiif_slice_of(parts->text[part], length);
}

/* Takes the last four segments off `path`; what is left of them goes to *rest. False where there are fewer. */
static bool split_parts(iiif_slice_t path, parts_t *parts, bool whole, iiif_slice_t *rest)
{
    iiif_slice_t segment[PART_COUNT], head = path;

    for (unsigned i = PART_COUNT; i > 0; i--) {
        if (i == 1 && whole) {
            segment[0] = head;
            head = iiif_slice_of(head.data, 0);
            break;
        }
        if (!iiif_slice_split_last(head, '/', &head, &segment[i - 1]))
            return false;
    }
    for (unsigned i = 0; i < PART_COUNT; i++)
        decode_part(parts, i, segment[i]);
    *rest = head;
    return true;
}

static iiif_rc parse_parts(iiif_version version, const parts_t *parts, iiif_req_t *req, iiif_err_t *err)
{
    iiif_rc rc = iiif_parse_region(parts->slice[PART_REGION], &req->region, err);

    if (rc == IIIF_OK)
        rc = iiif_parse_size(version, parts->slice[PART_SIZE], &req->size, err);
    if (rc == IIIF_OK)
        rc = iiif_parse_rotation(parts->slice[PART_ROTATION], &req->rotation, err);
    if (rc == IIIF_OK)
        rc = iiif_parse_file(parts->slice[PART_FILE], &req->quality, req->format, err);
    return rc;
}

/*
 * Whether the last four segments are meant as parameters. Identifiers may hold literal slashes, dots and numbers
 * (scans/2024/07/12/p003.jp2), so a single likeness is none; two are. A request that is wrong in one or two of its
 * four parts is still recognised and told so (IMG-URI-13).
 */
static bool look_like_parameters(const parts_t *parts)
{
    iiif_region_t region;
    iiif_size_t size;
    unsigned likes = 0;

    likes += iiif_parse_region(parts->slice[PART_REGION], &region, NULL) == IIIF_OK;
    likes += iiif_parse_size(IIIF_VERSION_2, parts->slice[PART_SIZE], &size, NULL) == IIIF_OK ||
             iiif_parse_size(IIIF_VERSION_3, parts->slice[PART_SIZE], &size, NULL) == IIIF_OK;
    likes += iiif_looks_like_rotation(parts->slice[PART_ROTATION]);
    likes += iiif_looks_like_quality(parts->slice[PART_FILE]);
    return likes >= 2;
}

/* The decoded length counts first, so that a long identifier is told apart from a broken one. */
static iiif_rc decode_identifier(iiif_slice_t encoded, char *buffer, size_t capacity, iiif_req_t *req,
                                 iiif_err_t *err)
{
    size_t length = encoded.length, escapes = 0;

    req->encoded = encoded;
    for (size_t i = 0; i < encoded.length; i++)
        escapes += encoded.data[i] == '%';
    length = escapes * 2 < length ? length - escapes * 2 : 0;
    if (encoded.length == 0)
        return iiif_err_set(err, IIIF_E_NOT_FOUND, 1020,
                            "The identifier is missing: a request is {identifier}/info.json or "
                            "{identifier}/{region}/{size}/{rotation}/{quality}.{format}.");
    if (length >= capacity)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1021,
                            "The identifier is too long; this service accepts %zu bytes.",
                            capacity > 0 ? capacity - 1 : 0);
    if (!iiif_percent_decode(encoded, buffer, capacity, &length))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1022,
                            "The identifier holds a percent sign that is not followed by two hexadecimal digits "
                            "(write %%25 for the sign itself), or a NUL byte.");
    if (!iiif_utf8_valid(iiif_slice_of(buffer, length)))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1023,
                            "The identifier is not UTF-8; percent-encode its characters as UTF-8.");
    req->identifier = iiif_slice_of(buffer, length);
    return IIIF_OK;
}

/* {identifier}/info.json; the last segment may come with needless escapes, like every other one. */
static bool split_info(iiif_slice_t path, iiif_slice_t *identifier)
{
    iiif_slice_t head, tail;
    char name[sizeof("info.json")];
    size_t length;

    if (!iiif_slice_split_last(path, '/', &head, &tail)) {
        head = iiif_slice_of(path.data, 0);
        tail = path;
    }
    if (!iiif_percent_decode(tail, name, sizeof(name), &length) || strcmp(name, "info.json") != 0)
        return false;
    *identifier = head;
    return true;
}

iiif_rc iiif_uri_parse(iiif_version version, iiif_slice_t path, char *buffer, size_t capacity,
                       iiif_req_t *req, iiif_err_t *err)
{
    iiif_slice_t encoded = path;
    parts_t parts;
    iiif_rc rc;

    memset(req, 0, sizeof(*req));
    req->version = version;
    req->kind = IIIF_REQUEST_BASE;
    if (split_info(path, &encoded))
        req->kind = IIIF_REQUEST_INFO;
    else if (split_parts(path, &parts, false, &encoded) && look_like_parameters(&parts))
        req->kind = IIIF_REQUEST_IMAGE;
    else
        encoded = path;
    /* {base}/ is undefined in the specification and means {base} here (IMG-URI-04). */
    if (req->kind == IIIF_REQUEST_BASE && encoded.length > 0 && encoded.data[encoded.length - 1] == '/')
        encoded.length--;
    rc = decode_identifier(encoded, buffer, capacity, req, err);
    if (rc != IIIF_OK || req->kind != IIIF_REQUEST_IMAGE)
        return rc;
    return parse_parts(version, &parts, req, err);
}

iiif_rc iiif_uri_parse_parameters(iiif_version version, iiif_slice_t text, iiif_req_t *req, iiif_err_t *err)
{
    iiif_slice_t rest;
    parts_t parts;

    memset(req, 0, sizeof(*req));
    req->version = version;
    req->kind = IIIF_REQUEST_IMAGE;
    if (!split_parts(text, &parts, true, &rest))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1024,
                            "The parameters are not four: write region/size/rotation/quality.format, for example "
                            "full/max/0/default.jpg.");
    return parse_parts(version, &parts, req, err);
}
