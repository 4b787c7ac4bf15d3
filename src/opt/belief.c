/* What Bayesian search believes: the process and the scale it models, the points to improve on and the
 * reference. */
#include "opt/bayesian.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opt/propose.h"
#include "opt/special.h"

#define FIT_ITERATIONS 60    /* of a fit from the prior ... */
#define FIT_WARM 10          /* ... and of one from the last, once FIT_SETTLED points were told */
#define FIT_SETTLED 30
#define FIT_ALWAYS 100       /* points up to which every result refits; beyond it every n/10 */
#define FIT_SUBSET 200       /* points that a fit uses at most */
#define CHOOSE_EVERY 20      /* results between two comparisons of the kernels; beyond FIT_ALWAYS n/2 */
#define SHIFT_SHARE 0.1      /* of the limit, added to the loss before the logarithm */
#define FANTASIES_PENDING 16 /* with more pending points the mean is believed */
#define REFERENCE_MARGIN 0.1 /* own reference: beyond the most accurate design by this share */
#define HUGE_REFERENCE 1e30  /* where no feasible design is known at all */
#define REFERENCE_DRAWS 64   /* random designs looked at where that one isn't feasible */

bool sofa_belief_logarithm(const struct bayesian *b)
{
    return !b->raw && !isnan(b->shift);
}

double sofa_belief_loss(const struct bayesian *b, double loss)
{
    return sofa_belief_logarithm(b) ? sofa_opt_log(loss + b->shift) : loss;
}

