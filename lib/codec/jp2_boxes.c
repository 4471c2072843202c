/* SPDX-License-Identifier: Apache-2.0 */
#include "jp2_boxes.h"

#include <math.h>
#include <string.h>

#include "jp2_peek.h"

#define BOXES_MAX 10000      /* metadata comes before the codestream in some files; endless boxes do not */
#define DEPTH_MAX 4
#define ICC_HEADER 128
#define ICC_BYTES_MAX (64u << 20)

#define FOURCC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

typedef struct box {
    uint32_t type;
    uint64_t data, end;      /* content is [data, end) */
} box_t;

typedef struct reader {
    iiif_peek_t peek;
    iiif_jp2_t *jp2;
    iiif_mem_t *mem;
    unsigned boxes;          /* seen so far */
    bool has_header;         /* a jp2h was read */
    bool has_codestream_header, has_layer_header;
    bool has_code;
    bool has_capture, has_display;
    bool is_fragmented;      /* a fragment table stands for the codestream */
} reader_t;

static const uint8_t SIGNATURE[12] = {0, 0, 0, 12, 'j', 'P', ' ', ' ', 0x0D, 0x0A, 0x87, 0x0A};
static const uint8_t CODE_START[4] = {0xFF, 0x4F, 0xFF, 0x51}; /* SOC, SIZ */

bool iiif_jp2_sniff(const uint8_t *head, size_t length)
{
    return (length >= sizeof(SIGNATURE) && memcmp(head, SIGNATURE, sizeof(SIGNATURE)) == 0) ||
           (length >= sizeof(CODE_START) && memcmp(head, CODE_START, sizeof(CODE_START)) == 0);
}

/* The box at `offset` within a parent that ends at `limit` (I.4). */
static iiif_rc read_box(reader_t *reader, uint64_t offset, uint64_t limit, box_t *box, iiif_err_t *err)
{
    uint64_t room = limit - offset, length;
    const uint8_t *p = room < 8 ? NULL : iiif_peek_at(&reader->peek, offset, 8);
    unsigned head = 8;

    if (p == NULL)
        return iiif_peek_error(&reader->peek, "boxes", err);
    if (++reader->boxes > BOXES_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2202, "The JP2 master has more than %d boxes.", BOXES_MAX);
    length = iiif_be32(p);
    box->type = iiif_be32(p + 4);
    if (length == 1) {
        head = 16;
        p = room < 16 ? NULL : iiif_peek_at(&reader->peek, offset, 16);
        if (p == NULL)
            return iiif_peek_error(&reader->peek, "boxes", err);
        length = iiif_be64(p + 8);
    } else if (length == 0) {
        length = room;       /* up to the end of the file */
    }
    if (length < head)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2203, "A box of the JP2 master has the impossible length %llu.",
                            (unsigned long long)length);
    if (length > room) {
        /* The codestream checks itself: a writer that counted wrongly is no reason to refuse it. */
        if (box->type != FOURCC('j', 'p', '2', 'c'))
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2204,
                                "A box of the JP2 master reaches beyond what holds it; the file is truncated or damaged.");
        length = room;
    }
    box->data = offset + head;
    box->end = offset + length;
    return IIIF_OK;
}

/* The content of a small box; NULL (error set) where it is shorter than n. */
static const uint8_t *content(reader_t *reader, const box_t *box, size_t n, const char *name, iiif_err_t *err)
{
    const uint8_t *p;

    if (box->end - box->data < n) {
        (void)iiif_err_set(err, IIIF_E_BAD_MASTER, 2205, "The %s box of the JP2 master is too short.", name);
        return NULL;
    }
    p = iiif_peek_at(&reader->peek, box->data, n);
    if (p == NULL)
        (void)iiif_peek_error(&reader->peek, name, err);
    return p;
}

/* --- the header's boxes -------------------------------------------------------------------------- */

static iiif_rc read_image_header(reader_t *reader, const box_t *box, iiif_err_t *err)
{
    const uint8_t *p = content(reader, box, 14, "image header", err);

    if (p == NULL)
        return err->kind;
    reader->jp2->height = iiif_be32(p);
    reader->jp2->width = iiif_be32(p + 4);
    return IIIF_OK;
}

