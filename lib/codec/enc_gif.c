/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GIF output (GIF89a) through giflib. Gray and bitonal images have a fixed palette and stream; everything else is
 * gathered within the budget, because the palette stands before the pixels. Pixels with alpha below 128 are
 * transparent, all others opaque: GIF knows nothing between. GIF has no place for a profile or a resolution.
 */
#include "iiif_codec.h"

#include <gif_lib.h>
#include <string.h>

#include "quantize.h"

#define GIF_DIMENSION_MAX 65535u
/* giflib's hash table, code tables and colour maps. */
#define LIBRARY_BYTES ((size_t)96 * 1024)
#define OUTPUT_BYTES 16384u
#define ROWS_BETWEEN_CHECKS 64u
#define NO_TRANSPARENCY (-1)

extern const iiif_encoder_t iiif_enc_gif;

typedef struct gif_enc {
    iiif_enc_t base;
    GifFileType *gif;
    unsigned channels;       /* of a gathered pixel: 3 or 4; 0 where rows stream */
    uint8_t *pixels;         /* gathered rows, without padding */
    uint8_t *line;           /* indices of a row */
    iiif_quantizer_t *quantizer;
    uint32_t next_row;
    bool muted;              /* closing: what giflib still writes goes nowhere */
    iiif_err_t sink_error;   /* kind is IIIF_OK as long as the sink took everything */
    size_t output_length;
    uint8_t output[OUTPUT_BYTES];
} gif_enc_t;

/* --- output ----------------------------------------------------------------------------------------------- */

static bool flush(gif_enc_t *enc)
{
    iiif_rc rc = IIIF_OK;

    if (enc->sink_error.kind != IIIF_OK)
        return false;
    if (enc->output_length > 0)
        rc = enc->base.sink.write(enc->base.sink.context, enc->output, enc->output_length, &enc->sink_error);
    enc->output_length = 0;
    if (rc != IIIF_OK)
        enc->sink_error.kind = rc;
    return rc == IIIF_OK;
}

/* giflib does not look at every result: the first error stays. */
static int hook_write(GifFileType *gif, const GifByteType *data, int n)
{
    gif_enc_t *enc = gif->UserData;
    size_t left = n > 0 ? (size_t)n : 0;

    while (left > 0 && !enc->muted) {
        size_t part = OUTPUT_BYTES - enc->output_length < left ? OUTPUT_BYTES - enc->output_length : left;

        memcpy(enc->output + enc->output_length, data, part);
        enc->output_length += part;
        data += part;
        left -= part;
        if (enc->output_length == OUTPUT_BYTES && !flush(enc))
            return 0;
    }
    return n;
}

static iiif_rc failed(const gif_enc_t *enc, int code, iiif_err_t *err)
{
    const char *text = GifErrorString(code);

    if (enc->sink_error.kind != IIIF_OK) {
        if (err != NULL)
            *err = enc->sink_error;
        return enc->sink_error.kind;
    }
    if (code == E_GIF_ERR_NOT_ENOUGH_MEM)
        return iiif_err_memory(err, "a GIF image", LIBRARY_BYTES);
    return iiif_err_set(err, IIIF_E_INTERNAL, 3451, "The GIF image could not be written (%s).",
                        text != NULL ? text : "unknown error");
}

/* --- header ------------------------------------------------------------------------------------------------ */

/* A colour table is of 2, 4, … 256 entries (GIF89a §19); what is left over is black. */
static ColorMapObject *color_map(const iiif_palette_t *palette, int transparent)
{
    unsigned wanted = palette->count + (transparent != NO_TRANSPARENCY ? 1 : 0), size = 2;
    ColorMapObject *map;

    while (size < wanted)
        size *= 2;
    map = GifMakeMapObject((int)size, NULL);
    if (map == NULL)
        return NULL;
    for (unsigned i = 0; i < palette->count; i++)
        map->Colors[i] = (GifColorType){palette->rgb[i][0], palette->rgb[i][1], palette->rgb[i][2]};
    return map;
}

static int put_transparency(GifFileType *gif, int transparent)
{
    GraphicsControlBlock control = {DISPOSAL_UNSPECIFIED, false, 0, transparent};
    GifByteType bytes[4];

    if (transparent == NO_TRANSPARENCY)
        return GIF_OK;
    (void)EGifGCBToExtension(&control, bytes);
    return EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, sizeof(bytes), bytes);
}