enum sofa_code sofa_belief_reserve(struct sofa_optimizer *o, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t n = b->room ? b->room : 64, dims = o->problem.dims;

    if (o->seen.count < b->room)
        return SOFA_OK;
    while (n <= o->seen.count)
        n *= 2;
    free(b->points);
    free(b->losses);
    free(b->trial);
    free(b->pending);
    free(b->x);
    free(b->z);
    free(b->fit_x);
    free(b->fit_z);
    b->fit_x = calloc(n * dims, sizeof *b->fit_x);
    b->fit_z = calloc(n, sizeof *b->fit_z);
    b->points = calloc(n * (b->q + 1), sizeof *b->points);
    b->losses = calloc(SOFA_BAYESIAN_DRAWS * n, sizeof *b->losses);
    b->trial = calloc(n, sizeof *b->trial);
    b->pending = calloc(n * dims, sizeof *b->pending);
    b->x = calloc(n * dims, sizeof *b->x);
    b->z = calloc(n, sizeof *b->z);
    b->room = b->points && b->losses && b->trial && b->pending && b->x && b->z && b->fit_x &&
                      b->fit_z
                  ? n
                  : 0;
    return b->room ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

/* Whether a trial teaches the process something. */
static bool teaches(const struct sofa_optimizer *o, size_t i)
{
    const struct bayesian *b = o->own;
    const struct sofa_opt_trial *trial = &o->trials[i];

    if (b->parts && !sofa_opt_all_finite(o->parts + i * o->problem.parts, o->problem.parts))
        return false;
    return b->u >= 0 && (trial->state == SOFA_TRIAL_DONE || trial->state == SOFA_TRIAL_INFEASIBLE) &&
           isfinite(trial->y[b->u]);
}

static bool counts_for_front(const struct sofa_optimizer *o, size_t i)
{
    const struct bayesian *b = o->own;
    const struct sofa_opt_trial *trial = &o->trials[i];

    return trial->state == SOFA_TRIAL_DONE && (b->u < 0 || trial->y[b->u] <= o->problem.limit);
}

/* The place of the losses on a logarithmic scale: a tenth of the limit is where it begins to bend. */
static void set_shift(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    double least = INFINITY, scale = o->problem.limit;

    if (!isfinite(scale))
        scale = o->problem.uncertain_is_objective ? o->problem.reference[b->u] : (double)NAN;
    b->shift = NAN;
    if (b->plain || !(isfinite(scale) && scale > 0))
        return;
    for (size_t i = 0; i < o->seen.count; i++)
        if (teaches(o, i) && o->trials[i].y[b->u] < least)
            least = o->trials[i].y[b->u];
    b->shift = SHIFT_SHARE * scale;
    if (least + b->shift < 0.2 * b->shift) /* a loss below zero: keep it on the scale */
        b->shift = 0.2 * b->shift - least;
}

static void collect_pending(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    size_t dims = o->problem.dims;

    b->pending_n = 0;
    for (size_t i = 0; i < o->seen.count; i++)
        if (o->trials[i].state == SOFA_TRIAL_PENDING)
            memcpy(b->pending + b->pending_n++ * dims, sofa_lattice_point(&o->seen, i), dims * sizeof *b->pending);
}

/* Points and outputs that teach the process, in the order of the trials; returns their number. */
static size_t collect_outputs(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    size_t n = 0, dims = o->problem.dims;

    for (size_t i = 0; i < o->seen.count; i++)
        if (teaches(o, i)) {
            memcpy(b->x + n * dims, sofa_lattice_point(&o->seen, i), dims * sizeof *b->x);
            b->z[n++] = sofa_belief_loss(b, o->trials[i].y[b->u]);
        }
    return n;
}

size_t sofa_belief_collect(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;

    collect_pending(o);
    if (b->u < 0)
        return 0;
    set_shift(o);
    return collect_outputs(o);
}

static enum sofa_code fit_one(struct bayesian *b, int which, double *posterior, struct sofa_err *err)
{
    unsigned starts = b->fitted ? SOFA_GP_FROM_LAST : SOFA_GP_FROM_MODE | SOFA_GP_FROM_SHORT;

    if (which != b->chosen)
        starts |= SOFA_GP_FROM_MODE;
    return sofa_gp_fit(b->gp[which], starts,
                       starts == SOFA_GP_FROM_LAST && b->fitted_n >= FIT_SETTLED ? FIT_WARM : FIT_ITERATIONS, posterior,
                       err);
}

/* The points that the fit uses: half of them the latest, which lie where it matters, the others spread
 * evenly over the rest; returns their number. */
static size_t choose_subset(struct sofa_optimizer *o, size_t n)
{
    struct bayesian *b = o->own;
    size_t dims = o->problem.dims, used = n < FIT_SUBSET ? n : FIT_SUBSET, late = used / 2, early = used - late, from;

    for (size_t i = 0; i < used; i++) {
        from = used == n ? i : i < early ? i * (n - late) / early : n - used + i;
        memcpy(b->fit_x + i * dims, b->x + from * dims, dims * sizeof *b->x);
        b->fit_z[i] = b->z[from];
    }
    return used;
}

/* Fits one process on the scale in use; *posterior is of the losses themselves, so that scales can be compared:
 * the density of what was standardised, over the spread, times the slope of the logarithm. */
static enum sofa_code fit_scale(struct sofa_optimizer *o, int which, size_t n, double *posterior, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t used = choose_subset(o, n);
    enum sofa_code rc;

    SOFA_TRY(sofa_gp_data(b->gp[which], used, b->fit_x, b->fit_z, err));
    SOFA_TRY(fit_one(b, which, posterior, err));
    *posterior -= (double)used * sofa_opt_log(sofa_gp_spread(b->gp[which]));
    for (size_t i = 0; i < used && sofa_belief_logarithm(b); i++)
        *posterior -= b->fit_z[i]; /* d ln(loss + shift) / d loss = exp(-z) */
out:
    return rc;
}

/* Chooses the scale, then the kernel, by what is most probable. */
static enum sofa_code choose(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    double here, other;
    enum sofa_code rc;

    SOFA_TRY(fit_scale(o, b->chosen, n, &here, err));
    if (!isnan(b->shift)) {
        b->raw = !b->raw;
        collect_outputs(o);
        SOFA_TRY(fit_scale(o, b->chosen, n, &other, err));
        if (other > here) {
            here = other;
        } else {
            b->raw = !b->raw;
            collect_outputs(o);
            SOFA_TRY(fit_scale(o, b->chosen, n, &here, err));
        }
    }
    if (b->gp[1]) {
        SOFA_TRY(fit_scale(o, !b->chosen, n, &other, err));
        b->chosen = other > here ? !b->chosen : b->chosen;
    }
    b->chosen_n = n;
out:
    return rc;
}

/* Refits where enough is new; every CHOOSE_EVERY results scales and kernels are compared. */
static enum sofa_code fit(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t step = n < FIT_ALWAYS ? 1 : n / 10, pause = n < FIT_ALWAYS ? CHOOSE_EVERY : n / 2;
    bool choice = b->gp[1] || !isnan(b->shift);
    double posterior;
    enum sofa_code rc = SOFA_OK;

    if (b->fitted && n < b->fitted_n + step && b->changes == o->changes)
        return SOFA_OK;
    if (choice && (!b->fitted || n >= b->chosen_n + pause))
        SOFA_TRY(choose(o, n, err));
    else
        SOFA_TRY(fit_scale(o, b->chosen, n, &posterior, err));
    b->fitted = true;
    b->fitted_n = n;
    b->changes = o->changes;
out:
    return rc;
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

/* The same of parts. */
static enum sofa_code learn_parts(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t parts = o->problem.parts;
    enum sofa_code rc;

    SOFA_TRY(sofa_parts_clear(b->parts, err));
    for (size_t i = 0; i < o->seen.count; i++)
        if (teaches(o, i))
            SOFA_TRY(sofa_parts_add(b->parts, sofa_lattice_point(&o->seen, i), o->parts + i * parts, err));
    SOFA_TRY(sofa_parts_learn(b->parts, b->pending_n, b->pending, b->draws, err));
    snprintf(o->state, sizeof o->state, "GP n=%zu, a process for each of %zu parts", n, parts);
out:
    return rc;
}

static double pending_loss(const struct bayesian *b, size_t draw, size_t i)
{
    return b->parts ? sofa_parts_pending(b->parts, draw, i) : sofa_gp_pending(b->gp[b->chosen], draw, i);
}

/* Learns from what was told and places the pending points. */
static enum sofa_code learn(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    struct sofa_gp *gp;
    enum sofa_code rc;

    if (b->pending_n > 0 && b->pending_n <= FANTASIES_PENDING && o->problem.uncertain_is_objective)
        b->draws = SOFA_BAYESIAN_DRAWS;
    if (b->parts)
        return learn_parts(o, n, err);
    SOFA_TRY(fit(o, n, err));
    gp = b->gp[b->chosen];
    SOFA_TRY(sofa_gp_data(gp, n, b->x, b->z, err));
    if (b->draws > 1)
        set_normals(b);
    SOFA_TRY(sofa_gp_condition(gp, b->pending_n, b->pending, b->draws, b->draws > 1 ? b->normals : NULL, err));
    snprintf(o->state, sizeof o->state, "GP n=%zu, %s kernel%s, jitter %g%s", n,
             sofa_gp_additive(gp) ? "additive" : "ARD", sofa_belief_logarithm(b) ? " on the logarithm" : "",
             sofa_gp_jitter(gp),
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
                            pending_loss(b, 0, i) > limit))
        return;
    for (size_t j = 0; j < b->q; j++)
        b->points[*n * b->q + j] = cheap.y[b->exact[j]];
    for (size_t f = 0; f < b->draws; f++) {
        loss = b->u >= 0 ? pending_loss(b, f, i) : 0;
        b->losses[f * b->room + *n] = loss > limit ? INFINITY : loss;
    }
    b->trial[(*n)++] = SOFA_LATTICE_NONE;
}

/* The points that the acquisition improves on: feasible results and pending points. */
static void collect_points(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    size_t n = 0;

    for (size_t i = 0; i < o->seen.count; i++)
        if (counts_for_front(o, i)) {
            for (size_t j = 0; j < b->q; j++)
                b->points[n * b->q + j] = o->trials[i].y[b->exact[j]];
            for (size_t f = 0; f < b->draws; f++)
                b->losses[f * b->room + n] = b->u >= 0 ? sofa_belief_loss(b, o->trials[i].y[b->u]) : 0;
            b->trial[n++] = i;
        }
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
        double own = cheap.feasible ? cheap.y[k] : -INFINITY;

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
    if (b->u >= 0)
        SOFA_TRY(learn(o, n, err));
    collect_points(o);
    SOFA_TRY(sofa_belief_front(o, n, err));
out:
    return rc;
}
