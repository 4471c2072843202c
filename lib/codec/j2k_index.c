/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_index.h"

#include <string.h>

#include "j2k_order.h"

#define SOT_BYTES 12u
#define PLT 0xFF58u
#define SEGMENT_BYTES 256u           /* of what is kept; longer ones say nothing that is indexed */
#define HEADER_STEP 128u
#define BASE_EACH 64u
#define PACKETS_MAX (1u << 26)
#define VISITS_MAX ((uint64_t)1 << 28)
#define POLL_EACH 4096u
#define KEEP_BLOCKS 512u             /* a precinct of so many code-blocks is not read twice */

typedef struct builder {
    iiif_j2k_window_t window;
    iiif_src_t *src;
    const iiif_j2k_header_t *header;
    const iiif_work_t *work;
    iiif_j2k_tile_index_t *index;
    iiif_j2k_area_t tile;
    uint32_t length_count, length_capacity;
    bool has_lengths;                /* the PLT segments make sense so far */
    uint32_t steps;
} builder_t;

static iiif_rc poll(builder_t *builder, uint32_t steps, iiif_err_t *err)
{
    builder->steps += steps;
    if (builder->steps < POLL_EACH)
        return IIIF_OK;
    builder->steps = 0;
    return iiif_cancel_check(builder->work->cancel, err);
}

/* --- tile-part headers ------------------------------------------------------------------------------------- */

static iiif_rc read_error(iiif_err_t *err)
{
    return iiif_err_set(err, IIIF_E_IO, 2702, "The tile-part headers of the JPEG 2000 master cannot be read.");
}

static unsigned window_be16(iiif_j2k_window_t *window, uint64_t at)
{
    unsigned high = iiif_j2k_window_byte(window, at);

    return high << 8 | iiif_j2k_window_byte(window, at + 1);
}

static iiif_rc add_length(builder_t *builder, uint32_t length, iiif_err_t *err)
{
    iiif_j2k_tile_index_t *index = builder->index;

    if (builder->length_count == builder->length_capacity) {
        uint32_t capacity = 2 * builder->length_capacity + 256;
        uint32_t *lengths = iiif_mem_realloc(builder->work->mem, index->lengths, capacity * sizeof(*lengths));

        if (lengths == NULL)
            return iiif_err_memory(err, "a table of packets", capacity * sizeof(*lengths));
        index->lengths = lengths;
        builder->length_capacity = capacity;
    }
    index->lengths[builder->length_count++] = length;
    return IIIF_OK;
}

/* Iplt: seven bits a byte, the last without the high one (A.7.3). What makes no sense is not used. */
static iiif_rc read_plt(builder_t *builder, uint64_t at, uint64_t end, iiif_err_t *err)
{
    uint64_t value = 0;
    bool is_open = false;
    iiif_rc rc = IIIF_OK;

    builder->window.step = (uint32_t)iiif_min_u64(end - at + HEADER_STEP, IIIF_J2K_WINDOW_BYTES);
    for (at++; rc == IIIF_OK && at < end; at++) { /* behind Zplt */
        uint8_t byte = iiif_j2k_window_byte(&builder->window, at);

        value = value << 7 | (byte & 0x7F);
        is_open = (byte & 0x80) != 0;
        if (value > UINT32_MAX || builder->length_count >= PACKETS_MAX)
            builder->has_lengths = false;
        if (!builder->has_lengths)
            break;
        if (!is_open) {
            rc = add_length(builder, (uint32_t)value, err);
            value = 0;
        }
    }
    builder->window.step = HEADER_STEP;
    if (is_open)
        builder->has_lengths = false;
    return rc;
}

