/* Random designs, workloads and statistics, for tests and benches of the model. */
#ifndef SOFA_TESTS_MODEL_RANDOM_DESIGN_H
#define SOFA_TESTS_MODEL_RANDOM_DESIGN_H

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "model/model.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* One of `n` values. */
#define PICK(rng, list) ((list)[sofa_rng_below(rng, COUNT(list))])

/* A design anywhere in the ranges a search would use. */
static inline void random_design(gsl_rng *rng, const struct sofa_hardware *hw, int layers, struct sofa_design *d)
{
    static const int lanes[] = {32, 64, 96, 128, 256}, columns[] = {2, 4, 8, 16}, shifts[] = {8, 16, 32, 64};
    static const double sizes[] = {24576, 65536, 98304, 196608, 393216, 1048576};
    static const double temps[] = {14336, 28672, 57344, 114688, 1048576};
    static const double bandwidths[] = {16e9, 59.8e9, 128e9, 256e9, 1e12};

    sofa_hardware_design(hw, layers, d, NULL);
    d->query_lanes = PICK(rng, lanes);
    d->dlzs_columns = PICK(rng, shifts);
    d->kv_columns = PICK(rng, columns);
    d->sufa_columns = PICK(rng, columns);
    d->keys_per_phase = 1 + (int)sofa_rng_below(rng, 8);
    d->dram_bytes_per_s = PICK(rng, bandwidths);
    d->token_sram_bytes = PICK(rng, sizes);
    d->weight_sram_bytes = PICK(rng, sizes);
    d->temp_sram_bytes = PICK(rng, temps);
    d->prediction = (int)sofa_rng_below(rng, 2);
    d->sort = (int)sofa_rng_below(rng, 2);
    d->softmax = (int)sofa_rng_below(rng, 3);
    d->schedule = (int)sofa_rng_below(rng, 2);
    d->pipeline = (int)sofa_rng_below(rng, 2);
    d->khat_store = (int)sofa_rng_below(rng, 2);
    d->kv_generation = (int)sofa_rng_below(rng, 2);
    for (int i = 0; i < layers; i++) {
        d->layer[i].tiles = 1 + (int)sofa_rng_below(rng, 32);
        d->layer[i].topk_permille = 10 + (int)sofa_rng_below(rng, 490);
        d->layer[i].khat_bits = 8 + (int)sofa_rng_below(rng, 9);
        d->layer[i].formal_bits = 8 + (int)sofa_rng_below(rng, 9);
    }
}

/* A workload and statistics that go with the design's ratios. */
static inline void random_workload(gsl_rng *rng, struct sofa_workload *w)
{
    static const int dims[] = {32, 64, 128}, heads[] = {2, 4, 12}, groups[] = {1, 1, 2, 4};
    static const double lengths[] = {197, 256, 384, 512, 1000, 2048};
    int group = PICK(rng, groups);

    memset(w, 0, sizeof *w);
    snprintf(w->name, sizeof w->name, "random");
    w->layers = 1 + (int)sofa_rng_below(rng, 3);
    w->heads = PICK(rng, heads);
    w->kv_heads = w->heads > group ? w->heads / group : 1;
    w->head_dim = PICK(rng, dims);
    w->hidden = w->heads * w->head_dim;
    w->queries = w->keys = PICK(rng, lengths);
    w->causal = sofa_rng_below(rng, 2);
    w->batch = 1 + (double)sofa_rng_below(rng, 2);
    w->scope = (int)sofa_rng_below(rng, 2);
}

static inline bool random_statistics(gsl_rng *rng, const struct sofa_workload *w, const struct sofa_design *d,
                                     struct sofa_statistics *s)
{
    int heads = sofa_rng_below(rng, 2) ? w->heads : 1;

    if (sofa_statistics_init(s, w->layers, heads, NULL, NULL) != SOFA_OK)
        return false;
    for (int i = 0; i < w->layers * heads; i++) {
        struct sofa_selection *h = &s->head[i];
        double k = d->layer[i / heads].topk_permille / 1000.0;

        h->clipped = gsl_rng_uniform(rng) * 0.3;
        h->density = k * (0.6 + 0.4 * gsl_rng_uniform(rng));
        h->union_share = h->density + (1 - h->density) * gsl_rng_uniform(rng);
        h->union_all = h->union_share + (1 - h->union_share) * gsl_rng_uniform(rng);
        h->rass_ratio = 1 + 2 * gsl_rng_uniform(rng);
        h->naive_ratio = h->rass_ratio * (1 + gsl_rng_uniform(rng));
        h->mispredicted = 0.2 * gsl_rng_uniform(rng);
    }
    return true;
}

#endif
