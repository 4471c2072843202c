/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG 2000: JP2, JPX and JPH files and bare codestreams. Boxes, headers and colour are read here; libopenjp2 decodes code-blocks
 * of a codestream that we compose: of the needed code-blocks alone (j2k_virtual.h), or plainly of whole tiles (j2k_feed.h) where the
 * former cannot be.
 */
#include <math.h>
#include <string.h>

#include "dec_jp2_pixels.h"
#include "iiif_codec.h"
#include "j2k_virtual.h"

#define BAND_SAMPLES ((uint64_t)6 << 20) /* a window of so many is decoded at once: 24 MiB of the library's integers */
#define BAND_ROWS 1024u                  /* large tiles are decoded anew for each band: no smaller ones without need */
#define BAND_ROWS_MIN 16u
#define BAND_TILES 4096u                 /* the library's table of tiles stays below 40 MiB */
#define MARGIN_LEVELS 6u
#define COST_PER_PIXEL 25.0f             /* measured against baseline JPEG of the same picture: 22 in tiles, 45 untiled */
#define VIRTUAL_SAMPLES ((uint64_t)5 << 20) /* by composed codestreams: 20 MiB, besides those of a part at work */
#define VIRTUAL_ROWS 256u                /* and bands end where code-blocks of some levels do */
#define VIRTUAL_CANVAS ((uint64_t)6 << 20) /* the library's structures for a part */

extern const iiif_decoder_t iiif_dec_jp2;

typedef struct jp2_dec {
    iiif_dec_t base;
    iiif_jp2_t jp2;
    iiif_j2k_header_t header;
    iiif_j2k_tiles_t tiles;
    iiif_jp2_pixels_t pixels;
    bool is_virtual;           /* by composed codestreams, until one fails */
    iiif_j2k_virtual_t virtually;
    bool is_whole;             /* of each tile that the window touches everything is decoded */
    uint8_t *icc;

    /* the window */
    unsigned reduce;
    iiif_span_t x, y;          /* absolute on the level's grid */
    uint32_t next_y;           /* next row to deliver */
    iiif_span_t band;          /* rows that `planes` cover; empty: none */
    iiif_j2k_planes_t planes;
} jp2_dec_t;

static int jp2_bid(const uint8_t *head, size_t length)
{
    return iiif_jp2_sniff(head, length) ? 100 : 0;
}

/* --- facts ---------------------------------------------------------------------------------------------- */

/* Whether no component loses its last sample at this reduction. */
static bool has_samples(const iiif_j2k_header_t *header, unsigned reduce)
{
    for (unsigned c = 0; c < header->component_count; c++) {
        iiif_span_t x = iiif_j2k_component_x(header, header->components[c].dx, reduce);
        iiif_span_t y = iiif_j2k_component_y(header, header->components[c].dy, reduce);

        if (x.from >= x.to || y.from >= y.to)
            return false;
    }
    return true;
}

/*
 * Reductions that are offered. A reduced palette index is no index, and a reduced bilevel sample is still 0 or 1, without
 * the grays between: both are decoded in full and scaled by us.
 */
static unsigned offered_levels(const jp2_dec_t *dec)
{
    unsigned levels = 0;

    if (dec->pixels.has_palette || dec->pixels.precision == 1)
        return 0;
    while (levels < dec->tiles.levels && levels + 2 < IIIF_LEVELS_MAX && has_samples(&dec->header, levels + 1))
        levels++;
    return levels;
}

/* Size of the tiles of a level, where they form a grid of whole pixels from the image's corner on; else 0. */
static uint32_t level_tile(uint32_t tile, uint32_t step, unsigned reduce)
{
    uint64_t unit = (uint64_t)step << reduce;

    return tile % unit == 0 ? (uint32_t)(tile / unit) : 0;
}

static bool has_tile_grid(const iiif_j2k_header_t *h)
{
    return (h->tiles_across > 1 || h->tiles_down > 1) && h->x0 == 0 && h->y0 == 0 && h->tile_x0 == 0 &&
           h->tile_y0 == 0;
}

