/* SPDX-License-Identifier: Apache-2.0 */
/* The algebra of turns and the bounds of a rotation: arithmetic alone, no pixels. */
#include "iiif_rotate.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

iiif_turn_t iiif_turn_of_orientation(unsigned exif)
{
    /* CIPA DC-008 §4.6.4 A: where row 0 and column 0 of the stored image lie when it is upright. */
    static const iiif_turn_t turns[9] = {
        {false, 0},
        {false, 0}, /* 1: top, left */
        {true, 0},  /* 2: top, right */
        {false, 2}, /* 3: bottom, right */
        {true, 2},  /* 4: bottom, left */
        {true, 3},  /* 5: left, top: transposed */
        {false, 1}, /* 6: right, top */
        {true, 1},  /* 7: right, bottom: transposed along the other diagonal */
        {false, 3}, /* 8: left, bottom */
    };

    return turns[exif <= 8 ? exif : 0];
}

iiif_turn_t iiif_turn_then(iiif_turn_t first, iiif_turn_t second)
{
    /* A turn that comes before a mirror is the opposite turn after it. */
    unsigned before = second.mirror ? 4u - (first.quarters & 3u) : first.quarters;
    iiif_turn_t both;

    both.mirror = first.mirror != second.mirror;
    both.quarters = (uint8_t)((before + second.quarters) & 3u);
    return both;
}

bool iiif_turn_swaps(iiif_turn_t turn)
{
    return (turn.quarters & 1) != 0;
}

iiif_rect_t iiif_turn_back(iiif_turn_t turn, iiif_rect_t rect, uint32_t width, uint32_t height)
{
    iiif_rect_t back = rect;

    switch (turn.quarters & 3) {
    case 1:
        back = (iiif_rect_t){rect.y, height - rect.x - rect.w, rect.h, rect.w};
        break;
    case 2:
        back.x = width - rect.x - rect.w;
        back.y = height - rect.y - rect.h;
        break;
    case 3:
        back = (iiif_rect_t){width - rect.y - rect.h, rect.x, rect.h, rect.w};
        break;
    default:
        break;
    }
    if (turn.mirror)
        back.x = width - back.x - back.w;
    return back;
}

static uint32_t round_bound(double length)
{
    /* Half up, with a hair for the error of the sine: 0.5 must not become 0.49999999999999994. */
    double rounded = floor(length + 0.5 + 1e-9);

    if (!(rounded >= 1.0))
        return 1;
    return rounded < (double)UINT32_MAX ? (uint32_t)rounded : UINT32_MAX;
}

void iiif_rotate_bounds(uint32_t width, uint32_t height, double degrees, uint32_t *out_width,
                        uint32_t *out_height)
{
    double quarters = degrees / 90.0;
    double c, s;

    if (quarters == floor(quarters)) { /* the sine of a rounded multiple of π is not quite 0 */
        c = fmod(quarters, 2.0) == 0.0 ? 1.0 : 0.0;
        s = 1.0 - c;
    } else {
        c = fabs(cos(degrees * PI / 180.0));
        s = fabs(sin(degrees * PI / 180.0));
    }
    *out_width = round_bound(width * c + height * s);
    *out_height = round_bound(height * c + width * s);
}
