/* Prediction at neighbours of one point: only what one dimension changes is computed anew. */
#include <stdlib.h>
#include <string.h>

#include "opt/gp_impl.h"

#define BLOCK SOFA_DENSE_LANES

void sofa_gp_free_base(struct sofa_gp *gp)
{
    free(gp->base.x);
    free(gp->base.u);
    free(gp->base.room);
    free(gp->base.slots);
    free(gp->base.variance);
    gp->base = (struct gp_base){0};
}

static enum sofa_code reserve(struct sofa_gp *gp, struct sofa_err *err)
{
    struct gp_base *base = &gp->base;
    size_t ld = gp->capacity, rows = 5 + gp->space.layers + gp->space.groups;

    if (base->room)
        return SOFA_OK;
    base->x = calloc(gp->space.dims, sizeof *base->x);
    base->u = calloc(gp->space.padded + 1, sizeof *base->u);
    base->room = sofa_gp_new_rows(rows, ld);
    if (!base->x || !base->u || !base->room) {
        sofa_gp_free_base(gp);
        return sofa_fail_nomem(err, "a Gaussian process");
    }
    base->linear = base->room;
    base->r2 = base->room + ld;
    base->layer_sum = base->room + 2 * ld;
    base->weight = base->room + 3 * ld;
    base->scratch = base->room + 4 * ld;
    base->layers = base->room + 5 * ld;
    base->group = base->layers + gp->space.layers * ld;
    return SOFA_OK;
}

static enum sofa_code reserve_slots(struct sofa_gp *gp, size_t count, struct sofa_err *err)
{
    struct gp_base *base = &gp->base;

    if (count <= base->slot_count)
        return SOFA_OK;
    free(base->slots);
    free(base->variance);
    base->slots = sofa_gp_new_rows(count, gp->capacity);
    base->variance = calloc(count, sizeof *base->variance);
    base->slot_count = base->slots && base->variance ? count : 0;
    return base->slot_count ? SOFA_OK : sofa_fail_nomem(err, "a Gaussian process");
}

/* The additive part of layer l at x with features u, into out. */
static void layer_row(struct sofa_gp *gp, size_t l, const int *x, const double *u, size_t m, double *out)
{
    memset(out, 0, m * sizeof *out);
    sofa_gp_add_layer(gp, l, x, u, m, out);
}

static void sum_groups(struct sofa_gp *gp, size_t m)
{
    size_t ld = gp->capacity;

    memset(gp->base.group, 0, gp->space.groups * ld * sizeof *gp->base.group);
    for (size_t c = 0; c < gp->space.columns; c++)
        if (gp->space.column[c].group >= 0)
            for (size_t k = 0; k < m; k++)
                gp->base.group[(size_t)gp->space.column[c].group * ld + k] += gp->u[c * ld + k];
}

/* The base's own K^-1 k and k.K^-1.k. */
static void set_weight(struct sofa_gp *gp, size_t m)
{
    struct gp_base *base = &gp->base;
    size_t ld = gp->capacity;
    double *k = gp->strip, *t = base->scratch;

    memcpy(k, base->linear, m * sizeof *k);
    gp->dense->matern(base->r2, m, gp->kernel.scale * gp->kernel.mix, k);
    for (size_t i = 0; gp->additive && i < m; i++)
        k[i] += base->layer_sum[i];
    for (size_t i = gp->rows; i < m; i++)
        k[i] = 0;
    for (size_t ib = 0; ib < m; ib += BLOCK)
        gp->dense->rows(gp->inverse + ib * ld, ld, k, 0, ib + BLOCK, t + ib);
    for (size_t ib = 0; ib < m; ib += BLOCK)
        gp->dense->rows(gp->inverse_t + ib * ld, ld, t, ib, m, base->weight + ib);
    base->explained = gp->dense->dot(t, t, m);
}

enum sofa_code sofa_gp_set_base(struct sofa_gp *gp, const int *x, size_t count, struct sofa_err *err)
{
    struct gp_base *base = &gp->base;
    size_t m = SOFA_DENSE_ROUND(gp->rows), ld = gp->capacity;
    double *coef = gp->scratch + gp->space.padded, constant;
    enum sofa_code rc;

