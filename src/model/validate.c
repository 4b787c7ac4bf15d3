#include "model/validate.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "model/costs.h"
#include "model/roofline.h"

const int sofa_validate_permille[SOFA_VALIDATE_LEVELS] = {187, 123, 74};
#define TIGHTEST (SOFA_VALIDATE_LEVELS - 1)

/* ---- the chip itself ---- */

static double area(const struct sofa_validation *v, int what)
{
    double parts[SOFA_AREA_COUNT], total = sofa_model_area(v->hw, &v->hw->design, parts);

    return what == SOFA_AREA_COUNT ? total : what == SOFA_AREA_TOTAL_GAP ? total - parts[what] : parts[what];
}

static double sram_5mib(const struct sofa_validation *v, int what)
{
    (void)what;
    return sofa_sram_cost(&v->hw->sram, 5 * 0x1p20).area_mm2;
}

/* W, every unit busy: dynamic and leakage of the components of one module (-1: all). */
static double module_power(const struct sofa_validation *v, int module)
{
    static const int module_of[SOFA_COMPONENT_COUNT] = {
        [SOFA_COMPONENT_SHIFT_PE] = 0, [SOFA_COMPONENT_LZ_ENCODER] = 0, [SOFA_COMPONENT_MULTIPLY4_PE] = 0,
        [SOFA_COMPONENT_SADS_CORE] = 1, [SOFA_COMPONENT_CLIP_UNIT] = 1, [SOFA_COMPONENT_KV_MAC] = 2,
        [SOFA_COMPONENT_SUFA_MAC] = 3, [SOFA_COMPONENT_EXP] = 3, [SOFA_COMPONENT_DIV] = 3,
        [SOFA_COMPONENT_SCHEDULER] = 4,
    };
    double instances[SOFA_COMPONENT_COUNT], sum = 0;
    struct sofa_design d = v->hw->design;
    struct sofa_costs costs;

    d.layers = 1;
    d.layer[0] = v->hw->settings;
    sofa_costs_init(&costs, v->hw, &d);
    sofa_costs_instances(&costs, &d, instances);
    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++) {
        const struct sofa_unit_cost *u = &v->hw->technology.unit[i];

        if (module_of[i] == module)
            sum += instances[i] * (u->energy_j * d.clock_hz + u->leakage_w);
    }
    return sum;
}

static double power_module_mw(const struct sofa_validation *v, int module)
{
    return 1e3 * module_power(v, module);
}

static double power(const struct sofa_validation *v, int what)
{
    double parts[SOFA_ENERGY_COUNT];
    double device = sofa_model_full_power(v->hw, &v->hw->design, v->hw->calibration_bytes_per_s, parts);

    if (what == SOFA_ENERGY_COUNT)
        return device;
    return parts[what];
}

static double power_core_mw(const struct sofa_validation *v, int what)
{
    (void)what;
    return 1e3 * (power(v, SOFA_ENERGY_COUNT) - power(v, SOFA_ENERGY_DRAM) - power(v, SOFA_ENERGY_INTERFACE));
}

static double power_memory_mw(const struct sofa_validation *v, int what)
{
    double modules = 0;

    for (int i = 0; i < 5; i++)
        modules += power_module_mw(v, i);
    return power_core_mw(v, what) - modules;
}

/* ---- arithmetic on published figures ---- */

enum derived {
    DRAM_ENERGY, INTERFACE_ENERGY, AREA_SHARE, POWER_SHARE, DEVICE_EFFICIENCY, CORE_EFFICIENCY, AREA_EFFICIENCY, LATENCY,
    A100_GOPS, A100_GOPS_W, A100_LADDER, TPU_LADDER, ENERGY_LADDER, FA2_COMPARISONS, FA2_EXPONENTIALS, ACCOUNTING,
};

static const struct sofa_published_row *row_of(const struct sofa_validation *v, const char *name)
{
    for (size_t i = 0; i < v->published->n_rows; i++)
        if (strcmp(v->published->row[i].name, name) == 0)
            return &v->published->row[i];
    return NULL;
}

