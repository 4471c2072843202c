/* SPDX-License-Identifier: Apache-2.0 */
/* Accept headers for info.json: always one of two types, never anything else. */
#include "fuzz.h"

#include "../../lib/api/iiif_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *header = malloc(size + 1);

    if (header == NULL)
        return 0;
    memcpy(header, data, size);
    header[size] = '\0';
    for (int version = IIIF_VERSION_2; version <= IIIF_VERSION_3; version++) {
        iiif_info_type type = iiif_info_negotiate((iiif_version)version, header);

        FUZZ_CHECK(type == IIIF_INFO_JSON || type == IIIF_INFO_JSONLD);
        FUZZ_CHECK(iiif_info_media_type((iiif_version)version, type) != NULL);
    }
    free(header);
    return 0;
}
