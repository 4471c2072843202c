/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_rowmap.h"
#include "iiif_tone.h"

static size_t samples_of(const iiif_rowmap_t *map)
{
    return (size_t)map->base.image.width * iiif_layout_channels(map->base.image.layout);
}

static void widen_row(const iiif_rowmap_t *map, void *state, uint32_t y, const uint8_t *in, uint8_t *out)
{
    uint16_t *out16 = (uint16_t *)(void *)out;
    size_t n = samples_of(map);

    (void)state;
    (void)y;
    for (size_t i = 0; i < n; i++)
        out16[i] = (uint16_t)(in[i] * 257u);
}

static void narrow_row(const iiif_rowmap_t *map, void *state, uint32_t y, const uint8_t *in, uint8_t *out)
{
    const uint16_t *in16 = (const uint16_t *)(const void *)in;
    size_t n = samples_of(map);

    (void)state;
    (void)y;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)((in16[i] + 128u) / 257u);
}

iiif_rc iiif_depth_open(iiif_stage_t *up, unsigned depth, const iiif_work_t *work, iiif_stage_t **out,
                        iiif_err_t *err)
{
    iiif_image_t image = up->image;

    if (depth != 8 && depth != 16)
        return iiif_err_set(err, IIIF_E_INTERNAL, 1221, "Samples have 8 or 16 bits, not %u.", depth);
    if (image.depth == depth) {
        *out = up;
        return IIIF_OK;
    }
    image.depth = depth;
    return iiif_rowmap_open(up, &image, depth == 16 ? widen_row : narrow_row, NULL, work, out, err);
}
