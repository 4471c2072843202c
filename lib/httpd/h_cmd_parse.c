/* SPDX-License-Identifier: Apache-2.0 */
#include "h_cmd.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_uri.h>

/* --- where a directive stands --------------------------------------------------------------------- */

/* Sections that only decide whether lines are read at all; most vanish before, not all in all versions. */
static bool is_transparent(const char *name)
{
    static const char *const names[] = { "<IfModule", "<IfDefine", "<IfVersion", "<IfFile", "<IfDirective", "<IfSection" };

    for (size_t i = 0; i < IIIF_COUNT(names); i++) {
        if (strcasecmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static const ap_directive_t *section_of(const cmd_parms *cmd)
{
    const ap_directive_t *parent = cmd->directive != NULL ? cmd->directive->parent : NULL;

    while (parent != NULL && is_transparent(parent->directive))
        parent = parent->parent;
    return parent;
}

h_place h_cmd_place(const cmd_parms *cmd)
{
    const ap_directive_t *section = section_of(cmd);

    if (section == NULL || strcasecmp(section->directive, "<VirtualHost") == 0)
        return H_PLACE_SERVER;
    if (strcasecmp(section->directive, "<LocationMatch") == 0)
        return H_PLACE_PATTERN;
    if (strcasecmp(section->directive, "<Location") != 0 || cmd->path == NULL)
        return H_PLACE_OTHER;
    if (section->args[0] == '~' || cmd->path[0] != '/' || ap_is_matchexp(cmd->path))
        return H_PLACE_PATTERN;
    return H_PLACE_LOCATION;
}

const char *h_cmd_check_routing(const cmd_parms *cmd, bool server_too)
{
    const char *name = cmd->cmd->name;

    switch (h_cmd_place(cmd)) {
    case H_PLACE_LOCATION:
        return NULL;
    case H_PLACE_SERVER:
        return server_too ? NULL
                          : apr_psprintf(cmd->pool, "%s belongs into a <Location \"/path\"> section, whose path becomes "
                                         "the first part of the URLs", name);
    case H_PLACE_PATTERN:
        return apr_psprintf(cmd->pool, "%s belongs into a plain <Location \"/path\"> section; a pattern or wildcard "
                            "does not say where the identifier begins", name);
    case H_PLACE_OTHER:
        break;
    }
    return apr_psprintf(cmd->pool, "%s cannot stand in a %s> section: it is needed before the file is known; put it "
                        "directly into a <Location \"/path\"> section", name, section_of(cmd)->directive);
}

const char *h_cmd_check_path(const cmd_parms *cmd)
{
    if (h_cmd_place(cmd) != H_PLACE_OTHER)
        return NULL;
    return apr_psprintf(cmd->pool, "%s cannot stand in a %s> section: what holds for an image goes by its URL; put it "
                        "into a <Location \"/path\"> section", cmd->cmd->name, section_of(cmd)->directive);
}

const char *h_cmd_section_path(const cmd_parms *cmd)
{
    size_t n = strlen(cmd->path);

    while (n > 0 && cmd->path[n - 1] == '/')
        n--;
    return apr_pstrmemdup(cmd->pool, cmd->path, n);
}

/* --- values --------------------------------------------------------------------------------------- */

static bool unit_of(const char *text, apr_int64_t *unit)
{
    switch (apr_toupper(text[0])) {
    case 'K':
        *unit = 1024;
        break;
    case 'M':
        *unit = 1024 * 1024;
        break;
    case 'G':
        *unit = 1024 * 1024 * 1024;
        break;
    default:
        return false;
    }
    return text[1] == '\0';
}

bool h_parse_number(const char *text, bool units, apr_int64_t min, apr_int64_t max, apr_int64_t *out)
{
    apr_int64_t n = 0, unit = 1;

    if (!apr_isdigit(*text))
        return false;
    for (; apr_isdigit(*text); text++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *text - '0', &n))
            return false;
    }
    if (*text != '\0' && (!units || !unit_of(text, &unit)))
        return false;
    if (__builtin_mul_overflow(n, unit, &n) || n < min || n > max)
        return false;
    *out = n;
    return true;
}

bool h_parse_time(const char *text, apr_interval_time_t max, apr_interval_time_t *out)
{
    apr_interval_time_t time;

    /* The core's parser takes signs and fractions of a unit in passing; a time here is plain digits and a unit. */
    if (!apr_isdigit(*text) || ap_timeout_parameter_parse(text, &time, "s") != APR_SUCCESS || time <= 0 || time > max)
        return false;
    *out = time;
    return true;
}

const char *h_parse_key(const char *text, const char *key)
{
    size_t n = strlen(key);

    return strncasecmp(text, key, n) == 0 && text[n] == '=' ? text + n + 1 : NULL;
}

bool h_parse_http_uri(apr_pool_t *pool, const char *text, apr_uri_t *out)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7F || *c == '"' || *c == '<' || *c == '>' || *c == '\\')
            return false;
    }
    return apr_uri_parse(pool, text, out) == APR_SUCCESS && out->scheme != NULL && out->hostname != NULL
           && out->hostname[0] != '\0' && out->user == NULL && out->password == NULL
           && (strcasecmp(out->scheme, "http") == 0 || strcasecmp(out->scheme, "https") == 0);
}

