/* SPDX-License-Identifier: Apache-2.0 */
/* Windows put together out of shared blocks: the same pixels as decoded at once, and no block decoded twice. */
#include "codec_kit.h"
#include "jp2_make.h"

#include "../../lib/codec/iiif_blocks.h"

extern const iiif_decoder_t iiif_dec_jp2;

/* --- a master whose pixels are a formula of place --------------------------------------------------------- */

typedef struct fake {
    iiif_dec_t base;
    iiif_dec_window_t window;
    uint32_t next, bad_row;      /* rows of the level from bad_row on are damaged; 0: none */
    unsigned windows;
    uint64_t pixels;             /* delivered so far */
    uint64_t late_after;         /* time is up after so many; 0: never */
} fake_t;

static uint8_t sample(unsigned level, uint32_t x, uint32_t y, size_t i)
{
    uint32_t h = x * 2654435761u ^ y * 40503u ^ (uint32_t)i * 977u ^ level * 7919u;

    h ^= h >> 15;
    h *= 2246822519u;
    return (uint8_t)(h >> 13);
}

static iiif_rc fake_window(iiif_dec_t *base, const iiif_dec_window_t *window, iiif_err_t *err)
{
    fake_t *fake = (fake_t *)base;
    const iiif_level_t *level = &base->facts.levels[window->level];

    (void)err;
    assert_true(window->rect.w > 0 && window->rect.x + window->rect.w <= level->width);
    assert_true(window->rect.h > 0 && window->rect.y + window->rect.h <= level->height);
    fake->window = *window;
    fake->next = 0;
    fake->windows++;
    return IIIF_OK;
}

static iiif_rc fake_rows(iiif_dec_t *base, iiif_strip_t *strip, iiif_err_t *err)
{
    fake_t *fake = (fake_t *)base;
    const iiif_rect_t *rect = &fake->window.rect;
    iiif_image_t image = kit_shape(&base->facts, rect);
    size_t bytes = iiif_image_pixel_bytes(&image);
    uint32_t rows = 1 + fake->next % 5;

    assert_true(strip->capacity > 0 && strip->capacity <= rect->h - fake->next);
    for (strip->rows = 0; strip->rows < strip->capacity && strip->rows < rows; strip->rows++, fake->next++) {
        uint8_t *row = strip->data + strip->rows * strip->stride;

        if (fake->bad_row != 0 && rect->y + fake->next >= fake->bad_row)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 9996, "the master is damaged");
        for (uint32_t x = 0; x < rect->w; x++)
            for (size_t i = 0; i < bytes; i++)
                row[x * bytes + i] = sample(fake->window.level, rect->x + x, rect->y + fake->next, i);
    }
    fake->pixels += (uint64_t)rect->w * strip->rows;
    if (fake->late_after != 0 && fake->pixels > fake->late_after)
        base->work->cancel->deadline_ns = 1;
    return IIIF_OK;
}

static const iiif_decoder_t fake_decoder = {.name = "fake", .abi = IIIF_CODEC_ABI, .window = fake_window, .rows = fake_rows};

/* --- a cache that keeps everything ------------------------------------------------------------------------- */

#define SHELF 256

typedef struct shelf {
    iiif_block_cache_t cache;
    struct place {
        iiif_block_key_t key;
        uint8_t *data;
        size_t bytes;
        bool ready;
    } places[SHELF];
    unsigned count, asked, begun, committed, abandoned, held;
    unsigned wishes[3];
    bool refuse, torn;           /* gives nothing; what was read is never right */
    iiif_rc fail;                /* of each lookup */
} shelf_t;

