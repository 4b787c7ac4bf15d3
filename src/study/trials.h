/*
 * Trials: made from a point, filled from an evaluation, written to the store and read back.
 */
#ifndef SOFA_STUDY_TRIALS_H
#define SOFA_STUDY_TRIALS_H

#include "study/evaluate.h"
#include "study/store.h"
#include "study/study.h"

/* A trial as the store had it; everything in it is malloc'd. */
struct sofa_stored {
    enum sofa_trial_status status;
    double seconds;
    size_t worker;
    int *x;
    double *metric;
    size_t n_extra;
    struct sofa_extra *extra;
    char *reason;
    struct sofa_statistics selection;
};

/* A malloc'd copy in one block, names included. */
enum sofa_code sofa_extras_copy(const struct sofa_extra *from, size_t n, struct sofa_extra **to, struct sofa_err *err);

/* trial->id is kept. */
enum sofa_code sofa_trial_new(struct sofa_trial *trial, const struct sofa_problem *problem, const int *x, struct sofa_err *err);
void sofa_trial_release(struct sofa_trial *trial);

/* The objectives, from the metrics. */
void sofa_trial_set_objectives(struct sofa_trial *trial, const struct sofa_problem *problem);

/* Metrics, objectives and status from an evaluation; `selection` gets a malloc'd copy of its heads. */
enum sofa_code sofa_trial_fill(struct sofa_trial *trial, const struct sofa_problem *problem,
                               const struct sofa_evaluation *evaluation, struct sofa_statistics *selection,
                               struct sofa_err *err);

enum sofa_code sofa_trial_put(struct sofa_store *store, const struct sofa_problem *problem, const struct sofa_trial *trial,
                              const struct sofa_statistics *selection, struct sofa_err *err);

/* All trials of a store, [*n] by id, without gaps; SOFA_E_IO where they don't fit the problem. */
enum sofa_code sofa_trials_read(struct sofa_store *store, const struct sofa_problem *problem, struct sofa_stored **stored,
                                size_t *n, struct sofa_err *err);
void sofa_trials_free(struct sofa_stored *stored, size_t n);

/* Fills a trial from what the store had; SOFA_E_IO where it is of another point. */
enum sofa_code sofa_trial_take_stored(struct sofa_trial *trial, struct sofa_statistics *selection, struct sofa_stored *stored,
                                      const struct sofa_problem *problem, struct sofa_err *err);

/* The study takes the trial (and what it owns) as its next, and brings front and hypervolume up to date. */
enum sofa_code sofa_study_take(struct sofa_study *study, struct sofa_trial *trial, struct sofa_err *err);

#endif
