/* What Bayesian search improves on: the results and the pending points as they are believed, and the reference. */
#include "opt/bayesian.h"

#include <math.h>
#include <stdio.h>

#include "opt/propose.h"
#include "opt/special.h"

#define REFERENCE_MARGIN 0.1 /* own reference: beyond the most accurate design by this share */
#define HUGE_REFERENCE 1e30  /* where no feasible design is known at all */
#define REFERENCE_DRAWS 64   /* random designs looked at where that one isn't feasible */
#define FANTASIES_PENDING 16 /* with more pending points the mean is believed */

bool sofa_belief_counts(const struct sofa_optimizer *o, size_t i)
{
    const struct bayesian *b = o->own;
    const struct sofa_opt_trial *trial = &o->trials[i];

    return trial->state == SOFA_TRIAL_DONE && (b->u < 0 || trial->y[b->u] <= o->problem.limit);
}

/* Normal innovations that fill the space of the pending points evenly: additive recurrences with the
 * roots of primes. */
static void set_normals(struct bayesian *b)
{
    static const double primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53};
    double u;

    for (size_t f = 0; f < b->draws; f++)
        for (size_t i = 0; i < b->pending_n; i++) {
            u = ((double)f + 0.5) * sqrt(primes[i]);
            b->normals[f * b->pending_n + i] = sofa_normal_quantile(u - floor(u));
        }
}

/* Parts take all results again: they are few settings of few dimensions. */
static enum sofa_code learn_parts(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t parts = o->problem.parts;
    enum sofa_code rc;

    SOFA_TRY(sofa_parts_clear(b->parts, err));
    for (size_t i = 0; i < o->seen.count; i++)
        if (sofa_belief_teaches(o, i))
            SOFA_TRY(sofa_parts_add(b->parts, sofa_lattice_point(&o->seen, i), o->parts + i * parts, err));
    SOFA_TRY(sofa_parts_learn(b->parts, b->pending_n, b->pending, b->draws, err));
    snprintf(o->state, sizeof o->state, "GP n=%zu, a process for each of %zu parts", n, parts);
out:
    return rc;
}

static double pending_loss(const struct sofa_optimizer *o, size_t draw, size_t i)
{
    const struct bayesian *b = o->own;
    double mean = 0, variance;

    if (b->parts)
        return sofa_parts_pending(b->parts, draw, i);
    if (b->trend)
        sofa_signals_predict(b->signals, b->pending + i * o->problem.dims, &mean, &variance);
    return mean + sofa_gp_pending(b->model, draw, i);
}

static void set_draws(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;

    if (b->pending_n > 0 && b->pending_n <= FANTASIES_PENDING && o->problem.uncertain_is_objective)
        b->draws = SOFA_BAYESIAN_DRAWS;
}

enum sofa_code sofa_belief_condition(struct sofa_optimizer *o, size_t n, bool fantasies, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    struct sofa_gp *gp = b->model;
    enum sofa_code rc;

    b->draws = 1;
    if (fantasies)
        set_draws(o);
    if (b->draws > 1)
        set_normals(b);
    SOFA_TRY(sofa_gp_condition(gp, b->pending_n, b->pending, b->draws, b->draws > 1 ? b->normals : NULL, err));
    snprintf(o->state, sizeof o->state, "GP n=%zu%s, %s kernel%s, jitter %g%s", n,
             sofa_gp_points(gp) < n ? " by neighbours" : "", sofa_gp_additive(gp) ? "additive" : "ARD",
             sofa_belief_logarithm(b) ? " on the logarithm" : b->trend ? " beside signals" : "", sofa_gp_jitter(gp),
             b->own_reference ? ", the reference is out of reach" : "");
out:
    return rc;
}

/* Adds a pending point as each fantasy has it; one whose drawn loss misses the limit counts for nothing. */
static void add_pending(struct sofa_optimizer *o, size_t i, size_t *n)
{
    struct bayesian *b = o->own;
    struct sofa_opt_cheap cheap;
    double limit = b->u >= 0 && isfinite(o->problem.limit) ? sofa_belief_loss(b, o->problem.limit) : INFINITY, loss;

    sofa_opt_cheap_of(o, b->pending + i * o->problem.dims, &cheap);
    if (!cheap.feasible || (b->u >= 0 && !o->problem.uncertain_is_objective &&
                            pending_loss(o, 0, i) > limit))
        return;
    for (size_t j = 0; j < b->q; j++)
        b->points[*n * b->q + j] = cheap.y[b->exact[j]];
    for (size_t f = 0; f < b->draws; f++) {
        loss = b->u >= 0 ? pending_loss(o, f, i) : 0;
        b->losses[f * b->room + *n] = loss > limit ? INFINITY : loss;
    }
    b->trial[(*n)++] = SOFA_LATTICE_NONE;
}

