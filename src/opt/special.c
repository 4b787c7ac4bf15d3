#include "opt/special.h"

#include <math.h>

double sofa_opt_log(double x)
{
    uint64_t bits;
    double e, m, s, q, p;

    memcpy(&bits, &x, sizeof bits);
    e = (double)((int64_t)(bits >> 52) - 1023);
    bits = (bits & 0xfffffffffffffu) | (uint64_t)1023 << 52;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.41421356237309514547) {
        m *= 0.5;
        e += 1;
    }
    s = (m - 1) / (m + 1); /* ln m = 2 artanh s, |s| <= 0.172 */
    q = s * s;
    p = 1.0 / 25;
    for (int k = 23; k >= 3; k -= 2)
        p = p * q + 1.0 / k;
    return e * SOFA_LN2_HI + (2 * s + (2 * s * q * p + e * SOFA_LN2_LO));
}

double sofa_opt_log1p(double x)
{
    double u = 1 + x;

    return u == 1 ? x : sofa_opt_log(u) - ((u - 1) - x) / u; /* what the sum lost */
}

double sofa_opt_pow(double x, double a)
{
    return x <= 0 ? 0 : sofa_opt_exp(a * sofa_opt_log(x));
}

/* (a0 + a1 x + ...) / (b0 + b1 x + ...), constants first */
static double rational(double x, const double *a, const double *b, int degree)
{
    double p = a[degree], q = b[degree];

    for (int k = degree - 1; k >= 0; k--) {
        p = p * x + a[k];
        q = q * x + b[k];
    }
    return p / q;
}

/* exp(x^2) erfc(x), x >= 0.46875: W. J. Cody, Rational Chebyshev approximation for the error
 * function, Math. Comp. 23 (1969), with the coefficients of his CALERF. */
static double erfcx_tail(double x)
{
    static const double c[] = {1.23033935479799725e+03, 2.05107837782607147e+03, 1.71204761263407058e+03,
                               8.81952221241769090e+02, 2.98635138197400131e+02, 6.61191906371416295e+01,
                               8.88314979438837594e+00, 5.64188496988670089e-01, 2.15311535474403846e-08};
    static const double d[] = {1.23033935480374942e+03, 3.43936767414372164e+03, 4.36261909014324716e+03,
                               3.29079923573345963e+03, 1.62138957456669019e+03, 5.37181101862009858e+02,
                               1.17693950891312499e+02, 1.57449261107098347e+01, 1.0};
    static const double p[] = {-6.58749161529837803e-04, -1.60837851487422766e-02, -1.25781726111229246e-01,
                               -3.60344899949804439e-01, -3.05326634961232344e-01, -1.63153871373020978e-02};
    static const double q[] = {2.33520497626869185e-03, 6.05183413124413191e-02, 5.27905102951428412e-01,
                               1.87295284992346725e+00, 2.56852019228982242e+00, 1.0};
    const double inverse_sqrt_pi = 5.6418958354775628695e-01;
    double y;

    if (x <= 4)
        return rational(x, c, d, 8);
    y = 1 / (x * x);
    return (inverse_sqrt_pi + y * rational(y, p, q, 5)) / x;
}

/* erf(x), |x| <= 0.46875, from the same source. */
static double erf_centre(double x)
{
    static const double a[] = {3.20937758913846947e+03, 3.77485237685302021e+02, 1.13864154151050156e+02,
                               3.16112374387056560e+00, 1.85777706184603153e-01};
    static const double b[] = {2.84423683343917062e+03, 1.28261652607737228e+03, 2.44024637934444173e+02,
                               2.36012909523441209e+01, 1.0};

    return x * rational(x * x, a, b, 4);
}

#define SQRT_HALF 7.0710678118654752440e-01
#define SQRT_HALF_PI 1.2533141373155002512e+00

static double normal_pdf(double u)
{
    return sofa_opt_exp(-0.5 * u * u - SOFA_LN_SQRT_2PI);
}

double sofa_normal_mills(double x)
{
    double t = x * SQRT_HALF;

    if (t <= 0.46875)
        return SQRT_HALF_PI * sofa_opt_exp(0.5 * x * x) * (1 - erf_centre(t));
    return SQRT_HALF_PI * erfcx_tail(t);
}

double sofa_normal_cdf(double u)
{
    double x = u < 0 ? -u : u, tail;

    if (x * SQRT_HALF <= 0.46875)
        return 0.5 * (1 + erf_centre(u * SQRT_HALF));
    tail = x > 37 ? 0 : normal_pdf(x) * sofa_normal_mills(x);
    return u < 0 ? tail : 1 - tail;
}

double sofa_normal_log_cdf(double u)
{
    if (u > -1)
        return sofa_opt_log1p(-sofa_normal_cdf(-u));
    return -0.5 * u * u - SOFA_LN_SQRT_2PI + sofa_opt_log(sofa_normal_mills(-u));
}

