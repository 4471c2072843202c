/* SPDX-License-Identifier: Apache-2.0 */
/* Sidecars: whatever parses must give info.json documents of both versions that parse again. */
#include "fuzz.h"

#include "../../lib/api/iiif_info.h"

static iiif_facts_t facts_of_a_page(void)
{
    iiif_facts_t facts;
    iiif_err_t err;

    memset(&facts, 0, sizeof(facts));
    facts.stored_width = 3000;
    facts.stored_height = 4000;
    facts.orientation = 1;
    facts.layout = IIIF_LAYOUT_RGB;
    facts.depth = facts.precision = 8;
    facts.color_class = IIIF_CLASS_COLOR;
    facts.pages = facts.page = 1;
    facts.pixels_per_unit_x = facts.pixels_per_unit_y = 118.11;
    facts.unit = IIIF_UNIT_CM;
    for (unsigned i = 0; i < 4; i++)
        FUZZ_CHECK(iiif_facts_add_level(&facts, 3000u >> i, 4000u >> i, 256, 256));
    FUZZ_CHECK(iiif_facts_finish(&facts, &err) == IIIF_OK);
    return facts;
}

static void write_info(iiif_version version, const json_t *sidecar)
{
    static const char *const formats[] = {"jpg", "png", "webp", NULL};
    const iiif_info_params_t params = {.id = "https://example.org/iiif/3/a%2Fb.jp2", .formats = formats,
                                       .sidecar = sidecar, .cors = true, .rotation_arbitrary = true};
    const iiif_limits_t limits = {.max_width = 5000, .qualities = IIIF_QUALITIES_ALL};
    iiif_facts_t facts = facts_of_a_page();
    size_t length = 0;
    iiif_err_t err;
    char *text = iiif_info_write(version, &facts, &limits, &params, &length, &err);
    json_t *again;

    if (text == NULL) {
        fuzz_check_error(err.kind, &err);
        return;
    }
    FUZZ_CHECK(text[length] == '\0' && strlen(text) == length && length > 0 && text[length - 1] == '\n');
    again = json_loadb(text, length, 0, NULL);
    FUZZ_CHECK(json_is_object(again));
    FUZZ_CHECK(json_integer_value(json_object_get(again, "width")) == 3000);
    json_decref(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *sidecar = NULL;
    iiif_err_t err;
    iiif_rc rc = iiif_sidecar_parse((const char *)data, size, &sidecar, &err);

    if (rc != IIIF_OK) {
        fuzz_check_error(rc, &err);
        return 0;
    }
    FUZZ_CHECK(json_is_object(sidecar));
    write_info(IIIF_VERSION_2, sidecar);
    write_info(IIIF_VERSION_3, sidecar);
    json_decref(sidecar);
    return 0;
}
