#include "model/sequence.h"

#include <string.h>

#include "model/pipeline.h"

/* Blocks whose times are kept for a second look: all kinds of a head that isn't causal. */
#define KEPT 3
/* Repetitions after which what changes from one to the next is left out. */
#define PASSES 1000

/* What is summed over blocks; everything else of a head follows from these sums. */
enum quantity {
    BLOCKS, ROWS, KEYS, FULLEST, PAIRS, KHAT_KEYS, GEN_KEYS,
    SORT, SUFA, SYNCS,             /* of one lane: cycles, cycles, rescalings */
    ROW_SORT, ROW_SUFA, ROW_SYNCS, /* of all rows */
    BYTES, QUANTITIES = BYTES + SOFA_TRAFFIC_COUNT
};

/* What a block does. */
struct block_work {
    double of[QUANTITIES];
    struct sofa_block_time time;
};

/* Heads that come again and again: all of a sequence, or those of a group where all have the same
 * statistics. */
struct unit {
    const struct sofa_plan_layer *layer;
    const struct sofa_selection *selection;
    int stride; /* of the statistics, 0: all heads have the same */
    int members, group;
    bool all; /* the group at hand generates all K and V with its first head */
};

static void init_work(struct block_work *work, const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double j)
{
    double sort, sufa = 0, syncs = 0, loads = 0, *of = work->of;
    struct sofa_pipeline_tiles t;
    struct sofa_plan_block b;

    sofa_plan_block_init(&b, l, h, j);
    sofa_pipeline_tiles_init(&t, l, h, &b);
    if (t.full > 0) {
        sufa = t.full * t.whole.stage[STAGE_SUFA];
        syncs = t.full * t.whole.syncs;
        loads = t.full * t.whole.loads;
    }
    if (t.rest > 0) {
        sufa += t.part.stage[STAGE_SUFA];
        syncs += t.part.syncs;
        loads += t.part.loads;
    }
    sort = sofa_pipeline_sort(l, h, &b, &t);
    of[BLOCKS] = 1;
    of[ROWS] = b.rows;
    of[KEYS] = b.keys;
    of[FULLEST] = b.fullest;
    of[PAIRS] = b.pairs;
    of[KHAT_KEYS] = b.khat_keys;
    of[GEN_KEYS] = b.gen_keys;
    of[SORT] = sort;
    of[SUFA] = sufa;
    of[SYNCS] = syncs;
    of[ROW_SORT] = b.rows * sort;
    of[ROW_SUFA] = b.rows * sufa;
    of[ROW_SYNCS] = b.rows * syncs;
    sofa_plan_block_bytes(l, h, &b, loads, of + BYTES);
    sofa_pipeline_init(&work->time, l, &b, &t, of + BYTES, sort);
}

/* Each key rescales the running sum once more. */
static bool ascends(const struct sofa_plan_layer *l)
{
    return l->softmax == SOFA_SOFTMAX_ASCENDING && !l->fixed;
}

static void add_stages(double stage[SOFA_STAGE_COUNT], const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                       const double s[QUANTITIES], double dram, double n)
{
    double selected = h->density * s[FULLEST], rescaled = ascends(l) ? selected : 0;

    stage[SOFA_STAGE_KHAT] += n * s[KHAT_KEYS] * l->khat_cycles_per_key;
    stage[SOFA_STAGE_SCORES] += n * !l->fixed * s[FULLEST] * l->score_cycles_per_key;
    stage[SOFA_STAGE_SORT] += n * s[SORT];
    stage[SOFA_STAGE_GENERATION] += n * s[GEN_KEYS] * l->generation_cycles_per_key;
    stage[SOFA_STAGE_QK] += n * selected * l->d / l->half_f;
    stage[SOFA_STAGE_PV] += n * ((selected + s[SYNCS]) * l->d + rescaled) / l->half_f;
    stage[SOFA_STAGE_EXP] += n * (selected + s[SYNCS]);
    stage[SOFA_STAGE_DIV] += n * s[BLOCKS] * l->d;
    stage[SOFA_STAGE_DRAM] += n * dram;
}

