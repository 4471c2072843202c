/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_plan_source.h"

#include <math.h>

/* One side of the region in one level, in pixels of that level. */
typedef struct span {
    double begin, end;   /* what there is */
    double wanted;       /* how long it would be if the level rounded its size up */
} span_t;

/*
 * Pixel i of a level reduced by 2^s covers the pixels [i·2^s, (i+1)·2^s) of the full image, the last one fewer. So a
 * region that reaches the edge ends with the last, partly filled pixel (IMG-TILE-01), and where the level was rounded
 * down (many TIFF pyramids: 1001 → 500) with the last there is: under one pixel less than wanted.
 */
static span_t span_of_power(uint32_t begin, uint32_t length, uint32_t full, uint32_t level, unsigned shift)
{
    double unit = (double)((uint64_t)1 << shift);
    bool at_edge = begin + length == full;
    double end = at_edge ? (double)iiif_ceil_shift(full, shift) : (begin + length) / unit;
    span_t span;

    span.begin = begin / unit;
    span.wanted = end - span.begin;
    span.end = fmin(end, level);
    return span;
}

/* Any other level covers the whole image evenly. */
static span_t span_of_factor(uint32_t begin, uint32_t length, uint32_t full, uint32_t level)
{
    uint64_t end = (uint64_t)begin + length;
    span_t span;

    /* One division of exact products: what is whole comes out whole. */
    span.begin = (double)((uint64_t)begin * level) / full;
    span.end = end == full ? level : (double)(end * level) / full;
    span.wanted = span.end - span.begin;
    return span;
}

static span_t span_in(uint32_t begin, uint32_t length, uint32_t full, uint32_t level, const iiif_level_t *of)
{
    return of->is_power ? span_of_power(begin, length, full, level, of->shift)
                        : span_of_factor(begin, length, full, level);
}

/*
 * Enough for the size asked for; and where the level ends short of what is wanted, by so little that the stretch
 * does not show. A thin tile at the edge then comes from a finer level.
 */
static bool span_serves(span_t span, uint32_t size)
{
    double there = span.end - span.begin;

    return span.wanted >= size && there > 0 && there * 16 >= span.wanted * 15;
}

static void spans(const iiif_facts_t *facts, unsigned level, iiif_rect_t region, span_t *x, span_t *y)
{
    const iiif_level_t *of = &facts->levels[level];

    *x = span_in(region.x, region.w, facts->stored_width, of->width, of);
    *y = span_in(region.y, region.h, facts->stored_height, of->height, of);
}

static uint64_t level_area(const iiif_level_t *level)
{
    return (uint64_t)level->width * level->height;
}

static unsigned choose_level(const iiif_facts_t *facts, iiif_rect_t region, uint32_t width, uint32_t height)
{
    unsigned best = 0;

    /* A partly filled last pixel of a level would do for a single one at the edge; unscaled means the master's own. */
    if (width == region.w && height == region.h)
        return 0;
    for (unsigned i = 1; i < facts->level_count; i++) {
        span_t x, y;

        spans(facts, i, region, &x, &y);
        if (span_serves(x, width) && span_serves(y, height) &&
            level_area(&facts->levels[i]) < level_area(&facts->levels[best]))
            best = i;
    }
    return best;
}

static bool is_whole(double value)
{
    return value == floor(value);
}

static bool is_exact(span_t span, uint32_t size)
{
    return is_whole(span.begin) && is_whole(span.end) && span.end - span.begin == size;
}

/* Whole pixels around a span, grown by what the filter reads beyond it, cut to the level. */
static void hull(span_t span, uint32_t margin, uint32_t level, uint32_t *begin, uint32_t *length)
{
    double first = floor(span.begin) - margin, last = ceil(span.end) + margin;

    *begin = first > 0 ? (uint32_t)first : 0;
    *length = (last < level ? (uint32_t)last : level) - *begin;
}

void iiif_plan_source(const iiif_facts_t *facts, iiif_plan_t *plan)
{
    iiif_turn_t upright = iiif_turn_of_orientation(facts->orientation);
    iiif_rect_t region = iiif_turn_back(upright, plan->region, facts->stored_width, facts->stored_height);
    uint32_t margin_x = 0, margin_y = 0;
    const iiif_level_t *level;
    span_t x, y;

    plan->scaled_width = iiif_turn_swaps(upright) ? plan->height : plan->width;
    plan->scaled_height = iiif_turn_swaps(upright) ? plan->width : plan->height;
    plan->level = choose_level(facts, region, plan->scaled_width, plan->scaled_height);
    level = &facts->levels[plan->level];
    spans(facts, plan->level, region, &x, &y);
    if (!is_exact(x, plan->scaled_width) || !is_exact(y, plan->scaled_height)) {
        margin_x = iiif_resample_margin(plan->filter, (x.end - x.begin) / plan->scaled_width);
        margin_y = iiif_resample_margin(plan->filter, (y.end - y.begin) / plan->scaled_height);
    }
    hull(x, margin_x, level->width, &plan->window.x, &plan->window.w);
    hull(y, margin_y, level->height, &plan->window.y, &plan->window.h);
    plan->source.x0 = x.begin - plan->window.x;
    plan->source.x1 = x.end - plan->window.x;
    plan->source.y0 = y.begin - plan->window.y;
    plan->source.y1 = y.end - plan->window.y;
}

bool iiif_plan_source_is_exact(const iiif_plan_t *plan)
{
    const iiif_window_t *source = &plan->source;
    span_t x = {source->x0, source->x1, 0}, y = {source->y0, source->y1, 0};

    return is_exact(x, plan->scaled_width) && is_exact(y, plan->scaled_height);
}
