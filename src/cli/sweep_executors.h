/*
 * Where the tasks of a sweep run: processes of this machine, ranks of an MPI job, Slurm.
 */
#ifndef SOFA_CLI_SWEEP_EXECUTORS_H
#define SOFA_CLI_SWEEP_EXECUTORS_H

#include <stdbool.h>

#include "study/sweep.h"

struct sofa_sweep_run {
    const struct sofa_sweep *sweep;
    const char *folder;
    size_t n_todo;
    const size_t *todo; /* [n_todo] tasks to run */
    size_t jobs;        /* tasks at a time on this machine, 0: as many as processors */
    bool quiet;
    bool wait;          /* for Slurm's jobs to end */
};

/* SOFA_E_INTERRUPTED when stopped by a signal.  What became of the tasks stands in their folders. */
enum sofa_code sofa_sweep_run_local(const struct sofa_sweep_run *run, struct sofa_err *err);
enum sofa_code sofa_sweep_run_mpi(const struct sofa_sweep_run *run, struct sofa_err *err);
/* Submits, and waits if asked to. */
enum sofa_code sofa_sweep_run_slurm(const struct sofa_sweep_run *run, struct sofa_err *err);

/* The part of MPI's other ranks. */
enum sofa_code sofa_sweep_serve(const struct sofa_sweep *sweep, const char *folder, size_t rank, struct sofa_err *err);

#endif
