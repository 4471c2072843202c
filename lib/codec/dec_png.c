/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PNG masters (ISO/IEC 15948, W3C PNG) through libpng.
 *
 * Rows stream from the top: what lies above a window is read and thrown away, and a window that lies above the
 * last one opens the stream anew. An interlaced image holds the rows of the window only, all passes of the rest
 * are thrown away too.
 *
 * Colour: iCCP is the embedded profile. sRGB says that there is nothing to do. Where a gAMA chunk stands alone
 * and differs from 1/2.2, samples are corrected to 2.2 by libpng; cHRM is passed over, so primaries other than
 * those of sRGB need a profile to be seen.
 */
#include "iiif_codec.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "exif.h"
#include "iiif_reader.h"

#define SIGNATURE_BYTES 8
#define CHUNKS_KEPT_MAX 64
#define CHUNK_BYTES_MAX ((png_alloc_size_t)16 << 20)
#define ROWS_BETWEEN_CHECKS 256u
/* libpng's structs, inflate's window and state, the largest gamma tables, our own struct. */
#define FIXED_BYTES ((uint64_t)320 * 1024)

extern const iiif_decoder_t iiif_dec_png;

typedef struct png_dec {
    iiif_dec_t base;
    iiif_reader_t reader;
    png_structp png;
    png_infop info;
    uint8_t *icc;
    size_t icc_length;
    uint8_t *row;            /* a whole row, where the window is narrower */
    uint8_t *held;           /* interlaced: the rows of the window at full width */
    size_t row_bytes;
    uint32_t next_row;       /* of the stream */
    bool interlaced;
    bool started;            /* rows have been, or can be, read from the stream */
    iiif_rect_t rect;
    uint32_t delivered;      /* rows of the window */
    size_t refused;          /* bytes that the budget did not give to libpng */
    char message[64];        /* libpng's last word */
} png_dec_t;

/* --- hooks of libpng ----------------------------------------------------------------------------- */

static void *hook_malloc(png_structp png, png_alloc_size_t n)
{
    png_dec_t *dec = png_get_mem_ptr(png);
    void *block = iiif_mem_alloc(dec->base.work->mem, n);

    if (block == NULL)
        dec->refused = n;
    return block;
}

static void hook_free(png_structp png, void *block)
{
    png_dec_t *dec = png_get_mem_ptr(png);

    iiif_mem_free(dec->base.work->mem, block);
}

static PNG_FUNCTION(void, hook_error, (png_structp png, png_const_charp message), PNG_NORETURN)
{
    png_dec_t *dec = png_get_error_ptr(png);

    (void)snprintf(dec->message, sizeof(dec->message), "%s", message);
    png_longjmp(png, 1);
}

static void hook_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void hook_read(png_structp png, png_bytep out, size_t n)
{
    png_dec_t *dec = png_get_io_ptr(png);

    if (iiif_reader_read(&dec->reader, out, n) != n)
        png_error(png, "the file ends too early");
}

/* What became of a longjmp. */
static iiif_rc failed(const png_dec_t *dec, iiif_err_t *err)
{
    if (dec->reader.failed)
        return iiif_err_set(err, IIIF_E_IO, 2301, "The PNG master could not be read.");
    if (dec->refused != 0)
        return iiif_err_memory(err, "a PNG master", dec->refused);
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2302, "The PNG master is damaged (%s).", dec->message);
}

/* --- a pass over the file -------------------------------------------------------------------------- */

static void session_end(png_dec_t *dec)
{
    png_destroy_read_struct(&dec->png, &dec->info, NULL);
    dec->started = false;
}

static iiif_rc session_create(png_dec_t *dec, iiif_err_t *err)
{
    session_end(dec);
    dec->refused = 0;
    dec->next_row = 0;
    iiif_reader_seek(&dec->reader, dec->base.src, 0);
    dec->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, dec, hook_error, hook_warning, dec, hook_malloc,
                                        hook_free);
    if (dec->png != NULL)
        dec->info = png_create_info_struct(dec->png);
    if (dec->info == NULL)
        return iiif_err_memory(err, "a PNG decoder", dec->refused);
    return IIIF_OK;
}

