/* SPDX-License-Identifier: Apache-2.0 */
#include "svc_resolve.h"

#include <string.h>

#include "svc_master.h"

static const svc_resolver_t *const resolvers[] = { &svc_resolver_fs, &svc_resolver_template };

const svc_resolver_t *svc_resolver_find(const char *name)
{
    for (size_t i = 0; i < IIIF_COUNT(resolvers); i++) {
        if (strcmp(resolvers[i]->name, name) == 0)
            return resolvers[i];
    }
    return NULL;
}
