/*
 * What the last suggestion promises: its expected gain in hypervolume, as a share of what is there.  A search may
 * end when that stays small.
 */
#include <math.h>
#include <stdlib.h>

#include "opt/bayesian.h"
#include "opt/pareto.h"
#include "opt/special.h"

double sofa_bayesian_gain(const struct sofa_optimizer *o, const struct sofa_score *score)
{
    const struct bayesian *b = o->own;
    double draws = (double)b->draws * (o->problem.cheap_draw && o->problem.draws ? (double)o->problem.draws : 1);

    return score->tier < SOFA_TIER_IMPROVING ? -INFINITY : score->value - sofa_opt_log(draws);
}

enum sofa_code sofa_bayesian_volume(struct sofa_optimizer *o, double *volume, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    bool levels = b->u >= 0 && o->problem.uncertain_is_objective;
    size_t m = b->q + levels, n = 0;
    double reference[SOFA_OPT_OBJECTIVES_MAX], *y = calloc(b->points_n * m + 1, sizeof *y);
    enum sofa_code rc;

    if (!y)
        return sofa_fail_nomem(err, "the hypervolume");
    for (size_t j = 0; j < b->q; j++)
        reference[j] = b->reference[j];
    if (levels)
        reference[b->q] = b->worst;
    for (size_t i = 0; i < b->points_n; i++) {
        if (b->trial[i] == SOFA_LATTICE_NONE)
            continue;
        for (size_t j = 0; j < b->q; j++)
            y[n * m + j] = b->points[i * b->q + j];
        if (levels)
            y[n * m + b->q] = o->trials[b->trial[i]].y[b->u];
        n++;
    }
    rc = sofa_hypervolume(y, n, m, reference, volume, err);
    free(y);
    return rc;
}

enum sofa_code sofa_optimizer_promise(struct sofa_optimizer *optimizer, double *share, struct sofa_err *err)
{
    double volume;
    enum sofa_code rc = SOFA_OK;

    *share = NAN;
    if (!optimizer->method->volume || isnan(optimizer->gain))
        return SOFA_OK;
    SOFA_TRY(optimizer->method->volume(optimizer, &volume, err));
    if (volume > 0)
        *share = optimizer->gain > -INFINITY ? sofa_opt_exp(optimizer->gain - sofa_opt_log(volume)) : 0;
out:
    return rc;
}
