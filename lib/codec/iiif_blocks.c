/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_blocks.h"

#include <string.h>

/* Tiles smaller than this are taken together; those larger than IIIF_BLOCK_SIDE are cut. */
#define TILE_SIDE_MIN 512u
/* Decoders cheaper than this (in baseline JPEG pixels) decode a window sooner than it is looked up. */
#define EXPENSIVE 5.0f
/* About 150 ms, at 4 ns for a baseline JPEG pixel: what one request may spend on a block for the sake of others. */
#define COST_ALONE 37e6
/* Larger windows would drive everything else out, and share little. */
#define BLOCKS_MAX 12u
/* A block of which less is wanted than this part, or that is less than this part of what is wanted, is not decoded for it. */
#define SLIVER_OF_BLOCK 64u
#define SLIVER_OF_WINDOW 16u

typedef struct blocks {
    iiif_stage_t base;
    iiif_dec_t *dec;
    const iiif_block_cache_t *cache;
    unsigned level;
    iiif_rect_t window;
    uint32_t block_width, block_height;
    size_t pixel_bytes;
    uint8_t *band;           /* rows of the window that one row of blocks holds, tight */
    size_t band_stride;
    uint32_t band_from, band_to; /* rows of the level that it holds now */
} blocks_t;

/* --- policy --------------------------------------------------------------------------------------------- */

/* Blocks are made of whole tiles, or lie within one, so that no tile is decoded for two of them without need. */
static uint32_t side_of(uint32_t tile, uint32_t level)
{
    uint32_t side = IIIF_BLOCK_SIDE;

    if (tile >= TILE_SIDE_MIN && tile <= IIIF_BLOCK_SIDE)
        side = tile;
    else if (tile > 0 && tile < TILE_SIDE_MIN)
        side = iiif_ceil_div(TILE_SIDE_MIN, tile) * tile;
    return iiif_min_u32(side, level);
}

void iiif_blocks_grid(const iiif_facts_t *facts, unsigned level, uint32_t *width, uint32_t *height)
{
    const iiif_level_t *of = &facts->levels[level];

    *width = side_of(of->tile_width, of->width);
    *height = side_of(of->tile_height, of->height);
}

static uint32_t count_touched(uint32_t from, uint32_t length, uint32_t side)
{
    return (from + length - 1) / side - from / side + 1;
}

static bool is_inside(const iiif_facts_t *facts, const iiif_dec_window_t *window)
{
    const iiif_rect_t *rect = &window->rect;
    const iiif_level_t *level;

    if (window->level >= facts->level_count || rect->w == 0 || rect->h == 0)
        return false;
    level = &facts->levels[window->level];
    return rect->x < level->width && rect->w <= level->width - rect->x && rect->y < level->height &&
           rect->h <= level->height - rect->y;
}

/* Whether the budget has room for a block at the decoder and for the band. */
static bool is_affordable(const blocks_t *blocks)
{
    const iiif_mem_t *mem = blocks->dec->work->mem;
    const iiif_facts_t *facts = &blocks->dec->facts;
    double area = (double)blocks->block_width * blocks->block_height;
    double need = (double)facts->fixed_bytes + (double)facts->bytes_per_pixel * area +
                  (double)blocks->band_stride * blocks->block_height;

    return mem->limit == 0 || (double)mem->used + need <= (double)mem->limit;
}

static bool is_worth_it(const blocks_t *blocks)
{
    const iiif_facts_t *facts = &blocks->dec->facts;
    const iiif_level_t *level = &facts->levels[blocks->level];
    const iiif_rect_t *window = &blocks->window;
    uint64_t touched = (uint64_t)count_touched(window->x, window->w, blocks->block_width) *
                       count_touched(window->y, window->h, blocks->block_height);
    bool is_single = blocks->block_width == level->width && blocks->block_height == level->height;

    return facts->cost_per_pixel >= EXPENSIVE && (facts->access == IIIF_ACCESS_TILES || is_single) &&
           touched <= BLOCKS_MAX && is_affordable(blocks);
}

