/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels, windows, levels and pages of TIFF masters; damaged and hostile ones. */
#include "iiif_features.h"

#if IIIF_HAVE_TIFF
#include "tiff_make.h"

#include <jpeglib.h>
#include <math.h>
#include <unistd.h>

#include "../../lib/codec/iiif_codec.h"

extern const iiif_decoder_t iiif_dec_tiff;

typedef struct opened {
    iiif_mem_t mem;
    iiif_cancel_t cancel;
    iiif_work_t work;
    iiif_src_t *src;
    iiif_dec_t *dec;
    iiif_err_t err;
} opened_t;

static iiif_rc open_limited(opened_t *o, const uint8_t *data, size_t length, uint32_t page, size_t limit)
{
    iiif_dec_options_t options = {.page = page, .max_source_area = 100000000};
    iiif_rc rc;

    memset(o, 0, sizeof(*o));
    iiif_mem_init(&o->mem, limit);
    o->work.mem = &o->mem;
    o->work.cancel = &o->cancel;
    rc = iiif_src_open_memory(data, length, &o->mem, &o->src, &o->err);
    assert_int_equal(rc, IIIF_OK);
    rc = iiif_dec_tiff.open(o->src, &options, &o->work, &o->dec, &o->err);
    if (rc != IIIF_OK)
        o->dec = NULL;
    return rc;
}

static iiif_rc open_page(opened_t *o, bytes_t bytes, uint32_t page)
{
    return open_limited(o, bytes.data, bytes.length, page, (size_t)64 << 20);
}

/* Nothing may be left out of the budget. */
static void close_all(opened_t *o)
{
    if (o->dec != NULL)
        iiif_dec_tiff.close(o->dec);
    iiif_src_close(o->src);
    assert_int_equal(o->mem.used, 0);
}

static size_t pixel_bytes(const iiif_dec_t *dec)
{
    return iiif_layout_channels((iiif_layout)dec->facts.layout) * (dec->facts.depth / 8);
}

/* Rows of a window, `capacity` at a time, packed without padding. NULL on an error. */
static uint8_t *read_window(opened_t *o, unsigned level, iiif_rect_t rect, uint32_t capacity)
{
    iiif_dec_window_t window = {.level = level, .rect = rect};
    size_t row = rect.w * pixel_bytes(o->dec);
    uint8_t *out = calloc(rect.h, row);
    uint32_t y = 0;
    iiif_rc rc = iiif_dec_tiff.window(o->dec, &window, &o->err);

    assert_non_null(out);
    while (rc == IIIF_OK && y < rect.h) {
        iiif_strip_t strip = {.data = out + y * row, .stride = row, .y = y};

        strip.capacity = capacity < rect.h - y ? capacity : rect.h - y;
        rc = iiif_dec_tiff.rows(o->dec, &strip, &o->err);
        if (rc == IIIF_OK)
            assert_in_range(strip.rows, 1, strip.capacity);
        y += strip.rows;
    }
    if (rc == IIIF_OK)
        return out;
    assert_int_equal(rc, o->err.kind);
    assert_true(strlen(o->err.detail) > 10);
    free(out);
    return NULL;
}

static uint8_t *read_level(opened_t *o, unsigned level)
{
    iiif_rect_t all = {0, 0, o->dec->facts.levels[level].width, o->dec->facts.levels[level].height};

    return read_window(o, level, all, 7);
}

/* --- what is expected ----------------------------------------------------------------------------------- */

static double clamp01(double v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

/* Channels 0…1 of a pixel by the book; alpha last. */
static unsigned expect_pixel(const spec_t *spec, uint32_t x, uint32_t y, double out[5])
{
    double max = (1u << spec->bits) - 1;
    unsigned colors = spec->photometric == PHOTOMETRIC_RGB || spec->photometric == PHOTOMETRIC_CIELAB ||
                              spec->photometric == PHOTOMETRIC_ICCLAB || spec->photometric == PHOTOMETRIC_YCBCR
                          ? 3
                      : spec->photometric == PHOTOMETRIC_SEPARATED ? 4
                                                                   : 1;
    unsigned n = colors;
    bool premultiplied = false;
    double alpha = -1;

    for (unsigned e = 0; e < spec->extra_count && alpha < 0; e++)
        if (spec->extra[e] != EXTRASAMPLE_UNSPECIFIED) {
            alpha = spec_sample(spec, x, y, colors + e) / max;
            premultiplied = spec->extra[e] == EXTRASAMPLE_ASSOCALPHA;
        }
    for (unsigned c = 0; c < colors; c++) {
        uint32_t code = spec_sample(spec, x, y, c);

        if (spec->sample_format == SAMPLEFORMAT_INT)
            code = (code + (1u << (spec->bits - 1))) & ((1u << spec->bits) - 1);
        if (spec->photometric == PHOTOMETRIC_CIELAB && c > 0)
            code = (code + (1u << (spec->bits - 1))) & ((1u << spec->bits) - 1);
        out[c] = code / max;
        if ((spec->photometric == PHOTOMETRIC_CIELAB && c > 0 && spec->bits == 16) ||
            (spec->photometric == PHOTOMETRIC_ICCLAB && spec->bits == 16))
            out[c] = clamp01(code / 256.0 * 257.0 / 65535.0);
        if (premultiplied)
            out[c] = alpha > 0 ? clamp01(out[c] / alpha) : 0;
        if (spec->photometric == PHOTOMETRIC_MINISWHITE)
            out[c] = 1 - out[c];
    }
    if (spec->photometric == PHOTOMETRIC_PALETTE) {
        uint32_t index = spec_sample(spec, x, y, 0);

        for (unsigned c = 0; c < 3; c++)
            out[c] = (spec->palette[c][index] >> 8) / 255.0;
        n = 3;
    }
    if (alpha >= 0)
        out[n++] = alpha;
    return n;
}

static void check_pixels(const spec_t *spec, const iiif_dec_t *dec, const uint8_t *pixels, double tolerance)
{
    unsigned channels = iiif_layout_channels((iiif_layout)dec->facts.layout);
    double full = dec->facts.depth == 8 ? 255 : 65535;

    for (uint32_t y = 0; y < spec->h; y++)
        for (uint32_t x = 0; x < spec->w; x++) {
            double expected[5];
            unsigned n = expect_pixel(spec, x, y, expected);

            assert_int_equal(n, channels);
            for (unsigned c = 0; c < n; c++) {
                size_t at = ((size_t)y * spec->w + x) * channels + c;
                double got = dec->facts.depth == 8 ? pixels[at] : ((const uint16_t *)(const void *)pixels)[at];

                if (fabs(got - expected[c] * full) > tolerance)
                    fail_msg("pixel %u,%u channel %u: %g instead of %g", x, y, c, got, expected[c] * full);
            }
        }
}

static uint32_t rand_state = 1;

static uint32_t rand_below(uint32_t n)
{
    rand_state = rand_state * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(rand_state >> 4) * n) >> 28);
}

/* Any window of any strip height must be the crop of the whole. */
static void check_windows(opened_t *o, unsigned level, const uint8_t *whole, unsigned times)
{
    uint32_t w = o->dec->facts.levels[level].width, h = o->dec->facts.levels[level].height;
    size_t bytes = pixel_bytes(o->dec);

    for (unsigned i = 0; i < times; i++) {
        iiif_rect_t r = {rand_below(w), rand_below(h), 0, 0};
        uint8_t *part;

        r.w = 1 + rand_below(w - r.x);
        r.h = 1 + rand_below(h - r.y);
        part = read_window(o, level, r, 1 + rand_below(20));
        assert_non_null(part);
        for (uint32_t y = 0; y < r.h; y++)
            assert_memory_equal(part + y * r.w * bytes, whole + ((size_t)(r.y + y) * w + r.x) * bytes, r.w * bytes);
        free(part);
    }
}

