/*
 * The portable product.  Where the target has fused multiply-add the compiler vectorises the loop
 * with it.  Elsewhere the fused operation is computed in double: the product of two floats is exact
 * there, the sum is rounded to odd (Boldo and Melquiond, Emulation of FMA and correctly rounded
 * sums, IEEE TC 2008), and the final rounding to float is then the correct one, since a double has
 * more than two bits beyond a float's 24.  No library call, so that it vectorises too.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "transformer/activation_tmpl.h"
#include "transformer/gemm.h"
#include "transformer/gemm_ref.h"

#define N SOFA_GEMM_PANEL

float sofa_gemm_emulated_fma(float a, float b, float c)
{
    double p = (double)a * b, s = p + c, t = s - p, e = (p - (s - t)) + (c - t);
    int64_t bits;
    float exact;

    memcpy(&bits, &s, sizeof bits);
    /* an inexact sum with an even last bit moves one step towards the error */
    bits += ((e > 0) | (e < 0)) & ~bits & 1 ? ((e > 0) == (s > 0) ? 1 : -1) : 0;
    memcpy(&s, &bits, sizeof s);
    exact = (float)s;
    return exact;
}

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(FP_FAST_FMAF)
#define FUSED(a, b, c) fmaf(a, b, c)
#else
#define FUSED(a, b, c) sofa_gemm_emulated_fma(a, b, c)
#endif

static void panel(size_t m, size_t k, const float *a, size_t lda, const float *b, float *c, size_t ldc)
{
    for (size_t i = 0; i < m; i++) {
        float sum[N];

        memcpy(sum, c + i * ldc, sizeof sum);
        for (size_t l = 0; l < k; l++)
            for (size_t j = 0; j < N; j++)
                sum[j] = FUSED(a[i * lda + l], b[l * N + j], sum[j]);
        memcpy(c + i * ldc, sum, sizeof sum);
    }
}

const struct sofa_gemm sofa_gemm_portable = {"portable", panel, run_silu, run_gelu_tanh};
