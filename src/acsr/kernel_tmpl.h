/*
 * The loops of impl.h on those of tile.h and line.h, compiled once per instruction set.
 */
#include "acsr/impl.h"
#include "acsr/line.h"

_Static_assert(TILE_CHUNK + TILE_SLACK <= SOFA_ACSR_SCORES && LINE_CHUNK <= SOFA_ACSR_SCORES * TILE_LANES,
               "scratch for scores");
_Static_assert(TILE_LANES == SOFA_ACSR_LANES, "lanes of a block");

static struct tile tmpl_tile(const struct sofa_acsr_work *w)
{
    return (struct tile){.query = w->query, .score = w->score, .sum = w->sum};
}

static void tmpl_pack(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block, float factor)
{
    const float *row[TILE_LANES];

    for (size_t l = 0; l < TILE_LANES; l++)
        row[l] = w->q + (size_t)block->row[l] * w->d;
    tile_pack(row, w->d, factor, w->query);
}

/* A block whose rows are in no other and that is done in one chunk. */
static bool stands_alone(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block)
{
    const struct sofa_acsr_run *r = &w->plan->run[block->first_run];

    return block->n_runs == 1 && r->to - r->from <= TILE_CHUNK && (block->opens & block->closes) == 0xffff &&
           w->d == w->dp;
}

INLINE void load_states(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block, struct tile *t, size_t d,
                        size_t dp)
{
    for (size_t l = 0; l < TILE_LANES; l++) {
        size_t row = (size_t)block->row[l];

        if (l >= block->lanes || block->opens >> l & 1)
            tile_open(t, l, dp);
        else
            tile_resume(t, l, d, dp, w->most + row, w->total + row, w->out + row * d);
    }
}

INLINE void store_states(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block, const struct tile *t, size_t d,
                         size_t dp)
{
    for (size_t l = 0; l < block->lanes; l++) {
        size_t row = (size_t)block->row[l];

        if (block->closes >> l & 1)
            tile_close(t, l, d, dp, w->out + row * d);
        else
            tile_suspend(t, l, d, dp, w->most + row, w->total + row, w->out + row * d);
    }
}

/* The block with the widths known to the compiler, where they are. */
INLINE void block_runs(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block, size_t d, size_t dp,
                       size_t k_stride, size_t v_stride)
{
    struct tile_keys keys = {w->k, w->v, k_stride, v_stride, w->keys};
    bool alone = stands_alone(w, block);
    struct tile t = tmpl_tile(w);

    if (!alone)
        load_states(w, block, &t, d, dp);
    for (size_t i = 0; i < block->n_runs; i++) {
        const struct sofa_acsr_run *r = &w->plan->run[block->first_run + i];
        struct tile_span span = {r->from, r->to, r->full_from, r->full_to, r->begin, r->end, r->stride};
        float *out[TILE_LANES];

        for (size_t l = 0; l < TILE_LANES && alone; l++)
            out[l] = w->out + (size_t)block->row[l] * d;
        if (alone)
            tile_chunk(&t, &keys, &span, r->from, (size_t)(r->to - r->from), d, dp, k_stride, v_stride, TILE_OUT, out);
        else
            tile_run(&t, &keys, &span, d, dp, k_stride, v_stride);
    }
    if (!alone)
        store_states(w, block, &t, d, dp);
}

static void block_64(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block)
{
    block_runs(w, block, 64, 64, 64, 64);
}

static void block_128(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block)
{
    block_runs(w, block, 128, 128, 128, 128);
}

static void block_any(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block)
{
    block_runs(w, block, w->d, w->dp, w->k_stride, w->v_stride);
}

static void tmpl_block(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block)
{
    bool dense = w->k_stride == w->d && w->v_stride == w->d;

    tmpl_pack(w, block, (float)TILE_FACTOR(w->d));
    (dense && w->d == 64 ? block_64 : dense && w->d == 128 ? block_128 : block_any)(w, block);
}

