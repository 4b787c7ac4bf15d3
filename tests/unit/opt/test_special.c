#include "opt/special.h"

#include <math.h>

#include "base/rng.h"
#include "opt/dense.h"
#include "tests/unit/test.h"

static void close_to(double x, double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance * fabs(expected)))
        fail_msg("at %.17g: %.17g, not %.17g", x, value, expected);
}

static void exp_and_log_agree_with_the_c_library(void **state)
{
    gsl_rng *rng = sofa_rng_new(1, 0);

    (void)state;
    for (int t = 0; t < 200000; t++) {
        double x = -700 + 1400 * gsl_rng_uniform(rng), y = exp(x), near = 0.5 + gsl_rng_uniform(rng);

        close_to(x, sofa_opt_exp(x), y, 1e-15);
        close_to(y, sofa_opt_log(y), log(y), 1e-15);
        close_to(near, sofa_opt_log(near), log(near), 1e-15);
        close_to(near - 1, sofa_opt_log1p(near - 1), log1p(near - 1), 1e-15);
        close_to(x * 1e-20, sofa_opt_log1p(x * 1e-20), log1p(x * 1e-20), 1e-15);
    }
    assert_true(sofa_opt_exp(0) == 1 && sofa_opt_log(1) == 0);
    assert_true(sofa_opt_exp(-1e9) > 0 && isfinite(sofa_opt_exp(1e9)));
    gsl_rng_free(rng);
}

static void the_normal_distribution_agrees_with_erfc(void **state)
{
    (void)state;
    for (double u = -37; u < 37; u += 0.0137) {
        close_to(u, sofa_normal_cdf(u), 0.5 * erfc(-u * M_SQRT1_2), 1e-12);
        close_to(u, sofa_normal_log_cdf(u), u < 0 ? log(0.5 * erfc(-u * M_SQRT1_2)) : log1p(-0.5 * erfc(u * M_SQRT1_2)),
                 1e-12);
    }
    for (double p = 1e-12; p < 1; p += 0.001357)
        close_to(p, sofa_normal_cdf(sofa_normal_quantile(p)), p, 1e-9);
}

/* h by Simpson's rule on the integral of Phi from -infinity to u, in long double and scaled by phi(u):
 * h(u) = phi(u) times the integral over t > 0 of t exp(u t - t^2/2). */
static double log_h_by_quadrature(double u)
{
    const int steps = 40000;
    long double sum = 0, width = u < -8 ? -60.0L / u : 12.0L + 2 * fabsl(u), h = width / steps, t;

    for (int i = 0; i <= steps; i++) {
        t = i * h;
        sum += (i == 0 || i == steps ? 1 : i % 2 ? 4 : 2) * t * expl((long double)u * t - t * t / 2);
    }
    return (double)(logl(sum * h / 3) - (long double)u * u / 2 - 0.918938533204672741780329736406L);
}

static void log_h_holds_from_one_down_to_1e_minus_100_and_beyond(void **state)
{
    (void)state;
    for (double u = -60; u < 6; u += 0.0791)
        close_to(u, sofa_normal_log_h(u), log_h_by_quadrature(u), fabs(log_h_by_quadrature(u)) < 0.1 ? 1e-10 : 1e-11);
    for (double u = -100; u > -1e7; u *= 3) /* phi(u)/u^2 (1 - 3/u^2 + ...) */
        close_to(u, sofa_normal_log_h(u), -0.5 * u * u - 0.918938533204672742 - 2 * log(-u) + log1p(-3 / (u * u) + 15 / pow(u, 4)),
                 1e-12);
    assert_true(sofa_normal_log_h(-21.2) < -100 * M_LN10 && sofa_normal_log_h(-21) > -100 * M_LN10);
    close_to(50, sofa_normal_log_h(50), log(50), 1e-15);
}

/* g(u, s) = phi(u) times the integral over t > 0 of exp(u t - t^2/2) (1 - exp(-s t)), as above. */
static double log_gain_by_quadrature(double u, double s)
{
    const int steps = 40000;
    long double sum = 0, width = u < -8 ? -60.0L / u : 12.0L + 2 * fabsl(u), h = width / steps, t;

    for (int i = 0; i <= steps; i++) {
        t = i * h;
        sum += (i == 0 || i == steps ? 1 : i % 2 ? 4 : 2) * -expm1l(-(long double)s * t) *
               expl((long double)u * t - t * t / 2);
    }
    return (double)(logl(sum * h / 3) - (long double)u * u / 2 - 0.918938533204672741780329736406L);
}

