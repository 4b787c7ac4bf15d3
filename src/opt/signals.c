#include "opt/signals.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/parts.h"
#include "opt/special.h"

#define LEAST 1e-6      /* a share below it is as good as none */
#define PRIOR_RESULTS 2 /* the noise's variance is known beforehand as by so many results ... */
#define PRIOR_SHARE 0.1 /* ... to be this share of the objective's */

/* How much layers weigh, and how far alike: g and k. */
static const double weights[] = {0.01, 0.1, 1, 10, 100, 1000, 10000}, alike[] = {0, 1, 10};

struct sofa_signals {
    size_t n, told;
    struct sofa_parts *parts; /* the logarithms of the signals */
    /* Sums over what was told: y, y^2; s, s y [n]; s s' [n][n] */
    double y, yy, *s, *sy, *ss;
    /* The regression: y = base + weight . (s - centre); factor [n][n] lower, |factor (s - centre)|^2 its variance */
    double base, *weight, *centre, *factor;
    double *value, *sd; /* [n] scratch */
    gsl_matrix *a, *gram;
    gsl_vector *b, *solution;
};

void sofa_signals_free(struct sofa_signals *signals)
{
    if (!signals)
        return;
    sofa_parts_free(signals->parts);
    free(signals->s);
    gsl_matrix_free(signals->a);
    gsl_matrix_free(signals->gram);
    gsl_vector_free(signals->b);
    gsl_vector_free(signals->solution);
    free(signals);
}

/* Numbers of all signals, in one piece that signals->s owns. */
static bool new_numbers(struct sofa_signals *g)
{
    size_t n = g->n;
    double *at = calloc(6 * n + 2 * n * n, sizeof *at);

    g->s = at;
    if (!at)
        return false;
    g->sy = at + n;
    g->weight = at + 2 * n;
    g->centre = at + 3 * n;
    g->value = at + 4 * n;
    g->sd = at + 5 * n;
    g->ss = at + 6 * n;
    g->factor = g->ss + n * n;
    return true;
}

enum sofa_code sofa_signals_new(const struct sofa_opt_problem *problem, struct sofa_signals **signals,
                                struct sofa_err *err)
{
    struct sofa_signals *g = *signals = calloc(1, sizeof *g);
    size_t n = problem->parts;

    if (!g)
        return sofa_fail_nomem(err, "an optimizer");
    g->n = n;
    g->a = gsl_matrix_calloc(n, n);
    g->gram = gsl_matrix_calloc(n, n);
    g->b = gsl_vector_calloc(n);
    g->solution = gsl_vector_calloc(n);
    if (!new_numbers(g) || !g->a || !g->gram || !g->b || !g->solution)
        return sofa_fail_nomem(err, "an optimizer");
    return sofa_parts_new(problem, 1, &g->parts, err);
}

enum sofa_code sofa_signals_clear(struct sofa_signals *g, struct sofa_err *err)
{
    g->told = 0;
    g->y = g->yy = 0;
    memset(g->s, 0, g->n * sizeof *g->s);
    memset(g->sy, 0, g->n * sizeof *g->sy);
    memset(g->ss, 0, g->n * g->n * sizeof *g->ss);
    return sofa_parts_clear(g->parts, err);
}

enum sofa_code sofa_signals_add(struct sofa_signals *g, const int *x, const double *signal, double y,
                                struct sofa_err *err)
{
    for (size_t l = 0; l < g->n; l++) {
        g->value[l] = sofa_opt_log(signal[l] > LEAST ? signal[l] : LEAST);
        g->s[l] += signal[l];
        g->sy[l] += signal[l] * y;
        for (size_t m = 0; m < g->n; m++)
            g->ss[l * g->n + m] += signal[l] * signal[m];
    }
    g->y += y;
    g->yy += y * y;
    g->told++;
    return sofa_parts_add(g->parts, x, g->value, err);
}

/* Sums about the means, in units where the objective and, on the average, the signals have variance 1: gram, b;
 * the units to *unit_y and *unit_s. */
