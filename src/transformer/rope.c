#include "transformer/rope.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.283185307179586476925286766559L

/* The base that dynamic scaling takes for a sequence longer than the first context ("NTK-aware"). */
static long double dynamic_theta(const struct sofa_rope_config *c, size_t s, size_t d)
{
    long double longer = (long double)s / c->original_context;

    if (longer <= 1 || d <= 2)
        return c->theta;
    return c->theta * powl(c->factor * longer - (c->factor - 1), (long double)d / (d - 2));
}

/* Llama 3: long wavelengths are stretched, short ones kept, those between blended. */
static long double llama3_frequency(const struct sofa_rope_config *c, long double frequency)
{
    long double wavelength = TWO_PI / frequency, blend;

    if (wavelength < c->original_context / c->high_freq_factor)
        return frequency;
    if (wavelength > c->original_context / c->low_freq_factor)
        return frequency / c->factor;
    blend = (c->original_context / wavelength - c->low_freq_factor) / (c->high_freq_factor - c->low_freq_factor);
    return (1 - blend) * frequency / c->factor + blend * frequency;
}

/* The dimension that turns `rotations` times over the first context (Peng et al., YaRN, 2023). */
static double yarn_dimension(const struct sofa_rope_config *c, double rotations, size_t d)
{
    return (double)(d * logl(c->original_context / (rotations * TWO_PI)) / (2 * logl(c->theta)));
}

static long double yarn_frequency(const struct sofa_rope_config *c, long double frequency, size_t j, size_t d)
{
    double low = floor(yarn_dimension(c, c->beta_fast, d)), high = ceil(yarn_dimension(c, c->beta_slow, d));
    double ramp;

    low = low < 0 ? 0 : low;
    high = high > (double)d - 1 ? (double)d - 1 : high;
    high = high == low ? high + 0.001 : high; /* as the original, against a division by zero */
    ramp = ((double)j - low) / (high - low);
    ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
    return frequency / c->factor * ramp + frequency * (1 - ramp);
}

static long double frequency(const struct sofa_rope_config *c, size_t s, size_t j, size_t d)
{
    long double theta = c->type == SOFA_ROPE_DYNAMIC ? dynamic_theta(c, s, d) : c->theta;
    long double f = powl(theta, -2.0L * j / d);

    switch (c->type) {
    case SOFA_ROPE_LINEAR:
        return f / c->factor;
    case SOFA_ROPE_LLAMA3:
        return llama3_frequency(c, f);
    case SOFA_ROPE_YARN:
        return yarn_frequency(c, f, j, d);
    default:
        return f;
    }
}

double sofa_rope_attention_factor(const struct sofa_rope_config *config)
{
    if (config->type != SOFA_ROPE_YARN)
        return 1;
    if (config->attention_factor > 0)
        return config->attention_factor;
    return config->factor > 1 ? (double)(0.1L * logl(config->factor) + 1) : 1;
}

/* In long double, which x86 computes the same way on every machine, rounded once. */
enum sofa_code sofa_rope_tables(const struct sofa_rope_config *config, size_t s, size_t d,
                                struct sofa_arena *arena, struct sofa_rope *rope, struct sofa_err *err)
{
    size_t half = d / 2;
    double *c, *n;

    *rope = (struct sofa_rope){NULL, NULL};
    if (config->type == SOFA_ROPE_NONE)
        return SOFA_OK;
    c = sofa_arena_alloc(arena, s * half, sizeof *c);
    n = sofa_arena_alloc(arena, s * half, sizeof *n);
    if (!c || !n)
        return sofa_fail_nomem(err, "rotary tables");
    for (size_t j = 0; j < half; j++) {
        long double f = frequency(config, s, j, d);

        for (size_t i = 0; i < s; i++) {
            c[i * half + j] = (double)cosl(i * f);
            n[i * half + j] = (double)sinl(i * f);
        }
    }
    *rope = (struct sofa_rope){c, n};
    return SOFA_OK;
}

void sofa_rope_apply(const struct sofa_rope *rope, double factor, const float *x, size_t stride, size_t s, size_t d,
                     float *out)
{
    size_t half = d / 2;

    for (size_t i = 0; i < s; i++, x += stride, out += d) {
        const double *c, *n;

        if (!rope->cos) {
            memcpy(out, x, d * sizeof *out);
            continue;
        }
        c = rope->cos + i * half;
        n = rope->sin + i * half;
        for (size_t j = 0; j < half; j++) {
            out[j] = (float)((x[j] * c[j] - x[j + half] * n[j]) * factor);
            out[j + half] = (float)((x[j + half] * c[j] + x[j] * n[j]) * factor);
        }
    }
}
