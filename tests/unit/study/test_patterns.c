/* Designs with patterns of keys, from the space's file to the metrics. */
#include "tests/unit/study/fixture.h"

#include <math.h>

#include "model/simulator.h"
#include "study/evaluate.h"
#include "study/patterns.h"

static struct sofa_evaluator kept[16]; /* a test's: their arenas hold what evaluations point to */
static size_t n_kept;

static int release_kept(void **state)
{
    for (size_t i = 0; i < n_kept; i++)
        sofa_evaluator_release(&kept[i]);
    n_kept = 0;
    return remove_file(state);
}

static enum sofa_code open_space(const char *workload, const char *parameters, const char *rest, struct sofa_problem **p,
                                 struct sofa_err *err)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    fprintf(f, "version: 1\nname: test\nworkload: %s\nhardware: sofa-28nm\n%s\nparameters: {%s}\n", workload, rest, parameters);
    fclose(f);
    return sofa_problem_open(file, NULL, p, err);
}

static struct sofa_problem *open_good(const char *workload, const char *parameters, const char *objectives)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_problem *p = NULL;

    if (open_space(workload, parameters, objectives, &p, &err) != SOFA_OK ||
        sofa_problem_measure_dense(p, NULL, &err) != SOFA_OK)
        fail_msg("%d:%d: %s", err.line, err.column, err.text);
    return p;
}

static struct sofa_evaluation evaluate(struct sofa_problem *p, const int *x)
{
    struct sofa_evaluator *evaluator = &kept[n_kept++];
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_evaluation e;
    struct sofa_design design;
    double cycles, bytes;

    sofa_space_design(p->space, x, &design);
    if (sofa_evaluator_init(evaluator, p, NULL, NULL, &err) != SOFA_OK ||
        sofa_evaluate_design(evaluator, 0, &design, &e, &err) != SOFA_OK)
        fail_msg("%s", err.text);
    assert_true(e.feasible);
    assert_int_equal(sofa_simulate(&p->hardware, &design, &p->workload, &e.selection, &cycles, &bytes, NULL), SOFA_OK);
    assert_true(fabs(e.result.cycles / cycles - 1) < 0.1 && fabs(e.result.dram_bytes / bytes - 1) < 1e-9);
    return e;
}

static double value(const struct sofa_problem *p, const struct sofa_evaluation *e, const char *name)
{
    return sofa_problem_value(p, sofa_problem_metric(p, name), e->metric);
}

static void a_static_pattern_costs_no_prediction_and_none_is_as_before(void **state)
{
    struct sofa_problem *p = open_good(lm_workload(256), "pattern: [none, window:32, window:256, window:64/topk], topk: 20 %, tiles: 4",
                                       "objectives: [latency, accuracy_loss, output_error]");
    struct sofa_problem *bare = open_good(lm_workload(256), "topk: [20 %, 30 %], tiles: 4", "objectives: [latency, accuracy_loss, output_error]");
    struct sofa_evaluation none = evaluate(p, (int[]){0}), before = evaluate(bare, (int[]){0});
    struct sofa_evaluation narrow = evaluate(p, (int[]){1}), wide = evaluate(p, (int[]){2});
    struct sofa_evaluation inside = evaluate(p, (int[]){3});
    double pairs = 256 * 257 / 2;

    (void)state;
    assert_memory_equal(none.metric, before.metric, p->n_metrics * sizeof *none.metric);
    assert_true(narrow.result.stage_cycles[SOFA_STAGE_SORT] == 0 && narrow.result.energy[SOFA_ENERGY_PREDICTION] == 0);
    assert_true(none.result.stage_cycles[SOFA_STAGE_SORT] > inside.result.stage_cycles[SOFA_STAGE_SORT]);
    assert_true(inside.result.stage_cycles[SOFA_STAGE_SORT] > 0);
    assert_true(fabs(value(p, &narrow, "density") - (256 * 33 - 33 * 32 / 2) / pairs) < 1e-12);
    assert_true(value(p, &wide, "density") == 1);
    assert_true(value(p, &inside, "density") < value(p, &none, "density"));
    assert_true(fabs(value(p, &wide, "accuracy_loss")) < 1e-4); /* all keys, in the formal precision */
    assert_true(value(p, &wide, "output_error") < 1e-3);
    assert_true(value(p, &narrow, "accuracy_loss") > value(p, &wide, "accuracy_loss"));
    sofa_problem_free(p);
    sofa_problem_free(bare);
}

static void what_the_kernel_measures_of_a_static_pattern_is_what_is_counted(void **state)
{
    struct sofa_problem *p = open_good(lm_workload(256), "pattern: [longformer:20:3, strided:6], softmax: descending", "objectives: [latency]");

    (void)state;
    for (int x = 0; x < 2; x++) {
        struct sofa_evaluation e = evaluate(p, &x);

        for (int l = 0; l < p->workload.layers; l++) {
            const struct sofa_spans *s = e.selection.spans[l];

            for (int h = 0; h < e.selection.heads; h++) {
                const struct sofa_selection *m = &e.selection.head[l * e.selection.heads + h];

                assert_true(m->density == 1 && m->union_share == 1 && m->clipped == 0 && m->mispredicted == 0);
                assert_true(fabs(m->naive_ratio - s->naive_ratio) < 1e-12 && fabs(m->rass_ratio - s->rass_ratio) < 1e-12);
                assert_true(fabs(m->union_all - s->keys / p->workload.keys) < 1e-12);
            }
        }
    }
    sofa_problem_free(p);
}

