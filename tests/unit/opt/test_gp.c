#include "opt/gp.h"

#include <gsl/gsl_errno.h>
#include <math.h>

#include "base/rng.h"
#include "tests/unit/test.h"

#define DIMS_MAX 8
#define POINTS_MAX 64
#define THETA_MAX 64

static void read_numbers(FILE *f, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(fscanf(f, "%lf", &out[i]), 1);
}

static void read_point(FILE *f, int *x, size_t dims)
{
    for (size_t j = 0; j < dims; j++)
        assert_int_equal(fscanf(f, "%d", &x[j]), 1);
}

static void read_dims(FILE *f, struct sofa_opt_dim *dim, size_t dims)
{
    for (size_t j = 0; j < dims; j++) {
        int unordered;

        dim[j] = (struct sofa_opt_dim){.corner = -1};
        assert_int_equal(
            fscanf(f, "%d %d %d %d", &dim[j].levels, &unordered, &dim[j].group, &dim[j].layer), 4);
        dim[j].unordered = unordered;
    }
}

static void close_to(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance * (1 + fabs(expected))))
        fail_msg("%.15g, not %.15g", value, expected);
}

/* One case of the golden; false at the end of the file. */
static bool check_case(FILE *f)
{
    size_t dims, n, tests, additive, gradients;
    struct sofa_opt_dim dim[DIMS_MAX];
    int x[POINTS_MAX * DIMS_MAX], probe[DIMS_MAX];
    const int *probes[1] = {probe};
    double z[POINTS_MAX], expected[THETA_MAX], gradient[THETA_MAX], value, mean, sd;
    struct sofa_gp *gp;

    if (fscanf(f, " case %zu %zu %zu %zu %zu", &dims, &n, &tests, &additive, &gradients) != 5)
        return false;
    assert_true(dims <= DIMS_MAX && n <= POINTS_MAX);
    read_dims(f, dim, dims);
    assert_int_equal(sofa_gp_new(dims, dim, additive, &gp, NULL), SOFA_OK);
    assert_true(sofa_gp_theta_count(gp) <= THETA_MAX);
    read_numbers(f, sofa_gp_theta(gp), sofa_gp_theta_count(gp));
    for (size_t i = 0; i < n; i++) {
        read_point(f, x + i * dims, dims);
        read_numbers(f, &z[i], 1);
    }
    assert_int_equal(sofa_gp_data(gp, n, x, z, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_evidence(gp, sofa_gp_theta(gp), &value, gradient, NULL), SOFA_OK);
    read_numbers(f, expected, 1 + gradients);
    close_to(value, expected[0], 1e-9);
    for (size_t i = 0; i < gradients; i++)
        close_to(gradient[i], expected[1 + i], 1e-7);
    assert_int_equal(sofa_gp_condition(gp, 0, NULL, 1, NULL, NULL), SOFA_OK);
    for (size_t i = 0; i < tests; i++) {
        read_point(f, probe, dims);
        read_numbers(f, expected, 2);
        sofa_gp_predict(gp, 1, probes, &mean, &sd);
        close_to(mean, expected[0], 1e-8);
        close_to(sd, expected[1], 1e-6);
    }
    sofa_gp_free(gp);
    return true;
}

static void evidence_gradient_and_posterior_are_those_of_scikit_learn(void **state)
{
    char *path = test_source_file("tests/golden/opt/gp.txt");
    FILE *f = fopen(path, "r");
    size_t cases = 0;

    (void)state;
    assert_non_null(f);
    while (check_case(f))
        cases++;
    assert_int_equal(cases, 5);
    fclose(f);
    free(path);
}

/* Two layers of two dimensions, one global, one with names. */
static const struct sofa_opt_dim mixed[6] = {
    {.levels = 10, .group = 0, .layer = 0, .corner = -1}, {.levels = 16, .group = 1, .layer = 0, .corner = -1},
    {.levels = 10, .group = 0, .layer = 1, .corner = -1}, {.levels = 16, .group = 1, .layer = 1, .corner = -1},
    {.levels = 7, .group = 2, .layer = -1, .corner = -1},
    {.levels = 3, .unordered = true, .group = 3, .layer = -1, .corner = -1},
};

static void random_data(gsl_rng *rng, size_t n, int *x, double *z)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;

        for (size_t j = 0; j < 6; j++) {
            x[i * 6 + j] = (int)sofa_rng_below(rng, (size_t)mixed[j].levels);
            sum += x[i * 6 + j] / (double)mixed[j].levels;
        }
        z[i] = exp(-sum) + 0.05 * gsl_rng_uniform(rng);
    }
}

