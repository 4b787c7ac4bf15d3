#include <gsl/gsl_errno.h>
#include <math.h>

#include "opt/bayesian.h"
#include "opt/optimizer.h"
#include "opt/pareto.h"
#include "tests/unit/test.h"

/*
 * Four layers of a ratio and a tile count, and two shared dimensions: losing accuracy where ratios
 * are small, costing time where they are large, and area where the shared ones are.
 */
#define LAYERS 4
#define DIMS (2 * LAYERS + 2)

static struct sofa_opt_dim chip[DIMS];

static void set_chip(void)
{
    for (int l = 0; l < LAYERS; l++) {
        chip[2 * l] = (struct sofa_opt_dim){.levels = 10, .group = 0, .layer = l, .corner = 9};
        chip[2 * l + 1] = (struct sofa_opt_dim){.levels = 8, .group = 1, .layer = l, .corner = 0};
    }
    chip[2 * LAYERS] = (struct sofa_opt_dim){.levels = 6, .group = 2, .layer = -1, .corner = -1};
    chip[2 * LAYERS + 1] = (struct sofa_opt_dim){.levels = 6, .group = 3, .layer = -1, .corner = -1};
}

static double chip_loss(const int *x)
{
    double sum = 0;

    for (int l = 0; l < LAYERS; l++)
        sum += (0.2 + 0.3 * l) * exp(-0.35 * x[2 * l] + 0.08 * x[2 * l + 1]);
    return sum - 0.01;
}

/* Steps as capacities make them. */
static void chip_cheap(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    double work = 0, lanes = 1 + x[2 * LAYERS], buffer = 1 + x[2 * LAYERS + 1];

    (void)ctx;
    for (int l = 0; l < LAYERS; l++)
        work += (1 + x[2 * l]) * (1.5 - 0.1 * x[2 * l + 1]) + (x[2 * l] > 2 * buffer ? 4 : 0);
    out->y[0] = NAN;
    out->y[1] = work / lanes + 2;
    out->y[2] = lanes + 0.7 * buffer;
    out->feasible = lanes + buffer <= 10;
}

static struct sofa_opt_problem chip_problem(uint64_t seed, size_t budget)
{
    return (struct sofa_opt_problem){.dims = DIMS,
                                     .dim = chip,
                                     .objectives = 3,
                                     .uncertain = 0,
                                     .limit = 0.8,
                                     .uncertain_is_objective = true,
                                     .reference = {0.8, 40, 11},
                                     .cheap = chip_cheap,
                                     .seed = seed,
                                     .budget = budget};
}

static struct sofa_optimizer *new_optimizer(const char *name, const struct sofa_opt_problem *problem)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_optimizer *o;

    if (sofa_optimizer_new(name, problem, &o, &err) != SOFA_OK)
        fail_msg("%s: %s", name, err.text);
    return o;
}

static void ask(struct sofa_optimizer *o, int *x)
{
    struct sofa_err err = SOFA_ERR_INIT;

    if (sofa_optimizer_ask(o, x, &err) != SOFA_OK)
        fail_msg("ask: %s", err.text);
}

/* Evaluates x and tells it; fills y. */
static enum sofa_opt_status evaluate(struct sofa_optimizer *o, const struct sofa_opt_problem *problem, const int *x,
                                     double *y)
{
    struct sofa_opt_cheap cheap;
    enum sofa_opt_status status;

    problem->cheap(problem->ctx, x, &cheap);
    memcpy(y, cheap.y, problem->objectives * sizeof *y);
    if (problem->uncertain >= 0)
        y[problem->uncertain] = chip_loss(x);
    assert_true(cheap.feasible);
    status = problem->uncertain >= 0 && chip_loss(x) > problem->limit ? SOFA_OPT_INFEASIBLE : SOFA_OPT_DONE;
    assert_int_equal(sofa_optimizer_tell(o, x, y, status, NULL), SOFA_OK);
    return status;
}

