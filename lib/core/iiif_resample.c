/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns come first: that loop runs over whole rows without a thought for channels, and it leaves few rows for
 * the loop along them, which is harder to vectorise. It has two forms. Up to a moderate reduction the input rows
 * of one output row are kept in a ring and summed at once; beyond it, where that ring would grow with the
 * reduction, each batch of input rows is added to the sums of all output rows that it belongs to, of which
 * there are never many. Nothing is approximated: at every reduction the result is the plain weighted sum
 * of iiif_resample_axis.h in single precision. Against double precision a sample is off by 1 where the sum lies on a
 * half, and nowhere by more (16 bits: by 1; colours where alpha is thin: by what a level of alpha is worth there).
 */
#include "iiif_resample.h"

#include <math.h>
#include <string.h>

#include "iiif_crop.h"
#include "iiif_resample_axis.h"
#include "iiif_resample_kernel.h"

#define RING_MOST 64    /* input rows of one output row, from which on sums are kept instead of rows */
#define BATCH 16        /* input rows added at once to such sums */
#define AHEAD 8         /* rows of a ring beyond what one output row needs, so that pulls are not row by row */
#define SAME 1e-6       /* pixels by which a window may miss whole numbers and the border of the input */

typedef struct resample {
    iiif_stage_t base;
    iiif_axis_t down, along;
    const iiif_kernels_t *kernels;
    iiif_sample sample;         /* of the rows kept */
    unsigned channels, depth;
    bool alpha, keeps_sums;
    uint32_t column, columns;   /* of the input that the output needs */
    uint32_t last;              /* input rows from here on are not needed */

    uint8_t *rows;              /* `row_count` input rows; with alpha multiplied in, as floats of the columns */
    size_t row_stride;
    uint32_t row_count;
    uint32_t rows_in;           /* the batch: rows from 0 on */
    iiif_strip_t strip;         /* alpha only: rows as they come */
    const void **pointers;      /* to rows, for the kernel */

    float *sums;                /* `sum_count` rows of columns × channels */
    size_t sum_stride;
    uint32_t sum_count;
    uint32_t sums_begun;        /* output rows that have a sum and weights */
    float *down_weights;        /* of each sum */
    size_t down_taps;

    float *planes;
    size_t plane_stride;
    iiif_taps_t taps;
    uint32_t *starts;
    float *along_weights;
    float *line;                /* one output row */
} resample_t;

/* --- rows of the input -------------------------------------------------------------------------- */

static size_t row_offset(const resample_t *r)
{
    return r->alpha ? 0 : r->column * iiif_image_pixel_bytes(&r->base.up->image);
}

/* Up to `most` of the next input rows into the row buffer from `slot` on. */
static iiif_rc fetch(resample_t *r, uint32_t slot, uint32_t most, uint32_t *got, iiif_err_t *err)
{
    iiif_strip_t strip = r->strip;
    size_t pixel = iiif_image_pixel_bytes(&r->base.up->image);
    iiif_rc rc;

    if (!r->alpha) {
        strip.data = r->rows + slot * r->row_stride;
        strip.stride = r->row_stride;
        strip.capacity = most;
    }
    strip.capacity = iiif_min_u32(strip.capacity, most);
    rc = iiif_stage_pull(r->base.up, &strip, err);
    if (rc != IIIF_OK)
        return rc;
    if (strip.rows == 0)
        return iiif_err_set(err, IIIF_E_INTERNAL, 1211, "An image ended before its last row was scaled.");
    for (uint32_t i = 0; r->alpha && i < strip.rows; i++) {
        float *to = (float *)(void *)(r->rows + (slot + i) * r->row_stride);

        iiif_premultiply_row(to, strip.data + i * strip.stride + r->column * pixel, r->columns, r->channels,
                             r->depth);
    }
    *got = strip.rows;
    return IIIF_OK;
}

/* --- sums of one output row from a ring of input rows -------------------------------------------- */

static iiif_rc fill_ring(resample_t *r, uint32_t start, uint32_t end, iiif_err_t *err)
{
    const iiif_stage_t *up = r->base.up;

    while (up->next_row < end) {
        uint32_t slot = up->next_row % r->row_count, most, got;
        iiif_rc rc;

        most = iiif_min_u32(r->row_count - slot, r->last - up->next_row);
        if (up->next_row >= start) /* rows from `start` on must not be overwritten */
            most = iiif_min_u32(most, r->row_count - (up->next_row - start));
        rc = fetch(r, slot, most, &got, err);
        if (rc != IIIF_OK)
            return rc;
    }
    return IIIF_OK;
}

