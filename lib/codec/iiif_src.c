/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_src.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t fd_read_at(iiif_src_t *src, uint64_t offset, void *buffer, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(src->fd, (char *)buffer + done, n - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

static void fd_close(iiif_src_t *src)
{
    if (src->owns_fd)
        (void)close(src->fd);
    iiif_mem_free(src->mem, src);
}

static int64_t memory_read_at(iiif_src_t *src, uint64_t offset, void *buffer, size_t n)
{
    if (n > 0)
        memcpy(buffer, src->memory + offset, n);
    return (int64_t)n;
}

static void memory_close(iiif_src_t *src)
{
    iiif_mem_free(src->mem, src);
}

static iiif_src_t *src_new(iiif_mem_t *mem, iiif_err_t *err)
{
    iiif_src_t *src = iiif_mem_zalloc(mem, 1, sizeof(*src));

    if (src == NULL) {
        (void)iiif_err_memory(err, "a source", sizeof(*src));
        return NULL;
    }
    src->mem = mem;
    src->fd = -1;
    return src;
}

iiif_rc iiif_src_open_fd(int fd, bool take_over, iiif_mem_t *mem, iiif_src_t **out, iiif_err_t *err)
{
    struct stat status;
    iiif_src_t *src;

    if (fstat(fd, &status) != 0)
        return iiif_err_set(err, IIIF_E_IO, 2010, "The master cannot be examined.");
    if (!S_ISREG(status.st_mode))
        return iiif_err_set(err, IIIF_E_NOT_IMAGE, 2011, "The master is no regular file.");
    if (status.st_size == 0)
        return iiif_err_set(err, IIIF_E_NOT_IMAGE, 2012, "The master is empty.");
    src = src_new(mem, err);
    if (src == NULL)
        return IIIF_E_NO_MEMORY;
    src->size = (uint64_t)status.st_size;
    src->fd = fd;
    src->owns_fd = take_over;
    src->read_at = fd_read_at;
    src->close = fd_close;
    *out = src;
    return IIIF_OK;
}

iiif_rc iiif_src_open_file(const char *path, iiif_mem_t *mem, iiif_src_t **out, iiif_err_t *err)
{
    /* O_NONBLOCK: opening a FIFO without a writer must not wait. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    iiif_rc rc;

    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return iiif_err_set(err, IIIF_E_NOT_FOUND, 2013, "There is no such master.");
        return iiif_err_set(err, IIIF_E_IO, 2014, "The master cannot be opened: %s.", strerror(errno));
    }
    rc = iiif_src_open_fd(fd, true, mem, out, err);
    if (rc != IIIF_OK)
        (void)close(fd);
    return rc;
}

iiif_rc iiif_src_open_memory(const uint8_t *data, size_t length, iiif_mem_t *mem, iiif_src_t **out,
                             iiif_err_t *err)
{
    iiif_src_t *src = src_new(mem, err);

    if (src == NULL)
        return IIIF_E_NO_MEMORY;
    src->size = length;
    src->memory = data;
    src->read_at = memory_read_at;
    src->close = memory_close;
    *out = src;
    return IIIF_OK;
}

int64_t iiif_src_read(iiif_src_t *src, uint64_t offset, void *buffer, size_t n)
{
    int64_t got;

    if (offset >= src->size)
        return 0;
    if (n > src->size - offset)
        n = (size_t)(src->size - offset);
    got = src->read_at(src, offset, buffer, n);
    if (got > 0)
        src->bytes_read += (uint64_t)got;
    return got;
}

bool iiif_src_read_exact(iiif_src_t *src, uint64_t offset, void *buffer, size_t n)
{
    return iiif_src_read(src, offset, buffer, n) == (int64_t)n;
}

void iiif_src_close(iiif_src_t *src)
{
    if (src != NULL)
        src->close(src);
}
