#include "acsr/kernel.h"
#include "tests/unit/acsr/operands.h"
#include "tests/unit/acsr/patterns.h"

#define WITHIN 1e-5

static const size_t widths[] = {8, 64, 20, 128, 33, 16, 80, 1};
#define WIDTHS (sizeof widths / sizeof *widths)

static void attend(const struct sofa_acsr_kernel *kernel, const struct sofa_pattern *pattern, unsigned flags,
                   const struct sofa_acsr_operands *o, struct sofa_arena *arena)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_acsr_plan plan;

    assert_int_equal(sofa_acsr_plan_build(pattern, flags, arena, &plan, &err), SOFA_OK);
    assert_int_equal(sofa_acsr_attention(kernel, &plan, o, arena, &err), SOFA_OK);
}

static void the_fused_kernel_agrees_with_a_masked_reference_in_double(void **state)
{
    (void)state;
    for (size_t i = 0; i < PATTERN_CASES; i++)
        for (size_t w = 0; w < 2; w++) {
            struct sofa_arena arena = SOFA_ARENA_INIT;
            struct sofa_pattern p = test_pattern(&pattern_cases[i], &arena);
            struct sofa_acsr_operands o = test_operands(&p, widths[(2 * i + w) % WIDTHS], &arena);
            size_t bytes = p.rows * o.d * sizeof *o.out;
            float *first = sofa_arena_alloc(&arena, bytes, 1);

            for (size_t n = 0; test_kernel(n); n++) {
                attend(test_kernel(n), &p, SOFA_ACSR_ALL, &o, &arena);
                if (n == 0) {
                    assert_true(test_difference(&p, &o, &arena) < WITHIN);
                    memcpy(first, o.out, bytes);
                }
                assert_memory_equal(o.out, first, bytes); /* all instruction sets give the same bits */
            }
            sofa_arena_release(&arena);
        }
}

static void every_head_width_agrees(void **state)
{
    static const struct pattern_case c = {"window:6+strided:5", 53, 53, false, SPARSE};

    (void)state;
    for (size_t d = 1; d <= 128; d += d < 34 ? 1 : 13)
        for (size_t n = 0; test_kernel(n); n++) {
            struct sofa_arena arena = SOFA_ARENA_INIT;
            struct sofa_pattern p = test_pattern(&c, &arena);
            struct sofa_acsr_operands o = test_operands(&p, d, &arena);

            attend(test_kernel(n), &p, SOFA_ACSR_ALL, &o, &arena);
            assert_true(test_difference(&p, &o, &arena) < WITHIN);
            sofa_arena_release(&arena);
        }
}

static void every_switch_agrees(void **state)
{
    (void)state;
    for (size_t i = 0; i < PATTERN_CASES; i++)
        for (unsigned flags = 0; flags < SOFA_ACSR_ALL; flags++) {
            struct sofa_arena arena = SOFA_ARENA_INIT;
            struct sofa_pattern p = test_pattern(&pattern_cases[i], &arena);
            struct sofa_acsr_operands o = test_operands(&p, 24, &arena);
            const struct sofa_acsr_kernel *best;

            assert_int_equal(sofa_acsr_kernel_find(NULL, &best, NULL), SOFA_OK);
            attend(best, &p, flags, &o, &arena);
            assert_true(test_difference(&p, &o, &arena) < WITHIN);
            sofa_arena_release(&arena);
        }
}

/* With equal scores and V = I, out[i][j] is the number of times that (i, j) was taken, over that of all of row i. */
static void every_member_is_computed_exactly_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < PATTERN_CASES; i++)
        for (size_t n = 0; test_kernel(n); n++) {
            struct sofa_arena arena = SOFA_ARENA_INIT;
            struct sofa_pattern p = test_pattern(&pattern_cases[i], &arena);
            struct sofa_acsr_operands o = test_operands(&p, p.columns, &arena);
            float *zero = sofa_arena_zalloc(&arena, p.rows * o.d, sizeof *zero);
            float *unit = sofa_arena_zalloc(&arena, p.columns * o.d, sizeof *unit);
            uint8_t *mask = sofa_arena_alloc(&arena, p.rows * p.columns, 1);

            for (size_t j = 0; j < p.columns; j++)
                unit[j * o.d + j] = 1;
            o.q = zero;
            o.v = unit;
            attend(test_kernel(n), &p, SOFA_ACSR_ALL, &o, &arena);
            sofa_pattern_to_mask(&p, mask);
            for (size_t r = 0; r < p.rows; r++)
                for (size_t j = 0; j < p.columns; j++) {
                    float members = (float)sofa_pattern_row_members(&p, r);

                    assert_true(fabsf(o.out[r * o.d + j] * members - (float)mask[r * p.columns + j]) < 1e-5f);
                }
            sofa_arena_release(&arena);
        }
}

