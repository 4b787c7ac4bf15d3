#include "attention/stats.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "acsr/members.h"

#define SAMPLE_STEP 8 /* rows; the one in the middle of them is compared */

static double norm(const float *x, size_t n)
{
    double sum = 0;

    for (size_t c = 0; c < n; c++)
        sum += (double)x[c] * x[c];
    return sqrt(sum);
}

/* Keys a row sees. */
static size_t seen(const struct sofa_tally *t, size_t row)
{
    return t->tiling->members ? sofa_members_count(t->tiling->members, row) : sofa_visible(t->tiling, row);
}

static enum sofa_code init_exact(struct sofa_tally *t, const float *q, const float *k, const float *v,
                                 struct sofa_arena *arena, struct sofa_err *err)
{
    size_t s = t->s, d = t->d;
    double *qd = sofa_arena_alloc(arena, t->compared * d, sizeof *qd), *vd = sofa_arena_alloc(arena, s * d, sizeof *vd);
    double *kt = sofa_arena_zalloc(arena, d * t->stride, sizeof *kt);

    t->exact = sofa_arena_alloc(arena, SOFA_TALLY_GROUP * t->stride, sizeof *t->exact);
    t->weight = sofa_arena_alloc(arena, SOFA_TALLY_GROUP * t->stride, sizeof *t->weight);
    t->dense = sofa_arena_alloc(arena, SOFA_TALLY_GROUP * d, sizeof *t->dense);
    t->top = sofa_arena_alloc(arena, s + 1, sizeof *t->top);
    t->chosen = sofa_arena_zalloc(arena, s, 1);
    t->compact = t->tiling->members ? sofa_arena_alloc(arena, s, sizeof *t->compact) : NULL;
    t->index = t->tiling->members ? sofa_arena_alloc(arena, s, sizeof *t->index) : NULL;
    if (!qd || !vd || !kt || !t->exact || !t->weight || !t->dense || !t->top || !t->chosen ||
        (t->tiling->members && (!t->compact || !t->index)))
        return sofa_fail_nomem(err, "statistics");
    for (size_t i = 0; i < t->compared; i++)
        for (size_t c = 0; c < d; c++)
            qd[i * d + c] = q[(t->offset + i * t->step) * d + c];
    for (size_t i = 0; i < s; i++)
        for (size_t c = 0; c < d; c++) {
            vd[i * d + c] = v[i * d + c];
            kt[c * t->stride + i] = k[i * d + c];
        }
    t->q = qd;
    t->v = vd;
    t->kt = kt;
    return SOFA_OK;
}

enum sofa_code sofa_tally_init(struct sofa_tally *t, enum sofa_stats_level level, const float *q, const float *k,
                               const float *v, struct sofa_arena *arena, struct sofa_err *err)
{
    t->stamp = sofa_arena_alloc(arena, t->s, sizeof *t->stamp);
    t->in_head = sofa_arena_zalloc(arena, t->s, 1);
    t->last_rows = t->s < SOFA_LAST_ROWS ? t->s : SOFA_LAST_ROWS;
    t->last_keys = sofa_arena_alloc(arena, t->last_rows * t->s, sizeof *t->last_keys);
    if (!t->stamp || !t->in_head || !t->last_keys)
        return sofa_fail_nomem(err, "statistics");
    for (size_t i = 0; i < t->s; i++) {
        double n = norm(t->formal->k + i * t->formal->dp, t->formal->dp);

        t->largest_key_norm = n > t->largest_key_norm ? n : t->largest_key_norm;
    }
    t->overlaps = level == SOFA_STATS_ALL;
    t->step = t->overlaps || t->s < SAMPLE_STEP ? 1 : SAMPLE_STEP;
    t->offset = t->step / 2;
    t->compared = (t->s - t->offset + t->step - 1) / t->step;
    return level >= SOFA_STATS_SAMPLE ? init_exact(t, q, k, v, arena, err) : SOFA_OK;
}

/* q.k of the quantised integers, exact in double. */
static double exact_score(const struct sofa_formal *f, size_t row, uint32_t key)
{
    const float *q = f->q + row * f->dp, *k = f->k + key * f->dp;
    double sum = 0;

    for (size_t c = 0; c < f->dp; c++)
        sum += (double)q[c] * k[c];
    return sum;
}

/* The largest float that isn't above x: a float is above x where it is above that. */
static float float_below(double x)
{
    float f = (float)x;

    return (double)f > x ? nextafterf(f, -INFINITY) : f;
}

/* Whether a key of the tile, keys [n], has a larger formal score than keys [at].  float scores decide where they are
 * further apart than their rounding, integers elsewhere. */
