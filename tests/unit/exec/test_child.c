#include "tests/unit/test.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "exec/child.h"

/* A shell stands in for an evaluator: it is the test's, not the program's. */
static struct sofa_child *child_of(char *script, double timeout)
{
    static char *slots[16][4]; /* a child keeps its arguments */
    static size_t next;
    char **argv = slots[next++ % 16];
    struct sofa_child *child;

    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = script;
    argv[3] = NULL;
    assert_int_equal(sofa_child_new(argv, NULL, timeout, &child, NULL), SOFA_OK);
    return child;
}

static void fails_with(struct sofa_child *child, enum sofa_code code, const char *reason)
{
    struct sofa_str reply = SOFA_STR_INIT;
    struct sofa_err err = SOFA_ERR_INIT;

    assert_int_equal(sofa_child_ask(child, "x", NULL, &reply, &err), code);
    if (!strstr(err.text, reason))
        fail_msg("%s", err.text);
    sofa_str_release(&reply);
}

static void fails(struct sofa_child *child, const char *reason)
{
    fails_with(child, SOFA_E_EVAL, reason);
}

static void lines_are_answered_by_one_process(void **state)
{
    struct sofa_child *child = child_of("n=0; while read -r l; do n=$((n+1)); echo \"$n:$l\"; done", 10);
    struct sofa_str reply = SOFA_STR_INIT;

    (void)state;
    for (int i = 1; i <= 20; i++) {
        char wanted[32];

        snprintf(wanted, sizeof wanted, "%d:hello", i);
        assert_int_equal(sofa_child_ask(child, "hello", NULL, &reply, NULL), SOFA_OK);
        assert_string_equal(reply.text, wanted);
    }
    sofa_str_release(&reply);
    sofa_child_free(child);
}

static void a_crash_is_named_with_the_last_words_and_the_next_question_starts_anew(void **state)
{
    struct sofa_child *child = child_of("read -r l; [ -e \"$MARK\" ] && { echo again; cat; }; : >\"$MARK\"; echo oh no >&2; exit 7", 10);
    struct sofa_str reply = SOFA_STR_INIT;
    char mark[] = "/tmp/sofa-child-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(mark));
    assert_int_equal(remove(mark), 0);
    setenv("MARK", mark, 1);
    fails(child, "ended with status 7 before it answered; its last words: oh no");
    assert_int_equal(sofa_child_ask(child, "x", NULL, &reply, NULL), SOFA_OK);
    assert_string_equal(reply.text, "again");
    assert_int_equal(remove(mark), 0);
    sofa_str_release(&reply);
    sofa_child_free(child);
}

static void a_signal_half_a_line_and_silence_are_failures(void **state)
{
    struct sofa_child *killed = child_of("read -r l; kill -SEGV $$", 10);
    struct sofa_child *half = child_of("read -r l; printf '{\"id\": 1'", 10);
    struct sofa_child *slow = child_of("read -r l; sleep 100; echo late", 0.3);

    (void)state;
    fails(killed, "ended by signal 11");
    fails(half, "ended with status 0 in the middle of its answer");
    fails(slow, "did not answer within 0.3 s");
    sofa_child_free(killed);
    sofa_child_free(half);
    sofa_child_free(slow);
}

static void a_flood_on_standard_error_blocks_nothing(void **state)
{
    struct sofa_child *child = child_of("read -r l; i=0; while [ $i -lt 20000 ]; do echo 'a line of noise that fills the pipe' >&2; "
                                        "i=$((i+1)); done; echo done", 60);
    struct sofa_str reply = SOFA_STR_INIT;

    (void)state;
    assert_int_equal(sofa_child_ask(child, "x", NULL, &reply, NULL), SOFA_OK);
    assert_string_equal(reply.text, "done");
    sofa_str_release(&reply);
    sofa_child_free(child);
}

