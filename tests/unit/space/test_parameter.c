#include "tests/unit/test.h"

#include <math.h>

#include "base/unit.h"
#include "space/parameter.h"

static void every_row_has_a_unique_key_a_unit_bounds_and_help(void **state)
{
    size_t n;
    const struct sofa_parameter *p = sofa_parameters(&n);
    struct sofa_unit unit;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(p[i].key, p[j].key);
        assert_true(p[i].help && p[i].help[0]);
        if (p[i].kind == SOFA_PARAMETER_CHOICE) {
            assert_true(p[i].names && p[i].names[0] && p[i].names[1]);
        } else {
            assert_int_equal(sofa_unit_parse(p[i].unit, &unit, NULL), SOFA_OK);
            assert_true(p[i].least < p[i].most);
        }
    }
}

static void a_value_comes_back_out_of_the_design_it_was_put_into(void **state)
{
    static const struct {
        const char *key, *text, *shown;
    } cases[] = {
        {"tiles", "12", "12"},          {"topk", "0.15", "15 %"},     {"topk", "12.5 %", "12.5 %"}, {"radius", "inf", "inf"},
        {"token_sram", "64 KiB", "64 KiB"}, {"schedule", "naive", "naive"}, {"clock", "500 MHz", "500 MHz"},
        {"dram_bandwidth", "59.8 GB/s", "59.8 GB/s"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sofa_parameter *p = sofa_parameter_find(cases[i].key);
        struct sofa_design design = {.layers = 4};
        char text[SOFA_PARAMETER_TEXT_MAX];
        double value;

        assert_int_equal(sofa_parameter_parse(p, cases[i].text, &value, NULL), SOFA_OK);
        sofa_parameter_apply(p, value, -1, &design);
        assert_true(sofa_parameter_value(p, p->per_layer ? 3 : -1, &design) == value);
        sofa_parameter_text(p, value, text);
        assert_string_equal(text, cases[i].shown);
    }
}

static void a_value_out_of_bounds_or_of_the_wrong_kind_is_refused(void **state)
{
    static const struct {
        const char *key, *text, *reason;
    } cases[] = {
        {"tiles", "0", "out of range"},      {"tiles", "2.5", "not a whole number"}, {"topk", "0", "out of range"},
        {"topk", "150 %", "out of range"},   {"topk", "0.12345", "thousandths"},     {"radius", "-1", "out of range"},
        {"token_sram", "64", "has no unit"}, {"token_sram", "64 ms", "dimension"},   {"khat_bits", "17", "out of range"},
        {"schedule", "rss", "did you mean 'rass'"}, {"query_lanes", "0", "out of range"}, {"radius", "nan", "not a number"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        double value;

        assert_int_equal(sofa_parameter_parse(sofa_parameter_find(cases[i].key), cases[i].text, &value, &err), SOFA_E_INPUT);
        if (!strstr(err.text, cases[i].reason))
            fail_msg("%s=%s: %s", cases[i].key, cases[i].text, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_unique_key_a_unit_bounds_and_help),
        cmocka_unit_test(a_value_comes_back_out_of_the_design_it_was_put_into),
        cmocka_unit_test(a_value_out_of_bounds_or_of_the_wrong_kind_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
