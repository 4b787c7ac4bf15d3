#include <gsl/gsl_errno.h>
#include <math.h>

#include "base/rng.h"
#include "opt/gp_impl.h"
#include "opt/optimizer.h"
#include "opt/pareto.h"
#include "opt/regions.h"
#include "tests/unit/test.h"

/* Four layers of a ratio and a tile count. */
#define DIMS 8
#define MANY 900

static struct sofa_opt_dim dim[DIMS];

static void set_dims(void)
{
    for (int j = 0; j < DIMS; j++)
        dim[j] = (struct sofa_opt_dim){.levels = j % 2 ? 8 : 10, .group = j % 2, .layer = j / 2, .corner = j % 2 ? 0 : 9};
}

static double loss_of(const int *x)
{
    double sum = 0;

    for (int j = 0; j < DIMS; j += 2)
        sum += (0.2 + 0.1 * j) * exp(-0.35 * x[j] + 0.08 * x[j + 1]);
    return sum + 0.02 * sin(x[0] + x[3]) - 0.01;
}

static void costs(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    double work = 0, tiles = 0;

    (void)ctx;
    for (int j = 0; j < DIMS; j += 2) {
        work += (1 + x[j]) * (1.5 - 0.1 * x[j + 1]);
        tiles += x[j + 1] * (1 + 0.1 * j);
    }
    out->y[0] = NAN;
    out->y[1] = work;
    out->y[2] = 5 + tiles;
    out->feasible = true;
}

static struct sofa_opt_problem problem_for(uint64_t seed, size_t budget, size_t from)
{
    return (struct sofa_opt_problem){.dims = DIMS, .dim = dim, .objectives = 3, .uncertain = 0, .limit = 0.8,
                                     .uncertain_is_objective = true, .reference = {0.8, 50, 40}, .cheap = costs,
                                     .seed = seed, .budget = budget, .regions_from = from};
}

/* The same where all is told by evaluations, the limit as a constraint. */
static struct sofa_opt_problem blackbox_for(uint64_t seed, size_t budget, size_t from)
{
    struct sofa_opt_problem problem = problem_for(seed, budget, from);

    problem.uncertain = SOFA_OPT_ALL_UNCERTAIN;
    problem.cheap = NULL;
    problem.constraints = 1;
    return problem;
}

static void random_point(gsl_rng *rng, int *x)
{
    for (int j = 0; j < DIMS; j++)
        x[j] = (int)sofa_rng_below(rng, (size_t)dim[j].levels);
}

struct posterior {
    double mean, sd;
};

static struct posterior predict(struct sofa_gp *gp, const int *x)
{
    struct posterior p;

    sofa_gp_predict(gp, 1, &x, &p.mean, &p.sd);
    return p;
}

