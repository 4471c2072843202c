/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_render.h"
#include "iiif_blocks.h"

#include <math.h>
#include <string.h>

/* From this quality on the eye sees what halved chroma loses, most of all on coloured line work. */
#define FULL_CHROMA_QUALITY 90

/* What one render passes from step to step. */
typedef struct render {
    iiif_dec_t *dec;
    const iiif_plan_t *plan;
    const iiif_encoder_t *encoder;
    const iiif_output_t *output;
    const iiif_work_t *work;
    iiif_stage_t *last;      /* the chain so far; closing it closes all */
    const uint8_t *icc;
    size_t icc_length;
    bool embed;              /* the output carries the profile */
} render_t;

void iiif_output_defaults(iiif_output_t *output)
{
    memset(output, 0, sizeof(*output));
    output->jpeg_quality = 85;
    output->jpeg_chroma = IIIF_CHROMA_AUTO;
    output->webp_quality = 80;
    output->png_level = 6;
    output->progressive_above = (uint64_t)1 << 20;
    output->color = IIIF_COLOR_SRGB;
    output->bitonal = IIIF_BITONAL_DIFFUSION;
    output->threshold = 128;
    memset(output->background, 255, sizeof(output->background));
}

static bool is_gray(iiif_layout layout)
{
    return layout == IIIF_LAYOUT_GRAY || layout == IIIF_LAYOUT_GRAYA;
}

static bool is_rgb(iiif_layout layout)
{
    return layout == IIIF_LAYOUT_RGB || layout == IIIF_LAYOUT_RGBA;
}

/* --- gray to RGB and opaque alpha, for formats that know no other -------------------------------- */

static void widen_row8(const uint8_t *in, uint8_t *out, uint32_t width, unsigned from, unsigned to)
{
    bool gray = from < 3, alpha_in = (from & 1) == 0, alpha_out = (to & 1) == 0;

    for (uint32_t x = 0; x < width; x++, in += from, out += to) {
        out[0] = in[0];
        if (to >= 3) {
            out[1] = in[gray ? 0 : 1];
            out[2] = in[gray ? 0 : 2];
        }
        if (alpha_out)
            out[to - 1] = alpha_in ? in[from - 1] : UINT8_MAX;
    }
}

static void widen_row16(const uint16_t *in, uint16_t *out, uint32_t width, unsigned from, unsigned to)
{
    bool gray = from < 3, alpha_in = (from & 1) == 0, alpha_out = (to & 1) == 0;

    for (uint32_t x = 0; x < width; x++, in += from, out += to) {
        out[0] = in[0];
        if (to >= 3) {
            out[1] = in[gray ? 0 : 1];
            out[2] = in[gray ? 0 : 2];
        }
        if (alpha_out)
            out[to - 1] = alpha_in ? in[from - 1] : UINT16_MAX;
    }
}

typedef struct widen {
    iiif_stage_t base;
    iiif_strip_t in;
} widen_t;

static iiif_rc widen_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    widen_t *widen = (widen_t *)stage;
    iiif_strip_t in = widen->in;
    unsigned from = iiif_layout_channels(stage->up->image.layout), to = iiif_layout_channels(stage->image.layout);
    iiif_rc rc;

    in.capacity = iiif_min_u32(in.capacity, strip->capacity);
    rc = iiif_stage_pull(stage->up, &in, err);
    if (rc != IIIF_OK)
        return rc;
    for (uint32_t row = 0; row < in.rows; row++) {
        const uint8_t *source = in.data + row * in.stride;
        uint8_t *target = strip->data + row * strip->stride;

        if (stage->image.depth == 8)
            widen_row8(source, target, stage->image.width, from, to);
        else
            widen_row16((const uint16_t *)(const void *)source, (uint16_t *)(void *)target, stage->image.width,
                        from, to);
    }
    strip->rows = in.rows;
    return IIIF_OK;
}

