#include "study/predict.h"

#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/design.h"

#define FEATURES 16
#define OUTPUTS 7
/* Prior of a coefficient against noise of a measurement, as a ratio of variances: (0.02 / 1)^2. */
#define RIDGE 4e-4
#define TINY 1e-6
#define SLOTS 4096

/* One layer's settings as measured, and what came out. */
struct sample {
    double feature[FEATURES];
    double target[OUTPUTS];
    struct sofa_selection measured;
    double count; /* how many measurements `measured` is the mean of */
};

struct layer {
    struct sample *sample;
    size_t count, room;
    double normal[FEATURES * FEATURES], right[FEATURES * OUTPUTS]; /* sums of f f' and f t' */
    double coefficient[FEATURES * OUTPUTS];
};

/* A quota density that was worked out before; tiles 0 = none. */
struct quota_slot {
    int tiles, permille;
    double density;
};

struct sofa_predictor {
    struct quota_slot slot[SLOTS];
    int layers, patterns;
    double tokens;
    bool causal;
    struct layer layer[]; /* [layers][patterns] */
};

/* The surface that a design's layer lies on. */
static struct layer *surface(struct sofa_predictor *p, const struct sofa_design *design, int layer)
{
    return &p->layer[layer * p->patterns + design->layer[layer].pattern];
}

static double quota(double visible, int permille)
{
    return ceil(visible * permille / 1000.0);
}

/* Quotas summed over the rows of a causal mask: tile t fills up while rows run through it. */
static double causal_quotas(double tokens, double width, int permille)
{
    double sum = 0;

    for (double first = 0; first < tokens; first += width) {
        double keys = fmin(width, tokens - first);
        double below = tokens - first - keys; /* rows that see the whole tile */

        for (double v = 1; v <= keys; v++)
            sum += quota(v, permille);
        sum += below * quota(keys, permille);
    }
    return sum;
}

double sofa_quota_density(double tokens, bool causal, int tiles, int topk_permille)
{
    double width = ceil(tokens / tiles), sum = 0;

    if (causal)
        return causal_quotas(tokens, width, topk_permille) / (tokens * (tokens + 1) / 2);
    for (double first = 0; first < tokens; first += width)
        sum += quota(fmin(width, tokens - first), topk_permille);
    return sum / tokens;
}

/* A quadratic in (log2 tiles, ln ratio, 1/radius), linear in the rest. */
static void features(const struct sofa_design *design, int layer, double f[FEATURES])
{
    const struct sofa_layer_settings *s = &design->layer[layer];
    double t = log2(s->tiles) - 3, k = log(s->topk_permille / 200.0), r = isinf(s->radius) ? 0 : 4 / s->radius;
    const double all[FEATURES] = {
        1, t, k, r, t * t, k * k, r * r, t * k, t * r, k * r, (double)s->reference, (16 - s->khat_bits) / 8.0,
        (16 - s->q_bits) / 8.0, (16 - s->formal_bits) / 8.0, log2(design->query_lanes / 128.0), log2(design->keys_per_phase / 2.0),
    };

    memcpy(f, all, sizeof all);
}

static double logit(double p)
{
    p = fmin(fmax(p, TINY), 1 - TINY);
    return log(p / (1 - p));
}

static double expit(double x)
{
    return 1 / (1 + exp(-x));
}

static void to_targets(const struct sofa_selection *s, double base, double t[OUTPUTS])
{
    const double all[OUTPUTS] = {log(fmax(s->density, TINY) / base), logit(s->union_share), log(fmax(s->naive_ratio, TINY)),
                                 log(fmax(s->rass_ratio, TINY)), logit(s->clipped), logit(s->mispredicted),
                                 logit(s->union_all)};

    memcpy(t, all, sizeof all);
}

