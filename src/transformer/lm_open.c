/* Opening a checkpoint: its configuration, its weights, packed for the products. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "transformer/checkpoint.h"
#include "transformer/gemm.h"
#include "transformer/net.h"
#include "transformer/prefix_cache.h"

#define NAME_MAX_BYTES 160

struct loader {
    struct sofa_lm *lm;
    struct sofa_checkpoint *checkpoint;
    struct sofa_err *err;
    size_t layer;
};

/* "PREFIX" + name of the layer + suffix; with and without the prefix, as the checkpoint has it. */
static const struct sofa_tensor *find(struct loader *l, const char *name, const char *suffix, char *full)
{
    const char *prefix = l->lm->config.family->names.prefix;
    const struct sofa_tensor *t;
    char stem[NAME_MAX_BYTES / 2];
    const char *place = strstr(name, "%zu");

    if (place)
        snprintf(stem, sizeof stem, "%.*s%zu%s", (int)(place - name), name, l->layer, place + 3);
    else
        snprintf(stem, sizeof stem, "%s", name);
    snprintf(full, NAME_MAX_BYTES, "%s%s", stem, suffix);
    t = sofa_checkpoint_find(l->checkpoint, full);
    if (t)
        return t;
    snprintf(full, NAME_MAX_BYTES, "%s%s%s", prefix, stem, suffix);
    return sofa_checkpoint_find(l->checkpoint, full);
}

static enum sofa_code need(struct loader *l, const char *name, const char *suffix, const struct sofa_tensor **t)
{
    char full[NAME_MAX_BYTES];

    *t = find(l, name, suffix, full);
    return *t ? SOFA_OK : sofa_checkpoint_need(l->checkpoint, full, t, l->err);
}

static enum sofa_code allocate(struct loader *l, size_t n, float **out)
{
    *out = sofa_arena_alloc(&l->lm->weights, n, sizeof **out);
    return *out ? SOFA_OK : sofa_fail_nomem(l->err, "weights");
}

/* A tensor of dims dimensions as floats in the model's arena. */
static enum sofa_code load(struct loader *l, const struct sofa_tensor *t, size_t dims, const size_t *shape,
                           const float **out)
{
    enum sofa_code rc;
    float *p;

    SOFA_TRY(sofa_tensor_expect(t, dims, shape, l->err));
    SOFA_TRY(allocate(l, t->count, &p));
    SOFA_TRY(sofa_tensor_to_float(t, p, l->err));
    *out = p;
out:
    return rc;
}

static enum sofa_code load_matrix(struct loader *l, const char *name, size_t rows, size_t columns, const float **out)
{
    const struct sofa_tensor *t;
    enum sofa_code rc;

    SOFA_TRY(need(l, name, ".weight", &t));
    SOFA_TRY(load(l, t, 2, (size_t[]){rows, columns}, out));
out:
    return rc;
}

/* A norm's vector; BERT's oldest checkpoints call weight and bias gamma and beta. */
static enum sofa_code load_norm_part(struct loader *l, const char *name, const char *suffix, const char *old,
                                     const float **out)
{
    size_t hidden = l->lm->config.shape.hidden;
    char full[NAME_MAX_BYTES];
    const struct sofa_tensor *t = find(l, name, old, full);
    enum sofa_code rc = SOFA_OK;

    if (!t)
        SOFA_TRY(need(l, name, suffix, &t));
    SOFA_TRY(load(l, t, 1, &hidden, out));
out:
    return rc;
}

static enum sofa_code load_norm(struct loader *l, const char *name, struct sofa_norm *norm)
{
    enum sofa_code rc = SOFA_OK;

    if (!name)
        return SOFA_OK;
    SOFA_TRY(load_norm_part(l, name, ".weight", ".gamma", &norm->weight));
    if (!l->lm->config.family->rms)
        SOFA_TRY(load_norm_part(l, name, ".bias", ".beta", &norm->bias));
out:
    return rc;
}

/* The rows [first, first + out) of a weight [total][in] (or the columns of [in][total]) as
 * malloc'd [out][in]. */
