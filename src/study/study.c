/* Setting a study up and taking it down; loop.c runs it. */
#include "study/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "exec/pool.h"
#include "study/loop.h"
#include "study/parts.h"

/* An algorithm that isn't known is bad input, at its place where the space file names it. */
static enum sofa_code check_algorithm(const struct sofa_study *s, const struct sofa_study_options *options,
                                      struct sofa_err *err)
{
    const struct sofa_node *node = options->algorithm ? NULL : s->problem->space->search.algorithm_node;
    const char *names[32];
    size_t n;
    const struct sofa_opt_algorithm *a = sofa_opt_algorithms(&n);

    for (size_t i = 0; i < n && i < 32; i++) {
        names[i] = a[i].name;
        if (strcmp(a[i].name, s->algorithm) == 0)
            return sofa_problem_suits(s->problem, s->algorithm, node, err);
    }
    if (node)
        sofa_node_fail(node, err, "unknown algorithm '%s'", s->algorithm);
    else
        sofa_fail(err, SOFA_E_USAGE, "--algorithm: unknown algorithm '%s'", s->algorithm);
    sofa_err_append_choices(err, s->algorithm, names, n);
    return node ? SOFA_E_INPUT : SOFA_E_USAGE;
}

/* The level of an axis at its least lossy end, -1 where that is no matter. */
static int corner_level(const struct sofa_space_dim *d)
{
    int sense = d->parameter->accurate, best = 0;

    for (int i = 1; i < d->levels; i++)
        if (sense * d->value[i] > sense * d->value[best])
            best = i;
    return sense ? best : -1;
}

static enum sofa_code describe_dims(struct sofa_loop *l, struct sofa_err *err)
{
    const struct sofa_space *space = l->problem->space;

    l->dim = calloc(space->dims + 1, sizeof *l->dim);
    if (!l->dim)
        return sofa_fail_nomem(err, "the optimiser");
    for (size_t i = 0; i < space->dims; i++) {
        const struct sofa_space_dim *d = &space->dim[i];

        l->dim[i] = (struct sofa_opt_dim){.levels = d->levels, .coord = d->coord, .layer = d->layer, .corner = corner_level(d),
                                          .unordered = d->parameter->kind == SOFA_PARAMETER_CHOICE,
                                          .apart = sofa_problem_apart(l->problem, d->parameter),
                                          .group = (int)(d->parameter - space->parameter)};
    }
    return SOFA_OK;
}

/* With patterns of keys several points may have the same design: one of them is enough. */
static enum sofa_code start_twins(struct sofa_loop *l, struct sofa_err *err)
{
    const struct sofa_space *space = l->problem->space;
    enum sofa_code rc;

    if (space->patterns.count <= 1 || !space->dims)
        return SOFA_OK;
    SOFA_TRY(sofa_lattice_init(&l->points, space->dims, l->dim, err));
    SOFA_TRY(sofa_lattice_init(&l->designs, space->dims, l->dim, err));
    l->representative = calloc(space->dims, sizeof *l->representative);
    if (!l->representative)
        return sofa_fail_nomem(err, "the optimiser");
out:
    return rc;
}

static enum sofa_code start_optimizer(struct sofa_loop *l, struct sofa_err *err)
{
    const struct sofa_problem *p = l->problem;
    struct sofa_opt_problem o = {.dims = p->space->dims, .dim = l->dim, .objectives = p->n_slots, .uncertain = p->uncertain,
                                 .limit = INFINITY, .uncertain_is_objective = p->n_slots == p->n_objectives,
                                 .constraints = p->n_learnt, .cheap = sofa_loop_cheap, .ctx = l, .seed = l->study->seed,
                                 .budget = l->budget, .regions_from = l->options->regions_from};

    o.parts = sofa_problem_parts(p);
    o.parts_are_signals = sofa_problem_signals(p);
    o.part_kinds = o.parts_are_signals ? 0 : SOFA_SYNTHETIC_HEADS;
    if (p->uncertain >= 0)
        o.limit = sofa_problem_limit(p, (size_t)p->uncertain);
    if (p->uncertain == SOFA_PROBLEM_CERTAIN)
        o.uncertain = -1;
    if (p->uncertain == SOFA_PROBLEM_ALL) {
        o.uncertain = SOFA_OPT_ALL_UNCERTAIN;
        o.cheap = NULL;
    }
    for (size_t i = 0; i < p->n_slots; i++)
        o.reference[i] = i < p->n_objectives ? l->study->reference[i] : o.limit;
    return sofa_optimizer_new(l->study->algorithm, &o, &l->optimizer, err);
}

static enum sofa_code start_workers(struct sofa_loop *l, struct sofa_err *err)
{
    size_t jobs = l->study->jobs;

    enum sofa_code rc = SOFA_OK;

