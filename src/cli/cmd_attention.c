/* sofa-dse attention: the functional kernel on tensors from a file. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention/attention.h"
#include "attention/synthetic.h"
#include "cli/cli.h"
#include "cli/kernel_options.h"
#include "transformer/rope.h"
#include "transformer/safetensors.h"
#include "transformer/tensor_set.h"

struct attention_options {
    struct sofa_kernel_options kernel;
    bool causal, json, describe;
    double rope_theta; /* 0: none */
    const char *output;
    long layer; /* -1: tensors of one layer, without a prefix */
};

static const struct sofa_option options[] = {
    SOFA_KERNEL_OPTIONS(struct attention_options),
    {.name = "causal", .kind = SOFA_OPTION_FLAG, .offset = offsetof(struct attention_options, causal),
     .help = "a query sees the keys up to itself only"},
    {.name = "rope-theta", .kind = SOFA_OPTION_NUMBER, .offset = offsetof(struct attention_options, rope_theta),
     .argument = "T", .help = "Q and K carry rotary embedding of this base: predicted keys are rotated too"},
    {.name = "layer", .kind = SOFA_OPTION_INTEGER, .offset = offsetof(struct attention_options, layer), .argument = "N",
     .help = "reads the tensors layers.N.X, layers.N.Wk and so on", .least = 0, .most = 1 << 20},
    {.name = "output", .letter = 'o', .kind = SOFA_OPTION_STRING, .offset = offsetof(struct attention_options, output),
     .argument = "FILE", .help = "writes khat, scores, selection and O as safetensors"},
    {.name = "describe", .kind = SOFA_OPTION_FLAG, .offset = offsetof(struct attention_options, describe),
     .help = "only says how many rows are of type I (a few keys dominate), II (spread), III (one region)"},
    {.name = "json", .kind = SOFA_OPTION_FLAG, .offset = offsetof(struct attention_options, json), .help = "as JSON"},
};

/* One input: [leading][rows][columns], leading 1 where the tensor has two dimensions. */
struct input {
    const struct sofa_tensor *tensor;
    size_t leading, rows, columns;
    float *values;
};

struct work {
    const struct attention_options *o;
    const char *path;
    struct sofa_tensor_set *set;
    const struct sofa_attention_kernel *kernel;
    struct sofa_attention_params params;
    const char *pattern;      /* as written, NULL: none */
    bool predicts;            /* neither dense nor a static pattern: X and Wk are needed */
    struct sofa_arena arena;  /* inputs, results */
    struct sofa_arena scratch; /* of one head */
    struct input x, wk, q, k, v;
    size_t heads, kv_heads, s, d, hidden;
    struct sofa_attention_stats *stats; /* [heads] */
    int64_t *khat, *scores; /* [kv_heads][s][d]; [heads][s][s], NULL without an output file */
    uint8_t *selection;     /* [heads][s][s] */
    float *out;             /* [heads][s][d] */
};

static void *get(struct work *w, size_t count, size_t size)
{
    return sofa_arena_alloc(&w->arena, count, size);
}

static enum sofa_code read_input(struct work *w, const char *name, struct input *in, struct sofa_err *err)
{
    char shape[SOFA_SHAPE_TEXT_MAX], full[64];
    const struct sofa_tensor *t;
    enum sofa_code rc;

    snprintf(full, sizeof full, "layers.%ld.%s", w->o->layer < 0 ? 0 : w->o->layer, name);
    if (w->o->layer < 0 && !sofa_tensor_set_has(w->set, name) && sofa_tensor_set_has(w->set, full))
        return sofa_fail_at(err, SOFA_E_INPUT, w->path, 0, 0, "it holds several layers; choose one with --layer N");
    SOFA_TRY(sofa_tensor_set_need(w->set, w->o->layer < 0 ? name : full, &t, err));
    sofa_tensor_shape_text(t, shape);
    if (t->dims != 2 && t->dims != 3)
        return sofa_tensor_fail(t, err, "shape is %s; expected two dimensions, or three with the heads first", shape);
    *in = (struct input){t, t->dims == 3 ? t->shape[0] : 1, t->shape[t->dims - 2], t->shape[t->dims - 1], NULL};
    if (t->count == 0)
        return sofa_tensor_fail(t, err, "it is empty: shape %s", shape);
    in->values = get(w, t->count, sizeof *in->values);
    if (!in->values)
        return sofa_fail_nomem(err, name);
    rc = sofa_tensor_to_float(t, in->values, err);
out:
    return rc;
}

