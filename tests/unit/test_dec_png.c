/* SPDX-License-Identifier: Apache-2.0 */
/* PNG masters: every kind that libpng writes, against samples expanded here by hand. */
#include "codec_kit.h"

#include <png.h>
#include <stdio.h>
#include <unistd.h>

#include "../../lib/codec/iiif_color.h"

extern const iiif_decoder_t iiif_dec_png;

#define WIDTH 37u
#define HEIGHT 29u

typedef struct kind {
    int color_type, bits;
    bool interlaced, transparency;
} kind_t;

/* --- making files --------------------------------------------------------------------------------------- */

static void collect(png_structp png, png_bytep data, size_t n)
{
    kit_append(png_get_io_ptr(png), data, n);
}

static void no_flush(png_structp png)
{
    (void)png;
}

static unsigned channels_of(int color_type)
{
    return color_type == PNG_COLOR_TYPE_RGB         ? 3
           : color_type == PNG_COLOR_TYPE_RGB_ALPHA ? 4
           : color_type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                     : 1;
}

/* A stored sample, any depth, at a place; palettes have 2^bits entries. */
static unsigned sample(const kind_t *kind, uint32_t x, uint32_t y, unsigned c)
{
    unsigned value = (x * 7919u + y * 104729u + c * 1299709u + x * y * 31u) * 2654435761u >> 16;

    return value & ((1u << kind->bits) - 1);
}

static void palette_entry(unsigned i, uint8_t rgb[3])
{
    rgb[0] = (uint8_t)(i * 37);
    rgb[1] = (uint8_t)(255 - i * 11);
    rgb[2] = (uint8_t)(i * i);
}

static uint8_t palette_alpha(unsigned i)
{
    return i < 2 ? (uint8_t)(100 * i) : 255;
}

static void put_sample(uint8_t *row, size_t index, int bits, unsigned value)
{
    if (bits == 16) {
        row[index * 2] = (uint8_t)(value >> 8);
        row[index * 2 + 1] = (uint8_t)value;
    } else {
        size_t bit = index * (unsigned)bits;

        row[bit / 8] = (uint8_t)(row[bit / 8] | value << (8 - (unsigned)bits - bit % 8));
    }
}

static void set_extra(png_structp png, png_infop info, const kind_t *kind)
{
    if (kind->color_type == PNG_COLOR_TYPE_PALETTE) {
        png_color colors[256];
        png_byte alphas[2] = {palette_alpha(0), palette_alpha(1)};

        for (unsigned i = 0; i < 1u << kind->bits; i++)
            palette_entry(i, (uint8_t *)&colors[i]);
        png_set_PLTE(png, info, colors, 1 << kind->bits);
        if (kind->transparency)
            png_set_tRNS(png, info, alphas, 2, NULL);
    } else if (kind->transparency) {
        png_color_16 key = {0, 0, 0, 0, 0};

        key.gray = key.red = (png_uint_16)sample(kind, 3, 2, 0);
        key.green = (png_uint_16)sample(kind, 3, 2, 1);
        key.blue = (png_uint_16)sample(kind, 3, 2, 2);
        png_set_tRNS(png, info, NULL, 0, &key);
    }
}

/* `more` may set further chunks. */
static kit_bytes_t make(const kind_t *kind, void (*more)(png_structp, png_infop))
{
    unsigned channels = channels_of(kind->color_type);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    kit_bytes_t out = {0};
    uint8_t row[WIDTH * 8];
    int passes;

    png_set_write_fn(png, &out, collect, no_flush);
    png_set_compression_buffer_size(png, 256); /* many IDAT chunks, so that checksums come early */
    png_set_IHDR(png, info, WIDTH, HEIGHT, kind->bits, kind->color_type,
                 kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
                 PNG_FILTER_TYPE_BASE);
    set_extra(png, info, kind);
    if (more != NULL)
        more(png, info);
    png_write_info(png, info);
    passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < HEIGHT; y++) {
            memset(row, 0, sizeof(row));
            for (uint32_t x = 0; x < WIDTH; x++)
                for (unsigned c = 0; c < channels; c++)
                    put_sample(row, (size_t)x * channels + c, kind->bits, sample(kind, x, y, c));
            png_write_row(png, row);
        }
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return out;
}

/* --- what must come ------------------------------------------------------------------------------------ */

