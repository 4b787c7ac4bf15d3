/* The loss of a text, window by window. */
#include <math.h>
#include <string.h>

#include "transformer/fmath.h"
#include "transformer/net.h"
#include "transformer/prefix_cache.h"
#include "transformer/text.h"

#define LOSS_ROWS 64 /* rows of logits held at a time: 64 x 128k tokens are 32 MiB */

/* Adds exp(logits - most) of n <= 8 lanes. */
static inline void add_exponentials(const float *logits, size_t n, double most, double lane[SOFA_SUM_LANES])
{
    double x[SOFA_SUM_LANES] = {0};

    for (size_t j = 0; j < n; j++)
        x[j] = logits[j] - most;
    sofa_exp8(x, x);
    for (size_t j = 0; j < n; j++)
        lane[j] += x[j];
}

/* -log softmax(logits)[target] */
static double row_loss(const float *logits, size_t n, int32_t target)
{
    double lane[SOFA_SUM_LANES] = {0};
    float most = logits[0];
    size_t i = 0;

    for (size_t j = 1; j < n; j++)
        most = logits[j] > most ? logits[j] : most;
    for (; i + SOFA_SUM_LANES <= n; i += SOFA_SUM_LANES)
        add_exponentials(logits + i, SOFA_SUM_LANES, most, lane);
    add_exponentials(logits + i, n - i, most, lane);
    return (double)logl(sofa_lanes_sum(lane)) - ((double)logits[target] - most);
}

/* Adds up the loss of a window whose targets are ids [s]; pass->y is finished. */
static enum sofa_code window_loss(struct sofa_pass *p, const int32_t *targets, double *nats, struct sofa_err *err)
{
    const struct sofa_lm_shape *s = &p->lm->config.shape;
    struct sofa_arena_mark mark = sofa_arena_mark(p->arena);
    float *logits = sofa_arena_alloc(p->arena, LOSS_ROWS * s->vocabulary, sizeof *logits);

    if (!logits)
        return sofa_fail_nomem(err, "logits");
    for (size_t i = 0; i < p->s; i += LOSS_ROWS) {
        size_t rows = p->s - i < LOSS_ROWS ? p->s - i : LOSS_ROWS;

        sofa_linear_run(p->gemm, &p->lm->head, p->y + i * s->hidden, rows, logits);
        for (size_t r = 0; r < rows; r++)
            *nats += row_loss(logits + r * s->vocabulary, s->vocabulary, targets[i + r]);
    }
    sofa_arena_rewind(p->arena, mark);
    return SOFA_OK;
}

/* The statistics are doubles throughout, so that a sum over windows is one loop. */
_Static_assert(sizeof(struct sofa_attention_stats) % sizeof(double) == 0, "statistics are doubles");
#define STATS_DOUBLES (sizeof(struct sofa_attention_stats) / sizeof(double))

static void add_scaled(struct sofa_attention_stats *sum, const struct sofa_attention_stats *x, double scale)
{
    double a[STATS_DOUBLES], b[STATS_DOUBLES];

    memcpy(a, sum, sizeof a);
    memcpy(b, x, sizeof b);
    for (size_t i = 0; i < STATS_DOUBLES; i++)
        a[i] += b[i] * scale;
    memcpy(sum, a, sizeof a);
}

/* A run under way. */
struct evaluation {
    struct sofa_pass pass;
    const struct sofa_text *text;
    struct sofa_lm_loss *loss;
    double nats;                         /* summed */
    int32_t *ids;                        /* [window + 1] */
    struct sofa_attention_stats *stats;  /* [layers][heads] of one window, NULL where not measured */
    float *kept;                         /* an encoder's output, beside the dense one */
};

