/* SPDX-License-Identifier: Apache-2.0 */
#include "j2k_coding.h"

#include <string.h>

#include "j2k_packet.h"

#define QCC 0xFF5Du
#define RGN 0xFF5Eu
#define POC 0xFF5Fu
#define PPT 0xFF61u
#define PLT 0xFF58u
#define CRG 0xFF63u
#define COM 0xFF64u
#define CPF 0xFF59u
#define PRF 0xFF56u

#define PLANES_MAX 37u
#define SHIFT_MAX 37u

/* --- quantisation ---------------------------------------------------------------------------------------- */

/* Sqcd and SPqcd. Steps beyond what is indexed are left out. */
static iiif_rc read_quant(const uint8_t *p, size_t n, iiif_j2k_quant_t *quant, iiif_err_t *err)
{
    size_t count;

    memset(quant, 0, sizeof(*quant));
    if (n < 1 || (p[0] & 31) > 2)
        return iiif_j2k_irregular(err, "its quantisation is not of part 1");
    quant->style = p[0] & 31;
    quant->guard = p[0] >> 5;
    count = quant->style == 0 ? n - 1 : (n - 1) / 2;
    if (quant->style == 1)
        count = iiif_min_u64(count, 1);
    quant->count = (uint8_t)iiif_min_u64(count, IIIF_J2K_STEPS_MAX);
    for (unsigned i = 0; i < quant->count; i++)
        quant->steps[i] = quant->style == 0 ? (uint16_t)((unsigned)p[1 + i] >> 3 << 11) : iiif_be16(p + 1 + 2 * i);
    return IIIF_OK;
}

uint16_t iiif_j2k_step(const iiif_j2k_quant_t *quant, unsigned band)
{
    unsigned exponent, less;

    if (quant->style != 1)
        return quant->steps[band];
    exponent = quant->steps[0] >> 11; /* E-5 */
    less = band == 0 ? 0 : (band - 1) / 3;
    exponent = exponent > less ? exponent - less : 0;
    return (uint16_t)(exponent << 11 | (quant->steps[0] & 0x7FF));
}

unsigned iiif_j2k_planes_of(const iiif_j2k_coded_component_t *component, unsigned band)
{
    unsigned planes = component->quant.guard + (unsigned)(iiif_j2k_step(&component->quant, band) >> 11) + component->shift;

    return planes > 0 ? planes - 1 : 0;
}

/* --- segments ----------------------------------------------------------------------------------------------- */

static iiif_rc take_cod(unsigned count, const uint8_t *p, size_t n, iiif_j2k_tile_coding_t *coding, iiif_err_t *err)
{
    iiif_j2k_cod_t cod;
    iiif_rc rc = iiif_j2k_read_cod(p, n, &cod, err);

    if (rc != IIIF_OK)
        return rc;
    coding->layers = cod.layers;
    coding->progression = cod.progression;
    coding->has_transform = cod.has_transform;
    coding->has_sop = (p[0] & 2) != 0;
    coding->has_eph = (p[0] & 4) != 0;
    for (unsigned c = 0; c < count; c++) {
        if (coding->coding_by[c] < 2) {
            coding->components[c].coding = cod.coding;
            coding->coding_by[c] = 1;
        }
    }
    return IIIF_OK;
}

static iiif_rc take_qcd(unsigned count, const uint8_t *p, size_t n, iiif_j2k_tile_coding_t *coding, iiif_err_t *err)
{
    iiif_j2k_quant_t quant;
    iiif_rc rc = read_quant(p, n, &quant, err);

    for (unsigned c = 0; rc == IIIF_OK && c < count; c++) {
        if (coding->quant_by[c] < 2) {
            coding->components[c].quant = quant;
            coding->quant_by[c] = 1;
        }
    }
    return rc;
}

/* COC, QCC and RGN begin with their component. */
static iiif_rc take_own(unsigned count, unsigned marker, const uint8_t *p, size_t n, iiif_j2k_tile_coding_t *coding,
                        iiif_err_t *err)
{
    unsigned c = n > 0 ? p[0] : count;
    iiif_rc rc;

    if (c >= count)
        return iiif_j2k_irregular(err, "a header names a component that is not there");
    if (marker == IIIF_J2K_COC) {
        rc = iiif_j2k_read_coc(p, n, count, &c, &coding->components[c].coding, err);
        coding->coding_by[c] = 2;
        return rc;
    }
    if (marker == QCC) {
        coding->quant_by[c] = 2;
        return read_quant(p + 1, n - 1, &coding->components[c].quant, err);
    }
    if (n < 3 || p[1] != 0 || p[2] > SHIFT_MAX)
        return iiif_j2k_irregular(err, "its region of interest is not of part 1");
    coding->components[c].shift = p[2];
    return IIIF_OK;
}

