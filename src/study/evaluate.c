#include "study/evaluate.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a run of the kernel depends on, and nothing else, as plain bytes. */
struct settings_key {
    int layers, query_lanes, keys_per_phase, level;
    struct sofa_layer_settings layer[SOFA_LAYERS_MAX];
};

/* What it found out. */
struct measured {
    double bits_per_byte, mass, output_error;
    struct sofa_statistics selection;
};

struct entry {
    struct entry *next;
    struct settings_key key;
    struct measured measured;
    struct sofa_selection head[]; /* [layers * heads] */
};

struct sofa_measurements {
    pthread_mutex_t lock;
    struct entry *first; /* newest first */
    size_t count, most;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum sofa_code sofa_measurements_new(size_t most, struct sofa_measurements **measurements, struct sofa_err *err)
{
    struct sofa_measurements *m = calloc(1, sizeof *m);

    if (!m)
        return sofa_fail_nomem(err, "measurements");
    pthread_mutex_init(&m->lock, NULL);
    m->most = most;
    *measurements = m;
    return SOFA_OK;
}

void sofa_measurements_free(struct sofa_measurements *measurements)
{
    struct entry *next;

    if (!measurements)
        return;
    for (struct entry *e = measurements->first; e; e = next) {
        next = e->next;
        free(e);
    }
    pthread_mutex_destroy(&measurements->lock);
    free(measurements);
}

/* Padding is zero, so that keys compare as bytes. */
static void make_key(const struct sofa_problem *p, const struct sofa_design *design, struct settings_key *key)
{
    memset(key, 0, sizeof *key);
    key->layers = design->layers;
    key->query_lanes = design->query_lanes;
    key->keys_per_phase = design->keys_per_phase;
    key->level = p->level;
    for (int l = 0; l < design->layers; l++) {
        const struct sofa_layer_settings *from = &design->layer[l];
        struct sofa_layer_settings *to = &key->layer[l];

        to->tiles = from->tiles;
        to->topk_permille = from->topk_permille;
        to->radius = from->radius;
        to->reference = from->reference;
        to->khat_bits = from->khat_bits;
        to->q_bits = from->q_bits;
        to->formal_bits = from->formal_bits;
    }
}

static size_t selection_bytes(const struct sofa_statistics *s)
{
    return (size_t)s->layers * (size_t)s->heads * sizeof *s->head;
}

/* The heads are copied into the arena: an entry may be dropped at any time. */
static bool look_up(struct sofa_measurements *m, const struct settings_key *key, struct sofa_arena *arena,
                    struct measured *out)
{
    struct entry *e;

    pthread_mutex_lock(&m->lock);
    for (e = m->first; e && memcmp(&e->key, key, sizeof *key) != 0; e = e->next)
        ;
    if (e) {
        *out = e->measured;
        out->selection.head = sofa_arena_alloc(arena, 1, selection_bytes(&e->measured.selection));
        if (out->selection.head)
            memcpy(out->selection.head, e->head, selection_bytes(&e->measured.selection));
    }
    pthread_mutex_unlock(&m->lock);
    return e && out->selection.head;
}

static void drop_oldest(struct sofa_measurements *m)
{
    struct entry **link = &m->first;

    while ((*link)->next)
        link = &(*link)->next;
    free(*link);
    *link = NULL;
    m->count--;
}

/* Without memory the measurement is simply not kept. */
static void keep(struct sofa_measurements *m, const struct settings_key *key, const struct measured *measured)
{
    struct entry *e = malloc(sizeof *e + selection_bytes(&measured->selection));

    if (!e)
        return;
    e->key = *key;
    e->measured = *measured;
    e->measured.selection.head = NULL;
    memcpy(e->head, measured->selection.head, selection_bytes(&measured->selection));
    pthread_mutex_lock(&m->lock);
    e->next = m->first;
    m->first = e;
    if (++m->count > m->most)
        drop_oldest(m);
    pthread_mutex_unlock(&m->lock);
}

static struct sofa_attention_params layer_params(const struct sofa_problem *p, const struct sofa_design *design, int layer)
{
    const struct sofa_layer_settings *s = &design->layer[layer];
    struct sofa_design_blocking blocking = sofa_design_blocking(design);
    struct sofa_attention_params params = SOFA_ATTENTION_DEFAULTS;

