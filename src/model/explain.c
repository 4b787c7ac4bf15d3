#include "model/explain.h"

#include <string.h>

#include "acsr/spans.h"
#include "model/costs.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void add_value(struct sofa_str *out, const char *name, double value, const char *unit)
{
    sofa_str_addf(out, "  %-22s ", name);
    sofa_str_add_double(out, value);
    sofa_str_addf(out, " %s\n", strcmp(unit, "1") == 0 ? "" : unit);
}

static void add_parts(const struct sofa_explained *w, enum sofa_breakdown breakdown, struct sofa_str *out)
{
    struct sofa_part part;

    for (size_t i = 0; sofa_model_part(breakdown, i, w->result, &part); i++) {
        sofa_str_addf(out, "  %-22s ", part.name);
        sofa_str_add_double(out, part.value);
        sofa_str_addf(out, " %s: %s\n", breakdown == SOFA_BREAKDOWN_CYCLES ? "cycles" : sofa_breakdown_units[breakdown],
                      part.help);
    }
}

/* The first layer whose keys are chosen by prediction; past the last where all have static patterns. */
static int first_predicted(const struct sofa_statistics *s)
{
    int l = 0;

    while (l < s->layers && s->spans && s->spans[l] && s->spans[l]->fixed)
        l++;
    return l;
}

/* What is known of a layer's keys before the data. */
static void add_pattern(const struct sofa_spans *s, int layer, struct sofa_str *out)
{
    double loaded = 0;

    for (size_t j = 0; j < s->blocks; j++)
        loaded += s->block[j].keys;
    sofa_str_addf(out, "layer %d: %s %s, counted: %.0f of %.0f query-key pairs a head, %.0f keys over %zu blocks of %.0f queries\n",
                  layer, s->fixed ? "static pattern" : "selection inside", s->name ? s->name : "", s->members, s->visible,
                  loaded, s->blocks, s->rows);
    if (s->fixed)
        sofa_str_addf(out, "  no prediction, no sort; loads over these keys %.4g (naive) %.4g (RASS) where they aren't held;\n"
                           "  the maximum isn't known ahead: SU-FA rescales with each phase's keys, as FlashAttention-2\n",
                      s->naive_ratio, s->rass_ratio);
}

/* Where the statistics of the selection come from, which all of time, bytes and energy rest on. */
static void add_statistics(const struct sofa_explained *w, struct sofa_str *out)
{
    const struct sofa_statistics *all = w->statistics;
    int layer = first_predicted(all);
    const struct sofa_selection *s = layer < all->layers ? &all->head[layer * all->heads] : NULL;

    if (s)
        sofa_str_addf(out, "statistics: %s; layer %d, head 0: density %.4g, union %.4g, loads over union %.4g (naive) %.4g (RASS)\n",
                      all->source[0] ? all->source : "of the caller", layer, s->density, s->union_share, s->naive_ratio,
                      s->rass_ratio);
    else
        sofa_str_add(out, "statistics: static pattern in every layer\n");
    for (int l = 0; all->spans && l < all->layers; l++)
        if (all->spans[l])
            add_pattern(all->spans[l], l, out);
    sofa_str_addf(out, "workload: %s: %s\n", w->workload->name, w->workload->source);
    sofa_str_addf(out, "scope: %s\n", sofa_scope_names[w->workload->scope]);
}

static void detail_cycles(const struct sofa_explained *w, struct sofa_str *out)
{
    const struct sofa_design *d = w->design;

    sofa_str_add(out, "busy cycles of each unit (they overlap):\n");
    add_parts(w, SOFA_BREAKDOWN_CYCLES, out);
    sofa_str_addf(out, "hardware: %d lanes, %d shift PEs, %d generation MACs, %d formal MACs a lane; DRAM %.4g B a cycle\n",
                  d->query_lanes, d->dlzs_columns, d->kv_columns, d->sufa_columns, d->dram_bytes_per_s / d->clock_hz);
    sofa_str_addf(out, "  source: %s\n", w->hw->design_source);
    add_statistics(w, out);
}

static void detail_bytes(const struct sofa_explained *w, struct sofa_str *out)
{
    add_parts(w, SOFA_BREAKDOWN_BYTES, out);
    sofa_str_addf(out, "memories: token %.0f, weight %.0f, temporary %.0f bytes\n", w->design->token_sram_bytes,
                  w->design->weight_sram_bytes, w->design->temp_sram_bytes);
    add_statistics(w, out);
}

static void add_memory(const struct sofa_explained *w, enum sofa_memory memory, const char *name, double capacity,
                       double read, double write, struct sofa_str *out)
{
    struct sofa_sram_cost c = sofa_hardware_memory(w->hw, memory, capacity);

    sofa_str_addf(out, "  %-13s %.4g B read at %.4g J/B, %.4g B written at %.4g J/B, leakage %.4g W\n", name, read,
                  c.read_j_per_byte, write, c.write_j_per_byte, c.leakage_w);
}

