/*
 * Elementary functions from plain double operations in a fixed order, so that they vectorise and
 * give the same bits on every machine (libm picks other code where the machine has FMA).
 */
#ifndef SOFA_TRANSFORMER_FMATH_H
#define SOFA_TRANSFORMER_FMATH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SOFA_SUM_LANES 8 /* partial sums a reduction keeps; also the widest vector of doubles */

/* Eight doubles or words, which compilers split where the machine's vectors are narrower. */
typedef double sofa_lanes __attribute__((vector_size(8 * SOFA_SUM_LANES)));
typedef int64_t sofa_words __attribute__((vector_size(8 * SOFA_SUM_LANES)));

/* exp(x) of eight values clamped to [-700, 700], relative error below 1e-14; y may be x.  The argument
 * is reduced by multiples of ln 2 in two parts (fdlibm's e_exp.c), |r| <= ln2 / 2, then the Taylor
 * sum to r^12, whose remainder is below 1.7e-16. */
static inline void sofa_exp8(const double x[SOFA_SUM_LANES], double y[SOFA_SUM_LANES])
{
    static const double c[12] = {1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,      1.0 / 120,
                                 1.0 / 720,  1.0 / 5040,  1.0 / 40320,  1.0 / 362880,  1.0 / 3628800, 1.0 / 39916800};
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to an integer */
    const sofa_lanes least = {-700, -700, -700, -700, -700, -700, -700, -700}, most = -least;
    sofa_lanes v, shifted, n, r, sum = {0};
    sofa_words low, high;

    memcpy(&v, x, sizeof v);
    low = v < least;
    high = v > most;
    v = (sofa_lanes)((low & (sofa_words)least) | (high & (sofa_words)most) | (~(low | high) & (sofa_words)v));
    shifted = v * 1.44269504088896338700 + magic;
    n = shifted - magic;
    r = (v - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    sum += 1.0 / 479001600;
    for (int i = 11; i >= 0; i--)
        sum = sum * r + c[i];
    /* the integer stands in the low bits of the mantissa and becomes an exponent */
    sum *= (sofa_lanes)(((sofa_words)shifted + 1023) << 52);
    memcpy(y, &sum, sizeof sum);
}

/* The partial sums in one fixed order. */
static inline double sofa_lanes_sum(const double lane[SOFA_SUM_LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

#endif
