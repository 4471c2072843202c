/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TIFF and BigTIFF masters (TIFF 6.0 and its technical notes) through libtiff.
 *
 * Which directories are pages and which are smaller versions is found by dec_tiff_levels.c, what their pixels are by
 * dec_tiff_format.c, how they become rows by dec_tiff_reader.c and dec_tiff_pixels.c. Here they are put together.
 *
 * Pixels are delivered as stored; the Orientation tag goes into the facts. So do the resolution tags, as of the
 * stored width and height.
 */
#include "iiif_codec.h"

#include <stdio.h>
#include <string.h>

#include "dec_tiff_levels.h"
#include "dec_tiff_reader.h"

#define PROFILE_BYTES_MAX ((uint32_t)16 << 20)
#define PROFILE_BYTES_MIN 128u /* the head of a profile (ICC.1:2022 §7.2) */

extern const iiif_decoder_t iiif_dec_tiff;

typedef struct tiff_level {
    uint64_t directory;
    iiif_tiff_format_t format;
} tiff_level_t;

typedef struct tiff_dec {
    iiif_dec_t base;
    tiff_level_t levels[IIIF_LEVELS_MAX]; /* as facts.levels */
    unsigned level_count;
    iiif_tiff_reader_t reader;
    bool is_open;          /* the reader, on level `level` */
    unsigned level;
    uint8_t *icc;
    size_t icc_length;
} tiff_dec_t;

static int tiff_bid(const uint8_t *head, size_t length)
{
    return iiif_tiff_is_header(head, length) ? 100 : 0;
}

/* --- facts ------------------------------------------------------------------------------------------------ */

static void take_resolution(TIFF *tiff, iiif_facts_t *facts)
{
    uint16_t unit = RESUNIT_INCH;
    float x = 0, y = 0;

    if (!TIFFGetField(tiff, TIFFTAG_XRESOLUTION, &x) || !TIFFGetField(tiff, TIFFTAG_YRESOLUTION, &y))
        return;
    (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_RESOLUTIONUNIT, &unit);
    if (!(x > 0) || !(y > 0))
        return;
    facts->pixels_per_unit_x = (double)x;
    facts->pixels_per_unit_y = (double)y;
    facts->unit = unit == RESUNIT_INCH         ? IIIF_UNIT_INCH
                  : unit == RESUNIT_CENTIMETER ? IIIF_UNIT_CM
                                               : IIIF_UNIT_NONE;
}

static iiif_rc take_profile(tiff_dec_t *dec, TIFF *tiff, iiif_err_t *err)
{
    uint32_t length = 0;
    void *data = NULL;

    if (!TIFFGetField(tiff, TIFFTAG_ICCPROFILE, &length, &data) || data == NULL || length < PROFILE_BYTES_MIN ||
        length > PROFILE_BYTES_MAX)
        return IIIF_OK;
    dec->icc = iiif_mem_alloc(dec->base.work->mem, length);
    if (dec->icc == NULL)
        return iiif_err_memory(err, "a colour profile", length);
    memcpy(dec->icc, data, length);
    dec->icc_length = length;
    dec->base.facts.has_profile = true;
    return IIIF_OK;
}

static void take_format(tiff_dec_t *dec, TIFF *tiff)
{
    const iiif_tiff_format_t *format = &dec->levels[0].format;
    iiif_facts_t *facts = &dec->base.facts;
    uint16_t orientation = ORIENTATION_TOPLEFT;

    (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    facts->orientation = orientation >= 1 && orientation <= 8 ? (uint8_t)orientation : 1;
    facts->stored_width = format->width;
    facts->stored_height = format->height;
    facts->layout = (uint8_t)format->layout;
    facts->depth = format->depth;
    facts->precision = format->precision;
    facts->color_class = format->color_class;
    facts->access = iiif_tiff_reader_by_row(format) ? IIIF_ACCESS_ROWS : IIIF_ACCESS_TILES;
    facts->fixed_bytes = iiif_tiff_reader_bytes(format) + sizeof(*dec);
    facts->bytes_per_pixel = 0; /* what a window needs does not grow with its area: see BAND_BYTES_MAX */
    facts->cost_per_pixel = iiif_tiff_format_cost(format);
    (void)snprintf(facts->decoder, sizeof(facts->decoder), "%s", iiif_dec_tiff.name);
    (void)snprintf(facts->media_type, sizeof(facts->media_type), "image/tiff");
    take_resolution(tiff, facts);
}

/* --- opening ------------------------------------------------------------------------------------------------ */

static bool fits_budget(const tiff_dec_t *dec, const iiif_tiff_format_t *format)
{
    size_t limit = dec->base.work->mem->limit;
    size_t bytes = iiif_tiff_reader_bytes(format);

    return bytes < SIZE_MAX / 2 && (limit == 0 || bytes <= limit);
}

static iiif_rc check_size(const iiif_tiff_dir_t *dir, const iiif_dec_options_t *options,
                          iiif_err_t *err)
{
    uint64_t area = (uint64_t)dir->width * dir->height;

    if (options->max_source_area != 0 && area > options->max_source_area)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2460,
                            "The TIFF master has %u by %u pixels, more than this server takes.", dir->width,
                            dir->height);
    return IIIF_OK;
}

