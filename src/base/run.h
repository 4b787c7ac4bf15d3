/*
 * Runs a program to its end: directly, never by a shell, in a folder of its own choice and in a process
 * group of its own, for at most so long.
 */
#ifndef SOFA_BASE_RUN_H
#define SOFA_BASE_RUN_H

#include "base/err.h"
#include "base/str.h"

/* `argv` NULL-terminated, argv[0] a path; standard input is /dev/null.  What it writes to standard output
 * and error goes to *output, at most 1 MiB of it.  *status: its exit status, or 128 + the signal that
 * ended it; 127 where it could not be started.  SOFA_E_EVAL after `timeout_s`, SOFA_E_INTERRUPTED where a
 * signal came meanwhile: then it and all it started are killed. */
enum sofa_code sofa_run(char *const *argv, const char *folder, double timeout_s, struct sofa_str *output, int *status,
                        struct sofa_err *err);

#endif
