/*
 * One design, evaluated: the kernel in the language model for accuracy and statistics, the
 * analytical model for the rest, and every metric with where its value comes from.
 */
#ifndef SOFA_STUDY_EVALUATE_H
#define SOFA_STUDY_EVALUATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "study/measure.h"
#include "study/problem.h"

#define SOFA_VIOLATIONS_MAX 16

struct sofa_evaluation {
    bool feasible;                   /* it works and satisfies every constraint */
    double metric[SOFA_METRICS_MAX]; /* in the order of the problem's; NAN where not measured */
    struct sofa_result result;       /* the model's */
    struct sofa_statistics selection; /* head in the arena the evaluation was made with */
    size_t violations;
    const char *violation[SOFA_VIOLATIONS_MAX]; /* constraints as written, or the model's reason */
    double seconds;
};

/* `measurements` may be NULL.  SOFA_E_INTERRUPTED when cancelled. */
enum sofa_code sofa_evaluate_design(const struct sofa_problem *problem, const struct sofa_design *design,
                                    struct sofa_measurements *measurements, const atomic_bool *cancel,
                                    struct sofa_arena *arena, struct sofa_evaluation *evaluation, struct sofa_err *err);

/* Metrics of a design whose statistics are known or assumed, without running anything: accuracy is
 * NAN.  The result is left in evaluation->result; constraints on accuracy are passed over. */
void sofa_evaluate_cheaply(const struct sofa_problem *problem, const struct sofa_design *design,
                           const struct sofa_statistics *statistics, struct sofa_evaluation *evaluation);

/* Where a metric's value comes from: "measured: ...", "model: ...". */
void sofa_evaluate_source(const struct sofa_problem *problem, const struct sofa_metric *metric, char *text, size_t size);

/* Mean density over layers and heads. */
double sofa_statistics_density(const struct sofa_statistics *statistics);

#endif
