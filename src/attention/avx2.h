/* The hand-written loops of the AVX2 variant. */
#ifndef SOFA_ATTENTION_AVX2_H
#define SOFA_ATTENTION_AVX2_H

#include "attention/kernel.h"

/* false where the head width has no loop of its own */
bool sofa_avx2_formal(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out);
float sofa_avx2_softmax(float *score, float *weight, size_t n, float scale);
void sofa_avx2_dense(const struct sofa_dense *dense);

#endif
