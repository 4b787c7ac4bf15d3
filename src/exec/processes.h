/*
 * Processes on this machine: runs many commands, so many at a time, directly and never by a shell.
 *
 * Each is a group of its own, so that a signal from the terminal reaches it once, through us; where we
 * die, the system sends it SIGTERM.
 */
#ifndef SOFA_EXEC_PROCESSES_H
#define SOFA_EXEC_PROCESSES_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/err.h"

struct sofa_command_line {
    char *const *argv; /* NULL-terminated; argv[0] is the program, looked for in PATH */
    const char *log;   /* its standard output and error go to this file; NULL: /dev/null */
};

struct sofa_processes {
    size_t count, at_once;
    /* Fills in the command of task i; what it points to must live until the next call. */
    enum sofa_code (*command)(void *ctx, size_t i, struct sofa_command_line *command, struct sofa_err *err);
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
