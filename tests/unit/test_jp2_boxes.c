/* SPDX-License-Identifier: Apache-2.0 */
/* The boxes around a codestream, sound and otherwise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/codec/jp2_boxes.h"
#include "jp2_make.h"

typedef struct kit {
    iiif_mem_t mem;
    iiif_work_t work;
    iiif_jp2_t jp2;
    iiif_err_t err;
} kit_t;

static iiif_rc read_boxes(kit_t *kit, const bytes_t *file)
{
    uint8_t *copy = malloc(file->length + 1); /* of its own, so that reading beyond it is seen */
    iiif_src_t *src;
    iiif_rc rc;

    memset(kit, 0, offsetof(kit_t, jp2));
    kit->work.mem = &kit->mem;
    if (file->length > 0)
        memcpy(copy, file->data, file->length);
    assert_int_equal(iiif_src_open_memory(copy, file->length, &kit->mem, &src, &kit->err), IIIF_OK);
    rc = iiif_jp2_read(src, &kit->work, &kit->jp2, &kit->err);
    if (rc != IIIF_OK)
        assert_int_equal(rc, kit->err.kind);
    iiif_src_close(src);
    free(copy);
    return rc;
}

static void done(kit_t *kit)
{
    iiif_jp2_free(&kit->jp2, &kit->mem);
    assert_int_equal(kit->mem.used, 0);
}

static bytes_t code_of(const char *text)
{
    bytes_t code = {NULL, 0, 0, 0};

    bytes_be(&code, 4, 0xFF4FFF51u);
    bytes_put(&code, text, strlen(text));
    return code;
}

static void test_raw(void **state)
{
    bytes_t code = code_of("anything else");
    kit_t kit;

    (void)state;
    assert_int_equal(read_boxes(&kit, &code), IIIF_OK);
    assert_true(kit.jp2.is_raw);
    assert_int_equal(kit.jp2.code_offset, 0);
    assert_int_equal(kit.jp2.code_length, code.length);
    done(&kit);
    bytes_free(&code);
}

static void test_plain(void **state)
{
    bytes_t code = code_of("anything else"), header = {NULL, 0, 0, 0}, file;
    kit_t kit;

    (void)state;
    put_colr(&header, 18);
    file = make_jp2(&header, &code, 640, 480, 3);
    bytes_put(&file, "junk", 4); /* behind the codestream nothing can spoil it */
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_false(kit.jp2.is_raw);
    assert_int_equal(kit.jp2.code_length, code.length);
    assert_memory_equal(file.data + kit.jp2.code_offset, code.data, code.length);
    assert_int_equal(kit.jp2.width, 640);
    assert_int_equal(kit.jp2.height, 480);
    assert_int_equal(kit.jp2.colour.method, IIIF_JP2_COLOUR_ENUMERATED);
    assert_int_equal(kit.jp2.colour.space, IIIF_JP2_SYCC);
    assert_string_equal(kit.jp2.media_type, "image/jp2");
    done(&kit);
    bytes_free(&file);
    bytes_free(&header);
    bytes_free(&code);
}

/* Length 0 is "to the end", 1 says a long one; one that is too long is the codestream's own affair. */
static void test_lengths(void **state)
{
    bytes_t code = code_of("anything else"), file = make_jp2(NULL, &code, 1, 1, 1), longer = {NULL, 0, 0, 0};
    size_t at = file.length - code.length - 8;
    kit_t kit;

    (void)state;
    memset(file.data + at, 0, 4);
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_int_equal(kit.jp2.code_length, code.length);
    done(&kit);
    memset(file.data + at, 0x7F, 4);
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_int_equal(kit.jp2.code_length, code.length);
    done(&kit);
    bytes_put(&longer, file.data, at);
    bytes_be(&longer, 4, 1);
    bytes_put(&longer, "jp2c", 4);
    bytes_be(&longer, 8, 16 + code.length);
    bytes_put(&longer, code.data, code.length);
    bytes_be(&longer, 4, 8);
    bytes_put(&longer, "free", 4);
    assert_int_equal(read_boxes(&kit, &longer), IIIF_OK);
    assert_int_equal(kit.jp2.code_offset, at + 16);
    assert_int_equal(kit.jp2.code_length, code.length);
    done(&kit);
    memset(longer.data + at + 8, 0, 8); /* a long length of 0 is none */
    assert_int_equal(read_boxes(&kit, &longer), IIIF_E_BAD_MASTER);
    done(&kit);
    memset(longer.data + at + 8, 0xFF, 8); /* 2^64 − 1 */
    assert_int_equal(read_boxes(&kit, &longer), IIIF_OK);
    assert_true(kit.jp2.code_offset + kit.jp2.code_length <= longer.length);
    done(&kit);
    bytes_free(&longer);
    bytes_free(&file);
    bytes_free(&code);
}