static iiif_rc write_header(gif_enc_t *enc, const iiif_palette_t *palette, int transparent, iiif_err_t *err)
{
    int width = (int)enc->base.params.image.width, height = (int)enc->base.params.image.height;
    ColorMapObject *map;
    int code = 0;
    bool ok;

    enc->gif = EGifOpen(enc, hook_write, &code);
    if (enc->gif == NULL)
        return failed(enc, code, err);
    map = color_map(palette, transparent);
    if (map == NULL)
        return failed(enc, E_GIF_ERR_NOT_ENOUGH_MEM, err);
    EGifSetGifVersion(enc->gif, true);
    ok = EGifPutScreenDesc(enc->gif, width, height, 8, 0, map) == GIF_OK &&
         put_transparency(enc->gif, transparent) == GIF_OK &&
         EGifPutImageDesc(enc->gif, 0, 0, width, height, false, NULL) == GIF_OK;
    GifFreeMapObject(map);
    return ok && enc->sink_error.kind == IIIF_OK ? IIIF_OK : failed(enc, enc->gif->Error, err);
}

static iiif_rc put_line(gif_enc_t *enc, uint8_t *line, iiif_err_t *err)
{
    if (EGifPutLine(enc->gif, line, (int)enc->base.params.image.width) != GIF_OK ||
        enc->sink_error.kind != IIIF_OK)
        return failed(enc, enc->gif->Error, err);
    return IIIF_OK;
}

/* --- gray: a fixed palette ----------------------------------------------------------------------------- */

static void gray_palette(bool bitonal, iiif_palette_t *out)
{
    memset(out, 0, sizeof(*out));
    out->count = bitonal ? 2 : 256;
    for (unsigned i = 0; i < out->count; i++)
        memset(out->rgb[i], (int)(bitonal ? i * 255 : i), 3);
}

static iiif_rc stream_row(gif_enc_t *enc, const uint8_t *gray, iiif_err_t *err)
{
    uint32_t width = enc->base.params.image.width;

    if (enc->base.params.bitonal) {
        for (uint32_t x = 0; x < width; x++)
            enc->line[x] = gray[x] >> 7;
    } else {
        memcpy(enc->line, gray, width); /* giflib wants to write on it */
    }
    return put_line(enc, enc->line, err);
}

/* --- colour: gathered ------------------------------------------------------------------------------------- */

static void gather(gif_enc_t *enc, const uint8_t *row)
{
    const iiif_image_t *image = &enc->base.params.image;
    uint8_t *out = enc->pixels + (size_t)enc->next_row * image->width * enc->channels;

    if (image->layout == IIIF_LAYOUT_GRAYA) {
        for (uint32_t x = 0; x < image->width; x++) {
            memset(out + (size_t)x * 4, row[(size_t)x * 2], 3);
            out[(size_t)x * 4 + 3] = row[(size_t)x * 2 + 1];
        }
    } else {
        memcpy(out, row, (size_t)image->width * enc->channels);
    }
    iiif_quantizer_add(enc->quantizer, out, image->width, enc->channels);
}

static iiif_rc write_mapped(gif_enc_t *enc, iiif_ditherer_t *ditherer, iiif_err_t *err)
{
    const iiif_image_t *image = &enc->base.params.image;
    iiif_rc rc = IIIF_OK;

    for (uint32_t y = 0; rc == IIIF_OK && y < image->height; y++) {
        if (y % ROWS_BETWEEN_CHECKS == 0)
            rc = iiif_cancel_check(enc->base.work->cancel, err);
        if (rc != IIIF_OK)
            break;
        iiif_ditherer_row(ditherer, enc->pixels + (size_t)y * image->width * enc->channels, enc->line);
        rc = put_line(enc, enc->line, err);
    }
    return rc;
}

static iiif_rc write_gathered(gif_enc_t *enc, iiif_err_t *err)
{
    bool transparent = iiif_quantizer_transparent(enc->quantizer);
    iiif_ditherer_t *ditherer = NULL;
    iiif_palette_t palette;
    iiif_rc rc;

    iiif_quantizer_palette(enc->quantizer, transparent ? 255 : 256, &palette);
    rc = iiif_ditherer_open(&palette, enc->base.params.image.width, enc->channels, (uint8_t)palette.count,
                            enc->base.work->mem, &ditherer, err);
    if (rc == IIIF_OK)
        rc = write_header(enc, &palette, transparent ? (int)palette.count : NO_TRANSPARENCY, err);
    if (rc == IIIF_OK)
        rc = write_mapped(enc, ditherer, err);
    iiif_ditherer_close(ditherer);
    return rc;
}

/* --- the vtable ----------------------------------------------------------------------------------------- */

static void enc_gif_close(iiif_enc_t *base)
{
    gif_enc_t *enc = (gif_enc_t *)base;
    iiif_mem_t *mem = base->work->mem;
    int ignored;

    enc->muted = true;
    if (enc->gif != NULL)
        (void)EGifCloseFile(enc->gif, &ignored);
    iiif_quantizer_close(enc->quantizer);
    iiif_mem_free(mem, enc->pixels);
    iiif_mem_free(mem, enc->line);
    iiif_mem_free(mem, enc);
    iiif_mem_unreserve(mem, LIBRARY_BYTES);
}