static enum sofa_code load_slice(struct loader *l, const struct sofa_tensor *t, size_t total, size_t first, size_t out,
                                 size_t in, float **slice)
{
    bool transposed = l->lm->config.family->transposed;
    size_t shape[2] = {transposed ? in : total, transposed ? total : in};
    float *all = NULL;
    enum sofa_code rc;

    *slice = NULL;
    SOFA_TRY(sofa_tensor_expect(t, 2, shape, l->err));
    all = malloc(t->count * sizeof *all);
    *slice = malloc(out * in * sizeof **slice);
    if (!all || !*slice) {
        rc = sofa_fail_nomem(l->err, "weights");
        goto out;
    }
    SOFA_TRY(sofa_tensor_to_float(t, all, l->err));
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            (*slice)[o * in + i] = transposed ? all[i * total + first + o] : all[(first + o) * in + i];
out:
    free(all);
    if (rc != SOFA_OK) {
        free(*slice);
        *slice = NULL;
    }
    return rc;
}

static enum sofa_code load_bias(struct loader *l, const char *name, size_t total, size_t first,
                                struct sofa_linear *linear)
{
    char full[NAME_MAX_BYTES];
    const struct sofa_tensor *t = find(l, name, ".bias", full);
    const float *all;
    enum sofa_code rc = SOFA_OK;

    if (!t && !l->lm->config.family->biases)
        return SOFA_OK;
    SOFA_TRY(need(l, name, ".bias", &t));
    SOFA_TRY(load(l, t, 1, &total, &all));
    linear->bias = all + first;
out:
    return rc;
}

/* One part of a linear layer (all of it where first is 0 and total is out); *kept, where it isn't
 * NULL, gets the weight [out][in] (malloc'd). */
static enum sofa_code load_linear(struct loader *l, const char *name, size_t total, size_t first, size_t out, size_t in,
                                  struct sofa_linear *linear, float **kept)
{
    const struct sofa_tensor *t;
    float *w = NULL, *packed;
    enum sofa_code rc;

    SOFA_TRY(need(l, name, ".weight", &t));
    SOFA_TRY(load_slice(l, t, total, first, out, in, &w));
    SOFA_TRY(allocate(l, sofa_gemm_packed_size(out, in), &packed));
    sofa_gemm_pack(w, out, in, packed);
    *linear = (struct sofa_linear){.in = in, .out = out, .packed = packed};
    SOFA_TRY(load_bias(l, name, total, first, linear));
    if (kept) {
        *kept = w;
        w = NULL;
    }
out:
    free(w);
    return rc;
}

/* w [kv_heads * d][hidden] as [kv_heads][hidden][d]. */
static enum sofa_code keep_wk(struct loader *l, const float *w, struct sofa_block *block)
{
    const struct sofa_lm_shape *s = &l->lm->config.shape;
    enum sofa_code rc;
    float *wk;

    SOFA_TRY(allocate(l, s->kv_heads * s->head_dim * s->hidden, &wk));
    for (size_t h = 0; h < s->kv_heads; h++)
        for (size_t j = 0; j < s->head_dim; j++)
            for (size_t i = 0; i < s->hidden; i++)
                wk[(h * s->hidden + i) * s->head_dim + j] = w[(h * s->head_dim + j) * s->hidden + i];
    block->wk = wk;
out:
    return rc;
}

static enum sofa_code load_attention(struct loader *l, struct sofa_block *block)
{
    const struct sofa_lm_names *n = &l->lm->config.family->names;
    const struct sofa_lm_shape *s = &l->lm->config.shape;
    size_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim, all = n->qkv ? q + 2 * kv : 0;
    float *wk = NULL;
    enum sofa_code rc;

    SOFA_TRY(load_linear(l, all ? n->qkv : n->q, all ? all : q, 0, q, s->hidden, &block->q, NULL));
    SOFA_TRY(load_linear(l, all ? n->qkv : n->k, all ? all : kv, all ? q : 0, kv, s->hidden, &block->k, &wk));
    SOFA_TRY(load_linear(l, all ? n->qkv : n->v, all ? all : kv, all ? q + kv : 0, kv, s->hidden, &block->v, NULL));
    SOFA_TRY(load_linear(l, n->o, s->hidden, 0, s->hidden, q, &block->o, NULL));
    SOFA_TRY(keep_wk(l, wk, block));
out:
    free(wk);
    return rc;
}

static enum sofa_code load_block(struct loader *l, struct sofa_block *block)
{
    const struct sofa_lm_names *n = &l->lm->config.family->names;
    size_t hidden = l->lm->config.shape.hidden, inner = l->lm->config.shape.intermediate;
    enum sofa_code rc;

