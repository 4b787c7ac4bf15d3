/*
 * A workload's blocks of queries one after the other: layer by layer, head by head, sequence of the batch by
 * sequence; when they are done, and what they add up to.
 */
#ifndef SOFA_MODEL_SEQUENCE_H
#define SOFA_MODEL_SEQUENCE_H

#include "model/block.h"

/* Over all layers; `of` by enum sofa_block_sum. */
struct sofa_totals {
    double cycles;
    double of[SUM_COUNT];
};

void sofa_sequence_run(struct sofa_totals *totals, const struct sofa_plan *plan, const struct sofa_plan_layer *layer,
                       const struct sofa_workload *workload, const struct sofa_statistics *statistics);

#endif