/* Texts and the like are of no use here, and their memory is an attacker's to choose. */
static void session_limits(png_dec_t *dec)
{
    static const png_byte passed_over[] = {
        't', 'E', 'X', 't', 0, 'z', 'T', 'X', 't', 0, 'i', 'T', 'X', 't', 0, 's', 'P', 'L', 'T', 0,
        'h', 'I', 'S', 'T', 0, 'p', 'C', 'A', 'L', 0, 's', 'C', 'A', 'L', 0, 't', 'I', 'M', 'E', 0,
    };

    png_set_read_fn(dec->png, dec, hook_read);
    png_set_user_limits(dec->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* our own limits follow the header */
    png_set_chunk_cache_max(dec->png, CHUNKS_KEPT_MAX);
    png_set_chunk_malloc_max(dec->png, CHUNK_BYTES_MAX);
    png_set_keep_unknown_chunks(dec->png, PNG_HANDLE_CHUNK_NEVER, passed_over,
                                (int)(sizeof(passed_over) / 5));
}

/* All chunks up to the first IDAT. */
static iiif_rc session_header(png_dec_t *dec, iiif_err_t *err)
{
    if (setjmp(png_jmpbuf(dec->png)) != 0)
        return failed(dec, err);
    session_limits(dec);
    png_read_info(dec->png, dec->info);
    /* A refused ancillary chunk is only a warning to libpng; it must not change what the image is. */
    return dec->refused == 0 ? IIIF_OK : failed(dec, err);
}

static bool needs_gamma(const png_dec_t *dec, png_fixed_point *gamma)
{
    if (png_get_valid(dec->png, dec->info, PNG_INFO_iCCP | PNG_INFO_sRGB) != 0)
        return false;
    return png_get_gAMA_fixed(dec->png, dec->info, gamma) != 0;
}

/* From what is stored to what the facts promise. */
static iiif_rc session_transforms(png_dec_t *dec, iiif_err_t *err)
{
    png_fixed_point gamma;

    if (setjmp(png_jmpbuf(dec->png)) != 0)
        return failed(dec, err);
    png_set_expand(dec->png); /* palette, depths below 8, tRNS */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (dec->base.facts.depth == 16)
        png_set_swap(dec->png);
#endif
    if (needs_gamma(dec, &gamma))
        png_set_gamma_fixed(dec->png, PNG_DEFAULT_sRGB, gamma);
    (void)png_set_interlace_handling(dec->png);
    png_read_update_info(dec->png, dec->info);
    return IIIF_OK;
}

static iiif_rc session_start(png_dec_t *dec, iiif_err_t *err)
{
    iiif_rc rc = IIIF_OK;

    if (dec->png == NULL || dec->started) {
        rc = session_create(dec, err);
        if (rc == IIIF_OK)
            rc = session_header(dec, err);
    }
    if (rc == IIIF_OK)
        rc = session_transforms(dec, err);
    if (rc == IIIF_OK && (png_get_rowbytes(dec->png, dec->info) != dec->row_bytes ||
                          png_get_image_height(dec->png, dec->info) != dec->base.facts.stored_height))
        rc = iiif_err_set(err, IIIF_E_BAD_MASTER, 2303, "The PNG master changed while it was read.");
    if (rc != IIIF_OK)
        session_end(dec);
    else
        dec->started = true;
    return rc;
}

/* --- facts -------------------------------------------------------------------------------------------- */

static iiif_layout layout_of(int color_type, bool transparency)
{
    bool color = (color_type & PNG_COLOR_MASK_COLOR) != 0;
    bool alpha = (color_type & PNG_COLOR_MASK_ALPHA) != 0 || transparency;

    return iiif_layout_with_alpha(color ? IIIF_LAYOUT_RGB : IIIF_LAYOUT_GRAY, alpha);
}

static iiif_color_class class_of(iiif_layout layout, int bits)
{
    if (layout == IIIF_LAYOUT_RGB || layout == IIIF_LAYOUT_RGBA)
        return IIIF_CLASS_COLOR;
    return bits == 1 && layout == IIIF_LAYOUT_GRAY ? IIIF_CLASS_BITONAL : IIIF_CLASS_GRAY;
}

static iiif_rc read_shape(png_dec_t *dec, const iiif_dec_options_t *options, iiif_err_t *err)
{
    iiif_facts_t *facts = &dec->base.facts;
    png_uint_32 width = png_get_image_width(dec->png, dec->info);
    png_uint_32 height = png_get_image_height(dec->png, dec->info);
    int bits = png_get_bit_depth(dec->png, dec->info);
    int color_type = png_get_color_type(dec->png, dec->info);
    iiif_layout layout = layout_of(color_type, png_get_valid(dec->png, dec->info, PNG_INFO_tRNS) != 0);
    iiif_image_t image;

    if (options->max_source_area != 0 && (uint64_t)width * height > options->max_source_area)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2304, "The PNG master has %u × %u pixels, more than are allowed.",
                            width, height);
    facts->stored_width = width;
    facts->stored_height = height;
    facts->layout = (uint8_t)layout;
    facts->depth = bits == 16 ? 16 : 8;
    facts->precision = (uint8_t)(color_type == PNG_COLOR_TYPE_PALETTE ? 8 : bits);
    facts->color_class = (uint8_t)class_of(layout, bits);
    dec->interlaced = png_get_interlace_type(dec->png, dec->info) != PNG_INTERLACE_NONE;
    image = (iiif_image_t){width, height, layout, facts->depth};
    if (!iiif_mul_size(width, iiif_image_pixel_bytes(&image), &dec->row_bytes))
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2305, "A row of the PNG master is too long.");
    return IIIF_OK;
}

