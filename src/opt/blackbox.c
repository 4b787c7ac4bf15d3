/*
 * Bayesian search where every objective, and any number of constraints, is told only by an
 * evaluation: one Gaussian process each, exact expected hypervolume improvement (mehvi.h) times the
 * probability that all constraints hold.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opt/gp.h"
#include "opt/mehvi.h"
#include "opt/pareto.h"
#include "opt/propose.h"
#include "opt/special.h"

#define OUTPUTS_MAX (SOFA_OPT_OBJECTIVES_MAX + SOFA_OPT_CONSTRAINTS_MAX + 1)
#define FIT_ITERATIONS 60
#define FIT_ALWAYS 100       /* points up to which every result refits; beyond it every n/20 */
#define FIT_AFRESH 10        /* every so many points a fit starts from the prior's mode too */
#define REFERENCE_MARGIN 0.1 /* own reference: beyond the worst of the front by this share of its range */
#define GOOD_MAX 200         /* seeds from the front */

/* One output: an objective, a constraint, or whether a point works. */
struct output {
    struct sofa_gp *gp;
    bool fitted;
    size_t fitted_n, changes, afresh_n;
    double bend; /* values beyond it count less and less; see squash() */
    double unit;
};

struct blackbox {
    struct sofa_halton *halton;
    size_t outputs; /* objectives, then constraints, then whether a point works at all */
    struct output output[OUTPUTS_MAX];
    size_t start;
    double reference[SOFA_OPT_OBJECTIVES_MAX]; /* on the modelled scale */
    struct sofa_mehvi front;
    double *points; /* [room][objectives] feasible results on the modelled scale */
    size_t *trial;  /* [room] */
    size_t points_n, front_n;
    int *x, *pending; /* [room][dims] */
    double *z;        /* [room] */
    size_t pending_n, room;
    bool broken; /* some point didn't work */
    int *good; /* [GOOD_MAX][dims] */
};

static enum sofa_code blackbox_init(struct sofa_optimizer *o, struct sofa_err *err)
{
    const struct sofa_opt_problem *p = &o->problem;
    size_t fifth = p->budget ? p->budget / 5 : p->dims + 1;
    struct blackbox *b = o->own = calloc(1, sizeof *b);
    enum sofa_code rc = SOFA_OK;

    if (!b)
        return sofa_fail_nomem(err, "an optimizer");
    b->outputs = p->objectives + p->constraints + 1;
    b->start = 2 * (p->dims + 1) < fifth ? 2 * (p->dims + 1) : fifth;
    b->start = b->start < 4 ? 4 : b->start;
    b->good = calloc(GOOD_MAX * p->dims, sizeof *b->good);
    if (!b->good)
        return sofa_fail_nomem(err, "an optimizer");
    SOFA_TRY(sofa_halton_new(&b->halton, p->dims, o->rng, err));
    for (size_t k = 0; k < b->outputs; k++) {
        b->output[k].unit = 1;
        SOFA_TRY(sofa_gp_new(p->dims, p->dim, false, &b->output[k].gp, err));
    }
out:
    return rc;
}

static void blackbox_free(struct sofa_optimizer *o)
{
    struct blackbox *b = o->own;

    if (!b)
        return;
    sofa_halton_free(b->halton);
    for (size_t k = 0; k < b->outputs; k++)
        sofa_gp_free(b->output[k].gp);
    sofa_mehvi_release(&b->front);
    free(b->points);
    free(b->trial);
    free(b->x);
    free(b->pending);
    free(b->z);
    free(b->good);
    free(b);
}

static enum sofa_code reserve(struct sofa_optimizer *o, struct blackbox *b, struct sofa_err *err)
{
    size_t n = b->room ? b->room : 64, dims = o->problem.dims;

