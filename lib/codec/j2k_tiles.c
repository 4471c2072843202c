/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_tiles.h"

#include <string.h>

#define SOT_BYTES 12u
#define PARTS_MAX (1u << 20)   /* 255 for each of 65535 tiles would be legal; nobody writes so many */
#define POLL_EACH 1024u

typedef struct walker {
    iiif_peek_t peek;
    const iiif_j2k_header_t *header;
    iiif_j2k_tiles_t *tiles;
    const iiif_work_t *work;
    uint64_t at, end;
    uint32_t steps;
} walker_t;

/* A tile-part header that changes the coding of its tile (A.6.1, A.6.2: tile COC > tile COD > main). */
typedef struct override {
    bool is_used;
    uint16_t layers;
    bool has_own[IIIF_J2K_COMPONENTS_MAX];
    iiif_j2k_coding_t codings[IIIF_J2K_COMPONENTS_MAX];
} override_t;

static iiif_rc poll(walker_t *walker, iiif_err_t *err)
{
    if (++walker->steps % POLL_EACH != 0)
        return IIIF_OK;
    return iiif_cancel_check(walker->work->cancel, err);
}

/* --- tile-part headers ------------------------------------------------------------------------------- */

static void override_start(override_t *override, const iiif_j2k_header_t *header)
{
    if (override->is_used)
        return;
    memset(override, 0, sizeof(*override));
    override->is_used = true;
    override->layers = header->layers;
    for (unsigned c = 0; c < header->component_count; c++)
        override->codings[c] = header->components[c].coding;
}

static iiif_rc take_override(walker_t *walker, override_t *override, unsigned marker, uint64_t at, size_t length,
                             iiif_err_t *err)
{
    const iiif_j2k_header_t *h = walker->header;
    size_t n = length < IIIF_J2K_CODING_BYTES ? length : IIIF_J2K_CODING_BYTES;
    const uint8_t *p = iiif_peek_at(&walker->peek, at, n);
    iiif_j2k_cod_t cod;
    unsigned component = 0;
    iiif_rc rc;

    if (p == NULL)
        return iiif_peek_error(&walker->peek, "tile-part header", err);
    override_start(override, h);
    if (marker == IIIF_J2K_COC) {
        rc = iiif_j2k_read_coc(p, n, h->component_count, &component, &cod.coding, err);
        if (rc == IIIF_OK) {
            override->codings[component] = cod.coding;
            override->has_own[component] = true;
        }
        return rc;
    }
    rc = iiif_j2k_read_cod(p, n, &cod, err);
    if (rc != IIIF_OK)
        return rc;
    override->layers = cod.layers;
    for (unsigned c = 0; c < h->component_count; c++) {
        if (!override->has_own[c])
            override->codings[c] = cod.coding;
    }
    return IIIF_OK;
}

/* The checks that the main header's coding had, for the one of a tile. */
static iiif_rc check_override(walker_t *walker, const override_t *override, uint32_t tile, iiif_err_t *err)
{
    const iiif_j2k_header_t *h = walker->header;
    iiif_j2k_tiles_t *tiles = walker->tiles;
    uint32_t column = tile % h->tiles_across, row = tile / h->tiles_across;
    iiif_j2k_tile_rect_t rect = {{column, column + 1}, {row, row + 1}};
    iiif_j2k_weight_t weight = iiif_j2k_weigh(h, override->codings, override->layers, rect);

    if (weight.packets > h->length || weight.structure > IIIF_J2K_STRUCTURE_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2250,
                            "Tile %u of the JPEG 2000 master claims more packets than it can hold; it is damaged.",
                            tile);
    tiles->structure = iiif_max_u64(tiles->structure, weight.structure);
    for (unsigned c = 0; c < h->component_count; c++) {
        tiles->levels = iiif_min_u32(tiles->levels, override->codings[c].levels);
        tiles->is_ht = tiles->is_ht || (override->codings[c].style & IIIF_J2K_STYLE_HT) != 0;
    }
    return IIIF_OK;
}

