/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_header.h"

#include <string.h>

#include "j2k_geometry.h"

#define SEGMENTS_MAX 100000          /* TLM of the largest codestream needs some hundred */
#define KEPT_BYTES_MAX (256u << 10)  /* with 16 components no honest header comes near */
#define TILE_PART_BYTES_MIN 14u      /* SOT and SOD */
#define COORDINATE_MAX 0x7FFFFFFFu   /* the library computes in signed 32 bits */

typedef struct parser {
    iiif_peek_t peek;
    iiif_j2k_header_t *header;
    iiif_mem_t *mem;
    uint64_t at, end;                /* of the codestream, in the source */
    bool has_cod, has_qcd;
    uint32_t capacity;               /* of header->bytes */
} parser_t;

bool iiif_j2k_stands_alone(unsigned marker)
{
    return (marker >= 0xFF30 && marker <= 0xFF3F) || marker == IIIF_J2K_SOC || marker == IIIF_J2K_SOD ||
           marker == IIIF_J2K_EOC || marker == 0xFF92;
}

/* --- coding style ------------------------------------------------------------------------------------ */

/* SPcod, SPcoc (Tables A.15–A.21): p[0…length) from the number of levels on. */
static iiif_rc read_coding(const uint8_t *p, size_t length, bool has_precincts, iiif_j2k_coding_t *coding,
                           iiif_err_t *err)
{
    memset(coding, 0, sizeof(*coding));
    if (length < 5)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2220, "The coding style of the JPEG 2000 master is cut short.");
    coding->levels = p[0];
    coding->block_width = (uint8_t)((p[1] & 15) + 2);
    coding->block_height = (uint8_t)((p[2] & 15) + 2);
    coding->style = p[3];
    coding->transform = p[4];
    if (coding->levels > IIIF_J2K_LEVELS_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2221, "The JPEG 2000 master claims %u decomposition levels.",
                            coding->levels);
    if (coding->block_width > 10 || coding->block_height > 10 || coding->block_width + coding->block_height > 12)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2222, "The JPEG 2000 master claims code-blocks of 2^%u × 2^%u.",
                            coding->block_width, coding->block_height);
    if (coding->transform > 1)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2223,
                            "The JPEG 2000 master uses a wavelet of part 2; encode it by part 1.");
    if (has_precincts && length < 6 + (size_t)coding->levels)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2224, "The precinct sizes of the JPEG 2000 master are cut short.");
    for (unsigned r = 0; r <= coding->levels; r++) {
        coding->precinct_width[r] = has_precincts ? p[5 + r] & 15 : 15;
        coding->precinct_height[r] = has_precincts ? p[5 + r] >> 4 : 15;
        if (r > 0 && (coding->precinct_width[r] == 0 || coding->precinct_height[r] == 0))
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2225, "The JPEG 2000 master claims precincts of one sample.");
    }
    return IIIF_OK;
}

iiif_rc iiif_j2k_read_cod(const uint8_t *payload, size_t length, iiif_j2k_cod_t *cod, iiif_err_t *err)
{
    if (length < 5)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2226, "The COD segment of the JPEG 2000 master is cut short.");
    cod->progression = payload[1];
    cod->layers = iiif_be16(payload + 2);
    cod->has_transform = payload[4] == 1;
    if (cod->progression > 4 || cod->layers == 0)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2227,
                            "The JPEG 2000 master claims %u layers in progression order %u.", cod->layers,
                            cod->progression);
    if (payload[4] > 1)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2228,
                            "The JPEG 2000 master uses a component transform of part 2; encode it by part 1.");
    return read_coding(payload + 5, length - 5, (payload[0] & 1) != 0, &cod->coding, err);
}

iiif_rc iiif_j2k_read_coc(const uint8_t *payload, size_t length, unsigned component_count, unsigned *component,
                          iiif_j2k_coding_t *coding, iiif_err_t *err)
{
    /* Component numbers take two bytes from 257 components on; so many are refused before. */
    if (length < 2 || payload[0] >= component_count)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2229,
                            "A COC segment of the JPEG 2000 master names no component it has.");
    *component = payload[0];
    return read_coding(payload + 2, length - 2, (payload[1] & 1) != 0, coding, err);
}

/* --- SIZ ------------------------------------------------------------------------------------------------ */

