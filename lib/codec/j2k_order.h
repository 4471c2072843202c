/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The order of packets in a tile (ISO/IEC 15444-1 B.12.1), without changes of the progression on the way.
 */
#ifndef IIIF_J2K_ORDER_H
#define IIIF_J2K_ORDER_H

#include "j2k_index.h"

/**
 * Numbers the packets: sets index->packets[] and each resolution's stride. order[i] is the i-th precinct of one layer; groups of
 * `stride` successive ones come layer by layer. `order` has room for all precincts.
 */
void iiif_j2k_order_packets(const iiif_j2k_header_t *header, iiif_j2k_area_t tile, iiif_j2k_tile_index_t *index,
                            uint32_t *order);

#endif