/* --- sets ----------------------------------------------------------------------------------------- */

const char *h_words_list(apr_pool_t *pool, const h_word_t *words, size_t count)
{
    const char *list = "";

    for (size_t i = 0; i < count; i++)
        list = apr_pstrcat(pool, list, i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i].name, NULL);
    return list;
}

static unsigned bit_of(const h_word_t *words, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(words[i].name, name) == 0)
            return words[i].bit;
    }
    return 0;
}

static void set_change(h_set_t *set, unsigned bit, char sign)
{
    if (set->absolute) {
        set->value = sign == '+' ? set->value | bit : set->value & ~bit;
        return;
    }
    set->add = sign == '+' ? set->add | bit : set->add & ~bit;
    set->remove = sign == '-' ? set->remove | bit : set->remove & ~bit;
}

static const char *set_word(cmd_parms *cmd, const h_word_t *words, size_t count, const char *word, h_set_t *set)
{
    char sign = *word == '+' || *word == '-' ? *word : '\0';
    const char *name = sign != '\0' ? word + 1 : word;
    unsigned bit = bit_of(words, count, name);

    if (bit == 0)
        return apr_psprintf(cmd->pool, "%s does not know \"%s\"; it knows %s", cmd->cmd->name, name,
                            h_words_list(cmd->pool, words, count));
    if (sign == '\0')
        set->value |= bit;
    else
        set_change(set, bit, sign);
    return NULL;
}

const char *h_parse_set(cmd_parms *cmd, const h_word_t *words, size_t count, const char *empty, int argc,
                        char *const argv[], h_set_t *set)
{
    static const h_set_t nothing = { true, 0, 0, 0 };
    const char *sentence = NULL;
    int relative = 0;

    if (argc == 0)
        return apr_psprintf(cmd->pool, "%s needs at least one of %s", cmd->cmd->name,
                            h_words_list(cmd->pool, words, count));
    if (argc == 1 && empty != NULL && strcasecmp(argv[0], empty) == 0) {
        *set = nothing;
        return NULL;
    }
    for (int i = 0; i < argc; i++)
        relative += argv[i][0] == '+' || argv[i][0] == '-';
    if (relative != 0 && relative != argc)
        return apr_psprintf(cmd->pool, "%s takes either plain names, which replace the list, or names that all begin "
                            "with + or -, which change it", cmd->cmd->name);
    if (relative == 0)
        *set = nothing;
    for (int i = 0; i < argc && sentence == NULL; i++)
        sentence = set_word(cmd, words, count, argv[i], set);
    return sentence;
}
