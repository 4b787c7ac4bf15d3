/*
 * Workers: something that runs tasks and hands them back when done, wherever they run.
 *
 * Threads of this process (exec/pool.h) or ranks of an MPI job (exec/mpi.h) behind one interface.
 * Tasks come back in the order they finish; whoever needs another order keeps it.
 */
#ifndef SOFA_EXEC_WORKERS_H
#define SOFA_EXEC_WORKERS_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* The head of every kind of workers, which embeds it. */
struct sofa_workers {
    enum sofa_code (*submit)(struct sofa_workers *workers, void *task, struct sofa_err *err);
    void *(*wait)(struct sofa_workers *workers, double seconds, struct sofa_err *err);
    void (*free)(struct sofa_workers *workers);
};

/* The task is the caller's until it comes back. */
enum sofa_code sofa_workers_submit(struct sofa_workers *workers, void *task, struct sofa_err *err);

/* A finished task, or NULL after `seconds` without one; NULL with err->code set where the workers
 * are lost. */
void *sofa_workers_wait(struct sofa_workers *workers, double seconds, struct sofa_err *err);

/* Drops the tasks that wait, waits for those that run, and ends the workers. */
void sofa_workers_free(struct sofa_workers *workers);

/* `count` >= 1 threads; `run(task, worker, ctx)` is called on them, worker = 0..count-1.  Signals stay
 * with the thread that calls this.  SOFA_E_IO where threads can't be started. */
enum sofa_code sofa_workers_threads(size_t count, void (*run)(void *task, size_t worker, void *ctx), void *ctx,
                                    struct sofa_workers **workers, struct sofa_err *err);

/* What goes to a worker elsewhere and comes back, as bytes.  `encode` appends a task to `bytes`;
 * `decode` puts the result into the task. */
struct sofa_codec {
    enum sofa_code (*encode)(void *ctx, const void *task, struct sofa_str *bytes, struct sofa_err *err);
    enum sofa_code (*decode)(void *ctx, void *task, size_t worker, const char *bytes, size_t size, struct sofa_err *err);
    void *ctx;
};

#endif
