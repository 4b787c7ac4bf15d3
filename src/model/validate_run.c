#include "model/validate_run.h"

#include <math.h>

double sofa_validate_tile_keys(const struct sofa_validation *v)
{
    const struct sofa_design *d = &v->hw->design;

    return floor(d->temp_sram_bytes / (2.0 * d->query_lanes * v->hw->widths.score / 8));
}

/* The fewest tiles whose scores stay on the chip.  Whole rows, where nothing goes by tiles. */
static int tiles_of(const struct sofa_validation *v, const struct sofa_workload *w, int steps)
{
    return steps & (STEP_TILED | STEP_SADS) ? (int)ceil(w->keys / sofa_validate_tile_keys(v)) : 1;
}

static void init_design(const struct sofa_validation *v, const struct sofa_workload *w,
                        const struct sofa_validate_point *at, struct sofa_design *d)
{
    int tiles = tiles_of(v, w, at->steps);

    for (int i = 0; i < w->layers; i++) {
        d->layer[i].topk_permille = sofa_validate_permille[at->level];
        d->layer[i].tiles = tiles;
    }
    d->dlzs_columns = at->columns ? at->columns : d->dlzs_columns;
    d->prediction = at->steps & STEP_DLZS ? SOFA_PREDICTION_DLZS : SOFA_PREDICTION_MULTIPLY4;
    d->sort = at->steps & STEP_SADS ? SOFA_SORT_SADS : SOFA_SORT_FULL;
    d->softmax = at->steps & STEP_SUFA ? SOFA_SOFTMAX_DESCENDING : SOFA_SOFTMAX_FA2;
    d->schedule = at->steps & STEP_RASS ? SOFA_SCHEDULE_RASS : SOFA_SCHEDULE_NAIVE;
    d->pipeline = at->steps & STEP_TILED ? SOFA_PIPELINE_TILED : SOFA_PIPELINE_SERIAL;
}

bool sofa_validate_prepare(const struct sofa_validation *v, const struct sofa_workload *w, struct sofa_validate_point at,
                           struct sofa_validate_case *c)
{
    if (sofa_hardware_design(v->hw, w->layers, &c->design, NULL) != SOFA_OK)
        return false;
    init_design(v, w, &at, &c->design);
    c->workload = *w;
    c->workload.scope = at.scope;
    if (at.keys_given) /* in the attention scope only the prediction of keys asks for the width */
        c->workload.hidden = 1;
    c->statistics = (struct sofa_statistics){.layers = w->layers, .heads = 1, .head = c->selection};
    for (int i = 0; i < w->layers; i++) { /* those of synthetic rows, but for the density: that is published */
        c->selection[i] = v->selection[at.level];
        c->selection[i].density = sofa_validate_permille[at.level] / 1000.0;
    }
    return true;
}

bool sofa_validate_run(const struct sofa_validation *v, const struct sofa_workload *w, struct sofa_validate_point at,
                       struct sofa_result *r)
{
    struct sofa_validate_case c;

    if (!sofa_validate_prepare(v, w, at, &c))
        return false;
    sofa_model_evaluate(v->hw, &c.design, &c.workload, &c.statistics, r);
    return r->feasible;
}

double sofa_validate_mean(const struct sofa_validation *v, struct sofa_validate_point at, sofa_validate_figure *f)
{
    double sum = 0;

    for (size_t i = 0; i < v->published->n_benchmarks; i++) {
        struct sofa_result r;

        if (!sofa_validate_run(v, &v->benchmark[i], at, &r))
            return NAN;
        sum += f(v, &v->benchmark[i], &r);
    }
    return sum / (double)v->published->n_benchmarks;
}

double sofa_validate_ratio(const struct sofa_validation *v, struct sofa_validate_point over,
                           struct sofa_validate_point under, sofa_validate_figure *f, enum sofa_validate_statistic what)
{
    double sum = 0, least = INFINITY, most = -INFINITY;

    for (size_t i = 0; i < v->published->n_benchmarks; i++) {
        struct sofa_result a, b;
        double x;

        if (!sofa_validate_run(v, &v->benchmark[i], over, &a) ||
            !sofa_validate_run(v, &v->benchmark[i], under, &b))
            return NAN;
        x = f(v, &v->benchmark[i], &a) / f(v, &v->benchmark[i], &b);
        sum += x;
        least = fmin(least, x);
        most = fmax(most, x);
    }
    if (what == STATISTIC_MEAN)
        return sum / (double)v->published->n_benchmarks;
    return what == STATISTIC_LEAST ? least : most;
}
