/* The evidence of a Gaussian process, its gradient, and the fit. */
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/gp_impl.h"
#include "opt/special.h"

#define BLOCK SOFA_DENSE_LANES
#define LN_2PI 1.83787706640934548356

/* What one pass over W = alpha alpha' - K^-1 gathers; the evidence changes by tr(W dK)/2. */
struct sums {
    double trace;      /* sum of W_ii */
    double ard, layer; /* sum of W o k of both parts, without their weights */
    double *moment;       /* [padded] sum over i, k of G_ik (u_ic - u_kc)^2 / 2 of the ARD part */
    double *moment_layer; /* [padded] the same of the additive part */
    double *slope;        /* [padded] sum of u_c' W u_c */
    double *shared;       /* [groups] sum of F_g' W F_g */
    double *by_a, *by_b;  /* [groups] derivatives of the evidence by ln a and ln b */
};

/* W = alpha alpha' - K^-1 with K^-1 = L^-T L^-1, all of it; zero in the padding. */
static void fill_precision(struct sofa_gp *gp)
{
    size_t ld = gp->capacity, end = SOFA_DENSE_ROUND(gp->n);
    const double *alpha = gp->weight;
    double sums[BLOCK * BLOCK], w;

    for (size_t ib = 0; ib < end; ib += BLOCK)
        for (size_t jb = 0; jb <= ib; jb += BLOCK) {
            gp->dense->dots(gp->inverse_t + ib * ld, ld, gp->inverse_t + jb * ld, ld, ib, end, sums);
            for (size_t r = 0; r < BLOCK; r++)
                for (size_t c = 0; c < BLOCK; c++) {
                    w = ib + r < gp->n && jb + c < gp->n ? alpha[ib + r] * alpha[jb + c] - sums[r * BLOCK + c] : 0;
                    gp->precision[(ib + r) * ld + jb + c] = w;
                    gp->precision[(jb + c) * ld + ib + r] = w;
                }
        }
}

/* Derivatives of the evidence by the features of point i turn into those by the warp. */
static void add_warp(const struct sofa_gp *gp, size_t i, size_t c, double by_feature, struct sums *sums)
{
    const struct gp_space *space = &gp->space;
    const int *x = gp->x + i * space->dims;
    int g = space->column[c].group;

    if (g < 0)
        return;
    sums->by_a[g] += by_feature * sofa_gp_feature(space, space->by_a, c, x);
    sums->by_b[g] += by_feature * sofa_gp_feature(space, space->by_b, c, x);
}

/* G = W o dk/dr2 of one Matern part on columns [from, to), into the place of L^-1, which a fit no longer
 * needs by then; it is symmetric, and half of it is computed.  Adds W o k to *total. */
static void fill_slopes(struct sofa_gp *gp, size_t from, size_t to, const double *inverse, double *total)
{
    size_t ld = gp->capacity, end = SOFA_DENSE_ROUND(gp->n);
    double *value = gp->strip + GP_STRIP_VALUE * ld, *r2 = gp->strip + GP_STRIP_R2 * ld, *u = gp->scratch;

    for (size_t ib = 0; ib < end; ib += BLOCK) {
        double *g = gp->inverse + ib * ld;

        for (size_t r = 0; r < BLOCK; r++) {
            const double *w = gp->precision + (ib + r) * ld;

            for (size_t c = from; c < to; c++)
                u[c] = gp->u[c * ld + ib + r];
            gp->dense->distances(gp->u + from * ld + ib, ld, u + from, inverse + from, to - from, end - ib, r2);
            gp->dense->matern_slope(r2, end - ib, w + ib, value, g + r * ld + ib);
            *total += gp->dense->dot(w + ib, value, BLOCK) +
                      2 * gp->dense->dot(w + ib + BLOCK, value + BLOCK, end - ib - BLOCK);
        }
        for (size_t k = ib + BLOCK; k < end; k++)
            for (size_t r = 0; r < BLOCK; r++)
                gp->inverse[k * ld + ib + r] = g[r * ld + k];
    }
}

/* Adds G of one Matern part to the moments and the warp. */
static void add_matern(struct sofa_gp *gp, size_t from, size_t to, const double *inverse, double weight, double *total,
                       double *moment, struct sums *sums)
{
    size_t ld = gp->capacity, end = SOFA_DENSE_ROUND(gp->n), rows;
    double row_sum[BLOCK], products[BLOCK * BLOCK], *ones = gp->strip + GP_STRIP_W * ld;

    fill_slopes(gp, from, to, inverse, total);
    for (size_t k = 0; k < end; k++)
        ones[k] = 1;
    for (size_t ib = 0; ib < gp->n; ib += BLOCK) {
        const double *g = gp->inverse + ib * ld;

        rows = gp->n - ib < BLOCK ? gp->n - ib : BLOCK;
        for (size_t r = 0; r < rows; r++)
            row_sum[r] = gp->dense->dot(g + r * ld, ones, end);
        for (size_t cb = from; cb < to; cb += BLOCK) {
            gp->dense->dots(g, ld, gp->u + cb * ld, ld, 0, end, products);
            for (size_t r = 0; r < rows; r++)
                for (size_t c = cb; c < to && c < cb + BLOCK; c++) {
                    double here = gp->u[c * ld + ib + r];
                    double pull = row_sum[r] * here - products[r * BLOCK + c - cb]; /* sum of G_ik (u_i - u_k) */

                    moment[c] += here * pull;
                    add_warp(gp, ib + r, c, 2 * weight * inverse[c] * pull, sums);
                }
        }
    }
}

