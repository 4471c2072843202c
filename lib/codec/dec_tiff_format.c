/* SPDX-License-Identifier: Apache-2.0 */
#include "dec_tiff_format.h"

#include <string.h>

#define DIMENSION_MAX 0x7FFFFFFFu
#define SAMPLES_MAX 64u

/* --- compression ----------------------------------------------------------------------------------- */

typedef struct scheme {
    uint16_t id;
    const char *name;
    float cost;
    uint32_t fixed_bytes;    /* state */
    uint32_t history_bytes;  /* of what was decoded, kept at most; never more than a block */
    uint8_t bytes_per_pixel; /* held for the whole block beside its pixels */
} scheme_t;

static const scheme_t schemes[] = {
    {COMPRESSION_NONE, "none", 0.3f, 0, 0, 0},
    {COMPRESSION_CCITTRLE, "CCITT RLE", 0.3f, 0, 0, 0},
    {COMPRESSION_CCITTRLEW, "CCITT RLE/W", 0.3f, 0, 0, 0},
    {COMPRESSION_CCITTFAX3, "CCITT Group 3", 0.3f, 0, 0, 0},
    {COMPRESSION_CCITTFAX4, "CCITT Group 4", 0.3f, 0, 0, 0},
    {COMPRESSION_PACKBITS, "PackBits", 0.4f, 0, 0, 0},
    {COMPRESSION_LZW, "LZW", 1.0f, 256 * 1024, 0, 0},
    {COMPRESSION_DEFLATE, "Deflate", 1.0f, 64 * 1024, 0, 0},
    {COMPRESSION_ADOBE_DEFLATE, "Deflate", 1.0f, 64 * 1024, 0, 0},
    {COMPRESSION_JPEG, "JPEG", 1.0f, 256 * 1024, 0, 0},
    {COMPRESSION_OJPEG, "old JPEG", 1.2f, 256 * 1024, 0, 0},
    {COMPRESSION_ZSTD, "Zstandard", 0.6f, 512 * 1024, 1u << 27, 0},
    {COMPRESSION_WEBP, "WebP", 2.0f, 512 * 1024, 0, 6},
    {COMPRESSION_LZMA, "LZMA", 4.0f, 512 * 1024, UINT32_MAX, 0},
};

static const scheme_t *scheme_of(uint16_t id)
{
    for (size_t i = 0; i < IIIF_COUNT(schemes); i++)
        if (schemes[i].id == id)
            return &schemes[i];
    return NULL;
}

static iiif_rc check_compression(const iiif_tiff_format_t *format, iiif_err_t *err)
{
    const scheme_t *scheme = scheme_of(format->compression);
    const TIFFCodec *codec = TIFFFindCODEC(format->compression);

    if (scheme == NULL)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2420,
                            "The TIFF master is compressed by %s (%u), which is not read; save it as LZW or Deflate.",
                            codec != NULL ? codec->name : "an unknown scheme", format->compression);
    if (!TIFFIsCODECConfigured(format->compression))
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2421, "The TIFF master is compressed by %s, which the "
                            "libtiff of this server was built without.", scheme->name);
    if (format->compression == COMPRESSION_JPEG && format->bits != 8)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2422,
                            "The TIFF master holds JPEG of %u bits; only 8 are read.", format->bits);
    return IIIF_OK;
}

float iiif_tiff_format_cost(const iiif_tiff_format_t *format)
{
    const scheme_t *scheme = scheme_of(format->compression);

    return scheme != NULL ? scheme->cost : 1.0f;
}

size_t iiif_tiff_format_codec_bytes(const iiif_tiff_format_t *format)
{
    const scheme_t *scheme = scheme_of(format->compression);
    size_t pixels, bytes;

    if (scheme == NULL)
        return 0;
    /* A row of MCUs, runs of fax lines and the like: 64 bytes for each column cover them all. */
    if (!iiif_mul_size(format->block_width, format->block_height, &pixels) ||
        !iiif_mul_size(pixels, scheme->bytes_per_pixel, &bytes) ||
        !iiif_add_size(bytes, scheme->fixed_bytes + (size_t)64 * format->block_width, &bytes) ||
        !iiif_add_size(bytes, iiif_min_u64(scheme->history_bytes, format->block_bytes), &bytes))
        return SIZE_MAX;
    return bytes;
}

