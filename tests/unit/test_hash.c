/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../../lib/core/iiif_hash.h"

static void finish(iiif_hash_t *hash, char *hex)
{
    uint8_t digest[IIIF_HASH_BYTES];

    iiif_hash_end(hash, digest);
    iiif_hash_hex(digest, sizeof(digest), hex);
}

static void assert_hash(const char *text, const char *expected)
{
    char hex[2 * IIIF_HASH_BYTES + 1];
    iiif_hash_t hash;

    iiif_hash_init(&hash);
    iiif_hash_add(&hash, text, strlen(text));
    finish(&hash, hex);
    assert_string_equal(hex, expected);
}

/* The examples of FIPS 180-4 (NIST's "Examples with Intermediate Values"). */
static void test_hash_known_answers(void **state)
{
    (void)state;
    assert_hash("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_hash_million_a_in_uneven_pieces(void **state)
{
    char block[997], hex[2 * IIIF_HASH_BYTES + 1];
    size_t left = 1000000;
    iiif_hash_t hash;

    (void)state;
    memset(block, 'a', sizeof(block));
    iiif_hash_init(&hash);
    for (size_t n = 1; left > 0; n = n % 997 + 1) {
        size_t take = n < left ? n : left;

        iiif_hash_add(&hash, block, take);
        left -= take;
    }
    finish(&hash, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_hash_fields_keep_their_borders(void **state)
{
    char first[2 * IIIF_HASH_BYTES + 1], second[2 * IIIF_HASH_BYTES + 1];
    iiif_hash_t hash;

    (void)state;
    iiif_hash_init(&hash);
    iiif_hash_add_field(&hash, "ab", 2);
    iiif_hash_add_field(&hash, "c", 1);
    finish(&hash, first);
    iiif_hash_init(&hash);
    iiif_hash_add_field(&hash, "a", 1);
    iiif_hash_add_field(&hash, "bc", 2);
    finish(&hash, second);
    assert_string_not_equal(first, second);
}

static void test_hash_hex_of_a_part(void **state)
{
    const uint8_t bytes[] = {0x00, 0xff, 0x1a};
    char hex[7];

    (void)state;
    iiif_hash_hex(bytes, 3, hex);
    assert_string_equal(hex, "00ff1a");
    iiif_hash_hex(bytes, 0, hex);
    assert_string_equal(hex, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_known_answers),
        cmocka_unit_test(test_hash_million_a_in_uneven_pieces),
        cmocka_unit_test(test_hash_fields_keep_their_borders),
        cmocka_unit_test(test_hash_hex_of_a_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