static iiif_rc sum_ring(resample_t *r, uint32_t o, float **sum, iiif_err_t *err)
{
    uint32_t start, end;
    iiif_rc rc;

    iiif_axis_span(&r->down, o, &start, &end);
    rc = fill_ring(r, start, end, err);
    if (rc != IIIF_OK)
        return rc;
    iiif_axis_weights(&r->down, o, r->down_weights);
    for (uint32_t y = start; y < end; y++)
        r->pointers[y - start] = r->rows + (y % r->row_count) * r->row_stride + row_offset(r);
    memset(r->sums, 0, r->sum_stride * sizeof(*r->sums));
    r->kernels->add_rows[r->sample](r->sums, r->pointers, r->down_weights, end - start,
                                    (size_t)r->columns * r->channels);
    *sum = r->sums;
    return IIIF_OK;
}

/* --- sums of several output rows, batch by batch ---------------------------------------------------- */

/* Adds the rows [y, y + rows_in) of the buffer to what output row `o` has so far. */
static void add_batch(resample_t *r, uint32_t o, uint32_t y)
{
    uint32_t slot = o % r->sum_count, start, end, from, to;
    const float *weights = r->down_weights + slot * r->down_taps;

    iiif_axis_span(&r->down, o, &start, &end);
    from = iiif_max_u32(start, y);
    to = iiif_min_u32(end, y + r->rows_in);
    if (from >= to)
        return;
    for (uint32_t i = from; i < to; i++)
        r->pointers[i - from] = r->rows + (i - y) * r->row_stride + row_offset(r);
    r->kernels->add_rows[r->sample](r->sums + slot * r->sum_stride, r->pointers, weights + (from - start),
                                    to - from, (size_t)r->columns * r->channels);
}

static void begin_sum(resample_t *r, uint32_t o)
{
    uint32_t slot = o % r->sum_count;

    memset(r->sums + slot * r->sum_stride, 0, r->sum_stride * sizeof(*r->sums));
    iiif_axis_weights(&r->down, o, r->down_weights + slot * r->down_taps);
    r->sums_begun = o + 1;
}

static iiif_rc sum_batches(resample_t *r, uint32_t o, float **sum, iiif_err_t *err)
{
    const iiif_stage_t *up = r->base.up;
    uint32_t start, end;

    iiif_axis_span(&r->down, o, &start, &end);
    while (up->next_row < end) {
        uint32_t y = up->next_row, p, p_start, p_end;
        iiif_rc rc = fetch(r, 0, iiif_min_u32(r->row_count, r->last - y), &r->rows_in, err);

        if (rc != IIIF_OK)
            return rc;
        for (p = o; p < r->down.out; p++) {
            iiif_axis_span(&r->down, p, &p_start, &p_end);
            if (p_start >= up->next_row)
                break;
            if (p >= r->sums_begun)
                begin_sum(r, p);
            add_batch(r, p, y);
        }
    }
    *sum = r->sums + (o % r->sum_count) * r->sum_stride;
    return IIIF_OK;
}

/* --- the stage ---------------------------------------------------------------------------------------- */

static void finish_row(resample_t *r, const float *sum, uint8_t *out)
{
    size_t width = r->base.image.width;

    r->kernels->split(r->planes, r->plane_stride, r->channels, sum, r->columns);
    r->kernels->across(r->line, r->planes, r->plane_stride, r->channels, &r->taps);
    if (r->alpha)
        iiif_unpremultiply_row(r->line, width, r->channels, r->depth);
    r->kernels->store(out, r->line, width * r->channels, r->depth);
}

static iiif_rc resample_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    resample_t *r = (resample_t *)stage;

    for (uint32_t row = 0; row < strip->capacity; row++) {
        uint32_t o = stage->next_row + row;
        float *sum = NULL;
        iiif_rc rc = iiif_cancel_check(stage->work->cancel, err);

        if (rc == IIIF_OK)
            rc = r->keeps_sums ? sum_batches(r, o, &sum, err) : sum_ring(r, o, &sum, err);
        if (rc != IIIF_OK)
            return rc;
        finish_row(r, sum, strip->data + row * strip->stride);
    }
    strip->rows = strip->capacity;
    return IIIF_OK;
}

static void resample_close(iiif_stage_t *stage)
{
    resample_t *r = (resample_t *)stage;
    iiif_mem_t *mem = stage->work->mem;

    iiif_strip_free(&r->strip, mem);
    iiif_mem_free(mem, r->rows);
    iiif_mem_free(mem, r->pointers);
    iiif_mem_free(mem, r->sums);
    iiif_mem_free(mem, r->down_weights);
    iiif_mem_free(mem, r->planes);
    iiif_mem_free(mem, r->starts);
    iiif_mem_free(mem, r->along_weights);
    iiif_mem_free(mem, r->line);
    iiif_mem_free(mem, r);
}