/* Writes, decodes, compares all pixels and some windows. */
static void check_spec(const char *mode, const spec_t *spec, double tolerance)
{
    bytes_t bytes = make_tiff(mode, spec, 1);
    opened_t o;
    uint8_t *pixels;

    assert_int_equal(iiif_dec_tiff.bid(bytes.data, 64), 100);
    if (open_page(&o, bytes, 1) != IIIF_OK)
        fail_msg("%s", o.err.detail);
    assert_int_equal(o.dec->facts.width, spec->w);
    assert_int_equal(o.dec->facts.height, spec->h);
    pixels = read_level(&o, 0);
    if (pixels == NULL)
        fail_msg("compression %u, %u × %u: %s", spec->compression, spec->w, spec->h, o.err.detail);
    check_pixels(spec, o.dec, pixels, tolerance);
    check_windows(&o, 0, pixels, 12);
    free(pixels);
    close_all(&o);
    free(bytes.data);
}

/* The four ways in which the same samples can lie in a file. */
static void check_arrangements(spec_t spec, double tolerance)
{
    spec_t tiled = spec, planar = spec, both = spec;

    check_spec("w", &spec, tolerance);
    spec.rows = 5;
    check_spec("wb", &spec, tolerance);
    tiled.tile_w = 16;
    tiled.tile_h = 32;
    check_spec("w8", &tiled, tolerance);
    if (spec.samples > 1 && spec.compression != COMPRESSION_WEBP &&
        !(spec.compression == COMPRESSION_JPEG && spec.photometric == PHOTOMETRIC_YCBCR)) {
        planar.planar = PLANARCONFIG_SEPARATE;
        planar.rows = 9;
        check_spec("w", &planar, tolerance);
        both = tiled;
        both.planar = PLANARCONFIG_SEPARATE;
        check_spec("w8b", &both, tolerance);
    }
}

static void gray_of_all_depths(void **state)
{
    static const uint16_t bits[] = {1, 2, 3, 4, 5, 7, 8, 10, 12, 14, 16};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(bits); i++) {
        spec_t spec = {.w = 67, .h = 45, .photometric = PHOTOMETRIC_MINISBLACK, .samples = 1, .bits = bits[i]};

        check_arrangements(spec, 0.51);
        spec.photometric = PHOTOMETRIC_MINISWHITE;
        check_arrangements(spec, 0.51);
    }
}

static void color_of_all_depths(void **state)
{
    static const uint16_t bits[] = {1, 2, 4, 8, 12, 16};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(bits); i++) {
        spec_t rgb = {.w = 50, .h = 37, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = bits[i]};
        spec_t cmyk = {.w = 33, .h = 40, .photometric = PHOTOMETRIC_SEPARATED, .samples = 4, .bits = bits[i],
                       .ink_set = INKSET_CMYK};

        check_arrangements(rgb, 0.51);
        check_arrangements(cmyk, 0.51);
    }
}

static void facts_say_depth_and_class(void **state)
{
    static const struct {
        uint16_t photometric, samples, bits;
        uint8_t layout, depth, precision, color_class;
    } cases[] = {
        {PHOTOMETRIC_MINISWHITE, 1, 1, IIIF_LAYOUT_GRAY, 8, 1, IIIF_CLASS_BITONAL},
        {PHOTOMETRIC_MINISBLACK, 1, 4, IIIF_LAYOUT_GRAY, 8, 4, IIIF_CLASS_GRAY},
        {PHOTOMETRIC_MINISBLACK, 1, 12, IIIF_LAYOUT_GRAY, 16, 12, IIIF_CLASS_GRAY},
        {PHOTOMETRIC_RGB, 3, 8, IIIF_LAYOUT_RGB, 8, 8, IIIF_CLASS_COLOR},
        {PHOTOMETRIC_RGB, 3, 16, IIIF_LAYOUT_RGB, 16, 16, IIIF_CLASS_COLOR},
        {PHOTOMETRIC_SEPARATED, 4, 8, IIIF_LAYOUT_CMYK, 8, 8, IIIF_CLASS_COLOR},
        {PHOTOMETRIC_CIELAB, 3, 16, IIIF_LAYOUT_LAB, 16, 16, IIIF_CLASS_COLOR},
    };

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(cases); i++) {
        spec_t spec = {.w = 20, .h = 10, .photometric = cases[i].photometric, .samples = cases[i].samples,
                       .bits = cases[i].bits};
        bytes_t bytes = make_tiff("w", &spec, 1);
        opened_t o;

        assert_int_equal(open_page(&o, bytes, 1), IIIF_OK);
        assert_int_equal(o.dec->facts.layout, cases[i].layout);
        assert_int_equal(o.dec->facts.depth, cases[i].depth);
        assert_int_equal(o.dec->facts.precision, cases[i].precision);
        assert_int_equal(o.dec->facts.color_class, cases[i].color_class);
        assert_string_equal(o.dec->facts.decoder, "tiff");
        assert_string_equal(o.dec->facts.media_type, "image/tiff");
        assert_int_equal(o.dec->facts.access, IIIF_ACCESS_TILES);
        close_all(&o);
        free(bytes.data);
    }
}

static void signed_samples_keep_their_order(void **state)
{
    spec_t spec = {.w = 40, .h = 30, .photometric = PHOTOMETRIC_MINISBLACK, .samples = 1, .bits = 8,
                   .sample_format = SAMPLEFORMAT_INT};

    (void)state;
    check_arrangements(spec, 0.51);
    spec.bits = 16;
    check_arrangements(spec, 0.51);
}

static void lab_becomes_offset_by_half(void **state)
{
    spec_t spec = {.w = 40, .h = 30, .photometric = PHOTOMETRIC_CIELAB, .samples = 3, .bits = 8};

    (void)state;
    check_arrangements(spec, 0.51);
    spec.bits = 16;
    check_arrangements(spec, 0.51);
    spec.photometric = PHOTOMETRIC_ICCLAB;
    check_arrangements(spec, 0.51);
    spec.bits = 8;
    check_arrangements(spec, 0.51);
}

static void palettes_become_rgb(void **state)
{
    static const uint16_t bits[] = {1, 2, 4, 8};
    uint16_t map[3][256];

    (void)state;
    for (unsigned c = 0; c < 3; c++)
        for (unsigned i = 0; i < 256; i++)
            map[c][i] = (uint16_t)((noise(i * 3 + c) & 255) * 257);
    for (size_t i = 0; i < IIIF_COUNT(bits); i++) {
        spec_t spec = {.w = 45, .h = 33, .photometric = PHOTOMETRIC_PALETTE, .samples = 1, .bits = bits[i],
                       .palette = {map[0], map[1], map[2]}};

        check_arrangements(spec, 0.01);
    }
}

static void palette_of_eight_bit_values_is_understood(void **state)
{
    uint16_t map[3][256];
    spec_t spec = {.w = 20, .h = 20, .photometric = PHOTOMETRIC_PALETTE, .samples = 1, .bits = 8,
                   .palette = {map[0], map[1], map[2]}};
    bytes_t bytes;
    opened_t o;
    uint8_t *pixels;

    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        map[0][i] = (uint16_t)i;
        map[1][i] = (uint16_t)(255 - i);
        map[2][i] = 7;
    }
    bytes = make_tiff("w", &spec, 1);
    assert_int_equal(open_page(&o, bytes, 1), IIIF_OK);
    pixels = read_level(&o, 0);
    assert_non_null(pixels);
    assert_int_equal(pixels[0], spec_sample(&spec, 0, 0, 0));
    assert_int_equal(pixels[1], 255 - spec_sample(&spec, 0, 0, 0));
    assert_int_equal(pixels[2], 7);
    free(pixels);
    close_all(&o);
    free(bytes.data);
}

