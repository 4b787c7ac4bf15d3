#include "tests/unit/space/fixture.h"

#include <math.h>

#define HEAD "version: 1\nname: x\n"
#define WORKLOAD "workload: {checkpoint: m, text: t, window: 64, windows: 2}\n"
#define HARDWARE "hardware: sofa-28nm\n"
#define PARAMETERS                                                                                                   \
    "parameters:\n  tiles: {each: layer, range: [2, 8], step: 2}\n  topk: {range: [5 %, 50 %], step: 5 %}\n"        \
    "  radius: {values: [inf, 4, 6]}\n  token_sram: {values: [64 KiB, 256 KiB, 128 KiB]}\n  schedule: naive\n"
#define OBJECTIVES "objectives: [latency, {name: throughput, maximize: true}]\n"
#define WHOLE HEAD WORKLOAD HARDWARE PARAMETERS OBJECTIVES

static void the_lattice_has_an_axis_for_each_layer_and_none_for_what_is_fixed(void **state)
{
    struct sofa_space *space = bound(WHOLE, 3);

    (void)state;
    assert_int_equal(space->dims, 3 + 1 + 1 + 1);
    assert_string_equal(space->dim[2].name, "tiles.2");
    assert_string_equal(space->dim[3].name, "topk");
    assert_true(sofa_space_points(space) == 4.0 * 4 * 4 * 10 * 3 * 3);
    assert_int_equal(space->base.schedule, SOFA_SCHEDULE_NAIVE);
    sofa_space_free(space);
}

static void a_point_becomes_the_design_it_names(void **state)
{
    struct sofa_space *space = bound(WHOLE, 3);
    const int x[] = {0, 1, 3, 2, 2, 1};
    struct sofa_design design;

    (void)state;
    sofa_space_design(space, x, &design);
    assert_int_equal(design.layer[0].tiles, 2);
    assert_int_equal(design.layer[2].tiles, 8);
    assert_int_equal(design.layer[1].topk_permille, 150);
    assert_true(isinf(design.layer[0].radius));
    assert_true(design.token_sram_bytes == 128 * 1024);
    sofa_space_free(space);
}

static void places_rise_from_0_to_1(void **state)
{
    struct sofa_space *space = bound(WHOLE, 2);

    (void)state;
    for (size_t i = 0; i < space->dims; i++) {
        const struct sofa_space_dim *d = &space->dim[i];

        assert_true(d->coord[0] == 0 && fabs(d->coord[d->levels - 1] - 1) < 1e-12);
        for (int k = 1; k < d->levels; k++)
            assert_true(d->coord[k] > d->coord[k - 1]);
    }
    assert_true(fabs(space->dim[4].coord[1] - 0.5) < 1e-12); /* 128 of 64..256 KiB, by logarithm */
    sofa_space_free(space);
}

static void ratios_of_a_range_are_whole_thousandths(void **state)
{
    struct sofa_space *space = bound(HEAD WORKLOAD HARDWARE OBJECTIVES "parameters: {topk: {range: [0.5 %, 100 %], step: 0.1 %}}\n", 1);
    struct sofa_design design;

    (void)state;
    assert_int_equal(space->dim[0].levels, 996);
    for (int k = 0; k < space->dim[0].levels; k++) {
        sofa_space_design(space, &k, &design);
        assert_int_equal(design.layer[0].topk_permille, 5 + k);
    }
    sofa_space_free(space);
}

