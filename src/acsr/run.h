/*
 * Keys that the queries of a block are worked on with; plans, kernels and generated kernels share it.
 */
#ifndef SOFA_ACSR_RUN_H
#define SOFA_ACSR_RUN_H

#include <stdint.h>

#define SOFA_ACSR_LANES 16 /* queries of a block */

/* Keys [from, to) of a group; lane l sees begin[l] <= t < end[l], every stride[l]th of them where `stride` is there.
 * All lanes see full_from <= t < full_to. */
struct sofa_acsr_run {
    int32_t from, to, full_from, full_to;
    int32_t begin[SOFA_ACSR_LANES], end[SOFA_ACSR_LANES];
    const int32_t *stride; /* [LANES], NULL: 1 */
};

#endif
