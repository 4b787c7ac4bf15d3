#include "opt/ehvi.h"

#include <math.h>

#include "base/rng.h"
#include "opt/pareto.h"
#include "tests/unit/test.h"

#define Q_MAX 4
#define POINTS_MAX 16

struct scene {
    size_t q, n;
    bool logarithm; /* b and last are logarithms, and the volume is that of what they are the logarithms of */
    double c[POINTS_MAX * Q_MAX], b[POINTS_MAX], reference[Q_MAX + 1], last;
    double probe[Q_MAX];
};

static void set_scene(gsl_rng *rng, struct scene *scene, size_t q, size_t n)
{
    scene->q = q;
    scene->n = n;
    scene->logarithm = false;
    for (size_t i = 0; i < n * q; i++) /* coarse: ties and equal rows */
        scene->c[i] = n % 3 ? gsl_rng_uniform(rng) : floor(5 * gsl_rng_uniform(rng)) / 5;
    for (size_t i = 0; i < n; i++)
        scene->b[i] = gsl_rng_uniform(rng);
    for (size_t j = 0; j <= q; j++)
        scene->reference[j] = 0.9;
    scene->last = 0.9;
    scene->reference[q] = scene->last;
    for (size_t j = 0; j < q; j++)
        scene->probe[j] = 0.8 * gsl_rng_uniform(rng);
}

static double measured(const struct scene *scene, double y)
{
    return scene->logarithm ? exp(y) : y;
}

static void build(struct sofa_ehvi *ehvi, const struct scene *scene)
{
    assert_int_equal(sofa_ehvi_build(ehvi, scene->q, scene->reference, scene->n, scene->c, scene->b, scene->last,
                                     scene->logarithm, NULL),
                     SOFA_OK);
}

/* The volume that (probe, y) adds, as the difference of two hypervolumes. */
static double gain(const struct scene *scene, double y)
{
    double rows[(POINTS_MAX + 1) * (Q_MAX + 1)], reference[Q_MAX + 1], with, without;
    size_t m = scene->q + 1;

    memcpy(reference, scene->reference, sizeof reference);
    reference[scene->q] = measured(scene, scene->last);
    for (size_t i = 0; i < scene->n; i++) {
        memcpy(rows + i * m, scene->c + i * scene->q, scene->q * sizeof *rows);
        rows[i * m + scene->q] = measured(scene, scene->b[i]);
    }
    memcpy(rows + scene->n * m, scene->probe, scene->q * sizeof *rows);
    rows[scene->n * m + scene->q] = measured(scene, y);
    assert_int_equal(sofa_hypervolume(rows, scene->n, m, reference, &without, NULL), SOFA_OK);
    assert_int_equal(sofa_hypervolume(rows, scene->n + 1, m, reference, &with, NULL), SOFA_OK);
    return with - without;
}

static int compare_doubles(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* The expectation over y by Simpson's rule between the kinks of the gain, which is linear there (in exp(y) where y
 * is a logarithm), up to `top`, the lowest kink where it is 0.  The density is taken relative to its largest value below `top`,
 * so that far tails do not underflow. */
static double log_expected_gain(const struct scene *scene, double mu, double sd)
{
    double kinks[POINTS_MAX + 2], sum = 0, top = scene->last, at, low;
    size_t kink_count = 0;
    const int steps = 1000;

    for (size_t i = 0; i < scene->n; i++)
        if (scene->b[i] < top && gain(scene, scene->b[i]) < 1e-12)
            top = scene->b[i];
    at = mu < top ? mu : top;
    low = mu < top ? mu - 12 * sd : top - 60 * sd * sd / (3 * sd + mu - top);
    kinks[kink_count++] = low;
    for (size_t i = 0; i < scene->n; i++)
        if (scene->b[i] > low && scene->b[i] < top)
            kinks[kink_count++] = scene->b[i];
    kinks[kink_count++] = top;
    qsort(kinks, kink_count, sizeof *kinks, compare_doubles);
    for (size_t k = 0; k + 1 < kink_count; k++) {
        double h = (kinks[k + 1] - kinks[k]) / steps;
        double left = gain(scene, kinks[k]), right = kinks[k + 1] < top ? gain(scene, kinks[k + 1]) : 0;
        double begin = measured(scene, kinks[k]), length = measured(scene, kinks[k + 1]) - begin;

        for (int i = 0; i <= steps; i++) {
            double y = kinks[k] + i * h, u = (y - mu) / sd, u0 = (at - mu) / sd;

            sum += (i == 0 || i == steps ? 1 : i % 2 ? 4 : 2) * h / 3 * exp(0.5 * (u0 - u) * (u0 + u)) *
                   (left + (right - left) * (length > 0 ? (measured(scene, y) - begin) / length : 0));
        }
    }
    return log(sum / sd) - 0.918938533204672742 - 0.5 * (at - mu) / sd * ((at - mu) / sd);
}

static void the_closed_form_is_the_expected_gain_in_hypervolume(void **state)
{
    gsl_rng *rng = sofa_rng_new(5, 0);
    struct sofa_ehvi ehvi = SOFA_EHVI_INIT;
    struct scene scene;

    (void)state;
    for (size_t t = 0; t < 800; t++) {
        double mu = 0.1 + gsl_rng_uniform(rng), sd = exp(-4 * gsl_rng_uniform(rng)), value, expected;

        set_scene(rng, &scene, t % (Q_MAX + 1), t % (POINTS_MAX + 1));
        scene.logarithm = t >= 400;
        build(&ehvi, &scene);
        value = sofa_ehvi_log(&ehvi, scene.probe, mu, sd);
        expected = log_expected_gain(&scene, mu, sd);
        if (!(fabs(value - expected) < 1e-5 * (1 + fabs(expected))))
            fail_msg("case %zu, q %zu, n %zu: %.12g, not %.12g", t, scene.q, scene.n, value, expected);
    }
    sofa_ehvi_release(&ehvi);
    gsl_rng_free(rng);
}

