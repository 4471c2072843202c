/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* snprintf cuts at a byte; a client must not see half a UTF-8 sequence. */
static void cut_at_character(char *text, size_t capacity)
{
    size_t n = strlen(text);

    if (n + 1 < capacity)
        return;
    while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
        n--;
    if (n > 0 && ((unsigned char)text[n - 1] & 0x80) != 0)
        n--;
    text[n] = '\0';
}

iiif_rc iiif_err_set(iiif_err_t *err, iiif_rc kind, int id, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return kind;
    err->kind = kind;
    err->id = id;
    va_start(args, format);
    if (vsnprintf(err->detail, sizeof(err->detail), format, args) < 0)
        err->detail[0] = '\0';
    va_end(args);
    cut_at_character(err->detail, sizeof(err->detail));
    return kind;
}

int iiif_err_status(iiif_rc kind)
{
    switch (kind) {
    case IIIF_OK:
        return 200;
    case IIIF_E_BAD_REQUEST:
        return 400;
    case IIIF_E_NOT_FOUND:
        return 404;
    case IIIF_E_FORBIDDEN:
        return 403;
    case IIIF_E_UNSUPPORTED:
    case IIIF_E_TOO_LARGE:
        return 501;
    case IIIF_E_NO_MEMORY:
    case IIIF_E_TIMEOUT:
    case IIIF_E_BUSY:
        return 503;
    case IIIF_E_CANCELLED:
        return 499;
    case IIIF_E_NOT_IMAGE:
    case IIIF_E_BAD_MASTER:
    case IIIF_E_IO:
    case IIIF_E_INTERNAL:
        break;
    }
    return 500;
}

iiif_rc iiif_err_memory(iiif_err_t *err, const char *what, size_t bytes)
{
    return iiif_err_set(err, IIIF_E_NO_MEMORY, 1001,
                        "There is not enough memory for %s (%zu bytes); try again later or ask for less.",
                        what, bytes);
}