static iiif_rc shelf_lookup(void *context, const iiif_block_key_t *key, size_t bytes, iiif_block_wish wish, iiif_block_t *block,
                            iiif_block_state *state, iiif_err_t *err)
{
    shelf_t *shelf = context;
    unsigned at = 0;

    shelf->asked++;
    shelf->wishes[wish]++;
    assert_int_equal(shelf->held, 0); /* one at a time */
    *state = IIIF_BLOCK_NONE;
    if (shelf->fail != IIIF_OK)
        return iiif_err_set(err, shelf->fail, 9995, "told to fail");
    while (at < shelf->count && memcmp(&shelf->places[at].key, key, sizeof(*key)) != 0)
        at++;
    if (shelf->refuse || (at == shelf->count && wish != IIIF_BLOCK_ALWAYS))
        return IIIF_OK;
    if (at == shelf->count) {
        assert_true(at < SHELF);
        shelf->places[shelf->count++] = (struct place){*key, malloc(bytes), bytes, false};
    }
    assert_int_equal(shelf->places[at].bytes, bytes);
    *state = shelf->places[at].ready ? IIIF_BLOCK_HIT : IIIF_BLOCK_MINE;
    shelf->begun += *state == IIIF_BLOCK_MINE;
    if (shelf->torn && *state == IIIF_BLOCK_HIT)
        memset(shelf->places[at].data, 0, bytes);
    block->entry = at;
    shelf->held++;
    return IIIF_OK;
}

static void shelf_read(void *context, const iiif_block_t *block, size_t offset, void *out, size_t n)
{
    const struct place *place = &((shelf_t *)context)->places[block->entry];

    assert_true(place->ready && offset + n <= place->bytes);
    memcpy(out, place->data + offset, n);
}

static void shelf_write(void *context, const iiif_block_t *block, size_t offset, const void *data, size_t n)
{
    const struct place *place = &((shelf_t *)context)->places[block->entry];

    assert_true(!place->ready && offset + n <= place->bytes);
    memcpy(place->data + offset, data, n);
}

static void shelf_commit(void *context, iiif_block_t *block)
{
    shelf_t *shelf = context;

    shelf->places[block->entry].ready = true;
    shelf->committed++;
    shelf->held--;
}

static void shelf_abandon(void *context, iiif_block_t *block)
{
    shelf_t *shelf = context;

    (void)block;
    shelf->abandoned++;
    shelf->held--;
}

static bool shelf_release(void *context, iiif_block_t *block)
{
    shelf_t *shelf = context;

    (void)block;
    shelf->held--;
    return !shelf->torn;
}

static void shelf_init(shelf_t *shelf)
{
    memset(shelf, 0, sizeof(*shelf));
    shelf->cache = (iiif_block_cache_t){shelf, shelf_lookup, shelf_read, shelf_write, shelf_commit, shelf_abandon, shelf_release};
}

static void shelf_free(shelf_t *shelf)
{
    assert_int_equal(shelf->held, 0);
    assert_int_equal(shelf->begun, shelf->committed + shelf->abandoned);
    for (unsigned i = 0; i < shelf->count; i++)
        free(shelf->places[i].data);
    shelf->count = 0;
}

/* --- helpers ------------------------------------------------------------------------------------------------ */

static void fake_init(fake_t *fake, kit_t *kit, shelf_t *shelf, uint32_t width, uint32_t height, uint32_t tile)
{
    kit_init(kit, 0);
    shelf_init(shelf);
    memset(fake, 0, sizeof(*fake));
    fake->base.decoder = &fake_decoder;
    fake->base.work = &kit->work;
    fake->base.blocks = &shelf->cache;
    fake->base.facts.layout = IIIF_LAYOUT_RGB;
    fake->base.facts.depth = 8;
    fake->base.facts.access = IIIF_ACCESS_TILES;
    fake->base.facts.cost_per_pixel = 8;
    for (unsigned level = 0; level < 4; level++)
        assert_true(iiif_facts_add_level(&fake->base.facts, iiif_ceil_shift(width, level), iiif_ceil_shift(height, level),
                                         iiif_min_u32(tile >> level, iiif_ceil_shift(width, level)),
                                         iiif_min_u32(tile >> level, iiif_ceil_shift(height, level))));
}

