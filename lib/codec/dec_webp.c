/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebP masters through libwebp: stills, and the first frame of an animation on its (transparent) canvas.
 *
 * libwebp decodes into a buffer of ours that holds the window; it is fed in portions, so that a render whose
 * client has gone ends. Lossy windows are decoded with a margin: chroma at the border of a crop is interpolated
 * without its neighbour, and tiles would have seams.
 */
#include "iiif_codec.h"

#include <stdio.h>
#include <string.h>
#include <webp/decode.h>

#include "dec_webp_riff.h"
#include "exif.h"

#define MARGIN 4u
#define ICC_BYTES_MAX ((uint32_t)16 << 20)
#define EXIF_BYTES_MAX ((uint32_t)1 << 20)
#define PORTIONS 64u
#define PORTION_BYTES ((size_t)64 * 1024)
/* libwebp's structs and tables beside what grows with the image. */
#define LIBRARY_BYTES ((uint64_t)1 << 20)

extern const iiif_decoder_t iiif_dec_webp;

typedef struct webp_dec {
    iiif_dec_t base;
    iiif_webp_riff_t riff;
    uint8_t *icc;
    iiif_rect_t rect;        /* the window, on the canvas */
    iiif_rect_t crop;        /* what `pixels` holds, within the image */
    uint8_t *pixels;         /* NULL where the window lies beside the image */
    size_t stride;
    uint32_t delivered;
} webp_dec_t;

/* --- facts -------------------------------------------------------------------------------------------- */

static bool covers(const iiif_webp_riff_t *riff)
{
    return riff->image_width == riff->width && riff->image_height == riff->height;
}

/* What libwebp allocates for an image: lossless keeps all pixels, transparency of a lossy one a plane. */
static uint64_t library_bytes(const iiif_webp_riff_t *riff)
{
    uint64_t area = (uint64_t)riff->image_width * riff->image_height;
    uint64_t rows = (uint64_t)riff->image_width * 256;

    return LIBRARY_BYTES + rows + area * (riff->lossless ? 4 : riff->alpha ? 1 : 0);
}

static iiif_rc read_span(webp_dec_t *dec, const iiif_webp_span_t *span, uint8_t **out, iiif_err_t *err)
{
    uint8_t *data = iiif_mem_alloc(dec->base.work->mem, span->length);

    if (data == NULL)
        return iiif_err_memory(err, "a part of a WebP master", span->length);
    if (!iiif_src_read_exact(dec->base.src, span->offset, data, span->length)) {
        iiif_mem_free(dec->base.work->mem, data);
        return iiif_err_set(err, IIIF_E_IO, 2510, "The WebP master could not be read.");
    }
    *out = data;
    return IIIF_OK;
}

/* A profile or EXIF block beyond all reason is passed over like a broken one. */
static iiif_rc read_metadata(webp_dec_t *dec, iiif_err_t *err)
{
    iiif_facts_t *facts = &dec->base.facts;
    iiif_exif_t exif;
    uint8_t *data = NULL;
    iiif_rc rc = IIIF_OK;

    facts->orientation = 1;
    if (dec->riff.icc.length > 0 && dec->riff.icc.length <= ICC_BYTES_MAX)
        rc = read_span(dec, &dec->riff.icc, &dec->icc, err);
    facts->has_profile = dec->icc != NULL;
    if (rc != IIIF_OK || dec->riff.exif.length == 0 || dec->riff.exif.length > EXIF_BYTES_MAX)
        return rc;
    rc = read_span(dec, &dec->riff.exif, &data, err);
    if (rc == IIIF_OK && iiif_exif_read(data, dec->riff.exif.length, &exif)) {
        facts->orientation = exif.orientation;
        facts->pixels_per_unit_x = exif.x_resolution;
        facts->pixels_per_unit_y = exif.y_resolution;
        facts->unit = exif.unit;
    }
    iiif_mem_free(dec->base.work->mem, data);
    return rc;
}

static iiif_rc read_facts(webp_dec_t *dec, const iiif_dec_options_t *options, iiif_err_t *err)
{
    const iiif_webp_riff_t *riff = &dec->riff;
    iiif_facts_t *facts = &dec->base.facts;
    bool alpha = riff->alpha || !covers(riff);
    iiif_rc rc;

    if (options->max_source_area != 0 && (uint64_t)riff->width * riff->height > options->max_source_area)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2511, "The WebP master has %u × %u pixels, more than are allowed.",
                            riff->width, riff->height);
    rc = read_metadata(dec, err);
    if (rc != IIIF_OK)
        return rc;
    facts->stored_width = riff->width;
    facts->stored_height = riff->height;
    facts->layout = (uint8_t)iiif_layout_with_alpha(IIIF_LAYOUT_RGB, alpha);
    facts->depth = 8;
    facts->precision = 8;
    facts->color_class = IIIF_CLASS_COLOR;
    facts->access = IIIF_ACCESS_WHOLE;
    facts->pages = 1;
    facts->page = 1;
    facts->fixed_bytes = LIBRARY_BYTES + sizeof(*dec) + riff->image.length + riff->icc.length +
                         (uint64_t)riff->image_width * (256 + 8 * MARGIN) + (uint64_t)riff->image_height * 8 * MARGIN;
    facts->bytes_per_pixel = (alpha ? 4.0F : 3.0F) + (riff->lossless ? 4.0F : riff->alpha ? 1.0F : 0.0F);
    facts->cost_per_pixel = riff->lossless ? 3.0F : 2.0F;
    (void)snprintf(facts->decoder, sizeof(facts->decoder), "webp");
    (void)snprintf(facts->media_type, sizeof(facts->media_type), "image/webp");
    (void)iiif_facts_add_level(facts, riff->width, riff->height, 0, 0);
    return iiif_facts_finish(facts, err);
}

