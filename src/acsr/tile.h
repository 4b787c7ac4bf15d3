/*
 * Sixteen queries at work: the loops of the attention kernels over a plan, written once on vec.h.
 *
 * Each query is a lane.  Scores of key j stand together as [j][LANES], so maxima and sums need no folding across lanes, and
 * keys are read as they stand.  Keys are taken in chunks; a running maximum and sum per lane join the chunks
 * (Milakov and Gimelshein: Online normalizer calculation for softmax, arXiv 1805.02867).  Queries carry the factor
 * log2(e) / sqrt(d), so that a weight is 2^(score - maximum).
 *
 * A score is one chain of fused operations over the head width, a sum one over the keys: no bit depends on the width of the
 * vectors.  The same text is put before generated kernels, with sizes that are constants there; it must stand alone but for
 * vec.h and run.h.
 */
#ifndef SOFA_ACSR_TILE_H
#define SOFA_ACSR_TILE_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acsr/run.h"
#include "base/vec.h"

#define TILE_LANES SOFA_ACSR_LANES
#define TILE_CHUNK 128 /* keys: their scores and rows of V stay near */
#define TILE_SLACK 4   /* a chunk may compute up to so many keys more, all masked */
#define TILE_VECTORS (TILE_LANES / VEC)
#define TILE_SUMS 4 /* lanes summed together */
#define TILE_FACTOR(d) (0x1.71547652b82fep0 / sqrt((double)(d))) /* log2(e) / sqrt(d) */

#if VEC == 16
#define TILE_KEYS 16   /* keys whose scores are in registers together */
#define TILE_COLUMNS 4 /* vectors of V likewise */
#elif VEC == 8
#define TILE_KEYS 4
#define TILE_COLUMNS 2
#else
#define TILE_KEYS 1
#define TILE_COLUMNS 1
#endif

struct tile {
    float *query; /* [d][LANES] */
    float *score; /* [CHUNK + SLACK][LANES] */
    float *sum;   /* [LANES][dp] */
    const float *begin, *end; /* [LANES], in keys of this chunk; n and 0 for a lane without a member */
    _Alignas(64) float most[TILE_LANES], total[TILE_LANES], keep[TILE_LANES];
    _Alignas(64) float range[2][TILE_LANES];                /* may hold begin and end */
    _Alignas(64) float next[TILE_LANES], step[TILE_LANES];  /* of progressions that keep their stride */
};

/* Keys of a group, [n] rows. */
struct tile_keys {
    const float *k, *v;
    size_t k_stride, v_stride, n;
};

/* The rows of a block: see struct sofa_acsr_block. */
struct tile_rows {
    const int32_t *row; /* [LANES] */
    uint32_t lanes, opens, closes;
    float *out;          /* [rows][d] */
    float *most, *total; /* [rows], of rows that are not closed */
};

enum tile_mask { TILE_FULL, TILE_RANGE, TILE_STRIDED };

/* What becomes of a chunk's sums: joined with those before, kept as the first, or divided and put out as all there is. */
enum tile_end { TILE_JOIN, TILE_FIRST, TILE_OUT };

/* 2^x for x <= 0, exactly 0 below -126.5 so that no denormal appears.  Coefficients of exp2f in Cephes (Moshier,
 * netlib.org/cephes/single), whose error on [-0.5, 0.5] is 1.7e-7. */
INLINE vec tile_exp2(vec x)
{
    vec z = vec_max(x, vec_all(-127.0f)), magic = vec_all(0x1.8p23f), t = vec_add(z, magic);
    vec r = vec_sub(z, vec_sub(t, magic));
    vec y = vec_fma(r, vec_all(1.535336188319500e-4f), vec_all(1.339887440266574e-3f));

    y = vec_fma(r, y, vec_all(9.618437357674640e-3f));
    y = vec_fma(r, y, vec_all(5.550332471162809e-2f));
    y = vec_fma(r, y, vec_all(2.402264791363012e-1f));
    y = vec_fma(r, y, vec_all(6.931472028550421e-1f));
    return vec_scale_low(vec_fma(r, y, vec_all(1.0f)), t);
}

