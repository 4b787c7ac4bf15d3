/* Generators against their definitions, pair by pair. */
#include "tests/unit/test.h"

#include "acsr/acsr.h"

struct shape {
    size_t rows, columns;
};

/* Literal definitions of the plain generators. */
static bool in_global_rows(long i, long j, long a, long b) { return (void)j, (void)b, i < a; }
static bool in_columns(long i, long j, long a, long b) { return (void)i, (void)b, j < a; }
static bool in_blocked(long i, long j, long a, long b) { return (void)b, j / a == i / a || j / a == i / a - 1; }
static bool in_block_window(long i, long j, long a, long b) { return labs(i / a - j / a) <= b; }
static bool in_window(long i, long j, long a, long b) { return (void)b, labs(i - j) <= a; }
static bool in_dilated(long i, long j, long a, long b) { return (i - j) % b == 0 && labs(i - j) / b <= a; }
static bool in_strided(long i, long j, long a, long b) { return (void)b, (j - i) % a == 0; }

struct meaning {
    bool (*has)(long i, long j, long a, long b);
    long a, b;
};

#define MEANINGS_MAX 4

static const struct example {
    const char *spec;
    struct meaning meaning[MEANINGS_MAX];
} examples[] = {
    {"window:3", {{in_window, 3, 0}}},
    {"window:1000", {{in_window, 1000, 0}}},
    {"blocked:4", {{in_blocked, 4, 0}}},
    {"block_window:4", {{in_block_window, 4, 1}}},
    {"block_window:3:2", {{in_block_window, 3, 2}}},
    {"strided:5", {{in_strided, 5, 0}}},
    {"strided:1", {{in_strided, 1, 0}}},
    {"strided:100", {{in_strided, 100, 0}}},
    {"dilated:3:4", {{in_dilated, 3, 4}}},
    {"global_rows:2", {{in_global_rows, 2, 0}}},
    {"global_columns:3", {{in_columns, 3, 0}}},
    {"prefix:7", {{in_columns, 7, 0}}},
    {"longformer:4:2", {{in_window, 4, 0}, {in_global_rows, 2, 0}, {in_columns, 2, 0}}},
    {"longformer:4", {{in_window, 4, 0}, {in_global_rows, 1, 0}, {in_columns, 1, 0}}},
    {"local_strided:3:8", {{in_window, 3, 0}, {in_strided, 8, 0}}},
    {"local_strided", {{in_window, 128, 0}, {in_strided, 128, 0}}},
    {"bigbird:4:1:1", {{in_block_window, 4, 1}, {in_global_rows, 4, 0}, {in_columns, 4, 0}}},
    {"window:2+global_columns:3+dilated:5:4", {{in_window, 2, 0}, {in_columns, 3, 0}, {in_dilated, 5, 4}}},
    {"strided:3+strided:5", {{in_strided, 3, 0}, {in_strided, 5, 0}}},
    {"strided:6+strided:4+strided:9", {{in_strided, 6, 0}, {in_strided, 4, 0}, {in_strided, 9, 0}}},
    {"strided:13+strided:11+dilated:9:2", {{in_strided, 13, 0}, {in_strided, 11, 0}, {in_dilated, 9, 2}}},
    {"strided:16+strided:15+strided:14+strided:13",
     {{in_strided, 16, 0}, {in_strided, 15, 0}, {in_strided, 14, 0}, {in_strided, 13, 0}}},
    {"window:4+window:9", {{in_window, 9, 0}}},
    {"dilated:3:2+dilated:4:3+window:1+prefix:2", {{in_dilated, 3, 2}, {in_dilated, 4, 3}, {in_window, 1, 0}, {in_columns, 2, 0}}},
};

static const struct shape shapes[] = {{1, 1}, {2, 2}, {37, 37}, {64, 64}, {50, 31}, {31, 50}, {1, 40}, {40, 1}, {600, 600}};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The pattern holds exactly the pairs of `e`, each once. */
static void check_example(const struct example *e, struct shape s, bool causal)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_pattern pattern;
    size_t members = 0;
    uint8_t *mask = malloc(s.rows * s.columns);

    if (sofa_pattern_generate(e->spec, s.rows, s.columns, causal, &arena, &pattern, &err))
        fail_msg("%s: %s", e->spec, err.text);
    sofa_pattern_to_mask(&pattern, mask);
    for (size_t i = 0; i < s.rows; i++)
        for (size_t j = 0; j < s.columns; j++) {
            bool expected = false;

            for (size_t m = 0; m < MEANINGS_MAX && e->meaning[m].has; m++)
                expected = expected || e->meaning[m].has((long)i, (long)j, e->meaning[m].a, e->meaning[m].b);
            expected = expected && (!causal || j <= i);
            if (mask[i * s.columns + j] != expected)
                fail_msg("%s, %zu x %zu, causal %d: (%zu, %zu) should be %d", e->spec, s.rows, s.columns, causal, i, j, expected);
            members += expected;
        }
    assert_int_equal(members, sofa_pattern_members(&pattern));
    free(mask);
    sofa_arena_release(&arena);
}

static void every_generator_holds_exactly_the_pairs_of_its_definition(void **state)
{
    (void)state;
    for (size_t e = 0; e < COUNT(examples); e++)
        for (size_t s = 0; s < COUNT(shapes); s++) {
            check_example(&examples[e], shapes[s], false);
            if (shapes[s].rows == shapes[s].columns)
                check_example(&examples[e], shapes[s], true);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_generator_holds_exactly_the_pairs_of_its_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
