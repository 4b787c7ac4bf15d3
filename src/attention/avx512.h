/* The hand-written loops of the AVX-512 variant. */
#ifndef SOFA_ATTENTION_AVX512_H
#define SOFA_ATTENTION_AVX512_H

#include "attention/kernel.h"

void sofa_avx512_select(const struct sofa_packed *packed, const struct sofa_tiling *tiling, const uint32_t *rows,
                        const uint32_t *block_row, size_t n, struct sofa_marks *marks, int32_t *q, int32_t *x);
size_t sofa_avx512_expand(const uint64_t *bits, size_t words, uint32_t *keys);
/* false where the head width has no loop of its own */
bool sofa_avx512_formal(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out);
void sofa_avx512_predict(const int8_t *x, const int16_t *pw, size_t rows, size_t h, size_t d, int32_t *acc,
                         void *scratch);
float sofa_avx512_softmax(float *score, float *weight, size_t n, float scale);
void sofa_avx512_dense(const struct sofa_dense *dense);

#endif
