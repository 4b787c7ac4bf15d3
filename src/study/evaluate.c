#include "study/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "study/outside.h"
#include "study/patterns.h"

int sofa_extra_compare(const void *a, const void *b)
{
    return strcmp(((const struct sofa_extra *)a)->name, ((const struct sofa_extra *)b)->name);
}

double sofa_statistics_density(const struct sofa_statistics *statistics)
{
    int n = statistics->layers * statistics->heads;
    double sum = 0;

    for (int i = 0; i < n; i++) {
        const struct sofa_spans *spans = statistics->spans ? statistics->spans[i / statistics->heads] : NULL;

        sum += !spans ? statistics->head[i].density
                      : spans->members / spans->visible * (spans->fixed ? 1 : statistics->head[i].density);
    }
    return sum / n;
}

/* Relative rise of the loss over dense attention; an encoder's loss is its distance to dense attention. */
static double accuracy_loss(const struct sofa_problem *p, const struct sofa_measured *m)
{
    if (sofa_lm_shape(p->lm)->encoder)
        return m->loss.hidden_error;
    return m->loss.nats_per_token / p->dense.nats_per_token - 1;
}

/* Cross-entropy; on synthetic rows, which predict nothing, the divergence of a row's selected softmax from the
 * whole one, which is -ln of the mass it keeps (of the mean mass: a lower bound of the mean). */
static double loss_in_nats(const struct sofa_problem *p, const struct sofa_measured *m)
{
    if (!p->lm)
        return -log(m->mass);
    return sofa_lm_shape(p->lm)->encoder ? m->loss.hidden_error : m->loss.nats_per_token;
}

/* The published scalar, L_en + alpha L_cmp + beta L_exp, in nats: L_cmp = sum Bc k / sum S k, L_exp = sum S / Bc,
 * over the layers; L_exp per token unless the raw form was asked for. */
static double paper_objective(const struct sofa_problem *p, const struct sofa_design *design, const struct sofa_measured *m)
{
    const struct sofa_space_paper *paper = &p->space->paper;
    double s = p->workload.keys, work = 0, all = 0, tiles = 0;

    if (!paper->node)
        return NAN;
    for (int l = 0; l < design->layers; l++) {
        double width = ceil(s / design->layer[l].tiles), k = design->layer[l].topk_permille / 1000.0;

        work += width * k;
        all += s * k;
        tiles += s / width;
    }
    if (!paper->raw_expansion)
        tiles /= s * design->layers;
    return loss_in_nats(p, m) + paper->alpha * (work / all) + paper->beta * tiles;
}

static double study_metric(const struct sofa_problem *p, const struct sofa_design *design, const char *name,
                           const struct sofa_measured *m, const struct sofa_statistics *statistics)
{
    if (strcmp(name, "density") == 0)
        return sofa_statistics_density(statistics);
    if (!m)
        return NAN;
    if (strcmp(name, "mass") == 0)
        return m->mass;
    if (strcmp(name, "output_error") == 0)
        return m->output_error;
    if (strcmp(name, "paper_objective") == 0)
        return paper_objective(p, design, m);
    if (!p->lm)
        return NAN;
    if (strcmp(name, "accuracy_loss") == 0)
        return accuracy_loss(p, m);
    return strcmp(name, "bits_per_byte") == 0 && !sofa_lm_shape(p->lm)->encoder ? m->loss.bits_per_byte : NAN;
}

static void fill_metrics(const struct sofa_problem *p, const struct sofa_design *design, const struct sofa_measured *m,
                         const struct sofa_statistics *statistics, struct sofa_evaluation *e)
{
    for (size_t i = 0; i < p->n_metrics; i++)
        e->metric[i] = p->metric[i].source == SOFA_METRIC_MODEL
                           ? sofa_metric_value(&p->metric[i], &e->result)
                           : study_metric(p, design, p->metric[i].name, m, statistics);
}

static void add_violation(struct sofa_evaluation *e, const char *text)
{
    e->feasible = false;
    if (e->violations < SOFA_VIOLATIONS_MAX)
        e->violation[e->violations++] = text;
}

static void judge(const struct sofa_problem *p, bool with_accuracy, struct sofa_evaluation *e)
{
    e->feasible = true;
    e->violations = 0;
    if (!e->result.feasible)
        add_violation(e, e->result.reason);
    for (size_t i = 0; i < p->n_constraints; i++) {
        const struct sofa_problem_constraint *c = &p->constraint[i];

        double value = sofa_problem_value(p, c->metric, e->metric);

        if (!with_accuracy && sofa_metric_is_accuracy(c->metric))
            continue;
        if (!e->result.feasible && isnan(value))
            continue; /* the reason says it all */
        if (!sofa_constraint_holds(c, value))
            add_violation(e, c->text);
    }
}

/* The pattern's part of the statistics: `layer` [layers] is room for it. */
static enum sofa_code lay_patterns(const struct sofa_problem *p, const struct sofa_design *design,
                                   const struct sofa_spans **layer, struct sofa_statistics *s, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    bool any;

    s->spans = NULL;
    if (!p->patterns)
        return SOFA_OK;
    SOFA_TRY(sofa_problem_spans(p, design, layer, &any, err));
    s->spans = any ? layer : NULL;
out:
    return rc;
}

