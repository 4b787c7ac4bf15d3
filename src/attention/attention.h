/*
 * The functional sparse-attention kernel of the SOFA accelerator (Wang et al., MICRO 2024): what it
 * computes, bit for bit, as integers, so that any two implementations select the same keys.
 *
 *   X, Wk -> K^ (DLZS phase 1) -> A^ = p(Q) K^T (phase 2) -> SADS: tiled, clipped top-k -> SU-FA
 *
 * Shapes are for one query head: S tokens, H hidden width, d head width; with grouped heads K^
 * belongs to the key/value head and is shared by its query heads.
 */
#ifndef SOFA_ATTENTION_ATTENTION_H
#define SOFA_ATTENTION_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acsr/acsr.h"
#include "base/arena.h"
#include "base/err.h"

enum sofa_reference { SOFA_REFERENCE_SEGMENT, SOFA_REFERENCE_RUNNING };

/* The algorithm's settings of one layer. */
struct sofa_attention_params {
    int tiles;                     /* Tc >= 1; tiles past S are empty */
    int topk_permille;             /* 1..1000: top-k ratio in thousandths */
    double radius;                 /* logits, > 0; INFINITY turns clipping off */
    enum sofa_reference reference; /* what clipping is measured from */
    int khat_bits;                 /* 4..16, default 16 */
    int q_bits;                    /* 4..16, default 16 */
    int formal_bits;               /* 8..16, default 16 */
    bool causal;
    size_t block_rows;             /* P: queries worked on together, for union and loads; default 128 */
    size_t keys_per_phase;         /* g: keys a query takes in one RASS phase; default 2 */
    const struct sofa_pattern *pattern; /* [S][S]: the keys a query sees beside causality; NULL: all */
    bool fixed;                    /* with a pattern: all it sees is selected; nothing is predicted or sorted */
};
#define SOFA_ATTENTION_DEFAULTS                                                                     \
    {.tiles = 1, .topk_permille = 1000, .radius = INFINITY, .khat_bits = 16, .q_bits = 16,          \
     .formal_bits = 16, .causal = true, .block_rows = 128, .keys_per_phase = 2}

/* How much is measured beside the output; each level has all of the one before. */
enum sofa_stats_level {
    SOFA_STATS_NONE,
    SOFA_STATS_MODEL, /* what the analytical model needs: all but mass, overlap*, rel_error */
    SOFA_STATS_SAMPLE, /* mass and rel_error too, of one row in 8 */
    SOFA_STATS_ALL,
};

/* Statistics of one head (sums over heads or windows are the caller's business). */
struct sofa_attention_stats {
    double selected, visible, clipped; /* counts of (query, key) pairs; visible: in the pattern, where there is one */
    double density;                    /* selected / visible */
    double mass;           /* mean true-softmax mass on the selected keys, a pattern or not */
    double overlap;        /* with the exact top-n of each row, n = the row's selected count, a pattern or not */
    double overlap_sort;   /* with the top-n of the predicted scores of visible keys: what the segmented sort alone
                              loses; 1 where nothing is predicted */
    double union_block;    /* mean over blocks: keys selected by any query of the block / keys any of them sees */
    double union_all;      /* the same over the whole head */
    double max_mispredict; /* share of (row, tile) whose predicted maximum isn't the formal one */
    double rel_error;      /* |O - dense|_F / |dense|_F */
    double blocks;         /* number of blocks of block_rows queries */
    double block_union;    /* keys, mean over blocks */
    double block_naive, block_rass; /* loads of key/value pairs, mean over blocks */
    double naive_loads, rass_loads; /* of the last rass_last_rows rows alone */
    double rass_last_rows, rass_per_phase;
    double khat_scale, logit_scale; /* K^ ~ khat_scale * integer; logit ~ logit_scale * A^ */
};

/* Rotary embedding as tables, so that scaled variants are the caller's: the pair (j, j + d/2) of row
 * i is rotated by the angle whose cosine and sine stand at [i][j].  cos NULL: none. */
struct sofa_rope {
    const double *cos, *sin; /* [S][d/2] */
};

/* X of one layer at 8 bits; serves every head.  q [S][H] in `arena`. */
struct sofa_quant8 {
    size_t rows, columns;
    double scale;
    const int8_t *q;
};

/* Predicted keys of one key/value head: K^ ~ scale * q.  q [S][d] in `arena`. */
struct sofa_khat {
    size_t s, d;
    double scale; /* s_x s_w 2^sh mu */
    const int32_t *q;
};

/* One implementation for one instruction set.  All give the same bits, integers and floats: sums run in
 * a fixed order of 16 lanes and fused operations are the same everywhere. */
struct sofa_attention_kernel;
/* By the name of an instruction set, as sofa_isa_find (base/isa.h) has it. */
enum sofa_code sofa_attention_kernel_find(const char *isa, const struct sofa_attention_kernel **kernel,
                                          struct sofa_err *err);
const char *sofa_attention_kernel_name(const struct sofa_attention_kernel *kernel);

/* SOFA_E_INPUT for settings out of range; messages name the setting. */
enum sofa_code sofa_attention_check(const struct sofa_attention_params *params, struct sofa_err *err);

/* Step 1 for X [S][H]. */
enum sofa_code sofa_attention_quantise_x(const struct sofa_attention_kernel *kernel, const float *x, size_t s,
                                         size_t h, struct sofa_arena *arena, struct sofa_quant8 *x8,
                                         struct sofa_err *err);

/* Steps 1-3: K^ from X8 and Wk [H][d] (row stride d).  A bias of the keys is no part of K^: step 3 has none.  Without
 * rotary embedding it would add the same to all scores of a query, which changes neither order nor clipping; with it
 * (Qwen2) the prediction lacks a term that depends on where the key stands. */
enum sofa_code sofa_attention_predict_keys(const struct sofa_attention_kernel *kernel, int khat_bits,
                                           const struct sofa_quant8 *x8, const float *wk, size_t d,
                                           struct sofa_rope rope, struct sofa_arena *arena,
                                           struct sofa_khat *khat, struct sofa_err *err);

/* What a run may leave for a closer look; any pointer may be NULL. */
struct sofa_attention_trace {
    int64_t *scores;    /* [S][S] A^ of all pairs, visible or not, as the golden files have it */
    uint8_t *selection; /* [S][S] 1 where selected */
};

/* Steps 4-9 for one query head: q, k, v [S][d] (rotary applied to q and k), out [S][d].
 * `stats` and `trace` may be NULL.  Scratch comes from `arena`, no other allocation.
 * With a fixed pattern khat->q isn't looked at and trace->scores stays as it is: steps 7 and 9 alone, on the
 * pattern's members.  SOFA_E_INPUT where a pattern isn't [S][S] or leaves a query without a key. */
enum sofa_code sofa_attention_run(const struct sofa_attention_kernel *kernel,
                                  const struct sofa_attention_params *params, const struct sofa_khat *khat,
                                  const float *q, const float *k, const float *v, float *out,
                                  enum sofa_stats_level level, struct sofa_attention_stats *stats,
                                  const struct sofa_attention_trace *trace, struct sofa_arena *arena,
                                  struct sofa_err *err);

/* Dense attention in float32 storage, fixed order: the accuracy reference. */
enum sofa_code sofa_attention_dense(const struct sofa_attention_kernel *kernel, size_t s, size_t d, bool causal,
                                    const float *q, const float *k, const float *v, float *out,
                                    struct sofa_arena *arena, struct sofa_err *err);

#endif
