/* sofa-dse sweep: many explorations as one batch. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "cli/sweep_executors.h"
#include "cli/sweep_task.h"
#include "exec/mpi.h"
#include "exec/slurm.h"
#include "study/merge.h"

enum { EXECUTOR_LOCAL, EXECUTOR_SLURM, EXECUTOR_MPI };
static const char *const executor_names[] = {"local", "slurm", "mpi", NULL};
static const char *const progress_names[] = {"auto", "plain", "none", NULL};
enum { PROGRESS_NONE = 2 };

struct sweep_options {
    const char *folder;
    long jobs, task;
    bool list, status, merge, wait;
    int executor, progress;
};
#define OPTION(member) .offset = offsetof(struct sweep_options, member)
static const struct sofa_option options[] = {
    {.name = "output", .letter = 'o', .kind = SOFA_OPTION_STRING, OPTION(folder), .argument = "DIR",
     .help = "the sweep's folder (default: NAME.sweep here)"},
    {.name = "executor", .kind = SOFA_OPTION_CHOICE, OPTION(executor), .argument = "WHERE", .names = executor_names,
     .help = "local (processes), slurm or mpi; never changes the result"},
    {.name = "jobs", .letter = 'j', .kind = SOFA_OPTION_INTEGER, OPTION(jobs), .argument = "N", .least = 1, .most = 65536,
     .help = "tasks at a time on this machine; with --task, evaluations"},
    {.name = "list", .kind = SOFA_OPTION_FLAG, OPTION(list), .help = "show the tasks, run nothing"},
    {.name = "status", .kind = SOFA_OPTION_FLAG, OPTION(status), .help = "count what is done, running, failed; run nothing"},
    {.name = "task", .kind = SOFA_OPTION_INTEGER, OPTION(task), .argument = "I", .least = 0, .most = 1000000,
     .help = "run only the task with this number, in this process"},
    {.name = "merge", .kind = SOFA_OPTION_FLAG, OPTION(merge), .help = "make one front of the tasks' once all are done, run nothing"},
    {.name = "wait", .kind = SOFA_OPTION_FLAG, OPTION(wait), .help = "with slurm: until the jobs have ended"},
    {.name = "progress", .kind = SOFA_OPTION_CHOICE, OPTION(progress), .argument = "HOW", .names = progress_names,
     .help = "auto or plain (a line as each task ends), or none"},
};

static enum sofa_code list_tasks(const struct sofa_sweep *s, const char *folder, struct sofa_err *err)
{
    struct sofa_task_status status;

    for (size_t i = 0; i < s->n_tasks; i++) {
        sofa_task_status_read(folder, &s->task[i], &status);
        printf("%zu  %s  %s\n", i, s->task[i].name, sofa_task_state_names[status.state]);
    }
    return sofa_output_finish(err);
}

static void count_states(const struct sofa_sweep *s, const char *folder, size_t count[SOFA_TASK_STATES])
{
    struct sofa_task_status status;

    memset(count, 0, SOFA_TASK_STATES * sizeof *count);
    for (size_t i = 0; i < s->n_tasks; i++) {
        sofa_task_status_read(folder, &s->task[i], &status);
        count[status.state]++;
    }
}

static enum sofa_code show_status(const struct sofa_sweep *s, const char *folder, struct sofa_err *err)
{
    size_t count[SOFA_TASK_STATES];
    struct sofa_task_status status;

    count_states(s, folder, count);
    printf("%zu tasks: %zu done, %zu running, %zu failed, %zu stopped, %zu waiting\n", s->n_tasks, count[SOFA_TASK_DONE],
           count[SOFA_TASK_RUNNING], count[SOFA_TASK_FAILED], count[SOFA_TASK_STOPPED], count[SOFA_TASK_WAITING]);
    for (size_t i = 0; count[SOFA_TASK_FAILED] && i < s->n_tasks; i++) {
        sofa_task_status_read(folder, &s->task[i], &status);
        if (status.state == SOFA_TASK_FAILED)
            printf("%zu  %s  %.*s\n", i, s->task[i].name, (int)strcspn(status.error, "\n"), status.error);
    }
    return sofa_output_finish(err);
}

/* One that isn't done, as an error; failed ones first. */
static enum sofa_code fail_undone(const struct sofa_sweep *s, const char *folder, struct sofa_err *err)
{
    size_t count[SOFA_TASK_STATES];
    struct sofa_task_status status;

    count_states(s, folder, count);
    for (size_t i = 0; i < s->n_tasks; i++) {
        sofa_task_status_read(folder, &s->task[i], &status);
        if (status.state == SOFA_TASK_FAILED)
            return sofa_fail(err, SOFA_E_EVAL, "%zu of %zu tasks failed; %s: %.*s", count[SOFA_TASK_FAILED], s->n_tasks,
                             s->task[i].name, (int)strcspn(status.error, "\n"), status.error);
    }
    return sofa_fail(err, SOFA_E_EVAL, "%zu of %zu tasks are not done, %zu of them are running; run the sweep again",
                     s->n_tasks - count[SOFA_TASK_DONE], s->n_tasks, count[SOFA_TASK_RUNNING]);
}

