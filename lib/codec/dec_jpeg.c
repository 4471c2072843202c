/* SPDX-License-Identifier: Apache-2.0 */
/**
 * JPEG through libjpeg(-turbo): reduced sizes by DCT scaling, windows by skipping rows and cropping columns.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "dec_jpeg_head.h"
#include "iiif_codec.h"

#define BLOCK_BYTES ((size_t)65536)
#define LEVELS 4u            /* 1/1, 1/2, 1/4, 1/8: those that every libjpeg scales fast and to exact ceilings */
#define SCANS_MAX 500        /* usual files have about ten; each scan costs a pass over all coefficients */
#define LIBRARY_BYTES ((size_t)192 * 1024) /* tables of libjpeg, measured with a margin */
#define LIBRARY_ROWS 13u     /* rows that it keeps for each component and vertical sampling step: 8, context, output */

extern const iiif_decoder_t iiif_dec_jpeg;

typedef struct jpeg_dec {
    iiif_dec_t base;
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    iiif_err_t failure;       /* what a callback found before it jumped */
    iiif_jpeg_head_t head;
    uint8_t *block;           /* of the file */
    uint64_t offset;          /* in the file, of the next block */
    bool started;             /* the header is done, so the end of the file may be the end of the data */
    bool at_end;              /* the file ended without EOI, and one was supplied */
    bool fresh;               /* the header is read and no decoding has begun */
    size_t reserved;          /* counted for what libjpeg allocates */
    uint8_t *profile;
    uint8_t *row;             /* one decoded row, wider than the window */
    size_t row_offset;        /* of the window in it, bytes */
    size_t window_bytes;      /* of a row of the window */
    uint32_t left;            /* rows of the window still to deliver */
    bool invert;              /* Adobe writes CMYK with 255 for no ink */
} jpeg_dec_t;

/* --- errors: libjpeg prints and exits unless told otherwise ------------------------------------------- */

static void describe(j_common_ptr cinfo, char *text)
{
    size_t n;

    cinfo->err->format_message(cinfo, text);
    n = strlen(text);
    if (n > 0 && text[n - 1] == '.')
        text[n - 1] = '\0';
}

static void give_up(jpeg_dec_t *dec) __attribute__((noreturn));
static void give_up(jpeg_dec_t *dec)
{
    longjmp(dec->jump, 1);
}

static void on_error(j_common_ptr cinfo)
{
    jpeg_dec_t *dec = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];

    switch (cinfo->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
    case JERR_NO_BACKING_STORE:
        (void)iiif_err_set(&dec->failure, IIIF_E_NO_MEMORY, 2111, "There is not enough memory to decode the JPEG "
                           "master; try again later.");
        break;
    case JERR_ARITH_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_WIDTH_OVERFLOW:
        describe(cinfo, text);
        (void)iiif_err_set(&dec->failure, IIIF_E_UNSUPPORTED, 2112, "This build cannot read this kind of JPEG: %s.",
                           text);
        break;
    default:
        describe(cinfo, text);
        (void)iiif_err_set(&dec->failure, IIIF_E_BAD_MASTER, 2113, "The JPEG master is damaged: %s.", text);
        break;
    }
    give_up(dec);
}

/*
 * Warnings are where libjpeg goes on with invented data (gray blocks, missing coefficients). A server must not hand
 * those out as the master. The ones passed over lose nothing.
 */
static void on_message(j_common_ptr cinfo, int level)
{
    jpeg_dec_t *dec = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];

    if (level >= 0)
        return;
    switch (cinfo->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_NOT_SEQUENTIAL:
        return;
    default:
        break;
    }
    describe(cinfo, text);
    (void)iiif_err_set(&dec->failure, IIIF_E_BAD_MASTER, 2114, "The data of the JPEG master is damaged: %s.", text);
    give_up(dec);
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void on_progress(j_common_ptr cinfo)
{
    jpeg_dec_t *dec = cinfo->client_data;

    if (iiif_cancel_check(dec->base.work->cancel, &dec->failure) != IIIF_OK)
        give_up(dec);
    if (dec->cinfo.input_scan_number > SCANS_MAX) {
        (void)iiif_err_set(&dec->failure, IIIF_E_BAD_MASTER, 2115,
                           "The JPEG master has more than %d scans; save it anew.", SCANS_MAX);
        give_up(dec);
    }
}

