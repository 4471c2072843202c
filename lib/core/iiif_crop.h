/* SPDX-License-Identifier: Apache-2.0 */
/** Cropping to whole pixels: bit for bit. */
#ifndef IIIF_CROP_H
#define IIIF_CROP_H

#include "iiif_raster.h"

/**
 * The part `rect` of what `up` delivers; inside it, not empty. The whole of it returns `up` itself. Rows below the part are
 * never asked for. Takes over `up` on success only.
 */
iiif_rc iiif_crop_open(iiif_stage_t *up, const iiif_rect_t *rect, const iiif_work_t *work, iiif_stage_t **out,
                       iiif_err_t *err);

#endif
