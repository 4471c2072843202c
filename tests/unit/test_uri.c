/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/core/iiif_uri.h"

#define ONE IIIF_DECIMAL_ONE

static char buffer[256];
static iiif_req_t req;
static iiif_err_t err;

static iiif_rc parse(iiif_version version, const char *path)
{
    memset(&err, 0, sizeof(err));
    return iiif_uri_parse(version, iiif_slice(path), buffer, sizeof(buffer), &req, &err);
}

static void assert_image(iiif_version version, const char *path)
{
    assert_int_equal(parse(version, path), IIIF_OK);
    assert_int_equal(req.kind, IIIF_REQUEST_IMAGE);
}

/* 400, still with the identifier, in a sentence that names the part. */
static void assert_bad(iiif_version version, const char *path, const char *part)
{
    if (parse(version, path) != IIIF_E_BAD_REQUEST)
        fail_msg("accepted: %s", path);
    assert_int_equal(req.kind, IIIF_REQUEST_IMAGE);
    assert_true(req.identifier.length > 0);
    if (strstr(err.detail, part) == NULL)
        fail_msg("%s: %s", path, err.detail);
    assert_true(err.id >= 1010 && err.id <= 1199);
}

static void assert_kind(const char *path, iiif_request_kind kind, const char *identifier)
{
    assert_int_equal(parse(IIIF_VERSION_3, path), IIIF_OK);
    assert_int_equal(req.kind, kind);
    assert_int_equal(req.identifier.length, strlen(identifier));
    assert_memory_equal(req.identifier.data, identifier, req.identifier.length);
}

static void region_is(const char *text, iiif_region_kind kind, uint64_t x, uint64_t y, uint64_t w, uint64_t h)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "id/%s/max/0/default.jpg", text);
    assert_image(IIIF_VERSION_3, path);
    assert_int_equal(req.region.kind, kind);
    assert_true(req.region.x == x && req.region.y == y && req.region.w == w && req.region.h == h);
}

static void bad_regions(const char *const *list)
{
    for (; *list != NULL; list++) {
        char path[256];

        (void)snprintf(path, sizeof(path), "id/%s/max/0/default.jpg", *list);
        assert_bad(IIIF_VERSION_3, path, "region");
        assert_bad(IIIF_VERSION_2, path, "region");
    }
}

static void size_is(iiif_version version, const char *text, iiif_size_kind kind, bool upscale, uint64_t w, uint64_t h)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "id/full/%s/0/default.jpg", text);
    assert_image(version, path);
    assert_int_equal(req.size.kind, kind);
    assert_int_equal(req.size.upscale, upscale);
    assert_true(req.size.w == w && req.size.h == h);
}

static void bad_size(iiif_version version, const char *text)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "id/full/%s/0/default.jpg", text);
    assert_bad(version, path, "size");
}

static void rotation_is(const char *text, bool mirror, iiif_decimal_t degrees)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "id/full/max/%s/default.jpg", text);
    assert_image(IIIF_VERSION_3, path);
    assert_int_equal(req.rotation.mirror, mirror);
    assert_true(req.rotation.degrees == degrees);
}

static void bad_rotation(const char *text)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "id/full/max/%s/default.jpg", text);
    assert_bad(IIIF_VERSION_3, path, "rotation");
    assert_bad(IIIF_VERSION_2, path, "rotation");
}

/* --- shape and identifiers --------------------------------------------------------------------------- */

static void test_IMG_URI_01_five_parts_in_order(void **state)
{
    (void)state;
    assert_image(IIIF_VERSION_3, "abcd1234/full/max/0/default.jpg");
    assert_memory_equal(req.identifier.data, "abcd1234", 9);
    assert_int_equal(req.version, IIIF_VERSION_3);
    assert_int_equal(req.region.kind, IIIF_REGION_FULL);
    assert_int_equal(req.size.kind, IIIF_SIZE_MAX);
    assert_int_equal(req.quality, IIIF_QUALITY_DEFAULT);
    assert_string_equal(req.format, "jpg");
    assert_image(IIIF_VERSION_2, "abcd1234/full/full/0/default.png");
    assert_int_equal(req.size.kind, IIIF_SIZE_FULL);
    assert_string_equal(req.format, "png");
    /* the order is fixed */
    assert_bad(IIIF_VERSION_3, "id/max/full/0/default.jpg", "region");
}