iiif_rc iiif_j2k_coding_segment(unsigned count, unsigned marker, const uint8_t *p, size_t n,
                                iiif_j2k_tile_coding_t *coding, iiif_err_t *err)
{
    switch (marker) {
    case IIIF_J2K_COD:
        return take_cod(count, p, n, coding, err);
    case IIIF_J2K_QCD:
        return take_qcd(count, p, n, coding, err);
    case IIIF_J2K_COC:
    case QCC:
    case RGN:
        return take_own(count, marker, p, n, coding, err);
    case IIIF_J2K_CAP:
    case IIIF_J2K_TLM:
    case IIIF_J2K_PLM:
    case PLT:
    case CRG:
    case COM:
    case CPF:
    case PRF:
        return IIIF_OK;
    case POC:
        return iiif_j2k_irregular(err, "it changes the progression order on its way");
    case PPT:
        return iiif_j2k_irregular(err, "its packet headers lie apart");
    default:
        return iiif_j2k_irregular(err, "a header holds an unknown marker");
    }
}

void iiif_j2k_coding_enter_tile(iiif_j2k_tile_coding_t *coding)
{
    memset(coding->coding_by, 0, sizeof(coding->coding_by));
    memset(coding->quant_by, 0, sizeof(coding->quant_by));
}

iiif_rc iiif_j2k_coding_main(const iiif_j2k_header_t *h, iiif_j2k_tile_coding_t *coding, iiif_err_t *err)
{
    size_t at = 2 + 2 + 38 + 3 * (size_t)h->component_count; /* behind SOC and SIZ */
    iiif_rc rc = IIIF_OK;

    memset(coding, 0, sizeof(*coding));
    if (h->component_count > IIIF_J2K_INDEXED_COMPONENTS)
        return iiif_j2k_irregular(err, "it has many components");
    if (h->is_packed)
        return iiif_j2k_irregular(err, "its packet headers lie in the main header");
    while (rc == IIIF_OK && h->byte_count - at >= 4) {
        unsigned marker = iiif_be16(h->bytes + at), length = iiif_be16(h->bytes + at + 2);

        if (length < 2 || length > h->byte_count - at - 2) /* the header was read through before: never */
            return iiif_j2k_irregular(err, "its main header is damaged");
        rc = iiif_j2k_coding_segment(h->component_count, marker, h->bytes + at + 4, length - 2, coding, err);
        at += 2 + (size_t)length;
    }
    return rc;
}

/* --- checks --------------------------------------------------------------------------------------------------- */

static iiif_rc check_component(const iiif_j2k_coded_component_t *component, iiif_err_t *err)
{
    const iiif_j2k_coding_t *coding = &component->coding;
    const iiif_j2k_quant_t *quant = &component->quant;
    unsigned bands = 3u * coding->levels + 1;

    if (coding->levels > IIIF_J2K_INDEXED_LEVELS)
        return iiif_j2k_irregular(err, "it has very many decompositions");
    if ((coding->style & ~(IIIF_J2K_STYLE_HT | 0x3Fu)) != 0)
        return iiif_j2k_irregular(err, "its code-blocks are mixed or unknown");
    if ((coding->style & IIIF_J2K_STYLE_HT) != 0 && (coding->style & ~(IIIF_J2K_STYLE_HT | 0x08u)) != 0)
        return iiif_j2k_irregular(err, "its high-throughput code-blocks are of an unknown style");
    if (quant->count < (quant->style == 1 ? 1 : bands))
        return iiif_j2k_irregular(err, "its quantisation lacks bands");
    if ((quant->style == 0) != (coding->transform == 1))
        return iiif_j2k_irregular(err, "its quantisation does not fit its wavelet");
    for (unsigned b = 0; b < bands; b++) {
        unsigned planes = iiif_j2k_planes_of(component, b);

        if (planes - component->shift > PLANES_MAX || planes > PLANES_MAX + SHIFT_MAX)
            return iiif_j2k_irregular(err, "it claims very many bit-planes");
    }
    return IIIF_OK;
}

iiif_rc iiif_j2k_coding_check(unsigned count, const iiif_j2k_tile_coding_t *coding, iiif_err_t *err)
{
    iiif_rc rc = IIIF_OK;

    for (unsigned c = 0; rc == IIIF_OK && c < count; c++)
        rc = check_component(&coding->components[c], err);
    return rc;
}
