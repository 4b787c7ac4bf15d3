#include "cli/kernel_options.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "space/patterns.h"

const char *const sofa_reference_names[] = {"segment", "running", NULL};

bool sofa_kernel_options_any(const struct sofa_kernel_options *o)
{
    return o->tiles || o->topk || o->radius || o->khat_bits || o->q_bits || o->formal_bits || o->per_phase || o->pattern ||
           o->reference != SOFA_REFERENCE_SEGMENT;
}

/* One setting: how its number becomes part of the parameters. */
struct setting {
    const char *option;
    double least, most; /* of a whole number; both 0: anything */
    enum sofa_code (*store)(const char *option, double x, struct sofa_attention_params *p, struct sofa_err *err);
};

static enum sofa_code store_tiles(const char *option SOFA_UNUSED, double x, struct sofa_attention_params *p,
                                  struct sofa_err *err SOFA_UNUSED)
{
    p->tiles = (int)x;
    return SOFA_OK;
}

static enum sofa_code store_topk(const char *option, double x, struct sofa_attention_params *p, struct sofa_err *err)
{
    return sofa_option_permille(option, x, &p->topk_permille, err);
}

static enum sofa_code store_radius(const char *option, double x, struct sofa_attention_params *p, struct sofa_err *err)
{
    if (!(x > 0))
        return sofa_fail(err, SOFA_E_USAGE, "--%s: %g is not above 0 (inf turns clipping off)", option, x);
    p->radius = x;
    return SOFA_OK;
}

static enum sofa_code store_khat_bits(const char *option SOFA_UNUSED, double x, struct sofa_attention_params *p,
                                      struct sofa_err *err SOFA_UNUSED)
{
    p->khat_bits = (int)x;
    return SOFA_OK;
}

static enum sofa_code store_q_bits(const char *option SOFA_UNUSED, double x, struct sofa_attention_params *p,
                                   struct sofa_err *err SOFA_UNUSED)
{
    p->q_bits = (int)x;
    return SOFA_OK;
}

static enum sofa_code store_formal_bits(const char *option SOFA_UNUSED, double x, struct sofa_attention_params *p,
                                        struct sofa_err *err SOFA_UNUSED)
{
    p->formal_bits = (int)x;
    return SOFA_OK;
}

static enum sofa_code store_per_phase(const char *option SOFA_UNUSED, double x, struct sofa_attention_params *p,
                                      struct sofa_err *err SOFA_UNUSED)
{
    p->keys_per_phase = (size_t)x;
    return SOFA_OK;
}

static const struct setting tiles = {"tiles", 1, 1 << 30, store_tiles};
static const struct setting topk = {"topk", 0, 0, store_topk};
static const struct setting radius = {"radius", 0, 0, store_radius};
static const struct setting khat_bits = {"khat-bits", 4, 16, store_khat_bits};
static const struct setting q_bits = {"q-bits", 4, 16, store_q_bits};
static const struct setting formal_bits = {"formal-bits", 8, 16, store_formal_bits};
static const struct setting per_phase = {"rass-per-phase", 1, 1 << 20, store_per_phase};

static enum sofa_code settle_value(const struct setting *s, double x, struct sofa_attention_params *p,
                                   struct sofa_err *err)
{
    if (s->most > 0 && !(x >= s->least && x <= s->most && x == floor(x)))
        return sofa_fail(err, SOFA_E_USAGE, "--%s: %g is not a whole number from %g to %g", s->option, x, s->least,
                         s->most);
    return s->store(s->option, x, p, err);
}

/* One value for all layers, or one for each. */
static enum sofa_code settle(const struct setting *s, const char *text, size_t layers,
                             struct sofa_attention_params *layer, struct sofa_err *err)
{
    double *values;
    enum sofa_code rc;
    size_t n;

    if (!text)
        return SOFA_OK;
    values = calloc(layers, sizeof *values);
    if (!values)
        return sofa_fail_nomem(err, s->option);
    SOFA_TRY(sofa_option_numbers(s->option, text, "1", values, layers, &n, err));
    if (n != 1 && n != layers) {
        rc = sofa_fail(err, SOFA_E_USAGE, "--%s has %zu values; expected 1, or %zu for the layers", s->option, n,
                       layers);
        goto out;
    }
    for (size_t l = 0; l < layers; l++)
        SOFA_TRY(settle_value(s, values[n == 1 ? 0 : l], &layer[l], err));
out:
    free(values);
    return rc;
}

