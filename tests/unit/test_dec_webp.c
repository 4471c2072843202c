/* SPDX-License-Identifier: Apache-2.0 */
/* WebP masters: lossless exactly, lossy as libwebp's own whole decode, containers assembled by hand. */
#include "codec_kit.h"

#include <webp/decode.h>
#include <webp/encode.h>

extern const iiif_decoder_t iiif_dec_webp;

#define WIDTH 150u
#define HEIGHT 117u

/* --- making files --------------------------------------------------------------------------------------- */

static int collect(const uint8_t *data, size_t n, const WebPPicture *picture)
{
    kit_append(picture->custom_ptr, data, n);
    return 1;
}

static kit_bytes_t encode(const uint8_t *rgba, uint32_t width, uint32_t height, bool lossless)
{
    kit_bytes_t out = {0};
    WebPConfig config;
    WebPPicture picture;

    assert_true(WebPConfigInit(&config));
    assert_true(WebPPictureInit(&picture));
    config.lossless = lossless;
    config.exact = 1;
    config.quality = 80;
    config.alpha_quality = 100;
    picture.use_argb = lossless;
    picture.width = (int)width;
    picture.height = (int)height;
    picture.writer = collect;
    picture.custom_ptr = &out;
    assert_true(WebPPictureImportRGBA(&picture, rgba, (int)width * 4));
    assert_true(WebPEncode(&config, &picture));
    WebPPictureFree(&picture);
    return out;
}

static uint8_t *picture_of(uint32_t width, uint32_t height, bool alpha)
{
    uint8_t *rgba = kit_picture(width, height, 4, 6);

    for (size_t i = 0; i < (size_t)width * height; i++)
        rgba[i * 4 + 3] = alpha ? (uint8_t)(i * 255 / (width * height)) : 255;
    return rgba;
}

static void append_chunk(kit_bytes_t *out, const char *tag, const void *data, uint32_t n)
{
    uint8_t head[8] = {0};

    memcpy(head, tag, 4);
    for (int i = 0; i < 4; i++)
        head[4 + i] = (uint8_t)(n >> 8 * i);
    kit_append(out, head, 8);
    kit_append(out, data, n);
    if (n % 2 == 1)
        kit_append(out, "", 1);
}

static void close_riff(kit_bytes_t *out)
{
    for (int i = 0; i < 4; i++)
        out->data[4 + i] = (uint8_t)((out->length - 8) >> 8 * i);
}

