#include "cli/sweep_executors.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "cli/sweep_task.h"
#include "exec/mpi.h"
#include "exec/pool.h"
#include "exec/processes.h"
#include "exec/slurm.h"

#define LOOK_SECONDS 0.2
#define POLL_SECONDS 1 /* between two looks at Slurm's queue */

/* A line as each task ends. */
static void tell(const struct sofa_sweep_run *run, size_t ended, size_t index)
{
    const struct sofa_sweep_task *task = &run->sweep->task[index];
    struct sofa_task_status status;

    if (run->quiet)
        return;
    sofa_task_status_read(run->folder, task, &status);
    fprintf(stderr, "%zu of %zu: %s %s%s%s\n", ended, run->n_todo, task->name, sofa_task_state_names[status.state],
            *status.error ? ": " : "", status.error);
}

struct local {
    const struct sofa_sweep_run *run;
    char *log;
    size_t jobs; /* of a task */
    size_t ended;
    int terminal; /* our standard error, for the children */
};

static enum sofa_code find_program(char **path, struct sofa_err *err)
{
    char *real = realpath("/proc/self/exe", NULL);

    *path = real;
    return real ? SOFA_OK : sofa_fail_errno(err, "find", "/proc/self/exe");
}

static enum sofa_code local_prepare(void *ctx, size_t i, const char **log, struct sofa_err *err)
{
    struct local *l = ctx;
    const struct sofa_sweep_run *run = l->run;
    const struct sofa_sweep_task *task = &run->sweep->task[run->todo[i]];
    char *folder = sofa_task_path(run->folder, task, NULL);
    enum sofa_code rc;

    free(l->log);
    *log = l->log = sofa_task_path(run->folder, task, "log");
    rc = folder && l->log ? sofa_make_directory(folder, err) : sofa_fail_nomem(err, task->name);
    free(folder);
    return rc;
}

/* What goes wrong is in the task's status; where that can't be written, the terminal has to know. */
static int local_run(void *ctx, size_t i)
{
    const struct local *l = ctx;
    const struct sofa_sweep_task *task = &l->run->sweep->task[l->run->todo[i]];
    char text[SOFA_ERR_FILE_MAX + SOFA_ERR_TEXT_MAX + 32];
    struct sofa_err err = SOFA_ERR_INIT;
    enum sofa_code rc = sofa_task_run(l->run->folder, task, l->jobs, "local", &err);
    struct sofa_task_status status;

    sofa_task_status_read(l->run->folder, task, &status);
    if (rc != SOFA_OK && rc != SOFA_E_INTERRUPTED && status.state != SOFA_TASK_FAILED) {
        sofa_err_format(&err, text, sizeof text);
        dprintf(l->terminal, "%s: %s\n", task->name, text);
    }
    return sofa_finish(rc, &err);
}

static void local_done(void *ctx, size_t i, int status)
{
    struct local *l = ctx;

    (void)status; /* the task's own word on it is in its folder */
    tell(l->run, ++l->ended, l->run->todo[i]);
}

enum sofa_code sofa_sweep_run_local(const struct sofa_sweep_run *run, struct sofa_err *err)
{
    size_t at_once = run->jobs ? run->jobs : sofa_processors();
    /* processors that more tasks than there are would use go to the tasks */
    struct local l = {.run = run, .jobs = run->n_todo && run->n_todo < at_once ? at_once / run->n_todo : 1,
                      .terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
    struct sofa_processes p = {.count = run->n_todo, .prepare = local_prepare, .run = local_run, .done = local_done, .ctx = &l,
                               .cancel = &sofa_stop};
    enum sofa_code rc = SOFA_OK;

