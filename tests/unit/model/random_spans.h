/* Random patterns of keys in the layers of a random design, for the tests of the model. */
#ifndef SOFA_TESTS_MODEL_RANDOM_SPANS_H
#define SOFA_TESTS_MODEL_RANDOM_SPANS_H

#include "acsr/spans.h"
#include "tests/unit/model/random_design.h"

struct random_spans {
    struct sofa_spans spans[3];
    const struct sofa_spans *layer[3]; /* NULL: none */
};

/* A pattern's text that leaves no query without a key. */
static inline void random_spec(gsl_rng *rng, double keys, char *spec, size_t size)
{
    static const char *const forms[] = {"window:%d", "strided:%d", "blocked:%d", "window:%d+global_columns:4",
                                        "longformer:%d", "local_strided:%d:%d", "dilated:%d:3", "prefix:%d"};
    int a = 1 + (int)sofa_rng_below(rng, (unsigned long)(keys / 3)), b = 2 + (int)sofa_rng_below(rng, 30);
    const char *form = PICK(rng, forms);

    if (strcmp(form, "strided:%d") == 0)
        a = b;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(spec, size, form, a, b);
#pragma GCC diagnostic pop
}

/* Half of the layers get one, half of these a fixed one; their statistics are made to fit. */
static inline bool random_spans(gsl_rng *rng, const struct sofa_workload *w, const struct sofa_design *d,
                                struct sofa_statistics *s, struct sofa_arena *arena, struct random_spans *r)
{
    for (int l = 0; l < w->layers; l++) {
        bool fixed = sofa_rng_below(rng, 2);
        double tile = (double)(((int)w->keys + d->layer[l].tiles - 1) / d->layer[l].tiles);
        struct sofa_pattern pattern;
        char spec[64];

        r->layer[l] = NULL;
        if (sofa_rng_below(rng, 2))
            continue;
        random_spec(rng, w->keys, spec, sizeof spec);
        if (sofa_pattern_generate(spec, (size_t)w->queries, (size_t)w->keys, w->causal, arena, &pattern, NULL) != SOFA_OK ||
            sofa_spans_count(&pattern, w->causal, (size_t)d->query_lanes, fixed ? 0 : (size_t)tile, arena, &r->spans[l],
                             NULL) != SOFA_OK)
            return false;
        r->spans[l].name = "random";
        r->spans[l].fixed = fixed;
        r->layer[l] = &r->spans[l];
        for (int h = 0; fixed && h < s->heads; h++) {
            struct sofa_selection *one = &s->head[l * s->heads + h];

            *one = (struct sofa_selection){.density = 1, .union_share = 1, .naive_ratio = s->head[l * s->heads].naive_ratio,
                                           .rass_ratio = s->head[l * s->heads].rass_ratio,
                                           .union_all = r->spans[l].keys / w->keys};
        }
    }
    s->spans = r->layer;
    return true;
}

#endif
