/*
 * The loop of a study while it runs: private to study.c, which sets it up, and loop.c, which runs it.
 */
#ifndef SOFA_STUDY_LOOP_H
#define SOFA_STUDY_LOOP_H

#include "exec/workers.h"
#include "opt/lattice.h"
#include "opt/optimizer.h"
#include "study/evaluate.h"
#include "study/predict.h"
#include "study/study.h"
#include "study/trials.h"

#define SOFA_KEPT_MEASUREMENTS 1024 /* settings of the algorithm whose statistics are kept */

/* An evaluation under way. */
struct sofa_flight {
    struct sofa_loop *loop;
    struct sofa_trial trial; /* its x is the trial's own */
    struct sofa_statistics selection; /* head malloc'd */
    enum sofa_code rc;
    struct sofa_err err;
    bool done, stored; /* stored: came from the store, needs no evaluation */
};

struct sofa_loop {
    struct sofa_study *study;
    struct sofa_problem *problem;
    const struct sofa_study_options *options;
    struct sofa_store *store;
    struct sofa_optimizer *optimizer;
    struct sofa_opt_dim *dim;
    struct sofa_lattice points, designs; /* asked for: as they are, and their representatives */
    int *representative;                 /* [dims] scratch; NULL where every point is a design of its own */
    struct sofa_predictor *predictor;
    struct sofa_measurements *measurements;
    struct sofa_workers *workers;
    struct sofa_evaluator *evaluator; /* [jobs] one per worker */
    struct sofa_selection *cheap; /* [layers] scratch of the cheap function */
    struct sofa_flight *flight;        /* [parallel] ring, by id */
    struct sofa_stored *stored;        /* trials read from the store, by id */
    size_t n_stored;
    size_t budget;                /* evaluations the optimiser plans with */
    size_t asked, told, failures; /* failures in a row */
    size_t infeasible, failed;    /* of all told */
    size_t poor;                  /* suggestions in a row that promised too little; see stop.c */
    size_t counts_from;           /* the first one that counts */
    bool ended;                   /* nothing more is asked for; the study's note says why */
    double start;
};

/* The optimiser's `cheap` and the pool's `run`; ctx is the loop. */
void sofa_loop_cheap(void *ctx, const int *x, struct sofa_opt_cheap *out);
void sofa_loop_evaluate(void *task, size_t worker, void *ctx);

/* Opens the store of options->folder, sees that it is of the same study, reads what it holds. */
enum sofa_code sofa_loop_open_store(struct sofa_loop *l, struct sofa_err *err);

/* A number under a key of the store, 0 where there is none. */
enum sofa_code sofa_loop_get_size(struct sofa_loop *l, const char *key, size_t *value, struct sofa_err *err);
enum sofa_code sofa_loop_set_size(struct sofa_loop *l, const char *key, size_t value, struct sofa_err *err);

/* The space's early stop (stop.c): takes it over from the store; looks at the last suggestion, before it is
 * submitted; ends the search where it was one too many. */
enum sofa_code sofa_loop_open_stop(struct sofa_loop *l, struct sofa_err *err);
enum sofa_code sofa_loop_count_promise(struct sofa_loop *l, struct sofa_err *err);
enum sofa_code sofa_loop_stop(struct sofa_loop *l, struct sofa_err *err);

/* Workers on other ranks: what goes to them and comes back of a flight.  SOFA_E_USAGE where the
 * program was built without MPI. */
enum sofa_code sofa_loop_remote_workers(struct sofa_loop *l, struct sofa_err *err);

/* Until every evaluation is made, the space is exhausted, its early stop says so, or something ends it. */
enum sofa_code sofa_loop_run(struct sofa_loop *l, struct sofa_err *err);

#endif
