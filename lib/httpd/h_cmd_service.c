/* SPDX-License-Identifier: Apache-2.0 */
/** Directives that say what is served and under which URLs. They are needed before the file of a request is known. */
#include "h_cmd.h"

#include <apr_lib.h>
#include <apr_strings.h>

/* An identifier longer than this cannot arrive: LimitRequestLine is 8190 bytes. */
#define IDENTIFIER_MAX 8000

const h_word_t h_service_words[] = {
    { "image", H_SERVICE_IMAGE },
    { "presentation", H_SERVICE_PRESENTATION },
    { "viewer", H_SERVICE_VIEWER },
    { "annotations", H_SERVICE_ANNOTATIONS },
    { "search", H_SERVICE_SEARCH },
    { "discovery", H_SERVICE_DISCOVERY },
    { "auth", H_SERVICE_AUTH },
};
const size_t h_service_count = IIIF_COUNT(h_service_words);
const unsigned h_services_built = H_SERVICE_IMAGE;

/* --- resolver ------------------------------------------------------------------------------------- */

/* `argv[0]` becomes absolute; both resolvers of files begin with a path. */
static const char *set_resolver(cmd_parms *cmd, h_dir_t *dir, const svc_resolver_t *resolver, int argc,
                                char *const argv[])
{
    const char **copy = apr_pcalloc(cmd->pool, ((size_t)argc + 1) * sizeof(*copy));
    const char *sentence;

    for (int i = 0; i < argc; i++)
        copy[i] = argv[i];
    if (argc > 0) {
        /* An empty path would come to mean ServerRoot. */
        copy[0] = argv[0][0] != '\0' ? ap_server_root_relative(cmd->pool, argv[0]) : NULL;
        if (copy[0] == NULL)
            return apr_psprintf(cmd->pool, "%s: \"%s\" is not a path", cmd->cmd->name, argv[0]);
    }
    sentence = resolver->configure(cmd->pool, argc, copy, &dir->resolver_config);
    if (sentence != NULL)
        return apr_psprintf(cmd->pool, "%s: %s", cmd->cmd->name, sentence);
    dir->prefix = h_cmd_section_path(cmd);
    dir->resolver = resolver;
    dir->resolver_argc = argc;
    dir->resolver_argv = copy;
    return NULL;
}

const char *h_cmd_root(cmd_parms *cmd, void *config, const char *path)
{
    h_dir_t *dir = config;
    char *argv[] = { apr_pstrdup(cmd->pool, path), NULL };
    const char *sentence = h_cmd_check_routing(cmd, false);

    if (sentence == NULL)
        sentence = set_resolver(cmd, dir, svc_resolver_find("fs"), 1, argv);
    dir->resolver_from_root = sentence == NULL;
    return sentence;
}

const char *h_cmd_resolver(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    h_dir_t *dir = config;
    const svc_resolver_t *resolver = argc > 0 ? svc_resolver_find(argv[0]) : NULL;
    const char *sentence = h_cmd_check_routing(cmd, false);

    if (sentence != NULL)
        return sentence;
    if (resolver == NULL)
        return apr_psprintf(cmd->pool, "%s must begin with fs (and a folder) or template (and the pattern of a path)",
                            cmd->cmd->name);
    sentence = set_resolver(cmd, dir, resolver, argc - 1, argv + 1);
    if (sentence == NULL)
        dir->resolver_from_root = false;
    return sentence;
}

/* --- services and layout -------------------------------------------------------------------------- */

const char *h_cmd_service(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    h_dir_t *dir = config;
    const char *sentence = h_cmd_check_routing(cmd, true);
    unsigned wanted;

    if (sentence == NULL)
        sentence = h_parse_set(cmd, h_service_words, h_service_count, "off", argc, argv, &dir->services);
    if (sentence != NULL)
        return sentence;
    wanted = (dir->services.value | dir->services.add) & ~h_services_built;
    for (size_t i = 0; i < h_service_count; i++) {
        if ((wanted & h_service_words[i].bit) != 0)
            return apr_psprintf(cmd->pool, "%s: this version of the module does not offer the service \"%s\"; take "
                                "the word out", cmd->cmd->name, h_service_words[i].name);
    }
    return NULL;
}

const char *h_cmd_version(cmd_parms *cmd, void *config, const char *version)
{
    h_dir_t *dir = config;
    const char *sentence = h_cmd_check_routing(cmd, true);

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(version, "auto") == 0)
        dir->version = H_VERSION_AUTO;
    else if (strcmp(version, "2") == 0 || strcmp(version, "3") == 0)
        dir->version = version[0] - '0';
    else
        return apr_psprintf(cmd->pool, "%s must be auto, 2 or 3", cmd->cmd->name);
    return NULL;
}

