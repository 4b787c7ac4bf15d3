#include <math.h>

#include "opt/optimizer.h"
#include "opt/pareto.h"
#include "opt/signals.h"
#include "tests/unit/test.h"

/* Four layers of a ratio and a tile count; a layer's signal hangs on its own two. */
#define LAYERS 4
#include "tests/unit/opt/layers.h"

static const double weight[LAYERS] = {0.02, 0.2, 0.1, 0.4};

static double signal_of(int layer, const int *x)
{
    int ratio = x[2 * layer], tiles = x[2 * layer + 1];
    double dip = (ratio * 5 + tiles * 3 + layer) % 7 == 0 ? 0.6 : 1;

    return (0.1 + 0.1 * layer) * exp(-0.4 * ratio + 0.15 * tiles) * dip;
}

/* A weighted sum of the signals, and a little more. */
static double loss_of(const int *x, double *signal)
{
    double sum = 0.01 + 0.0005 * sin(3.0 * x[0] + x[5]);

    for (int l = 0; l < LAYERS; l++)
        sum += weight[l] * (signal[l] = signal_of(l, x));
    return sum;
}

static struct sofa_opt_problem new_problem(uint64_t seed, size_t budget)
{
    set_dims();
    return (struct sofa_opt_problem){.dims = DIMS,
                                     .dim = dims,
                                     .objectives = 3,
                                     .uncertain = 0,
                                     .limit = 0.2,
                                     .uncertain_is_objective = true,
                                     .reference = {0.2, 40, 7},
                                     .cheap = cheap,
                                     .parts = LAYERS,
                                     .parts_are_signals = true,
                                     .seed = seed,
                                     .budget = budget};
}

static void point(size_t i, int *x)
{
    for (size_t j = 0; j < DIMS; j++)
        x[j] = (int)((i * (j * j + 3 * j + 7) + i * i * (j + 1) + j) % (size_t)dims[j].levels);
}

static struct sofa_signals *told(const struct sofa_opt_problem *problem, size_t n, double (*loss)(const int *, double *))
{
    struct sofa_signals *signals;
    double signal[LAYERS], y;
    int x[DIMS];

    assert_int_equal(sofa_signals_new(problem, &signals, NULL), SOFA_OK);
    for (size_t i = 0; i < n; i++) {
        point(i, x);
        y = loss(x, signal);
        assert_int_equal(sofa_signals_add(signals, x, signal, y, NULL), SOFA_OK);
    }
    assert_int_equal(sofa_signals_learn(signals, NULL), SOFA_OK);
    return signals;
}

/* Each layer as it stood in another result. */
static void mix(size_t n, int *x)
{
    int from[DIMS];

    for (size_t l = 0; l < LAYERS; l++) {
        point((3 * l + 1) % n, from);
        memcpy(x + 2 * l, from + 2 * l, 2 * sizeof *x);
    }
    x[2 * LAYERS] = 0;
}

static void what_the_layers_weigh_is_learnt(void **state)
{
    struct sofa_opt_problem problem = new_problem(1, 40);
    struct sofa_signals *signals = told(&problem, 24, loss_of);
    double none[LAYERS] = {0}, one[LAYERS] = {0}, base = sofa_signals_trend(signals, none);

    (void)state;
    for (int l = 0; l < LAYERS; l++) {
        one[l] = 1;
        assert_true(fabs(sofa_signals_trend(signals, one) - base - weight[l]) < 0.02);
        one[l] = 0;
    }
    assert_true(fabs(base - 0.01) < 0.001);
    sofa_signals_free(signals);
}

static void settings_that_were_told_are_known_in_any_company(void **state)
{
    struct sofa_opt_problem problem = new_problem(1, 40);
    struct sofa_signals *signals = told(&problem, 24, loss_of);
    double signal[LAYERS], mean, known, unknown;
    int x[DIMS];

    (void)state;
    mix(24, x);
    sofa_signals_predict(signals, x, &mean, &known);
    assert_true(fabs(mean - loss_of(x, signal)) < 0.002);
    assert_true(known > 0 && sqrt(known) < 0.002);
    x[6] = 0; /* a layer at a setting that wasn't told, with a large signal */
    x[7] = 7;
    sofa_signals_predict(signals, x, &mean, &unknown);
    assert_true(unknown > 4 * known);
    sofa_signals_free(signals);
}