static double published(const struct sofa_validation *v, const char *name)
{
    const struct sofa_published_row *row = row_of(v, name);

    return row ? row->value : NAN;
}

static double ladder(const struct sofa_validation *v, double start, const char *a, const char *b, const char *c,
                     const char *d)
{
    return start * published(v, a) * published(v, b) * published(v, c) * (d ? published(v, d) : 1);
}

static double derived(const struct sofa_validation *v, int what)
{
    const struct sofa_published_inputs *in = &v->published->inputs;
    double prediction = published(v, "area.prediction") + published(v, "area.sort");

    switch ((enum derived)what) {
    case DRAM_ENERGY:
        return in->dram_w / in->bytes_per_s / 8 * 1e12;
    case INTERFACE_ENERGY:
        return in->interface_w / in->bytes_per_s / 8 * 1e12;
    case AREA_SHARE:
        return 100 * prediction / in->area_mm2;
    case POWER_SHARE:
        return 100 * (published(v, "power.prediction") + published(v, "power.sort")) / published(v, "power.core");
    case DEVICE_EFFICIENCY:
        return in->gops / in->device_w;
    case CORE_EFFICIENCY:
        return in->gops / in->core_w;
    case AREA_EFFICIENCY:
        return in->gops / in->area_mm2;
    case LATENCY:
        return 1e3 * in->work_gop / in->gops * 1024 / 128;
    case A100_GOPS:
        return in->gops / in->a100_speed;
    case A100_GOPS_W:
        return in->gops / in->device_w / in->a100_energy;
    case A100_LADDER:
        return ladder(v, published(v, "a100.lp_fa2"), "ladder.a100.dlzs", "ladder.a100.sads", "ladder.a100.sufa",
                      "ladder.a100.rass");
    case TPU_LADDER:
        return ladder(v, 2.8, "ladder.tpu.dlzs", "ladder.tpu.sads", "ladder.tpu.sufa", "ladder.tpu.rass");
    case ENERGY_LADDER:
        return ladder(v, 1, "ladder.energy.dlzs", "ladder.energy.sads", "ladder.energy.sufa_rass", NULL);
    case FA2_COMPARISONS:
        return 2048.0 * 2048 / 16;
    case FA2_EXPONENTIALS:
        return 2 * 2048.0 * 2048 / 16;
    case ACCOUNTING: /* both multiplier groups, at the published utilisation, on dense-equivalent work */
        return 2 * 1024 * published(v, "headline.utilisation") / published(v, "left.attention.loss2");
    }
    return NAN;
}

/* Means of ratios over the other accelerators: 0 energy, 1 area, 2 latency. */
static double over_others(const struct sofa_validation *v, int what)
{
    const struct sofa_published *p = v->published;
    double sum = 0;

    for (size_t i = 0; i < p->n_accelerators; i++) {
        struct sofa_normalised n = sofa_normalise(&p->accelerator[i], p->inputs.work_gop);
        bool device = !isnan(n.device_gops_per_w);

        if (what == 0)
            sum += derived(v, device ? DEVICE_EFFICIENCY : CORE_EFFICIENCY) /
                   (device ? n.device_gops_per_w : n.core_gops_per_w);
        else if (what == 1)
            sum += derived(v, AREA_EFFICIENCY) / n.gops_per_mm2;
        else
            sum += n.latency_s / (1e-3 * derived(v, LATENCY));
    }
    return sum / (double)p->n_accelerators;
}

static double rass_example(const struct sofa_validation *v, int what)
{
    return what ? v->rass_loads : v->rass_naive;
}

static double segments(const struct sofa_validation *v, int what)
{
    (void)what;
    return v->segments_differ;
}

