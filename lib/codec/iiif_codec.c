/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_codec.h"

#include <string.h>

#include "iiif_features.h"

extern const iiif_decoder_t iiif_dec_jp2, iiif_dec_jpeg, iiif_dec_png, iiif_dec_tiff, iiif_dec_webp,
    iiif_dec_gif;
extern const iiif_encoder_t iiif_enc_jpeg, iiif_enc_png, iiif_enc_webp, iiif_enc_gif, iiif_enc_tiff,
    iiif_enc_jp2, iiif_enc_pdf;

const iiif_decoder_t *const iiif_decoders[] = {
    &iiif_dec_jp2,
    &iiif_dec_jpeg,
    &iiif_dec_png,
#if IIIF_HAVE_TIFF
    &iiif_dec_tiff,
#endif
#if IIIF_HAVE_WEBP
    &iiif_dec_webp,
#endif
#if IIIF_HAVE_GIF
    &iiif_dec_gif,
#endif
    NULL,
};

const iiif_encoder_t *const iiif_encoders[] = {
    &iiif_enc_jpeg,
    &iiif_enc_png,
#if IIIF_HAVE_WEBP
    &iiif_enc_webp,
#endif
#if IIIF_HAVE_GIF
    &iiif_enc_gif,
#endif
#if IIIF_HAVE_TIFF
    &iiif_enc_tiff,
#endif
    &iiif_enc_jp2,
    &iiif_enc_pdf,
    NULL,
};

const iiif_encoder_t *iiif_encoder_find(const char *format)
{
    for (size_t i = 0; iiif_encoders[i] != NULL; i++) {
        if (strcmp(iiif_encoders[i]->format, format) == 0)
            return iiif_encoders[i];
    }
    return NULL;
}

/* The decoder that is surest of these first bytes. */
static const iiif_decoder_t *sniff(iiif_src_t *src, iiif_err_t *err)
{
    uint8_t head[IIIF_SNIFF_BYTES];
    int64_t n = iiif_src_read(src, 0, head, sizeof(head));
    const iiif_decoder_t *best = NULL;
    int best_bid = 0;

    if (n < 0) {
        (void)iiif_err_set(err, IIIF_E_IO, 2001, "The master cannot be read.");
        return NULL;
    }
    for (size_t i = 0; iiif_decoders[i] != NULL; i++) {
        int bid = iiif_decoders[i]->bid(head, (size_t)n);

        if (bid > best_bid) {
            best_bid = bid;
            best = iiif_decoders[i];
        }
    }
    if (best == NULL)
        (void)iiif_err_set(err, IIIF_E_NOT_IMAGE, 2002, "The master is no image that this server can read.");
    return best;
}

iiif_rc iiif_dec_open(iiif_src_t *src, const iiif_dec_options_t *options, const iiif_work_t *work,
                      iiif_dec_t **out, iiif_err_t *err)
{
    const iiif_decoder_t *decoder;
    iiif_err_t own;
    iiif_rc rc;

    if (err == NULL)
        err = &own;
    decoder = sniff(src, err);
    if (decoder == NULL)
        return err->kind;
    rc = decoder->open(src, options, work, out, err);
    if (rc == IIIF_OK)
        (*out)->blocks = NULL;
    return rc;
}

void iiif_dec_close(iiif_dec_t *dec)
{
    if (dec != NULL)
        dec->decoder->close(dec);
}

/* --- a decoder as the first stage of a render ------------------------------------------------ */

typedef struct dec_stage {
    iiif_stage_t base;
    iiif_dec_t *dec;
} dec_stage_t;

static iiif_rc dec_stage_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    iiif_dec_t *dec = ((dec_stage_t *)stage)->dec;

    return dec->decoder->rows(dec, strip, err);
}

static void dec_stage_close(iiif_stage_t *stage)
{
    iiif_mem_free(stage->work->mem, stage);
}

iiif_rc iiif_dec_stage(iiif_dec_t *dec, const iiif_dec_window_t *window, iiif_stage_t **out, iiif_err_t *err)
{
    dec_stage_t *stage = iiif_mem_zalloc(dec->work->mem, 1, sizeof(*stage));
    iiif_rc rc;

    if (stage == NULL)
        return iiif_err_memory(err, "a decoder", sizeof(*stage));
    stage->base.image.width = window->rect.w;
    stage->base.image.height = window->rect.h;
    stage->base.image.layout = (iiif_layout)dec->facts.layout;
    stage->base.image.depth = dec->facts.depth;
    stage->base.work = dec->work;
    stage->base.pull = dec_stage_pull;
    stage->base.close = dec_stage_close;
    stage->dec = dec;
    rc = dec->decoder->window(dec, window, err);
    if (rc != IIIF_OK) {
        iiif_mem_free(dec->work->mem, stage);
        return rc;
    }
    *out = &stage->base;
    return IIIF_OK;
}
