/* SPDX-License-Identifier: Apache-2.0 */
#include "raster_fixture.h"

#include <math.h>

#include "iiif_features.h"

#include "../../lib/codec/icc.h"
#include "../../lib/codec/iiif_color.h"

#if IIIF_HAVE_LCMS2
#include <lcms2.h>
#endif

static iiif_mem_t memory;
static const iiif_work_t work = {&memory, NULL};

typedef struct result {
    picture_t out;
    bool same;          /* `up` itself was returned */
    bool ignored, embed;
} result_t;

static result_t convert(const picture_t *in, const uint8_t *icc, size_t length, iiif_color_mode mode)
{
    iiif_stage_t *up, *stage = NULL;
    result_t result = {0};
    iiif_err_t err = {0};

    iiif_mem_init(&memory, 0);
    up = source_of(in, &work);
    assert_int_equal(iiif_color_open(up, icc, length, mode, &work, &stage, &result.ignored, &result.embed, &err), IIIF_OK);
    result.same = stage == up;
    result.out = drain(stage, 4);
    iiif_stage_close(stage);
    assert_int_equal(memory.used, 0);
    return result;
}

/* One pixel, repeated. */
static picture_t pixel(iiif_layout layout, unsigned depth, const uint32_t *samples)
{
    picture_t p = picture_new(5, 7, layout, depth);
    unsigned channels = iiif_layout_channels(layout);

    for (size_t i = 0; i < picture_count(&p); i++)
        p.samples[i] = samples[i % channels];
    return p;
}

static void expect_pixel(const result_t *r, iiif_layout layout, const uint32_t *want, uint32_t tolerance)
{
    unsigned channels = iiif_layout_channels(layout);

    assert_int_equal(r->out.image.layout, layout);
    for (size_t i = 0; i < picture_count(&r->out); i++) {
        uint32_t have = r->out.samples[i], wanted = want[i % channels];

        if (have + tolerance < wanted || have > wanted + tolerance)
            fail_msg("channel %zu is %u instead of %u", i % channels, have, wanted);
    }
}

static void check(iiif_layout layout, unsigned depth, const uint32_t *in, iiif_layout to, const uint32_t *want, uint32_t tolerance)
{
    picture_t p = pixel(layout, depth, in);
    result_t r = convert(&p, NULL, 0, IIIF_COLOR_SRGB);

    expect_pixel(&r, to, want, tolerance);
    assert_false(r.ignored || r.embed);
    picture_free(&r.out);
    picture_free(&p);
}

#define PX(...) ((const uint32_t[]){__VA_ARGS__})

static void lab_patches_have_their_published_srgb_values(void **state)
{
    (void)state;
    check(IIIF_LAYOUT_LAB, 8, PX(255, 128, 128), IIIF_LAYOUT_RGB, PX(255, 255, 255), 0);
    check(IIIF_LAYOUT_LAB, 8, PX(0, 128, 128), IIIF_LAYOUT_RGB, PX(0, 0, 0), 0);
    check(IIIF_LAYOUT_LAB, 16, PX(65535, 32896, 32896), IIIF_LAYOUT_RGB, PX(65535, 65535, 65535), 12);
    /* sRGB's primaries in D50 Lab (Bradford): red 54.29 80.81 69.89, green 87.82 -79.29 80.99, blue 29.57 68.30 -112.03 */
    check(IIIF_LAYOUT_LAB, 16, PX(35579, 53664, 50858), IIIF_LAYOUT_RGB, PX(65535, 0, 0), 500);
    check(IIIF_LAYOUT_LAB, 16, PX(57553, 12518, 53710), IIIF_LAYOUT_RGB, PX(0, 65535, 0), 900);
    check(IIIF_LAYOUT_LAB, 16, PX(19379, 50449, 4104), IIIF_LAYOUT_RGB, PX(0, 0, 65535), 1000);
    /* L 50 is the gray 119 */
    check(IIIF_LAYOUT_LABA, 16, PX(32768, 32896, 32896, 777), IIIF_LAYOUT_RGBA, PX(119 * 257, 119 * 257, 119 * 257, 777), 257);
    check(IIIF_LAYOUT_LABA, 8, PX(128, 128, 128, 9), IIIF_LAYOUT_RGBA, PX(119, 119, 119, 9), 1);
}

