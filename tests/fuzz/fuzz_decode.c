/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any master, from memory: facts must be sane, every level must deliver a window or a fitting error, within
 * budget and time, and nothing may stay allocated.
 */
#include "fuzz.h"

#include "../../lib/codec/iiif_codec.h"

#define MAX_AREA ((uint64_t)4 << 20)
#define MEMORY ((size_t)64 << 20)
#define SECONDS 5u
#define SIDE_MAX 300u
#define LEVELS_TRIED 4u

static void check_rc(iiif_rc rc, const iiif_err_t *err)
{
    fuzz_check_error(rc, err);
    FUZZ_CHECK(rc == IIIF_E_NOT_IMAGE || rc == IIIF_E_BAD_MASTER || rc == IIIF_E_UNSUPPORTED || rc == IIIF_E_TOO_LARGE ||
               rc == IIIF_E_NO_MEMORY || rc == IIIF_E_TIMEOUT || rc == IIIF_E_NOT_FOUND);
}

static void check_facts(const iiif_facts_t *facts)
{
    uint8_t packed[IIIF_FACTS_BYTES_MAX];
    iiif_facts_t again;
    size_t n;

    FUZZ_CHECK(facts->stored_width > 0 && facts->stored_height > 0);
    FUZZ_CHECK((uint64_t)facts->stored_width * facts->stored_height <= MAX_AREA);
    FUZZ_CHECK(facts->width == (iiif_facts_swaps(facts) ? facts->stored_height : facts->stored_width));
    FUZZ_CHECK(facts->layout >= IIIF_LAYOUT_GRAY && facts->layout <= IIIF_LAYOUT_LABA);
    FUZZ_CHECK(facts->depth == 8 || facts->depth == 16);
    FUZZ_CHECK(facts->level_count >= 1 && facts->level_count <= IIIF_LEVELS_MAX);
    FUZZ_CHECK(facts->levels[0].width == facts->stored_width && facts->levels[0].height == facts->stored_height);
    for (unsigned i = 1; i < facts->level_count; i++)
        FUZZ_CHECK(facts->levels[i].width > 0 && facts->levels[i].width <= facts->levels[i - 1].width &&
                   facts->levels[i].height > 0 && facts->levels[i].height <= facts->levels[i - 1].height);
    n = iiif_facts_write(facts, packed, sizeof(packed));
    FUZZ_CHECK(n > 0 && iiif_facts_read(&again, packed, n));
}

/* Reads each delivered byte, so that memory that was never written is seen where a sanitizer watches for it. */
static void touch(const iiif_strip_t *strip, size_t row)
{
    volatile uint8_t sum = 0;

    for (uint32_t y = 0; y < strip->rows; y++)
        for (size_t x = 0; x < row; x++)
            sum = (uint8_t)(sum + strip->data[y * strip->stride + x]);
}

static void pull_all(iiif_stage_t *stage)
{
    size_t row = stage->image.width * iiif_image_pixel_bytes(&stage->image);
    uint32_t capacity = iiif_min_u32(stage->image.height, 17), rows = 0;
    iiif_strip_t strip = {malloc(row * capacity), row, capacity, 0, 0};
    iiif_err_t err;
    iiif_rc rc;

    FUZZ_CHECK(strip.data != NULL);
    do {
        rc = iiif_stage_pull(stage, &strip, &err);
        if (rc != IIIF_OK)
            check_rc(rc, &err);
        else
            touch(&strip, row);
        rows += rc == IIIF_OK ? strip.rows : 0;
    } while (rc == IIIF_OK && strip.rows > 0);
    FUZZ_CHECK(rc != IIIF_OK || rows == stage->image.height);
    free(strip.data);
}

static void try_window(iiif_dec_t *dec, unsigned level, iiif_rect_t rect)
{
    iiif_dec_window_t window = {level, rect};
    iiif_stage_t *stage = NULL;
    iiif_err_t err;
    iiif_rc rc = iiif_dec_stage(dec, &window, &stage, &err);

    if (rc != IIIF_OK) {
        check_rc(rc, &err);
        return;
    }
    pull_all(stage);
    iiif_stage_close(stage);
}

/* The middle of each level, at most SIDE_MAX a side, then a corner of the first one again. */
static void try_levels(iiif_dec_t *dec)
{
    const iiif_level_t *first = &dec->facts.levels[0];

    for (unsigned i = 0; i < dec->facts.level_count && i < LEVELS_TRIED; i++) {
        const iiif_level_t *level = &dec->facts.levels[i];
        uint32_t w = iiif_min_u32(level->width, SIDE_MAX), h = iiif_min_u32(level->height, SIDE_MAX);

        try_window(dec, i, (iiif_rect_t){(level->width - w) / 2, (level->height - h) / 2, w, h});
    }
    try_window(dec, 0, (iiif_rect_t){first->width - 1, 0, 1, (first->height + 1) / 2});
}

static void try_profile(iiif_dec_t *dec)
{
    const uint8_t *icc = NULL;
    size_t length = 0;
    iiif_err_t err;
    iiif_rc rc;

    if (dec->decoder->profile == NULL)
        return;
    rc = dec->decoder->profile(dec, &icc, &length, &err);
    if (rc != IIIF_OK) {
        check_rc(rc, &err);
    } else if (length > 0) {
        volatile uint8_t sum = 0;

        for (size_t i = 0; i < length; i++)
            sum = (uint8_t)(sum + icc[i]);
    }
}

static void try_page(iiif_src_t *src, const iiif_work_t *work, uint32_t page, uint32_t *pages)
{
    iiif_dec_options_t options = {page, MAX_AREA};
    iiif_dec_t *dec = NULL;
    iiif_err_t err;
    iiif_rc rc = iiif_dec_open(src, &options, work, &dec, &err);

    if (rc != IIIF_OK) {
        check_rc(rc, &err);
        return;
    }
    check_facts(&dec->facts);
    *pages = dec->facts.pages;
    try_profile(dec);
    try_levels(dec);
    iiif_dec_close(dec);
}

#ifdef IIIF_FUZZ_LIVE
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);

static uint32_t crc_of(const uint8_t *data, size_t n)
{
    uint32_t crc = 0xFFFFFFFFu;

    while (n-- > 0) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
    }
    return ~crc;
}

/* Most mutations of a PNG end at a checksum: three of four times they are put right. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
    size_t n = LLVMFuzzerMutate(data, size, capacity), at = 8;

    if (n < 8 || memcmp(data, "\x89PNG\r\n\x1a\n", 8) != 0 || seed % 4 == 0)
        return n;
    while (n - at >= 12) {
        size_t length = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8 | data[at + 3];
        uint32_t crc;

        if (length > n - at - 12)
            break;
        crc = crc_of(data + at + 4, length + 4);
        for (unsigned i = 0; i < 4; i++)
            data[at + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
    return n;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    iiif_cancel_t cancel = {.deadline_ns = iiif_now_ns() + (uint64_t)SECONDS * 1000000000u};
    iiif_mem_t mem;
    iiif_work_t work = {&mem, &cancel};
    iiif_src_t *src = NULL;
    iiif_err_t err;
    uint32_t pages = 1;

    iiif_mem_init(&mem, MEMORY);
    if (iiif_src_open_memory(data, size, &mem, &src, &err) != IIIF_OK)
        return 0;
    try_page(src, &work, 1, &pages);
    if (pages > 1)
        try_page(src, &work, 2, &pages);
    iiif_src_close(src);
    FUZZ_CHECK(mem.used == 0);
    FUZZ_CHECK(mem.peak <= MEMORY);
    return 0;
}
