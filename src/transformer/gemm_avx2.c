/* The product on AVX2 and FMA: 6 rows by half a panel in 12 registers. */
#include <immintrin.h>

#include "transformer/activation_tmpl.h"
#include "transformer/gemm.h"

#define N SOFA_GEMM_PANEL

#define ROWS6(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define ROWS1(X) X(0)

#define LOAD(i)                                                                                   \
    __m256 x##i = _mm256_loadu_ps(c + i * ldc);                                                   \
    __m256 y##i = _mm256_loadu_ps(c + i * ldc + 8);
#define STEP(i)                                                                                   \
    u = _mm256_set1_ps(a[i * lda + l]);                                                           \
    x##i = _mm256_fmadd_ps(u, v, x##i);                                                           \
    y##i = _mm256_fmadd_ps(u, w, y##i);
#define STORE(i)                                                                                  \
    _mm256_storeu_ps(c + i * ldc, x##i);                                                          \
    _mm256_storeu_ps(c + i * ldc + 8, y##i);

#define BLOCK(name, ROWS)                                                                         \
    static void name(size_t k, const float *a, size_t lda, const float *b, float *c, size_t ldc)  \
    {                                                                                             \
        __m256 u, v, w;                                                                           \
        ROWS(LOAD)                                                                                \
        for (size_t l = 0; l < k; l++) {                                                          \
            v = _mm256_loadu_ps(b + l * N);                                                       \
            w = _mm256_loadu_ps(b + l * N + 8);                                                   \
            ROWS(STEP)                                                                            \
        }                                                                                         \
        ROWS(STORE)                                                                               \
    }
BLOCK(block6, ROWS6)
BLOCK(block1, ROWS1)

static void panel(size_t m, size_t k, const float *a, size_t lda, const float *b, float *c, size_t ldc)
{
    for (size_t half = 0; half < N; half += 16) {
        size_t i = 0;

        for (; i + 6 <= m; i += 6)
            block6(k, a + i * lda, lda, b + half, c + i * ldc + half, ldc);
        for (; i < m; i++)
            block1(k, a + i * lda, lda, b + half, c + i * ldc + half, ldc);
    }
}

const struct sofa_gemm sofa_gemm_avx2 = {"avx2", panel, run_silu, run_gelu_tanh};
