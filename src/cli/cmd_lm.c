/* sofa-dse lm: the loss of a checkpoint on a text, with dense or sparse attention. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/kernel_options.h"
#include "transformer/lm.h"

#define DEFAULT_WINDOW 1024
#define DEFAULT_WINDOWS 4

struct lm_options {
    struct sofa_kernel_options kernel;
    const char *text;
    long window, windows;
    bool json;
};

static const struct sofa_option options[] = {
    {.name = "text", .kind = SOFA_OPTION_STRING, .offset = offsetof(struct lm_options, text), .argument = "FILE",
     .help = "the text: bytes, token ids as .npy, or UTF-8 for the checkpoint's tokenizer.json"},
    {.name = "window", .kind = SOFA_OPTION_INTEGER, .offset = offsetof(struct lm_options, window), .argument = "N",
     .help = "tokens a window (default: what model and text have, at most 1024)", .least = 1, .most = 1 << 28},
    {.name = "windows", .kind = SOFA_OPTION_INTEGER, .offset = offsetof(struct lm_options, windows), .argument = "N",
     .help = "windows of the text (default: what it has, at most 4)", .least = 1, .most = 1 << 28},
    SOFA_KERNEL_OPTIONS(struct lm_options),
    {.name = "json", .kind = SOFA_OPTION_FLAG, .offset = offsetof(struct lm_options, json), .help = "as JSON"},
};

struct work {
    const struct lm_options *o;
    const char *directory;
    struct sofa_lm *lm;
    struct sofa_text *text;
    struct sofa_attention_params *layer; /* [layers], NULL: dense */
    struct sofa_attention_stats *stats;  /* [layers][heads] */
    const char **pattern;                /* [layers] as written, NULL for none */
    struct sofa_lm_run run;
    struct sofa_lm_loss loss;
};

static void settle_windows(struct work *w)
{
    const struct sofa_lm_shape *shape = sofa_lm_shape(w->lm);
    size_t tokens = sofa_text_tokens(w->text), after = shape->encoder ? 0 : 1, window, fit;

    window = shape->context < DEFAULT_WINDOW ? shape->context : DEFAULT_WINDOW;
    if (tokens > after && tokens - after < window)
        window = tokens - after;
    window = w->o->window ? (size_t)w->o->window : window;
    fit = tokens >= window + after ? (tokens - after) / window : 1;
    fit = fit < DEFAULT_WINDOWS ? fit : DEFAULT_WINDOWS;
    w->run.window = window;
    w->run.windows = w->o->windows ? (size_t)w->o->windows : fit;
}

static enum sofa_code settle(struct work *w, struct sofa_arena *arena, struct sofa_err *err)
{
    const struct sofa_lm_shape *shape = sofa_lm_shape(w->lm);
    bool dense = w->o->kernel.dense || !sofa_kernel_options_any(&w->o->kernel);
    struct sofa_kernel_options kernel = w->o->kernel;
    enum sofa_code rc;

    kernel.dense = dense;
    w->layer = calloc(shape->layers, sizeof *w->layer);
    w->stats = calloc(shape->layers * shape->heads, sizeof *w->stats);
    w->pattern = calloc(shape->layers, sizeof *w->pattern);
    if (!w->layer || !w->stats || !w->pattern)
        return sofa_fail_nomem(err, "the layers");
    settle_windows(w);
    if (!dense) {
        w->run.layer = w->layer;
        w->run.stats = w->stats;
        w->run.level = SOFA_STATS_ALL;
    }
    SOFA_TRY(sofa_kernel_options_settle(&kernel, shape->layers, shape->causal, w->layer, err));
    rc = sofa_kernel_options_patterns(&kernel, shape->layers, w->run.window, arena, w->layer, w->pattern, err);
out:
    return rc;
}

static cJSON *layer_json(const struct work *w, size_t l)
{
    size_t heads = sofa_lm_shape(w->lm)->heads;
    struct sofa_attention_stats mean = sofa_kernel_statistics_mean(w->stats + l * heads, heads);
    cJSON *o = cJSON_CreateObject(), *list;

    cJSON_AddNumberToObject(o, "layer", (double)l);
    cJSON_AddItemToObject(o, "settings", sofa_kernel_settings_json(&w->layer[l], w->pattern[l]));
    cJSON_AddItemToObject(o, "statistics", sofa_kernel_statistics_json(&mean));
    list = cJSON_AddArrayToObject(o, "heads");
    for (size_t h = 0; h < heads; h++)
        cJSON_AddItemToArray(list, sofa_kernel_statistics_json(&w->stats[l * heads + h]));
    return o;
}

/* What there is of the loss: a language model's, or an encoder's distance to dense attention. */
static const struct {
    const char *key, *text;
    size_t offset;
} losses[] = {
    {"bits_per_byte", "bits per byte", offsetof(struct sofa_lm_loss, bits_per_byte)},
    {"nats_per_token", "nats per token", offsetof(struct sofa_lm_loss, nats_per_token)},
    {"perplexity", "perplexity", offsetof(struct sofa_lm_loss, perplexity)},
    {"hidden_error", "hidden error", offsetof(struct sofa_lm_loss, hidden_error)},
    {"hidden_cosine", "hidden cosine", offsetof(struct sofa_lm_loss, hidden_cosine)},
    {"sentence_error", "sentence error", offsetof(struct sofa_lm_loss, sentence_error)},
    {"sentence_cosine", "sentence cosine", offsetof(struct sofa_lm_loss, sentence_cosine)},
};
#define N_LOSSES (sizeof losses / sizeof *losses)

