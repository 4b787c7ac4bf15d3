/*
 * Expected hypervolume improvement where all objectives are uncertain and independent, exactly.
 *
 * The region that the front does not dominate is cut into boxes [l, u); with
 * psi_j(b) = E max(0, b - y_j) = sd_j h((b - mu_j)/sd_j),
 *
 *   EHVI = sum over boxes of the product over j of psi_j(u_j) - psi_j(l_j),   psi(-infinity) = 0
 *
 * (the integral of Emmerich, Deutz and Klinkenberg, CEC 2011, over any such boxes).  psi is computed
 * once per coordinate of the front, not per box.
 *
 * Of n points of a front, the boxes are about 2n with three objectives, 50 to 100 n with four and more beyond that.  Where
 * they would be more than SOFA_MEHVI_BOXES, the front stands on a grid between its best values and the reference,
 * coarse just enough, each point moved to the best corner of its cell: an epsilon-dominance (Laumanns et al., Evolutionary
 * Computation 2002).  What gains no more than such a step then counts little, and nothing counts that is no gain.
 */
#ifndef SOFA_OPT_MEHVI_H
#define SOFA_OPT_MEHVI_H

#include "opt/ehvi.h"

struct sofa_mehvi {
    size_t m;
    size_t grid, points;      /* 0: exact, else the grid has 2^(10 - grid) steps; points of the last front */
    struct sofa_ehvi cut;     /* makes the boxes */
    double *coordinate;       /* [m][coordinates] ascending, the first -INFINITY */
    size_t coordinates;       /* room per objective */
    size_t used[SOFA_OPT_OBJECTIVES_MAX];
    unsigned *box;            /* [boxes][2][m] places of the corners in `coordinate` */
    size_t boxes;
    double *psi;              /* [m][coordinates] scratch, relative to that of the reference */
};

#define SOFA_MEHVI_INIT {0}
#define SOFA_MEHVI_BOXES 32768
void sofa_mehvi_release(struct sofa_mehvi *mehvi);
/* Prepares for a front y [n][m] (dominated rows do no harm) and a reference [m]. */
enum sofa_code sofa_mehvi_build(struct sofa_mehvi *mehvi, size_t m, const double *reference, size_t n,
                                const double *y, struct sofa_err *err);
/* ln EHVI of a point with means mu [m] and deviations sd [m]. */
double sofa_mehvi_log(struct sofa_mehvi *mehvi, const double *mu, const double *sd);

#endif
