/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Region and size. Integers only: products are at most 64 × 64 bits and are held in 128, so that no rounding depends
 * on the machine, the compiler or the locale.
 */
#include "iiif_geom.h"

#include <math.h>

typedef unsigned __int128 wide_t;

#define HUNDRED_PERCENT (100 * IIIF_DECIMAL_ONE)
#define UPSCALE_AREA ((uint64_t)64 << 20)
/* Larger than any image format holds, small enough that sums of two stay within 32 bits. */
#define SIDE_MAX 0x7FFFFFFFu

/* a·b/c, rounded half up. */
static uint64_t scale_round(uint64_t a, uint64_t b, uint64_t c)
{
    wide_t result = ((wide_t)a * b * 2 + c) / ((wide_t)c * 2);

    return result > UINT64_MAX ? UINT64_MAX : (uint64_t)result;
}

/* --- region -------------------------------------------------------------------------------------- */

static iiif_rc region_outside(iiif_err_t *err)
{
    return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1040, "The region lies outside the image.");
}

static void square(uint32_t width, uint32_t height, iiif_rect_t *out)
{
    uint32_t side = iiif_min_u32(width, height);

    out->x = (width - side) / 2;
    out->y = (height - side) / 2;
    out->w = out->h = side;
}

/* Crops at the right and lower edges (IMG-REG-05); x, y, w, h are pixels. */
static iiif_rc crop(uint64_t x, uint64_t y, uint64_t w, uint64_t h, uint32_t width, uint32_t height,
                    iiif_rect_t *out, iiif_err_t *err)
{
    if (w == 0 || h == 0)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1041, "The region is empty: its width or height is 0.");
    if (x >= width || y >= height)
        return region_outside(err);
    out->x = (uint32_t)x;
    out->y = (uint32_t)y;
    out->w = (uint32_t)iiif_min_u64(w, width - x);
    out->h = (uint32_t)iiif_min_u64(h, height - y);
    return IIIF_OK;
}

/* Each number rounded half up by itself, clamped afterwards (IMG-REG-08). */
static iiif_rc crop_percent(const iiif_region_t *region, uint32_t width, uint32_t height, iiif_rect_t *out,
                            iiif_err_t *err)
{
    uint64_t x = scale_round(region->x, width, HUNDRED_PERCENT);
    uint64_t y = scale_round(region->y, height, HUNDRED_PERCENT);
    uint64_t w = scale_round(region->w, width, HUNDRED_PERCENT);
    uint64_t h = scale_round(region->h, height, HUNDRED_PERCENT);

    if (region->x >= HUNDRED_PERCENT || region->y >= HUNDRED_PERCENT)
        return region_outside(err);
    if (region->w != 0 && region->h != 0 && (w == 0 || h == 0 || x >= width || y >= height))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1042, "The region is less than one pixel of this image.");
    return crop(x, y, w, h, width, height, out, err);
}

iiif_rc iiif_geom_region(const iiif_region_t *region, uint32_t width, uint32_t height, iiif_rect_t *out,
                         iiif_err_t *err)
{
    switch (region->kind) {
    case IIIF_REGION_PIXELS:
        return crop(region->x, region->y, region->w, region->h, width, height, out, err);
    case IIIF_REGION_PERCENT:
        return crop_percent(region, width, height, out, err);
    case IIIF_REGION_SQUARE:
        square(width, height, out);
        return IIIF_OK;
    case IIIF_REGION_FULL:
        break;
    }
    out->x = out->y = 0;
    out->w = width;
    out->h = height;
    return IIIF_OK;
}

/* --- limits ---------------------------------------------------------------------------------------- */

/* Of the root that fits 64 bits; digit by digit. */
static uint64_t root_floor(wide_t n)
{
    uint64_t root = 0;

    for (int bit = 63; bit >= 0; bit--) {
        uint64_t candidate = root | (uint64_t)1 << bit;

        if ((wide_t)candidate * candidate <= n)
            root = candidate;
    }
    return root;
}

/* The longer side is the root, the shorter one follows; rounded down where rounding up would leave the area. */
static void fit_area(uint64_t longer, uint64_t shorter, uint64_t area, uint64_t *out_longer, uint64_t *out_shorter)
{
    uint64_t a = iiif_min_u64(root_floor((wide_t)area * longer / shorter), area);
    uint64_t b = scale_round(a, shorter, longer);

    if ((wide_t)a * b > area)
        b = (uint64_t)((wide_t)a * shorter / longer);
    *out_longer = a;
    *out_shorter = iiif_max_u64(b, 1);
}

