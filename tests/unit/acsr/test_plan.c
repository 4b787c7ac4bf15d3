#include "acsr/plan.h"
#include "tests/unit/acsr/patterns.h"

static struct sofa_acsr_plan plan_of(const struct sofa_pattern *pattern, unsigned flags, struct sofa_arena *arena)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_acsr_plan plan;

    assert_int_equal(sofa_acsr_plan_build(pattern, flags, arena, &plan, &err), SOFA_OK);
    return plan;
}

static void every_member_is_in_a_plan_exactly_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < PATTERN_CASES; i++)
        for (unsigned flags = 0; flags <= SOFA_ACSR_ALL; flags++) {
            const struct pattern_case *c = &pattern_cases[i];
            struct sofa_arena arena = SOFA_ARENA_INIT;
            struct sofa_pattern pattern = test_pattern(c, &arena);
            struct sofa_acsr_plan plan = plan_of(&pattern, flags, &arena);
            uint8_t *count = sofa_arena_zalloc(&arena, c->rows * c->columns, 1);
            uint8_t *mask = sofa_arena_zalloc(&arena, c->rows * c->columns, 1);

            sofa_acsr_plan_count(&plan, count);
            sofa_pattern_to_mask(&pattern, mask);
            assert_memory_equal(count, mask, c->rows * c->columns);
            assert_true(plan.pairs >= plan.members);
            sofa_arena_release(&arena);
        }
}

/* Every row is opened and closed once, in this order, and every row without members is listed. */
static void every_row_is_opened_and_closed_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < PATTERN_CASES; i++) {
        struct sofa_arena arena = SOFA_ARENA_INIT;
        struct sofa_pattern pattern = test_pattern(&pattern_cases[i], &arena);
        struct sofa_acsr_plan plan = plan_of(&pattern, SOFA_ACSR_ALL, &arena);
        int *phase = sofa_arena_zalloc(&arena, pattern.rows, sizeof *phase);

        for (size_t b = 0; b < plan.n_blocks; b++)
            for (uint32_t l = 0; l < plan.block[b].lanes; l++) {
                int *p = &phase[plan.block[b].row[l]];

                assert_int_equal(*p, plan.block[b].opens >> l & 1 ? 0 : 1);
                *p = plan.block[b].closes >> l & 1 ? 2 : 1;
            }
        for (size_t n = 0; n < plan.n_lines; n++) {
            int *p = &phase[plan.line[n].row];

            assert_int_equal(*p, plan.line[n].opens ? 0 : 1);
            *p = plan.line[n].closes ? 2 : 1;
        }
        for (size_t n = 0; n < plan.n_empty; n++) {
            assert_int_equal(phase[plan.empty[n]], 0);
            phase[plan.empty[n]] = 2;
        }
        for (size_t r = 0; r < pattern.rows; r++)
            assert_int_equal(phase[r], 2);
        sofa_arena_release(&arena);
    }
}

static void no_column_of_a_placed_tile_is_empty(void **state)
{
    (void)state;
    for (size_t i = 0; i < PATTERN_CASES; i++) {
        struct sofa_arena arena = SOFA_ARENA_INIT;
        struct sofa_pattern pattern = test_pattern(&pattern_cases[i], &arena);
        struct sofa_acsr_plan plan = plan_of(&pattern, SOFA_ACSR_ALL, &arena);

        for (size_t r = 0; r < plan.n_runs; r++)
            for (int32_t t = plan.run[r].from; t < plan.run[r].to; t++) {
                bool seen = false;

                for (size_t l = 0; l < SOFA_ACSR_LANES; l++)
                    seen |= plan.run[r].begin[l] <= t && t < plan.run[r].end[l];
                assert_true(seen);
            }
        sofa_arena_release(&arena);
    }
}

/* Pairs that a plan computes under these flags. */
static uint64_t pairs(const char *spec, size_t s, unsigned flags)
{
    struct pattern_case c = {spec, s, s, false, SPARSE};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_pattern pattern = test_pattern(&c, &arena);
    uint64_t n = plan_of(&pattern, flags, &arena).pairs;

    sofa_arena_release(&arena);
    return n;
}

static void each_switch_saves_pairs_where_it_is_meant_to(void **state)
{
    const size_t s = 256;

    (void)state;
    assert_int_equal(pairs("window:8", s, 0), s * s);
    assert_true(pairs("window:8", s, SOFA_ACSR_SPAN) < s * s / 6);
    assert_int_equal(pairs("strided:8", s, SOFA_ACSR_SPAN) / 8, pairs("strided:8", s, SOFA_ACSR_SPAN | SOFA_ACSR_ALIGN));
    assert_true(4 * pairs("window:8+global_columns:2", s, SOFA_ACSR_ALL) <
                pairs("window:8+global_columns:2", s, SOFA_ACSR_SPAN | SOFA_ACSR_ALIGN));
}

/* Windows whose rows stand in an order that mixes far places. */
static void rows_are_sorted_where_that_walks_fewer_keys(void **state)
{
    enum { N = 160 };
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_pattern pattern;
    uint8_t *mask = sofa_arena_zalloc(&arena, N * N, 1);

    (void)state;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < 8; j++)
            mask[i * N + (i * 37 % N) / 8 * 8 + j] = 1;
    assert_int_equal(sofa_pattern_from_mask(mask, N, N, &arena, &pattern, &err), SOFA_OK);
    assert_true(plan_of(&pattern, SOFA_ACSR_ALL, &arena).pairs <= 2 * 8 * N);
    assert_true(plan_of(&pattern, SOFA_ACSR_SPAN, &arena).pairs > 8 * 8 * N);
    sofa_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_in_a_plan_exactly_once),
        cmocka_unit_test(every_row_is_opened_and_closed_once),
        cmocka_unit_test(no_column_of_a_placed_tile_is_empty),
        cmocka_unit_test(each_switch_saves_pairs_where_it_is_meant_to),
        cmocka_unit_test(rows_are_sorted_where_that_walks_fewer_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
