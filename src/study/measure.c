/* Running the kernel: in the language model, or on synthetic rows; and keeping what came out. */
#include "study/measure.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/patterns.h"

/* What a run of the kernel depends on, and nothing else, as plain bytes. */
struct settings_key {
    int layers, query_lanes, keys_per_phase, level;
    int head; /* of synthetic rows; -1 for a language model */
    struct sofa_layer_settings layer[SOFA_LAYERS_MAX];
};

struct entry {
    struct entry *next;
    struct settings_key key;
    struct sofa_measured measured;
    struct sofa_selection head[]; /* [layers * heads] */
};

struct sofa_measurements {
    pthread_mutex_t lock;
    struct entry *first; /* newest first */
    size_t count, most;
};

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

/* Padding is zero, so that keys compare as bytes.  Of synthetic rows each layer is kept by itself. */
static void make_key(const struct sofa_problem *p, const struct sofa_design *design, int first, int layers, int head,
                     struct settings_key *key)
{
    memset(key, 0, sizeof *key);
    key->layers = layers;
    key->head = head;
    key->query_lanes = design->query_lanes;
    key->keys_per_phase = design->keys_per_phase;
    key->level = p->level;
    for (int l = 0; l < layers; l++) {
        const struct sofa_layer_settings *from = &design->layer[first + l];
        struct sofa_layer_settings *to = &key->layer[l];

        to->tiles = from->tiles;
        to->topk_permille = from->topk_permille;
        to->radius = from->radius;
        to->reference = from->reference;
        to->khat_bits = from->khat_bits;
        to->q_bits = from->q_bits;
        to->formal_bits = from->formal_bits;
        to->pattern = from->pattern;
    }
}

static size_t selection_bytes(const struct sofa_statistics *s)
{
    return (size_t)s->layers * (size_t)s->heads * sizeof *s->head;
}

/* The heads are copied into the arena: an entry may be dropped at any time. */
static bool look_up(struct sofa_measurements *m, const struct settings_key *key, struct sofa_arena *arena,
                    struct sofa_measured *out)
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
static void keep(struct sofa_measurements *m, const struct settings_key *key, const struct sofa_measured *measured)
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
    sofa_problem_set_pattern(p, s->pattern, &params);
    return params;
}

static struct sofa_selection selection_of(const struct sofa_attention_stats *s, enum sofa_stats_level level)
{
    return (struct sofa_selection){
        .density = s->density,
        .union_share = s->union_block,
        .naive_ratio = s->block_union > 0 ? s->block_naive / s->block_union : 1,
        .rass_ratio = s->block_union > 0 ? s->block_rass / s->block_union : 1,
        .clipped = s->visible > 0 ? s->clipped / s->visible : 0,
        .mispredicted = s->max_mispredict,
        .union_all = s->union_all,
        .mass = level >= SOFA_STATS_SAMPLE ? s->mass : (double)NAN,
        .output_error = level >= SOFA_STATS_SAMPLE ? s->rel_error : (double)NAN,
    };
}

static void summarise(const struct sofa_problem *p, const struct sofa_attention_stats *stats, size_t n,
                      struct sofa_measured *out)
{
    out->mass = out->output_error = p->level == SOFA_STATS_ALL ? 0 : NAN;
    for (size_t i = 0; i < n; i++) {
        out->selection.head[i] = selection_of(&stats[i], p->level);
        out->mass += stats[i].mass / (double)n;
        out->output_error += stats[i].rel_error / (double)n;
    }
}

static enum sofa_code new_selection(const struct sofa_problem *p, size_t layers, size_t heads, struct sofa_arena *arena,
                                    struct sofa_statistics *out, struct sofa_err *err)
{
    *out = (struct sofa_statistics){.layers = (int)layers, .heads = (int)heads,
                                    .head = sofa_arena_zalloc(arena, layers * heads, sizeof *out->head)};
    if (!out->head)
        return sofa_fail_nomem(err, "an evaluation");
    if (p->lm)
        snprintf(out->source, sizeof out->source, "measured: %.64s", p->workload.name);
    else
        snprintf(out->source, sizeof out->source, "synthetic: rows I %.3g, II %.3g, III %.3g; %zu tokens", p->synthetic.share[0],
                 p->synthetic.share[1], p->synthetic.share[2], p->synthetic_tokens);
    return SOFA_OK;
}

static enum sofa_code run_lm(const struct sofa_problem *p, const struct sofa_design *design, const atomic_bool *cancel,
                             struct sofa_arena *arena, struct sofa_measured *out, struct sofa_err *err)
{
    size_t layers = (size_t)p->workload.layers, heads = (size_t)p->workload.heads;
    const struct sofa_space_workload *w = &p->space->workload;
    struct sofa_attention_params *params = sofa_arena_alloc(arena, layers, sizeof *params);
    struct sofa_attention_stats *stats = sofa_arena_zalloc(arena, layers * heads, sizeof *stats);
    struct sofa_lm_run run = {.window = w->window, .windows = w->windows, .layer = params, .level = p->level,
                              .kernel = p->kernel, .cancel = cancel, .stats = stats};
    enum sofa_code rc;

