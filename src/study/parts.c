#include "study/parts.h"

#include <math.h>
#include <string.h>

/* Metrics that are means over heads. */
static const struct {
    const char *metric;
    size_t offset; /* of a head's, in struct sofa_selection */
} means[] = {
    {"mass", offsetof(struct sofa_selection, mass)},
    {"output_error", offsetof(struct sofa_selection, output_error)},
};
#define MEANS (sizeof means / sizeof *means)

static const struct sofa_problem_objective *uncertain(const struct sofa_problem *p)
{
    return p->uncertain >= 0 ? &p->objective[p->uncertain] : NULL;
}

bool sofa_problem_apart(const struct sofa_problem *problem, const struct sofa_parameter *parameter)
{
    const struct sofa_problem_objective *o = uncertain(problem);

    return o && !parameter->per_layer && !problem->space->evaluator.node && strcmp(o->metric->name, "paper_objective") != 0;
}

/* The row of `means` of the uncertain objective, MEANS where it is none. */
static size_t mean_of(const struct sofa_problem *p)
{
    const struct sofa_problem_objective *o = uncertain(p);
    size_t i = 0;

    while (o && i < MEANS && strcmp(means[i].metric, o->metric->name) != 0)
        i++;
    return o ? i : MEANS;
}

bool sofa_problem_signals(const struct sofa_problem *problem)
{
    const struct sofa_problem_objective *o = uncertain(problem);

    return problem->lm && o && mean_of(problem) == MEANS && strcmp(o->metric->name, "paper_objective") != 0;
}

size_t sofa_problem_parts(const struct sofa_problem *problem)
{
    bool adds_up = sofa_problem_runs_kernel(problem) && !problem->lm && mean_of(problem) < MEANS;

    return adds_up || sofa_problem_signals(problem) ? (size_t)problem->workload.layers : 0;
}

static void split_signals(const struct sofa_statistics *measured, double *signal)
{
    for (int l = 0; l < measured->layers; l++) {
        signal[l] = 0;
        for (int h = 0; h < measured->heads; h++) {
            double error = measured->head[l * measured->heads + h].output_error;

            signal[l] += error * error / measured->heads;
        }
    }
}

void sofa_problem_split(const struct sofa_problem *problem, const struct sofa_statistics *measured, double *part)
{
    size_t offset;
    double weight;

    if (sofa_problem_signals(problem)) {
        split_signals(measured, part);
        return;
    }
    offset = means[mean_of(problem)].offset;
    weight = uncertain(problem)->sign / ((double)measured->heads * measured->layers);
    for (int l = 0; l < measured->layers; l++) {
        part[l] = 0;
        for (int h = 0; h < measured->heads; h++)
            part[l] += weight * *(const double *)((const char *)&measured->head[l * measured->heads + h] + offset);
    }
}