/* Looks through the header of the part at [at, end), from behind SOT to SOD. */
static iiif_rc read_part_header(walker_t *walker, uint32_t tile, uint64_t at, uint64_t end, iiif_err_t *err)
{
    override_t override;
    iiif_rc rc = IIIF_OK;

    override.is_used = false;
    while (rc == IIIF_OK) {
        const uint8_t *p = end - at < 2 ? NULL : iiif_peek_at(&walker->peek, at, 2);
        unsigned marker, length;

        if (p == NULL)
            return iiif_peek_error(&walker->peek, "tile-part header", err);
        marker = iiif_be16(p);
        if (marker == IIIF_J2K_SOD)
            break;
        if (marker >= 0xFF30 && marker <= 0xFF3F) {
            at += 2;
            continue;
        }
        p = end - at < 4 ? NULL : iiif_peek_at(&walker->peek, at, 4);
        length = p != NULL ? iiif_be16(p + 2) : 0;
        if (marker < 0xFF00 || iiif_j2k_stands_alone(marker) || length < 2 || end - at < 2 + (uint64_t)length)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2251,
                                "A tile-part header of the JPEG 2000 master is damaged (marker %04X).", marker);
        if (marker == IIIF_J2K_COD || marker == IIIF_J2K_COC)
            rc = take_override(walker, &override, marker, at + 4, length - 2, err);
        at += 2 + (uint64_t)length;
        if (rc == IIIF_OK)
            rc = poll(walker, err);
    }
    return rc == IIIF_OK && override.is_used ? check_override(walker, &override, tile, err) : rc;
}

/* --- tile-parts -------------------------------------------------------------------------------------------- */

static iiif_rc append_part(walker_t *walker, uint32_t tile, uint64_t length, iiif_err_t *err)
{
    iiif_j2k_tiles_t *tiles = walker->tiles;
    iiif_j2k_tile_t *entry = &tiles->tiles[tile];
    iiif_j2k_part_t *part;

    if (tiles->part_count == PARTS_MAX)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2252,
                            "The JPEG 2000 master has more than %u tile-parts; encode it with fewer.", PARTS_MAX);
    if (tiles->part_count == tiles->part_capacity) {
        uint32_t capacity = iiif_max_u32(16, 2 * tiles->part_capacity);
        iiif_j2k_part_t *parts = iiif_mem_realloc(walker->work->mem, tiles->parts, capacity * sizeof(*parts));

        if (parts == NULL)
            return iiif_err_memory(err, "a table of tile-parts", capacity * sizeof(*parts));
        tiles->parts = parts;
        tiles->part_capacity = capacity;
    }
    part = &tiles->parts[tiles->part_count++];
    part->offset = walker->at;
    part->length = (uint32_t)length;
    part->next = 0;
    if (entry->first == 0)
        entry->first = tiles->part_count;
    else
        tiles->parts[entry->last - 1].next = tiles->part_count;
    entry->last = tiles->part_count;
    entry->count++;
    return IIIF_OK;
}

/* The tile-part at walker->at, whose SOT is p. */
static iiif_rc take_part(walker_t *walker, const uint8_t *p, iiif_err_t *err)
{
    const iiif_j2k_header_t *h = walker->header;
    uint32_t tile = iiif_be16(p + 4);
    uint64_t length = iiif_be32(p + 6), room = walker->end - walker->at;
    iiif_j2k_tile_t *entry;
    iiif_rc rc;

    if (iiif_be16(p + 2) != 10 || tile >= h->tiles_across * h->tiles_down)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2253, "A tile-part of the JPEG 2000 master claims to be of tile %u.",
                            tile);
    if (length == 0) { /* up to EOC: only the last may say so */
        const uint8_t *tail = room >= 16 ? iiif_peek_at(&walker->peek, walker->end - 2, 2) : NULL;

        length = tail != NULL && iiif_be16(tail) == IIIF_J2K_EOC ? room - 2 : room;
    }
    if (length < SOT_BYTES + 2 || length > room || length > UINT32_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2254,
                            "Tile %u of the JPEG 2000 master is cut short: %llu bytes are said, %llu are left. The file is "
                            "truncated or damaged.",
                            tile, (unsigned long long)length, (unsigned long long)room);
    entry = &walker->tiles->tiles[tile];
    p = iiif_peek_at(&walker->peek, walker->at, SOT_BYTES);
    if (p == NULL)
        return iiif_peek_error(&walker->peek, "tile-part header", err);
    if (p[10] != entry->count || p[10] == 255)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2255,
                            "Tile %u of the JPEG 2000 master has part %u where part %u belongs.", tile, p[10],
                            entry->count);
    if (p[11] != 0)
        entry->declared = p[11];
    rc = append_part(walker, tile, length, err);
    if (rc == IIIF_OK)
        rc = read_part_header(walker, tile, walker->at + SOT_BYTES, walker->at + length, err);
    walker->at += length;
    return rc;
}

