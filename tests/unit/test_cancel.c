/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../lib/core/iiif_cancel.h"

typedef struct client {
    int asked;
    bool gone;
} client_t;

static bool ask(void *context)
{
    client_t *client = context;

    client->asked++;
    return client->gone;
}

static void test_without_a_token_nothing_stops(void **state)
{
    iiif_cancel_t cancel;

    (void)state;
    memset(&cancel, 0, sizeof(cancel));
    assert_int_equal(iiif_cancel_check(NULL, NULL), IIIF_OK);
    assert_int_equal(iiif_cancel_check(&cancel, NULL), IIIF_OK);
}

static void test_the_clock_runs_forward(void **state)
{
    uint64_t before = iiif_now_ns();
    const struct timespec nap = {0, 2000000};

    (void)state;
    assert_true(before > 0);
    nanosleep(&nap, NULL);
    assert_true(iiif_now_ns() >= before + 1000000);
}

static void test_time_that_is_up_is_a_timeout(void **state)
{
    iiif_cancel_t cancel;
    iiif_err_t err = {0};

    (void)state;
    memset(&cancel, 0, sizeof(cancel));
    cancel.deadline_ns = iiif_now_ns() + 60000000000u;
    assert_int_equal(iiif_cancel_check(&cancel, &err), IIIF_OK);
    assert_int_equal(err.kind, IIIF_OK);
    cancel.deadline_ns = iiif_now_ns() - 1;
    assert_int_equal(iiif_cancel_check(&cancel, &err), IIIF_E_TIMEOUT);
    assert_int_equal(err.kind, IIIF_E_TIMEOUT);
    assert_int_equal(iiif_err_status(err.kind), 503);
}

/* Asking the connection costs a system call: thousands of rows must not mean thousands of questions. */
static void test_the_client_is_asked_now_and_then(void **state)
{
    client_t client = {0, false};
    iiif_cancel_t cancel;
    uint64_t start = iiif_now_ns();
    int64_t most;

    (void)state;
    memset(&cancel, 0, sizeof(cancel));
    cancel.gone = ask;
    cancel.context = &client;
    for (int i = 0; i < 10000; i++)
        assert_int_equal(iiif_cancel_check(&cancel, NULL), IIIF_OK);
    most = (int64_t)((iiif_now_ns() - start) / 20000000u) + 1;
    assert_true(client.asked >= 1 && client.asked <= most);
}

static void test_a_client_that_has_gone_stays_gone(void **state)
{
    client_t client = {0, true};
    iiif_cancel_t cancel;
    iiif_err_t err = {0};

    (void)state;
    memset(&cancel, 0, sizeof(cancel));
    cancel.gone = ask;
    cancel.context = &client;
    cancel.deadline_ns = 1; /* long past: the client counts for more, nobody is there to read of a timeout */
    assert_int_equal(iiif_cancel_check(&cancel, &err), IIIF_E_CANCELLED);
    client.gone = false;
    cancel.next_poll_ns = 0; /* as if the next question were due */
    assert_int_equal(iiif_cancel_check(&cancel, &err), IIIF_E_CANCELLED);
    assert_int_equal(err.kind, IIIF_E_CANCELLED);
    assert_int_equal(client.asked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_token_nothing_stops),
        cmocka_unit_test(test_the_clock_runs_forward),
        cmocka_unit_test(test_time_that_is_up_is_a_timeout),
        cmocka_unit_test(test_the_client_is_asked_now_and_then),
        cmocka_unit_test(test_a_client_that_has_gone_stays_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
