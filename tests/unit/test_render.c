/* SPDX-License-Identifier: Apache-2.0 */
/* The whole chain between a decoder that invents its pixels and an encoder that keeps what it is given. */
#include "raster_fixture.h"

#include "../../lib/codec/iiif_render.h"

/* --- a master whose pixels are a formula of place --------------------------------------------------------- */

typedef struct fake_dec {
    iiif_dec_t base;
    iiif_dec_window_t window;
    uint32_t next, fail_row;
    const uint8_t *icc;
    size_t icc_length;
    iiif_rc profile_rc;
    bool flat;              /* every sample is the middle of its range; alpha opaque */
} fake_dec_t;

static uint32_t place(uint32_t x, uint32_t y, unsigned c)
{
    return (x * 5 + y * 3 + c * 40) & 0xFF;
}

static iiif_rc fake_profile(iiif_dec_t *base, const uint8_t **data, size_t *length, iiif_err_t *err)
{
    fake_dec_t *dec = (fake_dec_t *)base;

    if (dec->profile_rc != IIIF_OK)
        return iiif_err_set(err, dec->profile_rc, 9997, "no profile to be had");
    *data = dec->icc;
    *length = dec->icc_length;
    return IIIF_OK;
}

static iiif_rc fake_window(iiif_dec_t *base, const iiif_dec_window_t *window, iiif_err_t *err)
{
    fake_dec_t *dec = (fake_dec_t *)base;

    (void)err;
    dec->window = *window;
    dec->next = 0;
    return IIIF_OK;
}

static uint32_t fake_sample(const fake_dec_t *dec, uint32_t x, uint32_t y, unsigned c, unsigned channels)
{
    bool alpha = iiif_layout_has_alpha((iiif_layout)dec->base.facts.layout) && c == channels - 1;
    uint32_t v = dec->flat ? (alpha ? 255 : 128) : alpha ? (x < 8 ? 0 : 255) : place(x, y, c);

    return dec->base.facts.depth == 16 ? v * 257 : v;
}

static iiif_rc fake_rows(iiif_dec_t *base, iiif_strip_t *strip, iiif_err_t *err)
{
    fake_dec_t *dec = (fake_dec_t *)base;
    unsigned channels = iiif_layout_channels((iiif_layout)base->facts.layout);

    for (strip->rows = 0; strip->rows < strip->capacity && strip->rows < 3; strip->rows++, dec->next++) {
        uint8_t *row = strip->data + strip->rows * strip->stride;

        if (dec->next >= dec->fail_row)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 9996, "the master is damaged");
        for (uint32_t i = 0; i < dec->window.rect.w * channels; i++) {
            uint32_t v = fake_sample(dec, dec->window.rect.x + i / channels, dec->window.rect.y + dec->next, i % channels,
                                     channels);

            if (base->facts.depth == 8)
                row[i] = (uint8_t)v;
            else
                ((uint16_t *)(void *)row)[i] = (uint16_t)v;
        }
    }
    return IIIF_OK;
}

static void fake_close(iiif_dec_t *base)
{
    (void)base;
}

static const iiif_decoder_t fake_decoder = {.name = "fake", .abi = IIIF_CODEC_ABI, .profile = fake_profile,
                                            .window = fake_window, .rows = fake_rows, .close = fake_close};

static fake_dec_t master(uint32_t width, uint32_t height, iiif_layout layout, unsigned depth, const iiif_work_t *work)
{
    fake_dec_t dec = {.fail_row = UINT32_MAX};
    iiif_facts_t *facts = &dec.base.facts;

    dec.base.decoder = &fake_decoder;
    dec.base.work = work;
    facts->stored_width = width;
    facts->stored_height = height;
    facts->orientation = 1;
    facts->layout = (uint8_t)layout;
    facts->depth = facts->precision = (uint8_t)depth;
    facts->color_class = layout <= IIIF_LAYOUT_GRAYA ? IIIF_CLASS_GRAY : IIIF_CLASS_COLOR;
    facts->access = IIIF_ACCESS_ROWS;
    facts->cost_per_pixel = 1;
    assert_true(iiif_facts_add_level(facts, width, height, 0, 0));
    assert_int_equal(iiif_facts_finish(facts, NULL), IIIF_OK);
    return dec;
}

