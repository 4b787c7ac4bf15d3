/*
 * One query alone, for members that share too little with those of other queries: a product is summed in sixteen lanes over
 * the head width.  Put before generated kernels as tile.h is.
 */
#ifndef SOFA_ACSR_LINE_H
#define SOFA_ACSR_LINE_H

#include "acsr/tile.h"

#define LINE_CHUNK 512 /* members worked on together; their scores fit where those of a chunk of sixteen lanes do */

/* Columns first + stride s, or a list. */
struct tile_line {
    const int32_t *column; /* [count], NULL: the progression */
    int32_t first, stride;
    size_t count;
};

INLINE size_t line_column(const struct tile_line *line, size_t s)
{
    return (size_t)(line->column ? line->column[s] : line->first + line->stride * (int32_t)s);
}

/* Sixteen partial sums as a tree: l with l + 8, then + 4, + 2, + 1. */
INLINE float line_fold(const vec acc[TILE_VECTORS])
{
    _Alignas(64) float x[TILE_LANES];

    for (size_t v = 0; v < TILE_VECTORS; v++)
        vec_store(x + v * VEC, acc[v]);
    for (size_t half = TILE_LANES / 2; half; half /= 2)
        for (size_t l = 0; l < half; l++)
            x[l] += x[l + half];
    return x[0];
}

/* query [dp] = factor q, padded with zeros. */
INLINE void line_query(float *query, const float *q, size_t d, size_t dp, float factor)
{
    for (size_t c = 0; c < dp; c++)
        query[c] = c < d ? q[c] * factor : 0;
}

INLINE void line_zero(vec sum[TILE_VECTORS])
{
    UNROLL
    for (size_t v = 0; v < TILE_VECTORS; v++)
        sum[v] = vec_zero();
}

/* score[i] = the query's product with member first + i. */
INLINE void line_products(const float *query, const float *keys, size_t stride, size_t dp, const struct tile_line *line,
                          size_t first, size_t n, float *score)
{
    for (size_t i = 0; i < n; i++) {
        const float *k = keys + line_column(line, first + i) * stride;
        vec acc[TILE_VECTORS];

        line_zero(acc);
        for (size_t c = 0; c < dp; c += TILE_LANES) {
            UNROLL
            for (size_t v = 0; v < TILE_VECTORS; v++)
                acc[v] = vec_fma(vec_load(query + c + v * VEC), vec_load_any(k + c + v * VEC), acc[v]);
        }
        score[i] = line_fold(acc);
    }
}

/* sum [dp] = sum keep + weights times values. */
INLINE void line_sums(float *sum, const float *values, size_t stride, size_t dp, const struct tile_line *line, size_t first,
                      size_t n, const float *weight, float keep)
{
    for (size_t c = 0; c < dp; c += TILE_LANES) {
        vec acc[TILE_VECTORS];

        line_zero(acc);
        for (size_t i = 0; i < n; i++) {
            const float *x = values + line_column(line, first + i) * stride + c;

            UNROLL
            for (size_t v = 0; v < TILE_VECTORS; v++)
                acc[v] = vec_fma(vec_all(weight[i]), vec_load_any(x + v * VEC), acc[v]);
        }
        UNROLL
        for (size_t v = 0; v < TILE_VECTORS; v++)
            vec_store(sum + c + v * VEC, vec_fma(vec_load(sum + c + v * VEC), vec_all(keep), acc[v]));
    }
}

INLINE float line_max(const float *x, size_t n, float least)
{
    for (size_t i = 0; i < n; i++)
        least = x[i] > least ? x[i] : least;
    return least;
}

/* x = 2^((x - most) factor), n being whole lanes; their sum. */
INLINE float line_exp2_sum(float *x, size_t n, float most, float factor)
{
    vec total[TILE_VECTORS];

    line_zero(total);
    for (size_t i = 0; i < n; i += TILE_LANES) {
        UNROLL
        for (size_t v = 0; v < TILE_VECTORS; v++) {
            vec y = tile_exp2(vec_mul(vec_sub(vec_load_any(x + i + v * VEC), vec_all(most)), vec_all(factor)));

            total[v] = vec_add(total[v], y);
            vec_store_any(x + i + v * VEC, y);
        }
    }
    return line_fold(total);
}

/* Members from `at` on, joined with what lane 0 of t has. */
INLINE void line_chunk(struct tile *t, const struct tile_keys *keys, const struct tile_line *line, size_t at, size_t n,
                       size_t dp)
{
    float most, keep[TILE_LANES];
    size_t padded = n;

    line_products(t->query, keys->k, keys->k_stride, dp, line, at, n, t->score);
    most = line_max(t->score, n, t->most[0]);
    for (; padded % TILE_LANES; padded++)
        t->score[padded] = -INFINITY;
    for (size_t l = 0; l < TILE_LANES; l++)
        keep[l] = l ? -INFINITY : t->most[0];
    line_exp2_sum(keep, TILE_LANES, most, 1);
    t->total[0] = fmaf(t->total[0], keep[0], line_exp2_sum(t->score, padded, most, 1));
    t->most[0] = most;
    line_sums(t->sum, keys->v, keys->v_stride, dp, line, at, n, t->score, keep[0]);
}

/* All members; the query stands in t->query, padded.  Lane 0 of `rows` is the row. */
INLINE void line_run(struct tile *t, const struct tile_keys *keys, const struct tile_rows *rows, const struct tile_line *line,
                     size_t d, size_t dp)
{
    tile_load(t, rows, 0, d, dp);
    for (size_t at = 0; at < line->count; at += LINE_CHUNK)
        line_chunk(t, keys, line, at, line->count - at < LINE_CHUNK ? line->count - at : LINE_CHUNK, dp);
    tile_store(t, rows, 0, d, dp);
}

#endif
