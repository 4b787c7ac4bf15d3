/*
 * What a study and a sweep cost beside the evaluations: per evaluation, per task, per merged front.
 *
 * SOFA_BENCH_STUDY sets the evaluations of the large study (default 20000), SOFA_BENCH_TASKS the tasks of
 * the large sweep (default 200), so that the numbers can be had at full size where there is time;
 * SOFA_BENCH_PART is one of study, workers, local, mpi, slurm, merge.
 */
#include <errno.h>
#include <gsl/gsl_errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "bench/bench.h"
#include "exec/processes.h"
#include "report/report.h"
#include "study/merge.h"
#include "study/study.h"

#define FRONTS 1000
#define POINTS 20

static char folder[] = "/tmp/sofa-bench-XXXXXX";

static void die(const char *what, const struct sofa_err *err)
{
    fprintf(stderr, "bench_sweep: %s: %s %s\n", what, err->file, err->text);
    exit(1);
}

static size_t from_environment(const char *name, size_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

static char *write_file(const char *name, const char *text)
{
    char *path = sofa_format("%s/%s", folder, name);
    struct sofa_err err = SOFA_ERR_INIT;

    if (sofa_file_write_atomic(path, text, strlen(text), &err) != SOFA_OK)
        die(name, &err);
    return path;
}

/* A space whose evaluations are closed forms: what is left is the study. */
static char *write_shape_space(size_t evaluations)
{
    char *text = sofa_format("version: 1\nname: shape\nworkload: {name: bert-base-squad, statistics: synthetic-k250}\n"
                             "hardware: sofa-28nm\nparameters:\n  query_lanes: {range: [32, 256], step: 8}\n"
                             "  dlzs_columns: {range: [8, 64], step: 4}\n  kv_columns: {range: [2, 16], step: 1}\n"
                             "  sufa_columns: {range: [2, 16], step: 1}\n  clock: {range: [400 MHz, 1200 MHz], step: 50 MHz}\n"
                             "  token_sram: {values: [64 KiB, 128 KiB, 192 KiB, 256 KiB]}\nobjectives: [latency, energy]\n"
                             "search: {algorithm: random, evaluations: %zu, seed: 1, parallel: 4}\n", evaluations);
    char *path = write_file("shape.yaml", text);

    free(text);
    return path;
}

static char *write_lm_space(void)
{
    const char *root = getenv("SOFA_SRCDIR") ? getenv("SOFA_SRCDIR") : ".";
    char *text = sofa_format("version: 1\nname: lm\nworkload: {checkpoint: %s/models/bytelm, text: %s/models/bytelm/heldout.bin, "
                             "window: 1024}\nhardware: sofa-28nm\nparameters:\n  tiles: {each: layer, range: [2, 32], step: 2}\n"
                             "  topk: {each: layer, range: [5 %%, 50 %%], step: 5 %%}\nobjectives: [latency, accuracy_loss]\n"
                             "search: {algorithm: random, evaluations: 96, seed: 1, parallel: 8}\n", root, root);
    char *path = write_file("lm.yaml", text);

    free(text);
    return path;
}

/* Seconds that a study takes; *evaluating of them within evaluations, summed over workers.  Behind it, where
 * `reporting` isn't NULL, front, table and page are written, which takes *reporting. */
static double run_study(const char *space, const char *name, size_t jobs, double *evaluating, double *reporting)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_problem *problem;
    struct sofa_study *study = NULL;
    char *where = sofa_format("%s/%s", folder, name);
    struct sofa_study_options options = {.folder = where, .jobs = jobs, .resume = true};
    double start;

    if (sofa_problem_open(space, NULL, &problem, &err) != SOFA_OK)
        die(space, &err);
    start = bench_now();
    if (sofa_study_run(problem, &options, &study, &err) != SOFA_OK)
        die(space, &err);
    start = bench_now() - start;
    *evaluating = 0;
    for (size_t i = 0; i < study->n_trials; i++)
        *evaluating += study->trial[i].seconds;
    if (reporting) {
        *reporting = bench_now();
        if (sofa_report_write(study, where, &err) != SOFA_OK)
            die(where, &err);
        *reporting = bench_now() - *reporting;
    }
    sofa_study_free(study);
    sofa_problem_free(problem);
    free(where);
    return start;
}

