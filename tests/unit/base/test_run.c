#include "base/run.h"

#include "base/clock.h"
#include "tests/unit/test.h"

static enum sofa_code shell(const char *script, double timeout_s, struct sofa_str *said, int *status, struct sofa_err *err)
{
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)script, NULL};

    return sofa_run(argv, "/", timeout_s, said, status, err);
}

static void output_and_status_come_back(void **state)
{
    struct sofa_str said = SOFA_STR_INIT;
    int status = 0;

    (void)state;
    assert_int_equal(shell("pwd; echo two >&2; cat; exit 3", 20, &said, &status, NULL), SOFA_OK);
    assert_string_equal(said.text, "/\ntwo\n");
    assert_int_equal(status, 3);
    sofa_str_release(&said);
}

static void the_signal_that_ended_it_is_its_status(void **state)
{
    struct sofa_str said = SOFA_STR_INIT;
    int status = 0;

    (void)state;
    assert_int_equal(shell("kill -9 $$", 20, &said, &status, NULL), SOFA_OK);
    assert_int_equal(status, 137);
    sofa_str_release(&said);
}

/* Also what it started, which holds its output open. */
static void too_slow_is_killed(void **state)
{
    const char *scripts[] = {"sleep 60", "sleep 60 & exit 0", "exec >/dev/null 2>&1; sleep 60"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sofa_str said = SOFA_STR_INIT;
        struct sofa_err err = SOFA_ERR_INIT;
        double start = sofa_seconds();
        int status = 0;

        assert_int_equal(shell(scripts[i], 0.2, &said, &status, &err), SOFA_E_EVAL);
        assert_non_null(strstr(err.text, "took longer than 0.2 s"));
        assert_true(sofa_seconds() - start < 20);
        sofa_str_release(&said);
    }
}

static void no_more_than_a_megabyte_is_kept(void **state)
{
    struct sofa_str said = SOFA_STR_INIT;
    int status = 1;

    (void)state;
    assert_int_equal(shell("head -c 3000000 /dev/zero | tr '\\0' x", 20, &said, &status, NULL), SOFA_OK);
    assert_true(said.length <= 1 << 20 && said.length > 1 << 19);
    assert_int_equal(status, 0);
    sofa_str_release(&said);
}

static void what_cannot_be_started_has_status_127(void **state)
{
    char *argv[] = {(char *)"/nowhere/at/all", NULL};
    struct sofa_str said = SOFA_STR_INIT;
    int status = 0;

    (void)state;
    assert_int_equal(sofa_run(argv, "/", 5, &said, &status, NULL), SOFA_OK);
    assert_int_equal(status, 127);
    sofa_str_release(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_status_come_back),
        cmocka_unit_test(the_signal_that_ended_it_is_its_status),
        cmocka_unit_test(too_slow_is_killed),
        cmocka_unit_test(no_more_than_a_megabyte_is_kept),
        cmocka_unit_test(what_cannot_be_started_has_status_127),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
