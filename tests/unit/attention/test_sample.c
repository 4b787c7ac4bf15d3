/* What is measured on a sample of the rows is what all rows would give if they were those rows. */
#include "tests/unit/attention/random_case.h"

#define STEP 8 /* of the sample; the row in the middle */

static struct sofa_arena arena = SOFA_ARENA_INIT;

static struct sofa_attention_stats run(const struct random_case *c, const char *isa, enum sofa_stats_level level, float *out)
{
    const struct sofa_attention_kernel *kernel;
    struct sofa_attention_stats stats;
    struct sofa_quant8 x8;
    struct sofa_khat khat;

    assert_int_equal(sofa_attention_kernel_find(isa, &kernel, NULL), SOFA_OK);
    sofa_arena_reset(&arena);
    assert_int_equal(sofa_attention_quantise_x(kernel, c->x, c->s, c->h, &arena, &x8, NULL), SOFA_OK);
    assert_int_equal(
        sofa_attention_predict_keys(kernel, c->params.khat_bits, &x8, c->wk, c->d, c->rope, &arena, &khat, NULL), SOFA_OK);
    assert_int_equal(
        sofa_attention_run(kernel, &c->params, &khat, c->q, c->k, c->v, out, level, &stats, NULL, &arena, NULL), SOFA_OK);
    return stats;
}

/* Softmax mass of a row on its selected keys; its dense output to `dense` [d]. */
static double literal_row(const struct random_case *c, size_t row, const uint8_t *selected, double *dense)
{
    size_t visible = c->params.causal ? row + 1 : c->s;
    double *weight = calloc(visible, sizeof *weight), most = -INFINITY, sum = 0, on_selected = 0;

    assert_non_null(weight);
    for (size_t j = 0; j < visible; j++) {
        for (size_t u = 0; u < c->d; u++)
            weight[j] += (double)c->q[row * c->d + u] * c->k[j * c->d + u] / sqrt((double)c->d);
        most = fmax(most, weight[j]);
    }
    memset(dense, 0, c->d * sizeof *dense);
    for (size_t j = 0; j < visible; j++) {
        weight[j] = exp(weight[j] - most);
        sum += weight[j];
        on_selected += selected[j] ? weight[j] : 0;
        for (size_t u = 0; u < c->d; u++)
            dense[u] += weight[j] * c->v[j * c->d + u];
    }
    for (size_t u = 0; u < c->d; u++)
        dense[u] /= sum;
    free(weight);
    return on_selected / sum;
}

static void a_sample_is_of_every_eighth_row(void **state)
{
    gsl_rng *rng = sofa_rng_new(11, 0);
    double dense[64];

    (void)state;
    for (int i = 0; i < 40; i++) {
        struct random_case c = random_case(rng, 150, 40);
        size_t step = c.s < STEP ? 1 : STEP, rows = 0;
        const struct sofa_attention_kernel *best;
        double mass = 0, difference = 0, norm = 0;
        struct sofa_attention_stats stats;
        struct random_result whole;

        assert_int_equal(sofa_attention_kernel_find(NULL, &best, NULL), SOFA_OK);
        whole = random_run(&c, best, true, &arena);
        for (size_t row = step / 2; row < c.s; row += step, rows++) {
            mass += literal_row(&c, row, whole.selection + row * c.s, dense);
            for (size_t u = 0; u < c.d; u++) {
                double e = whole.out[row * c.d + u] - dense[u];

                difference += e * e;
                norm += dense[u] * dense[u];
            }
        }
        stats = run(&c, NULL, SOFA_STATS_SAMPLE, whole.out);
        assert_true(fabs(stats.mass - mass / (double)rows) <= 1e-9);
        assert_true(fabs(stats.rel_error - (norm > 0 ? sqrt(difference / norm) : 0)) <= 1e-7);
        random_result_free(&whole);
        random_case_free(&c);
    }
    gsl_rng_free(rng);
}

static void a_sample_has_the_same_bits_on_every_instruction_set_and_changes_nothing_else(void **state)
{
    gsl_rng *rng = sofa_rng_new(12, 0);

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct random_case c = random_case(rng, 150, 40);
        float *out = malloc(c.s * c.d * sizeof *out), *plain = malloc(c.s * c.d * sizeof *plain);
        struct sofa_attention_stats best, portable, model;

        assert_true(out && plain);
        model = run(&c, NULL, SOFA_STATS_MODEL, plain);
        portable = run(&c, "portable", SOFA_STATS_SAMPLE, out);
        best = run(&c, NULL, SOFA_STATS_SAMPLE, out);
        assert_memory_equal(out, plain, c.s * c.d * sizeof *out);
        assert_memory_equal(&best, &portable, sizeof best);
        best.mass = model.mass;
        best.rel_error = model.rel_error;
        assert_memory_equal(&best, &model, sizeof best);
        free(out);
        free(plain);
        random_case_free(&c);
    }
    gsl_rng_free(rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_is_of_every_eighth_row),
        cmocka_unit_test(a_sample_has_the_same_bits_on_every_instruction_set_and_changes_nothing_else),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    sofa_arena_release(&arena);
    return failed;
}
