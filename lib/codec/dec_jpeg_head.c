/* SPDX-License-Identifier: Apache-2.0 */
#include "dec_jpeg_head.h"

#include <string.h>

/* Far above what any writer makes; bounds the work that a hostile file can ask for before it is known to be an image. */
#define SEGMENTS_MAX 20000u
#define GARBAGE_MAX 65536u

#define M_SOI 0xD8
#define M_EOI 0xD9
#define M_SOS 0xDA
#define M_APP1 0xE1
#define M_APP2 0xE2

#define ICC_LABEL "ICC_PROFILE"   /* its NUL counts: 12 bytes, then number and count of the piece */
#define ICC_HEADER 14u

typedef struct segment {
    uint8_t marker;
    uint64_t offset;          /* of the payload */
    uint32_t length;          /* of the payload */
} segment_t;

static iiif_rc truncated(iiif_err_t *err)
{
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2101, "The JPEG master ends within its header.");
}

/* TEM, RSTn, SOI, EOI stand alone (T.81 table B.1). */
static bool stands_alone(uint8_t marker)
{
    return marker == 0x01 || (marker >= 0xD0 && marker <= M_EOI);
}

static bool is_frame(uint8_t marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* The next marker from *offset on; stray bytes before it are passed over, as every decoder does. */
static iiif_rc next_segment(iiif_src_t *src, uint64_t *offset, uint32_t *garbage, segment_t *segment, iiif_err_t *err)
{
    uint8_t bytes[4];

    for (;;) {
        if (!iiif_src_read_exact(src, *offset, bytes, 2))
            return truncated(err);
        if (bytes[0] == 0xFF && bytes[1] != 0x00 && bytes[1] != 0xFF)
            break;
        if (++*garbage > GARBAGE_MAX)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2102, "The JPEG master's header is damaged.");
        ++*offset;
    }
    segment->marker = bytes[1];
    *offset += 2;
    segment->offset = *offset;
    segment->length = 0;
    if (stands_alone(segment->marker))
        return IIIF_OK;
    if (!iiif_src_read_exact(src, *offset, bytes, 2))
        return truncated(err);
    segment->length = (uint32_t)bytes[0] << 8 | bytes[1];
    if (segment->length < 2)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2103, "A segment of the JPEG master has no valid length.");
    segment->offset = *offset + 2;
    segment->length -= 2;
    *offset = segment->offset + segment->length;
    return IIIF_OK;
}

static iiif_rc read_frame(iiif_src_t *src, const segment_t *segment, iiif_jpeg_head_t *head, iiif_err_t *err)
{
    uint8_t bytes[5];

    if (head->precision != 0)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2104, "The JPEG master has more than one frame header.");
    if (segment->length < 6 || !iiif_src_read_exact(src, segment->offset, bytes, sizeof(bytes)))
        return truncated(err);
    head->frame = segment->marker & 0x0F;
    head->precision = bytes[0];
    head->height = (uint32_t)bytes[1] << 8 | bytes[2];
    head->width = (uint32_t)bytes[3] << 8 | bytes[4];
    if (head->frame > 2 && head->frame != 9 && head->frame != 10)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2105,
                            "The JPEG master is lossless or hierarchical, which this server cannot read; convert it "
                            "to TIFF or JPEG 2000.");
    if (head->precision != 8)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2106,
                            "The JPEG master has %u bits a sample and this server reads 8; convert it to TIFF or "
                            "JPEG 2000.", head->precision);
    if (head->width == 0)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2107, "The JPEG master has no width.");
    if (head->height == 0)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2108,
                            "The JPEG master tells its height only after its data (DNL); save it anew.");
    return IIIF_OK;
}

/* The first EXIF block counts (APP1 holds XMP too). A damaged one says nothing, which is no reason to fail. */
static iiif_rc read_exif(iiif_src_t *src, iiif_mem_t *mem, const segment_t *segment, iiif_jpeg_head_t *head,
                         bool *seen, iiif_err_t *err)
{
    uint8_t label[6];
    uint8_t *block;

    if (*seen || segment->length < sizeof(label) || !iiif_src_read_exact(src, segment->offset, label, sizeof(label)) ||
        memcmp(label, "Exif\0\0", sizeof(label)) != 0)
        return IIIF_OK;
    block = iiif_mem_alloc(mem, segment->length);
    if (block == NULL)
        return iiif_err_memory(err, "an EXIF block", segment->length);
    if (iiif_src_read_exact(src, segment->offset, block, segment->length))
        *seen = iiif_exif_read(block, segment->length, &head->exif);
    iiif_mem_free(mem, block);
    return IIIF_OK;
}

static void read_piece(iiif_src_t *src, const segment_t *segment, iiif_jpeg_head_t *head)
{
    uint8_t label[ICC_HEADER];
    iiif_jpeg_piece_t *piece;

    if (segment->length <= ICC_HEADER || !iiif_src_read_exact(src, segment->offset, label, sizeof(label)) ||
        memcmp(label, ICC_LABEL, sizeof(ICC_LABEL)) != 0 || label[12] == 0 || label[12] > label[13])
        return;
    head->pieces_count = label[13];
    piece = &head->pieces[label[12] - 1];
    piece->offset = segment->offset + ICC_HEADER;
    piece->length = segment->length - ICC_HEADER;
}

/* A profile counts only where every piece is there. */
static void finish_profile(iiif_jpeg_head_t *head)
{
    head->profile_length = 0;
    for (unsigned i = 0; i < head->pieces_count; i++) {
        if (head->pieces[i].length == 0) {
            head->pieces_count = 0;
            head->profile_length = 0;
            return;
        }
        head->profile_length += head->pieces[i].length;
    }
}

iiif_rc iiif_jpeg_head_read(iiif_src_t *src, iiif_mem_t *mem, iiif_jpeg_head_t *head, iiif_err_t *err)
{
    uint64_t offset = 0;
    uint32_t garbage = 0;
    bool seen_exif = false;

    memset(head, 0, sizeof(*head));
    head->exif.orientation = 1;
    for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
        segment_t segment = {0};
        iiif_rc rc = next_segment(src, &offset, &garbage, &segment, err);

        if (rc == IIIF_OK && is_frame(segment.marker))
            rc = read_frame(src, &segment, head, err);
        else if (rc == IIIF_OK && segment.marker == M_APP1)
            rc = read_exif(src, mem, &segment, head, &seen_exif, err);
        else if (rc == IIIF_OK && segment.marker == M_APP2)
            read_piece(src, &segment, head);
        if (rc != IIIF_OK)
            return rc;
        if (segment.marker == M_EOI || segment.marker == M_SOS)
            break;
    }
    if (head->precision == 0)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2109, "The JPEG master holds no image.");
    finish_profile(head);
    return IIIF_OK;
}

iiif_rc iiif_jpeg_head_profile(iiif_src_t *src, const iiif_jpeg_head_t *head, uint8_t *out, iiif_err_t *err)
{
    for (unsigned i = 0; i < head->pieces_count; i++) {
        if (!iiif_src_read_exact(src, head->pieces[i].offset, out, head->pieces[i].length))
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2110, "The JPEG master's colour profile cannot be read.");
        out += head->pieces[i].length;
    }
    return IIIF_OK;
}
