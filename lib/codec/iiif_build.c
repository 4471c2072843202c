/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_build.h"

#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <openjpeg.h>
#include <png.h>

#include "iiif_features.h"

#if IIIF_HAVE_TIFF
#include <tiffio.h>
#endif
#if IIIF_HAVE_WEBP
#include <webp/decode.h>
#endif
#if IIIF_HAVE_GIF
#include <gif_lib.h>
#endif
#if IIIF_HAVE_LCMS2
#include <lcms2.h>
#endif

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define LINE_MAX_BYTES 80

static void say_jpeg(iiif_build_fn callback, void *context)
{
#ifdef LIBJPEG_TURBO_VERSION
    callback(context, "JPEG", "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION));
#else
    callback(context, "JPEG", "libjpeg " TEXT(JPEG_LIB_VERSION));
#endif
}

static void say_tiff(iiif_build_fn callback, void *context)
{
#if IIIF_HAVE_TIFF
    /* "LIBTIFF, Version 4.5.0\nCopyright …" */
    char line[LINE_MAX_BYTES];
    const char *version = strstr(TIFFGetVersion(), "Version ");

    version = version != NULL ? version + strlen("Version ") : "";
    (void)snprintf(line, sizeof(line), "libtiff %.*s", (int)strcspn(version, "\n"), version);
    callback(context, "TIFF", line);
#else
    callback(context, "TIFF", "no");
#endif
}

static void say_webp(iiif_build_fn callback, void *context)
{
#if IIIF_HAVE_WEBP
    char line[LINE_MAX_BYTES];
    unsigned version = (unsigned)WebPGetDecoderVersion();

    (void)snprintf(line, sizeof(line), "libwebp %u.%u.%u", version >> 16, version >> 8 & 0xFF, version & 0xFF);
    callback(context, "WebP", line);
#else
    callback(context, "WebP", "no");
#endif
}

static void say_gif(iiif_build_fn callback, void *context)
{
#if IIIF_HAVE_GIF
    callback(context, "GIF", "giflib " TEXT(GIFLIB_MAJOR) "." TEXT(GIFLIB_MINOR) "." TEXT(GIFLIB_RELEASE));
#else
    callback(context, "GIF", "no");
#endif
}

static void say_color(iiif_build_fn callback, void *context)
{
#if IIIF_HAVE_LCMS2
    char line[LINE_MAX_BYTES];
    int version = cmsGetEncodedCMMversion();

    (void)snprintf(line, sizeof(line), "lcms2 %d.%d", version / 1000, version % 1000 / 10);
    callback(context, "ICC", line);
#else
    callback(context, "ICC", "no");
#endif
}

void iiif_build_each(iiif_build_fn callback, void *context)
{
    char line[LINE_MAX_BYTES];

    (void)snprintf(line, sizeof(line), "OpenJPEG %s", opj_version());
    callback(context, "JP2", line);
    say_jpeg(callback, context);
    (void)snprintf(line, sizeof(line), "libpng %s", png_get_libpng_ver(NULL));
    callback(context, "PNG", line);
    say_tiff(callback, context);
    say_webp(callback, context);
    say_gif(callback, context);
    say_color(callback, context);
}
