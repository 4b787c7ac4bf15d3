/* The covariance of a Gaussian process, its factor, and prediction. */
#include "opt/gp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/gp_impl.h"
#include "opt/special.h"

#define BLOCK SOFA_DENSE_LANES
#define LENGTH_LEAST 0.025  /* added to every length scale */
#define NOISE_LEAST 1e-6    /* added to the noise; of standardised outputs */
#define CONSTANT_VARIANCE 1.0 /* of the mean's constant, for standardised outputs */
#define VARIANCE_LEAST 1e-14  /* of a prediction: what rounding leaves of it */

static void index_parameters(struct sofa_gp *gp)
{
    struct gp_index *at = &gp->index;

    at->length = 0;
    at->scale = gp->space.lengths;
    at->noise = at->scale + 1;
    at->mix = at->noise + 1;
    at->ratio = at->mix + (gp->additive ? 1 : 0);
    at->group = at->ratio + (gp->additive ? 1 : 0);
    at->count = at->group + gp->space.groups * GP_PER_GROUP;
}

enum sofa_code sofa_gp_new(size_t dims, const struct sofa_opt_dim *dim, bool additive, struct sofa_gp **out,
                           struct sofa_err *err)
{
    struct sofa_gp *gp = calloc(1, sizeof *gp);
    enum sofa_code rc;

    *out = NULL;
    if (!gp)
        return sofa_fail_nomem(err, "a Gaussian process");
    SOFA_TRY(sofa_gp_space_init(&gp->space, dims, dim, err));
    gp->additive = additive && gp->space.layers > 1;
    gp->dense = sofa_dense_best();
    index_parameters(gp);
    SOFA_TRY(sofa_gp_new_tables(gp, err));
    gp->scratch_x = calloc(dims, sizeof *gp->scratch_x);
    gp->theta = calloc(gp->index.count, sizeof *gp->theta);
    gp->factored_theta = calloc(gp->index.count, sizeof *gp->theta);
    gp->kernel.inverse = sofa_gp_new_rows(3, gp->space.padded + BLOCK);
    gp->scratch = sofa_gp_new_rows(2 + BLOCK, gp->space.padded + BLOCK);
    gp->kernel.shared = calloc(gp->space.groups + 1, sizeof *gp->kernel.shared);
    gp->group_sum = calloc(gp->space.groups + 1, sizeof *gp->group_sum);
    if (!gp->theta || !gp->factored_theta || !gp->kernel.inverse || !gp->scratch ||
        !gp->kernel.shared || !gp->group_sum || !gp->scratch_x) {
        rc = sofa_fail_nomem(err, "a Gaussian process");
        goto out;
    }
    gp->kernel.inverse_layer = gp->kernel.inverse + gp->space.padded;
    gp->kernel.slope = gp->kernel.inverse_layer + gp->space.padded;
    sofa_gp_prior_mode(gp, gp->theta);
    *out = gp;
    gp = NULL;
out:
    sofa_gp_free(gp);
    return rc;
}

void sofa_gp_free(struct sofa_gp *gp)
{
    if (!gp)
        return;
    sofa_gp_free_rows(gp);
    sofa_gp_free_tables(gp);
    sofa_gp_free_survey(&gp->survey);
    free(gp->scratch_x);
    sofa_gp_space_release(&gp->space);
    free(gp->theta);
    free(gp->factored_theta);
    free(gp->kernel.inverse);
    free(gp->kernel.shared);
    free(gp->group_sum);
    free(gp->scratch);
    free(gp);
}

/* The features of rows [from, to) into gp->u. */
static void place_points(struct sofa_gp *gp, size_t from, size_t to)
{
    for (size_t c = 0; c < gp->space.columns; c++)
        for (size_t i = from; i < to; i++)
            gp->u[c * gp->capacity + i] =
                sofa_gp_feature(&gp->space, gp->space.warped, c, gp->x + i * gp->space.dims);
}

static void set_kernel(struct sofa_gp *gp, const double *theta)
{
    const struct gp_index *at = &gp->index;
    struct gp_kernel *kernel = &gp->kernel;
    double rho = gp->additive ? sofa_opt_exp(theta[at->ratio]) : 1, length;

    kernel->scale = sofa_opt_exp(theta[at->scale]);
    kernel->noise = sofa_opt_exp(theta[at->noise]) + NOISE_LEAST;
    kernel->mix = gp->additive ? 1 / (1 + sofa_opt_exp(-theta[at->mix])) : 1;
    for (size_t c = 0; c < gp->space.columns; c++) {
        const struct gp_column *column = &gp->space.column[c];
        const double *group = theta + at->group + (size_t)(column->group < 0 ? 0 : column->group) * GP_PER_GROUP;

        length = sofa_opt_exp(theta[at->length + column->length]) + LENGTH_LEAST;
        kernel->inverse[c] = 1 / (length * length);
        kernel->inverse_layer[c] = kernel->inverse[c] / (rho * rho);
        kernel->slope[c] = column->group < 0 ? 0 : sofa_opt_exp(group[GP_V]);
    }
    for (size_t g = 0; g < gp->space.groups; g++)
        kernel->shared[g] = sofa_opt_exp(theta[at->group + g * GP_PER_GROUP + GP_T]);
}

