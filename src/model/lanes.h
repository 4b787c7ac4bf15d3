/*
 * Doubles side by side under one name, for formulas written once and compiled for AVX-512, for AVX2 and for
 * neither (then one at a time).  An operation gives the same bits in all three.  Sums, differences, products
 * and quotients are the language's own operators.
 */
#ifndef SOFA_MODEL_LANES_H
#define SOFA_MODEL_LANES_H

#include <stdbool.h>

#include "base/vec.h" /* INLINE, UNROLL, the intrinsics */
#include "model/plan.h"

#if defined(__AVX512VL__)
#define LANES 4 /* with twice the registers and with masks; eight are no faster, and twelve layers don't fill them */
typedef double lanes __attribute__((vector_size(32)));
typedef __mmask8 mask;
#define ALL(x) _mm256_set1_pd(x)
#define LOAD(p) _mm256_load_pd(p)
#define STORE(p, x) _mm256_store_pd(p, x)
#define LARGER(a, b) _mm256_max_pd(a, b)
#define SMALLER(a, b) _mm256_min_pd(a, b)
#define MORE(a, b) _mm256_cmp_pd_mask(a, b, _CMP_GT_OQ)
#define BOTH(m, n) (mask)((m) & (n))
#define PICK(m, yes, no) _mm256_mask_mov_pd(no, m, yes)
#define ONLY(m, yes) _mm256_maskz_mov_pd(m, yes)
#define DOWN(x) _mm256_floor_pd(x)
#define UP(x) _mm256_ceil_pd(x)
#elif defined(__AVX2__)
#define LANES 4
typedef double lanes __attribute__((vector_size(32)));
typedef lanes mask;
#define ALL(x) _mm256_set1_pd(x)
#define LOAD(p) _mm256_load_pd(p)
#define STORE(p, x) _mm256_store_pd(p, x)
#define LARGER(a, b) _mm256_max_pd(a, b)
#define SMALLER(a, b) _mm256_min_pd(a, b)
#define MORE(a, b) _mm256_cmp_pd(a, b, _CMP_GT_OQ)
#define BOTH(m, n) _mm256_and_pd(m, n)
#define PICK(m, yes, no) _mm256_blendv_pd(no, yes, m)
#define ONLY(m, yes) _mm256_and_pd(m, yes)
#define DOWN(x) _mm256_floor_pd(x)
#define UP(x) _mm256_ceil_pd(x)
#else
#define LANES 1
typedef double lanes;
typedef bool mask;
#define ALL(x) x
#define LOAD(p) *(p)
#define STORE(p, x) *(p) = (x)
#define LARGER(a, b) a > b ? a : b
#define SMALLER(a, b) a < b ? a : b
#define MORE(a, b) a > b
#define BOTH(m, n) m && n
#define PICK(m, yes, no) m ? yes : no
#define ONLY(m, yes) m ? yes : 0
#define DOWN(x) sofa_plan_down(x)
#define UP(x) sofa_plan_up(x)
#endif

#if defined(__AVX2__)
/* to[i]: element i of from[0], ..., from[3]. */
INLINE void transpose4(__m256d to[4], const double *const from[4])
{
    __m256d a = _mm256_loadu_pd(from[0]), b = _mm256_loadu_pd(from[1]);
    __m256d c = _mm256_loadu_pd(from[2]), d = _mm256_loadu_pd(from[3]);
    __m256d ab0 = _mm256_unpacklo_pd(a, b), ab1 = _mm256_unpackhi_pd(a, b);
    __m256d cd0 = _mm256_unpacklo_pd(c, d), cd1 = _mm256_unpackhi_pd(c, d);

    to[0] = _mm256_permute2f128_pd(ab0, cd0, 0x20);
    to[1] = _mm256_permute2f128_pd(ab1, cd1, 0x20);
    to[2] = _mm256_permute2f128_pd(ab0, cd0, 0x31);
    to[3] = _mm256_permute2f128_pd(ab1, cd1, 0x31);
}
#endif

INLINE lanes all(double x)
{
    return ALL(x);
}

/* Of and to addresses that are aligned to as many doubles. */
INLINE lanes load(const double *p)
{
    return LOAD(p);
}

INLINE void store(double *p, lanes x)
{
    STORE(p, x);
}

/* a > b ? a : b */
INLINE lanes larger(lanes a, lanes b)
{
    return LARGER(a, b);
}

/* a < b ? a : b */
INLINE lanes smaller(lanes a, lanes b)
{
    return SMALLER(a, b);
}

INLINE mask more(lanes a, lanes b)
{
    return MORE(a, b);
}

INLINE mask both(mask m, mask n)
{
    return BOTH(m, n);
}

/* m ? yes : no */
INLINE lanes pick(mask m, lanes yes, lanes no)
{
    return PICK(m, yes, no);
}

/* m ? yes : 0 */
INLINE lanes only(mask m, lanes yes)
{
    return ONLY(m, yes);
}

/* Four doubles from each of LANES places, lane by lane. */
INLINE void gather4(lanes to[4], const double *const from[LANES])
{
#if defined(__AVX2__)
    __m256d x[4];

    transpose4(x, from);
    UNROLL
    for (int i = 0; i < 4; i++)
        to[i] = x[i];
#else
    for (int i = 0; i < 4; i++)
        to[i] = from[0][i];
#endif
}

/* (x0 + x2) + (x1 + x3) */
INLINE double sum_of_4(const double *x)
{
#ifdef __AVX2__
    __m128d two = _mm_add_pd(_mm_load_pd(x), _mm_load_pd(x + 2));

    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
#else
    return (x[0] + x[2]) + (x[1] + x[3]);
#endif
}

/* floor and ceil */
INLINE lanes down(lanes x)
{
    return DOWN(x);
}

INLINE lanes up(lanes x)
{
    return UP(x);
}

#endif
