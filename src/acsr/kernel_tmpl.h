/*
 * The loops of impl.h on those of tile.h and line.h, compiled once per instruction set.
 */
#include "acsr/impl.h"
#include "acsr/line.h"

_Static_assert(TILE_CHUNK + TILE_SLACK <= SOFA_ACSR_SCORES && LINE_CHUNK <= SOFA_ACSR_SCORES * TILE_LANES,
               "scratch for scores");

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

/* The block with the widths known to the compiler, where they are. */
INLINE void block_runs(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block, size_t d, size_t dp,
                       size_t k_stride, size_t v_stride)
{
    struct tile_keys keys = {w->k, w->v, k_stride, v_stride, w->keys};
    struct tile_rows rows = {block->row, block->lanes, block->opens, block->closes, w->out, w->most, w->total};
    struct tile t = tmpl_tile(w);

    tile_block(&t, &keys, &rows, w->plan->run + block->first_run, block->n_runs, d, dp, k_stride, v_stride);
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
    struct tile_rows rows = {&line->row, 1, line->opens, line->closes, w->out, w->most, w->total};
    struct tile t = tmpl_tile(w);

    line_query(w->query, w->q + (size_t)line->row * w->d, w->d, w->dp, (float)TILE_FACTOR(w->d));
    line_run(&t, &keys, &rows, &members, w->d, w->dp);
}

#define TMPL_LOOPS                                                                                                    \
    .block = tmpl_block, .line = tmpl_line, .pack = tmpl_pack, .scores = tmpl_scores, .weigh = tmpl_weigh,            \
    .line_scores = tmpl_line_scores, .line_weigh = tmpl_line_weigh, .max = tmpl_max, .exp_sum = tmpl_exp_sum
