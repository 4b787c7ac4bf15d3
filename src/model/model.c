#include "model/model.h"

#include <math.h>
#include <string.h>

#include "model/costs.h"
#include "model/sequence.h"

/* Cycles each unit is busy. */
static void fill_stages(double stage[SOFA_STAGE_COUNT], const struct sofa_plan *p, const double of[SUM_COUNT],
                        double blocks, double bytes)
{
    stage[SOFA_STAGE_KHAT] = of[SUM_KHAT_KEYS] * p->khat_cycles_per_key;
    stage[SOFA_STAGE_SCORES] = of[SUM_SCORED] * p->score_cycles_per_key;
    stage[SOFA_STAGE_SORT] = of[SUM_SORT];
    stage[SOFA_STAGE_GENERATION] = of[SUM_GEN_KEYS] * p->generation_cycles_per_key;
    stage[SOFA_STAGE_QK] = of[SUM_QK] * p->d / p->half_f;
    stage[SOFA_STAGE_PV] = of[SUM_PV] / p->half_f;
    stage[SOFA_STAGE_EXP] = of[SUM_EXP];
    stage[SOFA_STAGE_DIV] = blocks * p->d;
    stage[SOFA_STAGE_DRAM] = bytes * p->cycles_per_byte;
}

static void fill_operations(struct sofa_operations *o, const struct sofa_plan *p, const double of[SUM_COUNT], double rows)
{
    o->khat_adds = of[SUM_KHAT_KEYS] * p->hidden * p->d;
    o->score_adds = of[SUM_SCORES] * p->d;
    o->encodings = of[SUM_ENCODED] * p->d;
    o->sort_cycles = of[SUM_ROW_SORT];
    o->generation_macs = 2 * of[SUM_GEN_KEYS] * p->hidden * p->d;
    o->sufa_macs = of[SUM_MACS];
    o->sufa_lane_cycles = of[SUM_ROW_SUFA];
    o->exponentials = of[SUM_EXPONENTIALS];
    o->comparisons = of[SUM_COMPARISONS];
    o->divisions = rows * p->d;
}

/* On-chip transfers; what comes from DRAM is written first. */
static void fill_sram(struct sofa_operations *o, const struct sofa_plan *p, const double of[SUM_COUNT])
{
    const double *bytes = of + SUM_BYTES;

    o->token_read = of[SUM_KHAT_KEYS] * p->x_read + of[SUM_KHAT_READ] + of[SUM_GEN_KEYS] * p->gx_read + of[SUM_ISSUED];
    o->token_write = bytes[SOFA_TRAFFIC_X] + bytes[SOFA_TRAFFIC_GENERATION_X] + bytes[SOFA_TRAFFIC_KV] +
                     bytes[SOFA_TRAFFIC_GENERATED] + of[SUM_KHAT_READ] + bytes[SOFA_TRAFFIC_QUERIES];
    o->weight_read = of[SUM_KHAT_KEYS] * p->weight_read + of[SUM_GEN_KEYS] * p->gweight_read;
    o->weight_write = bytes[SOFA_TRAFFIC_WEIGHTS] + bytes[SOFA_TRAFFIC_GENERATION_WEIGHTS];
    o->temp_write = o->temp_read = of[SUM_SCORES] * p->score_bytes;
}

/* All that follows from the sums over blocks. */
static void fill(struct sofa_result *r, const struct sofa_plan *p, const struct sofa_totals *t, const struct sofa_workload *w,
                 const struct sofa_hardware *hw, const struct sofa_costs *costs)
{
    const double heads = (double)w->layers * w->heads * w->batch, *scaled = t->of + SUM_SCALED;

    r->cycles = t->cycles;
    for (int i = 0; i < SOFA_TRAFFIC_COUNT; i++)
        r->dram_bytes += r->bytes[i] = t->of[SUM_BYTES + i];
    fill_stages(r->stage_cycles, p, t->of, p->blocks * heads, r->dram_bytes);
    fill_operations(&r->operations, p, t->of, w->queries * heads);
    fill_sram(&r->operations, p, t->of);
    sofa_energy_operations(costs, hw, &r->operations,
                           (const double[SCALED_COUNT]){
                               [SCALED_SCORES] = scaled[SCALED_SCORES] * p->d,
                               [SCALED_ENCODINGS] = scaled[SCALED_ENCODINGS] * p->d,
                               [SCALED_MACS] = scaled[SCALED_MACS],
                               [SCALED_EXP] = scaled[SCALED_EXP],
                               [SCALED_DIV] = scaled[SCALED_DIV],
                           },
                           r->energy);
}