/* Whether this build knows what to do with an enumerated space; of several boxes the first such one counts. */
static bool knows_space(uint32_t space)
{
    switch (space) {
    case IIIF_JP2_BILEVEL_WHITE0:
    case IIIF_JP2_YCBCR1:
    case IIIF_JP2_YCBCR2:
    case IIIF_JP2_YCBCR3:
    case IIIF_JP2_CMY:
    case IIIF_JP2_CMYK:
    case IIIF_JP2_CIELAB:
    case IIIF_JP2_BILEVEL_BLACK0:
    case IIIF_JP2_SRGB:
    case IIIF_JP2_GRAY:
    case IIIF_JP2_SYCC:
    case IIIF_JP2_ESYCC:
        return true;
    default:
        return false;
    }
}

static iiif_rc read_enumerated(reader_t *reader, const box_t *box, iiif_jp2_colour_t *colour, iiif_err_t *err)
{
    const uint8_t *p = content(reader, box, 7, "colour specification", err);

    if (p == NULL)
        return err->kind;
    colour->method = IIIF_JP2_COLOUR_ENUMERATED;
    colour->space = iiif_be32(p + 3);
    if (colour->space == IIIF_JP2_CIELAB && box->end - box->data >= 7 + 24) {
        p = content(reader, box, 7 + 24, "colour specification", err);
        if (p == NULL)
            return err->kind;
        colour->has_lab = true;
        for (int i = 0; i < 3; i++) {
            colour->lab_range[i] = iiif_be32(p + 7 + 8 * i);
            colour->lab_offset[i] = iiif_be32(p + 11 + 8 * i);
        }
    }
    return IIIF_OK;
}

/* A profile that is cut or absurd is passed over: colour is then told by the number of channels. */
static iiif_rc read_icc(reader_t *reader, const box_t *box, iiif_jp2_colour_t *colour, iiif_err_t *err)
{
    uint64_t length = box->end - box->data - 3, own;
    const uint8_t *p;

    if (length < ICC_HEADER || length > ICC_BYTES_MAX)
        return IIIF_OK;
    p = content(reader, box, 3 + ICC_HEADER, "colour specification", err);
    if (p == NULL)
        return err->kind;
    own = iiif_be32(p + 3);
    if (own < ICC_HEADER || own > length)
        return IIIF_OK;
    colour->method = IIIF_JP2_COLOUR_ICC;
    colour->icc_offset = box->data + 3;
    colour->icc_length = (uint32_t)own;
    memcpy(colour->icc_space, p + 3 + 16, 4); /* ICC.1:2022 Table 17 */
    colour->icc_space[4] = '\0';
    return IIIF_OK;
}

static iiif_rc read_colour(reader_t *reader, const box_t *box, iiif_err_t *err)
{
    iiif_jp2_colour_t *have = &reader->jp2->colour, fresh;
    const uint8_t *p = content(reader, box, 3, "colour specification", err);
    iiif_rc rc = IIIF_OK;

    if (p == NULL)
        return err->kind;
    memset(&fresh, 0, sizeof(fresh));
    if (p[0] == 1)
        rc = read_enumerated(reader, box, &fresh, err);
    else if (p[0] == 2 || p[0] == 3) /* restricted, or (JPX) any ICC profile */
        rc = read_icc(reader, box, &fresh, err);
    if (rc != IIIF_OK || fresh.method == IIIF_JP2_COLOUR_NONE)
        return rc;
    if (have->method == IIIF_JP2_COLOUR_NONE ||
        (have->method == IIIF_JP2_COLOUR_ENUMERATED && !knows_space(have->space) &&
         (fresh.method == IIIF_JP2_COLOUR_ICC || knows_space(fresh.space))))
        *have = fresh;
    return IIIF_OK;
}

static uint64_t palette_row_bytes(const iiif_jp2_palette_t *palette)
{
    uint64_t bytes = 0;

    for (unsigned c = 0; c < palette->columns; c++)
        bytes += (palette->bits[c] + 7u) / 8;
    return bytes;
}