/* The hypervolume that `name` reaches in `budget` evaluations. */
static double reached(const char *name, const struct sofa_opt_problem *problem)
{
    struct sofa_optimizer *o = new_optimizer(name, problem);
    double *y = calloc(problem->budget * problem->objectives, sizeof *y), volume;
    size_t n = 0;
    int x[DIMS];

    for (size_t t = 0; t < problem->budget; t++) {
        ask(o, x);
        n += evaluate(o, problem, x, y + n * problem->objectives) == SOFA_OPT_DONE;
    }
    assert_int_equal(sofa_hypervolume(y, n, problem->objectives, problem->reference, &volume, NULL), SOFA_OK);
    sofa_optimizer_free(o);
    free(y);
    return volume;
}

/* All neighbours of x, dimension by dimension; returns their number. */
static size_t list_neighbours(const int *x, int *near, size_t *dim)
{
    size_t n = 0;

    for (size_t j = 0; j < DIMS; j++)
        for (int l = 0; l < chip[j].levels; l++)
            if (l != x[j]) {
                memcpy(near + n * DIMS, x, DIMS * sizeof *x);
                near[n * DIMS + j] = l;
                dim[n++] = j;
            }
    return n;
}

/* What a climb asks of neighbours is the same whether all or only the promising ones are scored exactly. */
static void check_bounds(struct sofa_optimizer *o, const struct sofa_near *near, size_t n, const int *x,
                         const size_t *dim, size_t *spared)
{
    struct sofa_score bounded[96], exact[96], best[2][DIMS], unseen[2] = {near->best, near->best};

    sofa_bayesian_score(o, near, n, x, bounded);
    sofa_bayesian_score(o, NULL, n, x, exact);
    for (size_t j = 0; j < DIMS; j++)
        best[0][j] = best[1][j] = near->here;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(bounded[i].tier, exact[i].tier);
        if (bounded[i].tier == SOFA_SCORE_REFUSED)
            continue;
        *spared += bounded[i].bound;
        if (bounded[i].bound)
            assert_true(bounded[i].value >= exact[i].value - 1e-7);
        else
            assert_true(fabs(bounded[i].value - exact[i].value) < 1e-6 * (1 + fabs(exact[i].value)));
        for (int which = 0; which < 2; which++) {
            struct sofa_score score = which ? bounded[i] : exact[i];

            if (score.bound)
                continue;
            if (sofa_score_better(score, best[which][dim[i]]))
                best[which][dim[i]] = score;
            if (sofa_lattice_find(&o->seen, x + i * DIMS) == SOFA_LATTICE_NONE &&
                sofa_score_better(score, unseen[which]))
                unseen[which] = score;
        }
    }
    assert_true(fabs(unseen[0].value - unseen[1].value) < 1e-6 * (1 + fabs(unseen[0].value)));
    for (size_t j = 0; j < DIMS; j++)
        assert_true(fabs(best[0][j].value - best[1][j].value) < 1e-6 * (1 + fabs(best[0][j].value)));
}

static void neighbours_scored_by_bounds_lead_where_exact_scores_lead(void **state)
{
    struct sofa_opt_problem problem = chip_problem(3, 60);
    struct sofa_near near = {0};
    struct sofa_optimizer *o;
    int x[DIMS], base[DIMS], neighbour[96 * DIMS];
    size_t dim[96], n, spared = 0;
    double y[3];

    (void)state;
    set_chip();
    o = new_optimizer("bayesian", &problem);
    for (int t = 0; t < 40; t++) {
        ask(o, x);
        if (t >= 12) { /* what it believes is what it asked with */
            memcpy(base, x, sizeof base);
            base[t % DIMS] = (base[t % DIMS] + 1) % chip[t % DIMS].levels;
            near = (struct sofa_near){.base = base, .best = {.tier = SOFA_SCORE_REFUSED}};
            sofa_bayesian_score(o, NULL, 1, base, &near.here);
            if (t % 2)
                near.best = near.here;
            n = list_neighbours(base, neighbour, dim);
            check_bounds(o, &near, n, neighbour, dim, &spared);
        }
        evaluate(o, &problem, x, y);
    }
    assert_true(spared > 400); /* of some 2000 */
    sofa_optimizer_free(o);
}

/* Sums over layers as they are, or as powers. */
static double sum_loss(const int *x, bool power)
{
    double sum = 0;

    for (int l = 0; l < LAYERS; l++)
        sum += (0.5 + 0.3 * l) * (9 - x[2 * l]) + 0.1 * x[2 * l + 1];
    return power ? 0.01 * exp(0.2 * sum) : 0.03 * sum;
}

