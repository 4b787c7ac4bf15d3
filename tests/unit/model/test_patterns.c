/* Layers with patterns of keys: against the simulator, and what must hold of any. */
#include "model/simulator.h"
#include "tests/unit/model/sample.h"

#define SAMPLES 300
#define DESIGNS 1200

static double error_sum;

static void check_agreement(struct sample *x, gsl_rng *rng)
{
    double cycles, bytes, error;

    (void)rng;
    assert_int_equal(sofa_simulate(&hw, &x->d, &x->w, &x->s, &cycles, &bytes, NULL), SOFA_OK);
    error = fabs(x->r.cycles / cycles - 1);
    assert_true(error <= 0.10);
    assert_true(fabs(x->r.dram_bytes / bytes - 1) < 1e-9);
    error_sum += error;
}

static void cycles_agree_with_the_simulator_and_bytes_are_the_same(void **state)
{
    (void)state;
    error_sum = 0;
    for_samples(1, true, SAMPLES, check_agreement);
    assert_true(error_sum / SAMPLES <= 0.03);
}

static void work_over_time_passes_no_peak(void **state)
{
    (void)state;
    for_samples(2, true, DESIGNS, check_peaks);
}

static void check_more(struct sample *x, gsl_rng *rng)
{
    double factor = 1 + 3 * gsl_rng_uniform(rng);
    struct sofa_result r;

    for (int i = 0; i < 7; i++) {
        struct sofa_design d = x->d;

        if (i < 3)
            *(double *[]){&d.token_sram_bytes, &d.weight_sram_bytes, &d.temp_sram_bytes}[i] *= factor;
        else if (i < 6)
            *(int *[]){&d.dlzs_columns, &d.kv_columns, &d.sufa_columns}[i - 3] += 2;
        else
            d.dram_bytes_per_s *= factor;
        sofa_model_evaluate(&hw, &d, &x->w, &x->s, &r);
        assert_true(r.feasible);
        if (i < 3)
            assert_true(r.dram_bytes <= x->r.dram_bytes * (1 + 1e-12));
        else
            assert_true(r.cycles <= x->r.cycles * (1 + 1e-12));
    }
}

static void more_of_a_buffer_adds_no_bytes_and_more_of_a_unit_no_time(void **state)
{
    (void)state;
    for_samples(3, true, DESIGNS, check_more);
}

/* What a fixed pattern costs beside what it computes: nothing, in whatever design. */
static void check_fixed(struct sample *x, gsl_rng *rng)
{
    static const enum sofa_stage stages[] = {SOFA_STAGE_KHAT, SOFA_STAGE_SCORES, SOFA_STAGE_SORT};
    static const enum sofa_traffic traffic[] = {SOFA_TRAFFIC_X, SOFA_TRAFFIC_WEIGHTS, SOFA_TRAFFIC_KHAT, SOFA_TRAFFIC_SCORES};
    double members = 0, fixed = 0;

    (void)rng;
    for (int l = 0; l < x->w.layers; l++)
        if (x->spans.layer[l] && x->spans.layer[l]->fixed) {
            fixed++;
            members += x->spans.layer[l]->members * x->w.heads * x->w.batch;
        }
    if (fixed < x->w.layers)
        return;
    for (size_t i = 0; i < COUNT(stages); i++)
        assert_true(x->r.stage_cycles[stages[i]] == 0);
    for (size_t i = 0; i < COUNT(traffic); i++)
        assert_true(x->r.bytes[traffic[i]] == 0);
    assert_true(x->r.energy[SOFA_ENERGY_PREDICTION] == 0 && x->r.energy[SOFA_ENERGY_SORT] == 0);
    assert_true(x->r.energy[SOFA_ENERGY_TEMP_SRAM] == 0);
    /* the rest of the exponentials and of the MACs are the running maximum's */
    assert_true(x->r.operations.exponentials >= members && x->r.operations.sufa_macs >= 2 * members * x->w.head_dim);
}

static void a_fixed_pattern_never_costs_prediction_or_sorting(void **state)
{
    (void)state;
    for_samples(4, true, DESIGNS, check_fixed);
}

/* One layer of the published design on 1024 tokens, with everything held on the chip. */
static void run_spec(const char *spec, bool fixed, bool causal, struct sofa_spans *spans, struct sofa_arena *arena,
                     struct sofa_result *r)
{
    struct sofa_workload w = {.name = "spans", .layers = 1, .hidden = 64, .heads = 1, .kv_heads = 1, .head_dim = 64,
                              .queries = 1024, .keys = 1024, .causal = causal, .batch = 1};
    struct sofa_selection one = {.density = fixed ? 1 : 0.1, .union_share = fixed ? 1 : 0.7, .naive_ratio = 3, .rass_ratio = 2,
                                 .union_all = 1};
    const struct sofa_spans *layer = spans;
    struct sofa_statistics s = {.layers = 1, .heads = 1, .head = &one, .spans = spec ? &layer : NULL};
    struct sofa_pattern pattern;
    struct sofa_design d;

