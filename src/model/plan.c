#include "model/plan.h"

#include <math.h>
#include <stdio.h>

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static bool shapes_match(const struct sofa_design *design, const struct sofa_workload *w,
                         const struct sofa_statistics *s, char *reason, size_t size)
{
    if (design->layers != w->layers || s->layers != w->layers || !s->head || (s->heads != 1 && s->heads != w->heads)) {
        snprintf(reason, size, "%d layers of settings and %d x %d statistics for %d x %d heads", design->layers,
                 s->layers, s->heads, w->layers, w->heads);
        return false;
    }
    if (sofa_workload_check(w, NULL) != SOFA_OK) {
        snprintf(reason, size, "the workload's sizes don't fit each other");
        return false;
    }
    return true;
}

static bool units_work(const struct sofa_design *d, char *reason, size_t size)
{
    if (d->query_lanes < 1 || d->dlzs_columns < 1 || d->kv_columns < 1 || d->keys_per_phase < 1) {
        snprintf(reason, size, "a count of lanes or columns is below 1");
        return false;
    }
    if (d->sufa_columns < 2 || d->sufa_columns % 2) {
        snprintf(reason, size, "sufa_columns %d can't be halved between two arrays", d->sufa_columns);
        return false;
    }
    if (!(d->clock_hz > 0) || !(d->dram_bytes_per_s > 0) || !isfinite(d->clock_hz) || !isfinite(d->dram_bytes_per_s)) {
        snprintf(reason, size, "clock and dram_bandwidth must be finite and greater than 0");
        return false;
    }
    return true;
}

static bool settings_work(const struct sofa_design *d, char *reason, size_t size)
{
    for (int i = 0; i < d->layers; i++) {
        const struct sofa_layer_settings *s = &d->layer[i];

        if (s->tiles < 1 || s->topk_permille < 1 || s->topk_permille > 1000 || s->khat_bits < 1 || s->q_bits < 1 ||
            s->formal_bits < 1) {
            snprintf(reason, size, "layer %d: tiles, topk or a width is out of range", i);
            return false;
        }
    }
    return true;
}

/* The least each memory must hold: a double-buffered row of K^ and one phase of K/V pairs; one
 * double-buffered cycle of weights; one sorting window of 16 scores a lane. */
static bool memories_hold(const struct sofa_hardware *hw, const struct sofa_design *d, const struct sofa_workload *w,
                          char *reason, size_t size)
{
    double token = 2.0 * w->head_dim * 2 + d->keys_per_phase * 4.0 * w->head_dim;
    double weight = 2 * larger(d->dlzs_columns * hw->widths.weight, d->kv_columns * hw->widths.generation) / 8;
    double temp = 16.0 * d->query_lanes * hw->widths.score / 8;
    const struct {
        const char *name, *what;
        double need, have;
    } memory[] = {
        {"token_sram", "a double-buffered predicted key and one phase of K and V", token, d->token_sram_bytes},
        {"weight_sram", "one double-buffered cycle of weights", weight, d->weight_sram_bytes},
        {"temp_sram", "16 scores a lane", temp, d->temp_sram_bytes},
    };

    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
        if (memory[i].have >= memory[i].need && isfinite(memory[i].have))
            continue;
        snprintf(reason, size, "%s of %.0f bytes can't hold %s (%.0f bytes)", memory[i].name, memory[i].have,
                 memory[i].what, memory[i].need);
        return false;
    }
    return true;
}

static bool statistics_possible(const struct sofa_workload *w, const struct sofa_statistics *s, char *reason, size_t size)
{
    bool generate = w->scope == SOFA_SCOPE_QKV_ATTENTION;

    for (int i = 0; i < s->layers * s->heads; i++) {
        const struct sofa_selection *h = &s->head[i];

        if (s->spans && s->spans[i / s->heads] && s->spans[i / s->heads]->fixed)
            continue;
        if (h->density > 0 && h->density <= 1 && h->union_share > 0 && h->union_share <= 1 && h->naive_ratio >= 1 &&
            h->rass_ratio >= 1 && h->naive_ratio < 1e9 && h->rass_ratio < 1e9 && h->clipped >= 0 && h->clipped <= 1 &&
            h->mispredicted >= 0 && h->mispredicted <= 1 && (!generate || (h->union_all > 0 && h->union_all <= 1)))
            continue;
        snprintf(reason, size, "statistics of layer %d, head %d are missing or impossible", i / s->heads, i % s->heads);
        return false;
    }
    return true;
}

