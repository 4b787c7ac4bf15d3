#include "transformer/lm_config.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "config/node.h"

#define FAMILIES_MAX 16

/* An absent value, or null. */
static const struct sofa_node *value_of(const struct sofa_node *map, const char *key)
{
    const struct sofa_node *node = sofa_node_get(map, key);

    return node && !sofa_node_is_null(node) ? node : NULL;
}

static enum sofa_code read_key(const struct sofa_node *root, const struct sofa_config_key *k, char *base,
                               struct sofa_err *err)
{
    const struct sofa_node *node = value_of(root, k->key);
    enum sofa_code rc = SOFA_OK;
    double x;
    long n;

    if (!node)
        return k->required ? sofa_node_fail(root, err, "'%s' is missing", k->key) : SOFA_OK;
    if (k->kind == SOFA_CONFIG_BOOL)
        return sofa_node_bool(node, (bool *)(void *)(base + k->offset), err);
    if (k->kind == SOFA_CONFIG_SIZE) {
        SOFA_TRY(sofa_node_integer(node, (long)k->least, (long)k->most, &n, err));
        *(size_t *)(void *)(base + k->offset) = (size_t)n;
        return SOFA_OK;
    }
    SOFA_TRY(sofa_node_number(node, "1", &x, err));
    if (!(x >= k->least && x <= k->most))
        return sofa_node_fail(node, err, "'%s' is %g; expected %g to %g", k->key, x, k->least, k->most);
    *(double *)(void *)(base + k->offset) = x;
out:
    return rc;
}

static enum sofa_code find_family(const struct sofa_node *root, const struct sofa_lm_family **family,
                                  struct sofa_err *err)
{
    const char *names[FAMILIES_MAX];
    const struct sofa_node *node;
    size_t n = 0;
    enum sofa_code rc;
    int i;

    while (sofa_lm_families[n].model_type && n < FAMILIES_MAX) {
        names[n] = sofa_lm_families[n].model_type;
        n++;
    }
    SOFA_TRY(sofa_node_need(root, "model_type", &node, err));
    SOFA_TRY(sofa_node_choice(node, names, n, &i, err));
    *family = &sofa_lm_families[i];
out:
    return rc;
}

static enum sofa_code read_activation(const struct sofa_node *root, int *activation, struct sofa_err *err)
{
    static const char *const names[] = {"silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu"};
    static const int kinds[] = {SOFA_ACTIVATION_SILU,      SOFA_ACTIVATION_SILU,      SOFA_ACTIVATION_GELU,
                                SOFA_ACTIVATION_GELU_TANH, SOFA_ACTIVATION_GELU_TANH, SOFA_ACTIVATION_RELU};
    const struct sofa_node *node = value_of(root, "hidden_act");
    enum sofa_code rc;
    int i;

    if (!node)
        node = value_of(root, "activation_function");
    if (!node)
        return sofa_node_fail(root, err, "'hidden_act' is missing");
    rc = sofa_node_choice(node, names, sizeof names / sizeof *names, &i, err);
    if (rc == SOFA_OK)
        *activation = kinds[i];
    return rc;
}

static enum sofa_code check_neutral(const struct sofa_node *root, const struct sofa_config_neutral *n,
                                    struct sofa_err *err)
{
    for (; n->key; n++) {
        const struct sofa_node *node = value_of(root, n->key);
        int i = 0;

        while (node && i < 3 && (node->kind != SOFA_NODE_SCALAR || !n->values[i] || strcmp(node->text, n->values[i])))
            i++;
        if (i == 3)
            return sofa_node_fail(node, err, "'%s' isn't supported but as %s", n->key, n->values[0]);
    }
    return SOFA_OK;
}

static const struct sofa_config_key rope_keys[] = {
#define KEY(key, least, most)                                                                     \
    {                                                                                             \
        #key, SOFA_CONFIG_NUMBER, offsetof(struct sofa_rope_config, key), least, most, false      \
    }
    KEY(factor, 1, 1e6),
    KEY(low_freq_factor, 1e-6, 1e6),
    KEY(high_freq_factor, 1e-6, 1e6),
    KEY(beta_fast, 1e-6, 1e6),
    KEY(beta_slow, 1e-6, 1e6),
    KEY(attention_factor, 1e-6, 1e6),
    {"rope_theta", SOFA_CONFIG_NUMBER, offsetof(struct sofa_rope_config, theta), 1, 1e12, false},
    {"original_max_position_embeddings", SOFA_CONFIG_NUMBER, offsetof(struct sofa_rope_config, original_context), 1,
     1e9, false},
#undef KEY
};
static const char *const rope_known[] = {"rope_type", "type", "factor", "low_freq_factor", "high_freq_factor",
                                         "beta_fast", "beta_slow", "attention_factor", "rope_theta",
                                         "original_max_position_embeddings"};

