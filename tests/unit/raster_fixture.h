/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of stages share: pictures in memory, a source that delivers them in uneven bites, and a drain. */
#ifndef RASTER_FIXTURE_H
#define RASTER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/core/iiif_raster.h"

/* Samples as 32-bit numbers, whatever the depth, so that tests need one form of each check. */
typedef struct picture {
    iiif_image_t image;
    uint32_t *samples;
} picture_t;

static inline size_t picture_count(const picture_t *p)
{
    return (size_t)p->image.width * p->image.height * iiif_layout_channels(p->image.layout);
}

static inline uint32_t picture_max(const picture_t *p)
{
    return p->image.depth == 8 ? 255 : 65535;
}

static inline picture_t picture_new(uint32_t width, uint32_t height, iiif_layout layout, unsigned depth)
{
    picture_t p = {{width, height, layout, depth}, NULL};

    p.samples = calloc(picture_count(&p) + 1, sizeof(*p.samples));
    assert_non_null(p.samples);
    return p;
}

static inline void picture_free(picture_t *p)
{
    free(p->samples);
    p->samples = NULL;
}

static inline uint32_t *picture_at(const picture_t *p, uint32_t x, uint32_t y)
{
    return p->samples + ((size_t)y * p->image.width + x) * iiif_layout_channels(p->image.layout);
}

static inline uint32_t test_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Noise with hard edges in it: both ends of the range are frequent. */
static inline void picture_noise(picture_t *p, uint32_t seed)
{
    uint32_t max = picture_max(p);

    seed = seed * 2654435761u + 1;
    for (size_t i = 0; i < picture_count(p); i++) {
        uint32_t r = test_random(&seed);

        p->samples[i] = r % 5 == 0 ? 0 : r % 5 == 1 ? max : (r >> 8) % (max + 1);
    }
}

/* --- a source that owns its bytes, delivers 1, 2, 3, 1, … rows and counts ------------------------------- */

typedef struct bites {
    iiif_stage_t base;
    const picture_t *picture;
    unsigned turn;
    bool greedy;           /* as many rows as fit instead */
    uint32_t fail_row;     /* from this row on pulls fail; UINT32_MAX never */
    uint32_t *delivered;   /* may be NULL */
    bool *closed;          /* may be NULL */
} bites_t;

static inline void picture_row(const picture_t *p, uint32_t y, uint8_t *out)
{
    size_t n = (size_t)p->image.width * iiif_layout_channels(p->image.layout);
    const uint32_t *from = p->samples + y * n;

    for (size_t i = 0; i < n; i++) {
        if (p->image.depth == 8)
            out[i] = (uint8_t)from[i];
        else
            ((uint16_t *)(void *)out)[i] = (uint16_t)from[i];
    }
}

static iiif_rc bites_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    bites_t *b = (bites_t *)stage;
    uint32_t most = b->greedy ? strip->capacity : b->turn++ % 3 + 1, row;

    for (row = 0; row < strip->capacity && row < most; row++) {
        if (stage->next_row + row >= b->fail_row)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 9999, "the master is damaged");
        picture_row(b->picture, stage->next_row + row, strip->data + row * strip->stride);
    }
    strip->rows = row;
    if (b->delivered != NULL)
        *b->delivered = stage->next_row + row;
    return IIIF_OK;
}

static void bites_close(iiif_stage_t *stage)
{
    bites_t *b = (bites_t *)stage;

    if (b->closed != NULL)
        *b->closed = true;
    free(b);
}

static inline bites_t *bites_new(const picture_t *picture, const iiif_work_t *work)
{
    bites_t *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    b->base.image = picture->image;
    b->base.work = work;
    b->base.pull = bites_pull;
    b->base.close = bites_close;
    b->picture = picture;
    b->fail_row = UINT32_MAX;
    return b;
}

static inline iiif_stage_t *source_of(const picture_t *picture, const iiif_work_t *work)
{
    return &bites_new(picture, work)->base;
}

/* --- draining ------------------------------------------------------------------------------------------- */

