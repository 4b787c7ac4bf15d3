/*
 * The activations that need an exponential, for each instruction set: included by gemm_NAME.c, whose
 * flags let the compiler vectorise the loops of constant length.  Plain operations in double and no
 * contraction (-ffp-contract=off), so that the bits don't depend on it.
 */
#include "transformer/fmath.h"

#define ROOM SOFA_SUM_LANES

/* x times the logistic function of z, and times `times`: z [8] is overwritten. */
static inline void gate(const float *x, double *z, const float *times, float *out)
{
    sofa_lanes e, y;

    for (size_t j = 0; j < ROOM; j++)
        z[j] = -z[j];
    sofa_exp8(z, z);
    memcpy(&e, z, sizeof e);
    for (size_t j = 0; j < ROOM; j++)
        z[j] = x[j];
    memcpy(&y, z, sizeof y);
    y = y / (1 + e);
    memcpy(z, &y, sizeof y);
    for (size_t j = 0; j < ROOM; j++)
        out[j] = (float)(z[j] * times[j]);
}

/* x / (1 + exp(-x)) */
static inline void silu(const float *x, const float *times, float *out)
{
    double z[ROOM];

    for (size_t j = 0; j < ROOM; j++)
        z[j] = x[j];
    gate(x, z, times, out);
}

/* 0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3), is x / (1 + exp(-2u)). */
static inline void gelu_tanh(const float *x, const float *times, float *out)
{
    double z[ROOM];

    for (size_t j = 0; j < ROOM; j++)
        z[j] = 2 * 0.79788456080286535588 * (x[j] + 0.044715 * x[j] * x[j] * x[j]);
    gate(x, z, times, out);
}

#define ACTIVATE(name, function)                                                                  \
    static void name(const float *x, const float *times, size_t n, float *out)                    \
    {                                                                                             \
        static const float ones[ROOM] = {1, 1, 1, 1, 1, 1, 1, 1};                                 \
        float in[ROOM] = {0}, by[ROOM] = {0}, last[ROOM];                                         \
        size_t i = 0;                                                                             \
                                                                                                  \
        for (; i + ROOM <= n; i += ROOM)                                                          \
            function(x + i, times ? times + i : ones, out + i);                                   \
        if (i < n) {                                                                              \
            memcpy(in, x + i, (n - i) * sizeof *in);                                              \
            memcpy(by, times ? times + i : ones, (n - i) * sizeof *by);                           \
            function(in, by, last);                                                               \
            memcpy(out + i, last, (n - i) * sizeof *out);                                         \
        }                                                                                         \
    }
ACTIVATE(run_silu, silu)
ACTIVATE(run_gelu_tanh, gelu_tanh)
