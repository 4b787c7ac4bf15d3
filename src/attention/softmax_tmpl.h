/*
 * The softmax of a row in vectors, operation by operation that of the plain template (exp32 there names
 * the source of the coefficients).
 */
#include "attention/kernel.h"
#include "base/vec.h"

#include <math.h>

#define LANE_VECTORS (SOFA_LANES / VEC)

INLINE vec vec_exp(vec x)
{
    vec least = vec_all(-87.0f), z = vec_max(x, least), magic = vec_all(0x1.8p23f);
    vec t = vec_fma(z, vec_all(0x1.715476p0f), magic), n = vec_sub(t, magic);
    vec r = vec_fma(n, vec_all(2.12194440e-4f), vec_fma(n, vec_all(-0.693359375f), z));
    vec y = vec_fma(r, vec_all(1.9875691500e-4f), vec_all(1.3981999507e-3f));

    y = vec_fma(r, y, vec_all(8.3334519073e-3f));
    y = vec_fma(r, y, vec_all(4.1665795894e-2f));
    y = vec_fma(r, y, vec_all(1.6666665459e-1f));
    y = vec_fma(r, y, vec_all(5.0000001201e-1f));
    y = vec_add(vec_fma(vec_mul(r, r), y, r), vec_all(1.0f));
    return vec_scale(y, t, x, least);
}

INLINE float fold(const vec *acc, bool largest)
{
    _Alignas(64) float x[SOFA_LANES];

    for (size_t i = 0; i < LANE_VECTORS; i++)
        vec_store(x + i * VEC, acc[i]);
    for (size_t half = SOFA_LANES / 2; half; half /= 2)
        for (size_t l = 0; l < half; l++)
            x[l] = largest ? (x[l] > x[l + half] ? x[l] : x[l + half]) : x[l] + x[l + half];
    return x[0];
}

static float vec_softmax(float *score, float *weight, size_t n, float scale)
{
    size_t padded = sofa_padded(n, SOFA_LANES);
    vec acc[LANE_VECTORS], most;

    for (size_t i = n; i < padded; i++)
        score[i] = -INFINITY;
    UNROLL
    for (size_t i = 0; i < LANE_VECTORS; i++)
        acc[i] = vec_load(score + i * VEC);
    for (size_t j = SOFA_LANES; j < padded; j += SOFA_LANES) {
        UNROLL
        for (size_t i = 0; i < LANE_VECTORS; i++)
            acc[i] = vec_max(acc[i], vec_load(score + j + i * VEC));
    }
    most = vec_all(fold(acc, true));
    UNROLL
    for (size_t i = 0; i < LANE_VECTORS; i++)
        acc[i] = vec_zero();
    for (size_t j = 0; j < padded; j += SOFA_LANES) {
        UNROLL
        for (size_t i = 0; i < LANE_VECTORS; i++) {
            vec w = vec_exp(vec_mul(vec_sub(vec_load(score + j + i * VEC), most), vec_all(scale)));

            vec_store(weight + j + i * VEC, w);
            acc[i] = vec_add(acc[i], w);
        }
    }
    return fold(acc, false);
}
