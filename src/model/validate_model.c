/* Throughput, time and energy that the model has to reach by itself, and what explains how far off they are. */
#include <math.h>
#include <string.h>

#include "model/roofline.h"
#include "model/validate_run.h"
#include "model/validate_values.h"

#define TIGHTEST SOFA_VALIDATE_TIGHTEST

static struct sofa_validate_point at(int level)
{
    return (struct sofa_validate_point){.level = level, .steps = STEP_ALL};
}

static struct sofa_validate_point at_given(int level)
{
    return (struct sofa_validate_point){.level = level, .steps = STEP_ALL, .keys_given = true};
}

static struct sofa_validate_point at_qkv(int level)
{
    return (struct sofa_validate_point){.level = level, .steps = STEP_ALL, .scope = SOFA_SCOPE_QKV_ATTENTION};
}

/* Reading Q, K and V and writing O, once. */
static double least_bytes(const struct sofa_validation *v, const struct sofa_workload *w)
{
    double rows = 2 * w->queries * w->heads + 2 * w->keys * w->kv_heads;

    return rows * w->head_dim * v->hw->settings.formal_bits / 8 * w->layers * w->batch;
}

SOFA_VALIDATE_FIGURE(throughput_of, r->throughput_gops)
SOFA_VALIDATE_FIGURE(efficiency_of, r->energy_efficiency)
SOFA_VALIDATE_FIGURE(core_efficiency_of, r->core_energy_efficiency)
SOFA_VALIDATE_FIGURE(utilisation_of, 100 * r->utilisation)
SOFA_VALIDATE_FIGURE(generation_of, 100 * r->stage_cycles[SOFA_STAGE_GENERATION] / r->cycles)
SOFA_VALIDATE_FIGURE(khat_cycles_of, 100 * r->stage_cycles[SOFA_STAGE_KHAT] / r->cycles)
SOFA_VALIDATE_FIGURE(traffic_of, 1e-9 * r->dram_bytes / r->latency_s)
SOFA_VALIDATE_FIGURE(power_of, r->power_w)
SOFA_VALIDATE_FIGURE(dram_power_of, r->power_w - r->core_power_w)
SOFA_VALIDATE_FIGURE(least_traffic_of, 1e9 * least_bytes(v, w) / r->dense_operations) /* bytes a GOP */

/* At 7.4 % of the keys. */
enum headline { THROUGHPUT, UTILISATION, KHAT_CYCLES, POWER, DRAM_POWER };

static double headline(const struct sofa_validation *v, int what)
{
    static sofa_validate_figure *const figure[] = {
        [THROUGHPUT] = throughput_of, [UTILISATION] = utilisation_of, [KHAT_CYCLES] = khat_cycles_of,
        [POWER] = power_of, [DRAM_POWER] = dram_power_of,
    };

    return sofa_validate_mean(v, at(TIGHTEST), figure[what]);
}

static double throughput_given(const struct sofa_validation *v, int level)
{
    return sofa_validate_mean(v, at_given(level), throughput_of);
}

static double throughput_qkv(const struct sofa_validation *v, int level)
{
    return sofa_validate_mean(v, at_qkv(level), throughput_of);
}

static double generation_busy(const struct sofa_validation *v, int level)
{
    return sofa_validate_mean(v, at_qkv(level), generation_of);
}

static double utilisation_given(const struct sofa_validation *v, int level)
{
    return sofa_validate_mean(v, at_given(level), utilisation_of);
}

static double over_a100_speed(const struct sofa_validation *v, int level)
{
    return sofa_validate_mean(v, at(level), throughput_of) / sofa_validate_published(v, "a100.throughput");
}

static double over_a100_speed_given(const struct sofa_validation *v, int level)
{
    return throughput_given(v, level) / sofa_validate_published(v, "a100.throughput");
}

static double over_a100_energy(const struct sofa_validation *v, int level)
{
    return sofa_validate_mean(v, at(level), efficiency_of) / sofa_validate_published(v, "a100.energy_efficiency");
}

static double core_efficiency(const struct sofa_validation *v, int level)
{
    return sofa_validate_mean(v, at(level), core_efficiency_of);
}

static double traffic(const struct sofa_validation *v, int level)
{
    return sofa_validate_mean(v, at(level), traffic_of);
}

/* GB/s of the tensors alone, each moved once, at the published speed. */
static double least_traffic(const struct sofa_validation *v, int level)
{
    static const char *const row[SOFA_VALIDATE_LEVELS] = {"over_a100.speed.loss0", "over_a100.speed.loss1",
                                                          "over_a100.speed.loss2"};
    double gops = sofa_validate_published(v, row[level]) * sofa_validate_published(v, "a100.throughput");

    return gops * sofa_validate_mean(v, at(level), least_traffic_of) * 1e-9;
}

enum llama { LLAMA_MS, LLAMA_MS_GIVEN, LLAMA_MS_CEILING, LLAMA_KHAT, LLAMA_GOP, LLAMA_GOP_SQUARE };

/* One layer, scaled to 128 multipliers as the published latency is. */
static double llama(const struct sofa_validation *v, int what)
{
    const struct sofa_design *d = &v->hw->design;
    double scale = 1e3 * d->query_lanes * (d->kv_columns + d->sufa_columns) / 128;
    struct sofa_workload one = *v->llama;
    struct sofa_result r;

    one.layers = 1;
    if (!sofa_validate_run(v, &one, what == LLAMA_MS_GIVEN ? at_given(TIGHTEST) : at(TIGHTEST), &r))
        return NAN;
    switch ((enum llama)what) {
    case LLAMA_MS:
    case LLAMA_MS_GIVEN:
        return scale * r.latency_s;
    case LLAMA_MS_CEILING: /* SU-FA never waiting */
        return scale * r.dense_operations * sofa_validate_permille[TIGHTEST] / 1000.0 /
               (2.0 * d->query_lanes * d->sufa_columns * d->clock_hz);
    case LLAMA_KHAT:
        return 100 * r.stage_cycles[SOFA_STAGE_KHAT] / r.cycles;
    case LLAMA_GOP:
        return 1e-9 * r.dense_operations;
    case LLAMA_GOP_SQUARE:
        return 4e-9 * v->llama->head_dim * v->llama->queries * v->llama->keys * v->llama->heads;
    }
    return NAN;
}

