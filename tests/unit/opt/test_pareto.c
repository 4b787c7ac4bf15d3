#include "opt/pareto.h"

#include <math.h>

#include "base/rng.h"
#include "tests/unit/test.h"

static void fill(gsl_rng *rng, double *y, size_t n, int steps)
{
    for (size_t i = 0; i < n; i++)
        y[i] = steps ? floor(gsl_rng_uniform(rng) * steps) / steps : gsl_rng_uniform(rng);
}

static bool on_front_by_definition(const double *y, size_t n, size_t m, size_t i)
{
    for (size_t k = 0; k < n; k++)
        if (sofa_pareto_dominates(y + k * m, y + i * m, m) ||
            (k < i && memcmp(y + k * m, y + i * m, m * sizeof *y) == 0))
            return false;
    return true;
}

static void the_front_is_what_the_definition_says(void **state)
{
    gsl_rng *rng = sofa_rng_new(1, 0);
    double y[40 * 5];
    bool front[40];

    (void)state;
    for (size_t t = 0; t < 300; t++) {
        size_t m = 1 + t % 5, n = t % 41;

        fill(rng, y, n * m, t % 3 ? 0 : 4);
        assert_int_equal(sofa_pareto_front(y, n, m, front, NULL), SOFA_OK);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(front[i], on_front_by_definition(y, n, m, i));
    }
    gsl_rng_free(rng);
}

static void a_row_with_nan_is_never_on_the_front(void **state)
{
    const double y[] = {1, 2, NAN, 0, 2, 1};
    bool front[3];

    (void)state;
    assert_int_equal(sofa_pareto_front(y, 3, 2, front, NULL), SOFA_OK);
    assert_true(front[0] && !front[1] && front[2]);
}

/* The volume of a union of boxes by inclusion and exclusion over all subsets. */
static double by_inclusion_exclusion(const double *y, size_t n, size_t m, const double *reference)
{
    double volume = 0, box, worst;

    for (size_t set = 1; set < (size_t)1 << n; set++) {
        box = 1;
        for (size_t j = 0; j < m; j++) {
            worst = -INFINITY;
            for (size_t i = 0; i < n; i++)
                if (set >> i & 1)
                    worst = fmax(worst, y[i * m + j]);
            box *= fmax(0, reference[j] - worst);
        }
        volume += __builtin_popcountll(set) % 2 ? box : -box;
    }
    return volume;
}

static void the_hypervolume_of_few_rows_is_that_of_inclusion_and_exclusion(void **state)
{
    const double reference[] = {0.9, 0.95, 1, 0.9, 0.95, 1};
    gsl_rng *rng = sofa_rng_new(2, 0);
    double y[9 * 6], volume;

    (void)state;
    for (size_t t = 0; t < 240; t++) {
        size_t m = 1 + t % 6, n = t % 10;

        fill(rng, y, n * m, t % 4 ? 0 : 5);
        assert_int_equal(sofa_hypervolume(y, n, m, reference, &volume, NULL), SOFA_OK);
        assert_true(fabs(volume - by_inclusion_exclusion(y, n, m, reference)) < 1e-13);
    }
    gsl_rng_free(rng);
}

static void the_hypervolume_agrees_with_pagmo(void **state)
{
    char *path = test_source_file("tests/golden/opt/hypervolume.txt");
    FILE *f = fopen(path, "r");
    double y[60 * 6], reference[6], expected, volume;
    size_t m, n, cases = 0;

    (void)state;
    assert_non_null(f);
    while (fscanf(f, "%zu %zu %lf", &m, &n, &expected) == 3) {
        assert_true(m <= 6 && n <= 60);
        for (size_t j = 0; j < m; j++)
            assert_int_equal(fscanf(f, "%lf", &reference[j]), 1);
        for (size_t i = 0; i < n * m; i++)
            assert_int_equal(fscanf(f, "%lf", &y[i]), 1);
        assert_int_equal(sofa_hypervolume(y, n, m, reference, &volume, NULL), SOFA_OK);
        assert_true(fabs(volume - expected) <= 1e-12 * expected);
        cases++;
    }
    assert_int_equal(cases, 20);
    fclose(f);
    free(path);
}

static void seven_objectives_are_refused(void **state)
{
    struct sofa_err err = SOFA_ERR_INIT;
    double y[7] = {0}, volume;

    (void)state;
    assert_int_equal(sofa_hypervolume(y, 1, 7, y, &volume, &err), SOFA_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_front_is_what_the_definition_says),
        cmocka_unit_test(a_row_with_nan_is_never_on_the_front),
        cmocka_unit_test(the_hypervolume_of_few_rows_is_that_of_inclusion_and_exclusion),
        cmocka_unit_test(the_hypervolume_agrees_with_pagmo),
        cmocka_unit_test(seven_objectives_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