static void test_IMG_URI_02_info_request(void **state)
{
    (void)state;
    assert_kind("abcd1234/info.json", IIIF_REQUEST_INFO, "abcd1234");
    assert_kind("abcd1234/info%2Ejson", IIIF_REQUEST_INFO, "abcd1234");
    assert_kind("a/b/c/d/e/info.json", IIIF_REQUEST_INFO, "a/b/c/d/e");
    assert_kind("abcd1234/info.jsonx", IIIF_REQUEST_BASE, "abcd1234/info.jsonx");
    assert_kind("abcd1234/Info.json", IIIF_REQUEST_BASE, "abcd1234/Info.json");
}

static void test_IMG_URI_03_base_uri(void **state)
{
    (void)state;
    assert_kind("abcd1234", IIIF_REQUEST_BASE, "abcd1234");
    assert_kind("book1%2Fp003.jp2", IIIF_REQUEST_BASE, "book1/p003.jp2");
    assert_true(iiif_slice_is(req.encoded, "book1%2Fp003.jp2"));
}

static void test_IMG_URI_04_base_uri_with_trailing_slash(void **state)
{
    (void)state;
    assert_kind("abcd1234/", IIIF_REQUEST_BASE, "abcd1234");
    assert_true(iiif_slice_is(req.encoded, "abcd1234"));
    assert_kind("book1/p003.jp2/", IIIF_REQUEST_BASE, "book1/p003.jp2");
}

static void test_IMG_URI_06_splits_first_and_decodes_once(void **state)
{
    (void)state;
    assert_kind("id%252F1/full/max/0/default.jpg", IIIF_REQUEST_IMAGE, "id%2F1");
    assert_true(iiif_slice_is(req.encoded, "id%252F1"));
    assert_kind("id%2F1/info.json", IIIF_REQUEST_INFO, "id/1");
    assert_kind("full%2Fmax%2F0%2Fdefault.jpg/info.json", IIIF_REQUEST_INFO, "full/max/0/default.jpg");
    assert_kind("a%25b%3Fc%23d%5Be%5D%40", IIIF_REQUEST_BASE, "a%b?c#d[e]@");
}

static void test_IMG_URI_07_parses_from_the_right(void **state)
{
    (void)state;
    assert_kind("book1/p003.jp2/full/max/0/default.jpg", IIIF_REQUEST_IMAGE, "book1/p003.jp2");
    assert_kind("a/b/c/d/e/f/0,0,1,1/max/0/default.jpg", IIIF_REQUEST_IMAGE, "a/b/c/d/e/f");
    /* an identifier that looks like parameters needs the encoded form */
    assert_kind("x/full/max/0/default.jpg/full/max/0/default.jpg", IIIF_REQUEST_IMAGE, "x/full/max/0/default.jpg");
    assert_kind("x%2Ffull%2Fmax%2F0%2Fdefault.jpg", IIIF_REQUEST_BASE, "x/full/max/0/default.jpg");
}

