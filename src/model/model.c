#include "model/model.h"

#include <math.h>
#include <string.h>

#include "model/costs.h"
#include "model/pipeline.h"

/* Sums over the blocks of layers. */
struct tally {
    double cycles;
    double cold;   /* cycles, were nothing fetched ahead */
    double behind; /* DRAM cycles of writes that found no pause yet; not a sum */
    double stage[SOFA_STAGE_COUNT];
    double bytes[SOFA_TRAFFIC_COUNT];
    struct sofa_operations o;
};

/* What one tile adds, `n` times. */
struct tile_sum {
    double scores, khat, qk, pv, exp, sufa, loads, issues, selected, syncs, generation;
};

static void add_tile(struct tile_sum *sum, const struct sofa_plan_tile *t, double n)
{
    sum->scores += n * t->scores;
    sum->khat += n * t->khat;
    sum->generation += n * t->stage[STAGE_GENERATION];
    sum->qk += n * t->qk;
    sum->pv += n * t->pv;
    sum->exp += n * t->exp;
    sum->sufa += n * t->stage[STAGE_SUFA];
    sum->loads += n * t->loads;
    sum->issues += n * t->issues;
    sum->selected += n * t->selected;
    sum->syncs += n * t->syncs;
}

static void add_stages(struct tally *tally, const struct tile_sum *t, double sort, double division, double dram, double n)
{
    tally->stage[SOFA_STAGE_KHAT] += n * t->khat;
    tally->stage[SOFA_STAGE_SCORES] += n * t->scores;
    tally->stage[SOFA_STAGE_SORT] += n * sort;
    tally->stage[SOFA_STAGE_GENERATION] += n * t->generation;
    tally->stage[SOFA_STAGE_QK] += n * t->qk;
    tally->stage[SOFA_STAGE_PV] += n * t->pv;
    tally->stage[SOFA_STAGE_EXP] += n * t->exp;
    tally->stage[SOFA_STAGE_DIV] += n * division;
    tally->stage[SOFA_STAGE_DRAM] += n * dram;
}

/* On-chip transfers: an operand that serves all lanes, or all columns of a lane, is read once for
 * them; what comes from DRAM is written first. */
static void add_sram(struct sofa_operations *o, const struct sofa_plan_layer *l, const struct sofa_plan_block *b,
                     const struct tile_sum *t, const double *bytes, double n)
{
    double adds = b->khat_keys * l->hidden * l->d, macs = 2 * b->gen_keys * l->hidden * l->d;
    double x = l->x_bytes / l->hidden, w = l->weight_bytes / (l->hidden * l->d), g = l->gx_bytes / l->hidden;
    double predicts = !l->fixed, scores = predicts * b->pairs * l->score_bytes, khat = predicts * b->keys * l->khat_bytes;

    o->token_read += n * (adds / l->columns_s * x + khat + macs / l->columns_g * g +
                          t->issues * l->pair_bytes);
    o->token_write += n * (bytes[SOFA_TRAFFIC_X] + bytes[SOFA_TRAFFIC_GENERATION_X] + bytes[SOFA_TRAFFIC_KV] +
                           b->gen_keys * l->pair_bytes + khat + bytes[SOFA_TRAFFIC_QUERIES]);
    o->weight_read += n * (adds + macs * g / w) / l->lanes * w;
    o->weight_write += n * (bytes[SOFA_TRAFFIC_WEIGHTS] + bytes[SOFA_TRAFFIC_GENERATION_WEIGHTS]);
    o->temp_write += n * scores;
    o->temp_read += n * scores;
}

static void add_operations(struct sofa_operations *o, const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                           const struct sofa_plan_block *b, const struct tile_sum *t, double sort, double n)
{
    double selected = h->density * b->pairs, predicts = !l->fixed;
    bool unordered = l->softmax == SOFA_SOFTMAX_FA2 || l->fixed;

    o->khat_adds += n * b->khat_keys * l->hidden * l->d;
    o->score_adds += n * predicts * b->pairs * l->d;
    o->encodings += n * predicts * b->rows * l->d;
    o->sort_cycles += n * b->rows * sort;
    o->generation_macs += n * 2 * b->gen_keys * l->hidden * l->d;
    o->sufa_macs += n * (2 * selected * l->d + b->rows * t->syncs * l->d +
                         (l->softmax == SOFA_SOFTMAX_ASCENDING && !l->fixed ? selected : 0));
    o->sufa_lane_cycles += n * b->rows * t->sufa;
    o->exponentials += n * (selected + b->rows * t->syncs);
    o->comparisons += n * (unordered ? selected : b->rows * t->syncs);
    o->divisions += n * b->rows * l->d;
}

