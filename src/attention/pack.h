/*
 * Operands of the score prediction packed for integer products of 16 queries by 16 keys.
 *
 * Every element of p(Q) is even, so p/2 is kept.  Two forms, four or two elements a 32-bit word:
 *   8 bits:  p/2 + 64 unsigned, K^ signed; the 64 sum(K^) too much is taken off by `bias`
 *   16 bits: p/2 >> shift, with the least shift of the query for which no sum can pass 31 bits
 * A score is A^ = 2^(1 + shift) times what the product of the packed words gives.  A query whose
 * elements a shift would cut stands there without one: its products are summed in 64 bits.
 */
#ifndef SOFA_ATTENTION_PACK_H
#define SOFA_ATTENTION_PACK_H

#include "base/arena.h"
#include "base/err.h"
#include "attention/attention.h"

#define SOFA_GROUP 16         /* queries and keys of one product */
#define SOFA_NOT_PACKED 0xff  /* a query's shift */
#define SOFA_SCORE_MAX 2147483645 /* largest magnitude of a packed score: thresholds next to it still fit */

struct sofa_packed {
    size_t s, d, words;  /* words per row */
    int bits;            /* 8 or 16; 0: nothing is packed */
    const int32_t *q;    /* [s][words] */
    const int32_t *k;    /* [s / GROUP, rounded up][words][GROUP] */
    const int32_t *bias; /* [s rounded up to GROUP], 0 at 16 bits */
    const uint8_t *shift; /* [s] */
};

/* p: p(Q) [s][d] of queries quantised to q_bits. */
enum sofa_code sofa_pack(const struct sofa_khat *khat, const int32_t *p, int q_bits, struct sofa_packed *packed,
                         struct sofa_arena *arena, struct sofa_err *err);

#endif
