/*
 * What a study has tried, read from its study.db without the space it is of: for reports.
 *
 * Nothing is written and no lock is taken: a study may be read while it goes on.
 */
#ifndef SOFA_STUDY_HISTORY_H
#define SOFA_STUDY_HISTORY_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "study/store.h"

struct sofa_history_trial {
    size_t id;
    enum sofa_trial_status status;
    const char *reason; /* why infeasible or failed, else "" */
    double seconds;
    double *value;  /* [n_parameters] in the parameter's unit, a choice as its index; NAN where none is */
    double *metric; /* [n_metrics], NAN where none is */
};

struct sofa_history {
    struct sofa_arena arena; /* owns all below */
    size_t n_parameters, n_metrics, n_trials;
    const char **parameter;           /* [n_parameters] "tiles.0", in the order of the axes */
    const char **metric;              /* [n_metrics], as asked for */
    struct sofa_history_trial *trial; /* [n_trials], by id */
};

/* Reads FOLDER/study.db with the `n_metrics` metrics named.  SOFA_E_INPUT where no study is there,
 * SOFA_E_IO where it can't be read.  `history` needs a release only when this succeeded. */
enum sofa_code sofa_history_read(const char *folder, const char *const *metric, size_t n_metrics,
                                 struct sofa_history *history, struct sofa_err *err);
void sofa_history_release(struct sofa_history *history);

#endif