/* All rows of a window through the stage, in strips of `capacity` rows; NULL on an error. */
static uint8_t *drain(iiif_dec_t *dec, unsigned level, iiif_rect_t rect, uint32_t capacity, iiif_err_t *err)
{
    const iiif_dec_window_t window = {level, rect};
    iiif_image_t image = kit_shape(&dec->facts, &rect);
    size_t row = rect.w * iiif_image_pixel_bytes(&image);
    iiif_stage_t *stage = NULL;
    uint8_t *out;

    if (iiif_blocks_stage(dec, &window, &stage, err) != IIIF_OK)
        return NULL;
    assert_int_equal(stage->image.width, rect.w);
    assert_int_equal(stage->image.height, rect.h);
    assert_int_equal(stage->image.layout, dec->facts.layout);
    assert_int_equal(stage->image.depth, dec->facts.depth);
    out = malloc(row * rect.h);
    for (uint32_t y = 0; y < rect.h;) {
        iiif_strip_t strip = {out + row * y, row, iiif_min_u32(capacity, rect.h - y), 0, 0};

        if (iiif_stage_pull(stage, &strip, err) != IIIF_OK) {
            free(out);
            out = NULL;
            break;
        }
        y += strip.rows;
    }
    iiif_stage_close(stage);
    return out;
}

static bool is_formula(const fake_t *fake, unsigned level, iiif_rect_t rect, const uint8_t *pixels)
{
    iiif_image_t image = kit_shape(&fake->base.facts, &rect);
    size_t bytes = iiif_image_pixel_bytes(&image);

    for (uint32_t y = 0; y < rect.h; y++)
        for (uint32_t x = 0; x < rect.w; x++)
            for (size_t i = 0; i < bytes; i++)
                if (*pixels++ != sample(level, rect.x + x, rect.y + y, i))
                    return false;
    return true;
}

/* Reads a window, checks it, and returns how many pixels were decoded for it. */
static uint64_t look(fake_t *fake, unsigned level, iiif_rect_t rect)
{
    uint64_t before = fake->pixels;
    iiif_err_t err = {0};
    uint8_t *pixels = drain(&fake->base, level, rect, 33, &err);

    assert_non_null(pixels);
    assert_true(is_formula(fake, level, rect, pixels));
    free(pixels);
    assert_int_equal(fake->base.work->mem->used, 0);
    return fake->pixels - before;
}

static iiif_rect_t random_rect(uint32_t *seed, uint32_t width, uint32_t height, uint32_t most)
{
    iiif_rect_t rect;

    rect.w = 1 + kit_random(seed) % iiif_min_u32(width, most);
    rect.h = 1 + kit_random(seed) % iiif_min_u32(height, most);
    rect.x = kit_random(seed) % (width - rect.w + 1);
    rect.y = kit_random(seed) % (height - rect.h + 1);
    return rect;
}

/* --- tests -------------------------------------------------------------------------------------------------- */

static void blocks_follow_the_tiles(void **state)
{
    static const struct { uint32_t tile, level, side; } cases[] = {
        {0, 0, 1024}, {512, 0, 512}, {1024, 0, 1024}, {700, 0, 700}, {2048, 0, 1024}, {256, 0, 512}, {300, 0, 600},
        {64, 0, 512}, {1024, 1, 512}, {1024, 2, 512}, {2048, 2, 512}, {4096, 1, 1024}};
    fake_t fake;
    kit_t kit;
    shelf_t shelf;
    uint32_t w, h;

    (void)state;
    for (unsigned i = 0; i < IIIF_COUNT(cases); i++) {
        fake_init(&fake, &kit, &shelf, 9000, 8000, cases[i].tile);
        iiif_blocks_grid(&fake.base.facts, cases[i].level, &w, &h);
        assert_int_equal(w, cases[i].side);
        assert_int_equal(h, cases[i].side);
    }
    fake_init(&fake, &kit, &shelf, 800, 300, 0);
    iiif_blocks_grid(&fake.base.facts, 0, &w, &h);
    assert_int_equal(w, 800);
    assert_int_equal(h, 300);
}

