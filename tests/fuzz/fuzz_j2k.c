/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index and the composed codestreams of any codestream, without the library that would decode them: what is composed must be a codestream
 * that our own header checks take, of the canvas that was said, and nothing may stay allocated.
 */
#include "fuzz.h"

#include "../../lib/codec/j2k_synth.h"

#define MAX_AREA ((uint64_t)16 << 20)
#define MEMORY ((size_t)64 << 20)
#define SECONDS 5u
#define TILES_TRIED 3u
#define OUTPUT_MAX ((size_t)32 << 20)

static void check_rc(iiif_rc rc, const iiif_err_t *err)
{
    fuzz_check_error(rc, err);
    FUZZ_CHECK(rc == IIIF_E_BAD_MASTER || rc == IIIF_E_UNSUPPORTED || rc == IIIF_E_TOO_LARGE || rc == IIIF_E_NO_MEMORY ||
               rc == IIIF_E_TIMEOUT);
}

/* Reads a composed codestream as if it were a master, index and all: it must be regular. */
static void check_stream(const iiif_j2k_stream_t *stream, const iiif_work_t *work)
{
    iiif_j2k_header_t header;
    iiif_j2k_tiles_t tiles;
    iiif_j2k_tile_index_t index;
    iiif_src_t *src = NULL;
    iiif_err_t err;
    iiif_rc rc;

    FUZZ_CHECK(stream->body <= stream->length && stream->length <= OUTPUT_MAX);
    if (iiif_src_open_memory(stream->data, stream->length, work->mem, &src, &err) != IIIF_OK)
        return;
    memset(&tiles, 0, sizeof(tiles));
    memset(&index, 0, sizeof(index));
    rc = iiif_j2k_header_read(src, 0, stream->length, 0, work, &header, &err);
    if (rc == IIIF_OK) {
        FUZZ_CHECK(header.x0 == stream->header.x0 && header.y0 == stream->header.y0 && header.x1 == stream->header.x1 &&
                   header.y1 == stream->header.y1 && header.component_count == stream->header.component_count);
        for (unsigned c = 0; c < header.component_count; c++)
            FUZZ_CHECK(memcmp(&header.components[c].coding, &stream->header.components[c].coding, sizeof(iiif_j2k_coding_t)) == 0);
        rc = iiif_j2k_tiles_read(src, &header, work, &tiles, &err);
    }
    if (rc == IIIF_OK)
        rc = iiif_j2k_tile_index_read(src, &header, &tiles, 0, work, &index, &err);
    FUZZ_CHECK(rc == IIIF_OK || rc == IIIF_E_NO_MEMORY || rc == IIIF_E_TIMEOUT);
    iiif_j2k_tile_index_free(&index, work->mem);
    iiif_j2k_tiles_free(&tiles, work->mem);
    iiif_j2k_header_free(&header, work->mem);
    iiif_src_close(src);
}

static void try_window(iiif_src_t *src, const iiif_j2k_header_t *header, iiif_j2k_tile_index_t *index, iiif_j2k_area_t tile,
                       unsigned reduce, iiif_j2k_area_t window, const iiif_work_t *work)
{
    iiif_j2k_stream_t stream;
    iiif_err_t err;
    iiif_rc rc;

    if (iiif_j2k_area_is_empty(window))
        return;
    rc = iiif_j2k_synth(src, header, index, tile, reduce, window, work, &stream, &err);
    if (rc != IIIF_OK)
        check_rc(rc, &err);
    else
        check_stream(&stream, work);
    iiif_j2k_stream_free(&stream, work->mem);
}

/* A piece in the middle of each level, and a corner. */
static void try_tile(iiif_src_t *src, const iiif_j2k_header_t *h, const iiif_j2k_tiles_t *tiles, uint32_t number,
                     const iiif_work_t *work)
{
    iiif_j2k_tile_index_t index;
    iiif_span_t x = iiif_j2k_tiles_x(h, (iiif_span_t){number % h->tiles_across, number % h->tiles_across + 1});
    iiif_span_t y = iiif_j2k_tiles_y(h, (iiif_span_t){number / h->tiles_across, number / h->tiles_across + 1});
    iiif_err_t err;
    iiif_rc rc = iiif_j2k_tile_index_read(src, h, tiles, number, work, &index, &err);
    unsigned least = IIIF_J2K_INDEXED_LEVELS;

    if (rc != IIIF_OK) {
        check_rc(rc, &err);
        iiif_j2k_tile_index_free(&index, work->mem);
        return;
    }
    for (unsigned c = 0; c < index.component_count; c++)
        least = index.resolutions[c] - 1 < least ? index.resolutions[c] - 1 : least;
    for (unsigned reduce = 0; reduce <= least; reduce += 1 + reduce) {
        iiif_j2k_area_t t = {iiif_j2k_scale(x.from, 1, reduce), iiif_j2k_scale(y.from, 1, reduce), iiif_j2k_scale(x.to, 1, reduce),
                             iiif_j2k_scale(y.to, 1, reduce)};
        uint32_t mx = t.x0 + (t.x1 - t.x0) / 2, my = t.y0 + (t.y1 - t.y0) / 2;

        try_window(src, h, &index, t, reduce, iiif_j2k_area_cut(t, (iiif_j2k_area_t){mx, my, mx + 50, my + 70}), work);
        try_window(src, h, &index, t, reduce, t, work);
    }
    iiif_j2k_tile_index_free(&index, work->mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    iiif_cancel_t cancel = {.deadline_ns = iiif_now_ns() + (uint64_t)SECONDS * 1000000000u};
    iiif_mem_t mem;
    iiif_work_t work = {&mem, &cancel};
    iiif_j2k_header_t header;
    iiif_j2k_tiles_t tiles;
    iiif_src_t *src = NULL;
    iiif_err_t err;
    iiif_rc rc;

    iiif_mem_init(&mem, MEMORY);
    if (iiif_src_open_memory(data, size, &mem, &src, &err) != IIIF_OK)
        return 0;
    memset(&tiles, 0, sizeof(tiles));
    rc = iiif_j2k_header_read(src, 0, size, MAX_AREA, &work, &header, &err);
    if (rc == IIIF_OK)
        rc = iiif_j2k_tiles_read(src, &header, &work, &tiles, &err);
    if (rc != IIIF_OK)
        check_rc(rc, &err);
    for (uint32_t t = 0; rc == IIIF_OK && t < header.tiles_across * header.tiles_down && t < TILES_TRIED; t++)
        try_tile(src, &header, &tiles, t, &work);
    iiif_j2k_tiles_free(&tiles, &mem);
    iiif_j2k_header_free(&header, &mem);
    iiif_src_close(src);
    FUZZ_CHECK(mem.used == 0);
    FUZZ_CHECK(mem.peak <= MEMORY);
    return 0;
}
