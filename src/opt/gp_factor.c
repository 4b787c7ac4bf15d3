/* The factor of a covariance and its inverse, by blocks of rows, so that rows can be appended. */
#include <math.h>
#include <string.h>

#include "opt/gp_impl.h"

#define BLOCK SOFA_DENSE_LANES
#define JITTER_FIRST 1e-8 /* of the kernel's scale, when the factor breaks down; tenfold up to */
#define JITTER_LAST 1.1e-4

/* Rows [at, at + BLOCK) of the covariance into the factor's place. */
static void fill_block(struct sofa_gp *gp, size_t at, size_t rows)
{
    double *u = gp->scratch, *coef = gp->scratch + gp->space.padded;

    for (size_t i = at; i < at + BLOCK; i++) {
        double *row = gp->cholesky + i * gp->capacity;

        if (i < rows) {
            for (size_t c = 0; c < gp->space.padded; c++)
                u[c] = gp->u[c * gp->capacity + i];
            sofa_gp_covariances(gp, gp->x + i * gp->space.dims, u, coef, at + BLOCK, row);
            row[i] = sofa_gp_own_variance(gp, u, coef) + gp->kernel.noise + gp->jitter * gp->kernel.scale;
        } else {
            memset(row, 0, (at + BLOCK) * sizeof *row);
            row[i] = 1;
        }
    }
}

/* Solves for the block (ib, jb) of L; false when a pivot isn't positive. */
static bool solve_block(struct sofa_gp *gp, size_t ib, size_t jb)
{
    size_t ld = gp->capacity;
    double *a = gp->cholesky + ib * ld + jb, *l = gp->cholesky + jb * ld + jb, sums[BLOCK * BLOCK], v;

    gp->dense->dots(gp->cholesky + ib * ld, ld, gp->cholesky + jb * ld, ld, 0, jb, sums);
    for (size_t r = 0; r < BLOCK; r++) {
        size_t end = ib == jb ? r + 1 : BLOCK;

        for (size_t c = 0; c < end; c++) {
            v = a[r * ld + c] - sums[r * BLOCK + c];
            for (size_t q = 0; q < c; q++)
                v -= a[r * ld + q] * l[c * ld + q];
            if (ib == jb && r == c) {
                if (!(v > 0))
                    return false;
                a[r * ld + c] = sqrt(v);
            } else {
                a[r * ld + c] = v / l[c * ld + c];
            }
        }
        for (size_t c = end; c < BLOCK; c++)
            a[r * ld + c] = 0;
    }
    return true;
}

/* The block (ib, jb) of L^-1, jb <= ib, by rows and transposed. */
static void invert_block(struct sofa_gp *gp, size_t ib, size_t jb)
{
    size_t ld = gp->capacity;
    const double *l = gp->cholesky + ib * ld + ib;
    double sums[BLOCK * BLOCK], block[BLOCK][BLOCK];

    gp->dense->dots(gp->cholesky + ib * ld, ld, gp->inverse_t + jb * ld, ld, jb, ib, sums);
    for (size_t r = 0; r < BLOCK; r++)
        for (size_t c = 0; c < BLOCK; c++) {
            double v = (ib == jb && r == c) - sums[r * BLOCK + c];

            for (size_t q = 0; q < r; q++)
                v -= l[r * ld + q] * block[q][c];
            block[r][c] = ib == jb && c > r ? 0 : v / l[r * ld + r];
            gp->inverse[(ib + r) * ld + jb + c] = block[r][c];
            gp->inverse_t[(jb + c) * ld + ib + r] = block[r][c];
        }
}

static bool factor_rows(struct sofa_gp *gp, size_t from, size_t rows, bool inverse)
{
    for (size_t ib = from / BLOCK * BLOCK; ib < rows; ib += BLOCK) {
        fill_block(gp, ib, rows);
        for (size_t jb = 0; jb <= ib; jb += BLOCK)
            if (!solve_block(gp, ib, jb))
                return false;
        for (size_t jb = 0; inverse && jb <= ib; jb += BLOCK)
            invert_block(gp, ib, jb);
    }
    return true;
}

void sofa_gp_invert(struct sofa_gp *gp)
{
    for (size_t ib = 0; ib < gp->rows; ib += BLOCK)
        for (size_t jb = 0; jb <= ib; jb += BLOCK)
            invert_block(gp, ib, jb);
}

void sofa_gp_solve(struct sofa_gp *gp, size_t n)
{
    size_t ld = gp->capacity;
    double *t = gp->innovation, v;

    for (size_t ib = 0; ib < n; ib += BLOCK) {
        const double *l = gp->cholesky + ib * ld + ib;

        gp->dense->rows(gp->cholesky + ib * ld, ld, t, 0, ib, t + ib);
        for (size_t r = 0; r < BLOCK; r++) {
            v = (ib + r < n ? gp->z[ib + r] : 0) - t[ib + r];
            for (size_t q = 0; q < r; q++)
                v -= l[r * ld + q] * t[ib + q];
            t[ib + r] = v / l[r * ld + r];
        }
    }
}

enum sofa_code sofa_gp_factor(struct sofa_gp *gp, size_t from, size_t rows, bool inverse, struct sofa_err *err)
{
    gp->rows = rows;
    if (from == 0)
        gp->jitter = 0;
    if (factor_rows(gp, from, rows, inverse))
        return SOFA_OK;
    for (double jitter = JITTER_FIRST; jitter < JITTER_LAST; jitter *= 10) {
        if (jitter <= gp->jitter)
            continue;
        gp->jitter = jitter;
        if (factor_rows(gp, 0, rows, inverse))
            return SOFA_OK;
    }
    return sofa_fail(err, SOFA_E_NUMERIC, "the covariance of %zu points is not positive definite", rows);
}
