/*
 * The hot loops of the kernel as a record of functions, one record per instruction set.
 *
 * kernel_tmpl.h writes each loop once in plain C with a fixed order and explicit fused operations;
 * portable.c, avx2.c and avx512.c compile it with their flags and may put hand-written loops in its
 * place.  Whatever a loop returns has the same bits in all of them.
 */
#ifndef SOFA_ATTENTION_KERNEL_H
#define SOFA_ATTENTION_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attention/attention.h"
#include "attention/group.h"
#include "attention/rass.h"

#define SOFA_LANES 16 /* partial sums of a dot product: rows of q, k and v are padded to this */
#define SOFA_PANEL 64 /* columns worked on together: rows of scores are padded to this */

static inline size_t sofa_padded(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* What the formal stage reads: integers of formal_bits, held as floats. */
struct sofa_formal {
    size_t dp;                /* padded head width */
    const float *q, *k, *v;   /* [S][dp], the padding 0 */
    size_t s, d;
    float logit_scale;        /* s_q s_k / sqrt(d) */
    double value_scale;       /* s_v */
};

/* Selected keys of consecutive rows: row i holds keys [start[i], start[i + 1]), and SOFA_LANES of any keys stand
 * behind the last; its scores and weights stand at sofa_lane_start(rows, i), with room for whole lanes. */
struct sofa_rows {
    size_t first, n; /* rows of the head */
    const size_t *start;
    const uint32_t *keys;
    float *score;  /* q.k of the integers */
    float *weight; /* exp of it; may be the same as score */
};

static inline size_t sofa_lane_start(const struct sofa_rows *rows, size_t i)
{
    return sofa_padded(rows->start[i], SOFA_LANES) + 2 * i * SOFA_LANES;
}

#define SOFA_DENSE_ROWS 48  /* rows of scores held at once */
#define SOFA_DENSE_PANEL 32 /* keys that stand together in k */

/* Dense attention: padded operands and scratch. */
struct sofa_dense {
    size_t s, d, dp, stride;
    bool causal;
    const float *q, *v;  /* [s][dp] */
    const float *k;      /* [s / PANEL][d][PANEL] */
    float scale;         /* 1 / sqrt(d) */
    float *score, *sums; /* [ROWS][stride], [ROWS][dp] */
    float *out;          /* [s][d] */
};

struct sofa_attention_kernel {
    const char *name;

    /* acc [rows][d] = x [rows][h] pw [h][d], exact: |x| <= 127, |pw| <= 128 and even, h <=
     * SOFA_HIDDEN_MAX.  scratch: sofa_predict_scratch bytes. */
    void (*predict)(const int8_t *x, const int16_t *pw, size_t rows, size_t h, size_t d, int32_t *acc, void *scratch);

    /* out [rows][stride] = a [rows][d] b [d][stride], the first n columns (rounded up to a panel), each
     * element summed in the order of d, product and sum rounded apart. */
    void (*scores)(const double *a, const double *b, size_t rows, size_t d, size_t stride, size_t n, double *out);

    /* out [rows][d] = p [rows][stride] v [n][d], in the order of n, product and sum rounded apart. */
    void (*weigh)(const double *p, const double *v, size_t rows, size_t n, size_t d, size_t stride, double *out);

    /* x[i] = exp((x[i] - most) scale), 0 far below; the sum in eight lanes, in a fixed order. */
    double (*exp_sum)(double *x, size_t n, double most, double scale);

    double (*max)(const double *x, size_t n);
    size_t (*count)(const double *x, size_t n, double least); /* of x >= least */
    /* Of x > least; *above those > most.  x can be read up to n rounded up to SOFA_LANES. */
    size_t (*count_near)(const float *x, size_t n, float least, float most, size_t *above);
    /* q = round-half-even(x / scale), clipped to +-(2^(bits-1) - 1). */
    void (*quantise)(const float *x, size_t n, double scale, int bits, int32_t *q);

    /* base + i for each x[i] >= above and the first `ties` with x[i] >= equal; returns how many. */
    size_t (*emit)(const double *x, size_t n, double above, double equal, size_t ties, uint32_t base,
                   uint32_t *keys);

    /* Prediction and selection of n <= 16 queries, rows [n] of the head, block_row [n] of the block, both
     * ascending and none SOFA_NOT_PACKED.  q [words][16] and x [sofa_chunk_words] are scratch.
     * NULL where there are no integer products: then selection goes over `scores`. */
    void (*select)(const struct sofa_packed *packed, const struct sofa_tiling *tiling, const uint32_t *rows,
                   const uint32_t *block_row, size_t n, struct sofa_marks *marks, int32_t *q, int32_t *x);

    /* Scores of the first n keys for a query that is SOFA_NOT_PACKED, n rounded up to SOFA_GROUP. */
    void (*scores_wide)(const struct sofa_packed *packed, size_t row, size_t n, double *out);

    /* The indices of set bits; keys has room for SOFA_LANES more.  Returns how many. */
    size_t (*expand)(const uint64_t *bits, size_t words, uint32_t *keys);

    /* The formal stage of some rows; sums [rows][dp] is scratch, out [rows][d]. */
    void (*formal)(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out);

    /* weight = exp((score - max) scale), exactly 0 far below; returns the sum.  Both have room for n
     * rounded up to SOFA_LANES, stand on multiples of 64 bytes and may be one; what is behind n in weight
     * becomes 0. */
    float (*softmax)(float *score, float *weight, size_t n, float scale);

    void (*dense)(const struct sofa_dense *dense);

    /* The phases of a RASS schedule (rass.h) of queries whose `held` is set; the number of keys issued, which go to
     * `order` where it isn't NULL. */
    size_t (*rass_run)(struct sofa_rass *rass, uint32_t *order);

    /* The largest magnitude of x, as the bits of a float (which order as magnitudes do, infinity and NaN on top). */
    uint32_t (*magnitude)(const float *x, size_t n);
    /* q = sign(q) 2^(floor(log2|q|) + 1), 0 for 0; |q| < 2^24. */
    void (*lz_form)(int32_t *q, size_t n);
};

#define SOFA_HIDDEN_MAX 131072 /* 127 * 128 * this stays below 2^31; so does (255 + 128) 64 of it */

/* Bytes a kernel may use beside its operands in predict: padded weights and a sum per column. */
static inline size_t sofa_predict_scratch(size_t h, size_t d)
{
    return sofa_padded(d, SOFA_PANEL) * (sofa_padded(h, 4) + sizeof(int32_t));
}

extern const struct sofa_attention_kernel sofa_attention_portable;
#ifdef SOFA_HAVE_AVX2
extern const struct sofa_attention_kernel sofa_attention_avx2;
#endif
#ifdef SOFA_HAVE_AVX512
extern const struct sofa_attention_kernel sofa_attention_avx512;
#endif

#endif
