/*
 * The loops of dense.h, included once per instruction set with SOFA_DENSE_NAME and SOFA_DENSE_ISA
 * defined; the compiler's flags make the difference.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

#include "opt/dense.h"
#include "opt/special.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* -O2 leaves loops of unknown length scalar */
#endif

#define LANES SOFA_DENSE_LANES
typedef double lanes __attribute__((vector_size(8 * LANES), may_alias));

#define load(p) (*(const lanes *)(const void *)(p)) /* rows are aligned to whole lanes */

static inline double add_lanes(const lanes *v)
{
    return ((*v)[0] + (*v)[2]) + ((*v)[1] + (*v)[3]);
}

/* Four rows of a against two of b: the eight sums stay in registers. */
static inline void dots_4x2(const double *a, size_t lda, const double *b, size_t ldb, size_t from, size_t to,
                            double *out)
{
    lanes s00 = {0}, s01 = {0}, s10 = {0}, s11 = {0}, s20 = {0}, s21 = {0}, s30 = {0}, s31 = {0};

    for (size_t k = from; k < to; k += LANES) {
        lanes b0 = load(b + k), b1 = load(b + ldb + k), r;

        r = load(a + k);
        s00 += r * b0;
        s01 += r * b1;
        r = load(a + lda + k);
        s10 += r * b0;
        s11 += r * b1;
        r = load(a + 2 * lda + k);
        s20 += r * b0;
        s21 += r * b1;
        r = load(a + 3 * lda + k);
        s30 += r * b0;
        s31 += r * b1;
    }
    out[0] = add_lanes(&s00);
    out[1] = add_lanes(&s01);
    out[4] = add_lanes(&s10);
    out[5] = add_lanes(&s11);
    out[8] = add_lanes(&s20);
    out[9] = add_lanes(&s21);
    out[12] = add_lanes(&s30);
    out[13] = add_lanes(&s31);
}

static void dots(const double *a, size_t lda, const double *b, size_t ldb, size_t from, size_t to, double *out)
{
    dots_4x2(a, lda, b, ldb, from, to, out);
    dots_4x2(a, lda, b + 2 * ldb, ldb, from, to, out + 2);
}

static double dot(const double *a, const double *b, size_t n)
{
    lanes s = {0};

    for (size_t k = 0; k < n; k += LANES)
        s += load(a + k) * load(b + k);
    return add_lanes(&s);
}

#define STRIP 16 /* points whose sums stay in registers over all columns */

static void distances(const double *restrict u, size_t ld, const double *restrict x, const double *restrict scale,
                      size_t cols, size_t n, double *restrict r2)
{
    size_t k = 0;

    for (; k + STRIP <= n; k += STRIP) {
        lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

        for (size_t c = 0; c < cols; c++) {
            const double *row = u + c * ld + k;
            lanes d0 = load(row) - x[c], d1 = load(row + 4) - x[c];
            lanes d2 = load(row + 8) - x[c], d3 = load(row + 12) - x[c];

            s0 += scale[c] * d0 * d0;
            s1 += scale[c] * d1 * d1;
            s2 += scale[c] * d2 * d2;
            s3 += scale[c] * d3 * d3;
        }
        memcpy(r2 + k, &s0, sizeof s0);
        memcpy(r2 + k + 4, &s1, sizeof s1);
        memcpy(r2 + k + 8, &s2, sizeof s2);
        memcpy(r2 + k + 12, &s3, sizeof s3);
    }
    for (; k < n; k += LANES) { /* rows end on whole lanes */
        lanes s0 = {0};

        for (size_t c = 0; c < cols; c++) {
            lanes d0 = load(u + c * ld + k) - x[c];

            s0 += scale[c] * d0 * d0;
        }
        memcpy(r2 + k, &s0, sizeof s0);
    }
}

#define NARROW 8 /* the same where there are two sums */

static void distances_and_linear(const double *restrict u, size_t ld, const double *restrict x,
                                 const double *restrict scale, const double *restrict coef, double constant,
                                 size_t cols, size_t n, double *restrict r2, double *restrict linear)
{
    const lanes zero = {0};
    size_t k = 0;

    for (; k + NARROW <= n; k += NARROW) {
        lanes s0 = zero, s1 = zero, t0 = zero + constant, t1 = t0;

        for (size_t c = 0; c < cols; c++) {
            lanes u0 = load(u + c * ld + k), u1 = load(u + c * ld + k + 4), d0 = u0 - x[c], d1 = u1 - x[c];

            s0 += scale[c] * d0 * d0;
            s1 += scale[c] * d1 * d1;
            t0 += coef[c] * u0;
            t1 += coef[c] * u1;
        }
        memcpy(r2 + k, &s0, sizeof s0);
        memcpy(r2 + k + 4, &s1, sizeof s1);
        memcpy(linear + k, &t0, sizeof t0);
        memcpy(linear + k + 4, &t1, sizeof t1);
    }
    for (; k < n; k += LANES) { /* rows end on whole lanes */
        lanes s = zero, t = zero + constant;

        for (size_t c = 0; c < cols; c++) {
            lanes u0 = load(u + c * ld + k), d0 = u0 - x[c];

            s += scale[c] * d0 * d0;
            t += coef[c] * u0;
        }
        memcpy(r2 + k, &s, sizeof s);
        memcpy(linear + k, &t, sizeof t);
    }
}

