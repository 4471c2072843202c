/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Errors are values: what kind (which decides the HTTP status), which id (which a log line and the
 * documentation share), and a sentence that may be shown to a client.
 */
#ifndef IIIF_ERR_H
#define IIIF_ERR_H

#include "iiif_base.h"

/** Kinds of failure. The HTTP status beside each is what the service answers. */
typedef enum iiif_rc {
    IIIF_OK = 0,
    IIIF_E_BAD_REQUEST,   /**< 400: the request is malformed, or asks more than is announced */
    IIIF_E_NOT_FOUND,     /**< 404: nothing has this identifier */
    IIIF_E_FORBIDDEN,     /**< 403 */
    IIIF_E_UNSUPPORTED,   /**< 501: valid, but this server or this master cannot do it */
    IIIF_E_NOT_IMAGE,     /**< 500: the master is no image that this build can read */
    IIIF_E_BAD_MASTER,    /**< 500: the master is damaged */
    IIIF_E_TOO_LARGE,     /**< 501: this master can never be rendered within the budget */
    IIIF_E_IO,            /**< 500: reading or writing failed */
    IIIF_E_NO_MEMORY,     /**< 503: the budget or the machine has no memory left */
    IIIF_E_TIMEOUT,       /**< 503: the time budget of the request is used up */
    IIIF_E_BUSY,          /**< 503: too much work at once; try again */
    IIIF_E_CANCELLED,     /**< no answer: the client has gone */
    IIIF_E_INTERNAL       /**< 500: a state that should not be */
} iiif_rc;

typedef struct iiif_err {
    iiif_rc kind;
    int id;            /**< 1000–9999, written IIIFnnnn in logs; unique to one place in the source */
    char detail[256];  /**< one sentence in English, free of paths; may be shown to the client */
} iiif_err_t;

/**
 * Records an error and returns its kind, so that `return iiif_err_set(...)` reads well.
 * `err` may be NULL. Text that does not fit is cut at a UTF-8 border. Never fails.
 */
iiif_rc iiif_err_set(iiif_err_t *err, iiif_rc kind, int id, const char *format, ...)
    IIIF_PRINTF(4, 5);

/** The HTTP status for a kind; 200 for IIIF_OK, 499 (never sent) for IIIF_E_CANCELLED. */
int iiif_err_status(iiif_rc kind);

/** "out of memory" by its one id; the commonest error has one spelling. `what` names the thing. */
iiif_rc iiif_err_memory(iiif_err_t *err, const char *what, size_t bytes);

#endif
