/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_synth.h"

#include <stdlib.h>
#include <string.h>

#include "j2k_extents.h"
#include "j2k_synth_header.h"

/*
 * How far beyond its place in a band a window reaches, all levels together: half the length of the synthesis filters, again at half the
 * distance for each level (15444-1 F.3.8): 4 samples for 9/7, 2 for 5/3.
 */
#define REACH_97 4u
#define REACH_53 2u
#define CROP_MARGIN 6u      /* samples of the deepest band between the window and a cut */
#define MARGIN_LEVELS 6u
#define SEGMENTS_MAX 166u

/* A code-block to be written; NULL where it is left out. */
typedef struct picked {
    const iiif_j2k_precinct_t *precinct;
    const iiif_j2k_block_t *block;
} picked_t;

typedef struct synth {
    iiif_src_t *src;
    const iiif_j2k_header_t *header;
    iiif_j2k_tile_index_t *index;
    unsigned reduce;
    iiif_j2k_area_t window, canvas;
    const iiif_work_t *work;
    iiif_j2k_coding_t codings[IIIF_J2K_INDEXED_COMPONENTS];  /* of the new stream */
    iiif_j2k_out_t out;
    iiif_j2k_extents_t extents;
    picked_t *picked;            /* the blocks of one packet, band by band */
    size_t picked_count, picked_capacity;
    iiif_j2k_node_t *nodes;
    size_t node_capacity;
    uint32_t last_id;            /* the precinct asked for last */
    const iiif_j2k_precinct_t *last;
} synth_t;

/* --- canvas -------------------------------------------------------------------------------------------------- */

static iiif_j2k_area_t scaled(iiif_j2k_area_t a, uint32_t dx, uint32_t dy, unsigned reduce)
{
    return (iiif_j2k_area_t){iiif_j2k_scale(a.x0, dx, reduce), iiif_j2k_scale(a.y0, dy, reduce),
                             iiif_j2k_scale(a.x1, dx, reduce), iiif_j2k_scale(a.y1, dy, reduce)};
}

static uint64_t common_multiple(uint64_t a, uint64_t b)
{
    uint64_t x = a, y = b;

    while (y != 0) {
        uint64_t rest = x % y;

        x = y;
        y = rest;
    }
    return a / x * b;
}

/* What a cut must be a multiple of: code-blocks of all bands, on the canvas (UINT32_MAX and more: do not cut). */
static void find_units(const synth_t *synth, uint64_t *unit_x, uint64_t *unit_y)
{
    *unit_x = *unit_y = 1;
    for (unsigned c = 0; c < synth->header->component_count; c++) {
        unsigned levels = synth->codings[c].levels;

        for (unsigned r = 0; r <= levels; r++) {
            const iiif_j2k_resolution_t *grid = &synth->index->grids[c][r].grid;
            unsigned n = r == 0 ? levels : levels - r + 1;

            *unit_x = common_multiple(*unit_x, (uint64_t)synth->header->components[c].dx << (grid->block_width + n));
            *unit_y = common_multiple(*unit_y, (uint64_t)synth->header->components[c].dy << (grid->block_height + n));
            if (*unit_x > UINT32_MAX || *unit_y > UINT32_MAX) {
                *unit_x = *unit_y = (uint64_t)UINT32_MAX + 1;
                return;
            }
        }
    }
}

/* [from, to) and the margin, out to multiples of the unit, inside [low, high). */
static void cut_axis(uint32_t *from, uint32_t *to, uint32_t low, uint32_t high, uint64_t unit, uint64_t margin)
{
    uint64_t a = *from > margin ? (*from - margin) / unit * unit : 0;
    uint64_t b = (*to + margin + unit - 1) / unit * unit;

    *from = (uint32_t)iiif_max_u64(a, low);
    *to = (uint32_t)iiif_min_u64(b, high);
}

