#include "exec/workers.h"

#include <stdlib.h>

#include "exec/pool.h"

enum sofa_code sofa_workers_submit(struct sofa_workers *workers, void *task, struct sofa_err *err)
{
    return workers->submit(workers, task, err);
}

void *sofa_workers_wait(struct sofa_workers *workers, double seconds, struct sofa_err *err)
{
    return workers->wait(workers, seconds, err);
}

void sofa_workers_free(struct sofa_workers *workers)
{
    if (workers)
        workers->free(workers);
}

struct threads {
    struct sofa_workers head;
    struct sofa_pool *pool;
};

static enum sofa_code submit(struct sofa_workers *workers, void *task, struct sofa_err *err)
{
    return sofa_pool_submit(((struct threads *)workers)->pool, task, err);
}

static void *wait_for(struct sofa_workers *workers, double seconds, struct sofa_err *err)
{
    (void)err;
    return sofa_pool_wait(((struct threads *)workers)->pool, seconds);
}

static void end(struct sofa_workers *workers)
{
    sofa_pool_free(((struct threads *)workers)->pool);
    free(workers);
}

enum sofa_code sofa_workers_threads(size_t count, void (*run)(void *task, size_t worker, void *ctx), void *ctx,
                                    struct sofa_workers **workers, struct sofa_err *err)
{
    struct threads *t = calloc(1, sizeof *t);
    enum sofa_code rc;

    if (!t)
        return sofa_fail_nomem(err, "worker threads");
    t->head = (struct sofa_workers){submit, wait_for, end};
    SOFA_TRY(sofa_pool_new(count, run, ctx, &t->pool, err));
    *workers = &t->head;
    t = NULL;
out:
    free(t);
    return rc;
}
