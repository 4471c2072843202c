/* SPDX-License-Identifier: Apache-2.0 */
#include "dec_jp2_pixels.h"

#include <math.h>
#include <string.h>

/* --- roles of channels ------------------------------------------------------------------------------- */

/* Which channel is which colour, and which is opacity. */
typedef struct roles {
    unsigned colour_count;
    unsigned colours[IIIF_JP2_CHANNELS_MAX];
    bool has_alpha;
    bool is_premultiplied;
    unsigned alpha;
} roles_t;

static unsigned channel_count(const iiif_jp2_t *jp2, const iiif_j2k_header_t *header)
{
    return jp2->mapping_count != 0 ? jp2->mapping_count : header->component_count;
}

/* By the channel definition box (I.5.3.6). Colours are numbered from 1; what is not all there is not used. */
static void define_roles(const iiif_jp2_t *jp2, unsigned channels, roles_t *roles)
{
    bool have[IIIF_JP2_CHANNELS_MAX] = {false};

    for (unsigned i = 0; i < jp2->definition_count; i++) {
        const iiif_jp2_definition_t *d = &jp2->definitions[i];

        if (d->channel >= channels)
            continue;
        if (d->type == IIIF_JP2_TYPE_COLOUR && d->association >= 1 && d->association <= IIIF_JP2_CHANNELS_MAX) {
            roles->colours[d->association - 1] = d->channel;
            have[d->association - 1] = true;
        } else if ((d->type == IIIF_JP2_TYPE_OPACITY || d->type == IIIF_JP2_TYPE_PREMULTIPLIED) &&
                   d->association == 0 && !roles->has_alpha) {
            roles->has_alpha = true;
            roles->is_premultiplied = d->type == IIIF_JP2_TYPE_PREMULTIPLIED;
            roles->alpha = d->channel;
        }
    }
    while (roles->colour_count < IIIF_JP2_CHANNELS_MAX && have[roles->colour_count])
        roles->colour_count++;
}

static void find_roles(const iiif_jp2_t *jp2, const iiif_j2k_header_t *header, roles_t *roles)
{
    unsigned channels = channel_count(jp2, header);

    memset(roles, 0, sizeof(*roles));
    define_roles(jp2, channels, roles);
    if (roles->colour_count > 0)
        return;
    /* No word on the colours: they come in order. */
    for (unsigned c = 0; c < channels; c++) {
        if (!roles->has_alpha || c != roles->alpha)
            roles->colours[roles->colour_count++] = c;
    }
}

/* --- colour space -------------------------------------------------------------------------------------- */

static bool is_subsampled_chroma(const iiif_j2k_header_t *h)
{
    const iiif_j2k_component_t *c = h->components;

    return h->component_count == 3 && !h->has_transform && (c[1].dx != c[0].dx || c[1].dy != c[0].dy) &&
           c[1].dx == c[2].dx && c[1].dy == c[2].dy;
}

/* The enumerated space to treat the colours as, from whatever the file says; `colours` are there. */
static uint32_t find_space(const iiif_jp2_t *jp2, const iiif_j2k_header_t *header, unsigned colours)
{
    const iiif_jp2_colour_t *colour = &jp2->colour;
    uint32_t space = UINT32_MAX;

    if (colour->method == IIIF_JP2_COLOUR_ENUMERATED) {
        space = colour->space;
    } else if (colour->method == IIIF_JP2_COLOUR_ICC) {
        if (strcmp(colour->icc_space, "GRAY") == 0)
            space = IIIF_JP2_GRAY;
        else if (strcmp(colour->icc_space, "CMYK") == 0)
            space = IIIF_JP2_CMYK;
        else
            space = IIIF_JP2_SRGB;
    }
    switch (space) {
    case IIIF_JP2_BILEVEL_WHITE0:
    case IIIF_JP2_BILEVEL_BLACK0:
    case IIIF_JP2_GRAY:
        return space;
    case IIIF_JP2_CMYK:
        if (colours >= 4)
            return space;
        break;
    case IIIF_JP2_YCBCR1:
    case IIIF_JP2_YCBCR2:
    case IIIF_JP2_YCBCR3:
    case IIIF_JP2_SYCC:
    case IIIF_JP2_ESYCC:
    case IIIF_JP2_CMY:
    case IIIF_JP2_CIELAB:
    case IIIF_JP2_SRGB:
        if (colours >= 3)
            return space;
        break;
    default:
        /* Subsampled G and B make no sense: what has no name and looks like this is YCC. */
        if (colours == 3 && is_subsampled_chroma(header))
            return IIIF_JP2_SYCC;
        break;
    }
    return colours >= 3 ? IIIF_JP2_SRGB : IIIF_JP2_GRAY;
}

