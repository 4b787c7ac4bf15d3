/* Steps 4-9 for one head. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "acsr/members.h"
#include "attention/kernel.h"
#include "attention/quantise.h"
#include "attention/stats.h"

#define GROUP 4 /* rows whose scores in double are computed together */

/* One head as the hot loops read it, and the scratch of one block of rows. */
struct head {
    const struct sofa_attention_kernel *kernel;
    struct sofa_tiling tiling;
    struct sofa_formal formal;
    struct sofa_packed packed;
    struct sofa_marks marks;
    struct sofa_members members; /* with a pattern */
    size_t s, d, stride, rows; /* rows: of a block */
    double logit_scale;
    bool fixed;                /* the members are selected; no prediction */
    const double *pq, *kt;     /* p(Q) [s][d]; K^ transposed, [d][stride] */
    double *scores;            /* [GROUP][stride] */
    uint32_t *keys, *list;     /* selected keys of a block, of a row */
    double *compact;           /* [tiling.keys]: scores of members */
    uint32_t *index;           /* [tiling.keys]: which they are */
    uint32_t *first;           /* [tiles], where none are kept */
    size_t *start;             /* [rows + 1] */
    float *score, *weight, *sums;
    int32_t *q, *x;            /* scratch of kernel->select */
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
static enum sofa_code formal_array(const struct head *h, const float *x, int bits, const char *what, const float **out,
                                   double *scale, struct sofa_arena *arena, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    size_t dp = h->formal.dp, d = h->d;
    float *y = (dp > d ? sofa_arena_zalloc : sofa_arena_alloc)(arena, h->s * dp, sizeof *y);
    int32_t *q = sofa_arena_alloc(arena, d, sizeof *q);

    if (!y || !q)
        return sofa_fail_nomem(err, "the formal stage");
    SOFA_TRY(sofa_quantise_scale(h->kernel, x, h->s, d, bits, what, scale, err));
    for (size_t i = 0; i < h->s; i++) {
        h->kernel->quantise(x + i * d, d, *scale, bits, q);
        for (size_t c = 0; c < d; c++)
            y[i * dp + c] = (float)q[c];
    }
    *out = y;
out:
    return rc;
}

static enum sofa_code init_formal(struct head *h, const float *q, const float *k, const float *v, int bits,
                                  struct sofa_arena *arena, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    struct sofa_formal *f = &h->formal;
    double sq, sk, scale;

    f->dp = sofa_padded(h->d, SOFA_LANES);
    f->s = h->s;
    f->d = h->d;
    SOFA_TRY(formal_array(h, q, bits, "Q", &f->q, &sq, arena, err));
    SOFA_TRY(formal_array(h, k, bits, "K", &f->k, &sk, arena, err));
    SOFA_TRY(formal_array(h, v, bits, "V", &f->v, &f->value_scale, arena, err));
    scale = sq * sk / sqrt((double)h->d);
    f->logit_scale = (float)(scale > FLT_MAX ? FLT_MAX : scale < FLT_MIN ? FLT_MIN : scale);
out:
    return rc;
}

/* Operands in double: for kernels without integer products, and diagnostics. */
static enum sofa_code init_doubles(struct head *h, const int32_t *p, const struct sofa_khat *khat,
                                   struct sofa_arena *arena, struct sofa_err *err)
{
    size_t s = h->s, d = h->d;
    double *pq = sofa_arena_alloc(arena, s * d, sizeof *pq);
    double *kt = sofa_arena_zalloc(arena, d * h->stride, sizeof *kt);

