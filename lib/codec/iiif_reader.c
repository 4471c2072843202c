/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_reader.h"

#include <string.h>

void iiif_reader_seek(iiif_reader_t *reader, iiif_src_t *src, uint64_t offset)
{
    if (reader->src != src)
        reader->held = 0;
    reader->src = src;
    reader->offset = offset;
    reader->failed = false;
}

/* What of the wanted bytes the buffer holds. */
static size_t take_held(iiif_reader_t *reader, uint8_t *out, size_t n)
{
    size_t skip, have;

    if (reader->offset < reader->held_from || reader->offset - reader->held_from >= reader->held)
        return 0;
    skip = (size_t)(reader->offset - reader->held_from);
    have = reader->held - skip;
    if (have > n)
        have = n;
    memcpy(out, reader->buffer + skip, have);
    reader->offset += have;
    return have;
}

static bool refill(iiif_reader_t *reader)
{
    int64_t got = iiif_src_read(reader->src, reader->offset, reader->buffer, sizeof(reader->buffer));

    reader->held_from = reader->offset;
    reader->held = got > 0 ? (size_t)got : 0;
    reader->failed = got < 0;
    return got > 0;
}

size_t iiif_reader_read(iiif_reader_t *reader, void *out, size_t n)
{
    size_t done = 0;

    while (done < n) {
        size_t got = take_held(reader, (uint8_t *)out + done, n - done);

        if (got == 0 && !refill(reader))
            break;
        done += got;
    }
    return done;
}
