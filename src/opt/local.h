/*
 * Bayesian search beyond the number of results that one process can hold (regions.h): processes on a sample of the
 * results screen the space for the most promising place; the nearest results join them there.  Pending points are
 * believed at their means; fantasies are for the scarce evaluations of a short search.
 *
 * What is modelled and what is improved is the caller's: see struct sofa_local_hooks.
 */
#ifndef SOFA_OPT_LOCAL_H
#define SOFA_OPT_LOCAL_H

#include "opt/regions.h"

#define SOFA_LOCAL_NEIGHBOURS 128 /* results near the place that join the sample there */

/* What every region knows of a long search: some of the results, in the order of the trials. */
struct sofa_sample {
    size_t n, room;
    size_t *trial; /* [room] */
    bool *in;      /* [room] scratch: whether a trial is in it */
    size_t changes, last; /* what it was chosen at; the first trial that hasn't been looked at since */
};

struct sofa_local_hooks {
    sofa_regions_trial_fn *teaches; /* the processes take something from the trial */
    sofa_regions_trial_fn *counts;  /* it is feasible */
    sofa_regions_row_fn *row_of;    /* what of it is compared, `columns` numbers */
    /* Brings the processes up to date with the n trials that teach, on the sample (sofa_local_sample). */
    enum sofa_code (*learn)(struct sofa_optimizer *o, size_t n, struct sofa_err *err);
    /* Sets up the acquisition with what the sample knows and, where centre isn't NULL, its nearest results. */
    enum sofa_code (*stand)(struct sofa_optimizer *o, size_t n, const int *centre, struct sofa_err *err);
    /* Seeds while nothing is feasible, into x [SOFA_LOCAL_SEEDS][dims]; returns their number.  May be NULL. */
    size_t (*nearly)(struct sofa_optimizer *o, int *x);
    sofa_score_fn *score;
};

struct sofa_local {
    const struct sofa_local_hooks *hooks;
    size_t columns;
    struct sofa_regions regions;
    struct sofa_sample sample;
    int *centre; /* [dims] of the region */
    int *seeds;  /* [SOFA_LOCAL_SEEDS][dims] */
};

#define SOFA_LOCAL_SEEDS 512

/* Also takes `from` for the border where the problem gives none.  Release it even after a failure. */
enum sofa_code sofa_local_init(struct sofa_local *local, struct sofa_optimizer *o, size_t from, size_t columns,
                               const struct sofa_local_hooks *hooks, struct sofa_err *err);
void sofa_local_release(struct sofa_local *local);

/* The sample with what is new, or chosen anew from the n trials that teach: when `afresh`, when it has become too
 * large, or when a result was replaced; *chosen says whether. */
enum sofa_code sofa_local_sample(struct sofa_local *local, const struct sofa_optimizer *o, size_t n, bool afresh,
                                 bool *chosen, struct sofa_err *err);
/* A suggestion. */
enum sofa_code sofa_local_ask(struct sofa_local *local, struct sofa_optimizer *o, size_t n, int *x,
                              struct sofa_score *score, struct sofa_err *err);

#endif
