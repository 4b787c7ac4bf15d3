/*
 * The product in register tiles, compiled for AVX-512 and for AVX2: 12 or 6 rows by two vectors of outputs.  Each
 * output is summed over the inputs in ascending order, so tiles change nothing but the time.
 */
#ifndef SOFA_TRANSFORMER_GEMM_TMPL_H
#define SOFA_TRANSFORMER_GEMM_TMPL_H

#include "base/vec.h"
#include "transformer/activation_tmpl.h"
#include "transformer/gemm.h"

#define TILE_ROWS (VEC_REGISTERS == 32 ? 12 : 6)

/* c [rows][2 VEC] += a [rows][k] b [k][panel]. */
INLINE void tile(size_t rows, size_t k, const float *a, size_t lda, const float *b, float *c, size_t ldc)
{
    vec sum[TILE_ROWS][2];

    UNROLL
    for (size_t i = 0; i < rows; i++) {
        sum[i][0] = vec_load_any(c + i * ldc);
        sum[i][1] = vec_load_any(c + i * ldc + VEC);
    }
    for (size_t l = 0; l < k; l++) {
        vec v = vec_load_any(b + l * SOFA_GEMM_PANEL), w = vec_load_any(b + l * SOFA_GEMM_PANEL + VEC);

        UNROLL
        for (size_t i = 0; i < rows; i++) {
            vec u = vec_all(a[i * lda + l]);

            sum[i][0] = vec_fma(u, v, sum[i][0]);
            sum[i][1] = vec_fma(u, w, sum[i][1]);
        }
    }
    UNROLL
    for (size_t i = 0; i < rows; i++) {
        vec_store_any(c + i * ldc, sum[i][0]);
        vec_store_any(c + i * ldc + VEC, sum[i][1]);
    }
}

static void panel(size_t m, size_t k, const float *a, size_t lda, const float *b, float *c, size_t ldc)
{
    for (size_t j = 0; j < SOFA_GEMM_PANEL; j += 2 * VEC) {
        size_t i = 0;

        for (; i + TILE_ROWS <= m; i += TILE_ROWS)
            tile(TILE_ROWS, k, a + i * lda, lda, b + j, c + i * ldc + j, ldc);
        for (; i + 4 <= m; i += 4)
            tile(4, k, a + i * lda, lda, b + j, c + i * ldc + j, ldc);
        for (; i < m; i++)
            tile(1, k, a + i * lda, lda, b + j, c + i * ldc + j, ldc);
    }
}

#endif
