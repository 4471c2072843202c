/* SPDX-License-Identifier: Apache-2.0 */
#include "iiif_cancel.h"

#include <time.h>

#define POLL_EVERY_NS 20000000u

uint64_t iiif_now_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

iiif_rc iiif_cancel_check(iiif_cancel_t *cancel, iiif_err_t *err)
{
    uint64_t now;

    if (cancel == NULL)
        return IIIF_OK;
    now = iiif_now_ns();
    if (!cancel->is_gone && cancel->gone != NULL && now >= cancel->next_poll_ns) {
        cancel->next_poll_ns = now + POLL_EVERY_NS;
        cancel->is_gone = cancel->gone(cancel->context);
    }
    if (cancel->is_gone)
        return iiif_err_set(err, IIIF_E_CANCELLED, 1002, "The client has gone.");
    if (cancel->deadline_ns != 0 && now >= cancel->deadline_ns)
        return iiif_err_set(err, IIIF_E_TIMEOUT, 1003,
                            "The time allowed for one request is used up; ask for a smaller region or size.");
    return IIIF_OK;
}
