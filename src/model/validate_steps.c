/* What the published techniques bring: steps of the ladders, memory accesses, operations. */
#include <math.h>

#include "model/validate_run.h"
#include "model/validate_values.h"

#define TIGHTEST SOFA_VALIDATE_TIGHTEST
#define STEPS(on) ((struct sofa_validate_point){.level = TIGHTEST, .steps = (on)})

static double khat_bytes(const struct sofa_result *r)
{
    return r->bytes[SOFA_TRAFFIC_X] + r->bytes[SOFA_TRAFFIC_WEIGHTS] + r->bytes[SOFA_TRAFFIC_KHAT];
}

SOFA_VALIDATE_FIGURE(khat_bytes_of, 100 * khat_bytes(r) / r->dram_bytes)
SOFA_VALIDATE_FIGURE(cycles_of, r->cycles)
SOFA_VALIDATE_FIGURE(energy_of, r->energy_j)
SOFA_VALIDATE_FIGURE(core_energy_of, r->core_power_w * r->latency_s)
SOFA_VALIDATE_FIGURE(prediction_energy_of, 100 * r->energy[SOFA_ENERGY_PREDICTION] / r->energy_j)
SOFA_VALIDATE_FIGURE(dram_energy_of, 100 * (1 - r->core_power_w / r->power_w))
SOFA_VALIDATE_FIGURE(bytes_of, r->dram_bytes)
SOFA_VALIDATE_FIGURE(formal_of, 100 * 2 * r->operations.sufa_macs / r->dense_operations)
SOFA_VALIDATE_FIGURE(generated_of, 100 * 2 * r->operations.generation_macs / r->dense_operations)

/* ---- ladders, memory ---- */

/* The printed ladder has no step of its own for the tiled pipeline; the memory accesses name it together with SU-FA,
 * and a sort of whole rows leaves nothing to go on with by tiles: it comes with SU-FA. */
static struct sofa_validate_point before(int step)
{
    return STEPS((step - 1) | (step > STEP_SUFA ? STEP_TILED : 0));
}

static struct sofa_validate_point after(int step)
{
    return STEPS((2 * step - 1) | (step >= STEP_SUFA ? STEP_TILED : 0));
}

static double step_time(const struct sofa_validation *v, int step)
{
    return sofa_validate_ratio(v, before(step), after(step), cycles_of, STATISTIC_MEAN);
}

static double step_time_least(const struct sofa_validation *v, int step)
{
    return sofa_validate_ratio(v, before(step), after(step), cycles_of, STATISTIC_LEAST);
}

static double step_time_most(const struct sofa_validation *v, int step)
{
    return sofa_validate_ratio(v, before(step), after(step), cycles_of, STATISTIC_MOST);
}

/* SU-FA alone, the pipeline tiled before it. */
static double sufa_alone(const struct sofa_validation *v, int steps)
{
    return sofa_validate_ratio(v, STEPS(steps), STEPS(steps | STEP_SUFA), cycles_of, STATISTIC_MEAN);
}

/* Columns of 4-bit multipliers in place of the shift PEs: of the same area, or of the same power. */
static int columns(const struct sofa_validation *v, int power)
{
    const struct sofa_unit_cost *shift = &v->hw->technology.unit[SOFA_COMPONENT_SHIFT_PE];
    const struct sofa_unit_cost *multiply = &v->hw->technology.unit[SOFA_COMPONENT_MULTIPLY4_PE];
    double share = power ? shift->energy_j / multiply->energy_j : shift->area_mm2 / multiply->area_mm2;

    return (int)(v->hw->design.dlzs_columns * share);
}

static double columns_of(const struct sofa_validation *v, int power)
{
    return columns(v, power);
}

/* The first step where the multipliers had no more area, or power, than the shift PEs. */
static double step_time_budget(const struct sofa_validation *v, int power)
{
    struct sofa_validate_point from = before(STEP_DLZS);

    from.columns = columns(v, power);
    return sofa_validate_ratio(v, from, after(STEP_DLZS), cycles_of, STATISTIC_MEAN);
}

/* RASS comes with SU-FA in the energies. */
static struct sofa_validate_point after_energy(int step)
{
    return step == STEP_SUFA ? STEPS(STEP_ALL) : after(step);
}

static double step_energy(const struct sofa_validation *v, int step)
{
    return sofa_validate_ratio(v, before(step), after_energy(step), energy_of, STATISTIC_MEAN);
}

static double step_core_energy(const struct sofa_validation *v, int step)
{
    return sofa_validate_ratio(v, before(step), after_energy(step), core_energy_of, STATISTIC_MEAN);
}

