/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JP2 output (ISO/IEC 15444-1). libopenjp2 encodes the codestream when all rows have come; the boxes around it are written here, so that
 * profile, opacity and resolution are said as the standard has it.
 *
 * Quality 1…99 is a peak signal-to-noise ratio of 28 + quality/5 dB (85 is 45 dB), coded by the 9/7 wavelet; 100 is lossless, by
 * the 5/3. A ratio of noise, not of bytes, so that plain pages come out small and busy pictures good. 0 is 85.
 */
#include <math.h>
#include <openjpeg.h>
#include <string.h>

#include "iiif_codec.h"
#include "jp2_peek.h"

#define QUALITY_DEFAULT 85
#define LEVELS_MAX 5
#define LEVEL_SIDE_MIN 32u       /* the smallest level stays at least so high and wide, where the image is */
#define DIMENSION_MAX 65535u
/* Measured with libopenjp2 2.5.0: its samples and a buffer for each code-block. */
#define SAMPLE_BYTES 10u
#define STREAM_BYTES ((size_t)64 * 1024)
#define BOXES_BYTES 256u         /* all boxes without the profile */

extern const iiif_encoder_t iiif_enc_jp2;

typedef struct jp2_enc {
    iiif_enc_t base;
    opj_image_t *image;
    size_t reserved;
    uint32_t rows;               /* so far */

    /* the codestream, collected: the length of its box comes before it */
    uint8_t *code;
    size_t code_length, code_capacity, position;
    iiif_rc stop;                /* why writing was refused */
    iiif_err_t stop_err;
} jp2_enc_t;

/* --- collecting the codestream -------------------------------------------------------------------------- */

static bool grow(jp2_enc_t *enc, size_t end)
{
    size_t capacity = enc->code_capacity < STREAM_BYTES ? STREAM_BYTES : enc->code_capacity;
    uint8_t *code;

    if (end <= enc->code_capacity)
        return true;
    while (capacity < end) {
        if (!iiif_mul_size(capacity, 2, &capacity))
            return false;
    }
    code = iiif_mem_realloc(enc->base.work->mem, enc->code, capacity);
    if (code == NULL) {
        enc->stop = iiif_err_memory(&enc->stop_err, "the JP2 output", capacity);
        return false;
    }
    enc->code = code;
    enc->code_capacity = capacity;
    return true;
}

static OPJ_SIZE_T stream_write(void *buffer, OPJ_SIZE_T n, void *context)
{
    jp2_enc_t *enc = context;
    size_t end;

    if (enc->stop == IIIF_OK)
        enc->stop = iiif_cancel_check(enc->base.work->cancel, &enc->stop_err);
    if (enc->stop != IIIF_OK || !iiif_add_size(enc->position, n, &end) || !grow(enc, end))
        return (OPJ_SIZE_T)-1;
    memcpy(enc->code + enc->position, buffer, n);
    enc->position = end;
    if (end > enc->code_length)
        enc->code_length = end;
    return n;
}

static OPJ_BOOL stream_seek(OPJ_OFF_T position, void *context)
{
    jp2_enc_t *enc = context;

    if (position < 0 || (size_t)position > enc->code_length)
        return OPJ_FALSE;
    enc->position = (size_t)position;
    return OPJ_TRUE;
}

static OPJ_OFF_T stream_skip(OPJ_OFF_T n, void *context)
{
    jp2_enc_t *enc = context;

    return stream_seek((OPJ_OFF_T)enc->position + n, enc) ? n : -1;
}

/* --- encoding -------------------------------------------------------------------------------------------- */

static void silent(const char *text, void *context)
{
    (void)text;
    (void)context;
}

static void set_parameters(const iiif_enc_params_t *params, opj_cparameters_t *out)
{
    uint32_t side = iiif_min_u32(params->image.width, params->image.height);
    int quality = params->quality <= 0 ? QUALITY_DEFAULT : params->quality;
    int levels = 0;

    while (levels < LEVELS_MAX && side >> (levels + 1) >= LEVEL_SIDE_MIN)
        levels++;
    opj_set_default_encoder_parameters(out);
    out->numresolution = levels + 1;
    out->prog_order = OPJ_RPCL;
    out->tcp_numlayers = 1;
    out->tcp_mct = iiif_layout_channels(params->image.layout) >= 3 ? 1 : 0;
    if (quality >= 100) {
        out->cp_disto_alloc = 1;
        out->tcp_rates[0] = 0;
    } else {
        out->irreversible = 1;
        out->cp_fixed_quality = 1;
        out->tcp_distoratio[0] = 28.0f + (float)quality / 5.0f;
    }
}

