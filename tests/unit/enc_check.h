/* SPDX-License-Identifier: Apache-2.0 */
/* Runs an encoder over rows in memory and keeps what it writes. */
#ifndef ENC_CHECK_H
#define ENC_CHECK_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/codec/iiif_codec.h"

typedef struct written {
    uint8_t *data;
    size_t length, capacity;
    size_t fail_after;       /* bytes; 0 never */
} written_t;

static inline iiif_rc keep_bytes(void *context, const uint8_t *data, size_t length, iiif_err_t *err)
{
    written_t *w = context;

    if (w->fail_after != 0 && w->length + length > w->fail_after)
        return iiif_err_set(err, IIIF_E_IO, 9999, "The test's sink is full.");
    if (w->length + length > w->capacity) {
        w->capacity = (w->length + length) * 2;
        w->data = realloc(w->data, w->capacity);
        assert_non_null(w->data);
    }
    memcpy(w->data + w->length, data, length);
    w->length += length;
    return IIIF_OK;
}

/* `pixels` packed; `mem` has the limits of the test. All memory must be back afterwards. */
static inline iiif_rc encode(const iiif_encoder_t *encoder, const iiif_enc_params_t *params, const uint8_t *pixels,
                             uint32_t rows_at_once, iiif_mem_t *mem, written_t *out, iiif_err_t *err)
{
    iiif_work_t work = {.mem = mem};
    iiif_sink_t sink = {.write = keep_bytes, .context = out};
    size_t row = params->image.width * iiif_image_pixel_bytes(&params->image);
    iiif_enc_t *enc = NULL;
    iiif_rc rc = encoder->open(params, &sink, &work, &enc, err);

    if (rc != IIIF_OK) {
        assert_int_equal(mem->used, 0);
        return rc;
    }
    for (uint32_t y = 0; rc == IIIF_OK && y < params->image.height; y += rows_at_once) {
        uint32_t n = params->image.height - y < rows_at_once ? params->image.height - y : rows_at_once;
        uint8_t *copy = malloc(n * row); /* what reads or writes beyond is seen */
        iiif_strip_t strip = {.data = copy, .stride = row, .capacity = n, .y = y, .rows = n};

        assert_non_null(copy);
        memcpy(copy, pixels + y * row, n * row);
        rc = encoder->rows(enc, &strip, err);
        assert_memory_equal(copy, pixels + y * row, n * row);
        free(copy);
    }
    if (rc == IIIF_OK)
        rc = encoder->finish(enc, err);
    encoder->close(enc);
    assert_int_equal(mem->used, 0);
    return rc;
}

static inline uint8_t *noise_pixels(const iiif_image_t *image, bool bitonal)
{
    size_t n = (size_t)image->width * image->height * iiif_image_pixel_bytes(image);
    uint8_t *pixels = malloc(n);
    uint32_t state = 12345;

    assert_non_null(pixels);
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525 + 1013904223;
        pixels[i] = bitonal ? (state >> 30 & 1 ? 255 : 0) : (uint8_t)(state >> 24);
    }
    return pixels;
}

#endif
