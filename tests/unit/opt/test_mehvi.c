#include "opt/mehvi.h"

#include <math.h>

#include "base/rng.h"
#include "opt/pareto.h"
#include "opt/special.h"
#include "tests/unit/test.h"

#define M_MAX 4
#define POINTS 12

static const double reference[M_MAX] = {1, 1, 1, 1};

static void fill(gsl_rng *rng, double *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = gsl_rng_uniform(rng);
}

static void with_one_objective_uncertain_it_is_the_other_closed_form(void **state)
{
    gsl_rng *rng = sofa_rng_new(1, 0);
    struct sofa_mehvi all = SOFA_MEHVI_INIT;
    struct sofa_ehvi one = SOFA_EHVI_INIT;
    double y[POINTS * M_MAX], c[POINTS * M_MAX], b[POINTS], mu[M_MAX], sd[M_MAX];

    (void)state;
    for (size_t t = 0; t < 300; t++) {
        size_t m = 1 + t % M_MAX, n = t % (POINTS + 1);
        double spread = exp(-5 * gsl_rng_uniform(rng));

        fill(rng, y, n * m);
        fill(rng, mu, m);
        for (size_t j = 0; j < m; j++)
            sd[j] = j + 1 == m ? spread : 1e-12;
        mu[m - 1] += t % 4 == 0 ? 3 * (double)(t % 7) : 0; /* far tails too */
        for (size_t i = 0; i < n; i++) {
            memcpy(c + i * (m - 1), y + i * m, (m - 1) * sizeof *c);
            b[i] = y[i * m + m - 1];
        }
        assert_int_equal(sofa_mehvi_build(&all, m, reference, n, y, NULL), SOFA_OK);
        assert_int_equal(sofa_ehvi_build(&one, m - 1, reference, n, c, b, 1, false, NULL), SOFA_OK);
        {
            double value = sofa_mehvi_log(&all, mu, sd), expected = sofa_ehvi_log(&one, mu, mu[m - 1], spread);

            if (!(fabs(value - expected) < 1e-7 * (1 + fabs(expected))))
                fail_msg("case %zu, m %zu, n %zu: %.12g, not %.12g", t, m, n, value, expected);
        }
    }
    sofa_mehvi_release(&all);
    sofa_ehvi_release(&one);
    gsl_rng_free(rng);
}

static double gain(const double *y, size_t n, size_t m, const double *at)
{
    double rows[(POINTS + 1) * M_MAX], with, without;

    memcpy(rows, y, n * m * sizeof *rows);
    memcpy(rows + n * m, at, m * sizeof *rows);
    assert_int_equal(sofa_hypervolume(rows, n, m, reference, &without, NULL), SOFA_OK);
    assert_int_equal(sofa_hypervolume(rows, n + 1, m, reference, &with, NULL), SOFA_OK);
    return with - without;
}

/* The mean gain over a shifted rank-1 lattice of normal quantiles (Korobov, 16381 points). */
static double by_quasi_monte_carlo(const double *y, size_t n, size_t m, const double *mu, const double *sd)
{
    const size_t points = 16381, generator = 5693;
    const double shift[M_MAX] = {0.3141, 0.7182, 0.5772, 0.1414};
    double at[M_MAX], sum = 0;

    for (size_t i = 0; i < points; i++) {
        size_t z = i;

        for (size_t j = 0; j < m; j++, z = z * generator % points)
            at[j] = mu[j] + sd[j] * sofa_normal_quantile(fmod((double)z / (double)points + shift[j], 1));
        sum += gain(y, n, m, at);
    }
    return sum / (double)points;
}

static void it_agrees_with_quasi_monte_carlo(void **state)
{
    gsl_rng *rng = sofa_rng_new(2, 0);
    struct sofa_mehvi mehvi = SOFA_MEHVI_INIT;
    double y[POINTS * M_MAX], mu[M_MAX], sd[M_MAX], value, expected;

    (void)state;
    for (size_t t = 0; t < 24; t++) {
        size_t m = 2 + t % 3;

        fill(rng, y, POINTS * m);
        fill(rng, mu, m);
        for (size_t j = 0; j < m; j++)
            sd[j] = 0.1 + 0.3 * gsl_rng_uniform(rng);
        assert_int_equal(sofa_mehvi_build(&mehvi, m, reference, POINTS, y, NULL), SOFA_OK);
        value = exp(sofa_mehvi_log(&mehvi, mu, sd));
        expected = by_quasi_monte_carlo(y, POINTS, m, mu, sd);
        if (!(fabs(value - expected) < 0.02 * expected + 2e-5))
            fail_msg("case %zu, m %zu: %g, not %g", t, m, value, expected);
    }
    sofa_mehvi_release(&mehvi);
    gsl_rng_free(rng);
}

#define MANY 500

/* A front of so many points that it has to stand on a grid, and points a little or far beyond some of it. */
static void a_front_of_too_many_boxes_promises_no_more_than_there_is(void **state)
{
    static double y[(MANY + 1) * M_MAX];
    gsl_rng *rng = sofa_rng_new(3, 0);
    struct sofa_mehvi mehvi = SOFA_MEHVI_INIT;
    double sum, least = 1, most = 0, sd[M_MAX] = {1e-9, 1e-9, 1e-9, 1e-9}, before, after, share;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        sum = 0;
        for (size_t j = 0; j < M_MAX; j++) {
            y[i * M_MAX + j] = -log(1 - gsl_rng_uniform(rng));
            sum += pow(y[i * M_MAX + j], 2);
        }
        for (size_t j = 0; j < M_MAX; j++)
            y[i * M_MAX + j] /= sqrt(sum);
    }
    assert_int_equal(sofa_mehvi_build(&mehvi, M_MAX, reference, MANY, y, NULL), SOFA_OK);
    assert_true(mehvi.grid > 0 && mehvi.boxes <= SOFA_MEHVI_BOXES && mehvi.boxes > SOFA_MEHVI_BOXES / 8);
    assert_int_equal(sofa_hypervolume(y, MANY, M_MAX, reference, &before, NULL), SOFA_OK);
    for (size_t t = 0; t < 12; t++) {
        for (size_t j = 0; j < M_MAX; j++)
            y[MANY * M_MAX + j] = (t % 2 ? 0.7 : 0.98) * y[t * M_MAX + j];
        assert_int_equal(sofa_hypervolume(y, MANY + 1, M_MAX, reference, &after, NULL), SOFA_OK);
        share = exp(sofa_mehvi_log(&mehvi, y + MANY * M_MAX, sd)) / (after - before);
        most = share > most ? share : most;
        least = share < least && t % 2 ? share : least;
    }
    if (!(most < 1 + 1e-6 && least > 0.7))
        fail_msg("of the gain it promises %g to %g", least, most);
    assert_int_equal(sofa_mehvi_build(&mehvi, M_MAX, reference, 40, y, NULL), SOFA_OK); /* a smaller front is exact again */
    for (size_t t = 0; t < 12 && mehvi.grid > 0; t++)
        assert_int_equal(sofa_mehvi_build(&mehvi, M_MAX, reference, 40 - t, y, NULL), SOFA_OK);
    assert_int_equal(mehvi.grid, 0);
    sofa_mehvi_release(&mehvi);
    gsl_rng_free(rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_one_objective_uncertain_it_is_the_other_closed_form),
        cmocka_unit_test(a_front_of_too_many_boxes_promises_no_more_than_there_is),
        cmocka_unit_test(it_agrees_with_quasi_monte_carlo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