static iiif_rc add_levels(jp2_dec_t *dec, iiif_err_t *err)
{
    const iiif_j2k_header_t *h = &dec->header;
    iiif_facts_t *facts = &dec->base.facts;
    unsigned levels = offered_levels(dec);

    for (unsigned r = 0; r <= levels; r++) {
        iiif_span_t x = iiif_j2k_component_x(h, h->step_x, r), y = iiif_j2k_component_y(h, h->step_y, r);
        uint32_t tile_width = 0, tile_height = 0;

        if (has_tile_grid(h)) {
            tile_width = level_tile(h->tile_width, h->step_x, r);
            tile_height = level_tile(h->tile_height, h->step_y, r);
        }
        if (tile_width == 0 || tile_height == 0)
            tile_width = tile_height = 0;
        tile_width = iiif_min_u32(tile_width, x.to - x.from);
        tile_height = iiif_min_u32(tile_height, y.to - y.from);
        if (!iiif_facts_add_level(facts, x.to - x.from, y.to - y.from, tile_width, tile_height))
            return iiif_err_set(err, IIIF_E_INTERNAL, 2280, "The JPEG 2000 master has too many levels.");
    }
    return IIIF_OK;
}

/* Samples of all components together for each pixel. */
static double samples_per_pixel(const iiif_j2k_header_t *h)
{
    double samples = 0;

    for (unsigned c = 0; c < h->component_count; c++)
        samples += (double)h->step_x * h->step_y / ((double)h->components[c].dx * h->components[c].dy);
    return samples;
}

/* What the library takes for the heaviest tile, whatever is asked of it. */
static uint64_t structure_bytes(const jp2_dec_t *dec, iiif_j2k_tile_rect_t rect)
{
    return iiif_max_u64(iiif_j2k_weigh_main(&dec->header, rect).structure, dec->tiles.structure);
}

static bool is_any_ht(const jp2_dec_t *dec)
{
    return dec->header.is_ht || dec->tiles.is_ht;
}

/* Memory of what opening reads. */
static uint64_t table_bytes(const jp2_dec_t *dec)
{
    const iiif_j2k_header_t *h = &dec->header;

    return sizeof(*dec) + dec->tiles.part_count * sizeof(iiif_j2k_part_t) +
           (uint64_t)h->tiles_across * h->tiles_down * (sizeof(iiif_j2k_tile_t) + sizeof(iiif_j2k_tile_index_t *));
}

/* By composed codestreams: bounded whatever the window, since it comes in bands, and those in parts. */
static void set_virtual_cost(jp2_dec_t *dec)
{
    iiif_facts_t *facts = &dec->base.facts;
    const iiif_level_t *level = &facts->levels[0];
    uint64_t samples = (uint64_t)(samples_per_pixel(&dec->header) * level->width) * level->height;

    facts->access = IIIF_ACCESS_TILES;
    facts->fixed_bytes = table_bytes(dec) + VIRTUAL_CANVAS + iiif_min_u64(samples, VIRTUAL_SAMPLES) * IIIF_J2K_SAMPLE_BYTES +
                         iiif_min_u64(samples, IIIF_J2K_PART_SAMPLES) * (IIIF_J2K_SAMPLE_BYTES + IIIF_J2K_WORK_BYTES);
    facts->bytes_per_pixel = 0;
    facts->cost_per_pixel = COST_PER_PIXEL;
}

static void set_cost(jp2_dec_t *dec)
{
    iiif_facts_t *facts = &dec->base.facts;
    const iiif_j2k_header_t *h = &dec->header;
    iiif_j2k_tile_rect_t all = iiif_j2k_all_tiles(h);
    bool is_tiled = h->tiles_across > 1 || h->tiles_down > 1;

    if (dec->is_virtual && !is_any_ht(dec)) {
        set_virtual_cost(dec);
        return;
    }
    facts->access = dec->is_whole && (!is_tiled || h->is_packed) ? IIIF_ACCESS_WHOLE : IIIF_ACCESS_TILES;
    facts->fixed_bytes = sizeof(*dec) + structure_bytes(dec, all) + iiif_j2k_feed_held(h, &dec->tiles, all) +
                         iiif_j2k_tile_table_bytes(h, h->is_packed ? (uint64_t)h->tiles_across * h->tiles_down : 1) +
                         dec->tiles.part_count * sizeof(iiif_j2k_part_t) +
                         (uint64_t)h->tiles_across * h->tiles_down * sizeof(iiif_j2k_tile_t);
    facts->bytes_per_pixel = (float)(samples_per_pixel(h) * IIIF_J2K_SAMPLE_BYTES);
    if (iiif_j2k_tile_samples(h, 0) <= BAND_SAMPLES)
        facts->fixed_bytes += iiif_j2k_tile_samples(h, 0) * IIIF_J2K_WORK_BYTES;
    else
        facts->bytes_per_pixel += (float)(samples_per_pixel(h) * IIIF_J2K_WORK_BYTES);
    facts->cost_per_pixel = COST_PER_PIXEL;
}