static struct sofa_selection from_targets(const double t[OUTPUTS], double base)
{
    return (struct sofa_selection){
        .density = fmin(base * exp(fmin(t[0], 0)), 1), .union_share = expit(t[1]), .naive_ratio = exp(fmax(t[2], 0)),
        .rass_ratio = exp(fmax(t[3], 0)), .clipped = expit(t[4]), .mispredicted = expit(t[5]), .union_all = expit(t[6])};
}

enum sofa_code sofa_predictor_new(int layers, int patterns, double tokens, bool causal, struct sofa_predictor **predictor,
                                  struct sofa_err *err)
{
    struct sofa_predictor *p = calloc(1, sizeof *p + (size_t)layers * (size_t)patterns * sizeof *p->layer);

    if (!p)
        return sofa_fail_nomem(err, "the predictor");
    p->layers = layers;
    p->patterns = patterns;
    p->tokens = tokens;
    p->causal = causal;
    *predictor = p;
    return SOFA_OK;
}

void sofa_predictor_free(struct sofa_predictor *predictor)
{
    if (!predictor)
        return;
    for (int l = 0; l < predictor->layers * predictor->patterns; l++)
        free(predictor->layer[l].sample);
    free(predictor);
}

static struct sofa_selection mean_over_heads(const struct sofa_statistics *s, int layer)
{
    double sum[OUTPUTS] = {0};
    const struct sofa_selection *head = &s->head[(size_t)layer * (size_t)s->heads];

    for (int h = 0; h < s->heads; h++) {
        const double one[OUTPUTS] = {head[h].density, head[h].union_share, head[h].naive_ratio,
                                     head[h].rass_ratio, head[h].clipped, head[h].mispredicted, head[h].union_all};

        for (int i = 0; i < OUTPUTS; i++)
            sum[i] += one[i] / s->heads;
    }
    return (struct sofa_selection){.density = sum[0], .union_share = sum[1], .naive_ratio = sum[2], .rass_ratio = sum[3],
                                   .clipped = sum[4], .mispredicted = sum[5], .union_all = sum[6]};
}

static struct sample *find_sample(const struct layer *l, const double f[FEATURES])
{
    for (size_t i = 0; i < l->count; i++)
        if (memcmp(l->sample[i].feature, f, FEATURES * sizeof *f) == 0)
            return &l->sample[i];
    return NULL;
}

/* Coefficients of all outputs: (F'F + ridge) c = F't. */
static void fit(struct layer *l)
{
    double matrix[FEATURES * FEATURES];
    gsl_matrix_view a = gsl_matrix_view_array(matrix, FEATURES, FEATURES);

    memcpy(matrix, l->normal, sizeof matrix);
    for (int i = 0; i < FEATURES; i++)
        matrix[i * FEATURES + i] += RIDGE;
    if (gsl_linalg_cholesky_decomp1(&a.matrix) != 0)
        return;
    for (int o = 0; o < OUTPUTS; o++) {
        double x[FEATURES];
        gsl_vector_view v = gsl_vector_view_array(x, FEATURES);

        for (int i = 0; i < FEATURES; i++)
            x[i] = l->right[i * OUTPUTS + o];
        gsl_linalg_cholesky_svx(&a.matrix, &v.vector);
        for (int i = 0; i < FEATURES; i++)
            l->coefficient[i * OUTPUTS + o] = x[i];
    }
}

static void accumulate(struct layer *l, const double f[FEATURES], const double t[OUTPUTS])
{
    for (int i = 0; i < FEATURES; i++) {
        for (int j = 0; j < FEATURES; j++)
            l->normal[i * FEATURES + j] += f[i] * f[j];
        for (int o = 0; o < OUTPUTS; o++)
            l->right[i * OUTPUTS + o] += f[i] * t[o];
    }
}

