/* The reference point of a problem. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/evaluate.h"
#include "study/study.h"

/* The level of an axis that loses least accuracy; where that is no matter, the smallest or largest. */
static int reference_level(const struct sofa_space_dim *d, bool largest)
{
    int best = 0, sense = d->parameter->accurate ? d->parameter->accurate : largest ? 1 : -1;

    for (int i = 1; i < d->levels; i++)
        if (sense * d->value[i] > sense * d->value[best])
            best = i;
    return best;
}

static void reference_design(const struct sofa_problem *p, bool largest, struct sofa_design *design)
{
    *design = p->space->base;
    for (size_t i = 0; i < p->space->dims; i++) {
        const struct sofa_space_dim *d = &p->space->dim[i];

        sofa_parameter_apply(d->parameter, d->value[reference_level(d, largest)], d->layer, design);
    }
    sofa_patterns_settle(&p->space->patterns, design);
}

/* What an accuracy can be at worst and still be of interest. */
static double accuracy_reference(const struct sofa_problem *p, const struct sofa_problem_objective *o)
{
    if (strcmp(o->metric->name, "bits_per_byte") == 0)
        return o->sign > 0 ? p->dense.bits_per_byte * (1 + SOFA_REFERENCE_MARGIN) : 0;
    if (strcmp(o->metric->name, "paper_objective") == 0)
        return NAN; /* that of the reference design */
    if (strcmp(o->metric->name, "accuracy_loss") == 0)
        return o->sign > 0 ? SOFA_REFERENCE_MARGIN : 0;
    return o->sign > 0 ? 1 : 0; /* shares and relative errors */
}

static enum sofa_code evaluate_corner(struct sofa_evaluator *evaluator, bool largest, double *worst, struct sofa_err *err)
{
    const struct sofa_problem *p = evaluator->problem;
    struct sofa_evaluation e;
    struct sofa_design design;
    enum sofa_code rc;

    reference_design(p, largest, &design);
    SOFA_TRY(sofa_evaluate_design(evaluator, 0, &design, &e, err));
    for (size_t i = 0; i < p->n_objectives; i++) {
        const struct sofa_problem_objective *o = &p->objective[i];

        worst[i] = fmax(worst[i], o->sign * sofa_problem_value(p, o->metric, e.metric)); /* fmax passes over NAN */
    }
out:
    return rc;
}

/* Of an outside evaluator nothing is known beforehand but what the file gives. */
static void outside_reference(const struct sofa_problem *p, double *reference)
{
    for (size_t i = 0; i < p->n_objectives; i++) {
        double limit = sofa_problem_limit(p, i), given = p->objective[i].sign * p->objective[i].reference;

        reference[i] = isfinite(limit) ? fmin(limit, isnan(given) ? limit : given) : given;
    }
}

enum sofa_code sofa_study_reference(struct sofa_problem *problem, const atomic_bool *cancel, double *reference,
                                    struct sofa_err *err)
{
    struct sofa_evaluator evaluator = {.problem = NULL};
    struct sofa_measurements *measurements = NULL;
    double worst[SOFA_OBJECTIVES_MAX];
    enum sofa_code rc;

    if (problem->space->evaluator.node) {
        outside_reference(problem, reference);
        return SOFA_OK;
    }
    for (size_t i = 0; i < SOFA_OBJECTIVES_MAX; i++)
        worst[i] = -INFINITY;
    SOFA_TRY(sofa_measurements_new(2, &measurements, err));
    SOFA_TRY(sofa_evaluator_init(&evaluator, problem, measurements, cancel, err));
    SOFA_TRY(evaluate_corner(&evaluator, false, worst, err));
    SOFA_TRY(evaluate_corner(&evaluator, true, worst, err));
    for (size_t i = 0; i < problem->n_objectives; i++) {
        const struct sofa_problem_objective *o = &problem->objective[i];
        double limit = sofa_problem_limit(problem, i);

        if (isfinite(limit))
            reference[i] = limit;
        else if (sofa_metric_is_accuracy(o->metric) && !isnan(accuracy_reference(problem, o)))
            reference[i] = accuracy_reference(problem, o);
        else
            reference[i] = worst[i] + SOFA_REFERENCE_MARGIN * fabs(worst[i]);
        if (!isfinite(reference[i])) {
            rc = sofa_fail(err, SOFA_E_EVAL, "no reference for '%s': neither the smallest nor the largest hardware of the "
                           "space can work; a constraint on it would be one", o->metric->name);
            goto out;
        }
    }
out:
    sofa_evaluator_release(&evaluator);
    sofa_measurements_free(measurements);
    return rc;
}
