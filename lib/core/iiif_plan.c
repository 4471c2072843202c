/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_plan.h"

#include <math.h>
#include <string.h>

#include "iiif_canonical.h"
#include "iiif_geom.h"
#include "iiif_plan_source.h"

#define QUARTER (90 * IIIF_DECIMAL_ONE)
/*
 * What a decoder that is asked for tiles holds at once at the least: larger windows are decoded in bands, of more rows
 * where the budget has room and of no more than this where it is short.
 */
#define BAND_PIXELS ((uint64_t)2 << 20)
#define BAND_ROWS 16
#define STRIP_BYTES ((double)(256 * 1024))
/* Each stage pulls into a strip of its own: colour, scaling, turning, tone, depth, encoder. */
#define STRIPS 6
/* Bicubic, by any angle: some 70 ns a pixel. */
#define ROTATION_COST 17

/* --- what is delivered ------------------------------------------------------------------------------ */

static iiif_rc check_quality(const iiif_req_t *req, const iiif_limits_t *limits, iiif_err_t *err)
{
    /* Every level of the specification requires `default` (IMG-QUAL-01). */
    if (req->quality == IIIF_QUALITY_DEFAULT || (limits->qualities & (1u << req->quality)) != 0)
        return IIIF_OK;
    return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1060, "The quality %s is not offered here.",
                        iiif_quality_name(req->quality));
}

/* `color` never fails: where there is no colour it gives what there is (IMG3-QUAL-04). */
static iiif_quality resolve_quality(iiif_quality asked, const iiif_facts_t *facts)
{
    if (asked == IIIF_QUALITY_BITONAL || asked == IIIF_QUALITY_GRAY)
        return asked;
    return facts->color_class == IIIF_CLASS_COLOR ? IIIF_QUALITY_COLOR : IIIF_QUALITY_GRAY;
}

/* Rows that are only cropped and turned by quarters are black and white still: one bit says it all. */
static bool stays_bitonal(const iiif_facts_t *facts, const iiif_plan_t *plan)
{
    return facts->color_class == IIIF_CLASS_BITONAL && facts->layout == IIIF_LAYOUT_GRAY && !facts->has_profile &&
           plan->degrees == 0 && iiif_plan_source_is_exact(plan);
}

static void set_output(const iiif_req_t *req, const iiif_facts_t *facts, unsigned caps, iiif_plan_t *plan)
{
    bool alpha;

    plan->quality = resolve_quality(req->quality, facts);
    if (stays_bitonal(facts, plan))
        plan->quality = IIIF_QUALITY_BITONAL;
    alpha = (caps & IIIF_CAP_ALPHA) != 0 && plan->quality != IIIF_QUALITY_BITONAL &&
            (iiif_layout_has_alpha((iiif_layout)facts->layout) || plan->degrees != 0);
    plan->layout = iiif_layout_with_alpha(
        plan->quality == IIIF_QUALITY_COLOR ? IIIF_LAYOUT_RGB : IIIF_LAYOUT_GRAY, alpha);
    plan->depth = facts->depth == 16 && (caps & IIIF_CAP_16BIT) != 0 && plan->quality != IIIF_QUALITY_BITONAL ? 16 : 8;
}

/* Orientation first, then the request's mirror, then its quarters; an angle between them is left to a rotation. */
static void set_turn(const iiif_req_t *req, const iiif_facts_t *facts, iiif_plan_t *plan)
{
    iiif_decimal_t degrees = req->rotation.degrees;
    iiif_turn_t mirror = {req->rotation.mirror, 0}, quarters = {false, 0};

    plan->degrees = 0;
    if (degrees % QUARTER == 0)
        quarters.quarters = (uint8_t)(degrees / QUARTER % 4);
    else
        plan->degrees = (double)degrees / (double)IIIF_DECIMAL_ONE;
    plan->turn = iiif_turn_then(iiif_turn_then(iiif_turn_of_orientation(facts->orientation), mirror), quarters);
    plan->out_width = iiif_turn_swaps(quarters) ? plan->height : plan->width;
    plan->out_height = iiif_turn_swaps(quarters) ? plan->width : plan->height;
    if (plan->degrees != 0)
        iiif_rotate_bounds(plan->width, plan->height, plan->degrees, &plan->out_width, &plan->out_height);
}

/* --- what it costs ------------------------------------------------------------------------------------ */

static double pixels(uint32_t w, uint32_t h)
{
    return (double)w * h;
}

