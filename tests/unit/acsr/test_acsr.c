/* The format itself: what is legal, how rows are counted, and what the table of generators says. */
#include "tests/unit/test.h"

#include "acsr/acsr.h"
#include "acsr/facts.h"

#define COLUMNS 12

/* A mask of rows written as text, '#' for members. */
static void read_mask(const char *const *lines, size_t rows, uint8_t *mask)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            mask[i * COLUMNS + j] = lines[i][j] == '#';
}

static enum sofa_code legal(const char *const *lines, size_t rows, struct sofa_arena *arena, struct sofa_acsr *part,
                            struct sofa_err *err)
{
    uint8_t mask[8 * COLUMNS];

    assert_true(rows <= 8);
    read_mask(lines, rows, mask);
    return sofa_acsr_from_mask(mask, rows, COLUMNS, arena, part, err);
}

static void check_row(const struct sofa_acsr *part, size_t i, int stride, int first, int count)
{
    assert_int_equal(part->row[i].stride, stride);
    assert_int_equal(part->row[i].first, first);
    assert_int_equal(part->row[i].count, count);
}

static void a_row_is_stride_first_and_count(void **state)
{
    static const char *const lines[] = {
        "..#..#..#..#", "############", "............", ".....#......", "#..........#", "...........#",
    };
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_acsr part;

    (void)state;
    assert_int_equal(legal(lines, 6, &arena, &part, NULL), SOFA_OK);
    check_row(&part, 0, 3, 2, 4);
    check_row(&part, 1, 1, 0, 12);
    check_row(&part, 2, 1, 0, 0); /* none */
    check_row(&part, 3, 1, 5, 1); /* one: stride 1 */
    check_row(&part, 4, 11, 0, 2);
    check_row(&part, 5, 1, 11, 1);
    assert_int_equal(part.width, 12);
    assert_int_equal(sofa_acsr_members(&part), 4 + 12 + 0 + 1 + 2 + 1);
    sofa_arena_release(&arena);
}

static void a_row_that_is_no_progression_is_refused_with_its_column(void **state)
{
    static const struct {
        const char *line, *column;
    } broken[] = {
        {"##.#........", "column 3:"}, {"#.#.##......", "column 5:"}, {"#.#.#.#.#.##", "column 11:"}, {"#.....###...", "column 7:"},
    };

    (void)state;
    for (size_t k = 0; k < sizeof broken / sizeof *broken; k++) {
        const char *const lines[] = {"###.........", "............", broken[k].line};
        struct sofa_arena arena = SOFA_ARENA_INIT;
        struct sofa_err err = SOFA_ERR_INIT;
        struct sofa_acsr part;

        assert_int_equal(legal(lines, 3, &arena, &part, &err), SOFA_E_INPUT);
        assert_non_null(strstr(err.text, "row 2 "));
        assert_non_null(strstr(err.text, broken[k].column));
        sofa_arena_release(&arena);
    }
}

static void a_member_is_on_the_progression_and_within_its_count(void **state)
{
    const struct sofa_acsr_row row = {3, 2, 4}, none = {1, 0, 0};

    (void)state;
    for (size_t j = 0; j < 20; j++) {
        assert_int_equal(sofa_acsr_row_has(&row, j), j == 2 || j == 5 || j == 8 || j == 11);
        assert_false(sofa_acsr_row_has(&none, j));
    }
}

static void a_union_is_one_part_where_every_row_is_a_progression(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_pattern pattern;
    struct sofa_acsr part;

    (void)state;
    assert_int_equal(sofa_pattern_generate("blocked:4+window:1+prefix:2", 9, 9, true, &arena, &pattern, &err), SOFA_OK);
    assert_int_equal(sofa_acsr_from_pattern(&pattern, &arena, &part, &err), SOFA_E_INPUT);
    assert_non_null(strstr(err.text, "row 8 is no progression at column 4:"));
    assert_int_equal(sofa_pattern_generate("blocked:4+window:1+prefix:2", 8, 8, true, &arena, &pattern, &err), SOFA_OK);
    assert_int_equal(sofa_acsr_from_pattern(&pattern, &arena, &part, &err), SOFA_OK);
    assert_int_equal(sofa_acsr_members(&part), sofa_pattern_members(&pattern));
    sofa_arena_release(&arena);
}