/* How much of a block this window wants decides what is done for it. */
static iiif_block_wish wish_for(const blocks_t *blocks, iiif_rect_t block, iiif_rect_t piece)
{
    uint64_t block_area = (uint64_t)block.w * block.h, piece_area = (uint64_t)piece.w * piece.h;
    uint64_t window_area = (uint64_t)blocks->window.w * blocks->window.h;

    if (piece_area * SLIVER_OF_BLOCK < block_area || piece_area * SLIVER_OF_WINDOW < window_area)
        return IIIF_BLOCK_IF_THERE;
    /* What is all wanted costs no more as a block. */
    if (piece_area < block_area && (double)block_area * (double)blocks->dec->facts.cost_per_pixel > COST_ALONE)
        return IIIF_BLOCK_IF_SHARED;
    return IIIF_BLOCK_ALWAYS;
}

/* --- decoding ------------------------------------------------------------------------------------------- */

/* Where rows of a decode go: into the block that is being made, and what the window shares with them into the band. */
typedef struct target {
    iiif_rect_t rect;        /* what is decoded */
    iiif_rect_t piece;       /* of it, what the window wants */
    const iiif_block_t *block; /* NULL: none is made */
} target_t;

static uint8_t *band_at(const blocks_t *blocks, uint32_t x, uint32_t y)
{
    return blocks->band + (size_t)(y - blocks->band_from) * blocks->band_stride +
           (size_t)(x - blocks->window.x) * blocks->pixel_bytes;
}

static void take_row(const blocks_t *blocks, const target_t *target, uint32_t y, const uint8_t *row)
{
    const iiif_rect_t *rect = &target->rect, *piece = &target->piece;
    size_t row_bytes = rect->w * blocks->pixel_bytes;

    if (target->block != NULL)
        blocks->cache->write(blocks->cache->context, target->block, (y - rect->y) * row_bytes, row, row_bytes);
    if (y >= piece->y && y < piece->y + piece->h)
        memcpy(band_at(blocks, piece->x, y), row + (piece->x - rect->x) * blocks->pixel_bytes,
               piece->w * blocks->pixel_bytes);
}

static iiif_rc decode_rows(const blocks_t *blocks, const target_t *target, iiif_strip_t *strip, iiif_err_t *err)
{
    iiif_dec_t *dec = blocks->dec;
    const iiif_dec_window_t window = {.level = blocks->level, .rect = target->rect};
    iiif_rc rc = dec->decoder->window(dec, &window, err);
    uint32_t done = 0, capacity = strip->capacity;

    while (rc == IIIF_OK && done < target->rect.h) {
        rc = iiif_cancel_check(dec->work->cancel, err);
        if (rc != IIIF_OK)
            break;
        strip->y = done;
        strip->rows = 0;
        strip->capacity = iiif_min_u32(capacity, target->rect.h - done);
        rc = dec->decoder->rows(dec, strip, err);
        if (rc == IIIF_OK && (strip->rows == 0 || strip->rows > strip->capacity))
            rc = iiif_err_set(err, IIIF_E_INTERNAL, 5200, "A decoder delivered %u rows where %u are left.", strip->rows,
                              target->rect.h - done);
        if (rc != IIIF_OK)
            break;
        for (uint32_t i = 0; i < strip->rows; i++)
            take_row(blocks, target, target->rect.y + done + i, strip->data + i * strip->stride);
        done += strip->rows;
    }
    return rc;
}

static iiif_rc decode(const blocks_t *blocks, const target_t *target, iiif_err_t *err)
{
    iiif_image_t image = blocks->base.image;
    iiif_mem_t *mem = blocks->base.work->mem;
    iiif_strip_t strip;
    iiif_rc rc;

    image.width = target->rect.w;
    image.height = target->rect.h;
    rc = iiif_strip_alloc(&strip, &image, mem, err);
    if (rc != IIIF_OK)
        return rc;
    rc = decode_rows(blocks, target, &strip, err);
    iiif_strip_free(&strip, mem);
    return rc;
}

