/*
 * Expected hypervolume improvement with one uncertain objective, in closed form.
 *
 * A point has an exact part c [q] (the cheap objectives) and one uncertain objective y ~ N(mu, sd^2),
 * all minimised.  Let the front be sorted by the uncertain objective, b_1 <= ... <= b_K, and let
 * b_{K+1} be the reference or the limit, whichever is less.  With A_k the volume of the box [c, r]
 * that points 1..k do not dominate, and D_k = A_{k-1} - A_k >= 0 (A_{K+1} = 0),
 *
 *   HVI(c, y) = sum over k of D_k max(0, b_k - y),
 *   ln EHVI   = ln sum over k of D_k sd h((b_k - mu)/sd),   h(u) = phi(u) + u Phi(u),
 *
 * so a limit needs no probability of its own, and the logarithm is exact however small the value.
 * Where z = ln(y + shift) is what is N(mu, sd^2), the volume is still that of y, with the b_k given as logarithms
 * too: b_k - y = exp(b_k) - exp(z), and with g of opt/special.h
 *
 *   ln EHVI   = ln sum over k of D_k exp(b_k) g((b_k - mu)/sd, sd).
 *
 * D_k is the volume of [c, r] within the region that point k dominates and no earlier one: those
 * regions are cut into boxes once, and each query clips them at c.  Any q >= 0.
 */
#ifndef SOFA_OPT_EHVI_H
#define SOFA_OPT_EHVI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "opt/dense.h"
#include "opt/optimizer.h"

/* A list of boxes: lower and upper corner, [count][2][q]. */
struct sofa_boxes {
    double *corner;
    size_t count, capacity;
};

struct sofa_ehvi_level {
    double b, unit; /* unit: exp(b) on a logarithmic scale, else 1 */
    size_t end;     /* one past its last box */
};

struct sofa_ehvi {
    size_t q;
    bool with_levels; /* there is an uncertain objective */
    bool logarithm;   /* the uncertain objective is told as its logarithm */
    double reference[SOFA_OPT_OBJECTIVES_MAX];
    struct sofa_boxes closed;       /* those of one level together, in the order of the levels */
    struct sofa_ehvi_level *levels; /* the last is what no point dominates */
    size_t level_count, level_capacity;
    struct sofa_boxes open, next; /* what no point dominates, and scratch */
    double *flat;                 /* [flat_n][q] the points that `open` holds for, where no objective is uncertain */
    size_t flat_n, flat_capacity;
    /* The closed boxes once more, for queries: corners by objective, and scratch for their volumes. */
    double *low, *high; /* [q][rows] */
    double *volume;     /* [rows] */
    size_t rows;
    const struct sofa_dense *dense;
};

#define SOFA_EHVI_INIT {0}
void sofa_ehvi_release(struct sofa_ehvi *ehvi);

/*
 * Prepares for a front: points c [n][q] with uncertain objective b [n] (any order, dominated ones
 * do no harm), reference [q] and `last`, b_{K+1}; `logarithm`: b and last are logarithms.  With b NULL there is no uncertain objective: all
 * points count and only sofa_ehvi_log_volume may be asked; points added to those of the last time are cut alone.
 */
enum sofa_code sofa_ehvi_build(struct sofa_ehvi *ehvi, size_t q, const double *reference, size_t n, const double *c,
                               const double *b, double last, bool logarithm, struct sofa_err *err);

/* ln EHVI; -INFINITY when c is not below the reference (then no y improves). */
double sofa_ehvi_log(const struct sofa_ehvi *ehvi, const double *c, double mu, double sd);
/* No less than ln EHVI is with any deviation up to sd. */
double sofa_ehvi_log_bound(const struct sofa_ehvi *ehvi, const double *c, double mu, double sd);
/* ln of the volume of [c, r] that no point dominates; -INFINITY when there is none. */
double sofa_ehvi_log_volume(const struct sofa_ehvi *ehvi, const double *c);

#endif
