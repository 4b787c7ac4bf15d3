#include "study/problem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/accelergy.h"
#include "base/file.h"
#include "base/str.h"
#include "base/unit.h"
#include "study/memories.h"
#include "study/outside.h"
#include "study/patterns.h"

#define CHOICES_MOST 12 /* that a message names all */

/* Says what would have been right. */
static enum sofa_code fail_unknown(const struct sofa_node *node, const char *folder, const char *name, struct sofa_err *err)
{
    const char *kind = strrchr(folder, '/') + 1;
    char *listed = sofa_format("sofa-dse list %s", kind);
    struct sofa_names names;

    sofa_node_fail(node, err, "'%s' is neither a file nor one of %s", name, folder);
    if (listed && sofa_data_names(folder, &names)) {
        if (names.n > CHOICES_MOST)
            sofa_err_append_hint(err, name, (const char *const *)names.name, names.n, listed);
        else
            sofa_err_append_choices(err, name, (const char *const *)names.name, names.n);
        sofa_names_release(&names);
    }
    free(listed);
    return SOFA_E_INPUT;
}

enum sofa_code sofa_problem_find_file(const struct sofa_node *node, const char *folder, const char *name, char **path,
                                      struct sofa_err *err)
{
    char *own;

    *path = NULL;
    if (!strchr(name, '/') && !sofa_file_exists(name)) {
        own = sofa_format("%s/%s.yaml", folder, name);
        *path = own ? sofa_data_file(own) : NULL;
        free(own);
        return *path ? SOFA_OK : fail_unknown(node, folder, name, err);
    }
    *path = sofa_format("%s", name);
    return *path ? SOFA_OK : sofa_fail_nomem(err, name);
}

bool sofa_problem_runs_kernel(const struct sofa_problem *problem)
{
    return !problem->space->evaluator.node && (problem->lm || !problem->given.head);
}

bool sofa_metric_is_accuracy(const struct sofa_metric *metric)
{
    return metric->source == SOFA_METRIC_STUDY && strcmp(metric->name, "density") != 0;
}

static bool promises(const char *algorithm)
{
    size_t n;
    const struct sofa_opt_algorithm *a = sofa_opt_algorithms(&n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(a[i].name, algorithm) == 0)
            return a[i].promises;
    return false;
}

enum sofa_code sofa_problem_suits(const struct sofa_problem *problem, const char *algorithm, const struct sofa_node *node,
                                  struct sofa_err *err)
{
    static const char why[] = "'paper' minimises the published scalar of our own model; this space has an evaluator";
    const struct sofa_node *stop = problem->space->search.stop.node;

    if (stop && !promises(algorithm))
        return sofa_node_fail(stop, err, "'stop' looks at what a suggestion promises, which '%s' doesn't know; "
                              "'bayesian' and 'paper' do", algorithm);
    if (!problem->space->evaluator.node || strcmp(algorithm, "paper") != 0)
        return SOFA_OK;
    return node ? sofa_node_fail(node, err, "%s", why) : sofa_fail(err, SOFA_E_USAGE, "--algorithm: %s", why);
}

const struct sofa_metric *sofa_problem_metric(const struct sofa_problem *problem, const char *name)
{
    for (size_t i = 0; i < problem->n_metrics; i++)
        if (strcmp(problem->metric[i].name, name) == 0)
            return &problem->metric[i];
    return NULL;
}

double sofa_problem_value(const struct sofa_problem *problem, const struct sofa_metric *metric, const double *values)
{
    return values[metric - problem->metric];
}

bool sofa_constraint_holds(const struct sofa_problem_constraint *constraint, double value)
{
    switch (constraint->relation) {
    case SOFA_LESS:
        return value < constraint->limit;
    case SOFA_LESS_EQUAL:
        return value <= constraint->limit;
    case SOFA_GREATER:
        return value > constraint->limit;
    case SOFA_GREATER_EQUAL:
        return value >= constraint->limit;
    }
    return false;
}

