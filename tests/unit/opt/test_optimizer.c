#include "opt/optimizer.h"

#include <gsl/gsl_errno.h>
#include <math.h>

#include "opt/pareto.h"
#include "tests/unit/test.h"

/* A small space with known answers: x in {0..4}^3, odd sums are refused by the cheap constraint. */
#define LEVELS 5

static const struct sofa_opt_dim cube[3] = {
    {.levels = LEVELS, .group = 0, .layer = 0, .corner = LEVELS - 1},
    {.levels = LEVELS, .group = 0, .layer = 1, .corner = LEVELS - 1},
    {.levels = LEVELS, .group = 1, .layer = -1, .corner = -1},
};

static void even_sums(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    (void)ctx;
    out->y[0] = NAN; /* the uncertain one's slot is not read */
    out->y[1] = x[0] + x[1] + 0.5 * x[2];
    out->feasible = (x[0] + x[1] + x[2]) % 2 == 0;
}

static double loss_of(const int *x)
{
    return exp(-0.5 * x[0]) + exp(-0.3 * x[1]) + 0.05 * (x[2] - 2) * (x[2] - 2);
}

static struct sofa_opt_problem cube_problem(uint64_t seed)
{
    return (struct sofa_opt_problem){.dims = 3,
                                     .dim = cube,
                                     .objectives = 2,
                                     .uncertain = 0,
                                     .limit = 1.5,
                                     .uncertain_is_objective = true,
                                     .reference = {NAN, NAN},
                                     .cheap = even_sums,
                                     .seed = seed,
                                     .budget = 30};
}

static struct sofa_optimizer *new_optimizer(const char *name, const struct sofa_opt_problem *problem)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_optimizer *o;
    enum sofa_code rc = sofa_optimizer_new(name, problem, &o, &err);

    if (rc != SOFA_OK)
        print_error("%s: %s\n", name, err.text);
    assert_int_equal(rc, SOFA_OK);
    return o;
}

static void tell_cube(struct sofa_optimizer *o, const int *x)
{
    double y[2] = {loss_of(x), x[0] + x[1] + 0.5 * x[2]};

    assert_int_equal(sofa_optimizer_tell(o, x, y, y[0] <= 1.5 ? SOFA_OPT_DONE : SOFA_OPT_INFEASIBLE, NULL),
                     SOFA_OK);
}

/* Names of the algorithms that take a problem with one uncertain and one cheap objective. */
static const char *const searchers[] = {"random", "halton", "bayesian", "nsga2"};
#define SEARCHERS (sizeof searchers / sizeof *searchers)

static void every_feasible_point_is_proposed_once_and_then_the_space_is_exhausted(void **state)
{
    struct sofa_opt_problem problem = cube_problem(3);

    (void)state;
    for (size_t a = 0; a < SEARCHERS; a++) {
        struct sofa_optimizer *o = new_optimizer(searchers[a], &problem);
        struct sofa_err err = SOFA_ERR_INIT;
        bool seen[LEVELS * LEVELS * LEVELS] = {false};
        int x[3];

        for (int t = 0; t < 63; t++) { /* 63 of the 125 sums are even */
            int key;

            assert_int_equal(sofa_optimizer_ask(o, x, &err), SOFA_OK);
            key = x[0] + LEVELS * (x[1] + LEVELS * x[2]);
            assert_false(seen[key]);
            assert_int_equal((x[0] + x[1] + x[2]) % 2, 0);
            seen[key] = true;
            tell_cube(o, x);
        }
        assert_int_equal(sofa_optimizer_ask(o, x, &err), SOFA_E_EXHAUSTED);
        assert_true(strlen(err.text) > 0);
        sofa_optimizer_free(o);
    }
}

static void the_same_seed_gives_the_same_points(void **state)
{
    struct sofa_opt_problem problem = cube_problem(4), other = cube_problem(5);

    (void)state;
    for (size_t a = 0; a < SEARCHERS; a++) {
        struct sofa_optimizer *o[3] = {new_optimizer(searchers[a], &problem), new_optimizer(searchers[a], &problem),
                                       new_optimizer(searchers[a], &other)};
        int x[3][3], same = 0;

        for (int t = 0; t < 20; t++) {
            for (int i = 0; i < 3; i++) {
                assert_int_equal(sofa_optimizer_ask(o[i], x[i], NULL), SOFA_OK);
                tell_cube(o[i], x[i]);
            }
            assert_memory_equal(x[0], x[1], sizeof x[0]);
            same += memcmp(x[0], x[2], sizeof x[0]) == 0;
        }
        assert_true(same < 20);
        for (int i = 0; i < 3; i++)
            sofa_optimizer_free(o[i]);
    }
}

