/* SPDX-License-Identifier: Apache-2.0 */
/* GIF masters, made with giflib's writer: frames on canvases, transparency, interlacing, damage. */
#include "codec_kit.h"

#include <gif_lib.h>

extern const iiif_decoder_t iiif_dec_gif;

typedef struct spec {
    int screen_width, screen_height;
    int x, y, width, height;      /* of the first image */
    int colors;                   /* of its table; a power of two */
    int transparent;              /* index, or -1 */
    bool interlaced, local;       /* a table of its own */
    bool second;                  /* another image follows */
} spec_t;

/* --- making files --------------------------------------------------------------------------------------- */

static int collect(GifFileType *gif, const GifByteType *data, int n)
{
    kit_append(gif->UserData, data, (size_t)n);
    return n;
}

static unsigned index_at(const spec_t *spec, int x, int y)
{
    return ((unsigned)x * 7919u + (unsigned)y * 104729u + (unsigned)(x * y)) * 2654435761u >> 20 &
           (unsigned)(spec->colors - 1);
}

static void color_at(unsigned i, uint8_t rgb[3])
{
    rgb[0] = (uint8_t)(i * 53 + 1);
    rgb[1] = (uint8_t)(200 - i * 3);
    rgb[2] = (uint8_t)(i * i + 7);
}

static ColorMapObject *make_map(int colors)
{
    ColorMapObject *map = GifMakeMapObject(colors, NULL);

    for (int i = 0; i < colors; i++)
        color_at((unsigned)i, (uint8_t *)&map->Colors[i]);
    return map;
}

static void put_line(GifFileType *gif, const spec_t *spec, int y)
{
    uint8_t line[1024];

    for (int x = 0; x < spec->width; x++)
        line[x] = (uint8_t)index_at(spec, x, y);
    assert_int_equal(EGifPutLine(gif, line, spec->width), GIF_OK);
}

static void put_image(GifFileType *gif, const spec_t *spec)
{
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};

    if (!spec->interlaced) {
        for (int y = 0; y < spec->height; y++)
            put_line(gif, spec, y);
        return;
    }
    for (int pass = 0; pass < 4; pass++)
        for (int y = first[pass]; y < spec->height; y += step[pass])
            put_line(gif, spec, y);
}

static kit_bytes_t make(const spec_t *spec)
{
    kit_bytes_t out = {0};
    int error;
    GifFileType *gif = EGifOpen(&out, collect, &error);
    ColorMapObject *map = make_map(spec->colors), *other = GifMakeMapObject(2, NULL);

    EGifSetGifVersion(gif, true);
    assert_int_equal(EGifPutScreenDesc(gif, spec->screen_width, spec->screen_height, 8, 1, spec->local ? other : map),
                     GIF_OK);
    assert_int_equal(EGifPutComment(gif, "nothing to see here"), GIF_OK);
    if (spec->transparent >= 0) {
        GraphicsControlBlock control = {DISPOSAL_UNSPECIFIED, false, 0, spec->transparent};
        GifByteType bytes[4];

        EGifGCBToExtension(&control, bytes);
        assert_int_equal(EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, bytes), GIF_OK);
    }
    assert_int_equal(EGifPutImageDesc(gif, spec->x, spec->y, spec->width, spec->height, spec->interlaced,
                                      spec->local ? map : NULL),
                     GIF_OK);
    put_image(gif, spec);
    if (spec->second) {
        assert_int_equal(EGifPutImageDesc(gif, 0, 0, spec->width, spec->height, false, other), GIF_OK);
        for (int y = 0; y < spec->height; y++) {
            uint8_t line[1024] = {0};

            assert_int_equal(EGifPutLine(gif, line, spec->width), GIF_OK);
        }
    }
    GifFreeMapObject(map);
    GifFreeMapObject(other);
    assert_int_equal(EGifCloseFile(gif, &error), GIF_OK);
    return out;
}

/* --- tests ----------------------------------------------------------------------------------------------------- */

static const spec_t specs[] = {
    {41, 33, 0, 0, 41, 33, 256, -1, false, false, false},
    {41, 33, 0, 0, 41, 33, 16, -1, true, false, true},
    {41, 33, 0, 0, 41, 33, 2, -1, false, true, false},
    {41, 33, 0, 0, 41, 33, 64, 5, false, true, true},
    {41, 33, 7, 9, 20, 15, 128, -1, false, false, true},
    {41, 33, 7, 9, 20, 15, 128, 3, true, true, false},
    {41, 33, 30, 20, 20, 30, 32, -1, false, false, false}, /* reaches beyond its screen */
    {0, 0, 0, 0, 20, 15, 8, -1, true, false, false},
    {5, 1, 0, 0, 5, 1, 4, -1, true, false, false},         /* fewer rows than passes */
};

static bool has_alpha(const spec_t *spec, const iiif_facts_t *facts)
{
    return spec->transparent >= 0 || spec->width != (int)facts->width || spec->height != (int)facts->height;
}

static void check_pixel(const spec_t *spec, int x, int y, bool alpha, const uint8_t *got)
{
    uint8_t want[4] = {0, 0, 0, 0};

    if (x >= spec->x && x < spec->x + spec->width && y >= spec->y && y < spec->y + spec->height) {
        unsigned i = index_at(spec, x - spec->x, y - spec->y);

        color_at(i, want);
        want[3] = (int)i == spec->transparent ? 0 : 255;
    }
    assert_memory_equal(got, want, alpha ? 4 : 3);
}