static void it_holds_far_in_the_tail(void **state)
{
    gsl_rng *rng = sofa_rng_new(6, 0);
    struct sofa_ehvi ehvi = SOFA_EHVI_INIT;
    struct scene scene;
    double value, expected, least[2] = {0};

    (void)state;
    for (size_t t = 0; t < 200; t++) {
        double sd = 0.05, mu = 0.9 + 0.02 * (double)(t % 100); /* up to 38 deviations above the limit */

        set_scene(rng, &scene, 1 + t % Q_MAX, 8);
        scene.logarithm = t >= 100;
        build(&ehvi, &scene);
        value = sofa_ehvi_log(&ehvi, scene.probe, mu, sd);
        expected = log_expected_gain(&scene, mu, sd);
        if (!(fabs(value - expected) < 1e-4 * (1 + fabs(expected))))
            fail_msg("case %zu: %.12g, not %.12g", t, value, expected);
        least[scene.logarithm] = fmin(value, least[scene.logarithm]);
    }
    assert_true(fmax(least[0], least[1]) < -100 * 2.302585); /* below 1e-100 */
    sofa_ehvi_release(&ehvi);
    gsl_rng_free(rng);
}

static void the_bound_holds_for_every_smaller_deviation(void **state)
{
    gsl_rng *rng = sofa_rng_new(8, 0);
    struct sofa_ehvi ehvi = SOFA_EHVI_INIT;
    struct scene scene;

    (void)state;
    for (size_t t = 0; t < 400; t++) {
        double mu = -1 + 3 * gsl_rng_uniform(rng), sd = exp(1 - 6 * gsl_rng_uniform(rng)), bound;

        set_scene(rng, &scene, 1 + t % Q_MAX, t % (POINTS_MAX + 1));
        scene.logarithm = t % 2;
        build(&ehvi, &scene);
        bound = sofa_ehvi_log_bound(&ehvi, scene.probe, mu, sd);
        for (double share = 1; share > 1e-3; share *= 0.7)
            if (!(sofa_ehvi_log(&ehvi, scene.probe, mu, share * sd) <= bound + 1e-9))
                fail_msg("case %zu, mu %g, sd %g of %g: %.12g, above %.12g", t, mu, share * sd, sd,
                         sofa_ehvi_log(&ehvi, scene.probe, mu, share * sd), bound);
    }
    sofa_ehvi_release(&ehvi);
    gsl_rng_free(rng);
}

static void without_an_uncertain_objective_it_is_the_volume_not_dominated(void **state)
{
    gsl_rng *rng = sofa_rng_new(7, 0);
    struct sofa_ehvi ehvi = SOFA_EHVI_INIT;
    struct scene scene;
    double rows[(POINTS_MAX + 1) * Q_MAX], with, without;

    (void)state;
    for (size_t t = 0; t < 200; t++) {
        size_t q = 1 + t % Q_MAX, n = t % 7;

        set_scene(rng, &scene, q, n);
        memcpy(rows, scene.c, n * q * sizeof *rows);
        memcpy(rows + n * q, scene.probe, q * sizeof *rows);
        assert_int_equal(sofa_hypervolume(rows, n, q, scene.reference, &without, NULL), SOFA_OK);
        assert_int_equal(sofa_hypervolume(rows, n + 1, q, scene.reference, &with, NULL), SOFA_OK);
        assert_int_equal(sofa_ehvi_build(&ehvi, q, scene.reference, n, scene.c, NULL, 0, false, NULL), SOFA_OK);
        if (!(fabs(exp(sofa_ehvi_log_volume(&ehvi, scene.probe)) - (with - without)) < 1e-12))
            fail_msg("case %zu: %g, not %g", t, exp(sofa_ehvi_log_volume(&ehvi, scene.probe)), with - without);
    }
    sofa_ehvi_release(&ehvi);
    gsl_rng_free(rng);
}

static void a_point_beyond_the_reference_has_nothing_to_gain(void **state)
{
    struct sofa_ehvi ehvi = SOFA_EHVI_INIT;
    const double reference[2] = {1, 1}, inside[2] = {0.5, 0.9}, outside[2] = {0.1, 1};

    (void)state;
    assert_int_equal(sofa_ehvi_build(&ehvi, 2, reference, 0, NULL, NULL, 1, false, NULL), SOFA_OK);
    assert_true(sofa_ehvi_log(&ehvi, inside, 0, 1) > -10);
    assert_true(sofa_ehvi_log(&ehvi, outside, 0, 1) == -INFINITY);
    assert_true(sofa_ehvi_log_volume(&ehvi, outside) == -INFINITY);
    sofa_ehvi_release(&ehvi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_closed_form_is_the_expected_gain_in_hypervolume),
        cmocka_unit_test(it_holds_far_in_the_tail),
        cmocka_unit_test(the_bound_holds_for_every_smaller_deviation),
        cmocka_unit_test(without_an_uncertain_objective_it_is_the_volume_not_dominated),
        cmocka_unit_test(a_point_beyond_the_reference_has_nothing_to_gain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
