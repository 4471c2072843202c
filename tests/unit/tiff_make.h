/* SPDX-License-Identifier: Apache-2.0 */
/* TIFF files for tests, written by libtiff from a formula for each sample. */
#ifndef TIFF_MAKE_H
#define TIFF_MAKE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <unistd.h>

typedef struct bytes {
    uint8_t *data;
    size_t length;
} bytes_t;

/* One directory. Zero means the default. */
typedef struct spec {
    uint32_t w, h;
    uint16_t photometric, samples, bits, compression, planar, sample_format, predictor, orientation;
    uint16_t extra_count, extra[3];
    uint16_t chroma_x, chroma_y;
    uint16_t fill_order, ink_set;
    uint32_t tile_w, tile_h, rows;
    uint32_t subfile;
    uint32_t seed;
    double resolution;
    uint16_t unit;
    uint32_t group3;
    const uint8_t *icc;
    uint32_t icc_length;
    unsigned sub_ifds;       /* the next so many directories are SubIFDs of this one */
    uint16_t *palette[3];
    uint32_t (*sample)(const struct spec *spec, uint32_t x, uint32_t y, unsigned c);
} spec_t;

static inline uint32_t noise(uint32_t a)
{
    a = (a ^ 61) ^ (a >> 16);
    a *= 9;
    a ^= a >> 4;
    a *= 0x27d4eb2d;
    return a ^ (a >> 15);
}

/* Noise in all bits: what is at the wrong place is seen. */
static inline uint32_t sample_noise(const spec_t *spec, uint32_t x, uint32_t y, unsigned c)
{
    return noise(x * 131 + y * 7919 + c * 104729 + spec->seed) & ((1u << spec->bits) - 1);
}

/* Smooth, for codecs that lose something. */
static inline uint32_t sample_smooth(const spec_t *spec, uint32_t x, uint32_t y, unsigned c)
{
    uint32_t v = c == 0 ? x * 255 / spec->w : c == 1 ? y * 255 / spec->h : (x + y) * 255 / (spec->w + spec->h);

    return v & ((1u << spec->bits) - 1);
}

static inline uint32_t spec_sample(const spec_t *spec, uint32_t x, uint32_t y, unsigned c)
{
    return (spec->sample != NULL ? spec->sample : sample_noise)(spec, x, y, c);
}

static inline void put_bits(uint8_t *row, size_t bit, unsigned bits, uint32_t value)
{
    for (unsigned i = 0; i < bits; i++) {
        size_t at = bit + i;
        uint8_t mask = (uint8_t)(0x80 >> at % 8);

        if (value >> (bits - 1 - i) & 1)
            row[at / 8] |= mask;
        else
            row[at / 8] &= (uint8_t)~mask;
    }
}

/* 16 bits are written in host order: libtiff swaps. */
static inline void put_sample(uint8_t *row, size_t index, unsigned bits, uint32_t value)
{
    uint16_t v16 = (uint16_t)value;

    if (bits == 16)
        memcpy(row + index * 2, &v16, 2);
    else
        put_bits(row, index * bits, bits, value);
}

/* Columns x0…x0+w-1, rows y0…y0+h-1; beyond the image the edge is repeated. `plane` -1: all samples. */
static inline void fill_block(const spec_t *spec, uint8_t *out, size_t stride, uint32_t x0, uint32_t y0, uint32_t w,
                              uint32_t h, int plane)
{
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            uint32_t sx = x0 + x < spec->w ? x0 + x : spec->w - 1;
            uint32_t sy = y0 + y < spec->h ? y0 + y : spec->h - 1;

            if (plane >= 0) {
                put_sample(out + y * stride, x, spec->bits, spec_sample(spec, sx, sy, (unsigned)plane));
                continue;
            }
            for (unsigned c = 0; c < spec->samples; c++)
                put_sample(out + y * stride, (size_t)x * spec->samples + c, spec->bits,
                           spec_sample(spec, sx, sy, c));
        }
}

