/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_decode.h"

#include <openjpeg.h>
#include <stdio.h>
#include <string.h>

#define STREAM_BYTES ((size_t)32 * 1024) /* the library's own buffer; larger only reads what it then skips */

/* Measured with libopenjp2 2.5.0. */
#define TILE_BYTES 6144u
#define TILE_COMPONENT_BYTES 1152u
#define CODEC_BYTES ((uint64_t)128 * 1024)

typedef struct run {
    const iiif_j2k_header_t *header;
    const iiif_j2k_feed_t *feed;
    const iiif_j2k_job_t *job;
    const iiif_work_t *work;
    uint64_t position;
    bool io_failed;
    iiif_rc stop;              /* why reading was refused: time or client */
    iiif_err_t stop_err;
    char message[120];         /* the library's last complaint */
    opj_codec_t *codec;
    opj_stream_t *stream;
    opj_image_t *image;
} run_t;

/* --- stream ------------------------------------------------------------------------------------------- */

static OPJ_SIZE_T stream_read(void *buffer, OPJ_SIZE_T n, void *context)
{
    run_t *run = context;
    int64_t got;

    if (run->stop == IIIF_OK)
        run->stop = iiif_cancel_check(run->work->cancel, &run->stop_err);
    if (run->stop != IIIF_OK)
        return (OPJ_SIZE_T)-1;
    got = iiif_j2k_feed_read(run->feed, run->position, buffer, n);
    if (got < 0)
        run->io_failed = true;
    if (got <= 0)
        return (OPJ_SIZE_T)-1;
    run->position += (uint64_t)got;
    return (OPJ_SIZE_T)got;
}

static OPJ_OFF_T stream_skip(OPJ_OFF_T n, void *context)
{
    run_t *run = context;
    uint64_t left = run->feed->length - run->position;

    if (n < 0)
        return -1;
    if ((uint64_t)n > left)
        n = (OPJ_OFF_T)left;
    run->position += (uint64_t)n;
    return n;
}

static OPJ_BOOL stream_seek(OPJ_OFF_T position, void *context)
{
    run_t *run = context;

    if (position < 0 || (uint64_t)position > run->feed->length)
        return OPJ_FALSE;
    run->position = (uint64_t)position;
    return OPJ_TRUE;
}

static bool open_stream(run_t *run)
{
    run->stream = opj_stream_create(STREAM_BYTES, OPJ_TRUE);
    if (run->stream == NULL)
        return false;
    opj_stream_set_read_function(run->stream, stream_read);
    opj_stream_set_skip_function(run->stream, stream_skip);
    /*
     * Given a way back, 2.5 first walks all tile-parts to see whether they are counted rightly. In a composed feed they are;
     * and later versions only seek where TLM invites them to.
     */
    if (run->header->is_packed)
        opj_stream_set_seek_function(run->stream, stream_seek);
    opj_stream_set_user_data(run->stream, run, NULL);
    opj_stream_set_user_data_length(run->stream, run->feed->length);
    return true;
}

/* --- messages ------------------------------------------------------------------------------------------ */

static void silent(const char *text, void *context)
{
    (void)text;
    (void)context;
}

/* Keeps the last error for our own sentence: printable ASCII, one line, without a final stop. */
static void remember(const char *text, void *context)
{
    run_t *run = context;
    size_t n = 0;

    for (; *text != '\0' && n + 1 < sizeof(run->message); text++) {
        if (*text >= 0x20 && *text < 0x7F)
            run->message[n++] = *text;
    }
    while (n > 0 && (run->message[n - 1] == ' ' || run->message[n - 1] == '.'))
        n--;
    run->message[n] = '\0';
}

static bool open_codec(run_t *run)
{
    opj_dparameters_t parameters;

    run->codec = opj_create_decompress(OPJ_CODEC_J2K);
    if (run->codec == NULL)
        return false;
    (void)opj_set_info_handler(run->codec, silent, NULL);
    (void)opj_set_warning_handler(run->codec, silent, NULL);
    (void)opj_set_error_handler(run->codec, remember, run);
    opj_set_default_decoder_parameters(&parameters);
    parameters.cp_reduce = run->job->reduce;
    return opj_setup_decoder(run->codec, &parameters) && opj_decoder_set_strict_mode(run->codec, OPJ_TRUE);
}

/* --- checks -------------------------------------------------------------------------------------------- */

