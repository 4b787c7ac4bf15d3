/*
 * Worker threads that run tasks and hand them back when done.
 *
 * The pool knows nothing of what a task is: it calls one function on it.  Tasks come back in the
 * order they finish; whoever needs another order keeps it.
 */
#ifndef SOFA_EXEC_POOL_H
#define SOFA_EXEC_POOL_H

#include <stddef.h>

#include "base/err.h"

struct sofa_pool;

/* Starts `workers` >= 1 threads; `run(task, worker, ctx)` is called on them, worker = 0..workers-1.
 * Signals stay with the thread that calls this.  SOFA_E_IO where threads can't be started. */
enum sofa_code sofa_pool_new(size_t workers, void (*run)(void *task, size_t worker, void *ctx), void *ctx,
                             struct sofa_pool **pool, struct sofa_err *err);
/* Waits for running tasks, drops the waiting ones, ends the threads. */
void sofa_pool_free(struct sofa_pool *pool);

/* The task is the caller's until it comes back. */
enum sofa_code sofa_pool_submit(struct sofa_pool *pool, void *task, struct sofa_err *err);

/* A finished task, or NULL after `seconds` without one. */
void *sofa_pool_wait(struct sofa_pool *pool, double seconds);

/* Processors this process may use. */
size_t sofa_processors(void);

#endif