static iiif_rc prepare(gif_enc_t *enc, iiif_err_t *err)
{
    const iiif_image_t *image = &enc->base.params.image;
    size_t bytes;

    enc->line = iiif_mem_alloc(enc->base.work->mem, image->width);
    if (enc->line == NULL)
        return iiif_err_memory(err, "a row of a GIF image", image->width);
    if (image->layout == IIIF_LAYOUT_GRAY) {
        iiif_palette_t palette;

        gray_palette(enc->base.params.bitonal, &palette);
        return write_header(enc, &palette, NO_TRANSPARENCY, err);
    }
    enc->channels = iiif_layout_has_alpha(image->layout) ? 4 : 3;
    bytes = (size_t)image->width * image->height * enc->channels;
    enc->pixels = iiif_mem_alloc(enc->base.work->mem, bytes);
    if (enc->pixels == NULL)
        return iiif_err_memory(err, "the pixels of a GIF image", bytes);
    return iiif_quantizer_open(enc->base.work->mem, &enc->quantizer, err);
}

static iiif_rc enc_gif_open(const iiif_enc_params_t *params, const iiif_sink_t *sink, const iiif_work_t *work,
                            iiif_enc_t **out, iiif_err_t *err)
{
    const iiif_image_t *image = &params->image;
    gif_enc_t *enc;
    iiif_rc rc;

    if (image->width < 1 || image->height < 1 || image->width > GIF_DIMENSION_MAX ||
        image->height > GIF_DIMENSION_MAX || image->layout > IIIF_LAYOUT_RGBA || image->depth != 8)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3452, "An image of this shape cannot be written as GIF.");
    if (!iiif_mem_reserve(work->mem, LIBRARY_BYTES))
        return iiif_err_memory(err, "a GIF encoder", LIBRARY_BYTES);
    enc = iiif_mem_zalloc(work->mem, 1, sizeof(*enc));
    if (enc == NULL) {
        iiif_mem_unreserve(work->mem, LIBRARY_BYTES);
        return iiif_err_memory(err, "a GIF encoder", sizeof(*enc));
    }
    enc->base.encoder = &iiif_enc_gif;
    enc->base.work = work;
    enc->base.sink = *sink;
    enc->base.params = *params;
    rc = prepare(enc, err);
    if (rc != IIIF_OK) {
        enc_gif_close(&enc->base);
        return rc;
    }
    *out = &enc->base;
    return IIIF_OK;
}

static iiif_rc enc_gif_rows(iiif_enc_t *base, const iiif_strip_t *strip, iiif_err_t *err)
{
    gif_enc_t *enc = (gif_enc_t *)base;

    if (enc->sink_error.kind != IIIF_OK)
        return failed(enc, 0, err);
    if (strip->rows > base->params.image.height - enc->next_row)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3453, "More rows came than the GIF image has.");
    for (uint32_t i = 0; i < strip->rows; i++) {
        const uint8_t *row = strip->data + i * strip->stride;
        iiif_rc rc = IIIF_OK;

        if (enc->channels != 0)
            gather(enc, row);
        else
            rc = stream_row(enc, row, err);
        if (rc != IIIF_OK)
            return rc;
        enc->next_row++;
    }
    return IIIF_OK;
}

static iiif_rc enc_gif_finish(iiif_enc_t *base, iiif_err_t *err)
{
    gif_enc_t *enc = (gif_enc_t *)base;
    GifFileType *gif;
    int code = 0;
    iiif_rc rc = IIIF_OK;

    if (enc->sink_error.kind != IIIF_OK)
        return failed(enc, 0, err);
    if (enc->next_row != base->params.image.height)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3454, "The GIF image lacks %u of its rows.",
                            base->params.image.height - enc->next_row);
    if (enc->channels != 0)
        rc = write_gathered(enc, err);
    if (rc != IIIF_OK)
        return rc;
    gif = enc->gif;
    enc->gif = NULL;
    if (EGifCloseFile(gif, &code) != GIF_OK || !flush(enc))
        return failed(enc, code, err);
    return IIIF_OK;
}

const iiif_encoder_t iiif_enc_gif = {
    .format = "gif",
    .media_type = "image/gif",
    .abi = IIIF_CODEC_ABI,
    .caps = IIIF_CAP_ALPHA | IIIF_CAP_GRAY | IIIF_CAP_BITONAL,
    .cost_per_pixel = 25.0F,
    .max_dimension = GIF_DIMENSION_MAX,
    .buffers_whole = true,
    .bytes_per_pixel = 4.0F,
    .open = enc_gif_open,
    .rows = enc_gif_rows,
    .finish = enc_gif_finish,
    .close = enc_gif_close,
};
