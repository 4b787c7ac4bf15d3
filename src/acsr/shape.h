/*
 * Within the room: blocks of a plan that are the same but for where they stand.
 */
#ifndef SOFA_ACSR_SHAPE_H
#define SOFA_ACSR_SHAPE_H

#include "acsr/plan.h"

#define SOFA_ACSR_SHAPES 4       /* functions of their own; compiling each takes about a tenth of a second */
#define SOFA_ACSR_SHAPE_BLOCKS 4 /* least number of blocks that make one worth it */

/* Blocks [first, first + count) in steps of row and key: one call each. */
struct sofa_acsr_segment {
    int shape;    /* -1: from the table of blocks */
    size_t block; /* the first */
    size_t count;
    int32_t row_step, from_step;
};

struct sofa_acsr_shapes {
    size_t n, n_segments, n_others;
    size_t block[SOFA_ACSR_SHAPES];            /* one that has the shape */
    const struct sofa_acsr_segment *segment;   /* in the order of the plan */
};

enum sofa_code sofa_acsr_shapes_find(const struct sofa_acsr_plan *plan, struct sofa_arena *arena,
                                     struct sofa_acsr_shapes *shapes, struct sofa_err *err);

/* What no text can be written of: SOFA_E_INPUT. */
enum sofa_code sofa_acsr_emit_check(const struct sofa_acsr_plan *plan, size_t d, struct sofa_err *err);

/* Whether keys behind a run may be read, so that a chunk can be filled up. */
static inline bool sofa_acsr_run_has_room(const struct sofa_acsr_plan *plan, const struct sofa_acsr_block *block,
                                          const struct sofa_acsr_run *run)
{
    return (size_t)run->to + 4 <= plan->group[block->group].keys;
}

#endif
