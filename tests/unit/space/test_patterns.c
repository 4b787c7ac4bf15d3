/* Patterns of keys as values of a parameter. */
#include "tests/unit/space/fixture.h"

#include <math.h>

static const char *whole(const char *parameters)
{
    static char text[1024];

    snprintf(text, sizeof text, "version: 1\nname: x\nworkload: {checkpoint: m, text: t, window: 64}\nhardware: sofa-28nm\n"
             "objectives: [latency]\nparameters: {%s}\n", parameters);
    return text;
}

static void a_text_says_what_is_seen_and_whether_it_is_fixed(void **state)
{
    static const struct {
        const char *text, *shown, *spec;
        bool fixed;
    } cases[] = {
        {"none", "none", "", false},
        {"window:64", "window:64", "window:64", true},
        {" window:64 + global_columns:4 ", "window:64+global_columns:4", "window:64+global_columns:4", true},
        {"window:64 / topk", "window:64/topk", "window:64", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sofa_pattern_choice c;

        assert_int_equal(sofa_pattern_choice_parse(cases[i].text, &c, NULL), SOFA_OK);
        assert_string_equal(c.text, cases[i].shown);
        assert_string_equal(c.spec, cases[i].spec);
        assert_int_equal(c.fixed, cases[i].fixed);
    }
}

static void an_axis_of_patterns_has_the_names_of_the_file(void **state)
{
    struct sofa_space *space = bound(whole("pattern: {each: layer, values: [strided:8, none, \"window:4 / topk\"]}"), 2);
    struct sofa_design design;
    const int x[] = {2, 0};

    (void)state;
    assert_int_equal(space->dims, 2);
    assert_int_equal(space->dim[0].levels, 3);
    assert_string_equal(space->dim[1].name, "pattern.1");
    assert_string_equal(space->dim[0].parameter->names[(int)space->dim[0].value[0]], "strided:8");
    assert_string_equal(space->dim[0].parameter->names[(int)space->dim[0].value[1]], "none");
    sofa_space_design(space, x, &design);
    assert_string_equal(space->patterns.names[design.layer[0].pattern], "window:4/topk");
    assert_string_equal(space->patterns.names[design.layer[1].pattern], "strided:8");
    sofa_space_free(space);
}

static void settings_without_effect_take_one_value(void **state)
{
    struct sofa_space *space = bound(whole("pattern: {each: layer, values: [none, window:4, window:4/topk]}, "
                                     "tiles: {each: layer, values: [2, 8]}, topk: [5 %, 20 %], khat_bits: 12, radius: 4"), 3);
    const int x[] = {0, 1, 2, 1, 1, 1, 0}, y[] = {0, 1, 2, 1, 0, 1, 0}, z[] = {0, 1, 2, 0, 0, 1, 0};
    struct sofa_design a, b, c;

    (void)state;
    sofa_space_design(space, x, &a);
    sofa_space_design(space, y, &b);
    sofa_space_design(space, z, &c);
    assert_memory_equal(&a, &b, sizeof a); /* the tiles of the layer with a static pattern */
    assert_memory_not_equal(&a, &c, sizeof a);
    assert_int_equal(a.layer[1].tiles, 1);
    assert_int_equal(a.layer[1].topk_permille, 1000);
    assert_true(isinf(a.layer[1].radius));
    assert_int_equal(a.layer[2].tiles, 8);
    assert_int_equal(a.layer[2].topk_permille, 50);
    assert_int_equal(a.layer[2].khat_bits, 12);
    sofa_space_free(space);
}

static void a_pattern_set_by_hand_need_not_be_in_the_file(void **state)
{
    struct sofa_space *space = bound(whole("tiles: [2, 4]"), 2);
    struct sofa_design design = space->base;
    struct sofa_err err = SOFA_ERR_INIT;

    (void)state;
    assert_int_equal(sofa_space_set(space, "pattern.1=window:9", &design, NULL), SOFA_OK);
    assert_int_equal(design.layer[0].pattern, 0);
    assert_string_equal(space->patterns.names[design.layer[1].pattern], "window:9");
    assert_int_equal(sofa_space_set(space, "pattern=windw:9", &design, &err), SOFA_E_USAGE);
    assert_non_null(strstr(err.text, "did you mean 'window'"));
    sofa_space_free(space);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    static const struct {
        const char *text;
        int column;
        const char *reason;
    } cases[] = {
        {"pattern: [none, windw:9]", 30, "did you mean 'window'"},
        {"pattern: window", 23, "lacks its parameter"},
        {"pattern: [window:9, \"window:9 \"]", 34, "twice"},
        {"pattern: window:0", 23, "expected a whole number from 1"},
        {"pattern: window:-3", 23, "expected a whole number from 1"},
        {"pattern: window:9/topp", 23, "did you mean 'topk'"},
        {"pattern: {range: [window:1, window:2]}", 31, "takes names"},
        {"pattern: \"\"", 23, "the name of a generator is missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        struct sofa_space *space = NULL;

        assert_int_equal(bind_text(whole(cases[i].text), 2, &space, &err), SOFA_E_INPUT);
        if (err.line != 6 || err.column != cases[i].column || !strstr(err.text, cases[i].reason))
            fail_msg("case %zu: %d:%d: %s", i, err.line, err.column, err.text);
        sofa_space_free(space);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_says_what_is_seen_and_whether_it_is_fixed),
        cmocka_unit_test(an_axis_of_patterns_has_the_names_of_the_file),
        cmocka_unit_test(settings_without_effect_take_one_value),
        cmocka_unit_test(a_pattern_set_by_hand_need_not_be_in_the_file),
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
    };

    return SPACE_TESTS(tests);
}