static void cmyk_without_a_profile_goes_by_formula(void **state)
{
    (void)state;
    check(IIIF_LAYOUT_CMYK, 8, PX(0, 0, 0, 0), IIIF_LAYOUT_RGB, PX(255, 255, 255), 0);
    check(IIIF_LAYOUT_CMYK, 8, PX(0, 0, 0, 255), IIIF_LAYOUT_RGB, PX(0, 0, 0), 0);
    check(IIIF_LAYOUT_CMYK, 8, PX(255, 0, 0, 0), IIIF_LAYOUT_RGB, PX(0, 255, 255), 0);
    check(IIIF_LAYOUT_CMYK, 8, PX(0, 255, 51, 102), IIIF_LAYOUT_RGB, PX(153, 0, 122), 0);
    check(IIIF_LAYOUT_CMYKA, 8, PX(0, 255, 51, 102, 40), IIIF_LAYOUT_RGBA, PX(153, 0, 122, 40), 0);
    check(IIIF_LAYOUT_CMYKA, 16, PX(0, 65535, 13107, 26214, 40), IIIF_LAYOUT_RGBA, PX(39321, 0, 31457, 40), 0);
}

static void gray_and_rgb_without_a_profile_cost_nothing(void **state)
{
    static const iiif_layout layouts[] = {IIIF_LAYOUT_GRAY, IIIF_LAYOUT_GRAYA, IIIF_LAYOUT_RGB, IIIF_LAYOUT_RGBA};

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(layouts); i++) {
        picture_t p = picture_new(9, 9, layouts[i], 8);
        result_t r;

        picture_noise(&p, 3);
        r = convert(&p, NULL, 0, IIIF_COLOR_SRGB);
        assert_true(r.same);
        assert_same_picture(&p, &r.out);
        picture_free(&r.out);
        picture_free(&p);
    }
}

static void our_srgb_profile_needs_no_conversion(void **state)
{
    size_t length;
    const uint8_t *icc = iiif_color_srgb_profile(&length);
    picture_t p = picture_new(9, 9, IIIF_LAYOUT_RGB, 8);
    result_t r;

    (void)state;
    picture_noise(&p, 3);
    r = convert(&p, icc, length, IIIF_COLOR_SRGB);
    assert_true(r.same);
    assert_int_equal(r.ignored, !iiif_color_available());
    assert_false(r.embed);
    picture_free(&r.out);
    r = convert(&p, icc, length, IIIF_COLOR_KEEP);
    assert_true(r.same && r.embed);
    assert_false(r.ignored);
    picture_free(&r.out);
    picture_free(&p);
}

static void a_profile_for_other_channels_is_passed_over(void **state)
{
    size_t length;
    const uint8_t *icc = iiif_color_srgb_profile(&length);
    picture_t gray = pixel(IIIF_LAYOUT_GRAY, 8, PX(77)), cmyk = pixel(IIIF_LAYOUT_CMYK, 8, PX(0, 255, 51, 102));
    iiif_color_mode modes[] = {IIIF_COLOR_SRGB, IIIF_COLOR_KEEP};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        result_t r = convert(&gray, icc, length, modes[i]);

        assert_true(r.same && r.ignored);
        assert_false(r.embed);
        picture_free(&r.out);
        r = convert(&cmyk, icc, length, modes[i]);
        assert_true(r.ignored);
        assert_false(r.embed);
        expect_pixel(&r, IIIF_LAYOUT_RGB, PX(153, 0, 122), 0);
        picture_free(&r.out);
    }
    picture_free(&gray);
    picture_free(&cmyk);
}

