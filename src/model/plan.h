/*
 * What a block of queries asks of the hardware: shared by the model, which adds it up in closed form,
 * and by the simulator, which plays it tile by tile.
 *
 * A head's queries are worked on in blocks of P (one a lane); a block goes through the keys it sees in
 * tiles of Bc.  Each tile passes four stages:
 *   DLZS (scores, and the prediction of keys) -> SADS -> K/V generation -> SU-FA.
 * New keys, those no earlier block of the head saw, are predicted one block ahead, spread evenly over
 * the tiles of the block before (the first block predicts its own as it goes).
 *
 * A layer with a pattern of keys is laid out by its spans: a block goes through the keys its queries have in
 * the pattern, in the tiles that hold one of them, and lanes in step take as long as the fullest row.  With a
 * fixed pattern the statistics of the heads aren't looked at, for the spans tell all; nothing is predicted or
 * sorted: DLZS and SADS are passed over, K and V are asked for P keys at a time, and SU-FA, which knows no
 * order of the scores, rescales as FlashAttention-2 does.
 */
#ifndef SOFA_MODEL_PLAN_H
#define SOFA_MODEL_PLAN_H

#include "acsr/spans.h"
#include "model/model.h"

/* ceil and floor of sizes up to 2^62, without a call on machines whose vector unit has no rounding. */
static inline double sofa_plan_down(double x)
{
    double whole = (double)(long long)x;

    return whole > x ? whole - 1 : whole;
}

static inline double sofa_plan_up(double x)
{
    double whole = (double)(long long)x;

    return whole < x ? whole + 1 : whole;
}

enum { STAGE_DLZS, STAGE_SORT, STAGE_GENERATION, STAGE_SUFA, PIPELINE_STAGES };

/* One layer, hoisted out of its heads and blocks.  What a cost is divided by stands as its reciprocal where
 * it would be divided by again and again. */
struct sofa_plan_layer {
    double d, hidden, lanes, columns_s, columns_g, half_f;
    double blocks, full_blocks, rows, keys, offset; /* rows = P; offset = keys - queries */
    bool causal, serial, full_sort, recompute, generate, generate_all, naive;
    int softmax;
    double tile, tiles, rest;          /* Bc; whole tiles of a row, and keys behind them */
    double topk;                       /* ratio */
    double phase;                      /* g */
    double score_cycles_per_key, khat_cycles_per_key, generation_cycles_per_key;
    double khat_bytes, pair_bytes, query_bytes; /* a predicted key, a K and V pair, a row of Q or O */
    double x_bytes, weight_bytes;               /* prediction: a token, W_k of a head */
    double gx_bytes, gweight_bytes;             /* generation: a token, W_k and W_v of a head */
    double score_bytes;                         /* a stored score */
    double x_read, weight_read;                 /* SRAM bytes a key of K^: tokens, weights; serving lanes or columns */
    double gx_read, gweight_read;               /* a key of K and V */
    double weight_held, gweight_held;           /* of these weights, what stays in the weight SRAM */
    double token_sram, pairs_held;              /* bytes, and K/V pairs the token SRAM holds */
    double scores_held;                         /* keys a row of double-buffered scores may have */
    double cycles_per_byte;                     /* of DRAM */
    const struct sofa_spans *spans; /* NULL: all keys */
    bool fixed;                     /* a pattern that needs no prediction */
};

/* One tile of b keys: cycles of each stage, K/V pairs from DRAM, rescalings of a row. */
struct sofa_plan_tile {
    double stage[PIPELINE_STAGES];
    double loads, syncs;
};

/* One head of it. */
struct sofa_plan_head {
    double density, union_share, load_ratio, clipped, mispredicted;
    double fresh;  /* share of the keys that this head is first of its group to generate, all blocks together */
    bool leader;   /* predicts the keys of its group */
    bool all;      /* it generates all K and V of its group as they come into sight */
    struct sofa_plan_tile whole, part; /* a tile of Bc keys, and the ragged one of a head that isn't causal; as
                                          far as they are the same in all blocks */
};

/* One block of a head. */
struct sofa_plan_block {
    double rows, keys, pairs;   /* queries, keys the last of them sees, query-key pairs */
    double khat_keys, gen_keys; /* keys predicted and generated in this block */
    double khat_cycles, gen_cycles, share; /* both in cycles, and 1, over its keys */
    double fullest;             /* keys that lanes in step go through: those of the fullest row */
    double tiles;               /* with a pattern: its tiles, all alike; else 0 */
    bool first;
};

/* False with a reason where the design cannot work. */
bool sofa_plan_feasible(const struct sofa_hardware *hw, const struct sofa_design *design,
                        const struct sofa_workload *workload, const struct sofa_statistics *statistics, char *reason,
                        size_t size);
void sofa_plan_layer_init(struct sofa_plan_layer *layer, const struct sofa_hardware *hw,
                          const struct sofa_design *design, const struct sofa_workload *workload,
                          const struct sofa_statistics *statistics, int index);
/* From one layer to the next: only what its settings change. */
void sofa_plan_layer_next(struct sofa_plan_layer *layer, const struct sofa_design *design,
                          const struct sofa_statistics *statistics, int index);
/* Whether the controller generates all K and V of a group of heads that share them with its first
 * head: where it is told to, and where generating on demand would fetch more, because the weights are
 * fetched again for each few stragglers.  `selection`: of the group's first head; `stride` from head to
 * head, 0: all have the same statistics. */
bool sofa_plan_generates_all(const struct sofa_plan_layer *layer, const struct sofa_selection *selection, int stride,
                             int group);
/* The head at `position` in the group whose statistics begin at `selection`. */
void sofa_plan_head_init(struct sofa_plan_head *head, const struct sofa_plan_layer *layer,
                         const struct sofa_selection *selection, int stride, int position, bool generates_all);
/* Block `j`, counted from 0. */
void sofa_plan_block_init(struct sofa_plan_block *block, const struct sofa_plan_layer *layer,
                          const struct sofa_plan_head *head, double j);
/* A tile of b of the block's keys. */
void sofa_plan_tile_init(struct sofa_plan_tile *tile, const struct sofa_plan_layer *layer,
                         const struct sofa_plan_head *head, const struct sofa_plan_block *block, double b);

/* DRAM bytes of a block, by kind; the sums over its tiles of what sofa_plan_tile_init gives, and Q, O. */
void sofa_plan_block_bytes(const struct sofa_plan_layer *layer, const struct sofa_plan_head *head,
                           const struct sofa_plan_block *block, double loads, double bytes[SOFA_TRAFFIC_COUNT]);

/* Cycles of sorting cores for `quota` of `inputs` keys: 12 new inputs and the 4 best so far a cycle,
 * 4 found a pass, found ones not looked at again. */
double sofa_plan_sort_cycles(double inputs, double quota);

#endif