    params.tiles = s->tiles;
    params.topk_permille = s->topk_permille;
    params.radius = s->radius;
    params.reference = s->reference == SOFA_CLIP_RUNNING ? SOFA_REFERENCE_RUNNING : SOFA_REFERENCE_SEGMENT;
    params.khat_bits = s->khat_bits;
    params.q_bits = s->q_bits;
    params.formal_bits = s->formal_bits;
    params.causal = p->workload.causal;
    params.block_rows = blocking.block_rows;
    params.keys_per_phase = blocking.keys_per_phase;
    return params;
}

static struct sofa_selection selection_of(const struct sofa_attention_stats *s)
{
    return (struct sofa_selection){
        .density = s->density,
        .union_share = s->union_block,
        .naive_ratio = s->block_union > 0 ? s->block_naive / s->block_union : 1,
        .rass_ratio = s->block_union > 0 ? s->block_rass / s->block_union : 1,
        .clipped = s->visible > 0 ? s->clipped / s->visible : 0,
        .mispredicted = s->max_mispredict,
        .union_all = s->union_all,
    };
}

static void summarise(const struct sofa_problem *p, const struct sofa_attention_stats *stats, struct measured *out)
{
    size_t n = (size_t)p->workload.layers * (size_t)p->workload.heads;

    out->mass = out->output_error = p->level == SOFA_STATS_ALL ? 0 : NAN;
    for (size_t i = 0; i < n; i++) {
        out->selection.head[i] = selection_of(&stats[i]);
        out->mass += stats[i].mass / (double)n;
        out->output_error += stats[i].rel_error / (double)n;
    }
}

static enum sofa_code run_kernel(const struct sofa_problem *p, const struct sofa_design *design,
                                 const atomic_bool *cancel, struct sofa_arena *arena, struct measured *out,
                                 struct sofa_err *err)
{
    size_t layers = (size_t)p->workload.layers, heads = (size_t)p->workload.heads;
    const struct sofa_space_workload *w = &p->space->workload;
    struct sofa_attention_params *params = sofa_arena_alloc(arena, layers, sizeof *params);
    struct sofa_attention_stats *stats = sofa_arena_zalloc(arena, layers * heads, sizeof *stats);
    struct sofa_lm_run run = {.window = w->window, .windows = w->windows, .layer = params, .level = p->level,
                              .kernel = p->kernel, .cancel = cancel, .stats = stats};
    struct sofa_lm_loss loss;
    enum sofa_code rc;

    out->selection = (struct sofa_statistics){.layers = (int)layers, .heads = (int)heads,
                                              .head = sofa_arena_zalloc(arena, layers * heads, sizeof *out->selection.head)};
    if (!params || !stats || !out->selection.head)
        return sofa_fail_nomem(err, "an evaluation");
    snprintf(out->selection.source, sizeof out->selection.source, "measured: %.64s", p->workload.name);
    for (int l = 0; l < (int)layers; l++)
        params[l] = layer_params(p, design, l);
    SOFA_TRY(sofa_lm_evaluate(p->lm, p->text, &run, &loss, arena, err));
    out->bits_per_byte = loss.bits_per_byte;
    summarise(p, stats, out);
out:
    return rc;
}

static enum sofa_code measure(const struct sofa_problem *p, const struct sofa_design *design,
                              struct sofa_measurements *measurements, const atomic_bool *cancel,
                              struct sofa_arena *arena, struct measured *out, struct sofa_err *err)
{
    struct settings_key *key = sofa_arena_alloc(arena, 1, sizeof *key);
    enum sofa_code rc = SOFA_OK;

