/*
 * Part of block_tmpl.h: how the stages of a block overlap with each other and with DRAM, in closed form over
 * its tiles.
 */
#ifndef SOFA_MODEL_BLOCK_TIME_H
#define SOFA_MODEL_BLOCK_TIME_H

#include "model/block_tiles.h"

#define QUEUED_TILES 3 /* behind DLZS, in the queues before SADS and the generation */

enum step { STEP_OPERANDS, STEP_DLZS, STEP_SCORES, STEP_SORT, STEP_SELECTION, STEP_GENERATION, STEP_SUFA, STEP_COUNT };

/* The steps of the whole tiles and of the last one. */
struct steps {
    bool generate;
    lanes full, tiles; /* whole ones, all */
    mask some, parted; /* whether there is a whole one, and one that isn't */
    lanes whole[STEP_COUNT], part[STEP_COUNT];
    lanes first[STEP_COUNT], last[STEP_COUNT]; /* of the first and of the last tile */
    lanes queries; /* come with the first tile's operands */
};

INLINE void init_tile_steps(lanes step[STEP_COUNT], const lanes dram[STEP_COUNT], lanes keys, const struct tile *tile)
{
    step[STEP_OPERANDS] = keys * dram[STEP_OPERANDS];
    step[STEP_DLZS] = tile->stage[STAGE_DLZS];
    step[STEP_SCORES] = keys * dram[STEP_SCORES];
    step[STEP_SORT] = tile->stage[STAGE_SORT];
    step[STEP_SELECTION] = keys * dram[STEP_SELECTION];
    step[STEP_GENERATION] = tile->stage[STAGE_GENERATION];
    step[STEP_SUFA] = tile->stage[STAGE_SUFA];
}

INLINE void init_steps(const struct view *v, const struct tiles *t, const lanes *bytes, lanes khat_written, struct steps *s)
{
    lanes key = v->share * v->p->cycles_per_byte, dram[STEP_COUNT];

    dram[STEP_OPERANDS] = key * (bytes[SOFA_TRAFFIC_X] + bytes[SOFA_TRAFFIC_WEIGHTS] + bytes[SOFA_TRAFFIC_KHAT] - khat_written);
    dram[STEP_SCORES] = key * bytes[SOFA_TRAFFIC_SCORES];
    dram[STEP_SELECTION] = key * (bytes[SOFA_TRAFFIC_KV] + bytes[SOFA_TRAFFIC_GENERATION_X] +
                                  bytes[SOFA_TRAFFIC_GENERATION_WEIGHTS] + bytes[SOFA_TRAFFIC_ATTENTION]);
    s->generate = v->generate;
    s->full = v->full;
    s->some = positive(v->full);
    s->parted = positive(v->rest);
    s->tiles = v->full + only(s->parted, all(1.0));
    init_tile_steps(s->whole, dram, v->width, &t->whole);
    init_tile_steps(s->part, dram, v->rest, &t->part);
    UNROLL
    for (int i = 0; i < STEP_COUNT; i++) {
        s->first[i] = pick(s->some, s->whole[i], s->part[i]);
        s->last[i] = pick(s->parted, s->part[i], s->whole[i]);
    }
    s->queries = bytes[SOFA_TRAFFIC_QUERIES] * v->p->cycles_per_byte;
}

/* The first tile's selection is asked for behind what was asked before it: the third tile's operands,
 * and the second tile's scores if they are there by then. */
INLINE lanes selection_wait(const struct steps *s)
{
    const lanes zero = all(0.0), *whole = s->whole, *part = s->part;
    mask two = more(s->full, all(1.0)), three = more(s->full, all(2.0));
    lanes operands = pick(three, whole[STEP_OPERANDS], part[STEP_OPERANDS]);
    lanes scores = pick(two, whole[STEP_SCORES], part[STEP_SCORES]), dlzs = pick(two, whole[STEP_DLZS], part[STEP_DLZS]);
    lanes there = larger(zero, whole[STEP_SCORES] + whole[STEP_SORT] - dlzs);
    lanes ahead = only(more(s->tiles, all(2.0)), operands) + only(more(s->tiles, all(1.0)), smaller(scores, there));

    return only(both(s->some, positive(whole[STEP_SELECTION])), larger(zero, ahead - whole[STEP_SORT]));
}

/* The longest path so far through equal tiles and then a smaller one. */
struct path {
    lanes sum, early, late, longest, tail; /* `tail`: what the smaller tile still has to pass */
};

/* One step more; `wait` is the late steps' alone. */
INLINE void take(struct path *p, const struct steps *s, int step, lanes wait)
{
    lanes so_far, others = (s->full - 1.0) * s->whole[step];

    p->sum = p->sum + s->whole[step];
    if (step == STEP_DLZS || step == STEP_SORT)
        p->early = larger(p->early, others);
    else if (step == STEP_GENERATION || step == STEP_SUFA)
        p->late = larger(p->late, only(positive(s->whole[step]), wait + others));
    so_far = p->sum + larger(p->early, p->late);
    p->longest = pick(s->parted, larger(p->longest, so_far + p->tail), so_far);
    p->tail = p->tail - s->part[step];
}

