/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A place among the renders, sized by what the plan expects. A worker thread without a place does no work, so static
 * files and cached answers stay quick however many renders are asked for.
 */
#include "h_iiif.h"

APLOG_USE_MODULE(iiif);

/* A tile or a thumbnail: may use the reserve. About a tenth of a second of work, at 4 ns for a baseline JPEG pixel. */
#define SMALL_COST 25e6
#define SMALL_MEMORY ((uint64_t)32 << 20)
/* Each further one of these is a further slot. */
#define SLOT_COST 150e6
#define SLOT_MEMORY ((uint64_t)128 << 20)
/* A render that holds less than this may wait for its client without a slot. */
#define PAUSE_MEMORY ((size_t)64 << 20)

static unsigned weight_of(const iiif_plan_t *plan)
{
    double by_cost = plan->cost / SLOT_COST;
    uint64_t by_memory = plan->memory / SLOT_MEMORY;
    unsigned most = h_life_slots();
    unsigned cost_weight = by_cost < (double)most ? (unsigned)by_cost + 1 : most;
    unsigned memory_weight = by_memory < most ? (unsigned)by_memory + 1 : most;

    return cost_weight > memory_weight ? cost_weight : memory_weight;
}

iiif_rc h_admit_acquire(h_admission_t *admission, h_master_t *master, const iiif_plan_t *plan, iiif_err_t *err)
{
    svc_gate_t *gate = h_life_gate();
    iiif_rc rc = IIIF_OK;

    admission->master = master;
    admission->weight = weight_of(plan);
    admission->small = plan->cost <= SMALL_COST && plan->memory <= SMALL_MEMORY;
    admission->paused_ns = 0;
    admission->aside = false;
    if (gate != NULL)
        rc = svc_gate_acquire(gate, admission->weight, admission->small, &master->cancel, &admission->ticket, err);
    admission->held = rc == IIIF_OK && gate != NULL;
    return rc;
}

void h_admit_release(h_admission_t *admission)
{
    if (admission->held)
        svc_gate_release(h_life_gate(), admission->ticket);
    admission->held = false;
}

static void pause_render(void *context)
{
    h_admission_t *admission = context;

    admission->paused_ns = 0;
    if (admission->master->mem.used > PAUSE_MEMORY)
        return; /* too much to lie about: goes on holding its place, and its time runs */
    h_admit_release(admission);
    admission->paused_ns = iiif_now_ns();
}

/* Back to work. The client's slowness is not counted; waiting among the renders is, and ends with the time of the request. */
static iiif_rc resume_render(void *context, iiif_err_t *err)
{
    h_admission_t *admission = context;
    iiif_cancel_t *cancel = &admission->master->cancel;
    iiif_rc rc;

    if (admission->paused_ns == 0)
        return IIIF_OK;
    if (cancel->deadline_ns != 0)
        cancel->deadline_ns += iiif_now_ns() - admission->paused_ns;
    if (h_life_gate() == NULL)
        return iiif_cancel_check(cancel, err);
    rc = svc_gate_resume(h_life_gate(), admission->weight, admission->small, cancel, &admission->ticket, err);
    admission->held = rc == IIIF_OK;
    return rc;
}

void h_admit_step_aside(void *context)
{
    h_admission_t *admission = context;

    admission->aside = admission->held && svc_gate_step_aside(h_life_gate(), admission->ticket);
}

iiif_rc h_admit_step_back(void *context, iiif_err_t *err)
{
    h_admission_t *admission = context;
    iiif_rc rc;

    if (!admission->aside)
        return IIIF_OK;
    admission->aside = false;
    rc = svc_gate_step_back(h_life_gate(), admission->weight, admission->small, &admission->master->cancel, &admission->ticket,
                            err);
    admission->held = rc == IIIF_OK;
    return rc;
}

void h_admit_pausing(h_admission_t *admission, h_bucket_pause_t *pause)
{
    pause->pause = pause_render;
    pause->resume = resume_render;
    pause->context = admission;
}