    if (!key)
        return sofa_fail_nomem(err, "an evaluation");
    make_key(p, design, key);
    if (measurements && look_up(measurements, key, arena, out))
        return SOFA_OK;
    SOFA_TRY(run_kernel(p, design, cancel, arena, out, err));
    if (measurements)
        keep(measurements, key, out);
out:
    return rc;
}

double sofa_statistics_density(const struct sofa_statistics *statistics)
{
    int n = statistics->layers * statistics->heads;
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += statistics->head[i].density;
    return sum / n;
}

static double study_metric(const struct sofa_problem *p, const char *name, const struct measured *m,
                           const struct sofa_statistics *statistics)
{
    if (strcmp(name, "density") == 0)
        return sofa_statistics_density(statistics);
    if (!m)
        return NAN;
    if (strcmp(name, "bits_per_byte") == 0)
        return m->bits_per_byte;
    if (strcmp(name, "accuracy_loss") == 0)
        return m->bits_per_byte / p->dense_bits_per_byte - 1;
    if (strcmp(name, "mass") == 0)
        return m->mass;
    if (strcmp(name, "output_error") == 0)
        return m->output_error;
    return NAN;
}

static void fill_metrics(const struct sofa_problem *p, const struct measured *m,
                         const struct sofa_statistics *statistics, struct sofa_evaluation *e)
{
    for (size_t i = 0; i < sofa_metric_count; i++)
        e->metric[i] = sofa_metrics[i].source == SOFA_METRIC_MODEL ? sofa_metric_value(&sofa_metrics[i], &e->result)
                                                                   : study_metric(p, sofa_metrics[i].name, m, statistics);
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

        if (!with_accuracy && sofa_metric_is_accuracy(c->metric))
            continue;
        if (!sofa_constraint_holds(c, e->metric[c->metric - sofa_metrics]))
            add_violation(e, c->text);
    }
}

static void finish(const struct sofa_problem *p, const struct sofa_design *design, const struct measured *m,
                   const struct sofa_statistics *statistics, struct sofa_evaluation *e)
{
    sofa_model_evaluate(&p->hardware, design, &p->workload, statistics, &e->result);
    fill_metrics(p, m, statistics, e);
    judge(p, m != NULL || !p->lm, e);
}

void sofa_evaluate_cheaply(const struct sofa_problem *problem, const struct sofa_design *design,
                           const struct sofa_statistics *statistics, struct sofa_evaluation *evaluation)
{
    finish(problem, design, NULL, statistics, evaluation);
}

enum sofa_code sofa_evaluate_design(const struct sofa_problem *problem, const struct sofa_design *design,
                                    struct sofa_measurements *measurements, const atomic_bool *cancel,
                                    struct sofa_arena *arena, struct sofa_evaluation *evaluation, struct sofa_err *err)
{
    double start = now();
    struct measured m;
    enum sofa_code rc = SOFA_OK;

    if (problem->lm) {
        SOFA_TRY(measure(problem, design, measurements, cancel, arena, &m, err));
        if (!isfinite(m.bits_per_byte)) {
            rc = sofa_fail(err, SOFA_E_EVAL, "the loss of the language model is not a number");
            goto out;
        }
    }
    evaluation->selection = problem->lm ? m.selection : problem->given;
    finish(problem, design, problem->lm ? &m : NULL, &evaluation->selection, evaluation);
    evaluation->seconds = now() - start;
out:
    return rc;
}

void sofa_evaluate_source(const struct sofa_problem *problem, const struct sofa_metric *metric, char *text, size_t size)
{
    if (metric->source == SOFA_METRIC_STUDY && problem->lm)
        snprintf(text, size, "measured: %s, %zu windows of %zu tokens", problem->workload.name,
                 problem->space->workload.windows, problem->space->workload.window);
    else if (metric->source == SOFA_METRIC_STUDY)
        snprintf(text, size, "%s", problem->given.source);
    else
        snprintf(text, size, "model: %s, scope %s, statistics %s", problem->hardware.name,
                 sofa_scope_names[problem->workload.scope], problem->lm ? "measured" : problem->given.source);
}
