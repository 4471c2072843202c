/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_canonical.h"

#include <inttypes.h>
#include <stdio.h>

#include "iiif_geom.h"

#define TEXT_MAX 64

static void write_region(const iiif_facts_t *facts, const iiif_rect_t *region, char text[TEXT_MAX])
{
    if (region->w == facts->width && region->h == facts->height)
        (void)snprintf(text, TEXT_MAX, "full");
    else
        (void)snprintf(text, TEXT_MAX, "%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32, region->x, region->y,
                       region->w, region->h);
}

static bool is_max(const iiif_plan_t *plan, const iiif_limits_t *limits, bool enlarge)
{
    uint32_t width, height;

    iiif_plan_max_size(plan->region.w, plan->region.h, limits, enlarge, &width, &height);
    return width == plan->width && height == plan->height;
}

/* Image 3.0 §4.8: max, ^max, else w,h with a caret only where it enlarges. */
static void write_size_3(const iiif_limits_t *limits, const iiif_plan_t *plan, char text[TEXT_MAX])
{
    bool larger = plan->width > plan->region.w || plan->height > plan->region.h;

    if (is_max(plan, limits, false))
        (void)snprintf(text, TEXT_MAX, "max");
    else if (larger && is_max(plan, limits, true))
        (void)snprintf(text, TEXT_MAX, "^max");
    else
        (void)snprintf(text, TEXT_MAX, "%s%" PRIu32 ",%" PRIu32, larger ? "^" : "", plan->width, plan->height);
}

/* Image 2.1 §4.7: full, `w,` where that alone gives this size, else `w,h`. */
static void write_size_2(const iiif_limits_t *limits, const iiif_plan_t *plan, char text[TEXT_MAX])
{
    const iiif_size_t by_width = {.kind = IIIF_SIZE_WIDTH, .w = plan->width};
    uint32_t width = 0, height = 0;

    if (plan->width == plan->region.w && plan->height == plan->region.h)
        (void)snprintf(text, TEXT_MAX, "full");
    else if (iiif_geom_size(IIIF_VERSION_2, &by_width, plan->region.w, plan->region.h, limits, &width, &height,
                            NULL) == IIIF_OK && width == plan->width && height == plan->height)
        (void)snprintf(text, TEXT_MAX, "%" PRIu32 ",", plan->width);
    else
        (void)snprintf(text, TEXT_MAX, "%" PRIu32 ",%" PRIu32, plan->width, plan->height);
}

/* An integer where possible, else without trailing zeros and with a leading one (IMG-CAN-05). */
static void write_rotation(const iiif_rotation_t *rotation, char text[TEXT_MAX])
{
    const char *mirror = rotation->mirror ? "!" : "";
    uint64_t whole = rotation->degrees / IIIF_DECIMAL_ONE, fraction = rotation->degrees % IIIF_DECIMAL_ONE;
    int decimals = 10;

    if (fraction == 0) {
        (void)snprintf(text, TEXT_MAX, "%s%" PRIu64, mirror, whole);
        return;
    }
    while (fraction % 10 == 0) {
        fraction /= 10;
        decimals--;
    }
    (void)snprintf(text, TEXT_MAX, "%s%" PRIu64 ".%0*" PRIu64, mirror, whole, decimals, fraction);
}

/*
 * What gives the same as `default` is called so (IMG-CAN-06): color of a colour image, gray of a gray one, and on an
 * image without colour also `color`.
 */
static const char *quality_word(iiif_quality asked, const iiif_facts_t *facts)
{
    if (asked == IIIF_QUALITY_COLOR || (asked == IIIF_QUALITY_GRAY && facts->color_class != IIIF_CLASS_COLOR))
        asked = IIIF_QUALITY_DEFAULT;
    return iiif_quality_name(asked);
}

iiif_rc iiif_canonical_write(const iiif_req_t *req, const iiif_facts_t *facts, const iiif_limits_t *limits,
                             iiif_plan_t *plan, iiif_err_t *err)
{
    char region[TEXT_MAX], size[TEXT_MAX], rotation[TEXT_MAX];
    int length;

    write_region(facts, &plan->region, region);
    if (req->version == IIIF_VERSION_2)
        write_size_2(limits, plan, size);
    else
        write_size_3(limits, plan, size);
    write_rotation(&req->rotation, rotation);
    length = snprintf(plan->canonical, sizeof(plan->canonical), "%s/%s/%s/%s.%s", region, size, rotation,
                      quality_word(req->quality, facts), req->format);
    if (length < 0 || (size_t)length >= sizeof(plan->canonical))
        return iiif_err_set(err, IIIF_E_INTERNAL, 1063, "The canonical form of the request does not fit its buffer.");
    return IIIF_OK;
}
