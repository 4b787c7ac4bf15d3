/*
 * Rotary position embedding (Su et al., RoFormer, 2021) and its scaled variants, as tables.
 * The variants are those of Hugging Face's modeling_rope_utils.py.
 */
#ifndef SOFA_TRANSFORMER_ROPE_H
#define SOFA_TRANSFORMER_ROPE_H

#include <stdbool.h>
#include <stddef.h>

#include "attention/attention.h"
#include "base/arena.h"
#include "base/err.h"

enum sofa_rope_type { SOFA_ROPE_NONE, SOFA_ROPE_DEFAULT, SOFA_ROPE_LINEAR, SOFA_ROPE_DYNAMIC, SOFA_ROPE_LLAMA3,
                      SOFA_ROPE_YARN };

struct sofa_rope_config {
    int type;     /* enum sofa_rope_type */
    double theta; /* base of the geometric series of wavelengths */
    double factor;
    double low_freq_factor, high_freq_factor; /* llama3 */
    double beta_fast, beta_slow;              /* yarn */
    double attention_factor;                  /* yarn: scales cos and sin; 0: from the factor */
    double original_context;                  /* tokens the model was first trained on */
};

/* What the tables are multiplied by where Q and K are rotated (1 but for yarn). */
double sofa_rope_attention_factor(const struct sofa_rope_config *config);

/* Tables [s][d/2] of positions 0..s-1 in `arena`, unscaled; cos NULL where the type is none.
 * SOFA_E_NOMEM. */
enum sofa_code sofa_rope_tables(const struct sofa_rope_config *config, size_t s, size_t d,
                                struct sofa_arena *arena, struct sofa_rope *rope, struct sofa_err *err);

/* Rotates x [s][d] (row stride `stride`) into out [s][d], in double, times `factor`; a rope without
 * tables copies. */
void sofa_rope_apply(const struct sofa_rope *rope, double factor, const float *x, size_t stride, size_t s, size_t d,
                     float *out);

#endif