/* Spans are counted for a workload and a number of lanes. */
static bool spans_match(const struct sofa_design *d, const struct sofa_workload *w, const struct sofa_statistics *s,
                        char *reason, size_t size)
{
    for (int i = 0; s->spans && i < s->layers; i++) {
        if (!s->spans[i] || (s->spans[i]->rows == d->query_lanes && s->spans[i]->queries == w->queries))
            continue;
        snprintf(reason, size, "layer %d: a pattern of %.0f queries in blocks of %.0f for %.0f in blocks of %d", i,
                 s->spans[i]->queries, s->spans[i]->rows, w->queries, d->query_lanes);
        return false;
    }
    return true;
}

bool sofa_plan_feasible(const struct sofa_hardware *hw, const struct sofa_design *design,
                        const struct sofa_workload *workload, const struct sofa_statistics *statistics, char *reason,
                        size_t size)
{
    return shapes_match(design, workload, statistics, reason, size) && units_work(design, reason, size) &&
           settings_work(design, reason, size) && memories_hold(hw, design, workload, reason, size) &&
           statistics_possible(workload, statistics, reason, size) &&
           spans_match(design, workload, statistics, reason, size);
}

/* Sizes in bytes, from operand widths. */
static void init_sizes(struct sofa_plan_layer *l, const struct sofa_hardware *hw, const struct sofa_design *design)
{
    double weights = l->hidden * l->d * hw->widths.weight / 8, gweights = 2 * l->hidden * l->d * hw->widths.generation / 8;
    double held = design->weight_sram_bytes / 2; /* the other half receives what comes next */
    double split = l->generate ? weights / (weights + gweights) : 1;

    l->x_bytes = l->hidden * hw->widths.x / 8;
    l->weight_bytes = weights;
    l->gx_bytes = l->hidden * hw->widths.generation / 8;
    l->gweight_bytes = gweights;
    l->score_bytes = hw->widths.score / 8;
    l->weight_held = smaller(weights, held * split);
    l->gweight_held = smaller(gweights, held * (1 - split));
    l->token_sram = design->token_sram_bytes;
    l->scores_held = design->temp_sram_bytes / (2 * l->lanes * l->score_bytes);
    l->cycles_per_byte = design->clock_hz / design->dram_bytes_per_s;
    /* a token serves all columns of a lane, a weight all lanes */
    l->x_read = l->d / l->columns_s * l->x_bytes;
    l->weight_read = l->weight_bytes / l->lanes;
    l->gx_read = 2 * l->d / l->columns_g * l->gx_bytes;
    l->gweight_read = l->gweight_bytes / l->lanes;
}

void sofa_plan_layer_next(struct sofa_plan_layer *l, const struct sofa_design *design,
                          const struct sofa_statistics *statistics, int index)
{
    const struct sofa_layer_settings *s = &design->layer[index];

    l->spans = statistics->spans ? statistics->spans[index] : NULL;
    l->fixed = l->spans && l->spans->fixed;
    l->tile = sofa_plan_up(l->keys / s->tiles);
    l->topk = s->topk_permille / 1000.0;
    l->tiles = sofa_plan_down(l->keys / l->tile);
    l->rest = l->keys - l->tiles * l->tile;
    l->khat_bytes = l->d * s->khat_bits / 8;
    l->pair_bytes = 2 * l->d * s->formal_bits / 8;
    l->query_bytes = l->d * s->formal_bits / 8;
    l->pairs_held = larger(0, l->token_sram - 2 * l->khat_bytes) / l->pair_bytes;
}