#if VEC > 4
/* Eight columns of eight rows, transposed and scaled. */
INLINE void tile_transpose(const float *const row[8], size_t c, float factor, float *query)
{
    __m256 x[8], y[8];

    UNROLL
    for (int i = 0; i < 8; i++)
        x[i] = _mm256_mul_ps(_mm256_loadu_ps(row[i] + c), _mm256_set1_ps(factor));
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        x[i] = _mm256_shuffle_ps(y[i], y[i + 2], 0x44);
        x[i + 1] = _mm256_shuffle_ps(y[i], y[i + 2], 0xee);
        x[i + 2] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0x44);
        x[i + 3] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0xee);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        _mm256_store_ps(query + (size_t)i * TILE_LANES, _mm256_permute2f128_ps(x[i], x[i + 4], 0x20));
        _mm256_store_ps(query + (size_t)(i + 4) * TILE_LANES, _mm256_permute2f128_ps(x[i], x[i + 4], 0x31));
    }
}
#endif

/* query [d][LANES] = factor times the lanes' rows. */
INLINE void tile_pack(const float *const row[TILE_LANES], size_t d, float factor, float *query)
{
    size_t c = 0;

#if VEC > 4
    for (; c < d - d % 8; c += 8) {
        tile_transpose(row, c, factor, query + c * TILE_LANES);
        tile_transpose(row + 8, c, factor, query + c * TILE_LANES + 8);
    }
#endif
    for (; c < d; c++)
        for (size_t l = 0; l < TILE_LANES; l++)
            query[c * TILE_LANES + l] = row[l][c] * factor;
}

/* acc[j] = the lanes' products with keys j < n. */
INLINE void tile_products(const float *query, const float *k, size_t stride, size_t d, size_t n,
                          vec acc[TILE_KEYS][TILE_VECTORS])
{
    UNROLL
    for (size_t j = 0; j < n; j++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECTORS; v++)
            acc[j][v] = vec_zero();
    }
    for (size_t c = 0; c < d; c++) {
        vec q[TILE_VECTORS];

        UNROLL
        for (size_t v = 0; v < TILE_VECTORS; v++)
            q[v] = vec_load(query + c * TILE_LANES + v * VEC);
        UNROLL
        for (size_t j = 0; j < n; j++) {
            vec x = vec_all(k[j * stride + c]);

            UNROLL
            for (size_t v = 0; v < TILE_VECTORS; v++)
                acc[j][v] = vec_fma(x, q[v], acc[j][v]);
        }
    }
}

/* Stores n scores from key `at` of the chunk on, -inf where a lane has no member, and keeps the maxima. */
INLINE void tile_put(struct tile *t, vec acc[TILE_KEYS][TILE_VECTORS], size_t at, size_t n, enum tile_mask mask,
                     vec most[TILE_VECTORS])
{
    vec none = vec_all(-INFINITY);

    UNROLL
    for (size_t v = 0; v < TILE_VECTORS; v++) {
        vec from = vec_load(t->begin + v * VEC), to = vec_load(t->end + v * VEC), next, step;

        if (mask == TILE_STRIDED) {
            next = vec_load(t->next + v * VEC);
            step = vec_load(t->step + v * VEC);
        }
        UNROLL
        for (size_t j = 0; j < n; j++) {
            vec x = acc[j][v], here = vec_all((float)(at + j));

            if (mask == TILE_RANGE)
                x = vec_between(x, here, from, to, none);
            if (mask == TILE_STRIDED) {
                x = vec_between(vec_if_equal(here, next, x, none), here, from, to, none);
                next = vec_if_equal(here, next, vec_add(next, step), next);
            }
            most[v] = vec_max(most[v], x);
            vec_store(t->score + (at + j) * TILE_LANES + v * VEC, x);
        }
        if (mask == TILE_STRIDED)
            vec_store(t->next + v * VEC, next);
    }
}