    if (!pq || !kt)
        return sofa_fail_nomem(err, "predicted scores");
    for (size_t i = 0; i < s * d; i++)
        pq[i] = p[i];
    for (size_t i = 0; i < s; i++)
        for (size_t c = 0; c < d; c++)
            kt[c * h->stride + i] = khat->q[i * d + c];
    h->pq = pq;
    h->kt = kt;
    return SOFA_OK;
}

static enum sofa_code init_scores(struct head *h, const struct sofa_attention_params *params, const float *q,
                                  const struct sofa_khat *khat, bool diagnosed, struct sofa_arena *arena,
                                  struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    size_t n = h->s * h->d;
    int32_t *p = sofa_arena_alloc(arena, n, sizeof *p);
    double scale;

    if (!p)
        return sofa_fail_nomem(err, "predicted scores");
    SOFA_TRY(sofa_quantise_scale(h->kernel, q, h->s, h->d, params->q_bits, "Q", &scale, err));
    h->kernel->quantise(q, n, scale, params->q_bits, p);
    h->kernel->lz_form(p, n);
    h->logit_scale = scale * SOFA_LZ_MEAN * khat->scale / sqrt((double)h->d);
    h->scores = sofa_arena_alloc(arena, GROUP * h->stride, sizeof *h->scores);
    if (!h->scores)
        return sofa_fail_nomem(err, "predicted scores");
    if (h->kernel->select)
        SOFA_TRY(sofa_pack(khat, p, params->q_bits, &h->packed, arena, err));
    if (diagnosed || !h->packed.bits)
        SOFA_TRY(init_doubles(h, p, khat, arena, err));
out:
    return rc;
}

static enum sofa_code init_block(struct head *h, const struct sofa_attention_params *params, bool measured,
                                 struct sofa_arena *arena, struct sofa_err *err)
{
    size_t most = h->tiling.tiles * sofa_quota(h->tiling.keys, h->fixed ? 1000 : params->topk_permille), floats;

