/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The cache of facts that children share: a socache provider of httpd behind the callbacks of svc_facts.
 */
#ifndef H_SOCACHE_H
#define H_SOCACHE_H

#include "../svc/svc_facts.h"
#include "h_conf.h"

/** For the Mutex directive (pre_config). */
apr_status_t h_socache_register(apr_pool_t *pconf);

/** At configtest: NULL where the specification (NULL: the default) can be used, else a sentence that says what to do. */
const char *h_socache_check(const char *specification, apr_pool_t *ptemp);

/** What the specification comes to, for people: "shmcb:2M", "none". */
const char *h_socache_effective(const char *specification);

/** In the parent (post_config). *out NULL where there is none. False after logging where it cannot be had. */
bool h_socache_open(const char *specification, server_rec *server, apr_pool_t *pconf, apr_pool_t *ptemp,
                    svc_facts_shared_t **out);

/** In each child. */
void h_socache_child(svc_facts_shared_t *shared, apr_pool_t *pchild);

#endif
