/*
 * Bayesian search with one uncertain objective and any number of exact ones: a Gaussian process on
 * the loss or on ln(loss + shift), as the evidence has it, the closed-form logarithm of the expected hypervolume improvement (ehvi.h), and a
 * climb over the lattice (search.h).  Trials asked for and not told yet stand as fantasies.
 */
#include "opt/bayesian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/pareto.h"
#include "opt/propose.h"
#include "opt/special.h"

#define PARTS_START 8  /* points of the start where each teaches every part, or every signal */
#define FEW_FEASIBLE 3 /* with fewer, the points of least loss are seeds too */

static void set_objectives(struct sofa_optimizer *o, struct bayesian *b)
{
    b->u = o->problem.uncertain;
    if (b->u == SOFA_OPT_ALL_UNCERTAIN)
        b->u = 0;
    for (size_t j = 0; j < o->problem.objectives; j++)
        if ((int)j != b->u)
            b->exact[b->q++] = j;
}

/* What learns the uncertain objective: its parts, or itself, beside its signals where there are such. */
static enum sofa_code new_models(struct sofa_optimizer *o, struct bayesian *b, bool plain, struct sofa_err *err)
{
    const struct sofa_opt_problem *p = &o->problem;
    bool split = !plain && !(p->without & SOFA_OPT_WITHOUT_PARTS) && sofa_parts_suit(p);
    enum sofa_code rc = SOFA_OK;

    if (split)
        b->start = b->start < PARTS_START ? b->start : PARTS_START;
    if (split && !p->parts_are_signals) {
        b->raw = true;
        return sofa_parts_new(p, SOFA_BAYESIAN_DRAWS, &b->parts, err);
    }
    b->trend = split;
    if (split)
        SOFA_TRY(sofa_signals_new(p, &b->signals, err));
    SOFA_TRY(sofa_gp_new(p->dims, p->dim, false, &b->gp[0], err));
    if (!plain && !(p->without & SOFA_OPT_WITHOUT_ADDITIVE))
        SOFA_TRY(sofa_gp_new(p->dims, p->dim, true, &b->gp[1], err));
    if (b->gp[1] && !sofa_gp_additive(b->gp[1])) {
        sofa_gp_free(b->gp[1]);
        b->gp[1] = NULL;
    }
out:
    return rc;
}

static enum sofa_code init(struct sofa_optimizer *o, bool plain, struct sofa_err *err)
{
    const struct sofa_opt_problem *p = &o->problem;
    size_t fifth = p->budget ? p->budget / 5 : p->dims;
    struct bayesian *b;
    enum sofa_code rc = SOFA_OK;

    o->own = b = calloc(1, sizeof *b);
    if (!b)
        return sofa_fail_nomem(err, "an optimizer");
    b->plain = plain || (p->without & SOFA_OPT_WITHOUT_LOG);
    set_objectives(o, b);
    b->start = p->dims < fifth ? p->dims : fifth;
    b->start = b->start < 3 ? 3 : b->start;
    b->normals = calloc(SOFA_BAYESIAN_DRAWS * SOFA_BAYESIAN_DRAWS, sizeof *b->normals);
    b->seeds = calloc(SOFA_BAYESIAN_SEEDS * p->dims, sizeof *b->seeds);
    for (size_t j = 0; j < SOFA_OPT_OBJECTIVES_MAX; j++)
        b->most[j] = -INFINITY;
    if (!b->seeds || !b->normals)
        return sofa_fail_nomem(err, "an optimizer");
    SOFA_TRY(sofa_local_init(&b->local, o, SOFA_BELIEF_MOST, b->q + 1, &sofa_belief_local, err));
    SOFA_TRY(sofa_halton_new(&b->halton, p->dims, o->rng, err));
    if (b->u >= 0)
        SOFA_TRY(new_models(o, b, plain, err));
out:
    return rc;
}

static enum sofa_code bayesian_init(struct sofa_optimizer *o, struct sofa_err *err)
{
    if (o->problem.uncertain == SOFA_OPT_ALL_UNCERTAIN) {
        o->method = &sofa_opt_blackbox;
        return o->method->init(o, err);
    }
    return init(o, false, err);
}

static enum sofa_code paper_init(struct sofa_optimizer *o, struct sofa_err *err)
{
    if (o->problem.objectives != 1 || o->problem.uncertain == -1)
        return sofa_fail(err, SOFA_E_USAGE, "the paper's search minimises one objective, the weighted loss");
    return init(o, true, err);
}

static void bayesian_free(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;

    if (!b)
        return;
    sofa_halton_free(b->halton);
    sofa_parts_free(b->parts);
    sofa_signals_free(b->signals);
    sofa_gp_free(b->gp[0]);
    sofa_gp_free(b->gp[1]);
    for (size_t f = 0; f < SOFA_BAYESIAN_DRAWS; f++)
        sofa_ehvi_release(&b->front[f]);
    sofa_belief_release(b);
    free(b->normals);
    free(b->seeds);
    sofa_gp_free(b->sample_gp);
    sofa_local_release(&b->local);
    free(b->near);
    free(b->near_mean);
    free(b);
}