static void told_points_are_not_proposed(void **state)
{
    struct sofa_opt_problem problem = cube_problem(6);

    (void)state;
    for (size_t a = 0; a < SEARCHERS; a++) {
        struct sofa_optimizer *o = new_optimizer(searchers[a], &problem);
        int x[3] = {0}, left = 0;

        for (x[2] = 0; x[2] < LEVELS; x[2]++)
            for (x[1] = 0; x[1] < LEVELS; x[1]++)
                for (x[0] = 0; x[0] < LEVELS; x[0]++)
                    if (x[0] || x[1] > 1)
                        tell_cube(o, x);
        while (sofa_optimizer_ask(o, x, NULL) == SOFA_OK) {
            assert_true(x[0] == 0 && x[1] <= 1);
            left++;
        }
        assert_int_equal(left, 5);
        sofa_optimizer_free(o);
    }
}

static void one_point(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    (void)ctx;
    (void)x;
    *out = (struct sofa_opt_cheap){.y = {NAN, 3}, .feasible = true};
}

/* All parameters fixed. */
static void a_space_of_one_point_is_proposed_once(void **state)
{
    static const int kinds[] = {0, SOFA_OPT_ALL_UNCERTAIN};
    const double y[2] = {1, 3};

    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (size_t a = 0; a < SEARCHERS; a++) {
            struct sofa_opt_problem problem = cube_problem(1);
            struct sofa_optimizer *o;
            int x[1];

            problem.dims = 0;
            problem.uncertain = kinds[k];
            problem.cheap = kinds[k] == 0 ? one_point : NULL;
            o = new_optimizer(searchers[a], &problem);
            assert_int_equal(sofa_optimizer_ask(o, x, NULL), SOFA_OK);
            assert_int_equal(sofa_optimizer_tell(o, x, y, SOFA_OPT_DONE, NULL), SOFA_OK);
            assert_int_equal(sofa_optimizer_ask(o, x, NULL), SOFA_E_EXHAUSTED);
            sofa_optimizer_free(o);
        }
}

static void what_it_cannot_take_is_refused_with_a_reason(void **state)
{
    struct sofa_opt_problem good = cube_problem(1), bad;
    struct sofa_opt_dim dims[3];
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_optimizer *o;
    const int outside[3] = {0, LEVELS, 0};

    (void)state;
    assert_int_equal(sofa_optimizer_new("banana", &good, &o, &err), SOFA_E_USAGE);
    assert_non_null(strstr(err.text, "banana"));
    bad = good;
    bad.dim = NULL;
    assert_int_equal(sofa_optimizer_new("random", &bad, &o, &err), SOFA_E_USAGE);
    bad = good;
    bad.objectives = SOFA_OPT_OBJECTIVES_MAX + 1;
    assert_int_equal(sofa_optimizer_new("random", &bad, &o, &err), SOFA_E_USAGE);
    bad = good;
    bad.cheap = NULL;
    assert_int_equal(sofa_optimizer_new("random", &bad, &o, &err), SOFA_E_USAGE);
    memcpy(dims, cube, sizeof dims);
    dims[1].levels = 0;
    bad = good;
    bad.dim = dims;
    assert_int_equal(sofa_optimizer_new("random", &bad, &o, &err), SOFA_E_USAGE);
    o = new_optimizer("random", &good);
    assert_int_equal(sofa_optimizer_tell(o, outside, NULL, SOFA_OPT_FAILED, &err), SOFA_E_USAGE);
    sofa_optimizer_free(o);
}

static void two_exact(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    (void)ctx;
    out->y[0] = loss_of(x);
    out->y[1] = x[0] + x[1] + 0.5 * x[2];
    out->feasible = (x[0] + x[1] + x[2]) % 2 == 0;
}

