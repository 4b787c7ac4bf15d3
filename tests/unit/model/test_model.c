/* The analytical model at its calibration point, its two published consequences, and its edges. */
#include "tests/unit/model/fixture.h"

static const struct sofa_selection plain = {.density = 0.0625, .union_share = 0.6, .naive_ratio = 1.5,
                                            .rass_ratio = 1.2, .union_all = 0.9};

static void evaluate(const struct sofa_design *d, const struct sofa_workload *w, const struct sofa_selection *s,
                     struct sofa_result *r)
{
    struct sofa_statistics statistics;

    assert_int_equal(sofa_statistics_init(&statistics, w->layers, 1, s, NULL), SOFA_OK);
    sofa_model_evaluate(&hw, d, w, &statistics, r);
    sofa_statistics_release(&statistics);
}

static void published_chip_has_the_published_area(void **state)
{
    double area[SOFA_AREA_COUNT], modules = 0, total;
    struct sofa_design d;

    (void)state;
    assert_int_equal(sofa_hardware_design(&hw, 12, &d, NULL), SOFA_OK);
    total = sofa_model_area(&hw, &d, area);
    assert_true(fabs(total - 5.69) < 1e-9);
    for (int i = 0; i < SOFA_AREA_TOTAL_GAP; i++)
        modules += area[i];
    assert_true(fabs(modules - 5.707) < 1e-9);
    assert_true(fabs(area[SOFA_AREA_PREDICTION] - 0.351) < 1e-9);
    assert_true(fabs(area[SOFA_AREA_SORT] - 0.692) < 1e-9);
    assert_true(fabs(area[SOFA_AREA_GENERATION] - 0.875) < 1e-9);
    assert_true(fabs(area[SOFA_AREA_SUFA] - 3.012) < 1e-9);
    assert_true(fabs(area[SOFA_AREA_MEMORY] - 0.497) < 1e-9);
    assert_true(fabs(area[SOFA_AREA_SCHEDULER] - 0.280) < 1e-9);
}

static void published_chip_has_the_published_power_with_every_unit_busy(void **state)
{
    double power[SOFA_ENERGY_COUNT], device, core;

    (void)state;
    device = sofa_model_full_power(&hw, &hw.design, hw.calibration_bytes_per_s, power);
    core = device - power[SOFA_ENERGY_DRAM] - power[SOFA_ENERGY_INTERFACE];
    assert_true(fabs(core - 0.94985) < 1e-5);
    assert_true(fabs(device - 3.40) < 0.005);
    assert_true(fabs(power[SOFA_ENERGY_INTERFACE] - 0.53) < 0.005);
    assert_true(fabs(power[SOFA_ENERGY_DRAM] - 1.92) < 0.005);
}

static void five_mebibytes_of_sram_have_the_published_area(void **state)
{
    (void)state;
    assert_true(fabs(sofa_sram_cost(&hw.sram, 5 * 0x1p20).area_mm2 - 5.47) < 1e-9);
}

static void score_prediction_and_formal_attention_balance_at_one_key_in_sixteen(void **state)
{
    struct sofa_workload w;
    struct sofa_design d;
    struct sofa_result r;

    (void)state;
    load_workload("models/workloads/bert-base-squad.yaml", &w);
    assert_int_equal(sofa_hardware_design(&hw, w.layers, &d, NULL), SOFA_OK);
    evaluate(&d, &w, &plain, &r);
    assert_true(r.feasible);
    assert_true(fabs(r.stage_cycles[SOFA_STAGE_SCORES] - r.stage_cycles[SOFA_STAGE_QK]) <
                1e-9 * r.stage_cycles[SOFA_STAGE_QK]);
}

static void generating_k_and_v_is_the_bottleneck_of_a_wide_model(void **state)
{
    struct sofa_workload w;
    struct sofa_design d;
    struct sofa_result r;

    (void)state;
    load_workload("models/workloads/llama-7b-wikitext2.yaml", &w);
    w.scope = SOFA_SCOPE_QKV_ATTENTION;
    assert_int_equal(sofa_hardware_design(&hw, w.layers, &d, NULL), SOFA_OK);
    evaluate(&d, &w, &plain, &r);
    assert_true(r.feasible);
    for (int i = 0; i < SOFA_STAGE_COUNT; i++)
        assert_true(i == SOFA_STAGE_GENERATION || r.stage_cycles[i] < r.stage_cycles[SOFA_STAGE_GENERATION]);
}

