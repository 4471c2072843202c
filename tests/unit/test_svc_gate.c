/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <apr_general.h>
#include <apr_shm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/svc/svc_gate.h"

static apr_pool_t *pool;

static int setup(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static svc_gate_t *make(unsigned slots, unsigned reserve, unsigned waiters, unsigned timeout_ms)
{
    svc_gate_options_t options = { slots, reserve, waiters, timeout_ms };
    svc_gate_t *gate;

    assert_int_equal(svc_gate_create(&gate, &options, pool), APR_SUCCESS);
    return gate;
}

static svc_gate_state_t state_of(svc_gate_t *gate)
{
    svc_gate_state_t state;

    svc_gate_state(gate, &state);
    return state;
}

static uint64_t take(svc_gate_t *gate, unsigned weight, bool small)
{
    uint64_t ticket = 0;
    iiif_err_t err;

    assert_int_equal(svc_gate_acquire(gate, weight, small, NULL, &ticket, &err), IIIF_OK);
    assert_true(ticket != 0);
    return ticket;
}

static void refuse(svc_gate_t *gate, unsigned weight, bool small, int id)
{
    uint64_t ticket = 7;
    iiif_err_t err;

    assert_int_equal(svc_gate_acquire(gate, weight, small, NULL, &ticket, &err), IIIF_E_BUSY);
    assert_int_equal(err.id, id);
    assert_true(ticket == 0);
}

static void nap(unsigned ms)
{
    struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

    (void)nanosleep(&t, NULL);
}

static void options_that_make_no_gate_are_refused(void **state)
{
    svc_gate_options_t none = { 0, 0, 4, 10 }, all_reserved = { 2, 2, 4, 10 };
    svc_gate_t *gate;

    (void)state;
    assert_int_equal(svc_gate_create(&gate, &none, pool), APR_EINVAL);
    assert_int_equal(svc_gate_create(&gate, &all_reserved, pool), APR_EINVAL);
}

static void slots_are_bounded_and_come_back(void **state)
{
    svc_gate_t *gate = make(2, 0, 1, 30);
    uint64_t a = take(gate, 1, false), b = take(gate, 1, false);

    (void)state;
    assert_int_equal(state_of(gate).busy, 2);
    refuse(gate, 1, false, 5002);
    svc_gate_release(gate, a);
    a = take(gate, 1, false);
    svc_gate_release(gate, a);
    svc_gate_release(gate, b);
    assert_int_equal(state_of(gate).busy, 0);
    assert_int_equal(state_of(gate).waiting, 0);
    assert_int_equal(state_of(gate).admitted, 3);
    assert_int_equal(state_of(gate).refused, 1);
}

static void a_ticket_given_back_twice_frees_nobody_else(void **state)
{
    svc_gate_t *gate = make(1, 0, 0, 10);
    uint64_t first = take(gate, 1, false), second;

    (void)state;
    svc_gate_release(gate, first);
    second = take(gate, 1, false);
    svc_gate_release(gate, first);
    assert_int_equal(state_of(gate).busy, 1);
    svc_gate_release(gate, second);
    svc_gate_release(gate, 0);
    assert_int_equal(state_of(gate).busy, 0);
}

static void the_reserve_is_for_small_ones(void **state)
{
    svc_gate_t *gate = make(3, 1, 0, 10);
    uint64_t a = take(gate, 1, false), b = take(gate, 1, false), small;

    (void)state;
    refuse(gate, 1, false, 5001);
    small = take(gate, 1, true);
    assert_int_equal(state_of(gate).busy, 3);
    svc_gate_release(gate, small);
    svc_gate_release(gate, a);
    svc_gate_release(gate, b);
}

static void small_ones_leave_the_common_slots(void **state)
{
    svc_gate_t *gate = make(2, 1, 0, 10);
    uint64_t small = take(gate, 1, true);
    uint64_t large = take(gate, 1, false);

    (void)state;
    svc_gate_release(gate, small);
    svc_gate_release(gate, large);
}

static void weight_takes_all_or_nothing(void **state)
{
    svc_gate_t *gate = make(4, 1, 0, 10);
    uint64_t heavy = take(gate, 99, false), one, two;

    (void)state;
    assert_int_equal(state_of(gate).busy, 3);
    svc_gate_release(gate, heavy);
    assert_int_equal(state_of(gate).busy, 0);
    one = take(gate, 1, false);
    refuse(gate, 3, false, 5001);
    assert_int_equal(state_of(gate).busy, 1);
    two = take(gate, 2, false);
    assert_int_equal(state_of(gate).busy, 3);
    svc_gate_release(gate, two);
    svc_gate_release(gate, one);
    heavy = take(gate, 0, false);
    assert_int_equal(state_of(gate).busy, 1);
    svc_gate_release(gate, heavy);
}

static void the_wait_ends_in_time(void **state)
{
    svc_gate_t *gate = make(1, 0, 4, 120);
    uint64_t held = take(gate, 1, false);
    uint64_t start = iiif_now_ns(), took;

    (void)state;
    refuse(gate, 1, false, 5002);
    took = (iiif_now_ns() - start) / 1000000;
    assert_in_range(took, 115, 1000);
    svc_gate_release(gate, held);
}

static void who_steps_aside_leaves_its_slots_but_stays_counted(void **state)
{
    svc_gate_t *gate = make(2, 0, 1, 30);
    uint64_t aside = take(gate, 2, false), others[2], other;
    iiif_cancel_t late = { 1, NULL, NULL, 0, false };

    (void)state;
    assert_true(svc_gate_step_aside(gate, aside));
    assert_int_equal(state_of(gate).busy, 0);
    assert_int_equal(state_of(gate).waiting, 1);
    others[0] = take(gate, 1, false);
    others[1] = take(gate, 1, false);
    refuse(gate, 1, false, 5001);                       /* its place among the waiters is taken */
    assert_false(svc_gate_step_aside(gate, others[0])); /* so nobody else can step aside */
    assert_int_equal(state_of(gate).busy, 2);
    svc_gate_release(gate, others[0]);
    svc_gate_release(gate, others[1]);
    assert_int_equal(svc_gate_step_back(gate, 2, false, NULL, &aside, NULL), IIIF_OK);
    assert_int_equal(state_of(gate).busy, 2);
    assert_int_equal(state_of(gate).waiting, 0);
    assert_int_equal(state_of(gate).admitted, 3);
    assert_true(svc_gate_step_aside(gate, aside));
    other = take(gate, 1, false);
    assert_int_equal(svc_gate_step_back(gate, 2, false, &late, &aside, NULL), IIIF_E_TIMEOUT);
    assert_true(aside == 0);
    assert_int_equal(state_of(gate).waiting, 0);
    svc_gate_release(gate, other);
    assert_false(svc_gate_step_aside(gate, 0));
    assert_int_equal(state_of(gate).busy, 0);
}

static bool gone_after_some_calls(void *context)
{
    return ++*(int *)context > 2;
}

static void who_goes_stops_waiting(void **state)
{
    svc_gate_t *gate = make(1, 0, 4, 5000);
    uint64_t held = take(gate, 1, false), ticket;
    int calls = 0;
    iiif_cancel_t cancel = { 0, gone_after_some_calls, &calls, 0, false };
    iiif_err_t err;

    (void)state;
    assert_int_equal(svc_gate_acquire(gate, 1, false, &cancel, &ticket, &err), IIIF_E_CANCELLED);
    assert_int_equal(state_of(gate).waiting, 0);
    assert_int_equal(state_of(gate).refused, 0);
    svc_gate_release(gate, held);
}

static void the_deadline_of_the_request_ends_the_wait(void **state)
{
    svc_gate_t *gate = make(1, 0, 4, 5000);
    uint64_t held = take(gate, 1, false), ticket;
    iiif_cancel_t cancel = { iiif_now_ns() + 40000000u, NULL, NULL, 0, false };
    iiif_err_t err;

    (void)state;
    assert_int_equal(svc_gate_acquire(gate, 1, false, &cancel, &ticket, &err), IIIF_E_TIMEOUT);
    assert_int_equal(state_of(gate).waiting, 0);
    svc_gate_release(gate, held);
}

static void who_was_inside_comes_back_past_a_full_queue(void **state)
{
    svc_gate_t *gate = make(1, 0, 0, 10);
    uint64_t ticket = take(gate, 1, false), held;
    iiif_cancel_t cancel = { iiif_now_ns() + 40000000u, NULL, NULL, 0, false };
    iiif_err_t err;

    (void)state;
    svc_gate_release(gate, ticket);
    held = take(gate, 1, false);
    assert_int_equal(svc_gate_resume(gate, 1, false, &cancel, &ticket, &err), IIIF_E_TIMEOUT);
    assert_true(ticket == 0);
    svc_gate_release(gate, held);
    assert_int_equal(svc_gate_resume(gate, 1, false, NULL, &ticket, &err), IIIF_OK);
    assert_int_equal(state_of(gate).busy, 1);
    assert_int_equal(state_of(gate).admitted, 2);
    assert_int_equal(state_of(gate).refused, 0);
    svc_gate_release(gate, ticket);
    assert_int_equal(state_of(gate).busy, 0);
}

/* --- processes ------------------------------------------------------------------------------------ */

static pid_t child_that(svc_gate_t *gate, unsigned weight)
{
    pid_t pid = fork();
    uint64_t ticket;

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)svc_gate_acquire(gate, weight, false, NULL, &ticket, NULL);
        for (;;)
            pause();
    }
    return pid;
}