/* --- one block ------------------------------------------------------------------------------------------ */

static bool read_piece(const blocks_t *blocks, iiif_block_t *block, iiif_rect_t rect, iiif_rect_t piece)
{
    const iiif_block_cache_t *cache = blocks->cache;
    size_t row_bytes = rect.w * blocks->pixel_bytes;
    size_t offset = (piece.y - rect.y) * row_bytes + (piece.x - rect.x) * blocks->pixel_bytes;

    for (uint32_t i = 0; i < piece.h; i++)
        cache->read(cache->context, block, offset + i * row_bytes, band_at(blocks, piece.x, piece.y + i),
                    piece.w * blocks->pixel_bytes);
    return cache->release(cache->context, block);
}

/* Only what is the request's own is an error: a block that fails may be damaged where the window does not reach. */
static iiif_rc make_block(const blocks_t *blocks, iiif_block_t *block, iiif_rect_t rect, iiif_rect_t piece, bool *done,
                          iiif_err_t *err)
{
    const target_t target = {rect, piece, block};
    iiif_err_t own = {0};
    iiif_rc rc = decode(blocks, &target, &own);

    if (rc == IIIF_OK) {
        blocks->cache->commit(blocks->cache->context, block);
        *done = true;
        return IIIF_OK;
    }
    blocks->cache->abandon(blocks->cache->context, block);
    if (rc != IIIF_E_TIMEOUT && rc != IIIF_E_CANCELLED)
        return IIIF_OK;
    if (err != NULL)
        *err = own;
    return rc;
}

/* Fills the band's part of a block by way of the cache; *done false where that gives nothing. */
static iiif_rc share_piece(const blocks_t *blocks, iiif_rect_t rect, iiif_rect_t piece, bool *done, iiif_err_t *err)
{
    const iiif_block_cache_t *cache = blocks->cache;
    iiif_block_key_t key;
    iiif_block_t block = {0};
    iiif_block_state state = IIIF_BLOCK_NONE;
    iiif_rc rc;

    *done = false;
    memset(&key, 0, sizeof(key));
    key.level = blocks->level;
    key.rect = rect;
    key.layout = (uint32_t)blocks->base.image.layout;
    key.depth = blocks->base.image.depth;
    rc = cache->lookup_or_begin(cache->context, &key, (size_t)rect.w * rect.h * blocks->pixel_bytes,
                                wish_for(blocks, rect, piece), &block, &state, err);
    if (rc != IIIF_OK || state == IIIF_BLOCK_NONE)
        return rc;
    if (state == IIIF_BLOCK_MINE)
        return make_block(blocks, &block, rect, piece, done, err);
    *done = read_piece(blocks, &block, rect, piece);
    return IIIF_OK;
}

/* --- the stage ------------------------------------------------------------------------------------------ */

static iiif_rc decode_run(const blocks_t *blocks, uint32_t from, uint32_t to, iiif_err_t *err)
{
    const iiif_rect_t rect = {from, blocks->band_from, to - from, blocks->band_to - blocks->band_from};
    const target_t target = {rect, rect, NULL};

    return from == to ? IIIF_OK : decode(blocks, &target, err);
}