static void choose_canvas(synth_t *synth, iiif_j2k_area_t tile)
{
    uint64_t unit_x, unit_y, margin_x = 0, margin_y = 0;

    for (unsigned c = 0; c < synth->header->component_count; c++) {
        const iiif_j2k_component_t *component = &synth->header->components[c];

        margin_x = iiif_max_u64(margin_x, (uint64_t)CROP_MARGIN * component->dx << synth->codings[c].levels);
        margin_y = iiif_max_u64(margin_y, (uint64_t)CROP_MARGIN * component->dy << synth->codings[c].levels);
    }
    find_units(synth, &unit_x, &unit_y);
    synth->canvas = synth->window;
    cut_axis(&synth->canvas.x0, &synth->canvas.x1, tile.x0, tile.x1, unit_x, margin_x);
    cut_axis(&synth->canvas.y0, &synth->canvas.y1, tile.y0, tile.y1, unit_y, margin_y);
}

iiif_j2k_area_t iiif_j2k_stream_area(const iiif_j2k_stream_t *stream, iiif_j2k_area_t window)
{
    const iiif_j2k_header_t *h = &stream->header;
    uint32_t x = 0, y = 0;

    for (unsigned c = 0; c < h->component_count; c++) {
        const iiif_j2k_component_t *component = &h->components[c];
        /*
         * The library reads 3 neighbours in each band for the 9/7 wavelet, where up to 4 count: one sample of the deepest band
         * beyond the window it is exact. Deeper than six levels what is missed is far below one.
         */
        unsigned levels = component->coding.transform == 0 ? iiif_min_u32(component->coding.levels, MARGIN_LEVELS) : 0;

        if (levels > 0 || component->dx != h->step_x || component->dy != h->step_y) {
            x = iiif_max_u32(x, (uint32_t)component->dx << levels);
            y = iiif_max_u32(y, (uint32_t)component->dy << levels);
        }
    }
    return (iiif_j2k_area_t){window.x0 - h->x0 > x ? window.x0 - x : h->x0, window.y0 - h->y0 > y ? window.y0 - y : h->y0,
                             h->x1 - window.x1 > x ? window.x1 + x : h->x1, h->y1 - window.y1 > y ? window.y1 + y : h->y1};
}

/* --- which code-blocks ------------------------------------------------------------------------------------------ */

static void reach_axis(uint32_t *from, uint32_t *to, unsigned n, bool high, unsigned block, uint32_t reach)
{
    uint32_t a = iiif_j2k_in_band(*from, n, high), b = iiif_j2k_in_band(*to, n, high);

    *from = (a > reach ? a - reach : 0) >> block;
    *to = ((b + reach - 1) >> block) + 1;
}

/* The code-blocks of a band that the window needs, as absolute cells. */
static iiif_j2k_area_t needed_blocks(const synth_t *synth, unsigned c, const iiif_j2k_resolution_t *res, unsigned b)
{
    const iiif_j2k_component_t *component = &synth->header->components[c];
    const iiif_j2k_band_t *band = &res->bands[b];
    uint32_t reach = synth->codings[c].transform == 0 ? REACH_97 : REACH_53;
    iiif_j2k_area_t a = scaled(synth->window, component->dx, component->dy, 0);

    if (iiif_j2k_area_is_empty(a))
        return (iiif_j2k_area_t){0, 0, 0, 0};
    reach_axis(&a.x0, &a.x1, band->n, band->high_x, res->block_width, reach);
    reach_axis(&a.y0, &a.y1, band->n, band->high_y, res->block_height, reach);
    return a;
}

static iiif_rc find_block(synth_t *synth, unsigned c, unsigned r, unsigned b, uint32_t x, uint32_t y, picked_t *picked,
                          iiif_err_t *err)
{
    const iiif_j2k_indexed_resolution_t *res = &synth->index->grids[c][r];
    uint32_t number = iiif_j2k_precinct_of(&res->grid, x, y);
    iiif_rc rc = IIIF_OK;

    if (number >= res->grid.across * res->grid.down) /* both grids are of the same numbers: never */
        return iiif_j2k_irregular(err, "a code-block is not where it belongs");
    if (synth->last == NULL || synth->last_id != res->first + number) {
        rc = iiif_j2k_tile_index_precinct(synth->src, synth->index, c, r, number, synth->work, &synth->last, err);
        synth->last_id = res->first + number;
        if (rc != IIIF_OK) {
            synth->last = NULL;
            return rc;
        }
    }
    picked->precinct = synth->last;
    picked->block = iiif_j2k_precinct_block(synth->last, b, x, y);
    if (picked->block == NULL)
        return iiif_j2k_irregular(err, "a code-block is not where it belongs");
    if (picked->block->passes == 0)
        picked->block = NULL;
    return IIIF_OK;
}