static void set_resolution(jp2_dec_t *dec)
{
    iiif_facts_t *facts = &dec->base.facts;
    const iiif_jp2_t *jp2 = &dec->jp2;

    if (jp2->pixels_per_metre_x <= 0 || jp2->pixels_per_metre_y <= 0)
        return;
    facts->unit = IIIF_UNIT_CM; /* the boxes count points of the reference grid a metre */
    facts->pixels_per_unit_x = jp2->pixels_per_metre_x / 100 / dec->header.step_x;
    facts->pixels_per_unit_y = jp2->pixels_per_metre_y / 100 / dec->header.step_y;
}

static iiif_rc fill_facts(jp2_dec_t *dec, iiif_err_t *err)
{
    iiif_facts_t *facts = &dec->base.facts;
    const iiif_jp2_pixels_t *pixels = &dec->pixels;
    bool is_gray = pixels->layout == IIIF_LAYOUT_GRAY || pixels->layout == IIIF_LAYOUT_GRAYA;
    iiif_rc rc = add_levels(dec, err);

    if (rc != IIIF_OK)
        return rc;
    facts->stored_width = facts->levels[0].width;
    facts->stored_height = facts->levels[0].height;
    facts->orientation = 1;
    facts->layout = (uint8_t)pixels->layout;
    facts->depth = (uint8_t)pixels->depth;
    facts->precision = (uint8_t)pixels->precision;
    facts->color_class = IIIF_CLASS_COLOR;
    if (is_gray)
        facts->color_class = pixels->precision == 1 && pixels->layout == IIIF_LAYOUT_GRAY ? IIIF_CLASS_BITONAL
                                                                                          : IIIF_CLASS_GRAY;
    facts->has_profile = dec->jp2.colour.method == IIIF_JP2_COLOUR_ICC;
    facts->pages = 1;
    facts->page = 1;
    set_cost(dec);
    set_resolution(dec);
    strcpy(facts->decoder, "jp2");
    strcpy(facts->media_type, dec->jp2.media_type);
    return iiif_facts_finish(facts, err);
}

/* --- open ------------------------------------------------------------------------------------------------ */

static void jp2_close(iiif_dec_t *base)
{
    jp2_dec_t *dec = (jp2_dec_t *)base;
    iiif_mem_t *mem = base->work->mem;

    iiif_j2k_planes_free(&dec->planes, mem);
    iiif_jp2_pixels_free(&dec->pixels, mem);
    iiif_j2k_virtual_free(&dec->virtually, mem);
    iiif_j2k_tiles_free(&dec->tiles, mem);
    iiif_j2k_header_free(&dec->header, mem);
    iiif_jp2_free(&dec->jp2, mem);
    iiif_mem_free(mem, dec->icc);
    iiif_mem_free(mem, dec);
}

/*
 * Where the library cannot be asked for an area: it delivers wrong samples for one of HT code-blocks (2.5.0 and later), and fails
 * where the area holds no sample of some component in some tile, which subsampling makes possible.
 */
static bool needs_whole_tiles(const jp2_dec_t *dec)
{
    const iiif_j2k_header_t *h = &dec->header;

    if (is_any_ht(dec))
        return true;
    for (unsigned c = 0; c < h->component_count; c++) {
        if (h->components[c].dx != h->step_x || h->components[c].dy != h->step_y)
            return h->tiles_across > 1 || h->tiles_down > 1;
    }
    return false;
}

