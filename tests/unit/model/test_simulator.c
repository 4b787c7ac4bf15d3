/* The model against the event-driven simulator, on a fixed sample of random designs. */
#include "model/simulator.h"
#include "tests/unit/model/fixture.h"

#define SAMPLES 300

static double model[SAMPLES], simulated[SAMPLES], byte_error[SAMPLES];

static void take(gsl_rng *rng, size_t *n)
{
    struct sofa_workload w;
    struct sofa_design d;
    struct sofa_statistics s;
    struct sofa_result r;
    double bytes;

    random_workload(rng, &w);
    random_design(rng, &hw, w.layers, &d);
    assert_true(random_statistics(rng, &w, &d, &s));
    sofa_model_evaluate(&hw, &d, &w, &s, &r);
    if (r.feasible) {
        assert_int_equal(sofa_simulate(&hw, &d, &w, &s, &simulated[*n], &bytes, NULL), SOFA_OK);
        model[*n] = r.cycles;
        byte_error[*n] = fabs(r.dram_bytes / bytes - 1);
        ++*n;
    } else {
        assert_int_equal(sofa_simulate(&hw, &d, &w, &s, &simulated[*n], &bytes, NULL), SOFA_E_EVAL);
    }
    sofa_statistics_release(&s);
}

static int setup(void **state)
{
    gsl_rng *rng = sofa_rng_new(300, 7);
    size_t n = 0;

    load_chip(state);
    assert_non_null(rng);
    while (n < SAMPLES)
        take(rng, &n);
    gsl_rng_free(rng);
    return 0;
}

static void cycles_agree_within_three_percent_in_the_mean_and_ten_at_worst(void **state)
{
    double sum = 0;

    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        double error = fabs(model[i] / simulated[i] - 1);

        assert_true(error <= 0.10);
        sum += error;
    }
    assert_true(sum / SAMPLES <= 0.03);
}

static void bytes_are_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        assert_true(byte_error[i] < 1e-9);
}

static void designs_are_ranked_alike(void **state)
{
    double agree = 0, pairs = 0;

    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        for (int j = 0; j < i; j++, pairs++)
            agree += (model[i] < model[j]) == (simulated[i] < simulated[j]) ? 1 : -1;
    assert_true(agree / pairs >= 0.98);
}

/* One head, one block, one tile, and more bandwidth than is needed: the stages one after the other. */
static void a_single_tile_takes_its_stages_one_after_the_other(void **state)
{
    struct sofa_workload w = {.name = "small", .layers = 1, .hidden = 8, .heads = 1, .kv_heads = 1, .head_dim = 8,
                              .queries = 4, .keys = 4, .batch = 1};
    struct sofa_selection one = {.density = 0.5, .union_share = 0.75, .naive_ratio = 1, .rass_ratio = 1, .union_all = 0.75};
    struct sofa_statistics s = {.layers = 1, .heads = 1, .head = &one};
    struct sofa_design d;
    double cycles, bytes;

    (void)state;
    assert_int_equal(sofa_hardware_design(&hw, 1, &d, NULL), SOFA_OK);
    d.query_lanes = 4;
    d.dlzs_columns = 2;
    d.layer[0].tiles = 1;
    d.layer[0].topk_permille = 500;
    d.dram_bytes_per_s = 1e18;
    assert_int_equal(sofa_simulate(&hw, &d, &w, &s, &cycles, &bytes, NULL), SOFA_OK);
    /* DLZS 32 + 16, sort 1, SU-FA 12, division 8; each starts on a whole cycle after its operands */
    assert_true(cycles >= 69 && cycles <= 69 + 2.01);
}

static void more_than_can_be_played_is_refused(void **state)
{
    struct sofa_selection one = {.density = 0.1, .union_share = 0.7, .naive_ratio = 1, .rass_ratio = 1, .union_all = 0.9};
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_statistics s;
    struct sofa_workload w;
    struct sofa_design d;
    double cycles, bytes;

    (void)state;
    load_workload("models/workloads/llama-3-70b-128k.yaml", &w);
    w.batch = 1000;
    assert_int_equal(sofa_hardware_design(&hw, w.layers, &d, NULL), SOFA_OK);
    assert_int_equal(sofa_statistics_init(&s, w.layers, 1, &one, NULL), SOFA_OK);
    assert_int_equal(sofa_simulate(&hw, &d, &w, &s, &cycles, &bytes, &err), SOFA_E_EVAL);
    assert_non_null(strstr(err.text, "tile by tile"));
    sofa_statistics_release(&s);
}

static void a_slow_dram_is_the_limit(void **state)
{
    struct sofa_selection one = {.density = 0.1, .union_share = 0.7, .naive_ratio = 1.5, .rass_ratio = 1.2, .union_all = 0.9};
    struct sofa_statistics s;
    struct sofa_workload w;
    struct sofa_design d;
    double cycles, bytes;

    (void)state;
    load_workload("models/workloads/bert-base-squad.yaml", &w);
    w.layers = 1;
    assert_int_equal(sofa_hardware_design(&hw, 1, &d, NULL), SOFA_OK);
    assert_int_equal(sofa_statistics_init(&s, 1, 1, &one, NULL), SOFA_OK);
    d.dram_bytes_per_s = 1e9;
    assert_int_equal(sofa_simulate(&hw, &d, &w, &s, &cycles, &bytes, NULL), SOFA_OK);
    assert_true(cycles >= bytes && cycles < 1.01 * bytes);
    sofa_statistics_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycles_agree_within_three_percent_in_the_mean_and_ten_at_worst),
        cmocka_unit_test(bytes_are_the_same),
        cmocka_unit_test(designs_are_ranked_alike),
        cmocka_unit_test(a_single_tile_takes_its_stages_one_after_the_other),
        cmocka_unit_test(a_slow_dram_is_the_limit),
        cmocka_unit_test(more_than_can_be_played_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, free_chip);
}
