/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_synth_header.h"

#include <string.h>

#define BLOCK_MIN 2u          /* log2 of the least side of a code-block (Table A.18) */
#define PRECINCT_MAX 15u
#define RSIZ_AT 6u            /* in the kept header */

#define QCC 0xFF5Du
#define RGN 0xFF5Eu

iiif_j2k_coding_t iiif_j2k_synth_coding(const iiif_j2k_coding_t *coding, const iiif_j2k_indexed_resolution_t *grids,
                                        unsigned reduce)
{
    iiif_j2k_coding_t out = *coding;
    unsigned width = grids[0].grid.block_width, height = grids[0].grid.block_height;
    bool is_same = width >= BLOCK_MIN && height >= BLOCK_MIN;

    out.levels = (uint8_t)(coding->levels - reduce);
    memset(out.precinct_width, 0, sizeof(out.precinct_width));
    memset(out.precinct_height, 0, sizeof(out.precinct_height));
    for (unsigned r = 0; r <= out.levels; r++)
        is_same = is_same && grids[r].grid.block_width == width && grids[r].grid.block_height == height;
    if (is_same) {
        out.block_width = (uint8_t)width;
        out.block_height = (uint8_t)height;
    }
    for (unsigned r = 0; r <= out.levels; r++) {
        unsigned w = grids[r].grid.block_width, h = grids[r].grid.block_height, inner = r > 0 ? 1 : 0;

        /* A precinct that made the blocks smaller goes on doing so. */
        out.precinct_width[r] = (uint8_t)(w == out.block_width ? PRECINCT_MAX : w + inner);
        out.precinct_height[r] = (uint8_t)(h == out.block_height ? PRECINCT_MAX : h + inner);
    }
    return out;
}

/* --- segments ------------------------------------------------------------------------------------------------ */

static void put(iiif_j2k_out_t *out, unsigned n, uint32_t value)
{
    uint8_t *p = iiif_j2k_out_room(out, n);

    while (p != NULL && n-- > 0) {
        *p++ = (uint8_t)(value >> (8 * n));
    }
}

static void put_siz(const iiif_j2k_header_t *h, iiif_j2k_area_t canvas, iiif_j2k_out_t *out)
{
    put(out, 2, IIIF_J2K_SIZ);
    put(out, 2, 38 + 3 * h->component_count);
    put(out, 2, h->is_ht ? iiif_be16(h->bytes + RSIZ_AT) : 0);
    put(out, 4, canvas.x1);
    put(out, 4, canvas.y1);
    put(out, 4, canvas.x0);
    put(out, 4, canvas.y0);
    put(out, 4, canvas.x1 - canvas.x0);
    put(out, 4, canvas.y1 - canvas.y0);
    put(out, 4, canvas.x0);
    put(out, 4, canvas.y0);
    put(out, 2, h->component_count);
    for (unsigned c = 0; c < h->component_count; c++) {
        put(out, 1, (h->components[c].is_signed ? 0x80u : 0) | (h->components[c].bits - 1u));
        put(out, 1, h->components[c].dx);
        put(out, 1, h->components[c].dy);
    }
}

/* What says that code-blocks are of high throughput is handed on (15444-15 A.3). */
static void put_capabilities(const iiif_j2k_header_t *h, iiif_j2k_out_t *out)
{
    size_t at = 2 + 2 + 38 + 3 * (size_t)h->component_count;

    while (h->byte_count - at >= 4) {
        size_t length = 2 + (size_t)iiif_be16(h->bytes + at + 2);

        if (iiif_be16(h->bytes + at) == IIIF_J2K_CAP) {
            uint8_t *p = iiif_j2k_out_room(out, length);

            if (p != NULL)
                memcpy(p, h->bytes + at, length);
        }
        at += length;
    }
}

static bool has_precincts(const iiif_j2k_coding_t *coding)
{
    for (unsigned r = 0; r <= coding->levels; r++) {
        if (coding->precinct_width[r] != PRECINCT_MAX || coding->precinct_height[r] != PRECINCT_MAX)
            return true;
    }
    return false;
}

/* SPcod, SPcoc. */
static void put_coding(const iiif_j2k_coding_t *coding, iiif_j2k_out_t *out)
{
    put(out, 1, coding->levels);
    put(out, 1, coding->block_width - 2u);
    put(out, 1, coding->block_height - 2u);
    put(out, 1, coding->style);
    put(out, 1, coding->transform);
    for (unsigned r = 0; has_precincts(coding) && r <= coding->levels; r++)
        put(out, 1, (uint32_t)coding->precinct_height[r] << 4 | coding->precinct_width[r]);
}

static unsigned coding_bytes(const iiif_j2k_coding_t *coding)
{
    return 5 + (has_precincts(coding) ? coding->levels + 1u : 0);
}

