/* SPDX-License-Identifier: Apache-2.0 */
#include "dec_webp_riff.h"

#include <string.h>

#define RIFF_BYTES 12u
#define CHUNK_BYTES 8u
#define CHUNKS_MAX 65536u
#define ANMF_BYTES 16u
#define FLAG_ANIMATION 0x02u

/* A chunk: its tag and payload. */
typedef struct chunk {
    char tag[4];
    uint64_t payload;
    uint32_t length;
    uint64_t next;      /* offset of the chunk that follows */
} chunk_t;

/* A walk over the chunks in [at, end). */
typedef struct walk {
    iiif_src_t *src;
    uint64_t at, end;
    iiif_webp_riff_t *riff;
    bool extended;      /* VP8X came */
    bool done;          /* the image was found */
    iiif_err_t *err;
} walk_t;

static uint32_t le16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t le24(const uint8_t *p) { return le16(p) | (uint32_t)p[2] << 16; }
static uint32_t le32(const uint8_t *p) { return le24(p) | (uint32_t)p[3] << 24; }

static iiif_rc damaged(iiif_err_t *err, const char *what)
{
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2501, "The WebP master is damaged: %s.", what);
}

static iiif_rc get(walk_t *walk, uint64_t offset, uint8_t *out, size_t n)
{
    int64_t got = iiif_src_read(walk->src, offset, out, n);

    if (got < 0)
        return iiif_err_set(walk->err, IIIF_E_IO, 2502, "The WebP master could not be read.");
    return (size_t)got == n ? IIIF_OK : damaged(walk->err, "it ends too early");
}

static bool is(const chunk_t *chunk, const char *tag)
{
    return memcmp(chunk->tag, tag, 4) == 0;
}

static iiif_rc next_chunk(walk_t *walk, chunk_t *chunk)
{
    uint8_t head[CHUNK_BYTES];
    iiif_rc rc = get(walk, walk->at, head, sizeof(head));

    if (rc != IIIF_OK)
        return rc;
    memcpy(chunk->tag, head, 4);
    chunk->payload = walk->at + CHUNK_BYTES;
    chunk->length = le32(head + 4);
    chunk->next = chunk->payload + chunk->length + (chunk->length & 1);
    if (chunk->payload + chunk->length > walk->end)
        return damaged(walk->err, "a part of it reaches beyond its end");
    walk->at = chunk->next;
    return IIIF_OK;
}

/* Frame tag, start code and 14-bit sizes of a key frame (RFC 6386 §9.1). */
static iiif_rc read_vp8(walk_t *walk, const chunk_t *chunk)
{
    uint8_t head[10];
    iiif_rc rc = chunk->length < sizeof(head) ? damaged(walk->err, "its bitstream is cut off")
                                              : get(walk, chunk->payload, head, sizeof(head));

    if (rc != IIIF_OK)
        return rc;
    if ((head[0] & 1) != 0 || head[3] != 0x9D || head[4] != 0x01 || head[5] != 0x2A)
        return damaged(walk->err, "its bitstream does not begin with a picture");
    walk->riff->image_width = le16(head + 6) & 0x3FFF;
    walk->riff->image_height = le16(head + 8) & 0x3FFF;
    walk->riff->lossless = false;
    return IIIF_OK;
}

/* Signature, 14-bit sizes less one, alpha hint (WebP Lossless Bitstream §3). */
static iiif_rc read_vp8l(walk_t *walk, const chunk_t *chunk)
{
    uint8_t head[5];
    uint32_t bits;
    iiif_rc rc = chunk->length < sizeof(head) ? damaged(walk->err, "its lossless bitstream is cut off")
                                              : get(walk, chunk->payload, head, sizeof(head));

    if (rc != IIIF_OK)
        return rc;
    bits = le32(head + 1);
    if (head[0] != 0x2F || bits >> 29 != 0)
        return damaged(walk->err, "its lossless bitstream does not begin with a picture");
    walk->riff->image_width = (bits & 0x3FFF) + 1;
    walk->riff->image_height = (bits >> 14 & 0x3FFF) + 1;
    walk->riff->alpha = (bits >> 28 & 1) != 0;
    walk->riff->lossless = true;
    return IIIF_OK;
}

/* ALPH, VP8 or VP8L; of ALPH the bitstream must follow at once (§2.7.1.2). */
static iiif_rc read_image(walk_t *walk, const chunk_t *chunk)
{
    iiif_webp_riff_t *riff = walk->riff;
    chunk_t stream = *chunk;
    uint64_t begin = chunk->payload - CHUNK_BYTES, length;
    iiif_rc rc = IIIF_OK;

    riff->alpha = is(chunk, "ALPH");
    while (rc == IIIF_OK && !is(&stream, "VP8 ") && !is(&stream, "VP8L"))
        rc = walk->at < walk->end ? next_chunk(walk, &stream) : damaged(walk->err, "it has transparency but no image");
    if (rc == IIIF_OK)
        rc = is(&stream, "VP8L") ? read_vp8l(walk, &stream) : read_vp8(walk, &stream);
    if (rc != IIIF_OK)
        return rc;
    length = stream.payload + stream.length - begin;
    if (length > UINT32_MAX)
        return damaged(walk->err, "its bitstream is too long");
    riff->image = (iiif_webp_span_t){begin, (uint32_t)length};
    walk->done = true;
    return IIIF_OK;
}