/* A colour never above alpha, as a writer that multiplies makes it. */
static uint32_t sample_premultiplied(const spec_t *spec, uint32_t x, uint32_t y, unsigned c)
{
    uint32_t alpha = x % 9 == 0 ? 0 : sample_noise(spec, x, y, 50);

    return c + 1 == spec->samples ? alpha : alpha == 0 ? 0 : sample_noise(spec, x, y, c) % (alpha + 1);
}

static void alpha_is_delivered_straight(void **state)
{
    static const uint16_t bits[] = {8, 16};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(bits); i++) {
        spec_t spec = {.w = 50, .h = 37, .photometric = PHOTOMETRIC_RGB, .samples = 4, .bits = bits[i],
                       .extra_count = 1, .extra = {EXTRASAMPLE_UNASSALPHA}};

        check_arrangements(spec, 0.51);
        spec.extra[0] = EXTRASAMPLE_ASSOCALPHA;
        spec.sample = sample_premultiplied;
        check_arrangements(spec, 0.51);
        spec.photometric = PHOTOMETRIC_MINISBLACK;
        spec.samples = 2;
        check_arrangements(spec, 0.51);
        spec.sample = NULL;
        spec.extra[0] = EXTRASAMPLE_UNASSALPHA;
        check_arrangements(spec, 0.51);
        spec.photometric = PHOTOMETRIC_SEPARATED;
        spec.samples = 5;
        check_arrangements(spec, 0.51);
    }
}

static void further_samples_are_left_out(void **state)
{
    spec_t spec = {.w = 50, .h = 37, .photometric = PHOTOMETRIC_RGB, .samples = 6, .bits = 8, .extra_count = 3,
                   .extra = {EXTRASAMPLE_UNSPECIFIED, EXTRASAMPLE_UNASSALPHA, EXTRASAMPLE_UNSPECIFIED}};

    (void)state;
    check_arrangements(spec, 0.01);
    spec.extra[1] = EXTRASAMPLE_UNSPECIFIED;
    check_arrangements(spec, 0.01);
}

static void lossless_compressions(void **state)
{
    static const uint16_t schemes[] = {COMPRESSION_LZW, COMPRESSION_PACKBITS, COMPRESSION_ADOBE_DEFLATE,
                                       COMPRESSION_DEFLATE, COMPRESSION_ZSTD, COMPRESSION_LZMA};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(schemes); i++) {
        spec_t spec = {.w = 61, .h = 47, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8,
                       .compression = schemes[i]};

        if (!TIFFIsCODECConfigured(schemes[i]))
            continue;
        check_arrangements(spec, 0.01);
        spec.bits = 16;
        check_arrangements(spec, 0.01);
        spec.predictor = schemes[i] == COMPRESSION_PACKBITS ? 0 : PREDICTOR_HORIZONTAL;
        check_arrangements(spec, 0.01);
        spec.bits = 8;
        check_arrangements(spec, 0.01);
    }
}

/* The encoder may change colours that cannot be seen. */
static uint32_t sample_visible(const spec_t *spec, uint32_t x, uint32_t y, unsigned c)
{
    return sample_noise(spec, x, y, c) | (c == 3 ? 1 : 0);
}

static void webp_tiles(void **state)
{
    spec_t spec = {.w = 61, .h = 47, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8,
                   .compression = COMPRESSION_WEBP};

    (void)state;
    if (!TIFFIsCODECConfigured(COMPRESSION_WEBP))
        skip();
    check_arrangements(spec, 0.01);
    spec.samples = 4;
    spec.extra_count = 1;
    spec.extra[0] = EXTRASAMPLE_UNASSALPHA;
    spec.sample = sample_visible;
    check_arrangements(spec, 0.01);
}

static void fax_compressions(void **state)
{
    static const struct {
        uint16_t scheme;
        uint32_t group3;
    } cases[] = {{COMPRESSION_CCITTRLE, 0}, /* the word-aligned form: libtiff 4.5 cannot read what it writes */
                 {COMPRESSION_CCITTFAX3, 0},
                 {COMPRESSION_CCITTFAX3, GROUP3OPT_2DENCODING},
                 {COMPRESSION_CCITTFAX3, GROUP3OPT_FILLBITS},
                 {COMPRESSION_CCITTFAX4, 0}};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(cases); i++)
        for (unsigned order = 0; order < 3; order++)
            for (unsigned width = 1; width < 200; width += 37) {
                spec_t spec = {.w = width, .h = 45, .photometric = PHOTOMETRIC_MINISWHITE, .samples = 1, .bits = 1,
                               .compression = cases[i].scheme, .group3 = cases[i].group3,
                               .fill_order = (uint16_t)order};

                check_arrangements(spec, 0.01);
                spec.photometric = PHOTOMETRIC_MINISBLACK;
                check_spec("w", &spec, 0.01);
            }
}

static void jpeg_compression(void **state)
{
    static const uint16_t chroma[][2] = {{1, 1}, {2, 1}, {2, 2}};
    spec_t gray = {.w = 150, .h = 90, .photometric = PHOTOMETRIC_MINISBLACK, .samples = 1, .bits = 8,
                   .compression = COMPRESSION_JPEG, .sample = sample_smooth, .rows = 16};
    spec_t rgb = gray;

    (void)state;
    check_spec("w", &gray, 4);
    gray.rows = 0;
    gray.tile_w = gray.tile_h = 32;
    check_spec("wb", &gray, 4);
    rgb.photometric = PHOTOMETRIC_RGB;
    rgb.samples = 3;
    check_spec("w", &rgb, 4);
    rgb.planar = PLANARCONFIG_SEPARATE;
    check_spec("w", &rgb, 4);
    for (size_t i = 0; i < IIIF_COUNT(chroma); i++) {
        spec_t ycc = {.w = 150, .h = 90, .photometric = PHOTOMETRIC_YCBCR, .samples = 3, .bits = 8,
                      .compression = COMPRESSION_JPEG, .sample = sample_smooth, .rows = 16,
                      .chroma_x = chroma[i][0], .chroma_y = chroma[i][1]};

        check_spec("w", &ycc, 7);
        ycc.rows = 0;
        check_spec("w", &ycc, 7);
        ycc.tile_w = 48;
        ycc.tile_h = 32;
        check_spec("w8b", &ycc, 7);
    }
}

/* --- YCbCr that libjpeg does not convert -------------------------------------------------------------- */

static void check_ycbcr_pixels(const spec_t *spec, const uint8_t *pixels, double tolerance)
{
    uint32_t cx = spec->chroma_x, cy = spec->chroma_y;

    for (uint32_t y = 0; y < spec->h; y++)
        for (uint32_t x = 0; x < spec->w; x++) {
            double l = spec_sample(spec, x, y, 0);
            double cb = spec_sample(spec, x - x % cx, y - y % cy, 1) - 128.0;
            double cr = spec_sample(spec, x - x % cx, y - y % cy, 2) - 128.0;
            double rgb[3] = {l + 1.402 * cr, l - 0.344136 * cb - 0.714136 * cr, l + 1.772 * cb};

            for (unsigned c = 0; c < 3; c++) {
                double v = rgb[c] < 0 ? 0 : rgb[c] > 255 ? 255 : rgb[c];

                if (fabs(pixels[((size_t)y * spec->w + x) * 3 + c] - v) > tolerance)
                    fail_msg("pixel %u,%u channel %u: %u instead of %g", x, y, c,
                             pixels[((size_t)y * spec->w + x) * 3 + c], v);
            }
        }
}