static void widen_close(iiif_stage_t *stage)
{
    widen_t *widen = (widen_t *)stage;

    iiif_strip_free(&widen->in, stage->work->mem);
    iiif_mem_free(stage->work->mem, widen);
}

static iiif_rc widen_open(iiif_stage_t *up, iiif_layout layout, const iiif_work_t *work, iiif_stage_t **out,
                          iiif_err_t *err)
{
    widen_t *widen = iiif_mem_zalloc(work->mem, 1, sizeof(*widen));
    iiif_rc rc;

    if (widen == NULL)
        return iiif_err_memory(err, "the output's channels", sizeof(*widen));
    rc = iiif_strip_alloc(&widen->in, &up->image, work->mem, err);
    if (rc != IIIF_OK) {
        iiif_mem_free(work->mem, widen);
        return rc;
    }
    widen->base.image = up->image;
    widen->base.image.layout = layout;
    widen->base.work = work;
    widen->base.up = up;
    widen->base.pull = widen_pull;
    widen->base.close = widen_close;
    *out = &widen->base;
    return IIIF_OK;
}

/* --- the chain -------------------------------------------------------------------------------------- */

/*
 * Whether the embedded profile may stay with the pixels: only where the output holds the same channels and the
 * format has room for it. Anything else becomes sRGB, so that no profile is ever attached to pixels it does not describe.
 */
static bool may_keep_profile(const render_t *render)
{
    iiif_layout master = (iiif_layout)render->dec->facts.layout;

    if (render->output->color != IIIF_COLOR_KEEP || (render->encoder->caps & IIIF_CAP_ICC) == 0 ||
        render->plan->quality == IIIF_QUALITY_BITONAL)
        return false;
    return is_gray(master) ? is_gray(render->plan->layout) : is_rgb(master) && is_rgb(render->plan->layout);
}

/* A profile that cannot be had is no reason to withhold the picture; the machine's own troubles are. */
static iiif_rc read_profile(render_t *render, iiif_err_t *err)
{
    iiif_dec_t *dec = render->dec;
    iiif_err_t own = {0};
    iiif_rc rc;

    if (dec->decoder->profile == NULL || !dec->facts.has_profile)
        return IIIF_OK;
    rc = dec->decoder->profile(dec, &render->icc, &render->icc_length, &own);
    if (rc == IIIF_OK)
        return IIIF_OK;
    render->icc = NULL;
    render->icc_length = 0;
    if (rc == IIIF_E_NO_MEMORY || rc == IIIF_E_IO || rc == IIIF_E_TIMEOUT || rc == IIIF_E_CANCELLED) {
        if (err != NULL)
            *err = own;
        return rc;
    }
    return IIIF_OK;
}

/*
 * 16 bits that end as 8 are scaled as 8: half the memory traffic. Not where a profile or alpha still needs the
 * precision, nor for Lab, whose 8-bit form is too coarse to convert from.
 */
static bool reduce_early(const render_t *render)
{
    iiif_layout layout = (iiif_layout)render->dec->facts.layout;

    return render->dec->facts.depth == 16 && render->plan->depth == 8 && render->icc_length == 0 &&
           (layout == IIIF_LAYOUT_GRAY || layout == IIIF_LAYOUT_RGB);
}

static iiif_rc chain_decode(render_t *render, iiif_err_t *err)
{
    const iiif_plan_t *plan = render->plan;
    const iiif_dec_window_t window = {.level = plan->level, .rect = plan->window};
    iiif_color_mode mode = may_keep_profile(render) ? IIIF_COLOR_KEEP : IIIF_COLOR_SRGB;
    iiif_rc rc = iiif_blocks_stage(render->dec, &window, &render->last, err);

    if (rc == IIIF_OK && reduce_early(render))
        rc = iiif_depth_open(render->last, 8, render->work, &render->last, err);
    if (rc == IIIF_OK)
        rc = iiif_resample_open(render->last, &plan->source, plan->scaled_width, plan->scaled_height, plan->filter,
                                render->work, &render->last, err);
    if (rc == IIIF_OK)
        rc = iiif_color_open(render->last, render->icc, render->icc_length, mode, render->work, &render->last, NULL,
                             &render->embed, err);
    return rc;
}