static iiif_rc reserve_picked(synth_t *synth, size_t more, iiif_err_t *err)
{
    size_t need = synth->picked_count + more;
    picked_t *picked;

    if (need <= synth->picked_capacity)
        return IIIF_OK;
    picked = iiif_mem_realloc(synth->work->mem, synth->picked, 2 * need * sizeof(*picked));
    if (picked == NULL)
        return iiif_err_memory(err, "a packet", 2 * need * sizeof(*picked));
    synth->picked = picked;
    synth->picked_capacity = 2 * need;
    return IIIF_OK;
}

/* The blocks of one band of a packet, by rows. */
static iiif_rc pick_band(synth_t *synth, unsigned c, unsigned r, const iiif_j2k_resolution_t *res, unsigned b,
                         iiif_j2k_area_t blocks, bool *any, iiif_err_t *err)
{
    iiif_j2k_area_t needed = needed_blocks(synth, c, res, b);
    iiif_rc rc;

    if (iiif_j2k_area_is_empty(blocks))
        return IIIF_OK;
    rc = reserve_picked(synth, (size_t)(blocks.x1 - blocks.x0) * (blocks.y1 - blocks.y0), err);
    for (uint32_t y = blocks.y0; rc == IIIF_OK && y < blocks.y1; y++) {
        for (uint32_t x = blocks.x0; rc == IIIF_OK && x < blocks.x1; x++) {
            picked_t *picked = &synth->picked[synth->picked_count++];

            picked->block = NULL;
            if (x >= needed.x0 && x < needed.x1 && y >= needed.y0 && y < needed.y1)
                rc = find_block(synth, c, r, b, x, y, picked, err);
            *any = *any || picked->block != NULL;
        }
    }
    return rc;
}

/* --- packets ------------------------------------------------------------------------------------------------------ */

/* Lengths of the block's codeword segments, all layers together. Returns their number, 0 where one is absurd. */
static unsigned sum_segments(const picked_t *picked, uint32_t *lengths)
{
    unsigned count = 0;

    for (uint32_t i = picked->block->first; i != 0; i = picked->precinct->chunks[i - 1].next) {
        const iiif_j2k_chunk_t *chunk = &picked->precinct->chunks[i - 1];
        unsigned segment = iiif_j2k_chunk_segment(chunk);

        while (count <= segment)
            lengths[count++] = 0;
        if (chunk->length > UINT32_MAX - lengths[segment])
            return 0;
        lengths[segment] += chunk->length;
    }
    return count;
}

static unsigned bits_of(uint32_t v)
{
    return v == 0 ? 0 : 32u - (unsigned)__builtin_clz(v);
}

/* Number of passes and lengths of one included block (B.10.6, B.10.7). */
static iiif_rc put_block(synth_t *synth, const picked_t *picked, iiif_err_t *err)
{
    uint32_t lengths[SEGMENTS_MAX];
    unsigned share[SEGMENTS_MAX], count = sum_segments(picked, lengths), length_bits = 3, passes = picked->block->passes;

    if (count == 0)
        return iiif_j2k_irregular(err, "a code-block is very long");
    for (unsigned done = 0, i = 0; done < passes && i < count; i++) {
        unsigned segment, n = iiif_min_u32(iiif_j2k_segment_room(picked->precinct->style, done, &segment), passes - done);

        share[i] = n == 0 ? 0 : bits_of(n) - 1;
        if (bits_of(lengths[i]) > length_bits + share[i])
            length_bits = bits_of(lengths[i]) - share[i];
        done += n;
    }
    iiif_j2k_put_passes(&synth->out, passes);
    iiif_j2k_out_bits(&synth->out, length_bits - 3, UINT32_MAX);
    iiif_j2k_out_bits(&synth->out, 1, 0);
    for (unsigned i = 0; i < count; i++)
        iiif_j2k_out_bits(&synth->out, length_bits + share[i], lengths[i]);
    return IIIF_OK;
}

