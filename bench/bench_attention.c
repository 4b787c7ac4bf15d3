/*
 * The functional pipeline (prediction, selection, formal stage; no statistics) over dense float32
 * attention on the same shapes, one thread, paired: all contestants run in turn, the peer before and after the others,
 * and a row is the median of the ratios of neighbours in time.  Beside it stands a row NAME.iqr, the distance of their
 * quartiles.
 *
 * A sample is a layer of HEADS heads over one X of width HEADS d: X is quantised once, the rest is per
 * head.  The peer is OpenBLAS with its fastest core type of this machine (the least median of several probes, which are
 * rows too; BENCH_CORETYPE pins one), scores in blocks of rows that stay in cache and our own vectorised softmax
 * between its two products.
 */
#include <gsl/gsl_cblas.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attention/kernel.h"
#include "base/rng.h"
#include "bench/bench.h"

#define HEADS 4
#define SAMPLES 15
#define PROBES 7 /* of each core type */
#define BLOCK 128 /* rows of scores the peer works on at once */

struct bench {
    const struct sofa_attention_kernel *kernel;
    size_t s, h, d;
    bool causal;
    float *x, *wk, *q, *k, *v, *out, *scores; /* wk, q, k, v, out: one per head */
    struct sofa_arena arena;
};

/* Seconds of this thread: with one thread the same as a clock on the wall, but for what others take. */
static double cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double gauss(gsl_rng *rng)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += gsl_rng_uniform(rng);
    return sum;
}

static float *array(size_t n, double scale, gsl_rng *rng)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64); /* as arenas do */

    if (!x)
        exit(1);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * gauss(rng));
    return x;
}

static struct bench bench_new(const struct sofa_attention_kernel *kernel, size_t s, size_t d, bool causal)
{
    struct bench b = {.kernel = kernel, .s = s, .h = HEADS * d, .d = d, .causal = causal};
    gsl_rng *rng = sofa_rng_new(7, 0);
    size_t n = s * d;

    b.x = array(s * b.h, 1, rng);
    b.wk = array(HEADS * b.h * d, 1 / sqrt((double)b.h), rng);
    b.q = array(HEADS * n, 1.5, rng);
    b.k = array(HEADS * n, 1, rng);
    b.v = array(HEADS * n, 1, rng);
    b.out = array(HEADS * n, 0, rng);
    b.scores = array(BLOCK * sofa_padded(s, SOFA_PANEL), 0, rng);
    for (size_t i = 0; i < HEADS; i++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)s, (int)d, (int)b.h, 1, b.x, (int)b.h,
                    b.wk + i * b.h * d, (int)d, 0, b.k + i * n, (int)d);
    gsl_rng_free(rng);
    return b;
}

static void bench_free(struct bench *b)
{
    free(b->x), free(b->wk), free(b->q), free(b->k), free(b->v), free(b->out), free(b->scores);
    sofa_arena_release(&b->arena);
}

static double sofa_time(struct bench *b, int bits, int permille, int tiles, enum sofa_stats_level level)
{
    struct sofa_attention_params p = SOFA_ATTENTION_DEFAULTS;
    double start = cpu_now();
    struct sofa_attention_stats stats;
    struct sofa_quant8 x8;
    struct sofa_khat khat;
    struct sofa_err err;

    p.tiles = tiles;
    p.topk_permille = permille;
    p.khat_bits = p.q_bits = bits;
    p.causal = b->causal;
    sofa_arena_reset(&b->arena);
    if (sofa_attention_quantise_x(b->kernel, b->x, b->s, b->h, &b->arena, &x8, &err) != SOFA_OK)
        exit(1);
    for (size_t i = 0; i < HEADS; i++) {
        size_t at = i * b->s * b->d;

        if (sofa_attention_predict_keys(b->kernel, bits, &x8, b->wk + i * b->h * b->d, b->d, (struct sofa_rope){0},
                                        &b->arena, &khat, &err) != SOFA_OK ||
            sofa_attention_run(b->kernel, &p, &khat, b->q + at, b->k + at, b->v + at, b->out + at, level, &stats, NULL,
                               &b->arena, &err) != SOFA_OK)
            exit(1);
    }
    return cpu_now() - start;
}

static double own_dense_time(struct bench *b)
{
    double start = cpu_now();

    for (size_t i = 0; i < HEADS; i++) {
        size_t at = i * b->s * b->d;

        sofa_arena_reset(&b->arena);
        if (sofa_attention_dense(b->kernel, b->s, b->d, b->causal, b->q + at, b->k + at, b->v + at, b->out + at,
                                 &b->arena, NULL) != SOFA_OK)
            exit(1);
    }
    return cpu_now() - start;
}

