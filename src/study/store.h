/*
 * A study's store: an SQLite file (write-ahead log, full synchronisation) that holds every
 * evaluation with its inputs, metrics, sources, time, worker and failure.
 *
 *   meta(key, value)                                     what the study is of; schema version
 *   evaluation(id, status, seconds, worker, reason, ended)   one row a trial; ended: seconds since 1970
 *   parameter(evaluation, dim, name, level, value)       its point
 *   metric(evaluation, name, value, source)              what came out; NULL = not a number
 *   selection(evaluation, layers, heads, data)           kernel statistics, doubles as they lie in memory
 *
 * Rows are written in transactions of many trials; `_flush` makes them last.  One process writes
 * a study: a lock beside the file names its holder.  Errors are SOFA_E_IO with the file's name.
 */
#ifndef SOFA_STUDY_STORE_H
#define SOFA_STUDY_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "workload/workload.h"

enum sofa_trial_status {
    SOFA_TRIAL_FEASIBLE,
    SOFA_TRIAL_INFEASIBLE, /* evaluated, but a constraint is violated or the design can't work */
    SOFA_TRIAL_FAILED,     /* the evaluation broke down */
    SOFA_TRIAL_STATUSES
};
extern const char *const sofa_trial_status_names[SOFA_TRIAL_STATUSES];

/* One axis of a point, one metric: names live as long as the call. */
struct sofa_store_parameter {
    const char *name;
    int level;
    double value;
};
struct sofa_store_metric {
    const char *name, *source;
    double value;
};
struct sofa_store_trial {
    size_t id;
    enum sofa_trial_status status;
    double seconds;
    size_t worker;
    const char *reason; /* why infeasible or failed, "" otherwise */
    size_t parameters, metrics;
    const struct sofa_store_parameter *parameter; /* [parameters] */
    const struct sofa_store_metric *metric;       /* [metrics] */
    const struct sofa_statistics *selection;      /* NULL for none */
};

struct sofa_store;

/* Opens or creates FOLDER/study.db and takes FOLDER/lock.  `*existed` says which. */
enum sofa_code sofa_store_open(const char *folder, struct sofa_store **store, bool *existed, struct sofa_err *err);
/* Flushes, as far as it can, and gives the lock back. */
void sofa_store_close(struct sofa_store *store);

enum sofa_code sofa_store_set(struct sofa_store *store, const char *key, const char *value, struct sofa_err *err);
/* malloc'd value, or NULL where there is none. */
enum sofa_code sofa_store_get(struct sofa_store *store, const char *key, char **value, struct sofa_err *err);

enum sofa_code sofa_store_put(struct sofa_store *store, const struct sofa_store_trial *trial, struct sofa_err *err);
enum sofa_code sofa_store_flush(struct sofa_store *store, struct sofa_err *err);

/* Calls `row` for every trial in the order of ids; what it is given lives as long as the call.
 * A code other than SOFA_OK from `row` ends the walk and is returned. */
enum sofa_code sofa_store_each(struct sofa_store *store,
                               enum sofa_code (*row)(void *ctx, const struct sofa_store_trial *trial, struct sofa_err *err),
                               void *ctx, struct sofa_err *err);

#endif
