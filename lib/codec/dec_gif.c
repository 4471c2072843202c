/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GIF masters (GIF89a) through giflib: the first image, laid on its logical screen. What the image does not
 * cover, and its transparent index, is transparent, as every browser shows it; the background colour of
 * the screen descriptor (§18) is not used. Nothing behind the first image is read.
 *
 * Rows stream from the top; an interlaced image holds one byte for each pixel of the image.
 */
#include "iiif_codec.h"

#include <gif_lib.h>
#include <stdio.h>
#include <string.h>

#include "iiif_reader.h"

/* giflib's code tables, colour maps and records. */
#define LIBRARY_BYTES ((size_t)64 * 1024)
#define BLOCKS_BETWEEN_CHECKS 1024u
#define NO_TRANSPARENCY (-1)

extern const iiif_decoder_t iiif_dec_gif;

typedef struct gif_dec {
    iiif_dec_t base;
    iiif_reader_t reader;
    GifFileType *gif;
    iiif_rect_t frame;       /* of the image, on the canvas */
    bool interlaced;
    int transparent;         /* index, or NO_TRANSPARENCY */
    unsigned colors;
    uint8_t palette[256][4]; /* RGBA */
    uint8_t *line;           /* indices of one row of the image */
    uint8_t *indices;        /* interlaced: of all rows, once read */
    uint32_t next_line;      /* of the stream */
    iiif_rect_t rect;
    uint32_t delivered;
} gif_dec_t;

static int hook_read(GifFileType *gif, GifByteType *out, int n)
{
    gif_dec_t *dec = gif->UserData;

    return n > 0 ? (int)iiif_reader_read(&dec->reader, out, (size_t)n) : 0;
}

static iiif_rc failed(const gif_dec_t *dec, int code, iiif_err_t *err)
{
    const char *text = GifErrorString(code);

    if (dec->reader.failed)
        return iiif_err_set(err, IIIF_E_IO, 2551, "The GIF master could not be read.");
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM)
        return iiif_err_memory(err, "a GIF master", LIBRARY_BYTES);
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2552, "The GIF master is damaged (%s).",
                        text != NULL ? text : "unknown error");
}

/* --- a pass over the file -------------------------------------------------------------------------- */

static void session_end(gif_dec_t *dec)
{
    int ignored;

    if (dec->gif != NULL)
        (void)DGifCloseFile(dec->gif, &ignored);
    dec->gif = NULL;
}

static iiif_rc read_extension(gif_dec_t *dec, iiif_err_t *err)
{
    GraphicsControlBlock control;
    GifByteType *block;
    int code;
    unsigned blocks = 0;

    if (DGifGetExtension(dec->gif, &code, &block) != GIF_OK)
        return failed(dec, dec->gif->Error, err);
    if (code == GRAPHICS_EXT_FUNC_CODE && block != NULL &&
        DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        dec->transparent = control.TransparentColor;
    while (block != NULL) {
        iiif_rc rc = IIIF_OK;

        if (++blocks % BLOCKS_BETWEEN_CHECKS == 0)
            rc = iiif_cancel_check(dec->base.work->cancel, err);
        if (rc != IIIF_OK)
            return rc;
        if (DGifGetExtensionNext(dec->gif, &block) != GIF_OK)
            return failed(dec, dec->gif->Error, err);
    }
    return IIIF_OK;
}

/* Up to the data of the first image. */
static iiif_rc read_records(gif_dec_t *dec, iiif_err_t *err)
{
    dec->transparent = NO_TRANSPARENCY;
    for (;;) {
        GifRecordType type;
        iiif_rc rc = iiif_cancel_check(dec->base.work->cancel, err);

        if (rc != IIIF_OK)
            return rc;
        if (DGifGetRecordType(dec->gif, &type) != GIF_OK)
            return failed(dec, dec->gif->Error, err);
        if (type == IMAGE_DESC_RECORD_TYPE)
            return DGifGetImageDesc(dec->gif) == GIF_OK ? IIIF_OK : failed(dec, dec->gif->Error, err);
        if (type != EXTENSION_RECORD_TYPE)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2553, "The GIF master holds no image.");
        rc = read_extension(dec, err);
        if (rc != IIIF_OK)
            return rc;
    }
}

