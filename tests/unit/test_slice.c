/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../../lib/core/iiif_slice.h"

static void assert_slice(iiif_slice_t slice, const char *text)
{
    assert_int_equal(slice.length, strlen(text));
    assert_memory_equal(slice.data, text, slice.length);
}

static void assert_encoded(const char *raw, bool keep_slash, const char *expected)
{
    char out[512];
    size_t length = 0;

    assert_true(iiif_percent_encode(iiif_slice(raw), keep_slash, out, sizeof(out), &length));
    assert_string_equal(out, expected);
    assert_int_equal(length, strlen(expected));
}

static void assert_decoded(const char *encoded, const char *expected)
{
    char out[512];
    size_t length = 0;

    assert_true(iiif_percent_decode(iiif_slice(encoded), out, sizeof(out), &length));
    assert_string_equal(out, expected);
    assert_int_equal(length, strlen(expected));
}

static void assert_undecodable(const char *encoded)
{
    char out[64];
    size_t length;

    assert_false(iiif_percent_decode(iiif_slice(encoded), out, sizeof(out), &length));
}

static void test_slice_views_compare_and_skip(void **state)
{
    (void)state;
    assert_int_equal(iiif_slice(NULL).length, 0);
    assert_true(iiif_slice_is(iiif_slice(NULL), ""));
    assert_true(iiif_slice_is(iiif_slice("full"), "full"));
    assert_false(iiif_slice_is(iiif_slice("fullx"), "full"));
    assert_false(iiif_slice_is(iiif_slice("ful"), "full"));
    assert_true(iiif_slice_starts(iiif_slice("pct:1"), "pct:"));
    assert_false(iiif_slice_starts(iiif_slice("pct"), "pct:"));
    assert_true(iiif_slice_starts(iiif_slice(NULL), ""));
    assert_slice(iiif_slice_skip(iiif_slice("pct:1"), 4), "1");
    assert_int_equal(iiif_slice_skip(iiif_slice("ab"), 9).length, 0);
    assert_int_equal(iiif_slice_skip(iiif_slice(NULL), 9).length, 0);
}

static void test_slice_splits_at_first_and_last(void **state)
{
    iiif_slice_t head = iiif_slice("h"), tail = iiif_slice("t");

    (void)state;
    assert_true(iiif_slice_split_last(iiif_slice("a.b.c"), '.', &head, &tail));
    assert_slice(head, "a.b");
    assert_slice(tail, "c");
    assert_true(iiif_slice_split_first(iiif_slice("a.b.c"), '.', &head, &tail));
    assert_slice(head, "a");
    assert_slice(tail, "b.c");
    assert_true(iiif_slice_split_first(iiif_slice("."), '.', &head, &tail));
    assert_int_equal(head.length + tail.length, 0);
    head = iiif_slice("kept");
    assert_false(iiif_slice_split_last(iiif_slice("abc"), '.', &head, &tail));
    assert_false(iiif_slice_split_first(iiif_slice(NULL), '.', &head, &tail));
    assert_slice(head, "kept");
    /* in place: the head goes back into the slice that is split */
    head = iiif_slice("x/y");
    assert_true(iiif_slice_split_last(head, '/', &head, &tail));
    assert_slice(head, "x");
}

static void test_IMG_URI_05_encodes_exactly_the_set(void **state)
{
    (void)state;
    assert_encoded("/?#[]@%", false, "%2F%3F%23%5B%5D%40%25");
    assert_encoded("a/b", true, "a/b");
    assert_encoded("AZaz09-._~!$&'()*+,;=:", false, "AZaz09-._~!$&'()*+,;=:");
    assert_encoded(" \"<>\\^`{|}\x01\x1f\x7f", false, "%20%22%3C%3E%5C%5E%60%7B%7C%7D%01%1F%7F");
    assert_encoded("Zürich", false, "Z%C3%BCrich");
    assert_encoded("", false, "");
}

