/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_virtual.h"

#include <string.h>

#define INDEX_BYTES_MAX ((uint64_t)8 << 20)  /* then those of other tiles go */
#define PART_STEP 256u                       /* parts end where code-blocks of some levels do */

typedef struct run {
    iiif_j2k_virtual_t *v;
    unsigned reduce;
    iiif_j2k_area_t window;                  /* of the canvas grid */
    bool is_single;                          /* one part is everything */
    const iiif_work_t *work;
    iiif_j2k_planes_t *planes;
} run_t;

iiif_rc iiif_j2k_virtual_open(iiif_src_t *src, const iiif_j2k_header_t *header, const iiif_j2k_tiles_t *tiles,
                              iiif_mem_t *mem, iiif_j2k_virtual_t *out, iiif_err_t *err)
{
    uint32_t count = header->tiles_across * header->tiles_down;
    iiif_j2k_tile_coding_t coding;
    iiif_rc rc;

    memset(out, 0, sizeof(*out));
    out->src = src;
    out->header = header;
    out->tiles = tiles;
    rc = iiif_j2k_coding_main(header, &coding, err);
    if (rc != IIIF_OK)
        return rc;
    out->indexes = iiif_mem_zalloc(mem, count, sizeof(*out->indexes));
    if (out->indexes == NULL)
        return iiif_err_memory(err, "an index", count * sizeof(*out->indexes));
    return IIIF_OK;
}

static void drop_index(iiif_j2k_virtual_t *v, uint32_t tile, iiif_mem_t *mem)
{
    if (v->indexes[tile] == NULL)
        return;
    iiif_j2k_tile_index_free(v->indexes[tile], mem);
    iiif_mem_free(mem, v->indexes[tile]);
    v->indexes[tile] = NULL;
}

static void drop_indexes(iiif_j2k_virtual_t *v, iiif_mem_t *mem)
{
    uint32_t count = v->header->tiles_across * v->header->tiles_down;

    for (uint32_t i = 0; v->indexes != NULL && i < count; i++)
        drop_index(v, i, mem);
    v->bytes = 0;
}

void iiif_j2k_virtual_free(iiif_j2k_virtual_t *v, iiif_mem_t *mem)
{
    if (v->indexes == NULL)
        return;
    drop_indexes(v, mem);
    iiif_mem_free(mem, v->indexes);
    memset(v, 0, sizeof(*v));
}

static iiif_rc find_index(iiif_j2k_virtual_t *v, uint32_t tile, const iiif_work_t *work, iiif_j2k_tile_index_t **out,
                          iiif_err_t *err)
{
    iiif_rc rc;

    if (v->indexes[tile] == NULL) {
        if (v->bytes > INDEX_BYTES_MAX)
            drop_indexes(v, work->mem);
        v->indexes[tile] = iiif_mem_zalloc(work->mem, 1, sizeof(*v->indexes[tile]));
        if (v->indexes[tile] == NULL)
            return iiif_err_memory(err, "an index", sizeof(*v->indexes[tile]));
        rc = iiif_j2k_tile_index_read(v->src, v->header, v->tiles, tile, work, v->indexes[tile], err);
        if (rc != IIIF_OK) {
            drop_index(v, tile, work->mem);
            return rc;
        }
        v->bytes += sizeof(*v->indexes[tile]) + v->indexes[tile]->bytes;
    }
    *out = v->indexes[tile];
    return IIIF_OK;
}

/* --- one part of one tile -------------------------------------------------------------------------------------- */

static iiif_rc decode_stream(run_t *run, const iiif_j2k_stream_t *stream, iiif_j2k_area_t part, iiif_j2k_planes_t *planes,
                             iiif_err_t *err)
{
    const iiif_j2k_header_t *h = &stream->header;
    iiif_j2k_area_t area = iiif_j2k_stream_area(stream, part);
    iiif_j2k_piece_t piece = {stream->data, 0, 0, stream->length};
    iiif_j2k_feed_t feed;
    iiif_j2k_job_t job;

    memset(&feed, 0, sizeof(feed));
    feed.src = run->v->src;
    feed.pieces = &piece;
    feed.count = 1;
    feed.length = stream->length;
    feed.x = (iiif_span_t){h->x0, h->x1};
    feed.y = (iiif_span_t){h->y0, h->y1};
    feed.held = stream->body; /* the library makes a copy */
    job.reduce = 0;
    job.x = (iiif_span_t){area.x0, area.x1};
    job.y = (iiif_span_t){area.y0, area.y1};
    job.whole = h->is_ht;
    job.structure = iiif_j2k_weigh_main(h, iiif_j2k_all_tiles(h)).structure;
    job.tiles = 1;
    return iiif_j2k_decode(h, &feed, &job, run->work, planes, err);
}

