/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Colour management: from whatever a master is in to what a browser expects. With lcms2; without it only
 * formulas for CMYK and Lab.
 */
#ifndef IIIF_COLOR_H
#define IIIF_COLOR_H

#include "../core/iiif_raster.h"

typedef enum iiif_color_mode {
    IIIF_COLOR_SRGB,   /**< convert by the embedded profile, where there is one */
    IIIF_COLOR_KEEP    /**< gray and RGB stay as they are and carry their profile; CMYK and Lab are converted */
} iiif_color_mode;

/** Whether this build can convert by profile. */
bool iiif_color_available(void);

/**
 * Delivers GRAY or RGB (alpha kept). `icc` may be NULL. A profile that is broken or does not fit the layout is passed
 * over: pixels are taken as sRGB (CMYK, Lab: by formula), and *profile_ignored (may be NULL) is set.
 * A profile that is sRGB already costs nothing: `up` itself is returned. *embed (may be NULL) tells whether the
 * output has to carry the profile (KEEP). Takes over `up` on success only; `icc` outlives the stage.
 * Transforms are made for each render with lcms2's context API: no global state.
 */
iiif_rc iiif_color_open(iiif_stage_t *up, const uint8_t *icc, size_t icc_length, iiif_color_mode mode,
                        const iiif_work_t *work, iiif_stage_t **out, bool *profile_ignored, bool *embed,
                        iiif_err_t *err);

/** A compact ICC v4 sRGB profile for encoders that have no shorter way to say sRGB; static memory. */
const uint8_t *iiif_color_srgb_profile(size_t *length);

#endif
