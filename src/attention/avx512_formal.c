/*
 * The formal stage with AVX-512: segments of keys outside, so that their rows of K and V stay in the
 * first-level cache while 64 queries pass over them.  Sums run as in the template, bit for bit.
 */
#include "attention/avx512.h"
#include "attention/vec.h"

#include <string.h>

#define QUERIES 64
#define SEGMENT_FLOATS 8192 /* of K or V: 32 KiB */

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
INLINE __m512 sixteen(const __m512 *q, const float *k, const uint32_t *keys, size_t m)
{
    __m512 a = four(q, k, keys, m), e = four(q, k, keys + 1, m);
    __m512 i = four(q, k, keys + 2, m), o = four(q, k, keys + 3, m);

    return fold1(fold2(a, e), fold2(i, o));
}

/* Scores of the keys below `end` in whole vectors; what is left over waits for the next segment. */
INLINE void score_segment(const struct sofa_formal *f, const struct sofa_rows *rows, size_t i, size_t end,
                          size_t *position, size_t m)
{
    const float *row = f->q + (rows->first + i) * f->dp;
    const uint32_t *keys = rows->keys + rows->start[i];
    float *score = rows->score + sofa_lane_start(rows, i);
    size_t n = rows->start[i + 1] - rows->start[i], t = *position;
    __m512 q[8];

    UNROLL
    for (size_t c = 0; c < m; c++)
        q[c] = _mm512_load_ps(row + 16 * c);
    for (; t + 16 <= n && keys[t + 15] < end; t += 16)
        _mm512_store_ps(score + t, sixteen(q, f->k, keys + t, m));
    if (end >= f->s && t < n) {
        uint32_t rest[16];

        for (size_t l = 0; l < 16; l++)
            rest[l] = keys[t + l < n ? t + l : n - 1];
        _mm512_store_ps(score + t, sixteen(q, f->k, rest, m));
    }
    *position = t;
}

/* How many of keys [n], which ascend, lie below `end`. */
INLINE size_t below(const uint32_t *keys, size_t n, size_t end)
{
    __m512i limit = _mm512_set1_epi32((int32_t)end);
    size_t t = 0;

    for (; t + 16 <= n; t += 16) {
        __mmask16 k = _mm512_cmplt_epu32_mask(_mm512_loadu_si512(keys + t), limit);

        if (k != 0xffff)
            return t + (size_t)__builtin_popcount(k);
    }
    while (t < n && keys[t] < end)
        t++;
    return t;
}

/* One query's weighted rows of V, keys [n], on top of acc. */
INLINE void weigh(const float *v, const uint32_t *keys, const float *weight, size_t n, __m512 *acc, size_t m)
{
    for (size_t t = 0; t < n; t++) {
        const float *row = v + keys[t] * (16 * m);
        __m512 w = _mm512_set1_ps(weight[t]);

        UNROLL
        for (size_t c = 0; c < m; c++)
            acc[c] = _mm512_fmadd_ps(w, _mm512_load_ps(row + 16 * c), acc[c]);
    }
}

struct weighing {
    const uint32_t *keys;
    const float *weight;
    size_t left, n; /* keys left, of them in this segment */
    float *sum;
};

/* Two queries in step, so that their chains of sums overlap. */
INLINE void weigh_two(const float *v, struct weighing *x, size_t m)
{
    size_t both = x[0].n < x[1].n ? x[0].n : x[1].n;
    __m512 a[8], b[8];

    UNROLL
    for (size_t c = 0; c < m; c++) {
        a[c] = _mm512_load_ps(x[0].sum + 16 * c);
        b[c] = _mm512_load_ps(x[1].sum + 16 * c);
    }
    for (size_t t = 0; t < both; t++) {
        const float *rowa = v + x[0].keys[t] * (16 * m), *rowb = v + x[1].keys[t] * (16 * m);
        __m512 wa = _mm512_set1_ps(x[0].weight[t]), wb = _mm512_set1_ps(x[1].weight[t]);

        UNROLL
        for (size_t c = 0; c < m; c++) {
            a[c] = _mm512_fmadd_ps(wa, _mm512_load_ps(rowa + 16 * c), a[c]);
            b[c] = _mm512_fmadd_ps(wb, _mm512_load_ps(rowb + 16 * c), b[c]);
        }
    }
    weigh(v, x[0].keys + both, x[0].weight + both, x[0].n - both, a, m);
    weigh(v, x[1].keys + both, x[1].weight + both, x[1].n - both, b, m);
    UNROLL
    for (size_t c = 0; c < m; c++) {
        _mm512_store_ps(x[0].sum + 16 * c, a[c]);
        _mm512_store_ps(x[1].sum + 16 * c, b[c]);
    }
}

/* The part of rows [from, to) in keys below `end`; what was done before is not looked at again. */
INLINE void weigh_segment(const struct sofa_formal *f, struct weighing *x, size_t n, size_t end, size_t m)
{
    for (size_t i = 0; i < n; i++)
        x[i].n = below(x[i].keys, x[i].left, end);
    for (size_t i = 0; i < n; i += 2)
        weigh_two(f->v, x + i, m);
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

        scale[i - from] = f->value_scale / sofa_attention_avx512.softmax(rows->score + at, rows->weight + at,
                                                                        rows->start[i + 1] - rows->start[i],
                                                                        f->logit_scale);
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

bool sofa_avx512_formal(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out)
{
    switch (formal->dp / 16) {
    case 1:
        all_rows(formal, rows, sums, out, 1);
        return true;
    case 2:
        all_rows(formal, rows, sums, out, 2);
        return true;
    case 4:
        all_rows(formal, rows, sums, out, 4);
        return true;
    case 5:
        all_rows(formal, rows, sums, out, 5);
        return true;
    case 6:
        all_rows(formal, rows, sums, out, 6);
        return true;
    case 8:
        all_rows(formal, rows, sums, out, 8);
        return true;
    default:
        return false;
    }
}
