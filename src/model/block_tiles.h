/*
 * Part of block_tmpl.h: what the tiles of blocks ask of the hardware, and the bytes they move.
 */
#ifndef SOFA_MODEL_BLOCK_TILES_H
#define SOFA_MODEL_BLOCK_TILES_H

#include "model/block.h"
#include "model/lanes.h"

/* The blocks at hand. */
struct view {
    const struct sofa_plan *p;
    bool generate, patterns; /* as in the plan, but known to the compiler where both are false */
    lanes tile, topk, khat_bytes, pair_bytes, pairs_held, spanned, predicts, scale[SCALED_COUNT]; /* their layers */
    lanes density, union_share, load_ratio, clipped, mispredicted;                                /* their heads */
    lanes keys, fullest;          /* that all kinds of a head see */
    lanes full, width, rest, row; /* tiles: how many of what width, keys left; keys that a row has in a whole one */
    lanes share;                  /* 1 / keys */
    lanes rows, pairs, khat_keys, gen_keys, read_keys, first; /* the kind at hand */
    lanes times;                  /* in the sums */
};

INLINE mask positive(lanes x)
{
    return more(x, all(0.0));
}

/* Cycles of sorting cores for `quota` of `inputs` keys: 12 new inputs and the 4 best so far a cycle,
 * 4 found a pass, found ones not looked at again.
 * Pass p looks at ceil((inputs - 4p) / 12) groups of 12.  Of three passes in a row each looks at as many as
 * the first of them or at one less, the next three at one less again: with n = 3t + m passes and
 * inputs = 12g + r, so that c = ceil(r / 4) of the first three look at g + 1, the sum is
 * n g + c t + min(c, m) - (3 t (t - 1) / 2 + m t).
 * Sizes below 2^45: half a key more keeps products with reciprocals away from whole numbers. */
INLINE lanes sort_cycles(lanes inputs, lanes quota)
{
    lanes n = up(quota * 0.25), t = down((n + 0.5) * (1.0 / 3)), m = n - 3.0 * t;
    lanes g = down((inputs + 0.5) * (1.0 / 12)), c = up((inputs - 12.0 * g) * 0.25);

    return n * g + c * t + smaller(c, m) - t * (1.5 * (t - 1.0) + m);
}

/* Of one of a block's tiles. */
struct tile {
    lanes stage[PIPELINE_STAGES]; /* cycles */
    lanes loads, syncs;           /* K/V pairs from DRAM, rescalings of a row */
};

/* Running maximum and sum of a row: rescalings (d multiplications of O and one of l) for this tile.
 * Descending and ascending: one at the tile's end, one more where the predicted maximum wasn't the
 * maximum.  FlashAttention-2, and who predicts nothing, know no order: one with each phase's keys. */
INLINE lanes rescalings(const struct view *v, lanes selected)
{
    bool all_ordered = v->p->softmax != SOFA_SOFTMAX_FA2 && !v->patterns;
    lanes ordered = 1.0 + v->mispredicted, unordered;

    if (all_ordered)
        return ordered;
    unordered = larger(ordered, selected / all(v->p->phase));
    return v->p->softmax == SOFA_SOFTMAX_FA2 ? unordered : pick(positive(v->predicts), ordered, unordered);
}

/* The longest of both arrays (the second rescales, ascending each key rescales the running sum once more)
 * and the exponentials; the first array has less to do than the second.  `row`: keys that a row has. */
INLINE void init_sufa(const struct view *v, lanes row, struct tile *t)
{
    lanes s = v->density * row, syncs = rescalings(v, s), pv = (s + syncs) * v->p->d;

    if (v->p->softmax == SOFA_SOFTMAX_ASCENDING)
        pv = pv + v->predicts * s;
    t->syncs = syncs;
    t->stage[STAGE_SUFA] = larger(pv / all(v->p->half_f), s + syncs);
}

/* K/V pairs: what fits is loaded once for the tile (its union); of the rest each use the schedule doesn't
 * merge is a load of its own.  With a fixed pattern queries go on by themselves, so that what one of them
 * loads serves another later only as far as the whole block's keys are held. */
INLINE lanes init_loads(const struct view *v, lanes keys)
{
    mask predicts = positive(v->predicts);
    lanes pairs = v->union_share * (v->patterns ? pick(predicts, keys, v->keys) : keys);
    lanes loads = pairs + (v->load_ratio - 1.0) * larger(all(0.0), pairs - v->pairs_held);

    return v->patterns ? pick(predicts, loads, loads / v->full) : loads;
}

/* A tile of so many keys, of which a row has `row`; as far as all kinds of blocks have it. */
INLINE void init_tile(const struct view *v, lanes keys, lanes row, mask there, struct tile *t)
{
    lanes feasible = up(row * (1.0 - v->clipped)), quota = up(row * v->topk - 1e-9);

    t->stage[STAGE_SORT] = only(there, v->predicts * sort_cycles(feasible, smaller(quota, feasible)));
    init_sufa(v, row, t);
    t->stage[STAGE_SUFA] = only(there, t->stage[STAGE_SUFA]);
    t->syncs = only(there, t->syncs);
    t->loads = only(there, init_loads(v, keys));
}

