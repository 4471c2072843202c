/* SPDX-License-Identifier: Apache-2.0 */
#include "quantize.h"

#include <string.h>

#define OPAQUE_FROM 128u
#define SIDE 33u             /* 32 cells a channel, and a border of zeros before the first */
#define CELLS (SIDE * SIDE * SIDE)
#define EXACT_SLOTS 1024u    /* a power of two well above 256 */

/* Of the pixels in a cell or, once summed up, in all cells from the origin to this one. */
typedef struct moments {
    int64_t n, r, g, b;
    int64_t squares;
} moments_t;

struct iiif_quantizer {
    iiif_mem_t *mem;
    moments_t *cells;
    bool transparent;
    unsigned exact_count;                 /* 257: more than a palette holds */
    uint32_t exact[EXACT_SLOTS];          /* 0xFFrrggbb; 0 is an empty slot */
};

/* Cells (low, high] in each channel. */
typedef struct box {
    unsigned low[3], high[3];
    double variance;
} box_t;

/* --- counting ------------------------------------------------------------------------------------------- */

iiif_rc iiif_quantizer_open(iiif_mem_t *mem, iiif_quantizer_t **out, iiif_err_t *err)
{
    iiif_quantizer_t *quantizer = iiif_mem_zalloc(mem, 1, sizeof(*quantizer));

    if (quantizer == NULL)
        return iiif_err_memory(err, "a colour quantiser", sizeof(*quantizer));
    quantizer->mem = mem;
    quantizer->cells = iiif_mem_zalloc(mem, CELLS, sizeof(moments_t));
    if (quantizer->cells == NULL) {
        iiif_mem_free(mem, quantizer);
        return iiif_err_memory(err, "the histogram of a colour quantiser", CELLS * sizeof(moments_t));
    }
    *out = quantizer;
    return IIIF_OK;
}

void iiif_quantizer_close(iiif_quantizer_t *quantizer)
{
    if (quantizer == NULL)
        return;
    iiif_mem_free(quantizer->mem, quantizer->cells);
    iiif_mem_free(quantizer->mem, quantizer);
}