static void openblas_head(struct bench *b, const float *q, const float *k, const float *v, float *out)
{
    int d = (int)b->d, stride = (int)sofa_padded(b->s, SOFA_PANEL);
    float scale = (float)(1 / sqrt((double)b->d));

    for (size_t i = 0; i < b->s; i += BLOCK) {
        int rows = b->s - i < BLOCK ? (int)(b->s - i) : BLOCK, n = b->causal ? (int)i + rows : (int)b->s;

        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, n, d, 1, q + i * b->d, d, k, d, 0, b->scores, stride);
        for (int r = 0; r < rows; r++) {
            float *row = b->scores + (size_t)r * (size_t)stride;
            size_t visible = b->causal ? i + (size_t)r + 1 : b->s;
            float inverse = 1 / b->kernel->softmax(row, row, visible, scale);

            for (size_t j = 0; j < visible; j++)
                row[j] *= inverse;
            memset(row + visible, 0, ((size_t)n - visible) * sizeof *row);
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, d, n, 1, b->scores, stride, v, d, 0,
                    out + i * b->d, d);
    }
}

static double openblas_time(struct bench *b)
{
    double start = cpu_now();

    for (size_t i = 0; i < HEADS; i++) {
        size_t at = i * b->s * b->d;

        openblas_head(b, b->q + at, b->k + at, b->v + at, b->out + at);
    }
    return cpu_now() - start;
}

static void full_name(const struct bench *b, const char *what, const char *tail, char *name, size_t size)
{
    snprintf(name, size, "attention.%s.s%zu.d%zu%s%s", what, b->s, b->d, tail, b->causal ? ".causal" : "");
}

/* Sorts the ratios. */
static void ratio_rows(const struct bench *b, const char *what, const char *tail, double *ratio)
{
    const char *isa = sofa_attention_kernel_name(b->kernel);
    char name[128];

    full_name(b, what, tail, name, sizeof name);
    bench_row(name, bench_median(ratio, SAMPLES), "ratio", isa);
    strcat(name, ".iqr");
    bench_row(name, ratio[SAMPLES * 3 / 4] - ratio[SAMPLES / 4], "ratio", isa);
}

static void time_row(const struct bench *b, const char *what, const char *tail, double *seconds)
{
    char name[128];

    full_name(b, what, tail, name, sizeof name);
    bench_row(name, 1e3 * bench_median(seconds, SAMPLES) / HEADS, "ms/head", sofa_attention_kernel_name(b->kernel));
}

static void compare(struct bench *b, int permille, int tiles, const char *tail)
{
    double ratio8[SAMPLES], ratio16[SAMPLES], own8[SAMPLES], own16[SAMPLES], t8[SAMPLES], t16[SAMPLES];
    double peer = openblas_time(b);

    for (size_t i = 0; i < SAMPLES; i++) {
        double before = peer, own = own_dense_time(b);

        t8[i] = sofa_time(b, 8, permille, tiles, SOFA_STATS_NONE);
        t16[i] = sofa_time(b, 16, permille, tiles, SOFA_STATS_NONE);
        peer = openblas_time(b);
        ratio8[i] = t8[i] / ((before + peer) / 2);
        ratio16[i] = t16[i] / ((before + peer) / 2);
        own8[i] = t8[i] / own;
        own16[i] = t16[i] / own;
    }
    ratio_rows(b, "sofa8_over_openblas", tail, ratio8);
    ratio_rows(b, "sofa16_over_openblas", tail, ratio16);
    ratio_rows(b, "sofa8_over_own_dense", tail, own8);
    ratio_rows(b, "sofa16_over_own_dense", tail, own16);
    time_row(b, "sofa8", tail, t8);
    time_row(b, "sofa16", tail, t16);
}

static void dense(struct bench *b)
{
    double ratio[SAMPLES], peer[SAMPLES], own[SAMPLES], before = openblas_time(b);

    for (size_t i = 0; i < SAMPLES; i++) {
        own[i] = own_dense_time(b);
        peer[i] = openblas_time(b);
        ratio[i] = own[i] / ((before + peer[i]) / 2);
        before = peer[i];
    }
    ratio_rows(b, "own_dense_over_openblas", "", ratio);
    time_row(b, "own_dense", "", own);
    time_row(b, "openblas", "", peer);
}

static void statistics(struct bench *b)
{
    double model[SAMPLES], all[SAMPLES], none = sofa_time(b, 16, 200, 16, SOFA_STATS_NONE);

    for (size_t i = 0; i < SAMPLES; i++) {
        double before = none;

        model[i] = sofa_time(b, 16, 200, 16, SOFA_STATS_MODEL);
        all[i] = sofa_time(b, 16, 200, 16, SOFA_STATS_ALL);
        none = sofa_time(b, 16, 200, 16, SOFA_STATS_NONE);
        model[i] /= (before + none) / 2;
        all[i] /= (before + none) / 2;
    }
    ratio_rows(b, "stats_model_over_none", ".k20", model);
    ratio_rows(b, "stats_all_over_none", ".k20", all);
}