void sofa_plan_layer_init(struct sofa_plan_layer *l, const struct sofa_hardware *hw, const struct sofa_design *design,
                          const struct sofa_workload *w, const struct sofa_statistics *statistics, int index)
{
    l->d = w->head_dim;
    l->hidden = w->hidden;
    l->lanes = l->rows = design->query_lanes;
    l->columns_s = design->dlzs_columns;
    l->columns_g = design->kv_columns;
    l->half_f = design->sufa_columns / 2;
    l->blocks = sofa_plan_up(w->queries / l->lanes);
    l->full_blocks = sofa_plan_down(w->queries / l->lanes);
    l->keys = w->keys;
    l->offset = w->keys - w->queries;
    l->causal = w->causal;
    l->serial = design->pipeline == SOFA_PIPELINE_SERIAL;
    l->full_sort = design->sort == SOFA_SORT_FULL;
    l->recompute = design->khat_store == SOFA_KHAT_RECOMPUTE;
    l->generate = w->scope == SOFA_SCOPE_QKV_ATTENTION;
    l->generate_all = design->kv_generation == SOFA_KV_ALL;
    l->naive = design->schedule == SOFA_SCHEDULE_NAIVE;
    l->softmax = design->softmax;
    l->phase = design->keys_per_phase;
    l->score_cycles_per_key = l->d / l->columns_s;
    l->khat_cycles_per_key = l->hidden * l->d / (l->lanes * l->columns_s);
    l->generation_cycles_per_key = l->generate ? 2 * l->hidden * l->d / (l->lanes * l->columns_g) : 0;
    init_sizes(l, hw, design);
    sofa_plan_layer_next(l, design, statistics, index);
}

/* Keys that the heads of a group before this one left ungenerated are taken as independent of what
 * this head selects: it generates its union of what they left. */
static double fresh_share(const struct sofa_selection *group, int stride, int position)
{
    double left = 1;

    for (int i = 0; i < position; i++)
        left *= 1 - group[(ptrdiff_t)i * stride].union_all;
    return left * group[(ptrdiff_t)position * stride].union_all;
}

/* Keys that causality leaves the last query of block j; 0 before the first block. */
static double keys_seen(const struct sofa_plan_layer *l, double j)
{
    if (j < 0)
        return 0;
    return l->causal ? smaller(l->keys, l->offset + (j + 1) * l->rows) : l->keys;
}

/* Keys that the first block sees. */
static double first_seen(const struct sofa_plan_layer *l)
{
    return l->spans ? l->spans->block[0].keys : keys_seen(l, 0);
}

static const struct sofa_span *span(const struct sofa_plan_layer *l, double j)
{
    return &l->spans->block[(size_t)j];
}

/* K and V made in block j, on demand: the first block what it selects, the others an equal share of
 * what is left of the head's union; with a fixed pattern what no block before had. */
static double generated_keys(const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double j)
{
    double total = h->fresh * l->keys, first;

    if (!(h->fresh > 0))
        return 0;
    if (h->all)
        return keys_seen(l, j) - keys_seen(l, j - 1);
    if (l->fixed)
        return span(l, j)->fresh;
    first = l->blocks > 1 ? smaller(total, h->union_share * first_seen(l)) : total;
    return j < 0.5 ? first : (total - first) / (l->blocks - 1);
}

/* Bytes of generating on demand in one head, at most.  What it generates is written, and where its block
 * would have loaded as much, that is spared. */
static double on_demand_bytes(const struct sofa_plan_layer *l, const struct sofa_selection *group, int stride, int position)
{
    const struct sofa_selection *s = &group[(ptrdiff_t)position * stride];
    struct sofa_plan_head h = {.fresh = fresh_share(group, stride, position), .union_share = s->union_share};
    double first = generated_keys(l, &h, 0), rest = l->blocks > 1 ? generated_keys(l, &h, 1) : 0;
    double passes = sofa_plan_up(first / l->lanes) + (l->blocks - 1) * sofa_plan_up(rest / l->lanes);
    double unspared = larger(0, first - s->union_share * first_seen(l)) +
                      (l->blocks - 1) * larger(0, rest - s->union_share * keys_seen(l, 1));

    return passes * (l->gweight_bytes - l->gweight_held) + l->gweight_held + h.fresh * l->keys * l->gx_bytes +
           unspared * l->pair_bytes;
}

