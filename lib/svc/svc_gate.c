/* SPDX-License-Identifier: Apache-2.0 */
#include "svc_gate.h"

#include <apr_errno.h>
#include <apr_shm.h>

#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOTS_MAX   4096u
#define WAITERS_MAX 65536u

/* Waiting is polling: nobody has to be woken, so nobody can be forgotten. */
#define POLL_MIN_NS 4000000u
#define POLL_SPAN_NS 4000000u

/*
 * A place is 0 or the stamp of who holds it: process id in the upper half, for the sweep, and a serial number in the lower one, so
 * that a ticket frees exactly what it was given for.
 */
typedef _Atomic uint64_t gate_place_t;

typedef struct gate_shared {
    _Atomic uint64_t admitted, refused;
    _Atomic uint32_t serial;
    gate_place_t places[];      /* slots, then waiters */
} gate_shared_t;

struct svc_gate {
    svc_gate_options_t options;
    gate_shared_t *shared;
};

static gate_place_t *slots_of(const svc_gate_t *gate)
{
    return gate->shared->places;
}

static gate_place_t *waiters_of(const svc_gate_t *gate)
{
    return gate->shared->places + gate->options.slots;
}

static bool options_valid(const svc_gate_options_t *options)
{
    return options->slots >= 1 && options->slots <= SLOTS_MAX && options->reserve < options->slots
           && options->waiters <= WAITERS_MAX;
}

apr_status_t svc_gate_create(svc_gate_t **out, const svc_gate_options_t *options, apr_pool_t *pool)
{
    svc_gate_t *gate;
    apr_shm_t *memory;
    apr_status_t status;
    size_t size;

    *out = NULL;
    if (!options_valid(options))
        return APR_EINVAL;
    size = sizeof(gate_shared_t) + sizeof(gate_place_t) * ((size_t)options->slots + options->waiters);
    status = apr_shm_create(&memory, size, NULL, pool);
    if (status != APR_SUCCESS)
        return status;
    gate = apr_palloc(pool, sizeof(*gate));
    if (gate == NULL)
        return APR_ENOMEM;
    gate->options = *options;
    gate->shared = apr_shm_baseaddr_get(memory);
    memset(gate->shared, 0, size);
    *out = gate;
    return APR_SUCCESS;
}

/* Never 0: that is a free place. */
static uint64_t stamp_make(gate_shared_t *shared)
{
    return ((uint64_t)(uint32_t)getpid() << 32) | atomic_fetch_add(&shared->serial, 1u);
}

static bool place_take(gate_place_t *place, uint64_t stamp)
{
    uint64_t empty = 0;

    return atomic_load(place) == 0 && atomic_compare_exchange_strong(place, &empty, stamp);
}

static void place_clear(gate_place_t *place, uint64_t stamp)
{
    uint64_t mine = stamp;

    (void)atomic_compare_exchange_strong(place, &mine, 0);
}

static void slots_clear(const svc_gate_t *gate, uint64_t stamp)
{
    for (unsigned i = 0; i < gate->options.slots; i++)
        place_clear(&slots_of(gate)[i], stamp);
}

static unsigned count_taken(gate_place_t *places, unsigned from, unsigned to)
{
    unsigned n = 0;

    for (unsigned i = from; i < to; i++)
        n += atomic_load(&places[i]) != 0;
    return n;
}

/*
 * All or nothing: who cannot have every slot at once keeps none, so that two that each need many never hold what the other waits
 * for. Small renders begin with the reserve and so leave the common slots to the others.
 */
static bool slots_take(const svc_gate_t *gate, unsigned first, unsigned count, uint64_t stamp)
{
    gate_place_t *slots = slots_of(gate);
    unsigned total = gate->options.slots;
    unsigned taken = 0;

    if (total - first - count_taken(slots, first, total) < count)
        return false;
    for (unsigned i = first; i < total && taken < count; i++)
        taken += place_take(&slots[i], stamp);
    if (taken == count)
        return true;
    if (taken > 0)
        slots_clear(gate, stamp);
    return false;
}

static gate_place_t *waiter_enter(const svc_gate_t *gate, uint64_t stamp)
{
    for (unsigned i = 0; i < gate->options.waiters; i++) {
        if (place_take(&waiters_of(gate)[i], stamp))
            return &waiters_of(gate)[i];
    }
    return NULL;
}

/* Jitter keeps waiters that came together from asking together. */
static void pause_a_moment(uint64_t *random)
{
    struct timespec pause = { 0, 0 };

    *random = *random * 6364136223846793005u + 1442695040888963407u;
    pause.tv_nsec = (long)(POLL_MIN_NS + (*random >> 33) % POLL_SPAN_NS);
    (void)nanosleep(&pause, NULL);
}

static iiif_rc refuse_full(svc_gate_t *gate, iiif_err_t *err)
{
    atomic_fetch_add(&gate->shared->refused, 1u);
    return iiif_err_set(err, IIIF_E_BUSY, 5001,
                        "The server is busy and its queue is full; try again in a few seconds.");
}

