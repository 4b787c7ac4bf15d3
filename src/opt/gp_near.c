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
    free(gp->base.moved);
    free(gp->base.sum);
    free(gp->base.step);
    free(gp->base.steps);
    gp->base = (struct gp_base){0};
}

static enum sofa_code reserve(struct sofa_gp *gp, struct sofa_err *err)
{
    struct gp_base *base = &gp->base;
    size_t ld = gp->capacity, rows = 6 + gp->space.layers + gp->space.groups;

    if (base->room)
        return SOFA_OK;
    base->x = calloc(gp->space.dims, sizeof *base->x);
    base->u = calloc(gp->space.padded + 1, sizeof *base->u);
    base->room = sofa_gp_new_rows(rows, ld);
    base->sum = calloc(gp->space.groups + 1, sizeof *base->sum);
    base->step = calloc(gp->space.dims, sizeof *base->step);
    base->steps = sofa_gp_new_rows(gp->space.dims, ld);
    if (!base->x || !base->u || !base->room || !base->step || !base->steps || !base->sum) {
        sofa_gp_free_base(gp);
        return sofa_fail_nomem(err, "a Gaussian process");
    }
    base->linear = base->room;
    base->r2 = base->room + ld;
    base->layer_sum = base->room + 2 * ld;
    base->weight = base->room + 3 * ld;
    base->solved = base->room + 4 * ld;
    base->k = base->room + 5 * ld;
    base->layers = base->room + 6 * ld;
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
    free(base->moved);
    base->slots = sofa_gp_new_rows(count, gp->capacity);
    base->variance = calloc(count, sizeof *base->variance);
    base->moved = calloc(count, sizeof *base->moved);
    base->slot_count = base->slots && base->variance && base->moved ? count : 0;
    return base->slot_count ? SOFA_OK : sofa_fail_nomem(err, "a Gaussian process");
}

/* The additive part of layer l at the base, into its row and onto the sum. */
static void set_layer(struct sofa_gp *gp, size_t l, size_t m)
{
    struct gp_base *base = &gp->base;
    const unsigned short *combo;
    const double *row = sofa_gp_layer_row(gp, l, base->x, base->u, m, &combo);
    double *out = base->layers + l * gp->capacity;

    if (combo) {
        gp->dense->look_up(row, combo, m, out, base->layer_sum);
        return;
    }
    memcpy(out, row, m * sizeof *out);
    for (size_t k = 0; k < m; k++)
        base->layer_sum[k] += out[k];
}

static void sum_groups(struct sofa_gp *gp, size_t m)
{
    size_t ld = gp->capacity;

    memset(gp->base.group, 0, gp->space.groups * ld * sizeof *gp->base.group);
    for (size_t c = 0; c < gp->space.columns; c++)
        if (gp->space.column[c].group >= 0)
            for (size_t k = 0; k < m; k++)
                gp->base.group[(size_t)gp->space.column[c].group * ld + k] += gp->u[c * ld + k];
    gp->base.groups_hold = true;
}

/* The base's own K^-1 k and k.K^-1.k. */
static void set_weight(struct sofa_gp *gp, size_t m)
{
    struct gp_base *base = &gp->base;
    size_t ld = gp->capacity;
    double *k = base->k, *t = base->solved;

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
    for (size_t j = 0; j < gp->space.dims; j++)
        if (base->step[j].squares > 0)
            base->step[j].base = gp->dense->dot(base->steps + j * ld, k, m);
}

void sofa_gp_forget_steps(struct sofa_gp *gp)
{
    gp->base.groups_hold = false;
    for (size_t j = 0; gp->base.step && j < gp->space.dims; j++)
        gp->base.step[j].squares = 0;
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
    base->own = sofa_gp_own_variance(gp, base->u, coef);
    memset(base->sum, 0, gp->space.groups * sizeof *base->sum);
    for (size_t c = 0; c < gp->space.columns; c++)
        if (gp->space.column[c].group >= 0)
            base->sum[gp->space.column[c].group] += base->u[c];
    constant = sofa_gp_linear(gp, base->u, coef);
    gp->dense->distances_and_linear(gp->u, ld, base->u, gp->kernel.inverse, coef, constant, gp->space.columns, m, base->r2,
                                    base->linear);
    if (!base->groups_hold)
        sum_groups(gp, m);
    memset(base->layer_sum, 0, m * sizeof *base->layer_sum);
    for (size_t l = 0; gp->additive && l < gp->space.layers; l++)
        set_layer(gp, l, m);
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

    while (l + 1 < space->layers && column >= space->layer[l].to)
        l++;
    return l;
}