    if (o->seen.count < b->room)
        return SOFA_OK;
    while (n <= o->seen.count)
        n *= 2;
    free(b->points);
    free(b->trial);
    free(b->x);
    free(b->pending);
    free(b->z);
    b->points = calloc(n * o->problem.objectives, sizeof *b->points);
    b->trial = calloc(n, sizeof *b->trial);
    b->x = calloc(n * dims, sizeof *b->x);
    b->pending = calloc(n * dims, sizeof *b->pending);
    b->z = calloc(n, sizeof *b->z);
    b->room = b->points && b->trial && b->x && b->pending && b->z ? n : 0;
    return b->room ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

/* A point that was told without any value. */
static bool is_broken(const struct sofa_opt_trial *trial)
{
    return trial->state == SOFA_TRIAL_FAILED || (trial->state == SOFA_TRIAL_INFEASIBLE && !isfinite(trial->y[0]));
}

/* What trial i says of output k; NAN where nothing.  Whether points work is no question before one doesn't: then
 * it is a constraint like the others, 1 where it is violated and -1 elsewhere. */
static double value_of(const struct sofa_optimizer *o, size_t i, size_t k)
{
    const struct sofa_opt_trial *trial = &o->trials[i];
    const struct blackbox *b = o->own;

    if (k + 1 == b->outputs)
        return b->broken && trial->state != SOFA_TRIAL_PENDING ? (is_broken(trial) ? 1 : -1) : (double)NAN;
    if (trial->state != SOFA_TRIAL_DONE && trial->state != SOFA_TRIAL_INFEASIBLE)
        return (double)NAN;
    return k < o->problem.objectives ? trial->y[k] : trial->g[k - o->problem.objectives];
}

/* Far beyond what can be on the front a value only says "bad": there the scale turns logarithmic, so
 * that one wild value does not flatten the rest.  Monotone, and unchanged up to `bend`. */
static double squash(const struct output *output, double y)
{
    if (!(y > output->bend))
        return y;
    return output->bend + output->unit * sofa_opt_log1p((y - output->bend) / output->unit);
}

static int compare(const void *pa, const void *pb)
{
    double a = *(const double *)pa, b = *(const double *)pb;

    return (a > b) - (a < b);
}

/* The scale of output k from its values z [n] (sorted here): bends beyond the reference, the median or, of a
 * constraint, what is as far from 0 as the feasible values are. */
static void set_scale(const struct sofa_optimizer *o, struct output *output, size_t k, double *z, size_t n)
{
    double reference = k < o->problem.objectives ? o->problem.reference[k] : 0;

    qsort(z, n, sizeof *z, compare);
    output->bend = z[n / 2];
    output->unit = z[n / 2] - z[0];
    if (isfinite(reference) && reference > output->bend && k < o->problem.objectives)
        output->bend = reference;
    if (k >= o->problem.objectives) {
        output->bend = z[0] < 0 ? -z[0] : 0;
        output->unit = fabs(z[0]);
    }
    if (!(output->unit > 0))
        output->unit = 1;
}

/* Gathers the data of output k into b->x and b->z; returns their number. */
static size_t collect(struct sofa_optimizer *o, struct blackbox *b, size_t k)
{
    struct output *output = &b->output[k];
    size_t n = 0, dims = o->problem.dims;

    for (size_t i = 0; i < o->seen.count; i++)
        if (isfinite(value_of(o, i, k)))
            b->z[n++] = value_of(o, i, k);
    if (n == 0)
        return 0;
    set_scale(o, output, k, b->z, n);
    n = 0;
    for (size_t i = 0; i < o->seen.count; i++)
        if (isfinite(value_of(o, i, k))) {
            memcpy(b->x + n * dims, sofa_lattice_point(&o->seen, i), dims * sizeof *b->x);
            b->z[n++] = squash(output, value_of(o, i, k));
        }
    return n;
}

static enum sofa_code learn_output(struct sofa_optimizer *o, struct blackbox *b, size_t k, struct sofa_err *err)
{
    struct output *output = &b->output[k];
    size_t n = collect(o, b, k), step = n < FIT_ALWAYS ? 1 : n / 20;
    unsigned starts = output->fitted ? SOFA_GP_FROM_LAST : SOFA_GP_FROM_MODE | SOFA_GP_FROM_SHORT;
    double posterior;
    enum sofa_code rc = SOFA_OK;

