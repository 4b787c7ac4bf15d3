/*
 * The closed-form model against the event-driven simulator on random designs and workloads: mean and
 * worst error of the cycles, equality of the bytes, rank correlation (Kendall's tau).
 * Arguments, both optional: a file that every sample is written to as CSV, and another seed.
 */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "bench/bench.h"
#include "model/model.h"
#include "model/simulator.h"
#include "tests/unit/model/random_design.h"

#define SAMPLES 2000

static double model[SAMPLES], simulated[SAMPLES];

static int sign(double x)
{
    return (x > 0) - (x < 0);
}

static double kendall(size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            sum += sign(model[i] - model[j]) * sign(simulated[i] - simulated[j]);
    return sum / ((double)n * (double)(n - 1) / 2);
}

struct sums {
    double error, worst, bytes;
};

/* One feasible sample; false for an infeasible one. */
static bool sample(gsl_rng *rng, const struct sofa_hardware *hw, size_t n, FILE *csv, struct sums *sums)
{
    struct sofa_workload w;
    struct sofa_design d;
    struct sofa_statistics s;
    struct sofa_result r;
    double bytes, error, byte_error;
    bool feasible;

    random_workload(rng, &w);
    random_design(rng, hw, w.layers, &d);
    if (!random_statistics(rng, &w, &d, &s))
        exit(1);
    sofa_model_evaluate(hw, &d, &w, &s, &r);
    feasible = r.feasible;
    if (feasible) {
        if (sofa_simulate(hw, &d, &w, &s, &simulated[n], &bytes, NULL) != SOFA_OK)
            exit(1);
        model[n] = r.cycles;
        error = fabs(r.cycles / simulated[n] - 1);
        byte_error = fabs(r.dram_bytes / bytes - 1);
        sums->error += error;
        sums->worst = error > sums->worst ? error : sums->worst;
        sums->bytes = byte_error > sums->bytes ? byte_error : sums->bytes;
        if (csv)
            fprintf(csv, "%zu,%.0f,%.0f,%.0f,%.4f,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%g,%g,%g,%g,%d\n", n, r.cycles,
                    simulated[n], bytes, r.cycles / simulated[n] - 1, w.causal, w.scope, w.hidden, w.head_dim,
                    (int)w.queries, d.query_lanes, d.layer[0].tiles, d.pipeline, d.sort, d.khat_store,
                    d.dram_bytes_per_s, r.stage_cycles[SOFA_STAGE_DRAM] / r.cycles,
                    (r.stage_cycles[SOFA_STAGE_SCORES] + r.stage_cycles[SOFA_STAGE_KHAT]) / r.cycles,
                    r.stage_cycles[SOFA_STAGE_PV] / r.cycles, r.bytes[SOFA_TRAFFIC_SCORES] > 0);
    }
    sofa_statistics_release(&s);
    return feasible;
}

int main(int argc, char **argv)
{
    const char *root = getenv("SOFA_SRCDIR") ? getenv("SOFA_SRCDIR") : ".";
    char path[1024];
    struct sofa_err err = SOFA_ERR_INIT;
    struct sums sums = {0, 0, 0};
    struct sofa_hardware hw;
    gsl_rng *rng = sofa_rng_new(argc > 2 ? strtoul(argv[2], NULL, 10) : 20241, 7);
    FILE *csv = argc > 1 ? fopen(argv[1], "w") : NULL;

    snprintf(path, sizeof path, "%s/models/hardware/sofa-28nm.yaml", root);
    if (!rng || (argc > 1 && !csv) || sofa_hardware_read(path, &hw, &err) != SOFA_OK) {
        fprintf(stderr, "bench_agreement: %s\n", err.text);
        return 1;
    }
    if (csv)
        fprintf(csv, "sample,model_cycles,simulated_cycles,dram_bytes,error,causal,scope,hidden,head_dim,tokens,lanes,"
                     "tiles,serial,full_sort,recompute,bandwidth,dram_share,dlzs_share,pv_share,spilled\n");
    for (size_t n = 0; n < SAMPLES;)
        n += sample(rng, &hw, n, csv, &sums);
    bench_row("model.simulator_error_mean", sums.error / SAMPLES, "1", "portable");
    bench_row("model.simulator_error_worst", sums.worst, "1", "portable");
    bench_row("model.simulator_byte_error_worst", sums.bytes, "1", "portable");
    bench_row("model.simulator_kendall_tau", kendall(SAMPLES), "1", "portable");
    if (csv && fclose(csv) != 0)
        return 1;
    gsl_rng_free(rng);
    sofa_hardware_free(&hw);
    return 0;
}
