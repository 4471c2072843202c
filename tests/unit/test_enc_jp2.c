/* SPDX-License-Identifier: Apache-2.0 */
/* JP2 output, read back by our own decoder. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/codec/iiif_codec.h"
#include "jp2_make.h"

extern const iiif_decoder_t iiif_dec_jp2;
extern const iiif_encoder_t iiif_enc_jp2;

typedef struct kit {
    iiif_mem_t mem;
    iiif_work_t work;
    iiif_err_t err;
    bytes_t out;
    size_t refuse_after;     /* 0 never */
} kit_t;

static iiif_rc sink_write(void *context, const uint8_t *data, size_t length, iiif_err_t *err)
{
    kit_t *kit = context;

    if (kit->refuse_after != 0 && kit->out.length + length > kit->refuse_after)
        return iiif_err_set(err, IIIF_E_CANCELLED, 9999, "The sink is full of this.");
    bytes_put(&kit->out, data, length);
    return IIIF_OK;
}

static unsigned sample_at(uint32_t x, uint32_t y, unsigned c, unsigned depth)
{
    make_t m = {.bits = {depth, depth, depth, depth}, .seed = c};

    return (unsigned)make_sample(&m, c, x, y);
}

/* The picture in packed rows. */
static uint8_t *picture(const iiif_image_t *image)
{
    unsigned channels = iiif_layout_channels(image->layout);
    uint8_t *out = malloc((size_t)image->width * image->height * channels * 2), *p = out;

    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++)
            for (unsigned c = 0; c < channels; c++) {
                uint16_t v = (uint16_t)sample_at(x, y, c, image->depth);

                if (image->depth == 8)
                    *p++ = (uint8_t)v;
                else {
                    memcpy(p, &v, 2);
                    p += 2;
                }
            }
    return out;
}

static iiif_rc encode(kit_t *kit, const iiif_enc_params_t *params, uint32_t step)
{
    iiif_sink_t sink = {sink_write, kit};
    const iiif_image_t *image = &params->image;
    uint8_t *pixels = picture(image);
    iiif_strip_t strip;
    iiif_enc_t *enc = NULL;
    iiif_rc rc;

    kit->work.mem = &kit->mem;
    strip.stride = image->width * iiif_image_pixel_bytes(image);
    rc = iiif_enc_jp2.open(params, &sink, &kit->work, &enc, &kit->err);
    for (uint32_t y = 0; rc == IIIF_OK && y < image->height; y += strip.rows) {
        strip.y = y;
        strip.rows = strip.capacity = iiif_min_u32(step, image->height - y);
        strip.data = pixels + y * strip.stride;
        rc = iiif_enc_jp2.rows(enc, &strip, &kit->err);
    }
    assert_int_equal(kit->out.length, 0); /* nothing before all is done */
    if (rc == IIIF_OK)
        rc = iiif_enc_jp2.finish(enc, &kit->err);
    if (enc != NULL)
        iiif_enc_jp2.close(enc);
    assert_int_equal(kit->mem.used, 0);
    free(pixels);
    return rc;
}