/* Copies what lies in both. */
static void copy_plane(const iiif_j2k_plane_t *from, iiif_j2k_area_t part, iiif_j2k_plane_t *to, int32_t *data)
{
    for (uint32_t y = part.y0; y < part.y1; y++)
        memcpy(data + (size_t)(y - to->y) * to->width + (part.x0 - to->x),
               from->data + (size_t)(y - from->y) * from->width + (part.x0 - from->x), (part.x1 - part.x0) * sizeof(*data));
}

static void copy_part(run_t *run, const iiif_j2k_planes_t *from, iiif_j2k_area_t part)
{
    int32_t *data = run->planes->memory;

    for (unsigned c = 0; c < from->count; c++) {
        const iiif_j2k_component_t *component = &run->v->header->components[c];
        iiif_j2k_plane_t *to = &run->planes->planes[c];
        iiif_j2k_area_t area = {iiif_j2k_scale(part.x0, component->dx, 0), iiif_j2k_scale(part.y0, component->dy, 0),
                                iiif_j2k_scale(part.x1, component->dx, 0), iiif_j2k_scale(part.y1, component->dy, 0)};

        if (!iiif_j2k_area_is_empty(area))
            copy_plane(&from->planes[c], area, to, data);
        data += (size_t)to->width * to->height;
    }
}

static iiif_rc decode_part(run_t *run, iiif_j2k_tile_index_t *index, iiif_j2k_area_t tile, iiif_j2k_area_t part,
                           iiif_err_t *err)
{
    iiif_mem_t *mem = run->work->mem;
    iiif_j2k_stream_t stream;
    iiif_j2k_planes_t planes;
    uint64_t held = index->bytes;
    iiif_rc rc = iiif_j2k_synth(run->v->src, run->v->header, index, tile, run->reduce, part, run->work, &stream, err);

    run->v->bytes += index->bytes - held;
    run->v->body += stream.body;
    memset(&planes, 0, sizeof(planes));
    if (rc == IIIF_OK)
        rc = decode_stream(run, &stream, part, &planes, err);
    iiif_j2k_stream_free(&stream, mem);
    if (rc != IIIF_OK)
        return rc;
    if (run->is_single) {
        *run->planes = planes;
        return IIIF_OK;
    }
    copy_part(run, &planes, part);
    iiif_j2k_planes_free(&planes, mem);
    return IIIF_OK;
}

/* --- windows ---------------------------------------------------------------------------------------------------- */

/* Samples of all components in an area of the canvas grid. */
static uint64_t area_samples(const iiif_j2k_header_t *header, iiif_j2k_area_t a)
{
    uint64_t samples = 0;

    for (unsigned c = 0; c < header->component_count; c++) {
        uint32_t dx = header->components[c].dx, dy = header->components[c].dy;

        samples += (uint64_t)(iiif_j2k_scale(a.x1, dx, 0) - iiif_j2k_scale(a.x0, dx, 0)) *
                   (iiif_j2k_scale(a.y1, dy, 0) - iiif_j2k_scale(a.y0, dy, 0));
    }
    return samples;
}

/* Width and height of parts: as wide as the window where some rows of it fit. */
static void choose_parts(const run_t *run, bool is_whole, iiif_j2k_area_t window, uint32_t *width, uint32_t *height)
{
    uint64_t samples = area_samples(run->v->header, window), row;

    *width = window.x1 - window.x0;
    *height = window.y1 - window.y0;
    if (is_whole || samples <= IIIF_J2K_PART_SAMPLES)
        return;
    row = samples / *height + 1;
    *height = iiif_min_u32(*height, 2 * PART_STEP);
    if (row * *height > IIIF_J2K_PART_SAMPLES) {
        uint64_t fit = *width * IIIF_J2K_PART_SAMPLES / (row * *height);

        *width = (uint32_t)iiif_max_u64(PART_STEP, fit / PART_STEP * PART_STEP);
    } else {
        *height = (uint32_t)iiif_max_u64(PART_STEP, IIIF_J2K_PART_SAMPLES / row / PART_STEP * PART_STEP);
    }
}

/* Where the part that begins at `from` ends: at a multiple of PART_STEP, unless it is the last. */
static uint32_t next_border(uint32_t from, uint32_t step, uint32_t end)
{
    return end - from <= step ? end : from / PART_STEP * PART_STEP + step;
}

