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

#endif