typedef int64_t bit_lanes __attribute__((vector_size(8 * LANES)));

/* Correctly rounded on every machine. */
static inline void sqrt_lanes(lanes *v)
{
#ifdef __AVX__
    *v = (lanes)_mm256_sqrt_pd((__m256d)*v);
#else
    for (int l = 0; l < LANES; l++)
        (*v)[l] = sqrt((*v)[l]);
#endif
}

/* exp(-s), s >= 0: sofa_opt_exp, lane by lane the same operations */
static inline void exp_minus(const lanes *s, lanes *out)
{
    const lanes top = {708, 708, 708, 708};
    bit_lanes small = *s < top, bits;
    lanes x = -(lanes)(((bit_lanes)*s & small) | ((bit_lanes)top & ~small)), t, k, r, r2, r4, low, middle, high, p;

    t = x * 1.44269504088896338700 + SOFA_EXP_SHIFT;
    k = t - SOFA_EXP_SHIFT;
    r = (x - k * SOFA_LN2_HI) - k * SOFA_LN2_LO;
    r2 = r * r;
    r4 = r2 * r2;
    low = (0.5 + 1.0 / 6 * r) + (1.0 / 24 + 1.0 / 120 * r) * r2;
    middle = (1.0 / 720 + 1.0 / 5040 * r) + (1.0 / 40320 + 1.0 / 362880 * r) * r2;
    high = (1.0 / 3628800 + 1.0 / 39916800 * r) + (1.0 / 479001600 + 1.0 / 6227020800 * r) * r2;
    p = ((low + middle * r4) + high * (r4 * r4)) * r2 + r + 1.0;
    bits = ((bit_lanes)t + 1023) << 52;
    *out = p * (lanes)bits;
}

/* n is rounded up to whole lanes: rows are that long */
static void matern(const double *restrict r2, size_t n, double weight, double *restrict value)
{
    for (size_t k = 0; k < n; k += LANES) {
        lanes q = 5 * load(r2 + k), s = q, e, v = load(value + k);

        sqrt_lanes(&s);
        exp_minus(&s, &e);
        v += weight * (1 + s + q * (1.0 / 3)) * e;
        memcpy(value + k, &v, sizeof v);
    }
}

static void matern_slope(const double *restrict r2, size_t n, const double *restrict weight,
                         double *restrict value, double *restrict slope)
{
    for (size_t k = 0; k < n; k += LANES) {
        lanes q = 5 * load(r2 + k), s = q, e, v;

        sqrt_lanes(&s);
        exp_minus(&s, &e);
        v = (1 + s + q * (1.0 / 3)) * e;
        memcpy(value + k, &v, sizeof v);
        v = load(weight + k) * (-5.0 / 6) * (1 + s) * e;
        memcpy(slope + k, &v, sizeof v);
    }
}

static void combine(const double *restrict u, size_t ld, const double *restrict coef, size_t cols, size_t n,
                    double *restrict out)
{
    for (size_t c = 0; c < cols; c++)
        if (coef[c] != 0)
            for (size_t k = 0; k < n; k++)
                out[k] += coef[c] * u[c * ld + k];
}

static void nudge(const double *restrict r2, const double *restrict u, double a, double b, size_t n,
                  double *restrict out)
{
    const lanes zero = {0};

    for (size_t k = 0; k < n; k += LANES) {
        lanes v = (load(r2 + k) + a) - b * load(u + k);

        v = (lanes)((bit_lanes)v & (v > zero));
        memcpy(out + k, &v, sizeof v);
    }
}

static inline void gather(const double *row, const unsigned short *combo, lanes *out)
{
    *out = (lanes){row[combo[0]], row[combo[1]], row[combo[2]], row[combo[3]]};
}

enum row_form { NO_LAYERS, ROW_AS_IT_IS, ROW_BY_COMBO };

