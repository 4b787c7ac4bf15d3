/* The rows that the program is held against: that all are computed, and that notes and figures hold what they say. */
#include <string.h>

#include "model/simulator.h"
#include "model/validate_run.h"
#include "model/validate_values.h"
#include "tests/unit/model/fixture.h"

static struct sofa_published published;
static struct sofa_workload benchmark[SOFA_PUBLISHED_BENCHMARKS], llama;
static struct sofa_validation validation;

static void load_selection(const char *name, struct sofa_selection *selection)
{
    const struct sofa_workload one = {.name = "one", .layers = 1, .hidden = 1, .heads = 1, .kv_heads = 1,
                                      .head_dim = 1, .queries = 1, .keys = 1, .batch = 1};
    struct sofa_statistics s = {0};
    char *path = test_source_file(name);

    assert_int_equal(sofa_statistics_read(path, &one, &s, NULL), SOFA_OK);
    *selection = s.head[0];
    sofa_statistics_release(&s);
    free(path);
}

static int setup(void **state)
{
    char *path = test_source_file("models/published/sofa.yaml"), name[96];
    struct sofa_err err = SOFA_ERR_INIT;

    load_chip(state);
    if (sofa_published_read(path, &published, &err) != SOFA_OK)
        fail_msg("%s:%d: %s", err.file, err.line, err.text);
    free(path);
    for (size_t i = 0; i < published.n_benchmarks; i++) {
        snprintf(name, sizeof name, "models/workloads/%s.yaml", published.benchmark[i]);
        load_workload(name, &benchmark[i]);
    }
    load_workload("models/workloads/llama-7b-wikitext2.yaml", &llama);
    validation = (struct sofa_validation){.hw = &hw, .published = &published, .benchmark = benchmark, .llama = &llama,
                                          .rass_naive = 22, .rass_loads = 16, .segments_differ = 3};
    for (int i = 0; i < SOFA_VALIDATE_LEVELS; i++) {
        snprintf(name, sizeof name, "models/statistics/synthetic-k%03d.yaml", sofa_validate_permille[i]);
        load_selection(name, &validation.selection[i]);
    }
    return 0;
}

static int teardown(void **state)
{
    sofa_published_free(&published);
    return free_chip(state);
}

static const struct sofa_validate_values *const table[] = {&sofa_validate_chip, &sofa_validate_arithmetic,
                                                           &sofa_validate_model, &sofa_validate_steps};
#define TABLES (sizeof table / sizeof *table)

/* A figure by its name. */
static double value(const char *name)
{
    struct sofa_published_row row = {.name = name};
    bool known;
    double x = sofa_validate_row(&validation, &row, &known);

    if (!known)
        fail_msg("nothing computes '%s'", name);
    return x;
}

static bool is_row(const char *name)
{
    return !isnan(sofa_validate_published(&validation, name));
}

static bool is_noted(const char *name)
{
    char inside[80];

    snprintf(inside, sizeof inside, "{%s}", name);
    for (size_t i = 0; i < published.n_rows; i++) {
        const char *text = published.row[i].why ? published.row[i].why : published.row[i].note;

        if (text && strstr(text, inside))
            return true;
    }
    return false;
}

static void every_row_has_a_figure_or_says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < published.n_rows; i++) {
        const struct sofa_published_row *row = &published.row[i];
        bool known;
        double x = sofa_validate_row(&validation, row, &known);

        if (!known || isfinite(x) == (row->why != NULL))
            fail_msg("%s: %g", row->name, x);
    }
}

static void every_note_is_filled_in(void **state)
{
    struct sofa_str text = SOFA_STR_INIT;

    (void)state;
    for (size_t i = 0; i < published.n_rows; i++) {
        assert_int_equal(sofa_validate_note(&validation, &published.row[i], &text, NULL), SOFA_OK);
        if (!*text.text || strpbrk(text.text, "{}\n") || strstr(text.text, "nan") || strstr(text.text, "inf "))
            fail_msg("%s: %s", published.row[i].name, text.text);
    }
    sofa_str_release(&text);
}

static void a_note_that_asks_for_nothing_known_is_refused(void **state)
{
    const struct sofa_published_row row = {.name = "row", .note = "so many: {no.such.figure}"};
    struct sofa_str text = SOFA_STR_INIT;
    struct sofa_err err = SOFA_ERR_INIT;

    (void)state;
    assert_int_equal(sofa_validate_note(&validation, &row, &text, &err), SOFA_E_INPUT);
    assert_non_null(strstr(err.text, "no.such.figure"));
    sofa_str_release(&text);
}

