/*
 * The formulas of block.h, included once per instruction set with SOFA_BLOCK_NAME defined; the compiler's
 * flags make the difference.  What differs from block to block is picked, not branched on.
 */
#include "model/block_time.h"

/* A head's blocks together, in all heads it stands for. */
struct whole {
    lanes blocks, rows, pairs, khat_keys, gen_keys, bytes[SOFA_TRAFFIC_COUNT];
};

/* Whether a design has this traffic at all. */
INLINE bool occurs(const struct view *v, int traffic)
{
    if (traffic == SOFA_TRAFFIC_ATTENTION)
        return v->p->serial;
    return v->generate || (traffic != SOFA_TRAFFIC_GENERATION_X && traffic != SOFA_TRAFFIC_GENERATION_WEIGHTS &&
                           traffic != SOFA_TRAFFIC_GENERATED);
}

INLINE void add_kind(struct whole *w, const struct view *v, const lanes bytes[SOFA_TRAFFIC_COUNT])
{
    lanes n = v->times;

    w->blocks = w->blocks + n;
    w->rows = w->rows + n * v->rows;
    w->pairs = w->pairs + n * v->pairs;
    w->khat_keys = w->khat_keys + n * v->khat_keys;
    if (v->generate)
        w->gen_keys = w->gen_keys + n * v->gen_keys;
    UNROLL
    for (int i = 0; i < SOFA_TRAFFIC_COUNT; i++)
        if (occurs(v, i))
            w->bytes[i] = w->bytes[i] + n * bytes[i];
}

/* Where sums of the heads at hand go. */
struct place {
    struct sofa_block_sums *sums;
    int at;
};

INLINE void add(const struct place *to, int which, lanes x)
{
    double *sum = &to->sums->of[which][to->at % SOFA_BLOCK_PIECES];

    store(sum, load(sum) + x);
}

/* What SU-FA does. */
INLINE void add_formal(const struct place *to, const struct view *v, const struct tiles *t, const struct whole *w)
{
    const struct sofa_plan *p = v->p;
    lanes row_syncs = w->rows * t->syncs, sufa = w->rows * t->sufa;
    lanes selected = v->density * v->fullest, pairs = v->density * w->pairs;
    lanes pv = (selected + t->syncs) * p->d, macs = 2.0 * pairs * p->d + row_syncs * p->d;

    if (p->softmax == SOFA_SOFTMAX_ASCENDING) { /* each key rescales the running sum once more */
        pv = pv + v->predicts * selected;
        macs = macs + v->predicts * pairs;
    }
    add(to, SUM_QK, w->blocks * selected);
    add(to, SUM_PV, w->blocks * pv);
    add(to, SUM_EXP, w->blocks * (selected + t->syncs));
    add(to, SUM_ROW_SUFA, sufa);
    add(to, SUM_MACS, macs);
    add(to, SUM_EXPONENTIALS, pairs + row_syncs);
    add(to, SUM_COMPARISONS, p->softmax == SOFA_SOFTMAX_FA2 ? pairs : pick(positive(v->predicts), row_syncs, pairs));
    add(to, SUM_SCALED + SCALED_MACS, macs * v->scale[SCALED_MACS]);
    add(to, SUM_SCALED + SCALED_EXP, sufa * v->scale[SCALED_EXP]);
    add(to, SUM_SCALED + SCALED_DIV, sufa * v->scale[SCALED_DIV]);
}

INLINE void add_head(const struct place *to, const struct view *v, const struct tiles *t, const struct whole *w)
{
    lanes predicts = v->predicts, scores = predicts * w->pairs, encoded = predicts * w->rows;
    lanes key_reads = w->blocks * v->keys;

    UNROLL
    for (int i = 0; i < SOFA_TRAFFIC_COUNT; i++)
        if (occurs(v, i))
            add(to, SUM_BYTES + i, w->bytes[i]);
    add(to, SUM_KHAT_KEYS, w->khat_keys);
    if (v->generate)
        add(to, SUM_GEN_KEYS, w->gen_keys);
    add(to, SUM_SCORED, w->blocks * (predicts * v->fullest));
    add(to, SUM_SORT, w->blocks * t->sort);
    add(to, SUM_ROW_SORT, w->rows * t->sort);
    add(to, SUM_SCORES, scores);
    add(to, SUM_ENCODED, encoded);
    add(to, SUM_KHAT_READ, key_reads * (predicts * v->khat_bytes));
    add(to, SUM_ISSUED, key_reads * (v->union_share * v->load_ratio * v->pair_bytes));
    add(to, SUM_SCALED + SCALED_SCORES, scores * v->scale[SCALED_SCORES]);
    add(to, SUM_SCALED + SCALED_ENCODINGS, encoded * v->scale[SCALED_ENCODINGS]);
    add_formal(to, v, t, w);
}

INLINE void store_all(double (*to)[SOFA_BLOCK_LANES], int at, const lanes *x, int n)
{
    UNROLL
    for (int i = 0; i < n; i++)
        store(&to[i][at], x[i]);
}

INLINE void store_detail(struct sofa_block_detail *d, int at, const struct view *v, const struct tiles *t, const lanes *bytes)
{
    store(&d->full[at], v->full);
    store(&d->width[at], v->width);
    store(&d->rest[at], v->rest);
    store_all(d->whole, at, t->whole.stage, PIPELINE_STAGES);
    store_all(d->part, at, t->part.stage, PIPELINE_STAGES);
    store(&d->sort[at], t->sort);
    store_all(d->bytes, at, bytes, SOFA_TRAFFIC_COUNT);
}

