/*
 * Test problems of the optimiser, all minimised, on lattices.
 *
 * Black box: RE22 RE23 RE25 RE35 RE36 (Tanabe and Ishibuchi, "An easy-to-use real-world
 * multi-objective optimization problem suite", Applied Soft Computing 2020), OSY (Osyczka and Kundu
 * 1995), C2-DTLZ2 (Jain and Deb 2014), the disc brake with its constraints (CRE23 of the same suite),
 * DTLZ2 and DTLZ7 (Deb et al. 2002) on 16 levels, also with exact objectives, and Branin and Currin in a disc
 * (BoTorch's ConstrainedBraninCurrin).  Continuous variables have 101 levels.
 *
 * Our own: spaces of this program, a loss that only the kernel tells (from tables of measurements, table.h)
 * and exact costs from the model (problems_own.c).
 */
#ifndef SOFA_BENCH_OPT_PROBLEMS_H
#define SOFA_BENCH_OPT_PROBLEMS_H

#include "opt/optimizer.h"

#define PROBLEM_DIMS_MAX 70

struct problem {
    const char *name;
    size_t dims, objectives, constraints;
    int uncertain; /* as in struct sofa_opt_problem */
    /* Fills dim [dims]; values of a level come from value_of. */
    void (*set_dims)(const struct problem *p, struct sofa_opt_dim *dim);
    /* y [objectives] and g [constraints] (feasible where <= 0) of the levels x [dims] */
    void (*evaluate)(const struct problem *p, const int *x, double *y, double *g);
    double reference[SOFA_OPT_OBJECTIVES_MAX];
    const struct variable *variable; /* of a black box [dims] */
    size_t front_dims;               /* the front lies where all dimensions from here on ... */
    int front_level;                 /* ... stand at this level; 0: it is not known where */
    const char *space, *table;       /* of our own: the space's file and the table's */
    /* the uncertain objective is a sum of parts [parts], which an evaluation tells */
    size_t parts, part_kinds;
    bool signals; /* they are signals, not parts */
    void (*split)(const struct problem *p, const int *x, double *part);
};

/* A variable: `levels` values from low to high, or a list. */
struct variable {
    double low, high;
    int levels;
    const double *list;
};

extern const struct problem problems_blackbox[], problems_own[];
extern const size_t problems_blackbox_count, problems_own_count;

const struct problem *problem_find(const char *name);

#endif