/* --- sizes of the buffers ------------------------------------------------------------------------------- */

/* Taps of a row of weights: whole groups of four. */
static size_t padded_taps(iiif_filter filter, double scale, uint32_t in)
{
    return (size_t)((iiif_min_u64(iiif_axis_taps(filter, scale), in) + 3) & ~(uint64_t)3);
}

/*
 * Output rows whose sums are under way at once: those that begin in the batch that brings the last row of the
 * first of them. An output row begins `scale` rows after the one before it.
 */
static uint64_t sums_at_once(iiif_filter filter, double scale)
{
    return (uint64_t)ceil(((double)iiif_axis_taps(filter, scale) + BATCH) / scale) + 2;
}

static bool wants_sums(iiif_filter filter, double scale)
{
    return iiif_axis_taps(filter, scale) > RING_MOST;
}

static void *alloc_rows(iiif_mem_t *mem, size_t rows, size_t items, size_t size)
{
    size_t bytes;

    return iiif_mul_size(items, size, &bytes) ? iiif_mem_zalloc(mem, rows, bytes) : NULL;
}

static bool alloc_down(resample_t *r, iiif_mem_t *mem, const iiif_image_t *in)
{
    uint64_t taps = iiif_min_u64(iiif_axis_taps(r->down.filter, r->down.scale), in->height);
    size_t samples;

    r->keeps_sums = wants_sums(r->down.filter, r->down.scale);
    r->row_count = r->keeps_sums ? BATCH : (uint32_t)taps + AHEAD;
    r->sum_count = r->keeps_sums ? (uint32_t)sums_at_once(r->down.filter, r->down.scale) : 1;
    r->sum_count = iiif_min_u32(r->sum_count, r->down.out);
    r->down_taps = (size_t)taps;
    if (!iiif_mul_size(r->columns, r->channels, &samples) || !iiif_add_size(samples, 15, &samples))
        return false;
    r->sum_stride = samples & ~(size_t)15;
    if (r->alpha ? !iiif_mul_size(r->sum_stride, sizeof(float), &r->row_stride)
                 : !iiif_image_stride(in, &r->row_stride))
        return false;
    r->rows = iiif_mem_array(mem, r->row_count, r->row_stride);
    r->pointers = iiif_mem_array(mem, r->keeps_sums ? BATCH : r->down_taps, sizeof(*r->pointers));
    r->sums = alloc_rows(mem, r->sum_count, r->sum_stride, sizeof(*r->sums));
    r->down_weights = alloc_rows(mem, r->sum_count, r->down_taps, sizeof(*r->down_weights));
    return r->rows != NULL && r->pointers != NULL && r->sums != NULL && r->down_weights != NULL;
}

static bool alloc_along(resample_t *r, iiif_mem_t *mem)
{
    uint32_t out = r->along.out;

    r->taps.taps = padded_taps(r->along.filter, r->along.scale, r->along.in);
    r->taps.count = out;
    r->plane_stride = ((size_t)r->columns + r->taps.taps + 15) & ~(size_t)15;
    r->planes = alloc_rows(mem, r->channels, r->plane_stride, sizeof(*r->planes));
    r->starts = iiif_mem_array(mem, out, sizeof(*r->starts));
    r->along_weights = alloc_rows(mem, out, r->taps.taps, sizeof(*r->along_weights));
    r->line = iiif_mem_array(mem, out, r->channels * sizeof(*r->line));
    return r->planes != NULL && r->starts != NULL && r->along_weights != NULL && r->line != NULL;
}

static void fill_along(resample_t *r)
{
    for (uint32_t o = 0; o < r->along.out; o++) {
        uint32_t start, end;

        iiif_axis_span(&r->along, o, &start, &end);
        r->starts[o] = start - r->column;
        iiif_axis_weights(&r->along, o, r->along_weights + o * r->taps.taps);
    }
    r->taps.starts = r->starts;
    r->taps.weights = r->along_weights;
}

size_t iiif_resample_bytes(uint32_t in_width, uint32_t out_width, double reduction_y, unsigned channels,
                           unsigned depth, iiif_filter filter)
{
    bool alpha = channels == 2 || channels >= 4; /* four may be CMYK: then it is an upper bound */
    double scale = reduction_y > 0 ? reduction_y : 1, scale_x = (double)in_width / (out_width ? out_width : 1);
    double samples = (double)in_width * channels + 64, sample = alpha ? 4 : depth / 8;
    double taps = (double)iiif_axis_taps(filter, scale);
    double taps_x = (double)iiif_min_u64(iiif_axis_taps(filter, scale_x), in_width) + 4;
    double sums = wants_sums(filter, scale) ? (double)sums_at_once(filter, scale) : 1;
    double rows = wants_sums(filter, scale) ? BATCH : taps + AHEAD;
    double bytes = rows * samples * sample + sums * (samples * 4 + taps * 4) + samples * 4 +
                   (double)channels * taps_x * 4 + (double)out_width * (taps_x * 4 + channels * 4.0 + 4) +
                   256 * 1024 + samples * depth / 8 + 4096; /* a strip: alpha, or cropping */

    return bytes < (double)SIZE_MAX / 2 ? (size_t)bytes : SIZE_MAX / 2;
}

