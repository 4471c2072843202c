/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_slice.h"

#include <string.h>

iiif_slice_t iiif_slice(const char *text)
{
    return iiif_slice_of(text, text != NULL ? strlen(text) : 0);
}

iiif_slice_t iiif_slice_of(const char *data, size_t length)
{
    iiif_slice_t slice = {data, length};

    return slice;
}

bool iiif_slice_is(iiif_slice_t slice, const char *text)
{
    size_t length = strlen(text);

    return slice.length == length && (length == 0 || memcmp(slice.data, text, length) == 0);
}

bool iiif_slice_starts(iiif_slice_t slice, const char *prefix)
{
    size_t length = strlen(prefix);

    return slice.length >= length && (length == 0 || memcmp(slice.data, prefix, length) == 0);
}

iiif_slice_t iiif_slice_skip(iiif_slice_t slice, size_t n)
{
    if (n > slice.length)
        n = slice.length;
    return n == 0 ? slice : iiif_slice_of(slice.data + n, slice.length - n);
}

static bool split_at(iiif_slice_t slice, const char *at, iiif_slice_t *head, iiif_slice_t *tail)
{
    size_t before;

    if (at == NULL)
        return false;
    before = (size_t)(at - slice.data);
    *head = iiif_slice_of(slice.data, before);
    *tail = iiif_slice_of(at + 1, slice.length - before - 1);
    return true;
}

bool iiif_slice_split_last(iiif_slice_t slice, char c, iiif_slice_t *head, iiif_slice_t *tail)
{
    return slice.length != 0 && split_at(slice, memrchr(slice.data, c, slice.length), head, tail);
}

bool iiif_slice_split_first(iiif_slice_t slice, char c, iiif_slice_t *head, iiif_slice_t *tail)
{
    return slice.length != 0 && split_at(slice, memchr(slice.data, c, slice.length), head, tail);
}

/* --- percent codec ---------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* The byte at slice.data[*i]; moves *i past it. -1 on a broken escape. */
static int decode_one(iiif_slice_t slice, size_t *i)
{
    char c = slice.data[*i];
    int high, low;

    if (c != '%') {
        *i += 1;
        return (unsigned char)c;
    }
    if (slice.length - *i < 3)
        return -1;
    high = hex_digit(slice.data[*i + 1]);
    low = hex_digit(slice.data[*i + 2]);
    if (high < 0 || low < 0)
        return -1;
    *i += 3;
    return high * 16 + low;
}

bool iiif_percent_decode(iiif_slice_t encoded, char *out, size_t capacity, size_t *length)
{
    size_t n = 0;

    for (size_t i = 0; i < encoded.length;) {
        int byte = decode_one(encoded, &i);

        if (byte <= 0 || capacity == 0 || n >= capacity - 1)
            return false;
        out[n++] = (char)byte;
    }
    if (capacity == 0)
        return false;
    out[n] = '\0';
    *length = n;
    return true;
}

/* RFC 3986 §2.3 unreserved, the sub-delimiters of §2.2, and the colon (Image 3.0 §9). */
static bool stays_literal(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr("-._~!$&'()*+,;=:", c) != NULL;
}

bool iiif_percent_encode(iiif_slice_t raw, bool keep_slash, char *out, size_t capacity, size_t *length)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    for (size_t i = 0; i < raw.length; i++) {
        unsigned char c = (unsigned char)raw.data[i];
        bool literal = stays_literal(c) || (keep_slash && c == '/');
        size_t need = literal ? 1 : 3;

        if (capacity < need + 1 || n > capacity - 1 - need)
            return false;
        if (literal) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    if (capacity == 0)
        return false;
    out[n] = '\0';
    *length = n;
    return true;
}

/* --- UTF-8 ------------------------------------------------------------------------------------- */

static bool is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the well-formed sequence at p (Unicode table 3-7), 0 where there is none. */
static size_t sequence_length(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (left < n)
        return 0;
    /* The second byte excludes overlong forms, surrogates, and what lies above U+10FFFF. */
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (!is_continuation(p[i]))
            return 0;
    return n;
}

bool iiif_utf8_valid(iiif_slice_t text)
{
    const unsigned char *p = (const unsigned char *)text.data;

    for (size_t i = 0; i < text.length;) {
        size_t n = sequence_length(p + i, text.length - i);

        if (n == 0)
            return false;
        i += n;
    }
    return true;
}
