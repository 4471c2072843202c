/* SPDX-License-Identifier: Apache-2.0 */
#include "icc.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "iiif_features.h"

#define PROFILE_MAX ((size_t)4 << 20)
#define HEADER_BYTES 128u
#define TAG_BYTES 12u
#define TAGS_MAX 100u        /* as lcms2 */

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool tags_fit(const uint8_t *icc, size_t length)
{
    uint32_t count = read32(icc + HEADER_BYTES);

    if (count == 0 || count > TAGS_MAX || length < HEADER_BYTES + 4 + (size_t)count * TAG_BYTES)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *tag = icc + HEADER_BYTES + 4 + (size_t)i * TAG_BYTES;
        uint64_t offset = read32(tag + 4), size = read32(tag + 8);

        if (offset + size > length)
            return false;
    }
    return true;
}

bool iiif_icc_fits(const uint8_t *icc, size_t length, iiif_layout layout)
{
    const char *space;

    if (icc == NULL || length < HEADER_BYTES + 4 + TAG_BYTES || length > PROFILE_MAX ||
        memcmp(icc + 36, "acsp", 4) != 0 || !tags_fit(icc, length))
        return false;
    /* Input, display, output and colour space profiles describe pixels; links, abstract and named ones do not. */
    if (memcmp(icc + 12, "scnr", 4) != 0 && memcmp(icc + 12, "mntr", 4) != 0 && memcmp(icc + 12, "prtr", 4) != 0 &&
        memcmp(icc + 12, "spac", 4) != 0)
        return false;
    switch (iiif_layout_with_alpha(layout, false)) {
    case IIIF_LAYOUT_GRAY:
        space = "GRAY";
        break;
    case IIIF_LAYOUT_RGB:
        space = "RGB ";
        break;
    case IIIF_LAYOUT_CMYK:
        space = "CMYK";
        break;
    default:
        return false; /* Lab is what it is, without a profile */
    }
    return memcmp(icc + 16, space, 4) == 0;
}

#if IIIF_HAVE_LCMS2

#include <lcms2.h>
#include <lcms2_plugin.h>

#include "icc_matrix.h"

#define REQUEST_MAX ((size_t)16 << 20)   /* a table of 4 MiB in a file takes four times that as floats */
#define LIBRARY_MAX ((size_t)128 << 20)
#define TABLE_PIXELS 100000u
#define CURVE_STEPS 64
#define CURVE_TOLERANCE (1.0 / 255)
#define COLORANT_TOLERANCE 0.002

struct iiif_icc {
    iiif_mem_t *mem;
    size_t used;              /* by lcms2 */
    bool refused;             /* more than the budget allows was taken */
    cmsContext context;
    cmsHTRANSFORM transform;  /* where the profile has tables */
    iiif_icc_matrix_t *matrix;
};

/* --- lcms2's memory within the budget ------------------------------------------------------------------ */

/*
 * lcms2 does not survive that a small allocation fails (it uses some results unchecked), so the budget never makes one
 * fail: what exceeds it is noted, and the transform is given up when lcms2 has returned. Only absurd requests are refused,
 * as lcms2 itself refuses those above 512 MiB.
 */
typedef union prefix {
    struct {
        size_t size;
        bool counted;
    } block;
    max_align_t align;
} prefix_t;

static void *library_alloc(cmsContext context, cmsUInt32Number n)
{
    iiif_icc_t *icc = cmsGetContextUserData(context);
    prefix_t *prefix;

    if (n > REQUEST_MAX || icc->used > LIBRARY_MAX)
        return NULL;
    prefix = malloc(n + sizeof(*prefix));
    if (prefix == NULL)
        return NULL;
    prefix->block.size = n;
    prefix->block.counted = iiif_mem_reserve(icc->mem, n);
    icc->refused = icc->refused || !prefix->block.counted;
    icc->used += n;
    return prefix + 1;
}

static void library_free(cmsContext context, void *block)
{
    iiif_icc_t *icc = cmsGetContextUserData(context);
    prefix_t *prefix = (prefix_t *)block - 1;

    if (block == NULL)
        return;
    icc->used -= prefix->block.size;
    if (prefix->block.counted)
        iiif_mem_unreserve(icc->mem, prefix->block.size);
    free(prefix);
}

