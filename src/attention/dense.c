/* Dense attention: what the sparse result is held against. */
#include <math.h>

#include "attention/kernel.h"

/* x [s][d] in rows of dp, the padding 0. */
static const float *padded_rows(const float *x, size_t s, size_t d, size_t dp, struct sofa_arena *arena)
{
    float *y = sofa_arena_zalloc(arena, s * dp, sizeof *y);

    for (size_t i = 0; y && i < s; i++)
        for (size_t c = 0; c < d; c++)
            y[i * dp + c] = x[i * d + c];
    return y;
}

enum sofa_code sofa_attention_dense(const struct sofa_attention_kernel *kernel, size_t s, size_t d, bool causal,
                                    const float *q, const float *k, const float *v, float *out,
                                    struct sofa_arena *arena, struct sofa_err *err)
{
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    size_t dp = sofa_padded(d, SOFA_LANES), stride = sofa_padded(s, SOFA_PANEL);
    float *kt = sofa_arena_zalloc(arena, d * stride, sizeof *kt);
    float *score = sofa_arena_alloc(arena, stride, sizeof *score);
    float *sum_v = sofa_arena_alloc(arena, dp, sizeof *sum_v);
    struct sofa_formal formal = {.dp = dp,
                                 .q = padded_rows(q, s, d, dp, arena),
                                 .k = k,
                                 .v = padded_rows(v, s, d, dp, arena),
                                 .logit_scale = (float)(1 / sqrt((double)d)),
                                 .value_scale = 1};

    if (!kt || !score || !sum_v || !formal.q || !formal.v) {
        sofa_arena_rewind(arena, mark);
        return sofa_fail_nomem(err, "dense attention");
    }
    for (size_t i = 0; i < s; i++)
        for (size_t c = 0; c < d; c++)
            kt[c * stride + i] = k[i * d + c];
    kernel->dense(&formal, s, d, causal, 0, s, kt, stride, score, sum_v, out);
    sofa_arena_rewind(arena, mark);
    return SOFA_OK;
}
