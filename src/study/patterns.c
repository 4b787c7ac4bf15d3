#include "study/patterns.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One pattern: on the tokens that the kernel runs on, and on those of the workload. */
struct made {
    struct sofa_pattern kernel, workload;
};

struct entry {
    struct entry *next;
    int number;
    size_t rows, tile, per_phase;
    struct sofa_spans spans;
    struct sofa_arena arena;
};

struct sofa_problem_patterns {
    int count; /* made so far; 1 is `none` alone */
    struct made made[SOFA_PATTERNS_MAX];
    struct sofa_arena arena; /* of the patterns */
    pthread_mutex_t lock;
    struct entry *first;
};

static size_t kernel_tokens(const struct sofa_problem *p)
{
    size_t keys = (size_t)p->workload.keys;

    if (p->lm)
        return keys;
    if (p->synthetic_tokens)
        return p->synthetic_tokens;
    return keys < SOFA_SYNTHETIC_TOKENS ? keys : SOFA_SYNTHETIC_TOKENS; /* for the order of loads alone */
}

/* A query without a key is found here, and not in the midst of a study. */
static enum sofa_code make(const struct sofa_problem *p, const struct sofa_pattern_choice *choice, size_t queries, size_t keys,
                           struct sofa_arena *arena, struct sofa_pattern *pattern, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_pattern_generate(choice->spec, queries, keys, p->workload.causal, arena, pattern, err));
    for (size_t i = 0; i < queries; i++)
        if (!sofa_pattern_row_members(pattern, i))
            return sofa_fail(err, SOFA_E_INPUT, "the pattern leaves query %zu without a key", i);
out:
    return rc;
}

/* What doesn't go with a pattern; NULL for nothing. */
static const char *refusal(const struct sofa_problem *p, const struct sofa_pattern_choice *choice)
{
    if (p->space->paper.node)
        return "the published scalar ('objective: paper') knows no patterns";
    if (p->given.head && !choice->fixed)
        return "a selection inside a pattern changes what is selected, and the statistics of a shape are given; a fixed "
               "pattern needs none";
    return NULL;
}

static enum sofa_code make_one(struct sofa_problem *p, struct sofa_problem_patterns *all, int number, struct sofa_err *err)
{
    const struct sofa_pattern_choice *choice = &p->space->patterns.choice[number];
    size_t tokens = kernel_tokens(p);
    const char *refused = refusal(p, choice);
    struct sofa_err why = SOFA_ERR_INIT;
    enum sofa_code rc = refused ? sofa_fail(&why, SOFA_E_INPUT, "%s", refused) : SOFA_OK;

    if (rc == SOFA_OK)
        rc = make(p, choice, tokens, tokens, &all->arena, &all->made[number].kernel, &why);
    if (rc == SOFA_OK)
        rc = make(p, choice, (size_t)p->workload.queries, (size_t)p->workload.keys, &all->arena,
                  &all->made[number].workload, &why);
    if (rc == SOFA_OK)
        return SOFA_OK;
    if (rc == SOFA_E_INPUT && choice->node)
        return sofa_node_fail(choice->node, err, "pattern '%s': %s", choice->text, why.text);
    return sofa_fail(err, rc == SOFA_E_INPUT ? SOFA_E_USAGE : rc, "--set pattern=%s: %s", choice->text, why.text);
}

enum sofa_code sofa_problem_make_patterns(struct sofa_problem *p, struct sofa_err *err)
{
    struct sofa_problem_patterns *all = p->patterns;
    enum sofa_code rc = SOFA_OK;

    if (p->space->patterns.count <= 1)
        return SOFA_OK;
    if (!all) {
        all = p->patterns = calloc(1, sizeof *all);
        if (!all)
            return sofa_fail_nomem(err, "patterns");
        pthread_mutex_init(&all->lock, NULL);
        all->count = 1;
    }
    for (; all->count < p->space->patterns.count; all->count++)
        SOFA_TRY(make_one(p, all, all->count, err));
out:
    return rc;
}

void sofa_problem_patterns_free(struct sofa_problem_patterns *patterns)
{
    struct entry *next;

    if (!patterns)
        return;
    for (struct entry *e = patterns->first; e; e = next) {
        next = e->next;
        sofa_arena_release(&e->arena);
        free(e);
    }
    pthread_mutex_destroy(&patterns->lock);
    sofa_arena_release(&patterns->arena);
    free(patterns);
}

