/*
 * What blocks of queries come to: cycles and loads of their tiles, bytes, how their stages overlap with each
 * other and with DRAM, and the sums from which everything but time follows.
 *
 * A tile takes seven steps: its operands come in (DRAM), DLZS, its scores go out and in again where
 * they don't fit (DRAM), SADS, what it selected comes in (DRAM), K/V generation, SU-FA.  The steps that
 * overlap form a phase: all of them in the tiled pipeline; with a sort of whole rows, those before and
 * those after it; stage by stage, each for itself with its transfers.
 *
 * Blocks don't know of each other here (sequence.c has what one hides of the next), so that several are worked
 * out side by side, in the lanes of a batch; the formulas (block_tiles.h, block_time.h) are compiled
 * once per instruction set, with equal bits: no operation is fused, and a lane's sums are its own.
 */
#ifndef SOFA_MODEL_BLOCK_H
#define SOFA_MODEL_BLOCK_H

#include "model/plan.h"

#define SOFA_BLOCK_LANES 8

enum { STAGE_DLZS, STAGE_SORT, STAGE_GENERATION, STAGE_SUFA, PIPELINE_STAGES };

/* Kinds of blocks that a head has at most, if its blocks see the same keys: the first, the others, and the
 * last where it isn't full. */
#define SOFA_BLOCK_KINDS 3

/* A block's time, but for what the block before hides of it. */
enum sofa_block_time_part {
    TIME_FLOW,   /* limited by computation: its first phase, those after it, and the divisions */
    TIME_NET,    /* the same with the first phase limited by DRAM, without the operands of the first two tiles */
    TIME_FIRST,  /* operands of the first tile */
    TIME_PAIR,   /* and of the first two */
    TIME_LEAD,   /* TIME_FIRST and DLZS of the first tile, where DRAM has nothing to do beside it once both are in */
    TIME_BEHIND, /* the same where DRAM comes to TIME_BUSY only after it, else 0 */
    TIME_INTAKE, /* when a computing block's own operands are in */
    TIME_BUSY,   /* all that DRAM carries for this block behind those operands, writes included */
    TIME_SMALL,  /* what is rounding beside these */
    TIME_COUNT
};

/* Blocks to be worked out, and their times.  A lane is a head whose blocks see the same keys in the same tiles;
 * they are of `kinds` kinds, as many of each in all lanes.  Where blocks differ a lane is a single one. */
struct sofa_block_batch {
    _Alignas(64) double units[SOFA_BLOCK_LANES]; /* heads that a lane stands for in the sums */
    double times[SOFA_BLOCK_KINDS];              /* and blocks that a kind stands for */
    int kinds;
    const struct sofa_plan_layer *layer[SOFA_BLOCK_LANES];
    const struct sofa_selection *head[SOFA_BLOCK_LANES];
    const struct sofa_plan_block *block[SOFA_BLOCK_LANES]; /* [kinds] each */
    _Alignas(64) double time[SOFA_BLOCK_KINDS][TIME_COUNT][SOFA_BLOCK_LANES];
};

/* More of what the first kind comes to. */
struct sofa_block_detail {
    _Alignas(64) double full[SOFA_BLOCK_LANES], width[SOFA_BLOCK_LANES], rest[SOFA_BLOCK_LANES]; /* so many tiles of
                                  `width` keys (Bc, or with a pattern an equal part), and one of `rest` keys (0: none) */
    double whole[PIPELINE_STAGES][SOFA_BLOCK_LANES], part[PIPELINE_STAGES][SOFA_BLOCK_LANES]; /* cycles of such tiles */
    double sort[SOFA_BLOCK_LANES]; /* busy cycles of the sorting cores of one lane */
    double bytes[SOFA_TRAFFIC_COUNT][SOFA_BLOCK_LANES];
};

#define SOFA_BLOCK_PIECES 4

/* What is summed over blocks, in so many pieces; model.c says what follows from them. */
enum sofa_block_sum {
    SUM_BYTES,
    SUM_KHAT_KEYS = SUM_BYTES + SOFA_TRAFFIC_COUNT,
    SUM_GEN_KEYS,
    SUM_SCORED,            /* keys that lanes in step go through, predicting */
    SUM_SORT,              /* cycles */
    SUM_QK, SUM_PV, SUM_EXP, /* keys, multiplications, exponentials of lanes in step */
    SUM_SCORES,            /* predicted query-key pairs */
    SUM_ENCODED,           /* queries that are encoded */
    SUM_ROW_SORT, SUM_ROW_SUFA, /* cycles of all rows */
    SUM_MACS, SUM_EXPONENTIALS, SUM_COMPARISONS,
    SUM_KHAT_READ, SUM_ISSUED, /* SRAM bytes of K^, and of K and V */
    SUM_SCALED,            /* SCORES, ENCODED, MACS, ROW_SUFA twice, times the layer's factors */
    SUM_COUNT = SUM_SCALED + SCALED_COUNT
};
struct sofa_block_sums {
    _Alignas(64) double of[SUM_COUNT][SOFA_BLOCK_PIECES];
};

struct sofa_block_kernel {
    /* Lanes [0, count) of the batch; adds to *sums and fills *detail where they aren't NULL.  Writes to further
     * lanes of the batch. */
    void (*run)(const struct sofa_plan *plan, struct sofa_block_batch *batch, int count, struct sofa_block_sums *sums,
                struct sofa_block_detail *detail);
    /* The sums over all lanes. */
    void (*add_up)(const struct sofa_block_sums *sums, double of[SUM_COUNT]);
};
extern const struct sofa_block_kernel sofa_block_portable;
extern const struct sofa_block_kernel sofa_block_avx2;   /* only where SOFA_HAVE_AVX2 is defined */
extern const struct sofa_block_kernel sofa_block_avx512; /* only where SOFA_HAVE_AVX512 is defined */
/* SOFA_E_USAGE as sofa_isa_find, which says what NULL is. */
enum sofa_code sofa_block_kernel_find(const char *isa, const struct sofa_block_kernel **kernel, struct sofa_err *err);

#endif
