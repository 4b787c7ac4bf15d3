/* Steps 4-9 for one head. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "attention/kernel.h"
#include "attention/quantise.h"
#include "attention/stats.h"

#define GROUP 4 /* rows whose scores are computed together */

/* One head as the hot loops read it, and the scratch of one block of rows. */
struct head {
    const struct sofa_attention_kernel *kernel;
    struct sofa_tiling tiling;
    struct sofa_formal formal;
    size_t s, d, stride, rows; /* rows: of a block */
    double logit_scale;
    const double *pq, *kt;     /* p(Q) [s][d]; K^ transposed, [d][stride] */
    double *scores;            /* [GROUP][stride] */
    uint32_t *keys, *first;    /* selected keys of a block; [tiles] */
    size_t *start;             /* [rows + 1] */
    float *score, *weight, *sum_v;
};

static enum sofa_code check_range(const char *name, double x, double least, double most, struct sofa_err *err)
{
    if (x >= least && x <= most)
        return SOFA_OK;
    return sofa_fail(err, SOFA_E_INPUT, "%s is %g; it must lie in %g..%g", name, x, least, most);
}

enum sofa_code sofa_attention_check(const struct sofa_attention_params *p, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    SOFA_TRY(check_range("tiles", p->tiles, 1, INT32_MAX, err));
    SOFA_TRY(check_range("topk_permille", p->topk_permille, 1, 1000, err));
    SOFA_TRY(check_range("khat_bits", p->khat_bits, 4, 16, err));
    SOFA_TRY(check_range("q_bits", p->q_bits, 4, 16, err));
    SOFA_TRY(check_range("formal_bits", p->formal_bits, 8, 16, err));
    SOFA_TRY(check_range("block_rows", (double)p->block_rows, 1, UINT32_MAX, err));
    SOFA_TRY(check_range("keys_per_phase", (double)p->keys_per_phase, 1, UINT32_MAX, err));
    if (!(p->radius > 0))
        rc = sofa_fail(err, SOFA_E_INPUT, "radius is %g; it must be above 0, or .inf for no clipping", p->radius);
out:
    return rc;
}

/* Quantises x [s][d] to `bits` into rows of dp floats, the padding 0. */
static const float *formal_array(const float *x, size_t s, size_t d, size_t dp, int bits, double *scale,
                                 struct sofa_arena *arena)
{
    float *q = sofa_arena_zalloc(arena, s * dp, sizeof *q);

    *scale = sofa_quantise_scale(x, s * d, bits);
    for (size_t i = 0; q && i < s; i++)
        for (size_t c = 0; c < d; c++)
            q[i * dp + c] = (float)sofa_quantise(x[i * d + c], *scale, bits);
    return q;
}

static enum sofa_code init_formal(struct head *h, const float *q, const float *k, const float *v, int bits,
                                  struct sofa_arena *arena, struct sofa_err *err)
{
    struct sofa_formal *f = &h->formal;
    double sq, sk, scale;

    f->dp = sofa_padded(h->d, SOFA_LANES);
    f->q = formal_array(q, h->s, h->d, f->dp, bits, &sq, arena);
    f->k = formal_array(k, h->s, h->d, f->dp, bits, &sk, arena);
    f->v = formal_array(v, h->s, h->d, f->dp, bits, &f->value_scale, arena);
    if (!f->q || !f->k || !f->v)
        return sofa_fail_nomem(err, "the formal stage");
    scale = sq * sk / sqrt((double)h->d);
    f->logit_scale = (float)(scale > FLT_MAX ? FLT_MAX : scale < FLT_MIN ? FLT_MIN : scale);
    return SOFA_OK;
}

static enum sofa_code init_scores(struct head *h, const struct sofa_attention_params *p, const float *q,
                                  const struct sofa_khat *khat, struct sofa_arena *arena, struct sofa_err *err)
{
    size_t s = h->s, d = h->d;
    double *pq = sofa_arena_alloc(arena, s * d, sizeof *pq);
    double *kt = sofa_arena_zalloc(arena, d * h->stride, sizeof *kt);
    double scale = sofa_quantise_scale(q, s * d, p->q_bits);

    if (!pq || !kt)
        return sofa_fail_nomem(err, "predicted scores");
    for (size_t i = 0; i < s * d; i++)
        pq[i] = sofa_lz_form(sofa_quantise(q[i], scale, p->q_bits));
    for (size_t i = 0; i < s; i++)
        for (size_t c = 0; c < d; c++)
            kt[c * h->stride + i] = khat->q[i * d + c];
    h->pq = pq;
    h->kt = kt;
    h->logit_scale = scale * SOFA_LZ_MEAN * khat->scale / sqrt((double)d);
    return SOFA_OK;
}