/* ---- the A100 ---- */

static const struct sofa_chip *chip_of(const struct sofa_validation *v, const char *name)
{
    for (size_t i = 0; i < v->published->n_chips; i++)
        if (strcmp(v->published->chip[i].name, name) == 0)
            return &v->published->chip[i];
    return NULL;
}

/* Software on the A100 over eager attention there, both under the roofline. */
static double a100(const struct sofa_validation *v, int software)
{
    const struct sofa_chip *chip = chip_of(v, "A100");
    double sum = 0, kept = sofa_validate_permille[TIGHTEST] / 1000.0;

    for (size_t i = 0; chip && i < v->published->n_benchmarks; i++) {
        const struct sofa_workload *w = &v->benchmark[i];

        sum += sofa_roofline_seconds(chip, w, SOFA_SOFTWARE_EAGER, 1) /
               sofa_roofline_seconds(chip, w, (enum sofa_software)software, kept);
    }
    return chip ? sum / (double)v->published->n_benchmarks : NAN;
}

/* GOPS of eager attention under the roofline. */
static double a100_eager(const struct sofa_validation *v, int what)
{
    const struct sofa_chip *chip = chip_of(v, "A100");
    double sum = 0;

    (void)what;
    for (size_t i = 0; chip && i < v->published->n_benchmarks; i++) {
        const struct sofa_workload *w = &v->benchmark[i];

        sum += 1e-9 * sofa_workload_dense_operations(w) / sofa_roofline_seconds(chip, w, SOFA_SOFTWARE_EAGER, 1);
    }
    return chip ? sum / (double)v->published->n_benchmarks : NAN;
}

static double a100_fused(const struct sofa_validation *v, int what)
{
    const struct sofa_chip *chip = chip_of(v, "A100");

    (void)what;
    return chip ? chip->fa2_efficiency / chip->fa1_efficiency : NAN;
}

/* Keys of a tile. */
static double tile_keys(const struct sofa_validation *v, int what)
{
    (void)what;
    return sofa_validate_tile_keys(v);
}

static const struct sofa_validate_value values[] = {
    {"headline.throughput", headline, THROUGHPUT},
    {"headline.throughput.keys_given", throughput_given, TIGHTEST},
    {"headline.throughput.qkv", throughput_qkv, TIGHTEST},
    {"headline.khat_cycles", headline, KHAT_CYCLES},
    {"headline.utilisation", headline, UTILISATION},
    {"headline.utilisation.accounting", utilisation_given, 0},
    {"headline.utilisation.keys_given", utilisation_given, TIGHTEST},
    {"headline.utilisation.generation", generation_busy, TIGHTEST},
    {"headline.power", headline, POWER},
    {"headline.dram_power", headline, DRAM_POWER},
    {"headline.tile_keys", tile_keys, 0},
    {"latency.llama_7b_layer", llama, LLAMA_MS},
    {"latency.llama_7b_layer.keys_given", llama, LLAMA_MS_GIVEN},
    {"latency.llama_7b_layer.ceiling", llama, LLAMA_MS_CEILING},
    {"latency.llama_7b_layer.khat_cycles", llama, LLAMA_KHAT},
    {"latency.llama_7b_layer.work", llama, LLAMA_GOP},
    {"latency.llama_7b_layer.square", llama, LLAMA_GOP_SQUARE},
    {"over_a100.speed.loss0", over_a100_speed, 0},
    {"over_a100.speed.loss1", over_a100_speed, 1},
    {"over_a100.speed.loss2", over_a100_speed, 2},
    {"over_a100.speed.loss0.keys_given", over_a100_speed_given, 0},
    {"over_a100.speed.loss1.keys_given", over_a100_speed_given, 1},
    {"over_a100.speed.loss2.keys_given", over_a100_speed_given, 2},
    {"over_a100.energy.loss0", over_a100_energy, 0},
    {"over_a100.energy.loss1", over_a100_energy, 1},
    {"over_a100.energy.loss2", over_a100_energy, 2},
    {"over_a100.energy.loss0.core", core_efficiency, 0},
    {"over_a100.energy.loss1.core", core_efficiency, 1},
    {"over_a100.energy.loss2.core", core_efficiency, 2},
    {"over_a100.energy.loss0.traffic", traffic, 0},
    {"over_a100.energy.loss1.traffic", traffic, 1},
    {"over_a100.energy.loss2.traffic", traffic, 2},
    {"over_a100.energy.loss0.least", least_traffic, 0},
    {"over_a100.energy.loss1.least", least_traffic, 1},
    {"over_a100.energy.loss2.least", least_traffic, 2},
    {"a100.lp", a100, SOFA_SOFTWARE_LP},
    {"a100.lp_fa1", a100, SOFA_SOFTWARE_LP_FA1},
    {"a100.lp_fa2", a100, SOFA_SOFTWARE_LP_FA2},
    {"a100.fa2_over_fa1", a100_fused, 0},
    {"a100.eager", a100_eager, 0},
    {"a100.sofa", over_a100_speed, TIGHTEST},
};
const struct sofa_validate_values sofa_validate_model = {values, sizeof values / sizeof *values};
