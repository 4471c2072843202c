/* SPDX-License-Identifier: Apache-2.0 */
/** Stages that make each output row from the input row of the same number. */
#ifndef IIIF_ROWMAP_H
#define IIIF_ROWMAP_H

#include "iiif_raster.h"

typedef struct iiif_rowmap iiif_rowmap_t;

/** Makes output row `y`; `in` and `out` are never the same. Rows come in order, each once. */
typedef void (*iiif_rowmap_fn)(const iiif_rowmap_t *map, void *state, uint32_t y, const uint8_t *in, uint8_t *out);

struct iiif_rowmap {
    iiif_stage_t base;
    iiif_strip_t in;
    iiif_rowmap_fn row;
    void *state;
};

/**
 * A stage that delivers `image`, as wide and high as `up`. `state` (may be NULL) is from work->mem and becomes the
 * stage's. Takes over `up` and `state` on success only.
 */
iiif_rc iiif_rowmap_open(iiif_stage_t *up, const iiif_image_t *image, iiif_rowmap_fn row, void *state,
                         const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err);

#endif