static iiif_layout layout_of(const iiif_jp2_t *jp2, uint32_t space, unsigned *colours)
{
    switch (space) {
    case IIIF_JP2_BILEVEL_WHITE0:
    case IIIF_JP2_BILEVEL_BLACK0:
    case IIIF_JP2_GRAY:
        *colours = 1;
        return IIIF_LAYOUT_GRAY;
    case IIIF_JP2_CMYK:
        *colours = 4;
        return IIIF_LAYOUT_CMYK;
    case IIIF_JP2_CIELAB:
        *colours = 3;
        return IIIF_LAYOUT_LAB;
    default:
        *colours = 3;
        return jp2->colour.method == IIIF_JP2_COLOUR_ICC && strcmp(jp2->colour.icc_space, "Lab ") == 0
                   ? IIIF_LAYOUT_LAB
                   : IIIF_LAYOUT_RGB;
    }
}

/* --- channels -------------------------------------------------------------------------------------------- */

static iiif_rc add_channel(const iiif_jp2_t *jp2, unsigned index, iiif_jp2_pixels_t *pixels, iiif_err_t *err)
{
    iiif_jp2_channel_t *channel = &pixels->channels[pixels->count++];
    iiif_jp2_mapping_t direct = {(uint16_t)index, false, 0};
    const iiif_jp2_mapping_t *mapping = jp2->mapping_count != 0 ? &jp2->mappings[index] : &direct;

    memset(channel, 0, sizeof(*channel));
    if (mapping->component >= pixels->header->component_count ||
        (mapping->by_palette && mapping->column >= jp2->palette.columns))
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2270,
                            "Channel %u of the JP2 master is mapped to a component or palette column it does not have.",
                            index);
    channel->component = mapping->component;
    channel->by_palette = mapping->by_palette;
    channel->column = mapping->column;
    if (mapping->by_palette) {
        channel->bits = jp2->palette.bits[mapping->column];
        channel->is_signed = jp2->palette.is_signed[mapping->column];
        pixels->has_palette = true;
    } else {
        channel->bits = pixels->header->components[mapping->component].bits;
        channel->is_signed = pixels->header->components[mapping->component].is_signed;
    }
    return IIIF_OK;
}

static double full(unsigned bits)
{
    return (double)((1u << bits) - 1);
}

/* Full range to full range. */
static void scale_plain(iiif_jp2_channel_t *channel, unsigned depth, bool inverted)
{
    channel->scale = full(depth) / full(channel->bits);
    channel->shift = 0;
    if (inverted) {
        channel->scale = -channel->scale;
        channel->shift = full(channel->bits);
    }
}

/*
 * CIELab (15444-2 M.11.7.4.1): L* = (v − OL)·RL/(2^n−1), a*, b* likewise; to the layout's L·max/100 and (a+128)·max/255. The
 * illuminant is not adapted: L*a*b* is relative to its white, which is what the layout means too.
 */
static void scale_lab(iiif_jp2_channel_t *channel, unsigned index, const iiif_jp2_colour_t *colour, unsigned depth)
{
    static const unsigned default_range[3] = {100, 170, 200};
    unsigned bits = channel->bits;
    double half = (double)(1u << (bits - 1));
    double range = default_range[index], offset = index == 0 ? 0 : half;
    double unit = index == 0 ? full(depth) / 100 : full(depth) / 255, base = index == 0 ? 0 : 128;

    if (index == 2)
        offset = half * 0.75;
    if (colour->has_lab) {
        range = colour->lab_range[index];
        offset = (double)colour->lab_offset[index] + (channel->is_signed ? half : 0);
    }
    if (range <= 0) /* says nothing */
        range = default_range[index];
    channel->scale = range / full(bits) * unit;
    channel->shift = offset - base * unit / channel->scale;
}

