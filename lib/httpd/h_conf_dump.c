/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `httpd -t -DDUMP_IIIF`: what the build holds and what is in force where, one `Name value` to a line below headings in
 * brackets. Values are written as the directive takes them, so that a section of the dump is a configuration that says all.
 */
#include <apr_file_io.h>
#include <apr_strings.h>

#include "../codec/iiif_build.h"
#include "h_cmd.h"
#include "h_section.h"
#include "h_socache.h"

typedef struct dump {
    apr_file_t *out;
    apr_pool_t *pool;
} dump_t;

static void say(const dump_t *dump, const char *name, const char *value)
{
    (void)apr_file_printf(dump->out, "%s %s\n", name, value);
}

static void say_number(const dump_t *dump, const char *name, apr_int64_t value)
{
    say(dump, name, apr_psprintf(dump->pool, "%" APR_INT64_T_FMT, value));
}

static void say_limit(const dump_t *dump, const char *name, uint64_t value)
{
    say(dump, name, value == 0 ? "none" : apr_psprintf(dump->pool, "%" APR_UINT64_T_FMT, (apr_uint64_t)value));
}

static void say_flag(const dump_t *dump, const char *name, bool value)
{
    say(dump, name, value ? "On" : "Off");
}

static const char *quoted(const dump_t *dump, const char *text)
{
    return text == NULL || text[0] == '\0' ? "none"
                                           : apr_pstrcat(dump->pool, "\"", ap_escape_quotes(dump->pool, text), "\"", NULL);
}

static const char *words_of(const dump_t *dump, const h_word_t *words, size_t count, unsigned value, const char *empty)
{
    const char *list = "";

    for (size_t i = 0; i < count; i++) {
        if ((value & words[i].bit) != 0)
            list = apr_pstrcat(dump->pool, list, *list == '\0' ? "" : " ", words[i].name, NULL);
    }
    return *list == '\0' ? empty : list;
}

static const char *strings_of(const dump_t *dump, const apr_array_header_t *list, const char *between, const char *empty)
{
    const char *out = "";

    for (int i = 0; list != NULL && i < list->nelts; i++)
        out = apr_pstrcat(dump->pool, out, i == 0 ? "" : between, APR_ARRAY_IDX(list, i, const char *), NULL);
    return *out == '\0' ? empty : out;
}

static const char *time_of(const dump_t *dump, apr_interval_time_t time)
{
    return apr_psprintf(dump->pool, "%" APR_TIME_T_FMT "ms", apr_time_as_msec(time));
}

/* --- a section ------------------------------------------------------------------------------------ */

static void say_resolver(const dump_t *dump, const h_dir_t *dir)
{
    const char *line;

    if (dir->resolver == NULL) {
        say(dump, H_NAME_RESOLVER, "none");
        return;
    }
    line = dir->resolver->name;
    for (int i = 0; i < dir->resolver_argc; i++)
        line = apr_pstrcat(dump->pool, line, " ", quoted(dump, dir->resolver_argv[i]), NULL);
    if (dir->resolver_from_root)
        say(dump, H_NAME_ROOT, quoted(dump, dir->resolver_argv[0]));
    else
        say(dump, H_NAME_RESOLVER, line);
}

static void say_service(const dump_t *dump, const h_dir_t *dir)
{
    svc_identifier_policy_t policy;
    int version = h_conf_version(dir);

    h_conf_identifier(dir, &policy);
    say_resolver(dump, dir);
    say(dump, H_NAME_SERVICE, words_of(dump, h_service_words, h_service_count, h_conf_services(dir), "off"));
    say(dump, H_NAME_VERSION, version == H_VERSION_AUTO ? "auto" : version == 2 ? "2" : "3");
    say(dump, H_NAME_IDENTIFIER,
        apr_psprintf(dump->pool, "max=%" APR_SIZE_T_FMT " extensions=%s extension=%s slash=%s", policy.max,
                     strings_of(dump, policy.extensions, ",", "all"), policy.stems ? "none" : "keep",
                     h_conf_slash_literal(dir) ? "literal" : "encoded"));
    say_flag(dump, H_NAME_PAGES, policy.pages);
    say(dump, H_NAME_BASE_URI, dir->base_uri == NULL || dir->base_uri[0] == '\0' ? "none" : dir->base_uri);
}

static void say_limits(const dump_t *dump, const h_dir_t *dir)
{
    iiif_limits_t limits;

    h_conf_limits(dir, &limits);
    say_limit(dump, H_NAME_MAX_WIDTH, limits.max_width);
    say_limit(dump, H_NAME_MAX_HEIGHT, limits.max_height);
    say_limit(dump, H_NAME_MAX_AREA, limits.max_area);
    if (limits.upscale_factor > 0)
        say(dump, H_NAME_UPSCALE, apr_psprintf(dump->pool, "%.10g", limits.upscale_factor));
    else
        say_flag(dump, H_NAME_UPSCALE, limits.upscale);
    say_limit(dump, H_NAME_MAX_SOURCE_AREA, limits.max_source_area);
    say_limit(dump, H_NAME_MEMORY, limits.memory);
    say(dump, H_NAME_TIMEOUT, time_of(dump, h_conf_timeout(dir)));
    say(dump, H_NAME_QUALITIES, words_of(dump, h_quality_words, h_quality_count, limits.qualities, "default"));
}