/* The list's part that is layer `l`'s, and their number. */
static size_t cut_pattern(const char *list, size_t l, char part[SOFA_PATTERN_TEXT_MAX])
{
    size_t n = 1;

    for (const char *p = list; *p; p++)
        n += *p == ',';
    for (size_t i = 0; n > 1 && i < l && strchr(list, ','); i++)
        list = strchr(list, ',') + 1;
    snprintf(part, SOFA_PATTERN_TEXT_MAX, "%.*s", (int)strcspn(list, ","), list);
    return n;
}

static enum sofa_code read_pattern(const struct sofa_kernel_options *o, size_t layers, size_t l,
                                   struct sofa_pattern_choice *choice, struct sofa_err *err)
{
    char part[SOFA_PATTERN_TEXT_MAX];
    struct sofa_err why = SOFA_ERR_INIT;
    size_t n;

    if (!o->pattern)
        return sofa_pattern_choice_parse("none", choice, err);
    n = cut_pattern(o->pattern, l, part);
    if (n != 1 && n != layers)
        return sofa_fail(err, SOFA_E_USAGE, "--pattern has %zu values; expected 1, or %zu for the layers", n, layers);
    if (sofa_pattern_choice_parse(part, choice, &why) != SOFA_OK)
        return sofa_fail(err, SOFA_E_USAGE, "--pattern: %s", why.text);
    return SOFA_OK;
}

/* Settings that have no effect on a layer with a static pattern stay at their defaults. */
static enum sofa_code settle_patterns(const struct sofa_kernel_options *o, size_t layers, struct sofa_attention_params *layer,
                                      struct sofa_err *err)
{
    const struct sofa_attention_params defaults = SOFA_ATTENTION_DEFAULTS;
    struct sofa_pattern_choice choice;
    enum sofa_code rc = SOFA_OK;
    size_t fixed = 0;

    for (size_t l = 0; l < layers; l++) {
        SOFA_TRY(read_pattern(o, layers, l, &choice, err));
        layer[l].fixed = choice.fixed;
        fixed += choice.fixed;
        if (!choice.fixed)
            continue;
        layer[l].tiles = defaults.tiles;
        layer[l].topk_permille = defaults.topk_permille;
        layer[l].radius = defaults.radius;
        layer[l].reference = defaults.reference;
        layer[l].khat_bits = defaults.khat_bits;
        layer[l].q_bits = defaults.q_bits;
    }
    if (fixed == layers && (o->tiles || o->topk || o->radius || o->khat_bits || o->q_bits || o->reference != SOFA_REFERENCE_SEGMENT))
        rc = sofa_fail(err, SOFA_E_USAGE, "--pattern: a static pattern predicts nothing; --tiles, --topk, --radius, --reference, "
                       "--khat-bits and --q-bits have no effect");
    else if (fixed < layers && (!o->tiles || !o->topk))
        rc = sofa_fail(err, SOFA_E_USAGE, o->pattern ? "--%s is missing: not every layer has a static pattern"
                       : "--%s is missing (or --dense)", o->tiles ? "topk" : "tiles");
out:
    return rc;
}

enum sofa_code sofa_kernel_options_patterns(const struct sofa_kernel_options *o, size_t layers, size_t tokens,
                                            struct sofa_arena *arena, struct sofa_attention_params *layer, const char **text,
                                            struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    for (size_t l = 0; l < layers; l++) {
        struct sofa_pattern *pattern = sofa_arena_alloc(arena, 1, sizeof *pattern);
        struct sofa_err why = SOFA_ERR_INIT;
        struct sofa_pattern_choice choice;

        text[l] = NULL;
        SOFA_TRY(read_pattern(o, layers, l, &choice, err));
        if (!choice.spec[0])
            continue;
        text[l] = sofa_arena_strdup(arena, choice.text);
        if (!pattern || !text[l])
            return sofa_fail_nomem(err, "a pattern");
        if (sofa_pattern_generate(choice.spec, tokens, tokens, layer[l].causal, arena, pattern, &why) != SOFA_OK)
            return sofa_fail(err, SOFA_E_USAGE, "--pattern: %s", why.text);
        layer[l].pattern = pattern;
    }
out:
    return rc;
}

