/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PNG output (ISO/IEC 15948) through libpng, row by row: gray, RGB, with alpha, 8 or 16 bits, one bit for bitonal.
 * Pixels are marked by an sRGB chunk, or carry their profile.
 *
 * Filters (§9): below 8 bits none, as §12.8 advises. Otherwise Up alone for levels 1 to 8: on photographs and scans it
 * comes within some percent of choosing a filter for each row, at twice the speed. Level 9 tries all of
 * them; level 0 stores, unfiltered.
 */
#include "iiif_codec.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#define IDAT_BYTES 32768

extern const iiif_encoder_t iiif_enc_png;

typedef struct png_enc {
    iiif_enc_t base;
    png_structp png;
    png_infop info;
    uint8_t *bits;         /* bitonal: a packed row */
    uint32_t next_row;
    size_t refused;        /* bytes that the budget did not give to libpng */
    iiif_err_t sink_error; /* kind is IIIF_OK as long as the sink took everything */
    char message[64];
} png_enc_t;

/* --- hooks of libpng ----------------------------------------------------------------------------- */

static void *hook_malloc(png_structp png, png_alloc_size_t n)
{
    png_enc_t *enc = png_get_mem_ptr(png);
    void *block = iiif_mem_alloc(enc->base.work->mem, n);

    if (block == NULL)
        enc->refused = n;
    return block;
}

static void hook_free(png_structp png, void *block)
{
    png_enc_t *enc = png_get_mem_ptr(png);

    iiif_mem_free(enc->base.work->mem, block);
}

static PNG_FUNCTION(void, hook_error, (png_structp png, png_const_charp message), PNG_NORETURN)
{
    png_enc_t *enc = png_get_error_ptr(png);

    (void)snprintf(enc->message, sizeof(enc->message), "%s", message);
    png_longjmp(png, 1);
}

static void hook_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void hook_write(png_structp png, png_bytep data, size_t n)
{
    png_enc_t *enc = png_get_io_ptr(png);
    iiif_rc rc = enc->base.sink.write(enc->base.sink.context, data, n, &enc->sink_error);

    if (rc == IIIF_OK)
        return;
    enc->sink_error.kind = rc;
    png_error(png, "sink");
}

static void hook_flush(png_structp png)
{
    (void)png;
}

/* What became of a longjmp. */
static iiif_rc failed(const png_enc_t *enc, iiif_err_t *err)
{
    if (enc->sink_error.kind != IIIF_OK) {
        if (err != NULL)
            *err = enc->sink_error;
        return enc->sink_error.kind;
    }
    if (enc->refused != 0)
        return iiif_err_memory(err, "a PNG image", enc->refused);
    return iiif_err_set(err, IIIF_E_INTERNAL, 3051, "The PNG image could not be written (%s).", enc->message);
}

/* --- the header ------------------------------------------------------------------------------------ */

static int color_type_of(iiif_layout layout)
{
    switch (layout) {
    case IIIF_LAYOUT_GRAY:
        return PNG_COLOR_TYPE_GRAY;
    case IIIF_LAYOUT_GRAYA:
        return PNG_COLOR_TYPE_GRAY_ALPHA;
    case IIIF_LAYOUT_RGB:
        return PNG_COLOR_TYPE_RGB;
    case IIIF_LAYOUT_RGBA:
        return PNG_COLOR_TYPE_RGB_ALPHA;
    default:
        return -1;
    }
}

static int filters_of(const png_enc_t *enc)
{
    if (enc->bits != NULL || enc->base.params.level < 1)
        return PNG_FILTER_NONE;
    return enc->base.params.level < 9 ? PNG_FILTER_UP : PNG_ALL_FILTERS;
}

/* libpng checks the profile; one that does not fit the pixels is left out with a warning. */
static void set_color(png_enc_t *enc)
{
    const iiif_enc_params_t *params = &enc->base.params;

    if (params->icc == NULL)
        png_set_sRGB(enc->png, enc->info, PNG_sRGB_INTENT_PERCEPTUAL);
    else if (params->icc_length <= PNG_UINT_31_MAX)
        png_set_iCCP(enc->png, enc->info, "ICC", PNG_COMPRESSION_TYPE_BASE, params->icc,
                     (png_uint_32)params->icc_length);
}

static void set_resolution(png_enc_t *enc)
{
    double per_meter = enc->base.params.pixels_per_cm * 100;

    if (per_meter >= 1 && per_meter < PNG_UINT_31_MAX) {
        png_uint_32 rounded = (png_uint_32)(per_meter + 0.5);

        png_set_pHYs(enc->png, enc->info, rounded, rounded, PNG_RESOLUTION_METER);
    }
}

