/*
 * Slurm: numbered tasks as job arrays, through sbatch, squeue and scontrol.
 *
 * The commands are run directly; values reach the job's shell only as single-quoted words of a script
 * that is written here.  Arrays are cut into chunks that the cluster's MaxArraySize allows.
 */
#ifndef SOFA_EXEC_SLURM_H
#define SOFA_EXEC_SLURM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct sofa_slurm_array {
    const char *folder;        /* absolute: scripts and logs go to its slurm/, jobs start in it */
    const char *name;          /* of the jobs */
    const char *const *option; /* [n_options] for sbatch, as they are */
    size_t n_options;
    size_t n;
    const size_t *index;       /* [n] ascending: the tasks to run */
    const char *const *argv;   /* NULL-terminated: a task's command; SOFA_SLURM_INDEX stands for its number
                                  and SOFA_SLURM_CPUS for the processors it may use */
    const char *const *after;  /* NULL-terminated: run once all have succeeded */
};
extern const char SOFA_SLURM_INDEX[], SOFA_SLURM_CPUS[];

/* Submits; appends the ids of all jobs to `ids`, separated by commas.  SOFA_E_IO with what sbatch said; *submitted
 * is how many tasks it had taken by then, from the first on: a cluster may have more than it takes at a time
 * (MaxJobCount, limits of an account).  Without all of them there is no job after them. */
enum sofa_code sofa_slurm_submit(const struct sofa_slurm_array *array, struct sofa_str *ids, size_t *submitted,
                                 struct sofa_err *err);

/* Whether any of the jobs is still waiting or running. */
enum sofa_code sofa_slurm_active(const char *ids, bool *active, struct sofa_err *err);

/* Puts the job that this process runs in back into the queue. */
enum sofa_code sofa_slurm_requeue_self(struct sofa_err *err);

#endif
