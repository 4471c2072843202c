/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_uri_parameter.h"

#include <string.h>

#define DIGITS_MAX 10
#define DECIMALS 10

/* --- numbers ------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_digits(iiif_slice_t text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!is_digit(text.data[i]))
            return false;
    return true;
}

bool iiif_parse_integer(iiif_slice_t text, uint64_t *value)
{
    uint64_t n = 0;

    if (text.length == 0 || text.length > DIGITS_MAX || !all_digits(text))
        return false;
    for (size_t i = 0; i < text.length; i++)
        n = n * 10 + (uint64_t)(text.data[i] - '0');
    *value = n;
    return true;
}

/* Ten decimals as an integer; the eleventh rounds. May give IIIF_DECIMAL_ONE, for .99999999999. */
static uint64_t parse_fraction(iiif_slice_t digits)
{
    uint64_t n = 0;

    for (size_t i = 0; i < DECIMALS; i++)
        n = n * 10 + (i < digits.length ? (uint64_t)(digits.data[i] - '0') : 0);
    return n + (digits.length > DECIMALS && digits.data[DECIMALS] >= '5');
}

bool iiif_parse_decimal(iiif_slice_t text, iiif_decimal_t *value)
{
    iiif_slice_t whole = text, fraction = iiif_slice_of(NULL, 0);
    uint64_t units = 0;
    bool point = iiif_slice_split_first(text, '.', &whole, &fraction);

    if (point && (fraction.length == 0 || !all_digits(fraction)))
        return false;
    if (!(point && whole.length == 0) && !iiif_parse_integer(whole, &units))
        return false;
    return iiif_mul_u64(units, IIIF_DECIMAL_ONE, &units) &&
           !__builtin_add_overflow(units, parse_fraction(fraction), value);
}

/* --- region -------------------------------------------------------------------------------------- */

/* `x,y,w,h` with numbers of either kind. */
static bool parse_four(iiif_slice_t text, bool decimals, uint64_t out[4])
{
    for (unsigned i = 0; i < 4; i++) {
        iiif_slice_t item = text, rest = text;

        if (iiif_slice_split_first(text, ',', &item, &rest) != (i < 3))
            return false;
        if (!(decimals ? iiif_parse_decimal(item, &out[i]) : iiif_parse_integer(item, &out[i])))
            return false;
        text = rest;
    }
    return true;
}

iiif_rc iiif_parse_region(iiif_slice_t text, iiif_region_t *region, iiif_err_t *err)
{
    uint64_t four[4] = {0, 0, 0, 0};
    bool percent = iiif_slice_starts(text, "pct:");

    memset(region, 0, sizeof(*region));
    if (iiif_slice_is(text, "full") || iiif_slice_is(text, "square")) {
        region->kind = text.data[0] == 'f' ? IIIF_REGION_FULL : IIIF_REGION_SQUARE;
        return IIIF_OK;
    }
    if (!parse_four(percent ? iiif_slice_skip(text, 4) : text, percent, four))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1030,
                            "The region is malformed: it is full, square, x,y,w,h in whole pixels (10 digits at "
                            "most), or pct:x,y,w,h in decimals without sign.");
    region->kind = percent ? IIIF_REGION_PERCENT : IIIF_REGION_PIXELS;
    region->x = four[0];
    region->y = four[1];
    region->w = four[2];
    region->h = four[3];
    return IIIF_OK;
}

/* --- size ---------------------------------------------------------------------------------------- */

/* `w,` `,h` `w,h`, without prefix. */
static bool parse_pair(iiif_slice_t text, bool confined, iiif_size_t *size)
{
    iiif_slice_t w, h;

    if (!iiif_slice_split_first(text, ',', &w, &h) || (w.length == 0 && h.length == 0))
        return false;
    if ((w.length > 0 && !iiif_parse_integer(w, &size->w)) || (h.length > 0 && !iiif_parse_integer(h, &size->h)))
        return false;
    if (w.length > 0 && h.length > 0)
        size->kind = confined ? IIIF_SIZE_CONFINED : IIIF_SIZE_EXACT;
    else if (confined)
        return false;
    else
        size->kind = w.length > 0 ? IIIF_SIZE_WIDTH : IIIF_SIZE_HEIGHT;
    return true;
}

static bool parse_size_form(iiif_slice_t text, iiif_size_t *size)
{
    if (iiif_slice_is(text, "max")) {
        size->kind = IIIF_SIZE_MAX;
        return true;
    }
    if (iiif_slice_starts(text, "pct:")) {
        size->kind = IIIF_SIZE_PERCENT;
        return iiif_parse_decimal(iiif_slice_skip(text, 4), &size->percent);
    }
    if (iiif_slice_starts(text, "!"))
        return parse_pair(iiif_slice_skip(text, 1), true, size);
    return parse_pair(text, false, size);
}