/* Pulls everything with strips of `rows` rows whose bytes beyond the row must stay as they were. */
static inline iiif_rc drain_into(iiif_stage_t *stage, uint32_t rows, picture_t *out, iiif_err_t *err)
{
    size_t bytes = stage->image.width * iiif_image_pixel_bytes(&stage->image), stride = (bytes + 16 + 63) & ~(size_t)63;
    size_t n = (size_t)stage->image.width * iiif_layout_channels(stage->image.layout);
    uint8_t *data = aligned_alloc(64, stride * rows);
    uint32_t y = 0;
    iiif_rc rc;

    assert_non_null(data);
    *out = picture_new(stage->image.width, stage->image.height, stage->image.layout, stage->image.depth);
    for (;;) {
        iiif_strip_t strip = {data, stride, rows, 0, 0};

        memset(data, 0xA5, stride * rows);
        rc = iiif_stage_pull(stage, &strip, err);
        if (rc != IIIF_OK || strip.rows == 0)
            break;
        assert_int_equal(strip.y, y);
        for (uint32_t r = 0; r < rows; r++) {
            for (size_t i = r < strip.rows ? bytes : 0; r < strip.rows && i < stride; i++)
                assert_int_equal(data[r * stride + i], 0xA5);
        }
        for (uint32_t r = 0; r < strip.rows; r++) {
            for (size_t i = 0; i < n; i++)
                out->samples[(y + r) * n + i] = stage->image.depth == 8
                                                    ? data[r * stride + i]
                                                    : ((uint16_t *)(void *)(data + r * stride))[i];
        }
        y += strip.rows;
    }
    if (rc == IIIF_OK)
        assert_int_equal(y, stage->image.height);
    free(data);
    return rc;
}

static inline picture_t drain(iiif_stage_t *stage, uint32_t rows)
{
    iiif_err_t err = {0};
    picture_t out;

    assert_int_equal(drain_into(stage, rows, &out, &err), IIIF_OK);
    return out;
}

static inline void assert_same_picture(const picture_t *a, const picture_t *b)
{
    assert_int_equal(a->image.width, b->image.width);
    assert_int_equal(a->image.height, b->image.height);
    assert_int_equal(a->image.layout, b->image.layout);
    assert_int_equal(a->image.depth, b->image.depth);
    assert_memory_equal(a->samples, b->samples, picture_count(a) * sizeof(*a->samples));
}

/* --- what every stage must survive ---------------------------------------------------------------------- */

typedef iiif_rc (*opener_t)(iiif_stage_t *up, const iiif_work_t *work, iiif_stage_t **out, iiif_err_t *err);

/* Each allocation fails once, at opening or later: an error, nothing leaked, `up` left to the caller on refusal. */
static inline void survive_no_memory(const picture_t *picture, opener_t open)
{
    for (unsigned long n = 1;; n++) {
        iiif_mem_t mem;
        iiif_work_t work = {&mem, NULL};
        iiif_err_t err = {0};
        iiif_stage_t *stage = NULL, *up;
        picture_t out = {0};
        bool closed = false;
        bites_t *bites;
        iiif_rc rc;

        iiif_mem_init(&mem, 0);
        mem.fail_at = n;
        bites = bites_new(picture, &work);
        bites->closed = &closed;
        up = &bites->base;
        rc = open(up, &work, &stage, &err);
        assert_false(closed);
        if (rc != IIIF_OK) {
            assert_int_equal(err.kind, IIIF_E_NO_MEMORY);
            assert_int_equal(mem.used, 0);
            iiif_stage_close(up);
            continue;
        }
        rc = drain_into(stage, 3, &out, &err);
        picture_free(&out);
        iiif_stage_close(stage);
        assert_true(closed);
        assert_int_equal(mem.used, 0);
        if (rc == IIIF_OK) {
            assert_true(n > 1);
            return;
        }
        assert_int_equal(rc, IIIF_E_NO_MEMORY);
    }
}

static bool test_client_gone(void *context)
{
    return ++*(int *)context > 0;
}

/* An error of the stage before comes through with its kind and id; a client that has gone stops the work. */
static inline void survive_failures(const picture_t *picture, opener_t open)
{
    for (int gone = 0; gone < 2; gone++) {
        int asked = 0;
        iiif_mem_t mem;
        iiif_cancel_t cancel = {0, test_client_gone, &asked, 0, false};
        iiif_work_t work = {&mem, gone ? &cancel : NULL};
        iiif_err_t err = {0};
        iiif_stage_t *stage = NULL;
        picture_t out = {0};
        bites_t *bites;
        iiif_rc rc;

        iiif_mem_init(&mem, 0);
        bites = bites_new(picture, &work);
        if (!gone)
            bites->fail_row = picture->image.height / 2;
        assert_int_equal(open(&bites->base, &work, &stage, &err), IIIF_OK);
        rc = drain_into(stage, 2, &out, &err);
        assert_int_equal(rc, gone ? IIIF_E_CANCELLED : IIIF_E_BAD_MASTER);
        assert_int_equal(err.kind, rc);
        if (!gone)
            assert_int_equal(err.id, 9999);
        picture_free(&out);
        iiif_stage_close(stage);
        assert_int_equal(mem.used, 0);
    }
}

#endif