static iiif_rc check_complete(const walker_t *walker, iiif_err_t *err)
{
    uint32_t count = walker->header->tiles_across * walker->header->tiles_down;

    for (uint32_t t = 0; t < count; t++) {
        const iiif_j2k_tile_t *tile = &walker->tiles->tiles[t];

        /* Some writers count one part too few: more than was said does no harm. */
        if (tile->count == 0 || tile->count < tile->declared)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2256,
                                "Tile %u of the JPEG 2000 master has %u of %u parts; the file is truncated or damaged.",
                                t, tile->count, iiif_max_u32(tile->declared, 1));
    }
    return IIIF_OK;
}

static iiif_rc walk(walker_t *walker, iiif_err_t *err)
{
    iiif_rc rc = IIIF_OK;

    while (rc == IIIF_OK && walker->end - walker->at >= SOT_BYTES) {
        const uint8_t *p = iiif_peek_at(&walker->peek, walker->at, SOT_BYTES);

        if (p == NULL)
            return iiif_peek_error(&walker->peek, "tile-parts", err);
        if (iiif_be16(p) != IIIF_J2K_SOT)
            break; /* EOC, or rubbish behind the codestream: whether all is there is seen below */
        rc = take_part(walker, p, err);
        if (rc == IIIF_OK)
            rc = poll(walker, err);
    }
    return rc == IIIF_OK ? check_complete(walker, err) : rc;
}

iiif_rc iiif_j2k_tiles_read(iiif_src_t *src, const iiif_j2k_header_t *header, const iiif_work_t *work,
                            iiif_j2k_tiles_t *tiles, iiif_err_t *err)
{
    uint32_t count = header->tiles_across * header->tiles_down;
    walker_t walker;

    memset(tiles, 0, sizeof(*tiles));
    tiles->levels = IIIF_J2K_LEVELS_MAX;
    for (unsigned c = 0; c < header->component_count; c++)
        tiles->levels = iiif_min_u32(tiles->levels, header->components[c].coding.levels);
    tiles->tiles = iiif_mem_zalloc(work->mem, count, sizeof(*tiles->tiles));
    if (tiles->tiles == NULL)
        return iiif_err_memory(err, "a table of tiles", count * sizeof(*tiles->tiles));
    memset(&walker, 0, sizeof(walker));
    iiif_peek_init(&walker.peek, src);
    walker.header = header;
    walker.tiles = tiles;
    walker.work = work;
    walker.at = header->tiles_offset;
    walker.end = header->offset + header->length;
    return walk(&walker, err);
}

void iiif_j2k_tiles_free(iiif_j2k_tiles_t *tiles, iiif_mem_t *mem)
{
    iiif_mem_free(mem, tiles->tiles);
    iiif_mem_free(mem, tiles->parts);
    tiles->tiles = NULL;
    tiles->parts = NULL;
}

uint64_t iiif_j2k_tile_bytes(const iiif_j2k_tiles_t *tiles, uint32_t tile)
{
    uint64_t bytes = 0;

    for (uint32_t part = tiles->tiles[tile].first; part != 0; part = tiles->parts[part - 1].next)
        bytes += tiles->parts[part - 1].length;
    return bytes;
}