/* What was written, decoded; its facts and profile on request. */
static uint8_t *decode(kit_t *kit, const iiif_image_t *image, iiif_facts_t *facts, bytes_t *icc)
{
    iiif_dec_options_t options = {1, 0};
    iiif_dec_window_t window = {0, {0, 0, image->width, image->height}};
    size_t row = image->width * iiif_image_pixel_bytes(image), length;
    uint8_t *out = malloc(row * image->height);
    iiif_strip_t strip = {out, row, image->height, 0, 0};
    const uint8_t *profile;
    iiif_src_t *src;
    iiif_dec_t *dec;

    assert_int_equal(iiif_src_open_memory(kit->out.data, kit->out.length, &kit->mem, &src, &kit->err), IIIF_OK);
    if (iiif_dec_jp2.open(src, &options, &kit->work, &dec, &kit->err) != IIIF_OK)
        fail_msg("%s", kit->err.detail);
    assert_int_equal(dec->facts.layout, image->layout);
    assert_int_equal(dec->facts.depth, image->depth);
    assert_int_equal(dec->facts.width, image->width);
    assert_int_equal(iiif_dec_jp2.window(dec, &window, &kit->err), IIIF_OK);
    for (uint32_t y = 0; y < image->height; y += strip.rows) {
        strip.data = out + y * row;
        strip.capacity = image->height - y;
        assert_int_equal(iiif_dec_jp2.rows(dec, &strip, &kit->err), IIIF_OK);
    }
    if (facts != NULL)
        *facts = dec->facts;
    if (icc != NULL) {
        assert_int_equal(iiif_dec_jp2.profile(dec, &profile, &length, &kit->err), IIIF_OK);
        bytes_put(icc, profile, length);
    }
    iiif_dec_jp2.close(dec);
    iiif_src_close(src);
    return out;
}

static void test_lossless(void **state)
{
    static const iiif_layout layouts[] = {IIIF_LAYOUT_GRAY, IIIF_LAYOUT_GRAYA, IIIF_LAYOUT_RGB, IIIF_LAYOUT_RGBA};
    static const uint32_t sizes[][2] = {{130, 97}, {1, 1}, {3, 200}, {33, 31}};

    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        iiif_enc_params_t params = {.image = {sizes[i % 4][0], sizes[i % 4][1], layouts[i / 4 % 4], i < 16 ? 8 : 16},
                                    .quality = 100};
        size_t n = (size_t)params.image.width * params.image.height * iiif_image_pixel_bytes(&params.image);
        uint8_t *want = picture(&params.image), *got;
        kit_t kit;

        memset(&kit, 0, sizeof(kit));
        if (encode(&kit, &params, 1 + i) != IIIF_OK)
            fail_msg("%s", kit.err.detail);
        got = decode(&kit, &params.image, NULL, NULL);
        assert_memory_equal(got, want, n);
        free(got);
        free(want);
        bytes_free(&kit.out);
    }
}

static double psnr(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return 10 * log10(255.0 * 255.0 * (double)n / (sum > 0 ? sum : 1e-9));
}

/* 28 + quality / 5 dB, 0 as 85. */
static void test_quality(void **state)
{
    static const int qualities[] = {10, 50, 0, 95};
    double last_length = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        iiif_enc_params_t params = {.image = {256, 200, IIIF_LAYOUT_RGB, 8}, .quality = qualities[i]};
        uint8_t *want = picture(&params.image), *got;
        double wanted = 28 + (qualities[i] ? qualities[i] : 85) / 5.0, have;
        kit_t kit;

        memset(&kit, 0, sizeof(kit));
        assert_int_equal(encode(&kit, &params, 64), IIIF_OK);
        got = decode(&kit, &params.image, NULL, NULL);
        have = psnr(want, got, (size_t)256 * 200 * 3);
        if (have < wanted - 1.5 || have > wanted + 4)
            fail_msg("quality %d gives %.1f dB, %.1f wanted", qualities[i], have, wanted);
        assert_true((double)kit.out.length > last_length);
        last_length = (double)kit.out.length;
        free(got);
        free(want);
        bytes_free(&kit.out);
    }
}

