/* SPDX-License-Identifier: Apache-2.0 */
/** What the fuzz targets share. */
#ifndef IIIF_FUZZ_H
#define IIIF_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/core/iiif_err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the code under test; breaking it is a finding like a crash. */
#define FUZZ_CHECK(condition)                                                                    \
    do {                                                                                         \
        if (!(condition)) {                                                                      \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);      \
            abort();                                                                             \
        }                                                                                        \
    } while (0)

/* Every error has its kind, an id of four digits and a sentence. */
static inline void fuzz_check_error(iiif_rc rc, const iiif_err_t *err)
{
    FUZZ_CHECK(rc != IIIF_OK);
    FUZZ_CHECK(err->kind == rc);
    FUZZ_CHECK(err->id >= 1000 && err->id <= 9999);
    FUZZ_CHECK(err->detail[0] != '\0' && memchr(err->detail, '\0', sizeof(err->detail)) != NULL);
}

#endif
