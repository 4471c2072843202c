/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/codec/iiif_codec.h"
#include "jpeg_fixture.h"

static void each_encoder_is_complete_and_found_by_its_token(void **state)
{
    (void)state;
    for (size_t i = 0; iiif_encoders[i] != NULL; i++) {
        const iiif_encoder_t *encoder = iiif_encoders[i];

        assert_ptr_equal(iiif_encoder_find(encoder->format), encoder);
        assert_int_equal(encoder->abi, IIIF_CODEC_ABI);
        assert_true(strlen(encoder->format) < IIIF_FORMAT_MAX);
        assert_non_null(strchr(encoder->media_type, '/'));
        assert_true(encoder->max_dimension >= 16383);
        assert_true(encoder->open && encoder->rows && encoder->finish && encoder->close);
    }
    assert_non_null(iiif_encoder_find("jpg"));
    assert_non_null(iiif_encoder_find("png"));
    assert_string_equal(iiif_encoder_find("jpg")->media_type, "image/jpeg");
    assert_false(iiif_encoder_find("jpg")->opt_in || iiif_encoder_find("png")->opt_in);
    assert_null(iiif_encoder_find("bmp"));
    assert_null(iiif_encoder_find("JPG"));
    assert_null(iiif_encoder_find(""));
}

static void each_decoder_is_complete_and_has_its_own_name(void **state)
{
    (void)state;
    for (size_t i = 0; iiif_decoders[i] != NULL; i++) {
        const iiif_decoder_t *decoder = iiif_decoders[i];

        assert_int_equal(decoder->abi, IIIF_CODEC_ABI);
        assert_true(strlen(decoder->name) < sizeof(((iiif_facts_t *)NULL)->decoder));
        assert_true(decoder->bid && decoder->open && decoder->window && decoder->rows && decoder->close);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(iiif_decoders[k]->name, decoder->name);
    }
}

/* What bids for these first bytes, padded with zeros; NULL for none. */
static const char *winner(const char *bytes, size_t length)
{
    uint8_t head[IIIF_SNIFF_BYTES] = {0};
    const char *name = NULL;
    int best = 0;

    memcpy(head, bytes, length);
    for (size_t i = 0; iiif_decoders[i] != NULL; i++) {
        int bid = iiif_decoders[i]->bid(head, sizeof(head));

        assert_in_range(bid, 0, 100);
        assert_int_equal(iiif_decoders[i]->bid(head, 0), 0);
        if (bid > best) {
            best = bid;
            name = iiif_decoders[i]->name;
        }
    }
    return name;
}