static void detail_energy(const struct sofa_explained *w, struct sofa_str *out)
{
    const struct sofa_operations *o = &w->result->operations;
    const struct sofa_design *d = w->design;
    const struct sofa_hardware *hw = w->hw;
    const double operations[SOFA_COMPONENT_COUNT] = {
        [SOFA_COMPONENT_SHIFT_PE] = d->prediction == SOFA_PREDICTION_DLZS ? o->khat_adds + o->score_adds : 0,
        [SOFA_COMPONENT_LZ_ENCODER] = o->encodings,
        [SOFA_COMPONENT_MULTIPLY4_PE] = d->prediction == SOFA_PREDICTION_DLZS ? 0 : o->khat_adds + o->score_adds,
        [SOFA_COMPONENT_SADS_CORE] = o->sort_cycles,
        [SOFA_COMPONENT_CLIP_UNIT] = o->sort_cycles,
        [SOFA_COMPONENT_KV_MAC] = o->generation_macs,
        [SOFA_COMPONENT_SUFA_MAC] = o->sufa_macs,
        [SOFA_COMPONENT_EXP] = o->sufa_lane_cycles,
        [SOFA_COMPONENT_DIV] = o->sufa_lane_cycles,
        [SOFA_COMPONENT_SCHEDULER] = w->result->cycles * d->query_lanes,
    };

    add_parts(w, SOFA_BREAKDOWN_ENERGY, out);
    sofa_str_add(out, "operations, energy of one (at its full width), source:\n");
    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++)
        if (operations[i] > 0)
            sofa_str_addf(out, "  %-13s %.4g x %.4g J (%s)\n    source: %s\n", sofa_component_rows[i].name, operations[i],
                          hw->technology.unit[i].energy_j, sofa_component_rows[i].operation, hw->technology.unit[i].source);
    add_memory(w, SOFA_MEMORY_TOKEN, "token_sram", d->token_sram_bytes, o->token_read, o->token_write, out);
    add_memory(w, SOFA_MEMORY_WEIGHT, "weight_sram", d->weight_sram_bytes, o->weight_read, o->weight_write, out);
    add_memory(w, SOFA_MEMORY_TEMP, "temp_sram", d->temp_sram_bytes, o->temp_read, o->temp_write, out);
    sofa_str_addf(out, "    source: %s; %s\n    scale %.4g: %s\n    leakage: %s\n", hw->sram.source, hw->sram.point[0].source,
                  hw->sram.energy_scale, hw->sram.scale_source, hw->sram.leakage_source);
    sofa_str_addf(out, "  %-13s %.4g B x (%.4g + %.4g) J/B\n    source: %s\n", hw->dram.name, w->result->dram_bytes,
                  hw->dram.energy_j_per_byte, hw->dram.interface_j_per_byte, hw->dram.source);
    add_statistics(w, out);
}

static void detail_area(const struct sofa_explained *w, struct sofa_str *out)
{
    double instances[SOFA_COMPONENT_COUNT];
    struct sofa_costs costs;

    add_parts(w, SOFA_BREAKDOWN_AREA, out);
    sofa_costs_init(&costs, w->hw, w->design);
    sofa_costs_instances(&costs, w->design, instances);
    sofa_str_add(out, "instances, area of one (at its full width), source:\n");
    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++)
        if (instances[i] > 0)
            sofa_str_addf(out, "  %-13s %.0f x %.4g mm2\n    source: %s\n", sofa_component_rows[i].name, instances[i],
                          w->hw->technology.unit[i].area_mm2, w->hw->technology.unit[i].source);
    sofa_str_addf(out, "  memories      %.4g + %.4g + %.4g mm2\n    source: %s\n", costs.token.area_mm2,
                  costs.weight.area_mm2, costs.temp.area_mm2, w->hw->sram.area_source);
    if (w->hw->technology.total_source)
        sofa_str_addf(out, "  total x %.6g\n    source: %s\n", w->hw->technology.total_over_parts,
                      w->hw->technology.total_source);
}

static void detail_operations(const struct sofa_explained *w, struct sofa_str *out)
{
    add_value(out, "dense operations", w->result->dense_operations, "");
    sofa_str_add(out, "  (4 d for each visible query-key pair, and in qkv+attention 4 H d for each key and K/V head;\n"
                      "  a multiply-accumulate is two)\n");
}

static void detail_busy(const struct sofa_explained *w, struct sofa_str *out)
{
    const struct sofa_operations *o = &w->result->operations;

    add_value(out, "SU-FA MACs", o->sufa_macs, "");
    add_value(out, "generation MACs", o->generation_macs, "");
    add_value(out, "prediction shift-adds", o->khat_adds + o->score_adds, "");
}