static void counts_of_a_pattern_are_those_of_its_rows(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_pattern pattern;
    struct sofa_pattern_facts facts;
    struct sofa_acsr_facts part;
    size_t members = 0, widest = 0, first, last;

    (void)state;
    assert_int_equal(sofa_pattern_generate("longformer:3:2", 40, 40, true, &arena, &pattern, NULL), SOFA_OK);
    for (size_t i = 0; i < 40; i++) {
        size_t expected = i < 6 ? i + 1 : 2 + 4; /* columns 0 and 1, and i - 3 .. i */

        assert_int_equal(sofa_pattern_row_members(&pattern, i), expected);
        assert_true(sofa_pattern_row_span(&pattern, i, &first, &last));
        assert_int_equal(first, 0);
        assert_int_equal(last, i);
        members += expected;
        widest = expected > widest ? expected : widest;
    }
    sofa_pattern_describe(&pattern, &facts);
    assert_int_equal(facts.members, members);
    assert_int_equal(facts.width, widest);
    assert_int_equal(facts.span_most, 40);
    assert_int_equal(facts.bytes, pattern.n_parts * 40 * 12);
    assert_int_equal(facts.bytes_csr, members * 4 + 41 * 8);
    sofa_acsr_describe(&pattern.part[pattern.n_parts - 1], &part); /* the window */
    assert_int_equal(part.shift, 1);
    assert_int_equal(part.stride_most, 1);
    assert_int_equal(part.count_most, 4);
    assert_int_equal(part.last_column, 39);
    sofa_arena_release(&arena);
}

static void every_generator_has_bounds_a_help_and_a_source(void **state)
{
    size_t n;
    const struct sofa_generator *g = sofa_generators(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        bool may_be_left_out = false;

        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(g[i].name, g[k].name);
        assert_true(strlen(g[i].help) > 10 && strlen(g[i].source) > 10);
        for (size_t k = 0; k < SOFA_GENERATOR_PARAMETERS && g[i].parameter[k].name; k++) {
            const struct sofa_generator_parameter *p = &g[i].parameter[k];

            assert_true(p->least <= p->most);
            assert_true(p->fallback < 0 ? !may_be_left_out : p->fallback >= p->least && p->fallback <= p->most);
            may_be_left_out = p->fallback >= 0;
        }
    }
}

static void what_a_pattern_says_wrong_is_named(void **state)
{
    static const struct {
        const char *spec, *said;
    } wrong[] = {
        {"window:0", "window: reach is '0'"},
        {"window:3+dilated:2:-1", "dilated: step is '-1'"},
        {"strided:3.5", "strided: step is '3.5'"},
        {"strided:0x10", "strided: step is '0x10'"},
        {"blocked:18446744073709551617", "blocked: size is '18446744073709551617'"},
        {"dilated:3", "dilated lacks its parameter step"},
        {"window:3:3", "window has no parameter for '3'"},
        {"striped:3", "did you mean 'strided'"},
        {"window:3++window:4", "name of a generator is missing"},
    };

    (void)state;
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        struct sofa_err err = SOFA_ERR_INIT;

        assert_int_equal(sofa_pattern_check(wrong[k].spec, &err), SOFA_E_INPUT);
        if (!strstr(err.text, wrong[k].said))
            fail_msg("%s: %s", wrong[k].spec, err.text);
    }
    assert_int_equal(sofa_pattern_check("longformer+bigbird:32", NULL), SOFA_OK);
    assert_int_equal(sofa_pattern_check(" longformer + bigbird:32\t", NULL), SOFA_OK);
    assert_int_equal(sofa_pattern_check("window: 3", NULL), SOFA_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_stride_first_and_count),
        cmocka_unit_test(a_row_that_is_no_progression_is_refused_with_its_column),
        cmocka_unit_test(a_member_is_on_the_progression_and_within_its_count),
        cmocka_unit_test(a_union_is_one_part_where_every_row_is_a_progression),
        cmocka_unit_test(counts_of_a_pattern_are_those_of_its_rows),
        cmocka_unit_test(every_generator_has_bounds_a_help_and_a_source),
        cmocka_unit_test(what_a_pattern_says_wrong_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