static enum sofa_code merge_tasks(const struct sofa_sweep *s, const char *folder, struct sofa_err *err)
{
    struct sofa_merge_source *source = calloc(s->n_tasks, sizeof *source);
    char **path = calloc(s->n_tasks, sizeof *path), *out = sofa_path_join(folder, "pareto.json");
    struct sofa_merge_result result;
    size_t count[SOFA_TASK_STATES];
    enum sofa_code rc;

    if (!source || !path || !out) {
        rc = sofa_fail_nomem(err, "the fronts");
        goto out;
    }
    count_states(s, folder, count);
    SOFA_TRY(count[SOFA_TASK_DONE] == s->n_tasks ? SOFA_OK : fail_undone(s, folder, err));
    for (size_t i = 0; i < s->n_tasks; i++) {
        path[i] = sofa_task_path(folder, &s->task[i], "pareto.json");
        SOFA_TRY(path[i] ? SOFA_OK : sofa_fail_nomem(err, "the fronts"));
        source[i] = (struct sofa_merge_source){path[i], s->task[i].name};
    }
    SOFA_TRY(sofa_merge_fronts(source, s->n_tasks, true, out, &result, err));
    sofa_tell_merged(&result, s->n_tasks, "tasks", out);
out:
    for (size_t i = 0; path && i < s->n_tasks; i++)
        free(path[i]);
    free(path);
    free(source);
    free(out);
    return rc;
}

/* A task that Slurm warns of its time limit goes back into the queue, and goes on from where it is. */
static enum sofa_code run_one(const struct sofa_sweep *s, const char *folder, const struct sweep_options *o, struct sofa_err *err)
{
    char where[64] = "local";
    const char *job = getenv("SLURM_JOB_ID");
    enum sofa_code rc;

    if ((size_t)o->task >= s->n_tasks)
        return sofa_fail(err, SOFA_E_USAGE, "--task: %ld is out of range; the sweep has %zu tasks, from 0", o->task, s->n_tasks);
    if (job)
        snprintf(where, sizeof where, "slurm job %.40s", job);
    rc = sofa_task_run(folder, &s->task[o->task], (size_t)o->jobs, where, err);
    if (rc == SOFA_E_INTERRUPTED && atomic_load(&sofa_stop_signal) == SIGUSR1)
        (void)sofa_slurm_requeue_self(NULL);
    return rc;
}

/* Whether a task names the same files as one before it, whose digest it then has. */
static bool same_space(const struct sofa_sweep_task *a, const struct sofa_sweep_task *b)
{
    return strcmp(a->space, b->space) == 0 && strcmp(a->override.text, b->override.text) == 0;
}

/* Everything a task names is opened before anything starts.  Tasks that are done stay as they are; of
 * another space than now they must not pass for it.  Those that another process runs come last: where
 * the sweep was killed a moment ago they are about to end, and have to go on. */
static enum sofa_code find_todo(const struct sofa_sweep *s, const char *folder, size_t *todo, size_t *n, struct sofa_err *err)
{
    size_t *running = malloc((s->n_tasks + 1) * sizeof *running), n_running = 0;
    const struct sofa_sweep_task *opened = NULL;
    char digest[SOFA_SHA256_TEXT] = "";
    struct sofa_task_status status;
    enum sofa_code rc = SOFA_OK;

    *n = 0;
    if (!running)
        return sofa_fail_nomem(err, "the tasks");
    for (size_t i = 0; i < s->n_tasks; i++) {
        const struct sofa_sweep_task *task = &s->task[i];

        if (!opened || !same_space(opened, task))
            SOFA_TRY(sofa_task_check(task, digest, err));
        opened = task;
        sofa_task_status_read(folder, task, &status);
        if (status.state == SOFA_TASK_DONE && strcmp(status.space, digest) != 0) {
            rc = sofa_fail_at(err, SOFA_E_USAGE, task->space, 0, 0, "changed since task %s in %s was done; choose another "
                              "folder, or remove the task's", task->name, folder);
            goto out;
        }
        if (status.state == SOFA_TASK_RUNNING)
            running[n_running++] = i;
        else if (status.state != SOFA_TASK_DONE)
            todo[(*n)++] = i;
    }
    memcpy(todo + *n, running, n_running * sizeof *running);
    *n += n_running;
out:
    free(running);
    return rc;
}

static int compare_indices(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, j = *(const size_t *)b;

    return (i > j) - (i < j);
}

