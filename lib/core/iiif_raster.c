/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_raster.h"

#include <string.h>

#define STRIP_BYTES ((size_t)256 * 1024)

unsigned iiif_layout_channels(iiif_layout layout)
{
    static const uint8_t channels[] = {0, 1, 2, 3, 4, 4, 5, 3, 4};

    return channels[layout];
}

bool iiif_layout_has_alpha(iiif_layout layout)
{
    return layout == IIIF_LAYOUT_GRAYA || layout == IIIF_LAYOUT_RGBA || layout == IIIF_LAYOUT_CMYKA ||
           layout == IIIF_LAYOUT_LABA;
}

/* The enum pairs each layout with its alpha form: odd without, even with. */
iiif_layout iiif_layout_with_alpha(iiif_layout layout, bool alpha)
{
    unsigned base = ((unsigned)layout - 1) & ~1u;

    return (iiif_layout)(base + (alpha ? 2 : 1));
}

size_t iiif_image_pixel_bytes(const iiif_image_t *image)
{
    return iiif_layout_channels(image->layout) * (image->depth / 8);
}

bool iiif_image_stride(const iiif_image_t *image, size_t *stride)
{
    size_t bytes;

    if (!iiif_mul_size(image->width, iiif_image_pixel_bytes(image), &bytes) ||
        !iiif_add_size(bytes, 63, &bytes))
        return false;
    *stride = bytes & ~(size_t)63;
    return true;
}

iiif_rc iiif_strip_alloc(iiif_strip_t *strip, const iiif_image_t *image, iiif_mem_t *mem, iiif_err_t *err)
{
    size_t rows;

    memset(strip, 0, sizeof(*strip));
    if (!iiif_image_stride(image, &strip->stride) || strip->stride == 0)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 1201, "A row of the image is too long.");
    rows = STRIP_BYTES / strip->stride;
    if (rows < 1)
        rows = 1;
    if (rows > image->height)
        rows = image->height;
    strip->capacity = (uint32_t)rows;
    strip->data = iiif_mem_array(mem, rows, strip->stride);
    if (strip->data == NULL)
        return iiif_err_memory(err, "a strip of rows", rows * strip->stride);
    return IIIF_OK;
}

void iiif_strip_free(iiif_strip_t *strip, iiif_mem_t *mem)
{
    iiif_mem_free(mem, strip->data);
    strip->data = NULL;
}

iiif_rc iiif_stage_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    iiif_strip_t part;
    uint32_t left = stage->image.height - stage->next_row;
    iiif_rc rc;

    strip->y = stage->next_row;
    strip->rows = 0;
    if (left == 0 || strip->capacity == 0)
        return IIIF_OK;
    rc = iiif_cancel_check(stage->work->cancel, err);
    if (rc != IIIF_OK)
        return rc;
    part = *strip;
    part.capacity = iiif_min_u32(part.capacity, left);
    rc = stage->pull(stage, &part, err);
    if (rc != IIIF_OK)
        return rc;
    if (part.rows == 0 || part.rows > part.capacity)
        return iiif_err_set(err, IIIF_E_INTERNAL, 1202, "A stage of the render delivered %u of %u rows.",
                            part.rows, part.capacity);
    strip->rows = part.rows;
    stage->next_row += part.rows;
    return IIIF_OK;
}

iiif_rc iiif_stage_fill(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    iiif_strip_t rest = *strip;
    uint32_t done = 0;

    strip->y = stage->next_row;
    while (done < strip->capacity) {
        iiif_rc rc;

        rest.data = strip->data + (size_t)done * strip->stride;
        rest.capacity = strip->capacity - done;
        rc = iiif_stage_pull(stage, &rest, err);
        if (rc != IIIF_OK)
            return rc;
        if (rest.rows == 0)
            break;
        done += rest.rows;
    }
    strip->rows = done;
    return IIIF_OK;
}

void iiif_stage_close(iiif_stage_t *stage)
{
    while (stage != NULL) {
        iiif_stage_t *up = stage->up;

        stage->close(stage);
        stage = up;
    }
}

/* --- a source over memory --------------------------------------------------------------------- */

typedef struct memory_stage {
    iiif_stage_t base;
    const uint8_t *data;
    size_t stride;
} memory_stage_t;

static iiif_rc memory_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    const memory_stage_t *source = (const memory_stage_t *)stage;
    size_t bytes = stage->image.width * iiif_image_pixel_bytes(&stage->image);

    (void)err;
    for (uint32_t row = 0; row < strip->capacity; row++)
        memcpy(strip->data + row * strip->stride, source->data + (size_t)(stage->next_row + row) * source->stride,
               bytes);
    strip->rows = strip->capacity;
    return IIIF_OK;
}

static void memory_close(iiif_stage_t *stage)
{
    iiif_mem_free(stage->work->mem, stage);
}

iiif_rc iiif_stage_memory(const uint8_t *data, size_t stride, const iiif_image_t *image,
                          const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    memory_stage_t *stage = iiif_mem_zalloc(work->mem, 1, sizeof(*stage));

    if (stage == NULL)
        return iiif_err_memory(err, "a source of rows", sizeof(*stage));
    stage->base.image = *image;
    stage->base.work = work;
    stage->base.pull = memory_pull;
    stage->base.close = memory_close;
    stage->data = data;
    stage->stride = stride;
    *out = &stage->base;
    return IIIF_OK;
}