static struct sofa_gp *new_gp(bool additive)
{
    struct sofa_gp *gp;

    assert_int_equal(sofa_gp_new(6, mixed, additive, &gp, NULL), SOFA_OK);
    return gp;
}

static double posterior_at(struct sofa_gp *gp, const double *theta)
{
    double value;

    assert_int_equal(sofa_gp_evidence(gp, theta, &value, NULL, NULL), SOFA_OK);
    return value + sofa_gp_log_prior(gp, theta, NULL);
}

static void the_gradient_is_that_of_finite_differences(void **state)
{
    gsl_rng *rng = sofa_rng_new(11, 0);
    int x[41 * 6];
    double z[41], theta[THETA_MAX], gradient[THETA_MAX], value, step = 1e-5, up, down;
    char name[32];

    (void)state;
    random_data(rng, 41, x, z);
    for (int additive = 0; additive < 2; additive++)
        for (int t = 0; t < 4; t++) {
            struct sofa_gp *gp = new_gp(additive);
            size_t count = sofa_gp_theta_count(gp);

            assert_int_equal(sofa_gp_data(gp, 41, x, z, NULL), SOFA_OK);
            sofa_gp_prior_mode(gp, theta);
            for (size_t i = 0; i < count; i++)
                theta[i] = 0.7 * theta[i] + 1.2 * (gsl_rng_uniform(rng) - 0.5);
            assert_int_equal(sofa_gp_evidence(gp, theta, &value, gradient, NULL), SOFA_OK);
            sofa_gp_log_prior(gp, theta, gradient);
            for (size_t i = 0; i < count; i++) {
                double middle = theta[i], numeric;

                theta[i] = middle + step;
                up = posterior_at(gp, theta);
                theta[i] = middle - step;
                down = posterior_at(gp, theta);
                theta[i] = middle;
                numeric = (up - down) / (2 * step);
                sofa_gp_theta_name(gp, i, name, sizeof name);
                if (fabs(gradient[i] - numeric) > 2e-5 * (1 + fabs(numeric)))
                    fail_msg("%s: %.9g, not %.9g", name, gradient[i], numeric);
            }
            sofa_gp_free(gp);
        }
    gsl_rng_free(rng);
}

static void a_fit_climbs_and_recovers_the_function(void **state)
{
    gsl_rng *rng = sofa_rng_new(12, 0);
    int x[120 * 6];
    double z[120], start, fitted, mean, sd, error = 0;
    const int *probe[1];
    struct sofa_gp *gp = new_gp(false);

    (void)state;
    random_data(rng, 120, x, z);
    assert_int_equal(sofa_gp_data(gp, 100, x, z, NULL), SOFA_OK);
    start = posterior_at(gp, sofa_gp_theta(gp));
    assert_int_equal(sofa_gp_fit(gp, SOFA_GP_FROM_LAST | SOFA_GP_FROM_MODE | SOFA_GP_FROM_SHORT, 60, &fitted, NULL),
                     SOFA_OK);
    assert_true(fitted > start + 5);
    close_to(posterior_at(gp, sofa_gp_theta(gp)), fitted, 1e-12);
    assert_int_equal(sofa_gp_condition(gp, 0, NULL, 1, NULL, NULL), SOFA_OK);
    for (size_t i = 100; i < 120; i++) {
        probe[0] = x + i * 6;
        sofa_gp_predict(gp, 1, probe, &mean, &sd);
        error += fabs(mean - z[i]) / 20;
        assert_true(sd > 0 && sd < 0.2);
    }
    assert_true(error < 0.025); /* the noise alone is 0.0125 on average */
    sofa_gp_free(gp);
    gsl_rng_free(rng);
}

