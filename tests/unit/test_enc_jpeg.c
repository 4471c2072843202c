/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/codec/exif.h"
#include "../../lib/codec/iiif_codec.h"
#include "jpeg_fixture.h"

extern const iiif_encoder_t iiif_enc_jpeg;

/* A sink that keeps what comes, and can fail after some bytes. */
typedef struct bin {
    uint8_t *data;
    size_t length, writes, fail_after;
} bin_t;

static iiif_rc bin_write(void *context, const uint8_t *data, size_t length, iiif_err_t *err)
{
    bin_t *bin = context;

    if (bin->fail_after != 0 && bin->length + length > bin->fail_after)
        return iiif_err_set(err, IIIF_E_CANCELLED, 9998, "the client has gone");
    bin->data = realloc(bin->data, bin->length + length);
    memcpy(bin->data + bin->length, data, length);
    bin->length += length;
    bin->writes++;
    return IIIF_OK;
}

static iiif_enc_params_t params_of(uint32_t width, uint32_t height, iiif_layout layout)
{
    return (iiif_enc_params_t){.image = {width, height, layout, 8}, .quality = 85, .subsample = true};
}

/* Feeds the fixture's picture in strips of 1, 2, 3 … rows. */
static iiif_rc encode(const iiif_enc_params_t *params, bin_t *bin, iiif_mem_t *mem, iiif_cancel_t *cancel, uint32_t rows_given,
                      iiif_err_t *err)
{
    const iiif_work_t work = {.mem = mem, .cancel = cancel};
    const iiif_sink_t sink = {.write = bin_write, .context = bin};
    unsigned channels = iiif_layout_channels(params->image.layout);
    size_t stride = (size_t)params->image.width * channels + 13;
    uint8_t *rows = malloc(stride * 40);
    iiif_enc_t *enc = NULL;
    uint32_t y = 0, step = 1;
    iiif_rc rc = iiif_enc_jpeg.open(params, &sink, &work, &enc, err);

    while (rc == IIIF_OK && y < rows_given) {
        iiif_strip_t strip = {.data = rows, .stride = stride, .capacity = 40, .y = y};

        strip.rows = iiif_min_u32(step++ % 40 + 1, rows_given - y);
        for (uint32_t r = 0; r < strip.rows; r++) {
            for (uint32_t x = 0; x < params->image.width; x++) {
                for (unsigned c = 0; c < channels; c++)
                    rows[r * stride + x * channels + c] = fixture_sample(x, y + r, c);
            }
        }
        rc = iiif_enc_jpeg.rows(enc, &strip, err);
        y += strip.rows;
    }
    if (rc == IIIF_OK)
        rc = iiif_enc_jpeg.finish(enc, err);
    if (enc != NULL)
        iiif_enc_jpeg.close(enc);
    free(rows);
    return rc;
}

static bin_t encode_well(const iiif_enc_params_t *params)
{
    bin_t bin = {0};
    iiif_err_t err;
    iiif_mem_t mem;

    iiif_mem_init(&mem, 0);
    assert_int_equal(encode(params, &bin, &mem, NULL, params->image.height, &err), IIIF_OK);
    assert_int_equal(mem.used, 0);
    return bin;
}

/* What a reader finds in the header. */
static void inspect(const bin_t *bin, struct jpeg_decompress_struct *cinfo, struct jpeg_error_mgr *errors)
{
    cinfo->err = jpeg_std_error(errors);
    jpeg_create_decompress(cinfo);
    jpeg_mem_src(cinfo, bin->data, (unsigned long)bin->length);
    jpeg_save_markers(cinfo, JPEG_APP0 + 1, 0xFFFF);
    jpeg_save_markers(cinfo, JPEG_APP0 + 2, 0xFFFF);
    jpeg_read_header(cinfo, TRUE);
}

static double mean_difference(const bin_t *bin, unsigned channels)
{
    uint32_t w, h;
    int got;
    uint8_t *pixels = fixture_decode(bin->data, bin->length, 0, &w, &h, &got);
    double sum = 0;

    assert_int_equal(got, channels);
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            for (unsigned c = 0; c < channels; c++)
                sum += abs((int)pixels[((size_t)y * w + x) * channels + c] - (int)fixture_sample(x, y, c));
        }
    }
    free(pixels);
    return sum / ((double)w * h * channels);
}

static void the_picture_comes_back(void **state)
{
    static const iiif_layout layouts[] = {IIIF_LAYOUT_GRAY, IIIF_LAYOUT_RGB};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(layouts); i++) {
        for (uint32_t size = 1; size < 300; size = size * 3 + 2) {
            iiif_enc_params_t params = params_of(size, size + 3, layouts[i]);
            struct jpeg_decompress_struct cinfo;
            struct jpeg_error_mgr errors;
            bin_t bin;

            params.quality = 100;
            params.subsample = false;
            bin = encode_well(&params);
            assert_true(mean_difference(&bin, iiif_layout_channels(layouts[i])) < 1.5);
            inspect(&bin, &cinfo, &errors);
            assert_int_equal(cinfo.image_width, size);
            assert_int_equal(cinfo.image_height, size + 3);
            assert_int_equal(cinfo.num_components, i == 0 ? 1 : 3);
            jpeg_destroy_decompress(&cinfo);
            free(bin.data);
        }
    }
}

