/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Creation and merging. Every field is born unset and stays so until a directive names it, so that an enclosing section or the main
 * server shows through wherever nothing was said.
 */
#include "h_conf.h"

#include <apr_strings.h>

/* --- per section ---------------------------------------------------------------------------------- */

void *h_dir_create(apr_pool_t *pool, char *path)
{
    h_dir_t *dir = apr_pcalloc(pool, sizeof(*dir));

    dir->prefix = NULL;
    dir->resolver = NULL;
    dir->resolver_config = NULL;
    dir->resolver_argc = 0;
    dir->resolver_argv = NULL;
    dir->resolver_from_root = false;
    dir->services = (h_set_t) { false, 0, 0, 0 };
    dir->version = H_UNSET;
    dir->identifier_max = H_UNSET;
    dir->identifier_stems = H_UNSET;
    dir->identifier_slash_literal = H_UNSET;
    dir->identifier_extensions = NULL;
    dir->pages = H_UNSET;
    dir->formats = (h_set_t) { false, 0, 0, 0 };
    dir->qualities = H_UNSET;
    dir->max_width = H_UNSET;
    dir->max_height = H_UNSET;
    dir->max_area = H_UNSET;
    dir->upscale = H_UNSET;
    dir->max_source_area = H_UNSET;
    dir->memory = H_UNSET;
    dir->timeout = H_UNSET;
    dir->jpeg_quality = H_UNSET;
    dir->jpeg_chroma = H_UNSET;
    dir->png_level = H_UNSET;
    dir->webp_quality = H_UNSET;
    dir->color = H_UNSET;
    dir->bitonal = H_UNSET;
    dir->threshold = H_UNSET;
    dir->background = H_UNSET;
    dir->attribution = NULL;
    dir->rights = NULL;
    dir->logo = NULL;
    dir->cache_control = NULL;
    dir->cors = NULL;
    dir->base_uri = NULL;
    dir->base_uri_section = NULL;
    dir->strict = H_UNSET;
    return dir;
}

static h_set_t merge_set(const h_set_t *base, const h_set_t *add)
{
    h_set_t out = *base;

    if (add->absolute)
        return *add;
    if (base->absolute) {
        out.value = (base->value | add->add) & ~add->remove;
        return out;
    }
    out.add = (base->add & ~add->remove) | add->add;
    out.remove = (base->remove & ~add->add) | add->remove;
    return out;
}

/* The stricter of two: an inner section may lower such a limit, never lift it. 0 is none. */
static apr_off_t merge_min(apr_off_t base, apr_off_t add)
{
    if (add == H_UNSET || base == H_UNSET)
        return add == H_UNSET ? base : add;
    if (add == 0 || base == 0)
        return add == 0 ? base : add;
    return add < base ? add : base;
}

static void merge_resolver(h_dir_t *out, const h_dir_t *from)
{
    out->prefix = from->prefix;
    out->resolver = from->resolver;
    out->resolver_config = from->resolver_config;
    out->resolver_argc = from->resolver_argc;
    out->resolver_argv = from->resolver_argv;
    out->resolver_from_root = from->resolver_from_root;
}

/*
 * IIIFBaseURI of <Location "/"> is the address of that section; below it, the service at /iiif is at that address and /iiif.
 */
static void lead_base_uri(apr_pool_t *pool, h_dir_t *out)
{
    size_t n;

    if (out->prefix == NULL || out->base_uri == NULL || out->base_uri[0] == '\0'
        || strcmp(out->prefix, out->base_uri_section) == 0)
        return;
    n = strlen(out->base_uri_section);
    if (strncmp(out->prefix, out->base_uri_section, n) != 0 || out->prefix[n] != '/')
        return;
    out->base_uri = apr_pstrcat(pool, out->base_uri, ap_os_escape_path(pool, out->prefix + n, 1), NULL);
    out->base_uri_section = out->prefix;
}

