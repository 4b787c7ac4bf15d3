/*
 * Multi-objective optimisation on a lattice, by asking and telling.
 *
 * Plain doubles: this room knows nothing of accelerators.  A point is a vector of lattice
 * indices; all objectives are minimised.  At most one objective is uncertain in the grey-box
 * form (it is learnt by a Gaussian process); the others come from the caller's `cheap` function
 * and stand exactly inside the acquisition.
 *
 * Trials are numbered 0, 1, ... in the order they are asked for.  A trial asked for and not yet
 * told is pending and stands as a fantasy.  The sequence of points depends only on the problem,
 * the seed and the order of asks and tells.
 */
#ifndef SOFA_OPT_OPTIMIZER_H
#define SOFA_OPT_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SOFA_OPT_OBJECTIVES_MAX 6
#define SOFA_OPT_CONSTRAINTS_MAX 8

struct sofa_opt_dim {
    int levels;          /* >= 1 */
    const double *coord; /* [levels] in [0,1], ascending: the level's place for the model; NULL: rank */
    bool unordered;      /* levels are names: only equal or different */
    int group;           /* dimensions of one parameter share a warp; >= 0 */
    int layer;           /* the layer it belongs to, -1 for none: the additive part of the kernel */
    bool apart;          /* the uncertain objective does not hang on it */
    int corner;          /* level of the least lossy end: levels-1, 0, or -1 where unknown */
};

/* What `cheap` finds out about a point without evaluating it. */
struct sofa_opt_cheap {
    double y[SOFA_OPT_OBJECTIVES_MAX]; /* every objective but the uncertain one's slot, which is not read */
    bool feasible;                     /* the constraints that don't involve the uncertain objective */
};

struct sofa_opt_problem {
    size_t dims;
    const struct sofa_opt_dim *dim; /* [dims] */
    size_t objectives;              /* 1..SOFA_OPT_OBJECTIVES_MAX */
    int uncertain;                  /* index of the objective that only an evaluation tells; -1: none (all cheap);
                                       SOFA_OPT_ALL_UNCERTAIN: all (cheap is NULL) */
    double limit;                   /* of the uncertain objective (a constraint), INFINITY for none */
    bool uncertain_is_objective;    /* false: it is only constrained, and its slot isn't part of the front */
    size_t constraints; /* outputs that must be <= 0, told by sofa_optimizer_tell_all; only with
                           SOFA_OPT_ALL_UNCERTAIN */
    /* The uncertain objective is a sum of so many parts, told by sofa_optimizer_tell_parts; part l hangs on the
     * dimensions of layer l and on those of none.  0: nothing is known of such. */
    size_t parts;
    bool parts_are_signals; /* it isn't their sum, but hangs on them nearly so (opt/signals.h) */
    size_t part_kinds; /* parts l and l + part_kinds are one function; 0: each is its own */
    double reference[SOFA_OPT_OBJECTIVES_MAX]; /* for the hypervolume; NAN: the optimizer takes its own */
    /* Called from ask() only, by one thread.  May change between asks as the caller learns. */
    void (*cheap)(void *ctx, const int *x, struct sofa_opt_cheap *out);
    /* Where the cheap objectives hang on things that are only predicted: draw d < draws of them, by the same
     * quasi-random numbers for every x.  The acquisition is averaged over the draws (64 are enough); `cheap`
     * gives the mean.  NULL: `cheap` is exact. */
    void (*cheap_draw)(void *ctx, const int *x, size_t d, struct sofa_opt_cheap *out);
    size_t draws;
    void *ctx;
    uint64_t seed;
    size_t budget; /* evaluations that will be made at most */
    size_t regions_from; /* results beyond which Bayesian search looks at regions, each with its nearest results
                            (opt/regions.h); 0: as many as are quick */
    unsigned without; /* bits below: what Bayesian search does without, to measure what each part is worth */
};
#define SOFA_OPT_WITHOUT_LOG 1u      /* the loss is modelled as it is, whatever the evidence says */
#define SOFA_OPT_WITHOUT_ADDITIVE 2u /* one kernel, over all dimensions */
#define SOFA_OPT_WITHOUT_CORNER 4u   /* the first points are low-discrepancy ones alone */
#define SOFA_OPT_WITHOUT_PARTS 8u /* the uncertain objective is learnt as a whole */
#define SOFA_OPT_ALL_UNCERTAIN (-2)

enum sofa_opt_status { SOFA_OPT_DONE, SOFA_OPT_INFEASIBLE, SOFA_OPT_FAILED };

struct sofa_optimizer;

struct sofa_opt_algorithm {
    const char *name;
    const char *description;
    bool promises; /* sofa_optimizer_promise tells something */
};
/* The table of algorithms; *n their number. */
const struct sofa_opt_algorithm *sofa_opt_algorithms(size_t *n);

/* The problem is copied; what it points to must outlive the optimizer.  SOFA_E_USAGE for an
 * unknown algorithm or a problem it can't take, with the reason. */
enum sofa_code sofa_optimizer_new(const char *algorithm, const struct sofa_opt_problem *problem,
                                  struct sofa_optimizer **optimizer, struct sofa_err *err);
void sofa_optimizer_free(struct sofa_optimizer *optimizer);

/* The next point, x [dims]; never one that was asked for or told before.  SOFA_E_EXHAUSTED when
 * no point is left (or none that is feasible by the cheap constraints). */
enum sofa_code sofa_optimizer_ask(struct sofa_optimizer *optimizer, int *x, struct sofa_err *err);

/* What is expected of the point last asked for, before anything else is told: its gain in hypervolume as a share of
 * the hypervolume of the results so far (for one objective: of the distance between the best and the reference).
 * NAN while that isn't known: at the start, before a feasible result, and of algorithms that don't promise. */
enum sofa_code sofa_optimizer_promise(struct sofa_optimizer *optimizer, double *share, struct sofa_err *err);

/* The result of a point: y [objectives] (ignored unless DONE or INFEASIBLE with finite values).
 * INFEASIBLE: it violates a constraint, or it cannot work.  FAILED: nothing was learnt but that. */
enum sofa_code sofa_optimizer_tell(struct sofa_optimizer *optimizer, const int *x, const double *y,
                                   enum sofa_opt_status status, struct sofa_err *err);

/* The same with the constraints' values g [constraints] (NULL: not known): above 0 the point is
 * infeasible, and by how much is learnt. */
enum sofa_code sofa_optimizer_tell_all(struct sofa_optimizer *optimizer, const int *x, const double *y,
                                       const double *g, enum sofa_opt_status status, struct sofa_err *err);

/* The same with the parts [parts] of the uncertain objective; NULL: not known. */
enum sofa_code sofa_optimizer_tell_parts(struct sofa_optimizer *optimizer, const int *x, const double *y,
                                         const double *parts, enum sofa_opt_status status, struct sofa_err *err);

/* How the model stands, one line for people ("GP n=40, jitter 1e-8, kernel ARD"); may be "". */
const char *sofa_optimizer_state(const struct sofa_optimizer *optimizer);

#endif
