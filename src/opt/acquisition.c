/*
 * What Bayesian search makes of a point: the closed-form logarithm of the expected hypervolume improvement
 * (ehvi.h) at its exact objectives, mean and deviation, summed over the fantasies of the pending points.
 *
 * A neighbour in a climb is first scored by a bound, from the cheap upper bound of its
 * deviation (gp.h), and exactly only if that would make it the best of its dimension, or the best unseen point.
 */
#include <math.h>
#include <stdlib.h>

#include "opt/bayesian.h"
#include "opt/special.h"

/* How far c lies beyond the reference, or, where nothing is uncertain, beyond the front. */
static double shortfall(const struct bayesian *b, const double *c)
{
    double sum = 0, least = INFINITY;

    for (size_t j = 0; j < b->q; j++)
        if (c[j] > b->reference[j])
            sum += (c[j] - b->reference[j]) / (fabs(b->reference[j]) + 1e-300);
    for (size_t i = 0; i < b->points_n && sum <= 0; i++) {
        double worst = -INFINITY, over;

        for (size_t j = 0; j < b->q; j++) {
            over = (c[j] - b->points[i * b->q + j]) / (fabs(b->reference[j]) + 1e-300);
            worst = over > worst ? over : worst;
        }
        least = worst < least ? worst : least;
    }
    return sum > 0 || least == INFINITY ? sum : least;
}

/* ln(exp(a) + exp(b)); -INFINITY is nothing. */
static double add_logs(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;

    return !(low - high > -40) ? high : high + sofa_opt_log1p(sofa_opt_exp(low - high));
}

/* The acquisition at exact objectives c, summed over the fantasies with means mu [draws]; `bound`: an upper one for
 * deviations up to sd. */
static double gain_at(const struct sofa_optimizer *o, const double *c, const double *mu, double sd, bool bound)
{
    const struct bayesian *b = o->own;
    double sum = -INFINITY;

    if (b->u < 0 || !o->problem.uncertain_is_objective)
        return sofa_ehvi_log_volume(&b->front[0], c);
    for (size_t f = 0; f < b->draws; f++)
        sum = add_logs(sum, (bound ? sofa_ehvi_log_bound : sofa_ehvi_log)(&b->front[f], c, mu[f], sd));
    return sum;
}

static struct sofa_score score_one(const struct sofa_optimizer *o, const int *x, const struct sofa_opt_cheap *cheap,
                                   const double *mu, double sd, bool bound)
{
    const struct bayesian *b = o->own;
    double c[SOFA_OPT_OBJECTIVES_MAX] = {0}, value;
    struct sofa_opt_cheap drawn;

    for (size_t j = 0; j < b->q; j++)
        c[j] = cheap->y[b->exact[j]];
    value = gain_at(o, c, mu, sd, bound);
    if (!(value > -INFINITY))
        return (struct sofa_score){.tier = SOFA_TIER_LEADING, .value = -shortfall(b, c)};
    for (size_t d = 0; o->problem.cheap_draw && d < o->problem.draws; d++) {
        o->problem.cheap_draw(o->problem.ctx, x, d, &drawn);
        for (size_t j = 0; j < b->q; j++)
            c[j] = drawn.y[b->exact[j]];
        if (d == 0)
            value = -INFINITY;
        if (drawn.feasible)
            value = add_logs(value, gain_at(o, c, mu, sd, bound));
    }
    if (b->u >= 0 && !o->problem.uncertain_is_objective && isfinite(o->problem.limit))
        value += sofa_normal_log_cdf((sofa_belief_loss(b, o->problem.limit) - mu[0]) / sd);
    return (struct sofa_score){.tier = SOFA_TIER_IMPROVING, .value = value};
}

static bool all_exact_finite(const struct bayesian *b, const struct sofa_opt_cheap *cheap)
{
    for (size_t j = 0; j < b->q; j++)
        if (!isfinite(cheap->y[b->exact[j]]))
            return false;
    return true;
}

/* Adds what the signals make of x to the means [draws]; *variance is what it adds to that of the process. */
static void add_trend(const struct bayesian *b, const int *x, double *mean, double *variance)
{
    double trend;

    *variance = 0;
    if (!b->trend)
        return;
    sofa_signals_predict(b->signals, x, &trend, variance);
    for (size_t f = 0; f < b->draws; f++)
        mean[f] += trend;
}

static double widened(double sd, double variance)
{
    return variance > 0 ? sqrt(sd * sd + variance) : sd;
}

/* Scores points as they come; index [count <= SOFA_GP_BATCH] says where they lie in x and score. */
static void score_batch(struct sofa_optimizer *o, size_t count, const size_t *index, const struct sofa_opt_cheap *cheap,
                        const int *x, struct sofa_score *score)
{
    struct bayesian *b = o->own;
    double mu[SOFA_GP_BATCH * SOFA_BAYESIAN_DRAWS] = {0}, sd[SOFA_GP_BATCH] = {0}, variance;
    const int *point[SOFA_GP_BATCH];

    for (size_t k = 0; k < count; k++)
        point[k] = x + index[k] * o->problem.dims;
    for (size_t k = 0; b->parts && k < count; k++)
        sofa_parts_predict(b->parts, point[k], mu + k * b->draws, &sd[k]);
    if (b->u >= 0 && !b->parts)
        sofa_gp_predict(b->model, count, point, mu, sd);
    for (size_t k = 0; k < count; k++) {
        add_trend(b, point[k], mu + k * b->draws, &variance);
        score[index[k]] = score_one(o, point[k], &cheap[k], mu + k * b->draws, widened(sd[k], variance), false);
    }
}