/* A metric by the name that stands at a node. */
static enum sofa_code find_metric(const struct sofa_problem *p, const struct sofa_node *node, const char *name,
                                  const struct sofa_metric **metric, struct sofa_err *err)
{
    const char *names[SOFA_METRICS_MAX];

    *metric = sofa_problem_metric(p, name);
    if (*metric)
        return SOFA_OK;
    for (size_t i = 0; i < p->n_metrics; i++)
        names[i] = p->metric[i].name;
    sofa_node_fail(node, err, "unknown metric '%s'", name);
    sofa_err_append_hint(err, name, names, p->n_metrics, "sofa-dse list metrics");
    return SOFA_E_INPUT;
}

/* The metric can be had from this workload; and what the kernel has to measure for it. */
static enum sofa_code need_metric(struct sofa_problem *p, const struct sofa_node *node, const struct sofa_metric *metric,
                                  struct sofa_err *err)
{
    bool paper = strcmp(metric->name, "paper_objective") == 0;

    if (!sofa_metric_is_accuracy(metric))
        return SOFA_OK;
    if (paper && !p->space->paper.node)
        return sofa_node_fail(node, err, "'%s' has weights: write 'objective: paper' with 'alpha' and 'beta'", metric->name);
    if (strcmp(metric->name, "mass") == 0 || strcmp(metric->name, "output_error") == 0 || (paper && !p->lm)) {
        p->level = SOFA_STATS_ALL;
        if (!sofa_problem_runs_kernel(p))
            return sofa_node_fail(node, err, "'%s' is measured by running the kernel; given statistics don't tell it", metric->name);
    } else if (!p->lm) {
        return sofa_node_fail(node, err, "'%s' needs a workload with a 'checkpoint'; this one is a shape", metric->name);
    } else if (p->level < SOFA_STATS_SAMPLE) {
        p->level = SOFA_STATS_SAMPLE; /* errors of layers tell of the loss (study/parts.h) */
    }
    if (strcmp(metric->name, "bits_per_byte") == 0 && sofa_lm_shape(p->lm)->encoder)
        return sofa_node_fail(node, err, "an encoder predicts no bytes; 'accuracy_loss' is its distance to dense attention");
    return SOFA_OK;
}

static enum sofa_code resolve_objectives(struct sofa_problem *p, struct sofa_err *err)
{
    const struct sofa_space *space = p->space;
    enum sofa_code rc = SOFA_OK;

    for (size_t i = 0; i < space->n_objectives; i++) {
        const struct sofa_space_objective *o = &space->objective[i];
        const struct sofa_metric *metric;

        SOFA_TRY(find_metric(p, o->node, o->name, &metric, err));
        SOFA_TRY(need_metric(p, o->node, metric, err));
        p->objective[i].metric = metric;
        p->objective[i].sign = o->goal ? o->goal : metric->maximise ? -1 : 1;
        p->objective[i].reference = NAN;
        if (o->reference)
            SOFA_TRY(sofa_node_number(o->reference, metric->unit, &p->objective[i].reference, err));
    }
    p->n_objectives = space->n_objectives;
out:
    return rc;
}

static enum sofa_code resolve_constraint(struct sofa_problem *p, const struct sofa_space_constraint *c,
                                         struct sofa_problem_constraint *out, struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    enum sofa_code rc;

    SOFA_TRY(find_metric(p, c->node, c->name, &out->metric, err));
    SOFA_TRY(need_metric(p, c->node, out->metric, err));
    out->relation = c->relation;
    out->text = c->text;
    if (sofa_quantity_parse(c->limit, out->metric->unit, &out->limit, &why) != SOFA_OK)
        rc = sofa_node_fail(c->node, err, "%s: %s", c->name, why.text);
out:
    return rc;
}

static enum sofa_code resolve_constraints(struct sofa_problem *p, struct sofa_err *err)
{
    const struct sofa_space *space = p->space;
    enum sofa_code rc = SOFA_OK;

    p->constraint = sofa_arena_zalloc(&p->space->arena, space->n_constraints + 1, sizeof *p->constraint);
    if (!p->constraint)
        return sofa_fail_nomem(err, "the constraints");
    for (size_t i = 0; i < space->n_constraints; i++)
        SOFA_TRY(resolve_constraint(p, &space->constraint[i], &p->constraint[i], err));
    p->n_constraints = space->n_constraints;
out:
    return rc;
}

/* +1 for an upper limit, -1 for a lower one. */
static double sense_of(const struct sofa_problem_constraint *c)
{
    return c->relation == SOFA_LESS || c->relation == SOFA_LESS_EQUAL ? 1 : -1;
}