/* --- samples ----------------------------------------------------------------------------------------- */

static void read_samples(TIFF *tiff, iiif_tiff_format_t *format)
{
    uint16_t planar = PLANARCONFIG_CONTIG;

    (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &format->samples);
    (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &format->bits);
    (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    format->planar = planar == PLANARCONFIG_SEPARATE && format->samples > 1;
}

static iiif_rc check_samples(TIFF *tiff, iiif_tiff_format_t *format, iiif_err_t *err)
{
    uint16_t kind = SAMPLEFORMAT_UINT;

    (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &kind);
    if (format->samples < 1 || format->samples > SAMPLES_MAX)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2423, "The TIFF master has %u samples in each pixel; up to %u "
                            "are read.", format->samples, SAMPLES_MAX);
    if (kind != SAMPLEFORMAT_UINT && kind != SAMPLEFORMAT_INT && kind != SAMPLEFORMAT_VOID)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2424, "The TIFF master has floating point or complex "
                            "samples, which are not read; save it with 8 or 16 bits.");
    format->is_signed = kind == SAMPLEFORMAT_INT && format->bits > 1;
    if (format->bits < 1 || format->bits > 16)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2425,
                            "The TIFF master has samples of %u bits; 1 to 16 are read.", format->bits);
    return IIIF_OK;
}

/* The tag is required, but missing in old files. */
static uint16_t photometric_of(TIFF *tiff, const iiif_tiff_format_t *format)
{
    uint16_t photometric;

    if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric))
        return photometric;
    if (format->samples >= 3)
        return PHOTOMETRIC_RGB;
    return format->bits == 1 ? PHOTOMETRIC_MINISWHITE : PHOTOMETRIC_MINISBLACK;
}

static iiif_rc take_colors(iiif_tiff_format_t *format, iiif_tiff_kind kind, unsigned colors, iiif_layout layout,
                           iiif_err_t *err)
{
    format->kind = kind;
    format->colors = colors;
    format->layout = layout;
    format->color_class = layout == IIIF_LAYOUT_GRAY ? IIIF_CLASS_GRAY : IIIF_CLASS_COLOR;
    if (format->samples < colors)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2426,
                            "The TIFF master has %u samples in each pixel where its colour space needs %u.",
                            format->samples, colors);
    return IIIF_OK;
}

static iiif_rc take_lab(iiif_tiff_format_t *format, iiif_tiff_kind kind, iiif_err_t *err)
{
    if (format->bits != 8 && format->bits != 16)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2427,
                            "The TIFF master is CIELab of %u bits; 8 and 16 are read.", format->bits);
    format->is_signed = false; /* L never is, whatever SampleFormat says; a and b are by their kind */
    return take_colors(format, kind, 3, IIIF_LAYOUT_LAB, err);
}

static iiif_rc take_ycbcr(TIFF *tiff, iiif_tiff_format_t *format, iiif_err_t *err)
{
    if (format->compression == COMPRESSION_JPEG && !format->planar && format->samples == 3) {
        /* libjpeg upsamples and converts. */
        (void)TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        return take_colors(format, IIIF_TIFF_PLAIN, 3, IIIF_LAYOUT_RGB, err);
    }
    (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_YCBCRSUBSAMPLING, &format->chroma_x, &format->chroma_y);
    if (format->chroma_x > 4 || format->chroma_y > 4 || format->chroma_x == 3 || format->chroma_y == 3 ||
        format->chroma_x < 1 || format->chroma_y < 1)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2428, "The TIFF master has YCbCr subsampled by %u and %u.",
                            format->chroma_x, format->chroma_y);
    format->clumped = !format->planar && format->samples == 3;
    if (format->bits != 8 || (!format->clumped && (format->chroma_x != 1 || format->chroma_y != 1)))
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2429, "The TIFF master is YCbCr of %u bits, in planes or with "
                            "further samples; save it as RGB.", format->bits);
    return take_colors(format, IIIF_TIFF_YCBCR, 3, IIIF_LAYOUT_RGB, err);
}