static void the_evidence_chooses_the_scale_of_the_loss(void **state)
{
    struct sofa_opt_problem problem = chip_problem(5, 40);
    struct sofa_opt_cheap cheap;
    struct sofa_optimizer *o;
    double y[3];
    int x[DIMS];

    (void)state;
    set_chip();
    for (int power = 0; power < 2; power++) {
        o = new_optimizer("bayesian", &problem);
        for (int t = 0; t < 30; t++) {
            ask(o, x);
            chip_cheap(NULL, x, &cheap);
            y[0] = sum_loss(x, power);
            y[1] = cheap.y[1];
            y[2] = cheap.y[2];
            assert_int_equal(sofa_optimizer_tell(o, x, y, y[0] <= problem.limit ? SOFA_OPT_DONE : SOFA_OPT_INFEASIBLE,
                                                 NULL), SOFA_OK);
        }
        ask(o, x);
        assert_int_equal(strstr(sofa_optimizer_state(o), "logarithm") != NULL, power);
        sofa_optimizer_free(o);
    }
}

static void it_beats_random_search_in_hypervolume_for_every_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct sofa_opt_problem problem = chip_problem(seed, 60);
        double ours = reached("bayesian", &problem), random = reached("random", &problem);

        if (!(ours > 1.25 * random))
            fail_msg("seed %d: %g, random %g", (int)seed, ours, random);
    }
}

static void points_do_not_repeat_while_results_are_pending(void **state)
{
    struct sofa_opt_problem problem = chip_problem(3, 40);
    struct sofa_optimizer *o[2] = {new_optimizer("bayesian", &problem), new_optimizer("bayesian", &problem)};
    int x[40][DIMS], again[DIMS];
    double y[3];

    (void)state;
    for (int t = 0; t < 40; t++) {
        ask(o[0], x[t]);
        ask(o[1], again);
        assert_memory_equal(x[t], again, sizeof again);
        for (int k = 0; k < t; k++)
            assert_memory_not_equal(x[t], x[k], sizeof again);
        for (int i = 0; i < 2 && t >= 3; i++)
            evaluate(o[i], &problem, x[t - 3], y);
    }
    sofa_optimizer_free(o[0]);
    sofa_optimizer_free(o[1]);
}

/* Runs `n` evaluations in which y[0] is what `loss` says; returns the optimizer's last state line. */
static void run_with_loss(struct sofa_opt_problem *problem, double (*loss)(const int *x),
                          enum sofa_opt_status status, size_t n)
{
    struct sofa_optimizer *o = new_optimizer("bayesian", problem);
    struct sofa_opt_cheap cheap;
    int x[DIMS];
    double y[3];

    for (size_t t = 0; t < n; t++) {
        ask(o, x);
        chip_cheap(NULL, x, &cheap);
        memcpy(y, cheap.y, sizeof y);
        y[0] = loss(x);
        assert_int_equal(sofa_optimizer_tell(o, x, y, status, NULL), SOFA_OK);
    }
    sofa_optimizer_free(o);
}

static double constant(const int *x)
{
    (void)x;
    return 0.25;
}

static double not_a_number(const int *x)
{
    return x[0] % 2 ? (double)NAN : chip_loss(x);
}

static double never(const int *x)
{
    (void)x;
    return (double)NAN;
}

static double huge(const int *x)
{
    return 1e6 + x[0];
}

static void broken_and_useless_results_do_not_stop_the_search(void **state)
{
    struct sofa_opt_problem problem = chip_problem(4, 25);

    (void)state;
    run_with_loss(&problem, constant, SOFA_OPT_DONE, 25);
    run_with_loss(&problem, not_a_number, SOFA_OPT_DONE, 25);
    run_with_loss(&problem, never, SOFA_OPT_DONE, 25);
    run_with_loss(&problem, never, SOFA_OPT_FAILED, 25);
    run_with_loss(&problem, huge, SOFA_OPT_INFEASIBLE, 25);
    run_with_loss(&problem, chip_loss, SOFA_OPT_INFEASIBLE, 25);
}

