/* Instruction sets by name. */
#include "base/isa.h"
#include "tests/unit/test.h"

static void every_name_is_found_or_refused_for_this_machine(void **state)
{
    struct sofa_err err = SOFA_ERR_INIT;
    size_t n, index;
    const char *const *names = sofa_isa_names(&n);

    (void)state;
    assert_true(n >= 1);
    assert_string_equal(names[0], "portable");
    assert_int_equal(sofa_isa_find("portable", &index, NULL), SOFA_OK);
    for (size_t i = 0; i < n; i++) {
        if (sofa_isa_find(names[i], &index, &err) == SOFA_OK)
            assert_int_equal(index, i);
        else
            assert_non_null(strstr(err.text, "this machine can't run"));
    }
}

static void the_best_is_the_last_that_runs(void **state)
{
    size_t n, best, index, last = 0;
    const char *const *names = sofa_isa_names(&n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        if (sofa_isa_find(names[i], &index, NULL) == SOFA_OK)
            last = i;
    assert_int_equal(sofa_isa_find(NULL, &best, NULL), SOFA_OK);
    assert_int_equal(best, last);
    assert_int_equal(sofa_isa_find("auto", &best, NULL), SOFA_OK);
    assert_int_equal(best, last);
}

static void an_unknown_name_is_refused_with_what_there_is(void **state)
{
    struct sofa_err err = SOFA_ERR_INIT;
    size_t index;

    (void)state;
    assert_int_equal(sofa_isa_find("sse9", &index, &err), SOFA_E_USAGE);
    assert_non_null(strstr(err.text, "'sse9'; there are: auto portable"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found_or_refused_for_this_machine),
        cmocka_unit_test(the_best_is_the_last_that_runs),
        cmocka_unit_test(an_unknown_name_is_refused_with_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
