/* SPDX-License-Identifier: Apache-2.0 */
/** What only several directives together can show to be wrong. `apachectl configtest` runs this, unlike post_config. */
#include "h_cmd.h"
#include "h_section.h"
#include "h_socache.h"

APLOG_USE_MODULE(iiif);

typedef struct check {
    bool failed;
} check_t;

static bool log_section(const h_section_t *section, const char *sentence)
{
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, section->server, "IIIF6000: <%s \"%s\">: %s", section->name,
                 section->path, sentence);
    return true;
}

/* Image 3.0 §5.3: maxWidth must be present where maxHeight is. */
static const char *check_limits(const h_dir_t *dir)
{
    iiif_limits_t limits;

    h_conf_limits(dir, &limits);
    if (limits.max_height != 0 && limits.max_width == 0)
        return H_NAME_MAX_HEIGHT " needs " H_NAME_MAX_WIDTH " beside it";
    /* Image 3.0 §5.3: who enlarges must say where that ends. */
    if (limits.upscale && limits.max_width == 0 && limits.max_area == 0)
        return H_NAME_UPSCALE " needs a limit: set " H_NAME_MAX_WIDTH ", or do not set " H_NAME_MAX_AREA " to none";
    return NULL;
}

static const char *check_base_uri(const h_dir_t *dir)
{
    if (dir->base_uri != NULL && dir->base_uri[0] != '\0' && strcmp(dir->base_uri_section, dir->prefix) != 0)
        return H_NAME_BASE_URI " must stand in the <Location> of " H_NAME_ROOT " or " H_NAME_RESOLVER ", in one around it, or "
               "outside of all";
    return NULL;
}

static int check_section(const h_section_t *section, void *context)
{
    check_t *check = context;
    const h_dir_t *dir = section->effective;
    const char *sentence;

    if (dir->resolver == NULL)
        return OK;
    sentence = check_limits(dir);
    if (sentence == NULL)
        sentence = check_base_uri(dir);
    if (sentence != NULL)
        check->failed = log_section(section, sentence);
    return OK;
}

/* A header that nobody is trusted to send would be silently passed over. */
static bool check_server(server_rec *server)
{
    const h_srv_t *srv = h_conf_srv(server);

    if (h_conf_forwarded(srv) == H_FORWARDED_NONE
        || (srv->trusted_proxies != NULL && srv->trusted_proxies->nelts > 0))
        return true;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
                 "IIIF6001: " H_NAME_FORWARDED " has no effect without " H_NAME_TRUSTED_PROXY "; name the address of the proxy "
                 "there, or set " H_NAME_FORWARDED " none");
    return false;
}

static bool check_facts_cache(server_rec *server, apr_pool_t *ptemp)
{
    const char *sentence = h_socache_check(h_conf_srv(server)->facts_cache, ptemp);

    if (sentence == NULL)
        return true;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server, "IIIF6002: " H_NAME_FACTS_CACHE ": %s", sentence);
    return false;
}

int h_conf_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *server)
{
    check_t check = { false };

    (void)h_section_each(ptemp, server, check_section, &check);
    for (server_rec *each = server; each != NULL; each = each->next)
        check.failed |= !check_server(each);
    check.failed |= !check_facts_cache(server, ptemp);
    return check.failed ? HTTP_INTERNAL_SERVER_ERROR : OK;
}
