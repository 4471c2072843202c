/* SPDX-License-Identifier: Apache-2.0 */
/* WebP output, read back with libwebp and chunk by chunk. */
#include "codec_kit.h"

#include <webp/decode.h>

extern const iiif_encoder_t iiif_enc_webp;

#define WIDTH 145u
#define HEIGHT 98u

static uint8_t *picture_of(iiif_layout layout, unsigned noise)
{
    unsigned channels = iiif_layout_channels(layout);
    uint8_t *pixels = kit_picture(WIDTH, HEIGHT, channels, noise);

    if (iiif_layout_has_alpha(layout)) {
        for (size_t i = 0; i < WIDTH * HEIGHT; i++)
            pixels[i * channels + channels - 1] = i % WIDTH < 40 ? 0 : 255;
    }
    return pixels;
}

/* Colours of opaque pixels against what was given, as RGBA. */
static double similarity(const uint8_t *rgba, const uint8_t *pixels, iiif_layout layout)
{
    unsigned channels = iiif_layout_channels(layout);
    bool alpha = iiif_layout_has_alpha(layout);
    uint8_t *a = malloc(WIDTH * HEIGHT * 3), *b = malloc(WIDTH * HEIGHT * 3);
    size_t n = 0;
    double psnr;

    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        const uint8_t *in = pixels + i * channels;

        assert_int_equal(rgba[i * 4 + 3], alpha ? in[channels - 1] : 255);
        if (rgba[i * 4 + 3] == 0)
            continue;
        for (unsigned c = 0; c < 3; c++, n++) {
            a[n] = in[channels > 2 ? c : 0];
            b[n] = rgba[i * 4 + c];
        }
    }
    psnr = kit_psnr(a, b, n);
    free(a);
    free(b);
    return psnr;
}

static void check_riff(const kit_bytes_t *file)
{
    uint32_t size = (uint32_t)file->data[4] | (uint32_t)file->data[5] << 8 | (uint32_t)file->data[6] << 16 |
                    (uint32_t)file->data[7] << 24;

    assert_memory_equal(file->data, "RIFF", 4);
    assert_int_equal(size + 8, file->length);
}

static void test_lossy(void **state)
{
    (void)state;
    for (int layout = IIIF_LAYOUT_GRAY; layout <= IIIF_LAYOUT_RGBA; layout++) {
        iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, (iiif_layout)layout, 8);
        uint8_t *pixels = picture_of((iiif_layout)layout, 2), *got;
        kit_bytes_t file = {0};
        int width, height;
        kit_t kit;

        kit_init(&kit, 0);
        params.quality = 85;
        assert_int_equal(kit_encode(&kit, &iiif_enc_webp, &params, pixels, &file), IIIF_OK);
        check_riff(&file);
        got = WebPDecodeRGBA(file.data, file.length, &width, &height);
        assert_non_null(got);
        assert_int_equal(width, WIDTH);
        assert_int_equal(height, HEIGHT);
        assert_true(similarity(got, pixels, (iiif_layout)layout) > 34);
        WebPFree(got);
        free(pixels);
        kit_free(&file);
    }
}

static void test_quality(void **state)
{
    size_t sizes[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, IIIF_LAYOUT_RGB, 8);
        uint8_t *pixels = picture_of(IIIF_LAYOUT_RGB, 20);
        kit_bytes_t file = {0};
        kit_t kit;

        kit_init(&kit, 0);
        params.quality = i == 0 ? 20 : 95;
        assert_int_equal(kit_encode(&kit, &iiif_enc_webp, &params, pixels, &file), IIIF_OK);
        sizes[i] = file.length;
        free(pixels);
        kit_free(&file);
    }
    assert_true(sizes[0] * 2 < sizes[1]);
}

/* Black or white, nothing between (Image 3.0 §4.4). */
static void test_bitonal(void **state)
{
    iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, IIIF_LAYOUT_GRAY, 8);
    uint8_t *pixels = kit_picture(WIDTH, HEIGHT, 1, 100), *got;
    kit_bytes_t file = {0};
    int width, height;
    kit_t kit;

    (void)state;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        pixels[i] = pixels[i] < 128 ? 0 : 255;
    params.bitonal = true;
    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, &iiif_enc_webp, &params, pixels, &file), IIIF_OK);
    got = WebPDecodeRGB(file.data, file.length, &width, &height);
    assert_non_null(got);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        for (unsigned c = 0; c < 3; c++)
            assert_int_equal(got[i * 3 + c], pixels[i]);
    WebPFree(got);
    kit_check_encoder_faults(&iiif_enc_webp, &params, pixels);
    free(pixels);
    kit_free(&file);
}

