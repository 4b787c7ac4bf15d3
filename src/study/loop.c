#include "study/loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "study/parts.h"

#define FAILURES_IN_A_ROW 10
#define LOOK_SECONDS 0.1 /* how often the cancel flag is looked at while waiting */

static bool cancelled(const struct sofa_loop *l)
{
    return l->options->cancel && atomic_load(l->options->cancel);
}

/* Whether another point with the same design was asked for. */
static bool has_twin(struct sofa_loop *l, const int *x)
{
    if (!l->representative || sofa_lattice_find(&l->points, x) != SOFA_LATTICE_NONE)
        return false;
    sofa_space_representative(l->problem->space, x, l->representative);
    return sofa_lattice_find(&l->designs, l->representative) != SOFA_LATTICE_NONE;
}

static enum sofa_code note_point(struct sofa_loop *l, const int *x, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    size_t index;

    if (!l->representative)
        return SOFA_OK;
    SOFA_TRY(sofa_lattice_add(&l->points, x, &index, err));
    sofa_space_representative(l->problem->space, x, l->representative);
    rc = sofa_lattice_add(&l->designs, l->representative, &index, err);
out:
    return rc;
}

/* What the optimiser may know of a point without evaluating it. */
void sofa_loop_cheap(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    struct sofa_loop *l = ctx;
    struct sofa_statistics statistics = {.head = l->cheap};
    struct sofa_evaluation e;
    struct sofa_design design;

    sofa_space_design(l->problem->space, x, &design);
    if (l->predictor)
        sofa_predictor_get(l->predictor, &design, &statistics);
    else
        statistics = l->problem->given;
    sofa_evaluate_cheaply(l->problem, &design, &statistics, &e);
    out->feasible = e.feasible && !has_twin(l, x);
    for (size_t i = 0; i < l->problem->n_slots; i++) {
        const struct sofa_problem_objective *o = &l->problem->objective[i];

        out->y[i] = o->sign * sofa_problem_value(l->problem, o->metric, e.metric);
    }
}

/* The worker's part: runs on its thread, touches its flight and its evaluator alone. */
void sofa_loop_evaluate(void *task, size_t worker, void *ctx)
{
    struct sofa_flight *f = task;
    struct sofa_loop *l = ctx;
    struct sofa_evaluation e;
    struct sofa_design design;

    sofa_space_design(l->problem->space, f->trial.x, &design);
    f->trial.worker = worker;
    f->rc = sofa_evaluate_design(&l->evaluator[worker], f->trial.id, &design, &e, &f->err);
    if (f->rc == SOFA_OK)
        f->rc = sofa_trial_fill(&f->trial, l->problem, &e, &f->selection, &f->err);
}

static enum sofa_code submit(struct sofa_loop *l, const int *x, struct sofa_err *err)
{
    struct sofa_flight *f = &l->flight[l->asked % l->study->parallel];
    enum sofa_code rc;

    *f = (struct sofa_flight){.loop = l, .trial.id = l->asked};
    SOFA_TRY(sofa_trial_new(&f->trial, l->problem, x, err));
    SOFA_TRY(note_point(l, x, err));
    l->asked++;
    if (f->trial.id < l->n_stored) {
        f->stored = f->done = true;
        return sofa_trial_take_stored(&f->trial, &f->selection, &l->stored[f->trial.id], l->problem, err);
    }
    rc = sofa_workers_submit(l->workers, f, err);
out:
    return rc;
}

/* Asks until `parallel` evaluations are under way, or nothing is left to ask for. */
static enum sofa_code ask_ahead(struct sofa_loop *l, struct sofa_err *err)
{
    int *x = calloc(l->problem->space->dims + 1, sizeof *x);
    enum sofa_code rc = SOFA_OK;

