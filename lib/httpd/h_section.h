/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Walks what the configuration files said: each server, and each of its sections that holds a directive of ours, with what is in
 * force there. For checks and the dump; requests ask the getters of h_conf.h.
 */
#ifndef H_SECTION_H
#define H_SECTION_H

#include "h_conf.h"

typedef struct h_section {
    server_rec *server;
    const char *name;          /**< "server", "Location" or "LocationMatch" */
    const char *path;          /**< "" for the server itself */
    const h_dir_t *own;        /**< what stands in the section */
    const h_dir_t *effective;  /**< merged as for a request whose path is exactly this; patterns of others are passed over */
} h_section_t;

/** Stops at the first callback that does not return OK, and returns that. */
typedef int (*h_section_fn)(const h_section_t *section, void *context);
int h_section_each(apr_pool_t *pool, server_rec *main_server, h_section_fn callback, void *context);

/** What is built in where nothing was said. */
const h_dir_t *h_section_unset(apr_pool_t *pool);

#endif
