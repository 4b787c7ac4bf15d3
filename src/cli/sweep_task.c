#include "cli/sweep_task.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/signals.h"
#include "report/report.h"
#include "study/study.h"

#define LOCK_TRIES 150 /* of 20 ms: a process that was just killed may take a moment to end */

const char *const sofa_task_state_names[SOFA_TASK_STATES] = {"waiting", "running", "stopped", "failed", "done"};

char *sofa_task_path(const char *folder, const struct sofa_sweep_task *task, const char *file)
{
    return sofa_format("%s/tasks/%s%s%s", folder, task->name, file ? "/" : "", file ? file : "");
}

/* Held while the task runs: says so to whoever looks, however the task may end. */
static int open_lock(const char *folder, const struct sofa_sweep_task *task, bool create)
{
    char *path = sofa_task_path(folder, task, "running");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0666) : -1;

    free(path);
    return fd;
}

static bool is_locked(const char *folder, const struct sofa_sweep_task *task)
{
    int fd = open_lock(folder, task, false);
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;

    if (fd >= 0)
        close(fd);
    return locked;
}

static enum sofa_code take_lock(const char *folder, const struct sofa_sweep_task *task, int *fd, struct sofa_err *err)
{
    const struct timespec pause = {.tv_nsec = 20000000};

    *fd = open_lock(folder, task, true);
    if (*fd < 0)
        return sofa_fail_errno(err, "write to the folder of task", task->name);
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
            return SOFA_OK;
        nanosleep(&pause, NULL);
    }
    close(*fd);
    *fd = -1;
    return sofa_fail(err, SOFA_E_IO, "task %s is being run by another process", task->name);
}

/* Without it a task isn't done, whatever its status says. */
static bool has_front(const char *folder, const struct sofa_sweep_task *task)
{
    char *path = sofa_task_path(folder, task, "pareto.json");
    bool there = path && sofa_file_exists(path);

    free(path);
    return there;
}

void sofa_task_status_read(const char *folder, const struct sofa_sweep_task *task, struct sofa_task_status *status)
{
    char *path = sofa_task_path(folder, task, "status.json"), *text = NULL;
    const cJSON *state, *error, *space;
    cJSON *root = NULL;
    size_t size;

    *status = (struct sofa_task_status){.state = SOFA_TASK_WAITING};
    if (path && sofa_file_read(path, 65536, &text, &size, NULL) == SOFA_OK)
        root = cJSON_Parse(text);
    state = cJSON_GetObjectItemCaseSensitive(root, "state");
    error = cJSON_GetObjectItemCaseSensitive(root, "error");
    for (int i = 0; cJSON_IsString(state) && i < SOFA_TASK_STATES; i++)
        if (strcmp(state->valuestring, sofa_task_state_names[i]) == 0)
            status->state = (enum sofa_task_state)i;
    space = cJSON_GetObjectItemCaseSensitive(root, "space");
    if (cJSON_IsString(space))
        snprintf(status->space, sizeof status->space, "%s", space->valuestring);
    if (cJSON_IsString(error))
        snprintf(status->error, sizeof status->error, "%s", error->valuestring);
    if ((status->state == SOFA_TASK_RUNNING && !is_locked(folder, task)) ||
        (status->state == SOFA_TASK_DONE && !has_front(folder, task)))
        status->state = SOFA_TASK_STOPPED;
    cJSON_Delete(root);
    free(text);
    free(path);
}

struct record {
    enum sofa_task_state state;
    const char *where;
    double started;
    const struct sofa_study *study; /* NULL while there is none */
    const char *error;              /* NULL for none */
};

static enum sofa_code write_status(const char *folder, const struct sofa_sweep_task *task, const struct record *r,
                                   struct sofa_err *err)
{
    char *path = sofa_task_path(folder, task, "status.json"), *text, host[64] = "?";
    cJSON *root = cJSON_CreateObject();
    enum sofa_code rc;