/* What a block does, before it is counted. */
struct block_sums {
    struct sofa_pipeline_tiles tiles;
    struct sofa_plan_block block;
    struct tile_sum sum;
    double bytes[SOFA_TRAFFIC_COUNT], sort, dram;
    struct sofa_block_time time;
};

static void sum_block(struct block_sums *b, const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double j)
{
    sofa_plan_block_init(&b->block, l, h, j);
    sofa_pipeline_tiles_init(&b->tiles, l, h, &b->block);
    b->sum = (struct tile_sum){0};
    if (b->tiles.full > 0)
        add_tile(&b->sum, &b->tiles.whole, b->tiles.full);
    if (b->tiles.rest > 0)
        add_tile(&b->sum, &b->tiles.part, 1);
    sofa_plan_block_bytes(l, h, &b->block, b->sum.loads, b->bytes);
    b->sort = sofa_pipeline_sort(l, h, &b->block, &b->tiles);
    b->dram = 0;
    for (int i = 0; i < SOFA_TRAFFIC_COUNT; i++)
        b->dram += b->bytes[i];
    b->dram /= l->bytes_per_cycle;
    sofa_pipeline_init(&b->time, l, &b->block, &b->tiles, b->bytes, b->sort);
}

/* Counts a block `n` times. */
static void count_block(struct tally *tally, const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                        const struct block_sums *b, double cycles, double n)
{
    tally->cycles += n * cycles;
    tally->cold += n * sofa_pipeline_cycles(&b->time, 0);
    for (int i = 0; i < SOFA_TRAFFIC_COUNT; i++)
        tally->bytes[i] += n * b->bytes[i];
    add_stages(tally, &b->sum, b->sort, l->d, b->dram, n);
    add_operations(&tally->o, l, h, &b->block, &b->sum, b->sort, n);
    add_sram(&tally->o, l, &b->block, &b->sum, b->bytes, n);
}

/* Block `j`, `n` times; *window is what the block before left, and then what this one leaves. */
static void add_block(struct tally *tally, const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double j,
                      double n, double *window)
{
    struct block_sums b;

    sum_block(&b, l, h, j);
    count_block(tally, l, h, &b, sofa_pipeline_cycles(&b.time, *window), n);
    *window = b.time.window;
}

/* `count` blocks from the second one that are the same, `n` times; *window as above. */
static void add_blocks(struct tally *tally, const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double n,
                       double count, double *window)
{
    struct block_sums b;
    double cycles;

    sum_block(&b, l, h, 1);
    cycles = sofa_pipeline_cycles(&b.time, b.time.window);
    count_block(tally, l, h, &b, cycles, n * count);
    tally->cycles += n * (sofa_pipeline_cycles(&b.time, *window) - cycles);
    *window = b.time.window;
}

/* All blocks of a head, `n` such heads; *window as above, of heads, and NULL where all heads are alike.
 * Without causality and pattern all blocks but the first and the last are the same.  Nothing hides the operands of
 * the run's `first` block. */
static void add_head(struct tally *tally, const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double n,
                     double *window, bool first)
{
    double last = l->blocks - 1, queries = l->keys - l->offset, cycles, at;
    bool each = l->causal || l->spans; /* block by block */
    bool even = !each && queries >= l->blocks * l->rows; /* the last block is full too */
    struct block_sums b;

    sum_block(&b, l, h, 0);
    at = b.time.window;
    for (double j = 1; each && j <= last; j++)
        add_block(tally, l, h, j, n, &at);
    if (!each && last > !even)
        add_blocks(tally, l, h, n, even ? last : last - 1, &at);
    if (!each && !even && last > 0)
        add_block(tally, l, h, last, n, &at);
    cycles = sofa_pipeline_cycles(&b.time, window ? *window : at);
    count_block(tally, l, h, &b, cycles, n);
    if (first)
        tally->cycles += sofa_pipeline_cycles(&b.time, 0) - cycles;
    if (window)
        *window = at;
}

/* The window that the last head of a group leaves. */
static double last_window(const struct sofa_plan_layer *l, const struct sofa_selection *s, int group, bool all)
{
    struct sofa_plan_head head;
    struct block_sums b;

    sofa_plan_head_init(&head, l, s, group - 1, all);
    sum_block(&b, l, &head, l->blocks - 1);
    return b.time.window;
}