static iiif_rc encode_with(jp2_enc_t *enc, opj_codec_t *codec, opj_stream_t *stream, iiif_err_t *err)
{
    opj_cparameters_t parameters;

    (void)opj_set_info_handler(codec, silent, NULL);
    (void)opj_set_warning_handler(codec, silent, NULL);
    (void)opj_set_error_handler(codec, silent, NULL);
    opj_stream_set_write_function(stream, stream_write);
    opj_stream_set_seek_function(stream, stream_seek);
    opj_stream_set_skip_function(stream, stream_skip);
    opj_stream_set_user_data(stream, enc, NULL);
    set_parameters(&enc->base.params, &parameters);
    if (opj_setup_encoder(codec, &parameters, enc->image) && opj_start_compress(codec, enc->image, stream) &&
        opj_encode(codec, stream) && opj_end_compress(codec, stream))
        return IIIF_OK;
    if (enc->stop != IIIF_OK) {
        if (err != NULL)
            *err = enc->stop_err;
        return enc->stop;
    }
    return iiif_err_set(err, IIIF_E_INTERNAL, 3200, "The image could not be encoded as JPEG 2000.");
}

static iiif_rc encode(jp2_enc_t *enc, iiif_err_t *err)
{
    opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_create(STREAM_BYTES, OPJ_FALSE);
    iiif_rc rc;

    if (codec == NULL || stream == NULL)
        rc = iiif_err_memory(err, "the JPEG 2000 library", STREAM_BYTES);
    else
        rc = encode_with(enc, codec, stream, err);
    if (stream != NULL)
        opj_stream_destroy(stream);
    if (codec != NULL)
        opj_destroy_codec(codec);
    return rc;
}

/* --- boxes --------------------------------------------------------------------------------------------------- */

static uint8_t *put_box(uint8_t *out, uint32_t length, const char *type)
{
    iiif_put_be32(out, length);
    memcpy(out + 4, type, 4);
    return out + 8;
}

static uint8_t *put_image_header(const iiif_image_t *image, uint8_t *out)
{
    out = put_box(out, 22, "ihdr");
    iiif_put_be32(out, image->height);
    iiif_put_be32(out + 4, image->width);
    iiif_put_be16(out + 8, iiif_layout_channels(image->layout));
    out[10] = (uint8_t)(image->depth - 1);
    out[11] = 7; /* compression type: JPEG 2000 */
    out[12] = 0; /* the colour space is known */
    out[13] = 0; /* no intellectual property rights box */
    return out + 14;
}

/* The profile itself follows behind in the file: only its box is begun here. */
static uint8_t *put_colour(const iiif_enc_params_t *params, bool is_gray, uint8_t *out)
{
    bool has_icc = params->icc != NULL;

    out = put_box(out, has_icc ? 11 + (uint32_t)params->icc_length : 15, "colr");
    out[0] = has_icc ? 2 : 1;
    out[1] = 0;
    out[2] = 0;
    if (has_icc)
        return out + 3;
    iiif_put_be32(out + 3, is_gray ? 17 : 16);
    return out + 7;
}

static uint8_t *put_definitions(unsigned channels, uint8_t *out)
{
    out = put_box(out, 10 + 6 * channels, "cdef");
    iiif_put_be16(out, channels);
    out += 2;
    for (unsigned c = 0; c < channels; c++, out += 6) {
        bool is_alpha = c + 1 == channels;

        iiif_put_be16(out, c);
        iiif_put_be16(out + 2, is_alpha ? 1 : 0);
        iiif_put_be16(out + 4, is_alpha ? 0 : c + 1);
    }
    return out;
}

