/* SPDX-License-Identifier: Apache-2.0 */
#include "dec_tiff_levels.h"

#include <string.h>

#define DIRECTORIES_MAX 10000u
#define ENTRIES_MAX 4096u      /* libtiff's own limit */
#define SUB_DIRECTORIES_MAX 64u
#define ENTRY_BYTES_MAX 20u
#define ENTRIES_AT_ONCE 64u

enum {
    TAG_NEW_SUBFILE_TYPE = 254,
    TAG_SUBFILE_TYPE = 255,
    TAG_IMAGE_WIDTH = 256,
    TAG_IMAGE_LENGTH = 257,
    TAG_PHOTOMETRIC = 262,
    TAG_SAMPLES_PER_PIXEL = 277,
    TAG_SUB_IFDS = 330
};

#define SUBFILE_REDUCED 1u
#define SUBFILE_MASK 4u

typedef struct walker {
    iiif_src_t *src;
    const iiif_work_t *work;
    bool big_endian, big_tiff;
    uint64_t first;
} walker_t;

/* --- numbers of either byte order ---------------------------------------------------------------- */

static uint64_t number(const walker_t *walker, const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[walker->big_endian ? i : bytes - 1 - i];
    return value;
}

bool iiif_tiff_is_header(const uint8_t *head, size_t length)
{
    static const uint8_t known[4][4] = {
        {'I', 'I', 42, 0}, {'M', 'M', 0, 42}, {'I', 'I', 43, 0}, {'M', 'M', 0, 43}};

    for (size_t i = 0; length >= 8 && i < IIIF_COUNT(known); i++)
        if (memcmp(head, known[i], 4) == 0)
            return true;
    return false;
}

static iiif_rc walker_start(walker_t *walker, iiif_src_t *src, const iiif_work_t *work, iiif_err_t *err)
{
    uint8_t head[16] = {0};
    int64_t got = iiif_src_read(src, 0, head, sizeof(head));

    if (got < 0)
        return iiif_err_set(err, IIIF_E_IO, 2410, "The head of the TIFF master cannot be read.");
    walker->src = src;
    walker->work = work;
    walker->big_endian = head[0] == 'M';
    walker->big_tiff = number(walker, head + 2, 2) == 43;
    if (!iiif_tiff_is_header(head, (size_t)got) ||
        (walker->big_tiff && (got < 16 || number(walker, head + 4, 2) != 8)))
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2411, "The TIFF master has a broken head.");
    walker->first = walker->big_tiff ? number(walker, head + 8, 8) : number(walker, head + 4, 4);
    return IIIF_OK;
}

/* --- one directory --------------------------------------------------------------------------------- */

/* Bytes of one value of the types that the tags read here may have; 0 for others. */
static unsigned type_bytes(uint64_t type)
{
    switch (type) {
    case 1:
        return 1;
    case 3:
        return 2;
    case 4:
    case 13: /* IFD */
        return 4;
    case 16: /* LONG8 */
    case 18: /* IFD8 */
        return 8;
    default:
        return 0;
    }
}

static void take_sub_directories(const walker_t *walker, const uint8_t *entry, uint64_t entry_at, unsigned bytes,
                                 uint64_t count, iiif_tiff_dir_t *dir)
{
    unsigned inside = walker->big_tiff ? 8 : 4;
    unsigned value_at = walker->big_tiff ? 12 : 8;

    if ((bytes != 4 && bytes != 8) || count == 0 || bytes > inside)
        return;
    dir->sub_bytes = (uint8_t)bytes;
    dir->sub_count = (uint32_t)iiif_min_u64(count, SUB_DIRECTORIES_MAX);
    dir->sub_at = count <= inside / bytes ? entry_at + value_at : number(walker, entry + value_at, inside);
}

static void take_entry(const walker_t *walker, const uint8_t *entry, uint64_t entry_at, iiif_tiff_dir_t *dir)
{
    uint64_t tag = number(walker, entry, 2);
    unsigned bytes = type_bytes(number(walker, entry + 2, 2));
    uint64_t count = number(walker, entry + 4, walker->big_tiff ? 8 : 4);
    uint64_t value;

    if (tag == TAG_SUB_IFDS) {
        take_sub_directories(walker, entry, entry_at, bytes, count, dir);
        return;
    }
    if (bytes == 0 || count != 1)
        return;
    value = number(walker, entry + (walker->big_tiff ? 12 : 8), bytes);
    if (value > UINT32_MAX)
        value = UINT32_MAX;
    if (tag == TAG_NEW_SUBFILE_TYPE)
        dir->subfile = (uint32_t)value;
    else if (tag == TAG_SUBFILE_TYPE && value == 2)
        dir->subfile |= SUBFILE_REDUCED;
    else if (tag == TAG_IMAGE_WIDTH)
        dir->width = (uint32_t)value;
    else if (tag == TAG_IMAGE_LENGTH)
        dir->height = (uint32_t)value;
    else if (tag == TAG_PHOTOMETRIC)
        dir->photometric = (uint16_t)value;
    else if (tag == TAG_SAMPLES_PER_PIXEL)
        dir->samples = (uint16_t)iiif_min_u64(value, UINT16_MAX);
}

