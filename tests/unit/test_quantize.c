/* SPDX-License-Identifier: Apache-2.0 */
/* Palettes and dithering: exact where they can be, close on average where not. */
#include "codec_kit.h"

#include "../../lib/codec/quantize.h"

static void palette_of(iiif_mem_t *mem, const uint8_t *pixels, size_t n, unsigned channels, unsigned most,
                       iiif_palette_t *out)
{
    iiif_quantizer_t *quantizer = NULL;

    assert_int_equal(iiif_quantizer_open(mem, &quantizer, NULL), IIIF_OK);
    iiif_quantizer_add(quantizer, pixels, n / 2, channels);
    iiif_quantizer_add(quantizer, pixels + n / 2 * channels, n - n / 2, channels);
    iiif_quantizer_palette(quantizer, most, out);
    iiif_quantizer_close(quantizer);
}

/* Maps an image and gives its colours back, RGB; transparent pixels as magenta with *transparent set. */
static uint8_t *map(iiif_mem_t *mem, const iiif_palette_t *palette, const uint8_t *pixels, uint32_t width,
                    uint32_t height, unsigned channels)
{
    iiif_ditherer_t *ditherer = NULL;
    uint8_t *indices = malloc(width), *out = malloc((size_t)width * height * 3);

    assert_int_equal(iiif_ditherer_open(palette, width, channels, 255, mem, &ditherer, NULL), IIIF_OK);
    for (uint32_t y = 0; y < height; y++) {
        iiif_ditherer_row(ditherer, pixels + (size_t)y * width * channels, indices);
        for (uint32_t x = 0; x < width; x++)
            memcpy(out + ((size_t)y * width + x) * 3, palette->rgb[indices[x]], 3);
    }
    iiif_ditherer_close(ditherer);
    free(indices);
    return out;
}

/* 256 colours that lie close together stay exactly as they are. */
static void test_exact(void **state)
{
    uint8_t pixels[64 * 64 * 3], *got;
    iiif_palette_t palette;
    iiif_mem_t mem;

    (void)state;
    for (unsigned i = 0; i < 64 * 64; i++) {
        unsigned color = (i * 2654435761u >> 13) % 256;

        pixels[i * 3] = (uint8_t)(100 + color % 16);
        pixels[i * 3 + 1] = (uint8_t)(color / 16);
        pixels[i * 3 + 2] = 7;
    }
    iiif_mem_init(&mem, 0);
    palette_of(&mem, pixels, 64 * 64, 3, 256, &palette);
    assert_true(palette.exact);
    assert_int_equal(palette.count, 256);
    got = map(&mem, &palette, pixels, 64, 64, 3);
    assert_memory_equal(got, pixels, sizeof(pixels));
    palette_of(&mem, pixels, 64 * 64, 3, 255, &palette); /* one too many */
    assert_false(palette.exact);
    assert_true(palette.count <= 255);
    assert_int_equal(mem.used, 0);
    free(got);
}

/* Transparent pixels have no colour and no say. */
static void test_transparency(void **state)
{
    static const uint8_t pixels[] = {9, 8, 7, 255, 200, 100, 50, 127, 1, 2, 3, 128, 9, 8, 7, 255};
    iiif_quantizer_t *quantizer = NULL;
    iiif_ditherer_t *ditherer = NULL;
    iiif_palette_t palette;
    uint8_t indices[4];
    iiif_mem_t mem;

    (void)state;
    iiif_mem_init(&mem, 0);
    assert_int_equal(iiif_quantizer_open(&mem, &quantizer, NULL), IIIF_OK);
    iiif_quantizer_add(quantizer, pixels, 1, 4);
    assert_false(iiif_quantizer_transparent(quantizer));
    iiif_quantizer_add(quantizer, pixels + 4, 3, 4);
    assert_true(iiif_quantizer_transparent(quantizer));
    iiif_quantizer_palette(quantizer, 255, &palette);
    assert_int_equal(palette.count, 2);
    assert_int_equal(iiif_ditherer_open(&palette, 4, 4, 77, &mem, &ditherer, NULL), IIIF_OK);
    iiif_ditherer_row(ditherer, pixels, indices);
    assert_int_equal(indices[1], 77);
    assert_memory_equal(palette.rgb[indices[0]], pixels, 3);
    assert_memory_equal(palette.rgb[indices[2]], pixels + 8, 3);
    assert_int_equal(indices[3], indices[0]);
    iiif_ditherer_close(ditherer);
    iiif_quantizer_close(quantizer);
    assert_int_equal(mem.used, 0);
}

