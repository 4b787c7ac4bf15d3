/*
 * What a language model is made of, for the files of this room that open and run it.
 */
#ifndef SOFA_TRANSFORMER_NET_H
#define SOFA_TRANSFORMER_NET_H

#include "base/arena.h"
#include "transformer/lm.h"
#include "transformer/lm_config.h"

struct sofa_linear {
    size_t in, out;
    const float *packed; /* gemm.h */
    const float *bias;   /* [out] or NULL */
};

struct sofa_norm {
    const float *weight, *bias; /* [hidden]; bias NULL in RMSNorm, weight NULL: no norm */
};

struct sofa_block {
    struct sofa_norm attention_norm, mlp_norm;
    struct sofa_linear q, k, v, o, up, down;
    struct sofa_linear gate; /* packed NULL: not gated */
    /* [kv_heads][hidden][head_dim]: what K^ is predicted from.  A bias of the key projection is left out:
     * unrotated it moves all scores of a query alike, rotated (Qwen2) the prediction lacks it. */
    const float *wk;
};

struct sofa_lm {
    struct sofa_lm_config config;
    struct sofa_arena weights; /* owns all arrays below */
    const char *directory;     /* the checkpoint's */
    const float *embedding;    /* [vocabulary][hidden] */
    const float *positions;    /* [context][hidden] or NULL */
    const float *type;         /* [hidden], the first segment's embedding, or NULL */
    struct sofa_norm embedding_norm, final_norm;
    struct sofa_linear head;   /* packed NULL: an encoder */
    struct sofa_block *block;  /* [layers] */
    struct sofa_prefix_cache *cache; /* NULL: off */
};

struct sofa_gemm;

/* One pass over a window: what stays the same through its layers, and scratch. */
struct sofa_pass {
    const struct sofa_lm *lm;
    const struct sofa_lm_run *run;
    const struct sofa_gemm *gemm;
    struct sofa_arena *arena;
    struct sofa_rope rope;
    double rope_factor;
    size_t s;                     /* tokens */
    float *x;                     /* [s][hidden], the residual stream */
    float *y, *wide;              /* [s][max(hidden, heads * head_dim)], [s][2 * intermediate or more] */
    float *q, *k, *v;             /* [heads or kv_heads][s][head_dim] */
    float *out;                   /* [s][head_dim], one head's output */
};

/* Scratch and tables for windows of run->window tokens. */
enum sofa_code sofa_pass_init(struct sofa_pass *pass, const struct sofa_lm *lm, const struct sofa_lm_run *run,
                              struct sofa_arena *arena, struct sofa_err *err);
/* pass->x from the token ids [s]. */
void sofa_pass_embed(struct sofa_pass *pass, const int32_t *ids);
/* One layer; `stats` [heads] may be NULL. */
enum sofa_code sofa_pass_layer(struct sofa_pass *pass, size_t layer, struct sofa_attention_stats *stats,
                               struct sofa_err *err);
/* pass->y = the normalised output of the last layer. */
void sofa_pass_finish(struct sofa_pass *pass);

/* How far y [s][hidden] is from `dense`; adds to the four fields of an encoder's loss, `scale` times. */
void sofa_distance_add(const float *y, const float *dense, size_t s, size_t hidden, double scale,
                       struct sofa_lm_loss *loss);

void sofa_norm_run(const struct sofa_norm *norm, double eps, const float *x, size_t s, size_t hidden, float *y);
void sofa_linear_run(const struct sofa_gemm *gemm, const struct sofa_linear *linear, const float *x, size_t s,
                     float *y);
/* x [n] -> activation(x) times `times` [n] where it isn't NULL. */
void sofa_activation_run(const struct sofa_gemm *gemm, int activation, const float *x, const float *times, size_t n,
                         float *out);

#endif