/* Limited by computation: equal tiles then a smaller one through steps [from, to), each taking one tile
 * at a time.  The longest path through tiles and steps leaves the last whole tile at some step and
 * passes the rest of the line with the smaller tile. */
INLINE lanes flow(const struct steps *s, int from, int to)
{
    lanes wait = from == STEP_OPERANDS && to > STEP_SELECTION ? selection_wait(s) : all(0.0), part = all(0.0);
    struct path p = {all(0.0), all(0.0), all(0.0), all(0.0), all(0.0)};

    UNROLL
    for (int i = from; i < to; i++)
        if (s->generate || i != STEP_GENERATION)
            part = part + s->part[i];
    p.tail = part;
    UNROLL
    for (int i = from; i < to; i++)
        if (s->generate || i != STEP_GENERATION)
            take(&p, s, i, wait);
    return pick(s->some, p.longest, part);
}

/* When the last tile is computed, counted from when the selection of the tile before is in; its own comes
 * `gap` cycles after that. */
INLINE lanes computed(const lanes *last, const lanes *before, int to, lanes gap)
{
    lanes ahead = before[STEP_GENERATION], at = larger(gap, ahead) + last[STEP_GENERATION];

    return to == STEP_COUNT ? larger(at, ahead + before[STEP_SUFA]) + last[STEP_SUFA] : at;
}

/* The same without what DRAM carries meanwhile. */
INLINE lanes tail(const lanes *last, const lanes *before, int to, lanes gap)
{
    return computed(last, before, to, gap) - gap;
}

/* The end of the last tile, counted from that of the scores' transfer of the tile before: its own scores
 * are `ready` then, and go before the selection of the tile before, or after it. */
INLINE lanes end_in_order(const lanes *last, const lanes *before, lanes ready)
{
    lanes scores = ready + last[STEP_SCORES];
    lanes selection = larger(before[STEP_SORT], scores) + before[STEP_SELECTION];
    lanes gap = larger(scores + last[STEP_SORT] - selection, all(0.0)) + last[STEP_SELECTION];

    return selection + computed(last, before, STEP_COUNT, gap);
}

INLINE lanes end_selection_first(const lanes *last, const lanes *before, lanes ready)
{
    lanes selection = before[STEP_SORT] + before[STEP_SELECTION];
    lanes gap = larger(ready - selection, all(0.0)) + last[STEP_SCORES] + last[STEP_SORT] + last[STEP_SELECTION];

    return selection + computed(last, before, STEP_COUNT, gap);
}

/* From the end of the scores of the tile before, DRAM's pauses and what is computed after the last
 * selection.  The last tile's scores wait for its DLZS, the selection of the tile before for its sort; DRAM
 * serves who asks first.  Where a slower DLZS lets the selection go first and the end comes sooner, the queue
 * rewards it.  The model may not (more columns never add time): it takes the sooner end of both orders, and
 * half of what the order of the tiles costs more as long as that is the queue's. */
INLINE lanes ending(const lanes *last, const lanes *before)
{
    lanes ready = larger(all(0.0), last[STEP_DLZS] - before[STEP_SCORES]);
    lanes queued = end_in_order(last, before, smaller(ready, before[STEP_SORT]));
    lanes end = smaller(end_in_order(last, before, ready), end_selection_first(last, before, ready));

    return end + larger(all(0.0), queued - end) * 0.5 - last[STEP_SCORES] - before[STEP_SELECTION] - last[STEP_SELECTION];
}

/* DRAM's pauses in a phase that it limits: the last tile's computations that no transfer of the tile
 * before is left to fill. */
INLINE lanes pauses(const struct steps *s, int from, int to)
{
    const lanes zero = all(0.0), none[STEP_COUNT] = {zero, zero, zero, zero, zero, zero, zero}, *last = s->last;
    mask several = more(s->tiles, all(1.0)), stored = positive(last[STEP_SCORES]), selects = positive(last[STEP_SELECTION]);
    lanes before[STEP_COUNT], pending = zero, sum = zero, behind, alone;

    UNROLL
    for (int i = 0; i < STEP_COUNT; i++)
        before[i] = only(several, s->whole[i]);
    if (from == STEP_OPERANDS) {
        sum = only(stored, larger(zero, last[STEP_DLZS] - before[STEP_SCORES]));
        pending = pick(stored, zero, last[STEP_DLZS]);
    }
    if (to <= STEP_SELECTION)
        return sum + pending;
    if (from == STEP_OPERANDS)
        pending = pending + last[STEP_SORT];
    alone = sum + pending + tail(last, none, to, zero); /* the last tile's computations have nothing to wait for */
    pending = larger(zero, pending - before[STEP_SELECTION]);
    behind = pick(selects, sum + pending + tail(last, before, to, last[STEP_SELECTION] + pending), alone);
    if (from == STEP_OPERANDS && to == STEP_COUNT)
        return pick(both(several, both(stored, selects)), ending(last, before), behind);
    return behind;
}