/* The linear part for the points [ib, ib + BLOCK): H = W u_c of each column. */
static void add_linear(struct sofa_gp *gp, size_t ib, struct sums *sums)
{
    const struct gp_space *space = &gp->space;
    size_t ld = gp->capacity, end = SOFA_DENSE_ROUND(gp->n), rows = gp->n - ib < BLOCK ? gp->n - ib : BLOCK;
    double *h = gp->scratch + 2 * space->padded, products[BLOCK * BLOCK]; /* [BLOCK][padded] */

    for (size_t cb = 0; cb < space->columns; cb += BLOCK) {
        gp->dense->dots(gp->precision + ib * ld, ld, gp->u + cb * ld, ld, 0, end, products);
        for (size_t r = 0; r < BLOCK; r++)
            for (size_t c = cb; c < cb + BLOCK; c++)
                h[r * space->padded + c] = products[r * BLOCK + c - cb];
    }
    for (size_t r = 0; r < rows; r++) {
        const double *row = h + r * space->padded;

        for (size_t g = 0; g < space->groups; g++) {
            double feature = 0, product = 0, share = space->group[g].share;

            for (size_t c = 0; c < space->columns; c++)
                if (space->column[c].group == (int)g) {
                    feature += gp->u[c * ld + ib + r] * share;
                    product += row[c] * share;
                }
            if (space->group[g].columns > 1)
                sums->shared[g] += feature * product;
            for (size_t c = 0; c < space->columns; c++)
                if (space->column[c].group == (int)g) {
                    sums->slope[c] += gp->u[c * ld + ib + r] * row[c];
                    add_warp(gp, ib + r, c,
                             gp->kernel.slope[c] * row[c] +
                                 (space->group[g].columns > 1 ? gp->kernel.shared[g] * share * product : 0),
                             sums);
                }
        }
    }
}

static void gather(struct sofa_gp *gp, struct sums *sums)
{
    const struct gp_space *space = &gp->space;
    const struct gp_kernel *kernel = &gp->kernel;
    double share = kernel->scale * (1 - kernel->mix) / (double)(space->layers ? space->layers : 1);

    for (size_t i = 0; i < gp->n; i++)
        sums->trace += gp->precision[i * gp->capacity + i];
    for (size_t ib = 0; ib < gp->n; ib += BLOCK)
        add_linear(gp, ib, sums);
    add_matern(gp, 0, space->columns, kernel->inverse, kernel->scale * kernel->mix, &sums->ard, sums->moment, sums);
    for (size_t l = 0; gp->additive && l < space->layers; l++)
        add_matern(gp, space->layer[l].from, space->layer[l].to, kernel->inverse_layer, share, &sums->layer,
                   sums->moment_layer, sums);
}

/* From the sums to derivatives by the parameters. */
static void set_gradient(const struct sofa_gp *gp, const double *theta, const struct sums *sums, double *gradient)
{
    const struct gp_space *space = &gp->space;
    const struct gp_kernel *kernel = &gp->kernel;
    const struct gp_index *at = &gp->index;
    double layers = (double)(space->layers ? space->layers : 1), part, length;
    double layer_weight = kernel->scale * (1 - kernel->mix) / layers;

    memset(gradient, 0, at->count * sizeof *gradient);
    for (size_t c = 0; c < space->columns; c++) {
        size_t l = at->length + space->column[c].length;
        int g = space->column[c].group;

        length = sofa_opt_exp(theta[l]);
        part = -2 * kernel->scale * kernel->mix * kernel->inverse[c] * sums->moment[c];
        if (gp->additive) {
            double additive = -2 * layer_weight * kernel->inverse_layer[c] * sums->moment_layer[c];

            gradient[at->ratio] += additive;
            part += additive;
        }
        gradient[l] += part * length * sqrt(kernel->inverse[c]); /* the length is exp(theta) and a bit */
        if (g >= 0)
            gradient[at->group + (size_t)g * GP_PER_GROUP + GP_V] += 0.5 * kernel->slope[c] * sums->slope[c];
    }
    gradient[at->scale] =
        0.5 * kernel->scale * (kernel->mix * sums->ard + (1 - kernel->mix) / layers * sums->layer + gp->jitter * sums->trace);
    gradient[at->noise] = 0.5 * sofa_opt_exp(theta[at->noise]) * sums->trace;
    if (gp->additive)
        gradient[at->mix] =
            0.5 * kernel->scale * kernel->mix * (1 - kernel->mix) * (sums->ard - sums->layer / layers);
    for (size_t g = 0; g < space->groups; g++) {
        double *group = gradient + at->group + g * GP_PER_GROUP;

        group[GP_A] = sums->by_a[g];
        group[GP_B] = sums->by_b[g];
        group[GP_T] = 0.5 * kernel->shared[g] * sums->shared[g];
    }
}

