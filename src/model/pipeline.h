/*
 * How the stages of a block overlap, in closed form over its tiles.
 */
#ifndef SOFA_MODEL_PIPELINE_H
#define SOFA_MODEL_PIPELINE_H

#include "model/plan.h"

/* A block's tiles: `full` of Bc keys and one of `rest` keys (0: none). */
struct sofa_pipeline_tiles {
    double full, rest;
    struct sofa_plan_tile whole, part; /* `whole` unset where full is 0, `part` where rest is 0 */
};
void sofa_pipeline_tiles_init(struct sofa_pipeline_tiles *tiles, const struct sofa_plan_layer *layer,
                              const struct sofa_plan_head *head, const struct sofa_plan_block *block);

/* Cycles of the block's computation with all operands at hand, its divisions included. */
double sofa_pipeline_compute(const struct sofa_plan_layer *layer, const struct sofa_plan_head *head,
                             const struct sofa_plan_block *block, const struct sofa_pipeline_tiles *tiles);

/* Busy cycles of the sorting cores of one lane in this block. */
double sofa_pipeline_sort(const struct sofa_plan_layer *layer, const struct sofa_plan_head *head,
                          const struct sofa_plan_block *block, const struct sofa_pipeline_tiles *tiles);

#endif
