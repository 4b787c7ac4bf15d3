/* The tables behind the bench's own spaces (bench/opt/table.h). */
#include <gsl/gsl_errno.h>
#include <math.h>

#include "base/rng.h"
#include "bench/opt/table.h"
#include "study/evaluate.h"
#include "tests/unit/test.h"

static void open_table(struct table *table, const char *space, const char *rows)
{
    char *space_file = test_source_file(space), *rows_file = test_source_file(rows), *top = test_source_file(".");
    struct sofa_err err = SOFA_ERR_INIT;

    setenv("SOFA_DSE_DATA", top, 1);
    if (table_open(space_file, table, &err) != SOFA_OK || table_read(rows_file, table, &err) != SOFA_OK)
        fail_msg("%s: %s", space, err.text);
    free(space_file);
    free(rows_file);
    free(top);
}

static void random_point(const struct table *table, gsl_rng *rng, int *x)
{
    for (size_t j = 0; j < table->problem->space->dims; j++)
        x[j] = (int)sofa_rng_below(rng, (size_t)table->problem->space->dim[j].levels);
}

static void a_table_of_synthetic_rows_gives_what_the_program_evaluates(void **state)
{
    static const char *const metric[] = {"latency", "energy"};
    struct table table;
    struct sofa_evaluator evaluator;
    struct sofa_evaluation e;
    struct sofa_design design;
    gsl_rng *rng = sofa_rng_new(4, 0);
    double value[2], expected;
    int x[24];

    (void)state;
    open_table(&table, "spaces/bert-base-tiles.yaml", "bench/opt/bert24.csv");
    assert_int_equal(table.problem->space->dims, 24);
    assert_int_equal(sofa_evaluator_init(&evaluator, table.problem, NULL, NULL, NULL), SOFA_OK);
    for (int i = 0; i < 3; i++) {
        random_point(&table, rng, x);
        sofa_space_design(table.problem->space, x, &design);
        assert_int_equal(sofa_evaluate_design(&evaluator, (size_t)i, &design, &e, NULL), SOFA_OK);
        table_metrics(&table, x, 2, metric, value);
        for (int k = 0; k < 2; k++) {
            expected = sofa_problem_value(table.problem, sofa_problem_metric(table.problem, metric[k]), e.metric);
            assert_true(fabs(value[k] - expected) < 1e-5 * expected);
        }
        expected = sofa_problem_value(table.problem, sofa_problem_metric(table.problem, "output_error"), e.metric);
        assert_true(fabs(table_loss(&table, x) - expected) < 1e-5 * expected);
    }
    sofa_evaluator_release(&evaluator);
    table_close(&table);
    gsl_rng_free(rng);
}

static void the_most_accurate_corner_has_the_least_loss_of_a_table(void **state)
{
    struct table table;
    int x[70], corner[70];
    gsl_rng *rng = sofa_rng_new(5, 0);

    (void)state;
    open_table(&table, "bench/opt/deep70.yaml", "bench/opt/deep70.csv");
    assert_int_equal(table.problem->space->dims, 70);
    for (size_t j = 0; j < 70; j++)
        corner[j] = table_corner(&table, j) < 0 ? 0 : table_corner(&table, j);
    assert_true(fabs(table_loss(&table, corner) - table.base) < 1e-6);
    for (int i = 0; i < 100; i++) {
        random_point(&table, rng, x);
        assert_true(table_loss(&table, x) > table.base);
    }
    table_close(&table);
    gsl_rng_free(rng);
}

static void a_table_that_lacks_rows_is_refused(void **state)
{
    char *space = test_source_file("spaces/bert-base-tiles.yaml");
    struct sofa_err err = SOFA_ERR_INIT;
    struct table table;

    (void)state;
    assert_int_equal(table_open(space, &table, &err), SOFA_OK);
    assert_int_equal(table_read("/dev/null", &table, &err), SOFA_E_INPUT);
    table_close(&table);
    free(space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_of_synthetic_rows_gives_what_the_program_evaluates),
        cmocka_unit_test(the_most_accurate_corner_has_the_least_loss_of_a_table),
        cmocka_unit_test(a_table_that_lacks_rows_is_refused),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
