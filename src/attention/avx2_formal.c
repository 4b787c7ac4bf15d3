#include "attention/avx2.h"
#include "attention/formal_tmpl.h"

bool sofa_avx2_formal(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out)
{
    return formal_rows(formal, rows, sums, out);
}

float sofa_avx2_softmax(float *score, float *weight, size_t n, float scale)
{
    return vec_softmax(score, weight, n, scale);
}
