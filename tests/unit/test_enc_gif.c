/* SPDX-License-Identifier: Apache-2.0 */
/* GIF output, read back with giflib. */
#include "codec_kit.h"

#include <gif_lib.h>

extern const iiif_encoder_t iiif_enc_gif;

#define WIDTH 130u
#define HEIGHT 90u

/* --- reading back ------------------------------------------------------------------------------------------ */

typedef struct input {
    const kit_bytes_t *file;
    size_t at;
} input_t;

static int feed(GifFileType *gif, GifByteType *out, int n)
{
    input_t *input = gif->UserData;
    size_t left = input->file->length - input->at, part = (size_t)n < left ? (size_t)n : left;

    memcpy(out, input->file->data + input->at, part);
    input->at += part;
    return (int)part;
}

/* RGBA of the only image, which must fill its screen. *colors is the size of the table. */
static uint8_t *read_back(const kit_bytes_t *file, uint32_t width, uint32_t height, int *colors)
{
    input_t input = {file, 0};
    GraphicsControlBlock control;
    int error, transparent = -1;
    GifFileType *gif = DGifOpen(&input, feed, &error);
    uint8_t *out = malloc((size_t)width * height * 4);

    assert_memory_equal(file->data, "GIF89a", 6);
    assert_non_null(gif);
    assert_int_equal(DGifSlurp(gif), GIF_OK);
    assert_int_equal(input.at, file->length);
    assert_int_equal(gif->SWidth, width);
    assert_int_equal(gif->SHeight, height);
    assert_int_equal(gif->ImageCount, 1);
    assert_int_equal(gif->SavedImages[0].ImageDesc.Width, width);
    assert_int_equal(gif->SavedImages[0].ImageDesc.Height, height);
    if (DGifSavedExtensionToGCB(gif, 0, &control) == GIF_OK)
        transparent = control.TransparentColor;
    *colors = gif->SColorMap->ColorCount;
    for (size_t i = 0; i < (size_t)width * height; i++) {
        int index = gif->SavedImages[0].RasterBits[i];

        assert_true(index < *colors);
        memcpy(out + i * 4, &gif->SColorMap->Colors[index], 3);
        out[i * 4 + 3] = index == transparent ? 0 : 255;
    }
    assert_int_equal(DGifCloseFile(gif, &error), GIF_OK);
    return out;
}

static uint8_t *round_trip(const iiif_enc_params_t *params, const uint8_t *pixels, int *colors)
{
    kit_bytes_t file = {0};
    uint8_t *out;
    kit_t kit;

    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, &iiif_enc_gif, params, pixels, &file), IIIF_OK);
    out = read_back(&file, params->image.width, params->image.height, colors);
    kit_free(&file);
    return out;
}

/* --- tests ----------------------------------------------------------------------------------------------------- */

static void test_gray(void **state)
{
    iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, IIIF_LAYOUT_GRAY, 8);
    uint8_t *pixels = kit_picture(WIDTH, HEIGHT, 1, 30), *got;
    int colors;

    (void)state;
    got = round_trip(&params, pixels, &colors);
    assert_int_equal(colors, 256);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        for (unsigned c = 0; c < 4; c++)
            assert_int_equal(got[i * 4 + c], c == 3 ? 255 : pixels[i]);
    free(got);
    free(pixels);
}

static void test_bitonal(void **state)
{
    iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, IIIF_LAYOUT_GRAY, 8);
    uint8_t *pixels = kit_picture(WIDTH, HEIGHT, 1, 100), *got;
    int colors;

    (void)state;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        pixels[i] = pixels[i] < 128 ? 0 : 255;
    params.bitonal = true;
    got = round_trip(&params, pixels, &colors);
    assert_int_equal(colors, 2);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        assert_int_equal(got[i * 4 + 1], pixels[i]);
    free(got);
    free(pixels);
}