static iiif_rc take_separated(TIFF *tiff, iiif_tiff_format_t *format, iiif_err_t *err)
{
    uint16_t ink_set = INKSET_CMYK;

    (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_INKSET, &ink_set);
    if (ink_set != INKSET_CMYK || format->samples < 4)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2430,
                            "The TIFF master is separated into inks other than CMYK; save it as CMYK or RGB.");
    return take_colors(format, IIIF_TIFF_PLAIN, 4, IIIF_LAYOUT_CMYK, err);
}

static iiif_rc take_photometric(TIFF *tiff, iiif_tiff_format_t *format, iiif_err_t *err)
{
    uint16_t photometric = photometric_of(tiff, format);

    switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
        format->inverted = true;
        return take_colors(format, IIIF_TIFF_PLAIN, 1, IIIF_LAYOUT_GRAY, err);
    case PHOTOMETRIC_MINISBLACK:
        return take_colors(format, IIIF_TIFF_PLAIN, 1, IIIF_LAYOUT_GRAY, err);
    case PHOTOMETRIC_RGB:
        return take_colors(format, IIIF_TIFF_PLAIN, 3, IIIF_LAYOUT_RGB, err);
    case PHOTOMETRIC_PALETTE:
        format->is_signed = false;
        return take_colors(format, IIIF_TIFF_PALETTE, 1, IIIF_LAYOUT_RGB, err);
    case PHOTOMETRIC_SEPARATED:
        return take_separated(tiff, format, err);
    case PHOTOMETRIC_YCBCR:
        return take_ycbcr(tiff, format, err);
    case PHOTOMETRIC_CIELAB:
        return take_lab(format, IIIF_TIFF_CIELAB, err);
    case PHOTOMETRIC_ICCLAB:
        return take_lab(format, IIIF_TIFF_ICCLAB, err);
    default:
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2431, "The TIFF master has pixels of photometric "
                            "interpretation %u, which is not read; save it as RGB.", photometric);
    }
}

/* The first extra sample that is alpha; others are left out (TIFF 6.0 §18). */
static iiif_rc take_alpha(TIFF *tiff, iiif_tiff_format_t *format, iiif_err_t *err)
{
    uint16_t count = 0;
    uint16_t *extra = NULL;

    format->alpha = -1;
    if (format->clumped || !TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &count, &extra) || extra == NULL)
        return IIIF_OK;
    for (unsigned i = 0; i < count && format->colors + i < format->samples; i++) {
        if (extra[i] != EXTRASAMPLE_ASSOCALPHA && extra[i] != EXTRASAMPLE_UNASSALPHA)
            continue;
        format->alpha = (int)(format->colors + i);
        format->premultiplied = extra[i] == EXTRASAMPLE_ASSOCALPHA && format->kind != IIIF_TIFF_PALETTE;
        format->layout = iiif_layout_with_alpha(format->layout, true);
        break;
    }
    if (format->premultiplied && format->kind != IIIF_TIFF_PLAIN)
        return iiif_err_set(err, IIIF_E_UNSUPPORTED, 2432, "The TIFF master has premultiplied alpha in a colour "
                            "space where that is not read; save it as RGB.");
    return IIIF_OK;
}

static void take_precision(iiif_tiff_format_t *format)
{
    bool converted = format->kind == IIIF_TIFF_PALETTE || format->kind == IIIF_TIFF_YCBCR;

    format->precision = converted ? 8 : (uint8_t)format->bits;
    format->depth = format->precision <= 8 ? 8 : 16;
    if (format->layout == IIIF_LAYOUT_GRAY && format->bits == 1)
        format->color_class = IIIF_CLASS_BITONAL;
}

