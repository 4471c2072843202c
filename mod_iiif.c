/* SPDX-License-Identifier: Apache-2.0 */
/**
 * mod_iiif: the module record and the hooks with their order. No logic lives here.
 */
#include "lib/httpd/h_iiif.h"

#include <ap_mmn.h>
#include <mod_status.h>

/* pre_translate_name and ap_unescape_url_ex, without which %2F in identifiers depends on AllowEncodedSlashes. */
#if !AP_MODULE_MAGIC_AT_LEAST(20120211, 118)
#error "mod_iiif needs Apache httpd 2.4.51 or later."
#endif

static void test_config(apr_pool_t *pconf, server_rec *server)
{
    if (ap_exists_config_define("DUMP_IIIF"))
        h_conf_dump(pconf, server);
}

static void hooks_of_the_server(apr_pool_t *pool)
{
    ap_hook_pre_config(h_life_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(h_conf_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(test_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(h_life_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(h_host_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(h_life_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(h_life_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, h_life_status, NULL, NULL, APR_HOOK_MIDDLE);
}

static void hooks_of_a_request(void)
{
    /* mod_proxy decodes in the same hook where a ProxyPass says mapping=encoded; an IIIF Location wins. */
    static const char *const before_proxy[] = {"mod_proxy.c", NULL};
    /*
     * After mod_rewrite, so that a site's own rules (forbidden, redirected to https, [PT] from a legacy path) hold;
     * before whatever would map the path elsewhere.
     */
    static const char *const after_rewrite[] = {"mod_rewrite.c", NULL};
    static const char *const before_mapping[] = {"mod_proxy.c", "mod_alias.c", "mod_userdir.c",
                                                 "mod_vhost_alias.c", NULL};

    ap_hook_pre_translate_name(h_route_pre_translate, NULL, before_proxy, APR_HOOK_MIDDLE);
    ap_hook_translate_name(h_route_translate, after_rewrite, before_mapping, APR_HOOK_FIRST);
    ap_hook_map_to_storage(h_route_map_to_storage, NULL, NULL, APR_HOOK_FIRST);
    /* Before authentication: a preflight carries no credentials. */
    ap_hook_header_parser(h_cors_header_parser, NULL, NULL, APR_HOOK_MIDDLE);
    /* Before mod_mime, which would read an encoding or a language out of an identifier's name. */
    ap_hook_type_checker(h_route_type_checker, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* After the core has taken a SetHandler of the master's directory. */
    ap_hook_fixups(h_route_fixups, NULL, NULL, APR_HOOK_LAST);
    ap_hook_insert_filter(h_cors_insert_filter, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_error_filter(h_problem_insert_error_filter, NULL, NULL, APR_HOOK_LAST);
    ap_hook_handler(h_handler, NULL, NULL, APR_HOOK_MIDDLE);
    h_problem_register();
}

static void register_hooks(apr_pool_t *pool)
{
    hooks_of_the_server(pool);
    hooks_of_a_request();
}

/* The record must be visible though everything else is hidden: httpd's own macros expand to nothing on ELF. */
IIIF_EXPORT extern module AP_MODULE_DECLARE_DATA iiif_module;

AP_DECLARE_MODULE(iiif) = {
    STANDARD20_MODULE_STUFF, h_dir_create, h_dir_merge, h_srv_create, h_srv_merge, h_commands, register_hooks,
    AP_MODULE_FLAG_NONE};