static iiif_rc read_palette_rows(reader_t *reader, const box_t *box, uint64_t at, iiif_err_t *err)
{
    iiif_jp2_palette_t *palette = &reader->jp2->palette;
    int32_t *out;

    if (box->end - at < palette_row_bytes(palette) * palette->entries)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2206, "The palette of the JP2 master is cut short.");
    palette->values = iiif_mem_array(reader->mem, (size_t)palette->entries * palette->columns, sizeof(int32_t));
    if (palette->values == NULL)
        return iiif_err_memory(err, "a palette", (size_t)palette->entries * palette->columns * sizeof(int32_t));
    out = palette->values;
    for (unsigned i = 0; i < palette->entries; i++) {
        for (unsigned c = 0; c < palette->columns; c++) {
            unsigned bytes = (palette->bits[c] + 7u) / 8;
            const uint8_t *p = iiif_peek_at(&reader->peek, at, bytes);

            if (p == NULL)
                return iiif_peek_error(&reader->peek, "palette", err);
            *out = bytes == 1 ? p[0] : iiif_be16(p);
            if (palette->is_signed[c] && (*out >> (palette->bits[c] - 1) & 1) != 0)
                *out -= 1 << palette->bits[c];
            out++;
            at += bytes;
        }
    }
    return IIIF_OK;
}

static iiif_rc read_palette(reader_t *reader, const box_t *box, iiif_err_t *err)
{
    iiif_jp2_palette_t *palette = &reader->jp2->palette;
    const uint8_t *p;
    unsigned columns;

    if (palette->columns != 0)
        return IIIF_OK;
    p = content(reader, box, 3, "palette", err);
    if (p == NULL)
        return err->kind;
    palette->entries = iiif_be16(p);
    columns = p[2];
    if (palette->entries == 0 || palette->entries > IIIF_JP2_PALETTE_MAX || columns == 0 ||
        columns > IIIF_JP2_CHANNELS_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2207, "The palette of the JP2 master has %u entries of %u columns.",
                            palette->entries, columns);
    p = content(reader, box, 3 + columns, "palette", err);
    if (p == NULL)
        return err->kind;
    palette->columns = (uint8_t)columns;
    for (unsigned c = 0; c < columns; c++) {
        palette->bits[c] = (uint8_t)((p[3 + c] & 0x7F) + 1);
        palette->is_signed[c] = (p[3 + c] & 0x80) != 0;
        if (palette->bits[c] > 16)
            return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2208,
                                "The palette of the JP2 master has %u bits a sample; up to 16 can be read.",
                                palette->bits[c]);
    }
    return read_palette_rows(reader, box, box->data + 3 + columns, err);
}

static iiif_rc read_mapping(reader_t *reader, const box_t *box, iiif_err_t *err)
{
    iiif_jp2_t *jp2 = reader->jp2;
    uint64_t count = (box->end - box->data) / 4;
    const uint8_t *p;

    if (jp2->mapping_count != 0)
        return IIIF_OK;
    if (count == 0 || count > IIIF_JP2_CHANNELS_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2209, "The JP2 master maps its components to %llu channels.",
                            (unsigned long long)count);
    p = content(reader, box, (size_t)count * 4, "component mapping", err);
    if (p == NULL)
        return err->kind;
    for (unsigned i = 0; i < count; i++, p += 4) {
        jp2->mappings[i].component = iiif_be16(p);
        jp2->mappings[i].by_palette = p[2] == 1;
        jp2->mappings[i].column = p[3];
    }
    jp2->mapping_count = (unsigned)count;
    return IIIF_OK;
}

