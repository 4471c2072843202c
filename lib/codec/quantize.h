/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From true colour to a palette: the palette is chosen by Wu's variance minimisation ("Efficient Statistical
 * Computations for Optimal Color Quantization", Graphics Gems II), pixels are mapped to it by Floyd–Steinberg
 * error diffusion. An image with few enough colours keeps them exactly. Results depend on the pixels only.
 */
#ifndef IIIF_QUANTIZE_H
#define IIIF_QUANTIZE_H

#include "../core/iiif_err.h"
#include "../core/iiif_mem.h"

#define IIIF_PALETTE_MAX 256u

typedef struct iiif_palette {
    unsigned count;                        /**< 1…256 */
    uint8_t rgb[IIIF_PALETTE_MAX][3];
    bool exact;                            /**< every colour that was added is in it */
} iiif_palette_t;

/** Counts colours. Opaque; one thread at a time. */
typedef struct iiif_quantizer iiif_quantizer_t;

/** Needs about 1.5 MiB of `mem`, which outlives it. */
iiif_rc iiif_quantizer_open(iiif_mem_t *mem, iiif_quantizer_t **out, iiif_err_t *err);

/**
 * Counts pixels of 3 (RGB) or 4 (RGBA) bytes; those with alpha below 128 are passed over and remembered as
 * transparency.
 */
void iiif_quantizer_add(iiif_quantizer_t *quantizer, const uint8_t *pixels, size_t count, unsigned channels);

/** Whether a pixel was transparent. */
bool iiif_quantizer_transparent(const iiif_quantizer_t *quantizer);

/**
 * The best palette of at most `most` (2…256) colours. May be called once: it consumes what was counted. Without any
 * opaque pixel the palette is black alone.
 */
void iiif_quantizer_palette(iiif_quantizer_t *quantizer, unsigned most, iiif_palette_t *out);

void iiif_quantizer_close(iiif_quantizer_t *quantizer);

/** Maps rows, top to bottom, to indices. Opaque; one thread at a time. */
typedef struct iiif_ditherer iiif_ditherer_t;

/** `palette` outlives it. Transparent pixels get `transparent` (ignored for 3 channels). */
iiif_rc iiif_ditherer_open(const iiif_palette_t *palette, uint32_t width, unsigned channels, uint8_t transparent,
                           iiif_mem_t *mem, iiif_ditherer_t **out, iiif_err_t *err);

/** One row of `width` pixels to `width` indices. */
void iiif_ditherer_row(iiif_ditherer_t *ditherer, const uint8_t *pixels, uint8_t *indices);

void iiif_ditherer_close(iiif_ditherer_t *ditherer);

#endif
