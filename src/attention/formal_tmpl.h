/*
 * The formal stage in vectors: 16 keys of each of 64 queries in turn, so that the queries pass over the same part
 * of K and V while it lies in the nearer caches.  No trip count in there depends on the selection: a loop
 * that ended elsewhere for each query cost more in mispredicted branches than in products.  Sums run as in the
 * template, bit for bit.
 */
#include "attention/softmax_tmpl.h"

#include <string.h>

#define QUERIES 64
#define KEYS SOFA_LANES /* of a query worked on at once */

#define MOST_VECTORS (128 / VEC) /* of a row of q */
#define SUM_VECTORS (VEC_REGISTERS / 2) /* of a row of sums, at once in registers */

#if defined(__AVX512F__)
/* One dot product in 16 partial sums; m vectors a row. */
INLINE __m512 partial(const __m512 *q, const float *k, size_t m)
{
    __m512 acc = _mm512_setzero_ps();

    UNROLL
    for (size_t c = 0; c < m; c++)
        acc = _mm512_fmadd_ps(q[c], _mm512_load_ps(k + 16 * c), acc);
    return acc;
}

/* Lane l with l + 8, of two products.  A blend runs in more places than a shuffle, so one of the two operands is. */
INLINE __m512 fold8(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
}

INLINE __m512 fold4(__m512 ab, __m512 cd)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}

INLINE __m512 fold2(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_mask_blend_ps(0xcccc, a, b), _mm512_shuffle_ps(a, b, 0x4e));
}

INLINE __m512 fold1(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
}

/* Four keys, 4 apart in the list: their sums meet in one 128-bit lane each. */
INLINE __m512 four(const __m512 *q, const float *k, const uint32_t *keys, size_t m)
{
    size_t dp = 16 * m;
    __m512 ab = fold8(partial(q, k + keys[0] * dp, m), partial(q, k + keys[4] * dp, m));
    __m512 cd = fold8(partial(q, k + keys[8] * dp, m), partial(q, k + keys[12] * dp, m));

    return fold4(ab, cd);
}

/* Sixteen dot products, in the order of keys. */
INLINE void sixteen_to(const vec *q, const float *k, const uint32_t *keys, float *score, size_t m)
{
    __m512 a = four(q, k, keys, m), e = four(q, k, keys + 1, m);
    __m512 i = four(q, k, keys + 2, m), o = four(q, k, keys + 3, m);

    _mm512_store_ps(score, fold1(fold2(a, e), fold2(i, o)));
}

#else
/* One dot product: lane l with l + 8, then with l + 4; four partial sums are left. */
INLINE __m128 partial(const vec *q, const float *k, size_t m)
{
    vec low = vec_zero(), high = vec_zero(), sum;

    UNROLL
    for (size_t c = 0; c < m; c += 2) {
        low = vec_fma(q[c], vec_load(k + 8 * c), low);
        high = vec_fma(q[c + 1], vec_load(k + 8 * c + 8), high);
    }
    sum = vec_add(low, high);
    return _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
}

INLINE __m128 fold2(__m128 a, __m128 b)
{
    __m128d x = _mm_castps_pd(a), y = _mm_castps_pd(b);

    return _mm_add_ps(_mm_castpd_ps(_mm_unpacklo_pd(x, y)), _mm_castpd_ps(_mm_unpackhi_pd(x, y)));
}