static void test_nothing_opaque(void **state)
{
    static const uint8_t pixels[8] = {0};
    iiif_palette_t palette;
    iiif_mem_t mem;

    (void)state;
    iiif_mem_init(&mem, 0);
    palette_of(&mem, pixels, 2, 4, 255, &palette);
    assert_int_equal(palette.count, 1);
}

/* Means of 8 × 8 blocks: what the eye sees of a dithered image from afar. */
static double blurred_psnr(const uint8_t *a, const uint8_t *b, uint32_t width, uint32_t height)
{
    uint32_t columns = width / 8, rows = height / 8;
    double sum = 0;

    for (uint32_t block = 0; block < columns * rows; block++)
        for (unsigned c = 0; c < 3; c++) {
            double difference = 0;

            for (uint32_t i = 0; i < 64; i++) {
                size_t at = ((block / columns * 8 + i / 8) * width + block % columns * 8 + i % 8) * 3 + c;

                difference += (double)a[at] - b[at];
            }
            sum += difference / 64 * (difference / 64);
        }
    return 10 * log10(255.0 * 255.0 * 3 * columns * rows / (sum + 1e-9));
}

/* A colourful picture: 256 chosen colours are near each pixel, and nearer still on average. */
static void test_quality(void **state)
{
    enum { W = 200, H = 160 };
    uint8_t *pixels = kit_picture(W, H, 3, 10), *got;
    iiif_palette_t palette;
    iiif_mem_t mem;

    (void)state;
    iiif_mem_init(&mem, 0);
    palette_of(&mem, pixels, W * H, 3, 256, &palette);
    assert_int_equal(palette.count, 256);
    got = map(&mem, &palette, pixels, W, H, 3);
    assert_true(kit_psnr(got, pixels, W * H * 3) > 29);
    assert_true(blurred_psnr(got, pixels, W, H) > 42);
    free(got);
    palette_of(&mem, pixels, W * H, 3, 2, &palette);
    assert_int_equal(palette.count, 2);
    free(pixels);
}

/* A soft ramp between two colours, given a palette of few: diffusion keeps the mean of each part. */
static void test_diffusion(void **state)
{
    enum { W = 256, H = 64 };
    static const iiif_palette_t two = {2, {{0, 0, 0}, {255, 255, 255}}, false};
    uint8_t *pixels = malloc(W * H * 3), *got;
    iiif_mem_t mem;

    (void)state;
    for (uint32_t i = 0; i < W * H; i++)
        memset(pixels + i * 3, (int)(i % W), 3);
    iiif_mem_init(&mem, 0);
    got = map(&mem, &two, pixels, W, H, 3);
    for (uint32_t from = 16; from < W - 16; from += 16) {
        double want = 0, sum = 0;

        for (uint32_t y = 0; y < H; y++)
            for (uint32_t x = from; x < from + 16; x++) {
                want += pixels[(y * W + x) * 3];
                sum += got[(y * W + x) * 3];
            }
        assert_true(fabs(want - sum) / (16 * H) < 4);
    }
    free(got);
    free(pixels);
}

static void test_memory(void **state)
{
    uint8_t *pixels = kit_picture(40, 40, 3, 40);

    (void)state;
    for (unsigned long at = 1; at <= 6; at++) {
        iiif_quantizer_t *quantizer = NULL;
        iiif_ditherer_t *ditherer = NULL;
        iiif_palette_t palette;
        iiif_mem_t mem;

        iiif_mem_init(&mem, 0);
        mem.fail_at = at;
        if (iiif_quantizer_open(&mem, &quantizer, NULL) == IIIF_OK) {
            iiif_quantizer_add(quantizer, pixels, 1600, 3);
            iiif_quantizer_palette(quantizer, 256, &palette);
            assert_int_equal(iiif_ditherer_open(&palette, 40, 3, 0, &mem, &ditherer, NULL), IIIF_E_NO_MEMORY);
        }
        iiif_quantizer_close(quantizer);
        assert_int_equal(mem.used, 0);
    }
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),     cmocka_unit_test(test_transparency), cmocka_unit_test(test_nothing_opaque),
        cmocka_unit_test(test_quality),   cmocka_unit_test(test_diffusion),    cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