static double unrelated(const int *x, double *signal)
{
    loss_of(x, signal);
    return 0.05 + 0.02 * sin(7.0 * x[8] + 11 * x[3]);
}

static void signals_that_tell_nothing_weigh_little(void **state)
{
    struct sofa_opt_problem problem = new_problem(1, 40);
    struct sofa_signals *signals = told(&problem, 24, unrelated);
    double mean, variance, sum = 0;
    int x[DIMS];

    (void)state;
    for (size_t i = 0; i < 24; i++) {
        point(i, x);
        sofa_signals_predict(signals, x, &mean, &variance);
        sum += (mean - 0.05) * (mean - 0.05) / 24;
    }
    assert_true(sqrt(sum) < 0.012); /* the objective's own deviation is 0.014 */
    sofa_signals_free(signals);
}

static double constant(const int *x, double *signal)
{
    (void)x;
    for (int l = 0; l < LAYERS; l++)
        signal[l] = 0;
    return 0.25;
}

static void one_result_and_constant_ones_are_enough_to_say_something(void **state)
{
    struct sofa_opt_problem problem = new_problem(1, 40);
    double mean, variance;
    int x[DIMS];

    (void)state;
    for (size_t n = 1; n <= 5; n += 4)
        for (int k = 0; k < 2; k++) {
            struct sofa_signals *signals = told(&problem, n, k ? constant : loss_of);

            point(7, x);
            sofa_signals_predict(signals, x, &mean, &variance);
            assert_true(isfinite(mean) && isfinite(variance) && variance >= 0);
            if (k)
                assert_true(fabs(mean - 0.25) < 1e-12);
            sofa_signals_free(signals);
        }
}

/* The hypervolume after the problem's budget; signals are told from the `from`th result on. */
static double reached(const struct sofa_opt_problem *problem, size_t from, char *state)
{
    double y[80 * 3], signal[LAYERS], volume;
    struct sofa_opt_cheap exact;
    struct sofa_optimizer *o;
    size_t n = 0;
    int x[DIMS];

    assert_int_equal(sofa_optimizer_new("bayesian", problem, &o, NULL), SOFA_OK);
    for (size_t t = 0; t < problem->budget; t++) {
        enum sofa_opt_status status;

        assert_int_equal(sofa_optimizer_ask(o, x, NULL), SOFA_OK);
        cheap(NULL, x, &exact);
        memcpy(y + 3 * n, exact.y, 3 * sizeof *y);
        y[3 * n] = loss_of(x, signal);
        status = y[3 * n] <= problem->limit ? SOFA_OPT_DONE : SOFA_OPT_INFEASIBLE;
        assert_int_equal(sofa_optimizer_tell_parts(o, x, y + 3 * n, t >= from ? signal : NULL, status, NULL), SOFA_OK);
        n += status == SOFA_OPT_DONE;
    }
    snprintf(state, 128, "%s", sofa_optimizer_state(o));
    assert_int_equal(sofa_hypervolume(y, n, 3, problem->reference, &volume, NULL), SOFA_OK);
    sofa_optimizer_free(o);
    return volume;
}

static void a_search_that_is_told_signals_gets_further(void **state)
{
    double with = 0, without = 0;
    char text[128];

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sofa_opt_problem problem = new_problem(seed, 30);

        with += reached(&problem, 0, text);
        assert_non_null(strstr(text, "beside signals"));
        problem.without = SOFA_OPT_WITHOUT_PARTS;
        without += reached(&problem, 0, text);
        assert_null(strstr(text, "beside signals"));
    }
    if (!(with > 1.02 * without))
        fail_msg("%g, without %g", with, without);
}

static void results_without_signals_end_their_use(void **state)
{
    struct sofa_opt_problem problem = new_problem(2, 25);
    char text[128];

    (void)state;
    assert_true(reached(&problem, 5, text) > 0);
    assert_null(strstr(text, "beside signals"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_layers_weigh_is_learnt),
        cmocka_unit_test(settings_that_were_told_are_known_in_any_company),
        cmocka_unit_test(signals_that_tell_nothing_weigh_little),
        cmocka_unit_test(one_result_and_constant_ones_are_enough_to_say_something),
        cmocka_unit_test(a_search_that_is_told_signals_gets_further),
        cmocka_unit_test(results_without_signals_end_their_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
