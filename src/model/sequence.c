#include "model/sequence.h"

#include <string.h>

#include "base/vec.h" /* UNROLL */

#define KINDS SOFA_BLOCK_KINDS
/* Repetitions after which what changes from one to the next is left out. */
#define PASSES 1000

/* How DRAM stands when a block ends: how long it has had nothing to do, or how long it still writes what found
 * no pause; the other is 0. */
struct window {
    double open, behind;
};

/* A kind of block as it came last: its time, the cycles all of it took, and the window it left. */
struct kept {
    double time[TIME_COUNT];
    double cycles;
    struct window window;
};

/* A head, or where blocks differ one of its blocks. */
enum { BEGINS = 1, LAST = 2, /* the head's first, and its last */
       ENDS = 4,             /* of the layer's last head */
       SHARED = 8 };         /* it stands for all heads of its group but the first, that are alike */
struct item {
    int layer, head, flags;  /* head: its place among those that come again and again */
    double units;            /* heads it stands for */
};

/* Heads, or where they differ blocks, are laid out as they follow each other, worked out as many at a time as a
 * batch has lanes, and then passed one by one. */
struct run {
    const struct sofa_plan *plan;
    const struct sofa_plan_layer *layer;
    const struct sofa_block_kernel *kernel;
    const struct sofa_statistics *statistics;
    int stride, group, heads; /* of the statistics, 0: all heads have the same; that share K and V; that come
                                 again and again: all of a sequence, or those of a group with equal statistics */
    double repeats;           /* and how often */
    bool differ;              /* blocks of a head do */
    bool shared_blocks;       /* `leader` and `other` hold for all layers */
    double cycles;            /* so far */
    struct window window;
    struct sofa_block_sums sums;
    struct sofa_block_batch batch;
    int count; /* of items in it */
    struct item item[SOFA_BLOCK_LANES];
    struct sofa_plan_block block[SOFA_BLOCK_LANES][KINDS]; /* of the items */
    struct sofa_plan_block leader[KINDS], other[KINDS];    /* of first heads of groups, and of the others */
    /* the head that is passed: its kinds so far; and the windows it and its layer began with */
    int kind;
    double head_cycles;
    struct window head_in, layer_in;
    struct kept first[KINDS + 1], later[KINDS + 1]; /* of the layer's first head and of the one at hand; the last
                                                       is where times go that aren't kept */
};

static inline double smaller(double a, double b)
{
    return a < b ? a : b;
}

static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Cycles of a block.  *window: as the block before left it, and then as this one leaves it.  The operands of the
 * first two tiles come in the window: computation as the limit gains the first tile's, DRAM as the limit those of
 * both.
 * The end of the block and the time at which DRAM is free are sums, minima and maxima of durations and of
 * these two times of the block before, so that nothing that takes less time makes a run take more. */
static inline double pass_one(const double time[TIME_COUNT], struct window *window)
{
    double open = window->open, ahead = smaller(open, time[TIME_FIRST]), both = larger(time[TIME_PAIR], open) - open;
    double start = larger(time[TIME_LEAD] - ahead, both), turn = larger(time[TIME_BEHIND] - ahead, both);
    double cycles = larger(time[TIME_FLOW] - ahead, time[TIME_NET] + start);
    double free = larger(time[TIME_INTAKE] - ahead, turn + (time[TIME_BUSY] + window->behind)), end = larger(cycles, free);

    *window = (struct window){end - free, end - cycles};
    return cycles;
}

static inline bool equal(struct window a, struct window b)
{
    return a.open == b.open && a.behind == b.behind;
}

/* Cycles of `n` blocks that are the same.  As soon as a block leaves the window it found, so do all that
 * follow it. */
static inline double pass(const double time[TIME_COUNT], double n, struct window *window)
{
    struct window before = *window;
    double cycles = pass_one(time, window), sum = cycles;

    for (n--; n > 0; n--) {
        if (equal(*window, before))
            return sum + n * cycles;
        before = *window;
        cycles = pass_one(time, window);
        sum += cycles;
    }
    return sum;
}

