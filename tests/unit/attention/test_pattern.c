/* Patterns of keys: the kernel against its definition taken literally, and every variant against the portable one. */
#include "base/isa.h"
#include "tests/unit/attention/literal_check.h"

struct random_pattern {
    struct sofa_pattern pattern;
    struct sofa_acsr part;
    struct sofa_acsr_row *row;
    size_t *start;
    int32_t *column;
    uint8_t *mask;
};

/* A progression in each row, some keys beside it, and always the query's own. */
static void random_pattern(gsl_rng *rng, size_t s, struct random_pattern *p)
{
    size_t density = 1 + sofa_rng_below(rng, 8), n = 0;

    *p = (struct random_pattern){.row = calloc(s, sizeof *p->row), .start = calloc(s + 1, sizeof *p->start),
                                 .column = calloc(s * s, sizeof *p->column), .mask = calloc(s, s)};
    assert_true(p->row && p->start && p->column && p->mask);
    for (size_t i = 0; i < s; i++) {
        size_t stride = sofa_rng_below(rng, 3) ? 1 : 1 + sofa_rng_below(rng, 9), first = sofa_rng_below(rng, s);
        size_t count = sofa_rng_below(rng, (s - first - 1) / stride + 2);
        uint8_t *mask = p->mask + i * s;

        p->row[i] = (struct sofa_acsr_row){(int32_t)stride, (int32_t)first, (int32_t)count};
        for (size_t t = 0; t < count; t++)
            mask[first + t * stride] = 1;
        for (size_t j = 0; j < s; j++)
            if (!mask[j] && (j == i || sofa_rng_below(rng, 8 * density) == 0)) {
                p->column[n++] = (int32_t)j;
                mask[j] = 1;
            }
        p->start[i + 1] = n;
    }
    p->part = (struct sofa_acsr){s, s, s, p->row};
    p->pattern = (struct sofa_pattern){s, s, 1, &p->part, {s, s, p->start, p->column}};
}

static void random_pattern_free(struct random_pattern *p)
{
    free(p->row);
    free(p->start);
    free(p->column);
    free(p->mask);
}

static void check_variants(const struct random_case *c, const struct random_result *r, struct sofa_arena *arena)
{
    const struct sofa_attention_kernel *kernel;
    size_t n;
    const char *const *names = sofa_isa_names(&n);

    for (size_t j = 0; j < n; j++) {
        struct random_result x;

        if (sofa_attention_kernel_find(names[j], &kernel, NULL) != SOFA_OK)
            continue;
        x = random_run(c, kernel, true, arena);
        assert_memory_equal(r->selection, x.selection, c->s * c->s);
        assert_memory_equal(r->scores, x.scores, c->s * c->s * sizeof *r->scores);
        assert_memory_equal(r->out, x.out, c->s * c->d * sizeof *r->out);
        assert_memory_equal(&r->stats, &x.stats, sizeof r->stats);
        random_result_free(&x);
    }
}

static void check_cases(bool fixed, uint64_t seed, int cases)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    const struct sofa_attention_kernel *portable;
    gsl_rng *rng = sofa_rng_new(seed, 0);

    assert_int_equal(sofa_attention_kernel_find("portable", &portable, NULL), SOFA_OK);
    for (int i = 0; i < cases; i++) {
        struct random_case c = random_case(rng, i % 4 ? 60 : 200, 40);
        struct random_pattern p;
        struct random_result r;

        random_pattern(rng, c.s, &p);
        c.params.pattern = &p.pattern;
        c.params.fixed = fixed;
        print_message("# case %d: s %zu d %zu tiles %d permille %d\n", i, c.s, c.d, c.params.tiles, c.params.topk_permille);
        r = random_run(&c, portable, true, &arena);
        check_literal(&c, p.mask, &r);
        check_variants(&c, &r, &arena);
        random_result_free(&r);
        random_case_free(&c);
        random_pattern_free(&p);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

static void a_selection_inside_a_pattern_sees_its_members_alone(void **state)
{
    (void)state;
    check_cases(false, 21, 60);
}

static void a_fixed_pattern_selects_its_members(void **state)
{
    (void)state;
    check_cases(true, 22, 40);
}

/* All ones: whatever a run computes without a pattern. */
static void a_full_pattern_changes_no_bit(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    const struct sofa_attention_kernel *best;
    gsl_rng *rng = sofa_rng_new(23, 0);

    (void)state;
    assert_int_equal(sofa_attention_kernel_find(NULL, &best, NULL), SOFA_OK);
    for (int i = 0; i < 20; i++) {
        struct random_case c = random_case(rng, 200, 70);
        struct random_result a = random_run(&c, best, true, &arena), b;
        struct sofa_acsr_row *row = calloc(c.s, sizeof *row);
        size_t *start = calloc(c.s + 1, sizeof *start);
        const struct sofa_acsr part = {c.s, c.s, c.s, row};
        const struct sofa_pattern full = {c.s, c.s, 1, &part, {c.s, c.s, start, NULL}};

        for (size_t j = 0; j < c.s; j++)
            row[j] = (struct sofa_acsr_row){1, 0, (int32_t)c.s};
        c.params.pattern = &full;
        b = random_run(&c, best, true, &arena);
        assert_memory_equal(a.selection, b.selection, c.s * c.s);
        assert_memory_equal(a.out, b.out, c.s * c.d * sizeof *a.out);
        assert_memory_equal(&a.stats, &b.stats, sizeof a.stats);
        random_result_free(&a);
        random_result_free(&b);
        random_case_free(&c);
        free(row);
        free(start);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

static void a_query_without_a_key_and_a_wrong_size_are_refused(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_attention_params params = SOFA_ATTENTION_DEFAULTS;
    const struct sofa_attention_kernel *best;
    const size_t start[4] = {0};
    const struct sofa_acsr_row row[3] = {{1, 0, 1}, {1, 2, 1}, {1, 0, 3}}; /* causality hides key 2 from query 1 */
    const struct sofa_acsr part = {3, 3, 3, row};
    const struct sofa_pattern pattern = {3, 3, 1, &part, {3, 3, start, NULL}};
    const float zero[16] = {0};
    struct sofa_khat khat = {.s = 3, .d = 4};
    struct sofa_err err = SOFA_ERR_INIT;
    float out[16];

    (void)state;
    assert_int_equal(sofa_attention_kernel_find(NULL, &best, NULL), SOFA_OK);
    params.pattern = &pattern;
    params.fixed = true;
    assert_int_equal(sofa_attention_run(best, &params, &khat, zero, zero, zero, out, SOFA_STATS_NONE, NULL, NULL, &arena, &err),
                     SOFA_E_INPUT);
    assert_string_equal(err.text, "the pattern leaves query 1 without a key");
    params.causal = false;
    assert_int_equal(sofa_attention_run(best, &params, &khat, zero, zero, zero, out, SOFA_STATS_NONE, NULL, NULL, &arena, NULL),
                     SOFA_OK);
    khat.s = 4;
    err = (struct sofa_err)SOFA_ERR_INIT;
    assert_int_equal(sofa_attention_run(best, &params, &khat, zero, zero, zero, out, SOFA_STATS_NONE, NULL, NULL, &arena, &err),
                     SOFA_E_INPUT);
    assert_string_equal(err.text, "a pattern of 3 queries and 3 keys for 4 tokens");
    sofa_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_selection_inside_a_pattern_sees_its_members_alone),
        cmocka_unit_test(a_fixed_pattern_selects_its_members),
        cmocka_unit_test(a_full_pattern_changes_no_bit),
        cmocka_unit_test(a_query_without_a_key_and_a_wrong_size_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