/* The failure that a callback left behind. */
static iiif_rc failed(const jpeg_dec_t *dec, iiif_err_t *err)
{
    if (err != NULL)
        *err = dec->failure;
    return dec->failure.kind;
}

/* --- source: the file in blocks ----------------------------------------------------------------------- */

static void on_nothing(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

/*
 * A file may lack its EOI and still be whole: decoders look ahead. So the first time that the end is met within data, an
 * EOI is supplied; where libjpeg really needs more, it warns of the marker it hit or asks again.
 */
static void at_end_of_file(jpeg_dec_t *dec)
{
    static const uint8_t end[2] = {0xFF, JPEG_EOI};

    if (!dec->started || dec->at_end || dec->cinfo.arith_code) {
        (void)iiif_err_set(&dec->failure, IIIF_E_BAD_MASTER, 2116,
                           "The JPEG master is cut off: its file ends before its picture does.");
        give_up(dec);
    }
    dec->at_end = true;
    dec->source.next_input_byte = end;
    dec->source.bytes_in_buffer = sizeof(end);
}

static boolean on_fill(j_decompress_ptr cinfo)
{
    jpeg_dec_t *dec = cinfo->client_data;
    int64_t n;

    if (iiif_cancel_check(dec->base.work->cancel, &dec->failure) != IIIF_OK)
        give_up(dec);
    n = iiif_src_read(dec->base.src, dec->offset, dec->block, BLOCK_BYTES);
    if (n < 0) {
        (void)iiif_err_set(&dec->failure, IIIF_E_IO, 2117, "The JPEG master cannot be read.");
        give_up(dec);
    }
    if (n == 0) {
        at_end_of_file(dec);
        return TRUE;
    }
    dec->offset += (uint64_t)n;
    dec->source.next_input_byte = dec->block;
    dec->source.bytes_in_buffer = (size_t)n;
    return TRUE;
}

static void on_skip(j_decompress_ptr cinfo, long n)
{
    jpeg_dec_t *dec = cinfo->client_data;

    if (n <= 0)
        return;
    if ((size_t)n <= dec->source.bytes_in_buffer) {
        dec->source.next_input_byte += n;
        dec->source.bytes_in_buffer -= (size_t)n;
        return;
    }
    dec->offset += (size_t)n - dec->source.bytes_in_buffer;
    dec->source.bytes_in_buffer = 0;
}

static void rewind_source(jpeg_dec_t *dec)
{
    dec->offset = 0;
    dec->source.next_input_byte = dec->block;
    dec->source.bytes_in_buffer = 0;
    dec->started = false;
    dec->at_end = false;
}

static void connect(jpeg_dec_t *dec)
{
    dec->cinfo.err = jpeg_std_error(&dec->errors);
    dec->cinfo.client_data = dec;
    dec->errors.error_exit = on_error;
    dec->errors.emit_message = on_message;
    dec->errors.output_message = on_output;
    dec->source.init_source = on_nothing;
    dec->source.fill_input_buffer = on_fill;
    dec->source.skip_input_data = on_skip;
    dec->source.resync_to_restart = jpeg_resync_to_restart;
    dec->source.term_source = on_nothing;
    dec->progress.progress_monitor = on_progress;
}

/* --- header ------------------------------------------------------------------------------------------- */

static iiif_rc create(jpeg_dec_t *dec, iiif_err_t *err)
{
    connect(dec);
    if (setjmp(dec->jump) != 0)
        return failed(dec, err);
    jpeg_create_decompress(&dec->cinfo);
    dec->cinfo.src = &dec->source;
    dec->cinfo.progress = &dec->progress;
    return IIIF_OK;
}

static iiif_rc read_header(jpeg_dec_t *dec, iiif_err_t *err)
{
    rewind_source(dec);
    if (setjmp(dec->jump) != 0)
        return failed(dec, err);
    jpeg_abort_decompress(&dec->cinfo);
    (void)jpeg_read_header(&dec->cinfo, TRUE);
    dec->fresh = true;
    return IIIF_OK;
}

/* Coefficients of the whole image, which libjpeg keeps where they come in several scans. */
static uint64_t coefficient_bytes(const struct jpeg_decompress_struct *cinfo)
{
    uint64_t blocks = 0;

    for (int i = 0; i < cinfo->num_components; i++) {
        const jpeg_component_info *component = &cinfo->comp_info[i];
        uint64_t h = (uint64_t)component->h_samp_factor, v = (uint64_t)component->v_samp_factor;

        blocks += (component->width_in_blocks + h - 1) / h * h * ((component->height_in_blocks + v - 1) / v * v);
    }
    return blocks * DCTSIZE2 * sizeof(JCOEF);
}

static uint64_t row_bytes(const struct jpeg_decompress_struct *cinfo)
{
    uint64_t padded = (uint64_t)cinfo->image_width + DCTSIZE * (uint64_t)cinfo->max_h_samp_factor;

    return padded * (uint64_t)cinfo->num_components;
}

/* What libjpeg allocates by itself, from above. */
static uint64_t library_bytes(struct jpeg_decompress_struct *cinfo)
{
    uint64_t rows = row_bytes(cinfo) * LIBRARY_ROWS * (uint64_t)cinfo->max_v_samp_factor;

    return LIBRARY_BYTES + rows + (jpeg_has_multiple_scans(cinfo) ? coefficient_bytes(cinfo) : 0);
}

/* 0 where the channels mean nothing that can be shown. */
static iiif_layout layout_of(J_COLOR_SPACE space)
{
    switch (space) {
    case JCS_GRAYSCALE:
        return IIIF_LAYOUT_GRAY;
    case JCS_YCbCr:
    case JCS_RGB:
        return IIIF_LAYOUT_RGB;
    case JCS_CMYK:
    case JCS_YCCK:
        return IIIF_LAYOUT_CMYK;
    default:
        return 0;
    }
}

static void fill_resolution(const jpeg_dec_t *dec, iiif_facts_t *facts)
{
    const struct jpeg_decompress_struct *cinfo = &dec->cinfo;

    /* JFIF 1.02: 1 is dots per inch, 2 per centimetre, 0 an aspect ratio only. */
    if (cinfo->saw_JFIF_marker && (cinfo->density_unit == 1 || cinfo->density_unit == 2) && cinfo->X_density > 0 &&
        cinfo->Y_density > 0) {
        facts->pixels_per_unit_x = cinfo->X_density;
        facts->pixels_per_unit_y = cinfo->Y_density;
        facts->unit = cinfo->density_unit == 1 ? IIIF_UNIT_INCH : IIIF_UNIT_CM;
        return;
    }
    facts->pixels_per_unit_x = dec->head.exif.x_resolution;
    facts->pixels_per_unit_y = dec->head.exif.y_resolution;
    facts->unit = dec->head.exif.unit;
}

static iiif_rc fill_facts(jpeg_dec_t *dec, iiif_err_t *err)
{
    struct jpeg_decompress_struct *cinfo = &dec->cinfo;
    iiif_facts_t *facts = &dec->base.facts;
    iiif_layout layout = layout_of(cinfo->jpeg_color_space);
    bool whole = jpeg_has_multiple_scans(cinfo);

    if (cinfo->image_width != dec->head.width || cinfo->image_height != dec->head.height)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2118, "The JPEG master gives two different sizes.");
    if (layout == 0)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2119,
                            "The JPEG master has %d channels of unknown meaning; save it as gray, RGB or CMYK.",
                            cinfo->num_components);
    facts->stored_width = dec->head.width;
    facts->stored_height = dec->head.height;
    facts->orientation = dec->head.exif.orientation;
    facts->layout = (uint8_t)layout;
    facts->depth = 8;
    facts->precision = 8;
    facts->color_class = layout == IIIF_LAYOUT_GRAY ? IIIF_CLASS_GRAY : IIIF_CLASS_COLOR;
    facts->access = whole ? IIIF_ACCESS_WHOLE : IIIF_ACCESS_ROWS;
    facts->has_profile = dec->head.pieces_count > 0;
    facts->pages = facts->page = 1;
    fill_resolution(dec, facts);
    facts->fixed_bytes = library_bytes(cinfo) + BLOCK_BYTES + row_bytes(cinfo);
    /* The memory of several scans is that of all coefficients at every level, so it is fixed. */
    facts->bytes_per_pixel = 0;
    facts->cost_per_pixel = (whole ? 2.5f : 1.0f) * (cinfo->arith_code ? 3.0f : 1.0f);
    (void)snprintf(facts->decoder, sizeof(facts->decoder), "jpeg");
    (void)snprintf(facts->media_type, sizeof(facts->media_type), "image/jpeg");
    for (unsigned shift = 0; shift < LEVELS; shift++) {
        if (shift > 0 && iiif_min_u32(facts->stored_width, facts->stored_height) >> shift == 0)
            break;
        (void)iiif_facts_add_level(facts, iiif_ceil_shift(facts->stored_width, shift),
                                   iiif_ceil_shift(facts->stored_height, shift), 0, 0);
    }
    dec->invert = layout == IIIF_LAYOUT_CMYK && cinfo->saw_Adobe_marker;
    return iiif_facts_finish(facts, err);
}

