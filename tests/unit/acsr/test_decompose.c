/* Masks into parts and back: whatever the mask, the same one comes back, and every member stands in one place. */
#include "tests/unit/test.h"

#include <gsl/gsl_rng.h>

#include "acsr/acsr.h"
#include "base/clock.h"
#include "base/rng.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct mask {
    size_t rows, columns;
    uint8_t *at; /* [rows][columns] */
};

static struct mask mask_new(size_t rows, size_t columns)
{
    struct mask m = {rows, columns, calloc(rows * columns, 1)};

    assert_non_null(m.at);
    return m;
}

static size_t mask_members(const struct mask *m)
{
    size_t n = 0;

    for (size_t k = 0; k < m->rows * m->columns; k++)
        n += m->at[k] != 0;
    return n;
}

static void mask_add_random(struct mask *m, double density, gsl_rng *rng)
{
    for (size_t k = 0; k < m->rows * m->columns; k++)
        if (gsl_rng_uniform(rng) < density)
            m->at[k] = 1;
}

static void mask_add_spec(struct mask *m, const char *spec, bool causal)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_pattern pattern;
    uint8_t *other = malloc(m->rows * m->columns);

    if (sofa_pattern_generate(spec, m->rows, m->columns, causal, &arena, &pattern, &err))
        fail_msg("%s: %s", spec, err.text);
    sofa_pattern_to_mask(&pattern, other);
    for (size_t k = 0; k < m->rows * m->columns; k++)
        m->at[k] = m->at[k] || other[k];
    free(other);
    sofa_arena_release(&arena);
}

/* Everything the header promises of a row. */
static void check_rows(const struct sofa_pattern *p)
{
    for (size_t k = 0; k < p->n_parts; k++) {
        size_t widest = 0;

        for (size_t i = 0; i < p->rows; i++) {
            const struct sofa_acsr_row *r = &p->part[k].row[i];

            assert_true(r->stride >= 1 && r->count >= 0 && (r->count > 1 || r->stride == 1));
            assert_true(r->count == 0 ? r->first == 0
                                      : r->first >= 0 && r->first + (int64_t)r->stride * (r->count - 1) < (int64_t)p->columns);
            widest = (size_t)r->count > widest ? (size_t)r->count : widest;
        }
        assert_int_equal(widest, p->part[k].width);
        assert_true(widest > 0);
    }
    for (size_t i = 0; i < p->rows; i++)
        for (size_t k = p->rest.start[i] + 1; k < p->rest.start[i + 1]; k++)
            assert_true(p->rest.column[k - 1] < p->rest.column[k]);
}

/* Takes the mask apart and puts it together; returns the pattern's parts, and the remainder's members in *rest. */
static size_t check_round_trip(const struct mask *m, size_t *rest)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_pattern pattern;
    uint8_t *back = malloc(m->rows * m->columns);
    size_t parts;

    if (sofa_pattern_from_mask(m->at, m->rows, m->columns, &arena, &pattern, &err))
        fail_msg("%s", err.text);
    sofa_pattern_to_mask(&pattern, back);
    assert_memory_equal(back, m->at, m->rows * m->columns);
    assert_int_equal(sofa_pattern_members(&pattern), mask_members(m)); /* so none stands twice */
    check_rows(&pattern);
    *rest = pattern.rest.start[m->rows];
    parts = pattern.n_parts;
    free(back);
    sofa_arena_release(&arena);
    return parts;
}

static void a_random_mask_comes_back_as_it_was(void **state)
{
    gsl_rng *rng = sofa_rng_new(7, 1);
    size_t rest;

    (void)state;
    for (int round = 0; round < 300; round++) {
        static const double densities[] = {0.0, 0.01, 0.1, 0.3, 0.5, 0.8, 0.99, 1.0};
        struct mask m = mask_new(1 + sofa_rng_below(rng, 70), 1 + sofa_rng_below(rng, 70));

        mask_add_random(&m, densities[(size_t)round % COUNT(densities)], rng);
        check_round_trip(&m, &rest);
        free(m.at);
    }
    gsl_rng_free(rng);
}

static const char *const generated[] = {
    "window:5", "blocked:8", "strided:7", "dilated:4:3", "longformer:6:5", "local_strided:9:8", "bigbird:8:1:1", "global_rows:3",
    "prefix:9+window:2", "strided:3+strided:5", "dilated:5:4+strided:16", "strided:12+strided:18+window:3",
};