static void finish(const struct sofa_hardware *hw, const struct sofa_design *d, const struct sofa_workload *w,
                   const struct sofa_costs *costs, struct sofa_result *r)
{
    const struct sofa_unit_cost *scheduler = &hw->technology.unit[SOFA_COMPONENT_SCHEDULER];
    double lanes = d->query_lanes, core, adds = r->operations.khat_adds + r->operations.score_adds;

    r->latency_s = r->cycles / d->clock_hz;
    r->energy[SOFA_ENERGY_SCHEDULER] = r->cycles * lanes * scheduler->energy_j;
    r->energy[SOFA_ENERGY_LEAKAGE] = sofa_costs_leakage(costs, hw) * r->latency_s;
    r->energy[SOFA_ENERGY_INTERFACE] = r->dram_bytes * hw->dram.interface_j_per_byte;
    r->energy[SOFA_ENERGY_DRAM] = r->dram_bytes * hw->dram.energy_j_per_byte;
    for (int i = 0; i < SOFA_ENERGY_COUNT; i++)
        r->energy_j += r->energy[i];
    core = r->energy_j - r->energy[SOFA_ENERGY_INTERFACE] - r->energy[SOFA_ENERGY_DRAM];
    r->area_mm2 = sofa_area_parts(costs, hw, r->area);
    r->power_w = r->energy_j / r->latency_s;
    r->core_power_w = core / r->latency_s;
    r->edp = r->energy_j * r->latency_s;
    r->dense_operations = sofa_workload_dense_operations(w);
    r->throughput_gops = r->dense_operations / r->latency_s * 1e-9;
    r->energy_efficiency = r->throughput_gops / r->power_w;
    r->core_energy_efficiency = r->throughput_gops / r->core_power_w;
    r->area_efficiency = r->throughput_gops / r->area_mm2;
    r->utilisation = r->operations.sufa_macs / (lanes * d->sufa_columns * r->cycles);
    r->pe_utilisation = (adds + r->operations.generation_macs + r->operations.sufa_macs) /
                        (lanes * (d->dlzs_columns + d->kv_columns + d->sufa_columns) * r->cycles);
}

static bool same_widths(const struct sofa_layer_settings *a, const struct sofa_layer_settings *b)
{
    return a->khat_bits == b->khat_bits && a->q_bits == b->q_bits && a->formal_bits == b->formal_bits;
}

static void init_layers(struct sofa_plan_layer *layer, const struct sofa_hardware *hw, const struct sofa_design *design,
                        const struct sofa_plan *plan, const struct sofa_statistics *statistics,
                        const struct sofa_costs *costs)
{
    for (int i = 0; i < design->layers; i++) {
        const struct sofa_layer_settings *s = &design->layer[i];

        sofa_plan_layer_init(&layer[i], plan, design, statistics, i);
        if (i > 0 && same_widths(s, s - 1))
            memcpy(layer[i].scale, layer[i - 1].scale, sizeof layer[i].scale);
        else
            sofa_costs_scale(costs, hw, s, layer[i].scale);
    }
}

void sofa_model_evaluate(const struct sofa_hardware *hw, const struct sofa_design *design,
                         const struct sofa_workload *workload, const struct sofa_statistics *statistics,
                         struct sofa_result *result)
{
    struct sofa_plan_layer layer[SOFA_LAYERS_MAX];
    struct sofa_totals totals;
    struct sofa_costs costs;
    struct sofa_plan plan;

    memset(result, 0, sizeof *result);
    result->feasible = sofa_plan_feasible(hw, design, workload, statistics, result->reason, sizeof result->reason);
    if (!result->feasible)
        return;
    sofa_costs_init(&costs, hw, design);
    sofa_plan_init(&plan, hw, design, workload, statistics);
    init_layers(layer, hw, design, &plan, statistics, &costs);
    sofa_sequence_run(&totals, &plan, layer, workload, statistics);
    fill(result, &plan, &totals, workload, hw, &costs);
    finish(hw, design, workload, &costs, result);
}
