/*
 * Pareto fronts and hypervolume, all objectives minimised.
 */
#ifndef SOFA_OPT_PARETO_H
#define SOFA_OPT_PARETO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* a is nowhere worse than b and somewhere better. */
bool sofa_pareto_dominates(const double *a, const double *b, size_t m);

/* Marks in front[n] the rows of y [n][m] that no other row dominates; of equal rows the first. */
enum sofa_code sofa_pareto_front(const double *y, size_t n, size_t m, bool *front, struct sofa_err *err);

/* Exact hypervolume of the rows of y [n][m] below the reference [m] (rows that aren't are ignored),
 * m = 1..6.  WFG (While, Bradstreet, Barone, IEEE TEC 2012), with sweeps for m <= 3. */
enum sofa_code sofa_hypervolume(const double *y, size_t n, size_t m, const double *reference, double *volume,
                                struct sofa_err *err);

#endif