static double dram_share(const struct sofa_validation *v, int step)
{
    return sofa_validate_mean(v, before(step), dram_energy_of);
}

static double prediction_share(const struct sofa_validation *v, int step)
{
    return sofa_validate_mean(v, before(step), prediction_energy_of);
}

static double memory(const struct sofa_validation *v, int steps)
{
    return 100 * (sofa_validate_ratio(v, STEPS(steps), STEPS(STEP_NONE), bytes_of, STATISTIC_MEAN) - 1);
}

static double memory_given(const struct sofa_validation *v, int steps)
{
    struct sofa_validate_point over = STEPS(steps), under = STEPS(STEP_NONE);

    over.keys_given = under.keys_given = true;
    return 100 * (sofa_validate_ratio(v, over, under, bytes_of, STATISTIC_MEAN) - 1);
}

static double khat_share(const struct sofa_validation *v, int steps)
{
    return sofa_validate_mean(v, STEPS(steps), khat_bytes_of);
}

/* K/V pairs of so wide a head that the token SRAM holds. */
static double pairs_held(const struct sofa_validation *v, int d)
{
    return floor(v->hw->design.token_sram_bytes / (2.0 * d * v->hw->settings.formal_bits / 8));
}

/* Benchmarks whose keys and values of a head fit it. */
static double benchmarks_held(const struct sofa_validation *v, int what)
{
    double n = 0;

    (void)what;
    for (size_t i = 0; i < v->published->n_benchmarks; i++)
        n += v->benchmark[i].keys <= pairs_held(v, v->benchmark[i].head_dim);
    return n;
}

/* ---- operations ---- */

/* Comparators of a bitonic sort of a whole row, for each of its keys (Batcher, 1968). */
static double bitonic_comparators(double keys)
{
    double stages = log2(keys);

    return stages * (stages + 1) / 4;
}

/* Of a flow with some techniques; `generated`: the share of what the model generates that is counted. */
static double additions(const struct sofa_validation *v, const struct sofa_workload *w, const struct sofa_result *r,
                        int steps, double generated)
{
    const struct sofa_complexity *c = &v->published->complexity;
    const struct sofa_operations *o = &r->operations;
    double heads = w->heads * w->layers * w->batch, rows = w->queries * heads;
    double full = sofa_workload_visible_pairs(w) * heads * bitonic_comparators(w->keys);
    double sort = steps & STEP_SADS ? o->sort_cycles * c->sort_cycle : full;

    return (o->khat_adds + o->score_adds) * (steps & STEP_DLZS ? c->shift_add : c->multiply4_add) +
           (sort + o->comparisons) * c->compare + (generated * o->generation_macs + o->sufa_macs) * c->multiply_add +
           o->exponentials * c->exponential + rows * w->head_dim * c->exponential; /* divisions */
}

static double fewer_additions(const struct sofa_validation *v, int steps, int scope, double generated)
{
    struct sofa_validate_point base = STEPS(STEP_TILED), with = STEPS(steps | STEP_TILED);
    double sum = 0;

    base.scope = with.scope = scope;
    for (size_t i = 0; i < v->published->n_benchmarks; i++) {
        const struct sofa_workload *w = &v->benchmark[i];
        struct sofa_result a, b;

        if (!sofa_validate_run(v, w, base, &a) || !sofa_validate_run(v, w, with, &b))
            return NAN;
        sum += additions(v, w, &b, steps, generated) / additions(v, w, &a, STEP_NONE, generated) - 1;
    }
    return 100 * sum / (double)v->published->n_benchmarks;
}

/* Predicting keys from X spares the generation of the others: counted together. */
static double complexity(const struct sofa_validation *v, int steps)
{
    return fewer_additions(v, steps, SOFA_SCOPE_QKV_ATTENTION, 1);
}

static double complexity_attention(const struct sofa_validation *v, int steps)
{
    return fewer_additions(v, steps, SOFA_SCOPE_ATTENTION, 1);
}

/* Generation and formal attention, against all keys. */
static double left_qkv(const struct sofa_validation *v, int level)
{
    struct sofa_validate_point at = {.level = level, .steps = STEP_ALL, .scope = SOFA_SCOPE_QKV_ATTENTION};

    return sofa_validate_mean(v, at, formal_of) + sofa_validate_mean(v, at, generated_of);
}

