/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the tests of decoders and encoders share: a source and a sink in memory, whole and windowed decodes, faults.
 * Decoded pixels are tight rows, owned by the caller (free). A failed helper returns NULL, never asserts, unless it says so.
 */
#ifndef CODEC_KIT_H
#define CODEC_KIT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/codec/iiif_codec.h"

#define KIT_SINK_ID 9000 /* of the error that a refusing sink reports */

typedef struct kit {
    iiif_mem_t mem;
    iiif_work_t work;
    iiif_err_t err;
    uint64_t max_area;      /* of a master; 0 is no limit */
} kit_t;

__attribute__((unused)) static void kit_init(kit_t *kit, size_t limit)
{
    memset(kit, 0, sizeof(*kit));
    iiif_mem_init(&kit->mem, limit);
    kit->work.mem = &kit->mem;
}

/* --- deterministic noise ------------------------------------------------------------------------------ */

__attribute__((unused)) static uint32_t kit_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Soft gradients with some noise: compressible, but no two rows alike. */
__attribute__((unused)) static uint8_t *kit_picture(uint32_t width, uint32_t height, unsigned channels, unsigned noise)
{
    uint8_t *out = malloc((size_t)width * height * channels);
    uint32_t state = 12345;

    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (unsigned c = 0; c < channels; c++) {
                double value = 127 + 90 * sin(x * 0.05 + c) + 35 * cos(y * 0.08 - c * 2.0);

                value += (double)(kit_random(&state) % (2 * noise + 1)) - noise;
                out[((size_t)y * width + x) * channels + c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
    return out;
}

__attribute__((unused)) static double kit_psnr(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum == 0 ? 99 : 10 * log10(255.0 * 255.0 * (double)n / sum);
}

/* --- bytes -------------------------------------------------------------------------------------------------- */

typedef struct kit_bytes {
    uint8_t *data;
    size_t length;
    size_t fail_after;      /* a sink that refuses what comes after so many bytes; 0 is never */
    unsigned writes;
} kit_bytes_t;

__attribute__((unused)) static void kit_append(kit_bytes_t *bytes, const void *data, size_t n)
{
    bytes->data = realloc(bytes->data, bytes->length + n + 1);
    memcpy(bytes->data + bytes->length, data, n);
    bytes->length += n;
}

__attribute__((unused)) static iiif_rc kit_sink_write(void *context, const uint8_t *data, size_t n, iiif_err_t *err)
{
    kit_bytes_t *bytes = context;

    bytes->writes++;
    if (bytes->fail_after != 0 && bytes->length + n > bytes->fail_after)
        return iiif_err_set(err, IIIF_E_CANCELLED, KIT_SINK_ID, "The sink of the test refused.");
    kit_append(bytes, data, n);
    return IIIF_OK;
}

__attribute__((unused)) static void kit_free(kit_bytes_t *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof(*bytes));
}

/* --- decoding ----------------------------------------------------------------------------------------------- */

__attribute__((unused)) static iiif_image_t kit_shape(const iiif_facts_t *facts, const iiif_rect_t *rect)
{
    return (iiif_image_t){rect->w, rect->h, (iiif_layout)facts->layout, facts->depth};
}

/* Pulls a window in strips of `capacity` rows. */
__attribute__((unused)) static uint8_t *kit_window(iiif_dec_t *dec, unsigned level, iiif_rect_t rect, uint32_t capacity,
                                                   iiif_err_t *err)
{
    iiif_dec_window_t window = {level, rect};
    iiif_image_t image = kit_shape(&dec->facts, &rect);
    size_t row = rect.w * iiif_image_pixel_bytes(&image);
    iiif_stage_t *stage = NULL;
    uint8_t *out;

    if (iiif_dec_stage(dec, &window, &stage, err) != IIIF_OK)
        return NULL;
    out = malloc(row * rect.h + 1);
    for (uint32_t y = 0; y < rect.h;) {
        iiif_strip_t strip = {out + row * y, row, capacity < rect.h - y ? capacity : rect.h - y, 0, 0};

        if (iiif_stage_pull(stage, &strip, err) != IIIF_OK) {
            free(out);
            out = NULL;
            break;
        }
        assert_int_equal(strip.y, y);
        assert_true(strip.rows > 0 && strip.rows <= strip.capacity);
        y += strip.rows;
    }
    iiif_stage_close(stage);
    return out;
}

/* Opens, decodes all of level 0, closes; *facts may be NULL. Checks that nothing stays allocated. */
__attribute__((unused)) static uint8_t *kit_decode(kit_t *kit, const iiif_decoder_t *decoder, const uint8_t *data, size_t n,
                                                   iiif_facts_t *facts)
{
    iiif_dec_options_t options = {1, kit->max_area};
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    uint8_t *out = NULL;
    size_t before = kit->mem.used;

    kit->err.kind = IIIF_OK;
    if (iiif_src_open_memory(data, n, &kit->mem, &src, &kit->err) != IIIF_OK)
        return NULL;
    if (decoder->open(src, &options, &kit->work, &dec, &kit->err) == IIIF_OK) {
        iiif_rect_t all = {0, 0, dec->facts.stored_width, dec->facts.stored_height};

        if (facts != NULL)
            *facts = dec->facts;
        out = kit_window(dec, 0, all, 7, &kit->err);
        decoder->close(dec);
    }
    iiif_src_close(src);
    assert_int_equal(kit->mem.used, before);
    return out;
}

/* Random windows, each as a crop of the whole, from one open decoder. */
__attribute__((unused)) static void kit_check_windows(const iiif_decoder_t *decoder, const uint8_t *data, size_t n,
                                                      unsigned count)
{
    iiif_dec_options_t options = {1, 0};
    kit_t kit;
    iiif_facts_t facts;
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    uint8_t *whole;
    uint32_t state = 77;

    kit_init(&kit, 0);
    whole = kit_decode(&kit, decoder, data, n, &facts);
    assert_non_null(whole);
    assert_int_equal(iiif_src_open_memory(data, n, &kit.mem, &src, &kit.err), IIIF_OK);
    assert_int_equal(decoder->open(src, &options, &kit.work, &dec, &kit.err), IIIF_OK);
    for (unsigned i = 0; i < count; i++) {
        uint32_t w = 1 + kit_random(&state) % facts.stored_width, h = 1 + kit_random(&state) % facts.stored_height;
        iiif_rect_t rect = {kit_random(&state) % (facts.stored_width - w + 1),
                            kit_random(&state) % (facts.stored_height - h + 1), w, h};
        iiif_image_t image = kit_shape(&facts, &rect);
        size_t pixel = iiif_image_pixel_bytes(&image);
        uint8_t *part = kit_window(dec, 0, rect, 1 + kit_random(&state) % 20, &kit.err);

        assert_non_null(part);
        for (uint32_t y = 0; y < h; y++)
            assert_memory_equal(part + y * w * pixel,
                                whole + ((size_t)(rect.y + y) * facts.stored_width + rect.x) * pixel, w * pixel);
        free(part);
    }
    decoder->close(dec);
    iiif_src_close(src);
    assert_int_equal(kit.mem.used, 0);
    free(whole);
}

/* The file cut off at each 1/64: an error of the right kind, or (`tail` bytes before the end) the right pixels. */
__attribute__((unused)) static void kit_check_truncation(const iiif_decoder_t *decoder, const uint8_t *data, size_t n,
                                                         size_t tail)
{
    kit_t kit;
    iiif_facts_t facts;
    uint8_t *whole;

    kit_init(&kit, 0);
    whole = kit_decode(&kit, decoder, data, n, &facts);
    assert_non_null(whole);
    free(whole);
    for (unsigned i = 0; i < 64; i++) {
        size_t length = n * i / 64;
        uint8_t *copy = malloc(length + 1), *out;

        memcpy(copy, data, length); /* so that ASan sees a read beyond the end */
        copy = realloc(copy, length > 0 ? length : 1);
        out = kit_decode(&kit, decoder, copy, length, NULL);
        if (length + tail < n) {
            assert_null(out);
            assert_int_equal(kit.err.kind, IIIF_E_BAD_MASTER);
        }
        free(out);
        free(copy);
    }
}

/* Random damage: no crash, no leak, no wrong kind of error. */
__attribute__((unused)) static void kit_check_damage(const iiif_decoder_t *decoder, const uint8_t *data, size_t n,
                                                     unsigned rounds)
{
    uint32_t state = 4711;
    kit_t kit;

    kit_init(&kit, (size_t)64 << 20);
    kit.max_area = (uint64_t)1 << 22;
    for (unsigned i = 0; i < rounds; i++) {
        uint8_t *copy = malloc(n), *out;
        unsigned flips = 1 + kit_random(&state) % 4;

        memcpy(copy, data, n);
        for (unsigned f = 0; f < flips; f++) {
            size_t range = f % 2 == 0 && n > 100 ? 100 : n; /* headers are hit more often */

            copy[kit_random(&state) % range] ^= (uint8_t)(1u << kit_random(&state) % 8);
        }
        out = kit_decode(&kit, decoder, copy, n, NULL);
        if (out == NULL)
            assert_true(kit.err.kind == IIIF_E_BAD_MASTER || kit.err.kind == IIIF_E_NO_MEMORY ||
                        kit.err.kind == IIIF_E_TOO_LARGE || kit.err.kind == IIIF_E_UNSUPPORTED ||
                        kit.err.kind == IIIF_E_NOT_IMAGE);
        free(out);
        free(copy);
    }
}

/* Each allocation fails once; the first run without a failure must deliver. */
__attribute__((unused)) static void kit_check_memory(const iiif_decoder_t *decoder, const uint8_t *data, size_t n)
{
    unsigned long at = 1;
    uint8_t *whole, *out = NULL;
    iiif_facts_t facts, again;
    kit_t kit;

    kit_init(&kit, 0);
    memset(&facts, 0, sizeof(facts));
    whole = kit_decode(&kit, decoder, data, n, &facts);
    assert_non_null(whole);
    for (;; at++) {
        iiif_rect_t all = {0, 0, facts.stored_width, facts.stored_height};
        iiif_image_t image = kit_shape(&facts, &all);

        kit_init(&kit, 0);
        kit.mem.fail_at = at;
        memset(&again, 0, sizeof(again));
        out = kit_decode(&kit, decoder, data, n, &again);
        assert_int_equal(kit.mem.used, 0);
        if (out == NULL) {
            assert_int_equal(kit.err.kind, IIIF_E_NO_MEMORY);
            continue;
        }
        assert_memory_equal(out, whole, (size_t)all.w * all.h * iiif_image_pixel_bytes(&image));
        assert_int_equal(again.has_profile, facts.has_profile);
        assert_int_equal(again.orientation, facts.orientation);
        assert_int_equal(again.layout, facts.layout);
        free(out);
        if (kit.mem.calls < at)
            break;
    }
    assert_true(at > 3);
    free(whole);
}

/* What is held at most stays within what the facts announce. */
__attribute__((unused)) static void kit_check_estimate(const iiif_decoder_t *decoder, const uint8_t *data, size_t n)
{
    iiif_facts_t facts;
    kit_t kit;
    uint8_t *out;

    kit_init(&kit, 0);
    out = kit_decode(&kit, decoder, data, n, &facts);
    assert_non_null(out);
    free(out);
    assert_true((double)kit.mem.peak <= (double)facts.fixed_bytes + (double)facts.bytes_per_pixel *
                                            facts.stored_width * facts.stored_height + 1024);
}

/* --- encoding ------------------------------------------------------------------------------------------------ */

__attribute__((unused)) static iiif_enc_params_t kit_params(uint32_t width, uint32_t height, iiif_layout layout, unsigned depth)
{
    iiif_enc_params_t params = {.image = {width, height, layout, depth}, .quality = 90, .level = 6};

    return params;
}

/* Feeds tight rows in strips of ever other heights. */
__attribute__((unused)) static iiif_rc kit_encode(kit_t *kit, const iiif_encoder_t *encoder, const iiif_enc_params_t *params,
                                                  const uint8_t *pixels, kit_bytes_t *out)
{
    iiif_sink_t sink = {kit_sink_write, out};
    size_t row = params->image.width * iiif_image_pixel_bytes(&params->image), before = kit->mem.used;
    iiif_enc_t *enc = NULL;
    uint32_t height = 1;
    iiif_rc rc = encoder->open(params, &sink, &kit->work, &enc, &kit->err);

    for (uint32_t y = 0; rc == IIIF_OK && y < params->image.height; y += height, height = height % 5 + 1) {
        iiif_strip_t strip = {NULL, row + 16, 0, y, 0};

        height = height < params->image.height - y ? height : params->image.height - y;
        strip.rows = strip.capacity = height;
        strip.data = malloc(strip.stride * height);
        for (uint32_t i = 0; i < height; i++)
            memcpy(strip.data + i * strip.stride, pixels + (size_t)(y + i) * row, row);
        rc = encoder->rows(enc, &strip, &kit->err);
        free(strip.data);
    }
    if (rc == IIIF_OK)
        rc = encoder->finish(enc, &kit->err);
    if (enc != NULL)
        encoder->close(enc);
    assert_int_equal(kit->mem.used, before);
    return rc;
}

/* Allocations fail one by one, then the sink refuses at ever later bytes: right kinds, nothing leaks. */
__attribute__((unused)) static void kit_check_encoder_faults(const iiif_encoder_t *encoder, const iiif_enc_params_t *params,
                                                             const uint8_t *pixels)
{
    kit_bytes_t good = {0};
    kit_t kit;

    kit_init(&kit, 0);
    assert_int_equal(kit_encode(&kit, encoder, params, pixels, &good), IIIF_OK);
    for (unsigned long at = 1;; at++) {
        kit_bytes_t out = {0};
        iiif_rc rc;

        kit_init(&kit, 0);
        kit.mem.fail_at = at;
        rc = kit_encode(&kit, encoder, params, pixels, &out);
        if (rc == IIIF_OK) {
            assert_int_equal(out.length, good.length);
            assert_memory_equal(out.data, good.data, good.length);
        } else {
            assert_int_equal(rc, IIIF_E_NO_MEMORY);
            assert_int_equal(kit.err.kind, IIIF_E_NO_MEMORY);
        }
        kit_free(&out);
        if (rc == IIIF_OK && kit.mem.calls < at)
            break;
    }
    kit_init(&kit, 0);
    for (size_t limit = 1; limit < good.length; limit += 1 + good.length / 40) {
        kit_bytes_t out = {.fail_after = limit};

        assert_int_equal(kit_encode(&kit, encoder, params, pixels, &out), IIIF_E_CANCELLED);
        assert_int_equal(kit.err.id, KIT_SINK_ID);
        kit_free(&out);
    }
    kit_free(&good);
}

/* Too few and too many rows, and closing half way. */
__attribute__((unused)) static void kit_check_encoder_rows(const iiif_encoder_t *encoder, const iiif_enc_params_t *params,
                                                           uint8_t *pixels)
{
    size_t row = params->image.width * iiif_image_pixel_bytes(&params->image);
    iiif_strip_t strip = {pixels, row, params->image.height, 0, params->image.height - 1};
    kit_bytes_t out = {0};
    iiif_sink_t sink = {kit_sink_write, &out};
    iiif_enc_t *enc = NULL;
    kit_t kit;

    kit_init(&kit, 0);
    assert_int_equal(encoder->open(params, &sink, &kit.work, &enc, &kit.err), IIIF_OK);
    assert_int_equal(encoder->rows(enc, &strip, &kit.err), IIIF_OK);
    assert_int_equal(encoder->finish(enc, &kit.err), IIIF_E_INTERNAL);
    strip.rows = 2;
    assert_int_equal(encoder->rows(enc, &strip, &kit.err), IIIF_E_INTERNAL);
    encoder->close(enc);
    assert_int_equal(kit.mem.used, 0);
    kit_free(&out);
}

#endif
