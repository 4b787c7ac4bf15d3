/*
 * A problem: a space file with everything it names opened and checked.
 *
 * The language model or the shape, the hardware, the metrics that are objectives and constraints; or the
 * outside evaluator in place of all of these.
 * Nothing in it changes once it is open: any number of threads may evaluate designs of it.
 */
#ifndef SOFA_STUDY_PROBLEM_H
#define SOFA_STUDY_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "arch/hardware.h"
#include "attention/attention.h"
#include "attention/synthetic.h"
#include "base/err.h"
#include "model/model.h"
#include "opt/optimizer.h"
#include "space/space.h"
#include "transformer/lm.h"
#include "workload/workload.h"

struct sofa_problem_objective {
    const struct sofa_metric *metric;
    double sign; /* +1 minimise, -1 maximise: y = sign * value */
    double reference; /* of an outside evaluator, in the metric's unit; NAN where the file gives none */
};
struct sofa_problem_constraint {
    const struct sofa_metric *metric;
    enum sofa_relation relation;
    double limit;     /* in the metric's unit */
    const char *text; /* as written */
};

#define SOFA_METRICS_MAX 48
#define SOFA_PROBLEM_CERTAIN (-1) /* no accuracy is asked for: everything can be predicted */
#define SOFA_PROBLEM_ALL (-2)     /* several are */

/* Synthetic rows stand in for a shape's weights: so many heads, shared by the layers in turn, of so many
 * tokens at most, with X so wide (statistics don't depend on it; the cost of K = X Wk does). */
#define SOFA_SYNTHETIC_HEADS 4
#define SOFA_SYNTHETIC_TOKENS 2048
#define SOFA_SYNTHETIC_WIDTH 128
struct sofa_synthetic_tensors {
    float *x, *wk, *q, *k, *v;
};

struct sofa_problem_patterns;

struct sofa_problem {
    struct sofa_space *space;
    const struct sofa_metric *metric; /* [n_metrics] the model's table, or that of an outside evaluator */
    size_t n_metrics;
    struct sofa_hardware hardware;
    struct sofa_workload workload;
    struct sofa_lm *lm;                 /* NULL for a shape */
    struct sofa_text *text;
    struct sofa_statistics given;       /* of a shape; head NULL where rows are synthetic */
    struct sofa_synthetic synthetic;    /* of a shape without statistics */
    size_t synthetic_tokens;
    struct sofa_synthetic_tensors tensors[SOFA_SYNTHETIC_HEADS];
    struct sofa_arena arena;            /* holds the tensors */
    struct sofa_problem_patterns *patterns; /* NULL: the space has none (study/patterns.h) */
    const struct sofa_attention_kernel *kernel;
    enum sofa_stats_level level;        /* what the metrics asked for need */
    size_t n_objectives, n_constraints;
    /* [n_slots] what the optimiser is told of a trial: the objectives and, behind them, an accuracy that
     * is only constrained */
    size_t n_slots;
    struct sofa_problem_objective objective[SOFA_OBJECTIVES_MAX + 1];
    int uncertain; /* the slot that only running the kernel tells; SOFA_PROBLEM_CERTAIN, _ALL */
    struct sofa_problem_constraint *constraint; /* [n_constraints], in the space's arena */
    /* constraints that the optimiser learns: of an outside evaluator, those that no reference point stands for */
    size_t n_learnt;
    const struct sofa_problem_constraint *learnt[SOFA_OPT_CONSTRAINTS_MAX];
    struct sofa_lm_loss dense;          /* loss with dense attention; NAN until measured */
};

/* `isa` as for sofa_attention_kernel_find.  SOFA_E_INPUT with the place in the file that is wrong. */
enum sofa_code sofa_problem_open(const char *space_file, const char *isa, struct sofa_problem **problem,
                                 struct sofa_err *err);
/* The same with a workload or hardware in place of the file's. */
enum sofa_code sofa_problem_open_with(const char *space_file, const struct sofa_space_override *override, const char *isa,
                                      struct sofa_problem **problem, struct sofa_err *err);
void sofa_problem_free(struct sofa_problem *problem);

/* Measures the loss with dense attention, once; needed before designs are evaluated.  For a shape it
 * does nothing. */
enum sofa_code sofa_problem_measure_dense(struct sofa_problem *problem, const atomic_bool *cancel, struct sofa_err *err);

/* The kernel is run for every design: in a language model, or on synthetic rows. */
bool sofa_problem_runs_kernel(const struct sofa_problem *problem);

/* Where the selection statistics come from, in a word or two. */
const char *sofa_problem_statistics(const struct sofa_problem *problem);

/* A metric that only running the kernel tells; the density can be predicted. */
bool sofa_metric_is_accuracy(const struct sofa_metric *metric);

/* Whether an algorithm has any business here: the paper's minimises the published scalar, which an outside
 * evaluator does not have; an early stop needs one that says what a suggestion promises.  SOFA_E_INPUT at `node` or
 * at the stop, SOFA_E_USAGE where `node` is NULL. */
enum sofa_code sofa_problem_suits(const struct sofa_problem *problem, const char *algorithm, const struct sofa_node *node,
                                  struct sofa_err *err);

/* A metric of the problem by its name, NULL where there is none. */
const struct sofa_metric *sofa_problem_metric(const struct sofa_problem *problem, const char *name);
/* Its value among values [n_metrics]. */
double sofa_problem_value(const struct sofa_problem *problem, const struct sofa_metric *metric, const double *values);

/* Whether `value` satisfies a constraint; NAN never does. */
bool sofa_constraint_holds(const struct sofa_problem_constraint *constraint, double value);

/* By how much values [n_metrics] miss the constraints that are learnt, g [n_learnt]: above 0 one is violated. */
void sofa_problem_misses(const struct sofa_problem *problem, const double *values, double *g);

/* The tightest limit that the constraints put on a slot, in the minimised sense; INFINITY for none. */
double sofa_problem_limit(const struct sofa_problem *problem, size_t slot);

/* A name of the program's own files ("sofa-28nm" in "models/hardware") or a path, as a malloc'd path.
 * SOFA_E_INPUT at `node`, with a "did you mean" left to `list`. */
enum sofa_code sofa_problem_find_file(const struct sofa_node *node, const char *folder, const char *name, char **path,
                                      struct sofa_err *err);

#endif