static enum sofa_code add_gradient(struct sofa_gp *gp, const double *theta, double *gradient, struct sofa_err *err)
{
    size_t padded = gp->space.padded, groups = gp->space.groups;
    double *room;
    struct sums sums = {0};

    if (!gp->precision)
        gp->precision = sofa_gp_new_rows(gp->capacity, gp->capacity);
    room = calloc(3 * padded + 3 * groups + 1, sizeof *room);
    if (!room || !gp->precision) {
        free(room);
        return sofa_fail_nomem(err, "a Gaussian process");
    }
    sums.moment = room;
    sums.moment_layer = room + padded;
    sums.slope = room + 2 * padded;
    sums.shared = room + 3 * padded;
    sums.by_a = sums.shared + groups;
    sums.by_b = sums.by_a + groups;
    fill_precision(gp);
    gather(gp, &sums);
    set_gradient(gp, theta, &sums, gradient);
    free(room);
    return SOFA_OK;
}

static enum sofa_code set_evidence(struct sofa_gp *gp, const double *theta, double *evidence, struct sofa_err *err)
{
    double sum = 0;
    enum sofa_code rc;

    SOFA_TRY(sofa_gp_reserve_draws(gp, 1, err));
    gp->factored = 0;
    gp->tables_hold = false;
    sofa_gp_set(gp, theta);
    SOFA_TRY(sofa_gp_factor(gp, 0, gp->n, false, err));
    sofa_gp_solve(gp, gp->n);
    for (size_t i = 0; i < gp->n; i++) {
        sum -= 0.5 * gp->innovation[i] * gp->innovation[i];
        sum -= sofa_opt_log(gp->cholesky[i * gp->capacity + i]);
    }
    *evidence = sum - 0.5 * (double)gp->n * LN_2PI;
out:
    return rc;
}

/* From the factor that the evidence left behind. */
static enum sofa_code set_evidence_gradient(struct sofa_gp *gp, const double *theta, double *gradient,
                                            struct sofa_err *err)
{
    sofa_gp_invert(gp);
    sofa_gp_weights(gp, gp->n, 1);
    return add_gradient(gp, theta, gradient, err);
}

enum sofa_code sofa_gp_evidence(struct sofa_gp *gp, const double *theta, double *evidence, double *gradient,
                                struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(set_evidence(gp, theta, evidence, err));
    if (gradient)
        SOFA_TRY(set_evidence_gradient(gp, theta, gradient, err));
out:
    return rc;
}

/*
 * The fit: GSL's bfgs2 asks for the function and, where that is good enough, for the gradient at the same place;
 * the last answer is kept.
 */
#define THETA_BOUND 25.0 /* of any logarithm: beyond it a point is refused */
#define REFUSED 1e10

struct search {
    struct sofa_gp *gp;
    double *theta, *gradient; /* of the last answer */
    double *unit;             /* of the searched coordinates: the priors' deviations, which make the prior round */
    double value;
    bool known, gradient_known;
    size_t count;
};

static void answer(struct search *search, const gsl_vector *v)
{
    bool same = search->known, inside = true;

    for (size_t i = 0; i < search->count; i++) {
        double t = gsl_vector_get(v, i) * search->unit[i];

        same &= search->theta[i] == t;
        inside &= fabs(t) <= THETA_BOUND; /* false for NaN */
        search->theta[i] = t;
    }
    if (same)
        return;
    search->known = true;
    search->gradient_known = false;
    if (!inside || set_evidence(search->gp, search->theta, &search->value, NULL) != SOFA_OK)
        search->value = -REFUSED;
    else
        search->value += sofa_gp_log_prior(search->gp, search->theta, NULL);
}

/* The gradient of the last answer; zero where that was refused. */
static void answer_gradient(struct search *search)
{
    if (search->gradient_known)
        return;
    search->gradient_known = true;
    memset(search->gradient, 0, search->count * sizeof *search->gradient);
    if (search->value == -REFUSED)
        return;
    if (set_evidence_gradient(search->gp, search->theta, search->gradient, NULL) == SOFA_OK)
        sofa_gp_log_prior(search->gp, search->theta, search->gradient);
}

