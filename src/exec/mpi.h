/*
 * Tasks over the ranks of an MPI job: rank 0 is the manager, the others serve it.
 *
 * Messages are bytes that the caller encodes; the ranks run the same program on like machines, so
 * that numbers travel as they lie in memory.  A rank that dies takes the job with it: what must
 * survive that is in the store.  All MPI calls come from the thread that called sofa_mpi_start.
 *
 * Without SOFA_WITH_MPI (configure --with-mpi) sofa_mpi_start fails with SOFA_E_USAGE.
 */
#ifndef SOFA_EXEC_MPI_H
#define SOFA_EXEC_MPI_H

#include "exec/workers.h"

struct sofa_mpi_world {
    size_t rank, ranks;
};

/* SOFA_E_USAGE where the job has only one rank: nobody would evaluate. */
enum sofa_code sofa_mpi_start(struct sofa_mpi_world *world, struct sofa_err *err);
/* Ends what was started, on rank 0 with the service of the others; does nothing otherwise. */
void sofa_mpi_end(void);
/* Ends the whole job at once with an exit status, where some ranks can't be waited for. */
void sofa_mpi_abort(int status);

/* The largest of all ranks' values: who goes on does so only if all can.  After 0 the others serve. */
int sofa_mpi_worst(int value);

/* Ranks 1.. as workers of the manager. */
enum sofa_code sofa_mpi_workers(const struct sofa_codec *codec, struct sofa_workers **workers, struct sofa_err *err);

/* The other ranks' part: `run` is given a task's bytes and appends the result's, until the manager
 * ends it.  An error of `run` ends it too. */
enum sofa_code sofa_mpi_serve(enum sofa_code (*run)(void *ctx, const char *task, size_t size, struct sofa_str *result,
                                                    struct sofa_err *err),
                              void *ctx, struct sofa_err *err);

#endif
