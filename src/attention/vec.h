/*
 * Vectors of floats under one name, for loops that AVX2 and AVX-512 share.  Included only by files that
 * are compiled for one of them.
 */
#ifndef SOFA_ATTENTION_VEC_H
#define SOFA_ATTENTION_VEC_H

#include <immintrin.h>

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
#define VEC 16 /* floats */
#define VEC_REGISTERS 32
typedef __m512 vec;
#define vec_load(p) _mm512_load_ps(p)
#define vec_store(p, x) _mm512_store_ps(p, x)
#define vec_all(x) _mm512_set1_ps(x)
#define vec_zero() _mm512_setzero_ps()
#define vec_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define vec_add(a, b) _mm512_add_ps(a, b)
#define vec_sub(a, b) _mm512_sub_ps(a, b)
#define vec_mul(a, b) _mm512_mul_ps(a, b)
#define vec_max(a, b) _mm512_max_ps(a, b)
/* y 2^n where x >= least, else 0; t holds n in its low bits */
INLINE vec vec_scale(vec y, vec t, vec x, vec least)
{
    __m512i bits = _mm512_slli_epi32(_mm512_add_epi32(_mm512_castps_si512(t), _mm512_set1_epi32(127)), 23);

    return _mm512_maskz_mul_ps(_mm512_cmp_ps_mask(x, least, _CMP_GE_OQ), y, _mm512_castsi512_ps(bits));
}
#elif defined(__AVX2__)
#define VEC 8
#define VEC_REGISTERS 16
typedef __m256 vec;
#define vec_load(p) _mm256_load_ps(p)
#define vec_store(p, x) _mm256_store_ps(p, x)
#define vec_all(x) _mm256_set1_ps(x)
#define vec_zero() _mm256_setzero_ps()
#define vec_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define vec_add(a, b) _mm256_add_ps(a, b)
#define vec_sub(a, b) _mm256_sub_ps(a, b)
#define vec_mul(a, b) _mm256_mul_ps(a, b)
#define vec_max(a, b) _mm256_max_ps(a, b)
INLINE vec vec_scale(vec y, vec t, vec x, vec least)
{
    __m256i bits = _mm256_slli_epi32(_mm256_add_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(127)), 23);

    return _mm256_and_ps(_mm256_cmp_ps(x, least, _CMP_GE_OQ), _mm256_mul_ps(y, _mm256_castsi256_ps(bits)));
}
#endif

#endif