    if (!params || !stats)
        return sofa_fail_nomem(err, "an evaluation");
    SOFA_TRY(new_selection(p, layers, heads, arena, &out->selection, err));
    for (int l = 0; l < (int)layers; l++)
        params[l] = layer_params(p, design, l);
    SOFA_TRY(sofa_lm_evaluate(p->lm, p->text, &run, &out->loss, arena, err));
    summarise(p, stats, layers * heads, out);
out:
    return rc;
}

/* One layer on a synthetic head. */
static enum sofa_code run_synthetic(const struct sofa_problem *p, const struct sofa_design *design, int layer,
                                    struct sofa_arena *arena, struct sofa_measured *out, struct sofa_err *err)
{
    const struct sofa_synthetic_tensors *t = &p->tensors[layer % SOFA_SYNTHETIC_HEADS];
    size_t s = p->synthetic_tokens, d = (size_t)p->workload.head_dim;
    struct sofa_attention_params params = layer_params(p, design, layer);
    struct sofa_attention_stats stats;
    struct sofa_quant8 x8;
    struct sofa_khat khat;
    float *o = sofa_arena_alloc(arena, s * d, sizeof *o);
    enum sofa_code rc;

    if (!o)
        return sofa_fail_nomem(err, "synthetic rows");
    SOFA_TRY(new_selection(p, 1, 1, arena, &out->selection, err));
    SOFA_TRY(sofa_attention_quantise_x(p->kernel, t->x, s, SOFA_SYNTHETIC_WIDTH, arena, &x8, err));
    SOFA_TRY(sofa_attention_predict_keys(p->kernel, params.khat_bits, &x8, t->wk, d, (struct sofa_rope){NULL, NULL}, arena,
                                         &khat, err));
    SOFA_TRY(sofa_attention_run(p->kernel, &params, &khat, t->q, t->k, t->v, o, p->level, &stats, NULL, arena, err));
    summarise(p, &stats, 1, out);
out:
    return rc;
}

/* `layers` of the design from `first` on, as they were measured before or are now. */
static enum sofa_code look_up_or_run(const struct sofa_problem *p, const struct sofa_design *design, int first, int layers,
                                     struct sofa_measurements *measurements, const atomic_bool *cancel,
                                     struct sofa_arena *arena, struct sofa_measured *out, struct sofa_err *err)
{
    struct settings_key *key = sofa_arena_alloc(arena, 1, sizeof *key);
    enum sofa_code rc = SOFA_OK;

    if (!key)
        return sofa_fail_nomem(err, "an evaluation");
    make_key(p, design, first, layers, p->lm ? -1 : first % SOFA_SYNTHETIC_HEADS, key);
    if (measurements && look_up(measurements, key, arena, out))
        return SOFA_OK;
    SOFA_TRY(p->lm ? run_lm(p, design, cancel, arena, out, err) : run_synthetic(p, design, first, arena, out, err));
    if (measurements)
        keep(measurements, key, out);
out:
    return rc;
}

static enum sofa_code measure_synthetic(const struct sofa_problem *p, const struct sofa_design *design,
                                        struct sofa_measurements *measurements, const atomic_bool *cancel,
                                        struct sofa_arena *arena, struct sofa_measured *out, struct sofa_err *err)
{
    size_t layers = (size_t)p->workload.layers;
    struct sofa_measured one;
    enum sofa_code rc;

    out->mass = out->output_error = 0;
    SOFA_TRY(new_selection(p, layers, 1, arena, &out->selection, err));
    for (int l = 0; l < (int)layers; l++) {
        if (cancel && atomic_load(cancel))
            return sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal");
        SOFA_TRY(look_up_or_run(p, design, l, 1, measurements, cancel, arena, &one, err));
        out->selection.head[l] = one.selection.head[0];
        out->mass += one.mass / (double)layers;
        out->output_error += one.output_error / (double)layers;
    }
out:
    return rc;
}

enum sofa_code sofa_measure(const struct sofa_problem *problem, const struct sofa_design *design,
                            struct sofa_measurements *measurements, const atomic_bool *cancel, struct sofa_arena *arena,
                            struct sofa_measured *out, struct sofa_err *err)
{
    memset(out, 0, sizeof *out);
    if (!problem->lm)
        return measure_synthetic(problem, design, measurements, cancel, arena, out, err);
    return look_up_or_run(problem, design, 0, design->layers, measurements, cancel, arena, out, err);
}