    l->evaluator = calloc(jobs, sizeof *l->evaluator);
    l->flight = calloc(l->study->parallel, sizeof *l->flight);
    if (!l->evaluator || !l->flight)
        return sofa_fail_nomem(err, "worker threads");
    for (size_t i = 0; i < jobs; i++)
        SOFA_TRY(sofa_evaluator_init(&l->evaluator[i], l->problem, l->measurements, l->options->cancel, err));
    rc = l->options->mpi ? sofa_loop_remote_workers(l, err)
                         : sofa_workers_threads(jobs, sofa_loop_evaluate, l, &l->workers, err);
out:
    return rc;
}

static enum sofa_code start_predictor(struct sofa_loop *l, struct sofa_err *err)
{
    const struct sofa_workload *w = &l->problem->workload;
    size_t heads = (size_t)w->layers * (size_t)w->heads; /* none with an outside evaluator */
    double tokens = l->problem->lm ? w->keys : (double)l->problem->synthetic_tokens;
    int patterns = l->problem->space->patterns.count;

    l->cheap = calloc(heads + 1, sizeof *l->cheap);
    if (!l->cheap)
        return sofa_fail_nomem(err, "the predictor");
    return sofa_problem_runs_kernel(l->problem)
               ? sofa_predictor_new(w->layers, patterns, tokens, w->causal, &l->predictor, err)
               : SOFA_OK;
}

static struct sofa_study *new_study(struct sofa_problem *problem, const struct sofa_study_options *options)
{
    const struct sofa_space_search *search = &problem->space->search;
    struct sofa_study *s = calloc(1, sizeof *s);
    size_t jobs = options->jobs ? options->jobs : sofa_processors();

    if (!s)
        return NULL;
    s->problem = problem;
    s->algorithm = options->algorithm ? options->algorithm : search->algorithm;
    s->evaluations = options->evaluations ? options->evaluations : search->evaluations;
    s->seed = options->has_seed ? options->seed : search->seed;
    s->parallel = search->parallel;
    s->jobs = jobs < s->parallel ? jobs : s->parallel;
    return s;
}

/* Everything the loop needs, in the order in which it is needed. */
static enum sofa_code set_up(struct sofa_loop *l, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(check_algorithm(l->study, l->options, err));
    SOFA_TRY(describe_dims(l, err));
    SOFA_TRY(start_twins(l, err));
    SOFA_TRY(start_predictor(l, err));
    SOFA_TRY(sofa_measurements_new(SOFA_KEPT_MEASUREMENTS, &l->measurements, err));
    SOFA_TRY(sofa_problem_measure_dense(l->problem, l->options->cancel, err));
    SOFA_TRY(sofa_study_reference(l->problem, l->options->cancel, l->study->reference, err));
    for (size_t i = 0; i < l->problem->n_objectives; i++)
        l->study->follows[i] = isnan(l->study->reference[i]);
    SOFA_TRY(sofa_loop_open_store(l, err));
    SOFA_TRY(start_optimizer(l, err));
    rc = start_workers(l, err);
out:
    return rc;
}

/* The workers first: they use all the rest. */
static void take_down(struct sofa_loop *l)
{
    sofa_workers_free(l->workers);
    for (size_t id = l->told; l->flight && id < l->asked; id++) {
        struct sofa_flight *f = &l->flight[id % l->study->parallel];

        sofa_trial_release(&f->trial);
        free(f->selection.head);
    }
    for (size_t i = 0; l->evaluator && i < l->study->jobs; i++)
        sofa_evaluator_release(&l->evaluator[i]);
    sofa_store_close(l->store);
    sofa_optimizer_free(l->optimizer);
    sofa_measurements_free(l->measurements);
    sofa_predictor_free(l->predictor);
    sofa_trials_free(l->stored, l->n_stored);
    free(l->evaluator);
    free(l->flight);
    free(l->cheap);
    sofa_lattice_release(&l->points);
    sofa_lattice_release(&l->designs);
    free(l->representative);
    free(l->dim);
}

enum sofa_code sofa_study_run(struct sofa_problem *problem, const struct sofa_study_options *options,
                              struct sofa_study **study, struct sofa_err *err)
{
    struct sofa_study *s = new_study(problem, options);
    struct sofa_loop l = {.study = s, .problem = problem, .options = options};
    enum sofa_code rc, flushed;
    bool ran;

    if (!s)
        return sofa_fail_nomem(err, "the study");
    SOFA_TRY(set_up(&l, err));
    rc = sofa_loop_run(&l, err);
    flushed = sofa_store_flush(l.store, rc == SOFA_OK ? err : NULL);
    rc = rc == SOFA_OK ? flushed : rc;
out:
    ran = l.workers != NULL;
    take_down(&l);
    if (ran)
        *study = s;
    else
        sofa_study_free(s);
    return rc;
}

void sofa_study_free(struct sofa_study *study)
{
    if (!study)
        return;
    for (size_t i = 0; i < study->n_trials; i++)
        sofa_trial_release(&study->trial[i]);
    free(study->trial);
    free(study->front);
    free(study);
}