static iiif_rc check_grid(const iiif_j2k_header_t *h, iiif_err_t *err)
{
    if (h->x1 > COORDINATE_MAX || h->y1 > COORDINATE_MAX || h->x0 >= h->x1 || h->y0 >= h->y1)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2230,
                            "The JPEG 2000 master claims an image area from (%u,%u) to (%u,%u).", h->x0, h->y0, h->x1,
                            h->y1);
    /* The first tile holds the first sample (B-3, B-4). */
    if (h->tile_width == 0 || h->tile_height == 0 || h->tile_x0 > h->x0 || h->tile_y0 > h->y0 ||
        (uint64_t)h->tile_x0 + h->tile_width <= h->x0 || (uint64_t)h->tile_y0 + h->tile_height <= h->y0)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2231,
                            "The JPEG 2000 master claims tiles of %u × %u from (%u,%u) that miss its image area.",
                            h->tile_width, h->tile_height, h->tile_x0, h->tile_y0);
    return IIIF_OK;
}

static iiif_rc check_tiles(iiif_j2k_header_t *h, iiif_err_t *err)
{
    uint64_t tiles;

    h->tiles_across = iiif_ceil_div(h->x1 - h->tile_x0, h->tile_width);
    h->tiles_down = iiif_ceil_div(h->y1 - h->tile_y0, h->tile_height);
    tiles = (uint64_t)h->tiles_across * h->tiles_down;
    if (tiles > IIIF_J2K_TILES_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2232, "The JPEG 2000 master claims %llu tiles.",
                            (unsigned long long)tiles);
    if (tiles * TILE_PART_BYTES_MIN > h->length)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2233,
                            "The JPEG 2000 master claims %llu tiles in %llu bytes; it is damaged or truncated.",
                            (unsigned long long)tiles, (unsigned long long)h->length);
    return IIIF_OK;
}

static iiif_rc read_components(iiif_j2k_header_t *h, const uint8_t *p, iiif_err_t *err)
{
    h->step_x = h->step_y = 255;
    for (unsigned c = 0; c < h->component_count; c++, p += 3) {
        iiif_j2k_component_t *component = &h->components[c];
        unsigned bits = (p[0] & 0x7Fu) + 1;

        if (bits > 38 || p[1] == 0 || p[2] == 0)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2234,
                                "Component %u of the JPEG 2000 master claims %u bits and steps of %u × %u.", c, bits,
                                p[1], p[2]);
        if (bits > 16)
            return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2235,
                                "The JPEG 2000 master has %u bits a sample; up to 16 can be read.", bits);
        component->bits = (uint8_t)bits;
        component->is_signed = (p[0] & 0x80) != 0;
        component->dx = p[1];
        component->dy = p[2];
        h->step_x = iiif_min_u32(h->step_x, p[1]);
        h->step_y = iiif_min_u32(h->step_y, p[2]);
    }
    for (unsigned c = 0; c < h->component_count; c++) {
        iiif_span_t x = iiif_j2k_component_x(h, h->components[c].dx, 0);
        iiif_span_t y = iiif_j2k_component_y(h, h->components[c].dy, 0);

        if (x.from >= x.to || y.from >= y.to)
            return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2236,
                                "Component %u of the JPEG 2000 master has no samples; it cannot be read.", c);
    }
    return IIIF_OK;
}

static iiif_rc check_area(const iiif_j2k_header_t *h, uint64_t max_area, iiif_err_t *err)
{
    iiif_span_t x = iiif_j2k_component_x(h, h->step_x, 0), y = iiif_j2k_component_y(h, h->step_y, 0);
    uint64_t area = (uint64_t)(x.to - x.from) * (y.to - y.from);

    if (max_area != 0 && area > max_area)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2237,
                            "The JPEG 2000 master has %llu pixels; this service reads up to %llu.",
                            (unsigned long long)area, (unsigned long long)max_area);
    return IIIF_OK;
}

static iiif_rc read_siz(parser_t *parser, uint64_t max_area, iiif_err_t *err)
{
    iiif_j2k_header_t *h = parser->header;
    const uint8_t *p = iiif_peek_at(&parser->peek, parser->at, 4 + 36);
    unsigned length, count;
    iiif_rc rc;

    if (p == NULL || parser->end - parser->at < 4 + 36)
        return iiif_peek_error(&parser->peek, "SIZ segment", err);
    length = iiif_be16(p + 2);
    count = iiif_be16(p + 38);
    if (iiif_be16(p) != IIIF_J2K_SIZ || count == 0 || length != 38 + 3 * count)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2238,
                            "The JPEG 2000 master does not begin with a sound SIZ segment.");
    if (count > IIIF_J2K_COMPONENTS_MAX)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2239,
                            "The JPEG 2000 master has %u components; up to %d can be read.", count,
                            IIIF_J2K_COMPONENTS_MAX);
    h->x1 = iiif_be32(p + 6);
    h->y1 = iiif_be32(p + 10);
    h->x0 = iiif_be32(p + 14);
    h->y0 = iiif_be32(p + 18);
    h->tile_width = iiif_be32(p + 22);
    h->tile_height = iiif_be32(p + 26);
    h->tile_x0 = iiif_be32(p + 30);
    h->tile_y0 = iiif_be32(p + 34);
    h->component_count = count;
    rc = check_grid(h, err);
    if (rc == IIIF_OK)
        rc = check_tiles(h, err);
    if (rc != IIIF_OK)
        return rc;
    p = iiif_peek_at(&parser->peek, parser->at + 40, 3 * (size_t)count);
    if (p == NULL || parser->end - parser->at < 2 + length)
        return iiif_peek_error(&parser->peek, "SIZ segment", err);
    rc = read_components(h, p, err);
    return rc == IIIF_OK ? check_area(h, max_area, err) : rc;
}