static void any_window_is_what_is_decoded_at_once(void **state)
{
    static const uint32_t tiles[] = {0, 256, 300, 512, 2048};
    uint32_t seed = 99;

    (void)state;
    for (unsigned i = 0; i < 2 * IIIF_COUNT(tiles); i++) {
        fake_t fake;
        kit_t kit;
        shelf_t shelf;

        fake_init(&fake, &kit, &shelf, 2900, 2300, tiles[i / 2]);
        fake.base.facts.layout = i % 2 == 0 ? IIIF_LAYOUT_RGB : IIIF_LAYOUT_GRAYA;
        fake.base.facts.depth = i % 2 == 0 ? 8 : 16;
        for (unsigned n = 0; n < 24; n++) {
            unsigned level = kit_random(&seed) % 4;
            const iiif_level_t *of = &fake.base.facts.levels[level];
            iiif_rect_t rect = random_rect(&seed, of->width, of->height, n % 2 == 0 ? 300 : 1400);
            uint64_t all = (uint64_t)rect.w * rect.h;

            shelf.torn = n % 6 == 5;
            shelf.refuse = n % 6 == 4;
            if (look(&fake, level, rect) == 0)
                assert_false(shelf.refuse);
            if (shelf.refuse)
                assert_true(fake.pixels >= all);
            if (shelf.torn) { /* what is torn is gone */
                shelf_free(&shelf);
                shelf_init(&shelf);
            }
        }
        assert_int_equal(shelf.abandoned, 0);
        shelf_free(&shelf);
    }
}

static void a_screen_of_tiles_is_decoded_once(void **state)
{
    fake_t fake;
    kit_t kit;
    shelf_t shelf;
    uint64_t decoded = 0;

    (void)state;
    fake_init(&fake, &kit, &shelf, 5000, 4000, 0);
    for (uint32_t i = 0; i < 16; i++)
        decoded += look(&fake, 0, (iiif_rect_t){1024 + i % 4 * 256, 2048 + i / 4 * 256, 256, 256});
    assert_int_equal(decoded, 1024 * 1024);
    assert_int_equal(shelf.committed, 1);
    assert_int_equal(fake.windows, 1);
    /* Four blocks meet in it. */
    assert_int_equal(look(&fake, 0, (iiif_rect_t){874, 1898, 300, 300}), 3 * 1024 * 1024);
    assert_int_equal(look(&fake, 0, (iiif_rect_t){874, 1898, 300, 300}), 0);
    shelf_free(&shelf);
}

/* A filter's margin reaches into all neighbours: a few rows of each are not worth a block. */
static void slivers_are_decoded_as_slivers(void **state)
{
    fake_t fake;
    kit_t kit;
    shelf_t shelf;

    (void)state;
    fake_init(&fake, &kit, &shelf, 5000, 4000, 0);
    assert_int_equal(look(&fake, 0, (iiif_rect_t){1024 - 6, 1024 - 6, 1036, 1036}), 1036 * 1036);
    assert_int_equal(shelf.committed, 1);
    assert_int_equal(shelf.wishes[IIIF_BLOCK_IF_THERE], 8);
    assert_int_equal(look(&fake, 0, (iiif_rect_t){1024, 1024, 512, 512}), 0);
    /* Where they are there they are used. */
    (void)look(&fake, 0, (iiif_rect_t){0, 1024, 1024, 1024});
    assert_int_equal(look(&fake, 0, (iiif_rect_t){1024 - 6, 1024, 1000, 1024}), 0);
    shelf_free(&shelf);
}