static double loss_value(const struct work *w, size_t i)
{
    double x;

    memcpy(&x, (const char *)&w->loss + losses[i].offset, sizeof x);
    return x;
}

static enum sofa_code print_json(const struct work *w, struct sofa_err *err)
{
    const struct sofa_lm_shape *shape = sofa_lm_shape(w->lm);
    struct sofa_attention_stats mean = sofa_kernel_statistics_mean(w->stats, shape->layers * shape->heads);
    cJSON *o = cJSON_CreateObject(), *list;

    cJSON_AddStringToObject(o, "checkpoint", w->directory);
    cJSON_AddStringToObject(o, "text", w->o->text);
    cJSON_AddNumberToObject(o, "window", (double)w->run.window);
    cJSON_AddNumberToObject(o, "windows", (double)w->run.windows);
    cJSON_AddStringToObject(o, "isa", sofa_attention_kernel_name(w->run.kernel));
    cJSON_AddBoolToObject(o, "dense", !w->run.layer);
    for (size_t i = 0; i < N_LOSSES; i++)
        if (!isnan(loss_value(w, i)) || i < 3)
            cJSON_AddNumberToObject(o, losses[i].key, loss_value(w, i));
    if (w->run.layer) {
        cJSON_AddItemToObject(o, "statistics", sofa_kernel_statistics_json(&mean));
        list = cJSON_AddArrayToObject(o, "layers");
        for (size_t l = 0; l < shape->layers; l++)
            cJSON_AddItemToArray(list, layer_json(w, l));
    }
    return sofa_json_print(o, err);
}

static void print_layers(const struct work *w)
{
    const struct sofa_lm_shape *shape = sofa_lm_shape(w->lm);

    printf("\n%-5s %6s %6s %7s %8s %8s %8s %8s%s\n", "layer", "tiles", "topk", "radius", "density", "mass", "overlap",
           "error", w->o->kernel.pattern ? "  pattern" : "");
    for (size_t l = 0; l < shape->layers; l++) {
        struct sofa_attention_stats m = sofa_kernel_statistics_mean(w->stats + l * shape->heads, shape->heads);

        printf("%-5zu %6d %6g %7g %8.4f %8.4f %8.4f %8.4f%s%s\n", l, w->layer[l].tiles, w->layer[l].topk_permille / 1000.0,
               w->layer[l].radius, m.density, m.mass, m.overlap, m.rel_error, w->o->kernel.pattern ? "  " : "",
               w->pattern[l] ? w->pattern[l] : w->o->kernel.pattern ? "none" : "");
    }
}

static enum sofa_code print_text(const struct work *w, struct sofa_err *err)
{
    printf("%s, %s attention, %zu window%s of %zu tokens\n", w->directory, w->run.layer ? "sparse" : "dense",
           w->run.windows, w->run.windows == 1 ? "" : "s", w->run.window);
    for (size_t i = 0; i < N_LOSSES; i++)
        if (!isnan(loss_value(w, i)))
            printf("%-15s %.6f\n", losses[i].text, loss_value(w, i));
    if (w->run.layer)
        print_layers(w);
    return sofa_output_finish(err);
}

static enum sofa_code evaluate(struct work *w, struct sofa_err *err)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    enum sofa_code rc;

    SOFA_TRY(sofa_attention_kernel_find(w->o->kernel.isa, &w->run.kernel, err));
    SOFA_TRY(sofa_lm_open(w->directory, &w->lm, err));
    SOFA_TRY(sofa_text_open(w->lm, w->o->text, &w->text, err));
    SOFA_TRY(settle(w, &arena, err));
    SOFA_TRY(sofa_lm_evaluate(w->lm, w->text, &w->run, &w->loss, &arena, err));
    rc = w->o->json ? print_json(w, err) : print_text(w, err);
out:
    sofa_arena_release(&arena);
    return rc;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct lm_options o = {.json = false};
    struct work w = {.o = &o};
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_lm, argc, argv, &o, &operands, &done, err));
    if (done)
        goto out;
    w.directory = argv[1];
    if (!o.text)
        rc = sofa_fail(err, SOFA_E_USAGE, "lm: --text is missing");
    else
        rc = evaluate(&w, err);
out:
    free(w.layer);
    free(w.stats);
    free(w.pattern);
    sofa_text_free(w.text);
    sofa_lm_free(w.lm);
    return rc;
}

const struct sofa_command sofa_cmd_lm = {
    "lm",
    "lm CHECKPOINT_DIR --text FILE [--window N] [--windows N] [--dense | --tiles N[,N...] --topk R[,R...] [--radius X[,X...]] [--pattern SPEC[,SPEC...]]] [--json]",
    "runs a language model on a text: bits per byte, perplexity, and statistics of sparse attention",
    options, sizeof options / sizeof *options, 1, 1, run,
};
