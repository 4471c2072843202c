/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/api/iiif_accept.h"
#include "../../lib/api/iiif_info.h"

#define BROWSER "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
#define PROFILE3 "profile=\"http://iiif.io/api/image/3/context.json\""

static void negotiates(iiif_version version, const char *accept, iiif_info_type expected)
{
    if (iiif_info_negotiate(version, accept) != expected)
        fail_msg("version %d, Accept: %s", (int)version, accept != NULL ? accept : "(none)");
}

#define json3(accept) negotiates(IIIF_VERSION_3, accept, IIIF_INFO_JSON)
#define linked3(accept) negotiates(IIIF_VERSION_3, accept, IIIF_INFO_JSONLD)
#define json2(accept) negotiates(IIIF_VERSION_2, accept, IIIF_INFO_JSON)
#define linked2(accept) negotiates(IIIF_VERSION_2, accept, IIIF_INFO_JSONLD)

static void test_IMG3_INFO_02_without_accept(void **state)
{
    (void)state;
    linked3(NULL);
    linked3("");
    linked3("  , ");
    assert_string_equal(iiif_info_media_type(IIIF_VERSION_3, IIIF_INFO_JSONLD),
                        "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"");
}

static void test_IMG3_INFO_03_negotiation(void **state)
{
    (void)state;
    json3("application/json");
    linked3("application/ld+json");
    linked3("application/ld+json;" PROFILE3);
    linked3("application/ld+json; " PROFILE3 "; q=0.5");
    linked3("application/ld+json;charset=utf-8");
    json3("application/json;charset=utf-8");
    linked3("*/*");
    linked3("application/*");
    linked3(BROWSER);
    json3("application/json, */*;q=0.1");
    linked3("application/ld+json, application/json");
    linked3("application/json, application/ld+json");
    json3("application/json, application/ld+json;q=0.9");
    linked3("application/json;q=0.8, application/ld+json;q=0.9");
    json3("application/ld+json;q=0, application/json");
    json3("application/ld+json;q=0, */*");
    linked3("APPLICATION/LD+JSON");
    json3("Application/JSON;Q=1.0");
    /* never 406 */
    linked3("text/html");
    linked3("application/json;q=0, application/ld+json;q=0");
    linked3("application/jsonx");
}

static void test_IMG3_INFO_04_plain_json_has_no_profile(void **state)
{
    (void)state;
    assert_string_equal(iiif_info_media_type(IIIF_VERSION_3, IIIF_INFO_JSON), "application/json");
}

static void test_IMG2_INFO_05_json_ld_only_when_asked_for_by_name(void **state)
{
    (void)state;
    json2(NULL);
    json2("");
    json2("*/*");
    json2("application/*");
    json2(BROWSER);
    json2("application/json");
    linked2("application/ld+json");
    linked2("application/ld+json, */*;q=0.5");
    linked2("application/ld+json;profile=\"http://iiif.io/api/image/2/context.json\"");
    json2("application/ld+json;q=0.5, application/json");
    json2("application/ld+json;q=0.5, */*");
    json2("application/ld+json;q=0");
    json2("text/html");
    assert_string_equal(iiif_info_media_type(IIIF_VERSION_2, IIIF_INFO_JSON), "application/json");
    assert_string_equal(iiif_info_media_type(IIIF_VERSION_2, IIIF_INFO_JSONLD), "application/ld+json");
}

static void weighs(const char *accept, const char *type, unsigned weight, bool named)
{
    iiif_accept_t result = iiif_accept_weigh(accept, type, "http://x/p");

    if (result.weight != weight || result.named != named)
        fail_msg("%s: %u", accept, result.weight);
}

/* RFC 9110 §12.5.1: the most specific range counts, wherever it stands. */
static void test_accept_specificity(void **state)
{
    static const char all[] = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;"
                              "profile=\"http://x/p\";q=0.2, */*;q=0.5";

    (void)state;
    weighs("*/*;q=0.1, text/*;q=0.2, text/plain;q=0.3", "text/plain", 300, true);
    weighs("text/plain;q=0.3, */*;q=1, text/*;q=0.9", "text/plain", 300, true);
    weighs("*/*;q=0.1, text/*;q=0.2, text/plain;q=0.3", "text/html", 200, false);
    weighs("*/*;q=0.1, text/*;q=0.2, text/plain;q=0.3", "image/png", 100, false);
    weighs("text/plain", "image/png", 0, false);
    weighs(all, "text/plain", 200, true);
    weighs(all, "text/html", 300, false);
    weighs("text/plain;q=0.2, text/plain;q=0.4", "text/plain", 400, true);
}

static void test_accept_weights(void **state)
{
    (void)state;
    weighs("a/b;q=0.123", "a/b", 123, true);
    weighs("a/b;q=1.000", "a/b", 1000, true);
    weighs("a/b;q=0.", "a/b", 0, true);
    weighs("a/b ; q = 0.5", "a/b", 500, true);
    weighs("a/b;q=0.5;ext=1", "a/b", 500, true);
    /* a malformed member is passed over, the rest counts */
    weighs("a/b;q=2", "a/b", 0, false);
    weighs("a/b;q=1.001", "a/b", 0, false);
    weighs("a/b;q=-1, */*;q=0.3", "a/b", 300, false);
    weighs("a/b;q=0.1234, a/*;q=0.2", "a/b", 200, false);
    weighs("a/b;q=, */*;q=0.3", "a/b", 300, false);
    weighs("a/b;rubbish, */*;q=0.3", "a/b", 300, false);
    weighs(";;;,,,/, */*", "a/b", 1000, false);
}

static void test_accept_quoted_separators(void **state)
{
    (void)state;
    weighs("a/b;x=\"1,2;q=0\";q=0.5", "a/b", 500, true);
    weighs("a/b;x=\"\\\",\";q=0.5, */*;q=0.1", "a/b", 500, true);
    weighs("a/b;x=\"never closed, */*", "a/b", 1000, true);
    weighs("a/b;x=\"\\", "a/b", 1000, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_IMG3_INFO_02_without_accept),
        cmocka_unit_test(test_IMG3_INFO_03_negotiation),
        cmocka_unit_test(test_IMG3_INFO_04_plain_json_has_no_profile),
        cmocka_unit_test(test_IMG2_INFO_05_json_ld_only_when_asked_for_by_name),
        cmocka_unit_test(test_accept_specificity),
        cmocka_unit_test(test_accept_weights),
        cmocka_unit_test(test_accept_quoted_separators),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
