#include "model/pipeline.h"

#include <math.h>

#define QUEUED_TILES 3 /* behind DLZS, in the queues before SADS and the generation */

static inline double smaller(double a, double b)
{
    return a < b ? a : b;
}

static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

void sofa_pipeline_tiles_init(struct sofa_pipeline_tiles *t, const struct sofa_plan_layer *layer,
                              const struct sofa_plan_head *head, const struct sofa_plan_block *block)
{
    if (layer->spans) {
        t->full = block->tiles;
        t->width = block->keys / block->tiles;
        t->rest = 0;
    } else {
        t->full = layer->causal ? sofa_plan_down(block->keys / layer->tile) : layer->tiles;
        t->width = layer->tile;
        t->rest = block->keys - t->full * layer->tile;
    }
    if (t->full > 0)
        sofa_plan_tile_init(&t->whole, layer, head, block, t->width);
    if (t->rest > 0)
        sofa_plan_tile_init(&t->part, layer, head, block, t->rest);
}

/* One stage's cycles over all tiles. */
static double total(const struct sofa_pipeline_tiles *t, int stage)
{
    return (t->full > 0 ? t->full * t->whole.stage[stage] : 0) + (t->rest > 0 ? t->part.stage[stage] : 0);
}

double sofa_pipeline_sort(const struct sofa_plan_layer *layer, const struct sofa_plan_head *head,
                          const struct sofa_plan_block *block, const struct sofa_pipeline_tiles *t)
{
    double feasible = sofa_plan_up(block->fullest * (1 - head->clipped));

    return layer->fixed ? 0 : layer->full_sort ? sofa_plan_sort_cycles(feasible, feasible) : total(t, STAGE_SORT);
}

/* The steps of the whole tiles and of the last one. */
struct steps {
    double full, rest;
    double whole[STEP_COUNT], part[STEP_COUNT];
    double queries; /* come with the first tile's operands */
};

static void init_tile_steps(double step[STEP_COUNT], const double dram[STEP_COUNT], double keys,
                            const struct sofa_plan_tile *tile)
{
    step[STEP_OPERANDS] = keys * dram[STEP_OPERANDS];
    step[STEP_DLZS] = tile->stage[STAGE_DLZS];
    step[STEP_SCORES] = keys * dram[STEP_SCORES];
    step[STEP_SORT] = tile->stage[STAGE_SORT];
    step[STEP_SELECTION] = keys * dram[STEP_SELECTION];
    step[STEP_GENERATION] = tile->stage[STAGE_GENERATION];
    step[STEP_SUFA] = tile->stage[STAGE_SUFA];
}

static void init_steps(struct steps *s, const struct sofa_plan_layer *l, const struct sofa_plan_block *b,
                       const struct sofa_pipeline_tiles *t, const double *bytes, double khat_written)
{
    double key = b->share * l->cycles_per_byte;
    const double dram[STEP_COUNT] = {
        [STEP_OPERANDS] = key * (bytes[SOFA_TRAFFIC_X] + bytes[SOFA_TRAFFIC_WEIGHTS] + bytes[SOFA_TRAFFIC_KHAT] - khat_written),
        [STEP_SCORES] = key * bytes[SOFA_TRAFFIC_SCORES],
        [STEP_SELECTION] = key * (bytes[SOFA_TRAFFIC_KV] + bytes[SOFA_TRAFFIC_GENERATION_X] +
                                  bytes[SOFA_TRAFFIC_GENERATION_WEIGHTS] + bytes[SOFA_TRAFFIC_ATTENTION]),
    };

    s->full = t->full;
    s->rest = t->rest > 0;
    if (t->full > 0)
        init_tile_steps(s->whole, dram, t->width, &t->whole);
    if (t->rest > 0)
        init_tile_steps(s->part, dram, t->rest, &t->part);
    s->queries = bytes[SOFA_TRAFFIC_QUERIES] * l->cycles_per_byte;
}