/* 1 - x M(x), x >= 0: from the asymptotic series of Mills' ratio where the difference would cancel. */
static double one_minus_x_mills(double x)
{
    double y, term = 1, sum = 0;

    if (x < 20)
        return 1 - x * sofa_normal_mills(x);
    y = 1 / (x * x);
    for (int k = 1; k <= 21; k += 2) { /* 1/x^2 - 3/x^4 + 15/x^6 - ... */
        term *= k * y;
        sum += k % 4 == 1 ? term : -term;
    }
    return sum;
}

double sofa_normal_log_h(double u)
{
    if (u > -1)
        return sofa_opt_log(normal_pdf(u) + u * sofa_normal_cdf(u));
    return -0.5 * u * u - SOFA_LN_SQRT_2PI + sofa_opt_log(one_minus_x_mills(-u));
}

double sofa_normal_h(double u)
{
    double x = u < 0 ? -u : u, tail;

    if (u > 9) /* phi(9)/9^2 is under half a unit in the last place of 9 */
        return u;
    tail = normal_pdf(x) * one_minus_x_mills(x);
    return u < 0 ? tail : u + tail; /* h(u) = u + h(-u) */
}

#define NARROW 1e-3 /* deviations below which a difference of two values would cancel */

/* M(x) - M(x + s), x >= 0: M' = x M - 1, so a narrow one is integrated by Gauss and Legendre's two points. */
static double mills_drop(double x, double s)
{
    const double root = 2.88675134594812882255e-01; /* 1/sqrt(12) */

    if (s > NARROW * (1 + x))
        return sofa_normal_mills(x) - sofa_normal_mills(x + s);
    return 0.5 * s * (one_minus_x_mills(x + (0.5 - root) * s) + one_minus_x_mills(x + (0.5 + root) * s));
}

/* 1 - exp(-w), w >= 0, with all its digits (Kahan). */
static double one_minus_exp(double w)
{
    double e = sofa_opt_exp(-w);

    if (e < 0.5)
        return 1 - e;
    return e == 1 ? w : (1 - e) * w / -sofa_opt_log(e);
}

/* g of u >= 0 as Phi(u) (1 - exp(-w)) + exp(-w) (Phi(u) - Phi(u - s)), s narrow: both parts are positive from
 * u = s/2 on, and below it nearly. */
static double narrow_gain(double u, double s)
{
    double w = s * (u - 0.5 * s), middle = u - 0.5 * s, between;

    between = s * normal_pdf(middle) * (1 + s * s * (middle * middle - 1) / 24);
    return sofa_normal_cdf(u) * (w > 0 ? one_minus_exp(w) : w) + sofa_opt_exp(-w) * between;
}

double sofa_lognormal_gain(double u, double s)
{
    if (u < 0)
        return normal_pdf(u) * mills_drop(-u, s);
    if (s < NARROW)
        return narrow_gain(u, s);
    if (u < s)
        return sofa_normal_cdf(u) - normal_pdf(u) * sofa_normal_mills(s - u);
    return sofa_normal_cdf(u) - sofa_opt_exp(s * (0.5 * s - u)) * sofa_normal_cdf(u - s);
}

double sofa_lognormal_log_gain(double u, double s)
{
    if (u > -1)
        return sofa_opt_log(sofa_lognormal_gain(u, s));
    return -0.5 * u * u - SOFA_LN_SQRT_2PI + sofa_opt_log(mills_drop(-u, s));
}

static double quantile_tail(double p)
{
    static const double c[] = {2.938163982698783e+00,  4.374664141464968e+00,  -2.549732539343734e+00,
                               -2.400758277161838e+00, -3.223964580411365e-01, -7.784894002430293e-03};
    static const double d[] = {1.0, 3.754408661907416e+00, 2.445134137142996e+00, 3.224671290700398e-01,
                               7.784695709041462e-03, 0.0};

    return rational(sqrt(-2 * sofa_opt_log(p)), c, d, 5);
}

double sofa_normal_quantile(double p)
{
    static const double a[] = {2.506628277459239e+00,  -3.066479806614716e+01, 1.383577518672690e+02,
                               -2.759285104469687e+02, 2.209460984245205e+02,  -3.969683028665376e+01};
    static const double b[] = {1.0, -1.328068155288572e+01, 6.680131188771972e+01, -1.556989798598866e+02,
                               1.615858368580409e+02, -5.447609879822406e+01};
    double u;

    if (p < 0.02425)
        u = quantile_tail(p);
    else if (p > 1 - 0.02425)
        u = -quantile_tail(1 - p);
    else
        u = (p - 0.5) * rational((p - 0.5) * (p - 0.5), a, b, 5);
    return u - (sofa_normal_cdf(u) - p) / normal_pdf(u);
}