void sofa_gp_set(struct sofa_gp *gp, const double *theta)
{
    set_kernel(gp, theta);
    sofa_gp_space_warp(&gp->space, theta + gp->index.group);
    place_points(gp, 0, gp->n);
}

void sofa_gp_features(const struct sofa_gp *gp, const int *x, double *u)
{
    for (size_t c = 0; c < gp->space.columns; c++)
        u[c] = sofa_gp_feature(&gp->space, gp->space.warped, c, x);
    for (size_t c = gp->space.columns; c < gp->space.padded; c++)
        u[c] = 0;
}

double sofa_gp_linear(const struct sofa_gp *gp, const double *u, double *coef)
{
    const struct gp_space *space = &gp->space;

    double *sum = gp->group_sum; /* one more than there are groups: of the columns without one */

    memset(sum, 0, (space->groups + 1) * sizeof *sum);
    for (size_t c = 0; c < space->columns; c++)
        sum[space->slot[c]] += u[c];
    for (size_t g = 0; g < space->groups; g++) /* a shared slope of one column is the column's own */
        sum[g] *= space->group[g].columns < 2
                      ? 0
                      : gp->kernel.shared[g] * space->group[g].share * space->group[g].share;
    sum[space->groups] = 0;
    for (size_t c = 0; c < space->columns; c++)
        coef[c] = gp->kernel.slope[c] * u[c] + sum[space->slot[c]];
    return CONSTANT_VARIANCE;
}

void sofa_gp_covariances(struct sofa_gp *gp, const int *x, const double *u, double *coef, size_t m, double *out)
{
    const struct gp_space *space = &gp->space;
    const struct gp_kernel *kernel = &gp->kernel;
    double *r2 = gp->strip + GP_STRIP_R2 * gp->capacity;
    double constant = sofa_gp_linear(gp, u, coef);

    gp->dense->distances_and_linear(gp->u, gp->capacity, u, kernel->inverse, coef, constant, space->columns, m, r2, out);
    gp->dense->matern(r2, m, kernel->scale * kernel->mix, out);
    if (gp->additive)
        sofa_gp_add_layers(gp, x, u, m, out);
}

double sofa_gp_own_variance(const struct sofa_gp *gp, const double *u, double *coef)
{
    double sum = gp->kernel.scale + sofa_gp_linear(gp, u, coef);

    for (size_t c = 0; c < gp->space.columns; c++)
        sum += coef[c] * u[c];
    return sum;
}

void sofa_gp_innovate(struct sofa_gp *gp, size_t n)
{
    size_t ld = gp->capacity, end = SOFA_DENSE_ROUND(n);

    for (size_t i = n; i < end; i++)
        gp->z[i] = 0;
    for (size_t ib = 0; ib < end; ib += BLOCK)
        gp->dense->rows(gp->inverse + ib * ld, ld, gp->z, 0, ib + BLOCK, gp->innovation + ib);
}

void sofa_gp_weights(struct sofa_gp *gp, size_t rows, size_t draws)
{
    size_t ld = gp->capacity, end = SOFA_DENSE_ROUND(rows);

    for (size_t f = 0; f < draws; f++) {
        double *t = gp->innovation + f * ld, *weight = gp->weight + f * ld;

        for (size_t i = rows; i < end; i++)
            t[i] = 0;
        for (size_t ib = 0; ib < end; ib += BLOCK)
            gp->dense->rows(gp->inverse_t + ib * ld, ld, t, ib, end, weight + ib);
        for (size_t i = rows; i < end; i++)
            weight[i] = 0;
    }
}

enum sofa_code sofa_gp_reserve_draws(struct sofa_gp *gp, size_t draws, struct sofa_err *err)
{
    if (draws <= gp->draws_capacity)
        return SOFA_OK;
    free(gp->innovation);
    free(gp->weight);
    gp->innovation = sofa_gp_new_rows(draws, gp->capacity);
    gp->weight = sofa_gp_new_rows(draws, gp->capacity);
    gp->draws_capacity = gp->innovation && gp->weight ? draws : 0;
    return gp->draws_capacity ? SOFA_OK : sofa_fail_nomem(err, "a Gaussian process");
}