static void tmpl_scores(const struct sofa_acsr_work *w, int32_t from, size_t n)
{
    const float *k = w->k + (size_t)from * w->k_stride;
    vec acc[TILE_KEYS][TILE_VECTORS];

    for (size_t at = 0; at < n; at++) {
        tile_products(w->query, k + at * w->k_stride, w->k_stride, w->d, 1, acc);
        for (size_t v = 0; v < TILE_VECTORS; v++)
            vec_store(w->score + at * TILE_LANES + v * VEC, acc[0][v]);
    }
}

static void tmpl_weigh(const struct sofa_acsr_work *w, int32_t from, size_t n)
{
    struct tile t = tmpl_tile(w);

    for (size_t l = 0; l < TILE_LANES; l++) {
        t.range[0][l] = 0;
        t.range[1][l] = (float)n;
        t.keep[l] = 1;
    }
    t.begin = t.range[0];
    t.end = t.range[1];
    tile_sums(&t, w->v + (size_t)from * w->v_stride, w->v_stride, w->dp, TILE_JOIN, NULL);
}

static float tmpl_max(const float *x, size_t n, float least)
{
    return line_max(x, n, least);
}

/* Whole lanes in place, the rest by way of a copy. */
static float tmpl_exp_sum(float *x, size_t n, float most)
{
    size_t whole = n / TILE_LANES * TILE_LANES;
    float tail[TILE_LANES], sum = line_exp2_sum(x, whole, most, 0x1.715476p0f);

    if (whole == n)
        return sum;
    for (size_t l = 0; l < TILE_LANES; l++)
        tail[l] = whole + l < n ? x[whole + l] : -INFINITY;
    sum += line_exp2_sum(tail, TILE_LANES, most, 0x1.715476p0f);
    for (size_t i = whole; i < n; i++)
        x[i] = tail[i - whole];
    return sum;
}

static struct tile_line line_of(const struct sofa_acsr_line *line)
{
    return (struct tile_line){line->column, line->first, line->stride, line->count};
}

static void tmpl_line_scores(const struct sofa_acsr_work *w, const struct sofa_acsr_line *line, float *score)
{
    struct tile_line members = line_of(line);

    line_query(w->query, w->q + (size_t)line->row * w->d, w->d, w->dp, (float)(1 / sqrt((double)w->d)));
    line_products(w->query, w->k, w->k_stride, w->dp, &members, 0, line->count, score);
}

static void tmpl_line_weigh(const struct sofa_acsr_work *w, const struct sofa_acsr_line *line, const float *weight)
{
    struct tile_line members = line_of(line);

    line_sums(w->sum, w->v, w->v_stride, w->dp, &members, 0, line->count, weight, 1);
}

static void tmpl_line(const struct sofa_acsr_work *w, const struct sofa_acsr_line *line)
{
    struct tile_keys keys = {w->k, w->v, w->k_stride, w->v_stride, w->keys};
    struct tile_line members = line_of(line);
    size_t row = (size_t)line->row;
    struct tile t = tmpl_tile(w);

    line_query(w->query, w->q + row * w->d, w->d, w->dp, (float)TILE_FACTOR(w->d));
    if (line->opens)
        tile_open(&t, 0, w->dp);
    else
        tile_resume(&t, 0, w->d, w->dp, w->most + row, w->total + row, w->out + row * w->d);
    line_run(&t, &keys, &members, w->dp);
    if (line->closes)
        tile_close(&t, 0, w->d, w->dp, w->out + row * w->d);
    else
        tile_suspend(&t, 0, w->d, w->dp, w->most + row, w->total + row, w->out + row * w->d);
}

#define TMPL_LOOPS                                                                                                    \
    .block = tmpl_block, .line = tmpl_line, .pack = tmpl_pack, .scores = tmpl_scores, .weigh = tmpl_weigh,            \
    .line_scores = tmpl_line_scores, .line_weigh = tmpl_line_weigh, .max = tmpl_max, .exp_sum = tmpl_exp_sum