static void notes_show_three_digits_and_all_before_the_point(void **state)
{
    const struct sofa_published_row row = {.name = "row", .note = "{ceiling.prediction} of {headline.latency}, {a3.latency}{"};
    struct sofa_str text = SOFA_STR_INIT;

    (void)state;
    assert_int_equal(sofa_validate_note(&validation, &row, &text, NULL), SOFA_OK);
    assert_string_equal(text.text, "16384 of 44.9, 620{");
    sofa_str_release(&text);
}

static void every_figure_is_finite_unique_and_of_use(void **state)
{
    (void)state;
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < table[t]->n; i++) {
            const struct sofa_validate_value *one = &table[t]->value[i];
            int seen = 0;

            for (size_t u = 0; u < TABLES; u++)
                for (size_t k = 0; k < table[u]->n; k++)
                    seen += strcmp(table[u]->value[k].name, one->name) == 0;
            if (seen != 1 || !isfinite(one->value(&validation, one->what)) || !(is_row(one->name) || is_noted(one->name)))
                fail_msg("%s: %d times, row %d, in a note %d", one->name, seen, is_row(one->name), is_noted(one->name));
        }
}

/* 4096 shift-adds a ns, d for a score whose attention is 4 d operations; 1024 operations a ns on 7.4 % of them. */
static void ceilings_follow_from_the_chip(void **state)
{
    (void)state;
    assert_true(fabs(value("ceiling.prediction") - 16384) < 1e-6);
    assert_true(fabs(value("ceiling.sufa") - 1024 / 0.074) < 1e-6);
    assert_true(fabs(value("headline.throughput.accounting") - 2048 * 0.852 / 0.074) < 1e-6);
    assert_true(fabs(value("a100.lp.accounting") - 1 / 0.574) < 1e-9);
}

static void no_benchmark_passes_the_ceilings(void **state)
{
    struct sofa_validate_point at = {.level = SOFA_VALIDATE_TIGHTEST, .steps = STEP_ALL, .keys_given = true};
    double prediction = value("ceiling.prediction"), sufa = value("ceiling.sufa");

    (void)state;
    for (size_t i = 0; i < published.n_benchmarks; i++) {
        struct sofa_result r;

        assert_true(sofa_validate_run(&validation, &benchmark[i], at, &r));
        assert_true(r.throughput_gops < prediction && r.throughput_gops < sufa);
    }
}

static void given_keys_cost_neither_cycles_nor_tokens(void **state)
{
    struct sofa_validate_point at = {.level = 0, .steps = STEP_ALL}, given = at;

    (void)state;
    given.keys_given = true;
    for (size_t i = 0; i < published.n_benchmarks; i++) {
        struct sofa_result a, b;

        assert_true(sofa_validate_run(&validation, &benchmark[i], at, &a));
        assert_true(sofa_validate_run(&validation, &benchmark[i], given, &b));
        assert_true(b.cycles <= a.cycles && b.dram_bytes < a.dram_bytes);
        assert_true(b.stage_cycles[SOFA_STAGE_KHAT] * 60 < a.stage_cycles[SOFA_STAGE_KHAT]);
        assert_true(b.stage_cycles[SOFA_STAGE_QK] == a.stage_cycles[SOFA_STAGE_QK]);
        assert_true(b.bytes[SOFA_TRAFFIC_KHAT] == a.bytes[SOFA_TRAFFIC_KHAT]);
    }
}

static void no_scores_leave_the_chip_where_tiles_go_on(void **state)
{
    struct sofa_validate_point tiled = {.level = 1, .steps = STEP_ALL}, serial = {.level = 1, .steps = STEP_NONE};

    (void)state;
    for (size_t i = 0; i < published.n_benchmarks; i++) {
        struct sofa_result a, b;

        assert_true(sofa_validate_run(&validation, &benchmark[i], tiled, &a));
        assert_true(sofa_validate_run(&validation, &benchmark[i], serial, &b));
        assert_true(a.bytes[SOFA_TRAFFIC_SCORES] == 0 && b.bytes[SOFA_TRAFFIC_SCORES] > 0);
    }
}

