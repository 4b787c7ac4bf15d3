/* Workload and statistics files: what is shipped reads, what doesn't fit is named with its place. */
#include <dirent.h>
#include <math.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "workload/workload.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void write_file(char *path, const char *text)
{
    FILE *f;

    strcpy(path, "/tmp/sofa-wl-XXXXXX.yaml");
    assert_true(close(mkstemps(path, 5)) == 0);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const char head[] = "version: 1\nkind: workload\nname: t\ndescription: d\nsource: s\n";

static void sizes_that_dont_fit_are_refused_with_the_place(void **state)
{
    static const struct {
        const char *body, *says;
        int line;
    } cases[] = {
        {"layers: 1\nhidden: 100\nheads: 12\nqueries: 8\ncausal: true\n", "don't divide", 8},
        {"layers: 1\nhidden: 96\nheads: 12\nkv_heads: 5\nqueries: 8\ncausal: true\n", "evenly", 9},
        {"layers: 0\nhidden: 96\nheads: 12\nqueries: 8\ncausal: true\n", "layers", 6},
        {"layers: 1\nhidden: 96\nheads: 12\nqueries: 8\nkeys: 4\ncausal: true\n", "as many keys", 10},
        {"layers: 1\nhidden: 96\nheads: 12\nqueries: 8.5\ncausal: true\n", "whole", 9},
        {"layers: 1\nhidden: 96\nheads: 12\nqueries: -8\ncausal: true\n", "range", 9},
        {"layers: 1\nhidden: 96\nheads: 12\nqueries: 1e9\ncausal: true\n", "range", 9},
        {"layers: 1\nhidden: 96\nheads: 12\nqueries: nan\ncausal: true\n", "nan", 9},
        {"layers: 1\nhidden: 96\nheads: 12\nqueries: 8\ncausal: true\nscope: all\n", "all", 11},
        {"layers: 1\nhidden: 96\nheads: 12\nqueries: 8\ncausal: true\nheds: 4\n", "did you mean", 11},
        {"layers: 1\nhidden: 96\nheads: 12\nqueries: 8 KiB\ncausal: true\n", "dimension", 9},
        {"layers: 1\nhidden: 96\nheads: 12\nqueries: 8\ncausal: true\nbatch: 0\n", "range", 11},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        struct sofa_workload w;
        char text[512], path[64];

        snprintf(text, sizeof text, "%s%s", head, cases[i].body);
        write_file(path, text);
        if (sofa_workload_read(path, &w, &err) != SOFA_E_INPUT)
            fail_msg("case %zu was taken", i);
        if (!strstr(err.text, cases[i].says) && err.line != cases[i].line)
            fail_msg("case %zu: line %d: %s", i, err.line, err.text);
        assert_int_equal(err.line, cases[i].line);
        unlink(path);
    }
}

static void every_shipped_workload_reads_and_has_its_file_s_name(void **state)
{
    char *folder = test_source_file("models/workloads");
    DIR *directory = opendir(folder);
    struct dirent *entry;
    int read = 0;

    (void)state;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        struct sofa_err err = SOFA_ERR_INIT;
        struct sofa_workload w;
        char path[1024];

        if (!strstr(entry->d_name, ".yaml"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (sofa_workload_read(path, &w, &err) != SOFA_OK)
            fail_msg("%s:%d: %s", err.file, err.line, err.text);
        assert_true(strncmp(w.name, entry->d_name, strlen(w.name)) == 0);
        assert_true(strlen(w.name) + 5 == strlen(entry->d_name));
        read++;
    }
    closedir(directory);
    free(folder);
    assert_true(read >= 25);
}

static void a_llama_7b_layer_has_the_published_137_giga_operations(void **state)
{
    char *path = test_source_file("models/workloads/llama-7b-wikitext2.yaml");
    struct sofa_workload w;

    (void)state;
    assert_int_equal(sofa_workload_read(path, &w, NULL), SOFA_OK);
    w.layers = 1;
    assert_true(fabs(sofa_workload_dense_operations(&w) / 1e9 - 137) < 0.5);
    free(path);
}

static const struct sofa_workload tiny = {.name = "tiny", .layers = 2, .hidden = 8, .heads = 2, .kv_heads = 2,
                                          .head_dim = 4, .queries = 4, .keys = 4, .batch = 1};

static void statistics_may_be_given_once_or_for_each_layer_and_head(void **state)
{
    static const char one[] = "version: 1\nkind: statistics\nsource: by hand\nlayers:\n"
                              "  - {density: 0.25, union: 0.5, naive_ratio: 2, rass_ratio: 1.5, union_all: 0.75}\n";
    static const char each[] =
        "version: 1\nkind: statistics\nsource: by hand\nlayers:\n"
        "  - {density: 0.25, union: 0.5, naive_ratio: 2, rass_ratio: 1.5, union_all: 0.75}\n"
        "  - [{density: 0.5, union: 0.5, naive_ratio: 2, rass_ratio: 1.5, union_all: 0.75},\n"
        "     {density: 1, union: 1, naive_ratio: 1, rass_ratio: 1, union_all: 1, clipped: 0.1, mispredicted: 0.2}]\n";
    struct sofa_statistics s;
    char path[64];

    (void)state;
    write_file(path, one);
    assert_int_equal(sofa_statistics_read(path, &tiny, &s, NULL), SOFA_OK);
    assert_int_equal(s.heads, 1);
    assert_true(s.head[1].rass_ratio == 1.5);
    assert_string_equal(s.source, "by hand");
    sofa_statistics_release(&s);
    unlink(path);
    write_file(path, each);
    assert_int_equal(sofa_statistics_read(path, &tiny, &s, NULL), SOFA_OK);
    assert_int_equal(s.heads, 2);
    assert_true(s.head[0].density == 0.25 && s.head[1].density == 0.25 && s.head[3].density == 1);
    assert_true(s.head[3].mispredicted == 0.2);
    sofa_statistics_release(&s);
    unlink(path);
}

static void impossible_statistics_are_refused_with_the_place(void **state)
{
    static const char *const rows[] = {
        "{density: 0, union: 0.5, naive_ratio: 2, rass_ratio: 1.5, union_all: 0.75}",
        "{density: 1.5, union: 0.5, naive_ratio: 2, rass_ratio: 1.5, union_all: 0.75}",
        "{density: 0.5, union: 0.5, naive_ratio: 0.5, rass_ratio: 1.5, union_all: 0.75}",
        "{density: 0.5, union: nan, naive_ratio: 2, rass_ratio: 1.5, union_all: 0.75}",
        "{density: 0.5, naive_ratio: 2, rass_ratio: 1.5, union_all: 0.75}",
        "[{density: 0.5, union: 1, naive_ratio: 2, rass_ratio: 1.5, union_all: 1}]",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        struct sofa_statistics s;
        char text[512], path[64];

        snprintf(text, sizeof text, "version: 1\nkind: statistics\nsource: s\nlayers:\n  - %s\n", rows[i]);
        write_file(path, text);
        assert_int_equal(sofa_statistics_read(path, &tiny, &s, &err), SOFA_E_INPUT);
        assert_int_equal(err.line, 5);
        assert_null(s.head);
        unlink(path);
    }
}

static void a_selection_out_of_range_is_named(void **state)
{
    struct sofa_selection s = {.density = 0.5, .union_share = 0.6, .naive_ratio = 1, .rass_ratio = 1, .union_all = 1};
    struct sofa_err err = SOFA_ERR_INIT;

    (void)state;
    assert_int_equal(sofa_selection_check(&s, &err), SOFA_OK);
    s.clipped = -0.1;
    assert_int_equal(sofa_selection_check(&s, &err), SOFA_E_INPUT);
    assert_non_null(strstr(err.text, "clipped"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_that_dont_fit_are_refused_with_the_place),
        cmocka_unit_test(every_shipped_workload_reads_and_has_its_file_s_name),
        cmocka_unit_test(a_llama_7b_layer_has_the_published_137_giga_operations),
        cmocka_unit_test(statistics_may_be_given_once_or_for_each_layer_and_head),
        cmocka_unit_test(impossible_statistics_are_refused_with_the_place),
        cmocka_unit_test(a_selection_out_of_range_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
