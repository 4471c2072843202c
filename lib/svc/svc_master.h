/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What resolvers of files share: a root folder, a file below it, the errors they tell.
 */
#ifndef SVC_MASTER_H
#define SVC_MASTER_H

#include "svc_resolve.h"

/** At configuration: NULL where `root` is a folder that may serve as root, else a sentence that says what to do. */
const char *svc_master_check_root(const char *root, apr_pool_t *pool);

/** "There is no image with this identifier." */
iiif_rc svc_master_none(iiif_err_t *err);

/** What an errno value of svc_beneath_* means; 0 and absence are no error here (IIIF_OK). */
iiif_rc svc_master_errno(int error, iiif_err_t *err);

/**
 * Looks for the regular file `relative` below `root`. *found tells whether it is there; then path, device, inode, size and mtime
 * of *out are set.
 */
iiif_rc svc_master_look(const char *root, const char *relative, apr_pool_t *pool, svc_source_t *out, bool *found,
                        iiif_err_t *err);

/** svc_resolver_t.open for a source whose path lies below `root`. */
iiif_rc svc_master_open(const char *root, const svc_source_t *source, const char *suffix, int *fd, iiif_err_t *err);

extern const svc_resolver_t svc_resolver_fs, svc_resolver_template;

#endif