static bool is_key(const kind_t *kind, uint32_t x, uint32_t y)
{
    for (unsigned c = 0; c < channels_of(kind->color_type); c++) {
        if (sample(kind, x, y, c) != sample(kind, 3, 2, c))
            return false;
    }
    return true;
}

/* Delivered samples of one pixel, as numbers; returns how many. */
static unsigned expected(const kind_t *kind, uint32_t x, uint32_t y, unsigned out[4])
{
    unsigned n = channels_of(kind->color_type), full = kind->bits == 16 ? 65535 : 255;

    if (kind->color_type == PNG_COLOR_TYPE_PALETTE) {
        uint8_t rgb[3];
        unsigned i = sample(kind, x, y, 0);

        palette_entry(i, rgb);
        for (n = 0; n < 3; n++)
            out[n] = rgb[n];
        if (kind->transparency)
            out[n++] = palette_alpha(i);
        return n;
    }
    for (unsigned c = 0; c < n; c++)
        out[c] = sample(kind, x, y, c) * full / ((1u << kind->bits) - 1);
    if (kind->transparency)
        out[n++] = is_key(kind, x, y) ? 0 : full;
    return n;
}

static void check_pixels(const kind_t *kind, const uint8_t *pixels)
{
    size_t at = 0;

    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++) {
            unsigned want[4], n = expected(kind, x, y, want);

            for (unsigned c = 0; c < n; c++, at++) {
                unsigned got = kind->bits == 16 ? ((const uint16_t *)(const void *)pixels)[at] : pixels[at];

                assert_int_equal(got, want[c]);
            }
        }
}

static void check_facts(const kind_t *kind, const iiif_facts_t *facts)
{
    bool color = (kind->color_type & PNG_COLOR_MASK_COLOR) != 0;
    bool alpha = kind->transparency || (kind->color_type & PNG_COLOR_MASK_ALPHA) != 0;
    int layout = color ? (alpha ? IIIF_LAYOUT_RGBA : IIIF_LAYOUT_RGB) : alpha ? IIIF_LAYOUT_GRAYA : IIIF_LAYOUT_GRAY;

    assert_int_equal(facts->width, WIDTH);
    assert_int_equal(facts->height, HEIGHT);
    assert_int_equal(facts->layout, layout);
    assert_int_equal(facts->depth, kind->bits == 16 ? 16 : 8);
    assert_int_equal(facts->precision, kind->color_type == PNG_COLOR_TYPE_PALETTE ? 8 : kind->bits);
    assert_int_equal(facts->color_class, color                           ? IIIF_CLASS_COLOR
                                         : kind->bits == 1 && !alpha ? IIIF_CLASS_BITONAL
                                                                         : IIIF_CLASS_GRAY);
    assert_int_equal(facts->access, kind->interlaced ? IIIF_ACCESS_WHOLE : IIIF_ACCESS_ROWS);
    assert_string_equal(facts->decoder, "png");
    assert_string_equal(facts->media_type, "image/png");
    assert_int_equal(facts->orientation, 1);
    assert_int_equal(facts->level_count, 1);
}

static void for_each_kind(void (*check)(const kind_t *, const kit_bytes_t *))
{
    static const kind_t kinds[] = {
        {PNG_COLOR_TYPE_GRAY, 1, false, false},     {PNG_COLOR_TYPE_GRAY, 2, false, false},
        {PNG_COLOR_TYPE_GRAY, 4, false, false},     {PNG_COLOR_TYPE_GRAY, 8, false, false},
        {PNG_COLOR_TYPE_GRAY, 16, false, false},    {PNG_COLOR_TYPE_GRAY, 1, false, true},
        {PNG_COLOR_TYPE_GRAY, 4, false, true},      {PNG_COLOR_TYPE_GRAY, 16, false, true},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 8, false, false},  {PNG_COLOR_TYPE_GRAY_ALPHA, 16, false, false},
        {PNG_COLOR_TYPE_RGB, 8, false, false},      {PNG_COLOR_TYPE_RGB, 16, false, false},
        {PNG_COLOR_TYPE_RGB, 8, false, true},       {PNG_COLOR_TYPE_RGB, 16, false, true},
        {PNG_COLOR_TYPE_RGB_ALPHA, 8, false, false},   {PNG_COLOR_TYPE_RGB_ALPHA, 16, false, false},
        {PNG_COLOR_TYPE_PALETTE, 1, false, false},  {PNG_COLOR_TYPE_PALETTE, 2, false, true},
        {PNG_COLOR_TYPE_PALETTE, 4, false, false},  {PNG_COLOR_TYPE_PALETTE, 8, false, false},
        {PNG_COLOR_TYPE_PALETTE, 8, false, true},
    };

    for (size_t i = 0; i < IIIF_COUNT(kinds) * 2; i++) {
        kind_t kind = kinds[i / 2];
        kit_bytes_t file;

        kind.interlaced = i % 2 == 1;
        file = make(&kind, NULL);
        check(&kind, &file);
        kit_free(&file);
    }
}

