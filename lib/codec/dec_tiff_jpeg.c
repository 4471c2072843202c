/* SPDX-License-Identifier: Apache-2.0 */
#include "dec_tiff_jpeg.h"

#define BUFFER_BYTES 256u
#define END_OF_STREAM (-1)

typedef struct stream {
    iiif_src_t *src;
    uint64_t at, end;
    size_t held, used;
    uint8_t buffer[BUFFER_BYTES];
} stream_t;

static int next_byte(stream_t *stream)
{
    if (stream->used == stream->held) {
        uint64_t left = stream->end - stream->at;
        size_t n = (size_t)iiif_min_u64(left, BUFFER_BYTES);

        if (n == 0 || !iiif_src_read_exact(stream->src, stream->at, stream->buffer, n))
            return END_OF_STREAM;
        stream->at += n;
        stream->held = n;
        stream->used = 0;
    }
    return stream->buffer[stream->used++];
}

/* As libjpeg finds it: whatever lies before the 0xFF is passed over, and fill bytes and stuffed zeros. */
static int next_marker(stream_t *stream)
{
    int byte;

    do {
        do {
            byte = next_byte(stream);
        } while (byte != 0xFF && byte != END_OF_STREAM);
        while (byte == 0xFF)
            byte = next_byte(stream);
    } while (byte == 0);
    return byte;
}

/* Bytes of the segment that follow its length. */
static int64_t segment_length(stream_t *stream)
{
    int high = next_byte(stream);
    int low = next_byte(stream);

    return high < 0 || low < 0 ? END_OF_STREAM : (high << 8 | low) - 2;
}

static bool skip(stream_t *stream, uint64_t n)
{
    size_t ready = stream->held - stream->used;

    if (n <= ready) {
        stream->used += (size_t)n;
        return true;
    }
    n -= ready;
    stream->held = stream->used = 0;
    if (n > stream->end - stream->at)
        return false;
    stream->at += n;
    return true;
}

static bool is_alone(int marker)
{
    return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8);
}

/* SOF2, 6, 10, 14 (ITU-T T.81 table B.1). */
static bool is_progressive(int marker)
{
    return marker == 0xC2 || marker == 0xC6 || marker == 0xCA || marker == 0xCE;
}

bool iiif_tiff_jpeg_is_held(iiif_src_t *src, uint64_t offset, uint64_t length, unsigned components)
{
    stream_t stream;

    stream.src = src;
    stream.at = iiif_min_u64(offset, src->size);
    stream.end = stream.at + iiif_min_u64(length, src->size - stream.at);
    stream.held = stream.used = 0;
    for (;;) {
        int marker = next_marker(&stream);
        int64_t n;

        if (marker == END_OF_STREAM || marker == 0xD9)
            return false;
        if (is_alone(marker))
            continue;
        if (is_progressive(marker))
            return true;
        n = segment_length(&stream);
        if (n < 0)
            return false;
        if (marker == 0xDA)
            return next_byte(&stream) < (int)components;
        if (!skip(&stream, (uint64_t)n))
            return false;
    }
}