/* On-chip transfers; what comes from DRAM is written first. */
static void add_sram(struct sofa_operations *o, const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                     const double s[QUANTITIES], double n)
{
    double issues = h->union_share * h->load_ratio * s[KEYS], predicts = !l->fixed;
    double scores = predicts * s[PAIRS] * l->score_bytes, khat = predicts * s[KEYS] * l->khat_bytes;
    const double *bytes = s + BYTES;

    o->token_read += n * (s[KHAT_KEYS] * l->x_read + khat + s[GEN_KEYS] * l->gx_read +
                          issues * l->pair_bytes);
    o->token_write += n * (bytes[SOFA_TRAFFIC_X] + bytes[SOFA_TRAFFIC_GENERATION_X] + bytes[SOFA_TRAFFIC_KV] +
                           s[GEN_KEYS] * l->pair_bytes + khat + bytes[SOFA_TRAFFIC_QUERIES]);
    o->weight_read += n * (s[KHAT_KEYS] * l->weight_read + s[GEN_KEYS] * l->gweight_read);
    o->weight_write += n * (bytes[SOFA_TRAFFIC_WEIGHTS] + bytes[SOFA_TRAFFIC_GENERATION_WEIGHTS]);
    o->temp_write += n * scores;
    o->temp_read += n * scores;
}

static void add_operations(struct sofa_operations *o, const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                           const double s[QUANTITIES], double n)
{
    double selected = h->density * s[PAIRS], predicts = !l->fixed;
    bool unordered = l->softmax == SOFA_SOFTMAX_FA2 || l->fixed;

    o->khat_adds += n * s[KHAT_KEYS] * l->hidden * l->d;
    o->score_adds += n * predicts * s[PAIRS] * l->d;
    o->encodings += n * predicts * s[ROWS] * l->d;
    o->sort_cycles += n * s[ROW_SORT];
    o->generation_macs += n * 2 * s[GEN_KEYS] * l->hidden * l->d;
    o->sufa_macs += n * (2 * selected * l->d + s[ROW_SYNCS] * l->d +
                         (ascends(l) ? selected : 0));
    o->sufa_lane_cycles += n * s[ROW_SUFA];
    o->exponentials += n * (selected + s[ROW_SYNCS]);
    o->comparisons += n * (unordered ? selected : s[ROW_SYNCS]);
    o->divisions += n * s[ROWS] * l->d;
}

static void add_sum(struct sofa_tally *tally, const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                    const double s[QUANTITIES], double n)
{
    double dram = 0;

    for (int i = 0; i < SOFA_TRAFFIC_COUNT; i++) {
        dram += s[BYTES + i];
        tally->bytes[i] += n * s[BYTES + i];
    }
    add_stages(tally->stage, l, h, s, dram * l->cycles_per_byte, n);
    add_operations(&tally->o, l, h, s, n);
    add_sram(&tally->o, l, h, s, n);
}

/* Whether each block differs from the others. */
static bool differ(const struct sofa_plan_layer *l)
{
    return l->causal || l->spans;
}

/* How many blocks from block `j` on are the same: without causality and pattern all but the first, and the
 * last where it isn't full. */
static double alike(const struct sofa_plan_layer *l, double j)
{
    return differ(l) || j < 0.5 || j >= l->full_blocks ? 1 : l->full_blocks - j;
}

/* Cycles of `n` blocks that are the same; *window as sofa_pipeline_pass has it.  As soon as a block leaves
 * the window it found, so do all that follow it. */
static double pass(const struct sofa_block_time *time, double n, double *window)
{
    double sum = 0, before, cycles;

    for (; n > 0; n--) {
        before = *window;
        cycles = sofa_pipeline_pass(time, window);
        if (*window == before)
            return sum + n * cycles;
        sum += cycles;
    }
    return sum;
}

/* Two runs of the same blocks whose windows differ by rounding alone go on alike. */
static bool same(const double window[2], const struct sofa_block_time *time)
{
    double difference = window[0] - window[1];

    return (difference < 0 ? -difference : difference) <= 1e-13 * (time->flow + time->dram);
}

/* A head's blocks with one window before them and with another, until that makes no more difference:
 * true.  Adds to *more what the second costs more.  `kept`: the times of its first kinds of blocks, or
 * NULL. */
