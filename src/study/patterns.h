/*
 * The patterns of keys that a space names, made for the problem's tokens: for the kernel as members, for the model
 * as spans.  Spans depend on the lanes and, inside a pattern, on the tiles; what was counted is kept.
 */
#ifndef SOFA_STUDY_PATTERNS_H
#define SOFA_STUDY_PATTERNS_H

#include "acsr/spans.h"
#include "study/problem.h"

/* Makes what the space's table names and isn't made yet; not while designs are evaluated.  SOFA_E_INPUT at the
 * pattern's place in the file: it can't be had for these tokens, or leaves a query without a key. */
enum sofa_code sofa_problem_make_patterns(struct sofa_problem *problem, struct sofa_err *err);
void sofa_problem_patterns_free(struct sofa_problem_patterns *patterns);

/* The pattern of a layer goes into the kernel's settings. */
void sofa_problem_set_pattern(const struct sofa_problem *problem, int number, struct sofa_attention_params *params);

/* Spans of a design's layers into layer [design->layers], NULL for layers without a pattern; they live as long as the
 * problem.  *any: whether a layer has some.  Safe from any number of threads. */
enum sofa_code sofa_problem_spans(const struct sofa_problem *problem, const struct sofa_design *design,
                                  const struct sofa_spans *layer[SOFA_LAYERS_MAX], bool *any, struct sofa_err *err);

/* How many layers of the design have a fixed pattern. */
int sofa_problem_fixed_layers(const struct sofa_problem *problem, const struct sofa_design *design);

#endif