static void score_all(struct sofa_optimizer *o, size_t count, const int *x, struct sofa_score *score)
{
    struct bayesian *b = o->own;
    struct sofa_opt_cheap cheap[SOFA_GP_BATCH];
    size_t index[SOFA_GP_BATCH], filled = 0;

    for (size_t i = 0; i < count; i++) {
        sofa_opt_cheap_of(o, x + i * o->problem.dims, &cheap[filled]);
        score[i] = (struct sofa_score){.tier = SOFA_SCORE_REFUSED};
        if (cheap[filled].feasible && all_exact_finite(b, &cheap[filled]))
            index[filled++] = i;
        if (filled == SOFA_GP_BATCH || (i + 1 == count && filled)) {
            score_batch(o, filled, index, cheap, x, score);
            filled = 0;
        }
    }
}

/* A neighbour of the base. */
struct sofa_bayesian_near {
    struct sofa_opt_cheap cheap;
    size_t dim; /* in which it differs */
    double variance; /* that the signals add */
};

static bool reserve_near(struct bayesian *b, size_t count)
{
    if (count <= b->near_room)
        return true;
    free(b->near);
    free(b->near_mean);
    b->near = calloc(count, sizeof *b->near);
    b->near_mean = calloc(count * SOFA_BAYESIAN_DRAWS, sizeof *b->near_mean);
    b->near_room = b->near && b->near_mean ? count : 0;
    return b->near_room > 0;
}

static size_t first_difference(const int *x, const int *y, size_t dims)
{
    size_t j = 0;

    while (j + 1 < dims && x[j] == y[j])
        j++;
    return j;
}

/* Means and bounds of all neighbours. */
static void score_bounds(struct sofa_optimizer *o, const int *base, size_t count, const int *x, struct sofa_score *score)
{
    struct bayesian *b = o->own;
    size_t dims = o->problem.dims;
    double sd;

    for (size_t i = 0; i < count; i++) {
        struct sofa_bayesian_near *near = &b->near[i];
        double *mean = b->near_mean + i * b->draws;

        near->dim = first_difference(x + i * dims, base, dims);
        sofa_opt_cheap_of(o, x + i * dims, &near->cheap);
        score[i] = (struct sofa_score){.tier = SOFA_SCORE_REFUSED};
        if (!near->cheap.feasible || !all_exact_finite(b, &near->cheap))
            continue;
        sofa_gp_near(b->model, i, x + i * dims, mean, &sd);
        add_trend(b, x + i * dims, mean, &near->variance);
        score[i] = score_one(o, x + i * dims, &near->cheap, mean, widened(sd, near->variance), true);
        score[i].bound = score[i].tier == SOFA_TIER_IMPROVING;
    }
}

static void score_exactly(struct sofa_optimizer *o, size_t count, const size_t *index, const int *x,
                          struct sofa_score *score)
{
    struct bayesian *b = o->own;
    double sd[SOFA_GP_BATCH];

    sofa_gp_near_deviations(b->model, count, index, sd);
    for (size_t k = 0; k < count; k++)
        score[index[k]] = score_one(o, x + index[k] * o->problem.dims, &b->near[index[k]].cheap,
                                    b->near_mean + index[k] * b->draws, widened(sd[k], b->near[index[k]].variance),
                                    false);
}

/* The neighbour of one dimension, among [from, to), whose bound is the best; `to` when none can win. */
static size_t most_promising(const struct sofa_score *score, size_t from, size_t to, const struct sofa_near *near)
{
    struct sofa_score floor = near->here;
    size_t best = to;

    for (size_t i = from; i < to; i++)
        if (!score[i].bound && sofa_score_better(score[i], floor))
            floor = score[i];
    if (sofa_score_better(floor, near->best))
        floor = near->best;
    for (size_t i = from; i < to; i++)
        if (score[i].bound && sofa_score_better(score[i], floor) &&
            (best == to || sofa_score_better(score[i], score[best])))
            best = i;
    return best;
}

/* Exact scores, dimension by dimension the most promising one first, until no bound promises more than is
 * known. */
static void settle_bounds(struct sofa_optimizer *o, struct sofa_near near, size_t count, const int *x,
                          struct sofa_score *score)
{
    struct bayesian *b = o->own;
    size_t index[SOFA_GP_BATCH], filled, to, best, settled;

    do {
        filled = settled = 0;
        for (size_t from = 0; from < count; from = to) {
            for (to = from + 1; to < count && b->near[to].dim == b->near[from].dim; to++)
                ;
            best = most_promising(score, from, to, &near);
            if (best < to)
                index[filled++] = best;
            if (filled < SOFA_GP_BATCH && (to < count || !filled))
                continue;
            score_exactly(o, filled, index, x, score);
            for (size_t k = 0; k < filled; k++)
                if (sofa_score_better(score[index[k]], near.best) &&
                    sofa_lattice_find(&o->seen, x + index[k] * o->problem.dims) == SOFA_LATTICE_NONE)
                    near.best = score[index[k]];
            settled += filled;
            filled = 0;
        }
    } while (settled > 0);
}

void sofa_bayesian_score(void *optimizer, const struct sofa_near *near, size_t count, const int *x,
                         struct sofa_score *score)
{
    struct sofa_optimizer *o = optimizer;
    struct bayesian *b = o->own;

    if (!near || b->u < 0 || b->parts || !o->problem.uncertain_is_objective || !reserve_near(b, count) ||
        sofa_gp_set_base(b->model, near->base, count, NULL) != SOFA_OK) {
        score_all(o, count, x, score);
        return;
    }
    score_bounds(o, near->base, count, x, score);
    settle_bounds(o, *near, count, x, score);
}
