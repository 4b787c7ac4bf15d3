/* Random shapes, settings and inputs for the comparison of kernels. */
#ifndef SOFA_TESTS_RANDOM_CASE_H
#define SOFA_TESTS_RANDOM_CASE_H

#include <math.h>

#include "attention/attention.h"
#include "base/rng.h"
#include "tests/unit/test.h"

struct random_case {
    size_t s, h, d;
    float *x, *wk, *q, *k, *v;
    struct sofa_rope rope; /* cos NULL in half of the cases */
    struct sofa_attention_params params;
};

static inline double gauss(gsl_rng *rng)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += gsl_rng_uniform(rng);
    return sum;
}

/* Values of four kinds: spread, few distinct (many ties), one row dominant, all zero. */
static inline float *random_array(gsl_rng *rng, size_t rows, size_t columns, size_t kind, double scale)
{
    float *x = malloc(rows * columns * sizeof *x);

    assert_non_null(x);
    for (size_t i = 0; i < rows * columns; i++)
        x[i] = (float)(scale * gauss(rng));
    for (size_t i = 0; kind == 1 && i < rows * columns; i++)
        x[i] = (float)(scale * ((double)sofa_rng_below(rng, 4) - 1.5));
    for (size_t i = 0; kind == 2 && i < columns; i++)
        x[i + columns * (rows / 2)] *= 20;
    for (size_t i = 0; kind == 3 && i < rows * columns; i++)
        x[i] = 0;
    return x;
}

static inline struct sofa_rope random_rope(size_t s, size_t d)
{
    double *c = malloc(s * d * sizeof *c), *w = malloc(s * d * sizeof *w);

    assert_true(c && w);
    for (size_t i = 0; i < s; i++)
        for (size_t j = 0; j < d / 2; j++) {
            double angle = (double)i * pow(10000, -2.0 * (double)j / (double)d);

            c[i * (d / 2) + j] = cos(angle);
            w[i * (d / 2) + j] = sin(angle);
        }
    return (struct sofa_rope){c, w};
}

/* Projects x by wk, so that predictions say something about the keys. */
static inline void project(const float *x, const float *wk, size_t s, size_t h, size_t d, float *k)
{
    for (size_t i = 0; i < s; i++)
        for (size_t j = 0; j < d; j++) {
            double sum = 0;

            for (size_t u = 0; u < h; u++)
                sum += (double)x[i * h + u] * wk[u * d + j];
            k[i * d + j] = (float)sum;
        }
}

static inline struct random_case random_case(gsl_rng *rng, size_t most_s, size_t most_d)
{
    size_t kind = sofa_rng_below(rng, 8), s = 1 + sofa_rng_below(rng, most_s), h = 1 + sofa_rng_below(rng, 70);
    size_t d = 1 + sofa_rng_below(rng, most_d);
    struct random_case c = {.s = s, .h = h, .d = d, .params = SOFA_ATTENTION_DEFAULTS};
    struct sofa_attention_params *p = &c.params;

    c.x = random_array(rng, s, h, kind, 1);
    c.wk = random_array(rng, h, d, sofa_rng_below(rng, 8) ? 0 : 3, 0.3);
    c.q = random_array(rng, s, d, sofa_rng_below(rng, 6), 1.5);
    c.k = random_array(rng, s, d, 0, 1);
    c.v = random_array(rng, s, d, sofa_rng_below(rng, 6), 1);
    project(c.x, c.wk, s, h, d, c.k);
    if (d % 2 == 0 && sofa_rng_below(rng, 2))
        c.rope = random_rope(s, d);
    p->tiles = (int)(1 + sofa_rng_below(rng, sofa_rng_below(rng, 4) ? 9 : s + 5));
    p->topk_permille = sofa_rng_below(rng, 5) ? (int)(1 + sofa_rng_below(rng, 500)) : 1000;
    p->radius = sofa_rng_below(rng, 3) ? 0.5 + 10 * gsl_rng_uniform(rng) : INFINITY;
    p->reference = sofa_rng_below(rng, 2) ? SOFA_REFERENCE_RUNNING : SOFA_REFERENCE_SEGMENT;
    p->khat_bits = (int)(4 + sofa_rng_below(rng, 13));
    p->q_bits = (int)(4 + sofa_rng_below(rng, 13));
    p->formal_bits = (int)(8 + sofa_rng_below(rng, 9));
    if (sofa_rng_below(rng, 3) == 0)
        p->khat_bits = p->q_bits = sofa_rng_below(rng, 2) ? 8 : 16;
    p->causal = sofa_rng_below(rng, 2);
    p->block_rows = 1 + sofa_rng_below(rng, 40);
    p->keys_per_phase = 1 + sofa_rng_below(rng, 4);
    return c;
}

static inline void random_case_free(struct random_case *c)
{
    free(c->x);
    free(c->wk);
    free(c->q);
    free(c->k);
    free(c->v);
    free((double *)c->rope.cos);
    free((double *)c->rope.sin);
}

/* What a kernel makes of a case; all malloc'd. */
struct random_result {
    int32_t *khat;
    int64_t *scores;
    uint8_t *selection;
    float *out, *dense;
    struct sofa_attention_stats stats;
};

static inline struct random_result random_run(const struct random_case *c, const struct sofa_attention_kernel *kernel,
                                              bool trace, struct sofa_arena *arena)
{
    size_t s = c->s, d = c->d;
    struct random_result r = {.khat = malloc(s * d * 4), .scores = calloc(s * s, 8), .selection = calloc(s, s),
                              .out = malloc(s * d * 4), .dense = malloc(s * d * 4)};
    struct sofa_attention_trace to = {r.scores, r.selection};
    struct sofa_quant8 x8;
    struct sofa_khat khat;

    sofa_arena_reset(arena);
    assert_int_equal(sofa_attention_quantise_x(kernel, c->x, s, c->h, arena, &x8, NULL), SOFA_OK);
    assert_int_equal(
        sofa_attention_predict_keys(kernel, c->params.khat_bits, &x8, c->wk, d, c->rope, arena, &khat, NULL), SOFA_OK);
    memcpy(r.khat, khat.q, s * d * 4);
    assert_int_equal(sofa_attention_run(kernel, &c->params, &khat, c->q, c->k, c->v, r.out, SOFA_STATS_ALL, &r.stats,
                                        trace ? &to : NULL, arena, NULL),
                     SOFA_OK);
    assert_int_equal(sofa_attention_dense(kernel, s, d, c->params.causal, c->q, c->k, c->v, r.dense, arena, NULL),
                     SOFA_OK);
    return r;
}

static inline void random_result_free(struct random_result *r)
{
    free(r->khat);
    free(r->scores);
    free(r->selection);
    free(r->out);
    free(r->dense);
}

#endif
