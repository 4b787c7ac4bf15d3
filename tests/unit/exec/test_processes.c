/* Child processes: as many at once as said, each once, and none left behind. */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "exec/processes.h"
#include "exec/workers.h"

#define COUNT 12

struct record {
    int status[COUNT];
    size_t ended;
    atomic_bool cancel;
    size_t cancel_after;
};

static enum sofa_code prepare(void *ctx, size_t i, const char **log, struct sofa_err *err)
{
    (void)ctx;
    (void)i;
    (void)log;
    (void)err;
    return SOFA_OK;
}

/* Task i exits with i; the last one kills itself. */
static int run(void *ctx, size_t i)
{
    (void)ctx;
    if (i == COUNT - 1)
        kill(getpid(), SIGKILL);
    return (int)i;
}

static void done(void *ctx, size_t i, int status)
{
    struct record *r = ctx;

    assert_int_equal(r->status[i], -1);
    r->status[i] = status;
    r->ended++;
}

static void each_runs_once_and_its_status_comes_back(void **state)
{
    struct record r = {.ended = 0};
    struct sofa_processes p = {COUNT, 3, prepare, run, done, &r, NULL};

    (void)state;
    memset(r.status, -1, sizeof r.status);
    assert_int_equal(sofa_processes_run(&p, NULL), SOFA_OK);
    assert_int_equal(r.ended, COUNT);
    for (int i = 0; i < COUNT - 1; i++)
        assert_int_equal(r.status[i], i);
    assert_int_equal(r.status[COUNT - 1], 128 + SIGKILL);
}

static enum sofa_code prepare_two(void *ctx, size_t i, const char **log, struct sofa_err *err)
{
    struct record *r = ctx;

    (void)log;
    (void)err;
    if (i == 1)
        atomic_store(&r->cancel, true);
    return SOFA_OK;
}

static int run_long(void *ctx, size_t i)
{
    (void)ctx;
    (void)i;
    sleep(30);
    return 0;
}

static void those_that_run_are_ended_when_cancelled(void **state)
{
    struct record r = {.ended = 0};
    struct sofa_processes p = {COUNT, 2, prepare_two, run_long, done, &r, &r.cancel};

    (void)state;
    memset(r.status, -1, sizeof r.status);
    assert_int_equal(sofa_processes_run(&p, NULL), SOFA_E_INTERRUPTED);
    assert_int_equal(r.ended, 2);
    assert_int_equal(r.status[0], 128 + SIGTERM);
}

static void a_commands_output_comes_back_and_its_failure_says_why(void **state)
{
    char *good[] = {(char *)"echo", (char *)"$HOME; 'a'", NULL};
    char *bad[] = {(char *)"sh", (char *)"-c", (char *)"echo first >&2; echo last >&2; exit 4", NULL};
    char *none[] = {(char *)"/nowhere/at/all", NULL};
    struct sofa_err err = SOFA_ERR_INIT;
    char *output = NULL;

    (void)state;
    assert_int_equal(sofa_process_output(good, &output, &err), SOFA_OK);
    assert_string_equal(output, "$HOME; 'a'\n"); /* no shell saw it */
    free(output);
    assert_int_equal(sofa_process_output(bad, &output, &err), SOFA_E_IO);
    assert_string_equal(err.text, "sh ended with status 4: last");
    assert_int_equal(sofa_process_output(none, &output, &err), SOFA_E_IO);
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

static void square(void *task, size_t worker, void *ctx)
{
    int *x = task;

    (void)worker;
    (void)ctx;
    *x = *x * *x;
}

static void threads_are_workers(void **state)
{
    struct sofa_workers *w;
    int x[50], *back, sum = 0, n = 0;

    (void)state;
    assert_int_equal(sofa_workers_threads(4, square, NULL, &w, NULL), SOFA_OK);
    for (int i = 0; i < 50; i++) {
        x[i] = i;
        assert_int_equal(sofa_workers_submit(w, &x[i], NULL), SOFA_OK);
    }
    while (n < 50 && (back = sofa_workers_wait(w, 5, NULL))) {
        sum += *back;
        n++;
    }
    assert_int_equal(n, 50);
    assert_int_equal(sum, 49 * 50 * 99 / 6);
    sofa_workers_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_runs_once_and_its_status_comes_back),
        cmocka_unit_test(those_that_run_are_ended_when_cancelled),
        cmocka_unit_test(a_commands_output_comes_back_and_its_failure_says_why),
        cmocka_unit_test(threads_are_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
