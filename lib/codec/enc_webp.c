/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebP output through libwebp: lossy, but lossless for bitonal images, whose pixels must stay black or white.
 * libwebp wants the whole picture, so rows are gathered as ARGB within the budget. A profile is put into the
 * container on its way to the sink.
 */
#include "iiif_codec.h"

#include <string.h>
#include <webp/encode.h>

/* Speed against size, 0–6. At 4 (libwebp's default) a tile takes twice the time of 2 for some percent of bytes. */
#define METHOD 2
#define LOSSLESS_LEVEL 2

/* What libwebp takes beside our ARGB, measured with noise at quality 100: 4:2:0 planes and its output; transparency
 * goes through the lossless coder, whose hash chains are large; two colours are packed before they do. */
#define LIBRARY_BYTES ((size_t)2 << 20)
#define LOSSY_BYTES_PER_PIXEL 6u
#define ALPHA_BYTES_PER_PIXEL 30u
#define BITONAL_BYTES_PER_PIXEL 8u

/* RIFF header (12), chunk header (8), all of a VP8X payload (10). */
#define HEAD_BYTES 30u
#define VP8X_CHUNK_BYTES 18u
#define FLAG_ICC 0x20u
#define FLAG_ALPHA 0x10u

extern const iiif_encoder_t iiif_enc_webp;

typedef struct webp_enc {
    iiif_enc_t base;
    uint32_t *argb;
    uint32_t next_row;
    bool transparent;       /* a pixel is not opaque */
    iiif_err_t stop;        /* why a hook told libwebp to stop */
    uint8_t head[HEAD_BYTES];
    size_t head_length;
    bool head_written;
} webp_enc_t;

/* --- the container -------------------------------------------------------------------------------- */

