/*
 * How the stages of a block overlap with each other and with DRAM, in closed form over its tiles.
 *
 * A tile takes seven steps: its operands come in (DRAM), DLZS, its scores go out and in again where
 * they don't fit (DRAM), SADS, what it selected comes in (DRAM), K/V generation, SU-FA.  The steps that
 * overlap form a phase: all of them in the tiled pipeline; with a sort of whole rows, those before and
 * those after it; stage by stage, each for itself with its transfers.
 */
#ifndef SOFA_MODEL_PIPELINE_H
#define SOFA_MODEL_PIPELINE_H

#include "model/plan.h"

enum sofa_step { STEP_OPERANDS, STEP_DLZS, STEP_SCORES, STEP_SORT, STEP_SELECTION, STEP_GENERATION, STEP_SUFA, STEP_COUNT };

/* A block's tiles: `full` of Bc keys and one of `rest` keys (0: none). */
struct sofa_pipeline_tiles {
    double full, rest, width; /* width: Bc, or with a pattern an equal part of the block's keys */
    struct sofa_plan_tile whole, part; /* `whole` unset where full is 0, `part` where rest is 0 */
};
void sofa_pipeline_tiles_init(struct sofa_pipeline_tiles *tiles, const struct sofa_plan_layer *layer,
                              const struct sofa_plan_head *head, const struct sofa_plan_block *block);

/* Busy cycles of the sorting cores of one lane in this block. */
double sofa_pipeline_sort(const struct sofa_plan_layer *layer, const struct sofa_plan_head *head,
                          const struct sofa_plan_block *block, const struct sofa_pipeline_tiles *tiles);

/* A block's time, but for what the block before hides of it. */
struct sofa_block_time {
    double flow, dram;    /* first phase, limited by computation and by DRAM */
    double rest;          /* phases after it, and the divisions */
    double first, second; /* operands of the first two tiles */
    double lead;          /* DLZS of the first, where DRAM has nothing to do beside it once both are in */
    double intake;        /* when a computing block's own operands are in */
    double behind_lead;   /* of `busy`, 1 where DRAM comes to it only after the lead, else 0 */
    double busy;          /* all that DRAM carries for this block behind those operands, writes included */
};

/* Given the block's DRAM bytes by kind and sofa_pipeline_sort. */
void sofa_pipeline_init(struct sofa_block_time *time, const struct sofa_plan_layer *layer,
                        const struct sofa_plan_block *block, const struct sofa_pipeline_tiles *tiles,
                        const double bytes[SOFA_TRAFFIC_COUNT], double sort);

/* Cycles of the block.  *window: how long DRAM has had nothing to do before it, and then how long it has
 * nothing to do at its end; negative: so long it still writes what found no pause.  The operands of the
 * first two tiles come in the window: computation as the limit gains the first tile's, DRAM as the limit
 * those of both.
 * The end of the block and the time at which DRAM is free are sums, minima and maxima of durations and of
 * these two times of the block before, so that nothing that takes less time makes a run take more. */
double sofa_pipeline_pass(const struct sofa_block_time *time, double *window);

#endif
