/* The metric table and the breakdowns. */
#include <math.h>
#include <string.h>

#include "model/model.h"

#define M(name, unit, maximise, member, help) \
    {name, unit, maximise, help, SOFA_METRIC_MODEL, offsetof(struct sofa_result, member)}
#define S(name, unit, maximise, help) {name, unit, maximise, help, SOFA_METRIC_STUDY, 0}
const struct sofa_metric sofa_metrics[] = {
    M("latency", "s", false, latency_s, "time of the whole workload"),
    M("cycles", "1", false, cycles, "the same in clock cycles"),
    M("energy", "J", false, energy_j, "of core, DRAM interface and DRAM"),
    M("area", "mm2", false, area_mm2, "of the chip"),
    M("power", "W", false, power_w, "energy over latency"),
    M("core_power", "W", false, core_power_w, "the same without DRAM and its interface"),
    M("edp", "J*s", false, edp, "energy times latency"),
    M("throughput", "GOPS", true, throughput_gops, "dense-equivalent operations over latency"),
    M("energy_efficiency", "GOPS/W", true, energy_efficiency, "throughput over power, DRAM included"),
    M("core_energy_efficiency", "GOPS/W", true, core_energy_efficiency, "throughput over the core's power"),
    M("area_efficiency", "GOPS/mm2", true, area_efficiency, "throughput over area"),
    M("utilisation", "1", true, utilisation, "busy share of the MACs of the formal attention (SU-FA)"),
    M("pe_utilisation", "1", true, pe_utilisation, "busy share of all PEs: prediction, generation, SU-FA"),
    M("dram_bytes", "B", false, dram_bytes, "bytes from and to DRAM"),
    S("density", "1", false, "selected over visible query-key pairs"),
    S("accuracy_loss", "1", false, "relative rise of the model's loss over dense attention"),
    S("bits_per_byte", "1", false, "the language model's loss"),
    S("output_error", "1", false, "relative error of the attention's output against dense attention"),
    S("paper_objective", "1", false, "published scalar: cross-entropy + alpha L_cmp + beta L_exp ('objective: paper')"),
    S("mass", "1", true, "mean softmax mass on the selected keys"),
};
#undef M
#undef S
const size_t sofa_metric_count = sizeof sofa_metrics / sizeof *sofa_metrics;

const struct sofa_metric *sofa_metric_find(const char *name)
{
    for (size_t i = 0; i < sofa_metric_count; i++)
        if (strcmp(sofa_metrics[i].name, name) == 0)
            return &sofa_metrics[i];
    return NULL;
}

double sofa_metric_value(const struct sofa_metric *metric, const struct sofa_result *result)
{
    if (metric->source != SOFA_METRIC_MODEL || !result->feasible)
        return NAN;
    return *(const double *)((const char *)result + metric->offset);
}

const char *const sofa_breakdown_names[SOFA_BREAKDOWN_COUNT] = {"cycles", "bytes", "energy", "area"};
const char *const sofa_breakdown_units[SOFA_BREAKDOWN_COUNT] = {"1", "B", "J", "mm2"};

struct part_name {
    const char *name, *help;
};
#define X(id, name, help) {name, help},
static const struct part_name stage_names[] = {SOFA_STAGES(X)};
static const struct part_name traffic_names[] = {SOFA_TRAFFIC(X)};
static const struct part_name energy_names[] = {SOFA_ENERGIES(X)};
static const struct part_name area_names[] = {SOFA_AREAS(X)};
#undef X

static const struct {
    const struct part_name *names;
    size_t count, offset;
} groups[SOFA_BREAKDOWN_COUNT] = {
    {stage_names, SOFA_STAGE_COUNT, offsetof(struct sofa_result, stage_cycles)},
    {traffic_names, SOFA_TRAFFIC_COUNT, offsetof(struct sofa_result, bytes)},
    {energy_names, SOFA_ENERGY_COUNT, offsetof(struct sofa_result, energy)},
    {area_names, SOFA_AREA_COUNT, offsetof(struct sofa_result, area)},
};

bool sofa_model_part(enum sofa_breakdown breakdown, size_t i, const struct sofa_result *result, struct sofa_part *part)
{
    const double *values;

    if (i >= groups[breakdown].count)
        return false;
    values = (const double *)((const char *)result + groups[breakdown].offset);
    *part = (struct sofa_part){groups[breakdown].names[i].name, groups[breakdown].names[i].help, values[i]};
    return true;
}