static iiif_rc read_definitions(reader_t *reader, const box_t *box, iiif_err_t *err)
{
    iiif_jp2_t *jp2 = reader->jp2;
    const uint8_t *p = content(reader, box, 2, "channel definition", err);
    unsigned count;

    if (p == NULL)
        return err->kind;
    count = iiif_be16(p);
    if (jp2->definition_count != 0)
        return IIIF_OK;
    if (count == 0 || count > IIIF_JP2_CHANNELS_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2210, "The JP2 master defines %u channels.", count);
    p = content(reader, box, 2 + 6 * (size_t)count, "channel definition", err);
    if (p == NULL)
        return err->kind;
    p += 2;
    for (unsigned i = 0; i < count; i++, p += 6) {
        jp2->definitions[i].channel = iiif_be16(p);
        jp2->definitions[i].type = iiif_be16(p + 2);
        jp2->definitions[i].association = iiif_be16(p + 4);
    }
    jp2->definition_count = count;
    return IIIF_OK;
}

/* Numerator, denominator, exponent: grid points a metre (I.5.3.7.1). 0 where it is nonsense. */
static double resolution_of(const uint8_t *fraction, uint8_t exponent)
{
    unsigned numerator = iiif_be16(fraction), denominator = iiif_be16(fraction + 2);
    double value;

    if (numerator == 0 || denominator == 0)
        return 0;
    value = (double)numerator / denominator * pow(10, (int8_t)exponent);
    return value >= 1e-3 && value <= 1e9 ? value : 0;
}

static iiif_rc read_resolution(reader_t *reader, const box_t *box, bool capture, iiif_err_t *err)
{
    const uint8_t *p = content(reader, box, 10, "resolution", err);
    double x, y;

    if (p == NULL)
        return err->kind;
    y = resolution_of(p, p[8]);
    x = resolution_of(p + 4, p[9]);
    if (x <= 0 || y <= 0 || reader->has_capture || (!capture && reader->has_display))
        return IIIF_OK;
    reader->has_capture = capture;
    reader->has_display = !capture;
    reader->jp2->pixels_per_metre_x = x;
    reader->jp2->pixels_per_metre_y = y;
    return IIIF_OK;
}

/* --- walking --------------------------------------------------------------------------------------- */

static iiif_rc read_children(reader_t *reader, const box_t *parent, unsigned depth, iiif_err_t *err);

/* The boxes that JPX may hold what JP2 keeps in jp2h; only the first of each is of the first codestream. */
static bool enters(reader_t *reader, uint32_t type)
{
    bool *seen;

    switch (type) {
    case FOURCC('j', 'p', '2', 'h'):
        seen = &reader->has_header;
        break;
    case FOURCC('j', 'p', 'c', 'h'):
        seen = &reader->has_codestream_header;
        break;
    case FOURCC('j', 'p', 'l', 'h'):
        seen = &reader->has_layer_header;
        break;
    case FOURCC('c', 'g', 'r', 'p'):
    case FOURCC('r', 'e', 's', ' '):
        return true;
    default:
        return false;
    }
    if (*seen)
        return false;
    *seen = true;
    return true;
}

static iiif_rc read_child(reader_t *reader, const box_t *box, unsigned depth, iiif_err_t *err)
{
    switch (box->type) {
    case FOURCC('i', 'h', 'd', 'r'):
        return read_image_header(reader, box, err);
    case FOURCC('c', 'o', 'l', 'r'):
        return read_colour(reader, box, err);
    case FOURCC('p', 'c', 'l', 'r'):
        return read_palette(reader, box, err);
    case FOURCC('c', 'm', 'a', 'p'):
        return read_mapping(reader, box, err);
    case FOURCC('c', 'd', 'e', 'f'):
        return read_definitions(reader, box, err);
    case FOURCC('r', 'e', 's', 'c'):
        return read_resolution(reader, box, true, err);
    case FOURCC('r', 'e', 's', 'd'):
        return read_resolution(reader, box, false, err);
    default: /* bpcc says nothing that the codestream does not say itself */
        return enters(reader, box->type) ? read_children(reader, box, depth + 1, err) : IIIF_OK;
    }
}

static iiif_rc read_children(reader_t *reader, const box_t *parent, unsigned depth, iiif_err_t *err)
{
    uint64_t offset = parent->data;

    if (depth > DEPTH_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2211, "The boxes of the JP2 master are nested too deeply.");
    while (offset < parent->end) {
        box_t box;
        iiif_rc rc = read_box(reader, offset, parent->end, &box, err);

        if (rc == IIIF_OK)
            rc = read_child(reader, &box, depth, err);
        if (rc != IIIF_OK)
            return rc;
        offset = box.end;
    }
    return IIIF_OK;
}

