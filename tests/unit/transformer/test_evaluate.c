#include "tests/unit/test.h"

#include <math.h>
#include <pthread.h>

#include "config/node.h"
#include "transformer/lm.h"

/* The reference was computed in double by an independent program; ours is float32, so that here and
 * there an 8-bit value of X rounds the other way and a near tie among the keys turns over. */
#define DENSE_TOLERANCE 1e-6
#define LOSS_TOLERANCE 1e-4
#define STATS_TOLERANCE 3e-4

static struct sofa_lm *lm;
static struct sofa_text *text;

static void assert_ok(enum sofa_code rc, const struct sofa_err *err)
{
    char line[2048];

    if (rc == SOFA_OK)
        return;
    sofa_err_format(err, line, sizeof line);
    fail_msg("%s", line);
}

static int open_model(void **state)
{
    struct sofa_err err = SOFA_ERR_INIT;
    char *folder = test_source_file("models/bytelm"), *file = test_source_file("models/bytelm/heldout.bin");

    (void)state;
    assert_ok(sofa_lm_open(folder, &lm, &err), &err);
    assert_ok(sofa_text_open(lm, file, &text, &err), &err);
    free(folder);
    free(file);
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    sofa_text_free(text);
    sofa_lm_free(lm);
    return 0;
}

static double number(const struct sofa_node *map, const char *key)
{
    struct sofa_err err = SOFA_ERR_INIT;
    double x = NAN;

    assert_ok(sofa_node_number(sofa_node_get(map, key), "1", &x, &err), &err);
    return x;
}

static double item_number(const struct sofa_node *map, const char *key, size_t i)
{
    struct sofa_err err = SOFA_ERR_INIT;
    double x = NAN;

    assert_ok(sofa_node_number(sofa_node_get(map, key)->item[i], "1", &x, &err), &err);
    return x;
}

/* The mean over layers and heads of one statistic. */
static double mean(const struct sofa_attention_stats *stats, size_t n, size_t offset)
{
    double sum = 0, x;

    for (size_t i = 0; i < n; i++) {
        memcpy(&x, (const char *)&stats[i] + offset, sizeof x);
        sum += x;
    }
    return sum / (double)n;
}

static const struct {
    const char *name;
    size_t offset;
} statistics[] = {
    {"density", offsetof(struct sofa_attention_stats, density)},
    {"mass", offsetof(struct sofa_attention_stats, mass)},
    {"overlap", offsetof(struct sofa_attention_stats, overlap)},
    {"overlap_sort", offsetof(struct sofa_attention_stats, overlap_sort)},
    {"union_block", offsetof(struct sofa_attention_stats, union_block)},
    {"max_mispredict", offsetof(struct sofa_attention_stats, max_mispredict)},
    {"rel_error", offsetof(struct sofa_attention_stats, rel_error)},
};

static void check_row(const struct sofa_node *row)
{
    struct sofa_attention_params layer[16];
    struct sofa_attention_stats stats[16];
    struct sofa_lm_run run = {.window = (size_t)number(row, "window"), .windows = (size_t)number(row, "windows")};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    const struct sofa_node *means = sofa_node_get(row, "mean");
    struct sofa_lm_loss loss;

    assert_ok(sofa_attention_kernel_find(NULL, &run.kernel, &err), &err);
    for (size_t l = 0; means && l < sofa_lm_shape(lm)->layers; l++) {
        layer[l] = (struct sofa_attention_params)SOFA_ATTENTION_DEFAULTS;
        layer[l].tiles = (int)item_number(row, "tiles", l);
        layer[l].topk_permille = (int)item_number(row, "permille", l);
        layer[l].radius = number(row, "radius");
    }
    if (means) {
        run.layer = layer;
        run.stats = stats;
        run.level = SOFA_STATS_ALL;
    }
    assert_ok(sofa_lm_evaluate(lm, text, &run, &loss, &arena, &err), &err);
    print_message("# %s: %.9f bits a byte, %.1e from the reference\n", sofa_node_get(row, "name")->text,
                  loss.bits_per_byte, loss.bits_per_byte - number(row, "bits_per_byte"));
    assert_true(fabs(loss.bits_per_byte - number(row, "bits_per_byte")) < (means ? LOSS_TOLERANCE : DENSE_TOLERANCE));
    for (size_t i = 0; means && i < sizeof statistics / sizeof *statistics; i++) {
        double got = mean(stats, 16, statistics[i].offset), wanted = number(means, statistics[i].name);

        if (fabs(got - wanted) >= STATS_TOLERANCE)
            fail_msg("%s is %.9f, reference %.9f", statistics[i].name, got, wanted);
    }
    sofa_arena_release(&arena);
}

static void losses_and_statistics_are_those_of_the_reference(void **state)
{
    struct sofa_document *document;
    struct sofa_err err = SOFA_ERR_INIT;
    char *file = test_source_file("tests/golden/transformer/bytelm.json");
    const struct sofa_node *rows;

    (void)state;
    assert_ok(sofa_document_read(file, &document, &err), &err);
    rows = sofa_document_root(document);
    assert_int_equal(rows->count, 6);
    for (size_t i = 0; i < rows->count; i++)
        check_row(rows->item[i]);
    sofa_document_free(document);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_statistics_are_those_of_the_reference),
    };

    return cmocka_run_group_tests(tests, open_model, close_model);
}
