/*
 * The settings of the functional kernel as options, shared by `attention` and `lm`, and its
 * statistics as output.
 */
#ifndef SOFA_CLI_KERNEL_OPTIONS_H
#define SOFA_CLI_KERNEL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "attention/attention.h"
#include "base/err.h"
#include "cli/cli.h"

/* As given; a list has one value, or one for each layer.  NULL: not given. */
struct sofa_kernel_options {
    const char *tiles, *topk, *radius, *khat_bits, *q_bits, *formal_bits, *per_phase, *pattern;
    int reference; /* enum sofa_reference */
    const char *isa;
    bool dense;
};

#define SOFA_KERNEL_ROW(name, kind, type, member, argument, help)                                 \
    {name, 0, kind, offsetof(type, kernel.member), argument, help, 0, 0, NULL, NULL}
/* The rows of a command whose structure `type` has a struct sofa_kernel_options `kernel`. */
#define SOFA_KERNEL_OPTIONS(type)                                                                 \
    SOFA_KERNEL_ROW("tiles", SOFA_OPTION_STRING, type, tiles, "N", "tiles the keys are cut into"), \
    SOFA_KERNEL_ROW("topk", SOFA_OPTION_STRING, type, topk, "R",                                  \
                    "share of a tile's keys that is kept: 0.15 or '15 %', whole thousandths"),    \
    SOFA_KERNEL_ROW("radius", SOFA_OPTION_STRING, type, radius, "X",                              \
                    "logits below the largest at which a key is clipped (default: inf)"),         \
    {"reference", 0, SOFA_OPTION_CHOICE, offsetof(type, kernel.reference), "NAME",                \
     "what clipping measures from: segment (default) or running", 0, 0, NULL, sofa_reference_names}, \
    SOFA_KERNEL_ROW("khat-bits", SOFA_OPTION_STRING, type, khat_bits, "B", "bits of a predicted key, 4-16 (default 16)"), \
    SOFA_KERNEL_ROW("q-bits", SOFA_OPTION_STRING, type, q_bits, "B", "bits of a query in the prediction, 4-16 (default 16)"), \
    SOFA_KERNEL_ROW("formal-bits", SOFA_OPTION_STRING, type, formal_bits, "B", "bits of the formal stage, 8-16 (default 16)"), \
    SOFA_KERNEL_ROW("rass-per-phase", SOFA_OPTION_STRING, type, per_phase, "N",                   \
                    "keys a query takes in one scheduling phase (default 2)"),                    \
    SOFA_KERNEL_ROW("pattern", SOFA_OPTION_STRING, type, pattern, "SPEC",                         \
                    "keys a query sees: none, a static pattern as window:64, or the best of one as window:64/topk"), \
    SOFA_KERNEL_ROW("isa", SOFA_OPTION_STRING, type, isa, "NAME", "instruction set: portable, avx2, avx512 (default: the best)"), \
    SOFA_KERNEL_ROW("dense", SOFA_OPTION_FLAG, type, dense, NULL, "dense attention instead")

extern const char *const sofa_reference_names[];

/* Whether any setting of sparse attention was given. */
bool sofa_kernel_options_any(const struct sofa_kernel_options *options);
/* Fills layer [layers]; SOFA_E_USAGE names the option.  `causal` goes into every layer.  Patterns are only read:
 * sofa_kernel_options_patterns makes them. */
enum sofa_code sofa_kernel_options_settle(const struct sofa_kernel_options *options, size_t layers, bool causal,
                                          struct sofa_attention_params *layer, struct sofa_err *err);

/* The patterns of the layers for so many tokens, in `arena`; text [layers] gets how they are written, NULL for none.
 * SOFA_E_USAGE. */
enum sofa_code sofa_kernel_options_patterns(const struct sofa_kernel_options *options, size_t layers, size_t tokens,
                                            struct sofa_arena *arena, struct sofa_attention_params *layer, const char **text,
                                            struct sofa_err *err);

struct cJSON;
/* {"tiles": ..., "topk": ..., ...}, of a static pattern what it looks at alone; `pattern` NULL: none.  NULL when
 * memory ran out. */
struct cJSON *sofa_kernel_settings_json(const struct sofa_attention_params *params, const char *pattern);
/* {"selected": ..., "density": ..., ...} */
struct cJSON *sofa_kernel_statistics_json(const struct sofa_attention_stats *stats);
/* One line a statistic. */
void sofa_kernel_statistics_print(const struct sofa_attention_stats *stats);
/* The mean over heads, field by field. */
struct sofa_attention_stats sofa_kernel_statistics_mean(const struct sofa_attention_stats *stats, size_t n);

#endif