static void test_IMG_URI_08_parameters_are_decoded(void **state)
{
    (void)state;
    assert_image(IIIF_VERSION_3, "id/full/%5Emax/0/default.jpg");
    assert_true(req.size.upscale);
    assert_image(IIIF_VERSION_3, "id/full/^max/0/default.jpg");
    assert_true(req.size.upscale);
    assert_image(IIIF_VERSION_3, "id/pct%3A10%2C10,20%2C20/%5E%21200%2c100/%2190/gray%2Epng");
    assert_int_equal(req.region.kind, IIIF_REGION_PERCENT);
    assert_int_equal(req.size.kind, IIIF_SIZE_CONFINED);
    assert_true(req.size.upscale && req.size.w == 200 && req.size.h == 100);
    assert_true(req.rotation.mirror && req.rotation.degrees == 90 * ONE);
    assert_int_equal(req.quality, IIIF_QUALITY_GRAY);
    /* once, not twice */
    assert_bad(IIIF_VERSION_3, "id/full/%255Emax/0/default.jpg", "size");
    assert_bad(IIIF_VERSION_3, "id/full/%zz/0/default.jpg", "size");
    assert_bad(IIIF_VERSION_3, "id/full/max%00/0/default.jpg", "size");
    assert_bad(IIIF_VERSION_3, "id/full/max%2F0/0/default.jpg", "size");
}

static void test_IMG_URI_09_identifiers_of_the_specification(void **state)
{
    (void)state;
    assert_kind("ark:%2F12025%2F654xz321/info.json", IIIF_REQUEST_INFO, "ark:/12025/654xz321");
    assert_kind("ark:/12025/654xz321/info.json", IIIF_REQUEST_INFO, "ark:/12025/654xz321");
    assert_kind("urn:foo:a123,456/full/max/0/default.jpg", IIIF_REQUEST_IMAGE, "urn:foo:a123,456");
    assert_kind("urn:sici:1046-8188(199501)13:1%253C69:FTTHBI%253E2.0.TX;2-4/full/max/0/default.jpg",
                IIIF_REQUEST_IMAGE, "urn:sici:1046-8188(199501)13:1%3C69:FTTHBI%3E2.0.TX;2-4");
    assert_kind("http:%2F%2Fexample.com%2F%3F54%23a/info.json", IIIF_REQUEST_INFO, "http://example.com/?54#a");
    assert_kind("Z%C3%BCrich%20%E2%82%AC.tif", IIIF_REQUEST_BASE, "Zürich €.tif");
    assert_kind("Zürich", IIIF_REQUEST_BASE, "Zürich");
    assert_kind("scan.tif;7/info.json", IIIF_REQUEST_INFO, "scan.tif;7"); /* pages are the resolver's */
}

static void test_IMG_URI_13_malformed_parameters_are_told(void **state)
{
    (void)state;
    assert_bad(IIIF_VERSION_3, "id/foo/bar/0/default.jpg", "region");
    assert_bad(IIIF_VERSION_3, "id/full/bar/baz/default.jpg", "size");
    assert_bad(IIIF_VERSION_3, "id/full/max/baz/qux.jpg", "rotation");
    assert_bad(IIIF_VERSION_3, "id/full/max/361/qux", "rotation");
    assert_bad(IIIF_VERSION_3, "id/full/max/0/default", "format");
    assert_bad(IIIF_VERSION_2, "id/full/full/0/native.jpg", "quality");
}

/* Literal slashes: folders by date, dotted names, few parts. */
static void test_IMG_URI_13_identifiers_are_not_taken_for_parameters(void **state)
{
    (void)state;
    assert_kind("scans/2024/07/12/p003.jp2", IIIF_REQUEST_BASE, "scans/2024/07/12/p003.jp2");
    assert_kind("a/b/c/d/e/f.tif", IIIF_REQUEST_BASE, "a/b/c/d/e/f.tif");
    assert_kind("full/max/0/default.jpg", IIIF_REQUEST_BASE, "full/max/0/default.jpg");
    assert_kind("a/b", IIIF_REQUEST_BASE, "a/b");
}

static void test_identifier_empty_is_not_found(void **state)
{
    static const char *const paths[] = {"", "/", "/info.json", "info.json", "/full/max/0/default.jpg"};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(paths); i++) {
        assert_int_equal(parse(IIIF_VERSION_3, paths[i]), IIIF_E_NOT_FOUND);
        assert_non_null(strstr(err.detail, "identifier"));
        assert_int_equal(req.identifier.length, 0);
    }
}

