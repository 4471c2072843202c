/* SPDX-License-Identifier: Apache-2.0 */
/**
 * iiif-render: one request of the Image API against one file, without a server. The second consumer of the library;
 * what it prints is what the server would send.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../api/iiif_info.h"
#include "../codec/iiif_render.h"

#define EXIT_USAGE 2
#define DEFAULT_MEMORY ((size_t)256 << 20)
#define FORMATS_MAX 16

typedef struct options {
    iiif_version version;
    iiif_limits_t limits;
    iiif_output_t output;
    uint32_t page;
    double timeout;
    bool stats, facts;
    const char *id;
    const char *out_file;
    const char *request;    /* region/size/rotation/quality.format, or info.json; NULL: facts alone */
    const char *master;
} options_t;

static const char help[] =
    "Usage: iiif-render [OPTION]... REGION/SIZE/ROTATION/QUALITY.FORMAT MASTER\n"
    "       iiif-render [OPTION]... info.json MASTER\n"
    "       iiif-render --facts MASTER\n"
    "\n"
    "Renders one request of the IIIF Image API from the image file MASTER, as the server would,\n"
    "and writes the result to standard output.\n"
    "\n"
    "Request\n"
    "  --api 2|3              version of the Image API (default 3)\n"
    "  --page N               page of a document with several, from 1 (default 1)\n"
    "  --id URI               base URI in info.json (default http://localhost/FILE)\n"
    "\n"
    "Limits\n"
    "  --memory SIZE          memory for the render, with K, M or G (default 256M, 0: no limit)\n"
    "  --timeout SECONDS      time for the render (default: no limit)\n"
    "  --max-width N          largest width of a result (default: no limit)\n"
    "  --max-height N         largest height of a result (default: no limit)\n"
    "  --max-area N           most pixels of a result (default: no limit)\n"
    "  --upscale              allow results larger than the region\n"
    "\n"
    "Output\n"
    "  --jpeg-quality N       1-100 (default 85)\n"
    "  --jpeg-chroma MODE     420, 444, or auto (default): 420 below quality 90\n"
    "  --webp-quality N       1-100 (default 80)\n"
    "  --png-level N          0-9 (default 6)\n"
    "  --color keep|srgb      keep the embedded colour profile, or convert to sRGB (default)\n"
    "  --bitonal METHOD       diffusion (default), threshold, or threshold:N with N 1-255\n"
    "  --background RRGGBB    colour below transparent pixels (default ffffff)\n"
    "  -o, --output FILE      write to FILE instead of standard output; removed when the render fails\n"
    "\n"
    "Information\n"
    "  --facts                print what is known of MASTER (to standard error beside a request)\n"
    "  --stats                print bytes read, peak of memory and time to standard error\n"
    "  -h, --help             this text\n"
    "\n"
    "Exit status: 0 done, 1 the request failed (the reason and its IIIFnnnn id are on standard error), 2 usage.\n"
    "\n"
    "Example: iiif-render -o tile.jpg 0,0,1024,1024/256,/0/default.jpg map.jp2\n";

/* --- options ------------------------------------------------------------------------------------------ */

static bool parse_u64(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    unsigned long long value;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < least || value > most)
        return false;
    *out = value;
    return true;
}

static bool parse_int(const char *text, int least, int most, int *out)
{
    uint64_t value;

    if (!parse_u64(text, (uint64_t)least, (uint64_t)most, &value))
        return false;
    *out = (int)value;
    return true;
}

