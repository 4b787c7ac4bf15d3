/*
 * NSGA-II (Deb, Pratap, Agarwal, Meyarivan, IEEE TEC 2002) on the lattice, in its steady-state form
 * (Durillo et al., 2009), since results come one by one: at every question the best POPULATION of all
 * results, by rank and crowding, are the parents.  Feasible points come before infeasible ones.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "opt/algorithm.h"
#include "opt/pareto.h"

#define POPULATION 40
#define CHILD_TRIES 100
#define CROSSOVER 0.9 /* Deb et al. */
#define STEP_MAX 3    /* levels that a mutation moves a dimension */

struct member {
    size_t trial;
    size_t rank;
    double crowding;
};

struct nsga2 {
    struct sofa_halton *halton;
    struct member *members; /* [capacity] */
    double *y;              /* [capacity][objectives] of the members */
    size_t capacity;
};

static enum sofa_code nsga2_init(struct sofa_optimizer *o, struct sofa_err *err)
{
    struct nsga2 *s = o->own = calloc(1, sizeof *s);

    if (!s)
        return sofa_fail_nomem(err, "an optimizer");
    return sofa_halton_new(&s->halton, o->problem.dims, o->rng, err);
}

static void nsga2_free(struct sofa_optimizer *o)
{
    struct nsga2 *s = o->own;

    if (!s)
        return;
    sofa_halton_free(s->halton);
    free(s->members);
    free(s->y);
    free(s);
}

static enum sofa_code reserve(struct sofa_optimizer *o, struct nsga2 *s, struct sofa_err *err)
{
    size_t n = s->capacity ? s->capacity : 64;

    if (o->seen.count < s->capacity)
        return SOFA_OK;
    while (n <= o->seen.count)
        n *= 2;
    free(s->members);
    free(s->y);
    s->members = calloc(n, sizeof *s->members);
    s->y = calloc(n * o->problem.objectives, sizeof *s->y);
    s->capacity = s->members && s->y ? n : 0;
    return s->capacity ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

/* The objectives of a trial; one that is only limited is none. */
static void objectives_of(const struct sofa_optimizer *o, size_t trial, double *y)
{
    for (size_t j = 0; j < o->problem.objectives; j++)
        y[j] = (int)j == o->problem.uncertain && !o->problem.uncertain_is_objective ? 0 : o->trials[trial].y[j];
}

/* Feasible before infeasible; among the feasible, dominance. */
static bool beats(const struct sofa_optimizer *o, const struct nsga2 *s, size_t a, size_t b)
{
    size_t m = o->problem.objectives;
    bool a_ok = o->trials[s->members[a].trial].state == SOFA_TRIAL_DONE;
    bool b_ok = o->trials[s->members[b].trial].state == SOFA_TRIAL_DONE;

    if (a_ok != b_ok)
        return a_ok;
    if (o->problem.uncertain >= 0 && !a_ok) /* both miss the limit: the nearer one is better */
        return o->trials[s->members[a].trial].y[o->problem.uncertain] <
               o->trials[s->members[b].trial].y[o->problem.uncertain];
    return sofa_pareto_dominates(s->y + a * m, s->y + b * m, m);
}

/* Ranks 0, 1, ...: the fronts that are left when the earlier ones are taken away. */
static void rank_members(const struct sofa_optimizer *o, struct nsga2 *s, size_t n)
{
    size_t ranked = 0, unranked = (size_t)-1, here;

    for (size_t i = 0; i < n; i++)
        s->members[i].rank = unranked;
    for (size_t rank = 0; ranked < n; rank++) {
        here = ranked;
        for (size_t i = 0; i < n; i++) {
            bool beaten = s->members[i].rank < rank;

            for (size_t k = 0; k < n && !beaten; k++)
                beaten = s->members[k].rank >= rank && beats(o, s, k, i);
            if (!beaten && s->members[i].rank == unranked) {
                s->members[i].rank = rank;
                ranked++;
            }
        }
        if (ranked == here) /* cannot be, but for values that don't compare */
            break;
    }
}

/* How alone a member is among those of its rank: the gap between its neighbours, summed over objectives. */
static void crowd_members(const struct sofa_optimizer *o, struct nsga2 *s, size_t n)
{
    size_t m = o->problem.objectives;

    for (size_t i = 0; i < n; i++) {
        s->members[i].crowding = 0;
        for (size_t j = 0; j < m; j++) {
            double y = s->y[i * m + j], below = -INFINITY, above = INFINITY, low = y, high = y, other;

            for (size_t k = 0; k < n; k++) {
                if (k == i || s->members[k].rank != s->members[i].rank)
                    continue;
                other = s->y[k * m + j];
                low = other < low ? other : low;
                high = other > high ? other : high;
                if (other < y || (other == y && k < i))
                    below = other > below ? other : below;
                else
                    above = other < above ? other : above;
            }
            s->members[i].crowding += high > low ? (above - below) / (high - low) : 0;
        }
    }
}

static int compare_members(const void *pa, const void *pb)
{
    const struct member *a = pa, *b = pb;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->crowding != b->crowding)
        return a->crowding > b->crowding ? -1 : 1;
    return (a->trial > b->trial) - (a->trial < b->trial);
}