static void a_result_told_twice_counts_once_and_the_last_one_holds(void **state)
{
    struct sofa_opt_problem problem = chip_problem(5, 20);
    struct sofa_optimizer *o[2] = {new_optimizer("bayesian", &problem), new_optimizer("bayesian", &problem)};
    double y[3], wrong[3] = {0.001, 3, 2};
    int x[2][DIMS];

    (void)state;
    for (int t = 0; t < 20; t++) {
        for (int i = 0; i < 2; i++) {
            ask(o[i], x[i]);
            if (i == 1)
                assert_int_equal(sofa_optimizer_tell(o[i], x[i], wrong, SOFA_OPT_DONE, NULL), SOFA_OK);
            evaluate(o[i], &problem, x[i], y);
        }
        assert_memory_equal(x[0], x[1], sizeof x[0]);
    }
    sofa_optimizer_free(o[0]);
    sofa_optimizer_free(o[1]);
}

/* The cheap objectives with an error of up to a tenth that the mean does not show. */
static void chip_draw(void *ctx, const int *x, size_t d, struct sofa_opt_cheap *out)
{
    chip_cheap(ctx, x, out);
    out->y[1] *= 0.9 + 0.2 * (double)d / 7;
}

static void draws_of_the_cheap_objectives_are_averaged(void **state)
{
    struct sofa_opt_problem problem = chip_problem(12, 60);
    double exact, drawn;

    (void)state;
    exact = reached("bayesian", &problem);
    problem.cheap_draw = chip_draw;
    problem.draws = 8;
    drawn = reached("bayesian", &problem);
    assert_true(drawn != exact && drawn > 0.9 * exact);
    problem.cheap_draw = NULL; /* without a function the number means nothing */
    assert_true(reached("bayesian", &problem) == exact);
}

static void a_reference_that_no_design_reaches_is_replaced(void **state)
{
    struct sofa_opt_problem problem = chip_problem(6, 40), honest = chip_problem(6, 40);
    struct sofa_optimizer *o;
    double y[40 * 3], volume;
    size_t n = 0;
    int x[DIMS];

    (void)state;
    problem.reference[1] = 1; /* nothing is faster than 2 */
    problem.reference[2] = 1;
    o = new_optimizer("bayesian", &problem);
    for (int t = 0; t < 40; t++) {
        ask(o, x);
        n += evaluate(o, &problem, x, y + 3 * n) == SOFA_OPT_DONE;
    }
    assert_non_null(strstr(sofa_optimizer_state(o), "out of reach"));
    assert_int_equal(sofa_hypervolume(y, n, 3, honest.reference, &volume, NULL), SOFA_OK);
    assert_true(volume > 1.1 * reached("random", &honest)); /* it still searches */
    sofa_optimizer_free(o);
}

static void without_reference_and_limit_it_takes_its_own(void **state)
{
    struct sofa_opt_problem problem = chip_problem(7, 40), honest = chip_problem(7, 40);

    (void)state;
    problem.reference[0] = problem.reference[1] = problem.reference[2] = NAN;
    problem.limit = INFINITY;
    {
        struct sofa_optimizer *o = new_optimizer("bayesian", &problem);
        double y[40 * 3], volume;
        size_t n = 0;
        int x[DIMS];

        for (int t = 0; t < 40; t++) {
            ask(o, x);
            n += evaluate(o, &problem, x, y + 3 * n) == SOFA_OPT_DONE;
        }
        assert_int_equal(sofa_hypervolume(y, n, 3, honest.reference, &volume, NULL), SOFA_OK);
        assert_true(volume > reached("random", &honest));
        sofa_optimizer_free(o);
    }
}

static void a_loss_that_is_only_limited_is_not_part_of_the_front(void **state)
{
    struct sofa_opt_problem problem = chip_problem(8, 40);
    const char *const names[2] = {"bayesian", "random"};
    double volume[2];

    (void)state;
    problem.uncertain_is_objective = false;
    for (int a = 0; a < 2; a++) {
        struct sofa_optimizer *o = new_optimizer(names[a], &problem);
        double y[3], front[40 * 2];
        size_t n = 0;
        int x[DIMS];

        for (int t = 0; t < 40; t++) {
            ask(o, x);
            if (evaluate(o, &problem, x, y) == SOFA_OPT_DONE)
                memcpy(front + 2 * n++, y + 1, 2 * sizeof *front);
        }
        assert_int_equal(sofa_hypervolume(front, n, 2, problem.reference + 1, &volume[a], NULL), SOFA_OK);
        sofa_optimizer_free(o);
    }
    assert_true(volume[0] > 1.02 * volume[1]);
}