static void ycbcr_without_jpeg(void **state)
{
    static const uint16_t factors[] = {1, 2, 4};

    (void)state;
    for (unsigned i = 0; i < 27; i++) {
        spec_t spec = {.w = 53, .h = 43, .photometric = PHOTOMETRIC_YCBCR, .samples = 3, .bits = 8,
                       .compression = COMPRESSION_LZW, .chroma_x = factors[i % 3], .chroma_y = factors[i / 3 % 3]};
        bytes_t bytes;
        opened_t o;
        uint8_t *pixels;

        if (i / 9 == 1)
            spec.rows = 16;
        if (i / 9 == 2)
            spec.tile_w = spec.tile_h = 16;
        bytes = make_tiff("w", &spec, 1);
        if (open_page(&o, bytes, 1) != IIIF_OK)
            fail_msg("%s", o.err.detail);
        pixels = read_level(&o, 0);
        assert_non_null(pixels);
        /* the chroma range of 127 (TIFF 6.0 §20) differs from JPEG's by nothing: 128…255 is 0…127 */
        check_ycbcr_pixels(&spec, pixels, 0.6);
        check_windows(&o, 0, pixels, 8);
        free(pixels);
        close_all(&o);
        free(bytes.data);
    }
}

static bytes_t make_jpeg(uint32_t w, uint32_t h, bool progressive)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr error;
    unsigned char *data = NULL;
    unsigned long length = 0;
    uint8_t *row = malloc((size_t)w * 3);

    c.err = jpeg_std_error(&error);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &data, &length);
    c.image_width = w;
    c.image_height = h;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 95, TRUE);
    if (progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            row[x * 3] = (uint8_t)(x * 255 / w);
            row[x * 3 + 1] = (uint8_t)(y * 255 / h);
            row[x * 3 + 2] = (uint8_t)((x + y) * 255 / (w + h));
        }
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    free(row);
    return (bytes_t){data, length};
}

/* A classic TIFF with one strip that is this JPEG, old (6) or new (7) style. */
static bytes_t wrap_jpeg(bytes_t jpeg, uint32_t w, uint32_t h, unsigned compression, uint32_t byte_count)
{
    uint32_t tags[12][3] = {{256, 4, w},           {257, 4, h},  {258, 3, 8}, {259, 3, compression}, {262, 3, 6},
                            {273, 4, 0},           {277, 3, 3},  {278, 4, h}, {279, 4, byte_count},  {513, 4, 0},
                            {514, 4, (uint32_t)jpeg.length}, {530, 3, 2u | 2u << 16}};
    unsigned n = 12;
    bytes_t out = {calloc(1, 8 + 2 + 12 * 12 + 4 + jpeg.length), 8 + 2 + 12 * 12 + 4 + jpeg.length};

    memcpy(out.data, "II*\0\10\0\0\0", 8);
    out.data[8] = (uint8_t)n;
    tags[5][2] = tags[9][2] = 8 + 2 + 12 * 12 + 4;
    for (unsigned i = 0; i < n; i++) {
        uint8_t *entry = out.data + 10 + i * 12;

        put32(entry, tags[i][0] | tags[i][1] << 16);
        put32(entry + 4, tags[i][0] == 530 ? 2 : 1);
        put32(entry + 8, tags[i][2]);
    }
    memcpy(out.data + 8 + 2 + 12 * 12 + 4, jpeg.data, jpeg.length);
    return out;
}

static uint32_t sample_jpeg(const spec_t *spec, uint32_t x, uint32_t y, unsigned c)
{
    return sample_smooth(spec, x, y, c);
}

static void old_jpeg_and_progressive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        spec_t spec = {.w = 121, .h = 83, .photometric = PHOTOMETRIC_YCBCR, .samples = 3, .bits = 8,
                       .sample = sample_jpeg};
        bytes_t jpeg = make_jpeg(spec.w, spec.h, i == 2);
        bytes_t bytes = wrap_jpeg(jpeg, spec.w, spec.h, i == 0 ? 6 : 7, (uint32_t)jpeg.length);
        opened_t o;
        uint8_t *pixels;

        if (i == 0 && !TIFFIsCODECConfigured(COMPRESSION_OJPEG))
            continue;
        if (open_page(&o, bytes, 1) != IIIF_OK)
            fail_msg("%s", o.err.detail);
        pixels = read_level(&o, 0);
        if (pixels == NULL)
            fail_msg("%s", o.err.detail);
        check_pixels(&spec, o.dec, pixels, 9);
        check_windows(&o, 0, pixels, 8);
        free(pixels);
        close_all(&o);
        free(jpeg.data);
        free(bytes.data);
    }
}

/* libjpeg holds the coefficients of the whole strip for progressive JPEG: that has to be counted before it does. */
static void progressive_jpeg_is_counted(void **state)
{
    spec_t spec = {.w = 1301, .h = 1205, .photometric = PHOTOMETRIC_YCBCR, .samples = 3, .bits = 8,
                   .sample = sample_jpeg};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        bytes_t jpeg = make_jpeg(spec.w, spec.h, i > 0);
        bytes_t bytes = wrap_jpeg(jpeg, spec.w, spec.h, 7, (uint32_t)jpeg.length);
        opened_t o;
        uint8_t *pixels;

        assert_int_equal(open_limited(&o, bytes.data, bytes.length, 1, (size_t)(i == 1 ? 64 : 4) << 20), IIIF_OK);
        assert_int_equal(o.dec->facts.access, IIIF_ACCESS_ROWS);
        pixels = read_level(&o, 0);
        if (i == 2) {
            assert_null(pixels);
            assert_int_equal(o.err.kind, IIIF_E_TOO_LARGE);
        } else {
            assert_non_null(pixels);
            check_pixels(&spec, o.dec, pixels, 9);
        }
        if (i == 1)
            assert_true(o.mem.peak > (size_t)1301 * 1205 * 3);
        free(pixels);
        close_all(&o);
        free(jpeg.data);
        free(bytes.data);
    }
}

/* libjpeg would fill what is missing with gray. */
static void cut_jpeg_is_an_error(void **state)
{
    bytes_t jpeg = make_jpeg(320, 240, false);

    (void)state;
    for (unsigned compression = 6; compression <= 7; compression++)
        for (uint32_t k = 1; k < 64; k++) {
            uint32_t keep = (uint32_t)(jpeg.length * k / 64);
            bytes_t cut = {jpeg.data, keep};
            bytes_t bytes = wrap_jpeg(cut, 320, 240, compression, keep);
            opened_t o;

            if (open_page(&o, bytes, 1) == IIIF_OK)
                assert_null(read_level(&o, 0));
            if (o.err.kind != IIIF_E_BAD_MASTER)
                fail_msg("%u/64: %d %s", k, o.err.kind, o.err.detail);
            close_all(&o);
            free(bytes.data);
        }
    free(jpeg.data);
}

/* A tile whose JPEG is smaller than the tile. */
static void small_jpeg_in_a_big_strip_is_an_error(void **state)
{
    bytes_t jpeg = make_jpeg(64, 32, false);
    bytes_t bytes = wrap_jpeg(jpeg, 64, 64, 7, (uint32_t)jpeg.length);
    opened_t o;

    (void)state;
    assert_int_equal(open_page(&o, bytes, 1), IIIF_OK);
    assert_null(read_level(&o, 0));
    assert_int_equal(o.err.kind, IIIF_E_BAD_MASTER);
    close_all(&o);
    free(jpeg.data);
    free(bytes.data);
}

