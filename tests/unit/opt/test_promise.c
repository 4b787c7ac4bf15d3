#include <gsl/gsl_errno.h>
#include <math.h>

#include "opt/optimizer.h"
#include "opt/pareto.h"
#include "tests/unit/test.h"

/* A board of 30 x 30: the loss falls along it, the costs rise. */
#define SIDE 30
#define ASKS 60

static const struct sofa_opt_dim board[2] = {{.levels = SIDE, .group = 0, .layer = -1, .corner = SIDE - 1},
                                             {.levels = SIDE, .group = 1, .layer = -1, .corner = SIDE - 1}};

static double loss_of(const int *x)
{
    return 1.2 * exp(-0.08 * x[0]) + 0.4 * exp(-0.15 * x[1]) + 0.02 * sin(0.7 * x[0] + x[1]);
}

static void costs(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    (void)ctx;
    out->y[0] = loss_of(x); /* not read where the loss is uncertain */
    out->y[1] = x[0] + 0.02 * x[1] * x[1];
    out->feasible = true;
}

static struct sofa_opt_problem board_problem(int uncertain, uint64_t seed)
{
    struct sofa_opt_problem problem = {.dims = 2, .dim = board, .objectives = 2, .uncertain = uncertain, .limit = INFINITY,
                                       .uncertain_is_objective = true, .reference = {1.5, 40}, .cheap = costs,
                                       .seed = seed, .budget = ASKS};

    if (uncertain == SOFA_OPT_ALL_UNCERTAIN)
        problem.cheap = NULL;
    return problem;
}

struct run {
    double promised, gained; /* sums over the suggestions that promised something */
    double worst;            /* largest difference of one promise from what was gained */
    size_t known;
};

static struct run search(const char *algorithm, int uncertain, uint64_t seed)
{
    struct sofa_opt_problem problem = board_problem(uncertain, seed);
    struct sofa_opt_cheap cheap;
    struct sofa_optimizer *o;
    struct run run = {0};
    double y[ASKS * 2], before = 0, after, share;
    int x[2];

    assert_int_equal(sofa_optimizer_new(algorithm, &problem, &o, NULL), SOFA_OK);
    for (size_t t = 0; t < ASKS; t++) {
        assert_int_equal(sofa_optimizer_ask(o, x, NULL), SOFA_OK);
        assert_int_equal(sofa_optimizer_promise(o, &share, NULL), SOFA_OK);
        costs(NULL, x, &cheap);
        memcpy(y + 2 * t, cheap.y, 2 * sizeof *y);
        assert_int_equal(sofa_hypervolume(y, t + 1, 2, problem.reference, &after, NULL), SOFA_OK);
        if (!isnan(share)) {
            assert_true(t >= 3 && share >= 0);
            run.known++;
            run.promised += share * before;
            run.gained += after - before;
            run.worst = fmax(run.worst, fabs(share * before - (after - before)));
        }
        before = after;
        assert_int_equal(sofa_optimizer_tell(o, x, y + 2 * t, SOFA_OPT_DONE, NULL), SOFA_OK);
    }
    sofa_optimizer_free(o);
    return run;
}

static void with_exact_objectives_the_promise_is_what_is_gained(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct run run = search("bayesian", -1, seed);

        assert_true(run.known > ASKS / 2 && run.gained > 1);
        assert_true(run.worst < 1e-10);
    }
}

/* Promises are expectations: their sum is about that of the gains. */
static void with_uncertain_objectives_promises_add_up_to_about_the_gains(void **state)
{
    const int uncertain[2] = {0, SOFA_OPT_ALL_UNCERTAIN};

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct run sum = {0};

        for (uint64_t seed = 1; seed <= 5; seed++) {
            struct run run = search("bayesian", uncertain[k], seed);

            assert_true(run.known > ASKS / 2);
            sum.promised += run.promised;
            sum.gained += run.gained;
        }
        if (!(sum.promised > 0.5 * sum.gained && sum.promised < 2 * sum.gained))
            fail_msg("uncertain %d: promised %g, gained %g", uncertain[k], sum.promised, sum.gained);
    }
}

static void algorithms_that_do_not_promise_say_so(void **state)
{
    size_t n;
    const struct sofa_opt_algorithm *a = sofa_opt_algorithms(&n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        if (strcmp(a[i].name, "paper") != 0) /* it takes one objective */
            assert_true(a[i].promises == (search(a[i].name, 0, 1).known > 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_exact_objectives_the_promise_is_what_is_gained),
        cmocka_unit_test(with_uncertain_objectives_promises_add_up_to_about_the_gains),
        cmocka_unit_test(algorithms_that_do_not_promise_say_so),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