static void add_result(struct sofa_optimizer *o, size_t i, size_t *n)
{
    struct bayesian *b = o->own;

    for (size_t j = 0; j < b->q; j++)
        b->points[*n * b->q + j] = o->trials[i].y[b->exact[j]];
    for (size_t f = 0; f < b->draws; f++)
        b->losses[f * b->room + *n] = b->u >= 0 ? sofa_belief_loss(b, o->trials[i].y[b->u]) : 0;
    b->trial[(*n)++] = i;
}

void sofa_belief_points(struct sofa_optimizer *o, size_t results, const size_t *result)
{
    struct bayesian *b = o->own;
    size_t n = 0;

    for (size_t i = 0; result && i < results; i++)
        add_result(o, result[i], &n);
    for (size_t i = 0; !result && i < o->seen.count; i++)
        if (sofa_belief_counts(o, i))
            add_result(o, i, &n);
    for (size_t i = 0; i < b->pending_n; i++)
        add_pending(o, i, &n);
    b->points_n = n;
}

static double beyond(double y, double other)
{
    double margin = REFERENCE_MARGIN * fabs(y);

    return (y > other ? y : other) + (margin > 0 ? margin : REFERENCE_MARGIN);
}

/* The reference for the exact objectives: the given one, or REFERENCE_MARGIN beyond the most accurate
 * design and the front.  One that no design reaches would leave nothing to improve. */
static void set_reference(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    const struct sofa_opt_problem *p = &o->problem;
    struct sofa_opt_cheap cheap;

    sofa_opt_corner(o, b->seeds);
    sofa_opt_cheap_of(o, b->seeds, &cheap);
    for (int t = 0; t < REFERENCE_DRAWS && !cheap.feasible && b->points_n == 0; t++) {
        sofa_lattice_random(&o->seen, o->rng, b->seeds);
        sofa_opt_cheap_of(o, b->seeds, &cheap);
    }
    for (size_t j = 0; j < b->q; j++) {
        size_t k = b->exact[j];
        double own = cheap.feasible && cheap.y[k] > b->most[j] ? cheap.y[k] : b->most[j];

        b->reference[j] = p->reference[k];
        if (isfinite(p->reference[k]) && !b->own_reference)
            continue;
        for (size_t i = 0; i < b->points_n; i++)
            own = b->points[i * b->q + j] > own ? b->points[i * b->q + j] : own;
        b->reference[j] = isfinite(own) ? beyond(own, own) : HUGE_REFERENCE;
    }
}

/* b_{K+1}: the reference or the limit, else a little beyond the worst loss seen. */
static void set_last(struct sofa_optimizer *o, size_t n)
{
    struct bayesian *b = o->own;
    const struct sofa_opt_problem *p = &o->problem;
    double last = INFINITY, low = INFINITY, high = -INFINITY;

    if (p->uncertain_is_objective && isfinite(p->reference[b->u]))
        last = p->reference[b->u];
    last = p->limit < last ? p->limit : last;
    for (size_t i = 0; i < n; i++) {
        low = b->z[i] < low ? b->z[i] : low;
        high = b->z[i] > high ? b->z[i] : high;
    }
    b->worst = isfinite(last) ? last : beyond(high, high + REFERENCE_MARGIN * (high - low)); /* no logarithm then */
    b->last = sofa_belief_loss(b, b->worst);
}

enum sofa_code sofa_belief_front(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    bool levels = b->u >= 0 && o->problem.uncertain_is_objective;
    enum sofa_code rc = SOFA_OK;

    set_reference(o);
    if (levels)
        set_last(o, n);
    for (size_t f = 0; f < b->draws; f++)
        SOFA_TRY(sofa_ehvi_build(&b->front[f], b->q, b->reference, b->points_n, b->points,
                                 levels ? b->losses + f * b->room : NULL, b->last, sofa_belief_logarithm(b), err));
out:
    return rc;
}

enum sofa_code sofa_belief_update(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    enum sofa_code rc = SOFA_OK;

    b->draws = 1;
    if (b->parts) {
        set_draws(o);
        SOFA_TRY(learn_parts(o, n, err));
    } else if (b->u >= 0) {
        SOFA_TRY(sofa_belief_learn_signals(o, err));
        SOFA_TRY(sofa_belief_fit(o, n, err));
        b->model = b->gp[b->chosen];
        SOFA_TRY(sofa_gp_data(b->model, n, b->x, sofa_belief_outputs(b), err));
        SOFA_TRY(sofa_belief_condition(o, n, true, err));
    }
    sofa_belief_points(o, 0, NULL);
    SOFA_TRY(sofa_belief_front(o, n, err));
out:
    return rc;
}