void sofa_problem_misses(const struct sofa_problem *problem, const double *values, double *g)
{
    for (size_t i = 0; i < problem->n_learnt; i++) {
        const struct sofa_problem_constraint *c = problem->learnt[i];

        g[i] = sense_of(c) * (sofa_problem_value(problem, c->metric, values) - c->limit);
    }
}

double sofa_problem_limit(const struct sofa_problem *problem, size_t slot)
{
    const struct sofa_problem_objective *o = &problem->objective[slot];
    double limit = INFINITY;

    for (size_t i = 0; i < problem->n_constraints; i++) {
        const struct sofa_problem_constraint *c = &problem->constraint[i];

        if (c->metric == o->metric && sense_of(c) == o->sign)
            limit = fmin(limit, o->sign * c->limit);
    }
    return limit;
}

/* Takes note of an accuracy at a slot. */
static void note_uncertain(struct sofa_problem *p, size_t slot)
{
    p->uncertain = p->uncertain == SOFA_PROBLEM_CERTAIN ? (int)slot : SOFA_PROBLEM_ALL;
}

/* Which slots are uncertain; an accuracy that is only constrained gets a slot of its own. */
static void resolve_uncertain(struct sofa_problem *p)
{
    p->uncertain = SOFA_PROBLEM_CERTAIN;
    p->n_slots = p->n_objectives;
    for (size_t i = 0; i < p->n_objectives; i++)
        if (sofa_metric_is_accuracy(p->objective[i].metric))
            note_uncertain(p, i);
    for (size_t i = 0; i < p->n_constraints; i++) {
        const struct sofa_metric *m = p->constraint[i].metric;
        bool known = !sofa_metric_is_accuracy(m);

        for (size_t j = 0; j < p->n_slots; j++)
            known = known || p->objective[j].metric == m;
        if (known)
            continue;
        if (p->n_slots == p->n_objectives)
            p->objective[p->n_slots++] = (struct sofa_problem_objective){m, m->maximise ? -1 : 1, NAN};
        note_uncertain(p, p->n_objectives);
    }
}

/* Nothing is known of an outside evaluator but what it tells.  A limit on an objective, from the side it is
 * drawn to, becomes its reference point; the other constraints are learnt. */
static enum sofa_code resolve_outside(struct sofa_problem *p, struct sofa_err *err)
{
    p->uncertain = SOFA_PROBLEM_ALL;
    p->n_slots = p->n_objectives;
    for (size_t i = 0; i < p->n_constraints; i++) {
        const struct sofa_problem_constraint *c = &p->constraint[i];
        bool stands = false;

        for (size_t j = 0; j < p->n_objectives; j++)
            stands = stands || (p->objective[j].metric == c->metric && p->objective[j].sign == sense_of(c));
        if (stands)
            continue;
        if (p->n_learnt == SOFA_OPT_CONSTRAINTS_MAX)
            return sofa_node_fail(p->space->constraint[i].node, err, "more than %d constraints with an 'evaluator'",
                                  SOFA_OPT_CONSTRAINTS_MAX);
        p->learnt[p->n_learnt++] = c;
    }
    return SOFA_OK;
}

/* The shape of a language model on windows of its text. */
static void shape_of_lm(struct sofa_problem *p)
{
    const struct sofa_lm_shape *s = sofa_lm_shape(p->lm);
    struct sofa_workload *w = &p->workload;

    w->layers = (int)s->layers;
    w->hidden = (int)s->hidden;
    w->heads = (int)s->heads;
    w->kv_heads = (int)s->kv_heads;
    w->head_dim = (int)s->head_dim;
    w->queries = w->keys = (double)p->space->workload.window;
    w->causal = s->causal;
    w->batch = 1;
    snprintf(w->name, sizeof w->name, "%.60s", sofa_path_base(p->space->workload.checkpoint));
}

static enum sofa_code open_lm(struct sofa_problem *p, struct sofa_err *err)
{
    const struct sofa_space_workload *w = &p->space->workload;
    enum sofa_code rc;
    size_t needed;

