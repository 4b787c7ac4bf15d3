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
 *
 * Here is what a block is asked to do; block.h says what its tiles, bytes and time come to.
 */
#ifndef SOFA_MODEL_PLAN_H
#define SOFA_MODEL_PLAN_H

#include "acsr/spans.h"
#include "model/model.h"

/* ceil and floor of sizes up to 2^62, without a call on machines whose vector unit has no rounding. */
static inline double sofa_plan_down(double x)
{
    double whole = (double)(long long)x;

    return whole - (whole > x ? 1.0 : 0.0);
}

static inline double sofa_plan_up(double x)
{
    double whole = (double)(long long)x;

    return whole + (whole < x ? 1.0 : 0.0);
}

/* What all layers share.  What a cost is divided by stands as its reciprocal where it would be divided by
 * again and again. */
struct sofa_plan {
    double d, hidden, rows, columns_s, columns_g, half_f; /* rows = P */
    double blocks, full_blocks, keys, offset;             /* offset = keys - queries */
    bool causal, serial, full_sort, recompute, generate, generate_all, naive;
    bool patterns; /* some layer has one */
    int softmax;
    double phase; /* g */
    double score_cycles_per_key, khat_cycles_per_key, generation_cycles_per_key;
    double x_bytes, weight_bytes;               /* prediction: a token, W_k of a head */
    double gx_bytes, gweight_bytes;             /* generation: a token, W_k and W_v of a head */
    double score_bytes;                         /* a stored score */
    double x_read, weight_read;                 /* SRAM bytes a key of K^: tokens, weights; serving lanes or columns */
    double gx_read, gweight_read;               /* a key of K and V */
    double weight_held, gweight_held;           /* of these weights, what stays in the weight SRAM */
    double token_sram;                          /* bytes */
    double scores_held;                         /* keys a row of double-buffered scores may have */
    double cycles_per_byte;                     /* of DRAM */
};

/* How the widths of a layer's operands scale the energy of what is done with them. */
enum sofa_scaled { SCALED_SCORES, SCALED_ENCODINGS, SCALED_MACS, SCALED_EXP, SCALED_DIV, SCALED_COUNT };

/* What a layer's settings make of it.  The first are read as an array, see block_tmpl.h. */
struct sofa_plan_layer {
    double tile, topk;                          /* Bc; ratio */
    double khat_bytes, pair_bytes;              /* a predicted key, a K and V pair */
    double pairs_held;                          /* K/V pairs the token SRAM holds */
    double spanned, predicts;                   /* 1 with a pattern of keys; 0 with one that needs no prediction: else 0; 1 */
    double scale[SCALED_COUNT];                 /* costs.h */
    const struct sofa_spans *spans;             /* NULL: all keys */
    bool fixed;                                 /* a pattern that needs no prediction */
    struct sofa_selection counted;              /* from a fixed pattern */
};

/* One head of it: which keys it generates. */
struct sofa_plan_head {
    const struct sofa_selection *selection;
    double fresh;  /* share of the keys that this head is first of its group to generate, all blocks together */
    bool leader;   /* predicts the keys of its group */
    bool all;      /* it generates all K and V of its group as they come into sight */
};

/* One block of a head; read as an array, see block_tmpl.h. */
struct sofa_plan_block {
    double rows, keys, pairs;   /* queries, keys the last of them sees, query-key pairs */
    double fullest;             /* keys that lanes in step go through: those of the fullest row */
    double khat_keys, gen_keys; /* keys predicted and generated in this block */
    double read_keys;           /* predicted before it */
    double first;               /* 1 for the head's first, else 0 */
    double tiles;               /* with a pattern: its tiles, all alike; else 0 */
};

/* False with a reason where the design cannot work. */
bool sofa_plan_feasible(const struct sofa_hardware *hw, const struct sofa_design *design,
                        const struct sofa_workload *workload, const struct sofa_statistics *statistics, char *reason,
                        size_t size);
void sofa_plan_init(struct sofa_plan *plan, const struct sofa_hardware *hw, const struct sofa_design *design,
                    const struct sofa_workload *workload, const struct sofa_statistics *statistics);
/* All but the factors of its widths, which are the caller's to fill where sums are asked for. */
void sofa_plan_layer_init(struct sofa_plan_layer *layer, const struct sofa_plan *plan, const struct sofa_design *design,
                          const struct sofa_statistics *statistics, int index);
/* Whether the controller generates all K and V of a group of heads that share them with its first
 * head: where it is told to, and where generating on demand would fetch more, because the weights are
 * fetched again for each few stragglers.  `selection`: of the group's first head; `stride` from head to
 * head, 0: all have the same statistics. */
bool sofa_plan_generates_all(const struct sofa_plan *plan, const struct sofa_plan_layer *layer,
                             const struct sofa_selection *selection, int stride, int group);
/* What is known of a head's selection: of its statistics and, with a fixed pattern, of that. */
static inline const struct sofa_selection *sofa_plan_selection(const struct sofa_plan_layer *layer,
                                                               const struct sofa_selection *measured)
{
    return layer->fixed ? &layer->counted : measured;
}
/* The head at `position` in the group whose statistics begin at `selection`. */
void sofa_plan_head_init(struct sofa_plan_head *head, const struct sofa_plan *plan, const struct sofa_plan_layer *layer,
                         const struct sofa_selection *selection, int stride, int position, bool generates_all);
/* Block `j`, counted from 0. */
void sofa_plan_block_init(struct sofa_plan_block *block, const struct sofa_plan *plan,
                          const struct sofa_plan_layer *layer, const struct sofa_plan_head *head, double j);

#endif
