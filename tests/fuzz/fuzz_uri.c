/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of both versions, then the plan for a few fixed images: a plan that is made must be consistent, and its
 * canonical form must be a request that gives the same plan.
 */
#include "fuzz.h"

#include "../../lib/core/iiif_plan.h"

#define BUFFER 512
#define CAPS_ALL (IIIF_CAP_ALPHA | IIIF_CAP_16BIT | IIIF_CAP_GRAY | IIIF_CAP_BITONAL | IIIF_CAP_ICC)

static iiif_facts_t facts_of(uint32_t width, uint32_t height, unsigned levels, uint8_t orientation, iiif_layout layout)
{
    iiif_facts_t facts;
    iiif_err_t err;

    memset(&facts, 0, sizeof(facts));
    facts.stored_width = width;
    facts.stored_height = height;
    facts.orientation = orientation;
    facts.layout = (uint8_t)layout;
    facts.depth = 8;
    facts.precision = 8;
    facts.color_class = layout == IIIF_LAYOUT_GRAY ? IIIF_CLASS_GRAY : IIIF_CLASS_COLOR;
    facts.access = IIIF_ACCESS_TILES;
    facts.pages = facts.page = 1;
    facts.cost_per_pixel = 1;
    facts.bytes_per_pixel = 4;
    for (unsigned i = 0; i < levels; i++)
        FUZZ_CHECK(iiif_facts_add_level(&facts, iiif_ceil_shift(width, i), iiif_ceil_shift(height, i), 256, 256));
    FUZZ_CHECK(iiif_facts_finish(&facts, &err) == IIIF_OK);
    return facts;
}

static void check_plan(const iiif_plan_t *plan, const iiif_facts_t *facts)
{
    const iiif_level_t *level;
    const iiif_rect_t *window = &plan->window, *region = &plan->region;

    FUZZ_CHECK(plan->level < facts->level_count);
    level = &facts->levels[plan->level];
    FUZZ_CHECK(region->w > 0 && region->h > 0 && region->x < facts->width && region->y < facts->height);
    FUZZ_CHECK(region->w <= facts->width - region->x && region->h <= facts->height - region->y);
    FUZZ_CHECK(window->w > 0 && window->h > 0 && window->x < level->width && window->y < level->height);
    FUZZ_CHECK(window->w <= level->width - window->x && window->h <= level->height - window->y);
    FUZZ_CHECK(plan->source.x0 >= 0 && plan->source.y0 >= 0 && plan->source.x1 <= window->w && plan->source.y1 <= window->h);
    FUZZ_CHECK(plan->source.x0 < plan->source.x1 && plan->source.y0 < plan->source.y1);
    FUZZ_CHECK(plan->width > 0 && plan->height > 0 && plan->out_width > 0 && plan->out_height > 0);
    FUZZ_CHECK(plan->scaled_width > 0 && plan->scaled_height > 0);
    FUZZ_CHECK(plan->degrees >= 0 && plan->degrees < 360);
    FUZZ_CHECK(plan->layout >= IIIF_LAYOUT_GRAY && plan->layout <= IIIF_LAYOUT_RGBA);
    FUZZ_CHECK(memchr(plan->canonical, '\0', sizeof(plan->canonical)) != NULL);
}

static void check_canonical(iiif_version version, const iiif_plan_t *plan, const iiif_facts_t *facts,
                            const iiif_limits_t *limits)
{
    iiif_plan_t again;
    iiif_err_t err;
    iiif_req_t req;

    FUZZ_CHECK(iiif_uri_parse_parameters(version, iiif_slice(plan->canonical), &req, &err) == IIIF_OK);
    FUZZ_CHECK(iiif_plan_make(&req, facts, limits, CAPS_ALL, &again, &err) == IIIF_OK);
    FUZZ_CHECK(strcmp(again.canonical, plan->canonical) == 0);
    FUZZ_CHECK(again.out_width == plan->out_width && again.out_height == plan->out_height);
    FUZZ_CHECK(memcmp(&again.region, &plan->region, sizeof(plan->region)) == 0);
    FUZZ_CHECK(again.width == plan->width && again.height == plan->height);
}

static void try_plans(const iiif_req_t *req)
{
    static const iiif_limits_t limits[] = {
        {.qualities = IIIF_QUALITIES_ALL, .upscale = true},
        {.max_width = 2000, .max_height = 1000, .max_area = 1500000, .memory = (size_t)256 << 20,
         .qualities = IIIF_QUALITIES_ALL},
        {.max_width = 3000, .upscale = true, .upscale_factor = 2.5, .max_source_area = 100000000,
         .qualities = IIIF_QUALITIES_ALL},
    };
    const iiif_facts_t images[] = {
        facts_of(6000, 4000, 6, 1, IIIF_LAYOUT_RGB),
        facts_of(1, 1, 1, 3, IIIF_LAYOUT_GRAY),
        facts_of(3, 100000, 5, 6, IIIF_LAYOUT_RGBA),
        facts_of(90001, 70003, 1, 8, IIIF_LAYOUT_CMYK),
    };

    for (size_t i = 0; i < IIIF_COUNT(images); i++) {
        for (size_t l = 0; l < IIIF_COUNT(limits); l++) {
            iiif_plan_t plan;
            iiif_err_t err;
            iiif_rc rc = iiif_plan_make(req, &images[i], &limits[l], CAPS_ALL, &plan, &err);

            if (rc != IIIF_OK) {
                fuzz_check_error(rc, &err);
                continue;
            }
            check_plan(&plan, &images[i]);
            check_canonical(req->version, &plan, &images[i], &limits[l]);
        }
    }
}

static void try_path(iiif_version version, iiif_slice_t path)
{
    char buffer[BUFFER];
    iiif_req_t req;
    iiif_err_t err;
    iiif_rc rc = iiif_uri_parse(version, path, buffer, sizeof(buffer), &req, &err);

    if (rc != IIIF_OK) {
        fuzz_check_error(rc, &err);
        return;
    }
    FUZZ_CHECK(req.version == version);
    FUZZ_CHECK(req.identifier.length > 0 && req.identifier.length < sizeof(buffer));
    FUZZ_CHECK(iiif_utf8_valid(req.identifier));
    FUZZ_CHECK(memchr(req.identifier.data, '\0', req.identifier.length) == NULL);
    if (req.kind == IIIF_REQUEST_IMAGE)
        try_plans(&req);
}

static void try_parameters(iiif_version version, iiif_slice_t text)
{
    iiif_req_t req;
    iiif_err_t err;
    iiif_rc rc = iiif_uri_parse_parameters(version, text, &req, &err);

    if (rc != IIIF_OK)
        fuzz_check_error(rc, &err);
    else
        try_plans(&req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    iiif_slice_t text = iiif_slice_of((const char *)data, size);

    try_path(IIIF_VERSION_2, text);
    try_path(IIIF_VERSION_3, text);
    try_parameters(IIIF_VERSION_2, text);
    try_parameters(IIIF_VERSION_3, text);
    return 0;
}
