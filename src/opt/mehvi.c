#include "opt/mehvi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/pareto.h"
#include "opt/special.h"

#define POINTS_AT_ONCE 16 /* between two looks at the number of boxes */
#define GRID_FINEST 10    /* the first grid has 2^(GRID_FINEST - 1) steps, the last one */

void sofa_mehvi_release(struct sofa_mehvi *mehvi)
{
    sofa_ehvi_release(&mehvi->cut);
    free(mehvi->coordinate);
    free(mehvi->box);
    free(mehvi->psi);
    *mehvi = (struct sofa_mehvi)SOFA_MEHVI_INIT;
}

static int compare(const void *pa, const void *pb)
{
    double a = *(const double *)pa, b = *(const double *)pb;

    return (a > b) - (a < b);
}

/* The distinct coordinates of the boxes' corners in objective j. */
static void collect_coordinates(struct sofa_mehvi *mehvi, size_t j, size_t n, const double *y, double reference)
{
    double *list = mehvi->coordinate + j * mehvi->coordinates;
    size_t kept = 1, count = 0;

    list[count++] = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (y[i * mehvi->m + j] < reference)
            list[count++] = y[i * mehvi->m + j];
    list[count++] = reference;
    qsort(list, count, sizeof *list, compare);
    for (size_t i = 1; i < count; i++)
        if (list[i] != list[kept - 1])
            list[kept++] = list[i];
    mehvi->used[j] = kept;
}