static iiif_rc library_error(const run_t *run, iiif_err_t *err)
{
    if (run->stop != IIIF_OK) {
        if (err != NULL)
            *err = run->stop_err;
        return run->stop;
    }
    if (run->io_failed)
        return iiif_err_set(err, IIIF_E_IO, 2260, "The master cannot be read.");
    return iiif_err_set(err, IIIF_E_BAD_MASTER, 2261, "The JPEG 2000 master cannot be decoded: %s.",
                        run->message[0] != '\0' ? run->message : "the library gives no reason");
}

/* The library must see the image we saw: its header is the one we checked. */
static iiif_rc check_header(const run_t *run, iiif_err_t *err)
{
    const opj_image_t *image = run->image;
    const iiif_j2k_feed_t *feed = run->feed;
    bool same = image->numcomps == run->header->component_count && image->x0 == feed->x.from &&
                image->y0 == feed->y.from && image->x1 == feed->x.to && image->y1 == feed->y.to;

    for (unsigned c = 0; same && c < image->numcomps; c++)
        same = image->comps[c].dx == run->header->components[c].dx && image->comps[c].dy == run->header->components[c].dy &&
               image->comps[c].prec == run->header->components[c].bits;
    if (!same)
        return iiif_err_set(err, IIIF_E_BAD_MASTER, 2262,
                            "The header of the JPEG 2000 master is read differently by the library.");
    return IIIF_OK;
}

/* Takes the delivered components over as planes; all must be just what was asked for. */
static iiif_rc take_planes(run_t *run, iiif_span_t x, iiif_span_t y, iiif_j2k_planes_t *planes, iiif_err_t *err)
{
    const opj_image_t *image = run->image;

    planes->count = run->header->component_count;
    for (unsigned c = 0; c < planes->count; c++) {
        const iiif_j2k_component_t *component = &run->header->components[c];
        const opj_image_comp_t *comp = &image->comps[c];
        iiif_j2k_plane_t *plane = &planes->planes[c];
        unsigned reduce = run->job->reduce;

        plane->data = comp->data;
        plane->x = iiif_j2k_scale(x.from, component->dx, reduce);
        plane->y = iiif_j2k_scale(y.from, component->dy, reduce);
        plane->width = iiif_j2k_scale(x.to, component->dx, reduce) - plane->x;
        plane->height = iiif_j2k_scale(y.to, component->dy, reduce) - plane->y;
        if (comp->data == NULL || comp->w != plane->width || comp->h != plane->height || comp->factor != reduce)
            return iiif_err_set(err, IIIF_E_BAD_MASTER, 2263,
                                "The JPEG 2000 master delivered %u × %u samples of component %u where %u × %u belong.",
                                comp->data == NULL ? 0 : comp->w, comp->data == NULL ? 0 : comp->h, c, plane->width,
                                plane->height);
    }
    planes->owner = run->image;
    run->image = NULL;
    return IIIF_OK;
}

/* Whether an area holds all samples that the feed has of every component. */
static bool is_everything(const run_t *run, iiif_span_t x, iiif_span_t y)
{
    const iiif_j2k_feed_t *feed = run->feed;
    unsigned reduce = run->job->reduce;

    for (unsigned c = 0; c < run->header->component_count; c++) {
        uint32_t dx = run->header->components[c].dx, dy = run->header->components[c].dy;

        if (iiif_j2k_scale(x.from, dx, reduce) != iiif_j2k_scale(feed->x.from, dx, reduce) ||
            iiif_j2k_scale(x.to, dx, reduce) != iiif_j2k_scale(feed->x.to, dx, reduce) ||
            iiif_j2k_scale(y.from, dy, reduce) != iiif_j2k_scale(feed->y.from, dy, reduce) ||
            iiif_j2k_scale(y.to, dy, reduce) != iiif_j2k_scale(feed->y.to, dy, reduce))
            return false;
    }
    return true;
}

/*
 * The area is always in coordinates of the full reference grid, also at a reduction. Without any, 2.5 sizes reduced components by the
 * difference of their ends and not by the ends themselves; "0, 0, 0, 0" is everything, sized rightly.
 */
static bool set_area(const run_t *run, iiif_span_t x, iiif_span_t y)
{
    if (is_everything(run, x, y))
        return opj_set_decode_area(run->codec, run->image, 0, 0, 0, 0);
    return opj_set_decode_area(run->codec, run->image, (OPJ_INT32)x.from, (OPJ_INT32)y.from, (OPJ_INT32)x.to,
                               (OPJ_INT32)y.to);
}

/* --- decoding ------------------------------------------------------------------------------------------ */