static iiif_rc read_master(jp2_dec_t *dec, const iiif_dec_options_t *options, iiif_err_t *err)
{
    const iiif_work_t *work = dec->base.work;
    iiif_src_t *src = dec->base.src;
    iiif_rc rc = iiif_jp2_read(src, work, &dec->jp2, err);

    if (rc == IIIF_OK)
        rc = iiif_j2k_header_read(src, dec->jp2.code_offset, dec->jp2.code_length, options->max_source_area, work,
                                  &dec->header, err);
    if (rc == IIIF_OK)
        rc = iiif_jp2_pixels_choose(&dec->jp2, &dec->header, &dec->pixels, err);
    if (rc == IIIF_OK)
        rc = iiif_j2k_tiles_read(src, &dec->header, work, &dec->tiles, err);
    if (rc != IIIF_OK)
        return rc;
    rc = iiif_j2k_virtual_open(src, &dec->header, &dec->tiles, work->mem, &dec->virtually, err);
    if (rc != IIIF_OK && rc != IIIF_E_UNSUPPORTED)
        return rc;
    dec->is_virtual = rc == IIIF_OK;
    dec->is_whole = needs_whole_tiles(dec);
    if (dec->jp2.is_raw && dec->header.is_ht)
        strcpy(dec->jp2.media_type, "image/jphc");
    return fill_facts(dec, err);
}

static iiif_rc jp2_open(iiif_src_t *src, const iiif_dec_options_t *options, const iiif_work_t *work, iiif_dec_t **out,
                        iiif_err_t *err)
{
    jp2_dec_t *dec;
    iiif_err_t own;
    iiif_rc rc;

    if (err == NULL)
        err = &own;
    if (options->page > 1)
        return iiif_err_set(err, IIIF_E_NOT_FOUND, 2281, "A JPEG 2000 master has one page only.");
    dec = iiif_mem_zalloc(work->mem, 1, sizeof(*dec));
    if (dec == NULL)
        return iiif_err_memory(err, "a JPEG 2000 decoder", sizeof(*dec));
    dec->base.decoder = &iiif_dec_jp2;
    dec->base.work = work;
    dec->base.src = src;
    rc = read_master(dec, options, err);
    if (rc != IIIF_OK) {
        jp2_close(&dec->base);
        return rc;
    }
    *out = &dec->base;
    return IIIF_OK;
}

static iiif_rc jp2_profile(iiif_dec_t *base, const uint8_t **data, size_t *length, iiif_err_t *err)
{
    jp2_dec_t *dec = (jp2_dec_t *)base;
    const iiif_jp2_colour_t *colour = &dec->jp2.colour;
    iiif_mem_t *mem = base->work->mem;

    *data = NULL;
    *length = 0;
    if (colour->method != IIIF_JP2_COLOUR_ICC)
        return IIIF_OK;
    if (dec->icc == NULL) {
        dec->icc = iiif_mem_alloc(mem, colour->icc_length);
        if (dec->icc == NULL)
            return iiif_err_memory(err, "a colour profile", colour->icc_length);
        if (!iiif_src_read_exact(base->src, colour->icc_offset, dec->icc, colour->icc_length)) {
            iiif_mem_free(mem, dec->icc);
            dec->icc = NULL;
            return iiif_err_set(err, IIIF_E_IO, 2282, "The colour profile of the master cannot be read.");
        }
    }
    *data = dec->icc;
    *length = colour->icc_length;
    return IIIF_OK;
}

/* --- window ---------------------------------------------------------------------------------------------- */

static bool is_inside(const iiif_facts_t *facts, const iiif_dec_window_t *window)
{
    const iiif_rect_t *rect = &window->rect;
    const iiif_level_t *level;

    if (window->level >= facts->level_count || rect->w == 0 || rect->h == 0)
        return false;
    level = &facts->levels[window->level];
    return rect->x < level->width && rect->w <= level->width - rect->x && rect->y < level->height &&
           rect->h <= level->height - rect->y;
}

static iiif_rc jp2_window(iiif_dec_t *base, const iiif_dec_window_t *window, iiif_err_t *err)
{
    jp2_dec_t *dec = (jp2_dec_t *)base;
    const iiif_j2k_header_t *h = &dec->header;
    const iiif_rect_t *rect = &window->rect;
    iiif_span_t x, y;

    if (!is_inside(&base->facts, window))
        return iiif_err_set(err, IIIF_E_INTERNAL, 2283, "A window outside the JPEG 2000 master was asked for.");
    iiif_j2k_planes_free(&dec->planes, base->work->mem);
    dec->reduce = window->level;
    x = iiif_j2k_component_x(h, h->step_x, dec->reduce);
    y = iiif_j2k_component_y(h, h->step_y, dec->reduce);
    dec->x = (iiif_span_t){x.from + rect->x, x.from + rect->x + rect->w};
    dec->y = (iiif_span_t){y.from + rect->y, y.from + rect->y + rect->h};
    dec->next_y = dec->y.from;
    dec->band = (iiif_span_t){dec->next_y, dec->next_y};
    return iiif_jp2_pixels_prepare(&dec->pixels, rect->w, base->work->mem, err);
}