    if (n == 0)
        return SOFA_OK;
    SOFA_TRY(sofa_gp_data(output->gp, n, b->x, b->z, err));
    if (!output->fitted || n >= output->fitted_n + step || output->changes != o->changes) {
        if (n >= output->afresh_n + FIT_AFRESH) {
            starts |= SOFA_GP_FROM_MODE;
            output->afresh_n = n;
        }
        SOFA_TRY(sofa_gp_fit(output->gp, starts, FIT_ITERATIONS, &posterior, err));
        output->fitted = true;
        output->fitted_n = n;
        output->changes = o->changes;
    }
    SOFA_TRY(sofa_gp_condition(output->gp, b->pending_n, b->pending, 1, NULL, err));
out:
    return rc;
}

static void collect_pending(struct sofa_optimizer *o, struct blackbox *b)
{
    size_t dims = o->problem.dims;

    b->pending_n = 0;
    for (size_t i = 0; i < o->seen.count; i++)
        b->broken = b->broken || is_broken(&o->trials[i]);
    for (size_t i = 0; i < o->seen.count; i++)
        if (o->trials[i].state == SOFA_TRIAL_PENDING)
            memcpy(b->pending + b->pending_n++ * dims, sofa_lattice_point(&o->seen, i), dims * sizeof *b->pending);
}

/* Feasible results, and pending points whose believed constraints hold. */
static void collect_points(struct sofa_optimizer *o, struct blackbox *b)
{
    size_t m = o->problem.objectives, n = 0;

    for (size_t i = 0; i < o->seen.count; i++)
        if (o->trials[i].state == SOFA_TRIAL_DONE) {
            for (size_t j = 0; j < m; j++)
                b->points[n * m + j] = squash(&b->output[j], o->trials[i].y[j]);
            b->trial[n++] = i;
        }
    for (size_t i = 0; i < b->pending_n; i++) {
        bool feasible = true;

        for (size_t k = m; k < b->outputs; k++)
            feasible &= !b->output[k].fitted || sofa_gp_pending(b->output[k].gp, 0, i) <= 0;
        if (!feasible)
            continue;
        for (size_t j = 0; j < m; j++)
            b->points[n * m + j] = sofa_gp_pending(b->output[j].gp, 0, i);
        b->trial[n++] = SOFA_LATTICE_NONE;
    }
    b->points_n = n;
}

/* The given reference, else a margin beyond the worst values on the front (of all results before one). */
static void set_reference(struct sofa_optimizer *o, struct blackbox *b, const bool *front)
{
    size_t m = o->problem.objectives;

    for (size_t j = 0; j < m; j++) {
        double low = INFINITY, high = -INFINITY, given = o->problem.reference[j], y;

        if (isfinite(given)) {
            b->reference[j] = squash(&b->output[j], given);
            continue;
        }
        for (size_t i = 0; i < b->points_n; i++)
            if (front[i]) {
                y = b->points[i * m + j];
                low = y < low ? y : low;
                high = y > high ? y : high;
            }
        if (!(high > low)) {
            low = isfinite(high) ? high : b->output[j].bend;
            high = low + b->output[j].unit;
        }
        b->reference[j] = high + REFERENCE_MARGIN * (high - low);
    }
}

/* Sets up the acquisition; the front's points go to b->good, their number to *good. */
static enum sofa_code set_front(struct sofa_optimizer *o, struct blackbox *b, size_t *good, struct sofa_err *err)
{
    size_t dims = o->problem.dims, m = o->problem.objectives, kept = 0;
    bool *front = calloc(b->points_n + 1, sizeof *front);
    enum sofa_code rc;

