/* The hand-written loops of the AVX2 variant. */
#ifndef SOFA_ATTENTION_AVX2_H
#define SOFA_ATTENTION_AVX2_H

#include "attention/kernel.h"

void sofa_avx2_dense(const struct sofa_dense *dense);

#endif