static iiif_rc read_segment(builder_t *builder, unsigned marker, uint64_t at, size_t n, bool is_first, iiif_err_t *err)
{
    uint8_t payload[SEGMENT_BYTES];

    if (marker == PLT)
        return read_plt(builder, at, at + n, err);
    if (n > sizeof(payload))
        n = sizeof(payload);
    for (size_t i = 0; i < n; i++)
        payload[i] = iiif_j2k_window_byte(&builder->window, at + i);
    if (!is_first && ((marker >= IIIF_J2K_COD && marker <= IIIF_J2K_COC) || (marker >= IIIF_J2K_QCD && marker <= 0xFF5E)))
        return iiif_j2k_irregular(err, "a later tile-part changes the coding");
    return iiif_j2k_coding_segment(builder->header->component_count, marker, payload, n, &builder->index->coding, err);
}

/* Reads the header of a tile-part; *data is where its packets begin. */
static iiif_rc read_part_header(builder_t *builder, const iiif_j2k_part_t *part, bool is_first, uint64_t *data,
                                iiif_err_t *err)
{
    uint64_t at = part->offset + SOT_BYTES, end = part->offset + part->length;
    iiif_rc rc = IIIF_OK;

    for (;;) {
        unsigned marker, length;

        if (end - at < 2)
            return iiif_j2k_irregular(err, "a tile-part header has no end");
        marker = window_be16(&builder->window, at);
        if (builder->window.failed)
            return read_error(err);
        if (marker == IIIF_J2K_SOD)
            break;
        length = end - at >= 4 ? window_be16(&builder->window, at + 2) : 0;
        if (length < 2 || end - at < 2 + (uint64_t)length)
            return iiif_j2k_irregular(err, "a tile-part header is damaged");
        rc = read_segment(builder, marker, at + 4, length - 2, is_first, err);
        if (rc == IIIF_OK)
            rc = builder->window.failed ? read_error(err) : poll(builder, 1, err);
        if (rc != IIIF_OK)
            return rc;
        at += 2 + (uint64_t)length;
    }
    *data = at + 2;
    return IIIF_OK;
}

static iiif_rc read_part(builder_t *builder, const iiif_j2k_part_t *part, iiif_err_t *err)
{
    iiif_j2k_tile_index_t *index = builder->index;
    iiif_j2k_indexed_part_t *entry = &index->parts[index->part_count];
    uint64_t sum = 0;
    iiif_rc rc;

    entry->first = builder->length_count;
    entry->end = part->offset + part->length;
    rc = read_part_header(builder, part, index->part_count == 0, &entry->offset, err);
    index->part_count++;
    for (uint32_t i = entry->first; i < builder->length_count; i++)
        sum += index->lengths[i];
    if (sum != entry->end - entry->offset)
        builder->has_lengths = false;
    return rc;
}

/* --- geometry ------------------------------------------------------------------------------------------------ */

static void lay_resolution(const iiif_j2k_tile_index_t *index, unsigned c, unsigned r, iiif_j2k_indexed_resolution_t *out)
{
    const iiif_j2k_coded_component_t *component = &index->coding.components[c];

    iiif_j2k_resolution_lay(&component->coding, index->areas[c], r, &out->grid);
    for (unsigned b = 0; b < out->grid.band_count; b++)
        out->planes[b] = (uint8_t)iiif_j2k_planes_of(component, out->grid.bands[b].number);
}

static iiif_rc lay_component(builder_t *builder, unsigned c, uint64_t *precincts, iiif_err_t *err)
{
    const iiif_j2k_component_t *component = &builder->header->components[c];
    iiif_j2k_tile_index_t *index = builder->index;
    const iiif_j2k_area_t *tile = &builder->tile;

    index->areas[c] = (iiif_j2k_area_t){iiif_j2k_scale(tile->x0, component->dx, 0), iiif_j2k_scale(tile->y0, component->dy, 0),
                                        iiif_j2k_scale(tile->x1, component->dx, 0), iiif_j2k_scale(tile->y1, component->dy, 0)};
    if (iiif_j2k_area_is_empty(index->areas[c]))
        return iiif_j2k_irregular(err, "a tile holds no sample of a component");
    index->resolutions[c] = index->coding.components[c].coding.levels + 1u;
    index->grids[c] = iiif_mem_zalloc(builder->work->mem, index->resolutions[c], sizeof(*index->grids[c]));
    if (index->grids[c] == NULL)
        return iiif_err_memory(err, "an index", index->resolutions[c] * sizeof(*index->grids[c]));
    index->bytes += index->resolutions[c] * sizeof(*index->grids[c]);
    for (unsigned r = 0; r < index->resolutions[c]; r++) {
        iiif_j2k_indexed_resolution_t *res = &index->grids[c][r];

        lay_resolution(index, c, r, res);
        res->first = (uint32_t)*precincts;
        *precincts += (uint64_t)res->grid.across * res->grid.down;
        if (*precincts > PACKETS_MAX)
            return iiif_j2k_irregular(err, "a tile has very many precincts");
    }
    return IIIF_OK;
}

