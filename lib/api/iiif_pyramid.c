/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_pyramid.h"

#include <string.h>

#include "../core/iiif_geom.h"

#define TILE_MIN 128
#define TILE_MAX 2048
#define TILE_USUAL 512
#define HALVING_MIN 128   /* longer side; nobody shows a smaller thumbnail */
#define LEVEL_MIN 32      /* of a master's own levels, which are free: down to icons */

/* --- sizes ----------------------------------------------------------------------------------------- */

/* What the service answers to the form that clients use for a listed size; false beyond the limits. */
static bool servable(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits, uint32_t *width,
                     uint32_t *height)
{
    const iiif_size_t size = {.kind = version == IIIF_VERSION_2 ? IIIF_SIZE_WIDTH : IIIF_SIZE_EXACT,
                              .w = *width,
                              .h = *height};

    return iiif_geom_size(version, &size, facts->width, facts->height, limits, width, height, NULL) == IIIF_OK;
}

/* Keeps the list ascending and free of doubles. */
static void insert(iiif_sizes_t *sizes, uint32_t width, uint32_t height)
{
    unsigned at = 0;

    while (at < sizes->count && (uint64_t)sizes->list[at].width * sizes->list[at].height < (uint64_t)width * height)
        at++;
    if (sizes->count == IIIF_SIZES_MAX ||
        (at < sizes->count && sizes->list[at].width == width && sizes->list[at].height == height))
        return;
    memmove(&sizes->list[at + 1], &sizes->list[at], (sizes->count - at) * sizeof(sizes->list[0]));
    sizes->list[at].width = width;
    sizes->list[at].height = height;
    sizes->count++;
}

static void add_size(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits, uint32_t width,
                     uint32_t height, iiif_sizes_t *sizes)
{
    if (servable(version, facts, limits, &width, &height))
        insert(sizes, width, height);
}

static void add_levels(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                       iiif_sizes_t *sizes)
{
    bool swaps = iiif_facts_swaps(facts);

    for (unsigned i = 0; i < facts->level_count; i++) {
        const iiif_level_t *level = &facts->levels[i];

        if (i == 0 || iiif_max_u32(level->width, level->height) >= LEVEL_MIN)
            add_size(version, facts, limits, swaps ? level->height : level->width,
                     swaps ? level->width : level->height, sizes);
    }
}

static void add_halvings(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                         iiif_sizes_t *sizes)
{
    uint32_t longer = iiif_max_u32(facts->width, facts->height);

    for (unsigned shift = 1; shift < 32 && iiif_ceil_shift(longer, shift) >= HALVING_MIN; shift++)
        add_size(version, facts, limits, iiif_ceil_shift(facts->width, shift),
                 iiif_ceil_shift(facts->height, shift), sizes);
}

/*
 * All levels are beyond the limits: the largest size within them. Where its height was the limit, `w,` may round to one
 * row more; a pixel less of width then serves both forms. Of an extremely tall image only `w,h` is left.
 */
static void add_largest(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                        iiif_sizes_t *sizes)
{
    uint32_t width, height;

    iiif_plan_max_size(facts->width, facts->height, limits, false, &width, &height);
    add_size(version, facts, limits, width, height, sizes);
    if (sizes->count == 0 && width > 1)
        add_size(version, facts, limits, width - 1, iiif_max_u32(height - 1, 1), sizes);
    if (sizes->count == 0)
        insert(sizes, width, height);
}

void iiif_pyramid_sizes(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                        iiif_sizes_t *sizes)
{
    memset(sizes, 0, sizeof(*sizes));
    add_levels(version, facts, limits, sizes);
    if (facts->level_count == 1)
        add_halvings(version, facts, limits, sizes);
    if (sizes->count == 0)
        add_largest(version, facts, limits, sizes);
}

/* --- tiles ----------------------------------------------------------------------------------------- */

static bool tile_allowed(const iiif_limits_t *limits, uint32_t width, uint32_t height)
{
    uint32_t max_height = limits->max_height != 0 ? limits->max_height : limits->max_width;

    return (limits->max_width == 0 || width <= limits->max_width) && (max_height == 0 || height <= max_height) &&
           (limits->max_area == 0 || (uint64_t)width * height <= limits->max_area);
}

static bool tile_sensible(uint32_t side)
{
    return side >= TILE_MIN && side <= TILE_MAX;
}

void iiif_pyramid_tiles(const iiif_facts_t *facts, const iiif_limits_t *limits, iiif_tiles_t *tiles)
{
    const iiif_level_t *level = &facts->levels[0];
    bool swaps = iiif_facts_swaps(facts);

    tiles->width = swaps ? level->tile_height : level->tile_width;
    tiles->height = swaps ? level->tile_width : level->tile_height;
    if (!tile_sensible(tiles->width) || !tile_sensible(tiles->height) ||
        !tile_allowed(limits, tiles->width, tiles->height))
        tiles->width = tiles->height = TILE_USUAL;
    while (tiles->width > 1 && !tile_allowed(limits, tiles->width, tiles->height))
        tiles->width = tiles->height = tiles->width / 2;
    tiles->factors = 1;
    while (tiles->factors < 31 && (iiif_ceil_shift(facts->width, tiles->factors - 1) > tiles->width ||
                                   iiif_ceil_shift(facts->height, tiles->factors - 1) > tiles->height))
        tiles->factors++;
}