static void put_le(uint8_t *out, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool sink_write(webp_enc_t *enc, const uint8_t *data, size_t n)
{
    iiif_rc rc = enc->base.sink.write(enc->base.sink.context, data, n, &enc->stop);

    if (rc != IIIF_OK)
        enc->stop.kind = rc;
    return rc == IIIF_OK;
}

/* Whether the lossless bitstream that follows the RIFF header has its alpha hint set. */
static bool vp8l_alpha(const uint8_t *head, size_t length)
{
    return length >= 25 && memcmp(head + 12, "VP8L", 4) == 0 && (head[24] & 0x10) != 0;
}

static bool write_profile(webp_enc_t *enc)
{
    const iiif_enc_params_t *params = &enc->base.params;
    uint8_t head[8] = {'I', 'C', 'C', 'P'};

    put_le(head + 4, (uint32_t)params->icc_length, 4);
    return sink_write(enc, head, sizeof(head)) && sink_write(enc, params->icc, params->icc_length) &&
           (params->icc_length % 2 == 0 || sink_write(enc, (const uint8_t *)"", 1));
}

/* The header that libwebp wrote, made to announce the profile, then the profile (WebP Container §2.7). */
static bool write_extended_head(webp_enc_t *enc)
{
    const iiif_enc_params_t *params = &enc->base.params;
    bool has_vp8x = enc->head_length == HEAD_BYTES && memcmp(enc->head + 12, "VP8X", 4) == 0;
    uint32_t size = get_le32(enc->head + 4) + 8 + (uint32_t)params->icc_length + (uint32_t)(params->icc_length % 2);
    uint8_t vp8x[VP8X_CHUNK_BYTES] = {'V', 'P', '8', 'X', 10};
    size_t used = has_vp8x ? HEAD_BYTES : 12;

    if (has_vp8x)
        memcpy(vp8x, enc->head + 12, sizeof(vp8x));
    else
        size += VP8X_CHUNK_BYTES;
    vp8x[8] = (uint8_t)(vp8x[8] | FLAG_ICC | (vp8l_alpha(enc->head, enc->head_length) ? FLAG_ALPHA : 0));
    put_le(vp8x + 12, params->image.width - 1, 3);
    put_le(vp8x + 15, params->image.height - 1, 3);
    put_le(enc->head + 4, size, 4);
    return sink_write(enc, enc->head, 12) && sink_write(enc, vp8x, sizeof(vp8x)) && write_profile(enc) &&
           sink_write(enc, enc->head + used, enc->head_length - used);
}

static bool write_head(webp_enc_t *enc)
{
    enc->head_written = true;
    return write_extended_head(enc);
}

/* libwebp's bytes: with a profile the first ones are held back until the header is whole. */
static int hook_write(const uint8_t *data, size_t n, const WebPPicture *picture)
{
    webp_enc_t *enc = picture->custom_ptr;
    size_t part;

    if (enc->base.params.icc != NULL && !enc->head_written) {
        part = HEAD_BYTES - enc->head_length < n ? HEAD_BYTES - enc->head_length : n;
        memcpy(enc->head + enc->head_length, data, part);
        enc->head_length += part;
        data += part;
        n -= part;
        if (enc->head_length == HEAD_BYTES && !write_head(enc))
            return 0;
    }
    return n == 0 || sink_write(enc, data, n);
}

static int hook_progress(int percent, const WebPPicture *picture)
{
    webp_enc_t *enc = picture->user_data;

    (void)percent;
    return iiif_cancel_check(enc->base.work->cancel, &enc->stop) == IIIF_OK;
}

/* --- the picture --------------------------------------------------------------------------------------- */

/* False where a pixel is not opaque. */
static bool gather(const uint8_t *in, uint32_t *out, uint32_t width, iiif_layout layout)
{
    unsigned channels = iiif_layout_channels(layout);
    unsigned green = channels > 2 ? 1 : 0, blue = channels > 2 ? 2 : 0;
    bool alpha = iiif_layout_has_alpha(layout);
    uint32_t all = 255;

    for (uint32_t x = 0; x < width; x++, in += channels) {
        uint32_t a = alpha ? in[channels - 1] : 255;

        all &= a;
        out[x] = a << 24 | (uint32_t)in[0] << 16 | (uint32_t)in[green] << 8 | in[blue];
    }
    return all == 255;
}

static iiif_rc configure(const webp_enc_t *enc, WebPConfig *config, iiif_err_t *err)
{
    const iiif_enc_params_t *params = &enc->base.params;
    int quality = params->quality < 1 ? 1 : params->quality > 100 ? 100 : params->quality;
    bool ok = WebPConfigPreset(config, WEBP_PRESET_DEFAULT, (float)quality) != 0;

    config->method = METHOD;
    if (ok && params->bitonal)
        ok = WebPConfigLosslessPreset(config, LOSSLESS_LEVEL) != 0;
    if (!ok || WebPValidateConfig(config) == 0)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3401, "libwebp does not accept its settings.");
    return IIIF_OK;
}

static iiif_rc failed(const webp_enc_t *enc, const WebPPicture *picture, iiif_err_t *err)
{
    if (enc->stop.kind != IIIF_OK) {
        if (err != NULL)
            *err = enc->stop;
        return enc->stop.kind;
    }
    if (picture->error_code == VP8_ENC_ERROR_OUT_OF_MEMORY ||
        picture->error_code == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY)
        return iiif_err_memory(err, "a WebP image", (size_t)picture->width * (size_t)picture->height);
    return iiif_err_set(err, IIIF_E_INTERNAL, 3402, "The WebP image could not be written (libwebp error %d).",
                        (int)picture->error_code);
}

static iiif_rc encode(webp_enc_t *enc, iiif_err_t *err)
{
    const iiif_image_t *image = &enc->base.params.image;
    WebPConfig config;
    WebPPicture picture;
    iiif_rc rc = configure(enc, &config, err);

    if (rc != IIIF_OK)
        return rc;
    if (WebPPictureInit(&picture) == 0)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3403, "libwebp is not of the version that this was built for.");
    picture.use_argb = 1;
    picture.width = (int)image->width;
    picture.height = (int)image->height;
    picture.argb = enc->argb;
    picture.argb_stride = (int)image->width;
    picture.writer = hook_write;
    picture.custom_ptr = enc;
    picture.progress_hook = hook_progress;
    picture.user_data = enc;
    if (WebPEncode(&config, &picture) == 0 ||
        (enc->base.params.icc != NULL && !enc->head_written && !write_head(enc)))
        rc = failed(enc, &picture, err);
    WebPPictureFree(&picture); /* what libwebp added; argb is ours */
    return rc;
}

