/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One JPEG 2000 window after the other, by the plain library and by ours, in turn:
 *
 *   decode plain|ours|both|open FILE <WINDOWS
 *
 * A window is a line `REDUCE X Y W H`, in pixels of the full image. Each answer is a line
 * `ENGINE WINDOW CPU_US BYTES HASH`: time of all threads in microseconds, bytes that went through read(2) and the like, and
 * a hash of the 8-bit samples, which must not depend on the engine. The last line is `peak KB`, of the whole process.
 * `open` opens and closes the master for each window, and decodes nothing.
 *
 * "Plain" is what a program does that calls libopenjp2 as its documentation shows: a file stream with the library's
 * buffer, the header, a reduction, an area, one decode; everything anew for each window.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openjpeg.h>

#include "../../lib/codec/iiif_codec.h"

typedef struct window {
    unsigned reduce;
    uint32_t x, y, w, h;
} window_t;

typedef struct answer {
    double cpu_us;
    uint64_t bytes, hash;
} answer_t;

static double cpu_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* rchar of /proc/PID/io; reading it counts itself, which two calls in a row tell. */
static uint64_t bytes_read(void)
{
    FILE *file = fopen("/proc/self/io", "r");
    unsigned long long n = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "rchar: %llu", &n) != 1)
        n = 0;
    (void)fclose(file);
    return n;
}

static uint64_t hash_bytes(uint64_t hash, const uint8_t *data, size_t n)
{
    while (n-- > 0)
        hash = (hash ^ *data++) * UINT64_C(1099511628211);
    return hash;
}

#define HASH_START UINT64_C(14695981039346656037)

/* --- plain ---------------------------------------------------------------------------------------- */

static uint8_t sample8(OPJ_INT32 value)
{
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

/* Interleaved 8-bit samples, as a server needs them. */
static bool plain_pixels(const opj_image_t *image, uint64_t *hash)
{
    size_t count = image->numcomps, width = image->comps[0].w, height = image->comps[0].h;
    uint8_t *pixels = malloc(width * height * count);

    if (pixels == NULL)
        return false;
    for (size_t c = 0; c < count; c++) {
        const OPJ_INT32 *in = image->comps[c].data;
        uint8_t *out = pixels + c;

        for (size_t i = 0; i < width * height; i++, out += count)
            *out = sample8(in[i]);
    }
    *hash = hash_bytes(HASH_START, pixels, width * height * count);
    free(pixels);
    return true;
}

static bool plain_decode(opj_codec_t *codec, opj_stream_t *stream, const window_t *window, opj_image_t **image)
{
    opj_dparameters_t parameters;

    opj_set_default_decoder_parameters(&parameters);
    return opj_setup_decoder(codec, &parameters) && opj_read_header(stream, codec, image)
           && opj_set_decoded_resolution_factor(codec, window->reduce)
           && opj_set_decode_area(codec, *image, (OPJ_INT32)window->x, (OPJ_INT32)window->y,
                                  (OPJ_INT32)(window->x + window->w), (OPJ_INT32)(window->y + window->h))
           && opj_decode(codec, stream, *image);
}

static bool plain_run(const char *path, const window_t *window, uint64_t *hash)
{
    opj_stream_t *stream = opj_stream_create_default_file_stream(path, OPJ_TRUE);
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_JP2);
    opj_image_t *image = NULL;
    bool good = stream != NULL && codec != NULL && plain_decode(codec, stream, window, &image)
                && plain_pixels(image, hash);

    opj_image_destroy(image);
    if (codec != NULL)
        opj_destroy_codec(codec);
    if (stream != NULL)
        opj_stream_destroy(stream);
    return good;
}

/* --- ours ----------------------------------------------------------------------------------------- */