static inline void near_loop(const struct sofa_dense_near *at, enum row_form form, size_t n, double *restrict k,
                             double *dot)
{
    const lanes zero = {0};
    lanes dot0 = {0}, dot1 = {0}, dot2 = {0};

    for (size_t i = 0; i < n; i += LANES) {
        lanes u = load(at->u + i), q = (load(at->r2 + i) + at->a) - at->b * u, s, e, v, row;

        q = 5 * (lanes)((bit_lanes)q & (q > zero));
        s = q;
        sqrt_lanes(&s);
        exp_minus(&s, &e);
        v = (load(at->linear + i) + at->slope * u) + at->shared * load(at->group + i);
        v += at->weight * (1 + s + q * (1.0 / 3)) * e;
        if (form == ROW_BY_COMBO)
            gather(at->row, at->combo + i, &row);
        else if (form == ROW_AS_IT_IS)
            row = load(at->row + i);
        if (form != NO_LAYERS)
            v += load(at->sum + i) + (row - load(at->old + i));
        memcpy(k + i, &v, sizeof v);
        dot0 += load(at->with[0] + i) * v;
        dot1 += load(at->with[1] + i) * v;
        dot2 += load(at->with[2] + i) * v;
    }
    dot[0] = add_lanes(&dot0);
    dot[1] = add_lanes(&dot1);
    dot[2] = add_lanes(&dot2);
}

static void near(const struct sofa_dense_near *at, size_t n, double *k, double *dot)
{
    struct sofa_dense_near own = *at; /* its pointers stay in registers */

    if (!own.sum)
        near_loop(&own, NO_LAYERS, n, k, dot);
    else if (own.combo)
        near_loop(&own, ROW_BY_COMBO, n, k, dot);
    else
        near_loop(&own, ROW_AS_IT_IS, n, k, dot);
}

static void look_up(const double *restrict row, const unsigned short *restrict combo, size_t n, double *restrict out,
                    double *restrict sum)
{
    for (size_t k = 0; k < n; k += LANES) {
        lanes v, s = load(sum + k);

        gather(row, combo + k, &v);
        s += v;
        memcpy(out + k, &v, sizeof v);
        memcpy(sum + k, &s, sizeof s);
    }
}

static void add_tables(const double *const *row, const unsigned short *const *combo, size_t tables, size_t n,
                       double *restrict out)
{
    size_t k = 0;

    for (; k + 2 * LANES <= n; k += 2 * LANES) {
        lanes s0 = load(out + k), s1 = load(out + k + LANES), v0, v1;

        for (size_t l = 0; l < tables; l++) {
            gather(row[l], combo[l] + k, &v0);
            gather(row[l], combo[l] + k + LANES, &v1);
            s0 += v0;
            s1 += v1;
        }
        memcpy(out + k, &s0, sizeof s0);
        memcpy(out + k + LANES, &s1, sizeof s1);
    }
    for (; k < n; k += LANES) {
        lanes s = load(out + k), v;

        for (size_t l = 0; l < tables; l++) {
            gather(row[l], combo[l] + k, &v);
            s += v;
        }
        memcpy(out + k, &s, sizeof s);
    }
}

static void clip(const double *restrict low, const double *restrict high, size_t ld, const double *restrict c,
                 size_t q, size_t n, double *restrict out)
{
    const lanes zero = {0}, one = {1, 1, 1, 1};

    for (size_t k = 0; k < n; k += LANES) {
        lanes volume = one;

        for (size_t j = 0; j < q; j++) {
            lanes from = load(low + j * ld + k), at = zero + c[j], side;
            bit_lanes beyond = from > at;

            from = (lanes)(((bit_lanes)from & beyond) | ((bit_lanes)at & ~beyond));
            side = load(high + j * ld + k) - from;
            volume *= (lanes)((bit_lanes)side & (side > zero));
        }
        memcpy(out + k, &volume, sizeof volume);
    }
}

static void rows(const double *a, size_t lda, const double *b, size_t from, size_t to, double *out)
{
    lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

    for (size_t k = from; k < to; k += LANES) {
        lanes v = load(b + k);

        s0 += load(a + k) * v;
        s1 += load(a + lda + k) * v;
        s2 += load(a + 2 * lda + k) * v;
        s3 += load(a + 3 * lda + k) * v;
    }
    out[0] = add_lanes(&s0);
    out[1] = add_lanes(&s1);
    out[2] = add_lanes(&s2);
    out[3] = add_lanes(&s3);
}

const struct sofa_dense SOFA_DENSE_NAME = {
    .isa = SOFA_DENSE_ISA,
    .dots = dots,
    .distances = distances,
    .distances_and_linear = distances_and_linear,
    .matern = matern,
    .matern_slope = matern_slope,
    .combine = combine,
    .nudge = nudge,
    .near = near,
    .look_up = look_up,
    .add_tables = add_tables,
    .clip = clip,
    .rows = rows,
    .dot = dot,
};