/* First row of the level, at or after `y`, that begins a row of tiles; the window's end where none does. */
static uint32_t next_tile_border(const jp2_dec_t *dec, uint32_t y)
{
    const iiif_j2k_header_t *h = &dec->header;
    uint64_t at = ((uint64_t)y * h->step_y) << dec->reduce;
    uint64_t row = (at - h->tile_y0 + h->tile_height - 1) / h->tile_height;
    uint64_t border = h->tile_y0 + row * h->tile_height;

    if (border >= h->y1)
        return dec->y.to;
    return iiif_min_u32(iiif_j2k_scale(border, h->step_y, dec->reduce), dec->y.to);
}

/* Last border of tiles in (from, to], or 0. */
static uint32_t last_tile_border(const jp2_dec_t *dec, uint32_t from, uint32_t to)
{
    uint32_t found = 0;

    while (from < to) {
        uint32_t border = next_tile_border(dec, from + 1);

        if (border > to || border >= dec->y.to)
            break;
        found = from = border;
    }
    return found;
}

static iiif_j2k_tile_rect_t tiles_of_rows(const jp2_dec_t *dec, iiif_span_t rows)
{
    iiif_span_t x = iiif_jp2_pixels_area_x(&dec->header, dec->x, dec->reduce);
    iiif_span_t y = iiif_jp2_pixels_area_y(&dec->header, rows, dec->reduce);

    return iiif_j2k_tiles_of(&dec->header, x, y);
}

/* Rows of `samples` each that the budget leaves room for. */
static uint64_t rows_affordable(const jp2_dec_t *dec, iiif_j2k_tile_rect_t rect, double samples)
{
    const iiif_mem_t *mem = dec->base.work->mem;
    const iiif_j2k_header_t *h = &dec->header;
    uint64_t fixed = structure_bytes(dec, rect) + iiif_j2k_feed_held(h, &dec->tiles, rect) +
                     iiif_j2k_tile_table_bytes(h, BAND_TILES / 4);
    uint64_t tile = iiif_j2k_tile_samples(h, dec->reduce) * IIIF_J2K_WORK_BYTES;
    uint64_t left, rows;

    if (mem->limit == 0)
        return UINT64_MAX;
    left = mem->limit > mem->used ? mem->limit - mem->used : 0;
    left = left > fixed ? (left - fixed) / 2 : 0; /* other stages need memory too */
    rows = (uint64_t)((double)left / (samples * (IIIF_J2K_SAMPLE_BYTES + IIIF_J2K_WORK_BYTES)));
    if (left > tile)
        rows = iiif_max_u64(rows, (uint64_t)((double)(left - tile) / (samples * IIIF_J2K_SAMPLE_BYTES)));
    return rows;
}

/* Rows to decode at once: as many as are worth it, fewer where the budget is short; bands of equal height. */
static uint32_t rows_wanted(const jp2_dec_t *dec)
{
    uint32_t rest = dec->y.to - dec->next_y;
    iiif_j2k_tile_rect_t rect = tiles_of_rows(dec, (iiif_span_t){dec->next_y, dec->y.to});
    double samples = samples_per_pixel(&dec->header) * (dec->x.to - dec->x.from);
    uint64_t rows = iiif_max_u64(BAND_ROWS, (uint64_t)((double)BAND_SAMPLES / samples));

    rows = iiif_min_u64(rows, rows_affordable(dec, rect, samples));
    if (rows < BAND_ROWS_MIN)
        rows = BAND_ROWS_MIN;
    if (rows >= rest)
        return rest;
    return iiif_ceil_div(rest, iiif_ceil_div(rest, (uint32_t)rows));
}