/* --- the vtable --------------------------------------------------------------------------------------- */

static int jpeg_bid(const uint8_t *head, size_t length)
{
    return length >= 3 && head[0] == 0xFF && head[1] == 0xD8 && head[2] == 0xFF ? 100 : 0;
}

static void jpeg_dec_close(iiif_dec_t *base)
{
    jpeg_dec_t *dec = (jpeg_dec_t *)base;
    iiif_mem_t *mem = base->work->mem;

    jpeg_destroy_decompress(&dec->cinfo);
    iiif_mem_unreserve(mem, dec->reserved);
    iiif_mem_free(mem, dec->profile);
    iiif_mem_free(mem, dec->row);
    iiif_mem_free(mem, dec->block);
    iiif_mem_free(mem, dec);
}

static iiif_rc open_header(jpeg_dec_t *dec, const iiif_dec_options_t *options, iiif_err_t *err)
{
    iiif_rc rc = iiif_jpeg_head_read(dec->base.src, dec->base.work->mem, &dec->head, err);

    if (rc != IIIF_OK)
        return rc;
    if (options->page != 1)
        return iiif_err_set(err, IIIF_E_NOT_FOUND, 2120, "A JPEG master has one page.");
    if (options->max_source_area != 0 && (uint64_t)dec->head.width * dec->head.height > options->max_source_area)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2121, "The JPEG master is larger than this server allows.");
    dec->block = iiif_mem_alloc(dec->base.work->mem, BLOCK_BYTES);
    if (dec->block == NULL)
        return iiif_err_memory(err, "a block of the master", BLOCK_BYTES);
    if (!iiif_mem_reserve(dec->base.work->mem, LIBRARY_BYTES))
        return iiif_err_memory(err, "the JPEG decoder", LIBRARY_BYTES);
    dec->reserved = LIBRARY_BYTES;
    rc = create(dec, err);
    if (rc == IIIF_OK)
        rc = read_header(dec, err);
    return rc == IIIF_OK ? fill_facts(dec, err) : rc;
}

