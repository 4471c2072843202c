/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_order.h"

#define CURSORS_MAX (IIIF_J2K_INDEXED_COMPONENTS * (IIIF_J2K_INDEXED_LEVELS + 1))

/* One resolution whose precincts are met by their positions on the reference grid. */
typedef struct cursor {
    const iiif_j2k_indexed_resolution_t *res;
    uint64_t unit_x, unit_y;      /* of a precinct on the reference grid */
    iiif_j2k_area_t tile;
    uint32_t row, column;
} cursor_t;

typedef struct sorter {
    const iiif_j2k_header_t *header;
    iiif_j2k_area_t tile;
    iiif_j2k_tile_index_t *index;
    uint32_t *order;
    uint32_t count;
    cursor_t cursors[CURSORS_MAX];
    unsigned cursor_count;
} sorter_t;

static unsigned most_resolutions(const iiif_j2k_tile_index_t *index)
{
    unsigned most = 0;

    for (unsigned c = 0; c < index->component_count; c++)
        most = iiif_max_u32(most, index->resolutions[c]);
    return most;
}

static uint32_t precincts_of(const iiif_j2k_indexed_resolution_t *res)
{
    return res->grid.across * res->grid.down;
}

static void take_all(sorter_t *sorter, const iiif_j2k_indexed_resolution_t *res)
{
    for (uint32_t p = 0; p < precincts_of(res); p++)
        sorter->order[sorter->count++] = res->first + p;
}

/* --- by position ---------------------------------------------------------------------------------------- */

static void add_cursor(sorter_t *sorter, unsigned c, unsigned r)
{
    const iiif_j2k_component_t *component = &sorter->header->components[c];
    iiif_j2k_indexed_resolution_t *res = &sorter->index->grids[c][r];
    cursor_t *cursor = &sorter->cursors[sorter->cursor_count++];
    unsigned n = sorter->index->resolutions[c] - 1 - r;

    cursor->res = res;
    cursor->unit_x = (uint64_t)component->dx << (n + res->grid.precinct_width);
    cursor->unit_y = (uint64_t)component->dy << (n + res->grid.precinct_height);
    cursor->tile = sorter->tile;
    cursor->row = cursor->column = 0;
    res->stride = 1;
}

/* A precinct begins where its cell does, or with the tile where the tile cuts it. */
static uint64_t row_position(const cursor_t *cursor)
{
    const iiif_j2k_resolution_t *grid = &cursor->res->grid;
    uint64_t cell = (uint64_t)grid->precinct_y + cursor->row;

    return cell << grid->precinct_height < grid->area.y0 ? cursor->tile.y0 : cell * cursor->unit_y;
}

static uint64_t column_position(const cursor_t *cursor)
{
    const iiif_j2k_resolution_t *grid = &cursor->res->grid;
    uint64_t cell = (uint64_t)grid->precinct_x + cursor->column;

    return cell << grid->precinct_width < grid->area.x0 ? cursor->tile.x0 : cell * cursor->unit_x;
}

/* The precincts of all cursors that begin at row position y, by columns. */
static void merge_row(sorter_t *sorter, uint64_t y)
{
    bool is_here[CURSORS_MAX];

    for (unsigned i = 0; i < sorter->cursor_count; i++) {
        cursor_t *cursor = &sorter->cursors[i];

        is_here[i] = cursor->row < cursor->res->grid.down && row_position(cursor) == y;
        cursor->column = is_here[i] ? 0 : cursor->res->grid.across;
    }
    for (;;) {
        uint64_t x = UINT64_MAX;

        for (unsigned i = 0; i < sorter->cursor_count; i++) {
            if (sorter->cursors[i].column < sorter->cursors[i].res->grid.across)
                x = iiif_min_u64(x, column_position(&sorter->cursors[i]));
        }
        if (x == UINT64_MAX)
            break;
        for (unsigned i = 0; i < sorter->cursor_count; i++) {
            cursor_t *cursor = &sorter->cursors[i];

            if (cursor->column < cursor->res->grid.across && column_position(cursor) == x) {
                sorter->order[sorter->count++] = cursor->res->first + cursor->row * cursor->res->grid.across + cursor->column;
                cursor->column++;
            }
        }
    }
    for (unsigned i = 0; i < sorter->cursor_count; i++)
        sorter->cursors[i].row += is_here[i] ? 1 : 0;
}

