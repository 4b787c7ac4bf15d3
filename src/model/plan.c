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

static bool possible(const struct sofa_selection *h, bool generate)
{
    return h->density > 0 && h->density <= 1 && h->union_share > 0 && h->union_share <= 1 && h->naive_ratio >= 1 &&
           h->rass_ratio >= 1 && h->naive_ratio < 1e9 && h->rass_ratio < 1e9 && h->clipped >= 0 && h->clipped <= 1 &&
           h->mispredicted >= 0 && h->mispredicted <= 1 && (!generate || (h->union_all > 0 && h->union_all <= 1));
}

static bool statistics_possible(const struct sofa_workload *w, const struct sofa_statistics *s, char *reason, size_t size)
{
    bool generate = w->scope == SOFA_SCOPE_QKV_ATTENTION;

    for (int layer = 0; layer < s->layers; layer++) {
        const struct sofa_selection *h = &s->head[(ptrdiff_t)layer * s->heads];

        if (s->spans && s->spans[layer] && s->spans[layer]->fixed)
            continue;
        for (int i = 0; i < s->heads; i++) {
            if (possible(&h[i], generate))
                continue;
            snprintf(reason, size, "statistics of layer %d, head %d are missing or impossible", layer, i);
            return false;
        }
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
static void init_sizes(struct sofa_plan *p, const struct sofa_hardware *hw, const struct sofa_design *design)
{
    double weights = p->hidden * p->d * hw->widths.weight / 8, gweights = 2 * p->hidden * p->d * hw->widths.generation / 8;
    double held = design->weight_sram_bytes / 2; /* the other half receives what comes next */
    double split = p->generate ? weights / (weights + gweights) : 1;

    p->x_bytes = p->hidden * hw->widths.x / 8;
    p->weight_bytes = weights;
    p->gx_bytes = p->hidden * hw->widths.generation / 8;
    p->gweight_bytes = gweights;
    p->score_bytes = hw->widths.score / 8;
    p->weight_held = smaller(weights, held * split);
    p->gweight_held = smaller(gweights, held * (1 - split));
    p->token_sram = design->token_sram_bytes;
    p->scores_held = design->temp_sram_bytes / (2 * p->rows * p->score_bytes);
    p->cycles_per_byte = design->clock_hz / design->dram_bytes_per_s;
    /* a token serves all columns of a lane, a weight all lanes */
    p->x_read = p->d / p->columns_s * p->x_bytes;
    p->weight_read = p->weight_bytes / p->rows;
    p->gx_read = 2 * p->d / p->columns_g * p->gx_bytes;
    p->gweight_read = p->gweight_bytes / p->rows;
}

void sofa_plan_init(struct sofa_plan *p, const struct sofa_hardware *hw, const struct sofa_design *design,
                    const struct sofa_workload *w, const struct sofa_statistics *statistics)
{
    double blocks = w->queries / design->query_lanes;

    p->d = w->head_dim;
    p->hidden = w->hidden;
    p->rows = design->query_lanes;
    p->columns_s = design->dlzs_columns;
    p->columns_g = design->kv_columns;
    p->half_f = design->sufa_columns / 2;
    p->blocks = sofa_plan_up(blocks);
    p->full_blocks = sofa_plan_down(blocks);
    p->keys = w->keys;
    p->offset = w->keys - w->queries;
    p->causal = w->causal;
    p->patterns = statistics->spans != NULL;
    p->serial = design->pipeline == SOFA_PIPELINE_SERIAL;
    p->full_sort = design->sort == SOFA_SORT_FULL;
    p->recompute = design->khat_store == SOFA_KHAT_RECOMPUTE;
    p->generate = w->scope == SOFA_SCOPE_QKV_ATTENTION;
    p->generate_all = design->kv_generation == SOFA_KV_ALL;
    p->naive = design->schedule == SOFA_SCHEDULE_NAIVE;
    p->softmax = design->softmax;
    p->phase = design->keys_per_phase;
    p->score_cycles_per_key = p->d / p->columns_s;
    p->khat_cycles_per_key = p->hidden * p->d / (p->rows * p->columns_s);
    p->generation_cycles_per_key = p->generate ? 2 * p->hidden * p->d / (p->rows * p->columns_g) : 0;
    init_sizes(p, hw, design);
}

/* A fixed pattern is the selection. */
static struct sofa_selection count(const struct sofa_spans *spans)
{
    return (struct sofa_selection){.density = 1, .union_share = 1, .naive_ratio = spans->naive_ratio,
                                   .rass_ratio = spans->rass_ratio};
}

void sofa_plan_layer_init(struct sofa_plan_layer *l, const struct sofa_plan *p, const struct sofa_design *design,
                          const struct sofa_statistics *statistics, int index)
{
    const struct sofa_layer_settings *s = &design->layer[index];

    l->spans = statistics->spans ? statistics->spans[index] : NULL;
    l->fixed = l->spans && l->spans->fixed;
    l->spanned = l->spans != NULL;
    l->predicts = !l->fixed;
    if (l->fixed)
        l->counted = count(l->spans);
    l->tile = sofa_plan_up(p->keys / s->tiles);
    l->topk = s->topk_permille / 1000.0;
    l->khat_bytes = p->d * s->khat_bits / 8;
    l->pair_bytes = 2 * p->d * s->formal_bits / 8;
    l->pairs_held = larger(0, p->token_sram - 2 * l->khat_bytes) / l->pair_bytes;
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
static double keys_seen(const struct sofa_plan *p, double j)
{
    if (j < 0)
        return 0;
    return p->causal ? smaller(p->keys, p->offset + (j + 1) * p->rows) : p->keys;
}

/* Keys that the first block sees. */
static double first_seen(const struct sofa_plan *p, const struct sofa_plan_layer *l)
{
    return l->spans ? l->spans->block[0].keys : keys_seen(p, 0);
}

static const struct sofa_span *span(const struct sofa_plan_layer *l, double j)
{
    return &l->spans->block[(size_t)j];
}

/* K and V made in block j, on demand: the first block what it selects, the others an equal share of
 * what is left of the head's union; with a fixed pattern what no block before had. */
static double generated_keys(const struct sofa_plan *p, const struct sofa_plan_layer *l,
                             const struct sofa_plan_head *h, double j)
{
    double total = h->fresh * p->keys, first;

    if (!(h->fresh > 0))
        return 0;
    if (h->all)
        return keys_seen(p, j) - keys_seen(p, j - 1);
    if (l->fixed)
        return span(l, j)->fresh;
    first = p->blocks > 1 ? smaller(total, h->selection->union_share * first_seen(p, l)) : total;
    return j < 0.5 ? first : (total - first) / (p->blocks - 1);
}

/* Bytes of generating on demand in one head, at most.  What it generates is written, and where its block
 * would have loaded as much, that is spared. */
static double on_demand_bytes(const struct sofa_plan *p, const struct sofa_plan_layer *l,
                              const struct sofa_selection *group, int stride, int position)
{
    const struct sofa_selection *s = &group[(ptrdiff_t)position * stride];
    struct sofa_plan_head h = {.selection = s, .fresh = fresh_share(group, stride, position)};
    double first = generated_keys(p, l, &h, 0), rest = p->blocks > 1 ? generated_keys(p, l, &h, 1) : 0;
    double passes = sofa_plan_up(first / p->rows) + (p->blocks - 1) * sofa_plan_up(rest / p->rows);
    double unspared = larger(0, first - s->union_share * first_seen(p, l)) +
                      (p->blocks - 1) * larger(0, rest - s->union_share * keys_seen(p, 1));

    return passes * (p->gweight_bytes - p->gweight_held) + p->gweight_held + h.fresh * p->keys * p->gx_bytes +
           unspared * l->pair_bytes;
}

/* The same of a fixed pattern, whose first head generates for its group, and the pairs that generating all as they
 * come into sight would spare at most. */
static double fixed_bytes(const struct sofa_plan *p, const struct sofa_plan_layer *l, double *spared)
{
    double passes = 0, held = p->gweight_held;

    *spared = 0;
    for (double j = 0; j < p->blocks; j++) {
        passes += sofa_plan_up(span(l, j)->fresh / p->rows);
        *spared += smaller(keys_seen(p, j) - keys_seen(p, j - 1), span(l, j)->keys);
    }
    return passes * (p->gweight_bytes - held) + held + l->spans->keys * p->gx_bytes;
}

static bool all_is_cheaper(const struct sofa_plan *p, const struct sofa_plan_layer *l,
                           const struct sofa_selection *s, int stride, int group)
{
    double seen = keys_seen(p, 0), ratio = p->naive ? s->naive_ratio : s->rass_ratio;
    double spared = smaller(seen, ratio * s->union_share * seen) + p->keys - seen; /* at most */
    double passes = sofa_plan_up(seen / p->rows) + (p->causal ? p->blocks - 1 : 0), all, some = 0;

    if (l->fixed)
        some = fixed_bytes(p, l, &spared);
    for (int i = 0; !l->fixed && i < group; i++)
        some += on_demand_bytes(p, l, s, stride, i);
    all = passes * (p->gweight_bytes - p->gweight_held) + p->gweight_held + p->keys * (p->gx_bytes + l->pair_bytes) -
          spared * l->pair_bytes;
    return some > all;
}

bool sofa_plan_generates_all(const struct sofa_plan *p, const struct sofa_plan_layer *l,
                             const struct sofa_selection *s, int stride, int group)
{
    return !p->generate || p->generate_all || all_is_cheaper(p, l, s, stride, group);
}

/* Keys predicted in block j: those that come into sight with the next, in the first also its own. */
static double predicted_ahead(const struct sofa_plan_block *b, const struct sofa_plan *p,
                              const struct sofa_plan_layer *l, double j)
{
    double own = j < 0.5 ? b->keys : 0;

    if (!l->spans)
        return own + keys_seen(p, smaller(j + 1, p->blocks - 1)) - b->keys;
    return own + (j + 1 < p->blocks ? span(l, j + 1)->fresh : 0);
}

void sofa_plan_block_init(struct sofa_plan_block *b, const struct sofa_plan *p, const struct sofa_plan_layer *l,
                          const struct sofa_plan_head *h, double j)
{
    const struct sofa_span *s = l->spans ? span(l, j) : NULL;

    b->first = j < 0.5;
    b->rows = smaller(p->rows, p->keys - p->offset - j * p->rows);
    b->keys = s ? s->keys : keys_seen(p, j);
    if (s)
        b->pairs = s->members;
    else
        b->pairs = p->causal ? b->rows * (b->keys - (b->rows - 1) / 2) : b->rows * b->keys;
    b->fullest = s ? s->fullest : b->keys;
    b->tiles = !s ? 0 : l->fixed ? sofa_plan_up(s->keys / p->rows) : s->tiles; /* a fixed one: P keys at a time */
    b->khat_keys = 0;
    if (p->recompute)
        b->khat_keys = l->fixed ? 0 : b->keys;
    else if (h->leader && !l->fixed)
        b->khat_keys = predicted_ahead(b, p, l, j);
    b->read_keys = (j < 0.5 && h->leader) || l->fixed ? 0 : b->keys;
    b->gen_keys = p->generate ? generated_keys(p, l, h, j) : 0;
}

void sofa_plan_head_init(struct sofa_plan_head *h, const struct sofa_plan *p, const struct sofa_plan_layer *l,
                         const struct sofa_selection *group, int stride, int position, bool generates_all)
{
    h->selection = sofa_plan_selection(l, &group[(ptrdiff_t)position * stride]);
    h->leader = position == 0;
    h->fresh = 0;
    h->all = p->generate && generates_all && h->leader;
    if (p->generate)
        h->fresh = generates_all || l->fixed ? h->leader : fresh_share(group, stride, position);
}