/* The parents, best first; returns their number. */
static size_t select_parents(struct sofa_optimizer *o, struct nsga2 *s)
{
    size_t n = 0;

    for (size_t i = 0; i < o->seen.count; i++)
        if (o->trials[i].state == SOFA_TRIAL_DONE || o->trials[i].state == SOFA_TRIAL_INFEASIBLE) {
            s->members[n].trial = i;
            objectives_of(o, i, s->y + n * o->problem.objectives);
            n++;
        }
    rank_members(o, s, n);
    crowd_members(o, s, n);
    qsort(s->members, n, sizeof *s->members, compare_members);
    return n < POPULATION ? n : POPULATION;
}

/* The better of two random parents: the members are sorted. */
static const int *pick_parent(struct sofa_optimizer *o, const struct nsga2 *s, size_t parents)
{
    size_t a = sofa_rng_below(o->rng, parents), b = sofa_rng_below(o->rng, parents);

    return sofa_lattice_point(&o->seen, s->members[a < b ? a : b].trial);
}

static void make_child(struct sofa_optimizer *o, const struct nsga2 *s, size_t parents, int *x)
{
    size_t dims = o->problem.dims;
    const int *a = pick_parent(o, s, parents), *b = pick_parent(o, s, parents);
    bool cross = gsl_rng_uniform(o->rng) < CROSSOVER;

    for (size_t j = 0; j < dims; j++) {
        const struct sofa_opt_dim *dim = &o->problem.dim[j];
        int step;

        x[j] = cross && gsl_rng_uniform(o->rng) < 0.5 ? b[j] : a[j];
        if (gsl_rng_uniform(o->rng) * (double)dims >= 1)
            continue;
        step = 1 + (int)sofa_rng_below(o->rng, STEP_MAX);
        x[j] += gsl_rng_uniform(o->rng) < 0.5 ? -step : step;
        if (dim->unordered)
            x[j] = (int)sofa_rng_below(o->rng, (size_t)dim->levels);
        x[j] = x[j] < 0 ? 0 : x[j] >= dim->levels ? dim->levels - 1 : x[j];
    }
}

static enum sofa_code nsga2_ask(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    struct nsga2 *s = o->own;
    size_t parents, start = o->problem.budget / 4 + 2;
    enum sofa_code rc;

    SOFA_TRY(reserve(o, s, err));
    if (o->seen.count < (start < POPULATION ? start : POPULATION))
        return sofa_opt_halton_point(o, s->halton, x, err);
    parents = select_parents(o, s);
    for (int t = 0; parents && t < CHILD_TRIES; t++) {
        make_child(o, s, parents, x);
        if (sofa_lattice_find(&o->seen, x) == SOFA_LATTICE_NONE && sofa_opt_accepts(o, x))
            return SOFA_OK;
    }
    rc = sofa_opt_random_point(o, x, err);
out:
    return rc;
}

const struct sofa_opt_method sofa_opt_nsga2 = {
    .public = {"nsga2", "an evolving population, best by rank and crowding (NSGA-II, steady state)", false},
    .init = nsga2_init,
    .ask = nsga2_ask,
    .free = nsga2_free,
};
