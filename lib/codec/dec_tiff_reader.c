/* SPDX-License-Identifier: Apache-2.0 */
#include "dec_tiff_reader.h"

#include <string.h>

#include "dec_tiff_jpeg.h"

/* A strip above this is not worth holding where rows can be had one by one. */
#define STRIP_HELD_MAX ((size_t)4 << 20)
/* Fax: rows that are not there are found for sure in whole strips only (see decode_block). */
#define FAX_STRIP_HELD_MAX ((size_t)32 << 20)
#define BAND_BYTES_MAX ((size_t)16 << 20)
#define HANDLE_BYTES ((size_t)64 * 1024)
#define STRILE_TABLE_MAX ((uint32_t)1 << 20)
#define SENTINEL_BYTES 16u
#define ROWS_BETWEEN_CHECKS 64u

/* --- what it takes --------------------------------------------------------------------------------------- */

static bool is_fax(const iiif_tiff_format_t *format)
{
    return format->compression == COMPRESSION_CCITTRLE || format->compression == COMPRESSION_CCITTRLEW ||
           format->compression == COMPRESSION_CCITTFAX3 || format->compression == COMPRESSION_CCITTFAX4;
}

bool iiif_tiff_reader_by_row(const iiif_tiff_format_t *format)
{
    if (format->tiled || format->clumped || format->compression == COMPRESSION_WEBP ||
        format->compression == COMPRESSION_OJPEG)
        return false;
    return format->block_bytes > (is_fax(format) ? FAX_STRIP_HELD_MAX : STRIP_HELD_MAX);
}

static bool pixel_stride(const iiif_tiff_format_t *format, uint32_t width, size_t *stride)
{
    iiif_image_t image = {.width = width, .height = 1, .layout = format->layout, .depth = format->depth};

    return iiif_image_stride(&image, stride);
}

static uint32_t band_rows(const iiif_tiff_format_t *format, size_t stride)
{
    size_t rows = BAND_BYTES_MAX / stride;

    if (rows < 1)
        rows = 1;
    return rows < format->block_height ? (uint32_t)rows : format->block_height;
}

/* Stored bytes that libtiff holds: a block's, or by rows a piece (TIFFReadScanline reads ahead). */
static size_t raw_bytes(const iiif_tiff_reader_t *reader, uint64_t count)
{
    uint64_t most = count;

    if (reader->format->compression == COMPRESSION_NONE && !reader->by_row)
        return 0; /* goes straight to our buffer */
    if (reader->by_row)
        most = iiif_min_u64(count, 2 * (16 * (uint64_t)reader->format->row_bytes + 5000));
    return (size_t)iiif_min_u64(most, SIZE_MAX / 2);
}

size_t iiif_tiff_reader_bytes(const iiif_tiff_format_t *format)
{
    size_t planes = iiif_tiff_format_planes(format);
    bool by_row = iiif_tiff_reader_by_row(format);
    size_t codec = iiif_tiff_format_codec_bytes(format);
    size_t stride, bytes;

    if (by_row) {
        /* the row itself and what libtiff reads ahead of it, for each plane */
        if (!iiif_mul_size(format->row_bytes, 33 * planes, &bytes) ||
            !iiif_mul_size(codec, planes, &codec))
            return SIZE_MAX;
    } else if (!iiif_mul_size(format->block_bytes, planes, &bytes) ||
               !iiif_add_size(bytes, format->compression == COMPRESSION_NONE ? 0 : format->block_bytes / 2, &bytes)) {
        return SIZE_MAX;
    }
    if (!iiif_add_size(bytes, codec, &bytes) || !iiif_add_size(bytes, planes * HANDLE_BYTES, &bytes))
        return SIZE_MAX;
    if (format->block_width < format->width) {
        if (!pixel_stride(format, format->width, &stride) ||
            !iiif_add_size(bytes, stride * band_rows(format, stride), &bytes))
            return SIZE_MAX;
    }
    return bytes;
}

/* --- opening ----------------------------------------------------------------------------------------------- */

