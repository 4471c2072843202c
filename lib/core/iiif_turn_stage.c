/* SPDX-License-Identifier: Apache-2.0 */
/* Mirror and quarter turns of pixels. */
#include <string.h>

#include "iiif_rotate.h"

#define BLOCK 32 /* pixels: a block's lines of both images stay in the first cache */

/* --- mirror: row by row ------------------------------------------------------------------------- */

typedef struct mirror {
    iiif_stage_t base;
} mirror_t;

static void mirror_row(uint8_t *row, size_t width, size_t pixel)
{
    uint8_t *left = row, *right = row + (width - 1) * pixel;

    for (; left < right; left += pixel, right -= pixel) {
        uint8_t keep[10];

        memcpy(keep, left, pixel);
        memcpy(left, right, pixel);
        memcpy(right, keep, pixel);
    }
}

static iiif_rc mirror_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    size_t pixel = iiif_image_pixel_bytes(&stage->image);
    iiif_rc rc = iiif_stage_pull(stage->up, strip, err);

    if (rc != IIIF_OK)
        return rc;
    for (uint32_t row = 0; row < strip->rows; row++)
        mirror_row(strip->data + row * strip->stride, stage->image.width, pixel);
    return IIIF_OK;
}

static void mirror_close(iiif_stage_t *stage)
{
    iiif_mem_free(stage->work->mem, stage);
}

/* --- the other turns: the whole image, turned as it comes in ------------------------------------------ */

typedef struct turned {
    iiif_stage_t base;
    iiif_turn_t turn;
    uint8_t *data;       /* turned; rows without padding */
    iiif_strip_t in;
    bool full;
} turned_t;

/* Where a pixel goes: first + x·across + y·down, in bytes. */
typedef struct path {
    ptrdiff_t first, across, down;
} path_t;

static path_t path_of(const turned_t *t)
{
    ptrdiff_t pixel = (ptrdiff_t)iiif_image_pixel_bytes(&t->base.image);
    ptrdiff_t stride = (ptrdiff_t)t->base.image.width * pixel;
    ptrdiff_t right = stride - pixel, bottom = (ptrdiff_t)(t->base.image.height - 1) * stride;
    ptrdiff_t width = (ptrdiff_t)t->base.up->image.width;
    path_t path = {0, pixel, stride};

    switch (t->turn.quarters & 3) {
    case 1: /* the first row becomes the right column, downwards */
        path = (path_t){right, stride, -pixel};
        break;
    case 2:
        path = (path_t){bottom + right, -pixel, -stride};
        break;
    case 3: /* the first row becomes the left column, upwards */
        path = (path_t){bottom, -stride, pixel};
        break;
    default:
        break;
    }
    if (t->turn.mirror) { /* before the turn: x becomes width-1-x */
        path.first += (width - 1) * path.across;
        path.across = -path.across;
    }
    return path;
}

/* A constant size of a pixel makes each copy one or two moves. */
static inline __attribute__((always_inline)) void copy_block(uint8_t *to, const path_t *path, const uint8_t *from,
                                                             size_t stride, size_t columns, size_t rows,
                                                             size_t pixel)
{
    for (size_t x = 0; x < columns; x++) {
        for (size_t y = 0; y < rows; y++)
            memcpy(to + (ptrdiff_t)x * path->across + (ptrdiff_t)y * path->down, from + y * stride + x * pixel,
                   pixel);
    }
}

static void copy_pixels(uint8_t *to, const path_t *path, const uint8_t *from, size_t stride, size_t columns,
                        size_t rows, size_t pixel)
{
    switch (pixel) {
    case 1:
        copy_block(to, path, from, stride, columns, rows, 1);
        break;
    case 2:
        copy_block(to, path, from, stride, columns, rows, 2);
        break;
    case 3:
        copy_block(to, path, from, stride, columns, rows, 3);
        break;
    case 4:
        copy_block(to, path, from, stride, columns, rows, 4);
        break;
    case 6:
        copy_block(to, path, from, stride, columns, rows, 6);
        break;
    case 8:
        copy_block(to, path, from, stride, columns, rows, 8);
        break;
    default:
        copy_block(to, path, from, stride, columns, rows, pixel);
        break;
    }
}