/* The share of the keys whose K and V may be generated for the printed figure to come out. */
static double left_qkv_generated(const struct sofa_validation *v, int level)
{
    static const char *const row[SOFA_VALIDATE_LEVELS] = {"left.qkv_attention.loss0", "left.qkv_attention.loss1",
                                                          "left.qkv_attention.loss2"};
    struct sofa_validate_point at = {.level = level, .steps = STEP_ALL, .scope = SOFA_SCOPE_QKV_ATTENTION};
    double generated = sofa_validate_mean(v, at, generated_of) / v->selection[level].union_all;

    return 100 * (sofa_validate_published(v, row[level]) - sofa_validate_mean(v, at, formal_of)) / generated;
}

static double union_all(const struct sofa_validation *v, int level)
{
    return 100 * v->selection[level].union_all;
}

/* With as few keys generated as the printed share of operations asks for. */
static double complexity_published(const struct sofa_validation *v, int steps)
{
    double generated = left_qkv_generated(v, TIGHTEST) / union_all(v, TIGHTEST);

    return fewer_additions(v, steps, SOFA_SCOPE_QKV_ATTENTION, generated);
}

static const struct sofa_validate_value values[] = {
    {"ladder.a100.dlzs", step_time, STEP_DLZS},
    {"ladder.a100.dlzs.accounting", step_time_budget, true},
    {"ladder.dlzs.same_area", step_time_budget, false},
    {"ladder.dlzs.same_area.columns", columns_of, false},
    {"ladder.dlzs.same_power.columns", columns_of, true},
    {"ladder.a100.sads", step_time, STEP_SADS},
    {"ladder.sads.least", step_time_least, STEP_SADS},
    {"ladder.sads.most", step_time_most, STEP_SADS},
    {"ladder.a100.sufa", step_time, STEP_SUFA},
    {"ladder.sufa.alone", sufa_alone, STEP_DLZS | STEP_SADS | STEP_TILED},
    {"ladder.a100.rass", step_time, STEP_RASS},
    {"ladder.tpu.dlzs", step_time, STEP_DLZS},
    {"ladder.tpu.sads", step_time, STEP_SADS},
    {"ladder.tpu.sufa", step_time, STEP_SUFA},
    {"ladder.tpu.rass", step_time, STEP_RASS},
    {"ladder.energy.dlzs", step_energy, STEP_DLZS},
    {"ladder.energy.dlzs.core", step_core_energy, STEP_DLZS},
    {"ladder.energy.dlzs.prediction", prediction_share, STEP_DLZS},
    {"ladder.energy.dlzs.dram", dram_share, STEP_DLZS},
    {"ladder.energy.sads", step_energy, STEP_SADS},
    {"ladder.energy.sads.core", step_core_energy, STEP_SADS},
    {"ladder.energy.sads.dram", dram_share, STEP_SADS},
    {"ladder.energy.sufa_rass", step_energy, STEP_SUFA},
    {"ladder.energy.sufa_rass.core", step_core_energy, STEP_SUFA},
    {"ladder.energy.sufa_rass.dram", dram_share, STEP_SUFA},
    {"memory.rass", memory, STEP_RASS},
    {"memory.rass.pairs", pairs_held, 64},
    {"memory.rass.held", benchmarks_held, 0},
    {"memory.all", memory, STEP_ALL},
    {"memory.all.keys_given", memory_given, STEP_ALL},
    {"memory.all.khat", khat_share, STEP_ALL},
    {"complexity.dlzs", complexity, STEP_DLZS},
    {"complexity.dlzs_sads", complexity, STEP_DLZS | STEP_SADS},
    {"complexity.dlzs_sads_sufa", complexity, STEP_DLZS | STEP_SADS | STEP_SUFA},
    {"complexity.dlzs.attention", complexity_attention, STEP_DLZS},
    {"complexity.dlzs_sads.attention", complexity_attention, STEP_DLZS | STEP_SADS},
    {"complexity.dlzs_sads_sufa.attention", complexity_attention, STEP_DLZS | STEP_SADS | STEP_SUFA},
    {"complexity.dlzs.generated", complexity_published, STEP_DLZS},
    {"complexity.dlzs_sads.generated", complexity_published, STEP_DLZS | STEP_SADS},
    {"complexity.dlzs_sads_sufa.generated", complexity_published, STEP_DLZS | STEP_SADS | STEP_SUFA},
    {"left.qkv_attention.loss0", left_qkv, 0},
    {"left.qkv_attention.loss1", left_qkv, 1},
    {"left.qkv_attention.loss2", left_qkv, 2},
    {"left.qkv_attention.loss0.generated", left_qkv_generated, 0},
    {"left.qkv_attention.loss1.generated", left_qkv_generated, 1},
    {"left.qkv_attention.loss2.generated", left_qkv_generated, 2},
    {"left.union", union_all, TIGHTEST},
};
const struct sofa_validate_values sofa_validate_steps = {values, sizeof values / sizeof *values};
