/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `template PATTERN`: the path of the master is made from the identifier, for stores that are laid out by rule.
 *
 * A pattern is an absolute path with placeholders:
 *   {identifier}  the whole identifier, slashes included
 *   {dir}         what stands before its last slash; empty without one
 *   {name}        what stands after its last slash
 *   {stem}        the name without its last extension
 *   {hash}        SHA-256 of the identifier, 64 lower-case hexadecimal digits
 * Each may be cut: {hash:2} is its first two characters, {hash:2,2} two from the third on. A cut that leaves nothing is a 404.
 *
 *   template /srv/masters/{identifier}/master.jp2
 *   template /srv/store/{hash:2}/{hash:2,2}/{hash}.tif
 *
 * The folders before the first placeholder are the root, which opening never leaves. Repeated slashes count as one. What comes
 * out is subject to the same rules as an identifier below a folder: no dot-started part, no name that begins with `_`.
 */
#include <apr_strings.h>

#include <string.h>

#include "../core/iiif_hash.h"
#include "svc_identifier.h"
#include "svc_master.h"

typedef enum part_kind { PART_TEXT, PART_IDENTIFIER, PART_DIR, PART_NAME, PART_STEM, PART_HASH } part_kind;

static const struct { const char *name; part_kind kind; } placeholders[] = {
    { "identifier", PART_IDENTIFIER },
    { "dir", PART_DIR },
    { "name", PART_NAME },
    { "stem", PART_STEM },
    { "hash", PART_HASH },
};

typedef struct template_part {
    part_kind kind;
    iiif_slice_t text;          /* PART_TEXT */
    bool cut;
    size_t start, length;       /* characters, where cut */
} template_part_t;

typedef struct template_config {
    const char *root;
    apr_array_header_t *parts;  /* template_part_t, below the root */
    bool shows_identifier;      /* some placeholder holds text of the identifier, not only its hash */
} template_config_t;

#define CUT_MAX 9999

/* Digits at the front of *text, taken off; false where there are none or too many. */
static bool take_number(iiif_slice_t *text, size_t *number)
{
    size_t n = 0, digits = 0;

    while (digits < text->length && text->data[digits] >= '0' && text->data[digits] <= '9' && n <= CUT_MAX)
        n = n * 10 + (size_t)(text->data[digits++] - '0');
    *text = iiif_slice_skip(*text, digits);
    *number = n;
    return digits > 0 && n <= CUT_MAX;
}

/* `N` or `S,N`, to the end. */
static bool parse_cut(iiif_slice_t text, template_part_t *part)
{
    part->cut = true;
    part->start = 0;
    if (!take_number(&text, &part->length))
        return false;
    if (text.length > 0) {
        if (text.data[0] != ',')
            return false;
        text = iiif_slice_skip(text, 1);
        part->start = part->length;
        if (!take_number(&text, &part->length))
            return false;
    }
    return text.length == 0 && part->length > 0;
}

/* What stands between the braces. */
static bool parse_placeholder(iiif_slice_t text, template_part_t *part)
{
    iiif_slice_t name = text, cut;
    bool has_cut = iiif_slice_split_first(text, ':', &name, &cut);

    memset(part, 0, sizeof(*part));
    if (has_cut && !parse_cut(cut, part))
        return false;
    for (size_t i = 0; i < IIIF_COUNT(placeholders); i++) {
        if (iiif_slice_is(name, placeholders[i].name)) {
            part->kind = placeholders[i].kind;
            return true;
        }
    }
    return false;
}

static void add_text(template_config_t *config, const char *text, size_t length)
{
    template_part_t part = { PART_TEXT, { NULL, 0 }, false, 0, 0 };

    if (length > 0) {
        part.text = iiif_slice_of(text, length);
        APR_ARRAY_PUSH(config->parts, template_part_t) = part;
    }
}

/* What follows the root's slash. A sentence, or NULL. */
static const char *parse_parts(apr_pool_t *pool, template_config_t *config, const char *text)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "{}");
        const char *end;
        template_part_t part;

        add_text(config, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        end = strchr(text, '}');
        if (*text == '}' || end == NULL
            || !parse_placeholder(iiif_slice_of(text + 1, (size_t)(end - text - 1)), &part))
            return apr_psprintf(pool, "\"%s\" is no placeholder; there are {identifier}, {dir}, {name}, {stem} and {hash}, "
                                "each also cut as {hash:2} or {hash:2,2}",
                                end == NULL ? text : apr_pstrmemdup(pool, text, (size_t)(end - text + 1)));
        APR_ARRAY_PUSH(config->parts, template_part_t) = part;
        config->shows_identifier = config->shows_identifier || part.kind != PART_HASH;
        text = end + 1;
    }
    return NULL;
}

