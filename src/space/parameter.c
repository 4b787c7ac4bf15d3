#include "space/parameter.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/unit.h"

#define LAYER(member) .per_layer = true, .offset = offsetof(struct sofa_layer_settings, member)
#define DESIGN(member) .per_layer = false, .offset = offsetof(struct sofa_design, member)
#define BITS(low, high) .kind = SOFA_PARAMETER_INTEGER, .unit = "1", .least = low, .most = high, .accurate = 1
#define LANES .kind = SOFA_PARAMETER_INTEGER, .unit = "1", .least = 1, .most = 65536, .encoding = SOFA_ENCODING_LOG
#define BYTES .kind = SOFA_PARAMETER_NUMBER, .unit = "B", .least = 1, .most = 0x1p40, .encoding = SOFA_ENCODING_LOG
#define SWITCH(list) .kind = SOFA_PARAMETER_CHOICE, .unit = "", .names = list

static const struct sofa_parameter table[] = {
    {.key = "tiles", LAYER(tiles), .kind = SOFA_PARAMETER_INTEGER, .unit = "1", .least = 1, .most = 65536,
     .accurate = -1, .help = "tiles a row of keys is cut into (Tc)"},
    {.key = "topk", LAYER(topk_permille), .kind = SOFA_PARAMETER_PERMILLE, .unit = "%", .least = 0.001, .most = 1,
     .encoding = SOFA_ENCODING_LOG, .accurate = 1, .help = "share of the keys kept in each tile"},
    {.key = "radius", LAYER(radius), .kind = SOFA_PARAMETER_NUMBER, .unit = "1", .least = 1e-6, .most = INFINITY,
     .accurate = 1, .help = "clipping: how far, in logits, below the benchmark a key may lie; inf = off"},
    {.key = "reference", LAYER(reference), .kind = SOFA_PARAMETER_CHOICE, .unit = "", .names = sofa_clip_reference_names,
     .accurate = -1, .help = "clipping: benchmark of this tile, or running over the tiles so far"},
    {.key = "khat_bits", LAYER(khat_bits), BITS(4, 16), .help = "width of the predicted keys"},
    {.key = "q_bits", LAYER(q_bits), BITS(4, 16), .help = "width of the queries in the prediction"},
    {.key = "formal_bits", LAYER(formal_bits), BITS(8, 16), .help = "width of Q, K and V in the formal stage"},
    {.key = "pattern", LAYER(pattern), .kind = SOFA_PARAMETER_CHOICE, .unit = "", .names = sofa_pattern_none_names,
     .accurate = -1, .help = "keys a query sees: all, those of a static pattern without prediction, or the best of these"},
    {.key = "query_lanes", DESIGN(query_lanes), LANES, .help = "queries worked on in parallel (P)"},
    {.key = "dlzs_columns", DESIGN(dlzs_columns), LANES, .help = "shift PEs a lane in the prediction (C_s)"},
    {.key = "kv_columns", DESIGN(kv_columns), LANES, .help = "MAC units a lane in the K/V generation (C_g)"},
    {.key = "sufa_columns", DESIGN(sufa_columns), LANES, .help = "MAC units a lane in SU-FA, half for QK^T and half for PV (C_f)"},
    {.key = "keys_per_phase", DESIGN(keys_per_phase), LANES, .help = "keys a query takes in one scheduling phase"},
    {.key = "clock", DESIGN(clock_hz), .kind = SOFA_PARAMETER_NUMBER, .unit = "Hz", .least = 1e6, .most = 1e11,
     .encoding = SOFA_ENCODING_LOG, .help = "clock frequency"},
    {.key = "dram_bandwidth", DESIGN(dram_bytes_per_s), .kind = SOFA_PARAMETER_NUMBER, .unit = "B/s", .least = 1e6,
     .most = 1e15, .encoding = SOFA_ENCODING_LOG, .help = "bandwidth of the DRAM"},
    {.key = "token_sram", DESIGN(token_sram_bytes), BYTES, .help = "capacity of the token buffer"},
    {.key = "weight_sram", DESIGN(weight_sram_bytes), BYTES, .help = "capacity of the weight buffer"},
    {.key = "temp_sram", DESIGN(temp_sram_bytes), BYTES, .help = "capacity of the temporary buffer"},
    {.key = "prediction", DESIGN(prediction), SWITCH(sofa_prediction_names), .help = "score prediction: shift-add, or 4-bit multiplication"},
    {.key = "sort", DESIGN(sort), SWITCH(sofa_sort_names), .help = "selection: tiled and clipped, or a sort of whole rows"},
    {.key = "softmax", DESIGN(softmax), SWITCH(sofa_softmax_names), .help = "order in which SU-FA takes the scores, or FlashAttention-2"},
    {.key = "schedule", DESIGN(schedule), SWITCH(sofa_schedule_names), .help = "order in which key/value pairs are loaded"},
    {.key = "pipeline", DESIGN(pipeline), SWITCH(sofa_pipeline_names), .help = "stages overlap over tiles, or run one after the other"},
    {.key = "khat_store", DESIGN(khat_store), SWITCH(sofa_khat_store_names), .help = "predicted keys: kept in DRAM, or computed for each block"},
    {.key = "kv_generation", DESIGN(kv_generation), SWITCH(sofa_kv_generation_names), .help = "keys and values generated: those selected, or all"},
};
#define N_PARAMETERS (sizeof table / sizeof *table)