/* Statistics of the group that a head is in. */
static inline const struct sofa_selection *group_of(const struct run *r, int layer, int head)
{
    const struct sofa_statistics *s = r->statistics;

    return &s->head[(ptrdiff_t)layer * s->heads + (ptrdiff_t)(head - head % r->group) * r->stride];
}

static inline bool generates_all(const struct run *r, int layer, int head)
{
    return !r->plan->generate ||
           sofa_plan_generates_all(r->plan, &r->layer[layer], group_of(r, layer, head), r->stride, r->group);
}

static void init_head(struct sofa_plan_head *h, const struct run *r, int layer, int head, bool all)
{
    sofa_plan_head_init(h, r->plan, &r->layer[layer], group_of(r, layer, head), r->stride, head % r->group, all);
}

/* Kinds of blocks, and how many there are of each: without causality and pattern all but the first are the same,
 * and the last where it isn't full. */
static void init_batch(struct sofa_block_batch *batch, const struct run *r)
{
    const struct sofa_plan *p = r->plan;
    double middle = p->full_blocks - 1;

    batch->kinds = 1;
    for (int k = 0; k < KINDS; k++)
        batch->times[k] = 1;
    if (r->differ)
        return;
    if (middle > 0)
        batch->times[batch->kinds++] = middle;
    if (p->blocks > 1 && p->blocks > p->full_blocks)
        batch->kinds++;
}

/* One of each kind; where blocks differ, block `j`. */
static void init_blocks(struct sofa_plan_block block[KINDS], const struct run *r, const struct sofa_plan_layer *l,
                        const struct sofa_plan_head *h, double j)
{
    for (int k = 0; k < r->batch.kinds; k++) {
        sofa_plan_block_init(&block[k], r->plan, l, h, j);
        j += r->batch.times[k];
    }
}

static inline void take_time(double time[TIME_COUNT], const struct sofa_block_batch *batch, int kind, int lane)
{
    UNROLL
    for (int i = 0; i < TIME_COUNT; i++)
        time[i] = batch->time[kind][i][lane];
}

/* Two runs of the same blocks whose windows differ by rounding alone go on alike. */
static inline bool same(const struct window window[2], const double time[TIME_COUNT])
{
    double difference = window[0].open - window[0].behind - (window[1].open - window[1].behind);

    return (difference < 0 ? -difference : difference) <= time[TIME_SMALL];
}

/* A head's first kinds of blocks after another window: runs[0] is where the run that was kept began, runs[1]
 * where this one does.  True as soon as that makes no more difference.  Adds to *more what this run costs more,
 * and keeps it. */
static inline bool pass_kept(const struct run *r, struct kept kept[KINDS], struct window runs[2], double *more)
{
    for (int k = 0; k < r->kind; k++) {
        double cycles = pass(kept[k].time, r->batch.times[k], &runs[1]);

        *more -= kept[k].cycles;
        *more += cycles;
        runs[0] = kept[k].window;
        kept[k].cycles = cycles;
        kept[k].window = runs[1];
        if (same(runs, kept[k].time))
            return true;
    }
    return false;
}

/* The same of its blocks from `from` on, that weren't kept: a block at a time, or all of its kinds. */
static bool pass_again(const struct run *r, int layer, int head, double from, struct window runs[2], double *more)
{
    bool all = generates_all(r, layer, head);
    struct sofa_plan_block block[KINDS];
    struct sofa_block_batch batch;
    double time[TIME_COUNT];
    struct sofa_plan_head h;

    init_head(&h, r, layer, head, all);
    init_batch(&batch, r);
    for (double j = from; j < r->plan->blocks; j = r->differ ? j + 1 : r->plan->blocks) {
        init_blocks(block, r, &r->layer[layer], &h, j);
        batch.units[0] = 1;
        batch.layer[0] = &r->layer[layer];
        batch.head[0] = h.selection;
        batch.block[0] = block;
        r->kernel->run(r->plan, &batch, 1, NULL, NULL);
        for (int k = 0; k < batch.kinds; k++) {
            take_time(time, &batch, k, 0);
            *more -= pass(time, batch.times[k], &runs[0]);
            *more += pass(time, batch.times[k], &runs[1]);
            if (same(runs, time))
                return true;
        }
    }
    return false;
}

