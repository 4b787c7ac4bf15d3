#include "model/model.h"

#include <math.h>
#include <string.h>

#include "model/costs.h"
#include "model/sequence.h"

/* What is still to be written when all is computed: at least the last block's outputs. */
static double last_writes(const struct sofa_plan_layer *l, double window)
{
    double rows = l->keys - l->offset - (l->blocks - 1) * l->rows, outputs = rows * l->query_bytes * l->cycles_per_byte;

    return -window > outputs ? -window : outputs;
}

static void sum_operations(struct sofa_operations *to, const struct sofa_operations *from)
{
    double *a = (double *)to;
    const double *b = (const double *)from;

    for (size_t i = 0; i < sizeof *to / sizeof *a; i++)
        a[i] += b[i];
}

static void finish(const struct sofa_hardware *hw, const struct sofa_design *d, const struct sofa_workload *w,
                   const struct sofa_costs *costs, struct sofa_result *r)
{
    const struct sofa_unit_cost *scheduler = &hw->technology.unit[SOFA_COMPONENT_SCHEDULER];
    double lanes = d->query_lanes, core, adds = r->operations.khat_adds + r->operations.score_adds;

    for (int i = 0; i < SOFA_TRAFFIC_COUNT; i++)
        r->dram_bytes += r->bytes[i];
    r->latency_s = r->cycles / d->clock_hz;
    r->energy[SOFA_ENERGY_SCHEDULER] = r->cycles * lanes * scheduler->energy_j;
    r->energy[SOFA_ENERGY_LEAKAGE] = sofa_costs_leakage(costs, hw, d) * r->latency_s;
    r->energy[SOFA_ENERGY_INTERFACE] = r->dram_bytes * hw->dram.interface_j_per_byte;
    r->energy[SOFA_ENERGY_DRAM] = r->dram_bytes * hw->dram.energy_j_per_byte;
    for (int i = 0; i < SOFA_ENERGY_COUNT; i++)
        r->energy_j += r->energy[i];
    core = r->energy_j - r->energy[SOFA_ENERGY_INTERFACE] - r->energy[SOFA_ENERGY_DRAM];
    r->area_mm2 = sofa_area_parts(costs, hw, d, r->area);
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

/* Adds the sums of layers with the same operand widths to the result. */
static void flush(struct sofa_tally *tally, const struct sofa_hardware *hw, const struct sofa_costs *costs,
                  const struct sofa_layer_settings *settings, struct sofa_result *result)
{
    result->cycles += tally->cycles;
    for (int k = 0; k < SOFA_STAGE_COUNT; k++)
        result->stage_cycles[k] += tally->stage[k];
    for (int k = 0; k < SOFA_TRAFFIC_COUNT; k++)
        result->bytes[k] += tally->bytes[k];
    sofa_energy_layer(costs, hw, settings, &tally->o, result->energy);
    sum_operations(&result->operations, &tally->o);
    *tally = (struct sofa_tally){0};
}

static bool same_widths(const struct sofa_layer_settings *a, const struct sofa_layer_settings *b)
{
    return a->khat_bits == b->khat_bits && a->q_bits == b->q_bits && a->formal_bits == b->formal_bits;
}

void sofa_model_evaluate(const struct sofa_hardware *hw, const struct sofa_design *design,
                         const struct sofa_workload *workload, const struct sofa_statistics *statistics,
                         struct sofa_result *result)
{
    struct sofa_plan_layer layer;
    struct sofa_costs costs;
    struct sofa_tally tally = {0};
    double window = 0;

    memset(result, 0, sizeof *result);
    result->feasible = sofa_plan_feasible(hw, design, workload, statistics, result->reason, sizeof result->reason);
    if (!result->feasible)
        return;
    sofa_costs_init(&costs, hw, design);
    sofa_plan_layer_init(&layer, hw, design, workload, statistics, 0);
    for (int i = 0; i < workload->layers; i++) {
        if (i > 0)
            sofa_plan_layer_next(&layer, design, statistics, i);
        sofa_sequence_layer(&tally, &layer, workload, statistics->head + (size_t)i * (size_t)statistics->heads,
                            statistics->heads, &window);
        if (i + 1 == workload->layers)
            tally.cycles += last_writes(&layer, window);
        if (i + 1 == workload->layers || !same_widths(&design->layer[i], &design->layer[i + 1]))
            flush(&tally, hw, &costs, &design->layer[i], result);
    }
    finish(hw, design, workload, &costs, result);
}
