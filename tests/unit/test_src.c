/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../lib/codec/iiif_src.h"

static char folder[] = "/tmp/test_src_XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void write_file(size_t length)
{
    FILE *file = fopen(path, "wb");

    for (size_t i = 0; i < length; i++)
        fputc((int)(i % 251), file);
    fclose(file);
}

static iiif_rc open_path(iiif_mem_t *mem, iiif_src_t **src, iiif_err_t *err)
{
    iiif_mem_init(mem, 0);
    return iiif_src_open_file(path, mem, src, err);
}

static void expect_bytes(iiif_src_t *src)
{
    uint8_t buffer[300];

    assert_int_equal(src->size, 1000);
    assert_int_equal(iiif_src_read(src, 0, buffer, 300), 300);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(buffer[i], i % 251);
    assert_int_equal(iiif_src_read(src, 900, buffer, 300), 100); /* short only at the end */
    assert_int_equal(buffer[0], 900 % 251);
    assert_int_equal(iiif_src_read(src, 1000, buffer, 1), 0);
    assert_int_equal(iiif_src_read(src, UINT64_MAX, buffer, 300), 0);
    assert_int_equal(src->bytes_read, 400);
    assert_true(iiif_src_read_exact(src, 990, buffer, 10));
    assert_false(iiif_src_read_exact(src, 991, buffer, 10));
}

static void a_file_is_read_at_any_place(void **state)
{
    iiif_src_t *src = NULL;
    iiif_err_t err;
    iiif_mem_t mem;

    (void)state;
    snprintf(path, sizeof(path), "%s/file", folder);
    write_file(1000);
    assert_int_equal(open_path(&mem, &src, &err), IIIF_OK);
    assert_null(src->memory);
    expect_bytes(src);
    iiif_src_close(src);
    assert_int_equal(mem.used, 0);
    unlink(path);
}

static void memory_is_read_like_a_file(void **state)
{
    uint8_t *data = malloc(1000);
    iiif_src_t *src = NULL;
    iiif_err_t err;
    iiif_mem_t mem;

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        data[i] = (uint8_t)(i % 251);
    iiif_mem_init(&mem, 0);
    assert_int_equal(iiif_src_open_memory(data, 1000, &mem, &src, &err), IIIF_OK);
    assert_ptr_equal(src->memory, data);
    expect_bytes(src);
    iiif_src_close(src);
    assert_int_equal(mem.used, 0);
    free(data);
}

/* None of them may hang or be taken for an image. */
static void what_is_no_regular_file_is_refused(void **state)
{
    iiif_src_t *src = NULL;
    iiif_err_t err;
    iiif_mem_t mem;

    (void)state;
    snprintf(path, sizeof(path), "%s", folder);
    assert_int_equal(open_path(&mem, &src, &err), IIIF_E_NOT_IMAGE);
    snprintf(path, sizeof(path), "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(open_path(&mem, &src, &err), IIIF_E_NOT_IMAGE);
    unlink(path);
    snprintf(path, sizeof(path), "/dev/zero");
    assert_int_equal(open_path(&mem, &src, &err), IIIF_E_NOT_IMAGE);
    snprintf(path, sizeof(path), "%s/empty", folder);
    write_file(0);
    assert_int_equal(open_path(&mem, &src, &err), IIIF_E_NOT_IMAGE);
    assert_non_null(strstr(err.detail, "empty"));
    unlink(path);
    assert_int_equal(open_path(&mem, &src, &err), IIIF_E_NOT_FOUND);
    snprintf(path, sizeof(path), "/dev/null/below");
    assert_int_equal(open_path(&mem, &src, &err), IIIF_E_NOT_FOUND);
    assert_null(src);
    assert_int_equal(mem.used, 0);
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 200; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

static void a_descriptor_is_closed_only_when_taken_over(void **state)
{
    iiif_src_t *src = NULL;
    iiif_err_t err;
    iiif_mem_t mem;
    int fd, before;

    (void)state;
    snprintf(path, sizeof(path), "%s/file", folder);
    write_file(10);
    iiif_mem_init(&mem, 0);
    before = open_descriptors();
    fd = open(path, O_RDONLY);
    assert_int_equal(iiif_src_open_fd(fd, false, &mem, &src, &err), IIIF_OK);
    iiif_src_close(src);
    assert_int_not_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(iiif_src_open_fd(fd, true, &mem, &src, &err), IIIF_OK);
    iiif_src_close(src);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    /* and neither a failure of memory nor a refused file leaves one open */
    mem.calls = 0;
    mem.fail_at = 1;
    assert_int_equal(iiif_src_open_file(path, &mem, &src, &err), IIIF_E_NO_MEMORY);
    assert_int_equal(iiif_src_open_file(folder, &mem, &src, &err), IIIF_E_NOT_IMAGE);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(mem.used, 0);
    unlink(path);
}

/* A file that shrinks while it is open gives short reads, not stale bytes. */
static void a_file_that_shrinks_reads_short(void **state)
{
    uint8_t buffer[100];
    iiif_src_t *src = NULL;
    iiif_err_t err;
    iiif_mem_t mem;

    (void)state;
    snprintf(path, sizeof(path), "%s/file", folder);
    write_file(100);
    assert_int_equal(open_path(&mem, &src, &err), IIIF_OK);
    assert_int_equal(truncate(path, 40), 0);
    assert_int_equal(iiif_src_read(src, 0, buffer, 100), 40);
    assert_false(iiif_src_read_exact(src, 0, buffer, 100));
    iiif_src_close(src);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_at_any_place),
        cmocka_unit_test(memory_is_read_like_a_file),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
        cmocka_unit_test(a_descriptor_is_closed_only_when_taken_over),
        cmocka_unit_test(a_file_that_shrinks_reads_short),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
