/*
 * Evaluations of the analytical model a second, one core, from known statistics.  Layers differ in tiles and
 * ratio, as candidates of a search do, and no two of them, in any of the designs, have the same statistics:
 * each is worked out anew.
 */
#include <math.h>

#include "base/file.h"
#include "base/isa.h"
#include "base/rng.h"
#include "bench/bench.h"
#include "model/model.h"

#define DESIGNS 256
#define ROUNDS 7

static struct sofa_hardware hw;
static struct sofa_workload workload;
static struct sofa_design design[DESIGNS];
static struct sofa_statistics statistics[DESIGNS];

static void die(const struct sofa_err *err)
{
    fprintf(stderr, "bench_model: %s:%d: %s\n", err->file, err->line, err->text);
    exit(1);
}

static char *source(const char *name)
{
    char *path = sofa_path_join(getenv("SOFA_SRCDIR") ? getenv("SOFA_SRCDIR") : ".", name);

    if (!path)
        exit(1);
    return path;
}

/* Near what the kernel measures at this ratio. */
static struct sofa_selection draw(gsl_rng *rng, double ratio)
{
    return (struct sofa_selection){.density = ratio * (0.95 + 0.05 * gsl_rng_uniform(rng)),
                                   .union_share = 0.6 + 0.2 * gsl_rng_uniform(rng),
                                   .naive_ratio = 1.5 + 0.2 * gsl_rng_uniform(rng),
                                   .rass_ratio = 1.2 + 0.2 * gsl_rng_uniform(rng),
                                   .clipped = 0.1 * gsl_rng_uniform(rng),
                                   .mispredicted = 0.06 * gsl_rng_uniform(rng),
                                   .union_all = 0.9 + 0.1 * gsl_rng_uniform(rng)};
}

static void prepare(const char *name, bool per_head)
{
    char *path = source(name);
    struct sofa_err err = SOFA_ERR_INIT;
    gsl_rng *rng = sofa_rng_new(1, 1);

    if (!rng || sofa_workload_read(path, &workload, &err) != SOFA_OK)
        die(&err);
    for (int i = 0; i < DESIGNS; i++) {
        if (sofa_hardware_design(&hw, workload.layers, &design[i], &err) != SOFA_OK ||
            sofa_statistics_init(&statistics[i], workload.layers, per_head ? workload.heads : 1, NULL, &err) != SOFA_OK)
            die(&err);
        for (int l = 0; l < workload.layers; l++) {
            design[i].layer[l].tiles = 2 + 2 * (int)sofa_rng_below(rng, 16);
            design[i].layer[l].topk_permille = 50 + 50 * (int)sofa_rng_below(rng, 10);
        }
        for (int l = 0; l < workload.layers * statistics[i].heads; l++)
            statistics[i].head[l] = draw(rng, design[i].layer[l / statistics[i].heads].topk_permille / 1000.0);
    }
    gsl_rng_free(rng);
    free(path);
}

/* Seconds of this thread's own processor time: other programs on the machine don't count. */
static double processor_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The instruction set that evaluations run in. */
static const char *best_isa(void)
{
    size_t n, index = 0;

    sofa_isa_find(NULL, &index, NULL);
    return sofa_isa_names(&n)[index];
}

/* Median over rounds of about a fifth of a second each. */
static void measure(const char *row, const char *name, bool per_head)
{
    struct sofa_result result;
    double rate[ROUNDS];

    prepare(name, per_head);
    for (int r = 0; r < ROUNDS; r++) {
        double start = processor_time(), spent;
        long n = 0;

        do {
            for (int i = 0; i < DESIGNS; i++) {
                sofa_model_evaluate(&hw, &design[i], &workload, &statistics[i], &result);
                if (!result.feasible)
                    exit(1);
            }
            n += DESIGNS;
            spent = processor_time() - start;
        } while (spent < 0.2);
        rate[r] = (double)n / spent;
    }
    bench_row(row, bench_median(rate, ROUNDS), "1/s", best_isa());
    for (int i = 0; i < DESIGNS; i++)
        sofa_statistics_release(&statistics[i]);
}

int main(void)
{
    char *path = source("models/hardware/sofa-28nm.yaml");
    struct sofa_err err = SOFA_ERR_INIT;

    if (sofa_hardware_read(path, &hw, &err) != SOFA_OK)
        die(&err);
    free(path);
    measure("model.evaluations_per_s.bert_base", "models/workloads/bert-base-squad.yaml", false);
    measure("model.evaluations_per_s.bert_base_per_head", "models/workloads/bert-base-squad.yaml", true);
    measure("model.evaluations_per_s.llama_7b", "models/workloads/llama-7b-wikitext2.yaml", false);
    measure("model.evaluations_per_s.llama_3_70b_128k", "models/workloads/llama-3-70b-128k.yaml", false);
    /* published rates of other models, whose work differs: they search a mapping of one layer */
    fprintf(stderr, "# published, other work: Timeloop about 690 valid mappings a second, ZigZag 37\n");
    sofa_hardware_free(&hw);
    return 0;
}