static iiif_rc lay_tile(builder_t *builder, iiif_err_t *err)
{
    iiif_j2k_tile_index_t *index = builder->index;
    uint64_t precincts = 0;
    iiif_rc rc = IIIF_OK;

    for (unsigned c = 0; rc == IIIF_OK && c < index->component_count; c++)
        rc = lay_component(builder, c, &precincts, err);
    if (rc != IIIF_OK)
        return rc;
    if (precincts * index->coding.layers > PACKETS_MAX)
        return iiif_j2k_irregular(err, "a tile has very many packets");
    index->precinct_count = (uint32_t)precincts;
    index->packet_count = (uint32_t)precincts * index->coding.layers;
    index->packets = iiif_mem_array(builder->work->mem, index->precinct_count, sizeof(*index->packets));
    index->precincts = iiif_mem_zalloc(builder->work->mem, index->precinct_count, sizeof(*index->precincts));
    if (index->packets == NULL || index->precincts == NULL)
        return iiif_err_memory(err, "an index", index->precinct_count * sizeof(*index->precincts));
    index->bytes += index->precinct_count * (sizeof(*index->packets) + sizeof(*index->precincts));
    return IIIF_OK;
}

/* --- precincts --------------------------------------------------------------------------------------------------- */

static iiif_rc start_precinct(iiif_j2k_tile_index_t *index, unsigned c, const iiif_j2k_indexed_resolution_t *res,
                              uint32_t number, iiif_mem_t *mem, iiif_err_t *err)
{
    iiif_j2k_precinct_t *precinct = iiif_mem_zalloc(mem, 1, sizeof(*precinct));

    if (precinct == NULL)
        return iiif_err_memory(err, "a precinct", sizeof(*precinct));
    index->precincts[res->first + number] = precinct;
    return iiif_j2k_precinct_start(&res->grid, number, res->planes, index->coding.components[c].coding.style, mem, precinct, err);
}

static void drop_precinct(iiif_j2k_tile_index_t *index, uint32_t id, iiif_mem_t *mem)
{
    if (index->precincts[id] == NULL)
        return;
    iiif_j2k_precinct_free(index->precincts[id], mem);
    iiif_mem_free(mem, index->precincts[id]);
    index->precincts[id] = NULL;
}

/* Each packet may have a word on each code-block of its precinct: a header can make that many from few bytes. */
static iiif_rc count_visits(iiif_j2k_tile_index_t *index, uint32_t blocks, iiif_err_t *err)
{
    index->visits += blocks;
    if (index->visits > VISITS_MAX)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2703,
                            "The JPEG 2000 master has too many layers for its code-blocks; encode it with fewer.");
    return IIIF_OK;
}

static uint32_t header_step(uint32_t blocks)
{
    return iiif_min_u32(iiif_max_u32(64, 2 * blocks), IIIF_J2K_WINDOW_BYTES);
}

uint64_t iiif_j2k_packet_offset(const iiif_j2k_tile_index_t *index, uint32_t number)
{
    uint32_t low = 0, high = index->part_count, from = number / BASE_EACH * BASE_EACH;
    uint64_t at = index->bases[number / BASE_EACH];

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (index->parts[middle].first <= number)
            low = middle;
        else
            high = middle;
    }
    if (index->parts[low].first > from) {
        from = index->parts[low].first;
        at = index->parts[low].offset;
    }
    for (; from < number; from++)
        at += index->lengths[from];
    return at;
}

