/*
 * Integers of 16 queries, a query to a lane: one vector with AVX-512, two with AVX2.
 */
#ifndef SOFA_ATTENTION_LANES_H
#define SOFA_ATTENTION_LANES_H

#include <string.h>

#include "attention/pack.h"
#include "base/vec.h"

#if defined(__AVX512F__)

typedef __m512i lanes;   /* 16 int32 */
typedef __mmask16 truth; /* of each lane */
typedef __m512 reals;    /* 16 floats */

#define lanes_load(p) _mm512_loadu_si512(p)
#define lanes_store(p, x) _mm512_storeu_si512(p, x)
#define lanes_all(x) _mm512_set1_epi32(x)
#define lanes_add(a, b) _mm512_add_epi32(a, b)
#define lanes_sub(a, b) _mm512_sub_epi32(a, b)
#define lanes_half(a) _mm512_srli_epi32(a, 1)
#define lanes_min(a, b) _mm512_min_epi32(a, b)
#define lanes_max(a, b) _mm512_max_epi32(a, b)
#define lanes_pick(no, t, yes) _mm512_mask_mov_epi32(no, t, yes)
#define lanes_greater(a, b) _mm512_cmpgt_epi32_mask(a, b)
#define lanes_equal(a, b) _mm512_cmpeq_epi32_mask(a, b)
/* counts + 1 where x >= least */
#define lanes_count(counts, x, least) \
    _mm512_mask_add_epi32(counts, _mm512_cmpge_epi32_mask(x, least), counts, _mm512_set1_epi32(1))
#define truth_and(a, b) ((truth)((a) & (b)))
#define truth_without(a, b) ((truth)((a) & ~(b))) /* a and not b */
#define truth_bits(t) ((unsigned)(t))
#define reals_of(x) _mm512_cvtepi32_ps(x)
#define reals_all(x) _mm512_set1_ps(x)
#define reals_add(a, b) _mm512_add_ps(a, b)
#define reals_sub(a, b) _mm512_sub_ps(a, b)
#define reals_mul(a, b) _mm512_mul_ps(a, b)
#define reals_div(a, b) _mm512_div_ps(a, b)
#define reals_min(a, b) _mm512_min_ps(a, b)
#define lanes_of(x) _mm512_cvttps_epi32(x)
#define lanes_bits(x) _mm512_castps_si512(x)
#define lanes_low(x) _mm512_castsi512_si256(x)
#define lanes_high(x) _mm512_extracti64x4_epi64(x, 1)
#define lanes_from(low, high) _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1)
/* x >> n, lane by lane, rounding down; the exponent of a float that isn't negative */
#define lanes_shift(x, n) _mm512_srav_epi32(x, n)
#define lanes_unshift(x, n) _mm512_sllv_epi32(x, n)
#define lanes_order() _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define lanes_exponent(x) _mm512_sub_epi32(_mm512_srli_epi32(_mm512_castps_si512(x), 23), _mm512_set1_epi32(127))

/* 16 bits of two keys' lanes, which must fit: the lower eight lanes of the one and the other, then the upper. */
INLINE void store_pair(int16_t *p, lanes x, lanes y)
{
    _mm512_store_si512(p, _mm512_packs_epi32(x, y));
}

/* Row l gets bit j where bit l of column [j] is set, j < 32. */
INLINE uint32_t transpose_bits(const uint16_t *column, size_t l)
{
    return _mm512_test_epi16_mask(_mm512_loadu_si512(column), _mm512_set1_epi16((short)(1u << l)));
}

/* x [16 keys][16 lanes] of one block of keys. */
INLINE void products8(const int32_t *q, const int32_t *k, const int32_t *bias, size_t words, int32_t *x)
{
    __m512i acc[SOFA_GROUP];

    UNROLL
    for (size_t j = 0; j < SOFA_GROUP; j++)
        acc[j] = _mm512_set1_epi32(bias[j]);
    for (size_t c = 0; c < words; c++) {
        __m512i a = _mm512_load_si512(q + c * SOFA_GROUP);

        UNROLL
        for (size_t j = 0; j < SOFA_GROUP; j++)
            acc[j] = _mm512_dpbusd_epi32(acc[j], a, _mm512_set1_epi32(k[c * SOFA_GROUP + j]));
    }
    UNROLL
    for (size_t j = 0; j < SOFA_GROUP; j++)
        _mm512_store_si512(x + j * SOFA_GROUP, acc[j]);
}

