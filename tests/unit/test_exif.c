/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/codec/exif.h"

/* A directory of four entries, then two rationals. Byte order by `big`. */
typedef struct block {
    uint8_t bytes[256];
    size_t length;
    bool big;
} block_t;

static void put(block_t *b, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned shift = 8 * (b->big ? bytes - 1 - i : i);

        b->bytes[b->length++] = (uint8_t)(value >> shift);
    }
}

static void put_entry(block_t *b, uint32_t tag, uint32_t type, uint32_t value, unsigned value_bytes)
{
    put(b, tag, 2);
    put(b, type, 2);
    put(b, 1, 4);
    put(b, value, value_bytes);
    for (unsigned i = value_bytes; i < 4; i++)
        b->bytes[b->length++] = 0;
}

static void build(block_t *b, bool big, bool label, uint32_t orientation, uint32_t unit)
{
    uint32_t rationals = 8 + 2 + 4 * 12 + 4;

    memset(b, 0, sizeof(*b));
    b->big = big;
    if (label) {
        memcpy(b->bytes, "Exif\0\0", 6);
        b->length = 6;
    }
    memcpy(b->bytes + b->length, big ? "MM" : "II", 2);
    b->length += 2;
    put(b, 42, 2);
    put(b, 8, 4);
    put(b, 4, 2);
    put_entry(b, 0x0112, 3, orientation, 2);
    put_entry(b, 0x011A, 5, rationals, 4);
    put_entry(b, 0x011B, 5, rationals + 8, 4);
    put_entry(b, 0x0128, 3, unit, 2);
    put(b, 0, 4);
    put(b, 600, 4);
    put(b, 2, 4);
    put(b, 2400, 4);
    put(b, 10, 4);
}

static void both_byte_orders_are_read(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        for (int label = 0; label < 2; label++) {
            iiif_exif_t exif;
            block_t b;

            build(&b, big, label, 6, 2);
            assert_true(iiif_exif_read(b.bytes, b.length, &exif));
            assert_int_equal(exif.orientation, 6);
            assert_true(exif.x_resolution == 300 && exif.y_resolution == 240);
            assert_int_equal(exif.unit, IIIF_UNIT_INCH);
            build(&b, big, label, 8, 3);
            assert_true(iiif_exif_read(b.bytes, b.length, &exif));
            assert_int_equal(exif.orientation, 8);
            assert_int_equal(exif.unit, IIIF_UNIT_CM);
        }
    }
}

static void nonsense_is_no_orientation_and_no_resolution(void **state)
{
    iiif_exif_t exif;
    block_t b;

    (void)state;
    build(&b, true, false, 9, 1); /* unit 1: no absolute unit */
    assert_true(iiif_exif_read(b.bytes, b.length, &exif));
    assert_int_equal(exif.orientation, 1);
    assert_int_equal(exif.unit, IIIF_UNIT_NONE);
    assert_true(exif.x_resolution == 0 && exif.y_resolution == 0);
    build(&b, true, false, 0, 2);
    memset(b.bytes + b.length - 4, 0, 4); /* divided by nothing */
    assert_true(iiif_exif_read(b.bytes, b.length, &exif));
    assert_int_equal(exif.orientation, 1);
    assert_int_equal(exif.unit, IIIF_UNIT_NONE);
}

static void what_is_no_exif_is_refused(void **state)
{
    static const uint8_t xmp[] = "http://ns.adobe.com/xap/1.0/";
    iiif_exif_t exif;

    (void)state;
    assert_false(iiif_exif_read(xmp, sizeof(xmp), &exif));
    assert_int_equal(exif.orientation, 1);
    assert_false(iiif_exif_read((const uint8_t *)"II\x2b\0\x08\0\0\0", 8, &exif)); /* BigTIFF */
    assert_false(iiif_exif_read(NULL, 0, &exif));
    assert_int_equal(exif.orientation, 1);
}

/* A block of exactly the cut's size, so that the sanitizer sees a read beyond it. */
static void every_cut_and_every_offset_stays_inside(void **state)
{
    static const uint32_t offsets[] = {0, 1, 61, 62, 63, 77, 78, 79, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFFC, 0xFFFFFFFF};
    block_t b;

    (void)state;
    build(&b, false, false, 3, 2);
    for (size_t cut = 0; cut <= b.length; cut++) {
        uint8_t *part = malloc(cut ? cut : 1);
        iiif_exif_t exif;

        memcpy(part, b.bytes, cut);
        assert_int_equal(iiif_exif_read(part, cut, &exif), cut >= 8);
        assert_in_range(exif.orientation, 1, 8);
        free(part);
    }
    for (size_t place = 4; place + 4 <= b.length; place++) {
        for (size_t i = 0; i < IIIF_COUNT(offsets); i++) {
            uint8_t *part = malloc(b.length);
            iiif_exif_t exif;

            memcpy(part, b.bytes, b.length);
            memcpy(part + place, &offsets[i], 4);
            (void)iiif_exif_read(part, b.length, &exif);
            assert_in_range(exif.orientation, 1, 8);
            free(part);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_byte_orders_are_read),
        cmocka_unit_test(nonsense_is_no_orientation_and_no_resolution),
        cmocka_unit_test(what_is_no_exif_is_refused),
        cmocka_unit_test(every_cut_and_every_offset_stays_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