/* Units of TIFF 6.0 §21 from samples that are Y, Cb, Cr; chroma is that of the unit's first pixel. */
static inline void fill_clumps(const spec_t *spec, uint8_t *out, uint32_t x0, uint32_t y0, uint32_t w, uint32_t h)
{
    for (uint32_t y = 0; y < h; y += spec->chroma_y)
        for (uint32_t x = 0; x < w; x += spec->chroma_x) {
            for (uint32_t v = 0; v < spec->chroma_y; v++)
                for (uint32_t u = 0; u < spec->chroma_x; u++)
                    *out++ = (uint8_t)spec_sample(spec, x0 + x + u, y0 + y + v, 0);
            *out++ = (uint8_t)spec_sample(spec, x0 + x, y0 + y, 1);
            *out++ = (uint8_t)spec_sample(spec, x0 + x, y0 + y, 2);
        }
}

static inline void set_tags(TIFF *tiff, const spec_t *spec)
{
    uint16_t planar = spec->planar ? spec->planar : PLANARCONFIG_CONTIG;

    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, spec->w);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, spec->h);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, spec->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, spec->samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, spec->photometric);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, spec->compression ? spec->compression : COMPRESSION_NONE);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, planar);
    if (spec->subfile)
        TIFFSetField(tiff, TIFFTAG_SUBFILETYPE, spec->subfile);
    if (spec->sample_format)
        TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, spec->sample_format);
    if (spec->predictor)
        TIFFSetField(tiff, TIFFTAG_PREDICTOR, spec->predictor);
    if (spec->orientation)
        TIFFSetField(tiff, TIFFTAG_ORIENTATION, spec->orientation);
    if (spec->extra_count)
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, spec->extra_count, spec->extra);
    if (spec->fill_order)
        TIFFSetField(tiff, TIFFTAG_FILLORDER, spec->fill_order);
    if (spec->ink_set)
        TIFFSetField(tiff, TIFFTAG_INKSET, spec->ink_set);
    if (spec->group3)
        TIFFSetField(tiff, TIFFTAG_GROUP3OPTIONS, spec->group3);
    if (spec->resolution > 0) {
        TIFFSetField(tiff, TIFFTAG_XRESOLUTION, spec->resolution);
        TIFFSetField(tiff, TIFFTAG_YRESOLUTION, spec->resolution);
        TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, spec->unit);
    }
    if (spec->icc)
        TIFFSetField(tiff, TIFFTAG_ICCPROFILE, spec->icc_length, spec->icc);
    if (spec->palette[0])
        TIFFSetField(tiff, TIFFTAG_COLORMAP, spec->palette[0], spec->palette[1], spec->palette[2]);
    if (spec->chroma_x)
        TIFFSetField(tiff, TIFFTAG_YCBCRSUBSAMPLING, spec->chroma_x, spec->chroma_y);
    if (spec->compression == COMPRESSION_JPEG) {
        TIFFSetField(tiff, TIFFTAG_JPEGQUALITY, 95);
        if (spec->photometric == PHOTOMETRIC_YCBCR)
            TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    }
    if (spec->compression == COMPRESSION_WEBP)
        TIFFSetField(tiff, TIFFTAG_WEBP_LOSSLESS, 1);
    if (spec->tile_w) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, spec->tile_w);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, spec->tile_h);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, spec->rows ? spec->rows : spec->h);
    }
}

static inline void write_block(TIFF *tiff, const spec_t *spec, uint32_t x, uint32_t y, uint32_t w, uint32_t h, int plane)
{
    bool clumped = spec->photometric == PHOTOMETRIC_YCBCR && spec->compression != COMPRESSION_JPEG && plane < 0;
    tmsize_t n = spec->tile_w ? TIFFTileSize(tiff) : TIFFVStripSize(tiff, h);
    uint8_t *buffer = calloc(1, (size_t)n + 64);
    uint16_t sample = plane < 0 ? 0 : (uint16_t)plane;

    assert_non_null(buffer);
    if (clumped)
        fill_clumps(spec, buffer, x, y, w, h);
    else
        fill_block(spec, buffer, (size_t)n / h, x, y, w, h, plane);
    if (spec->tile_w)
        assert_true(TIFFWriteEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, sample), buffer, n) == n);
    else
        assert_true(TIFFWriteEncodedStrip(tiff, TIFFComputeStrip(tiff, y, sample), buffer, n) == n);
    free(buffer);
}