static void expect_error(const bytes_t *header, iiif_rc want)
{
    bytes_t code = code_of("x"), file = make_jp2(header, &code, 1, 1, 1);
    kit_t kit;

    assert_int_equal(read_boxes(&kit, &file), want);
    done(&kit);
    bytes_free(&file);
    bytes_free(&code);
}

static void test_bad_boxes(void **state)
{
    bytes_t h = {NULL, 0, 0, 0};

    (void)state;
    bytes_be(&h, 4, 100); /* beyond its parent */
    bytes_put(&h, "free", 4);
    expect_error(&h, IIIF_E_BAD_MASTER);
    bytes_free(&h);
    bytes_be(&h, 4, 7); /* shorter than its own head */
    bytes_put(&h, "free", 4);
    expect_error(&h, IIIF_E_BAD_MASTER);
    bytes_free(&h);
    bytes_be(&h, 4, 10); /* colr of 2 bytes */
    bytes_put(&h, "colr\1\0", 6);
    expect_error(&h, IIIF_E_BAD_MASTER);
    bytes_free(&h);
    bytes_be(&h, 4, 8 + 2 + 6); /* cdef of 40 lines in 6 bytes */
    bytes_put(&h, "cdef", 4);
    bytes_be(&h, 2, 40);
    bytes_be(&h, 6, 0);
    expect_error(&h, IIIF_E_BAD_MASTER);
    h.data[9] = 2; /* of 2 lines */
    expect_error(&h, IIIF_E_BAD_MASTER);
    bytes_free(&h);
    bytes_be(&h, 4, 8 + 4 + 5); /* palette of 1024 entries in 5 bytes */
    bytes_put(&h, "pclr", 4);
    bytes_be(&h, 4, 0x04000107);
    bytes_be(&h, 5, 0);
    expect_error(&h, IIIF_E_BAD_MASTER);
    h.data[8] = 0xFF; /* of 65280 entries */
    expect_error(&h, IIIF_E_BAD_MASTER);
    h.data[8] = 0;
    h.data[9] = 1;
    h.data[11] = 31; /* of 32 bits */
    expect_error(&h, IIIF_E_UNSUPPORTED);
    bytes_free(&h);
    for (unsigned depth = 0; depth < 6; depth++) { /* res in res in res … */
        bytes_t inner = h;

        memset(&h, 0, sizeof(h));
        bytes_box(&h, "res ", &inner);
        bytes_free(&inner);
    }
    expect_error(&h, IIIF_E_BAD_MASTER);
    bytes_free(&h);
    for (unsigned i = 0; i < 20000; i++) { /* boxes without end */
        bytes_be(&h, 4, 8);
        bytes_put(&h, "free", 4);
    }
    expect_error(&h, IIIF_E_BAD_MASTER);
    bytes_free(&h);
}

static void test_no_codestream(void **state)
{
    bytes_t code = code_of("x"), file = make_jp2(NULL, &code, 1, 1, 1);
    kit_t kit;

    (void)state;
    memcpy(file.data + file.length - code.length - 4, "free", 4);
    assert_int_equal(read_boxes(&kit, &file), IIIF_E_BAD_MASTER);
    done(&kit);
    memcpy(file.data + file.length - code.length - 4, "ftbl", 4);
    assert_int_equal(read_boxes(&kit, &file), IIIF_E_UNSUPPORTED);
    done(&kit);
    file.data[3] = 13;
    assert_int_equal(read_boxes(&kit, &file), IIIF_E_NOT_IMAGE);
    done(&kit);
    bytes_free(&file);
    bytes_free(&code);
}

