/*
 * Rows of attention without a trained model: three types in given shares, and their classifier.
 *
 * Published row statistics (Wang et al., MICRO 2024, over 4096 rows of BERT-L, ViT-B, GPT-2 and
 * Llama-7B) know three types of rows: I, a few dominant keys; II, an even spread; III, one region.
 * About a quarter of the rows is of type I in ViT, GPT-2 and Llama, type II has over 76 % on average,
 * type III is close to none.
 *
 * A synthetic head has X and Wk drawn at random, K = X Wk exactly as a model would have it, and each
 * query built towards keys that it sees; tokens side by side are alike only where rows of type III need it.  Its accuracy says nothing of any real model: whoever reports
 * numbers from it says that they are synthetic.
 */
#ifndef SOFA_ATTENTION_SYNTHETIC_H
#define SOFA_ATTENTION_SYNTHETIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum sofa_row_type { SOFA_ROW_DOMINANT, SOFA_ROW_SPREAD, SOFA_ROW_REGION, SOFA_ROW_TYPES };
extern const char *const sofa_row_type_names[SOFA_ROW_TYPES]; /* "I", "II", "III" */

struct sofa_synthetic {
    double share[SOFA_ROW_TYPES]; /* of the rows, sum 1 */
    bool causal;                  /* queries look at keys up to their own only */
    uint64_t seed, stream;        /* a stream is a head */
};
/* The published shares: 24 % I, 76 % II. */
#define SOFA_SYNTHETIC_DEFAULTS {.share = {0.24, 0.76, 0.0}, .causal = true, .seed = 1}

/* Fills x [s][h], wk [h][d], q, k, v [s][d]; `type` [s] may be NULL. */
enum sofa_code sofa_synthetic_head(const struct sofa_synthetic *synthetic, size_t s, size_t h, size_t d, float *x, float *wk,
                                   float *q, float *k, float *v, enum sofa_row_type *type, struct sofa_err *err);

/* Types of real rows from q, k [s][d]: I where the 4 strongest keys hold half of the softmax mass, else
 * III where an eighth of the visible keys, side by side, do, else II; rows that see fewer than 256 keys
 * are passed over.  share[] sums to 1 over *rows rows (all 0 where *rows is). */
enum sofa_code sofa_rows_classify(size_t s, size_t d, bool causal, const float *q, const float *k,
                                  double share[SOFA_ROW_TYPES], size_t *rows, struct sofa_arena *arena, struct sofa_err *err);

#endif