static void bench_overhead(void)
{
    size_t n = from_environment("SOFA_BENCH_STUDY", 20000);
    char *space = write_shape_space(n), name[64], *db = sofa_format("%s/shape/study.db", folder);
    double evaluating, reporting, again, seconds = run_study(space, "shape", 1, &evaluating, NULL);
    struct rusage usage;
    struct stat st;

    snprintf(name, sizeof name, "study_overhead_%zu_evaluations", n);
    bench_row(name, (seconds - evaluating) / (double)n * 1e3, "ms/evaluation", "-");
    snprintf(name, sizeof name, "study_resume_%zu_evaluations", n);
    again = run_study(space, "shape", 1, &evaluating, NULL);
    bench_row(name, again / (double)n * 1e3, "ms/evaluation", "-");
    getrusage(RUSAGE_SELF, &usage);
    bench_row("study_memory", (double)usage.ru_maxrss * 1024 / (double)n, "bytes/evaluation", "-");
    if (stat(db, &st) == 0)
        bench_row("study_database", (double)st.st_size / (double)n, "bytes/evaluation", "-");
    run_study(space, "shape", 1, &evaluating, &reporting);
    snprintf(name, sizeof name, "study_report_%zu_evaluations", n);
    bench_row(name, reporting, "s", "-");
    getrusage(RUSAGE_SELF, &usage);
    bench_row("study_report_memory", (double)usage.ru_maxrss * 1024 / (double)n, "bytes/evaluation", "-");
    free(space);
    free(db);
}

static void bench_workers(void)
{
    char *space = write_lm_space();
    double evaluating, one = run_study(space, "one", 1, &evaluating, NULL), two;

    two = run_study(space, "two", 2, &evaluating, NULL);
    bench_row("workers_1_to_2", one / two, "times faster", "-");
    free(space);
}

static double run_program(char *const *argv)
{
    struct sofa_err err = SOFA_ERR_INIT;
    double start = bench_now();
    char *output;

    if (sofa_process_output(argv, &output, &err) != SOFA_OK)
        die(argv[0], &err);
    free(output);
    return bench_now() - start;
}

static void bench_executor(const char *executor, char *const *argv, size_t n)
{
    static const char *const rows[] = {"sweep_%s_%zu_tasks", "sweep_%s_%zu_tasks_again"};
    char name[80];

    for (size_t i = 0; i < 2; i++) {
        double seconds = run_program(argv);

        snprintf(name, sizeof name, rows[i], executor, n);
        bench_row(name, seconds / (double)n * 1e3, "ms/task", "-");
    }
}

/* Tasks of one evaluation each: what a task costs by itself.  `argv` starts with the program; what the sweep's file
 * and folder are is put behind. */
static void bench_tasks(const char *executor, const char *const *argv)
{
    size_t n = from_environment("SOFA_BENCH_TASKS", 200), words = 0;
    struct sofa_str text = SOFA_STR_INIT;
    char *space = write_shape_space(1), *sweep, *out = sofa_format("%s/tasks-%s", folder, executor), *line[20];

    sofa_str_add(&text, "version: 1\nname: tasks\nmatrix:\n  space: shape.yaml\n  seed: [0");
    for (size_t i = 1; i < n; i++)
        sofa_str_addf(&text, ", %zu", i);
    sofa_str_add(&text, "]\n");
    sweep = write_file("tasks.yaml", text.text);
    while (argv[words]) {
        line[words] = (char *)argv[words];
        words++;
    }
    line[words++] = (char *)"-o";
    line[words++] = out;
    line[words++] = sweep;
    line[words] = NULL;
    bench_executor(executor, line, n);
    sofa_str_release(&text);
    free(space);
    free(sweep);
    free(out);
}