static void a_generated_mask_comes_back_with_noise_and_without(void **state)
{
    static const double noise[] = {0.0, 0.002, 0.05};
    static const size_t sides[][2] = {{96, 96}, {61, 130}, {130, 61}, {1, 50}, {50, 1}};
    gsl_rng *rng = sofa_rng_new(7, 2);
    size_t rest;

    (void)state;
    for (size_t g = 0; g < COUNT(generated); g++)
        for (size_t s = 0; s < COUNT(sides); s++)
            for (size_t k = 0; k < COUNT(noise); k++) {
                struct mask m = mask_new(sides[s][0], sides[s][1]);

                mask_add_spec(&m, generated[g], s == 0 && k == 1);
                mask_add_random(&m, noise[k], rng);
                check_round_trip(&m, &rest);
                free(m.at);
            }
    gsl_rng_free(rng);
}

static void random_progressions_on_each_other_come_back(void **state)
{
    gsl_rng *rng = sofa_rng_new(7, 3);
    size_t rest;

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct mask m = mask_new(1 + sofa_rng_below(rng, 40), 1 + sofa_rng_below(rng, 300));

        for (size_t i = 0; i < m.rows; i++)
            for (size_t n = sofa_rng_below(rng, 6); n > 0; n--) {
                size_t stride = 1 + sofa_rng_below(rng, 20), j = sofa_rng_below(rng, m.columns);

                for (size_t count = sofa_rng_below(rng, 60); count > 0 && j < m.columns; count--, j += stride)
                    m.at[i * m.columns + j] = 1;
            }
        check_round_trip(&m, &rest);
        free(m.at);
    }
    gsl_rng_free(rng);
}

static void known_unions_are_found_as_few_parts(void **state)
{
    static const struct {
        const char *spec;
        bool causal;
        size_t parts, rest; /* at most */
    } known[] = {
        {"window:20", false, 1, 0},
        {"strided:8", true, 1, 0},
        {"blocked:32", false, 1, 0},
        {"longformer:16:8", false, 2, 0},
        {"longformer:16:8", true, 2, 0},
        {"local_strided:24:8", true, 2, 0},
        {"local_strided:24:8", false, 3, 0}, /* the stride on both sides */
        {"bigbird:16:1:1", false, 2, 0},
        {"dilated:6:4+global_columns:5", false, 2, 0},
        {"strided:8+strided:12", true, 2, 220}, /* rows with a few of either */
    };

    (void)state;
    for (size_t k = 0; k < COUNT(known); k++) {
        struct mask m = mask_new(512, 512);
        size_t rest, parts;

        mask_add_spec(&m, known[k].spec, known[k].causal);
        parts = check_round_trip(&m, &rest);
        if (parts > known[k].parts || rest > known[k].rest)
            fail_msg("%s: %zu parts, %zu of %zu members left", known[k].spec, parts, rest, mask_members(&m));
        free(m.at);
    }
}

static void blocks_here_and_there_share_parts(void **state)
{
    gsl_rng *rng = sofa_rng_new(7, 5);
    struct mask m = mask_new(512, 512);
    size_t rest;

    (void)state;
    mask_add_spec(&m, "bigbird:16:1:2", false);
    for (size_t b = 0; b < 512 / 16; b++)
        for (int k = 0; k < 3; k++) {
            size_t column = 16 * sofa_rng_below(rng, 512 / 16);

            for (size_t i = 0; i < 16; i++)
                memset(m.at + (16 * b + i) * 512 + column, 1, 16);
        }
    assert_in_range(check_round_trip(&m, &rest), 3, 8); /* window, global columns, three blocks, and where those meet */
    assert_true(rest * 20 < mask_members(&m)); /* a block that has no part to go on with may not pay for one */
    free(m.at);
    gsl_rng_free(rng);
}

static void a_random_mask_stays_in_the_remainder(void **state)
{
    gsl_rng *rng = sofa_rng_new(7, 4);
    struct mask m = mask_new(256, 256);
    size_t rest;

    (void)state;
    mask_add_random(&m, 0.5, rng);
    assert_int_equal(check_round_trip(&m, &rest), 0);
    assert_int_equal(rest, mask_members(&m));
    free(m.at);
    gsl_rng_free(rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_mask_comes_back_as_it_was),
        cmocka_unit_test(a_generated_mask_comes_back_with_noise_and_without),
        cmocka_unit_test(random_progressions_on_each_other_come_back),
        cmocka_unit_test(known_unions_are_found_as_few_parts),
        cmocka_unit_test(blocks_here_and_there_share_parts),
        cmocka_unit_test(a_random_mask_stays_in_the_remainder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
