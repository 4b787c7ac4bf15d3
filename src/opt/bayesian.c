/*
 * Bayesian search with one uncertain objective and any number of exact ones: a Gaussian process on
 * ln(loss + shift), the closed-form logarithm of the expected hypervolume improvement (ehvi.h), and a
 * climb over the lattice (search.h).  Trials asked for and not told yet stand as fantasies.
 */
#include "opt/bayesian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "opt/pareto.h"
#include "opt/search.h"
#include "opt/special.h"

#define RANDOM_SEEDS 200 /* of the climb */
#define MUTANTS 100      /* seeds made from the front */
#define LISTED 1500.0    /* points up to which a space is scored as a whole */
#define FEW_FEASIBLE 3   /* with fewer, the points of least loss are seeds too */

static bool has_gp(const struct bayesian *b)
{
    return b->u >= 0;
}

static void set_objectives(struct sofa_optimizer *o, struct bayesian *b)
{
    b->u = o->problem.uncertain;
    if (b->u == SOFA_OPT_ALL_UNCERTAIN)
        b->u = 0;
    for (size_t j = 0; j < o->problem.objectives; j++)
        if ((int)j != b->u)
            b->exact[b->q++] = j;
}

static enum sofa_code init(struct sofa_optimizer *o, bool plain, struct sofa_err *err)
{
    const struct sofa_opt_problem *p = &o->problem;
    size_t fifth = p->budget ? p->budget / 5 : p->dims;
    struct bayesian *b;
    enum sofa_code rc = SOFA_OK;

    if (p->uncertain == SOFA_OPT_ALL_UNCERTAIN && p->objectives > 1)
        return sofa_fail(err, SOFA_E_USAGE, "bayesian search takes at most one uncertain objective");
    o->own = b = calloc(1, sizeof *b);
    if (!b)
        return sofa_fail_nomem(err, "an optimizer");
    b->plain = plain;
    set_objectives(o, b);
    b->start = p->dims < fifth ? p->dims : fifth;
    b->start = b->start < 3 ? 3 : b->start;
    b->seeds = calloc(SOFA_BAYESIAN_SEEDS * p->dims, sizeof *b->seeds);
    if (!b->seeds)
        return sofa_fail_nomem(err, "an optimizer");
    SOFA_TRY(sofa_halton_new(&b->halton, p->dims, o->rng, err));
    if (has_gp(b)) {
        SOFA_TRY(sofa_gp_new(p->dims, p->dim, false, &b->gp[0], err));
        if (!plain)
            SOFA_TRY(sofa_gp_new(p->dims, p->dim, true, &b->gp[1], err));
        if (b->gp[1] && !sofa_gp_additive(b->gp[1])) {
            sofa_gp_free(b->gp[1]);
            b->gp[1] = NULL;
        }
    }
out:
    return rc;
}

static enum sofa_code bayesian_init(struct sofa_optimizer *o, struct sofa_err *err)
{
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
    sofa_gp_free(b->gp[0]);
    sofa_gp_free(b->gp[1]);
    sofa_ehvi_release(&b->front);
    free(b->points);
    free(b->losses);
    free(b->trial);
    free(b->pending);
    free(b->x);
    free(b->z);
    free(b->seeds);
    free(b);
}

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

enum { TIER_LEADING, TIER_IMPROVING };

static struct sofa_score score_one(const struct sofa_optimizer *o, const struct sofa_opt_cheap *cheap, double mu,
                                   double sd)
{
    const struct bayesian *b = o->own;
    double c[SOFA_OPT_OBJECTIVES_MAX] = {0}, value;

    for (size_t j = 0; j < b->q; j++)
        c[j] = cheap->y[b->exact[j]];
    if (b->u >= 0 && o->problem.uncertain_is_objective)
        value = sofa_ehvi_log(&b->front, c, mu, sd);
    else
        value = sofa_ehvi_log_volume(&b->front, c);
    if (!(value > -INFINITY))
        return (struct sofa_score){TIER_LEADING, -shortfall(b, c)};
    if (b->u >= 0 && !o->problem.uncertain_is_objective && isfinite(o->problem.limit))
        value += sofa_normal_log_cdf((sofa_belief_loss(b, o->problem.limit) - mu) / sd);
    return (struct sofa_score){TIER_IMPROVING, value};
}