    SOFA_TRY(sofa_lm_open(w->checkpoint, &p->lm, err));
    SOFA_TRY(sofa_text_open(p->lm, w->text, &p->text, err));
    if (w->window > sofa_lm_shape(p->lm)->context)
        return sofa_node_fail(w->node, err, "a window of %zu tokens; the model's context has %zu", w->window,
                              sofa_lm_shape(p->lm)->context);
    needed = w->window * w->windows + !sofa_lm_shape(p->lm)->encoder; /* a token behind the last is predicted */
    if (sofa_text_tokens(p->text) < needed)
        return sofa_node_fail(w->node, err, "%zu windows of %zu tokens need %zu; the text has %zu", w->windows, w->window,
                              needed, sofa_text_tokens(p->text));
    if (sofa_lm_shape(p->lm)->layers > SOFA_LAYERS_MAX)
        return sofa_node_fail(w->node, err, "%zu layers; at most %d", sofa_lm_shape(p->lm)->layers, SOFA_LAYERS_MAX);
    shape_of_lm(p);
out:
    return rc;
}

/* Statistics that are given don't follow the algorithm's settings: these can't be searched. */
static enum sofa_code refuse_algorithm_axes(const struct sofa_problem *p, struct sofa_err *err)
{
    const struct sofa_node *parameters = p->space->parameters_node;

    for (size_t i = 0; i < p->space->dims; i++) {
        const struct sofa_space_dim *d = &p->space->dim[i];

        if (d->parameter->per_layer && !d->parameter->patterns) /* sofa_problem_make_patterns sees to these */
            return sofa_node_fail(sofa_node_get(parameters, d->parameter->key), err,
                                  "'%s' changes what is selected, and the statistics of a shape are given; only a workload "
                                  "with a 'checkpoint' can tell", d->parameter->key);
    }
    return SOFA_OK;
}

static enum sofa_code make_head(struct sofa_problem *p, size_t index, struct sofa_err *err)
{
    size_t s = p->synthetic_tokens, h = SOFA_SYNTHETIC_WIDTH, d = (size_t)p->workload.head_dim;
    struct sofa_synthetic_tensors *t = &p->tensors[index];
    struct sofa_synthetic head = p->synthetic;

    t->x = sofa_arena_alloc(&p->arena, s * h, sizeof *t->x);
    t->wk = sofa_arena_alloc(&p->arena, h * d, sizeof *t->wk);
    t->q = sofa_arena_alloc(&p->arena, s * d, sizeof *t->q);
    t->k = sofa_arena_alloc(&p->arena, s * d, sizeof *t->k);
    t->v = sofa_arena_alloc(&p->arena, s * d, sizeof *t->v);
    if (!t->x || !t->wk || !t->q || !t->k || !t->v)
        return sofa_fail_nomem(err, "synthetic rows");
    head.stream = index;
    return sofa_synthetic_head(&head, s, h, d, t->x, t->wk, t->q, t->k, t->v, NULL, err);
}

/* A shape has no weights to run: rows of the published types stand in. */
static enum sofa_code make_synthetic(struct sofa_problem *p, struct sofa_err *err)
{
    const struct sofa_space_workload *w = &p->space->workload;
    size_t most = w->synthetic_tokens ? w->synthetic_tokens : SOFA_SYNTHETIC_TOKENS;
    enum sofa_code rc = SOFA_OK;

    p->synthetic = (struct sofa_synthetic)SOFA_SYNTHETIC_DEFAULTS;
    p->synthetic.causal = p->workload.causal;
    p->synthetic.seed = w->synthetic_seed;
    if (w->synthetic_share[0] + w->synthetic_share[1] + w->synthetic_share[2] > 0)
        memcpy(p->synthetic.share, w->synthetic_share, sizeof p->synthetic.share);
    p->synthetic_tokens = p->workload.keys < (double)most ? (size_t)p->workload.keys : most;
    for (size_t i = 0; i < SOFA_SYNTHETIC_HEADS && i < (size_t)p->workload.layers; i++)
        SOFA_TRY(make_head(p, i, err));
out:
    return rc;
}

static enum sofa_code open_shape(struct sofa_problem *p, struct sofa_err *err)
{
    const struct sofa_space_workload *w = &p->space->workload;
    char *path = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_problem_find_file(w->node, "models/workloads", w->shape, &path, err));
    SOFA_TRY(sofa_workload_read(path, &p->workload, err));
    free(path);
    path = NULL;
    if (!w->statistics)
        return make_synthetic(p, err);
    SOFA_TRY(sofa_problem_find_file(w->node, "models/statistics", w->statistics, &path, err));
    rc = sofa_statistics_read(path, &p->workload, &p->given, err);