static void merge(sorter_t *sorter)
{
    for (;;) {
        uint64_t y = UINT64_MAX;

        for (unsigned i = 0; i < sorter->cursor_count; i++) {
            if (sorter->cursors[i].row < sorter->cursors[i].res->grid.down)
                y = iiif_min_u64(y, row_position(&sorter->cursors[i]));
        }
        if (y == UINT64_MAX)
            break;
        merge_row(sorter, y);
    }
    sorter->cursor_count = 0;
}

/* --- the five progressions -------------------------------------------------------------------------------- */

/* LRCP and RLCP: resolution, component, precinct; all layers of everything, or of each resolution, in turn. */
static void order_by_resolution(sorter_t *sorter, bool is_whole)
{
    iiif_j2k_tile_index_t *index = sorter->index;

    for (unsigned r = 0; r < most_resolutions(index); r++) {
        uint32_t from = sorter->count;

        for (unsigned c = 0; c < index->component_count; c++) {
            if (r < index->resolutions[c])
                take_all(sorter, &index->grids[c][r]);
        }
        for (unsigned c = 0; c < index->component_count; c++) {
            if (r < index->resolutions[c])
                index->grids[c][r].stride = is_whole ? index->precinct_count : sorter->count - from;
        }
    }
}

static void order_rpcl(sorter_t *sorter)
{
    for (unsigned r = 0; r < most_resolutions(sorter->index); r++) {
        for (unsigned c = 0; c < sorter->index->component_count; c++) {
            if (r < sorter->index->resolutions[c])
                add_cursor(sorter, c, r);
        }
        merge(sorter);
    }
}

/* PCRL, or CPRL where each component stands for itself. */
static void order_by_position(sorter_t *sorter, bool by_component)
{
    for (unsigned c = 0; c < sorter->index->component_count; c++) {
        for (unsigned r = 0; r < sorter->index->resolutions[c]; r++)
            add_cursor(sorter, c, r);
        if (by_component)
            merge(sorter);
    }
    merge(sorter);
}

/* From places in one layer's order to numbers of packets: groups of `stride` precincts, each group layer by layer. */
static void number_packets(const sorter_t *sorter)
{
    iiif_j2k_tile_index_t *index = sorter->index;
    uint32_t layers = index->coding.layers, *place = index->packets;

    for (uint32_t i = 0; i < sorter->count; i++)
        place[sorter->order[i]] = i;
    for (unsigned r = 0, group = 0; r < most_resolutions(index); r++) {
        uint32_t size = 0;

        for (unsigned c = 0; c < index->component_count; c++) {
            iiif_j2k_indexed_resolution_t *res = r < index->resolutions[c] ? &index->grids[c][r] : NULL;

            for (uint32_t p = 0; res != NULL && p < precincts_of(res); p++) {
                uint32_t i = place[res->first + p];
                uint32_t start = res->stride == 1 ? i : index->coding.progression == 0 ? 0 : group;

                place[res->first + p] = start * layers + (i - start);
            }
            size += res != NULL ? precincts_of(res) : 0;
        }
        group += size;
    }
}

void iiif_j2k_order_packets(const iiif_j2k_header_t *header, iiif_j2k_area_t tile, iiif_j2k_tile_index_t *index,
                            uint32_t *order)
{
    sorter_t sorter;

    sorter.header = header;
    sorter.tile = tile;
    sorter.index = index;
    sorter.order = order;
    sorter.count = 0;
    sorter.cursor_count = 0;
    switch (index->coding.progression) {
    case 0:
    case 1:
        order_by_resolution(&sorter, index->coding.progression == 0);
        break;
    case 2:
        order_rpcl(&sorter);
        break;
    default:
        order_by_position(&sorter, index->coding.progression == 4);
        break;
    }
    number_packets(&sorter);
}