static bool pass_again(const struct sofa_plan_layer *l, const struct sofa_plan_head *h,
                       const struct sofa_block_time kept[KEPT], double window[2], double *more)
{
    struct block_work work;
    int kind = 0;

    for (double j = 0, n; j < l->blocks; j += n, kind++) {
        const struct sofa_block_time *time = kept && kind < KEPT ? &kept[kind] : &work.time;

        n = alike(l, j);
        if (time == &work.time)
            init_work(&work, l, h, j);
        *more -= pass(time, n, &window[0]);
        *more += pass(time, n, &window[1]);
        if (same(window, time))
            return true;
    }
    return false;
}

/* All blocks of a head, in each of `n` units; their times are kept for pass_again. */
static void add_head(struct sofa_tally *tally, const struct sofa_plan_layer *l, const struct sofa_plan_head *h, double n,
                     struct sofa_block_time kept[KEPT], double *window)
{
    double cycles = 0, sum[QUANTITIES];
    struct block_work work;
    int kind = 0;

    for (double j = 0, times; j < l->blocks; j += times, kind++) {
        times = alike(l, j);
        init_work(&work, l, h, j);
        if (kind == 0)
            memcpy(sum, work.of, sizeof sum);
        for (int i = 0; kind > 0 && i < QUANTITIES; i++)
            sum[i] += times * work.of[i];
        cycles += pass(&work.time, times, window);
        if (kind < KEPT)
            kept[kind] = work.time;
    }
    tally->cycles += n * cycles;
    add_sum(tally, l, h, sum, n);
}

/* Statistics of the group that head `i` is in. */
static const struct sofa_selection *group_of(const struct unit *u, int i)
{
    return &u->selection[(ptrdiff_t)(i - i % u->group) * u->stride];
}

static void enter_group(struct unit *u, int i)
{
    if (i % u->group == 0)
        u->all = sofa_plan_generates_all(u->layer, group_of(u, i), u->stride, u->group);
}

static void init_head(struct unit *u, int i, struct sofa_plan_head *head)
{
    enter_group(u, i);
    sofa_plan_head_init(head, u->layer, group_of(u, i), u->stride, i % u->group, u->all);
}

/* Heads from `from` on come `times` times, and each such run `n` times over; the first began in a window of
 * `in` and left *window.  What the others cost more than the first: the sum of the differences from each to
 * the next, as long as there are any. */
static void repeat(struct sofa_tally *tally, struct unit *u, int from, double n, double times,
                   const struct sofa_block_time kept[KEPT], double in, double *window)
{
    double runs[2] = {in, *window}, most = times > PASSES ? times - PASSES : 0;
    struct sofa_plan_head head;

    for (double left = times - 1; left > most; left--) {
        bool merged = false;
        double more = 0;

        for (int i = from; i < u->members && !merged; i++) {
            if (i > from || differ(u->layer))
                init_head(u, i, &head);
            else /* `kept` has all there is to know of the head */
                enter_group(u, i);
            merged = pass_again(u->layer, &head, i == from ? kept : NULL, runs, &more);
        }
        tally->cycles += n * left * more;
        if (merged)
            return;
        *window = runs[1];
    }
}

/* A unit, `times` times one after the other. */
static void add_unit(struct sofa_tally *tally, struct unit *u, double times, double *window)
{
    struct sofa_block_time first[KEPT], kept[KEPT];
    double in = *window, before;
    struct sofa_plan_head head;

    for (int i = 0; i < u->members; i++) {
        bool alike_from_here = i == 1 && (u->all || u->layer->fixed) && u->stride == 0; /* they generate nothing */
        double n = alike_from_here ? u->members - 1 : 1;

        init_head(u, i, &head);
        before = *window;
        add_head(tally, u->layer, &head, n * times, i ? kept : first, window);
        if (!alike_from_here)
            continue;
        repeat(tally, &(struct unit){u->layer, u->selection, 0, 2, u->group, u->all}, 1, times, n, kept, before, window);
        break;
    }
    repeat(tally, u, 0, 1, times, first, in, window);
}

void sofa_sequence_layer(struct sofa_tally *tally, const struct sofa_plan_layer *l, const struct sofa_workload *w,
                         const struct sofa_selection *selection, int heads, double *window)
{
    int group = w->heads / w->kv_heads;
    struct unit u = {l, selection, heads > 1, heads > 1 ? heads : group, group, false};

    add_unit(tally, &u, heads > 1 ? w->batch : w->batch * w->kv_heads, window);
}
