/* SPDX-License-Identifier: Apache-2.0 */
/**
 * JPEG output through libjpeg(-turbo): baseline for tiles, progressive for what a person looks at as a whole.
 *
 * Pixels are sRGB unless a profile is embedded. Browsers take an untagged JPEG as sRGB (CSS Color 4 §4.1.1); other
 * programs look for EXIF's ColorSpace (CIPA DC-008 §4.6.5 F), so that tag is written: 66 bytes.
 */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "iiif_codec.h"

#define BLOCK_BYTES ((size_t)32768)
#define OPTIMISE_MAX ((uint64_t)4 << 20)  /* pixels; above, fitting Huffman tables costs more memory than it saves bytes */
#define LIBRARY_BYTES ((size_t)192 * 1024)
#define LIBRARY_ROWS 32u    /* rows of all components that libjpeg keeps while it subsamples, from above */
#define ROWS_AT_ONCE 16u
#define ICC_LABEL "ICC_PROFILE"   /* its NUL counts */
#define ICC_HEADER 14u
#define ICC_PIECE (65533u - ICC_HEADER)
#define ICC_PIECES_MAX 255u

extern const iiif_encoder_t iiif_enc_jpeg;

typedef struct jpeg_enc {
    iiif_enc_t base;
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    iiif_err_t failure;     /* what a callback found before it jumped */
    uint8_t *block;
    size_t reserved;        /* counted for what libjpeg allocates */
    bool progressive, optimise;
} jpeg_enc_t;

/* --- errors ---------------------------------------------------------------------------------------- */

static void give_up(jpeg_enc_t *enc) __attribute__((noreturn));
static void give_up(jpeg_enc_t *enc)
{
    longjmp(enc->jump, 1);
}

static void on_error(j_common_ptr cinfo)
{
    jpeg_enc_t *enc = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];

    if (cinfo->err->msg_code == JERR_OUT_OF_MEMORY || cinfo->err->msg_code == JERR_NO_BACKING_STORE) {
        (void)iiif_err_set(&enc->failure, IIIF_E_NO_MEMORY, 3101,
                           "There is not enough memory to write a JPEG of this size; ask for a smaller one.");
        give_up(enc);
    }
    cinfo->err->format_message(cinfo, text);
    (void)iiif_err_set(&enc->failure, IIIF_E_INTERNAL, 3102, "The JPEG could not be written: %s", text);
    give_up(enc);
}

