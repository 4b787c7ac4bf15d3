/*
 * From an acquisition to the next point: seeds, then the climb of search.h.
 */
#ifndef SOFA_OPT_PROPOSE_H
#define SOFA_OPT_PROPOSE_H

#include "opt/algorithm.h"
#include "opt/search.h"

/*
 * The best unseen point by `score` (called with the optimizer as context) to x, its score to *result.
 * Seeds are the `good` points x_good [good][dims], mutations of them and random points; a small space
 * is scored as a whole.  SOFA_E_EXHAUSTED when no point is left.  With a region (NULL: none) everything but the
 * good points stays inside, and where no point is left there *result is refused.
 */
enum sofa_code sofa_opt_propose(struct sofa_optimizer *o, sofa_score_fn *score, const struct sofa_region *region,
                                size_t good, const int *x_good, int *x, struct sofa_score *result,
                                struct sofa_err *err);

/* The best of the same seeds without a climb, seen before or not; *found: there is one. */
enum sofa_code sofa_opt_screen(struct sofa_optimizer *o, sofa_score_fn *score, size_t good, const int *x_good, int *x,
                               bool *found, struct sofa_err *err);

/* The most accurate end of every dimension; the middle where unknown. */
void sofa_opt_corner(const struct sofa_optimizer *o, int *x);

#endif