/* Window w through all layers, from where the cache leaves off. */
static enum sofa_code run_layers(struct evaluation *e, size_t w, struct sofa_err *err)
{
    struct sofa_pass *p = &e->pass;
    const struct sofa_lm_shape *s = &p->lm->config.shape;
    const struct sofa_lm_run *run = p->run;
    struct sofa_attention_stats *stats = run->layer ? e->stats : NULL;
    const double head[SOFA_PREFIX_HEAD] = {(double)sofa_text_id(e->text), (double)run->window, (double)w,
                                           run->layer ? 1 : 0, stats ? (double)run->level : 0,
                                           (double)(uintptr_t)run->kernel};
    struct sofa_prefix_key key = sofa_prefix_key(head, run->layer, s->layers, p->arena);
    size_t nx = p->s * s->hidden, done;
    enum sofa_code rc = SOFA_OK;

    if (!key.words)
        return sofa_fail_nomem(err, "a window");
    done = sofa_prefix_cache_get(p->lm->cache, &key, p->x, nx, stats, s->heads);
    if (run->layers_reused)
        *run->layers_reused += done;
    if (!done)
        sofa_pass_embed(p, e->ids);
    for (size_t l = done; l < s->layers; l++) {
        SOFA_TRY(sofa_pass_layer(p, l, stats ? stats + l * s->heads : NULL, err));
        /* no candidate comes twice, so that the last layer is worth keeping of dense runs alone */
        if (l + 1 < s->layers || !run->layer)
            sofa_prefix_cache_put(p->lm->cache, &key, l + 1, p->x, nx, stats, s->heads);
    }
    sofa_pass_finish(p);
out:
    return rc;
}

/* An encoder's window: its output beside that of dense attention. */
static enum sofa_code encode_window(struct evaluation *e, size_t w, struct sofa_err *err)
{
    struct sofa_pass *p = &e->pass;
    const struct sofa_lm_run *run = p->run;
    struct sofa_lm_run dense = *run;
    size_t hidden = p->lm->config.shape.hidden;
    enum sofa_code rc;

    SOFA_TRY(run_layers(e, w, err));
    memcpy(e->kept, p->y, p->s * hidden * sizeof *e->kept);
    if (run->layer) {
        dense.layer = NULL;
        dense.layers_reused = NULL;
        p->run = &dense;
        rc = run_layers(e, w, err);
        p->run = run;
        if (rc != SOFA_OK)
            goto out;
    }
    sofa_distance_add(e->kept, p->y, p->s, hidden, 1.0 / (double)run->windows, e->loss);
out:
    return rc;
}

static enum sofa_code run_window(struct evaluation *e, size_t w, struct sofa_err *err)
{
    struct sofa_pass *p = &e->pass;
    const struct sofa_lm_shape *s = &p->lm->config.shape;
    struct sofa_arena_mark mark = sofa_arena_mark(p->arena);
    enum sofa_code rc;

    sofa_text_read(e->text, w * p->s, p->s + (s->encoder ? 0 : 1), e->ids);
    if (s->encoder) {
        SOFA_TRY(encode_window(e, w, err));
    } else {
        SOFA_TRY(run_layers(e, w, err));
        SOFA_TRY(window_loss(p, e->ids + 1, &e->nats, err));
    }
    for (size_t i = 0; e->stats && i < s->layers * s->heads; i++)
        add_scaled(&p->run->stats[i], &e->stats[i], 1.0 / (double)p->run->windows);
out:
    sofa_arena_rewind(p->arena, mark);
    return rc;
}

static enum sofa_code check_window(const struct sofa_lm *lm, const struct sofa_lm_run *run, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    if (run->window < 1)
        return sofa_fail(err, SOFA_E_INPUT, "a window of at least one token is needed");
    if (run->window > lm->config.shape.context)
        return sofa_fail(err, SOFA_E_INPUT, "a window of %zu tokens passes the model's context of %zu", run->window,
                         lm->config.shape.context);
    if (lm->config.sliding && run->window > lm->config.sliding)
        return sofa_fail(err, SOFA_E_INPUT,
                         "a window of %zu tokens passes the model's sliding window of %zu, which isn't built",
                         run->window, lm->config.sliding);
    for (size_t l = 0; run->layer && l < lm->config.shape.layers; l++)
        SOFA_TRY(sofa_attention_check(&run->layer[l], err));
out:
    return rc;
}