static void appended_points_give_the_bits_of_a_new_factor(void **state)
{
    gsl_rng *rng = sofa_rng_new(13, 0);
    int x[50 * 6];
    double z[50], mean[2], sd[2];
    const int *probe[1] = {x + 49 * 6};

    (void)state;
    random_data(rng, 50, x, z);
    for (int way = 0; way < 2; way++) {
        struct sofa_gp *gp = new_gp(true);

        for (size_t n = way ? 45 : 21; n <= 45; n++) {
            assert_int_equal(sofa_gp_data(gp, n, x, z, NULL), SOFA_OK);
            assert_int_equal(sofa_gp_condition(gp, 3, x + 45 * 6, 1, NULL, NULL), SOFA_OK);
        }
        sofa_gp_predict(gp, 1, probe, &mean[way], &sd[way]);
        sofa_gp_free(gp);
    }
    assert_true(mean[0] == mean[1] && sd[0] == sd[1]);
    gsl_rng_free(rng);
}

static void neighbours_of_a_base_are_predicted_as_any_point(void **state)
{
    gsl_rng *rng = sofa_rng_new(15, 0);
    int x[30 * 6], near[6];
    double z[30], mean[2], sd[2], bound;
    const int *probe[1] = {near};
    size_t slot;

    (void)state;
    random_data(rng, 30, x, z);
    for (int additive = 0; additive < 2; additive++) {
        struct sofa_gp *gp = new_gp(additive);

        assert_int_equal(sofa_gp_data(gp, 29, x, z, NULL), SOFA_OK);
        assert_int_equal(sofa_gp_condition(gp, 0, NULL, 1, NULL, NULL), SOFA_OK);
        assert_int_equal(sofa_gp_set_base(gp, x + 29 * 6, 16, NULL), SOFA_OK);
        for (size_t j = 0; j < 6; j++)
            for (int l = 0; l < mixed[j].levels; l++) {
                memcpy(near, x + 29 * 6, sizeof near);
                near[j] = l;
                sofa_gp_predict(gp, 1, probe, &mean[0], &sd[0]);
                slot = (size_t)l;
                sofa_gp_near(gp, slot, near, &mean[1], &bound);
                sofa_gp_near_deviations(gp, 1, &slot, &sd[1]);
                close_to(mean[1], mean[0], 1e-9);
                assert_true(bound >= sd[0] * (1 - 1e-6));
                if (l == x[29 * 6 + j])
                    close_to(bound, sd[0], 1e-6);
                close_to(sd[1], sd[0], 1e-6);
            }
        sofa_gp_free(gp);
    }
    gsl_rng_free(rng);
}

/* By how much the bounds at all neighbours of a base exceed the deviations; `settled`: which are asked for. */
static double sum_of_gaps(struct sofa_gp *gp, const int *base, bool settled)
{
    const size_t slot = 0;
    double sum = 0, mean, sd, bound;
    int near[6];
    const int *probe[1] = {near};

    assert_int_equal(sofa_gp_set_base(gp, base, 1, NULL), SOFA_OK);
    for (size_t j = 0; j < 6; j++)
        for (int l = 0; l < mixed[j].levels; l++) {
            memcpy(near, base, sizeof near);
            near[j] = l;
            sofa_gp_predict(gp, 1, probe, &mean, &sd);
            sofa_gp_near(gp, slot, near, &mean, &bound);
            assert_true(bound >= sd * (1 - 1e-6));
            sum += bound - sd;
            if (settled)
                sofa_gp_near_deviations(gp, 1, &slot, &sd);
        }
    return sum;
}

