/* SPDX-License-Identifier: Apache-2.0 */
#include "h_section.h"

static const h_dir_t *ours(ap_conf_vector_t *vector)
{
    return ap_get_module_config(vector, &iiif_module);
}

const h_dir_t *h_section_unset(apr_pool_t *pool)
{
    return h_dir_create(pool, NULL);
}

static bool is_pattern(const core_dir_config *core)
{
    return core->r != NULL || core->d_is_fnmatch;
}

/* As ap_location_walk decides for a plain section. */
static bool encloses(const char *outer, const char *path)
{
    size_t n = strlen(outer);

    if (strncmp(outer, path, n) != 0)
        return false;
    return n == 0 || outer[n - 1] == '/' || path[n] == '/' || path[n] == '\0';
}

/* In the order of the files, as httpd merges, whatever lies deeper. */
static const h_dir_t *effective_of(apr_pool_t *pool, const h_dir_t *base, const apr_array_header_t *sections, int which,
                                   const char *path)
{
    const h_dir_t *out = base;

    for (int i = 0; i < sections->nelts; i++) {
        ap_conf_vector_t *vector = APR_ARRAY_IDX(sections, i, ap_conf_vector_t *);
        const core_dir_config *core = ap_get_core_module_config(vector);
        const h_dir_t *own = ours(vector);

        if (own != NULL && (i == which || (!is_pattern(core) && encloses(core->d, path))))
            out = h_dir_merge(pool, (void *)(uintptr_t)out, (void *)(uintptr_t)own);
    }
    return out;
}

static int each_of_server(apr_pool_t *pool, server_rec *server, h_section_fn callback, void *context)
{
    const core_server_config *core = ap_get_core_module_config(server->module_config);
    const h_dir_t *own = ours(server->lookup_defaults);
    h_section_t section = { server, "server", "", own, NULL };
    int result;

    if (own == NULL)
        section.own = h_section_unset(pool);
    section.effective = section.own;
    result = callback(&section, context);
    for (int i = 0; core->sec_url != NULL && i < core->sec_url->nelts && result == OK; i++) {
        ap_conf_vector_t *vector = APR_ARRAY_IDX(core->sec_url, i, ap_conf_vector_t *);
        const core_dir_config *place = ap_get_core_module_config(vector);
        h_section_t inner = { server, is_pattern(place) ? "LocationMatch" : "Location", place->d, ours(vector), NULL };

        if (inner.own == NULL)
            continue;
        inner.effective = effective_of(pool, section.effective, core->sec_url, i, place->d);
        result = callback(&inner, context);
    }
    return result;
}

int h_section_each(apr_pool_t *pool, server_rec *main_server, h_section_fn callback, void *context)
{
    int result = OK;

    for (server_rec *server = main_server; server != NULL && result == OK; server = server->next)
        result = each_of_server(pool, server, callback, context);
    return result;
}
