/*
 * A sweep: many explorations as one batch, expanded from a matrix as CI systems do it.
 *
 *   version: 1
 *   name: seeds
 *   matrix:                       every combination is a task, the last key varying fastest
 *     space: [a.yaml, b.yaml]     relative to this file
 *     hardware: [sofa-28nm, ...]  in place of the space's; `workload` likewise
 *     algorithm: [...]
 *     seed: [1, 2, 3]
 *     evaluations: [100]
 *   exclude: [{space: b.yaml, seed: 3}]      combinations that have all of these; there has to be one
 *   include: [{seed: 1, evaluations: 500}]   added to the combinations whose values it leaves as they
 *                                            are; where there is none, a task of its own
 *   slurm: {options: ["--partition=short"]}  passed to sbatch as they are
 *
 * Each task has a folder, DIR/tasks/NAME, whose name tells its values and does not change when
 * others are added; nothing in it is written by another task.
 */
#ifndef SOFA_STUDY_SWEEP_H
#define SOFA_STUDY_SWEEP_H

#include "base/arena.h"
#include "config/node.h"
#include "space/space.h"

enum sofa_sweep_axis {
    SOFA_SWEEP_SPACE, SOFA_SWEEP_WORKLOAD, SOFA_SWEEP_HARDWARE, SOFA_SWEEP_ALGORITHM, SOFA_SWEEP_SEED,
    SOFA_SWEEP_EVALUATIONS, SOFA_SWEEP_AXES
};
extern const char *const sofa_sweep_axis_names[SOFA_SWEEP_AXES];

struct sofa_sweep_task {
    const struct sofa_node *value[SOFA_SWEEP_AXES]; /* NULL: the space's own */
    const char *name;   /* of its folder: letters, digits and "-_." */
    const char *space;  /* path */
    const char *algorithm; /* NULL: the space's */
    long seed;          /* -1: the space's */
    long evaluations;   /* 0: the space's */
    struct sofa_space_override override;
};

struct sofa_sweep {
    struct sofa_document *document;
    struct sofa_arena arena;
    const char *file, *name;
    size_t n_tasks;
    struct sofa_sweep_task *task; /* [n_tasks] in the order of the matrix */
    size_t n_slurm;
    const char **slurm_option; /* [n_slurm] */
};

/* SOFA_E_INPUT with its place.  Space files are not opened. */
enum sofa_code sofa_sweep_read(const char *file, struct sofa_sweep **sweep, struct sofa_err *err);
void sofa_sweep_free(struct sofa_sweep *sweep);

#endif
