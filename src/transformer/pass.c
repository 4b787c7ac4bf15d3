/* One window through the layers. */
#include <stdatomic.h>
#include <string.h>

#include "transformer/gemm.h"
#include "transformer/net.h"

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static enum sofa_code floats(struct sofa_pass *p, size_t rows, size_t columns, float **out, struct sofa_err *err)
{
    *out = columns && rows > (size_t)-1 / 16 / columns ? NULL : sofa_arena_alloc(p->arena, rows * columns, sizeof **out);
    return *out ? SOFA_OK : sofa_fail_nomem(err, "a window's activations");
}

enum sofa_code sofa_pass_init(struct sofa_pass *p, const struct sofa_lm *lm, const struct sofa_lm_run *run,
                              struct sofa_arena *arena, struct sofa_err *err)
{
    const struct sofa_lm_shape *s = &lm->config.shape;
    size_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    enum sofa_code rc;

    *p = (struct sofa_pass){.lm = lm, .run = run, .arena = arena, .s = run->window};
    p->gemm = sofa_gemm_find(sofa_attention_kernel_name(run->kernel));
    p->rope_factor = sofa_rope_attention_factor(&lm->config.rope);
    SOFA_TRY(sofa_rope_tables(&lm->config.rope, p->s, s->head_dim, arena, &p->rope, err));
    SOFA_TRY(floats(p, p->s, s->hidden, &p->x, err));
    SOFA_TRY(floats(p, p->s, largest(s->hidden, q), &p->y, err));
    SOFA_TRY(floats(p, p->s, largest(2 * s->intermediate, q), &p->wide, err));
    SOFA_TRY(floats(p, p->s, q, &p->q, err));
    SOFA_TRY(floats(p, p->s, kv, &p->k, err));
    SOFA_TRY(floats(p, p->s, kv, &p->v, err));
    SOFA_TRY(floats(p, p->s, s->head_dim, &p->out, err));
out:
    return rc;
}

static void add_rows(float *x, const float *y, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            x[i * columns + j] += y[j];
}

void sofa_pass_embed(struct sofa_pass *p, const int32_t *ids)
{
    const struct sofa_lm *lm = p->lm;
    size_t hidden = lm->config.shape.hidden;

    for (size_t i = 0; i < p->s; i++) {
        float *x = p->x + i * hidden;

        memcpy(x, lm->embedding + (size_t)ids[i] * hidden, hidden * sizeof *x);
        if (lm->type)
            add_rows(x, lm->type, 1, hidden);
        if (lm->positions)
            add_rows(x, lm->positions + i * hidden, 1, hidden);
    }
    if (lm->embedding_norm.weight)
        sofa_norm_run(&lm->embedding_norm, lm->config.norm_eps, p->x, p->s, hidden, p->x);
}

/* x [s][heads * d] as out [heads][s][d], rotated where a rope is given. */
static void split_heads(const struct sofa_pass *p, const float *x, size_t heads, const struct sofa_rope *rope,
                        float *out)
{
    size_t d = p->lm->config.shape.head_dim;

    for (size_t h = 0; h < heads; h++)
        sofa_rope_apply(rope, p->rope_factor, x + h * d, heads * d, p->s, d, out + h * p->s * d);
}

static void project(struct sofa_pass *p, const struct sofa_block *block, const float *y)
{
    const struct sofa_rope none = {NULL, NULL};
    const struct sofa_lm_shape *s = &p->lm->config.shape;

    sofa_linear_run(p->gemm, &block->q, y, p->s, p->wide);
    split_heads(p, p->wide, s->heads, &p->rope, p->q);
    sofa_linear_run(p->gemm, &block->k, y, p->s, p->wide);
    split_heads(p, p->wide, s->kv_heads, &p->rope, p->k);
    sofa_linear_run(p->gemm, &block->v, y, p->s, p->wide);
    split_heads(p, p->wide, s->kv_heads, &none, p->v);
}

/* p->out [s][d] into its columns of all [s][heads * d]. */
static void join_head(const struct sofa_pass *p, size_t head, float *all)
{
    const struct sofa_lm_shape *s = &p->lm->config.shape;
    size_t d = s->head_dim;

    for (size_t i = 0; i < p->s; i++)
        memcpy(all + (i * s->heads + head) * d, p->out + i * d, d * sizeof *all);
}

static enum sofa_code check_cancel(const struct sofa_pass *p, struct sofa_err *err)
{
    if (p->run->cancel && atomic_load_explicit(p->run->cancel, memory_order_relaxed))
        return sofa_fail(err, SOFA_E_INTERRUPTED, "cancelled");
    return SOFA_OK;
}

/* Dense attention of one head. */
static enum sofa_code dense_head(struct sofa_pass *p, size_t head, struct sofa_err *err)
{
    const struct sofa_lm_shape *s = &p->lm->config.shape;
    size_t kv = head / (s->heads / s->kv_heads), size = p->s * s->head_dim;

    return sofa_attention_dense(p->run->kernel, p->s, s->head_dim, s->causal, p->q + head * size, p->k + kv * size,
                                p->v + kv * size, p->out, p->arena, err);
}

static enum sofa_code dense_attention(struct sofa_pass *p, float *all, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    for (size_t h = 0; h < p->lm->config.shape.heads; h++) {
        struct sofa_arena_mark mark = sofa_arena_mark(p->arena);

        SOFA_TRY(check_cancel(p, err));
        SOFA_TRY(dense_head(p, h, err));
        join_head(p, h, all);
        sofa_arena_rewind(p->arena, mark);
    }
out:
    return rc;
}