    h->rows = params->block_rows < h->s ? params->block_rows : h->s;
    most = most < h->s ? most : h->s;
    floats = h->rows * (most + 2 * SOFA_LANES) + 4 * SOFA_LANES;
    h->marks.words = h->s / 64 + 2;
    h->marks.bits = sofa_arena_alloc(arena, h->rows * h->marks.words, sizeof *h->marks.bits);
    h->first = sofa_arena_alloc(arena, h->tiling.tiles, sizeof *h->first);
    if (measured && !(h->marks.first = sofa_arena_alloc(arena, h->rows * h->tiling.tiles, sizeof *h->marks.first)))
        return sofa_fail_nomem(err, "a block of queries");
    h->keys = sofa_arena_alloc(arena, h->rows * most + SOFA_LANES, sizeof *h->keys);
    h->list = sofa_arena_alloc(arena, h->s + 1, sizeof *h->list);
    h->start = sofa_arena_alloc(arena, h->rows + 1, sizeof *h->start);
    h->score = sofa_arena_alloc(arena, floats, sizeof *h->score);
    h->weight = measured ? sofa_arena_alloc(arena, floats, sizeof *h->weight) : h->score;
    h->sums = sofa_arena_alloc(arena, h->rows * h->formal.dp, sizeof *h->sums);
    h->q = sofa_arena_alloc(arena, SOFA_GROUP * (h->packed.words + 1), sizeof *h->q);
    h->x = sofa_arena_alloc(arena, sofa_chunk_words(&h->tiling), sizeof *h->x);
    if (!h->marks.bits || !h->first || !h->keys || !h->list || !h->start || !h->score || !h->weight || !h->sums ||
        !h->q || !h->x)
        return sofa_fail_nomem(err, "a block of queries");
    return SOFA_OK;
}

static enum sofa_code init_members(struct head *h, const struct sofa_attention_params *params, struct sofa_arena *arena,
                                   struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    if (!params->pattern)
        return SOFA_OK;
    SOFA_TRY(sofa_members_init(&h->members, params->pattern, params->causal, h->rows, h->marks.words, arena, err));
    h->tiling.members = &h->members;
    h->compact = sofa_arena_alloc(arena, h->tiling.keys, sizeof *h->compact);
    h->index = sofa_arena_alloc(arena, h->tiling.keys, sizeof *h->index);
    if (!h->compact || !h->index)
        return sofa_fail_nomem(err, "a pattern");
out:
    return rc;
}

static enum sofa_code init_head(struct head *h, const struct sofa_attention_params *p, const struct sofa_khat *khat,
                                const float *q, const float *k, const float *v, bool measured, bool diagnosed,
                                struct sofa_arena *arena, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    h->fixed = p->pattern && p->fixed;
    if (!h->fixed)
        SOFA_TRY(init_scores(h, p, q, khat, diagnosed, arena, err));
    SOFA_TRY(init_formal(h, q, k, v, p->formal_bits, arena, err));
    h->tiling = sofa_tiling(p, h->s, h->logit_scale);
    SOFA_TRY(init_block(h, p, measured, arena, err));
    SOFA_TRY(init_members(h, p, arena, err));
out:
    return rc;
}

/* Selection of row r of the block, row `row` of the head, from its scores in double. */
static void select_double(struct head *h, size_t row, size_t r, const double *scores)
{
    uint32_t *first = h->marks.first ? h->marks.first + r * h->tiling.tiles : h->first;
    uint64_t *bits = h->marks.bits + r * h->marks.words;
    size_t n;

    if (h->tiling.members)
        n = sofa_select_members(h->kernel, &h->tiling, row, scores, h->compact, h->index, h->list, first,
                                &h->marks.clipped);
    else
        n = sofa_select_row(h->kernel, &h->tiling, row, scores, h->list, first, &h->marks.clipped);
    for (size_t t = 0; t < n; t++)
        bits[h->list[t] / 64] |= (uint64_t)1 << h->list[t] % 64;
}

/* Scores in double of rows [row, row + n), in h->scores. */
static void score_double(struct head *h, size_t row, size_t n, bool all)
{
    h->kernel->scores(h->pq + row * h->d, h->kt, n, h->d, h->stride,
                      all ? h->s : sofa_visible(&h->tiling, row + n - 1), h->scores);
}

static void select_block_double(struct head *h, size_t from, size_t to)
{
    for (size_t i = from; i < to; i += GROUP) {
        size_t n = to - i < GROUP ? to - i : GROUP;

        score_double(h, i, n, false);
        for (size_t r = 0; r < n; r++)
            select_double(h, i + r, i + r - from, h->scores + r * h->stride);
    }
}

/* Packed rows in groups of 16, whatever lies between them; the others one by one. */
static void select_block_packed(struct head *h, size_t from, size_t to)
{
    uint32_t rows[SOFA_GROUP], block_row[SOFA_GROUP];
    size_t n = 0;

    for (size_t i = from; i < to; i++) {
        if (h->packed.shift[i] == SOFA_NOT_PACKED) {
            h->kernel->scores_wide(&h->packed, i, sofa_visible(&h->tiling, i), h->scores);
            select_double(h, i, i - from, h->scores);
            continue;
        }
        rows[n] = (uint32_t)i;
        block_row[n++] = (uint32_t)(i - from);
        if (n == SOFA_GROUP) {
            h->kernel->select(&h->packed, &h->tiling, rows, block_row, n, &h->marks, h->q, h->x);
            n = 0;
        }
    }
    if (n)
        h->kernel->select(&h->packed, &h->tiling, rows, block_row, n, &h->marks, h->q, h->x);
}

static void leave_trace(const struct head *h, const struct sofa_attention_trace *trace, size_t row,
                        const double *scores, const uint32_t *keys, size_t n)
{
    if (trace->scores && scores)
        for (size_t j = 0; j < h->s; j++)
            trace->scores[row * h->s + j] = (int64_t)scores[j];
    if (trace->selection) {
        memset(trace->selection + row * h->s, 0, h->s);
        for (size_t t = 0; t < n; t++)
            trace->selection[row * h->s + keys[t]] = 1;
    }
}

/* What is wanted of each row beside its output. */
static void diagnose_block(struct head *h, size_t from, const struct sofa_rows *rows, const float *out,
                           struct sofa_tally *tally, const struct sofa_attention_trace *trace)
{
    bool scored = (trace || (tally && tally->overlaps)) && !h->fixed;