static void chroma_is_halved_only_when_told(void **state)
{
    (void)state;
    for (int subsample = 0; subsample < 2; subsample++) {
        iiif_enc_params_t params = params_of(64, 64, IIIF_LAYOUT_RGB);
        struct jpeg_decompress_struct cinfo;
        struct jpeg_error_mgr errors;
        bin_t bin;

        params.subsample = subsample;
        bin = encode_well(&params);
        inspect(&bin, &cinfo, &errors);
        assert_int_equal(cinfo.comp_info[0].h_samp_factor, 1 + subsample);
        assert_int_equal(cinfo.comp_info[0].v_samp_factor, 1 + subsample);
        assert_int_equal(cinfo.comp_info[1].h_samp_factor, 1);
        jpeg_destroy_decompress(&cinfo);
        free(bin.data);
    }
}

static void large_pictures_are_progressive(void **state)
{
    static const struct {
        uint64_t above;
        bool progressive;
    } cases[] = {{0, false}, {200 * 200, true}, {200 * 200 + 1, false}, {1, true}};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(cases); i++) {
        iiif_enc_params_t params = params_of(200, 200, IIIF_LAYOUT_RGB);
        struct jpeg_decompress_struct cinfo;
        struct jpeg_error_mgr errors;
        bin_t bin;

        params.progressive_above = cases[i].above;
        bin = encode_well(&params);
        inspect(&bin, &cinfo, &errors);
        assert_int_equal(cinfo.progressive_mode, cases[i].progressive);
        jpeg_destroy_decompress(&cinfo);
        free(bin.data);
    }
}

/* Without room for coefficients it is baseline with the usual tables, the same picture. */
static void a_small_budget_makes_baseline(void **state)
{
    iiif_enc_params_t params = params_of(1000, 1000, IIIF_LAYOUT_RGB);
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    bin_t rich, poor = {0};
    uint32_t w, h;
    int channels;
    uint8_t *a, *b;
    iiif_err_t err;
    iiif_mem_t mem;

    (void)state;
    params.progressive_above = 1;
    rich = encode_well(&params);
    /* twice the 6 MB of coefficients: room, but the decoder would have none left */
    iiif_mem_init(&mem, (size_t)12 << 20);
    assert_int_equal(encode(&params, &poor, &mem, NULL, 1000, &err), IIIF_OK);
    assert_true(mem.peak < (size_t)3 << 20);
    inspect(&poor, &cinfo, &errors);
    assert_false(cinfo.progressive_mode);
    jpeg_destroy_decompress(&cinfo);
    a = fixture_decode(rich.data, rich.length, 0, &w, &h, &channels);
    b = fixture_decode(poor.data, poor.length, 0, &w, &h, &channels);
    assert_memory_equal(a, b, (size_t)w * h * 3);
    free(a);
    free(b);
    free(rich.data);
    free(poor.data);
}

static void small_pictures_have_fitted_tables(void **state)
{
    iiif_enc_params_t params = params_of(256, 256, IIIF_LAYOUT_RGB);
    bin_t fitted = encode_well(&params), plain = {0};
    iiif_err_t err;
    iiif_mem_t mem;

    (void)state;
    iiif_mem_init(&mem, 400000); /* too little for the coefficients */
    assert_int_equal(encode(&params, &plain, &mem, NULL, 256, &err), IIIF_OK);
    assert_true(fitted.length < plain.length);
    free(fitted.data);
    free(plain.data);
}

static void pixels_are_marked_as_srgb(void **state)
{
    iiif_enc_params_t params = params_of(16, 16, IIIF_LAYOUT_RGB);
    bin_t bin = encode_well(&params);
    static const uint8_t color_space[] = {0xA0, 0x01, 0, 3, 0, 0, 0, 1, 0, 1};
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    iiif_exif_t exif;

    (void)state;
    inspect(&bin, &cinfo, &errors);
    assert_non_null(cinfo.marker_list);
    assert_int_equal(cinfo.marker_list->marker, JPEG_APP0 + 1);
    assert_true(iiif_exif_read(cinfo.marker_list->data, cinfo.marker_list->data_length, &exif));
    assert_int_equal(exif.orientation, 1);
    assert_non_null(memmem(cinfo.marker_list->data, cinfo.marker_list->data_length, color_space, sizeof(color_space)));
    assert_null(cinfo.marker_list->next);
    jpeg_destroy_decompress(&cinfo);
    free(bin.data);
}