    assert_int_equal(sofa_hardware_design(&hw, 1, &d, NULL), SOFA_OK);
    d.layer[0].tiles = 8;
    d.token_sram_bytes = 1 << 24;
    if (spec) {
        assert_int_equal(sofa_pattern_generate(spec, 1024, 1024, causal, arena, &pattern, NULL), SOFA_OK);
        assert_int_equal(sofa_spans_count(&pattern, causal, 128, fixed ? 0 : 128, arena, spans, NULL), SOFA_OK);
        spans->fixed = fixed;
    }
    sofa_model_evaluate(&hw, &d, &w, &s, r);
    assert_true(r->feasible);
}

static void the_keys_of_a_window_are_loaded_once_a_block(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_spans spans;
    struct sofa_result r;

    (void)state;
    run_spec("window:64", true, true, &spans, &arena, &r);
    /* the first of eight blocks sees 128 keys, the others 64 more; a pair is 2 x 64 x 2 bytes */
    assert_true(r.bytes[SOFA_TRAFFIC_KV] == (128 + 7 * 192) * 256.0);
    assert_true(spans.members == 1024 * 65 - 64 * 65 / 2);
    assert_true(r.operations.exponentials >= spans.members);
    sofa_arena_release(&arena);
}

static void a_selection_inside_a_pattern_of_all_keys_is_one_without_a_pattern(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_spans spans;
    struct sofa_result a, b;

    (void)state;
    run_spec(NULL, false, false, &spans, &arena, &a);
    run_spec("prefix:1024", false, false, &spans, &arena, &b);
    assert_true(fabs(a.cycles / b.cycles - 1) < 1e-12);
    assert_true(fabs(a.dram_bytes / b.dram_bytes - 1) < 1e-12);
    assert_true(fabs(a.energy_j / b.energy_j - 1) < 1e-12);
    sofa_arena_release(&arena);
}

static void a_narrower_window_costs_less(void **state)
{
    static const char *const specs[] = {"window:16", "window:64", "window:200", "window:1000"};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_result r, last = {.cycles = 0};
    struct sofa_spans spans;

    (void)state;
    for (int fixed = 0; fixed < 2; fixed++) {
        last = (struct sofa_result){.cycles = 0};
        for (size_t i = 0; i < COUNT(specs); i++) {
            run_spec(specs[i], fixed, true, &spans, &arena, &r);
            assert_true(r.cycles > last.cycles && r.energy_j > last.energy_j && r.dram_bytes > last.dram_bytes);
            last = r;
        }
    }
    sofa_arena_release(&arena);
}

static void spans_of_other_lanes_cannot_work(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_workload w = {.name = "spans", .layers = 1, .hidden = 64, .heads = 1, .kv_heads = 1, .head_dim = 64,
                              .queries = 256, .keys = 256, .causal = true, .batch = 1};
    struct sofa_selection one = {.density = 1, .union_share = 1, .naive_ratio = 1, .rass_ratio = 1, .union_all = 1};
    struct sofa_spans spans;
    const struct sofa_spans *layer = &spans;
    struct sofa_statistics s = {.layers = 1, .heads = 1, .head = &one, .spans = &layer};
    struct sofa_pattern pattern;
    struct sofa_design d;
    struct sofa_result r;

    (void)state;
    assert_int_equal(sofa_hardware_design(&hw, 1, &d, NULL), SOFA_OK);
    assert_int_equal(sofa_pattern_generate("window:9", 256, 256, true, &arena, &pattern, NULL), SOFA_OK);
    assert_int_equal(sofa_spans_count(&pattern, true, 64, 0, &arena, &spans, NULL), SOFA_OK);
    sofa_model_evaluate(&hw, &d, &w, &s, &r);
    assert_false(r.feasible);
    assert_non_null(strstr(r.reason, "in blocks of 64"));
    sofa_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycles_agree_with_the_simulator_and_bytes_are_the_same),
        cmocka_unit_test(work_over_time_passes_no_peak),
        cmocka_unit_test(more_of_a_buffer_adds_no_bytes_and_more_of_a_unit_no_time),
        cmocka_unit_test(a_fixed_pattern_never_costs_prediction_or_sorting),
        cmocka_unit_test(the_keys_of_a_window_are_loaded_once_a_block),
        cmocka_unit_test(a_selection_inside_a_pattern_of_all_keys_is_one_without_a_pattern),
        cmocka_unit_test(a_narrower_window_costs_less),
        cmocka_unit_test(spans_of_other_lanes_cannot_work),
    };

    return cmocka_run_group_tests(tests, load_chip, free_chip);
}
