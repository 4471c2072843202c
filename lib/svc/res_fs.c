/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `fs PATH`: an identifier is a path below a folder, with its extension; or, with extension=none, without.
 */
#include <apr_strings.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "svc_beneath.h"
#include "svc_identifier.h"
#include "svc_master.h"

typedef struct fs_config {
    const char *root;       /* absolute, without trailing slash */
} fs_config_t;

/* One question to the resolver, on its way through the functions below. */
typedef struct fs_query {
    const char *root;
    const char *name;       /* identifier without page */
    uint32_t page;
    const svc_identifier_policy_t *policy;
    apr_pool_t *pool;
    svc_source_t *out;
    iiif_err_t *err;
} fs_query_t;

/* Files `name.ext` that are there. */
typedef struct fs_matches {
    unsigned count;
    const char *first;
    const char *extensions; /* "jp2, tif", for the sentence */
} fs_matches_t;

static const char *fs_configure(apr_pool_t *pool, int argc, const char *const *argv, void **config)
{
    fs_config_t *fs;
    char *root;
    size_t n;

    if (argc != 1)
        return "\"fs\" takes one argument, the folder that holds the masters";
    root = apr_pstrdup(pool, argv[0]);
    n = strlen(root);
    while (n > 1 && root[n - 1] == '/')
        root[--n] = '\0';
    fs = apr_palloc(pool, sizeof(*fs));
    fs->root = root;
    *config = fs;
    return svc_master_check_root(root, pool);
}

static iiif_rc ambiguous_name(const fs_matches_t *matches, iiif_err_t *err)
{
    return iiif_err_set(err, IIIF_E_NOT_FOUND, 5011,
                        "There is more than one master of this name; add one of the extensions %s.",
                        matches->extensions);
}

static iiif_rc ambiguous_stem(const fs_matches_t *matches, iiif_err_t *err)
{
    return iiif_err_set(err, IIIF_E_NOT_FOUND, 5012,
                        "There is more than one master of this name (%s), so none is served until the others are moved "
                        "or named otherwise.", matches->extensions);
}

static void add_match(const fs_query_t *query, fs_matches_t *matches, const char *path, const char *extension)
{
    if (matches->count++ == 0) {
        matches->first = path;
        matches->extensions = extension;
    }
    else {
        matches->extensions = apr_pstrcat(query->pool, matches->extensions, ", ", extension, NULL);
    }
}