    SOFA_TRY(load_norm(l, n->attention_norm, &block->attention_norm));
    SOFA_TRY(load_attention(l, block));
    SOFA_TRY(load_norm(l, n->mlp_norm, &block->mlp_norm));
    if (n->gate)
        SOFA_TRY(load_linear(l, n->gate, inner, 0, inner, hidden, &block->gate, NULL));
    SOFA_TRY(load_linear(l, n->up, inner, 0, inner, hidden, &block->up, NULL));
    SOFA_TRY(load_linear(l, n->down, hidden, 0, hidden, inner, &block->down, NULL));
out:
    return rc;
}

/* The head is a tensor of its own, the embedding again, or (an encoder) not there. */
static enum sofa_code load_head(struct loader *l)
{
    const struct sofa_lm_shape *s = &l->lm->config.shape;
    const struct sofa_lm_names *n = &l->lm->config.family->names;
    enum sofa_code rc = SOFA_OK;
    float *packed;

    if (!n->head)
        return SOFA_OK;
    if (!l->lm->config.tied)
        return load_linear(l, n->head, s->vocabulary, 0, s->vocabulary, s->hidden, &l->lm->head, NULL);
    SOFA_TRY(allocate(l, sofa_gemm_packed_size(s->vocabulary, s->hidden), &packed));
    sofa_gemm_pack(l->lm->embedding, s->vocabulary, s->hidden, packed);
    l->lm->head = (struct sofa_linear){.in = s->hidden, .out = s->vocabulary, .packed = packed};
out:
    return rc;
}

static enum sofa_code load_all(struct loader *l)
{
    const struct sofa_lm_config *c = &l->lm->config;
    const struct sofa_lm_names *n = &c->family->names;
    enum sofa_code rc;

    SOFA_TRY(load_matrix(l, n->embedding, c->shape.vocabulary, c->shape.hidden, &l->lm->embedding));
    if (n->positions)
        SOFA_TRY(load_matrix(l, n->positions, c->shape.context, c->shape.hidden, &l->lm->positions));
    if (n->types && c->types)
        SOFA_TRY(load_matrix(l, n->types, c->types, c->shape.hidden, &l->lm->type));
    SOFA_TRY(load_norm(l, n->embedding_norm, &l->lm->embedding_norm));
    SOFA_TRY(load_norm(l, n->final_norm, &l->lm->final_norm));
    l->lm->block = sofa_arena_zalloc(&l->lm->weights, c->shape.layers, sizeof *l->lm->block);
    if (!l->lm->block)
        return sofa_fail_nomem(l->err, "layers");
    for (l->layer = 0; l->layer < c->shape.layers; l->layer++)
        SOFA_TRY(load_block(l, &l->lm->block[l->layer]));
    SOFA_TRY(load_head(l));
    SOFA_TRY(sofa_checkpoint_check_used(l->checkpoint, c->family->spare, l->err));
out:
    return rc;
}

enum sofa_code sofa_lm_open(const char *directory, struct sofa_lm **lm, struct sofa_err *err)
{
    struct loader l = {.lm = calloc(1, sizeof **lm), .err = err};
    char *config = sofa_path_join(directory, "config.json");
    enum sofa_code rc;

    *lm = NULL;
    if (!l.lm || !config) {
        rc = sofa_fail_nomem(err, directory);
        goto out;
    }
    SOFA_TRY(sofa_lm_config_read(config, &l.lm->config, err));
    SOFA_TRY(sofa_checkpoint_open(directory, &l.checkpoint, err));
    SOFA_TRY(load_all(&l));
    l.lm->directory = sofa_arena_strdup(&l.lm->weights, directory);
    if (!l.lm->directory) {
        rc = sofa_fail_nomem(err, directory);
        goto out;
    }
    sofa_lm_set_cache(l.lm, SOFA_LM_CACHE_BYTES);
    *lm = l.lm;
    l.lm = NULL;
out:
    sofa_checkpoint_free(l.checkpoint);
    sofa_lm_free(l.lm);
    free(config);
    return rc;
}

void sofa_lm_free(struct sofa_lm *lm)
{
    if (!lm)
        return;
    sofa_prefix_cache_free(lm->cache);
    sofa_arena_release(&lm->weights);
    free(lm);
}

void sofa_lm_set_cache(struct sofa_lm *lm, size_t bytes)
{
    sofa_prefix_cache_free(lm->cache);
    lm->cache = bytes ? sofa_prefix_cache_new(bytes) : NULL;
}

const struct sofa_lm_shape *sofa_lm_shape(const struct sofa_lm *lm)
{
    return &lm->config.shape;
}