    gethostname(host, sizeof host - 1);
    cJSON_AddStringToObject(root, "schema", "sofa-dse/task/1");
    cJSON_AddStringToObject(root, "task", task->name);
    cJSON_AddStringToObject(root, "state", sofa_task_state_names[r->state]);
    cJSON_AddStringToObject(root, "host", host);
    cJSON_AddStringToObject(root, "worker", r->where);
    cJSON_AddNumberToObject(root, "process", (double)getpid());
    cJSON_AddNumberToObject(root, "started", r->started);
    if (r->state != SOFA_TASK_RUNNING)
        cJSON_AddNumberToObject(root, "ended", (double)time(NULL));
    if (r->study) {
        cJSON_AddStringToObject(root, "space", r->study->problem->space->sha256);
        cJSON_AddNumberToObject(root, "evaluations", (double)r->study->n_trials);
        cJSON_AddNumberToObject(root, "front", (double)r->study->n_front);
    }
    if (r->error)
        cJSON_AddStringToObject(root, "error", r->error);
    text = sofa_json_text(root);
    rc = path && text ? sofa_file_write_atomic(path, text, strlen(text), err) : sofa_fail_nomem(err, "a status");
    cJSON_free(text);
    cJSON_Delete(root);
    free(path);
    return rc;
}

enum sofa_code sofa_task_check(const struct sofa_sweep_task *task, char digest[SOFA_SHA256_TEXT], struct sofa_err *err)
{
    struct sofa_problem *problem = NULL;
    enum sofa_code rc = sofa_problem_open_with(task->space, &task->override, NULL, &problem, err);

    if (rc == SOFA_OK)
        snprintf(digest, SOFA_SHA256_TEXT, "%s", problem->space->sha256);
    sofa_problem_free(problem);
    return rc;
}

static enum sofa_code explore(const char *path, const struct sofa_sweep_task *task, size_t jobs, struct sofa_problem **problem,
                              struct sofa_study **study, struct sofa_err *err)
{
    struct sofa_study_options so = {
        .folder = path, .resume = true, .jobs = jobs, .algorithm = task->algorithm, .evaluations = (size_t)task->evaluations,
        .has_seed = task->seed >= 0, .seed = task->seed >= 0 ? (uint64_t)task->seed : 0, .cancel = &sofa_stop};
    enum sofa_code rc, written;

    SOFA_TRY(sofa_problem_open_with(task->space, &task->override, NULL, problem, err));
    rc = sofa_study_run(*problem, &so, study, err);
    if (*study) {
        written = sofa_report_write(*study, path, rc == SOFA_OK ? err : NULL);
        rc = rc == SOFA_OK ? written : rc;
    }
out:
    return rc;
}

static enum sofa_code run_locked(const char *folder, const char *path, const struct sofa_sweep_task *task, size_t jobs,
                                 const char *where, struct sofa_err *err)
{
    char text[SOFA_ERR_FILE_MAX + SOFA_ERR_TEXT_MAX + 32];
    struct record r = {.state = SOFA_TASK_RUNNING, .where = where, .started = (double)time(NULL)};
    struct sofa_problem *problem = NULL;
    struct sofa_study *study = NULL;
    struct sofa_task_status before;
    enum sofa_code rc, written;

    sofa_task_status_read(folder, task, &before);
    if (before.state == SOFA_TASK_DONE)
        return SOFA_OK;
    SOFA_TRY(write_status(folder, task, &r, err));
    rc = explore(path, task, jobs, &problem, &study, err);
    r.study = study;
    r.state = rc == SOFA_OK ? SOFA_TASK_DONE : rc == SOFA_E_INTERRUPTED ? SOFA_TASK_STOPPED : SOFA_TASK_FAILED;
    if (rc != SOFA_OK) {
        sofa_err_format(err, text, sizeof text);
        r.error = text;
    }
    written = write_status(folder, task, &r, rc == SOFA_OK ? err : NULL);
    rc = rc == SOFA_OK ? written : rc;
out:
    sofa_study_free(study);
    sofa_problem_free(problem);
    return rc;
}

enum sofa_code sofa_task_run(const char *folder, const struct sofa_sweep_task *task, size_t jobs, const char *where,
                             struct sofa_err *err)
{
    char *path = sofa_task_path(folder, task, NULL);
    enum sofa_code rc;
    int lock = -1;

    if (!path)
        return sofa_fail_nomem(err, task->name);
    SOFA_TRY(sofa_make_directory(path, err));
    SOFA_TRY(take_lock(folder, task, &lock, err));
    rc = run_locked(folder, path, task, jobs, where, err);
out:
    if (lock >= 0)
        close(lock);
    free(path);
    return rc;
}