static void what_is_wrong_in_the_file_is_named_with_its_place(void **state)
{
    static const struct {
        const char *text;
        int line, column;
        const char *reason;
    } cases[] = {
        {WHOLE "extra: 1\n", 12, 1, "unknown key 'extra'"},
        {HEAD HARDWARE PARAMETERS OBJECTIVES, 1, 1, "'workload' is missing"},
        {"version: 2\nname: x\n" WORKLOAD HARDWARE PARAMETERS OBJECTIVES, 1, 10, "expected 1 to 1"},
        {HEAD WORKLOAD HARDWARE PARAMETERS "objectives: []\n", 11, 13, "expected 1 to 6"},
        {HEAD WORKLOAD HARDWARE PARAMETERS "objectives: [area, area]\n", 11, 20, "twice"},
        {WHOLE "constraints: [\"area = 8\"]\n", 12, 15, "is not a constraint"},
        {WHOLE "search: {evaluation: 8}\n", 12, 10, "did you mean 'evaluations'"},
        {WHOLE "search: {stop: 0}\n", 12, 16, "out of range; expected a share"},
        {WHOLE "search: {stop: 1 km}\n", 12, 16, "wrong dimension"},
        {WHOLE "search: {stop: {improvement: 0.1 %, suggestion: 3}}\n", 12, 37, "did you mean 'suggestions'"},
        {HEAD "workload: {checkpoint: m, text: t}\n" HARDWARE PARAMETERS OBJECTIVES, 3, 11, "'window' is missing"},
        {HEAD "workload: {checkpoint: m, name: t}\n" HARDWARE PARAMETERS OBJECTIVES, 3, 11, "either"},
        {HEAD WORKLOAD HARDWARE OBJECTIVES "parameters: {tile: 3}\n", 6, 14, "did you mean 'tiles'"},
        {"version: 1\nname: ../x\n" WORKLOAD HARDWARE PARAMETERS OBJECTIVES, 2, 7, "can't name a folder"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        struct sofa_space *space;

        assert_int_equal(read_text(cases[i].text, &space, &err), SOFA_E_INPUT);
        if (err.line != cases[i].line || err.column != cases[i].column || !strstr(err.text, cases[i].reason))
            fail_msg("case %zu: %d:%d: %s", i, err.line, err.column, err.text);
    }
}

static void what_is_wrong_with_a_parameter_is_named_with_its_place(void **state)
{
    static const struct {
        const char *value;
        int column;
        const char *reason;
    } cases[] = {
        {"tiles: {range: [8, 2]}", 23, "empty"},
        {"tiles: {values: []}", 24, "expected 1 to"},
        {"tiles: {values: [2, 2]}", 28, "twice"},
        {"tiles: {each: head, values: [2]}", 22, "'each' takes 'layer'"},
        {"token_sram: {each: layer, values: [64 KiB]}", 27, "not a setting of a layer"},
        {"tiles: {range: [2, 8], step: 0}", 37, "positive"},
        {"topk: {range: [5 %, 50 %]}", 22, "needs a 'step'"},
        {"schedule: {range: [rass, naive]}", 26, "takes names"},
        {"token_sram: {values: [64 KiB, 5 s]}", 38, "dimension"},
        {"tiles: {range: [2, 8], values: [2]}", 15, "either"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sofa_design hardware = {.layers = 2};
        struct sofa_err err = SOFA_ERR_INIT;
        struct sofa_space *space;
        char text[512];

        snprintf(text, sizeof text, "%sparameters: {%s}\n", HEAD WORKLOAD HARDWARE OBJECTIVES, cases[i].value);
        assert_int_equal(read_text(text, &space, &err), SOFA_OK);
        assert_int_equal(sofa_space_bind(space, &hardware, &err), SOFA_E_INPUT);
        if (err.line != 6 || !strstr(err.text, cases[i].reason))
            fail_msg("case %zu: %d:%d: %s", i, err.line, err.column, err.text);
        sofa_space_free(space);
    }
}

static void a_value_set_by_hand_need_not_be_on_the_lattice(void **state)
{
    struct sofa_space *space = bound(WHOLE, 3);
    struct sofa_design design = space->base;

    (void)state;
    assert_int_equal(sofa_space_set(space, "topk=17 %", &design, NULL), SOFA_OK);
    assert_int_equal(sofa_space_set(space, "topk.1=0.3", &design, NULL), SOFA_OK);
    assert_int_equal(design.layer[0].topk_permille, 170);
    assert_int_equal(design.layer[1].topk_permille, 300);
    assert_int_equal(sofa_space_set(space, "topk.3=0.3", &design, NULL), SOFA_E_USAGE);
    assert_int_equal(sofa_space_set(space, "area.1=0.3", &design, NULL), SOFA_E_USAGE);
    assert_int_equal(sofa_space_set(space, "token_sram.1=64 KiB", &design, NULL), SOFA_E_USAGE);
    assert_int_equal(sofa_space_set(space, "topk", &design, NULL), SOFA_E_USAGE);
    sofa_space_free(space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lattice_has_an_axis_for_each_layer_and_none_for_what_is_fixed),
        cmocka_unit_test(a_point_becomes_the_design_it_names),
        cmocka_unit_test(places_rise_from_0_to_1),
        cmocka_unit_test(ratios_of_a_range_are_whole_thousandths),
        cmocka_unit_test(what_is_wrong_in_the_file_is_named_with_its_place),
        cmocka_unit_test(what_is_wrong_with_a_parameter_is_named_with_its_place),
        cmocka_unit_test(a_value_set_by_hand_need_not_be_on_the_lattice),
    };

    return SPACE_TESTS(tests);
}