/* Halves a band until the library's table of its tiles is small. */
static void limit_tiles(const jp2_dec_t *dec, iiif_span_t *band)
{
    iiif_j2k_tile_rect_t rect = tiles_of_rows(dec, *band);
    uint32_t down = iiif_max_u32(1, BAND_TILES / (rect.x.to - rect.x.from));

    while (rect.y.to - rect.y.from > down && band->to - band->from > 1) {
        band->to = band->from + (band->to - band->from + 1) / 2;
        rect = tiles_of_rows(dec, *band);
    }
}

/* The rows to decode next by composed codestreams: what is cut at a multiple of VIRTUAL_ROWS cuts few code-blocks. */
static iiif_span_t choose_virtual_band(const jp2_dec_t *dec)
{
    double samples = samples_per_pixel(&dec->header) * (dec->x.to - dec->x.from);
    uint64_t rows = (uint64_t)((double)VIRTUAL_SAMPLES / samples), room = UINT64_MAX;
    const iiif_mem_t *mem = dec->base.work->mem;
    iiif_span_t band = {dec->next_y, dec->y.to};

    if (mem->limit != 0) {
        uint64_t left = mem->limit > mem->used ? (mem->limit - mem->used) / 2 : 0;
        uint64_t part = IIIF_J2K_PART_SAMPLES * IIIF_J2K_WORK_BYTES;

        room = (uint64_t)((double)left / (samples * (IIIF_J2K_SAMPLE_BYTES + IIIF_J2K_WORK_BYTES)));
        if (left > part)
            room = iiif_max_u64(room, (uint64_t)((double)(left - part) / (samples * IIIF_J2K_SAMPLE_BYTES)));
    }
    /* Lower bands would decode most code-blocks twice. */
    rows = iiif_max_u64(iiif_min_u64(iiif_max_u64(rows, VIRTUAL_ROWS), room), BAND_ROWS_MIN);
    if (rows >= band.to - band.from)
        return band;
    band.to = band.from + (uint32_t)rows;
    if (band.to / VIRTUAL_ROWS * VIRTUAL_ROWS > band.from)
        band.to = band.to / VIRTUAL_ROWS * VIRTUAL_ROWS;
    return band;
}

/* The rows to decode next. Bands end where tiles end, so that no tile is decoded twice without need. */
static iiif_span_t choose_band(const jp2_dec_t *dec)
{
    const iiif_j2k_header_t *h = &dec->header;
    iiif_span_t band = {dec->next_y, dec->y.to};
    uint32_t border;

    /* Where tiles are decoded whole, a band is at least a row of them. */
    if (dec->is_whole && (h->tiles_down == 1 || h->is_packed))
        return band;
    band.to = band.from + rows_wanted(dec);
    if (!h->is_packed)
        limit_tiles(dec, &band);
    if (band.to == dec->y.to)
        return band;
    border = last_tile_border(dec, band.from, band.to);
    if (border == 0 && dec->is_whole)
        border = next_tile_border(dec, band.from + 1);
    if (border != 0)
        band.to = border;
    return band;
}

/*
 * The library reads 3 neighbours in each band for the 9/7 wavelet, where up to 4 count (15444-1 F.3.8.2): the edge of an area
 * differs by one now and then from the same pixels of the whole. One sample of the deepest band beyond the window it is exact.
 */
static void add_margin(const jp2_dec_t *dec, const iiif_j2k_feed_t *feed, iiif_j2k_job_t *job)
{
    const iiif_j2k_header_t *h = &dec->header;
    unsigned levels = 0;
    uint32_t x, y;

    for (unsigned c = 0; c < h->component_count; c++) {
        if (h->components[c].coding.transform == 0)
            levels = iiif_max_u32(levels, h->components[c].coding.levels);
    }
    if (levels == 0)
        return;
    levels = iiif_min_u32(levels, MARGIN_LEVELS + dec->reduce); /* deeper, what is missed is far below one */
    x = h->step_x << levels;
    y = h->step_y << levels;
    job->x.from = job->x.from - feed->x.from > x ? job->x.from - x : feed->x.from;
    job->x.to = feed->x.to - job->x.to > x ? job->x.to + x : feed->x.to;
    job->y.from = job->y.from - feed->y.from > y ? job->y.from - y : feed->y.from;
    job->y.to = feed->y.to - job->y.to > y ? job->y.to + y : feed->y.to;
}

