/*
 * A child process that answers lines with lines: what an outside evaluator is run in.
 *
 * It is run directly, never through a shell, in a process group of its own, with its standard input
 * and output as pipes.  What it writes to standard error is read as it comes (so that it can't
 * block) and its last line is kept for messages.  A child that crashed, was too slow or answered
 * with half a line is killed; the next question starts it anew.
 */
#ifndef SOFA_EXEC_CHILD_H
#define SOFA_EXEC_CHILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct sofa_child;

/* `argv` is NULL-terminated and must outlive the child; nothing is started yet. */
enum sofa_code sofa_child_new(char *const *argv, double timeout_s, struct sofa_child **child, struct sofa_err *err);
/* Ends it: closes its input, waits a moment, then kills it. */
void sofa_child_free(struct sofa_child *child);

/* Sends `line` (without its end) and waits for one line, which is left in *reply without its end.
 * SOFA_E_EVAL names what went wrong: could not be started, crashed (with its status and last words),
 * took longer than the timeout, answered more than 16 MiB.  SOFA_E_INTERRUPTED when `cancel` is set. */
enum sofa_code sofa_child_ask(struct sofa_child *child, const char *line, const atomic_bool *cancel, struct sofa_str *reply,
                              struct sofa_err *err);

/* Kills it, so that the next question starts it anew: for answers that make no sense. */
void sofa_child_restart(struct sofa_child *child);

#endif
