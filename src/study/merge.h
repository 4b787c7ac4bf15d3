/*
 * One front out of many, for each workload that they are of.
 *
 * Fronts (pareto.json) of the same objectives become one, in the same format: points that no point of
 * any source dominates, of equal ones the first, sorted by the objectives; each names the source and
 * the id it had there.  The result depends on the sources and their order alone.
 *
 * Points of unlike workloads don't compare: a latency of one says nothing of another.  Fronts of several
 * are refused, or each workload gets a front of its own, with its own reference point and hypervolume
 * ("fronts"), all in one list of points that name their workload.
 */
#ifndef SOFA_STUDY_MERGE_H
#define SOFA_STUDY_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sofa_merge_source {
    const char *path; /* of a pareto.json */
    const char *name; /* what the result calls it */
};

struct sofa_merge_result {
    size_t points, workloads;
};

/* Writes `out` atomically.  SOFA_E_INPUT where a file is no front, its objectives are not those of the
 * first, or its workload isn't and `by_workload` is off. */
enum sofa_code sofa_merge_fronts(const struct sofa_merge_source *source, size_t n, bool by_workload, const char *out,
                                 struct sofa_merge_result *result, struct sofa_err *err);

#endif
