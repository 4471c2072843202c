/* SPDX-License-Identifier: Apache-2.0 */
/** The getters: they alone know the defaults. */
#include "h_conf.h"

#include <apr_strings.h>

#include <sched.h>
#include <unistd.h>

#define H_DEFAULT_IDENTIFIER_MAX  1024
#define H_DEFAULT_MAX_AREA        (APR_INT64_C(64) << 20)
#define H_DEFAULT_MAX_SOURCE_AREA (APR_INT64_C(2) << 30)
#define H_DEFAULT_MEMORY          (APR_INT64_C(256) << 20)
#define H_DEFAULT_TIMEOUT         apr_time_from_sec(20)
/* A viewer asks for a whole screen of tiles at once and shows a hole for each 503: two such screens may wait. */
#define H_DEFAULT_WAITERS_PER_SLOT 8
#define H_DEFAULT_WAITERS_LEAST   32
#define H_DEFAULT_QUEUE_TIMEOUT   apr_time_from_sec(10)
#define H_DEFAULT_RETRY_AFTER     apr_time_from_sec(2)
#define H_DEFAULT_PIXEL_CACHE     (UINT64_C(256) << 20)
#define H_DEFAULT_CACHE_CONTROL   "public, max-age=86400"
/* What is offered where only IIIFResolver says that there is a service, and where IIIFRoot does. */
#define H_DEFAULT_SERVICES        H_SERVICE_IMAGE
#define H_DEFAULT_ROOT_SERVICES   H_SERVICE_IMAGE

static unsigned set_value(const h_set_t *set, unsigned unset)
{
    return set->absolute ? set->value : (unset | set->add) & ~set->remove;
}

static apr_off_t or_default(apr_off_t value, apr_off_t unset)
{
    return value == H_UNSET ? unset : value;
}

const h_dir_t *h_conf_dir(request_rec *r)
{
    const h_dir_t *dir = ap_get_module_config(r->per_dir_config, &iiif_module);

    return dir != NULL && dir->resolver != NULL && h_conf_services(dir) != 0 ? dir : NULL;
}

const h_srv_t *h_conf_srv(server_rec *server)
{
    return ap_get_module_config(server->module_config, &iiif_module);
}

unsigned h_conf_services(const h_dir_t *dir)
{
    if (dir->resolver == NULL)
        return 0;
    return set_value(&dir->services, dir->resolver_from_root ? H_DEFAULT_ROOT_SERVICES : H_DEFAULT_SERVICES);
}

int h_conf_version(const h_dir_t *dir)
{
    return dir->version == H_UNSET ? H_VERSION_AUTO : dir->version;
}

void h_conf_identifier(const h_dir_t *dir, svc_identifier_policy_t *policy)
{
    const apr_array_header_t *extensions = dir->identifier_extensions;

    policy->max = (size_t)or_default(dir->identifier_max, H_DEFAULT_IDENTIFIER_MAX);
    policy->extensions = extensions != NULL && extensions->nelts > 0 ? extensions : NULL;
    policy->stems = dir->identifier_stems == 1;
    policy->pages = dir->pages == 1;
}

bool h_conf_slash_literal(const h_dir_t *dir)
{
    return dir->identifier_slash_literal == 1;
}

void h_conf_limits(const h_dir_t *dir, iiif_limits_t *limits)
{
    limits->max_width = (uint32_t)or_default(dir->max_width, 0);
    limits->max_height = (uint32_t)or_default(dir->max_height, 0);
    limits->max_area = (uint64_t)or_default(dir->max_area, H_DEFAULT_MAX_AREA);
    limits->upscale = dir->upscale >= 1;
    limits->upscale_factor = dir->upscale > 1 ? dir->upscale : 0;
    limits->max_source_area = (uint64_t)or_default(dir->max_source_area, H_DEFAULT_MAX_SOURCE_AREA);
    limits->memory = (size_t)or_default(dir->memory, H_DEFAULT_MEMORY);
    limits->qualities = dir->qualities == H_UNSET ? IIIF_QUALITIES_ALL : (uint8_t)dir->qualities;
}

void h_conf_output(const h_dir_t *dir, iiif_output_t *output)
{
    iiif_output_defaults(output);
    if (!iiif_color_available())
        output->color = IIIF_COLOR_KEEP;
    if (dir->jpeg_quality != H_UNSET)
        output->jpeg_quality = dir->jpeg_quality;
    if (dir->jpeg_chroma != H_UNSET)
        output->jpeg_chroma = (iiif_chroma)dir->jpeg_chroma;
    if (dir->webp_quality != H_UNSET)
        output->webp_quality = dir->webp_quality;
    if (dir->png_level != H_UNSET)
        output->png_level = dir->png_level;
    if (dir->color != H_UNSET)
        output->color = (iiif_color_mode)dir->color;
    if (dir->bitonal != H_UNSET)
        output->bitonal = (iiif_bitonal)dir->bitonal;
    if (dir->threshold != H_UNSET)
        output->threshold = (unsigned)dir->threshold;
    if (dir->background != H_UNSET) {
        output->background[0] = (uint8_t)(dir->background >> 16);
        output->background[1] = (uint8_t)(dir->background >> 8);
        output->background[2] = (uint8_t)dir->background;
    }
}

