/*
 * Elementary and normal-distribution functions whose bits do not depend on the machine.
 *
 * The C library picks other code for exp and log where the processor fuses multiply and add; what
 * it returns may differ in the last bit, and a search amplifies that.  These use only +, -, *, /,
 * sqrt and bit patterns in a fixed order.  Relative errors are below 1e-15 for exp and log and
 * below 1e-14 for the rest (tests/unit/opt/test_special.c).
 */
#ifndef SOFA_OPT_SPECIAL_H
#define SOFA_OPT_SPECIAL_H

#include <stdint.h>
#include <string.h>

#define SOFA_LN2_HI 6.93147180369123816490e-01 /* ln 2 in two parts, the first with 32 bits; fdlibm */
#define SOFA_LN2_LO 1.90821492927058770002e-10
#define SOFA_LN_SQRT_2PI 0.91893853320467274178
#define SOFA_EXP_MIN (-708.0) /* below: exp gives exp(-708), still a normal number */
#define SOFA_EXP_MAX 709.0
#define SOFA_EXP_SHIFT 6755399441055744.0 /* 1.5 * 2^52: adding it rounds to an integer */

/* exp(x) for x clamped to [SOFA_EXP_MIN, SOFA_EXP_MAX]: 2^k times a polynomial in the remainder.
 * dense_loops.h has the same in vector form. */
static inline double sofa_opt_exp(double x)
{
    double t, k, r, r2, r4, low, middle, high, p;
    uint64_t bits;

    x = x < SOFA_EXP_MIN ? SOFA_EXP_MIN : x;
    x = x > SOFA_EXP_MAX ? SOFA_EXP_MAX : x;
    t = x * 1.44269504088896338700 + SOFA_EXP_SHIFT;
    k = t - SOFA_EXP_SHIFT;
    r = (x - k * SOFA_LN2_HI) - k * SOFA_LN2_LO;
    r2 = r * r; /* Taylor to r^13, in pairs (Estrin): |r| <= 0.347, what is left is under 5e-18 */
    r4 = r2 * r2;
    low = (0.5 + 1.0 / 6 * r) + (1.0 / 24 + 1.0 / 120 * r) * r2;
    middle = (1.0 / 720 + 1.0 / 5040 * r) + (1.0 / 40320 + 1.0 / 362880 * r) * r2;
    high = (1.0 / 3628800 + 1.0 / 39916800 * r) + (1.0 / 479001600 + 1.0 / 6227020800 * r) * r2;
    p = ((low + middle * r4) + high * (r4 * r4)) * r2 + r + 1.0;
    memcpy(&bits, &t, sizeof bits); /* the low bits of t hold k */
    bits = (bits + 1023) << 52;
    memcpy(&t, &bits, sizeof t);
    return p * t;
}

double sofa_opt_log(double x);   /* x > 0, normal */
double sofa_opt_log1p(double x); /* x > -1 */
double sofa_opt_pow(double x, double a); /* x >= 0 */

/* The standard normal distribution. */
double sofa_normal_cdf(double u);
double sofa_normal_log_cdf(double u); /* for any u, however negative */
double sofa_normal_quantile(double p); /* 0 < p < 1; Acklam's rational form with one Newton step */
/* Mills' ratio (1 - Phi(x)) / phi(x), x >= 0. */
double sofa_normal_mills(double x);
/* ln h(u), h(u) = phi(u) + u Phi(u), the improvement expected of a standard normal (Ament et al.,
 * "Unexpected improvements to expected improvement", NeurIPS 2023): any u from -1e154 up. */
double sofa_normal_log_h(double u);
double sofa_normal_h(double u);
/* g(u, s) = E max(0, 1 - exp(s (N - u))), N a standard normal, s > 0: the share of b that is gained where the
 * logarithm of y is normal and lies u deviations s below ln b,
 *
 *   g = Phi(u) - exp(s^2/2 - u s) Phi(u - s) = phi(u) [M(-u) - M(s - u)],  M Mills' ratio;
 *
 * it nears s h(u) for small s.  And its logarithm, for any u from -1e154 up.  Relative errors are below 1e-10. */
double sofa_lognormal_gain(double u, double s);
double sofa_lognormal_log_gain(double u, double s);

#endif
