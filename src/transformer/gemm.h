/*
 * Matrix products in float32 whose bits are the same on every machine.
 *
 * Each output is one chain c = fmaf(a[k], b[k], c) in ascending k.  Lanes are independent outputs, so
 * vectors of any width, tilings of any shape and machines without fused operations (which compute
 * the same rounding in double, see gemm_ref.c) agree in every bit.  A BLAS gives no such promise.
 * The activations that need an exponential are here too, for the same reason.
 */
#ifndef SOFA_TRANSFORMER_GEMM_H
#define SOFA_TRANSFORMER_GEMM_H

#include <stddef.h>

#define SOFA_GEMM_PANEL 32 /* outputs a panel: two 512-bit vectors, four 256-bit ones */

struct sofa_gemm {
    const char *isa; /* as the attention kernels are named */
    /* c [m][32] (row stride ldc) += a [m][k] (row stride lda) times panel [k][32]. */
    void (*panel)(size_t m, size_t k, const float *a, size_t lda, const float *panel, float *c, size_t ldc);
    /* out [n] = activation(x [n]), times `times` [n] where it isn't NULL; out may be x. */
    void (*silu)(const float *x, const float *times, size_t n, float *out);
    void (*gelu_tanh)(const float *x, const float *times, size_t n, float *out);
};

extern const struct sofa_gemm sofa_gemm_portable, sofa_gemm_avx2, sofa_gemm_avx512;

/* By the name of an attention kernel; the portable one for a name that isn't known or that this
 * machine can't run, for they all give the same bits.  NULL: the fastest. */
const struct sofa_gemm *sofa_gemm_find(const char *isa);

/* Floats that the packed form of a weight [out][in] takes. */
size_t sofa_gemm_packed_size(size_t out, size_t in);
/* Packs w [out][in] into panels [ceil(out/32)][in][32], missing outputs as zeros. */
void sofa_gemm_pack(const float *w, size_t out, size_t in, float *packed);

/* y [m][out] = bias (NULL: 0) + x [m][in] W^T, W packed. */
void sofa_gemm_run(const struct sofa_gemm *gemm, size_t m, size_t out, size_t in, const float *x,
                   const float *packed, const float *bias, float *y);

#endif