static iiif_rc decode_tile(run_t *run, uint32_t tile, iiif_j2k_area_t area, iiif_j2k_area_t window, iiif_err_t *err)
{
    iiif_j2k_tile_index_t *index = NULL;
    iiif_rc rc = find_index(run->v, tile, run->work, &index, err);
    uint32_t width, height;
    bool is_whole = false;

    if (rc != IIIF_OK)
        return rc;
    for (unsigned c = 0; c < index->component_count; c++) {
        is_whole = is_whole || (index->coding.components[c].coding.style & IIIF_J2K_STYLE_HT) != 0;
        if (index->coding.components[c].coding.levels < run->reduce)
            return iiif_j2k_irregular(err, "a tile has fewer levels than the others");
    }
    choose_parts(run, is_whole, window, &width, &height);
    run->is_single = run->planes->memory == NULL;
    for (uint32_t y = window.y0; rc == IIIF_OK && y < window.y1; y = next_border(y, height, window.y1)) {
        for (uint32_t x = window.x0; rc == IIIF_OK && x < window.x1; x = next_border(x, width, window.x1))
            rc = decode_part(run, index, area,
                             (iiif_j2k_area_t){x, y, next_border(x, width, window.x1), next_border(y, height, window.y1)},
                             err);
    }
    return rc;
}

/* Planes that all parts are copied into. */
static iiif_rc make_planes(run_t *run, iiif_err_t *err)
{
    const iiif_j2k_header_t *h = run->v->header;
    const iiif_j2k_area_t *a = &run->window;
    uint64_t samples = area_samples(h, *a);
    int32_t *data;

    data = iiif_mem_array(run->work->mem, samples, sizeof(*data));
    if (data == NULL)
        return iiif_err_memory(err, "a part of a JPEG 2000 master", samples * sizeof(*data));
    run->planes->memory = data;
    run->planes->count = h->component_count;
    for (unsigned c = 0; c < h->component_count; c++) {
        iiif_j2k_plane_t *plane = &run->planes->planes[c];
        uint32_t dx = h->components[c].dx, dy = h->components[c].dy;

        plane->data = data;
        plane->x = iiif_j2k_scale(a->x0, dx, 0);
        plane->y = iiif_j2k_scale(a->y0, dy, 0);
        plane->width = iiif_j2k_scale(a->x1, dx, 0) - plane->x;
        plane->height = iiif_j2k_scale(a->y1, dy, 0) - plane->y;
        data += (size_t)plane->width * plane->height;
    }
    return IIIF_OK;
}

static iiif_j2k_area_t scaled(iiif_span_t x, iiif_span_t y, unsigned reduce)
{
    return (iiif_j2k_area_t){iiif_j2k_scale(x.from, 1, reduce), iiif_j2k_scale(y.from, 1, reduce),
                             iiif_j2k_scale(x.to, 1, reduce), iiif_j2k_scale(y.to, 1, reduce)};
}

static iiif_rc decode_tiles(run_t *run, iiif_j2k_tile_rect_t rect, iiif_err_t *err)
{
    const iiif_j2k_header_t *h = run->v->header;
    iiif_rc rc = IIIF_OK;

    for (uint32_t row = rect.y.from; rc == IIIF_OK && row < rect.y.to; row++) {
        for (uint32_t column = rect.x.from; rc == IIIF_OK && column < rect.x.to; column++) {
            iiif_j2k_area_t area = scaled(iiif_j2k_tiles_x(h, (iiif_span_t){column, column + 1}),
                                          iiif_j2k_tiles_y(h, (iiif_span_t){row, row + 1}), run->reduce);
            iiif_j2k_area_t window = iiif_j2k_area_cut(run->window, area);

            if (!iiif_j2k_area_is_empty(window))
                rc = decode_tile(run, row * h->tiles_across + column, area, window, err);
        }
    }
    return rc;
}

iiif_rc iiif_j2k_virtual_decode(iiif_j2k_virtual_t *v, unsigned reduce, iiif_span_t x, iiif_span_t y, const iiif_work_t *work,
                                iiif_j2k_planes_t *planes, iiif_err_t *err)
{
    iiif_j2k_tile_rect_t rect = iiif_j2k_tiles_of(v->header, x, y);
    bool is_one_tile = rect.x.to - rect.x.from == 1 && rect.y.to - rect.y.from == 1;
    run_t run = {v, reduce, scaled(x, y, reduce), false, work, planes};
    iiif_rc rc = IIIF_OK;

    memset(planes, 0, sizeof(*planes));
    if (iiif_j2k_area_is_empty(run.window))
        return iiif_j2k_irregular(err, "a window is empty at its reduction");
    /* One part is handed over as it is; of HT code-blocks more is decoded than is wanted, which should not be held. */
    if (!is_one_tile || v->header->is_ht || v->tiles->is_ht || area_samples(v->header, run.window) > IIIF_J2K_PART_SAMPLES)
        rc = make_planes(&run, err);
    if (rc == IIIF_OK)
        rc = decode_tiles(&run, rect, err);
    if (rc != IIIF_OK)
        iiif_j2k_planes_free(planes, work->mem);
    return rc;
}