/* --- an encoder that keeps rows -------------------------------------------------------------------------- */

typedef struct kept {
    int opened, finished, closed;
    iiif_enc_params_t params;
    picture_t picture;
    uint32_t rows;
    iiif_rc open_rc, rows_rc, finish_rc;
} kept_t;

static kept_t kept;
static iiif_enc_t the_enc;

static iiif_rc keep_open(const iiif_enc_params_t *params, const iiif_sink_t *sink, const iiif_work_t *work, iiif_enc_t **out,
                         iiif_err_t *err)
{
    (void)sink;
    (void)work;
    kept.opened++;
    if (kept.open_rc != IIIF_OK)
        return iiif_err_set(err, kept.open_rc, 9995, "no encoder");
    kept.params = *params;
    kept.picture = picture_new(params->image.width, params->image.height, params->image.layout, params->image.depth);
    *out = &the_enc;
    return IIIF_OK;
}

static iiif_rc keep_rows(iiif_enc_t *enc, const iiif_strip_t *strip, iiif_err_t *err)
{
    size_t n = (size_t)kept.params.image.width * iiif_layout_channels(kept.params.image.layout);

    (void)enc;
    if (kept.rows_rc != IIIF_OK)
        return iiif_err_set(err, kept.rows_rc, 9994, "the sink is full");
    assert_int_equal(strip->y, kept.rows);
    for (uint32_t r = 0; r < strip->rows; r++, kept.rows++) {
        const uint8_t *row = strip->data + r * strip->stride;

        assert_true(kept.rows < kept.params.image.height);
        for (size_t i = 0; i < n; i++)
            kept.picture.samples[kept.rows * n + i] = kept.params.image.depth == 8
                                                          ? row[i]
                                                          : ((const uint16_t *)(const void *)row)[i];
    }
    return IIIF_OK;
}

static iiif_rc keep_finish(iiif_enc_t *enc, iiif_err_t *err)
{
    (void)enc;
    assert_int_equal(kept.rows, kept.params.image.height);
    kept.finished++;
    return kept.finish_rc == IIIF_OK ? IIIF_OK : iiif_err_set(err, kept.finish_rc, 9993, "the sink is full");
}

static void keep_close(iiif_enc_t *enc)
{
    (void)enc;
    kept.closed++;
}

static iiif_encoder_t keeper = {.format = "jpg", .media_type = "image/x", .abi = IIIF_CODEC_ABI, .max_dimension = 1000,
                                .open = keep_open, .rows = keep_rows, .finish = keep_finish, .close = keep_close};

static iiif_rc no_write(void *context, const uint8_t *data, size_t length, iiif_err_t *err)
{
    (void)context;
    (void)data;
    (void)length;
    (void)err;
    return IIIF_OK;
}

static iiif_mem_t memory;
static const iiif_work_t work = {&memory, NULL};
static iiif_output_t output;
static iiif_err_t err;

static int reset(void **state)
{
    (void)state;
    picture_free(&kept.picture);
    memset(&kept, 0, sizeof(kept));
    memset(&err, 0, sizeof(err));
    iiif_mem_init(&memory, 0);
    iiif_output_defaults(&output);
    return 0;
}

static iiif_plan_t plan_of(const fake_dec_t *dec, const char *request)
{
    const iiif_limits_t limits = {.upscale = true, .qualities = IIIF_QUALITIES_ALL};
    iiif_plan_t plan;
    iiif_req_t req;

    assert_int_equal(iiif_uri_parse_parameters(IIIF_VERSION_3, iiif_slice(request), &req, &err), IIIF_OK);
    assert_int_equal(iiif_plan_make(&req, &dec->base.facts, &limits, keeper.caps, &plan, &err), IIIF_OK);
    return plan;
}

static iiif_rc render_rc(fake_dec_t *dec, const char *request)
{
    const iiif_sink_t sink = {.write = no_write};
    iiif_plan_t plan = plan_of(dec, request);

    return iiif_render(&dec->base, &plan, &keeper, &output, &sink, &err);
}