static void test_identifier_must_be_decodable_utf8(void **state)
{
    static const char *const paths[] = {"a%00b/info.json", "a%zz/info.json", "a%/info.json", "a%4",
                                        "%FF%FE/info.json", "%C0%AF/full/max/0/default.jpg", "%ED%A0%80"};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(paths); i++) {
        assert_int_equal(parse(IIIF_VERSION_3, paths[i]), IIIF_E_BAD_REQUEST);
        assert_non_null(strstr(err.detail, "identifier"));
    }
}

static void test_identifier_length_is_bounded_as_decoded(void **state)
{
    char path[1024], small[8];

    (void)state;
    memset(path, 'a', sizeof(path));
    path[255] = '\0';
    assert_int_equal(parse(IIIF_VERSION_3, path), IIIF_OK);
    assert_int_equal(req.identifier.length, 255);
    path[255] = 'a';
    path[256] = '\0';
    assert_int_equal(parse(IIIF_VERSION_3, path), IIIF_E_BAD_REQUEST);
    assert_non_null(strstr(err.detail, "255"));
    assert_int_equal(iiif_uri_parse(IIIF_VERSION_3, iiif_slice("%41%42%43%44%45%46%47"), small, sizeof(small), &req,
                                    &err), IIIF_OK);
    assert_string_equal(small, "ABCDEFG");
    assert_int_equal(iiif_uri_parse(IIIF_VERSION_3, iiif_slice("%41%42%43%44%45%46%47%48"), small, sizeof(small),
                                    &req, &err), IIIF_E_BAD_REQUEST);
    assert_int_equal(iiif_uri_parse(IIIF_VERSION_3, iiif_slice("a"), small, 0, &req, &err), IIIF_E_BAD_REQUEST);
}

static void test_error_text_never_echoes_the_request(void **state)
{
    (void)state;
    assert_bad(IIIF_VERSION_3, "id/%3Cscript%3E/max/0/default.jpg", "region");
    assert_null(strchr(err.detail, '<'));
}

/* --- region -------------------------------------------------------------------------------------------- */

static void test_IMG_REG_01_full(void **state)
{
    (void)state;
    region_is("full", IIIF_REGION_FULL, 0, 0, 0, 0);
}

static void test_IMG_REG_02_square(void **state)
{
    (void)state;
    region_is("square", IIIF_REGION_SQUARE, 0, 0, 0, 0);
    assert_image(IIIF_VERSION_2, "id/square/full/0/default.jpg");
}

static void test_IMG_REG_03_pixels(void **state)
{
    static const char *const bad[] = {"1,2,3", "1,2,3,4,5", ",2,3,4", "1,,3,4", "1,2,3,", "-1,2,3,4", "+1,2,3,4",
                                      "1.5,2,3,4", "1,2,3,4 ", "%201,2,3,4", "1e2,2,3,4", "0x1,2,3,4", "a,b,c,d",
                                      "12345678901,0,1,1", "0,0,00000000001,1", ",,,", "Full", "SQUARE", "square,1",
                                      "%D9%A1,2,3,4", "1;2;3;4", "1,2,3,4%2C", "px:1,2,3,4", NULL};

    (void)state;
    region_is("1,2,3,4", IIIF_REGION_PIXELS, 1, 2, 3, 4);
    region_is("007,0,0,0", IIIF_REGION_PIXELS, 7, 0, 0, 0); /* that 0 is empty is a matter of validity */
    region_is("9999999999,9999999999,9999999999,9999999999", IIIF_REGION_PIXELS, 9999999999u, 9999999999u,
              9999999999u, 9999999999u);
    bad_regions(bad);
}