static void header_and_tag_table_are_checked(void **state)
{
    size_t length;
    const uint8_t *icc = iiif_color_srgb_profile(&length);
    uint8_t *copy = malloc(length);

    (void)state;
    assert_true(iiif_icc_fits(icc, length, IIIF_LAYOUT_RGBA));
    assert_false(iiif_icc_fits(icc, length, IIIF_LAYOUT_LAB));
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *part = malloc(cut + 1);

        memcpy(part, icc, cut);
        assert_false(iiif_icc_fits(part, cut, IIIF_LAYOUT_RGB));
        free(part);
    }
    memcpy(copy, icc, length);
    memcpy(copy + 12, "link", 4);
    assert_false(iiif_icc_fits(copy, length, IIIF_LAYOUT_RGB));
    memcpy(copy, icc, length);
    copy[128] = 1; /* 16777226 tags */
    assert_false(iiif_icc_fits(copy, length, IIIF_LAYOUT_RGB));
    memcpy(copy, icc, length);
    memset(copy + 132 + 4, 0xFF, 8); /* offset and size of the first tag */
    assert_false(iiif_icc_fits(copy, length, IIIF_LAYOUT_RGB));
    assert_false(iiif_icc_fits(icc, (size_t)5 << 20, IIIF_LAYOUT_RGB));
    free(copy);
}

#if IIIF_HAVE_LCMS2

/* --- profiles made by lcms2 ------------------------------------------------------------------------------ */

typedef struct profile {
    uint8_t *data;
    cmsUInt32Number length;
} profile_t;

static profile_t save(cmsHPROFILE handle)
{
    profile_t p = {0};

    assert_non_null(handle);
    assert_true(cmsSaveProfileToMem(handle, NULL, &p.length));
    p.data = malloc(p.length);
    assert_true(cmsSaveProfileToMem(handle, p.data, &p.length));
    cmsCloseProfile(handle);
    return p;
}

/* gamma 0: sRGB's curve */
static profile_t rgb_profile(double rx, double ry, double gx, double gy, double bx, double by, double gamma)
{
    const cmsCIExyY white = {0.3127, 0.3290, 1};
    const cmsCIExyYTRIPLE primaries = {{rx, ry, 1}, {gx, gy, 1}, {bx, by, 1}};
    const cmsFloat64Number srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    cmsToneCurve *curve = gamma > 0 ? cmsBuildGamma(NULL, gamma) : cmsBuildParametricToneCurve(NULL, 4, srgb);
    cmsToneCurve *curves[3] = {curve, curve, curve};
    profile_t p = save(cmsCreateRGBProfile(&white, &primaries, curves));

    cmsFreeToneCurve(curve);
    return p;
}

static profile_t adobe_rgb(void)
{
    return rgb_profile(0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 563.0 / 256);
}

static profile_t gray_profile(cmsToneCurve *curve)
{
    profile_t p = save(cmsCreateGrayProfile(cmsD50_xyY(), curve));

    cmsFreeToneCurve(curve);
    return p;
}

/* Inks as filters, a black that is not quite black (L 2), and a yellowish paper. */
static cmsInt32Number ink(const cmsUInt16Number in[], cmsUInt16Number out[], void *cargo)
{
    double light[3];
    cmsCIELab lab;

    (void)cargo;
    for (int i = 0; i < 3; i++)
        light[i] = (1 - in[i] / 65535.0) * (1 - in[3] / 65535.0);
    lab.L = 2 + 93 * (0.3 * light[0] + 0.6 * light[1] + 0.1 * light[2]);
    lab.a = 80 * (light[0] - light[1]);
    lab.b = 60 * (light[1] - light[2]) + 4;
    cmsFloat2LabEncoded(out, &lab);
    return 1;
}