/* A profile is found where the container wants it, whatever libwebp wrote; pixels stay what they were. */
static void check_profile(iiif_layout layout, bool bitonal, size_t length)
{
    iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, layout, 8);
    uint8_t *pixels = picture_of(layout, 2), *icc = malloc(length), *got, *want;
    kit_bytes_t plain = {0}, file = {0};
    int width, height;
    WebPBitstreamFeatures features;
    kit_t kit;

    kit_init(&kit, 0);
    params.bitonal = bitonal;
    assert_int_equal(kit_encode(&kit, &iiif_enc_webp, &params, pixels, &plain), IIIF_OK);
    memset(icc, 0x77, length);
    params.icc = icc;
    params.icc_length = length;
    assert_int_equal(kit_encode(&kit, &iiif_enc_webp, &params, pixels, &file), IIIF_OK);
    check_riff(&file);
    assert_memory_equal(file.data + 12, "VP8X\x0a\0\0\0", 8);
    assert_int_equal(file.data[20] & 0x20, 0x20);
    assert_int_equal((file.data[20] & 0x10) != 0, iiif_layout_has_alpha(layout));
    assert_int_equal(file.data[24] + 1, WIDTH);
    assert_int_equal(file.data[27] + 1, HEIGHT);
    assert_memory_equal(file.data + 30, "ICCP", 4);
    assert_int_equal(file.data[34] | file.data[35] << 8, length);
    assert_memory_equal(file.data + 38, icc, length);
    assert_int_equal(WebPGetFeatures(file.data, file.length, &features), VP8_STATUS_OK);
    got = WebPDecodeRGBA(file.data, file.length, &width, &height);
    want = WebPDecodeRGBA(plain.data, plain.length, &width, &height);
    assert_non_null(got);
    assert_memory_equal(got, want, WIDTH * HEIGHT * 4);
    WebPFree(got);
    WebPFree(want);
    kit_check_encoder_faults(&iiif_enc_webp, &params, pixels);
    free(pixels);
    free(icc);
    kit_free(&plain);
    kit_free(&file);
}

static void test_profile(void **state)
{
    (void)state;
    check_profile(IIIF_LAYOUT_RGB, false, 500);
    check_profile(IIIF_LAYOUT_RGBA, false, 501);
    check_profile(IIIF_LAYOUT_GRAY, true, 503);
    check_profile(IIIF_LAYOUT_GRAYA, true, 504);
}

/* The smallest file there is, with a profile of odd length. */
static void test_tiny(void **state)
{
    static const uint8_t icc[3] = {1, 2, 3}, pixel[1] = {255};
    iiif_enc_params_t params = kit_params(1, 1, IIIF_LAYOUT_GRAY, 8);
    kit_bytes_t file = {0};
    int width, height;
    kit_t kit;
    uint8_t *got;

    (void)state;
    params.bitonal = true;
    params.icc = icc;
    params.icc_length = sizeof(icc);
    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, &iiif_enc_webp, &params, pixel, &file), IIIF_OK);
    check_riff(&file);
    got = WebPDecodeRGB(file.data, file.length, &width, &height);
    assert_non_null(got);
    assert_int_equal(got[0], 255);
    WebPFree(got);
    kit_free(&file);
}

static void test_faults(void **state)
{
    (void)state;
    for (int layout = IIIF_LAYOUT_GRAY; layout <= IIIF_LAYOUT_RGBA; layout++) {
        iiif_enc_params_t params = kit_params(WIDTH, HEIGHT, (iiif_layout)layout, 8);
        uint8_t *pixels = picture_of((iiif_layout)layout, 10);

        kit_check_encoder_faults(&iiif_enc_webp, &params, pixels);
        kit_check_encoder_rows(&iiif_enc_webp, &params, pixels);
        free(pixels);
    }
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static void test_limits(void **state)
{
    iiif_enc_params_t params = kit_params(16384, 1, IIIF_LAYOUT_RGB, 8);
    uint8_t *pixels = picture_of(IIIF_LAYOUT_RGB, 10);
    kit_bytes_t file = {0};
    iiif_cancel_t cancel = {.gone = always};
    kit_t kit;

    (void)state;
    assert_int_equal(iiif_enc_webp.max_dimension, 16383);
    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, &iiif_enc_webp, &params, pixels, &file), IIIF_E_INTERNAL);
    params = kit_params(WIDTH, HEIGHT, IIIF_LAYOUT_RGB, 8);
    kit.work.cancel = &cancel;
    assert_int_equal(kit_encode(&kit, &iiif_enc_webp, &params, pixels, &file), IIIF_E_CANCELLED);
    assert_int_equal(file.length, 0);
    kit_init(&kit, 1000000);
    assert_int_equal(kit_encode(&kit, &iiif_enc_webp, &params, pixels, &file), IIIF_E_NO_MEMORY);
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lossy),   cmocka_unit_test(test_quality), cmocka_unit_test(test_bitonal),
        cmocka_unit_test(test_profile), cmocka_unit_test(test_tiny),    cmocka_unit_test(test_faults),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
