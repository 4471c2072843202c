/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Random access to the bytes of a master: a file descriptor, memory, or a test's fault injector.
 */
#ifndef IIIF_SRC_H
#define IIIF_SRC_H

#include "../core/iiif_mem.h"
#include "../core/iiif_err.h"

typedef struct iiif_src iiif_src_t;
struct iiif_src {
    uint64_t size;        /**< bytes, fixed when opened */
    uint64_t bytes_read;  /**< so far; for figures */
    /** Reads up to n bytes at offset; returns how many (short only at the end), or -1. */
    int64_t (*read_at)(iiif_src_t *src, uint64_t offset, void *buffer, size_t n);
    void (*close)(iiif_src_t *src);
    iiif_mem_t *mem;
    const uint8_t *memory; /**< the whole, where it is in memory; else NULL */
    int fd;                /**< else -1 */
    bool owns_fd;
};

/** Of a regular file; anything else (FIFO, directory, device) is IIIF_E_NOT_IMAGE, empty too. On an error the
 *  descriptor stays the caller's, also with take_over. */
iiif_rc iiif_src_open_fd(int fd, bool take_over, iiif_mem_t *mem, iiif_src_t **out, iiif_err_t *err);

/** Opens without blocking on FIFOs and without a controlling terminal; then as iiif_src_open_fd. */
iiif_rc iiif_src_open_file(const char *path, iiif_mem_t *mem, iiif_src_t **out, iiif_err_t *err);

/** Over bytes that outlive the source. */
iiif_rc iiif_src_open_memory(const uint8_t *data, size_t length, iiif_mem_t *mem, iiif_src_t **out,
                             iiif_err_t *err);

/** Bytes read (short only at the end), -1 on an I/O error. Counts. */
int64_t iiif_src_read(iiif_src_t *src, uint64_t offset, void *buffer, size_t n);

/** All n bytes or false. */
bool iiif_src_read_exact(iiif_src_t *src, uint64_t offset, void *buffer, size_t n) IIIF_MUST_CHECK;

void iiif_src_close(iiif_src_t *src);

#endif