INLINE void tile_step(struct tile *t, const float *k, size_t stride, size_t d, size_t at, size_t n, enum tile_mask mask,
                      vec most[TILE_VECTORS])
{
    vec acc[TILE_KEYS][TILE_VECTORS];

    tile_products(t->query, k + at * stride, stride, d, n, acc);
    if (mask == TILE_FULL)
        tile_put(t, acc, at, n, TILE_FULL, most);
    else if (mask == TILE_RANGE)
        tile_put(t, acc, at, n, TILE_RANGE, most);
    else
        tile_put(t, acc, at, n, TILE_STRIDED, most);
}

/* The lanes' intervals in keys counted from `from`. */
INLINE void tile_limits(struct tile *t, const struct sofa_acsr_run *s, int32_t from, int32_t n)
{
    for (size_t l = 0; l < TILE_LANES; l++) {
        int32_t begin = s->begin[l] - from, end = s->end[l] - from, stride = s->stride ? s->stride[l] : 1;

        if (begin < 0)
            begin = s->stride ? (stride - -begin % stride) % stride : 0;
        end = end < n ? end : n;
        t->range[0][l] = t->next[l] = (float)(begin < end ? begin : n);
        t->range[1][l] = (float)(begin < end ? end : 0);
        t->step[l] = (float)stride;
    }
    t->begin = t->range[0];
    t->end = t->range[1];
}

/* Scores of n keys; returns how many stand there, of which those behind n are masked. */
INLINE size_t tile_scores(struct tile *t, const struct tile_keys *keys, const struct sofa_acsr_run *s, int32_t from, size_t n,
                          size_t d, size_t stride, vec most[TILE_VECTORS])
{
    const float *k = keys->k + (size_t)from * stride;
    int32_t full_from = s->full_from - from, full_to = s->full_to - from;
    size_t at = 0, there = keys->n - (size_t)from;

    if (n % TILE_SLACK && n + TILE_SLACK - n % TILE_SLACK <= there)
        n += TILE_SLACK - n % TILE_SLACK;
#define TILE_STEPS(N)                                                                                                 \
    for (; at + (N) <= n; at += (N)) {                                                                                \
        bool full = (int32_t)at >= full_from && (int32_t)(at + (N)) <= full_to;                                       \
                                                                                                                      \
        tile_step(t, k, stride, d, at, N, s->stride ? TILE_STRIDED : full ? TILE_FULL : TILE_RANGE, most);            \
    }
#if TILE_KEYS == 16
    TILE_STEPS(16)
    TILE_STEPS(8)
#endif
#if TILE_KEYS >= 4
    TILE_STEPS(4)
#endif
    TILE_STEPS(1)
    return n;
}

/* Where the sums of a group of lanes go: under the sums of t, or times `keep` to their rows. */
INLINE void tile_put_sums(struct tile *t, vec acc[TILE_SUMS][TILE_COLUMNS], size_t lane, size_t m, size_t dp, size_t column,
                          enum tile_end how, float *const *out)
{
    UNROLL
    for (size_t r = 0; r < TILE_SUMS; r++) {
        vec keep = vec_all(t->keep[lane + r]);
        float *sum = t->sum + (lane + r) * dp + column;

        UNROLL
        for (size_t c = 0; c < m; c++) {
            if (how == TILE_OUT)
                vec_store_any(out[lane + r] + column + c * VEC, vec_mul(acc[r][c], keep));
            else if (how == TILE_FIRST)
                vec_store(sum + c * VEC, acc[r][c]);
            else
                vec_store(sum + c * VEC, vec_fma(vec_load(sum + c * VEC), keep, acc[r][c]));
        }
    }
}