static void name_media_type(reader_t *reader, const box_t *box)
{
    const uint8_t *p = box->end - box->data >= 4 ? iiif_peek_at(&reader->peek, box->data, 4) : NULL;
    const char *type = "image/jp2";

    if (p != NULL && memcmp(p, "jpx ", 4) == 0)
        type = "image/jpx";
    else if (p != NULL && memcmp(p, "jph ", 4) == 0)
        type = "image/jph";
    strcpy(reader->jp2->media_type, type);
}

static iiif_rc read_top(reader_t *reader, const box_t *box, iiif_err_t *err)
{
    switch (box->type) {
    case FOURCC('f', 't', 'y', 'p'):
        name_media_type(reader, box);
        return IIIF_OK;
    case FOURCC('f', 't', 'b', 'l'):
        reader->is_fragmented = true;
        return IIIF_OK;
    case FOURCC('j', 'p', '2', 'c'):
        if (!reader->has_code) {
            reader->has_code = true;
            reader->jp2->code_offset = box->data;
            reader->jp2->code_length = box->end - box->data;
        }
        return IIIF_OK;
    case FOURCC('j', 'p', '2', 'h'):
    case FOURCC('j', 'p', 'c', 'h'):
    case FOURCC('j', 'p', 'l', 'h'):
        return enters(reader, box->type) ? read_children(reader, box, 1, err) : IIIF_OK;
    default:
        return IIIF_OK;
    }
}

static iiif_rc read_file(reader_t *reader, iiif_err_t *err)
{
    uint64_t offset = sizeof(SIGNATURE), size = reader->peek.src->size;

    strcpy(reader->jp2->media_type, "image/jp2");
    while (offset < size && !(reader->has_code && reader->has_header)) {
        box_t box;
        iiif_err_t local;
        iiif_rc rc = read_box(reader, offset, size, &box, &local);

        if (rc == IIIF_OK)
            rc = read_top(reader, &box, &local);
        /* What trails the codestream cannot spoil it. */
        if (rc == IIIF_E_BAD_MASTER && reader->has_code)
            break;
        if (rc != IIIF_OK) {
            *err = local;
            return rc;
        }
        offset = box.end;
    }
    if (!reader->has_code && reader->is_fragmented)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2212,
                            "The JPX master keeps its codestream in fragments; write it as one contiguous codestream.");
    if (!reader->has_code)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2213, "The JP2 master holds no codestream.");
    return IIIF_OK;
}

iiif_rc iiif_jp2_read(iiif_src_t *src, const iiif_work_t *work, iiif_jp2_t *jp2, iiif_err_t *err)
{
    reader_t reader;
    const uint8_t *p;
    iiif_err_t own;

    if (err == NULL)
        err = &own;
    memset(jp2, 0, sizeof(*jp2));
    memset(&reader, 0, sizeof(reader));
    reader.jp2 = jp2;
    reader.mem = work->mem;
    iiif_peek_init(&reader.peek, src);
    p = iiif_peek_at(&reader.peek, 0, 12);
    if (p == NULL)
        return iiif_peek_error(&reader.peek, "signature", err);
    if (memcmp(p, CODE_START, sizeof(CODE_START)) == 0) {
        jp2->is_raw = true;
        jp2->code_length = src->size;
        strcpy(jp2->media_type, "image/j2c");
        return IIIF_OK;
    }
    if (memcmp(p, SIGNATURE, sizeof(SIGNATURE)) != 0)
        return iiif_err_set(err, IIIF_E_NOT_IMAGE, 2214, "The master has no JPEG 2000 signature.");
    return read_file(&reader, err);
}

void iiif_jp2_free(iiif_jp2_t *jp2, iiif_mem_t *mem)
{
    iiif_mem_free(mem, jp2->palette.values);
    jp2->palette.values = NULL;
    jp2->palette.columns = 0;
}