/* The same of a fixed pattern, whose first head generates for its group, and the pairs that generating all as they
 * come into sight would spare at most. */
static double fixed_bytes(const struct sofa_plan_layer *l, double *spared)
{
    double passes = 0, held = l->gweight_held;

    *spared = 0;
    for (double j = 0; j < l->blocks; j++) {
        passes += sofa_plan_up(span(l, j)->fresh / l->lanes);
        *spared += smaller(keys_seen(l, j) - keys_seen(l, j - 1), span(l, j)->keys);
    }
    return passes * (l->gweight_bytes - held) + held + l->spans->keys * l->gx_bytes;
}

static bool all_is_cheaper(const struct sofa_plan_layer *l, const struct sofa_selection *s, int stride, int group)
{
    double seen = keys_seen(l, 0), ratio = l->naive ? s->naive_ratio : s->rass_ratio;
    double spared = smaller(seen, ratio * s->union_share * seen) + l->keys - seen; /* at most */
    double passes = sofa_plan_up(seen / l->lanes) + (l->causal ? l->blocks - 1 : 0), all, some = 0;

    if (l->fixed)
        some = fixed_bytes(l, &spared);
    for (int i = 0; !l->fixed && i < group; i++)
        some += on_demand_bytes(l, s, stride, i);
    all = passes * (l->gweight_bytes - l->gweight_held) + l->gweight_held + l->keys * (l->gx_bytes + l->pair_bytes) -
          spared * l->pair_bytes;
    return some > all;
}

bool sofa_plan_generates_all(const struct sofa_plan_layer *l, const struct sofa_selection *s, int stride, int group)
{
    return !l->generate || l->generate_all || all_is_cheaper(l, s, stride, group);
}

/* A block's keys, pairs and tiles from the pattern; a fixed one is gone through P keys at a time. */
static void lay_out(struct sofa_plan_block *b, const struct sofa_plan_layer *l, double j)
{
    const struct sofa_span *s = span(l, j);

    b->keys = s->keys;
    b->pairs = s->members;
    b->fullest = s->fullest;
    b->tiles = l->fixed ? sofa_plan_up(s->keys / l->lanes) : s->tiles;
}

/* Keys predicted in block j: those that come into sight with the next, in the first also its own. */
static double predicted_ahead(const struct sofa_plan_block *b, const struct sofa_plan_layer *l, double j)
{
    double own = b->first ? b->keys : 0;

    if (!l->spans)
        return own + keys_seen(l, smaller(j + 1, l->blocks - 1)) - b->keys;
    return own + (j + 1 < l->blocks ? span(l, j + 1)->fresh : 0);
}

void sofa_plan_block_init(struct sofa_plan_block *b, const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                          double j)
{
    double queries = l->keys - l->offset;

    b->first = j < 0.5;
    b->rows = smaller(l->rows, queries - j * l->rows);
    b->keys = keys_seen(l, j);
    b->pairs = l->causal ? b->rows * (b->keys - (b->rows - 1) / 2) : b->rows * b->keys;
    b->fullest = b->keys;
    b->tiles = 0;
    b->khat_keys = 0;
    if (l->spans)
        lay_out(b, l, j);
    if (l->fixed)
        b->khat_keys = 0;
    else if (l->recompute)
        b->khat_keys = b->keys;
    else if (h->leader)
        b->khat_keys = predicted_ahead(b, l, j);
    b->gen_keys = l->generate ? generated_keys(l, h, j) : 0;
    b->share = 1 / b->keys;
    b->khat_cycles = b->khat_keys * l->khat_cycles_per_key * b->share;
    b->gen_cycles = b->gen_keys * l->generation_cycles_per_key * b->share;
}

