/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "iiif_rowmap.h"
#include "iiif_tone.h"

/*
 * Errors are carried in sixteenths and divided without a remainder getting lost, so that the mean brightness stays.
 * `now` and `next` have a place beyond each end, where errors fall off the image.
 */
typedef struct dither {
    unsigned threshold;
    int32_t *now, *next;
    int32_t errors[];
} dither_t;

static inline uint32_t sample_at(const uint8_t *in, unsigned depth, size_t x)
{
    return depth == 8 ? in[x] : ((const uint16_t *)(const void *)in)[x];
}

static void threshold_row(const iiif_rowmap_t *map, void *state, uint32_t y, const uint8_t *in, uint8_t *out)
{
    const dither_t *dither = state;
    unsigned depth = map->base.up->image.depth;
    uint32_t threshold = dither->threshold * (depth == 8 ? 1u : 257u);

    (void)y;
    for (size_t x = 0; x < map->base.image.width; x++)
        out[x] = sample_at(in, depth, x) >= threshold ? 255 : 0;
}

/* Floyd and Steinberg's weights: 7 ahead, 3 5 1 below. */
static void spread(dither_t *dither, int64_t x, int64_t ahead, int32_t error)
{
    int32_t seven = error * 7 / 16, three = error * 3 / 16, five = error * 5 / 16;

    dither->now[x + ahead] += seven;
    dither->next[x - ahead] += three;
    dither->next[x] += five;
    dither->next[x + ahead] += error - seven - three - five;
}

/* Every other row runs backwards (serpentine): errors going one way draw worms. */
static void diffuse_row(const iiif_rowmap_t *map, void *state, uint32_t y, const uint8_t *in, uint8_t *out)
{
    dither_t *dither = state;
    unsigned depth = map->base.up->image.depth;
    int32_t white = depth == 8 ? 255 * 16 : 65535 * 16;
    int64_t width = map->base.image.width, ahead = (y & 1) != 0 ? -1 : 1;
    int64_t x = ahead > 0 ? 0 : width - 1;
    int32_t *passed = dither->now;

    for (int64_t i = 0; i < width; i++, x += ahead) {
        int32_t value = (int32_t)sample_at(in, depth, (size_t)x) * 16 + dither->now[x];
        bool light = value >= white / 2;

        out[x] = light ? 255 : 0;
        spread(dither, x, ahead, light ? value - white : value);
    }
    memset(passed - 1, 0, ((size_t)width + 2) * sizeof(*passed));
    dither->now = dither->next;
    dither->next = passed;
}

static dither_t *dither_new(const iiif_image_t *image, bool diffuses, unsigned threshold, iiif_mem_t *mem)
{
    size_t row = diffuses ? (size_t)image->width + 2 : 0, bytes;
    dither_t *dither;

    if (!iiif_mul_size(row, 2 * sizeof(int32_t), &bytes) || !iiif_add_size(bytes, sizeof(*dither), &bytes))
        return NULL;
    dither = iiif_mem_zalloc(mem, 1, bytes);
    if (dither == NULL)
        return NULL;
    dither->threshold = threshold;
    if (diffuses) {
        dither->now = dither->errors + 1;
        dither->next = dither->errors + row + 1;
    }
    return dither;
}

iiif_rc iiif_bitonal_open(iiif_stage_t *up, iiif_bitonal method, unsigned threshold, const iiif_work_t *work,
                          iiif_stage_t **out, iiif_err_t *err)
{
    bool diffuses = method == IIIF_BITONAL_DIFFUSION;
    iiif_image_t image = up->image;
    dither_t *dither;
    iiif_rc rc;

    if (image.layout != IIIF_LAYOUT_GRAY || threshold < 1 || threshold > 255)
        return iiif_err_set(err, IIIF_E_INTERNAL, 1223,
                            "Bitonal is made from gray without alpha, with a threshold of 1 to 255.");
    image.depth = 8;
    dither = dither_new(&image, diffuses, threshold, work->mem);
    if (dither == NULL)
        return iiif_err_memory(err, "making bitonal", ((size_t)image.width + 2) * 2 * sizeof(int32_t));
    rc = iiif_rowmap_open(up, &image, diffuses ? diffuse_row : threshold_row, dither, work, out, err);
    if (rc != IIIF_OK)
        iiif_mem_free(work->mem, dither);
    return rc;
}