static void standardise(struct sofa_signals *g, double *unit_y, double *unit_s)
{
    double n = (double)g->told, mean = g->y / n, variance = g->yy / n - mean * mean, spread = 0;

    for (size_t l = 0; l < g->n; l++) {
        g->centre[l] = g->s[l] / n;
        spread += fmax(0, g->ss[l * g->n + l] / n - g->centre[l] * g->centre[l]) / (double)g->n;
    }
    g->base = mean;
    *unit_y = variance > 0 ? sqrt(variance) : 1;
    *unit_s = spread > 0 ? sqrt(spread) : 1;
    for (size_t l = 0; l < g->n; l++) {
        gsl_vector_set(g->b, l, (g->sy[l] - n * mean * g->centre[l]) / (*unit_y * *unit_s));
        for (size_t m = 0; m < g->n; m++)
            gsl_matrix_set(g->gram, l, m,
                           (g->ss[l * g->n + m] - n * g->centre[l] * g->centre[m]) / (*unit_s * *unit_s));
    }
}

/* a = gram + (I + k 11')^-1 / g as its Cholesky factor, and the weights to `solution`; the logarithm of the evidence, and
 * the noise's variance. */
static double evidence(struct sofa_signals *g, double weight, double k, double *noise)
{
    double n = (double)g->told, explained, determinant = 0, rest;

    gsl_matrix_memcpy(g->a, g->gram);
    for (size_t l = 0; l < g->n; l++)
        for (size_t m = 0; m < g->n; m++)
            *gsl_matrix_ptr(g->a, l, m) += ((l == m) - k / (1 + k * (double)g->n)) / weight;
    if (gsl_linalg_cholesky_decomp1(g->a) != 0)
        return -INFINITY;
    gsl_linalg_cholesky_solve(g->a, g->b, g->solution);
    gsl_blas_ddot(g->b, g->solution, &explained);
    for (size_t l = 0; l < g->n; l++)
        determinant += 2 * sofa_opt_log(gsl_matrix_get(g->a, l, l));
    determinant += (double)g->n * sofa_opt_log(weight) + sofa_opt_log(1 + k * (double)g->n);
    rest = fmax(0, n - explained) + PRIOR_RESULTS * PRIOR_SHARE;
    *noise = rest / (n + PRIOR_RESULTS);
    return -0.5 * determinant - 0.5 * (n + PRIOR_RESULTS) * sofa_opt_log(rest);
}

/* factor = sqrt(variance) times the inverse of the Cholesky factor in a. */
static void set_factor(struct sofa_signals *g, double scale)
{
    memset(g->factor, 0, g->n * g->n * sizeof *g->factor);
    for (size_t c = 0; c < g->n; c++)
        for (size_t r = c; r < g->n; r++) {
            double sum = r == c;

            for (size_t k = c; k < r; k++)
                sum -= gsl_matrix_get(g->a, r, k) * g->factor[k * g->n + c];
            g->factor[r * g->n + c] = sum / gsl_matrix_get(g->a, r, r);
        }
    for (size_t i = 0; i < g->n * g->n; i++)
        g->factor[i] *= scale;
}

static void regress(struct sofa_signals *g)
{
    double unit_y, unit_s, best = -INFINITY, weight = weights[0], k = alike[0], noise, value;

    standardise(g, &unit_y, &unit_s);
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        for (size_t j = 0; j < sizeof alike / sizeof *alike; j++) {
            value = evidence(g, weights[i], alike[j], &noise);
            if (value > best) {
                best = value;
                weight = weights[i];
                k = alike[j];
            }
        }
    evidence(g, weight, k, &noise);
    for (size_t l = 0; l < g->n; l++)
        g->weight[l] = gsl_vector_get(g->solution, l) * unit_y / unit_s;
    set_factor(g, sqrt(noise) * unit_y / unit_s);
}

enum sofa_code sofa_signals_learn(struct sofa_signals *g, struct sofa_err *err)
{
    regress(g);
    return sofa_parts_learn(g->parts, 0, NULL, 1, err);
}

double sofa_signals_trend(const struct sofa_signals *g, const double *signal)
{
    double sum = g->base;

    for (size_t l = 0; l < g->n; l++)
        sum += g->weight[l] * (signal[l] - g->centre[l]);
    return sum;
}

void sofa_signals_predict(struct sofa_signals *g, const int *x, double *mean, double *variance)
{
    double sum;

    *variance = 0;
    sofa_parts_each(g->parts, x, g->value, g->sd);
    for (size_t l = 0; l < g->n; l++) {
        g->value[l] = sofa_opt_exp(g->value[l]);
        sum = g->weight[l] * g->value[l] * g->sd[l];
        *variance += sum * sum;
    }
    *mean = sofa_signals_trend(g, g->value);
    for (size_t l = 0; l < g->n; l++) {
        sum = 0;
        for (size_t k = 0; k <= l; k++)
            sum += g->factor[l * g->n + k] * (g->value[k] - g->centre[k]);
        *variance += sum * sum;
    }
}