static bool mispredicted(const struct sofa_tally *t, size_t row, const uint32_t *keys, const float *scores, size_t n,
                         size_t at, double rounding)
{
    double predicted = scores[at];
    float least = nextafterf(float_below(predicted - rounding), -INFINITY);
    size_t larger, near = t->kernel->count_near(scores, n, least, float_below(predicted + rounding), &larger);

    if (larger || near < 2)
        return larger > 0;
    predicted = exact_score(t->formal, row, keys[at]);
    for (size_t i = 0; i < n; i++)
        if (exact_score(t->formal, row, keys[i]) > predicted)
            return true;
    return false;
}

/* How many of keys [n] lie below `end`; they ascend, and `guess` of them may be right. */
static size_t keys_below(const uint32_t *keys, size_t n, size_t end, size_t guess)
{
    size_t t = guess <= n && (!guess || keys[guess - 1] < end) ? guess : 0;

    while (t < n && keys[t] < end)
        t++;
    return t;
}

/* The place of a key that is there. */
static size_t place_of(const uint32_t *keys, size_t n, uint32_t key)
{
    int32_t below = 0;

    for (size_t t = 0; t < n; t++)
        below += (int32_t)keys[t] < (int32_t)key;
    return (size_t)below;
}

static void tally_firsts(struct sofa_tally *t, size_t row, const uint32_t *keys, size_t n, const uint32_t *first,
                         const float *scores)
{
    /* each lane adds dp/LANES products, the tree four times; both sides of the comparison may be off */
    double steps = (double)t->formal->dp / SOFA_LANES + 5;
    double rounding = 2 * steps * FLT_EPSILON * norm(t->formal->q + row * t->formal->dp, t->formal->dp);
    size_t m = 0;

    rounding *= t->largest_key_norm;
    for (size_t tile = 0, from = 0; from < n; tile++, from += m) {
        m = keys_below(keys + from, n - from, (tile + 1) * t->tiling->keys, m);
        if (m) {
            t->firsts++;
            t->mispredicted += mispredicted(t, row, keys + from, scores + from, m,
                                            place_of(keys + from, m, first[tile]), rounding);
        }
    }
}

/* How many of keys [n] are among the n largest of x [visible]. */
static size_t common_with_top(struct sofa_tally *t, const double *x, size_t visible, bool integral, size_t n)
{
    size_t feasible, common = 0, got;

    got = sofa_select(t->kernel, x, visible, n, -INFINITY, integral, 0, t->top, &feasible);
    for (size_t i = 0; i < got; i++)
        common += t->chosen[t->top[i]];
    return common;
}

/* The same of the predicted scores of what the row sees. */
static size_t common_with_predicted(struct sofa_tally *t, size_t row, const double *predicted, size_t n)
{
    size_t visible = sofa_visible(t->tiling, row), feasible, common = 0, seen_keys = 0, got;
    const uint64_t *bits;

    if (!predicted)
        return n;
    if (!t->tiling->members)
        return common_with_top(t, predicted, visible, true, n);
    bits = sofa_members_row(t->tiling->members, row);
    for (size_t j = 0; j < visible; j++) {
        t->compact[seen_keys] = predicted[j];
        t->index[seen_keys] = (uint32_t)j;
        seen_keys += bits[j / 64] >> j % 64 & 1;
    }
    got = sofa_select(t->kernel, t->compact, seen_keys, n, -INFINITY, true, 0, t->top, &feasible);
    for (size_t i = 0; i < got; i++)
        common += t->chosen[t->index[t->top[i]]];
    return common;
}

/* Dense attention in double of the compared rows from the i-th on. */
static void dense_group(struct sofa_tally *t, size_t i)
{
    size_t n = t->compared - i < SOFA_TALLY_GROUP ? t->compared - i : SOFA_TALLY_GROUP;
    size_t first = t->offset + i * t->step, columns = sofa_visible(t->tiling, first + (n - 1) * t->step);

    t->kernel->scores(t->q + i * t->d, t->kt, n, t->d, t->stride, columns, t->exact);
    for (size_t r = 0; r < n; r++) {
        double *weight = t->weight + r * t->stride;
        size_t visible = sofa_visible(t->tiling, first + r * t->step);

        memcpy(weight, t->exact + r * t->stride, visible * sizeof *weight);
        t->sum[r] = t->kernel->exp_sum(weight, visible, t->kernel->max(weight, visible), 1 / sqrt((double)t->d));
        memset(weight + visible, 0, (columns - visible) * sizeof *weight);
    }
    t->kernel->weigh(t->weight, t->v, n, columns, t->d, t->stride, t->dense);
    t->group = i;
    t->grouped = n;
}

