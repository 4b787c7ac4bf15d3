/*
 * The shipped language model: sparse over dense attention for the whole model, one thread, paired runs;
 * what the cache of first layers saves a candidate; the product alone, by instruction set.
 */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "bench/bench.h"
#include "transformer/gemm.h"
#include "transformer/lm.h"

#define PAIRS 9
#define WINDOW 1024
#define LAYERS_MOST 64

static struct sofa_lm *lm;
static struct sofa_text *text;
static struct sofa_arena arena = SOFA_ARENA_INIT;

static void stop_on(enum sofa_code rc, const struct sofa_err *err)
{
    if (rc == SOFA_OK)
        return;
    fprintf(stderr, "bench_transformer: %s\n", err->text);
    exit(1);
}

static void open_model(void)
{
    struct sofa_err err = SOFA_ERR_INIT;
    const char *root = getenv("SOFA_SRCDIR");
    char *folder = sofa_path_join(root ? root : ".", "models/bytelm"), *file = sofa_path_join(folder, "heldout.bin");

    stop_on(sofa_lm_open(folder, &lm, &err), &err);
    stop_on(sofa_text_open(lm, file, &text, &err), &err);
    free(folder);
    free(file);
}

/* 20 % of 8 tiles, radius 8; from `changed` on with one tile more. */
static void settings(struct sofa_attention_params *layer, size_t changed)
{
    for (size_t l = 0; l < sofa_lm_shape(lm)->layers; l++) {
        layer[l] = (struct sofa_attention_params)SOFA_ATTENTION_DEFAULTS;
        layer[l].tiles = l < changed ? 8 : 9;
        layer[l].topk_permille = 200;
        layer[l].radius = 8;
    }
}

/* Seconds of one evaluation of one window. */
static double run(const struct sofa_attention_kernel *kernel, const struct sofa_attention_params *layer,
                  enum sofa_stats_level level)
{
    static struct sofa_attention_stats stats[LAYERS_MOST * LAYERS_MOST];
    struct sofa_lm_run r = {.window = WINDOW, .windows = 1, .layer = layer, .level = level, .kernel = kernel,
                            .stats = level == SOFA_STATS_NONE ? NULL : stats};
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_lm_loss loss;
    double start = bench_now();

    stop_on(sofa_lm_evaluate(lm, text, &r, &loss, &arena, &err), &err);
    return bench_now() - start;
}

/* Medians of paired runs, so that a busy machine weighs on both sides. */
static void compare_levels(const struct sofa_attention_kernel *kernel)
{
    static const char *const names[] = {"lm.sofa_over_dense", "lm.sofa_over_dense.model_statistics",
                                        "lm.sofa_over_dense.sampled_statistics",
                                        "lm.sofa_over_dense.all_statistics"};
    const char *isa = sofa_attention_kernel_name(kernel);
    struct sofa_attention_params layer[LAYERS_MOST];
    double dense[PAIRS], ratio[PAIRS];

    settings(layer, LAYERS_MOST);
    sofa_lm_set_cache(lm, 0);
    for (int level = SOFA_STATS_NONE; level <= SOFA_STATS_ALL; level++) {
        for (size_t i = 0; i < PAIRS; i++) {
            dense[i] = run(kernel, NULL, SOFA_STATS_NONE);
            ratio[i] = run(kernel, layer, (enum sofa_stats_level)level) / dense[i];
        }
        bench_row(names[level], bench_median(ratio, PAIRS), "ratio", isa);
    }
    bench_row("lm.dense.w1024", 1e3 * bench_median(dense, PAIRS), "ms", isa);
}

/* A candidate that shares its first layers with an earlier one over one that shares none. */
static void compare_reuse(const struct sofa_attention_kernel *kernel)
{
    struct sofa_attention_params first[LAYERS_MOST], layer[LAYERS_MOST];
    double ratio[PAIRS];
    char name[64];

    settings(first, LAYERS_MOST);
    for (size_t shared = 1; shared < sofa_lm_shape(lm)->layers; shared++) {
        settings(layer, shared);
        for (size_t i = 0; i < PAIRS; i++) {
            double alone;

            sofa_lm_set_cache(lm, 0);
            alone = run(kernel, layer, SOFA_STATS_MODEL);
            sofa_lm_set_cache(lm, SOFA_LM_CACHE_BYTES);
            run(kernel, first, SOFA_STATS_MODEL);
            ratio[i] = run(kernel, layer, SOFA_STATS_MODEL) / alone;
        }
        snprintf(name, sizeof name, "lm.reused_over_alone.shared%zu_of_%zu", shared, sofa_lm_shape(lm)->layers);
        bench_row(name, bench_median(ratio, PAIRS), "ratio", sofa_attention_kernel_name(kernel));
    }
}

/* The model's widest product: 1024 tokens, 128 to 352. */
static void measure_product(const char *isa)
{
    const size_t m = WINDOW, out = 352, in = 128;
    const struct sofa_gemm *gemm = sofa_gemm_find(isa);
    float *x = calloc(m * in, sizeof *x), *w = calloc(out * in, sizeof *w), *y = calloc(m * out, sizeof *y);
    float *packed = aligned_alloc(64, sofa_gemm_packed_size(out, in) * sizeof *packed);
    double seconds[PAIRS];

    if (!x || !w || !y || !packed || strcmp(gemm->isa, isa) != 0)
        goto out;
    for (size_t i = 0; i < m * in; i++)
        x[i] = (float)(i % 7) - 3;
    for (size_t i = 0; i < out * in; i++)
        w[i] = (float)(i % 5) - 2;
    sofa_gemm_pack(w, out, in, packed);
    for (size_t i = 0; i < PAIRS; i++) {
        double start = bench_now();

        sofa_gemm_run(gemm, m, out, in, x, packed, NULL, y);
        seconds[i] = bench_now() - start;
    }
    bench_row("gemm.1024x352x128", 2e-9 * (double)(m * out * in) / bench_median(seconds, PAIRS), "GFLOP/s", isa);
out:
    free(x);
    free(w);
    free(y);
    free(packed);
}

int main(void)
{
    const struct sofa_attention_kernel *kernel;
    struct sofa_err err = SOFA_ERR_INIT;

    open_model();
    stop_on(sofa_attention_kernel_find(NULL, &kernel, &err), &err);
    run(kernel, NULL, SOFA_STATS_NONE);
    compare_levels(kernel);
    compare_reuse(kernel);
    measure_product("portable");
    measure_product("avx2");
    measure_product("avx512");
    sofa_text_free(text);
    sofa_lm_free(lm);
    sofa_arena_release(&arena);
    return 0;
}