/* Weights times `m` vectors of columns of V, keys [begin, end) of the chunk. */
INLINE void tile_sum(struct tile *t, const float *v, size_t stride, size_t lane, size_t begin, size_t end, size_t m,
                     size_t dp, size_t column, enum tile_end how, float *const *out)
{
    vec acc[TILE_SUMS][TILE_COLUMNS];

    UNROLL
    for (size_t r = 0; r < TILE_SUMS; r++) {
        UNROLL
        for (size_t c = 0; c < m; c++)
            acc[r][c] = vec_zero();
    }
    for (size_t j = begin; j < end; j++) {
        vec x[TILE_COLUMNS];

        UNROLL
        for (size_t c = 0; c < m; c++)
            x[c] = vec_load_any(v + j * stride + column + c * VEC);
        UNROLL
        for (size_t r = 0; r < TILE_SUMS; r++) {
            vec w = vec_all(t->score[j * TILE_LANES + lane + r]);

            UNROLL
            for (size_t c = 0; c < m; c++)
                acc[r][c] = vec_fma(w, x[c], acc[r][c]);
        }
    }
    tile_put_sums(t, acc, lane, m, dp, column, how, out);
}

/* All columns of a group of lanes that see no more than [begin, end). */
INLINE void tile_lanes_sum(struct tile *t, const float *v, size_t stride, size_t lane, size_t begin, size_t end, size_t dp,
                           enum tile_end how, float *const *out)
{
    size_t column = 0;

    for (; column + TILE_COLUMNS * VEC <= dp; column += TILE_COLUMNS * VEC)
        tile_sum(t, v, stride, lane, begin, end, TILE_COLUMNS, dp, column, how, out);
#if TILE_COLUMNS == 4
    for (; column + 2 * VEC <= dp; column += 2 * VEC)
        tile_sum(t, v, stride, lane, begin, end, 2, dp, column, how, out);
#endif
    for (; column < dp; column += VEC)
        tile_sum(t, v, stride, lane, begin, end, 1, dp, column, how, out);
}

INLINE void tile_sums(struct tile *t, const float *v, size_t stride, size_t dp, enum tile_end how, float *const *out)
{
    for (size_t lane = 0; lane < TILE_LANES; lane += TILE_SUMS) {
        float begin = t->begin[lane], end = t->end[lane];

        for (size_t r = 1; r < TILE_SUMS; r++) {
            begin = t->begin[lane + r] < begin ? t->begin[lane + r] : begin;
            end = t->end[lane + r] > end ? t->end[lane + r] : end;
        }
        tile_lanes_sum(t, v, stride, lane, (size_t)begin, (size_t)end, dp, how, out);
    }
}

/* Scores to weights under the maxima.  `keep` becomes the factor of what was summed before, or of the sums where nothing
 * was and nothing will be. */
INLINE void tile_weights(struct tile *t, size_t n, const vec most[TILE_VECTORS], enum tile_end how)
{
    UNROLL
    for (size_t v = 0; v < TILE_VECTORS; v++) {
        float *score = t->score + v * VEC;
        vec total = vec_zero();

        for (size_t j = 0; j < n; j++) {
            vec w = tile_exp2(vec_sub(vec_load(score + j * TILE_LANES), most[v]));

            total = vec_add(total, w);
            vec_store(score + j * TILE_LANES, w);
        }
        if (how == TILE_OUT) {
            vec_store(t->keep + v * VEC, vec_div(vec_all(1.0f), total));
            continue;
        }
        if (how == TILE_JOIN) {
            vec keep = tile_exp2(vec_sub(vec_load(t->most + v * VEC), most[v]));

            total = vec_fma(vec_load(t->total + v * VEC), keep, total);
            vec_store(t->keep + v * VEC, keep);
        }
        vec_store(t->most + v * VEC, most[v]);
        vec_store(t->total + v * VEC, total);
    }
}

/* The maxima that a chunk begins with: -FLT_MAX and not -inf, so that a difference of maxima is a number. */
INLINE void tile_start(const struct tile *t, vec most[TILE_VECTORS], enum tile_end how)
{
    UNROLL
    for (size_t v = 0; v < TILE_VECTORS; v++)
        most[v] = how == TILE_JOIN ? vec_load(t->most + v * VEC) : vec_all(-FLT_MAX);
}

INLINE void tile_chunk(struct tile *t, const struct tile_keys *keys, const struct sofa_acsr_run *s, int32_t from, size_t n,
                       size_t d, size_t dp, size_t k_stride, size_t v_stride, enum tile_end how, float *const *out)
{
    vec most[TILE_VECTORS];
    size_t scores;

    tile_limits(t, s, from, (int32_t)n);
    tile_start(t, most, how);
    scores = tile_scores(t, keys, s, from, n, d, k_stride, most);
    tile_weights(t, scores, most, how);
    tile_sums(t, keys->v + (size_t)from * v_stride, v_stride, dp, how, out);
}