static void tally_overlaps(struct sofa_tally *t, size_t row, const double *exact, const uint32_t *keys, size_t n,
                           const double *predicted)
{
    for (size_t i = 0; i < n; i++)
        t->chosen[keys[i]] = 1;
    t->overlap_sort += (double)common_with_predicted(t, row, predicted, n);
    t->overlap += (double)common_with_top(t, exact, sofa_visible(t->tiling, row), false, n);
    for (size_t i = 0; i < n; i++)
        t->chosen[keys[i]] = 0;
}

static void tally_exact(struct sofa_tally *t, size_t row, const uint32_t *keys, size_t n, const double *predicted,
                        const float *out)
{
    size_t d = t->d, i = (row - t->offset) / t->step, r;
    double on_selected = 0;

    if (i < t->group || i >= t->group + t->grouped)
        dense_group(t, i);
    r = i - t->group;
    if (t->overlaps)
        tally_overlaps(t, row, t->exact + r * t->stride, keys, n, predicted);
    for (size_t k = 0; k < n; k++)
        on_selected += t->weight[r * t->stride + keys[k]];
    t->mass += on_selected / t->sum[r];
    for (size_t c = 0; c < d; c++) {
        double dense = t->dense[r * d + c] / t->sum[r], e = out[c] - dense;

        t->difference += e * e;
        t->norm += dense * dense;
    }
}

void sofa_tally_row(struct sofa_tally *t, size_t row, const uint32_t *keys, size_t n, const uint32_t *first,
                    const float *formal_scores, const double *predicted, const float *out)
{
    t->selected += n;
    t->visible += seen(t, row);
    if (first)
        tally_firsts(t, row, keys, n, first, formal_scores);
    if (row + t->last_rows >= t->s) {
        size_t i = row + t->last_rows - t->s;

        memcpy(t->last_keys + t->last_start[i], keys, n * sizeof *keys);
        t->last_start[i + 1] = t->last_start[i] + n;
    }
    if (t->q && row % t->step == t->offset)
        tally_exact(t, row, keys, n, predicted, out);
}

enum sofa_code sofa_tally_block(struct sofa_tally *t, size_t row, const struct sofa_block *block,
                                struct sofa_arena *arena, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    size_t in_union = 0, visible = sofa_visible(t->tiling, row + block->rows - 1), loads;
    size_t in_sight = t->tiling->members ? sofa_members_union(t->tiling->members) : visible;

    t->blocks++;
    t->naive += sofa_naive_loads(block, visible, t->params->keys_per_phase, t->stamp);
    for (size_t j = 0; j < visible; j++) { /* the stamps that are left mark the keys of the block */
        in_union += t->stamp[j] != 0;
        t->in_head[j] |= t->stamp[j] != 0;
    }
    t->union_keys += in_union;
    t->union_share += (double)in_union / (double)in_sight;
    SOFA_TRY(sofa_rass_loads(t->kernel, block, visible, t->params->keys_per_phase, NULL, &loads, arena, err));
    t->rass += loads;
out:
    return rc;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

enum sofa_code sofa_tally_finish(struct sofa_tally *t, struct sofa_attention_stats *stats, struct sofa_arena *arena,
                                 struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    struct sofa_block last = {.rows = t->last_rows, .start = t->last_start, .keys = t->last_keys};
    double blocks = (double)t->blocks, in_head = 0;
    size_t loads;

    for (size_t j = 0; j < t->s; j++)
        in_head += t->in_head[j];
    SOFA_TRY(sofa_rass_loads(t->kernel, &last, t->s, t->params->keys_per_phase, NULL, &loads, arena, err));
    stats->selected = (double)t->selected;
    stats->visible = (double)t->visible;
    stats->clipped = (double)t->clipped;
    stats->density = share(stats->selected, stats->visible);
    stats->union_block = share(t->union_share, blocks);
    stats->union_all = share(in_head, (double)t->s);
    stats->max_mispredict = share((double)t->mispredicted, (double)t->firsts);
    stats->blocks = blocks;
    stats->block_union = share((double)t->union_keys, blocks);
    stats->block_naive = share((double)t->naive, blocks);
    stats->block_rass = share((double)t->rass, blocks);
    stats->naive_loads = (double)sofa_naive_loads(&last, t->s, t->params->keys_per_phase, t->stamp);
    stats->rass_loads = (double)loads;
    stats->rass_last_rows = (double)t->last_rows;
    stats->rass_per_phase = (double)t->params->keys_per_phase;
    stats->mass = share(t->mass, (double)t->compared);
    stats->overlap = share(t->overlap, stats->selected);
    stats->overlap_sort = share(t->overlap_sort, stats->selected);
    stats->rel_error = sqrt(share(t->difference, t->norm));
out:
    return rc;
}
