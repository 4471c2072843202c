/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How one tile is coded, after everything that may say so has: main COD, COC, QCD, QCC, RGN and those of its tile-part header, in their order
 * of precedence (ISO/IEC 15444-1 A.6).
 */
#ifndef IIIF_J2K_CODING_H
#define IIIF_J2K_CODING_H

#include "j2k_header.h"

#define IIIF_J2K_INDEXED_COMPONENTS 4        /**< masters of more components are not indexed */
#define IIIF_J2K_INDEXED_LEVELS 16           /**< nor those of more decompositions */
#define IIIF_J2K_STEPS_MAX (3 * IIIF_J2K_INDEXED_LEVELS + 1)

/** Quantisation (Table A.27). */
typedef struct iiif_j2k_quant {
    uint8_t style;                           /**< 0 none, 1 derived, 2 expounded */
    uint8_t guard;                           /**< guard bits */
    uint8_t count;                           /**< steps that are there */
    uint16_t steps[IIIF_J2K_STEPS_MAX];      /**< exponent × 2^11 + mantissa */
} iiif_j2k_quant_t;

typedef struct iiif_j2k_coded_component {
    iiif_j2k_coding_t coding;
    iiif_j2k_quant_t quant;
    uint8_t shift;                           /**< of a region of interest */
} iiif_j2k_coded_component_t;

typedef struct iiif_j2k_tile_coding {
    uint16_t layers;
    uint8_t progression;
    bool has_transform;
    bool has_sop, has_eph;
    iiif_j2k_coded_component_t components[IIIF_J2K_INDEXED_COMPONENTS];
    /* Who has spoken: what stands higher is not overruled. Per component: 0 nobody, 1 COD/QCD, 2 COC/QCC. */
    uint8_t coding_by[IIIF_J2K_INDEXED_COMPONENTS], quant_by[IIIF_J2K_INDEXED_COMPONENTS];
} iiif_j2k_tile_coding_t;

/** From the main header's kept segments. IIIF_E_UNSUPPORTED (see iiif_j2k_irregular) where it holds what is not indexed. */
iiif_rc iiif_j2k_coding_main(const iiif_j2k_header_t *header, iiif_j2k_tile_coding_t *coding, iiif_err_t *err);

/** Starts the header of a tile: what it says will overrule what was said so far. */
void iiif_j2k_coding_enter_tile(iiif_j2k_tile_coding_t *coding);

/** One marker segment; p[0…n) is its payload behind the length. Unknown ones that change the decoding are irregular. */
iiif_rc iiif_j2k_coding_segment(unsigned component_count, unsigned marker, const uint8_t *p, size_t n,
                                iiif_j2k_tile_coding_t *coding, iiif_err_t *err);

/** At the end: whether everything that was said fits together. */
iiif_rc iiif_j2k_coding_check(unsigned component_count, const iiif_j2k_tile_coding_t *coding, iiif_err_t *err);

/** The step of a band by its number (see iiif_j2k_band_t), derived ones expanded. */
uint16_t iiif_j2k_step(const iiif_j2k_quant_t *quant, unsigned band);

/** Magnitude bit-planes of a band, up-shift included (E-2, H-1). */
unsigned iiif_j2k_planes_of(const iiif_j2k_coded_component_t *component, unsigned band);

#endif
