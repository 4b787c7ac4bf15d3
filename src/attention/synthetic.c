#include "attention/synthetic.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"

/* How far the logits of what a query looks at stand above ln n, the weight of n even keys: chosen so
 * that rows built as a type are classified as it (the test holds that), nothing else. */
#define DOMINANT_KEYS 3
#define DOMINANT_MARGIN 7.0
#define REGION_MARGIN 2.0
#define SPREAD_DEVIATION 1.0
#define REGION_NOISE 0.2

#define REGION_KEYS 32     /* keys of a region that share a direction */
#define REGION_WEIGHT 0.55 /* of that direction in a token, the rest is its own */

#define STRONGEST 4    /* classifier: keys that dominate */
#define WINDOW_SHARE 8 /* classifier: a region is this part of the visible keys */
#define LEAST_KEYS 256

const char *const sofa_row_type_names[SOFA_ROW_TYPES] = {"I", "II", "III"};

/* Standard normal, rounded to float so that every use sees the same number. */
static float normal(gsl_rng *rng)
{
    return (float)gsl_ran_gaussian_ziggurat(rng, 1.0);
}

/* A token: partly its region's direction, partly its own. */
static void fill_token(gsl_rng *rng, const float *lean, double weight, size_t h, float *x)
{
    for (size_t j = 0; j < h; j++)
        x[j] = (float)(weight * lean[j] + (1 - weight) * normal(rng));
}

/* The first token's row holds the direction of its region until the others are filled. */
static void fill_tokens(gsl_rng *rng, double weight, size_t s, size_t h, float *x)
{
    for (size_t first = 0; first < s; first += REGION_KEYS) {
        float *lean = x + first * h;

        for (size_t j = 0; j < h; j++)
            lean[j] = normal(rng);
        for (size_t i = first + 1; i < s && i < first + REGION_KEYS; i++)
            fill_token(rng, lean, weight, h, x + i * h);
        fill_token(rng, lean, weight, h, lean);
    }
}

/* out = a b, [n][m] times [m][d], in double and in ascending order. */
static void multiply(const float *a, const float *b, size_t n, size_t m, size_t d, float *out)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < d; c++) {
            double sum = 0;

            for (size_t j = 0; j < m; j++)
                sum += (double)a[i * m + j] * b[j * d + c];
            out[i * d + c] = (float)sum;
        }
    }
}

/* q += lift * key, so that their logit rises by `lift`. */
static void look_at(float *q, const float *key, size_t d, double lift)
{
    double norm = 0;

    for (size_t j = 0; j < d; j++)
        norm += (double)key[j] * key[j];
    if (norm == 0)
        return;
    for (size_t j = 0; j < d; j++)
        q[j] += (float)(lift * sqrt((double)d) * key[j] / norm);
}

static void add_noise(gsl_rng *rng, float *q, size_t d, double deviation)
{
    for (size_t j = 0; j < d; j++)
        q[j] += (float)(deviation * normal(rng));
}

/* Towards the mean of a region that the query sees whole, where there is one. */
static void look_at_region(gsl_rng *rng, float *q, const float *k, size_t d, size_t visible)
{
    size_t regions = visible / REGION_KEYS, first = regions ? sofa_rng_below(rng, regions) * REGION_KEYS : 0;
    size_t count = regions ? REGION_KEYS : visible;
    double norm = 0, lift = log((double)visible / (double)count) + REGION_MARGIN;

    for (size_t i = first; i < first + count; i++)
        for (size_t j = 0; j < d; j++)
            q[j] += k[i * d + j] / (float)count;
    for (size_t j = 0; j < d; j++)
        norm += (double)q[j] * q[j];
    for (size_t j = 0; norm > 0 && j < d; j++)
        q[j] = (float)(q[j] * lift * sqrt((double)d) / norm);
    add_noise(rng, q, d, REGION_NOISE);
}

static void fill_query(gsl_rng *rng, enum sofa_row_type type, const float *k, size_t d, size_t visible, float *q)
{
    memset(q, 0, d * sizeof *q);
    if (type == SOFA_ROW_REGION) {
        look_at_region(rng, q, k, d, visible);
        return;
    }
    add_noise(rng, q, d, SPREAD_DEVIATION);
    for (int i = 0; type == SOFA_ROW_DOMINANT && i < DOMINANT_KEYS; i++)
        look_at(q, k + sofa_rng_below(rng, visible) * d, d, log((double)visible) + DOMINANT_MARGIN - 0.5 * i);
}