/* --- blocks -------------------------------------------------------------------------------------------- */

/* What the samples need must be what libtiff will write, byte for byte. */
static bool block_sizes(iiif_tiff_format_t *format)
{
    size_t samples = format->planar ? 1 : format->samples;
    size_t bits, units;

    if (format->clumped) {
        units = iiif_ceil_div(format->block_width, format->chroma_x);
        return iiif_mul_size(units, (size_t)format->chroma_x * format->chroma_y + 2, &format->row_bytes) &&
               iiif_mul_size(format->row_bytes, iiif_ceil_div(format->block_height, format->chroma_y),
                             &format->block_bytes);
    }
    if (!iiif_mul_size(format->block_width, samples * format->bits, &bits) || !iiif_add_size(bits, 7, &bits))
        return false;
    format->row_bytes = bits / 8;
    return iiif_mul_size(format->row_bytes, format->block_height, &format->block_bytes);
}

static iiif_rc take_blocks(iiif_tiff_io_t *io, iiif_tiff_format_t *format, iiif_err_t *err)
{
    TIFF *tiff = io->tiff;
    uint32_t rows = 0;
    uint64_t told;

    format->tiled = TIFFIsTiled(tiff) != 0;
    if (format->tiled) {
        (void)TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &format->block_width);
        (void)TIFFGetField(tiff, TIFFTAG_TILELENGTH, &format->block_height);
    } else {
        (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &rows);
        format->block_width = format->width;
        format->block_height = iiif_min_u32(rows, format->height);
    }
    if (format->block_width < 1 || format->block_height < 1 || format->block_width > DIMENSION_MAX ||
        format->block_height > DIMENSION_MAX || !block_sizes(format))
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2433, "The TIFF master has tiles or strips of an absurd size.");
    told = format->tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
    if (told != format->block_bytes)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2434, "The TIFF master has tags that contradict each other.");
    return IIIF_OK;
}

static iiif_rc take_size(TIFF *tiff, iiif_tiff_format_t *format, iiif_err_t *err)
{
    (void)TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &format->width);
    (void)TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &format->height);
    if (format->width < 1 || format->height < 1 || format->width > DIMENSION_MAX ||
        format->height > DIMENSION_MAX)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2435, "The TIFF master declares an absurd size of %u by %u pixels.",
                            format->width, format->height);
    return IIIF_OK;
}

iiif_rc iiif_tiff_format_read(iiif_tiff_io_t *io, iiif_tiff_format_t *format, iiif_err_t *err)
{
    TIFF *tiff = io->tiff;
    iiif_rc rc;

    memset(format, 0, sizeof(*format));
    format->chroma_x = format->chroma_y = 1;
    (void)TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &format->compression);
    rc = take_size(tiff, format, err);
    read_samples(tiff, format);
    if (rc == IIIF_OK)
        rc = check_samples(tiff, format, err);
    if (rc == IIIF_OK)
        rc = check_compression(format, err);
    if (rc == IIIF_OK)
        rc = take_photometric(tiff, format, err);
    if (rc == IIIF_OK)
        rc = take_alpha(tiff, format, err);
    if (rc != IIIF_OK)
        return rc;
    take_precision(format);
    rc = take_blocks(io, format, err);
    if (io->stopped.kind != IIIF_OK)
        return iiif_tiff_io_error(io, err);
    return rc;
}

unsigned iiif_tiff_format_planes(const iiif_tiff_format_t *format)
{
    return format->planar ? format->colors + (format->alpha >= 0 ? 1 : 0) : 1;
}

uint16_t iiif_tiff_format_sample(const iiif_tiff_format_t *format, unsigned plane)
{
    if (!format->planar)
        return 0;
    return plane < format->colors ? (uint16_t)plane : (uint16_t)format->alpha;
}