static void test_metadata(void **state)
{
    uint8_t icc[200];
    iiif_enc_params_t params = {.image = {40, 30, IIIF_LAYOUT_RGBA, 8}, .quality = 100, .icc = icc, .icc_length = 200,
                                .pixels_per_cm = 118.11};
    bytes_t profile = {NULL, 0, 0, 0};
    iiif_facts_t facts;
    kit_t kit;

    (void)state;
    memset(icc, 7, sizeof(icc));
    memcpy(icc, "\0\0\0\xc8", 4);
    memcpy(icc + 16, "RGB ", 4);
    memset(&kit, 0, sizeof(kit));
    assert_int_equal(encode(&kit, &params, 64), IIIF_OK);
    free(decode(&kit, &params.image, &facts, &profile));
    assert_true(facts.has_profile);
    assert_int_equal(profile.length, 200);
    assert_memory_equal(profile.data, icc, 200);
    assert_int_equal(facts.unit, IIIF_UNIT_CM);
    assert_true(fabs(facts.pixels_per_unit_x - 118.11) < 0.001);
    bytes_free(&profile);
    bytes_free(&kit.out);
    /* Without a profile the pixels are said to be sRGB, and no resolution is said. */
    params.icc = NULL;
    params.pixels_per_cm = 0;
    assert_int_equal(encode(&kit, &params, 64), IIIF_OK);
    free(decode(&kit, &params.image, &facts, NULL));
    assert_false(facts.has_profile);
    assert_int_equal(facts.unit, IIIF_UNIT_NONE);
    assert_memory_equal(kit.out.data + 32 + 8 + 22 + 4, "colr\1\0\0\0\0\0\x10", 11);
    bytes_free(&kit.out);
    for (double resolution = 1e-3; resolution < 1e6; resolution *= 7.7) {
        params.pixels_per_cm = resolution;
        assert_int_equal(encode(&kit, &params, 64), IIIF_OK);
        free(decode(&kit, &params.image, &facts, NULL));
        if (facts.pixels_per_unit_x > 0)
            assert_true(fabs(facts.pixels_per_unit_x / resolution - 1) < 1e-3);
        bytes_free(&kit.out);
    }
}

static void test_failures(void **state)
{
    iiif_enc_params_t params = {.image = {300, 300, IIIF_LAYOUT_RGB, 8}, .quality = 80};
    kit_t kit;
    bool done = false;

    (void)state;
    for (unsigned long n = 1; !done; n++) {
        iiif_rc rc;

        assert_true(n < 50);
        memset(&kit, 0, sizeof(kit));
        kit.mem.fail_at = n;
        rc = encode(&kit, &params, 50);
        done = rc == IIIF_OK;
        if (!done)
            assert_int_equal(rc, IIIF_E_NO_MEMORY);
        bytes_free(&kit.out);
    }
    for (size_t after = 1; after < 3000; after = after * 3) {
        memset(&kit, 0, sizeof(kit));
        kit.refuse_after = after;
        assert_int_equal(encode(&kit, &params, 50), IIIF_E_CANCELLED);
        bytes_free(&kit.out);
    }
    memset(&kit, 0, sizeof(kit));
    params.image.layout = IIIF_LAYOUT_CMYK;
    assert_int_equal(encode(&kit, &params, 50), IIIF_E_INTERNAL);
}

static void test_row_count(void **state)
{
    iiif_enc_params_t params = {.image = {4, 4, IIIF_LAYOUT_GRAY, 8}, .quality = 80};
    uint8_t rows[16] = {0};
    iiif_strip_t strip = {rows, 4, 4, 0, 3};
    iiif_sink_t sink;
    iiif_enc_t *enc;
    kit_t kit;

    (void)state;
    memset(&kit, 0, sizeof(kit));
    kit.work.mem = &kit.mem;
    sink = (iiif_sink_t){sink_write, &kit};
    assert_int_equal(iiif_enc_jp2.open(&params, &sink, &kit.work, &enc, &kit.err), IIIF_OK);
    assert_int_equal(iiif_enc_jp2.rows(enc, &strip, &kit.err), IIIF_OK);
    assert_int_equal(iiif_enc_jp2.finish(enc, &kit.err), IIIF_E_INTERNAL);
    assert_int_equal(iiif_enc_jp2.rows(enc, &strip, &kit.err), IIIF_E_INTERNAL);
    iiif_enc_jp2.close(enc);
    assert_int_equal(kit.out.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lossless), cmocka_unit_test(test_quality),   cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_failures), cmocka_unit_test(test_row_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