/* Operations of one row and key, d = 64: QK and PV, one exponential, and rescalings every `phase` keys. */
static double operations_per_key(const struct sofa_complexity *c, double phase, double comparisons, double multiplies)
{
    const double d = 64;
    double rescaling = phase > 0 ? ((d + 1) * c->multiply + c->exponential) / phase : 0;

    return 2 * d * c->multiply_add + c->exponential + comparisons * c->compare + multiplies * c->multiply + rescaling;
}

/* 0: FA2 with tiles of 4 over untiled; 1, 2: descending against FA2 (two keys a phase), ascending, in %. */
static double softmax_operations(const struct sofa_validation *v, int what)
{
    const struct sofa_complexity *c = &v->published->complexity;
    double descending = operations_per_key(c, 0, 0, 0);

    if (what == 0)
        return operations_per_key(c, 4, 1, 0) / operations_per_key(c, 0, 1, 0);
    return 100 * (descending / (what == 1 ? operations_per_key(c, 2, 1, 0) : operations_per_key(c, 0, 0, 1)) - 1);
}

/* ---- the model ---- */

/* Steps of the ladders: which of the published techniques are on. */
enum steps { STEP_NONE = 0, STEP_DLZS = 1, STEP_SADS = 2, STEP_SUFA = 4, STEP_RASS = 8, STEP_TILED = 16, STEP_ALL = 31 };

static bool run(const struct sofa_validation *v, const struct sofa_workload *w, int level, int steps, int scope,
                struct sofa_result *r)
{
    struct sofa_selection row[SOFA_LAYERS_MAX];
    struct sofa_statistics s = {.layers = w->layers, .heads = 1, .head = row};
    struct sofa_workload with = *w;
    struct sofa_design d;

    if (sofa_hardware_design(v->hw, w->layers, &d, NULL) != SOFA_OK)
        return false;
    with.scope = scope;
    for (int i = 0; i < w->layers; i++) {
        row[i] = v->selection[level];
        d.layer[i].topk_permille = sofa_validate_permille[level];
    }
    d.prediction = steps & STEP_DLZS ? SOFA_PREDICTION_DLZS : SOFA_PREDICTION_MULTIPLY4;
    d.sort = steps & STEP_SADS ? SOFA_SORT_SADS : SOFA_SORT_FULL;
    d.softmax = steps & STEP_SUFA ? SOFA_SOFTMAX_DESCENDING : SOFA_SOFTMAX_FA2;
    d.schedule = steps & STEP_RASS ? SOFA_SCHEDULE_RASS : SOFA_SCHEDULE_NAIVE;
    d.pipeline = steps & STEP_TILED ? SOFA_PIPELINE_TILED : SOFA_PIPELINE_SERIAL;
    sofa_model_evaluate(v->hw, &d, &with, &s, r);
    return r->feasible;
}

typedef double result_function(const struct sofa_validation *v, const struct sofa_workload *w, const struct sofa_result *r);

static double mean(const struct sofa_validation *v, int level, int steps, int scope, result_function *f)
{
    double sum = 0;

    for (size_t i = 0; i < v->published->n_benchmarks; i++) {
        struct sofa_result r;

        if (!run(v, &v->benchmark[i], level, steps, scope, &r))
            return NAN;
        sum += f(v, &v->benchmark[i], &r);
    }
    return sum / (double)v->published->n_benchmarks;
}

/* Mean over the benchmarks of f before a step over f after it. */
static double mean_ratio(const struct sofa_validation *v, int before, int after, result_function *f)
{
    double sum = 0;

    for (size_t i = 0; i < v->published->n_benchmarks; i++) {
        struct sofa_result a, b;

        if (!run(v, &v->benchmark[i], TIGHTEST, before, SOFA_SCOPE_ATTENTION, &a) ||
            !run(v, &v->benchmark[i], TIGHTEST, after, SOFA_SCOPE_ATTENTION, &b))
            return NAN;
        sum += f(v, &v->benchmark[i], &a) / f(v, &v->benchmark[i], &b);
    }
    return sum / (double)v->published->n_benchmarks;
}

