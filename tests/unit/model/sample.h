/* Random designs on random workloads, for what must hold of any. */
#ifndef SOFA_TESTS_MODEL_SAMPLE_H
#define SOFA_TESTS_MODEL_SAMPLE_H

#include "tests/unit/model/fixture.h"
#include "tests/unit/model/random_spans.h"

struct sample {
    struct sofa_workload w;
    struct sofa_design d;
    struct sofa_statistics s;
    struct random_spans spans; /* unset without patterns */
    struct sofa_result r;
};

/* Runs `check` on `count` random feasible designs, all with patterns drawn anew where they are asked for; of all
 * that are tried at least half must be feasible, and the others say why they are not. */
static inline void for_samples(unsigned long seed, bool patterns, int count, void (*check)(struct sample *, gsl_rng *))
{
    gsl_rng *rng = sofa_rng_new(seed, patterns ? 3 : 1);
    struct sofa_arena arena = SOFA_ARENA_INIT;
    int feasible = 0, tried = 0;

    assert_non_null(rng);
    for (; feasible < count; tried++) {
        struct sample x;

        sofa_arena_reset(&arena);
        random_workload(rng, &x.w);
        random_design(rng, &hw, x.w.layers, &x.d);
        assert_true(random_statistics(rng, &x.w, &x.d, &x.s));
        assert_true(!patterns || random_spans(rng, &x.w, &x.d, &x.s, &arena, &x.spans));
        sofa_model_evaluate(&hw, &x.d, &x.w, &x.s, &x.r);
        assert_true(x.r.feasible == (x.r.reason[0] == '\0'));
        if (x.r.feasible) {
            feasible++;
            check(&x, rng);
        }
        sofa_statistics_release(&x.s);
    }
    assert_true(2 * feasible > tried);
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

/* Work over time passes no peak. */
static inline void check_peaks(struct sample *x, gsl_rng *rng)
{
    const struct sofa_operations *o = &x->r.operations;
    double lanes = x->d.query_lanes * x->r.cycles * (1 + 1e-12);

    (void)rng;
    assert_true(o->khat_adds + o->score_adds <= lanes * x->d.dlzs_columns);
    assert_true(o->generation_macs <= lanes * x->d.kv_columns);
    assert_true(o->sufa_macs <= lanes * x->d.sufa_columns);
    assert_true(o->exponentials <= lanes && o->sort_cycles <= lanes && o->divisions <= lanes);
    assert_true(x->r.dram_bytes <= x->d.dram_bytes_per_s * x->r.latency_s * (1 + 1e-12));
    assert_true(x->r.utilisation > 0 && x->r.utilisation <= 1 && x->r.pe_utilisation <= 1);
}

#endif
