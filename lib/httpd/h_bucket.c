/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Encoded bytes to the client. What is small is held back until it is whole: it gets a Content-Length, ranges, and an
 * error can still become a status. What is larger streams, and then an error can only be told by cutting the response
 * visibly.
 */
#include "h_iiif.h"

#include <apr_buckets.h>
#include <apr_portable.h>
#include <apr_strings.h>

#include <poll.h>

APLOG_USE_MODULE(iiif);

/* Held back at most. Also about what mod_cache and most tiles stay below. */
#define HOLD_BYTES (512 * 1024)
/* Handed on at a time once it streams. */
#define CHUNK_BYTES (64 * 1024)

struct h_bucket_sink {
    request_rec *r;
    h_bucket_pause_t pause;
    apr_bucket_brigade *brigade;
    apr_off_t held;        /* bytes in the brigade */
    apr_off_t total;
    bool streaming;        /* something has left */
    bool broken;           /* the filters took no more: the client has gone */
};

static iiif_rc client_gone(h_bucket_sink_t *bucket, iiif_err_t *err)
{
    bucket->broken = true;
    return iiif_err_set(err, IIIF_E_CANCELLED, 6210, "The client has gone while it was sent the image.");
}

/* APR's ring macros cast a qualifier away. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
static void append(h_bucket_sink_t *bucket, apr_bucket *b)
{
    APR_BRIGADE_INSERT_TAIL(bucket->brigade, b);
}
#pragma GCC diagnostic pop

/* Passes on what is held. Blocks where the client is slow, so the place among the renders may be given back meanwhile. */
static iiif_rc pass(h_bucket_sink_t *bucket, iiif_err_t *err)
{
    request_rec *r = bucket->r;
    apr_status_t status;
    iiif_rc rc = IIIF_OK;

    append(bucket, apr_bucket_flush_create(r->connection->bucket_alloc));
    if (bucket->pause.pause != NULL)
        bucket->pause.pause(bucket->pause.context);
    bucket->streaming = true;
    status = ap_pass_brigade(r->output_filters, bucket->brigade);
    if (bucket->pause.resume != NULL)
        rc = bucket->pause.resume(bucket->pause.context, err);
    apr_brigade_cleanup(bucket->brigade);
    bucket->held = 0;
    if (status != APR_SUCCESS || r->connection->aborted)
        return client_gone(bucket, err);
    return rc;
}

static iiif_rc bucket_write(void *context, const uint8_t *data, size_t length, iiif_err_t *err)
{
    h_bucket_sink_t *bucket = context;

    while (length > 0) {
        apr_off_t room = (bucket->streaming ? CHUNK_BYTES : HOLD_BYTES) - bucket->held;
        size_t n = (apr_off_t)length < room ? length : (size_t)room;

        /* Copies, into buckets of about 8 KiB that grow out of one allocation each. */
        if (apr_brigade_write(bucket->brigade, NULL, NULL, (const char *)data, n) != APR_SUCCESS)
            return iiif_err_set(err, IIIF_E_NO_MEMORY, 6211, "There is no memory for the answer; try again later.");
        bucket->held += (apr_off_t)n;
        bucket->total += (apr_off_t)n;
        data += n;
        length -= n;
        if (bucket->held >= (bucket->streaming ? CHUNK_BYTES : HOLD_BYTES) && length > 0) {
            iiif_rc rc = pass(bucket, err);

            if (rc != IIIF_OK)
                return rc;
        }
    }
    return IIIF_OK;
}

h_bucket_sink_t *h_bucket_open(request_rec *r, const h_bucket_pause_t *pause, iiif_sink_t *sink)
{
    h_bucket_sink_t *bucket = apr_pcalloc(r->pool, sizeof(*bucket));

    bucket->r = r;
    if (pause != NULL)
        bucket->pause = *pause;
    bucket->brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    sink->write = bucket_write;
    sink->context = bucket;
    return bucket;
}

int h_bucket_finish(h_bucket_sink_t *bucket)
{
    request_rec *r = bucket->r;
    apr_status_t status;

    /* One brigade with its end: only so the byte range filter sees the whole. */
    if (!bucket->streaming)
        ap_set_content_length(r, bucket->held);
    append(bucket, apr_bucket_eos_create(r->connection->bucket_alloc));
    status = ap_pass_brigade(r->output_filters, bucket->brigade);
    apr_brigade_cleanup(bucket->brigade);
    if (status == APR_SUCCESS || r->connection->aborted || status == APR_ECONNABORTED)
        return OK;
    /* A filter of another module refused; the header filter tells httpd whether a status can still be sent. */
    return AP_FILTER_ERROR;
}

bool h_bucket_abandon(h_bucket_sink_t *bucket)
{
    request_rec *r = bucket->r;

    apr_brigade_cleanup(bucket->brigade);
    bucket->held = 0;
    if (!bucket->streaming)
        return true;
    /* What was cut must not be kept for others. */
    r->no_cache = 1;
    if (bucket->broken)
        return false;
    /*
     * The chunked coding ends without its last chunk, an HTTP/2 stream is reset: the client sees that something is
     * missing. A status returned now would append httpd's page of HTML to the image.
     */
    append(bucket, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, r->connection->bucket_alloc));
    append(bucket, apr_bucket_eos_create(r->connection->bucket_alloc));
    (void)ap_pass_brigade(r->output_filters, bucket->brigade);
    apr_brigade_cleanup(bucket->brigade);
    return false;
}

apr_off_t h_bucket_bytes(const h_bucket_sink_t *bucket)
{
    return bucket->total;
}

/*
 * Has the client closed its connection? Over HTTP/2 mod_http2 says so, and the socket belongs to all streams. A
 * client that closes only its sending half looks gone too; none that fetches images does that.
 */
bool h_bucket_client_gone(void *request)
{
    const request_rec *r = request;
    struct pollfd descriptor = {.events = POLLRDHUP};
    apr_socket_t *socket;
    apr_os_sock_t fd;

    if (r->connection->aborted)
        return true;
    if (r->connection->master != NULL)
        return r->connection->master->aborted;
    socket = ap_get_conn_socket(r->connection);
    if (socket == NULL || apr_os_sock_get(&fd, socket) != APR_SUCCESS)
        return false;
    descriptor.fd = fd;
    return poll(&descriptor, 1, 0) == 1 && (descriptor.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}