static void *library_realloc(cmsContext context, void *block, cmsUInt32Number n)
{
    void *fresh = library_alloc(context, n);
    size_t old;

    if (fresh == NULL || block == NULL)
        return fresh;
    old = ((prefix_t *)block - 1)->block.size;
    memcpy(fresh, block, old < n ? old : n);
    library_free(context, block);
    return fresh;
}

static void library_says(cmsContext context, cmsUInt32Number code, const char *text)
{
    (void)context;
    (void)code;
    (void)text;
}

static bool context_open(iiif_icc_t *icc)
{
    cmsPluginMemHandler plugin = {
        .base = {.Magic = cmsPluginMagicNumber, .ExpectedVersion = 2060, .Type = cmsPluginMemHandlerSig, .Next = NULL},
        .MallocPtr = library_alloc,
        .FreePtr = library_free,
        .ReallocPtr = library_realloc,
    };

    icc->context = cmsCreateContext(&plugin, icc);
    if (icc->context == NULL)
        return false;
    cmsSetLogErrorHandlerTHR(icc->context, library_says);
    return true;
}

/* --- is it sRGB already? --------------------------------------------------------------------------------- */

/* IEC 61966-2-1, as a parametric curve of type 4 (ICC.1:2022 §10.18: g a b c d). */
static const cmsFloat64Number srgb_curve[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};