static void shape(const struct sofa_attention_kernel *kernel, size_t s, size_t d, bool causal, bool thorough)
{
    struct bench b = bench_new(kernel, s, d, causal);

    dense(&b);
    compare(&b, 200, 16, ".k20");
    if (thorough) {
        compare(&b, 100, 16, ".k10");
        compare(&b, 300, 16, ".k30");
        compare(&b, 200, 4, ".k20.t4");
        compare(&b, 200, 32, ".k20.t32");
    }
    statistics(&b);
    bench_free(&b);
}

/* Seconds of the peer's two products, to choose its core type by. */
static double probe(void)
{
    const struct sofa_attention_kernel *kernel = NULL;
    double best = INFINITY;
    struct bench b;

    sofa_attention_kernel_find(NULL, &kernel, NULL);
    b = bench_new(kernel, 1024, 64, false);
    for (int i = 0; i < 5; i++) {
        double t = openblas_time(&b);

        best = t < best ? t : best;
    }
    bench_free(&b);
    return best;
}

/* The time a child with this core type takes; the child runs this program with --probe. */
static double try_core_type(const char *type)
{
    double seconds = INFINITY;
    int ends[2];
    pid_t child;
    FILE *in;

    if (pipe(ends) != 0 || (child = fork()) < 0)
        return INFINITY;
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        if (*type)
            setenv("OPENBLAS_CORETYPE", type, 1);
        execl("/proc/self/exe", "bench_attention", "--probe", (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    in = fdopen(ends[0], "r");
    if (!in || fscanf(in, "%lf", &seconds) != 1)
        seconds = INFINITY;
    if (in)
        fclose(in);
    waitpid(child, NULL, 0);
    return seconds;
}

static const char *const core_types[] = {"", "Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"};
#define CORE_TYPES (sizeof core_types / sizeof *core_types)

static const char *core_type_name(const char *type)
{
    return *type ? type : "detected";
}

/* The core type of the least median; the types are probed in turn, so that none has the machine's best minute. */
static const char *best_core_type(void)
{
    double seconds[CORE_TYPES][PROBES], least = INFINITY;
    const char *best = "";

    for (size_t i = 0; i < PROBES; i++)
        for (size_t t = 0; t < CORE_TYPES; t++)
            seconds[t][i] = try_core_type(core_types[t]);
    for (size_t t = 0; t < CORE_TYPES; t++) {
        double median = bench_median(seconds[t], PROBES);
        char name[64];

        snprintf(name, sizeof name, "attention.openblas_probe.%s", core_type_name(core_types[t]));
        bench_row(name, 1e3 * median / HEADS, "ms/head", "openblas");
        best = median < least ? core_types[t] : best;
        least = median < least ? median : least;
    }
    return best;
}

/* OpenBLAS reads its core type when it is loaded: finds the fastest and starts this program again. */
static void restart_with_best_core_type(char **argv)
{
    const char *best = getenv("BENCH_CORETYPE");

    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    if (!best)
        best = best_core_type();
    setenv("SOFA_BENCH_CORETYPE", core_type_name(best), 1);
    if (*best)
        setenv("OPENBLAS_CORETYPE", best, 1);
    execv("/proc/self/exe", argv);
    exit(1);
}

int main(int argc, char **argv)
{
    const struct sofa_attention_kernel *kernel = NULL;
    struct sofa_err err = SOFA_ERR_INIT;
    const char *isa = argc > 1 ? argv[1] : getenv("BENCH_ISA");
    char chosen[64];

    if (argc > 1 && strcmp(argv[1], "--probe") == 0) {
        printf("%.9f\n", probe());
        return 0;
    }
    if (!getenv("SOFA_BENCH_CORETYPE")) {
        printf("name,value,unit,isa,compiler,commit\n");
        restart_with_best_core_type(argv);
    }
    if (sofa_attention_kernel_find(isa, &kernel, &err) != SOFA_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    snprintf(chosen, sizeof chosen, "attention.openblas_core_type.%s", getenv("SOFA_BENCH_CORETYPE"));
    bench_row(chosen, 1, "chosen", "openblas");
    shape(kernel, 2048, 64, false, true);
    if (getenv("BENCH_QUICK"))
        return 0;
    shape(kernel, 2048, 64, true, false);
    shape(kernel, 1024, 64, false, true);
    shape(kernel, 4096, 64, false, true);
    shape(kernel, 1024, 32, true, false);
    return 0;
}