/* Keys of each chunk of a run of n but the last. */
INLINE size_t tile_chunk_keys(size_t n)
{
    size_t chunks = (n + TILE_CHUNK - 1) / TILE_CHUNK;

    return chunks ? ((n + chunks - 1) / chunks + TILE_SLACK - 1) / TILE_SLACK * TILE_SLACK : 1;
}

/* A run in chunks of about the same size. */
INLINE void tile_run(struct tile *t, const struct tile_keys *keys, const struct sofa_acsr_run *s, size_t d, size_t dp,
                     size_t k_stride, size_t v_stride)
{
    size_t n = (size_t)(s->to - s->from), step = tile_chunk_keys(n);

    for (size_t at = 0; at < n; at += step)
        tile_chunk(t, keys, s, s->from + (int32_t)at, n - at < step ? n - at : step, d, dp, k_stride, v_stride, TILE_JOIN,
                   NULL);
}

INLINE void tile_open(struct tile *t, size_t lane, size_t dp)
{
    t->most[lane] = -FLT_MAX;
    t->total[lane] = 0;
    for (size_t c = 0; c < dp; c++)
        t->sum[lane * dp + c] = 0;
}

/* The state of a row that is worked on in several places; between them its sums stand in `out`. */
INLINE void tile_load(struct tile *t, const struct tile_rows *r, size_t lane, size_t d, size_t dp)
{
    size_t row = (size_t)r->row[lane];

    if (lane >= r->lanes || r->opens >> lane & 1) {
        tile_open(t, lane, dp);
        return;
    }
    t->most[lane] = r->most[row];
    t->total[lane] = r->total[row];
    for (size_t c = 0; c < dp; c++)
        t->sum[lane * dp + c] = c < d ? r->out[row * d + c] : 0;
}

/* That state, or what has been summed as attention. */
INLINE void tile_store(const struct tile *t, const struct tile_rows *r, size_t lane, size_t d, size_t dp)
{
    size_t row = (size_t)r->row[lane];
    bool closes = r->closes >> lane & 1;
    float factor = closes ? 1 / t->total[lane] : 1;

    if (lane >= r->lanes)
        return;
    if (!closes) {
        r->most[row] = t->most[lane];
        r->total[row] = t->total[lane];
    }
    for (size_t c = 0; c < d; c++)
        r->out[row * d + c] = t->sum[lane * dp + c] * factor;
}

/* A block whose rows are in no other and that is done in one chunk. */
INLINE bool tile_alone(const struct tile_rows *rows, const struct sofa_acsr_run *span, size_t n, size_t d, size_t dp)
{
    return n == 1 && span->to - span->from <= TILE_CHUNK && (rows->opens & rows->closes) == 0xffff && d == dp;
}

/* The runs of a block; its queries are packed. */
INLINE void tile_block(struct tile *t, const struct tile_keys *keys, const struct tile_rows *rows,
                       const struct sofa_acsr_run *span, size_t n, size_t d, size_t dp, size_t k_stride, size_t v_stride)
{
    float *out[TILE_LANES];

    if (tile_alone(rows, span, n, d, dp)) {
        for (size_t l = 0; l < TILE_LANES; l++)
            out[l] = rows->out + (size_t)rows->row[l] * d;
        tile_chunk(t, keys, span, span->from, (size_t)(span->to - span->from), d, dp, k_stride, v_stride, TILE_OUT, out);
        return;
    }
    for (size_t l = 0; l < TILE_LANES; l++)
        tile_load(t, rows, l, d, dp);
    for (size_t i = 0; i < n; i++)
        tile_run(t, keys, &span[i], d, dp, k_stride, v_stride);
    for (size_t l = 0; l < TILE_LANES; l++)
        tile_store(t, rows, l, d, dp);
}

#endif