static inline void write_directory(TIFF *tiff, const spec_t *spec)
{
    uint32_t bw = spec->tile_w ? spec->tile_w : spec->w;
    uint32_t bh = spec->tile_w ? spec->tile_h : spec->rows ? spec->rows : spec->h;
    int planes = spec->planar == PLANARCONFIG_SEPARATE ? spec->samples : 1;
    uint64_t offsets[16] = {0};

    set_tags(tiff, spec);
    if (spec->sub_ifds)
        TIFFSetField(tiff, TIFFTAG_SUBIFD, (uint16_t)spec->sub_ifds, offsets);
    for (int p = 0; p < planes; p++)
        for (uint32_t y = 0; y < spec->h; y += bh)
            for (uint32_t x = 0; x < spec->w; x += bw) {
                uint32_t h = !spec->tile_w && y + bh > spec->h ? spec->h - y : bh;

                write_block(tiff, spec, x, y, bw, h, planes > 1 ? p : -1);
            }
    assert_int_equal(TIFFWriteDirectory(tiff), 1);
}

/* mode as TIFFOpen: "w", "w8", "wb", "w8b". */
static inline bytes_t make_tiff(const char *mode, const spec_t *specs, unsigned count)
{
    char path[] = "/tmp/tiff_make_XXXXXX";
    int fd = mkstemp(path);
    TIFF *tiff;
    bytes_t bytes = {NULL, 0};
    FILE *file;

    assert_true(fd >= 0);
    close(fd);
    TIFFSetWarningHandler(NULL);
    tiff = TIFFOpen(path, mode);
    assert_non_null(tiff);
    for (unsigned i = 0; i < count; i++)
        write_directory(tiff, &specs[i]);
    TIFFClose(tiff);
    file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    bytes.length = (size_t)ftell(file);
    rewind(file);
    bytes.data = malloc(bytes.length);
    assert_non_null(bytes.data);
    assert_int_equal(fread(bytes.data, 1, bytes.length, file), bytes.length);
    fclose(file);
    unlink(path);
    return bytes;
}

static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline unsigned get16(const uint8_t *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

/* The entry of a tag in the first directory of a little-endian classic file. */
static inline uint8_t *find_entry(uint8_t *data, unsigned tag)
{
    uint8_t *ifd = data + get32(data + 4);
    unsigned n = get16(ifd);

    for (unsigned i = 0; i < n; i++)
        if (get16(ifd + 2 + i * 12) == tag)
            return ifd + 2 + i * 12;
    return NULL;
}

/*
 * The same file (one directory, classic, little-endian) with the directory and its values in front of the pixels, so
 * that cutting the end cuts pixels.
 */
static inline bytes_t front_load(bytes_t old)
{
    static const uint8_t sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4};
    const uint8_t *ifd = old.data + get32(old.data + 4);
    unsigned n = get16(ifd);
    size_t room = 8 + 2 + n * 12 + 4, values = room;
    bytes_t out;

    for (unsigned i = 0; i < n; i++) {
        size_t bytes = sizes[get16(ifd + 2 + i * 12 + 2)] * (size_t)get32(ifd + 2 + i * 12 + 4);

        room += bytes > 4 ? (bytes + 1) & ~(size_t)1 : 0;
    }
    out.length = room + old.length;
    out.data = calloc(1, out.length);
    assert_non_null(out.data);
    memcpy(out.data, old.data, 4);
    put32(out.data + 4, 8);
    memcpy(out.data + 8, ifd, 2 + n * 12);
    memcpy(out.data + room, old.data, get32(old.data + 4)); /* pixels only: the directory was last */
    out.length = room + get32(old.data + 4);
    for (unsigned i = 0; i < n; i++) {
        uint8_t *entry = out.data + 10 + i * 12;
        size_t each = sizes[get16(entry + 2)];
        size_t count = get32(entry + 4), bytes = each * count;
        uint8_t *at = entry + 8;

        if (bytes > 4) {
            at = out.data + values;
            memcpy(at, old.data + get32(entry + 8), bytes);
            put32(entry + 8, (uint32_t)values);
            values += (bytes + 1) & ~(size_t)1;
        }
        if (get16(entry) == TIFFTAG_STRIPOFFSETS || get16(entry) == TIFFTAG_TILEOFFSETS) {
            for (size_t k = 0; k < count; k++) {
                uint32_t moved = (each == 2 ? get16(at + k * 2) : get32(at + k * 4)) + (uint32_t)room;

                if (each == 4) {
                    put32(at + k * 4, moved);
                } else {
                    assert_true(moved < 65536);
                    at[k * 2] = (uint8_t)moved;
                    at[k * 2 + 1] = (uint8_t)(moved >> 8);
                }
            }
        }
    }
    return out;
}

#endif
