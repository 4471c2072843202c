/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PDF output (ISO 32000-1): one page of the image's size. Gray and RGB are a JPEG inside (DCTDecode), bitonal images one
 * bit a pixel (FlateDecode). Written as a stream: the length of the image is an object of its own behind it
 * (§7.3.8.2), so nothing is collected.
 *
 * Version 1.7, as that is the first whose ICCBased spaces may hold profiles of today's version 4 (§8.6.5.5).
 */
#include "iiif_codec.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "iiif_color.h"

#define PAGE_UNITS_MAX 14400.0 /* ISO 32000-1 annex C: larger pages need UserUnit */
#define PAGE_UNITS_MIN 3.0
#define BLOCK_BYTES ((size_t)16 * 1024)
#define TEXT_BYTES 320u

enum { CATALOG = 1, PAGES, PAGE, CONTENTS, IMAGE, LENGTH, PROFILE, OBJECTS };

_Static_assert(PROFILE == 7, "color_space() names it");

extern const iiif_encoder_t iiif_enc_pdf;

typedef struct pdf_enc {
    iiif_enc_t base;
    uint64_t written;
    uint64_t offsets[OBJECTS];
    uint64_t image_start;
    bool has_head;
    const uint8_t *icc;         /* of the image's own kind, or NULL */
    size_t icc_length;
    iiif_enc_t *jpeg;           /* gray and RGB */
    z_stream deflate;           /* one bit */
    bool one_bit, deflating;
    uint8_t *row;               /* one bit a pixel */
    uint8_t *block;             /* compressed */
    uint32_t next_row;
} pdf_enc_t;

/* --- text -------------------------------------------------------------------------------------------------- */

static iiif_rc put(pdf_enc_t *enc, const void *data, size_t length, iiif_err_t *err)
{
    iiif_rc rc = enc->base.sink.write(enc->base.sink.context, data, length, err);

    if (rc == IIIF_OK)
        enc->written += length;
    return rc;
}

static iiif_rc put_text(pdf_enc_t *enc, const char *text, iiif_err_t *err)
{
    return put(enc, text, strlen(text), err);
}

/* Four decimals, whatever the locale says of the decimal point. */
static const char *decimal(double value, char out[24])
{
    uint64_t scaled = (uint64_t)(value * 10000 + 0.5);

    (void)snprintf(out, 24, "%llu.%04llu", (unsigned long long)(scaled / 10000),
                   (unsigned long long)(scaled % 10000));
    return out;
}

static iiif_rc begin_object(pdf_enc_t *enc, unsigned id, iiif_err_t *err)
{
    char text[32];

    enc->offsets[id] = enc->written;
    (void)snprintf(text, sizeof(text), "%u 0 obj\n", id);
    return put_text(enc, text, err);
}

static iiif_rc put_object(pdf_enc_t *enc, unsigned id, const char *body, iiif_err_t *err)
{
    iiif_rc rc = begin_object(enc, id, err);

    if (rc == IIIF_OK)
        rc = put_text(enc, body, err);
    return rc == IIIF_OK ? put_text(enc, "\nendobj\n", err) : rc;
}

/* --- the objects before the image ---------------------------------------------------------------------------- */

typedef struct page {
    double width, height;    /* in user units */
    double user_unit;        /* of 1/72 inch */
} page_t;

static page_t page_of(const iiif_enc_params_t *params)
{
    double points = params->pixels_per_cm > 0 ? 72.0 / (params->pixels_per_cm * 2.54) : 1.0;
    double longer = (double)iiif_max_u32(params->image.width, params->image.height) * points;
    page_t page = {.user_unit = 1};

    if (!(longer >= 1e-3 && longer <= 1e9))
        points = 1.0; /* a resolution that no paper has */
    page.width = params->image.width * points;
    page.height = params->image.height * points;
    longer = page.width > page.height ? page.width : page.height;
    if (longer > PAGE_UNITS_MAX)
        page.user_unit = longer / PAGE_UNITS_MAX;
    page.width /= page.user_unit;
    page.height /= page.user_unit;
    if (page.width < PAGE_UNITS_MIN)
        page.width = PAGE_UNITS_MIN;
    if (page.height < PAGE_UNITS_MIN)
        page.height = PAGE_UNITS_MIN;
    return page;
}

