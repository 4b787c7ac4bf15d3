/*
 * The formal stage in vectors: segments of keys outside, so that their rows of K and V stay in the
 * first-level cache while 64 queries pass over them.  Sums run as in the template, bit for bit.
 */
#include "attention/softmax_tmpl.h"

#include <string.h>

#define QUERIES 64
#define SEGMENT_FLOATS 8192 /* of K or V: 32 KiB */

#define MOST_VECTORS (128 / VEC) /* of a row of q */
#define PAIRS(m) (2 * (m) + 4 <= VEC_REGISTERS) /* whether two rows of sums fit in registers */

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

/* Lane l with l + 8, of two products. */
INLINE __m512 fold8(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
}

INLINE __m512 fold4(__m512 ab, __m512 cd)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}

INLINE __m512 fold2(__m512 a, __m512 b)
{
    __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);

    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)), _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
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

/* Scores of the keys below `end` in whole vectors; what is left over waits for the next segment. */
INLINE void score_segment(const struct sofa_formal *f, const struct sofa_rows *rows, size_t i, size_t end,
                          size_t *position, size_t m)
{
    const float *row = f->q + (rows->first + i) * f->dp;
    const uint32_t *keys = rows->keys + rows->start[i];
    float *score = rows->score + sofa_lane_start(rows, i);
    size_t n = rows->start[i + 1] - rows->start[i], t = *position;
    vec q[MOST_VECTORS];

    UNROLL
    for (size_t c = 0; c < m; c++)
        q[c] = vec_load(row + VEC * c);
    for (; t + 16 <= n && keys[t + 15] < end; t += 16)
        sixteen_to(q, f->k, keys + t, score + t, m);
    if (end >= f->s && t < n) {
        uint32_t rest[16];

        for (size_t l = 0; l < 16; l++)
            rest[l] = keys[t + l < n ? t + l : n - 1];
        sixteen_to(q, f->k, rest, score + t, m);
    }
    *position = t;
}

/* How many of keys [n], which ascend, lie below `end`. */
INLINE size_t below(const uint32_t *keys, size_t n, size_t end)
{
    size_t t = 0;

#if defined(__AVX512F__)
    for (; t + 16 <= n; t += 16) {
        __mmask16 k = _mm512_cmplt_epu32_mask(_mm512_loadu_si512(keys + t), _mm512_set1_epi32((int32_t)end));

        if (k != 0xffff)
            return t + (size_t)__builtin_popcount(k);
    }
#endif
    while (t < n && keys[t] < end)
        t++;
    return t;
}

/* One query's weighted rows of V, keys [n], on top of acc. */
INLINE void weigh(const float *v, const uint32_t *keys, const float *weight, size_t n, vec *acc, size_t m)
{
    for (size_t t = 0; t < n; t++) {
        const float *row = v + keys[t] * (VEC * m);
        vec w = vec_all(weight[t]);

        UNROLL
        for (size_t c = 0; c < m; c++)
            acc[c] = vec_fma(w, vec_load(row + VEC * c), acc[c]);
    }
}

struct weighing {
    const uint32_t *keys;
    const float *weight;
    size_t left, n; /* keys left, of them in this segment */
    float *sum;
};

INLINE void weigh_one(const float *v, const struct weighing *x, size_t m)
{
    vec acc[MOST_VECTORS];

    UNROLL
    for (size_t c = 0; c < m; c++)
        acc[c] = vec_load(x->sum + VEC * c);
    weigh(v, x->keys, x->weight, x->n, acc, m);
    UNROLL
    for (size_t c = 0; c < m; c++)
        vec_store(x->sum + VEC * c, acc[c]);
}

/* Two queries in step, so that their chains of sums overlap. */
INLINE void weigh_two(const float *v, struct weighing *x, size_t m)
{
    size_t both = x[0].n < x[1].n ? x[0].n : x[1].n;
    vec a[MOST_VECTORS], b[MOST_VECTORS];

    UNROLL
    for (size_t c = 0; c < m; c++) {
        a[c] = vec_load(x[0].sum + VEC * c);
        b[c] = vec_load(x[1].sum + VEC * c);
    }
    for (size_t t = 0; t < both; t++) {
        const float *rowa = v + x[0].keys[t] * (VEC * m), *rowb = v + x[1].keys[t] * (VEC * m);
        vec wa = vec_all(x[0].weight[t]), wb = vec_all(x[1].weight[t]);

        UNROLL
        for (size_t c = 0; c < m; c++) {
            a[c] = vec_fma(wa, vec_load(rowa + VEC * c), a[c]);
            b[c] = vec_fma(wb, vec_load(rowb + VEC * c), b[c]);
        }
    }
    if (x[0].n > both) /* one of them, whose arrays may otherwise be absent */
        weigh(v, x[0].keys + both, x[0].weight + both, x[0].n - both, a, m);
    if (x[1].n > both)
        weigh(v, x[1].keys + both, x[1].weight + both, x[1].n - both, b, m);
    UNROLL
    for (size_t c = 0; c < m; c++) {
        vec_store(x[0].sum + VEC * c, a[c]);
        vec_store(x[1].sum + VEC * c, b[c]);
    }
}

/* The part of rows [from, to) in keys below `end`; what was done before is not looked at again. */
INLINE void weigh_segment(const struct sofa_formal *f, struct weighing *x, size_t n, size_t end, size_t m)
{
    for (size_t i = 0; i < n; i++)
        x[i].n = below(x[i].keys, x[i].left, end);
    for (size_t i = 0; PAIRS(m) && i < n; i += 2)
        weigh_two(f->v, x + i, m);
    for (size_t i = 0; !PAIRS(m) && i < n; i++)
        weigh_one(f->v, x + i, m);
    for (size_t i = 0; i < n; i++) {
        x[i].keys += x[i].n;
        x[i].weight += x[i].n;
        x[i].left -= x[i].n;
    }
}

INLINE void some_rows(const struct sofa_formal *f, const struct sofa_rows *rows, size_t from, size_t to, float *sums,
                      float *out, size_t m)
{
    size_t position[QUERIES] = {0}, segment = SEGMENT_FLOATS / f->dp, n = to - from;
    _Alignas(64) float nobody[128];
    struct weighing x[QUERIES + 1];
    double scale[QUERIES];

    for (size_t end = segment; end < f->s + segment; end += segment)
        for (size_t i = from; i < to; i++)
            score_segment(f, rows, i, end, &position[i - from], m);
    for (size_t i = from; i < to; i++) {
        size_t at = sofa_lane_start(rows, i);

        scale[i - from] = f->value_scale / vec_softmax(rows->score + at, rows->weight + at,
                                                        rows->start[i + 1] - rows->start[i], f->logit_scale);
    }
    memset(nobody, 0, sizeof nobody);
    memset(sums, 0, n * f->dp * sizeof *sums);
    for (size_t i = 0; i < n; i++)
        x[i] = (struct weighing){.keys = rows->keys + rows->start[from + i],
                                 .weight = rows->weight + sofa_lane_start(rows, from + i),
                                 .left = rows->start[from + i + 1] - rows->start[from + i],
                                 .sum = sums + i * f->dp};
    x[n] = (struct weighing){.sum = nobody}; /* beside an odd last one */
    for (size_t end = segment; end < f->s + segment; end += segment)
        weigh_segment(f, x, n, end, m);
    for (size_t i = from; i < to; i++)
        for (size_t c = 0; c < f->d; c++)
            out[i * f->d + c] = (float)(sums[(i - from) * f->dp + c] * scale[i - from]);
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