static void test_every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(specs); i++) {
        const spec_t *spec = &specs[i];
        kit_bytes_t file = make(spec);
        iiif_facts_t facts;
        kit_t kit;
        uint8_t *got;
        bool alpha;

        kit_init(&kit, 0);
        got = kit_decode(&kit, &iiif_dec_gif, file.data, file.length, &facts);
        assert_non_null(got);
        assert_int_equal(facts.width, spec->x + spec->width > spec->screen_width ? spec->x + spec->width : spec->screen_width);
        assert_int_equal(facts.height,
                         spec->y + spec->height > spec->screen_height ? spec->y + spec->height : spec->screen_height);
        alpha = has_alpha(spec, &facts);
        assert_int_equal(facts.layout, alpha ? IIIF_LAYOUT_RGBA : IIIF_LAYOUT_RGB);
        assert_int_equal(facts.access, spec->interlaced ? IIIF_ACCESS_WHOLE : IIIF_ACCESS_ROWS);
        assert_string_equal(facts.decoder, "gif");
        for (uint32_t y = 0; y < facts.height; y++)
            for (uint32_t x = 0; x < facts.width; x++)
                check_pixel(spec, (int)x, (int)y, alpha, got + (y * facts.width + x) * (alpha ? 4 : 3));
        free(got);
        kit_free(&file);
    }
}

static void test_windows(void **state)
{
    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(specs); i++) {
        kit_bytes_t file = make(&specs[i]);

        kit_check_windows(&iiif_dec_gif, file.data, file.length, 30);
        kit_check_estimate(&iiif_dec_gif, file.data, file.length);
        kit_free(&file);
    }
}

/* The end mark behind the image is not needed; everything of the image is. */
static void test_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(specs); i++) {
        if (!specs[i].second) {
            kit_bytes_t file = make(&specs[i]);

            kit_check_truncation(&iiif_dec_gif, file.data, file.length, 1);
            kit_free(&file);
        }
    }
}

static void test_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(specs); i++) {
        kit_bytes_t file = make(&specs[i]);

        kit_check_damage(&iiif_dec_gif, file.data, file.length, 200);
        kit_free(&file);
    }
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        kit_bytes_t file = make(&specs[i]);

        kit_check_memory(&iiif_dec_gif, file.data, file.length);
        kit_free(&file);
    }
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
    rc = iiif_dec_gif.open(src, &options, &kit.work, &dec, &kit.err);
    if (rc == IIIF_OK)
        iiif_dec_gif.close(dec);
    iiif_src_close(src);
    assert_int_equal(kit.mem.used, 0);
    return rc;
}

static void test_absurd(void **state)
{
    kit_bytes_t file = make(&specs[0]);
    kit_bytes_t bare = {0};

    (void)state;
    assert_int_equal(open_only(&file, 41 * 33, 1), IIIF_OK);
    assert_int_equal(open_only(&file, 41 * 33 - 1, 1), IIIF_E_TOO_LARGE);
    assert_int_equal(open_only(&file, 0, 2), IIIF_E_NOT_FOUND);
    memset(file.data + 6, 0xFF, 4); /* a screen of 65535 × 65535 */
    assert_int_equal(open_only(&file, 100000000, 1), IIIF_E_TOO_LARGE);
    kit_free(&file);
    kit_append(&bare, "GIF89a\5\0\5\0\0\0\0;", 14); /* a screen and the end */
    assert_int_equal(open_only(&bare, 0, 1), IIIF_E_BAD_MASTER);
    bare.length = 13;
    kit_append(&bare, ",\0\0\0\0\5\0\5\0\0\2\0;", 13); /* an image without any colour table */
    assert_int_equal(open_only(&bare, 0, 1), IIIF_E_BAD_MASTER);
    kit_free(&bare);
}

/* A table of two colours whose pixels use the third: damage, not black. */
static void test_index_beyond_table(void **state)
{
    static const uint8_t file[] = {
        'G', 'I', 'F', '8', '9', 'a', 2, 0, 1, 0, 0x80, 0, 0, 1, 2, 3, 4, 5, 6, ',', 0, 0, 0, 0, 2, 0, 1, 0, 0,
        2,   2,                   /* minimum code size; one block of two bytes */
        0x84 | 3 << 3, 0x0A, 0, ';', /* clear (4), 3, 2, end (5): codes of three bits */
    };
    kit_t kit;

    (void)state;
    kit_init(&kit, 0);
    assert_null(kit_decode(&kit, &iiif_dec_gif, file, sizeof(file), NULL));
    assert_int_equal(kit.err.kind, IIIF_E_BAD_MASTER);
    assert_non_null(strstr(kit.err.detail, "a pixel has no colour"));
}

static void test_bid(void **state)
{
    (void)state;
    assert_int_equal(iiif_dec_gif.bid((const uint8_t *)"GIF89a", 6), 100);
    assert_int_equal(iiif_dec_gif.bid((const uint8_t *)"GIF87a", 6), 100);
    assert_int_equal(iiif_dec_gif.bid((const uint8_t *)"GIF87", 5), 0);
    assert_int_equal(iiif_dec_gif.bid((const uint8_t *)"GIF88a", 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bid),     cmocka_unit_test(test_every_kind), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_damaged),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_absurd),  cmocka_unit_test(test_index_beyond_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