static bool all_exact_finite(const struct bayesian *b, const struct sofa_opt_cheap *cheap)
{
    for (size_t j = 0; j < b->q; j++)
        if (!isfinite(cheap->y[b->exact[j]]))
            return false;
    return true;
}

/* A sofa_score_fn on the optimizer. */
static void score_points(void *optimizer, size_t count, const int *x, struct sofa_score *score)
{
    struct sofa_optimizer *o = optimizer;
    struct bayesian *b = o->own;
    struct sofa_opt_cheap cheap[SOFA_GP_BATCH];
    double mu[SOFA_GP_BATCH] = {0}, sd[SOFA_GP_BATCH] = {0};
    const int *point[SOFA_GP_BATCH];
    size_t index[SOFA_GP_BATCH], filled = 0;

    for (size_t i = 0; i < count; i++) {
        point[filled] = x + i * o->problem.dims;
        index[filled] = i;
        sofa_opt_cheap_of(o, point[filled], &cheap[filled]);
        if (cheap[filled].feasible && all_exact_finite(b, &cheap[filled]))
            filled++;
        else
            score[i] = (struct sofa_score){SOFA_SCORE_REFUSED, 0};
        if (filled == SOFA_GP_BATCH || (i + 1 == count && filled)) {
            if (has_gp(b))
                sofa_gp_predict(b->gp[b->chosen], filled, point, mu, sd);
            for (size_t k = 0; k < filled; k++)
                score[index[k]] = score_one(o, &cheap[k], mu[k], sd[k]);
            filled = 0;
        }
    }
}

/* Random points that the cheap constraints allow; returns their number. */
static size_t random_seeds(struct sofa_optimizer *o, int *x, size_t max)
{
    size_t n = 0;

    for (size_t t = 0; t < 20 * max && n < max; t++) {
        sofa_lattice_random(&o->seen, o->rng, x + n * o->problem.dims);
        n += sofa_opt_accepts(o, x + n * o->problem.dims);
    }
    return n;
}