static double minus_posterior(const gsl_vector *v, void *search)
{
    answer(search, v);
    return -((struct search *)search)->value;
}

static void minus_gradient(const gsl_vector *v, void *context, gsl_vector *g)
{
    struct search *search = context;

    answer(search, v);
    answer_gradient(search);
    for (size_t i = 0; i < search->count; i++)
        gsl_vector_set(g, i, -search->gradient[i] * search->unit[i]);
}

static void minus_both(const gsl_vector *v, void *search, double *f, gsl_vector *g)
{
    *f = minus_posterior(v, search);
    minus_gradient(v, search, g);
}

#define FIT_STEP 0.3       /* first step, in deviations of the priors */
#define FIT_TOLERANCE 0.5  /* of the line search: a loose one spends fewer evaluations on each step */
#define FIT_GRADIENT 0.02  /* stop below: the posterior is known to about 1e-3 */
#define FIT_STALL 5        /* stop when so many iterations together ... */
#define FIT_GAIN 0.05      /* ... gain less than this: a factor 1.05 in probability decides nothing */

/* Climbs from *best->theta; keeps the better of what it finds and what *best holds. */
static void climb(struct search *search, gsl_multimin_fdfminimizer *m, gsl_vector *start, int iterations,
                  double *best, double *value)
{
    gsl_multimin_function_fdf f = {minus_posterior, minus_gradient, minus_both, search->count, search};
    double before;

    if (gsl_multimin_fdfminimizer_set(m, &f, start, FIT_STEP, FIT_TOLERANCE) != 0)
        return;
    before = gsl_multimin_fdfminimizer_minimum(m);
    for (int i = 1; i <= iterations; i++) {
        if (gsl_multimin_fdfminimizer_iterate(m) != 0 ||
            gsl_multimin_test_gradient(gsl_multimin_fdfminimizer_gradient(m), FIT_GRADIENT) == 0)
            break;
        if (i % FIT_STALL == 0) {
            if (before - gsl_multimin_fdfminimizer_minimum(m) < FIT_GAIN)
                break;
            before = gsl_multimin_fdfminimizer_minimum(m);
        }
    }
    if (-gsl_multimin_fdfminimizer_minimum(m) > *value) {
        *value = -gsl_multimin_fdfminimizer_minimum(m);
        for (size_t i = 0; i < search->count; i++)
            best[i] = gsl_vector_get(gsl_multimin_fdfminimizer_x(m), i) * search->unit[i];
    }
}

static void set_start(const struct sofa_gp *gp, unsigned which, const double *unit, gsl_vector *start, double *scratch)
{
    sofa_gp_prior_mode(gp, scratch);
    for (size_t i = 0; i < gp->index.count; i++)
        gsl_vector_set(start, i, which == SOFA_GP_FROM_LAST ? gp->theta[i] : scratch[i]);
    if (which == SOFA_GP_FROM_SHORT)
        for (size_t i = 0; i < gp->space.lengths; i++)
            gsl_vector_set(start, gp->index.length + i, sofa_opt_log(sqrt((double)gp->space.lengths) / 10));
    for (size_t i = 0; i < gp->index.count; i++)
        gsl_vector_set(start, i, gsl_vector_get(start, i) / unit[i]);
}

enum sofa_code sofa_gp_fit(struct sofa_gp *gp, unsigned starts, int iterations, double *posterior,
                           struct sofa_err *err)
{
    struct search search = {.gp = gp, .count = gp->index.count};
    gsl_multimin_fdfminimizer *m = gsl_multimin_fdfminimizer_alloc(gsl_multimin_fdfminimizer_vector_bfgs2, search.count);
    gsl_vector *start = gsl_vector_alloc(search.count);
    double *room = calloc(4 * search.count, sizeof *room), value = -REFUSED;
    enum sofa_code rc = SOFA_OK;

    if (!m || !start || !room) {
        rc = sofa_fail_nomem(err, "a Gaussian process");
        goto out;
    }
    search.theta = room;
    search.gradient = room + search.count;
    search.unit = room + 3 * search.count;
    sofa_gp_prior_deviation(gp, search.unit);
    for (unsigned which = SOFA_GP_FROM_LAST; which <= SOFA_GP_FROM_SHORT; which <<= 1)
        if (starts & which) {
            set_start(gp, which, search.unit, start, search.gradient);
            search.known = false;
            climb(&search, m, start, iterations, room + 2 * search.count, &value);
        }
    if (value > -REFUSED)
        memcpy(gp->theta, room + 2 * search.count, search.count * sizeof *gp->theta);
    *posterior = value;
out:
    if (m)
        gsl_multimin_fdfminimizer_free(m);
    gsl_vector_free(start);
    free(room);
    return rc;
}
