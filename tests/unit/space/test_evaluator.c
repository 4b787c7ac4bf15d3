/* Spaces with an outside evaluator: their own table of parameters, and the lattice it gives. */
#include "tests/unit/space/fixture.h"

#include <cjson/cJSON.h>
#include <math.h>

#define EVALUATOR "version: 1\nname: x\nevaluator: {command: [./model, --fast, 3], timeout: 500 ms, metrics: [g1]}\n"
#define OBJECTIVES "objectives: [f1, {name: f2, maximize: true, unit: J, reference: 2 J}]\nconstraints: [\"g1 <= 3\"]\n"

static struct sofa_space *with(const char *parameters)
{
    char text[1024];

    snprintf(text, sizeof text, "%sparameters: {%s}\n%s", EVALUATOR, parameters, OBJECTIVES);
    return bound(text, 0);
}

static void an_evaluator_is_read_with_its_command_timeout_and_metrics(void **state)
{
    struct sofa_space *space = with("a: [1, 2]");

    (void)state;
    assert_string_equal(space->evaluator.command[0], "./model");
    assert_string_equal(space->evaluator.command[2], "3");
    assert_null(space->evaluator.command[3]);
    assert_string_equal(space->evaluator.folder, "/tmp");
    assert_true(space->evaluator.timeout_s == 0.5);
    assert_int_equal(space->evaluator.n_metrics, 1);
    assert_string_equal(space->objective[1].unit, "J");
    assert_int_equal(space->objective[1].goal, -1);
    assert_string_equal(space->objective[1].reference->text, "2 J");
    sofa_space_free(space);
}

static void parameters_get_the_kind_and_base_unit_of_their_values(void **state)
{
    static const struct {
        const char *values, *unit;
        enum sofa_parameter_kind kind;
        int levels;
        double first, last;
    } cases[] = {
        {"{range: [1, 8]}", "1", SOFA_PARAMETER_INTEGER, 8, 1, 8},
        {"{range: [-4, 4], step: 2}", "1", SOFA_PARAMETER_INTEGER, 5, -4, 4},
        {"{range: [0, 1], step: 0.1}", "1", SOFA_PARAMETER_NUMBER, 11, 0, 1},
        {"{range: [1e3, 3e3], step: 1e3}", "1", SOFA_PARAMETER_NUMBER, 3, 1000, 3000},
        {"[0.5, 0.25, 1]", "1", SOFA_PARAMETER_NUMBER, 3, 0.25, 1},
        {"{values: [5 %, 10 %]}", "1", SOFA_PARAMETER_NUMBER, 2, 0.05, 0.1},
        {"[64 KiB, 4 KiB]", "B", SOFA_PARAMETER_NUMBER, 2, 4096, 65536},
        {"{range: [1 GHz, 2 GHz], step: 500 MHz}", "Hz", SOFA_PARAMETER_NUMBER, 3, 1e9, 2e9},
        {"[1 GB/s, 2 GB/s]", "B/s", SOFA_PARAMETER_NUMBER, 2, 1e9, 2e9},
        {"[1 mm2, 2 mm2]", "m2", SOFA_PARAMETER_NUMBER, 2, 1e-6, 2e-6},
        {"[1 GOPS/W, 2 GOPS/W]", "OP/J", SOFA_PARAMETER_NUMBER, 2, 1e9, 2e9},
        {"[4, inf]", "1", SOFA_PARAMETER_NUMBER, 2, 4, INFINITY},
        {"[slow, fast, exact]", "1", SOFA_PARAMETER_CHOICE, 3, 0, 2},
        {"[3x3, 5x5]", "1", SOFA_PARAMETER_CHOICE, 2, 0, 1},
        {"[\"1\", \"2\"]", "1", SOFA_PARAMETER_CHOICE, 2, 0, 1},
        {"[\"true\", \"64 Ki\"]", "1", SOFA_PARAMETER_CHOICE, 2, 0, 1},
        {"[4000000000, 5000000000]", "1", SOFA_PARAMETER_NUMBER, 2, 4e9, 5e9},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sofa_space_dim *d;
        struct sofa_space *space;
        char text[128];

        snprintf(text, sizeof text, "a: %s", cases[i].values);
        space = with(text);
        assert_int_equal(space->dims, 1);
        d = &space->dim[0];
        assert_int_equal(d->parameter->kind, cases[i].kind);
        assert_string_equal(d->parameter->unit, cases[i].unit);
        assert_int_equal(d->levels, cases[i].levels);
        assert_true(fabs(d->value[0] - cases[i].first) <= 1e-15 * fabs(cases[i].first));
        assert_true(d->value[d->levels - 1] == cases[i].last ||
                    fabs(d->value[d->levels - 1] - cases[i].last) <= 1e-15 * fabs(cases[i].last));
        sofa_space_free(space);
    }
}

