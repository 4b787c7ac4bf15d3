/* What blocks of queries ask of a pattern, against counting in its mask. */
#include "acsr/spans.h"
#include "base/rng.h"
#include "tests/unit/test.h"

/* Members of row i in columns [start, end). */
static double row_members(const uint8_t *mask, size_t s, size_t i, size_t start, size_t end)
{
    double n = 0;

    for (size_t j = start; j < end && j < s; j++)
        n += mask[i * s + j];
    return n;
}

static bool any_row(const uint8_t *mask, size_t s, size_t from, size_t to, size_t j)
{
    for (size_t i = from; i < to; i++)
        if (mask[i * s + j])
            return true;
    return false;
}

static void check_block(const uint8_t *mask, size_t s, size_t from, size_t to, size_t tile, const struct sofa_span *span)
{
    double members = 0, keys = 0, fresh = 0, tiles = 0, fullest = 0;

    for (size_t i = from; i < to; i++)
        members += row_members(mask, s, i, 0, s);
    for (size_t j = 0; j < s; j++) {
        bool here = any_row(mask, s, from, to, j);

        keys += here;
        fresh += here && !any_row(mask, s, 0, from, j);
    }
    for (size_t start = 0; start < s; start += tile) {
        double most = 0;

        for (size_t i = from; i < to; i++) {
            double n = row_members(mask, s, i, start, start + tile);

            most = n > most ? n : most;
        }
        tiles += most > 0;
        fullest += most;
    }
    assert_true(span->members == members && span->keys == keys && span->fresh == fresh);
    assert_true(span->tiles == tiles && span->fullest == fullest);
}

static void spans_are_what_the_mask_holds(void **state)
{
    static const char *const specs[] = {"window:5", "window:64+global_columns:3", "strided:7", "dilated:6:3", "blocked:16",
                                        "longformer:12:2", "local_strided:9:11", "prefix:40", "bigbird:8:1:1"};
    gsl_rng *rng = sofa_rng_new(1, 0);
    struct sofa_arena arena = SOFA_ARENA_INIT;

    (void)state;
    for (size_t n = 0; n < 90; n++) {
        size_t s = 1 + sofa_rng_below(rng, 200), rows = 1 + sofa_rng_below(rng, 80), tile = sofa_rng_below(rng, 70);
        bool causal = sofa_rng_below(rng, 2);
        uint8_t *mask = malloc(s * s);
        struct sofa_pattern pattern;
        struct sofa_spans spans;

        assert_non_null(mask);
        sofa_arena_reset(&arena);
        assert_int_equal(sofa_pattern_generate(specs[n % 9], s, s, causal, &arena, &pattern, NULL), SOFA_OK);
        assert_int_equal(sofa_spans_count(&pattern, causal, rows, tile, &arena, &spans, NULL), SOFA_OK);
        sofa_pattern_to_mask(&pattern, mask);
        assert_int_equal(spans.blocks, (s + rows - 1) / rows);
        assert_true(spans.members == (double)sofa_pattern_members(&pattern));
        for (size_t b = 0; b < spans.blocks; b++)
            check_block(mask, s, b * rows, (b + 1) * rows < s ? (b + 1) * rows : s, tile ? tile : s, &spans.block[b]);
        free(mask);
    }
    gsl_rng_free(rng);
    sofa_arena_release(&arena);
}

static void a_query_without_a_key_is_named(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_pattern pattern;
    struct sofa_spans spans;

    (void)state;
    assert_int_equal(sofa_pattern_generate("global_rows:4", 16, 16, false, &arena, &pattern, NULL), SOFA_OK);
    assert_int_equal(sofa_spans_count(&pattern, false, 8, 0, &arena, &spans, &err), SOFA_E_INPUT);
    assert_string_equal(err.text, "the pattern leaves query 4 without a key");
    sofa_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_what_the_mask_holds),
        cmocka_unit_test(a_query_without_a_key_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
