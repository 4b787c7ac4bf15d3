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
#define VEC 16       /* floats */
#define VEC_REGISTERS 32
typedef __m512 vec;
#define vec_load(p) _mm512_load_ps(p)
#define vec_store(p, x) _mm512_store_ps(p, x)
#define vec_all(x) _mm512_set1_ps(x)
#define vec_zero() _mm512_setzero_ps()
#define vec_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#elif defined(__AVX2__)
#define VEC 8
#define VEC_REGISTERS 16
typedef __m256 vec;
#define vec_load(p) _mm256_load_ps(p)
#define vec_store(p, x) _mm256_store_ps(p, x)
#define vec_all(x) _mm256_set1_ps(x)
#define vec_zero() _mm256_setzero_ps()
#define vec_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#endif

#endif
