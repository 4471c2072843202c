/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_packet.h"

#include <string.h>

#define SOP 0xFF91u
#define EPH 0xFF92u
#define SOP_BYTES 6u
#define ZERO_PLANES_MAX 74u      /* 38 bits and an up-shift of 37 */
#define PASSES_PLAIN_MAX 109u    /* 3 · 37 − 2: of a segment that nothing ends */
#define LENGTH_BITS_MAX 32u

#define STYLE_BYPASS 0x01u
#define STYLE_TERMINATE 0x04u

iiif_rc iiif_j2k_irregular(iiif_err_t *err, const char *why)
{
    return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2700, "The JPEG 2000 master is not indexed: %s.", why);
}

/* --- precincts ------------------------------------------------------------------------------------------ */

static size_t cell_blocks(iiif_j2k_area_t area)
{
    return iiif_j2k_area_is_empty(area) ? 0 : (size_t)(area.x1 - area.x0) * (area.y1 - area.y0);
}

static void start_trees(iiif_j2k_precinct_t *precinct)
{
    iiif_j2k_node_t *nodes = precinct->nodes;

    for (unsigned b = 0; b < precinct->cell_count; b++) {
        iiif_j2k_cell_t *cell = &precinct->cells[b];
        uint32_t width = cell->area.x1 - cell->area.x0, height = cell->area.y1 - cell->area.y0;
        size_t count;

        if (iiif_j2k_area_is_empty(cell->area))
            continue;
        count = iiif_j2k_tree_nodes(width, height);
        iiif_j2k_tree_start(&cell->inclusion, width, height, nodes);
        iiif_j2k_tree_start(&cell->zero_planes, width, height, nodes + count);
        nodes += 2 * count;
    }
}

iiif_rc iiif_j2k_precinct_start(const iiif_j2k_resolution_t *res, uint32_t number, const uint8_t *planes,
                                uint8_t style, iiif_mem_t *mem, iiif_j2k_precinct_t *precinct, iiif_err_t *err)
{
    size_t blocks = 0, nodes = 0;

    memset(precinct, 0, sizeof(*precinct));
    precinct->cell_count = res->band_count;
    precinct->style = style;
    for (unsigned b = 0; b < res->band_count; b++) {
        iiif_j2k_cell_t *cell = &precinct->cells[b];

        cell->area = iiif_j2k_precinct_blocks(res, b, number);
        cell->first = (uint32_t)blocks;
        cell->planes = planes[b];
        blocks += cell_blocks(cell->area);
        if (!iiif_j2k_area_is_empty(cell->area))
            nodes += 2 * iiif_j2k_tree_nodes(cell->area.x1 - cell->area.x0, cell->area.y1 - cell->area.y0);
    }
    if (blocks > UINT32_MAX / 4) /* the header's weight was checked before: never */
        return iiif_j2k_irregular(err, "a precinct has too many code-blocks");
    precinct->block_count = (uint32_t)blocks;
    precinct->blocks = iiif_mem_zalloc(mem, blocks, sizeof(*precinct->blocks));
    precinct->nodes = iiif_mem_array(mem, nodes, sizeof(*precinct->nodes));
    if (precinct->blocks == NULL || precinct->nodes == NULL)
        return iiif_err_memory(err, "a precinct", blocks * sizeof(*precinct->blocks) + nodes * sizeof(*precinct->nodes));
    start_trees(precinct);
    return IIIF_OK;
}

void iiif_j2k_precinct_done(iiif_j2k_precinct_t *precinct, iiif_mem_t *mem)
{
    iiif_mem_free(mem, precinct->nodes);
    precinct->nodes = NULL;
}

void iiif_j2k_precinct_free(iiif_j2k_precinct_t *precinct, iiif_mem_t *mem)
{
    iiif_j2k_precinct_done(precinct, mem);
    iiif_mem_free(mem, precinct->blocks);
    iiif_mem_free(mem, precinct->chunks);
    memset(precinct, 0, sizeof(*precinct));
}

const iiif_j2k_block_t *iiif_j2k_precinct_block(const iiif_j2k_precinct_t *precinct, unsigned band, uint32_t x,
                                                uint32_t y)
{
    const iiif_j2k_cell_t *cell = &precinct->cells[band];

    if (band >= precinct->cell_count || x < cell->area.x0 || x >= cell->area.x1 || y < cell->area.y0 ||
        y >= cell->area.y1)
        return NULL;
    return &precinct->blocks[cell->first + (size_t)(y - cell->area.y0) * (cell->area.x1 - cell->area.x0) + x - cell->area.x0];
}

/* --- headers ----------------------------------------------------------------------------------------------- */