/* Image 3.0 §9: the table of identifiers. */
static void test_IMG_URI_15_identifier_is_encoded_as_the_specification_has_it(void **state)
{
    (void)state;
    assert_encoded("id1", false, "id1");
    assert_encoded("ark:/12025/654xz321", false, "ark:%2F12025%2F654xz321");
    assert_encoded("urn:foo:a123,456", false, "urn:foo:a123,456");
    assert_encoded("urn:sici:1046-8188(199501)13:1%3C69:FTTHBI%3E2.0.TX;2-4", false,
                   "urn:sici:1046-8188(199501)13:1%253C69:FTTHBI%253E2.0.TX;2-4");
    assert_encoded("http://example.com/?54#a", false, "http:%2F%2Fexample.com%2F%3F54%23a");
}

static void test_IMG_URI_06_decodes_once(void **state)
{
    (void)state;
    assert_decoded("id%252F1", "id%2F1");
    assert_decoded("%5Emax", "^max");
    assert_decoded("%5emax", "^max");
    assert_decoded("pct%3A50", "pct:50");
    assert_decoded("a+b", "a+b"); /* no form encoding */
    assert_decoded("", "");
}

static void test_percent_refuses_broken_escapes_and_nul(void **state)
{
    (void)state;
    assert_undecodable("%");
    assert_undecodable("a%4");
    assert_undecodable("%zz");
    assert_undecodable("%4g");
    assert_undecodable("%-1");
    assert_undecodable("a%00b");
}

static void test_percent_respects_the_capacity(void **state)
{
    char out[8];
    size_t length = 99;

    (void)state;
    memset(out, 'x', sizeof(out));
    assert_true(iiif_percent_decode(iiif_slice("%41bc"), out, 4, &length));
    assert_string_equal(out, "Abc");
    assert_int_equal(out[4], 'x');
    assert_false(iiif_percent_decode(iiif_slice("abcd"), out, 4, &length));
    assert_false(iiif_percent_decode(iiif_slice(""), out, 0, &length));
    assert_true(iiif_percent_encode(iiif_slice("/"), false, out, 4, &length));
    assert_false(iiif_percent_encode(iiif_slice("/"), false, out, 3, &length));
    assert_false(iiif_percent_encode(iiif_slice("ab"), false, out, 2, &length));
    assert_false(iiif_percent_encode(iiif_slice(""), false, out, 0, &length));
}

static void test_percent_round_trip_of_every_byte(void **state)
{
    char raw[256], encoded[1024], back[256];
    size_t length;

    (void)state;
    for (int i = 1; i < 256; i++)
        raw[i - 1] = (char)i;
    raw[255] = '\0';
    assert_true(iiif_percent_encode(iiif_slice(raw), false, encoded, sizeof(encoded), &length));
    assert_true(iiif_percent_decode(iiif_slice(encoded), back, sizeof(back), &length));
    assert_int_equal(length, 255);
    assert_memory_equal(raw, back, 256);
}

static void test_utf8_well_formed(void **state)
{
    static const char *const good[] = {"", "abc", "Zürich", "\xE2\x82\xAC", "\xF0\x9F\x8E\xA8", "\xED\x9F\xBF",
                                       "\xEE\x80\x80", "\xF4\x8F\xBF\xBF", "\xC2\x80", "\xE0\xA0\x80"};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(good); i++)
        assert_true(iiif_utf8_valid(iiif_slice(good[i])));
}

static void test_utf8_ill_formed(void **state)
{
    static const char *const bad[] = {"\x80",         "\xC0\xAF",     "\xC1\xBF",         "\xE0\x80\xAF",
                                      "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",     "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",     "\xE2\x82",
                                      "\xC3",         "a\xE2\x28\xA1", "\xF0\x9F\x8E(",   "\xFC\x80\x80\x80\x80\x80"};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(bad); i++)
        assert_false(iiif_utf8_valid(iiif_slice(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice_views_compare_and_skip),
        cmocka_unit_test(test_slice_splits_at_first_and_last),
        cmocka_unit_test(test_IMG_URI_05_encodes_exactly_the_set),
        cmocka_unit_test(test_IMG_URI_15_identifier_is_encoded_as_the_specification_has_it),
        cmocka_unit_test(test_IMG_URI_06_decodes_once),
        cmocka_unit_test(test_percent_refuses_broken_escapes_and_nul),
        cmocka_unit_test(test_percent_respects_the_capacity),
        cmocka_unit_test(test_percent_round_trip_of_every_byte),
        cmocka_unit_test(test_utf8_well_formed),
        cmocka_unit_test(test_utf8_ill_formed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