/* A point near `from`: every dimension moves by 1 or 2 levels with probability 2/d. */
static void mutate(struct sofa_optimizer *o, const int *from, int *x)
{
    for (size_t j = 0; j < o->problem.dims; j++) {
        const struct sofa_opt_dim *dim = &o->problem.dim[j];
        int step;

        x[j] = from[j];
        if (gsl_rng_uniform(o->rng) * (double)o->problem.dims >= 2)
            continue;
        step = (int)sofa_rng_below(o->rng, 4) - 2;
        x[j] += step >= 0 ? step + 1 : step; /* -2 -1 1 2 */
        if (dim->unordered)
            x[j] = (int)sofa_rng_below(o->rng, (size_t)dim->levels);
        x[j] = x[j] < 0 ? 0 : x[j] >= dim->levels ? dim->levels - 1 : x[j];
    }
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

static enum sofa_code add_seeds(struct sofa_optimizer *o, struct sofa_search *search, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t dims = o->problem.dims, good, count;
    enum sofa_code rc;

    good = front_points(o, b->seeds, SOFA_BAYESIAN_SEEDS - MUTANTS - RANDOM_SEEDS - FEW_FEASIBLE);
    if (good < FEW_FEASIBLE)
        good += least_losses(o, n, b->seeds + good * dims, FEW_FEASIBLE);
    count = good;
    for (size_t i = 0; good && i < MUTANTS; i++)
        mutate(o, b->seeds + sofa_rng_below(o->rng, good) * dims, b->seeds + count++ * dims);
    count += random_seeds(o, b->seeds + count * dims, RANDOM_SEEDS);
    SOFA_TRY(sofa_search_seed(search, count, b->seeds, err));
    if (search->best == SOFA_LATTICE_NONE) { /* a rare feasible point, or the end of the space */
        SOFA_TRY(sofa_opt_random_point(o, b->seeds, err));
        SOFA_TRY(sofa_search_seed(search, 1, b->seeds, err));
    }
out:
    return rc;
}

/* Scores a small space as a whole. */
static enum sofa_code add_all(struct sofa_optimizer *o, struct sofa_search *search, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t dims = o->problem.dims;
    enum sofa_code rc = SOFA_OK;

    memset(b->seeds, 0, dims * sizeof *b->seeds);
    do
        SOFA_TRY(sofa_search_seed(search, 1, b->seeds, err));
    while (sofa_lattice_next(&o->seen, b->seeds));
    search->climbs = 0;
    if (search->best == SOFA_LATTICE_NONE)
        SOFA_TRY(sofa_opt_random_point(o, b->seeds, err)); /* says why there is none */
out:
    return rc;
}

/* The best unseen point to x, what it scored to *score. */
static enum sofa_code find_best(struct sofa_optimizer *o, size_t n, int *x, struct sofa_score *score,
                                struct sofa_err *err)
{
    struct sofa_search search;
    enum sofa_code rc;

    SOFA_TRY(sofa_search_init(&search, &o->seen, score_points, o, err));
    if (o->seen.size <= LISTED)
        SOFA_TRY(add_all(o, &search, err));
    else
        SOFA_TRY(add_seeds(o, &search, n, err));
    SOFA_TRY(sofa_search_run(&search, err));
    if (search.best == SOFA_LATTICE_NONE) {
        *score = (struct sofa_score){TIER_LEADING, 0};
        SOFA_TRY(sofa_opt_random_point(o, x, err));
        goto out;
    }
    memcpy(x, sofa_lattice_point(&search.met, search.best), o->problem.dims * sizeof *x);
    *score = search.scores[search.best];
out:
    sofa_search_release(&search);
    return rc;
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

/* The start: both corners, then low-discrepancy points. */
static enum sofa_code ask_start(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    struct bayesian *b = o->own;

    if (o->seen.count < 2) {
        sofa_belief_corner(o, o->seen.count == 1, x);
        if (sofa_lattice_find(&o->seen, x) == SOFA_LATTICE_NONE && sofa_opt_accepts(o, x))
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
    if (o->seen.count < b->start || (has_gp(b) && n < 2))
        return ask_start(o, x, err);
    SOFA_TRY(sofa_belief_update(o, n, err));
    if (b->own_reference && reference_is_reached(o)) {
        b->own_reference = false;
        SOFA_TRY(sofa_belief_front(o, n, err));
    }
    SOFA_TRY(find_best(o, n, x, &score, err));
    if (score.tier < TIER_IMPROVING && !b->own_reference && reference_is_given(o) && !reference_is_reached(o)) {
        b->own_reference = true; /* nothing can be won below the given one: the search would be blind */
        sofa_belief_collect(o);
        SOFA_TRY(sofa_belief_front(o, n, err));
        SOFA_TRY(find_best(o, n, x, &score, err));
    }
out:
    return rc;
}

const struct sofa_opt_method sofa_opt_bayesian = {
    .public = {"bayesian", "a Gaussian process on the loss, exact objectives inside the expected hypervolume gain"},
    .init = bayesian_init,
    .ask = bayesian_ask,
    .free = bayesian_free,
};

/* The published search: a Gaussian process on one weighted objective and its expected improvement. */
const struct sofa_opt_method sofa_opt_paper = {
    .public = {"paper", "a Gaussian process on one weighted objective, and its expected improvement"},
    .init = paper_init,
    .ask = bayesian_ask,
    .free = bayesian_free,
};