/* By composed codestreams. IIIF_E_UNSUPPORTED, IIIF_E_BAD_MASTER: the plain way may do better. */
static iiif_rc decode_virtually(jp2_dec_t *dec, iiif_err_t *err)
{
    const iiif_j2k_header_t *h = &dec->header;
    iiif_span_t band = is_any_ht(dec) ? choose_band(dec) : choose_virtual_band(dec);
    iiif_rc rc = iiif_j2k_virtual_decode(&dec->virtually, dec->reduce, iiif_jp2_pixels_area_x(h, dec->x, dec->reduce),
                                         iiif_jp2_pixels_area_y(h, band, dec->reduce), dec->base.work, &dec->planes, err);

    if (rc == IIIF_OK)
        dec->band = band;
    return rc;
}

/* Of whole tiles. */
static iiif_rc decode_plainly(jp2_dec_t *dec, iiif_err_t *err)
{
    const iiif_work_t *work = dec->base.work;
    const iiif_j2k_header_t *h = &dec->header;
    iiif_span_t band = choose_band(dec);
    iiif_j2k_tile_rect_t rect;
    iiif_j2k_feed_t feed;
    iiif_j2k_job_t job;
    iiif_rc rc;

    job.reduce = dec->reduce;
    job.x = iiif_jp2_pixels_area_x(h, dec->x, dec->reduce);
    job.y = iiif_jp2_pixels_area_y(h, band, dec->reduce);
    job.whole = dec->is_whole;
    rect = h->is_packed ? iiif_j2k_all_tiles(h) : iiif_j2k_tiles_of(h, job.x, job.y);
    job.structure = structure_bytes(dec, rect);
    job.tiles = (rect.x.to - rect.x.from) * (rect.y.to - rect.y.from);
    rc = iiif_j2k_feed_tiles(dec->base.src, h, &dec->tiles, rect, work->mem, &feed, err);
    if (rc == IIIF_OK) {
        add_margin(dec, &feed, &job);
        rc = iiif_j2k_decode(h, &feed, &job, work, &dec->planes, err);
    }
    iiif_j2k_feed_free(&feed, work->mem);
    if (rc == IIIF_OK)
        dec->band = band;
    return rc;
}

static iiif_rc decode_band(jp2_dec_t *dec, iiif_err_t *err)
{
    const iiif_work_t *work = dec->base.work;
    iiif_rc rc = iiif_cancel_check(work->cancel, err);

    if (rc != IIIF_OK)
        return rc;
    iiif_j2k_planes_free(&dec->planes, work->mem);
    if (dec->is_virtual) {
        rc = decode_virtually(dec, err);
        if (rc != IIIF_E_UNSUPPORTED && rc != IIIF_E_BAD_MASTER)
            return rc;
        iiif_j2k_virtual_free(&dec->virtually, work->mem);
        dec->is_virtual = false;
    }
    return decode_plainly(dec, err);
}

static iiif_rc jp2_rows(iiif_dec_t *base, iiif_strip_t *strip, iiif_err_t *err)
{
    jp2_dec_t *dec = (jp2_dec_t *)base;
    iiif_err_t own;
    uint32_t rows;

    if (err == NULL)
        err = &own;
    strip->rows = 0;
    if (dec->next_y >= dec->y.to)
        return IIIF_OK;
    if (dec->next_y >= dec->band.to || (dec->planes.owner == NULL && dec->planes.memory == NULL)) {
        iiif_rc rc = decode_band(dec, err);

        if (rc != IIIF_OK)
            return rc;
    }
    rows = iiif_min_u32(strip->capacity, dec->band.to - dec->next_y);
    for (uint32_t i = 0; i < rows; i++)
        iiif_jp2_pixels_row(&dec->pixels, &dec->planes, dec->reduce, dec->x.from, dec->next_y + i,
                            strip->data + i * strip->stride);
    dec->next_y += rows;
    strip->rows = rows;
    return IIIF_OK;
}

const iiif_decoder_t iiif_dec_jp2 = {
    .name = "jp2",
    .abi = IIIF_CODEC_ABI,
    .bid = jp2_bid,
    .open = jp2_open,
    .profile = jp2_profile,
    .window = jp2_window,
    .rows = jp2_rows,
    .close = jp2_close,
};
