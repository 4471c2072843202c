/* SPDX-License-Identifier: Apache-2.0 */
/**
 * libtiff over our own sources and memory: handles with their own error handlers and limits (TIFFOpenOptions),
 * nothing global. One thread at a time for each struct.
 */
#ifndef IIIF_TIFF_IO_H
#define IIIF_TIFF_IO_H

#include "iiif_features.h"

#if IIIF_HAVE_TIFF

#include <tiffio.h>

#include "../core/iiif_cancel.h"
#include "iiif_src.h"

/** What libtiff had to say on one handle. */
typedef struct iiif_tiff_log {
    bool failed;           /**< an error, or a warning that means lost pixels */
    bool refused;          /**< an allocation was beyond the limit */
    char message[120];     /**< the first of them, printable ASCII */
} iiif_tiff_log_t;

/** One handle that reads. Lies inside a decoder, must not move while the handle is open. */
typedef struct iiif_tiff_io {
    TIFF *tiff;            /**< NULL when closed */
    iiif_src_t *src;       /**< not owned */
    const iiif_work_t *work;
    uint64_t position;
    size_t reserved;       /**< bytes counted against the budget for what libtiff allocates */
    iiif_err_t stopped;    /**< kind is not IIIF_OK where a read was cut by cancellation or an I/O error */
    iiif_tiff_log_t log;
} iiif_tiff_io_t;

/**
 * Opens a handle on the directory at this offset (of any chain) and reads that directory alone. `io` is zeroed
 * memory or a closed one. On an error it is closed.
 */
iiif_rc iiif_tiff_io_open(iiif_tiff_io_t *io, iiif_src_t *src, uint64_t directory, const iiif_work_t *work,
                          iiif_err_t *err);

/** Closes the handle and gives back what was reserved; harmless on a closed one. */
void iiif_tiff_io_close(iiif_tiff_io_t *io);

/** Raises what is counted for libtiff's own memory to `bytes`; IIIF_E_NO_MEMORY where that is too much. */
iiif_rc iiif_tiff_io_reserve(iiif_tiff_io_t *io, size_t bytes, iiif_err_t *err);

/** Forgets earlier messages: before each call whose success matters. */
void iiif_tiff_io_begin(iiif_tiff_io_t *io);

/**
 * Whether nothing went wrong since iiif_tiff_io_begin. A call of libtiff that returns success has still failed
 * where this is false: libtiff fills in for lost data and only warns.
 */
bool iiif_tiff_io_good(const iiif_tiff_io_t *io);

/** Turns what went wrong into an error; always returns one. */
iiif_rc iiif_tiff_io_error(const iiif_tiff_io_t *io, iiif_err_t *err);

/** A file in budgeted memory that libtiff writes, seeking back and forth. */
typedef struct iiif_tiff_store {
    TIFF *tiff;
    iiif_mem_t *mem;
    uint8_t **chunks;
    size_t chunk_count, chunk_capacity;
    uint64_t length, position;
    bool refused;          /**< the budget gave no more */
    iiif_tiff_log_t log;
} iiif_tiff_store_t;

/** Opens for writing (classic TIFF, little-endian). `store` is zeroed; free it with iiif_tiff_store_free. */
iiif_rc iiif_tiff_store_open(iiif_tiff_store_t *store, iiif_mem_t *mem, iiif_err_t *err);

/** Closes libtiff's handle; the bytes stay. False where libtiff or the budget failed. */
bool iiif_tiff_store_close(iiif_tiff_store_t *store);

/** The bytes piece by piece: *length of the piece that begins at `offset`, 0 at the end. */
const uint8_t *iiif_tiff_store_piece(const iiif_tiff_store_t *store, uint64_t offset, size_t *length);

void iiif_tiff_store_free(iiif_tiff_store_t *store);

#endif
#endif
