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
static const struct sofa_config_neutral llama_neutral[] = {
    {"partial_rotary_factor", {"1", "1.0"}},
    {"use_sliding_window", {"false"}},
    {"quantization_config", {"null"}},
    {NULL, {NULL}},
};
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
        .keys = llama_keys, .neutral = llama_neutral, .spare = llama_spare,                       \
    }

static const struct sofa_config_key gpt2_keys[] = {
    SIZE("vocab_size", shape.vocabulary, 2, true),
    SIZE("n_embd", shape.hidden, 1, true),
    SIZE("n_inner", shape.intermediate, 1, false),
    {"n_layer", SOFA_CONFIG_SIZE, AT(shape.layers), 1, LAYERS_MOST, true},
    SIZE("n_head", shape.heads, 1, true),
    SIZE("n_positions", shape.context, 1, true),
    NUMBER("layer_norm_epsilon", norm_eps, 0, 1, true),
    BOOL("tie_word_embeddings", tied),
    {0},
};
static const struct sofa_config_neutral gpt2_neutral[] = {
    {"scale_attn_weights", {"true"}},
    {"scale_attn_by_inverse_layer_idx", {"false"}},
    {"add_cross_attention", {"false"}},
    {"quantization_config", {"null"}},
    {NULL, {NULL}},
};
static const char *const gpt2_spare[] = {"attn.bias", "attn.masked_bias", "lm_head.weight", NULL};

static const struct sofa_config_key bert_keys[] = {
    SIZE("vocab_size", shape.vocabulary, 2, true),
    SIZE("hidden_size", shape.hidden, 1, true),
    SIZE("intermediate_size", shape.intermediate, 1, true),
    {"num_hidden_layers", SOFA_CONFIG_SIZE, AT(shape.layers), 1, LAYERS_MOST, true},
    SIZE("num_attention_heads", shape.heads, 1, true),
    SIZE("max_position_embeddings", shape.context, 1, true),
    SIZE("type_vocab_size", types, 0, true),
    NUMBER("layer_norm_eps", norm_eps, 0, 1, true),
    {0},
};
static const struct sofa_config_neutral bert_neutral[] = {
    {"position_embedding_type", {"absolute"}},
    {"is_decoder", {"false"}},
    {"add_cross_attention", {"false"}},
    {"quantization_config", {"null"}},
    {NULL, {NULL}},
};
static const char *const bert_spare[] = {"pooler.", "cls.", "classifier.", "position_ids", NULL};
#define BERT_LAYER "encoder.layer.%zu."

const struct sofa_lm_family sofa_lm_families[] = {
    LLAMA("llama"),
    LLAMA("mistral"),
    LLAMA("qwen2"),
    {
        .model_type = "gpt2", .causal = true, .transposed = true, .biases = true,
        .names = {
            .prefix = "transformer.", .embedding = "wte", .positions = "wpe", .final_norm = "ln_f", .head = "lm_head",
            .attention_norm = "h.%zu.ln_1", .qkv = "h.%zu.attn.c_attn", .o = "h.%zu.attn.c_proj",
            .mlp_norm = "h.%zu.ln_2", .up = "h.%zu.mlp.c_fc", .down = "h.%zu.mlp.c_proj",
        },
        .keys = gpt2_keys, .neutral = gpt2_neutral, .spare = gpt2_spare,
    },
    {
        .model_type = "bert", .post_norm = true, .biases = true,
        .names = {
            .prefix = "bert.", .embedding = "embeddings.word_embeddings",
            .positions = "embeddings.position_embeddings", .types = "embeddings.token_type_embeddings",
            .embedding_norm = "embeddings.LayerNorm",
            .q = BERT_LAYER "attention.self.query", .k = BERT_LAYER "attention.self.key",
            .v = BERT_LAYER "attention.self.value", .o = BERT_LAYER "attention.output.dense",
            .attention_norm = BERT_LAYER "attention.output.LayerNorm", .mlp_norm = BERT_LAYER "output.LayerNorm",
            .up = BERT_LAYER "intermediate.dense", .down = BERT_LAYER "output.dense",
        },
        .keys = bert_keys, .neutral = bert_neutral, .spare = bert_spare,
    },
    {.model_type = NULL},
};
