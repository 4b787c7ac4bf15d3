/*
 * config.json of a Hugging Face checkpoint, as far as it says what is computed.
 *
 * Such a file has many keys that don't (dropout, token ids, versions), so unknown ones are let
 * through; a key that is known to change the computation in a way that isn't built is refused.
 */
#ifndef SOFA_TRANSFORMER_LM_CONFIG_H
#define SOFA_TRANSFORMER_LM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "transformer/lm.h"
#include "transformer/rope.h"

enum sofa_activation { SOFA_ACTIVATION_SILU, SOFA_ACTIVATION_GELU, SOFA_ACTIVATION_GELU_TANH, SOFA_ACTIVATION_RELU };

struct sofa_lm_config {
    const struct sofa_lm_family *family;
    struct sofa_lm_shape shape;
    double norm_eps;
    int activation; /* enum sofa_activation */
    bool tied;      /* the head is the embedding */
    size_t types;   /* rows of the segment embedding, 0: none */
    size_t sliding; /* tokens a sliding window sees, 0: all */
    struct sofa_rope_config rope;
};

/* The names of a family's tensors; %zu stands for the layer, NULL for what it doesn't have.
 * Every name may stand with or without `prefix`. */
struct sofa_lm_names {
    const char *prefix;
    const char *embedding, *positions, *types, *embedding_norm, *final_norm, *head;
    const char *attention_norm, *q, *k, *v, *qkv, *o, *mlp_norm, *gate, *up, *down;
};

/* A key that changes the computation in a way that isn't built: absent, null or one of these. */
struct sofa_config_neutral {
    const char *key; /* NULL ends the table */
    const char *values[3];
};

struct sofa_lm_family {
    const char *model_type;
    bool rms;        /* RMSNorm (Zhang, Sennrich 2019) where others have LayerNorm with a bias */
    bool post_norm;  /* norms stand after the residual sum (the first Transformer, BERT) */
    bool causal;
    bool transposed; /* weights lie as [in][out] (GPT-2's Conv1D) */
    bool biases;     /* linear layers must have biases; else they may */
    struct sofa_lm_names names;
    const struct sofa_config_key *keys;
    const struct sofa_config_neutral *neutral;
    const char *const *spare;   /* parts of names of tensors that may stand unused */
};

/* One number of config.json: where it goes and what it may be. */
enum sofa_config_kind { SOFA_CONFIG_SIZE, SOFA_CONFIG_NUMBER, SOFA_CONFIG_BOOL };
struct sofa_config_key {
    const char *key; /* NULL ends the table */
    enum sofa_config_kind kind;
    size_t offset; /* in struct sofa_lm_config */
    double least, most;
    bool required;
};

enum sofa_code sofa_lm_config_read(const char *file, struct sofa_lm_config *config, struct sofa_err *err);
/* The table of families, NULL-terminated by model_type. */
extern const struct sofa_lm_family sofa_lm_families[];

#endif
