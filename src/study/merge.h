/*
 * One front out of many.
 *
 * Fronts (pareto.json) of the same objectives become one, in the same format: points that no point of
 * any source dominates, of equal ones the first, sorted by the objectives; each names the source and
 * the id it had there.  The result depends on the sources and their order alone.
 */
#ifndef SOFA_STUDY_MERGE_H
#define SOFA_STUDY_MERGE_H

#include <stddef.h>

#include "base/err.h"

struct sofa_merge_source {
    const char *path; /* of a pareto.json */
    const char *name; /* what the result calls it */
};

/* Writes `out` atomically; *points is how many it has.  SOFA_E_INPUT where a file is no front or its
 * objectives are not those of the first. */
enum sofa_code sofa_merge_fronts(const struct sofa_merge_source *source, size_t n, const char *out, size_t *points,
                                 struct sofa_err *err);

#endif
