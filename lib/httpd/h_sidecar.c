/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The file beside a master that says more of it. It may restrict as well as describe, so one that cannot be understood
 * withholds the master.
 */
#include "h_iiif.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

APLOG_USE_MODULE(iiif);

#define SIDECAR_BYTES_MAX (1024 * 1024)

static apr_status_t free_json(void *json)
{
    json_decref(json);
    return APR_SUCCESS;
}

/* All of a file of known size. Returns false with errno where that fails or it has become shorter. */
static bool read_all(int fd, char *text, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t got = read(fd, text + done, length - done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static iiif_rc read_open(request_rec *r, int fd, h_sidecar_t *sidecar, iiif_err_t *err)
{
    struct stat status;
    size_t length;
    char *text;
    iiif_rc rc;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return iiif_err_set(err, IIIF_E_IO, 6230, "The image's sidecar is no regular file.");
    if (status.st_size > SIDECAR_BYTES_MAX)
        return iiif_err_set(err, IIIF_E_IO, 6231, "The image's sidecar is larger than %d bytes.", SIDECAR_BYTES_MAX);
    length = (size_t)status.st_size;
    text = apr_palloc(r->pool, length + 1);
    if (!read_all(fd, text, length))
        return iiif_err_set(err, IIIF_E_IO, 6232, "The image's sidecar cannot be read.");
    text[length] = '\0';
    rc = iiif_sidecar_parse(text, length, &sidecar->json, err);
    if (rc != IIIF_OK)
        return rc;
    apr_pool_cleanup_register(r->pool, sidecar->json, free_json, apr_pool_cleanup_null);
    sidecar->modified = apr_time_from_sec(status.st_mtim.tv_sec) + status.st_mtim.tv_nsec / 1000;
    return IIIF_OK;
}

iiif_rc h_sidecar_read(request_rec *r, h_req_t *req, h_sidecar_t *sidecar, iiif_err_t *err)
{
    int fd = -1;
    iiif_rc rc = req->dir->resolver->open(req->dir->resolver_config, &req->source, H_SIDECAR_SUFFIX, &fd, err);

    sidecar->json = NULL;
    sidecar->modified = 0;
    if (rc != IIIF_OK || fd < 0)
        return rc;
    rc = read_open(r, fd, sidecar, err);
    (void)close(fd);
    return rc;
}
