/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The main header of a JPEG 2000 codestream (ISO/IEC 15444-1 Annex A, 15444-15 Annex A): read and checked before the library
 * sees a byte of it, because the library allocates what a header claims.
 */
#ifndef IIIF_J2K_HEADER_H
#define IIIF_J2K_HEADER_H

#include "../core/iiif_cancel.h"
#include "iiif_src.h"
#include "jp2_peek.h"

#define IIIF_J2K_COMPONENTS_MAX 16
#define IIIF_J2K_LEVELS_MAX 32
#define IIIF_J2K_TILES_MAX 65535u

/* Markers that more than one file looks for (Table A.2). */
#define IIIF_J2K_SOC 0xFF4Fu
#define IIIF_J2K_CAP 0xFF50u
#define IIIF_J2K_SIZ 0xFF51u
#define IIIF_J2K_COD 0xFF52u
#define IIIF_J2K_COC 0xFF53u
#define IIIF_J2K_TLM 0xFF55u
#define IIIF_J2K_PLM 0xFF57u
#define IIIF_J2K_QCD 0xFF5Cu
#define IIIF_J2K_PPM 0xFF60u
#define IIIF_J2K_SOT 0xFF90u
#define IIIF_J2K_SOD 0xFF93u
#define IIIF_J2K_EOC 0xFFD9u

#define IIIF_J2K_STYLE_HT 0x40u      /**< code-block style bit 6: high throughput */

/** How one component is coded (Table A.15). Plain bytes, so that two can be compared by memcmp. */
typedef struct iiif_j2k_coding {
    uint8_t levels;                  /**< decompositions, 0–32 */
    uint8_t block_width, block_height; /**< log2, 2–10, together ≤ 12 */
    uint8_t style;
    uint8_t transform;               /**< 0 9/7, 1 5/3 */
    uint8_t precinct_width[IIIF_J2K_LEVELS_MAX + 1], precinct_height[IIIF_J2K_LEVELS_MAX + 1]; /**< log2 */
} iiif_j2k_coding_t;

typedef struct iiif_j2k_component {
    uint8_t bits;                    /**< 1–16 */
    bool is_signed;
    uint8_t dx, dy;                  /**< distance of its samples on the reference grid */
    bool has_own;                    /**< a COC of the main header set its coding */
    iiif_j2k_coding_t coding;
} iiif_j2k_component_t;

typedef struct iiif_j2k_header {
    uint64_t offset, length;         /**< of the codestream in the source */
    uint64_t tiles_offset;           /**< of the first tile-part */
    uint32_t x0, y0, x1, y1;         /**< image area on the reference grid; all < 2^31 */
    uint32_t tile_x0, tile_y0, tile_width, tile_height;
    uint32_t tiles_across, tiles_down;
    unsigned component_count;
    iiif_j2k_component_t components[IIIF_J2K_COMPONENTS_MAX];
    uint32_t step_x, step_y;         /**< smallest dx, dy: the distance of the image's pixels */
    uint16_t layers;
    uint8_t progression;
    bool has_transform;              /**< the first three components are coded together */
    bool is_ht;
    bool is_packed;                  /**< packet headers lie in the main header (PPM) */
    uint8_t *bytes;                  /**< SOC, SIZ and what else decoding needs of the header; not where is_packed */
    uint32_t byte_count;
} iiif_j2k_header_t;

/**
 * Reads up to the first tile-part and applies every check that the header alone allows: consistency, limits, and that the
 * codestream is long enough for the tiles and packets it claims. `bytes` is from work->mem: free with iiif_j2k_header_free,
 * also after an error. IIIF_E_BAD_MASTER, IIIF_E_UNSUPPORTED, IIIF_E_TOO_LARGE (> max_area pixels, or beyond
 * IIIF_J2K_STRUCTURE_MAX), IIIF_E_IO, IIIF_E_NO_MEMORY.
 */
iiif_rc iiif_j2k_header_read(iiif_src_t *src, uint64_t offset, uint64_t length, uint64_t max_area,
                             const iiif_work_t *work, iiif_j2k_header_t *header, iiif_err_t *err);
void iiif_j2k_header_free(iiif_j2k_header_t *header, iiif_mem_t *mem);

/** What a COD segment says (Table A.12). */
typedef struct iiif_j2k_cod {
    uint16_t layers;
    uint8_t progression;
    bool has_transform;
    iiif_j2k_coding_t coding;
} iiif_j2k_cod_t;

/** Reads and checks the payload of a COD or COC segment, of a main or a tile-part header. */
iiif_rc iiif_j2k_read_cod(const uint8_t *payload, size_t length, iiif_j2k_cod_t *cod, iiif_err_t *err);
iiif_rc iiif_j2k_read_coc(const uint8_t *payload, size_t length, unsigned component_count, unsigned *component,
                          iiif_j2k_coding_t *coding, iiif_err_t *err);

/** Longest COD or COC payload that means anything: a longer one is refused. */
#define IIIF_J2K_CODING_BYTES 64

/** Whether a marker stands alone, without a length (A.1.3: 0xFF30–0xFF3F; SOC, SOD, EOC, EPH). */
bool iiif_j2k_stands_alone(unsigned marker);

#endif