/* --- tests ----------------------------------------------------------------------------------------------------- */

static void check_whole(const kind_t *kind, const kit_bytes_t *file)
{
    iiif_facts_t facts;
    kit_t kit;
    uint8_t *pixels;

    kit_init(&kit, 0);
    pixels = kit_decode(&kit, &iiif_dec_png, file->data, file->length, &facts);
    assert_non_null(pixels);
    check_facts(kind, &facts);
    check_pixels(kind, pixels);
    free(pixels);
}

static void test_every_kind(void **state)
{
    (void)state;
    for_each_kind(check_whole);
}

static void check_crops(const kind_t *kind, const kit_bytes_t *file)
{
    (void)kind;
    kit_check_windows(&iiif_dec_png, file->data, file->length, 12);
    kit_check_estimate(&iiif_dec_png, file->data, file->length);
}

static void test_windows(void **state)
{
    (void)state;
    for_each_kind(check_crops);
}

static const kind_t rgb = {PNG_COLOR_TYPE_RGB, 8, false, false};
static const kind_t rgb_interlaced = {PNG_COLOR_TYPE_RGB, 8, true, false};
static const kind_t gray16 = {PNG_COLOR_TYPE_GRAY, 16, false, false};

static void test_truncated(void **state)
{
    const kind_t *kinds[] = {&rgb, &rgb_interlaced, &gray16};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(kinds); i++) {
        kit_bytes_t file = make(kinds[i], NULL);

        kit_check_truncation(&iiif_dec_png, file.data, file.length, 16); /* IEND and the last checksum */
        kit_free(&file);
    }
}

static void test_damaged(void **state)
{
    const kind_t *kinds[] = {&rgb, &rgb_interlaced, &gray16};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(kinds); i++) {
        kit_bytes_t file = make(kinds[i], NULL);

        kit_check_damage(&iiif_dec_png, file.data, file.length, 300);
        kit_free(&file);
    }
}

/* Every flipped bit of the pixel data is noticed: each chunk has a checksum. */
static void test_checksums(void **state)
{
    kit_bytes_t file = make(&rgb, NULL);
    kit_t kit;

    (void)state;
    kit_init(&kit, 0);
    for (size_t at = 60; at + 16 < file.length; at += 23) {
        uint8_t *pixels;

        file.data[at] ^= 0x10;
        pixels = kit_decode(&kit, &iiif_dec_png, file.data, file.length, NULL);
        assert_null(pixels);
        assert_int_equal(kit.err.kind, IIIF_E_BAD_MASTER);
        file.data[at] ^= 0x10;
    }
    kit_free(&file);
}

static void test_memory(void **state)
{
    const kind_t *kinds[] = {&rgb, &rgb_interlaced};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(kinds); i++) {
        kit_bytes_t file = make(kinds[i], NULL);

        kit_check_memory(&iiif_dec_png, file.data, file.length);
        kit_free(&file);
    }
}

static void put_be32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t crc_of(const uint8_t *data, size_t n)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (size_t i = 0; i < n; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
    }
    return ~crc;
}

static iiif_rc open_with(const kit_bytes_t *file, kit_t *kit, uint64_t max_area, uint32_t page)
{
    iiif_dec_options_t options = {page, max_area};
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    iiif_rc rc;

    assert_int_equal(iiif_src_open_memory(file->data, file->length, &kit->mem, &src, &kit->err), IIIF_OK);
    rc = iiif_dec_png.open(src, &options, &kit->work, &dec, &kit->err);
    if (rc == IIIF_OK)
        iiif_dec_png.close(dec);
    iiif_src_close(src);
    assert_int_equal(kit->mem.used, 0);
    return rc;
}