static void a_step_once_known_tightens_the_bounds_of_its_dimension(void **state)
{
    gsl_rng *rng = sofa_rng_new(17, 0);
    struct sofa_gp *gp = new_gp(true);
    double z[40], known, unknown;
    int x[40 * 6];

    (void)state;
    random_data(rng, 40, x, z);
    assert_int_equal(sofa_gp_data(gp, 38, x, z, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_condition(gp, 0, NULL, 1, NULL, NULL), SOFA_OK);
    unknown = sum_of_gaps(gp, x + 39 * 6, false);
    sum_of_gaps(gp, x + 38 * 6, true); /* another base: its steps serve */
    known = sum_of_gaps(gp, x + 39 * 6, false);
    assert_true(known < 0.1 * unknown);
    assert_int_equal(sofa_gp_condition(gp, 0, NULL, 1, NULL, NULL), SOFA_OK);
    assert_true(sum_of_gaps(gp, x + 39 * 6, false) == unknown); /* with the factor they are forgotten */
    sofa_gp_free(gp);
    gsl_rng_free(rng);
}

/* The additive part comes from tables where a layer has few combinations, else point by point. */
static void a_layer_of_many_levels_is_predicted_without_a_table(void **state)
{
    struct sofa_opt_dim fine[4] = {{.levels = 10, .group = 0, .layer = 0, .corner = -1},
                                   {.levels = 16, .group = 1, .layer = 0, .corner = -1},
                                   {.levels = 10, .group = 0, .layer = 1, .corner = -1},
                                   {.levels = 27, .group = 1, .layer = 1, .corner = -1}};
    double coord[2][27], z[40], mean[2], sd[2];
    gsl_rng *rng = sofa_rng_new(16, 0);
    int x[40 * 4], probe[4];
    const int *probes[1] = {probe};
    struct sofa_gp *gp[2];

    (void)state;
    for (int i = 0; i < 40; i++) {
        for (int j = 0; j < 4; j++)
            x[i * 4 + j] = (int)sofa_rng_below(rng, j % 2 ? 16 : 10);
        z[i] = sin(0.4 * x[i * 4]) + 0.1 * x[i * 4 + 3] + 0.02 * x[i * 4 + 1] * x[i * 4 + 2];
    }
    for (int l = 0; l < 27; l++) { /* the same places for the 16 levels in use */
        coord[0][l] = l / 30.0;
        coord[1][l] = l / 30.0;
    }
    fine[3].coord = coord[0];
    assert_int_equal(sofa_gp_new(4, fine, true, &gp[0], NULL), SOFA_OK);
    fine[3].levels = 16;
    assert_int_equal(sofa_gp_new(4, fine, true, &gp[1], NULL), SOFA_OK);
    for (int k = 0; k < 2; k++) {
        fine[3].levels = k ? 16 : 27;
        sofa_gp_theta(gp[k])[0] = 0.3;
        assert_int_equal(sofa_gp_data(gp[k], 40, x, z, NULL), SOFA_OK);
        assert_int_equal(sofa_gp_condition(gp[k], 0, NULL, 1, NULL, NULL), SOFA_OK);
    }
    for (int i = 0; i < 20; i++) {
        for (int j = 0; j < 4; j++)
            probe[j] = (int)sofa_rng_below(rng, j % 2 ? 16 : 10);
        for (int k = 0; k < 2; k++)
            sofa_gp_predict(gp[k], 1, probes, &mean[k], &sd[k]);
        assert_true(mean[0] == mean[1]);
        assert_true(sd[0] == sd[1]);
    }
    sofa_gp_free(gp[0]);
    sofa_gp_free(gp[1]);
    gsl_rng_free(rng);
}

static void a_pending_point_believes_the_mean_and_narrows_its_place(void **state)
{
    gsl_rng *rng = sofa_rng_new(14, 0);
    int x[30 * 6];
    double z[30], mean[3], sd, pending_mean, before;
    const double e[3] = {0, 1, -1};
    const int *probe[1] = {x + 29 * 6};
    struct sofa_gp *gp = new_gp(false);

    (void)state;
    random_data(rng, 30, x, z);
    assert_int_equal(sofa_gp_data(gp, 29, x, z, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_condition(gp, 0, NULL, 1, NULL, NULL), SOFA_OK);
    sofa_gp_predict(gp, 1, probe, &pending_mean, &before);
    assert_int_equal(sofa_gp_condition(gp, 1, probe[0], 3, e, NULL), SOFA_OK);
    close_to(sofa_gp_pending(gp, 0, 0), pending_mean, 1e-10);
    close_to(sofa_gp_pending(gp, 1, 0) + sofa_gp_pending(gp, 2, 0), 2 * pending_mean, 1e-10);
    assert_true(sofa_gp_pending(gp, 1, 0) - pending_mean >= before);
    sofa_gp_predict(gp, 1, probe, mean, &sd);
    close_to(mean[0], pending_mean, 1e-6);
    assert_true(mean[1] > mean[0] && mean[0] > mean[2]);
    assert_true(sd < 0.7 * before);
    sofa_gp_free(gp);
    gsl_rng_free(rng);
}

static void one_point_equal_points_and_constants_are_taken(void **state)
{
    int x[8 * 6] = {0};
    double z[8] = {3, 3, 3, 3, 3, 3, 3, 3}, posterior, mean, sd;
    const int *probe[1] = {x};

    (void)state;
    for (size_t n = 1; n <= 8; n++) {
        struct sofa_gp *gp = new_gp(false);

        assert_int_equal(sofa_gp_data(gp, n, x, z, NULL), SOFA_OK);
        assert_int_equal(sofa_gp_fit(gp, SOFA_GP_FROM_MODE | SOFA_GP_FROM_SHORT, 30, &posterior, NULL), SOFA_OK);
        assert_int_equal(sofa_gp_condition(gp, 0, NULL, 1, NULL, NULL), SOFA_OK);
        sofa_gp_predict(gp, 1, probe, &mean, &sd);
        close_to(mean, 3, 1e-6);
        assert_true(isfinite(sd) && sd > 0);
        sofa_gp_free(gp);
    }
}

static void a_space_of_one_point_is_a_process_without_columns(void **state)
{
    const struct sofa_opt_dim dim = {.levels = 1, .layer = -1, .corner = -1};
    const int x[2] = {0, 0};
    const double z[2] = {1, 2};
    const int *probe[1] = {x};
    double posterior, mean, sd;
    struct sofa_gp *gp;

    (void)state;
    assert_int_equal(sofa_gp_new(1, &dim, true, &gp, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_data(gp, 2, x, z, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_fit(gp, SOFA_GP_FROM_MODE, 30, &posterior, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_condition(gp, 0, NULL, 1, NULL, NULL), SOFA_OK);
    sofa_gp_predict(gp, 1, probe, &mean, &sd);
    close_to(mean, 1.5, 1e-6);
    sofa_gp_free(gp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence_gradient_and_posterior_are_those_of_scikit_learn),
        cmocka_unit_test(the_gradient_is_that_of_finite_differences),
        cmocka_unit_test(a_fit_climbs_and_recovers_the_function),
        cmocka_unit_test(appended_points_give_the_bits_of_a_new_factor),
        cmocka_unit_test(neighbours_of_a_base_are_predicted_as_any_point),
        cmocka_unit_test(a_step_once_known_tightens_the_bounds_of_its_dimension),
        cmocka_unit_test(a_layer_of_many_levels_is_predicted_without_a_table),
        cmocka_unit_test(a_pending_point_believes_the_mean_and_narrows_its_place),
        cmocka_unit_test(one_point_equal_points_and_constants_are_taken),
        cmocka_unit_test(a_space_of_one_point_is_a_process_without_columns),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
