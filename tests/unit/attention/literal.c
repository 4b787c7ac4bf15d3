#include "tests/unit/attention/literal.h"

#include <math.h>

#include "tests/unit/test.h"

static double quantise(const float *x, size_t n, int bits, int64_t *q)
{
    double qmax = pow(2, bits - 1) - 1, most = 0, s;

    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    s = most > 0 ? most / qmax : 1;
    for (size_t i = 0; i < n; i++)
        q[i] = (int64_t)fmin(qmax, fmax(-qmax, nearbyint(x[i] / s)));
    return s;
}

static int64_t lz(int64_t q)
{
    if (!q)
        return 0;
    return (q < 0 ? -1 : 1) * (int64_t)exp2(floor(log2((double)llabs(q))) + 1);
}

static double predict(const struct sofa_attention_params *p, size_t s, size_t h, size_t d, const float *x,
                      const float *wk, struct sofa_rope rope, int64_t *khat)
{
    int64_t *x8 = malloc(s * h * sizeof *x8), *w8 = malloc(h * d * sizeof *w8), most = 0;
    double sx = quantise(x, s * h, 8, x8), sw = quantise(wk, h * d, 8, w8), qmax = pow(2, p->khat_bits - 1) - 1;
    int sh = 0;

    for (size_t i = 0; i < s; i++)
        for (size_t j = 0; j < d; j++) {
            int64_t acc = 0;

            for (size_t u = 0; u < h; u++)
                acc += x8[i * h + u] * lz(w8[u * d + j]);
            khat[i * d + j] = acc;
            most = llabs(acc) > most ? llabs(acc) : most;
        }
    while ((double)(most >> sh) > qmax)
        sh++;
    for (size_t i = 0; i < s * d; i++)
        khat[i] = (int64_t)floor((double)khat[i] / exp2(sh));
    for (size_t i = 0; rope.cos && i < s; i++)
        for (size_t j = 0; j < d / 2; j++) {
            double a = (double)khat[i * d + j], b = (double)khat[i * d + j + d / 2];
            double c = rope.cos[i * (d / 2) + j], w = rope.sin[i * (d / 2) + j];

            khat[i * d + j] = (int64_t)fmin(qmax, fmax(-qmax, nearbyint(a * c - b * w)));
            khat[i * d + j + d / 2] = (int64_t)fmin(qmax, fmax(-qmax, nearbyint(a * w + b * c)));
        }
    free(x8);
    free(w8);
    return sx * sw * exp2(sh) * 0.75;
}

/* Marks the n best of x [from, to) among those with ok[j], the lower index first among equals. */
static size_t mark_best(const double *x, const uint8_t *ok, size_t from, size_t to, size_t n, uint8_t *mark)
{
    size_t got = 0;

    for (; got < n; got++) {
        size_t best = to;

        for (size_t j = from; j < to; j++)
            if (ok[j] && !mark[j] && (best == to || x[j] > x[best]))
                best = j;
        if (best == to)
            break;
        mark[best] = 1;
    }
    return got;
}

static bool seen(const uint8_t *mask, size_t s, size_t row, size_t j)
{
    return !mask || mask[row * s + j];
}

static void select_row(const struct sofa_attention_params *p, const uint8_t *mask, size_t s, size_t row, const double *a,
                       double c, const double *formal, uint8_t *mark, struct sofa_attention_stats *stats, double *firsts)
{
    size_t bc = (s + (size_t)p->tiles - 1) / (size_t)p->tiles, visible = p->causal ? row + 1 : s;
    uint8_t *ok = calloc(s, 1);
    double benchmark = -INFINITY;

    for (size_t start = 0; start < visible; start += bc) {
        size_t end = start + bc < visible ? start + bc : visible, v = 0, first = end, got;
        double largest = -INFINITY;

        for (size_t j = start; j < end; j++)
            v += seen(mask, s, row, j);
        if (p->reference == SOFA_REFERENCE_SEGMENT)
            benchmark = -INFINITY;
        for (size_t j = start; j < end; j++)
            benchmark = seen(mask, s, row, j) ? fmax(benchmark, a[j]) : benchmark;
        for (size_t j = start; j < end; j++) {
            ok[j] = seen(mask, s, row, j) && a[j] >= benchmark - p->radius / c;
            stats->clipped += !ok[j] && seen(mask, s, row, j);
        }
        got = mark_best(a, ok, start, end, (size_t)ceil((double)(v * (size_t)p->topk_permille) / 1000), mark);
        stats->selected += (double)got;
        for (size_t j = start; j < end; j++)
            if (mark[j] && (first == end || a[j] > a[first]))
                first = j;
        for (size_t j = start; j < end; j++)
            largest = mark[j] ? fmax(largest, formal[j]) : largest;
        if (got) {
            *firsts += 1;
            stats->max_mispredict += largest > formal[first];
        }
        stats->visible += (double)v;
    }
    free(ok);
}

/* A fixed pattern: what is seen is selected. */
static void take_row(const struct sofa_attention_params *p, const uint8_t *mask, size_t s, size_t row, uint8_t *mark,
                     struct sofa_attention_stats *stats)
{
    size_t n = 0;