const struct sofa_parameter *sofa_parameters(size_t *n)
{
    *n = N_PARAMETERS;
    return table;
}

const struct sofa_parameter *sofa_parameter_find(const char *key)
{
    for (size_t i = 0; i < N_PARAMETERS; i++)
        if (strcmp(table[i].key, key) == 0)
            return &table[i];
    return NULL;
}

static enum sofa_code parse_choice(const struct sofa_parameter *p, const char *text, double *value,
                                   struct sofa_err *err)
{
    size_t n = 0;

    for (; p->names[n]; n++) {
        if (strcmp(p->names[n], text) == 0) {
            *value = (double)n;
            return SOFA_OK;
        }
    }
    sofa_fail(err, SOFA_E_INPUT, "%s: '%s' is not known", p->key, text);
    sofa_err_append_choices(err, text, p->names, n);
    return SOFA_E_INPUT;
}

static enum sofa_code parse_pattern(const struct sofa_parameter *p, const char *text, double *value, struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    int number;

    if (sofa_patterns_add(p->patterns, text, &number, &why) != SOFA_OK)
        return sofa_fail(err, SOFA_E_INPUT, "%s: %s", p->key, why.text);
    *value = number;
    return SOFA_OK;
}

static enum sofa_code fail_bounds(const struct sofa_parameter *p, const char *text, struct sofa_err *err)
{
    char least[SOFA_PARAMETER_TEXT_MAX], most[SOFA_PARAMETER_TEXT_MAX];

    sofa_parameter_text(p, p->least, least);
    sofa_parameter_text(p, p->most, most);
    return sofa_fail(err, SOFA_E_INPUT, "%s: '%s' is out of range; expected %s to %s", p->key, text, least, most);
}

enum sofa_code sofa_parameter_parse(const struct sofa_parameter *p, const char *text, double *value,
                                    struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    double thousandths;

    if (p->patterns)
        return parse_pattern(p, text, value, err);
    if (p->kind == SOFA_PARAMETER_CHOICE)
        return parse_choice(p, text, value, err);
    if (sofa_quantity_parse(text, strcmp(p->unit, "%") == 0 ? "1" : p->unit, value, &why) != SOFA_OK)
        return sofa_fail(err, SOFA_E_INPUT, "%s: %s", p->key, why.text);
    if (!(*value >= p->least && *value <= p->most))
        return fail_bounds(p, text, err);
    if (p->kind == SOFA_PARAMETER_INTEGER && *value != floor(*value))
        return sofa_fail(err, SOFA_E_INPUT, "%s: '%s' is not a whole number", p->key, text);
    if (p->kind == SOFA_PARAMETER_PERMILLE) {
        thousandths = nearbyint(*value * 1000.0);
        if (fabs(*value * 1000.0 - thousandths) > 1e-6)
            return sofa_fail(err, SOFA_E_INPUT, "%s: '%s' is not a whole number of thousandths", p->key, text);
        *value = thousandths / 1000.0;
    }
    return SOFA_OK;
}

static void *place(const struct sofa_parameter *p, int layer, struct sofa_design *design)
{
    return (char *)(p->per_layer ? (void *)&design->layer[layer] : (void *)design) + p->offset;
}

static void put(const struct sofa_parameter *p, double value, void *to)
{
    if (p->kind == SOFA_PARAMETER_NUMBER)
        *(double *)to = value;
    else if (p->kind == SOFA_PARAMETER_PERMILLE)
        *(int *)to = (int)lround(value * 1000.0);
    else
        *(int *)to = (int)value;
}

void sofa_parameter_apply(const struct sofa_parameter *p, double value, int layer, struct sofa_design *design)
{
    if (!p->per_layer || layer >= 0) {
        put(p, value, place(p, layer, design));
        return;
    }
    for (int l = 0; l < design->layers; l++)
        put(p, value, place(p, l, design));
}

double sofa_parameter_value(const struct sofa_parameter *p, int layer, const struct sofa_design *design)
{
    const void *at = place(p, layer < 0 ? 0 : layer, (struct sofa_design *)design);

    if (p->kind == SOFA_PARAMETER_NUMBER)
        return *(const double *)at;
    return *(const int *)at / (p->kind == SOFA_PARAMETER_PERMILLE ? 1000.0 : 1.0);
}

void sofa_parameter_text(const struct sofa_parameter *p, double value, char buf[SOFA_PARAMETER_TEXT_MAX])
{
    if (p->kind == SOFA_PARAMETER_CHOICE)
        sofa_text_clean(p->names[(int)value], buf, SOFA_PARAMETER_TEXT_MAX);
    else if (strcmp(p->unit, "1") == 0)
        snprintf(buf, SOFA_PARAMETER_TEXT_MAX, "%.10g", value);
    else
        sofa_quantity_text(value, p->unit, buf);
}

struct cJSON *sofa_parameter_json(const struct sofa_parameter *p, double value)
{
    if (p->kind == SOFA_PARAMETER_CHOICE)
        return cJSON_CreateString(p->names[(int)value]);
    return isinf(value) ? cJSON_CreateString(value > 0 ? "inf" : "-inf") : cJSON_CreateNumber(value);
}