/* --- the other segments --------------------------------------------------------------------------------- */

/* Appends source bytes to what is handed on. */
static iiif_rc keep(parser_t *parser, uint64_t offset, uint32_t n, iiif_err_t *err)
{
    iiif_j2k_header_t *h = parser->header;
    int64_t got;

    if (n > KEPT_BYTES_MAX - h->byte_count)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2240, "The main header of the JPEG 2000 master is absurdly long.");
    if (h->byte_count + n > parser->capacity) {
        uint32_t capacity = iiif_max_u32(1024, 2 * (h->byte_count + n));
        uint8_t *bytes = iiif_mem_realloc(parser->mem, h->bytes, capacity);

        if (bytes == NULL)
            return iiif_err_memory(err, "a JPEG 2000 header", capacity);
        h->bytes = bytes;
        parser->capacity = capacity;
    }
    got = iiif_src_read(parser->peek.src, offset, h->bytes + h->byte_count, n);
    if (got != (int64_t)n) {
        parser->peek.failed = got < 0;
        return iiif_peek_error(&parser->peek, "main header", err);
    }
    h->byte_count += n;
    return IIIF_OK;
}

/* What tells where things lie in the file would be wrong for a part of it; comments only cost. */
static bool is_droppable(unsigned marker)
{
    switch (marker) {
    case IIIF_J2K_TLM:
    case IIIF_J2K_PLM:
    case 0xFF56: /* PRF */
    case 0xFF59: /* CPF */
    case 0xFF63: /* CRG */
    case 0xFF64: /* COM */
        return true;
    default:
        return false;
    }
}

/* Segments of part 2 that change what the samples mean; of them the library knows MCT, MCC, MCO and CBD. */
static bool is_foreign(unsigned marker)
{
    return marker >= 0xFF70 && marker <= 0xFF7F && marker != 0xFF74 && marker != 0xFF75 && marker != 0xFF77 &&
           marker != 0xFF78;
}

static iiif_rc take_cod(parser_t *parser, const uint8_t *p, size_t length, iiif_err_t *err)
{
    iiif_j2k_header_t *h = parser->header;
    iiif_j2k_cod_t cod;
    iiif_rc rc = iiif_j2k_read_cod(p, length, &cod, err);

    if (rc != IIIF_OK)
        return rc;
    parser->has_cod = true;
    h->layers = cod.layers;
    h->progression = cod.progression;
    h->has_transform = cod.has_transform;
    for (unsigned c = 0; c < h->component_count; c++) {
        if (!h->components[c].has_own)
            h->components[c].coding = cod.coding;
    }
    return IIIF_OK;
}

static iiif_rc take_coc(parser_t *parser, const uint8_t *p, size_t length, iiif_err_t *err)
{
    iiif_j2k_header_t *h = parser->header;
    iiif_j2k_coding_t coding;
    unsigned component = 0;
    iiif_rc rc = iiif_j2k_read_coc(p, length, h->component_count, &component, &coding, err);

    if (rc != IIIF_OK)
        return rc;
    h->components[component].coding = coding;
    h->components[component].has_own = true;
    return IIIF_OK;
}

/* One segment whose content matters to us. */
static iiif_rc take_segment(parser_t *parser, unsigned marker, size_t length, iiif_err_t *err)
{
    size_t n = length < IIIF_J2K_CODING_BYTES ? length : IIIF_J2K_CODING_BYTES;
    const uint8_t *p = iiif_peek_at(&parser->peek, parser->at + 4, n);

    if (p == NULL)
        return iiif_peek_error(&parser->peek, "main header", err);
    switch (marker) {
    case IIIF_J2K_COD:
        return take_cod(parser, p, n, err);
    case IIIF_J2K_COC:
        return take_coc(parser, p, n, err);
    case IIIF_J2K_CAP: /* Pcap15 (15444-15 A.3) */
        if (n >= 4 && (iiif_be32(p) & 0x00020000u) != 0)
            parser->header->is_ht = true;
        return IIIF_OK;
    case IIIF_J2K_QCD:
        parser->has_qcd = true;
        return IIIF_OK;
    case IIIF_J2K_PPM:
        parser->header->is_packed = true;
        return IIIF_OK;
    default:
        if (is_foreign(marker))
            return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2241,
                                "The JPEG 2000 master uses extensions of part 2 (marker %04X); encode it by part 1.",
                                marker);
        return IIIF_OK;
    }
}