    if (!x)
        return sofa_fail_nomem(err, "a point");
    while (!l->ended && l->asked < l->study->evaluations && l->asked < l->told + l->study->parallel &&
           !cancelled(l)) {
        rc = sofa_optimizer_ask(l->optimizer, x, err);
        if (rc == SOFA_E_EXHAUSTED) {
            l->ended = true;
            snprintf(l->study->note, sizeof l->study->note, "%.180s", err->text);
            rc = SOFA_OK;
            break;
        }
        if (rc == SOFA_OK)
            rc = sofa_loop_count_promise(l, err);
        if (rc == SOFA_OK)
            rc = submit(l, x, err);
        if (rc == SOFA_OK)
            rc = sofa_loop_stop(l, err);
        if (rc != SOFA_OK)
            break;
    }
    free(x);
    return rc;
}

static enum sofa_opt_status opt_status(enum sofa_trial_status status)
{
    return status == SOFA_TRIAL_FEASIBLE ? SOFA_OPT_DONE : status == SOFA_TRIAL_INFEASIBLE ? SOFA_OPT_INFEASIBLE : SOFA_OPT_FAILED;
}

static void report_progress(struct sofa_loop *l)
{
    struct sofa_study *s = l->study;
    size_t fresh = l->told > l->n_stored ? l->told - l->n_stored : 0;
    struct sofa_study_progress p = {.done = l->told, .total = s->evaluations, .front = s->n_front,
                                    .infeasible = l->infeasible, .failed = l->failed,
                                    .hypervolume = s->hypervolume, .seconds = sofa_seconds() - l->start, .seconds_left = NAN,
                                    .study = s, .optimizer = sofa_optimizer_state(l->optimizer)};

    if (!l->options->progress || (l->told < l->n_stored && l->told < s->evaluations))
        return;
    if (fresh)
        p.seconds_left = p.seconds / (double)fresh * (double)(s->evaluations - l->told);
    l->options->progress(l->options->ctx, &p);
}

/* The evaluation broke down: recorded, and the search goes on, unless it keeps happening. */
static enum sofa_code note_failure(struct sofa_flight *f, struct sofa_err *err)
{
    char text[SOFA_ERR_FILE_MAX + SOFA_ERR_TEXT_MAX + 32];

    sofa_err_format(&f->err, text, sizeof text);
    f->trial.status = SOFA_TRIAL_FAILED;
    free(f->trial.reason);
    f->trial.reason = sofa_format("%s", text);
    return f->trial.reason ? SOFA_OK : sofa_fail_nomem(err, "a failure's text");
}

/* Failures in a row are those of this run: what made them may have been mended since. */
static void count_status(struct sofa_loop *l, const struct sofa_flight *f)
{
    enum sofa_trial_status status = f->trial.status;

    l->failures = status == SOFA_TRIAL_FAILED && !f->stored ? l->failures + 1 : 0;
    l->failed += status == SOFA_TRIAL_FAILED;
    l->infeasible += status == SOFA_TRIAL_INFEASIBLE;
}

static enum sofa_code tell(struct sofa_loop *l, const struct sofa_flight *f, struct sofa_err *err)
{
    double misses[SOFA_OPT_CONSTRAINTS_MAX], part[SOFA_LAYERS_MAX];
    const struct sofa_trial *t = &f->trial;

    if (sofa_problem_parts(l->problem) && f->selection.head) {
        sofa_problem_split(l->problem, &f->selection, part);
        return sofa_optimizer_tell_parts(l->optimizer, t->x, t->y, part, opt_status(t->status), err);
    }
    sofa_problem_misses(l->problem, t->metric, misses);
    return sofa_optimizer_tell_all(l->optimizer, t->x, t->y, misses, opt_status(t->status), err);
}