static iiif_rc open_full(tiff_dec_t *dec, const iiif_tiff_dir_t *dir, iiif_err_t *err)
{
    tiff_level_t *level = &dec->levels[0];
    iiif_tiff_io_t io;
    iiif_rc rc;

    memset(&io, 0, sizeof(io));
    level->directory = dir->offset;
    rc = iiif_tiff_io_open(&io, dec->base.src, dir->offset, dec->base.work, err);
    if (rc != IIIF_OK)
        return rc;
    rc = iiif_tiff_format_read(&io, &level->format, err);
    /* With a tag given twice, the walk and libtiff may have taken different ones. */
    if (rc == IIIF_OK && (level->format.width != dir->width || level->format.height != dir->height))
        rc = iiif_err_set(err, IIIF_E_BAD_MASTER, 2465, "The TIFF master gives its size more than once.");
    if (rc == IIIF_OK && !fits_budget(dec, &level->format))
        rc = iiif_err_set(err, IIIF_E_TOO_LARGE, 2461, "The TIFF master has tiles or strips of %u by %u pixels, which do "
                          "not fit into the memory of one request; save it in tiles of 256 by 256.",
                          level->format.block_width, level->format.block_height);
    if (rc == IIIF_OK) {
        take_format(dec, io.tiff);
        rc = take_profile(dec, io.tiff, err);
    }
    iiif_tiff_io_close(&io);
    return rc;
}

static void add_level(tiff_dec_t *dec, const iiif_tiff_format_t *format)
{
    if (iiif_facts_add_level(&dec->base.facts, format->width, format->height,
                             format->tiled ? format->block_width : 0, format->tiled ? format->block_height : 0))
        dec->level_count++;
}

/*
 * A smaller version that is broken, or of other channels or depth, is left out: the image is rendered without it. But what
 * would fail for the full size as well (memory, time, reading) is told.
 */
static iiif_rc open_level(tiff_dec_t *dec, const iiif_tiff_dir_t *dir, iiif_err_t *err)
{
    const iiif_tiff_format_t *full = &dec->levels[0].format;
    tiff_level_t *level;
    iiif_tiff_io_t io;
    iiif_rc rc;

    if (dec->level_count >= IIIF_LEVELS_MAX)
        return IIIF_OK;
    memset(&io, 0, sizeof(io));
    level = &dec->levels[dec->level_count];
    level->directory = dir->offset;
    rc = iiif_tiff_io_open(&io, dec->base.src, dir->offset, dec->base.work, err);
    if (rc == IIIF_OK)
        rc = iiif_tiff_format_read(&io, &level->format, err);
    iiif_tiff_io_close(&io);
    if (rc == IIIF_E_NO_MEMORY || rc == IIIF_E_IO || rc == IIIF_E_TIMEOUT || rc == IIIF_E_CANCELLED)
        return rc;
    if (rc == IIIF_OK && level->format.layout == full->layout && level->format.depth == full->depth &&
        level->format.width == dir->width && level->format.height == dir->height &&
        fits_budget(dec, &level->format))
        add_level(dec, &level->format);
    return IIIF_OK;
}