    p.at_once = run->n_todo < at_once ? run->n_todo : at_once;
    if (p.at_once)
        rc = sofa_processes_run(&p, err);
    free(l.log);
    close(l.terminal);
    return rc;
}

/* MPI: a task is its number, its result nothing; what there is to know is in the task's folder. */
static enum sofa_code encode(void *ctx, const void *task, struct sofa_str *bytes, struct sofa_err *err)
{
    (void)ctx;
    (void)err;
    sofa_str_add_bytes(bytes, task, sizeof(size_t));
    return SOFA_OK;
}

static enum sofa_code decode(void *ctx, void *task, size_t worker, const char *bytes, size_t size, struct sofa_err *err)
{
    (void)ctx;
    (void)task;
    (void)worker;
    (void)bytes;
    return size == 0 ? SOFA_OK : sofa_fail(err, SOFA_E_IO, "a rank answered out of order");
}

enum sofa_code sofa_sweep_run_mpi(const struct sofa_sweep_run *run, struct sofa_err *err)
{
    const struct sofa_codec codec = {encode, decode, NULL};
    struct sofa_workers *workers = NULL;
    size_t ended = 0;
    enum sofa_code rc;

    SOFA_TRY(sofa_mpi_workers(&codec, &workers, err));
    for (size_t i = 0; i < run->n_todo; i++)
        SOFA_TRY(sofa_workers_submit(workers, (void *)&run->todo[i], err));
    while (ended < run->n_todo) {
        struct sofa_err lost = SOFA_ERR_INIT;
        const size_t *task = sofa_workers_wait(workers, LOOK_SECONDS, &lost);

        if (task) {
            tell(run, ++ended, *task);
        } else if (lost.code != SOFA_OK) {
            rc = sofa_fail(err, lost.code, "%s", lost.text);
            break;
        }
        if (atomic_load(&sofa_stop)) {
            rc = sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal");
            break;
        }
    }
out:
    sofa_workers_free(workers);
    return rc;
}

struct serving {
    const struct sofa_sweep *sweep;
    const char *folder;
    char where[32];
};

static enum sofa_code serve_task(void *ctx, const char *task, size_t size, struct sofa_str *result, struct sofa_err *err)
{
    struct serving *s = ctx;
    struct sofa_err own = SOFA_ERR_INIT;
    size_t index;

    (void)result;
    if (size != sizeof index)
        return sofa_fail(err, SOFA_E_IO, "the manager sent no task's number");
    memcpy(&index, task, sizeof index);
    if (index >= s->sweep->n_tasks)
        return sofa_fail(err, SOFA_E_IO, "the manager has another sweep");
    (void)sofa_task_run(s->folder, &s->sweep->task[index], 1, s->where, &own); /* its failure is the task's */
    return SOFA_OK;
}

enum sofa_code sofa_sweep_serve(const struct sofa_sweep *sweep, const char *folder, size_t rank, struct sofa_err *err)
{
    struct serving s = {.sweep = sweep, .folder = folder};

    snprintf(s.where, sizeof s.where, "rank %zu", rank);
    return sofa_mpi_serve(serve_task, &s, err);
}

/* Jobs of an earlier run that are still in the queue would run the same tasks. */
static enum sofa_code refuse_twice(const char *folder, struct sofa_err *err)
{
    char *jobs = sofa_format("%s/slurm/jobs", folder), *ids = NULL;
    bool active = false;
    size_t size;
    enum sofa_code rc = SOFA_OK;

    if (!jobs)
        return sofa_fail_nomem(err, "the jobs");
    if (sofa_file_read(jobs, (size_t)1 << 20, &ids, &size, NULL) != SOFA_OK)
        goto out;
    SOFA_TRY(sofa_slurm_active(ids, &active, err));
    if (active)
        rc = sofa_fail(err, SOFA_E_IO, "jobs of this sweep are still in the queue: %s; 'sweep --status' tells of them, scancel "
                       "ends them", ids);
out:
    free(jobs);
    free(ids);
    return rc;
}

static enum sofa_code wait_for_jobs(const char *ids, struct sofa_err *err)
{
    const struct timespec pause = {.tv_sec = POLL_SECONDS};
    enum sofa_code rc;
    bool active;

