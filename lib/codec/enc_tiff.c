/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TIFF output: classic little-endian, strips of about 64 KiB. Deflate (Adobe's, which TIFF readers have known since
 * 1995) with the horizontal predictor; bitonal images are CCITT Group 4, as archives expect them.
 *
 * libtiff goes back to the head when all is written, so the file is collected in memory.
 */
#include "iiif_codec.h"

#include <string.h>

#include "iiif_color.h"
#include "tiff_io.h"

#define STRIP_BYTES ((size_t)64 * 1024)
#define DEFLATE_LEVEL 6
/* libtiff's handle and strip buffer, deflate's state (RFC 1951 by zlib: 268 KiB). */
#define LIBRARY_BYTES ((size_t)512 * 1024)

extern const iiif_encoder_t iiif_enc_tiff;

typedef struct tiff_enc {
    iiif_enc_t base;
    iiif_tiff_store_t store;
    bool one_bit;
    bool is_reserved;
    size_t row_bytes;        /* as written */
    uint32_t strip_rows;
    uint8_t *strip;          /* rows collected for one strip */
    uint32_t held;           /* of them */
    uint32_t next_row;
} tiff_enc_t;

/* --- tags ------------------------------------------------------------------------------------------------ */

static void set_color(TIFF *tiff, const tiff_enc_t *enc)
{
    const iiif_image_t *image = &enc->base.params.image;
    uint16_t extra[1] = {EXTRASAMPLE_UNASSALPHA};
    bool is_gray = image->layout == IIIF_LAYOUT_GRAY || image->layout == IIIF_LAYOUT_GRAYA;

    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, (int)iiif_layout_channels(image->layout));
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, enc->one_bit ? 1 : (int)image->depth);
    if (iiif_layout_has_alpha(image->layout))
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, extra);
    if (enc->one_bit) {
        TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
        TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_CCITTFAX4);
        return;
    }
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, is_gray ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    TIFFSetField(tiff, TIFFTAG_ZIPQUALITY, DEFLATE_LEVEL);
    TIFFSetField(tiff, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
}

/* TIFF has no short word for sRGB. Gray has none at all: a profile must be of the image's own kind (ICC.1 §7.2.6). */
static void set_profile(TIFF *tiff, const iiif_enc_params_t *params)
{
    const uint8_t *icc = params->icc;
    size_t length = params->icc_length;

    if (icc == NULL && (params->image.layout == IIIF_LAYOUT_RGB || params->image.layout == IIIF_LAYOUT_RGBA))
        icc = iiif_color_srgb_profile(&length);
    if (icc != NULL && length > 0 && length <= UINT32_MAX)
        TIFFSetField(tiff, TIFFTAG_ICCPROFILE, (uint32_t)length, icc);
}

static void set_tags(TIFF *tiff, const tiff_enc_t *enc)
{
    const iiif_enc_params_t *params = &enc->base.params;
    bool known = params->pixels_per_cm > 0;

    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, params->image.width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, params->image.height);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, enc->strip_rows);
    set_color(tiff, enc);
    /* Required by TIFF 6.0 baseline; without a unit they say that pixels are square. */
    TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, known ? RESUNIT_CENTIMETER : RESUNIT_NONE);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, known ? params->pixels_per_cm : 1.0);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, known ? params->pixels_per_cm : 1.0);
    set_profile(tiff, params);
}

/* --- rows -------------------------------------------------------------------------------------------------- */

static iiif_rc report(const tiff_enc_t *enc, iiif_err_t *err)
{
    if (enc->store.refused || enc->store.log.refused)
        return iiif_err_memory(err, "the TIFF file", (size_t)enc->store.length);
    return iiif_err_set(err, IIIF_E_INTERNAL, 3300, "The TIFF file could not be written (%s).",
                        enc->store.log.message[0] != '\0' ? enc->store.log.message : "no details");
}

static iiif_rc write_strip(tiff_enc_t *enc, iiif_err_t *err)
{
    uint32_t first = enc->next_row - enc->held;
    tmsize_t bytes = (tmsize_t)(enc->held * enc->row_bytes);
    TIFF *tiff = enc->store.tiff;
    iiif_rc rc;

    if (enc->held == 0)
        return IIIF_OK;
    rc = iiif_cancel_check(enc->base.work->cancel, err);
    if (rc != IIIF_OK)
        return rc;
    if (TIFFWriteEncodedStrip(tiff, first / enc->strip_rows, enc->strip, bytes) != bytes || enc->store.refused)
        return report(enc, err);
    enc->held = 0;
    return IIIF_OK;
}

/* Black is 1 (MINISWHITE). */
static void pack_row(const uint8_t *row, uint32_t width, uint8_t *out)
{
    memset(out, 0, (width + 7) / 8);
    for (uint32_t x = 0; x < width; x++)
        if (row[x] < 128)
            out[x / 8] |= (uint8_t)(0x80u >> x % 8);
}

