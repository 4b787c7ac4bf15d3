/*
 * A layer's blocks of queries one after the other: head by head, sequence of the batch by sequence, and
 * what they add up to.
 */
#ifndef SOFA_MODEL_SEQUENCE_H
#define SOFA_MODEL_SEQUENCE_H

#include "model/plan.h"

/* Sums over the blocks of layers. */
struct sofa_tally {
    double cycles;
    double stage[SOFA_STAGE_COUNT];
    double bytes[SOFA_TRAFFIC_COUNT];
    struct sofa_operations o;
};

/* Adds a layer.  `heads` rows of statistics, or one for all of them.  *window: see sofa_pipeline_pass;
 * of the layer before (0 before the first), and then of this one. */
void sofa_sequence_layer(struct sofa_tally *tally, const struct sofa_plan_layer *layer,
                         const struct sofa_workload *workload, const struct sofa_selection *selection, int heads,
                         double *window);

#endif
