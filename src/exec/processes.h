/*
 * Processes on this machine: runs many tasks, each in a child process, so many at a time.
 *
 * A child is a copy of this process (fork without exec): what was read before needs no reading again, and
 * no value passes through a command line or a shell.  Call it while there is one thread.  Each is a
 * group of its own, so that a signal from the terminal reaches it once, through us; where we die, the
 * system sends it SIGTERM.
 */
#ifndef SOFA_EXEC_PROCESSES_H
#define SOFA_EXEC_PROCESSES_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/err.h"

struct sofa_processes {
    size_t count, at_once;
    /* Readies task i; *log, which must live until the next call, is the file that its standard output
     * and error go to, NULL for /dev/null. */
    enum sofa_code (*prepare)(void *ctx, size_t i, const char **log, struct sofa_err *err);
    /* Task i, in the child; what it returns is the exit status. */
    int (*run)(void *ctx, size_t i);
    /* Task i ended with an exit status, or 128 + the signal's number. */
    void (*done)(void *ctx, size_t i, int status);
    void *ctx;
    const atomic_bool *cancel;
};

/* Until all are done.  SOFA_E_INTERRUPTED when cancelled: those that run get SIGTERM, after 5 s SIGKILL.
 * SOFA_E_IO where none can be started. */
enum sofa_code sofa_processes_run(const struct sofa_processes *processes, struct sofa_err *err);

/* One command, its standard output (at most 1 MiB of it) in *output, malloc'd.  SOFA_E_IO where it can't
 * be started or ends with another status than 0, with the last line it wrote to standard error. */
enum sofa_code sofa_process_output(char *const *argv, char **output, struct sofa_err *err);

#endif