/* Heads that all have the same statistics: the groups that share K and V are alike. */
static void add_groups(struct tally *tally, const struct sofa_plan_layer *l, const struct sofa_selection *selection,
                       const struct sofa_workload *w, double *window, bool first)
{
    int group = w->heads / w->kv_heads;
    bool all = sofa_plan_generates_all(l, selection, 0, group);
    struct sofa_plan_head head;

    if (window)
        *window = last_window(l, selection, group, all);
    for (int i = 0; i < group; i++) {
        bool rest = i == 1 && (all || l->fixed); /* generating nothing, they are alike */

        sofa_plan_head_init(&head, l, selection, i, all);
        add_head(tally, l, &head, w->batch * w->kv_heads * (rest ? group - 1 : 1), window, first && i == 0);
        if (rest)
            break;
    }
}

/* Counts a layer's `cycles` so far, `cold` were nothing fetched ahead, with `dram` of transfers: as long as
 * writes are behind, pauses go to them, and none to the next block's operands. */
static void add_writes(struct tally *tally, double cycles, double cold, double dram)
{
    double hidden = cold - cycles, wait = hidden < tally->behind ? hidden : tally->behind;

    tally->cycles += wait;
    tally->behind += dram - cycles - wait;
    tally->behind = tally->behind > 0 ? tally->behind : 0;
}

/* Heads of a layer. */
static void add_layer(struct tally *tally, const struct sofa_plan_layer *l, const struct sofa_workload *w,
                      const struct sofa_selection *selection, int heads, bool first)
{
    int group = w->heads / w->kv_heads;
    double cycles = tally->cycles, cold = tally->cold, dram = tally->stage[SOFA_STAGE_DRAM];
    double window, *before = group > 1 ? &window : NULL;
    struct sofa_plan_head head;
    bool all = false;

    for (int i = 0; heads > 1 && i < heads; i++) {
        if (i % group == 0)
            all = sofa_plan_generates_all(l, &selection[i], 1, group);
        if (i == 0 && before)
            *before = last_window(l, &selection[group - 1], group, all);
        sofa_plan_head_init(&head, l, &selection[i], i % group, all);
        add_head(tally, l, &head, w->batch, before, first && i == 0);
    }
    if (heads == 1)
        add_groups(tally, l, selection, w, before, first);
    add_writes(tally, tally->cycles - cycles, tally->cold - cold, tally->stage[SOFA_STAGE_DRAM] - dram);
}

/* What is still to be written when all is computed: at least the last block's outputs. */
static double last_writes(const struct tally *tally, const struct sofa_plan_layer *l)
{
    double rows = l->keys - l->offset - (l->blocks - 1) * l->rows, outputs = rows * l->query_bytes / l->bytes_per_cycle;

    return tally->behind > outputs ? tally->behind : outputs;
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
static void flush(struct tally *tally, const struct sofa_hardware *hw, const struct sofa_costs *costs,
                  const struct sofa_layer_settings *settings, struct sofa_result *result)
{
    result->cycles += tally->cycles;
    for (int k = 0; k < SOFA_STAGE_COUNT; k++)
        result->stage_cycles[k] += tally->stage[k];
    for (int k = 0; k < SOFA_TRAFFIC_COUNT; k++)
        result->bytes[k] += tally->bytes[k];
    sofa_energy_layer(costs, hw, settings, &tally->o, result->energy);
    sum_operations(&result->operations, &tally->o);
    *tally = (struct tally){.behind = tally->behind};
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
    struct tally tally = {0};

    memset(result, 0, sizeof *result);
    result->feasible = sofa_plan_feasible(hw, design, workload, statistics, result->reason, sizeof result->reason);
    if (!result->feasible)
        return;
    sofa_costs_init(&costs, hw, design);
    for (int i = 0; i < workload->layers; i++) {
        sofa_plan_layer_init(&layer, hw, design, workload, statistics, i);
        add_layer(&tally, &layer, workload, statistics->head + (size_t)i * (size_t)statistics->heads,
                  statistics->heads, i == 0);
        if (i + 1 == workload->layers)
            tally.cycles += last_writes(&tally, &layer);
        if (i + 1 == workload->layers || !same_widths(&design->layer[i], &design->layer[i + 1]))
            flush(&tally, hw, &costs, &design->layer[i], result);
    }
    finish(hw, design, workload, &costs, result);
}