/* Of several colour boxes the first that is understood counts; a profile only where it is whole. */
static void test_colours(void **state)
{
    bytes_t code = code_of("x"), header = {NULL, 0, 0, 0}, file;
    uint8_t icc[200] = {0, 0, 0, 200};
    kit_t kit;

    (void)state;
    memcpy(icc + 16, "GRAY", 4);
    put_colr(&header, 22); /* YPbPr: not known */
    bytes_be(&header, 4, 11 + 100);
    bytes_put(&header, "colr\2\0\0", 7);
    bytes_put(&header, icc, 100); /* claims 200 */
    bytes_be(&header, 4, 11 + 200);
    bytes_put(&header, "colr\2\0\0", 7);
    bytes_put(&header, icc, 200);
    put_colr(&header, 16);
    file = make_jp2(&header, &code, 1, 1, 1);
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_int_equal(kit.jp2.colour.method, IIIF_JP2_COLOUR_ICC);
    assert_string_equal(kit.jp2.colour.icc_space, "GRAY");
    assert_int_equal(kit.jp2.colour.icc_length, 200);
    assert_memory_equal(file.data + kit.jp2.colour.icc_offset, icc, 200);
    done(&kit);
    bytes_free(&file);
    bytes_free(&header);
    put_colr(&header, 17);
    put_colr(&header, 16);
    file = make_jp2(&header, &code, 1, 1, 1);
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_int_equal(kit.jp2.colour.space, 17);
    done(&kit);
    bytes_free(&file);
    bytes_free(&header);
    bytes_free(&code);
}

/* JPX keeps colour in the compositing layer header, the palette in the codestream header; only the first of each is meant. */
static void test_jpx(void **state)
{
    bytes_t code = code_of("x"), file = {NULL, 0, 0, 0}, colr = {NULL, 0, 0, 0}, group = {NULL, 0, 0, 0};
    kit_t kit;

    (void)state;
    bytes_be(&file, 4, 12);
    bytes_put(&file, "jP  \r\n\x87\n", 8);
    bytes_be(&file, 4, 20);
    bytes_put(&file, "ftypjpx \0\0\0\0jpx ", 16);
    bytes_box(&file, "jp2c", &code);
    put_colr(&colr, 12);
    bytes_box(&group, "cgrp", &colr);
    bytes_box(&file, "jplh", &group);
    bytes_box(&file, "jp2c", &code);
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_int_equal(kit.jp2.colour.space, 12);
    assert_int_equal(kit.jp2.code_offset, 12 + 20 + 8);
    assert_string_equal(kit.jp2.media_type, "image/jpx");
    done(&kit);
    bytes_free(&file);
    bytes_free(&colr);
    bytes_free(&group);
    bytes_free(&code);
}

static void test_palette(void **state)
{
    static const uint8_t content[] = {0, 2, 3, 7, 0x8B, 15, /* 8 bits, 12 bits signed, 16 bits */
                                      1, 0x0F, 0xFF, 0x12, 0x34, 0xFE, 0x07, 0xFF, 0xFF, 0xFF};
    bytes_t code = code_of("x"), header = {NULL, 0, 0, 0}, palette = {NULL, 0, 0, 0}, file;
    kit_t kit;

    (void)state;
    bytes_put(&palette, content, sizeof(content));
    bytes_box(&header, "pclr", &palette);
    file = make_jp2(&header, &code, 1, 1, 1);
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_int_equal(kit.jp2.palette.entries, 2);
    assert_int_equal(kit.jp2.palette.columns, 3);
    assert_int_equal(kit.jp2.palette.bits[1], 12);
    assert_true(kit.jp2.palette.is_signed[1]);
    assert_int_equal(kit.jp2.palette.values[0], 1);
    assert_int_equal(kit.jp2.palette.values[1], -1);
    assert_int_equal(kit.jp2.palette.values[2], 0x1234);
    assert_int_equal(kit.jp2.palette.values[3], 0xFE);
    assert_int_equal(kit.jp2.palette.values[4], 0x7FF);
    assert_int_equal(kit.jp2.palette.values[5], 0xFFFF);
    done(&kit);
    bytes_free(&file);
    bytes_free(&palette);
    bytes_free(&header);
    bytes_free(&code);
}