static void put24(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 3; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static kit_bytes_t begin_extended(uint8_t flags, uint32_t width, uint32_t height)
{
    kit_bytes_t out = {0};
    uint8_t vp8x[10] = {flags};

    kit_append(&out, "RIFF\0\0\0\0WEBP", 12);
    put24(vp8x + 4, width - 1);
    put24(vp8x + 7, height - 1);
    append_chunk(&out, "VP8X", vp8x, sizeof(vp8x));
    return out;
}

/* What follows the header (and VP8X, if any) of a still. */
static void still_chunks(const kit_bytes_t *still, const uint8_t **data, size_t *n)
{
    size_t skip = memcmp(still->data + 12, "VP8X", 4) == 0 ? 30 : 12;

    *data = still->data + skip;
    *n = still->length - skip;
}

/* Two frames, of which the first is `still` at (x, y) and the second is rubbish. */
static kit_bytes_t animate(const kit_bytes_t *still, uint32_t width, uint32_t height, uint32_t x, uint32_t y,
                           uint32_t frame_width, uint32_t frame_height)
{
    kit_bytes_t out = begin_extended(0x02 | 0x10, width, height), frame = {0};
    uint8_t head[16] = {0};
    const uint8_t *chunks;
    size_t n;

    append_chunk(&out, "ANIM", "\xff\x00\xff\xff\0\0", 6);
    put24(head, x / 2);
    put24(head + 3, y / 2);
    put24(head + 6, frame_width - 1);
    put24(head + 9, frame_height - 1);
    kit_append(&frame, head, sizeof(head));
    still_chunks(still, &chunks, &n);
    kit_append(&frame, chunks, n);
    append_chunk(&out, "ANMF", frame.data, (uint32_t)frame.length);
    append_chunk(&out, "ANMF", "no frame at all.", 16);
    close_riff(&out);
    kit_free(&frame);
    return out;
}

/* --- stills ------------------------------------------------------------------------------------------------ */

static void check_against_libwebp(const kit_bytes_t *file, bool alpha)
{
    int width, height;
    iiif_facts_t facts;
    kit_t kit;
    uint8_t *got, *want = alpha ? WebPDecodeRGBA(file->data, file->length, &width, &height)
                                : WebPDecodeRGB(file->data, file->length, &width, &height);

    kit_init(&kit, 0);
    got = kit_decode(&kit, &iiif_dec_webp, file->data, file->length, &facts);
    assert_non_null(got);
    assert_non_null(want);
    assert_int_equal(facts.width, WIDTH);
    assert_int_equal(facts.height, HEIGHT);
    assert_int_equal(facts.layout, alpha ? IIIF_LAYOUT_RGBA : IIIF_LAYOUT_RGB);
    assert_int_equal(facts.access, IIIF_ACCESS_WHOLE);
    assert_string_equal(facts.decoder, "webp");
    assert_memory_equal(got, want, WIDTH * HEIGHT * (alpha ? 4u : 3u));
    free(got);
    WebPFree(want);
}

static void test_lossless(void **state)
{
    (void)state;
    for (int alpha = 0; alpha < 2; alpha++) {
        uint8_t *rgba = picture_of(WIDTH, HEIGHT, alpha);
        kit_bytes_t file = encode(rgba, WIDTH, HEIGHT, true);
        iiif_facts_t facts;
        kit_t kit;
        uint8_t *got;

        kit_init(&kit, 0);
        got = kit_decode(&kit, &iiif_dec_webp, file.data, file.length, &facts);
        assert_non_null(got);
        for (size_t i = 0; i < WIDTH * HEIGHT; i++)
            assert_memory_equal(got + i * (alpha ? 4 : 3), rgba + i * 4, alpha ? 4 : 3);
        check_against_libwebp(&file, alpha);
        free(got);
        free(rgba);
        kit_free(&file);
    }
}

static void for_each_still(void (*check)(const kit_bytes_t *))
{
    for (int i = 0; i < 4; i++) {
        uint8_t *rgba = picture_of(WIDTH, HEIGHT, i % 2);
        kit_bytes_t file = encode(rgba, WIDTH, HEIGHT, i / 2);

        check(&file);
        kit_free(&file);
        free(rgba);
    }
}

static void test_lossy(void **state)
{
    (void)state;
    for (int alpha = 0; alpha < 2; alpha++) {
        uint8_t *rgba = picture_of(WIDTH, HEIGHT, alpha);
        kit_bytes_t file = encode(rgba, WIDTH, HEIGHT, false);

        check_against_libwebp(&file, alpha);
        kit_free(&file);
        free(rgba);
    }
}

/* Also lossy crops must equal the whole: tiles have no seams. */
static void check_crops(const kit_bytes_t *file)
{
    kit_check_windows(&iiif_dec_webp, file->data, file->length, 40);
    kit_check_estimate(&iiif_dec_webp, file->data, file->length);
}

static void check_faults(const kit_bytes_t *file)
{
    kit_check_truncation(&iiif_dec_webp, file->data, file->length, 1);
    kit_check_damage(&iiif_dec_webp, file->data, file->length, 200);
    kit_check_memory(&iiif_dec_webp, file->data, file->length);
}

static void test_windows(void **state)
{
    (void)state;
    for_each_still(check_crops);
}

static void test_faults(void **state)
{
    (void)state;
    for_each_still(check_faults);
}

/* --- animations ---------------------------------------------------------------------------------------------- */

/* The frame on its canvas, transparent around; for a lossless and a lossy frame with transparency. */
static void check_animation(bool lossless)
{
    enum { FW = 60, FH = 40, X = 30, Y = 20 };
    uint8_t *rgba = picture_of(FW, FH, true);
    kit_bytes_t still = encode(rgba, FW, FH, lossless), file = animate(&still, WIDTH, HEIGHT, X, Y, FW, FH);
    int width, height;
    uint8_t *frame = WebPDecodeRGBA(still.data, still.length, &width, &height), *got;
    static const uint8_t clear[4] = {0, 0, 0, 0};
    iiif_facts_t facts;
    kit_t kit;

    kit_init(&kit, 0);
    got = kit_decode(&kit, &iiif_dec_webp, file.data, file.length, &facts);
    assert_non_null(got);
    assert_int_equal(facts.width, WIDTH);
    assert_int_equal(facts.height, HEIGHT);
    assert_int_equal(facts.layout, IIIF_LAYOUT_RGBA);
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++) {
            bool inside = x >= X && x < X + FW && y >= Y && y < Y + FH;

            assert_memory_equal(got + (y * WIDTH + x) * 4, inside ? frame + ((y - Y) * FW + x - X) * 4 : clear, 4);
        }
    kit_check_windows(&iiif_dec_webp, file.data, file.length, 40);
    kit_check_truncation(&iiif_dec_webp, file.data, file.length, 1);
    kit_check_damage(&iiif_dec_webp, file.data, file.length, 200);
    free(got);
    free(rgba);
    WebPFree(frame);
    kit_free(&still);
    kit_free(&file);
}