/* Random data, and places around some of them: every third row and the `most` nearest stand for all. */
static void compare_posteriors(size_t most, double *mean_error, double *sd_ratio, double *spread)
{
    static int x[MANY * DIMS];
    static size_t rows[MANY];
    double z[MANY], posterior, errors = 0, ratios = 0;
    gsl_rng *rng = sofa_rng_new(11, 0);
    struct sofa_gp *full, *local;
    size_t n = 0;

    for (size_t i = 0; i < MANY; i++) {
        random_point(rng, x + i * DIMS);
        z[i] = log(loss_of(x + i * DIMS) + 0.1);
    }
    assert_int_equal(sofa_gp_new(DIMS, dim, true, &full, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_new(DIMS, dim, true, &local, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_data(full, 150, x, z, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_fit(full, SOFA_GP_FROM_MODE, 30, &posterior, NULL), SOFA_OK);
    memcpy(sofa_gp_theta(local), sofa_gp_theta(full), sofa_gp_theta_count(full) * sizeof(double));
    assert_int_equal(sofa_gp_data(full, MANY, x, z, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_condition(full, 0, NULL, 1, NULL, NULL), SOFA_OK);
    assert_int_equal(sofa_gp_survey(local, MANY, x, z, NULL), SOFA_OK);
    for (size_t i = 0; i < MANY; i += 3)
        rows[n++] = i;
    assert_int_equal(sofa_gp_take(local, n, rows, NULL), SOFA_OK);
    for (int t = 0; t < 40; t++) {
        int at[DIMS];
        struct posterior a, b;

        memcpy(at, x + sofa_rng_below(rng, MANY) * DIMS, sizeof at);
        at[t % DIMS] = at[t % DIMS] ? at[t % DIMS] - 1 : 1;
        assert_int_equal(sofa_gp_take_nearest(local, at, most, NULL), SOFA_OK);
        assert_int_equal(sofa_gp_condition(local, 0, NULL, 1, NULL, NULL), SOFA_OK);
        assert_int_equal(sofa_gp_points(local), most < MANY - n ? n + most : MANY);
        a = predict(full, at);
        b = predict(local, at);
        assert_true(b.sd > (1 - 1e-6) * a.sd); /* fewer data never tell more */
        errors += fabs(a.mean - b.mean);
        ratios += b.sd / a.sd;
    }
    *mean_error = errors / 40;
    *sd_ratio = ratios / 40;
    *spread = sofa_gp_spread(full);
    assert_true(most == MANY || local->capacity < MANY); /* no matrix of all rows */
    sofa_gp_free(full);
    sofa_gp_free(local);
    gsl_rng_free(rng);
}

static void the_nearest_results_predict_as_all_of_them_do(void **state)
{
    double all, some, none, ratio_all, ratio_some, ratio_none, spread;

    (void)state;
    compare_posteriors(MANY, &all, &ratio_all, &spread);
    compare_posteriors(128, &some, &ratio_some, &spread);
    compare_posteriors(0, &none, &ratio_none, &spread);
    if (!(all < 1e-6 * spread && fabs(ratio_all - 1) < 1e-4))
        fail_msg("with all of them: %g of %g, deviations %g times", all, spread, ratio_all);
    if (!(some < 0.02 * spread && ratio_some < 1.25))
        fail_msg("with 128: %g of %g, deviations %g times", some, spread, ratio_some);
    assert_true(some < none && ratio_some < ratio_none);
}

/* The hypervolume after `half` and after all of `budget` evaluations, `pending` of them under way; the points to x. */
static void search(const struct sofa_opt_problem *problem, size_t half, size_t pending, int *x, double *volume)
{
    size_t budget = problem->budget, n = 0;
    double *y = calloc(budget * 3, sizeof *y);
    struct sofa_opt_cheap cheap;
    struct sofa_optimizer *o;

    assert_int_equal(sofa_optimizer_new("bayesian", problem, &o, NULL), SOFA_OK);
    for (size_t t = 0; t < budget + pending; t++) {
        if (t < budget)
            assert_int_equal(sofa_optimizer_ask(o, x + t * DIMS, NULL), SOFA_OK);
        if (t >= pending) {
            const int *told = x + (t - pending) * DIMS;
            double beyond = loss_of(told) - problem->limit;
            bool good = beyond <= 0;

            costs(NULL, told, &cheap);
            cheap.y[0] = loss_of(told);
            assert_int_equal(sofa_optimizer_tell_all(o, told, cheap.y, problem->constraints ? &beyond : NULL,
                                                     good ? SOFA_OPT_DONE : SOFA_OPT_INFEASIBLE, NULL), SOFA_OK);
            if (good)
                memcpy(y + 3 * n++, cheap.y, 3 * sizeof *y);
        }
        if (t == half)
            assert_int_equal(sofa_hypervolume(y, n, 3, problem->reference, &volume[0], NULL), SOFA_OK);
    }
    assert_int_equal(sofa_hypervolume(y, n, 3, problem->reference, &volume[1], NULL), SOFA_OK);
    sofa_optimizer_free(o);
    free(y);
}

#define BUDGET 110
#define HALF 60

typedef struct sofa_opt_problem problem_fn(uint64_t seed, size_t budget, size_t from);

static void check_across_the_border(problem_fn *problem_for_seed, uint64_t seed)
{
    static int x[2][BUDGET * DIMS];
    struct sofa_opt_problem near = problem_for_seed(seed, BUDGET, HALF), whole = problem_for_seed(seed, BUDGET, 0);
    double local[2], global[2];

    search(&near, HALF, 0, x[0], local);
    search(&whole, HALF, 0, x[1], global);
    assert_memory_equal(x[0], x[1], HALF * DIMS * sizeof *x[0]);
    assert_true(memcmp(x[0], x[1], sizeof x[0]) != 0);
    assert_true(local[0] == global[0]);
    if (!(local[1] > local[0] + 0.8 * (global[1] - global[0])))
        fail_msg("seed %d: %g to %g, without the border %g", (int)seed, local[0], local[1], global[1]);
    for (size_t i = 0; i < BUDGET; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(memcmp(x[0] + i * DIMS, x[0] + k * DIMS, DIMS * sizeof *x[0]) != 0);
}

static void a_search_goes_on_finding_across_the_border(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        check_across_the_border(problem_for, seed);
}

static void so_does_one_where_all_is_uncertain(void **state)
{
    (void)state;
    check_across_the_border(blackbox_for, 1);
}

static void beyond_the_border_a_seed_still_gives_one_search(void **state)
{
    static int x[2][80 * DIMS];
    problem_fn *const kinds[] = {problem_for, blackbox_for};
    double volume[2][2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sofa_opt_problem problem = kinds[i](4, 80, 50);

        for (int k = 0; k < 2; k++)
            search(&problem, 40, 4, x[k], volume[k]);
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        assert_true(volume[0][1] == volume[1][1] && volume[0][1] > volume[0][0]);
    }
}

/* Results that were told before the first question, some of them of points that don't work; then one is told anew. */
static void a_black_box_may_begin_beyond_the_border(void **state)
{
    struct sofa_opt_problem problem = blackbox_for(6, 320, 200);
    struct sofa_opt_cheap cheap;
    struct sofa_optimizer *o;
    gsl_rng *rng = sofa_rng_new(6, 0);
    size_t broken = 0;
    double beyond;
    int x[DIMS];

    (void)state;
    assert_int_equal(sofa_optimizer_new("bayesian", &problem, &o, NULL), SOFA_OK);
    for (size_t t = 0; t < 320; t++) {
        if (t < 300)
            random_point(rng, x);
        else
            assert_int_equal(sofa_optimizer_ask(o, x, NULL), SOFA_OK);
        broken += t >= 300 && x[0] == 3;
        costs(NULL, x, &cheap);
        cheap.y[0] = loss_of(x);
        beyond = cheap.y[0] - problem.limit;
        assert_int_equal(sofa_optimizer_tell_all(o, x, x[0] == 3 ? NULL : cheap.y, x[0] == 3 ? NULL : &beyond, SOFA_OPT_DONE,
                                                 NULL), SOFA_OK);
        if (t == 310) {
            random_point(rng, x);
            x[0] = 3;
            for (int k = 0; k < 2; k++)
                assert_int_equal(sofa_optimizer_tell_all(o, x, cheap.y, &beyond, SOFA_OPT_INFEASIBLE, NULL), SOFA_OK);
        }
    }
    assert_non_null(strstr(sofa_optimizer_state(o), "by neighbours"));
    assert_true(broken <= 2); /* of 20; at random two */
    sofa_optimizer_free(o);
    gsl_rng_free(rng);
}

static bool everything_counts(const struct sofa_optimizer *o, size_t trial)
{
    return o->trials[trial].state == SOFA_TRIAL_DONE;
}

static void copy_row(const struct sofa_optimizer *o, size_t trial, double *y)
{
    memcpy(y, o->trials[trial].y, 3 * sizeof *y);
}

static void regions_stay_on_the_lattice_and_follow_success(void **state)
{
    struct sofa_opt_problem problem = problem_for(5, 100, 1);
    struct sofa_regions regions;
    struct sofa_optimizer *o;
    gsl_rng *rng = sofa_rng_new(5, 0);
    double first, least, y[3] = {0, 0, 0};
    int x[DIMS], inside[4 * DIMS];

    (void)state;
    assert_int_equal(sofa_optimizer_new("random", &problem, &o, NULL), SOFA_OK);
    assert_int_equal(sofa_regions_init(&regions, DIMS, NULL), SOFA_OK);
    first = least = regions.length;
    for (int t = 0; t < 60; t++) { /* ever worse results, then ever better ones */
        assert_int_equal(sofa_optimizer_ask(o, x, NULL), SOFA_OK);
        y[0] = y[1] = y[2] = t < 20 ? t : -t;
        assert_int_equal(sofa_optimizer_tell(o, x, y, SOFA_OPT_DONE, NULL), SOFA_OK);
        assert_int_equal(sofa_regions_update(&regions, o, 3, everything_counts, copy_row, NULL), SOFA_OK);
        assert_int_equal(regions.front_n, 1);
        least = regions.length < least ? regions.length : least;
        random_point(rng, x);
        sofa_regions_place(&regions, o, x);
        for (int j = 0; j < DIMS; j++)
            assert_true(regions.box.low[j] >= 0 && regions.box.low[j] <= x[j] && x[j] <= regions.box.high[j] &&
                        regions.box.high[j] < dim[j].levels && regions.box.low[j] < regions.box.high[j]);
    }
    assert_true(least < 0.5 * first && regions.length > 1.5 * least);
    sofa_regions_place(&regions, o, sofa_lattice_point(&o->seen, regions.front[0]));
    assert_int_equal(sofa_regions_inside(&regions, o, inside, 4), 1);
    sofa_regions_release(&regions);
    sofa_optimizer_free(o);
    gsl_rng_free(rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_results_predict_as_all_of_them_do),
        cmocka_unit_test(a_search_goes_on_finding_across_the_border),
        cmocka_unit_test(so_does_one_where_all_is_uncertain),
        cmocka_unit_test(a_black_box_may_begin_beyond_the_border),
        cmocka_unit_test(beyond_the_border_a_seed_still_gives_one_search),
        cmocka_unit_test(regions_stay_on_the_lattice_and_follow_success),
    };

    set_dims();
    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
