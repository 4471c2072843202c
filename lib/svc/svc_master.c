/* SPDX-License-Identifier: Apache-2.0 */
#include "svc_master.h"

#include <apr_errno.h>
#include <apr_strings.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "svc_beneath.h"

const char *svc_master_check_root(const char *root, apr_pool_t *pool)
{
    char reason[120];
    struct stat st;

    if (root[0] != '/')
        return apr_psprintf(pool, "\"%s\" is not an absolute path", root);
    if (root[1] == '\0')
        return "\"/\" would publish the whole machine; name the folder that holds the masters";
    if (stat(root, &st) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return apr_psprintf(pool, "the folder \"%s\" does not exist; create it, or correct the path", root);
        return apr_psprintf(pool, "the folder \"%s\" cannot be looked at: %s", root,
                            apr_strerror(errno, reason, sizeof(reason)));
    }
    if (!S_ISDIR(st.st_mode))
        return apr_psprintf(pool, "\"%s\" is not a folder; name the folder that holds the masters", root);
    return NULL;
}

iiif_rc svc_master_none(iiif_err_t *err)
{
    return iiif_err_set(err, IIIF_E_NOT_FOUND, 5010, "There is no image with this identifier.");
}

iiif_rc svc_master_errno(int error, iiif_err_t *err)
{
    char reason[120];

    if (error == 0 || error == ENOENT)
        return IIIF_OK;
    if (error == EACCES)
        return iiif_err_set(err, IIIF_E_FORBIDDEN, 5013,
                            "The server may not read this image; the user it runs as needs the right to read the file "
                            "and to enter its folders.");
    return iiif_err_set(err, IIIF_E_IO, 5014, "The file of this image cannot be read: %s.",
                        apr_strerror(error, reason, sizeof(reason)));
}

static void source_fill(svc_source_t *out, const struct stat *st)
{
    out->device = (uint64_t)st->st_dev;
    out->inode = (uint64_t)st->st_ino;
    out->size = (uint64_t)st->st_size;
    out->mtime_us = svc_beneath_mtime_us(st);
}

static bool source_same(const svc_source_t *source, const struct stat *st)
{
    return source->device == (uint64_t)st->st_dev && source->inode == (uint64_t)st->st_ino
           && source->size == (uint64_t)st->st_size && source->mtime_us == svc_beneath_mtime_us(st);
}

iiif_rc svc_master_look(const char *root, const char *relative, apr_pool_t *pool, svc_source_t *out, bool *found,
                        iiif_err_t *err)
{
    struct stat st;
    int error = svc_beneath_stat(root, relative, &st);

    *found = error == 0 && S_ISREG(st.st_mode);
    if (*found) {
        out->path = apr_pstrcat(pool, root, "/", relative, NULL);
        source_fill(out, &st);
    }
    return svc_master_errno(error, err);
}

static iiif_rc open_sidecar(const char *root, const char *relative, int *fd, iiif_err_t *err)
{
    struct stat st;
    int error = svc_beneath_open(root, relative, fd);

    if (error == 0 && (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        (void)close(*fd);
        *fd = -1;
    }
    return svc_master_errno(error, err);
}

static iiif_rc open_image(const char *root, const char *relative, const svc_source_t *source, int *fd, iiif_err_t *err)
{
    struct stat st;
    int error = svc_beneath_open(root, relative, fd);

    if (error == ENOENT)
        return svc_master_none(err);
    if (error != 0)
        return svc_master_errno(error, err);
    /* The validators were made of what was there a moment ago; other bytes must not be sent under them. */
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode) || !source_same(source, &st)) {
        (void)close(*fd);
        *fd = -1;
        return iiif_err_set(err, IIIF_E_IO, 5015, "The file of this image was replaced just now; ask again.");
    }
    return IIIF_OK;
}

iiif_rc svc_master_open(const char *root, const svc_source_t *source, const char *suffix, int *fd, iiif_err_t *err)
{
    size_t skip = strlen(root);
    char path[4096];
    int n;

    *fd = -1;
    if (source->path == NULL || strncmp(source->path, root, skip) != 0 || source->path[skip] != '/')
        return iiif_err_set(err, IIIF_E_INTERNAL, 5016, "The image does not belong to this service.");
    if (suffix == NULL)
        return open_image(root, source->path + skip + 1, source, fd, err);
    n = snprintf(path, sizeof(path), "%s%s", source->path + skip + 1, suffix);
    if (n < 0 || (size_t)n >= sizeof(path))
        return IIIF_OK;
    return open_sidecar(root, path, fd, err);
}