/* --- opening ---------------------------------------------------------------------------------------------- */

/* Moves a window that misses the border or whole pixels by rounding alone; false where it is not inside. */
static bool settle(double *low, double *high, uint32_t length)
{
    if (!(*low >= -SAME && *high <= length + SAME && *low < *high))
        return false;
    if (fabs(*low - nearbyint(*low)) < SAME)
        *low = nearbyint(*low);
    if (fabs(*high - nearbyint(*high)) < SAME)
        *high = nearbyint(*high);
    return *low < *high;
}

static bool is_crop(const iiif_window_t *w, uint32_t width, uint32_t height)
{
    return w->x0 == floor(w->x0) && w->y0 == floor(w->y0) && w->x1 - w->x0 == width && w->y1 - w->y0 == height;
}

static iiif_rc open_buffers(resample_t *r, iiif_stage_t *up, const iiif_work_t *work, iiif_err_t *err)
{
    iiif_rc rc;

    if (r->alpha) {
        rc = iiif_strip_alloc(&r->strip, &up->image, work->mem, err);
        if (rc != IIIF_OK)
            return rc;
    }
    if (!alloc_down(r, work->mem, &up->image) || !alloc_along(r, work->mem))
        return iiif_err_memory(err, "scaling",
                               iiif_resample_bytes(up->image.width, r->along.out, r->down.scale, r->channels,
                                                   r->depth, r->along.filter));
    fill_along(r);
    return IIIF_OK;
}

static iiif_rc scale_open(iiif_stage_t *up, const iiif_window_t *w, uint32_t width, uint32_t height,
                          iiif_filter filter, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    resample_t *r = iiif_mem_zalloc(work->mem, 1, sizeof(*r));
    uint32_t first, end;
    iiif_rc rc;

    if (r == NULL)
        return iiif_err_memory(err, "scaling", sizeof(*r));
    r->base.image = (iiif_image_t){width, height, up->image.layout, up->image.depth};
    r->base.work = work;
    r->base.up = up;
    r->base.pull = resample_pull;
    r->base.close = resample_close;
    r->along = iiif_axis_make(filter, w->x0, w->x1, up->image.width, width);
    r->down = iiif_axis_make(filter, w->y0, w->y1, up->image.height, height);
    r->kernels = iiif_kernels_get(false);
    r->channels = iiif_layout_channels(up->image.layout);
    r->depth = up->image.depth;
    r->alpha = iiif_layout_has_alpha(up->image.layout);
    r->sample = r->alpha ? IIIF_SAMPLE_F32 : r->depth == 8 ? IIIF_SAMPLE_U8 : IIIF_SAMPLE_U16;
    iiif_axis_span(&r->along, 0, &r->column, &end);
    iiif_axis_span(&r->along, width - 1, &first, &end);
    r->columns = end - r->column;
    iiif_axis_span(&r->down, height - 1, &first, &r->last);
    rc = open_buffers(r, up, work, err);
    if (rc != IIIF_OK) {
        resample_close(&r->base);
        return rc;
    }
    *out = &r->base;
    return IIIF_OK;
}

iiif_rc iiif_resample_open(iiif_stage_t *up, const iiif_window_t *window, uint32_t width, uint32_t height,
                           iiif_filter filter, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err)
{
    iiif_window_t w = *window;

    if (width == 0 || height == 0 || !settle(&w.x0, &w.x1, up->image.width) ||
        !settle(&w.y0, &w.y1, up->image.height))
        return iiif_err_set(err, IIIF_E_INTERNAL, 1212, "The window to scale is not inside the image, or empty.");
    if (is_crop(&w, width, height)) {
        iiif_rect_t rect = {(uint32_t)w.x0, (uint32_t)w.y0, width, height};

        return iiif_crop_open(up, &rect, work, out, err);
    }
    return scale_open(up, &w, width, height, filter, work, out, err);
}

uint32_t iiif_resample_margin(iiif_filter filter, double reduction)
{
    double widest = reduction > 1.0 ? reduction : 1.0;

    if (filter == IIIF_FILTER_BOX)
        return 1;
    return widest < 1e9 ? (uint32_t)ceil(3.0 * widest) : UINT32_MAX;
}