#define RESULT(function, expression)                                                              \
    static double function(const struct sofa_validation *v, const struct sofa_workload *w, const struct sofa_result *r) \
    {                                                                                             \
        (void)v;                                                                                  \
        (void)w;                                                                                  \
        return expression;                                                                        \
    }
RESULT(throughput_of, r->throughput_gops)
RESULT(efficiency_of, r->energy_efficiency)
RESULT(utilisation_of, 100 * r->utilisation)
RESULT(cycles_of, r->cycles)
RESULT(energy_of, r->energy_j)
RESULT(bytes_of, r->dram_bytes)
/* generation and formal attention, against all keys */
RESULT(left_of, 100 * 2 * (r->operations.generation_macs + r->operations.sufa_macs) / r->dense_operations)
#undef RESULT

static double throughput(const struct sofa_validation *v, int level)
{
    return mean(v, level, STEP_ALL, SOFA_SCOPE_ATTENTION, throughput_of);
}

static double utilisation(const struct sofa_validation *v, int level)
{
    return mean(v, level, STEP_ALL, SOFA_SCOPE_ATTENTION, utilisation_of);
}

static double over_a100_speed(const struct sofa_validation *v, int level)
{
    return throughput(v, level) / published(v, "a100.throughput");
}

static double over_a100_energy(const struct sofa_validation *v, int level)
{
    return mean(v, level, STEP_ALL, SOFA_SCOPE_ATTENTION, efficiency_of) / published(v, "a100.energy_efficiency");
}

static double llama_latency_ms(const struct sofa_validation *v, int level)
{
    struct sofa_workload one = *v->llama;
    struct sofa_result r;

    one.layers = 1;
    return run(v, &one, level, STEP_ALL, SOFA_SCOPE_ATTENTION, &r) ? 1e3 * r.latency_s * 1024 / 128 : NAN;
}

static double left_qkv(const struct sofa_validation *v, int level)
{
    return mean(v, level, STEP_ALL, SOFA_SCOPE_QKV_ATTENTION, left_of);
}

static const struct sofa_chip *chip_of(const struct sofa_validation *v, const char *name)
{
    for (size_t i = 0; i < v->published->n_chips; i++)
        if (strcmp(v->published->chip[i].name, name) == 0)
            return &v->published->chip[i];
    return NULL;
}

/* Software on the A100 over eager, one Llama-7B layer; SOFA_SOFTWARE_COUNT: this accelerator. */
static double a100(const struct sofa_validation *v, int software)
{
    const struct sofa_chip *chip = chip_of(v, "A100");
    struct sofa_workload one = *v->llama;
    struct sofa_result r;
    double eager;

    one.layers = 1;
    if (!chip || !run(v, &one, TIGHTEST, STEP_ALL, SOFA_SCOPE_ATTENTION, &r))
        return NAN;
    eager = sofa_roofline_seconds(chip, &one, SOFA_SOFTWARE_EAGER, 1);
    if (software == SOFA_SOFTWARE_COUNT)
        return eager / r.latency_s;
    return eager / sofa_roofline_seconds(chip, &one, (enum sofa_software)software, sofa_validate_permille[1] / 1000.0);
}

/* `what`: the step; those before it in the ladder are on. */
static double step_time(const struct sofa_validation *v, int what)
{
    return mean_ratio(v, (what - 1) | STEP_TILED, (2 * what - 1) | STEP_TILED, cycles_of);
}

static double step_energy(const struct sofa_validation *v, int what)
{
    int after = what == STEP_SUFA ? STEP_ALL : (2 * what - 1) | STEP_TILED;

    return mean_ratio(v, (what - 1) | STEP_TILED, after, energy_of);
}

static double memory(const struct sofa_validation *v, int steps)
{
    return 100 * (1 / mean_ratio(v, STEP_DLZS | STEP_SADS, STEP_DLZS | STEP_SADS | steps, bytes_of) - 1);
}