unsigned iiif_j2k_segment_room(uint8_t style, unsigned passes, unsigned *segment)
{
    unsigned bypassed;

    if (style & IIIF_J2K_STYLE_HT) { /* the cleanup, then what refines it (15444-15 7.1.1) */
        *segment = passes == 0 ? 0 : 1;
        return passes == 0 ? 1 : passes < 3 ? 3 - passes : 0;
    }
    if (style & STYLE_TERMINATE) {
        *segment = passes;
        return 1;
    }
    if (!(style & STYLE_BYPASS) || passes < 10) {
        *segment = 0;
        return (style & STYLE_BYPASS) ? 10 - passes : passes < PASSES_PLAIN_MAX ? PASSES_PLAIN_MAX - passes : 0;
    }
    bypassed = passes - 10;
    *segment = 1 + bypassed / 3 * 2 + (bypassed % 3 == 2 ? 1 : 0);
    return bypassed % 3 == 2 ? 1 : 2 - bypassed % 3;
}

/* Table B.4. */
static unsigned read_passes(iiif_j2k_bits_t *bits)
{
    unsigned n;

    if (!iiif_j2k_bit(bits))
        return 1;
    if (!iiif_j2k_bit(bits))
        return 2;
    n = iiif_j2k_bits_read(bits, 2);
    if (n != 3)
        return 3 + n;
    n = iiif_j2k_bits_read(bits, 5);
    if (n != 31)
        return 6 + n;
    return 37 + iiif_j2k_bits_read(bits, 7);
}

void iiif_j2k_put_passes(iiif_j2k_out_t *out, unsigned passes)
{
    if (passes == 1)
        iiif_j2k_out_bits(out, 1, 0);
    else if (passes == 2)
        iiif_j2k_out_bits(out, 2, 2);
    else if (passes <= 5)
        iiif_j2k_out_bits(out, 4, 12 | (passes - 3));
    else if (passes <= 36)
        iiif_j2k_out_bits(out, 9, 0x1E0 | (passes - 6));
    else
        iiif_j2k_out_bits(out, 16, 0xFF80 | (passes - 37));
}

static unsigned log2_floor(unsigned v)
{
    return 31u - (unsigned)__builtin_clz(v);
}

static iiif_rc add_chunk(iiif_j2k_precinct_t *precinct, iiif_j2k_block_t *block, unsigned segment, uint32_t length,
                         iiif_mem_t *mem, iiif_err_t *err)
{
    iiif_j2k_chunk_t *chunk;

    if (precinct->chunk_count == precinct->chunk_capacity) {
        uint32_t capacity = 2 * precinct->chunk_capacity + 16;
        iiif_j2k_chunk_t *chunks = iiif_mem_realloc(mem, precinct->chunks, capacity * sizeof(*chunks));

        if (chunks == NULL)
            return iiif_err_memory(err, "the code-blocks of a precinct", capacity * sizeof(*chunks));
        precinct->chunks = chunks;
        precinct->chunk_capacity = capacity;
    }
    chunk = &precinct->chunks[precinct->chunk_count++];
    *chunk = (iiif_j2k_chunk_t){segment, length, 0}; /* its offset comes when the header has ended */
    if (block->first == 0)
        block->first = precinct->chunk_count;
    else
        precinct->chunks[block->last - 1].next = precinct->chunk_count;
    block->last = precinct->chunk_count;
    return IIIF_OK;
}

/* Passes and lengths of one included block (B.10.6, B.10.7). */
static iiif_rc read_lengths(iiif_j2k_bits_t *bits, iiif_j2k_precinct_t *precinct, const iiif_j2k_cell_t *cell,
                            iiif_j2k_block_t *block, iiif_mem_t *mem, iiif_err_t *err)
{
    unsigned passes = read_passes(bits), planes = cell->planes - block->zero_planes;
    iiif_rc rc = IIIF_OK;

    if (block->passes + passes > ((precinct->style & IIIF_J2K_STYLE_HT) ? 3 : 3 * planes - 2))
        return iiif_j2k_irregular(err, "a code-block claims more passes than bit-planes allow");
    if ((precinct->style & IIIF_J2K_STYLE_HT) && block->passes > 0)
        return iiif_j2k_irregular(err, "a high-throughput code-block comes in several layers");
    while (iiif_j2k_bit(bits)) {
        if (++block->length_bits > LENGTH_BITS_MAX)
            return iiif_j2k_irregular(err, "a packet header claims absurd lengths");
    }
    while (rc == IIIF_OK && passes > 0) {
        unsigned segment, n = iiif_j2k_segment_room(precinct->style, block->passes, &segment), width;

        n = iiif_min_u32(n, passes);
        if (n == 0)
            return iiif_j2k_irregular(err, "a code-block claims too many passes");
        width = block->length_bits + log2_floor(n);
        if (width > LENGTH_BITS_MAX)
            return iiif_j2k_irregular(err, "a packet header claims absurd lengths");
        rc = add_chunk(precinct, block, segment, iiif_j2k_bits_read(bits, width), mem, err);
        block->passes = (uint8_t)(block->passes + n);
        passes -= n;
    }
    return rc;
}

