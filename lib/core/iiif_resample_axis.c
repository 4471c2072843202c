/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_resample_axis.h"

#include <math.h>

#define LOBES 3.0

static const double PI = 3.14159265358979323846;

iiif_axis_t iiif_axis_make(iiif_filter filter, double x0, double x1, uint32_t in, uint32_t out)
{
    iiif_axis_t axis;

    axis.filter = filter;
    axis.origin = x0;
    axis.scale = (x1 - x0) / out;
    axis.support = filter == IIIF_FILTER_BOX ? fmax(axis.scale, 1.0) / 2 : LOBES * fmax(axis.scale, 1.0);
    axis.in = in;
    axis.out = out;
    return axis;
}

uint64_t iiif_axis_taps(iiif_filter filter, double scale)
{
    double widest = scale > 1.0 ? fmin(scale, UINT32_MAX) : 1.0;

    return (uint64_t)ceil(filter == IIIF_FILTER_BOX ? widest : 2 * LOBES * widest) + 1;
}

static double centre_of(const iiif_axis_t *axis, uint32_t o)
{
    return axis->origin + (o + 0.5) * axis->scale;
}

/* The span as if the input had no borders. */
static void open_span(const iiif_axis_t *axis, uint32_t o, int64_t *start, int64_t *end)
{
    double centre = centre_of(axis, o);

    if (axis->filter == IIIF_FILTER_BOX) {
        bool nearest = axis->scale < 1.0;

        *start = (int64_t)floor(nearest ? centre : centre - axis->support);
        *end = nearest ? *start + 1 : (int64_t)ceil(centre + axis->support);
    } else {
        *start = (int64_t)floor(centre - axis->support - 0.5) + 1;
        *end = (int64_t)ceil(centre + axis->support - 0.5);
    }
    if (*end <= *start)
        *end = *start + 1;
}

static int64_t inside(const iiif_axis_t *axis, int64_t i)
{
    if (i < 0)
        return 0;
    return i < (int64_t)axis->in ? i : (int64_t)axis->in - 1;
}

void iiif_axis_span(const iiif_axis_t *axis, uint32_t o, uint32_t *start, uint32_t *end)
{
    int64_t from, to;

    open_span(axis, o, &from, &to);
    *start = (uint32_t)inside(axis, from);
    *end = (uint32_t)inside(axis, to - 1) + 1;
}

static double lanczos3(double t)
{
    double x = PI * t;

    if (fabs(t) < 1e-9)
        return 1.0;
    if (fabs(t) >= LOBES)
        return 0.0;
    return sin(x) * sin(x / LOBES) * LOBES / (x * x);
}

static double weight_at(const iiif_axis_t *axis, double centre, int64_t i)
{
    double at = (double)i;

    if (axis->filter == IIIF_FILTER_LANCZOS3)
        return lanczos3((at + 0.5 - centre) / (axis->support / LOBES));
    if (axis->scale < 1.0)
        return 1.0;
    return fmax(0.0, fmin(at + 1.0, centre + axis->support) - fmax(at, centre - axis->support));
}

void iiif_axis_weights(const iiif_axis_t *axis, uint32_t o, float *weights)
{
    double centre = centre_of(axis, o), total = 0.0;
    uint32_t first, end;
    int64_t from, to;
    float share;

    open_span(axis, o, &from, &to);
    iiif_axis_span(axis, o, &first, &end);
    for (uint32_t i = 0; i < end - first; i++)
        weights[i] = 0.0f;
    for (int64_t i = from; i < to; i++) {
        double weight = weight_at(axis, centre, i);

        total += weight;
        weights[inside(axis, i) - first] += (float)weight;
    }
    share = (float)(1.0 / total);
    for (uint32_t i = 0; i < end - first; i++)
        weights[i] *= share;
}
