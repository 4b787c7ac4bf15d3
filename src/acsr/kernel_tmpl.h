/*
 * The loops of impl.h on the tiles of tile.h, compiled once per instruction set.
 */
#include "acsr/impl.h"
#include "acsr/tile.h"

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

static void resume(const struct sofa_acsr_work *w, struct tile *t, size_t lane, size_t row)
{
    t->most[lane] = w->most[row];
    t->total[lane] = w->total[row];
    for (size_t c = 0; c < w->dp; c++)
        t->sum[lane * w->dp + c] = c < w->d ? w->out[row * w->d + c] : 0;
}

static void suspend(const struct sofa_acsr_work *w, const struct tile *t, size_t lane, size_t row)
{
    w->most[row] = t->most[lane];
    w->total[row] = t->total[lane];
    for (size_t c = 0; c < w->d; c++)
        w->out[row * w->d + c] = t->sum[lane * w->dp + c];
}

/* The runs with the widths known to the compiler, where they are. */
INLINE void block_runs(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block, struct tile *t, size_t d,
                       size_t dp, size_t k_stride, size_t v_stride)
{
    struct tile_keys keys = {w->k, w->v, k_stride, v_stride, w->keys};

    for (size_t i = 0; i < block->n_runs; i++) {
        const struct sofa_acsr_run *r = &w->plan->run[block->first_run + i];
        struct tile_span span = {r->from, r->to, r->full_from, r->full_to, r->begin, r->end, r->stride};

        tile_run(t, &keys, &span, d, dp, k_stride, v_stride);
    }
}

static void runs_64(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block, struct tile *t)
{
    block_runs(w, block, t, 64, 64, 64, 64);
}

static void runs_128(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block, struct tile *t)
{
    block_runs(w, block, t, 128, 128, 128, 128);
}

static void runs_any(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block, struct tile *t)
{
    block_runs(w, block, t, w->d, w->dp, w->k_stride, w->v_stride);
}

static void tmpl_block(const struct sofa_acsr_work *w, const struct sofa_acsr_block *block)
{
    bool dense = w->k_stride == w->d && w->v_stride == w->d;
    struct tile t = tmpl_tile(w);

    tmpl_pack(w, block, (float)TILE_FACTOR(w->d));
    for (size_t l = 0; l < TILE_LANES; l++) {
        if (l >= block->lanes || block->opens >> l & 1)
            tile_open(&t, l, w->dp);
        else
            resume(w, &t, l, (size_t)block->row[l]);
    }
    (dense && w->d == 64 ? runs_64 : dense && w->d == 128 ? runs_128 : runs_any)(w, block, &t);
    for (size_t l = 0; l < block->lanes; l++) {
        size_t row = (size_t)block->row[l];

        if (block->closes >> l & 1)
            tile_close(&t, l, w->d, w->dp, w->out + row * w->d);
        else
            suspend(w, &t, l, row);
    }
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
        t.begin[l] = 0;
        t.end[l] = (float)n;
        t.keep[l] = 1;
    }
    tile_sums(&t, w->v + (size_t)from * w->v_stride, w->v_stride, w->dp);
}

static size_t line_column(const struct sofa_acsr_line *line, size_t s)
{
    return (size_t)(line->column ? line->column[s] : line->first + line->stride * (int32_t)s);
}

/* Sixteen partial results as a tree: l with l + 8, then + 4, + 2, + 1. */
INLINE float fold(const vec acc[TILE_VECTORS], bool largest)
{
    _Alignas(64) float x[TILE_LANES];

    for (size_t v = 0; v < TILE_VECTORS; v++)
        vec_store(x + v * VEC, acc[v]);
    for (size_t half = TILE_LANES / 2; half; half /= 2)
        for (size_t l = 0; l < half; l++)
            x[l] = largest ? (x[l] > x[l + half] ? x[l] : x[l + half]) : x[l] + x[l + half];
    return x[0];
}

/* score[i] = q.k of members from `first` on; q stands in `query`, padded with zeros. */
static void line_products(const struct sofa_acsr_work *w, const struct sofa_acsr_line *line, size_t first, size_t n,
                          float *score)
{
    for (size_t i = 0; i < n; i++) {
        const float *k = w->k + line_column(line, first + i) * w->k_stride;
        vec acc[TILE_VECTORS];

        for (size_t v = 0; v < TILE_VECTORS; v++)
            acc[v] = vec_zero();
        for (size_t c = 0; c < w->dp; c += TILE_LANES) {
            UNROLL
            for (size_t v = 0; v < TILE_VECTORS; v++)
                acc[v] = vec_fma(vec_load(w->query + c + v * VEC), vec_load_any(k + c + v * VEC), acc[v]);
        }
        score[i] = fold(acc, false);
    }
}

static void line_query(const struct sofa_acsr_work *w, const struct sofa_acsr_line *line, float factor)
{
    for (size_t c = 0; c < w->dp; c++)
        w->query[c] = c < w->d ? w->q[(size_t)line->row * w->d + c] * factor : 0;
}