static bool parse_u32(const char *text, uint32_t least, uint32_t *out)
{
    uint64_t value;

    if (!parse_u64(text, least, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool parse_bytes(const char *text, size_t *out)
{
    char digits[24];
    size_t n = strlen(text);
    unsigned shift = 0;
    uint64_t value;

    if (n == 0 || n >= sizeof(digits))
        return false;
    memcpy(digits, text, n + 1);
    switch (toupper((unsigned char)digits[n - 1])) {
    case 'K':
        shift = 10;
        break;
    case 'M':
        shift = 20;
        break;
    case 'G':
        shift = 30;
        break;
    default:
        break;
    }
    if (shift != 0)
        digits[n - 1] = '\0';
    if (!parse_u64(digits, 0, SIZE_MAX >> shift, &value))
        return false;
    *out = (size_t)value << shift;
    return true;
}

static bool parse_seconds(const char *text, double *out)
{
    char *end;

    if (!isdigit((unsigned char)text[0]) && text[0] != '.')
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && *out > 0 && *out < 1e9;
}

static bool parse_bitonal(const char *text, iiif_output_t *output)
{
    int threshold;

    if (strcmp(text, "diffusion") == 0) {
        output->bitonal = IIIF_BITONAL_DIFFUSION;
        return true;
    }
    if (strncmp(text, "threshold", 9) != 0)
        return false;
    output->bitonal = IIIF_BITONAL_THRESHOLD;
    if (text[9] == '\0')
        return true;
    if (text[9] != ':' || !parse_int(text + 10, 1, 255, &threshold))
        return false;
    output->threshold = (unsigned)threshold;
    return true;
}

static bool parse_color(const char *text, uint8_t rgb[3])
{
    if (strlen(text) != 6 || strspn(text, "0123456789abcdefABCDEF") != 6)
        return false;
    for (size_t i = 0; i < 3; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

        rgb[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static bool parse_chroma(const char *text, iiif_chroma *out)
{
    static const char *const names[] = {[IIIF_CHROMA_AUTO] = "auto", [IIIF_CHROMA_HALF] = "420", [IIIF_CHROMA_FULL] = "444"};

    for (size_t i = 0; i < IIIF_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (iiif_chroma)i;
            return true;
        }
    }
    return false;
}

static bool parse_choice(const char *text, const char *zero, const char *one, bool *out)
{
    *out = strcmp(text, one) == 0;
    return *out || strcmp(text, zero) == 0;
}

enum {
    OPT_API = 256, OPT_PAGE, OPT_ID, OPT_MEMORY, OPT_TIMEOUT, OPT_MAX_WIDTH, OPT_MAX_HEIGHT, OPT_MAX_AREA, OPT_UPSCALE,
    OPT_JPEG_QUALITY, OPT_JPEG_CHROMA, OPT_WEBP_QUALITY, OPT_PNG_LEVEL, OPT_COLOR, OPT_BITONAL, OPT_BACKGROUND, OPT_FACTS,
    OPT_STATS
};

static const struct option long_options[] = {
    {"api", required_argument, NULL, OPT_API},
    {"page", required_argument, NULL, OPT_PAGE},
    {"id", required_argument, NULL, OPT_ID},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"max-width", required_argument, NULL, OPT_MAX_WIDTH},
    {"max-height", required_argument, NULL, OPT_MAX_HEIGHT},
    {"max-area", required_argument, NULL, OPT_MAX_AREA},
    {"upscale", no_argument, NULL, OPT_UPSCALE},
    {"jpeg-quality", required_argument, NULL, OPT_JPEG_QUALITY},
    {"jpeg-chroma", required_argument, NULL, OPT_JPEG_CHROMA},
    {"webp-quality", required_argument, NULL, OPT_WEBP_QUALITY},
    {"png-level", required_argument, NULL, OPT_PNG_LEVEL},
    {"color", required_argument, NULL, OPT_COLOR},
    {"bitonal", required_argument, NULL, OPT_BITONAL},
    {"background", required_argument, NULL, OPT_BACKGROUND},
    {"output", required_argument, NULL, 'o'},
    {"facts", no_argument, NULL, OPT_FACTS},
    {"stats", no_argument, NULL, OPT_STATS},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* False where the value does not fit the option. */
static bool set_request_option(options_t *options, int option, const char *value)
{
    bool two, keep;

    switch (option) {
    case OPT_API:
        if (!parse_choice(value, "3", "2", &two))
            return false;
        options->version = two ? IIIF_VERSION_2 : IIIF_VERSION_3;
        return true;
    case OPT_PAGE:
        return parse_u32(value, 1, &options->page);
    case OPT_ID:
        options->id = value;
        return true;
    case OPT_COLOR:
        if (!parse_choice(value, "srgb", "keep", &keep))
            return false;
        options->output.color = keep ? IIIF_COLOR_KEEP : IIIF_COLOR_SRGB;
        return true;
    case OPT_BITONAL:
        return parse_bitonal(value, &options->output);
    case OPT_BACKGROUND:
        return parse_color(value, options->output.background);
    case OPT_JPEG_QUALITY:
        return parse_int(value, 1, 100, &options->output.jpeg_quality);
    case OPT_JPEG_CHROMA:
        return parse_chroma(value, &options->output.jpeg_chroma);
    case OPT_WEBP_QUALITY:
        return parse_int(value, 1, 100, &options->output.webp_quality);
    case OPT_PNG_LEVEL:
        return parse_int(value, 0, 9, &options->output.png_level);
    default:
        return false;
    }
}

static bool set_option(options_t *options, int option, const char *value)
{
    switch (option) {
    case OPT_MEMORY:
        return parse_bytes(value, &options->limits.memory);
    case OPT_TIMEOUT:
        return parse_seconds(value, &options->timeout);
    case OPT_MAX_WIDTH:
        return parse_u32(value, 1, &options->limits.max_width);
    case OPT_MAX_HEIGHT:
        return parse_u32(value, 1, &options->limits.max_height);
    case OPT_MAX_AREA:
        return parse_u64(value, 1, UINT64_MAX, &options->limits.max_area);
    case OPT_UPSCALE:
        options->limits.upscale = true;
        return true;
    case OPT_FACTS:
        options->facts = true;
        return true;
    case OPT_STATS:
        options->stats = true;
        return true;
    case 'o':
        options->out_file = value;
        return true;
    default:
        return set_request_option(options, option, value);
    }
}

static const char *option_name(int option)
{
    for (size_t i = 0; long_options[i].name != NULL; i++) {
        if (long_options[i].val == option)
            return long_options[i].name;
    }
    return "?";
}

static int usage(void)
{
    fputs("Try 'iiif-render --help'.\n", stderr);
    return EXIT_USAGE;
}

/* 0 to go on; EXIT_USAGE; or -1 where the help was printed. */
static int read_options(int argc, char **argv, options_t *options)
{
    int option, left;

    while ((option = getopt_long(argc, argv, "o:h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return -1;
        }
        if (option == '?')
            return usage();
        if (!set_option(options, option, optarg)) {
            fprintf(stderr, "iiif-render: --%s does not take \"%s\".\n", option_name(option), optarg);
            return usage();
        }
    }
    left = argc - optind;
    if (left != 2 && !(left == 1 && options->facts)) {
        fputs("iiif-render: give a request and a master.\n", stderr);
        return usage();
    }
    options->request = left == 2 ? argv[optind] : NULL;
    options->master = argv[argc - 1];
    return 0;
}

/* --- what is printed -------------------------------------------------------------------------------- */

static const char *layout_name(unsigned layout)
{
    static const char *const names[] = {"?",    "gray",           "gray and alpha", "RGB",           "RGB and alpha",
                                        "CMYK", "CMYK and alpha", "CIELab",         "CIELab and alpha"};

    return layout < IIIF_COUNT(names) ? names[layout] : names[0];
}

static void print_levels(const iiif_facts_t *facts, FILE *out)
{
    for (unsigned i = 0; i < facts->level_count; i++) {
        const iiif_level_t *level = &facts->levels[i];

        fprintf(out, "level %u      %u x %u", i, level->width, level->height);
        if (level->tile_width != 0)
            fprintf(out, ", tiles of %u x %u", level->tile_width, level->tile_height);
        fputc('\n', out);
    }
}

static void print_facts(const iiif_facts_t *facts, FILE *out)
{
    static const char *const classes[] = {"bitonal", "gray", "color"};
    static const char *const access[] = {"tiles", "rows", "whole image"};
    static const char *const units[] = {"?", "mm", "cm", "inch"};

    fprintf(out, "decoder      %s (%s)\n", facts->decoder, facts->media_type);
    fprintf(out, "size         %u x %u\n", facts->width, facts->height);
    fprintf(out, "stored       %u x %u, orientation %u\n", facts->stored_width, facts->stored_height,
            facts->orientation);
    fprintf(out, "samples      %s, %u bits delivered as %u, %s\n", layout_name(facts->layout), facts->precision,
            facts->depth, facts->color_class < IIIF_COUNT(classes) ? classes[facts->color_class] : "?");
    fprintf(out, "profile      %s\n", facts->has_profile ? "yes" : "no");
    fprintf(out, "page         %u of %u\n", facts->page, facts->pages);
    if (facts->unit > IIIF_UNIT_NONE && facts->unit < IIIF_COUNT(units))
        fprintf(out, "resolution   %g x %g per %s\n", facts->pixels_per_unit_x, facts->pixels_per_unit_y,
                units[facts->unit]);
    fprintf(out, "access       %s; %llu bytes and %g a pixel; cost %g\n",
            facts->access < IIIF_COUNT(access) ? access[facts->access] : "?", (unsigned long long)facts->fixed_bytes,
            (double)facts->bytes_per_pixel, (double)facts->cost_per_pixel);
    print_levels(facts, out);
}

static void print_stats(const iiif_src_t *src, const iiif_mem_t *mem, uint64_t started)
{
    fprintf(stderr, "read %llu of %llu bytes, peak of memory %zu bytes, %.1f ms\n",
            (unsigned long long)src->bytes_read, (unsigned long long)src->size, mem->peak,
            (double)(iiif_now_ns() - started) / 1e6);
}

/* --- where the result goes: opened with the first byte, so that a refused request touches no file ------------- */

typedef struct target {
    const char *path;      /* NULL: standard output */
    int master;            /* its descriptor: the result must not go into it */
    FILE *file;
} target_t;

static iiif_rc target_open(target_t *target, iiif_err_t *err)
{
    struct stat out, master;

    if (target->file != NULL)
        return IIIF_OK;
    if (target->path == NULL) {
        target->file = stdout;
        return IIIF_OK;
    }
    if (stat(target->path, &out) == 0 && fstat(target->master, &master) == 0 && out.st_dev == master.st_dev &&
        out.st_ino == master.st_ino)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 9005, "The result would overwrite the master; name another file.");
    target->file = fopen(target->path, "wb");
    if (target->file == NULL)
        return iiif_err_set(err, IIIF_E_IO, 9006, "%s cannot be opened for writing: %s.", target->path, strerror(errno));
    return IIIF_OK;
}

/* Half a result is removed; what was there before is gone all the same. */
static iiif_rc target_close(target_t *target, iiif_rc rc, iiif_err_t *err)
{
    struct stat out;

    if (target->file == NULL)
        return rc;
    if ((target->path == NULL ? fflush(target->file) : fclose(target->file)) != 0 && rc == IIIF_OK)
        rc = iiif_err_set(err, IIIF_E_IO, 9004, "The result cannot be written completely: %s.", strerror(errno));
    if (rc != IIIF_OK && target->path != NULL && stat(target->path, &out) == 0 && S_ISREG(out.st_mode))
        (void)unlink(target->path);
    return rc;
}

static iiif_rc target_write(void *context, const uint8_t *data, size_t length, iiif_err_t *err)
{
    target_t *target = context;
    iiif_rc rc = target_open(target, err);

    if (rc == IIIF_OK && fwrite(data, 1, length, target->file) != length)
        rc = iiif_err_set(err, IIIF_E_IO, 9001, "The result cannot be written: %s.", strerror(errno));
    return rc;
}

/* --- the work ---------------------------------------------------------------------------------------- */

static iiif_rc render_image(const options_t *options, iiif_dec_t *dec, target_t *target, iiif_err_t *err)
{
    const iiif_sink_t sink = {.write = target_write, .context = target};
    const iiif_encoder_t *encoder;
    iiif_req_t req;
    iiif_plan_t plan;
    iiif_rc rc = iiif_uri_parse_parameters(options->version, iiif_slice(options->request), &req, err);

    if (rc != IIIF_OK)
        return rc;
    encoder = iiif_encoder_find(req.format);
    if (encoder == NULL)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 9002, "The format \"%s\" is none that this build can write.",
                            req.format);
    rc = iiif_render_plan(&req, &dec->facts, &options->limits, encoder, &plan, err);
    if (rc != IIIF_OK)
        return rc;
    return iiif_render(dec, &plan, encoder, &options->output, &sink, err);
}

/* http://localhost/FILE where --id does not say otherwise; NULL where the name is too long. */
static const char *info_id(const options_t *options, char *buffer, size_t capacity)
{
    static const char prefix[] = "http://localhost/";
    const char *slash = strrchr(options->master, '/');
    size_t length;

    if (options->id != NULL)
        return options->id;
    memcpy(buffer, prefix, sizeof(prefix));
    if (!iiif_percent_encode(iiif_slice(slash != NULL ? slash + 1 : options->master), false,
                             buffer + sizeof(prefix) - 1, capacity - sizeof(prefix) + 1, &length))
        return NULL;
    return buffer;
}

static iiif_rc render_info(const options_t *options, const iiif_facts_t *facts, target_t *target,
                           iiif_err_t *err)
{
    char buffer[1024];
    const char *formats[FORMATS_MAX + 1] = {NULL};
    iiif_info_params_t params = {.formats = formats, .cors = true, .rotation_arbitrary = true, .page = 0};
    size_t length;
    char *text;
    iiif_rc rc;

    for (size_t i = 0; iiif_encoders[i] != NULL && i < FORMATS_MAX; i++)
        formats[i] = iiif_encoders[i]->format;
    params.id = info_id(options, buffer, sizeof(buffer));
    if (params.id == NULL)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 9003, "The file's name is too long for a URI; give --id.");
    text = iiif_info_write(options->version, facts, &options->limits, &params, &length, err);
    if (text == NULL)
        return err->kind;
    rc = target_write(target, (const uint8_t *)text, length, err);
    free(text);
    return rc;
}

static iiif_rc answer(const options_t *options, iiif_dec_t *dec, iiif_err_t *err)
{
    target_t target = {.path = options->out_file, .master = dec->src->fd};
    iiif_rc rc = IIIF_OK;

    if (options->request == NULL)
        rc = target_open(&target, err);
    if (rc == IIIF_OK && options->facts)
        print_facts(&dec->facts, options->request == NULL ? target.file : stderr);
    if (options->request != NULL && strcmp(options->request, "info.json") == 0)
        rc = render_info(options, &dec->facts, &target, err);
    else if (options->request != NULL)
        rc = render_image(options, dec, &target, err);
    return target_close(&target, rc, err);
}

static iiif_rc work_on(const options_t *options, iiif_err_t *err)
{
    iiif_mem_t mem;
    iiif_cancel_t cancel = {0};
    iiif_work_t work = {.mem = &mem, .cancel = &cancel};
    const iiif_dec_options_t dec_options = {.page = options->page,
                                            .max_source_area = options->limits.max_source_area};
    iiif_src_t *src = NULL;
    iiif_dec_t *dec = NULL;
    uint64_t started = iiif_now_ns();
    iiif_rc rc;

    iiif_mem_init(&mem, options->limits.memory);
    if (options->timeout > 0)
        cancel.deadline_ns = started + (uint64_t)(options->timeout * 1e9);
    rc = iiif_src_open_file(options->master, &mem, &src, err);
    if (rc != IIIF_OK)
        return rc;
    rc = iiif_dec_open(src, &dec_options, &work, &dec, err);
    if (rc == IIIF_OK) {
        rc = answer(options, dec, err);
        iiif_dec_close(dec);
    }
    if (options->stats)
        print_stats(src, &mem, started);
    iiif_src_close(src);
    return rc;
}

int main(int argc, char **argv)
{
    options_t options = {.version = IIIF_VERSION_3, .page = 1,
                         .limits = {.memory = DEFAULT_MEMORY, .qualities = IIIF_QUALITIES_ALL}};
    iiif_err_t err = {0};
    iiif_rc rc;
    int stop;

    iiif_output_defaults(&options.output);
    stop = read_options(argc, argv, &options);
    if (stop != 0)
        return stop < 0 ? EXIT_SUCCESS : stop;
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, told as such */
    rc = work_on(&options, &err);
    if (rc == IIIF_OK)
        return EXIT_SUCCESS;
    fprintf(stderr, "iiif-render: IIIF%04d: %s\n", err.id, err.detail);
    return EXIT_FAILURE;
}