static void average_in(struct sample *s, const struct sofa_selection *m)
{
    double w = 1 / ++s->count;

    s->measured.density += w * (m->density - s->measured.density);
    s->measured.union_share += w * (m->union_share - s->measured.union_share);
    s->measured.naive_ratio += w * (m->naive_ratio - s->measured.naive_ratio);
    s->measured.rass_ratio += w * (m->rass_ratio - s->measured.rass_ratio);
    s->measured.clipped += w * (m->clipped - s->measured.clipped);
    s->measured.mispredicted += w * (m->mispredicted - s->measured.mispredicted);
    s->measured.union_all += w * (m->union_all - s->measured.union_all);
}

static enum sofa_code add_to_layer(struct layer *l, const double f[FEATURES], double base,
                                   const struct sofa_selection *measured, struct sofa_err *err)
{
    struct sample *s = find_sample(l, f);
    double t[OUTPUTS];

    if (!s) {
        if (l->count == l->room) {
            size_t room = l->room ? 2 * l->room : 64;
            struct sample *more = realloc(l->sample, room * sizeof *more);

            if (!more)
                return sofa_fail_nomem(err, "the predictor");
            l->sample = more;
            l->room = room;
        }
        s = &l->sample[l->count++];
        *s = (struct sample){.count = 0};
        memcpy(s->feature, f, sizeof s->feature);
    }
    average_in(s, measured);
    to_targets(measured, base, t);
    accumulate(l, f, t);
    fit(l);
    return SOFA_OK;
}

/* The density that the quotas allow; kept, for the search asks it over and over. */
static double base_density(struct sofa_predictor *p, const struct sofa_layer_settings *s)
{
    struct quota_slot *slot = &p->slot[((unsigned)s->tiles * 1009u + (unsigned)s->topk_permille) % SLOTS];

    if (slot->tiles != s->tiles || slot->permille != s->topk_permille)
        *slot = (struct quota_slot){s->tiles, s->topk_permille,
                                    sofa_quota_density(p->tokens, p->causal, s->tiles, s->topk_permille)};
    return slot->density;
}

enum sofa_code sofa_predictor_add(struct sofa_predictor *predictor, const struct sofa_design *design,
                                  const struct sofa_statistics *measured, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    double f[FEATURES];

    for (int l = 0; l < predictor->layers; l++) {
        struct sofa_selection mean = mean_over_heads(measured, l);

        features(design, l, f);
        SOFA_TRY(add_to_layer(surface(predictor, design, l), f, base_density(predictor, &design->layer[l]), &mean, err));
    }
out:
    return rc;
}

/* Before anything is measured: no clipping, keys drawn independently, nothing loaded twice. */
static struct sofa_selection unmeasured(const struct sofa_predictor *p, const struct sofa_design *design, double base)
{
    double rows = fmin(design->query_lanes, p->tokens);

    return (struct sofa_selection){.density = base, .union_share = 1 - pow(1 - base, rows), .naive_ratio = 1, .rass_ratio = 1,
                                   .union_all = 1 - pow(1 - base, p->tokens)};
}

static struct sofa_selection predict_layer(struct sofa_predictor *p, const struct sofa_design *design, int layer)
{
    const struct layer *l = surface(p, design, layer);
    double base = base_density(p, &design->layer[layer]), f[FEATURES], t[OUTPUTS] = {0};
    const struct sample *seen;

    if (!l->count)
        return unmeasured(p, design, base);
    features(design, layer, f);
    seen = find_sample(l, f);
    if (seen)
        return seen->measured;
    for (int i = 0; i < FEATURES; i++)
        for (int o = 0; o < OUTPUTS; o++)
            t[o] += f[i] * l->coefficient[i * OUTPUTS + o];
    return from_targets(t, base);
}

void sofa_predictor_get(struct sofa_predictor *predictor, const struct sofa_design *design, struct sofa_statistics *out)
{
    out->layers = predictor->layers;
    out->heads = 1;
    snprintf(out->source, sizeof out->source, "predicted");
    for (int l = 0; l < predictor->layers; l++)
        out->head[l] = predict_layer(predictor, design, l);
}