/* BT.601 or BT.709 matrices from Kr, Kb; `is_video`: 16…235, 16…240 of 8 bits. */
static void set_ycc(iiif_jp2_pixels_t *pixels, uint32_t space)
{
    bool is_video = space == IIIF_JP2_YCBCR1 || space == IIIF_JP2_YCBCR3;
    double kr = space == IIIF_JP2_YCBCR1 ? 0.2126 : 0.299, kb = space == IIIF_JP2_YCBCR1 ? 0.0722 : 0.114;
    double kg = 1 - kr - kb, max = full(pixels->depth), unit[3];
    iiif_jp2_ycc_t *ycc = &pixels->ycc;

    for (unsigned c = 0; c < 3; c++) {
        double range = full(pixels->channels[c].bits);

        unit[c] = max / (is_video ? range * (c == 0 ? 219 : 224) / 255 : range);
    }
    pixels->is_ycc = true;
    ycc->y = (float)unit[0];
    ycc->y_zero = is_video ? (float)(full(pixels->channels[0].bits) * 16 / 255) : 0;
    ycc->cb_zero = (float)(1u << (pixels->channels[1].bits - 1));
    ycc->cr_zero = (float)(1u << (pixels->channels[2].bits - 1));
    ycc->r_cr = (float)(2 * (1 - kr) * unit[2]);
    ycc->b_cb = (float)(2 * (1 - kb) * unit[1]);
    ycc->g_cb = (float)(2 * kb * (1 - kb) / kg * unit[1]);
    ycc->g_cr = (float)(2 * kr * (1 - kr) / kg * unit[2]);
}

static void set_scales(const iiif_jp2_t *jp2, uint32_t space, unsigned colours, iiif_jp2_pixels_t *pixels)
{
    for (unsigned c = 0; c < pixels->count; c++) {
        bool is_colour = c < colours;

        if (is_colour && space == IIIF_JP2_CIELAB)
            scale_lab(&pixels->channels[c], c, &jp2->colour, pixels->depth);
        else
            scale_plain(&pixels->channels[c], pixels->depth,
                        is_colour && (space == IIIF_JP2_BILEVEL_WHITE0 || space == IIIF_JP2_CMY));
    }
    switch (space) {
    case IIIF_JP2_YCBCR1:
    case IIIF_JP2_YCBCR2:
    case IIIF_JP2_YCBCR3:
    case IIIF_JP2_SYCC:
    case IIIF_JP2_ESYCC:
        set_ycc(pixels, space);
        break;
    default:
        break;
    }
}

iiif_rc iiif_jp2_pixels_choose(const iiif_jp2_t *jp2, const iiif_j2k_header_t *header, iiif_jp2_pixels_t *pixels,
                               iiif_err_t *err)
{
    roles_t roles;
    unsigned colours;
    uint32_t space;
    iiif_rc rc = IIIF_OK;

    memset(pixels, 0, sizeof(*pixels));
    pixels->header = header;
    pixels->palette = &jp2->palette;
    find_roles(jp2, header, &roles);
    space = find_space(jp2, header, roles.colour_count);
    pixels->layout = layout_of(jp2, space, &colours);
    /* Two channels of which nothing is said: the second is opacity. */
    if (colours == 1 && roles.colour_count == 2 && jp2->definition_count == 0) {
        roles.has_alpha = true;
        roles.alpha = roles.colours[1];
    }
    if (roles.colour_count == 0)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2271, "The JP2 master has no colour channel.");
    for (unsigned c = 0; rc == IIIF_OK && c < colours; c++)
        rc = add_channel(jp2, roles.colours[c], pixels, err);
    for (unsigned c = 0; c < pixels->count; c++)
        pixels->precision = iiif_max_u32(pixels->precision, pixels->channels[c].bits);
    if (rc == IIIF_OK && roles.has_alpha)
        rc = add_channel(jp2, roles.alpha, pixels, err);
    if (rc != IIIF_OK)
        return rc;
    pixels->layout = iiif_layout_with_alpha(pixels->layout, roles.has_alpha);
    pixels->is_premultiplied = roles.is_premultiplied && (colours == 1 || pixels->layout == IIIF_LAYOUT_RGBA);
    pixels->depth = 8;
    for (unsigned c = 0; c < pixels->count; c++) {
        if (pixels->channels[c].bits > 8)
            pixels->depth = 16;
    }
    set_scales(jp2, space, colours, pixels);
    return IIIF_OK;
}