static void on_message(j_common_ptr cinfo, int level)
{
    (void)cinfo;
    (void)level;
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void on_progress(j_common_ptr cinfo)
{
    jpeg_enc_t *enc = cinfo->client_data;

    if (iiif_cancel_check(enc->base.work->cancel, &enc->failure) != IIIF_OK)
        give_up(enc);
}

static iiif_rc failed(const jpeg_enc_t *enc, iiif_err_t *err)
{
    if (err != NULL)
        *err = enc->failure;
    return enc->failure.kind;
}

/* --- destination: the sink, in blocks ------------------------------------------------------------------ */

static void send(jpeg_enc_t *enc, size_t n)
{
    iiif_rc rc = IIIF_OK;

    if (n > 0)
        rc = enc->base.sink.write(enc->base.sink.context, enc->block, n, &enc->failure);
    if (rc != IIIF_OK) {
        enc->failure.kind = rc;
        give_up(enc);
    }
    enc->destination.next_output_byte = enc->block;
    enc->destination.free_in_buffer = BLOCK_BYTES;
}

static void on_start(j_compress_ptr cinfo)
{
    send(cinfo->client_data, 0);
}

static boolean on_full(j_compress_ptr cinfo)
{
    send(cinfo->client_data, BLOCK_BYTES); /* all of it, whatever free_in_buffer says */
    return TRUE;
}

static void on_end(j_compress_ptr cinfo)
{
    jpeg_enc_t *enc = cinfo->client_data;

    send(enc, BLOCK_BYTES - enc->destination.free_in_buffer);
}

static void connect(jpeg_enc_t *enc)
{
    enc->cinfo.err = jpeg_std_error(&enc->errors);
    enc->cinfo.client_data = enc;
    enc->errors.error_exit = on_error;
    enc->errors.emit_message = on_message;
    enc->errors.output_message = on_output;
    enc->destination.init_destination = on_start;
    enc->destination.empty_output_buffer = on_full;
    enc->destination.term_destination = on_end;
    enc->progress.progress_monitor = on_progress;
}

/* --- metadata ------------------------------------------------------------------------------------------ */

/* An EXIF block that says ColorSpace = 1 (sRGB) and the version that this must come with. */
static void write_srgb(j_compress_ptr cinfo)
{
    static const uint8_t block[] = {
        'E', 'x', 'i', 'f', 0, 0,
        'M', 'M', 0, 42, 0, 0, 0, 8,                                 /* TIFF header: directory at 8 */
        0, 1, 0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0, /* the EXIF directory lies at 26 */
        0, 2, 0x90, 0x00, 0, 7, 0, 0, 0, 4, '0', '2', '3', '1',      /* ExifVersion */
        0xA0, 0x01, 0, 3, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0,        /* ColorSpace; no further directory */
    };

    jpeg_write_marker(cinfo, JPEG_APP0 + 1, block, sizeof(block));
}

/* ICC.1:2022 §B.4: pieces of at most 65519 bytes, numbered from 1. */
static void write_profile(jpeg_enc_t *enc)
{
    const iiif_enc_params_t *params = &enc->base.params;
    size_t count = (params->icc_length + ICC_PIECE - 1) / ICC_PIECE;

    if (count > ICC_PIECES_MAX)
        return; /* does not fit the format */
    for (size_t i = 0; i < count; i++) {
        const uint8_t *piece = params->icc + i * ICC_PIECE;
        size_t length = i + 1 < count ? ICC_PIECE : params->icc_length - i * ICC_PIECE;

        jpeg_write_m_header(&enc->cinfo, JPEG_APP0 + 2, (unsigned)(length + ICC_HEADER));
        for (size_t k = 0; k < sizeof(ICC_LABEL); k++)
            jpeg_write_m_byte(&enc->cinfo, ICC_LABEL[k]);
        jpeg_write_m_byte(&enc->cinfo, (int)(i + 1));
        jpeg_write_m_byte(&enc->cinfo, (int)count);
        for (size_t k = 0; k < length; k++)
            jpeg_write_m_byte(&enc->cinfo, piece[k]);
    }
}

/* In inches, where the usual resolutions are whole numbers. */
static void set_density(j_compress_ptr cinfo, double pixels_per_cm)
{
    double dots = floor(pixels_per_cm * 2.54 + 0.5);

    if (!(dots >= 1 && dots <= 65535))
        return;
    cinfo->density_unit = 1;
    cinfo->X_density = cinfo->Y_density = (UINT16)dots;
}

/* --- memory -------------------------------------------------------------------------------------------- */

/* What libjpeg allocates: rows, and all coefficients (2 bytes each) where it goes over them twice. From above. */
static uint64_t library_bytes(const iiif_enc_params_t *params, bool whole)
{
    uint64_t channels = iiif_layout_channels(params->image.layout);
    uint64_t width = ((uint64_t)params->image.width + 15) & ~(uint64_t)15;
    uint64_t height = ((uint64_t)params->image.height + 15) & ~(uint64_t)15;
    uint64_t bytes = LIBRARY_BYTES + width * channels * LIBRARY_ROWS;

    if (whole && channels == 3 && params->subsample)
        bytes += width * height * 3; /* 1 + 1/4 + 1/4 samples a pixel */
    else if (whole)
        bytes += width * height * channels * sizeof(JCOEF);
    return bytes;
}

/* Coefficients may take a quarter of the budget: what is left must do for decoding the rest of the master. */
static bool reserve_coefficients(iiif_mem_t *mem, uint64_t bytes)
{
    if (bytes > SIZE_MAX || (mem->limit != 0 && bytes > mem->limit / 4))
        return false;
    return iiif_mem_reserve(mem, (size_t)bytes);
}

/*
 * Progressive where asked for, else fitted tables where the image is small; where the budget has no room for the
 * coefficients, plain baseline, which is the same picture in more bytes.
 */
static iiif_rc choose_process(jpeg_enc_t *enc, iiif_err_t *err)
{
    const iiif_enc_params_t *params = &enc->base.params;
    iiif_mem_t *mem = enc->base.work->mem;
    uint64_t pixels = (uint64_t)params->image.width * params->image.height;
    uint64_t whole = library_bytes(params, true), rows = library_bytes(params, false);

    enc->progressive = params->progressive_above != 0 && pixels >= params->progressive_above;
    enc->optimise = enc->progressive || pixels <= OPTIMISE_MAX;
    if (enc->optimise && reserve_coefficients(mem, whole)) {
        enc->reserved = (size_t)whole;
        return IIIF_OK;
    }
    enc->progressive = enc->optimise = false;
    if (!iiif_mem_reserve(mem, (size_t)rows))
        return iiif_err_memory(err, "the JPEG encoder", (size_t)rows);
    enc->reserved = (size_t)rows;
    return IIIF_OK;
}

/* --- the vtable ------------------------------------------------------------------------------------------ */

static void configure(jpeg_enc_t *enc)
{
    struct jpeg_compress_struct *cinfo = &enc->cinfo;
    const iiif_enc_params_t *params = &enc->base.params;
    bool gray = params->image.layout == IIIF_LAYOUT_GRAY;

    cinfo->image_width = params->image.width;
    cinfo->image_height = params->image.height;
    cinfo->input_components = gray ? 1 : 3;
    cinfo->in_color_space = gray ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(cinfo);
    jpeg_set_quality(cinfo, params->quality, TRUE);
    if (!gray && !params->subsample)
        cinfo->comp_info[0].h_samp_factor = cinfo->comp_info[0].v_samp_factor = 1;
    if (enc->progressive)
        jpeg_simple_progression(cinfo);
    cinfo->optimize_coding = enc->optimise ? TRUE : FALSE;
    cinfo->dct_method = JDCT_ISLOW;
    set_density(cinfo, params->pixels_per_cm);
    cinfo->mem->max_memory_to_use = (long)iiif_min_u64(enc->reserved + enc->reserved / 8, LONG_MAX);
}

static iiif_rc start(jpeg_enc_t *enc, iiif_err_t *err)
{
    connect(enc);
    if (setjmp(enc->jump) != 0)
        return failed(enc, err);
    jpeg_create_compress(&enc->cinfo);
    enc->cinfo.dest = &enc->destination;
    enc->cinfo.progress = &enc->progress;
    configure(enc);
    jpeg_start_compress(&enc->cinfo, TRUE);
    if (enc->base.params.icc != NULL && enc->base.params.icc_length > 0)
        write_profile(enc);
    else
        write_srgb(&enc->cinfo);
    return IIIF_OK;
}

static void jpeg_enc_close(iiif_enc_t *base)
{
    jpeg_enc_t *enc = (jpeg_enc_t *)base;
    iiif_mem_t *mem = base->work->mem;

    jpeg_destroy_compress(&enc->cinfo);
    iiif_mem_unreserve(mem, enc->reserved);
    iiif_mem_free(mem, enc->block);
    iiif_mem_free(mem, enc);
}

static iiif_rc jpeg_enc_open(const iiif_enc_params_t *params, const iiif_sink_t *sink, const iiif_work_t *work,
                             iiif_enc_t **out, iiif_err_t *err)
{
    jpeg_enc_t *enc;
    iiif_rc rc;

    if ((params->image.layout != IIIF_LAYOUT_GRAY && params->image.layout != IIIF_LAYOUT_RGB) ||
        params->image.depth != 8 || params->image.width == 0 || params->image.height == 0 ||
        params->image.width > JPEG_MAX_DIMENSION || params->image.height > JPEG_MAX_DIMENSION)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3103, "A JPEG cannot hold this kind of image.");
    enc = iiif_mem_zalloc(work->mem, 1, sizeof(*enc));
    if (enc == NULL)
        return iiif_err_memory(err, "a JPEG encoder", sizeof(*enc));
    enc->base.encoder = &iiif_enc_jpeg;
    enc->base.work = work;
    enc->base.sink = *sink;
    enc->base.params = *params;
    enc->block = iiif_mem_alloc(work->mem, BLOCK_BYTES);
    rc = enc->block != NULL ? choose_process(enc, err) : iiif_err_memory(err, "a block of output", BLOCK_BYTES);
    if (rc == IIIF_OK)
        rc = start(enc, err);
    if (rc != IIIF_OK) {
        jpeg_enc_close(&enc->base);
        return rc;
    }
    *out = &enc->base;
    return IIIF_OK;
}