/* The query heads of one key/value head, which share K^; x8 NULL where nothing is predicted. */
static enum sofa_code sofa_group(struct sofa_pass *p, size_t layer, size_t kv, const struct sofa_quant8 *x8, float *all,
                                 struct sofa_attention_stats *stats, struct sofa_err *err)
{
    const struct sofa_lm_shape *s = &p->lm->config.shape;
    struct sofa_attention_params params = p->run->layer[layer];
    size_t group = s->heads / s->kv_heads, size = p->s * s->head_dim;
    struct sofa_khat khat = {.s = p->s, .d = s->head_dim};
    enum sofa_code rc = SOFA_OK;

    params.causal = s->causal;
    if (x8)
        SOFA_TRY(sofa_attention_predict_keys(p->run->kernel, params.khat_bits, x8,
                                             p->lm->block[layer].wk + kv * s->hidden * s->head_dim, s->head_dim, p->rope,
                                             p->arena, &khat, err));
    khat.scale *= p->rope_factor; /* Q carries the other one */
    for (size_t h = kv * group; h < (kv + 1) * group; h++) {
        struct sofa_arena_mark mark = sofa_arena_mark(p->arena);

        SOFA_TRY(check_cancel(p, err));
        SOFA_TRY(sofa_attention_run(p->run->kernel, &params, &khat, p->q + h * size, p->k + kv * size,
                                    p->v + kv * size, p->out, stats ? p->run->level : SOFA_STATS_NONE,
                                    stats ? &stats[h] : NULL, NULL, p->arena, err));
        join_head(p, h, all);
        sofa_arena_rewind(p->arena, mark);
    }
out:
    return rc;
}

static enum sofa_code sofa_attention(struct sofa_pass *p, size_t layer, const float *y, float *all,
                                     struct sofa_attention_stats *stats, struct sofa_err *err)
{
    const struct sofa_lm_shape *s = &p->lm->config.shape;
    const struct sofa_attention_params *params = &p->run->layer[layer];
    bool predicts = !params->pattern || !params->fixed;
    struct sofa_quant8 x8;
    enum sofa_code rc = SOFA_OK;

    if (predicts)
        SOFA_TRY(sofa_attention_quantise_x(p->run->kernel, y, p->s, s->hidden, p->arena, &x8, err));
    for (size_t kv = 0; kv < s->kv_heads; kv++) {
        struct sofa_arena_mark mark = sofa_arena_mark(p->arena);

        SOFA_TRY(sofa_group(p, layer, kv, predicts ? &x8 : NULL, all, stats, err));
        sofa_arena_rewind(p->arena, mark);
    }
out:
    return rc;
}

/* y <- attention(y) */
static enum sofa_code attend(struct sofa_pass *p, size_t layer, float *y, struct sofa_attention_stats *stats,
                             struct sofa_err *err)
{
    const struct sofa_block *block = &p->lm->block[layer];
    struct sofa_arena_mark mark = sofa_arena_mark(p->arena);
    enum sofa_code rc;

    project(p, block, y);
    if (p->run->layer)
        SOFA_TRY(sofa_attention(p, layer, y, p->wide, stats, err));
    else
        SOFA_TRY(dense_attention(p, p->wide, err));
    sofa_linear_run(p->gemm, &block->o, p->wide, p->s, y);
out:
    sofa_arena_rewind(p->arena, mark);
    return rc;
}

/* y <- mlp(y) */
static void feed_forward(struct sofa_pass *p, const struct sofa_block *block, float *y)
{
    size_t n = p->s * p->lm->config.shape.intermediate;
    float *inner = p->wide, *times = NULL;

    if (block->gate.packed) {
        times = p->wide + n;
        sofa_linear_run(p->gemm, &block->gate, y, p->s, inner);
        sofa_linear_run(p->gemm, &block->up, y, p->s, times);
    } else {
        sofa_linear_run(p->gemm, &block->up, y, p->s, inner);
    }
    sofa_activation_run(p->gemm, p->lm->config.activation, inner, times, n, inner);
    sofa_linear_run(p->gemm, &block->down, inner, p->s, y);
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

/* The norm before the part, or after its residual sum. */
static void norm_before(const struct sofa_pass *p, const struct sofa_norm *norm)
{
    const struct sofa_lm_config *c = &p->lm->config;

    if (c->family->post_norm)
        memcpy(p->y, p->x, p->s * c->shape.hidden * sizeof *p->y);
    else
        sofa_norm_run(norm, c->norm_eps, p->x, p->s, c->shape.hidden, p->y);
}

static void norm_after(const struct sofa_pass *p, const struct sofa_norm *norm)
{
    const struct sofa_lm_config *c = &p->lm->config;

    add(p->x, p->y, p->s * c->shape.hidden);
    if (c->family->post_norm)
        sofa_norm_run(norm, c->norm_eps, p->x, p->s, c->shape.hidden, p->x);
}

enum sofa_code sofa_pass_layer(struct sofa_pass *p, size_t layer, struct sofa_attention_stats *stats,
                               struct sofa_err *err)
{
    const struct sofa_block *block = &p->lm->block[layer];
    enum sofa_code rc;

    norm_before(p, &block->attention_norm);
    SOFA_TRY(attend(p, layer, p->y, stats, err));
    norm_after(p, &block->attention_norm);
    norm_before(p, &block->mlp_norm);
    feed_forward(p, block, p->y);
    norm_after(p, &block->mlp_norm);
out:
    return rc;
}

void sofa_pass_finish(struct sofa_pass *p)
{
    const struct sofa_lm_config *c = &p->lm->config;

    if (p->lm->final_norm.weight)
        sofa_norm_run(&p->lm->final_norm, c->norm_eps, p->x, p->s, c->shape.hidden, p->y);
    else
        memcpy(p->y, p->x, p->s * c->shape.hidden * sizeof *p->y);
}