static void render(fake_dec_t *dec, const char *request, unsigned caps)
{
    iiif_rc rc;

    picture_free(&kept.picture);
    memset(&kept, 0, sizeof(kept));
    keeper.caps = caps;
    rc = render_rc(dec, request);
    if (rc != IIIF_OK)
        print_error("%s: %s\n", request, err.detail);
    assert_int_equal(rc, IIIF_OK);
    assert_true(kept.opened == 1 && kept.finished == 1 && kept.closed == 1);
    assert_int_equal(memory.used, 0);
}

#define ALL_CAPS (IIIF_CAP_ALPHA | IIIF_CAP_16BIT | IIIF_CAP_GRAY | IIIF_CAP_BITONAL | IIIF_CAP_ICC)

/* --- tests ------------------------------------------------------------------------------------------------- */

static void full_size_passes_pixels_unchanged(void **state)
{
    fake_dec_t dec = master(61, 47, IIIF_LAYOUT_RGB, 8, &work);

    (void)state;
    render(&dec, "full/max/0/default.jpg", ALL_CAPS);
    assert_int_equal(kept.params.image.layout, IIIF_LAYOUT_RGB);
    for (uint32_t y = 0; y < 47; y++) {
        for (uint32_t x = 0; x < 61; x++) {
            for (unsigned c = 0; c < 3; c++)
                assert_int_equal(picture_at(&kept.picture, x, y)[c], place(x, y, c));
        }
    }
    render(&dec, "10,20,30,15/max/0/default.jpg", ALL_CAPS);
    assert_int_equal(kept.params.image.width, 30);
    assert_int_equal(picture_at(&kept.picture, 3, 4)[1], place(13, 24, 1));
}

/* EXIF orientation 6 shows the stored picture turned clockwise; a request's turn comes after it. */
static void orientation_and_turns_compose(void **state)
{
    fake_dec_t dec = master(61, 47, IIIF_LAYOUT_RGB, 8, &work);

    (void)state;
    dec.base.facts.orientation = 6;
    assert_int_equal(iiif_facts_finish(&dec.base.facts, &err), IIIF_OK);
    assert_int_equal(dec.base.facts.width, 47);
    render(&dec, "full/max/0/default.jpg", ALL_CAPS);
    assert_int_equal(kept.params.image.width, 47);
    assert_int_equal(kept.params.image.height, 61);
    assert_int_equal(picture_at(&kept.picture, 46, 0)[0], place(0, 0, 0));
    assert_int_equal(picture_at(&kept.picture, 0, 0)[0], place(0, 46, 0));
    assert_int_equal(picture_at(&kept.picture, 46, 60)[0], place(60, 0, 0));
    render(&dec, "full/max/90/default.jpg", ALL_CAPS);
    assert_int_equal(kept.params.image.width, 61);
    assert_int_equal(picture_at(&kept.picture, 60, 46)[0], place(0, 0, 0));
    render(&dec, "full/max/!0/default.jpg", ALL_CAPS);
    assert_int_equal(picture_at(&kept.picture, 0, 0)[0], place(0, 0, 0));
    render(&dec, "0,0,10,20/max/0/default.jpg", ALL_CAPS); /* upright pixels */
    assert_int_equal(kept.params.image.width, 10);
    assert_int_equal(kept.params.image.height, 20);
    assert_int_equal(picture_at(&kept.picture, 9, 0)[0], place(0, 37, 0));
}