static iiif_rc session_start(gif_dec_t *dec, iiif_err_t *err)
{
    int code = 0;
    iiif_rc rc;

    session_end(dec);
    dec->next_line = 0;
    iiif_reader_seek(&dec->reader, dec->base.src, 0);
    dec->gif = DGifOpen(dec, hook_read, &code);
    if (dec->gif == NULL)
        return failed(dec, code, err);
    rc = read_records(dec, err);
    if (rc != IIIF_OK)
        session_end(dec);
    return rc;
}

/* --- facts -------------------------------------------------------------------------------------------- */

static iiif_rc read_palette(gif_dec_t *dec, iiif_err_t *err)
{
    const ColorMapObject *map = dec->gif->Image.ColorMap != NULL ? dec->gif->Image.ColorMap : dec->gif->SColorMap;

    if (map == NULL || map->ColorCount < 1 || map->ColorCount > 256)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2554, "The GIF master has no colour table.");
    dec->colors = (unsigned)map->ColorCount;
    for (unsigned i = 0; i < dec->colors; i++) {
        dec->palette[i][0] = map->Colors[i].Red;
        dec->palette[i][1] = map->Colors[i].Green;
        dec->palette[i][2] = map->Colors[i].Blue;
        dec->palette[i][3] = (int)i == dec->transparent ? 0 : 255;
    }
    return IIIF_OK;
}

/* An image that reaches beyond its screen widens it, as browsers do for the first. */
static iiif_rc read_shape(gif_dec_t *dec, const iiif_dec_options_t *options, iiif_err_t *err)
{
    const GifImageDesc *image = &dec->gif->Image;
    iiif_facts_t *facts = &dec->base.facts;
    uint32_t width, height;
    bool covers;

    if (image->Left < 0 || image->Top < 0 || image->Width < 1 || image->Height < 1 || dec->gif->SWidth < 0 ||
        dec->gif->SHeight < 0)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2555, "The first image of the GIF master is empty.");
    dec->frame = (iiif_rect_t){(uint32_t)image->Left, (uint32_t)image->Top, (uint32_t)image->Width,
                               (uint32_t)image->Height};
    width = iiif_max_u32((uint32_t)dec->gif->SWidth, dec->frame.x + dec->frame.w);
    height = iiif_max_u32((uint32_t)dec->gif->SHeight, dec->frame.y + dec->frame.h);
    if (options->max_source_area != 0 && (uint64_t)width * height > options->max_source_area)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2556, "The GIF master has %u × %u pixels, more than are allowed.",
                            width, height);
    covers = dec->frame.w == width && dec->frame.h == height;
    dec->interlaced = image->Interlace;
    facts->stored_width = width;
    facts->stored_height = height;
    facts->layout = (uint8_t)iiif_layout_with_alpha(IIIF_LAYOUT_RGB,
                                                    !covers || (unsigned)dec->transparent < dec->colors);
    return IIIF_OK;
}

static iiif_rc read_facts(gif_dec_t *dec, const iiif_dec_options_t *options, iiif_err_t *err)
{
    iiif_facts_t *facts = &dec->base.facts;
    iiif_rc rc = read_palette(dec, err);

    if (rc == IIIF_OK)
        rc = read_shape(dec, options, err);
    if (rc != IIIF_OK)
        return rc;
    facts->orientation = 1;
    facts->depth = 8;
    facts->precision = 8;
    facts->color_class = IIIF_CLASS_COLOR;
    facts->access = dec->interlaced ? IIIF_ACCESS_WHOLE : IIIF_ACCESS_ROWS;
    facts->pages = 1;
    facts->page = 1;
    facts->fixed_bytes = LIBRARY_BYTES + sizeof(*dec) + dec->frame.w;
    facts->bytes_per_pixel = dec->interlaced ? 1 : 0;
    facts->cost_per_pixel = 1.0F;
    (void)snprintf(facts->decoder, sizeof(facts->decoder), "gif");
    (void)snprintf(facts->media_type, sizeof(facts->media_type), "image/gif");
    (void)iiif_facts_add_level(facts, facts->stored_width, facts->stored_height, 0, 0);
    return iiif_facts_finish(facts, err);
}