static double srgb_linear(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double srgb_coded(double v)
{
    return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

/* Compared as coded values: that is what an eye and an 8-bit file see. */
static bool is_srgb_curve(cmsHPROFILE profile, cmsTagSignature tag)
{
    const cmsToneCurve *curve = cmsReadTag(profile, tag);

    if (curve == NULL)
        return false;
    for (int i = 0; i <= CURVE_STEPS; i++) {
        double v = (double)i / CURVE_STEPS;
        double coded = srgb_coded(fmin(fmax((double)cmsEvalToneCurveFloat(curve, (cmsFloat32Number)v), 0), 1));

        /* Near black the two pieces of the curve are written in many ways; light there is what counts. */
        if (fabs(coded - v) > CURVE_TOLERANCE && fabs(srgb_linear(coded) - srgb_linear(v)) > CURVE_TOLERANCE / 8)
            return false;
    }
    return true;
}

static bool is_colorant(cmsHPROFILE profile, cmsTagSignature tag, double x, double y, double z)
{
    const cmsCIEXYZ *xyz = cmsReadTag(profile, tag);

    return xyz != NULL && fabs(xyz->X - x) <= COLORANT_TOLERANCE && fabs(xyz->Y - y) <= COLORANT_TOLERANCE &&
           fabs(xyz->Z - z) <= COLORANT_TOLERANCE;
}

/* Of a profile that is_matrix: one with tables may do anything at all with its colours. */
static bool is_srgb(cmsHPROFILE profile, bool gray)
{
    if (gray)
        return is_srgb_curve(profile, cmsSigGrayTRCTag);
    return is_colorant(profile, cmsSigRedColorantTag, 0.43607, 0.22249, 0.01392) &&
           is_colorant(profile, cmsSigGreenColorantTag, 0.38515, 0.71687, 0.09708) &&
           is_colorant(profile, cmsSigBlueColorantTag, 0.14307, 0.06061, 0.71410) &&
           is_srgb_curve(profile, cmsSigRedTRCTag) && is_srgb_curve(profile, cmsSigGreenTRCTag) &&
           is_srgb_curve(profile, cmsSigBlueTRCTag);
}

/* --- curves and matrix ---------------------------------------------------------------------------------- */

static bool fill_curve(iiif_icc_t *icc, cmsHPROFILE profile, cmsTagSignature tag, unsigned channel)
{
    const cmsToneCurve *curve = cmsReadTag(profile, tag);
    size_t count;
    float *out = iiif_icc_matrix_curve(icc->matrix, channel, &count);

    for (size_t i = 0; curve != NULL && i < count; i++)
        out[i] = cmsEvalToneCurveFloat(curve, (float)i / (float)(count - 1));
    return curve != NULL;
}

static bool fill_colorant(cmsHPROFILE profile, cmsTagSignature tag, double out[3])
{
    const cmsCIEXYZ *xyz = cmsReadTag(profile, tag);

    if (xyz == NULL)
        return false;
    out[0] = xyz->X;
    out[1] = xyz->Y;
    out[2] = xyz->Z;
    return true;
}

/* Whether the profile is no more than that, so that a table of ours gives what lcms2 would. */
static bool is_matrix(cmsHPROFILE profile, bool gray)
{
    if (cmsGetPCS(profile) != cmsSigXYZData || cmsIsTag(profile, cmsSigAToB0Tag) || cmsIsTag(profile, cmsSigAToB1Tag) ||
        cmsIsTag(profile, cmsSigDToB0Tag) || cmsIsTag(profile, cmsSigDToB1Tag))
        return false;
    return gray ? cmsIsTag(profile, cmsSigGrayTRCTag) : cmsIsMatrixShaper(profile);
}

static bool matrix_open(iiif_icc_t *icc, cmsHPROFILE profile, const iiif_image_t *image, bool gray)
{
    double colorants[3][3] = {{0}};

    icc->matrix = iiif_icc_matrix_new(image->layout, image->depth, icc->mem);
    if (icc->matrix == NULL) {
        icc->refused = true;
        return false;
    }
    if (gray ? !fill_curve(icc, profile, cmsSigGrayTRCTag, 0)
             : !fill_curve(icc, profile, cmsSigRedTRCTag, 0) || !fill_curve(icc, profile, cmsSigGreenTRCTag, 1) ||
                   !fill_curve(icc, profile, cmsSigBlueTRCTag, 2) ||
                   !fill_colorant(profile, cmsSigRedColorantTag, colorants[0]) ||
                   !fill_colorant(profile, cmsSigGreenColorantTag, colorants[1]) ||
                   !fill_colorant(profile, cmsSigBlueColorantTag, colorants[2]))
        return false;
    iiif_icc_matrix_finish(icc->matrix, colorants);
    return true;
}

/* --- the transform ------------------------------------------------------------------------------------ */

static cmsHPROFILE target_open(cmsContext context, bool gray)
{
    cmsToneCurve *curve;
    cmsHPROFILE profile;

    if (!gray)
        return cmsCreate_sRGBProfileTHR(context);
    curve = cmsBuildParametricToneCurve(context, 4, srgb_curve);
    if (curve == NULL)
        return NULL;
    profile = cmsCreateGrayProfileTHR(context, cmsD50_xyY(), curve);
    cmsFreeToneCurve(curve);
    return profile;
}

static cmsUInt32Number pixel_format(iiif_layout layout, unsigned depth)
{
    cmsUInt32Number extra = iiif_layout_has_alpha(layout) ? EXTRA_SH(1) : 0, bytes = BYTES_SH(depth / 8);

    switch (iiif_layout_with_alpha(layout, false)) {
    case IIIF_LAYOUT_GRAY:
        return COLORSPACE_SH(PT_GRAY) | CHANNELS_SH(1) | extra | bytes;
    case IIIF_LAYOUT_CMYK:
        return COLORSPACE_SH(PT_CMYK) | CHANNELS_SH(4) | extra | bytes;
    default:
        return COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3) | extra | bytes;
    }
}

/*
 * lcms2 makes a table of a pipeline in advance: 17^4 or 33^3 evaluations, more than a tile has pixels. For few
 * pixels it goes through the pipeline itself.
 */
static cmsUInt32Number transform_flags(const iiif_image_t *image)
{
    cmsUInt32Number flags = cmsFLAGS_BLACKPOINTCOMPENSATION;
    uint64_t pixels = (uint64_t)image->width * image->height;

    if (iiif_layout_has_alpha(image->layout))
        flags |= cmsFLAGS_COPY_ALPHA;
    if (pixels < TABLE_PIXELS)
        flags |= cmsFLAGS_NOOPTIMIZE;
    return flags;
}

static iiif_icc_verdict judge(iiif_icc_t *icc, cmsHPROFILE profile, const iiif_image_t *image)
{
    bool gray = iiif_layout_with_alpha(image->layout, false) == IIIF_LAYOUT_GRAY;
    bool cmyk = iiif_layout_with_alpha(image->layout, false) == IIIF_LAYOUT_CMYK;
    iiif_layout to = iiif_layout_with_alpha(gray ? IIIF_LAYOUT_GRAY : IIIF_LAYOUT_RGB,
                                            iiif_layout_has_alpha(image->layout));
    cmsHPROFILE target;

    if (!cmyk && is_matrix(profile, gray)) {
        if (is_srgb(profile, gray))
            return IIIF_ICC_IDENTITY;
        return matrix_open(icc, profile, image, gray) ? IIIF_ICC_CONVERTS : IIIF_ICC_USELESS;
    }
    target = target_open(icc->context, gray);
    if (target == NULL)
        return IIIF_ICC_USELESS;
    icc->transform = cmsCreateTransformTHR(icc->context, profile, pixel_format(image->layout, image->depth), target,
                                           pixel_format(to, image->depth), INTENT_RELATIVE_COLORIMETRIC,
                                           transform_flags(image));
    (void)cmsCloseProfile(target);
    return icc->transform != NULL ? IIIF_ICC_CONVERTS : IIIF_ICC_USELESS;
}

bool iiif_icc_available(void)
{
    return true;
}

iiif_rc iiif_icc_open(const uint8_t *data, size_t length, const iiif_image_t *image, const iiif_work_t *work,
                      iiif_icc_verdict *verdict, iiif_icc_t **out, iiif_err_t *err)
{
    iiif_icc_t *icc = iiif_mem_zalloc(work->mem, 1, sizeof(*icc));
    cmsHPROFILE profile;
    bool refused;

    *verdict = IIIF_ICC_USELESS;
    if (icc == NULL)
        return iiif_err_memory(err, "a colour transform", sizeof(*icc));
    icc->mem = work->mem;
    if (context_open(icc)) {
        profile = cmsOpenProfileFromMemTHR(icc->context, data, (cmsUInt32Number)length);
        if (profile != NULL) {
            *verdict = judge(icc, profile, image);
            (void)cmsCloseProfile(profile);
        }
    }
    refused = icc->refused;
    if (*verdict == IIIF_ICC_CONVERTS && !refused) {
        *out = icc;
        return IIIF_OK;
    }
    iiif_icc_close(icc);
    return refused ? iiif_err_memory(err, "the conversion of colours", length) : IIIF_OK;
}

void iiif_icc_convert(iiif_icc_t *icc, const uint8_t *in, uint8_t *out, uint32_t pixels)
{
    if (icc->matrix != NULL)
        iiif_icc_matrix_convert(icc->matrix, in, out, pixels);
    else
        cmsDoTransform(icc->transform, in, out, pixels);
}

void iiif_icc_close(iiif_icc_t *icc)
{
    if (icc == NULL)
        return;
    if (icc->transform != NULL)
        cmsDeleteTransform(icc->transform);
    if (icc->context != NULL)
        cmsDeleteContext(icc->context);
    iiif_mem_free(icc->mem, icc->matrix);
    iiif_mem_free(icc->mem, icc);
}

#else /* without lcms2 */

bool iiif_icc_available(void)
{
    return false;
}

iiif_rc iiif_icc_open(const uint8_t *data, size_t length, const iiif_image_t *image, const iiif_work_t *work,
                      iiif_icc_verdict *verdict, iiif_icc_t **out, iiif_err_t *err)
{
    (void)data;
    (void)length;
    (void)image;
    (void)work;
    (void)out;
    (void)err;
    *verdict = IIIF_ICC_USELESS;
    return IIIF_OK;
}

void iiif_icc_convert(iiif_icc_t *icc, const uint8_t *in, uint8_t *out, uint32_t pixels)
{
    (void)icc;
    (void)in;
    (void)out;
    (void)pixels;
}

void iiif_icc_close(iiif_icc_t *icc)
{
    (void)icc;
}

#endif