static unsigned formats_of(const h_dir_t *dir)
{
    unsigned unset = 0;

    for (unsigned i = 0; iiif_encoders[i] != NULL; i++)
        unset |= iiif_encoders[i]->opt_in ? 0 : 1u << i;
    return set_value(&dir->formats, unset);
}

bool h_conf_format(const h_dir_t *dir, const iiif_encoder_t *encoder)
{
    unsigned formats = formats_of(dir);

    for (unsigned i = 0; iiif_encoders[i] != NULL; i++) {
        if (iiif_encoders[i] == encoder)
            return (formats >> i & 1) != 0;
    }
    return false;
}

const char *const *h_conf_formats(const h_dir_t *dir, apr_pool_t *pool)
{
    unsigned formats = formats_of(dir);
    const char **list;
    size_t count = 0, n = 0;

    while (iiif_encoders[count] != NULL)
        count++;
    list = apr_pcalloc(pool, (count + 1) * sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        if ((formats >> i & 1) != 0)
            list[n++] = iiif_encoders[i]->format;
    }
    return list;
}

apr_interval_time_t h_conf_timeout(const h_dir_t *dir)
{
    return dir->timeout == H_UNSET ? H_DEFAULT_TIMEOUT : dir->timeout;
}

const char *h_conf_cache_control(const h_dir_t *dir)
{
    return dir->cache_control == NULL ? H_DEFAULT_CACHE_CONTROL : dir->cache_control;
}

const char *h_conf_cors(const h_dir_t *dir, const char *origin, bool *vary)
{
    *vary = false;
    if (dir->cors == NULL)
        return "*";
    if (dir->cors->nelts == 1 && strcmp(APR_ARRAY_IDX(dir->cors, 0, const char *), "*") == 0)
        return "*";
    /* Fetch standard: an answer that depends on Origin says so, even to those who are given none. */
    *vary = dir->cors->nelts > 0;
    for (int i = 0; i < dir->cors->nelts && origin != NULL; i++) {
        const char *allowed = APR_ARRAY_IDX(dir->cors, i, const char *);

        if (strcasecmp(allowed, origin) == 0)
            return origin;
    }
    return NULL;
}

bool h_conf_strict(const h_dir_t *dir)
{
    return dir->strict == 1;
}

/* Processors that this process may use, which in a container can be fewer than there are. */
static unsigned online_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef CPU_COUNT
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        n = CPU_COUNT(&set);
#endif
    return n < 1 ? 1 : n > 1024 ? 1024 : (unsigned)n;
}

void h_conf_gate(const h_srv_t *srv, svc_gate_options_t *options)
{
    unsigned slots = srv->render_slots == H_UNSET ? online_cores() : (unsigned)srv->render_slots;
    unsigned reserve = slots >= 2 ? 1 : 0;
    apr_interval_time_t wait = srv->queue_timeout == H_UNSET ? H_DEFAULT_QUEUE_TIMEOUT : srv->queue_timeout;

    options->slots = slots;
    options->reserve = srv->render_reserve == H_UNSET ? reserve : (unsigned)srv->render_reserve;
    options->waiters = (unsigned)srv->queue_waiters;
    if (srv->queue_waiters == H_UNSET)
        options->waiters = iiif_max_u32(slots * H_DEFAULT_WAITERS_PER_SLOT, H_DEFAULT_WAITERS_LEAST);
    options->timeout_ms = (unsigned)apr_time_as_msec(wait);
}

uint64_t h_conf_pixel_cache(const h_srv_t *srv)
{
    return srv->pixel_cache == H_UNSET ? H_DEFAULT_PIXEL_CACHE : (uint64_t)srv->pixel_cache;
}

unsigned h_conf_retry_after(const h_srv_t *srv)
{
    apr_interval_time_t time = srv->queue_retry_after == H_UNSET ? H_DEFAULT_RETRY_AFTER : srv->queue_retry_after;

    return (unsigned)((time + APR_USEC_PER_SEC - 1) / APR_USEC_PER_SEC);
}

int h_conf_forwarded(const h_srv_t *srv)
{
    return srv->forwarded == H_UNSET ? H_FORWARDED_NONE : srv->forwarded;
}

bool h_conf_trusts(const h_srv_t *srv, apr_sockaddr_t *peer)
{
    for (int i = 0; srv->trusted_proxies != NULL && i < srv->trusted_proxies->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(srv->trusted_proxies, i, apr_ipsubnet_t *), peer))
            return true;
    }
    return false;
}

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

const char *h_conf_attribution(const h_dir_t *dir)
{
    return text_or_null(dir->attribution);
}

const char *h_conf_rights(const h_dir_t *dir)
{
    return text_or_null(dir->rights);
}

const char *h_conf_logo(const h_dir_t *dir)
{
    return text_or_null(dir->logo);
}