static iiif_rc read_block(iiif_j2k_bits_t *bits, iiif_j2k_precinct_t *precinct, iiif_j2k_cell_t *cell, uint32_t x,
                          uint32_t y, iiif_mem_t *mem, iiif_err_t *err)
{
    iiif_j2k_block_t *block = &precinct->blocks[cell->first + (size_t)y * cell->inclusion.width + x];

    if (block->passes > 0) {
        if (!iiif_j2k_bit(bits))
            return IIIF_OK;
    } else {
        if (!iiif_j2k_tree_read(&cell->inclusion, bits, x, y, precinct->layers + 1))
            return IIIF_OK;
        if (!iiif_j2k_tree_read(&cell->zero_planes, bits, x, y, ZERO_PLANES_MAX + 1) || bits->over)
            return iiif_j2k_irregular(err, "a packet header ends early");
        block->zero_planes = (uint8_t)cell->zero_planes.nodes[(size_t)y * cell->zero_planes.width + x].value;
        block->length_bits = 3;
        if (block->zero_planes >= cell->planes)
            return iiif_j2k_irregular(err, "a code-block claims more zero bit-planes than there are");
    }
    return read_lengths(bits, precinct, cell, block, mem, err);
}

static iiif_rc read_cell(iiif_j2k_bits_t *bits, iiif_j2k_precinct_t *precinct, iiif_j2k_cell_t *cell, iiif_mem_t *mem,
                         iiif_err_t *err)
{
    iiif_rc rc = IIIF_OK;

    for (uint32_t y = 0; rc == IIIF_OK && y < cell->inclusion.height; y++) {
        for (uint32_t x = 0; rc == IIIF_OK && x < cell->inclusion.width; x++)
            rc = read_block(bits, precinct, cell, x, y, mem, err);
        if (rc == IIIF_OK && bits->over)
            rc = iiif_j2k_irregular(err, "a packet header runs over its end");
    }
    return rc;
}

static bool is_marker(iiif_j2k_window_t *window, uint64_t at, uint64_t end, unsigned marker)
{
    return end - at >= 2 && iiif_j2k_window_byte(window, at) == marker >> 8 &&
           iiif_j2k_window_byte(window, at + 1) == (marker & 0xFF);
}

/* The chunks from number `from` on get their places, one behind the other. */
static bool place_chunks(iiif_j2k_precinct_t *precinct, uint32_t from, uint64_t *at, uint64_t end)
{
    for (uint32_t i = from; i < precinct->chunk_count; i++) {
        iiif_j2k_chunk_t *chunk = &precinct->chunks[i];

        if (chunk->length > end - *at)
            return false;
        chunk->place |= *at << 8;
        *at += chunk->length;
    }
    return true;
}

static iiif_rc read_error(iiif_err_t *err)
{
    return iiif_err_set(err, IIIF_E_IO, 2701, "The packets of the JPEG 2000 master cannot be read.");
}

iiif_rc iiif_j2k_packet_read(iiif_j2k_window_t *window, const iiif_j2k_packet_at_t *where, iiif_mem_t *mem,
                             iiif_j2k_precinct_t *precinct, uint64_t *next, iiif_err_t *err)
{
    uint64_t at = where->at;
    uint32_t first_chunk = precinct->chunk_count;
    iiif_j2k_bits_t bits;
    iiif_rc rc = IIIF_OK;

    if (where->has_sop && is_marker(window, at, where->end, SOP)) {
        if (where->end - at < SOP_BYTES)
            return iiif_j2k_irregular(err, "a packet is cut");
        at += SOP_BYTES;
    }
    iiif_j2k_bits_init(&bits, window, at, where->end);
    if (iiif_j2k_bit(&bits)) {
        for (unsigned b = 0; rc == IIIF_OK && b < precinct->cell_count; b++)
            rc = read_cell(&bits, precinct, &precinct->cells[b], mem, err);
    }
    if (rc != IIIF_OK)
        return window->failed ? read_error(err) : rc;
    iiif_j2k_bits_align(&bits);
    at = bits.at;
    if (bits.over)
        return iiif_j2k_irregular(err, "a packet header is cut");
    if (where->has_eph && is_marker(window, at, where->end, EPH))
        at += 2;
    if (window->failed)
        return read_error(err);
    if (!place_chunks(precinct, first_chunk, &at, where->end))
        return iiif_j2k_irregular(err, "a packet runs over its end");
    precinct->layers++;
    *next = at;
    return IIIF_OK;
}