static iiif_rc reserve_nodes(synth_t *synth, size_t need, iiif_err_t *err)
{
    iiif_j2k_node_t *nodes;

    if (need <= synth->node_capacity)
        return IIIF_OK;
    nodes = iiif_mem_realloc(synth->work->mem, synth->nodes, 2 * need * sizeof(*nodes));
    if (nodes == NULL)
        return iiif_err_memory(err, "a packet", 2 * need * sizeof(*nodes));
    synth->nodes = nodes;
    synth->node_capacity = 2 * need;
    return IIIF_OK;
}

/* One band's part of a packet header. */
static iiif_rc put_band(synth_t *synth, iiif_j2k_area_t blocks, const picked_t *picked, iiif_err_t *err)
{
    uint32_t width = blocks.x1 - blocks.x0, height = blocks.y1 - blocks.y0;
    size_t nodes = iiif_j2k_tree_nodes(width, height);
    iiif_j2k_tree_t inclusion, zero_planes;
    iiif_rc rc = reserve_nodes(synth, 2 * nodes, err);

    if (rc != IIIF_OK)
        return rc;
    iiif_j2k_tree_start(&inclusion, width, height, synth->nodes);
    iiif_j2k_tree_start(&zero_planes, width, height, synth->nodes + nodes);
    for (size_t i = 0; i < (size_t)width * height; i++) {
        inclusion.nodes[i].value = picked[i].block != NULL ? 0 : 1;
        if (picked[i].block != NULL)
            zero_planes.nodes[i].value = picked[i].block->zero_planes;
    }
    iiif_j2k_tree_raise(&inclusion);
    iiif_j2k_tree_raise(&zero_planes);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++, picked++) {
            iiif_j2k_tree_write(&inclusion, &synth->out, x, y, 1);
            if (picked->block == NULL)
                continue;
            iiif_j2k_tree_write(&zero_planes, &synth->out, x, y, picked->block->zero_planes + 1u);
            rc = put_block(synth, picked, err);
            if (rc != IIIF_OK)
                return rc;
        }
    }
    return IIIF_OK;
}

/* Room for the bytes of the picked blocks, and where they come from. */
static iiif_rc put_body(synth_t *synth, iiif_err_t *err)
{
    iiif_rc rc = IIIF_OK;

    for (size_t i = 0; i < synth->picked_count; i++) {
        const picked_t *picked = &synth->picked[i];

        if (picked->block == NULL)
            continue;
        for (uint32_t k = picked->block->first; rc == IIIF_OK && k != 0; k = picked->precinct->chunks[k - 1].next) {
            const iiif_j2k_chunk_t *chunk = &picked->precinct->chunks[k - 1];

            rc = iiif_j2k_extents_add(&synth->extents, iiif_j2k_chunk_offset(chunk), chunk->length, synth->out.length,
                                      synth->work->mem, err);
            (void)iiif_j2k_out_room(&synth->out, chunk->length);
        }
    }
    return rc;
}

static iiif_rc put_packet(synth_t *synth, unsigned c, unsigned r, const iiif_j2k_resolution_t *res, uint32_t precinct,
                          iiif_err_t *err)
{
    iiif_j2k_area_t blocks[IIIF_J2K_BANDS_MAX];
    bool any = false;
    size_t at = 0;
    iiif_rc rc = IIIF_OK;

    synth->picked_count = 0;
    for (unsigned b = 0; rc == IIIF_OK && b < res->band_count; b++) {
        blocks[b] = iiif_j2k_precinct_blocks(res, b, precinct);
        rc = pick_band(synth, c, r, res, b, blocks[b], &any, err);
    }
    if (rc != IIIF_OK)
        return rc;
    iiif_j2k_out_begin(&synth->out);
    iiif_j2k_out_bits(&synth->out, 1, any ? 1 : 0);
    for (unsigned b = 0; any && rc == IIIF_OK && b < res->band_count; b++) {
        if (iiif_j2k_area_is_empty(blocks[b]))
            continue;
        rc = put_band(synth, blocks[b], synth->picked + at, err);
        at += (size_t)(blocks[b].x1 - blocks[b].x0) * (blocks[b].y1 - blocks[b].y0);
    }
    iiif_j2k_out_end(&synth->out);
    return rc == IIIF_OK ? put_body(synth, err) : rc;
}