static enum sofa_row_type draw_type(gsl_rng *rng, const double share[SOFA_ROW_TYPES])
{
    double u = gsl_rng_uniform(rng);

    for (int t = 0; t < SOFA_ROW_TYPES - 1; t++) {
        if (u < share[t])
            return (enum sofa_row_type)t;
        u -= share[t];
    }
    return share[SOFA_ROW_TYPES - 1] > 0 ? SOFA_ROW_REGION : SOFA_ROW_SPREAD;
}

enum sofa_code sofa_synthetic_head(const struct sofa_synthetic *synthetic, size_t s, size_t h, size_t d, float *x, float *wk,
                                   float *q, float *k, float *v, enum sofa_row_type *type, struct sofa_err *err)
{
    gsl_rng *rng = sofa_rng_new(synthetic->seed, synthetic->stream);

    if (!rng)
        return sofa_fail_nomem(err, "synthetic rows");
    fill_tokens(rng, synthetic->share[SOFA_ROW_REGION] > 0 ? REGION_WEIGHT : 0, s, h, x);
    for (size_t j = 0; j < h * d; j++)
        wk[j] = (float)(normal(rng) / sqrt((double)h));
    multiply(x, wk, s, h, d, k);
    for (size_t j = 0; j < s * d; j++)
        v[j] = normal(rng);
    for (size_t i = 0; i < s; i++) {
        enum sofa_row_type t = draw_type(rng, synthetic->share);

        fill_query(rng, t, k, d, synthetic->causal ? i + 1 : s, q + i * d);
        if (type)
            type[i] = t;
    }
    gsl_rng_free(rng);
    return SOFA_OK;
}

/* Softmax of one row of n keys, into p. */
static void softmax(const float *q, const float *k, size_t n, size_t d, double *p)
{
    double most = -INFINITY, sum = 0;

    for (size_t j = 0; j < n; j++) {
        double dot = 0;

        for (size_t c = 0; c < d; c++)
            dot += (double)q[c] * k[j * d + c];
        p[j] = dot / sqrt((double)d);
        most = fmax(most, p[j]);
    }
    for (size_t j = 0; j < n; j++)
        sum += p[j] = exp(p[j] - most);
    for (size_t j = 0; j < n; j++)
        p[j] /= sum;
}

static double strongest_mass(const double *p, size_t n)
{
    double top[STRONGEST] = {0}, sum = 0;

    for (size_t j = 0; j < n; j++) {
        double x = p[j];

        for (int i = 0; i < STRONGEST; i++) {
            double kept = fmax(top[i], x);

            x = fmin(top[i], x);
            top[i] = kept;
        }
    }
    for (int i = 0; i < STRONGEST; i++)
        sum += top[i];
    return sum;
}

static double best_window(const double *p, size_t n, size_t width)
{
    double sum = 0, best = 0;

    for (size_t j = 0; j < n; j++) {
        sum += p[j];
        if (j >= width)
            sum -= p[j - width];
        best = fmax(best, sum);
    }
    return best;
}

static enum sofa_row_type classify(const double *p, size_t n)
{
    if (strongest_mass(p, n) >= 0.5)
        return SOFA_ROW_DOMINANT;
    return best_window(p, n, n / WINDOW_SHARE) >= 0.5 ? SOFA_ROW_REGION : SOFA_ROW_SPREAD;
}

enum sofa_code sofa_rows_classify(size_t s, size_t d, bool causal, const float *q, const float *k,
                                  double share[SOFA_ROW_TYPES], size_t *rows, struct sofa_arena *arena, struct sofa_err *err)
{
    double *p = sofa_arena_alloc(arena, s, sizeof *p);

    *rows = 0;
    for (int t = 0; t < SOFA_ROW_TYPES; t++)
        share[t] = 0;
    if (!p)
        return sofa_fail_nomem(err, "the types of rows");
    for (size_t i = causal ? LEAST_KEYS - 1 : 0; s >= LEAST_KEYS && i < s; i++) {
        size_t n = causal ? i + 1 : s;

        softmax(q + i * d, k, n, d, p);
        share[classify(p, n)]++;
        ++*rows;
    }
    for (int t = 0; *rows && t < SOFA_ROW_TYPES; t++)
        share[t] /= (double)*rows;
    return SOFA_OK;
}