INLINE void products16(const int32_t *q, const int32_t *k, size_t words, int32_t *x)
{
    __m512i acc[SOFA_GROUP];

    UNROLL
    for (size_t j = 0; j < SOFA_GROUP; j++)
        acc[j] = _mm512_setzero_si512();
    for (size_t c = 0; c < words; c++) {
        __m512i a = _mm512_load_si512(q + c * SOFA_GROUP);

        UNROLL
        for (size_t j = 0; j < SOFA_GROUP; j++)
            acc[j] = _mm512_dpwssd_epi32(acc[j], a, _mm512_set1_epi32(k[c * SOFA_GROUP + j]));
    }
    UNROLL
    for (size_t j = 0; j < SOFA_GROUP; j++)
        _mm512_store_si512(x + j * SOFA_GROUP, acc[j]);
}

#else

struct lane_pair {
    __m256i a, b;
};
struct real_pair {
    __m256 a, b;
};
#define lanes struct lane_pair
#define truth struct lane_pair /* all bits of a lane, or none */
#define reals struct real_pair

#define BOTH(type, f, x, y) ((type){f((x).a, (y).a), f((x).b, (y).b)})

INLINE lanes lanes_load(const int32_t *p)
{
    return (lanes){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 8))};
}

INLINE void lanes_store(int32_t *p, lanes x)
{
    _mm256_storeu_si256((__m256i *)p, x.a);
    _mm256_storeu_si256((__m256i *)(p + 8), x.b);
}

INLINE lanes lanes_all(int32_t x)
{
    return (lanes){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}

INLINE lanes lanes_add(lanes x, lanes y)
{
    return BOTH(lanes, _mm256_add_epi32, x, y);
}

INLINE lanes lanes_sub(lanes x, lanes y)
{
    return BOTH(lanes, _mm256_sub_epi32, x, y);
}

INLINE lanes lanes_half(lanes x)
{
    return (lanes){_mm256_srli_epi32(x.a, 1), _mm256_srli_epi32(x.b, 1)};
}

INLINE lanes lanes_min(lanes x, lanes y)
{
    return BOTH(lanes, _mm256_min_epi32, x, y);
}

INLINE lanes lanes_max(lanes x, lanes y)
{
    return BOTH(lanes, _mm256_max_epi32, x, y);
}

INLINE lanes lanes_pick(lanes no, truth t, lanes yes)
{
    return (lanes){_mm256_blendv_epi8(no.a, yes.a, t.a), _mm256_blendv_epi8(no.b, yes.b, t.b)};
}

INLINE truth lanes_greater(lanes x, lanes y)
{
    return BOTH(truth, _mm256_cmpgt_epi32, x, y);
}

INLINE truth lanes_equal(lanes x, lanes y)
{
    return BOTH(truth, _mm256_cmpeq_epi32, x, y);
}

/* counts + 1 where x >= least: one more, and one less where least > x */
INLINE lanes lanes_count(lanes counts, lanes x, lanes least)
{
    return lanes_add(lanes_add(counts, lanes_all(1)), lanes_greater(least, x));
}

INLINE truth truth_and(truth x, truth y)
{
    return BOTH(truth, _mm256_and_si256, x, y);
}

INLINE truth truth_without(truth x, truth y)
{
    return BOTH(truth, _mm256_andnot_si256, y, x);
}

INLINE unsigned truth_bits(truth t)
{
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(t.a)) |
           (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(t.b)) << 8;
}

INLINE reals reals_of(lanes x)
{
    return (reals){_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)};
}

INLINE reals reals_all(float x)
{
    return (reals){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

INLINE reals reals_add(reals x, reals y)
{
    return BOTH(reals, _mm256_add_ps, x, y);
}

INLINE reals reals_sub(reals x, reals y)
{
    return BOTH(reals, _mm256_sub_ps, x, y);
}

INLINE reals reals_mul(reals x, reals y)
{
    return BOTH(reals, _mm256_mul_ps, x, y);
}

INLINE reals reals_div(reals x, reals y)
{
    return BOTH(reals, _mm256_div_ps, x, y);
}

INLINE reals reals_min(reals x, reals y)
{
    return BOTH(reals, _mm256_min_ps, x, y);
}

INLINE lanes lanes_of(reals x)
{
    return (lanes){_mm256_cvttps_epi32(x.a), _mm256_cvttps_epi32(x.b)};
}

INLINE lanes lanes_bits(reals x)
{
    return (lanes){_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)};
}

INLINE lanes lanes_order(void)
{
    return (lanes){_mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0), _mm256_set_epi32(15, 14, 13, 12, 11, 10, 9, 8)};
}

#define lanes_low(x) ((x).a)
#define lanes_high(x) ((x).b)
#define lanes_from(low, high) ((lanes){low, high})

INLINE lanes lanes_shift(lanes x, lanes n)
{
    return BOTH(lanes, _mm256_srav_epi32, x, n);
}

INLINE lanes lanes_unshift(lanes x, lanes n)
{
    return BOTH(lanes, _mm256_sllv_epi32, x, n);
}