static enum sofa_code init_head(struct head *h, const struct sofa_attention_params *p, const struct sofa_khat *khat,
                                const float *q, const float *k, const float *v, struct sofa_arena *arena,
                                struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    size_t most, padded = sofa_padded(h->s, SOFA_LANES);

    SOFA_TRY(init_scores(h, p, q, khat, arena, err));
    SOFA_TRY(init_formal(h, q, k, v, p->formal_bits, arena, err));
    h->tiling = sofa_tiling(p, h->s, h->logit_scale);
    h->rows = p->block_rows < h->s ? p->block_rows : h->s;
    most = h->tiling.tiles * sofa_quota(h->tiling.keys, p->topk_permille);
    most = most < h->s ? most : h->s;
    h->scores = sofa_arena_alloc(arena, GROUP * h->stride, sizeof *h->scores);
    h->keys = sofa_arena_alloc(arena, h->rows * most + h->s + 1, sizeof *h->keys);
    h->first = sofa_arena_alloc(arena, h->tiling.tiles, sizeof *h->first);
    h->start = sofa_arena_alloc(arena, h->rows + 1, sizeof *h->start);
    h->score = sofa_arena_alloc(arena, padded, sizeof *h->score);
    h->weight = sofa_arena_alloc(arena, padded, sizeof *h->weight);
    h->sum_v = sofa_arena_alloc(arena, h->formal.dp, sizeof *h->sum_v);
    if (!h->scores || !h->keys || !h->first || !h->start || !h->score || !h->weight || !h->sum_v)
        rc = sofa_fail_nomem(err, "a block of queries");
out:
    return rc;
}

static void leave_trace(const struct head *h, const struct sofa_attention_trace *trace, size_t row,
                        const double *scores, const uint32_t *keys, size_t n)
{
    if (trace->scores)
        for (size_t j = 0; j < h->s; j++)
            trace->scores[row * h->s + j] = (int64_t)scores[j];
    if (trace->selection) {
        memset(trace->selection + row * h->s, 0, h->s);
        for (size_t t = 0; t < n; t++)
            trace->selection[row * h->s + keys[t]] = 1;
    }
}

/* One row, its scores known; its keys go behind the block's. */
static void run_row(struct head *h, size_t row, size_t i, const double *scores, float *out, struct sofa_tally *tally,
                    const struct sofa_attention_trace *trace)
{
    uint32_t *keys = h->keys + h->start[i];
    size_t clipped = 0, n = sofa_select_row(h->kernel, &h->tiling, row, scores, keys, h->first, &clipped);

    h->start[i + 1] = h->start[i] + n;
    h->kernel->formal(&h->formal, h->formal.q + row * h->formal.dp, keys, n, h->score, h->weight, h->sum_v, h->d,
                      out + row * h->d);
    if (tally) {
        tally->clipped += clipped;
        sofa_tally_row(tally, row, keys, n, h->first, h->score, scores, out + row * h->d);
    }
    if (trace)
        leave_trace(h, trace, row, scores, keys, n);
}

static void run_block(struct head *h, size_t from, size_t to, float *out, struct sofa_tally *tally,
                      const struct sofa_attention_trace *trace)
{
    h->start[0] = 0;
    for (size_t i = from; i < to; i += GROUP) {
        size_t n = to - i < GROUP ? to - i : GROUP;
        size_t columns = trace ? h->s : sofa_visible(&h->tiling, i + n - 1);

        h->kernel->scores(h->pq + i * h->d, h->kt, n, h->d, h->stride, columns, h->scores);
        for (size_t r = 0; r < n; r++)
            run_row(h, i + r, i + r - from, h->scores + r * h->stride, out, tally, trace);
    }
}

static enum sofa_code check_inputs(const struct sofa_attention_params *params, const struct sofa_khat *khat,
                                   const float *q, const float *k, const float *v, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    SOFA_TRY(sofa_attention_check(params, err));
    if (!khat->s || !khat->d || khat->s > UINT32_MAX / 2)
        return sofa_fail(err, SOFA_E_INPUT, "attention over %zu tokens of head width %zu", khat->s, khat->d);
    SOFA_TRY(sofa_check_finite(q, khat->s, khat->d, "Q", err));
    SOFA_TRY(sofa_check_finite(k, khat->s, khat->d, "K", err));
    SOFA_TRY(sofa_check_finite(v, khat->s, khat->d, "V", err));
out:
    return rc;
}

enum sofa_code sofa_attention_run(const struct sofa_attention_kernel *kernel,
                                  const struct sofa_attention_params *params, const struct sofa_khat *khat,
                                  const float *q, const float *k, const float *v, float *out,
                                  enum sofa_stats_level level, struct sofa_attention_stats *stats,
                                  const struct sofa_attention_trace *trace, struct sofa_arena *arena,
                                  struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    struct head h = {.kernel = kernel, .s = khat->s, .d = khat->d, .stride = sofa_padded(khat->s, SOFA_PANEL)};
    struct sofa_tally tally = {.kernel = kernel, .params = params, .tiling = &h.tiling, .formal = &h.formal,
                               .s = h.s, .d = h.d, .stride = h.stride};
    bool measured = stats && level != SOFA_STATS_NONE;

    SOFA_TRY(check_inputs(params, khat, q, k, v, err));
    SOFA_TRY(init_head(&h, params, khat, q, k, v, arena, err));
    if (stats)
        *stats = (struct sofa_attention_stats){.khat_scale = khat->scale, .logit_scale = h.logit_scale};
    if (measured)
        SOFA_TRY(sofa_tally_init(&tally, level, q, k, v, arena, err));
    for (size_t i = 0; i < h.s; i += h.rows) {
        size_t to = h.s - i < h.rows ? h.s : i + h.rows;
        struct sofa_block block = {to - i, h.start, h.keys};

        run_block(&h, i, to, out, measured ? &tally : NULL, trace);
        if (measured)
            SOFA_TRY(sofa_tally_block(&tally, i, &block, arena, err));
    }
    if (measured)
        SOFA_TRY(sofa_tally_finish(&tally, stats, arena, err));
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}
