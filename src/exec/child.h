/*
 * A child process that answers lines with lines: what an outside evaluator is run in.
 *
 * It is run directly, never through a shell, in a process group of its own, with its standard input
 * and output as pipes.  What it writes to standard error is read as it comes (so that it can't
 * block) and its last line is kept for messages.  A child that crashed, was too slow or answered
 * with half a line is killed; the next question starts it anew.  One that has answered and then ends
 * by itself, with status 0, is started again for the next question.  Blank lines count for nothing.
 */
#ifndef SOFA_EXEC_CHILD_H
#define SOFA_EXEC_CHILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct sofa_child;

/* `argv` is NULL-terminated; it and `folder`, where the child runs (NULL: here), must outlive the child.
 * Nothing is started yet. */
enum sofa_code sofa_child_new(char *const *argv, const char *folder, double timeout_s, struct sofa_child **child,
                              struct sofa_err *err);
/* Ends it: closes its input, waits a moment, then kills it. */
void sofa_child_free(struct sofa_child *child);

/* Sends `line` (without its end) and waits for one line, which is left in *reply without its end.
 * SOFA_E_EVAL names what went wrong: it crashed (with its status and last words), took longer than the
 * timeout, answered more than one line or more than 16 MiB.  SOFA_E_IO where it can't be started,
 * SOFA_E_INTERRUPTED when `cancel` is set. */
enum sofa_code sofa_child_ask(struct sofa_child *child, const char *line, const atomic_bool *cancel, struct sofa_str *reply,
                              struct sofa_err *err);

/* Whether argv[0], as seen from `folder` or in PATH, is a program that may be run; SOFA_E_INPUT says why not. */
enum sofa_code sofa_child_check(const char *program, const char *folder, struct sofa_err *err);

/* Kills it, so that the next question starts it anew: for answers that make no sense. */
void sofa_child_restart(struct sofa_child *child);

#endif