static enum sofa_code expect(const struct input *in, size_t rows, size_t columns, struct sofa_err *err)
{
    if (in->rows == rows && in->columns == columns)
        return SOFA_OK;
    return sofa_tensor_fail(in->tensor, err, "it is %zu by %zu; expected %zu by %zu to go with Q and X", in->rows,
                            in->columns, rows, columns);
}

static enum sofa_code check_leading(const struct work *w, const struct input *in, bool may_be_one, struct sofa_err *err)
{
    if (in->leading == w->kv_heads || (may_be_one && in->leading == 1))
        return SOFA_OK;
    return sofa_tensor_fail(in->tensor, err, "it has %zu heads; expected %zu as K has", in->leading, w->kv_heads);
}

static enum sofa_code check_shapes(struct work *w, struct sofa_err *err)
{
    enum sofa_code rc;

    w->heads = w->q.leading;
    w->kv_heads = w->k.leading;
    w->s = w->q.rows;
    w->d = w->q.columns;
    if (w->heads % w->kv_heads)
        return sofa_tensor_fail(w->k.tensor, err, "it has %zu heads, which don't divide the %zu of Q", w->kv_heads,
                                w->heads);
    SOFA_TRY(expect(&w->k, w->s, w->d, err));
    SOFA_TRY(expect(&w->v, w->s, w->d, err));
    SOFA_TRY(check_leading(w, &w->v, false, err));
    if (!w->predicts)
        return SOFA_OK;
    w->hidden = w->x.columns;
    SOFA_TRY(expect(&w->x, w->s, w->hidden, err));
    SOFA_TRY(expect(&w->wk, w->hidden, w->d, err));
    SOFA_TRY(check_leading(w, &w->x, true, err));
    SOFA_TRY(check_leading(w, &w->wk, false, err));
    if (w->o->rope_theta > 0 && w->d % 2)
        return sofa_tensor_fail(w->q.tensor, err, "a head width of %zu can't be rotated; expected an even one", w->d);
out:
    return rc;
}

static enum sofa_code read_inputs(struct work *w, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_tensor_set_open(w->path, &w->set, err));
    if (w->predicts) {
        SOFA_TRY(read_input(w, "X", &w->x, err));
        SOFA_TRY(read_input(w, "Wk", &w->wk, err));
    }
    SOFA_TRY(read_input(w, "Q", &w->q, err));
    SOFA_TRY(read_input(w, "K", &w->k, err));
    SOFA_TRY(read_input(w, "V", &w->v, err));
    SOFA_TRY(check_shapes(w, err));
out:
    return rc;
}

static enum sofa_code prepare_outputs(struct work *w, struct sofa_err *err)
{
    size_t head = w->s * w->d;
    bool traced = w->o->output && !w->o->kernel.dense;

    w->out = get(w, w->heads, head * sizeof *w->out);
    w->stats = get(w, w->heads, sizeof *w->stats);
    if (traced && w->predicts) {
        w->khat = get(w, w->kv_heads, head * sizeof *w->khat);
        w->scores = get(w, w->heads * w->s, w->s * sizeof *w->scores);
    }
    if (traced) {
        w->selection = get(w, w->heads * w->s, w->s * sizeof *w->selection);
    }
    if (!w->out || !w->stats || (traced && !w->selection) ||
        (traced && w->predicts && (!w->khat || !w->scores)))
        return sofa_fail_nomem(err, "the results");
    memset(w->stats, 0, w->heads * sizeof *w->stats);
    return SOFA_OK;
}

static enum sofa_code dense_head(struct work *w, size_t h, struct sofa_err *err)
{
    size_t head = w->s * w->d, kv = h / (w->heads / w->kv_heads);
    double s = (double)w->s;