static void test_IMG_REG_04_percent(void **state)
{
    static const char *const bad[] = {"pct:", "pct:1,2,3", "pct:1,2,3,4,5", "pct:1,2,3,-4", "pct:1,2,3,4%25",
                                      "pct:1,2,3,.", "pct:1,2,3,4.", "pct:1..2,2,3,4", "pct:1e1,2,3,4",
                                      "pct:inf,2,3,4", "pct:nan,2,3,4", "pct:0x1p3,2,3,4", "pct:full", "PCT:1,2,3,4",
                                      "pct: 1,2,3,4", "pct:12345678901,0,1,1", "pct:1844674408,0,1,1",
                                      "pct:1,2,3,4,", NULL};

    (void)state;
    region_is("pct:41.6,7.5,66.6,100", IIIF_REGION_PERCENT, 416 * ONE / 10, 75 * ONE / 10, 666 * ONE / 10,
              100 * ONE);
    region_is("pct:0,0,.5,00.50", IIIF_REGION_PERCENT, 0, 0, ONE / 2, ONE / 2);
    region_is("pct:0.0000000001,0,1,1", IIIF_REGION_PERCENT, 1, 0, ONE, ONE);
    bad_regions(bad);
}

/* --- size ------------------------------------------------------------------------------------------------ */

static void test_IMG3_SIZE_01_numbers(void **state)
{
    static const char *const bad[] = {"-1,", "1.5,", "1,2.5", "1,2,3", "+1,", "1%20,", "12345678901,", ",12345678901",
                                      "a,", "1e3,", "pct:-1", "pct:", "pct:1,2", "pct:1e2", "pct:+5", "pct:50%25",
                                      "", "10", "maximum", "MAX", "1;2", NULL};

    (void)state;
    for (const char *const *text = bad; *text != NULL; text++) {
        bad_size(IIIF_VERSION_3, *text);
        bad_size(IIIF_VERSION_2, *text);
    }
}

static void test_IMG3_SIZE_05_full_is_gone(void **state)
{
    (void)state;
    bad_size(IIIF_VERSION_3, "full");
    assert_non_null(strstr(err.detail, "max"));
    bad_size(IIIF_VERSION_3, "^full");
}

static void test_IMG3_SIZE_10_to_21_every_form(void **state)
{
    (void)state;
    size_is(IIIF_VERSION_3, "max", IIIF_SIZE_MAX, false, 0, 0);
    size_is(IIIF_VERSION_3, "^max", IIIF_SIZE_MAX, true, 0, 0);
    size_is(IIIF_VERSION_3, "150,", IIIF_SIZE_WIDTH, false, 150, 0);
    size_is(IIIF_VERSION_3, "^360,", IIIF_SIZE_WIDTH, true, 360, 0);
    size_is(IIIF_VERSION_3, ",150", IIIF_SIZE_HEIGHT, false, 0, 150);
    size_is(IIIF_VERSION_3, "^,240", IIIF_SIZE_HEIGHT, true, 0, 240);
    size_is(IIIF_VERSION_3, "pct:50", IIIF_SIZE_PERCENT, false, 0, 0);
    assert_true(req.size.percent == 50 * ONE);
    size_is(IIIF_VERSION_3, "^pct:120.25", IIIF_SIZE_PERCENT, true, 0, 0);
    assert_true(req.size.percent == 12025 * (ONE / 100));
    size_is(IIIF_VERSION_3, "225,100", IIIF_SIZE_EXACT, false, 225, 100);
    size_is(IIIF_VERSION_3, "^360,360", IIIF_SIZE_EXACT, true, 360, 360);
    size_is(IIIF_VERSION_3, "!225,100", IIIF_SIZE_CONFINED, false, 225, 100);
    size_is(IIIF_VERSION_3, "^!360,360", IIIF_SIZE_CONFINED, true, 360, 360);
}

static void test_IMG3_SIZE_15_caret_after_comma_is_a_typo(void **state)
{
    (void)state;
    bad_size(IIIF_VERSION_3, ",^240");
}