void iiif_geom_fit(uint32_t w, uint32_t h, uint64_t box_w, uint64_t box_h, uint64_t area, uint32_t *width,
                   uint32_t *height)
{
    uint64_t fit_w = box_w, fit_h = box_h;

    if ((wide_t)box_w * h <= (wide_t)box_h * w)
        fit_h = scale_round(box_w, h, w);
    else
        fit_w = scale_round(box_h, w, h);
    fit_w = iiif_max_u64(fit_w, 1);
    fit_h = iiif_max_u64(fit_h, 1);
    if (area != 0 && (wide_t)fit_w * fit_h > area) {
        if (w >= h)
            fit_area(w, h, area, &fit_w, &fit_h);
        else
            fit_area(h, w, area, &fit_h, &fit_w);
        fit_w = iiif_min_u64(fit_w, box_w);
        fit_h = iiif_min_u64(fit_h, box_h);
    }
    *width = (uint32_t)iiif_min_u64(fit_w, SIDE_MAX);
    *height = (uint32_t)iiif_min_u64(fit_h, SIDE_MAX);
}

uint64_t iiif_geom_area_limit(const iiif_limits_t *limits, uint32_t w, uint32_t h)
{
    if (limits->max_area != 0 || !limits->upscale || limits->max_width != 0)
        return limits->max_area;
    return iiif_max_u64(UPSCALE_AREA, (uint64_t)w * h);
}

static uint64_t most_width(const iiif_limits_t *limits)
{
    return limits->max_width != 0 ? limits->max_width : SIDE_MAX;
}

/* maxHeight is maxWidth where it is not given (Image 3.0 §5.2). */
static uint64_t most_height(const iiif_limits_t *limits)
{
    return limits->max_height != 0 ? limits->max_height : most_width(limits);
}

/* The most that a side of the region may become by enlarging. */
static uint64_t most_enlarged(const iiif_limits_t *limits, uint32_t side)
{
    double most;

    if (!limits->upscale)
        return side;
    if (!(limits->upscale_factor > 0))
        return SIDE_MAX;
    most = floor(fmax(limits->upscale_factor, 1.0) * side + 0.5); /* as a derived side is rounded */
    return most < SIDE_MAX ? (uint64_t)most : SIDE_MAX;
}

/* --- size ------------------------------------------------------------------------------------------ */

typedef struct sizing {
    iiif_version version;
    const iiif_size_t *size;
    const iiif_limits_t *limits;
    uint32_t w, h;             /* of the region */
    uint64_t width, height;    /* wanted */
} sizing_t;

/* As large as the limits permit within a box that the request gives. */
static void fit_limits(sizing_t *sizing, uint64_t box_w, uint64_t box_h)
{
    const iiif_limits_t *limits = sizing->limits;
    uint32_t width, height;

    iiif_geom_fit(sizing->w, sizing->h, iiif_min_u64(box_w, most_width(limits)),
                  iiif_min_u64(box_h, most_height(limits)), iiif_geom_area_limit(limits, sizing->w, sizing->h), &width,
                  &height);
    sizing->width = width;
    sizing->height = height;
}

void iiif_plan_max_size(uint32_t w, uint32_t h, const iiif_limits_t *limits, bool enlarge, uint32_t *width,
                        uint32_t *height)
{
    sizing_t sizing = {IIIF_VERSION_3, NULL, limits, w, h, 0, 0};

    fit_limits(&sizing, enlarge ? most_enlarged(limits, w) : w, enlarge ? most_enlarged(limits, h) : h);
    *width = (uint32_t)sizing.width;
    *height = (uint32_t)sizing.height;
}

/* Whether the form itself permits a size above the region; whether the service does is checked on the result. */
static bool form_enlarges(const sizing_t *sizing)
{
    return sizing->version == IIIF_VERSION_2 ? sizing->limits->upscale : sizing->size->upscale;
}

/*
 * `^max` and `^!w,h` where the service does not enlarge: the box is left open, so that need_enlarging sees whether
 * the answer would have been larger than the region.
 */
static uint64_t open_side(const sizing_t *sizing, uint32_t side)
{
    if (!form_enlarges(sizing))
        return side;
    return sizing->limits->upscale ? most_enlarged(sizing->limits, side) : SIDE_MAX;
}

/* A side that follows from the other never vanishes (IMG3-SIZE-24). */
static uint64_t derive(uint64_t given, uint32_t of, uint32_t other)
{
    return iiif_max_u64(scale_round(given, other, of), 1);
}

static iiif_rc size_percent(sizing_t *sizing, iiif_err_t *err)
{
    iiif_decimal_t percent = sizing->size->percent;

    if (percent > HUNDRED_PERCENT && !form_enlarges(sizing))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1043, "The size is above 100 percent of the region%s.",
                            sizing->version == IIIF_VERSION_2 ? "; this service does not enlarge"
                                                              : "; to enlarge, write ^pct:n");
    sizing->width = scale_round(percent, sizing->w, HUNDRED_PERCENT);
    sizing->height = scale_round(percent, sizing->h, HUNDRED_PERCENT);
    if (sizing->width == 0 && sizing->height == 0)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1044, "The size is less than one pixel.");
    sizing->width = iiif_max_u64(sizing->width, 1);
    sizing->height = iiif_max_u64(sizing->height, 1);
    return IIIF_OK;
}

