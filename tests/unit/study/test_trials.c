/* The front that a study keeps, trial by trial, against the front of all trials at once. */
#include "tests/unit/test.h"

#include <math.h>

#include "opt/pareto.h"
#include "study/trials.h"

#define TRIALS 400

static struct sofa_space space; /* no axes: only the objectives matter here */

static void make_problem(struct sofa_problem *p, size_t objectives)
{
    memset(p, 0, sizeof *p);
    p->space = &space;
    p->metric = sofa_metrics;
    p->n_metrics = sofa_metric_count;
    p->n_objectives = p->n_slots = objectives;
    for (size_t i = 0; i < objectives; i++)
        p->objective[i] = (struct sofa_problem_objective){&sofa_metrics[i], 1, NAN};
}

/* Every seventh is infeasible, every eleventh has no value, and many are equal. */
static void take_one(struct sofa_study *s, size_t id, const double *y)
{
    struct sofa_trial t = {.id = id};

    assert_int_equal(sofa_trial_new(&t, s->problem, &(int){0}, NULL), SOFA_OK);
    memcpy(t.y, y, s->problem->n_slots * sizeof *y);
    t.status = id % 7 == 3 ? SOFA_TRIAL_INFEASIBLE : SOFA_TRIAL_FEASIBLE;
    if (id % 11 == 5)
        t.y[0] = NAN;
    assert_int_equal(sofa_study_take(s, &t, NULL), SOFA_OK);
    sofa_trial_release(&t);
}

static void compare(const struct sofa_study *s, const double *all, size_t m)
{
    double y[TRIALS * 4], volume = -1;
    size_t id[TRIALS], n = 0, front = 0;
    bool on[TRIALS];

    for (size_t i = 0; i < TRIALS; i++) {
        if (i % 7 == 3 || i % 11 == 5)
            continue;
        memcpy(y + n * m, all + i * m, m * sizeof *y);
        id[n++] = i;
    }
    assert_int_equal(sofa_pareto_front(y, n, m, on, NULL), SOFA_OK);
    for (size_t i = 0; i < n; i++) {
        bool found = false;

        for (size_t j = 0; j < s->n_front; j++)
            found = found || s->front[j] == id[i];
        assert_int_equal(found, on[i]);
        front += on[i];
    }
    assert_int_equal(s->n_front, front);
    for (size_t j = 1; j < s->n_front; j++)
        assert_true(s->trial[s->front[j - 1]].y[0] <= s->trial[s->front[j]].y[0]);
    assert_int_equal(sofa_hypervolume(y, n, m, s->reference, &volume, NULL), SOFA_OK);
    assert_true(fabs(volume - s->hypervolume) <= 1e-12 * volume);
}

static void the_front_kept_is_the_front_of_all(void **state)
{
    (void)state;
    for (size_t m = 1; m <= 4; m++) {
        struct sofa_study *s = calloc(1, sizeof *s);
        struct sofa_problem p;
        double all[TRIALS * 4];
        unsigned bits = 12345u + (unsigned)m;

        make_problem(&p, m);
        s->problem = &p;
        for (size_t i = 0; i < 4; i++)
            s->reference[i] = 1.1;
        for (size_t i = 0; i < TRIALS; i++) {
            for (size_t o = 0; o < m; o++) {
                bits = bits * 1664525u + 1013904223u;
                all[i * m + o] = (double)(bits >> 24) / 256; /* coarse: ties */
            }
            take_one(s, i, all + i * m);
        }
        compare(s, all, m);
        sofa_study_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_front_kept_is_the_front_of_all)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