static iiif_rc refuse_late(svc_gate_t *gate, iiif_err_t *err)
{
    atomic_fetch_add(&gate->shared->refused, 1u);
    return iiif_err_set(err, IIIF_E_BUSY, 5002,
                        "The server is busy and found no time for this image; try again in a few seconds.");
}

/* What one request asks for, on its way through the functions below. */
typedef struct gate_wish {
    unsigned first, count;      /* slots from the one of this index on */
    uint64_t stamp;
    uint64_t until_ns;          /* 0: as long as it is not cancelled */
} gate_wish_t;

static gate_wish_t wish_make(const svc_gate_t *gate, unsigned weight, bool small)
{
    gate_wish_t wish = { small ? 0 : gate->options.reserve, 1, stamp_make(gate->shared), 0 };

    wish.count = iiif_max_u32(1, iiif_min_u32(weight, gate->options.slots - wish.first));
    return wish;
}

/* IIIF_E_BUSY without a sentence when the time is over. */
static iiif_rc wait_for_slots(const svc_gate_t *gate, const gate_wish_t *wish, iiif_cancel_t *cancel, iiif_err_t *err)
{
    uint64_t random = wish->stamp ^ iiif_now_ns();
    iiif_rc rc;

    for (;;) {
        rc = iiif_cancel_check(cancel, err);
        if (rc != IIIF_OK)
            return rc;
        if (slots_take(gate, wish->first, wish->count, wish->stamp))
            return IIIF_OK;
        if (wish->until_ns != 0 && iiif_now_ns() >= wish->until_ns)
            return IIIF_E_BUSY;
        pause_a_moment(&random);
    }
}

static iiif_rc enter_queue(svc_gate_t *gate, gate_wish_t *wish, iiif_cancel_t *cancel, iiif_err_t *err)
{
    gate_place_t *place = waiter_enter(gate, wish->stamp);
    iiif_rc rc;

    if (place == NULL)
        return refuse_full(gate, err);
    wish->until_ns = iiif_now_ns() + (uint64_t)gate->options.timeout_ms * 1000000u;
    rc = wait_for_slots(gate, wish, cancel, err);
    place_clear(place, wish->stamp);
    return rc == IIIF_E_BUSY ? refuse_late(gate, err) : rc;
}

iiif_rc svc_gate_acquire(svc_gate_t *gate, unsigned weight, bool small, iiif_cancel_t *cancel, uint64_t *ticket,
                         iiif_err_t *err)
{
    gate_wish_t wish = wish_make(gate, weight, small);
    iiif_rc rc = IIIF_OK;

    *ticket = 0;
    if (!slots_take(gate, wish.first, wish.count, wish.stamp))
        rc = enter_queue(gate, &wish, cancel, err);
    if (rc != IIIF_OK)
        return rc;
    atomic_fetch_add(&gate->shared->admitted, 1u);
    *ticket = wish.stamp;
    return IIIF_OK;
}

iiif_rc svc_gate_resume(svc_gate_t *gate, unsigned weight, bool small, iiif_cancel_t *cancel, uint64_t *ticket,
                        iiif_err_t *err)
{
    gate_wish_t wish = wish_make(gate, weight, small);
    iiif_rc rc = wait_for_slots(gate, &wish, cancel, err);

    *ticket = rc == IIIF_OK ? wish.stamp : 0;
    return rc;
}

void svc_gate_release(svc_gate_t *gate, uint64_t ticket)
{
    if (ticket != 0)
        slots_clear(gate, ticket);
}

bool svc_gate_step_aside(svc_gate_t *gate, uint64_t ticket)
{
    if (ticket == 0 || waiter_enter(gate, ticket) == NULL)
        return false;
    slots_clear(gate, ticket);
    return true;
}

iiif_rc svc_gate_step_back(svc_gate_t *gate, unsigned weight, bool small, iiif_cancel_t *cancel, uint64_t *ticket,
                           iiif_err_t *err)
{
    uint64_t aside = *ticket;
    iiif_rc rc = svc_gate_resume(gate, weight, small, cancel, ticket, err);

    for (unsigned i = 0; i < gate->options.waiters; i++)
        place_clear(&waiters_of(gate)[i], aside);
    return rc;
}

static unsigned sweep_places(gate_place_t *places, unsigned count, pid_t pid)
{
    unsigned freed = 0;

    for (unsigned i = 0; i < count; i++) {
        uint64_t stamp = atomic_load(&places[i]);

        if (stamp != 0 && (pid_t)(stamp >> 32) == pid)
            freed += atomic_compare_exchange_strong(&places[i], &stamp, 0);
    }
    return freed;
}

unsigned svc_gate_sweep(svc_gate_t *gate, pid_t pid)
{
    (void)sweep_places(waiters_of(gate), gate->options.waiters, pid);
    return sweep_places(slots_of(gate), gate->options.slots, pid);
}

void svc_gate_state(svc_gate_t *gate, svc_gate_state_t *out)
{
    out->slots = gate->options.slots;
    out->busy = count_taken(slots_of(gate), 0, gate->options.slots);
    out->waiting = count_taken(waiters_of(gate), 0, gate->options.waiters);
    out->admitted = atomic_load(&gate->shared->admitted);
    out->refused = atomic_load(&gate->shared->refused);
}