/* --- pixels -------------------------------------------------------------------------------------------- */

/* The next row of indices. GIF has no checksum: an index without a colour is the one damage that pixels show. */
static iiif_rc read_line(gif_dec_t *dec, uint8_t *line, iiif_err_t *err)
{
    uint8_t most = 0;

    if (dec->gif == NULL)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2557, "The GIF master could not be read to its end.");
    if (DGifGetLine(dec->gif, line, (int)dec->frame.w) != GIF_OK) {
        iiif_rc rc = failed(dec, dec->gif->Error, err);

        session_end(dec);
        return rc;
    }
    for (uint32_t x = 0; x < dec->frame.w; x++)
        most = line[x] > most ? line[x] : most;
    if (most >= dec->colors) {
        session_end(dec);
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2558, "The GIF master is damaged: a pixel has no colour.");
    }
    dec->next_line++;
    return IIIF_OK;
}

/* The four passes of GIF89a appendix E. */
static iiif_rc read_interlaced(gif_dec_t *dec, iiif_err_t *err)
{
    static const uint8_t first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    iiif_mem_t *mem = dec->base.work->mem;
    iiif_rc rc = IIIF_OK;
    uint8_t *indices = iiif_mem_array(mem, dec->frame.h, dec->frame.w);

    if (indices == NULL)
        return iiif_err_memory(err, "an interlaced GIF master", (size_t)dec->frame.h * dec->frame.w);
    for (unsigned pass = 0; pass < 4; pass++) {
        for (uint32_t y = first[pass]; rc == IIIF_OK && y < dec->frame.h; y += step[pass]) {
            if (y % 256 < 8)
                rc = iiif_cancel_check(dec->base.work->cancel, err);
            if (rc == IIIF_OK)
                rc = read_line(dec, indices + (size_t)y * dec->frame.w, err);
        }
    }
    session_end(dec);
    if (rc == IIIF_OK)
        dec->indices = indices;
    else
        iiif_mem_free(mem, indices);
    return rc;
}

/* Row y of the image, or NULL on an error. */
static const uint8_t *line_at(gif_dec_t *dec, uint32_t y, iiif_err_t *err)
{
    if (dec->interlaced)
        return dec->indices + (size_t)y * dec->frame.w;
    while (dec->next_line <= y) {
        if (dec->next_line % 256 == 0 && iiif_cancel_check(dec->base.work->cancel, err) != IIIF_OK)
            return NULL;
        if (read_line(dec, dec->line, err) != IIIF_OK)
            return NULL;
    }
    return dec->line;
}

/* One row of the window; y is on the canvas, inside the rows that the image covers. */
static void compose(const gif_dec_t *dec, const uint8_t *line, uint8_t *out)
{
    unsigned channels = iiif_layout_channels((iiif_layout)dec->base.facts.layout);
    uint32_t from = iiif_max_u32(dec->rect.x, dec->frame.x);
    uint32_t to = iiif_min_u32(dec->rect.x + dec->rect.w, dec->frame.x + dec->frame.w);

    if (channels == 4)
        memset(out, 0, (size_t)dec->rect.w * 4);
    for (uint32_t x = from; x < to; x++)
        memcpy(out + (size_t)(x - dec->rect.x) * channels, dec->palette[line[x - dec->frame.x]], channels);
}

static iiif_rc deliver_row(gif_dec_t *dec, uint32_t y, uint8_t *out, iiif_err_t *err)
{
    const uint8_t *line;
    iiif_err_t own;

    if (err == NULL)
        err = &own;
    if (y < dec->frame.y || y >= dec->frame.y + dec->frame.h) {
        memset(out, 0, (size_t)dec->rect.w * 4); /* only RGBA has such rows */
        return IIIF_OK;
    }
    line = line_at(dec, y - dec->frame.y, err);
    if (line == NULL)
        return err->kind;
    compose(dec, line, out);
    return IIIF_OK;
}

/* --- the vtable ----------------------------------------------------------------------------------------- */

static int gif_bid(const uint8_t *head, size_t length)
{
    return length >= 6 && (memcmp(head, "GIF87a", 6) == 0 || memcmp(head, "GIF89a", 6) == 0) ? 100 : 0;
}