out:
    free(path);
    return rc;
}

static enum sofa_code open_workload(struct sofa_problem *p, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(p->space->workload.checkpoint ? open_lm(p, err) : open_shape(p, err));
    p->workload.scope = p->space->workload.scope;
out:
    return rc;
}

static enum sofa_code open_hardware(struct sofa_problem *p, struct sofa_err *err)
{
    struct sofa_design design;
    char *path;
    enum sofa_code rc;

    SOFA_TRY(sofa_problem_find_file(p->space->hardware_node, "models/hardware", p->space->hardware, &path, err));
    rc = sofa_hardware_read(path, &p->hardware, err);
    free(path);
    if (rc != SOFA_OK)
        return rc;
    SOFA_TRY(sofa_hardware_design(&p->hardware, p->workload.layers, &design, err));
    SOFA_TRY(sofa_space_bind(p->space, &design, err));
    if (p->space->cacti)
        SOFA_TRY(sofa_problem_apply_cacti(p, err));
    rc = sofa_accelergy_apply(&p->hardware, p->space->ert, p->space->art, p->space->access_bytes, err);
out:
    return rc;
}

/* What our own model needs. */
static enum sofa_code open_own(struct sofa_problem *p, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(open_workload(p, err));
    SOFA_TRY(open_hardware(p, err));
    if (!sofa_problem_runs_kernel(p))
        rc = refuse_algorithm_axes(p, err);
out:
    return rc;
}

enum sofa_code sofa_problem_open(const char *space_file, const char *isa, struct sofa_problem **problem,
                                 struct sofa_err *err)
{
    return sofa_problem_open_with(space_file, NULL, isa, problem, err);
}

enum sofa_code sofa_problem_open_with(const char *space_file, const struct sofa_space_override *override, const char *isa,
                                      struct sofa_problem **problem, struct sofa_err *err)
{
    struct sofa_problem *p = calloc(1, sizeof *p);
    enum sofa_code rc;

    if (!p)
        return sofa_fail_nomem(err, space_file);
    p->dense.nats_per_token = NAN;
    p->level = SOFA_STATS_MODEL;
    p->metric = sofa_metrics;
    p->n_metrics = sofa_metric_count;
    SOFA_TRY(sofa_attention_kernel_find(isa, &p->kernel, err));
    SOFA_TRY(sofa_space_read_with(space_file, override, &p->space, err));
    SOFA_TRY(p->space->evaluator.node ? sofa_outside_open(p, err) : open_own(p, err));
    SOFA_TRY(resolve_objectives(p, err));
    SOFA_TRY(resolve_constraints(p, err));
    if (p->space->evaluator.node)
        SOFA_TRY(resolve_outside(p, err));
    else
        resolve_uncertain(p);
    SOFA_TRY(sofa_problem_make_patterns(p, err));
    *problem = p;
    p = NULL;
out:
    sofa_problem_free(p);
    return rc;
}

void sofa_problem_free(struct sofa_problem *problem)
{
    if (!problem)
        return;
    sofa_text_free(problem->text);
    sofa_lm_free(problem->lm);
    sofa_statistics_release(&problem->given);
    sofa_problem_patterns_free(problem->patterns);
    sofa_arena_release(&problem->arena);
    sofa_hardware_free(&problem->hardware);
    sofa_space_free(problem->space);
    free(problem);
}

enum sofa_code sofa_problem_measure_dense(struct sofa_problem *problem, const atomic_bool *cancel, struct sofa_err *err)
{
    const struct sofa_space_workload *w = &problem->space->workload;
    struct sofa_lm_run run = {.window = w->window, .windows = w->windows, .kernel = problem->kernel, .cancel = cancel};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    enum sofa_code rc = SOFA_OK;

    if (!problem->lm || sofa_lm_shape(problem->lm)->encoder || !isnan(problem->dense.nats_per_token))
        return SOFA_OK;
    SOFA_TRY(sofa_lm_evaluate(problem->lm, problem->text, &run, &problem->dense, &arena, err));
out:
    sofa_arena_release(&arena);
    return rc;
}
