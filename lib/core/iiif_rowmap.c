/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_rowmap.h"

static iiif_rc rowmap_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    iiif_rowmap_t *map = (iiif_rowmap_t *)stage;
    iiif_strip_t in = map->in;
    iiif_rc rc;

    in.capacity = iiif_min_u32(in.capacity, strip->capacity);
    rc = iiif_stage_pull(stage->up, &in, err);
    if (rc != IIIF_OK)
        return rc;
    for (uint32_t i = 0; i < in.rows; i++)
        map->row(map, map->state, stage->next_row + i, in.data + i * in.stride, strip->data + i * strip->stride);
    strip->rows = in.rows;
    return IIIF_OK;
}

static void rowmap_close(iiif_stage_t *stage)
{
    iiif_rowmap_t *map = (iiif_rowmap_t *)stage;

    iiif_strip_free(&map->in, stage->work->mem);
    iiif_mem_free(stage->work->mem, map->state);
    iiif_mem_free(stage->work->mem, map);
}

iiif_rc iiif_rowmap_open(iiif_stage_t *up, const iiif_image_t *image, iiif_rowmap_fn row, void *state,
                         const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    iiif_rowmap_t *map = iiif_mem_zalloc(work->mem, 1, sizeof(*map));
    iiif_rc rc;

    if (map == NULL)
        return iiif_err_memory(err, "converting rows", sizeof(*map));
    rc = iiif_strip_alloc(&map->in, &up->image, work->mem, err);
    if (rc != IIIF_OK) {
        iiif_mem_free(work->mem, map);
        return rc;
    }
    map->base.image = *image;
    map->base.work = work;
    map->base.up = up;
    map->base.pull = rowmap_pull;
    map->base.close = rowmap_close;
    map->row = row;
    map->state = state;
    *out = &map->base;
    return IIIF_OK;
}