static void a_profile_is_embedded_whole(void **state)
{
    iiif_enc_params_t params = params_of(16, 16, IIIF_LAYOUT_RGB);
    static const size_t lengths[] = {300, 65519, 65520, 200000};

    (void)state;
    for (size_t k = 0; k < IIIF_COUNT(lengths); k++) {
        size_t length = lengths[k];
        uint8_t *icc = malloc(length);
        struct jpeg_decompress_struct cinfo;
        struct jpeg_error_mgr errors;
        JOCTET *got;
        unsigned got_length;
        bin_t bin;

        for (size_t i = 0; i < length; i++)
            icc[i] = (uint8_t)(i ^ i >> 8);
        params.icc = icc;
        params.icc_length = length;
        bin = encode_well(&params);
        inspect(&bin, &cinfo, &errors);
        assert_int_equal(cinfo.marker_list->marker, JPEG_APP0 + 2); /* no EXIF that says otherwise */
        assert_true(jpeg_read_icc_profile(&cinfo, &got, &got_length));
        assert_int_equal(got_length, length);
        assert_memory_equal(got, icc, length);
        free(got);
        jpeg_destroy_decompress(&cinfo);
        free(bin.data);
        free(icc);
    }
}

static void resolution_is_written_in_inches(void **state)
{
    iiif_enc_params_t params = params_of(16, 16, IIIF_LAYOUT_GRAY);
    static const double per_cm[] = {300 / 2.54, 0, 1e9, 0.01, 1 / 0.0};
    static const int inches[] = {300, 0, 0, 0, 0};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(per_cm); i++) {
        struct jpeg_decompress_struct cinfo;
        struct jpeg_error_mgr errors;
        bin_t bin;

        params.pixels_per_cm = per_cm[i];
        bin = encode_well(&params);
        inspect(&bin, &cinfo, &errors);
        assert_int_equal(cinfo.density_unit, inches[i] ? 1 : 0);
        assert_int_equal(cinfo.X_density, inches[i] ? inches[i] : 1);
        assert_int_equal(cinfo.Y_density, inches[i] ? inches[i] : 1);
        jpeg_destroy_decompress(&cinfo);
        free(bin.data);
    }
}

static void a_failing_sink_ends_the_work_with_its_error(void **state)
{
    (void)state;
    for (uint64_t above = 0; above < 2; above++) {
        for (size_t after = 1; after < 100000; after *= 3) {
            iiif_enc_params_t params = params_of(500, 500, IIIF_LAYOUT_RGB);
            bin_t bin = {.fail_after = after};
            iiif_err_t err = {0};
            iiif_mem_t mem;

            params.quality = 98;
            params.progressive_above = above;
            iiif_mem_init(&mem, 0);
            assert_int_equal(encode(&params, &bin, &mem, NULL, 500, &err), IIIF_E_CANCELLED);
            assert_int_equal(err.id, 9998);
            assert_int_equal(mem.used, 0);
            free(bin.data);
        }
    }
}

static void every_failing_allocation_is_survived(void **state)
{
    iiif_enc_params_t params = params_of(64, 64, IIIF_LAYOUT_RGB);
    iiif_rc rc = IIIF_E_NO_MEMORY;
    unsigned long call = 1;

    (void)state;
    params.progressive_above = 1;
    for (; rc != IIIF_OK; call++) {
        bin_t bin = {0};
        iiif_err_t err;
        iiif_mem_t mem;

        iiif_mem_init(&mem, 0);
        mem.fail_at = call;
        rc = encode(&params, &bin, &mem, NULL, 64, &err);
        assert_true(rc == IIIF_OK || rc == IIIF_E_NO_MEMORY);
        assert_int_equal(mem.used, 0);
        free(bin.data);
        assert_true(call < 50);
    }
    assert_true(call > 3);
}

static void missing_rows_and_wrong_layouts_are_errors(void **state)
{
    iiif_enc_params_t params = params_of(64, 64, IIIF_LAYOUT_RGB);
    bin_t bin = {0};
    iiif_err_t err;
    iiif_mem_t mem;

    (void)state;
    iiif_mem_init(&mem, 0);
    assert_int_equal(encode(&params, &bin, &mem, NULL, 63, &err), IIIF_E_INTERNAL);
    params.image.layout = IIIF_LAYOUT_RGBA;
    assert_int_equal(encode(&params, &bin, &mem, NULL, 64, &err), IIIF_E_INTERNAL);
    params.image.layout = IIIF_LAYOUT_RGB;
    params.image.width = 65501;
    assert_int_equal(encode(&params, &bin, &mem, NULL, 1, &err), IIIF_E_INTERNAL);
    assert_int_equal(mem.used, 0);
    free(bin.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_picture_comes_back),
        cmocka_unit_test(chroma_is_halved_only_when_told),
        cmocka_unit_test(large_pictures_are_progressive),
        cmocka_unit_test(a_small_budget_makes_baseline),
        cmocka_unit_test(small_pictures_have_fitted_tables),
        cmocka_unit_test(pixels_are_marked_as_srgb),
        cmocka_unit_test(a_profile_is_embedded_whole),
        cmocka_unit_test(resolution_is_written_in_inches),
        cmocka_unit_test(a_failing_sink_ends_the_work_with_its_error),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(missing_rows_and_wrong_layouts_are_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