/* A header of 2^31-1 pixels a side is refused by the limit, or by the budget, before anything of its size. */
static void test_bomb(void **state)
{
    kit_bytes_t file = make(&rgb, NULL);
    kit_t kit;
    uint8_t *pixels;

    (void)state;
    put_be32(file.data + 16, 0x7FFFFFFF);
    put_be32(file.data + 20, 0x7FFFFFFF);
    put_be32(file.data + 29, crc_of(file.data + 12, 17));
    kit_init(&kit, (size_t)64 << 20);
    assert_int_equal(open_with(&file, &kit, 100000000, 1), IIIF_E_TOO_LARGE);
    put_be32(file.data + 20, 20); /* a single row beyond the budget */
    put_be32(file.data + 29, crc_of(file.data + 12, 17));
    pixels = kit_decode(&kit, &iiif_dec_png, file.data, file.length, NULL);
    assert_null(pixels);
    assert_int_equal(kit.err.kind, IIIF_E_NO_MEMORY);
    assert_true(kit.mem.peak <= (size_t)64 << 20);
    kit_free(&file);
}

static void test_limits(void **state)
{
    kit_bytes_t file = make(&rgb, NULL);
    kit_t kit;

    (void)state;
    kit_init(&kit, 0);
    assert_int_equal(open_with(&file, &kit, WIDTH * HEIGHT, 1), IIIF_OK);
    assert_int_equal(open_with(&file, &kit, WIDTH * HEIGHT - 1, 1), IIIF_E_TOO_LARGE);
    assert_int_equal(open_with(&file, &kit, 0, 2), IIIF_E_NOT_FOUND);
    kit_free(&file);
}

static void test_bid(void **state)
{
    kit_bytes_t file = make(&rgb, NULL);

    (void)state;
    assert_int_equal(iiif_dec_png.bid(file.data, 64), 100);
    assert_int_equal(iiif_dec_png.bid(file.data, 7), 0);
    assert_int_equal(iiif_dec_png.bid((const uint8_t *)"GIF89a..", 8), 0);
    kit_free(&file);
}

/* --- ancillary chunks ------------------------------------------------------------------------------------ */

static const uint8_t exif_turned[] = {
    'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0,
};

static void with_exif_and_scale(png_structp png, png_infop info)
{
    uint8_t exif[sizeof(exif_turned)];

    memcpy(exif, exif_turned, sizeof(exif));
    png_set_eXIf_1(png, info, sizeof(exif), exif);
    png_set_pHYs(png, info, 11811, 5906, PNG_RESOLUTION_METER);
}

static void test_orientation_and_resolution(void **state)
{
    kit_bytes_t file = make(&rgb, with_exif_and_scale);
    iiif_facts_t facts;
    kit_t kit;
    uint8_t *pixels;

    (void)state;
    kit_init(&kit, 0);
    pixels = kit_decode(&kit, &iiif_dec_png, file.data, file.length, &facts);
    assert_non_null(pixels);
    check_pixels(&rgb, pixels); /* stored pixels, not turned */
    assert_int_equal(facts.orientation, 6);
    assert_int_equal(facts.stored_width, WIDTH);
    assert_int_equal(facts.width, HEIGHT);
    assert_int_equal(facts.unit, IIIF_UNIT_CM);
    assert_true(facts.pixels_per_unit_x == 118.11 && facts.pixels_per_unit_y == 59.06);
    free(pixels);
    kit_free(&file);
}

static void with_linear_gamma(png_structp png, png_infop info)
{
    png_set_gAMA_fixed(png, info, 100000);
}

static void with_usual_gamma(png_structp png, png_infop info)
{
    png_set_gAMA_fixed(png, info, 45455);
}

static void with_srgb_and_gamma(png_structp png, png_infop info)
{
    png_set_sRGB(png, info, PNG_sRGB_INTENT_PERCEPTUAL);
}

