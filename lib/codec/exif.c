/* SPDX-License-Identifier: Apache-2.0 */
#include "exif.h"

#include <string.h>

/* TIFF 6.0 §2 (header, directory, types) and §8 (tags). */
#define TAG_ORIENTATION 0x0112
#define TAG_X_RESOLUTION 0x011A
#define TAG_Y_RESOLUTION 0x011B
#define TAG_RESOLUTION_UNIT 0x0128
#define TYPE_BYTE 1
#define TYPE_SHORT 3
#define TYPE_LONG 4
#define TYPE_RATIONAL 5
#define ENTRY_BYTES 12u

typedef struct block {
    const uint8_t *data;
    size_t length;
    bool big_endian;
} block_t;

static bool read16(const block_t *block, size_t offset, uint32_t *out)
{
    const uint8_t *p;

    if (block->length < 2 || offset > block->length - 2)
        return false;
    p = block->data + offset;
    *out = block->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
    return true;
}

static bool read32(const block_t *block, size_t offset, uint32_t *out)
{
    uint32_t first, second;

    if (block->length < 4 || offset > block->length - 4 || !read16(block, offset, &first) ||
        !read16(block, offset + 2, &second))
        return false;
    *out = block->big_endian ? first << 16 | second : second << 16 | first;
    return true;
}

/* The one unsigned number of an entry; writers differ in the type they give it. */
static bool entry_number(const block_t *block, size_t entry, uint32_t *out)
{
    uint32_t type;

    if (!read16(block, entry + 2, &type))
        return false;
    if (type == TYPE_SHORT)
        return read16(block, entry + 8, out);
    if (type == TYPE_LONG)
        return read32(block, entry + 8, out);
    if (type != TYPE_BYTE || entry + 8 >= block->length)
        return false;
    *out = block->data[entry + 8];
    return true;
}

static bool entry_rational(const block_t *block, size_t entry, double *out)
{
    uint32_t type, offset, numerator, denominator;

    if (!read16(block, entry + 2, &type) || type != TYPE_RATIONAL || !read32(block, entry + 8, &offset) ||
        !read32(block, offset, &numerator) || !read32(block, (size_t)offset + 4, &denominator) || denominator == 0)
        return false;
    *out = (double)numerator / denominator;
    return true;
}

static void read_entry(const block_t *block, size_t entry, uint32_t tag, iiif_exif_t *out)
{
    uint32_t number;

    switch (tag) {
    case TAG_ORIENTATION:
        if (entry_number(block, entry, &number) && number >= 1 && number <= 8)
            out->orientation = (uint8_t)number;
        break;
    case TAG_X_RESOLUTION:
        (void)entry_rational(block, entry, &out->x_resolution);
        break;
    case TAG_Y_RESOLUTION:
        (void)entry_rational(block, entry, &out->y_resolution);
        break;
    case TAG_RESOLUTION_UNIT:
        if (entry_number(block, entry, &number))
            out->unit = number == 3 ? IIIF_UNIT_CM : number == 2 ? IIIF_UNIT_INCH : IIIF_UNIT_NONE;
        break;
    default:
        break;
    }
}

static bool read_header(block_t *block, uint32_t *directory)
{
    uint32_t magic;

    if (block->length >= 6 && memcmp(block->data, "Exif\0\0", 6) == 0) {
        block->data += 6;
        block->length -= 6;
    }
    if (block->length < 8)
        return false;
    block->big_endian = block->data[0] == 'M';
    if (memcmp(block->data, "MM", 2) != 0 && memcmp(block->data, "II", 2) != 0)
        return false;
    return read16(block, 2, &magic) && magic == 42 && read32(block, 4, directory);
}

bool iiif_exif_read(const uint8_t *data, size_t length, iiif_exif_t *out)
{
    block_t block = {.data = data, .length = length};
    uint32_t directory, count;

    memset(out, 0, sizeof(*out));
    out->orientation = 1;
    if (data == NULL || !read_header(&block, &directory))
        return false;
    out->unit = IIIF_UNIT_INCH; /* the default of ResolutionUnit */
    if (!read16(&block, directory, &count))
        count = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t entry = (size_t)directory + 2 + (size_t)i * ENTRY_BYTES;
        uint32_t tag;

        if (!read16(&block, entry, &tag))
            break;
        read_entry(&block, entry, tag, out);
    }
    if (!(out->x_resolution > 0 && out->y_resolution > 0) || out->unit == IIIF_UNIT_NONE) {
        out->x_resolution = out->y_resolution = 0;
        out->unit = IIIF_UNIT_NONE;
    }
    return true;
}