static void test_IMG3_SIZE_22_caret_comes_first(void **state)
{
    static const char *const bad[] = {"!^200,100", "pct:^50", ",", "!200,", "!,100", "^", "^^max", "^,", "!", "!,",
                                      "^!", "^!200,", "200^,", "!max", "!pct:50", "^!max", "!!1,1", NULL};

    (void)state;
    for (const char *const *text = bad; *text != NULL; text++)
        bad_size(IIIF_VERSION_3, *text);
}

static void test_IMG3_SIZE_23_explicit_zero(void **state)
{
    static const char *const bad[] = {"0,", ",0", "0,10", "10,0", "!0,10", "!10,0", "pct:0", "pct:0.0", "pct:.0",
                                      NULL};

    (void)state;
    for (const char *const *text = bad; *text != NULL; text++) {
        bad_size(IIIF_VERSION_3, *text);
        bad_size(IIIF_VERSION_2, *text);
    }
    bad_size(IIIF_VERSION_3, "^0,");
    bad_size(IIIF_VERSION_3, "^pct:0");
}

static void test_IMG2_SIZE_01_02_03_04_every_form(void **state)
{
    (void)state;
    size_is(IIIF_VERSION_2, "full", IIIF_SIZE_FULL, false, 0, 0);
    size_is(IIIF_VERSION_2, "max", IIIF_SIZE_MAX, false, 0, 0);
    size_is(IIIF_VERSION_2, "150,", IIIF_SIZE_WIDTH, false, 150, 0);
    size_is(IIIF_VERSION_2, ",150", IIIF_SIZE_HEIGHT, false, 0, 150);
    size_is(IIIF_VERSION_2, "pct:50", IIIF_SIZE_PERCENT, false, 0, 0);
    size_is(IIIF_VERSION_2, "pct:120", IIIF_SIZE_PERCENT, false, 0, 0);
    size_is(IIIF_VERSION_2, "225,100", IIIF_SIZE_EXACT, false, 225, 100);
    size_is(IIIF_VERSION_2, "!225,100", IIIF_SIZE_CONFINED, false, 225, 100);
}

static void test_IMG2_SIZE_08_no_caret(void **state)
{
    (void)state;
    bad_size(IIIF_VERSION_2, "^max");
    bad_size(IIIF_VERSION_2, "^150,");
    bad_size(IIIF_VERSION_2, "%5Epct:120");
}

/* --- rotation ----------------------------------------------------------------------------------------------- */

static void test_IMG_ROT_01_02_03_04_forms(void **state)
{
    (void)state;
    rotation_is("0", false, 0);
    rotation_is("90", false, 90 * ONE);
    rotation_is("270", false, 270 * ONE);
    rotation_is("22.5", false, 225 * (ONE / 10));
    rotation_is("!0", true, 0);
    rotation_is("!180", true, 180 * ONE);
    rotation_is("359.9999999999", false, 360 * ONE - 1);
}

static void test_IMG_ROT_05_out_of_range(void **state)
{
    (void)state;
    bad_rotation("361");
    bad_rotation("-90");
    bad_rotation("360.0000000001");
    bad_rotation("!361");
    bad_rotation("9999999999");
    bad_rotation("99999999999");
}

static void test_IMG_ROT_06_syntax(void **state)
{
    static const char *const bad[] = {"!", "!!0", "0!", "+90", "9e1", "90,", "90deg", ".", "1.2.3", "90.", "%2090",
                                      "0x5A", "inf", "!-1", "ninety", NULL};

    (void)state;
    for (const char *const *text = bad; *text != NULL; text++)
        bad_rotation(*text);
    rotation_is("90.0", false, 90 * ONE);
    rotation_is(".5", false, ONE / 2);
    rotation_is("00", false, 0);
    rotation_is("090", false, 90 * ONE);
}

static void test_IMG_ROT_07_360_is_0(void **state)
{
    (void)state;
    rotation_is("360", false, 0);
    rotation_is("360.0", false, 0);
    rotation_is("!360", true, 0);
}

/* --- quality and format -------------------------------------------------------------------------------------- */

