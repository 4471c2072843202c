/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From an identifier to a master. A resolver is a vtable; res_fs.c maps below a folder, res_template.c by a pattern.
 */
#ifndef SVC_RESOLVE_H
#define SVC_RESOLVE_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "../core/iiif_slice.h"

/** Identifier policy of a Location (IIIFIdentifier, IIIFPages). */
typedef struct svc_identifier_policy {
    size_t max;                  /**< bytes of a decoded identifier */
    const apr_array_header_t *extensions; /**< const char *, lower case, without dot; NULL: every file that decodes */
    bool stems;                  /**< extension=none: stems are published */
    bool pages;                  /**< `;N` addresses a page */
} svc_identifier_policy_t;

/** A master found. Plain data; strings live in the pool given to resolve. */
typedef struct svc_source {
    const char *path;            /**< absolute path of the file */
    const char *identifier;      /**< published, decoded, without page */
    uint32_t page;               /**< 0: none asked for */
    uint64_t device, inode, size;
    int64_t mtime_us;            /**< microseconds since 1970 */
    const char *redirect;        /**< not NULL: the identifier to answer 301 to, nothing else is set */
} svc_source_t;

typedef struct svc_resolver svc_resolver_t;
struct svc_resolver {
    const char *name;
    /** At configuration: checks the directive's arguments; a sentence on failure, NULL on success. */
    const char *(*configure)(apr_pool_t *pool, int argc, const char *const *argv, void **config);
    /**
     * Finds the master: IIIF_E_NOT_FOUND (also for a name that leads out of the root, holds `..`, an empty, `.`- or
     * dot-started segment, a backslash, a control character), IIIF_E_FORBIDDEN, IIIF_E_IO. Does not open it.
     * With IIIF_E_NOT_FOUND out->path may tell where the file would be, so that the access rules of that folder decide who
     * may learn that it is missing.
     */
    iiif_rc (*resolve)(void *config, iiif_slice_t identifier, const svc_identifier_policy_t *policy,
                       apr_pool_t *pool, svc_source_t *out, iiif_err_t *err);
    /**
     * Opens what resolve found, below the root and never out of it (openat2 RESOLVE_BENEATH, else component by component
     * without following links out), and checks that it is still that file, else IIIF_E_IO. *fd is the caller's. Sidecar: with
     * `suffix` (".iiif.json") its neighbour instead; *fd -1 and IIIF_OK where there is none.
     */
    iiif_rc (*open)(void *config, const svc_source_t *source, const char *suffix, int *fd, iiif_err_t *err);
};

const svc_resolver_t *svc_resolver_find(const char *name);   /**< "fs", "template"; NULL if unknown */

#endif
