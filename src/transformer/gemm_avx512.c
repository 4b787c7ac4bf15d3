/* The product on AVX-512: 12 rows by 32 outputs in 24 registers. */
#include <immintrin.h>

#include "transformer/activation_tmpl.h"
#include "transformer/gemm.h"

#define N SOFA_GEMM_PANEL

#define ROWS12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define ROWS4(X) X(0) X(1) X(2) X(3)
#define ROWS1(X) X(0)

#define LOAD(i)                                                                                   \
    __m512 x##i = _mm512_loadu_ps(c + i * ldc);                                                   \
    __m512 y##i = _mm512_loadu_ps(c + i * ldc + 16);
#define STEP(i)                                                                                   \
    u = _mm512_set1_ps(a[i * lda + l]);                                                           \
    x##i = _mm512_fmadd_ps(u, v, x##i);                                                           \
    y##i = _mm512_fmadd_ps(u, w, y##i);
#define STORE(i)                                                                                  \
    _mm512_storeu_ps(c + i * ldc, x##i);                                                          \
    _mm512_storeu_ps(c + i * ldc + 16, y##i);

#define BLOCK(name, ROWS)                                                                         \
    static void name(size_t k, const float *a, size_t lda, const float *b, float *c, size_t ldc)  \
    {                                                                                             \
        __m512 u, v, w;                                                                           \
        ROWS(LOAD)                                                                                \
        for (size_t l = 0; l < k; l++) {                                                          \
            v = _mm512_loadu_ps(b + l * N);                                                       \
            w = _mm512_loadu_ps(b + l * N + 16);                                                  \
            ROWS(STEP)                                                                            \
        }                                                                                         \
        ROWS(STORE)                                                                               \
    }
BLOCK(block12, ROWS12)
BLOCK(block4, ROWS4)
BLOCK(block1, ROWS1)

static void panel(size_t m, size_t k, const float *a, size_t lda, const float *b, float *c, size_t ldc)
{
    size_t i = 0;

    for (; i + 12 <= m; i += 12)
        block12(k, a + i * lda, lda, b, c + i * ldc, ldc);
    for (; i + 4 <= m; i += 4)
        block4(k, a + i * lda, lda, b, c + i * ldc, ldc);
    for (; i < m; i++)
        block1(k, a + i * lda, lda, b, c + i * ldc, ldc);
}

const struct sofa_gemm sofa_gemm_avx512 = {"avx512", panel, run_silu, run_gelu_tanh};
