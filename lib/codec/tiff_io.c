/* SPDX-License-Identifier: Apache-2.0 */
#include "tiff_io.h"

#if IIIF_HAVE_TIFF

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* libtiff's struct, its table of fields, a directory and small tags. */
#define HANDLE_BYTES ((size_t)64 * 1024)
#define SINGLE_ALLOC_MAX ((size_t)256 << 20)
#define CHUNK_BYTES ((size_t)256 * 1024)

/* --- messages ---------------------------------------------------------------------------------- */

static void log_keep(iiif_tiff_log_t *log, const char *text)
{
    size_t n = 0;

    log->failed = true;
    if (strstr(text, "Memory allocation of") != NULL)
        log->refused = true;
    if (log->message[0] != '\0')
        return;
    for (; text[n] != '\0' && n + 1 < sizeof(log->message); n++)
        log->message[n] = text[n] >= 0x20 && text[n] < 0x7F ? text[n] : ' ';
    while (n > 0 && (log->message[n - 1] == '.' || log->message[n - 1] == ' '))
        n--;
    log->message[n] = '\0';
}

/* The return value tells libtiff not to call the global handlers, which print. */
static int on_error(TIFF *tiff, void *data, const char *module, const char *format, va_list args)
    IIIF_PRINTF(4, 0);
static int on_error(TIFF *tiff, void *data, const char *module, const char *format, va_list args)
{
    char text[256];

    (void)tiff;
    (void)module;
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    log_keep(data, text);
    return 1;
}

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/*
 * Warnings after which libjpeg has filled in gray. It tells only the first warning of a stream, so all that may
 * hide one count, but stray bytes before the end marker: nothing can be lost after that.
 */
static bool is_jpeg_damage(const char *text)
{
    if (starts(text, "Corrupt JPEG data"))
        return strstr(text, "extraneous bytes before marker 0xd9") == NULL;
    return starts(text, "Premature end") || starts(text, "Inconsistent progression") ||
           starts(text, "Invalid SOS");
}

/* Fax lines that stop early are filled with white (ITU-T T.4, T.6 have no word for "unknown"). */
static bool is_fax_damage(const char *text)
{
    return starts(text, "Premature EO") || starts(text, "Line length mismatch");
}

static int on_warning(TIFF *tiff, void *data, const char *module, const char *format, va_list args)
    IIIF_PRINTF(4, 0);
static int on_warning(TIFF *tiff, void *data, const char *module, const char *format, va_list args)
{
    char text[256];
    bool damage = false;

    (void)tiff;
    if (module == NULL || vsnprintf(text, sizeof(text), format, args) < 0)
        return 1;
    if (strcmp(module, "JPEGLib") == 0 || strcmp(module, "LibJpeg") == 0)
        damage = is_jpeg_damage(text);
    else if (starts(module, "Fax"))
        damage = is_fax_damage(text);
    else if (strcmp(module, "JPEGPreDecode") == 0)
        damage = starts(text, "Improper JPEG strip/tile size");
    else if (strcmp(module, "PackBitsDecode") == 0 && starts(text, "Discarding"))
        damage = true; /* runs across rows, read row by row: the rest of the run would be lost */
    if (damage)
        log_keep(data, text);
    return 1;
}

static TIFFOpenOptions *options_new(iiif_tiff_log_t *log, size_t single_alloc)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();

    if (options == NULL)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, log);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, log);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)single_alloc);
    return options;
}

/* --- reading ------------------------------------------------------------------------------------- */

static tmsize_t read_bytes(thandle_t handle, void *buffer, tmsize_t n)
{
    iiif_tiff_io_t *io = handle;
    int64_t got;

    if (io->stopped.kind != IIIF_OK || n <= 0)
        return 0;
    if (iiif_cancel_check(io->work->cancel, &io->stopped) != IIIF_OK)
        return 0;
    got = iiif_src_read(io->src, io->position, buffer, (size_t)n);
    if (got < 0) {
        (void)iiif_err_set(&io->stopped, IIIF_E_IO, 2400, "The TIFF master cannot be read.");
        return 0;
    }
    io->position += (uint64_t)got;
    return (tmsize_t)got;
}

static tmsize_t write_nothing(thandle_t handle, void *buffer, tmsize_t n)
{
    (void)handle;
    (void)buffer;
    (void)n;
    return 0;
}