/* All packets of a precinct, at their known places. */
static iiif_rc read_precinct(iiif_src_t *src, iiif_j2k_tile_index_t *index, const iiif_j2k_indexed_resolution_t *res,
                             uint32_t id, iiif_mem_t *mem, iiif_err_t *err)
{
    iiif_j2k_precinct_t *precinct = index->precincts[id];
    iiif_j2k_packet_at_t where = {0, 0, index->coding.has_sop, index->coding.has_eph};
    iiif_j2k_window_t window;
    iiif_rc rc = IIIF_OK;

    iiif_j2k_window_init(&window, src, header_step(precinct->block_count));
    while (rc == IIIF_OK && precinct->layers < index->coding.layers) {
        uint32_t number = index->packets[id] + precinct->layers * res->stride;
        uint64_t next = 0;

        where.at = iiif_j2k_packet_offset(index, number);
        where.end = where.at + index->lengths[number];
        rc = count_visits(index, precinct->block_count, err);
        if (rc == IIIF_OK)
            rc = iiif_j2k_packet_read(&window, &where, mem, precinct, &next, err);
        if (rc == IIIF_OK && next != where.end)
            rc = iiif_j2k_irregular(err, "a packet is not as long as was said");
    }
    return rc;
}

iiif_rc iiif_j2k_tile_index_precinct(iiif_src_t *src, iiif_j2k_tile_index_t *index, unsigned component, unsigned resolution,
                                     uint32_t number, const iiif_work_t *work, const iiif_j2k_precinct_t **out,
                                     iiif_err_t *err)
{
    const iiif_j2k_indexed_resolution_t *res = &index->grids[component][resolution];
    uint32_t id = res->first + number;
    iiif_rc rc = iiif_cancel_check(work->cancel, err);

    if (rc == IIIF_OK && index->precincts[id] == NULL) {
        rc = start_precinct(index, component, res, number, work->mem, err);
        if (rc == IIIF_OK)
            rc = read_precinct(src, index, res, id, work->mem, err);
        if (rc != IIIF_OK) {
            drop_precinct(index, id, work->mem);
            return rc;
        }
        iiif_j2k_precinct_done(index->precincts[id], work->mem);
        index->bytes += sizeof(iiif_j2k_precinct_t) + index->precincts[id]->block_count * sizeof(iiif_j2k_block_t) +
                        index->precincts[id]->chunk_capacity * sizeof(iiif_j2k_chunk_t);
    }
    *out = index->precincts[id];
    return rc;
}

/* --- without PLT: all packets in turn -------------------------------------------------------------------------- */

typedef struct walk {
    builder_t *builder;
    uint32_t number;         /* of the next packet */
    uint32_t part;
    uint64_t at;
} walk_t;

/* The resolution that a precinct belongs to. */
static iiif_j2k_indexed_resolution_t *resolution_of(iiif_j2k_tile_index_t *index, uint32_t id, unsigned *component)
{
    for (unsigned c = 0; c < index->component_count; c++) {
        for (unsigned r = 0; r < index->resolutions[c]; r++) {
            iiif_j2k_indexed_resolution_t *res = &index->grids[c][r];

            if (id - res->first < res->grid.across * res->grid.down) {
                *component = c;
                return res;
            }
        }
    }
    return NULL;
}

/* A packet lies in one tile-part (A.4.2). */
static void enter_part(walk_t *walk)
{
    iiif_j2k_tile_index_t *index = walk->builder->index;

    while (walk->at == index->parts[walk->part].end && walk->part + 1 < index->part_count) {
        walk->part++;
        walk->at = index->parts[walk->part].offset;
        index->parts[walk->part].first = walk->number;
    }
}

