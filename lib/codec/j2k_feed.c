/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_feed.h"

#include <string.h>

#define SOT_BYTES 12u
#define SIZ_AREA 8u      /* of Xsiz in the kept header: behind SOC, marker, length, capabilities */

static uint32_t rect_tiles(iiif_j2k_tile_rect_t rect)
{
    return (rect.x.to - rect.x.from) * (rect.y.to - rect.y.from);
}

/* Tile of the image that is the i-th of the rectangle. */
static uint32_t rect_tile(const iiif_j2k_header_t *header, iiif_j2k_tile_rect_t rect, uint32_t i)
{
    uint32_t across = rect.x.to - rect.x.from;

    return (rect.y.from + i / across) * header->tiles_across + rect.x.from + i % across;
}

uint64_t iiif_j2k_feed_held(const iiif_j2k_header_t *header, const iiif_j2k_tiles_t *tiles, iiif_j2k_tile_rect_t rect)
{
    uint64_t most = 0;

    if (header->is_packed)
        return header->length;
    for (uint32_t i = 0; i < rect_tiles(rect); i++)
        most = iiif_max_u64(most, iiif_j2k_tile_bytes(tiles, rect_tile(header, rect, i)));
    return most;
}

static void add_piece(iiif_j2k_feed_t *feed, const uint8_t *memory, uint64_t offset, uint64_t length)
{
    iiif_j2k_piece_t *piece = &feed->pieces[feed->count++];

    piece->memory = memory;
    piece->offset = offset;
    piece->start = feed->length;
    piece->length = length;
    feed->length += length;
}

static iiif_rc feed_alloc(iiif_j2k_feed_t *feed, uint32_t pieces, size_t bytes, iiif_mem_t *mem, iiif_err_t *err)
{
    feed->pieces = iiif_mem_array(mem, pieces, sizeof(*feed->pieces));
    feed->bytes = iiif_mem_alloc(mem, bytes);
    if (feed->pieces == NULL || feed->bytes == NULL)
        return iiif_err_memory(err, "a JPEG 2000 codestream", pieces * sizeof(*feed->pieces) + bytes);
    return IIIF_OK;
}

/* The main header for the rectangle: the image area is cut, all coordinates stay absolute, so that nothing moves (B.2, B.3). */
static size_t write_header(const iiif_j2k_header_t *header, iiif_j2k_tile_rect_t rect, iiif_j2k_feed_t *feed)
{
    uint8_t *siz = feed->bytes + SIZ_AREA;

    memcpy(feed->bytes, header->bytes, header->byte_count);
    iiif_put_be32(siz, feed->x.to);
    iiif_put_be32(siz + 4, feed->y.to);
    iiif_put_be32(siz + 8, feed->x.from);
    iiif_put_be32(siz + 12, feed->y.from);
    iiif_put_be32(siz + 24, header->tile_x0 + rect.x.from * header->tile_width);
    iiif_put_be32(siz + 28, header->tile_y0 + rect.y.from * header->tile_height);
    return header->byte_count;
}

/* A tile's parts as its only and consecutive ones. Returns where the next bytes go. */
static uint8_t *write_tile(const iiif_j2k_tiles_t *tiles, uint32_t from, uint32_t to, uint8_t *out,
                           iiif_j2k_feed_t *feed)
{
    const iiif_j2k_tile_t *tile = &tiles->tiles[from];
    unsigned index = 0;

    for (uint32_t i = tile->first; i != 0; i = tiles->parts[i - 1].next) {
        const iiif_j2k_part_t *part = &tiles->parts[i - 1];

        iiif_put_be16(out, IIIF_J2K_SOT);
        iiif_put_be16(out + 2, 10);
        iiif_put_be16(out + 4, to);
        iiif_put_be32(out + 6, part->length);
        out[10] = (uint8_t)index++;
        out[11] = (uint8_t)tile->count;
        add_piece(feed, out, 0, SOT_BYTES);
        add_piece(feed, NULL, part->offset + SOT_BYTES, part->length - SOT_BYTES);
        out += SOT_BYTES;
    }
    return out;
}

static iiif_rc feed_whole(const iiif_j2k_header_t *header, iiif_mem_t *mem, iiif_j2k_feed_t *feed, iiif_err_t *err)
{
    iiif_rc rc = feed_alloc(feed, 1, 0, mem, err);

    if (rc == IIIF_OK)
        add_piece(feed, NULL, header->offset, header->length);
    return rc;
}

iiif_rc iiif_j2k_feed_tiles(iiif_src_t *src, const iiif_j2k_header_t *header, const iiif_j2k_tiles_t *tiles,
                            iiif_j2k_tile_rect_t rect, iiif_mem_t *mem, iiif_j2k_feed_t *feed, iiif_err_t *err)
{
    uint32_t parts = 0;
    uint8_t *out;
    iiif_rc rc;

    memset(feed, 0, sizeof(*feed));
    feed->src = src;
    if (header->is_packed)
        rect = iiif_j2k_all_tiles(header);
    feed->x = iiif_j2k_tiles_x(header, rect.x);
    feed->y = iiif_j2k_tiles_y(header, rect.y);
    feed->held = iiif_j2k_feed_held(header, tiles, rect);
    if (header->is_packed)
        return feed_whole(header, mem, feed, err);
    for (uint32_t i = 0; i < rect_tiles(rect); i++)
        parts += tiles->tiles[rect_tile(header, rect, i)].count;
    rc = feed_alloc(feed, 2 * parts + 2, header->byte_count + (size_t)SOT_BYTES * parts + 2, mem, err);
    if (rc != IIIF_OK)
        return rc;
    out = feed->bytes + write_header(header, rect, feed);
    add_piece(feed, feed->bytes, 0, header->byte_count);
    for (uint32_t i = 0; i < rect_tiles(rect); i++)
        out = write_tile(tiles, rect_tile(header, rect, i), i, out, feed);
    iiif_put_be16(out, IIIF_J2K_EOC);
    add_piece(feed, out, 0, 2);
    return IIIF_OK;
}

void iiif_j2k_feed_free(iiif_j2k_feed_t *feed, iiif_mem_t *mem)
{
    iiif_mem_free(mem, feed->pieces);
    iiif_mem_free(mem, feed->bytes);
    memset(feed, 0, sizeof(*feed));
}

/* The piece that holds `offset`, which is inside the feed. */
static const iiif_j2k_piece_t *find_piece(const iiif_j2k_feed_t *feed, uint64_t offset)
{
    uint32_t low = 0, high = feed->count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (feed->pieces[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return &feed->pieces[low];
}

int64_t iiif_j2k_feed_read(const iiif_j2k_feed_t *feed, uint64_t offset, void *buffer, size_t n)
{
    size_t done = 0;

    while (done < n && offset < feed->length) {
        const iiif_j2k_piece_t *piece = find_piece(feed, offset);
        uint64_t skip = offset - piece->start;
        size_t part = (size_t)iiif_min_u64(n - done, piece->length - skip);

        if (piece->memory != NULL) {
            memcpy((uint8_t *)buffer + done, piece->memory + skip, part);
        } else {
            int64_t got = iiif_src_read(feed->src, piece->offset + skip, (uint8_t *)buffer + done, part);

            if (got < 0)
                return -1;
            if ((size_t)got < part)
                return (int64_t)(done + (size_t)got);
        }
        done += part;
        offset += part;
    }
    return (int64_t)done;
}
