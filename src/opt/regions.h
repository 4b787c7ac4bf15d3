/*
 * Trust regions for long searches: boxes of the lattice around points of the front, of one size that grows where
 * suggestions reach the front and shrinks where they don't (after Eriksson et al., "Scalable global optimization via local
 * Bayesian optimization", NeurIPS 2019, in levels instead of lengths).
 *
 * Beyond a number of results (problem.regions_from) a process is no longer conditioned on all of them: a suggestion
 * comes from one region, with a sample of the results and those nearest to its centre (local.h).  That bounds the time
 * of a suggestion; memory grows with the results, not with their square.
 */
#ifndef SOFA_OPT_REGIONS_H
#define SOFA_OPT_REGIONS_H

#include "opt/algorithm.h"
#include "opt/search.h"

struct sofa_regions {
    double length; /* to either side of the centre, as a share of a dimension's levels */
    size_t wins, losses;
    size_t looked; /* trials that have counted as one of them */
    struct sofa_region box;
    bool *noted;     /* [room] results that have been held against the front */
    size_t *front;   /* [room] trials on it, ascending */
    double *y;       /* [room][objectives] scratch */
    bool *kept;      /* [room] scratch */
    size_t front_n, room, changes;
};

enum sofa_code sofa_regions_init(struct sofa_regions *regions, size_t dims, struct sofa_err *err);
void sofa_regions_release(struct sofa_regions *regions);

/* Whether so many results are beyond the border. */
bool sofa_regions_in_use(const struct sofa_optimizer *o, size_t results);

/*
 * Brings the front up to date with the results told since the last call, and the size of the regions with how the
 * suggestions among them did.  `counts` says which trials are feasible; `row_of` copies what of a trial is compared.
 */
typedef bool sofa_regions_trial_fn(const struct sofa_optimizer *o, size_t trial);
typedef void sofa_regions_row_fn(const struct sofa_optimizer *o, size_t trial, double *y);
enum sofa_code sofa_regions_update(struct sofa_regions *regions, const struct sofa_optimizer *o, size_t m,
                                   sofa_regions_trial_fn *counts, sofa_regions_row_fn *row_of, struct sofa_err *err);
/* Puts the region around a point. */
void sofa_regions_place(struct sofa_regions *regions, const struct sofa_optimizer *o, const int *centre);
/* Points of the front inside the region, the latest first, into x [max][dims]; returns their number. */
size_t sofa_regions_inside(const struct sofa_regions *regions, const struct sofa_optimizer *o, int *x, size_t max);

#endif