static iiif_rc chain_turn(render_t *render, iiif_err_t *err)
{
    const iiif_plan_t *plan = render->plan;
    iiif_rc rc = iiif_turn_open(render->last, plan->turn, render->work, &render->last, err);

    if (rc == IIIF_OK && plan->degrees != 0)
        rc = iiif_rotate_open(render->last, plan->degrees, render->work, &render->last, err);
    return rc;
}

static iiif_rc chain_tone(render_t *render, iiif_err_t *err)
{
    const iiif_plan_t *plan = render->plan;
    bool bitonal = plan->quality == IIIF_QUALITY_BITONAL;
    bool gray = bitonal || plan->quality == IIIF_QUALITY_GRAY || is_gray(plan->layout);
    iiif_rc rc = IIIF_OK;

    if (gray && !is_gray(render->last->image.layout))
        rc = iiif_gray_open(render->last, render->work, &render->last, err);
    if (rc == IIIF_OK && iiif_layout_has_alpha(render->last->image.layout) &&
        (bitonal || !iiif_layout_has_alpha(plan->layout)))
        rc = iiif_flatten_open(render->last, render->output->background, render->work, &render->last, err);
    if (rc == IIIF_OK && bitonal)
        rc = iiif_bitonal_open(render->last, render->output->bitonal, render->output->threshold, render->work,
                               &render->last, err);
    if (rc == IIIF_OK && render->last->image.depth != plan->depth)
        rc = iiif_depth_open(render->last, plan->depth, render->work, &render->last, err);
    if (rc == IIIF_OK && iiif_layout_channels(render->last->image.layout) < iiif_layout_channels(plan->layout))
        rc = widen_open(render->last, plan->layout, render->work, &render->last, err);
    return rc;
}

static iiif_rc chain_check(const render_t *render, iiif_err_t *err)
{
    const iiif_image_t *image = &render->last->image;
    const iiif_plan_t *plan = render->plan;

    if (image->width != plan->out_width || image->height != plan->out_height || image->layout != plan->layout ||
        image->depth != plan->depth)
        return iiif_err_set(err, IIIF_E_INTERNAL, 3001, "The render gives %u×%u pixels where %u×%u are planned.",
                            image->width, image->height, plan->out_width, plan->out_height);
    return IIIF_OK;
}

/* --- the output ------------------------------------------------------------------------------------- */

/* Pixels per centimetre of the output, where the master says it and both axes agree; else 0. */
static double output_density(const render_t *render)
{
    const iiif_facts_t *facts = &render->dec->facts;
    const iiif_plan_t *plan = render->plan;
    double per_cm = facts->pixels_per_unit_x, scale_x, scale_y;

    if (facts->unit == IIIF_UNIT_INCH)
        per_cm /= 2.54;
    else if (facts->unit == IIIF_UNIT_MM)
        per_cm *= 10;
    else if (facts->unit != IIIF_UNIT_CM)
        return 0;
    if (!(per_cm > 0) || !isfinite(per_cm) || plan->region.w == 0 || plan->region.h == 0 ||
        fabs(facts->pixels_per_unit_y / facts->pixels_per_unit_x - 1) > 0.01)
        return 0;
    scale_x = (double)plan->width / plan->region.w;
    scale_y = (double)plan->height / plan->region.h;
    if (fabs(scale_x / scale_y - 1) > 0.02)
        return 0;
    return per_cm * scale_x;
}

static bool subsample(const iiif_output_t *output)
{
    return output->jpeg_chroma == IIIF_CHROMA_AUTO ? output->jpeg_quality < FULL_CHROMA_QUALITY
                                                   : output->jpeg_chroma == IIIF_CHROMA_HALF;
}