/* A link may lead anywhere, so only the careful way may say what it is. */
static bool is_regular(const fs_query_t *query, int dir, const char *file, const char *path, struct stat *st)
{
    if (fstatat(dir, file, st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (S_ISLNK(st->st_mode) && svc_beneath_stat(query->root, path, st) != 0)
        return false;
    return S_ISREG(st->st_mode);
}

/* One extension, in lower and in upper case; on file systems that do not tell these apart it is one file. */
static void try_extension(const fs_query_t *query, int dir, const char *stem, const char *extension,
                          fs_matches_t *matches)
{
    char *upper = apr_pstrdup(query->pool, extension);
    const char *slash = strrchr(stem, '/');
    const char *name = slash != NULL ? slash + 1 : stem;
    struct stat lower_st, upper_st;
    bool lower_is;

    for (char *c = upper; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    lower_is = is_regular(query, dir, apr_pstrcat(query->pool, name, ".", extension, NULL),
                          apr_pstrcat(query->pool, stem, ".", extension, NULL), &lower_st);
    if (lower_is)
        add_match(query, matches, apr_pstrcat(query->pool, stem, ".", extension, NULL), extension);
    if (is_regular(query, dir, apr_pstrcat(query->pool, name, ".", upper, NULL),
                   apr_pstrcat(query->pool, stem, ".", upper, NULL), &upper_st)
        && !(lower_is && lower_st.st_dev == upper_st.st_dev && lower_st.st_ino == upper_st.st_ino))
        add_match(query, matches, apr_pstrcat(query->pool, stem, ".", upper, NULL), upper);
}

/* Asks for each known extension instead of reading the folder: folders of masters can be very long. */
static iiif_rc find_matches(const fs_query_t *query, const char *stem, fs_matches_t *matches)
{
    const char *const *extensions = svc_identifier_extensions(query->policy, query->pool);
    const char *slash = strrchr(stem, '/');
    const char *folder = slash != NULL ? apr_pstrmemdup(query->pool, stem, (size_t)(slash - stem)) : "";
    int dir, error = svc_beneath_open_dir(query->root, folder, &dir);

    memset(matches, 0, sizeof(*matches));
    if (error != 0)
        return svc_master_errno(error, query->err);
    for (size_t i = 0; extensions[i] != NULL; i++)
        try_extension(query, dir, stem, extensions[i], matches);
    (void)close(dir);
    return IIIF_OK;
}

static iiif_rc redirect_to(const fs_query_t *query, const char *identifier)
{
    memset(query->out, 0, sizeof(*query->out));
    query->out->redirect = query->page == 0 ? identifier
                                            : apr_psprintf(query->pool, "%s;%u", identifier, query->page);
    return IIIF_OK;
}

static iiif_rc serve(const fs_query_t *query)
{
    query->out->identifier = query->name;
    query->out->page = query->page;
    return IIIF_OK;
}

/* The file of exactly this name, if the policy lets it be a master. */
static iiif_rc look_exact(const fs_query_t *query, bool *found)
{
    iiif_rc rc = svc_master_look(query->root, query->name, query->pool, query->out, found, query->err);

    if (!svc_identifier_allowed(query->policy, svc_identifier_extension(iiif_slice(query->name))))
        *found = false;
    return rc;
}

static iiif_rc resolve_name(const fs_query_t *query)
{
    fs_matches_t matches;
    bool found;
    iiif_rc rc = look_exact(query, &found);

    if (rc != IIIF_OK)
        return rc;
    if (found)
        return serve(query);
    rc = find_matches(query, query->name, &matches);
    if (rc != IIIF_OK)
        return rc;
    if (matches.count == 0)
        return svc_master_none(query->err);
    return matches.count == 1 ? redirect_to(query, matches.first) : ambiguous_name(&matches, query->err);
}

static bool has_known_extension(const fs_query_t *query)
{
    const char *const *extensions = svc_identifier_extensions(query->policy, query->pool);
    iiif_slice_t extension = svc_identifier_extension(iiif_slice(query->name));

    for (size_t i = 0; extensions[i] != NULL; i++) {
        if (strlen(extensions[i]) == extension.length
            && strncasecmp(extensions[i], extension.data, extension.length) == 0)
            return true;
    }
    return false;
}

/* A link from before the extension was left out: to the stem, if it is one. */
static iiif_rc redirect_to_stem(const fs_query_t *query)
{
    size_t extension = svc_identifier_extension(iiif_slice(query->name)).length;
    const char *stem = apr_pstrmemdup(query->pool, query->name, strlen(query->name) - extension - 1);
    fs_matches_t matches;
    iiif_rc rc = find_matches(query, stem, &matches);

    if (rc != IIIF_OK)
        return rc;
    if (matches.count == 0)
        return svc_master_none(query->err);
    return matches.count == 1 ? redirect_to(query, stem) : ambiguous_stem(&matches, query->err);
}

static iiif_rc resolve_stem(const fs_query_t *query)
{
    fs_matches_t matches;
    bool exact, found;
    iiif_rc rc = look_exact(query, &exact);

    if (rc == IIIF_OK)
        rc = find_matches(query, query->name, &matches);
    if (rc != IIIF_OK)
        return rc;
    if (exact && !has_known_extension(query))
        add_match(query, &matches, query->name, "without extension");
    if (matches.count > 1)
        return ambiguous_stem(&matches, query->err);
    if (matches.count == 0)
        return exact ? redirect_to_stem(query) : svc_master_none(query->err);
    rc = svc_master_look(query->root, matches.first, query->pool, query->out, &found, query->err);
    if (rc != IIIF_OK)
        return rc;
    return found ? serve(query) : svc_master_none(query->err);
}

static iiif_rc fs_resolve(void *config, iiif_slice_t identifier, const svc_identifier_policy_t *policy,
                          apr_pool_t *pool, svc_source_t *out, iiif_err_t *err)
{
    const fs_config_t *fs = config;
    fs_query_t query = { fs->root, NULL, 0, policy, pool, out, err };
    iiif_rc rc;

    memset(out, 0, sizeof(*out));
    if (identifier.length > policy->max)
        return svc_master_none(err);
    if (policy->pages)
        query.page = svc_identifier_page(&identifier);
    if (!svc_identifier_safe(identifier))
        return svc_master_none(err);
    query.name = apr_pstrmemdup(pool, identifier.data, identifier.length);
    rc = policy->stems ? resolve_stem(&query) : resolve_name(&query);
    if (rc == IIIF_E_NOT_FOUND && out->path == NULL)
        out->path = apr_pstrcat(pool, fs->root, "/", query.name, NULL);
    return rc;
}

static iiif_rc fs_open(void *config, const svc_source_t *source, const char *suffix, int *fd, iiif_err_t *err)
{
    const fs_config_t *fs = config;

    return svc_master_open(fs->root, source, suffix, fd, err);
}

const svc_resolver_t svc_resolver_fs = { "fs", fs_configure, fs_resolve, fs_open };
