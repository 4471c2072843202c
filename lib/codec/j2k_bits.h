/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The bit level of packet headers (ISO/IEC 15444-1 B.10): stuffed bits read from a source and written to memory, and tag trees both ways.
 */
#ifndef IIIF_J2K_BITS_H
#define IIIF_J2K_BITS_H

#include "iiif_src.h"

#define IIIF_J2K_WINDOW_BYTES 4096

/** A small buffer over a source for bytes that follow one another; needs no clean-up. */
typedef struct iiif_j2k_window {
    iiif_src_t *src;
    uint64_t from;          /**< offset of buffer[0] */
    uint32_t held;
    uint32_t step;          /**< bytes to read at once, ≤ IIIF_J2K_WINDOW_BYTES */
    bool failed;            /**< the source reported an I/O error, or ended */
    uint8_t buffer[IIIF_J2K_WINDOW_BYTES];
} iiif_j2k_window_t;

void iiif_j2k_window_init(iiif_j2k_window_t *window, iiif_src_t *src, uint32_t step);

/** The byte at `offset`; 0 where there is none (`failed`). */
uint8_t iiif_j2k_window_byte(iiif_j2k_window_t *window, uint64_t offset);

/* --- bits ------------------------------------------------------------------------------------------- */

/** Bits from [at, end): after a byte of FF the next has seven (B.10.1). */
typedef struct iiif_j2k_bits {
    iiif_j2k_window_t *window;
    uint64_t at, end;
    uint8_t byte;
    unsigned left;
    bool over;              /**< bits were asked for beyond the end; they are 0 */
} iiif_j2k_bits_t;

void iiif_j2k_bits_init(iiif_j2k_bits_t *bits, iiif_j2k_window_t *window, uint64_t at, uint64_t end);
unsigned iiif_j2k_bit(iiif_j2k_bits_t *bits);
uint32_t iiif_j2k_bits_read(iiif_j2k_bits_t *bits, unsigned n);
/** Steps over the rest of the last byte; `at` is behind it, and behind the byte that a last FF draws after it. */
void iiif_j2k_bits_align(iiif_j2k_bits_t *bits);

/** Bits into memory that grows; `failed` where it could not. */
typedef struct iiif_j2k_out {
    iiif_mem_t *mem;
    uint8_t *data;
    size_t length, capacity;
    bool failed;
    unsigned byte, room;    /**< the byte being filled and its free bits */
} iiif_j2k_out_t;

/** Makes room for n bytes and counts them; NULL where there is none. The bytes are not set. */
uint8_t *iiif_j2k_out_room(iiif_j2k_out_t *out, size_t n);
void iiif_j2k_out_begin(iiif_j2k_out_t *out);
void iiif_j2k_out_bits(iiif_j2k_out_t *out, unsigned n, uint32_t value);
void iiif_j2k_out_end(iiif_j2k_out_t *out);

/* --- tag trees (B.10.2) ------------------------------------------------------------------------------ */

#define IIIF_J2K_TREE_LEVELS 24
#define IIIF_J2K_TREE_UNKNOWN 0xFFFFu

typedef struct iiif_j2k_node {
    uint16_t value;         /**< IIIF_J2K_TREE_UNKNOWN until read */
    uint16_t low;           /**< the value is known not to be less */
} iiif_j2k_node_t;

typedef struct iiif_j2k_tree {
    uint32_t width, height;
    iiif_j2k_node_t *nodes; /**< leaves by rows, then each level above */
} iiif_j2k_tree_t;

/** Nodes of a tree over width × height leaves. */
size_t iiif_j2k_tree_nodes(uint32_t width, uint32_t height);
/** Starts a tree with all values unknown, for reading. */
void iiif_j2k_tree_start(iiif_j2k_tree_t *tree, uint32_t width, uint32_t height, iiif_j2k_node_t *nodes);
/** Reads as far as tells whether leaf (x, y) is < threshold, and says so; then its `value` is known. */
bool iiif_j2k_tree_read(iiif_j2k_tree_t *tree, iiif_j2k_bits_t *bits, uint32_t x, uint32_t y, unsigned threshold);
/** After the leaves have got their values: those of all levels above, for writing. */
void iiif_j2k_tree_raise(iiif_j2k_tree_t *tree);
/** Writes what tells whether leaf (x, y) is < threshold. */
void iiif_j2k_tree_write(iiif_j2k_tree_t *tree, iiif_j2k_out_t *out, uint32_t x, uint32_t y, unsigned threshold);

#endif