/* Covariances of the point x with features u, which differ from the base's in columns [from, to), into k, and their
 * products with the weights of the first draw and of the base and with `step`. */
static void near_row(struct sofa_gp *gp, const int *x, const double *u, size_t from, size_t to, size_t m,
                     const double *step, double *k, double *dot)
{
    struct gp_base *base = &gp->base;
    double *r2 = gp->strip + GP_STRIP_R2 * gp->capacity;
    size_t layer = layer_of(&gp->space, from);
    struct sofa_dense_near at = {.r2 = r2, .linear = k, .u = gp->u, .group = gp->u,
                                 .weight = gp->kernel.scale * gp->kernel.mix,
                                 .with = {gp->weight, base->weight, step}};

    memcpy(k, base->linear, m * sizeof *k);
    if (gp->additive) { /* before r2, which is scratch there */
        at.sum = base->layer_sum;
        at.old = at.row = base->layers + layer * gp->capacity;
        if (from < to)
            at.row = sofa_gp_layer_row(gp, layer, x, u, m, &at.combo);
    }
    memcpy(r2, base->r2, m * sizeof *r2);
    for (size_t c = from; c < to; c++)
        if (u[c] != base->u[c])
            move_column(gp, c, u[c], m, r2, k);
    gp->dense->near(&at, m, k, dot);
}

/* The same in one pass where the column `c` alone differs. */
static void near_row_of_column(struct sofa_gp *gp, const int *x, const double *u, size_t c, size_t m,
                               const double *step, double *k, double *dot)
{
    const struct gp_column *column = &gp->space.column[c];
    const struct gp_kernel *kernel = &gp->kernel;
    struct gp_base *base = &gp->base;
    size_t ld = gp->capacity, layer;
    double delta = u[c] - base->u[c], scale = kernel->inverse[c];
    struct sofa_dense_near at = {.r2 = base->r2, .linear = base->linear, .u = gp->u + c * ld, .group = gp->u + c * ld,
                                 .a = scale * delta * (u[c] + base->u[c]), .b = 2 * scale * delta,
                                 .weight = kernel->scale * kernel->mix,
                                 .with = {gp->weight, base->weight, step}};

    if (column->group >= 0) {
        const struct gp_group *group = &gp->space.group[column->group];

        at.slope = kernel->slope[c] * delta;
        at.shared = group->columns < 2 ? 0 : kernel->shared[column->group] * group->share * group->share * delta;
        at.group = base->group + (size_t)column->group * ld;
    }
    if (gp->additive) {
        layer = layer_of(&gp->space, c);
        at.sum = base->layer_sum;
        at.old = base->layers + layer * ld;
        at.row = sofa_gp_layer_row(gp, layer, x, u, m, &at.combo);
    }
    gp->dense->near(&at, m, k, dot);
}

/* The dimension in which x differs from the base, if it is one alone and matters here; else SOFA_GP_MIXED. */
static size_t moved_dim(const struct sofa_gp *gp, const int *x)
{
    size_t moved = SOFA_GP_MIXED;

    for (size_t j = 0; j < gp->space.dims; j++) {
        if (x[j] == gp->base.x[j] || gp->space.span[j].to == 0)
            continue;
        if (moved != SOFA_GP_MIXED)
            return SOFA_GP_MIXED;
        moved = j;
    }
    return moved;
}

/* The prior variance where column c stands at u instead. */
static double moved_variance(const struct sofa_gp *gp, size_t c, double u)
{
    const struct gp_base *base = &gp->base;
    int g = gp->space.column[c].group;
    double delta = u - base->u[c], own = base->own, share;

    if (g < 0)
        return own;
    own += gp->kernel.slope[c] * (u + base->u[c]) * delta;
    share = gp->space.group[g].share;
    return gp->space.group[g].columns < 2 ? own
                                          : own + gp->kernel.shared[g] * share * share * (2 * base->sum[g] + delta) * delta;
}