enum sofa_code sofa_kernel_options_settle(const struct sofa_kernel_options *o, size_t layers, bool causal,
                                          struct sofa_attention_params *layer, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    if (o->dense && sofa_kernel_options_any(o))
        return sofa_fail(err, SOFA_E_USAGE, "--dense takes no settings of sparse attention");
    for (size_t l = 0; l < layers; l++) {
        layer[l] = (struct sofa_attention_params)SOFA_ATTENTION_DEFAULTS;
        layer[l].causal = causal;
        layer[l].reference = (enum sofa_reference)o->reference;
    }
    SOFA_TRY(settle(&tiles, o->tiles, layers, layer, err));
    SOFA_TRY(settle(&topk, o->topk, layers, layer, err));
    SOFA_TRY(settle(&radius, o->radius, layers, layer, err));
    SOFA_TRY(settle(&khat_bits, o->khat_bits, layers, layer, err));
    SOFA_TRY(settle(&q_bits, o->q_bits, layers, layer, err));
    SOFA_TRY(settle(&formal_bits, o->formal_bits, layers, layer, err));
    SOFA_TRY(settle(&per_phase, o->per_phase, layers, layer, err));
    if (!o->dense)
        SOFA_TRY(settle_patterns(o, layers, layer, err));
out:
    return rc;
}

static void add_selection(cJSON *o, const struct sofa_attention_params *p)
{
    cJSON_AddNumberToObject(o, "tiles", p->tiles);
    cJSON_AddNumberToObject(o, "topk", p->topk_permille / 1000.0);
    if (isinf(p->radius))
        cJSON_AddStringToObject(o, "radius", "inf");
    else
        cJSON_AddNumberToObject(o, "radius", p->radius);
    cJSON_AddStringToObject(o, "reference", sofa_reference_names[p->reference]);
    cJSON_AddNumberToObject(o, "khat_bits", p->khat_bits);
    cJSON_AddNumberToObject(o, "q_bits", p->q_bits);
}

struct cJSON *sofa_kernel_settings_json(const struct sofa_attention_params *p, const char *pattern)
{
    cJSON *o = cJSON_CreateObject();

    if (!p->fixed)
        add_selection(o, p);
    if (pattern)
        cJSON_AddStringToObject(o, "pattern", pattern);
    cJSON_AddNumberToObject(o, "formal_bits", p->formal_bits);
    cJSON_AddBoolToObject(o, "causal", p->causal);
    return o;
}

static const struct {
    const char *name;
    size_t offset;
} rows[] = {
#define ROW(name) {#name, offsetof(struct sofa_attention_stats, name)}
    ROW(selected),     ROW(visible),        ROW(clipped),        ROW(density),     ROW(mass),
    ROW(overlap),      ROW(overlap_sort),   ROW(union_block),    ROW(union_all),   ROW(max_mispredict),
    ROW(rel_error),    ROW(rass_last_rows), ROW(rass_per_phase), ROW(naive_loads), ROW(rass_loads),
    ROW(blocks),       ROW(block_union),    ROW(block_naive),    ROW(block_rass),  ROW(khat_scale),
    ROW(logit_scale),
#undef ROW
};
#define N_ROWS (sizeof rows / sizeof *rows)

static double *field(struct sofa_attention_stats *stats, size_t i)
{
    return (double *)(void *)((char *)stats + rows[i].offset);
}

struct cJSON *sofa_kernel_statistics_json(const struct sofa_attention_stats *stats)
{
    struct sofa_attention_stats copy = *stats;
    cJSON *o = cJSON_CreateObject();

    for (size_t i = 0; i < N_ROWS; i++)
        cJSON_AddNumberToObject(o, rows[i].name, *field(&copy, i));
    return o;
}

void sofa_kernel_statistics_print(const struct sofa_attention_stats *stats)
{
    struct sofa_attention_stats copy = *stats;

    for (size_t i = 0; i < N_ROWS; i++)
        printf("%-16s %.6g\n", rows[i].name, *field(&copy, i));
}

struct sofa_attention_stats sofa_kernel_statistics_mean(const struct sofa_attention_stats *stats, size_t n)
{
    struct sofa_attention_stats mean = {0};

    for (size_t h = 0; h < n; h++) {
        struct sofa_attention_stats one = stats[h];

        for (size_t i = 0; i < N_ROWS; i++)
            *field(&mean, i) += *field(&one, i);
    }
    for (size_t i = 0; i < N_ROWS; i++)
        *field(&mean, i) /= (double)n;
    return mean;
}