static void quality_is(const char *file, iiif_quality quality, const char *format)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "id/full/max/0/%s", file);
    assert_image(IIIF_VERSION_3, path);
    assert_int_equal(req.quality, quality);
    assert_string_equal(req.format, format);
    assert_image(IIIF_VERSION_2, path);
    assert_int_equal(req.quality, quality);
}

static void bad_file(const char *file, const char *part)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "id/full/max/0/%s", file);
    assert_bad(IIIF_VERSION_3, path, part);
    assert_bad(IIIF_VERSION_2, path, part);
}

static void test_IMG_QUAL_01_words(void **state)
{
    (void)state;
    quality_is("default.jpg", IIIF_QUALITY_DEFAULT, "jpg");
    quality_is("color.png", IIIF_QUALITY_COLOR, "png");
    quality_is("gray.tif", IIIF_QUALITY_GRAY, "tif");
    quality_is("bitonal.webp", IIIF_QUALITY_BITONAL, "webp");
    assert_string_equal(iiif_quality_name(IIIF_QUALITY_DEFAULT), "default");
    assert_string_equal(iiif_quality_name(IIIF_QUALITY_BITONAL), "bitonal");
}

static void test_IMG_QUAL_06_unknown_words(void **state)
{
    (void)state;
    bad_file("native.jpg", "quality");
    bad_file("grey.jpg", "quality");
    bad_file("Default.jpg", "quality");
    bad_file("defaultx.jpg", "quality");
    bad_file(".jpg", "quality");
    bad_file("color%20.jpg", "quality");
}

static void test_IMG_FMT_04_format_is_a_lower_case_word(void **state)
{
    (void)state;
    bad_file("default.JPG", "format");
    bad_file("default.", "format");
    bad_file("default", "format");
    bad_file("default.jp~", "format");
    bad_file("default.jpg%20", "format");
    bad_file("default.overlong", "format");
    quality_is("default.jp2", IIIF_QUALITY_DEFAULT, "jp2");
    quality_is("default.jpeg", IIIF_QUALITY_DEFAULT, "jpeg"); /* whether it is served, the table of encoders says */
}

static void test_IMG_FMT_06_splits_at_the_last_dot(void **state)
{
    (void)state;
    bad_file("default.tar.gz", "quality");
    bad_file("default.jpg.png", "quality");
}

/* --- numbers -------------------------------------------------------------------------------------------------- */

static void test_IMG3_NUM_01_decimals(void **state)
{
    (void)state;
    rotation_is("0.1234567890", false, 1234567890);
    /* browsers write 17 digits; beyond the tenth they round */
    rotation_is("33.33333333333333", false, 333333333333u);
    rotation_is("0.00000000005", false, 1);
    rotation_is("0.000000000049999", false, 0);
    rotation_is("1.99999999999", false, 2 * ONE);
    rotation_is("0000000001.5", false, 15 * (ONE / 10));
    bad_rotation("00000000001.5");
}

static void test_IMG_NUM_02_independent_of_the_locale(void **state)
{
    const char *before = setlocale(LC_ALL, NULL);

    (void)state;
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* a comma locale, where the machine has one */
    rotation_is("22.5", false, 225 * (ONE / 10));
    bad_rotation("22,5");
    (void)setlocale(LC_ALL, before);
    bad_rotation("inf");
    bad_rotation("nan");
    bad_rotation("0x1p4");
    bad_rotation("1e1");
}

/* --- parameters alone ------------------------------------------------------------------------------------------ */