static uint32_t color_key(const uint8_t *rgb)
{
    return 0xFF000000u | (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

/* Remembers a colour as long as there are few. */
static void add_exact(iiif_quantizer_t *quantizer, uint32_t key)
{
    uint32_t slot = key * 2654435761u >> 22; /* Knuth's multiplicative hash to 10 bits */

    while (quantizer->exact[slot] != 0 && quantizer->exact[slot] != key)
        slot = (slot + 1) % EXACT_SLOTS;
    if (quantizer->exact[slot] == 0)
        quantizer->exact_count++;
    quantizer->exact[slot] = key;
}

static moments_t *cell_at(moments_t *cells, unsigned r, unsigned g, unsigned b)
{
    return &cells[(r * SIDE + g) * SIDE + b];
}

void iiif_quantizer_add(iiif_quantizer_t *quantizer, const uint8_t *pixels, size_t count, unsigned channels)
{
    uint32_t last = 0;

    for (size_t i = 0; i < count; i++, pixels += channels) {
        moments_t *cell;
        uint32_t key;

        if (channels == 4 && pixels[3] < OPAQUE_FROM) {
            quantizer->transparent = true;
            continue;
        }
        key = color_key(pixels);
        if (key != last && quantizer->exact_count <= IIIF_PALETTE_MAX)
            add_exact(quantizer, key);
        last = key;
        cell = cell_at(quantizer->cells, pixels[0] / 8u + 1, pixels[1] / 8u + 1, pixels[2] / 8u + 1);
        cell->n++;
        cell->r += pixels[0];
        cell->g += pixels[1];
        cell->b += pixels[2];
        cell->squares += pixels[0] * pixels[0] + pixels[1] * pixels[1] + pixels[2] * pixels[2];
    }
}

bool iiif_quantizer_transparent(const iiif_quantizer_t *quantizer)
{
    return quantizer->transparent;
}

/* --- moments ---------------------------------------------------------------------------------------------- */

static void moments_add(moments_t *to, const moments_t *what, int sign)
{
    to->n += sign * what->n;
    to->r += sign * what->r;
    to->g += sign * what->g;
    to->b += sign * what->b;
    to->squares += sign * what->squares;
}

/* Sums along one channel after the other: each cell then holds all from the origin up to itself. */
static void accumulate(moments_t *cells)
{
    static const unsigned step[3] = {SIDE * SIDE, SIDE, 1};

    for (unsigned axis = 0; axis < 3; axis++) {
        for (unsigned i = 0; i < CELLS; i++) {
            if (i / step[axis] % SIDE != 0)
                moments_add(&cells[i], &cells[i - step[axis]], 1);
        }
    }
}

/* Of the pixels in a box, by inclusion and exclusion of its eight corners. */
static moments_t box_moments(moments_t *cells, const box_t *box)
{
    moments_t sum = {0, 0, 0, 0, 0};

    for (unsigned corner = 0; corner < 8; corner++) {
        unsigned r = corner & 1 ? box->low[0] : box->high[0];
        unsigned g = corner & 2 ? box->low[1] : box->high[1];
        unsigned b = corner & 4 ? box->low[2] : box->high[2];

        moments_add(&sum, cell_at(cells, r, g, b), __builtin_parity(corner) ? -1 : 1);
    }
    return sum;
}

/* |sum of colours|² / n: the greater, the tighter the pixels lie around their mean. */
static double tightness(const moments_t *m)
{
    double r = (double)m->r, g = (double)m->g, b = (double)m->b;

    return m->n == 0 ? 0 : (r * r + g * g + b * b) / (double)m->n;
}

/* --- boxes --------------------------------------------------------------------------------------------------- */

static void measure(moments_t *cells, box_t *box)
{
    moments_t m = box_moments(cells, box);

    box->variance = (double)m.squares - tightness(&m);
}

/* Cuts a box where the two halves are tightest. False, and no longer a candidate, where it cannot be cut. */
static bool cut(moments_t *cells, box_t *box, box_t *other)
{
    moments_t whole = box_moments(cells, box);
    double best = 0;
    unsigned best_axis = 3, best_at = 0;

    for (unsigned axis = 0; axis < 3; axis++) {
        for (unsigned at = box->low[axis] + 1; at < box->high[axis]; at++) {
            box_t lower = *box;
            moments_t below, above = whole;
            double score;

            lower.high[axis] = at;
            below = box_moments(cells, &lower);
            moments_add(&above, &below, -1);
            score = tightness(&below) + tightness(&above);
            if (below.n > 0 && above.n > 0 && score > best) {
                best = score;
                best_axis = axis;
                best_at = at;
            }
        }
    }
    if (best_axis == 3) {
        box->variance = 0;
        return false;
    }
    *other = *box;
    box->high[best_axis] = best_at;
    other->low[best_axis] = best_at;
    measure(cells, box);
    measure(cells, other);
    return true;
}

static unsigned widest(const box_t *boxes, unsigned count)
{
    unsigned best = 0;

    for (unsigned i = 1; i < count; i++) {
        if (boxes[i].variance > boxes[best].variance)
            best = i;
    }
    return best;
}

static uint8_t mean(int64_t sum, int64_t n)
{
    return (uint8_t)((sum + n / 2) / n);
}

static void choose(moments_t *cells, unsigned most, iiif_palette_t *out)
{
    box_t boxes[IIIF_PALETTE_MAX];
    unsigned count = 1;

    accumulate(cells);
    boxes[0] = (box_t){{0, 0, 0}, {SIDE - 1, SIDE - 1, SIDE - 1}, 0};
    measure(cells, &boxes[0]);
    while (count < most) {
        unsigned i = widest(boxes, count);

        if (boxes[i].variance <= 0)
            break;
        if (cut(cells, &boxes[i], &boxes[count]))
            count++;
    }
    for (unsigned i = 0; i < count; i++) {
        moments_t m = box_moments(cells, &boxes[i]);

        out->rgb[i][0] = mean(m.r, m.n);
        out->rgb[i][1] = mean(m.g, m.n);
        out->rgb[i][2] = mean(m.b, m.n);
    }
    out->count = count;
}

/* In order of the colours, so that equal images give equal files. */
static void take_exact(const iiif_quantizer_t *quantizer, iiif_palette_t *out)
{
    uint32_t keys[IIIF_PALETTE_MAX];
    unsigned count = 0;

    for (unsigned slot = 0; slot < EXACT_SLOTS; slot++) {
        uint32_t key = quantizer->exact[slot];
        unsigned at = count;

        if (key == 0)
            continue;
        for (; at > 0 && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        out->rgb[i][0] = (uint8_t)(keys[i] >> 16);
        out->rgb[i][1] = (uint8_t)(keys[i] >> 8);
        out->rgb[i][2] = (uint8_t)keys[i];
    }
    out->count = count;
    out->exact = true;
}

void iiif_quantizer_palette(iiif_quantizer_t *quantizer, unsigned most, iiif_palette_t *out)
{
    memset(out, 0, sizeof(*out));
    if (most < 1 || most > IIIF_PALETTE_MAX)
        most = IIIF_PALETTE_MAX;
    if (quantizer->exact_count == 0)
        out->count = 1;
    else if (quantizer->exact_count <= most)
        take_exact(quantizer, out);
    else
        choose(quantizer->cells, most, out);
}

/* --- mapping --------------------------------------------------------------------------------------------------- */

#define CACHE_SIDE 64u       /* two bits of each channel are dropped */
#define CACHE_CELLS (CACHE_SIDE * CACHE_SIDE * CACHE_SIDE)

struct iiif_ditherer {
    const iiif_palette_t *palette;
    iiif_mem_t *mem;
    uint32_t width;
    unsigned channels;
    uint8_t transparent;
    bool backwards;          /* direction of the next row: serpentine, so that no pattern leans one way */
    int16_t *here, *below;   /* errors in sixteenths of a row and the next, with a pixel on either side */
    uint16_t *cache;         /* index + 1 by colour; 0 is not yet known */
};

void iiif_ditherer_close(iiif_ditherer_t *ditherer)
{
    if (ditherer == NULL)
        return;
    iiif_mem_free(ditherer->mem, ditherer->here);
    iiif_mem_free(ditherer->mem, ditherer->below);
    iiif_mem_free(ditherer->mem, ditherer->cache);
    iiif_mem_free(ditherer->mem, ditherer);
}

iiif_rc iiif_ditherer_open(const iiif_palette_t *palette, uint32_t width, unsigned channels, uint8_t transparent,
                           iiif_mem_t *mem, iiif_ditherer_t **out, iiif_err_t *err)
{
    iiif_ditherer_t *ditherer = iiif_mem_zalloc(mem, 1, sizeof(*ditherer));
    size_t errors = ((size_t)width + 2) * 3;

    if (ditherer == NULL)
        return iiif_err_memory(err, "a ditherer", sizeof(*ditherer));
    ditherer->palette = palette;
    ditherer->mem = mem;
    ditherer->width = width;
    ditherer->channels = channels;
    ditherer->transparent = transparent;
    ditherer->here = iiif_mem_zalloc(mem, errors, sizeof(int16_t));
    ditherer->below = iiif_mem_zalloc(mem, errors, sizeof(int16_t));
    ditherer->cache = iiif_mem_zalloc(mem, CACHE_CELLS, sizeof(uint16_t));
    if (ditherer->here == NULL || ditherer->below == NULL || ditherer->cache == NULL) {
        iiif_ditherer_close(ditherer);
        return iiif_err_memory(err, "the rows of a ditherer", errors * sizeof(int16_t));
    }
    *out = ditherer;
    return IIIF_OK;
}

static uint8_t nearest(const iiif_palette_t *palette, const int color[3])
{
    int best = INT32_MAX;
    unsigned index = 0;

    for (unsigned i = 0; i < palette->count; i++) {
        int r = color[0] - palette->rgb[i][0], g = color[1] - palette->rgb[i][1], b = color[2] - palette->rgb[i][2];
        int distance = r * r + g * g + b * b;

        if (distance < best) {
            best = distance;
            index = i;
        }
    }
    return (uint8_t)index;
}

/* Keys of the exact palette are in order (take_exact). */
static uint8_t find_exact(const iiif_palette_t *palette, const uint8_t *rgb)
{
    unsigned low = 0, high = palette->count;

    while (high - low > 1) {
        unsigned middle = (low + high) / 2;

        if (memcmp(palette->rgb[middle], rgb, 3) <= 0)
            low = middle;
        else
            high = middle;
    }
    return (uint8_t)low;
}

static uint8_t nearest_cached(iiif_ditherer_t *ditherer, const int color[3])
{
    size_t key = ((size_t)(color[0] >> 2) * CACHE_SIDE + (size_t)(color[1] >> 2)) * CACHE_SIDE + (size_t)(color[2] >> 2);

    if (ditherer->cache[key] == 0)
        ditherer->cache[key] = (uint16_t)(nearest(ditherer->palette, color) + 1);
    return (uint8_t)(ditherer->cache[key] - 1);
}

static int clamp(int value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

/* 7/16 ahead, 3/16, 5/16 and 1/16 below. What clamping cut off is not handed on. */
static uint8_t diffuse(iiif_ditherer_t *ditherer, const uint8_t *pixel, size_t at, int ahead)
{
    int color[3];
    uint8_t index;

    for (unsigned c = 0; c < 3; c++)
        color[c] = clamp(pixel[c] + (ditherer->here[at + c] + 8) / 16);
    index = nearest_cached(ditherer, color);
    for (unsigned c = 0; c < 3; c++) {
        int error = color[c] - ditherer->palette->rgb[index][c];
        int16_t *here = &ditherer->here[at + c], *below = &ditherer->below[at + c];

        here[ahead] = (int16_t)(here[ahead] + 7 * error);
        below[-ahead] = (int16_t)(below[-ahead] + 3 * error);
        below[0] = (int16_t)(below[0] + 5 * error);
        below[ahead] = (int16_t)(below[ahead] + error);
    }
    return index;
}

static void swap_errors(iiif_ditherer_t *ditherer)
{
    int16_t *spent = ditherer->here;

    memset(spent, 0, ((size_t)ditherer->width + 2) * 3 * sizeof(*spent));
    ditherer->here = ditherer->below;
    ditherer->below = spent;
    ditherer->backwards = !ditherer->backwards;
}

void iiif_ditherer_row(iiif_ditherer_t *ditherer, const uint8_t *pixels, uint8_t *indices)
{
    bool backwards = ditherer->backwards;

    for (uint32_t i = 0; i < ditherer->width; i++) {
        uint32_t x = backwards ? ditherer->width - 1 - i : i;
        const uint8_t *pixel = pixels + (size_t)x * ditherer->channels;

        if (ditherer->channels == 4 && pixel[3] < OPAQUE_FROM)
            indices[x] = ditherer->transparent;
        else if (ditherer->palette->exact)
            indices[x] = find_exact(ditherer->palette, pixel);
        else
            indices[x] = diffuse(ditherer, pixel, ((size_t)x + 1) * 3, backwards ? -3 : 3);
    }
    swap_errors(ditherer);
}