static profile_t cmyk_profile(void)
{
    cmsHPROFILE handle = cmsCreateProfilePlaceholder(NULL);
    cmsPipeline *pipeline = cmsPipelineAlloc(NULL, 4, 3);
    cmsStage *table = cmsStageAllocCLut16bit(NULL, 9, 4, 3, NULL);

    cmsSetProfileVersion(handle, 4.2);
    cmsSetDeviceClass(handle, cmsSigOutputClass);
    cmsSetColorSpace(handle, cmsSigCmykData);
    cmsSetPCS(handle, cmsSigLabData);
    assert_true(cmsStageSampleCLut16bit(table, ink, NULL, 0));
    cmsPipelineInsertStage(pipeline, cmsAT_BEGIN, cmsStageAllocToneCurves(NULL, 4, NULL));
    cmsPipelineInsertStage(pipeline, cmsAT_END, table);
    cmsPipelineInsertStage(pipeline, cmsAT_END, cmsStageAllocToneCurves(NULL, 3, NULL));
    assert_true(cmsWriteTag(handle, cmsSigAToB0Tag, pipeline));
    cmsPipelineFree(pipeline);
    return save(handle);
}

static double coded(double v)
{
    v = v < 0 ? 0 : v > 1 ? 1 : v;
    return v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

/* Adobe RGB (1998) to sRGB by the two published matrices, both D65. */
static void adobe_reference(const uint32_t *in, double max, uint32_t *out)
{
    double r = pow(in[0] / max, 563.0 / 256), g = pow(in[1] / max, 563.0 / 256), b = pow(in[2] / max, 563.0 / 256);

    out[0] = (uint32_t)(coded(1.3982832 * r - 0.3982831 * g) * max + 0.5);
    out[1] = (uint32_t)(coded(g) * max + 0.5);
    out[2] = (uint32_t)(coded(-0.0429383 * g + 1.0429383 * b) * max + 0.5);
}

static void adobe_rgb_becomes_srgb(void **state)
{
    static const uint32_t colors[][3] = {{255, 255, 255}, {0, 0, 0},      {128, 128, 128}, {0, 255, 0},
                                         {255, 0, 0},     {200, 100, 50}, {60, 120, 180},  {90, 200, 120}};
    profile_t icc = adobe_rgb();

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(colors); i++) {
        for (int deep = 0; deep < 2; deep++) {
            uint32_t in[4], want[4], factor = deep ? 257 : 1;

            for (int c = 0; c < 3; c++)
                in[c] = colors[i][c] * factor;
            in[3] = want[3] = 99 * factor;
            adobe_reference(in, 255 * factor, want);
            for (int alpha = 0; alpha < 2; alpha++) {
                picture_t p = pixel(alpha ? IIIF_LAYOUT_RGBA : IIIF_LAYOUT_RGB, deep ? 16 : 8, in);
                result_t r = convert(&p, icc.data, icc.length, IIIF_COLOR_SRGB);

                assert_false(r.same || r.ignored || r.embed);
                expect_pixel(&r, p.image.layout, want, deep ? 160 : 1);
                picture_free(&r.out);
                picture_free(&p);
            }
        }
    }
    free(icc.data);
}

static void keep_leaves_pixels_and_embeds(void **state)
{
    profile_t icc = adobe_rgb();
    picture_t p = picture_new(9, 9, IIIF_LAYOUT_RGB, 16);
    result_t r;

    (void)state;
    picture_noise(&p, 3);
    r = convert(&p, icc.data, icc.length, IIIF_COLOR_KEEP);
    assert_true(r.same && r.embed);
    assert_false(r.ignored);
    assert_same_picture(&p, &r.out);
    picture_free(&r.out);
    picture_free(&p);
    free(icc.data);
}