static void say_output(const dump_t *dump, const h_dir_t *dir)
{
    const char *const *formats = h_conf_formats(dir, dump->pool);
    const char *list = "";
    iiif_output_t output;

    for (; *formats != NULL; formats++)
        list = apr_pstrcat(dump->pool, list, *list == '\0' ? "" : " ", *formats, NULL);
    h_conf_output(dir, &output);
    say(dump, H_NAME_FORMATS, list);
    say(dump, H_NAME_JPEG_QUALITY,
        apr_psprintf(dump->pool, "%d subsampling=%s", output.jpeg_quality, h_chroma_names[output.jpeg_chroma]));
    say_number(dump, H_NAME_PNG_LEVEL, output.png_level);
    say_number(dump, H_NAME_WEBP_QUALITY, output.webp_quality);
    say(dump, H_NAME_COLOR, output.color == IIIF_COLOR_SRGB ? "srgb" : "keep");
    say(dump, H_NAME_BITONAL, output.bitonal == IIIF_BITONAL_DIFFUSION
                                  ? "diffusion" : apr_psprintf(dump->pool, "threshold=%u", output.threshold));
    say(dump, H_NAME_BACKGROUND, apr_psprintf(dump->pool, "%02x%02x%02x", output.background[0], output.background[1],
                                              output.background[2]));
}

static void say_http(const dump_t *dump, const h_dir_t *dir)
{
    say(dump, H_NAME_ATTRIBUTION, quoted(dump, h_conf_attribution(dir)));
    say(dump, H_NAME_RIGHTS, quoted(dump, h_conf_rights(dir)));
    say(dump, H_NAME_LOGO, quoted(dump, h_conf_logo(dir)));
    say(dump, H_NAME_CACHE_CONTROL, quoted(dump, h_conf_cache_control(dir)));
    say(dump, H_NAME_CORS, dir->cors == NULL ? "*" : strings_of(dump, dir->cors, " ", "off"));
    say_flag(dump, H_NAME_STRICT, h_conf_strict(dir));
}

/* --- a server ------------------------------------------------------------------------------------- */

static void say_server(const dump_t *dump, server_rec *server)
{
    const h_srv_t *srv = h_conf_srv(server);
    int forwarded = h_conf_forwarded(srv);

    say(dump, H_NAME_BASE_URI, srv->base_uri == NULL || srv->base_uri[0] == '\0' ? "none" : srv->base_uri);
    say(dump, H_NAME_FORWARDED, forwarded == H_FORWARDED_X ? "x-forwarded"
                                : forwarded == H_FORWARDED_RFC7239 ? "forwarded" : "none");
    say(dump, H_NAME_TRUSTED_PROXY, strings_of(dump, srv->trusted_texts, " ", "none"));
}

static void say_global(const dump_t *dump, server_rec *server)
{
    const h_srv_t *srv = h_conf_srv(server);
    svc_gate_options_t options;

    h_conf_gate(srv, &options);
    say(dump, H_NAME_RENDER_SLOTS, apr_psprintf(dump->pool, "%u reserve=%u", options.slots, options.reserve));
    say(dump, H_NAME_QUEUE, apr_psprintf(dump->pool, "waiters=%u timeout=%ums retry-after=%us", options.waiters,
                                         options.timeout_ms, h_conf_retry_after(srv)));
    say(dump, H_NAME_FACTS_CACHE, h_socache_effective(srv->facts_cache));
    if (h_conf_pixel_cache(srv) == 0)
        say(dump, H_NAME_PIXEL_CACHE, "off");
    else
        say_number(dump, H_NAME_PIXEL_CACHE, (apr_int64_t)h_conf_pixel_cache(srv));
}

static const char *server_name(const dump_t *dump, server_rec *server)
{
    const char *name = server->server_hostname != NULL ? server->server_hostname : "-";
    unsigned port = server->port != 0 || server->addrs == NULL ? server->port : server->addrs->host_port;

    return port == 0 ? name : apr_psprintf(dump->pool, "%s:%u", name, port);
}

static int say_section(const h_section_t *section, void *context)
{
    const dump_t *dump = context;

    if (section->path[0] == '\0') {
        (void)apr_file_printf(dump->out, "\n[server %s%s]\n", server_name(dump, section->server),
                              section->server->is_virtual ? "" : " main");
        if (!section->server->is_virtual)
            say_global(dump, section->server);
        say_server(dump, section->server);
    }
    else {
        (void)apr_file_printf(dump->out, "\n[%s \"%s\" of %s]\n", section->name, section->path,
                              server_name(dump, section->server));
        say_service(dump, section->effective);
    }
    say_limits(dump, section->effective);
    say_output(dump, section->effective);
    say_http(dump, section->effective);
    return OK;
}

static void say_feature(void *context, const char *feature, const char *library)
{
    say(context, feature, library);
}

void h_conf_dump(apr_pool_t *pool, server_rec *server)
{
    dump_t dump = { NULL, NULL };
    const char *list = "";

    if (apr_pool_create(&dump.pool, pool) != APR_SUCCESS || apr_file_open_stdout(&dump.out, dump.pool) != APR_SUCCESS)
        return;
    (void)apr_file_printf(dump.out, "[build]\n");
    iiif_build_each(say_feature, &dump);
    for (size_t i = 0; iiif_decoders[i] != NULL; i++)
        list = apr_pstrcat(dump.pool, list, i == 0 ? "" : " ", iiif_decoders[i]->name, NULL);
    say(&dump, "Reads", list);
    list = "";
    for (size_t i = 0; iiif_encoders[i] != NULL; i++)
        list = apr_pstrcat(dump.pool, list, i == 0 ? "" : " ", iiif_encoders[i]->format, NULL);
    say(&dump, "Writes", list);
    (void)h_section_each(dump.pool, server, say_section, &dump);
    apr_pool_destroy(dump.pool);
}
