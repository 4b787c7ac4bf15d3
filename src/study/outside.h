/*
 * An outside evaluator: a program of the user's in place of our model.
 *
 * A line of JSON each way, one program for each worker (exec/child.h):
 *
 *   {"id": 7, "parameters": {"x1": 0.25, "mode": "fast"}}
 *   {"id": 7, "objectives": {"f1": 1.0, "f2": 3.0}, "metrics": {"g1": 0.5}}
 *   {"id": 7, "error": "text"}                     a point that cannot work: infeasible, not failed
 *
 * Numbers are in base units, names are strings, an infinity is "inf".  Anything else that comes back,
 * or nothing in time, is a failed evaluation, and the program is started anew.
 */
#ifndef SOFA_STUDY_OUTSIDE_H
#define SOFA_STUDY_OUTSIDE_H

#include <stddef.h>

#include "study/evaluate.h"
#include "study/problem.h"

/* Sees that the program is there, and makes the problem's metric table: objectives, then the metrics that
 * are listed or, where none are, those that constraints name.  SOFA_E_INPUT at the place in the space's file. */
enum sofa_code sofa_outside_open(struct sofa_problem *problem, struct sofa_err *err);

/* Asks the evaluator's child about a design; `id` is the evaluation's.  Metrics, those of no table too, and whether
 * the design can work go to *evaluation.
 * SOFA_E_EVAL with what was wrong with the answer, SOFA_E_IO where the program can't be started,
 * SOFA_E_INTERRUPTED when cancelled. */
enum sofa_code sofa_outside_ask(struct sofa_evaluator *evaluator, size_t id, const struct sofa_design *design,
                                struct sofa_evaluation *evaluation, struct sofa_err *err);

/* "./my-model --fast"; "" in a space without an evaluator. */
void sofa_outside_command(const struct sofa_problem *problem, char *text, size_t size);

#endif