static void what_does_not_pay_goes_the_plain_way(void **state)
{
    fake_t fake;
    kit_t kit;
    shelf_t shelf;

    (void)state;
    fake_init(&fake, &kit, &shelf, 5000, 4000, 0);
    (void)look(&fake, 0, (iiif_rect_t){0, 0, 4500, 2500});     /* 15 blocks */
    assert_int_equal(shelf.asked, 0);
    fake.base.facts.cost_per_pixel = 1;
    (void)look(&fake, 0, (iiif_rect_t){0, 0, 256, 256});
    assert_int_equal(shelf.asked, 0);
    fake.base.facts.cost_per_pixel = 8;
    fake.base.facts.access = IIIF_ACCESS_WHOLE;
    (void)look(&fake, 0, (iiif_rect_t){0, 0, 256, 256});
    assert_int_equal(shelf.asked, 0);
    (void)look(&fake, 3, (iiif_rect_t){0, 0, 256, 256});       /* all of this level is one block */
    assert_int_equal(shelf.committed, 1);
    fake.base.facts.access = IIIF_ACCESS_TILES;
    fake.base.facts.bytes_per_pixel = 12;
    kit.mem.limit = 12 << 20;                                  /* 1024 × 1024 × 12 and the rows beside */
    (void)look(&fake, 0, (iiif_rect_t){0, 0, 256, 256});
    assert_int_equal(shelf.asked, 1);
    fake.base.blocks = NULL;
    (void)look(&fake, 0, (iiif_rect_t){0, 0, 256, 256});
    shelf_free(&shelf);
}

static void a_dear_block_is_asked_for_as_such(void **state)
{
    fake_t fake;
    kit_t kit;
    shelf_t shelf;

    (void)state;
    fake_init(&fake, &kit, &shelf, 5000, 4000, 0);
    fake.base.facts.cost_per_pixel = 40;
    assert_int_equal(look(&fake, 0, (iiif_rect_t){0, 0, 256, 256}), 256 * 256);
    assert_int_equal(shelf.wishes[IIIF_BLOCK_IF_SHARED], 1);
    assert_int_equal(look(&fake, 0, (iiif_rect_t){0, 0, 1024, 1024}), 1024 * 1024); /* all of it is wanted anyway */
    assert_int_equal(shelf.wishes[IIIF_BLOCK_ALWAYS], 1);
    assert_int_equal(look(&fake, 0, (iiif_rect_t){0, 0, 256, 256}), 0);
    shelf_free(&shelf);
}

static void damage_elsewhere_in_the_block_does_no_harm(void **state)
{
    fake_t fake;
    kit_t kit;
    shelf_t shelf;
    iiif_err_t err = {0};

    (void)state;
    fake_init(&fake, &kit, &shelf, 5000, 4000, 0);
    fake.bad_row = 600;
    (void)look(&fake, 0, (iiif_rect_t){0, 300, 256, 256});
    assert_int_equal(shelf.abandoned, 1);
    assert_null(drain(&fake.base, 0, (iiif_rect_t){0, 400, 256, 256}, 10, &err));
    assert_int_equal(err.kind, IIIF_E_BAD_MASTER);
    assert_int_equal(shelf.abandoned, 2);
    assert_int_equal(shelf.committed, 0);
    assert_int_equal(kit.mem.used, 0);
    shelf_free(&shelf);
}

static void whose_time_is_up_gives_the_block_up(void **state)
{
    fake_t fake;
    kit_t kit;
    shelf_t shelf;
    iiif_cancel_t cancel = {0};
    iiif_err_t err = {0};

    (void)state;
    fake_init(&fake, &kit, &shelf, 5000, 4000, 0);
    kit.work.cancel = &cancel;
    fake.late_after = 500000;
    assert_null(drain(&fake.base, 0, (iiif_rect_t){0, 0, 256, 256}, 10, &err));
    assert_int_equal(err.kind, IIIF_E_TIMEOUT);
    assert_true(fake.pixels < 600000);
    assert_int_equal(shelf.abandoned, 1);
    kit.work.cancel = NULL;
    shelf.fail = IIIF_E_TIMEOUT;
    assert_null(drain(&fake.base, 0, (iiif_rect_t){0, 0, 256, 256}, 10, &err));
    assert_int_equal(err.kind, IIIF_E_TIMEOUT);
    assert_int_equal(kit.mem.used, 0);
    shelf_free(&shelf);
}

