#include <math.h>

#include "opt/gp.h"
#include "opt/optimizer.h"
#include "opt/pareto.h"
#include "opt/parts.h"
#include "tests/unit/test.h"

/* Six layers of a ratio and a tile count; layers l and l + 2 are one function. */
#define LAYERS 6
#define KINDS 2
#include "tests/unit/opt/layers.h"

/* Rough, so that a smooth surface does not tell it. */
static double part_of(int layer, const int *x)
{
    int ratio = x[2 * layer], tiles = x[2 * layer + 1];
    double dip = (ratio * 5 + tiles * 3 + layer % KINDS) % 7 == 0 ? 0.5 : 1;

    return (0.05 + 0.1 * (layer % KINDS)) * exp(-0.3 * ratio + 0.1 * tiles) * dip;
}

static double all_parts(const int *x, double *part)
{
    double sum = 0;

    for (int l = 0; l < LAYERS; l++)
        sum += part[l] = part_of(l, x);
    return sum;
}

static struct sofa_opt_problem new_problem(uint64_t seed, size_t budget)
{
    set_dims();
    return (struct sofa_opt_problem){.dims = DIMS,
                                     .dim = dims,
                                     .objectives = 3,
                                     .uncertain = 0,
                                     .limit = 0.5,
                                     .uncertain_is_objective = true,
                                     .reference = {0.5, 60, 7},
                                     .cheap = cheap,
                                     .parts = LAYERS,
                                     .part_kinds = KINDS,
                                     .seed = seed,
                                     .budget = budget};
}

static struct sofa_parts *new_parts(const struct sofa_opt_problem *problem, size_t told, int x[][DIMS])
{
    struct sofa_parts *parts;
    double part[LAYERS];

    assert_int_equal(sofa_parts_new(problem, 16, &parts, NULL), SOFA_OK);
    for (size_t i = 0; i < told; i++) {
        for (size_t j = 0; j < DIMS; j++)
            x[i][j] = (int)((i * (j * j + 3 * j + 7) + j) % (size_t)dims[j].levels);
        all_parts(x[i], part);
        assert_int_equal(sofa_parts_add(parts, x[i], part, NULL), SOFA_OK);
    }
    return parts;
}

static void a_setting_that_was_told_is_known_whatever_the_other_layers_do(void **state)
{
    struct sofa_opt_problem problem = new_problem(1, 40);
    int x[6][DIMS], mixed[DIMS];
    struct sofa_parts *parts = new_parts(&problem, 6, x);
    double part[LAYERS], mean, sd;

    (void)state;
    assert_int_equal(sofa_parts_learn(parts, 0, NULL, 1, NULL), SOFA_OK);
    for (int l = 0; l < LAYERS; l++)
        memcpy(mixed + 2 * l, x[l] + 2 * l, 2 * sizeof *mixed);
    mixed[2 * LAYERS] = 3;
    sofa_parts_predict(parts, mixed, &mean, &sd);
    assert_true(fabs(mean - all_parts(mixed, part)) <= 1e-14);
    assert_true(sd < 1e-8);
    sofa_parts_free(parts);
}

static void parts_of_a_kind_teach_each_other(void **state)
{
    struct sofa_opt_problem problem = new_problem(1, 40);
    double part[LAYERS], mean, sd[2];
    int x[6][DIMS], moved[DIMS];

    (void)state;
    for (int kinds = 0; kinds < 2; kinds++) {
        struct sofa_parts *parts;

        problem.part_kinds = kinds ? KINDS : 0;
        parts = new_parts(&problem, 6, x);
        assert_int_equal(sofa_parts_learn(parts, 0, NULL, 1, NULL), SOFA_OK);
        memcpy(moved, x[5], sizeof moved);
        memcpy(moved, x[0] + 2 * KINDS, 2 * sizeof *moved); /* layer 0 as layer 2 stood */
        sofa_parts_predict(parts, moved, &mean, &sd[kinds]);
        if (kinds)
            assert_true(fabs(mean - all_parts(moved, part)) <= 1e-14);
        sofa_parts_free(parts);
    }
    assert_true(sd[0] > 1e-6 && sd[1] < 1e-8);
}

/* One process, as parts.c has it for a kind. */
static struct sofa_gp *process_of(int kind, size_t told, int x[][DIMS])
{
    int seen[64][2];
    double value[64], posterior;
    struct sofa_gp *gp;
    size_t n = 0;