/* Layer, resolution, component, precinct. */
static iiif_rc put_packets(synth_t *synth, iiif_err_t *err)
{
    iiif_rc rc = IIIF_OK;
    bool more = true;

    for (unsigned r = 0; more; r++) {
        more = false;
        for (unsigned c = 0; c < synth->header->component_count; c++) {
            const iiif_j2k_component_t *component = &synth->header->components[c];
            iiif_j2k_resolution_t res;

            if (r > synth->codings[c].levels)
                continue;
            more = true;
            iiif_j2k_resolution_lay(&synth->codings[c], scaled(synth->canvas, component->dx, component->dy, 0), r, &res);
            for (uint32_t p = 0; p < res.across * res.down; p++) {
                rc = put_packet(synth, c, r, &res, p, err);
                if (rc != IIIF_OK)
                    return rc;
            }
        }
    }
    return IIIF_OK;
}

/* --- all together -------------------------------------------------------------------------------------------------- */

static iiif_rc check_canvas(const synth_t *synth, iiif_err_t *err)
{
    for (unsigned c = 0; c < synth->header->component_count; c++) {
        const iiif_j2k_component_t *component = &synth->header->components[c];

        if (iiif_j2k_area_is_empty(scaled(synth->canvas, component->dx, component->dy, 0)))
            return iiif_j2k_irregular(err, "a tile holds no sample of a component at this reduction");
    }
    return IIIF_OK;
}

static iiif_rc compose(synth_t *synth, iiif_j2k_area_t tile, iiif_j2k_stream_t *stream, iiif_err_t *err)
{
    iiif_rc rc;
    size_t start;

    for (unsigned c = 0; c < synth->header->component_count; c++)
        synth->codings[c] = iiif_j2k_synth_coding(&synth->index->coding.components[c].coding, &synth->index->grids[c][0],
                                                  synth->reduce);
    choose_canvas(synth, tile);
    rc = check_canvas(synth, err);
    if (rc != IIIF_OK)
        return rc;
    start = iiif_j2k_synth_begin(synth->header, synth->index, synth->codings, synth->canvas, &synth->out);
    rc = put_packets(synth, err);
    if (rc != IIIF_OK)
        return rc;
    iiif_j2k_synth_end(&synth->out, start);
    if (synth->out.failed)
        return iiif_err_memory(err, "a part of a JPEG 2000 master", synth->out.length);
    if (synth->out.length > UINT32_MAX)
        return iiif_j2k_irregular(err, "a window is very long");
    iiif_j2k_synth_describe(synth->header, synth->index, synth->codings, synth->canvas, &stream->header);
    stream->body = synth->extents.total;
    return iiif_j2k_extents_read(&synth->extents, synth->src, synth->out.data, synth->work, err);
}

iiif_rc iiif_j2k_synth(iiif_src_t *src, const iiif_j2k_header_t *header, iiif_j2k_tile_index_t *index, iiif_j2k_area_t tile,
                       unsigned reduce, iiif_j2k_area_t window, const iiif_work_t *work, iiif_j2k_stream_t *stream,
                       iiif_err_t *err)
{
    synth_t synth;
    iiif_rc rc;

    memset(stream, 0, sizeof(*stream));
    memset(&synth, 0, sizeof(synth));
    synth.src = src;
    synth.header = header;
    synth.index = index;
    synth.reduce = reduce;
    synth.window = window;
    synth.work = work;
    synth.out.mem = work->mem;
    rc = compose(&synth, tile, stream, err);
    stream->data = synth.out.data;
    stream->length = synth.out.length;
    iiif_j2k_extents_free(&synth.extents, work->mem);
    iiif_mem_free(work->mem, synth.picked);
    iiif_mem_free(work->mem, synth.nodes);
    return rc;
}

void iiif_j2k_stream_free(iiif_j2k_stream_t *stream, iiif_mem_t *mem)
{
    iiif_mem_free(mem, stream->data);
    memset(stream, 0, sizeof(*stream));
}