/* --- row by row ---------------------------------------------------------------------------------------- */

static void single_big_strips_are_read_by_rows(void **state)
{
    static const uint16_t schemes[] = {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_JPEG,
                                       COMPRESSION_PACKBITS, COMPRESSION_ZSTD};

    (void)state;
    for (unsigned i = 0; i < 2 * IIIF_COUNT(schemes); i++) {
        spec_t spec = {.w = 1301, .h = 1201, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8,
                       .compression = schemes[i / 2], .sample = sample_smooth};
        bytes_t bytes;
        opened_t o;
        uint8_t *pixels;

        if (i % 2 == 1) {
            spec.planar = PLANARCONFIG_SEPARATE;
            spec.bits = schemes[i / 2] == COMPRESSION_JPEG ? 8 : 16;
            spec.w = spec.bits == 16 ? 2001 : 2201;
            spec.h = spec.bits == 16 ? 1201 : 2001;
        }
        if (!TIFFIsCODECConfigured(schemes[i / 2]))
            continue;
        bytes = make_tiff("w", &spec, 1);
        /* less than a strip, but for Zstandard, which looks back a long way */
        if (open_limited(&o, bytes.data, bytes.length, 1,
                         (size_t)(schemes[i / 2] == COMPRESSION_ZSTD ? 24 : 3) << 20) != IIIF_OK)
            fail_msg("%s", o.err.detail);
        assert_int_equal(o.dec->facts.access, IIIF_ACCESS_ROWS);
        pixels = read_level(&o, 0);
        if (pixels == NULL)
            fail_msg("scheme %u: %s", schemes[i / 2], o.err.detail);
        check_pixels(&spec, o.dec, pixels, schemes[i / 2] == COMPRESSION_JPEG ? 4 : 0.01);
        check_windows(&o, 0, pixels, 4);
        free(pixels);
        close_all(&o);
        free(bytes.data);
    }
}

/* --- levels and pages ------------------------------------------------------------------------------------ */

static spec_t level_spec(uint32_t w, uint32_t h, uint32_t subfile, uint32_t tile)
{
    spec_t spec = {.w = w, .h = h, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8, .tile_w = tile,
                   .tile_h = tile, .subfile = subfile, .seed = w, .compression = COMPRESSION_ADOBE_DEFLATE};

    return spec;
}

static void check_level(opened_t *o, unsigned level, const spec_t *spec)
{
    uint8_t *pixels;

    assert_int_equal(o->dec->facts.levels[level].width, spec->w);
    assert_int_equal(o->dec->facts.levels[level].height, spec->h);
    assert_int_equal(o->dec->facts.levels[level].tile_width, spec->tile_w);
    assert_int_equal(o->dec->facts.levels[level].tile_height, spec->tile_h);
    pixels = read_level(o, level);
    if (pixels == NULL)
        fail_msg("level %u: %s", level, o->err.detail);
    check_pixels(spec, o->dec, pixels, 0.01);
    check_windows(o, level, pixels, 6);
    free(pixels);
}

/* Full size, then what may belong to it; a page of another kind at the end. */
static void check_pyramid(const char *mode, spec_t *specs, unsigned count, unsigned levels, uint32_t pages)
{
    bytes_t bytes = make_tiff(mode, specs, count);
    opened_t o;

    if (open_page(&o, bytes, 1) != IIIF_OK)
        fail_msg("%s", o.err.detail);
    assert_int_equal(o.dec->facts.level_count, levels);
    assert_int_equal(o.dec->facts.pages, pages);
    for (unsigned i = 0; i < levels; i++)
        check_level(&o, i, &specs[i]);
    check_level(&o, 0, &specs[0]); /* and back */
    close_all(&o);
    free(bytes.data);
}

static void pyramid_by_sub_ifds(void **state)
{
    spec_t specs[4] = {level_spec(201, 151, 0, 64), level_spec(101, 76, 1, 32), level_spec(51, 38, 1, 64),
                       level_spec(26, 19, 1, 16)};

    (void)state;
    specs[0].sub_ifds = 3;
    check_pyramid("w", specs, 4, 4, 1);
    check_pyramid("w8b", specs, 4, 4, 1);
    specs[0].sub_ifds = 1; /* the value lies in the entry itself; the rest are pages, marked as reduced */
    check_pyramid("wb", specs, 4, 4, 1);
}

static void pyramid_by_pages(void **state)
{
    spec_t specs[4] = {level_spec(201, 151, 0, 64), level_spec(100, 75, 0, 64), level_spec(50, 37, 0, 64),
                       level_spec(25, 19, 0, 64)};

    (void)state;
    check_pyramid("w", specs, 4, 4, 1);
    for (unsigned i = 1; i < 4; i++)
        specs[i].subfile = FILETYPE_REDUCEDIMAGE;
    check_pyramid("w8", specs, 4, 4, 1);
}

static void levels_are_ordered_and_misfits_left_out(void **state)
{
    spec_t specs[6] = {level_spec(400, 300, 0, 64), level_spec(50, 38, 1, 64), level_spec(200, 150, 1, 32),
                       level_spec(100, 100, 1, 64), /* another shape: a thumbnail with borders */
                       level_spec(133, 100, 1, 16), level_spec(64, 48, 1, 64)};
    spec_t sorted[5];
    bytes_t bytes;
    opened_t o;

    (void)state;
    specs[5].samples = 1; /* other channels */
    specs[5].photometric = PHOTOMETRIC_MINISBLACK;
    sorted[0] = specs[0];
    sorted[1] = specs[2];
    sorted[2] = specs[4];
    sorted[3] = specs[1];
    bytes = make_tiff("w", specs, 6);
    assert_int_equal(open_page(&o, bytes, 1), IIIF_OK);
    assert_int_equal(o.dec->facts.level_count, 4);
    for (unsigned i = 0; i < 4; i++)
        check_level(&o, i, &sorted[i]);
    assert_true(o.dec->facts.levels[1].is_power);
    assert_int_equal(o.dec->facts.levels[1].shift, 1);
    assert_false(o.dec->facts.levels[2].is_power);
    close_all(&o);
    free(bytes.data);
}

static void pages_are_addressed(void **state)
{
    spec_t specs[5] = {level_spec(120, 90, 2, 64), level_spec(60, 45, 1, 64), level_spec(90, 120, 2, 32),
                       level_spec(45, 60, 0, 32), level_spec(120, 90, 0, 16)};
    static const unsigned first[] = {0, 2, 4}, levels[] = {2, 2, 1};
    bytes_t bytes = make_tiff("w", specs, 5);
    opened_t o;

    (void)state;
    for (uint32_t page = 1; page <= 3; page++) {
        assert_int_equal(open_page(&o, bytes, page), IIIF_OK);
        assert_int_equal(o.dec->facts.pages, 3);
        assert_int_equal(o.dec->facts.page, page);
        assert_int_equal(o.dec->facts.level_count, levels[page - 1]);
        for (unsigned i = 0; i < levels[page - 1]; i++)
            check_level(&o, i, &specs[first[page - 1] + i]);
        close_all(&o);
    }
    assert_int_equal(open_page(&o, bytes, 4), IIIF_E_NOT_FOUND);
    close_all(&o);
    free(bytes.data);
}

/* --- tags --------------------------------------------------------------------------------------------------- */

