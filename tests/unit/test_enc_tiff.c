/* SPDX-License-Identifier: Apache-2.0 */
/* What the TIFF encoder writes, read back by libtiff. */
#include "iiif_features.h"

#if IIIF_HAVE_TIFF
#include "enc_check.h"

#include <math.h>
#include <tiffio.h>
#include <unistd.h>

#include "../../lib/codec/iiif_color.h"

extern const iiif_encoder_t iiif_enc_tiff;

static iiif_enc_params_t params_of(uint32_t w, uint32_t h, iiif_layout layout, unsigned depth)
{
    iiif_enc_params_t params = {.image = {.width = w, .height = h, .layout = layout, .depth = depth}};

    return params;
}

static TIFF *reopen(const written_t *w, char path[32])
{
    int fd;
    TIFF *tiff;

    (void)strcpy(path, "/tmp/enc_tiff_XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, w->data, w->length), w->length);
    close(fd);
    tiff = TIFFOpen(path, "r");
    unlink(path);
    assert_non_null(tiff);
    return tiff;
}

static uint32_t tag(TIFF *tiff, uint32_t id)
{
    uint32_t wide = 0;
    uint16_t value = 0;

    if (id == TIFFTAG_IMAGEWIDTH || id == TIFFTAG_IMAGELENGTH || id == TIFFTAG_ROWSPERSTRIP) {
        assert_int_equal(TIFFGetField(tiff, id, &wide), 1);
        return wide;
    }
    assert_int_equal(TIFFGetFieldDefaulted(tiff, id, &value), 1);
    return value;
}

static void check_rows(TIFF *tiff, const iiif_enc_params_t *params, const uint8_t *pixels)
{
    size_t row = params->image.width * iiif_image_pixel_bytes(&params->image);
    uint8_t *got = malloc(row + 16);

    for (uint32_t y = 0; y < params->image.height; y++) {
        assert_int_equal(TIFFReadScanline(tiff, got, y, 0), 1);
        if (tag(tiff, TIFFTAG_BITSPERSAMPLE) != 1) {
            assert_memory_equal(got, pixels + y * row, row);
            continue;
        }
        for (uint32_t x = 0; x < params->image.width; x++)
            assert_int_equal((got[x / 8] >> (7 - x % 8) & 1) != 0 ? 0 : 255, pixels[y * row + x]);
    }
    free(got);
}

static void check_encode(const iiif_enc_params_t *params, uint32_t rows_at_once, uint32_t photometric,
                         uint32_t compression, uint32_t bits)
{
    uint8_t *pixels = noise_pixels(&params->image, params->bitonal);
    written_t w = {0};
    iiif_mem_t mem;
    iiif_err_t err;
    char path[32];
    TIFF *tiff;

    iiif_mem_init(&mem, 0);
    assert_int_equal(encode(&iiif_enc_tiff, params, pixels, rows_at_once, &mem, &w, &err), IIIF_OK);
    assert_memory_equal(w.data, "II*\0", 4);
    tiff = reopen(&w, path);
    assert_int_equal(tag(tiff, TIFFTAG_IMAGEWIDTH), params->image.width);
    assert_int_equal(tag(tiff, TIFFTAG_IMAGELENGTH), params->image.height);
    assert_int_equal(tag(tiff, TIFFTAG_PHOTOMETRIC), photometric);
    assert_int_equal(tag(tiff, TIFFTAG_COMPRESSION), compression);
    assert_int_equal(tag(tiff, TIFFTAG_BITSPERSAMPLE), bits);
    assert_int_equal(tag(tiff, TIFFTAG_SAMPLESPERPIXEL), iiif_layout_channels(params->image.layout));
    assert_true(TIFFStripSize(tiff) <= 2 * 65536);
    if (iiif_layout_has_alpha(params->image.layout)) {
        uint16_t n = 0, *extra = NULL;

        assert_int_equal(TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &n, &extra), 1);
        assert_int_equal(n, 1);
        assert_int_equal(extra[0], EXTRASAMPLE_UNASSALPHA);
    }
    check_rows(tiff, params, pixels);
    TIFFClose(tiff);
    free(w.data);
    free(pixels);
}

static void all_layouts_come_back(void **state)
{
    static const iiif_layout layouts[] = {IIIF_LAYOUT_GRAY, IIIF_LAYOUT_GRAYA, IIIF_LAYOUT_RGB, IIIF_LAYOUT_RGBA};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(layouts); i++)
        for (unsigned depth = 8; depth <= 16; depth += 8) {
            iiif_enc_params_t params = params_of(333, 217, layouts[i], depth);
            uint32_t photometric = i < 2 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB;

            check_encode(&params, 13, photometric, COMPRESSION_ADOBE_DEFLATE, depth);
            params.image.height = 1;
            params.image.width = 1;
            check_encode(&params, 1, photometric, COMPRESSION_ADOBE_DEFLATE, depth);
        }
}