static iiif_rc open_handles(iiif_tiff_reader_t *reader, uint64_t directory, iiif_err_t *err)
{
    unsigned handles = reader->by_row ? iiif_tiff_format_planes(reader->format) : 1;
    iiif_tiff_format_t again;

    while (reader->handles < handles) {
        iiif_tiff_io_t *io = &reader->io[reader->handles];
        iiif_rc rc = iiif_tiff_io_open(io, reader->src, directory, reader->work, err);

        if (rc != IIIF_OK)
            return rc;
        reader->handles++;
        /* Sets how libjpeg delivers; and the file could have been written over since. */
        rc = iiif_tiff_format_read(io, &again, err);
        if (rc != IIIF_OK)
            return rc;
        if (again.block_bytes != reader->format->block_bytes || again.row_bytes != reader->format->row_bytes ||
            again.width != reader->format->width || again.height != reader->format->height ||
            again.tiled != reader->format->tiled || again.planar != reader->format->planar)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2450, "The TIFF master has changed while it was read.");
    }
    return IIIF_OK;
}

static iiif_rc make_planes(iiif_tiff_reader_t *reader, iiif_err_t *err)
{
    const iiif_tiff_format_t *format = reader->format;
    size_t bytes = reader->by_row ? format->row_bytes : format->block_bytes;

    for (unsigned p = 0; p < iiif_tiff_format_planes(format); p++) {
        /* Zeroed: where a decoder writes less than it says, no memory of another request may show. */
        reader->planes[p] = iiif_mem_zalloc(reader->work->mem, 1, bytes);
        if (reader->planes[p] == NULL)
            return iiif_err_memory(err, "a tile or strip of the TIFF master", bytes);
    }
    return IIIF_OK;
}

iiif_rc iiif_tiff_reader_open(iiif_tiff_reader_t *reader, iiif_src_t *src, uint64_t directory,
                              const iiif_tiff_format_t *format, const iiif_work_t *work, iiif_err_t *err)
{
    iiif_rc rc;

    iiif_tiff_reader_close(reader);
    reader->format = format;
    reader->work = work;
    reader->src = src;
    reader->by_row = iiif_tiff_reader_by_row(format);
    rc = open_handles(reader, directory, err);
    if (rc == IIIF_OK)
        rc = iiif_tiff_pixels_open(&reader->pixels, format, reader->io[0].tiff, work->mem, err);
    if (rc == IIIF_OK)
        rc = make_planes(reader, err);
    if (rc != IIIF_OK)
        iiif_tiff_reader_close(reader);
    return rc;
}

void iiif_tiff_reader_close(iiif_tiff_reader_t *reader)
{
    if (reader->format == NULL)
        return;
    for (unsigned i = 0; i < reader->handles; i++)
        iiif_tiff_io_close(&reader->io[i]);
    for (unsigned p = 0; p < IIIF_TIFF_PLANES_MAX; p++)
        iiif_mem_free(reader->work->mem, reader->planes[p]);
    iiif_mem_free(reader->work->mem, reader->band);
    iiif_tiff_pixels_close(&reader->pixels);
    memset(reader, 0, sizeof(*reader));
}

iiif_rc iiif_tiff_reader_window(iiif_tiff_reader_t *reader, const iiif_rect_t *rect, iiif_err_t *err)
{
    const iiif_tiff_format_t *format = reader->format;

    iiif_mem_free(reader->work->mem, reader->band);
    reader->band = NULL;
    reader->band_rows = 0;
    reader->rect = *rect;
    reader->next_row = 0;
    if (reader->by_row || rect->x / format->block_width == (rect->x + rect->w - 1) / format->block_width)
        return IIIF_OK;
    if (!pixel_stride(format, rect->w, &reader->band_stride))
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2451, "A row of the TIFF master is too long.");
    reader->band_capacity = iiif_min_u32(band_rows(format, reader->band_stride), rect->h);
    reader->band = iiif_mem_array(reader->work->mem, reader->band_capacity, reader->band_stride);
    if (reader->band == NULL)
        return iiif_err_memory(err, "a band of tiles", reader->band_capacity * reader->band_stride);
    return IIIF_OK;
}

/* --- one block --------------------------------------------------------------------------------------------- */

/* Which block of which plane, and how many of its bytes libtiff will write. */
typedef struct block {
    iiif_tiff_io_t *io;
    uint32_t index;
    uint32_t rows;
    size_t bytes;
} block_t;