static iiif_rc tiff_rows(iiif_enc_t *base, const iiif_strip_t *strip, iiif_err_t *err)
{
    tiff_enc_t *enc = (tiff_enc_t *)base;

    if (strip->rows > base->params.image.height - enc->next_row)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3301, "The TIFF encoder was given more rows than the image has.");
    for (uint32_t i = 0; i < strip->rows; i++) {
        uint8_t *to = enc->strip + enc->held * enc->row_bytes;
        const uint8_t *from = strip->data + i * strip->stride;

        /* libtiff's predictor works in place: the rows must be ours */
        if (enc->one_bit)
            pack_row(from, base->params.image.width, to);
        else
            memcpy(to, from, enc->row_bytes);
        enc->held++;
        enc->next_row++;
        if (enc->held == enc->strip_rows) {
            iiif_rc rc = write_strip(enc, err);

            if (rc != IIIF_OK)
                return rc;
        }
    }
    return IIIF_OK;
}

static iiif_rc tiff_finish(iiif_enc_t *base, iiif_err_t *err)
{
    tiff_enc_t *enc = (tiff_enc_t *)base;
    const uint8_t *piece;
    uint64_t offset = 0;
    size_t length;
    iiif_rc rc;

    if (enc->next_row != base->params.image.height)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3302, "The TIFF encoder got %u of %u rows.", enc->next_row,
                            base->params.image.height);
    rc = write_strip(enc, err);
    if (rc != IIIF_OK)
        return rc;
    if (!iiif_tiff_store_close(&enc->store))
        return report(enc, err);
    while ((piece = iiif_tiff_store_piece(&enc->store, offset, &length)) != NULL) {
        rc = base->sink.write(base->sink.context, piece, length, err);
        if (rc != IIIF_OK)
            return rc;
        offset += length;
    }
    return IIIF_OK;
}

/* --- opening --------------------------------------------------------------------------------------------------- */

static void tiff_close(iiif_enc_t *base)
{
    tiff_enc_t *enc = (tiff_enc_t *)base;
    iiif_mem_t *mem = base->work->mem;

    iiif_tiff_store_free(&enc->store);
    iiif_mem_free(mem, enc->strip);
    if (enc->is_reserved)
        iiif_mem_unreserve(mem, LIBRARY_BYTES);
    iiif_mem_free(mem, enc);
}

static iiif_rc start(tiff_enc_t *enc, iiif_err_t *err)
{
    const iiif_image_t *image = &enc->base.params.image;
    iiif_mem_t *mem = enc->base.work->mem;
    iiif_rc rc;

    enc->one_bit = enc->base.params.bitonal && image->layout == IIIF_LAYOUT_GRAY && image->depth == 8;
    enc->row_bytes = enc->one_bit ? ((size_t)image->width + 7) / 8 : image->width * iiif_image_pixel_bytes(image);
    enc->strip_rows = (uint32_t)iiif_min_u64(STRIP_BYTES / enc->row_bytes + 1, image->height);
    enc->is_reserved = iiif_mem_reserve(mem, LIBRARY_BYTES);
    if (!enc->is_reserved)
        return iiif_err_memory(err, "the TIFF encoder", LIBRARY_BYTES);
    enc->strip = iiif_mem_array(mem, enc->strip_rows, enc->row_bytes);
    if (enc->strip == NULL)
        return iiif_err_memory(err, "a strip of the TIFF file", enc->strip_rows * enc->row_bytes);
    rc = iiif_tiff_store_open(&enc->store, mem, err);
    if (rc != IIIF_OK)
        return rc;
    set_tags(enc->store.tiff, enc);
    return enc->store.log.failed || enc->store.refused ? report(enc, err) : IIIF_OK;
}

static iiif_rc tiff_open(const iiif_enc_params_t *params, const iiif_sink_t *sink, const iiif_work_t *work,
                         iiif_enc_t **out, iiif_err_t *err)
{
    const iiif_image_t *image = &params->image;
    tiff_enc_t *enc;
    iiif_rc rc;

    if (image->layout > IIIF_LAYOUT_RGBA || image->layout < IIIF_LAYOUT_GRAY ||
        (image->depth != 8 && image->depth != 16) || image->width < 1 || image->height < 1 ||
        image->width > iiif_enc_tiff.max_dimension || image->height > iiif_enc_tiff.max_dimension)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3303, "The TIFF encoder was given an image that it cannot hold.");
    enc = iiif_mem_zalloc(work->mem, 1, sizeof(*enc));
    if (enc == NULL)
        return iiif_err_memory(err, "the TIFF encoder", sizeof(*enc));
    enc->base.encoder = &iiif_enc_tiff;
    enc->base.work = work;
    enc->base.sink = *sink;
    enc->base.params = *params;
    rc = start(enc, err);
    if (rc != IIIF_OK) {
        tiff_close(&enc->base);
        return rc;
    }
    *out = &enc->base;
    return IIIF_OK;
}

const iiif_encoder_t iiif_enc_tiff = {
    .format = "tif",
    .media_type = "image/tiff",
    .abi = IIIF_CODEC_ABI,
    .caps = IIIF_CAP_ALPHA | IIIF_CAP_16BIT | IIIF_CAP_GRAY | IIIF_CAP_BITONAL | IIIF_CAP_ICC,
    .cost_per_pixel = 25.0F,
    .max_dimension = 1000000,
    .opt_in = false,
    .buffers_whole = true,
    .bytes_per_pixel = 4.0f, /* noise in 32 bits does not shrink */
    .open = tiff_open,
    .rows = tiff_rows,
    .finish = tiff_finish,
    .close = tiff_close,
};
