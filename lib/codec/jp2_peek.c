/* SPDX-License-Identifier: Apache-2.0 */
#include "jp2_peek.h"

void iiif_peek_init(iiif_peek_t *peek, iiif_src_t *src)
{
    peek->src = src;
    peek->from = 0;
    peek->held = 0;
    peek->failed = false;
}

const uint8_t *iiif_peek_at(iiif_peek_t *peek, uint64_t offset, size_t n)
{
    int64_t got;

    if (offset >= peek->from && offset - peek->from <= peek->held && n <= peek->held - (offset - peek->from))
        return peek->buffer + (offset - peek->from);
    got = iiif_src_read(peek->src, offset, peek->buffer, sizeof(peek->buffer));
    peek->from = offset;
    peek->held = got > 0 ? (size_t)got : 0;
    if (got < 0)
        peek->failed = true;
    return n <= peek->held ? peek->buffer : NULL;
}

iiif_rc iiif_peek_error(const iiif_peek_t *peek, const char *what, iiif_err_t *err)
{
    if (peek->failed)
        return iiif_err_set(err, IIIF_E_IO, 2200, "The master cannot be read.");
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2201, "The JPEG 2000 master ends within its %s; it is truncated.",
                        what);
}