static iiif_rc jpeg_enc_rows(iiif_enc_t *base, const iiif_strip_t *strip, iiif_err_t *err)
{
    jpeg_enc_t *enc = (jpeg_enc_t *)base;

    if (setjmp(enc->jump) != 0)
        return failed(enc, err);
    for (uint32_t done = 0; done < strip->rows;) {
        JSAMPROW rows[ROWS_AT_ONCE];
        uint32_t count = iiif_min_u32(strip->rows - done, ROWS_AT_ONCE);

        for (uint32_t i = 0; i < count; i++)
            rows[i] = strip->data + (size_t)(done + i) * strip->stride;
        (void)jpeg_write_scanlines(&enc->cinfo, rows, count);
        done += count;
    }
    return IIIF_OK;
}

static iiif_rc jpeg_enc_finish(iiif_enc_t *base, iiif_err_t *err)
{
    jpeg_enc_t *enc = (jpeg_enc_t *)base;

    if (setjmp(enc->jump) != 0)
        return failed(enc, err);
    jpeg_finish_compress(&enc->cinfo);
    return IIIF_OK;
}

const iiif_encoder_t iiif_enc_jpeg = {
    .format = "jpg",
    .media_type = "image/jpeg",
    .abi = IIIF_CODEC_ABI,
    .caps = IIIF_CAP_GRAY | IIIF_CAP_ICC,
    .cost_per_pixel = 3.0F,
    .max_dimension = JPEG_MAX_DIMENSION,
    .open = jpeg_enc_open,
    .rows = jpeg_enc_rows,
    .finish = jpeg_enc_finish,
    .close = jpeg_enc_close,
};