/* Heads that come again and again. */
struct again {
    int layer, from, to; /* heads [from, to) */
    double times, n;     /* they come so often, and each such run so often again */
    struct kept *kept;   /* of head `from` */
};

/* What the runs after the first cost more than it: the sum of the differences from each to the next, as long as
 * there are any.  runs[]: as pass_kept left them for the second run, which costs `more` so far. */
static void repeat_on(struct run *r, const struct again *a, struct window runs[2], double more)
{
    double most = a->times > PASSES ? a->times - PASSES : 0, unkept = r->differ ? r->kind : r->plan->blocks;
    bool merged = false;

    for (double left = a->times - 1; left > most; left--) {
        if (left < a->times - 1) {
            more = 0;
            merged = pass_kept(r, a->kept, runs, &more);
        }
        if (!merged && unkept < r->plan->blocks)
            merged = pass_again(r, a->layer, a->from, unkept, runs, &more);
        for (int i = a->from + 1; i < a->to && !merged; i++)
            merged = pass_again(r, a->layer, i, 0, runs, &more);
        r->cycles += a->n * left * more;
        if (merged)
            return;
        r->window = runs[1];
    }
}

/* The same from the first run on, which began in a window of `in` and left r->window.  Most often the second
 * makes no difference any more after its first block. */
static inline void repeat(struct run *r, const struct again *a, struct window in)
{
    struct window runs[2] = {in, r->window};
    double more = 0;

    if (!(a->times > 1))
        return;
    if (pass_kept(r, a->kept, runs, &more))
        r->cycles += a->n * (a->times - 1) * more;
    else
        repeat_on(r, a, runs, more);
}

static inline void begin_head(struct run *r, const struct item *item)
{
    r->kind = 0;
    r->head_cycles = 0;
    r->head_in = r->window;
    if (item->head == 0)
        r->layer_in = r->window;
}

static inline void end_head(struct run *r, const struct item *item)
{
    r->cycles += item->units * r->head_cycles;
    if (item->flags & SHARED)
        repeat(r, &(struct again){item->layer, 1, 2, item->units / r->repeats, r->repeats, r->later}, r->head_in);
    if (item->flags & ENDS)
        repeat(r, &(struct again){item->layer, 0, r->heads, r->repeats, 1, r->first}, r->layer_in);
}

static inline void pass_item(struct run *r, const struct item *item, int lane)
{
    struct kept *now = item->head == 0 ? r->first : r->later;
    struct window window;

    if (item->flags & BEGINS)
        begin_head(r, item);
    now += r->kind;
    window = r->window;
    for (int k = 0; k < r->batch.kinds; k++) {
        take_time(now->time, &r->batch, k, lane);
        now->cycles = pass(now->time, r->batch.times[k], &window);
        now->window = window;
        r->head_cycles += now->cycles;
        if (r->kind < KINDS)
            r->kind++, now++;
    }
    r->window = window;
    if (item->flags & LAST)
        end_head(r, item);
}

static void flush(struct run *r)
{
    r->kernel->run(r->plan, &r->batch, r->count, &r->sums, NULL);
    for (int i = 0; i < r->count; i++)
        pass_item(r, &r->item[i], i);
    r->count = 0;
}

static inline void put(struct run *r, int layer, int head, int flags, double units,
                       const struct sofa_selection *selection, const struct sofa_plan_block *block)
{
    int lane = r->count;

    r->item[lane] = (struct item){layer, head, flags, units};
    r->batch.units[lane] = units;
    r->batch.layer[lane] = &r->layer[layer];
    r->batch.head[lane] = selection;
    r->batch.block[lane] = block;
    if (++r->count == SOFA_BLOCK_LANES)
        flush(r);
}