static void tags_become_facts(void **state)
{
    static uint8_t icc[300];
    spec_t spec = {.w = 30, .h = 20, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8, .orientation = 6,
                   .resolution = 300, .unit = RESUNIT_INCH, .icc = icc, .icc_length = sizeof(icc)};
    bytes_t bytes;
    opened_t o;
    const uint8_t *data;
    size_t length;
    uint8_t *pixels;

    (void)state;
    memset(icc, 0x42, sizeof(icc));
    bytes = make_tiff("w", &spec, 1);
    assert_int_equal(open_page(&o, bytes, 1), IIIF_OK);
    assert_int_equal(o.dec->facts.orientation, 6);
    assert_int_equal(o.dec->facts.width, 20);
    assert_int_equal(o.dec->facts.height, 30);
    assert_int_equal(o.dec->facts.unit, IIIF_UNIT_INCH);
    assert_true(fabs(o.dec->facts.pixels_per_unit_x - 300) < 0.01);
    assert_true(o.dec->facts.has_profile);
    assert_int_equal(iiif_dec_tiff.profile(o.dec, &data, &length, &o.err), IIIF_OK);
    assert_int_equal(length, sizeof(icc));
    assert_memory_equal(data, icc, length);
    pixels = read_level(&o, 0); /* stored, not turned */
    assert_non_null(pixels);
    check_pixels(&spec, o.dec, pixels, 0.01);
    free(pixels);
    close_all(&o);
    free(bytes.data);
}

static void what_is_not_read_is_said(void **state)
{
    spec_t floats = {.w = 16, .h = 16, .photometric = PHOTOMETRIC_MINISBLACK, .samples = 1, .bits = 16,
                     .sample_format = SAMPLEFORMAT_IEEEFP};
    spec_t inks = {.w = 16, .h = 16, .photometric = PHOTOMETRIC_SEPARATED, .samples = 4, .bits = 8,
                   .ink_set = INKSET_MULTIINK};
    spec_t plain = {.w = 16, .h = 16, .photometric = PHOTOMETRIC_MINISBLACK, .samples = 1, .bits = 8};
    bytes_t files[4] = {make_tiff("w", &floats, 1), make_tiff("w", &inks, 1), make_tiff("w", &plain, 1),
                        make_tiff("w", &plain, 1)};
    static const char *const words[] = {"floating", "CMYK", "bits", "compressed"};

    (void)state;
    find_entry(files[2].data, TIFFTAG_BITSPERSAMPLE)[8] = 32;
    put32(find_entry(files[3].data, TIFFTAG_COMPRESSION) + 8, COMPRESSION_SGILOG);
    for (size_t i = 0; i < 4; i++) {
        opened_t o;

        assert_int_equal(open_page(&o, files[i], 1), IIIF_E_UNSUPPORTED);
        assert_non_null(strstr(o.err.detail, words[i]));
        close_all(&o);
        free(files[i].data);
    }
}

/* --- damage --------------------------------------------------------------------------------------------------- */

/* Either the pixels of the sound file, or an error that says so. */
static bool same_or_error(bytes_t bytes, const uint8_t *sound, size_t length)
{
    opened_t o;
    bool read = false;

    if (open_page(&o, bytes, 1) == IIIF_OK) {
        uint8_t *pixels = read_level(&o, 0);

        if (pixels != NULL) {
            assert_memory_equal(pixels, sound, length);
            read = true;
        }
        free(pixels);
    }
    if (!read && o.err.kind != IIIF_E_BAD_MASTER)
        fail_msg("kind %d: %s", o.err.kind, o.err.detail);
    close_all(&o);
    return read;
}

static void cut_files_are_errors(void **state)
{
    static const uint16_t schemes[] = {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                       COMPRESSION_PACKBITS, COMPRESSION_CCITTFAX4, COMPRESSION_CCITTFAX3,
                                       COMPRESSION_CCITTRLE, COMPRESSION_JPEG, COMPRESSION_ZSTD, COMPRESSION_LZMA,
                                       COMPRESSION_WEBP};

    (void)state;
    for (unsigned i = 0; i < 3 * IIIF_COUNT(schemes); i++) {
        uint16_t scheme = schemes[i / 3];
        bool fax = scheme == COMPRESSION_CCITTFAX4 || scheme == COMPRESSION_CCITTFAX3 || scheme == COMPRESSION_CCITTRLE;
        spec_t spec = {.w = 128, .h = 96, .photometric = fax ? PHOTOMETRIC_MINISWHITE : PHOTOMETRIC_RGB,
                       .samples = fax ? 1 : 3, .bits = fax ? 1 : 8, .compression = scheme};
        bytes_t old, bytes;
        opened_t o;
        uint8_t *sound;
        size_t length;
        unsigned whole = 0;

        if (!TIFFIsCODECConfigured(scheme))
            continue;
        if (i % 3 == 1)
            spec.rows = 16;
        if (i % 3 == 2)
            spec.tile_w = spec.tile_h = 32;
        old = make_tiff("w", &spec, 1);
        bytes = front_load(old);
        assert_int_equal(open_page(&o, bytes, 1), IIIF_OK);
        sound = read_level(&o, 0);
        if (sound == NULL)
            fail_msg("scheme %u: %s", scheme, o.err.detail);
        length = (size_t)spec.w * spec.h * pixel_bytes(o.dec);
        close_all(&o);
        for (uint32_t k = 1; k < 64; k++) {
            bytes_t cut = {bytes.data, bytes.length * k / 64};

            whole += same_or_error(cut, sound, length);
        }
        assert_int_equal(whole, 0);
        free(sound);
        free(old.data);
        free(bytes.data);
    }
}

/* Data that ends in good order before the strip does; libtiff reports success. */
static void data_for_fewer_rows_or_columns_is_an_error(void **state)
{
    static const uint16_t schemes[] = {COMPRESSION_CCITTFAX4, COMPRESSION_CCITTFAX3, COMPRESSION_CCITTRLE,
                                       COMPRESSION_WEBP, COMPRESSION_WEBP};

    (void)state;
    for (unsigned i = 0; i < IIIF_COUNT(schemes); i++) {
        bool fax = schemes[i] != COMPRESSION_WEBP;
        spec_t spec = {.w = 64, .h = 40, .photometric = fax ? PHOTOMETRIC_MINISWHITE : PHOTOMETRIC_RGB,
                       .samples = fax ? 1 : 3, .bits = fax ? 1 : 8, .compression = schemes[i]};
        bytes_t bytes;

        if (!TIFFIsCODECConfigured(schemes[i]))
            continue;
        bytes = make_tiff("w", &spec, 1);
        if (i == 4) {
            find_entry(bytes.data, TIFFTAG_IMAGEWIDTH)[8] = 80;
        } else {
            find_entry(bytes.data, TIFFTAG_IMAGELENGTH)[8] = 60;
            find_entry(bytes.data, TIFFTAG_ROWSPERSTRIP)[8] = 60;
        }
        assert_false(same_or_error(bytes, NULL, 0));
        free(bytes.data);
    }
}