static enum sofa_code run_tasks(const struct sofa_sweep *s, const char *folder, const struct sweep_options *o, struct sofa_err *err)
{
    size_t *todo = calloc(s->n_tasks, sizeof *todo);
    struct sofa_sweep_run run = {.sweep = s, .folder = folder, .todo = todo, .jobs = (size_t)o->jobs,
                                 .quiet = o->progress == PROGRESS_NONE, .wait = o->wait};
    enum sofa_code rc;

    if (!todo)
        return sofa_fail_nomem(err, "the tasks");
    SOFA_TRY(find_todo(s, folder, todo, &run.n_todo, err));
    if (o->executor == EXECUTOR_SLURM) /* arrays take ranges of numbers */
        qsort(todo, run.n_todo, sizeof *todo, compare_indices);
    rc = o->executor == EXECUTOR_SLURM ? sofa_sweep_run_slurm(&run, err)
         : o->executor == EXECUTOR_MPI ? sofa_sweep_run_mpi(&run, err)
                                       : sofa_sweep_run_local(&run, err);
    if (rc == SOFA_E_INTERRUPTED)
        sofa_err_append(err, "; the sweep in %s goes on when it is run again", folder);
    if (rc == SOFA_OK && (o->executor != EXECUTOR_SLURM || o->wait || !run.n_todo))
        rc = merge_tasks(s, folder, err);
out:
    free(todo);
    return rc;
}

static enum sofa_code open_sweep(const char *file, const struct sweep_options *o, struct sofa_sweep **sweep, char **folder,
                                 struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_sweep_read(file, sweep, err));
    *folder = o->folder ? sofa_format("%s", o->folder) : sofa_format("%s.sweep", (*sweep)->name);
    if (!*folder)
        rc = sofa_fail_nomem(err, "the sweep");
out:
    return rc;
}

static enum sofa_code run_here(const char *file, const struct sweep_options *o, struct sofa_err *err)
{
    struct sofa_sweep *s = NULL;
    char *folder = NULL;
    enum sofa_code rc;

    SOFA_TRY(open_sweep(file, o, &s, &folder, err));
    rc = o->list         ? list_tasks(s, folder, err)
         : o->status     ? show_status(s, folder, err)
         : o->merge      ? merge_tasks(s, folder, err)
         : o->task >= 0  ? run_one(s, folder, o, err)
                         : run_tasks(s, folder, o, err);
out:
    sofa_sweep_free(s);
    free(folder);
    return rc;
}

/* All ranks read the sweep; what is wrong with it is said once, by the first. */
static enum sofa_code run_with_ranks(const char *file, const struct sweep_options *o, struct sofa_err *err)
{
    struct sofa_mpi_world world;
    struct sofa_sweep *s = NULL;
    char *folder = NULL;
    enum sofa_code rc;
    int worst;

    SOFA_TRY(sofa_mpi_start(&world, err));
    rc = open_sweep(file, o, &s, &folder, err);
    worst = sofa_mpi_worst(rc == SOFA_OK ? 0 : world.rank == 0 ? 2 : 1);
    if (worst == 2 && world.rank > 0)
        rc = SOFA_OK;
    else if (worst == 1 && world.rank == 0)
        rc = sofa_fail(err, SOFA_E_IO, "a worker could not read the sweep");
    else if (worst == 0 && world.rank == 0)
        rc = run_tasks(s, folder, o, err);
    else if (worst == 0 && (rc = sofa_sweep_serve(s, folder, world.rank, err)) != SOFA_OK)
        sofa_mpi_abort(sofa_code_status(rc));
out:
    sofa_sweep_free(s);
    free(folder);
    sofa_mpi_end();
    return rc;
}

static enum sofa_code check_options(const struct sweep_options *o, struct sofa_err *err)
{
    if (o->list + o->status + o->merge + (o->task >= 0) > 1)
        return sofa_fail(err, SOFA_E_USAGE, "sweep: expected one of --list, --status, --merge and --task");
    if (o->wait && o->executor != EXECUTOR_SLURM)
        return sofa_fail(err, SOFA_E_USAGE, "--wait: only with --executor slurm");
    return SOFA_OK;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct sweep_options o = {.task = -1};
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_sweep, argc, argv, &o, &operands, &done, err));
    if (done)
        goto out;
    SOFA_TRY(check_options(&o, err));
    sofa_catch_signals();
    if (o.executor == EXECUTOR_MPI && !o.list && !o.status && !o.merge && o.task < 0)
        rc = run_with_ranks(argv[1], &o, err);
    else
        rc = run_here(argv[1], &o, err);
out:
    return rc;
}

const struct sofa_command sofa_cmd_sweep = {
    "sweep", "sweep SWEEP.yaml [-o DIR] [--executor local|slurm|mpi] [--jobs N] [--list] [--status] [--task I] [--merge] [--wait]",
    "runs many explorations as one batch", options, sizeof options / sizeof *options, 1, 1, run,
};