/* Of a float that isn't negative. */
INLINE lanes lanes_exponent(reals x)
{
    lanes bits = lanes_bits(x), bias = lanes_all(127);

    return (lanes){_mm256_sub_epi32(_mm256_srli_epi32(bits.a, 23), bias.a),
                   _mm256_sub_epi32(_mm256_srli_epi32(bits.b, 23), bias.b)};
}

/* 16 bits of two keys' lanes, which must fit: the lower eight lanes of the one and the other, then the upper. */
INLINE void store_pair(int16_t *p, lanes x, lanes y)
{
    _mm256_store_si256((__m256i *)p, _mm256_packs_epi32(x.a, y.a));
    _mm256_store_si256((__m256i *)(p + SOFA_GROUP), _mm256_packs_epi32(x.b, y.b));
}

/* Row l gets bit j where bit l of column [j] is set, j < 32. */
INLINE uint32_t transpose_bits(const uint16_t *column, size_t l)
{
    __m128i up = _mm_cvtsi32_si128(15 - (int)l);
    __m256i x = _mm256_sll_epi16(_mm256_loadu_si256((const __m256i *)column), up);
    __m256i y = _mm256_sll_epi16(_mm256_loadu_si256((const __m256i *)(column + 16)), up);
    __m256i z = _mm256_permute4x64_epi64(_mm256_packs_epi16(x, y), 0xd8);

    return (uint32_t)_mm256_movemask_epi8(z);
}

/* Four keys by 16 lanes; a step of a sum is unsigned by signed bytes (pairs can't saturate: 2 128 127 < 2^15), or
 * pairs of 16 bits. */
INLINE void products4(const int32_t *q, const int32_t *k, const int32_t *bias, size_t words, int32_t *x, bool bytes)
{
    lanes acc[4];

    UNROLL
    for (size_t j = 0; j < 4; j++)
        acc[j] = lanes_all(bytes ? bias[j] : 0);
    for (size_t c = 0; c < words; c++) {
        lanes a = lanes_load(q + c * SOFA_GROUP);

        UNROLL
        for (size_t j = 0; j < 4; j++) {
            __m256i y = _mm256_set1_epi32(k[c * SOFA_GROUP + j]), one = _mm256_set1_epi16(1);

            acc[j].a = _mm256_add_epi32(acc[j].a, bytes ? _mm256_madd_epi16(_mm256_maddubs_epi16(a.a, y), one)
                                                        : _mm256_madd_epi16(a.a, y));
            acc[j].b = _mm256_add_epi32(acc[j].b, bytes ? _mm256_madd_epi16(_mm256_maddubs_epi16(a.b, y), one)
                                                        : _mm256_madd_epi16(a.b, y));
        }
    }
    UNROLL
    for (size_t j = 0; j < 4; j++)
        lanes_store(x + j * SOFA_GROUP, acc[j]);
}

/* x [16 keys][16 lanes] of one block of keys. */
INLINE void products8(const int32_t *q, const int32_t *k, const int32_t *bias, size_t words, int32_t *x)
{
    for (size_t j = 0; j < SOFA_GROUP; j += 4)
        products4(q, k + j, bias + j, words, x + j * SOFA_GROUP, true);
}

INLINE void products16(const int32_t *q, const int32_t *k, size_t words, int32_t *x)
{
    for (size_t j = 0; j < SOFA_GROUP; j += 4)
        products4(q, k + j, NULL, words, x + j * SOFA_GROUP, false);
}
#endif

/* 16-bit integers of two keys, as store_pair leaves them: vectors of 32 bytes also where there are wider ones, whose
 * comparisons go through mask registers and take longer. */
struct short_pair {
    __m256i low, high;
};
#define shorts struct short_pair

INLINE shorts shorts_load(const int16_t *p)
{
    return (shorts){_mm256_load_si256((const __m256i *)p), _mm256_load_si256((const __m256i *)(p + SOFA_GROUP))};
}

INLINE shorts shorts_both(lanes x)
{
    return (shorts){_mm256_packs_epi32(lanes_low(x), lanes_low(x)), _mm256_packs_epi32(lanes_high(x), lanes_high(x))};
}

INLINE shorts shorts_add(shorts x, shorts y)
{
    return (shorts){_mm256_add_epi16(x.low, y.low), _mm256_add_epi16(x.high, y.high)};
}

/* -1 where x > y */
INLINE shorts shorts_greater(shorts x, shorts y)
{
    return (shorts){_mm256_cmpgt_epi16(x.low, y.low), _mm256_cmpgt_epi16(x.high, y.high)};
}

INLINE __m256i total_half(__m256i x)
{
    x = _mm256_add_epi16(x, _mm256_shuffle_epi32(x, 0x4e));
    return _mm256_srai_epi32(_mm256_unpacklo_epi16(x, x), 16);
}

/* The one key's and the other's together. */
INLINE lanes shorts_total(shorts x)
{
    return lanes_from(total_half(x.low), total_half(x.high));
}

#endif
