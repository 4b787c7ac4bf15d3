/*
 * Within the room: the kernels' loops as a record of functions, one record per instruction set.  kernel_tmpl.h writes them on
 * vec.h; kernel_portable.c, kernel_avx2.c and kernel_avx512.c compile it.
 */
#ifndef SOFA_ACSR_IMPL_H
#define SOFA_ACSR_IMPL_H

#include "acsr/kernel.h"

#define SOFA_ACSR_SCORES 132 /* keys: TILE_CHUNK and TILE_SLACK of tile.h, LINE_CHUNK of line.h */

/* What the loops work on: one group's keys, and scratch. */
struct sofa_acsr_work {
    const struct sofa_acsr_plan *plan;
    size_t d, dp;        /* head width, and padded to LANES */
    const float *q;      /* [rows][d] */
    float *out;          /* [rows][d]; sums not yet divided where a row isn't closed */
    float *most, *total; /* [rows], of rows that are not closed; NULL where the plan isn't shared */
    const float *k, *v;  /* [keys][stride], dp floats of a row may be read */
    size_t k_stride, v_stride, keys;
    float *query, *score, *sum; /* see struct tile; [LANES][dp], [SCORES][LANES], [LANES][dp] */
};

struct sofa_acsr_kernel {
    const char *name;

    /* All runs of a block, or a line; k and v are those of its group, or all keys. */
    void (*block)(const struct sofa_acsr_work *work, const struct sofa_acsr_block *block);
    void (*line)(const struct sofa_acsr_work *work, const struct sofa_acsr_line *line);

    /* query [d][LANES] = factor q of the block's rows. */
    void (*pack)(const struct sofa_acsr_work *work, const struct sofa_acsr_block *block, float factor);
    /* score [n][LANES] = packed queries times keys from `from` on. */
    void (*scores)(const struct sofa_acsr_work *work, int32_t from, size_t n);
    /* sum [LANES][dp] += score [n][LANES] times values from `from` on. */
    void (*weigh)(const struct sofa_acsr_work *work, int32_t from, size_t n);
    /* score[s] = q.k / sqrt(d) of a line's members; sum [dp] += weight[s] v. */
    void (*line_scores)(const struct sofa_acsr_work *work, const struct sofa_acsr_line *line, float *score);
    void (*line_weigh)(const struct sofa_acsr_work *work, const struct sofa_acsr_line *line, const float *weight);

    float (*max)(const float *x, size_t n, float least);
    /* x = exp(x - most); their sum in sixteen lanes, in a fixed order. */
    float (*exp_sum)(float *x, size_t n, float most);
};

extern const struct sofa_acsr_kernel sofa_acsr_portable;
#ifdef SOFA_HAVE_AVX2
extern const struct sofa_acsr_kernel sofa_acsr_avx2;
#endif
#ifdef SOFA_HAVE_AVX512
extern const struct sofa_acsr_kernel sofa_acsr_avx512;
#endif

/* Padded copies of the operands where the head width needs them, and scratch of the loops, in `arena`. */
enum sofa_code sofa_acsr_work_init(struct sofa_acsr_work *work, const struct sofa_acsr_plan *plan,
                                   const struct sofa_acsr_operands *operands, struct sofa_arena *arena,
                                   struct sofa_err *err);

/* The work with the keys of a group: strided, or copied to `packed` (2 keys dp floats). */
struct sofa_acsr_work sofa_acsr_work_group(const struct sofa_acsr_work *work, const struct sofa_acsr_group *group,
                                           float *packed);
/* Floats of `packed` for the largest group. */
size_t sofa_acsr_packed_size(const struct sofa_acsr_work *work);

#endif