static double complexity_of(const struct sofa_validation *v, const struct sofa_workload *w, const struct sofa_result *r,
                            int steps)
{
    const struct sofa_complexity *c = &v->published->complexity;
    const struct sofa_operations *o = &r->operations;
    double rows = w->queries * w->heads * w->layers * w->batch, pairs = sofa_workload_visible_pairs(w) * w->heads * w->layers;
    double sort = steps & STEP_SADS ? o->sort_cycles * c->sort_cycle : pairs * w->batch * log2(w->keys);

    return (o->khat_adds + o->score_adds) * (steps & STEP_DLZS ? c->shift_add : c->multiply4_add) + sort * c->compare +
           o->sufa_macs * c->multiply_add + o->exponentials * c->exponential + o->comparisons * c->compare +
           rows * w->head_dim * c->exponential; /* divisions */
}

static double complexity(const struct sofa_validation *v, int steps)
{
    double sum = 0;

    for (size_t i = 0; i < v->published->n_benchmarks; i++) {
        const struct sofa_workload *w = &v->benchmark[i];
        struct sofa_result a, b;

        if (!run(v, w, TIGHTEST, STEP_TILED, SOFA_SCOPE_ATTENTION, &a) ||
            !run(v, w, TIGHTEST, steps | STEP_TILED, SOFA_SCOPE_ATTENTION, &b))
            return NAN;
        sum += complexity_of(v, w, &b, steps) / complexity_of(v, w, &a, STEP_NONE) - 1;
    }
    return 100 * sum / (double)v->published->n_benchmarks;
}

/* ---- the table ---- */

