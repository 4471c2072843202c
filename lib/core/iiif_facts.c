/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_facts.h"

#include <math.h>
#include <string.h>

#define DIMENSION_MAX 0x7FFFFFFFu /* what signed 32 bits of codec libraries and JSON consumers hold */

bool iiif_facts_swaps(const iiif_facts_t *facts)
{
    return facts->orientation >= 5 && facts->orientation <= 8;
}

/* --- levels -------------------------------------------------------------------------------------- */

/* Whether `size` is full / 2^shift by any way of rounding. A size of 0 counts as 1: nobody stores an empty level. */
static bool is_reduction(uint32_t full, uint32_t size, unsigned shift)
{
    uint32_t below = iiif_max_u32(full >> shift, 1);

    return size == below || size == iiif_ceil_shift(full, shift);
}

static bool find_shift(const iiif_facts_t *facts, const iiif_level_t *level, unsigned first, uint8_t *shift)
{
    for (unsigned s = first; s < 32; s++) {
        if (is_reduction(facts->levels[0].width, level->width, s) &&
            is_reduction(facts->levels[0].height, level->height, s)) {
            *shift = (uint8_t)s;
            return true;
        }
    }
    return false;
}

bool iiif_facts_add_level(iiif_facts_t *facts, uint32_t width, uint32_t height, uint32_t tile_width,
                          uint32_t tile_height)
{
    iiif_level_t *level;
    unsigned first = 0;

    if (facts->level_count >= IIIF_LEVELS_MAX)
        return false;
    level = &facts->levels[facts->level_count];
    memset(level, 0, sizeof(*level));
    level->width = width;
    level->height = height;
    level->tile_width = tile_width;
    level->tile_height = tile_height;
    /* Very small sizes fit several reductions: then each level is the next one after its predecessor. */
    if (facts->level_count > 0 && level[-1].is_power)
        first = level[-1].shift + 1u;
    level->is_power = find_shift(facts, level, first, &level->shift) || find_shift(facts, level, 0, &level->shift);
    facts->level_count++;
    return true;
}

/* --- checks ---------------------------------------------------------------------------------------- */

static bool level_is_sane(const iiif_facts_t *facts, const iiif_level_t *level)
{
    return level->width >= 1 && level->height >= 1 && level->width <= facts->stored_width &&
           level->height <= facts->stored_height && level->tile_width <= DIMENSION_MAX &&
           level->tile_height <= DIMENSION_MAX && level->shift < 32 &&
           (!level->is_power || (is_reduction(facts->stored_width, level->width, level->shift) &&
                                 is_reduction(facts->stored_height, level->height, level->shift)));
}

static iiif_rc check_levels(const iiif_facts_t *facts, iiif_err_t *err)
{
    if (facts->level_count > IIIF_LEVELS_MAX || facts->levels[0].width != facts->stored_width ||
        facts->levels[0].height != facts->stored_height)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 1010,
                            "The resolutions that this image declares do not begin with its full size.");
    for (unsigned i = 0; i < facts->level_count; i++)
        if (!level_is_sane(facts, &facts->levels[i]))
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 1011, "Resolution %u of this image has an absurd size.", i);
    return IIIF_OK;
}

static bool is_amount(double value)
{
    return isfinite(value) && value >= 0;
}

static iiif_rc check_pixels(const iiif_facts_t *facts, iiif_err_t *err)
{
    if (facts->layout < IIIF_LAYOUT_GRAY || facts->layout > IIIF_LAYOUT_LABA ||
        (facts->depth != 8 && facts->depth != 16) || facts->precision < 1 || facts->precision > 16 ||
        facts->color_class > IIIF_CLASS_COLOR || facts->access > IIIF_ACCESS_WHOLE ||
        !is_amount((double)facts->bytes_per_pixel) || !is_amount((double)facts->cost_per_pixel))
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 1012,
                            "The samples of this image are of a kind that cannot be delivered.");
    return IIIF_OK;
}

/* What a tag says of orientation and resolution is a hint: nonsense is passed over, not an error. */
static void tidy_hints(iiif_facts_t *facts)
{
    if (facts->orientation < 1 || facts->orientation > 8)
        facts->orientation = 1;
    if (facts->unit > IIIF_UNIT_INCH || !is_amount(facts->pixels_per_unit_x) ||
        !is_amount(facts->pixels_per_unit_y)) {
        facts->unit = IIIF_UNIT_NONE;
        facts->pixels_per_unit_x = facts->pixels_per_unit_y = 0;
    }
    if (facts->pages == 0)
        facts->pages = 1;
    if (facts->page == 0)
        facts->page = 1;
    facts->decoder[sizeof(facts->decoder) - 1] = '\0';
    facts->media_type[sizeof(facts->media_type) - 1] = '\0';
}

iiif_rc iiif_facts_finish(iiif_facts_t *facts, iiif_err_t *err)
{
    iiif_rc rc;

    if (facts->stored_width < 1 || facts->stored_height < 1 || facts->stored_width > DIMENSION_MAX ||
        facts->stored_height > DIMENSION_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 1013, "This image declares an absurd size of %u by %u pixels.",
                            facts->stored_width, facts->stored_height);
    tidy_hints(facts);
    if (facts->page > facts->pages)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 1014, "This image has %u pages; page %u was described.",
                            facts->pages, facts->page);
    if (facts->level_count == 0)
        (void)iiif_facts_add_level(facts, facts->stored_width, facts->stored_height, 0, 0);
    rc = check_levels(facts, err);
    if (rc == IIIF_OK)
        rc = check_pixels(facts, err);
    if (rc != IIIF_OK)
        return rc;
    facts->width = iiif_facts_swaps(facts) ? facts->stored_height : facts->stored_width;
    facts->height = iiif_facts_swaps(facts) ? facts->stored_width : facts->stored_height;
    return IIIF_OK;
}
