/* The parts of a layer that aren't attention: norms, linear maps, activations. */
#include <math.h>

#include "transformer/fmath.h"
#include "transformer/gemm.h"
#include "transformer/net.h"

static double sum(const float *x, size_t n)
{
    double lane[SOFA_SUM_LANES] = {0};
    size_t i = 0;

    for (; i + SOFA_SUM_LANES <= n; i += SOFA_SUM_LANES)
        for (size_t j = 0; j < SOFA_SUM_LANES; j++)
            lane[j] += x[i + j];
    for (; i < n; i++)
        lane[i % SOFA_SUM_LANES] += x[i];
    return sofa_lanes_sum(lane);
}

static double sum_squares(const float *x, double mean, size_t n)
{
    double lane[SOFA_SUM_LANES] = {0};
    size_t i = 0;

    for (; i + SOFA_SUM_LANES <= n; i += SOFA_SUM_LANES)
        for (size_t j = 0; j < SOFA_SUM_LANES; j++)
            lane[j] += (x[i + j] - mean) * (x[i + j] - mean);
    for (; i < n; i++)
        lane[i % SOFA_SUM_LANES] += (x[i] - mean) * (x[i] - mean);
    return sofa_lanes_sum(lane);
}

/* RMSNorm, or LayerNorm where there is a bias. */
void sofa_norm_run(const struct sofa_norm *norm, double eps, const float *x, size_t s, size_t hidden, float *y)
{
    for (size_t i = 0; i < s; i++, x += hidden, y += hidden) {
        double mean = norm->bias ? sum(x, hidden) / (double)hidden : 0;
        double scale = 1 / sqrt(sum_squares(x, mean, hidden) / (double)hidden + eps);

        for (size_t j = 0; j < hidden; j++) {
            double z = (x[j] - mean) * scale * norm->weight[j];

            y[j] = (float)(norm->bias ? z + norm->bias[j] : z);
        }
    }
}

void sofa_linear_run(const struct sofa_gemm *gemm, const struct sofa_linear *linear, const float *x, size_t s, float *y)
{
    sofa_gemm_run(gemm, s, linear->out, linear->in, x, linear->packed, linear->bias, y);
}

/* By the complementary error function in long double, which is the same code on every x86 (libm
 * picks others by the machine for some functions in double). */
static double gelu(double x)
{
    return 0.5 * x * (double)erfcl(-(long double)x * 0.70710678118654752440L);
}

static double relu(double x)
{
    return x > 0 ? x : 0;
}

#define APPLY(function)                                                                           \
    for (size_t i = 0; i < n; i++)                                                                \
        out[i] = (float)(times ? function(x[i]) * times[i] : function(x[i]));

void sofa_activation_run(const struct sofa_gemm *gemm, int activation, const float *x, const float *times, size_t n,
                         float *out)
{
    switch (activation) {
    case SOFA_ACTIVATION_SILU:
        gemm->silu(x, times, n, out);
        break;
    case SOFA_ACTIVATION_GELU_TANH:
        gemm->gelu_tanh(x, times, n, out);
        break;
    case SOFA_ACTIVATION_GELU:
        APPLY(gelu)
        break;
    default:
        APPLY(relu)
        break;
    }
}
