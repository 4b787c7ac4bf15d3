/* Opening a space with everything it names, and every way in which that goes wrong. */
#include "tests/unit/study/fixture.h"

#include <math.h>

#include "base/str.h"
#include "study/parts.h"

/* A space with the line of a key replaced. */
static void write_space(const char *workload, const char *hardware, const char *parameters, const char *objectives,
                        const char *constraints)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    fprintf(f, "version: 1\nname: test\nworkload: %s\nhardware: %s\nparameters: %s\nobjectives: %s\nconstraints: %s\n",
            workload, hardware, parameters, objectives, constraints);
    fclose(f);
}

static void expect_refused(int line, const char *with)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_problem *p = NULL;

    assert_int_equal(sofa_problem_open(file, NULL, &p, &err), SOFA_E_INPUT);
    assert_null(p);
    if (!strstr(err.text, with))
        fail_msg("'%s' doesn't say '%s'", err.text, with);
    assert_int_equal(err.line, line);
}

#define HARDWARE "sofa-28nm"
#define TILES "{tiles: {values: [2, 4]}}"

static void a_good_space_is_opened_with_its_slots(void **state)
{
    struct sofa_problem *p;

    (void)state;
    write_space(lm_workload(64), HARDWARE, TILES, "[latency, throughput]", "[\"accuracy_loss <= 2 %\", \"latency < 1 ms\"]");
    assert_int_equal(sofa_problem_open(file, NULL, &p, NULL), SOFA_OK);
    assert_int_equal(p->n_objectives, 2);
    assert_true(p->objective[0].sign == 1 && p->objective[1].sign == -1);
    assert_int_equal(p->n_slots, 3); /* the constrained accuracy has one of its own */
    assert_int_equal(p->uncertain, 2);
    assert_true(fabs(sofa_problem_limit(p, 2) - 0.02) < 1e-15 && fabs(sofa_problem_limit(p, 0) - 1e-3) < 1e-15);
    assert_true(isinf(sofa_problem_limit(p, 1)));
    assert_true(sofa_constraint_holds(&p->constraint[0], 0.02) && !sofa_constraint_holds(&p->constraint[0], NAN));
    assert_false(sofa_constraint_holds(&p->constraint[1], 1e-3));
    sofa_problem_free(p);
}

static void metrics_that_are_not_known_are_refused_with_a_suggestion(void **state)
{
    (void)state;
    write_space(lm_workload(64), HARDWARE, TILES, "[latncy]", "[]");
    expect_refused(6, "did you mean 'latency'");
    write_space(lm_workload(64), HARDWARE, TILES, "[latency]", "[\"qqq <= 3\"]");
    expect_refused(7, "unknown metric 'qqq'");
    write_space(lm_workload(64), HARDWARE, TILES, "[latency]", "[\"area <= 3 s\"]");
    expect_refused(7, "wrong dimension");
    write_space(lm_workload(64), HARDWARE, TILES, "[latency]", "[\"area\"]");
    expect_refused(7, "is not a constraint");
}

static void hardware_that_is_not_there_is_refused(void **state)
{
    (void)state;
    write_space(lm_workload(64), "nothing", TILES, "[latency]", "[]");
    expect_refused(4, "'nothing' is neither a file nor one of models/hardware");
}

static void a_checkpoint_that_does_not_fit_is_refused(void **state)
{
    char *folder = test_source_file("models/bytelm");
    char text[1024];

    (void)state;
    snprintf(text, sizeof text, "{checkpoint: %s, text: %s/heldout.bin, window: 100000}", folder, folder);
    write_space(text, HARDWARE, TILES, "[latency]", "[]");
    expect_refused(3, "a window of 100000 tokens");
    snprintf(text, sizeof text, "{checkpoint: %s, text: %s/heldout.bin, window: 1024, windows: 100000}", folder, folder);
    write_space(text, HARDWARE, TILES, "[latency]", "[]");
    expect_refused(3, "the text has");
    snprintf(text, sizeof text, "{checkpoint: %s, text: %s/heldout.bin}", folder, folder);
    write_space(text, HARDWARE, TILES, "[latency]", "[]");
    expect_refused(3, "'window' is missing");
    free(folder);
}

static void a_shape_has_no_accuracy(void **state)
{
    (void)state;
    write_space("bert-base-squad", HARDWARE, "{token_sram: {values: [64 KiB, 128 KiB]}}", "[latency, accuracy_loss]", "[]");
    expect_refused(6, "needs a workload with a 'checkpoint'");
}

static void layers_of_a_language_model_are_signals_of_its_loss(void **state)
{
    struct sofa_selection head[8] = {{.output_error = 0.1}, {.output_error = 0.3}, {.output_error = NAN}};
    const struct sofa_statistics measured = {.layers = 4, .heads = 2, .head = head};
    double signal[4];
    struct sofa_problem *p;

    (void)state;
    write_space(lm_workload(64), HARDWARE, TILES, "[latency, accuracy_loss]", "[]");
    assert_int_equal(sofa_problem_open(file, NULL, &p, NULL), SOFA_OK);
    assert_true(sofa_problem_signals(p));
    assert_int_equal(sofa_problem_parts(p), 4);
    assert_int_equal(p->level, SOFA_STATS_SAMPLE);
    sofa_problem_split(p, &measured, signal);
    assert_true(fabs(signal[0] - 0.05) < 1e-15 && isnan(signal[1]) && signal[2] == 0 && signal[3] == 0);
    sofa_problem_free(p);
    write_space(lm_workload(64), HARDWARE, TILES, "[latency, output_error]", "[]");
    assert_int_equal(sofa_problem_open(file, NULL, &p, NULL), SOFA_OK);
    assert_false(sofa_problem_signals(p));
    assert_int_equal(p->level, SOFA_STATS_ALL);
    sofa_problem_free(p);
    write_space(lm_workload(64), HARDWARE, TILES, "[latency]", "[]");
    assert_int_equal(sofa_problem_open(file, NULL, &p, NULL), SOFA_OK);
    assert_false(sofa_problem_signals(p));
    assert_int_equal(sofa_problem_parts(p), 0);
    assert_int_equal(p->level, SOFA_STATS_MODEL);
    sofa_problem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_good_space_is_opened_with_its_slots),
        CASE(metrics_that_are_not_known_are_refused_with_a_suggestion),
        CASE(hardware_that_is_not_there_is_refused),
        CASE(a_checkpoint_that_does_not_fit_is_refused),
        CASE(a_shape_has_no_accuracy),
        CASE(layers_of_a_language_model_are_signals_of_its_loss),
    };

    return STUDY_TESTS(tests);
}
