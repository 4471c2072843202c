/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One render: an open master and a plan to bytes. The same code behind httpd, iiif-render, tests and fuzzers.
 */
#ifndef IIIF_RENDER_H
#define IIIF_RENDER_H

#include "../core/iiif_tone.h"
#include "iiif_codec.h"
#include "iiif_color.h"

/** How much of the colour a JPEG keeps. */
typedef enum iiif_chroma {
    IIIF_CHROMA_AUTO,  /**< halved below quality 90, whole from there on */
    IIIF_CHROMA_HALF,  /**< 4:2:0: halved both ways */
    IIIF_CHROMA_FULL   /**< 4:4:4 */
} iiif_chroma;

/** What a service sets for its output; part of every validator. */
typedef struct iiif_output {
    int jpeg_quality;            /**< 1–100, default 85 */
    iiif_chroma jpeg_chroma;     /**< default IIIF_CHROMA_AUTO */
    int webp_quality;            /**< default 80 */
    int png_level;               /**< 0–9, default 6 */
    uint64_t progressive_above;  /**< pixels, default 1 Mi */
    iiif_color_mode color;
    iiif_bitonal bitonal;
    unsigned threshold;          /**< 1–255, default 128 */
    uint8_t background[3];       /**< default white */
} iiif_output_t;

void iiif_output_defaults(iiif_output_t *output);

/**
 * The plan for an output format: iiif_plan_make by the encoder's capabilities, and what only the encoder knows. What it holds
 * until its end is added to plan->memory (IIIF_E_TOO_LARGE beyond limits->memory); sides that it cannot write are
 * IIIF_E_UNSUPPORTED. Both are known so before anything is admitted or decoded.
 */
iiif_rc iiif_render_plan(const iiif_req_t *req, const iiif_facts_t *facts, const iiif_limits_t *limits,
                         const iiif_encoder_t *encoder, iiif_plan_t *plan, iiif_err_t *err);

/**
 * Decodes, scales, turns, tones and encodes. Nothing reaches the sink before the first rows are decoded, so that an
 * error can still become a status. Memory comes from dec->work->mem.
 */
iiif_rc iiif_render(iiif_dec_t *dec, const iiif_plan_t *plan, const iiif_encoder_t *encoder,
                    const iiif_output_t *output, const iiif_sink_t *sink, iiif_err_t *err);

#endif
