/* Searches that pass the number of results beyond which they go on in regions (opt/local.h), killed on both sides. */
#include "tests/unit/study/fixture.h"

#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "study/study.h"

#define BORDER 33 /* a study that is extended must have planned as long a start */
#define EVALUATIONS 46

static const char *const search_text = "search: {algorithm: bayesian, evaluations: 46, seed: 3, parallel: 4}\n";

static void write_loss_space(void)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    fprintf(f, "version: 1\nname: border\nworkload: %s\nhardware: sofa-28nm\nparameters:\n"
               "  tiles: {values: [2, 4, 8, 16]}\n  topk: {range: [5 %%, 50 %%], step: 5 %%}\n"
               "  token_sram: {values: [64 KiB, 96 KiB, 128 KiB, 192 KiB]}\n"
               "objectives: [latency, energy, accuracy_loss]\nconstraints: [\"accuracy_loss <= 40 %%\"]\n%s",
            lm_workload(64), search_text);
    assert_int_equal(fclose(f), 0);
}

/* Two hyperbolas on a board; some points don't work, some are over the limit. */
static const char child[] = "import json,sys\n"
                            "for line in sys.stdin:\n"
                            "  q = json.loads(line); a, b = q['parameters']['a'], q['parameters']['b']\n"
                            "  r = {'objectives': {'f': (a + 1) / (b + 1), 'g': (b + 1) / (a + 2)}, 'metrics': {'h': a * b}}\n"
                            "  if a + b == 9: r = {'error': 'it does not work'}\n"
                            "  print(json.dumps({'id': q['id'], **r}), flush=True)\n";

static void write_outside_space(void)
{
    char program[80];
    FILE *f;

    snprintf(program, sizeof program, "%s.py", file);
    f = fopen(program, "w");
    assert_non_null(f);
    fputs(child, f);
    assert_int_equal(fclose(f), 0);
    f = fopen(file, "w");
    assert_non_null(f);
    fprintf(f, "version: 1\nname: border\nevaluator: {command: [/usr/bin/python3, %s], timeout: 30 s}\n"
               "parameters:\n  a: {range: [0, 20]}\n  b: {range: [0, 20]}\n"
               "objectives: [{name: f, reference: 3}, {name: g, reference: 3}]\nconstraints: [\"h <= 200\"]\n%s",
            program, search_text);
    assert_int_equal(fclose(f), 0);
}

/* A progress function that ends the process, as a kill does, when so many evaluations are done. */
static void die(void *ctx, const struct sofa_study_progress *progress)
{
    if (progress->done >= *(const size_t *)ctx)
        raise(SIGKILL);
}

struct ran {
    struct sofa_problem *problem;
    struct sofa_study *study;
    char folder[96];
};

static struct ran run(const char *name, size_t from, size_t evaluations, size_t die_at)
{
    struct ran ran = {0};
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_study_options options = {.folder = ran.folder, .resume = true, .extend = true, .jobs = 2,
                                         .evaluations = evaluations, .regions_from = from,
                                         .progress = die_at ? die : NULL, .ctx = &die_at};

    snprintf(ran.folder, sizeof ran.folder, "%s.%s", file, name);
    if (sofa_problem_open(file, NULL, &ran.problem, &err) != SOFA_OK ||
        sofa_study_run(ran.problem, &options, &ran.study, &err) != SOFA_OK)
        fail_msg("%s: %s", name, err.text);
    return ran;
}

static void release(struct ran *ran)
{
    const char *const files[] = {"study.db", "study.db-wal", "study.db-shm", "lock"};
    char path[128];

    sofa_study_free(ran->study);
    sofa_problem_free(ran->problem);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", ran->folder, files[i]);
        unlink(path);
    }
    rmdir(ran->folder);
}

static void run_and_kill(const char *name, size_t die_at)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        run(name, BORDER, EVALUATIONS, die_at);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Values of objectives, NAN where a point doesn't work. */
static bool same_values(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

/* How many trials, from the first, are the same. */
static size_t same_trials(const struct ran *a, const struct ran *b)
{
    size_t n = 0, dims = a->problem->space->dims, slots = a->problem->n_slots;

    for (; n < a->study->n_trials && n < b->study->n_trials; n++)
        if (memcmp(a->study->trial[n].x, b->study->trial[n].x, dims * sizeof(int)) != 0 ||
            !same_values(a->study->trial[n].y, b->study->trial[n].y, slots))
            break;
    return n;
}

static void check(void (*write_space)(void))
{
    struct ran whole, killed, extended, without;

    write_space();
    whole = run("whole", BORDER, EVALUATIONS, 0);
    without = run("without", 0, EVALUATIONS, 0);
    run_and_kill("killed", BORDER - 4);
    run_and_kill("killed", BORDER + 8);
    killed = run("killed", BORDER, EVALUATIONS, 0);
    extended = run("extended", BORDER, BORDER - 3, 0);
    sofa_study_free(extended.study);
    sofa_problem_free(extended.problem);
    extended = run("extended", BORDER, EVALUATIONS, 0);
    assert_int_equal(whole.study->n_trials, EVALUATIONS);
    assert_in_range(same_trials(&whole, &without), BORDER, EVALUATIONS - 1);
    assert_int_equal(same_trials(&whole, &killed), EVALUATIONS);
    assert_int_equal(same_trials(&whole, &extended), EVALUATIONS);
    assert_true(whole.study->hypervolume == killed.study->hypervolume && whole.study->hypervolume > 0);
    release(&whole);
    release(&without);
    release(&killed);
    release(&extended);
}

static void an_uncertain_loss_across_the_border_is_killed_and_extended(void **state)
{
    (void)state;
    check(write_loss_space);
}

static void so_is_an_outside_evaluator(void **state)
{
    char program[80];

    (void)state;
    check(write_outside_space);
    snprintf(program, sizeof program, "%s.py", file);
    unlink(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_uncertain_loss_across_the_border_is_killed_and_extended),
        CASE(so_is_an_outside_evaluator),
    };

    return STUDY_TESTS(tests);
}
