/*
 * Eight words of bit planes as one vector, where the machine has it, four or two elsewhere: what RASS (rass_tmpl.h)
 * is made of, compiled once per instruction set.
 */
#ifndef SOFA_ATTENTION_PLANES_H
#define SOFA_ATTENTION_PLANES_H

#include <string.h>

#include "attention/kernel.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

typedef uint64_t plane_words __attribute__((vector_size(8 * SOFA_RASS_STEP)));

#define PLANES_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define PLANES_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PLANES_UNROLL _Pragma("GCC unroll 8")
#endif

PLANES_INLINE bool any_bit(const plane_words *x)
{
#if defined(__AVX512F__)
    __m512i y;

    memcpy(&y, x, sizeof y);
    return _mm512_test_epi64_mask(y, y);
#else
    uint64_t any = 0;

    for (size_t i = 0; i < SOFA_RASS_STEP; i++)
        any |= (*x)[i];
    return any;
#endif
}

/* Bit i: whether word i has any. */
PLANES_INLINE uint64_t words_with_bits(const plane_words *x)
{
#if defined(__AVX512F__)
    __m512i y;

    memcpy(&y, x, sizeof y);
    return _mm512_test_epi64_mask(y, y);
#else
    uint64_t words = 0;

    for (size_t i = 0; i < SOFA_RASS_STEP; i++)
        words |= (uint64_t)((*x)[i] != 0) << i;
    return words;
#endif
}

/* Bit by bit: the sum of three without the carry, and its carry; the borrow of p - a - b. */
PLANES_INLINE void sum_of_three(const plane_words *a, const plane_words *b, const plane_words *c, plane_words *sum)
{
#if defined(__AVX512F__)
    __m512i x, y, z;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    memcpy(&z, c, sizeof z);
    x = _mm512_ternarylogic_epi64(x, y, z, 0x96);
    memcpy(sum, &x, sizeof x);
#else
    *sum = *a ^ *b ^ *c;
#endif
}

PLANES_INLINE void carry_of_three(const plane_words *a, const plane_words *b, const plane_words *c, plane_words *carry)
{
#if defined(__AVX512F__)
    __m512i x, y, z;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    memcpy(&z, c, sizeof z);
    x = _mm512_ternarylogic_epi64(x, y, z, 0xe8);
    memcpy(carry, &x, sizeof x);
#else
    *carry = (*a & *b) | (*c & (*a | *b));
#endif
}

PLANES_INLINE void borrow_of(const plane_words *p, const plane_words *a, const plane_words *b, plane_words *borrow)
{
#if defined(__AVX512F__)
    __m512i x, y, z;

    memcpy(&x, p, sizeof x);
    memcpy(&y, a, sizeof y);
    memcpy(&z, b, sizeof z);
    x = _mm512_ternarylogic_epi64(x, y, z, 0x8e);
    memcpy(borrow, &x, sizeof x);
#else
    *borrow = (~*p & (*a | *b)) | (*a & *b);
#endif
}

/* Transposes eight squares of bits, a square in each element: bit j of x[i] against bit i of x[j], halves against each
 * other first. */
PLANES_INLINE void transpose_squares(plane_words *x)
{
    uint64_t mask = UINT32_MAX;

    for (size_t half = 32; half; half /= 2, mask ^= mask << half)
        for (size_t i = 0; i < 64; i = ((i | half) + 1) & ~half) {
            plane_words swap = (x[i] >> half ^ x[i | half]) & mask;

            x[i] ^= swap << half;
            x[i | half] ^= swap;
        }
}

#endif