static void place_strip(turned_t *t, const path_t *path, const iiif_strip_t *strip)
{
    size_t pixel = iiif_image_pixel_bytes(&t->base.image), width = t->base.up->image.width;

    for (size_t y = 0; y < strip->rows; y += BLOCK) {
        for (size_t x = 0; x < width; x += BLOCK) {
            size_t rows = strip->rows - y < BLOCK ? strip->rows - y : BLOCK;
            size_t columns = width - x < BLOCK ? width - x : BLOCK;

            copy_pixels(t->data + path->first + (ptrdiff_t)x * path->across +
                            (ptrdiff_t)(strip->y + y) * path->down,
                        path, strip->data + y * strip->stride + x * pixel, strip->stride, columns, rows, pixel);
        }
    }
}

/* On the first pull: the whole of `up`, and then the strip is not needed any more. */
static iiif_rc turned_fill(turned_t *t, iiif_err_t *err)
{
    path_t path = path_of(t);

    for (;;) {
        iiif_strip_t strip = t->in;
        iiif_rc rc = iiif_stage_fill(t->base.up, &strip, err);

        if (rc != IIIF_OK)
            return rc;
        if (strip.rows == 0)
            break;
        place_strip(t, &path, &strip);
    }
    iiif_strip_free(&t->in, t->base.work->mem);
    t->full = true;
    return IIIF_OK;
}

static iiif_rc turned_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    turned_t *t = (turned_t *)stage;
    size_t bytes = stage->image.width * iiif_image_pixel_bytes(&stage->image);

    if (!t->full) {
        iiif_rc rc = turned_fill(t, err);

        if (rc != IIIF_OK)
            return rc;
    }
    for (uint32_t row = 0; row < strip->capacity; row++)
        memcpy(strip->data + row * strip->stride, t->data + (size_t)(stage->next_row + row) * bytes, bytes);
    strip->rows = strip->capacity;
    return IIIF_OK;
}

static void turned_close(iiif_stage_t *stage)
{
    turned_t *t = (turned_t *)stage;

    iiif_strip_free(&t->in, stage->work->mem);
    iiif_mem_free(stage->work->mem, t->data);
    iiif_mem_free(stage->work->mem, t);
}

/* --- opening --------------------------------------------------------------------------------------- */

static iiif_rc mirror_open(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    mirror_t *mirror = iiif_mem_zalloc(work->mem, 1, sizeof(*mirror));

    if (mirror == NULL)
        return iiif_err_memory(err, "mirroring", sizeof(*mirror));
    mirror->base.image = up->image;
    mirror->base.work = work;
    mirror->base.up = up;
    mirror->base.pull = mirror_pull;
    mirror->base.close = mirror_close;
    *out = &mirror->base;
    return IIIF_OK;
}

static iiif_rc turned_alloc(turned_t *t, iiif_stage_t *up, iiif_mem_t *mem, iiif_err_t *err)
{
    size_t bytes;

    if (!iiif_mul_size(t->base.image.width, iiif_image_pixel_bytes(&t->base.image), &bytes) ||
        !iiif_mul_size(bytes, t->base.image.height, &bytes) || bytes > PTRDIFF_MAX)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 1230, "The image is too large to be turned; ask for a smaller size.");
    t->data = iiif_mem_alloc(mem, bytes);
    if (t->data == NULL)
        return iiif_err_memory(err, "turning", bytes);
    return iiif_strip_alloc(&t->in, &up->image, mem, err);
}

iiif_rc iiif_turn_open(iiif_stage_t *up, iiif_turn_t turn, const iiif_work_t *work, iiif_stage_t **out,
                       iiif_err_t *err)
{
    turned_t *t;
    iiif_rc rc;

    if ((turn.quarters & 3) == 0) {
        if (turn.mirror)
            return mirror_open(up, work, out, err);
        *out = up;
        return IIIF_OK;
    }
    t = iiif_mem_zalloc(work->mem, 1, sizeof(*t));
    if (t == NULL)
        return iiif_err_memory(err, "turning", sizeof(*t));
    t->turn = turn;
    t->base.image = up->image;
    if (iiif_turn_swaps(turn)) {
        t->base.image.width = up->image.height;
        t->base.image.height = up->image.width;
    }
    t->base.work = work;
    t->base.up = up;
    t->base.pull = turned_pull;
    t->base.close = turned_close;
    rc = turned_alloc(t, up, work->mem, err);
    if (rc != IIIF_OK) {
        turned_close(&t->base);
        return rc;
    }
    *out = &t->base;
    return IIIF_OK;
}