static block_t block_of(iiif_tiff_reader_t *reader, unsigned plane, uint32_t column, uint32_t row)
{
    const iiif_tiff_format_t *format = reader->format;
    uint32_t y = row * format->block_height;
    uint16_t sample = iiif_tiff_format_sample(format, plane);
    block_t block = {.io = &reader->io[reader->by_row ? plane : 0], .rows = format->block_height};

    if (format->tiled) {
        block.index = TIFFComputeTile(block.io->tiff, column * format->block_width, y, 0, sample);
    } else {
        block.index = TIFFComputeStrip(block.io->tiff, y, sample);
        block.rows = iiif_min_u32(format->block_height, format->height - y);
    }
    block.bytes = format->row_bytes *
                  (format->clumped ? iiif_ceil_div(block.rows, format->chroma_y) : (size_t)block.rows);
    return block;
}

static iiif_rc report_lost(const iiif_tiff_reader_t *reader, const block_t *block, iiif_err_t *err)
{
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2452, "The TIFF master is damaged or cut: %s %u is not all there.",
                        reader->format->tiled ? "tile" : "strip", block->index);
}

/* Coefficients that libjpeg holds of a stream with several scans: 16 bits each, blocks of 8 × 8 and up to 4 × 4 of those. */
static iiif_rc reserve_coefficients(const iiif_tiff_reader_t *reader, const block_t *block, size_t *bytes,
                                    iiif_err_t *err)
{
    const iiif_tiff_format_t *format = reader->format;
    uint64_t width = ((uint64_t)format->block_width + 31) & ~(uint64_t)31;
    uint64_t height = ((uint64_t)block->rows + 31) & ~(uint64_t)31;
    uint64_t held;

    if (!iiif_mul_u64(width, height, &held) ||
        !iiif_mul_u64(held, 2u * (format->planar ? 1u : format->samples), &held) || held > SIZE_MAX / 2 ||
        (reader->work->mem->limit != 0 && held > reader->work->mem->limit))
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2453, "The TIFF master holds progressive JPEG that needs more memory "
                            "than one request may have; save it as baseline JPEG in tiles.");
    *bytes += (size_t)held;
    return IIIF_OK;
}

/* Looks where the block lies before libtiff allocates for it, and counts what that will take. */
static iiif_rc check_block(iiif_tiff_reader_t *reader, const block_t *block, iiif_err_t *err)
{
    const iiif_tiff_format_t *format = reader->format;
    TIFF *tiff = block->io->tiff;
    uint32_t striles = format->tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
    size_t bytes = HANDLE_BYTES + iiif_tiff_format_codec_bytes(format) +
                   iiif_min_u32(striles, STRILE_TABLE_MAX) * 2 * sizeof(uint64_t);
    uint64_t offset, count, size = reader->src->size;
    int offset_error = 0, count_error = 0;
    iiif_rc rc;

    if (format->compression == COMPRESSION_OJPEG) /* has no reliable table; libtiff finds the data itself */
        return iiif_tiff_io_reserve(block->io, bytes, err);
    rc = iiif_tiff_io_reserve(block->io, bytes, err);
    if (rc != IIIF_OK)
        return rc;
    offset = TIFFGetStrileOffsetWithErr(tiff, block->index, &offset_error);
    count = TIFFGetStrileByteCountWithErr(tiff, block->index, &count_error);
    if (block->io->stopped.kind != IIIF_OK)
        return iiif_tiff_io_error(block->io, err);
    if (format->compression == COMPRESSION_NONE) {
        if (count < block->bytes)
            return report_lost(reader, block, err);
        count = block->bytes;
    }
    if (offset_error != 0 || count_error != 0 || count == 0 || offset >= size || count > size - offset)
        return report_lost(reader, block, err);
    bytes += raw_bytes(reader, count);
    if (format->compression == COMPRESSION_JPEG &&
        iiif_tiff_jpeg_is_held(reader->src, offset, count, format->planar ? 1 : format->samples)) {
        bytes += (size_t)count;
        rc = reserve_coefficients(reader, block, &bytes, err);
        if (rc != IIIF_OK)
            return rc;
    }
    return iiif_tiff_io_reserve(block->io, bytes, err);
}

static iiif_rc decode_once(iiif_tiff_reader_t *reader, const block_t *block, uint8_t *to, iiif_err_t *err)
{
    tmsize_t got;

    iiif_tiff_io_begin(block->io);
    if (reader->format->tiled)
        got = TIFFReadEncodedTile(block->io->tiff, block->index, to, (tmsize_t)block->bytes);
    else
        got = TIFFReadEncodedStrip(block->io->tiff, block->index, to, (tmsize_t)block->bytes);
    if (got < 0 || (size_t)got < block->bytes || !iiif_tiff_io_good(block->io))
        return iiif_tiff_io_error(block->io, err);
    return IIIF_OK;
}