static void qualities_change_the_channels(void **state)
{
    fake_dec_t dec = master(40, 30, IIIF_LAYOUT_RGBA, 8, &work);
    bool black = false, white = false;
    double luma;

    (void)state;
    render(&dec, "full/max/0/gray.jpg", ALL_CAPS);
    assert_int_equal(kept.params.image.layout, IIIF_LAYOUT_GRAYA);
    assert_int_equal(picture_at(&kept.picture, 2, 2)[1], 0);
    luma = 0.299 * place(20, 2, 0) + 0.587 * place(20, 2, 1) + 0.114 * place(20, 2, 2);
    assert_in_range(picture_at(&kept.picture, 20, 2)[0], (uint32_t)luma, (uint32_t)luma + 1);
    render(&dec, "full/max/0/bitonal.jpg", ALL_CAPS);
    assert_int_equal(kept.params.image.layout, IIIF_LAYOUT_GRAY);
    assert_true(kept.params.bitonal);
    for (size_t i = 0; i < picture_count(&kept.picture); i++) {
        black = black || kept.picture.samples[i] == 0;
        white = white || kept.picture.samples[i] == 255;
        assert_true(kept.picture.samples[i] == 0 || kept.picture.samples[i] == 255);
    }
    assert_true(black && white);
    for (uint32_t y = 0; y < 30; y++)
        assert_int_equal(picture_at(&kept.picture, 1, y)[0], 255); /* transparent: background */
    render(&dec, "full/max/0/default.jpg", ALL_CAPS);
    assert_false(kept.params.bitonal);
}

static void formats_without_alpha_get_the_background(void **state)
{
    fake_dec_t dec = master(40, 30, IIIF_LAYOUT_RGBA, 8, &work);

    (void)state;
    memcpy(output.background, "\x10\x20\x30", 3);
    render(&dec, "full/max/0/default.jpg", IIIF_CAP_GRAY);
    assert_int_equal(kept.params.image.layout, IIIF_LAYOUT_RGB);
    assert_int_equal(picture_at(&kept.picture, 2, 2)[0], 0x10);
    assert_int_equal(picture_at(&kept.picture, 2, 2)[2], 0x30);
    assert_int_equal(picture_at(&kept.picture, 20, 2)[1], place(20, 2, 1));
    dec.base.facts.layout = IIIF_LAYOUT_RGB;
    render(&dec, "full/max/45/default.jpg", IIIF_CAP_GRAY); /* corners */
    assert_int_equal(picture_at(&kept.picture, 0, 0)[0], 0x10);
    render(&dec, "full/max/45/default.jpg", ALL_CAPS);
    assert_int_equal(kept.params.image.layout, IIIF_LAYOUT_RGBA);
    assert_int_equal(picture_at(&kept.picture, 0, 0)[3], 0);
}

/* A format that knows no gray gets three equal channels. */
static void gray_is_widened_where_the_format_has_none(void **state)
{
    fake_dec_t dec = master(40, 30, IIIF_LAYOUT_GRAY, 16, &work);
    iiif_plan_t plan;
    const iiif_sink_t sink = {.write = no_write};

    (void)state;
    render(&dec, "full/max/0/default.jpg", 0);
    if (kept.params.image.layout == IIIF_LAYOUT_GRAY) { /* the plan leaves gray to the encoder */
        plan = plan_of(&dec, "full/max/0/default.jpg");
        plan.layout = IIIF_LAYOUT_RGBA;
        plan.depth = 16;
        picture_free(&kept.picture);
        memset(&kept, 0, sizeof(kept));
        assert_int_equal(iiif_render(&dec.base, &plan, &keeper, &output, &sink, &err), IIIF_OK);
        assert_int_equal(picture_at(&kept.picture, 9, 7)[3], 65535);
        assert_int_equal(picture_at(&kept.picture, 9, 7)[2], place(9, 7, 0) * 257);
        plan.depth = 8;
        plan.layout = IIIF_LAYOUT_RGB;
        picture_free(&kept.picture);
        memset(&kept, 0, sizeof(kept));
        assert_int_equal(iiif_render(&dec.base, &plan, &keeper, &output, &sink, &err), IIIF_OK);
    }
    assert_int_equal(kept.params.image.layout, IIIF_LAYOUT_RGB);
    for (unsigned c = 0; c < 3; c++)
        assert_int_equal(picture_at(&kept.picture, 9, 7)[c], place(9, 7, 0));
}