/* Four queries, four keys, one head, one tile, worked out by hand. */
static void a_small_case_comes_out_as_by_hand(void **state)
{
    struct sofa_workload w = {.name = "small", .layers = 1, .hidden = 8, .heads = 1, .kv_heads = 1, .head_dim = 8,
                              .queries = 4, .keys = 4, .batch = 1};
    struct sofa_selection s = {.density = 0.5, .union_share = 0.75, .naive_ratio = 1, .rass_ratio = 1, .union_all = 0.75};
    struct sofa_design d;
    struct sofa_result r;

    (void)state;
    assert_int_equal(sofa_hardware_design(&hw, 1, &d, NULL), SOFA_OK);
    d.query_lanes = 4;
    d.dlzs_columns = 2;
    d.layer[0].tiles = 1;
    d.layer[0].topk_permille = 500;
    d.dram_bytes_per_s = 1e30; /* transfers take no time */
    evaluate(&d, &w, &s, &r);
    /* K^: 4*8*8/(4*2) = 32; scores: 4*8/2 = 16; sort: one pass over one group = 1;
     * SU-FA, second array: (2 keys + 1 rescaling) * 8 / 2 = 12; division 8 */
    assert_true(fabs(r.cycles - (32 + 16 + 1 + 12 + 8)) < 1e-12);
    assert_true(fabs(r.bytes[SOFA_TRAFFIC_KV] - 3 * 2 * 8 * 2) < 1e-12);
    assert_true(fabs(r.bytes[SOFA_TRAFFIC_QUERIES] - 4 * 8 * 2) < 1e-12);
    assert_true(fabs(r.bytes[SOFA_TRAFFIC_X] - 4 * 8) < 1e-12);
    assert_true(fabs(r.bytes[SOFA_TRAFFIC_KHAT] - 4 * 8 * 2) < 1e-12);
    assert_true(fabs(r.operations.sufa_macs - (2 * 8 * 8 + 4 * 8)) < 1e-12);
    assert_true(r.bytes[SOFA_TRAFFIC_SCORES] == 0);
}

static void what_cannot_work_is_infeasible_and_says_why(void **state)
{
    static const struct {
        const char *says;
        double token, weight, temp, clock;
        int lanes, columns;
    } cases[] = {
        {"token_sram", 100, 98304, 28672, 1e9, 128, 4}, {"weight_sram", 196608, 1, 28672, 1e9, 128, 4},
        {"temp_sram", 196608, 98304, 100, 1e9, 128, 4}, {"clock", 196608, 98304, 28672, NAN, 128, 4},
        {"clock", 196608, 98304, 28672, 0, 128, 4},     {"lanes", 196608, 98304, 28672, 1e9, 0, 4},
        {"halved", 196608, 98304, 28672, 1e9, 128, 3},  {"token_sram", NAN, 98304, 28672, 1e9, 128, 4},
    };
    struct sofa_workload w;
    struct sofa_design d;
    struct sofa_result r;

    (void)state;
    load_workload("models/workloads/bert-base-squad.yaml", &w);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(sofa_hardware_design(&hw, w.layers, &d, NULL), SOFA_OK);
        d.token_sram_bytes = cases[i].token;
        d.weight_sram_bytes = cases[i].weight;
        d.temp_sram_bytes = cases[i].temp;
        d.clock_hz = cases[i].clock;
        d.query_lanes = cases[i].lanes;
        d.sufa_columns = cases[i].columns;
        evaluate(&d, &w, &plain, &r);
        assert_false(r.feasible);
        if (!strstr(r.reason, cases[i].says))
            fail_msg("'%s' doesn't mention %s", r.reason, cases[i].says);
        assert_true(isnan(sofa_metric_value(sofa_metric_find("latency"), &r)));
    }
}

static void impossible_statistics_are_infeasible(void **state)
{
    struct sofa_selection s = plain;
    struct sofa_workload w;
    struct sofa_design d;
    struct sofa_result r;

    (void)state;
    load_workload("models/workloads/bert-base-squad.yaml", &w);
    assert_int_equal(sofa_hardware_design(&hw, w.layers, &d, NULL), SOFA_OK);
    s.density = NAN;
    evaluate(&d, &w, &s, &r);
    assert_false(r.feasible);
    s = plain;
    s.union_all = 0;
    evaluate(&d, &w, &s, &r);
    assert_true(r.feasible);
    w.scope = SOFA_SCOPE_QKV_ATTENTION;
    evaluate(&d, &w, &s, &r);
    assert_false(r.feasible);
}

static void every_metric_has_a_unit_a_help_and_a_name_of_its_own(void **state)
{
    struct sofa_unit unit;

    (void)state;
    for (size_t i = 0; i < sofa_metric_count; i++) {
        assert_ptr_equal(sofa_metric_find(sofa_metrics[i].name), &sofa_metrics[i]);
        assert_true(sofa_metrics[i].help[0] != '\0');
        assert_int_equal(sofa_unit_parse(sofa_metrics[i].unit, &unit, NULL), SOFA_OK);
    }
    assert_null(sofa_metric_find("speed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_chip_has_the_published_area),
        cmocka_unit_test(published_chip_has_the_published_power_with_every_unit_busy),
        cmocka_unit_test(five_mebibytes_of_sram_have_the_published_area),
        cmocka_unit_test(score_prediction_and_formal_attention_balance_at_one_key_in_sixteen),
        cmocka_unit_test(generating_k_and_v_is_the_bottleneck_of_a_wide_model),
        cmocka_unit_test(a_small_case_comes_out_as_by_hand),
        cmocka_unit_test(what_cannot_work_is_infeasible_and_says_why),
        cmocka_unit_test(impossible_statistics_are_infeasible),
        cmocka_unit_test(every_metric_has_a_unit_a_help_and_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, load_chip, free_chip);
}