    for (size_t j = 0; j < (p->causal ? row + 1 : s); j++)
        n += mark[j] = seen(mask, s, row, j);
    stats->selected += (double)n;
    stats->visible += (double)n;
}

static void softmax_over(const double *logit, const uint8_t *mask, size_t n, double *w)
{
    double most = -INFINITY, sum = 0;

    for (size_t j = 0; j < n; j++)
        most = mask[j] ? fmax(most, logit[j]) : most;
    for (size_t j = 0; j < n; j++)
        sum += w[j] = mask[j] ? exp(logit[j] - most) : 0;
    for (size_t j = 0; j < n; j++)
        w[j] /= sum;
}

static double dot(const float *a, const float *b, size_t d)
{
    double sum = 0;

    for (size_t c = 0; c < d; c++)
        sum += (double)a[c] * b[c];
    return sum;
}

struct row {
    double *a, *formal, *exact, *logit, *w;
    uint8_t *all, *top;
};

/* How many of the marked are among as many best of x [visible], those with ok[j]. */
static double overlap(const double *x, const struct row *r, const uint8_t *ok, size_t visible, const uint8_t *mark, size_t s)
{
    size_t n = 0, common = 0;

    memset(r->top, 0, s);
    for (size_t j = 0; j < s; j++)
        n += mark[j];
    mark_best(x, ok, 0, visible, n, r->top);
    for (size_t j = 0; j < s; j++)
        common += r->top[j] && mark[j];
    return (double)common;
}

/* Keys that a query of rows [from, to) has in a mask, or sees if there is none. */
static double in_sight(const struct sofa_attention_params *p, const uint8_t *mask, size_t s, size_t from, size_t to)
{
    size_t keys = 0;

    for (size_t j = 0; j < s; j++) {
        bool any = false;

        for (size_t i = from; i < to; i++)
            any |= seen(mask, s, i, j) && (!p->causal || j <= i);
        keys += any;
    }
    return (double)keys;
}

static void unions(const struct sofa_attention_params *p, const uint8_t *mask, const uint8_t *selection, size_t s,
                   struct sofa_attention_stats *st)
{
    for (size_t from = 0; from < s; from += p->block_rows) {
        size_t to = from + p->block_rows < s ? from + p->block_rows : s, keys = 0;

        for (size_t j = 0; j < s; j++) {
            bool any = false;

            for (size_t i = from; i < to; i++)
                any |= selection[i * s + j];
            keys += any;
        }
        st->blocks++;
        st->block_union += (double)keys;
        st->union_block += (double)keys / in_sight(p, mask, s, from, to);
        st->block_naive += (double)literal_naive(selection, s, from, to, p->keys_per_phase);
        st->block_rass += (double)literal_rass(selection, s, from, to, p->keys_per_phase);
    }
    for (size_t j = 0; j < s; j++) {
        bool any = false;

        for (size_t i = 0; i < s; i++)
            any |= selection[i * s + j];
        st->union_all += any;
    }
}

static void finish(const struct sofa_attention_params *p, const uint8_t *mask, struct literal *out, double firsts,
                   double e, double norm)
{
    struct sofa_attention_stats *st = &out->stats;
    size_t s = out->s, last = s < 16 ? s : 16;

    unions(p, mask, out->selection, s, st);
    st->density = st->selected / st->visible;
    st->mass /= (double)s;
    st->overlap /= st->selected;
    st->overlap_sort /= st->selected;
    st->union_block /= st->blocks;
    st->block_union /= st->blocks;
    st->block_naive /= st->blocks;
    st->block_rass /= st->blocks;
    st->union_all /= (double)s;
    st->max_mispredict = firsts > 0 ? st->max_mispredict / firsts : 0;
    st->rel_error = norm > 0 ? sqrt(e / norm) : 0;
    st->rass_last_rows = (double)last;
    st->rass_per_phase = (double)p->keys_per_phase;
    st->naive_loads = (double)literal_naive(out->selection, s, s - last, s, p->keys_per_phase);
    st->rass_loads = (double)literal_rass(out->selection, s, s - last, s, p->keys_per_phase);
}

