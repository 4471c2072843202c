/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where each packet of a tile lies: from the lengths that its PLT segments tell, or from reading all packet headers once where it has none.
 * Of a precinct the headers are read when it is asked for. Everything is offsets in the source; nothing of OpenJPEG is used.
 */
#ifndef IIIF_J2K_INDEX_H
#define IIIF_J2K_INDEX_H

#include "j2k_coding.h"
#include "j2k_packet.h"
#include "j2k_tiles.h"

/** One resolution of one component of the tile. */
typedef struct iiif_j2k_indexed_resolution {
    iiif_j2k_resolution_t grid;
    uint8_t planes[IIIF_J2K_BANDS_MAX];  /**< magnitude bit-planes of each band */
    uint32_t first;                      /**< its precincts are first … first + across · down − 1 of the tile */
    uint32_t stride;                     /**< packets from one layer of a precinct to the next */
} iiif_j2k_indexed_resolution_t;

/** Packets [first, the next part's first) lie one behind the other from `offset` on. */
typedef struct iiif_j2k_indexed_part {
    uint64_t offset, end;                /**< of the tile-part's data */
    uint32_t first;
} iiif_j2k_indexed_part_t;

typedef struct iiif_j2k_tile_index {
    iiif_j2k_tile_coding_t coding;
    unsigned component_count;
    iiif_j2k_area_t areas[IIIF_J2K_INDEXED_COMPONENTS];     /**< the tile on each component's grid */
    unsigned resolutions[IIIF_J2K_INDEXED_COMPONENTS];      /**< counts: levels + 1 */
    iiif_j2k_indexed_resolution_t *grids[IIIF_J2K_INDEXED_COMPONENTS];
    uint32_t precinct_count, packet_count;
    uint32_t *packets;                   /**< of each precinct: number of its first layer's packet */
    iiif_j2k_precinct_t **precincts;     /**< those that were read */
    uint32_t *lengths;                   /**< of each packet, in the order of the codestream */
    uint64_t *bases;                     /**< offset of each 64th packet */
    iiif_j2k_indexed_part_t *parts;
    uint32_t part_count;
    uint64_t visits;                     /**< code-blocks that packet headers were read for */
    uint64_t bytes;                      /**< memory held */
} iiif_j2k_tile_index_t;

/**
 * Indexes one tile. IIIF_E_UNSUPPORTED: not for us (markers of §A that change the order of packets, anything irregular): take the
 * plain way. Else IIIF_E_IO, IIIF_E_NO_MEMORY, IIIF_E_TIMEOUT, IIIF_E_CANCELLED; IIIF_E_BAD_MASTER, IIIF_E_TOO_LARGE: the plain way must not be
 * taken either. Memory from work->mem; free with iiif_j2k_tile_index_free, also after an error.
 */
iiif_rc iiif_j2k_tile_index_read(iiif_src_t *src, const iiif_j2k_header_t *header, const iiif_j2k_tiles_t *tiles,
                                 uint32_t tile, const iiif_work_t *work, iiif_j2k_tile_index_t *index, iiif_err_t *err);
void iiif_j2k_tile_index_free(iiif_j2k_tile_index_t *index, iiif_mem_t *mem);

/** A precinct of the tile with all its layers read. It lives as long as the index. Errors as above. */
iiif_rc iiif_j2k_tile_index_precinct(iiif_src_t *src, iiif_j2k_tile_index_t *index, unsigned component, unsigned resolution,
                                     uint32_t precinct, const iiif_work_t *work, const iiif_j2k_precinct_t **out,
                                     iiif_err_t *err);

/** Where packet `number` lies: offset of its first byte. */
uint64_t iiif_j2k_packet_offset(const iiif_j2k_tile_index_t *index, uint32_t number);

#endif