static bool read_entries(const walker_t *walker, uint64_t at, unsigned count, iiif_tiff_dir_t *dir)
{
    uint8_t buffer[ENTRIES_AT_ONCE * ENTRY_BYTES_MAX];
    unsigned each = walker->big_tiff ? 20 : 12;

    while (count > 0) {
        unsigned now = count < ENTRIES_AT_ONCE ? count : ENTRIES_AT_ONCE;

        if (!iiif_src_read_exact(walker->src, at, buffer, (size_t)now * each))
            return false;
        for (unsigned i = 0; i < now; i++)
            take_entry(walker, buffer + (size_t)i * each, at + (uint64_t)i * each, dir);
        at += (uint64_t)now * each;
        count -= now;
    }
    return true;
}

/* False where there is no directory at this offset; one that is no image has no width. */
static bool read_dir(const walker_t *walker, uint64_t offset, iiif_tiff_dir_t *dir)
{
    unsigned head = walker->big_tiff ? 8 : 2;
    unsigned link = walker->big_tiff ? 8 : 4;
    uint8_t buffer[8];
    uint64_t count, end;

    memset(dir, 0, sizeof(*dir));
    dir->offset = offset;
    dir->samples = 1; /* TIFF 6.0 §8: the default */
    if (offset < 8 || offset > walker->src->size || !iiif_src_read_exact(walker->src, offset, buffer, head))
        return false;
    count = number(walker, buffer, head);
    if (count == 0 || count > ENTRIES_MAX || !read_entries(walker, offset + head, (unsigned)count, dir))
        return false;
    end = offset + head + count * (walker->big_tiff ? 20 : 12);
    /* Some writers cut the file after the last entry: then it is the last directory. */
    if (iiif_src_read_exact(walker->src, end, buffer, link))
        dir->next = number(walker, buffer, link);
    return true;
}

/* --- which belong together ------------------------------------------------------------------------- */

static uint32_t distance(uint64_t a, uint64_t b)
{
    return (uint32_t)iiif_min_u64(a > b ? a - b : b - a, UINT32_MAX);
}

/* Pyramids of writers that do not mark them: each page half of the one before, however it was rounded. */
static bool is_half(const iiif_tiff_dir_t *big, const iiif_tiff_dir_t *small)
{
    return (big->width > 1 || big->height > 1) && distance(big->width, (uint64_t)small->width * 2) <= 1 &&
           distance(big->height, (uint64_t)small->height * 2) <= 1 && big->photometric == small->photometric &&
           big->samples == small->samples;
}

/*
 * Is there one reduction that explains both sides, when each may be off by one pixel through rounding? The
 * reductions that explain w lie in [W/(w+1), W/(w-1)]; the two intervals must meet.
 */
static bool is_same_shape(const iiif_tiff_dir_t *full, const iiif_tiff_dir_t *level)
{
    uint64_t W = full->width, H = full->height, w = level->width, h = level->height;

    if (w < 1 || h < 1 || w > W || h > H || (w == W && h == H))
        return false;
    return W * (h - 1) <= H * (w + 1) && H * (w - 1) <= W * (h + 1);
}

/* Keeps the table sorted by size; a size that is there already is left out, and what no longer fits. */
static void add_level(iiif_tiff_page_t *page, const iiif_tiff_dir_t *level)
{
    unsigned at = page->level_count;

    if ((level->subfile & SUBFILE_MASK) != 0 || !is_same_shape(&page->full, level))
        return;
    while (at > 0 && (page->levels[at - 1].width < level->width ||
                      (page->levels[at - 1].width == level->width &&
                       page->levels[at - 1].height < level->height)))
        at--;
    if (at > 0 && page->levels[at - 1].width == level->width && page->levels[at - 1].height == level->height)
        return;
    if (page->level_count >= IIIF_COUNT(page->levels))
        return;
    memmove(page->levels + at + 1, page->levels + at, (page->level_count - at) * sizeof(*level));
    page->levels[at] = *level;
    page->level_count++;
}