static void the_lognormal_gain_holds_from_one_down_to_1e_minus_100(void **state)
{
    const double widths[] = {1e-7, 1e-5, 5e-4, 2e-3, 0.05, 0.3, 1, 4};

    (void)state;
    for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
        for (double u = -30; u < 8; u += 0.371) {
            double s = widths[k], expected = log_gain_by_quadrature(u, s), value = sofa_lognormal_log_gain(u, s);

            if (!(fabs(value - expected) < 1e-10))
                fail_msg("g(%g, %g): %.17g, not %.17g", u, s, value, expected);
            if (u > -20)
                close_to(u, sofa_opt_log(sofa_lognormal_gain(u, s)), expected, 1e-10 / fmin(1, fabs(expected)));
        }
    assert_true(sofa_lognormal_log_gain(-22, 0.3) < -100 * M_LN10);
    assert_true(isfinite(sofa_lognormal_log_gain(-1e6, 0.3)));
    close_to(50, sofa_lognormal_gain(50, 2), 1, 1e-15);
    close_to(2, sofa_lognormal_gain(2, 1e-6), 1e-6 * sofa_normal_h(2), 1e-5); /* nears s h(u) */
}

#ifdef SOFA_HAVE_AVX2
#define ROW 52
static void both_instruction_sets_give_the_same_bits(void **state)
{
    const struct sofa_dense *both[2] = {&sofa_dense_ref, &sofa_dense_avx2};
    static double a[8 * ROW] __attribute__((aligned(64))), out[2][6][2 * ROW] __attribute__((aligned(64)));
    double x[8], scale[8], dot[2];
    gsl_rng *rng = sofa_rng_new(3, 0);

    (void)state;
    if (!__builtin_cpu_supports("avx2"))
        skip();
    for (size_t i = 0; i < 8 * ROW; i++)
        a[i] = gsl_rng_uniform(rng) - 0.5;
    for (size_t c = 0; c < 8; c++) {
        x[c] = gsl_rng_uniform(rng) - 0.5;
        scale[c] = exp(10 * gsl_rng_uniform(rng) - 5);
    }
    memset(out, 0, sizeof out);
    for (int v = 0; v < 2; v++) {
        both[v]->dots(a, ROW, a + 4 * ROW, ROW, 4, 48, out[v][0]);
        both[v]->distances(a, ROW, x, scale, 8, ROW - 1, out[v][1]);
        both[v]->matern(out[v][1], ROW, 1.3, out[v][2]);
        both[v]->matern_slope(out[v][1], ROW, a, out[v][3], out[v][4]);
        both[v]->combine(a, ROW, x, 8, ROW - 1, out[v][3]);
        both[v]->nudge(a, a + ROW, 0.1, 0.7, ROW, out[v][4] + ROW);
        both[v]->clip(a, a + 2 * ROW, ROW, x, 2, ROW, out[v][5]);
        both[v]->rows(a, ROW, a + 4 * ROW, 4, 48, out[v][5] + ROW);
        dot[v] = both[v]->dot(a, a + ROW, ROW);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_true(dot[0] == dot[1]);
    for (size_t k = 0; k < ROW; k++)
        close_to((double)k, out[0][5][k],
                 fmax(0, a[2 * ROW + k] - fmax(a[k], x[0])) * fmax(0, a[3 * ROW + k] - fmax(a[ROW + k], x[1])), 1e-15);
    for (size_t r = 0; r < 4; r++)
        assert_true(out[0][5][ROW + r] == out[0][0][4 * r]);
    assert_true(fabs(out[0][2][0]) > 0);
    gsl_rng_free(rng);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_and_log_agree_with_the_c_library),
        cmocka_unit_test(the_normal_distribution_agrees_with_erfc),
        cmocka_unit_test(log_h_holds_from_one_down_to_1e_minus_100_and_beyond),
        cmocka_unit_test(the_lognormal_gain_holds_from_one_down_to_1e_minus_100),
#ifdef SOFA_HAVE_AVX2
        cmocka_unit_test(both_instruction_sets_give_the_same_bits),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