static bool is_all(const uint8_t *bytes, size_t n, uint8_t value)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

/*
 * libtiff reports success for fax data that ends early and for WebP that is smaller than its tile, and leaves the rest
 * of the buffer alone. So the end is marked before; where the mark is still there, it is done again with the
 * opposite mark, which tells a true pixel from an untouched one.
 */
static iiif_rc decode_block(iiif_tiff_reader_t *reader, const block_t *block, uint8_t *to, iiif_err_t *err)
{
    static const uint8_t marks[2] = {0x5A, 0xA5};
    const iiif_tiff_format_t *format = reader->format;
    size_t marked = format->row_bytes < SENTINEL_BYTES ? format->row_bytes : SENTINEL_BYTES;
    uint8_t *end = to + block->bytes - marked;

    if (!is_fax(format) && format->compression != COMPRESSION_WEBP)
        return decode_once(reader, block, to, err);
    for (size_t i = 0; i < IIIF_COUNT(marks); i++) {
        iiif_rc rc;

        memset(end, marks[i], marked);
        rc = decode_once(reader, block, to, err);
        if (rc != IIIF_OK || !is_all(end, marked, marks[i]))
            return rc;
    }
    return report_lost(reader, block, err);
}

static iiif_rc load_block(iiif_tiff_reader_t *reader, uint32_t column, uint32_t row, iiif_err_t *err)
{
    iiif_rc rc = iiif_cancel_check(reader->work->cancel, err);

    if (rc != IIIF_OK || (reader->has_block && reader->block_column == column && reader->block_row == row))
        return rc;
    reader->has_block = false;
    for (unsigned p = 0; p < iiif_tiff_format_planes(reader->format); p++) {
        block_t block = block_of(reader, p, column, row);

        rc = check_block(reader, &block, err);
        if (rc == IIIF_OK)
            rc = decode_block(reader, &block, reader->planes[p], err);
        if (rc != IIIF_OK)
            return rc;
    }
    reader->has_block = true;
    reader->block_column = column;
    reader->block_row = row;
    return IIIF_OK;
}

/* --- rows of blocks ------------------------------------------------------------------------------------------ */

/* Rows y … y+rows-1 of the image, the part of the window that lies in one block, to where that part begins in `out`. */
static void convert_part(const iiif_tiff_reader_t *reader, uint32_t y, uint32_t rows, uint8_t *out, size_t stride)
{
    const iiif_tiff_format_t *format = reader->format;
    size_t pixel_bytes = iiif_layout_channels(format->layout) * (format->depth / 8u);
    uint32_t left = reader->block_column * format->block_width;
    uint32_t from = iiif_max_u32(left, reader->rect.x);
    uint64_t right = iiif_min_u64((uint64_t)left + format->block_width,
                                  (uint64_t)reader->rect.x + reader->rect.w);

    out += (from - reader->rect.x) * pixel_bytes;
    for (uint32_t i = 0; i < rows; i++)
        iiif_tiff_pixels_row(&reader->pixels, (const uint8_t *const *)reader->planes, from - left,
                             y + i - reader->block_row * format->block_height, (uint32_t)(right - from),
                             out + i * stride);
}

static iiif_rc fill_band(iiif_tiff_reader_t *reader, uint32_t y, uint32_t rows, iiif_err_t *err)
{
    const iiif_tiff_format_t *format = reader->format;
    uint32_t last = (reader->rect.x + reader->rect.w - 1) / format->block_width;

    reader->band_rows = 0;
    for (uint32_t column = reader->rect.x / format->block_width; column <= last; column++) {
        iiif_rc rc = load_block(reader, column, y / format->block_height, err);

        if (rc != IIIF_OK)
            return rc;
        convert_part(reader, y, rows, reader->band, reader->band_stride);
    }
    reader->band_y = y;
    reader->band_rows = rows;
    return IIIF_OK;
}