/* The vector's lanes behind the last block repeat it, and count for nothing. */
static void pad(struct sofa_block_batch *b, int count)
{
    for (int k = count; k % LANES; k++) {
        b->units[k] = 0;
        b->layer[k] = b->layer[count - 1];
        b->head[k] = b->head[count - 1];
        b->block[k] = b->block[count - 1];
    }
}

/* Four members from `member` (->NAME or [I].NAME) on of what each lane points at, all doubles. */
#define GATHER(to, from, member)                                         \
    do {                                                                 \
        const double *address[LANES];                                    \
        UNROLL                                                           \
        for (int lane = 0; lane < LANES; lane++)                         \
            address[lane] = &(from)[lane]member;                         \
        gather4(to, address);                                            \
    } while (0)

#define FOURTH(type, member, of) (offsetof(type, of) == offsetof(type, member) + 3 * sizeof(double))
_Static_assert(FOURTH(struct sofa_plan_layer, tile, pair_bytes) && FOURTH(struct sofa_plan_layer, pairs_held, scale[0]) &&
                   FOURTH(struct sofa_selection, density, rass_ratio) &&
                   FOURTH(struct sofa_selection, rass_ratio, union_all) &&
                   FOURTH(struct sofa_plan_block, rows, fullest) && FOURTH(struct sofa_plan_block, khat_keys, first),
               "members are read in fours");

INLINE void load_layers(struct view *v, const struct sofa_plan_layer *const *layer)
{
    lanes a[4], b[4], c[4];

    GATHER(a, layer, ->tile);
    GATHER(b, layer, ->pairs_held);
    GATHER(c, layer, ->scale[1]);
    v->tile = a[0], v->topk = a[1], v->khat_bytes = a[2], v->pair_bytes = a[3];
    v->pairs_held = b[0], v->spanned = b[1], v->predicts = b[2], v->scale[0] = b[3];
    v->scale[1] = c[0], v->scale[2] = c[1], v->scale[3] = c[2], v->scale[4] = c[3];
}

INLINE void load_heads(struct view *v, const struct sofa_selection *const *head)
{
    lanes a[4], b[4];

    GATHER(a, head, ->density);
    GATHER(b, head, ->rass_ratio);
    v->density = a[0], v->union_share = a[1];
    v->load_ratio = v->p->naive ? a[2] : a[3];
    v->clipped = b[1], v->mispredicted = b[2];
}

/* A kind of block. */
INLINE void load_kind(struct view *v, const struct sofa_block_batch *batch, int at, int kind)
{
    const struct sofa_plan_block *const *block = batch->block + at;
    lanes a[4], b[4];

    GATHER(a, block, [kind].rows);
    GATHER(b, block, [kind].khat_keys);
    v->rows = a[0], v->keys = a[1], v->pairs = a[2], v->fullest = a[3];
    v->khat_keys = b[0], v->gen_keys = b[1], v->read_keys = b[2], v->first = b[3];
    v->times = load(&batch->units[at]) * batch->times[kind];
}

/* All keys in tiles of Bc; with a pattern so many equal tiles. */
INLINE void lay_out(struct view *v, const struct sofa_plan_block *const *block)
{
    _Alignas(64) double tiles[LANES];

    v->share = 1.0 / v->keys;
    v->full = down(v->keys / v->tile);
    v->row = v->tile;
    v->width = only(positive(v->full), v->tile);
    v->rest = v->keys - v->full * v->tile;
    if (!v->patterns)
        return;
    for (int lane = 0; lane < LANES; lane++)
        tiles[lane] = block[lane]->tiles;
    v->full = pick(positive(v->spanned), load(tiles), v->full);
    v->width = pick(positive(v->spanned), v->keys / v->full, v->width);
    v->row = pick(positive(v->spanned), v->fullest / v->full, v->row);
    v->rest = pick(positive(v->spanned), all(0.0), v->rest);
}

/* All of it. */
INLINE void work_out(struct view v, struct sofa_block_batch *batch, int at, struct sofa_block_sums *sums,
                     struct sofa_block_detail *detail)
{
    lanes bytes[SOFA_TRAFFIC_COUNT], time[TIME_COUNT];
    struct whole whole = {.blocks = all(0.0)};
    struct tiles t;

    load_layers(&v, batch->layer + at);
    load_heads(&v, batch->head + at);
    load_kind(&v, batch, at, 0);
    lay_out(&v, batch->block + at);
    init_tiles(&v, &t);
    for (int kind = 0; kind < batch->kinds; kind++) {
        if (kind > 0)
            load_kind(&v, batch, at, kind);
        predict_and_generate(&v, v.width, v.row, &t.whole);
        predict_and_generate(&v, v.rest, v.rest, &t.part);
        init_bytes(&v, &t, bytes);
        init_time(&v, &t, bytes, time);
        store_all(batch->time[kind], at, time, TIME_COUNT);
        add_kind(&whole, &v, bytes);
        if (detail && kind == 0)
            store_detail(detail, at, &v, &t, bytes);
    }
    if (sums)
        add_head(&(struct place){sums, at}, &v, &t, &whole);
}

static void run(const struct sofa_plan *plan, struct sofa_block_batch *batch, int count, struct sofa_block_sums *sums,
                struct sofa_block_detail *detail)
{
    pad(batch, count);
    for (int at = 0; at < count; at += LANES)
        if (plan->generate || plan->patterns)
            work_out((struct view){.p = plan, .generate = plan->generate, .patterns = plan->patterns}, batch, at, sums,
                     detail);
        else
            work_out((struct view){.p = plan}, batch, at, sums, detail);
}

static void add_up(const struct sofa_block_sums *sums, double of[SUM_COUNT])
{
    for (int i = 0; i < SUM_COUNT; i++)
        of[i] = sum_of_4(sums->of[i]);
}

const struct sofa_block_kernel SOFA_BLOCK_NAME = {.run = run, .add_up = add_up};