static iiif_rc open_all(tiff_dec_t *dec, const iiif_dec_options_t *options, iiif_tiff_page_t *page, iiif_err_t *err)
{
    iiif_facts_t *facts = &dec->base.facts;
    uint32_t wanted = options->page == 0 ? 1 : options->page;
    iiif_rc rc = iiif_tiff_find_page(dec->base.src, wanted, dec->base.work, page, err);

    if (rc == IIIF_OK)
        rc = check_size(&page->full, options, err);
    if (rc == IIIF_OK)
        rc = open_full(dec, &page->full, err);
    if (rc != IIIF_OK)
        return rc;
    facts->pages = page->pages;
    facts->page = wanted;
    add_level(dec, &dec->levels[0].format);
    for (unsigned i = 0; rc == IIIF_OK && i < page->level_count; i++)
        rc = open_level(dec, &page->levels[i], err);
    return rc == IIIF_OK ? iiif_facts_finish(facts, err) : rc;
}

static void tiff_close(iiif_dec_t *base)
{
    tiff_dec_t *dec = (tiff_dec_t *)base;
    iiif_mem_t *mem = base->work->mem;

    iiif_tiff_reader_close(&dec->reader);
    iiif_mem_free(mem, dec->icc);
    iiif_mem_free(mem, dec);
}

static iiif_rc tiff_open(iiif_src_t *src, const iiif_dec_options_t *options, const iiif_work_t *work,
                         iiif_dec_t **out, iiif_err_t *err)
{
    tiff_dec_t *dec = iiif_mem_zalloc(work->mem, 1, sizeof(*dec));
    iiif_tiff_page_t page;
    iiif_rc rc;

    if (dec == NULL)
        return iiif_err_memory(err, "the TIFF reader", sizeof(*dec));
    dec->base.decoder = &iiif_dec_tiff;
    dec->base.work = work;
    dec->base.src = src;
    rc = open_all(dec, options, &page, err);
    if (rc != IIIF_OK) {
        tiff_close(&dec->base);
        return rc;
    }
    *out = &dec->base;
    return IIIF_OK;
}

/* --- pixels --------------------------------------------------------------------------------------------------- */

static iiif_rc tiff_profile(iiif_dec_t *base, const uint8_t **data, size_t *length, iiif_err_t *err)
{
    const tiff_dec_t *dec = (const tiff_dec_t *)base;

    (void)err;
    *data = dec->icc;
    *length = dec->icc_length;
    return IIIF_OK;
}

static iiif_rc tiff_window(iiif_dec_t *base, const iiif_dec_window_t *window, iiif_err_t *err)
{
    tiff_dec_t *dec = (tiff_dec_t *)base;
    const tiff_level_t *level;
    const iiif_rect_t *rect = &window->rect;

    if (window->level >= dec->level_count)
        return iiif_err_set(err, IIIF_E_INTERNAL, 2462, "Resolution %u of the TIFF master does not exist.",
                            window->level);
    level = &dec->levels[window->level];
    if (rect->w < 1 || rect->h < 1 || rect->w > level->format.width || rect->h > level->format.height ||
        rect->x > level->format.width - rect->w || rect->y > level->format.height - rect->h)
        return iiif_err_set(err, IIIF_E_INTERNAL, 2463, "A window lies outside the TIFF master.");
    if (!dec->is_open || dec->level != window->level) {
        iiif_rc rc;

        dec->is_open = false;
        rc = iiif_tiff_reader_open(&dec->reader, base->src, level->directory, &level->format, base->work, err);
        if (rc != IIIF_OK)
            return rc;
        dec->is_open = true;
        dec->level = window->level;
    }
    return iiif_tiff_reader_window(&dec->reader, rect, err);
}

static iiif_rc tiff_rows(iiif_dec_t *base, iiif_strip_t *strip, iiif_err_t *err)
{
    tiff_dec_t *dec = (tiff_dec_t *)base;

    if (!dec->is_open)
        return iiif_err_set(err, IIIF_E_INTERNAL, 2464, "Rows of the TIFF master were asked for before a window.");
    return iiif_tiff_reader_rows(&dec->reader, strip, err);
}

const iiif_decoder_t iiif_dec_tiff = {
    .name = "tiff",
    .abi = IIIF_CODEC_ABI,
    .bid = tiff_bid,
    .open = tiff_open,
    .profile = tiff_profile,
    .window = tiff_window,
    .rows = tiff_rows,
    .close = tiff_close,
};