static void line_sums(const struct sofa_acsr_work *w, const struct sofa_acsr_line *line, size_t first, size_t n,
                      const float *weight, float keep)
{
    for (size_t c = 0; c < w->dp; c += TILE_LANES) {
        vec acc[TILE_VECTORS];

        for (size_t v = 0; v < TILE_VECTORS; v++)
            acc[v] = vec_zero();
        for (size_t i = 0; i < n; i++) {
            const float *x = w->v + line_column(line, first + i) * w->v_stride + c;

            UNROLL
            for (size_t v = 0; v < TILE_VECTORS; v++)
                acc[v] = vec_fma(vec_all(weight[i]), vec_load_any(x + v * VEC), acc[v]);
        }
        for (size_t v = 0; v < TILE_VECTORS; v++)
            vec_store(w->sum + c + v * VEC, vec_fma(vec_load(w->sum + c + v * VEC), vec_all(keep), acc[v]));
    }
}

/* x = 2^((x - most) factor), padded with zeros to whole lanes; their sum. */
INLINE float exp2_sum(float *x, size_t n, float most, float factor)
{
    vec total[TILE_VECTORS];

    for (size_t v = 0; v < TILE_VECTORS; v++)
        total[v] = vec_zero();
    for (size_t i = 0; i < n; i += TILE_LANES) {
        UNROLL
        for (size_t v = 0; v < TILE_VECTORS; v++) {
            vec y = tile_exp2(vec_mul(vec_sub(vec_load_any(x + i + v * VEC), vec_all(most)), vec_all(factor)));

            total[v] = vec_add(total[v], y);
            vec_store_any(x + i + v * VEC, y);
        }
    }
    return fold(total, false);
}

static float tmpl_max(const float *x, size_t n, float least)
{
    for (size_t i = 0; i < n; i++)
        least = x[i] > least ? x[i] : least;
    return least;
}

/* Whole lanes in place, the rest by way of a copy. */
static float tmpl_exp_sum(float *x, size_t n, float most)
{
    size_t whole = n / TILE_LANES * TILE_LANES;
    float tail[TILE_LANES], sum = exp2_sum(x, whole, most, 0x1.715476p0f);

    if (whole == n)
        return sum;
    for (size_t l = 0; l < TILE_LANES; l++)
        tail[l] = whole + l < n ? x[whole + l] : -INFINITY;
    sum += exp2_sum(tail, TILE_LANES, most, 0x1.715476p0f);
    for (size_t i = whole; i < n; i++)
        x[i] = tail[i - whole];
    return sum;
}

static void tmpl_line_scores(const struct sofa_acsr_work *w, const struct sofa_acsr_line *line, float *score)
{
    line_query(w, line, (float)(1 / sqrt((double)w->d)));
    line_products(w, line, 0, line->count, score);
}

static void tmpl_line_weigh(const struct sofa_acsr_work *w, const struct sofa_acsr_line *line, const float *weight)
{
    line_sums(w, line, 0, line->count, weight, 1);
}

static void tmpl_line(const struct sofa_acsr_work *w, const struct sofa_acsr_line *line)
{
    size_t row = (size_t)line->row;
    struct tile t = tmpl_tile(w);

    line_query(w, line, (float)TILE_FACTOR(w->d));
    if (line->opens)
        tile_open(&t, 0, w->dp);
    else
        resume(w, &t, 0, row);
    for (size_t at = 0; at < line->count; at += SOFA_ACSR_LINE_CHUNK) {
        size_t n = line->count - at < SOFA_ACSR_LINE_CHUNK ? line->count - at : SOFA_ACSR_LINE_CHUNK;
        float most, keep[TILE_LANES];

        line_products(w, line, at, n, w->score);
        most = tmpl_max(w->score, n, t.most[0]);
        for (size_t i = n; i % TILE_LANES; i++)
            w->score[i] = -INFINITY;
        for (size_t l = 0; l < TILE_LANES; l++)
            keep[l] = l ? -INFINITY : t.most[0];
        exp2_sum(keep, TILE_LANES, most, 1);
        t.total[0] = fmaf(t.total[0], keep[0], exp2_sum(w->score, n, most, 1));
        t.most[0] = most;
        line_sums(w, line, at, n, w->score, keep[0]);
    }
    if (line->closes)
        tile_close(&t, 0, w->d, w->dp, w->out + row * w->d);
    else
        suspend(w, &t, 0, row);
}

#define TMPL_LOOPS                                                                                                    \
    .block = tmpl_block, .line = tmpl_line, .pack = tmpl_pack, .scores = tmpl_scores, .weigh = tmpl_weigh,            \
    .line_scores = tmpl_line_scores, .line_weigh = tmpl_line_weigh, .max = tmpl_max, .exp_sum = tmpl_exp_sum