    SOFA_TRY(reserve(gp, err));
    SOFA_TRY(reserve_slots(gp, count, err));
    memcpy(base->x, x, gp->space.dims * sizeof *x);
    sofa_gp_features(gp, x, base->u);
    constant = sofa_gp_linear(gp, base->u, coef);
    for (size_t k = 0; k < m; k++)
        base->linear[k] = constant;
    gp->dense->combine(gp->u, ld, coef, gp->space.columns, m, base->linear);
    gp->dense->distances(gp->u, ld, base->u, gp->kernel.inverse, gp->space.columns, m, base->r2);
    sum_groups(gp, m);
    memset(base->layer_sum, 0, m * sizeof *base->layer_sum);
    for (size_t l = 0; gp->additive && l < gp->space.layers; l++) {
        layer_row(gp, l, x, base->u, m, base->layers + l * ld);
        for (size_t k = 0; k < m; k++)
            base->layer_sum[k] += base->layers[l * ld + k];
    }
    set_weight(gp, m);
out:
    return rc;
}

/* Moves column c from u to `to`: distances in r2, and the linear part in out. */
static void move_column(struct sofa_gp *gp, size_t c, double to, size_t m, double *r2, double *out)
{
    const struct gp_column *column = &gp->space.column[c];
    const struct gp_kernel *kernel = &gp->kernel;
    size_t ld = gp->capacity;
    double from = gp->base.u[c], scale = kernel->inverse[c], delta = to - from, coef;

    gp->dense->nudge(r2, gp->u + c * ld, scale * delta * (to + from), 2 * scale * delta, m, r2);
    if (column->group < 0)
        return;
    coef = kernel->slope[c] * delta;
    gp->dense->combine(gp->u + c * ld, ld, &coef, 1, m, out);
    if (gp->space.group[column->group].columns < 2)
        return;
    coef = kernel->shared[column->group] * gp->space.group[column->group].share *
           gp->space.group[column->group].share * delta;
    gp->dense->combine(gp->base.group + (size_t)column->group * ld, ld, &coef, 1, m, out);
}

static size_t layer_of(const struct gp_space *space, size_t column)
{
    size_t l = 0;

    while (column >= space->layer[l].to)
        l++;
    return l;
}

/* Covariances of the point x with features u, which differ from the base's in columns [from, to), into k. */
static void near_row(struct sofa_gp *gp, const int *x, const double *u, size_t from, size_t to, size_t m, double *k)
{
    struct gp_base *base = &gp->base;
    double *r2 = gp->strip + GP_STRIP_R2 * gp->capacity, *row = gp->strip + GP_STRIP_VALUE * gp->capacity;
    const double *old;

    memcpy(k, base->linear, m * sizeof *k);
    memcpy(r2, base->r2, m * sizeof *r2);
    for (size_t c = from; c < to; c++)
        if (u[c] != base->u[c])
            move_column(gp, c, u[c], m, r2, k);
    gp->dense->matern(r2, m, gp->kernel.scale * gp->kernel.mix, k);
    if (!gp->additive || from == to)
        return;
    old = base->layers + layer_of(&gp->space, from) * gp->capacity;
    layer_row(gp, layer_of(&gp->space, from), x, u, m, row);
    for (size_t i = 0; i < m; i++)
        k[i] += base->layer_sum[i] + (row[i] - old[i]);
}

void sofa_gp_near(struct sofa_gp *gp, size_t slot, const int *x, double *mean, double *sd_bound)
{
    size_t columns = gp->space.columns, from, to, m = SOFA_DENSE_ROUND(gp->rows);
    double *u = gp->scratch, *coef = gp->scratch + gp->space.padded, *k = gp->base.slots + slot * gp->capacity, bound;

    sofa_gp_features(gp, x, u);
    for (from = 0; from < columns && u[from] == gp->base.u[from]; from++)
        ;
    for (to = columns; to > from && u[to - 1] == gp->base.u[to - 1]; to--)
        ;
    near_row(gp, x, u, from, to, m, k);
    if (gp->additive && from == to) /* the base itself */
        for (size_t i = 0; i < gp->rows; i++)
            k[i] += gp->base.layer_sum[i];
    sofa_gp_means(gp, k, mean);
    gp->base.variance[slot] = sofa_gp_own_variance(gp, u, coef);
    bound = gp->base.variance[slot] + gp->base.explained - 2 * gp->dense->dot(k, gp->base.weight, m);
    *sd_bound = sofa_gp_deviation(gp, bound < gp->base.variance[slot] ? bound : gp->base.variance[slot]);
}

void sofa_gp_near_deviations(struct sofa_gp *gp, size_t count, const size_t *slots, double *sd)
{
    size_t m = SOFA_DENSE_ROUND(gp->rows);
    double variance[SOFA_GP_BATCH];

    for (size_t c = 0; c < count; c++) {
        memcpy(gp->strip + c * gp->capacity, gp->base.slots + slots[c] * gp->capacity, m * sizeof *gp->strip);
        variance[c] = gp->base.variance[slots[c]];
    }
    sofa_gp_deviations(gp, count, variance, sd);
}
