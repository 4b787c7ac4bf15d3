#include "base/rng.h"

uint64_t sofa_mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

gsl_rng *sofa_rng_new(uint64_t seed, uint64_t stream)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);

    if (rng)
        gsl_rng_set(rng, (unsigned long)(sofa_mix64(seed ^ sofa_mix64(stream)) & 0xffffffffu));
    return rng;
}

size_t sofa_rng_below(gsl_rng *rng, size_t n)
{
    return (size_t)gsl_rng_uniform_int(rng, (unsigned long)n);
}
