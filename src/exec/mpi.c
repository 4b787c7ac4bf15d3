#include "exec/mpi.h"

#ifdef SOFA_WITH_MPI

#include <limits.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum tag { TAG_TASK = 1, TAG_RESULT, TAG_END };

/* One rank of the manager's: what it works on, and the message on its way there. */
struct rank {
    void *task; /* NULL: idle */
    struct sofa_str message;
    MPI_Request sending;
};

struct link {
    struct link *next;
    void *task;
};

struct manager {
    struct sofa_workers head;
    struct sofa_codec codec;
    struct link *first, *last; /* tasks that wait for a rank */
    size_t ranks;              /* all of them, the manager too */
    struct rank rank[];        /* [ranks], [0] unused */
};

/* The other ranks serve until they are told to end, whether a manager came to be or not. */
static bool dismissed, serving;

static void dismiss(void)
{
    int rank, ranks;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    for (int i = 1; rank == 0 && !dismissed && i < ranks; i++)
        MPI_Send(NULL, 0, MPI_BYTE, i, TAG_END, MPI_COMM_WORLD);
    dismissed = true;
}

enum sofa_code sofa_mpi_start(struct sofa_mpi_world *world, struct sofa_err *err)
{
    int provided, rank, ranks;

    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return sofa_fail(err, SOFA_E_IO, "MPI can't be started");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    world->rank = (size_t)rank;
    world->ranks = (size_t)ranks;
    if (ranks < 2)
        return sofa_fail(err, SOFA_E_USAGE, "the MPI job has one rank; expected a manager and workers, started as "
                         "'mpirun -n 3 sofa-dse ...' by the launcher of the same MPI");
    return SOFA_OK;
}

void sofa_mpi_end(void)
{
    int started, ended;

    MPI_Initialized(&started);
    MPI_Finalized(&ended);
    if (!started || ended)
        return;
    if (serving)
        dismiss();
    MPI_Finalize();
}

void sofa_mpi_abort(int status)
{
    MPI_Abort(MPI_COMM_WORLD, status);
}

int sofa_mpi_worst(int value)
{
    int worst = value;

    MPI_Allreduce(&value, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    serving = worst == 0;
    return worst;
}

/* Waiting without burning a processor that an evaluation could use: short naps while an answer may come at
 * once, longer ones after the first ten milliseconds. */
static void nap(size_t naps)
{
    const struct timespec pause = {.tv_nsec = naps < 100 ? 50000 : 500000};

    nanosleep(&pause, NULL);
}

static enum sofa_code send_task(struct manager *m, size_t to, void *task, struct sofa_err *err)
{
    struct rank *r = &m->rank[to];
    enum sofa_code rc;

    MPI_Wait(&r->sending, MPI_STATUS_IGNORE);
    sofa_str_clear(&r->message);
    SOFA_TRY(m->codec.encode(m->codec.ctx, task, &r->message, err));
    if (r->message.failed || r->message.length > INT_MAX)
        return sofa_fail_nomem(err, "a task");
    r->task = task;
    MPI_Isend(r->message.text, (int)r->message.length, MPI_BYTE, (int)to, TAG_TASK, MPI_COMM_WORLD, &r->sending);
out:
    return rc;
}

static size_t idle_rank(const struct manager *m)
{
    for (size_t i = 1; i < m->ranks; i++)
        if (!m->rank[i].task)
            return i;
    return 0;
}

static enum sofa_code submit(struct sofa_workers *workers, void *task, struct sofa_err *err)
{
    struct manager *m = (struct manager *)workers;
    size_t idle = idle_rank(m);
    struct link *link;

    if (idle)
        return send_task(m, idle, task, err);
    link = malloc(sizeof *link);
    if (!link)
        return sofa_fail_nomem(err, "a task");
    *link = (struct link){NULL, task};
    if (m->last)
        m->last->next = link;
    else
        m->first = link;
    m->last = link;
    return SOFA_OK;
}

static void *next_waiting(struct manager *m)
{
    struct link *link = m->first;
    void *task = link ? link->task : NULL;

    if (link) {
        m->first = link->next;
        if (!m->first)
            m->last = NULL;
        free(link);
    }
    return task;
}

static bool result_is_there(double seconds, MPI_Status *status)
{
    double until = MPI_Wtime() + seconds;
    int there = 0;

    for (size_t naps = 0;; naps++) {
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_RESULT, MPI_COMM_WORLD, &there, status);
        if (there || MPI_Wtime() >= until)
            return there;
        nap(naps);
    }
}