static void test_animation(void **state)
{
    (void)state;
    check_animation(true);
    check_animation(false);
}

static iiif_rc open_only(const kit_bytes_t *file, uint64_t max_area, uint32_t page)
{
    iiif_dec_options_t options = {page, max_area};
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    iiif_rc rc;
    kit_t kit;

    kit_init(&kit, 0);
    assert_int_equal(iiif_src_open_memory(file->data, file->length, &kit.mem, &src, &kit.err), IIIF_OK);
    rc = iiif_dec_webp.open(src, &options, &kit.work, &dec, &kit.err);
    if (rc == IIIF_OK)
        iiif_dec_webp.close(dec);
    iiif_src_close(src);
    assert_int_equal(kit.mem.used, 0);
    return rc;
}

/* Headers that contradict themselves. */
static void test_absurd(void **state)
{
    uint8_t *rgba = picture_of(WIDTH, HEIGHT, false);
    kit_bytes_t still = encode(rgba, WIDTH, HEIGHT, true), file;
    const uint8_t *chunks;
    size_t n;

    (void)state;
    still_chunks(&still, &chunks, &n);
    file = animate(&still, WIDTH, HEIGHT, 2, 0, WIDTH, HEIGHT); /* beyond the canvas */
    assert_int_equal(open_only(&file, 0, 1), IIIF_E_BAD_MASTER);
    kit_free(&file);
    file = animate(&still, WIDTH, HEIGHT, 0, 0, WIDTH - 1, HEIGHT); /* not of the announced size */
    assert_int_equal(open_only(&file, 0, 1), IIIF_E_BAD_MASTER);
    kit_free(&file);
    file = animate(&still, 1 << 24, 1 << 24, 0, 0, WIDTH, HEIGHT); /* the largest canvas there is */
    assert_int_equal(open_only(&file, 1000000, 1), IIIF_E_TOO_LARGE);
    kit_free(&file);
    file = begin_extended(0, WIDTH + 1, HEIGHT); /* a still that does not fill its canvas */
    kit_append(&file, chunks, n);
    close_riff(&file);
    assert_int_equal(open_only(&file, 0, 1), IIIF_E_BAD_MASTER);
    kit_free(&file);
    file = begin_extended(0, WIDTH, HEIGHT); /* nothing in it */
    close_riff(&file);
    assert_int_equal(open_only(&file, 0, 1), IIIF_E_BAD_MASTER);
    kit_free(&file);
    still.data[17] = (uint8_t)(still.data[17] + 8); /* a bitstream that is longer than the file */
    assert_int_equal(open_only(&still, 0, 1), IIIF_E_BAD_MASTER);
    still.data[17] = (uint8_t)(still.data[17] - 8);
    assert_int_equal(open_only(&still, WIDTH * HEIGHT, 1), IIIF_OK);
    assert_int_equal(open_only(&still, WIDTH * HEIGHT - 1, 1), IIIF_E_TOO_LARGE);
    assert_int_equal(open_only(&still, 0, 2), IIIF_E_NOT_FOUND);
    kit_free(&still);
    free(rgba);
}

