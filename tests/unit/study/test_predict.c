/* The predictor of kernel statistics. */
#include "tests/unit/test.h"

#include <math.h>

#include "study/predict.h"

#define LAYERS 2

static struct sofa_design design_of(int tiles, int permille)
{
    struct sofa_design d;

    memset(&d, 0, sizeof d);
    d.layers = LAYERS;
    d.query_lanes = 128;
    d.keys_per_phase = 2;
    for (int l = 0; l < LAYERS; l++)
        d.layer[l] = (struct sofa_layer_settings){.tiles = tiles, .topk_permille = permille, .radius = 6, .khat_bits = 8,
                                                  .q_bits = 8, .formal_bits = 16};
    return d;
}

static void add(struct sofa_predictor *p, int tiles, int permille, double scale)
{
    struct sofa_design d = design_of(tiles, permille);
    double density = scale * sofa_quota_density(256, true, tiles, permille);
    struct sofa_selection head[LAYERS];
    struct sofa_statistics s = {.layers = LAYERS, .heads = 1, .head = head};

    for (int l = 0; l < LAYERS; l++)
        head[l] = (struct sofa_selection){.density = density, .union_share = 0.7, .naive_ratio = 3, .rass_ratio = 1.5,
                                          .clipped = 0.1, .mispredicted = 0.2, .union_all = 0.9};
    assert_int_equal(sofa_predictor_add(p, &d, &s, NULL), SOFA_OK);
}

static struct sofa_selection get(struct sofa_predictor *p, int tiles, int permille)
{
    struct sofa_design d = design_of(tiles, permille);
    struct sofa_selection head[LAYERS];
    struct sofa_statistics s = {.head = head};

    sofa_predictor_get(p, &d, &s);
    assert_int_equal(s.layers, LAYERS);
    assert_int_equal(s.heads, 1);
    return head[1];
}

static struct sofa_predictor *new_predictor(void)
{
    struct sofa_predictor *p;

    assert_int_equal(sofa_predictor_new(LAYERS, 1, 256, true, &p, NULL), SOFA_OK);
    return p;
}

static void quotas_are_counted_row_by_row(void **state)
{
    double literal = 0;

    (void)state;
    for (int row = 0; row < 50; row++) /* 50 tokens, 4 tiles of 13, 13, 13, 11 keys, a ratio of 0.3 */
        for (int first = 0; first <= row; first += 13)
            literal += ceil(fmin(13, row + 1 - first) * 300 / 1000.0);
    assert_true(fabs(sofa_quota_density(50, true, 4, 300) - literal / (50 * 51 / 2)) < 1e-12);
    assert_true(sofa_quota_density(64, false, 8, 1000) == 1);
}

static void before_anything_is_measured_it_assumes_the_quota(void **state)
{
    struct sofa_predictor *p = new_predictor();
    struct sofa_selection s = get(p, 8, 200);

    (void)state;
    assert_true(s.density == sofa_quota_density(256, true, 8, 200));
    assert_true(s.rass_ratio == 1 && s.union_share >= s.density && s.union_share <= 1);
    sofa_predictor_free(p);
}

static void measured_settings_give_exactly_what_was_measured(void **state)
{
    struct sofa_predictor *p = new_predictor();

    (void)state;
    for (int t = 2; t <= 16; t *= 2)
        for (int k = 50; k <= 400; k *= 2)
            add(p, t, k, 0.9);
    for (int t = 2; t <= 16; t *= 2) {
        struct sofa_selection s = get(p, t, 100);

        assert_true(s.density == 0.9 * sofa_quota_density(256, true, t, 100));
        assert_true(s.union_share == 0.7 && s.naive_ratio == 3 && s.rass_ratio == 1.5);
    }
    sofa_predictor_free(p);
}

static void heads_are_averaged_and_so_are_repetitions(void **state)
{
    struct sofa_predictor *p = new_predictor();
    struct sofa_design d = design_of(4, 100);
    struct sofa_selection head[2 * LAYERS] = {{.density = 0}};
    struct sofa_statistics s = {.layers = LAYERS, .heads = 2, .head = head};

    (void)state;
    for (int i = 0; i < 2 * LAYERS; i++)
        head[i] = (struct sofa_selection){.density = i % 2 ? 0.25 : 0.125, .naive_ratio = 1, .rass_ratio = 1};
    assert_int_equal(sofa_predictor_add(p, &d, &s, NULL), SOFA_OK);
    assert_true(get(p, 4, 100).density == 0.1875);
    for (int i = 0; i < 2 * LAYERS; i++)
        head[i].density = 0.3125;
    assert_int_equal(sofa_predictor_add(p, &d, &s, NULL), SOFA_OK);
    assert_true(get(p, 4, 100).density == 0.25);
    sofa_predictor_free(p);
}

static void between_measured_settings_it_is_near_and_possible(void **state)
{
    struct sofa_predictor *p = new_predictor();

    (void)state;
    for (int t = 2; t <= 32; t *= 2)
        for (int k = 50; k <= 400; k *= 2)
            add(p, t, k, 0.9);
    for (int t = 3; t <= 24; t += 7) {
        struct sofa_selection s = get(p, t, 150);

        assert_true(fabs(s.density / (0.9 * sofa_quota_density(256, true, t, 150)) - 1) < 0.02);
        assert_true(fabs(s.union_share - 0.7) < 0.02 && fabs(s.rass_ratio - 1.5) < 0.05);
    }
    for (int k = 1; k <= 1000; k += 37) { /* far outside */
        struct sofa_selection s = get(p, 1, k);

        assert_true(s.density >= 0 && s.density <= 1 && s.union_share >= 0 && s.union_share <= 1);
        assert_true(s.naive_ratio >= 1 && s.rass_ratio >= 1);
    }
    sofa_predictor_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_are_counted_row_by_row),
        cmocka_unit_test(before_anything_is_measured_it_assumes_the_quota),
        cmocka_unit_test(measured_settings_give_exactly_what_was_measured),
        cmocka_unit_test(heads_are_averaged_and_so_are_repetitions),
        cmocka_unit_test(between_measured_settings_it_is_near_and_possible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