static void put_codings(const iiif_j2k_header_t *h, const iiif_j2k_tile_index_t *index, const iiif_j2k_coding_t *codings,
                        iiif_j2k_out_t *out)
{
    put(out, 2, IIIF_J2K_COD);
    put(out, 2, 7 + coding_bytes(&codings[0]));
    put(out, 1, has_precincts(&codings[0]) ? 1 : 0);
    put(out, 1, 0);                             /* layer, resolution, component, position */
    put(out, 2, 1);
    put(out, 1, index->coding.has_transform ? 1 : 0);
    put_coding(&codings[0], out);
    for (unsigned c = 1; c < h->component_count; c++) {
        if (memcmp(&codings[c], &codings[0], sizeof(codings[0])) == 0)
            continue;
        put(out, 2, IIIF_J2K_COC);
        put(out, 2, 4 + coding_bytes(&codings[c]));
        put(out, 1, c);
        put(out, 1, has_precincts(&codings[c]) ? 1 : 0);
        put_coding(&codings[c], out);
    }
}

/* Sqcd, SPqcd. Derived steps are told one by one: the first of them belongs to a level that may be gone. */
static void put_quant(const iiif_j2k_quant_t *quant, unsigned bands, iiif_j2k_out_t *out)
{
    put(out, 1, (uint32_t)quant->guard << 5 | (quant->style == 0 ? 0 : 2));
    for (unsigned b = 0; b < bands; b++) {
        uint16_t step = iiif_j2k_step(quant, b);

        if (quant->style == 0)
            put(out, 1, (uint32_t)(step >> 11) << 3);
        else
            put(out, 2, step);
    }
}

static void put_quants(const iiif_j2k_header_t *h, const iiif_j2k_tile_index_t *index, const iiif_j2k_coding_t *codings,
                       iiif_j2k_out_t *out)
{
    for (unsigned c = 0; c < h->component_count; c++) {
        const iiif_j2k_coded_component_t *component = &index->coding.components[c];
        unsigned bands = 3u * codings[c].levels + 1, width = component->quant.style == 0 ? 1 : 2;

        if (c == 0) {
            put(out, 2, IIIF_J2K_QCD);
            put(out, 2, 3 + bands * width);
        } else if (memcmp(&component->quant, &index->coding.components[0].quant, sizeof(component->quant)) != 0 ||
                   codings[c].levels != codings[0].levels) {
            put(out, 2, QCC);
            put(out, 2, 4 + bands * width);
            put(out, 1, c);
        } else {
            continue;
        }
        put_quant(&component->quant, bands, out);
    }
}

static void put_shifts(const iiif_j2k_header_t *h, const iiif_j2k_tile_index_t *index, iiif_j2k_out_t *out)
{
    for (unsigned c = 0; c < h->component_count; c++) {
        if (index->coding.components[c].shift == 0)
            continue;
        put(out, 2, RGN);
        put(out, 2, 5);
        put(out, 1, c);
        put(out, 1, 0);
        put(out, 1, index->coding.components[c].shift);
    }
}

/* --- all together ----------------------------------------------------------------------------------------------- */

size_t iiif_j2k_synth_begin(const iiif_j2k_header_t *header, const iiif_j2k_tile_index_t *index,
                            const iiif_j2k_coding_t *codings, iiif_j2k_area_t canvas, iiif_j2k_out_t *out)
{
    size_t start;

    put(out, 2, IIIF_J2K_SOC);
    put_siz(header, canvas, out);
    if (header->is_ht)
        put_capabilities(header, out);
    put_codings(header, index, codings, out);
    put_quants(header, index, codings, out);
    put_shifts(header, index, out);
    start = out->length;
    put(out, 2, IIIF_J2K_SOT);
    put(out, 2, 10);
    put(out, 2, 0);
    put(out, 4, 0);    /* its length comes at the end */
    put(out, 2, 1);    /* part 0 of 1 */
    put(out, 2, IIIF_J2K_SOD);
    return start;
}

void iiif_j2k_synth_end(iiif_j2k_out_t *out, size_t start)
{
    if (!out->failed)
        iiif_put_be32(out->data + start + 6, (uint32_t)(out->length - start));
    put(out, 2, IIIF_J2K_EOC);
}

void iiif_j2k_synth_describe(const iiif_j2k_header_t *header, const iiif_j2k_tile_index_t *index,
                             const iiif_j2k_coding_t *codings, iiif_j2k_area_t canvas, iiif_j2k_header_t *out)
{
    memset(out, 0, sizeof(*out));
    out->x0 = out->tile_x0 = canvas.x0;
    out->y0 = out->tile_y0 = canvas.y0;
    out->x1 = canvas.x1;
    out->y1 = canvas.y1;
    out->tile_width = canvas.x1 - canvas.x0;
    out->tile_height = canvas.y1 - canvas.y0;
    out->tiles_across = out->tiles_down = 1;
    out->component_count = header->component_count;
    out->step_x = header->step_x;
    out->step_y = header->step_y;
    out->layers = 1;
    out->has_transform = index->coding.has_transform;
    for (unsigned c = 0; c < header->component_count; c++) {
        out->components[c] = header->components[c];
        out->components[c].coding = codings[c];
        out->is_ht = out->is_ht || (codings[c].style & IIIF_J2K_STYLE_HT) != 0;
    }
}