static void rows_without_members_give_zeros(void **state)
{
    static const struct pattern_case c = {NULL, 75, 75, false, RAGGED};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_pattern p = test_pattern(&c, &arena);
    struct sofa_acsr_operands o = test_operands(&p, 16, &arena);
    size_t empty = 0;

    (void)state;
    attend(test_kernel(0), &p, SOFA_ACSR_ALL, &o, &arena);
    for (size_t i = 0; i < p.rows; i++) {
        size_t used = 0;

        for (size_t k = 0; k < o.d; k++)
            used += o.out[i * o.d + k] != 0;
        assert_int_equal(used > 0, sofa_pattern_row_members(&p, i) > 0);
        empty += !used;
    }
    assert_true(empty >= 10);
    sofa_arena_release(&arena);
}

/* Scores so far apart that all but one weight vanish, in several chunks: the running maximum has to rise. */
static void large_scores_neither_overflow_nor_vanish(void **state)
{
    static const struct pattern_case c = {"window:300", 301, 301, false, SPARSE};

    (void)state;
    for (int falling = 0; falling < 2; falling++) {
        struct sofa_arena arena = SOFA_ARENA_INIT;
        struct sofa_pattern p = test_pattern(&c, &arena);
        struct sofa_acsr_operands o = test_operands(&p, 16, &arena);
        float *k = sofa_arena_zalloc(&arena, p.columns * o.d, sizeof *k);

        for (size_t j = 0; j < p.columns; j++)
            k[j * o.d] = 40 * (float)(falling ? p.columns - j : j);
        o.k = k;
        attend(test_kernel(0), &p, SOFA_ACSR_ALL, &o, &arena);
        assert_true(test_difference(&p, &o, &arena) < WITHIN);
        sofa_arena_release(&arena);
    }
}

static void check_scores(const struct sofa_pattern *p, const struct sofa_acsr_operands *o,
                         const struct sofa_acsr_values *values)
{
    for (size_t n = 0; n < p->n_parts; n++)
        for (size_t i = 0; i < p->rows; i++)
            for (size_t s = 0; s < p->part[n].width; s++) {
                const struct sofa_acsr_row *r = &p->part[n].row[i];
                float x = values->value[n][i * p->part[n].width + s];
                size_t j = (size_t)r->first + (size_t)r->stride * s;

                if (s < (size_t)r->count)
                    assert_true(fabs((double)x - test_score(o, i, j)) < WITHIN);
                else
                    assert_true(x == 0); /* slots that are no members stay as they were */
            }
    for (size_t i = 0; i < p->rows; i++)
        for (size_t at = p->rest.start[i]; at < p->rest.start[i + 1]; at++)
            assert_true(fabs((double)values->value[p->n_parts][at] - test_score(o, i, (size_t)p->rest.column[at])) <
                        WITHIN);
}

static void the_steps_apart_agree_with_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < PATTERN_CASES; i++)
        for (size_t n = 0; test_kernel(n); n++) {
            struct sofa_arena arena = SOFA_ARENA_INIT;
            struct sofa_err err = SOFA_ERR_INIT;
            struct sofa_pattern p = test_pattern(&pattern_cases[i], &arena);
            struct sofa_acsr_operands o = test_operands(&p, widths[i % WIDTHS], &arena);
            struct sofa_acsr_values values;

            assert_int_equal(sofa_acsr_values_new(&p, &arena, &values, &err), SOFA_OK);
            assert_int_equal(sofa_acsr_sddmm(test_kernel(n), &p, &o, &values, &arena, &err), SOFA_OK);
            check_scores(&p, &o, &values);
            sofa_acsr_softmax(test_kernel(n), &p, &values);
            assert_int_equal(sofa_acsr_spmm(test_kernel(n), &p, &values, &o, &arena, &err), SOFA_OK);
            assert_true(test_difference(&p, &o, &arena) < WITHIN);
            sofa_arena_release(&arena);
        }
}

static void an_unknown_instruction_set_is_refused(void **state)
{
    const struct sofa_acsr_kernel *kernel;
    struct sofa_err err = SOFA_ERR_INIT;

    (void)state;
    assert_int_equal(sofa_acsr_kernel_find("sse9", &kernel, &err), SOFA_E_USAGE);
    assert_non_null(strstr(err.text, "portable"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fused_kernel_agrees_with_a_masked_reference_in_double),
        cmocka_unit_test(every_head_width_agrees),
        cmocka_unit_test(every_switch_agrees),
        cmocka_unit_test(every_member_is_computed_exactly_once),
        cmocka_unit_test(rows_without_members_give_zeros),
        cmocka_unit_test(large_scores_neither_overflow_nor_vanish),
        cmocka_unit_test(the_steps_apart_agree_with_the_reference),
        cmocka_unit_test(an_unknown_instruction_set_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
