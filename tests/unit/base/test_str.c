#include "tests/unit/test.h"

#include <math.h>

#include "base/str.h"

static void a_string_grows_and_stays_terminated(void **state)
{
    struct sofa_str s = SOFA_STR_INIT;

    (void)state;
    assert_string_equal(s.text, "");
    for (int i = 0; i < 100; i++)
        sofa_str_addf(&s, "%02d,", i);
    assert_int_equal(s.length, 300);
    assert_int_equal(strlen(s.text), 300);
    sofa_str_clear(&s);
    assert_string_equal(s.text, "");
    sofa_str_release(&s);
}

static void a_double_is_printed_so_that_it_reads_back(void **state)
{
    static const double values[] = {0.1, 1.0 / 3.0, 1e-320, 6.02214076e23, -0.0, 123456789.0, 5e-324, 1.7976931348623157e308};
    char buf[SOFA_DOUBLE_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        sofa_double_text(values[i], buf);
        assert_true(strtod(buf, NULL) == values[i]);
    }
    sofa_double_text(0.1, buf);
    assert_string_equal(buf, "0.1");
}

static void the_nearest_word_is_what_was_meant_or_nothing(void **state)
{
    static const char *const words[] = {"objectives", "parameters", "workload", "hardware"};

    (void)state;
    assert_string_equal(sofa_nearest("objectivs", words, 4), "objectives");
    assert_string_equal(sofa_nearest("hardwear", words, 4), "hardware");
    assert_null(sofa_nearest("banana", words, 4));
    assert_null(sofa_nearest("", words, 4));
}

static void foreign_text_becomes_one_printable_line(void **state)
{
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {"", ""}, {"plain", "plain"}, {"two\nlines\n", "two lines"}, {"\x1b[31mred", " [31mred"}, {"gr\xc3\xb6\xc3\x9f" "e", "gr\xc3\xb6\xc3\x9f" "e"},
        {"bad \xff\xc3", "bad ??"}, {"exactly fifteen", "exactly fifteen"}, {"one more than that", "one more tha..."},
        {"cut before \xc3\xb6\xc3\xb6\xc3\xb6", "cut before ..."}, {"\n\n", ""},
    };
    char buf[16];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sofa_text_clean(cases[i].text, buf, sizeof buf);
        assert_string_equal(buf, cases[i].clean);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_grows_and_stays_terminated),
        cmocka_unit_test(a_double_is_printed_so_that_it_reads_back),
        cmocka_unit_test(the_nearest_word_is_what_was_meant_or_nothing),
        cmocka_unit_test(foreign_text_becomes_one_printable_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