static iiif_rc walk_packet(walk_t *walk, uint32_t id, uint32_t layer, iiif_err_t *err)
{
    builder_t *builder = walk->builder;
    iiif_j2k_tile_index_t *index = builder->index;
    iiif_j2k_packet_at_t where = {0, 0, index->coding.has_sop, index->coding.has_eph};
    uint64_t next = 0;
    iiif_rc rc = IIIF_OK;

    if (layer == 0) {
        unsigned component = 0;
        const iiif_j2k_indexed_resolution_t *res = resolution_of(index, id, &component);

        rc = start_precinct(index, component, res, id - res->first, builder->work->mem, err);
    }
    if (rc == IIIF_OK)
        rc = count_visits(index, index->precincts[id]->block_count, err);
    if (rc == IIIF_OK)
        rc = poll(builder, 1 + index->precincts[id]->block_count, err);
    if (rc != IIIF_OK)
        return rc;
    enter_part(walk);
    where.at = walk->at;
    where.end = index->parts[walk->part].end;
    if (where.at == where.end)
        return iiif_j2k_irregular(err, "a tile ends before its last packet");
    builder->window.step = header_step(index->precincts[id]->block_count);
    rc = iiif_j2k_packet_read(&builder->window, &where, builder->work->mem, index->precincts[id], &next, err);
    if (rc != IIIF_OK)
        return rc;
    if (next - where.at > UINT32_MAX) /* a tile-part is not that long: never */
        return iiif_j2k_irregular(err, "a packet is very long");
    index->lengths[walk->number] = (uint32_t)(next - where.at);
    if (walk->number % BASE_EACH == 0)
        index->bases[walk->number / BASE_EACH] = where.at;
    walk->number++;
    walk->at = next;
    return IIIF_OK;
}

/* A group of precincts, layer by layer. Small ones are read again when they are asked for. */
static iiif_rc walk_group(walk_t *walk, const uint32_t *order, uint32_t count, iiif_err_t *err)
{
    iiif_j2k_tile_index_t *index = walk->builder->index;
    iiif_mem_t *mem = walk->builder->work->mem;
    iiif_rc rc = IIIF_OK;

    for (uint32_t layer = 0; rc == IIIF_OK && layer < index->coding.layers; layer++) {
        for (uint32_t i = 0; rc == IIIF_OK && i < count; i++)
            rc = walk_packet(walk, order[i], layer, err);
    }
    for (uint32_t i = 0; rc == IIIF_OK && i < count; i++) {
        iiif_j2k_precinct_t *precinct = index->precincts[order[i]];

        if (precinct->block_count < KEEP_BLOCKS) {
            drop_precinct(index, order[i], mem);
            continue;
        }
        iiif_j2k_precinct_done(precinct, mem);
        index->bytes += precinct->block_count * sizeof(iiif_j2k_block_t) + precinct->chunk_capacity * sizeof(iiif_j2k_chunk_t);
    }
    return rc;
}

static iiif_rc walk_packets(builder_t *builder, const uint32_t *order, iiif_err_t *err)
{
    iiif_j2k_tile_index_t *index = builder->index;
    walk_t walk = {builder, 0, 0, index->parts[0].offset};
    iiif_rc rc = IIIF_OK;

    index->parts[0].first = 0;
    for (uint32_t i = 1; i < index->part_count; i++)
        index->parts[i].first = index->packet_count;
    for (uint32_t from = 0; rc == IIIF_OK && from < index->precinct_count;) {
        unsigned component = 0;
        uint32_t stride = resolution_of(index, order[from], &component)->stride;

        rc = walk_group(&walk, order + from, stride, err);
        from += stride;
    }
    index->visits = 0;
    return rc;
}

/* --- all together ------------------------------------------------------------------------------------------------ */

static void set_bases(iiif_j2k_tile_index_t *index)
{
    for (uint32_t p = 0; p < index->part_count; p++) {
        uint32_t end = p + 1 < index->part_count ? index->parts[p + 1].first : index->packet_count;
        uint64_t at = index->parts[p].offset;

        for (uint32_t i = index->parts[p].first; i < end; i++) {
            if (i % BASE_EACH == 0)
                index->bases[i / BASE_EACH] = at;
            at += index->lengths[i];
        }
    }
}