/* lseek's arithmetic; libtiff takes (toff_t)-1 for a failure. */
static uint64_t seek_from(uint64_t position, uint64_t length, toff_t offset, int whence)
{
    if (whence == SEEK_CUR)
        return position + offset;
    return whence == SEEK_END ? length + offset : offset;
}

static toff_t seek_read(thandle_t handle, toff_t offset, int whence)
{
    iiif_tiff_io_t *io = handle;

    io->position = seek_from(io->position, io->src->size, offset, whence);
    return io->position;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t size_read(thandle_t handle)
{
    return ((iiif_tiff_io_t *)handle)->src->size;
}

static size_t single_alloc_limit(const iiif_mem_t *mem)
{
    return mem->limit != 0 && mem->limit < SINGLE_ALLOC_MAX ? mem->limit : SINGLE_ALLOC_MAX;
}

iiif_rc iiif_tiff_io_open(iiif_tiff_io_t *io, iiif_src_t *src, uint64_t directory, const iiif_work_t *work,
                          iiif_err_t *err)
{
    TIFFOpenOptions *options;
    iiif_rc rc;

    memset(io, 0, sizeof(*io));
    io->src = src;
    io->work = work;
    rc = iiif_tiff_io_reserve(io, HANDLE_BYTES, err);
    if (rc != IIIF_OK)
        return rc;
    options = options_new(&io->log, single_alloc_limit(work->mem));
    if (options == NULL) {
        iiif_tiff_io_close(io);
        return iiif_err_memory(err, "the TIFF reader", HANDLE_BYTES);
    }
    /* r read, h the header alone, m no mapping, O strip and tile tables bit by bit: they can be huge. */
    io->tiff = TIFFClientOpenExt("TIFF", "rhmO", io, read_bytes, write_nothing, seek_read, close_nothing,
                                 size_read, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    /* A fresh handle has no list of directories yet, so it does not walk the whole chain to find this one. */
    if (io->tiff == NULL || TIFFSetSubDirectory(io->tiff, directory) == 0 || io->stopped.kind != IIIF_OK) {
        rc = iiif_tiff_io_error(io, err);
        iiif_tiff_io_close(io);
    }
    return rc;
}

void iiif_tiff_io_close(iiif_tiff_io_t *io)
{
    if (io->tiff != NULL)
        TIFFClose(io->tiff);
    io->tiff = NULL;
    if (io->work != NULL)
        iiif_mem_unreserve(io->work->mem, io->reserved);
    io->reserved = 0;
}

iiif_rc iiif_tiff_io_reserve(iiif_tiff_io_t *io, size_t bytes, iiif_err_t *err)
{
    if (bytes <= io->reserved)
        return IIIF_OK;
    if (!iiif_mem_reserve(io->work->mem, bytes - io->reserved))
        return iiif_err_memory(err, "the TIFF reader", bytes - io->reserved);
    io->reserved = bytes;
    return IIIF_OK;
}

void iiif_tiff_io_begin(iiif_tiff_io_t *io)
{
    memset(&io->log, 0, sizeof(io->log));
}

bool iiif_tiff_io_good(const iiif_tiff_io_t *io)
{
    return io->stopped.kind == IIIF_OK && !io->log.failed;
}

/* What libtiff and libjpeg say of files that are sound but of a kind they do not know. */
static bool says_unsupported(const char *message)
{
    return starts(message, "Unsupported JPEG process") || starts(message, "Cannot handle different") ||
           starts(message, "Unsupported JPEG data precision") || strstr(message, "not supported") != NULL;
}

iiif_rc iiif_tiff_io_error(const iiif_tiff_io_t *io, iiif_err_t *err)
{
    const char *message = io->log.message[0] != '\0' ? io->log.message : "no details";

    if (io->stopped.kind != IIIF_OK) {
        if (err != NULL)
            *err = io->stopped;
        return io->stopped.kind;
    }
    if (io->log.refused)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2401,
                            "The TIFF master needs more memory than one request may have (%s).", message);
    if (says_unsupported(message))
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2402, "The TIFF master is of a kind that this server "
                            "cannot read (%s); save it in a common form.", message);
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2403, "The TIFF master is damaged (%s).", message);
}

/* --- writing ------------------------------------------------------------------------------------- */

