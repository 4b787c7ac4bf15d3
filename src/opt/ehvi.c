#include "opt/ehvi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/special.h"

void sofa_ehvi_release(struct sofa_ehvi *ehvi)
{
    free(ehvi->closed.corner);
    free(ehvi->open.corner);
    free(ehvi->next.corner);
    free(ehvi->levels);
    free(ehvi->volume);
    free(ehvi->flat);
    *ehvi = (struct sofa_ehvi)SOFA_EHVI_INIT;
}

static size_t box_doubles(const struct sofa_ehvi *ehvi)
{
    return ehvi->q ? 2 * ehvi->q : 1; /* without cheap objectives a box is a point of volume 1 */
}

static enum sofa_code add_box(const struct sofa_ehvi *ehvi, struct sofa_boxes *list, const double *box,
                              struct sofa_err *err)
{
    size_t doubles = box_doubles(ehvi), n = list->capacity ? 2 * list->capacity : 64;
    double *corner;

    if (list->count == list->capacity) {
        corner = realloc(list->corner, n * 2 * SOFA_OPT_OBJECTIVES_MAX * sizeof *corner);
        if (!corner)
            return sofa_fail_nomem(err, "the acquisition");
        list->corner = corner;
        list->capacity = n;
    }
    memcpy(list->corner + list->count++ * doubles, box, doubles * sizeof *box);
    return SOFA_OK;
}

/* Cuts an open box along the corner c: what lies beyond c in every objective is closed (and nobody's concern where
 * there are no levels), the rest stays open in up to q pieces. */
static enum sofa_code cut_box(struct sofa_ehvi *ehvi, const double *box, const double *c, struct sofa_err *err)
{
    size_t q = ehvi->q;
    double rest[2 * SOFA_OPT_OBJECTIVES_MAX] = {0}, piece[2 * SOFA_OPT_OBJECTIVES_MAX];
    enum sofa_code rc = SOFA_OK;

    memcpy(rest, box, box_doubles(ehvi) * sizeof *rest);
    for (size_t j = 0; j < q; j++) {
        if (rest[j] >= c[j])
            continue;
        memcpy(piece, rest, sizeof piece);
        piece[q + j] = c[j];
        rest[j] = c[j];
        SOFA_TRY(add_box(ehvi, &ehvi->next, piece, err));
    }
    if (ehvi->with_levels)
        SOFA_TRY(add_box(ehvi, &ehvi->closed, rest, err));
out:
    return rc;
}

static bool reaches_beyond(const double *upper, const double *c, size_t q)
{
    for (size_t j = 0; j < q; j++)
        if (upper[j] <= c[j])
            return false;
    return true;
}

static enum sofa_code add_level(struct sofa_ehvi *ehvi, double b, struct sofa_err *err)
{
    size_t n = ehvi->level_capacity ? 2 * ehvi->level_capacity : 64;
    struct sofa_ehvi_level *levels;

    if (ehvi->level_count == ehvi->level_capacity) {
        levels = realloc(ehvi->levels, n * sizeof *levels);
        if (!levels)
            return sofa_fail_nomem(err, "the acquisition");
        ehvi->levels = levels;
        ehvi->level_capacity = n;
    }
    ehvi->levels[ehvi->level_count++] = (struct sofa_ehvi_level){
        b, ehvi->logarithm ? sofa_opt_exp(b) : 1, ehvi->closed.count};
    return SOFA_OK;
}

/* Closes what point c dominates of the open boxes; a point that dominates nothing new has no level. */
static enum sofa_code add_point(struct sofa_ehvi *ehvi, const double *c, double b, struct sofa_err *err)
{
    size_t doubles = box_doubles(ehvi), before = ehvi->closed.count;
    struct sofa_boxes open = ehvi->open;
    enum sofa_code rc = SOFA_OK;

    ehvi->next.count = 0;
    for (size_t i = 0; i < open.count; i++) {
        const double *box = open.corner + i * doubles;

        if (reaches_beyond(box + ehvi->q, c, ehvi->q))
            SOFA_TRY(cut_box(ehvi, box, c, err));
        else
            SOFA_TRY(add_box(ehvi, &ehvi->next, box, err));
    }
    ehvi->open = ehvi->next;
    ehvi->next = open;
    if (ehvi->closed.count > before)
        SOFA_TRY(add_level(ehvi, b, err));
out:
    return rc;
}

struct ranked {
    double b;
    size_t index;
};

