/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_info.h"

#include <stdlib.h>
#include <string.h>

#include "iiif_offer.h"
#include "iiif_pyramid.h"
#include "iiif_ver.h"

static const iiif_api_version_t *const versions[] = {&iiif_ver_image2, &iiif_ver_image3};

const iiif_api_version_t *iiif_api_version_find(iiif_version version)
{
    for (size_t i = 0; i < IIIF_COUNT(versions); i++)
        if (versions[i]->version == version)
            return versions[i];
    return NULL;
}

const char *iiif_info_level(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                            const iiif_info_params_t *params)
{
    static const char *const levels[2][3] = {
        {"http://iiif.io/api/image/2/level0.json", "http://iiif.io/api/image/2/level1.json",
         "http://iiif.io/api/image/2/level2.json"},
        {"http://iiif.io/api/image/3/level0.json", "http://iiif.io/api/image/3/level1.json",
         "http://iiif.io/api/image/3/level2.json"}};

    return levels[version == IIIF_VERSION_2 ? 0 : 1][iiif_offer_level(version, facts, limits, params)];
}

void iiif_ver_set_pyramid(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                          iiif_doc_t *doc)
{
    iiif_doc_t list = iiif_doc_array(), tile_list = iiif_doc_array();
    iiif_doc_t tile = iiif_doc_object(), factors = iiif_doc_array();
    iiif_sizes_t sizes;
    iiif_tiles_t tiles;

    iiif_pyramid_sizes(version, facts, limits, &sizes);
    for (unsigned i = 0; i < sizes.count; i++) {
        iiif_doc_t size = iiif_doc_object();

        iiif_doc_set_number(&size, "width", sizes.list[i].width);
        iiif_doc_set_number(&size, "height", sizes.list[i].height);
        iiif_doc_add(&list, iiif_doc_take(&size));
    }
    iiif_doc_set_part(doc, "sizes", &list);

    iiif_pyramid_tiles(facts, limits, &tiles);
    for (unsigned i = 0; i < tiles.factors; i++)
        iiif_doc_add(&factors, json_integer((json_int_t)1 << i));
    iiif_doc_set_number(&tile, "width", tiles.width);
    if (tiles.height != tiles.width)
        iiif_doc_set_number(&tile, "height", tiles.height);
    iiif_doc_set_part(&tile, "scaleFactors", &factors);
    iiif_doc_add(&tile_list, iiif_doc_take(&tile));
    iiif_doc_set_part(doc, "tiles", &tile_list);
}

/* jansson has no dump that grows a buffer and leaves room for a newline; so the size is asked for first. */
static char *dump(const json_t *document, size_t *length)
{
    const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(15);
    size_t size = json_dumpb(document, NULL, 0, flags);
    char *text = size > 0 ? malloc(size + 2) : NULL;

    if (text == NULL)
        return NULL;
    if (json_dumpb(document, text, size, flags) != size) {
        free(text);
        return NULL;
    }
    text[size] = '\n';
    text[size + 1] = '\0';
    *length = size + 1;
    return text;
}

char *iiif_info_write(iiif_version version, const iiif_facts_t *facts, const iiif_limits_t *limits,
                      const iiif_info_params_t *params, size_t *length, iiif_err_t *err)
{
    const iiif_api_version_t *api = iiif_api_version_find(version);
    json_t *document;
    char *text = NULL;

    if (api == NULL) {
        (void)iiif_err_set(err, IIIF_E_INTERNAL, 4000, "There is no Image API version %d here.", (int)version);
        return NULL;
    }
    document = api->info(facts, limits, params);
    if (document != NULL)
        text = dump(document, length);
    json_decref(document);
    if (text == NULL)
        (void)iiif_err_memory(err, "info.json", 0);
    return text;
}
