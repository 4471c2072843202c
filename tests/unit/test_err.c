/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/core/iiif_err.h"

static void test_an_error_carries_kind_id_and_sentence(void **state)
{
    iiif_err_t err = {0};

    (void)state;
    assert_int_equal(iiif_err_set(&err, IIIF_E_BAD_MASTER, 9001, "Row %u of %s is damaged.", 7u, "x"), IIIF_E_BAD_MASTER);
    assert_int_equal(err.kind, IIIF_E_BAD_MASTER);
    assert_int_equal(err.id, 9001);
    assert_string_equal(err.detail, "Row 7 of x is damaged.");
}

static void test_nobody_has_to_listen(void **state)
{
    (void)state;
    assert_int_equal(iiif_err_set(NULL, IIIF_E_IO, 9002, "%s", "unheard"), IIIF_E_IO);
    assert_int_equal(iiif_err_memory(NULL, "a test", 5), IIIF_E_NO_MEMORY);
}

static void test_the_kinds_have_the_statuses_of_the_contract(void **state)
{
    static const struct {
        iiif_rc kind;
        int status;
    } cases[] = {
        {IIIF_OK, 200},           {IIIF_E_BAD_REQUEST, 400}, {IIIF_E_NOT_FOUND, 404}, {IIIF_E_FORBIDDEN, 403},
        {IIIF_E_UNSUPPORTED, 501},{IIIF_E_NOT_IMAGE, 500},   {IIIF_E_BAD_MASTER, 500},{IIIF_E_TOO_LARGE, 501},
        {IIIF_E_IO, 500},         {IIIF_E_NO_MEMORY, 503},   {IIIF_E_TIMEOUT, 503},   {IIIF_E_BUSY, 503},
        {IIIF_E_CANCELLED, 499},  {IIIF_E_INTERNAL, 500},
    };

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(cases); i++)
        assert_int_equal(iiif_err_status(cases[i].kind), cases[i].status);
}

/* Details reach clients as UTF-8: whatever is cut must end with a whole character. */
static void test_long_text_is_cut_at_a_character(void **state)
{
    static const char *const characters[] = {"a", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};

    (void)state;
    for (size_t c = 0; c < IIIF_COUNT(characters); c++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char text[600] = "";
            iiif_err_t err = {0};
            size_t n, step = strlen(characters[c]);

            memset(text, 'x', shift);
            for (size_t i = shift; i + step < sizeof(text); i += step)
                memcpy(text + i, characters[c], step);
            (void)iiif_err_set(&err, IIIF_E_IO, 9003, "%s", text);
            n = strlen(err.detail);
            assert_true(n < sizeof(err.detail) && n + 5 >= sizeof(err.detail));
            assert_memory_equal(err.detail, text, n);
            assert_int_equal((n - shift) % step, 0);
        }
    }
}

static void test_text_that_just_fits_is_whole(void **state)
{
    char text[251];
    iiif_err_t err = {0};

    (void)state;
    memset(text, 'y', 250);
    text[250] = '\0';
    (void)iiif_err_set(&err, IIIF_E_IO, 9004, "%s", text);
    assert_string_equal(err.detail, text);
}

static void test_out_of_memory_names_the_thing_and_the_size(void **state)
{
    iiif_err_t err = {0};

    (void)state;
    assert_int_equal(iiif_err_memory(&err, "a strip of rows", 12345), IIIF_E_NO_MEMORY);
    assert_non_null(strstr(err.detail, "a strip of rows"));
    assert_non_null(strstr(err.detail, "12345"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_error_carries_kind_id_and_sentence),
        cmocka_unit_test(test_nobody_has_to_listen),
        cmocka_unit_test(test_the_kinds_have_the_statuses_of_the_contract),
        cmocka_unit_test(test_long_text_is_cut_at_a_character),
        cmocka_unit_test(test_text_that_just_fits_is_whole),
        cmocka_unit_test(test_out_of_memory_names_the_thing_and_the_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