static iiif_rc ours_window(iiif_dec_t *dec, const window_t *in, uint64_t *hash, iiif_err_t *err)
{
    const iiif_facts_t *facts = &dec->facts;
    iiif_dec_window_t window = {0};
    iiif_stage_t *stage = NULL;
    iiif_strip_t strip = {0};
    iiif_rc rc;

    while (window.level + 1 < facts->level_count && facts->levels[window.level].shift != in->reduce)
        window.level++;
    window.rect = (iiif_rect_t){in->x >> in->reduce, in->y >> in->reduce, iiif_ceil_shift(in->w, in->reduce),
                                iiif_ceil_shift(in->h, in->reduce)};
    rc = iiif_dec_stage(dec, &window, &stage, err);
    if (rc == IIIF_OK)
        rc = iiif_strip_alloc(&strip, &stage->image, dec->work->mem, err);
    *hash = HASH_START;
    while (rc == IIIF_OK) {
        rc = iiif_stage_pull(stage, &strip, err);
        if (rc != IIIF_OK || strip.rows == 0)
            break;
        for (uint32_t row = 0; row < strip.rows; row++)
            *hash = hash_bytes(*hash, strip.data + row * strip.stride,
                               stage->image.width * iiif_image_pixel_bytes(&stage->image));
    }
    iiif_strip_free(&strip, dec->work->mem);
    iiif_stage_close(stage);
    return rc;
}

static bool ours_run(const char *path, const window_t *window, uint64_t *hash)
{
    iiif_mem_t mem;
    iiif_cancel_t cancel = {0};
    const iiif_work_t work = {.mem = &mem, .cancel = &cancel};
    const iiif_dec_options_t options = {.page = 1};
    iiif_err_t err = {0};
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    iiif_rc rc;

    iiif_mem_init(&mem, 0);
    rc = iiif_src_open_file(path, &mem, &src, &err);
    if (rc == IIIF_OK)
        rc = iiif_dec_open(src, &options, &work, &dec, &err);
    if (rc == IIIF_OK && window != NULL)
        rc = ours_window(dec, window, hash, &err);
    if (dec != NULL)
        iiif_dec_close(dec);
    if (src != NULL)
        iiif_src_close(src);
    if (rc != IIIF_OK)
        fprintf(stderr, "%s: IIIF%04d: %s\n", path, err.id, err.detail);
    return rc == IIIF_OK;
}

/* --- measuring ------------------------------------------------------------------------------------ */

static bool measure(const char *engine, const char *path, const window_t *window, unsigned number)
{
    uint64_t before, own, hash = 0;
    double started;
    answer_t answer;
    bool good;

    before = bytes_read();
    own = bytes_read() - before;
    started = cpu_us();
    if (strcmp(engine, "plain") == 0)
        good = plain_run(path, window, &hash);
    else
        good = ours_run(path, strcmp(engine, "open") == 0 ? NULL : window, &hash);
    answer.cpu_us = cpu_us() - started;
    answer.bytes = bytes_read() - before - 2 * own;
    if (!good) {
        fprintf(stderr, "%s: window %u cannot be decoded (%s)\n", path, number, engine);
        return false;
    }
    printf("%s %u %.1f %" PRIu64 " %016" PRIx64 "\n", engine, number, answer.cpu_us, answer.bytes, hash);
    return true;
}

/* In pairs, each engine first in turn, so that what else the machine does meets both. */
static bool measure_window(const char *engine, const char *path, const window_t *window, unsigned number)
{
    static const char *const engines[] = {"plain", "ours"};

    if (strcmp(engine, "both") != 0)
        return measure(engine, path, window, number);
    return measure(engines[number & 1], path, window, number) && measure(engines[~number & 1], path, window, number);
}

/* VmHWM; ru_maxrss would count what the parent was before it became this program. */
static long peak_kb(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kb = 0;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmHWM: %ld", &kb) == 1)
            break;
    }
    if (file != NULL)
        (void)fclose(file);
    return kb;
}

int main(int argc, char **argv)
{
    window_t window;
    unsigned number = 0;

    if (argc != 3) {
        fputs("usage: decode plain|ours|both|open FILE <WINDOWS\n", stderr);
        return 2;
    }
    while (scanf("%u %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &window.reduce, &window.x, &window.y, &window.w,
                 &window.h) == 5) {
        if (!measure_window(argv[1], argv[2], &window, number++))
            return 1;
    }
    printf("peak %ld\n", peak_kb());
    return 0;
}
