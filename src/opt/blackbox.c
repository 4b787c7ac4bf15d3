/*
 * Bayesian search where every objective, and any number of constraints, is told only by an
 * evaluation: one Gaussian process each, exact expected hypervolume improvement (mehvi.h; for narrowed
 * deviations, so that it promises less than the processes do) times the probability that all constraints hold.  Beyond
 * MOST results it goes on in regions (local.h).
 */
#include "opt/blackbox.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opt/pareto.h"
#include "opt/propose.h"
#include "opt/special.h"

#define MOST 1000            /* results that the processes are conditioned on as a whole */
#define NARROWED 0.4         /* the share of the objectives' deviations that the gain takes (bench/opt/README.md) */
#define REFERENCE_MARGIN 0.1 /* own reference: beyond the worst of the front by this share of its range */

static bool counts(const struct sofa_optimizer *o, size_t trial)
{
    return o->trials[trial].state == SOFA_TRIAL_DONE;
}

static void row_of(const struct sofa_optimizer *o, size_t trial, double *y)
{
    memcpy(y, o->trials[trial].y, o->problem.objectives * sizeof *y);
}

static void add_result(struct sofa_optimizer *o, struct blackbox *b, size_t i)
{
    size_t m = o->problem.objectives, n = b->points_n++;

    for (size_t j = 0; j < m; j++)
        b->points[n * m + j] = sofa_blackbox_squash(&b->output[j], o->trials[i].y[j]);
    b->trial[n] = i;
}

/* Feasible results (beyond the border the front's: the others lie behind it), and pending points whose believed
 * constraints hold. */
static void collect_points(struct sofa_optimizer *o, struct blackbox *b)
{
    size_t m = o->problem.objectives, n;

    b->points_n = 0;
    for (size_t i = 0; b->is_local && i < b->local.regions.front_n; i++)
        add_result(o, b, b->local.regions.front[i]);
    for (size_t i = 0; !b->is_local && i < o->seen.count; i++)
        if (counts(o, i))
            add_result(o, b, i);
    n = b->points_n;
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
            b->reference[j] = sofa_blackbox_squash(&b->output[j], given);
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

/* Sets up the acquisition; the front's points go to b->good. */
static enum sofa_code set_front(struct sofa_optimizer *o, struct blackbox *b, struct sofa_err *err)
{
    size_t dims = o->problem.dims, m = o->problem.objectives, kept = 0;
    bool *front = calloc(b->points_n + 1, sizeof *front);
    enum sofa_code rc;

    b->good_n = 0;
    if (!front)
        return sofa_fail_nomem(err, "the acquisition");
    SOFA_TRY(sofa_pareto_front(b->points, b->points_n, m, front, err));
    set_reference(o, b, front);
    for (size_t i = 0; i < b->points_n; i++) {
        if (!front[i])
            continue;
        if (b->trial[i] != SOFA_LATTICE_NONE && b->good_n < BLACKBOX_GOOD_MAX)
            memcpy(b->good + b->good_n++ * dims, sofa_lattice_point(&o->seen, b->trial[i]), dims * sizeof *b->good);
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
    double mu[SOFA_GP_BATCH][BLACKBOX_OUTPUTS_MAX] = {{0}}, sd[SOFA_GP_BATCH][BLACKBOX_OUTPUTS_MAX] = {{0}};
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
                sd[c][k] = k < o->problem.objectives ? NARROWED * deviation[c] : deviation[c];
            }
        }
        for (size_t c = 0; c < here; c++)
            score[i + c] = sofa_opt_accepts(o, point[c])
                               ? (struct sofa_score){.value = sofa_mehvi_log(&b->front, mu[c], sd[c]) +
                                                            log_feasible(o, b, mu[c], sd[c])}
                               : (struct sofa_score){.tier = SOFA_SCORE_REFUSED};
    }
}

/* The infeasible point that misses its constraints least into x; returns whether there is one. */
static size_t nearly_feasible(struct sofa_optimizer *o, int *x)
{
    const struct blackbox *b = o->own;
    size_t best = SOFA_LATTICE_NONE;
    double least = INFINITY, over;

    for (size_t i = 0; i < o->seen.count; i++) {
        over = 0;
        for (size_t k = o->problem.objectives; k < b->outputs; k++)
            over += fmax(0, sofa_blackbox_value(o, i, k)) / b->output[k].unit;
        if (o->trials[i].state == SOFA_TRIAL_INFEASIBLE && over < least) {
            least = over;
            best = i;
        }
    }
    if (best == SOFA_LATTICE_NONE)
        return 0;
    memcpy(x, sofa_lattice_point(&o->seen, best), o->problem.dims * sizeof *x);
    return 1;
}

/* The results that tell the objective that fewest do. */
static size_t told_points(const struct sofa_optimizer *o)
{
    size_t least = o->seen.count;

    for (size_t j = 0; j < o->problem.objectives; j++) {
        size_t n = 0;

        for (size_t i = 0; i < o->seen.count; i++)
            n += isfinite(sofa_blackbox_value(o, i, j));
        least = n < least ? n : least;
    }
    return least;
}

/* The acquisition, once the processes have learnt. */
static enum sofa_code stand(struct sofa_optimizer *o, size_t n, const int *centre, struct sofa_err *err)
{
    struct blackbox *b = o->own;
    enum sofa_code rc;

    SOFA_TRY(sofa_blackbox_condition(o, centre, err));
    collect_points(o, b);
    SOFA_TRY(set_front(o, b, err));
    snprintf(o->state, sizeof o->state, "%zu GPs n=%zu%s, front of %zu, %zu boxes", b->outputs, n,
             b->is_local ? " by neighbours" : "", b->front_n, b->front.boxes);
out:
    return rc;
}

static const struct sofa_local_hooks local_hooks = {.teaches = sofa_blackbox_told,
                                                    .counts = counts,
                                                    .row_of = row_of,
                                                    .learn = sofa_blackbox_learn_sample,
                                                    .stand = stand,
                                                    .nearly = nearly_feasible,
                                                    .score = score_points};

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
    b->good = calloc(BLACKBOX_GOOD_MAX * p->dims, sizeof *b->good);
    if (!b->good)
        return sofa_fail_nomem(err, "an optimizer");
    SOFA_TRY(sofa_local_init(&b->local, o, MOST, p->objectives, &local_hooks, err));
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
    sofa_local_release(&b->local);
    free(b->points);
    free(b->trial);
    free(b->x);
    free(b->pending);
    free(b->z);
    free(b->good);
    free(b);
}

static enum sofa_code blackbox_ask(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    struct blackbox *b = o->own;
    struct sofa_score score;
    enum sofa_code rc;
    size_t n;

    SOFA_TRY(sofa_blackbox_reserve(o, err));
    n = told_points(o);
    if (o->seen.count < b->start || n < 2)
        return sofa_opt_halton_point(o, b->halton, x, err);
    sofa_blackbox_pending(o);
    if (sofa_regions_in_use(o, n)) {
        SOFA_TRY(sofa_local_ask(&b->local, o, n, x, &score, err));
    } else {
        SOFA_TRY(sofa_blackbox_learn(o, err));
        SOFA_TRY(stand(o, n, NULL, err));
        if (b->good_n == 0)
            b->good_n = nearly_feasible(o, b->good);
        SOFA_TRY(sofa_opt_propose(o, score_points, NULL, b->good_n, b->good, x, &score, err));
    }
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
