/*
 * The inner loops of the Gaussian process, once in portable C and once for AVX2, with equal bits:
 * sums run in four lanes that are added in a fixed order, and nothing is fused.
 *
 * Matrices are stored by rows; a row's length `ld` is a multiple of SOFA_DENSE_LANES and all
 * pointers are aligned to 32 bytes.
 */
#ifndef SOFA_OPT_DENSE_H
#define SOFA_OPT_DENSE_H

#include <stddef.h>

#define SOFA_DENSE_LANES 4
#define SOFA_DENSE_ROUND(n) (((n) + SOFA_DENSE_LANES - 1) / SOFA_DENSE_LANES * SOFA_DENSE_LANES)

/* The covariances of a neighbour, which differs from a base in the coordinate u; all rows are of n points. */
struct sofa_dense_near {
    const double *r2;     /* of the base; the neighbour's are max(0, r2 + a - b u) */
    const double *linear; /* of the base; the neighbour's are linear + slope u + shared group */
    const double *u, *group;
    double a, b, slope, shared, weight; /* weight: of the Matern term */
    /* Where there are layers: their sum at the base, and of the one that the coordinate lies in the row at the base and
     * the neighbour's, as it is or by `combo`; else sum is NULL. */
    const double *sum, *old, *row;
    const unsigned short *combo; /* NULL: row is as it is */
    const double *with[3];       /* what the covariances are multiplied with */
};

struct sofa_dense {
    const char *isa;
    /* out[4 r + c] = sum over from <= k < to of a[r lda + k] b[c ldb + k]; from and to multiples of 4 */
    void (*dots)(const double *a, size_t lda, const double *b, size_t ldb, size_t from, size_t to, double *out);
    /* r2[k] = sum over c < cols of scale[c] (u[c ld + k] - x[c])^2; n is rounded up to whole lanes */
    void (*distances)(const double *u, size_t ld, const double *x, const double *scale, size_t cols, size_t n,
                      double *r2);
    /* The same and, in the one pass, linear[k] = constant + sum over c < cols of coef[c] u[c ld + k] */
    void (*distances_and_linear)(const double *u, size_t ld, const double *x, const double *scale, const double *coef,
                                 double constant, size_t cols, size_t n, double *r2, double *linear);
    /* Matern-5/2 of r2 [n]: value[k] += weight (1 + s + s^2/3) exp(-s), s = sqrt(5 r2) */
    void (*matern)(const double *r2, size_t n, double weight, double *value);
    /* The same without a weight to value, and its derivative by r2 times weight[k] to slope */
    void (*matern_slope)(const double *r2, size_t n, const double *weight, double *value, double *slope);
    /* out[k] += sum over c < cols of coef[c] u[c ld + k] */
    void (*combine)(const double *u, size_t ld, const double *coef, size_t cols, size_t n, double *out);
    /* out[k] = max(0, r2[k] + a - b u[k]): squared distances when one coordinate of a point moves; n is
     * rounded up to whole lanes */
    void (*nudge)(const double *r2, const double *u, double a, double b, size_t n, double *out);
    /* k[i] = linear' + weight (1 + s + s^2/3) exp(-s) + (sum + (row' - old)), s = sqrt(5 r2'); dot[j] = k . with[j] */
    void (*near)(const struct sofa_dense_near *near, size_t n, double *k, double *dot);
    /* out[k] = row[combo[k]], sum[k] += out[k]; n is rounded up to whole lanes */
    void (*look_up)(const double *row, const unsigned short *combo, size_t n, double *out, double *sum);
    /* out[k] += row[l][combo[l][k]] for each l < tables in turn; n is rounded up to whole lanes */
    void (*add_tables)(const double *const *row, const unsigned short *const *combo, size_t tables, size_t n,
                       double *out);
    /* out[k] = the volume of the box [low, high] beyond c: product over j < q of
     * max(0, high[j ld + k] - max(low[j ld + k], c[j])); n is rounded up to whole lanes */
    void (*clip)(const double *low, const double *high, size_t ld, const double *c, size_t q, size_t n, double *out);
    /* out[r] = sum over from <= k < to of a[r lda + k] b[k], r < 4; from and to multiples of 4 */
    void (*rows)(const double *a, size_t lda, const double *b, size_t from, size_t to, double *out);
    /* sum of a[k] b[k], k < n; n a multiple of 4 */
    double (*dot)(const double *a, const double *b, size_t n);
};

extern const struct sofa_dense sofa_dense_ref;
extern const struct sofa_dense sofa_dense_avx2; /* only where SOFA_HAVE_AVX2 is defined */

/* The fastest that this processor runs. */
const struct sofa_dense *sofa_dense_best(void);

#endif