static enum sofa_code check_run(const struct sofa_lm *lm, const struct sofa_text *text, const struct sofa_lm_run *run,
                                struct sofa_err *err)
{
    size_t tokens = sofa_text_tokens(text), after = lm->config.shape.encoder ? 0 : 1;
    enum sofa_code rc = check_window(lm, run, err);

    if (rc != SOFA_OK)
        return rc;
    if (run->windows < 1)
        return sofa_fail(err, SOFA_E_INPUT, "at least one window is needed");
    if (tokens < after || run->windows > (tokens - after) / run->window)
        return sofa_fail(err, SOFA_E_INPUT, "the text has %zu tokens; %zu windows of %zu need %.0f", tokens,
                         run->windows, run->window, (double)run->windows * (double)run->window + (double)after);
    return SOFA_OK;
}

static void finish_loss(const struct sofa_lm *lm, double nats, struct sofa_lm_loss *loss)
{
    const struct sofa_lm_shape *s = &lm->config.shape;

    if (s->encoder) {
        loss->nats_per_token = loss->bits_per_byte = loss->perplexity = NAN;
        return;
    }
    loss->nats_per_token = nats;
    loss->bits_per_byte = s->vocabulary == SOFA_LM_BYTES ? nats / 0.69314718055994530942 : NAN;
    loss->perplexity = (double)expl(nats);
    loss->hidden_error = loss->hidden_cosine = loss->sentence_error = loss->sentence_cosine = NAN;
}

static enum sofa_code init_evaluation(struct evaluation *e, const struct sofa_lm *lm, const struct sofa_lm_run *run,
                                      struct sofa_arena *arena, struct sofa_err *err)
{
    const struct sofa_lm_shape *s = &lm->config.shape;
    bool measured = run->layer && run->stats && run->level != SOFA_STATS_NONE;

    e->ids = sofa_arena_alloc(arena, run->window + 1, sizeof *e->ids);
    e->stats = measured ? sofa_arena_zalloc(arena, s->layers * s->heads, sizeof *e->stats) : NULL;
    e->kept = s->encoder ? sofa_arena_alloc(arena, run->window, s->hidden * sizeof *e->kept) : NULL;
    if (!e->ids || (measured && !e->stats) || (s->encoder && !e->kept))
        return sofa_fail_nomem(err, "a window");
    if (run->stats)
        memset(run->stats, 0, s->layers * s->heads * sizeof *run->stats);
    return sofa_pass_init(&e->pass, lm, run, arena, err);
}

enum sofa_code sofa_lm_evaluate(const struct sofa_lm *lm, const struct sofa_text *text, const struct sofa_lm_run *run,
                                struct sofa_lm_loss *loss, struct sofa_arena *arena, struct sofa_err *err)
{
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    struct evaluation e = {.text = text, .loss = loss};
    enum sofa_code rc;

    *loss = (struct sofa_lm_loss){0};
    SOFA_TRY(check_run(lm, text, run, err));
    SOFA_TRY(init_evaluation(&e, lm, run, arena, err));
    for (size_t w = 0; w < run->windows; w++)
        SOFA_TRY(run_window(&e, w, err));
    finish_loss(lm, e.nats / (double)run->windows / (double)run->window, loss);
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}

enum sofa_code sofa_lm_outputs(const struct sofa_lm *lm, const int32_t *ids, const struct sofa_lm_run *run, float *out,
                               struct sofa_arena *arena, struct sofa_err *err)
{
    const struct sofa_lm_shape *s = &lm->config.shape;
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    struct sofa_pass pass;
    enum sofa_code rc;

    SOFA_TRY(check_window(lm, run, err));
    SOFA_TRY(sofa_pass_init(&pass, lm, run, arena, err));
    sofa_pass_embed(&pass, ids);
    for (size_t l = 0; l < s->layers; l++)
        SOFA_TRY(sofa_pass_layer(&pass, l, NULL, err));
    sofa_pass_finish(&pass);
    if (s->encoder)
        memcpy(out, pass.y, run->window * s->hidden * sizeof *out);
    else
        sofa_linear_run(pass.gemm, &lm->head, pass.y, run->window, out);
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}