/* Linear samples become gamma-coded: v^(1/2.2); what is coded already stays bit for bit. */
static void test_gamma(void **state)
{
    kit_bytes_t linear = make(&gray16, with_linear_gamma);
    kit_bytes_t usual = make(&gray16, with_usual_gamma), marked = make(&gray16, with_srgb_and_gamma);
    kit_t kit;
    uint8_t *pixels;

    (void)state;
    kit_init(&kit, 0);
    pixels = kit_decode(&kit, &iiif_dec_png, linear.data, linear.length, NULL);
    assert_non_null(pixels);
    for (uint32_t y = 0, at = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++, at++) {
            double want = 65535 * pow(sample(&gray16, x, y, 0) / 65535.0, 1 / 2.2);

            assert_true(fabs(((uint16_t *)(void *)pixels)[at] - want) < 300);
        }
    free(pixels);
    pixels = kit_decode(&kit, &iiif_dec_png, usual.data, usual.length, NULL);
    check_pixels(&gray16, pixels);
    free(pixels);
    pixels = kit_decode(&kit, &iiif_dec_png, marked.data, marked.length, NULL);
    check_pixels(&gray16, pixels);
    free(pixels);
    kit_check_estimate(&iiif_dec_png, linear.data, linear.length);
    kit_free(&linear);
    kit_free(&usual);
    kit_free(&marked);
}

static void with_profile(png_structp png, png_infop info)
{
    size_t length;
    const uint8_t *profile = iiif_color_srgb_profile(&length);

    png_set_iCCP(png, info, "test", PNG_COMPRESSION_TYPE_BASE, profile, (png_uint_32)length);
}

static void test_profile(void **state)
{
    kit_bytes_t file = make(&rgb, with_profile);
    iiif_dec_options_t options = {1, 0};
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    const uint8_t *data = NULL, *want;
    size_t length = 0, want_length;
    kit_t kit;

    (void)state;
    kit_init(&kit, 0);
    want = iiif_color_srgb_profile(&want_length);
    assert_int_equal(iiif_src_open_memory(file.data, file.length, &kit.mem, &src, &kit.err), IIIF_OK);
    assert_int_equal(iiif_dec_png.open(src, &options, &kit.work, &dec, &kit.err), IIIF_OK);
    assert_true(dec->facts.has_profile);
    assert_int_equal(iiif_dec_png.profile(dec, &data, &length, &kit.err), IIIF_OK);
    assert_int_equal(length, want_length);
    assert_memory_equal(data, want, length);
    iiif_dec_png.close(dec);
    iiif_src_close(src);
    kit_check_memory(&iiif_dec_png, file.data, file.length);
    kit_check_damage(&iiif_dec_png, file.data, file.length, 200);
    kit_free(&file);
}

/* From a file descriptor: more than one buffer of the reader, and back again for a second window. */
static void test_file(void **state)
{
    kit_bytes_t file = make(&gray16, NULL);
    char path[] = "/tmp/test_dec_png.XXXXXX";
    iiif_dec_options_t options = {1, 0};
    iiif_rect_t all = {0, 0, WIDTH, HEIGHT};
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    kit_t kit;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file.data, file.length), file.length);
    kit_init(&kit, 0);
    assert_int_equal(iiif_src_open_fd(fd, true, &kit.mem, &src, &kit.err), IIIF_OK);
    assert_int_equal(iiif_dec_png.open(src, &options, &kit.work, &dec, &kit.err), IIIF_OK);
    for (int i = 0; i < 3; i++) {
        uint8_t *pixels = kit_window(dec, 0, all, 5, &kit.err);

        assert_non_null(pixels);
        check_pixels(&gray16, pixels);
        free(pixels);
    }
    iiif_dec_png.close(dec);
    iiif_src_close(src);
    assert_int_equal(kit.mem.used, 0);
    (void)unlink(path);
    kit_free(&file);
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static void test_cancelled(void **state)
{
    kit_bytes_t file = make(&rgb_interlaced, NULL);
    iiif_cancel_t cancel = {.gone = always};
    kit_t kit;

    (void)state;
    kit_init(&kit, 0);
    kit.work.cancel = &cancel;
    assert_null(kit_decode(&kit, &iiif_dec_png, file.data, file.length, NULL));
    assert_int_equal(kit.err.kind, IIIF_E_CANCELLED);
    kit_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bid),       cmocka_unit_test(test_every_kind), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_damaged),    cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_memory),    cmocka_unit_test(test_bomb),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_orientation_and_resolution),
        cmocka_unit_test(test_gamma),     cmocka_unit_test(test_profile),    cmocka_unit_test(test_file),
        cmocka_unit_test(test_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
