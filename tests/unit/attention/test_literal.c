/* The kernel against its definition taken literally, and every variant against the portable one. */
#include "attention/rass.h"
#include "base/isa.h"
#include "tests/unit/attention/literal_check.h"

#define CASES 100

static void random_cases_agree_with_the_literal_definition(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    const struct sofa_attention_kernel *portable;
    gsl_rng *rng = sofa_rng_new(1, 0);

    (void)state;
    assert_int_equal(sofa_attention_kernel_find("portable", &portable, NULL), SOFA_OK);
    for (int i = 0; i < CASES; i++) {
        struct random_case c = random_case(rng, 90, 40);
        struct random_result r = random_run(&c, portable, true, &arena);

        print_message("# case %d: s %zu h %zu d %zu tiles %d permille %d\n", i, c.s, c.h, c.d, c.params.tiles,
                      c.params.topk_permille);
        check_literal(&c, NULL, &r);
        random_result_free(&r);
        random_case_free(&c);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

static void same_bits(const struct random_case *c, const struct random_result *a, const struct random_result *b)
{
    size_t s = c->s, d = c->d;

    assert_memory_equal(a->khat, b->khat, s * d * sizeof *a->khat);
    assert_memory_equal(a->scores, b->scores, s * s * sizeof *a->scores);
    assert_memory_equal(a->selection, b->selection, s * s);
    assert_memory_equal(a->out, b->out, s * d * sizeof *a->out);
    assert_memory_equal(a->dense, b->dense, s * d * sizeof *a->dense);
    assert_memory_equal(&a->stats, &b->stats, sizeof a->stats);
}

static void every_variant_gives_the_bits_of_the_portable_one(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    const struct sofa_attention_kernel *portable, *kernel;
    gsl_rng *rng = sofa_rng_new(2, 0);
    size_t n;
    const char *const *names = sofa_isa_names(&n);

    (void)state;
    assert_int_equal(sofa_attention_kernel_find("portable", &portable, NULL), SOFA_OK);
    for (int i = 0; i < 40; i++) {
        struct random_case c = random_case(rng, i % 4 ? 150 : 500, 130);
        struct random_result r = random_run(&c, portable, true, &arena);

        for (size_t j = 0; j < n; j++) {
            if (sofa_attention_kernel_find(names[j], &kernel, NULL) != SOFA_OK)
                continue;
            for (int trace = 0; trace < 2; trace++) {
                struct random_result x = random_run(&c, kernel, trace, &arena);

                if (!trace) {
                    memcpy(x.scores, r.scores, c.s * c.s * sizeof *r.scores);
                    memcpy(x.selection, r.selection, c.s * c.s);
                }
                same_bits(&c, &r, &x);
                random_result_free(&x);
            }
        }
        random_result_free(&r);
        random_case_free(&c);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

/* K^ over its whole range and queries from one unit to the largest: some rows shift, some don't pack. */
static void extreme_predictions_select_alike_in_every_variant(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    gsl_rng *rng = sofa_rng_new(9, 0);
    const struct sofa_attention_kernel *portable, *kernel;
    size_t n;
    const char *const *names = sofa_isa_names(&n);

    (void)state;
    assert_int_equal(sofa_attention_kernel_find("portable", &portable, NULL), SOFA_OK);
    for (int i = 0; i < 30; i++) {
        struct random_case c = random_case(rng, 150, 130);
        int32_t *k = malloc(c.s * c.d * sizeof *k);
        uint8_t *expected = malloc(c.s * c.s), *got = malloc(c.s * c.s);
        float *out = malloc(c.s * c.d * sizeof *out), *reference = malloc(c.s * c.d * sizeof *out);
        int bits = i % 3 == 0 ? 8 : i % 3 == 1 ? 16 : 20;
        struct sofa_khat khat = {c.s, c.d, 0.25, k};
        struct sofa_attention_trace trace = {NULL, expected};

        c.params.q_bits = i % 3 ? 16 : 8;
        for (size_t j = 0; j < c.s * c.d; j++) {
            int32_t most = 1 << (bits - 1);

            k[j] = sofa_rng_below(rng, 4) ? (int32_t)sofa_rng_below(rng, 2 * (size_t)most) - most
                                          : sofa_rng_below(rng, 2) ? -most : most - 1;
            c.q[j] = (float)(ldexp(1, (int)sofa_rng_below(rng, 16)) * (sofa_rng_below(rng, 2) ? 1 : -1));
            if (j / c.d % 2)
                c.q[j] = sofa_rng_below(rng, 2) ? 32767 : -32767;
        }
        assert_int_equal(sofa_attention_run(portable, &c.params, &khat, c.q, c.k, c.v, reference, SOFA_STATS_NONE,
                                            NULL, &trace, &arena, NULL), SOFA_OK);
        trace.selection = got;
        for (size_t j = 0; j < n; j++) {
            if (sofa_attention_kernel_find(names[j], &kernel, NULL) != SOFA_OK)
                continue;
            assert_int_equal(sofa_attention_run(kernel, &c.params, &khat, c.q, c.k, c.v, out, SOFA_STATS_NONE, NULL,
                                                &trace, &arena, NULL), SOFA_OK);
            assert_memory_equal(got, expected, c.s * c.s);
            assert_memory_equal(out, reference, c.s * c.d * sizeof *out);
        }
        free(k), free(expected), free(got), free(out), free(reference);
        random_case_free(&c);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

/* Blocks that cross every limit of the bit planes: words of queries, steps of keys, planes of counts. */
static void schedules_of_large_blocks_are_the_literal_ones(void **state)
{
    static const struct {
        size_t s, rows, g;
        double density;
    } shapes[] = {{130, 33, 1, 0.3},  {600, 70, 3, 0.1},   {520, 130, 2, 0.1}, {300, 260, 5, 0.1},
                  {1100, 20, 2, 0.1}, {1700, 20, 100, 0.1}, {2600, 9, 2, 0.05}, {4200, 5, 3, 0.05}};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    gsl_rng *rng = sofa_rng_new(11, 0);
    size_t n;
    const char *const *names = sofa_isa_names(&n);

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t s = shapes[i].s, rows = shapes[i].rows, start[300] = {0}, expected;
        uint8_t *selection = calloc(rows * s, 1);
        uint32_t *keys = malloc(rows * s * sizeof *keys);
        struct sofa_block block = {.rows = rows, .start = start, .keys = keys};

        for (size_t r = 0; r < rows; r++) {
            double density = r == 1 ? 0 : shapes[i].density * (r % 5 ? 1 : 0.5);

            start[r + 1] = start[r];
            for (size_t j = 0; j < s; j++)
                if ((selection[r * s + j] = gsl_rng_uniform(rng) < density))
                    keys[start[r + 1]++] = (uint32_t)j;
        }
        expected = literal_rass(selection, s, 0, rows, shapes[i].g);
        for (size_t j = 0; j < n; j++) {
            const struct sofa_attention_kernel *kernel;
            size_t loads;

            if (sofa_attention_kernel_find(names[j], &kernel, NULL) != SOFA_OK)
                continue;
            assert_int_equal(sofa_rass_loads(kernel, &block, s, shapes[i].g, NULL, &loads, &arena, NULL), SOFA_OK);
            assert_int_equal(loads, expected);
        }
        free(selection);
        free(keys);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_cases_agree_with_the_literal_definition),
        cmocka_unit_test(every_variant_gives_the_bits_of_the_portable_one),
        cmocka_unit_test(extreme_predictions_select_alike_in_every_variant),
        cmocka_unit_test(schedules_of_large_blocks_are_the_literal_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