/* Pass p looks at ceil((inputs - 4p) / 12) groups of 12.  Of three passes in a row each looks at as many as
 * the first of them or at one less, the next three at one less again: with n = 3t + m passes and
 * inputs = 12g + r, so that c = ceil(r / 4) of the first three look at g + 1, the sum is
 * n g + c t + min(c, m) - (3 t (t - 1) / 2 + m t). */
double sofa_plan_sort_cycles(double inputs, double quota)
{
    double n = (double)(((long long)quota + 3) / 4), t = (double)((long long)n / 3), m = n - 3 * t;
    double g = (double)((long long)inputs / 12), c = (double)(((long long)inputs - 12 * (long long)g + 3) / 4);

    return n * g + c * t + smaller(c, m) - t * (1.5 * (t - 1) + m);
}

/* Running maximum and sum of a row: rescalings (d multiplications of O and one of l) for this tile.
 * Descending and ascending: one at the tile's end, one more where the predicted maximum wasn't the
 * maximum.  FlashAttention-2 knows no order: one with each phase's keys. */
static double rescalings(const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double selected)
{
    if (l->softmax == SOFA_SOFTMAX_FA2 || l->fixed)
        return larger(1 + h->mispredicted, selected / l->phase);
    return 1 + h->mispredicted;
}

/* The longest of both arrays (the second rescales, ascending each key rescales the running sum once more)
 * and the exponentials.  `row`: keys that a row has in the tile. */
static void init_sufa(struct sofa_plan_tile *t, const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double row)
{
    double s = h->density * row, syncs = rescalings(l, h, s);
    double pv = ((s + syncs) * l->d + (l->softmax == SOFA_SOFTMAX_ASCENDING && !l->fixed ? s : 0)) / l->half_f;

    t->syncs = syncs;
    t->stage[STAGE_SUFA] = larger(pv, s + syncs); /* the first array has less to do than the second */
}

/* K/V pairs: what fits is loaded once for the tile (its union); of the rest each use the schedule
 * doesn't merge is a load of its own. */
static double loads(const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double b)
{
    double pairs = h->union_share * b;

    return pairs + (h->load_ratio - 1) * larger(0, pairs - l->pairs_held);
}

/* What doesn't depend on the block: b keys, of which a row has so many. */
static void init_tile(struct sofa_plan_tile *t, const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double b,
                      double row)
{
    double feasible = sofa_plan_up(row * (1 - h->clipped)), quota = sofa_plan_up(row * l->topk - 1e-9);

    t->stage[STAGE_SORT] = sofa_plan_sort_cycles(feasible, smaller(quota, feasible));
    t->loads = loads(l, h, b);
    init_sufa(t, l, h, row);
}

/* A tile of a block with a fixed pattern: 1 / tiles of it.  Queries go on by themselves, so that what one of them
 * loads serves another later only as far as the whole block's keys are held. */
static void init_fixed(struct sofa_plan_tile *t, const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                       const struct sofa_plan_block *block)
{
    t->stage[STAGE_SORT] = 0;
    t->loads = loads(l, h, block->keys) / block->tiles;
    init_sufa(t, l, h, block->fullest / block->tiles);
}

/* With a pattern: all tiles of a block are alike. */
static void init_spanned(struct sofa_plan_tile *t, const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                         const struct sofa_plan_block *block, double b)
{
    double row = block->fullest / block->tiles, scores = l->fixed ? 0 : row * l->score_cycles_per_key;

    if (l->fixed)
        init_fixed(t, l, h, block);
    else
        init_tile(t, l, h, b, row);
    t->stage[STAGE_DLZS] = scores + b * block->khat_cycles;
    t->stage[STAGE_GENERATION] = b * block->gen_cycles;
}