static void exhaustive_search_proposes_the_exact_front_or_every_point(void **state)
{
    struct sofa_opt_problem problem = cube_problem(7);
    struct sofa_optimizer *o = new_optimizer("exhaustive", &problem);
    double y[125 * 2], other[2];
    bool front[125], found;
    size_t n = 0, expected = 0, proposed = 0;
    int x[3];

    (void)state;
    while (sofa_optimizer_ask(o, x, NULL) == SOFA_OK) {
        y[2 * n] = loss_of(x);
        y[2 * n + 1] = x[0] + x[1] + 0.5 * x[2];
        n++;
    }
    sofa_optimizer_free(o);
    assert_int_equal(n, 63);
    assert_int_equal(sofa_pareto_front(y, n, 2, front, NULL), SOFA_OK);
    for (size_t i = 0; i < n; i++)
        expected += front[i];
    problem.uncertain = -1;
    problem.cheap = two_exact;
    o = new_optimizer("exhaustive", &problem);
    while (sofa_optimizer_ask(o, x, NULL) == SOFA_OK) {
        proposed++;
        other[0] = loss_of(x);
        other[1] = x[0] + x[1] + 0.5 * x[2];
        found = false;
        for (size_t i = 0; i < n; i++)
            found |= front[i] && memcmp(y + 2 * i, other, sizeof other) == 0;
        assert_true(found);
    }
    assert_int_equal(proposed, expected);
    assert_true(expected > 5);
    sofa_optimizer_free(o);
}

/* 8^8 points: more than ten million. */
static void exhaustive_search_refuses_what_it_cannot_finish(void **state)
{
    struct sofa_opt_dim dims[8];
    struct sofa_opt_problem problem = cube_problem(8);
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_optimizer *o;

    (void)state;
    for (size_t j = 0; j < 8; j++)
        dims[j] = (struct sofa_opt_dim){.levels = 8, .layer = -1, .corner = -1};
    problem.dim = dims;
    problem.dims = 8;
    assert_int_equal(sofa_optimizer_new("exhaustive", &problem, &o, &err), SOFA_E_USAGE);
    assert_non_null(strstr(err.text, "points"));
}

static void the_paper_s_search_takes_one_objective_and_finds_its_minimum(void **state)
{
    struct sofa_opt_problem problem = cube_problem(9);
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_optimizer *o;
    double best = INFINITY, y;
    int x[3];

    (void)state;
    assert_int_equal(sofa_optimizer_new("paper", &problem, &o, &err), SOFA_E_USAGE);
    problem.objectives = 1;
    problem.limit = INFINITY;
    o = new_optimizer("paper", &problem);
    for (int t = 0; t < 25; t++) {
        assert_int_equal(sofa_optimizer_ask(o, x, NULL), SOFA_OK);
        y = loss_of(x) + 0.3 * x[0] + 0.2 * x[1];
        best = y < best ? y : best;
        assert_int_equal(sofa_optimizer_tell(o, x, &y, SOFA_OPT_DONE, NULL), SOFA_OK);
    }
    for (x[2] = 0; x[2] < LEVELS; x[2]++)
        for (x[1] = 0; x[1] < LEVELS; x[1]++)
            for (x[0] = 0; x[0] < LEVELS; x[0]++)
                if ((x[0] + x[1] + x[2]) % 2 == 0)
                    assert_true(best <= loss_of(x) + 0.3 * x[0] + 0.2 * x[1] + 1e-12);
    sofa_optimizer_free(o);
}

static void algorithms_have_names_and_descriptions(void **state)
{
    size_t n;
    const struct sofa_opt_algorithm *list = sofa_opt_algorithms(&n);

    (void)state;
    assert_true(n >= SEARCHERS);
    for (size_t i = 0; i < n; i++) {
        assert_true(strlen(list[i].name) > 0 && strlen(list[i].description) > 10);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(list[i].name, list[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_feasible_point_is_proposed_once_and_then_the_space_is_exhausted),
        cmocka_unit_test(the_same_seed_gives_the_same_points),
        cmocka_unit_test(told_points_are_not_proposed),
        cmocka_unit_test(a_space_of_one_point_is_proposed_once),
        cmocka_unit_test(what_it_cannot_take_is_refused_with_a_reason),
        cmocka_unit_test(exhaustive_search_proposes_the_exact_front_or_every_point),
        cmocka_unit_test(exhaustive_search_refuses_what_it_cannot_finish),
        cmocka_unit_test(the_paper_s_search_takes_one_objective_and_finds_its_minimum),
        cmocka_unit_test(algorithms_have_names_and_descriptions),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