static void depth_is_what_the_format_holds(void **state)
{
    static const iiif_layout layouts[] = {IIIF_LAYOUT_GRAY, IIIF_LAYOUT_RGB, IIIF_LAYOUT_RGBA};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(layouts); i++) {
        fake_dec_t dec = master(40, 30, layouts[i], 16, &work);

        render(&dec, "full/max/0/default.jpg", ALL_CAPS & ~IIIF_CAP_16BIT);
        assert_int_equal(kept.params.image.depth, 8);
        assert_int_equal(picture_at(&kept.picture, 9, 7)[0], place(9, 7, 0));
        dec.flat = true;
        render(&dec, "full/13,/0/default.jpg", ALL_CAPS & ~IIIF_CAP_16BIT);
        for (size_t k = 0; k < picture_count(&kept.picture); k++)
            assert_true(kept.picture.samples[k] == 128 || (i == 2 && k % 4 == 3));
    }
}

/* sRGB says nothing new, so it is carried only where it is to be kept, and only by pixels that it describes. */
static void a_profile_is_embedded_only_where_it_still_fits(void **state)
{
    fake_dec_t dec = master(40, 30, IIIF_LAYOUT_RGB, 8, &work);

    (void)state;
    dec.icc = iiif_color_srgb_profile(&dec.icc_length);
    dec.base.facts.has_profile = true;
    render(&dec, "full/max/0/default.jpg", ALL_CAPS);
    assert_null(kept.params.icc);
    output.color = IIIF_COLOR_KEEP;
    render(&dec, "full/max/0/default.jpg", ALL_CAPS);
    assert_ptr_equal(kept.params.icc, dec.icc);
    assert_int_equal(kept.params.icc_length, dec.icc_length);
    render(&dec, "full/max/0/gray.jpg", ALL_CAPS);
    assert_null(kept.params.icc);
    render(&dec, "full/max/0/bitonal.jpg", ALL_CAPS);
    assert_null(kept.params.icc);
    render(&dec, "full/max/0/default.jpg", ALL_CAPS & ~IIIF_CAP_ICC);
    assert_null(kept.params.icc);
}

static void a_profile_that_cannot_be_had_does_not_matter(void **state)
{
    fake_dec_t dec = master(40, 30, IIIF_LAYOUT_RGB, 8, &work);
    static const uint8_t junk[200] = {1, 2, 3};

    (void)state;
    dec.base.facts.has_profile = true;
    dec.profile_rc = IIIF_E_BAD_MASTER;
    render(&dec, "full/max/0/default.jpg", ALL_CAPS);
    dec.profile_rc = IIIF_OK;
    dec.icc = junk;
    dec.icc_length = sizeof(junk);
    render(&dec, "full/max/0/default.jpg", ALL_CAPS);
    assert_int_equal(picture_at(&kept.picture, 9, 7)[0], place(9, 7, 0));
    dec.profile_rc = IIIF_E_NO_MEMORY;
    assert_int_equal(render_rc(&dec, "full/max/0/default.jpg"), IIIF_E_NO_MEMORY);
    assert_int_equal(memory.used, 0);
}

static void output_options_reach_the_encoder(void **state)
{
    fake_dec_t dec = master(40, 30, IIIF_LAYOUT_RGB, 8, &work);

    (void)state;
    render(&dec, "full/max/0/default.jpg", ALL_CAPS);
    assert_int_equal(kept.params.quality, 85);
    assert_true(kept.params.subsample);
    assert_true(kept.params.progressive_above == 1 << 20);
    assert_int_equal(kept.params.level, 6);
    assert_true(kept.params.pixels_per_cm == 0);
    output.jpeg_quality = 90;
    dec.base.facts.unit = IIIF_UNIT_INCH;
    dec.base.facts.pixels_per_unit_x = dec.base.facts.pixels_per_unit_y = 254;
    render(&dec, "full/20,/0/default.jpg", ALL_CAPS);
    assert_int_equal(kept.params.quality, 90);
    assert_false(kept.params.subsample);
    output.jpeg_chroma = IIIF_CHROMA_HALF;
    render(&dec, "full/20,/0/default.jpg", ALL_CAPS);
    assert_true(kept.params.subsample);
    output.jpeg_quality = 50;
    output.jpeg_chroma = IIIF_CHROMA_FULL;
    render(&dec, "full/20,/0/default.jpg", ALL_CAPS);
    assert_false(kept.params.subsample);
    output.jpeg_quality = 90;
    output.jpeg_chroma = IIIF_CHROMA_AUTO;
    render(&dec, "full/20,/0/default.jpg", ALL_CAPS);
    assert_true(kept.params.pixels_per_cm == 50); /* half the size, half the resolution */
    keeper.format = "webp";
    render(&dec, "20,0,20,30/max/0/default.jpg", ALL_CAPS);
    assert_int_equal(kept.params.quality, 80);
    assert_true(kept.params.pixels_per_cm == 100);
    render(&dec, "full/20,30/0/default.jpg", ALL_CAPS); /* distorted: no one resolution */
    assert_true(kept.params.pixels_per_cm == 0);
    keeper.format = "jpg";
}