static void only_two(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    struct sofa_opt_cheap all;

    chip_cheap(ctx, x, &all);
    out->feasible = all.feasible;
    out->y[0] = all.y[1];
    out->y[1] = all.y[2];
}

static void with_exact_objectives_only_it_needs_no_process(void **state)
{
    struct sofa_opt_problem problem = chip_problem(9, 40);

    (void)state;
    problem.objectives = 2;
    problem.uncertain = -1;
    problem.limit = INFINITY;
    problem.cheap = only_two;
    problem.reference[0] = 40;
    problem.reference[1] = 11;
    assert_true(reached("bayesian", &problem) > 1.01 * reached("random", &problem));
}

static void dimensions_of_one_level_and_spaces_of_one_point_work(void **state)
{
    struct sofa_opt_dim dims[DIMS];
    struct sofa_opt_problem problem = chip_problem(10, 20);
    struct sofa_optimizer *o;
    double y[3];
    int x[DIMS];

    (void)state;
    memcpy(dims, chip, sizeof dims);
    problem.dim = dims;
    for (int j = 0; j < DIMS; j++) {
        if (j == 0 || j == 3)
            continue;
        dims[j].levels = 1;
        dims[j].corner = -1;
    }
    o = new_optimizer("bayesian", &problem); /* 80 points */
    for (int t = 0; t < 80; t++) {
        ask(o, x);
        evaluate(o, &problem, x, y);
    }
    assert_int_equal(sofa_optimizer_ask(o, x, NULL), SOFA_E_EXHAUSTED);
    sofa_optimizer_free(o);
    dims[0].levels = dims[3].levels = 1;
    dims[0].corner = dims[3].corner = 0;
    o = new_optimizer("bayesian", &problem);
    ask(o, x);
    evaluate(o, &problem, x, y);
    assert_int_equal(sofa_optimizer_ask(o, x, NULL), SOFA_E_EXHAUSTED);
    sofa_optimizer_free(o);
}

static void nothing_allowed(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    chip_cheap(ctx, x, out);
    out->feasible = false;
}

static void a_space_without_a_feasible_point_ends_the_search_with_the_reason(void **state)
{
    struct sofa_opt_problem problem = chip_problem(11, 20);
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_optimizer *o;
    int x[DIMS];

    (void)state;
    problem.cheap = nothing_allowed;
    o = new_optimizer("bayesian", &problem);
    assert_int_equal(sofa_optimizer_ask(o, x, &err), SOFA_E_EXHAUSTED);
    assert_non_null(strstr(err.text, "constraints"));
    sofa_optimizer_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_scored_by_bounds_lead_where_exact_scores_lead),
        cmocka_unit_test(the_evidence_chooses_the_scale_of_the_loss),
        cmocka_unit_test(it_beats_random_search_in_hypervolume_for_every_seed),
        cmocka_unit_test(points_do_not_repeat_while_results_are_pending),
        cmocka_unit_test(broken_and_useless_results_do_not_stop_the_search),
        cmocka_unit_test(a_result_told_twice_counts_once_and_the_last_one_holds),
        cmocka_unit_test(draws_of_the_cheap_objectives_are_averaged),
        cmocka_unit_test(a_reference_that_no_design_reaches_is_replaced),
        cmocka_unit_test(without_reference_and_limit_it_takes_its_own),
        cmocka_unit_test(a_loss_that_is_only_limited_is_not_part_of_the_front),
        cmocka_unit_test(with_exact_objectives_only_it_needs_no_process),
        cmocka_unit_test(dimensions_of_one_level_and_spaces_of_one_point_work),
        cmocka_unit_test(a_space_without_a_feasible_point_ends_the_search_with_the_reason),
    };

    set_chip();
    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