static iiif_rc write_header(png_enc_t *enc, iiif_err_t *err)
{
    const iiif_image_t *image = &enc->base.params.image;
    int level = enc->base.params.level;

    if (setjmp(png_jmpbuf(enc->png)) != 0)
        return failed(enc, err);
    png_set_benign_errors(enc->png, 1);
    png_set_user_limits(enc->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_write_fn(enc->png, enc, hook_write, hook_flush);
    png_set_IHDR(enc->png, enc->info, image->width, image->height, enc->bits != NULL ? 1 : (int)image->depth,
                 color_type_of(image->layout), PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(enc->png, level < 0 ? 0 : level > 9 ? 9 : level);
    png_set_compression_buffer_size(enc->png, IDAT_BYTES);
    png_set_filter(enc->png, PNG_FILTER_TYPE_DEFAULT, filters_of(enc));
    set_color(enc);
    set_resolution(enc);
    png_write_info(enc->png, enc->info);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (image->depth == 16)
        png_set_swap(enc->png);
#endif
    return enc->refused == 0 ? IIIF_OK : failed(enc, err);
}

static iiif_rc create(png_enc_t *enc, iiif_err_t *err)
{
    const iiif_enc_params_t *params = &enc->base.params;
    size_t packed = ((size_t)params->image.width + 7) / 8;

    if (params->bitonal && params->image.layout == IIIF_LAYOUT_GRAY && params->image.depth == 8) {
        enc->bits = iiif_mem_alloc(enc->base.work->mem, packed);
        if (enc->bits == NULL)
            return iiif_err_memory(err, "a row of a PNG image", packed);
    }
    enc->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, enc, hook_error, hook_warning, enc, hook_malloc,
                                         hook_free);
    if (enc->png != NULL)
        enc->info = png_create_info_struct(enc->png);
    if (enc->info == NULL)
        return iiif_err_memory(err, "a PNG encoder", enc->refused);
    return write_header(enc, err);
}

/* --- the vtable ----------------------------------------------------------------------------------------- */

static void enc_png_close(iiif_enc_t *base)
{
    png_enc_t *enc = (png_enc_t *)base;

    png_destroy_write_struct(&enc->png, &enc->info);
    iiif_mem_free(base->work->mem, enc->bits);
    iiif_mem_free(base->work->mem, enc);
}

static iiif_rc enc_png_open(const iiif_enc_params_t *params, const iiif_sink_t *sink, const iiif_work_t *work,
                            iiif_enc_t **out, iiif_err_t *err)
{
    const iiif_image_t *image = &params->image;
    png_enc_t *enc;
    iiif_rc rc;

    if (image->width < 1 || image->height < 1 || image->width > PNG_UINT_31_MAX || image->height > PNG_UINT_31_MAX ||
        color_type_of(image->layout) < 0 || (image->depth != 8 && image->depth != 16))
        return iiif_err_set(err, IIIF_E_INTERNAL, 3052, "An image of this shape cannot be written as PNG.");
    enc = iiif_mem_zalloc(work->mem, 1, sizeof(*enc));
    if (enc == NULL)
        return iiif_err_memory(err, "a PNG encoder", sizeof(*enc));
    enc->base.encoder = &iiif_enc_png;
    enc->base.work = work;
    enc->base.sink = *sink;
    enc->base.params = *params;
    rc = create(enc, err);
    if (rc != IIIF_OK) {
        enc_png_close(&enc->base);
        return rc;
    }
    *out = &enc->base;
    return IIIF_OK;
}

/* Gray of 0 and 255 to bits, the leftmost pixel in the high bit (§7.2). */
static void pack(const uint8_t *gray, uint32_t width, uint8_t *bits)
{
    memset(bits, 0, ((size_t)width + 7) / 8);
    for (uint32_t x = 0; x < width; x++)
        bits[x / 8] = (uint8_t)(bits[x / 8] | (gray[x] >> 7) << (7 - x % 8));
}

static iiif_rc write_rows(png_enc_t *enc, const iiif_strip_t *strip, iiif_err_t *err)
{
    if (setjmp(png_jmpbuf(enc->png)) != 0)
        return failed(enc, err);
    for (uint32_t i = 0; i < strip->rows; i++) {
        const uint8_t *row = strip->data + i * strip->stride;

        if (enc->bits != NULL)
            pack(row, enc->base.params.image.width, enc->bits);
        png_write_row(enc->png, enc->bits != NULL ? enc->bits : row);
        enc->next_row++;
    }
    return IIIF_OK;
}

static iiif_rc enc_png_rows(iiif_enc_t *base, const iiif_strip_t *strip, iiif_err_t *err)
{
    png_enc_t *enc = (png_enc_t *)base;

    if (enc->sink_error.kind != IIIF_OK)
        return failed(enc, err);
    if (strip->rows > base->params.image.height - enc->next_row)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3053, "More rows came than the PNG image has.");
    return write_rows(enc, strip, err);
}

static iiif_rc write_end(png_enc_t *enc, iiif_err_t *err)
{
    if (setjmp(png_jmpbuf(enc->png)) != 0)
        return failed(enc, err);
    png_write_end(enc->png, NULL);
    return IIIF_OK;
}

static iiif_rc enc_png_finish(iiif_enc_t *base, iiif_err_t *err)
{
    png_enc_t *enc = (png_enc_t *)base;

    if (enc->sink_error.kind != IIIF_OK)
        return failed(enc, err);
    if (enc->next_row != base->params.image.height)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3054, "The PNG image lacks %u of its rows.",
                            base->params.image.height - enc->next_row);
    return write_end(enc, err);
}

const iiif_encoder_t iiif_enc_png = {
    .format = "png",
    .media_type = "image/png",
    .abi = IIIF_CODEC_ABI,
    .caps = IIIF_CAP_ALPHA | IIIF_CAP_16BIT | IIIF_CAP_GRAY | IIIF_CAP_BITONAL | IIIF_CAP_ICC,
    .cost_per_pixel = 60.0F,
    .max_dimension = PNG_UINT_31_MAX,
    .open = enc_png_open,
    .rows = enc_png_rows,
    .finish = enc_png_finish,
    .close = enc_png_close,
};
