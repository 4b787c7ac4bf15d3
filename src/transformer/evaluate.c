/* The loss of a text, window by window. */
#include <math.h>
#include <string.h>

#include "transformer/fmath.h"
#include "transformer/net.h"
#include "transformer/text.h"

#define LOSS_ROWS 64 /* rows of logits held at a time: 64 x 128k tokens are 32 MiB */

/* -log softmax(logits)[target] */
static double row_loss(const float *logits, size_t n, int32_t target)
{
    double lane[SOFA_SUM_LANES] = {0};
    float most = logits[0];

    for (size_t i = 1; i < n; i++)
        most = logits[i] > most ? logits[i] : most;
    for (size_t i = 0; i < n; i++)
        lane[i % SOFA_SUM_LANES] += sofa_exp((double)logits[i] - most);
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

static enum sofa_code run_layers(struct sofa_pass *p, struct sofa_attention_stats *stats, struct sofa_err *err)
{
    const struct sofa_lm_shape *s = &p->lm->config.shape;
    enum sofa_code rc = SOFA_OK;

    for (size_t l = 0; l < s->layers; l++) {
        struct sofa_attention_stats *sums = p->run->stats ? p->run->stats + l * s->heads : NULL;

        SOFA_TRY(sofa_pass_layer(p, l, stats, err));
        for (size_t h = 0; stats && h < s->heads; h++)
            add_scaled(&sums[h], &stats[h], 1.0 / (double)p->run->windows);
    }
    sofa_pass_finish(p);
out:
    return rc;
}

static enum sofa_code check_run(const struct sofa_lm *lm, const struct sofa_text *text, const struct sofa_lm_run *run,
                                struct sofa_err *err)
{
    size_t tokens = sofa_text_tokens(text);
    enum sofa_code rc = SOFA_OK;

    if (run->window < 1 || run->windows < 1)
        return sofa_fail(err, SOFA_E_INPUT, "at least one window of one token is needed");
    if (run->window > lm->config.shape.context)
        return sofa_fail(err, SOFA_E_INPUT, "a window of %zu tokens passes the model's context of %zu", run->window,
                         lm->config.shape.context);
    if (lm->config.sliding && run->window > lm->config.sliding)
        return sofa_fail(err, SOFA_E_INPUT, "a window of %zu tokens passes the model's sliding window of %zu, which "
                         "isn't built", run->window, lm->config.sliding);
    if (tokens < 1 || run->windows > (tokens - 1) / run->window)
        return sofa_fail(err, SOFA_E_INPUT, "the text has %zu tokens; %zu windows of %zu need %.0f", tokens,
                         run->windows, run->window, (double)run->windows * (double)run->window + 1);
    for (size_t l = 0; run->layer && l < lm->config.shape.layers; l++)
        SOFA_TRY(sofa_attention_check(&run->layer[l], err));
out:
    return rc;
}

static void finish_loss(const struct sofa_lm *lm, double nats, struct sofa_lm_loss *loss)
{
    loss->nats_per_token = nats;
    loss->bits_per_byte = lm->config.shape.vocabulary == SOFA_LM_BYTES ? nats / 0.69314718055994530942 : NAN;
    loss->perplexity = (double)expl(nats);
}

enum sofa_code sofa_lm_evaluate(const struct sofa_lm *lm, const struct sofa_text *text, const struct sofa_lm_run *run,
                                struct sofa_lm_loss *loss, struct sofa_arena *arena, struct sofa_err *err)
{
    const struct sofa_lm_shape *s = &lm->config.shape;
    bool measured = run->layer && run->stats && run->level != SOFA_STATS_NONE;
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    struct sofa_attention_stats *stats = NULL;
    struct sofa_pass pass;
    enum sofa_code rc;
    double nats = 0;
    int32_t *ids;

    SOFA_TRY(check_run(lm, text, run, err));
    ids = sofa_arena_alloc(arena, run->window + 1, sizeof *ids);
    if (measured)
        stats = sofa_arena_alloc(arena, s->heads, sizeof *stats);
    if (!ids || (measured && !stats)) {
        rc = sofa_fail_nomem(err, "a window");
        goto out;
    }
    if (run->stats)
        memset(run->stats, 0, s->layers * s->heads * sizeof *run->stats);
    SOFA_TRY(sofa_pass_init(&pass, lm, run, arena, err));
    for (size_t w = 0; w < run->windows; w++) {
        sofa_text_read(text, w * run->window, run->window + 1, ids);
        sofa_pass_embed(&pass, ids);
        SOFA_TRY(run_layers(&pass, stats, err));
        SOFA_TRY(window_loss(&pass, ids + 1, &nats, err));
    }
    finish_loss(lm, nats / (double)run->windows / (double)run->window, loss);
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}