/* --- memory ---------------------------------------------------------------------------------------------- */

static bool is_identity(const iiif_jp2_channel_t *channel, unsigned depth)
{
    return channel->bits == depth && channel->scale == 1 && channel->shift == 0;
}

static iiif_rc make_table(iiif_jp2_channel_t *channel, unsigned depth, iiif_mem_t *mem, iiif_err_t *err)
{
    size_t count = (size_t)1 << channel->bits;
    double max = full(depth);

    if (channel->table != NULL || is_identity(channel, depth))
        return IIIF_OK;
    channel->table = iiif_mem_array(mem, count, sizeof(*channel->table));
    if (channel->table == NULL)
        return iiif_err_memory(err, "a table of samples", count * sizeof(*channel->table));
    for (size_t v = 0; v < count; v++) {
        double value = channel->scale * ((double)v - channel->shift);

        channel->table[v] = (uint16_t)(value <= 0 ? 0 : value >= max ? max : floor(value + 0.5));
    }
    return IIIF_OK;
}

iiif_rc iiif_jp2_pixels_prepare(iiif_jp2_pixels_t *pixels, uint32_t width, iiif_mem_t *mem, iiif_err_t *err)
{
    for (unsigned c = 0; c < pixels->count; c++) {
        bool converted = pixels->is_ycc && c < 3;
        iiif_rc rc = converted ? IIIF_OK : make_table(&pixels->channels[c], pixels->depth, mem, err);

        if (rc != IIIF_OK)
            return rc;
    }
    iiif_mem_free(mem, pixels->rows);
    pixels->width = width;
    pixels->rows = iiif_mem_array(mem, (size_t)pixels->count * width, sizeof(int32_t));
    if (pixels->rows == NULL)
        return iiif_err_memory(err, "rows of samples", (size_t)pixels->count * width * sizeof(int32_t));
    return IIIF_OK;
}

void iiif_jp2_pixels_free(iiif_jp2_pixels_t *pixels, iiif_mem_t *mem)
{
    for (unsigned c = 0; c < pixels->count; c++) {
        iiif_mem_free(mem, pixels->channels[c].table);
        pixels->channels[c].table = NULL;
    }
    iiif_mem_free(mem, pixels->rows);
    pixels->rows = NULL;
}

/* --- from planes to samples ------------------------------------------------------------------------------ */

static uint32_t clamp_index(uint64_t index, iiif_span_t range)
{
    if (index < range.from)
        return range.from;
    return index >= range.to ? range.to - 1 : (uint32_t)index;
}

/* The component samples around pixel `p` along one axis, and how far it lies between them, in units of 1/d. */
typedef struct between {
    uint32_t low, high;
    uint32_t part;
} between_t;

static between_t find_between(uint32_t p, uint32_t step, uint32_t d, iiif_span_t range)
{
    uint64_t at = (uint64_t)p * step;

    return (between_t){clamp_index(at / d, range), clamp_index(at / d + 1, range), (uint32_t)(at % d)};
}

static iiif_span_t area_of(iiif_span_t pixels, iiif_span_t area, uint32_t step, uint32_t d, iiif_span_t range,
                           unsigned reduce)
{
    between_t first = find_between(pixels.from, step, d, range), last = find_between(pixels.to - 1, step, d, range);
    uint64_t from = ((uint64_t)first.low * d) << reduce;
    uint64_t to = (((uint64_t)(last.part != 0 ? last.high : last.low) * d) << reduce) + 1;

    return (iiif_span_t){(uint32_t)iiif_min_u64(from, area.from), (uint32_t)iiif_max_u64(to, area.to)};
}