/* --- pixels -------------------------------------------------------------------------------------------- */

/* One side of the crop: the part of [from, from+length) that the image covers, with margin, from an even place. */
static bool crop_side(uint32_t from, uint32_t length, uint32_t at, uint32_t size, uint32_t *start, uint32_t *extent)
{
    uint32_t begin = iiif_max_u32(from, at), end = iiif_min_u32(from + length, at + size);

    if (begin >= end)
        return false;
    begin -= at;
    end -= at;
    begin = (begin > MARGIN ? begin - MARGIN : 0) & ~1u;
    end = iiif_min_u32(end + MARGIN, size);
    *start = begin;
    *extent = end - begin;
    return true;
}

static iiif_rc refused(VP8StatusCode status, iiif_err_t *err)
{
    if (status == VP8_STATUS_OUT_OF_MEMORY)
        return iiif_err_memory(err, "a WebP master", (size_t)LIBRARY_BYTES);
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2512, "The WebP master is damaged (%s).",
                        status == VP8_STATUS_SUSPENDED ? "its bitstream ends too early" : "its bitstream is broken");
}

/* Hands over ever more of the bitstream, which stays where it is. */
static iiif_rc feed(WebPIDecoder *library, webp_dec_t *dec, const uint8_t *data, size_t n, iiif_err_t *err)
{
    size_t portion = n / PORTIONS > PORTION_BYTES ? n / PORTIONS : PORTION_BYTES;
    size_t given = 0;
    VP8StatusCode status = VP8_STATUS_SUSPENDED;

    while (status == VP8_STATUS_SUSPENDED && given < n) {
        iiif_rc rc = iiif_cancel_check(dec->base.work->cancel, err);

        if (rc != IIIF_OK)
            return rc;
        given = n - given > portion ? given + portion : n;
        status = WebPIUpdate(library, data, given);
    }
    return status == VP8_STATUS_OK ? IIIF_OK : refused(status, err);
}

static iiif_rc decode(webp_dec_t *dec, const uint8_t *data, size_t n, iiif_err_t *err)
{
    bool alpha = iiif_layout_has_alpha((iiif_layout)dec->base.facts.layout);
    WebPDecoderConfig config;
    WebPIDecoder *library;
    iiif_rc rc;

    if (WebPInitDecoderConfig(&config) == 0)
        return iiif_err_set(err, IIIF_E_INTERNAL, 2513, "libwebp is not of the version that this was built for.");
    config.options.use_cropping = 1;
    config.options.crop_left = (int)dec->crop.x;
    config.options.crop_top = (int)dec->crop.y;
    config.options.crop_width = (int)dec->crop.w;
    config.options.crop_height = (int)dec->crop.h;
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = dec->pixels;
    config.output.u.RGBA.stride = (int)dec->stride;
    config.output.u.RGBA.size = dec->stride * dec->crop.h;
    library = WebPIDecode(NULL, 0, &config);
    if (library == NULL)
        return refused(VP8_STATUS_OUT_OF_MEMORY, err);
    rc = feed(library, dec, data, n, err);
    WebPIDelete(library);
    return rc;
}

static iiif_rc decode_reserved(webp_dec_t *dec, const uint8_t *data, iiif_err_t *err)
{
    uint64_t bytes = library_bytes(&dec->riff);
    iiif_rc rc;

    if (bytes > SIZE_MAX || !iiif_mem_reserve(dec->base.work->mem, (size_t)bytes))
        return iiif_err_memory(err, "decoding a WebP master", (size_t)bytes);
    rc = decode(dec, data, dec->riff.image.length, err);
    iiif_mem_unreserve(dec->base.work->mem, (size_t)bytes);
    return rc;
}

/* The bitstream is held only while it is decoded; a master in memory is used in place. */
static iiif_rc decode_window(webp_dec_t *dec, iiif_err_t *err)
{
    const iiif_src_t *src = dec->base.src;
    iiif_mem_t *mem = dec->base.work->mem;
    unsigned channels = iiif_layout_channels((iiif_layout)dec->base.facts.layout);
    uint8_t *copy = NULL;
    iiif_rc rc = IIIF_OK;

    dec->stride = (size_t)dec->crop.w * channels;
    dec->pixels = iiif_mem_array(mem, dec->crop.h, dec->stride);
    if (dec->pixels == NULL)
        return iiif_err_memory(err, "the pixels of a WebP master", dec->stride * dec->crop.h);
    if (src->memory == NULL)
        rc = read_span(dec, &dec->riff.image, &copy, err);
    if (rc == IIIF_OK)
        rc = decode_reserved(dec, copy != NULL ? copy : src->memory + dec->riff.image.offset, err);
    iiif_mem_free(mem, copy);
    return rc;
}

