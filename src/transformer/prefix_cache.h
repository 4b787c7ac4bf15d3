/*
 * What the first layers of a window computed, kept for candidates that share their settings.
 *
 * A design search changes some layers and keeps others.  The residual stream after layer l depends
 * on the window and on the settings of layers 0..l alone, so an entry under exactly these stands for
 * running them: same bits, less work.  Bounded memory, the least recently used entries go first.
 * How much it stands in for is up to the search: of the layers of 60 evaluations (seed 1) the Bayesian
 * search reused 10 % in spaces/quickstart.yaml, 6-26 % in the other bytelm spaces, random sampling
 * 1-6 %; bench/transformer times a candidate that shares 1, 2 and 3 of 4 layers.  Processor time of 60 evaluations
 * in one thread, with and without: quickstart 10.1 and 10.8 s, 10.3 and 11.4 s (seeds 1, 2); bytelm-tiles 17.9 and
 * 22.0 s, 21.2 and 24.2 s, 19.5 and 23.9 s (seeds 1 to 3).
 * All functions may be called from several threads at once.
 */
#ifndef SOFA_TRANSFORMER_PREFIX_CACHE_H
#define SOFA_TRANSFORMER_PREFIX_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "attention/attention.h"
#include "base/arena.h"

struct sofa_prefix_cache;

/* NULL when memory is exhausted.  `most` bytes. */
struct sofa_prefix_cache *sofa_prefix_cache_new(size_t most);
void sofa_prefix_cache_free(struct sofa_prefix_cache *cache);

/* What a window's results depend on, layer by layer; compared byte by byte. */
#define SOFA_PREFIX_HEAD 6
#define SOFA_PREFIX_RECORD 11
struct sofa_prefix_key {
    size_t layers;
    double *words; /* [HEAD + layers * RECORD], in an arena */
};
/* `head` tells texts, windows, kernels and levels apart; layer NULL: dense.  words NULL when memory
 * is exhausted. */
struct sofa_prefix_key sofa_prefix_key(const double head[SOFA_PREFIX_HEAD], const struct sofa_attention_params *layer,
                                       size_t layers, struct sofa_arena *arena);

/* The state after the deepest layer that is there: fills x [nx] and stats [depth * per_layer] (NULL:
 * none were kept) and returns the number of layers done, 0 where there is none.  A NULL cache has
 * nothing. */
size_t sofa_prefix_cache_get(struct sofa_prefix_cache *cache, const struct sofa_prefix_key *key, float *x, size_t nx,
                             struct sofa_attention_stats *stats, size_t per_layer);
/* Keeps the state after `done` layers; does nothing where memory runs out. */
void sofa_prefix_cache_put(struct sofa_prefix_cache *cache, const struct sofa_prefix_key *key, size_t done,
                           const float *x, size_t nx, const struct sofa_attention_stats *stats, size_t per_layer);

#endif