/* The first tile's selection is asked for behind what was asked before it: the third tile's operands,
 * and the second tile's scores if they are there by then. */
static double selection_wait(const struct steps *s)
{
    const double *second = s->full > 1 ? s->whole : s->part;
    double tiles = s->full + s->rest, ahead = 0;

    if (!(s->full > 0) || !(s->whole[STEP_SELECTION] > 0))
        return 0;
    if (tiles > 2)
        ahead += (s->full > 2 ? s->whole : s->part)[STEP_OPERANDS];
    if (tiles > 1)
        ahead += smaller(second[STEP_SCORES], larger(0, s->whole[STEP_SCORES] + s->whole[STEP_SORT] - second[STEP_DLZS]));
    return larger(0, ahead - s->whole[STEP_SORT]);
}

/* The longest path so far through equal tiles and then a smaller one. */
struct path {
    double sum, early, late, longest, tail; /* `tail`: what the smaller tile still has to pass */
};

/* One step more; `wait` is the late steps' alone. */
static inline void take(struct path *p, const struct steps *s, int step, double wait)
{
    double so_far;

    p->sum += s->whole[step];
    if (step == STEP_DLZS || step == STEP_SORT)
        p->early = larger(p->early, (s->full - 1) * s->whole[step]);
    else if (step == STEP_GENERATION || step == STEP_SUFA)
        p->late = larger(p->late, s->whole[step] > 0 ? wait + (s->full - 1) * s->whole[step] : 0);
    so_far = p->sum + larger(p->early, p->late);
    p->longest = s->rest > 0 ? larger(p->longest, so_far + p->tail) : so_far;
    p->tail -= s->part[step];
}

/* Limited by computation: equal tiles then a smaller one through steps [from, to), each taking one tile
 * at a time.  The longest path through tiles and steps leaves the last whole tile at some step and
 * passes the rest of the line with the smaller tile. */
static double flow(const struct steps *s, int from, int to)
{
    double wait = from == STEP_OPERANDS && to > STEP_SELECTION ? selection_wait(s) : 0;
    struct path p = {0, 0, 0, 0, 0};

    if (s->rest > 0)
        for (int i = from; i < to; i++)
            p.tail += s->part[i];
    if (!(s->full > 0))
        return p.tail;
    if (from == STEP_OPERANDS) {
        take(&p, s, STEP_OPERANDS, wait);
        take(&p, s, STEP_DLZS, wait);
        take(&p, s, STEP_SCORES, wait);
    }
    if (from == STEP_OPERANDS && to == STEP_COUNT)
        take(&p, s, STEP_SORT, wait);
    if (to > STEP_SELECTION) {
        take(&p, s, STEP_SELECTION, wait);
        take(&p, s, STEP_GENERATION, wait);
    }
    if (to == STEP_COUNT)
        take(&p, s, STEP_SUFA, wait);
    return p.longest;
}

/* When the last tile is computed, counted from when the selection of the tile before is in; its own comes
 * `gap` cycles after that. */
static double computed(const double *last, const double *before, int to, double gap)
{
    double ahead = before[STEP_GENERATION], at = larger(gap, ahead) + last[STEP_GENERATION];

    return to == STEP_COUNT ? larger(at, ahead + before[STEP_SUFA]) + last[STEP_SUFA] : at;
}

/* The same without what DRAM carries meanwhile. */
static double tail(const double *last, const double *before, int to, double gap)
{
    return computed(last, before, to, gap) - gap;
}

/* The end of the last tile, counted from that of the scores' transfer of the tile before: its own scores
 * are `ready` then, and go before the selection of the tile before, or after it. */
static double end_in_order(const double *last, const double *before, double ready)
{
    double scores = ready + last[STEP_SCORES];
    double selection = larger(before[STEP_SORT], scores) + before[STEP_SELECTION];
    double gap = larger(scores + last[STEP_SORT] - selection, 0) + last[STEP_SELECTION];

    return selection + computed(last, before, STEP_COUNT, gap);
}