static iiif_rc place_packets(builder_t *builder, iiif_err_t *err)
{
    iiif_j2k_tile_index_t *index = builder->index;
    iiif_mem_t *mem = builder->work->mem;
    uint32_t *order = iiif_mem_array(mem, index->precinct_count, sizeof(*order));
    size_t bases = index->packet_count / BASE_EACH + 1;
    iiif_rc rc = IIIF_OK;

    index->bases = iiif_mem_array(mem, bases, sizeof(*index->bases));
    if (!builder->has_lengths || builder->length_count != index->packet_count) {
        builder->has_lengths = false;
        iiif_mem_free(mem, index->lengths);
        index->lengths = iiif_mem_array(mem, index->packet_count, sizeof(*index->lengths));
    }
    if (order == NULL || index->bases == NULL || index->lengths == NULL) {
        rc = iiif_err_memory(err, "a table of packets", index->packet_count * sizeof(*index->lengths));
    } else {
        index->bytes += bases * sizeof(*index->bases) + index->packet_count * sizeof(*index->lengths);
        iiif_j2k_order_packets(builder->header, builder->tile, index, order);
        if (builder->has_lengths)
            set_bases(index);
        else
            rc = walk_packets(builder, order, err);
    }
    iiif_mem_free(mem, order);
    return rc;
}

static iiif_j2k_area_t tile_area(const iiif_j2k_header_t *h, uint32_t tile)
{
    uint32_t column = tile % h->tiles_across, row = tile / h->tiles_across;
    iiif_span_t x = iiif_j2k_tiles_x(h, (iiif_span_t){column, column + 1});
    iiif_span_t y = iiif_j2k_tiles_y(h, (iiif_span_t){row, row + 1});

    return (iiif_j2k_area_t){x.from, y.from, x.to, y.to};
}

iiif_rc iiif_j2k_tile_index_read(iiif_src_t *src, const iiif_j2k_header_t *header, const iiif_j2k_tiles_t *tiles,
                                 uint32_t tile, const iiif_work_t *work, iiif_j2k_tile_index_t *index, iiif_err_t *err)
{
    builder_t builder;
    iiif_rc rc;

    memset(index, 0, sizeof(*index));
    iiif_j2k_window_init(&builder.window, src, HEADER_STEP);
    builder.src = src;
    builder.header = header;
    builder.work = work;
    builder.index = index;
    builder.tile = tile_area(header, tile);
    builder.length_count = builder.length_capacity = 0;
    builder.has_lengths = true;
    builder.steps = 0;
    index->component_count = header->component_count;
    rc = iiif_j2k_coding_main(header, &index->coding, err);
    if (rc != IIIF_OK)
        return rc;
    iiif_j2k_coding_enter_tile(&index->coding);
    index->parts = iiif_mem_array(work->mem, tiles->tiles[tile].count, sizeof(*index->parts));
    if (index->parts == NULL)
        return iiif_err_memory(err, "an index", tiles->tiles[tile].count * sizeof(*index->parts));
    for (uint32_t i = tiles->tiles[tile].first; rc == IIIF_OK && i != 0; i = tiles->parts[i - 1].next)
        rc = read_part(&builder, &tiles->parts[i - 1], err);
    if (rc == IIIF_OK)
        rc = iiif_j2k_coding_check(header->component_count, &index->coding, err);
    if (rc == IIIF_OK)
        rc = lay_tile(&builder, err);
    return rc == IIIF_OK ? place_packets(&builder, err) : rc;
}

void iiif_j2k_tile_index_free(iiif_j2k_tile_index_t *index, iiif_mem_t *mem)
{
    for (uint32_t i = 0; index->precincts != NULL && i < index->precinct_count; i++)
        drop_precinct(index, i, mem);
    for (unsigned c = 0; c < IIIF_J2K_INDEXED_COMPONENTS; c++)
        iiif_mem_free(mem, index->grids[c]);
    iiif_mem_free(mem, index->packets);
    iiif_mem_free(mem, index->precincts);
    iiif_mem_free(mem, index->lengths);
    iiif_mem_free(mem, index->bases);
    iiif_mem_free(mem, index->parts);
    memset(index, 0, sizeof(*index));
}
