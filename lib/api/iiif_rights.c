/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_rights.h"

#include <string.h>

#include "../core/iiif_slice.h"
#include "iiif_info.h"

/* Identifiers of RightsStatements.org 1.0; the Creative Commons codes of all versions. */
static const char *const statements[] = {"InC",    "InC-OW-EU", "InC-EDU",  "InC-NC", "InC-RUU", "NoC-CR",
                                         "NoC-NC", "NoC-OKLR",  "NoC-US", "CNE",    "UND",     "NKC", NULL};
static const char *const licenses[] = {"by",       "by-sa",    "by-nd", "by-nc", "by-nc-sa", "by-nc-nd", "by-nd-nc",
                                       "sa",       "nd",       "nc",    "nc-sa", "nd-nc",    "sampling", "sampling+",
                                       "nc-sampling+", NULL};
static const char *const domains[] = {"zero", "mark", "certification", NULL};

static bool is_one_of(iiif_slice_t word, const char *const *list)
{
    for (; *list != NULL; list++)
        if (iiif_slice_is(word, *list))
            return true;
    return false;
}

/* 1.0 … 4.0 */
static bool is_number(iiif_slice_t word)
{
    return word.length == 3 && word.data[0] >= '1' && word.data[0] <= '9' && word.data[1] == '.' &&
           word.data[2] >= '0' && word.data[2] <= '9';
}

/* de, scotland, igo: the ported licences. */
static bool is_jurisdiction(iiif_slice_t word)
{
    for (size_t i = 0; i < word.length; i++)
        if (word.data[i] < 'a' || word.data[i] > 'z')
            return false;
    return word.length >= 2 && word.length <= 16;
}

/* `word/number/` or, for licences, `word/number/jurisdiction/`. */
static bool is_statement(iiif_slice_t path, const char *const *words, bool ported)
{
    iiif_slice_t word, number, place;

    if (!iiif_slice_split_first(path, '/', &word, &path) || !iiif_slice_split_first(path, '/', &number, &path) ||
        !is_one_of(word, words) || !is_number(number))
        return false;
    if (path.length == 0)
        return true;
    return ported && iiif_slice_split_first(path, '/', &place, &path) && is_jurisdiction(place) && path.length == 0;
}

bool iiif_rights_valid(const char *uri)
{
    iiif_slice_t text = iiif_slice(uri);

    if (iiif_slice_starts(text, "http://rightsstatements.org/vocab/"))
        return is_statement(iiif_slice_skip(text, strlen("http://rightsstatements.org/vocab/")), statements, false);
    if (iiif_slice_starts(text, "http://creativecommons.org/licenses/"))
        return is_statement(iiif_slice_skip(text, strlen("http://creativecommons.org/licenses/")), licenses, true);
    if (iiif_slice_starts(text, "http://creativecommons.org/publicdomain/"))
        return is_statement(iiif_slice_skip(text, strlen("http://creativecommons.org/publicdomain/")), domains, true);
    return false;
}

/* rightsstatements.org has its pages below /page/, named like the statement. */
static bool write_canonical(iiif_slice_t rest, char *out, size_t capacity)
{
    static const char page[] = "rightsstatements.org/page/", vocab[] = "rightsstatements.org/vocab/";
    const char *host = "";
    size_t length;

    if (iiif_slice_starts(rest, "www."))
        rest = iiif_slice_skip(rest, 4);
    if (iiif_slice_starts(rest, page)) {
        host = vocab;
        rest = iiif_slice_skip(rest, strlen(page));
    }
    length = strlen("http://") + strlen(host) + rest.length;
    if (rest.length == 0 || length + 2 > capacity)
        return false;
    memcpy(out, "http://", 7);
    memcpy(out + 7, host, strlen(host));
    memcpy(out + 7 + strlen(host), rest.data, rest.length);
    if (out[length - 1] != '/')
        out[length++] = '/';
    out[length] = '\0';
    return true;
}

bool iiif_rights_canonical(const char *uri, char *out, size_t capacity)
{
    iiif_slice_t text = iiif_slice(uri), rest;
    static const char *const legal[] = {"legalcode", "deed"};
    iiif_slice_t head, tail;

    if (iiif_slice_starts(text, "https://"))
        rest = iiif_slice_skip(text, strlen("https://"));
    else if (iiif_slice_starts(text, "http://"))
        rest = iiif_slice_skip(text, strlen("http://"));
    else
        return false;
    /* …/by/4.0/deed.en and …/by/4.0/legalcode are pages about the licence that stands before them. */
    if (iiif_slice_split_last(rest, '/', &head, &tail))
        for (size_t i = 0; i < IIIF_COUNT(legal); i++)
            if (iiif_slice_starts(tail, legal[i]))
                rest = head;
    return write_canonical(rest, out, capacity) && iiif_rights_valid(out);
}