/* An error that can still become a status must come before the encoder may write. */
static void no_byte_goes_out_before_the_first_rows(void **state)
{
    fake_dec_t dec = master(40, 300, IIIF_LAYOUT_RGB, 8, &work);
    static const char *const requests[] = {"full/max/0/default.jpg", "full/20,/0/default.jpg", "full/max/90/default.jpg",
                                           "full/max/33/default.jpg", "full/max/0/bitonal.jpg"};

    (void)state;
    keeper.caps = ALL_CAPS;
    for (size_t i = 0; i < IIIF_COUNT(requests); i++) {
        dec.fail_row = 0;
        assert_int_equal(render_rc(&dec, requests[i]), IIIF_E_BAD_MASTER);
        assert_int_equal(err.id, 9996);
        assert_int_equal(kept.opened, 0);
        assert_int_equal(memory.used, 0);
    }
    dec.fail_row = 299;
    assert_int_equal(render_rc(&dec, "full/max/90/default.jpg"), IIIF_E_BAD_MASTER);
    assert_int_equal(kept.opened, 0); /* a turn needs the last row first */
    assert_int_equal(render_rc(&dec, "full/max/0/default.jpg"), IIIF_E_BAD_MASTER);
    assert_int_equal(kept.finished, 0);
    assert_int_equal(kept.opened, kept.closed);
    assert_int_equal(memory.used, 0);
}

static void errors_of_the_encoder_end_the_render(void **state)
{
    fake_dec_t dec = master(40, 30, IIIF_LAYOUT_RGB, 8, &work);

    (void)state;
    keeper.caps = ALL_CAPS;
    kept.open_rc = IIIF_E_NO_MEMORY;
    assert_int_equal(render_rc(&dec, "full/max/0/default.jpg"), IIIF_E_NO_MEMORY);
    assert_int_equal(kept.closed, 0);
    reset(NULL);
    kept.rows_rc = IIIF_E_CANCELLED;
    assert_int_equal(render_rc(&dec, "full/max/0/default.jpg"), IIIF_E_CANCELLED);
    assert_true(kept.closed == 1 && kept.finished == 0);
    reset(NULL);
    kept.finish_rc = IIIF_E_IO;
    assert_int_equal(render_rc(&dec, "full/max/0/default.jpg"), IIIF_E_IO);
    assert_int_equal(kept.closed, 1);
    assert_int_equal(memory.used, 0);
}

/* What the format cannot hold, or holds only at the cost of too much memory, is refused by the plan. */
static void the_plan_knows_the_format(void **state)
{
    fake_dec_t dec = master(400, 300, IIIF_LAYOUT_RGB, 8, &work);
    iiif_limits_t limits = {.qualities = IIIF_QUALITIES_ALL};
    uint64_t streaming;
    iiif_plan_t plan;
    iiif_req_t req;

    (void)state;
    keeper.caps = ALL_CAPS;
    assert_int_equal(iiif_uri_parse_parameters(IIIF_VERSION_3, iiif_slice("full/max/0/default.jpg"), &req, &err), IIIF_OK);
    keeper.max_dimension = 399;
    assert_int_equal(iiif_render_plan(&req, &dec.base.facts, &limits, &keeper, &plan, &err), IIIF_E_UNSUPPORTED);
    keeper.max_dimension = 1000;
    assert_int_equal(iiif_render_plan(&req, &dec.base.facts, &limits, &keeper, &plan, &err), IIIF_OK);
    streaming = plan.memory;
    keeper.buffers_whole = true;
    keeper.bytes_per_pixel = 10;
    limits.memory = (size_t)streaming + 400 * 300 * 10;
    assert_int_equal(iiif_render_plan(&req, &dec.base.facts, &limits, &keeper, &plan, &err), IIIF_OK);
    assert_int_equal(plan.memory, limits.memory);
    limits.memory--;
    assert_int_equal(iiif_render_plan(&req, &dec.base.facts, &limits, &keeper, &plan, &err), IIIF_E_TOO_LARGE);
    keeper.buffers_whole = false;
}