static unsigned place_of(const struct sofa_mehvi *mehvi, size_t j, double value)
{
    const double *list = mehvi->coordinate + j * mehvi->coordinates;
    size_t low = 0, high = mehvi->used[j] - 1, middle;

    while (low < high) {
        middle = (low + high) / 2;
        if (list[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return (unsigned)low;
}

static enum sofa_code reserve(struct sofa_mehvi *mehvi, size_t n, struct sofa_err *err)
{
    size_t m = mehvi->m;

    free(mehvi->coordinate);
    free(mehvi->psi);
    free(mehvi->box);
    mehvi->coordinates = n + 2;
    mehvi->boxes = mehvi->cut.open.count;
    mehvi->coordinate = calloc(m * mehvi->coordinates, sizeof *mehvi->coordinate);
    mehvi->psi = calloc(m * mehvi->coordinates, sizeof *mehvi->psi);
    mehvi->box = calloc(mehvi->boxes * 2 * m + 1, sizeof *mehvi->box);
    if (!mehvi->coordinate || !mehvi->psi || !mehvi->box)
        return sofa_fail_nomem(err, "the acquisition");
    return SOFA_OK;
}

/* Cuts along the points, those of the last time first if they are the same; *full: there are too many boxes. */
static enum sofa_code cut_points(struct sofa_mehvi *mehvi, const double *reference, size_t n, const double *y, bool *full,
                                 struct sofa_err *err)
{
    size_t k = mehvi->cut.flat_n < n ? mehvi->cut.flat_n : 0;
    enum sofa_code rc;

    do {
        k = k + POINTS_AT_ONCE < n ? k + POINTS_AT_ONCE : n;
        SOFA_TRY(sofa_ehvi_build(&mehvi->cut, mehvi->m, reference, k, y, NULL, 0, false, err));
        *full = mehvi->cut.open.count > SOFA_MEHVI_BOXES;
    } while (k < n && !*full);
out:
    return rc;
}

/* The points on the grid, each moved to the best corner of its cell, into snapped [n][m]. */
static void snap(const struct sofa_mehvi *mehvi, const double *reference, size_t n, const double *y, double *snapped)
{
    double steps = ldexp(1, GRID_FINEST - (int)mehvi->grid), low, step;
    size_t m = mehvi->m;

    for (size_t j = 0; j < m; j++) {
        low = reference[j];
        for (size_t i = 0; i < n; i++)
            low = y[i * m + j] < low ? y[i * m + j] : low;
        step = (reference[j] - low) / steps;
        for (size_t i = 0; i < n; i++)
            snapped[i * m + j] = step > 0 ? low + step * floor((y[i * m + j] - low) / step) : y[i * m + j];
    }
}

/* The same with the front on a grid. */
static enum sofa_code cut_on_grid(struct sofa_mehvi *mehvi, const double *reference, size_t n, const double *y, bool *full,
                                  struct sofa_err *err)
{
    size_t m = mehvi->m, kept = 0;
    double *snapped = calloc(n * m, sizeof *snapped);
    bool *front = calloc(n, sizeof *front);
    enum sofa_code rc;

    if (!snapped || !front) {
        rc = sofa_fail_nomem(err, "the acquisition");
        goto out;
    }
    snap(mehvi, reference, n, y, snapped);
    SOFA_TRY(sofa_pareto_front(snapped, n, m, front, err));
    for (size_t i = 0; i < n; i++)
        if (front[i])
            memmove(snapped + kept++ * m, snapped + i * m, m * sizeof *snapped);
    SOFA_TRY(cut_points(mehvi, reference, kept, snapped, full, err));
out:
    free(snapped);
    free(front);
    return rc;
}

enum sofa_code sofa_mehvi_build(struct sofa_mehvi *mehvi, size_t m, const double *reference, size_t n,
                                const double *y, struct sofa_err *err)
{
    const double *corner, *points;
    bool full;
    enum sofa_code rc;

    mehvi->grid -= mehvi->grid > 0 && n < mehvi->points; /* a finer one may do */
    mehvi->m = m;
    mehvi->points = n;
    for (;; mehvi->grid++) {
        SOFA_TRY((mehvi->grid ? cut_on_grid : cut_points)(mehvi, reference, n, y, &full, err));
        if (!full || mehvi->grid == GRID_FINEST)
            break;
    }
    points = mehvi->cut.flat;
    SOFA_TRY(reserve(mehvi, mehvi->cut.flat_n, err));
    for (size_t j = 0; j < m; j++)
        collect_coordinates(mehvi, j, mehvi->cut.flat_n, points, reference[j]);
    corner = mehvi->cut.open.corner;
    for (size_t i = 0; i < mehvi->boxes; i++)
        for (size_t k = 0; k < 2 * m; k++)
            mehvi->box[i * 2 * m + k] = place_of(mehvi, k % m, corner[i * 2 * m + k]);
out:
    return rc;
}

/* The sum over boxes of products of psi, which are in units of psi at the reference. */
static double sum_boxes(const struct sofa_mehvi *mehvi)
{
    size_t m = mehvi->m;
    double sum = 0, product;

    for (size_t i = 0; i < mehvi->boxes; i++) {
        const unsigned *low = mehvi->box + i * 2 * m, *high = low + m;

        product = 1;
        for (size_t j = 0; j < m; j++) {
            const double *psi = mehvi->psi + j * mehvi->coordinates;

            product *= psi[high[j]] - psi[low[j]];
        }
        sum += product;
    }
    return sum;
}

/* The same from ln psi, for sums that are too small for plain numbers. */
static double log_sum_boxes(const struct sofa_mehvi *mehvi)
{
    size_t m = mehvi->m;
    double sum = -INFINITY, product, gap, high_log;

    for (size_t i = 0; i < mehvi->boxes; i++) {
        const unsigned *low = mehvi->box + i * 2 * m, *high = low + m;

        product = 0;
        for (size_t j = 0; j < m; j++) {
            const double *psi = mehvi->psi + j * mehvi->coordinates;

            high_log = psi[high[j]];
            gap = psi[low[j]] - high_log; /* ln of a ratio below 1 */
            product += high_log + (gap < -40 ? 0 : gap < 0 ? sofa_opt_log1p(-sofa_opt_exp(gap)) : -INFINITY);
        }
        if (product > sum)
            sum = product + (sum - product < -40 ? 0 : sofa_opt_log1p(sofa_opt_exp(sum - product)));
        else if (product - sum > -40)
            sum += sofa_opt_log1p(sofa_opt_exp(product - sum));
    }
    return sum;
}

#define SUM_LEAST 1e-200 /* below it, plain numbers may have lost terms */

double sofa_mehvi_log(struct sofa_mehvi *mehvi, const double *mu, const double *sd)
{
    double scale = 0, sum, top[SOFA_OPT_OBJECTIVES_MAX];

    for (size_t j = 0; j < mehvi->m; j++) {
        const double *at = mehvi->coordinate + j * mehvi->coordinates;
        double *psi = mehvi->psi + j * mehvi->coordinates;
        size_t last = mehvi->used[j] - 1;

        top[j] = sofa_normal_log_h((at[last] - mu[j]) / sd[j]);
        scale += top[j] + sofa_opt_log(sd[j]);
        psi[0] = 0;
        for (size_t i = 1; i <= last; i++)
            psi[i] = sofa_normal_h((at[i] - mu[j]) / sd[j]) / (sofa_opt_exp(top[j]));
    }
    sum = sum_boxes(mehvi);
    if (sum > SUM_LEAST && scale > -600)
        return scale + sofa_opt_log(sum);
    for (size_t j = 0; j < mehvi->m; j++) {
        const double *at = mehvi->coordinate + j * mehvi->coordinates;
        double *psi = mehvi->psi + j * mehvi->coordinates;

        psi[0] = -INFINITY;
        for (size_t i = 1; i < mehvi->used[j]; i++)
            psi[i] = sofa_normal_log_h((at[i] - mu[j]) / sd[j]) - top[j];
    }
    return scale + log_sum_boxes(mehvi);
}