static double end_selection_first(const double *last, const double *before, double ready)
{
    double selection = before[STEP_SORT] + before[STEP_SELECTION];
    double gap = larger(ready - selection, 0) + last[STEP_SCORES] + last[STEP_SORT] + last[STEP_SELECTION];

    return selection + computed(last, before, STEP_COUNT, gap);
}

/* From the end of the scores of the tile before, DRAM's pauses and what is computed after the last
 * selection.  The last tile's scores wait for its DLZS, the selection of the tile before for its sort; DRAM
 * serves who asks first.  Where a slower DLZS lets the selection go first and the end comes sooner, the queue
 * rewards it.  The model may not (more columns never add time): it takes the sooner end of both orders, and
 * half of what the order of the tiles costs more as long as that is the queue's. */
static double ending(const double *last, const double *before)
{
    double ready = larger(0, last[STEP_DLZS] - before[STEP_SCORES]);
    double queued = end_in_order(last, before, smaller(ready, before[STEP_SORT]));
    double end = smaller(end_in_order(last, before, ready), end_selection_first(last, before, ready));

    return end + larger(0, queued - end) / 2 - last[STEP_SCORES] - before[STEP_SELECTION] - last[STEP_SELECTION];
}

/* DRAM's pauses in a phase that it limits: the last tile's computations that no transfer of the tile
 * before is left to fill. */
static double pauses(const struct steps *s, int from, int to)
{
    static const double none[STEP_COUNT];
    bool only = s->full + s->rest <= 1;
    const double *last = s->rest > 0 ? s->part : s->whole, *before = only ? none : s->whole;
    double pending = 0, sum = 0;

    if (from == STEP_OPERANDS) {
        pending = last[STEP_DLZS];
        if (!only && to == STEP_COUNT && last[STEP_SCORES] > 0 && last[STEP_SELECTION] > 0)
            return ending(last, before);
        if (last[STEP_SCORES] > 0) {
            sum = larger(0, pending - before[STEP_SCORES]);
            pending = 0;
        }
    }
    if (to <= STEP_SELECTION)
        return sum + pending;
    pending += from == STEP_OPERANDS ? last[STEP_SORT] : 0;
    if (!(last[STEP_SELECTION] > 0)) /* the last tile's computations have nothing to wait for */
        return sum + pending + tail(last, none, to, 0);
    pending = larger(0, pending - before[STEP_SELECTION]);
    return sum + pending + tail(last, before, to, last[STEP_SELECTION] + pending);
}

/* A phase's transfers; writes aside, which fill pauses. */
static double transfers(const struct steps *s, int from, int to)
{
    double sum = 0, whole = 0, part = 0;

    if (from == STEP_OPERANDS) {
        sum = s->queries;
        whole = s->whole[STEP_OPERANDS] + s->whole[STEP_SCORES];
        part = s->part[STEP_OPERANDS] + s->part[STEP_SCORES];
    }
    if (to > STEP_SELECTION) {
        whole += s->whole[STEP_SELECTION];
        part += s->part[STEP_SELECTION];
    }
    return sum + s->full * whole + part;
}

/* When a block's own operands are in, if computation is the limit: two tiles before DLZS's end, or, where
 * DLZS has to wait for what follows it, as many tiles before the end as its queues hold. */
static double intake(const struct steps *s, const struct sofa_plan_layer *l)
{
    const double *first = s->full > 0 ? s->whole : s->part, *last = s->rest > 0 ? s->part : s->whole;
    double tiles = s->full + s->rest, at = s->queries + first[STEP_OPERANDS], late;

    if (tiles <= 2)
        return tiles > 1 ? at + last[STEP_OPERANDS] : at;
    at += (tiles - 2) * first[STEP_DLZS] + last[STEP_OPERANDS] + 2 * last[STEP_SCORES];
    if (l->serial || l->full_sort)
        return at;
    late = (tiles - 1 - QUEUED_TILES) * larger(first[STEP_GENERATION], first[STEP_SUFA]);
    return larger(at, late);
}

