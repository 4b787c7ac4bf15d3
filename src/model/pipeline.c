#include "model/pipeline.h"

#include <math.h>

void sofa_pipeline_tiles_init(struct sofa_pipeline_tiles *t, const struct sofa_plan_layer *layer,
                              const struct sofa_plan_head *head, const struct sofa_plan_block *block)
{
    t->full = floor(block->keys / layer->tile);
    t->rest = block->keys - t->full * layer->tile;
    if (t->full > 0)
        sofa_plan_tile_init(&t->whole, layer, head, block, layer->tile);
    if (t->rest > 0)
        sofa_plan_tile_init(&t->part, layer, head, block, t->rest);
}

/* Equal tiles then a smaller one through a line of stages [from, to), each stage taking one tile at a
 * time: the longest path through tiles and stages.  It leaves the last whole tile at some stage k and
 * passes the rest of the line with the smaller tile. */
static double flow(const struct sofa_pipeline_tiles *t, int from, int to)
{
    double sum = 0, most = 0, path = 0, tail = 0;

    if (t->rest > 0)
        for (int s = from; s < to; s++)
            tail += t->part.stage[s];
    if (!(t->full > 0))
        return tail;
    for (int s = from; s < to; s++) {
        double so_far;

        sum += t->whole.stage[s];
        most = most > t->whole.stage[s] ? most : t->whole.stage[s];
        so_far = sum + (t->full - 1) * most;
        if (t->rest > 0) {
            path = path > so_far + tail ? path : so_far + tail;
            tail -= t->part.stage[s];
        } else {
            path = so_far;
        }
    }
    return path;
}

/* One stage's cycles over all tiles. */
static double total(const struct sofa_pipeline_tiles *t, int stage)
{
    return (t->full > 0 ? t->full * t->whole.stage[stage] : 0) + (t->rest > 0 ? t->part.stage[stage] : 0);
}

double sofa_pipeline_sort(const struct sofa_plan_layer *layer, const struct sofa_plan_head *head,
                          const struct sofa_plan_block *block, const struct sofa_pipeline_tiles *t)
{
    double feasible = ceil(block->keys * (1 - head->clipped));

    return layer->full_sort ? sofa_plan_sort_cycles(feasible, feasible) : total(t, STAGE_SORT);
}

double sofa_pipeline_compute(const struct sofa_plan_layer *layer, const struct sofa_plan_head *head,
                             const struct sofa_plan_block *block, const struct sofa_pipeline_tiles *t)
{
    if (layer->serial)
        return total(t, STAGE_DLZS) + sofa_pipeline_sort(layer, head, block, t) + total(t, STAGE_GENERATION) +
               total(t, STAGE_SUFA) + layer->d;
    if (layer->full_sort) /* sorting a whole row waits for all of it */
        return total(t, STAGE_DLZS) + sofa_pipeline_sort(layer, head, block, t) +
               flow(t, STAGE_GENERATION, PIPELINE_STAGES) + layer->d;
    return flow(t, STAGE_DLZS, PIPELINE_STAGES) + layer->d;
}
