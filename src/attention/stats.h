/*
 * What a run reports beside its output, gathered row by row and block by block.
 */
#ifndef SOFA_ATTENTION_STATS_H
#define SOFA_ATTENTION_STATS_H

#include "attention/kernel.h"
#include "attention/rass.h"
#include "attention/select.h"

#define SOFA_TALLY_GROUP 4 /* rows of dense attention computed together */
#define SOFA_LAST_ROWS 16 /* rows whose loads are reported on their own, at most */

struct sofa_tally {
    const struct sofa_attention_kernel *kernel;
    const struct sofa_attention_params *params;
    const struct sofa_tiling *tiling;
    const struct sofa_formal *formal;
    size_t s, d, stride;
    /* MODEL */
    size_t selected, visible, clipped, firsts, mispredicted, blocks, union_keys, naive, rass;
    double union_share;      /* sum over blocks */
    double largest_key_norm; /* of the formal keys */
    uint32_t *stamp;         /* [s] */
    uint8_t *in_head;        /* [s] */
    size_t last_start[SOFA_LAST_ROWS + 1], last_rows;
    uint32_t *last_keys;
    /* SAMPLE and ALL; NULL without */
    const double *q, *kt, *v; /* [compared][d], [d][stride], [s][d]: not quantised */
    double *exact, *weight, *dense; /* of SOFA_TALLY_GROUP rows: q.k and its exp, [stride], output [d] */
    double sum[SOFA_TALLY_GROUP];   /* of the weights */
    size_t step, offset, compared;  /* compared are rows offset + i step, i < compared in q */
    size_t group, grouped;          /* those rows i that sum, exact, ... are of: first, number */
    bool overlaps;                  /* of a selection with others */
    uint32_t *top;            /* [s + 1] */
    uint8_t *chosen;          /* [s] */
    double *compact;          /* [s]: scores of what a row sees in a pattern, and which keys they are */
    uint32_t *index;          /* [s] */
    double mass, overlap, overlap_sort, difference, norm;
};

/* q, k, v as given to the run.  Scratch in `arena`. */
enum sofa_code sofa_tally_init(struct sofa_tally *tally, enum sofa_stats_level level, const float *q, const float *k,
                               const float *v, struct sofa_arena *arena, struct sofa_err *err);

/* A row's selection (keys [n]; first [tiles], NULL where nothing is predicted, `predicted` then too) and the formal
 * scores of its keys, [n] in `formal_scores`; `predicted` its A^, `out` its output [d]. */
void sofa_tally_row(struct sofa_tally *tally, size_t row, const uint32_t *keys, size_t n, const uint32_t *first,
                    const float *formal_scores, const double *predicted, const float *out);

/* A block of rows from `row` on. */
enum sofa_code sofa_tally_block(struct sofa_tally *tally, size_t row, const struct sofa_block *block,
                                struct sofa_arena *arena, struct sofa_err *err);

enum sofa_code sofa_tally_finish(struct sofa_tally *tally, struct sofa_attention_stats *stats,
                                 struct sofa_arena *arena, struct sofa_err *err);

#endif
