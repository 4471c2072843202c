/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts as bytes. One walk over the fields serves both directions, so that they cannot differ. Little-endian
 * whatever the machine: the cache may be shared between machines.
 */
#include "iiif_facts.h"

#include <string.h>

#define PACK_MAGIC 0xF1
#define PACK_VERSION 1 /* grows with every change of the walk below or of what a field means */

typedef struct packer {
    uint8_t *out;            /* NULL while reading */
    const uint8_t *in;
    size_t length;           /* capacity or bytes there are */
    size_t at;
    bool failed;
} packer_t;

static uint64_t pack_number(packer_t *packer, uint64_t value, size_t bytes)
{
    uint64_t read = 0;

    if (packer->failed || packer->length - packer->at < bytes) {
        packer->failed = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (packer->out != NULL)
            packer->out[packer->at + i] = (uint8_t)(value >> (8 * i));
        else
            read |= (uint64_t)packer->in[packer->at + i] << (8 * i);
    }
    packer->at += bytes;
    return packer->out != NULL ? value : read;
}

static void pack_u8(packer_t *packer, uint8_t *value)
{
    *value = (uint8_t)pack_number(packer, *value, 1);
}

static void pack_u32(packer_t *packer, uint32_t *value)
{
    *value = (uint32_t)pack_number(packer, *value, 4);
}

static void pack_u64(packer_t *packer, uint64_t *value)
{
    *value = pack_number(packer, *value, 8);
}

static void pack_bool(packer_t *packer, bool *value)
{
    uint64_t byte = pack_number(packer, *value ? 1 : 0, 1);

    if (byte > 1)
        packer->failed = true;
    *value = byte == 1;
}

static void pack_double(packer_t *packer, double *value)
{
    uint64_t bits;

    memcpy(&bits, value, sizeof(bits));
    bits = pack_number(packer, bits, 8);
    memcpy(value, &bits, sizeof(bits));
}

static void pack_float(packer_t *packer, float *value)
{
    uint32_t bits;

    memcpy(&bits, value, sizeof(bits));
    bits = (uint32_t)pack_number(packer, bits, 4);
    memcpy(value, &bits, sizeof(bits));
}

static void pack_text(packer_t *packer, char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (char)pack_number(packer, (uint8_t)text[i], 1);
    if (text[size - 1] != '\0')
        packer->failed = true;
}

static void pack_level(packer_t *packer, iiif_level_t *level)
{
    pack_u32(packer, &level->width);
    pack_u32(packer, &level->height);
    pack_u32(packer, &level->tile_width);
    pack_u32(packer, &level->tile_height);
    pack_u8(packer, &level->shift);
    pack_bool(packer, &level->is_power);
}

static void pack_facts(packer_t *packer, iiif_facts_t *facts)
{
    if (pack_number(packer, PACK_MAGIC, 1) != PACK_MAGIC || pack_number(packer, PACK_VERSION, 1) != PACK_VERSION)
        packer->failed = true;
    pack_u32(packer, &facts->width);
    pack_u32(packer, &facts->height);
    pack_u32(packer, &facts->stored_width);
    pack_u32(packer, &facts->stored_height);
    pack_u8(packer, &facts->orientation);
    pack_u8(packer, &facts->layout);
    pack_u8(packer, &facts->depth);
    pack_u8(packer, &facts->precision);
    pack_u8(packer, &facts->color_class);
    pack_u8(packer, &facts->access);
    pack_bool(packer, &facts->has_profile);
    pack_u32(packer, &facts->pages);
    pack_u32(packer, &facts->page);
    pack_double(packer, &facts->pixels_per_unit_x);
    pack_double(packer, &facts->pixels_per_unit_y);
    pack_u8(packer, &facts->unit);
    pack_u64(packer, &facts->fixed_bytes);
    pack_float(packer, &facts->bytes_per_pixel);
    pack_float(packer, &facts->cost_per_pixel);
    pack_text(packer, facts->decoder, sizeof(facts->decoder));
    pack_text(packer, facts->media_type, sizeof(facts->media_type));
    pack_u8(packer, &facts->level_count);
    if (facts->level_count < 1 || facts->level_count > IIIF_LEVELS_MAX)
        packer->failed = true;
    for (unsigned i = 0; !packer->failed && i < facts->level_count; i++)
        pack_level(packer, &facts->levels[i]);
}

size_t iiif_facts_write(const iiif_facts_t *facts, uint8_t *out, size_t capacity)
{
    packer_t packer = {out, NULL, capacity, 0, out == NULL};
    iiif_facts_t copy = *facts;

    if (!packer.failed)
        pack_facts(&packer, &copy);
    return packer.failed ? 0 : packer.at;
}

bool iiif_facts_read(iiif_facts_t *facts, const uint8_t *data, size_t length)
{
    packer_t packer = {NULL, data, length, 0, data == NULL};
    iiif_facts_t read;

    memset(&read, 0, sizeof(read));
    if (!packer.failed)
        pack_facts(&packer, &read);
    if (packer.failed || packer.at != length)
        return false;
    /* Whoever can write into a shared cache is no more trusted than a file is. */
    *facts = read;
    return iiif_facts_finish(&read, NULL) == IIIF_OK && facts->width == read.width &&
           facts->height == read.height && facts->orientation == read.orientation && facts->unit == read.unit;
}
