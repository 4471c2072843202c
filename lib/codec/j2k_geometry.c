/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_geometry.h"

#include <string.h>

/*
 * What libopenjp2 2.5 allocates (measured, rounded up): a precinct of a band with its two tag trees; a code-block with its share of
 * the trees, its segments and its chunks.
 */
#define PRECINCT_BYTES 320u
#define BLOCK_BYTES 512u

uint32_t iiif_j2k_scale(uint64_t v, uint32_t step, unsigned reduce)
{
    uint64_t unit = (uint64_t)step << reduce;

    return (uint32_t)((v + unit - 1) / unit);
}

iiif_span_t iiif_j2k_component_x(const iiif_j2k_header_t *header, uint32_t dx, unsigned reduce)
{
    return (iiif_span_t){iiif_j2k_scale(header->x0, dx, reduce), iiif_j2k_scale(header->x1, dx, reduce)};
}

iiif_span_t iiif_j2k_component_y(const iiif_j2k_header_t *header, uint32_t dy, unsigned reduce)
{
    return (iiif_span_t){iiif_j2k_scale(header->y0, dy, reduce), iiif_j2k_scale(header->y1, dy, reduce)};
}

static iiif_span_t tiles_on_grid(iiif_span_t tiles, uint32_t origin, uint32_t size, uint32_t from, uint32_t to)
{
    uint64_t a = origin + (uint64_t)tiles.from * size, b = origin + (uint64_t)tiles.to * size;

    return (iiif_span_t){(uint32_t)iiif_max_u64(a, from), (uint32_t)iiif_min_u64(b, to)};
}

iiif_span_t iiif_j2k_tiles_x(const iiif_j2k_header_t *header, iiif_span_t tiles)
{
    return tiles_on_grid(tiles, header->tile_x0, header->tile_width, header->x0, header->x1);
}

iiif_span_t iiif_j2k_tiles_y(const iiif_j2k_header_t *header, iiif_span_t tiles)
{
    return tiles_on_grid(tiles, header->tile_y0, header->tile_height, header->y0, header->y1);
}

iiif_j2k_tile_rect_t iiif_j2k_tiles_of(const iiif_j2k_header_t *header, iiif_span_t x, iiif_span_t y)
{
    iiif_j2k_tile_rect_t rect;

    rect.x.from = (x.from - header->tile_x0) / header->tile_width;
    rect.x.to = (x.to - 1 - header->tile_x0) / header->tile_width + 1;
    rect.y.from = (y.from - header->tile_y0) / header->tile_height;
    rect.y.to = (y.to - 1 - header->tile_y0) / header->tile_height + 1;
    return rect;
}

iiif_j2k_tile_rect_t iiif_j2k_all_tiles(const iiif_j2k_header_t *header)
{
    return (iiif_j2k_tile_rect_t){{0, header->tiles_across}, {0, header->tiles_down}};
}

/* --- counting ------------------------------------------------------------------------------------ */

/* Along one axis: precincts, and code-blocks of the low (0) and high (1) bands. Sums over tiles, and the most of one. */
typedef struct axis {
    uint64_t precincts, precincts_most;
    uint64_t blocks_most[2];
} axis_t;

