/*
 * Dense attention in register tiles, for AVX2 and AVX-512.  Every score is summed over the head width
 * and every output over the keys in ascending order, as in the plain template: tiles change nothing
 * but the time.
 */
#include <string.h>

#include "attention/kernel.h"
#include "attention/softmax_tmpl.h"

#define TILE_ROWS (VEC_REGISTERS == 32 ? 12 : 6) /* of scores, by two vectors of keys */
#define OUT_ROWS (VEC_REGISTERS == 32 ? 6 : 3)   /* of outputs, by up to four vectors of columns */
#define SEGMENT 64                               /* keys whose rows of V stay in the first-level cache */

/* TILE_ROWS rows by 2 VEC keys; rows past the last repeat it. */
INLINE void score_tile(const struct sofa_dense *a, size_t row, size_t last, const float *k, float *score)
{
    vec acc[TILE_ROWS][2];
    const float *q[TILE_ROWS];

    UNROLL
    for (size_t r = 0; r < TILE_ROWS; r++) {
        q[r] = a->q + (row + r < last ? row + r : last - 1) * a->dp;
        acc[r][0] = acc[r][1] = vec_zero();
    }
    for (size_t c = 0; c < a->d; c++) {
        vec k0 = vec_load(k + c * SOFA_DENSE_PANEL), k1 = vec_load(k + c * SOFA_DENSE_PANEL + VEC);

        UNROLL
        for (size_t r = 0; r < TILE_ROWS; r++) {
            vec x = vec_all(q[r][c]);

            acc[r][0] = vec_fma(x, k0, acc[r][0]);
            acc[r][1] = vec_fma(x, k1, acc[r][1]);
        }
    }
    UNROLL
    for (size_t r = 0; r < TILE_ROWS; r++) {
        vec_store(score + r * a->stride, acc[r][0]);
        vec_store(score + r * a->stride + VEC, acc[r][1]);
    }
}

/* OUT_ROWS rows by m vectors of columns, keys [from, to) on top of what is there. */
INLINE void out_tile(const struct sofa_dense *a, const float *weight, size_t column, size_t from, size_t to, float *sum,
                     size_t m)
{
    vec acc[OUT_ROWS][4];

    UNROLL
    for (size_t r = 0; r < OUT_ROWS; r++) {
        UNROLL
        for (size_t c = 0; c < m; c++)
            acc[r][c] = vec_load(sum + r * a->dp + column + c * VEC);
    }
    for (size_t j = from; j < to; j++) {
        const float *v = a->v + j * a->dp + column;
        vec x[4];

        UNROLL
        for (size_t c = 0; c < m; c++)
            x[c] = vec_load(v + c * VEC);
        UNROLL
        for (size_t r = 0; r < OUT_ROWS; r++) {
            vec w = vec_all(weight[r * a->stride + j]);

            UNROLL
            for (size_t c = 0; c < m; c++)
                acc[r][c] = vec_fma(w, x[c], acc[r][c]);
        }
    }
    UNROLL
    for (size_t r = 0; r < OUT_ROWS; r++) {
        UNROLL
        for (size_t c = 0; c < m; c++)
            vec_store(sum + r * a->dp + column + c * VEC, acc[r][c]);
    }
}

static void out_rows(const struct sofa_dense *a, size_t rows, size_t n)
{
    memset(a->sums, 0, SOFA_DENSE_ROWS * a->dp * sizeof *a->sums);
    for (size_t from = 0; from < n; from += SEGMENT) {
        size_t to = from + SEGMENT < n ? from + SEGMENT : n;

        for (size_t r = 0; r < rows; r += OUT_ROWS) {
            const float *weight = a->score + r * a->stride;
            float *sum = a->sums + r * a->dp;
            size_t column = 0;

            for (; column + 4 * VEC <= a->dp; column += 4 * VEC)
                out_tile(a, weight, column, from, to, sum, 4);
            for (; column + 2 * VEC <= a->dp; column += 2 * VEC)
                out_tile(a, weight, column, from, to, sum, 2);
            for (; column < a->dp; column += VEC)
                out_tile(a, weight, column, from, to, sum, 1);
        }
    }
}

static void dense_rows(const struct sofa_dense *a, size_t row, size_t rows)
{
    size_t n = a->causal ? row + rows : a->s;
    double scale[SOFA_DENSE_ROWS];

    for (size_t j = 0; j < n; j += 2 * VEC) {
        const float *k = a->k + j / SOFA_DENSE_PANEL * SOFA_DENSE_PANEL * a->d + j % SOFA_DENSE_PANEL;

        for (size_t r = 0; r < rows; r += TILE_ROWS)
            score_tile(a, row + r, row + rows, k, a->score + r * a->stride + j);
    }
    for (size_t r = 0; r < rows; r++) {
        float *score = a->score + r * a->stride;
        size_t visible = a->causal ? row + r + 1 : a->s;

        scale[r] = 1 / vec_softmax(score, score, visible, a->scale);
        if (visible < n)
            memset(score + visible, 0, (n - visible) * sizeof *score);
    }
    out_rows(a, rows, n);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < a->d; c++)
            a->out[(row + r) * a->d + c] = (float)(a->sums[r * a->dp + c] * scale[r]);
}

INLINE void dense_tiles(const struct sofa_dense *a)
{
    for (size_t row = 0; row < a->s; row += SOFA_DENSE_ROWS)
        dense_rows(a, row, a->s - row < SOFA_DENSE_ROWS ? a->s - row : SOFA_DENSE_ROWS);
}