static iiif_rc decode(run_t *run, iiif_j2k_planes_t *planes, iiif_err_t *err)
{
    const iiif_j2k_feed_t *feed = run->feed;
    iiif_span_t x = run->job->whole ? feed->x : run->job->x, y = run->job->whole ? feed->y : run->job->y;
    iiif_rc rc;

    if (!open_codec(run) || !open_stream(run))
        return iiif_err_memory(err, "the JPEG 2000 library", STREAM_BYTES);
    if (!opj_read_header(run->stream, run->codec, &run->image))
        return library_error(run, err);
    rc = check_header(run, err);
    if (rc != IIIF_OK)
        return rc;
    if (!set_area(run, x, y))
        return library_error(run, err);
    if (!opj_decode(run->codec, run->stream, run->image) || run->stop != IIIF_OK || run->io_failed)
        return library_error(run, err);
    return take_planes(run, x, y, planes, err);
}

uint64_t iiif_j2k_tile_samples(const iiif_j2k_header_t *header, unsigned reduce)
{
    uint32_t width = iiif_min_u32(header->tile_width, header->x1 - header->x0);
    uint32_t height = iiif_min_u32(header->tile_height, header->y1 - header->y0);
    uint64_t samples = 0;

    for (unsigned c = 0; c < header->component_count; c++)
        samples += (uint64_t)iiif_j2k_scale(width, header->components[c].dx, reduce) *
                   iiif_j2k_scale(height, header->components[c].dy, reduce);
    return samples;
}

uint64_t iiif_j2k_tile_table_bytes(const iiif_j2k_header_t *header, uint64_t tiles)
{
    return tiles * (TILE_BYTES + (uint64_t)TILE_COMPONENT_BYTES * header->component_count);
}

/* Samples of all components in an area. */
static uint64_t area_samples(const iiif_j2k_header_t *header, iiif_span_t x, iiif_span_t y, unsigned reduce)
{
    uint64_t samples = 0;

    for (unsigned c = 0; c < header->component_count; c++) {
        uint32_t dx = header->components[c].dx, dy = header->components[c].dy;

        samples += (uint64_t)(iiif_j2k_scale(x.to, dx, reduce) - iiif_j2k_scale(x.from, dx, reduce)) *
                   (iiif_j2k_scale(y.to, dy, reduce) - iiif_j2k_scale(y.from, dy, reduce));
    }
    return samples;
}

iiif_rc iiif_j2k_decode(const iiif_j2k_header_t *header, const iiif_j2k_feed_t *feed, const iiif_j2k_job_t *job,
                        const iiif_work_t *work, iiif_j2k_planes_t *planes, iiif_err_t *err)
{
    run_t run;
    iiif_mem_t *mem = work->mem;
    uint64_t samples = area_samples(header, job->whole ? feed->x : job->x, job->whole ? feed->y : job->y, job->reduce);
    uint64_t at_work = iiif_min_u64(samples, iiif_j2k_tile_samples(header, job->reduce));
    uint64_t need = samples * IIIF_J2K_SAMPLE_BYTES + at_work * IIIF_J2K_WORK_BYTES + job->structure + feed->held + CODEC_BYTES +
                    iiif_j2k_tile_table_bytes(header, job->tiles);
    iiif_rc rc;

    memset(planes, 0, sizeof(*planes));
    if (mem->limit != 0 && need > mem->limit)
        return iiif_err_set(err, IIIF_E_TOO_LARGE, 2264,
                            "Decoding this part of the JPEG 2000 master needs %llu MiB, more than one request may use.",
                            (unsigned long long)(need >> 20));
    if (!iiif_mem_reserve(mem, (size_t)need))
        return iiif_err_memory(err, "decoding JPEG 2000", (size_t)need);
    memset(&run, 0, sizeof(run));
    run.header = header;
    run.feed = feed;
    run.job = job;
    run.work = work;
    rc = decode(&run, planes, err);
    if (run.stream != NULL)
        opj_stream_destroy(run.stream);
    if (run.codec != NULL)
        opj_destroy_codec(run.codec);
    if (run.image != NULL)
        opj_image_destroy(run.image);
    planes->bytes = rc == IIIF_OK ? (size_t)samples * IIIF_J2K_SAMPLE_BYTES : 0;
    iiif_mem_unreserve(mem, (size_t)need - planes->bytes);
    return rc;
}

void iiif_j2k_planes_free(iiif_j2k_planes_t *planes, iiif_mem_t *mem)
{
    if (planes->owner != NULL)
        opj_image_destroy(planes->owner);
    iiif_mem_free(mem, planes->memory);
    iiif_mem_unreserve(mem, planes->bytes);
    memset(planes, 0, sizeof(*planes));
}