static void output_params(const render_t *render, iiif_enc_params_t *params)
{
    const iiif_output_t *output = render->output;

    memset(params, 0, sizeof(*params));
    params->image = render->last->image;
    params->bitonal = render->plan->quality == IIIF_QUALITY_BITONAL;
    params->quality = strcmp(render->encoder->format, "webp") == 0 ? output->webp_quality : output->jpeg_quality;
    params->level = output->png_level;
    params->progressive_above = output->progressive_above;
    params->subsample = subsample(output);
    if (render->embed) {
        params->icc = render->icc;
        params->icc_length = render->icc_length;
    }
    params->pixels_per_cm = output_density(render);
}

/* The first rows are there before the encoder opens, because from then on bytes may go out. */
static iiif_rc encode(const render_t *render, iiif_strip_t *strip, const iiif_sink_t *sink, iiif_err_t *err)
{
    iiif_enc_params_t params;
    iiif_enc_t *enc = NULL;
    iiif_rc rc = iiif_stage_pull(render->last, strip, err);

    if (rc != IIIF_OK)
        return rc;
    output_params(render, &params);
    rc = render->encoder->open(&params, sink, render->work, &enc, err);
    if (rc != IIIF_OK)
        return rc;
    while (rc == IIIF_OK && strip->rows > 0) {
        rc = render->encoder->rows(enc, strip, err);
        if (rc == IIIF_OK)
            rc = iiif_stage_pull(render->last, strip, err);
    }
    if (rc == IIIF_OK)
        rc = render->encoder->finish(enc, err);
    render->encoder->close(enc);
    return rc;
}

iiif_rc iiif_render_plan(const iiif_req_t *req, const iiif_facts_t *facts, const iiif_limits_t *limits,
                         const iiif_encoder_t *encoder, iiif_plan_t *plan, iiif_err_t *err)
{
    iiif_rc rc = iiif_plan_make(req, facts, limits, encoder->caps, plan, err);

    if (rc != IIIF_OK)
        return rc;
    if (plan->out_width > encoder->max_dimension || plan->out_height > encoder->max_dimension)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 3002,
                            "The format %s holds at most %u pixels a side; ask for a smaller size.", encoder->format,
                            encoder->max_dimension);
    plan->cost += (double)encoder->cost_per_pixel * plan->out_width * plan->out_height;
    if (encoder->buffers_whole)
        plan->memory += (uint64_t)((double)encoder->bytes_per_pixel * plan->out_width * plan->out_height);
    if (limits->memory != 0 && plan->memory > limits->memory)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 3003,
                            "As %s this request needs about %llu MiB of memory, more than this service spends on one; ask "
                            "for a smaller size or for jpg.",
                            encoder->format, (unsigned long long)(plan->memory >> 20) + 1);
    return IIIF_OK;
}

iiif_rc iiif_render(iiif_dec_t *dec, const iiif_plan_t *plan, const iiif_encoder_t *encoder,
                    const iiif_output_t *output, const iiif_sink_t *sink, iiif_err_t *err)
{
    render_t render = {.dec = dec, .plan = plan, .encoder = encoder, .output = output, .work = dec->work};
    iiif_strip_t strip = {0};
    iiif_rc rc = read_profile(&render, err);

    if (rc == IIIF_OK)
        rc = chain_decode(&render, err);
    if (rc == IIIF_OK)
        rc = chain_turn(&render, err);
    if (rc == IIIF_OK)
        rc = chain_tone(&render, err);
    if (rc == IIIF_OK)
        rc = chain_check(&render, err);
    if (rc == IIIF_OK)
        rc = iiif_strip_alloc(&strip, &render.last->image, render.work->mem, err);
    if (rc == IIIF_OK)
        rc = encode(&render, &strip, sink, err);
    iiif_strip_free(&strip, render.work->mem);
    iiif_stage_close(render.last);
    return rc;
}