static uint64_t saturating_mul(uint64_t a, uint64_t b)
{
    uint64_t product;

    return iiif_mul_u64(a, b, &product) ? product : UINT64_MAX;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Cells of 2^exponent that [from, to) touches. */
static uint64_t cells(uint64_t from, uint64_t to, unsigned exponent)
{
    if (from >= to)
        return 0;
    return ((to - 1) >> exponent) - (from >> exponent) + 1;
}

/* A tile-component's coordinate in a band: ceil((v − 2^(n−1)·high) / 2^n) (B-15); n = 0 is the component itself. */
static uint64_t in_band(uint64_t v, unsigned n, unsigned high)
{
    uint64_t shift = high ? (uint64_t)1 << (n - 1) : 0;

    return v <= shift ? 0 : (v - shift + ((uint64_t)1 << n) - 1) >> n;
}

/* Adds the tile-component [from, to) at resolution `level` of `levels`. */
static void axis_add(axis_t *axis, uint64_t from, uint64_t to, unsigned levels, unsigned level, unsigned precinct,
                     unsigned block)
{
    unsigned n = levels - level;
    uint64_t count = cells(in_band(from, n, 0), in_band(to, n, 0), precinct);
    unsigned inner = level > 0 ? (precinct > 0 ? precinct - 1 : 0) : precinct;

    axis->precincts += count;
    axis->precincts_most = iiif_max_u64(axis->precincts_most, count);
    if (block > inner)
        block = inner;
    if (level > 0)
        n++;
    for (unsigned high = 0; high < (level > 0 ? 2u : 1u); high++) {
        uint64_t blocks = cells(in_band(from, n, high), in_band(to, n, high), block);

        axis->blocks_most[high] = iiif_max_u64(axis->blocks_most[high], blocks);
    }
}

static axis_t axis_count(iiif_span_t tiles, uint32_t origin, uint32_t size, uint32_t low, uint32_t high,
                         uint32_t step, unsigned levels, unsigned level, unsigned precinct, unsigned block)
{
    axis_t axis = {0, 0, {0, 0}};

    for (uint32_t t = tiles.from; t < tiles.to; t++) {
        iiif_span_t span = tiles_on_grid((iiif_span_t){t, t + 1}, origin, size, low, high);

        axis_add(&axis, iiif_j2k_scale(span.from, step, 0), iiif_j2k_scale(span.to, step, 0), levels, level, precinct,
                 block);
    }
    return axis;
}

static iiif_j2k_weight_t weigh_component(const iiif_j2k_header_t *h, const iiif_j2k_component_t *component,
                                         const iiif_j2k_coding_t *coding, iiif_j2k_tile_rect_t tiles)
{
    iiif_j2k_weight_t weight = {0, 0};

    for (unsigned level = 0; level <= coding->levels; level++) {
        axis_t x = axis_count(tiles.x, h->tile_x0, h->tile_width, h->x0, h->x1, component->dx, coding->levels, level,
                              coding->precinct_width[level], coding->block_width);
        axis_t y = axis_count(tiles.y, h->tile_y0, h->tile_height, h->y0, h->y1, component->dy, coding->levels, level,
                              coding->precinct_height[level], coding->block_height);
        uint64_t precincts = saturating_mul(x.precincts_most, y.precincts_most);
        uint64_t blocks = saturating_mul(x.blocks_most[0], y.blocks_most[0]);

        if (level > 0) { /* HL, LH, HH */
            precincts = saturating_mul(precincts, 3);
            blocks = saturating_add(saturating_mul(x.blocks_most[1], y.blocks_most[0]),
                                    saturating_mul(x.blocks_most[0], y.blocks_most[1]));
            blocks = saturating_add(blocks, saturating_mul(x.blocks_most[1], y.blocks_most[1]));
        }
        weight.packets = saturating_add(weight.packets, saturating_mul(x.precincts, y.precincts));
        weight.structure = saturating_add(weight.structure, saturating_mul(precincts, PRECINCT_BYTES));
        weight.structure = saturating_add(weight.structure, saturating_mul(blocks, BLOCK_BYTES));
    }
    return weight;
}

/* Whether component c is laid out and coded as the one before it. */
static bool is_alike(const iiif_j2k_header_t *header, const iiif_j2k_coding_t *codings, unsigned c)
{
    const iiif_j2k_component_t *component = &header->components[c];

    return component->dx == component[-1].dx && component->dy == component[-1].dy &&
           memcmp(&codings[c], &codings[c - 1], sizeof(codings[c])) == 0;
}

iiif_j2k_weight_t iiif_j2k_weigh(const iiif_j2k_header_t *header, const iiif_j2k_coding_t *codings, uint16_t layers,
                                 iiif_j2k_tile_rect_t tiles)
{
    iiif_j2k_weight_t all = {0, 0}, one = {0, 0};

    for (unsigned c = 0; c < header->component_count; c++) {
        /* Most images code all components alike. */
        if (c == 0 || !is_alike(header, codings, c))
            one = weigh_component(header, &header->components[c], &codings[c], tiles);
        all.packets = saturating_add(all.packets, one.packets);
        all.structure = saturating_add(all.structure, one.structure);
    }
    all.packets = saturating_mul(all.packets, layers);
    return all;
}

iiif_j2k_weight_t iiif_j2k_weigh_main(const iiif_j2k_header_t *header, iiif_j2k_tile_rect_t tiles)
{
    iiif_j2k_coding_t codings[IIIF_J2K_COMPONENTS_MAX];

    for (unsigned c = 0; c < header->component_count; c++)
        codings[c] = header->components[c].coding;
    return iiif_j2k_weigh(header, codings, header->layers, tiles);
}