/* metric, its formula, what is printed of it, the metrics it is made of */
static const struct {
    const char *name, *formula;
    void (*detail)(const struct sofa_explained *w, struct sofa_str *out);
    const char *needs[2];
} table[] = {
    {"latency", "cycles / clock", NULL, {"cycles", NULL}},
    {"cycles", "sum over layers, heads and blocks of queries; a block takes the longer of the path of its tiles through the\n"
               "  pipeline and its transfers with their pauses, a layer no less than its bytes over the bandwidth", detail_cycles, {NULL, NULL}},
    {"energy", "operations x energy each + SRAM bytes x energy(capacity) + DRAM bytes x (DRAM + interface) + leakage x time",
     detail_energy, {NULL, NULL}},
    {"area", "instances x area each + SRAM(capacity), times a printed total over the sum of its parts", detail_area, {NULL, NULL}},
    {"power", "energy / latency", NULL, {"energy", "latency"}},
    {"core_power", "(energy - DRAM - interface) / latency", NULL, {"energy", "latency"}},
    {"edp", "energy x latency", NULL, {"energy", "latency"}},
    {"throughput", "dense operations / latency", detail_operations, {"latency", NULL}},
    {"energy_efficiency", "throughput / power", detail_operations, {"power", NULL}},
    {"core_energy_efficiency", "throughput / core power", detail_operations, {"core_power", NULL}},
    {"area_efficiency", "throughput / area", detail_operations, {"latency", "area"}},
    {"utilisation", "SU-FA MACs / (lanes x MACs a lane x cycles)", detail_busy, {"cycles", NULL}},
    {"pe_utilisation", "shift-adds and MACs / (lanes x PEs a lane x cycles)", detail_busy, {"cycles", NULL}},
    {"dram_bytes", "sum over what crosses the interface", detail_bytes, {NULL, NULL}},
};

static void explain(const struct sofa_explained *w, const char *name, struct sofa_str *out)
{
    const struct sofa_metric *metric = sofa_metric_find(name);

    for (size_t i = 0; i < COUNT(table); i++) {
        if (strcmp(table[i].name, name) != 0)
            continue;
        sofa_str_addf(out, "%s = ", name);
        sofa_str_add_double(out, sofa_metric_value(metric, w->result));
        sofa_str_addf(out, " %s\n  = %s\n", metric->unit, table[i].formula);
        if (table[i].detail)
            table[i].detail(w, out);
        for (size_t k = 0; k < COUNT(table[i].needs) && table[i].needs[k]; k++)
            explain(w, table[i].needs[k], out);
    }
}

enum sofa_code sofa_model_explain(const struct sofa_explained *w, const char *name, struct sofa_str *out,
                                  struct sofa_err *err)
{
    const struct sofa_metric *metric = sofa_metric_find(name);

    if (!metric)
        return sofa_fail(err, SOFA_E_USAGE, "there is no metric '%s'", name);
    if (metric->source != SOFA_METRIC_MODEL)
        return sofa_fail(err, SOFA_E_USAGE, "'%s' is measured by running the kernel, not computed by the model", name);
    if (!w->result->feasible)
        return sofa_fail(err, SOFA_E_EVAL, "this design cannot work: %s", w->result->reason);
    explain(w, name, out);
    return SOFA_OK;
}

static void add_count(struct sofa_str *out, const char *component, const char *action, double count)
{
    sofa_str_addf(out, "    - {name: system.%s, action_counts: [{name: %s, arguments: {}, counts: ", component, action);
    sofa_str_add_double(out, count);
    sofa_str_add(out, "}]}\n");
}

void sofa_model_action_counts(const struct sofa_explained *w, struct sofa_str *out)
{
    const struct sofa_operations *o = &w->result->operations;
    bool dlzs = w->design->prediction == SOFA_PREDICTION_DLZS;

    sofa_str_add(out, "action_counts:\n  version: '0.4'\n  local:\n");
    add_count(out, dlzs ? "shift_pe" : "multiply4_pe", "compute", o->khat_adds + o->score_adds);
    add_count(out, "lz_encoder", "compute", o->encodings);
    add_count(out, "sads_core", "compute", o->sort_cycles);
    add_count(out, "clip_unit", "compute", o->sort_cycles);
    add_count(out, "kv_mac", "compute", o->generation_macs);
    add_count(out, "sufa_mac", "compute", o->sufa_macs);
    add_count(out, "exp", "compute", o->sufa_lane_cycles);
    add_count(out, "div", "compute", o->sufa_lane_cycles);
    add_count(out, "scheduler", "compute", w->result->cycles * w->design->query_lanes);
    add_count(out, "token_sram", "read", o->token_read);
    add_count(out, "token_sram", "write", o->token_write);
    add_count(out, "weight_sram", "read", o->weight_read);
    add_count(out, "weight_sram", "write", o->weight_write);
    add_count(out, "temp_sram", "read", o->temp_read);
    add_count(out, "temp_sram", "write", o->temp_write);
    add_count(out, "dram", "access", w->result->dram_bytes);
}
