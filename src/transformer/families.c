/* The model families: which keys of config.json count, and what the tensors are called. */
#include "transformer/lm_config.h"

#define AT(member) offsetof(struct sofa_lm_config, member)
#define LAYERS_MOST 4096
#define SIZE(key, member, least, required) {key, SOFA_CONFIG_SIZE, AT(member), least, 1 << 28, required}
#define NUMBER(key, member, least, most, required) {key, SOFA_CONFIG_NUMBER, AT(member), least, most, required}
#define BOOL(key, member) {key, SOFA_CONFIG_BOOL, AT(member), 0, 0, false}

static const struct sofa_config_key llama_keys[] = {
    SIZE("vocab_size", shape.vocabulary, 2, true),
    SIZE("hidden_size", shape.hidden, 1, true),
    SIZE("intermediate_size", shape.intermediate, 1, true),
    {"num_hidden_layers", SOFA_CONFIG_SIZE, AT(shape.layers), 1, LAYERS_MOST, true},
    SIZE("num_attention_heads", shape.heads, 1, true),
    SIZE("num_key_value_heads", shape.kv_heads, 1, false),
    SIZE("head_dim", shape.head_dim, 1, false),
    SIZE("max_position_embeddings", shape.context, 1, true),
    SIZE("sliding_window", sliding, 0, false),
    NUMBER("rms_norm_eps", norm_eps, 0, 1, true),
    NUMBER("rope_theta", rope.theta, 1, 1e12, false),
    BOOL("tie_word_embeddings", tied),
    {0},
};
static const char *const llama_refused[] = {"partial_rotary_factor", "use_sliding_window", "no_rope_layers",
                                            "quantization_config", NULL};
static const char *const llama_spare[] = {"rotary_emb.inv_freq", "lm_head.weight", NULL};
#define LLAMA_NAMES                                                                               \
    {                                                                                             \
        .prefix = "model.", .embedding = "embed_tokens", .final_norm = "norm", .head = "lm_head", \
        .attention_norm = "layers.%zu.input_layernorm", .q = "layers.%zu.self_attn.q_proj",       \
        .k = "layers.%zu.self_attn.k_proj", .v = "layers.%zu.self_attn.v_proj",                   \
        .o = "layers.%zu.self_attn.o_proj", .mlp_norm = "layers.%zu.post_attention_layernorm",    \
        .gate = "layers.%zu.mlp.gate_proj", .up = "layers.%zu.mlp.up_proj",                       \
        .down = "layers.%zu.mlp.down_proj",                                                       \
    }
#define LLAMA(type)                                                                               \
    {                                                                                             \
        .model_type = type, .rms = true, .causal = true, .names = LLAMA_NAMES,                    \
        .keys = llama_keys, .refused = llama_refused, .spare = llama_spare,                       \
    }

const struct sofa_lm_family sofa_lm_families[] = {
    LLAMA("llama"),
    LLAMA("mistral"),
    LLAMA("qwen2"),
    {.model_type = NULL},
};