static enum sofa_code check_rope(const struct sofa_node *node, const struct sofa_rope_config *rope,
                                 struct sofa_err *err)
{
    if (rope->type != SOFA_ROPE_DEFAULT && !value_of(node, "factor"))
        return sofa_node_fail(node, err, "'factor' is missing");
    if (rope->type == SOFA_ROPE_LLAMA3 && !(rope->low_freq_factor < rope->high_freq_factor))
        return sofa_node_fail(node, err, "llama3 scaling needs low_freq_factor below high_freq_factor");
    if (rope->type == SOFA_ROPE_YARN && rope->theta <= 1)
        return sofa_node_fail(node, err, "yarn scaling needs rope_theta above 1");
    return SOFA_OK;
}

/* rope_scaling of older files, rope_parameters of newer ones. */
static enum sofa_code read_rope(const struct sofa_node *root, struct sofa_rope_config *rope, struct sofa_err *err)
{
    static const char *const types[] = {"none", "default", "linear", "dynamic", "llama3", "yarn"};
    const struct sofa_node *node = value_of(root, "rope_scaling"), *type;
    enum sofa_code rc = SOFA_OK;
    int i;

    if (!node)
        node = value_of(root, "rope_parameters");
    if (!node)
        return SOFA_OK;
    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_MAP, err));
    SOFA_TRY(sofa_node_check_keys(node, rope_known, sizeof rope_known / sizeof *rope_known, err));
    type = value_of(node, "rope_type") ? value_of(node, "rope_type") : value_of(node, "type");
    if (!type)
        return sofa_node_fail(node, err, "'rope_type' is missing");
    SOFA_TRY(sofa_node_choice(type, types + 1, sizeof types / sizeof *types - 1, &i, err));
    rope->type = SOFA_ROPE_DEFAULT + i;
    for (size_t k = 0; k < sizeof rope_keys / sizeof *rope_keys; k++)
        SOFA_TRY(read_key(node, &rope_keys[k], (char *)rope, err));
    SOFA_TRY(check_rope(node, rope, err));
out:
    return rc;
}

/* What follows from other values, and what must fit together. */
static enum sofa_code complete(const struct sofa_node *root, struct sofa_lm_config *config, struct sofa_err *err)
{
    struct sofa_lm_shape *s = &config->shape;

    s->kv_heads = s->kv_heads ? s->kv_heads : s->heads;
    s->intermediate = s->intermediate ? s->intermediate : 4 * s->hidden; /* GPT-2's n_inner: null */
    if (s->heads % s->kv_heads)
        return sofa_node_fail(root, err, "%zu key/value heads don't divide %zu heads", s->kv_heads, s->heads);
    if (!s->head_dim && s->hidden % s->heads)
        return sofa_node_fail(root, err, "%zu heads don't divide the hidden width %zu, and no head_dim is given",
                              s->heads, s->hidden);
    s->head_dim = s->head_dim ? s->head_dim : s->hidden / s->heads;
    if (config->rope.type != SOFA_ROPE_NONE && s->head_dim % 2)
        return sofa_node_fail(root, err, "a head width of %zu can't be rotated; expected an even one", s->head_dim);
    if (config->rope.original_context == 0)
        config->rope.original_context = (double)s->context;
    if (config->rope.type == SOFA_ROPE_DYNAMIC)
        s->context = (size_t)((double)s->context * config->rope.factor);
    return SOFA_OK;
}

enum sofa_code sofa_lm_config_read(const char *file, struct sofa_lm_config *config, struct sofa_err *err)
{
    struct sofa_document *document = NULL;
    const struct sofa_node *root;
    enum sofa_code rc;

    *config = (struct sofa_lm_config){.rope = {.type = SOFA_ROPE_NONE, .theta = 10000, .factor = 1,
                                               .low_freq_factor = 1, .high_freq_factor = 4,
                                               .beta_fast = 32, .beta_slow = 1}};
    SOFA_TRY(sofa_document_read(file, &document, err));
    root = sofa_document_root(document);
    SOFA_TRY(sofa_node_expect(root, SOFA_NODE_MAP, err));
    SOFA_TRY(find_family(root, &config->family, err));
    config->tied = !config->family->rms;
    config->shape.causal = config->family->causal;
    config->shape.encoder = !config->family->names.head;
    if (config->family->rms)
        config->rope.type = SOFA_ROPE_DEFAULT;
    for (const struct sofa_config_key *k = config->family->keys; k->key; k++)
        SOFA_TRY(read_key(root, k, (char *)config, err));
    SOFA_TRY(check_neutral(root, config->family->neutral, err));
    SOFA_TRY(read_activation(root, &config->activation, err));
    if (config->rope.type != SOFA_ROPE_NONE)
        SOFA_TRY(read_rope(root, &config->rope, err));
    SOFA_TRY(complete(root, config, err));
out:
    sofa_document_free(document);
    return rc;
}
