#include "tests/unit/test.h"

#include <float.h>
#include <math.h>

#include "base/isa.h"
#include "transformer/fmath.h"
#include "transformer/gemm.h"
#include "transformer/gemm_ref.h"

static uint64_t seed = 1;

static uint32_t next(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 32);
}

/* Any finite float, subnormals included; every second one near 1, so that sums cancel. */
static float any_float(void)
{
    uint32_t bits = next();
    float x;

    if (next() & 1)
        bits = (bits & 0x807fffff) | (uint32_t)(120 + next() % 16) << 23;
    memcpy(&x, &bits, sizeof x);
    return isfinite(x) ? x : 1;
}

static void assert_same_bits(float a, float b)
{
    if (memcmp(&a, &b, sizeof a) != 0)
        fail_msg("%a is not %a", (double)a, (double)b);
}

static void the_emulated_fused_operation_rounds_as_fmaf_does(void **state)
{
    (void)state;
    for (int i = 0; i < 2000000; i++) {
        float a = any_float(), b = any_float(), c = any_float();

        if (i % 3 == 0)
            c = -(float)((double)a * b); /* the sum is what rounding left */
        if (isfinite(c))
            assert_same_bits(sofa_gemm_emulated_fma(a, b, c), fmaf(a, b, c));
    }
}

static void hard_sums_round_as_fmaf_does(void **state)
{
    static const float hard[] = {0, -0.0f, 1, -1, FLT_MIN, FLT_MIN / 2, 1e-45f, -1e-45f, FLT_MAX, -FLT_MAX,
                                 1 + FLT_EPSILON, 1 - FLT_EPSILON / 2, 0x1p-12f, 0x1p-24f, 0x1p-25f, 0x1.000002p-60f};
    size_t n = sizeof hard / sizeof *hard;

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t k = 0; k < n; k++)
                assert_same_bits(sofa_gemm_emulated_fma(hard[i], hard[j], hard[k]), fmaf(hard[i], hard[j], hard[k]));
}

/* Every variant against one chain of fmaf an output. */
static void check_product(const struct sofa_gemm *gemm, size_t m, size_t out, size_t in, int with_bias)
{
    float *x = calloc(m * in, sizeof *x), *w = calloc(out * in, sizeof *w), *bias = calloc(out, sizeof *bias);
    float *packed = aligned_alloc(64, sofa_gemm_packed_size(out, in) * sizeof *packed);
    float *y = calloc(m * out + 1, sizeof *y);

    for (size_t i = 0; i < m * in; i++)
        x[i] = (float)(int32_t)next() * 0x1p-31f;
    for (size_t i = 0; i < out * in; i++)
        w[i] = (float)(int32_t)next() * 0x1p-31f;
    for (size_t i = 0; i < out; i++)
        bias[i] = (float)(int32_t)next() * 0x1p-31f;
    y[m * out] = 42;
    sofa_gemm_pack(w, out, in, packed);
    sofa_gemm_run(gemm, m, out, in, x, packed, with_bias ? bias : NULL, y);
    for (size_t i = 0; i < m; i++)
        for (size_t o = 0; o < out; o++) {
            float sum = with_bias ? bias[o] : 0;

            for (size_t k = 0; k < in; k++)
                sum = fmaf(x[i * in + k], w[o * in + k], sum);
            assert_same_bits(y[i * out + o], sum);
        }
    assert_true(y[m * out] == 42);
    free(x);
    free(w);
    free(bias);
    free(packed);
    free(y);
}

static void every_variant_is_one_fused_chain_an_output(void **state)
{
    static const char *const names[] = {"portable", "avx2", "avx512"};
    static const size_t shapes[][3] = {{1, 1, 1},    {1, 33, 7},   {5, 31, 64},  {12, 32, 256},
                                       {13, 65, 257}, {241, 40, 31}, {37, 96, 300}};
    size_t index;

    (void)state;
    for (size_t v = 0; v < 3; v++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            check_product(sofa_gemm_find(names[v]), shapes[s][0], shapes[s][1], shapes[s][2], s % 2);
    for (size_t v = 0; v < 3; v++) /* the portable one takes the place of what this machine can't run */
        assert_string_equal(sofa_gemm_find(names[v])->isa,
                            sofa_isa_find(names[v], &index, NULL) == SOFA_OK ? names[v] : "portable");
    assert_string_equal(sofa_gemm_find("no such")->isa, "portable");
    assert_string_equal(sofa_gemm_find("portable")->isa, "portable");
}

static double one_exp(double x)
{
    double lanes[SOFA_SUM_LANES] = {3, x, -2, x, x, 700, -700, 0};

    sofa_exp8(lanes, lanes);
    assert_true(lanes[1] == lanes[4]);
    return lanes[1];
}

static void the_exponential_is_close_to_the_library_s(void **state)
{
    (void)state;
    for (double x = -690; x < 690; x += 0.0137)
        assert_true(fabs(one_exp(x) - exp(x)) <= 1e-13 * exp(x));
    assert_true(one_exp(0) == 1);
    assert_true(one_exp(-1e9) < 1e-300 && one_exp(1e9) > 1e300);
}

static void activations_are_the_same_in_every_variant_and_near_their_definition(void **state)
{
    static const char *const names[] = {"portable", "avx2", "avx512"};
    float x[1003], by[1003], out[1003], first[1003];

    (void)state;
    for (size_t i = 0; i < 1003; i++) {
        x[i] = (float)(int32_t)next() * 0x1p-27f;
        by[i] = (float)(int32_t)next() * 0x1p-31f;
    }
    for (size_t v = 0; v < 3; v++) {
        sofa_gemm_find(names[v])->silu(x, by, 1003, out);
        memcpy(first, v ? first : out, sizeof first);
        assert_memory_equal(first, out, sizeof out);
        for (size_t i = 0; i < 1003; i++)
            assert_true(fabs(out[i] - x[i] / (1 + exp(-(double)x[i])) * by[i]) < 1e-6);
    }
    for (size_t v = 0; v < 3; v++) {
        memcpy(out, x, sizeof out);
        sofa_gemm_find(names[v])->gelu_tanh(out, NULL, 1003, out);
        memcpy(first, v ? first : out, sizeof first);
        assert_memory_equal(first, out, sizeof out);
        for (size_t i = 0; i < 1003; i++) {
            double u = sqrt(2 / 3.14159265358979) * (x[i] + 0.044715 * x[i] * x[i] * x[i]);

            assert_true(fabs(out[i] - 0.5 * x[i] * (1 + tanh(u))) < 2e-6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_emulated_fused_operation_rounds_as_fmaf_does),
        cmocka_unit_test(hard_sums_round_as_fmaf_does),
        cmocka_unit_test(every_variant_is_one_fused_chain_an_output),
        cmocka_unit_test(the_exponential_is_close_to_the_library_s),
        cmocka_unit_test(activations_are_the_same_in_every_variant_and_near_their_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
