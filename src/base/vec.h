/*
 * Vectors of floats under one name, for loops written once and compiled for AVX-512, for AVX2 and for
 * neither.  An operation gives the same bits in all three.  Included only by kernels; what is compiled
 * without those instruction sets has the operations on four floats, some of which are function calls.
 */
#ifndef SOFA_BASE_VEC_H
#define SOFA_BASE_VEC_H

#if defined(__AVX2__)
#include <immintrin.h>
#else
#include <math.h>
#include <string.h>
#endif
#include <stddef.h>

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline, unused))

#if defined(__AVX512F__)
#define VEC 16 /* floats */
#define VEC_REGISTERS 32
typedef __m512 vec;
#define vec_load(p) _mm512_load_ps(p)
#define vec_load_any(p) _mm512_loadu_ps(p) /* from any address */
#define vec_store_any(p, x) _mm512_storeu_ps(p, x)
#define vec_store(p, x) _mm512_store_ps(p, x)
#define vec_all(x) _mm512_set1_ps(x)
#define vec_zero() _mm512_setzero_ps()
#define vec_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define vec_add(a, b) _mm512_add_ps(a, b)
#define vec_sub(a, b) _mm512_sub_ps(a, b)
#define vec_mul(a, b) _mm512_mul_ps(a, b)
#define vec_div(a, b) _mm512_div_ps(a, b)
#define vec_max(a, b) _mm512_max_ps(a, b)
/* y 2^n where x >= least, else 0; t holds n in its low bits */
INLINE vec vec_scale(vec y, vec t, vec x, vec least)
{
    __m512 n = _mm512_sub_ps(t, _mm512_set1_ps(0x1.8p23f)); /* which the caller has already; one operation then */

    return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, least, _CMP_GE_OQ), y, n);
}
/* x where from <= at < to, else `other` */
INLINE vec vec_between(vec x, vec at, vec from, vec to, vec other)
{
    __mmask16 in = _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(at, from, _CMP_GE_OQ), at, to, _CMP_LT_OQ);

    return _mm512_mask_mov_ps(other, in, x);
}
/* yes where a = b, else no */
#define vec_if_equal(a, b, yes, no) _mm512_mask_mov_ps(no, _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), yes)
/* y 2^n; t holds n >= -127 in its low bits, where -127 stands for a factor of 0 */
#define vec_scale_low(y, t)                                                                                           \
    _mm512_mul_ps(y, _mm512_castsi512_ps(_mm512_slli_epi32(                                                           \
                         _mm512_add_epi32(_mm512_castps_si512(t), _mm512_set1_epi32(127)), 23)))
#elif defined(__AVX2__)
#define VEC 8
#define VEC_REGISTERS 16
typedef __m256 vec;
#define vec_load(p) _mm256_load_ps(p)
#define vec_load_any(p) _mm256_loadu_ps(p)
#define vec_store_any(p, x) _mm256_storeu_ps(p, x)
#define vec_store(p, x) _mm256_store_ps(p, x)
#define vec_all(x) _mm256_set1_ps(x)
#define vec_zero() _mm256_setzero_ps()
#define vec_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define vec_add(a, b) _mm256_add_ps(a, b)
#define vec_sub(a, b) _mm256_sub_ps(a, b)
#define vec_mul(a, b) _mm256_mul_ps(a, b)
#define vec_div(a, b) _mm256_div_ps(a, b)
#define vec_max(a, b) _mm256_max_ps(a, b)
INLINE vec vec_scale(vec y, vec t, vec x, vec least)
{
    __m256i bits = _mm256_slli_epi32(_mm256_add_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(127)), 23);

    return _mm256_and_ps(_mm256_cmp_ps(x, least, _CMP_GE_OQ), _mm256_mul_ps(y, _mm256_castsi256_ps(bits)));
}
INLINE vec vec_between(vec x, vec at, vec from, vec to, vec other)
{
    __m256 in = _mm256_and_ps(_mm256_cmp_ps(at, from, _CMP_GE_OQ), _mm256_cmp_ps(at, to, _CMP_LT_OQ));

    return _mm256_blendv_ps(other, x, in);
}
#define vec_if_equal(a, b, yes, no) _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_EQ_OQ))
#define vec_scale_low(y, t)                                                                                           \
    _mm256_mul_ps(y, _mm256_castsi256_ps(_mm256_slli_epi32(                                                           \
                         _mm256_add_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(127)), 23)))
#else
#define VEC 4
#define VEC_REGISTERS 16
typedef float vec __attribute__((vector_size(16)));
typedef unsigned vec_bits __attribute__((vector_size(16)));
INLINE vec vec_load_any(const float *p)
{
    vec x;

    memcpy(&x, p, sizeof x);
    return x;
}
INLINE void vec_store_any(float *p, vec x)
{
    memcpy(p, &x, sizeof x);
}
#define vec_load vec_load_any
#define vec_store vec_store_any
#define vec_all(x) ((vec){x, x, x, x})
#define vec_zero() ((vec){0, 0, 0, 0})
INLINE vec vec_fma(vec a, vec b, vec c)
{
    for (size_t i = 0; i < VEC; i++)
        c[i] = fmaf(a[i], b[i], c[i]);
    return c;
}
#define vec_add(a, b) ((a) + (b))
#define vec_sub(a, b) ((a) - (b))
#define vec_mul(a, b) ((a) * (b))
#define vec_div(a, b) ((a) / (b))
INLINE vec vec_max(vec a, vec b)
{
    for (size_t i = 0; i < VEC; i++)
        b[i] = a[i] > b[i] ? a[i] : b[i];
    return b;
}
INLINE vec vec_between(vec x, vec at, vec from, vec to, vec other)
{
    for (size_t i = 0; i < VEC; i++)
        other[i] = at[i] >= from[i] && at[i] < to[i] ? x[i] : other[i];
    return other;
}
INLINE vec vec_if_equal(vec a, vec b, vec yes, vec no)
{
    for (size_t i = 0; i < VEC; i++)
        no[i] = a[i] == b[i] ? yes[i] : no[i];
    return no;
}
INLINE vec vec_scale_low(vec y, vec t)
{
    vec_bits bits = ((vec_bits)t + 127) << 23;

    return y * (vec)bits;
}
#endif

#endif