/* The points of least loss that were told, into x; returns their number. */
static size_t least_losses(struct sofa_optimizer *o, size_t n, int *x, size_t max)
{
    struct bayesian *b = o->own;
    size_t dims = o->problem.dims, found = 0, best;

    for (; found < max && found < n; found++) {
        best = SOFA_LATTICE_NONE;
        for (size_t i = 0; i < n; i++)
            if (!isnan(b->z[i]) && (best == SOFA_LATTICE_NONE || b->z[i] < b->z[best]))
                best = i;
        memcpy(x + found * dims, b->x + best * dims, dims * sizeof *x);
        b->z[best] = (double)NAN;
    }
    return found;
}

/* The points of the front into x [max]; returns their number. */
static size_t front_points(struct sofa_optimizer *o, int *x, size_t max)
{
    struct bayesian *b = o->own;
    size_t m = b->q + 1, dims = o->problem.dims, found = 0;
    double *y = calloc(b->points_n * m + 1, sizeof *y);
    bool *front = calloc(b->points_n + 1, sizeof *front);

    for (size_t i = 0; y && i < b->points_n; i++) {
        memcpy(y + i * m, b->points + i * b->q, b->q * sizeof *y);
        y[i * m + b->q] = o->problem.uncertain_is_objective ? b->losses[i] : 0;
    }
    if (y && front && sofa_pareto_front(y, b->points_n, m, front, NULL) == SOFA_OK)
        for (size_t i = b->points_n; i-- > 0 && found < max;)
            if (front[i] && b->trial[i] != SOFA_LATTICE_NONE)
                memcpy(x + found++ * dims, sofa_lattice_point(&o->seen, b->trial[i]), dims * sizeof *x);
    free(y);
    free(front);
    return found;
}

static enum sofa_code find_best(struct sofa_optimizer *o, size_t n, int *x, struct sofa_score *score,
                                struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t good = front_points(o, b->seeds, SOFA_BAYESIAN_SEEDS - FEW_FEASIBLE);

    if (good < FEW_FEASIBLE)
        good += least_losses(o, n, b->seeds + good * o->problem.dims, FEW_FEASIBLE);
    return sofa_opt_propose(o, sofa_bayesian_score, NULL, good, b->seeds, x, score, err);
}

static bool reference_is_given(const struct sofa_optimizer *o)
{
    const struct bayesian *b = o->own;

    for (size_t j = 0; j < b->q; j++)
        if (isfinite(o->problem.reference[b->exact[j]]))
            return true;
    return false;
}

/* Whether some result lies below the given reference after all. */
static bool reference_is_reached(const struct sofa_optimizer *o)
{
    const struct bayesian *b = o->own;

    for (size_t i = 0; i < b->points_n; i++) {
        bool below = true;

        for (size_t j = 0; j < b->q; j++)
            below &= !(b->points[i * b->q + j] >= o->problem.reference[b->exact[j]]);
        if (below)
            return true;
    }
    return false;
}

/* The start: the most accurate corner, then low-discrepancy points.  (The opposite corner's loss lies so far off
 * that it costs the process more than it teaches: bench/opt/README.md.) */
static enum sofa_code ask_start(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    struct bayesian *b = o->own;

    if (o->seen.count == 0 && !(o->problem.without & SOFA_OPT_WITHOUT_CORNER)) {
        sofa_opt_corner(o, x);
        if (sofa_opt_accepts(o, x))
            return SOFA_OK;
    }
    return sofa_opt_halton_point(o, b->halton, x, err);
}

static enum sofa_code bayesian_ask(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    struct sofa_score score;
    enum sofa_code rc;
    size_t n;

    SOFA_TRY(sofa_belief_reserve(o, err));
    n = sofa_belief_collect(o);
    if (o->seen.count < b->start || (b->u >= 0 && n < 2))
        return ask_start(o, x, err);
    if (b->u >= 0 && !b->parts && sofa_regions_in_use(o, n)) {
        sofa_belief_drop_signals(b);
        SOFA_TRY(sofa_local_ask(&b->local, o, n, x, &score, err));
        o->gain = sofa_bayesian_gain(o, &score);
        goto out;
    }
    SOFA_TRY(sofa_belief_update(o, n, err));
    if (b->own_reference && reference_is_reached(o)) {
        b->own_reference = false;
        SOFA_TRY(sofa_belief_front(o, n, err));
    }
    SOFA_TRY(find_best(o, n, x, &score, err));
    if (score.tier < SOFA_TIER_IMPROVING && !b->own_reference && reference_is_given(o) && !reference_is_reached(o)) {
        b->own_reference = true; /* nothing can be won below the given one: the search would be blind */
        sofa_belief_collect(o);
        SOFA_TRY(sofa_belief_front(o, n, err));
        SOFA_TRY(find_best(o, n, x, &score, err));
    }
    o->gain = sofa_bayesian_gain(o, &score);
out:
    return rc;
}

const struct sofa_opt_method sofa_opt_bayesian = {
    .public = {"bayesian", "a Gaussian process on the loss, exact objectives inside the expected hypervolume gain", true},
    .init = bayesian_init,
    .ask = bayesian_ask,
    .volume = sofa_bayesian_volume,
    .free = bayesian_free,
};

/* The published search: a Gaussian process on one weighted objective and its expected improvement. */
const struct sofa_opt_method sofa_opt_paper = {
    .public = {"paper", "a Gaussian process on one weighted objective, and its expected improvement", true},
    .init = paper_init,
    .ask = bayesian_ask,
    .volume = sofa_bayesian_volume,
    .free = bayesian_free,
};