static void dec_gif_close(iiif_dec_t *base)
{
    gif_dec_t *dec = (gif_dec_t *)base;
    iiif_mem_t *mem = base->work->mem;

    session_end(dec);
    iiif_mem_free(mem, dec->line);
    iiif_mem_free(mem, dec->indices);
    iiif_mem_free(mem, dec);
    iiif_mem_unreserve(mem, LIBRARY_BYTES);
}

static iiif_rc dec_gif_open(iiif_src_t *src, const iiif_dec_options_t *options, const iiif_work_t *work,
                            iiif_dec_t **out, iiif_err_t *err)
{
    gif_dec_t *dec;
    iiif_rc rc;

    if (options->page > 1)
        return iiif_err_set(err, IIIF_E_NOT_FOUND, 2559, "A GIF master has one page only.");
    if (!iiif_mem_reserve(work->mem, LIBRARY_BYTES))
        return iiif_err_memory(err, "a GIF decoder", LIBRARY_BYTES);
    dec = iiif_mem_zalloc(work->mem, 1, sizeof(*dec));
    if (dec == NULL) {
        iiif_mem_unreserve(work->mem, LIBRARY_BYTES);
        return iiif_err_memory(err, "a GIF decoder", sizeof(*dec));
    }
    dec->base.decoder = &iiif_dec_gif;
    dec->base.work = work;
    dec->base.src = src;
    rc = session_start(dec, err);
    if (rc == IIIF_OK)
        rc = read_facts(dec, options, err);
    if (rc != IIIF_OK) {
        dec_gif_close(&dec->base);
        return rc;
    }
    *out = &dec->base;
    return IIIF_OK;
}

/* Where the stream stands behind the window it starts anew; the header must then say what it said before. */
static iiif_rc rewind_to(gif_dec_t *dec, uint32_t y, iiif_err_t *err)
{
    const GifImageDesc *image;
    iiif_rc rc;

    if (dec->gif != NULL && dec->next_line <= y)
        return IIIF_OK;
    rc = session_start(dec, err);
    if (rc != IIIF_OK)
        return rc;
    image = &dec->gif->Image;
    if (image->Width == (int)dec->frame.w && image->Height == (int)dec->frame.h)
        return IIIF_OK;
    session_end(dec);
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2560, "The GIF master changed while it was read.");
}

static iiif_rc dec_gif_window(iiif_dec_t *base, const iiif_dec_window_t *window, iiif_err_t *err)
{
    gif_dec_t *dec = (gif_dec_t *)base;
    uint32_t first = window->rect.y > dec->frame.y ? window->rect.y - dec->frame.y : 0;
    iiif_rc rc;

    if (window->level != 0)
        return iiif_err_set(err, IIIF_E_INTERNAL, 2561, "A GIF master has one resolution only.");
    dec->rect = window->rect;
    dec->delivered = 0;
    if (dec->indices != NULL)
        return IIIF_OK;
    if (dec->line == NULL)
        dec->line = iiif_mem_alloc(base->work->mem, dec->frame.w);
    if (dec->line == NULL)
        return iiif_err_memory(err, "a row of a GIF master", dec->frame.w);
    rc = rewind_to(dec, first, err);
    if (rc == IIIF_OK && dec->interlaced)
        rc = read_interlaced(dec, err);
    return rc;
}

static iiif_rc dec_gif_rows(iiif_dec_t *base, iiif_strip_t *strip, iiif_err_t *err)
{
    gif_dec_t *dec = (gif_dec_t *)base;
    uint32_t n = iiif_min_u32(strip->capacity, dec->rect.h - dec->delivered);

    strip->rows = 0;
    for (uint32_t i = 0; i < n; i++) {
        iiif_rc rc = deliver_row(dec, dec->rect.y + dec->delivered + i, strip->data + i * strip->stride, err);

        if (rc != IIIF_OK)
            return rc;
    }
    dec->delivered += n;
    strip->rows = n;
    return IIIF_OK;
}

const iiif_decoder_t iiif_dec_gif = {
    .name = "gif",
    .abi = IIIF_CODEC_ABI,
    .bid = gif_bid,
    .open = dec_gif_open,
    .window = dec_gif_window,
    .rows = dec_gif_rows,
    .close = dec_gif_close,
};