/* libpng holds three rows, we one; an interlaced image the rows of the window besides. */
static void set_cost(png_dec_t *dec)
{
    iiif_facts_t *facts = &dec->base.facts;

    facts->access = dec->interlaced ? IIIF_ACCESS_WHOLE : IIIF_ACCESS_ROWS;
    facts->fixed_bytes = FIXED_BYTES + sizeof(*dec) + dec->icc_length + 5 * (uint64_t)dec->row_bytes;
    facts->bytes_per_pixel =
        dec->interlaced ? (float)dec->row_bytes / (float)facts->stored_width : 0;
    facts->cost_per_pixel = facts->depth == 16 ? 3.0F : 1.5F;
    if (dec->interlaced)
        facts->cost_per_pixel *= 1.5F;
}

static void read_resolution(png_dec_t *dec)
{
    iiif_facts_t *facts = &dec->base.facts;
    png_uint_32 x = 0, y = 0;
    int unit = PNG_RESOLUTION_UNKNOWN;

    if (png_get_pHYs(dec->png, dec->info, &x, &y, &unit) == 0 || unit != PNG_RESOLUTION_METER || x == 0 || y == 0)
        return;
    facts->pixels_per_unit_x = x / 100.0;
    facts->pixels_per_unit_y = y / 100.0;
    facts->unit = IIIF_UNIT_CM;
}

static void read_exif(png_dec_t *dec)
{
    iiif_exif_t exif;
    png_bytep data = NULL;
    png_uint_32 length = 0;

    dec->base.facts.orientation = 1;
    if (png_get_eXIf_1(dec->png, dec->info, &length, &data) == 0 || data == NULL)
        return;
    if (iiif_exif_read(data, length, &exif) && exif.orientation >= 1 && exif.orientation <= 8)
        dec->base.facts.orientation = (uint8_t)exif.orientation;
}

/* A copy, because the session may be closed and opened again. */
static iiif_rc read_profile(png_dec_t *dec, iiif_err_t *err)
{
    png_charp name;
    png_bytep data;
    png_uint_32 length = 0;
    int compression;

    if (png_get_iCCP(dec->png, dec->info, &name, &compression, &data, &length) == 0 || length == 0)
        return IIIF_OK;
    dec->icc = iiif_mem_alloc(dec->base.work->mem, length);
    if (dec->icc == NULL)
        return iiif_err_memory(err, "the colour profile of a PNG master", length);
    memcpy(dec->icc, data, length);
    dec->icc_length = length;
    dec->base.facts.has_profile = true;
    return IIIF_OK;
}

