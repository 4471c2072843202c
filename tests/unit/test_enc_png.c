/* SPDX-License-Identifier: Apache-2.0 */
/* PNG output, read back with libpng's simplified reader and chunk by chunk. */
#include "codec_kit.h"

#include <png.h>

#include "../../lib/codec/iiif_color.h"

extern const iiif_encoder_t iiif_enc_png;

#define WIDTH 45u
#define HEIGHT 38u

/* --- reading back ------------------------------------------------------------------------------------------ */

typedef struct input {
    const kit_bytes_t *file;
    size_t at;
} input_t;

static void feed(png_structp png, png_bytep out, size_t n)
{
    input_t *input = png_get_io_ptr(png);

    if (n > input->file->length - input->at)
        png_error(png, "short");
    memcpy(out, input->file->data + input->at, n);
    input->at += n;
}

/* As it is stored, samples of 16 bits in native order; shape by *info. */
static uint8_t *read_back(const kit_bytes_t *file, png_structp *png, png_infop *info)
{
    input_t input = {file, 0};
    uint8_t *out;
    size_t row;

    *png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    *info = png_create_info_struct(*png);
    png_set_read_fn(*png, &input, feed);
    png_read_info(*png, *info);
    if (png_get_bit_depth(*png, *info) == 16)
        png_set_swap(*png);
    png_set_packing(*png);
    png_read_update_info(*png, *info);
    row = png_get_rowbytes(*png, *info);
    out = malloc(row * HEIGHT);
    for (uint32_t y = 0; y < HEIGHT; y++)
        png_read_row(*png, out + y * row, NULL);
    png_read_end(*png, *info);
    assert_int_equal(input.at, file->length);
    return out;
}

static int type_of(iiif_layout layout)
{
    static const int types[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                PNG_COLOR_TYPE_RGB_ALPHA};

    return types[layout];
}

static bool has_chunk(const kit_bytes_t *file, const char *tag)
{
    return memmem(file->data, file->length, tag, 4) != NULL;
}

/* --- tests ----------------------------------------------------------------------------------------------------- */

static void check_round_trip(iiif_layout layout, unsigned depth, int level)
{
    unsigned channels = iiif_layout_channels(layout);
    iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, layout, depth);
    uint8_t *pixels = kit_picture(WIDTH, HEIGHT, channels * depth / 8, 20), *got;
    kit_bytes_t file = {0};
    png_structp png;
    png_infop info;
    kit_t kit;

    kit_init(&kit, 0);
    params.level = level;
    assert_int_equal(kit_encode(&kit, &iiif_enc_png, &params, pixels, &file), IIIF_OK);
    got = read_back(&file, &png, &info);
    assert_int_equal(png_get_image_width(png, info), WIDTH);
    assert_int_equal(png_get_image_height(png, info), HEIGHT);
    assert_int_equal(png_get_color_type(png, info), type_of(layout));
    assert_int_equal(png_get_bit_depth(png, info), depth);
    assert_memory_equal(got, pixels, (size_t)WIDTH * HEIGHT * channels * depth / 8);
    assert_true(has_chunk(&file, "sRGB"));
    assert_false(has_chunk(&file, "pHYs"));
    png_destroy_read_struct(&png, &info, NULL);
    free(got);
    free(pixels);
    kit_free(&file);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int layout = IIIF_LAYOUT_GRAY; layout <= IIIF_LAYOUT_RGBA; layout++)
        for (unsigned depth = 8; depth <= 16; depth += 8)
            for (int level = 0; level <= 9; level += 3)
                check_round_trip((iiif_layout)layout, depth, level);
}

static void test_bitonal(void **state)
{
    iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, IIIF_LAYOUT_GRAY, 8);
    uint8_t *pixels = kit_picture(WIDTH, HEIGHT, 1, 100), *got;
    kit_bytes_t file = {0};
    png_structp png;
    png_infop info;
    kit_t kit;

    (void)state;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        pixels[i] = pixels[i] < 128 ? 0 : 255;
    params.bitonal = true;
    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, &iiif_enc_png, &params, pixels, &file), IIIF_OK);
    got = read_back(&file, &png, &info);
    assert_int_equal(file.data[24], 1); /* bit depth of IHDR */
    assert_int_equal(file.data[25], PNG_COLOR_TYPE_GRAY);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        assert_int_equal(got[i] * 255, pixels[i]);
    png_destroy_read_struct(&png, &info, NULL);
    kit_check_encoder_faults(&iiif_enc_png, &params, pixels);
    free(got);
    free(pixels);
    kit_free(&file);
}