    w->stats[h].visible = w->o->causal ? s * (s + 1) / 2 : s * s;
    w->stats[h].selected = w->stats[h].visible;
    return sofa_attention_dense(w->kernel, w->s, w->d, w->o->causal, w->q.values + h * head, w->k.values + kv * head,
                                w->v.values + kv * head, w->out + h * head, &w->scratch, err);
}

static enum sofa_code sofa_head(struct work *w, size_t h, const struct sofa_khat *khat, struct sofa_err *err)
{
    size_t head = w->s * w->d, square = w->s * w->s, kv = h / (w->heads / w->kv_heads);
    struct sofa_attention_trace trace = {NULL, NULL};

    if (w->scores)
        trace.scores = w->scores + h * square;
    if (w->selection)
        trace.selection = w->selection + h * square;
    return sofa_attention_run(w->kernel, &w->params, khat, w->q.values + h * head, w->k.values + kv * head,
                              w->v.values + kv * head, w->out + h * head, SOFA_STATS_ALL, &w->stats[h],
                              w->selection ? &trace : NULL, &w->scratch, err);
}

/* K^ of one key/value head, in scratch. */
static enum sofa_code predict(struct work *w, size_t kv, struct sofa_khat *khat, struct sofa_err *err)
{
    struct sofa_rope_config rotary = {.type = w->o->rope_theta > 0 ? SOFA_ROPE_DEFAULT : SOFA_ROPE_NONE,
                                      .theta = w->o->rope_theta};
    size_t head = w->s * w->d;
    struct sofa_quant8 x8;
    struct sofa_rope rope;
    enum sofa_code rc;

    SOFA_TRY(sofa_rope_tables(&rotary, w->s, w->d, &w->scratch, &rope, err));
    SOFA_TRY(sofa_attention_quantise_x(w->kernel, w->x.values + (w->x.leading > 1 ? kv : 0) * w->s * w->hidden, w->s,
                                       w->hidden, &w->scratch, &x8, err));
    SOFA_TRY(sofa_attention_predict_keys(w->kernel, w->params.khat_bits, &x8, w->wk.values + kv * w->hidden * w->d,
                                         w->d, rope, &w->scratch, khat, err));
    for (size_t i = 0; w->khat && i < head; i++)
        w->khat[kv * head + i] = khat->q[i];
out:
    return rc;
}

/* The query heads of one key/value head. */
static enum sofa_code sofa_group(struct work *w, size_t kv, struct sofa_err *err)
{
    size_t group = w->heads / w->kv_heads;
    struct sofa_khat khat = {.s = w->s, .d = w->d};
    enum sofa_code rc = SOFA_OK;

    if (w->predicts)
        SOFA_TRY(predict(w, kv, &khat, err));
    for (size_t h = kv * group; h < (kv + 1) * group; h++) {
        struct sofa_arena_mark mark = sofa_arena_mark(&w->scratch);

        SOFA_TRY(sofa_head(w, h, &khat, err));
        sofa_arena_rewind(&w->scratch, mark);
    }
out:
    return rc;
}

static enum sofa_code run_heads(struct work *w, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    for (size_t h = 0; w->o->kernel.dense && h < w->heads; h++) {
        SOFA_TRY(dense_head(w, h, err));
        sofa_arena_reset(&w->scratch);
    }
    for (size_t kv = 0; !w->o->kernel.dense && kv < w->kv_heads; kv++) {
        SOFA_TRY(sofa_group(w, kv, err));
        sofa_arena_reset(&w->scratch);
    }
out:
    return rc;
}

/* A result with the heads' dimension where the inputs have one. */
static struct sofa_tensor result(const struct work *w, const char *name, enum sofa_dtype dtype, size_t heads,
                                 size_t columns, const void *data)
{
    struct sofa_tensor t = {.name = name, .dtype = dtype, .data = data};

    if (w->q.tensor->dims == 3)
        t.shape[t.dims++] = heads;
    t.shape[t.dims++] = w->s;
    t.shape[t.dims++] = columns;
    sofa_tensor_measure(&t);
    return t;
}

