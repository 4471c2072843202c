/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The cache of decoded blocks, as the decoder of one request sees it: it knows which master is open, and that a request which waits
 * for another's decode leaves its place among the renders to others.
 */
#include "h_iiif.h"

#include <sys/stat.h>
#include <time.h>

APLOG_USE_MODULE(iiif);

/*
 * File times are as coarse as the system's clock tick, and a writer changes them before it changes the bytes: what was changed just
 * now may be changed again without showing. Such a master is decoded without the cache.
 */
#define SETTLED_SECONDS 2

typedef struct blocks {
    h_master_t *master;
    uint8_t hash[IIIF_HASH_BYTES];
    svc_pixels_pause_t pause;
    iiif_block_cache_t cache;
} blocks_t;

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Of the open descriptor, not of the name: the name may mean another file by now. */
static bool identify(const h_master_t *master, svc_pixels_identity_t *out)
{
    struct stat status;

    if (master->src->fd < 0 || fstat(master->src->fd, &status) != 0)
        return false;
    memset(out, 0, sizeof(*out));
    out->device = (uint64_t)status.st_dev;
    out->inode = (uint64_t)status.st_ino;
    out->size = (uint64_t)status.st_size;
    out->modified_ns = nanoseconds(status.st_mtim);
    out->changed_ns = nanoseconds(status.st_ctim);
    out->page = master->req->source.page != 0 ? master->req->source.page : 1;
    return true;
}

static bool is_settled(const svc_pixels_identity_t *identity)
{
    struct timespec now;

    return clock_gettime(CLOCK_REALTIME, &now) == 0
           && identity->changed_ns < nanoseconds(now) - INT64_C(1000000000) * SETTLED_SECONDS;
}

/* --- what the decoder calls ------------------------------------------------------------------------ */

static iiif_rc lookup_or_begin(void *context, const iiif_block_key_t *key, size_t bytes, iiif_block_wish wish,
                               iiif_block_t *block, iiif_block_state *state, iiif_err_t *err)
{
    blocks_t *blocks = context;
    svc_pixels_key_t full;

    memcpy(full.master, blocks->hash, sizeof(full.master));
    full.block = *key;
    return svc_pixels_acquire(h_life_pixels(), &full, bytes, wish, &blocks->master->cancel, &blocks->pause, block, state, err);
}

static void read_block(void *context, const iiif_block_t *block, size_t offset, void *out, size_t n)
{
    svc_pixels_read(h_life_pixels(), block, offset, out, n);
}

static void write_block(void *context, const iiif_block_t *block, size_t offset, const void *data, size_t n)
{
    svc_pixels_write(h_life_pixels(), block, offset, data, n);
}

/* A master that was written to while it was decoded: the request gets what it read, as without the cache, and nobody else does. */
static void commit(void *context, iiif_block_t *block)
{
    const blocks_t *blocks = context;
    svc_pixels_identity_t now;
    uint8_t hash[IIIF_HASH_BYTES] = {0};

    if (identify(blocks->master, &now))
        svc_pixels_identify(&now, hash);
    if (memcmp(hash, blocks->hash, sizeof(hash)) == 0)
        svc_pixels_commit(h_life_pixels(), block);
    else
        svc_pixels_abandon(h_life_pixels(), block);
}

static void abandon(void *context, iiif_block_t *block)
{
    svc_pixels_abandon(h_life_pixels(), block);
}

static bool release(void *context, iiif_block_t *block)
{
    return svc_pixels_release(h_life_pixels(), block);
}

void h_blocks_use(h_admission_t *admission, h_master_t *master)
{
    svc_pixels_identity_t identity;
    blocks_t *blocks;

    if (h_life_pixels() == NULL || !identify(master, &identity) || !is_settled(&identity))
        return;
    blocks = apr_pcalloc(master->r->pool, sizeof(*blocks));
    blocks->master = master;
    svc_pixels_identify(&identity, blocks->hash);
    blocks->pause.pause = h_admit_step_aside;
    blocks->pause.resume = h_admit_step_back;
    blocks->pause.context = admission;
    blocks->cache.context = blocks;
    blocks->cache.lookup_or_begin = lookup_or_begin;
    blocks->cache.read = read_block;
    blocks->cache.write = write_block;
    blocks->cache.commit = commit;
    blocks->cache.abandon = abandon;
    blocks->cache.release = release;
    master->dec->blocks = &blocks->cache;
}