/* Pixels that the decoder holds at once. */
static double held_pixels(const iiif_facts_t *facts, const iiif_plan_t *plan)
{
    const iiif_level_t *level = &facts->levels[plan->level];

    switch ((iiif_access)facts->access) {
    case IIIF_ACCESS_TILES:
        return fmin(pixels(plan->window.w, plan->window.h), (double)BAND_PIXELS);
    case IIIF_ACCESS_ROWS:
        return pixels(plan->window.w, BAND_ROWS);
    case IIIF_ACCESS_WHOLE:
        break;
    }
    return pixels(level->width, level->height);
}

/* Pixels that the decoder must go through. */
static double decoded_pixels(const iiif_facts_t *facts, const iiif_plan_t *plan)
{
    const iiif_level_t *level = &facts->levels[plan->level];

    switch ((iiif_access)facts->access) {
    case IIIF_ACCESS_TILES:
        return pixels(plan->window.w, plan->window.h);
    case IIIF_ACCESS_ROWS:
        return pixels(level->width, plan->window.y + plan->window.h);
    case IIIF_ACCESS_WHOLE:
        break;
    }
    return pixels(level->width, level->height);
}

static double resample_bytes(const iiif_facts_t *facts, const iiif_plan_t *plan)
{
    double reduction = (plan->source.y1 - plan->source.y0) / plan->scaled_height;

    if (iiif_plan_source_is_exact(plan))
        return 0;
    return (double)iiif_resample_bytes(plan->window.w, plan->scaled_width, reduction,
                                       iiif_layout_channels((iiif_layout)facts->layout), facts->depth, plan->filter);
}

static void set_cost(const iiif_facts_t *facts, iiif_plan_t *plan)
{
    double scaled = pixels(plan->width, plan->height), out = pixels(plan->out_width, plan->out_height);
    unsigned channels = iiif_layout_channels((iiif_layout)facts->layout);
    double sample_bytes = facts->depth / 8.0, pixel_bytes, row, bytes;

    if (iiif_layout_channels(plan->layout) > channels)
        channels = iiif_layout_channels(plan->layout);
    pixel_bytes = channels * sample_bytes;
    row = fmax(plan->window.w, plan->out_width) * pixel_bytes;
    bytes = (double)facts->fixed_bytes + (double)facts->bytes_per_pixel * held_pixels(facts, plan) +
            resample_bytes(facts, plan) + STRIPS * fmax(STRIP_BYTES, row);
    if (plan->turn.quarters != 0) /* a mirror alone goes row by row */
        bytes += scaled * pixel_bytes;
    if (plan->degrees != 0)
        bytes += scaled * pixel_bytes;
    plan->memory = bytes < 0x1p63 ? (uint64_t)bytes : (uint64_t)1 << 63;
    plan->cost = decoded_pixels(facts, plan) * (double)facts->cost_per_pixel + scaled;
    if (plan->degrees != 0)
        plan->cost += out * ROTATION_COST;
}

static iiif_rc check_budget(const iiif_facts_t *facts, const iiif_limits_t *limits, const iiif_plan_t *plan,
                            iiif_err_t *err)
{
    if (limits->max_source_area != 0 &&
        (uint64_t)facts->stored_width * facts->stored_height > limits->max_source_area)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 1061,
                            "This image has more pixels than this service is set up to open.");
    if (limits->memory != 0 && plan->memory > limits->memory)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 1062,
                            "This request needs about %llu MiB of memory, more than this service spends on one; ask "
                            "for a smaller size or region.",
                            (unsigned long long)(plan->memory >> 20) + 1);
    return IIIF_OK;
}

iiif_rc iiif_plan_make(const iiif_req_t *req, const iiif_facts_t *facts, const iiif_limits_t *limits,
                       unsigned caps, iiif_plan_t *plan, iiif_err_t *err)
{
    iiif_rc rc = check_quality(req, limits, err);

    memset(plan, 0, sizeof(*plan));
    plan->filter = IIIF_FILTER_LANCZOS3;
    if (rc == IIIF_OK)
        rc = iiif_geom_region(&req->region, facts->width, facts->height, &plan->region, err);
    if (rc == IIIF_OK)
        rc = iiif_geom_size(req->version, &req->size, plan->region.w, plan->region.h, limits, &plan->width,
                            &plan->height, err);
    if (rc != IIIF_OK)
        return rc;
    set_turn(req, facts, plan);
    iiif_plan_source(facts, plan);
    set_output(req, facts, caps, plan);
    set_cost(facts, plan);
    rc = iiif_canonical_write(req, facts, limits, plan, err);
    return rc == IIIF_OK ? check_budget(facts, limits, plan, err) : rc;
}
