#include "tests/unit/test.h"

#include <math.h>

#include "transformer/lm.h"
#include "transformer/npy.h"

/* tests/golden/transformer/make_families.py made these with PyTorch's transformers, in float32. */
#define TOLERANCE 1e-4

struct family {
    const char *name;
    bool encoder;
};
static const struct family families[] = {
    {"llama-gqa", false},      {"llama-bias", false}, {"llama-linear", false}, {"llama-dynamic", false},
    {"llama-llama3", false},   {"llama-yarn", false}, {"mistral-shards", false}, {"qwen2", false},
    {"gpt2", false},           {"bert", true},
};
#define N_FAMILIES (sizeof families / sizeof *families)

static void assert_ok(enum sofa_code rc, const struct sofa_err *err)
{
    char line[2048];

    if (rc == SOFA_OK)
        return;
    sofa_err_format(err, line, sizeof line);
    fail_msg("%s", line);
}

static char *path_of(const char *family, const char *file)
{
    char name[128];

    snprintf(name, sizeof name, "tests/golden/transformer/families/%s%s%s", family, *file ? "/" : "", file);
    return test_source_file(name);
}

static struct sofa_lm *open_lm(const char *family)
{
    struct sofa_err err = SOFA_ERR_INIT;
    char *path = path_of(family, "");
    struct sofa_lm *lm;

    assert_ok(sofa_lm_open(path, &lm, &err), &err);
    free(path);
    return lm;
}

static size_t read_ids(const char *family, int32_t *ids, size_t room)
{
    struct sofa_err err = SOFA_ERR_INIT;
    char *path = path_of(family, "ids.npy");
    struct sofa_npy npy;
    int64_t wide[256];
    size_t n;

    assert_ok(sofa_npy_open(path, &npy, &err), &err);
    n = npy.tensor.count;
    assert_true(n <= room && n <= 256);
    assert_ok(sofa_tensor_to_int64(&npy.tensor, wide, &err), &err);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)wide[i];
    sofa_npy_close(&npy);
    free(path);
    return n;
}

static void check_outputs(const struct family *f)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_lm *lm = open_lm(f->name);
    struct sofa_lm_run run = {.windows = 1};
    char *path = path_of(f->name, "output.npy");
    struct sofa_npy npy;
    int32_t ids[256];
    float *wanted, *got;
    double worst = 0;

    run.window = read_ids(f->name, ids, 256);
    assert_int_equal(sofa_lm_shape(lm)->encoder, f->encoder);
    assert_ok(sofa_attention_kernel_find(NULL, &run.kernel, &err), &err);
    assert_ok(sofa_npy_open(path, &npy, &err), &err);
    assert_int_equal(npy.tensor.shape[0], run.window);
    wanted = calloc(npy.tensor.count, sizeof *wanted);
    got = calloc(npy.tensor.count, sizeof *got);
    assert_ok(sofa_tensor_to_float(&npy.tensor, wanted, &err), &err);
    assert_ok(sofa_lm_outputs(lm, ids, &run, got, &arena, &err), &err);
    for (size_t i = 0; i < npy.tensor.count; i++)
        worst = fmax(worst, fabs((double)got[i] - wanted[i]));
    print_message("# %s: within %.1e\n", f->name, worst);
    assert_true(worst < TOLERANCE);
    sofa_npy_close(&npy);
    sofa_arena_release(&arena);
    sofa_lm_free(lm);
    free(wanted);
    free(got);
    free(path);
}

static void every_family_computes_what_transformers_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FAMILIES; i++)
        check_outputs(&families[i]);
}

/* Loss with these settings of every layer, NULL for dense. */
static struct sofa_lm_loss loss_of(const char *family, const struct sofa_attention_params *params)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_lm *lm = open_lm(family);
    struct sofa_attention_params layer[2];
    struct sofa_attention_stats stats[8];
    struct sofa_lm_run run = {.window = 9, .windows = 2, .level = SOFA_STATS_ALL, .stats = stats};
    char *path = path_of(family, "ids.npy");
    struct sofa_text *text;
    struct sofa_lm_loss loss;

    if (params) {
        layer[0] = layer[1] = *params;
        run.layer = layer;
    }
    assert_ok(sofa_attention_kernel_find(NULL, &run.kernel, &err), &err);
    assert_ok(sofa_text_open(lm, path, &text, &err), &err);
    assert_ok(sofa_lm_evaluate(lm, text, &run, &loss, &arena, &err), &err);
    sofa_text_free(text);
    sofa_arena_release(&arena);
    sofa_lm_free(lm);
    free(path);
    return loss;
}

static void every_key_kept_costs_only_what_quantisation_does(void **state)
{
    const struct sofa_attention_params every = SOFA_ATTENTION_DEFAULTS;
    struct sofa_attention_params few = SOFA_ATTENTION_DEFAULTS;

    (void)state;
    few.topk_permille = 100;
    few.tiles = 3;
    for (size_t i = 0; i < N_FAMILIES; i++) {
        struct sofa_lm_loss dense = loss_of(families[i].name, NULL), all = loss_of(families[i].name, &every);
        struct sofa_lm_loss some = loss_of(families[i].name, &few);

        print_message("# %s: %.1e with every key, %.1e with few\n", families[i].name,
                      families[i].encoder ? all.hidden_error : all.nats_per_token - dense.nats_per_token,
                      families[i].encoder ? some.hidden_error : some.nats_per_token - dense.nats_per_token);
        if (families[i].encoder) {
            assert_true(dense.hidden_error == 0 && dense.hidden_cosine == 1);
            assert_true(all.hidden_error > 0 && all.hidden_error < 1e-3 && all.sentence_error < 1e-3);
            assert_true(all.hidden_cosine > 0.999999 && all.sentence_cosine > 0.999999);
            assert_true(some.hidden_error > 10 * all.hidden_error && some.hidden_cosine < all.hidden_cosine);
            assert_true(isnan(all.nats_per_token));
        } else {
            assert_true(fabs(all.nats_per_token - dense.nats_per_token) < 1e-3);
            assert_true(fabs(some.nats_per_token - dense.nats_per_token) >
                        10 * fabs(all.nats_per_token - dense.nats_per_token));
            assert_true(isnan(all.hidden_error) && isnan(all.bits_per_byte));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_computes_what_transformers_does),
        cmocka_unit_test(every_key_kept_costs_only_what_quantisation_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