static iiif_rc jpeg_dec_profile(iiif_dec_t *base, const uint8_t **data, size_t *length, iiif_err_t *err)
{
    jpeg_dec_t *dec = (jpeg_dec_t *)base;
    size_t bytes = dec->head.profile_length;

    *data = NULL;
    *length = 0;
    if (dec->head.pieces_count == 0)
        return IIIF_OK;
    if (dec->profile == NULL) {
        uint8_t *profile = iiif_mem_alloc(base->work->mem, bytes);
        iiif_rc rc;

        if (profile == NULL)
            return iiif_err_memory(err, "a colour profile", bytes);
        rc = iiif_jpeg_head_profile(base->src, &dec->head, profile, err);
        if (rc != IIIF_OK) {
            iiif_mem_free(base->work->mem, profile);
            return rc;
        }
        dec->profile = profile;
    }
    *data = dec->profile;
    *length = bytes;
    return IIIF_OK;
}

/* --- windows ------------------------------------------------------------------------------------------ */

static iiif_rc prepare_memory(jpeg_dec_t *dec, iiif_err_t *err)
{
    iiif_mem_t *mem = dec->base.work->mem;
    uint64_t bytes = library_bytes(&dec->cinfo), row = row_bytes(&dec->cinfo);
    uint64_t extra = bytes > dec->reserved ? bytes - dec->reserved : 0;

    if (extra > SIZE_MAX || !iiif_mem_reserve(mem, (size_t)extra))
        return iiif_err_memory(err, "the JPEG decoder", (size_t)iiif_min_u64(extra, SIZE_MAX));
    dec->reserved += (size_t)extra;
    /* The library's own check, in case that our sum is ever too small. */
    dec->cinfo.mem->max_memory_to_use = (long)iiif_min_u64(dec->reserved + dec->reserved / 8, LONG_MAX);
    if (dec->row == NULL)
        dec->row = iiif_mem_alloc(mem, (size_t)row);
    if (dec->row == NULL)
        return iiif_err_memory(err, "a row of the JPEG master", (size_t)row);
    return IIIF_OK;
}