void literal_run(const struct sofa_attention_params *p, const uint8_t *mask, size_t s, size_t h, size_t d,
                 const float *x, const float *wk, const float *q, const float *k, const float *v, struct sofa_rope rope, struct literal *out)
{
    int64_t *qq = malloc(s * d * sizeof *qq), *fq = malloc(s * d * sizeof *fq), *fk = malloc(s * d * sizeof *fk);
    int64_t *fv = malloc(s * d * sizeof *fv);
    double c = quantise(q, s * d, p->q_bits, qq) * 0.75, sq = quantise(q, s * d, p->formal_bits, fq);
    double sk = quantise(k, s * d, p->formal_bits, fk), sv = quantise(v, s * d, p->formal_bits, fv);
    double firsts = 0, error = 0, norm = 0, root = sqrt((double)d);
    struct row r;

    *out = (struct literal){.s = s, .h = h, .d = d, .khat = calloc(s * d, 8), .scores = calloc(s * s, 8),
                            .selection = calloc(s, s), .o = calloc(s * d, 8)};
    r = (struct row){calloc(s, 8), calloc(s, 8), calloc(s, 8), calloc(s, 8), calloc(s, 8), malloc(s), malloc(s)};
    memset(r.all, 1, s);
    out->stats.khat_scale = predict(p, s, h, d, x, wk, rope, out->khat);
    out->stats.logit_scale = c = c * out->stats.khat_scale / root;
    for (size_t i = 0; i < s; i++) {
        uint8_t *mark = out->selection + i * s;
        size_t visible = p->causal ? i + 1 : s;

        for (size_t j = 0; j < s; j++) {
            int64_t score = 0, product = 0;

            for (size_t u = 0; u < d; u++) {
                score += lz(qq[i * d + u]) * out->khat[j * d + u];
                product += fq[i * d + u] * fk[j * d + u];
            }
            out->scores[i * s + j] = score;
            r.a[j] = (double)score;
            r.formal[j] = (double)product;
            r.exact[j] = dot(q + i * d, k + j * d, d);
            r.logit[j] = (double)product * sq * sk / root;
        }
        if (mask && p->fixed)
            take_row(p, mask, s, i, mark, &out->stats);
        else
            select_row(p, mask, s, i, r.a, c, r.formal, mark, &out->stats, &firsts);
        out->stats.overlap_sort += overlap(r.a, &r, mask ? mask + i * s : r.all, visible, mark, s);
        out->stats.overlap += overlap(r.exact, &r, r.all, visible, mark, s);
        softmax_over(r.logit, mark, s, r.w);
        for (size_t j = 0; j < s; j++)
            for (size_t u = 0; u < d; u++)
                out->o[i * d + u] += r.w[j] * (double)fv[j * d + u] * sv;
        for (size_t j = 0; j < s; j++)
            r.logit[j] = r.exact[j] / root;
        softmax_over(r.logit, r.all, visible, r.w);
        for (size_t j = 0; j < visible; j++)
            out->stats.mass += mark[j] * r.w[j];
        for (size_t u = 0; u < d; u++) {
            double dense = 0;

            for (size_t j = 0; j < visible; j++)
                dense += r.w[j] * v[j * d + u];
            error += (out->o[i * d + u] - dense) * (out->o[i * d + u] - dense);
            norm += dense * dense;
        }
    }
    finish(p, mask, out, firsts, error, norm);
    free(qq), free(fq), free(fk), free(fv);
    free(r.a), free(r.formal), free(r.exact), free(r.logit), free(r.w), free(r.all), free(r.top);
}

void literal_free(struct literal *out)
{
    free(out->khat);
    free(out->scores);
    free(out->selection);
    free(out->o);
}

size_t literal_naive(const uint8_t *selection, size_t s, size_t from, size_t to, size_t g)
{
    size_t *next = calloc(to - from, sizeof *next), loads = 0;
    uint8_t *loaded = malloc(s);
    bool any = true;

    while (any) {
        any = false;
        memset(loaded, 0, s);
        for (size_t i = from; i < to; i++)
            for (size_t n = 0; next[i - from] < s && n < g; next[i - from]++)
                if (selection[i * s + next[i - from]]) {
                    loaded[next[i - from]] = 1;
                    any = true;
                    n++;
                }
        for (size_t j = 0; j < s; j++)
            loads += loaded[j];
    }
    free(next);
    free(loaded);
    return loads;
}

size_t literal_rass(const uint8_t *selection, size_t s, size_t from, size_t to, size_t g)
{
    size_t rows = to - from, loads = 0, total = 1;
    uint8_t *wait = malloc(rows * s), *issued = malloc(s);
    size_t *budget = malloc(rows * sizeof *budget);

    memcpy(wait, selection + from * s, rows * s);
    for (;;) {
        memset(issued, 0, s);
        total = 0;
        for (size_t r = 0; r < rows; r++) {
            budget[r] = 0;
            for (size_t j = 0; j < s; j++)
                budget[r] += wait[r * s + j];
            budget[r] = budget[r] < g ? budget[r] : g;
            total += budget[r];
        }
        if (!total)
            break;
        while (total) {
            size_t best = s, best_serves = 0, best_others = 0;

            for (size_t j = 0; j < s; j++) {
                size_t serves = 0, others = 0;

                for (size_t r = 0; r < rows; r++) {
                    serves += wait[r * s + j] && budget[r];
                    others += wait[r * s + j] && !budget[r];
                }
                if (issued[j] || !serves)
                    continue;
                if (best == s || serves > best_serves || (serves == best_serves && others < best_others)) {
                    best = j;
                    best_serves = serves;
                    best_others = others;
                }
            }
            issued[best] = 1;
            loads++;
            for (size_t r = 0; r < rows; r++)
                if (wait[r * s + best] && budget[r]) {
                    wait[r * s + best] = 0;
                    budget[r]--;
                    total--;
                }
        }
    }
    free(wait);
    free(issued);
    free(budget);
    return loads;
}