static void gray_profiles_end_in_srgbs_tone_curve(void **state)
{
    profile_t linear = gray_profile(cmsBuildGamma(NULL, 1.0)), usual = gray_profile(cmsBuildGamma(NULL, 2.2)), srgb;
    cmsFloat64Number curve[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    picture_t p = pixel(IIIF_LAYOUT_GRAY, 8, PX(128)), deep = pixel(IIIF_LAYOUT_GRAYA, 16, PX(128 * 257, 5));
    result_t r;

    (void)state;
    r = convert(&p, linear.data, linear.length, IIIF_COLOR_SRGB);
    expect_pixel(&r, IIIF_LAYOUT_GRAY, PX(188), 1);
    picture_free(&r.out);
    r = convert(&deep, linear.data, linear.length, IIIF_COLOR_SRGB);
    expect_pixel(&r, IIIF_LAYOUT_GRAYA, PX((uint32_t)(coded(128 / 255.0) * 65535 + 0.5), 5), 100);
    picture_free(&r.out);
    r = convert(&p, usual.data, usual.length, IIIF_COLOR_SRGB);
    assert_false(r.same);
    expect_pixel(&r, IIIF_LAYOUT_GRAY, PX(129), 1);
    picture_free(&r.out);
    srgb = gray_profile(cmsBuildParametricToneCurve(NULL, 4, curve));
    r = convert(&p, srgb.data, srgb.length, IIIF_COLOR_SRGB);
    assert_true(r.same);
    picture_free(&r.out);
    picture_free(&p);
    picture_free(&deep);
    free(linear.data);
    free(usual.data);
    free(srgb.data);
}

static void srgb_is_recognised_and_near_relatives_are_not(void **state)
{
    profile_t srgb = save(cmsCreate_sRGBProfile());
    profile_t gamma22 = rgb_profile(0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 2.2); /* dark tones differ */
    profile_t p3 = rgb_profile(0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0); /* Display P3: the same curve, other primaries */
    picture_t p = pixel(IIIF_LAYOUT_RGB, 8, PX(10, 20, 200));
    result_t r;

    (void)state;
    r = convert(&p, srgb.data, srgb.length, IIIF_COLOR_SRGB);
    assert_true(r.same);
    assert_false(r.ignored);
    picture_free(&r.out);
    r = convert(&p, gamma22.data, gamma22.length, IIIF_COLOR_SRGB);
    assert_false(r.same);
    picture_free(&r.out);
    r = convert(&p, p3.data, p3.length, IIIF_COLOR_SRGB);
    assert_false(r.same);
    expect_pixel(&r, IIIF_LAYOUT_RGB, PX(7, 20, 208), 1);
    picture_free(&r.out);
    picture_free(&p);
    free(srgb.data);
    free(gamma22.data);
    free(p3.data);
}

/* Paper and black ink become nearly white and black of the screen, on both ways through lcms2. */
static void cmyk_profiles_are_used(void **state)
{
    profile_t icc = cmyk_profile();
    static const uint32_t sizes[] = {5, 400}; /* below and above the size where a table is made first */

    (void)state;
    for (size_t k = 0; k < IIIF_COUNT(sizes); k++) {
        for (unsigned depth = 8; depth <= 16; depth += 8) {
            uint32_t max = depth == 8 ? 255 : 65535;
            picture_t p = picture_new(sizes[k], sizes[k], IIIF_LAYOUT_CMYKA, depth);
            result_t r;

            for (size_t i = 0; i < picture_count(&p); i++) {
                uint32_t black = i / 5 % 2;

                p.samples[i] = i % 5 == 4 ? 17 : i % 5 == 3 ? black * max : 0;
            }
            r = convert(&p, icc.data, icc.length, IIIF_COLOR_KEEP); /* CMYK is converted in either mode */
            assert_false(r.ignored || r.embed);
            assert_int_equal(r.out.image.layout, IIIF_LAYOUT_RGBA);
            for (size_t i = 0; i < picture_count(&r.out); i++) {
                uint32_t black = i / 4 % 2, v = r.out.samples[i];

                if (i % 4 == 3)
                    assert_int_equal(v, 17);
                else if (black)
                    assert_in_range(v, 0, max / 12);
                else if (i % 4 < 2)
                    assert_in_range(v, max - max / 10, max);
            }
            picture_free(&r.out);
            picture_free(&p);
        }
    }
    free(icc.data);
}

/* Whatever the bytes of a profile are, there is a picture. */
static void damaged_profiles_never_fail_a_render(void **state)
{
    profile_t profiles[] = {adobe_rgb(), cmyk_profile(), gray_profile(cmsBuildGamma(NULL, 1.8))};
    static const iiif_layout layouts[] = {IIIF_LAYOUT_RGB, IIIF_LAYOUT_CMYK, IIIF_LAYOUT_GRAY};
    uint32_t seed = 99;

    (void)state;
    for (size_t k = 0; k < IIIF_COUNT(profiles); k++) {
        for (int round = 0; round < 150; round++) {
            uint8_t *bad = malloc(profiles[k].length);
            picture_t p = picture_new(4, 3, layouts[k], 8);
            result_t r;

            memcpy(bad, profiles[k].data, profiles[k].length);
            for (int i = 0; i < 4; i++) {
                uint32_t range = round % 2 && profiles[k].length > 400 ? 400 : profiles[k].length;

                bad[test_random(&seed) % range] = (uint8_t)test_random(&seed);
            }
            r = convert(&p, bad, profiles[k].length, IIIF_COLOR_SRGB);
            picture_free(&r.out);
            picture_free(&p);
            free(bad);
        }
        free(profiles[k].data);
    }
}

/* --- what every stage must survive ------------------------------------------------------------------------- */

static profile_t shared;

static iiif_rc open_shared(iiif_stage_t *up, const iiif_work_t *w, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_color_open(up, shared.data, shared.length, IIIF_COLOR_SRGB, w, out, NULL, NULL, err);
}

static void want_of_memory_is_no_bad_profile(void **state)
{
    picture_t p = picture_new(6, 6, IIIF_LAYOUT_RGBA, 8);

    (void)state;
    shared = adobe_rgb();
    survive_no_memory(&p, open_shared);
    survive_failures(&p, open_shared);
    free(shared.data);
    picture_free(&p);
    shared = cmyk_profile();
    p = picture_new(6, 6, IIIF_LAYOUT_CMYK, 8);
    survive_no_memory(&p, open_shared);
    free(shared.data);
    picture_free(&p);
}

#endif

static iiif_rc open_plain(iiif_stage_t *up, const iiif_work_t *w, iiif_stage_t **out, iiif_err_t *err)
{
    return iiif_color_open(up, NULL, 0, IIIF_COLOR_SRGB, w, out, NULL, NULL, err);
}

static void formulas_survive_failures(void **state)
{
    picture_t p = picture_new(6, 6, IIIF_LAYOUT_LABA, 16);

    (void)state;
    picture_noise(&p, 1);
    survive_no_memory(&p, open_plain);
    survive_failures(&p, open_plain);
    picture_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lab_patches_have_their_published_srgb_values),
        cmocka_unit_test(cmyk_without_a_profile_goes_by_formula),
        cmocka_unit_test(gray_and_rgb_without_a_profile_cost_nothing),
        cmocka_unit_test(our_srgb_profile_needs_no_conversion),
        cmocka_unit_test(a_profile_for_other_channels_is_passed_over),
        cmocka_unit_test(header_and_tag_table_are_checked),
#if IIIF_HAVE_LCMS2
        cmocka_unit_test(adobe_rgb_becomes_srgb),
        cmocka_unit_test(keep_leaves_pixels_and_embeds),
        cmocka_unit_test(gray_profiles_end_in_srgbs_tone_curve),
        cmocka_unit_test(srgb_is_recognised_and_near_relatives_are_not),
        cmocka_unit_test(cmyk_profiles_are_used),
        cmocka_unit_test(damaged_profiles_never_fail_a_render),
        cmocka_unit_test(want_of_memory_is_no_bad_profile),
#endif
        cmocka_unit_test(formulas_survive_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