/* Reads the segment at parser->at and steps over it; *done at the first tile-part. */
static iiif_rc next_segment(parser_t *parser, bool *done, iiif_err_t *err)
{
    const uint8_t *p = parser->end - parser->at < 4 ? NULL : iiif_peek_at(&parser->peek, parser->at, 4);
    unsigned marker, length;
    iiif_rc rc;

    if (p == NULL)
        return iiif_peek_error(&parser->peek, "main header", err);
    marker = iiif_be16(p);
    length = iiif_be16(p + 2);
    *done = marker == IIIF_J2K_SOT;
    if (*done)
        return IIIF_OK;
    if (marker >= 0xFF30 && marker <= 0xFF3F) {
        parser->at += 2;
        return IIIF_OK;
    }
    if (marker < 0xFF00 || iiif_j2k_stands_alone(marker) || marker == IIIF_J2K_SIZ || length < 2 ||
        parser->end - parser->at < 2 + (uint64_t)length)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2242,
                            "The main header of the JPEG 2000 master holds the unexpected marker %04X or ends early.",
                            marker);
    rc = take_segment(parser, marker, length - 2, err);
    if (rc == IIIF_OK && marker != IIIF_J2K_PPM && !is_droppable(marker))
        rc = keep(parser, parser->at, 2 + length, err);
    parser->at += 2 + (uint64_t)length;
    return rc;
}

static iiif_rc check_whole(parser_t *parser, iiif_err_t *err)
{
    iiif_j2k_header_t *h = parser->header;
    iiif_j2k_weight_t weight;

    if (!parser->has_cod || !parser->has_qcd)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2243, "The main header of the JPEG 2000 master lacks COD or QCD.");
    for (unsigned c = 0; c < h->component_count; c++)
        h->is_ht = h->is_ht || (h->components[c].coding.style & IIIF_J2K_STYLE_HT) != 0;
    /* Each packet has a header of at least one byte (B.10), so a header cannot claim more than bytes exist. */
    weight = iiif_j2k_weigh_main(h, iiif_j2k_all_tiles(h));
    if (weight.packets > h->length)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2244,
                            "The JPEG 2000 master claims %llu packets in %llu bytes; it is damaged or truncated.",
                            (unsigned long long)weight.packets, (unsigned long long)h->length);
    if (weight.structure > IIIF_J2K_STRUCTURE_MAX)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2245,
                            "The JPEG 2000 master needs %llu MiB before its first pixel; encode it with larger "
                            "code-blocks and precincts, or in tiles.",
                            (unsigned long long)(weight.structure >> 20));
    return IIIF_OK;
}

iiif_rc iiif_j2k_header_read(iiif_src_t *src, uint64_t offset, uint64_t length, uint64_t max_area,
                             const iiif_work_t *work, iiif_j2k_header_t *header, iiif_err_t *err)
{
    parser_t parser;
    const uint8_t *p;
    bool done = false;
    iiif_rc rc;

    memset(header, 0, sizeof(*header));
    memset(&parser, 0, sizeof(parser));
    iiif_peek_init(&parser.peek, src);
    parser.header = header;
    parser.mem = work->mem;
    header->offset = offset;
    header->length = length;
    parser.at = offset + 2;
    parser.end = offset + length;
    p = length < 4 ? NULL : iiif_peek_at(&parser.peek, offset, 4);
    if (p == NULL)
        return iiif_peek_error(&parser.peek, "codestream", err);
    if (iiif_be16(p) != IIIF_J2K_SOC)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2246, "The codestream of the JPEG 2000 master has no start marker.");
    rc = read_siz(&parser, max_area, err);
    if (rc != IIIF_OK)
        return rc;
    rc = keep(&parser, offset, 2 + 2 + 38 + 3 * header->component_count, err);
    parser.at += 2 + 38 + 3 * (uint64_t)header->component_count;
    for (unsigned i = 0; rc == IIIF_OK && !done; i++) {
        if (i == SEGMENTS_MAX)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2247, "The main header of the JPEG 2000 master has no end.");
        rc = next_segment(&parser, &done, err);
    }
    header->tiles_offset = parser.at;
    return rc == IIIF_OK ? check_whole(&parser, err) : rc;
}

void iiif_j2k_header_free(iiif_j2k_header_t *header, iiif_mem_t *mem)
{
    iiif_mem_free(mem, header->bytes);
    header->bytes = NULL;
    header->byte_count = 0;
}