static const char *template_configure(apr_pool_t *pool, int argc, const char *const *argv, void **out)
{
    template_config_t *config = apr_pcalloc(pool, sizeof(*config));
    const char *pattern, *brace, *slash, *sentence;

    if (argc != 1)
        return "\"template\" takes one argument, the pattern of a path such as /srv/masters/{identifier}.tif";
    pattern = apr_pstrdup(pool, argv[0]);
    brace = strchr(pattern, '{');
    if (pattern[0] != '/' || brace == NULL)
        return apr_psprintf(pool, "\"%s\" is no pattern: it must be a path with a placeholder, such as "
                            "/srv/masters/{identifier}.tif", pattern);
    for (slash = brace; *slash != '/'; slash--)
        ;
    config->root = slash == pattern ? "/" : apr_pstrmemdup(pool, pattern, (size_t)(slash - pattern));
    config->parts = apr_array_make(pool, 6, sizeof(template_part_t));
    *out = config;
    sentence = parse_parts(pool, config, slash + 1);
    return sentence != NULL ? sentence : svc_master_check_root(config->root, pool);
}

/* Cuts by characters, so that a UTF-8 sequence stays whole. */
static iiif_slice_t cut_characters(iiif_slice_t text, size_t start, size_t length)
{
    size_t i = 0, from = 0, character = 0;

    while (i < text.length && character < start + length) {
        i++;
        while (i < text.length && ((unsigned char)text.data[i] & 0xC0) == 0x80)
            i++;
        if (++character == start)
            from = i;
    }
    if (character <= start)
        return iiif_slice_of("", 0);
    return iiif_slice_of(text.data + from, i - from);
}

static iiif_slice_t hash_of(iiif_slice_t identifier, apr_pool_t *pool)
{
    uint8_t digest[IIIF_HASH_BYTES];
    char *hex = apr_palloc(pool, 2 * IIIF_HASH_BYTES + 1);
    iiif_hash_t hash;

    iiif_hash_init(&hash);
    iiif_hash_add(&hash, identifier.data, identifier.length);
    iiif_hash_end(&hash, digest);
    iiif_hash_hex(digest, IIIF_HASH_BYTES, hex);
    return iiif_slice_of(hex, 2 * IIIF_HASH_BYTES);
}

static iiif_slice_t value_of(part_kind kind, iiif_slice_t identifier, apr_pool_t *pool)
{
    iiif_slice_t dir = iiif_slice_of("", 0), name = identifier, head, tail;

    (void)iiif_slice_split_last(identifier, '/', &dir, &name);
    switch (kind) {
    case PART_DIR:
        return dir;
    case PART_NAME:
        return name;
    case PART_STEM:
        return iiif_slice_split_last(name, '.', &head, &tail) ? head : name;
    case PART_HASH:
        return hash_of(identifier, pool);
    case PART_IDENTIFIER:
    case PART_TEXT:
        break;
    }
    return identifier;
}

/* Appends without doubling a slash; an empty {dir} leaves none behind. */
static char *append(char *at, const char *begin, iiif_slice_t text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] != '/' || (at > begin && at[-1] != '/'))
            *at++ = text.data[i];
    }
    return at;
}

/* The path below the root, or NULL where a cut has nothing to cut. */
static const char *expand(const template_config_t *config, iiif_slice_t identifier, apr_pool_t *pool)
{
    iiif_slice_t *values = apr_palloc(pool, ((size_t)config->parts->nelts + 1) * sizeof(*values));
    size_t total = 1;
    char *path, *at;

    for (int i = 0; i < config->parts->nelts; i++) {
        const template_part_t *part = &APR_ARRAY_IDX(config->parts, i, template_part_t);

        values[i] = part->kind == PART_TEXT ? part->text : value_of(part->kind, identifier, pool);
        if (part->cut)
            values[i] = cut_characters(values[i], part->start, part->length);
        if (part->cut && values[i].length == 0)
            return NULL;
        if (!iiif_add_size(total, values[i].length, &total))
            return NULL;
    }
    path = at = apr_palloc(pool, total);
    for (int i = 0; i < config->parts->nelts; i++)
        at = append(at, path, values[i]);
    *at = '\0';
    return path;
}

static iiif_rc template_resolve(void *data, iiif_slice_t identifier, const svc_identifier_policy_t *policy,
                                apr_pool_t *pool, svc_source_t *out, iiif_err_t *err)
{
    const template_config_t *config = data;
    const char *path;
    uint32_t page = 0;
    bool found;
    iiif_rc rc;

    memset(out, 0, sizeof(*out));
    if (policy->pages)
        page = svc_identifier_page(&identifier);
    if (identifier.length == 0 || identifier.length > policy->max
        || (config->shows_identifier && !svc_identifier_clean(identifier)))
        return svc_master_none(err);
    path = expand(config, identifier, pool);
    if (path == NULL || !svc_identifier_safe(iiif_slice(path))
        || !svc_identifier_allowed(policy, svc_identifier_extension(iiif_slice(path))))
        return svc_master_none(err);
    rc = svc_master_look(config->root, path, pool, out, &found, err);
    if (rc != IIIF_OK)
        return rc;
    if (!found) {
        out->path = apr_pstrcat(pool, config->root, "/", path, NULL);
        return svc_master_none(err);
    }
    out->identifier = apr_pstrmemdup(pool, identifier.data, identifier.length);
    out->page = page;
    return IIIF_OK;
}

static iiif_rc template_open(void *data, const svc_source_t *source, const char *suffix, int *fd, iiif_err_t *err)
{
    const template_config_t *config = data;

    return svc_master_open(config->root, source, suffix, fd, err);
}

const svc_resolver_t svc_resolver_template = { "template", template_configure, template_resolve, template_open };