static iiif_rc put_page(pdf_enc_t *enc, iiif_err_t *err)
{
    page_t page = page_of(&enc->base.params);
    char text[TEXT_BYTES], w[24], h[24], u[24];

    (void)snprintf(text, sizeof(text),
                   "<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %s %s] /UserUnit %s /Contents %d 0 R "
                   "/Resources << /XObject << /Im0 %d 0 R >> >> >>",
                   PAGES, decimal(page.width, w), decimal(page.height, h), decimal(page.user_unit, u), CONTENTS,
                   IMAGE);
    return put_object(enc, PAGE, text, err);
}

static iiif_rc put_contents(pdf_enc_t *enc, iiif_err_t *err)
{
    page_t page = page_of(&enc->base.params);
    char draw[TEXT_BYTES / 2], text[TEXT_BYTES], w[24], h[24];
    int length = snprintf(draw, sizeof(draw), "q %s 0 0 %s 0 0 cm /Im0 Do Q", decimal(page.width, w),
                          decimal(page.height, h));

    (void)snprintf(text, sizeof(text), "<< /Length %d >>\nstream\n%s\nendstream", length, draw);
    return put_object(enc, CONTENTS, text, err);
}

static iiif_rc put_profile(pdf_enc_t *enc, iiif_err_t *err)
{
    bool is_gray = enc->base.params.image.layout == IIIF_LAYOUT_GRAY;
    char text[TEXT_BYTES];
    iiif_rc rc;

    if (enc->icc == NULL)
        return put_object(enc, PROFILE, "null", err);
    (void)snprintf(text, sizeof(text), "<< /N %d /Alternate /%s /Length %zu >>\nstream\n", is_gray ? 1 : 3,
                   is_gray ? "DeviceGray" : "DeviceRGB", enc->icc_length);
    rc = begin_object(enc, PROFILE, err);
    if (rc == IIIF_OK)
        rc = put_text(enc, text, err);
    if (rc == IIIF_OK)
        rc = put(enc, enc->icc, enc->icc_length, err);
    return rc == IIIF_OK ? put_text(enc, "\nendstream\nendobj\n", err) : rc;
}

/* Gray has no profile of ours: sRGB's white and nearly its curve say the same (§8.6.5.2). */
static const char *color_space(const pdf_enc_t *enc)
{
    if (enc->one_bit)
        return "/DeviceGray";
    if (enc->icc != NULL)
        return "[/ICCBased 7 0 R]";
    return "[/CalGray << /WhitePoint [0.9505 1 1.089] /Gamma 2.2 >>]";
}

static iiif_rc put_image_head(pdf_enc_t *enc, iiif_err_t *err)
{
    const iiif_image_t *image = &enc->base.params.image;
    char text[TEXT_BYTES];
    iiif_rc rc = begin_object(enc, IMAGE, err);

    (void)snprintf(text, sizeof(text),
                   "<< /Type /XObject /Subtype /Image /Width %u /Height %u /BitsPerComponent %d /ColorSpace %s "
                   "/Filter /%s /Length %d 0 R >>\nstream\n",
                   image->width, image->height, enc->one_bit ? 1 : 8, color_space(enc),
                   enc->one_bit ? "FlateDecode" : "DCTDecode", LENGTH);
    if (rc == IIIF_OK)
        rc = put_text(enc, text, err);
    enc->image_start = enc->written;
    return rc;
}

static iiif_rc put_head(pdf_enc_t *enc, iiif_err_t *err)
{
    char text[TEXT_BYTES];
    iiif_rc rc;

    enc->has_head = true;
    /* Bytes above 127 tell transfer programs that this is no text (§7.5.2). */
    rc = put_text(enc, "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n", err);
    (void)snprintf(text, sizeof(text), "<< /Type /Catalog /Pages %d 0 R >>", PAGES);
    if (rc == IIIF_OK)
        rc = put_object(enc, CATALOG, text, err);
    (void)snprintf(text, sizeof(text), "<< /Type /Pages /Kids [%d 0 R] /Count 1 >>", PAGE);
    if (rc == IIIF_OK)
        rc = put_object(enc, PAGES, text, err);
    if (rc == IIIF_OK)
        rc = put_page(enc, err);
    if (rc == IIIF_OK)
        rc = put_contents(enc, err);
    if (rc == IIIF_OK)
        rc = put_profile(enc, err);
    return rc == IIIF_OK ? put_image_head(enc, err) : rc;
}

/* The sink of the JPEG encoder, and of ours. What is around the image comes with its first byte. */
static iiif_rc put_image(void *context, const uint8_t *data, size_t length, iiif_err_t *err)
{
    pdf_enc_t *enc = context;
    iiif_rc rc = enc->has_head ? IIIF_OK : put_head(enc, err);

    return rc == IIIF_OK ? put(enc, data, length, err) : rc;
}