/* `rows` rows of the window from y on are in reach of the block row that holds y. */
static iiif_rc rows_of_blocks(iiif_tiff_reader_t *reader, uint32_t y, uint32_t rows, iiif_strip_t *strip,
                              iiif_err_t *err)
{
    const iiif_tiff_format_t *format = reader->format;
    size_t bytes = (size_t)reader->rect.w * iiif_layout_channels(format->layout) * (format->depth / 8u);
    iiif_rc rc;

    if (reader->band == NULL) {
        rc = load_block(reader, reader->rect.x / format->block_width, y / format->block_height, err);
        if (rc != IIIF_OK)
            return rc;
        rows = iiif_min_u32(rows, strip->capacity);
        convert_part(reader, y, rows, strip->data, strip->stride);
        strip->rows = rows;
        return IIIF_OK;
    }
    if (reader->band_rows == 0 || y < reader->band_y || y - reader->band_y >= reader->band_rows) {
        rc = fill_band(reader, y, iiif_min_u32(rows, reader->band_capacity), err);
        if (rc != IIIF_OK)
            return rc;
    }
    rows = iiif_min_u32(strip->capacity, reader->band_rows - (y - reader->band_y));
    for (uint32_t i = 0; i < rows; i++)
        memcpy(strip->data + i * strip->stride, reader->band + (y - reader->band_y + i) * reader->band_stride,
               bytes);
    strip->rows = rows;
    return IIIF_OK;
}

/* --- row by row ------------------------------------------------------------------------------------------------ */

static iiif_rc read_scanline(iiif_tiff_reader_t *reader, uint32_t y, iiif_err_t *err)
{
    const iiif_tiff_format_t *format = reader->format;

    for (unsigned p = 0; p < iiif_tiff_format_planes(format); p++) {
        iiif_tiff_io_t *io = &reader->io[p];

        if (y % format->block_height == 0) {
            block_t block = block_of(reader, p, 0, y / format->block_height);
            iiif_rc rc = check_block(reader, &block, err);

            if (rc != IIIF_OK)
                return rc;
        }
        iiif_tiff_io_begin(io);
        if (TIFFReadScanline(io->tiff, reader->planes[p], y, iiif_tiff_format_sample(format, p)) != 1 ||
            !iiif_tiff_io_good(io))
            return iiif_tiff_io_error(io, err);
    }
    return IIIF_OK;
}

/* Compressed rows have to be decoded from the start of their strip; libtiff begins anew when that is asked for. */
static iiif_rc scan_to(iiif_tiff_reader_t *reader, uint32_t y, iiif_err_t *err)
{
    uint32_t start = y - y % reader->format->block_height;
    uint32_t from = start;

    if (reader->scanning && reader->scan_next > start && reader->scan_next <= y)
        from = reader->scan_next;
    reader->scanning = false;
    for (uint32_t row = from; row <= y; row++) {
        iiif_rc rc = row % ROWS_BETWEEN_CHECKS == 0 ? iiif_cancel_check(reader->work->cancel, err) : IIIF_OK;

        if (rc == IIIF_OK)
            rc = read_scanline(reader, row, err);
        if (rc != IIIF_OK)
            return rc;
    }
    reader->scanning = true;
    reader->scan_next = y + 1;
    return IIIF_OK;
}

static iiif_rc rows_by_row(iiif_tiff_reader_t *reader, uint32_t y, uint32_t rows, iiif_strip_t *strip,
                           iiif_err_t *err)
{
    rows = iiif_min_u32(rows, strip->capacity);
    for (uint32_t i = 0; i < rows; i++) {
        iiif_rc rc = scan_to(reader, y + i, err);

        if (rc != IIIF_OK)
            return rc;
        iiif_tiff_pixels_row(&reader->pixels, (const uint8_t *const *)reader->planes, reader->rect.x, 0,
                             reader->rect.w, strip->data + i * strip->stride);
    }
    strip->rows = rows;
    return IIIF_OK;
}

iiif_rc iiif_tiff_reader_rows(iiif_tiff_reader_t *reader, iiif_strip_t *strip, iiif_err_t *err)
{
    uint32_t left = reader->rect.h - reader->next_row;
    uint32_t y = reader->rect.y + reader->next_row;
    iiif_rc rc;

    strip->rows = 0;
    if (left == 0)
        return IIIF_OK;
    if (reader->by_row) {
        rc = rows_by_row(reader, y, left, strip, err);
    } else {
        uint32_t in_block = reader->format->block_height - y % reader->format->block_height;

        rc = rows_of_blocks(reader, y, iiif_min_u32(left, in_block), strip, err);
    }
    if (rc == IIIF_OK)
        reader->next_row += strip->rows;
    return rc;
}