static iiif_rc read_vp8x(walk_t *walk, const chunk_t *chunk)
{
    uint8_t head[10];
    iiif_rc rc = chunk->length < sizeof(head) ? damaged(walk->err, "its header is cut off")
                                              : get(walk, chunk->payload, head, sizeof(head));

    if (rc != IIIF_OK)
        return rc;
    walk->riff->animated = (head[0] & FLAG_ANIMATION) != 0;
    walk->riff->width = le24(head + 4) + 1;
    walk->riff->height = le24(head + 7) + 1;
    walk->extended = true;
    return IIIF_OK;
}

/* A frame's place (in units of two pixels) and, below it, its image. */
static iiif_rc read_anmf(walk_t *walk, const chunk_t *chunk)
{
    walk_t inner = *walk;
    uint8_t head[ANMF_BYTES];
    iiif_rc rc = chunk->length < sizeof(head) ? damaged(walk->err, "its first frame is cut off")
                                              : get(walk, chunk->payload, head, sizeof(head));

    if (rc != IIIF_OK)
        return rc;
    walk->riff->x = 2 * le24(head);
    walk->riff->y = 2 * le24(head + 3);
    inner.at = chunk->payload + ANMF_BYTES;
    inner.end = chunk->payload + chunk->length;
    while (rc == IIIF_OK && !inner.done && inner.at < inner.end) {
        chunk_t part;

        rc = next_chunk(&inner, &part);
        if (rc == IIIF_OK && (is(&part, "ALPH") || is(&part, "VP8 ") || is(&part, "VP8L")))
            rc = read_image(&inner, &part);
    }
    if (rc == IIIF_OK && (walk->riff->image_width != le24(head + 6) + 1 ||
                          walk->riff->image_height != le24(head + 9) + 1))
        rc = damaged(walk->err, "its first frame is not of the size that it claims");
    walk->done = inner.done;
    return rc;
}

static iiif_rc read_chunk(walk_t *walk, const chunk_t *chunk)
{
    iiif_webp_riff_t *riff = walk->riff;

    if (is(chunk, "ICCP") && riff->icc.length == 0)
        riff->icc = (iiif_webp_span_t){chunk->payload, chunk->length};
    else if (is(chunk, "EXIF") && riff->exif.length == 0)
        riff->exif = (iiif_webp_span_t){chunk->payload, chunk->length};
    else if (walk->done)
        return IIIF_OK;
    else if (is(chunk, "VP8X") && !walk->extended)
        return read_vp8x(walk, chunk);
    else if (is(chunk, "ANMF") && riff->animated)
        return read_anmf(walk, chunk);
    else if ((is(chunk, "ALPH") || is(chunk, "VP8 ") || is(chunk, "VP8L")) && !riff->animated)
        return read_image(walk, chunk);
    return IIIF_OK;
}

/* The canvas must hold the image; a still image must fill it. */
static iiif_rc check_geometry(const walk_t *walk)
{
    iiif_webp_riff_t *riff = walk->riff;

    if (!walk->done)
        return damaged(walk->err, "it holds no image");
    if (riff->image_width == 0 || riff->image_height == 0)
        return damaged(walk->err, "its image is empty");
    if (!walk->extended) {
        riff->width = riff->image_width;
        riff->height = riff->image_height;
    }
    if (riff->x + riff->image_width > riff->width || riff->y + riff->image_height > riff->height)
        return damaged(walk->err, "its image is larger than its canvas");
    if (!riff->animated && (riff->image_width != riff->width || riff->image_height != riff->height))
        return damaged(walk->err, "its image does not fill its canvas");
    return IIIF_OK;
}

iiif_rc iiif_webp_riff_read(iiif_src_t *src, iiif_webp_riff_t *out, iiif_err_t *err)
{
    walk_t walk = {.src = src, .at = RIFF_BYTES, .riff = out, .err = err};
    uint8_t head[RIFF_BYTES];
    iiif_rc rc;

    memset(out, 0, sizeof(*out));
    rc = get(&walk, 0, head, sizeof(head));
    if (rc != IIIF_OK)
        return rc;
    walk.end = (uint64_t)le32(head + 4) + 8;
    if (walk.end > src->size)
        return damaged(err, "the file is shorter than it says");
    for (unsigned n = 0; rc == IIIF_OK && n < CHUNKS_MAX && walk.at + CHUNK_BYTES <= walk.end; n++) {
        chunk_t chunk;

        rc = next_chunk(&walk, &chunk);
        if (rc == IIIF_OK)
            rc = read_chunk(&walk, &chunk);
        /* Without VP8X nothing but one image is in the file (§2.5). */
        if (walk.done && !walk.extended)
            break;
    }
    return rc == IIIF_OK ? check_geometry(&walk) : rc;
}
