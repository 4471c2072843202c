/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Decoders and encoders: one file per format and direction, each with one static vtable, listed in
 * iiif_codec.c. A master is recognised by its bytes, never by its name.
 */
#ifndef IIIF_CODEC_H
#define IIIF_CODEC_H

#include "../core/iiif_facts.h"
#include "../core/iiif_plan.h"
#include "iiif_src.h"

#define IIIF_CODEC_ABI 1
#define IIIF_SNIFF_BYTES 64

/** What a decoder must know before it looks at the file. */
typedef struct iiif_dec_options {
    uint32_t page;             /**< from 1 */
    uint64_t max_source_area;  /**< refuse larger images (IIIF_E_TOO_LARGE) before allocating; 0 is no limit */
} iiif_dec_options_t;

/** A window of one level, in stored pixels. */
typedef struct iiif_dec_window {
    unsigned level;
    iiif_rect_t rect;          /**< inside the level, not empty */
} iiif_dec_window_t;

typedef struct iiif_decoder iiif_decoder_t;
struct iiif_block_cache;

/** An open master. Each decoder's own struct begins with it. One thread at a time. */
typedef struct iiif_dec {
    const iiif_decoder_t *decoder;
    const iiif_work_t *work;
    iiif_src_t *src;           /**< not owned */
    iiif_facts_t facts;        /**< complete after open */
    const struct iiif_block_cache *blocks; /**< keeps decoded blocks (iiif_blocks.h); NULL after open; not owned */
} iiif_dec_t;

struct iiif_decoder {
    const char *name;          /**< as iiif_facts_t.decoder */
    unsigned abi;              /**< IIIF_CODEC_ABI */
    /** How surely these first bytes are ours: 0 no, 100 by a full signature. */
    int (*bid)(const uint8_t *head, size_t length);
    /**
     * Reads headers only and fills facts (ending with iiif_facts_finish). Hostile input: every size is checked
     * before anything is allocated or handed to a library. On an error nothing stays open.
     */
    iiif_rc (*open)(iiif_src_t *src, const iiif_dec_options_t *options, const iiif_work_t *work,
                    iiif_dec_t **out, iiif_err_t *err);
    /** The embedded ICC profile, owned by the decoder; *length 0 where there is none. May be NULL. */
    iiif_rc (*profile)(iiif_dec_t *dec, const uint8_t **data, size_t *length, iiif_err_t *err);
    /** Prepares to deliver a window. May be called again for another. */
    iiif_rc (*window)(iiif_dec_t *dec, const iiif_dec_window_t *window, iiif_err_t *err);
    /**
     * The next rows of the window: 1…strip->capacity, width = window width, layout and depth of the facts.
     * A damaged master is IIIF_E_BAD_MASTER; never gray or black rows instead of an error.
     */
    iiif_rc (*rows)(iiif_dec_t *dec, iiif_strip_t *strip, iiif_err_t *err);
    void (*close)(iiif_dec_t *dec);
};

/** Where encoded bytes go. */
typedef struct iiif_sink {
    iiif_rc (*write)(void *context, const uint8_t *data, size_t length, iiif_err_t *err);
    void *context;
} iiif_sink_t;

/** What an encoder is told. */
typedef struct iiif_enc_params {
    iiif_image_t image;          /**< GRAY, GRAYA, RGB or RGBA; depth 8, or 16 where caps say so */
    bool bitonal;                /**< GRAY of 0 and 255 only: one bit where caps say so */
    int quality;                 /**< jpg, webp, pdf: 1–100 */
    int level;                   /**< png: 0–9 */
    uint64_t progressive_above;  /**< jpg: pixels from which on it is progressive; 0 never */
    bool subsample;              /**< jpg: 4:2:0 (true) or 4:4:4 */
    const uint8_t *icc;          /**< profile to embed, or NULL: the pixels are sRGB and are marked so */
    size_t icc_length;
    double pixels_per_cm;        /**< 0 unknown */
} iiif_enc_params_t;

typedef struct iiif_encoder iiif_encoder_t;

/** An encoder at work. Each encoder's own struct begins with it. */
typedef struct iiif_enc {
    const iiif_encoder_t *encoder;
    const iiif_work_t *work;
    iiif_sink_t sink;
    iiif_enc_params_t params;
} iiif_enc_t;

struct iiif_encoder {
    const char *format;         /**< the token of the URI: "jpg" */
    const char *media_type;
    unsigned abi;
    unsigned caps;              /**< IIIF_CAP_… */
    uint32_t max_dimension;     /**< width and height it can hold */
    bool opt_in;                /**< only where a directive asks for it (jp2, pdf) */
    bool buffers_whole;         /**< holds all rows until finish; bytes_per_pixel below says how much */
    float bytes_per_pixel;
    float cost_per_pixel;       /**< CPU in baseline JPEG pixels decoded, as iiif_facts_t.cost_per_pixel */
    /** Bytes may reach the sink from here on. */
    iiif_rc (*open)(const iiif_enc_params_t *params, const iiif_sink_t *sink, const iiif_work_t *work,
                    iiif_enc_t **out, iiif_err_t *err);
    iiif_rc (*rows)(iiif_enc_t *enc, const iiif_strip_t *strip, iiif_err_t *err);
    /** All rows have come: write what is left. */
    iiif_rc (*finish)(iiif_enc_t *enc, iiif_err_t *err);
    void (*close)(iiif_enc_t *enc);
};

/** Recognises and opens a master. IIIF_E_NOT_IMAGE where no decoder bids. `work` and `src` outlive it. */
iiif_rc iiif_dec_open(iiif_src_t *src, const iiif_dec_options_t *options, const iiif_work_t *work,
                      iiif_dec_t **out, iiif_err_t *err);
void iiif_dec_close(iiif_dec_t *dec);

/** A stage over a window of an open decoder; the decoder outlives it. */
iiif_rc iiif_dec_stage(iiif_dec_t *dec, const iiif_dec_window_t *window, iiif_stage_t **out, iiif_err_t *err);

/** NULL-terminated tables of this build. */
extern const iiif_decoder_t *const iiif_decoders[];
extern const iiif_encoder_t *const iiif_encoders[];

/** The encoder for a format token, or NULL. */
const iiif_encoder_t *iiif_encoder_find(const char *format);

#endif