static void bitonal_is_group_4(void **state)
{
    static const uint32_t widths[] = {1, 7, 8, 9, 1000};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(widths); i++) {
        iiif_enc_params_t params = params_of(widths[i], 700, IIIF_LAYOUT_GRAY, 8);

        params.bitonal = true;
        check_encode(&params, 64, PHOTOMETRIC_MINISWHITE, COMPRESSION_CCITTFAX4, 1);
    }
}

static void resolution_and_profile_are_told(void **state)
{
    iiif_enc_params_t params = params_of(20, 10, IIIF_LAYOUT_RGB, 8);
    uint8_t *pixels = noise_pixels(&params.image, false);
    uint8_t own[200];

    (void)state;
    memset(own, 0x33, sizeof(own));
    for (unsigned i = 0; i < 3; i++) {
        written_t w = {0};
        iiif_mem_t mem;
        iiif_err_t err;
        char path[32];
        TIFF *tiff;
        float x = 0;
        uint32_t length = 0;
        size_t expected = 0;
        void *icc = NULL;

        params.pixels_per_cm = i == 0 ? 0 : 118.11;
        params.icc = i == 1 ? own : NULL;
        params.icc_length = i == 1 ? sizeof(own) : 0;
        params.image.layout = i == 2 ? IIIF_LAYOUT_GRAY : IIIF_LAYOUT_RGB;
        iiif_mem_init(&mem, 0);
        assert_int_equal(encode(&iiif_enc_tiff, &params, pixels, 10, &mem, &w, &err), IIIF_OK);
        tiff = reopen(&w, path);
        assert_int_equal(TIFFGetField(tiff, TIFFTAG_XRESOLUTION, &x), 1);
        assert_int_equal(tag(tiff, TIFFTAG_RESOLUTIONUNIT), i == 0 ? RESUNIT_NONE : RESUNIT_CENTIMETER);
        assert_true(fabs((double)x - (i == 0 ? 1 : 118.11)) < 0.01);
        assert_int_equal(TIFFGetField(tiff, TIFFTAG_ICCPROFILE, &length, &icc), i == 2 ? 0 : 1);
        if (i == 0)
            assert_memory_equal(icc, iiif_color_srgb_profile(&expected), length);
        if (i == 0)
            assert_int_equal(length, expected);
        if (i == 1)
            assert_memory_equal(icc, own, sizeof(own));
        TIFFClose(tiff);
        free(w.data);
    }
    free(pixels);
}

static void every_failed_allocation_is_survived(void **state)
{
    iiif_enc_params_t params = params_of(700, 600, IIIF_LAYOUT_RGB, 8);
    uint8_t *pixels = noise_pixels(&params.image, false);
    iiif_rc rc = IIIF_E_NO_MEMORY;

    (void)state;
    for (unsigned long n = 1; rc != IIIF_OK; n++) {
        written_t w = {0};
        iiif_mem_t mem;
        iiif_err_t err;

        iiif_mem_init(&mem, 0);
        mem.fail_at = n;
        rc = encode(&iiif_enc_tiff, &params, pixels, 50, &mem, &w, &err);
        assert_true(rc == IIIF_E_NO_MEMORY || (rc == IIIF_OK && mem.calls < n));
        if (rc != IIIF_OK)
            assert_int_equal(w.length, 0);
        free(w.data);
        assert_true(n < 100);
    }
    free(pixels);
}

static void budget_and_sink_are_respected(void **state)
{
    iiif_enc_params_t params = params_of(700, 600, IIIF_LAYOUT_RGB, 8);
    uint8_t *pixels = noise_pixels(&params.image, false);
    written_t w = {.fail_after = 100000};
    iiif_mem_t mem;
    iiif_err_t err;

    (void)state;
    iiif_mem_init(&mem, (size_t)1 << 20);
    assert_int_equal(encode(&iiif_enc_tiff, &params, pixels, 50, &mem, &w, &err), IIIF_E_NO_MEMORY);
    iiif_mem_init(&mem, 0);
    assert_int_equal(encode(&iiif_enc_tiff, &params, pixels, 50, &mem, &w, &err), IIIF_E_IO);
    assert_true((double)mem.peak < 700 * 600 * (double)iiif_enc_tiff.bytes_per_pixel + 1e6);
    free(w.data);
    free(pixels);
}

static void wrong_input_is_refused(void **state)
{
    iiif_enc_params_t params = params_of(10, 10, IIIF_LAYOUT_CMYK, 8);
    uint8_t pixels[400] = {0};
    written_t w = {0};
    iiif_mem_t mem;
    iiif_err_t err;

    (void)state;
    iiif_mem_init(&mem, 0);
    assert_int_equal(encode(&iiif_enc_tiff, &params, pixels, 10, &mem, &w, &err), IIIF_E_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_layouts_come_back),
        cmocka_unit_test(bitonal_is_group_4),
        cmocka_unit_test(resolution_and_profile_are_told),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(budget_and_sink_are_respected),
        cmocka_unit_test(wrong_input_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else
int main(void)
{
    return 0; /* this build has no TIFF */
}
#endif