static void finish(const struct sofa_problem *p, const struct sofa_design *design, const struct sofa_measured *m,
                   const struct sofa_statistics *statistics, struct sofa_evaluation *e)
{
    sofa_model_evaluate(&p->hardware, design, &p->workload, statistics, &e->result);
    fill_metrics(p, design, m, statistics, e);
    judge(p, m != NULL || !sofa_problem_runs_kernel(p), e);
}

void sofa_evaluate_cheaply(const struct sofa_problem *problem, const struct sofa_design *design,
                           const struct sofa_statistics *statistics, struct sofa_evaluation *evaluation)
{
    struct sofa_statistics whole = *statistics;
    const struct sofa_spans *layer[SOFA_LAYERS_MAX];

    if (lay_patterns(problem, design, layer, &whole, NULL) == SOFA_OK)
        finish(problem, design, NULL, &whole, evaluation);
    else /* no memory: what isn't known isn't proposed */
        evaluation->feasible = false;
}

enum sofa_code sofa_evaluator_init(struct sofa_evaluator *evaluator, const struct sofa_problem *problem,
                                   struct sofa_measurements *measurements, const atomic_bool *cancel, struct sofa_err *err)
{
    const struct sofa_space_evaluator *outside = &problem->space->evaluator;

    *evaluator = (struct sofa_evaluator){.problem = problem, .measurements = measurements, .cancel = cancel,
                                         .arena = SOFA_ARENA_INIT};
    if (!outside->node)
        return SOFA_OK;
    return sofa_child_new(outside->command, outside->folder, outside->timeout_s, &evaluator->child, err);
}

void sofa_evaluator_release(struct sofa_evaluator *evaluator)
{
    sofa_child_free(evaluator->child);
    sofa_arena_release(&evaluator->arena);
}

/* By our own model. */
static enum sofa_code evaluate(struct sofa_evaluator *ev, const struct sofa_design *design, struct sofa_evaluation *e,
                               struct sofa_err *err)
{
    const struct sofa_problem *p = ev->problem;
    bool runs = sofa_problem_runs_kernel(p);
    const struct sofa_spans **layer;
    struct sofa_measured m;
    enum sofa_code rc = SOFA_OK;

    if (runs) {
        SOFA_TRY(sofa_measure(p, design, ev->measurements, ev->cancel, &ev->arena, &m, err));
        if (p->lm && !isfinite(accuracy_loss(p, &m))) {
            rc = sofa_fail(err, SOFA_E_EVAL, "the loss of the language model is not a number");
            goto out;
        }
    }
    e->selection = runs ? m.selection : p->given;
    layer = sofa_arena_alloc(&ev->arena, SOFA_LAYERS_MAX, sizeof *layer);
    if (!layer)
        return sofa_fail_nomem(err, "an evaluation");
    SOFA_TRY(lay_patterns(p, design, layer, &e->selection, err));
    finish(p, design, runs ? &m : NULL, &e->selection, e);
out:
    return rc;
}

enum sofa_code sofa_evaluate_design(struct sofa_evaluator *evaluator, size_t id, const struct sofa_design *design,
                                    struct sofa_evaluation *evaluation, struct sofa_err *err)
{
    double start = sofa_seconds();
    enum sofa_code rc;

    evaluation->n_extra = 0;
    sofa_arena_reset(&evaluator->arena);
    if (evaluator->child) {
        SOFA_TRY(sofa_outside_ask(evaluator, id, design, evaluation, err));
        judge(evaluator->problem, true, evaluation);
    } else {
        SOFA_TRY(evaluate(evaluator, design, evaluation, err));
    }
    evaluation->seconds = sofa_seconds() - start;
out:
    return rc;
}

const char *sofa_problem_statistics(const struct sofa_problem *problem)
{
    return problem->lm ? "measured" : problem->given.head ? problem->given.source : "synthetic";
}

void sofa_evaluate_source(const struct sofa_problem *problem, const struct sofa_metric *metric, char *text, size_t size)
{
    char command[128];

    if (metric->source == SOFA_METRIC_OUTSIDE) {
        sofa_outside_command(problem, command, sizeof command);
        snprintf(text, size, "evaluator: %s", command);
    } else if (metric->source == SOFA_METRIC_MODEL)
        snprintf(text, size, "model: %s, scope %s, statistics %s", problem->hardware.name,
                 sofa_scope_names[problem->workload.scope], sofa_problem_statistics(problem));
    else if (problem->lm)
        snprintf(text, size, "measured: %s, %zu windows of %zu tokens", problem->workload.name,
                 problem->space->workload.windows, problem->space->workload.window);
    else if (problem->given.head)
        snprintf(text, size, "%s", problem->given.source);
    else
        snprintf(text, size, "synthetic: rows I %.3g, II %.3g, III %.3g, %zu of %.0f tokens", problem->synthetic.share[0],
                 problem->synthetic.share[1], problem->synthetic.share[2], problem->synthetic_tokens, problem->workload.keys);
}

void sofa_evaluate_design_source(const struct sofa_problem *problem, const struct sofa_design *design,
                                 const struct sofa_metric *metric, char *text, size_t size)
{
    int fixed = sofa_problem_fixed_layers(problem, design);
    size_t n;

    sofa_evaluate_source(problem, metric, text, size);
    n = strlen(text);
    if (fixed)
        snprintf(text + n, size - n, "; static pattern in %d of %d layers", fixed, design->layers);
}
