/* Patterns for the tests of plans and kernels: every generator at sizes that are a multiple of nothing, and random masks. */
#ifndef SOFA_TESTS_ACSR_PATTERNS_H
#define SOFA_TESTS_ACSR_PATTERNS_H

#include "acsr/acsr.h"
#include "base/rng.h"
#include "tests/unit/test.h"

struct pattern_case {
    const char *spec; /* NULL: a random mask of this kind */
    size_t rows, columns;
    bool causal;
    enum { SPARSE, HALF, PROGRESSIONS, RAGGED } kind;
};

static const struct pattern_case pattern_cases[] = {
    {"window:3", 1, 1, false, 0},
    {"window:7", 61, 61, false, 0},
    {"window:40", 131, 131, true, 0},
    {"window:9", 45, 77, false, 0},
    {"window:200", 301, 301, false, 0}, /* several chunks a run */
    {"blocked:13", 100, 100, false, 0},
    {"blocked:16", 83, 83, true, 0},
    {"strided:3", 100, 100, false, 0},
    {"strided:8", 130, 130, true, 0},
    {"strided:40", 67, 67, false, 0}, /* groups of few rows */
    {"dilated:5:3", 97, 97, false, 0},
    {"dilated:6:2", 64, 64, true, 0},
    {"global_rows:3", 50, 50, false, 0},
    {"global_columns:5", 50, 50, true, 0},
    {"prefix:20", 39, 39, true, 0},
    {"window:6+global_columns:2+global_rows:2", 90, 90, false, 0},
    {"longformer:10:3", 120, 120, false, 0},
    {"local_strided:6:9", 110, 110, true, 0},
    {"window:5+strided:7", 99, 99, false, 0},
    {"bigbird:8:1:1", 101, 101, false, 0},
    {NULL, 70, 70, false, SPARSE},
    {NULL, 41, 66, false, HALF},
    {NULL, 96, 80, false, PROGRESSIONS},
    {NULL, 75, 75, false, RAGGED},
};
#define PATTERN_CASES (sizeof pattern_cases / sizeof *pattern_cases)

/* A row's members by kind; every seventh row has none. */
static inline void random_row(const struct pattern_case *c, gsl_rng *rng, size_t row, uint8_t *mask)
{
    size_t n = c->columns, stride = 1 + sofa_rng_below(rng, 4), from = sofa_rng_below(rng, n), to = from;

    memset(mask, 0, n);
    to += 1 + sofa_rng_below(rng, n - from);
    for (size_t j = 0; j < n && row % 7 != 3; j++) {
        if (c->kind == SPARSE)
            mask[j] = sofa_rng_below(rng, 20) == 0;
        else if (c->kind == HALF)
            mask[j] = sofa_rng_below(rng, 2) == 0;
        else if (c->kind == PROGRESSIONS)
            mask[j] = j >= from && j < to && (j - from) % stride == 0;
        else
            mask[j] = (j >= from && j < to) || j < row % 5;
    }
}

static inline struct sofa_pattern test_pattern(const struct pattern_case *c, struct sofa_arena *arena)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_pattern pattern;
    gsl_rng *rng = sofa_rng_new(1, (uint64_t)c->kind);
    uint8_t *mask = sofa_arena_zalloc(arena, c->rows * c->columns, 1);

    assert_non_null(rng);
    assert_non_null(mask);
    for (size_t i = 0; i < c->rows && !c->spec; i++)
        random_row(c, rng, i, mask + i * c->columns);
    gsl_rng_free(rng);
    if ((c->spec ? sofa_pattern_generate(c->spec, c->rows, c->columns, c->causal, arena, &pattern, &err)
                 : sofa_pattern_from_mask(mask, c->rows, c->columns, arena, &pattern, &err)) != SOFA_OK)
        fail_msg("%s: %s", c->spec ? c->spec : "a mask", err.text);
    return pattern;
}

#endif