/* A plan that does not fit its master is caught, not rendered. */
static void a_plan_that_does_not_fit_is_an_error(void **state)
{
    fake_dec_t dec = master(40, 30, IIIF_LAYOUT_RGB, 8, &work);
    const iiif_sink_t sink = {.write = no_write};
    iiif_plan_t plan;

    (void)state;
    keeper.caps = ALL_CAPS;
    plan = plan_of(&dec, "full/max/0/default.jpg");
    plan.out_width++;
    assert_int_equal(iiif_render(&dec.base, &plan, &keeper, &output, &sink, &err), IIIF_E_INTERNAL);
    assert_int_equal(kept.opened, 0);
    assert_int_equal(memory.used, 0);
}

static void every_failing_allocation_is_survived(void **state)
{
    static const char *const requests[] = {"full/max/0/default.jpg", "full/20,/90/gray.jpg", "full/20,/33/bitonal.jpg",
                                           "full/^90,/!0/default.jpg"};
    static const iiif_layout layouts[] = {IIIF_LAYOUT_RGBA, IIIF_LAYOUT_CMYK, IIIF_LAYOUT_GRAY};

    (void)state;
    keeper.caps = IIIF_CAP_GRAY;
    for (size_t i = 0; i < IIIF_COUNT(requests) * IIIF_COUNT(layouts); i++) {
        fake_dec_t dec = master(40, 30, layouts[i % 3], 16, &work);
        iiif_rc rc = IIIF_E_NO_MEMORY;

        dec.icc = iiif_color_srgb_profile(&dec.icc_length);
        dec.base.facts.has_profile = true;
        for (unsigned long n = 1; rc != IIIF_OK; n++) {
            reset(NULL);
            memory.fail_at = n;
            rc = render_rc(&dec, requests[i / 3]);
            assert_true(rc == IIIF_OK || rc == IIIF_E_NO_MEMORY);
            assert_int_equal(kept.opened, kept.closed);
            assert_int_equal(memory.used, 0);
            assert_true(n < 3000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(full_size_passes_pixels_unchanged, reset, reset),
        cmocka_unit_test_setup_teardown(orientation_and_turns_compose, reset, reset),
        cmocka_unit_test_setup_teardown(qualities_change_the_channels, reset, reset),
        cmocka_unit_test_setup_teardown(formats_without_alpha_get_the_background, reset, reset),
        cmocka_unit_test_setup_teardown(gray_is_widened_where_the_format_has_none, reset, reset),
        cmocka_unit_test_setup_teardown(depth_is_what_the_format_holds, reset, reset),
        cmocka_unit_test_setup_teardown(a_profile_is_embedded_only_where_it_still_fits, reset, reset),
        cmocka_unit_test_setup_teardown(a_profile_that_cannot_be_had_does_not_matter, reset, reset),
        cmocka_unit_test_setup_teardown(output_options_reach_the_encoder, reset, reset),
        cmocka_unit_test_setup_teardown(no_byte_goes_out_before_the_first_rows, reset, reset),
        cmocka_unit_test_setup_teardown(errors_of_the_encoder_end_the_render, reset, reset),
        cmocka_unit_test_setup_teardown(the_plan_knows_the_format, reset, reset),
        cmocka_unit_test_setup_teardown(a_plan_that_does_not_fit_is_an_error, reset, reset),
        cmocka_unit_test_setup_teardown(every_failing_allocation_is_survived, reset, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