static void kill_child(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void until(svc_gate_t *gate, unsigned busy, unsigned waiting)
{
    for (int i = 0; i < 500; i++) {
        svc_gate_state_t state = state_of(gate);

        if (state.busy == busy && state.waiting == waiting)
            return;
        nap(5);
    }
    fail_msg("never %u busy, %u waiting", busy, waiting);
}

static void slots_of_a_killed_child_are_swept(void **state)
{
    svc_gate_t *gate = make(3, 0, 2, 5000);
    pid_t pid = child_that(gate, 2);
    uint64_t mine;

    (void)state;
    until(gate, 2, 0);
    mine = take(gate, 1, false);
    kill_child(pid);
    assert_int_equal(state_of(gate).busy, 3);
    assert_int_equal(svc_gate_sweep(gate, pid), 2);
    assert_int_equal(state_of(gate).busy, 1);
    assert_int_equal(svc_gate_sweep(gate, pid), 0);
    svc_gate_release(gate, mine);
}

static void the_place_of_a_killed_waiter_is_swept(void **state)
{
    svc_gate_t *gate = make(1, 0, 1, 20000);
    uint64_t held = take(gate, 1, false);
    pid_t pid = child_that(gate, 1);

    (void)state;
    until(gate, 1, 1);
    refuse(gate, 1, false, 5001);
    kill_child(pid);
    assert_int_equal(state_of(gate).waiting, 1);
    assert_int_equal(svc_gate_sweep(gate, pid), 0);
    assert_int_equal(state_of(gate).waiting, 0);
    assert_int_equal(state_of(gate).busy, 1);
    svc_gate_release(gate, held);
}

static void a_waiter_of_another_process_gets_the_slot(void **state)
{
    svc_gate_t *gate = make(1, 0, 1, 20000);
    uint64_t held = take(gate, 1, false);
    pid_t pid = child_that(gate, 1);

    (void)state;
    until(gate, 1, 1);
    svc_gate_release(gate, held);
    until(gate, 1, 0);
    kill_child(pid);
    assert_int_equal(svc_gate_sweep(gate, pid), 1);
}

/* --- threads -------------------------------------------------------------------------------------- */

typedef struct crowd {
    svc_gate_t *gate;
    _Atomic unsigned inside, most, done;
} crowd_t;

typedef struct visitor {
    crowd_t *crowd;
    unsigned weight;
} visitor_t;

static void *visit(void *data)
{
    visitor_t *visitor = data;
    crowd_t *crowd = visitor->crowd;

    for (int i = 0; i < 15; i++) {
        uint64_t ticket;
        unsigned now, most;

        if (svc_gate_acquire(crowd->gate, visitor->weight, false, NULL, &ticket, NULL) != IIIF_OK)
            continue;
        now = atomic_fetch_add(&crowd->inside, visitor->weight) + visitor->weight;
        most = atomic_load(&crowd->most);
        while (now > most && !atomic_compare_exchange_weak(&crowd->most, &most, now))
            ;
        nap(1);
        atomic_fetch_sub(&crowd->inside, visitor->weight);
        svc_gate_release(crowd->gate, ticket);
        atomic_fetch_add(&crowd->done, 1u);
    }
    return NULL;
}

/* Heavy ones that together need more than there is must not block each other for ever. */
static void a_crowd_of_threads_stays_within_the_slots_and_gets_through(void **state)
{
    crowd_t crowd;
    visitor_t visitors[8];
    pthread_t threads[8];

    (void)state;
    memset(&crowd, 0, sizeof(crowd));
    crowd.gate = make(4, 0, 16, 20000);
    for (unsigned i = 0; i < 8; i++) {
        visitors[i].crowd = &crowd;
        visitors[i].weight = i % 4 + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitors[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&crowd.done), 8 * 15);
    assert_in_range(atomic_load(&crowd.most), 2, 4);
    assert_int_equal(state_of(crowd.gate).busy, 0);
    assert_int_equal(state_of(crowd.gate).waiting, 0);
    assert_int_equal(state_of(crowd.gate).admitted, 8 * 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_make_no_gate_are_refused),
        cmocka_unit_test(slots_are_bounded_and_come_back),
        cmocka_unit_test(a_ticket_given_back_twice_frees_nobody_else),
        cmocka_unit_test(the_reserve_is_for_small_ones),
        cmocka_unit_test(small_ones_leave_the_common_slots),
        cmocka_unit_test(weight_takes_all_or_nothing),
        cmocka_unit_test(the_wait_ends_in_time),
        cmocka_unit_test(who_steps_aside_leaves_its_slots_but_stays_counted),
        cmocka_unit_test(who_goes_stops_waiting),
        cmocka_unit_test(the_deadline_of_the_request_ends_the_wait),
        cmocka_unit_test(who_was_inside_comes_back_past_a_full_queue),
        cmocka_unit_test(slots_of_a_killed_child_are_swept),
        cmocka_unit_test(the_place_of_a_killed_waiter_is_swept),
        cmocka_unit_test(a_waiter_of_another_process_gets_the_slot),
        cmocka_unit_test(a_crowd_of_threads_stays_within_the_slots_and_gets_through),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, setup, teardown);
    apr_terminate();
    return failed;
}