void sofa_plan_tile_init(struct sofa_plan_tile *t, const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                         const struct sofa_plan_block *block, double b)
{
    if (l->spans) {
        init_spanned(t, l, h, block, b);
        return;
    }
    if (b == l->tile)
        *t = h->whole;
    else if (!l->causal)
        *t = h->part;
    else
        init_tile(t, l, h, b, b);
    t->stage[STAGE_DLZS] = b * (l->score_cycles_per_key + block->khat_cycles);
    t->stage[STAGE_GENERATION] = b * block->gen_cycles;
}

static double load_ratio(const struct sofa_plan_layer *l, const struct sofa_selection *s)
{
    if (l->fixed)
        return l->naive ? l->spans->naive_ratio : l->spans->rass_ratio;
    return l->naive ? s->naive_ratio : s->rass_ratio;
}

void sofa_plan_head_init(struct sofa_plan_head *h, const struct sofa_plan_layer *l, const struct sofa_selection *group,
                         int stride, int position, bool generates_all)
{
    const struct sofa_selection *s = &group[(ptrdiff_t)position * stride];

    h->density = l->fixed ? 1 : s->density;
    h->union_share = l->fixed ? 1 : s->union_share;
    h->load_ratio = load_ratio(l, s);
    h->clipped = l->fixed ? 0 : s->clipped;
    h->mispredicted = l->fixed ? 0 : s->mispredicted;
    h->leader = position == 0;
    h->fresh = 0;
    h->all = l->generate && generates_all && h->leader;
    if (l->generate)
        h->fresh = generates_all || l->fixed ? h->leader : fresh_share(group, stride, position);
    if (l->spans)
        return;
    init_tile(&h->whole, l, h, l->tile, l->tile);
    if (!l->causal && l->rest > 0)
        init_tile(&h->part, l, h, l->rest, l->rest);
}

/* Weights of `all` bytes of which `held` stay on the chip: all once a head, the rest again for each
 * P further keys. */
static double weight_traffic(const struct sofa_plan_layer *l, double all, double held, double keys, bool first)
{
    return sofa_plan_up(keys / l->lanes) * (all - held) + (first ? held : 0);
}

void sofa_plan_block_bytes(const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                           const struct sofa_plan_block *b, double loads, double bytes[SOFA_TRAFFIC_COUNT])
{
    double kept = !l->recompute, reads = b->first && h->leader ? 0 : b->keys;
    double width = l->full_sort ? b->fullest : l->spans ? b->fullest / b->tiles : smaller(l->tile, b->keys);
    bool spilled = l->serial || width > l->scores_held;

    bytes[SOFA_TRAFFIC_X] = b->khat_keys * l->x_bytes;
    bytes[SOFA_TRAFFIC_WEIGHTS] =
        b->khat_keys > 0 ? weight_traffic(l, l->weight_bytes, l->weight_held, b->khat_keys, b->first) : 0;
    bytes[SOFA_TRAFFIC_KHAT] = l->fixed ? 0 : kept * l->khat_bytes * (b->khat_keys + reads);
    bytes[SOFA_TRAFFIC_QUERIES] = b->rows * l->query_bytes;
    bytes[SOFA_TRAFFIC_SCORES] = spilled && !l->fixed ? 2 * b->pairs * l->score_bytes : 0;
    bytes[SOFA_TRAFFIC_ATTENTION] = l->serial ? 2 * b->pairs * h->density * l->score_bytes : 0;
    bytes[SOFA_TRAFFIC_KV] = larger(0, loads - b->gen_keys) * l->pair_bytes;
    bytes[SOFA_TRAFFIC_GENERATION_X] = b->gen_keys * l->gx_bytes;
    bytes[SOFA_TRAFFIC_GENERATION_WEIGHTS] =
        b->gen_keys > 0 ? weight_traffic(l, l->gweight_bytes, l->gweight_held, b->gen_keys, b->first) : 0;
    bytes[SOFA_TRAFFIC_GENERATED] = b->gen_keys * l->pair_bytes;
    bytes[SOFA_TRAFFIC_OUTPUTS] = b->rows * l->query_bytes;
}
