/* SPDX-License-Identifier: Apache-2.0 */
/**
 * JPEG files made by libjpeg at run time, and its own full decode as the reference.
 */
#ifndef JPEG_FIXTURE_H
#define JPEG_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

typedef struct fixture {
    uint32_t width, height;
    J_COLOR_SPACE in, coded;     /* JCS_RGB→JCS_YCbCr, JCS_GRAYSCALE, JCS_CMYK→JCS_YCCK, … */
    int h, v;                    /* sampling of the first component; 0 is 1 */
    bool progressive, arithmetic, separate_scans, no_adobe, no_jfif;
    int restart_rows;
    int quality;                 /* 0 is 90 */
    const uint8_t *exif;         /* with "Exif\0\0" */
    size_t exif_length;
    const uint8_t *icc;
    size_t icc_length;
    int density_unit, density;
} fixture_t;

static inline unsigned fixture_channels(J_COLOR_SPACE space)
{
    return space == JCS_GRAYSCALE ? 1 : space == JCS_CMYK || space == JCS_YCCK ? 4 : 3;
}

/* Smooth colours with sharp lines, so that neighbours differ and chroma matters. */
static inline uint8_t fixture_sample(uint32_t x, uint32_t y, unsigned c)
{
    if ((x / 7 + y / 5) % 9 == 0)
        return (uint8_t)(c == 0 ? 250 : 10 + 30 * c);
    return (uint8_t)((x * (3 + c) + y * (5 - c) + (x * y >> 5)) & 0xFF);
}

static inline void fixture_icc(struct jpeg_compress_struct *cinfo, const fixture_t *f)
{
    if (f->icc != NULL)
        jpeg_write_icc_profile(cinfo, f->icc, (unsigned)f->icc_length);
    if (f->exif != NULL)
        jpeg_write_marker(cinfo, JPEG_APP0 + 1, f->exif, (unsigned)f->exif_length);
}

/* free() the result. */
static inline uint8_t *fixture_encode(const fixture_t *f, size_t *length)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long size = 0;
    unsigned channels = fixture_channels(f->in);
    uint8_t *row = malloc((size_t)f->width * channels);
    JSAMPROW rows[1] = {row};
    jpeg_scan_info scans[4];

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &out, &size);
    cinfo.image_width = f->width;
    cinfo.image_height = f->height;
    cinfo.input_components = (int)channels;
    cinfo.in_color_space = f->in;
    jpeg_set_defaults(&cinfo);
    jpeg_set_colorspace(&cinfo, f->coded);
    if (f->no_adobe)
        cinfo.write_Adobe_marker = FALSE;
    if (f->no_jfif)
        cinfo.write_JFIF_header = FALSE;
    jpeg_set_quality(&cinfo, f->quality ? f->quality : 90, TRUE);
    for (int i = 0; i < cinfo.num_components; i++)
        cinfo.comp_info[i].h_samp_factor = cinfo.comp_info[i].v_samp_factor = 1;
    cinfo.comp_info[0].h_samp_factor = f->h ? f->h : 1;
    cinfo.comp_info[0].v_samp_factor = f->v ? f->v : 1;
    if (f->coded == JCS_YCCK) { /* black is sampled like luma */
        cinfo.comp_info[3].h_samp_factor = cinfo.comp_info[0].h_samp_factor;
        cinfo.comp_info[3].v_samp_factor = cinfo.comp_info[0].v_samp_factor;
    }
    if (f->progressive)
        jpeg_simple_progression(&cinfo);
    if (f->separate_scans) {
        memset(scans, 0, sizeof(scans));
        for (int i = 0; i < cinfo.num_components; i++) {
            scans[i].comps_in_scan = 1;
            scans[i].component_index[0] = i;
            scans[i].Se = 63;
        }
        cinfo.scan_info = scans;
        cinfo.num_scans = cinfo.num_components;
    }
    cinfo.arith_code = f->arithmetic;
    cinfo.restart_in_rows = f->restart_rows;
    if (f->density_unit) {
        cinfo.density_unit = (UINT8)f->density_unit;
        cinfo.X_density = cinfo.Y_density = (UINT16)f->density;
    }
    jpeg_start_compress(&cinfo, TRUE);
    fixture_icc(&cinfo, f);
    for (uint32_t y = 0; y < f->height; y++) {
        for (uint32_t x = 0; x < f->width; x++) {
            for (unsigned c = 0; c < channels; c++)
                row[x * channels + c] = fixture_sample(x, y, c);
        }
        jpeg_write_scanlines(&cinfo, rows, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
    *length = size;
    return out;
}

/* libjpeg's own decode of the whole at 1/2^level; free() it. CMYK as libjpeg gives it. */
static inline uint8_t *fixture_decode(const uint8_t *data, size_t length, unsigned level, uint32_t *width,
                                      uint32_t *height, int *channels)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    uint8_t *pixels;
    size_t stride;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, data, (unsigned long)length);
    jpeg_read_header(&cinfo, TRUE);
    cinfo.scale_num = 1;
    cinfo.scale_denom = 1u << level;
    jpeg_start_decompress(&cinfo);
    *width = cinfo.output_width;
    *height = cinfo.output_height;
    *channels = cinfo.output_components;
    stride = (size_t)cinfo.output_width * (size_t)cinfo.output_components;
    pixels = malloc(stride * cinfo.output_height);
    while (cinfo.output_scanline < cinfo.output_height) {
        JSAMPROW rows[1] = {pixels + cinfo.output_scanline * stride};

        jpeg_read_scanlines(&cinfo, rows, 1);
    }
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
    return pixels;
}

#endif
