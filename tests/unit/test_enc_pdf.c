/* SPDX-License-Identifier: Apache-2.0 */
/* The PDF encoder: a sound file around the right pixels. */
#include "enc_check.h"

#include <jpeglib.h>
#include <math.h>
#include <zlib.h>

#include "../../lib/codec/iiif_color.h"

extern const iiif_encoder_t iiif_enc_pdf;

static iiif_enc_params_t params_of(uint32_t w, uint32_t h, iiif_layout layout)
{
    iiif_enc_params_t params = {.image = {.width = w, .height = h, .layout = layout, .depth = 8}, .quality = 95};

    return params;
}

/* For JPEG: slow gradients. */
static uint8_t *smooth_pixels(const iiif_image_t *image)
{
    unsigned n = iiif_layout_channels(image->layout);
    uint8_t *pixels = malloc((size_t)image->width * image->height * n);

    assert_non_null(pixels);
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++)
            for (unsigned c = 0; c < n; c++)
                pixels[((size_t)y * image->width + x) * n + c] =
                    (uint8_t)(c == 0 ? x * 255 / image->width : c == 1 ? y * 255 / image->height : 128);
    return pixels;
}

static written_t make_pdf(const iiif_enc_params_t *params, const uint8_t *pixels)
{
    written_t w = {0};
    iiif_mem_t mem;
    iiif_err_t err;

    iiif_mem_init(&mem, 0);
    if (encode(&iiif_enc_pdf, params, pixels, 16, &mem, &w, &err) != IIIF_OK)
        fail_msg("%s", err.detail);
    (void)keep_bytes(&w, (const uint8_t *)"", 1, &err); /* so that text functions end */
    w.length--;
    return w;
}

static const char *object(const written_t *w, unsigned id)
{
    const char *text = (const char *)w->data;
    const char *start = NULL;
    size_t xref;
    unsigned long count, offset;
    char head[16];

    for (size_t i = w->length - 9; i > 0 && start == NULL; i--)
        if (memcmp(text + i, "startxref", 9) == 0)
            start = text + i + 9;
    assert_non_null(start);
    xref = strtoul(start, NULL, 10);
    assert_memory_equal(text + xref, "xref\n0 ", 7);
    count = strtoul(text + xref + 7, NULL, 10);
    assert_true(id < count);
    /* each entry is 20 bytes, exactly (ISO 32000-1 §7.5.4) */
    offset = strtoul(strchr(text + xref + 7, '\n') + 1 + id * 20, NULL, 10);
    (void)snprintf(head, sizeof(head), "%u 0 obj\n", id);
    assert_memory_equal(text + offset, head, strlen(head));
    return text + offset + strlen(head);
}

static const uint8_t *stream(const written_t *w, unsigned id, size_t *length)
{
    const char *body = object(w, id);
    const char *at = strstr(body, "/Length ");
    unsigned long n;
    char *end;
    const char *data = strstr(body, "stream\n");

    assert_non_null(at);
    assert_non_null(data);
    n = strtoul(at + 8, &end, 10);
    if (strncmp(end, " 0 R", 4) == 0)
        n = strtoul(object(w, (unsigned)n), NULL, 10);
    assert_memory_equal(data + 7 + n, "\nendstream", 10);
    *length = n;
    return (const uint8_t *)data + 7;
}

static void has(const char *body, const char *words)
{
    const char *end = strstr(body, "endobj"), *found = strstr(body, words);

    if (found == NULL || (end != NULL && found > end)) /* a zero byte may come before the end of a stream */
        fail_msg("%s is not in %.200s", words, body);
}

static void check_jpeg(const written_t *w, const iiif_enc_params_t *params, const uint8_t *pixels)
{
    struct jpeg_decompress_struct c;
    struct jpeg_error_mgr error;
    unsigned n = iiif_layout_channels(params->image.layout);
    size_t length;
    const uint8_t *data = stream(w, 5, &length);
    uint8_t *row = malloc((size_t)params->image.width * n);

    c.err = jpeg_std_error(&error);
    jpeg_create_decompress(&c);
    jpeg_mem_src(&c, data, length);
    assert_int_equal(jpeg_read_header(&c, TRUE), JPEG_HEADER_OK);
    jpeg_start_decompress(&c);
    assert_int_equal(c.output_width, params->image.width);
    assert_int_equal(c.output_height, params->image.height);
    assert_int_equal(c.output_components, n);
    for (uint32_t y = 0; y < params->image.height; y++) {
        jpeg_read_scanlines(&c, &row, 1);
        for (size_t i = 0; i < (size_t)params->image.width * n; i++)
            assert_true(abs(row[i] - pixels[y * (size_t)params->image.width * n + i]) < 12);
    }
    jpeg_finish_decompress(&c);
    jpeg_destroy_decompress(&c);
    free(row);
}