#define PICK(field)      out->field = add->field != H_UNSET ? add->field : base->field
#define PICK_TEXT(field) out->field = add->field != NULL ? add->field : base->field

static void merge_output(h_dir_t *out, const h_dir_t *base, const h_dir_t *add)
{
    out->formats = merge_set(&base->formats, &add->formats);
    PICK(qualities);
    PICK(jpeg_quality);
    PICK(jpeg_chroma);
    PICK(png_level);
    PICK(webp_quality);
    PICK(color);
    PICK(bitonal);
    PICK(threshold);
    PICK(background);
    PICK_TEXT(attribution);
    PICK_TEXT(rights);
    PICK_TEXT(logo);
    PICK_TEXT(cache_control);
    PICK_TEXT(cors);
    PICK(strict);
}

static void merge_limits(h_dir_t *out, const h_dir_t *base, const h_dir_t *add)
{
    PICK(max_width);
    PICK(max_height);
    PICK(max_area);
    out->upscale = add->upscale >= 0 ? add->upscale : base->upscale;
    out->max_source_area = merge_min(base->max_source_area, add->max_source_area);
    out->memory = merge_min(base->memory, add->memory);
    PICK(timeout);
}

void *h_dir_merge(apr_pool_t *pool, void *base_config, void *add_config)
{
    const h_dir_t *base = base_config, *add = add_config;
    h_dir_t *out = apr_pcalloc(pool, sizeof(*out));

    merge_resolver(out, add->resolver != NULL ? add : base);
    out->services = merge_set(&base->services, &add->services);
    PICK(version);
    PICK(identifier_max);
    PICK(identifier_stems);
    PICK(identifier_slash_literal);
    PICK_TEXT(identifier_extensions);
    PICK(pages);
    PICK_TEXT(base_uri);
    PICK_TEXT(base_uri_section);
    merge_output(out, base, add);
    merge_limits(out, base, add);
    lead_base_uri(pool, out);
    return out;
}

/* --- per server ----------------------------------------------------------------------------------- */

void *h_srv_create(apr_pool_t *pool, server_rec *server)
{
    h_srv_t *srv = apr_pcalloc(pool, sizeof(*srv));

    srv->base_uri = NULL;
    srv->forwarded = H_UNSET;
    srv->trusted_proxies = NULL;
    srv->trusted_texts = NULL;
    srv->trusted_proxies_reset = false;
    srv->render_slots = H_UNSET;
    srv->render_reserve = H_UNSET;
    srv->queue_waiters = H_UNSET;
    srv->queue_timeout = H_UNSET;
    srv->queue_retry_after = H_UNSET;
    srv->facts_cache = NULL;
    srv->pixel_cache = H_UNSET;
    return srv;
}

static void merge_proxies(apr_pool_t *pool, h_srv_t *out, const h_srv_t *base, const h_srv_t *add)
{
    const h_srv_t *one = add->trusted_proxies == NULL ? base : add;

    out->trusted_proxies_reset = base->trusted_proxies_reset || add->trusted_proxies_reset;
    out->trusted_proxies = one->trusted_proxies;
    out->trusted_texts = one->trusted_texts;
    if (one == base || base->trusted_proxies == NULL || add->trusted_proxies_reset)
        return;
    out->trusted_proxies = apr_array_append(pool, base->trusted_proxies, add->trusted_proxies);
    out->trusted_texts = apr_array_append(pool, base->trusted_texts, add->trusted_texts);
}

void *h_srv_merge(apr_pool_t *pool, void *base_config, void *add_config)
{
    const h_srv_t *base = base_config, *add = add_config;
    h_srv_t *out = apr_pcalloc(pool, sizeof(*out));

    PICK_TEXT(base_uri);
    PICK(forwarded);
    merge_proxies(pool, out, base, add);
    PICK(render_slots);
    PICK(render_reserve);
    PICK(queue_waiters);
    PICK(queue_timeout);
    PICK(queue_retry_after);
    PICK_TEXT(facts_cache);
    PICK(pixel_cache);
    return out;
}