/* Takes over the oldest flight, which is done: into the store, the study, the models. */
static enum sofa_code land(struct sofa_loop *l, struct sofa_flight *f, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    struct sofa_design design;

    if (f->rc != SOFA_OK)
        SOFA_TRY(note_failure(f, err));
    if (!f->stored)
        SOFA_TRY(sofa_trial_put(l->store, l->problem, &f->trial, &f->selection, err));
    if (f->trial.status != SOFA_TRIAL_FAILED && l->predictor && f->selection.head) {
        sofa_space_design(l->problem->space, f->trial.x, &design);
        SOFA_TRY(sofa_predictor_add(l->predictor, &design, &f->selection, err));
    }
    SOFA_TRY(tell(l, f, err));
    count_status(l, f);
    SOFA_TRY(sofa_study_take(l->study, &f->trial, err));
    l->told++;
    report_progress(l);
    if (l->failures >= FAILURES_IN_A_ROW)
        rc = sofa_fail(err, SOFA_E_EVAL, "%d evaluations in a row failed; the last: %s", FAILURES_IN_A_ROW,
                       l->study->trial[l->study->n_trials - 1].reason);
out:
    free(f->selection.head);
    f->selection.head = NULL;
    return rc;
}

/* Not the design's fault: the run ends without recording it, and can be resumed. */
static enum sofa_code check_system(const struct sofa_flight *f, struct sofa_err *err)
{
    if (f->rc == SOFA_E_INTERRUPTED)
        return sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal");
    if (f->rc == SOFA_E_NOMEM || f->rc == SOFA_E_IO)
        return sofa_fail(err, f->rc, "evaluation %zu: %s", f->trial.id, f->err.text);
    return SOFA_OK;
}

/* Until the oldest flight is done; the others may finish on the way. */
static enum sofa_code wait_for(struct sofa_loop *l, struct sofa_flight *f, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    while (!f->done) {
        struct sofa_err lost = SOFA_ERR_INIT;
        struct sofa_flight *landed = sofa_workers_wait(l->workers, LOOK_SECONDS, &lost);

        if (landed)
            landed->done = true;
        else if (lost.code != SOFA_OK)
            return sofa_fail(err, lost.code, "%s", lost.text);
        else if (cancelled(l))
            return sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal");
        else
            SOFA_TRY(sofa_store_flush(l->store, err));
    }
    rc = check_system(f, err);
out:
    return rc;
}

/* A run that is stopped before it has caught up with the store still reports all that is there. */
static enum sofa_code take_the_rest(struct sofa_loop *l, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    while (l->study->n_trials < l->n_stored) {
        struct sofa_trial trial = {.id = l->study->n_trials};
        struct sofa_statistics none = {.head = NULL};
        struct sofa_flight *f = &l->flight[trial.id % l->study->parallel];

        if (trial.id < l->asked) {
            rc = sofa_study_take(l->study, &f->trial, err);
        } else {
            rc = sofa_trial_new(&trial, l->problem, l->stored[trial.id].x, err);
            if (rc == SOFA_OK)
                rc = sofa_trial_take_stored(&trial, &none, &l->stored[trial.id], l->problem, err);
            free(none.head);
            if (rc == SOFA_OK)
                rc = sofa_study_take(l->study, &trial, err);
            sofa_trial_release(&trial);
        }
        if (rc != SOFA_OK)
            break;
    }
    return rc;
}

enum sofa_code sofa_loop_run(struct sofa_loop *l, struct sofa_err *err)
{
    enum sofa_code rc;

    l->start = sofa_seconds();
    report_progress(l);
    for (;;) {
        struct sofa_flight *f = &l->flight[l->told % l->study->parallel];

        SOFA_TRY(ask_ahead(l, err));
        if (cancelled(l)) {
            rc = sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal");
            break;
        }
        if (l->told == l->asked) {
            l->study->ended = l->ended;
            break;
        }
        SOFA_TRY(wait_for(l, f, err));
        SOFA_TRY(land(l, f, err));
    }
out:
    if (rc == SOFA_E_INTERRUPTED)
        (void)take_the_rest(l, NULL);
    return rc;
}
