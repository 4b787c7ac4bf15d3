#include "tests/unit/test.h"

#include <math.h>

#include "attention/synthetic.h"

#define S 512
#define H 64
#define D 64

static float x[S * H], wk[H * D], q[S * D], k[S * D], v[S * D];

static void shares_of(const struct sofa_synthetic *synthetic, double share[SOFA_ROW_TYPES])
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    size_t rows;

    assert_int_equal(sofa_synthetic_head(synthetic, S, H, D, x, wk, q, k, v, NULL, NULL), SOFA_OK);
    assert_int_equal(sofa_rows_classify(S, D, synthetic->causal, q, k, share, &rows, &arena, NULL), SOFA_OK);
    assert_int_equal(rows, synthetic->causal ? S - 255 : S);
    sofa_arena_release(&arena);
}

static void rows_of_one_type_are_classified_as_it(void **state)
{
    (void)state;
    for (int t = 0; t < SOFA_ROW_TYPES; t++) {
        for (int causal = 0; causal < 2; causal++) {
            struct sofa_synthetic synthetic = {.causal = causal, .seed = 5};
            double share[SOFA_ROW_TYPES];

            synthetic.share[t] = 1;
            shares_of(&synthetic, share);
            if (share[t] < 0.9)
                fail_msg("type %s, causal %d: %.2f %.2f %.2f", sofa_row_type_names[t], causal, share[0], share[1], share[2]);
        }
    }
}

static void shares_come_out_as_they_were_asked_for(void **state)
{
    struct sofa_synthetic synthetic = SOFA_SYNTHETIC_DEFAULTS;
    double share[SOFA_ROW_TYPES];

    (void)state;
    synthetic.causal = false;
    shares_of(&synthetic, share);
    for (int t = 0; t < SOFA_ROW_TYPES; t++)
        assert_true(fabs(share[t] - synthetic.share[t]) < 0.08);
}

static void a_stream_is_a_head_of_its_own_and_always_the_same(void **state)
{
    struct sofa_synthetic synthetic = SOFA_SYNTHETIC_DEFAULTS;
    static float first[S * D];

    (void)state;
    assert_int_equal(sofa_synthetic_head(&synthetic, S, H, D, x, wk, first, k, v, NULL, NULL), SOFA_OK);
    assert_int_equal(sofa_synthetic_head(&synthetic, S, H, D, x, wk, q, k, v, NULL, NULL), SOFA_OK);
    assert_memory_equal(first, q, sizeof q);
    synthetic.stream = 1;
    assert_int_equal(sofa_synthetic_head(&synthetic, S, H, D, x, wk, q, k, v, NULL, NULL), SOFA_OK);
    assert_memory_not_equal(first, q, sizeof q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_type_are_classified_as_it),
        cmocka_unit_test(shares_come_out_as_they_were_asked_for),
        cmocka_unit_test(a_stream_is_a_head_of_its_own_and_always_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