/* One layer of four heads of each benchmark, from none of the techniques to all, in both scopes. */
static void the_simulator_agrees_at_the_points_of_the_rows(void **state)
{
    static const int steps[] = {STEP_NONE, STEP_DLZS, STEP_DLZS | STEP_SADS, STEP_ALL & ~STEP_RASS, STEP_ALL};
    struct sofa_validate_case one;

    (void)state;
    for (size_t i = 0; i < 10 * published.n_benchmarks; i++) {
        struct sofa_workload w = benchmark[i / 10];
        struct sofa_validate_point at = {.level = (int)(i % 3), .steps = steps[i % 5], .scope = (int)(i / 5 % 2)};
        double cycles, bytes;
        struct sofa_result r;

        w.layers = 1;
        w.heads = w.kv_heads = w.heads < 4 ? w.heads : 4;
        assert_true(sofa_validate_prepare(&validation, &w, at, &one));
        assert_true(sofa_validate_run(&validation, &w, at, &r));
        assert_int_equal(sofa_simulate(&hw, &one.design, &one.workload, &one.statistics, &cycles, &bytes, NULL), SOFA_OK);
        if (fabs(r.cycles / cycles - 1) > 0.005 || fabs(r.dram_bytes / bytes - 1) > 1e-12)
            fail_msg("%s, steps %d, scope %d: %g cycles for %g, %g bytes for %g", w.name, at.steps, at.scope, r.cycles,
                     cycles, r.dram_bytes, bytes);
    }
}

/* A head that generates the share that the note names leaves what is printed. */
static void the_implied_share_of_generated_keys_gives_the_printed_figure(void **state)
{
    double share = value("left.qkv_attention.loss2.generated") / 100, kept = validation.selection[SOFA_VALIDATE_TIGHTEST].union_all;
    double printed = sofa_validate_published(&validation, "left.qkv_attention.loss2"), ours;

    (void)state;
    validation.selection[SOFA_VALIDATE_TIGHTEST].union_all = share;
    ours = value("left.qkv_attention.loss2");
    validation.selection[SOFA_VALIDATE_TIGHTEST].union_all = kept;
    assert_true(share > 0.3 && share < 0.6);
    if (fabs(ours - printed) > 0.01 * printed)
        fail_msg("%g for %g", ours, printed);
}

static int comparators;

/* The larger of two goes first. */
static void order(int *a, int *b)
{
    int larger = *a > *b ? *a : *b, smaller = *a > *b ? *b : *a;

    comparators++;
    *a = larger;
    *b = smaller;
}

/* Four that rise and then fall, or the reverse. */
static void merge4(int *x)
{
    order(&x[0], &x[2]);
    order(&x[1], &x[3]);
    order(&x[0], &x[1]);
    order(&x[2], &x[3]);
}

static void sort4(int *x)
{
    order(&x[0], &x[1]);
    order(&x[3], &x[2]);
    merge4(x);
}

/* The best four of `kept`, which are sorted, and 12 new ones. */
static void core(int kept[4], int fresh[12])
{
    for (int i = 0; i < 12; i += 4)
        sort4(fresh + i);
    for (int i = 0; i < 12; i += 4) {
        for (int k = 0; k < 4; k++) /* of a falling and a rising four the larger of each pair are the best four */
            order(&kept[k], &fresh[i + 3 - k]);
        merge4(kept);
    }
}

/* By the zero-one principle a network that sorts all zeros and ones sorts everything. */
static void a_core_needs_as_many_comparators_as_the_table_says(void **state)
{
    (void)state;
    for (int ones = 0; ones <= 4; ones++)
        for (int bits = 0; bits < 1 << 12; bits++) {
            int kept[4], fresh[12], all = ones;

            for (int i = 0; i < 4; i++)
                kept[i] = i < ones;
            for (int i = 0; i < 12; i++)
                all += fresh[i] = bits >> i & 1;
            comparators = 0;
            core(kept, fresh);
            for (int i = 0; i < 4; i++)
                assert_int_equal(kept[i], i < all);
        }
    assert_true(comparators == published.complexity.sort_cycle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_figure_or_says_why_not),
        cmocka_unit_test(every_note_is_filled_in),
        cmocka_unit_test(a_note_that_asks_for_nothing_known_is_refused),
        cmocka_unit_test(notes_show_three_digits_and_all_before_the_point),
        cmocka_unit_test(every_figure_is_finite_unique_and_of_use),
        cmocka_unit_test(ceilings_follow_from_the_chip),
        cmocka_unit_test(no_benchmark_passes_the_ceilings),
        cmocka_unit_test(given_keys_cost_neither_cycles_nor_tokens),
        cmocka_unit_test(no_scores_leave_the_chip_where_tiles_go_on),
        cmocka_unit_test(the_simulator_agrees_at_the_points_of_the_rows),
        cmocka_unit_test(the_implied_share_of_generated_keys_gives_the_printed_figure),
        cmocka_unit_test(a_core_needs_as_many_comparators_as_the_table_says),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