static void masters_are_recognised_by_their_bytes(void **state)
{
    (void)state;
    assert_string_equal(winner("\xff\xd8\xff\xe0", 4), "jpeg");
    assert_string_equal(winner("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16), "png");
    assert_string_equal(winner("\0\0\0\x0cjP  \r\n\x87\n", 12), "jp2");
    assert_string_equal(winner("\xff\x4f\xff\x51\0\x2f", 6), "jp2");
    assert_null(winner("%PDF-1.7", 8));
    assert_null(winner("<?xml version='1.0'?><svg", 25));
    assert_null(winner("", 0));
}

typedef struct bench {
    iiif_mem_t mem;
    iiif_work_t work;
    iiif_src_t *src;
    iiif_dec_t *dec;
    iiif_err_t err;
} bench_t;

static iiif_rc bench_open(bench_t *b, const uint8_t *data, size_t length, unsigned long fail_at)
{
    const iiif_dec_options_t options = {.page = 1};
    iiif_rc rc;

    memset(b, 0, sizeof(*b));
    iiif_mem_init(&b->mem, 0);
    b->mem.fail_at = fail_at;
    b->work.mem = &b->mem;
    rc = iiif_src_open_memory(data, length, &b->mem, &b->src, &b->err);
    return rc == IIIF_OK ? iiif_dec_open(b->src, &options, &b->work, &b->dec, &b->err) : rc;
}

static void bench_close(bench_t *b)
{
    iiif_dec_close(b->dec);
    iiif_src_close(b->src);
    assert_int_equal(b->mem.used, 0);
}

static void what_nobody_bids_for_is_no_image(void **state)
{
    static const char *const texts[] = {"", "x", "GIF", "hello, this is a text file that is longer than sixty-four bytes, really"};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(texts); i++) {
        bench_t b;

        assert_int_equal(bench_open(&b, (const uint8_t *)texts[i], strlen(texts[i]), 0), IIIF_E_NOT_IMAGE);
        assert_null(b.dec);
        bench_close(&b);
    }
}

static int64_t broken_read(iiif_src_t *src, uint64_t offset, void *buffer, size_t n)
{
    (void)src;
    (void)offset;
    (void)buffer;
    (void)n;
    return -1;
}

static void a_disk_that_fails_is_no_wrong_format(void **state)
{
    const iiif_dec_options_t options = {.page = 1};
    bench_t b;

    (void)state;
    assert_int_equal(bench_open(&b, (const uint8_t *)"x", 1, 0), IIIF_E_NOT_IMAGE);
    b.src->read_at = broken_read;
    assert_int_equal(iiif_dec_open(b.src, &options, &b.work, &b.dec, &b.err), IIIF_E_IO);
    assert_int_equal(iiif_dec_open(b.src, &options, &b.work, &b.dec, NULL), IIIF_E_IO);
    bench_close(&b);
}

/* The stage delivers the window's shape and pixels; all of it within the budget. */
static void a_window_becomes_a_stage(void **state)
{
    const fixture_t fixture = {.width = 120, .height = 90, .in = JCS_RGB, .coded = JCS_YCbCr, .h = 2, .v = 2};
    const iiif_dec_window_t window = {.level = 1, .rect = {7, 11, 40, 30}};
    uint32_t w, h, y = 0;
    size_t length;
    uint8_t *data = fixture_encode(&fixture, &length), *full, row[40 * 3 * 4];
    iiif_stage_t *stage = NULL;
    int channels;
    bench_t b;

    (void)state;
    full = fixture_decode(data, length, 1, &w, &h, &channels);
    assert_int_equal(bench_open(&b, data, length, 0), IIIF_OK);
    assert_string_equal(b.dec->facts.decoder, "jpeg");
    assert_int_equal(iiif_dec_stage(b.dec, &window, &stage, &b.err), IIIF_OK);
    assert_int_equal(stage->image.width, 40);
    assert_int_equal(stage->image.height, 30);
    assert_int_equal(stage->image.layout, IIIF_LAYOUT_RGB);
    assert_int_equal(stage->image.depth, 8);
    for (;;) {
        iiif_strip_t strip = {.data = row, .stride = 40 * 3, .capacity = 4};

        assert_int_equal(iiif_stage_pull(stage, &strip, &b.err), IIIF_OK);
        if (strip.rows == 0)
            break;
        for (uint32_t r = 0; r < strip.rows; r++, y++)
            assert_memory_equal(row + r * 120, full + ((size_t)(11 + y) * w + 7) * 3, 120);
    }
    assert_int_equal(y, 30);
    iiif_stage_close(stage);
    bench_close(&b);
    free(full);
    free(data);
}

static void every_failing_allocation_is_survived(void **state)
{
    const fixture_t fixture = {.width = 40, .height = 30, .in = JCS_RGB, .coded = JCS_YCbCr};
    const iiif_dec_window_t window = {.rect = {0, 0, 40, 30}};
    size_t length;
    uint8_t *data = fixture_encode(&fixture, &length);
    iiif_rc rc = IIIF_E_NO_MEMORY;

    (void)state;
    for (unsigned long n = 1; rc != IIIF_OK; n++) {
        iiif_stage_t *stage = NULL;
        bench_t b;

        assert_true(n < 100);
        rc = bench_open(&b, data, length, n);
        if (rc == IIIF_OK)
            rc = iiif_dec_stage(b.dec, &window, &stage, &b.err);
        assert_true(rc == IIIF_OK || rc == IIIF_E_NO_MEMORY);
        iiif_stage_close(stage);
        bench_close(&b);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_encoder_is_complete_and_found_by_its_token),
        cmocka_unit_test(each_decoder_is_complete_and_has_its_own_name),
        cmocka_unit_test(masters_are_recognised_by_their_bytes),
        cmocka_unit_test(what_nobody_bids_for_is_no_image),
        cmocka_unit_test(a_disk_that_fails_is_no_wrong_format),
        cmocka_unit_test(a_window_becomes_a_stage),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
