/*
 * Elementary functions from plain double operations in a fixed order, so that they vectorise and
 * give the same bits on every machine (libm picks other code where the machine has FMA).
 */
#ifndef SOFA_TRANSFORMER_FMATH_H
#define SOFA_TRANSFORMER_FMATH_H

#include <stdint.h>
#include <string.h>

/* exp(x) for x clamped to [-700, 700], relative error below 1e-14: the argument is reduced by
 * multiples of ln 2 in two parts (fdlibm's e_exp.c), |r| <= ln2 / 2, then the Taylor sum to r^12,
 * whose remainder is below 1.7e-16. */
static inline double sofa_exp(double x)
{
    static const double c[13] = {1.0,           1.0,          1.0 / 2,       1.0 / 6,        1.0 / 24,
                                 1.0 / 120,     1.0 / 720,    1.0 / 5040,    1.0 / 40320,    1.0 / 362880,
                                 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600};
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to an integer */
    double y = x < -700 ? -700 : x > 700 ? 700 : x;
    double shifted = y * 1.44269504088896338700 + magic, n = shifted - magic;
    double r = (y - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double sum = c[12], scale;
    uint64_t bits;

    for (int i = 11; i >= 0; i--)
        sum = sum * r + c[i];
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52; /* the integer stands in the low bits of the mantissa */
    memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}

/* Partial sums a reduction keeps; also the widest vector of doubles. */
#define SOFA_SUM_LANES 8

/* The partial sums in one fixed order. */
static inline double sofa_lanes_sum(const double lane[SOFA_SUM_LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

#endif
