/* SPDX-License-Identifier: Apache-2.0 */
/** SHA-256 (FIPS 180-4) for validators and cache keys; libcrypto is optional, so it is here. */
#ifndef IIIF_HASH_H
#define IIIF_HASH_H

#include "iiif_slice.h"

#define IIIF_HASH_BYTES 32

typedef struct iiif_hash {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
} iiif_hash_t;

void iiif_hash_init(iiif_hash_t *hash);
void iiif_hash_add(iiif_hash_t *hash, const void *data, size_t length);
/** Adds a length and the bytes, so that "ab","c" differs from "a","bc". */
void iiif_hash_add_field(iiif_hash_t *hash, const void *data, size_t length);
void iiif_hash_end(iiif_hash_t *hash, uint8_t out[IIIF_HASH_BYTES]);
/** Lower-case hexadecimal of the first `bytes`; `out` takes 2*bytes+1 characters. */
void iiif_hash_hex(const uint8_t *digest, size_t bytes, char *out);

#endif