iiif_span_t iiif_jp2_pixels_area_x(const iiif_j2k_header_t *h, iiif_span_t pixels, unsigned reduce)
{
    iiif_span_t area = {UINT32_MAX, 0};

    for (unsigned c = 0; c < h->component_count; c++)
        area = area_of(pixels, area, h->step_x, h->components[c].dx,
                       iiif_j2k_component_x(h, h->components[c].dx, reduce), reduce);
    return area;
}

iiif_span_t iiif_jp2_pixels_area_y(const iiif_j2k_header_t *h, iiif_span_t pixels, unsigned reduce)
{
    iiif_span_t area = {UINT32_MAX, 0};

    for (unsigned c = 0; c < h->component_count; c++)
        area = area_of(pixels, area, h->step_y, h->components[c].dy,
                       iiif_j2k_component_y(h, h->components[c].dy, reduce), reduce);
    return area;
}

static const int32_t *plane_row(const iiif_j2k_plane_t *plane, uint32_t y)
{
    return plane->data + (size_t)(y - plane->y) * plane->width;
}

/* Bilinear between co-sited samples; a palette index has no between. */
static void fetch_between(const iiif_j2k_header_t *h, const iiif_j2k_component_t *component,
                          const iiif_j2k_plane_t *plane, unsigned reduce, bool nearest, uint32_t x, uint32_t y,
                          uint32_t width, int32_t *out)
{
    iiif_span_t range = iiif_j2k_component_x(h, component->dx, reduce);
    between_t v = find_between(y, h->step_y, component->dy, iiif_j2k_component_y(h, component->dy, reduce));
    const int32_t *top = plane_row(plane, v.low);
    const int32_t *bottom = v.part == 0 ? top : plane_row(plane, v.high);
    int64_t dx = component->dx, dy = component->dy, area = dx * dy;

    for (uint32_t i = 0; i < width; i++) {
        between_t u = find_between(x + i, h->step_x, component->dx, range);
        uint32_t a = u.low - plane->x, b = u.part == 0 ? a : u.high - plane->x;
        int64_t up, down, sum;

        if (nearest) {
            out[i] = top[a];
            continue;
        }
        up = (dx - u.part) * top[a] + (int64_t)u.part * top[b];
        down = (dx - u.part) * bottom[a] + (int64_t)u.part * bottom[b];
        sum = (dy - v.part) * up + (int64_t)v.part * down;
        /* Rounded to nearest, also below zero. */
        out[i] = (int32_t)((2 * sum + (sum < 0 ? -area : area)) / (2 * area));
    }
}

/* To 0 … 2^bits − 1, whatever the library delivered. */
static void make_unsigned(const int32_t *in, uint32_t width, unsigned bits, bool is_signed, int32_t *out)
{
    int32_t half = is_signed ? 1 << (bits - 1) : 0, low = -half, high = (int32_t)((1u << bits) - 1) - half;

    for (uint32_t i = 0; i < width; i++) {
        int32_t v = in[i] < low ? low : in[i];

        out[i] = (v > high ? high : v) + half;
    }
}

static void apply_palette(const iiif_jp2_palette_t *palette, const iiif_jp2_channel_t *channel, uint32_t width,
                          int32_t *row)
{
    int32_t half = channel->is_signed ? 1 << (channel->bits - 1) : 0, last = palette->entries - 1;

    for (uint32_t i = 0; i < width; i++) {
        int32_t index = row[i] > last ? last : row[i];
        int32_t value = palette->values[(size_t)index * palette->columns + channel->column] + half;

        row[i] = value & (int32_t)((1u << channel->bits) - 1); /* bits beyond the column's are rubbish */
    }
}