/* --- identifiers ---------------------------------------------------------------------------------- */

static bool is_extension(const char *text)
{
    size_t n = 0;

    while (apr_isalnum(text[n]))
        n++;
    return n > 0 && n <= 16 && text[n] == '\0';
}

static const char *set_extensions(cmd_parms *cmd, h_dir_t *dir, const char *value)
{
    apr_array_header_t *list = apr_array_make(cmd->pool, 8, sizeof(const char *));
    char *copy = apr_pstrdup(cmd->pool, value), *last = NULL;

    dir->identifier_extensions = list;
    if (strcasecmp(value, "all") == 0)
        return NULL;
    for (char *word = apr_strtok(copy, ",", &last); word != NULL; word = apr_strtok(NULL, ",", &last)) {
        if (*word == '.')
            word++;
        if (!is_extension(word))
            return apr_psprintf(cmd->pool, "%s extensions= takes file extensions with commas between, such as "
                                "extensions=jp2,tif, or all; \"%s\" is none", cmd->cmd->name, word);
        ap_str_tolower(word);
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    if (list->nelts == 0)
        return apr_psprintf(cmd->pool, "%s extensions= needs at least one file extension, or all", cmd->cmd->name);
    return NULL;
}

/* One of two words into a flag. */
static const char *set_choice(cmd_parms *cmd, const char *key, const char *value, const char *off, const char *on,
                              int *flag)
{
    if (strcasecmp(value, on) == 0)
        *flag = 1;
    else if (strcasecmp(value, off) == 0)
        *flag = 0;
    else
        return apr_psprintf(cmd->pool, "%s %s= must be %s or %s", cmd->cmd->name, key, off, on);
    return NULL;
}

static const char *set_identifier(cmd_parms *cmd, h_dir_t *dir, const char *word)
{
    const char *value;
    apr_int64_t n;

    if ((value = h_parse_key(word, "max")) != NULL) {
        if (!h_parse_number(value, false, 1, IDENTIFIER_MAX, &n))
            return apr_psprintf(cmd->pool, "%s max= must be a number of bytes from 1 to %d", cmd->cmd->name,
                                IDENTIFIER_MAX);
        dir->identifier_max = (apr_off_t)n;
        return NULL;
    }
    if ((value = h_parse_key(word, "extensions")) != NULL)
        return set_extensions(cmd, dir, value);
    if ((value = h_parse_key(word, "extension")) != NULL)
        return set_choice(cmd, "extension", value, "keep", "none", &dir->identifier_stems);
    if ((value = h_parse_key(word, "slash")) != NULL)
        return set_choice(cmd, "slash", value, "encoded", "literal", &dir->identifier_slash_literal);
    return apr_psprintf(cmd->pool, "%s takes max=BYTES, extensions=jp2,tif or extensions=all, extension=none or "
                        "extension=keep, slash=literal or slash=encoded; \"%s\" is none of these", cmd->cmd->name, word);
}

const char *h_cmd_identifier(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    const char *sentence = h_cmd_check_routing(cmd, true);

    if (sentence == NULL && argc == 0)
        sentence = set_identifier(cmd, config, "");
    for (int i = 0; i < argc && sentence == NULL; i++)
        sentence = set_identifier(cmd, config, argv[i]);
    return sentence;
}

const char *h_cmd_pages(cmd_parms *cmd, void *config, int on)
{
    h_dir_t *dir = config;

    dir->pages = on;
    return h_cmd_check_routing(cmd, true);
}

/* --- public address ------------------------------------------------------------------------------- */

const char *h_cmd_base_uri(cmd_parms *cmd, void *config, const char *text)
{
    h_dir_t *dir = config;
    h_srv_t *srv = ap_get_module_config(cmd->server->module_config, &iiif_module);
    const char *sentence = h_cmd_check_routing(cmd, true);
    size_t n = strlen(text);
    apr_uri_t uri;

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(text, "none") == 0)
        n = 0;
    else if (!h_parse_http_uri(cmd->pool, text, &uri) || uri.query != NULL || uri.fragment != NULL)
        return apr_psprintf(cmd->pool, "%s must be an absolute http or https URI without query, such as "
                            "https://iiif.example.org/images, or none", cmd->cmd->name);
    while (n > 0 && text[n - 1] == '/')
        n--;
    text = apr_pstrmemdup(cmd->pool, text, n);
    if (h_cmd_place(cmd) == H_PLACE_SERVER) {
        srv->base_uri = text;
        return NULL;
    }
    dir->base_uri = text;
    dir->base_uri_section = h_cmd_section_path(cmd);
    return NULL;
}
