/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG 2000 test input: codestreams by the library's own encoder, and boxes around them. */
#ifndef JP2_MAKE_H
#define JP2_MAKE_H

#include <openjpeg.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED_OK __attribute__((unused))

typedef struct bytes {
    uint8_t *data;
    size_t length, capacity, position;
} bytes_t;

static void bytes_put(bytes_t *b, const void *data, size_t n)
{
    if (b->position + n > b->capacity) {
        b->capacity = (b->position + n) * 2 + 256;
        b->data = realloc(b->data, b->capacity);
        if (b->data == NULL)
            abort();
    }
    if (n > 0)
        memcpy(b->data + b->position, data, n);
    b->position += n;
    if (b->position > b->length)
        b->length = b->position;
}

/* Big-endian numbers: n bytes each, as many as told. */
static UNUSED_OK void bytes_be(bytes_t *b, unsigned n, uint64_t value)
{
    for (unsigned i = n; i-- > 0;) {
        uint8_t byte = (uint8_t)(value >> (8 * i));

        bytes_put(b, &byte, 1);
    }
}

static UNUSED_OK void bytes_box(bytes_t *b, const char *type, const bytes_t *content)
{
    bytes_be(b, 4, 8 + content->length);
    bytes_put(b, type, 4);
    bytes_put(b, content->data, content->length);
}

static UNUSED_OK void bytes_free(bytes_t *b)
{
    free(b->data);
    memset(b, 0, sizeof(*b));
}

/* --- the library's encoder ------------------------------------------------------------------------------ */

static OPJ_SIZE_T make_write(void *buffer, OPJ_SIZE_T n, void *context)
{
    bytes_put(context, buffer, n);
    return n;
}

static OPJ_BOOL make_seek(OPJ_OFF_T to, void *context)
{
    ((bytes_t *)context)->position = (size_t)to;
    return OPJ_TRUE;
}

static OPJ_OFF_T make_skip(OPJ_OFF_T n, void *context)
{
    ((bytes_t *)context)->position += (size_t)n;
    return n;
}

static void make_silent(const char *text, void *context)
{
    (void)text;
    (void)context;
}

/* What to encode. Zeros are: one 8-bit component, no offsets, untiled, 5/3, one resolution less than `resolutions` says. */
typedef struct make {
    uint32_t x0, y0, x1, y1;             /* on the reference grid */
    uint32_t tile_w, tile_h, tile_x0, tile_y0;
    unsigned count;
    unsigned bits[4];
    bool sign[4];
    unsigned dx[4], dy[4];
    int resolutions;
    bool irreversible, mct;
    OPJ_PROG_ORDER order;
    int layers;
    int csty;                            /* 2 SOP, 4 EPH */
    int precinct;                        /* size, 0 none */
    int block;                           /* code-block size, 0 is 64 */
    int mode;                            /* code-block style */
    char tile_parts;                     /* 'R', 'L', 'C' or 0 */
    int shift;                           /* of a region of interest: all of the first component; 0 none */
    unsigned seed;
    const char *extra;                   /* "PLT=YES" or such */
} make_t;

/* A sample: smooth, with some noise and edges; full range. */
static UNUSED_OK int32_t make_sample(const make_t *m, unsigned c, uint32_t x, uint32_t y)
{
    uint32_t bits = m->bits[c] ? m->bits[c] : 8, max = (1u << bits) - 1;
    uint32_t h = (x * 2654435761u) ^ (y * 40503u) ^ (c * 977u + m->seed);
    uint32_t v;

    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    v = (x * (3 + c) + y * (5 - c) + ((x / 17 + y / 13) % 3) * 60) * (max + 1) / 700 + h % (max / 8 + 1);
    v %= max + 1;
    return m->sign[c] ? (int32_t)v - (int32_t)((max + 1) / 2) : (int32_t)v;
}