void sofa_problem_set_pattern(const struct sofa_problem *p, int number, struct sofa_attention_params *params)
{
    if (!number)
        return;
    params->pattern = &p->patterns->made[number].kernel;
    params->fixed = p->space->patterns.choice[number].fixed;
}

/* Loads of a fixed pattern depend on nothing but the pattern: a head of zeros has them too. */
static enum sofa_code count_loads(const struct sofa_problem *p, const struct entry *e, struct sofa_arena *arena,
                                  struct sofa_spans *spans, struct sofa_err *err)
{
    size_t tokens = kernel_tokens(p);
    float *zero = sofa_arena_zalloc(arena, tokens, sizeof *zero), *out = sofa_arena_alloc(arena, tokens, sizeof *out);
    struct sofa_attention_params params = SOFA_ATTENTION_DEFAULTS;
    struct sofa_khat khat = {.s = tokens, .d = 1};
    struct sofa_attention_stats stats;
    enum sofa_code rc;

    if (!zero || !out)
        return sofa_fail_nomem(err, "the loads of a pattern");
    params.causal = p->workload.causal;
    params.block_rows = e->rows;
    params.keys_per_phase = e->per_phase;
    sofa_problem_set_pattern(p, e->number, &params);
    SOFA_TRY(sofa_attention_run(p->kernel, &params, &khat, zero, zero, zero, out, SOFA_STATS_MODEL, &stats, NULL, arena, err));
    spans->naive_ratio = stats.block_naive / stats.block_union;
    spans->rass_ratio = stats.block_rass / stats.block_union;
out:
    return rc;
}

static enum sofa_code fill(const struct sofa_problem *p, struct entry *e, struct sofa_err *err)
{
    const struct sofa_pattern_choice *choice = &p->space->patterns.choice[e->number];
    struct sofa_arena scratch = SOFA_ARENA_INIT;
    enum sofa_code rc;

    SOFA_TRY(sofa_spans_count(&p->patterns->made[e->number].workload, p->workload.causal, e->rows, e->tile, &e->arena,
                              &e->spans, err));
    e->spans.name = choice->text;
    e->spans.fixed = choice->fixed;
    if (choice->fixed)
        rc = count_loads(p, e, &scratch, &e->spans, err);
out:
    sofa_arena_release(&scratch);
    return rc;
}

/* Under the lock. */
static enum sofa_code find_or_fill(const struct sofa_problem *p, const struct entry *key, const struct sofa_spans **spans,
                                   struct sofa_err *err)
{
    struct sofa_problem_patterns *all = p->patterns;
    enum sofa_code rc = SOFA_OK;
    struct entry *e;

    for (e = all->first; e; e = e->next)
        if (e->number == key->number && e->rows == key->rows && e->tile == key->tile && e->per_phase == key->per_phase)
            break;
    if (!e) {
        e = malloc(sizeof *e);
        if (!e)
            return sofa_fail_nomem(err, "the spans of a pattern");
        *e = *key;
        rc = fill(p, e, err);
        if (rc != SOFA_OK) {
            sofa_arena_release(&e->arena);
            free(e);
            return rc;
        }
        e->next = all->first;
        all->first = e;
    }
    *spans = &e->spans;
    return rc;
}

enum sofa_code sofa_problem_spans(const struct sofa_problem *p, const struct sofa_design *design,
                                  const struct sofa_spans *layer[SOFA_LAYERS_MAX], bool *any, struct sofa_err *err)
{
    struct sofa_design_blocking blocking = sofa_design_blocking(design);
    enum sofa_code rc = SOFA_OK;

    *any = false;
    for (int l = 0; l < design->layers; l++) {
        int number = design->layer[l].pattern, tiles = design->layer[l].tiles;
        bool fixed = p->space->patterns.choice[number].fixed;
        struct entry key = {.number = number, .rows = blocking.block_rows, .per_phase = fixed ? blocking.keys_per_phase : 0,
                            .tile = fixed ? 0 : (size_t)ceil(p->workload.keys / (tiles > 0 ? tiles : 1))};

        layer[l] = NULL;
        if (!number)
            continue;
        *any = true;
        pthread_mutex_lock(&p->patterns->lock);
        rc = find_or_fill(p, &key, &layer[l], err);
        pthread_mutex_unlock(&p->patterns->lock);
        if (rc != SOFA_OK)
            break;
    }
    return rc;
}

int sofa_problem_fixed_layers(const struct sofa_problem *p, const struct sofa_design *design)
{
    int n = 0;

    for (int l = 0; p->patterns && l < design->layers; l++)
        n += p->space->patterns.choice[design->layer[l].pattern].fixed;
    return n;
}
