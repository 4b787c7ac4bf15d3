/* Explanations: every metric of the model has one, and it names its sources. */
#include "base/str.h"
#include "model/explain.h"
#include "tests/unit/model/fixture.h"

static struct sofa_workload workload;
static struct sofa_design design;
static struct sofa_statistics statistics;
static struct sofa_result result;
static struct sofa_explained what;

static int setup(void **state)
{
    struct sofa_selection s = {.density = 0.1, .union_share = 0.7, .naive_ratio = 1.5, .rass_ratio = 1.2, .union_all = 0.9};

    load_chip(state);
    load_workload("models/workloads/bert-base-squad.yaml", &workload);
    assert_int_equal(sofa_hardware_design(&hw, workload.layers, &design, NULL), SOFA_OK);
    assert_int_equal(sofa_statistics_init(&statistics, workload.layers, 1, &s, NULL), SOFA_OK);
    snprintf(statistics.source, sizeof statistics.source, "made up for a test");
    sofa_model_evaluate(&hw, &design, &workload, &statistics, &result);
    what = (struct sofa_explained){&hw, &design, &workload, &statistics, &result};
    return 0;
}

static int teardown(void **state)
{
    sofa_statistics_release(&statistics);
    return free_chip(state);
}

static void every_metric_of_the_model_is_explained_with_its_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < sofa_metric_count; i++) {
        struct sofa_str text = SOFA_STR_INIT;
        char value[SOFA_DOUBLE_TEXT_MAX];
        enum sofa_code rc = sofa_model_explain(&what, sofa_metrics[i].name, &text, NULL);

        if (sofa_metrics[i].source == SOFA_METRIC_MODEL) {
            assert_int_equal(rc, SOFA_OK);
            sofa_double_text(sofa_metric_value(&sofa_metrics[i], &result), value);
            if (!strstr(text.text, value))
                fail_msg("%s: %s isn't in its explanation", sofa_metrics[i].name, value);
        } else {
            assert_int_equal(rc, SOFA_E_USAGE);
        }
        sofa_str_release(&text);
    }
}

static void energy_names_the_source_of_each_of_its_constants(void **state)
{
    struct sofa_str text = SOFA_STR_INIT;

    (void)state;
    assert_int_equal(sofa_model_explain(&what, "energy", &text, NULL), SOFA_OK);
    assert_non_null(strstr(text.text, hw.technology.unit[SOFA_COMPONENT_SUFA_MAC].source));
    assert_non_null(strstr(text.text, hw.sram.scale_source));
    assert_non_null(strstr(text.text, hw.dram.source));
    assert_non_null(strstr(text.text, "made up for a test"));
    sofa_str_release(&text);
}

static void an_unknown_metric_or_an_impossible_design_is_refused(void **state)
{
    struct sofa_str text = SOFA_STR_INIT;
    struct sofa_result bad = {.feasible = false, .reason = "too small"};
    struct sofa_explained infeasible = what;
    struct sofa_err err = SOFA_ERR_INIT;

    (void)state;
    assert_int_equal(sofa_model_explain(&what, "speed", &text, &err), SOFA_E_USAGE);
    infeasible.result = &bad;
    assert_int_equal(sofa_model_explain(&infeasible, "energy", &text, &err), SOFA_E_EVAL);
    assert_non_null(strstr(err.text, "too small"));
    sofa_str_release(&text);
}

static void action_counts_are_yaml_with_every_component_that_worked(void **state)
{
    static const char *const names[] = {"shift_pe", "sads_core", "kv_mac", "sufa_mac", "token_sram", "dram"};
    struct sofa_document *document = NULL;
    struct sofa_str text = SOFA_STR_INIT;
    const struct sofa_node *root, *local;

    (void)state;
    sofa_model_action_counts(&what, &text);
    assert_int_equal(sofa_document_parse("counts", text.text, text.length, &document, NULL), SOFA_OK);
    root = sofa_node_get(sofa_document_root(document), "action_counts");
    local = sofa_node_get(root, "local");
    assert_non_null(local);
    for (size_t i = 0; i < COUNT(names); i++) {
        bool found = false;

        for (size_t k = 0; k < local->count; k++)
            found = found || strstr(sofa_node_get(local->item[k], "name")->text, names[i]);
        assert_true(found);
    }
    sofa_document_free(document);
    sofa_str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_metric_of_the_model_is_explained_with_its_value),
        cmocka_unit_test(energy_names_the_source_of_each_of_its_constants),
        cmocka_unit_test(an_unknown_metric_or_an_impossible_design_is_refused),
        cmocka_unit_test(action_counts_are_yaml_with_every_component_that_worked),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