/* Where the file broke off between scans, refinements are missing though no warning was given. */
static void check_complete(jpeg_dec_t *dec)
{
    const struct jpeg_decompress_struct *cinfo = &dec->cinfo;
    bool complete = cinfo->coef_bits != NULL;

    if (!dec->at_end || !jpeg_has_multiple_scans(&dec->cinfo))
        return;
    for (int i = 0; complete && i < cinfo->num_components; i++) {
        for (int k = 0; complete && k < DCTSIZE2; k++)
            complete = cinfo->coef_bits[i][k] == 0;
    }
    if (!complete) {
        (void)iiif_err_set(&dec->failure, IIIF_E_BAD_MASTER, 2122, "The JPEG master is cut off: scans are missing.");
        give_up(dec);
    }
}

/*
 * libjpeg crops at iMCU columns, and its first and last column differ from a full decode where chroma is
 * interpolated: one iMCU more on either side gives the same pixels. Where chroma is both scaled by the DCT and
 * interpolated (sampling factors above 2, below full size), libjpeg-turbo's cropping upsamples only half a row: not used.
 */
static void crop_columns(jpeg_dec_t *dec, const iiif_dec_window_t *window)
{
    struct jpeg_decompress_struct *cinfo = &dec->cinfo;
    uint32_t mcu = (uint32_t)cinfo->max_h_samp_factor * (DCTSIZE >> window->level);
    uint32_t left = window->rect.x > mcu ? window->rect.x - mcu : 0;
    uint32_t end = window->rect.x + window->rect.w;
    JDIMENSION x = left, width = iiif_min_u32(cinfo->output_width - left, end + mcu - left);

    if (window->level > 0 && (cinfo->max_h_samp_factor > 2 || cinfo->max_v_samp_factor > 2))
        x = 0;
    else if (width < cinfo->output_width)
        jpeg_crop_scanline(cinfo, &x, &width);
    if (x > window->rect.x || (uint64_t)x + cinfo->output_width < end) {
        (void)iiif_err_set(&dec->failure, IIIF_E_INTERNAL, 2123, "libjpeg crops otherwise than documented.");
        give_up(dec);
    }
    dec->row_offset = (size_t)(window->rect.x - x) * (size_t)cinfo->output_components;
}

/* As for columns: one iMCU row above the window is decoded, for the context of the interpolation. */
static void skip_rows(jpeg_dec_t *dec, const iiif_dec_window_t *window)
{
    struct jpeg_decompress_struct *cinfo = &dec->cinfo;
    uint32_t mcu = (uint32_t)cinfo->max_v_samp_factor * (DCTSIZE >> window->level);
    uint32_t above = window->rect.y / mcu;
    uint32_t skip = above > 1 ? (above - 1) * mcu : 0;
    JSAMPROW rows[1] = {dec->row};

    if (skip > 0)
        (void)jpeg_skip_scanlines(cinfo, skip);
    while (cinfo->output_scanline < window->rect.y)
        (void)jpeg_read_scanlines(cinfo, rows, 1);
}