static uint8_t *put_resolution(double pixels_per_metre, uint8_t *out)
{
    int exponent = 0;
    unsigned value;

    while (pixels_per_metre >= 65535) {
        pixels_per_metre /= 10;
        exponent++;
    }
    while (pixels_per_metre < 6553) {
        pixels_per_metre *= 10;
        exponent--;
    }
    value = (unsigned)(pixels_per_metre + 0.5);
    out = put_box(out, 26, "res ");
    out = put_box(out, 18, "resc");
    iiif_put_be16(out, value);
    iiif_put_be16(out + 2, 1);
    iiif_put_be16(out + 4, value);
    iiif_put_be16(out + 6, 1);
    out[8] = (uint8_t)exponent;
    out[9] = (uint8_t)exponent;
    return out + 10;
}

static bool has_resolution(const iiif_enc_params_t *params)
{
    return params->pixels_per_cm > 1e-4 && params->pixels_per_cm < 1e7;
}

/* Signature, file type and header; *split is where the profile's bytes belong. */
static size_t put_head(const iiif_enc_params_t *params, uint8_t *head, size_t *split)
{
    static const uint8_t start[32] = {0, 0, 0, 12, 'j', 'P', ' ', ' ', 0x0D, 0x0A, 0x87, 0x0A, 0, 0, 0, 20,
                                      'f', 't', 'y', 'p', 'j', 'p', '2', ' ', 0, 0, 0, 0, 'j', 'p', '2', ' '};
    bool has_alpha = iiif_layout_has_alpha(params->image.layout);
    unsigned channels = iiif_layout_channels(params->image.layout);
    uint8_t *header = head + sizeof(start), *out;

    memcpy(head, start, sizeof(start));
    out = put_image_header(&params->image, header + 8);
    out = put_colour(params, channels < 3, out);
    *split = (size_t)(out - head);
    if (has_alpha)
        out = put_definitions(channels, out);
    if (has_resolution(params))
        out = put_resolution(params->pixels_per_cm * 100, out);
    (void)put_box(header, (uint32_t)((size_t)(out - header) + (params->icc != NULL ? params->icc_length : 0)), "jp2h");
    return (size_t)(out - head);
}

static iiif_rc write_file(jp2_enc_t *enc, iiif_err_t *err)
{
    const iiif_enc_params_t *params = &enc->base.params;
    const iiif_sink_t *sink = &enc->base.sink;
    uint8_t head[BOXES_BYTES], *out;
    size_t split, length = put_head(params, head, &split);
    iiif_rc rc;

    out = head + length;
    if (enc->code_length + 8 <= UINT32_MAX) {
        out = put_box(out, (uint32_t)enc->code_length + 8, "jp2c");
    } else {
        uint64_t whole = (uint64_t)enc->code_length + 16;

        out = put_box(out, 1, "jp2c");
        iiif_put_be32(out, (uint32_t)(whole >> 32));
        iiif_put_be32(out + 4, (uint32_t)whole);
        out += 8;
    }
    length = (size_t)(out - head);
    rc = sink->write(sink->context, head, split, err);
    if (rc == IIIF_OK && params->icc != NULL)
        rc = sink->write(sink->context, params->icc, params->icc_length, err);
    if (rc == IIIF_OK)
        rc = sink->write(sink->context, head + split, length - split, err);
    return rc == IIIF_OK ? sink->write(sink->context, enc->code, enc->code_length, err) : rc;
}

/* --- the encoder ------------------------------------------------------------------------------------------------ */

static void jp2_close(iiif_enc_t *base)
{
    jp2_enc_t *enc = (jp2_enc_t *)base;
    iiif_mem_t *mem = base->work->mem;

    if (enc->image != NULL)
        opj_image_destroy(enc->image);
    iiif_mem_unreserve(mem, enc->reserved);
    iiif_mem_free(mem, enc->code);
    iiif_mem_free(mem, enc);
}

