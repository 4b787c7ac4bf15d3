#include "tests/unit/test.h"

#include <math.h>

#include "base/unit.h"

static void a_quantity_is_converted_to_the_wanted_unit(void **state)
{
    static const struct {
        const char *text, *unit;
        double value;
    } cases[] = {
        {"64 KiB", "B", 65536},      {"64KiB", "B", 65536},       {"5 %", "1", 0.05},      {"0.05", "1", 0.05},
        {"8 mm2", "mm2", 8},         {"1 m2", "mm2", 1e6},        {"1 GHz", "Hz", 1e9},    {"59.8 GB/s", "B/s", 59.8e9},
        {"4 pJ/bit", "J/B", 32e-12}, {"2 J/s", "W", 2},           {"inf", "1", INFINITY},  {".inf", "1", INFINITY},
        {"-.inf", "1", -INFINITY},   {"10 ms", "s", 0.01},        {"1 µs", "us", 1},       {"3 GOPS/W", "OP/J", 3e9},
        {" 7 ", "1", 7},             {"1 J*s", "J*s", 1},         {"28 nm", "nm", 28},     {"100 %", "%", 100},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double value = NAN;

        assert_int_equal(sofa_quantity_parse(cases[i].text, cases[i].unit, &value, NULL), SOFA_OK);
        if (isinf(cases[i].value))
            assert_true(value == cases[i].value);
        else
            assert_true(fabs(value - cases[i].value) <= 1e-12 * fabs(cases[i].value));
    }
}

static void what_is_no_quantity_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text, *unit, *reason;
    } cases[] = {
        {"64", "B", "has no unit"},        {"64 ms", "B", "wrong dimension"}, {"8 mm", "mm2", "wrong dimension"},
        {"5 %", "B", "wrong dimension"},   {"nan", "1", "is not a number"},   {"0x10", "1", "is not a number"},
        {"", "1", "is not a number"},      {"5 parsecs", "m", "unknown unit"}, {"1 B/", "B", "unknown unit"},
        {"five", "1", "is not a number"},  {"1e999999 x", "1", "unknown unit"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        double value;

        assert_int_equal(sofa_quantity_parse(cases[i].text, cases[i].unit, &value, &err), SOFA_E_INPUT);
        if (!strstr(err.text, cases[i].reason))
            fail_msg("'%s' in '%s': %s", cases[i].text, cases[i].unit, err.text);
    }
}

static void people_read_a_fitting_prefix(void **state)
{
    static const struct {
        double value;
        const char *unit, *text;
    } cases[] = {
        {0.00125, "s", "1.25 ms"}, {196608, "B", "192 KiB"}, {0.034, "%", "3.4 %"}, {5.69, "mm2", "5.69 mm2"}, {12, "1", "12"},
    };
    char buf[SOFA_QUANTITY_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sofa_quantity_text(cases[i].value, cases[i].unit, buf);
        assert_string_equal(buf, cases[i].text);
    }
}

static void a_quantity_tells_its_base_unit(void **state)
{
    static const struct {
        const char *text, *unit;
    } cases[] = {
        {"3", "1"}, {"15 %", "1"}, {"64 KiB", "B"}, {"1 GHz", "Hz"}, {"2 mW", "W"}, {"1 ms", "s"}, {"8 mm2", "m2"}, {"1 GB/s", "B/s"},
        {"1 pJ/bit", "J/B"}, {"1 GOPS/W", "OP/J"}, {"1 J*s", "s*J"}, {"inf", "1"}, {"1 /s", NULL}, {"x", NULL}, {"1 Ghz", NULL},
    };
    char unit[SOFA_UNIT_TEXT_MAX];
    struct sofa_unit back;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(sofa_quantity_unit(cases[i].text, unit, NULL), cases[i].unit ? SOFA_OK : SOFA_E_INPUT);
        if (!cases[i].unit)
            continue;
        assert_string_equal(unit, cases[i].unit);
        assert_int_equal(sofa_unit_parse(unit, &back, NULL), SOFA_OK);
        assert_true(back.factor == 1);
    }
    assert_true(sofa_is_number_and_word("5 Ghz") && !sofa_is_number_and_word("3x3") && !sofa_is_number_and_word("five GHz"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quantity_is_converted_to_the_wanted_unit),
        cmocka_unit_test(what_is_no_quantity_is_refused_with_a_reason),
        cmocka_unit_test(people_read_a_fitting_prefix),
        cmocka_unit_test(a_quantity_tells_its_base_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
