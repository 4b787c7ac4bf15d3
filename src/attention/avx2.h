/* The hand-written loops of the AVX2 variant. */
#ifndef SOFA_ATTENTION_AVX2_H
#define SOFA_ATTENTION_AVX2_H

#include "attention/kernel.h"

/* false where the head width has no loop of its own */
bool sofa_avx2_formal(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out);
float sofa_avx2_softmax(float *score, float *weight, size_t n, float scale);
void sofa_avx2_select(const struct sofa_packed *packed, const struct sofa_tiling *tiling, const uint32_t *rows,
                      const uint32_t *block_row, size_t n, struct sofa_marks *marks, int32_t *q, int32_t *x);
void sofa_avx2_dense(const struct sofa_dense *dense);

#endif