static iiif_rc read_facts(png_dec_t *dec, const iiif_dec_options_t *options, iiif_err_t *err)
{
    iiif_facts_t *facts = &dec->base.facts;
    iiif_rc rc = read_shape(dec, options, err);

    if (rc != IIIF_OK)
        return rc;
    rc = read_profile(dec, err);
    if (rc != IIIF_OK)
        return rc;
    read_resolution(dec);
    read_exif(dec);
    set_cost(dec);
    facts->pages = 1;
    facts->page = 1;
    (void)snprintf(facts->decoder, sizeof(facts->decoder), "png");
    (void)snprintf(facts->media_type, sizeof(facts->media_type), "image/png");
    (void)iiif_facts_add_level(facts, facts->stored_width, facts->stored_height, 0, 0);
    return iiif_facts_finish(facts, err);
}

/* --- the vtable ----------------------------------------------------------------------------------------- */

static int png_bid(const uint8_t *head, size_t length)
{
    return length >= SIGNATURE_BYTES && png_sig_cmp(head, 0, SIGNATURE_BYTES) == 0 ? 100 : 0;
}

static void dec_png_close(iiif_dec_t *base)
{
    png_dec_t *dec = (png_dec_t *)base;
    iiif_mem_t *mem = base->work->mem;

    session_end(dec);
    iiif_mem_free(mem, dec->icc);
    iiif_mem_free(mem, dec->row);
    iiif_mem_free(mem, dec->held);
    iiif_mem_free(mem, dec);
}

static iiif_rc dec_png_open(iiif_src_t *src, const iiif_dec_options_t *options, const iiif_work_t *work,
                            iiif_dec_t **out, iiif_err_t *err)
{
    png_dec_t *dec;
    iiif_rc rc;

    if (options->page > 1)
        return iiif_err_set(err, IIIF_E_NOT_FOUND, 2306, "A PNG master has one page only.");
    dec = iiif_mem_zalloc(work->mem, 1, sizeof(*dec));
    if (dec == NULL)
        return iiif_err_memory(err, "a PNG decoder", sizeof(*dec));
    dec->base.decoder = &iiif_dec_png;
    dec->base.work = work;
    dec->base.src = src;
    rc = session_create(dec, err);
    if (rc == IIIF_OK)
        rc = session_header(dec, err);
    if (rc == IIIF_OK)
        rc = read_facts(dec, options, err);
    if (rc != IIIF_OK) {
        dec_png_close(&dec->base);
        return rc;
    }
    *out = &dec->base;
    return IIIF_OK;
}

static iiif_rc dec_png_profile(iiif_dec_t *base, const uint8_t **data, size_t *length, iiif_err_t *err)
{
    png_dec_t *dec = (png_dec_t *)base;

    (void)err;
    *data = dec->icc;
    *length = dec->icc_length;
    return IIIF_OK;
}

/* Reads n rows; `data` NULL throws them away. Nothing here owns what a longjmp could lose. */
static iiif_rc read_rows(png_dec_t *dec, uint8_t *data, size_t stride, uint32_t n, iiif_err_t *err)
{
    if (setjmp(png_jmpbuf(dec->png)) != 0) {
        iiif_rc rc = failed(dec, err);

        session_end(dec);
        return rc;
    }
    for (uint32_t i = 0; i < n; i++) {
        png_read_row(dec->png, data == NULL ? NULL : data + i * stride, NULL);
        dec->next_row++;
    }
    return IIIF_OK;
}

/* n rows in portions, so that a request whose client has gone does not read on. */
static iiif_rc read_portions(png_dec_t *dec, uint8_t *data, size_t stride, uint32_t n, iiif_err_t *err)
{
    while (n > 0) {
        uint32_t portion = iiif_min_u32(n, ROWS_BETWEEN_CHECKS);
        iiif_rc rc = iiif_cancel_check(dec->base.work->cancel, err);

        if (rc == IIIF_OK)
            rc = read_rows(dec, data, stride, portion, err);
        if (rc != IIIF_OK)
            return rc;
        if (data != NULL)
            data += (size_t)portion * stride;
        n -= portion;
    }
    return IIIF_OK;
}

