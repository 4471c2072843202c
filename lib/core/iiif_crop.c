/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_crop.h"

#include <string.h>

typedef struct crop {
    iiif_stage_t base;
    iiif_rect_t rect;
    iiif_strip_t in;
} crop_t;

/* Pulls rows that are above the part, and forgets them. */
static iiif_rc skip_above(crop_t *crop, iiif_err_t *err)
{
    iiif_stage_t *up = crop->base.up;

    while (up->next_row < crop->rect.y) {
        iiif_strip_t strip = crop->in;
        iiif_rc rc;

        strip.capacity = iiif_min_u32(strip.capacity, crop->rect.y - up->next_row);
        rc = iiif_stage_pull(up, &strip, err);
        if (rc != IIIF_OK)
            return rc;
    }
    return IIIF_OK;
}

static iiif_rc crop_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    crop_t *crop = (crop_t *)stage;
    size_t pixel = iiif_image_pixel_bytes(&stage->image);
    size_t bytes = stage->image.width * pixel, skip = crop->rect.x * pixel;
    iiif_strip_t in = crop->in;
    iiif_rc rc = skip_above(crop, err);

    if (rc != IIIF_OK)
        return rc;
    if (stage->image.width == stage->up->image.width)
        return iiif_stage_pull(stage->up, strip, err);
    in.capacity = iiif_min_u32(in.capacity, strip->capacity);
    rc = iiif_stage_pull(stage->up, &in, err);
    if (rc != IIIF_OK)
        return rc;
    for (uint32_t row = 0; row < in.rows; row++)
        memcpy(strip->data + row * strip->stride, in.data + row * in.stride + skip, bytes);
    strip->rows = in.rows;
    return IIIF_OK;
}

static void crop_close(iiif_stage_t *stage)
{
    crop_t *crop = (crop_t *)stage;

    iiif_strip_free(&crop->in, stage->work->mem);
    iiif_mem_free(stage->work->mem, crop);
}

iiif_rc iiif_crop_open(iiif_stage_t *up, const iiif_rect_t *rect, const iiif_work_t *work, iiif_stage_t **out,
                       iiif_err_t *err)
{
    crop_t *crop;
    iiif_rc rc;

    if (rect->w == 0 || rect->h == 0 || rect->w > up->image.width || rect->x > up->image.width - rect->w ||
        rect->h > up->image.height || rect->y > up->image.height - rect->h)
        return iiif_err_set(err, IIIF_E_INTERNAL, 1210, "The part to crop is not inside the image.");
    if (rect->w == up->image.width && rect->h == up->image.height) {
        *out = up;
        return IIIF_OK;
    }
    crop = iiif_mem_zalloc(work->mem, 1, sizeof(*crop));
    if (crop == NULL)
        return iiif_err_memory(err, "cropping", sizeof(*crop));
    rc = iiif_strip_alloc(&crop->in, &up->image, work->mem, err);
    if (rc != IIIF_OK) {
        iiif_mem_free(work->mem, crop);
        return rc;
    }
    crop->rect = *rect;
    crop->base.image = up->image;
    crop->base.image.width = rect->w;
    crop->base.image.height = rect->h;
    crop->base.work = work;
    crop->base.up = up;
    crop->base.pull = crop_pull;
    crop->base.close = crop_close;
    *out = &crop->base;
    return IIIF_OK;
}