    for (;;) {
        SOFA_TRY(sofa_slurm_active(ids, &active, err));
        if (!active)
            break;
        nanosleep(&pause, NULL);
        if (atomic_load(&sofa_stop))
            return sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal; the jobs %s go on, scancel ends them", ids);
    }
out:
    return rc;
}

/* The tasks from *next on, or as many of them as the cluster takes; their jobs stand in slurm/jobs. */
static enum sofa_code submit(const struct sofa_sweep_run *run, const char *const path[3], size_t *next, struct sofa_str *ids,
                             struct sofa_err *err)
{
    const char *program = path[0], *file = path[1], *folder = path[2];
    const char *task[] = {program, "sweep", "-o", folder, "--jobs", SOFA_SLURM_CPUS, "--task", SOFA_SLURM_INDEX, "--", file, NULL};
    const char *after[] = {program, "sweep", "-o", folder, "--merge", "--", file, NULL};
    struct sofa_slurm_array a = {.folder = folder, .name = run->sweep->name, .option = run->sweep->slurm_option,
                                 .n_options = run->sweep->n_slurm, .n = run->n_todo - *next, .index = run->todo + *next,
                                 .argv = task, .after = after};
    char *jobs = sofa_format("%s/slurm/jobs", folder);
    size_t submitted = 0;
    enum sofa_code rc;

    if (!jobs)
        return sofa_fail_nomem(err, "the jobs");
    rc = sofa_slurm_submit(&a, ids, &submitted, err);
    *next += submitted;
    if (ids->length) {
        enum sofa_code kept = sofa_file_write_atomic(jobs, ids->text, ids->length, rc == SOFA_OK ? err : NULL);

        rc = rc == SOFA_OK ? kept : rc;
    }
    free(jobs);
    return rc;
}

/* Where the cluster takes a part, the rest is for when that has ended. */
static enum sofa_code submit_all(const struct sofa_sweep_run *run, const char *const path[3], struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    for (size_t next = 0; next < run->n_todo;) {
        struct sofa_err why = SOFA_ERR_INIT;
        struct sofa_str ids = SOFA_STR_INIT;
        size_t from = next;

        rc = submit(run, path, &next, &ids, &why);
        if (rc != SOFA_OK && (next == from || !run->wait)) {
            sofa_fail(err, rc, "%s", why.text);
            if (next > from)
                sofa_err_append(err, "; %zu of %zu tasks are submitted, run the sweep again for the rest when they have ended",
                                next, run->n_todo);
        } else {
            fprintf(stderr, "%zu tasks submitted as jobs %s\n", next - from, ids.text);
            if (rc != SOFA_OK)
                fprintf(stderr, "%zu more when they have ended, for now: %s\n", run->n_todo - next, why.text);
            rc = run->wait ? wait_for_jobs(ids.text, err) : SOFA_OK;
        }
        sofa_str_release(&ids);
        if (rc != SOFA_OK)
            break;
    }
    return rc;
}

enum sofa_code sofa_sweep_run_slurm(const struct sofa_sweep_run *run, struct sofa_err *err)
{
    char *program = NULL, *file = NULL, *folder = NULL;
    enum sofa_code rc;

    SOFA_TRY(refuse_twice(run->folder, err));
    if (!run->n_todo)
        goto out;
    SOFA_TRY(find_program(&program, err));
    SOFA_TRY(sofa_make_directory(run->folder, err));
    file = realpath(run->sweep->file, NULL);
    folder = realpath(run->folder, NULL);
    if (!file || !folder) {
        rc = sofa_fail_errno(err, "find", file ? run->folder : run->sweep->file);
        goto out;
    }
    rc = submit_all(run, (const char *[]){program, file, folder}, err);
out:
    free(program);
    free(file);
    free(folder);
    return rc;
}