/* 0 was written where a side or a percentage has to be (IMG3-SIZE-16, 23; IMG2-SIZE-07). */
static bool asks_for_nothing(const iiif_size_t *size)
{
    switch (size->kind) {
    case IIIF_SIZE_WIDTH:
        return size->w == 0;
    case IIIF_SIZE_HEIGHT:
        return size->h == 0;
    case IIIF_SIZE_EXACT:
    case IIIF_SIZE_CONFINED:
        return size->w == 0 || size->h == 0;
    case IIIF_SIZE_PERCENT:
        return size->percent == 0;
    case IIIF_SIZE_FULL:
    case IIIF_SIZE_MAX:
        break;
    }
    return false;
}

static iiif_rc malformed_size(iiif_version version, iiif_slice_t text, iiif_err_t *err)
{
    if (version == IIIF_VERSION_2)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1031,
                            "The size is malformed: in Image API 2 it is full, max, w, or ,h or w,h or !w,h in whole "
                            "pixels (10 digits at most), or pct:n.");
    if (iiif_slice_is(text, "full"))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1032,
                            "The size full is gone from Image API 3; write max.");
    return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1033,
                        "The size is malformed: it is max, w, or ,h or w,h or !w,h in whole pixels (10 digits at "
                        "most), or pct:n, each with a ^ in front where it may be enlarged.");
}

iiif_rc iiif_parse_size(iiif_version version, iiif_slice_t text, iiif_size_t *size, iiif_err_t *err)
{
    iiif_slice_t form = text;

    memset(size, 0, sizeof(*size));
    if (version == IIIF_VERSION_2 && iiif_slice_is(text, "full")) {
        size->kind = IIIF_SIZE_FULL;
        return IIIF_OK;
    }
    if (version != IIIF_VERSION_2 && iiif_slice_starts(text, "^")) {
        size->upscale = true;
        form = iiif_slice_skip(text, 1);
    }
    if (!parse_size_form(form, size))
        return malformed_size(version, text, err);
    if (asks_for_nothing(size))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1034, "The size is 0; ask for one pixel or more.");
    return IIIF_OK;
}

/* --- rotation ------------------------------------------------------------------------------------- */

bool iiif_looks_like_rotation(iiif_slice_t text)
{
    if (iiif_slice_starts(text, "!") || iiif_slice_starts(text, "-"))
        text = iiif_slice_skip(text, 1);
    for (size_t i = 0; i < text.length; i++)
        if (!is_digit(text.data[i]) && text.data[i] != '.')
            return false;
    return text.length > 0;
}

iiif_rc iiif_parse_rotation(iiif_slice_t text, iiif_rotation_t *rotation, iiif_err_t *err)
{
    memset(rotation, 0, sizeof(*rotation));
    if (iiif_slice_starts(text, "!")) {
        rotation->mirror = true;
        text = iiif_slice_skip(text, 1);
    }
    if (!iiif_parse_decimal(text, &rotation->degrees))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1035,
                            "The rotation is malformed: it is a number of degrees from 0 to 360 without sign, with a "
                            "! in front to mirror first.");
    if (rotation->degrees > 360 * IIIF_DECIMAL_ONE)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1036, "The rotation is out of range: it is from 0 to 360.");
    if (rotation->degrees == 360 * IIIF_DECIMAL_ONE)
        rotation->degrees = 0;
    return IIIF_OK;
}

/* --- quality and format ----------------------------------------------------------------------------- */

static bool parse_quality(iiif_slice_t word, iiif_quality *quality)
{
    static const iiif_quality known[] = {IIIF_QUALITY_DEFAULT, IIIF_QUALITY_COLOR, IIIF_QUALITY_GRAY,
                                         IIIF_QUALITY_BITONAL};

    for (size_t i = 0; i < IIIF_COUNT(known); i++) {
        if (iiif_slice_is(word, iiif_quality_name(known[i]))) {
            *quality = known[i];
            return true;
        }
    }
    return false;
}

bool iiif_looks_like_quality(iiif_slice_t text)
{
    iiif_slice_t word = text, format;
    iiif_quality quality;

    (void)iiif_slice_split_last(text, '.', &word, &format);
    return parse_quality(word, &quality) || iiif_slice_is(word, "native") || iiif_slice_is(word, "grey");
}

static bool parse_format(iiif_slice_t text, char format[IIIF_FORMAT_MAX])
{
    if (text.length == 0 || text.length >= IIIF_FORMAT_MAX)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (!is_digit(text.data[i]) && !(text.data[i] >= 'a' && text.data[i] <= 'z'))
            return false;
    memcpy(format, text.data, text.length);
    format[text.length] = '\0';
    return true;
}

iiif_rc iiif_parse_file(iiif_slice_t text, iiif_quality *quality, char format[IIIF_FORMAT_MAX], iiif_err_t *err)
{
    iiif_slice_t word = text, token;
    bool dot = iiif_slice_split_last(text, '.', &word, &token);

    if (!parse_quality(word, quality))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1037,
                            "The quality is unknown: it is default, color, gray or bitonal.");
    if (!dot)
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1038,
                            "The format is missing: end the request with quality.format, for example default.jpg.");
    if (!parse_format(token, format))
        return iiif_err_set(err, IIIF_E_BAD_REQUEST, 1039,
                            "The format is malformed: it is a word in lower case such as jpg or png.");
    return IIIF_OK;
}
