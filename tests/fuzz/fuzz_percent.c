/* SPDX-License-Identifier: Apache-2.0 */
/* Percent codec and UTF-8: bounds, and that what is encoded decodes to what it was. */
#include "fuzz.h"

#include "../../lib/core/iiif_slice.h"

#define CAPACITY 512

static void check_round_trip(iiif_slice_t raw, bool keep_slash)
{
    char encoded[CAPACITY], back[CAPACITY];
    size_t n = 0, m = 0;

    if (!iiif_percent_encode(raw, keep_slash, encoded, sizeof(encoded), &n))
        return;
    FUZZ_CHECK(n < sizeof(encoded) && encoded[n] == '\0' && n >= raw.length);
    FUZZ_CHECK(keep_slash || memchr(encoded, '/', n) == NULL);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK((unsigned char)encoded[i] > 0x20 && (unsigned char)encoded[i] < 0x7F);
    if (memchr(raw.data, '\0', raw.length) != NULL) {
        FUZZ_CHECK(!iiif_percent_decode(iiif_slice_of(encoded, n), back, sizeof(back), &m));
        return;
    }
    FUZZ_CHECK(iiif_percent_decode(iiif_slice_of(encoded, n), back, sizeof(back), &m));
    FUZZ_CHECK(m == raw.length && memcmp(back, raw.data, m) == 0);
}

/* The first byte chooses how much room there is to decode into. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    iiif_slice_t text;
    size_t room, n = 0;
    char *out;

    if (size == 0)
        return 0;
    room = (size_t)data[0] + 1;
    text = iiif_slice_of((const char *)data + 1, size - 1);
    out = malloc(room);
    if (out == NULL)
        return 0;
    if (iiif_percent_decode(text, out, room, &n)) {
        FUZZ_CHECK(n < room && out[n] == '\0' && n <= text.length && memchr(out, '\0', n) == NULL);
        check_round_trip(iiif_slice_of(out, n), false);
    }
    (void)iiif_utf8_valid(text);
    check_round_trip(text, false);
    check_round_trip(text, true);
    free(out);
    return 0;
}
