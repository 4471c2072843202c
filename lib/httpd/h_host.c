/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which host name the URIs of a virtual host show. The Host header is believed only where it names this virtual host:
 * what it says ends up in documents that caches keep.
 */
#include "h_iiif.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <util_cfgtree.h>

APLOG_USE_MODULE(iiif);

/* In pconf: the servers that declare a ServerName. The core fills in a guess for the others, which looks the same later. */
#define NAMED_SERVERS "iiif-named-servers"

static bool declares_name(const ap_directive_t *directive)
{
    for (; directive != NULL; directive = directive->next) {
        if (ap_cstr_casecmp(directive->directive, "ServerName") == 0)
            return true;
        if (ap_cstr_casecmp(directive->directive, "<VirtualHost") != 0 && directive->directive[0] == '<' &&
            declares_name(directive->first_child))
            return true;
    }
    return false;
}

static server_rec *server_of(server_rec *main_server, const ap_directive_t *section)
{
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        if (s->is_virtual && s->defn_line_number == (unsigned)section->line_num && s->defn_name != NULL &&
            strcmp(s->defn_name, section->filename) == 0)
            return s;
    }
    return NULL;
}

static void note_named(apr_hash_t *named, server_rec *server)
{
    server_rec **key = apr_pmemdup(apr_hash_pool_get(named), &server, sizeof(server));

    apr_hash_set(named, key, sizeof(*key), server);
}

static void note_virtual_hosts(apr_hash_t *named, server_rec *main_server, const ap_directive_t *directive)
{
    for (; directive != NULL; directive = directive->next) {
        if (ap_cstr_casecmp(directive->directive, "<VirtualHost") == 0) {
            server_rec *server = server_of(main_server, directive);

            if (server != NULL && declares_name(directive->first_child))
                note_named(named, server);
        }
        else if (directive->directive[0] == '<') {
            note_virtual_hosts(named, main_server, directive->first_child);
        }
    }
}

int h_host_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *server)
{
    apr_hash_t *named = apr_hash_make(pconf);

    if (declares_name(ap_conftree))
        note_named(named, server);
    note_virtual_hosts(named, server, ap_conftree);
    return apr_pool_userdata_setn(named, NAMED_SERVERS, NULL, pconf) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static bool is_named(const request_rec *r)
{
    void *named = NULL;

    if (apr_pool_userdata_get(&named, NAMED_SERVERS, r->server->process->pconf) != APR_SUCCESS || named == NULL)
        return true;
    return apr_hash_get(named, &r->server, sizeof(r->server)) != NULL;
}

/* ServerName or ServerAlias; as httpd chooses virtual hosts, without regard to case. */
static bool names_server(const server_rec *server, const char *host)
{
    if (server->server_hostname != NULL && ap_cstr_casecmp(host, server->server_hostname) == 0)
        return true;
    for (int i = 0; server->names != NULL && i < server->names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(server->names, i, const char *);

        if (name != NULL && ap_cstr_casecmp(host, name) == 0)
            return true;
    }
    for (int i = 0; server->wild_names != NULL && i < server->wild_names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(server->wild_names, i, const char *);

        if (name != NULL && ap_strcasecmp_match(host, name) == 0)
            return true;
    }
    return false;
}

/* `port` 0: the usual one of the scheme. */
static const char *authority(request_rec *r, const char *scheme, const char *host, unsigned port)
{
    bool is_v6 = strchr(host, ':') != NULL;
    unsigned usual = strcmp(scheme, "https") == 0 ? 443 : 80;
    const char *name = is_v6 ? apr_pstrcat(r->pool, "[", host, "]", NULL) : host;

    return port == 0 || port == usual ? name : apr_psprintf(r->pool, "%s:%u", name, port);
}

/*
 * The port of ServerName. Where that has none the usual one of the scheme, which may be a proxy's, not this
 * connection's; but UseCanonicalPhysicalPort On asks for the latter.
 */
static unsigned canonical_port(request_rec *r, const core_dir_config *core)
{
    return core->use_canonical_phys_port == USE_CANONICAL_PHYS_PORT_ON ? ap_get_server_port(r) : r->server->port;
}

const char *h_host_authority(request_rec *r, const char *scheme)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    /* The core keeps the port of the Host header here. */
    unsigned asked_port = r->parsed_uri.port_str != NULL ? r->parsed_uri.port : 0;
    const char *host = r->hostname;

    switch (core->use_canonical_name) {
    case USE_CANONICAL_NAME_ON:
        break;
    case USE_CANONICAL_NAME_DNS:
        return authority(r, scheme, ap_get_server_name(r), asked_port);
    default:
        if (host != NULL && *host != '\0' && (names_server(r->server, host) || !is_named(r)))
            return authority(r, scheme, host, asked_port);
        /*
         * A stranger's Host, or none. Where ServerName has neither a port nor a scheme, of which the usual port is
         * meant, the one that the request came in by is all there is.
         */
        if (r->server->port == 0 && r->server->server_scheme == NULL)
            return authority(r, scheme, r->server->server_hostname, r->connection->local_addr->port);
    }
    return authority(r, scheme, r->server->server_hostname, canonical_port(r, core));
}