static UNUSED_OK uint32_t make_ceil(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

static opj_image_t *make_image(const make_t *m)
{
    opj_image_cmptparm_t parm[4];
    opj_image_t *image;
    unsigned count = m->count ? m->count : 1;

    memset(parm, 0, sizeof(parm));
    for (unsigned c = 0; c < count; c++) {
        parm[c].dx = m->dx[c] ? m->dx[c] : 1;
        parm[c].dy = m->dy[c] ? m->dy[c] : 1;
        parm[c].prec = m->bits[c] ? m->bits[c] : 8;
        parm[c].sgnd = m->sign[c];
        parm[c].x0 = m->x0;
        parm[c].y0 = m->y0;
        parm[c].w = make_ceil(m->x1, parm[c].dx) - make_ceil(m->x0, parm[c].dx);
        parm[c].h = make_ceil(m->y1, parm[c].dy) - make_ceil(m->y0, parm[c].dy);
    }
    image = opj_image_create(count, parm, count >= 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
    if (image == NULL)
        abort();
    image->x0 = m->x0;
    image->y0 = m->y0;
    image->x1 = m->x1;
    image->y1 = m->y1;
    for (unsigned c = 0; c < count; c++)
        for (uint32_t y = 0; y < parm[c].h; y++)
            for (uint32_t x = 0; x < parm[c].w; x++)
                image->comps[c].data[(size_t)y * parm[c].w + x] =
                    make_sample(m, c, make_ceil(m->x0, parm[c].dx) + x, make_ceil(m->y0, parm[c].dy) + y);
    return image;
}

static void make_parameters(const make_t *m, opj_cparameters_t *p)
{
    opj_set_default_encoder_parameters(p);
    p->numresolution = m->resolutions ? m->resolutions : 4;
    p->irreversible = m->irreversible;
    p->prog_order = m->order;
    p->csty = m->csty;
    p->mode = m->mode;
    p->tcp_mct = m->mct ? 1 : 0;
    p->cblockw_init = p->cblockh_init = m->block ? m->block : 64;
    p->tcp_numlayers = m->layers ? m->layers : 1;
    p->cp_disto_alloc = 1;
    for (int i = 0; i < p->tcp_numlayers; i++)
        p->tcp_rates[i] = (float)(m->irreversible ? 6 : 0) + (float)(10 * (p->tcp_numlayers - 1 - i));
    if (!m->irreversible)
        p->tcp_rates[p->tcp_numlayers - 1] = 0;
    if (m->precinct) {
        p->csty |= 1;
        p->res_spec = 2;
        p->prcw_init[0] = p->prch_init[0] = m->precinct;
        p->prcw_init[1] = p->prch_init[1] = m->precinct / 2 > 8 ? m->precinct / 2 : 8;
    }
    if (m->tile_w) {
        p->tile_size_on = OPJ_TRUE;
        p->cp_tdx = (int)m->tile_w;
        p->cp_tdy = (int)m->tile_h;
        p->cp_tx0 = (int)m->tile_x0;
        p->cp_ty0 = (int)m->tile_y0;
    }
    if (m->shift) {
        p->roi_compno = 0;
        p->roi_shift = m->shift;
    }
    if (m->tile_parts) {
        p->tp_on = 1;
        p->tp_flag = m->tile_parts;
    }
}

/* The codestream; free with bytes_free. Aborts where the library refuses: then the test is wrong. */
static UNUSED_OK bytes_t make_codestream(const make_t *m)
{
    opj_cparameters_t parameters;
    opj_image_t *image = make_image(m);
    opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_create(65536, OPJ_FALSE);
    const char *extra[2] = {m->extra, NULL};
    bytes_t out = {NULL, 0, 0, 0};

    make_parameters(m, &parameters);
    opj_set_info_handler(codec, make_silent, NULL);
    opj_set_warning_handler(codec, make_silent, NULL);
    opj_stream_set_write_function(stream, make_write);
    opj_stream_set_seek_function(stream, make_seek);
    opj_stream_set_skip_function(stream, make_skip);
    opj_stream_set_user_data(stream, &out, NULL);
    if (!opj_setup_encoder(codec, &parameters, image) ||
        (m->extra != NULL && !opj_encoder_set_extra_options(codec, extra)) ||
        !opj_start_compress(codec, image, stream) || !opj_encode(codec, stream) || !opj_end_compress(codec, stream))
        abort();
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    opj_image_destroy(image);
    return out;
}

/* --- the library's plain decoder: the reference -------------------------------------------------------------- */

static OPJ_SIZE_T plain_read(void *buffer, OPJ_SIZE_T n, void *context)
{
    bytes_t *b = context;
    size_t left = b->length - b->position;

    if (left == 0)
        return (OPJ_SIZE_T)-1;
    if (n > left)
        n = left;
    memcpy(buffer, b->data + b->position, n);
    b->position += n;
    return n;
}

/* All of a codestream at a reduction, or NULL. */
static UNUSED_OK opj_image_t *plain_decode(const bytes_t *code, unsigned reduce)
{
    bytes_t view = *code;
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_create(65536, OPJ_TRUE);
    opj_dparameters_t parameters;
    opj_image_t *image = NULL;
    bool good;

    view.position = 0;
    opj_set_default_decoder_parameters(&parameters);
    parameters.cp_reduce = reduce;
    opj_stream_set_read_function(stream, plain_read);
    opj_stream_set_seek_function(stream, make_seek);
    opj_stream_set_skip_function(stream, make_skip);
    opj_stream_set_user_data(stream, &view, NULL);
    opj_stream_set_user_data_length(stream, view.length);
    good = opj_setup_decoder(codec, &parameters) && opj_read_header(stream, codec, &image) &&
           /* Without an area 2.5 makes the components too large where the image has an offset. */
           opj_set_decode_area(codec, image, 0, 0, 0, 0) && opj_decode(codec, stream, image);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    if (!good && image != NULL) {
        opj_image_destroy(image);
        image = NULL;
    }
    return image;
}

/* --- boxes ------------------------------------------------------------------------------------------------------ */

/* A JP2 file around a codestream; `header` is what jp2h holds behind ihdr. */
static UNUSED_OK bytes_t make_jp2(const bytes_t *header, const bytes_t *code, uint32_t width, uint32_t height,
                                  unsigned components)
{
    bytes_t out = {NULL, 0, 0, 0}, all = {NULL, 0, 0, 0};

    bytes_be(&out, 4, 12);
    bytes_put(&out, "jP  \r\n\x87\n", 8);
    bytes_be(&out, 4, 20);
    bytes_put(&out, "ftypjp2 \0\0\0\0jp2 ", 16);
    bytes_be(&all, 4, 22);
    bytes_put(&all, "ihdr", 4);
    bytes_be(&all, 4, height);
    bytes_be(&all, 4, width);
    bytes_be(&all, 2, components);
    bytes_be(&all, 4, 0xFF070000u);
    if (header != NULL)
        bytes_put(&all, header->data, header->length);
    bytes_box(&out, "jp2h", &all);
    bytes_box(&out, "jp2c", code);
    bytes_free(&all);
    return out;
}

static UNUSED_OK void put_colr(bytes_t *header, uint32_t space)
{
    bytes_be(header, 4, 15);
    bytes_put(header, "colr\1\0\0", 7);
    bytes_be(header, 4, space);
}

/* cdef of `count` lines of (channel, type, association). */
static UNUSED_OK void put_cdef(bytes_t *header, unsigned count, const unsigned (*lines)[3])
{
    bytes_be(header, 4, 10 + 6 * count);
    bytes_put(header, "cdef", 4);
    bytes_be(header, 2, count);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < 3; k++)
            bytes_be(header, 2, lines[i][k]);
}

#endif
