/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The headers of a composed codestream (see j2k_synth.h).
 */
#ifndef IIIF_J2K_SYNTH_HEADER_H
#define IIIF_J2K_SYNTH_HEADER_H

#include "j2k_index.h"

/**
 * The coding at a reduction, with the largest precincts that leave the code-blocks as they are. `grids` are the component's
 * resolutions, levels − reduce + 1 of which are looked at.
 */
iiif_j2k_coding_t iiif_j2k_synth_coding(const iiif_j2k_coding_t *coding, const iiif_j2k_indexed_resolution_t *grids,
                                        unsigned reduce);

/** Writes SOC … SOD. Returns where SOT is. */
size_t iiif_j2k_synth_begin(const iiif_j2k_header_t *header, const iiif_j2k_tile_index_t *index,
                            const iiif_j2k_coding_t *codings, iiif_j2k_area_t canvas, iiif_j2k_out_t *out);

/** Ends the tile-part whose SOT is at `start`, and the codestream. */
void iiif_j2k_synth_end(iiif_j2k_out_t *out, size_t start);

/** What reading the new main header would tell. */
void iiif_j2k_synth_describe(const iiif_j2k_header_t *header, const iiif_j2k_tile_index_t *index,
                             const iiif_j2k_coding_t *codings, iiif_j2k_area_t canvas, iiif_j2k_header_t *out);

#endif