/* --- the vtable ----------------------------------------------------------------------------------------- */

static int webp_bid(const uint8_t *head, size_t length)
{
    return length >= 16 && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBPVP8", 7) == 0 ? 100 : 0;
}

static void dec_webp_close(iiif_dec_t *base)
{
    webp_dec_t *dec = (webp_dec_t *)base;
    iiif_mem_t *mem = base->work->mem;

    iiif_mem_free(mem, dec->icc);
    iiif_mem_free(mem, dec->pixels);
    iiif_mem_free(mem, dec);
}

static iiif_rc dec_webp_open(iiif_src_t *src, const iiif_dec_options_t *options, const iiif_work_t *work,
                             iiif_dec_t **out, iiif_err_t *err)
{
    webp_dec_t *dec;
    iiif_rc rc;

    if (options->page > 1)
        return iiif_err_set(err, IIIF_E_NOT_FOUND, 2514, "A WebP master has one page only.");
    dec = iiif_mem_zalloc(work->mem, 1, sizeof(*dec));
    if (dec == NULL)
        return iiif_err_memory(err, "a WebP decoder", sizeof(*dec));
    dec->base.decoder = &iiif_dec_webp;
    dec->base.work = work;
    dec->base.src = src;
    rc = iiif_webp_riff_read(src, &dec->riff, err);
    if (rc == IIIF_OK)
        rc = read_facts(dec, options, err);
    if (rc != IIIF_OK) {
        dec_webp_close(&dec->base);
        return rc;
    }
    *out = &dec->base;
    return IIIF_OK;
}

static iiif_rc dec_webp_profile(iiif_dec_t *base, const uint8_t **data, size_t *length, iiif_err_t *err)
{
    webp_dec_t *dec = (webp_dec_t *)base;

    (void)err;
    *data = dec->icc;
    *length = dec->icc != NULL ? dec->riff.icc.length : 0;
    return IIIF_OK;
}

static iiif_rc dec_webp_window(iiif_dec_t *base, const iiif_dec_window_t *window, iiif_err_t *err)
{
    webp_dec_t *dec = (webp_dec_t *)base;
    const iiif_webp_riff_t *riff = &dec->riff;
    const iiif_rect_t *rect = &window->rect;

    if (window->level != 0)
        return iiif_err_set(err, IIIF_E_INTERNAL, 2515, "A WebP master has one resolution only.");
    iiif_mem_free(base->work->mem, dec->pixels);
    dec->pixels = NULL;
    dec->rect = *rect;
    dec->delivered = 0;
    if (!crop_side(rect->x, rect->w, riff->x, riff->image_width, &dec->crop.x, &dec->crop.w) ||
        !crop_side(rect->y, rect->h, riff->y, riff->image_height, &dec->crop.y, &dec->crop.h))
        return IIIF_OK;
    return decode_window(dec, err);
}

/* Row y of the canvas; what lies beside the image is transparent. */
static void compose(const webp_dec_t *dec, uint32_t y, uint8_t *out)
{
    unsigned channels = iiif_layout_channels((iiif_layout)dec->base.facts.layout);
    uint32_t left = dec->riff.x + dec->crop.x, top = dec->riff.y + dec->crop.y;
    uint32_t from = iiif_max_u32(dec->rect.x, left);
    uint32_t to = iiif_min_u32(dec->rect.x + dec->rect.w, left + dec->crop.w);

    if (!covers(&dec->riff))
        memset(out, 0, (size_t)dec->rect.w * channels);
    if (dec->pixels == NULL || y < top || y - top >= dec->crop.h || from >= to)
        return;
    memcpy(out + (size_t)(from - dec->rect.x) * channels,
           dec->pixels + (y - top) * dec->stride + (size_t)(from - left) * channels, (size_t)(to - from) * channels);
}

static iiif_rc dec_webp_rows(iiif_dec_t *base, iiif_strip_t *strip, iiif_err_t *err)
{
    webp_dec_t *dec = (webp_dec_t *)base;
    uint32_t n = iiif_min_u32(strip->capacity, dec->rect.h - dec->delivered);

    (void)err;
    for (uint32_t i = 0; i < n; i++)
        compose(dec, dec->rect.y + dec->delivered + i, strip->data + i * strip->stride);
    dec->delivered += n;
    strip->rows = n;
    return IIIF_OK;
}

const iiif_decoder_t iiif_dec_webp = {
    .name = "webp",
    .abi = IIIF_CODEC_ABI,
    .bid = webp_bid,
    .open = dec_webp_open,
    .profile = dec_webp_profile,
    .window = dec_webp_window,
    .rows = dec_webp_rows,
    .close = dec_webp_close,
};