enum sofa_code sofa_gp_condition(struct sofa_gp *gp, size_t pending, const int *x_pending, size_t draws,
                                 const double *e, struct sofa_err *err)
{
    size_t dims = gp->space.dims, rows = gp->n + pending, same = 0;
    bool same_kernel;
    enum sofa_code rc;

    SOFA_TRY(sofa_gp_reserve(gp, rows + 1, err));
    SOFA_TRY(sofa_gp_reserve_draws(gp, draws, err));
    if (pending)
        memcpy(gp->x + gp->n * dims, x_pending, pending * dims * sizeof *gp->x);
    sofa_gp_set(gp, gp->theta);
    place_points(gp, gp->n, rows);
    same_kernel = memcmp(gp->theta, gp->factored_theta, gp->index.count * sizeof *gp->theta) == 0;
    sofa_gp_set_tables(gp, same_kernel, rows);
    if (same_kernel)
        while (same < rows && same < gp->factored &&
               memcmp(gp->x + same * dims, gp->factored_x + same * dims, dims * sizeof *gp->x) == 0)
            same++;
    gp->factored = 0;
    sofa_gp_forget_steps(gp);
    SOFA_TRY(sofa_gp_factor(gp, same, rows, true, err));
    memcpy(gp->factored_theta, gp->theta, gp->index.count * sizeof *gp->theta);
    memcpy(gp->factored_x, gp->x, rows * dims * sizeof *gp->x);
    gp->factored = rows;
    sofa_gp_innovate(gp, gp->n);
    gp->draws = draws;
    for (size_t f = draws; f-- > 0;) {
        double *t = gp->innovation + f * gp->capacity;

        if (f > 0)
            memcpy(t, gp->innovation, gp->n * sizeof *t);
        for (size_t i = 0; i < pending; i++)
            t[gp->n + i] = e ? e[f * pending + i] : 0;
    }
    sofa_gp_weights(gp, rows, draws);
out:
    gp->tables_hold &= rc == SOFA_OK;
    return rc;
}

double sofa_gp_pending(const struct sofa_gp *gp, size_t draw, size_t i)
{
    size_t row = gp->n + i;

    return gp->centre + gp->spread * gp->dense->dot(gp->cholesky + row * gp->capacity,
                                                    gp->innovation + draw * gp->capacity,
                                                    SOFA_DENSE_ROUND(row + 1));
}

void sofa_gp_means(struct sofa_gp *gp, double *k, double *mean)
{
    size_t end = SOFA_DENSE_ROUND(gp->rows);

    for (size_t i = gp->rows; i < end; i++)
        k[i] = 0;
    for (size_t f = 0; f < gp->draws; f++)
        mean[f] = gp->centre + gp->spread * gp->dense->dot(gp->weight + f * gp->capacity, k, end);
}

double sofa_gp_deviation(const struct sofa_gp *gp, double variance)
{
    return gp->spread * sqrt(variance > VARIANCE_LEAST ? variance : VARIANCE_LEAST);
}

void sofa_gp_deviations(struct sofa_gp *gp, size_t count, const double *variance, double *sd)
{
    size_t ld = gp->capacity, end = SOFA_DENSE_ROUND(gp->rows);
    double *k = gp->strip, *t = gp->strip + GP_STRIP_T * ld, left[SOFA_GP_BATCH] = {0}, sums[BLOCK * BLOCK];

    memcpy(left, variance, count * sizeof *left);
    for (size_t ib = 0; count == 1 && ib < end; ib += BLOCK) {
        gp->dense->rows(gp->inverse + ib * ld, ld, k, 0, ib + BLOCK, t + ib);
        for (size_t r = 0; r < BLOCK; r++)
            left[0] -= t[ib + r] * t[ib + r];
    }
    for (size_t ib = 0; count > 1 && ib < end; ib += BLOCK)
        for (size_t cb = 0; cb < count; cb += BLOCK) {
            gp->dense->dots(gp->inverse + ib * ld, ld, k + cb * ld, ld, 0, ib + BLOCK, sums);
            for (size_t c = 0; c < BLOCK; c++)
                for (size_t r = 0; r < BLOCK; r++) {
                    double v = t[(cb + c) * ld + ib + r] = sums[r * BLOCK + c];

                    left[cb + c] -= v * v;
                }
        }
    for (size_t c = 0; c < count; c++)
        sd[c] = sofa_gp_deviation(gp, left[c]);
}

void sofa_gp_predict(struct sofa_gp *gp, size_t count, const int *const *x, double *mean, double *sd)
{
    double *u = gp->scratch, *coef = gp->scratch + gp->space.padded, variance[SOFA_GP_BATCH];

    for (size_t c = 0; c < count; c++) {
        double *k = gp->strip + c * gp->capacity;

        sofa_gp_features(gp, x[c], u);
        sofa_gp_covariances(gp, x[c], u, coef, SOFA_DENSE_ROUND(gp->rows), k);
        sofa_gp_means(gp, k, mean + c * gp->draws);
        variance[c] = sofa_gp_own_variance(gp, u, coef);
    }
    sofa_gp_deviations(gp, count, variance, sd);
}

size_t sofa_gp_theta_count(const struct sofa_gp *gp)
{
    return gp->index.count;
}

double *sofa_gp_theta(struct sofa_gp *gp)
{
    return gp->theta;
}

double sofa_gp_jitter(const struct sofa_gp *gp)
{
    return gp->jitter;
}

double sofa_gp_spread(const struct sofa_gp *gp)
{
    return gp->spread;
}

bool sofa_gp_additive(const struct sofa_gp *gp)
{
    return gp->additive;
}

size_t sofa_gp_points(const struct sofa_gp *gp)
{
    return gp->n;
}