/* A block's tiles: all but one are alike; nothing but zeros where there is none of a kind. */
struct tiles {
    struct tile whole, part;
    lanes sort, sufa, syncs, loads; /* sums; `sort`: busy cycles of a lane's sorting cores */
};

INLINE lanes total(const struct view *v, lanes whole, lanes part)
{
    return v->full * whole + part;
}

INLINE void init_tiles(const struct view *v, struct tiles *t)
{
    lanes feasible = up(v->fullest * (1.0 - v->clipped));

    init_tile(v, v->width, v->row, positive(v->full), &t->whole);
    init_tile(v, v->rest, v->rest, positive(v->rest), &t->part);
    t->sort = v->p->full_sort ? v->predicts * sort_cycles(feasible, feasible)
                              : total(v, t->whole.stage[STAGE_SORT], t->part.stage[STAGE_SORT]);
    t->sufa = total(v, t->whole.stage[STAGE_SUFA], t->part.stage[STAGE_SUFA]);
    t->syncs = total(v, t->whole.syncs, t->part.syncs);
    t->loads = total(v, t->whole.loads, t->part.loads);
}

/* The stages in which kinds of blocks differ. */
INLINE void predict_and_generate(const struct view *v, lanes keys, lanes row, struct tile *t)
{
    const double scores = v->p->score_cycles_per_key;
    lanes khat = v->khat_keys * v->p->khat_cycles_per_key * v->share, dlzs = keys * (scores + khat);

    if (v->patterns)
        dlzs = pick(positive(v->spanned), v->predicts * row * scores + keys * khat, dlzs);
    t->stage[STAGE_DLZS] = dlzs;
    t->stage[STAGE_GENERATION] = all(0.0);
    if (v->generate)
        t->stage[STAGE_GENERATION] = keys * (v->gen_keys * v->p->generation_cycles_per_key * v->share);
}

/* Weights of `weights` bytes of which `held` stay on the chip: all once a head, the rest again for each
 * P further keys. */
INLINE lanes weight_traffic(const struct view *v, double weights, double held, lanes keys)
{
    lanes bytes = up(keys / all(v->p->rows)) * (weights - held) + v->first * held;

    return only(positive(keys), bytes);
}

/* DRAM bytes of a block, by kind. */
INLINE void init_bytes(const struct view *v, const struct tiles *t, lanes bytes[SOFA_TRAFFIC_COUNT])
{
    const struct sofa_plan *p = v->p;
    lanes khat_keys = v->khat_keys, gen_keys = v->gen_keys, pair_bytes = v->pair_bytes;
    lanes width = p->full_sort ? v->fullest : smaller(v->row, v->keys);
    lanes scores = 2.0 * v->pairs, queries = v->rows * (0.5 * pair_bytes);

    bytes[SOFA_TRAFFIC_X] = khat_keys * p->x_bytes;
    bytes[SOFA_TRAFFIC_WEIGHTS] = weight_traffic(v, p->weight_bytes, p->weight_held, khat_keys);
    bytes[SOFA_TRAFFIC_KHAT] = p->recompute ? all(0.0) : v->khat_bytes * (khat_keys + v->read_keys);
    bytes[SOFA_TRAFFIC_QUERIES] = queries;
    bytes[SOFA_TRAFFIC_SCORES] = v->predicts * scores * p->score_bytes;
    if (!p->serial)
        bytes[SOFA_TRAFFIC_SCORES] = only(more(width, all(p->scores_held)), bytes[SOFA_TRAFFIC_SCORES]);
    bytes[SOFA_TRAFFIC_ATTENTION] = p->serial ? scores * v->density * p->score_bytes : all(0.0);
    bytes[SOFA_TRAFFIC_KV] = (v->generate ? larger(all(0.0), t->loads - gen_keys) : t->loads) * pair_bytes;
    bytes[SOFA_TRAFFIC_OUTPUTS] = queries;
    bytes[SOFA_TRAFFIC_GENERATION_X] = bytes[SOFA_TRAFFIC_GENERATION_WEIGHTS] = bytes[SOFA_TRAFFIC_GENERATED] = all(0.0);
    if (!v->generate)
        return;
    bytes[SOFA_TRAFFIC_GENERATION_X] = gen_keys * p->gx_bytes;
    bytes[SOFA_TRAFFIC_GENERATION_WEIGHTS] = weight_traffic(v, p->gweight_bytes, p->gweight_held, gen_keys);
    bytes[SOFA_TRAFFIC_GENERATED] = gen_keys * pair_bytes;
}

#endif