static iiif_rc start(jpeg_dec_t *dec, const iiif_dec_window_t *window, iiif_err_t *err)
{
    struct jpeg_decompress_struct *cinfo = &dec->cinfo;
    const iiif_level_t *level = &dec->base.facts.levels[window->level];

    if (setjmp(dec->jump) != 0)
        return failed(dec, err);
    cinfo->scale_num = 1;
    cinfo->scale_denom = 1u << window->level;
    cinfo->out_color_space = dec->base.facts.layout == IIIF_LAYOUT_GRAY  ? JCS_GRAYSCALE
                             : dec->base.facts.layout == IIIF_LAYOUT_RGB ? JCS_RGB
                                                                         : JCS_CMYK;
    cinfo->do_fancy_upsampling = TRUE;
    cinfo->dct_method = JDCT_ISLOW;
    dec->started = true;
    dec->fresh = false;
    (void)jpeg_start_decompress(cinfo);
    if (cinfo->output_width != level->width || cinfo->output_height != level->height ||
        cinfo->output_components != (int)iiif_layout_channels((iiif_layout)dec->base.facts.layout))
        return iiif_err_set(err, IIIF_E_INTERNAL, 2124, "libjpeg scales otherwise than documented.");
    check_complete(dec);
    crop_columns(dec, window);
    skip_rows(dec, window);
    dec->window_bytes = (size_t)window->rect.w * (size_t)cinfo->output_components;
    dec->left = window->rect.h;
    return IIIF_OK;
}

static iiif_rc jpeg_dec_window(iiif_dec_t *base, const iiif_dec_window_t *window, iiif_err_t *err)
{
    jpeg_dec_t *dec = (jpeg_dec_t *)base;
    const iiif_rect_t *rect = &window->rect;
    iiif_rc rc = IIIF_OK;

    dec->left = 0;
    if (window->level >= base->facts.level_count || rect->w == 0 || rect->h == 0 ||
        (uint64_t)rect->x + rect->w > base->facts.levels[window->level].width ||
        (uint64_t)rect->y + rect->h > base->facts.levels[window->level].height)
        return iiif_err_set(err, IIIF_E_INTERNAL, 2125, "A window outside the JPEG master was asked for.");
    if (!dec->fresh)
        rc = read_header(dec, err);
    if (rc == IIIF_OK)
        rc = prepare_memory(dec, err);
    return rc == IIIF_OK ? start(dec, window, err) : rc;
}

static void copy_row(const jpeg_dec_t *dec, const uint8_t *in, uint8_t *out)
{
    size_t n = dec->window_bytes;

    if (dec->invert) {
        for (size_t i = 0; i < n; i++)
            out[i] = (uint8_t)(255 - in[i]);
    } else if (in != out) {
        memcpy(out, in, n);
    }
}

static iiif_rc jpeg_dec_rows(iiif_dec_t *base, iiif_strip_t *strip, iiif_err_t *err)
{
    jpeg_dec_t *dec = (jpeg_dec_t *)base;
    struct jpeg_decompress_struct *cinfo = &dec->cinfo;
    uint32_t wanted = iiif_min_u32(strip->capacity, dec->left);

    strip->rows = 0;
    if (setjmp(dec->jump) != 0)
        return failed(dec, err);
    while (strip->rows < wanted) {
        uint8_t *out = strip->data + strip->rows * strip->stride;
        bool direct = (size_t)cinfo->output_width * (size_t)cinfo->output_components == dec->window_bytes;
        JSAMPROW rows[1] = {direct ? out : dec->row};

        if (jpeg_read_scanlines(cinfo, rows, 1) != 1)
            break;
        copy_row(dec, rows[0] + (direct ? 0 : dec->row_offset), out);
        strip->rows++;
    }
    dec->left -= strip->rows;
    return IIIF_OK;
}

static iiif_rc jpeg_dec_open(iiif_src_t *src, const iiif_dec_options_t *options, const iiif_work_t *work,
                             iiif_dec_t **out, iiif_err_t *err)
{
    jpeg_dec_t *dec = iiif_mem_zalloc(work->mem, 1, sizeof(*dec));
    iiif_rc rc;

    if (dec == NULL)
        return iiif_err_memory(err, "a JPEG decoder", sizeof(*dec));
    dec->base.decoder = &iiif_dec_jpeg;
    dec->base.work = work;
    dec->base.src = src;
    rc = open_header(dec, options, err);
    if (rc != IIIF_OK) {
        jpeg_dec_close(&dec->base);
        return rc;
    }
    *out = &dec->base;
    return IIIF_OK;
}

const iiif_decoder_t iiif_dec_jpeg = {
    .name = "jpeg",
    .abi = IIIF_CODEC_ABI,
    .bid = jpeg_bid,
    .open = jpeg_dec_open,
    .profile = jpeg_dec_profile,
    .window = jpeg_dec_window,
    .rows = jpeg_dec_rows,
    .close = jpeg_dec_close,
};