/* Covariances of x into k, their products as near_row has them, and the prior variance. */
static double place(struct sofa_gp *gp, const int *x, size_t j, const double *step, double *k, double *dot)
{
    size_t columns = gp->space.columns, m = SOFA_DENSE_ROUND(gp->rows), from = 0, to = columns;
    double *u = gp->scratch, *coef = gp->scratch + gp->space.padded;

    if (j != SOFA_GP_MIXED) {
        memcpy(u, gp->base.u, gp->space.padded * sizeof *u);
        from = gp->space.span[j].from;
        to = gp->space.span[j].to;
        for (size_t c = from; c < to; c++)
            u[c] = sofa_gp_feature(&gp->space, gp->space.warped, c, x);
    } else {
        sofa_gp_features(gp, x, u);
        while (from < to && u[from] == gp->base.u[from])
            from++;
        while (to > from && u[to - 1] == gp->base.u[to - 1])
            to--;
    }
    if (j != SOFA_GP_MIXED && to == from + 1) {
        near_row_of_column(gp, x, u, from, m, step, k, dot);
        return moved_variance(gp, from, u[from]);
    }
    near_row(gp, x, u, from, to, m, step, k, dot);
    return sofa_gp_own_variance(gp, u, coef);
}

void sofa_gp_near(struct sofa_gp *gp, size_t slot, const int *x, double *mean, double *sd_bound)
{
    struct gp_base *base = &gp->base;
    size_t m = SOFA_DENSE_ROUND(gp->rows), j = moved_dim(gp, x);
    double *k = base->slots + slot * gp->capacity, dot[3], own, bound;

    own = place(gp, x, j, base->steps + (j == SOFA_GP_MIXED ? 0 : j) * gp->capacity, k, dot);
    for (size_t i = gp->rows; i < m; i++)
        k[i] = 0; /* the weights were 0 there */
    mean[0] = gp->centre + gp->spread * dot[0];
    for (size_t f = 1; f < gp->draws; f++)
        mean[f] = gp->centre + gp->spread * gp->dense->dot(gp->weight + f * gp->capacity, k, m);
    bound = own + base->explained - 2 * dot[1];
    if (j != SOFA_GP_MIXED && base->step[j].squares > 0)
        bound -= (dot[2] - base->step[j].base) * (dot[2] - base->step[j].base) / base->step[j].squares;
    base->moved[slot] = j;
    base->variance[slot] = own;
    *sd_bound = sofa_gp_deviation(gp, bound < own ? bound : own);
}

/* Keeps the step to a neighbour, from L^-1 times its covariances, if it is the first in its dimension. */
static void note_step(struct sofa_gp *gp, size_t slot, double *t, size_t m)
{
    struct gp_base *base = &gp->base;
    size_t j = base->moved[slot], ld = gp->capacity;
    double *step;

    if (j == SOFA_GP_MIXED || base->step[j].squares > 0)
        return;
    for (size_t i = 0; i < m; i++)
        t[i] -= base->solved[i];
    step = base->steps + j * ld;
    for (size_t ib = 0; ib < m; ib += BLOCK)
        gp->dense->rows(gp->inverse_t + ib * ld, ld, t, ib, m, step + ib);
    base->step[j] = (struct gp_step){.squares = gp->dense->dot(t, t, m), .base = gp->dense->dot(step, base->k, m)};
}

void sofa_gp_near_deviations(struct sofa_gp *gp, size_t count, const size_t *slots, double *sd)
{
    size_t m = SOFA_DENSE_ROUND(gp->rows), ld = gp->capacity;
    double variance[SOFA_GP_BATCH] = {0};

    for (size_t c = 0; c < count; c++) {
        memcpy(gp->strip + c * ld, gp->base.slots + slots[c] * ld, m * sizeof *gp->strip);
        variance[c] = gp->base.variance[slots[c]];
    }
    sofa_gp_deviations(gp, count, variance, sd);
    for (size_t c = 0; c < count; c++)
        note_step(gp, slots[c], gp->strip + (GP_STRIP_T + c) * ld, m);
}
