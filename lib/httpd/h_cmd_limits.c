/* SPDX-License-Identifier: Apache-2.0 */
/** Directives that bound what one request may cost, and what it may ask for. */
#include "h_cmd.h"

#include <apr_strings.h>

#define PIXELS_MAX      APR_INT64_C(2147483647)        /* of one side */
#define AREA_MAX        APR_INT64_C(4611686014132420609) /* PIXELS_MAX squared */
#define MEMORY_MIN      (APR_INT64_C(16) << 20)
#define MEMORY_MAX      (APR_INT64_C(1) << 40)
#define TIMEOUT_MAX     apr_time_from_sec(3600)
#define FACTOR_MAX      1000.0

/* A number of pixels, or 0 for "none". */
static const char *set_pixels(cmd_parms *cmd, const char *text, bool units, apr_int64_t max, const char *example,
                              apr_off_t *out)
{
    const char *sentence = h_cmd_check_path(cmd);
    apr_int64_t n = 0;

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(text, "none") != 0 && !h_parse_number(text, units, 1, max, &n))
        return apr_psprintf(cmd->pool, "%s must be a number of pixels such as %s, or none", cmd->cmd->name, example);
    *out = (apr_off_t)n;
    return NULL;
}

const char *h_cmd_max_width(cmd_parms *cmd, void *config, const char *pixels)
{
    return set_pixels(cmd, pixels, false, PIXELS_MAX, "4000", &((h_dir_t *)config)->max_width);
}

const char *h_cmd_max_height(cmd_parms *cmd, void *config, const char *pixels)
{
    return set_pixels(cmd, pixels, false, PIXELS_MAX, "4000", &((h_dir_t *)config)->max_height);
}

const char *h_cmd_max_area(cmd_parms *cmd, void *config, const char *pixels)
{
    return set_pixels(cmd, pixels, true, AREA_MAX, "64M (K, M and G are 1024, 1024 K and 1024 M)",
                      &((h_dir_t *)config)->max_area);
}

const char *h_cmd_max_source_area(cmd_parms *cmd, void *config, const char *pixels)
{
    return set_pixels(cmd, pixels, true, AREA_MAX, "2G (K, M and G are 1024, 1024 K and 1024 M)",
                      &((h_dir_t *)config)->max_source_area);
}

const char *h_cmd_upscale(cmd_parms *cmd, void *config, const char *text)
{
    h_dir_t *dir = config;
    const char *sentence = h_cmd_check_path(cmd);
    char *end = NULL;
    double factor;

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(text, "off") == 0)
        factor = 0;
    else if (strcasecmp(text, "on") == 0)
        factor = 1;
    else {
        /* strtod takes infinities and hexadecimal too; a factor is written in plain digits. */
        factor = strtod(text, &end);
        if (text[strspn(text, "0123456789.")] != '\0' || *end != '\0' || !(factor > 1 && factor <= FACTOR_MAX))
            return apr_psprintf(cmd->pool, "%s must be On, Off, or the largest factor, a number above 1 and up to %.0f",
                                cmd->cmd->name, FACTOR_MAX);
    }
    dir->upscale = factor;
    return NULL;
}

const char *h_cmd_memory(cmd_parms *cmd, void *config, const char *text)
{
    h_dir_t *dir = config;
    const char *sentence = h_cmd_check_path(cmd);
    apr_int64_t n;

    if (sentence != NULL)
        return sentence;
    if (!h_parse_number(text, true, MEMORY_MIN, MEMORY_MAX, &n) || (apr_uint64_t)n > SIZE_MAX)
        return apr_psprintf(cmd->pool, "%s must be a size from 16M to 1024G, such as 256M", cmd->cmd->name);
    dir->memory = (apr_off_t)n;
    return NULL;
}

const char *h_cmd_timeout(cmd_parms *cmd, void *config, const char *text)
{
    h_dir_t *dir = config;
    const char *sentence = h_cmd_check_path(cmd);

    if (sentence != NULL)
        return sentence;
    if (!h_parse_time(text, TIMEOUT_MAX, &dir->timeout))
        return apr_psprintf(cmd->pool, "%s must be a time above 0 and up to 60min, such as 20s or 500ms", cmd->cmd->name);
    return NULL;
}