/* A phase's transfers; writes aside, which fill pauses. */
INLINE lanes transfers(const struct steps *s, int from, int to)
{
    lanes sum = all(0.0), whole = all(0.0), part = all(0.0);

    if (from == STEP_OPERANDS) {
        sum = s->queries;
        whole = s->whole[STEP_OPERANDS] + s->whole[STEP_SCORES];
        part = s->part[STEP_OPERANDS] + s->part[STEP_SCORES];
    }
    if (to > STEP_SELECTION) {
        whole = whole + s->whole[STEP_SELECTION];
        part = part + s->part[STEP_SELECTION];
    }
    return sum + s->full * whole + part;
}

/* When a block's own operands are in, if computation is the limit: two tiles before DLZS's end, or, where
 * DLZS has to wait for what follows it, as many tiles before the end as its queues hold. */
INLINE lanes intake(const struct steps *s, const struct sofa_plan *p)
{
    const lanes *first = s->first, *last = s->last;
    lanes one = s->queries + first[STEP_OPERANDS], two = one + last[STEP_OPERANDS];
    lanes many = one + ((s->tiles - 2.0) * first[STEP_DLZS] + last[STEP_OPERANDS] + 2.0 * last[STEP_SCORES]);

    if (!p->serial && !p->full_sort)
        many = larger(many, (s->tiles - 1.0 - QUEUED_TILES) * larger(first[STEP_GENERATION], first[STEP_SUFA]));
    return pick(more(s->tiles, all(2.0)), many, pick(more(s->tiles, all(1.0)), two, one));
}

/* The first tile's DLZS where DRAM has nothing to do before its end: both tiles that there is room for
 * are in, and whatever else the phase transfers comes after it. */
INLINE lanes lead(const struct steps *s, int to)
{
    lanes two = only(more(s->tiles, all(1.0)), s->first[STEP_DLZS]);

    if (to != STEP_COUNT)
        two = only(positive(s->first[STEP_SCORES]), two);
    return pick(more(s->tiles, all(2.0)), s->first[STEP_DLZS], two);
}

/* What the phases of a block come to, nothing hidden: its first one and what follows that. */
struct phases {
    lanes flow, dram, rest; /* first phase limited by computation, by DRAM; all that follows */
    lanes sum;              /* transfers of the block, writes aside */
    lanes lead;
};

INLINE void init_first_phase(struct phases *p, const struct steps *s, int to)
{
    p->sum = transfers(s, STEP_OPERANDS, to);
    p->flow = s->queries + flow(s, STEP_OPERANDS, to);
    p->dram = p->sum + pauses(s, STEP_OPERANDS, to);
    p->lead = lead(s, to);
}

INLINE lanes later_phase(const struct steps *s, int to)
{
    return larger(flow(s, STEP_SELECTION, to), transfers(s, STEP_SELECTION, to) + pauses(s, STEP_SELECTION, to));
}

INLINE void init_phases(struct phases *phases, const struct steps *s, const struct view *v, const struct tiles *t)
{
    const struct sofa_plan *p = v->p;

    phases->rest = all(p->d);
    if (!p->serial && !p->full_sort) {
        init_first_phase(phases, s, STEP_COUNT);
        return;
    }
    init_first_phase(phases, s, STEP_SORT);
    phases->sum = phases->sum + transfers(s, STEP_SELECTION, STEP_COUNT);
    phases->rest = phases->rest + (t->sort + (p->serial ? later_phase(s, STEP_SUFA) + t->sufa : later_phase(s, STEP_COUNT)));
}

INLINE void init_time(const struct view *v, const struct tiles *t, const lanes *bytes, lanes time[TIME_COUNT])
{
    lanes khat = v->p->recompute ? all(0.0) : v->khat_keys * v->khat_bytes;
    lanes written = khat + bytes[SOFA_TRAFFIC_GENERATED] + bytes[SOFA_TRAFFIC_OUTPUTS];
    struct phases phases;
    struct steps s;
    lanes second;

    init_steps(v, t, bytes, khat, &s);
    init_phases(&phases, &s, v, t);
    second = only(s.some, pick(more(s.full, all(1.0)), s.whole[STEP_OPERANDS], s.part[STEP_OPERANDS]));
    time[TIME_FLOW] = phases.flow + phases.rest;
    time[TIME_FIRST] = s.queries + s.first[STEP_OPERANDS];
    time[TIME_PAIR] = time[TIME_FIRST] + second;
    time[TIME_NET] = phases.dram - time[TIME_PAIR] + phases.rest;
    time[TIME_LEAD] = time[TIME_FIRST] + phases.lead;
    time[TIME_BEHIND] = only(more(s.tiles, all(2.0)), time[TIME_LEAD]); /* with all operands in, the next block's come
                                                                           meanwhile */
    time[TIME_INTAKE] = intake(&s, v->p);
    time[TIME_BUSY] = phases.sum - time[TIME_PAIR] + written * v->p->cycles_per_byte;
    time[TIME_SMALL] = 1e-13 * (phases.flow + phases.dram);
}

#endif
