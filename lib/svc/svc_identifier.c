/* SPDX-License-Identifier: Apache-2.0 */
#include "svc_identifier.h"

#include <string.h>
#include <strings.h>

#include "iiif_features.h"

#define PAGE_DIGITS_MAX 6

/* The usual names of what the decoders read; content decides later, these only save looking through a folder. */
static const char *const known_extensions[] = {
    "jp2", "jpx", "jpf", "j2k", "j2c", "jpc", "jph", "jhc", "jpg", "jpeg", "png",
#if IIIF_HAVE_TIFF
    "tif", "tiff", "ptif", "btf",
#endif
#if IIIF_HAVE_WEBP
    "webp",
#endif
#if IIIF_HAVE_GIF
    "gif",
#endif
    NULL,
};

static bool ends_with(iiif_slice_t text, const char *end)
{
    size_t n = strlen(end);

    return text.length >= n && strncasecmp(text.data + text.length - n, end, n) == 0;
}

static bool segment_safe(iiif_slice_t segment)
{
    if (segment.length == 0 || segment.data[0] == '.')
        return false;
    for (size_t i = 0; i < segment.length; i++) {
        unsigned char c = (unsigned char)segment.data[i];

        if (c < 0x20 || c == 0x7F || c == '\\')
            return false;
    }
    return true;
}

bool svc_identifier_clean(iiif_slice_t path)
{
    iiif_slice_t head, tail;

    while (iiif_slice_split_first(path, '/', &head, &tail)) {
        if (!segment_safe(head))
            return false;
        path = tail;
    }
    return segment_safe(path);
}

bool svc_identifier_safe(iiif_slice_t path)
{
    iiif_slice_t head, tail, name = path;

    if (!svc_identifier_clean(path))
        return false;
    if (iiif_slice_split_last(path, '/', &head, &tail))
        name = tail;
    /* Names that begin with `_`, and sidecars, belong to the folder, not to its visitors. */
    return name.data[0] != '_' && !ends_with(name, ".iiif.json");
}

uint32_t svc_identifier_page(iiif_slice_t *identifier)
{
    iiif_slice_t head, tail;
    uint32_t page = 0;

    if (!iiif_slice_split_last(*identifier, ';', &head, &tail) || head.length == 0 || tail.length == 0
        || tail.length > PAGE_DIGITS_MAX || tail.data[0] == '0')
        return 0;
    for (size_t i = 0; i < tail.length; i++) {
        if (tail.data[i] < '0' || tail.data[i] > '9')
            return 0;
        page = page * 10 + (uint32_t)(tail.data[i] - '0');
    }
    *identifier = head;
    return page;
}

iiif_slice_t svc_identifier_extension(iiif_slice_t path)
{
    iiif_slice_t head, tail, name = path;

    if (iiif_slice_split_last(path, '/', &head, &tail))
        name = tail;
    if (iiif_slice_split_last(name, '.', &head, &tail))
        return tail;
    return iiif_slice_of("", 0);
}

bool svc_identifier_allowed(const svc_identifier_policy_t *policy, iiif_slice_t extension)
{
    if (policy->extensions == NULL)
        return true;
    for (int i = 0; i < policy->extensions->nelts; i++) {
        const char *allowed = APR_ARRAY_IDX(policy->extensions, i, const char *);

        if (strlen(allowed) == extension.length && strncasecmp(allowed, extension.data, extension.length) == 0)
            return true;
    }
    return false;
}

const char *const *svc_identifier_extensions(const svc_identifier_policy_t *policy, apr_pool_t *pool)
{
    const char **list;

    if (policy->extensions == NULL)
        return known_extensions;
    list = apr_pcalloc(pool, ((size_t)policy->extensions->nelts + 1) * sizeof(*list));
    for (int i = 0; i < policy->extensions->nelts; i++)
        list[i] = APR_ARRAY_IDX(policy->extensions, i, const char *);
    return list;
}