/* One channel's values of a row, counted from 0. */
static void fetch(const iiif_jp2_pixels_t *pixels, const iiif_jp2_channel_t *channel, const iiif_j2k_planes_t *planes,
                  unsigned reduce, uint32_t x, uint32_t y, int32_t *out)
{
    const iiif_j2k_header_t *h = pixels->header;
    const iiif_j2k_component_t *component = &h->components[channel->component];
    const iiif_j2k_plane_t *plane = &planes->planes[channel->component];
    const int32_t *in = out;

    if (component->dx == h->step_x && component->dy == h->step_y)
        in = plane_row(plane, y) + (x - plane->x);
    else
        fetch_between(h, component, plane, reduce, channel->by_palette, x, y, pixels->width, out);
    make_unsigned(in, pixels->width, component->bits, component->is_signed, out);
    if (channel->by_palette)
        apply_palette(pixels->palette, channel, pixels->width, out);
}

/* --- from samples to pixels -------------------------------------------------------------------------------- */

static void convert_ycc(const iiif_jp2_pixels_t *pixels)
{
    iiif_jp2_ycc_t k = pixels->ycc;
    int32_t *p = pixels->rows, *q = p + pixels->width, *r = q + pixels->width;
    float max = (float)((1u << pixels->depth) - 1);

    for (uint32_t i = 0; i < pixels->width; i++) {
        float y = ((float)p[i] - k.y_zero) * k.y + 0.5f;
        float cb = (float)q[i] - k.cb_zero, cr = (float)r[i] - k.cr_zero;
        float red = y + k.r_cr * cr, green = y - k.g_cb * cb - k.g_cr * cr, blue = y + k.b_cb * cb;

        p[i] = (int32_t)(red < 0 ? 0 : red > max ? max : red);
        q[i] = (int32_t)(green < 0 ? 0 : green > max ? max : green);
        r[i] = (int32_t)(blue < 0 ? 0 : blue > max ? max : blue);
    }
}

static void apply_table(const uint16_t *table, uint32_t width, int32_t *row)
{
    for (uint32_t i = 0; i < width; i++)
        row[i] = table[row[i]];
}

/* colour / alpha, at delivered depth. Where nothing shows there is no colour to restore. */
static void divide_by_alpha(const iiif_jp2_pixels_t *pixels)
{
    int64_t max = (int64_t)((1u << pixels->depth) - 1);
    const int32_t *alpha = pixels->rows + (size_t)(pixels->count - 1) * pixels->width;

    for (unsigned c = 0; c + 1 < pixels->count; c++) {
        int32_t *row = pixels->rows + (size_t)c * pixels->width;

        for (uint32_t i = 0; i < pixels->width; i++) {
            int64_t v = alpha[i] == 0 ? 0 : ((int64_t)row[i] * max + alpha[i] / 2) / alpha[i];

            row[i] = (int32_t)(v > max ? max : v);
        }
    }
}

static void interleave(const iiif_jp2_pixels_t *pixels, uint8_t *out)
{
    unsigned count = pixels->count;

    for (unsigned c = 0; c < count; c++) {
        const int32_t *row = pixels->rows + (size_t)c * pixels->width;

        if (pixels->depth == 8) {
            for (uint32_t i = 0; i < pixels->width; i++)
                out[(size_t)i * count + c] = (uint8_t)row[i];
        } else {
            uint16_t *wide = (uint16_t *)(void *)out;

            for (uint32_t i = 0; i < pixels->width; i++)
                wide[(size_t)i * count + c] = (uint16_t)row[i];
        }
    }
}

void iiif_jp2_pixels_row(iiif_jp2_pixels_t *pixels, const iiif_j2k_planes_t *planes, unsigned reduce, uint32_t x,
                         uint32_t y, uint8_t *out)
{
    for (unsigned c = 0; c < pixels->count; c++) {
        int32_t *row = pixels->rows + (size_t)c * pixels->width;

        fetch(pixels, &pixels->channels[c], planes, reduce, x, y, row);
        if (pixels->channels[c].table != NULL)
            apply_table(pixels->channels[c].table, pixels->width, row);
    }
    if (pixels->is_ycc)
        convert_ycc(pixels);
    if (pixels->is_premultiplied)
        divide_by_alpha(pixels);
    interleave(pixels, out);
}
