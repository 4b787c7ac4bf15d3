/*
 * How a number came about: its formula, the parts it is made of, and the source of every constant in it.
 */
#ifndef SOFA_MODEL_EXPLAIN_H
#define SOFA_MODEL_EXPLAIN_H

#include "base/str.h"
#include "model/model.h"

/* What was evaluated, and what came out. */
struct sofa_explained {
    const struct sofa_hardware *hw;
    const struct sofa_design *design;
    const struct sofa_workload *workload;
    const struct sofa_statistics *statistics;
    const struct sofa_result *result;
};

/* Appends the trace of a metric, as lines.  SOFA_E_USAGE for a metric that the model doesn't supply,
 * SOFA_E_EVAL for a design that cannot work. */
enum sofa_code sofa_model_explain(const struct sofa_explained *what, const char *metric, struct sofa_str *out,
                                  struct sofa_err *err);

/* Appends the operations of the evaluation as Accelergy action counts (YAML, version 0.4). */
void sofa_model_action_counts(const struct sofa_explained *what, struct sofa_str *out);

#endif
