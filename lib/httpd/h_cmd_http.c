/* SPDX-License-Identifier: Apache-2.0 */
/** Directives about what documents and headers say, and whose word about the client is taken. */
#include "h_cmd.h"

#include <apr_strings.h>

/* --- texts of documents --------------------------------------------------------------------------- */

const char *h_cmd_attribution(cmd_parms *cmd, void *config, const char *text)
{
    h_dir_t *dir = config;
    const char *sentence = h_cmd_check_path(cmd);

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(text, "none") == 0)
        text = "";
    if (!iiif_utf8_valid(iiif_slice(text)))
        return apr_psprintf(cmd->pool, "%s must be text in UTF-8, or none; save the configuration file as UTF-8",
                            cmd->cmd->name);
    dir->attribution = text;
    return NULL;
}

static const char *set_uri(cmd_parms *cmd, const char *text, const char *example, const char **out)
{
    const char *sentence = h_cmd_check_path(cmd);
    apr_uri_t uri;

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(text, "none") == 0)
        text = "";
    else if (!h_parse_http_uri(cmd->pool, text, &uri) || !iiif_utf8_valid(iiif_slice(text)))
        return apr_psprintf(cmd->pool, "%s must be an absolute http or https URI such as %s, or none", cmd->cmd->name,
                            example);
    *out = text;
    return NULL;
}

const char *h_cmd_rights(cmd_parms *cmd, void *config, const char *uri)
{
    return set_uri(cmd, uri, "http://rightsstatements.org/vocab/InC/1.0/", &((h_dir_t *)config)->rights);
}

const char *h_cmd_logo(cmd_parms *cmd, void *config, const char *uri)
{
    return set_uri(cmd, uri, "https://example.org/logo.png", &((h_dir_t *)config)->logo);
}

/* --- headers -------------------------------------------------------------------------------------- */

const char *h_cmd_cache_control(cmd_parms *cmd, void *config, const char *value)
{
    h_dir_t *dir = config;
    const char *sentence = h_cmd_check_path(cmd);

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(value, "none") == 0)
        value = "";
    /* RFC 9110 §5.5: a field value is visible ASCII and spaces. */
    for (const char *c = value; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E)
            return apr_psprintf(cmd->pool, "%s must be the value of a Cache-Control header such as "
                                "\"public, max-age=86400\", in plain ASCII, or none", cmd->cmd->name);
    }
    dir->cache_control = value;
    return NULL;
}

/* RFC 6454 §6.2: scheme, host and perhaps a port; compared byte by byte, so without a slash at the end. */
static bool is_origin(apr_pool_t *pool, const char *text)
{
    apr_uri_t uri;

    return h_parse_http_uri(pool, text, &uri) && uri.path == NULL && uri.query == NULL && uri.fragment == NULL;
}

const char *h_cmd_cors(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    h_dir_t *dir = config;
    apr_array_header_t *list = apr_array_make(cmd->pool, argc + 1, sizeof(const char *));
    const char *sentence = h_cmd_check_path(cmd);

    if (sentence != NULL)
        return sentence;
    for (int i = 0; i < argc; i++) {
        if (argc == 1 && strcasecmp(argv[i], "off") == 0)
            break;
        if (!(argc == 1 && strcmp(argv[i], "*") == 0) && !is_origin(cmd->pool, argv[i]))
            return apr_psprintf(cmd->pool, "%s takes *, or origins such as https://viewer.example.org (scheme, host and "
                                "port, nothing after), or off; \"%s\" is none of these or not alone", cmd->cmd->name,
                                argv[i]);
        APR_ARRAY_PUSH(list, const char *) = argv[i];
    }
    if (argc == 0)
        return apr_psprintf(cmd->pool, "%s needs *, at least one origin, or off", cmd->cmd->name);
    dir->cors = list;
    return NULL;
}

const char *h_cmd_strict(cmd_parms *cmd, void *config, int on)
{
    ((h_dir_t *)config)->strict = on;
    return h_cmd_check_path(cmd);
}

/* --- proxies in front ----------------------------------------------------------------------------- */

const char *h_cmd_forwarded(cmd_parms *cmd, void *config, const char *kind)
{
    h_srv_t *srv = ap_get_module_config(cmd->server->module_config, &iiif_module);

    if (strcasecmp(kind, "none") == 0)
        srv->forwarded = H_FORWARDED_NONE;
    else if (strcasecmp(kind, "x-forwarded") == 0)
        srv->forwarded = H_FORWARDED_X;
    else if (strcasecmp(kind, "forwarded") == 0)
        srv->forwarded = H_FORWARDED_RFC7239;
    else
        return apr_psprintf(cmd->pool, "%s must be none, x-forwarded (X-Forwarded-Proto, -Host, -Prefix) or forwarded "
                            "(RFC 7239)", cmd->cmd->name);
    return NULL;
}

static apr_status_t parse_network(apr_pool_t *pool, const char *text, apr_ipsubnet_t **out)
{
    char *address = apr_pstrdup(pool, text);
    char *mask = strchr(address, '/');

    if (mask != NULL)
        *mask++ = '\0';
    return apr_ipsubnet_create(out, address, mask, pool);
}

const char *h_cmd_trusted_proxy(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    h_srv_t *srv = ap_get_module_config(cmd->server->module_config, &iiif_module);
    bool none = argc == 1 && strcasecmp(argv[0], "none") == 0;
    apr_array_header_t *subnets = apr_array_make(cmd->pool, argc + 1, sizeof(apr_ipsubnet_t *));
    apr_array_header_t *texts = apr_array_make(cmd->pool, argc + 1, sizeof(const char *));

    if (argc == 0)
        return apr_psprintf(cmd->pool, "%s needs at least one address or network, or none", cmd->cmd->name);
    for (int i = 0; i < argc && !none; i++) {
        APR_ARRAY_PUSH(texts, const char *) = argv[i];
        if (parse_network(cmd->pool, argv[i], &APR_ARRAY_PUSH(subnets, apr_ipsubnet_t *)) != APR_SUCCESS)
            return apr_psprintf(cmd->pool, "%s takes addresses and networks such as 127.0.0.1, 10.0.0.0/8 or 2001:db8::/32, "
                                "or none; \"%s\" is none of these", cmd->cmd->name, argv[i]);
    }
    if (none)
        srv->trusted_proxies_reset = true;
    else if (srv->trusted_proxies != NULL) {
        subnets = apr_array_append(cmd->pool, srv->trusted_proxies, subnets);
        texts = apr_array_append(cmd->pool, srv->trusted_texts, texts);
    }
    srv->trusted_proxies = subnets;
    srv->trusted_texts = texts;
    return NULL;
}
