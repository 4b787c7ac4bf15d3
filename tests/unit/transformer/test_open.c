#include "tests/unit/test.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "transformer/lm.h"

/* Checkpoints that are wrong in one place: made from a good one, in a folder of their own. */
#define FAMILIES "tests/golden/transformer/families/"

static char folder[] = "checkpoint-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static void remove_file(const char *name)
{
    char *path = sofa_path_join(folder, name);

    unlink(path);
    free(path);
}

static int remove_folder(void **state)
{
    (void)state;
    remove_file("config.json");
    remove_file("model.safetensors");
    remove_file("model.safetensors.index.json");
    remove_file("part.safetensors");
    return rmdir(folder);
}

static char *read_source(const char *name, size_t *size)
{
    char *path = test_source_file(name), *data = NULL;

    assert_int_equal(sofa_file_read(path, 1 << 24, &data, size, NULL), SOFA_OK);
    free(path);
    assert_non_null(data);
    return data;
}

static void write_file(const char *name, const char *data, size_t size)
{
    char *path = sofa_path_join(folder, name);

    assert_int_equal(sofa_file_write_atomic(path, data, size, NULL), SOFA_OK);
    free(path);
}

/* The configuration with the first `from` replaced by `to` (NULL: as it is). */
static void put_config(const char *family, const char *from, const char *to)
{
    char name[128], *text, *at, *changed;
    size_t size;

    snprintf(name, sizeof name, FAMILIES "%s/config.json", family);
    text = read_source(name, &size);
    at = from ? strstr(text, from) : text;
    assert_non_null(at);
    changed = from ? sofa_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) : sofa_format("%s", text);
    write_file("config.json", changed, strlen(changed));
    free(changed);
    free(text);
}

static char *put_weights(const char *family, size_t *size)
{
    char name[128], *data;

    snprintf(name, sizeof name, FAMILIES "%s/model.safetensors", family);
    data = read_source(name, size);
    write_file("model.safetensors", data, *size);
    return data;
}

static void refuses(const char *says, const char *says_too)
{
    struct sofa_err err = SOFA_ERR_INIT;
    char line[SOFA_ERR_FILE_MAX + SOFA_ERR_TEXT_MAX + 32];
    struct sofa_lm *lm = NULL;

    assert_int_equal(sofa_lm_open(folder, &lm, &err), SOFA_E_INPUT);
    assert_null(lm);
    sofa_err_format(&err, line, sizeof line);
    if (!strstr(line, says) || !strstr(line, says_too) || strchr(line, '\n'))
        fail_msg("said '%s', not '%s' and '%s'", line, says, says_too);
}