static int compare_ranked(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;

    if (a->b != b->b)
        return a->b < b->b ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static struct ranked *rank_points(size_t n, const double *b)
{
    struct ranked *order = malloc((n + 1) * sizeof *order);

    for (size_t i = 0; order && i < n; i++)
        order[i] = (struct ranked){b[i], i};
    if (order)
        qsort(order, n, sizeof *order, compare_ranked);
    return order;
}

/* One open box below the reference, without a lower end: queries clip it. */
static enum sofa_code open_everything(struct sofa_ehvi *ehvi, const double *reference, struct sofa_err *err)
{
    double all[2 * SOFA_OPT_OBJECTIVES_MAX] = {0};

    for (size_t j = 0; j < ehvi->q; j++) {
        ehvi->reference[j] = reference[j];
        all[j] = -INFINITY;
        all[ehvi->q + j] = reference[j];
    }
    return add_box(ehvi, &ehvi->open, all, err);
}

/* The closed boxes by objective; those of the padding have no volume. */
static enum sofa_code lay_out(struct sofa_ehvi *ehvi, struct sofa_err *err)
{
    size_t n = ehvi->closed.count, q = ehvi->q, rows = (n + 7) / 8 * 8;

    if (rows > ehvi->rows) {
        rows *= 2; /* fronts grow */
        free(ehvi->volume);
        ehvi->volume = aligned_alloc(64, rows * (1 + 2 * SOFA_OPT_OBJECTIVES_MAX) * sizeof *ehvi->volume);
        ehvi->rows = ehvi->volume ? rows : 0;
        if (!ehvi->volume)
            return sofa_fail_nomem(err, "the acquisition");
    }
    ehvi->low = ehvi->volume + ehvi->rows;
    ehvi->high = ehvi->low + q * ehvi->rows;
    for (size_t j = 0; j < q; j++)
        for (size_t i = 0; i < SOFA_DENSE_ROUND(n); i++) {
            ehvi->low[j * ehvi->rows + i] = i < n ? ehvi->closed.corner[i * 2 * q + j] : 0;
            ehvi->high[j * ehvi->rows + i] = i < n ? ehvi->closed.corner[i * 2 * q + q + j] : 0;
        }
    return SOFA_OK;
}

/* Notes the points down; returns how many of them `open` holds for already. */
static enum sofa_code note_flat(struct sofa_ehvi *ehvi, const double *reference, size_t n, const double *c, size_t *held,
                                struct sofa_err *err)
{
    size_t q = ehvi->q, room = 2 * n + 64;
    bool same = ehvi->flat_n > 0 && q > 0 && ehvi->flat_n <= n &&
                memcmp(ehvi->reference, reference, q * sizeof *reference) == 0 &&
                memcmp(ehvi->flat, c, ehvi->flat_n * q * sizeof *c) == 0;

    *held = same ? ehvi->flat_n : 0;
    ehvi->flat_n = 0; /* until all are cut */
    if (n * q > ehvi->flat_capacity) {
        free(ehvi->flat);
        ehvi->flat = malloc(room * (q + 1) * sizeof *ehvi->flat);
        ehvi->flat_capacity = ehvi->flat ? room * q : 0;
        if (!ehvi->flat)
            return sofa_fail_nomem(err, "the acquisition");
    }
    if (n * q > 0) /* c may be NULL where there are none */
        memcpy(ehvi->flat, c, n * q * sizeof *c);
    return SOFA_OK;
}

/* All points without levels: only what none of them dominates is asked for. */
static enum sofa_code build_flat(struct sofa_ehvi *ehvi, const double *reference, size_t n, const double *c,
                                 struct sofa_err *err)
{
    enum sofa_code rc;
    size_t held;

    SOFA_TRY(note_flat(ehvi, reference, n, c, &held, err));
    if (held == 0) {
        ehvi->open.count = 0;
        SOFA_TRY(open_everything(ehvi, reference, err));
    }
    for (size_t k = held; k < n; k++)
        SOFA_TRY(add_point(ehvi, c + k * ehvi->q, 0, err));
    ehvi->flat_n = n;
out:
    return rc;
}

static enum sofa_code build_levels(struct sofa_ehvi *ehvi, const double *reference, size_t n, const double *c,
                                   const double *b, double last, struct sofa_err *err)
{
    struct ranked *order = rank_points(n, b);
    enum sofa_code rc;

    if (!order)
        return sofa_fail_nomem(err, "the acquisition");
    ehvi->open.count = ehvi->flat_n = 0;
    SOFA_TRY(open_everything(ehvi, reference, err));
    for (size_t k = 0; k < n && order[k].b < last; k++)
        SOFA_TRY(add_point(ehvi, c + order[k].index * ehvi->q, order[k].b, err));
out:
    free(order);
    return rc;
}

enum sofa_code sofa_ehvi_build(struct sofa_ehvi *ehvi, size_t q, const double *reference, size_t n, const double *c,
                               const double *b, double last, bool logarithm, struct sofa_err *err)
{
    enum sofa_code rc;

    ehvi->with_levels = b != NULL;
    ehvi->logarithm = logarithm;
    ehvi->dense = sofa_dense_best();
    ehvi->closed.count = ehvi->level_count = 0;
    ehvi->flat_n = ehvi->q == q ? ehvi->flat_n : 0;
    ehvi->q = q;
    SOFA_TRY(b ? build_levels(ehvi, reference, n, c, b, last, err) : build_flat(ehvi, reference, n, c, err));
    for (size_t i = 0; i < ehvi->open.count; i++)
        SOFA_TRY(add_box(ehvi, &ehvi->closed, ehvi->open.corner + i * box_doubles(ehvi), err));
    SOFA_TRY(add_level(ehvi, last, err));
    SOFA_TRY(lay_out(ehvi, err));
out:
    return rc;
}

/* The sum of the volumes of boxes [from, to). */
static double sum_volumes(const struct sofa_ehvi *ehvi, size_t from, size_t to)
{
    double sum = 0;

    for (size_t i = from; i < to; i++)
        sum += ehvi->volume[i];
    return sum;
}

/* The volumes beyond c of boxes [from, the last]. */
static void clip_boxes(const struct sofa_ehvi *ehvi, size_t from, const double *c)
{
    from = from / SOFA_DENSE_LANES * SOFA_DENSE_LANES;
    ehvi->dense->clip(ehvi->low + from, ehvi->high + from, ehvi->rows, c, ehvi->q, ehvi->closed.count - from,
                      ehvi->volume + from);
}

/* ln(exp(a) + exp(b)) */
static double add_logs(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;

    return low - high < -40 ? high : high + sofa_opt_log1p(sofa_opt_exp(low - high));
}

#define SUM_LEAST 1e-200 /* below it, plain numbers may have lost terms */
#define REST 1e-17       /* a share of the sum that no longer shows */
#define REST_OF_BOUND 1e-3 /* and one by which a bound may be the looser */

/* The volumes of the levels in place of those of the boxes; returns all of it. */
static double gather_levels(const struct sofa_ehvi *ehvi)
{
    double all = 0;
    size_t from = 0, end;

    for (size_t k = 0; k < ehvi->level_count; k++, from = end) {
        end = ehvi->levels[k].end;
        ehvi->volume[k] = sum_volumes(ehvi, from, end); /* end > k: no level is without a box */
        all += ehvi->volume[k];
    }
    return all;
}

/* What a level gives per volume, over sd or, on a logarithmic scale, as it is. */
static double level_gain(const struct sofa_ehvi *ehvi, size_t k, double mu, double sd)
{
    double u = (ehvi->levels[k].b - mu) / sd;

    return ehvi->logarithm ? ehvi->levels[k].unit * sofa_lognormal_gain(u, sd) : sofa_normal_h(u);
}

static double level_log_gain(const struct sofa_ehvi *ehvi, size_t k, double mu, double sd)
{
    double u = (ehvi->levels[k].b - mu) / sd;

    return ehvi->logarithm ? ehvi->levels[k].b + sofa_lognormal_log_gain(u, sd) : sofa_normal_log_h(u);
}

/* The levels from the highest down, until the rest is no more than `share` of the sum; the rest is then taken as if it
 * gained what the highest of its levels does. */
static double log_sum(const struct sofa_ehvi *ehvi, const double *c, double mu, double sd, double share)
{
    double sum = 0, logs = -INFINITY, rest, gain, unit;

    clip_boxes(ehvi, 0, c);
    rest = gather_levels(ehvi);
    if (!(rest > 0))
        return -INFINITY;
    for (size_t k = ehvi->level_count; k-- > 0;) {
        if (!(ehvi->volume[k] > 0))
            continue;
        gain = level_gain(ehvi, k, mu, sd); /* it grows with b: the levels below add no more */
        if (rest * gain < share * sum) {
            sum += rest * gain;
            break;
        }
        sum += ehvi->volume[k] * gain;
        rest -= ehvi->volume[k];
    }
    unit = ehvi->logarithm ? 0 : sofa_opt_log(sd);
    if (sum > SUM_LEAST)
        return sofa_opt_log(sum) + unit;
    for (size_t k = 0; k < ehvi->level_count; k++)
        if (ehvi->volume[k] > 0)
            logs = add_logs(logs, sofa_opt_log(ehvi->volume[k]) + level_log_gain(ehvi, k, mu, sd));
    return logs + unit;
}

double sofa_ehvi_log(const struct sofa_ehvi *ehvi, const double *c, double mu, double sd)
{
    return log_sum(ehvi, c, mu, sd, REST);
}

/* On a linear scale it grows with the deviation.  On a logarithmic one it falls as the mean of y rises,
 * which is exp(mu + sd^2/2), and grows with the deviation where that mean stays: the mean is no less than exp(mu). */
double sofa_ehvi_log_bound(const struct sofa_ehvi *ehvi, const double *c, double mu, double sd)
{
    return log_sum(ehvi, c, ehvi->logarithm ? mu - 0.5 * sd * sd : mu, sd, REST_OF_BOUND);
}

double sofa_ehvi_log_volume(const struct sofa_ehvi *ehvi, const double *c)
{
    size_t from = ehvi->level_count > 1 ? ehvi->levels[ehvi->level_count - 2].end : 0;
    double volume;

    clip_boxes(ehvi, from, c);
    volume = sum_volumes(ehvi, from, ehvi->closed.count);
    return volume > 0 ? sofa_opt_log(volume) : -INFINITY;
}
