/*
 * What the functional kernel finds out about settings of the algorithm: in a language model the loss
 * and the statistics of every head, on synthetic rows statistics alone.
 */
#ifndef SOFA_STUDY_MEASURE_H
#define SOFA_STUDY_MEASURE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/arena.h"
#include "study/problem.h"

struct sofa_measured {
    struct sofa_lm_loss loss;  /* of a language model */
    double mass, output_error; /* means over heads; NAN unless the problem's level is SOFA_STATS_ALL */
    struct sofa_statistics selection; /* head in the arena */
};

/* Measurements are shared by designs that differ in hardware only: a bounded cache, safe between threads. */
struct sofa_measurements;
enum sofa_code sofa_measurements_new(size_t most, struct sofa_measurements **measurements, struct sofa_err *err);
void sofa_measurements_free(struct sofa_measurements *measurements);

/* For a problem that runs the kernel.  `measurements` may be NULL.  SOFA_E_INTERRUPTED when cancelled. */
enum sofa_code sofa_measure(const struct sofa_problem *problem, const struct sofa_design *design,
                            struct sofa_measurements *measurements, const atomic_bool *cancel, struct sofa_arena *arena,
                            struct sofa_measured *out, struct sofa_err *err);

#endif
