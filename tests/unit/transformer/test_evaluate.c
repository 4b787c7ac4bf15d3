#include "tests/unit/test.h"

#include <math.h>
#include <pthread.h>

#include "base/isa.h"
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

/* Candidate c: settings of four layers, of which neighbours share the first c % 4. */
static void candidate(int c, struct sofa_attention_params layer[4])
{
    for (int l = 0; l < 4; l++) {
        layer[l] = (struct sofa_attention_params)SOFA_ATTENTION_DEFAULTS;
        layer[l].tiles = l < c % 4 ? 4 : 5 + c;
        layer[l].topk_permille = 200;
        layer[l].radius = 8;
    }
}

#define CANDIDATES 12
struct result {
    struct sofa_lm_loss loss;
    struct sofa_attention_stats stats[16];
    size_t reused;
};

static void evaluate_layers(const struct sofa_attention_params layer[4], struct result *r)
{
    struct sofa_lm_run run = {.window = 64, .windows = 2, .layer = layer, .level = SOFA_STATS_MODEL,
                              .stats = r->stats, .layers_reused = &r->reused};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;

    r->reused = 0;
    assert_ok(sofa_attention_kernel_find(NULL, &run.kernel, &err), &err);
    assert_ok(sofa_lm_evaluate(lm, text, &run, &r->loss, &arena, &err), &err);
    sofa_arena_release(&arena);
}

static void evaluate(int c, struct result *r)
{
    struct sofa_attention_params layer[4];

    candidate(c, layer);
    evaluate_layers(layer, r);
}

static void assert_same_results(const struct result *a, const struct result *b)
{
    assert_memory_equal(&a->loss, &b->loss, sizeof a->loss);
    assert_memory_equal(a->stats, b->stats, sizeof a->stats);
}

static struct result plain[CANDIDATES];

static void reused_layers_give_the_same_bits(void **state)
{
    size_t reused = 0;

    (void)state;
    sofa_lm_set_cache(lm, 0);
    for (int c = 0; c < CANDIDATES; c++) {
        evaluate(c, &plain[c]);
        assert_int_equal(plain[c].reused, 0);
    }
    sofa_lm_set_cache(lm, SOFA_LM_CACHE_BYTES);
    for (int c = 0; c < CANDIDATES; c++) {
        struct result r;

        evaluate(c, &r);
        reused += r.reused;
        assert_same_results(&r, &plain[c]);
    }
    /* of each four candidates after the first four, three share 1, 2 and 3 layers of 2 windows; among
     * the first four, those with 2 and 3 find what the one before left */
    assert_int_equal(reused, 2 * 2 * (1 + 2 + 3) + 2 * (1 + 2));
}

/* One after the other in the same memory: what a pattern holds tells it from another, and where it lies doesn't. */
static void patterns_are_told_apart_by_what_they_hold(void **state)
{
    static const struct {
        const char *spec;
        bool fixed;
        size_t reused; /* of 2 windows and the first 3 layers */
    } runs[] = {{"window:8", true, 0}, {"window:9", true, 0}, {"window:9", false, 0}, {"window:8", true, 6}, {"window:9", false, 6}};
    struct sofa_arena arena = SOFA_ARENA_INIT;

    (void)state;
    sofa_lm_set_cache(lm, 0);
    sofa_lm_set_cache(lm, SOFA_LM_CACHE_BYTES);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct sofa_attention_params layer[4];
        struct sofa_pattern pattern;
        struct result r, bare;

        sofa_arena_reset(&arena);
        assert_int_equal(sofa_pattern_generate(runs[i].spec, 64, 64, true, &arena, &pattern, NULL), SOFA_OK);
        candidate(0, layer);
        for (int l = 0; l < 4; l++) {
            layer[l].pattern = &pattern;
            layer[l].fixed = runs[i].fixed;
        }
        evaluate_layers(layer, &r);
        assert_int_equal(r.reused, runs[i].reused);
        candidate(0, layer);
        evaluate_layers(layer, &bare);
        assert_true(bare.loss.nats_per_token != r.loss.nats_per_token);
    }
    sofa_arena_release(&arena);
}