/* Adam7: seven passes over all rows (PNG §8.2); libpng merges each into the rows that are held. */
static iiif_rc read_passes(png_dec_t *dec, iiif_err_t *err)
{
    uint32_t below = dec->base.facts.stored_height - dec->rect.y - dec->rect.h;

    for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; pass++) {
        iiif_rc rc = read_portions(dec, NULL, 0, dec->rect.y, err);

        if (rc == IIIF_OK)
            rc = read_portions(dec, dec->held, dec->row_bytes, dec->rect.h, err);
        if (rc == IIIF_OK)
            rc = read_portions(dec, NULL, 0, below, err);
        if (rc != IIIF_OK)
            return rc;
    }
    return IIIF_OK;
}

static iiif_rc window_interlaced(png_dec_t *dec, iiif_err_t *err)
{
    iiif_mem_t *mem = dec->base.work->mem;
    iiif_rc rc;

    iiif_mem_free(mem, dec->held);
    dec->held = iiif_mem_zalloc(mem, dec->rect.h, dec->row_bytes);
    if (dec->held == NULL)
        return iiif_err_memory(err, "the rows of an interlaced PNG master", (size_t)dec->rect.h * dec->row_bytes);
    rc = session_start(dec, err);
    if (rc == IIIF_OK)
        rc = read_passes(dec, err);
    session_end(dec);
    return rc;
}

static iiif_rc dec_png_window(iiif_dec_t *base, const iiif_dec_window_t *window, iiif_err_t *err)
{
    png_dec_t *dec = (png_dec_t *)base;

    if (window->level != 0)
        return iiif_err_set(err, IIIF_E_INTERNAL, 2307, "A PNG master has one resolution only.");
    dec->rect = window->rect;
    dec->delivered = 0;
    if (dec->interlaced)
        return window_interlaced(dec, err);
    if (dec->row == NULL)
        dec->row = iiif_mem_alloc(base->work->mem, dec->row_bytes);
    if (dec->row == NULL)
        return iiif_err_memory(err, "a row of a PNG master", dec->row_bytes);
    if (dec->started && dec->next_row <= window->rect.y)
        return IIIF_OK;
    return session_start(dec, err);
}

/* The columns of the window of one whole row. */
static void cut(const png_dec_t *dec, const uint8_t *row, uint8_t *out)
{
    size_t pixel = dec->row_bytes / dec->base.facts.stored_width;

    memcpy(out, row + dec->rect.x * pixel, dec->rect.w * pixel);
}

static iiif_rc stream_rows(png_dec_t *dec, iiif_strip_t *strip, uint32_t n, iiif_err_t *err)
{
    iiif_rc rc = IIIF_OK;

    if (!dec->started)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2308, "The PNG master could not be read to its end.");
    if (dec->next_row < dec->rect.y)
        rc = read_portions(dec, NULL, 0, dec->rect.y - dec->next_row, err);
    if (rc == IIIF_OK && dec->rect.w == dec->base.facts.stored_width)
        return read_rows(dec, strip->data, strip->stride, n, err);
    for (uint32_t i = 0; rc == IIIF_OK && i < n; i++) {
        rc = read_rows(dec, dec->row, dec->row_bytes, 1, err);
        if (rc == IIIF_OK)
            cut(dec, dec->row, strip->data + i * strip->stride);
    }
    return rc;
}

static iiif_rc dec_png_rows(iiif_dec_t *base, iiif_strip_t *strip, iiif_err_t *err)
{
    png_dec_t *dec = (png_dec_t *)base;
    uint32_t n = iiif_min_u32(strip->capacity, dec->rect.h - dec->delivered);
    iiif_rc rc = IIIF_OK;

    strip->rows = 0;
    if (dec->interlaced) {
        for (uint32_t i = 0; i < n; i++)
            cut(dec, dec->held + (size_t)(dec->delivered + i) * dec->row_bytes, strip->data + i * strip->stride);
    } else if (n > 0) {
        rc = stream_rows(dec, strip, n, err);
    }
    if (rc != IIIF_OK)
        return rc;
    dec->delivered += n;
    strip->rows = n;
    return IIIF_OK;
}

const iiif_decoder_t iiif_dec_png = {
    .name = "png",
    .abi = IIIF_CODEC_ABI,
    .bid = png_bid,
    .open = dec_png_open,
    .profile = dec_png_profile,
    .window = dec_png_window,
    .rows = dec_png_rows,
    .close = dec_png_close,
};