static iiif_rc make_image(jp2_enc_t *enc, iiif_err_t *err)
{
    const iiif_image_t *image = &enc->base.params.image;
    unsigned channels = iiif_layout_channels(image->layout);
    opj_image_cmptparm_t comps[4];
    size_t bytes;

    if (!iiif_mul_size((size_t)image->width * image->height, (size_t)channels * SAMPLE_BYTES, &bytes) ||
        !iiif_mem_reserve(enc->base.work->mem, bytes))
        return iiif_err_memory(err, "encoding JPEG 2000", (size_t)image->width * image->height * channels);
    enc->reserved = bytes;
    memset(comps, 0, sizeof(comps));
    for (unsigned c = 0; c < channels; c++) {
        comps[c].dx = comps[c].dy = 1;
        comps[c].w = image->width;
        comps[c].h = image->height;
        comps[c].prec = image->depth;
    }
    enc->image = opj_image_create(channels, comps, channels >= 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
    if (enc->image == NULL)
        return iiif_err_memory(err, "the samples of a JP2", bytes);
    enc->image->x1 = image->width;
    enc->image->y1 = image->height;
    return IIIF_OK;
}

static iiif_rc jp2_open(const iiif_enc_params_t *params, const iiif_sink_t *sink, const iiif_work_t *work,
                        iiif_enc_t **out, iiif_err_t *err)
{
    const iiif_image_t *image = &params->image;
    jp2_enc_t *enc;
    iiif_rc rc;

    if (image->width == 0 || image->height == 0 || image->width > DIMENSION_MAX || image->height > DIMENSION_MAX ||
        image->layout > IIIF_LAYOUT_RGBA || (params->icc != NULL && params->icc_length > (64u << 20)))
        return iiif_err_set(err, IIIF_E_INTERNAL, 3201, "A JP2 of %u × %u pixels in layout %d cannot be written.",
                            image->width, image->height, (int)image->layout);
    enc = iiif_mem_zalloc(work->mem, 1, sizeof(*enc));
    if (enc == NULL)
        return iiif_err_memory(err, "a JP2 encoder", sizeof(*enc));
    enc->base.encoder = &iiif_enc_jp2;
    enc->base.work = work;
    enc->base.sink = *sink;
    enc->base.params = *params;
    rc = make_image(enc, err);
    if (rc != IIIF_OK) {
        jp2_close(&enc->base);
        return rc;
    }
    *out = &enc->base;
    return IIIF_OK;
}

/* One channel of a row into the library's integers. */
static void spread(const uint8_t *row, unsigned depth, unsigned channel, unsigned channels, uint32_t width,
                   OPJ_INT32 *out)
{
    const uint16_t *wide = (const uint16_t *)(const void *)row;

    if (depth == 8) {
        for (uint32_t x = 0; x < width; x++)
            out[x] = row[(size_t)x * channels + channel];
    } else {
        for (uint32_t x = 0; x < width; x++)
            out[x] = wide[(size_t)x * channels + channel];
    }
}

static iiif_rc jp2_rows(iiif_enc_t *base, const iiif_strip_t *strip, iiif_err_t *err)
{
    jp2_enc_t *enc = (jp2_enc_t *)base;
    const iiif_image_t *image = &base->params.image;
    unsigned channels = iiif_layout_channels(image->layout);

    if (strip->rows > image->height - enc->rows)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3202, "More rows came than the JP2 has.");
    for (uint32_t y = 0; y < strip->rows; y++) {
        for (unsigned c = 0; c < channels; c++)
            spread(strip->data + y * strip->stride, image->depth, c, channels, image->width,
                   enc->image->comps[c].data + (size_t)(enc->rows + y) * image->width);
    }
    enc->rows += strip->rows;
    return IIIF_OK;
}

static iiif_rc jp2_finish(iiif_enc_t *base, iiif_err_t *err)
{
    jp2_enc_t *enc = (jp2_enc_t *)base;
    iiif_rc rc;

    if (enc->rows != base->params.image.height)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3203, "Only %u of %u rows of the JP2 came.", enc->rows,
                            base->params.image.height);
    rc = iiif_cancel_check(base->work->cancel, err);
    if (rc == IIIF_OK)
        rc = encode(enc, err);
    return rc == IIIF_OK ? write_file(enc, err) : rc;
}

const iiif_encoder_t iiif_enc_jp2 = {
    .format = "jp2",
    .media_type = "image/jp2",
    .abi = IIIF_CODEC_ABI,
    .caps = IIIF_CAP_ALPHA | IIIF_CAP_16BIT | IIIF_CAP_GRAY | IIIF_CAP_ICC,
    .cost_per_pixel = 120.0F,
    .max_dimension = DIMENSION_MAX,
    .opt_in = true,
    .buffers_whole = true,
    .bytes_per_pixel = 4 * SAMPLE_BYTES,
    .open = jp2_open,
    .rows = jp2_rows,
    .finish = jp2_finish,
    .close = jp2_close,
};
