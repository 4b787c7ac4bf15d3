/*
 * What a problem was read from, beside its space file: the hardware's files, the workload's, a checkpoint
 * and its text.  A study keeps their digests, so that going on with it after one of them changed is refused.
 */
#ifndef SOFA_STUDY_INPUTS_H
#define SOFA_STUDY_INPUTS_H

#include "base/str.h"
#include "study/problem.h"

/* Appends a line a file, "KIND NAME SHA-256".  Of a file past 64 MiB the digest is that of its size, its
 * first and its last MiB: a checkpoint's header with all names and shapes, and a part of its weights. */
enum sofa_code sofa_problem_inputs(const struct sofa_problem *problem, struct sofa_str *out, struct sofa_err *err);

/* Appends "hardware sofa-28nm.yaml changed; ..." to `out`; returns the number of changes. */
size_t sofa_inputs_changes(const char *was, const char *now, struct sofa_str *out);

#endif