static void bench_local(void)
{
    bench_tasks("local", (const char *const[]){"./sofa-dse", "sweep", "--progress", "none", NULL});
}

/* Where SOFA_DSE_MPI names a program built with it. */
static void bench_mpi(void)
{
    const char *mpi = getenv("SOFA_DSE_MPI");

    if (mpi)
        bench_tasks("mpi", (const char *const[]){"mpirun", "--oversubscribe", "-n", "3", mpi, "sweep", "--executor", "mpi",
                                                 "--progress", "none", NULL});
}

/* Where SLURM_CONF names a cluster. */
static void bench_slurm(void)
{
    if (getenv("SLURM_CONF"))
        bench_tasks("slurm", (const char *const[]){"./sofa-dse", "sweep", "--executor", "slurm", "--wait", NULL});
}

/* A front of POINTS points on a shifted curve. */
static void write_front(size_t i, char **path)
{
    struct sofa_str text = SOFA_STR_INIT;
    char name[32];

    sofa_str_add(&text, "{\"schema\":\"sofa-dse/pareto/1\",\"objectives\":[{\"name\":\"a\",\"unit\":\"s\",\"goal\":\"minimize\"},"
                        "{\"name\":\"b\",\"unit\":\"J\",\"goal\":\"minimize\"},{\"name\":\"c\",\"unit\":\"1\",\"goal\":\"minimize\"}],"
                        "\"reference_point\":[4,4,4],\"points\":[");
    for (size_t k = 0; k < POINTS; k++) {
        double x = (double)((i * 7919 + k * 104729) % 10007) / 10007, y = (double)((i * 6007 + k * 3001) % 9973) / 9973;

        sofa_str_addf(&text, "%s{\"id\":%zu,\"parameters\":{},\"objectives\":{\"a\":%.17g,\"b\":%.17g,\"c\":%.17g},\"metrics\":{}}",
                      k ? "," : "", k, x, y, 2 - x - y + 0.001 * (double)(i % 17));
    }
    sofa_str_add(&text, "]}\n");
    snprintf(name, sizeof name, "front-%zu.json", i);
    *path = write_file(name, text.text);
    sofa_str_release(&text);
}

static void bench_merge(void)
{
    static struct sofa_merge_source source[FRONTS];
    struct sofa_err err = SOFA_ERR_INIT;
    char *path[FRONTS], *out = sofa_format("%s/merged.json", folder);
    struct sofa_merge_result result;
    double start;

    for (size_t i = 0; i < FRONTS; i++) {
        write_front(i, &path[i]);
        source[i] = (struct sofa_merge_source){path[i], path[i]};
    }
    start = bench_now();
    if (sofa_merge_fronts(source, FRONTS, false, out, &result, &err) != SOFA_OK)
        die("merge", &err);
    bench_row("merge_1000_fronts_of_20_points", bench_now() - start, "s", "-");
    bench_row("merge_1000_fronts_points_left", (double)result.points, "points", "-");
    for (size_t i = 0; i < FRONTS; i++)
        free(path[i]);
    free(out);
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {{"study", bench_overhead}, {"workers", bench_workers}, {"local", bench_local},
           {"mpi", bench_mpi}, {"slurm", bench_slurm}, {"merge", bench_merge}};

int main(void)
{
    char *remove[] = {"rm", "-rf", "--", folder, NULL};

    gsl_set_error_handler_off();
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    if (getenv("SOFA_SRCDIR"))
        setenv("SOFA_DSE_DATA", getenv("SOFA_SRCDIR"), 1);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!getenv("SOFA_BENCH_PART") || strcmp(getenv("SOFA_BENCH_PART"), parts[i].name) == 0)
            parts[i].run();
    run_program(remove);
    return 0;
}