/* The strip says that it is shorter than it is: as if the writer had been stopped. */
static void short_strips_are_errors(void **state)
{
    static const uint16_t schemes[] = {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                       COMPRESSION_PACKBITS, COMPRESSION_CCITTFAX4, COMPRESSION_CCITTFAX3,
                                       COMPRESSION_CCITTRLE, COMPRESSION_JPEG, COMPRESSION_ZSTD, COMPRESSION_LZMA,
                                       COMPRESSION_WEBP};

    (void)state;
    for (unsigned i = 0; i < IIIF_COUNT(schemes); i++) {
        uint16_t scheme = schemes[i];
        bool fax = scheme == COMPRESSION_CCITTFAX4 || scheme == COMPRESSION_CCITTFAX3 || scheme == COMPRESSION_CCITTRLE;
        spec_t spec = {.w = 228, .h = 196, .photometric = fax ? PHOTOMETRIC_MINISWHITE : PHOTOMETRIC_RGB,
                       .samples = fax ? 1 : 3, .bits = fax ? 1 : 8, .compression = scheme, .sample = NULL};
        bytes_t bytes;
        uint32_t count;

        if (!TIFFIsCODECConfigured(scheme))
            continue;
        bytes = make_tiff("w", &spec, 1);
        count = get32(find_entry(bytes.data, TIFFTAG_STRIPBYTECOUNTS) + 8);
        if (get16(find_entry(bytes.data, TIFFTAG_STRIPBYTECOUNTS) + 2) == 3)
            count &= 0xFFFF;
        for (uint32_t k = 1; k < 64; k++) {
            opened_t o;

            put32(find_entry(bytes.data, TIFFTAG_STRIPBYTECOUNTS) + 8, count * k / 64);
            if (open_page(&o, bytes, 1) == IIIF_OK) {
                uint8_t *pixels = read_level(&o, 0);

                /* libtiff guesses the count of one uncompressed strip where it looks wrong; then nothing is lost */
                if (pixels != NULL)
                    check_pixels(&spec, o.dec, pixels, 0.01);
                if (pixels != NULL && scheme != COMPRESSION_NONE)
                    fail_msg("scheme %u %u/64 was read", scheme, k);
                free(pixels);
            }
            close_all(&o);
        }
        free(bytes.data);
    }
}

static void flipped_bits_do_no_harm(void **state)
{
    static const uint16_t schemes[] = {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                       COMPRESSION_PACKBITS, COMPRESSION_CCITTFAX4, COMPRESSION_CCITTFAX3,
                                       COMPRESSION_JPEG, COMPRESSION_ZSTD, COMPRESSION_WEBP};

    (void)state;
    for (unsigned i = 0; i < 2 * IIIF_COUNT(schemes); i++) {
        uint16_t scheme = schemes[i / 2];
        bool fax = scheme == COMPRESSION_CCITTFAX4 || scheme == COMPRESSION_CCITTFAX3;
        spec_t spec[2] = {{.w = 70, .h = 50, .photometric = fax ? PHOTOMETRIC_MINISWHITE : PHOTOMETRIC_RGB,
                           .samples = fax ? 1 : 3, .bits = fax ? 1 : 8, .compression = scheme, .rows = 24}};
        bytes_t bytes;

        if (!TIFFIsCODECConfigured(scheme))
            continue;
        if (i % 2 == 1) {
            spec[0].rows = 0;
            spec[0].tile_w = spec[0].tile_h = 32;
            spec[0].sub_ifds = 1;
        }
        spec[1] = spec[0];
        spec[1].w = 35;
        spec[1].h = 25;
        spec[1].sub_ifds = 0;
        bytes = make_tiff(i % 2 == 1 ? "w8" : "w", spec, i % 2 + 1);
        for (unsigned k = 0; k < 150; k++) {
            uint8_t *copy = malloc(bytes.length); /* of this size: what reads beyond is seen */
            opened_t o;

            memcpy(copy, bytes.data, bytes.length);
            for (unsigned flips = 1 + rand_below(4); flips > 0; flips--) {
                /* half of them in the directories at the end */
                size_t at = rand_below(2) ? bytes.length - 1 - rand_below((uint32_t)bytes.length / 4)
                                          : rand_below((uint32_t)bytes.length);

                copy[at] ^= (uint8_t)(1u << rand_below(8));
            }
            if (open_limited(&o, copy, bytes.length, 1, (size_t)32 << 20) == IIIF_OK &&
                (uint64_t)o.dec->facts.width * o.dec->facts.height < 1000000)
                for (unsigned level = 0; level < o.dec->facts.level_count; level++)
                    free(read_level(&o, level));
            close_all(&o);
            free(copy);
        }
        free(bytes.data);
    }
}

/* --- absurd ---------------------------------------------------------------------------------------------------- */

static void circles_are_refused(void **state)
{
    spec_t specs[3] = {level_spec(60, 40, 0, 16), level_spec(61, 40, 0, 16), level_spec(62, 40, 0, 16)};
    bytes_t bytes = make_tiff("w", specs, 3);
    uint32_t offsets[3];
    opened_t o;

    (void)state;
    offsets[0] = get32(bytes.data + 4);
    for (unsigned i = 1; i < 3; i++)
        offsets[i] = get32(bytes.data + offsets[i - 1] + 2 + get16(bytes.data + offsets[i - 1]) * 12);
    for (unsigned i = 0; i < 3; i++) {
        put32(bytes.data + offsets[2] + 2 + get16(bytes.data + offsets[2]) * 12, offsets[i]);
        assert_int_equal(open_page(&o, bytes, 1), IIIF_E_BAD_MASTER);
        assert_non_null(strstr(o.err.detail, "circle"));
        close_all(&o);
    }
    free(bytes.data);
}

/* Directories of two tags and nothing else, one after the other. */
static void too_many_directories_are_refused(void **state)
{
    enum { COUNT = 10001, BYTES = 2 + 2 * 12 + 4 };
    bytes_t bytes = {calloc(1, 8 + COUNT * BYTES), 8 + COUNT * BYTES};
    opened_t o;

    (void)state;
    memcpy(bytes.data, "II*\0\10\0\0\0", 8);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint8_t *ifd = bytes.data + 8 + i * BYTES;

        ifd[0] = 2;
        for (uint32_t k = 0; k < 2; k++) {
            put32(ifd + 2 + k * 12, (TIFFTAG_IMAGEWIDTH + k) | 4u << 16);
            put32(ifd + 6 + k * 12, 1);
            put32(ifd + 10 + k * 12, 100);
        }
        put32(ifd + 26, i + 1 < COUNT ? 8 + (i + 1) * BYTES : 0);
    }
    assert_int_equal(open_page(&o, bytes, 1), IIIF_E_TOO_LARGE);
    assert_non_null(strstr(o.err.detail, "directories"));
    close_all(&o);
    free(bytes.data);
}

static void refuse(const spec_t *spec, unsigned tag, uint32_t value, iiif_rc kind)
{
    bytes_t bytes = make_tiff("w", spec, 1);
    uint8_t *entry = find_entry(bytes.data, tag);
    opened_t o;
    iiif_rc rc;

    assert_non_null(entry);
    if (get16(entry + 2) == 3 && value > 0xFFFF)
        entry[2] = 4;
    put32(entry + 8, value);
    rc = open_page(&o, bytes, 1);
    if (rc == IIIF_OK) {
        iiif_rect_t corner = {0, 0, 1, 1};

        assert_null(read_window(&o, 0, corner, 1));
        rc = o.err.kind;
    }
    if (rc != kind)
        fail_msg("tag %u = %u: kind %d (%s)", tag, value, rc, o.err.detail);
    assert_true(o.mem.peak < (size_t)64 << 20);
    close_all(&o);
    free(bytes.data);
}

static void absurd_numbers_are_refused(void **state)
{
    spec_t strips = {.w = 30, .h = 20, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8,
                     .compression = COMPRESSION_LZW};
    spec_t tiles = strips;
    spec_t raw = strips;

    (void)state;
    tiles.tile_w = tiles.tile_h = 16;
    raw.compression = COMPRESSION_NONE;
    refuse(&strips, TIFFTAG_IMAGEWIDTH, 0x7FFFFFFF, IIIF_E_TOO_LARGE);
    refuse(&strips, TIFFTAG_IMAGELENGTH, 0xFFFFFFFF, IIIF_E_TOO_LARGE);
    refuse(&strips, TIFFTAG_IMAGEWIDTH, 0, IIIF_E_BAD_MASTER);
    refuse(&strips, TIFFTAG_SAMPLESPERPIXEL, 65535, IIIF_E_BAD_MASTER);
    refuse(&strips, TIFFTAG_STRIPOFFSETS, 0x7FFFFFF0, IIIF_E_BAD_MASTER);
    refuse(&strips, TIFFTAG_STRIPBYTECOUNTS, 0x7FFFFFF0, IIIF_E_BAD_MASTER);
    refuse(&raw, TIFFTAG_STRIPOFFSETS, 0x7FFFFFF0, IIIF_E_BAD_MASTER);
    refuse(&tiles, TIFFTAG_TILEWIDTH, 0x40000000, IIIF_E_TOO_LARGE);
    refuse(&tiles, TIFFTAG_TILELENGTH, 0x10000, IIIF_E_BAD_MASTER);
}