static void numbers_of_a_range_are_those_one_would_write(void **state)
{
    struct sofa_space *space = with("a: {range: [0, 1], step: 0.1}");

    (void)state;
    assert_true(space->dim[0].value[3] == 0.3);
    assert_true(space->dim[0].value[7] == 0.7);
    sofa_space_free(space);
}

static void a_design_holds_every_parameter_and_begins_with_the_first_values(void **state)
{
    struct sofa_space *space = with("a: [2, 1], size: 4 KiB, mode: [fast, exact], n: {range: [1, 4]}");
    struct sofa_design design = space->base;
    const int x[] = {1, 1, 3};
    cJSON *json;

    (void)state;
    assert_int_equal(space->dims, 3);
    assert_true(sofa_space_points(space) == 2 * 2 * 4);
    assert_true(sofa_parameter_value(&space->parameter[0], -1, &design) == 1);
    assert_true(sofa_parameter_value(&space->parameter[1], -1, &design) == 4096);
    assert_true(sofa_parameter_value(&space->parameter[2], -1, &design) == 0);
    sofa_space_design(space, x, &design);
    assert_true(sofa_parameter_value(&space->parameter[0], -1, &design) == 2);
    assert_true(sofa_parameter_value(&space->parameter[3], -1, &design) == 4);
    json = sofa_parameter_json(&space->parameter[2], sofa_parameter_value(&space->parameter[2], -1, &design));
    assert_string_equal(cJSON_GetStringValue(json), "exact");
    cJSON_Delete(json);
    sofa_space_free(space);
}

static void values_are_set_within_the_space_alone(void **state)
{
    struct sofa_space *space = with("a.b: {range: [0, 1], step: 0.5}, a: [1, 2], size: [4 KiB, 8 KiB], mode: [fast, exact]");
    struct sofa_design design = space->base;

    (void)state;
    assert_int_equal(sofa_space_set(space, "a.b=0.33", &design, NULL), SOFA_OK);
    assert_true(sofa_parameter_value(&space->parameter[0], -1, &design) == 0.33);
    assert_int_equal(sofa_space_set(space, "size=6 KiB", &design, NULL), SOFA_OK);
    assert_true(sofa_parameter_value(&space->parameter[2], -1, &design) == 6144);
    assert_int_equal(sofa_space_put(space, "size", "5000", true, &design, NULL), SOFA_OK);
    assert_int_equal(sofa_space_set(space, "size=6000", &design, NULL), SOFA_E_USAGE);
    assert_int_equal(sofa_space_set(space, "size=1 MiB", &design, NULL), SOFA_E_USAGE);
    assert_int_equal(sofa_space_set(space, "a.b=1.5", &design, NULL), SOFA_E_USAGE);
    assert_int_equal(sofa_space_set(space, "a.0=1", &design, NULL), SOFA_E_USAGE);
    assert_int_equal(sofa_space_set(space, "a=1.5", &design, NULL), SOFA_E_USAGE);
    assert_int_equal(sofa_space_set(space, "mode=slow", &design, NULL), SOFA_E_USAGE);
    assert_int_equal(sofa_space_set(space, "tiles=2", &design, NULL), SOFA_E_USAGE);
    sofa_space_free(space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_evaluator_is_read_with_its_command_timeout_and_metrics),
        cmocka_unit_test(parameters_get_the_kind_and_base_unit_of_their_values),
        cmocka_unit_test(numbers_of_a_range_are_those_one_would_write),
        cmocka_unit_test(a_design_holds_every_parameter_and_begins_with_the_first_values),
        cmocka_unit_test(values_are_set_within_the_space_alone),
    };

    return SPACE_TESTS(tests);
}