static void put_res(bytes_t *header, const char *type, uint64_t fractions, unsigned exponents)
{
    bytes_t inner = {NULL, 0, 0, 0}, box = {NULL, 0, 0, 0};

    bytes_be(&inner, 8, fractions);
    bytes_be(&inner, 2, exponents);
    bytes_box(&box, type, &inner);
    bytes_box(header, "res ", &box);
    bytes_free(&inner);
    bytes_free(&box);
}

static void test_resolution(void **state)
{
    bytes_t code = code_of("x"), header = {NULL, 0, 0, 0}, file;
    kit_t kit;

    (void)state;
    put_res(&header, "resd", 0x0048000100640001u, 0x0202);
    file = make_jp2(&header, &code, 1, 1, 1);
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_true(fabs(kit.jp2.pixels_per_metre_y - 7200) < 1e-6);
    assert_true(fabs(kit.jp2.pixels_per_metre_x - 10000) < 1e-6);
    done(&kit);
    bytes_free(&file);
    put_res(&header, "resc", 0x0001000200010002u, 0x0403);
    put_res(&header, "resd", 0x0048000100640001u, 0x0202);
    file = make_jp2(&header, &code, 1, 1, 1);
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_true(fabs(kit.jp2.pixels_per_metre_y - 5000) < 1e-6);
    assert_true(fabs(kit.jp2.pixels_per_metre_x - 500) < 1e-6);
    done(&kit);
    bytes_free(&file);
    bytes_free(&header);
    put_res(&header, "resc", 0x0001000000010002u, 0); /* 1 / 0 */
    put_res(&header, "resd", 0x0001000100010001u, 0x7F7F); /* 10^127 */
    file = make_jp2(&header, &code, 1, 1, 1);
    assert_int_equal(read_boxes(&kit, &file), IIIF_OK);
    assert_true(kit.jp2.pixels_per_metre_x <= 0);
    done(&kit);
    bytes_free(&file);
    bytes_free(&header);
    bytes_free(&code);
}

/* Cut anywhere before the codestream: an error, and nothing is read beyond. */
static void test_cut(void **state)
{
    static const unsigned lines[2][3] = {{0, 0, 1}, {1, 1, 0}};
    static const uint8_t content[] = {0, 2, 1, 7, 1, 2};
    bytes_t code = code_of("x"), header = {NULL, 0, 0, 0}, palette = {NULL, 0, 0, 0}, file;
    kit_t kit;

    (void)state;
    bytes_put(&palette, content, sizeof(content));
    put_colr(&header, 17);
    put_cdef(&header, 2, lines);
    bytes_box(&header, "pclr", &palette);
    put_res(&header, "resc", 0x0001000200010002u, 0x0403);
    file = make_jp2(&header, &code, 1, 1, 1);
    for (size_t n = 0; n < file.length - code.length; n++) {
        bytes_t cut = file;

        cut.length = n;
        assert_int_not_equal(read_boxes(&kit, &cut), IIIF_OK);
        done(&kit);
    }
    for (unsigned i = 0; i < 3000; i++) { /* any byte changed: an error or not, never a crash */
        size_t at = (size_t)rand() % (file.length - code.length);
        uint8_t was = file.data[at];

        file.data[at] = (uint8_t)rand();
        (void)read_boxes(&kit, &file);
        done(&kit);
        file.data[at] = was;
    }
    bytes_free(&file);
    bytes_free(&palette);
    bytes_free(&header);
    bytes_free(&code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw),        cmocka_unit_test(test_plain),        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_bad_boxes),  cmocka_unit_test(test_no_codestream), cmocka_unit_test(test_colours),
        cmocka_unit_test(test_jpx),        cmocka_unit_test(test_palette),      cmocka_unit_test(test_resolution),
        cmocka_unit_test(test_cut),
    };

    srand(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
