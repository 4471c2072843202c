/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/api/iiif_info.h"

static void refuses(const char *text, size_t length, const char *where)
{
    json_t *root = NULL;
    iiif_err_t err;

    assert_int_equal(iiif_sidecar_parse(text, length, &root, &err), IIIF_E_INTERNAL);
    assert_null(root);
    if (strstr(err.detail, where) == NULL)
        fail_msg("%s: %s", text, err.detail);
}

static void test_sidecar_object_is_read(void **state)
{
    static const char text[] = "\xEF\xBB\xBF{\n  \"rights\": \"http://rightsstatements.org/vocab/InC/1.0/\"\n}\n";
    json_t *root = NULL;
    iiif_err_t err;

    (void)state;
    assert_int_equal(iiif_sidecar_parse(text, strlen(text), &root, &err), IIIF_OK);
    assert_string_equal(json_string_value(json_object_get(root, "rights")),
                        "http://rightsstatements.org/vocab/InC/1.0/");
    json_decref(root);
}

static void test_sidecar_that_does_not_parse_says_where(void **state)
{
    (void)state;
    refuses("{\n  \"a\": 1,\n  \"b\": oops\n}", 25, "line 3");
    refuses("{\"a\": 1} trailing", 17, "line 1");
    refuses("", 0, "line");
    refuses("{\"a\": \"\xFF\"}", 9, "line 1");
    refuses("{\"a\": \"\\u0000\"}", 15, "line 1");
    refuses("{\"a\": 1e999}", 12, "line 1");
}

static void test_sidecar_must_be_an_object(void **state)
{
    (void)state;
    refuses("[]", 2, "object");
    refuses("null", 4, "line 1");
    refuses("\"text\"", 6, "line 1");
}

/* The second `access` would win silently, and might be the weaker one. */
static void test_sidecar_with_a_key_twice_is_refused(void **state)
{
    static const char text[] = "{\"access\": \"staff\", \"access\": \"open\"}";

    (void)state;
    refuses(text, strlen(text), "line 1");
}

static void test_sidecar_depth_is_bounded(void **state)
{
    size_t n = 100000;
    char *text = malloc(n);

    (void)state;
    assert_non_null(text);
    memset(text, '[', n);
    refuses(text, n, "line 1");
    free(text);
}

static void test_sidecar_cut_anywhere_is_refused(void **state)
{
    static const char text[] = "{\"service\": [{\"id\": \"x\", \"n\": [1, 2.5, true, null]}]}";
    json_t *root = NULL;

    (void)state;
    for (size_t n = 0; n < strlen(text); n++)
        assert_int_equal(iiif_sidecar_parse(text, n, &root, NULL), IIIF_E_INTERNAL);
    assert_int_equal(iiif_sidecar_parse(text, strlen(text), &root, NULL), IIIF_OK);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sidecar_object_is_read),
        cmocka_unit_test(test_sidecar_that_does_not_parse_says_where),
        cmocka_unit_test(test_sidecar_must_be_an_object),
        cmocka_unit_test(test_sidecar_with_a_key_twice_is_refused),
        cmocka_unit_test(test_sidecar_depth_is_bounded),
        cmocka_unit_test(test_sidecar_cut_anywhere_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