/* Block by block from the left; neighbours that cannot be shared are decoded together. */
static iiif_rc fill_band(const blocks_t *blocks, iiif_err_t *err)
{
    const iiif_level_t *level = &blocks->dec->facts.levels[blocks->level];
    uint32_t end = blocks->window.x + blocks->window.w, x = blocks->window.x, run = x;
    uint32_t top = blocks->band_from / blocks->block_height * blocks->block_height;
    iiif_rc rc = IIIF_OK;

    while (rc == IIIF_OK && x < end) {
        uint32_t left = x / blocks->block_width * blocks->block_width;
        iiif_rect_t rect = {left, top, iiif_min_u32(blocks->block_width, level->width - left),
                            iiif_min_u32(blocks->block_height, level->height - top)};
        uint32_t next = iiif_min_u32(left + rect.w, end);
        iiif_rect_t piece = {x, blocks->band_from, next - x, blocks->band_to - blocks->band_from};
        bool done;

        rc = share_piece(blocks, rect, piece, &done, err);
        if (rc == IIIF_OK && done) {
            rc = decode_run(blocks, run, x, err);
            run = next;
        }
        x = next;
    }
    return rc == IIIF_OK ? decode_run(blocks, run, end, err) : rc;
}

static iiif_rc blocks_pull(iiif_stage_t *stage, iiif_strip_t *strip, iiif_err_t *err)
{
    blocks_t *blocks = (blocks_t *)stage;
    uint32_t y = blocks->window.y + stage->next_row, end = blocks->window.y + blocks->window.h;
    iiif_rc rc;

    if (y >= blocks->band_to) {
        uint32_t rest = blocks->block_height - y % blocks->block_height;

        blocks->band_from = y;
        blocks->band_to = rest < end - y ? y + rest : end;
        rc = fill_band(blocks, err);
        if (rc != IIIF_OK)
            return rc;
    }
    strip->rows = iiif_min_u32(strip->capacity, blocks->band_to - y);
    for (uint32_t i = 0; i < strip->rows; i++)
        memcpy(strip->data + i * strip->stride, band_at(blocks, blocks->window.x, y + i), blocks->band_stride);
    return IIIF_OK;
}

static void blocks_close(iiif_stage_t *stage)
{
    blocks_t *blocks = (blocks_t *)stage;
    iiif_mem_t *mem = stage->work->mem;

    iiif_mem_free(mem, blocks->band);
    iiif_mem_free(mem, blocks);
}

static void prepare(blocks_t *blocks, iiif_dec_t *dec, const iiif_dec_window_t *window)
{
    blocks->base.image.width = window->rect.w;
    blocks->base.image.height = window->rect.h;
    blocks->base.image.layout = (iiif_layout)dec->facts.layout;
    blocks->base.image.depth = dec->facts.depth;
    blocks->base.work = dec->work;
    blocks->base.pull = blocks_pull;
    blocks->base.close = blocks_close;
    blocks->dec = dec;
    blocks->cache = dec->blocks;
    blocks->level = window->level;
    blocks->window = window->rect;
    blocks->pixel_bytes = iiif_image_pixel_bytes(&blocks->base.image);
    blocks->band_stride = window->rect.w * blocks->pixel_bytes;
    iiif_blocks_grid(&dec->facts, window->level, &blocks->block_width, &blocks->block_height);
}

/* A stage ready to pull, or NULL: then the plain way is taken. */
static blocks_t *blocks_make(const blocks_t *plan, iiif_mem_t *mem)
{
    blocks_t *blocks = iiif_mem_alloc(mem, sizeof(*blocks));

    if (blocks == NULL)
        return NULL;
    *blocks = *plan;
    blocks->band = iiif_mem_array(mem, iiif_min_u32(plan->block_height, plan->window.h), plan->band_stride);
    if (blocks->band != NULL)
        return blocks;
    iiif_mem_free(mem, blocks);
    return NULL;
}

iiif_rc iiif_blocks_stage(iiif_dec_t *dec, const iiif_dec_window_t *window, iiif_stage_t **out, iiif_err_t *err)
{
    blocks_t plan, *blocks = NULL;

    if (dec->blocks != NULL && is_inside(&dec->facts, window)) {
        memset(&plan, 0, sizeof(plan));
        prepare(&plan, dec, window);
        if (is_worth_it(&plan))
            blocks = blocks_make(&plan, dec->work->mem);
    }
    if (blocks == NULL)
        return iiif_dec_stage(dec, window, out, err);
    *out = &blocks->base;
    return IIIF_OK;
}