static void color_and_gray_are_jpeg(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        iiif_enc_params_t params = params_of(201, 133, i == 0 ? IIIF_LAYOUT_RGB : IIIF_LAYOUT_GRAY);
        uint8_t *pixels = smooth_pixels(&params.image);
        written_t w = make_pdf(&params, pixels);
        size_t length, expected;

        assert_memory_equal(w.data, "%PDF-1.7\n", 9);
        assert_memory_equal(w.data + w.length - 6, "%%EOF\n", 6);
        has(object(&w, 1), "/Catalog");
        has(object(&w, 3), "/MediaBox [0 0 201.0000 133.0000]");
        has(object(&w, 4), "q 201.0000 0 0 133.0000 0 0 cm /Im0 Do Q");
        has(object(&w, 5), "/Width 201 /Height 133 /BitsPerComponent 8");
        has(object(&w, 5), "/DCTDecode");
        has(object(&w, 5), i == 0 ? "[/ICCBased 7 0 R]" : "/CalGray");
        if (i == 0) {
            const uint8_t *profile = stream(&w, 7, &length), *srgb = iiif_color_srgb_profile(&expected);

            assert_int_equal(length, expected);
            assert_memory_equal(profile, srgb, length);
        }
        check_jpeg(&w, &params, pixels);
        free(w.data);
        free(pixels);
    }
}

static void bitonal_is_one_bit(void **state)
{
    static const uint32_t widths[] = {1, 8, 333};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(widths); i++) {
        iiif_enc_params_t params = params_of(widths[i], 500, IIIF_LAYOUT_GRAY);
        size_t row = (widths[i] + 7) / 8, length;
        uLongf got = (uLongf)row * 500;
        uint8_t *bits = malloc(got), *pixels;
        const uint8_t *data;
        written_t w;

        params.bitonal = true;
        pixels = noise_pixels(&params.image, true);
        w = make_pdf(&params, pixels);
        has(object(&w, 5), "/BitsPerComponent 1 /ColorSpace /DeviceGray /Filter /FlateDecode");
        data = stream(&w, 5, &length);
        assert_int_equal(uncompress(bits, &got, data, length), Z_OK);
        assert_int_equal(got, row * 500);
        for (uint32_t y = 0; y < 500; y++)
            for (uint32_t x = 0; x < widths[i]; x++)
                assert_int_equal((bits[y * row + x / 8] >> (7 - x % 8) & 1) * 255, pixels[y * widths[i] + x]);
        free(w.data);
        free(pixels);
        free(bits);
    }
}

static void the_page_has_the_size_of_the_original(void **state)
{
    iiif_enc_params_t params = params_of(1181, 591, IIIF_LAYOUT_GRAY); /* 10 × 5 cm at 300 dpi */
    uint8_t *pixels = smooth_pixels(&params.image);
    double w_points, h_points;
    written_t w;

    (void)state;
    params.pixels_per_cm = 300 / 2.54;
    w = make_pdf(&params, pixels);
    assert_int_equal(sscanf(strstr(object(&w, 3), "MediaBox"), "MediaBox [0 0 %lf %lf]", &w_points, &h_points), 2);
    assert_true(fabs(w_points - 283.44) < 0.01 && fabs(h_points - 141.84) < 0.01);
    free(w.data);
    params.pixels_per_cm = 0.1; /* a wall: beyond what a page can be without a unit of its own */
    w = make_pdf(&params, pixels);
    has(object(&w, 3), "/MediaBox [0 0 14400.0000 ");
    has(object(&w, 3), "/UserUnit 23.2");
    free(w.data);
    free(pixels);
}

static void a_profile_of_other_channels_is_left_out(void **state)
{
    iiif_enc_params_t params = params_of(20, 20, IIIF_LAYOUT_GRAY);
    uint8_t *pixels = smooth_pixels(&params.image);
    uint8_t icc[200] = {0};
    const uint8_t *profile;
    size_t length;
    written_t w;

    (void)state;
    params.icc = icc;
    params.icc_length = sizeof(icc);
    memcpy(icc + 16, "RGB ", 4);
    w = make_pdf(&params, pixels);
    has(object(&w, 5), "/CalGray");
    free(w.data);
    memcpy(icc + 16, "GRAY", 4);
    w = make_pdf(&params, pixels);
    has(object(&w, 5), "[/ICCBased 7 0 R]");
    has(object(&w, 7), "/N 1");
    profile = stream(&w, 7, &length);
    assert_int_equal(length, sizeof(icc));
    assert_memory_equal(profile, icc, sizeof(icc));
    free(w.data);
    free(pixels);
}

static void failures_are_survived(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        iiif_enc_params_t params = params_of(300, 300, IIIF_LAYOUT_GRAY);
        uint8_t *pixels = noise_pixels(&params.image, i == 1);
        bool done = false;
        iiif_mem_t mem;
        iiif_err_t err;

        params.bitonal = i == 1;
        for (unsigned long n = 1; !done; n++) {
            written_t w = {0};
            iiif_rc rc;

            iiif_mem_init(&mem, 0);
            mem.fail_at = n;
            rc = encode(&iiif_enc_pdf, &params, pixels, 50, &mem, &w, &err);
            if (rc != IIIF_OK && rc != IIIF_E_NO_MEMORY) /* the JPEG encoder can do with less */
                fail_msg("allocation %lu: %d %s", n, rc, err.detail);
            done = mem.calls < n;
            free(w.data);
            assert_true(n < 100);
        }
        for (size_t full = 1; full < 9000; full += 700) {
            written_t w = {.fail_after = full};

            iiif_mem_init(&mem, 0);
            assert_int_equal(encode(&iiif_enc_pdf, &params, pixels, 50, &mem, &w, &err), IIIF_E_IO);
            free(w.data);
        }
        free(pixels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(color_and_gray_are_jpeg),
        cmocka_unit_test(bitonal_is_one_bit),
        cmocka_unit_test(the_page_has_the_size_of_the_original),
        cmocka_unit_test(a_profile_of_other_channels_is_left_out),
        cmocka_unit_test(failures_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
