/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_bits.h"

#include <string.h>

void iiif_j2k_window_init(iiif_j2k_window_t *window, iiif_src_t *src, uint32_t step)
{
    window->src = src;
    window->from = 0;
    window->held = 0;
    window->step = step;
    window->failed = false;
}

uint8_t iiif_j2k_window_byte(iiif_j2k_window_t *window, uint64_t offset)
{
    if (offset < window->from || offset - window->from >= window->held) {
        int64_t got = iiif_src_read(window->src, offset, window->buffer, window->step);

        window->from = offset;
        window->held = got > 0 ? (uint32_t)got : 0;
        if (got <= 0) {
            window->failed = true;
            return 0;
        }
    }
    return window->buffer[offset - window->from];
}

/* --- reading bits ------------------------------------------------------------------------------------ */

void iiif_j2k_bits_init(iiif_j2k_bits_t *bits, iiif_j2k_window_t *window, uint64_t at, uint64_t end)
{
    bits->window = window;
    bits->at = at;
    bits->end = end;
    bits->byte = 0;
    bits->left = 0;
    bits->over = false;
}

static void next_byte(iiif_j2k_bits_t *bits)
{
    bits->left = bits->byte == 0xFF ? 7 : 8;
    bits->byte = 0;
    if (bits->at >= bits->end) {
        bits->over = true;
        return;
    }
    bits->byte = iiif_j2k_window_byte(bits->window, bits->at++);
}

unsigned iiif_j2k_bit(iiif_j2k_bits_t *bits)
{
    if (bits->left == 0)
        next_byte(bits);
    bits->left--;
    return (unsigned)bits->byte >> bits->left & 1u;
}

uint32_t iiif_j2k_bits_read(iiif_j2k_bits_t *bits, unsigned n)
{
    uint32_t value = 0;

    while (n-- > 0)
        value = value << 1 | iiif_j2k_bit(bits);
    return value;
}

void iiif_j2k_bits_align(iiif_j2k_bits_t *bits)
{
    if (bits->byte == 0xFF)
        next_byte(bits);
    bits->left = 0;
}

/* --- writing bits ------------------------------------------------------------------------------------- */

uint8_t *iiif_j2k_out_room(iiif_j2k_out_t *out, size_t n)
{
    uint8_t *at;

    if (out->failed || n > SIZE_MAX / 4 - out->length) {
        out->failed = true;
        return NULL;
    }
    if (out->length + n > out->capacity) {
        size_t capacity = 2 * (out->length + n) + 1024;
        uint8_t *data = iiif_mem_realloc(out->mem, out->data, capacity);

        if (data == NULL) {
            out->failed = true;
            return NULL;
        }
        out->data = data;
        out->capacity = capacity;
    }
    at = out->data + out->length;
    out->length += n;
    return at;
}

void iiif_j2k_out_begin(iiif_j2k_out_t *out)
{
    out->byte = 0;
    out->room = 8;
}

static void put_byte(iiif_j2k_out_t *out)
{
    uint8_t *p = iiif_j2k_out_room(out, 1);

    if (p != NULL)
        *p = (uint8_t)out->byte;
    out->room = out->byte == 0xFF ? 7 : 8;
    out->byte = 0;
}

void iiif_j2k_out_bits(iiif_j2k_out_t *out, unsigned n, uint32_t value)
{
    while (n-- > 0) {
        out->byte |= (value >> n & 1u) << --out->room;
        if (out->room == 0)
            put_byte(out);
    }
}

void iiif_j2k_out_end(iiif_j2k_out_t *out)
{
    /* A header does not end with FF: seven free bits behind one make a byte of their own (B.10.1). */
    if (out->room < 8)
        put_byte(out);
}

/* --- tag trees ----------------------------------------------------------------------------------------- */

static uint32_t half(uint32_t v)
{
    return v / 2 + v % 2;
}

size_t iiif_j2k_tree_nodes(uint32_t width, uint32_t height)
{
    size_t count = (size_t)width * height;

    if (count == 0)
        return 0;
    while (width > 1 || height > 1) {
        width = half(width);
        height = half(height);
        count += (size_t)width * height;
    }
    return count;
}

void iiif_j2k_tree_start(iiif_j2k_tree_t *tree, uint32_t width, uint32_t height, iiif_j2k_node_t *nodes)
{
    size_t count = iiif_j2k_tree_nodes(width, height);

    tree->width = width;
    tree->height = height;
    tree->nodes = nodes;
    for (size_t i = 0; i < count; i++)
        nodes[i] = (iiif_j2k_node_t){IIIF_J2K_TREE_UNKNOWN, 0};
}

/* The nodes above leaf (x, y), itself first. */
static unsigned climb(const iiif_j2k_tree_t *tree, uint32_t x, uint32_t y, iiif_j2k_node_t **path)
{
    uint32_t width = tree->width, height = tree->height;
    iiif_j2k_node_t *nodes = tree->nodes;
    unsigned n = 0;

    for (;;) {
        path[n++] = &nodes[(size_t)y * width + x];
        if ((width == 1 && height == 1) || n == IIIF_J2K_TREE_LEVELS)
            return n;
        nodes += (size_t)width * height;
        width = half(width);
        height = half(height);
        x /= 2;
        y /= 2;
    }
}

bool iiif_j2k_tree_read(iiif_j2k_tree_t *tree, iiif_j2k_bits_t *bits, uint32_t x, uint32_t y, unsigned threshold)
{
    iiif_j2k_node_t *path[IIIF_J2K_TREE_LEVELS];
    unsigned n = climb(tree, x, y, path), low = 0;

    while (n-- > 0) {
        iiif_j2k_node_t *node = path[n];

        if (low < node->low)
            low = node->low;
        while (low < threshold && low < node->value) {
            if (iiif_j2k_bit(bits))
                node->value = (uint16_t)low;
            else
                low++;
        }
        node->low = (uint16_t)low;
    }
    return path[0]->value < threshold;
}

void iiif_j2k_tree_raise(iiif_j2k_tree_t *tree)
{
    uint32_t width = tree->width, height = tree->height;
    iiif_j2k_node_t *nodes = tree->nodes;

    while (width > 1 || height > 1) {
        iiif_j2k_node_t *above = nodes + (size_t)width * height;
        uint32_t w = half(width);

        for (uint32_t y = 0; y < height; y++) {
            for (uint32_t x = 0; x < width; x++) {
                iiif_j2k_node_t *node = &above[(size_t)(y / 2) * w + x / 2];
                uint16_t value = nodes[(size_t)y * width + x].value;

                if (value < node->value)
                    node->value = value;
            }
        }
        nodes = above;
        width = w;
        height = half(height);
    }
}

/* A node's `value` is marked as told by a `low` above it. */
void iiif_j2k_tree_write(iiif_j2k_tree_t *tree, iiif_j2k_out_t *out, uint32_t x, uint32_t y, unsigned threshold)
{
    iiif_j2k_node_t *path[IIIF_J2K_TREE_LEVELS];
    unsigned n = climb(tree, x, y, path), low = 0;

    while (n-- > 0) {
        iiif_j2k_node_t *node = path[n];
        bool is_told = node->low > node->value;

        if (low < node->low)
            low = is_told ? node->value : node->low;
        while (!is_told && low < threshold) {
            is_told = low >= node->value;
            iiif_j2k_out_bits(out, 1, is_told ? 1 : 0);
            if (!is_told)
                low++;
        }
        node->low = (uint16_t)(is_told ? node->value + 1u : low);
    }
}