static iiif_rc wanted_size(sizing_t *sizing, iiif_err_t *err)
{
    const iiif_size_t *size = sizing->size;

    switch (size->kind) {
    case IIIF_SIZE_MAX:
        fit_limits(sizing, size->upscale ? open_side(sizing, sizing->w) : sizing->w,
                   size->upscale ? open_side(sizing, sizing->h) : sizing->h);
        break;
    case IIIF_SIZE_WIDTH:
        sizing->width = size->w;
        sizing->height = derive(size->w, sizing->w, sizing->h);
        break;
    case IIIF_SIZE_HEIGHT:
        sizing->height = size->h;
        sizing->width = derive(size->h, sizing->h, sizing->w);
        break;
    case IIIF_SIZE_PERCENT:
        return size_percent(sizing, err);
    case IIIF_SIZE_EXACT:
        sizing->width = size->w;
        sizing->height = size->h;
        break;
    case IIIF_SIZE_CONFINED:
        fit_limits(sizing, iiif_min_u64(iiif_max_u64(size->w, 1), open_side(sizing, sizing->w)),
                   iiif_min_u64(iiif_max_u64(size->h, 1), open_side(sizing, sizing->h)));
        break;
    case IIIF_SIZE_FULL:
        sizing->width = sizing->w;
        sizing->height = sizing->h;
        break;
    }
    return IIIF_OK;
}

/* Image 3.0 §4.2: without ^ a larger size is an error; with it, one that the service does not support is a 501. */
static iiif_rc check_enlarging(const sizing_t *sizing, iiif_err_t *err)
{
    const iiif_limits_t *limits = sizing->limits;

    if (sizing->width <= sizing->w && sizing->height <= sizing->h)
        return IIIF_OK;
    if (sizing->version != IIIF_VERSION_2 && !sizing->size->upscale)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1045,
                            "The size is larger than the region of %u by %u pixels; to enlarge, write a ^ in front.",
                            sizing->w, sizing->h);
    if (!limits->upscale && sizing->version == IIIF_VERSION_2)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1046,
                            "The size is larger than the region of %u by %u pixels; this service does not enlarge.",
                            sizing->w, sizing->h);
    if (!limits->upscale)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 1047,
                            "The size asks to enlarge the region of %u by %u pixels; this service does not enlarge.",
                            sizing->w, sizing->h);
    if (sizing->width > iiif_max_u64(sizing->w, most_enlarged(limits, sizing->w)) ||
        sizing->height > iiif_max_u64(sizing->h, most_enlarged(limits, sizing->h)))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1048,
                            "The size enlarges more than the %g times that this service allows.",
                            limits->upscale_factor > 0 ? limits->upscale_factor : 1.0);
    return IIIF_OK;
}

static iiif_rc check_limits(const sizing_t *sizing, iiif_err_t *err)
{
    const iiif_limits_t *limits = sizing->limits;
    uint64_t area = iiif_geom_area_limit(limits, sizing->w, sizing->h);

    if (sizing->width > most_width(limits) || sizing->height > most_height(limits))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1049,
                            "The size of %llu by %llu pixels is larger than the %llu by %llu that this service "
                            "delivers.",
                            (unsigned long long)sizing->width, (unsigned long long)sizing->height,
                            (unsigned long long)most_width(limits), (unsigned long long)most_height(limits));
    if (area != 0 && sizing->width * sizing->height > area)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1050,
                            "The size of %llu by %llu pixels has more than the %llu pixels that this service delivers.",
                            (unsigned long long)sizing->width, (unsigned long long)sizing->height,
                            (unsigned long long)area);
    if (sizing->width == 0 || sizing->height == 0)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1051, "The size has a side of 0 pixels.");
    return IIIF_OK;
}

iiif_rc iiif_geom_size(iiif_version version, const iiif_size_t *size, uint32_t w, uint32_t h,
                       const iiif_limits_t *limits, uint32_t *width, uint32_t *height, iiif_err_t *err)
{
    sizing_t sizing = {version, size, limits, w, h, 0, 0};
    iiif_rc rc = wanted_size(&sizing, err);

    if (rc == IIIF_OK)
        rc = check_enlarging(&sizing, err);
    if (rc == IIIF_OK)
        rc = check_limits(&sizing, err);
    if (rc != IIIF_OK)
        return rc;
    *width = (uint32_t)sizing.width;
    *height = (uint32_t)sizing.height;
    return IIIF_OK;
}