static enum sofa_code write_output(struct work *w, struct sofa_err *err)
{
    size_t n = 0, count = w->heads * w->s * w->d;
    double *out = get(w, count, sizeof *out);
    struct sofa_tensor tensors[4];

    if (!out)
        return sofa_fail_nomem(err, "the results");
    for (size_t i = 0; i < count; i++)
        out[i] = w->out[i];
    if (w->khat) {
        tensors[n++] = result(w, "khat", SOFA_DTYPE_I64, w->kv_heads, w->d, w->khat);
        tensors[n++] = result(w, "scores", SOFA_DTYPE_I64, w->heads, w->s, w->scores);
    }
    if (w->selection)
        tensors[n++] = result(w, "selection", SOFA_DTYPE_U8, w->heads, w->s, w->selection);
    tensors[n++] = result(w, "O", SOFA_DTYPE_F64, w->heads, w->d, out);
    return sofa_safetensors_write(w->o->output, tensors, n, err);
}

/* Dense attention keeps every pair; there is nothing else to measure of it. */
static cJSON *statistics_json(const struct work *w, const struct sofa_attention_stats *stats)
{
    cJSON *o;

    if (!w->o->kernel.dense)
        return sofa_kernel_statistics_json(stats);
    o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "selected", stats->selected);
    cJSON_AddNumberToObject(o, "visible", stats->visible);
    cJSON_AddNumberToObject(o, "density", stats->selected / stats->visible);
    return o;
}

static cJSON *shape_json(const struct work *w)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddNumberToObject(o, "heads", (double)w->heads);
    cJSON_AddNumberToObject(o, "kv_heads", (double)w->kv_heads);
    cJSON_AddNumberToObject(o, "S", (double)w->s);
    if (w->predicts)
        cJSON_AddNumberToObject(o, "H", (double)w->hidden);
    cJSON_AddNumberToObject(o, "d", (double)w->d);
    return o;
}

static enum sofa_code print_json(const struct work *w, const struct sofa_attention_stats *mean, struct sofa_err *err)
{
    cJSON *o = cJSON_CreateObject(), *heads;

    cJSON_AddStringToObject(o, "file", w->path);
    cJSON_AddItemToObject(o, "shape", shape_json(w));
    cJSON_AddStringToObject(o, "isa", sofa_attention_kernel_name(w->kernel));
    cJSON_AddBoolToObject(o, "dense", w->o->kernel.dense);
    if (!w->o->kernel.dense)
        cJSON_AddItemToObject(o, "settings", sofa_kernel_settings_json(&w->params, w->pattern));
    cJSON_AddItemToObject(o, "statistics", statistics_json(w, mean));
    heads = cJSON_AddArrayToObject(o, "heads");
    for (size_t h = 0; h < w->heads; h++)
        cJSON_AddItemToArray(heads, statistics_json(w, &w->stats[h]));
    return sofa_json_print(o, err);
}

static enum sofa_code print_text(const struct work *w, const struct sofa_attention_stats *mean, struct sofa_err *err)
{
    printf("%s: %zu head%s, %zu tokens, head width %zu, %s%s\n", w->path, w->heads, w->heads == 1 ? "" : "s", w->s,
           w->d, sofa_attention_kernel_name(w->kernel), w->heads > 1 ? "; means over heads" : "");
    if (w->o->kernel.dense)
        printf("dense attention of %g pairs a head\n", mean->visible);
    else
        sofa_kernel_statistics_print(mean);
    return sofa_output_finish(err);
}

/* Shares of the three types in the rows of one head. */
static cJSON *types_json(const double share[SOFA_ROW_TYPES], size_t rows)
{
    cJSON *o = cJSON_CreateObject();

    for (int t = 0; t < SOFA_ROW_TYPES; t++)
        cJSON_AddNumberToObject(o, sofa_row_type_names[t], share[t]);
    cJSON_AddNumberToObject(o, "rows", (double)rows);
    return o;
}

static void print_types(const char *what, const double share[SOFA_ROW_TYPES], size_t rows)
{
    printf("%s: type I %.1f %%, II %.1f %%, III %.1f %% of %zu rows\n", what, 100 * share[0], 100 * share[1], 100 * share[2], rows);
}

