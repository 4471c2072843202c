/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From a request, the facts of its image and the limits of its service to everything a render does: exact sizes, the
 * resolution level and window to decode, the turns, the cost; and the canonical form of the request.
 */
#ifndef IIIF_PLAN_H
#define IIIF_PLAN_H

#include "iiif_facts.h"
#include "iiif_resample.h"
#include "iiif_rotate.h"
#include "iiif_uri.h"

/** What a service allows. Zero means no limit. */
typedef struct iiif_limits {
    uint32_t max_width;
    uint32_t max_height;       /**< 0: as max_width (IMG3-JSON-03) */
    uint64_t max_area;
    bool     upscale;          /**< sizes above the region are allowed */
    double   upscale_factor;   /**< most enlargement of either side; 0 is none but the limits above */
    uint64_t max_source_area;
    size_t   memory;           /**< bytes for one render */
    uint8_t  qualities;        /**< bit (1 << iiif_quality) for each quality offered */
} iiif_limits_t;

#define IIIF_QUALITIES_ALL ((uint8_t)0x0F)

/** What the output format can hold; from the encoder's table. */
#define IIIF_CAP_ALPHA   0x01u
#define IIIF_CAP_16BIT   0x02u
#define IIIF_CAP_GRAY    0x04u
#define IIIF_CAP_BITONAL 0x08u
#define IIIF_CAP_ICC     0x10u

#define IIIF_CANONICAL_MAX 160

typedef struct iiif_plan {
    iiif_rect_t region;               /**< upright full-resolution pixels, after cropping; never empty */
    uint32_t width, height;           /**< scaled region, before rotation: what the limits bound */
    uint32_t out_width, out_height;   /**< of the delivered image */
    char canonical[IIIF_CANONICAL_MAX]; /**< region/size/rotation/quality.format (Image 3.0 §4.8, 2.1 §4.7) */

    unsigned level;                   /**< of facts->levels */
    iiif_rect_t window;               /**< stored pixels of that level to decode, filter margin included */
    iiif_window_t source;             /**< the region, relative to the window's origin; stored orientation */
    uint32_t scaled_width, scaled_height; /**< size to scale to; stored orientation */
    iiif_filter filter;

    iiif_turn_t turn;                 /**< orientation, mirror and whole quarter turns together */
    double degrees;                   /**< what remains: 0, or an angle that is no multiple of 90 */

    iiif_quality quality;             /**< DEFAULT is resolved: COLOR, GRAY or BITONAL that is delivered */
    iiif_layout layout;               /**< given to the encoder: GRAY, GRAYA, RGB or RGBA */
    unsigned depth;                   /**< given to the encoder: 8 or 16 */

    uint64_t memory;                  /**< bytes this render is expected to hold at most */
    double   cost;                    /**< expected work in baseline JPEG pixels (some 4 ns each); iiif_render_plan adds encoding */
} iiif_plan_t;

/**
 * Makes the plan. Order of checks as IMG3-SIZE-25: region, size against region, size against limits; each is
 * IIIF_E_BAD_REQUEST with a sentence naming the part, upscaling that is off IIIF_E_UNSUPPORTED (3.0) or
 * IIIF_E_BAD_REQUEST (2.1), a source beyond max_source_area or a memory need beyond limits->memory
 * IIIF_E_TOO_LARGE. `caps` are those of the request's format.
 */
iiif_rc iiif_plan_make(const iiif_req_t *req, const iiif_facts_t *facts, const iiif_limits_t *limits,
                       unsigned caps, iiif_plan_t *plan, iiif_err_t *err);

/** The geometry alone, for documents: the size that `max` gives for a region of w × h (IMG-LIM-02). */
void iiif_plan_max_size(uint32_t w, uint32_t h, const iiif_limits_t *limits, bool enlarge, uint32_t *width,
                        uint32_t *height);

#endif
