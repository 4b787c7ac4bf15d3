/*
 * A study: the loop that asks the optimiser for designs, has them evaluated and tells the results,
 * with every trial in a store, so that an interrupted study goes on as if it had never stopped.
 *
 * Up to `parallel` evaluations (the space file's) are under way at once; suggestion t sees exactly the
 * results of the trials up to t - parallel, and the ones under way as pending.  How many of them this
 * machine runs at a time (`jobs`) changes nothing of the result.
 */
#ifndef SOFA_STUDY_STUDY_H
#define SOFA_STUDY_STUDY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "study/evaluate.h"
#include "study/problem.h"
#include "study/store.h"

#define SOFA_REFERENCE_MARGIN 0.1 /* a reference point lies a tenth beyond what it is taken from */

struct sofa_trial {
    size_t id;
    enum sofa_trial_status status;
    int *x;               /* [dims] */
    double *y;            /* [n_slots of the problem], minimised */
    double *metric;       /* [n_metrics of the problem] */
    size_t n_extra;
    struct sofa_extra *extra; /* [n_extra] by name, one block with the names */
    char *reason;
    double seconds;
    size_t worker;
};

struct sofa_study_progress {
    size_t done, total, front, infeasible, failed;
    double hypervolume, seconds, seconds_left; /* seconds_left NAN while nothing is known */
    const struct sofa_study *study;
    const char *optimizer; /* how its model stands */
};

struct sofa_study_options {
    const char *folder;
    bool resume;
    bool extend;           /* resume, and `evaluations` may be more than they were */
    bool mpi;              /* evaluations run on the other ranks, which call sofa_study_serve */
    size_t jobs;           /* 0: as many as processors, at most `parallel` */
    const char *algorithm; /* NULL: the space's */
    size_t evaluations;    /* 0: the space's */
    uint64_t seed;
    bool has_seed;         /* else the space's */
    size_t regions_from;   /* as in struct sofa_opt_problem */
    const atomic_bool *cancel;
    void (*progress)(void *ctx, const struct sofa_study_progress *progress); /* may be NULL; this thread */
    void *ctx;
};

struct sofa_study {
    const struct sofa_problem *problem;
    const char *algorithm;
    size_t evaluations, parallel, jobs;
    uint64_t seed;
    size_t n_trials, room;
    struct sofa_trial *trial; /* [n_trials], by id */
    size_t n_front;
    size_t *front;            /* [n_front] ids, by the first objective */
    double reference[SOFA_OBJECTIVES_MAX]; /* minimised sense */
    bool follows[SOFA_OBJECTIVES_MAX];     /* the reference isn't given: it lies a margin beyond the front */
    double hypervolume;
    bool ended;               /* before its evaluations were made: no more points, or the space's early stop */
    char note[192];           /* why */
};

/* Runs or resumes a study.  SOFA_E_USAGE where the folder holds one and `resume` is off, or holds
 * another one; SOFA_E_INTERRUPTED when cancelled (the study holds what was done); SOFA_E_EVAL after
 * ten failed evaluations in a row.  With any of the last two *study is set as well. */
enum sofa_code sofa_study_run(struct sofa_problem *problem, const struct sofa_study_options *options,
                              struct sofa_study **study, struct sofa_err *err);
void sofa_study_free(struct sofa_study *study);

/* The part of the other ranks: evaluates what rank 0 sends until it has no more. */
enum sofa_code sofa_study_serve(struct sofa_problem *problem, const atomic_bool *cancel, struct sofa_err *err);

/* The reference point of a problem, in the minimised sense: what the hypervolume is measured from.  It
 * depends on the space alone, so that studies of one space compare.  An objective with an upper
 * limit: the limit.  A loss: 1.1 times that of dense attention.  Others: 1.1 times the worse of the
 * most accurate settings on the smallest and on the largest hardware.  Of an outside evaluator: the limit or
 * what the file gives; where there is neither NAN, and the study takes it from its front. */
enum sofa_code sofa_study_reference(struct sofa_problem *problem, const atomic_bool *cancel, double *reference,
                                    struct sofa_err *err);

#endif