/* The profile is carried whole and then nothing says sRGB; the resolution is in pixels per metre. */
static void test_profile_and_resolution(void **state)
{
    iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, IIIF_LAYOUT_RGB, 8);
    uint8_t *pixels = kit_picture(WIDTH, HEIGHT, 3, 20), *got;
    kit_bytes_t file = {0};
    png_charp name;
    png_bytep profile;
    png_uint_32 length, x, y;
    int method, unit;
    png_structp png;
    png_infop info;
    kit_t kit;

    (void)state;
    params.icc = iiif_color_srgb_profile(&params.icc_length);
    params.pixels_per_cm = 118.11;
    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, &iiif_enc_png, &params, pixels, &file), IIIF_OK);
    got = read_back(&file, &png, &info);
    assert_true(png_get_iCCP(png, info, &name, &method, &profile, &length) != 0);
    assert_int_equal(length, params.icc_length);
    assert_memory_equal(profile, params.icc, length);
    assert_false(has_chunk(&file, "sRGB"));
    assert_true(png_get_pHYs(png, info, &x, &y, &unit) != 0);
    assert_int_equal(x, 11811);
    assert_int_equal(y, 11811);
    assert_int_equal(unit, PNG_RESOLUTION_METER);
    png_destroy_read_struct(&png, &info, NULL);
    kit_check_encoder_faults(&iiif_enc_png, &params, pixels);
    free(got);
    free(pixels);
    kit_free(&file);
}

/* A profile that libpng refuses costs the profile, not the image. */
static void test_broken_profile(void **state)
{
    static const uint8_t rubbish[200] = {1, 2, 3};
    iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, IIIF_LAYOUT_RGB, 8);
    uint8_t *pixels = kit_picture(WIDTH, HEIGHT, 3, 20), *got;
    kit_bytes_t file = {0};
    png_structp png;
    png_infop info;
    kit_t kit;

    (void)state;
    params.icc = rubbish;
    params.icc_length = sizeof(rubbish);
    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, &iiif_enc_png, &params, pixels, &file), IIIF_OK);
    got = read_back(&file, &png, &info);
    assert_memory_equal(got, pixels, WIDTH * HEIGHT * 3);
    png_destroy_read_struct(&png, &info, NULL);
    free(got);
    free(pixels);
    kit_free(&file);
}

static void test_faults(void **state)
{
    (void)state;
    for (int layout = IIIF_LAYOUT_GRAY; layout <= IIIF_LAYOUT_RGBA; layout++) {
        iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, (iiif_layout)layout, 8);
        uint8_t *pixels = kit_picture(WIDTH, HEIGHT, iiif_layout_channels((iiif_layout)layout), 30);

        kit_check_encoder_faults(&iiif_enc_png, &params, pixels);
        kit_check_encoder_rows(&iiif_enc_png, &params, pixels);
        free(pixels);
    }
}

/* Streaming: what is held does not grow with the height. */
static void test_budget(void **state)
{
    size_t peaks[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        uint32_t height = i == 0 ? 20 : 2000;
        iiif_enc_params_t params = kit_params(500, height, IIIF_LAYOUT_RGB, 8);
        uint8_t *pixels = kit_picture(500, height, 3, 10);
        kit_bytes_t file = {0};
        kit_t kit;

        kit_init(&kit, 0);
        assert_int_equal(kit_encode(&kit, &iiif_enc_png, &params, pixels, &file), IIIF_OK);
        peaks[i] = kit.mem.peak;
        kit_free(&file);
        free(pixels);
    }
    assert_int_equal(peaks[0], peaks[1]);
    assert_true(peaks[0] < (size_t)512 * 1024);
}

static void test_absurd(void **state)
{
    kit_bytes_t file = {0};
    iiif_enc_params_t params = kit_params(0, 5, IIIF_LAYOUT_RGB, 8);
    kit_t kit;

    (void)state;
    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, &iiif_enc_png, &params, NULL, &file), IIIF_E_INTERNAL);
    params = kit_params(5, 5, IIIF_LAYOUT_CMYK, 8);
    assert_int_equal(kit_encode(&kit, &iiif_enc_png, &params, NULL, &file), IIIF_E_INTERNAL);
    assert_int_equal(file.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_bitonal),
        cmocka_unit_test(test_profile_and_resolution), cmocka_unit_test(test_broken_profile),
        cmocka_unit_test(test_faults), cmocka_unit_test(test_budget), cmocka_unit_test(test_absurd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