/* --- what follows it ------------------------------------------------------------------------------------------- */

static iiif_rc put_tail(pdf_enc_t *enc, iiif_err_t *err)
{
    uint64_t length = enc->written - enc->image_start, xref;
    char text[TEXT_BYTES];
    iiif_rc rc = put_text(enc, "\nendstream\nendobj\n", err);

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)length);
    if (rc == IIIF_OK)
        rc = put_object(enc, LENGTH, text, err);
    xref = enc->written;
    (void)snprintf(text, sizeof(text), "xref\n0 %d\n0000000000 65535 f \n", OBJECTS);
    if (rc == IIIF_OK)
        rc = put_text(enc, text, err);
    for (unsigned id = 1; rc == IIIF_OK && id < OBJECTS; id++) {
        (void)snprintf(text, sizeof(text), "%010llu 00000 n \n", (unsigned long long)enc->offsets[id]);
        rc = put_text(enc, text, err);
    }
    (void)snprintf(text, sizeof(text), "trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%llu\n%%%%EOF\n", OBJECTS,
                   CATALOG, (unsigned long long)xref);
    return rc == IIIF_OK ? put_text(enc, text, err) : rc;
}

/* --- one bit a pixel --------------------------------------------------------------------------------------------- */

static void *zlib_alloc(void *context, unsigned count, unsigned size)
{
    return iiif_mem_array(context, count, size);
}

static void zlib_free(void *context, void *block)
{
    iiif_mem_free(context, block);
}

static iiif_rc start_deflate(pdf_enc_t *enc, iiif_err_t *err)
{
    iiif_mem_t *mem = enc->base.work->mem;
    size_t row_bytes = ((size_t)enc->base.params.image.width + 7) / 8;

    enc->row = iiif_mem_array(mem, row_bytes, 1);
    enc->block = iiif_mem_array(mem, BLOCK_BYTES, 1);
    enc->deflate.zalloc = zlib_alloc;
    enc->deflate.zfree = zlib_free;
    enc->deflate.opaque = mem;
    if (enc->row != NULL && enc->block != NULL)
        enc->deflating = deflateInit(&enc->deflate, 6) == Z_OK;
    if (!enc->deflating)
        return iiif_err_memory(err, "the PDF encoder", row_bytes + BLOCK_BYTES);
    return IIIF_OK;
}

static iiif_rc deflate_bytes(pdf_enc_t *enc, const uint8_t *data, size_t length, int flush, iiif_err_t *err)
{
    z_stream *z = &enc->deflate;
    int result;

    z->next_in = (z_const Bytef *)(uintptr_t)data;
    z->avail_in = (uInt)length;
    do {
        size_t made;
        iiif_rc rc;

        z->next_out = enc->block;
        z->avail_out = (uInt)BLOCK_BYTES;
        result = deflate(z, flush);
        if (result == Z_STREAM_ERROR)
            return iiif_err_set(err, IIIF_E_INTERNAL, 3350, "The PDF's image could not be compressed.");
        made = BLOCK_BYTES - z->avail_out;
        rc = made > 0 ? put_image(enc, enc->block, made, err) : IIIF_OK;
        if (rc != IIIF_OK)
            return rc;
    } while (z->avail_out == 0 || (flush == Z_FINISH && result != Z_STREAM_END));
    return IIIF_OK;
}

/* White is 1, as DeviceGray has it. */
static iiif_rc rows_of_bits(pdf_enc_t *enc, const iiif_strip_t *strip, iiif_err_t *err)
{
    uint32_t width = enc->base.params.image.width;
    size_t bytes = ((size_t)width + 7) / 8;

    for (uint32_t y = 0; y < strip->rows; y++) {
        const uint8_t *from = strip->data + y * strip->stride;
        iiif_rc rc;

        memset(enc->row, 0, bytes);
        for (uint32_t x = 0; x < width; x++)
            if (from[x] >= 128)
                enc->row[x / 8] |= (uint8_t)(0x80u >> x % 8);
        rc = deflate_bytes(enc, enc->row, bytes, Z_NO_FLUSH, err);
        if (rc != IIIF_OK)
            return rc;
    }
    return IIIF_OK;
}

/* --- the encoder --------------------------------------------------------------------------------------------------- */

static iiif_rc pdf_rows(iiif_enc_t *base, const iiif_strip_t *strip, iiif_err_t *err)
{
    pdf_enc_t *enc = (pdf_enc_t *)base;

    if (strip->rows > base->params.image.height - enc->next_row)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3351, "The PDF encoder was given more rows than the image has.");
    enc->next_row += strip->rows;
    if (enc->one_bit)
        return rows_of_bits(enc, strip, err);
    return enc->jpeg->encoder->rows(enc->jpeg, strip, err);
}

