/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_rowmap.h"
#include "iiif_tone.h"

typedef struct ground {
    uint32_t color[3]; /* at the depth of the image */
} ground_t;

/* Rounded; 65535² and half a step fit 32 bits. */
static inline uint32_t lay(uint32_t color, uint32_t ground, uint32_t alpha, uint32_t max)
{
    return (color * alpha + ground * (max - alpha) + max / 2) / max;
}

static void flatten_row_8(const iiif_rowmap_t *map, void *state, uint32_t y, const uint8_t *in, uint8_t *out)
{
    const ground_t *ground = state;
    unsigned colors = iiif_layout_channels(map->base.image.layout);

    (void)y;
    for (size_t i = 0; i < map->base.image.width; i++, in += colors + 1, out += colors) {
        for (unsigned c = 0; c < colors; c++)
            out[c] = (uint8_t)lay(in[c], ground->color[c], in[colors], 255);
    }
}

static void flatten_row_16(const iiif_rowmap_t *map, void *state, uint32_t y, const uint8_t *in, uint8_t *out)
{
    const ground_t *ground = state;
    unsigned colors = iiif_layout_channels(map->base.image.layout);
    const uint16_t *in16 = (const uint16_t *)(const void *)in;
    uint16_t *out16 = (uint16_t *)(void *)out;

    (void)y;
    for (size_t i = 0; i < map->base.image.width; i++, in16 += colors + 1, out16 += colors) {
        for (unsigned c = 0; c < colors; c++)
            out16[c] = (uint16_t)lay(in16[c], ground->color[c], in16[colors], 65535);
    }
}

static void set_ground(ground_t *ground, const uint8_t rgb[3], const iiif_image_t *image)
{
    uint32_t full = image->depth == 8 ? 1 : 257;

    for (int c = 0; c < 3; c++)
        ground->color[c] = rgb[c] * full;
    if (image->layout == IIIF_LAYOUT_GRAY) /* ITU-R BT.601-7 §2.5.1, at the depth of the image */
        ground->color[0] = ((299u * rgb[0] + 587u * rgb[1] + 114u * rgb[2]) * full + 500) / 1000;
}

iiif_rc iiif_flatten_open(iiif_stage_t *up, const uint8_t rgb[3], const iiif_work_t *work, iiif_stage_t **out,
                          iiif_err_t *err)
{
    iiif_image_t image = up->image;
    ground_t *ground;
    iiif_rc rc;

    if (!iiif_layout_has_alpha(image.layout)) {
        *out = up;
        return IIIF_OK;
    }
    if (image.layout != IIIF_LAYOUT_GRAYA && image.layout != IIIF_LAYOUT_RGBA)
        return iiif_err_set(err, IIIF_E_INTERNAL, 1222,
                            "Only gray and RGB can be laid on a background; convert the colours first.");
    image.layout = iiif_layout_with_alpha(image.layout, false);
    ground = iiif_mem_zalloc(work->mem, 1, sizeof(*ground));
    if (ground == NULL)
        return iiif_err_memory(err, "a background", sizeof(*ground));
    set_ground(ground, rgb, &image);
    rc = iiif_rowmap_open(up, &image, image.depth == 8 ? flatten_row_8 : flatten_row_16, ground, work, out, err);
    if (rc != IIIF_OK)
        iiif_mem_free(work->mem, ground);
    return rc;
}