static void a_small_cache_forgets_but_never_errs(void **state)
{
    (void)state;
    sofa_lm_set_cache(lm, 3 * 64 * 128 * 4); /* not three states with their statistics */
    for (int round = 0; round < 2; round++)
        for (int c = 0; c < CANDIDATES; c++) {
            struct result r;

            evaluate(c, &r);
            assert_same_results(&r, &plain[c]);
        }
    sofa_lm_set_cache(lm, SOFA_LM_CACHE_BYTES);
}

static struct result threaded[2][CANDIDATES];

static void *worker(void *which)
{
    int t = *(int *)which;

    for (int i = 0; i < CANDIDATES; i++) {
        int c = t ? CANDIDATES - 1 - i : i;

        evaluate(c, &threaded[t][c]);
    }
    return NULL;
}

static void threads_share_a_model_and_its_cache(void **state)
{
    pthread_t thread[2];
    int which[2] = {0, 1};

    (void)state;
    for (int t = 0; t < 2; t++)
        assert_int_equal(pthread_create(&thread[t], NULL, worker, &which[t]), 0);
    for (int t = 0; t < 2; t++)
        pthread_join(thread[t], NULL);
    for (int c = 0; c < CANDIDATES; c++) {
        assert_same_results(&threaded[0][c], &plain[c]);
        assert_same_results(&threaded[1][c], &plain[c]);
    }
}

static void a_cancelled_run_stops(void **state)
{
    atomic_bool cancel = true;
    struct sofa_lm_run run = {.window = 64, .windows = 1, .cancel = &cancel};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_lm_loss loss;

    (void)state;
    assert_ok(sofa_attention_kernel_find(NULL, &run.kernel, &err), &err);
    sofa_lm_set_cache(lm, 0);
    assert_int_equal(sofa_lm_evaluate(lm, text, &run, &loss, &arena, &err), SOFA_E_INTERRUPTED);
    cancel = false;
    assert_int_equal(sofa_lm_evaluate(lm, text, &run, &loss, &arena, &err), SOFA_OK);
    sofa_arena_release(&arena);
}

static void every_instruction_set_gives_the_same_bits(void **state)
{
    struct sofa_attention_params layer[4];
    struct sofa_attention_stats stats[16], first[16];
    struct sofa_lm_run run = {.window = 100, .windows = 1, .layer = layer, .level = SOFA_STATS_ALL, .stats = stats};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_lm_loss loss;
    double wanted = 0;
    size_t n;
    const char *const *names = sofa_isa_names(&n);

    (void)state;
    candidate(5, layer);
    for (size_t i = 0; i < n; i++) {
        if (sofa_attention_kernel_find(names[i], &run.kernel, &err) != SOFA_OK)
            continue;
        assert_ok(sofa_lm_evaluate(lm, text, &run, &loss, &arena, &err), &err);
        if (i == 0) {
            wanted = loss.nats_per_token;
            memcpy(first, stats, sizeof first);
        }
        assert_memory_equal(&wanted, &loss.nats_per_token, sizeof wanted);
        assert_memory_equal(first, stats, sizeof first);
    }
    sofa_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_statistics_are_those_of_the_reference),
        cmocka_unit_test(reused_layers_give_the_same_bits),
        cmocka_unit_test(patterns_are_told_apart_by_what_they_hold),
        cmocka_unit_test(a_small_cache_forgets_but_never_errs),
        cmocka_unit_test(threads_share_a_model_and_its_cache),
        cmocka_unit_test(a_cancelled_run_stops),
        cmocka_unit_test(every_instruction_set_gives_the_same_bits),
    };

    return cmocka_run_group_tests(tests, open_model, close_model);
}