static void too_many_pixels_are_refused(void **state)
{
    spec_t spec = {.w = 20000, .h = 1, .photometric = PHOTOMETRIC_MINISBLACK, .samples = 1, .bits = 1};

    (void)state;
    refuse(&spec, TIFFTAG_IMAGELENGTH, 10000, IIIF_E_TOO_LARGE);
}

/* The master is more than the budget: rendered nevertheless where blocks are small, refused where one is too big. */
static void budget_holds(void **state)
{
    spec_t small = {.w = 4000, .h = 600, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8, .tile_w = 256,
                    .tile_h = 256};
    spec_t big = {.w = 1024, .h = 1024, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8, .tile_w = 1024,
                  .tile_h = 1024};
    bytes_t bytes = make_tiff("w", &small, 1);
    opened_t o;
    uint8_t *pixels;

    (void)state;
    assert_int_equal(open_limited(&o, bytes.data, bytes.length, 1, (size_t)4 << 20), IIIF_OK);
    pixels = read_level(&o, 0);
    assert_non_null(pixels);
    check_pixels(&small, o.dec, pixels, 0.01);
    assert_true(o.mem.peak <= o.dec->facts.fixed_bytes + 65536);
    free(pixels);
    close_all(&o);
    free(bytes.data);
    bytes = make_tiff("w", &big, 1);
    assert_int_equal(open_limited(&o, bytes.data, bytes.length, 1, (size_t)2 << 20), IIIF_E_TOO_LARGE);
    close_all(&o);
    free(bytes.data);
}

static void every_failed_allocation_is_survived(void **state)
{
    spec_t specs[2] = {level_spec(90, 70, 0, 32), level_spec(45, 35, 1, 32)};
    uint16_t map[256] = {0};
    spec_t palette = {.w = 90, .h = 70, .photometric = PHOTOMETRIC_PALETTE, .samples = 1, .bits = 8,
                      .palette = {map, map, map}, .rows = 10, .compression = COMPRESSION_LZW};
    bytes_t files[2] = {make_tiff("w", specs, 2), make_tiff("w", &palette, 1)};

    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        bool done = false;

        for (unsigned long n = 1; !done; n++) {
            iiif_dec_options_t options = {.page = 1};
            opened_t o;
            iiif_rc rc;

            memset(&o, 0, sizeof(o));
            o.work.mem = &o.mem;
            o.mem.fail_at = n + 1; /* the source is not what is tested */
            assert_int_equal(iiif_src_open_memory(files[f].data, files[f].length, &o.mem, &o.src, &o.err), IIIF_OK);
            rc = iiif_dec_tiff.open(o.src, &options, &o.work, &o.dec, &o.err);
            if (rc == IIIF_OK) {
                uint8_t *pixels = read_level(&o, o.dec->facts.level_count - 1u);

                done = pixels != NULL && o.mem.calls <= n;
                rc = pixels != NULL ? IIIF_OK : o.err.kind;
                free(pixels);
            } else {
                o.dec = NULL;
            }
            if (!done)
                assert_int_equal(rc, IIIF_E_NO_MEMORY);
            close_all(&o);
            assert_true(n < 200);
        }
        free(files[f].data);
    }
}

static bool always_gone(void *context)
{
    (void)context;
    return true;
}

static void the_client_may_go(void **state)
{
    spec_t spec = level_spec(300, 300, 0, 16);
    bytes_t bytes = make_tiff("w", &spec, 1);
    opened_t o;

    (void)state;
    assert_int_equal(open_page(&o, bytes, 1), IIIF_OK);
    o.cancel.gone = always_gone;
    assert_null(read_level(&o, 0));
    assert_int_equal(o.err.kind, IIIF_E_CANCELLED);
    close_all(&o);
    free(bytes.data);
}

/* libtiff prints by default; nothing of this may reach the log of a server. */
static void nothing_is_printed(void **state)
{
    spec_t spec = {.w = 30, .h = 20, .photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8,
                   .compression = COMPRESSION_ADOBE_DEFLATE};
    bytes_t bytes = make_tiff("w", &spec, 1);
    char path[] = "/tmp/tiff_quiet_XXXXXX";
    int fd = mkstemp(path), old = dup(2);
    opened_t o;
    off_t printed;

    (void)state;
    fflush(stderr);
    dup2(fd, 2);
    memset(bytes.data + 8, 0xAA, 40);
    find_entry(bytes.data, TIFFTAG_PHOTOMETRIC)[0] ^= 0x80; /* an unknown tag, out of order: warnings */
    if (open_page(&o, bytes, 1) == IIIF_OK)
        (void)read_level(&o, 0);
    printed = lseek(fd, 0, SEEK_END);
    dup2(old, 2);
    close(old);
    close(fd);
    unlink(path);
    close_all(&o);
    free(bytes.data);
    assert_int_equal(printed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gray_of_all_depths),
        cmocka_unit_test(color_of_all_depths),
        cmocka_unit_test(facts_say_depth_and_class),
        cmocka_unit_test(signed_samples_keep_their_order),
        cmocka_unit_test(lab_becomes_offset_by_half),
        cmocka_unit_test(palettes_become_rgb),
        cmocka_unit_test(palette_of_eight_bit_values_is_understood),
        cmocka_unit_test(alpha_is_delivered_straight),
        cmocka_unit_test(further_samples_are_left_out),
        cmocka_unit_test(lossless_compressions),
        cmocka_unit_test(webp_tiles),
        cmocka_unit_test(fax_compressions),
        cmocka_unit_test(jpeg_compression),
        cmocka_unit_test(ycbcr_without_jpeg),
        cmocka_unit_test(old_jpeg_and_progressive),
        cmocka_unit_test(progressive_jpeg_is_counted),
        cmocka_unit_test(cut_jpeg_is_an_error),
        cmocka_unit_test(small_jpeg_in_a_big_strip_is_an_error),
        cmocka_unit_test(single_big_strips_are_read_by_rows),
        cmocka_unit_test(pyramid_by_sub_ifds),
        cmocka_unit_test(pyramid_by_pages),
        cmocka_unit_test(levels_are_ordered_and_misfits_left_out),
        cmocka_unit_test(pages_are_addressed),
        cmocka_unit_test(tags_become_facts),
        cmocka_unit_test(what_is_not_read_is_said),
        cmocka_unit_test(cut_files_are_errors),
        cmocka_unit_test(data_for_fewer_rows_or_columns_is_an_error),
        cmocka_unit_test(short_strips_are_errors),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(circles_are_refused),
        cmocka_unit_test(too_many_directories_are_refused),
        cmocka_unit_test(absurd_numbers_are_refused),
        cmocka_unit_test(too_many_pixels_are_refused),
        cmocka_unit_test(budget_holds),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(the_client_may_go),
        cmocka_unit_test(nothing_is_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else
int main(void)
{
    return 0; /* this build has no TIFF */
}
#endif
