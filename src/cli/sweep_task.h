/*
 * One task of a sweep and what stands in its folder: a study and its status, written atomically.
 */
#ifndef SOFA_CLI_SWEEP_TASK_H
#define SOFA_CLI_SWEEP_TASK_H

#include <stdbool.h>

#include "study/sweep.h"

enum sofa_task_state {
    SOFA_TASK_WAITING, /* never started */
    SOFA_TASK_RUNNING,
    SOFA_TASK_STOPPED, /* by a signal, or its process is gone; goes on when it is run again */
    SOFA_TASK_FAILED,
    SOFA_TASK_DONE,
    SOFA_TASK_STATES
};
extern const char *const sofa_task_state_names[SOFA_TASK_STATES];

struct sofa_task_status {
    enum sofa_task_state state;
    char space[SOFA_SHA256_TEXT]; /* the space's digest, "" while none was opened */
    char error[512];              /* its first line; "" but where it failed */
};

/* "FOLDER/tasks/NAME" or a file in it, malloc'd. */
char *sofa_task_path(const char *folder, const struct sofa_sweep_task *task, const char *file);

/* What the folder says; one that can't be read counts as waiting. */
void sofa_task_status_read(const char *folder, const struct sofa_sweep_task *task, struct sofa_task_status *status);

/* Opens what the task names, so that bad input shows before anything starts; *digest is the space's. */
enum sofa_code sofa_task_check(const struct sofa_sweep_task *task, char digest[SOFA_SHA256_TEXT], struct sofa_err *err);

/* Runs or goes on with a task, `jobs` evaluations at a time (0: as many as processors).  A task that is
 * done is left alone.  `where` tells people which worker it was.  Failures are in the status as well. */
enum sofa_code sofa_task_run(const char *folder, const struct sofa_sweep_task *task, size_t jobs, const char *where,
                             struct sofa_err *err);

#endif