/* The first tile's DLZS where DRAM has nothing to do before its end: both tiles that there is room for
 * are in, and whatever else the phase transfers comes after it. */
static double lead(const struct steps *s, int to)
{
    double tiles = s->full + s->rest;

    if (tiles > 2 || (tiles > 1 && (to == STEP_COUNT || (s->full > 0 ? s->whole : s->part)[STEP_SCORES] > 0)))
        return (s->full > 0 ? s->whole : s->part)[STEP_DLZS];
    return 0;
}

/* What the phases of a block come to, nothing hidden: its first one and what follows that. */
struct phases {
    double flow, dram, rest; /* first phase limited by computation, by DRAM; all that follows */
    double sum;              /* transfers of the block, writes aside */
    double lead;
};

static double later_phase(const struct steps *s, int to)
{
    return larger(flow(s, STEP_SELECTION, to), transfers(s, STEP_SELECTION, to) + pauses(s, STEP_SELECTION, to));
}

static struct phases init_phases(const struct steps *s, const struct sofa_plan_layer *l, double sort, double sufa)
{
    int to = l->serial || l->full_sort ? STEP_SORT : STEP_COUNT;
    double sum = transfers(s, STEP_OPERANDS, to);
    struct phases p = {s->queries + flow(s, STEP_OPERANDS, to), sum + pauses(s, STEP_OPERANDS, to), l->d, sum,
                       lead(s, to)};

    if (to == STEP_COUNT)
        return p;
    p.sum += transfers(s, STEP_SELECTION, STEP_COUNT);
    p.rest += sort + (l->serial ? later_phase(s, STEP_SUFA) + sufa : later_phase(s, STEP_COUNT));
    return p;
}

void sofa_pipeline_init(struct sofa_block_time *time, const struct sofa_plan_layer *layer,
                        const struct sofa_plan_block *block, const struct sofa_pipeline_tiles *tiles,
                        const double bytes[SOFA_TRAFFIC_COUNT], double sort)
{
    struct steps s = {0};
    struct phases p;
    double khat = layer->recompute ? 0 : block->khat_keys * layer->khat_bytes, second, written;

    init_steps(&s, layer, block, tiles, bytes, khat);
    p = init_phases(&s, layer, sort, total(tiles, STAGE_SUFA));
    second = s.full > 1 ? s.whole[STEP_OPERANDS] : s.full > 0 ? s.part[STEP_OPERANDS] : 0;
    written = khat + bytes[SOFA_TRAFFIC_GENERATED] + bytes[SOFA_TRAFFIC_OUTPUTS];
    *time = (struct sofa_block_time){
        .flow = p.flow,
        .dram = p.dram,
        .rest = p.rest,
        .first = s.queries + (s.full > 0 ? s.whole : s.part)[STEP_OPERANDS],
        .second = second,
        .lead = p.lead,
        .intake = intake(&s, layer),
        .behind_lead = s.full + s.rest > 2, /* with all operands in, the next block's come meanwhile */
    };
    time->busy = p.sum - time->first - second + written * layer->cycles_per_byte;
}

double sofa_pipeline_pass(const struct sofa_block_time *p, double *window)
{
    double open = larger(0, *window), behind = open - *window;
    double ahead = smaller(p->first, open), both = larger(0, p->first + p->second - open);
    double start = larger(both, p->first - ahead + p->lead);
    double cycles = larger(p->flow - ahead, p->dram - p->first - p->second + start) + p->rest;

    *window = cycles - larger(p->intake - ahead, (p->behind_lead > 0 ? start : both) + p->busy + behind);
    return cycles;
}