    for (size_t i = 0; i < told; i++)
        for (int l = kind; l < LAYERS; l += KINDS) {
            size_t k = 0;

            while (k < n && memcmp(seen[k], x[i] + 2 * l, sizeof *seen) != 0)
                k++;
            memcpy(seen[k], x[i] + 2 * l, sizeof *seen);
            value[k] = part_of(l, x[i]);
            n += k == n;
        }
    dims[2 * kind].layer = dims[2 * kind + 1].layer = -1;
    assert_int_equal(sofa_gp_new(2, dims + 2 * kind, false, &gp, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_data(gp, n, seen[0], value, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_fit(gp, SOFA_GP_FROM_MODE | SOFA_GP_FROM_SHORT, 40, &posterior, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_condition(gp, 0, NULL, 1, NULL, NULL), SOFA_OK);
    return gp;
}

static void what_is_believed_of_the_sum_adds_up_from_the_processes(void **state)
{
    struct sofa_opt_problem problem = new_problem(1, 40);
    int x[6][DIMS], other[DIMS];
    struct sofa_parts *parts = new_parts(&problem, 6, x);
    double mean, sd, expected_mean, expected_sd;

    (void)state;
    assert_int_equal(sofa_parts_learn(parts, 0, NULL, 1, NULL), SOFA_OK);
    for (int kind = 0; kind < KINDS; kind++) {
        struct sofa_gp *gp;
        const int *setting = other + 2 * kind;

        memcpy(other, x[0], sizeof other);
        other[2 * kind] = (x[0][2 * kind] + 5) % 10;
        other[2 * kind + 1] = 7;
        sofa_parts_predict(parts, other, &mean, &sd);
        gp = process_of(kind, 6, x);
        sofa_gp_predict(gp, 1, &setting, &expected_mean, &expected_sd);
        for (int l = 0; l < LAYERS; l++)
            expected_mean += l == kind ? 0 : part_of(l, x[0]);
        assert_true(fabs(mean - expected_mean) <= 1e-12);
        assert_true(fabs(sd - expected_sd) <= 1e-9);
        assert_true(sd > 1e-5);
        sofa_gp_free(gp);
        set_dims();
    }
    sofa_parts_free(parts);
}

static void pending_points_are_drawn_and_known_from_then_on(void **state)
{
    struct sofa_opt_problem problem = new_problem(1, 40);
    int x[6][DIMS], pending[2][DIMS];
    struct sofa_parts *parts = new_parts(&problem, 6, x);
    double before, sd, mean[16], now, sum = 0, spread = 0;

    (void)state;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < DIMS; j++)
            pending[i][j] = (x[i][j] + 2 + i) % dims[j].levels;
    assert_int_equal(sofa_parts_learn(parts, 0, NULL, 1, NULL), SOFA_OK);
    sofa_parts_predict(parts, pending[1], &before, &sd);
    assert_int_equal(sofa_parts_learn(parts, 2, pending[0], 16, NULL), SOFA_OK);
    sofa_parts_predict(parts, pending[1], mean, &now);
    for (size_t f = 0; f < 16; f++) {
        assert_true(fabs(mean[f] - sofa_parts_pending(parts, f, 1)) <= 0.1 * sd);
        sum += mean[f] / 16;
    }
    for (size_t f = 0; f < 16; f++)
        spread += (mean[f] - sum) * (mean[f] - sum) / 16;
    assert_true(now < 0.05 * sd);
    assert_true(fabs(sum - before) < 0.5 * sd);
    assert_true(sqrt(spread) > 0.2 * sd && sqrt(spread) < 1.5 * sd);
    sofa_parts_free(parts);
}

static void a_part_with_too_many_settings_or_all_dimensions_is_learnt_as_a_whole(void **state)
{
    struct sofa_opt_problem problem = new_problem(1, 40);

    (void)state;
    assert_true(sofa_parts_suit(&problem));
    dims[0].levels = 129; /* times 8 */
    assert_false(sofa_parts_suit(&problem));
    set_dims();
    for (int l = 1; l < LAYERS; l++)
        dims[2 * l].levels = dims[2 * l + 1].levels = 1;
    assert_false(sofa_parts_suit(&problem));
    set_dims();
    problem.parts = 0;
    assert_false(sofa_parts_suit(&problem));
}

/* The hypervolume after the problem's budget; parts are told of every `every`th result. */
static double reached(const struct sofa_opt_problem *problem, size_t every)
{
    double y[80 * 3], part[LAYERS], volume;
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
        y[3 * n] = all_parts(x, part);
        status = y[3 * n] <= problem->limit ? SOFA_OPT_DONE : SOFA_OPT_INFEASIBLE;
        assert_int_equal(sofa_optimizer_tell_parts(o, x, y + 3 * n, every && t % every == 0 ? part : NULL, status, NULL), SOFA_OK);
        n += status == SOFA_OPT_DONE;
    }
    assert_int_equal(sofa_hypervolume(y, n, 3, problem->reference, &volume, NULL), SOFA_OK);
    sofa_optimizer_free(o);
    return volume;
}

static void a_search_that_is_told_the_parts_gets_further_for_every_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sofa_opt_problem problem = new_problem(seed, 40);
        double with = reached(&problem, 1), without;

        problem.without = SOFA_OPT_WITHOUT_PARTS;
        without = reached(&problem, 1);
        if (!(with > without))
            fail_msg("seed %d: %g, without %g", (int)seed, with, without);
    }
}

static void results_without_parts_teach_nothing_and_stop_nothing(void **state)
{
    struct sofa_opt_problem problem = new_problem(2, 25);

    (void)state;
    assert_true(reached(&problem, 3) > 0);
    assert_true(reached(&problem, 0) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setting_that_was_told_is_known_whatever_the_other_layers_do),
        cmocka_unit_test(parts_of_a_kind_teach_each_other),
        cmocka_unit_test(what_is_believed_of_the_sum_adds_up_from_the_processes),
        cmocka_unit_test(pending_points_are_drawn_and_known_from_then_on),
        cmocka_unit_test(a_part_with_too_many_settings_or_all_dimensions_is_learnt_as_a_whole),
        cmocka_unit_test(a_search_that_is_told_the_parts_gets_further_for_every_seed),
        cmocka_unit_test(results_without_parts_teach_nothing_and_stop_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