/* A drawing of few colours stays exactly as it is, with transparency or without. */
static void test_few_colors(void **state)
{
    (void)state;
    for (unsigned channels = 3; channels <= 4; channels++) {
        iiif_enc_params_t params =
            kit_params(WIDTH, HEIGHT, channels == 3 ? IIIF_LAYOUT_RGB : IIIF_LAYOUT_RGBA, 8);
        uint8_t *pixels = malloc(WIDTH * HEIGHT * channels), *got;
        int colors;

        for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
            unsigned color = (unsigned)(i / 7 % 100);
            uint8_t rgba[4] = {(uint8_t)(color * 2), (uint8_t)(color / 3), 77, color == 5 ? 0 : 255};

            memcpy(pixels + i * channels, rgba, channels);
        }
        got = round_trip(&params, pixels, &colors);
        assert_int_equal(colors, 128);
        for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
            bool transparent = channels == 4 && pixels[i * channels + 3] == 0;

            assert_int_equal(got[i * 4 + 3], transparent ? 0 : 255);
            if (!transparent)
                assert_memory_equal(got + i * 4, pixels + i * channels, 3);
        }
        free(got);
        free(pixels);
    }
}

static void check_many(iiif_layout layout)
{
    iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, layout, 8);
    unsigned channels = iiif_layout_channels(layout);
    uint8_t *pixels = kit_picture(WIDTH, HEIGHT, channels, 15), *got, *a = malloc(WIDTH * HEIGHT * 3),
            *b = malloc(WIDTH * HEIGHT * 3);
    bool alpha = iiif_layout_has_alpha(layout);
    size_t n = 0;
    int colors;

    got = round_trip(&params, pixels, &colors);
    assert_int_equal(colors, 256);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        const uint8_t *in = pixels + i * channels;

        if (alpha)
            assert_int_equal(got[i * 4 + 3], in[channels - 1] < 128 ? 0 : 255);
        for (unsigned c = 0; c < 3 && got[i * 4 + 3] != 0; c++, n++) {
            a[n] = in[channels > 2 ? c : 0];
            b[n] = got[i * 4 + c];
        }
    }
    assert_true(n > WIDTH * HEIGHT);
    assert_true(kit_psnr(a, b, n) > 28);
    free(a);
    free(b);
    free(got);
    free(pixels);
}

static void test_many_colors(void **state)
{
    (void)state;
    check_many(IIIF_LAYOUT_RGB);
    check_many(IIIF_LAYOUT_RGBA);
    check_many(IIIF_LAYOUT_GRAYA);
}

static void test_sizes(void **state)
{
    static const uint32_t sizes[][2] = {{1, 1}, {1, 700}, {700, 1}, {3, 3}, {5000, 2}};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(sizes); i++) {
        iiif_enc_params_t params = kit_params(sizes[i][0], sizes[i][1], IIIF_LAYOUT_RGB, 8);
        uint8_t *pixels = kit_picture(sizes[i][0], sizes[i][1], 3, 40);
        int colors;

        free(round_trip(&params, pixels, &colors));
        free(pixels);
    }
}

static void test_faults(void **state)
{
    (void)state;
    for (int layout = IIIF_LAYOUT_GRAY; layout <= IIIF_LAYOUT_RGBA; layout++) {
        iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, (iiif_layout)layout, 8);
        uint8_t *pixels = kit_picture(WIDTH, HEIGHT, iiif_layout_channels((iiif_layout)layout), 30);

        kit_check_encoder_faults(&iiif_enc_gif, &params, pixels);
        kit_check_encoder_rows(&iiif_enc_gif, &params, pixels);
        free(pixels);
    }
}

static void test_limits(void **state)
{
    iiif_enc_params_t params = kit_params(65536, 1, IIIF_LAYOUT_GRAY, 8);
    kit_bytes_t file = {0};
    kit_t kit;

    (void)state;
    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, &iiif_enc_gif, &params, NULL, &file), IIIF_E_INTERNAL);
    params = kit_params(2000, 2000, IIIF_LAYOUT_RGB, 8);
    kit_init(&kit, 10000000);
    assert_int_equal(kit_encode(&kit, &iiif_enc_gif, &params, NULL, &file), IIIF_E_NO_MEMORY);
    assert_int_equal(file.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gray),   cmocka_unit_test(test_bitonal), cmocka_unit_test(test_few_colors),
        cmocka_unit_test(test_many_colors), cmocka_unit_test(test_sizes), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