/*
 * SubIFDs are an array of offsets, and each may begin a chain of its own (TIFF Technical Note 1). What is not there
 * is passed over: the image itself is.
 */
static void add_sub_directories(const walker_t *walker, iiif_tiff_page_t *page)
{
    unsigned seen = 0;

    for (uint32_t i = 0; i < page->full.sub_count; i++) {
        uint8_t buffer[8];
        uint64_t offset;
        iiif_tiff_dir_t dir;

        if (!iiif_src_read_exact(walker->src, page->full.sub_at + (uint64_t)i * page->full.sub_bytes, buffer,
                                 page->full.sub_bytes))
            return;
        offset = number(walker, buffer, page->full.sub_bytes);
        while (offset != 0 && seen++ < SUB_DIRECTORIES_MAX && read_dir(walker, offset, &dir)) {
            add_level(page, &dir);
            offset = dir.next;
        }
    }
}

/* What the walk along the chain remembers. */
typedef struct chain {
    uint32_t wanted;
    iiif_tiff_page_t *page;
    iiif_tiff_dir_t last;      /* of the present page: itself, then its smaller versions */
    iiif_tiff_dir_t orphan;    /* a reduced directory before any page */
    bool has_orphan;
} chain_t;

static void chain_add(chain_t *chain, const iiif_tiff_dir_t *dir)
{
    bool reduced = (dir->subfile & SUBFILE_REDUCED) != 0;
    iiif_tiff_page_t *page = chain->page;

    if ((dir->subfile & SUBFILE_MASK) != 0 || dir->width < 1 || dir->height < 1)
        return;
    if (page->pages == 0 && reduced) {
        if (!chain->has_orphan)
            chain->orphan = *dir;
        chain->has_orphan = true;
        return;
    }
    if (page->pages == 0 || (!reduced && !is_half(&chain->last, dir))) {
        page->pages++;
        if (page->pages == chain->wanted)
            page->full = *dir;
    } else if (page->pages == chain->wanted) {
        add_level(page, dir);
    }
    chain->last = *dir;
}

/*
 * A chain that comes back to an earlier directory is found by Brent's method: the one at a power of two is kept and
 * compared with all that follow.
 */
static iiif_rc walk(const walker_t *walker, chain_t *chain, iiif_err_t *err)
{
    uint64_t offset = walker->first, milestone = 0;
    uint32_t seen = 0;

    while (offset != 0) {
        iiif_tiff_dir_t dir;
        iiif_rc rc;

        if (offset == milestone)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2412, "The TIFF master's directories run in a circle.");
        if (seen >= DIRECTORIES_MAX)
            return iiif_err_set(err, IIIF_E_TOO_LARGE, 2413, "The TIFF master has more than %u directories.",
                                DIRECTORIES_MAX);
        if ((seen & (seen - 1)) == 0)
            milestone = offset;
        rc = iiif_cancel_check(walker->work->cancel, err);
        if (rc != IIIF_OK)
            return rc;
        /* Old scanners leave stray numbers in the last link; what is not there ends the chain. */
        if (!read_dir(walker, offset, &dir))
            break;
        chain_add(chain, &dir);
        offset = dir.next;
        seen++;
    }
    return IIIF_OK;
}

iiif_rc iiif_tiff_find_page(iiif_src_t *src, uint32_t page, const iiif_work_t *work, iiif_tiff_page_t *out,
                            iiif_err_t *err)
{
    walker_t walker;
    chain_t chain;
    iiif_rc rc;

    memset(out, 0, sizeof(*out));
    memset(&walker, 0, sizeof(walker));
    memset(&chain, 0, sizeof(chain));
    chain.wanted = page;
    chain.page = out;
    rc = walker_start(&walker, src, work, err);
    if (rc == IIIF_OK)
        rc = walk(&walker, &chain, err);
    if (rc != IIIF_OK)
        return rc;
    if (out->pages == 0 && chain.has_orphan) {
        out->pages = 1;
        if (page == 1)
            out->full = chain.orphan;
    }
    if (out->pages == 0)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2414, "The TIFF master has no readable directory.");
    if (page < 1 || page > out->pages)
        return iiif_err_set(err, IIIF_E_NOT_FOUND, 2415, "This image has %u page%s; page %u does not exist.",
                            out->pages, out->pages == 1 ? "" : "s", page);
    add_sub_directories(&walker, out);
    return IIIF_OK;
}