static void layers_mix_and_say_so(void **state)
{
    struct sofa_problem *p = open_good(lm_workload(256), "pattern: {each: layer, values: [none, window:32]}, topk: 20 %, tiles: 4",
                                       "objectives: [latency, accuracy_loss]");
    const int x[] = {1, 0, 0, 1};
    struct sofa_evaluation e = evaluate(p, x), all = evaluate(p, (int[]){0, 0, 0, 0});
    struct sofa_design design;
    char text[200];

    (void)state;
    assert_true(e.selection.spans[0] && !e.selection.spans[1] && !e.selection.spans[2] && e.selection.spans[3]);
    assert_true(e.result.stage_cycles[SOFA_STAGE_SCORES] * 2 == all.result.stage_cycles[SOFA_STAGE_SCORES]);
    sofa_space_design(p->space, x, &design);
    sofa_evaluate_design_source(p, &design, sofa_problem_metric(p, "latency"), text, sizeof text);
    assert_non_null(strstr(text, "statistics measured; static pattern in 2 of 4 layers"));
    sofa_problem_free(p);
}

/* Equal settings are measured once: a setting without effect makes no other design. */
static void a_setting_without_effect_is_measured_once(void **state)
{
    struct sofa_problem *p = open_good(lm_workload(256), "pattern: window:32, topk: [10 %, 20 %], tiles: [2, 4]",
                                       "objectives: [latency, accuracy_loss]");
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_measurements *measurements;
    struct sofa_design a, b;
    struct sofa_measured first, second;

    (void)state;
    assert_int_equal(sofa_measurements_new(4, &measurements, NULL), SOFA_OK);
    sofa_space_design(p->space, (int[]){0, 0}, &a);
    sofa_space_design(p->space, (int[]){1, 1}, &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(sofa_measure(p, &a, measurements, NULL, &arena, &first, NULL), SOFA_OK);
    assert_int_equal(sofa_measure(p, &b, measurements, NULL, &arena, &second, NULL), SOFA_OK);
    assert_true(first.loss.nats_per_token == second.loss.nats_per_token);
    sofa_measurements_free(measurements);
    sofa_problem_free(p);
    sofa_arena_release(&arena);
}

static void shapes_take_patterns_with_synthetic_rows_and_static_ones_with_given_statistics(void **state)
{
    struct sofa_problem *p = open_good("{name: bert-base-squad, synthetic: {tokens: 128}}",
                                       "pattern: [none, window:32, window:64/topk], topk: 20 %, tiles: 4", "objectives: [latency, mass]");
    struct sofa_evaluation none = evaluate(p, (int[]){0}), fixed = evaluate(p, (int[]){1});
    struct sofa_evaluation inside = evaluate(p, (int[]){2});

    (void)state;
    assert_true(fixed.result.stage_cycles[SOFA_STAGE_SORT] == 0);
    assert_true(fixed.selection.spans[0]->queries == 384); /* the workload's, not the 128 that the kernel ran on */
    assert_true(inside.result.stage_cycles[SOFA_STAGE_SORT] < none.result.stage_cycles[SOFA_STAGE_SORT]);
    sofa_problem_free(p);
    p = open_good("{name: bert-base-squad, statistics: synthetic-k100}", "pattern: [none, window:32], topk: 10 %, token_sram: [64 KiB, 128 KiB]",
                  "objectives: [latency, energy]");
    fixed = evaluate(p, (int[]){1, 0});
    assert_true(fixed.result.stage_cycles[SOFA_STAGE_SORT] == 0 && fixed.selection.spans[0]->rass_ratio >= 1);
    sofa_problem_free(p);
}

static void what_cannot_be_had_is_refused_at_its_place(void **state)
{
    static const struct {
        const char *workload, *parameters, *rest;
        int column;
        const char *reason;
    } cases[] = {
        {NULL, "pattern: [none, global_rows:4]", "objectives: [latency]", 30, "leaves query 4 without a key"},
        {"{name: bert-base-squad, statistics: synthetic-k100}", "pattern: [none, window:9/topk]", "objectives: [latency]", 30,
         "a fixed pattern needs none"},
        {NULL, "pattern: window:9", "objective: paper\nalpha: 1\nbeta: 1", 23, "knows no patterns"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        struct sofa_problem *p = NULL;

        assert_int_equal(open_space(cases[i].workload ? cases[i].workload : lm_workload(256), cases[i].parameters, cases[i].rest, &p, &err),
                         SOFA_E_INPUT);
        assert_null(p);
        if (err.column != cases[i].column || !strstr(err.text, cases[i].reason))
            fail_msg("case %zu: %d:%d: %s", i, err.line, err.column, err.text);
    }
}

#define KEPT(f) CASE_THEN(f, release_kept)
int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT(a_static_pattern_costs_no_prediction_and_none_is_as_before),
        KEPT(what_the_kernel_measures_of_a_static_pattern_is_what_is_counted),
        KEPT(layers_mix_and_say_so),
        KEPT(a_setting_without_effect_is_measured_once),
        KEPT(shapes_take_patterns_with_synthetic_rows_and_static_ones_with_given_statistics),
        KEPT(what_cannot_be_had_is_refused_at_its_place),
    };

    return STUDY_TESTS(tests);
}