/* --- metadata -------------------------------------------------------------------------------------------------- */

static void test_metadata(void **state)
{
    static const uint8_t exif[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0};
    uint8_t *rgba = picture_of(WIDTH, HEIGHT, false), icc[333];
    kit_bytes_t still = encode(rgba, WIDTH, HEIGHT, false), file = begin_extended(0x20 | 0x08, WIDTH, HEIGHT);
    iiif_dec_options_t options = {1, 0};
    const uint8_t *chunks, *data = NULL;
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    size_t n;
    kit_t kit;

    (void)state;
    memset(icc, 0x5A, sizeof(icc));
    append_chunk(&file, "ICCP", icc, sizeof(icc));
    still_chunks(&still, &chunks, &n);
    kit_append(&file, chunks, n);
    append_chunk(&file, "EXIF", exif, sizeof(exif));
    close_riff(&file);
    kit_init(&kit, 0);
    assert_int_equal(iiif_src_open_memory(file.data, file.length, &kit.mem, &src, &kit.err), IIIF_OK);
    assert_int_equal(iiif_dec_webp.open(src, &options, &kit.work, &dec, &kit.err), IIIF_OK);
    assert_int_equal(dec->facts.orientation, 8);
    assert_int_equal(dec->facts.width, HEIGHT);
    assert_true(dec->facts.has_profile);
    assert_int_equal(iiif_dec_webp.profile(dec, &data, &n, &kit.err), IIIF_OK);
    assert_int_equal(n, sizeof(icc));
    assert_memory_equal(data, icc, n);
    iiif_dec_webp.close(dec);
    iiif_src_close(src);
    kit_check_memory(&iiif_dec_webp, file.data, file.length);
    kit_check_truncation(&iiif_dec_webp, file.data, file.length, 1);
    kit_free(&still);
    kit_free(&file);
    free(rgba);
}

static bool gone(void *context)
{
    ++*(int *)context;
    return true;
}

/* A client that has gone ends the decoding; a budget too small is said to be one. */
static void test_cancel_and_budget(void **state)
{
    uint8_t *rgba = picture_of(WIDTH, HEIGHT, false);
    kit_bytes_t file = encode(rgba, WIDTH, HEIGHT, false);
    int asked = 0;
    iiif_cancel_t cancel = {.gone = gone, .context = &asked};
    kit_t kit;

    (void)state;
    kit_init(&kit, 0);
    kit.work.cancel = &cancel;
    assert_null(kit_decode(&kit, &iiif_dec_webp, file.data, file.length, NULL));
    assert_int_equal(kit.err.kind, IIIF_E_CANCELLED);
    kit_init(&kit, 1000000);
    assert_null(kit_decode(&kit, &iiif_dec_webp, file.data, file.length, NULL));
    assert_int_equal(kit.err.kind, IIIF_E_NO_MEMORY);
    kit_free(&file);
    free(rgba);
}

static void test_bid(void **state)
{
    (void)state;
    assert_int_equal(iiif_dec_webp.bid((const uint8_t *)"RIFF\1\0\0\0WEBPVP8 ", 16), 100);
    assert_int_equal(iiif_dec_webp.bid((const uint8_t *)"RIFF\1\0\0\0WEBPVP8 ", 15), 0);
    assert_int_equal(iiif_dec_webp.bid((const uint8_t *)"RIFF\1\0\0\0WAVEfmt ", 16), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bid),       cmocka_unit_test(test_lossless), cmocka_unit_test(test_lossy),
        cmocka_unit_test(test_windows),   cmocka_unit_test(test_faults),   cmocka_unit_test(test_animation),
        cmocka_unit_test(test_absurd),    cmocka_unit_test(test_metadata), cmocka_unit_test(test_cancel_and_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