static void test_parameters_alone(void **state)
{
    (void)state;
    assert_int_equal(iiif_uri_parse_parameters(IIIF_VERSION_3, iiif_slice("0,0,5,5/^max/!22.5/gray.png"), &req,
                                               &err), IIIF_OK);
    assert_int_equal(req.kind, IIIF_REQUEST_IMAGE);
    assert_int_equal(req.region.w, 5);
    assert_true(req.size.upscale && req.rotation.mirror);
    assert_string_equal(req.format, "png");
    assert_int_equal(iiif_uri_parse_parameters(IIIF_VERSION_3, iiif_slice("max/0/default.jpg"), &req, &err),
                     IIIF_E_BAD_REQUEST);
    assert_int_equal(iiif_uri_parse_parameters(IIIF_VERSION_3, iiif_slice("x/full/max/0/default.jpg"), &req, &err),
                     IIIF_E_BAD_REQUEST);
    assert_int_equal(iiif_uri_parse_parameters(IIIF_VERSION_3, iiif_slice(""), &req, &err), IIIF_E_BAD_REQUEST);
}

/* A parameter longer than any sensible one is refused, whatever it holds. */
static void test_parameters_are_bounded(void **state)
{
    char path[700] = "id/full/max/";

    (void)state;
    memset(path + 12, '1', 600);
    strcpy(path + 612, "/default.jpg");
    assert_bad(IIIF_VERSION_3, path, "rotation");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_IMG_URI_01_five_parts_in_order),
        cmocka_unit_test(test_IMG_URI_02_info_request),
        cmocka_unit_test(test_IMG_URI_03_base_uri),
        cmocka_unit_test(test_IMG_URI_04_base_uri_with_trailing_slash),
        cmocka_unit_test(test_IMG_URI_06_splits_first_and_decodes_once),
        cmocka_unit_test(test_IMG_URI_07_parses_from_the_right),
        cmocka_unit_test(test_IMG_URI_08_parameters_are_decoded),
        cmocka_unit_test(test_IMG_URI_09_identifiers_of_the_specification),
        cmocka_unit_test(test_IMG_URI_13_malformed_parameters_are_told),
        cmocka_unit_test(test_IMG_URI_13_identifiers_are_not_taken_for_parameters),
        cmocka_unit_test(test_identifier_empty_is_not_found),
        cmocka_unit_test(test_identifier_must_be_decodable_utf8),
        cmocka_unit_test(test_identifier_length_is_bounded_as_decoded),
        cmocka_unit_test(test_error_text_never_echoes_the_request),
        cmocka_unit_test(test_IMG_REG_01_full),
        cmocka_unit_test(test_IMG_REG_02_square),
        cmocka_unit_test(test_IMG_REG_03_pixels),
        cmocka_unit_test(test_IMG_REG_04_percent),
        cmocka_unit_test(test_IMG3_SIZE_01_numbers),
        cmocka_unit_test(test_IMG3_SIZE_05_full_is_gone),
        cmocka_unit_test(test_IMG3_SIZE_10_to_21_every_form),
        cmocka_unit_test(test_IMG3_SIZE_15_caret_after_comma_is_a_typo),
        cmocka_unit_test(test_IMG3_SIZE_22_caret_comes_first),
        cmocka_unit_test(test_IMG3_SIZE_23_explicit_zero),
        cmocka_unit_test(test_IMG2_SIZE_01_02_03_04_every_form),
        cmocka_unit_test(test_IMG2_SIZE_08_no_caret),
        cmocka_unit_test(test_IMG_ROT_01_02_03_04_forms),
        cmocka_unit_test(test_IMG_ROT_05_out_of_range),
        cmocka_unit_test(test_IMG_ROT_06_syntax),
        cmocka_unit_test(test_IMG_ROT_07_360_is_0),
        cmocka_unit_test(test_IMG_QUAL_01_words),
        cmocka_unit_test(test_IMG_QUAL_06_unknown_words),
        cmocka_unit_test(test_IMG_FMT_04_format_is_a_lower_case_word),
        cmocka_unit_test(test_IMG_FMT_06_splits_at_the_last_dot),
        cmocka_unit_test(test_IMG3_NUM_01_decimals),
        cmocka_unit_test(test_IMG_NUM_02_independent_of_the_locale),
        cmocka_unit_test(test_parameters_alone),
        cmocka_unit_test(test_parameters_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