static void what_is_not_there_cannot_be_started(void **state)
{
    char *argv[] = {"/nonexistent/model", NULL};
    struct sofa_child *child;

    (void)state;
    assert_int_equal(sofa_child_new(argv, NULL, 1, &child, NULL), SOFA_OK);
    fails_with(child, SOFA_E_IO, "cannot start /nonexistent/model");
    assert_int_equal(sofa_child_check(argv[0], ".", NULL), SOFA_E_INPUT);
    assert_int_equal(sofa_child_check("/", ".", NULL), SOFA_E_INPUT);
    assert_int_equal(sofa_child_check("/etc/passwd", ".", NULL), SOFA_E_INPUT);
    assert_int_equal(sofa_child_check("no-such-program-in-path", ".", NULL), SOFA_E_INPUT);
    assert_int_equal(sofa_child_check("sh", ".", NULL), SOFA_OK);
    assert_int_equal(sofa_child_check("./sh", "/bin", NULL), SOFA_OK);
    sofa_child_free(child);
    sofa_child_free(NULL);
}

static void a_child_that_ends_well_between_questions_is_started_again(void **state)
{
    struct sofa_child *child = child_of("read -r l; echo \"$l $l\"", 10);
    struct sofa_str reply = SOFA_STR_INIT;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sofa_child_ask(child, "once", NULL, &reply, NULL), SOFA_OK);
        assert_string_equal(reply.text, "once once");
    }
    sofa_str_release(&reply);
    sofa_child_free(child);
}

static void one_that_closes_its_output_or_says_too_much_is_told_so(void **state)
{
    struct sofa_child *closed = child_of("read -r l; exec >&-; sleep 100", 10);
    struct sofa_child *chatty = child_of("while read -r l; do printf 'a\\nb\\n'; done", 10);
    struct sofa_child *spaced = child_of("while read -r l; do printf '\\n%s\\n\\n' \"$l\"; done", 10);
    struct sofa_str reply = SOFA_STR_INIT;

    (void)state;
    fails(closed, "closed its output before it answered");
    fails(chatty, "more than one line in answer: 'b'");
    for (int i = 0; i < 3; i++)
        assert_int_equal(sofa_child_ask(spaced, "x", NULL, &reply, NULL), SOFA_OK);
    sofa_str_release(&reply);
    sofa_child_free(closed);
    sofa_child_free(chatty);
    sofa_child_free(spaced);
}

static void it_runs_in_the_folder_it_is_given(void **state)
{
    static char *argv[] = {"./sh", "-c", "read -r l; pwd", NULL};
    struct sofa_str reply = SOFA_STR_INIT;
    struct sofa_child *child;
    char folder[] = "/tmp/sofa-child-XXXXXX", link[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(link, sizeof link, "%s/sh", folder);
    assert_int_equal(symlink("/bin/sh", link), 0);
    assert_int_equal(sofa_child_new(argv, folder, 10, &child, NULL), SOFA_OK);
    assert_int_equal(sofa_child_ask(child, "x", NULL, &reply, NULL), SOFA_OK);
    assert_string_equal(reply.text, folder);
    assert_int_equal(remove(link), 0);
    assert_int_equal(remove(folder), 0);
    sofa_str_release(&reply);
    sofa_child_free(child);
}

static void a_cancelled_question_ends_at_once(void **state)
{
    struct sofa_child *child = child_of("read -r l; sleep 100", 100);
    struct sofa_str reply = SOFA_STR_INIT;
    atomic_bool cancel = true;
    time_t start = time(NULL);

    (void)state;
    assert_int_equal(sofa_child_ask(child, "x", &cancel, &reply, NULL), SOFA_E_INTERRUPTED);
    assert_true(time(NULL) - start < 5);
    sofa_str_release(&reply);
    sofa_child_free(child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_answered_by_one_process),
        cmocka_unit_test(a_crash_is_named_with_the_last_words_and_the_next_question_starts_anew),
        cmocka_unit_test(a_signal_half_a_line_and_silence_are_failures),
        cmocka_unit_test(a_flood_on_standard_error_blocks_nothing),
        cmocka_unit_test(what_is_not_there_cannot_be_started),
        cmocka_unit_test(a_child_that_ends_well_between_questions_is_started_again),
        cmocka_unit_test(one_that_closes_its_output_or_says_too_much_is_told_so),
        cmocka_unit_test(it_runs_in_the_folder_it_is_given),
        cmocka_unit_test(a_cancelled_question_ends_at_once),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