/* A head whose blocks are its own. */
static void add_blocks(struct run *r, int layer, int head, bool generates, int flags, double units)
{
    const double blocks = r->plan->blocks;
    struct sofa_plan_head h;

    init_head(&h, r, layer, head, generates);
    for (double j = 0; j < blocks; j = r->differ ? j + 1 : blocks) {
        struct sofa_plan_block *block = r->block[r->count];
        int place = (j < 0.5 ? BEGINS : 0) | (!r->differ || j + 1 >= blocks ? LAST | (flags & ENDS) : 0);

        init_blocks(block, r, &r->layer[layer], &h, j);
        put(r, layer, head, place | (flags & SHARED), units, h.selection, block);
    }
}

static void add_layer(struct run *r, int layer)
{
    const struct sofa_selection *selection = &r->statistics->head[(ptrdiff_t)layer * r->statistics->heads];
    bool all = generates_all(r, layer, 0), alone = r->stride == 0 && (all || r->layer[layer].fixed);
    double units = r->repeats;
    int flags = 0;

    for (int i = 0, position = 0; i < r->heads && !(flags & ENDS); i++, position++) {
        if (position == r->group) {
            position = 0;
            all = generates_all(r, layer, i);
        }
        if (alone && i == 1) { /* the others generate nothing */
            flags = SHARED;
            units = (r->heads - 1) * r->repeats;
        }
        if (i + 1 == r->heads || flags)
            flags |= ENDS;
        if (r->shared_blocks)
            put(r, layer, i, flags | BEGINS | LAST, units, selection + (ptrdiff_t)i * r->stride,
                position == 0 ? r->leader : r->other);
        else
            add_blocks(r, layer, i, all, flags, units);
    }
}

/* What is still to be written when all is computed: at least the last block's outputs. */
static double last_writes(const struct run *r, const struct sofa_plan_layer *l)
{
    const struct sofa_plan *p = r->plan;
    double rows = p->keys - p->offset - (p->blocks - 1) * p->rows;

    return larger(rows * (0.5 * l->pair_bytes) * p->cycles_per_byte, r->window.behind);
}

static void init_run(struct run *r, const struct sofa_workload *w)
{
    const struct sofa_plan_layer any = {.spans = NULL};
    bool each = r->statistics->heads > 1;

    sofa_block_kernel_find(NULL, &r->kernel, NULL);
    r->stride = each;
    r->group = w->heads / w->kv_heads;
    r->heads = each ? w->heads : r->group;
    r->repeats = each ? w->batch : w->batch * w->kv_heads;
    r->differ = r->plan->causal || r->plan->patterns;
    r->cycles = 0;
    r->window = (struct window){0, 0};
    r->count = 0;
    memset(&r->sums, 0, sizeof r->sums);
    init_batch(&r->batch, r);
    r->shared_blocks = !r->differ && !r->plan->generate;
    if (!r->shared_blocks)
        return;
    init_blocks(r->leader, r, &any, &(struct sofa_plan_head){.leader = true}, 0);
    if (r->group > 1)
        init_blocks(r->other, r, &any, &(struct sofa_plan_head){.leader = false}, 0);
}

void sofa_sequence_run(struct sofa_totals *totals, const struct sofa_plan *plan, const struct sofa_plan_layer *layer,
                       const struct sofa_workload *w, const struct sofa_statistics *statistics)
{
    struct run r;

    r.plan = plan;
    r.layer = layer;
    r.statistics = statistics;
    init_run(&r, w);
    for (int i = 0; i < w->layers; i++)
        add_layer(&r, i);
    if (r.count > 0)
        flush(&r);
    totals->cycles = r.cycles + last_writes(&r, &layer[w->layers - 1]);
    r.kernel->add_up(&r.sums, totals->of);
}