    for (size_t r = 0; r < rows->n; r++) {
        const double *scores = !scored ? NULL : h->scores + r % GROUP * h->stride;
        const uint32_t *keys = rows->keys + rows->start[r];
        size_t n = rows->start[r + 1] - rows->start[r], row = from + r;

        if (scored && r % GROUP == 0)
            score_double(h, row, rows->n - r < GROUP ? rows->n - r : GROUP, trace);
        if (tally)
            sofa_tally_row(tally, row, keys, n, h->fixed ? NULL : h->marks.first + r * h->tiling.tiles,
                           rows->score + sofa_lane_start(rows, r), scores, out + row * h->d);
        if (trace)
            leave_trace(h, trace, row, scores, keys, n);
    }
}

static void select_block(struct head *h, size_t from, size_t to)
{
    size_t words = (to - from) * h->marks.words;

    if (h->fixed) {
        memcpy(h->marks.bits, h->members.bits, words * sizeof *h->marks.bits);
        return;
    }
    memset(h->marks.bits, 0, words * sizeof *h->marks.bits);
    if (h->packed.bits)
        select_block_packed(h, from, to);
    else
        select_block_double(h, from, to);
}

static struct sofa_rows run_block(struct head *h, size_t from, size_t to, float *out)
{
    struct sofa_rows rows = {from, to - from, h->start, h->keys, h->score, h->weight};

    select_block(h, from, to);
    h->start[0] = 0;
    for (size_t r = 0; r < rows.n; r++)
        h->start[r + 1] = h->start[r] + h->kernel->expand(h->marks.bits + r * h->marks.words, h->marks.words,
                                                          h->keys + h->start[r]);
    memset(h->keys + h->start[rows.n], 0, SOFA_LANES * sizeof *h->keys);
    h->kernel->formal(&h->formal, &rows, h->sums, out + from * h->d);
    return rows;
}

static enum sofa_code check_inputs(const struct sofa_attention_params *params, const struct sofa_khat *khat,
                                   struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    SOFA_TRY(sofa_attention_check(params, err));
    if (!khat->s || !khat->d || khat->s > UINT32_MAX / 2)
        return sofa_fail(err, SOFA_E_INPUT, "attention over %zu tokens of head width %zu", khat->s, khat->d);
    if (params->pattern && (params->pattern->rows != khat->s || params->pattern->columns != khat->s))
        return sofa_fail(err, SOFA_E_INPUT, "a pattern of %zu queries and %zu keys for %zu tokens", params->pattern->rows,
                         params->pattern->columns, khat->s);
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
    /* the lanes more keep columns of a row apart in the cache's sets */
    struct head h = {.kernel = kernel, .s = khat->s, .d = khat->d, .stride = sofa_padded(khat->s, SOFA_PANEL) + SOFA_LANES};
    struct sofa_tally tally = {.kernel = kernel, .params = params, .tiling = &h.tiling, .formal = &h.formal,
                               .s = h.s, .d = h.d, .stride = h.stride};
    bool measured = stats && level != SOFA_STATS_NONE, diagnosed = trace || (measured && level == SOFA_STATS_ALL);

    SOFA_TRY(check_inputs(params, khat, err));
    SOFA_TRY(init_head(&h, params, khat, q, k, v, measured, diagnosed, arena, err));
    if (stats)
        *stats = (struct sofa_attention_stats){.khat_scale = h.fixed ? 0 : khat->scale, .logit_scale = h.logit_scale};
    if (measured)
        SOFA_TRY(sofa_tally_init(&tally, level, q, k, v, arena, err));
    for (size_t i = 0; i < h.s; i += h.rows) {
        size_t to = h.s - i < h.rows ? h.s : i + h.rows;
        struct sofa_rows rows;
        struct sofa_block block;

        if (h.tiling.members)
            SOFA_TRY(sofa_members_fill(&h.members, i, to - i, err));
        rows = run_block(&h, i, to, out);
        block = (struct sofa_block){rows.n, rows.start, rows.keys, h.marks.bits, h.marks.words};
        if (measured || trace)
            diagnose_block(&h, i, &rows, out, measured ? &tally : NULL, trace);
        if (measured)
            SOFA_TRY(sofa_tally_block(&tally, i, &block, arena, err));
    }
    tally.clipped = h.marks.clipped;
    if (measured)
        SOFA_TRY(sofa_tally_finish(&tally, stats, arena, err));
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}
