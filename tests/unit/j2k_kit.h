/* SPDX-License-Identifier: Apache-2.0 */
/* A codestream in memory, read as far as the tests of its index and of composed codestreams need. */
#ifndef J2K_KIT_H
#define J2K_KIT_H

#include "../../lib/codec/j2k_virtual.h"
#include "jp2_make.h"

typedef struct code_kit {
    iiif_mem_t mem;
    iiif_work_t work;
    iiif_src_t *src;
    iiif_j2k_header_t header;
    iiif_j2k_tiles_t tiles;
    iiif_err_t err;
} code_kit_t;

/* IIIF_OK, or what the header checks said. Close in any case. */
static UNUSED_OK iiif_rc code_open(code_kit_t *kit, const uint8_t *data, size_t length)
{
    iiif_rc rc;

    memset(kit, 0, sizeof(*kit));
    iiif_mem_init(&kit->mem, 0);
    kit->work.mem = &kit->mem;
    if (iiif_src_open_memory(data, length, &kit->mem, &kit->src, &kit->err) != IIIF_OK)
        abort();
    rc = iiif_j2k_header_read(kit->src, 0, length, 0, &kit->work, &kit->header, &kit->err);
    if (rc == IIIF_OK)
        rc = iiif_j2k_tiles_read(kit->src, &kit->header, &kit->work, &kit->tiles, &kit->err);
    return rc;
}

static UNUSED_OK void code_close(code_kit_t *kit)
{
    iiif_j2k_tiles_free(&kit->tiles, &kit->mem);
    iiif_j2k_header_free(&kit->header, &kit->mem);
    iiif_src_close(kit->src);
    if (kit->mem.used != 0)
        abort();
}

static UNUSED_OK uint32_t below(uint32_t n)
{
    return n ? (uint32_t)rand() % n : 0;
}

#endif
