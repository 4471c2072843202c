/* SPDX-License-Identifier: Apache-2.0 */
/** Directives for the whole server, of which there is one gate, one cache of facts and one of pixels. */
#include "h_cmd.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define SLOTS_MAX   4096
#define WAITERS_MAX 65536
#define WAIT_MAX    apr_time_from_sec(600)

static h_srv_t *global_of(cmd_parms *cmd)
{
    return ap_get_module_config(cmd->server->module_config, &iiif_module);
}

const char *h_cmd_render_slots(cmd_parms *cmd, void *config, const char *slots, const char *reserve)
{
    h_srv_t *srv = global_of(cmd);
    const char *sentence = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *value = reserve != NULL ? h_parse_key(reserve, "reserve") : NULL;
    apr_int64_t n, m = H_UNSET;

    if (sentence != NULL)
        return sentence;
    if (!h_parse_number(slots, false, 1, SLOTS_MAX, &n))
        return apr_psprintf(cmd->pool, "%s must be a number from 1 to %d", cmd->cmd->name, SLOTS_MAX);
    if (reserve != NULL && (value == NULL || !h_parse_number(value, false, 0, n - 1, &m)))
        return apr_psprintf(cmd->pool, "%s: what follows the number must be reserve=N with N below it, here from 0 to %d",
                            cmd->cmd->name, (int)n - 1);
    srv->render_slots = (int)n;
    srv->render_reserve = (int)m;
    return NULL;
}

static const char *set_queue(cmd_parms *cmd, h_srv_t *srv, const char *word)
{
    const char *value;
    apr_int64_t n;

    if ((value = h_parse_key(word, "waiters")) != NULL) {
        if (!h_parse_number(value, false, 0, WAITERS_MAX, &n))
            return apr_psprintf(cmd->pool, "%s waiters= must be a number from 0 to %d", cmd->cmd->name, WAITERS_MAX);
        srv->queue_waiters = (int)n;
        return NULL;
    }
    if ((value = h_parse_key(word, "timeout")) != NULL) {
        if (!h_parse_time(value, WAIT_MAX, &srv->queue_timeout))
            return apr_psprintf(cmd->pool, "%s timeout= must be a time above 0 and up to 10min, such as 2s",
                                cmd->cmd->name);
        return NULL;
    }
    if ((value = h_parse_key(word, "retry-after")) != NULL) {
        if (!h_parse_time(value, WAIT_MAX, &srv->queue_retry_after))
            return apr_psprintf(cmd->pool, "%s retry-after= must be a time above 0 and up to 10min, such as 2s",
                                cmd->cmd->name);
        return NULL;
    }
    return apr_psprintf(cmd->pool, "%s takes waiters=N, timeout=TIME and retry-after=TIME; \"%s\" is none of these",
                        cmd->cmd->name, word);
}

const char *h_cmd_queue(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    const char *sentence = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (sentence == NULL && argc == 0)
        sentence = set_queue(cmd, global_of(cmd), "");
    for (int i = 0; i < argc && sentence == NULL; i++)
        sentence = set_queue(cmd, global_of(cmd), argv[i]);
    return sentence;
}

const char *h_cmd_facts_cache(cmd_parms *cmd, void *config, const char *text)
{
    const char *sentence = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    size_t n = 0;

    if (sentence != NULL)
        return sentence;
    while (apr_isalnum(text[n]) || text[n] == '_' || text[n] == '-')
        n++;
    if (n == 0 || (text[n] != '\0' && text[n] != ':'))
        return apr_psprintf(cmd->pool, "%s must be shmcb:SIZE such as shmcb:2M, another socache with its arguments such as "
                            "memcache:host:11211 or redis:host:6379, or none", cmd->cmd->name);
    global_of(cmd)->facts_cache = text;
    return NULL;
}

const char *h_cmd_pixel_cache(cmd_parms *cmd, void *config, const char *size)
{
    const char *sentence = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    apr_int64_t n = 0;

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(size, "off") != 0
        && !h_parse_number(size, true, (apr_int64_t)SVC_PIXELS_BYTES_MIN, (apr_int64_t)SVC_PIXELS_BYTES_MAX, &n))
        return apr_psprintf(cmd->pool, "%s must be a number of bytes from 16M to 1024G, or off", cmd->cmd->name);
    global_of(cmd)->pixel_cache = n;
    return NULL;
}