static void without_memory_there_is_an_error_or_the_picture(void **state)
{
    iiif_rect_t rect = {500, 500, 700, 600};
    bool done = false;

    (void)state;
    for (unsigned long at = 1; !done; at++) {
        fake_t fake;
        kit_t kit;
        shelf_t shelf;
        iiif_err_t err = {0};
        uint8_t *pixels;

        fake_init(&fake, &kit, &shelf, 1500, 1300, 512);
        kit.mem.fail_at = at;
        pixels = drain(&fake.base, 0, rect, 50, &err);
        if (pixels == NULL)
            assert_int_equal(err.kind, IIIF_E_NO_MEMORY);
        else
            assert_true(is_formula(&fake, 0, rect, pixels));
        done = kit.mem.calls < at;
        free(pixels);
        assert_int_equal(kit.mem.used, 0);
        shelf_free(&shelf);
    }
}

/* --- real masters ------------------------------------------------------------------------------------------- */

static void check_jp2(const make_t *how, unsigned windows)
{
    iiif_dec_options_t options = {1, 0};
    bytes_t code = make_codestream(how);
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    uint32_t seed = how->seed + 1;
    shelf_t shelf;
    kit_t kit;

    kit_init(&kit, 0);
    shelf_init(&shelf);
    assert_int_equal(iiif_src_open_memory(code.data, code.length, &kit.mem, &src, &kit.err), IIIF_OK);
    assert_int_equal(iiif_dec_open(src, &options, &kit.work, &dec, &kit.err), IIIF_OK);
    assert_null(dec->blocks);
    for (unsigned n = 0; n < windows; n++) {
        unsigned level = kit_random(&seed) % dec->facts.level_count;
        const iiif_level_t *of = &dec->facts.levels[level];
        iiif_rect_t rect = random_rect(&seed, of->width, of->height, 500);
        iiif_image_t image = kit_shape(&dec->facts, &rect);
        uint8_t *direct, *shared;

        dec->blocks = NULL;
        direct = drain(dec, level, rect, 64, &kit.err);
        dec->blocks = &shelf.cache;
        shared = drain(dec, level, rect, 64, &kit.err);
        assert_non_null(direct);
        assert_non_null(shared);
        assert_memory_equal(direct, shared, (size_t)rect.w * rect.h * iiif_image_pixel_bytes(&image));
        free(direct);
        free(shared);
    }
    assert_true(shelf.committed > 0);
    shelf_free(&shelf);
    iiif_dec_close(dec);
    iiif_src_close(src);
    assert_int_equal(kit.mem.used, 0);
    bytes_free(&code);
}

static void jpeg_2000_is_the_same_with_and_without(void **state)
{
    const make_t untiled = {.x1 = 1400, .y1 = 1200, .count = 3, .mct = true, .seed = 1};
    const make_t lossy = {.x1 = 1300, .y1 = 1250, .count = 3, .mct = true, .irreversible = true, .layers = 2, .seed = 2};
    const make_t tiled = {.x1 = 1100, .y1 = 900, .tile_w = 256, .tile_h = 256, .count = 3, .irreversible = true, .seed = 3};
    const make_t offset = {.x0 = 37, .y0 = 51, .x1 = 1200, .y1 = 1190, .tile_w = 500, .tile_h = 400, .seed = 4};
    const make_t deep = {.x1 = 1150, .y1 = 1060, .count = 3, .bits = {12, 12, 12}, .dx = {1, 2, 2}, .dy = {1, 2, 2}, .seed = 5};

    (void)state;
    check_jp2(&untiled, 20);
    check_jp2(&lossy, 20);
    check_jp2(&tiled, 20);
    check_jp2(&offset, 20);
    check_jp2(&deep, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_follow_the_tiles),
        cmocka_unit_test(any_window_is_what_is_decoded_at_once),
        cmocka_unit_test(a_screen_of_tiles_is_decoded_once),
        cmocka_unit_test(slivers_are_decoded_as_slivers),
        cmocka_unit_test(what_does_not_pay_goes_the_plain_way),
        cmocka_unit_test(a_dear_block_is_asked_for_as_such),
        cmocka_unit_test(damage_elsewhere_in_the_block_does_no_harm),
        cmocka_unit_test(whose_time_is_up_gives_the_block_up),
        cmocka_unit_test(without_memory_there_is_an_error_or_the_picture),
        cmocka_unit_test(jpeg_2000_is_the_same_with_and_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