static const struct {
    const char *family, *from, *to, *says, *says_too;
} wrong[] = {
    {"llama-gqa", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "layers.2.", "missing"},
    {"llama-gqa", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "layers.1.", "no place"},
    {"llama-gqa", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 0", "config.json:19:24", "expected 1 to 4096"},
    {"llama-gqa", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1e9", "config.json:", ""},
    {"llama-gqa", "\"num_hidden_layers\": 2", "\"layers\": 2", "num_hidden_layers", "missing"},
    {"llama-gqa", "\"hidden_size\": 24", "\"hidden_size\": 32", "embed_tokens.weight", "expected [40,32]"},
    {"llama-gqa", "\"vocab_size\": 40", "\"vocab_size\": 41", "embed_tokens.weight", "expected [41,24]"},
    {"llama-gqa", "\"head_dim\": 8", "\"head_dim\": 6", "q_proj.weight", "expected [24,24]"},
    {"llama-gqa", "\"head_dim\": 8", "\"head_dim\": 7", "head width of 7", "even"},
    {"llama-gqa", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "3 key/value heads", "don't divide 4"},
    {"llama-gqa", "\"model_type\": \"llama\"", "\"model_type\": \"lama\"", "lama", "llama"},
    {"llama-gqa", "\"hidden_act\": \"silu\"", "\"hidden_act\": \"softplus\"", "softplus", "silu"},
    {"llama-gqa", "\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": -1", "rms_norm_eps", "expected 0 to 1"},
    {"llama-yarn", "\"rope_type\": \"yarn\"", "\"rope_type\": \"longrope\"", "longrope", "yarn"},
    {"llama-yarn", "\"factor\": 4.0", "\"factor\": 0.5", "factor", "expected 1"},
    {"llama-yarn", "\"factor\": 4.0,", "", "'factor' is missing", ""},
    {"llama-yarn", "\"factor\": 4.0", "\"factor\": 4.0, \"mscale\": 2", "mscale", "unknown"},
    {"gpt2", "\"n_head\": 3", "\"n_head\": 5", "5 heads don't divide", "24"},
    {"gpt2", "\"scale_attn_weights\": true", "\"scale_attn_weights\": false", "scale_attn_weights", "true"},
    {"bert", "\"is_decoder\": false", "\"is_decoder\": true", "is_decoder", "false"},
    {"bert", "\"max_position_embeddings\": 32", "\"max_position_embeddings\": 64", "position_embeddings", "[32,24]"},
};

static void a_configuration_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t size;

        put_config(wrong[i].family, wrong[i].from, wrong[i].to);
        free(put_weights(wrong[i].family, &size));
        refuses(wrong[i].says, wrong[i].says_too);
    }
}

static void a_weight_that_is_no_number_is_refused_with_its_tensor(void **state)
{
    const float bad[] = {NAN, INFINITY};

    (void)state;
    put_config("llama-gqa", NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        size_t size;
        char *data = put_weights("llama-gqa", &size);

        memcpy(data + size - sizeof bad[i], &bad[i], sizeof bad[i]);
        write_file("model.safetensors", data, size);
        refuses("model.safetensors: tensor '", "expected finite numbers");
        free(data);
    }
}

static void truncated_weights_are_refused(void **state)
{
    size_t size;
    char *data;

    (void)state;
    put_config("llama-gqa", NULL, NULL);
    data = put_weights("llama-gqa", &size);
    for (size_t n = 0; n < size; n += 997) {
        write_file("model.safetensors", data, n);
        refuses("model.safetensors", "");
    }
    free(data);
}

static void a_wrong_index_of_shards_is_refused(void **state)
{
    static const struct {
        const char *index, *says, *says_too;
    } cases[] = {
        {"{}", "weight_map", "missing"},
        {"{\"weight_map\": 3}", "index.json:1:", ""},
        {"{\"weight_map\": {\"a\": \"../model.safetensors\"}}", "../model.safetensors", "expected a file of this folder"},
        {"{\"weight_map\": {\"a\": \"none.safetensors\"}}", "none.safetensors", "No such file"},
        {"{\"weight_map\": {\"a\": \"model.safetensors\"}}", "tensor 'a' is not in", ""},
        {"{\"weight_map\": {\"lm_head.weight\": \"model.safetensors\", \"model.norm.weight\": \"part.safetensors\"}}",
         "lies in 'model.safetensors' too", "tensor '"},
    };
    size_t size;
    char *data;

    (void)state;
    put_config("llama-gqa", NULL, NULL);
    data = put_weights("llama-gqa", &size);
    write_file("part.safetensors", data, size);
    free(data);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file("model.safetensors.index.json", cases[i].index, strlen(cases[i].index));
        refuses(cases[i].says, cases[i].says_too);
    }
    remove_file("model.safetensors.index.json");
}

static void token_ids_past_the_vocabulary_are_refused(void **state)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_lm *lm;
    struct sofa_text *text;
    size_t size;
    char *path = sofa_path_join(folder, "config.json"), *ids;

    (void)state;
    put_config("llama-gqa", NULL, NULL);
    free(put_weights("llama-gqa", &size));
    assert_int_equal(sofa_lm_open(folder, &lm, &err), SOFA_OK);
    assert_int_equal(sofa_text_open(lm, path, &text, &err), SOFA_E_INPUT); /* no byte-level model */
    ids = test_source_file("tests/golden/transformer/dump/bert/layers.0.X.npy");
    assert_int_equal(sofa_text_open(lm, ids, &text, &err), SOFA_E_INPUT);
    assert_non_null(strstr(err.text, "expected I64"));
    free(ids);
    sofa_lm_free(lm);
    put_config("gpt2", "\"vocab_size\": 40", "\"vocab_size\": 30");
    free(put_weights("gpt2", &size));
    refuses("wte.weight", "expected [30,24]");
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_that_does_not_fit_is_refused),
        cmocka_unit_test(a_weight_that_is_no_number_is_refused_with_its_tensor),
        cmocka_unit_test(truncated_weights_are_refused),
        cmocka_unit_test(a_wrong_index_of_shards_is_refused),
        cmocka_unit_test(token_ids_past_the_vocabulary_are_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