static const struct {
    const char *name;
    double (*value)(const struct sofa_validation *v, int what);
    int what;
} values[] = {
    {"area.prediction", area, SOFA_AREA_PREDICTION},
    {"area.sort", area, SOFA_AREA_SORT},
    {"area.kv_generation", area, SOFA_AREA_GENERATION},
    {"area.sufa", area, SOFA_AREA_SUFA},
    {"area.memory", area, SOFA_AREA_MEMORY},
    {"area.scheduler", area, SOFA_AREA_SCHEDULER},
    {"area.modules", area, SOFA_AREA_TOTAL_GAP},
    {"area.total", area, SOFA_AREA_COUNT},
    {"area.sram_5mib", sram_5mib, 0},
    {"power.prediction", power_module_mw, 0},
    {"power.sort", power_module_mw, 1},
    {"power.kv_generation", power_module_mw, 2},
    {"power.sufa", power_module_mw, 3},
    {"power.scheduler", power_module_mw, 4},
    {"power.memory", power_memory_mw, 0},
    {"power.core", power_core_mw, 0},
    {"power.interface", power, SOFA_ENERGY_INTERFACE},
    {"power.dram", power, SOFA_ENERGY_DRAM},
    {"power.device", power, SOFA_ENERGY_COUNT},
    {"dram.energy", derived, DRAM_ENERGY},
    {"dram.interface_energy", derived, INTERFACE_ENERGY},
    {"prediction.area_share", derived, AREA_SHARE},
    {"prediction.power_share", derived, POWER_SHARE},
    {"headline.energy_efficiency", derived, DEVICE_EFFICIENCY},
    {"headline.core_energy_efficiency", derived, CORE_EFFICIENCY},
    {"headline.area_efficiency", derived, AREA_EFFICIENCY},
    {"headline.latency", derived, LATENCY},
    {"a100.throughput", derived, A100_GOPS},
    {"a100.energy_efficiency", derived, A100_GOPS_W},
    {"ladder.a100.product", derived, A100_LADDER},
    {"ladder.tpu.product", derived, TPU_LADDER},
    {"ladder.energy.product", derived, ENERGY_LADDER},
    {"over_eight.energy", over_others, 0},
    {"over_eight.area", over_others, 1},
    {"over_eight.latency", over_others, 2},
    {"rass.example.naive", rass_example, 0},
    {"rass.example.rass", rass_example, 1},
    {"segments.different_indices", segments, 0},
    {"fa2.comparisons", derived, FA2_COMPARISONS},
    {"fa2.exponentials", derived, FA2_EXPONENTIALS},
    {"fa2.over_untiled", softmax_operations, 0},
    {"sufa.descending_over_fa2", softmax_operations, 1},
    {"sufa.descending_over_ascending", softmax_operations, 2},
    {"headline.throughput.accounting", derived, ACCOUNTING},
    {"headline.throughput", throughput, TIGHTEST},
    {"headline.utilisation", utilisation, TIGHTEST},
    {"latency.llama_7b_layer", llama_latency_ms, TIGHTEST},
    {"over_a100.speed.loss0", over_a100_speed, 0},
    {"over_a100.speed.loss1", over_a100_speed, 1},
    {"over_a100.speed.loss2", over_a100_speed, 2},
    {"over_a100.energy.loss0", over_a100_energy, 0},
    {"over_a100.energy.loss1", over_a100_energy, 1},
    {"over_a100.energy.loss2", over_a100_energy, 2},
    {"a100.lp", a100, SOFA_SOFTWARE_LP},
    {"a100.lp_fa1", a100, SOFA_SOFTWARE_LP_FA1},
    {"a100.lp_fa2", a100, SOFA_SOFTWARE_LP_FA2},
    {"a100.sofa", a100, SOFA_SOFTWARE_COUNT},
    {"ladder.a100.dlzs", step_time, STEP_DLZS},
    {"ladder.a100.sads", step_time, STEP_SADS},
    {"ladder.a100.sufa", step_time, STEP_SUFA},
    {"ladder.a100.rass", step_time, STEP_RASS},
    {"ladder.tpu.dlzs", step_time, STEP_DLZS},
    {"ladder.tpu.sads", step_time, STEP_SADS},
    {"ladder.tpu.sufa", step_time, STEP_SUFA},
    {"ladder.tpu.rass", step_time, STEP_RASS},
    {"ladder.energy.dlzs", step_energy, STEP_DLZS},
    {"ladder.energy.sads", step_energy, STEP_SADS},
    {"ladder.energy.sufa_rass", step_energy, STEP_SUFA},
    {"memory.rass", memory, STEP_RASS},
    {"memory.all", memory, STEP_RASS | STEP_SUFA | STEP_TILED},
    {"complexity.dlzs", complexity, STEP_DLZS},
    {"complexity.dlzs_sads", complexity, STEP_DLZS | STEP_SADS},
    {"complexity.dlzs_sads_sufa", complexity, STEP_DLZS | STEP_SADS | STEP_SUFA},
    {"left.qkv_attention.loss0", left_qkv, 0},
    {"left.qkv_attention.loss1", left_qkv, 1},
    {"left.qkv_attention.loss2", left_qkv, 2},
};

/* "a3.latency": a normalised figure of another accelerator. */
static double accelerator_row(const struct sofa_validation *v, const char *name, bool *known)
{
    const struct sofa_published *p = v->published;

    for (size_t i = 0; i < p->n_accelerators; i++) {
        size_t n = strlen(p->accelerator[i].name);
        struct sofa_normalised all;

        if (strncasecmp(name, p->accelerator[i].name, n) != 0 || name[n] != '.')
            continue;
        all = sofa_normalise(&p->accelerator[i], p->inputs.work_gop);
        *known = true;
        if (strcmp(name + n, ".core_energy_efficiency") == 0)
            return all.core_gops_per_w;
        if (strcmp(name + n, ".energy_efficiency") == 0)
            return all.device_gops_per_w;
        if (strcmp(name + n, ".area_efficiency") == 0)
            return all.gops_per_mm2;
        if (strcmp(name + n, ".latency") == 0)
            return 1e3 * all.latency_s;
        break;
    }
    *known = false;
    return NAN;
}

double sofa_validate_row(const struct sofa_validation *v, const struct sofa_published_row *row, bool *known)
{
    *known = true;
    if (row->why)
        return NAN;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(values[i].name, row->name) == 0)
            return values[i].value(v, values[i].what);
    return accelerator_row(v, row->name, known);
}
