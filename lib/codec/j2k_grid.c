/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_grid.h"

#include <string.h>

iiif_j2k_area_t iiif_j2k_area_cut(iiif_j2k_area_t a, iiif_j2k_area_t b)
{
    return (iiif_j2k_area_t){iiif_max_u32(a.x0, b.x0), iiif_max_u32(a.y0, b.y0), iiif_min_u32(a.x1, b.x1),
                             iiif_min_u32(a.y1, b.y1)};
}

uint32_t iiif_j2k_in_band(uint32_t v, unsigned n, bool high)
{
    uint64_t shift = high ? (uint64_t)1 << (n - 1) : 0;

    return v <= shift ? 0 : (uint32_t)((v - shift + ((uint64_t)1 << n) - 1) >> n);
}

static iiif_j2k_area_t area_in_band(iiif_j2k_area_t a, unsigned n, bool high_x, bool high_y)
{
    return (iiif_j2k_area_t){iiif_j2k_in_band(a.x0, n, high_x), iiif_j2k_in_band(a.y0, n, high_y),
                             iiif_j2k_in_band(a.x1, n, high_x), iiif_j2k_in_band(a.y1, n, high_y)};
}

/* Cells of 2^exponent that [from, to), not empty, touches; *first is the first of them. */
static uint32_t cells(uint32_t from, uint32_t to, unsigned exponent, uint32_t *first)
{
    *first = from >> exponent;
    return ((to - 1) >> exponent) - *first + 1;
}

static void lay_bands(const iiif_j2k_coding_t *coding, iiif_j2k_area_t area, unsigned r, iiif_j2k_resolution_t *out)
{
    out->band_count = r == 0 ? 1 : 3;
    for (unsigned b = 0; b < out->band_count; b++) {
        iiif_j2k_band_t *band = &out->bands[b];

        band->n = r == 0 ? coding->levels : coding->levels - r + 1u;
        band->high_x = r > 0 && b != 1;
        band->high_y = r > 0 && b != 0;
        band->number = r == 0 ? 0 : 3 * (r - 1) + b + 1;
        band->area = area_in_band(area, band->n, band->high_x, band->high_y);
    }
}

void iiif_j2k_resolution_lay(const iiif_j2k_coding_t *coding, iiif_j2k_area_t area, unsigned r,
                             iiif_j2k_resolution_t *out)
{
    unsigned inner = r > 0 ? 1 : 0;

    memset(out, 0, sizeof(*out));
    out->area = area_in_band(area, coding->levels - r, false, false);
    out->precinct_width = coding->precinct_width[r];
    out->precinct_height = coding->precinct_height[r];
    out->span_width = out->precinct_width - iiif_min_u32(inner, out->precinct_width);
    out->span_height = out->precinct_height - iiif_min_u32(inner, out->precinct_height);
    out->block_width = iiif_min_u32(coding->block_width, out->span_width);
    out->block_height = iiif_min_u32(coding->block_height, out->span_height);
    lay_bands(coding, area, r, out);
    if (iiif_j2k_area_is_empty(out->area))
        return;
    out->across = cells(out->area.x0, out->area.x1, out->precinct_width, &out->precinct_x);
    out->down = cells(out->area.y0, out->area.y1, out->precinct_height, &out->precinct_y);
}

/* [from, to) cut to cell `index` of 2^exponent, as cells of 2^block. */
static void cut_axis(uint32_t from, uint32_t to, uint32_t index, unsigned exponent, unsigned block, uint32_t *first,
                     uint32_t *end)
{
    uint64_t low = iiif_max_u64(from, (uint64_t)index << exponent);
    uint64_t high = iiif_min_u64(to, ((uint64_t)index + 1) << exponent);

    *first = *end = 0;
    if (low < high) {
        *first = (uint32_t)(low >> block);
        *end = (uint32_t)((high - 1) >> block) + 1;
    }
}

iiif_j2k_area_t iiif_j2k_precinct_blocks(const iiif_j2k_resolution_t *res, unsigned band, uint32_t precinct)
{
    const iiif_j2k_area_t *area = &res->bands[band].area;
    uint32_t column = res->precinct_x + precinct % res->across, row = res->precinct_y + precinct / res->across;
    iiif_j2k_area_t blocks;

    cut_axis(area->x0, area->x1, column, res->span_width, res->block_width, &blocks.x0, &blocks.x1);
    cut_axis(area->y0, area->y1, row, res->span_height, res->block_height, &blocks.y0, &blocks.y1);
    return blocks;
}

uint32_t iiif_j2k_precinct_of(const iiif_j2k_resolution_t *res, uint32_t block_x, uint32_t block_y)
{
    uint32_t column = block_x >> (res->span_width - res->block_width);
    uint32_t row = block_y >> (res->span_height - res->block_height);

    return (row - res->precinct_y) * res->across + column - res->precinct_x;
}
