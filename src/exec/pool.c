#include "exec/pool.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A first-in first-out list. */
struct link {
    struct link *next;
    void *task;
};
struct queue {
    struct link *first, *last;
};

struct worker {
    struct sofa_pool *pool;
    size_t index;
    pthread_t thread;
};

struct sofa_pool {
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* something to run; something finished */
    struct queue waiting, finished;
    bool closing;
    void (*run)(void *task, size_t worker, void *ctx);
    void *ctx;
    size_t started;
    struct worker worker[];
};

static void append(struct queue *q, struct link *link)
{
    link->next = NULL;
    if (q->last)
        q->last->next = link;
    else
        q->first = link;
    q->last = link;
}

static struct link *take(struct queue *q)
{
    struct link *link = q->first;

    if (link) {
        q->first = link->next;
        if (!q->first)
            q->last = NULL;
    }
    return link;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct sofa_pool *pool = w->pool;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct link *link;

        while (!pool->closing && !pool->waiting.first)
            pthread_cond_wait(&pool->work, &pool->lock);
        if (pool->closing)
            break;
        link = take(&pool->waiting);
        pthread_mutex_unlock(&pool->lock);
        pool->run(link->task, w->index, pool->ctx);
        pthread_mutex_lock(&pool->lock);
        append(&pool->finished, link);
        pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Threads inherit a mask without signals, so that these reach the caller. */
static enum sofa_code start(struct sofa_pool *pool, size_t workers, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < workers; i++) {
        pool->worker[i] = (struct worker){.pool = pool, .index = i};
        errno = pthread_create(&pool->worker[i].thread, NULL, work, &pool->worker[i]);
        if (errno) {
            rc = sofa_fail(err, SOFA_E_IO, "cannot start a worker thread: %s", strerror(errno));
            break;
        }
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

enum sofa_code sofa_pool_new(size_t workers, void (*run)(void *task, size_t worker, void *ctx), void *ctx,
                             struct sofa_pool **pool, struct sofa_err *err)
{
    struct sofa_pool *p = calloc(1, sizeof *p + workers * sizeof *p->worker);
    pthread_condattr_t monotonic;
    enum sofa_code rc;

    if (!p)
        return sofa_fail_nomem(err, "worker threads");
    p->run = run;
    p->ctx = ctx;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    rc = start(p, workers, err);
    if (rc == SOFA_OK)
        *pool = p;
    else
        sofa_pool_free(p);
    return rc;
}

static void drop(struct queue *q)
{
    struct link *link;

    while ((link = take(q)))
        free(link);
}

void sofa_pool_free(struct sofa_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->started; i++)
        pthread_join(pool->worker[i].thread, NULL);
    drop(&pool->waiting);
    drop(&pool->finished);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

enum sofa_code sofa_pool_submit(struct sofa_pool *pool, void *task, struct sofa_err *err)
{
    struct link *link = malloc(sizeof *link);

    if (!link)
        return sofa_fail_nomem(err, "a task");
    link->task = task;
    pthread_mutex_lock(&pool->lock);
    append(&pool->waiting, link);
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    return SOFA_OK;
}

static struct timespec from_now(double seconds)
{
    struct timespec t;
    double whole = floor(seconds);

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)whole;
    t.tv_nsec += (long)((seconds - whole) * 1e9);
    if (t.tv_nsec >= 1000000000L) {
        t.tv_nsec -= 1000000000L;
        t.tv_sec++;
    }
    return t;
}

void *sofa_pool_wait(struct sofa_pool *pool, double seconds)
{
    struct timespec until = from_now(seconds);
    struct link *link;
    void *task = NULL;

    pthread_mutex_lock(&pool->lock);
    while (!pool->finished.first && pthread_cond_timedwait(&pool->done, &pool->lock, &until) == 0)
        ;
    link = take(&pool->finished);
    pthread_mutex_unlock(&pool->lock);
    if (link)
        task = link->task;
    free(link);
    return task;
}

size_t sofa_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 1)
        return 1;
    return (size_t)CPU_COUNT(&set);
}
