/* What must hold whatever the numbers are, and what must be refused. */
#include "attention/rass.h"
#include "base/isa.h"
#include "tests/unit/attention/random_case.h"

static const struct sofa_attention_kernel *best_kernel(void)
{
    const struct sofa_attention_kernel *kernel;

    assert_int_equal(sofa_attention_kernel_find(NULL, &kernel, NULL), SOFA_OK);
    return kernel;
}

static void without_clipping_each_tile_gives_its_quota(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    gsl_rng *rng = sofa_rng_new(3, 0);

    (void)state;
    for (int i = 0; i < 40; i++) {
        struct random_case c = random_case(rng, 150, 20);
        size_t bc = (c.s + (size_t)c.params.tiles - 1) / (size_t)c.params.tiles, expected = 0;
        struct random_result r;

        c.params.radius = INFINITY;
        r = random_run(&c, best_kernel(), false, &arena);
        for (size_t row = 0; row < c.s; row++) {
            size_t visible = c.params.causal ? row + 1 : c.s;

            for (size_t start = 0; start < visible; start += bc) {
                size_t v = visible - start < bc ? visible - start : bc;

                expected += (v * (size_t)c.params.topk_permille + 999) / 1000;
            }
        }
        assert_true(r.stats.selected == (double)expected);
        assert_true(r.stats.clipped == 0);
        random_result_free(&r);
        random_case_free(&c);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

/* With tiles of one key each every key is its tile's best: the sparse result is the dense one but for
 * quantisation. */
static void a_tile_for_every_key_selects_all(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    gsl_rng *rng = sofa_rng_new(4, 0);

    (void)state;
    for (int i = 0; i < 10; i++) {
        struct random_case c = random_case(rng, 100, 32);
        struct random_result r;

        c.params.tiles = (int)c.s;
        c.params.topk_permille = 1;
        c.params.reference = SOFA_REFERENCE_SEGMENT;
        c.params.formal_bits = 16;
        r = random_run(&c, best_kernel(), false, &arena);
        assert_true(r.stats.selected == r.stats.visible);
        assert_true(r.stats.overlap == 1 && r.stats.overlap_sort == 1);
        assert_true(fabs(r.stats.mass - 1) < 1e-12);
        assert_true(r.stats.max_mispredict == 0);
        assert_true(r.stats.rel_error < 3e-3);
        random_result_free(&r);
        random_case_free(&c);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

/* K^ of the long run serves the short one, so that scales agree; so do q, k and v's largest values. */
static void causal_rows_do_not_see_what_comes_after(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    gsl_rng *rng = sofa_rng_new(5, 0);
    struct random_case c = random_case(rng, 2, 2);
    size_t s = 120, d = 16, half = 60;
    float *out = malloc(s * d * sizeof *out), *prefix = malloc(s * d * sizeof *prefix);
    int32_t *khat = malloc(s * d * sizeof *khat);
    struct sofa_khat whole = {s, d, 0.01, khat}, part = {half, d, 0.01, khat};
    float *q = random_array(rng, s, d, 0, 1), *k = random_array(rng, s, d, 0, 1), *v = random_array(rng, s, d, 0, 1);
    struct sofa_attention_params p = SOFA_ATTENTION_DEFAULTS;

    (void)state;
    q[0] = k[0] = v[0] = 30;
    for (size_t i = 0; i < s * d; i++)
        khat[i] = (int32_t)sofa_rng_below(rng, 2001) - 1000;
    p.topk_permille = 200;
    p.radius = 5;
    p.tiles = 6; /* of 20 keys */
    assert_int_equal(sofa_attention_run(best_kernel(), &p, &whole, q, k, v, out, SOFA_STATS_NONE, NULL, NULL, &arena,
                                        NULL),
                     SOFA_OK);
    p.tiles = 3; /* of 20 keys */
    assert_int_equal(sofa_attention_run(best_kernel(), &p, &part, q, k, v, prefix, SOFA_STATS_NONE, NULL, NULL, &arena,
                                        NULL),
                     SOFA_OK);
    assert_memory_equal(out, prefix, half * d * sizeof *out);
    random_case_free(&c);
    free(q), free(k), free(v), free(out), free(prefix), free(khat);
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

static void equal_scores_are_taken_from_the_lowest_index_on(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    enum { S = 40, D = 4 };
    int32_t khat[S * D];
    float q[S * D], out[S * D];
    uint8_t selection[S * S];
    struct sofa_khat predicted = {S, D, 1, khat};
    struct sofa_attention_trace trace = {NULL, selection};
    struct sofa_attention_params p = SOFA_ATTENTION_DEFAULTS;

    (void)state;
    for (size_t i = 0; i < S * D; i++) {
        khat[i] = (i / D) % 2 ? 5 : 3; /* odd keys tie above even ones */
        q[i] = 1;
    }
    p.causal = false;
    p.tiles = 2;
    p.topk_permille = 600; /* 12 of 20: the 10 odd keys, then the first two even ones */
    assert_int_equal(sofa_attention_run(best_kernel(), &p, &predicted, q, q, q, out, SOFA_STATS_NONE, NULL, &trace,
                                        &arena, NULL),
                     SOFA_OK);
    for (size_t i = 0; i < S; i++)
        for (size_t j = 0; j < S; j++)
            assert_int_equal(selection[i * S + j], j % 2 == 1 || j % 20 <= 2);
    sofa_arena_release(&arena);
}

/* The worked example of the SOFA paper: four queries, two keys each per phase. */
static void the_published_schedule_comes_out(void **state)
{
    static const uint32_t keys[] = {2, 3, 4, 7, 0, 1, 2, 3, 2, 3, 4, 7, 4, 5, 6, 7};
    static const size_t start[] = {0, 4, 8, 12, 16};
    struct sofa_block block = {.rows = 4, .start = start, .keys = keys};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    uint32_t order[16], stamp[8];
    unsigned phase[2] = {0, 0};
    size_t loads;

    (void)state;
    assert_int_equal(sofa_rass_loads(best_kernel(), &block, 8, 2, order, &loads, &arena, NULL), SOFA_OK);
    assert_int_equal(loads, 8);
    for (size_t i = 0; i < 8; i++)
        phase[i / 4] |= 1u << order[i];
    assert_int_equal(phase[0], 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6);
    assert_int_equal(phase[1], 1u << 0 | 1u << 1 | 1u << 4 | 1u << 7);
    assert_int_equal(sofa_naive_loads(&block, 8, 2, stamp), 11); /* 22 vectors */
    sofa_arena_release(&arena);
}

static void expect_refusal(enum sofa_code rc, const struct sofa_err *err, const char *text)
{
    assert_int_equal(rc, SOFA_E_INPUT);
    if (!strstr(err->text, text))
        fail_msg("'%s' does not name '%s'", err->text, text);
}

static void values_that_are_not_finite_are_refused_by_name(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_attention_params p = SOFA_ATTENTION_DEFAULTS;
    const struct sofa_attention_kernel *kernel = best_kernel();
    float x[12], out[12];
    struct sofa_quant8 x8;
    struct sofa_khat khat;
    struct sofa_err err;

    (void)state;
    for (size_t i = 0; i < 12; i++)
        x[i] = (float)i;
    assert_int_equal(sofa_attention_quantise_x(kernel, x, 3, 4, &arena, &x8, &err), SOFA_OK);
    assert_int_equal(sofa_attention_predict_keys(kernel, 16, &x8, x, 3, (struct sofa_rope){0}, &arena, &khat, &err),
                     SOFA_OK);
    for (size_t i = 0; i < 3; i++) {
        float y[12];

        memcpy(y, x, sizeof y);
        y[5] = bad[i];
        expect_refusal(sofa_attention_quantise_x(kernel, y, 3, 4, &arena, &x8, &err), &err, "X holds");
        expect_refusal(sofa_attention_run(kernel, &p, &khat, y, x, x, out, 0, NULL, NULL, &arena, &err), &err, "Q holds");
        expect_refusal(sofa_attention_run(kernel, &p, &khat, x, y, x, out, 0, NULL, NULL, &arena, &err), &err, "K holds");
        expect_refusal(sofa_attention_run(kernel, &p, &khat, x, x, y, out, 0, NULL, NULL, &arena, &err), &err,
                       "V holds");
        assert_non_null(strstr(err.text, "row 1, column 2"));
        expect_refusal(sofa_attention_predict_keys(kernel, 16, &x8, y, 3, (struct sofa_rope){0}, &arena, &khat, &err),
                       &err, "Wk holds");
    }
    sofa_arena_release(&arena);
}

static void settings_out_of_range_are_refused_by_name(void **state)
{
    const struct sofa_attention_params good = SOFA_ATTENTION_DEFAULTS;
    struct sofa_attention_params p[8];
    static const char *const names[8] = {"tiles",       "topk_permille", "khat_bits",  "q_bits",
                                         "formal_bits", "radius",        "block_rows", "keys_per_phase"};
    struct sofa_err err;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        p[i] = good;
    p[0].tiles = 0;
    p[1].topk_permille = 1001;
    p[2].khat_bits = 3;
    p[3].q_bits = 17;
    p[4].formal_bits = 7;
    p[5].radius = NAN;
    p[6].block_rows = 0;
    p[7].keys_per_phase = 0;
    assert_int_equal(sofa_attention_check(&good, &err), SOFA_OK);
    for (size_t i = 0; i < 8; i++)
        expect_refusal(sofa_attention_check(&p[i], &err), &err, names[i]);
}

static void extreme_magnitudes_give_finite_results(void **state)
{
    static const float scale[] = {1e38f, 1e-38f, 1e-44f};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    gsl_rng *rng = sofa_rng_new(6, 0);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct random_case c = random_case(rng, 50, 20);
        struct random_result r;

        for (size_t j = 0; j < c.s * c.d; j++) {
            c.q[j] *= scale[i] / 20;
            c.k[j] *= scale[i] / 200;
            c.v[j] *= scale[i] / 20;
        }
        r = random_run(&c, best_kernel(), false, &arena);
        for (size_t j = 0; j < c.s * c.d; j++)
            assert_true(isfinite(r.out[j]));
        random_result_free(&r);
        random_case_free(&c);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

static void kernels_have_the_instruction_set_they_are_found_by(void **state)
{
    const struct sofa_attention_kernel *kernel = NULL;
    size_t n;
    const char *const *names = sofa_isa_names(&n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        if (sofa_attention_kernel_find(names[i], &kernel, NULL) == SOFA_OK)
            assert_string_equal(sofa_attention_kernel_name(kernel), names[i]);
    assert_int_equal(sofa_attention_kernel_find("sse9", &kernel, NULL), SOFA_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_clipping_each_tile_gives_its_quota),
        cmocka_unit_test(a_tile_for_every_key_selects_all),
        cmocka_unit_test(causal_rows_do_not_see_what_comes_after),
        cmocka_unit_test(equal_scores_are_taken_from_the_lowest_index_on),
        cmocka_unit_test(the_published_schedule_comes_out),
        cmocka_unit_test(values_that_are_not_finite_are_refused_by_name),
        cmocka_unit_test(settings_out_of_range_are_refused_by_name),
        cmocka_unit_test(extreme_magnitudes_give_finite_results),
        cmocka_unit_test(kernels_have_the_instruction_set_they_are_found_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