/* Classifies the rows of every head; needs Q and K alone. */
static enum sofa_code describe(struct work *w, struct sofa_err *err)
{
    cJSON *o = cJSON_CreateObject(), *heads = cJSON_AddArrayToObject(o, "heads");
    double mean[SOFA_ROW_TYPES] = {0}, share[SOFA_ROW_TYPES];
    size_t group = w->heads / w->kv_heads, rows = 0;
    enum sofa_code rc = SOFA_OK;
    char name[32];

    for (size_t h = 0; h < w->heads; h++) {
        SOFA_TRY(sofa_rows_classify(w->s, w->d, w->o->causal, w->q.values + h * w->s * w->d,
                                    w->k.values + h / group * w->s * w->d, share, &rows, &w->scratch, err));
        for (int t = 0; t < SOFA_ROW_TYPES; t++)
            mean[t] += share[t] / (double)w->heads;
        cJSON_AddItemToArray(heads, types_json(share, rows));
        snprintf(name, sizeof name, "head %zu", h);
        if (!w->o->json)
            print_types(name, share, rows);
        sofa_arena_reset(&w->scratch);
    }
    cJSON_AddItemToObject(o, "mean", types_json(mean, rows));
    if (!w->o->json)
        print_types("mean", mean, rows);
out:
    if (rc == SOFA_OK && w->o->json)
        return sofa_json_print(o, err);
    cJSON_Delete(o);
    return rc == SOFA_OK ? sofa_output_finish(err) : rc;
}

static enum sofa_code report(struct work *w, struct sofa_err *err)
{
    struct sofa_attention_stats mean = sofa_kernel_statistics_mean(w->stats, w->heads);
    enum sofa_code rc;

    if (w->o->output)
        SOFA_TRY(write_output(w, err));
    rc = w->o->json ? print_json(w, &mean, err) : print_text(w, &mean, err);
out:
    return rc;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct attention_options o = {.layer = -1};
    struct work w = {.o = &o, .arena = SOFA_ARENA_INIT, .scratch = SOFA_ARENA_INIT};
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_attention, argc, argv, &o, &operands, &done, err));
    if (done)
        goto out;
    w.path = argv[1];
    if (o.rope_theta != 0 && !(o.rope_theta >= 1 && o.rope_theta <= 1e12)) {
        rc = sofa_fail(err, SOFA_E_USAGE, "--rope-theta: %g is not a base from 1 to 1e12", o.rope_theta);
        goto out;
    }
    o.kernel.dense = o.kernel.dense || o.describe; /* no settings, and neither X nor Wk, are needed */
    SOFA_TRY(sofa_attention_kernel_find(o.kernel.isa, &w.kernel, err));
    SOFA_TRY(sofa_kernel_options_settle(&o.kernel, 1, o.causal, &w.params, err));
    w.predicts = !o.kernel.dense && !w.params.fixed;
    SOFA_TRY(read_inputs(&w, err));
    SOFA_TRY(sofa_kernel_options_patterns(&o.kernel, 1, w.s, &w.arena, &w.params, &w.pattern, err));
    if (o.describe) {
        rc = describe(&w, err);
        goto out;
    }
    SOFA_TRY(prepare_outputs(&w, err));
    SOFA_TRY(run_heads(&w, err));
    SOFA_TRY(report(&w, err));
out:
    sofa_tensor_set_free(w.set);
    sofa_arena_release(&w.scratch);
    sofa_arena_release(&w.arena);
    return rc;
}

const struct sofa_command sofa_cmd_attention = {
    "attention",
    "attention IN.safetensors|FOLDER_OF_NPY [--layer N] --tiles N --topk R [--radius X|inf] [--pattern SPEC] [--causal] [--rope-theta T] [--dense] [--describe] [-o OUT] [--json]",
    "runs the sparse-attention kernel on tensors X [S,H], Wk [H,d], Q, K, V [S,d], or with a leading heads dimension",
    options, sizeof options / sizeof *options, 1, 1, run,
};