    *good = 0;
    if (!front)
        return sofa_fail_nomem(err, "the acquisition");
    SOFA_TRY(sofa_pareto_front(b->points, b->points_n, m, front, err));
    set_reference(o, b, front);
    for (size_t i = 0; i < b->points_n; i++) {
        if (!front[i])
            continue;
        if (b->trial[i] != SOFA_LATTICE_NONE && *good < GOOD_MAX)
            memcpy(b->good + (*good)++ * dims, sofa_lattice_point(&o->seen, b->trial[i]), dims * sizeof *b->good);
        memmove(b->points + kept++ * m, b->points + i * m, m * sizeof *b->points);
    }
    b->front_n = kept;
    SOFA_TRY(sofa_mehvi_build(&b->front, m, b->reference, kept, b->points, err));
out:
    free(front);
    return rc;
}

/* ln of the probability that all constraints hold. */
static double log_feasible(const struct sofa_optimizer *o, const struct blackbox *b, const double *mu, const double *sd)
{
    double sum = 0;

    for (size_t k = o->problem.objectives; k < b->outputs; k++)
        if (b->output[k].fitted)
            sum += sofa_normal_log_cdf(-mu[k] / sd[k]);
    return sum;
}

/* A sofa_score_fn on the optimizer. */
static void score_points(void *optimizer, const struct sofa_near *near, size_t count, const int *x, struct sofa_score *score)
{
    struct sofa_optimizer *o = optimizer;
    struct blackbox *b = o->own;
    double mean[SOFA_GP_BATCH], deviation[SOFA_GP_BATCH];
    double mu[SOFA_GP_BATCH][OUTPUTS_MAX] = {{0}}, sd[SOFA_GP_BATCH][OUTPUTS_MAX] = {{0}};
    const int *point[SOFA_GP_BATCH];

    (void)near;
    for (size_t i = 0; i < count; i += SOFA_GP_BATCH) {
        size_t here = count - i < SOFA_GP_BATCH ? count - i : SOFA_GP_BATCH;

        for (size_t c = 0; c < here; c++)
            point[c] = x + (i + c) * o->problem.dims;
        for (size_t k = 0; k < b->outputs; k++) {
            if (!b->output[k].fitted)
                continue;
            sofa_gp_predict(b->output[k].gp, here, point, mean, deviation);
            for (size_t c = 0; c < here; c++) {
                mu[c][k] = mean[c];
                sd[c][k] = deviation[c];
            }
        }
        for (size_t c = 0; c < here; c++)
            score[i + c] = sofa_opt_accepts(o, point[c])
                               ? (struct sofa_score){.value = sofa_mehvi_log(&b->front, mu[c], sd[c]) +
                                                            log_feasible(o, b, mu[c], sd[c])}
                               : (struct sofa_score){.tier = SOFA_SCORE_REFUSED};
    }
}

/* The infeasible points that miss their constraints least, while there is no feasible one. */
static size_t nearly_feasible(struct sofa_optimizer *o, struct blackbox *b)
{
    size_t best = SOFA_LATTICE_NONE;
    double least = INFINITY, over;

    for (size_t i = 0; i < o->seen.count; i++) {
        over = 0;
        for (size_t k = o->problem.objectives; k < b->outputs; k++)
            over += fmax(0, value_of(o, i, k)) / b->output[k].unit;
        if (o->trials[i].state == SOFA_TRIAL_INFEASIBLE && over < least) {
            least = over;
            best = i;
        }
    }
    if (best == SOFA_LATTICE_NONE)
        return 0;
    memcpy(b->good, sofa_lattice_point(&o->seen, best), o->problem.dims * sizeof *b->good);
    return 1;
}

static size_t told_points(const struct sofa_optimizer *o)
{
    size_t n = 0;

    for (size_t i = 0; i < o->seen.count; i++)
        n += isfinite(value_of(o, i, 0));
    return n;
}

static enum sofa_code blackbox_ask(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    struct blackbox *b = o->own;
    struct sofa_score score;
    enum sofa_code rc;
    size_t good;

    SOFA_TRY(reserve(o, b, err));
    if (o->seen.count < b->start || told_points(o) < 2)
        return sofa_opt_halton_point(o, b->halton, x, err);
    collect_pending(o, b);
    for (size_t k = 0; k < b->outputs; k++)
        SOFA_TRY(learn_output(o, b, k, err));
    for (size_t j = 0; j < o->problem.objectives; j++)
        if (!b->output[j].fitted) /* an objective that no trial told */
            return sofa_opt_halton_point(o, b->halton, x, err);
    collect_points(o, b);
    SOFA_TRY(set_front(o, b, &good, err));
    if (good == 0)
        good = nearly_feasible(o, b);
    snprintf(o->state, sizeof o->state, "%zu GPs n=%zu, front of %zu, %zu boxes", b->outputs,
             sofa_gp_points(b->output[0].gp), good, b->front.boxes);
    SOFA_TRY(sofa_opt_propose(o, score_points, NULL, good, b->good, x, &score, err));
    o->gain = score.tier == SOFA_SCORE_REFUSED ? -INFINITY : score.value;
out:
    return rc;
}

/* On the modelled scale, as the gain is; what is pending counts as it is believed. */
static enum sofa_code blackbox_volume(struct sofa_optimizer *o, double *volume, struct sofa_err *err)
{
    struct blackbox *b = o->own;

    return sofa_hypervolume(b->points, b->front_n, o->problem.objectives, b->reference, volume, err);
}

/* Chosen by `bayesian` for such problems; not in the table of algorithms. */
const struct sofa_opt_method sofa_opt_blackbox = {
    .public = {"bayesian", "a Gaussian process on every output, and the expected hypervolume gain", true},
    .init = blackbox_init,
    .ask = blackbox_ask,
    .volume = blackbox_volume,
    .free = blackbox_free,
};
