/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_rowmap.h"
#include "iiif_tone.h"

/* ITU-R BT.601-7 §2.5.1; exact, for 65535 × 1000 fits 32 bits. */
static inline uint32_t luma(uint32_t r, uint32_t g, uint32_t b)
{
    return (299 * r + 587 * g + 114 * b + 500) / 1000;
}

static void gray_row_8(const iiif_rowmap_t *map, void *state, uint32_t y, const uint8_t *in, uint8_t *out)
{
    bool alpha = iiif_layout_has_alpha(map->base.image.layout);
    size_t from = alpha ? 4 : 3, to = alpha ? 2 : 1;

    (void)state;
    (void)y;
    for (size_t i = 0; i < map->base.image.width; i++, in += from, out += to) {
        out[0] = (uint8_t)luma(in[0], in[1], in[2]);
        if (alpha)
            out[1] = in[3];
    }
}

static void gray_row_16(const iiif_rowmap_t *map, void *state, uint32_t y, const uint8_t *in, uint8_t *out)
{
    bool alpha = iiif_layout_has_alpha(map->base.image.layout);
    size_t from = alpha ? 4 : 3, to = alpha ? 2 : 1;
    const uint16_t *in16 = (const uint16_t *)(const void *)in;
    uint16_t *out16 = (uint16_t *)(void *)out;

    (void)state;
    (void)y;
    for (size_t i = 0; i < map->base.image.width; i++, in16 += from, out16 += to) {
        out16[0] = (uint16_t)luma(in16[0], in16[1], in16[2]);
        if (alpha)
            out16[1] = in16[3];
    }
}

iiif_rc iiif_gray_open(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    iiif_image_t image = up->image;

    if (image.layout == IIIF_LAYOUT_GRAY || image.layout == IIIF_LAYOUT_GRAYA) {
        *out = up;
        return IIIF_OK;
    }
    if (image.layout != IIIF_LAYOUT_RGB && image.layout != IIIF_LAYOUT_RGBA)
        return iiif_err_set(err, IIIF_E_INTERNAL, 1220, "Only RGB can become gray; convert the colours first.");
    image.layout = iiif_layout_with_alpha(IIIF_LAYOUT_GRAY, iiif_layout_has_alpha(image.layout));
    return iiif_rowmap_open(up, &image, image.depth == 8 ? gray_row_8 : gray_row_16, NULL, work, out, err);
}