static enum sofa_code receive(const MPI_Status *status, int tag, char **bytes, int *size, struct sofa_err *err)
{
    MPI_Get_count(status, MPI_BYTE, size);
    *bytes = malloc((size_t)*size + 1);
    if (!*bytes)
        return sofa_fail_nomem(err, "a message");
    MPI_Recv(*bytes, *size, MPI_BYTE, status->MPI_SOURCE, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return SOFA_OK;
}

static void *wait_for(struct sofa_workers *workers, double seconds, struct sofa_err *err)
{
    struct manager *m = (struct manager *)workers;
    void *task = NULL, *next;
    MPI_Status status;
    struct rank *r;
    char *bytes = NULL;
    enum sofa_code rc;
    int size;

    if (!result_is_there(seconds, &status))
        return NULL;
    SOFA_TRY(receive(&status, TAG_RESULT, &bytes, &size, err));
    r = &m->rank[status.MPI_SOURCE];
    task = r->task;
    r->task = NULL;
    next = next_waiting(m);
    if (next)
        SOFA_TRY(send_task(m, (size_t)status.MPI_SOURCE, next, err));
    rc = m->codec.decode(m->codec.ctx, task, (size_t)status.MPI_SOURCE, bytes, (size_t)size, err);
out:
    free(bytes);
    return rc == SOFA_OK ? task : NULL;
}

/* What still runs is waited for and thrown away. */
static void end(struct sofa_workers *workers)
{
    struct manager *m = (struct manager *)workers;

    while (next_waiting(m))
        ;
    for (size_t i = 1; i < m->ranks; i++) {
        struct rank *r = &m->rank[i];
        MPI_Status status;
        char *bytes = NULL;
        int size;

        MPI_Wait(&r->sending, MPI_STATUS_IGNORE);
        if (r->task) {
            MPI_Probe((int)i, TAG_RESULT, MPI_COMM_WORLD, &status);
            (void)receive(&status, TAG_RESULT, &bytes, &size, NULL);
            free(bytes);
        }
        sofa_str_release(&r->message);
    }
    dismiss();
    free(m);
}

enum sofa_code sofa_mpi_workers(const struct sofa_codec *codec, struct sofa_workers **workers, struct sofa_err *err)
{
    struct manager *m;
    int ranks;

    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    m = calloc(1, sizeof *m + (size_t)ranks * sizeof *m->rank);
    if (!m)
        return sofa_fail_nomem(err, "the manager of the ranks");
    m->head = (struct sofa_workers){submit, wait_for, end};
    m->codec = *codec;
    m->ranks = (size_t)ranks;
    for (size_t i = 0; i < m->ranks; i++)
        m->rank[i] = (struct rank){.message = SOFA_STR_INIT, .sending = MPI_REQUEST_NULL};
    *workers = &m->head;
    return SOFA_OK;
}

static void wait_for_message(MPI_Status *status)
{
    int there = 0;

    for (size_t naps = 0;; naps++) {
        MPI_Iprobe(0, MPI_ANY_TAG, MPI_COMM_WORLD, &there, status);
        if (there)
            return;
        nap(naps);
    }
}

enum sofa_code sofa_mpi_serve(enum sofa_code (*run)(void *ctx, const char *task, size_t size, struct sofa_str *result,
                                                    struct sofa_err *err),
                              void *ctx, struct sofa_err *err)
{
    enum sofa_code rc;

    for (;;) {
        struct sofa_str result = SOFA_STR_INIT;
        MPI_Status status;
        char *bytes = NULL;
        int size;

        wait_for_message(&status);
        rc = receive(&status, status.MPI_TAG, &bytes, &size, err);
        if (rc == SOFA_OK && status.MPI_TAG == TAG_TASK) {
            rc = run(ctx, bytes, (size_t)size, &result, err);
            if (rc == SOFA_OK && (result.failed || result.length > INT_MAX))
                rc = sofa_fail_nomem(err, "a result");
            if (rc == SOFA_OK)
                MPI_Send(result.text, (int)result.length, MPI_BYTE, 0, TAG_RESULT, MPI_COMM_WORLD);
        }
        free(bytes);
        sofa_str_release(&result);
        if (rc != SOFA_OK || status.MPI_TAG != TAG_TASK)
            return rc;
    }
}

#else

static enum sofa_code fail_without(struct sofa_err *err)
{
    return sofa_fail(err, SOFA_E_USAGE, "this program was built without MPI; configure it --with-mpi");
}

enum sofa_code sofa_mpi_start(struct sofa_mpi_world *world, struct sofa_err *err)
{
    *world = (struct sofa_mpi_world){0, 1};
    return fail_without(err);
}

void sofa_mpi_end(void)
{
}

void sofa_mpi_abort(int status)
{
    (void)status;
}

int sofa_mpi_worst(int value)
{
    return value;
}

enum sofa_code sofa_mpi_workers(const struct sofa_codec *codec, struct sofa_workers **workers, struct sofa_err *err)
{
    (void)codec;
    (void)workers;
    return fail_without(err);
}

enum sofa_code sofa_mpi_serve(enum sofa_code (*run)(void *ctx, const char *task, size_t size, struct sofa_str *result,
                                                    struct sofa_err *err),
                              void *ctx, struct sofa_err *err)
{
    (void)run;
    (void)ctx;
    return fail_without(err);
}

#endif