/* --- the vtable ----------------------------------------------------------------------------------------- */

static void enc_webp_close(iiif_enc_t *base)
{
    webp_enc_t *enc = (webp_enc_t *)base;

    iiif_mem_free(base->work->mem, enc->argb);
    iiif_mem_free(base->work->mem, enc);
}

static iiif_rc enc_webp_open(const iiif_enc_params_t *params, const iiif_sink_t *sink, const iiif_work_t *work,
                             iiif_enc_t **out, iiif_err_t *err)
{
    const iiif_image_t *image = &params->image;
    size_t pixels = (size_t)image->width * image->height;
    webp_enc_t *enc;

    if (image->width < 1 || image->height < 1 || image->width > WEBP_MAX_DIMENSION ||
        image->height > WEBP_MAX_DIMENSION || image->layout > IIIF_LAYOUT_RGBA || image->depth != 8 ||
        params->icc_length > UINT32_MAX / 4)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3404, "An image of this shape cannot be written as WebP.");
    enc = iiif_mem_zalloc(work->mem, 1, sizeof(*enc));
    if (enc == NULL)
        return iiif_err_memory(err, "a WebP encoder", sizeof(*enc));
    enc->base.encoder = &iiif_enc_webp;
    enc->base.work = work;
    enc->base.sink = *sink;
    enc->base.params = *params;
    enc->argb = iiif_mem_array(work->mem, pixels, sizeof(uint32_t));
    if (enc->argb == NULL) {
        enc_webp_close(&enc->base);
        return iiif_err_memory(err, "the pixels of a WebP image", pixels * sizeof(uint32_t));
    }
    *out = &enc->base;
    return IIIF_OK;
}

static iiif_rc enc_webp_rows(iiif_enc_t *base, const iiif_strip_t *strip, iiif_err_t *err)
{
    webp_enc_t *enc = (webp_enc_t *)base;
    const iiif_image_t *image = &base->params.image;

    if (strip->rows > image->height - enc->next_row)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3405, "More rows came than the WebP image has.");
    for (uint32_t i = 0; i < strip->rows; i++) {
        if (!gather(strip->data + i * strip->stride, enc->argb + (size_t)enc->next_row * image->width, image->width,
                    image->layout))
            enc->transparent = true;
        enc->next_row++;
    }
    return IIIF_OK;
}

static size_t library_bytes(const webp_enc_t *enc)
{
    size_t pixels = (size_t)enc->base.params.image.width * enc->base.params.image.height;
    size_t each = enc->base.params.bitonal ? BITONAL_BYTES_PER_PIXEL : LOSSY_BYTES_PER_PIXEL;

    return LIBRARY_BYTES + pixels * (each + (enc->transparent ? ALPHA_BYTES_PER_PIXEL : 0));
}

static iiif_rc enc_webp_finish(iiif_enc_t *base, iiif_err_t *err)
{
    webp_enc_t *enc = (webp_enc_t *)base;
    const iiif_image_t *image = &base->params.image;
    size_t reserve = library_bytes(enc);
    iiif_rc rc;

    if (enc->next_row != image->height)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3406, "The WebP image lacks %u of its rows.",
                            image->height - enc->next_row);
    if (!iiif_mem_reserve(base->work->mem, reserve))
        return iiif_err_memory(err, "encoding a WebP image", reserve);
    rc = encode(enc, err);
    iiif_mem_unreserve(base->work->mem, reserve);
    return rc;
}

const iiif_encoder_t iiif_enc_webp = {
    .format = "webp",
    .media_type = "image/webp",
    .abi = IIIF_CODEC_ABI,
    .caps = IIIF_CAP_ALPHA | IIIF_CAP_GRAY | IIIF_CAP_BITONAL | IIIF_CAP_ICC,
    .cost_per_pixel = 20.0F,
    .max_dimension = WEBP_MAX_DIMENSION,
    .buffers_whole = true,
    .bytes_per_pixel = 4.0F + LOSSY_BYTES_PER_PIXEL,
    .open = enc_webp_open,
    .rows = enc_webp_rows,
    .finish = enc_webp_finish,
    .close = enc_webp_close,
};