static iiif_rc pdf_finish(iiif_enc_t *base, iiif_err_t *err)
{
    pdf_enc_t *enc = (pdf_enc_t *)base;
    iiif_rc rc;

    if (enc->next_row != base->params.image.height)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3352, "The PDF encoder got %u of %u rows.", enc->next_row,
                            base->params.image.height);
    if (enc->one_bit)
        rc = deflate_bytes(enc, NULL, 0, Z_FINISH, err);
    else
        rc = enc->jpeg->encoder->finish(enc->jpeg, err);
    return rc == IIIF_OK ? put_tail(enc, err) : rc;
}

static void pdf_close(iiif_enc_t *base)
{
    pdf_enc_t *enc = (pdf_enc_t *)base;
    iiif_mem_t *mem = base->work->mem;

    if (enc->jpeg != NULL)
        enc->jpeg->encoder->close(enc->jpeg);
    if (enc->deflating)
        (void)deflateEnd(&enc->deflate);
    iiif_mem_free(mem, enc->row);
    iiif_mem_free(mem, enc->block);
    iiif_mem_free(mem, enc);
}

/* A profile for other channels than the image's would make the file invalid. */
static void choose_profile(pdf_enc_t *enc)
{
    const iiif_enc_params_t *params = &enc->base.params;
    bool is_gray = params->image.layout == IIIF_LAYOUT_GRAY;

    if (params->icc != NULL && params->icc_length >= 128 &&
        memcmp(params->icc + 16, is_gray ? "GRAY" : "RGB ", 4) == 0) {
        enc->icc = params->icc;
        enc->icc_length = params->icc_length;
    } else if (!is_gray) {
        enc->icc = iiif_color_srgb_profile(&enc->icc_length);
    }
}

static iiif_rc start_jpeg(pdf_enc_t *enc, iiif_err_t *err)
{
    const iiif_encoder_t *encoder = iiif_encoder_find("jpg");
    iiif_enc_params_t params = enc->base.params;
    iiif_sink_t sink = {.write = put_image, .context = enc};

    if (encoder == NULL)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 3353, "This server cannot make PDF without its JPEG encoder.");
    /* The profile is the PDF's. */
    params.icc = NULL;
    params.icc_length = 0;
    params.bitonal = false;
    return encoder->open(&params, &sink, enc->base.work, &enc->jpeg, err);
}

static iiif_rc pdf_open(const iiif_enc_params_t *params, const iiif_sink_t *sink, const iiif_work_t *work,
                        iiif_enc_t **out, iiif_err_t *err)
{
    const iiif_image_t *image = &params->image;
    pdf_enc_t *enc;
    iiif_rc rc;

    if ((image->layout != IIIF_LAYOUT_GRAY && image->layout != IIIF_LAYOUT_RGB) || image->depth != 8 ||
        image->width < 1 || image->height < 1 || image->width > iiif_enc_pdf.max_dimension ||
        image->height > iiif_enc_pdf.max_dimension)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3354, "The PDF encoder was given an image that it cannot hold.");
    enc = iiif_mem_zalloc(work->mem, 1, sizeof(*enc));
    if (enc == NULL)
        return iiif_err_memory(err, "the PDF encoder", sizeof(*enc));
    enc->base.encoder = &iiif_enc_pdf;
    enc->base.work = work;
    enc->base.sink = *sink;
    enc->base.params = *params;
    enc->one_bit = params->bitonal && image->layout == IIIF_LAYOUT_GRAY;
    choose_profile(enc);
    rc = enc->one_bit ? start_deflate(enc, err) : start_jpeg(enc, err);
    if (rc != IIIF_OK) {
        pdf_close(&enc->base);
        return rc;
    }
    *out = &enc->base;
    return IIIF_OK;
}

const iiif_encoder_t iiif_enc_pdf = {
    .format = "pdf",
    .media_type = "application/pdf",
    .abi = IIIF_CODEC_ABI,
    .caps = IIIF_CAP_GRAY | IIIF_CAP_BITONAL | IIIF_CAP_ICC,
    .cost_per_pixel = 3.0F,
    .max_dimension = 65500, /* of the JPEG inside */
    .opt_in = true,
    .buffers_whole = false,
    .bytes_per_pixel = 0,
    .open = pdf_open,
    .rows = pdf_rows,
    .finish = pdf_finish,
    .close = pdf_close,
};
