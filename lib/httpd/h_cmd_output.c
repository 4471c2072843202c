/* SPDX-License-Identifier: Apache-2.0 */
/** Directives about formats, qualities and how pixels are made. */
#include "h_cmd.h"

#include <apr_lib.h>
#include <apr_strings.h>

const h_word_t h_quality_words[] = {
    { "default", 1u << IIIF_QUALITY_DEFAULT },
    { "color", 1u << IIIF_QUALITY_COLOR },
    { "gray", 1u << IIIF_QUALITY_GRAY },
    { "bitonal", 1u << IIIF_QUALITY_BITONAL },
};
const size_t h_quality_count = IIIF_COUNT(h_quality_words);

const char *const h_chroma_names[3] = {
    [IIIF_CHROMA_AUTO] = "auto",
    [IIIF_CHROMA_HALF] = "420",
    [IIIF_CHROMA_FULL] = "444",
};

const h_word_t *h_format_words(apr_pool_t *pool, size_t *count)
{
    h_word_t *words;
    size_t n = 0;

    while (iiif_encoders[n] != NULL)
        n++;
    words = apr_palloc(pool, (n + 1) * sizeof(*words));
    for (size_t i = 0; i < n; i++) {
        words[i].name = iiif_encoders[i]->format;
        words[i].bit = 1u << i;
    }
    *count = n;
    return words;
}

/* Image 3.0 and 2.1, compliance level 2: jpg and png are required. */
static bool loses(const h_set_t *set, unsigned bit)
{
    return set->absolute ? (set->value & bit) == 0 : (set->remove & bit) != 0;
}

const char *h_cmd_formats(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    h_dir_t *dir = config;
    size_t count;
    const h_word_t *words = h_format_words(cmd->pool, &count);
    const char *sentence = h_cmd_check_path(cmd);

    if (sentence == NULL)
        sentence = h_parse_set(cmd, words, count, NULL, argc, argv, &dir->formats);
    if (sentence != NULL)
        return sentence;
    for (size_t i = 0; i < count; i++) {
        if ((strcmp(words[i].name, "jpg") == 0 || strcmp(words[i].name, "png") == 0)
            && loses(&dir->formats, words[i].bit))
            return apr_psprintf(cmd->pool, "%s must keep jpg and png: every client counts on them (level 2 of the Image "
                                "API)", cmd->cmd->name);
    }
    return NULL;
}

const char *h_cmd_qualities(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    h_dir_t *dir = config;
    h_set_t set = { false, 0, 0, 0 };
    const char *sentence = h_cmd_check_path(cmd);

    if (sentence == NULL)
        sentence = h_parse_set(cmd, h_quality_words, h_quality_count, NULL, argc, argv, &set);
    if (sentence != NULL)
        return sentence;
    if (!set.absolute)
        return apr_psprintf(cmd->pool, "%s takes plain names, without + or -", cmd->cmd->name);
    /* Image 3.0 §4.4: every service has "default". */
    dir->qualities = (int)(set.value | 1u << IIIF_QUALITY_DEFAULT);
    return NULL;
}

static const char *set_number(cmd_parms *cmd, const char *text, int min, int max, int *out)
{
    const char *sentence = h_cmd_check_path(cmd);
    apr_int64_t n;

    if (sentence != NULL)
        return sentence;
    if (!h_parse_number(text, false, min, max, &n))
        return apr_psprintf(cmd->pool, "%s must be a number from %d to %d", cmd->cmd->name, min, max);
    *out = (int)n;
    return NULL;
}

/* Both are set together: a quality alone takes back what an outer section said of subsampling. */
const char *h_cmd_jpeg_quality(cmd_parms *cmd, void *config, const char *quality, const char *subsampling)
{
    h_dir_t *dir = config;
    const char *sentence = set_number(cmd, quality, 1, 100, &dir->jpeg_quality);
    const char *value = subsampling == NULL ? "auto" : h_parse_key(subsampling, "subsampling");

    if (sentence != NULL)
        return sentence;
    for (size_t i = 0; value != NULL && i < IIIF_COUNT(h_chroma_names); i++) {
        if (strcasecmp(value, h_chroma_names[i]) == 0) {
            dir->jpeg_chroma = (int)i;
            return NULL;
        }
    }
    return apr_psprintf(cmd->pool, "%s: after the quality may stand subsampling=auto, subsampling=420 or "
                        "subsampling=444", cmd->cmd->name);
}

const char *h_cmd_png_level(cmd_parms *cmd, void *config, const char *level)
{
    return set_number(cmd, level, 0, 9, &((h_dir_t *)config)->png_level);
}

const char *h_cmd_webp_quality(cmd_parms *cmd, void *config, const char *quality)
{
    return set_number(cmd, quality, 1, 100, &((h_dir_t *)config)->webp_quality);
}

const char *h_cmd_color(cmd_parms *cmd, void *config, const char *mode)
{
    h_dir_t *dir = config;
    const char *sentence = h_cmd_check_path(cmd);

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(mode, "keep") == 0)
        dir->color = IIIF_COLOR_KEEP;
    else if (strcasecmp(mode, "srgb") != 0)
        return apr_psprintf(cmd->pool, "%s must be srgb or keep", cmd->cmd->name);
    else if (!iiif_color_available())
        return apr_psprintf(cmd->pool, "%s: this build has no colour management and knows only keep; build with lcms2 "
                            "for srgb", cmd->cmd->name);
    else
        dir->color = IIIF_COLOR_SRGB;
    return NULL;
}

const char *h_cmd_bitonal(cmd_parms *cmd, void *config, const char *method)
{
    h_dir_t *dir = config;
    const char *value = h_parse_key(method, "threshold");
    const char *sentence = h_cmd_check_path(cmd);
    apr_int64_t n = 128;

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(method, "diffusion") == 0)
        dir->bitonal = IIIF_BITONAL_DIFFUSION;
    else if (strcasecmp(method, "threshold") == 0
             || (value != NULL && h_parse_number(value, false, 1, 255, &n)))
        dir->bitonal = IIIF_BITONAL_THRESHOLD;
    else
        return apr_psprintf(cmd->pool, "%s must be diffusion, threshold, or threshold=N with N from 1 to 255",
                            cmd->cmd->name);
    dir->threshold = (int)n;
    return NULL;
}

const char *h_cmd_background(cmd_parms *cmd, void *config, const char *color)
{
    h_dir_t *dir = config;
    const char *digits = color[0] == '#' ? color + 1 : color;
    const char *sentence = h_cmd_check_path(cmd);
    size_t n = 0;

    if (sentence != NULL)
        return sentence;
    if (strcasecmp(color, "white") == 0)
        digits = "ffffff";
    else if (strcasecmp(color, "black") == 0)
        digits = "000000";
    while (apr_isxdigit(digits[n]))
        n++;
    if (n != 6 || digits[n] != '\0')
        return apr_psprintf(cmd->pool, "%s must be white, black, or six hexadecimal digits RRGGBB such as F5F0E6",
                            cmd->cmd->name);
    dir->background = (int)strtol(digits, NULL, 16);
    return NULL;
}
