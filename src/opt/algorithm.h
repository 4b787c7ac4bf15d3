/*
 * Inside the room: what an algorithm sees of an optimizer, and the record that makes one.
 */
#ifndef SOFA_OPT_ALGORITHM_H
#define SOFA_OPT_ALGORITHM_H

#include <gsl/gsl_rng.h>
#include <math.h>

#include "opt/lattice.h"
#include "opt/optimizer.h"

enum sofa_opt_trial_state {
    SOFA_TRIAL_PENDING,    /* asked for, not told */
    SOFA_TRIAL_DONE,       /* y holds, the point is feasible */
    SOFA_TRIAL_INFEASIBLE, /* y holds where it is finite */
    SOFA_TRIAL_FAILED      /* nothing is known */
};

/* Trial i is at sofa_lattice_point(&o->seen, i). */
struct sofa_opt_trial {
    enum sofa_opt_trial_state state;
    double y[SOFA_OPT_OBJECTIVES_MAX];
    double g[SOFA_OPT_CONSTRAINTS_MAX]; /* NAN where not told */
};

#define SOFA_OPT_STATE_MAX 160

struct sofa_optimizer {
    struct sofa_opt_problem problem;
    const struct sofa_opt_method *method;
    struct sofa_lattice seen;      /* the points of the trials, in the order they became known */
    struct sofa_opt_trial *trials; /* [capacity], seen.count used */
    double *parts;                 /* [capacity][problem.parts] of the uncertain objective, NAN where not told */
    size_t capacity;
    size_t changes; /* counts results that replaced another one: a model that only appends starts anew */
    gsl_rng *rng;
    double gain; /* ln of the gain in hypervolume that the last suggestion promises; NAN: not known */
    void *own; /* the method's */
    char state[SOFA_OPT_STATE_MAX];
};

struct sofa_opt_method {
    struct sofa_opt_algorithm public;
    /* Whether it can take the problem; fills o->own.  May be NULL. */
    enum sofa_code (*init)(struct sofa_optimizer *o, struct sofa_err *err);
    /* Writes an unseen point to x; the caller notes it down. */
    enum sofa_code (*ask)(struct sofa_optimizer *o, int *x, struct sofa_err *err);
    /* Trial `index` has its result.  May be NULL. */
    enum sofa_code (*tell)(struct sofa_optimizer *o, size_t index, struct sofa_err *err);
    /* The hypervolume that `gain` is to be held against, right after a suggestion.  NULL where `public` doesn't promise. */
    enum sofa_code (*volume)(struct sofa_optimizer *o, double *volume, struct sofa_err *err);
    void (*free)(struct sofa_optimizer *o); /* may be NULL */
};

static inline bool sofa_opt_all_finite(const double *value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(value[i]))
            return false;
    return true;
}

/* A point's cheap side; feasible and zero where the problem has no such function. */
void sofa_opt_cheap_of(const struct sofa_optimizer *o, const int *x, struct sofa_opt_cheap *cheap);
/* A sofa_lattice_accept_fn on the optimizer: the cheap constraints hold. */
bool sofa_opt_accepts(void *optimizer, const int *x);
/* A random unseen point that the cheap constraints accept, or SOFA_E_EXHAUSTED with the reason. */
enum sofa_code sofa_opt_random_point(struct sofa_optimizer *o, int *x, struct sofa_err *err);
/* The next Halton point like that; a random one when the sequence meets none any more. */
enum sofa_code sofa_opt_halton_point(struct sofa_optimizer *o, struct sofa_halton *halton, int *x,
                                     struct sofa_err *err);

extern const struct sofa_opt_method sofa_opt_bayesian, sofa_opt_blackbox, sofa_opt_exhaustive, sofa_opt_halton, sofa_opt_nsga2,
    sofa_opt_paper, sofa_opt_random;

#endif
