/*
 * Random numbers: GSL's Mersenne twister, one independent stream per use.
 *
 * A stream is named by (seed, purpose), so that one part drawing more numbers never
 * shifts those of another.  Seeds are mixed by SplitMix64 (Steele, Lea, Flood: Fast
 * splittable pseudorandom number generators, OOPSLA 2014).
 */
#ifndef SOFA_BASE_RNG_H
#define SOFA_BASE_RNG_H

#include <gsl/gsl_rng.h>
#include <stddef.h>
#include <stdint.h>

/* A mixed 64-bit word; bijective in x. */
uint64_t sofa_mix64(uint64_t x);

/* Owned by the caller, gsl_rng_free; NULL when memory is exhausted. */
gsl_rng *sofa_rng_new(uint64_t seed, uint64_t stream);

/* A uniform integer in [0, n), n >= 1. */
size_t sofa_rng_below(gsl_rng *rng, size_t n);

#endif
