/* Prediction at neighbours of one point: only what one dimension changes is computed anew. */
#include <stdlib.h>
#include <string.h>

#include "opt/gp_impl.h"

void sofa_gp_free_base(struct sofa_gp *gp)
{
    free(gp->base.x);
    free(gp->base.u);
    free(gp->base.room);
    gp->base = (struct gp_base){0};
}

static enum sofa_code reserve(struct sofa_gp *gp, struct sofa_err *err)
{
    struct gp_base *base = &gp->base;
    size_t ld = gp->capacity, rows = 3 + gp->space.layers + gp->space.groups;

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
    base->layers = base->room + 3 * ld;
    base->group = base->layers + gp->space.layers * ld;
    return SOFA_OK;
}

static double layer_weight(const struct sofa_gp *gp)
{
    return gp->kernel.scale * (1 - gp->kernel.mix) / (double)gp->space.layers;
}

/* The additive part of layer l at features u, into out. */
static void layer_row(struct sofa_gp *gp, size_t l, const double *u, size_t m, double *out)
{
    size_t from = gp->space.layer[l].from, ld = gp->capacity;
    double *r2 = gp->strip + GP_STRIP_R2 * ld;

    memset(out, 0, m * sizeof *out);
    gp->dense->distances(gp->u + from * ld, ld, u + from, gp->kernel.inverse_layer + from,
                         gp->space.layer[l].to - from, m, r2);
    gp->dense->matern(r2, m, layer_weight(gp), out);
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

enum sofa_code sofa_gp_set_base(struct sofa_gp *gp, const int *x, struct sofa_err *err)
{
    struct gp_base *base = &gp->base;
    size_t m = SOFA_DENSE_ROUND(gp->rows), ld = gp->capacity;
    double *coef = gp->scratch + gp->space.padded, constant;
    enum sofa_code rc;

    SOFA_TRY(reserve(gp, err));
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
        layer_row(gp, l, base->u, m, base->layers + l * ld);
        for (size_t k = 0; k < m; k++)
            base->layer_sum[k] += base->layers[l * ld + k];
    }
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

/* Covariances of the point with features u, which differ from the base's in columns [from, to), into k. */
static void near_row(struct sofa_gp *gp, const double *u, size_t from, size_t to, size_t m, double *k)
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
    layer_row(gp, layer_of(&gp->space, from), u, m, row);
    for (size_t i = 0; i < m; i++)
        k[i] += base->layer_sum[i] + (row[i] - old[i]);
}

void sofa_gp_predict_near(struct sofa_gp *gp, size_t count, const int *const *x, double *mean, double *sd)
{
    size_t columns = gp->space.columns, from, to;
    double *u = gp->scratch, *coef = gp->scratch + gp->space.padded, variance[SOFA_GP_BATCH];

    for (size_t c = 0; c < count; c++) {
        sofa_gp_features(gp, x[c], u);
        for (from = 0; from < columns && u[from] == gp->base.u[from]; from++)
            ;
        for (to = columns; to > from && u[to - 1] == gp->base.u[to - 1]; to--)
            ;
        near_row(gp, u, from, to, SOFA_DENSE_ROUND(gp->rows), gp->strip + c * gp->capacity);
        if (gp->additive && from == to) /* the base itself */
            for (size_t i = 0; i < gp->rows; i++)
                gp->strip[c * gp->capacity + i] += gp->base.layer_sum[i];
        variance[c] = sofa_gp_own_variance(gp, u, coef);
    }
    sofa_gp_posterior(gp, count, variance, mean, sd);
}