static bool store_grow(iiif_tiff_store_t *store, uint64_t length)
{
    while ((uint64_t)store->chunk_count * CHUNK_BYTES < length) {
        if (store->chunk_count == store->chunk_capacity) {
            size_t capacity = store->chunk_capacity == 0 ? 16 : store->chunk_capacity * 2;
            uint8_t **chunks = iiif_mem_realloc(store->mem, store->chunks, capacity * sizeof(*chunks));

            if (chunks == NULL)
                return false;
            store->chunks = chunks;
            store->chunk_capacity = capacity;
        }
        store->chunks[store->chunk_count] = iiif_mem_zalloc(store->mem, 1, CHUNK_BYTES);
        if (store->chunks[store->chunk_count] == NULL)
            return false;
        store->chunk_count++;
    }
    return true;
}

/* The place of `position` in its chunk, and how many of n bytes lie in that chunk. */
static uint8_t *store_at(const iiif_tiff_store_t *store, uint64_t position, size_t *n)
{
    size_t offset = (size_t)(position % CHUNK_BYTES);

    if (*n > CHUNK_BYTES - offset)
        *n = CHUNK_BYTES - offset;
    return store->chunks[position / CHUNK_BYTES] + offset;
}

static tmsize_t store_write(thandle_t handle, void *buffer, tmsize_t length)
{
    iiif_tiff_store_t *store = handle;
    const uint8_t *from = buffer;
    size_t left = length > 0 ? (size_t)length : 0;
    uint64_t end;

    if (store->refused || __builtin_add_overflow(store->position, (uint64_t)left, &end) || end > UINT32_MAX ||
        !store_grow(store, end)) {
        store->refused = true;
        return 0;
    }
    while (left > 0) {
        size_t n = left;
        uint8_t *to = store_at(store, store->position, &n);

        memcpy(to, from, n);
        from += n;
        left -= n;
        store->position += n;
    }
    if (store->position > store->length)
        store->length = store->position;
    return length;
}

static tmsize_t store_read(thandle_t handle, void *buffer, tmsize_t length)
{
    iiif_tiff_store_t *store = handle;
    uint8_t *to = buffer;
    uint64_t there = store->position < store->length ? store->length - store->position : 0;
    size_t left = (size_t)iiif_min_u64(length > 0 ? (uint64_t)length : 0, there);
    size_t done = 0;

    while (done < left) {
        size_t n = left - done;
        const uint8_t *from = store_at(store, store->position, &n);

        memcpy(to + done, from, n);
        done += n;
        store->position += n;
    }
    return (tmsize_t)done;
}

static toff_t store_seek(thandle_t handle, toff_t offset, int whence)
{
    iiif_tiff_store_t *store = handle;

    store->position = seek_from(store->position, store->length, offset, whence);
    return store->position;
}

static toff_t store_size(thandle_t handle)
{
    return ((iiif_tiff_store_t *)handle)->length;
}

iiif_rc iiif_tiff_store_open(iiif_tiff_store_t *store, iiif_mem_t *mem, iiif_err_t *err)
{
    TIFFOpenOptions *options;

    store->mem = mem;
    options = options_new(&store->log, single_alloc_limit(mem));
    if (options != NULL)
        store->tiff = TIFFClientOpenExt("TIFF", "wlm", store, store_read, store_write, store_seek,
                                        close_nothing, store_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    if (store->tiff == NULL)
        return iiif_err_memory(err, "a TIFF file", CHUNK_BYTES);
    return IIIF_OK;
}

bool iiif_tiff_store_close(iiif_tiff_store_t *store)
{
    bool good = true;

    if (store->tiff != NULL) {
        good = TIFFFlush(store->tiff) == 1;
        TIFFClose(store->tiff);
        store->tiff = NULL;
    }
    return good && !store->refused && !store->log.failed;
}

const uint8_t *iiif_tiff_store_piece(const iiif_tiff_store_t *store, uint64_t offset, size_t *length)
{
    *length = (size_t)iiif_min_u64(store->length > offset ? store->length - offset : 0, CHUNK_BYTES);
    return *length > 0 ? store_at(store, offset, length) : NULL;
}

void iiif_tiff_store_free(iiif_tiff_store_t *store)
{
    if (store->tiff != NULL)
        TIFFClose(store->tiff);
    store->tiff = NULL;
    for (size_t i = 0; i < store->chunk_count; i++)
        iiif_mem_free(store->mem, store->chunks[i]);
    iiif_mem_free(store->mem, store->chunks);
    store->chunks = NULL;
    store->chunk_count = store->chunk_capacity = 0;
}

#endif