INLINE void sixteen_to(const vec *q, const float *k, const uint32_t *keys, float *score, size_t m)
{
    for (size_t t = 0; t < 16; t += 4) {
        __m128 ab = fold2(partial(q, k + keys[t] * (8 * m), m), partial(q, k + keys[t + 1] * (8 * m), m));
        __m128 cd = fold2(partial(q, k + keys[t + 2] * (8 * m), m), partial(q, k + keys[t + 3] * (8 * m), m));

        _mm_store_ps(score + t, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
    }
}
#endif

INLINE void score_keys(const struct sofa_formal *f, size_t row, const uint32_t *keys, float *score, size_t m)
{
    vec q[MOST_VECTORS];

    UNROLL
    for (size_t c = 0; c < m; c++)
        q[c] = vec_load(f->q + row * f->dp + VEC * c);
    sixteen_to(q, f->k, keys, score, m);
}

/* A query's weighted rows of V on top of sum; vectors [from, to) of m. */
INLINE void weigh_columns(const float *v, const uint32_t *keys, const float *weight, float *sum, size_t from,
                          size_t to, size_t m)
{
    vec acc[SUM_VECTORS];

    UNROLL
    for (size_t c = from; c < to; c++)
        acc[c - from] = vec_load(sum + VEC * c);
    UNROLL
    for (size_t t = 0; t < KEYS; t++) {
        const float *row = v + keys[t] * (VEC * m);
        vec w = vec_all(weight[t]);

        UNROLL
        for (size_t c = from; c < to; c++)
            acc[c - from] = vec_fma(w, vec_load(row + VEC * c), acc[c - from]);
    }
    UNROLL
    for (size_t c = from; c < to; c++)
        vec_store(sum + VEC * c, acc[c - from]);
}

INLINE void weigh_keys(const float *v, const uint32_t *keys, const float *weight, float *sum, size_t m)
{
    UNROLL
    for (size_t c = 0; c < m; c += SUM_VECTORS)
        weigh_columns(v, keys, weight, sum, c, c + SUM_VECTORS < m ? c + SUM_VECTORS : m, m);
}

/* Of one query. */
struct share {
    size_t n; /* keys */
    const uint32_t *keys;
    float *score, *weight, *sum;
};

/* Behind the last key stand others, whose weights are 0: a product with them changes no sum. */
INLINE void some_rows(const struct sofa_formal *f, const struct sofa_rows *rows, size_t from, size_t to, float *sums,
                      float *out, size_t m)
{
    size_t n = to - from, most = 0;
    struct share x[QUERIES];
    double scale[QUERIES];

    for (size_t i = 0; i < n; i++) {
        size_t start = rows->start[from + i], at = sofa_lane_start(rows, from + i);

        x[i] = (struct share){rows->start[from + i + 1] - start, rows->keys + start, rows->score + at,
                              rows->weight + at, sums + i * f->dp};
        most = x[i].n > most ? x[i].n : most;
    }
    for (size_t t = 0; t < most; t += KEYS)
        for (size_t i = 0; i < n; i++)
            if (t < x[i].n)
                score_keys(f, rows->first + from + i, x[i].keys + t, x[i].score + t, m);
    for (size_t i = 0; i < n; i++)
        scale[i] = f->value_scale / vec_softmax(x[i].score, x[i].weight, x[i].n, f->logit_scale);
    memset(sums, 0, n * f->dp * sizeof *sums);
    for (size_t t = 0; t < most; t += KEYS)
        for (size_t i = 0; i < n; i++)
            if (t < x[i].n)
                weigh_keys(f->v, x[i].keys + t, x[i].weight + t, x[i].sum, m);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < f->d; c++)
            out[(from + i) * f->d + c] = (float)(x[i].sum[c] * scale[i]);
}

INLINE void all_rows(const struct sofa_formal *f, const struct sofa_rows *rows, float *sums, float *out, size_t m)
{
    for (size_t i = 0; i < rows->n; i += QUERIES)
        some_rows(f, rows, i, i + QUERIES < rows->n ? i + QUERIES : rows->n, sums, out, m);
}

/* false where the head width has no loop of its own */
INLINE bool formal_rows(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out)
{
    switch (formal->dp) {
    case 16:
        all_rows(formal, rows, sums, out, 16 / VEC);
        return true;
    case 32:
        all_rows(formal, rows, sums, out, 32 / VEC);
        return true;
    case 64:
        all_rows(formal, rows, sums, out, 64 / VEC);
        return true;
    case 80:
        all_rows(formal, rows, sums, out, 80 / VEC);
        return true;
    case 96:
        all_rows(formal, rows, sums, out, 96 / VEC);
        return true;
    case 128:
        all_rows(formal, rows, sums, out, 128 / VEC);
        return true;
    default:
        return false;
    }
}
