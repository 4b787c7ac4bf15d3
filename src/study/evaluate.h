/*
 * One design, evaluated: the kernel in the language model for accuracy and statistics, the
 * analytical model for the rest, and every metric with where its value comes from.  In a space with
 * an outside evaluator, that one tells all.
 */
#ifndef SOFA_STUDY_EVALUATE_H
#define SOFA_STUDY_EVALUATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "exec/child.h"
#include "study/measure.h"
#include "study/problem.h"

#define SOFA_VIOLATIONS_MAX 16

/* A metric that the problem's table doesn't have: an outside evaluator may tell any. */
#define SOFA_EXTRAS_MAX 64
struct sofa_extra {
    const char *name;
    double value;
};

struct sofa_evaluation {
    bool feasible;                   /* it works and satisfies every constraint */
    double metric[SOFA_METRICS_MAX]; /* in the order of the problem's; NAN where not measured */
    size_t n_extra;
    struct sofa_extra extra[SOFA_EXTRAS_MAX]; /* by name; the names in the evaluator's arena */
    struct sofa_result result;       /* the model's */
    struct sofa_statistics selection; /* head in the evaluator's arena */
    size_t violations;
    const char *violation[SOFA_VIOLATIONS_MAX]; /* constraints as written, or the model's reason */
    double seconds;
};

/* What one worker evaluates designs with. */
struct sofa_evaluator {
    const struct sofa_problem *problem;
    struct sofa_measurements *measurements; /* shared between workers; may be NULL */
    const atomic_bool *cancel;              /* may be NULL */
    struct sofa_arena arena;                /* what the last evaluation points to */
    struct sofa_child *child;               /* an outside model, started with the first question; else NULL */
};
enum sofa_code sofa_evaluator_init(struct sofa_evaluator *evaluator, const struct sofa_problem *problem,
                                   struct sofa_measurements *measurements, const atomic_bool *cancel, struct sofa_err *err);
void sofa_evaluator_release(struct sofa_evaluator *evaluator);

/* `id` is what an outside model knows the evaluation by.  SOFA_E_EVAL where the evaluation broke down,
 * SOFA_E_INTERRUPTED when cancelled. */
enum sofa_code sofa_evaluate_design(struct sofa_evaluator *evaluator, size_t id, const struct sofa_design *design,
                                    struct sofa_evaluation *evaluation, struct sofa_err *err);

/* Metrics of a design whose statistics are known or assumed, without running anything: accuracy is
 * NAN.  The result is left in evaluation->result; constraints on accuracy are passed over. */
void sofa_evaluate_cheaply(const struct sofa_problem *problem, const struct sofa_design *design,
                           const struct sofa_statistics *statistics, struct sofa_evaluation *evaluation);

/* Where a metric's value comes from: "measured: ...", "model: ...". */
void sofa_evaluate_source(const struct sofa_problem *problem, const struct sofa_metric *metric, char *text, size_t size);

/* The same of one design: also in how many layers a static pattern stands in for statistics. */
void sofa_evaluate_design_source(const struct sofa_problem *problem, const struct sofa_design *design,
                                 const struct sofa_metric *metric, char *text, size_t size);

/* For qsort: by name. */
int sofa_extra_compare(const void *a, const void *b);

/* Mean density over layers and heads: selected pairs over those that causality leaves. */
double sofa_statistics_density(const struct sofa_statistics *statistics);

#endif
